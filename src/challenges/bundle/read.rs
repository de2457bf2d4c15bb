//! Taking a bundle that was unpacked.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::manifest::{self, Manifest, PhaseEntry};
use super::{Bundle, BundleError, PhaseFiles, challenge_file};
use crate::platform::storage::hexadecimal;
use crate::scoring::intake::Entries;

/// The largest text that a bundle has: a page of the console holds as much.
const MAX_TEXT_BYTES: u64 = 1 << 20;

/// A zip that holds something else.
#[derive(Debug, thiserror::Error)]
#[error(
    "this zip is no challenge: it has neither `bundle.json`, as an exported challenge has, nor `competition.yaml`, as a \
     Codabench bundle has; what it has is {there}"
)]
pub struct NotABundle {
    there: String,
}

impl NotABundle {
    /// What is said of such a zip.
    pub fn new(entries: &Entries) -> Self {
        const SHOWN: usize = 5;
        let mut names: Vec<String> = entries
            .files()
            .iter()
            .take(SHOWN)
            .map(|entry| format!("`{}`", entry.path))
            .collect();
        if entries.files().len() > SHOWN {
            names.push("…".to_owned());
        }
        Self {
            there: names.join(", "),
        }
    }
}

/// Whether an unpacked zip is a bundle of this platform.
pub fn is_bundle(entries: &Entries) -> bool {
    entries.has(manifest::NAME)
}

/// Reads a bundle from the folder that it was unpacked into. Every file is compared with its hash.
///
/// # Errors
/// A file that is missing, was changed, or is not as it must be, by its path.
pub fn read(folder: &Path, entries: &Entries) -> Result<Bundle, BundleError> {
    let found = |path: &str, named_by: &str| {
        if entries.has(path) {
            Ok(folder.join(path))
        } else {
            Err(BundleError::Missing {
                file: path.to_owned(),
                named_by: named_by.to_owned(),
            })
        }
    };
    let manifest = read_manifest(&found(manifest::NAME, "every bundle")?)?;
    for (path, expected) in &manifest.sha256 {
        let actual = sha256(&found(path, manifest::NAME)?)?;
        if actual != expected.to_ascii_lowercase() {
            return Err(BundleError::Changed {
                file: path.clone(),
                expected: expected.clone(),
                found: actual,
            });
        }
    }
    let problem = |problem: String| BundleError::File {
        file: challenge_file::NAME.to_owned(),
        problem,
    };
    let toml = read_text(
        &found(challenge_file::NAME, "every bundle")?,
        challenge_file::NAME,
    )?;
    let draft = challenge_file::parse(&toml, |name| {
        let file = found(name, challenge_file::NAME).map_err(|error| error.to_string())?;
        read_text(&file, name).map_err(|error| error.to_string())
    })
    .map_err(|error| problem(error.to_string()))?;
    draft.check().map_err(|error| problem(error.to_string()))?;
    if manifest.phases.len() != draft.phases.len() {
        return Err(BundleError::File {
            file: manifest::NAME.to_owned(),
            problem: format!(
                "phases: it lists the files of {} phases, and challenge.toml has {}; write one entry for each phase",
                manifest.phases.len(),
                draft.phases.len()
            ),
        });
    }
    let file = |path: Option<String>| -> Result<Option<PathBuf>, BundleError> {
        path.map(|path| found(&path, manifest::NAME)).transpose()
    };
    let files = manifest
        .phases
        .into_iter()
        .map(|phase| {
            let PhaseEntry {
                solution,
                features,
                program,
            } = phase;
            Ok(PhaseFiles {
                solution: file(solution)?,
                features: file(features)?,
                program: file(program)?,
            })
        })
        .collect::<Result<Vec<_>, BundleError>>()?;
    Ok(Bundle {
        draft,
        dataset: manifest.dataset,
        files,
    })
}

fn read_manifest(path: &Path) -> Result<Manifest, BundleError> {
    #[derive(serde::Deserialize)]
    struct Format {
        format: u64,
    }
    let problem = |error: serde_json::Error| BundleError::File {
        file: manifest::NAME.to_owned(),
        problem: error.to_string(),
    };
    let text = read_capped(path, manifest::NAME, manifest::MAX_BYTES)?;
    let Format { format } = serde_json::from_str(&text).map_err(problem)?;
    if format != manifest::VERSION {
        return Err(BundleError::Version(format));
    }
    serde_json::from_str(&text).map_err(problem)
}

fn read_text(path: &Path, name: &str) -> Result<String, BundleError> {
    read_capped(path, name, MAX_TEXT_BYTES)
}

fn read_capped(path: &Path, name: &str, most: u64) -> Result<String, BundleError> {
    let refused = |problem: String| BundleError::File {
        file: name.to_owned(),
        problem,
    };
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(refused(format!(
            "it is longer than {most} bytes; make it shorter"
        )));
    }
    String::from_utf8(bytes).map_err(|_| refused("it is not UTF-8; save it as UTF-8".to_owned()))
}

fn sha256(path: &Path) -> Result<String, io::Error> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hexadecimal(&hash.finalize()));
        }
        hash.update(&buffer[..count]);
    }
}

//! Scoring programs: Codabench's contract is ours, but for what the data are called and how an old program
//! is started.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{CodabenchError, Found, NotCarried};
use crate::scoring::intake::{self, ArchiveLimits};
use crate::scoring::runtimes;

/// Where a program says how it is started.
const METADATA: [&str; 3] = ["metadata", "metadata.yaml", "metadata.yml"];

/// The largest source or metadata that is looked into.
const MOST_BYTES: u64 = 1 << 20;

/// What a program writes or reads beside its data.
const NO_PREDICTIONS: [&str; 4] = ["scores.txt", "scores.json", "metadata", "requirements.txt"];

/// What was made of a scoring program.
pub(super) struct Program {
    /// The zip; none where it cannot be run here.
    pub(super) zip: Option<PathBuf>,
    /// What of it was not carried over.
    pub(super) not_carried: Vec<NotCarried>,
}

/// Packs a scoring program as one of ours. `folder` is empty or not there yet; `reference` is what it calls
/// the reference data.
pub(super) fn carry(
    found: &Found,
    field: &str,
    folder: &Path,
    reference: Option<&str>,
) -> Result<Program, CodabenchError> {
    let unpacked = folder.join("program");
    match found {
        Found::Folder(source) => copy(source, &unpacked)?,
        Found::File(zip) => {
            intake::unpack(zip, &unpacked, &ArchiveLimits::default()).map_err(|error| {
                CodabenchError::Archive {
                    file: field.to_owned(),
                    error,
                }
            })?;
        }
    }
    let mut not_carried = Vec::new();
    let names = names(&unpacked)?;
    let known = read_metadata(&unpacked)?;
    let reference = reference.filter(|name| is_plain(name));
    let predictions = predictions_name(&unpacked, &names, reference)?;
    let mut metadata = String::new();
    if let Some(command) = known.and_then(|known| known.get("command")?.as_str().map(words)) {
        metadata.push_str(&format!("command: {command}\n"));
    }
    if let Some(reference) = reference {
        metadata.push_str(&format!("reference_file: {reference}\n"));
    }
    match &predictions {
        Ok(name) => metadata.push_str(&format!("predictions_file: {name}\n")),
        Err(why) => not_carried.push(NotCarried::new(
            format!("the name under which {field} looks for a submission"),
            why.clone(),
            "it finds the predictions as /app/input/res/predictions.csv; where it opens another file, add \
             `predictions_file: NAME` to its `metadata` and send the program again",
        )),
    }
    for name in METADATA {
        if unpacked.join(name).is_file() {
            std::fs::remove_file(unpacked.join(name))?;
        }
    }
    std::fs::write(unpacked.join("metadata"), metadata)?;
    let zip = folder.join("program.zip");
    pack(&unpacked, &zip)?;
    let problem = match runtimes::check_program(&unpacked) {
        Err(error) => Some(error.to_string()),
        Ok(()) => intake::check_archive(&zip, &ArchiveLimits::default())
            .err()
            .map(|error| error.to_string()),
    };
    if let Some(problem) = problem {
        not_carried.push(NotCarried::new(
            format!("the scoring program of {field}"),
            problem,
            "mend it and send it with the draft",
        ));
    }
    let is_carried = not_carried
        .iter()
        .all(|note| !note.what.starts_with("the scoring program"));
    Ok(Program {
        zip: is_carried.then_some(zip),
        not_carried,
    })
}

/// A command with its old placeholders filled in, and Codabench's own folders.
fn words(command: &str) -> String {
    let filled = [
        ("$program", "/app/program"),
        ("$predictions", "/app/input/res"),
        ("$input", "/app/input"),
        ("$output", "/app/output"),
    ]
    .into_iter()
    .fold(command.to_owned(), |line, (old, new)| {
        line.replace(old, new)
    });
    filled.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read_metadata(program: &Path) -> Result<Option<Value>, CodabenchError> {
    for name in METADATA {
        let path = program.join(name);
        if path.is_file() {
            let text = read_capped(&path)?;
            let options = serde_saphyr::options! { with_snippet: false };
            return serde_saphyr::from_str_with_options(&text, options)
                .map(Some)
                .map_err(|error| CodabenchError::Field {
                    field: format!("the scoring program's {name}"),
                    problem: error.to_string(),
                });
        }
    }
    Ok(None)
}

fn read_capped(path: &Path) -> Result<String, io::Error> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(is_plain)
}

/// The one file that a program's source names beside its reference, or why none is known.
fn predictions_name(
    program: &Path,
    names: &[String],
    reference: Option<&str>,
) -> Result<Result<String, String>, io::Error> {
    let mut candidates = std::collections::BTreeSet::new();
    for name in names.iter().filter(|name| name.ends_with(".py")) {
        let source = read_capped(&program.join(name))?;
        for text in source.split(['"', '\'']) {
            let file = text.rsplit('/').next().unwrap_or_default();
            let is_table = [".csv", ".txt", ".tsv", ".predict", ".pred"]
                .iter()
                .any(|ending| file.len() > ending.len() && file.ends_with(ending));
            if is_table
                && is_plain(file)
                && Some(file) != reference
                && !NO_PREDICTIONS.contains(&file)
            {
                candidates.insert(file.to_owned());
            }
        }
    }
    let mut candidates = candidates.into_iter();
    Ok(match (candidates.next(), candidates.next()) {
        (Some(name), None) => Ok(name),
        (None, _) => Err("its source names no such file".to_owned()),
        (Some(one), Some(other)) => Err(format!(
            "its source names several, as `{one}` and `{other}`"
        )),
    })
}

/// The paths of all files below a folder, in their order.
fn names(folder: &Path) -> Result<Vec<String>, io::Error> {
    fn walk(folder: &Path, before: &str, names: &mut Vec<String>) -> Result<(), io::Error> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{before}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                walk(&entry.path(), &format!("{name}/"), names)?;
            } else {
                names.push(name);
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    walk(folder, "", &mut found)?;
    found.sort();
    Ok(found)
}

fn copy(from: &Path, to: &Path) -> Result<(), io::Error> {
    for name in names(from)? {
        let target = to.join(&name);
        std::fs::create_dir_all(target.parent().unwrap_or(to))?;
        std::fs::copy(from.join(&name), target)?;
    }
    Ok(())
}

/// Packs a folder: the same bytes for the same files.
fn pack(folder: &Path, zip: &Path) -> Result<(), io::Error> {
    let mut writer = ZipWriter::new(File::create(zip)?);
    for name in names(folder)? {
        let options = SimpleFileOptions::default().unix_permissions(0o644);
        writer.start_file(&name, options).map_err(io::Error::from)?;
        io::copy(&mut File::open(folder.join(&name))?, &mut writer)?;
    }
    writer.finish().map_err(io::Error::from)?.flush()
}

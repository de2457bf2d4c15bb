//! Making a bundle.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::manifest::{self, Manifest, PhaseEntry};
use super::{Bundle, BundleError, PhaseFiles, challenge_file, limits};
use crate::platform::storage::hexadecimal;

/// Writes a bundle as a zip: the same bytes for the same challenge, whenever it is written. Files are
/// streamed, never held whole.
///
/// # Errors
/// Files that are too large together; files that cannot be read or written.
pub fn write(bundle: &Bundle, into: impl Write + Seek) -> Result<(), BundleError> {
    let mut zip = ZipWriter::new(into);
    let mut manifest = Manifest {
        format: manifest::VERSION,
        made_by: concat!("Paddock ", env!("CARGO_PKG_VERSION")).to_owned(),
        dataset: bundle.dataset.clone(),
        phases: Vec::with_capacity(bundle.files.len()),
        sha256: std::collections::BTreeMap::new(),
    };
    let texts = challenge_file::files(&bundle.draft).map_err(|error| BundleError::File {
        file: challenge_file::NAME.to_owned(),
        problem: error.to_string(),
    })?;
    check_size(bundle)?;
    for (path, text) in texts {
        let sha256 = add(&mut zip, &path, text.as_bytes())?;
        manifest.sha256.insert(path, sha256);
    }
    for (number, files) in (1..).zip(&bundle.files) {
        let mut put = |file: &Option<_>, name: String| -> Result<Option<String>, BundleError> {
            let Some(file) = file else { return Ok(None) };
            let path = format!("phases/{number}/{name}");
            let sha256 = add(&mut zip, &path, File::open::<&std::path::PathBuf>(file)?)?;
            manifest.sha256.insert(path.clone(), sha256);
            Ok(Some(path))
        };
        let features = match &files.features {
            Some(file) if is_parquet(file)? => "features.parquet",
            _ => "features.csv",
        };
        let entry = PhaseEntry {
            solution: put(&files.solution, "solution.csv".to_owned())?,
            features: put(&files.features, features.to_owned())?,
            program: put(&files.program, "program.zip".to_owned())?,
        };
        manifest.phases.push(entry);
    }
    let written = serde_json::to_vec_pretty(&manifest).map_err(io::Error::from)?;
    add(&mut zip, manifest::NAME, written.as_slice())?;
    zip.finish()?;
    Ok(())
}

/// What could not be read again is not written.
fn check_size(bundle: &Bundle) -> Result<(), BundleError> {
    let limit = limits().total_bytes;
    let mut bytes = 0_u64;
    for PhaseFiles {
        solution,
        features,
        program,
    } in &bundle.files
    {
        for file in [solution, features, program].into_iter().flatten() {
            bytes = bytes.saturating_add(file.metadata()?.len());
        }
    }
    if bytes > limit {
        return Err(BundleError::TooLarge { bytes, limit });
    }
    Ok(())
}

/// Adds an entry; returns its SHA-256.
fn add(
    zip: &mut ZipWriter<impl Write + Seek>,
    path: &str,
    mut content: impl Read,
) -> Result<String, BundleError> {
    zip.start_file(path, SimpleFileOptions::default().unix_permissions(0o644))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = content.read(&mut buffer)?;
        let chunk = &buffer[..count];
        if chunk.is_empty() {
            return Ok(hexadecimal(&hash.finalize()));
        }
        hash.update(chunk);
        zip.write_all(chunk)?;
    }
}

/// Whether a file begins as Parquet does.
fn is_parquet(file: &Path) -> Result<bool, io::Error> {
    let mut head = Vec::new();
    File::open(file)?.take(4).read_to_end(&mut head)?;
    Ok(head == b"PAR1")
}

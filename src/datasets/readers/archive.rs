//! Several recordings in one zip: a day of sessions, as it is copied off the loggers.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use bytes::Bytes;
use zip::ZipArchive;

use super::{FileFormat, ReadError, Session, read, read_bytes};

/// The most recordings in an archive.
const MOST_RECORDINGS: usize = 500;
/// The longest of them, unpacked, in bytes.
const LONGEST: u64 = 64 << 20;
/// All of them together, unpacked, in bytes.
const LONGEST_TOGETHER: u64 = 1 << 30;

/// A recording that was read.
pub struct Recording {
    /// The file's name, in an archive; empty where the file was sent by itself.
    pub name: String,
    pub format: FileFormat,
    pub session: Session,
}

/// Reads a recording, or every recording of a zip.
///
/// # Errors
/// Any [`ReadError`]; of an archive [`ReadError::InArchive`], which names the recording.
pub fn read_all(path: &Path) -> Result<Vec<Recording>, ReadError> {
    let mut beginning = [0; 4];
    let is_read = File::open(path)?.read_exact(&mut beginning).is_ok();
    // The second is how an empty one begins.
    let is_zip = is_read && matches!(&beginning, b"PK\x03\x04" | b"PK\x05\x06");
    if !is_zip {
        let (format, session) = read(path)?;
        let name = String::new();
        return Ok(vec![Recording {
            name,
            format,
            session,
        }]);
    }
    let damaged = |error: zip::result::ZipError| ReadError::Foreign {
        found: format!("a zip that cannot be read ({error})"),
        remedy: "pack the recordings into a new zip",
    };
    let too_large = |what: &str, allowed| ReadError::TooLarge {
        format: "Zip archive",
        what: what.to_owned(),
        allowed,
        remedy: "send the recordings in several archives",
    };
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?)).map_err(damaged)?;
    let mut recordings = Vec::new();
    let mut together = 0;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.into_owned();
        // Folders, and what macOS adds to them.
        let last = name.rsplit('/').next().unwrap_or_default();
        if !entry.is_file() || last.starts_with('.') || name.starts_with("__MACOSX/") {
            continue;
        }
        if recordings.len() == MOST_RECORDINGS {
            return Err(too_large(
                "the number of recordings",
                MOST_RECORDINGS as u64,
            ));
        }
        let mut bytes = Vec::new();
        // Real bytes are counted: what the archive says of itself proves nothing.
        entry.take(LONGEST + 1).read_to_end(&mut bytes)?;
        together += bytes.len() as u64;
        if bytes.len() as u64 > LONGEST {
            return Err(too_large("the size of a recording in bytes", LONGEST));
        }
        if together > LONGEST_TOGETHER {
            let what = "the size of all recordings in bytes";
            return Err(too_large(what, LONGEST_TOGETHER));
        }
        let (format, mut session) =
            read_bytes(Bytes::from(bytes)).map_err(|source| ReadError::InArchive {
                name: name.clone(),
                source: Box::new(source),
            })?;
        // Only laps are made of several recordings, so their samples need not stay.
        session.channels.clear();
        recordings.push(Recording {
            name,
            format,
            session,
        });
    }
    if recordings.is_empty() {
        return Err(ReadError::Foreign {
            found: "a zip without recordings".to_owned(),
            remedy: "pack the loggers' files themselves",
        });
    }
    Ok(recordings)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn zipped(files: &[(&str, &str)]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut archive = zip::ZipWriter::new(file.reopen().unwrap());
        for (name, content) in files {
            let options = zip::write::SimpleFileOptions::default();
            archive.start_file(*name, options).unwrap();
            archive.write_all(content.as_bytes()).unwrap();
        }
        archive.finish().unwrap();
        file
    }

    const LAPS: &str = "driver,lap,lap_time\nAnn,1,50.1\nAnn,2,49.8\n";

    #[test]
    fn every_recording_of_an_archive_is_read() {
        let file = zipped(&[
            ("day/ann.csv", LAPS),
            ("day/ben.csv", LAPS),
            ("__MACOSX/day/ann.csv", "junk"),
        ]);
        let recordings = read_all(file.path()).unwrap();
        let names: Vec<_> = recordings.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["day/ann.csv", "day/ben.csv"]);
        assert!(recordings.iter().all(|r| r.session.laps.len() == 2));
    }

    #[test]
    fn a_recording_that_is_none_is_named() {
        let file = zipped(&[("ann.csv", LAPS), ("notes.txt", "see you on Sunday")]);
        let refused = read_all(file.path()).err().unwrap().to_string();
        assert!(refused.starts_with("notes.txt: "), "{refused}");
        let empty = read_all(zipped(&[]).path()).err().unwrap().to_string();
        assert!(empty.contains("zip"), "{empty}");
    }
}

//! The raw table of a draft: the file itself, or what its recordings become.

use std::path::Path;

use tempfile::NamedTempFile;

use super::RawSource;
use crate::datasets::publish::PublishError;
use crate::datasets::readers::archive::{Recording, read_all};
use crate::datasets::readers::tables::{lap_table, sample_table};
use crate::datasets::readers::{FileFormat, ReadError, Session};
use crate::datasets::tables::Format;

/// Samples a second that are kept of a recording: a release shows no more.
const SAMPLES_PER_SECOND: f64 = 10.0;

/// What a raw file holds.
pub(super) enum RawFile {
    /// A table as it is.
    Table,
    /// Recordings of loggers or timing loops.
    Recordings(Vec<Recording>),
}

/// Finds out what a raw file holds. A table that is no lap table is a table all the same.
pub(super) fn recognise(raw: &Path) -> Result<RawFile, PublishError> {
    let is_table = |format| {
        matches!(
            format,
            FileFormat::LapTableCsv | FileFormat::LapTableParquet
        )
    };
    let mut beginning = Vec::new();
    {
        use std::io::Read;
        let most = crate::datasets::readers::BEGINNING_BYTES as u64;
        std::fs::File::open(raw)?
            .take(most)
            .read_to_end(&mut beginning)?;
    }
    let is_zip = beginning.starts_with(b"PK\x03\x04");
    match crate::datasets::readers::recognise(&beginning) {
        Ok(format) if is_table(format) => Ok(RawFile::Table),
        // Whatever else the bytes are, the reader of tables has words for it.
        Err(_) if !is_zip => Ok(RawFile::Table),
        _ => match read_all(raw) {
            Ok(recordings) => Ok(RawFile::Recordings(recordings)),
            // A workbook is a zip too.
            Err(ReadError::Foreign { .. }) if is_zip => Ok(RawFile::Table),
            Err(ReadError::InArchive { name, .. }) if name == "[Content_Types].xml" => {
                Ok(RawFile::Table)
            }
            Err(error) => Err(error.into()),
        },
    }
}

/// What can be made of these recordings, the most useful first.
pub(super) fn sources(recordings: &[Recording]) -> Vec<RawSource> {
    let laps = recordings
        .iter()
        .any(|recording| !recording.session.laps.is_empty());
    let samples = matches!(recordings, [one] if !one.session.channels.is_empty());
    let sources = [(laps, RawSource::Laps), (samples, RawSource::Samples)];
    let possible = sources.into_iter().filter(|(possible, _)| *possible);
    possible.map(|(_, source)| source).collect()
}

/// The table that a raw file becomes; the file itself where it is one.
pub(super) fn raw_table(
    raw: NamedTempFile,
    source: RawSource,
) -> Result<NamedTempFile, PublishError> {
    if source == RawSource::Table {
        return Ok(raw);
    }
    let table = NamedTempFile::new()?;
    write(read_all(raw.path())?, source, &table)?;
    Ok(table)
}

/// Writes the laps or the samples of recordings as CSV.
pub(super) fn write(
    recordings: Vec<Recording>,
    source: RawSource,
    table: &NamedTempFile,
) -> Result<(), PublishError> {
    let sessions: Vec<Session> = recordings
        .into_iter()
        .map(|recording| recording.session)
        .collect();
    match (source, &sessions[..]) {
        (RawSource::Samples, [session]) => {
            sample_table(session, SAMPLES_PER_SECOND, Format::Csv, table.reopen()?)?;
        }
        _ => {
            lap_table(&sessions, Format::Csv, table.reopen()?)?;
        }
    }
    Ok(())
}

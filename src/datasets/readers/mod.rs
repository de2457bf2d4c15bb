//! Readers: from a logger's or a timing loop's file to a [`Session`], one file a format.
//!
//! Pure: bytes go in, a [`Session`] or a [`ReadError`] comes out. May touch: `datasets::tables`, for
//! plain lap tables. [`recognise()`] tells the formats apart, [`read`] does it all. A new format is one
//! file and one line in both. Start reading at [`session`], then at `racechrono_csv`, which is short.

mod aim_csv;
pub mod aim_xrk;
mod alfano;
mod apex_timing;
pub mod archive;
mod clock;
mod dovex;
mod error;
pub mod inspection;
mod lap_numbers;
pub mod lap_table;
pub mod laps;
pub mod picture;
mod plane;
mod positions;
mod racebox_csv;
mod racechrono_csv;
mod recognise;
mod rows;
mod samples;
mod sampling;
pub mod session;
pub mod tables;
pub mod terminal_picture;
mod text;
mod trackaddict;
pub mod unit;
mod vbo;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;

use bytes::Bytes;

use super::tables::Source;

pub use error::{Place, ReadError};
pub use recognise::{BEGINNING_BYTES, FileFormat, recognise};
pub use session::Session;

/// The largest binary log that is read: it is held in memory as a whole.
const MAX_BINARY_BYTES: u64 = 512 << 20;

/// Recognises and reads a file. Where it has no laps of its own they are cut by its beacons or its start
/// line.
///
/// # Errors
/// Any [`ReadError`].
pub fn read(path: &Path) -> Result<(FileFormat, Session), ReadError> {
    let mut file = File::open(path)?;
    let mut beginning = Vec::new();
    (&mut file)
        .take(BEGINNING_BYTES as u64)
        .read_to_end(&mut beginning)?;
    let format = recognise(&beginning)?;
    file.rewind()?;
    let input = BufReader::with_capacity(BEGINNING_BYTES, file);
    let session = read_as(format, input, Source::File(path.to_owned()))?;
    Ok((format, session))
}

/// As [`read`], for a file that is in memory.
///
/// # Errors
/// Any [`ReadError`].
pub fn read_bytes(bytes: Bytes) -> Result<(FileFormat, Session), ReadError> {
    let format = recognise(bytes.get(..BEGINNING_BYTES).unwrap_or(&bytes))?;
    let session = read_as(format, bytes.as_ref(), Source::Bytes(bytes.clone()))?;
    Ok((format, session))
}

/// Reads a file of a known format; `input` and `source` are the same bytes.
fn read_as(format: FileFormat, input: impl BufRead, source: Source) -> Result<Session, ReadError> {
    let mut session = match format {
        FileFormat::AimCsv => aim_csv::read(input),
        FileFormat::AimXrk => aim_xrk::read(&whole(input)?),
        FileFormat::Vbo => vbo::read(input),
        FileFormat::RaceChronoCsv => racechrono_csv::read(input),
        FileFormat::RaceBoxCsv => racebox_csv::read(input),
        FileFormat::Alfano => alfano::read(input),
        FileFormat::TrackAddict => trackaddict::read(input),
        FileFormat::Dovex => dovex::read(input),
        FileFormat::ApexTiming => apex_timing::read(input),
        FileFormat::LapTableCsv | FileFormat::LapTableParquet => lap_table::read(source),
    }?;
    laps::cut(&mut session);
    Ok(session)
}

/// All bytes of a binary log.
fn whole(input: impl BufRead) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    input.take(MAX_BINARY_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BINARY_BYTES {
        return Err(ReadError::TooLarge {
            format: FileFormat::AimXrk.name(),
            what: "the size of the file in bytes".to_owned(),
            allowed: MAX_BINARY_BYTES,
            remedy: "download single sessions from the logger",
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;

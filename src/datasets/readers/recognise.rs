//! Which format a file has, by its bytes; a name proves nothing.

use std::fmt;

use serde::Serialize;

use crate::datasets::tables::{self, TableError};

use super::ReadError;
use super::text::{Line, Lines, decode};
use super::{
    aim_csv, alfano, apex_timing, dovex, lap_table, racebox_csv, racechrono_csv, trackaddict,
};

/// How much of a file's beginning is looked at.
pub const BEGINNING_BYTES: usize = 64 * 1024;
/// Within so many lines a text format shows itself.
const BEGINNING_LINES: usize = 40;

/// A file format that becomes a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    AimCsv,
    AimXrk,
    Vbo,
    RaceChronoCsv,
    RaceBoxCsv,
    Alfano,
    TrackAddict,
    Dovex,
    ApexTiming,
    LapTableCsv,
    LapTableParquet,
}

impl FileFormat {
    pub const ALL: [FileFormat; 11] = [
        FileFormat::AimCsv,
        FileFormat::AimXrk,
        FileFormat::Vbo,
        FileFormat::RaceChronoCsv,
        FileFormat::RaceBoxCsv,
        FileFormat::Alfano,
        FileFormat::TrackAddict,
        FileFormat::Dovex,
        FileFormat::ApexTiming,
        FileFormat::LapTableCsv,
        FileFormat::LapTableParquet,
    ];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            FileFormat::AimCsv => "AiM CSV",
            FileFormat::AimXrk => "AiM XRK",
            FileFormat::Vbo => "Racelogic VBO",
            FileFormat::RaceChronoCsv => "RaceChrono CSV",
            FileFormat::RaceBoxCsv => "RaceBox CSV",
            FileFormat::Alfano => "Alfano 6 CSV",
            FileFormat::TrackAddict => "TrackAddict CSV",
            FileFormat::Dovex => "Dovex",
            FileFormat::ApexTiming => "Apex Timing laps",
            FileFormat::LapTableCsv => "lap table (CSV)",
            FileFormat::LapTableParquet => "lap table (Parquet)",
        }
    }

    /// For programs; never changes.
    pub fn key(self) -> &'static str {
        match self {
            FileFormat::AimCsv => "aim_csv",
            FileFormat::AimXrk => "aim_xrk",
            FileFormat::Vbo => "vbo",
            FileFormat::RaceChronoCsv => "race_chrono_csv",
            FileFormat::RaceBoxCsv => "race_box_csv",
            FileFormat::Alfano => "alfano",
            FileFormat::TrackAddict => "track_addict",
            FileFormat::Dovex => "dovex",
            FileFormat::ApexTiming => "apex_timing",
            FileFormat::LapTableCsv => "lap_table_csv",
            FileFormat::LapTableParquet => "lap_table_parquet",
        }
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const EXPORT: &str = "export the session from the program that made it as CSV or VBO";
const SESSION_NOT_PAGE: &str =
    "send the file that the logger or the timing program exports, not a page that shows it";
const TRACE: &str =
    "it holds a way without a logger's channels or laps; export the session as CSV or VBO";

/// Files that people send instead: where their mark is, the mark, what they are, what to do.
const BINARY: [(usize, &[u8], &str, &str); 15] = [
    (0, b"SQLite format 3\0", "an SQLite database", EXPORT),
    (0, b"%PDF", "a PDF document", SESSION_NOT_PAGE),
    (0, b"\x89PNG", "a PNG picture", SESSION_NOT_PAGE),
    (0, b"\xff\xd8\xff", "a JPEG picture", SESSION_NOT_PAGE),
    (4, b"ftyp", "a video (MP4)", EXPORT),
    (8, b".FIT", "a FIT file", TRACE),
    (
        0,
        b"\x40\0\0\0\0\0\0\0",
        "a MoTeC log (.ld)",
        "export it in MoTeC i2 as CSV and rename its columns to a format that is read",
    ),
    (0, b"\xb5\x62", "u-blox receiver data (UBX)", EXPORT),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (0, b"Rar!", "a RAR archive", UNPACK),
    (0, b"BZh", "a bzip2 archive", UNPACK),
    (0, b"\xfd7zXZ\0", "an XZ archive", UNPACK),
    (0, b"\x78\x01", XRZ, AS_XRK),
    (0, b"\x78\x9c", XRZ, AS_XRK),
    (0, b"\x78\xda", XRZ, AS_XRK),
];
const UNPACK: &str = "unpack it and send the file inside";
const XRZ: &str = "compressed data, perhaps an AiM XRZ file";
const AS_XRK: &str = "save it in Race Studio 3 as XRK or export it as CSV";

/// The same for text, by its first words in lower case.
const TEXT: [(&str, &str, &str); 9] = [
    ("<!doctype html", "a web page (HTML)", SESSION_NOT_PAGE),
    ("<html", "a web page (HTML)", SESSION_NOT_PAGE),
    (
        "{\\rtf",
        "a word processor's document (RTF)",
        SESSION_NOT_PAGE,
    ),
    ("$gp", "receiver sentences (NMEA)", TRACE),
    ("$gn", "receiver sentences (NMEA)", TRACE),
    ("{", "JSON", EXPORT),
    ("[{", "JSON", EXPORT),
    ("format,motec csv file", "a MoTeC CSV export", EXPORT),
    (
        "\"format\",\"motec csv file\"",
        "a MoTeC CSV export",
        EXPORT,
    ),
];

/// The same for XML, by what occurs in its beginning.
const XML: [(&str, &str); 3] = [
    ("<gpx", "a GPX track"),
    ("<kml", "a KML track"),
    ("<trainingcenterdatabase", "a TCX workout"),
];

/// Recognises a file by its first [`BEGINNING_BYTES`].
///
/// # Errors
/// [`ReadError::Empty`], and [`ReadError::Foreign`] with what the file is and what to do about it.
pub fn recognise(beginning: &[u8]) -> Result<FileFormat, ReadError> {
    if beginning.is_empty() {
        return Err(ReadError::Empty);
    }
    // A message: `<h`, tag, length, version, `>`.
    if beginning.starts_with(b"<h") && beginning.get(11) == Some(&b'>') {
        return Ok(FileFormat::AimXrk);
    }
    // Its padding may be zeros, which looks binary.
    if dovex::is_beginning(beginning) {
        return Ok(FileFormat::Dovex);
    }
    for (offset, mark, found, remedy) in BINARY {
        let here = beginning.get(offset..).unwrap_or_default();
        if here.starts_with(mark) {
            return Err(foreign(found, remedy));
        }
    }
    match tables::Format::recognise(beginning) {
        Ok(tables::Format::Parquet) => Ok(FileFormat::LapTableParquet),
        Ok(tables::Format::Csv) => recognise_text(beginning),
        Err(TableError::NotATable {
            found: "a binary file",
            ..
        }) => Err(foreign("a binary file of an unknown format", EXPORT)),
        Err(TableError::NotATable { found, remedy }) => Err(foreign(found, remedy)),
        Err(error) => Err(error.into()),
    }
}

fn foreign(found: &str, remedy: &'static str) -> ReadError {
    ReadError::Foreign {
        found: found.to_owned(),
        remedy,
    }
}

fn recognise_text(beginning: &[u8]) -> Result<FileFormat, ReadError> {
    let mut lines = Lines::new("text", beginning);
    let mut first = None;
    for _ in 0..BEGINNING_LINES {
        let Ok(Some(line)) = lines.next() else { break };
        if line.is_blank() {
            continue;
        }
        if first.is_none() {
            first = Some(line.bytes.to_vec());
            if let Some(format) = by_first_line(line) {
                return Ok(format);
            }
        }
        if is_vbo_section(line) {
            return Ok(FileFormat::Vbo);
        }
        if racebox_csv::is_column_row(line.bytes) {
            return Ok(FileFormat::RaceBoxCsv);
        }
    }
    let Some(first) = first else {
        return Err(foreign("a file of blank lines", EXPORT));
    };
    let text = decode(beginning.get(..4096).unwrap_or(beginning)).to_lowercase();
    let start = text.trim_start_matches(['\u{feff}', ' ', '\r', '\n', '\t']);
    for (mark, found, remedy) in TEXT {
        if start.starts_with(mark) {
            return Err(foreign(found, remedy));
        }
    }
    if start.starts_with('<') {
        let found = XML.iter().find(|(mark, _)| text.contains(mark));
        return Err(foreign(
            found.map_or("an XML document", |(_, found)| found),
            TRACE,
        ));
    }
    if lap_table::is_header(&first) {
        return Ok(FileFormat::LapTableCsv);
    }
    if first.iter().any(|byte| b",;\t".contains(byte)) {
        return Err(lap_table::without_lap_times());
    }
    Err(foreign("a text file of an unknown format", EXPORT))
}

fn by_first_line(line: Line<'_>) -> Option<FileFormat> {
    let bytes = line.bytes;
    Some(match () {
        () if aim_csv::is_beginning(bytes) => FileFormat::AimCsv,
        () if racechrono_csv::is_beginning(bytes) => FileFormat::RaceChronoCsv,
        () if racebox_csv::is_beginning(bytes) => FileFormat::RaceBoxCsv,
        () if alfano::is_beginning(bytes) => FileFormat::Alfano,
        () if trackaddict::is_beginning(bytes) => FileFormat::TrackAddict,
        () if apex_timing::is_record(bytes) => FileFormat::ApexTiming,
        () => return None,
    })
}

fn is_vbo_section(line: Line<'_>) -> bool {
    matches!(
        line.text().to_lowercase().as_str(),
        "[header]" | "[column names]" | "[channel units]" | "[laptiming]"
    )
}

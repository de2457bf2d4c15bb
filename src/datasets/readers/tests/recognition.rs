//! What a file is, is told by its bytes.

use super::{dialects, files};
use crate::datasets::readers::{FileFormat, ReadError, read_bytes, recognise};

fn every_format() -> Vec<(FileFormat, Vec<u8>)> {
    let mut xrk = b"<hCNF \0\0\0\0\x01>".to_vec();
    xrk.extend([0; 32]);
    vec![
        (FileFormat::AimCsv, files::AIM.into()),
        (FileFormat::AimXrk, xrk),
        (FileFormat::Vbo, files::vbo().into()),
        (FileFormat::RaceChronoCsv, files::RACECHRONO.into()),
        (FileFormat::RaceBoxCsv, files::racebox(1.0).into()),
        (FileFormat::Alfano, files::alfano().into()),
        (FileFormat::TrackAddict, files::TRACKADDICT.into()),
        (FileFormat::Dovex, files::dovex('\0').into()),
        (FileFormat::ApexTiming, files::APEX.into()),
        (FileFormat::LapTableCsv, files::LAP_TABLE.into()),
        (FileFormat::LapTableParquet, dialects::parquet()),
    ]
}

#[test]
fn every_format_is_recognised_and_read() {
    let files = every_format();
    let formats: Vec<FileFormat> = files.iter().map(|(format, _)| *format).collect();
    assert_eq!(formats, FileFormat::ALL);
    for (format, bytes) in files {
        assert_eq!(recognise(&bytes).unwrap(), format);
        if format != FileFormat::AimXrk {
            let (read, session) = read_bytes(bytes.into()).unwrap();
            assert_eq!(read, format);
            assert!(!session.laps.is_empty(), "{format}");
        }
    }
}

#[test]
fn the_same_formats_with_other_beginnings() {
    let racebox = files::racebox(1.0);
    let (_, samples) = racebox.split_once("\n\n").unwrap();
    assert_eq!(
        recognise(samples.as_bytes()).unwrap(),
        FileFormat::RaceBoxCsv
    );
    assert_eq!(
        recognise(b"Format,AiM CSV File,,\n").unwrap(),
        FileFormat::AimCsv
    );
    assert_eq!(recognise(b"[header]\r\ntime\r\n").unwrap(), FileFormat::Vbo);
    let padded = format!("{}{}", "\n".repeat(1024), files::DOVEX_TABLE);
    assert_eq!(recognise(padded.as_bytes()).unwrap(), FileFormat::Dovex);
    let marked = b"\xef\xbb\xbfdriver\tlap_time\na\t58.9\n";
    assert_eq!(recognise(marked).unwrap(), FileFormat::LapTableCsv);
}

#[test]
fn foreign_files_are_said_to_be_what_they_are() {
    let sqlite = b"SQLite format 3\0...".as_slice();
    let fit = b"\x0e\x10\x43\x08\x78\x06\x09\0.FIT\0\0".as_slice();
    let video = b"\0\0\0\x20ftypisom".as_slice();
    let motec = b"\x40\0\0\0\0\0\0\0\x10\x10".as_slice();
    for (bytes, found) in [
        (sqlite, "an SQLite database"),
        (b"%PDF-1.7\n", "a PDF document"),
        (fit, "a FIT file"),
        (video, "a video (MP4)"),
        (motec, "a MoTeC log (.ld)"),
        (b"PK\x03\x04....", "a ZIP archive or an Excel workbook"),
        (b"\x1f\x8b\x08\0", "a gzip archive"),
        (
            b"\x78\x9c\x01\x02",
            "compressed data, perhaps an AiM XRZ file",
        ),
        (b"\xff\xfeF\0o\0", "UTF-16 text"),
        (b"<!DOCTYPE html><html>", "a web page (HTML)"),
        (
            b"<?xml version=\"1.0\"?>\n<gpx version=\"1.1\">",
            "a GPX track",
        ),
        (b"\xef\xbb\xbf<kml>", "a KML track"),
        (b"<svg></svg>", "an XML document"),
        (b"$GPRMC,123519,A,4807.038,N\n", "receiver sentences (NMEA)"),
        (b"{\"laps\": []}", "JSON"),
        (b"\"Format\",\"MoTeC CSV File\",,\n", "a MoTeC CSV export"),
        (
            b"age,workclass\n39,State-gov\n",
            "a table without lap times",
        ),
        (b"Dear organizer,\n", "a table without lap times"),
        (b"hello\nworld\n", "a text file of an unknown format"),
        (b"\n\n \n", "a file of blank lines"),
        (b"\x01\x02\0\x03\x04", "a binary file of an unknown format"),
    ] {
        match recognise(bytes) {
            Err(ReadError::Foreign {
                found: told,
                remedy,
            }) => {
                assert_eq!(told, found);
                assert!(remedy.len() > 10, "{found}: {remedy}");
            }
            other => panic!("{found}: {other:?}"),
        }
    }
    assert!(matches!(recognise(b""), Err(ReadError::Empty)));
}

#[test]
fn keys_are_stable_and_the_same_in_json() {
    for format in FileFormat::ALL {
        assert_eq!(serde_json::to_value(format).unwrap(), format.key());
        assert!(!format.to_string().is_empty());
    }
}

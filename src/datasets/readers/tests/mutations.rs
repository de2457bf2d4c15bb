//! Damaged files: an error in words or a session that holds together, never a panic.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};

use super::{dialects, files};
use crate::datasets::readers::session::{Quantity, Session};
use crate::datasets::readers::{FileFormat, ReadError, read_as, recognise};
use crate::datasets::tables::Source;

const MUTATIONS: u32 = 5_000;

/// What numbers and structure turn into.
const FRAGMENTS: [&str; 18] = [
    "",
    "-",
    "1e308",
    "-1e308",
    "NaN",
    "inf",
    "99999999999999999999",
    "0",
    "-1",
    ",",
    ";",
    "\"",
    "\n",
    "\r",
    "[data]",
    "\u{0}",
    "é",
    "4294967296",
];

/// One to four changes: bytes flipped, fragments put in place of a few bytes, a line doubled, the end or
/// the beginning cut off.
fn mutate(original: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..random.random_range(1..=4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..7) {
            0 => bytes[at] = random.random(),
            1..=3 => {
                let end = (at + random.random_range(0..12)).min(bytes.len());
                let fragment = FRAGMENTS[random.random_range(0..FRAGMENTS.len())];
                bytes.splice(at..end, fragment.bytes());
            }
            4 => bytes.truncate(at),
            5 => {
                let end = (at + random.random_range(0..200)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            _ => {
                let end = (at + random.random_range(0..200)).min(bytes.len());
                bytes.drain(at..end);
            }
        }
    }
    bytes
}

fn check(session: &Session) {
    for channel in &session.channels {
        assert_eq!(channel.times.len(), channel.values.len());
        assert!(channel.times.iter().all(|time| time.is_finite()));
        assert!(channel.times.windows(2).all(|pair| pair[0] <= pair[1]));
    }
    for (quantity, bound) in [(Quantity::Latitude, 90.0), (Quantity::Longitude, 180.0)] {
        let values = session
            .channel(quantity)
            .map_or(&[][..], |channel| &channel.values);
        assert!(
            values
                .iter()
                .all(|value| value.is_nan() || value.abs() <= bound)
        );
    }
    for lap in &session.laps {
        assert!(lap.seconds.is_finite() && lap.seconds >= 0.0, "{lap:?}");
        assert!(
            lap.sectors
                .iter()
                .all(|sector| sector.is_finite() && *sector >= 0.0),
            "{lap:?}"
        );
        assert!(lap.start.is_none_or(f64::is_finite), "{lap:?}");
    }
}

fn check_error(error: &ReadError) {
    let text = error.to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
    assert!(text.len() < 4_000, "{} bytes of error", text.len());
}

/// Reads thousands of damaged copies as `format`, whatever they are recognised as.
fn survive(format: FileFormat, original: &[u8]) {
    let mut random = ChaCha8Rng::seed_from_u64(format.key().len() as u64 + 20_261_122);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..MUTATIONS {
        let bytes = mutate(original, &mut random);
        if let Err(error) = recognise(&bytes) {
            check_error(&error);
        }
        let source = Source::Bytes(bytes.clone().into());
        match read_as(format, bytes.as_slice(), source) {
            Ok(session) => {
                check(&session);
                read += 1;
            }
            Err(error) => {
                check_error(&error);
                refused += 1;
            }
        }
    }
    // Damage of both kinds was tried: in values that still mean something, and in the structure.
    assert!(
        read > 50 && refused > 500,
        "{format}: {read} read, {refused} refused"
    );
}

/// The first lines of a file.
fn beginning(file: &str, lines: usize) -> String {
    file.split_inclusive('\n').take(lines).collect()
}

#[test]
fn aim_csv_survives_damage() {
    survive(FileFormat::AimCsv, files::AIM.as_bytes());
}

#[test]
fn vbo_survives_damage() {
    survive(FileFormat::Vbo, beginning(&files::vbo(), 50).as_bytes());
}

#[test]
fn racechrono_csv_survives_damage() {
    survive(FileFormat::RaceChronoCsv, files::RACECHRONO.as_bytes());
}

#[test]
fn racebox_csv_survives_damage() {
    survive(
        FileFormat::RaceBoxCsv,
        beginning(&files::racebox(3.6), 40).as_bytes(),
    );
}

#[test]
fn alfano_survives_damage() {
    survive(
        FileFormat::Alfano,
        beginning(&files::alfano(), 35).as_bytes(),
    );
}

#[test]
fn trackaddict_survives_damage() {
    survive(FileFormat::TrackAddict, files::TRACKADDICT.as_bytes());
}

#[test]
fn dovex_survives_damage() {
    survive(FileFormat::Dovex, files::dovex('\n').as_bytes());
}

#[test]
fn apex_timing_survives_damage() {
    survive(FileFormat::ApexTiming, files::APEX.as_bytes());
}

#[test]
fn lap_tables_survive_damage() {
    survive(FileFormat::LapTableCsv, files::LAP_TABLE.as_bytes());
}

#[test]
fn lap_tables_in_parquet_survive_damage() {
    survive(FileFormat::LapTableParquet, &dialects::parquet());
}

#[test]
fn noise_is_refused() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for _ in 0..500 {
        let mut bytes = vec![0; random.random_range(1..400)];
        random.fill_bytes(&mut bytes);
        if let Err(error) = recognise(&bytes) {
            check_error(&error);
        }
        for format in FileFormat::ALL {
            let source = Source::Bytes(bytes.clone().into());
            if let Err(error) = read_as(format, bytes.as_slice(), source) {
                check_error(&error);
            }
        }
    }
}

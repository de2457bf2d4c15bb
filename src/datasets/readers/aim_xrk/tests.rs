use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::read;
use crate::datasets::readers::laps::cut;
use crate::datasets::readers::session::{Quantity, Session};
use crate::datasets::readers::unit::Unit;
use crate::datasets::readers::{Place, ReadError};

/// What the tests put a file together from.
fn message(tag: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let sum = body
        .iter()
        .fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    let length = u32::try_from(body.len()).unwrap();
    [
        b"<h".as_slice(),
        tag,
        &length.to_le_bytes(),
        b"\x01>",
        body,
        b"<",
        tag,
        &sum.to_le_bytes(),
        b">",
    ]
    .concat()
}

fn channel(index: u16, name: &str, unit: u8, encoding: u8, size: u8, period_ms: u32) -> Vec<u8> {
    let mut body = vec![0; 112];
    body[..2].copy_from_slice(&index.to_le_bytes());
    body[12] = unit;
    body[20] = encoding;
    body[24..24 + 3].copy_from_slice(&name.as_bytes()[..3]);
    body[32..32 + name.len()].copy_from_slice(name.as_bytes());
    body[64..68].copy_from_slice(&(period_ms * 1000).to_le_bytes());
    body[72] = size;
    message(b"CHS\0", &body)
}

fn record(kind: u8, time: i32, index: u16, samples: &[u8]) -> Vec<u8> {
    let head = [b'(', kind];
    [
        &head[..],
        &time.to_le_bytes(),
        &index.to_le_bytes(),
        samples,
        b")",
    ]
    .concat()
}

fn lap(number: u16, sector: u8, duration_ms: u32, end_ms: u32, ending: u8) -> Vec<u8> {
    let mut body = vec![0; 32];
    body[1] = sector;
    body[2..4].copy_from_slice(&number.to_le_bytes());
    body[4..8].copy_from_slice(&duration_ms.to_le_bytes());
    body[25] = ending;
    body[28..32].copy_from_slice(&end_ms.to_le_bytes());
    message(b"LAP\0", &body)
}

/// A receiver on the equator that goes east at 10 m/s.
fn fix(time: i32, step: i32) -> Vec<u8> {
    let mut body = vec![0; 56];
    let words = [
        time,
        step * 100,
        0,
        1880,
        637_813_700,
        step * 100,
        0,
        250,
        0,
        1000,
        0,
        30,
        140,
    ];
    for (at, word) in words.into_iter().enumerate() {
        body[4 * at..4 * at + 4].copy_from_slice(&word.to_le_bytes());
    }
    body[14] = 3;
    body[51] = 9;
    message(b"GPS\0", &body)
}

/// A file with every kind of record.
fn small_file() -> Vec<u8> {
    let group: Vec<u8> = [1_u16, 2, 4, 5]
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    let configuration = [
        channel(1, "Oil Temp", 17, 20, 2, 0),
        channel(2, "Throttle", 33, 1, 2, 0),
        channel(3, "Shock", 12, 4, 2, 5),
        channel(4, "Wheel", 16, 6, 4, 0),
        channel(5, "Gear Switch", 31, 15, 2, 0),
        message(b"GRP\0", &group),
    ]
    .concat();
    let mut file = message(b"CNF\0", &configuration);
    file.extend(message(b"RCR\0", b"Ada Lovelace\0"));
    file.extend(message(b"TMD\0", b"31/05/2026\0"));
    file.extend(record(b'S', 1000, 1, &0x5500_u16.to_le_bytes()));
    for step in 0..40 {
        let time = 1000 + 100 * step;
        let together = [&36.0_f32.to_le_bytes()[..], b"3\0"].concat();
        file.extend(record(b'G', time, 1, &together));
        let shocks: Vec<u8> = [1_i16, -2, 3]
            .iter()
            .flat_map(|mm| mm.to_le_bytes())
            .collect();
        file.extend(record(
            b'M',
            time,
            3,
            &[&3_u16.to_le_bytes()[..], &shocks].concat(),
        ));
        file.extend(
            [
                b"(c\0".as_slice(),
                &(2_u16 << 3 | 4).to_le_bytes(),
                b"\x84\x06",
            ]
            .concat(),
        );
        file.extend([&time.to_le_bytes()[..], &50_u16.to_le_bytes(), b")"].concat());
        file.extend(fix(time, step));
    }
    file.extend(lap(1, 0, 1500, 2500, 1));
    file.extend(lap(2, 1, 400, 2900, 2));
    file.extend(lap(2, 0, 1500, 4000, 2));
    file
}

fn sample() -> Vec<u8> {
    std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/data/kart-adria.xrk"
    ))
    .unwrap()
}

fn values<'a>(session: &'a Session, name: &str) -> (&'a [f64], &'a [f64]) {
    let channel = session
        .channels
        .iter()
        .find(|channel| channel.name == name)
        .unwrap();
    (&channel.times, &channel.values)
}

#[test]
fn every_kind_of_record_is_read() {
    let session = read(&small_file()).unwrap();
    assert_eq!(session.details.driver.as_deref(), Some("Ada Lovelace"));
    assert_eq!(session.details.date.unwrap().to_string(), "2026-05-31");
    assert_eq!(values(&session, "Oil Temp"), (&[0.0][..], &[80.0][..]));
    let (times, wheel) = values(&session, "Wheel");
    assert_eq!((times[1], wheel[1], wheel.len()), (0.1, 10.0, 40));
    assert_eq!(values(&session, "Gear Switch").1[7], 3.0);
    let (times, shock) = values(&session, "Shock");
    assert_eq!(times[..4], [0.0, 0.005, 0.01, 0.1]);
    assert_eq!(shock[..3], [0.001, -0.002, 0.003]);
    assert_eq!(values(&session, "Throttle").1, [50.0; 40]);
    let speed = session.channel(Quantity::Speed).unwrap();
    assert_eq!((speed.unit, speed.values[3]), (Unit::MetrePerSecond, 10.0));
    assert_eq!(session.channel(Quantity::Latitude).unwrap().values[9], 0.0);
    let [first, second] = &session.laps[..] else {
        panic!("{:?}", session.laps);
    };
    assert_eq!(
        (first.start, first.seconds, first.incomplete),
        (Some(0.0), 1.5, true)
    );
    assert_eq!(
        (second.start, second.seconds, second.incomplete),
        (Some(1.5), 1.5, false)
    );
    assert_eq!(second.sectors, [0.4, 1.1]);
    assert_eq!(session.warnings, [""; 0]);
}

#[test]
fn a_real_session_has_its_eleven_laps() {
    let session = read(&sample()).unwrap();
    let details = &session.details;
    assert_eq!(details.venue.as_deref(), Some("Adria Kart"));
    assert_eq!(details.driver.as_deref(), Some("TEST.DRIVER"));
    assert_eq!(details.date.unwrap().to_string(), "2016-01-23");
    assert_eq!(details.time.unwrap().to_string(), "12:08:51");
    assert_eq!(session.channels.len(), 33);
    assert_eq!(session.laps.len(), 11);
    let complete: Vec<f64> = session
        .laps
        .iter()
        .filter(|lap| !lap.incomplete)
        .map(|lap| lap.seconds)
        .collect();
    assert_eq!(
        complete,
        [
            53.058, 52.217, 50.973, 49.802, 50.742, 49.866, 50.618, 49.765, 50.316
        ]
    );
    for lap in &session.laps {
        assert!(
            (lap.sectors.iter().sum::<f64>() - lap.seconds).abs() < 1e-9,
            "{lap:?}"
        );
    }
    for channel in &session.channels {
        assert!(channel.times.is_sorted(), "{}", channel.name);
        assert_eq!(
            channel.times.len(),
            channel.values.len(),
            "{}",
            channel.name
        );
    }
    assert!(
        !session
            .warnings
            .iter()
            .any(|warning| warning.contains("damaged")),
        "{:#?}",
        session.warnings
    );
}

#[test]
fn laps_cut_by_position_are_the_loggers_own() {
    let session = read(&sample()).unwrap();
    let mut by_position = session.clone();
    by_position.laps.clear();
    cut(&mut by_position);
    // The logger's first lap began with the recording; the line was crossed once in it.
    let ends = |session: &Session| -> Vec<f64> {
        session
            .laps
            .iter()
            .filter_map(|lap| Some(lap.start? + lap.seconds))
            .collect()
    };
    let (logger, cut) = (ends(&session), ends(&by_position));
    assert_eq!((logger.len(), cut.len()), (11, 12));
    for (logger, cut) in logger[..10].iter().zip(&cut[1..]) {
        assert!((logger - cut).abs() < 0.05, "{logger} {cut}");
    }
}

#[test]
fn a_foreign_file_is_refused_at_its_first_byte() {
    assert!(matches!(read(b""), Err(ReadError::Empty)));
    let Err(error) = read(b"Format,AiM CSV File") else {
        panic!("a CSV file was read")
    };
    assert_eq!(
        error.to_string(),
        "AiM XRK, byte 0: expected a message (<h), found \"Form\""
    );
    let nothing = message(b"CNF\0", &channel(1, "RPM", 15, 4, 2, 0));
    let Err(ReadError::Malformed {
        place, expected, ..
    }) = read(&nothing)
    else {
        panic!("a file without samples was read")
    };
    assert_eq!(place, Place::Byte(nothing.len() as u64));
    assert!(expected.contains("samples"));
}

#[test]
fn a_wrong_checksum_leaves_out_its_message_alone() {
    let mut file = small_file();
    let name = file.windows(3).position(|bytes| bytes == b"Ada").unwrap();
    file[name] = b'I';
    let session = read(&file).unwrap();
    assert_eq!(session.details.driver, None);
    assert_eq!(values(&session, "Wheel").1.len(), 40);
    let [warning] = &session.warnings[..] else {
        panic!("{:#?}", session.warnings)
    };
    let sum_at = name + 13 + 5;
    assert!(
        warning.contains(&format!("byte {sum_at}: expected the checksum")),
        "{warning}"
    );
}

#[test]
fn what_stands_before_a_truncation_is_read() {
    let file = small_file();
    let cut_at = file.len() - 10;
    let session = read(&file[..cut_at]).unwrap();
    assert_eq!(session.laps.len(), 1);
    assert_eq!(values(&session, "Wheel").1.len(), 40);
    let begin = file.len() - 52;
    assert!(
        session.warnings[0].contains(&format!(
            "byte {begin}: expected a whole message, found the end of the file"
        )),
        "{:?}",
        session.warnings
    );
}

#[test]
fn a_broken_record_costs_no_other() {
    let mut file = small_file();
    let second = file
        .windows(2)
        .enumerate()
        .filter(|(_, bytes)| bytes == b"(G")
        .nth(1)
        .unwrap()
        .0;
    // An hour and more ahead: believed, it would make everything after it late.
    file[second + 5] = 0x7f;
    let session = read(&file).unwrap();
    assert_eq!(values(&session, "Wheel").1.len(), 39);
    assert!(
        session.warnings[0].contains(&format!("byte {}", second + 2)),
        "{:?}",
        session.warnings
    );
}

#[test]
fn an_unknown_message_is_passed_over_and_named() {
    let mut file = small_file();
    file.extend(message(b"NEW\0", b"anything"));
    let session = read(&file).unwrap();
    assert_eq!(
        session.warnings,
        ["1 messages NEW are not known and were left out"]
    );
}

#[test]
fn no_bytes_make_the_reader_panic() {
    let mut rng = SmallRng::seed_from_u64(1);
    let mut sample = sample();
    sample.truncate(20_000);
    for original in [small_file(), sample] {
        for _ in 0..10_000 {
            let mut file = original.clone();
            for _ in 0..rng.random_range(1..8) {
                let at = rng.random_range(0..file.len());
                match rng.random_range(0..4) {
                    0 => file[at] = rng.random(),
                    1 => file[at] ^= 1 << rng.random_range(0..8),
                    2 => file.truncate(at.max(1)),
                    _ => {
                        let to = rng.random_range(at..file.len().min(at + 200));
                        file.drain(at..to);
                    }
                }
                if file.len() < 2 {
                    break;
                }
            }
            if let Ok(session) = read(&file) {
                let samples: usize = session
                    .channels
                    .iter()
                    .map(|channel| channel.values.len())
                    .sum();
                // A sample takes a byte, or 56 bytes for the twelve channels of a GPS record.
                assert!(samples <= file.len());
                for channel in &session.channels {
                    assert!(channel.times.is_sorted(), "{}", channel.name);
                }
            }
        }
    }
}

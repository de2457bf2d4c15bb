//! The attacks and the protection on the laps of nine real endurance races.

use std::collections::BTreeMap;

use rand::rngs::{ChaCha8Rng, ChaCha20Rng};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

use super::cross_release::{event_pairs, link_across};
use super::linkage::{LinkageSettings, link};
use super::utility::pace_ranking;
use super::{EventSequences, LinkageResult, Sequence};
use crate::datasets::anonymize::pace_cells::{DriverLaps, PaceCells};
use crate::datasets::anonymize::quantiles::median;

/// The laps of each driver in each event, in the order of the table; a driver of several events is one
/// subject.
fn events() -> Vec<Vec<Sequence>> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/data/rental-endurance-laps.csv"
    );
    let mut subjects = BTreeMap::new();
    let mut events: BTreeMap<String, Vec<Sequence>> = BTreeMap::new();
    for row in csv::Reader::from_path(path).unwrap().records() {
        let row = row.unwrap();
        let next = subjects.len() as u32;
        let subject = *subjects.entry(row[2].to_owned()).or_insert(next);
        let event = events.entry(row[0].to_owned()).or_default();
        let lap = row[6].parse().unwrap();
        match event.iter_mut().find(|driver| driver.0 == subject) {
            Some(driver) => driver.1.push(lap),
            None => event.push((subject, vec![lap])),
        }
    }
    events.into_values().collect()
}

/// A release in which `transform` maps a driver's laps and the event's median to what is published.
fn released(mut transform: impl FnMut(&[f64], f64) -> Vec<f64>) -> Vec<EventSequences> {
    let release = |original: Vec<Sequence>| {
        let all = original.iter().flat_map(|driver| &driver.1).copied();
        let median = median(all).unwrap();
        let drivers = original.iter();
        let released = drivers.map(|(subject, laps)| (*subject, transform(laps, median)));
        EventSequences {
            released: released.collect(),
            original,
        }
    };
    events().into_iter().map(release).collect()
}

/// A release in pace cells of at least that size.
fn in_pace_cells(cell_size: usize, seed: u64) -> Vec<EventSequences> {
    let cells = PaceCells::new(
        cell_size,
        PaceCells::QUOTA,
        PaceCells::NOISE,
        PaceCells::KEEP,
    )
    .unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let release = |original: Vec<Sequence>| {
        let drivers: Vec<DriverLaps> = original
            .iter()
            .map(|(subject, laps)| DriverLaps {
                subject: *subject,
                laps: laps.clone(),
            })
            .collect();
        let published = cells.publish(&drivers, &mut rng);
        let released = published.drivers.into_iter().map(|driver| {
            let laps = driver.laps.iter().map(|lap| lap.ratio).collect();
            (driver.subject, laps)
        });
        EventSequences {
            released: released.collect(),
            original,
        }
    };
    events().into_iter().map(release).collect()
}

fn attack(release: &[EventSequences], scaled: bool) -> LinkageResult {
    let settings = LinkageSettings {
        scaled,
        ..LinkageSettings::default()
    };
    link(release, &settings).unwrap()
}

fn shuffled(laps: &[f64], keep: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut laps = laps.to_vec();
    laps.shuffle(rng);
    laps.truncate(keep);
    laps
}

fn noise(rng: &mut ChaCha8Rng) -> f64 {
    rng.sample(StandardNormal)
}

/// The measurements of others on the same laps, with other draws: what is linked, and how surely.
#[test]
fn the_attacks_do_as_well_as_was_measured_before() {
    let step = |lap: f64, step: f64| (lap / step).round() * step;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let rng = &mut rng;
    let expect = |name, expected: std::ops::RangeInclusive<f64>, scaled, release: Vec<_>| {
        let result = attack(&release, scaled);
        assert!(expected.contains(&result.best), "{name}: {result:?}");
        assert!((result.chance - 0.029).abs() < 5e-4 && result.links == 311);
    };
    let raw = released(|laps, _| laps.to_vec());
    expect("raw", 1.0..=1.0, false, raw);
    let rounded = released(|laps, _| laps.iter().map(|lap| step(*lap, 0.1)).collect());
    expect("rounded to 0.1 s", 0.995..=1.0, false, rounded);
    let rounded = released(|laps, _| laps.iter().map(|lap| step(*lap, 1.0)).collect());
    expect("rounded to 1 s", 0.95..=1.0, false, rounded);
    let noisy = released(|laps, _| laps.iter().map(|lap| lap + 0.2 * noise(rng)).collect());
    expect("noise of 0.2 s", 0.99..=1.0, false, noisy);
    let noisy = released(|laps, _| laps.iter().map(|lap| lap + 0.5 * noise(rng)).collect());
    expect("noise of 0.5 s", 0.95..=1.0, false, noisy);
    let hidden = released(|laps, _| laps.iter().map(|lap| 0.7 * lap).collect());
    expect("scaled", 1.0..=1.0, true, hidden);
    let unordered = released(|laps, median| {
        let laps = shuffled(laps, usize::MAX, rng);
        laps.iter().map(|lap| step(lap / median, 0.001)).collect()
    });
    expect("scaled, shuffled", 0.85..=1.0, true, unordered);
    let few = released(|laps, median| {
        let laps = shuffled(laps, 15, rng);
        laps.iter().map(|lap| lap / median).collect()
    });
    expect("15 laps of that", 0.40..=0.56, true, few);
    let few = released(|laps, median| {
        let laps = shuffled(laps, 15, rng);
        let noisy = |lap: &f64| step(lap / median + 0.005 * noise(rng), 0.001);
        laps.iter().map(noisy).collect()
    });
    expect("with noise of 0.5 %", 0.26..=0.40, true, few);
}

/// Releases of each k; the promise was seen to hold on a hundred.
const SEEDS: u64 = 3;

#[test]
fn pace_cells_keep_the_promise_and_the_ranking() {
    for (k, least_rho) in [(5, 0.97), (8, 0.93), (11, 0.88)] {
        for seed in 0..SEEDS {
            let release = in_pace_cells(k + PaceCells::MARGIN, seed);
            let result = attack(&release, true);
            let rho = pace_ranking(&release).unwrap().rho;
            assert!(result.upper95 <= 1.0 / k as f64 + 0.05, "{k}: {result:?}");
            assert!(rho >= least_rho, "k {k} keeps {rho} of the ranking");
        }
    }
}

/// A driver's place in the field is not steady enough to be found again by it, even in the raw laps.
#[test]
fn a_driver_is_not_found_again_in_another_event() {
    let across = |release: Vec<EventSequences>| {
        let events: Vec<_> = release.into_iter().map(|event| event.released).collect();
        link_across(&event_pairs(&events), &LinkageSettings::default()).unwrap()
    };
    let raw = released(|laps, _| laps.to_vec());
    for release in [raw, in_pace_cells(5 + PaceCells::MARGIN, 0)] {
        let result = across(release);
        assert!(result.best <= result.chance + 0.05, "{result:?}");
        assert_eq!(result.events, 36);
    }
}

//! Rating drivers: the pace model of 34,000 real laps of endurance races, a scout's columns of a simulated
//! season, and the consensus of 25 models about 120 drivers.
//!
//!     cargo bench --bench talent

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, criterion_group, criterion_main};
use paddock::datasets::simulator::{Parameters, simulate};
use paddock::datasets::tables::Source;
use paddock::talent::consensus::{Panel, Row, Submission, consensus};
use paddock::talent::laps::LapTable;
use paddock::talent::pace_model::{Observation, TimedLap, clean_laps, clean_positions, fit};
use paddock::talent::scouting::{ScoutedLap, columns};
use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha8Rng};
use rand_distr::StandardNormal;

const MODELS: usize = 25;
const DRIVERS: usize = 120;
const EVENTS: usize = 6;
const RESAMPLES: usize = 400;

fn pace_model(criterion: &mut Criterion) {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/data/rental-endurance-laps.csv"
    );
    let read = || LapTable::read(Source::File(PathBuf::from(path))).expect("the laps are read");
    let table = read();
    let mut group = criterion.benchmark_group("pace model");
    group.sample_size(20);
    group.bench_function("fit of 34,498 laps", |bencher| {
        bencher.iter(|| {
            let timed = table.timed_laps();
            fit(&clean_laps(black_box(&timed))).expect("the laps are fitted")
        });
    });
    group.bench_function("fit of 34,498 laps, read from CSV", |bencher| {
        bencher.iter(|| {
            let table = read();
            fit(&clean_laps(&table.timed_laps())).expect("the laps are fitted")
        });
    });
    group.finish();
}

fn scouting(criterion: &mut Criterion) {
    let season = simulate(&Parameters::default(), &mut |_| {}).expect("the season is simulated");
    let rows: Vec<_> = season
        .rows()
        .map(|row| (row, row.kart.to_string(), row.stint.to_string()))
        .collect();
    let laps: Vec<ScoutedLap<'_>> = rows
        .iter()
        .map(|(row, kart, stint)| ScoutedLap {
            lap: TimedLap {
                observation: Observation {
                    driver: row.driver_id,
                    event: row.event,
                    session: row.session,
                    kart,
                    stint,
                    seconds: row.lap_time,
                    wet: row.wet,
                },
                out_lap: row.out_lap,
                pit: row.pit,
            },
            sectors: vec![row.sector_1, row.sector_2, row.sector_3],
            position: Some(row.position),
        })
        .collect();
    let timed: Vec<TimedLap<'_>> = laps.iter().map(|lap| lap.lap).collect();
    let fit = fit(&clean_laps(&timed)).expect("the laps are fitted");
    let mut group = criterion.benchmark_group("scouting");
    group.sample_size(20);
    group.bench_function(format!("columns of {} laps", laps.len()), |bencher| {
        bencher.iter(|| {
            columns(
                black_box(&laps),
                &clean_positions(&timed),
                &fit,
                &BTreeMap::new(),
                None,
            )
        });
    });
    group.finish();
}

fn crowd(criterion: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut normal = || -> f64 { rng.sample(StandardNormal) };
    let talent: Vec<f64> = (0..DRIVERS).map(|_| normal()).collect();
    let rows: Vec<Row> = (0..EVENTS * DRIVERS)
        .map(|row| Row {
            driver: format!("D{:03}", row % DRIVERS),
            event: format!("R{}", row / DRIVERS),
            truth: Some(talent[row % DRIVERS] + 0.3 * normal()),
        })
        .collect();
    let submissions: Vec<Submission> = (0..MODELS)
        .map(|model| {
            let mut rate =
                |row: usize| talent[row % DRIVERS] + (0.5 + 0.04 * model as f64) * normal();
            Submission {
                id: format!("model {model}"),
                team: format!("team {}", model % 12),
                ratings: (0..EVENTS * DRIVERS).map(&mut rate).collect(),
            }
        })
        .collect();
    let panel = Panel::new(rows, submissions).expect("the panel is one");
    let mut group = criterion.benchmark_group("consensus");
    group.sample_size(10);
    let name =
        format!("{MODELS} models, {DRIVERS} drivers, {EVENTS} events, {RESAMPLES} resamples");
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let mut rng = ChaCha8Rng::seed_from_u64(2);
            consensus(black_box(&panel), RESAMPLES, &mut rng)
        });
    });
    group.finish();
}

criterion_group!(benches, pace_model, scouting, crowd);
criterion_main!(benches);

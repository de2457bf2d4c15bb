//! Ratings of drivers: higher is faster.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_distr::Normal;

use super::{Tables, mean, median};
use crate::talent::pace_model::{self, Fit};

type Output<'a> = csv::Writer<&'a mut Vec<u8>>;

/// Noise of the baseline that is worse on purpose, in per cent of lap time.
const NOISE_PER_CENT: f64 = 0.4;

fn write(
    tables: &Tables,
    mut output: Output<'_>,
    mut rate: impl FnMut(&str) -> f64,
) -> anyhow::Result<()> {
    output.write_record(["driver_id", "rating"])?;
    let laps = tables.train.iter().chain(&tables.test);
    let drivers: BTreeMap<&str, ()> = laps.map(|lap| (lap.driver.as_str(), ())).collect();
    for driver in drivers.into_keys() {
        output.write_record([driver, &format!("{:.6}", rate(driver))])?;
    }
    Ok(output.flush()?)
}

/// No idea at all.
pub fn random_order(tables: &Tables, output: Output<'_>) -> anyhow::Result<()> {
    let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(3);
    write(tables, output, |_| rng.random())
}

/// Who is in front: without regard to the kart, the grid and who else is on it.
pub fn mean_position(tables: &Tables, output: Output<'_>) -> anyhow::Result<()> {
    let laps = tables.train.iter();
    let positions = by_driver(laps.filter_map(|lap| Some((lap.driver.as_str(), lap.position?))));
    write(tables, output, |driver| {
        of(&positions, driver, |positions| -mean(positions))
    })
}

/// Who needs less time for a lap, pit stops and mistakes included.
pub fn mean_lap_time(tables: &Tables, output: Output<'_>) -> anyhow::Result<()> {
    let laps = tables.train.iter();
    let times = by_driver(laps.filter_map(|lap| Some((lap.driver.as_str(), lap.seconds?))));
    write(tables, output, |driver| {
        of(&times, driver, |times| -mean(times))
    })
}

/// Who is faster than the event's middle lap on clean laps.
pub fn relative_pace(tables: &Tables, output: Output<'_>) -> anyhow::Result<()> {
    let clean = tables.clean_laps();
    let mut by_event: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for lap in &clean {
        by_event.entry(lap.event).or_default().push(lap.seconds);
    }
    let medians: BTreeMap<&str, f64> = by_event
        .into_iter()
        .map(|(event, mut times)| (event, median(&mut times)))
        .collect();
    let ratios = by_driver(
        clean
            .iter()
            .map(|lap| (lap.driver, lap.seconds / medians[lap.event])),
    );
    write(tables, output, |driver| {
        of(&ratios, driver, |mut ratios| -100.0 * median(&mut ratios))
    })
}

/// The mixed model, which takes event, kart, form and stint out.
pub fn pace_model(tables: &Tables, output: Output<'_>) -> anyhow::Result<()> {
    let fit = pace_model::fit(&tables.clean_laps())?;
    write(tables, output, |driver| rating(&fit, driver))
}

/// The same, worse on purpose.
pub fn noisy_pace_model(tables: &Tables, output: Output<'_>) -> anyhow::Result<()> {
    let fit = pace_model::fit(&tables.clean_laps())?;
    let noise = Normal::new(0.0, NOISE_PER_CENT)?;
    let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(2);
    write(tables, output, |driver| {
        rating(&fit, driver) + rng.sample(noise)
    })
}

fn rating(fit: &Fit, driver: &str) -> f64 {
    let found = fit.drivers.iter().find(|known| known.driver == driver);
    found.map_or(0.0, |driver| -100.0 * driver.pace.value)
}

fn by_driver<'a>(values: impl Iterator<Item = (&'a str, f64)>) -> BTreeMap<&'a str, Vec<f64>> {
    let mut found: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (driver, value) in values {
        found.entry(driver).or_default().push(value);
    }
    found
}

/// A driver of whom nothing is known is rated as the worst.
fn of(values: &BTreeMap<&str, Vec<f64>>, driver: &str, rate: impl Fn(Vec<f64>) -> f64) -> f64 {
    match values.get(driver) {
        Some(values) => rate(values.clone()),
        None => {
            let all = values.values().map(|values| rate(values.clone()));
            all.fold(f64::INFINITY, f64::min)
        }
    }
}

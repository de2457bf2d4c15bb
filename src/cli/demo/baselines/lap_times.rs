//! Predictions of lap times.

use std::collections::HashMap;
use std::hash::Hash;
use std::io::Write;

use anyhow::Context;
use rand::{RngExt, SeedableRng};
use rand_distr::Normal;

use super::{LapRecord, Tables, mean, median};
use crate::talent::pace_model::{self, Fit};

type Output<'a> = csv::Writer<&'a mut Vec<u8>>;

/// Noise of the baseline that is worse on purpose, in seconds.
const NOISE_SECONDS: f64 = 0.6;

fn write(
    tables: &Tables,
    mut output: csv::Writer<impl Write>,
    mut predict: impl FnMut(&LapRecord) -> f64,
) -> anyhow::Result<()> {
    output.write_record(["id", "lap_time"])?;
    for lap in &tables.test {
        let id = lap.id.context("a row to predict has no id")?;
        output.write_record([id.to_string(), format!("{:.3}", predict(lap))])?;
    }
    Ok(output.flush()?)
}

/// The times of the laps to learn from, by some key.
fn times_by<'a, Key: Hash + Eq>(
    tables: &'a Tables,
    key: impl Fn(&'a LapRecord) -> Key,
) -> HashMap<Key, Vec<f64>> {
    let mut times: HashMap<Key, Vec<f64>> = HashMap::new();
    for lap in &tables.train {
        if let Some(seconds) = lap.seconds {
            times.entry(key(lap)).or_default().push(seconds);
        }
    }
    times
}

fn overall_mean(tables: &Tables) -> f64 {
    mean(tables.train.iter().filter_map(|lap| lap.seconds))
}

/// The same for every lap.
pub fn constant_mean(tables: &Tables, output: Output<'_>) -> anyhow::Result<()> {
    let everywhere = overall_mean(tables);
    write(tables, output, |_| everywhere)
}

/// What a lap of the event took on average.
pub fn event_mean(tables: &Tables, output: Output<'_>) -> anyhow::Result<()> {
    let everywhere = overall_mean(tables);
    let means: HashMap<&str, f64> = times_by(tables, |lap| lap.event.as_str())
        .into_iter()
        .map(|(event, times)| (event, mean(times)))
        .collect();
    write(tables, output, |lap| {
        *means.get(lap.event.as_str()).unwrap_or(&everywhere)
    })
}

/// What the middle lap of the event took: slow laps pull a mean up, not a median.
pub fn event_median(tables: &Tables, output: Output<'_>) -> anyhow::Result<()> {
    let everywhere = overall_mean(tables);
    let medians = medians(times_by(tables, |lap| lap.event.as_str()));
    write(tables, output, |lap| {
        *medians.get(lap.event.as_str()).unwrap_or(&everywhere)
    })
}

/// What the driver's middle lap of the event took.
pub fn driver_event_median(tables: &Tables, output: Output<'_>) -> anyhow::Result<()> {
    let everywhere = overall_mean(tables);
    let of_event = medians(times_by(tables, |lap| lap.event.as_str()));
    let of_driver = medians(times_by(tables, |lap| {
        (lap.event.as_str(), lap.driver.as_str())
    }));
    write(tables, output, |lap| {
        of_driver
            .get(&(lap.event.as_str(), lap.driver.as_str()))
            .or_else(|| of_event.get(lap.event.as_str()))
            .copied()
            .unwrap_or(everywhere)
    })
}

/// What the model that is sent as code has learned: the medians of [`driver_event_median`].
pub fn table_of_medians(tables: &Tables, mut output: Output<'_>) -> anyhow::Result<()> {
    output.write_record(["event", "driver_id", "seconds"])?;
    let everywhere = overall_mean(tables);
    output.write_record(["", "", &format!("{everywhere:.3}")])?;
    let of_event = medians(times_by(tables, |lap| (lap.event.as_str(), "")));
    let of_driver = medians(times_by(tables, |lap| {
        (lap.event.as_str(), lap.driver.as_str())
    }));
    let mut rows: Vec<_> = of_event.into_iter().chain(of_driver).collect();
    rows.sort_by_key(|(key, _)| *key);
    for ((event, driver), seconds) in rows {
        output.write_record([event, driver, &format!("{seconds:.3}")])?;
    }
    Ok(output.flush()?)
}

fn medians<Key: Hash + Eq>(times: HashMap<Key, Vec<f64>>) -> HashMap<Key, f64> {
    times
        .into_iter()
        .map(|(key, mut times)| (key, median(&mut times)))
        .collect()
}

/// The mixed model's view of event, driver, kart and form, with out-laps and pit laps apart.
pub fn pace_model(tables: &Tables, output: Output<'_>) -> anyhow::Result<()> {
    let model = Model::fit(tables)?;
    write(tables, output, |lap| model.predict(lap))
}

/// The same, worse on purpose.
pub fn noisy_pace_model(tables: &Tables, output: Output<'_>) -> anyhow::Result<()> {
    let model = Model::fit(tables)?;
    let noise = Normal::new(0.0, NOISE_SECONDS)?;
    let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(1);
    write(tables, output, |lap| model.predict(lap) + rng.sample(noise))
}

/// log(seconds) = event + driver + what kart and form did to the driver at the event.
struct Model<'a> {
    drivers: HashMap<&'a str, DriverPace>,
    events: HashMap<&'a str, f64>,
    /// By event and driver.
    deviations: HashMap<(&'a str, &'a str), f64>,
    /// What an out-lap takes, as a multiple of a clean lap.
    out_lap: f64,
    /// What a lap through the pits takes longer, in seconds.
    pit_seconds: f64,
}

/// Log ratios to the mean driver.
#[derive(Clone, Copy, Default)]
struct DriverPace {
    dry: f64,
    wet: f64,
}

impl DriverPace {
    fn in_weather(self, wet: bool) -> f64 {
        if wet { self.dry + self.wet } else { self.dry }
    }
}

impl<'a> Model<'a> {
    fn fit(tables: &'a Tables) -> anyhow::Result<Self> {
        let clean = tables.clean_laps();
        let fit = pace_model::fit(&clean)?;
        let of_driver: HashMap<&str, DriverPace> = fit
            .drivers
            .iter()
            .map(|driver| {
                let pace = DriverPace {
                    dry: driver.pace.value.ln_1p(),
                    wet: driver.wet.map_or(0.0, |wet| wet.value.ln_1p()),
                };
                (driver.driver.as_str(), pace)
            })
            .collect();
        let drivers: HashMap<&'a str, DriverPace> = clean
            .iter()
            .map(|lap| {
                (
                    lap.driver,
                    of_driver.get(lap.driver).copied().unwrap_or_default(),
                )
            })
            .collect();
        let against_driver: Vec<f64> = clean
            .iter()
            .map(|lap| lap.seconds.ln() - drivers[lap.driver].in_weather(lap.wet))
            .collect();
        let mut by_event: HashMap<&'a str, Vec<f64>> = HashMap::new();
        for (lap, log) in clean.iter().zip(&against_driver) {
            by_event.entry(lap.event).or_default().push(*log);
        }
        let events: HashMap<&'a str, f64> = by_event
            .into_iter()
            .map(|(event, logs)| (event, mean(logs)))
            .collect();
        // By event and driver, the deviations of each stint.
        let mut stints: HashMap<(&'a str, &'a str), HashMap<&'a str, Vec<f64>>> = HashMap::new();
        for (lap, log) in clean.iter().zip(&against_driver) {
            let of_driver = stints.entry((lap.event, lap.driver)).or_default();
            of_driver
                .entry(lap.stint)
                .or_default()
                .push(log - events[lap.event]);
        }
        let deviations = stints
            .into_iter()
            .map(|(key, stints)| (key, shrunk_mean(&fit, &stints)))
            .collect();
        let mut model = Self {
            drivers,
            events,
            deviations,
            out_lap: 1.0,
            pit_seconds: 0.0,
        };
        model.learn_slow_laps(&tables.train);
        Ok(model)
    }

    fn learn_slow_laps(&mut self, train: &[LapRecord]) {
        let timed = || train.iter().filter_map(|lap| Some((lap, lap.seconds?)));
        let mut ratios: Vec<f64> = timed()
            .filter(|(lap, _)| lap.out_lap && !lap.pit)
            .map(|(lap, seconds)| seconds / self.clean_lap(lap))
            .collect();
        if !ratios.is_empty() {
            self.out_lap = median(&mut ratios);
        }
        let mut losses: Vec<f64> = timed()
            .filter(|(lap, _)| lap.pit && !lap.out_lap)
            .map(|(lap, seconds)| seconds - self.clean_lap(lap))
            .collect();
        if !losses.is_empty() {
            self.pit_seconds = median(&mut losses);
        }
    }

    fn clean_lap(&self, lap: &LapRecord) -> f64 {
        let (event, driver) = (lap.event.as_str(), lap.driver.as_str());
        let everywhere = mean(self.events.values().copied());
        let log = self.events.get(event).copied().unwrap_or(everywhere)
            + self
                .drivers
                .get(driver)
                .copied()
                .unwrap_or_default()
                .in_weather(lap.wet)
            + self
                .deviations
                .get(&(event, driver))
                .copied()
                .unwrap_or_default();
        log.exp()
    }

    fn predict(&self, lap: &LapRecord) -> f64 {
        let factor = if lap.out_lap { self.out_lap } else { 1.0 };
        let loss = if lap.pit { self.pit_seconds } else { 0.0 };
        factor * self.clean_lap(lap) + loss
    }
}

/// The driver's mean deviation at the event, drawn towards none as far as stints and single laps could
/// have made it by chance.
fn shrunk_mean(fit: &Fit, stints: &HashMap<&str, Vec<f64>>) -> f64 {
    let deviations = fit.standard_deviations;
    let square = |deviation: Option<f64>| deviation.unwrap_or(0.0).powi(2);
    let lasting = square(deviations.kart) + square(deviations.driver_event);
    let chance = |laps: &Vec<f64>| {
        square(deviations.stint) + deviations.residual.powi(2) / laps.len() as f64
    };
    let weights: f64 = stints.values().map(|laps| 1.0 / chance(laps)).sum();
    let weighted: f64 = stints
        .values()
        .map(|laps| mean(laps.iter().copied()) / chance(laps))
        .sum();
    match weights > 0.0 {
        true => weighted / weights * lasting / (lasting + 1.0 / weights),
        false => 0.0,
    }
}

//! What simple models predict from the published tables: something for the leaderboards to rank, and
//! for competitors to beat.

mod lap_times;
mod ratings;

use std::io::{Cursor, Write};
use std::sync::Arc;

use anyhow::Context;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::challenges::{DRIVER_RATING, LAP_TIMES};
use crate::datasets::tables::{Source, Table};
use crate::scoring::kind::SubmissionKind;
use crate::talent::pace_model::{Observation, TimedLap, clean_laps};

/// A lap of the release.
#[derive(Debug, Clone, Default)]
pub struct LapRecord {
    /// Of the rows to predict.
    id: Option<u64>,
    event: String,
    session: String,
    driver: String,
    kart: String,
    stint: String,
    wet: bool,
    out_lap: bool,
    pit: bool,
    /// Of the rows to learn from.
    position: Option<f64>,
    seconds: Option<f64>,
}

impl LapRecord {
    /// Reads a table of the release.
    pub fn read(source: Source) -> anyhow::Result<Vec<Self>> {
        let table = Table::open(source)?;
        let schema = table.schema();
        let at = |name: &str| schema.require(name);
        let [event, session, driver, kart, stint] = [
            at("event")?,
            at("session")?,
            at("driver_id")?,
            at("kart")?,
            at("stint")?,
        ];
        let [wet, out_lap, pit] = [at("wet")?, at("out_lap")?, at("pit")?];
        let [id, position, seconds] =
            ["id", "position", "lap_time"].map(|name| schema.position(name));
        let mut laps = Vec::new();
        for batch in table.batches()? {
            let batch = batch?;
            for row in 0..batch.rows() {
                let text = |column: usize| batch.column(column).cell(row).to_string();
                let flag = |column: usize| text(column) == "true";
                let number = |column: usize| batch.column(column).cell(row).as_number();
                laps.push(Self {
                    id: id.and_then(|column| text(column).parse().ok()),
                    event: text(event),
                    session: text(session),
                    driver: text(driver),
                    kart: text(kart),
                    stint: text(stint),
                    wet: flag(wet),
                    out_lap: flag(out_lap),
                    pit: flag(pit),
                    position: position.and_then(number),
                    seconds: seconds.and_then(number),
                });
            }
        }
        Ok(laps)
    }
}

/// The two tables of the release.
pub struct Tables {
    pub train: Vec<LapRecord>,
    pub test: Vec<LapRecord>,
}

impl Tables {
    /// The training laps that say something about pace.
    fn clean_laps(&self) -> Vec<Observation<'_>> {
        let laps: Vec<TimedLap<'_>> = self
            .train
            .iter()
            .filter_map(|lap| {
                Some(TimedLap {
                    observation: Observation {
                        driver: &lap.driver,
                        event: &lap.event,
                        session: &lap.session,
                        kart: &lap.kart,
                        stint: &lap.stint,
                        seconds: lap.seconds?,
                        wet: lap.wet,
                    },
                    out_lap: lap.out_lap,
                    pit: lap.pit,
                })
            })
            .collect();
        clean_laps(&laps)
    }
}

/// A model with who sends its predictions.
pub struct Baseline {
    pub challenge: &'static str,
    pub username: &'static str,
    /// Also what its submission says about itself, by which it is found again.
    pub name: &'static str,
    /// What is sent: its predictions, or the model itself.
    pub kind: SubmissionKind,
    model: Model,
}

/// Writes predictions as CSV; of a model that is sent itself, the table that it predicts from.
type Model = fn(&Tables, csv::Writer<&mut Vec<u8>>) -> anyhow::Result<()>;

/// The code of the model that is sent itself.
const DRIVER_MEDIAN: &str =
    include_str!("../../../datasets/championship/models/driver-median/main.py");

impl Baseline {
    /// The file to send.
    pub async fn file(&self, tables: &Arc<Tables>) -> anyhow::Result<Vec<u8>> {
        let (tables, model, kind) = (Arc::clone(tables), self.model, self.kind);
        let made = tokio::task::spawn_blocking(move || {
            let mut table = Vec::new();
            model(&tables, csv::Writer::from_writer(&mut table))?;
            if kind.is_model() {
                return archive(&[
                    ("main.py", DRIVER_MEDIAN.as_bytes()),
                    ("medians.csv", &table),
                ]);
            }
            Ok(table)
        });
        made.await?
            .with_context(|| format!("the baseline `{}` failed", self.name))
    }
}

fn archive(files: &[(&str, &[u8])]) -> anyhow::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default())?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

const fn baseline(
    challenge: &'static str,
    username: &'static str,
    name: &'static str,
    model: Model,
) -> Baseline {
    Baseline {
        challenge,
        username,
        name,
        kind: SubmissionKind::Predictions,
        model,
    }
}

const fn as_code(baseline: Baseline) -> Baseline {
    Baseline {
        kind: SubmissionKind::Python,
        ..baseline
    }
}

/// Every baseline, the simplest of each challenge first.
#[rustfmt::skip]
pub const ALL: &[Baseline] = &[
    baseline(LAP_TIMES, "demo-expert", "Constant mean", lap_times::constant_mean),
    baseline(LAP_TIMES, "demo-expert-2", "Mean of the event", lap_times::event_mean),
    baseline(LAP_TIMES, "demo-expert-3", "Median of the event", lap_times::event_median),
    baseline(LAP_TIMES, "demo-expert-4", "Median of the driver at the event", lap_times::driver_event_median),
    as_code(baseline(LAP_TIMES, "demo-expert-4", "The same as Python code", lap_times::table_of_medians)),
    baseline(LAP_TIMES, "demo-expert-5", "Pace model with noise", lap_times::noisy_pace_model),
    baseline(LAP_TIMES, "demo-expert-6", "Pace model", lap_times::pace_model),
    baseline(DRIVER_RATING, "demo-expert", "Random order", ratings::random_order),
    baseline(DRIVER_RATING, "demo-expert-2", "Mean position", ratings::mean_position),
    baseline(DRIVER_RATING, "demo-expert-3", "Mean lap time", ratings::mean_lap_time),
    baseline(DRIVER_RATING, "demo-expert-4", "Median clean lap against the event's", ratings::relative_pace),
    baseline(DRIVER_RATING, "demo-expert-5", "Pace model with noise", ratings::noisy_pace_model),
    baseline(DRIVER_RATING, "demo-expert-6", "Pace model", ratings::pace_model),
];

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = values
        .into_iter()
        .fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}

//! `paddock talent`: what laps say about drivers.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::output;
use crate::datasets::tables::Source;
use crate::talent::laps::LapTable;
use crate::talent::pace_model::{DriverPace, Estimate, Fit, clean_laps, fit};

/// Characters of the picture of an interval.
const COLUMNS: usize = 31;

/// Talent: what laps say about drivers
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  paddock talent fit laps.csv")]
pub enum TalentCommand {
    Fit(FitArguments),
}

/// Rate drivers by their laps, once kart, day and track are taken out
///
/// Fits a mixed model to the clean laps of a table, CSV or Parquet, one row a lap. Columns are found by their
/// names: driver_id and lap_time, and where there are any event, session, kart, stint, lap, wet, out_lap and pit.
/// Paces are fractions of lap time against the mean driver of the table, less is faster, with 95 % intervals.
/// Wet laps are told apart: by the column wet, or else by how slow the whole field was.
///
/// With --json a standard deviation is null where the laps cannot tell it from another one: that of karts if
/// everyone has their own, that of a driver at an event if nobody has two events.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    paddock simulate --output season && paddock talent fit season/laps.csv\n  \
    paddock talent fit --json laps.parquet")]
pub struct FitArguments {
    /// The table of laps
    laps: PathBuf,
    /// Print JSON for programs instead of text
    #[arg(long)]
    json: bool,
}

/// Runs a subcommand.
///
/// # Errors
/// A table that cannot be read, and laps that cannot be fitted.
pub fn run(command: TalentCommand) -> anyhow::Result<()> {
    let TalentCommand::Fit(arguments) = command;
    let file = arguments.laps.display().to_string();
    let table = LapTable::read(Source::File(arguments.laps)).with_context(|| file.clone())?;
    let timed = table.timed_laps();
    let clean = clean_laps(&timed);
    let fit = fit(&clean).with_context(|| file.clone())?;
    if arguments.json {
        output::line(serde_json::to_string_pretty(&Printed::new(&table, &fit))?)?;
        return Ok(());
    }
    output::line(format!(
        "{} laps, {} of them clean\n",
        table.laps.len(),
        clean.len()
    ))?;
    print_deviations(&fit)?;
    print_drivers(&fit)?;
    if !table.warnings.is_empty() {
        output::line("")?;
    }
    for warning in &table.warnings {
        output::line(format!("- {warning}"))?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Printed<'a> {
    standard_deviations: PrintedDeviations,
    drivers: Vec<PrintedDriver<'a>>,
    events: Vec<PrintedEvent<'a>>,
    warnings: &'a [String],
}

/// Fractions of lap time; null where the laps cannot tell.
#[derive(Serialize)]
struct PrintedDeviations {
    driver: f64,
    kart: Option<f64>,
    driver_event: Option<f64>,
    stint: Option<f64>,
    residual: f64,
    wet: Option<f64>,
}

#[derive(Serialize)]
struct PrintedDriver<'a> {
    id: &'a str,
    pace: f64,
    low: f64,
    high: f64,
    laps: usize,
    /// Whether there are laps enough to rank the driver.
    rated: bool,
    /// What the wet adds; null without laps in the wet.
    wet: Option<PrintedEstimate>,
}

#[derive(Serialize)]
struct PrintedEstimate {
    value: f64,
    low: f64,
    high: f64,
}

#[derive(Serialize)]
struct PrintedEvent<'a> {
    id: &'a str,
    laps: usize,
    wet_laps: usize,
}

impl<'a> Printed<'a> {
    fn new(table: &'a LapTable, fit: &'a Fit) -> Self {
        let deviations = &fit.standard_deviations;
        let driver = |driver: &'a DriverPace| PrintedDriver {
            id: &driver.driver,
            pace: driver.pace.value,
            low: driver.pace.low,
            high: driver.pace.high,
            laps: driver.laps,
            rated: driver.is_rated(),
            wet: driver.wet.map(|wet| PrintedEstimate {
                value: wet.value,
                low: wet.low,
                high: wet.high,
            }),
        };
        Self {
            standard_deviations: PrintedDeviations {
                driver: deviations.driver,
                kart: deviations.kart,
                driver_event: deviations.driver_event,
                stint: deviations.stint,
                residual: deviations.residual,
                wet: deviations.wet,
            },
            drivers: fit.drivers.iter().map(driver).collect(),
            events: table
                .events()
                .into_iter()
                .map(|(id, (laps, wet_laps))| PrintedEvent { id, laps, wet_laps })
                .collect(),
            warnings: &table.warnings,
        }
    }
}

fn print_deviations(fit: &Fit) -> anyhow::Result<()> {
    let deviations = &fit.standard_deviations;
    let rows = [
        ("driver", Some(deviations.driver)),
        ("driver in the wet", deviations.wet),
        ("kart at an event", deviations.kart),
        ("driver at an event", deviations.driver_event),
        ("stint", deviations.stint),
        ("lap", Some(deviations.residual)),
    ];
    let rows = rows.map(|(name, deviation)| {
        let percent = deviation.map(|deviation| format!("{:.2} %", 100.0 * deviation));
        [
            name.to_owned(),
            percent.unwrap_or_else(|| "cannot be told".to_owned()),
        ]
    });
    output::table(["LAPS DIFFER BY", "STANDARD DEVIATION"], &rows)?;
    output::line("")?;
    Ok(())
}

fn print_drivers(fit: &Fit) -> anyhow::Result<()> {
    let rated = || fit.drivers.iter().filter(|driver| driver.is_rated());
    let ends = rated().flat_map(|driver| [driver.pace.low.abs(), driver.pace.high.abs()]);
    let scale = ends.fold(0.0, f64::max);
    let percent = |value: f64| format!("{:+.2}", 100.0 * value);
    let rows: Vec<[String; 5]> = rated()
        .map(|driver| {
            [
                driver.driver.chars().map(printable).collect(),
                driver.laps.to_string(),
                percent(driver.pace.value),
                format!(
                    "{} to {}",
                    percent(driver.pace.low),
                    percent(driver.pace.high)
                ),
                picture(&driver.pace, scale),
            ]
        })
        .collect();
    output::table(
        ["DRIVER", "LAPS", "PACE %", "95 %", "FASTER … SLOWER"],
        &rows,
    )?;
    let unrated = fit.drivers.len() - rows.len();
    if unrated > 0 {
        output::line(format!(
            "\n{unrated} drivers with fewer than ten clean laps are not rated."
        ))?;
    }
    Ok(())
}

/// An interval as a line with its value on it, the mean driver in the middle.
fn picture(estimate: &Estimate, scale: f64) -> String {
    let half = (COLUMNS / 2) as f64;
    let column = |value: f64| {
        (half + (value / scale.max(f64::MIN_POSITIVE)).clamp(-1.0, 1.0) * half).round() as usize
    };
    let [low, value, high] = [estimate.low, estimate.value, estimate.high].map(column);
    let character = |at: usize| {
        if at == value {
            '●'
        } else if (low..=high).contains(&at) {
            '─'
        } else if at == COLUMNS / 2 {
            '│'
        } else {
            ' '
        }
    };
    (0..COLUMNS).map(character).collect()
}

/// Characters that would move the terminal's cursor are replaced.
fn printable(character: char) -> char {
    if character.is_control() {
        '\u{fffd}'
    } else {
        character
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_drawn_where_it_lies() {
        let estimate = Estimate {
            value: -0.5,
            low: -1.0,
            high: 0.0,
        };
        let drawn = picture(&estimate, 1.0);
        assert_eq!(drawn.chars().count(), COLUMNS);
        assert_eq!(drawn.trim_end(), "────────●───────");
        let none = Estimate {
            value: 0.0,
            low: 0.0,
            high: 0.0,
        };
        assert_eq!(picture(&none, 0.0).trim(), "●", "drivers who do not differ");
    }
}

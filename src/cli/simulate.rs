//! `paddock simulate`: a championship whose true talent is known.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::output;
use super::progress::Progress;
use crate::datasets::simulator::{Championship, KartClass, Parameters, simulate};
use crate::datasets::tables::{Format, Source, Table, TableWriter};

/// Simulate a championship: laps, and the true talent behind them
///
/// Writes laps.csv (or laps.parquet), one row a lap, with the drivers' made-up names, and truth.csv, one
/// row a driver, which a challenge keeps hidden. The same arguments give the same bytes on every machine.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    paddock simulate --output season\n  \
    paddock simulate --drivers 120 --events 12 --seed 7 --class senior --format parquet --output season")]
pub struct SimulateArguments {
    /// How many drivers, 4 to 400
    #[arg(long, value_name = "N", default_value_t = Parameters::default().drivers)]
    drivers: u32,
    /// How many events, 1 to 100
    #[arg(long, value_name = "N", default_value_t = Parameters::default().events)]
    events: u32,
    /// How many of them in the wet [default: a fifth]
    #[arg(long, value_name = "N")]
    wet_events: Option<u32>,
    /// Stints of each driver at each event, 1 to 10
    #[arg(long, value_name = "N", default_value_t = Parameters::default().stints)]
    stints: u32,
    /// What everything is drawn from
    #[arg(long, value_name = "S", default_value_t = Parameters::default().seed)]
    seed: u64,
    /// The class of karts: rental, cadet, mini60, junior or senior
    #[arg(long, default_value = "junior", value_parser = class)]
    class: KartClass,
    /// Folder to write to; made if it does not exist
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Format of the lap table
    #[arg(long, value_enum, default_value_t = LapFormat::Csv)]
    format: LapFormat,
}

/// A format of the lap table.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LapFormat {
    Csv,
    Parquet,
}

fn class(name: &str) -> Result<KartClass, String> {
    let mut classes = KartClass::ALL.into_iter();
    classes
        .find(|class| class.to_string() == name)
        .ok_or_else(|| {
            format!(
                "choose one of {}",
                KartClass::ALL.map(|class| class.to_string()).join(", ")
            )
        })
}

pub fn run(arguments: &SimulateArguments) -> anyhow::Result<()> {
    let parameters = Parameters {
        drivers: arguments.drivers,
        events: arguments.events,
        wet_events: arguments.wet_events.unwrap_or(arguments.events / 5),
        stints: arguments.stints,
        class: arguments.class,
        seed: arguments.seed,
        ..Parameters::default()
    };
    let what = format!(
        "Simulating {} drivers at {} events",
        parameters.drivers, parameters.events
    );
    let progress = Progress::begin(what, u64::from(parameters.events))?;
    let championship = simulate(&parameters, &mut |at| {
        progress.done(u64::from(at.events_done))
    })?;
    let folder = &arguments.output;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    let laps = match arguments.format {
        LapFormat::Csv => folder.join("laps.csv"),
        LapFormat::Parquet => folder.join("laps.parquet"),
    };
    let truth = folder.join("truth.csv");
    write_laps(&championship, arguments.format, &laps)
        .with_context(|| format!("{} cannot be written", laps.display()))?;
    championship
        .write_truth_csv(BufWriter::new(create(&truth)?))
        .with_context(|| format!("{} cannot be written", truth.display()))?;
    progress.finish(&format!("{} laps", championship.laps.len()))?;
    output::line(format!("{}\n{}", laps.display(), truth.display()))?;
    Ok(())
}

fn write_laps(championship: &Championship, format: LapFormat, path: &Path) -> anyhow::Result<()> {
    let LapFormat::Parquet = format else {
        return Ok(championship.write_laps_csv(BufWriter::new(create(path)?))?);
    };
    let mut csv = Vec::new();
    championship.write_laps_csv(&mut csv)?;
    let table = Table::open(Source::Bytes(csv.into()))?;
    let output = BufWriter::new(create(path)?);
    let mut writer = TableWriter::new(Format::Parquet, output, table.schema().clone())?;
    for batch in table.batches()? {
        writer.write(&batch?)?;
    }
    writer.finish()?;
    Ok(())
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("{} cannot be made", path.display()))
}

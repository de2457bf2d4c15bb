//! `paddock dataset`: from a raw lap table to a published release.

mod anonymize;
mod inspect;
mod publish;

use std::fs::File;
use std::path::Path;

use anyhow::{Context, bail};
use clap::Subcommand;

use super::output;
use super::settings::Settings;
use crate::datasets::anonymize::AnonymizationReport;
use crate::datasets::anonymize::gate::{GateReport, Outcome};
use crate::datasets::catalogue::{self, DatasetDetail, Listed};
use crate::datasets::comparison::{self, ColumnChange};
use crate::platform::database::DatabaseError;

use anonymize::AnonymizeArguments;
use inspect::InspectArguments;
use publish::PublishArguments;

/// How many lines of a list are asked for at once.
const PAGE: i64 = 200;

/// Datasets: anonymize, publish, look
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  \
    paddock dataset anonymize laps.csv --policy policy.toml --output try.csv")]
pub enum DatasetCommand {
    Inspect(InspectArguments),
    Anonymize(AnonymizeArguments),
    Publish(Box<PublishArguments>),
    /// List the published datasets
    #[command(after_help = "Example:\n  paddock dataset list")]
    List,
    /// Show a dataset: its files, columns and what was done to it
    #[command(after_help = "Example:\n  paddock dataset show championship")]
    Show {
        /// Its address
        slug: String,
        /// One of its versions [default: the newest]
        #[arg(long, value_name = "N")]
        version: Option<i32>,
    },
    /// Show what changed from one version to another
    #[command(after_help = "Example:\n  paddock dataset compare championship 1 2")]
    Compare {
        /// Its address
        slug: String,
        /// The earlier version
        from: i32,
        /// The later one
        to: i32,
    },
}

pub async fn run(settings: &Settings, command: DatasetCommand) -> anyhow::Result<()> {
    match command {
        DatasetCommand::Inspect(arguments) => inspect::inspect(&arguments),
        DatasetCommand::Anonymize(arguments) => anonymize::anonymize(&arguments),
        DatasetCommand::Publish(arguments) => publish::publish(settings, *arguments).await,
        DatasetCommand::List => list(settings).await,
        DatasetCommand::Show { slug, version } => show(settings, slug, version).await,
        DatasetCommand::Compare { slug, from, to } => compare(settings, slug, from, to).await,
    }
}

/// A text file that an argument names.
pub fn read_text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Creates a file that only this user may read.
pub fn create_private(path: &Path) -> anyhow::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let open = || {
        let mut options = File::options();
        let file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        Ok::<_, std::io::Error>(file)
    };
    open().with_context(|| format!("{} cannot be written", path.display()))
}

fn print_report(report: &AnonymizationReport, gates: &GateReport) -> anyhow::Result<()> {
    output::line(format!(
        "{} of {} rows of {} subjects in {} classes, the smallest of {} (k = {}); {} rows generalised or left out.",
        report.rows_out,
        report.rows_in,
        report.subjects,
        report.classes,
        report.smallest_class,
        report.minimum_class_size,
        report.suppressed.rows,
    ))?;
    if let Some(laps) = &report.laps {
        output::line(format!(
            "Lap times: {} laps of each of {} drivers over {} events, in {} pace cells; {} drivers left out.",
            laps.quota, laps.published, laps.events, laps.cells, laps.left_out,
        ))?;
    }
    if let Some(generalisation) = &report.generalisation {
        let levels = generalisation.columns.iter().map(|column| {
            format!(
                "{} to level {} of {}",
                column.name,
                column.level,
                column.levels - 1
            )
        });
        let levels: Vec<String> = levels.collect();
        output::line(format!(
            "Generalised {}; {:.3} of the detail is lost (NCP).",
            levels.join(", "),
            generalisation.ncp,
        ))?;
    }
    for statistics in &report.statistics {
        output::line(format!(
            "Statistics of {}, with noise (epsilon {}): mean {:.3}, counts {:?}.",
            statistics.name, statistics.epsilon, statistics.mean, statistics.counts,
        ))?;
    }
    let columns: Vec<[String; 3]> = report
        .columns
        .iter()
        .map(|column| {
            let mark = if column.quasi_identifier {
                "quasi-identifier"
            } else {
                ""
            };
            [column.name.clone(), column.action.clone(), mark.to_owned()]
        })
        .collect();
    output::table(["COLUMN", "ACTION", ""], &columns)?;
    let gates: Vec<[String; 3]> = gates
        .gates
        .iter()
        .map(|gate| {
            let (outcome, reason) = match &gate.outcome {
                Outcome::Passed => ("passed", String::new()),
                Outcome::Failed { reason } => ("FAILED", reason.clone()),
                Outcome::Warning { reason } => ("warning", reason.clone()),
                Outcome::NotApplicable { reason } => ("not applicable", reason.clone()),
                Outcome::NotMeasured { reason } => ("NOT MEASURED", reason.clone()),
            };
            [gate.name.clone(), outcome.to_owned(), reason]
        })
        .collect();
    output::table(["GATE", "OUTCOME", ""], &gates)?;
    Ok(())
}

async fn list(settings: &Settings) -> anyhow::Result<()> {
    let state = settings.open()?;
    let mut rows = Vec::new();
    let mut before = None;
    loop {
        let page = state
            .database
            .read(move |connection| catalogue::list(connection, Listed::All, before, PAGE))
            .await
            .map_err(|error: DatabaseError| error)?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        rows.extend(page.into_iter().map(|line| {
            [
                line.slug,
                line.version.to_string(),
                line.row_count.to_string(),
                line.licence,
                line.owner,
                line.title,
            ]
        }));
    }
    output::table(
        ["SLUG", "VERSION", "ROWS", "LICENCE", "OWNER", "TITLE"],
        &rows,
    )?;
    Ok(())
}

async fn show(settings: &Settings, slug: String, version: Option<i32>) -> anyhow::Result<()> {
    let dataset = find(settings, slug, version).await?;
    output::line(format!(
        "{}\n{}\nversion {} of {}, published by {} on {}, licence {}\n",
        dataset.title,
        dataset.summary,
        dataset.version,
        dataset.versions.len(),
        dataset.owner,
        dataset.published_at.format("%Y-%m-%d"),
        dataset.licence,
    ))?;
    let files: Vec<[String; 4]> = dataset
        .files
        .iter()
        .map(|file| {
            [
                file.path.clone(),
                file.row_count.to_string(),
                file.bytes.to_string(),
                file.sha256.clone(),
            ]
        })
        .collect();
    output::table(["FILE", "ROWS", "BYTES", "SHA-256"], &files)?;
    if let Some(overridden) = &dataset.overridden {
        output::line(format!(
            "Published although gates fail, by decision of {}: {}\n",
            overridden.by, overridden.reason
        ))?;
    }
    output::line("")?;
    print_report(&dataset.report.anonymization, &dataset.report.gates)
}

/// The dataset of this address in the given version, or the newest.
async fn find(
    settings: &Settings,
    slug: String,
    version: Option<i32>,
) -> anyhow::Result<DatasetDetail> {
    let state = settings.open()?;
    let name = slug.clone();
    let found: Option<DatasetDetail> = state
        .database
        .read(move |connection| catalogue::find(connection, &name, version))
        .await
        .map_err(|error: DatabaseError| error)?;
    let Some(dataset) = found else {
        bail!(
            "there is no dataset `{slug}`, or not this version; `paddock dataset list` names them"
        );
    };
    Ok(dataset)
}

async fn compare(settings: &Settings, slug: String, from: i32, to: i32) -> anyhow::Result<()> {
    let before = find(settings, slug.clone(), Some(from)).await?;
    let after = find(settings, slug, Some(to)).await?;
    let comparison = comparison::compare(&before.tables(), &after.tables());
    let count = |rows: Option<u64>| rows.map_or("none".to_owned(), |rows| rows.to_string());
    for table in comparison.tables {
        output::line(format!(
            "{}: {} rows, then {}; {} columns as they were",
            table.name,
            count(table.rows_before),
            count(table.rows_after),
            table.unchanged
        ))?;
        for column in table.columns {
            match column.change {
                ColumnChange::Added => output::line(format!("  + {}", column.name))?,
                ColumnChange::Removed => output::line(format!("  - {}", column.name))?,
                ColumnChange::Changed(differences) => {
                    for difference in differences {
                        output::line(format!(
                            "  ~ {}: {} was {}, is {}",
                            column.name, difference.what, difference.before, difference.after
                        ))?;
                    }
                }
            }
        }
    }
    if !after.notes.is_empty() {
        output::line(format!("Version {to}: {}", after.notes))?;
    }
    Ok(())
}

//! `paddock dataset`: from a raw lap table to a published release.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use tempfile::NamedTempFile;

use super::output;
use super::settings::{self, Settings};
use crate::datasets::anonymize::gate::{self, GateReport, Outcome};
use crate::datasets::anonymize::policy::Policy;
use crate::datasets::anonymize::{Anonymization, AnonymizationReport, ReleaseKey};
use crate::datasets::catalogue::{self, DatasetDetail, Listed};
use crate::datasets::publish::{DatasetDraft, Publication};
use crate::datasets::tables::{Format, Source, Table, TableWriter};
use crate::platform::database::DatabaseError;

/// How many lines of a list are asked for at once.
const PAGE: i64 = 200;

/// Datasets: anonymize, publish, look
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  \
    paddock dataset anonymize laps.csv --policy policy.toml --output try.csv")]
pub enum DatasetCommand {
    Anonymize(AnonymizeArguments),
    Publish(PublishArguments),
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
}

/// Try a policy on a table: what would be published, and what the gates say
///
/// Publishes nothing and needs no database. The pseudonyms are made under a key that is forgotten
/// afterwards; publishing makes others. Fails when a gate fails.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    paddock dataset anonymize laps.csv --policy policy.toml --output try.csv")]
pub struct AnonymizeArguments {
    /// The raw table, CSV or Parquet
    file: PathBuf,
    /// What happens to each column, in TOML
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Where the release is written; a name that ends in .parquet makes it Parquet
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

/// Anonymize a table, measure the gates and publish it
///
/// An address that is new makes a dataset, an address of one's own makes a new version of it; versions
/// never change. With --split the table is cut into rows to learn from, rows to predict and the hidden
/// solution, which is written to --solution-output for a challenge and published nowhere. The seed in
/// the split plan decides which rows are private, so change it before you publish, and keep it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    paddock dataset publish laps.csv --slug season-2026 --title \"Season 2026\" \\\n      \
        --policy policy.toml --card card.md --licence CC-BY-4.0 --owner karla\n  \
    paddock dataset publish laps.csv --slug season-2026 --title \"Season 2026\" \\\n      \
        --policy policy.toml --licence CC-BY-4.0 --split split.toml --solution-output solution.csv \\\n      \
        --owner karla")]
pub struct PublishArguments {
    /// The raw table, CSV or Parquet
    file: PathBuf,
    /// Its address: lower-case letters, digits and hyphens
    #[arg(long)]
    slug: String,
    /// Its name
    #[arg(long)]
    title: String,
    /// What it is, in a sentence [default: the title]
    #[arg(long)]
    summary: Option<String>,
    /// What happens to each column, in TOML
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The data card, in Markdown
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// An SPDX licence identifier
    #[arg(long, value_name = "SPDX")]
    licence: String,
    /// What is new in this version
    #[arg(long, default_value = "")]
    notes: String,
    /// How to cut the table for a challenge, in TOML
    #[arg(long, value_name = "FILE", requires = "solution_output")]
    split: Option<PathBuf>,
    /// Where the hidden solution is written
    #[arg(long, value_name = "FILE", requires = "split")]
    solution_output: Option<PathBuf>,
    /// The organizer who publishes it
    #[arg(long, value_name = "USER")]
    owner: String,
}

pub async fn run(settings: &Settings, command: DatasetCommand) -> anyhow::Result<()> {
    match command {
        DatasetCommand::Anonymize(arguments) => anonymize(&arguments),
        DatasetCommand::Publish(arguments) => publish(settings, arguments).await,
        DatasetCommand::List => list(settings).await,
        DatasetCommand::Show { slug, version } => show(settings, slug, version).await,
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

fn anonymize(arguments: &AnonymizeArguments) -> anyhow::Result<()> {
    let policy_text = read_text(&arguments.policy)?;
    let in_policy = || arguments.policy.display().to_string();
    let policy = Policy::parse(&policy_text).with_context(in_policy)?;
    let table = Table::open(Source::File(arguments.file.clone()))
        .with_context(|| arguments.file.display().to_string())?;
    let key = ReleaseKey::generate(&mut rand::rng());
    let anonymization = Anonymization::prepare(&table, &policy, &key).with_context(in_policy)?;
    let is_parquet = arguments
        .output
        .extension()
        .is_some_and(|extension| extension == "parquet");
    let format = if is_parquet {
        Format::Parquet
    } else {
        Format::Csv
    };
    let file = File::create(&arguments.output)
        .with_context(|| format!("{} cannot be written", arguments.output.display()))?;
    let mut writer =
        TableWriter::new(format, BufWriter::new(file), anonymization.schema().clone())?;
    let report = anonymization.write(|batch| writer.write(batch))?;
    writer.finish()?;
    let released = Table::open(Source::File(arguments.output.clone()))?;
    let gates = gate::measure(&table, &released, &policy, &key)?;
    print_report(&report, &gates)?;
    ensure!(
        !gates.refuses(),
        "a gate fails: this release could not be published"
    );
    Ok(())
}

async fn publish(settings: &Settings, arguments: PublishArguments) -> anyhow::Result<()> {
    let split = arguments.split.as_deref().map(read_text).transpose()?;
    let draft = DatasetDraft {
        summary: arguments.summary.unwrap_or_else(|| arguments.title.clone()),
        slug: arguments.slug,
        title: arguments.title,
        card: arguments
            .card
            .as_deref()
            .map(read_text)
            .transpose()?
            .unwrap_or_default(),
        licence: arguments.licence,
        notes: arguments.notes,
        policy: read_text(&arguments.policy)?,
        split,
        ..DatasetDraft::default()
    };
    // Made before anything is published, so that a solution is never lost to a bad path, and renamed
    // after, so that a failure leaves an earlier version's solution as it was.
    let solution_file = arguments
        .solution_output
        .as_deref()
        .map(|path| {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))
                .with_context(|| format!("{} cannot be written", path.display()))
        })
        .transpose()?;
    let state = settings.open()?;
    let owner = settings::organizer(&state, &arguments.owner).await?;
    let publication = Publication {
        draft,
        table: arguments.file,
        key: ReleaseKey::generate(&mut rand::rng()),
        owner,
        overridden: None,
    };
    let now = state.clock.now();
    let published = state.publisher.publish(now, publication).await?;
    if let (Some(file), Some(solution), Some(path)) = (
        solution_file,
        &published.solution,
        &arguments.solution_output,
    ) {
        let keep = || {
            std::io::copy(&mut solution.reopen()?, &mut file.as_file())?;
            file.persist(path)?;
            Ok::<_, std::io::Error>(())
        };
        keep().context("the solution cannot be written; publish again for a new version")?;
    }
    output::line(format!(
        "Published {} version {}.",
        published.slug, published.version
    ))?;
    print_report(&published.report.anonymization, &published.report.gates)?;
    if let (Some(split), Some(path)) = (&published.report.split, &arguments.solution_output) {
        output::line(format!(
            "Split: {} rows to learn from, {} public and {} private rows to predict.\nSolution, to be kept hidden: {}",
            split.training_rows,
            split.public_rows,
            split.private_rows,
            path.display()
        ))?;
    }
    Ok(())
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
    output::line("")?;
    print_report(&dataset.report.anonymization, &dataset.report.gates)
}

//! `paddock dataset publish`: from a raw table to a release.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use tempfile::NamedTempFile;

use super::{print_report, read_text};
use crate::cli::output;
use crate::cli::settings::{self, Settings};
use crate::datasets::anonymize::ReleaseKey;
use crate::datasets::publish::{Access, DatasetDraft, Identities, Override, Publication};

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
    /// How to cite it [default: made from title, publisher and year]
    #[arg(long, default_value = "")]
    citation: String,
    /// Its DOI, as in 10.5281/zenodo.1234
    #[arg(long, default_value = "")]
    doi: String,
    /// Who may download the files: public, or account for whoever has one
    #[arg(long, default_value = "public")]
    access: Access,
    /// What becomes of the identities behind the pseudonyms: destroyed, or sealed in the vault for
    /// drivers who consent to be found
    #[arg(long, default_value = "destroyed")]
    identities: Identities,
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
    /// Publish although gates fail, for this reason; it stays on the dataset's page and in the audit log
    #[arg(long, value_name = "REASON", requires = "override_by")]
    override_reason: Option<String>,
    /// The admin who decides that
    #[arg(long, value_name = "USER", requires = "override_reason")]
    override_by: Option<String>,
}

pub(super) async fn publish(
    settings: &Settings,
    arguments: PublishArguments,
) -> anyhow::Result<()> {
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
        citation: arguments.citation,
        doi: arguments.doi,
        access: arguments.access,
        identities: arguments.identities,
        notes: arguments.notes,
        policy: read_text(&arguments.policy)?,
        split,
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
    let overridden = match (arguments.override_by, arguments.override_reason) {
        (Some(admin), Some(reason)) => Some(Override {
            by: settings::organizer(&state, &admin).await?,
            reason,
        }),
        _ => None,
    };
    let publication = Publication {
        draft,
        table: arguments.file,
        key: ReleaseKey::generate(&mut rand::rng()),
        owner,
        overridden,
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

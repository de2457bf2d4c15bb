//! `paddock dataset anonymize`: try a policy on a table.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;

use super::{print_report, read_text};
use crate::datasets::anonymize::gate;
use crate::datasets::anonymize::policy::Policy;
use crate::datasets::anonymize::{Anonymization, ReleaseKey};
use crate::datasets::tables::{Format, Source, Table, TableWriter};

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

pub(super) fn anonymize(arguments: &AnonymizeArguments) -> anyhow::Result<()> {
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

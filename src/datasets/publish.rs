//! Publishing: a raw table goes in; an immutable, anonymized release comes out, or a reason.
//!
//! Everything is made in a temporary folder first and measured there. Only a release whose gates hold
//! is stored, and its rows are written last, so that a failure leaves nothing half-published.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use tempfile::{NamedTempFile, TempDir};

use super::anonymize::gate::{self, GateError, GateReport};
use super::anonymize::policy::{Policy, PolicyError};
use super::anonymize::{Anonymization, AnonymizationError, AnonymizationReport, ReleaseKey};
use super::split::{Split, SplitError, SplitPlan, SplitReport};
use super::summary::{Summarizer, TableSummary};
use super::tables::{Batch, Format, Schema, Source, Table, TableError, TableWriter};
use crate::accounts::users::{Role, User};
use crate::platform::audit::{self, Act};
use crate::platform::column_types::json_text;
use crate::platform::database::{Database, DatabaseConnection, DatabaseError};
use crate::platform::schema::{datasets, release_files, releases};
use crate::platform::storage::{Area, Storage, StorageError, Stored};

/// What an organizer says about a dataset.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct DatasetDraft {
    /// Its address; publishing to an address of one's own again makes a new version.
    pub slug: String,
    /// Its name.
    pub title: String,
    /// What it is, in a sentence.
    pub summary: String,
    /// The data card, in Markdown.
    pub card: String,
    /// An SPDX licence identifier.
    pub licence: String,
    /// What is new in this version.
    pub notes: String,
    /// The anonymization policy, in TOML.
    pub policy: String,
    /// How to cut it into training rows, test rows and a hidden solution, in TOML.
    pub split: Option<String>,
}

/// What was done to the data and what the gates measured; kept with the release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseReport {
    /// The transforms, column by column.
    pub anonymization: AnonymizationReport,
    /// What the release promises, and what of it was measured.
    pub gates: GateReport,
    /// How many rows went where, if it was split.
    pub split: Option<SplitReport>,
}

/// A release that was published.
#[derive(Debug)]
pub struct Published {
    /// The dataset's address.
    pub slug: String,
    /// The release's version, from 1.
    pub version: i32,
    /// What was done and measured.
    pub report: ReleaseReport,
    /// The hidden solution of a split, as CSV: the organizer's to keep, deleted when dropped.
    pub solution: Option<NamedTempFile>,
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A field is not as it must be.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The table cannot be read.
    #[error("table: {0}")]
    Table(#[from] TableError),
    /// The policy cannot be read or does not fit the table.
    #[error("policy: {0}")]
    Policy(#[from] PolicyError),
    /// The table cannot be anonymized under the policy.
    #[error("policy: {0}")]
    Anonymization(#[from] AnonymizationError),
    /// The table cannot be split as asked.
    #[error("split: {0}")]
    Split(#[from] SplitError),
    /// A gate failed: the release could hurt the people in it.
    #[error("the release fails its gates and was not published: {}", failures(.0))]
    Refused(GateReport),
    /// A temporary file failed.
    #[error("a temporary file failed: {0}")]
    Io(#[from] std::io::Error),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<GateError> for PublishError {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Table(error) => Self::Table(error),
            GateError::Policy(error) => Self::Policy(error),
        }
    }
}

impl From<diesel::result::Error> for PublishError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

fn failures(report: &GateReport) -> String {
    let failed: Vec<String> = report
        .gates
        .iter()
        .filter_map(|gate| match &gate.outcome {
            gate::Outcome::Failed { reason } => Some(format!("{}: {reason}", gate.name)),
            gate::Outcome::Passed | gate::Outcome::NotMeasured { .. } => None,
        })
        .collect();
    failed.join("; ")
}

fn invalid(field: &'static str, problem: impl Into<String>) -> PublishError {
    PublishError::Invalid {
        field,
        problem: problem.into(),
    }
}

fn check(draft: &DatasetDraft) -> Result<(Policy, Option<SplitPlan>), PublishError> {
    if !crate::platform::slug::is_slug(&draft.slug) {
        return Err(invalid(
            "slug",
            "use 2 to 60 lower-case letters, digits and hyphens",
        ));
    }
    for (field, text, most) in [
        ("title", &draft.title, 120),
        ("summary", &draft.summary, 300),
        ("licence", &draft.licence, 60),
    ] {
        if text.trim().is_empty() || text.chars().count() > most {
            return Err(invalid(field, format!("write 1 to {most} characters")));
        }
    }
    let policy = Policy::parse(&draft.policy)?;
    let split = draft
        .split
        .as_deref()
        .map(toml::from_str::<SplitPlan>)
        .transpose()
        .map_err(|error| invalid("split", error.to_string()))?;
    Ok((policy, split))
}

/// A published file before it is stored.
struct MadeFile {
    path: String,
    media_type: &'static str,
    description: &'static str,
    local: PathBuf,
    summary: TableSummary,
}

struct Made {
    /// Holds the files until they are stored.
    folder: TempDir,
    files: Vec<MadeFile>,
    report: ReleaseReport,
    solution: Option<NamedTempFile>,
}

/// Anonymizes a raw table under the draft's policy, measures the gates and publishes the release. The
/// key makes the pseudonyms; a caller that drops it has made them irreversible.
///
/// # Errors
/// [`PublishError`], with nothing published.
pub async fn publish(
    database: &Database,
    storage: &Storage,
    now: DateTime<Utc>,
    owner: &User,
    draft: DatasetDraft,
    key: ReleaseKey,
    table: PathBuf,
) -> Result<Published, PublishError> {
    let (policy, plan) = check(&draft)?;
    let made = tokio::task::spawn_blocking(move || make(&table, &policy, plan.as_ref(), &key))
        .await
        .map_err(DatabaseError::from)??;
    let mut stored = Vec::with_capacity(made.files.len());
    for file in &made.files {
        stored.push(storage.put_file(Area::Published, &file.local).await?);
    }
    let Made {
        folder,
        files,
        report,
        solution,
    } = made;
    drop(folder);
    let slug = draft.slug.clone();
    let (kept, owner) = (report.clone(), owner.clone());
    let version = database
        .write(move |connection| insert(connection, now, &owner, &draft, &kept, &files, &stored))
        .await?;
    Ok(Published {
        slug,
        version,
        report,
        solution,
    })
}

fn make(
    table: &Path,
    policy: &Policy,
    plan: Option<&SplitPlan>,
    key: &ReleaseKey,
) -> Result<Made, PublishError> {
    let folder = tempfile::tempdir()?;
    let original = Table::open(Source::File(table.to_owned()))?;
    let anonymization = Anonymization::prepare(&original, policy, key)?;
    let mut whole = Pair::create(folder.path(), "data", anonymization.schema())?;
    let anonymized = anonymization.write(|batch| whole.write(batch))?;
    let whole = whole.finish()?;
    let release = Table::open(Source::File(whole.parquet.clone()))?;
    let gates = gate::measure(&original, &release, policy, key)?;
    if gates.refuses() {
        return Err(PublishError::Refused(gates));
    }
    let mut report = ReleaseReport {
        anonymization: anonymized,
        gates,
        split: None,
    };
    let Some(plan) = plan else {
        return Ok(Made {
            files: whole.files("data", "The release"),
            folder,
            report,
            solution: None,
        });
    };
    let split = Split::prepare(&release, plan)?;
    let mut training = Pair::create(folder.path(), "train", split.training_schema())?;
    let mut test = Pair::create(folder.path(), "test", split.test_schema())?;
    let solution = NamedTempFile::new()?;
    let mut truth = TableWriter::new(
        Format::Csv,
        solution.reopen()?,
        Arc::clone(split.solution_schema()),
    )?;
    report.split = Some(split.write(
        |batch| training.write(batch),
        |batch| test.write(batch),
        |batch| truth.write(batch),
    )?);
    truth.finish()?;
    let mut files = training.finish()?.files("train", "Rows to learn from");
    files.extend(test.finish()?.files("test", "Rows to predict"));
    Ok(Made {
        folder,
        files,
        report,
        solution: Some(solution),
    })
}

/// One table written as CSV and Parquet at once, and summarised on the way.
struct Pair {
    csv: TableWriter<File>,
    parquet: TableWriter<File>,
    summarizer: Summarizer,
    csv_path: PathBuf,
    parquet_path: PathBuf,
}

struct FinishedPair {
    csv: PathBuf,
    parquet: PathBuf,
    summary: TableSummary,
}

impl Pair {
    fn create(folder: &Path, name: &str, schema: &Arc<Schema>) -> Result<Self, PublishError> {
        let csv_path = folder.join(format!("{name}.csv"));
        let parquet_path = folder.join(format!("{name}.parquet"));
        Ok(Self {
            csv: TableWriter::new(Format::Csv, File::create(&csv_path)?, Arc::clone(schema))?,
            parquet: TableWriter::new(
                Format::Parquet,
                File::create(&parquet_path)?,
                Arc::clone(schema),
            )?,
            summarizer: Summarizer::new(schema),
            csv_path,
            parquet_path,
        })
    }

    fn write(&mut self, batch: &Batch) -> Result<(), TableError> {
        self.summarizer.add(batch);
        self.csv.write(batch)?;
        self.parquet.write(batch)
    }

    fn finish(self) -> Result<FinishedPair, PublishError> {
        self.csv.finish()?;
        self.parquet.finish()?;
        Ok(FinishedPair {
            csv: self.csv_path,
            parquet: self.parquet_path,
            summary: self.summarizer.finish(),
        })
    }
}

impl FinishedPair {
    fn files(self, name: &str, description: &'static str) -> Vec<MadeFile> {
        let file = |extension, media_type, local, summary| MadeFile {
            path: format!("{name}.{extension}"),
            media_type,
            description,
            local,
            summary,
        };
        vec![
            file(
                "csv",
                "text/csv; charset=utf-8",
                self.csv,
                self.summary.clone(),
            ),
            file(
                "parquet",
                "application/vnd.apache.parquet",
                self.parquet,
                self.summary,
            ),
        ]
    }
}

fn insert(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    owner: &User,
    draft: &DatasetDraft,
    report: &ReleaseReport,
    files: &[MadeFile],
    stored: &[Stored],
) -> Result<i32, PublishError> {
    let known: Option<(i64, i64)> = datasets::table
        .filter(datasets::slug.eq(&draft.slug))
        .select((datasets::id, datasets::owner_id))
        .first(connection)
        .optional()?;
    let dataset_id = match known {
        Some((_, other)) if other != owner.id && owner.role != Role::Admin => {
            return Err(invalid(
                "slug",
                "another organizer's dataset has this address; choose another",
            ));
        }
        Some((id, _)) => {
            // Also takes the row, so that two releases at once get two versions.
            diesel::update(datasets::table.find(id))
                .set((
                    datasets::title.eq(draft.title.trim()),
                    datasets::summary.eq(draft.summary.trim()),
                    datasets::card.eq(&draft.card),
                    datasets::licence.eq(draft.licence.trim()),
                ))
                .execute(connection)?;
            id
        }
        None => diesel::insert_into(datasets::table)
            .values((
                datasets::slug.eq(&draft.slug),
                datasets::owner_id.eq(owner.id),
                datasets::title.eq(draft.title.trim()),
                datasets::summary.eq(draft.summary.trim()),
                datasets::card.eq(&draft.card),
                datasets::licence.eq(draft.licence.trim()),
                datasets::created_at.eq(now.naive_utc()),
            ))
            .returning(datasets::id)
            .get_result(connection)?,
    };
    let newest: Option<i32> = releases::table
        .filter(releases::dataset_id.eq(dataset_id))
        .select(diesel::dsl::max(releases::version))
        .first(connection)?;
    let version = newest.unwrap_or(0) + 1;
    let release_id: i64 = diesel::insert_into(releases::table)
        .values((
            releases::dataset_id.eq(dataset_id),
            releases::version.eq(version),
            releases::notes.eq(draft.notes.trim()),
            releases::policy.eq(&draft.policy),
            releases::report.eq(json_text(report)?),
            releases::published_at.eq(now.naive_utc()),
        ))
        .returning(releases::id)
        .get_result(connection)?;
    for (file, stored) in files.iter().zip(stored) {
        diesel::insert_into(release_files::table)
            .values((
                release_files::release_id.eq(release_id),
                release_files::path.eq(&file.path),
                release_files::media_type.eq(file.media_type),
                release_files::description.eq(file.description),
                release_files::sha256.eq(&stored.sha256),
                release_files::bytes.eq(stored.bytes as i64), // a file that fits a disk
                release_files::row_count.eq(file.summary.rows as i64), // likewise
                release_files::summary.eq(json_text(&file.summary)?),
            ))
            .execute(connection)?;
    }
    let act = Act {
        actor_id: Some(owner.id),
        action: "dataset.publish",
        subject: &format!("dataset:{}", draft.slug),
        detail: &format!("version {version}"),
    };
    audit::record(connection, now, &act)?;
    Ok(version)
}

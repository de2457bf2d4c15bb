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
use zeroize::Zeroizing;

use super::anonymize::gate::{self, GateError, GateReport};
use super::anonymize::policy::{Policy, PolicyError};
use super::anonymize::{
    Anonymization, AnonymizationError, AnonymizationReport, IdentityTable, ReleaseKey,
};
use super::readers::ReadError;
use super::split::{Split, SplitError, SplitPlan, SplitReport};
use super::summary::{Summarizer, TableSummary};
use super::tables::{Batch, Format, Schema, Source, Table, TableError, TableWriter};
use super::vault::VaultKey;
use crate::accounts::users::{Role, User};
use crate::platform::audit::{self, Act};
use crate::platform::column_types::json_text;
use crate::platform::database::{Database, DatabaseConnection, DatabaseError};
use crate::platform::schema::{datasets, release_files, releases, sealed_identities};
use crate::platform::storage::{Area, Storage, StorageError, Stored};

crate::text_enum! {
    /// Who may download a dataset's files; its page and its card are everybody's.
    #[derive(Default)]
    pub enum Access {
        /// Everybody.
        #[default]
        Public = "public",
        /// Whoever has an account.
        Account = "account",
    }
}

crate::text_enum! {
    /// What becomes of the identities behind a release's pseudonyms.
    #[derive(Default)]
    pub enum Identities {
        /// Nobody can ever tell them.
        #[default]
        Destroyed = "destroyed",
        /// They lie in the vault, for drivers who consent to be found.
        Sealed = "sealed",
    }
}

/// What an organizer says about a dataset.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
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
    /// How to cite it; empty: made from title, publisher and year.
    pub citation: String,
    /// A DOI, as in `10.5281/zenodo.1234`; empty where it has none.
    pub doi: String,
    /// Who may download the files.
    pub access: Access,
    /// What becomes of the identities behind the pseudonyms.
    pub identities: Identities,
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

/// What would be published, measured: nothing of it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Examination {
    /// What was done and what the gates measured.
    pub report: ReleaseReport,
    /// The raw table. It names people: for the organizer's eyes.
    pub before: TableSummary,
    /// Each table of the release by its name, such as `train`.
    pub after: Vec<(String, TableSummary)>,
}

/// Where long work has got to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What is being done, as in `Attacking the release`.
    pub doing: &'static str,
    /// How much of the whole is done, in percent.
    pub percent: u8,
}

/// An admin's decision to publish a release whose gates fail. It stays visible with the release.
#[derive(Debug, Clone)]
pub struct Override {
    /// Who decided: an admin.
    pub by: User,
    /// Why, in at least [`SHORTEST_REASON`] characters.
    pub reason: String,
}

/// The shortest reason for an [`Override`], in characters.
pub const SHORTEST_REASON: usize = 20;

/// A raw table on its way to a release.
pub struct Publication {
    /// What the organizer says about it.
    pub draft: DatasetDraft,
    /// The raw table, CSV or Parquet.
    pub table: PathBuf,
    /// Makes the pseudonyms and draws the noise; dropping it has made them irreversible.
    pub key: ReleaseKey,
    /// Whose dataset it is.
    pub owner: User,
    /// Publishes although gates fail.
    pub overridden: Option<Override>,
}

/// Who puts releases before the public. Cheap to clone.
#[derive(Clone)]
pub struct Publisher {
    /// Where releases are listed.
    pub database: Database,
    /// Where their bytes are.
    pub storage: Storage,
    /// Seals identities.
    pub vault_key: Arc<VaultKey>,
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
    /// The recording cannot be read.
    #[error("recording: {0}")]
    Recording(#[from] ReadError),
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
            gate::Outcome::Failed { reason } | gate::Outcome::NotMeasured { reason } => {
                Some(format!("{}: {reason}", gate.name))
            }
            _ => None,
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
    /// Who is behind the pseudonyms, where identities are sealed.
    identities: IdentityTable,
}

impl Publisher {
    /// Anonymizes a raw table under the draft's policy, measures the gates and publishes the release.
    ///
    /// # Errors
    /// [`PublishError`], with nothing published.
    pub async fn publish(
        &self,
        now: DateTime<Utc>,
        publication: Publication,
    ) -> Result<Published, PublishError> {
        let Publication {
            draft,
            table,
            key,
            owner,
            overridden,
        } = publication;
        let (policy, plan) = check(&draft)?;
        let identities = draft.identities;
        let made = move || {
            make(
                &table,
                &policy,
                plan.as_ref(),
                &key,
                identities,
                &mut |_| {},
            )
        };
        let made = tokio::task::spawn_blocking(made)
            .await
            .map_err(DatabaseError::from)??;
        let overridden = if made.report.gates.refuses() {
            Some(
                may_override(overridden)
                    .ok_or(PublishError::Refused(made.report.gates.clone()))??,
            )
        } else {
            None
        };
        let mut stored = Vec::with_capacity(made.files.len());
        for file in &made.files {
            stored.push(self.storage.put_file(Area::Published, &file.local).await?);
        }
        let Made {
            folder,
            files,
            report,
            solution,
            identities,
        } = made;
        drop(folder);
        let slug = draft.slug.clone();
        let (kept, vault_key) = (report.clone(), Arc::clone(&self.vault_key));
        let version = self
            .database
            .write(move |connection| {
                let release = Insertion {
                    owner: &owner,
                    draft: &draft,
                    report: &kept,
                    files: &files,
                    stored: &stored,
                    overridden: overridden.as_ref(),
                };
                let (release_id, version) = insert(connection, now, &release)?;
                seal(connection, &vault_key, release_id, &identities)?;
                Ok::<_, PublishError>(version)
            })
            .await?;
        Ok(Published {
            slug,
            version,
            report,
            solution,
        })
    }
}

/// The override, if it is an admin's and says why; nothing where none was given.
fn may_override(overridden: Option<Override>) -> Option<Result<Override, PublishError>> {
    let overridden = overridden?;
    let reason = overridden.reason.trim();
    Some(if overridden.by.role != Role::Admin {
        Err(invalid(
            "override",
            "only an admin may publish a release whose gates fail",
        ))
    } else if reason.chars().count() < SHORTEST_REASON {
        Err(invalid(
            "override",
            format!("say why in at least {SHORTEST_REASON} characters; everybody will read it"),
        ))
    } else {
        Ok(overridden)
    })
}

/// Does everything but publish: anonymizes, attacks and summarises, and keeps nothing. The same table,
/// policy and key give the same release when it is published.
///
/// # Errors
/// [`PublishError`]; gates that fail are no error here.
pub fn examine(
    table: &Path,
    policy: &Policy,
    plan: Option<&SplitPlan>,
    key: &ReleaseKey,
    progress: &mut dyn FnMut(Step),
) -> Result<Examination, PublishError> {
    let made = make(table, policy, plan, key, Identities::Destroyed, progress)?;
    progress(Step {
        doing: "Summarising the raw table",
        percent: 90,
    });
    let original = Table::open(Source::File(table.to_owned()))?;
    let before = TableSummary::of(&original)?;
    let after = made.files.into_iter().filter_map(|file| {
        let name = file.path.strip_suffix(".csv")?.to_owned();
        Some((name, file.summary))
    });
    Ok(Examination {
        after: after.collect(),
        report: made.report,
        before,
    })
}

fn make(
    table: &Path,
    policy: &Policy,
    plan: Option<&SplitPlan>,
    key: &ReleaseKey,
    identities: Identities,
    progress: &mut dyn FnMut(Step),
) -> Result<Made, PublishError> {
    let mut begin = |doing, percent| progress(Step { doing, percent });
    let folder = tempfile::tempdir()?;
    begin("Reading the raw table", 0);
    let original = Table::open(Source::File(table.to_owned()))?;
    let anonymization = Anonymization::prepare(&original, policy, key)?;
    begin("Writing the release", 25);
    let mut whole = Pair::create(folder.path(), "data", anonymization.schema())?;
    let anonymized = anonymization.write(|batch| whole.write(batch))?;
    let whole = whole.finish()?;
    let identities = match identities {
        Identities::Destroyed => IdentityTable::default(),
        Identities::Sealed => anonymization.identities()?,
    };
    // The attacks need memory of their own.
    drop(anonymization);
    let release = Table::open(Source::File(whole.parquet.clone()))?;
    begin("Attacking the release", 45);
    let gates = gate::measure(&original, &release, policy, key)?;
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
            identities,
        });
    };
    begin("Splitting it", 80);
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
        identities,
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

/// What a release's rows are made of.
struct Insertion<'a> {
    owner: &'a User,
    draft: &'a DatasetDraft,
    report: &'a ReleaseReport,
    files: &'a [MadeFile],
    stored: &'a [Stored],
    overridden: Option<&'a Override>,
}

/// Writes the rows of a release; returns its row and its version.
fn insert(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    insertion: &Insertion<'_>,
) -> Result<(i64, i32), PublishError> {
    let Insertion { owner, draft, .. } = *insertion;
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
                    datasets::citation.eq(draft.citation.trim()),
                    datasets::doi.eq(draft.doi.trim()),
                    datasets::access.eq(draft.access),
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
                datasets::citation.eq(draft.citation.trim()),
                datasets::doi.eq(draft.doi.trim()),
                datasets::access.eq(draft.access),
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
    let overridden = insertion.overridden;
    let release_id: i64 = diesel::insert_into(releases::table)
        .values((
            releases::dataset_id.eq(dataset_id),
            releases::version.eq(version),
            releases::notes.eq(draft.notes.trim()),
            releases::policy.eq(&draft.policy),
            releases::report.eq(json_text(insertion.report)?),
            releases::published_at.eq(now.naive_utc()),
            releases::override_reason.eq(overridden.map(|overridden| overridden.reason.trim())),
            releases::overridden_by.eq(overridden.map(|overridden| overridden.by.id)),
            releases::identities.eq(draft.identities),
        ))
        .returning(releases::id)
        .get_result(connection)?;
    for (file, stored) in insertion.files.iter().zip(insertion.stored) {
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
    let subject = format!("dataset:{}", draft.slug);
    let act = Act {
        actor_id: Some(owner.id),
        action: "dataset.publish",
        subject: &subject,
        challenge_id: None,
        detail: &format!("version {version}"),
    };
    audit::record(connection, now, &act)?;
    if let Some(Override { by, reason }) = overridden {
        let act = Act {
            actor_id: Some(by.id),
            action: "dataset.override",
            subject: &subject,
            challenge_id: None,
            detail: &format!("version {version}: {}", reason.trim()),
        };
        audit::record(connection, now, &act)?;
    }
    Ok((release_id, version))
}

/// The place in the vault of whoever is behind a pseudonym.
pub fn vault_place(release_id: i64, pseudonym: &str) -> String {
    format!("release {release_id} pseudonym {pseudonym}")
}

/// Seals who is behind each pseudonym.
fn seal(
    connection: &mut DatabaseConnection,
    key: &VaultKey,
    release_id: i64,
    identities: &IdentityTable,
) -> Result<(), PublishError> {
    for (pseudonym, identity) in identities.iter() {
        let secret = Zeroizing::new(json_text(&identity)?);
        let sealed = key.seal(&vault_place(release_id, pseudonym), secret.as_bytes());
        diesel::insert_into(sealed_identities::table)
            .values((
                sealed_identities::release_id.eq(release_id),
                sealed_identities::pseudonym.eq(pseudonym),
                sealed_identities::sealed.eq(sealed),
            ))
            .execute(connection)?;
    }
    Ok(())
}

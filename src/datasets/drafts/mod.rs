//! Drafts: a raw file on its way from an upload to a release, step by step.
//!
//! A draft is received part by part, inspected, given a policy, measured and published; each step can be
//! left and taken up again, on any server that shares the database and the store. What holds raw data, and
//! the key of the release's pseudonyms, is sealed under the vault's key. Publishing or discarding a draft
//! deletes its bytes, and so does a week without a change.
//!
//! May touch: `platform`, the rest of this room, users. Start reading at [`Drafts`]; [`rows`] holds the SQL.

mod inspection;
mod measurement;
mod publication;
mod raw_table;
mod receiving;
mod rows;
mod sweep;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use inspection::{InspectedRecording, Inspection};
pub use receiving::Received;
pub use rows::DraftLine;

use super::anonymize::ReleaseKey;
use super::publish::{DatasetDraft, Examination, PublishError, Publisher};
use super::vault::VaultError;
use crate::accounts::users::{Role, User};
use crate::platform::clock::Clock;
use crate::platform::column_types::json_text;
use crate::platform::database::DatabaseError;
use crate::platform::storage::{StorageError, random_key};

/// A draft that nobody touched for so long is deleted, with its bytes.
pub const KEPT: TimeDelta = TimeDelta::days(7);
/// A measurement that is silent for so long was interrupted.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Unfinished drafts of one organizer.
const MOST_DRAFTS: i64 = 20;
/// Parts of one upload: 1 GiB in parts of half a MiB.
const MOST_PARTS: usize = 2_000;
/// Characters of a file's name that are kept.
const LONGEST_FILE_NAME: usize = 200;

crate::text_enum! {
    /// Where a draft is on its way.
    pub enum DraftState {
        /// Bytes are missing.
        Uploading = "uploading",
        /// The raw file is complete.
        Uploaded = "uploaded",
        /// The release is being made and measured, or published.
        Measuring = "measuring",
        /// The release under the draft's policy is measured.
        Measured = "measured",
        /// The last step could not be done; the draft says why.
        Failed = "failed",
    }
}

crate::text_enum! {
    /// What of the raw file becomes the table.
    pub enum RawSource {
        /// The file is the table.
        Table = "table",
        /// A logger's laps, one row each.
        Laps = "laps",
        /// A logger's samples, one row each.
        Samples = "samples",
    }
}

/// A raw file on its way to a release.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Its random address.
    pub key: String,
    /// Whose it is.
    pub owner: User,
    /// What the file was called on the sender's machine: for people, never for a path.
    pub file_name: String,
    /// How long the file is.
    pub announced_bytes: u64,
    /// How much of it has come.
    pub received_bytes: u64,
    /// Its parts in the store, in order.
    parts: Vec<String>,
    /// Where it is on its way.
    pub state: DraftState,
    /// What of the file becomes the table.
    pub source: RawSource,
    /// What the organizer has said of the dataset so far, with policy and split.
    pub details: DatasetDraft,
    /// Why the last step failed.
    pub problem: Option<String>,
    /// What is being done.
    pub step: String,
    /// How much of that, in percent.
    pub progress: u8,
    /// Until when silence is patience.
    working_until: Option<DateTime<Utc>>,
    sealed_key: String,
    sealed_inspection: Option<String>,
    sealed_examination: Option<String>,
    /// When anything of it changed last.
    pub updated_at: DateTime<Utc>,
}

/// Whether something is being done with a draft in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Nothing.
    None,
    /// It is under way.
    UnderWay,
    /// It was, and whoever did it fell silent: begin it again.
    Interrupted,
}

impl Draft {
    /// Whether something is being done in the background.
    pub fn work(&self, now: DateTime<Utc>) -> Work {
        match self.working_until {
            Some(until) if until > now => Work::UnderWay,
            Some(_) => Work::Interrupted,
            None => Work::None,
        }
    }

    /// Whether all of the file has come.
    pub fn is_complete(&self) -> bool {
        self.state != DraftState::Uploading
    }

    /// Whether the file was inspected.
    pub fn is_inspected(&self) -> bool {
        self.sealed_inspection.is_some()
    }

    /// Whether the release under the policy as it stands was measured.
    pub fn is_measured(&self) -> bool {
        self.sealed_examination.is_some()
    }

    /// When it is deleted if nobody touches it.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.updated_at + KEPT
    }

    /// What the vault binds one of its secrets to.
    fn place(&self, what: &str) -> String {
        place(&self.key, what)
    }
}

fn place(key: &str, what: &str) -> String {
    format!("draft {key} {what}")
}

/// Why something cannot be done with a draft.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// There is none, or it is another organizer's.
    #[error("There is no draft `{0}`; it may have been published, discarded, or left for a week.")]
    NotFound(String),
    /// The organizer has too many.
    #[error("You have {MOST_DRAFTS} unfinished drafts, the most there may be; discard one first.")]
    TooMany,
    /// Nothing was announced.
    #[error("this file is empty; choose the file with the laps")]
    Empty,
    /// More was announced, or sent, than is accepted.
    #[error("this file is larger than {limit} bytes, the most that is accepted here")]
    TooLarge {
        /// The most.
        limit: u64,
    },
    /// A part does not begin where the last one ended.
    #[error("{expected} bytes have come; go on from there, not from {given}")]
    Offset {
        /// How much has come.
        expected: u64,
        /// Where the part began.
        given: u64,
    },
    /// The upload was cut into too many pieces.
    #[error("This upload came in {MOST_PARTS} parts; discard it, and send larger parts.")]
    TooManyParts,
    /// The upload is not complete.
    #[error("The upload is not complete; go on with it first.")]
    Incomplete,
    /// The file was not inspected.
    #[error("The file was not inspected yet.")]
    NotInspected,
    /// There is no policy yet.
    #[error("There is no policy yet; say first what happens to each column.")]
    NoPolicy,
    /// Nothing can be changed while something is being done.
    #[error("{0} is under way; wait until it is done.")]
    Busy(String),
    /// What would be published was not measured.
    #[error("The release is not measured yet, or was changed since; measure it first.")]
    NotMeasured,
    /// The draft was changed by somebody else at the same time.
    #[error("The draft was changed at the same time; look at it again.")]
    Changed,
    /// A field is not as it must be.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The release cannot be made or published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The sealed parts do not open.
    #[error("a draft's sealed part: {0}")]
    Vault(#[from] VaultError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A temporary file failed.
    #[error("a temporary file failed: {0}")]
    Io(#[from] std::io::Error),
}

impl From<diesel::result::Error> for DraftError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What organizers work on before they publish. Cheap to clone.
#[derive(Clone)]
pub struct Drafts {
    /// Publishes them; has database, store and the vault's key.
    pub publisher: Publisher,
    /// What time it is.
    pub clock: Clock,
    /// The largest raw file, in bytes.
    pub largest: u64,
}

impl Drafts {
    /// Begins a draft for a file of so many bytes, of which none has come.
    ///
    /// # Errors
    /// [`DraftError::Empty`], [`DraftError::TooLarge`], [`DraftError::TooMany`].
    pub async fn create(
        &self,
        owner: &User,
        file_name: &str,
        bytes: u64,
    ) -> Result<Draft, DraftError> {
        if bytes == 0 {
            return Err(DraftError::Empty);
        }
        if bytes > self.largest {
            let limit = self.largest;
            return Err(DraftError::TooLarge { limit });
        }
        let key = random_key();
        // Kept sealed until the release is published, so that what is measured is what is published.
        let release_key = ReleaseKey::generate(&mut rand::rng());
        let new = rows::NewDraft {
            sealed_key: release_key.sealed_by(&self.publisher.vault_key, &place(&key, "key")),
            owner: owner.clone(),
            file_name: shortened(file_name),
            announced_bytes: bytes,
            key,
        };
        let now = self.clock.now();
        self.publisher
            .database
            .write(move |connection| rows::insert(connection, now, new))
            .await
    }

    /// A draft of this user's, or for an admin anybody's.
    ///
    /// # Errors
    /// [`DraftError::NotFound`].
    pub async fn find(&self, user: &User, key: &str) -> Result<Draft, DraftError> {
        let (user, key) = (user.clone(), key.to_owned());
        self.publisher
            .database
            .read(move |connection| rows::find(connection, &user, &key))
            .await
    }

    /// A user's own drafts, the last touched first.
    ///
    /// # Errors
    /// The database's alone.
    pub async fn list(&self, user: &User) -> Result<Vec<DraftLine>, DraftError> {
        let id = user.id;
        self.publisher
            .database
            .read(move |connection| rows::list(connection, id, MOST_DRAFTS))
            .await
    }

    /// Keeps policy and split. A change of either undoes the measurement; what runs is let go of.
    ///
    /// # Errors
    /// [`DraftError::NotInspected`], [`DraftError::Busy`] while it is being published,
    /// [`DraftError::NotFound`].
    pub async fn set_policy(
        &self,
        draft: &Draft,
        policy: String,
        split: Option<String>,
    ) -> Result<(), DraftError> {
        if !draft.is_inspected() {
            return Err(DraftError::NotInspected);
        }
        if draft.details.policy == policy && draft.details.split == split && draft.is_measured() {
            return Ok(());
        }
        let (key, now) = (draft.key.clone(), self.clock.now());
        let details = DatasetDraft {
            policy,
            split,
            ..draft.details.clone()
        };
        self.publisher
            .database
            .write(move |connection| rows::set_policy(connection, now, &key, &details))
            .await
    }

    /// Keeps what is said of the dataset; policy and split stay as they are.
    ///
    /// # Errors
    /// [`DraftError::Invalid`] for a DOI that is none; [`DraftError::NotFound`] when it has gone meanwhile.
    pub async fn set_details(&self, draft: &Draft, said: DatasetDraft) -> Result<(), DraftError> {
        if !said.doi.is_empty() && !is_doi(&said.doi) {
            return Err(DraftError::Invalid {
                field: "doi",
                problem: "write it as in 10.5281/zenodo.1234, without an address before it".into(),
            });
        }
        let (key, now) = (draft.key.clone(), self.clock.now());
        let details = DatasetDraft {
            policy: draft.details.policy.clone(),
            split: draft.details.split.clone(),
            ..said
        };
        self.publisher
            .database
            .write(move |connection| rows::set_details(connection, now, &key, &details))
            .await
    }

    /// Deletes a draft and its bytes.
    ///
    /// # Errors
    /// [`DraftError::Busy`] while it is being published; the store's and the database's, after which it can
    /// be discarded again.
    pub async fn discard(&self, draft: &Draft) -> Result<(), DraftError> {
        if draft.state == DraftState::Measuring
            && draft.is_measured()
            && draft.work(self.clock.now()) == Work::UnderWay
        {
            return Err(DraftError::Busy(draft.step.clone()));
        }
        self.delete(draft.key.clone()).await
    }

    /// The bytes first: a row without bytes is swept later, bytes without a row would be forgotten.
    async fn delete(&self, key: String) -> Result<(), DraftError> {
        self.publisher.storage.discard_draft(&key).await?;
        self.publisher
            .database
            .write(move |connection| rows::delete(connection, &key))
            .await
    }

    /// What the reader understood of the raw file; none before it was inspected. It names people.
    ///
    /// # Errors
    /// [`DraftError::Vault`] under another vault's key.
    pub fn inspection(&self, draft: &Draft) -> Result<Option<Inspection>, DraftError> {
        let sealed = draft.sealed_inspection.as_deref();
        self.opened(draft, "inspection", sealed)
    }

    /// What the release would be, measured; none before it was. It names people.
    ///
    /// # Errors
    /// [`DraftError::Vault`] under another vault's key.
    pub fn examination(&self, draft: &Draft) -> Result<Option<Examination>, DraftError> {
        let sealed = draft.sealed_examination.as_deref();
        self.opened(draft, "examination", sealed)
    }

    fn opened<T: DeserializeOwned>(
        &self,
        draft: &Draft,
        what: &str,
        sealed: Option<&str>,
    ) -> Result<Option<T>, DraftError> {
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let json = self.publisher.vault_key.open(&draft.place(what), sealed)?;
        // What an earlier version of this program wrote may not be readable any more: as if it were not there.
        Ok(serde_json::from_slice(&json).ok())
    }

    fn seal<T: Serialize>(
        &self,
        draft: &Draft,
        what: &str,
        value: &T,
    ) -> Result<String, DraftError> {
        let json = json_text(value)?;
        let vault = &self.publisher.vault_key;
        Ok(vault.seal(&draft.place(what), json.as_bytes()))
    }

    fn release_key(&self, draft: &Draft) -> Result<ReleaseKey, DraftError> {
        let vault = &self.publisher.vault_key;
        Ok(ReleaseKey::opened_by(
            vault,
            &draft.place("key"),
            &draft.sealed_key,
        )?)
    }

    /// The raw file, put together from its parts; deleted when dropped.
    async fn raw_file(&self, draft: &Draft) -> Result<tempfile::NamedTempFile, DraftError> {
        let file = tempfile::NamedTempFile::new()?;
        self.publisher
            .storage
            .copy_parts_to_file(&draft.key, &draft.parts, file.path())
            .await?;
        Ok(file)
    }
}

/// Whether a text is a DOI: `10.`, four to nine digits, `/` and a suffix (as Crossref recommends to match
/// them).
fn is_doi(text: &str) -> bool {
    let parts = text
        .strip_prefix("10.")
        .and_then(|rest| rest.split_once('/'));
    parts.is_some_and(|(registrant, suffix)| {
        (4..=9).contains(&registrant.len())
            && registrant.bytes().all(|byte| byte.is_ascii_digit())
            && !suffix.is_empty()
            && suffix.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

/// The name without folders, and not too long.
fn shortened(file_name: &str) -> String {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name
        .chars()
        .filter(|character| !character.is_control())
        .take(LONGEST_FILE_NAME)
        .collect();
    if name.trim().is_empty() {
        "unnamed".to_owned()
    } else {
        name
    }
}

impl Draft {
    /// Whether this user may see it.
    fn is_of(owner_id: i64, user: &User) -> bool {
        owner_id == user.id || user.role == Role::Admin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doi_is_told_from_an_address() {
        for doi in ["10.5281/zenodo.1234", "10.1000/182", "10.123456789/(a)_b;c"] {
            assert!(is_doi(doi), "{doi}");
        }
        for other in [
            "https://doi.org/10.5281/zenodo.1234",
            "10.528/x",
            "10.1234567890/x",
            "10.5281/",
            "10.5281",
            "10.52a1/x",
            "10.5281/a b",
        ] {
            assert!(!is_doi(other), "{other}");
        }
    }

    #[test]
    fn a_file_name_is_for_reading_only() {
        assert_eq!(shortened("C:\\laps\\may.csv"), "may.csv");
        assert_eq!(shortened("../../etc/pass\u{7}wd"), "passwd");
        assert_eq!(shortened("folder/"), "unnamed");
        assert_eq!(shortened(&"x".repeat(500)).len(), LONGEST_FILE_NAME);
    }
}

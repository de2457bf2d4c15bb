//! A dataset as a repository: which release a revision is, and what lies in it.

use crate::api::House;
use crate::datasets::catalogue::{self, DatasetDetail, ReleaseContents};
use crate::datasets::metadata::hugging_face::{self, CARD, MAIN};
use crate::platform::storage::hexadecimal;
use sha2::{Digest, Sha256};

use super::problem::Problem;

/// A dataset that exists under its publisher's name.
pub struct Repository {
    /// The publisher.
    pub namespace: String,
    /// The dataset's address.
    pub name: String,
    /// Every release, newest first.
    releases: Vec<ReleaseContents>,
}

/// A release of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its version.
    pub version: i32,
    /// Its commit.
    pub commit: String,
}

impl Revision {
    fn of(release: &ReleaseContents) -> Self {
        let files = release.files.iter();
        let files = files.map(|(path, sha256)| (path.as_str(), sha256.as_str()));
        Self {
            version: release.version,
            commit: hugging_face::commit(release.version, files),
        }
    }

    /// Its tag, `v2`.
    pub fn tag(&self) -> String {
        format!("v{}", self.version)
    }
}

impl Repository {
    /// Finds a repository.
    ///
    /// # Errors
    /// Where there is no such dataset, or its publisher is another one.
    pub async fn find(house: &House, namespace: &str, name: &str) -> Result<Self, Problem> {
        let asked = name.to_owned();
        let found = house
            .database
            .read(move |connection| catalogue::find_contents(connection, &asked))
            .await?;
        match found {
            Some((owner, releases)) if owner == namespace => Ok(Self {
                namespace: owner,
                name: name.to_owned(),
                releases,
            }),
            _ => Err(Problem::NoRepository(format!(
                "There is no dataset `{namespace}/{name}`."
            ))),
        }
    }

    /// What clients call it.
    pub fn id(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Every release, newest first.
    pub fn revisions(&self) -> impl Iterator<Item = Revision> {
        self.releases.iter().map(Revision::of)
    }

    /// The release of a name: `main` is the newest, `v2` and `2` are versions, 40 hexadecimal digits are
    /// a commit.
    ///
    /// # Errors
    /// Where there is none.
    pub fn revision(&self, name: &str) -> Result<Revision, Problem> {
        let version = name.strip_prefix('v').unwrap_or(name).parse::<i32>().ok();
        self.revisions()
            .find(|revision| {
                name == MAIN || Some(revision.version) == version || revision.commit == name
            })
            .ok_or_else(|| {
                Problem::NoRevision(format!(
                    "The dataset `{}` has no revision `{name}`; use `{MAIN}`, a version such as `v1`, or a \
                     commit.",
                    self.id()
                ))
            })
    }
}

/// A release with everything that is said of it.
pub struct Snapshot {
    /// The release.
    pub revision: Revision,
    /// What it says and holds.
    pub dataset: DatasetDetail,
    /// The dataset card.
    pub card: Card,
}

/// A dataset card as a file.
pub struct Card {
    /// Its text.
    pub text: String,
    /// SHA-256 of that.
    pub sha256: String,
}

impl Snapshot {
    /// Reads a release.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn read(
        house: &House,
        repository: &Repository,
        revision: Revision,
    ) -> Result<Self, Problem> {
        let (slug, version) = (repository.name.clone(), revision.version);
        let found = house
            .database
            .read(move |connection| catalogue::find(connection, &slug, Some(version)))
            .await?;
        let dataset = found.ok_or_else(|| {
            Problem::NoRepository(format!("There is no dataset `{}`.", repository.id()))
        })?;
        let text = hugging_face::card(&dataset, &house.config.public_url());
        let card = Card {
            sha256: hexadecimal(&Sha256::digest(text.as_bytes())),
            text,
        };
        Ok(Self {
            revision,
            dataset,
            card,
        })
    }

    /// Every file: name, size and SHA-256.
    pub fn files(&self) -> impl Iterator<Item = (&str, u64, &str)> {
        let card = (CARD, self.card.text.len() as u64, self.card.sha256.as_str());
        std::iter::once(card).chain(self.dataset.files.iter().map(|file| {
            (
                file.path.as_str(),
                file.bytes.unsigned_abs(),
                file.sha256.as_str(),
            )
        }))
    }
}

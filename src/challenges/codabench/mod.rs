//! Codabench's competition bundles (`competition.yaml`, version 2) as challenges: pages, phases, tasks,
//! leaderboard columns, reference data and scoring program, and a list of what could not be carried over.
//!
//! Pure but for the files given: no database, no HTTP, nothing of a bundle is run. Whatever a competition has
//! that a challenge has not ends up in the list with the reason and what to do instead; only what is broken
//! is refused, by the name of the file or field. Start reading at [`import`].

mod competition;
mod dates;
mod draft;
mod pages;
mod phases;
mod program;
mod reference;
mod tasks;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::bundle::PhaseFiles;
use super::draft::ChallengeDraft;
use crate::scoring::intake::{ArchiveError, Entries};

pub use draft::import;

/// The file that every bundle has.
const COMPETITION: [&str; 2] = ["competition.yaml", "competition.yml"];

/// What an import needs to know beside the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The challenge's address; made from the title where none is given.
    pub slug: Option<String>,
    /// A phase without a beginning begins now.
    pub now: DateTime<Utc>,
    /// Draws the public rows.
    pub seed: u64,
}

/// A competition as a challenge.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The challenge.
    pub draft: ChallengeDraft,
    /// The files of its phases, as far as they could be taken over.
    pub files: Vec<PhaseFiles>,
    /// What was taken over, in words.
    pub carried: Vec<String>,
    /// What was not.
    pub not_carried: Vec<NotCarried>,
}

/// Something of a bundle that a challenge does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct NotCarried {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
    /// What to do instead.
    pub remedy: String,
}

impl NotCarried {
    fn new(what: impl Into<String>, why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
            remedy: remedy.into(),
        }
    }
}

/// A file that a bundle names and does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingEntry {
    /// The path as the bundle writes it.
    pub file: String,
    /// The field that names it.
    pub field: String,
}

/// Why a bundle is refused.
#[derive(Debug, thiserror::Error)]
pub enum CodabenchError {
    /// `competition.yaml` cannot be read.
    #[error("competition.yaml: {0}")]
    Yaml(String),
    /// A bundle of Codabench's predecessor.
    #[error(
        "competition.yaml has no `version`: it is a bundle of CodaLab 1.5. Upload it to Codabench, which converts it, and \
         export it from there; or write it anew with `version: 2`"
    )]
    NoVersion,
    /// A version that nobody knows yet.
    #[error("competition.yaml: `version` is {0}; bundles of version 2 are read")]
    Version(String),
    /// A field is not as it must be.
    #[error("competition.yaml: {field}: {problem}")]
    Field {
        /// Which, as in `phases[0].start`.
        field: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Files that it names are not there.
    #[error("{}", missing(.0))]
    Missing(Vec<MissingEntry>),
    /// An archive in the bundle is refused.
    #[error("{file}: {error}")]
    Archive {
        /// Its path in the bundle.
        file: String,
        /// Why.
        error: ArchiveError,
    },
    /// A local file failed.
    #[error("the bundle's files could not be read or written: {0}")]
    Io(#[from] std::io::Error),
}

impl CodabenchError {
    /// Whether it is for the sender to mend; if not, this machine failed.
    pub fn is_senders(&self) -> bool {
        match self {
            Self::Archive { error, .. } => error.is_senders(),
            Self::Io(_) => false,
            _ => true,
        }
    }
}

fn missing(entries: &[MissingEntry]) -> String {
    let named: Vec<String> = entries
        .iter()
        .map(|entry| format!("`{}` (named in {})", entry.file, entry.field))
        .collect();
    format!(
        "the bundle lacks {}; put what is missing into the zip, or take it out of competition.yaml",
        named.join(", ")
    )
}

/// Whether an unpacked zip is a Codabench bundle.
pub fn is_bundle(entries: &Entries) -> bool {
    competition_path(entries).is_some()
}

/// Where `competition.yaml` lies: at the top, or in a folder that was zipped as a whole.
fn competition_path(entries: &Entries) -> Option<&str> {
    entries
        .files()
        .iter()
        .map(|entry| entry.path.as_str())
        .filter(|path| COMPETITION.contains(&path.rsplit('/').next().unwrap_or(path)))
        .min_by_key(|path| path.matches('/').count())
}

/// What a path of the bundle names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    File(PathBuf),
    Folder(PathBuf),
}

/// The unpacked files of a bundle.
struct Files<'a> {
    folder: &'a Path,
    /// The folder in the bundle that paths are relative to: empty, or with a `/` at its end.
    base: &'a str,
    entries: &'a Entries,
}

impl Files<'_> {
    /// What a path of `competition.yaml` names, if it is in the bundle.
    fn find(&self, path: &str) -> Option<Found> {
        let mut parts = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                part => parts.push(part),
            }
        }
        let path = format!("{}{}", self.base, parts.join("/"));
        if self.entries.has(&path) {
            return Some(Found::File(self.folder.join(&path)));
        }
        let inside = format!("{path}/");
        let mut files = self.entries.files().iter();
        let is_folder = files.any(|entry| entry.path.starts_with(&inside));
        is_folder.then(|| Found::Folder(self.folder.join(&path)))
    }
}

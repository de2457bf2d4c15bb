//! Challenge bundles: one zip with everything that a challenge is made of, so that it can be kept, moved
//! to another server, or begun again next season.
//!
//! [`challenge_file`] reads and writes `challenge.toml`, [`write()`] makes a zip and [`read()`] takes one that was
//! unpacked by the intake's rules. Pure but for the files given: no database, no HTTP. Start reading at
//! [`Bundle`].

pub mod challenge_file;
mod manifest;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

pub use manifest::DatasetReference;
pub use read::{NotABundle, is_bundle, read};
pub use write::write;

use super::draft::{ChallengeDraft, PhaseDraft};
use crate::scoring::intake::{ArchiveError, ArchiveLimits};

/// Everything of a challenge. The files lie on this machine.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The challenge as its organizer wrote it.
    pub draft: ChallengeDraft,
    /// The release that it was made with.
    pub dataset: Option<DatasetReference>,
    /// The files of each phase, in their order.
    pub files: Vec<PhaseFiles>,
}

/// The files of one phase, on this machine. Those that are none are still to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PhaseFiles {
    /// The hidden solution, CSV.
    pub solution: Option<PathBuf>,
    /// What models predict from, CSV or Parquet.
    pub features: Option<PathBuf>,
    /// The organizer's scoring program, a zip.
    pub program: Option<PathBuf>,
}

crate::text_enum! {
    /// What a file is to its phase.
    pub enum FileRole {
        /// The hidden solution.
        Solution = "solution",
        /// What models predict from.
        Features = "features",
        /// The organizer's scoring program.
        Program = "program",
    }
}

/// A file that a phase cannot do without and does not have.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct MissingFile {
    /// The phase's place, from 0.
    pub phase: usize,
    /// The phase's name.
    pub name: String,
    /// What is missing.
    pub role: FileRole,
}

impl fmt::Display for MissingFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = match self.role {
            FileRole::Solution => "solution",
            FileRole::Features => "features",
            FileRole::Program => "scoring program",
        };
        write!(formatter, "the {file} of the phase “{}”", self.name)
    }
}

/// What a draft's phases lack among these files.
pub fn missing_files(draft: &ChallengeDraft, files: &[PhaseFiles]) -> Vec<MissingFile> {
    let mut missing = Vec::new();
    for (index, phase) in draft.phases.iter().enumerate() {
        let there = files.get(index).cloned().unwrap_or_default();
        let needs = |role| needs(draft.takes_models(), phase, role);
        for (role, file) in [
            (FileRole::Solution, &there.solution),
            (FileRole::Features, &there.features),
            (FileRole::Program, &there.program),
        ] {
            if needs(role) && file.is_none() {
                missing.push(MissingFile {
                    phase: index,
                    name: phase.name.clone(),
                    role,
                });
            }
        }
    }
    missing
}

/// Whether a file of this role is sent for a phase.
pub fn needs(takes_models: bool, phase: &PhaseDraft, role: FileRole) -> bool {
    match role {
        FileRole::Solution => true,
        FileRole::Features => takes_models && phase.features_file.is_none(),
        FileRole::Program => phase.metric.program().is_some(),
    }
}

/// How a copy differs from what it was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Its address, where it is another one.
    pub slug: Option<String>,
    /// Its name, where it is another one.
    pub title: Option<String>,
    /// When its first phase begins; all other dates move by the same time.
    pub starts_at: Option<DateTime<Utc>>,
}

impl Change {
    /// The draft with the change made.
    ///
    /// # Errors
    /// A beginning so far away that the other dates would leave the calendar.
    pub fn applied(&self, mut draft: ChallengeDraft) -> Result<ChallengeDraft, BundleError> {
        if let Some(slug) = &self.slug {
            draft.slug.clone_from(slug);
        }
        if let Some(title) = &self.title {
            draft.title.clone_from(title);
        }
        if let (Some(starts_at), Some(first)) = (self.starts_at, draft.phases.first()) {
            let by = starts_at - first.starts_at;
            let moved = |at: DateTime<Utc>| {
                at.checked_add_signed(by).ok_or(BundleError::File {
                    file: challenge_file::NAME.to_owned(),
                    problem: "starts_at: choose a nearer date".to_owned(),
                })
            };
            for phase in &mut draft.phases {
                phase.starts_at = moved(phase.starts_at)?;
                phase.ends_at = moved(phase.ends_at)?;
            }
            draft.teams_locked_at = draft.teams_locked_at.map(moved).transpose()?;
        }
        Ok(draft)
    }
}

/// How much a bundle may hold: large solutions, archives among its files, and tables that compress as
/// well as Deflate can.
pub fn limits() -> ArchiveLimits {
    ArchiveLimits {
        entries: 5_000,
        total_bytes: 2 << 30,
        entry_bytes: 1 << 30,
        ratio: 1_100,
        nested: true,
        ..ArchiveLimits::default()
    }
}

/// Why a bundle cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It is no zip, or one that is refused.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A zip of something else.
    #[error(transparent)]
    NotABundle(#[from] NotABundle),
    /// A file that must be there is not.
    #[error(
        "the bundle has no file `{file}`, which {named_by} names; export it again, or put the file in"
    )]
    Missing {
        /// Its path in the bundle.
        file: String,
        /// What says that it must be there.
        named_by: String,
    },
    /// A file is not the one that was exported.
    #[error(
        "{file}: it is not the file that was exported (its SHA-256 is {found}, bundle.json says {expected}); if you \
         changed it on purpose, take it out of `sha256` in bundle.json"
    )]
    Changed {
        /// Its path in the bundle.
        file: String,
        /// What the bundle says.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A version of the format that this platform does not know.
    #[error(
        "bundle.json: this bundle is of format version {0}; this platform reads version 1, so update it"
    )]
    Version(u64),
    /// A file is not as it must be.
    #[error("{file}: {problem}")]
    File {
        /// Its path in the bundle.
        file: String,
        /// What is wrong, with the field where there is one, and what to do.
        problem: String,
    },
    /// More than a bundle may hold.
    #[error(
        "the challenge's files have {bytes} bytes together, and a bundle holds at most {limit}; export it without the \
         solutions and keep those yourself"
    )]
    TooLarge {
        /// How many there are.
        bytes: u64,
        /// How many may be.
        limit: u64,
    },
    /// The zip could not be written.
    #[error("the bundle could not be written: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// A local file failed.
    #[error("the bundle's files could not be read or written: {0}")]
    Io(#[from] std::io::Error),
}

impl BundleError {
    /// Whether it is for the sender to mend; if not, this machine failed.
    pub fn is_senders(&self) -> bool {
        match self {
            Self::Archive(error) => error.is_senders(),
            Self::Zip(_) | Self::Io(_) => false,
            _ => true,
        }
    }
}

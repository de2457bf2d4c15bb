//! `bundle.json`: what a bundle is, and what its files were when it was made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The manifest's name at the top of a bundle.
pub(super) const NAME: &str = "bundle.json";

/// The version of the format that is written, and the only one that is read.
pub(super) const VERSION: u64 = 1;

/// The largest manifest that is read: more than it can be with all the entries that a bundle may have.
pub(super) const MAX_BYTES: u64 = 4 << 20;

/// The release that a challenge was made with: to be found again, not carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DatasetReference {
    /// The dataset's slug.
    pub slug: String,
    /// The release's version.
    pub version: i32,
}

/// A bundle's manifest.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The version of the format.
    pub(super) format: u64,
    /// The platform that made it, with its version.
    pub(super) made_by: String,
    /// The release that the challenge was made with.
    #[serde(default)]
    pub(super) dataset: Option<DatasetReference>,
    /// The files of each phase, in their order: a path in the bundle for each role that there is.
    pub(super) phases: Vec<PhaseEntry>,
    /// SHA-256 of the files, by path, in lower-case hexadecimal.
    pub(super) sha256: BTreeMap<String, String>,
}

/// Where the files of a phase lie in the bundle.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PhaseEntry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) solution: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) features: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) program: Option<String>,
}

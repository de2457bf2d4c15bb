//! `paddock runtime build`: installs the packages of the lock file, once, into a folder of its own.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Built, LOCK, Manifest};

/// The SHA-256 of this version's lock file.
pub fn lock_sha256() -> String {
    hex(&Sha256::digest(LOCK.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every whole environment below a folder, whatever its lock file.
pub(super) fn all(dir: &Path) -> Vec<Built> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let folder = entry.path();
            let manifest = std::fs::read(folder.join("manifest.json")).ok()?;
            let manifest: Manifest = serde_json::from_slice(&manifest).ok()?;
            // A half-built environment lies in a folder of another name.
            (folder.file_name()? == &*manifest.version).then_some(Built { folder, manifest })
        })
        .collect()
}

//! Files that hold a key of this machine's own: made once, for this user alone.

use std::io::{ErrorKind, Write};
use std::path::Path;

/// Writes a key that was just made, and its folder. Written whole under another name first, so that
/// nobody reads half a key; of two processes that begin at once the first one's stays.
///
/// # Errors
/// A folder that cannot be written to.
pub fn make(path: &Path, key: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    // Such files are made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(key)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(refused) => Err(refused.error),
    }
}

//! How the Python code of a submission is started.

use std::path::Path;

use thiserror::Error;

use super::archive::{ArchiveError, ArchiveLimits, Entries, Entry, check_archive, unpack};

/// What starts a Python submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PythonEntry {
    /// `main.py FEATURES OUTPUT`: a program of its own.
    Main,
    /// `submission.py` with a class `Model`, which the platform calls.
    Model,
}

impl PythonEntry {
    /// The file that is started, at the archive's top.
    pub fn file(self) -> &'static str {
        match self {
            Self::Main => "main.py",
            Self::Model => "submission.py",
        }
    }

    fn all() -> [Self; 2] {
        [Self::Main, Self::Model]
    }
}

/// Why an archive is no Python submission.
#[derive(Debug, Error)]
pub enum CodeError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Python(#[from] PythonError),
}

impl CodeError {
    /// Whether it is for the sender to mend; if not, this machine failed.
    pub fn is_senders(&self) -> bool {
        match self {
            Self::Archive(error) => error.is_senders(),
            Self::Python(_) => true,
        }
    }
}

/// Checks that a zip is a Python submission, without writing anything.
///
/// # Errors
/// What is wrong with the archive, or that nothing in it can be started.
pub fn check_code(zip: &Path) -> Result<PythonEntry, CodeError> {
    let entries = check_archive(zip, &ArchiveLimits::default())?;
    Ok(check_python(&entries)?)
}

/// The same, and unpacks it into a folder that does not exist yet.
///
/// # Errors
/// As [`check_code`]; what was unpacked by then is the caller's to remove.
pub fn unpack_code(zip: &Path, into: &Path) -> Result<PythonEntry, CodeError> {
    let entries = unpack(zip, into, &ArchiveLimits::default())?;
    Ok(check_python(&entries)?)
}

/// Why no Python code can be started from an archive.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PythonError {
    #[error(
        "Both main.py and submission.py are at the top of the archive. Keep main.py if it is a program of its own, \
         or submission.py if it has the class Model."
    )]
    Both,
    #[error(
        "{file} is in the folder \"{folder}\" of the archive and must be at its top. Zip from inside the folder: \
         cd \"{folder}\" && zip -r ../submission.zip ."
    )]
    InFolder {
        /// The file that would be started.
        file: &'static str,
        /// Where it is.
        folder: String,
    },
    #[error(
        "\"{found}\" must be written {file}: Python tells capitals apart. Rename it and zip again."
    )]
    Capitals {
        /// As it should be.
        file: &'static str,
        /// As it is.
        found: String,
    },
    #[error(
        "\"{found}\" is a notebook, which is not run. Export its code as submission.py (class Model) or main.py."
    )]
    Notebook {
        /// Its path.
        found: String,
    },
    #[error(
        "There is neither submission.py (class Model) nor main.py at the top of the archive; it has {found}. \
         Add one of them: the challenge's starter kit has both."
    )]
    Missing {
        /// Its first files, in words.
        found: String,
    },
}

/// Finds out how the code of an archive is started.
///
/// # Errors
///
/// There is no `main.py` or `submission.py` at its top, or both; if they are somewhere else, it says where
/// and how to zip.
pub fn check_python(entries: &Entries) -> Result<PythonEntry, PythonError> {
    let at_top = |entry: &PythonEntry| entries.has(entry.file());
    match PythonEntry::all()
        .into_iter()
        .filter(at_top)
        .collect::<Vec<_>>()[..]
    {
        [entry] => Ok(entry),
        [_, _] => Err(PythonError::Both),
        _ => Err(what_instead(entries.files())),
    }
}

fn what_instead(files: &[Entry]) -> PythonError {
    let paths = || files.iter().map(|file| file.path.as_str());
    // The least deep one: what it was copied beside is not what was meant.
    let in_folder = paths()
        .filter_map(|path| path.rsplit_once('/'))
        .filter_map(|(folder, name)| {
            let entry = PythonEntry::all()
                .into_iter()
                .find(|entry| entry.file() == name)?;
            Some((entry.file(), folder))
        })
        .min_by_key(|(_, folder)| folder.matches('/').count());
    if let Some((file, folder)) = in_folder {
        let folder = folder.to_owned();
        return PythonError::InFolder { file, folder };
    }
    for entry in PythonEntry::all() {
        let file = entry.file();
        if let Some(found) = paths().find(|path| path.eq_ignore_ascii_case(file)) {
            let found = found.to_owned();
            return PythonError::Capitals { file, found };
        }
    }
    if let Some(found) = paths().find(|path| path.to_ascii_lowercase().ends_with(".ipynb")) {
        let found = found.to_owned();
        return PythonError::Notebook { found };
    }
    const NAMED: usize = 3;
    let mut found: Vec<String> = paths()
        .take(NAMED)
        .map(|path| format!("\"{path}\""))
        .collect();
    if files.len() > NAMED {
        found.push(format!("{} more", files.len() - NAMED));
    }
    PythonError::Missing {
        found: found.join(", "),
    }
}

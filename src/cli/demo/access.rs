//! demo.json: how to get into the demo. Written before the accounts are made, under another name until
//! everything is ready, so that no password is ever lost and no reader finds half of it.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::accounts::users::Role;
use crate::cli::dataset::create_private;

const FINISHED: &str = "demo.json";
const UNFINISHED: &str = "demo.json.unfinished";

/// What demo.json holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Access {
    /// Where the server is.
    pub base_url: String,
    /// Who can sign in.
    pub accounts: Vec<Account>,
    /// What they can look at.
    pub challenges: Vec<String>,
    /// A driver's personal link; empty until it is made.
    #[serde(default)]
    pub driving: String,
    #[serde(skip)]
    folder: PathBuf,
}

/// An account of the demo.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    pub role: Role,
    pub username: String,
    pub password: String,
    /// An API token; empty until it is made.
    pub token: String,
}

impl Access {
    /// What an earlier start wrote, finished or not, else an empty one.
    pub fn load(folder: &Path, base_url: String) -> anyhow::Result<Self> {
        let earlier = [FINISHED, UNFINISHED].map(|name| folder.join(name));
        let Some(path) = earlier.into_iter().find(|path| path.exists()) else {
            return Ok(Self {
                base_url,
                accounts: Vec::new(),
                challenges: Vec::new(),
                driving: String::new(),
                folder: folder.to_owned(),
            });
        };
        let read = || anyhow::Ok(serde_json::from_slice::<Self>(&std::fs::read(&path)?)?);
        let access = read().with_context(|| {
            format!(
                "{} cannot be read; delete the folder to begin anew",
                path.display()
            )
        })?;
        Ok(Self {
            base_url,
            folder: folder.to_owned(),
            ..access
        })
    }

    /// Keeps what there is so far.
    pub fn save(&self) -> anyhow::Result<()> {
        self.write(&self.folder.join(UNFINISHED))
    }

    /// Writes demo.json, whole or not at all.
    pub fn finish(&self) -> anyhow::Result<()> {
        self.save()?;
        std::fs::rename(self.folder.join(UNFINISHED), self.path())
            .with_context(|| format!("{} cannot be written", self.path().display()))
    }

    /// Where demo.json is.
    pub fn path(&self) -> PathBuf {
        self.folder.join(FINISHED)
    }

    fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut file = create_private(path)?;
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        file.write_all(&json)
            .and_then(|()| file.sync_all())
            .with_context(|| format!("{} cannot be written", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_start_keeps_its_passwords_and_shows_nobody_half_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut access = Access::load(folder.path(), "http://one".into()).unwrap();
        access.accounts.push(Account {
            role: Role::Scout,
            username: "demo-scout".into(),
            password: "kept".into(),
            token: String::new(),
        });
        access.save().unwrap();
        assert!(!access.path().exists());

        let again = Access::load(folder.path(), "http://two".into()).unwrap();
        assert_eq!(again.accounts[0].password, "kept");
        assert_eq!(again.base_url, "http://two");
        again.finish().unwrap();
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(again.path())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!folder.path().join(UNFINISHED).exists());
    }
}

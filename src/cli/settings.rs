//! The settings that every command has, and the house opened under them.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use crate::accounts::passwords::Passwords;
use crate::accounts::permissions::Principal;
use crate::accounts::users::{self, AccountError, Role, User};
use crate::http::state::State;
use crate::platform::clock::Clock;
use crate::platform::config::{Config, ConfigurationError};
use crate::platform::observability;

/// Flags that stand above the environment and the configuration file.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// Configuration file [default: paddock.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the embedded database, the files and the key
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// file:DIR, s3://BUCKET/PREFIX, az://… or gs://…
    #[arg(long, global = true, value_name = "URL")]
    pub storage_url: Option<String>,
    /// What is logged to standard error, as in "info" or "paddock=debug"
    #[arg(long, global = true, value_name = "FILTER")]
    pub log_filter: Option<String>,
}

/// What a command that does one thing and ends logs, unless a flag asks for more.
const QUIET: &str = "warn";

impl Settings {
    /// The configuration in force: defaults, file, environment, these flags, and a command's own.
    pub fn load(&self, own: &[(&'static str, String)]) -> Result<Config, ConfigurationError> {
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let mut flags = self.flags();
        flags.extend_from_slice(own);
        Config::load(self.config.as_deref(), environment, &flags)
    }

    fn flags(&self) -> Vec<(&'static str, String)> {
        let data_dir = self
            .data_dir
            .as_ref()
            .map(|path| path.to_string_lossy().into_owned());
        [
            ("data_dir", data_dir),
            ("database_url", self.database_url.clone()),
            ("storage_url", self.storage_url.clone()),
            ("log_filter", self.log_filter.clone()),
        ]
        .into_iter()
        .filter_map(|(setting, value)| Some((setting, value?)))
        .collect()
    }

    /// Opens the configured house for a command that does one thing and ends.
    pub fn open(&self) -> anyhow::Result<State> {
        let mut config = self.load(&[])?;
        if self.log_filter.is_none() {
            QUIET.clone_into(&mut config.log_filter);
        }
        observability::start_logging(&config)?;
        State::open(config, Clock::System, Passwords::owasp())
    }
}

/// The organizer in whose name a command acts.
pub async fn organizer(state: &State, username: &str) -> anyhow::Result<User> {
    let name = username.to_owned();
    let user: User = state
        .database
        .read(move |connection| users::find(connection, &name))
        .await
        .map_err(|error: AccountError| error)?;
    match user.role {
        Role::Organizer | Role::Admin => Ok(user),
        Role::Expert | Role::Scout => bail!(
            "`{username}` has the role {}; make them an organizer with `paddock user role {username} organizer`",
            user.role
        ),
    }
}

/// The same, as the rooms ask for them.
pub async fn principal(state: &State, username: &str) -> anyhow::Result<Principal> {
    Ok(Principal::Browser(organizer(state, username).await?))
}

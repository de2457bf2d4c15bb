//! What an operator may set. Defaults, then one TOML file, then `PADDOCK_…` variables, then flags.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::database::DatabaseUrl;

/// Everything that can be set, with the embedded defaults.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port of the web server.
    pub listen: String,
    /// How browsers reach the server, as in `https://paddock.example`. Empty: `http://` and `listen`.
    /// With `https` the session cookie is marked secure.
    pub base_url: String,
    /// Where this machine keeps what has no URL of its own: the embedded database, the files, the key.
    pub data_dir: PathBuf,
    /// `sqlite:PATH` or `postgres://…`. Empty: SQLite in `data_dir`.
    pub database_url: String,
    /// Most connections to the database at once.
    pub database_connections: u32,
    /// `file:DIRECTORY`, `s3://…`, `az://…` or `gs://…`. Empty: a folder in `data_dir`.
    pub storage_url: String,
    /// At least 64 hexadecimal digits that seal the session cookie; the same on every web node.
    /// Empty: made at the first start and kept in `data_dir`.
    pub secret_key: String,
    /// The Ed25519 key that signs receipts, as PKCS#8 in PEM; the same on every web node. Empty: made at
    /// the first start and kept in `data_dir`.
    pub receipt_key_file: PathBuf,
    /// The key of the vault, in which the identities behind pseudonyms are sealed: 64 hexadecimal digits;
    /// the same on every web node. Whoever loses it loses them. Empty: made at the first start and kept in
    /// `data_dir`.
    pub vault_key_file: PathBuf,
    /// How many runs the server's own worker scores at once; 0 leaves scoring to `paddock worker`.
    pub worker_concurrency: usize,
    /// What holds a sandboxed run to its memory: `auto` is cgroup v2 or v1, and no run without; `none` a
    /// watchdog alone, for machines that have no cgroup.
    pub sandbox_cgroup: CgroupSetting,
    /// Where workers run as root: sandboxed runs get users of their own from this number on.
    pub sandbox_uid_base: u32,
    /// Modules, with commas between, as in `numpy,pandas`, which one waiting Python imports once, and
    /// from which each `submission.py` is forked and sealed: quicker, at the price that
    /// docs/operating.md tells. Empty: each run starts a Python of its own.
    pub sandbox_prefork: String,
    /// Where `paddock runtime build` puts what models run with. Empty: a folder in `data_dir`.
    pub runtimes_dir: PathBuf,
    /// The kinds of submission that this machine's workers take, with commas between, as in
    /// `predictions,python`. Empty: all.
    pub worker_kinds: String,
    /// The most memory that one run may ask for, in MiB; runs that may use more are left to other
    /// workers. 0: all that the machine has.
    pub worker_memory_mb: u64,
    /// Seconds after which a run whose worker fell silent is taken by another.
    pub lease_seconds: u32,
    /// Days after which an unused session ends.
    pub session_days: u32,
    /// Sign-ins and sign-ups that one address may try in a minute.
    pub sign_in_per_minute: u32,
    /// Submissions that one address may send in a minute, whatever its challenges' own limits.
    pub submissions_per_minute: u32,
    /// Invitations to teams that one address may send, and invitation links that it may try, in a minute.
    pub invitations_per_minute: u32,
    /// Drivers' personal pages that one address may open in a minute: a school's drivers share one.
    pub personal_links_per_minute: u32,
    /// Whether an admin alone publishes challenges, after their organizers have handed them in for review.
    pub challenge_review: bool,
    /// Announcements, posts and reports that one address may send in a minute.
    pub messages_per_minute: u32,
    /// How letters leave: `smtp://user:password@host`, `smtps://…`, `file:DIRECTORY`, `log`, or `none`, where
    /// they wait for another web node. Empty: files in a folder `mail` in `data_dir`.
    pub mail_url: String,
    /// Whom letters come from, as in `Paddock <paddock@example.org>`. Needed for SMTP.
    pub mail_from: String,
    /// Largest dataset file or solution that an organizer may upload, in bytes.
    pub max_upload_bytes: u64,
    /// `text` for people, `json` for machines.
    pub log_format: LogFormat,
    /// What is logged, in the syntax of `tracing`'s filters.
    pub log_filter: String,
}

/// What holds a sandboxed run to its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CgroupSetting {
    /// A cgroup; where there is none, no run.
    Auto,
    /// A watchdog.
    None,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One readable line an event.
    Text,
    /// One JSON object an event.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            base_url: String::new(),
            data_dir: "paddock-data".into(),
            database_url: String::new(),
            database_connections: 8,
            storage_url: String::new(),
            secret_key: String::new(),
            receipt_key_file: PathBuf::new(),
            vault_key_file: PathBuf::new(),
            worker_concurrency: 2,
            sandbox_cgroup: CgroupSetting::Auto,
            sandbox_uid_base: 3_000_000,
            sandbox_prefork: String::new(),
            runtimes_dir: PathBuf::new(),
            worker_kinds: String::new(),
            worker_memory_mb: 0,
            lease_seconds: 60,
            session_days: 14,
            sign_in_per_minute: 20,
            submissions_per_minute: 60,
            invitations_per_minute: 30,
            personal_links_per_minute: 300,
            challenge_review: false,
            messages_per_minute: 30,
            mail_url: String::new(),
            mail_from: String::new(),
            max_upload_bytes: 1 << 30,
            log_format: LogFormat::Text,
            log_filter: "info".into(),
        }
    }
}

/// Why the configuration cannot be used. Names the setting and where it came from.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// A file, variable or flag has an unknown name or a value of the wrong kind.
    #[error("{0}")]
    Invalid(#[from] config::ConfigError),
    /// A value that parses but cannot be.
    #[error("{0}")]
    Impossible(String),
    /// The key file could not be read or made.
    #[error("{path}: {source}")]
    KeyFile {
        /// Which file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
}

impl Config {
    /// Reads the layers in order. `file` must exist when it is given; otherwise `paddock.toml` of the
    /// working directory is read if it is there. `flags` are (setting, value) pairs.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(&str, String)],
    ) -> Result<Self, ConfigurationError> {
        let defaults = config::Config::try_from(&Self::default())?;
        // Other tools share the prefix, so only variables that name a setting are taken.
        let known: HashMap<String, config::Value> = defaults.clone().try_deserialize()?;
        let environment = environment
            .filter(|(name, _)| {
                name.strip_prefix("PADDOCK_")
                    .is_some_and(|setting| known.contains_key(&setting.to_ascii_lowercase()))
            })
            .collect::<config::Map<String, String>>();
        let source = match file {
            Some(path) => config::File::from(path).format(config::FileFormat::Toml),
            None => config::File::new("paddock.toml", config::FileFormat::Toml).required(false),
        };
        let mut layers = config::Config::builder()
            .add_source(defaults)
            .add_source(source)
            .add_source(
                config::Environment::with_prefix("PADDOCK")
                    .prefix_separator("_")
                    .separator("\u{0}")
                    .source(Some(environment)),
            );
        for (setting, value) in flags {
            layers = layers.set_override(*setting, value.as_str())?;
        }
        let config: Self = layers.build()?.try_deserialize()?;
        config.database()?;
        for (setting, value) in [
            ("database_connections", config.database_connections),
            ("lease_seconds", config.lease_seconds),
            ("session_days", config.session_days),
            ("sign_in_per_minute", config.sign_in_per_minute),
            ("submissions_per_minute", config.submissions_per_minute),
            ("messages_per_minute", config.messages_per_minute),
            ("invitations_per_minute", config.invitations_per_minute),
            (
                "personal_links_per_minute",
                config.personal_links_per_minute,
            ),
        ] {
            if value == 0 {
                return Err(ConfigurationError::Impossible(format!(
                    "{setting}: must be at least 1"
                )));
            }
        }
        Ok(config)
    }

    /// Where the database is.
    pub fn database(&self) -> Result<DatabaseUrl, ConfigurationError> {
        if self.database_url.is_empty() {
            let path = self.data_dir.join("paddock.db");
            return Ok(DatabaseUrl::Sqlite(path.to_string_lossy().into_owned()));
        }
        self.database_url
            .parse()
            .map_err(ConfigurationError::Impossible)
    }

    /// Where the bytes are.
    pub fn storage(&self) -> String {
        if self.storage_url.is_empty() {
            return format!("file:{}", self.data_dir.join("storage").display());
        }
        self.storage_url.clone()
    }

    /// Where built runtimes are.
    pub fn runtimes(&self) -> PathBuf {
        if self.runtimes_dir.as_os_str().is_empty() {
            return self.data_dir.join("runtimes");
        }
        self.runtimes_dir.clone()
    }

    /// How browsers reach the server, without a slash at the end.
    pub fn public_url(&self) -> String {
        if self.base_url.is_empty() {
            return format!("http://{}", self.listen);
        }
        self.base_url.trim_end_matches('/').to_owned()
    }

    /// The key that seals session cookies: the setting, or a file that only this user may read.
    pub fn session_key(&self) -> Result<Vec<u8>, ConfigurationError> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        if !self.secret_key.is_empty() {
            return decode_key(&self.secret_key);
        }
        let path = self.data_dir.join("secret.key");
        let failed = |source| ConfigurationError::KeyFile {
            path: path.clone(),
            source,
        };
        if !path.exists() {
            let key: [u8; 64] = std::array::from_fn(|_| rand::random());
            std::fs::create_dir_all(&self.data_dir).map_err(failed)?;
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
                .map_err(failed)?;
            file.write_all(super::storage::hexadecimal(&key).as_bytes())
                .map_err(failed)?;
        }
        decode_key(std::fs::read_to_string(&path).map_err(failed)?.trim())
    }

    /// The configuration in force as TOML, with every secret replaced.
    pub fn masked(&self) -> Result<String, toml::ser::Error> {
        let mut shown = self.clone();
        if !shown.secret_key.is_empty() {
            shown.secret_key = "********".into();
        }
        shown.database_url = without_password(&shown.database_url);
        shown.storage_url = without_password(&shown.storage_url);
        shown.mail_url = without_password(&shown.mail_url);
        toml::to_string_pretty(&shown)
    }
}

fn decode_key(digits: &str) -> Result<Vec<u8>, ConfigurationError> {
    let wrong = || {
        ConfigurationError::Impossible(
            "secret_key: needs at least 128 hexadecimal digits; make one with `openssl rand -hex 64`"
                .into(),
        )
    };
    if digits.len() < 128 || !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return Err(wrong());
    }
    (0..digits.len())
        .step_by(2)
        .map(|start| u8::from_str_radix(&digits[start..start + 2], 16).map_err(|_| wrong()))
        .collect()
}

/// A URL with the password (`user:password@`, `?password=`) replaced.
pub fn without_password(url: &str) -> String {
    let Ok(mut parsed) = reqwest::Url::parse(url) else {
        return url.to_owned();
    };
    if parsed.password().is_some() {
        let _ = parsed.set_password(Some("********")); // fails only where there can be no password
    }
    if parsed.query().is_some() {
        let pairs: Vec<(String, String)> = parsed.query_pairs().into_owned().collect();
        parsed
            .query_pairs_mut()
            .clear()
            .extend_pairs(pairs.iter().map(|(name, value)| {
                let secret = ["password", "secret", "key", "token"]
                    .iter()
                    .any(|word| name.to_ascii_lowercase().contains(word));
                (
                    name.as_str(),
                    if secret { "********" } else { value.as_str() },
                )
            }));
    }
    parsed.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_layers_win_and_foreign_variables_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("paddock.toml");
        std::fs::write(
            &file,
            "listen = \"127.0.0.1:1\"\nlease_seconds = 7\nsession_days = 3\n",
        )
        .unwrap();
        let environment = [
            ("PADDOCK_LEASE_SECONDS", "8"),
            ("PADDOCK_SESSION_DAYS", "4"),
            ("PADDOCK_TEST_POSTGRES_URL", "postgres://elsewhere"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::load(
            Some(&file),
            environment.into_iter(),
            &[("session_days", "5".into())],
        )
        .unwrap();
        assert_eq!(config.listen, "127.0.0.1:1");
        assert_eq!(config.lease_seconds, 8);
        assert_eq!(config.session_days, 5);
    }

    #[test]
    fn a_misspelt_setting_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("paddock.toml");
        std::fs::write(&file, "lisen = \"127.0.0.1:1\"\n").unwrap();
        let error = Config::load(Some(&file), std::iter::empty(), &[]).unwrap_err();
        assert!(error.to_string().contains("lisen"), "{error}");
    }

    #[test]
    fn secrets_are_masked() {
        let config = Config {
            database_url: "postgres://paddock:hunter2@db/paddock?sslpassword=hunter3".into(),
            mail_url: "smtps://paddock:hunter4@mail".into(),
            secret_key: "ab".repeat(64),
            ..Config::default()
        };
        let shown = config.masked().unwrap();
        assert!(
            !shown.contains("hunter") && !shown.contains("abab"),
            "{shown}"
        );
        assert!(shown.contains("paddock:********@db"), "{shown}");
    }
}

//! What every handler works with, opened once a process.

use std::sync::{Arc, OnceLock};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Notify;

use super::guard::Throttles;
use super::live::Live;
use crate::accounts::passwords::Passwords;
use crate::challenges::dispatch::Dispatch;
use crate::datasets::drafts::Drafts;
use crate::datasets::publish::Publisher;
use crate::datasets::signed_links::LinkSigner;
use crate::datasets::vault::{VaultError, VaultKey};
use crate::messages::outbox::Outbox;
use crate::platform::clock::Clock;
use crate::platform::config::Config;
use crate::platform::database::Database;
use crate::platform::mail::Mailer;
use crate::platform::storage::Storage;
use crate::scoring::receipt::{KeyError, ReceiptKey};
use crate::scoring::runtimes::Runtimes;

/// The opened house. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// What the operator set.
    pub config: Arc<Config>,
    /// SQLite or PostgreSQL, migrated.
    pub database: Database,
    /// The object store.
    pub storage: Storage,
    /// What time it is.
    pub clock: Clock,
    /// How passwords are hashed.
    pub passwords: Passwords,
    /// Hands runs to workers.
    pub dispatch: Dispatch,
    /// What models run with in this process, once somebody asked.
    runtimes: Arc<OnceLock<Runtimes>>,
    /// Signs receipts.
    pub receipt_key: Arc<ReceiptKey>,
    /// Publishes datasets; has the vault's key.
    pub publisher: Publisher,
    /// Signs addresses of files that are not everybody's.
    pub link_signer: Arc<LinkSigner>,
    /// Sends letters.
    pub mailer: Mailer,
    /// Tells pages of laps at once.
    pub live: Live,
    /// How often addresses may call.
    pub throttles: Arc<Throttles>,
    /// What `/metrics` shows; none where another server of this process already counts.
    pub metrics: Option<PrometheusHandle>,
}

impl State {
    /// Opens database and store as configured, and brings the schema up to date.
    pub fn open(config: Config, clock: Clock, passwords: Passwords) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&config.data_dir)?;
        let database = Database::open(&config.database()?, config.database_connections)?;
        for migration in database.migrate()? {
            tracing::info!(migration, "migrated");
        }
        let storage = Storage::open(&config.storage())?;
        let receipt_key = Arc::new(receipt_key(&config)?);
        let dispatch = Dispatch {
            database: database.clone(),
            storage: storage.clone(),
            clock: clock.clone(),
            receipt_key: Arc::clone(&receipt_key),
            lease_seconds: config.lease_seconds,
            arrivals: Arc::new(Notify::new()),
        };
        let publisher = Publisher {
            database: database.clone(),
            storage: storage.clone(),
            vault_key: Arc::new(vault_key(&config)?),
        };
        let mailer = Mailer::open(&config)?;
        let link_signer = Arc::new(LinkSigner::new(&config.session_key()?));
        Ok(Self {
            throttles: Arc::new(Throttles::new(&config)),
            config: Arc::new(config),
            database,
            storage,
            clock,
            passwords,
            dispatch,
            runtimes: Arc::default(),
            receipt_key,
            publisher,
            link_signer,
            mailer,
            live: Live::default(),
            metrics: crate::platform::observability::start_metrics(),
        })
    }

    /// What organizers work on before they publish.
    pub fn drafts(&self) -> Drafts {
        Drafts {
            publisher: self.publisher.clone(),
            clock: self.clock.clone(),
            largest: self.config.max_upload_bytes,
        }
    }

    /// The letters that wait.
    pub fn outbox(&self) -> Outbox {
        Outbox {
            database: self.database.clone(),
            clock: self.clock.clone(),
            mailer: self.mailer.clone(),
            site: self.config.public_url(),
            vault_key: Arc::clone(&self.publisher.vault_key),
        }
    }

    /// What models run with in this process. The first call looks for it, which starts Python once.
    pub fn runtimes(&self) -> &Runtimes {
        self.runtimes
            .get_or_init(|| Runtimes::find(&self.config.runtimes()))
    }
}

/// The key that signs receipts: the operator's, or one of this machine's own.
fn receipt_key(config: &Config) -> Result<ReceiptKey, KeyError> {
    if config.receipt_key_file.as_os_str().is_empty() {
        ReceiptKey::read_or_make(&config.data_dir.join("receipt.key"))
    } else {
        ReceiptKey::read(&config.receipt_key_file)
    }
}

/// The key of the vault: the operator's, or one of this machine's own.
fn vault_key(config: &Config) -> Result<VaultKey, VaultError> {
    if config.vault_key_file.as_os_str().is_empty() {
        VaultKey::read_or_make(&config.data_dir.join("vault.key"))
    } else {
        VaultKey::read(&config.vault_key_file)
    }
}

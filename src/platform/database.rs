//! One connection type over SQLite and PostgreSQL, a pool of them, and the one way to write.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::r2d2::R2D2Connection;
use diesel::sql_types::Timestamp;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// A connection to either database. Queries in diesel's language run on both; where the two differ,
/// [`each_backend!`](crate::each_backend) expands a query for each.
#[derive(diesel::MultiConnection)]
pub enum DatabaseConnection {
    /// PostgreSQL, where one machine is outgrown.
    Postgres(PgConnection),
    /// SQLite, the embedded default.
    Sqlite(SqliteConnection),
}

/// Runs one expression with the concrete connection of whichever database this is: for the few
/// queries that diesel cannot express over both at once (upserts, row locks, the clock).
#[macro_export]
macro_rules! each_backend {
    ($connection:expr, |$inner:ident| $body:expr) => {
        match $connection {
            $crate::platform::database::DatabaseConnection::Postgres($inner) => $body,
            $crate::platform::database::DatabaseConnection::Sqlite($inner) => $body,
        }
    };
}

/// Where the database is: `sqlite:PATH` or `postgres://…`.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file of this machine.
    Sqlite(String),
    /// A connection string as libpq understands it.
    Postgres(String),
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" {
                return Err("database_url: SQLite needs a file, as in `sqlite:paddock.db`; a database in memory would be a different one for every connection".into());
            }
            Ok(Self::Sqlite(path.to_owned()))
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Ok(Self::Postgres(text.to_owned()))
        } else {
            Err(
                "database_url: neither `sqlite:PATH` nor `postgres://USER:PASSWORD@HOST/DATABASE`"
                    .into(),
            )
        }
    }
}

impl fmt::Display for DatabaseUrl {
    /// Without the password, so that it may be printed and logged.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "sqlite:{path}"),
            Self::Postgres(url) => formatter.write_str(&super::config::without_password(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Why the database could not be asked. It is never the caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The query failed, or the connection broke under it.
    #[error("the database refused a query: {0}")]
    Query(#[from] diesel::result::Error),
    /// No connection became free in time, or none could be opened.
    #[error("the database cannot be reached: {0}")]
    Unreachable(#[from] diesel::r2d2::PoolError),
    /// A migration failed; the schema is as it was before it.
    #[error("a migration failed: {0}")]
    Migration(String),
    /// The thread that ran the query panicked.
    #[error("a query was abandoned: {0}")]
    Abandoned(#[from] tokio::task::JoinError),
}

struct Connector(DatabaseUrl);

impl diesel::r2d2::ManageConnection for Connector {
    type Connection = DatabaseConnection;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<DatabaseConnection, Self::Error> {
        match &self.0 {
            DatabaseUrl::Postgres(url) => PgConnection::establish(url)
                .map(DatabaseConnection::Postgres)
                .map_err(diesel::r2d2::Error::ConnectionError),
            DatabaseUrl::Sqlite(path) => {
                let mut connection = SqliteConnection::establish(path)
                    .map_err(diesel::r2d2::Error::ConnectionError)?;
                connection
                    .batch_execute(
                        "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
                         PRAGMA foreign_keys = ON; PRAGMA cache_size = -4000;",
                    )
                    .map_err(diesel::r2d2::Error::QueryError)?;
                Ok(DatabaseConnection::Sqlite(connection))
            }
        }
    }

    fn is_valid(&self, connection: &mut DatabaseConnection) -> Result<(), Self::Error> {
        each_backend!(connection, |inner| inner.ping()).map_err(diesel::r2d2::Error::QueryError)
    }

    fn has_broken(&self, connection: &mut DatabaseConnection) -> bool {
        std::thread::panicking() || each_backend!(connection, |inner| inner.is_broken())
    }
}

/// A pool of connections. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pool: diesel::r2d2::Pool<Connector>,
}

impl Database {
    /// Opens the pool and makes sure that the database answers.
    pub fn open(url: &DatabaseUrl, connections: u32) -> Result<Self, DatabaseError> {
        let pool = diesel::r2d2::Pool::builder()
            .max_size(connections)
            .min_idle(Some(1))
            .test_on_check_out(matches!(url, DatabaseUrl::Postgres(_)))
            .connection_timeout(std::time::Duration::from_secs(15))
            .build(Connector(url.clone()))?;
        Ok(Self { pool })
    }

    /// Brings the schema up to date; returns the names of the migrations that it ran.
    pub fn migrate(&self) -> Result<Vec<String>, DatabaseError> {
        let mut connection = self.pool.get()?;
        let ran = match &mut *connection {
            DatabaseConnection::Postgres(inner) => {
                // Two servers that start together must not both migrate.
                inner.batch_execute("SELECT pg_advisory_lock(7223701)")?;
                let ran = run_pending(inner, POSTGRES_MIGRATIONS);
                inner.batch_execute("SELECT pg_advisory_unlock(7223701)")?;
                ran
            }
            DatabaseConnection::Sqlite(inner) => run_pending(inner, SQLITE_MIGRATIONS),
        };
        ran.map_err(DatabaseError::Migration)
    }

    /// Runs a read on a blocking thread.
    pub async fn read<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: FnOnce(&mut DatabaseConnection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let pool = self.pool.clone();
        tokio::task::spawn_blocking(move || {
            let mut connection = pool.get().map_err(DatabaseError::from)?;
            query(&mut connection)
        })
        .await
        .map_err(DatabaseError::from)?
    }

    /// Runs one write transaction on a blocking thread: all of it or nothing.
    pub async fn write<T, E, F>(&self, transaction: F) -> Result<T, E>
    where
        F: FnOnce(&mut DatabaseConnection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        self.read(move |connection| write_transaction(connection, transaction))
            .await
    }
}

fn run_pending<DB: diesel::backend::Backend>(
    connection: &mut impl MigrationHarness<DB>,
    migrations: EmbeddedMigrations,
) -> Result<Vec<String>, String> {
    connection
        .run_pending_migrations(migrations)
        .map(|ran| ran.iter().map(ToString::to_string).collect())
        .map_err(|error| error.to_string())
}

/// Runs `work` in a transaction that takes SQLite's write lock at once. A deferred transaction that
/// reads first and writes later fails with "database is locked" when another writer came between,
/// whatever the busy timeout.
pub fn write_transaction<T, E>(
    connection: &mut DatabaseConnection,
    work: impl FnOnce(&mut DatabaseConnection) -> Result<T, E>,
) -> Result<T, E>
where
    E: From<DatabaseError>,
{
    match connection {
        DatabaseConnection::Postgres(inner) => AnsiTransactionManager::begin_transaction(inner),
        DatabaseConnection::Sqlite(inner) => {
            AnsiTransactionManager::begin_transaction_sql(inner, "BEGIN IMMEDIATE")
        }
    }
    .map_err(DatabaseError::from)?;
    match work(connection) {
        Ok(value) => {
            each_backend!(connection, |inner| {
                AnsiTransactionManager::commit_transaction(inner)
            })
            .map_err(DatabaseError::from)?;
            Ok(value)
        }
        Err(error) => {
            // The work's own error says more than a failed rollback, which the pool notices and drops.
            let _ = each_backend!(connection, |inner| {
                AnsiTransactionManager::rollback_transaction(inner)
            });
            Err(error)
        }
    }
}

#[derive(QueryableByName)]
struct Now {
    #[diesel(sql_type = Timestamp)]
    now: NaiveDateTime,
}

/// The database's own time: leases are judged by it, so that the clocks of workers and web nodes do
/// not matter.
pub fn database_now(connection: &mut DatabaseConnection) -> Result<DateTime<Utc>, DatabaseError> {
    let now = match connection {
        DatabaseConnection::Postgres(inner) => {
            diesel::sql_query("SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now")
                .get_result::<Now>(inner)?
        }
        DatabaseConnection::Sqlite(inner) => {
            diesel::sql_query("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now') AS now")
                .get_result::<Now>(inner)?
        }
    };
    Ok(now.now.and_utc())
}

//! `paddock migrate`: brings the database's schema up to date.

use clap::Args;

use super::output;
use super::settings::Settings;
use crate::platform::database::Database;

/// Bring the database's schema up to date
///
/// `paddock serve` does the same when it starts; this is for those who want it done before.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    paddock migrate --database-url postgres://paddock:secret@db/paddock")]
pub struct MigrateArguments {}

pub fn run(settings: &Settings) -> anyhow::Result<()> {
    let config = settings.load(&[])?;
    std::fs::create_dir_all(&config.data_dir)?;
    let database = Database::open(&config.database()?, config.database_connections)?;
    let ran = database.migrate()?;
    for migration in &ran {
        output::line(format!("ran {migration}"))?;
    }
    if ran.is_empty() {
        output::line("The schema is up to date.")?;
    }
    Ok(())
}

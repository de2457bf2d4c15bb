//! `paddock config`: the configuration in force.

use clap::Args;

use super::output;
use super::settings::Settings;

/// Print the configuration in force, with secrets masked
///
/// Settings come from the defaults, then one TOML file, then variables such as PADDOCK_LISTEN, then
/// flags; later ones win. The output is a TOML file itself, to begin one's own with.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    paddock config > paddock.toml\n  \
    PADDOCK_LEASE_SECONDS=120 paddock config --data-dir /var/lib/paddock")]
pub struct ConfigArguments {}

pub fn run(settings: &Settings) -> anyhow::Result<()> {
    let config = settings.load(&[])?;
    output::line(config.masked()?.trim_end())?;
    Ok(())
}

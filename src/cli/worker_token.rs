//! `paddock worker-token`: what lets a worker of another machine in.

use clap::Subcommand;

use super::output;
use super::settings::Settings;
use crate::accounts::tokens;
use crate::accounts::users::AccountError;

/// Tokens of workers on other machines
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  paddock worker-token create north")]
pub enum WorkerTokenCommand {
    /// Make a token for a worker and print it, this once
    #[command(after_help = "Example:\n  paddock worker-token create north")]
    Create {
        /// A name that no other worker has, for the log
        name: String,
    },
}

pub async fn run(settings: &Settings, command: WorkerTokenCommand) -> anyhow::Result<()> {
    let state = settings.open()?;
    let now = state.clock.now();
    let WorkerTokenCommand::Create { name } = command;
    let token = state
        .database
        .write(move |connection| tokens::create_for_worker(connection, now, &name))
        .await
        .map_err(|error: AccountError| error)?;
    output::line(token)?;
    Ok(())
}

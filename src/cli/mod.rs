//! The command line: one file for each subcommand.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod score;

/// The crowd-intelligence data competition platform for karting
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Challenges
    #[command(subcommand)]
    Challenge(ChallengeCommand),
}

#[derive(Debug, Subcommand)]
enum ChallengeCommand {
    Score(score::ScoreArgs),
}

/// Parses the command line and runs what it asks for.
pub fn main() -> ExitCode {
    let Command::Challenge(ChallengeCommand::Score(args)) = Cli::parse().command;
    match score::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! The command line: one file for each subcommand.
//!
//! A command reads its arguments, opens the configured house, calls one function of a room and prints
//! what came of it. May touch: every room's public functions; no SQL, no rules. Start reading at
//! [`demo`], which walks through all of them.

mod challenge;
mod challenge_life;
mod challenge_reuse;
mod configuration;
mod dataset;
mod demo;
mod migrate;
mod output;
mod progress;
mod runtime;
mod sandbox;
mod score;
mod serve;
mod settings;
mod simulate;
mod stop;
mod talent;
mod user;
mod verify;
mod worker;
mod worker_token;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use settings::Settings;

/// The crowd-intelligence data competition platform for karting
///
/// A kart school publishes anonymized datasets and posts challenges on them, data experts submit
/// predictions, workers score them against hidden solutions, and leaderboards rank them.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  \
        paddock demo            try everything on this machine; needs nothing else\n  \
        paddock serve           run the server with the settings of paddock.toml\n  \
        paddock help challenge  what can be done with challenges"
)]
struct CommandLine {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArguments),
    Serve(serve::ServeArguments),
    Worker(worker::WorkerArguments),
    Simulate(simulate::SimulateArguments),
    #[command(subcommand)]
    Dataset(dataset::DatasetCommand),
    #[command(subcommand)]
    Challenge(challenge::ChallengeCommand),
    #[command(subcommand)]
    Talent(talent::TalentCommand),
    #[command(subcommand)]
    User(user::UserCommand),
    #[command(subcommand)]
    WorkerToken(worker_token::WorkerTokenCommand),
    Verify(verify::VerifyArguments),
    #[command(subcommand)]
    Runtime(runtime::RuntimeCommand),
    #[command(subcommand)]
    Sandbox(sandbox::SandboxCommand),
    Migrate(migrate::MigrateArguments),
    Config(configuration::ConfigArguments),
}

/// Parses the command line and runs what it asks for. Exits with 0, with 1 after an error of the
/// command, and with 2 when the command line itself cannot be understood.
pub fn main() -> ExitCode {
    let CommandLine { settings, command } = CommandLine::parse();
    match run(&settings, command) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has seen enough, as in `paddock dataset list | head`.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::print_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Config(_) => configuration::run(settings),
        Command::Sandbox(command) => sandbox::run(settings, command),
        Command::Migrate(_) => migrate::run(settings),
        Command::Runtime(command) => runtime::run(settings, command),
        Command::Talent(command) => talent::run(command),
        Command::Challenge(challenge::ChallengeCommand::Score(arguments)) => score::run(arguments),
        Command::Demo(arguments) => wait_for(demo::run(settings, arguments)),
        Command::Serve(arguments) => wait_for(serve::run(settings, arguments)),
        Command::Worker(arguments) => wait_for(worker::run(settings, arguments)),
        Command::Dataset(command) => wait_for(dataset::run(settings, command)),
        Command::Challenge(command) => wait_for(challenge::run(settings, command)),
        Command::User(command) => wait_for(user::run(settings, command)),
        Command::Verify(arguments) => wait_for(verify::run(settings, arguments)),
        Command::WorkerToken(command) => wait_for(worker_token::run(settings, command)),
    }
}

fn wait_for(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(command);
    // A command that was interrupted leaves nothing behind that is worth waiting long for: the
    // database undoes a transaction that is cut off.
    runtime.shutdown_timeout(Duration::from_secs(2));
    result
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn the_help_of_every_command_shows_an_example() {
        fn walk(command: &mut clap::Command, path: &str) {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "{path} has no example");
            assert!(
                command.get_about().is_some(),
                "{path} does not say what it is for"
            );
            let names: Vec<String> = command
                .get_subcommands()
                .map(|subcommand| subcommand.get_name().to_owned())
                .filter(|name| name != "help")
                .collect();
            for name in names {
                if let Some(subcommand) = command.find_subcommand_mut(&name) {
                    walk(subcommand, &format!("{path} {name}"));
                }
            }
        }
        walk(&mut CommandLine::command(), "paddock");
    }
}

//! `paddock user`: accounts, as an operator makes them.

use std::io::Read;

use anyhow::{Context, ensure};
use clap::Subcommand;
use rand::distr::{Alphanumeric, SampleString as _};

use super::output;
use super::settings::Settings;
use crate::accounts::tokens::{self, Scope};
use crate::accounts::users::{self, AccountError, Role, SignUp};

/// How many lines of a list are asked for at once.
const PAGE: i64 = 200;
/// Letters and digits of a password made here: 119 bits.
const GENERATED_LENGTH: usize = 20;

/// Accounts, their roles and their API tokens
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  \
    paddock user create karla --email karla@example.org --role organizer")]
pub enum UserCommand {
    /// Make an account
    ///
    /// The password is read from standard input with --password-stdin; otherwise one is made and printed.
    #[command(after_help = "Examples:\n  \
        paddock user create karla --email karla@example.org --role organizer\n  \
        paddock user create karla --email karla@example.org --password-stdin < password.txt")]
    Create {
        /// 3 to 30 letters, digits, hyphens or underscores
        name: String,
        /// Where announcements go
        #[arg(long)]
        email: String,
        /// expert, organizer, scout or admin
        #[arg(long, default_value = "expert")]
        role: Role,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give an account another role
    #[command(after_help = "Example:\n  paddock user role karla organizer")]
    Role {
        /// Whose
        name: String,
        /// expert, organizer, scout or admin
        role: Role,
    },
    /// List the accounts
    #[command(after_help = "Example:\n  paddock user list")]
    List,
    /// Make an API token for an account and print it, this once
    #[command(after_help = "Examples:\n  \
        paddock user token karla --name laptop --scope read --scope submit\n  \
        curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8080/api/v1/me")]
    Token {
        /// Whose
        name: String,
        /// What the token is called in the account's list
        #[arg(
            long = "name",
            id = "token_name",
            value_name = "LABEL",
            default_value = "command line"
        )]
        label: String,
        /// read, submit or organize; may be given several times
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<Scope>,
    },
}

pub async fn run(settings: &Settings, command: UserCommand) -> anyhow::Result<()> {
    let state = settings.open()?;
    let now = state.clock.now();
    match command {
        UserCommand::Create {
            name,
            email,
            role,
            password_stdin,
        } => {
            let password = if password_stdin {
                read_password()?
            } else {
                Alphanumeric.sample_string(&mut rand::rng(), GENERATED_LENGTH)
            };
            let sign_up = SignUp {
                username: name,
                email,
                password: password.clone(),
            };
            let user =
                users::sign_up(&state.database, &state.passwords, now, sign_up, role).await?;
            output::line(format!(
                "Made the account {} with the role {role}.",
                user.username
            ))?;
            if !password_stdin {
                output::line(format!("Password: {password}"))?;
            }
        }
        UserCommand::Role { name, role } => {
            let user = state
                .database
                .write(move |connection| users::set_role(connection, now, None, &name, role))
                .await
                .map_err(|error: AccountError| error)?;
            output::line(format!("{} has the role {role} now.", user.username))?;
        }
        UserCommand::List => {
            let mut rows = Vec::new();
            let mut after = 0;
            loop {
                let page = state
                    .database
                    .read(move |connection| users::list(connection, after, PAGE))
                    .await
                    .map_err(|error: AccountError| error)?;
                let Some(last) = page.last() else { break };
                after = last.id;
                rows.extend(page.into_iter().map(|user| {
                    let since = user.created_at.format("%Y-%m-%d").to_string();
                    [user.username, user.role.to_string(), since]
                }));
            }
            output::table(["NAME", "ROLE", "SINCE"], &rows)?;
        }
        UserCommand::Token {
            name,
            label,
            scopes,
        } => {
            let token = state
                .database
                .write(move |connection| {
                    let user = users::find(connection, &name)?;
                    tokens::create(connection, now, user.id, &label, &scopes, None)
                })
                .await
                .map_err(|error: AccountError| error)?;
            output::line(token)?;
        }
    }
    Ok(())
}

fn read_password() -> anyhow::Result<String> {
    const LONGEST: u64 = 4096;
    let mut text = String::new();
    std::io::stdin()
        .take(LONGEST)
        .read_to_string(&mut text)
        .context("the password on standard input cannot be read as text")?;
    let password = text.lines().next().unwrap_or_default().to_owned();
    ensure!(
        !password.is_empty(),
        "there is no password on standard input; pipe one in, or leave --password-stdin out"
    );
    Ok(password)
}

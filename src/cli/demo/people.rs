//! The demo's accounts: one of each role, and experts enough to fill a leaderboard.

use anyhow::{Context, bail};
use rand::distr::{Alphanumeric, SampleString as _};

use super::access::{Access, Account};
use crate::accounts::permissions::Principal;
use crate::accounts::tokens::{self, Scope};
use crate::accounts::users::{self, AccountError, Role, SignUp, User};
use crate::cli::progress::Progress;
use crate::http::state::State;

const PEOPLE: [(&str, Role, &[Scope]); 9] = [
    ("demo-expert", Role::Expert, EXPERT),
    ("demo-expert-2", Role::Expert, EXPERT),
    ("demo-expert-3", Role::Expert, EXPERT),
    ("demo-expert-4", Role::Expert, EXPERT),
    ("demo-expert-5", Role::Expert, EXPERT),
    ("demo-expert-6", Role::Expert, EXPERT),
    ("demo-organizer", Role::Organizer, Scope::ALL),
    ("demo-scout", Role::Scout, EXPERT),
    ("demo-admin", Role::Admin, Scope::ALL),
];
const EXPERT: &[Scope] = &[Scope::Read, Scope::Submit];

/// Letters and digits of a password: 95 bits.
const PASSWORD_LENGTH: usize = 16;

/// Someone with an account.
pub struct Person {
    pub user: User,
    scopes: &'static [Scope],
}

impl Person {
    /// This person's program, as the API would see it.
    pub fn principal(&self) -> Principal {
        Principal::Program(self.user.clone(), self.scopes.to_vec())
    }
}

/// The person of this name.
pub fn of<'a>(people: &'a [Person], username: &str) -> anyhow::Result<&'a Person> {
    people
        .iter()
        .find(|person| person.user.username == username)
        .with_context(|| format!("the demo has no account {username}"))
}

/// Makes the accounts and tokens that are not there yet.
pub async fn register(state: &State, access: &mut Access) -> anyhow::Result<Vec<Person>> {
    let progress = Progress::begin("Registering accounts", PEOPLE.len() as u64)?;
    let mut people = Vec::with_capacity(PEOPLE.len());
    for (done, (username, role, scopes)) in (1..).zip(PEOPLE) {
        let user = account(state, access, username, role).await?;
        token(state, access, &user, scopes).await?;
        people.push(Person { user, scopes });
        progress.done(done);
    }
    progress.finish(&format!("{} accounts", people.len()))?;
    Ok(people)
}

async fn account(
    state: &State,
    access: &mut Access,
    username: &str,
    role: Role,
) -> anyhow::Result<User> {
    let name = username.to_owned();
    let known = state
        .database
        .read(move |connection| users::find(connection, &name))
        .await;
    let noted = access
        .accounts
        .iter()
        .find(|account| account.username == username)
        .cloned();
    match (known, noted) {
        (Ok(user), Some(_)) => Ok(user),
        (Ok(_), None) => bail!(
            "there is an account {username} whose password {} does not hold; use another folder with --data",
            access.path().display()
        ),
        (Err(AccountError::NoSuchUser(_)), noted) => {
            // Noted before the account is made: an interruption in between must not lose it.
            let password = match noted {
                Some(account) => account.password,
                None => {
                    let password = Alphanumeric.sample_string(&mut rand::rng(), PASSWORD_LENGTH);
                    access.accounts.push(Account {
                        role,
                        username: username.to_owned(),
                        password: password.clone(),
                        token: String::new(),
                    });
                    access.save()?;
                    password
                }
            };
            let sign_up = SignUp {
                username: username.to_owned(),
                email: format!("{username}@example.org"),
                password,
            };
            let now = state.clock.now();
            Ok(users::sign_up(&state.database, &state.passwords, now, sign_up, role).await?)
        }
        (Err(error), _) => Err(error.into()),
    }
}

async fn token(
    state: &State,
    access: &mut Access,
    user: &User,
    scopes: &'static [Scope],
) -> anyhow::Result<()> {
    let account = access
        .accounts
        .iter_mut()
        .find(|account| account.username == user.username)
        .context("an account was made and not noted")?;
    let now = state.clock.now();
    let (noted, user_id) = (account.token.clone(), user.id);
    let token = state
        .database
        .write(move |connection| {
            if tokens::authenticate(connection, now, &noted)?.is_some() {
                return Ok(noted);
            }
            tokens::create(connection, now, user_id, "demo.json", scopes, None)
        })
        .await
        .map_err(|error: AccountError| error)?;
    if token != account.token {
        account.token = token;
        access.save()?;
    }
    Ok(())
}

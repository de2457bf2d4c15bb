//! People: signing up, signing in, and the roles they have.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::passwords::{MAXIMUM_LENGTH, MINIMUM_LENGTH, Passwords};
use crate::platform::audit::{self, Act};
use crate::platform::database::{Database, DatabaseConnection, DatabaseError};
use crate::platform::schema::users;

crate::text_enum! {
    /// What a person is here for.
    pub enum Role {
        /// A data expert who competes.
        Expert = "expert",
        /// Publishes datasets and posts challenges.
        Organizer = "organizer",
        /// Browses what the models say of drivers.
        Scout = "scout",
        /// Runs the place.
        Admin = "admin",
    }
}

/// Someone who has proven who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The row.
    pub id: i64,
    /// The name that others see.
    pub username: String,
    /// What they may do.
    pub role: Role,
}

/// What someone types to sign up.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct SignUp {
    /// Letters, digits, `-` and `_`.
    pub username: String,
    /// Where announcements go.
    pub email: String,
    /// At least [`MINIMUM_LENGTH`] characters.
    pub password: String,
}

/// Why an account cannot be made or entered.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// One field is not as it must be: its name and the remedy.
    #[error("{field}: {problem}")]
    Invalid {
        /// The form's or the JSON's field.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Name or password is wrong; which of the two is not told.
    #[error("The user name or the password is wrong.")]
    WrongCredentials,
    /// There is no such user.
    #[error("There is no user `{0}`.")]
    NoSuchUser(String),
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<diesel::result::Error> for AccountError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

fn invalid(field: &'static str, problem: impl Into<String>) -> AccountError {
    AccountError::Invalid {
        field,
        problem: problem.into(),
    }
}

/// Whether a text looks like an e-mail address: one `@`, a host with a dot, no white space.
pub fn is_email_address(text: &str) -> bool {
    text.len() <= 254
        && text.split_once('@').is_some_and(|(local, host)| {
            !local.is_empty() && host.len() >= 3 && host.contains('.') && !host.contains('@')
        })
        && !text.contains(char::is_whitespace)
}

fn check(sign_up: &SignUp) -> Result<(), AccountError> {
    let name = &sign_up.username;
    let allowed = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if !(3..=30).contains(&name.len()) || !name.chars().all(allowed) {
        return Err(invalid(
            "username",
            "use 3 to 30 letters, digits, hyphens or underscores",
        ));
    }
    if !is_email_address(&sign_up.email) {
        return Err(invalid("email", "this is not an e-mail address"));
    }
    check_password(&sign_up.password)
}

fn check_password(password: &str) -> Result<(), AccountError> {
    if password.chars().count() < MINIMUM_LENGTH {
        return Err(invalid(
            "password",
            format!(
                "use at least {MINIMUM_LENGTH} characters; a few words are easier to keep than symbols"
            ),
        ));
    }
    if password.len() > MAXIMUM_LENGTH {
        return Err(invalid(
            "password",
            format!("use at most {MAXIMUM_LENGTH} bytes"),
        ));
    }
    Ok(())
}

/// Makes an account. Names and addresses that differ by case alone are the same.
pub async fn sign_up(
    database: &Database,
    passwords: &Passwords,
    now: DateTime<Utc>,
    sign_up: SignUp,
    role: Role,
) -> Result<User, AccountError> {
    check(&sign_up)?;
    let password_hash = passwords.hash(sign_up.password).await?;
    database
        .write(move |connection| {
            let username_key = sign_up.username.to_ascii_lowercase();
            let email = sign_up.email.to_lowercase();
            let taken: Option<(String, String)> = users::table
                .filter(
                    users::username_key
                        .eq(&username_key)
                        .or(users::email.eq(&email)),
                )
                .select((users::username_key, users::email))
                .first(connection)
                .optional()?;
            match taken {
                Some((name, _)) if name == username_key => {
                    return Err(invalid("username", "this name is taken; choose another"));
                }
                Some(_) => {
                    return Err(invalid(
                        "email",
                        "there is an account with this address; sign in instead",
                    ));
                }
                None => {}
            }
            let id = diesel::insert_into(users::table)
                .values((
                    users::username.eq(&sign_up.username),
                    users::username_key.eq(&username_key),
                    users::email.eq(&email),
                    users::password_hash.eq(&password_hash),
                    users::role.eq(role),
                    users::created_at.eq(now.naive_utc()),
                ))
                .returning(users::id)
                .get_result(connection)?;
            Ok(User {
                id,
                username: sign_up.username,
                role,
            })
        })
        .await
}

/// The user with this name and password.
pub async fn sign_in(
    database: &Database,
    passwords: &Passwords,
    username: &str,
    password: String,
) -> Result<User, AccountError> {
    let key = username.to_ascii_lowercase();
    let found: Option<(i64, String, Role, String)> = database
        .read(move |connection| {
            Ok::<_, AccountError>(
                users::table
                    .filter(users::username_key.eq(key))
                    .select((
                        users::id,
                        users::username,
                        users::role,
                        users::password_hash,
                    ))
                    .first(connection)
                    .optional()?,
            )
        })
        .await?;
    let hash = found.as_ref().map(|(_, _, _, hash)| hash.clone());
    let right = passwords.verify(password, hash).await?;
    match found {
        Some((id, username, role, _)) if right => Ok(User { id, username, role }),
        _ => Err(AccountError::WrongCredentials),
    }
}

/// The user of this name.
pub fn find(connection: &mut DatabaseConnection, username: &str) -> Result<User, AccountError> {
    users::table
        .filter(users::username_key.eq(username.to_ascii_lowercase()))
        .select((users::id, users::username, users::role))
        .first(connection)
        .optional()?
        .map(|(id, username, role)| User { id, username, role })
        .ok_or_else(|| AccountError::NoSuchUser(username.to_owned()))
}

/// Gives a user another role. Their sessions and tokens have it from the next request on. `actor` is the
/// admin who does it, none where an operator does it on the command line. Call it in a write
/// transaction.
pub fn set_role(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    actor: Option<&User>,
    username: &str,
    role: Role,
) -> Result<User, AccountError> {
    let user = find(connection, username)?;
    if actor.is_some_and(|actor| actor.id == user.id) && role != user.role {
        // Otherwise the last admin could lock everybody out.
        return Err(invalid("role", "another admin has to change your own role"));
    }
    diesel::update(users::table.find(user.id))
        .set(users::role.eq(role))
        .execute(connection)?;
    let act = Act {
        actor_id: actor.map(|actor| actor.id),
        action: "user.role",
        subject: &format!("user:{}", user.username),
        challenge_id: None,
        detail: &format!("{} to {role}", user.role),
    };
    audit::record(connection, now, &act)?;
    Ok(User { role, ..user })
}

/// One line of the list of users.
#[derive(Debug, Clone, Serialize)]
pub struct UserLine {
    /// The row, for paging: ask for those after the last one's.
    pub id: i64,
    /// The name.
    pub username: String,
    /// The role.
    pub role: Role,
    /// When they signed up.
    pub created_at: DateTime<Utc>,
}

/// Up to `limit` users after the given row.
pub fn list(
    connection: &mut DatabaseConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<UserLine>, AccountError> {
    let rows: Vec<(i64, String, Role, NaiveDateTime)> = users::table
        .filter(users::id.gt(after))
        .order(users::id)
        .limit(limit)
        .select((users::id, users::username, users::role, users::created_at))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(id, username, role, created_at)| UserLine {
            id,
            username,
            role,
            created_at: created_at.and_utc(),
        })
        .collect())
}

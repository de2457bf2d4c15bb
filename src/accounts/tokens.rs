//! Keys for programs: API tokens of people, and worker tokens. Shown once, kept as hashes.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use rand::distr::{Alphanumeric, SampleString as _};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::users::{AccountError, Role, User};
use crate::platform::database::DatabaseConnection;
use crate::platform::schema::{api_tokens, users, worker_tokens};
use crate::platform::storage::hexadecimal;

/// Begins every API token of a person, so that scanners recognise a leaked one.
pub const API_TOKEN_PREFIX: &str = "pdk_";
/// Begins every worker token.
pub const WORKER_TOKEN_PREFIX: &str = "pdw_";

crate::text_enum! {
    /// What a program may do with a token, on top of what its owner's role allows.
    pub enum Scope {
        /// Look at everything its owner can see.
        Read = "read",
        /// Join challenges and send submissions.
        Submit = "submit",
        /// Publish datasets and run challenges.
        Organize = "organize",
    }
}

/// A token as its owner sees it afterwards: never the token itself.
#[derive(Debug, Clone, Serialize)]
pub struct ApiToken {
    /// The row, by which it is revoked.
    pub id: i64,
    /// What its owner called it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When its owner ended it.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// SHA-256 as hexadecimal. Keys here are long and random, so a fast hash is enough, and looking a
/// hash up by index compares nothing secret byte by byte.
pub fn sha256_hex(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

fn new_token(prefix: &str) -> String {
    format!(
        "{prefix}{}",
        Alphanumeric.sample_string(&mut rand::rng(), 40)
    )
}

/// Makes a token for a user and returns it: the only time that it can be seen.
pub fn create(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    user_id: i64,
    name: &str,
    scopes: &[Scope],
    expires_at: Option<DateTime<Utc>>,
) -> Result<String, AccountError> {
    let name = name.trim();
    let invalid = |field, problem: &str| {
        Err(AccountError::Invalid {
            field,
            problem: problem.to_owned(),
        })
    };
    if name.is_empty() || name.chars().count() > 60 {
        return invalid("name", "give the token a name of at most 60 characters");
    }
    if scopes.is_empty() {
        return invalid("scopes", "choose at least one scope");
    }
    if expires_at.is_some_and(|expiry| expiry <= now) {
        return invalid("expires_at", "this time is over; choose a later one");
    }
    let token = new_token(API_TOKEN_PREFIX);
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    diesel::insert_into(api_tokens::table)
        .values((
            api_tokens::user_id.eq(user_id),
            api_tokens::name.eq(name),
            api_tokens::token_hash.eq(sha256_hex(&token)),
            api_tokens::scopes.eq(scopes.join(" ")),
            api_tokens::created_at.eq(now.naive_utc()),
            api_tokens::expires_at.eq(expires_at.map(|expiry| expiry.naive_utc())),
        ))
        .execute(connection)?;
    Ok(token)
}

/// A user's tokens, newest first.
pub fn list(
    connection: &mut DatabaseConnection,
    user_id: i64,
) -> Result<Vec<ApiToken>, AccountError> {
    type Row = (
        i64,
        String,
        String,
        NaiveDateTime,
        Option<NaiveDateTime>,
        Option<NaiveDateTime>,
    );
    let rows: Vec<Row> = api_tokens::table
        .filter(api_tokens::user_id.eq(user_id))
        .order(api_tokens::id.desc())
        .limit(200)
        .select((
            api_tokens::id,
            api_tokens::name,
            api_tokens::scopes,
            api_tokens::created_at,
            api_tokens::expires_at,
            api_tokens::revoked_at,
        ))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(
            |(id, name, scopes, created_at, expires_at, revoked_at)| ApiToken {
                id,
                name,
                scopes: parse_scopes(&scopes),
                created_at: created_at.and_utc(),
                expires_at: expires_at.map(|time| time.and_utc()),
                revoked_at: revoked_at.map(|time| time.and_utc()),
            },
        )
        .collect())
}

/// Ends one of the user's own tokens; says whether there was one to end.
pub fn revoke(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    user_id: i64,
    token_id: i64,
) -> Result<bool, AccountError> {
    let ended = diesel::update(
        api_tokens::table
            .filter(api_tokens::id.eq(token_id))
            .filter(api_tokens::user_id.eq(user_id))
            .filter(api_tokens::revoked_at.is_null()),
    )
    .set(api_tokens::revoked_at.eq(now.naive_utc()))
    .execute(connection)?;
    Ok(ended == 1)
}

/// Whose token this is, if it is in force.
pub fn authenticate(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    token: &str,
) -> Result<Option<(User, Vec<Scope>)>, AccountError> {
    let found: Option<(i64, String, Role, String)> = api_tokens::table
        .inner_join(users::table)
        .filter(api_tokens::token_hash.eq(sha256_hex(token)))
        .filter(api_tokens::revoked_at.is_null())
        .filter(
            api_tokens::expires_at
                .is_null()
                .or(api_tokens::expires_at.gt(now.naive_utc())),
        )
        .select((users::id, users::username, users::role, api_tokens::scopes))
        .first(connection)
        .optional()?;
    Ok(found
        .map(|(id, username, role, scopes)| (User { id, username, role }, parse_scopes(&scopes))))
}

fn parse_scopes(text: &str) -> Vec<Scope> {
    text.split(' ')
        .filter_map(|scope| scope.parse().ok())
        .collect()
}

/// Makes a token for a worker of another machine and returns it: the only time that it can be seen.
pub fn create_for_worker(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    name: &str,
) -> Result<String, AccountError> {
    let taken: i64 = worker_tokens::table
        .filter(worker_tokens::name.eq(name))
        .count()
        .get_result(connection)?;
    if taken > 0 || name.trim().is_empty() {
        return Err(AccountError::Invalid {
            field: "name",
            problem: "give the worker a name that no other has".into(),
        });
    }
    let token = new_token(WORKER_TOKEN_PREFIX);
    diesel::insert_into(worker_tokens::table)
        .values((
            worker_tokens::name.eq(name),
            worker_tokens::token_hash.eq(sha256_hex(&token)),
            worker_tokens::created_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    Ok(token)
}

/// The name of the worker that has this token, if it is in force.
pub fn authenticate_worker(
    connection: &mut DatabaseConnection,
    token: &str,
) -> Result<Option<String>, AccountError> {
    Ok(worker_tokens::table
        .filter(worker_tokens::token_hash.eq(sha256_hex(token)))
        .filter(worker_tokens::revoked_at.is_null())
        .select(worker_tokens::name)
        .first(connection)
        .optional()?)
}

//! How an organizer decides who comes in: requests that wait, the invitation's link, the list of invited
//! addresses.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use rand::Rng;
use rand::distr::{Alphanumeric, SampleString as _};
use subtle::ConstantTimeEq as _;

use super::challenge::{
    Challenge, ChallengeError, WithPhases, find_managed, find_whoever_asks, invalid,
};
use super::membership::{self, lock_challenge};
use crate::accounts::permissions::Principal;
use crate::accounts::users::{User, is_email_address};
use crate::platform::audit::{self, Act};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{challenge_invitations, challenges, join_requests, users};

/// Characters of a request's message.
pub const MESSAGE_LIMIT: usize = 1000;

/// Lines that are read at once.
pub const LINES_LIMIT: usize = 2000;

/// So many wrong lines are named, and the others counted.
const NAMED_LINES: usize = 10;

fn record(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    challenge: &Challenge,
    action: &str,
    detail: &str,
) -> Result<(), ChallengeError> {
    let act = Act {
        actor_id: principal.user().map(|user| user.id),
        action,
        subject: &format!("challenge:{}", challenge.slug),
        challenge_id: Some(challenge.id),
        detail,
    };
    Ok(audit::record(connection, now, &act)?)
}

// Requests ------------------------------------------------------------------------------------------------

/// What a person says who asks to be let in.
pub(super) struct Request<'a> {
    /// The rules that they accepted.
    pub rules_version: i32,
    /// What they write to the organizer.
    pub message: &'a str,
}

/// Where a person's request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestState {
    /// Nobody has decided yet.
    Waiting,
    /// The organizer let them in.
    Approved,
    /// The organizer did not.
    Declined,
}

impl RequestState {
    fn new(approved: Option<bool>) -> Self {
        match approved {
            None => Self::Waiting,
            Some(true) => Self::Approved,
            Some(false) => Self::Declined,
        }
    }
}

/// Where a person's request stands; none where they never asked.
pub fn request_of(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    user_id: i64,
) -> Result<Option<RequestState>, DatabaseError> {
    let found: Option<Option<bool>> = join_requests::table
        .find((challenge_id, user_id))
        .select(join_requests::approved)
        .first(connection)
        .optional()?;
    Ok(found.map(RequestState::new))
}

/// Writes a request down, or what it says now where it waits already. With the challenge's row taken.
pub(super) fn ask(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    user_id: i64,
    challenge_id: i64,
    request: &Request<'_>,
) -> Result<(), ChallengeError> {
    let message = request.message.trim();
    if message.chars().count() > MESSAGE_LIMIT {
        return invalid(
            "message",
            format!("write at most {MESSAGE_LIMIT} characters"),
        );
    }
    match request_of(connection, challenge_id, user_id)? {
        None => {
            diesel::insert_into(join_requests::table)
                .values((
                    join_requests::challenge_id.eq(challenge_id),
                    join_requests::user_id.eq(user_id),
                    join_requests::message.eq(message),
                    join_requests::rules_version.eq(request.rules_version),
                    join_requests::asked_at.eq(now.naive_utc()),
                ))
                .execute(connection)?;
            // Notifications: the organizer, that somebody asks to be let in.
            Ok(())
        }
        Some(RequestState::Declined) => Err(ChallengeError::Declined),
        Some(RequestState::Waiting | RequestState::Approved) => {
            diesel::update(join_requests::table.find((challenge_id, user_id)))
                .set((
                    join_requests::message.eq(message),
                    join_requests::rules_version.eq(request.rules_version),
                ))
                .execute(connection)?;
            Ok(())
        }
    }
}

/// A request, as an organizer reads it.
#[derive(Debug, Clone)]
pub struct RequestLine {
    /// Who asks.
    pub username: String,
    /// What they wrote.
    pub message: String,
    /// When they asked.
    pub asked_at: DateTime<Utc>,
    /// What was decided.
    pub state: RequestState,
}

/// Up to `limit` requests that wait, oldest first, or those that were declined, newest first.
pub fn requests(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    wanted: RequestState,
    limit: i64,
) -> Result<Vec<RequestLine>, DatabaseError> {
    type Row = (String, String, NaiveDateTime, Option<bool>);
    let of_challenge = || {
        join_requests::table
            .inner_join(users::table.on(users::id.eq(join_requests::user_id)))
            .filter(join_requests::challenge_id.eq(challenge_id))
            .select((
                users::username,
                join_requests::message,
                join_requests::asked_at,
                join_requests::approved,
            ))
            .limit(limit)
    };
    let rows: Vec<Row> = match wanted {
        RequestState::Waiting => of_challenge()
            .filter(join_requests::decided_at.is_null())
            .order((join_requests::asked_at, users::id))
            .load(connection)?,
        RequestState::Approved | RequestState::Declined => of_challenge()
            .filter(join_requests::approved.eq(wanted == RequestState::Approved))
            .order((join_requests::decided_at.desc(), users::id))
            .load(connection)?,
    };
    let line = |(username, message, asked_at, approved): Row| RequestLine {
        username,
        message,
        asked_at: asked_at.and_utc(),
        state: RequestState::new(approved),
    };
    Ok(rows.into_iter().map(line).collect())
}

/// How many requests wait.
pub fn waiting(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
) -> Result<i64, DatabaseError> {
    Ok(join_requests::table
        .filter(join_requests::challenge_id.eq(challenge_id))
        .filter(join_requests::decided_at.is_null())
        .count()
        .get_result(connection)?)
}

/// Lets people in, or declines them; who was declined may still be let in. Returns those for whom that
/// changed something. Call it in a write transaction.
pub fn decide(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    usernames: &[String],
    approve: bool,
) -> Result<Vec<String>, ChallengeError> {
    let challenge = find_managed(connection, principal, slug)?;
    if usernames.is_empty() {
        return invalid("users", "choose at least one request");
    }
    if usernames.len() > LINES_LIMIT {
        return invalid("users", format!("decide at most {LINES_LIMIT} at once"));
    }
    lock_challenge(connection, challenge.id)?;
    let mut decided = Vec::new();
    for username in usernames {
        type Row = (i64, String, crate::accounts::users::Role, i32, Option<bool>);
        let found: Option<Row> = join_requests::table
            .inner_join(users::table.on(users::id.eq(join_requests::user_id)))
            .filter(join_requests::challenge_id.eq(challenge.id))
            .filter(users::username_key.eq(username.to_ascii_lowercase()))
            .select((
                users::id,
                users::username,
                users::role,
                join_requests::rules_version,
                join_requests::approved,
            ))
            .first(connection)
            .optional()?;
        let Some((id, username, role, rules_version, before)) = found else {
            return invalid("users", format!("`{username}` does not ask to join"));
        };
        if before == Some(true) || before == Some(approve) {
            continue;
        }
        diesel::update(join_requests::table.find((challenge.id, id)))
            .set((
                join_requests::approved.eq(approve),
                join_requests::decided_at.eq(now.naive_utc()),
                join_requests::decided_by.eq(principal.user().map(|user| user.id)),
            ))
            .execute(connection)?;
        let user = User { id, username, role };
        if approve && membership::of(connection, challenge.id, id)?.is_none() {
            membership::let_in(connection, now, challenge.id, &user, rules_version)?;
        }
        // Notifications: the one who asked, of what was decided.
        decided.push(user.username);
    }
    if !decided.is_empty() {
        let action = if approve {
            "participants.approve"
        } else {
            "participants.decline"
        };
        record(
            connection,
            now,
            principal,
            &challenge,
            action,
            &decided.join(", "),
        )?;
    }
    Ok(decided)
}

// The invitation's link -------------------------------------------------------------------------------------

/// A key that nobody guesses: 190 bits.
pub fn new_key(rng: &mut impl Rng) -> String {
    Alphanumeric.sample_string(rng, 32)
}

/// Makes or renews what the invitation's link ends with, or takes it back with none: an older link opens
/// nothing from then on. Who came in by it stays. Call it in a write transaction.
pub fn set_key(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    key: Option<&str>,
) -> Result<(), ChallengeError> {
    let challenge = find_managed(connection, principal, slug)?;
    diesel::update(challenges::table.find(challenge.id))
        .set(challenges::invitation_key.eq(key))
        .execute(connection)?;
    let action = match (key, &challenge.invitation_key) {
        (Some(_), None) => "invitation_link.make",
        (Some(_), Some(_)) => "invitation_link.renew",
        (None, _) => "invitation_link.take_back",
    };
    record(connection, now, principal, &challenge, action, "")
}

/// Whether a link ended with the challenge's key. Takes the same time wherever the two differ.
pub fn is_key(challenge: &Challenge, sent: &str) -> bool {
    challenge
        .invitation_key
        .as_deref()
        .is_some_and(|key| bool::from(key.as_bytes().ct_eq(sent.as_bytes())))
}

/// The challenge that an invitation's link opens; nothing is told of any other.
pub fn find_by_key(
    connection: &mut DatabaseConnection,
    slug: &str,
    key: &str,
) -> Result<WithPhases, ChallengeError> {
    let (challenge, phases) = find_whoever_asks(connection, slug)?;
    if challenge.published_at.is_some() && is_key(&challenge, key) {
        Ok((challenge, phases))
    } else {
        Err(ChallengeError::NotFound(slug.to_owned()))
    }
}

// The list of addresses -------------------------------------------------------------------------------------

/// Whether the address of a person's account is on the list.
pub fn is_listed(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    user_id: i64,
) -> Result<bool, DatabaseError> {
    let email = users::table
        .find(user_id)
        .select(users::email)
        .single_value();
    let found: i64 = challenge_invitations::table
        .filter(challenge_invitations::challenge_id.eq(challenge_id))
        .filter(challenge_invitations::email.nullable().eq(email))
        .count()
        .get_result(connection)?;
    Ok(found > 0)
}

/// An invited address.
#[derive(Debug, Clone)]
pub struct InvitedAddress {
    /// The row, by which it is removed.
    pub id: i64,
    /// In lower case.
    pub email: String,
    /// When it was put on the list.
    pub created_at: DateTime<Utc>,
}

/// Up to `limit` invited addresses after the given row.
pub fn addresses(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<InvitedAddress>, DatabaseError> {
    let rows: Vec<(i64, String, NaiveDateTime)> = challenge_invitations::table
        .filter(challenge_invitations::challenge_id.eq(challenge_id))
        .filter(challenge_invitations::id.gt(after))
        .order(challenge_invitations::id)
        .limit(limit)
        .select((
            challenge_invitations::id,
            challenge_invitations::email,
            challenge_invitations::created_at,
        ))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(id, email, created_at)| InvitedAddress {
            id,
            email,
            created_at: created_at.and_utc(),
        })
        .collect())
}

/// How many addresses are invited.
pub fn address_count(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
) -> Result<i64, DatabaseError> {
    Ok(challenge_invitations::table
        .filter(challenge_invitations::challenge_id.eq(challenge_id))
        .count()
        .get_result(connection)?)
}

/// The addresses in a text, one a line, in lower case and each once.
///
/// # Errors
/// Names the lines that are none.
pub fn read_addresses(text: &str) -> Result<Vec<String>, ChallengeError> {
    let mut found: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    let mut known = std::collections::HashSet::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if number > LINES_LIMIT {
            return invalid(
                "emails",
                format!("send at most {LINES_LIMIT} lines at once"),
            );
        }
        let email = line.to_lowercase();
        if !is_email_address(&email) {
            let shown: String = line.chars().take(60).collect();
            wrong.push(format!("line {number} (`{shown}`)"));
        } else if known.insert(email.clone()) {
            found.push(email);
        }
    }
    if !wrong.is_empty() {
        let named = wrong.len().min(NAMED_LINES);
        let others = match wrong.len() - named {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        return invalid(
            "emails",
            format!(
                "not an e-mail address: {}{others}; write one address a line. Nobody was invited yet",
                wrong[..named].join(", ")
            ),
        );
    }
    if found.is_empty() {
        return invalid("emails", "write at least one address");
    }
    Ok(found)
}

/// Puts addresses on the list; returns how many were not there yet. Call it in a write transaction.
pub fn invite(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    text: &str,
) -> Result<usize, ChallengeError> {
    let challenge = find_managed(connection, principal, slug)?;
    let mut emails = read_addresses(text)?;
    lock_challenge(connection, challenge.id)?;
    let known: std::collections::HashSet<String> = challenge_invitations::table
        .filter(challenge_invitations::challenge_id.eq(challenge.id))
        .select(challenge_invitations::email)
        .load(connection)?
        .into_iter()
        .collect();
    emails.retain(|email| !known.contains(email));
    for email in &emails {
        diesel::insert_into(challenge_invitations::table)
            .values((
                challenge_invitations::challenge_id.eq(challenge.id),
                challenge_invitations::email.eq(email),
                challenge_invitations::created_at.eq(now.naive_utc()),
            ))
            .execute(connection)?;
    }
    // Notifications: the invited addresses, with the challenge's page.
    let detail = format!("{} addresses", emails.len());
    record(
        connection,
        now,
        principal,
        &challenge,
        "invitations.add",
        &detail,
    )?;
    Ok(emails.len())
}

/// Takes an address off the list; whoever joined stays. Returns the address. Call it in a write
/// transaction.
pub fn remove_address(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    id: i64,
) -> Result<String, ChallengeError> {
    let challenge = find_managed(connection, principal, slug)?;
    let found: Option<String> = challenge_invitations::table
        .filter(challenge_invitations::challenge_id.eq(challenge.id))
        .filter(challenge_invitations::id.eq(id))
        .select(challenge_invitations::email)
        .first(connection)
        .optional()?;
    let Some(email) = found else {
        return invalid("email", "this address is no longer on the list");
    };
    diesel::delete(challenge_invitations::table.find(id)).execute(connection)?;
    record(
        connection,
        now,
        principal,
        &challenge,
        "invitations.remove",
        "1 address",
    )?;
    Ok(email)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_lines_are_named() {
        let pasted = "Ada@Paddock.example\n\nnot an address\nada@paddock.example\nbob@\n";
        let error = read_addresses(pasted).unwrap_err().to_string();
        assert!(
            error.contains("line 3 (`not an address`), line 5 (`bob@`)"),
            "{error}"
        );
        let read = read_addresses("Ada@Paddock.example\r\n\r\n ada@paddock.example\r\n").unwrap();
        assert_eq!(read, ["ada@paddock.example"]);
        assert!(read_addresses(" \n").is_err());
        let many = "x\n".repeat(40);
        let error = read_addresses(&many).unwrap_err().to_string();
        assert!(
            error.contains("line 10 ") && error.contains("and 30 more"),
            "{error}"
        );
    }
}

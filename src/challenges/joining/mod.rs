//! How an organizer decides who comes in: requests that wait (here), the invitation's link (`link`), the list of
//! invited addresses (`addresses`).
//!
//! May touch: this room's `challenge` and `membership`, `accounts`, `platform`. Start reading at [`decide`].

mod addresses;
mod link;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

pub use self::addresses::{
    InvitedAddress, address_count, addresses, invite, is_listed, remove_address,
};
pub use self::link::{find_by_key, is_key, new_key, set_key};
use super::act_log::record;
use super::challenge::{ChallengeError, find_managed, invalid};
use super::membership::{self, lock_challenge};
use crate::accounts::permissions::Principal;
use crate::accounts::users::{Role, User};
use crate::messages::notifications::{Notification, NotificationKind, Recipients, tell};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{challenges, join_requests, users};

/// Characters of a request's message.
pub const MESSAGE_LIMIT: usize = 1000;

/// Requests that are decided at once.
const DECIDED_LIMIT: usize = 2000;

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

/// Writes a request down, or what it says now where it waits already. With the challenge's row taken, and a
/// message of at most [`MESSAGE_LIMIT`] characters.
pub(super) fn ask(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    user_id: i64,
    challenge_id: i64,
    request: &Request<'_>,
) -> Result<(), ChallengeError> {
    let message = request.message.trim();
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
            let (slug, title): (String, String) = challenges::table
                .find(challenge_id)
                .select((challenges::slug, challenges::title))
                .first(connection)?;
            let notification = Notification {
                kind: NotificationKind::JoinRequest,
                challenge_id: Some(challenge_id),
                caused_by: Some(user_id),
                title: &format!("{title}: somebody asks to join"),
                body: message,
                href: &format!("/console/challenges/{slug}/participants"),
            };
            let organizer = Recipients::OrganizerOf(challenge_id);
            Ok(tell(connection, now, organizer, &notification)?)
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
    if usernames.len() > DECIDED_LIMIT {
        return invalid("users", format!("decide at most {DECIDED_LIMIT} at once"));
    }
    lock_challenge(connection, challenge.id)?;
    let mut decided = Vec::new();
    for username in usernames {
        type Row = (i64, String, Role, i32, Option<bool>);
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
        let what = match approve {
            true => "you are let in",
            false => "your request to join was declined",
        };
        let notification = Notification {
            kind: NotificationKind::JoinRequest,
            challenge_id: Some(challenge.id),
            caused_by: None,
            title: &format!("{}: {what}", challenge.title),
            body: what,
            href: &format!("/challenges/{slug}"),
        };
        tell(connection, now, Recipients::User(user.id), &notification)?;
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

//! Contact requests in the database. Every change names the state that it changes from, so that of two
//! at the same time one finds nothing to change.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::rules::{ContactState, Declaration, Introduction, state_at};
use super::{ConsentError, ContactRequest};
use crate::datasets::publish::Identities;
use crate::platform::database::{DatabaseConnection, DatabaseError, MultiBackend};
use crate::platform::schema::{
    challenges, contact_requests, datasets, releases, sealed_identities, users,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = contact_requests, check_for_backend(MultiBackend))]
struct Row {
    id: i64,
    challenge_id: i64,
    release_id: i64,
    driver: String,
    scout_id: i64,
    organizer_id: i64,
    name: String,
    organisation: String,
    message: String,
    reach: String,
    state: ContactState,
    expires_at: Option<NaiveDateTime>,
    asked_at: NaiveDateTime,
    forwarded_at: Option<NaiveDateTime>,
    accepted_at: Option<NaiveDateTime>,
    ended_at: Option<NaiveDateTime>,
    reason: String,
    is_minor: Option<bool>,
    accepted_by: Option<Declaration>,
    opened_count: i32,
    opened_at: Option<NaiveDateTime>,
}

type Found = (Row, String, String, String);

fn request(now: DateTime<Utc>, (row, slug, title, scout): Found) -> ContactRequest {
    let utc = |time: Option<NaiveDateTime>| time.map(|time| time.and_utc());
    ContactRequest {
        id: row.id,
        challenge_id: row.challenge_id,
        challenge_slug: slug,
        challenge_title: title,
        release_id: row.release_id,
        driver: row.driver,
        scout_id: row.scout_id,
        scout,
        organizer_id: row.organizer_id,
        introduction: Introduction {
            name: row.name,
            organisation: row.organisation,
            message: row.message,
            reach: row.reach,
        },
        state: state_at(row.state, utc(row.expires_at), now),
        asked_at: row.asked_at.and_utc(),
        forwarded_at: utc(row.forwarded_at),
        accepted_at: utc(row.accepted_at),
        accepted_by: row.accepted_by,
        ended_at: utc(row.ended_at),
        expires_at: utc(row.expires_at),
        reason: row.reason,
        is_minor: row.is_minor,
        opened_count: row.opened_count,
        opened_at: utc(row.opened_at),
    }
}

/// Requests with what is shown of their challenge and scout.
macro_rules! requests {
    () => {
        contact_requests::table
            .inner_join(challenges::table)
            .inner_join(users::table)
            .select((
                Row::as_select(),
                challenges::slug,
                challenges::title,
                users::username,
            ))
    };
}

/// One request, whosever it is.
pub(super) fn find(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    id: i64,
) -> Result<Option<ContactRequest>, DatabaseError> {
    let found: Option<Found> = requests!()
        .filter(contact_requests::id.eq(id))
        .first(connection)
        .optional()?;
    Ok(found.map(|found| request(now, found)))
}

/// The request that a link with a key of this hash opens.
pub(super) fn find_by_key_hash(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    hash: &str,
) -> Result<Option<ContactRequest>, DatabaseError> {
    let found: Option<Found> = requests!()
        .filter(
            contact_requests::decision_key_hash
                .eq(hash)
                .or(contact_requests::withdrawal_key_hash.eq(hash)),
        )
        .first(connection)
        .optional()?;
    Ok(found.map(|found| request(now, found)))
}

/// Up to `limit` requests of a scout, newest first, older than `before` where given.
pub fn of_scout(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    scout_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<ContactRequest>, DatabaseError> {
    let found: Vec<Found> = requests!()
        .filter(contact_requests::scout_id.eq(scout_id))
        .filter(contact_requests::id.lt(before.unwrap_or(i64::MAX)))
        .order(contact_requests::id.desc())
        .limit(limit)
        .load(connection)?;
    Ok(found.into_iter().map(|found| request(now, found)).collect())
}

/// Up to `limit` requests for drivers of an organizer's datasets, newest first, older than `before` where
/// given.
pub fn of_organizer(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    organizer_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<ContactRequest>, DatabaseError> {
    let found: Vec<Found> = requests!()
        .filter(contact_requests::organizer_id.eq(organizer_id))
        .filter(contact_requests::id.lt(before.unwrap_or(i64::MAX)))
        .order(contact_requests::id.desc())
        .limit(limit)
        .load(connection)?;
    Ok(found.into_iter().map(|found| request(now, found)).collect())
}

/// How many requests wait for an organizer.
pub fn waiting(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    organizer_id: i64,
) -> Result<i64, DatabaseError> {
    Ok(contact_requests::table
        .filter(contact_requests::organizer_id.eq(organizer_id))
        .filter(contact_requests::state.eq(ContactState::Asked))
        .filter(contact_requests::expires_at.gt(now.naive_utc()))
        .count()
        .get_result(connection)?)
}

/// The challenge of a board, with the release whose pseudonyms it shows.
pub(super) struct BoardRelease {
    pub challenge_id: i64,
    pub title: String,
    pub release_id: i64,
    pub organizer_id: i64,
    pub identities: Identities,
    pub policy: String,
}

/// The release behind a challenge; none where it has none.
pub(super) fn release_of(
    connection: &mut DatabaseConnection,
    slug: &str,
) -> Result<Option<BoardRelease>, DatabaseError> {
    type Columns = (i64, String, i64, i64, Identities, String);
    let found: Option<Columns> = challenges::table
        .inner_join(releases::table.inner_join(datasets::table))
        .filter(challenges::slug.eq(slug))
        .select((
            challenges::id,
            challenges::title,
            releases::id,
            datasets::owner_id,
            releases::identities,
            releases::policy,
        ))
        .first(connection)
        .optional()?;
    Ok(found.map(
        |(challenge_id, title, release_id, organizer_id, identities, policy)| BoardRelease {
            challenge_id,
            title,
            release_id,
            organizer_id,
            identities,
            policy,
        },
    ))
}

/// A release's policy.
pub(super) fn policy(
    connection: &mut DatabaseConnection,
    release_id: i64,
) -> Result<String, DatabaseError> {
    Ok(releases::table
        .find(release_id)
        .select(releases::policy)
        .first(connection)?)
}

/// Who is behind a pseudonym, sealed. For [`super::unlock`] alone.
pub(super) fn sealed_identity(
    connection: &mut DatabaseConnection,
    release_id: i64,
    driver: &str,
) -> Result<Option<String>, DatabaseError> {
    Ok(sealed_identities::table
        .filter(sealed_identities::release_id.eq(release_id))
        .filter(sealed_identities::pseudonym.eq(driver))
        .select(sealed_identities::sealed)
        .first(connection)
        .optional()?)
}

/// Takes the scout's row, so that a scout's requests are counted and written one after the other.
pub(super) fn lock_scout(
    connection: &mut DatabaseConnection,
    scout_id: i64,
) -> Result<(), DatabaseError> {
    diesel::update(users::table.find(scout_id))
        .set(users::username.eq(users::username))
        .execute(connection)?;
    Ok(())
}

/// How many requests of a scout wait for somebody, and how many were asked in the last 24 hours.
pub(super) fn counts(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    scout_id: i64,
) -> Result<(i64, i64), DatabaseError> {
    let waiting = contact_requests::table
        .filter(contact_requests::scout_id.eq(scout_id))
        .filter(
            contact_requests::state
                .eq(ContactState::Asked)
                .or(contact_requests::state.eq(ContactState::Forwarded)),
        )
        .filter(contact_requests::expires_at.gt(now.naive_utc()))
        .count()
        .get_result(connection)?;
    let today = contact_requests::table
        .filter(contact_requests::scout_id.eq(scout_id))
        .filter(contact_requests::asked_at.gt((now - TimeDelta::hours(24)).naive_utc()))
        .count()
        .get_result(connection)?;
    Ok((waiting, today))
}

/// The newest request of a scout to a driver.
pub(super) fn last_between(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    scout_id: i64,
    release_id: i64,
    driver: &str,
) -> Result<Option<ContactRequest>, DatabaseError> {
    let found: Option<Found> = requests!()
        .filter(contact_requests::scout_id.eq(scout_id))
        .filter(contact_requests::release_id.eq(release_id))
        .filter(contact_requests::driver.eq(driver))
        .order(contact_requests::id.desc())
        .first(connection)
        .optional()?;
    Ok(found.map(|found| request(now, found)))
}

/// Writes a request down; returns its row.
///
/// # Errors
/// [`ConsentError::AlreadyAsked`] where the scout has an open one to this driver.
pub(super) fn insert(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    scout_id: i64,
    (board, driver): (&BoardRelease, &str),
    introduction: &Introduction,
) -> Result<i64, ConsentError> {
    use diesel::result::{DatabaseErrorKind::UniqueViolation, Error::DatabaseError as Refused};
    let inserted: QueryResult<i64> = diesel::insert_into(contact_requests::table)
        .values((
            contact_requests::challenge_id.eq(board.challenge_id),
            contact_requests::release_id.eq(board.release_id),
            contact_requests::driver.eq(driver),
            contact_requests::scout_id.eq(scout_id),
            contact_requests::organizer_id.eq(board.organizer_id),
            contact_requests::name.eq(&introduction.name),
            contact_requests::organisation.eq(&introduction.organisation),
            contact_requests::message.eq(&introduction.message),
            contact_requests::reach.eq(&introduction.reach),
            contact_requests::state.eq(ContactState::Asked),
            contact_requests::expires_at.eq(expires_at.naive_utc()),
            contact_requests::asked_at.eq(now.naive_utc()),
        ))
        .returning(contact_requests::id)
        .get_result(connection);
    match inserted {
        Err(Refused(UniqueViolation, _)) => Err(ConsentError::AlreadyAsked),
        inserted => Ok(inserted?),
    }
}

/// How a request is passed on.
pub(super) struct Forward<'a> {
    pub is_minor: bool,
    pub key_hash: &'a str,
    pub expires_at: DateTime<Utc>,
    pub sealed_address: Option<&'a str>,
}

/// Passes a request on that stands at `from`; whether it still stood there.
pub(super) fn forward(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    (id, from): (i64, ContactState),
    forward: &Forward<'_>,
) -> Result<bool, DatabaseError> {
    let changed = diesel::update(contact_requests::table)
        .filter(contact_requests::id.eq(id))
        .filter(contact_requests::state.eq(from))
        .set((
            contact_requests::state.eq(ContactState::Forwarded),
            contact_requests::forwarded_at.eq(now.naive_utc()),
            contact_requests::expires_at.eq(forward.expires_at.naive_utc()),
            contact_requests::is_minor.eq(forward.is_minor),
            contact_requests::decision_key_hash.eq(forward.key_hash),
            contact_requests::sealed_address.eq(forward.sealed_address),
        ))
        .execute(connection)?;
    Ok(changed == 1)
}

/// Accepts the request whose decision key has this hash: spends the key and keeps the other one's hash;
/// whether it was still there to be spent.
pub(super) fn accept(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    (id, decision_key_hash): (i64, &str),
    (declaration, sealed_contact): (Declaration, Option<&str>),
    withdrawal_key_hash: &str,
) -> Result<bool, DatabaseError> {
    let changed = diesel::update(contact_requests::table)
        .filter(contact_requests::id.eq(id))
        .filter(contact_requests::state.eq(ContactState::Forwarded))
        .filter(contact_requests::decision_key_hash.eq(decision_key_hash))
        .set((
            contact_requests::state.eq(ContactState::Accepted),
            contact_requests::accepted_at.eq(now.naive_utc()),
            contact_requests::accepted_by.eq(declaration),
            contact_requests::expires_at.eq(None::<NaiveDateTime>),
            contact_requests::decision_key_hash.eq(None::<&str>),
            contact_requests::withdrawal_key_hash.eq(withdrawal_key_hash),
            contact_requests::sealed_contact.eq(sealed_contact),
        ))
        .execute(connection)?;
    Ok(changed == 1)
}

/// Ends a request that stands at `from`: both links open nothing any more, and what was kept sealed is
/// forgotten; whether it still stood there.
pub(super) fn end(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    (id, from): (i64, ContactState),
    to: ContactState,
    reason: &str,
) -> Result<bool, DatabaseError> {
    let changed = diesel::update(contact_requests::table)
        .filter(contact_requests::id.eq(id))
        .filter(contact_requests::state.eq(from))
        .set((
            contact_requests::state.eq(to),
            contact_requests::ended_at.eq(now.naive_utc()),
            contact_requests::expires_at.eq(None::<NaiveDateTime>),
            contact_requests::reason.eq(reason),
            contact_requests::decision_key_hash.eq(None::<&str>),
            contact_requests::withdrawal_key_hash.eq(None::<&str>),
            contact_requests::sealed_address.eq(None::<&str>),
            contact_requests::sealed_contact.eq(None::<&str>),
        ))
        .execute(connection)?;
    Ok(changed == 1)
}

/// The address that letters to the driver go to, sealed; none where the organizer hands links on.
pub(super) fn sealed_address(
    connection: &mut DatabaseConnection,
    id: i64,
) -> Result<Option<String>, DatabaseError> {
    Ok(contact_requests::table
        .find(id)
        .select(contact_requests::sealed_address)
        .first(connection)?)
}

/// What the driver wrote to the scout, sealed.
pub(super) fn sealed_contact(
    connection: &mut DatabaseConnection,
    id: i64,
) -> Result<Option<String>, DatabaseError> {
    Ok(contact_requests::table
        .find(id)
        .select(contact_requests::sealed_contact)
        .first(connection)?)
}

/// Counts that a scout looks at an accepted request of theirs; whether it is one. Holds the row until the
/// transaction is over, so that nobody withdraws in between.
pub(super) fn count_opening(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    id: i64,
    scout_id: i64,
) -> Result<bool, DatabaseError> {
    let counted = diesel::update(contact_requests::table)
        .filter(contact_requests::id.eq(id))
        .filter(contact_requests::scout_id.eq(scout_id))
        .filter(contact_requests::state.eq(ContactState::Accepted))
        .set((
            contact_requests::opened_count.eq(contact_requests::opened_count + 1),
            contact_requests::opened_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    Ok(counted == 1)
}

/// Up to `limit` requests that waited too long and are not written down as expired, with the state that
/// they are stored with.
pub(super) fn overdue(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(ContactRequest, ContactState)>, DatabaseError> {
    let found: Vec<Found> = requests!()
        .filter(contact_requests::expires_at.le(now.naive_utc()))
        .order(contact_requests::expires_at)
        .limit(limit)
        .load(connection)?;
    let with_state = |found: Found| {
        let stored = found.0.state;
        (request(now, found), stored)
    };
    Ok(found.into_iter().map(with_state).collect())
}

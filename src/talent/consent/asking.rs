//! The scout's part: to ask, and to take it back.

use chrono::{DateTime, TimeDelta, Utc};

use super::rules::{
    ContactAct, ContactState, DAYS_FOR_ORGANIZER, Introduction, MOST_A_DAY, MOST_WAITING,
};
use super::storage::{self, BoardRelease};
use super::{
    ConsentError, ContactRequest, Disclosure, allowed, end_of_rest, find_of_scout, letters, record,
    user_id,
};
use crate::accounts::permissions::Principal;
use crate::datasets::publish::Identities;
use crate::datasets::vault::VaultKey;
use crate::platform::database::DatabaseConnection;
use crate::talent::board;

/// A driver who can be asked.
#[derive(Debug, Clone)]
pub struct Prospect {
    /// The name of the challenge on whose board they are.
    pub challenge_title: String,
    /// What would be disclosed.
    pub disclosure: Disclosure,
}

/// The board and release of a driver whom this caller may ask now.
fn askable(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    scout_id: i64,
    slug: &str,
    driver: &str,
) -> Result<BoardRelease, ConsentError> {
    if board::identify(connection, slug, driver)?.is_none() {
        return Err(ConsentError::NoSuchDriver {
            slug: slug.to_owned(),
            driver: driver.to_owned(),
        });
    }
    let board = storage::release_of(connection, slug)?.ok_or(ConsentError::IdentitiesDestroyed)?;
    if board.identities != Identities::Sealed
        || storage::sealed_identity(connection, board.release_id, driver)?.is_none()
    {
        return Err(ConsentError::IdentitiesDestroyed);
    }
    if board.organizer_id == scout_id {
        return Err(ConsentError::OwnDataset);
    }
    let last = storage::last_between(connection, now, scout_id, board.release_id, driver)?;
    if let Some(last) = last {
        use ContactState::{Accepted, Asked, Declined, Forwarded, Withdrawn};
        let rest = last.ended_at.map(end_of_rest).filter(|end| *end > now);
        match (last.state, rest) {
            (Asked | Forwarded | Accepted, _) => return Err(ConsentError::AlreadyAsked),
            (Declined | Withdrawn, Some(end)) => return Err(ConsentError::AskedBefore(end)),
            _ => {}
        }
    }
    let (waiting, today) = storage::counts(connection, now, scout_id)?;
    if waiting >= MOST_WAITING {
        return Err(ConsentError::TooManyWaiting(waiting));
    }
    if today >= MOST_A_DAY {
        return Err(ConsentError::TooManyToday(today));
    }
    Ok(board)
}

/// The driver whom the caller would ask.
///
/// # Errors
/// Why the caller cannot ask them.
pub fn prospect(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    driver: &str,
) -> Result<Prospect, ConsentError> {
    let board = askable(connection, now, user_id(principal)?, slug, driver)?;
    Ok(Prospect {
        disclosure: Disclosure::of_policy(&board.policy)?,
        challenge_title: board.title,
    })
}

/// Asks to meet a driver of a challenge's talent board; returns the request's row. Call it in a write
/// transaction.
///
/// # Errors
/// Why this scout cannot ask this driver, or which field is not as it must be.
pub fn ask(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    (slug, driver): (&str, &str),
    introduction: &Introduction,
) -> Result<i64, ConsentError> {
    let scout_id = user_id(principal)?;
    storage::lock_scout(connection, scout_id)?;
    // One that expired and was not written down yet would stand in the way of the next.
    super::expiry::expire(connection, now)?;
    let board = askable(connection, now, scout_id, slug, driver)?;
    let introduction = introduction.checked()?;
    let expires_at = now + TimeDelta::days(DAYS_FOR_ORGANIZER);
    let place = (&board, driver);
    let id = storage::insert(connection, now, expires_at, scout_id, place, &introduction)?;
    let request = storage::find(connection, now, id)?.ok_or(ConsentError::NotFound)?;
    record(
        connection,
        now,
        Some(scout_id),
        "contact_request.ask",
        &request,
        "",
    )?;
    letters::asked(connection, now, &request)?;
    Ok(id)
}

/// Takes a request back that was not decided yet: the driver's link opens nothing from then on. Call it in
/// a write transaction.
///
/// # Errors
/// A request that is not the caller's, or that was decided.
pub fn cancel(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    vault_key: &VaultKey,
    principal: &Principal,
    id: i64,
) -> Result<ContactRequest, ConsentError> {
    let request = find_of_scout(connection, now, principal, id)?;
    let to = allowed(&request, ContactAct::Cancel)?;
    // Before it is forgotten.
    let address = super::unlock::address_of(connection, vault_key, &request)?;
    if !storage::end(connection, now, (id, request.state), to, "")? {
        return Err(ConsentError::NotNow(request.state));
    }
    let actor = Some(request.scout_id);
    record(
        connection,
        now,
        actor,
        "contact_request.cancel",
        &request,
        "",
    )?;
    letters::cancelled(
        connection,
        now,
        vault_key,
        &request,
        address.as_deref().map(String::as_str),
    )?;
    Ok(request)
}

//! What nobody answers ends by itself.

use chrono::{DateTime, Utc};

use super::rules::ContactState;
use super::{ConsentError, letters, record, storage};
use crate::platform::database::DatabaseConnection;

/// Requests that are ended at once; the others are at the next call.
const AT_ONCE: i64 = 100;

/// Whether some request waited too long: cheap, for whoever asks before taking a write lock.
pub fn is_due(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
) -> Result<bool, ConsentError> {
    Ok(!storage::overdue(connection, now, 1)?.is_empty())
}

/// Writes down which requests waited too long, and tells who asked; returns how many. For everybody they
/// have expired at that second whether or not this ran. Call it in a write transaction.
pub fn expire(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
) -> Result<usize, ConsentError> {
    let mut ended = 0;
    for (request, stored) in storage::overdue(connection, now, AT_ONCE)? {
        let expired = ContactState::Expired;
        // Another server may be doing the same.
        if !storage::end(connection, now, (request.id, stored), expired, "")? {
            continue;
        }
        let waited_for = match stored {
            ContactState::Asked => "the organizer did not answer",
            _ => "the driver did not answer",
        };
        record(
            connection,
            now,
            None,
            "contact_request.expire",
            &request,
            waited_for,
        )?;
        letters::expired(connection, now, &request)?;
        ended += 1;
    }
    Ok(ended)
}

//! What has to be done because time passes or a board changed, by any server's process: submissions taken
//! over into a phase that has begun, corrections that nobody finished, tiers made anew, final standings
//! drawn up. Several servers may do it at once.

use std::sync::Arc;

use super::carry_over::{carry_over_due, is_any_due};
use super::corrections;
use super::final_standings;
use super::tiers;
use crate::platform::clock::Clock;
use crate::platform::database::{Database, DatabaseError};
use crate::scoring::receipt::ReceiptKey;

/// Does what is due; true if a run was added, so that workers should be woken.
///
/// # Errors
/// The database could not be asked; nothing is lost, the next round does it.
pub async fn upkeep(
    database: &Database,
    clock: &Clock,
    key: &Arc<ReceiptKey>,
) -> Result<bool, DatabaseError> {
    let now = clock.now();
    let is_due = database
        .read(move |connection| is_any_due(connection, now))
        .await?;
    let carried = match is_due {
        true => {
            database
                .write(move |connection| carry_over_due(connection, now))
                .await?
        }
        false => 0,
    };
    let corrected = corrections::finish_due(database, now, key).await?;
    tiers::refresh(database).await?;
    final_standings::settle_due(database, now).await?;
    Ok(carried > 0 || corrected)
}

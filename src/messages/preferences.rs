//! What people want to be told of, and how. Who said nothing gets each kind's default.

use diesel::prelude::*;

use super::notifications::{NotificationKind, Wanted};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::notification_preferences as preferences;

/// A person's wishes for every kind, in the order of [`NotificationKind::ALL`].
pub fn of(
    connection: &mut DatabaseConnection,
    user_id: i64,
) -> Result<Vec<(NotificationKind, Wanted)>, DatabaseError> {
    let said: Vec<(String, bool, bool)> = preferences::table
        .filter(preferences::user_id.eq(user_id))
        .select((
            preferences::kind,
            preferences::in_site,
            preferences::by_email,
        ))
        .load(connection)?;
    Ok(NotificationKind::ALL
        .iter()
        .map(|kind| {
            let said = said.iter().find(|(name, ..)| name == kind.as_str());
            let wanted = match said {
                Some((_, in_site, by_email)) => Wanted {
                    in_site: *in_site,
                    by_email: *by_email,
                },
                None => kind.wanted_by_default(),
            };
            (*kind, wanted)
        })
        .collect())
}

/// Keeps a person's wishes; what is not among them goes back to its default. Call it in a write
/// transaction.
pub fn set(
    connection: &mut DatabaseConnection,
    user_id: i64,
    wishes: &[(NotificationKind, Wanted)],
) -> Result<(), DatabaseError> {
    diesel::delete(preferences::table.filter(preferences::user_id.eq(user_id)))
        .execute(connection)?;
    for (kind, wanted) in wishes {
        if *wanted == kind.wanted_by_default() {
            continue;
        }
        diesel::insert_into(preferences::table)
            .values((
                preferences::user_id.eq(user_id),
                preferences::kind.eq(kind.as_str()),
                preferences::in_site.eq(wanted.in_site),
                preferences::by_email.eq(wanted.by_email),
            ))
            .execute(connection)?;
    }
    Ok(())
}

//! Telling scouts what a new board changed: drivers on their shortlists, and what their searches find.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::searches;
use crate::challenges::challenge::Challenge;
use crate::messages::notifications::{Notification, NotificationKind, Recipients, tell};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{saved_searches, shortlisted_drivers, shortlists};
use crate::talent::board::{self, BoardSearch};

/// Lines of a message; what is more is counted.
const LINES: usize = 20;

/// Tells each scout in one message what changed for them between two boards of a challenge. Call it in the
/// write transaction of the new board.
pub fn tell_watchers(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    challenge: &Challenge,
    before: i64,
    after: i64,
) -> Result<(), DatabaseError> {
    let everybody = BoardSearch::default();
    let tiers = |names: Vec<(String, i32)>| names.into_iter().collect::<BTreeMap<String, i32>>();
    let old = tiers(board::names(connection, before, &everybody)?);
    let new = tiers(board::names(connection, after, &everybody)?);
    let mut changes: BTreeMap<i64, Vec<String>> = BTreeMap::new();

    let watched: Vec<(i64, String)> = shortlisted_drivers::table
        .inner_join(shortlists::table)
        .filter(shortlisted_drivers::challenge_id.eq(challenge.id))
        .order((shortlists::user_id, shortlisted_drivers::driver))
        .select((shortlists::user_id, shortlisted_drivers::driver))
        .distinct()
        .load(connection)?;
    for (user_id, driver) in watched {
        if let Some(change) = tier_change(old.get(&driver), new.get(&driver)) {
            let line = format!("- {driver} on your shortlist {change}");
            changes.entry(user_id).or_default().push(line);
        }
    }

    let searches: Vec<(i64, String, String)> = saved_searches::table
        .filter(saved_searches::challenge_id.eq(challenge.id))
        .filter(saved_searches::alerts.eq(true))
        .order(saved_searches::id)
        .select((
            saved_searches::user_id,
            saved_searches::name,
            saved_searches::query,
        ))
        .load(connection)?;
    for (user_id, name, query) in searches {
        let search = searches::read(&query);
        let mut found = |board| -> Result<BTreeSet<String>, DatabaseError> {
            let names = board::names(connection, board, &search)?;
            Ok(names.into_iter().map(|(driver, _)| driver).collect())
        };
        let (old, new) = (found(before)?, found(after)?);
        let list = |drivers: Vec<&String>| {
            let names: Vec<&str> = drivers
                .iter()
                .take(LINES)
                .map(|name| name.as_str())
                .collect();
            let more = drivers.len().saturating_sub(LINES);
            match more {
                0 => names.join(", "),
                more => format!("{} and {more} more", names.join(", ")),
            }
        };
        let come: Vec<&String> = new.difference(&old).collect();
        let gone: Vec<&String> = old.difference(&new).collect();
        let lines = changes.entry(user_id).or_default();
        if !come.is_empty() {
            lines.push(format!("- your search “{name}” finds {} now", list(come)));
        }
        if !gone.is_empty() {
            lines.push(format!(
                "- your search “{name}” no longer finds {}",
                list(gone)
            ));
        }
    }

    let title = format!("The talent board of {} changed", challenge.title);
    let href = format!("/talent/{}", challenge.slug);
    for (user_id, mut lines) in changes.into_iter().filter(|(_, lines)| !lines.is_empty()) {
        let more = lines.len().saturating_sub(LINES);
        lines.truncate(LINES);
        if more > 0 {
            lines.push(format!("- and {more} more"));
        }
        let notification = Notification {
            kind: NotificationKind::Talent,
            challenge_id: Some(challenge.id),
            caused_by: None,
            title: &title,
            body: &lines.join("\n"),
            href: &href,
        };
        tell(connection, now, Recipients::User(user_id), &notification)?;
    }
    Ok(())
}

/// What became of a driver, in words; none if nothing did.
fn tier_change(before: Option<&i32>, after: Option<&i32>) -> Option<String> {
    match (before, after) {
        (Some(before), Some(after)) if after < before => {
            Some(format!("rose from tier {before} to tier {after}"))
        }
        (Some(before), Some(after)) if after > before => {
            Some(format!("fell from tier {before} to tier {after}"))
        }
        (Some(_), None) => Some("is no longer on the board".to_owned()),
        (None, Some(after)) => Some(format!("is on the board again, in tier {after}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_told() {
        assert_eq!(tier_change(Some(&2), Some(&2)), None);
        assert_eq!(tier_change(None, None), None);
        assert_eq!(
            tier_change(Some(&3), Some(&1)).as_deref(),
            Some("rose from tier 3 to tier 1")
        );
        assert!(tier_change(Some(&1), Some(&2)).unwrap().starts_with("fell"));
        assert!(tier_change(Some(&1), None).unwrap().contains("no longer"));
        assert!(tier_change(None, Some(&1)).unwrap().contains("again"));
    }
}

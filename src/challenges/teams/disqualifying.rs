//! Taking a team off the boards, with a reason that its members read, and letting it back on them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::{TeamError, invalid, lock};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{Phase, find_managed_with_phases};
use crate::challenges::{entries, membership};
use crate::messages::notifications::{Notification, NotificationKind, Recipients, tell};
use crate::platform::audit::{self, Act};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::teams;

/// Why a team may not submit: it was disqualified, for this reason.
pub fn disqualification(
    connection: &mut DatabaseConnection,
    team_id: i64,
) -> Result<Option<String>, DatabaseError> {
    let reason: Option<Option<String>> = teams::table
        .find(team_id)
        .filter(teams::disqualified_at.is_not_null())
        .select(teams::disqualified_reason)
        .first(connection)
        .optional()?;
    Ok(reason.map(Option::unwrap_or_default))
}

/// Makes the entries of a team anew in every phase. With the team's row taken.
pub(super) fn recompute_entries(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    phases: &[Phase],
    team_id: i64,
) -> Result<(), DatabaseError> {
    for phase in phases {
        entries::recompute_entry(connection, now, phase.id, team_id)?;
    }
    Ok(())
}

/// Characters of the reason that a disqualified team reads.
pub const REASON_LIMIT: usize = 500;

/// Takes a team off the boards, or with no reason lets it back on them. Its submissions stay as they are.
/// Returns the team's name. Call it in a write transaction.
pub fn set_disqualified(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    team_id: i64,
    reason: Option<&str>,
) -> Result<String, TeamError> {
    let (challenge, phases) = find_managed_with_phases(connection, principal, slug)?;
    let reason = reason.map(str::trim);
    if reason.is_some_and(str::is_empty) {
        return invalid("reason", "say why: the team's members read it");
    }
    if reason.is_some_and(|reason| reason.chars().count() > REASON_LIMIT) {
        return invalid("reason", format!("write at most {REASON_LIMIT} characters"));
    }
    lock(connection, &[team_id])?;
    let changed = diesel::update(
        teams::table
            .find(team_id)
            .filter(teams::challenge_id.eq(challenge.id))
            .filter(teams::merged_into.is_null()),
    )
    .set((
        teams::disqualified_at.eq(reason.map(|_| now.naive_utc())),
        teams::disqualified_reason.eq(reason),
    ))
    .execute(connection)?;
    if changed == 0 {
        return Err(TeamError::NoSuchTeam(team_id));
    }
    recompute_entries(connection, now, &phases, team_id)?;
    let name = membership::team_name(connection, team_id)?;
    let act = Act {
        actor_id: principal.user().map(|user| user.id),
        action: match reason {
            Some(_) => "team.disqualify",
            None => "team.reinstate",
        },
        subject: &format!("team:{name}"),
        challenge_id: Some(challenge.id),
        detail: reason.unwrap_or_default(),
    };
    audit::record(connection, now, &act)?;
    let title = match reason {
        Some(_) => format!(
            "{}: your team {name} was taken off the boards",
            challenge.title
        ),
        None => format!(
            "{}: your team {name} is on the boards again",
            challenge.title
        ),
    };
    let notification = Notification {
        kind: NotificationKind::Team,
        challenge_id: Some(challenge.id),
        caused_by: principal.user().map(|user| user.id),
        title: &title,
        body: reason.unwrap_or("Its submissions count as before."),
        href: &format!("/challenges/{slug}/team"),
    };
    tell(connection, now, Recipients::Team(team_id), &notification)?;
    Ok(name)
}

//! Handing a team over, and leaving one.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::merge_rules::{MergeRefusal, check_unlocked};
use super::{Member, TeamError, invalid, only_captain, take_own};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{Challenge, Phase, current_phase};
use crate::challenges::limits;
use crate::challenges::membership::{self, found_team};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{members, submissions, teams};

/// Makes another member the captain. Call it in a write transaction.
pub fn hand_over(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    slug: &str,
    username: &str,
) -> Result<String, TeamError> {
    let (_, user, team) = take_own(connection, principal, slug)?;
    only_captain(&team, &user)?;
    let named = |member: &&Member| member.username.eq_ignore_ascii_case(username.trim());
    let Some(next) = team.members.iter().find(named) else {
        return invalid("captain", "choose a member of your team");
    };
    diesel::update(teams::table.find(team.id))
        .set(teams::captain_id.eq(next.user_id))
        .execute(connection)?;
    // Notifications: the new captain.
    Ok(next.username.clone())
}

/// Leaves the team for a new one of one's own. What was sent stays with the team. Returns the new team's
/// name. Call it in a write transaction.
pub fn leave(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
) -> Result<String, TeamError> {
    let ((challenge, phases), user, team) = take_own(connection, principal, slug)?;
    if team.members.len() < 2 {
        return Err(TeamError::LastMember);
    }
    check_unlocked(challenge.teams_locked_at, &phases, now)?;
    if team.disqualified.is_some() {
        return Err(MergeRefusal::Disqualified { team: team.name }.into());
    }
    if let Some(phase) = current_phase(&phases, now)
        && sent_today(connection, now, &challenge, phase, user.id)?
    {
        return Err(TeamError::SentToday {
            from: limits::next_day(now, challenge.time_zone),
        });
    }
    let captain = team
        .captain()
        .filter(|captain| captain.user_id != user.id)
        .or_else(|| team.members.iter().find(|member| member.user_id != user.id));
    diesel::update(teams::table.find(team.id))
        .set(teams::captain_id.eq(captain.map(|captain| captain.user_id)))
        .execute(connection)?;
    let own = found_team(connection, now, challenge.id, &user)?;
    diesel::update(members::table.find((challenge.id, user.id)))
        .set(members::team_id.eq(own))
        .execute(connection)?;
    // Notifications: those who stay.
    Ok(membership::team_name(connection, own)?)
}

/// Whether a person sent something today that takes a place of their team's limits.
fn sent_today(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    challenge: &Challenge,
    phase: &Phase,
    user_id: i64,
) -> Result<bool, DatabaseError> {
    let today = limits::day_of(now, challenge.time_zone).naive_utc();
    let sent: i64 = submissions::table
        .filter(submissions::phase_id.eq(phase.id))
        .filter(submissions::user_id.eq(user_id))
        .filter(submissions::counts)
        .filter(submissions::received_at.ge(today))
        .count()
        .get_result(connection)?;
    Ok(sent > 0)
}

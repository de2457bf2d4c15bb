//! Making one team of two: the rules, looked at under the locks, and the move of all that they have.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::disqualifying::recompute_entries;
use super::merge_rules::{MergeRefusal, MergeRules, Party, allowed_so_far, check, check_unlocked};
use super::{Team, TeamError, load, lock};
use crate::challenges::challenge::{Challenge, Phase, current_phase};
use crate::challenges::submissions::used;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{challenges, members, submissions, team_invitations, teams};

/// Whether these two teams may become one now.
pub(super) fn check_now(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    challenge: &Challenge,
    phases: &[Phase],
    asking: &Team,
    joining: &Team,
) -> Result<(), TeamError> {
    check_unlocked(challenge.teams_locked_at, phases, now)?;
    let zone = challenge.time_zone;
    let phase = current_phase(phases, now);
    let mut sent = |team: &Team| match phase {
        Some(phase) => Ok(used(connection, now, zone, phase.id, team.id)?.total),
        None => Ok::<_, DatabaseError>(0),
    };
    let asking = Party {
        sent: sent(asking)?,
        team: asking,
    };
    let joining = Party {
        sent: sent(joining)?,
        team: joining,
    };
    let rules = MergeRules {
        max_team_size: challenge.max_team_size,
        rules_version: challenge.rules_version,
        phase: phase.map_or("", |phase| &phase.name),
        allowed: phase.map_or(u32::MAX, |phase| {
            allowed_so_far(phase.limits, phase.starts_at, now, zone)
        }),
    };
    Ok(check(&rules, asking, joining)?)
}

/// Makes one team of two: members, submissions and entries of all phases go to the one that asked. With the
/// challenge's row taken.
pub(super) fn unite(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    challenge: &Challenge,
    phases: &[Phase],
    asking_id: i64,
    joining_id: i64,
) -> Result<(), TeamError> {
    lock(connection, &[asking_id, joining_id])?;
    // Looked at under the lock: no submission of either comes in between.
    let both = load(connection, &[asking_id, joining_id])?;
    let (Some(asking), Some(joining)) = (both.first(), both.get(1)) else {
        return Err(MergeRefusal::SameTeam.into());
    };
    check_now(connection, now, challenge, phases, asking, joining)?;
    fit_selections(connection, challenge, phases, asking_id, joining_id)?;
    diesel::update(submissions::table.filter(submissions::team_id.eq(joining_id)))
        .set(submissions::team_id.eq(asking_id))
        .execute(connection)?;
    diesel::update(members::table.filter(members::team_id.eq(joining_id)))
        .set(members::team_id.eq(asking_id))
        .execute(connection)?;
    let captain = asking.captain().map(|captain| captain.user_id);
    diesel::update(teams::table.find(asking_id))
        .set(teams::captain_id.eq(captain))
        .execute(connection)?;
    // No team may choose such a name; the old one is free again.
    let name = format!("{} [merged {joining_id}]", joining.name);
    diesel::update(teams::table.find(joining_id))
        .set((
            teams::merged_into.eq(asking_id),
            teams::captain_id.eq(None::<i64>),
            teams::name.eq(name),
        ))
        .execute(connection)?;
    diesel::update(challenges::table.find(challenge.id))
        .set(challenges::team_count.eq(challenges::team_count - 1))
        .execute(connection)?;
    end_invitations(connection, now, asking, joining)?;
    recompute_entries(connection, now, phases, joining_id)?;
    recompute_entries(connection, now, phases, asking_id)?;
    // Notifications: the members of both teams.
    Ok(())
}

/// Where both together chose more submissions for the private board than a team may, those of the team that
/// asked stay chosen.
fn fit_selections(
    connection: &mut DatabaseConnection,
    challenge: &Challenge,
    phases: &[Phase],
    asking_id: i64,
    joining_id: i64,
) -> Result<(), DatabaseError> {
    for phase in phases {
        let chosen: i64 = submissions::table
            .filter(submissions::phase_id.eq(phase.id))
            .filter(submissions::team_id.eq_any([asking_id, joining_id]))
            .filter(submissions::selected)
            .count()
            .get_result(connection)?;
        if chosen > i64::from(challenge.final_selections) {
            diesel::update(
                submissions::table
                    .filter(submissions::phase_id.eq(phase.id))
                    .filter(submissions::team_id.eq(joining_id)),
            )
            .set(submissions::selected.eq(false))
            .execute(connection)?;
        }
    }
    Ok(())
}

/// What waited for an answer and has lost its sense.
fn end_invitations(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    asking: &Team,
    joining: &Team,
) -> Result<(), DatabaseError> {
    let moved: Vec<i64> = joining
        .members
        .iter()
        .map(|member| member.user_id)
        .collect();
    let of_joining = team_invitations::team_id
        .eq(joining.id)
        .or(team_invitations::other_team_id.is_not_null().and(
            team_invitations::other_team_id
                .assume_not_null()
                .eq(joining.id),
        ));
    let to_moved = team_invitations::team_id.eq(asking.id).and(
        team_invitations::user_id
            .is_not_null()
            .and(team_invitations::user_id.assume_not_null().eq_any(moved)),
    );
    diesel::update(
        team_invitations::table
            .filter(team_invitations::answered_at.is_null())
            .filter(of_joining.or(to_moved)),
    )
    .set((
        team_invitations::answered_at.eq(now.naive_utc()),
        team_invitations::answer.eq("withdrawn"),
    ))
    .execute(connection)?;
    Ok(())
}

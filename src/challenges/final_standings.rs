//! Final standings: where each team stood on the private board of the last phase when the challenge was
//! over, and the medal that it won by [`medals`].
//!
//! They are drawn up by upkeep once the last phase is over, grace included, and no submission of it waits
//! for its score any more. Whatever changes a board afterwards (a score, a correction, a disqualification)
//! clears `phases.settled_at` in its own transaction, and they are drawn up anew; other dates take them away
//! at once, so that they never tell more than the private board does.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel::sql_types::Timestamp;

use super::challenge::{Phase, phases_of};
use super::draft::Joining;
use super::medals::{self, Medal};
use super::submissions::SubmissionState;
use crate::platform::database::{Database, DatabaseConnection, DatabaseError};
use crate::platform::schema::{challenges, entries, final_standings, phases, submissions};

/// Draws up the final standings of challenges that are over; of how many. Several servers may do it at
/// once.
///
/// # Errors
/// The database could not be asked; the next round does it.
pub async fn settle_due(database: &Database, now: DateTime<Utc>) -> Result<usize, DatabaseError> {
    let due = database
        .read(move |connection| due(connection, now))
        .await?;
    let count = due.len();
    for challenge_id in due {
        database
            .write(move |connection| settle(connection, now, challenge_id))
            .await?;
    }
    Ok(count)
}

/// Published challenges whose phases are all over, with one that is not settled.
fn due(connection: &mut DatabaseConnection, now: DateTime<Utc>) -> Result<Vec<i64>, DatabaseError> {
    let at = now.naive_utc();
    let others = diesel::alias!(phases as others);
    let runs_on = others
        .filter(others.field(phases::challenge_id).eq(phases::challenge_id))
        .filter(others.field(phases::ends_at).gt(at));
    let ended: Vec<i64> = phases::table
        .inner_join(challenges::table)
        .filter(phases::settled_at.is_null())
        .filter(phases::ends_at.le(at))
        .filter(challenges::published_at.is_not_null())
        .filter(not(exists(runs_on)))
        .select(phases::challenge_id)
        .distinct()
        .load(connection)?;
    let mut due = Vec::new();
    for challenge_id in ended {
        if final_phase(connection, now, challenge_id)?.is_some() {
            due.push(challenge_id);
        }
    }
    Ok(due)
}

/// A challenge's last phase, if all are over and no submission that may still rank waits for
/// its score.
fn final_phase(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    challenge_id: i64,
) -> Result<Option<Phase>, DatabaseError> {
    let mut all = phases_of(connection, challenge_id)?;
    if !all.iter().all(|phase| phase.is_over(now)) {
        return Ok(None);
    }
    let Some(last) = all.pop() else {
        return Ok(None);
    };
    let waiting = submissions::table
        .filter(submissions::challenge_id.eq(challenge_id))
        .filter(
            submissions::state
                .eq(SubmissionState::Queued)
                .or(submissions::state.eq(SubmissionState::Running)),
        )
        .filter(submissions::phase_id.eq(last.id))
        .filter(submissions::late.eq(false));
    let waiting: Option<i64> = waiting
        .select(submissions::id)
        .first(connection)
        .optional()?;
    Ok(waiting.is_none().then_some(last))
}

fn settle(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    challenge_id: i64,
) -> Result<(), DatabaseError> {
    // The phases' rows first, in their order: whoever changes a board or a date takes them too, so that either
    // that change is read below, or it clears what is set here.
    let mut changed = 0;
    for phase in phases_of(connection, challenge_id)? {
        changed += diesel::update(
            phases::table
                .find(phase.id)
                .filter(phases::settled_at.is_null()),
        )
        .set(phases::settled_at.eq(now.naive_utc()))
        .execute(connection)?;
    }
    if changed == 0 {
        return Ok(());
    }
    let Some(last) = final_phase(connection, now, challenge_id)? else {
        return unsettle(connection, challenge_id);
    };
    let joining: Joining = challenges::table
        .find(challenge_id)
        .select(challenges::joining)
        .first(connection)?;
    let everybody_could_join = joining != Joining::Invited;
    let teams: i64 = entries::table
        .filter(entries::phase_id.eq(last.id))
        .filter(entries::is_baseline.eq(false))
        .count()
        .get_result(connection)?;
    let last_ranks = medals::last_ranks(teams).filter(|_| everybody_could_join);
    let medal = match last_ranks {
        None => "NULL".to_owned(),
        Some(last_ranks) => {
            let cases =
                last_ranks.map(|(medal, last)| format!("WHEN place <= {last} THEN '{medal}'"));
            format!("CASE {} END", cases.join(" "))
        }
    };
    diesel::delete(final_standings::table.filter(final_standings::challenge_id.eq(challenge_id)))
        .execute(connection)?;
    // Nothing but numbers and names of our own is written into it.
    diesel::sql_query(format!(
        "INSERT INTO final_standings \
         (challenge_id, phase_id, team_id, submission_id, rank, teams, medal, ended_at) \
         SELECT {challenge_id}, {phase}, team_id, stands, place, {teams}, {medal}, $1 FROM ( \
             SELECT team_id, COALESCE(private_submission_id, submission_id) AS stands, \
             RANK() OVER (ORDER BY private_key, private_tie) AS place \
             FROM entries WHERE phase_id = {phase} AND NOT is_baseline) AS ranked",
        phase = last.id,
    ))
    .bind::<Timestamp, _>(last.late_from().naive_utc())
    .execute(connection)?;
    if everybody_could_join {
        diesel::sql_query(format!(
            "INSERT INTO expert_profiles (user_id) SELECT members.user_id FROM members \
             INNER JOIN final_standings ON final_standings.team_id = members.team_id \
             WHERE final_standings.challenge_id = {challenge_id} ON CONFLICT DO NOTHING"
        ))
        .execute(connection)?;
    }
    count_medals(connection, challenge_id)
}

/// Takes the final standings of a challenge away, until upkeep draws them up anew where the challenge is
/// over. Call it in the write transaction that changes its dates or who may join.
pub(super) fn unsettle(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
) -> Result<(), DatabaseError> {
    diesel::update(phases::table.filter(phases::challenge_id.eq(challenge_id)))
        .set(phases::settled_at.eq(None::<NaiveDateTime>))
        .execute(connection)?;
    let gone = diesel::delete(
        final_standings::table.filter(final_standings::challenge_id.eq(challenge_id)),
    )
    .execute(connection)?;
    match gone {
        0 => Ok(()),
        _ => count_medals(connection, challenge_id),
    }
}

/// Counts anew what the members of a challenge have won everywhere.
fn count_medals(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
) -> Result<(), DatabaseError> {
    let count = |and: &str| {
        format!(
            "(SELECT COUNT(*) FROM members \
             INNER JOIN final_standings ON final_standings.team_id = members.team_id \
             INNER JOIN challenges ON challenges.id = final_standings.challenge_id \
             WHERE members.user_id = expert_profiles.user_id \
             AND challenges.joining <> '{}'{and})",
            Joining::Invited
        )
    };
    let members = format!("SELECT user_id FROM members WHERE challenge_id = {challenge_id}");
    // Takes their rows in a statement of its own, so that the one that counts sees what others, who held them,
    // have changed.
    diesel::sql_query(format!(
        "UPDATE expert_profiles SET results = results WHERE user_id IN ({members})"
    ))
    .execute(connection)?;
    let of = |medal: Medal| count(&format!(" AND final_standings.medal = '{medal}'"));
    diesel::sql_query(format!(
        "UPDATE expert_profiles SET gold = {}, silver = {}, bronze = {}, results = {} \
         WHERE user_id IN ({members})",
        of(Medal::Gold),
        of(Medal::Silver),
        of(Medal::Bronze),
        count("")
    ))
    .execute(connection)?;
    Ok(())
}

/// The medals of these teams that they won in this phase: none where it is not the last one, or is not over.
pub fn medals_of(
    connection: &mut DatabaseConnection,
    phase_id: i64,
    team_ids: &[i64],
) -> Result<HashMap<i64, Medal>, DatabaseError> {
    let rows: Vec<(i64, Option<Medal>)> = final_standings::table
        .filter(final_standings::phase_id.eq(phase_id))
        .filter(final_standings::team_id.eq_any(team_ids))
        .filter(final_standings::medal.is_not_null())
        .select((final_standings::team_id, final_standings::medal))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .filter_map(|(team, medal)| Some((team, medal?)))
        .collect())
}

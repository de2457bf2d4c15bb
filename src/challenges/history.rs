//! What stood on the public board at any past moment, and how a team came to where it stands.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{entry_history, teams};

/// A team on the public board of a past moment.
#[derive(Debug, Clone, PartialEq)]
pub struct PastEntry {
    /// Its rank then: ties share one. None for baselines.
    pub rank: Option<i64>,
    /// The team.
    pub team_id: i64,
    /// Its name today.
    pub team: String,
    /// Its score then.
    pub score: f64,
    /// Since when it had stood there.
    pub since: DateTime<Utc>,
}

type PastRow = (i64, String, f64, f64, String, NaiveDateTime, bool);

/// The best `limit` teams of a phase's public board as it was at a moment.
pub fn board_at(
    connection: &mut DatabaseConnection,
    phase_id: i64,
    moment: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<PastEntry>, DatabaseError> {
    let moment = moment.naive_utc();
    let rows: Vec<PastRow> = entry_history::table
        .inner_join(teams::table)
        .filter(entry_history::phase_id.eq(phase_id))
        .filter(entry_history::at.le(moment))
        .filter(
            entry_history::until
                .is_null()
                .or(entry_history::until.gt(moment)),
        )
        .order((
            entry_history::board_key,
            entry_history::tie,
            entry_history::at,
            entry_history::team_id,
        ))
        .limit(limit)
        .select((
            entry_history::team_id,
            teams::name,
            entry_history::score,
            entry_history::board_key,
            entry_history::tie,
            entry_history::at,
            entry_history::is_baseline,
        ))
        .load(connection)?;
    let (mut position, mut rank, mut level) = (0, 0, None);
    Ok(rows
        .into_iter()
        .map(|(team_id, team, score, key, tie, since, is_baseline)| {
            let rank = (!is_baseline).then(|| {
                position += 1;
                let this = Some((key, tie));
                if level != this {
                    rank = position;
                    level = this;
                }
                rank
            });
            PastEntry {
                rank,
                team_id,
                team,
                score,
                since: since.and_utc(),
            }
        })
        .collect())
}

/// One step of a team's way on the public board.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// When its score became this.
    pub at: DateTime<Utc>,
    /// The score as the board showed it.
    pub score: f64,
    /// The submission that stood for it.
    pub submission_id: i64,
}

/// The name of a team that has stood on a public board of a challenge.
pub fn team_name(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    team_id: i64,
) -> Result<Option<String>, DatabaseError> {
    Ok(entry_history::table
        .inner_join(teams::table)
        .filter(teams::id.eq(team_id))
        .filter(teams::challenge_id.eq(challenge_id))
        .select(teams::name)
        .first(connection)
        .optional()?)
}

/// The most steps that are shown of a team: its newest.
const MOST_STEPS: i64 = 500;

/// How a team's public score changed, oldest first.
pub fn of_team(
    connection: &mut DatabaseConnection,
    phase_id: i64,
    team_id: i64,
) -> Result<Vec<Step>, DatabaseError> {
    let rows: Vec<(NaiveDateTime, f64, i64)> = entry_history::table
        .filter(entry_history::phase_id.eq(phase_id))
        .filter(entry_history::team_id.eq(team_id))
        .order(entry_history::at.desc())
        .limit(MOST_STEPS)
        .select((
            entry_history::at,
            entry_history::score,
            entry_history::submission_id,
        ))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .rev()
        .map(|(at, score, submission_id)| Step {
            at: at.and_utc(),
            score,
            submission_id,
        })
        .collect())
}

/// Moments of a phase's public board, oldest first: its first change, its last, and others evenly between.
pub fn moments(
    connection: &mut DatabaseConnection,
    phase_id: i64,
    most: usize,
) -> Result<Vec<DateTime<Utc>>, DatabaseError> {
    let bounds: (Option<NaiveDateTime>, Option<NaiveDateTime>) = entry_history::table
        .filter(entry_history::phase_id.eq(phase_id))
        .select((
            diesel::dsl::min(entry_history::at),
            diesel::dsl::max(entry_history::at),
        ))
        .first(connection)?;
    let (Some(first), Some(last)) = bounds else {
        return Ok(Vec::new());
    };
    let steps = i32::try_from(most.saturating_sub(1))
        .unwrap_or(i32::MAX)
        .max(1);
    if first == last {
        return Ok(vec![first.and_utc()]);
    }
    let step = (last - first) / steps;
    Ok((0..steps)
        .map(|index| (first + step * index).and_utc())
        .chain([last.and_utc()])
        .collect())
}

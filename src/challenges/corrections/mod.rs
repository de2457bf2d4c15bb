//! Mending an organizer's mistake: a phase gets another solution, metric or scoring program.
//!
//! [`start()`] checks it as posting does and has every submission scored by it beside the board, which stays as
//! it is; `finish` changes all at once when the last one is there; this file tells how far it is and, later,
//! what changed. May touch: what `challenges` may. Start reading at [`Correction`].

mod finish;
mod start;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

pub use finish::{finish_due, take_in};
pub(super) use finish::{keep_outcome, wait_for_switch};
pub use start::{Change, cancel, start};

use super::challenge::{self, ChallengeError, Phase};
use super::draft::SecondaryMetric;
use crate::accounts::permissions::Principal;
use crate::platform::column_types::Json;
use crate::platform::database::{DatabaseConnection, DatabaseError, MultiBackend};
use crate::platform::schema::{correction_scores, corrections, phases, submissions};
use crate::scoring::rule::ScoringRule;
use crate::scoring::worker::{Assignment, SolutionSpec};

/// Why a correction was not begun, found or cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CorrectionError {
    /// There is none of this number in the challenge, or it is not to be seen yet.
    #[error("There is no correction {0} of this challenge.")]
    NotFound(i64),
    /// One at a time, so that each says what it changed.
    #[error("Correction {0} of this phase is under way; wait until it is finished, or cancel it.")]
    UnderWay(i64),
    /// It is finished or was cancelled.
    #[error("Correction {0} is over, so there is nothing to cancel.")]
    Over(i64),
    /// The challenge, or what was sent, is not as it must be.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<diesel::result::Error> for CorrectionError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What a phase's submissions are scored by. Kept from competitors: it says how the solution is split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseTask {
    /// How they are scored.
    pub metric: ScoringRule,
    /// The other metrics.
    pub secondary_metrics: Vec<SecondaryMetric>,
    /// How the solution is read and split.
    pub solution: SolutionSpec,
    /// The content hash of the solution.
    pub solution_sha256: String,
    /// Its rows.
    pub solution_rows: i64,
    /// The content hash of the sample submission.
    pub sample_sha256: String,
    /// Its size.
    pub sample_bytes: u64,
    /// The content hash of the scoring program, where one scores.
    pub program_sha256: Option<String>,
}

impl PhaseTask {
    fn of(phase: &Phase) -> Self {
        Self {
            metric: phase.metric.clone(),
            secondary_metrics: phase.secondary_metrics.clone(),
            solution: phase.solution_format.clone(),
            solution_sha256: phase.solution_sha256.clone(),
            solution_rows: phase.solution_rows,
            sample_sha256: phase.sample_sha256.clone(),
            sample_bytes: phase.sample_bytes,
            program_sha256: phase.program_sha256.clone(),
        }
    }

    /// The same run by this task.
    pub(super) fn given_to(self, mut assignment: Assignment) -> Assignment {
        assignment.task.metric = self.metric;
        assignment.task.secondary = self
            .secondary_metrics
            .into_iter()
            .map(|other| other.metric)
            .collect();
        assignment.solution = self.solution;
        assignment.solution_sha256 = self.solution_sha256;
        assignment.program_sha256 = self.program_sha256;
        assignment
    }
}

/// The task that a correction brings.
pub(super) fn task(
    connection: &mut DatabaseConnection,
    correction_id: i64,
) -> Result<PhaseTask, DatabaseError> {
    let task: Json<PhaseTask> = corrections::table
        .find(correction_id)
        .select(corrections::task)
        .first(connection)?;
    Ok(task.0)
}

/// Where a correction stands.
#[derive(Debug, Clone, PartialEq)]
pub enum CorrectionState {
    /// Submissions are scored by the new task; the board is as it was.
    Running(Progress),
    /// The board changed.
    Finished(DateTime<Utc>, Summary),
    /// It was stopped and nothing changed.
    Cancelled(DateTime<Utc>),
}

/// How far a correction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many submissions have been scored by the new task.
    pub done: i64,
    /// How many must be, as things are.
    pub total: i64,
}

/// What a correction changed on the public board. Nothing of private scores is in it, so everybody may read
/// it while the phase is open.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many submissions were scored anew.
    pub submissions: usize,
    /// How many of them have no score any more, or still none.
    pub without_score: usize,
    /// How many teams were or are on the board.
    pub team_count: usize,
    /// How many of them have another rank.
    pub moved: usize,
    /// By how many ranks a team rose at most.
    pub biggest_rise: i64,
    /// By how many a team fell at most.
    pub biggest_fall: i64,
    /// The first teams of the new board, at most [`MOST_TEAMS`].
    pub teams: Vec<TeamChange>,
    /// The others, each for its own team to see.
    pub others: Vec<TeamChange>,
}

/// How many teams of a correction everybody sees.
pub const MOST_TEAMS: usize = 1_000;

/// A team's place on the public board before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TeamChange {
    /// The team.
    pub team_id: i64,
    /// Its name; empty among [`Summary::others`].
    pub team: String,
    /// Rank and score before; none where it was not on the board.
    pub before: Option<TeamPlace>,
    /// Rank and score now.
    pub after: Option<TeamPlace>,
}

/// A place on the public board.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TeamPlace {
    /// None for baselines.
    pub rank: Option<i64>,
    /// As the board showed it.
    pub score: f64,
}

impl TeamChange {
    /// By how many ranks it rose; negative where it fell, none where it has no two ranks.
    pub fn rise(&self) -> Option<i64> {
        Some(self.before?.rank? - self.after?.rank?)
    }

    fn has_moved(&self) -> bool {
        self.before.map(|place| place.rank) != self.after.map(|place| place.rank)
    }
}

impl Summary {
    /// What it changed for one team.
    pub fn of_team(&self, team_id: i64) -> Option<&TeamChange> {
        let mut all = self.teams.iter().chain(&self.others);
        all.find(|change| change.team_id == team_id)
    }

    /// What it changed, in a sentence.
    pub fn sentence(&self) -> String {
        format!(
            "{} of {} teams have another rank; the biggest rise is {}, the biggest fall {} places. \
             {} submissions were scored anew.",
            self.moved, self.team_count, self.biggest_rise, self.biggest_fall, self.submissions
        )
    }
}

/// A correction of a phase.
#[derive(Debug, Clone, PartialEq)]
pub struct Correction {
    /// The row.
    pub id: i64,
    /// The phase.
    pub phase_id: i64,
    /// Its name.
    pub phase: String,
    /// What competitors are told.
    pub reason: String,
    /// When it was begun.
    pub started_at: DateTime<Utc>,
    /// The metrics before and after.
    pub metric: (ScoringRule, ScoringRule),
    /// Whether the other metrics changed.
    pub other_metrics_changed: bool,
    /// Whether the solution, or how it is read, changed.
    pub solution_changed: bool,
    /// Whether the scoring program changed.
    pub program_changed: bool,
    /// Where it stands.
    pub state: CorrectionState,
}

#[derive(Queryable)]
struct CorrectionRow {
    id: i64,
    phase_id: i64,
    phase: String,
    reason: String,
    task: Json<PhaseTask>,
    previous: Json<PhaseTask>,
    started_at: NaiveDateTime,
    finished_at: Option<NaiveDateTime>,
    cancelled_at: Option<NaiveDateTime>,
    summary: Option<Json<Summary>>,
}

/// The most corrections that are listed: the newest.
const MOST_LISTED: i64 = 50;

/// A challenge's corrections, newest first; those that are not finished are its organizer's alone.
///
/// # Errors
/// A challenge that the caller may not see.
pub fn list(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    slug: &str,
) -> Result<Vec<Correction>, CorrectionError> {
    select(connection, principal, slug, None)
}

/// One of them.
///
/// # Errors
/// [`CorrectionError::NotFound`] too where it is not to be seen yet.
pub fn find(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    slug: &str,
    id: i64,
) -> Result<Correction, CorrectionError> {
    let found = select(connection, principal, slug, Some(id))?;
    found
        .into_iter()
        .next()
        .ok_or(CorrectionError::NotFound(id))
}

/// That a phase's board is another one since a correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The correction.
    pub id: i64,
    /// When the board changed.
    pub at: DateTime<Utc>,
    /// Why.
    pub reason: String,
}

/// The newest correction of a phase that changed its board.
pub fn newest_of(
    connection: &mut DatabaseConnection,
    phase: &Phase,
) -> Result<Option<Notice>, DatabaseError> {
    // Most phases are right the first time: nothing is asked for them.
    if phase.revision == 1 {
        return Ok(None);
    }
    let found: Option<(i64, Option<NaiveDateTime>, String)> = corrections::table
        .filter(corrections::phase_id.eq(phase.id))
        .filter(corrections::finished_at.is_not_null())
        .order(corrections::id.desc())
        .select((
            corrections::id,
            corrections::finished_at,
            corrections::reason,
        ))
        .first(connection)
        .optional()?;
    Ok(found.and_then(|(id, at, reason)| {
        Some(Notice {
            id,
            at: at?.and_utc(),
            reason,
        })
    }))
}

fn select(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    slug: &str,
    id: Option<i64>,
) -> Result<Vec<Correction>, CorrectionError> {
    let (challenge, _) = challenge::find(connection, principal, slug)?;
    let mut query = corrections::table
        .inner_join(phases::table)
        .filter(phases::challenge_id.eq(challenge.id))
        .order(corrections::id.desc())
        .limit(MOST_LISTED)
        .select((
            corrections::id,
            corrections::phase_id,
            phases::name,
            corrections::reason,
            corrections::task,
            corrections::previous,
            corrections::started_at,
            corrections::finished_at,
            corrections::cancelled_at,
            corrections::summary,
        ))
        .into_boxed::<MultiBackend>();
    if let Some(id) = id {
        query = query.filter(corrections::id.eq(id));
    }
    if !principal.may_manage(challenge.owner_id) {
        query = query.filter(corrections::finished_at.is_not_null());
    }
    let rows: Vec<CorrectionRow> = query.load(connection)?;
    rows.into_iter()
        .map(|row| Ok(row.read(connection)?))
        .collect()
}

impl CorrectionRow {
    fn read(self, connection: &mut DatabaseConnection) -> Result<Correction, DatabaseError> {
        let (task, previous) = (self.task.0, self.previous.0);
        let state = match (self.finished_at, self.cancelled_at) {
            (Some(at), _) => {
                let summary = self.summary.map(|summary| summary.0);
                CorrectionState::Finished(at.and_utc(), summary.unwrap_or_default())
            }
            (None, Some(at)) => CorrectionState::Cancelled(at.and_utc()),
            (None, None) => CorrectionState::Running(progress(connection, self.id, self.phase_id)?),
        };
        let solution = |task: &PhaseTask| (task.solution_sha256.clone(), task.solution.clone());
        Ok(Correction {
            id: self.id,
            phase_id: self.phase_id,
            phase: self.phase,
            reason: self.reason,
            started_at: self.started_at.and_utc(),
            other_metrics_changed: task.secondary_metrics != previous.secondary_metrics,
            solution_changed: solution(&task) != solution(&previous),
            program_changed: task.program_sha256 != previous.program_sha256,
            metric: (previous.metric, task.metric),
            state,
        })
    }
}

fn progress(
    connection: &mut DatabaseConnection,
    correction_id: i64,
    phase_id: i64,
) -> Result<Progress, DatabaseError> {
    let done: i64 = correction_scores::table
        .filter(correction_scores::correction_id.eq(correction_id))
        .count()
        .get_result(connection)?;
    let scores = correction_scores::table
        .filter(correction_scores::correction_id.eq(correction_id))
        .filter(correction_scores::submission_id.eq(submissions::id));
    let outstanding: i64 = submissions::table
        .filter(submissions::phase_id.eq(phase_id))
        .filter(finish::is_affected())
        .filter(diesel::dsl::not(diesel::dsl::exists(scores)))
        .count()
        .get_result(connection)?;
    Ok(Progress {
        done,
        total: done + outstanding,
    })
}

//! Runs of a correction end here: their outcomes are kept beside the board, and when every submission that is
//! affected has one, the board changes in one transaction.
//!
//! Locks are taken in the order of the transaction that stores a report: runs, (the correction,) teams, the
//! phase. A run that was handed out by the old task and not yet reported waits again, so that its worker's
//! report is refused and no score by the old task comes after the change.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Timestamp};
use serde::{Deserialize, Serialize};

use super::{MOST_TEAMS, PhaseTask, Summary, TeamChange, TeamPlace};
use crate::challenges::announcements::{self, Written};
use crate::challenges::dispatch::RunError;
use crate::challenges::leaderboard::{self, Board};
use crate::challenges::submissions::SubmissionState;
use crate::challenges::{entries, reports};
use crate::messages::notifications::NotificationKind;
use crate::platform::audit::{self, Act};
use crate::platform::column_types::{Json, json_text};
use crate::platform::database::{Database, DatabaseConnection, DatabaseError};
use crate::platform::schema::{
    challenges, correction_scores, corrections, phases, runs, submissions, teams,
};
use crate::scoring::judge::{Judgement, Outcome};
use crate::scoring::kind::SubmissionKind;
use crate::scoring::queue::{Lease, MAXIMUM_ATTEMPTS, RunState};
use crate::scoring::receipt::ReceiptKey;
use crate::scoring::sandbox::Limits;

/// How many outcomes, teams or rows of the board are held at once.
const BATCH: i64 = 500;

/// What a correction scores anew: all that has a score, all that a wrong solution may have refused, and what
/// failed by the platform, since a broken scoring program shows as that. What failed while a model ran has
/// nothing to do with the solution.
const AFFECTED: &str = "(submissions.state = 'scored' OR (submissions.state = 'failed' \
                        AND submissions.verdict IN ('invalid', 'platform_fault')))";

/// [`AFFECTED`], for queries on submissions.
pub(super) fn is_affected() -> diesel::expression::SqlLiteral<Bool> {
    diesel::dsl::sql::<Bool>(AFFECTED)
}

/// What came of a run, until the board changes.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    lease: Lease,
    judgement: Judgement,
}

/// Keeps what came of a correction's run whose lease was just finished, and changes the board if it was the
/// last. What came to no judgement is tried again, as often as any run.
pub(in crate::challenges) fn keep_outcome(
    connection: &mut DatabaseConnection,
    key: &ReceiptKey,
    now: DateTime<Utc>,
    correction_id: i64,
    (lease, submission_id): (Lease, i64),
    judgement: Judgement,
) -> Result<(), RunError> {
    if running_phase(connection, correction_id)?.is_none() {
        return Ok(());
    }
    let is_judged = judgement.outcome.verdict().is_judged();
    if !is_judged && lease.attempt < MAXIMUM_ATTEMPTS {
        diesel::update(runs::table.find(lease.run_id))
            .set((
                runs::state.eq(RunState::Queued),
                runs::finished_at.eq(None::<chrono::NaiveDateTime>),
            ))
            .execute(connection)?;
        return Ok(());
    }
    diesel::delete(correction_scores::table.find((correction_id, submission_id)))
        .execute(connection)?;
    diesel::insert_into(correction_scores::table)
        .values((
            correction_scores::correction_id.eq(correction_id),
            correction_scores::submission_id.eq(submission_id),
            correction_scores::outcome.eq(json_text(&Kept { lease, judgement })?),
        ))
        .execute(connection)?;
    advance(connection, key, now, correction_id)?;
    Ok(())
}

/// Has a submission that was just scored by the old task scored by the new one too, where its phase is being
/// corrected. Call it in the transaction that stores the score; were it forgotten, the change would still
/// wait for it.
pub fn take_in(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    phase_id: i64,
    submission_id: i64,
) -> Result<(), DatabaseError> {
    let running: Option<(i64, Json<PhaseTask>)> = corrections::table
        .filter(corrections::phase_id.eq(phase_id))
        .filter(corrections::finished_at.is_null())
        .filter(corrections::cancelled_at.is_null())
        .select((corrections::id, corrections::task))
        .first(connection)
        .optional()?;
    if let Some((id, task)) = running {
        let correction = Running { id, phase_id };
        correction.enqueue_missing(connection, now, &task.0, Some(submission_id))?;
    }
    Ok(())
}

/// Waits where the phase of a submission is just being changed, so that its run is handed out by the new task.
pub(in crate::challenges) fn wait_for_switch(
    connection: &mut DatabaseConnection,
    submission_id: i64,
) -> Result<(), DatabaseError> {
    if let DatabaseConnection::Postgres(_) = connection {
        diesel::sql_query(
            "SELECT id FROM phases WHERE id = (SELECT phase_id FROM submissions WHERE id = $1) FOR SHARE",
        )
        .bind::<BigInt, _>(submission_id)
        .execute(connection)?;
    }
    Ok(())
}

/// Goes on with corrections whose last report did not: another transaction was under way, or a run was
/// cancelled. True if workers should be woken.
///
/// # Errors
/// The database could not be asked; the next round tries again.
pub async fn finish_due(
    database: &Database,
    now: DateTime<Utc>,
    key: &Arc<ReceiptKey>,
) -> Result<bool, DatabaseError> {
    let due: Vec<i64> = database
        .read(|connection| {
            let is_idle = diesel::dsl::sql::<Bool>(
                "NOT EXISTS (SELECT 1 FROM runs WHERE runs.correction_id = corrections.id \
                 AND runs.state <> 'finished')",
            );
            Ok::<_, DatabaseError>(
                corrections::table
                    .filter(corrections::finished_at.is_null())
                    .filter(corrections::cancelled_at.is_null())
                    .filter(is_idle)
                    .order(corrections::id)
                    .limit(20)
                    .select(corrections::id)
                    .load(connection)?,
            )
        })
        .await?;
    let mut added = false;
    for id in due {
        let key = Arc::clone(key);
        added |= !database
            .write(move |connection| advance(connection, &key, now, id))
            .await?;
    }
    Ok(added)
}

/// Changes the board if nothing is missing any more, and has scored what is; true if it changed. Call it in a
/// write transaction.
pub(super) fn advance(
    connection: &mut DatabaseConnection,
    key: &ReceiptKey,
    now: DateTime<Utc>,
    correction_id: i64,
) -> Result<bool, DatabaseError> {
    let Some(phase_id) = running_phase(connection, correction_id)? else {
        return Ok(false);
    };
    let correction = Running {
        id: correction_id,
        phase_id,
    };
    let waiting: Option<i64> = runs::table
        .filter(runs::correction_id.eq(correction_id))
        .filter(runs::state.ne(RunState::Finished))
        .select(runs::id)
        .first(connection)
        .optional()?;
    if waiting.is_some() {
        return Ok(false);
    }
    let task = super::task(connection, correction_id)?;
    if correction.enqueue_missing(connection, now, &task, None)? > 0 {
        return Ok(false);
    }
    correction.lock(connection)?;
    // Asked again: a report may have been stored while the locks were waited for.
    if correction.enqueue_missing(connection, now, &task, None)? > 0 {
        return Ok(false);
    }
    correction.switch(connection, key, now, &task)?;
    Ok(true)
}

/// Takes a correction that runs; its phase.
fn running_phase(
    connection: &mut DatabaseConnection,
    correction_id: i64,
) -> Result<Option<i64>, DatabaseError> {
    Ok(diesel::update(
        corrections::table
            .find(correction_id)
            .filter(corrections::finished_at.is_null())
            .filter(corrections::cancelled_at.is_null()),
    )
    .set(corrections::started_at.eq(corrections::started_at))
    .returning(corrections::phase_id)
    .get_result(connection)
    .optional()?)
}

/// A correction that runs and is taken.
struct Running {
    id: i64,
    phase_id: i64,
}

impl Running {
    /// Enqueues runs of those that are affected and have neither an outcome nor a run; how many.
    fn enqueue_missing(
        &self,
        connection: &mut DatabaseConnection,
        now: DateTime<Utc>,
        task: &PhaseTask,
        only: Option<i64>,
    ) -> Result<usize, DatabaseError> {
        let (id, phase_id) = (self.id, self.phase_id);
        let only = only.map_or(String::new(), |id| format!("AND submissions.id = {id}"));
        let program = task.program_sha256.is_some();
        let memory = self.memory_bytes(connection)?;
        let predictions = SubmissionKind::Predictions;
        // Numbers of our own alone; nothing of it comes from outside.
        let added = diesel::sql_query(format!(
            "INSERT INTO runs (submission_id, state, queued_at, kind, needs_sandbox, memory_bytes, rescore, \
                               correction_id) \
             SELECT submissions.id, 'queued', $1, submissions.kind, \
                    submissions.kind <> '{predictions}' OR {program}, \
                    CASE WHEN submissions.kind <> '{predictions}' OR {program} THEN {memory} ELSE 0 END, \
                    TRUE, {id} \
             FROM submissions WHERE submissions.phase_id = {phase_id} AND {AFFECTED} {only} \
               AND NOT EXISTS (SELECT 1 FROM correction_scores WHERE correction_scores.correction_id = {id} \
                               AND correction_scores.submission_id = submissions.id) \
               AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.correction_id = {id} \
                               AND runs.submission_id = submissions.id AND runs.state <> 'finished') \
             ORDER BY submissions.id"
        ))
        .bind::<Timestamp, _>(now.naive_utc())
        .execute(connection)?;
        Ok(added)
    }

    /// The memory that a run in the sandbox may use, as the queue keeps it.
    fn memory_bytes(&self, connection: &mut DatabaseConnection) -> Result<i64, DatabaseError> {
        let limits: Option<Json<Limits>> = phases::table
            .inner_join(challenges::table)
            .filter(phases::id.eq(self.phase_id))
            .select(challenges::run_limits)
            .first(connection)?;
        let bytes = limits
            .map(|limits| limits.0)
            .unwrap_or_default()
            .memory_bytes;
        Ok(i64::try_from(bytes).unwrap_or(i64::MAX))
    }

    /// Takes what reports take, in their order. SQLite's transaction has its only write lock.
    fn lock(&self, connection: &mut DatabaseConnection) -> Result<(), DatabaseError> {
        if let DatabaseConnection::Postgres(_) = connection {
            for taken in [
                "SELECT runs.id FROM runs JOIN submissions ON submissions.id = runs.submission_id \
                 WHERE submissions.phase_id = $1 AND runs.correction_id IS NULL AND runs.state = 'leased' \
                 ORDER BY runs.id FOR NO KEY UPDATE OF runs",
                "SELECT id FROM teams WHERE id IN (SELECT team_id FROM submissions WHERE phase_id = $1) \
                 ORDER BY id FOR NO KEY UPDATE",
                "SELECT id FROM phases WHERE id = $1 FOR NO KEY UPDATE",
            ] {
                diesel::sql_query(taken)
                    .bind::<BigInt, _>(self.phase_id)
                    .execute(connection)?;
            }
        }
        Ok(())
    }

    /// Everything changes.
    fn switch(
        &self,
        connection: &mut DatabaseConnection,
        key: &ReceiptKey,
        now: DateTime<Utc>,
        task: &PhaseTask,
    ) -> Result<(), DatabaseError> {
        let before = places(connection, self.phase_id)?;
        diesel::update(phases::table.find(self.phase_id))
            .set((
                phases::metric.eq(task.metric.to_string()),
                phases::secondary_metrics.eq(json_text(&task.secondary_metrics)?),
                phases::solution_format.eq(json_text(&task.solution)?),
                phases::solution_sha256.eq(&task.solution_sha256),
                phases::solution_rows.eq(task.solution_rows),
                phases::sample_sha256.eq(&task.sample_sha256),
                phases::sample_bytes.eq(i64::try_from(task.sample_bytes).unwrap_or(i64::MAX)),
                phases::program_sha256.eq(&task.program_sha256),
                phases::revision.eq(phases::revision + 1),
                phases::standings_stale.eq(true),
                phases::settled_at.eq(None::<chrono::NaiveDateTime>),
            ))
            .execute(connection)?;
        self.hand_out_again(connection, task)?;
        let mut summary = Summary::default();
        self.apply_outcomes(connection, key, now, &mut summary)?;
        self.recompute_entries(connection, now)?;
        compare(connection, self.phase_id, before, &mut summary)?;
        diesel::update(corrections::table.find(self.id))
            .set((
                corrections::finished_at.eq(now.naive_utc()),
                corrections::summary.eq(json_text(&summary)?),
            ))
            .execute(connection)?;
        self.tell(connection, now, &summary)
    }

    /// Runs that wait or are under way by the old task are handed out by the new one.
    fn hand_out_again(
        &self,
        connection: &mut DatabaseConnection,
        task: &PhaseTask,
    ) -> Result<(), DatabaseError> {
        let of_phase = submissions::table
            .filter(submissions::phase_id.eq(self.phase_id))
            .select(submissions::id);
        let unfinished = runs::table
            .filter(runs::submission_id.eq_any(of_phase))
            .filter(runs::correction_id.is_null());
        diesel::update(unfinished.filter(runs::state.eq(RunState::Leased)))
            .set(runs::state.eq(RunState::Queued))
            .execute(connection)?;
        let memory = self.memory_bytes(connection)?;
        let program = task.program_sha256.is_some();
        diesel::update(
            unfinished
                .filter(runs::state.eq(RunState::Queued))
                .filter(runs::kind.eq(SubmissionKind::Predictions)),
        )
        .set((
            runs::needs_sandbox.eq(program),
            runs::memory_bytes.eq(if program { memory } else { 0 }),
        ))
        .execute(connection)?;
        diesel::update(
            submissions::table
                .filter(submissions::phase_id.eq(self.phase_id))
                .filter(submissions::state.eq(SubmissionState::Running)),
        )
        .set(submissions::state.eq(SubmissionState::Queued))
        .execute(connection)?;
        Ok(())
    }

    fn apply_outcomes(
        &self,
        connection: &mut DatabaseConnection,
        key: &ReceiptKey,
        now: DateTime<Utc>,
        summary: &mut Summary,
    ) -> Result<(), DatabaseError> {
        let mut last = 0;
        loop {
            let batch: Vec<(i64, Json<Kept>, SubmissionState)> = correction_scores::table
                .inner_join(submissions::table)
                .filter(correction_scores::correction_id.eq(self.id))
                .filter(correction_scores::submission_id.gt(last))
                .order(correction_scores::submission_id)
                .limit(BATCH)
                .select((
                    correction_scores::submission_id,
                    correction_scores::outcome,
                    submissions::state,
                ))
                .load(connection)?;
            let Some((newest, ..)) = batch.last() else {
                return Ok(());
            };
            last = *newest;
            for (submission_id, kept, state) in batch {
                // Sent again since: its own run, which waits, judges it by the new task.
                if matches!(state, SubmissionState::Queued | SubmissionState::Running) {
                    continue;
                }
                let Kept { lease, judgement } = kept.0;
                let before = reports::as_received(reports::reported(connection, submission_id)?);
                let run = (lease, submission_id);
                let outcome = &judgement.outcome;
                reports::apply(connection, key, run, &before, &judgement, outcome, now)?;
                summary.submissions += 1;
                summary.without_score += usize::from(matches!(outcome, Outcome::Failed { .. }));
            }
        }
    }

    fn recompute_entries(
        &self,
        connection: &mut DatabaseConnection,
        now: DateTime<Utc>,
    ) -> Result<(), DatabaseError> {
        let mut last = 0;
        loop {
            let batch: Vec<i64> = submissions::table
                .filter(submissions::phase_id.eq(self.phase_id))
                .filter(submissions::team_id.gt(last))
                .order(submissions::team_id)
                .select(submissions::team_id)
                .distinct()
                .limit(BATCH)
                .load(connection)?;
            let Some(newest) = batch.last() else {
                return Ok(());
            };
            last = *newest;
            for team_id in batch {
                diesel::update(teams::table.find(team_id))
                    .set(teams::revision.eq(teams::revision + 1))
                    .execute(connection)?;
                entries::recompute_entry(connection, now, self.phase_id, team_id)?;
            }
        }
    }

    /// Announces what changed, and writes it down.
    fn tell(
        &self,
        connection: &mut DatabaseConnection,
        now: DateTime<Utc>,
        summary: &Summary,
    ) -> Result<(), DatabaseError> {
        type Row = (i64, String, String, String, String);
        let (challenge_id, slug, title, phase, reason): Row = corrections::table
            .inner_join(phases::table.inner_join(challenges::table))
            .filter(corrections::id.eq(self.id))
            .select((
                challenges::id,
                challenges::slug,
                challenges::title,
                phases::name,
                corrections::reason,
            ))
            .first(connection)?;
        let id = self.id;
        let body = format!(
            "{reason}\n\n{} [What changed for each team](/challenges/{slug}/corrections/{id})",
            summary.sentence()
        );
        let written = Written {
            challenge_id,
            slug: &slug,
            challenge: &title,
            kind: NotificationKind::ScoreChanged,
            author_id: None,
            title: &format!("{phase} was corrected"),
            body: &body,
        };
        announcements::insert(connection, now, &written)?;
        let act = Act {
            actor_id: None,
            action: "phase.corrected",
            subject: &format!("challenge:{slug}"),
            challenge_id: Some(challenge_id),
            detail: &format!("correction {id} of phase {phase}: {}", summary.sentence()),
        };
        audit::record(connection, now, &act)
    }
}

/// The places of all teams on the public board: three numbers for each.
fn places(
    connection: &mut DatabaseConnection,
    phase_id: i64,
) -> Result<HashMap<i64, TeamPlace>, DatabaseError> {
    let mut places = HashMap::new();
    let mut after = None;
    loop {
        let page = leaderboard::page(connection, phase_id, Board::Public, after.as_ref(), BATCH)?;
        places.extend(page.entries.into_iter().map(|entry| {
            let (rank, score) = (entry.rank, entry.score);
            (entry.team_id, TeamPlace { rank, score })
        }));
        after = page.next;
        if after.is_none() {
            return Ok(places);
        }
    }
}

/// Adds what changed on the board: the teams on it in their new order, then those that were taken off it.
fn compare(
    connection: &mut DatabaseConnection,
    phase_id: i64,
    mut before: HashMap<i64, TeamPlace>,
    summary: &mut Summary,
) -> Result<(), DatabaseError> {
    let mut after = None;
    loop {
        let page = leaderboard::page(connection, phase_id, Board::Public, after.as_ref(), BATCH)?;
        for entry in page.entries {
            let change = TeamChange {
                before: before.remove(&entry.team_id),
                after: Some(TeamPlace {
                    rank: entry.rank,
                    score: entry.score,
                }),
                team_id: entry.team_id,
                team: entry.team,
            };
            summary.add(change);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut gone: Vec<(i64, TeamPlace)> = before.into_iter().collect();
    gone.sort_unstable_by_key(|(team_id, _)| *team_id);
    for (team_id, place) in gone {
        let team = teams::table
            .find(team_id)
            .select(teams::name)
            .first(connection)?;
        summary.add(TeamChange {
            team_id,
            team,
            before: Some(place),
            after: None,
        });
    }
    Ok(())
}

impl Summary {
    fn add(&mut self, change: TeamChange) {
        self.team_count += 1;
        self.moved += usize::from(change.has_moved());
        let rise = change.rise().unwrap_or_default();
        self.biggest_rise = self.biggest_rise.max(rise);
        self.biggest_fall = self.biggest_fall.max(-rise);
        if self.teams.len() < MOST_TEAMS {
            self.teams.push(change);
        } else {
            let team = String::new();
            self.others.push(TeamChange { team, ..change });
        }
    }
}

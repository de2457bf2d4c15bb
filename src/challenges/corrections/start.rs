//! Beginning a correction, and stopping it.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use tempfile::NamedTempFile;

use super::{CorrectionError, PhaseTask, finish};
use crate::accounts::permissions::Principal;
use crate::challenges::bundle::PhaseFiles;
use crate::challenges::challenge::{self, Challenge, ChallengeError, Phase, invalid};
use crate::challenges::dispatch::Dispatch;
use crate::challenges::draft::{PhaseDraft, SecondaryMetric};
use crate::challenges::posting::{self, unstored};
use crate::platform::audit::{self, Act};
use crate::platform::column_types::json_text;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{corrections, phases, runs};
use crate::platform::storage::{Area, Storage};
use crate::scoring::queue::RunState;
use crate::scoring::rule::ScoringRule;
use crate::scoring::worker::SolutionSpec;

/// The longest reason, in characters.
const LONGEST_REASON: usize = 2_000;

/// What an organizer corrects. What is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The phase's name.
    pub phase: String,
    /// Why, for competitors to read.
    pub reason: String,
    /// The new solution, on this machine.
    pub solution: Option<PathBuf>,
    /// How the solution is read and split.
    pub solution_format: Option<SolutionSpec>,
    /// The new metric.
    pub metric: Option<ScoringRule>,
    /// All of the other metrics.
    pub secondary_metrics: Option<Vec<SecondaryMetric>>,
    /// The new scoring program, on this machine.
    pub program: Option<PathBuf>,
}

/// Checks a correction as a challenge is checked when it is posted, and has every submission of the phase
/// scored by it; returns its number. Until the last one is, the board stays as it is.
///
/// # Errors
/// [`CorrectionError`], with nothing begun.
pub async fn start(
    dispatch: &Dispatch,
    principal: &Principal,
    slug: &str,
    change: Change,
) -> Result<i64, CorrectionError> {
    let reason = change.reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        let problem = format!("tell competitors why, in 1 to {LONGEST_REASON} characters");
        return Ok(invalid("reason", problem)?);
    }
    let (who, asked) = (principal.clone(), slug.to_owned());
    let (challenge, phases) = dispatch
        .database
        .read(move |connection| {
            challenge::find_managed(connection, &who, &asked)?;
            challenge::find(connection, &who, &asked)
        })
        .await?;
    let found = (0..)
        .zip(phases)
        .find(|(_, phase)| phase.name == change.phase);
    let Some((index, phase)) = found else {
        let problem = format!("the challenge has no phase `{}`", change.phase);
        return Ok(invalid("phase", problem)?);
    };
    let task = checked(&dispatch.storage, &challenge, &phase, index, &change).await?;
    if task == PhaseTask::of(&phase) {
        return Ok(invalid(
            "solution",
            "this is what the phase is scored by already",
        )?);
    }
    let begun = Begun {
        who: principal.clone(),
        slug: slug.to_owned(),
        phase,
        task,
        reason,
    };
    let (now, key) = (dispatch.clock.now(), dispatch.receipt_key.clone());
    let id = dispatch
        .database
        .write(move |connection| {
            let id = begin(connection, now, &begun)?;
            finish::advance(connection, &key, now, id)?;
            Ok::<_, CorrectionError>(id)
        })
        .await?;
    dispatch.arrivals.notify_waiters();
    Ok(id)
}

/// Tries the phase as it shall be with all of its files, new and old, and stores the new ones.
async fn checked(
    storage: &Storage,
    challenge: &Challenge,
    phase: &Phase,
    index: usize,
    change: &Change,
) -> Result<PhaseTask, ChallengeError> {
    let metric = change.metric.clone().unwrap_or(phase.metric.clone());
    let draft = PhaseDraft {
        name: phase.name.clone(),
        starts_at: phase.starts_at,
        ends_at: phase.ends_at,
        secondary_metrics: match &change.secondary_metrics {
            Some(others) => others.clone(),
            // What was second may become first.
            None => {
                let others = phase.secondary_metrics.iter();
                others
                    .filter(|other| other.metric != metric)
                    .cloned()
                    .collect()
            }
        },
        submissions_per_day: phase.limits.per_day,
        submissions_total: phase.limits.total,
        max_bytes: phase.max_bytes,
        solution: change
            .solution_format
            .clone()
            .unwrap_or(phase.solution_format.clone()),
        features_file: None,
        features_hidden: phase
            .features
            .as_ref()
            .is_some_and(|features| features.hidden),
        grace_minutes: 0,
        late: phase.late,
        carry_over: phase.carry_over,
        ladder: Some(phase.ladder),
        public_digits: phase.public_digits,
        metric,
    };
    let field = |name: &str| name.to_owned();
    draft.check_board(&field)?;
    let needs_program = draft.metric.program().is_some();
    if change.program.is_some() && !needs_program {
        return invalid(
            "program",
            "the metric names none; leave it away, or write `program:…`",
        );
    }
    let mut kept = Vec::new();
    let solution = match &change.solution {
        Some(path) => path.clone(),
        None => fetched(storage, Area::Hidden, &phase.solution_sha256, &mut kept).await?,
    };
    let features = match &phase.features {
        Some(features) => {
            Some(fetched(storage, features.area(), &features.sha256, &mut kept).await?)
        }
        None => None,
    };
    let program = match (&change.program, &phase.program_sha256) {
        (Some(path), _) => Some(path.clone()),
        (None, Some(sha256)) if needs_program => {
            Some(fetched(storage, Area::Hidden, sha256, &mut kept).await?)
        }
        (None, None) if needs_program => {
            return invalid("program", "send the scoring program that this metric names");
        }
        _ => None,
    };
    let files = PhaseFiles {
        solution: Some(solution),
        features,
        program,
    };
    let format = &challenge.prediction_format;
    let onnx = challenge.onnx.as_ref();
    let stored = posting::check_and_store(storage, &draft, format, onnx, files, index)
        .await
        .map_err(without_index)?;
    Ok(PhaseTask {
        metric: draft.metric,
        secondary_metrics: draft.secondary_metrics,
        solution: draft.solution,
        solution_sha256: stored.solution.sha256,
        solution_rows: i64::try_from(stored.rows).unwrap_or(i64::MAX),
        sample_sha256: stored.sample.sha256,
        sample_bytes: stored.sample.bytes,
        program_sha256: stored.program.map(|program| program.sha256),
    })
}

/// A stored file on this machine, for as long as `kept` is.
async fn fetched(
    storage: &Storage,
    area: Area,
    sha256: &str,
    kept: &mut Vec<NamedTempFile>,
) -> Result<PathBuf, ChallengeError> {
    let local = NamedTempFile::new().map_err(|error| unstored(error.into()))?;
    let copied = storage.copy_to_file(area, sha256, local.path()).await;
    copied.map_err(unstored)?;
    let path = local.path().to_owned();
    kept.push(local);
    Ok(path)
}

/// One phase is corrected, so its number says nothing.
fn without_index(error: ChallengeError) -> ChallengeError {
    match error {
        ChallengeError::Invalid { field, problem } => ChallengeError::Invalid {
            field: match field.split_once("].") {
                Some((_, field)) => field.to_owned(),
                None => field,
            },
            problem,
        },
        error => error,
    }
}

/// A correction that was checked.
struct Begun {
    who: Principal,
    slug: String,
    phase: Phase,
    task: PhaseTask,
    reason: String,
}

fn begin(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    begun: &Begun,
) -> Result<i64, CorrectionError> {
    let (slug, phase_id) = (&begun.slug, begun.phase.id);
    let challenge = challenge::find_managed(connection, &begun.who, slug)?;
    // Taken, so that of two that begin at once one finds the other.
    diesel::update(phases::table.find(phase_id))
        .set(phases::entry_count.eq(phases::entry_count))
        .execute(connection)?;
    let under_way: Option<i64> = corrections::table
        .filter(corrections::phase_id.eq(phase_id))
        .filter(corrections::finished_at.is_null())
        .filter(corrections::cancelled_at.is_null())
        .select(corrections::id)
        .first(connection)
        .optional()?;
    if let Some(id) = under_way {
        return Err(CorrectionError::UnderWay(id));
    }
    let revision: i32 = phases::table
        .find(phase_id)
        .select(phases::revision)
        .first(connection)?;
    if revision != begun.phase.revision {
        let problem = "the phase was corrected in the meantime; look at it again";
        return Ok(invalid("phase", problem)?);
    }
    let Some(author) = begun.who.user() else {
        return Err(ChallengeError::NotYours.into());
    };
    let id: i64 = diesel::insert_into(corrections::table)
        .values((
            corrections::phase_id.eq(phase_id),
            corrections::author_id.eq(author.id),
            corrections::reason.eq(&begun.reason),
            corrections::task.eq(json_text(&begun.task)?),
            corrections::previous.eq(json_text(&PhaseTask::of(&begun.phase))?),
            corrections::started_at.eq(now.naive_utc()),
        ))
        .returning(corrections::id)
        .get_result(connection)?;
    let detail = format!(
        "correction {id} of phase {}: {}",
        begun.phase.name, begun.reason
    );
    let of = (challenge.id, slug.as_str());
    record(connection, now, &begun.who, "phase.correct", of, &detail)?;
    Ok(id)
}

fn record(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    who: &Principal,
    action: &str,
    (challenge_id, slug): (i64, &str),
    detail: &str,
) -> Result<(), DatabaseError> {
    let act = Act {
        actor_id: who.user().map(|user| user.id),
        action,
        subject: &format!("challenge:{slug}"),
        challenge_id: Some(challenge_id),
        detail,
    };
    audit::record(connection, now, &act)
}

/// Stops a correction while it runs; nothing changes. Call it in a write transaction.
///
/// # Errors
/// [`CorrectionError::Over`] where the board changed already, or it was cancelled before.
pub fn cancel(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    id: i64,
) -> Result<(), CorrectionError> {
    let challenge = challenge::find_managed(connection, principal, slug)?;
    super::find(connection, principal, slug, id)?;
    // Runs before their correction: in the order of the transaction that stores a report.
    end_runs(connection, now, id)?;
    let cancelled = diesel::update(
        corrections::table
            .find(id)
            .filter(corrections::finished_at.is_null())
            .filter(corrections::cancelled_at.is_null()),
    )
    .set(corrections::cancelled_at.eq(now.naive_utc()))
    .execute(connection)?;
    if cancelled == 0 {
        return Err(CorrectionError::Over(id));
    }
    // And those that were added while the first were ended.
    end_runs(connection, now, id)?;
    let of = (challenge.id, slug);
    let detail = format!("correction {id}");
    Ok(record(
        connection,
        now,
        principal,
        "phase.correct.cancel",
        of,
        &detail,
    )?)
}

fn end_runs(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    id: i64,
) -> Result<(), DatabaseError> {
    diesel::update(
        runs::table
            .filter(runs::correction_id.eq(id))
            .filter(runs::state.ne(RunState::Finished)),
    )
    .set((
        runs::state.eq(RunState::Finished),
        runs::finished_at.eq(now.naive_utc()),
    ))
    .execute(connection)?;
    Ok(())
}

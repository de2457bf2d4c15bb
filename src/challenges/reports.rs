//! What came of a run, stored once: the scores, the verdict, the entry, the logs.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::challenge::readable;
use super::dispatch::RunError;
use super::leaderboard::{self, FiniteScores};
use super::submissions::SubmissionState;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{phases, run_logs, submissions, teams};
use crate::scoring::judge::{Judgement, Outcome};
use crate::scoring::kind::SubmissionKind;
use crate::scoring::queue::{self, Lease};
use crate::scoring::rule::ScoringRule;
use crate::scoring::verdict::Verdict;

/// A run that ended, for the counters: they are told after the transaction, which may yet fail.
pub(super) struct Finished {
    verdict: Verdict,
    received_at: DateTime<Utc>,
}

impl Finished {
    /// Counts it.
    pub(super) fn count(&self, now: DateTime<Utc>) {
        metrics::counter!("paddock_runs_finished_total", "verdict" => self.verdict.as_str())
            .increment(1);
        let waited = (now - self.received_at).to_std().unwrap_or_default();
        metrics::histogram!("paddock_received_to_finished_seconds", "verdict" => self.verdict.as_str())
            .record(waited.as_secs_f64());
    }
}

/// What a competitor reads where the features are hidden: nothing of what the code itself said.
const WITHHELD: &str = "The features of this phase are hidden, so what your code printed, and what exactly was \
                        wrong with its predictions, is not shown. Try it on features of your own first.";

/// The transaction that ends a run. Refuses, and stores nothing, unless the lease is the newest.
pub(super) fn store(
    connection: &mut DatabaseConnection,
    lease: Lease,
    judgement: &Judgement,
    now: DateTime<Utc>,
) -> Result<Finished, RunError> {
    let submission_id = queue::submission_of(connection, lease)?.ok_or(RunError::LeaseLost)?;
    if !queue::finish(connection, lease)? {
        return Err(RunError::LeaseLost);
    }
    type Row = (i64, i64, SubmissionKind, String, bool, NaiveDateTime);
    let (phase_id, team_id, kind, metric, features_hidden, received_at): Row = submissions::table
        .inner_join(phases::table)
        .filter(submissions::id.eq(submission_id))
        .select((
            submissions::phase_id,
            submissions::team_id,
            submissions::kind,
            phases::metric,
            phases::features_hidden,
            submissions::received_at,
        ))
        .first(connection)?;
    diesel::update(teams::table.find(team_id))
        .set(teams::revision.eq(teams::revision + 1))
        .execute(connection)?;
    let verdict = match &judgement.outcome {
        Outcome::Scored { public, private } => match FiniteScores::new(*public, *private) {
            Some(scores) => {
                diesel::update(submissions::table.find(submission_id))
                    .set((
                        submissions::state.eq(SubmissionState::Scored),
                        submissions::verdict.eq(Verdict::Ok),
                        submissions::scored_at.eq(now.naive_utc()),
                        submissions::public_score.eq(scores.public()),
                        submissions::private_score.eq(scores.private()),
                    ))
                    .execute(connection)?;
                let rule: ScoringRule = readable(metric.parse())?;
                leaderboard::enter(
                    connection,
                    phase_id,
                    team_id,
                    submission_id,
                    scores,
                    rule.direction(),
                    now,
                )?;
                Verdict::Ok
            }
            None => {
                let reason = "The metric has no finite value for these predictions.";
                let failure = Failure {
                    verdict: Verdict::Invalid,
                    kind,
                    reason,
                    line: None,
                    column: None,
                };
                fail(connection, submission_id, &failure)?
            }
        },
        Outcome::Failed {
            verdict,
            reason,
            line,
            column,
        } => {
            if *verdict == Verdict::PlatformFault {
                tracing::error!(submission_id, reason, "a submission could not be scored");
            }
            // A limit's or a rejected file's reason is ours alone; these two quote the submission.
            let quotes = matches!(verdict, Verdict::RuntimeError | Verdict::Invalid);
            let withheld = quotes && features_hidden && kind.is_model();
            let failure = Failure {
                verdict: *verdict,
                kind,
                reason: if withheld { WITHHELD } else { reason },
                line: line
                    .filter(|_| !withheld)
                    .and_then(|line| i64::try_from(line).ok()),
                column: column.as_deref().filter(|_| !withheld),
            };
            fail(connection, submission_id, &failure)?
        }
    };
    keep_account(connection, submission_id, judgement)?;
    Ok(Finished {
        verdict,
        received_at: received_at.and_utc(),
    })
}

/// Keeps what a run used and printed. Who may see the logs, the submission's page decides.
fn keep_account(
    connection: &mut DatabaseConnection,
    submission_id: i64,
    judgement: &Judgement,
) -> Result<(), DatabaseError> {
    if let Some(usage) = &judgement.usage {
        diesel::update(submissions::table.find(submission_id))
            .set((
                submissions::cpu_seconds.eq(usage.cpu_seconds),
                submissions::wall_seconds.eq(usage.wall_seconds),
                submissions::peak_memory_bytes
                    .eq(i64::try_from(usage.peak_memory_bytes).unwrap_or(i64::MAX)),
            ))
            .execute(connection)?;
    }
    let Some(logs) = &judgement.logs else {
        return Ok(());
    };
    // Neither database keeps a NUL in a text.
    let text = |text: &str| text.replace('\0', "\u{fffd}");
    diesel::delete(run_logs::table.find(submission_id)).execute(connection)?;
    let stderr = match &judgement.outcome {
        Outcome::Failed { reason, .. } => format!("{}\n[{reason}]", logs.stderr),
        Outcome::Scored { .. } => logs.stderr.clone(),
    };
    diesel::insert_into(run_logs::table)
        .values((
            run_logs::submission_id.eq(submission_id),
            run_logs::stdout.eq(text(&logs.stdout)),
            run_logs::stderr.eq(text(&stderr)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Why a submission has no score.
struct Failure<'a> {
    verdict: Verdict,
    kind: SubmissionKind,
    reason: &'a str,
    line: Option<i64>,
    column: Option<&'a str>,
}

/// Ends a submission without a score. It gives its place of the limits back, whoever's fault it was,
/// unless a model was run: each such run tells a bit of the hidden features, so they must not be
/// without number.
fn fail(
    connection: &mut DatabaseConnection,
    submission_id: i64,
    failure: &Failure<'_>,
) -> Result<Verdict, DatabaseError> {
    let was_run = failure.kind.is_model() && failure.verdict != Verdict::Rejected;
    diesel::update(submissions::table.find(submission_id))
        .set((
            submissions::state.eq(SubmissionState::Failed),
            submissions::counts.eq(was_run && failure.verdict.is_competitors()),
            submissions::verdict.eq(failure.verdict),
            submissions::reason.eq(failure.reason),
            submissions::error_line.eq(failure.line),
            submissions::error_column.eq(failure.column),
        ))
        .execute(connection)?;
    Ok(failure.verdict)
}

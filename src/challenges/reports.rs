//! What came of a run, stored once: the scores, the verdict, the entry, the logs.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::corrections;
use super::dispatch::RunError;
use super::entries;
use super::flags::{Suspect, flag_near_identical};
use super::leaderboard::FiniteScores;
use super::receipts;
use super::submissions::SubmissionState;
use super::teams;
use crate::platform::column_types::json_text;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{phases, run_logs, submission_evidence, submissions};
use crate::scoring::evidence::Evidence;
use crate::scoring::intervals::Replicates;
use crate::scoring::judge::{Judgement, Outcome};
use crate::scoring::kind::SubmissionKind;
use crate::scoring::queue::{self, Lease};
use crate::scoring::receipt::ReceiptKey;
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

/// What is known of a submission when its run is reported.
#[derive(Queryable)]
pub(super) struct Reported {
    challenge_id: i64,
    phase_id: i64,
    team_id: i64,
    kind: SubmissionKind,
    features_hidden: bool,
    state: SubmissionState,
    received_at: NaiveDateTime,
    scored_at: Option<NaiveDateTime>,
}

/// The submission of a run, in a transaction that stores what came of it.
pub(super) fn reported(
    connection: &mut DatabaseConnection,
    submission_id: i64,
) -> Result<Reported, DatabaseError> {
    Ok(submissions::table
        .inner_join(phases::table)
        .filter(submissions::id.eq(submission_id))
        .select((
            submissions::challenge_id,
            submissions::phase_id,
            submissions::team_id,
            submissions::kind,
            phases::features_hidden,
            submissions::state,
            submissions::received_at,
            submissions::scored_at,
        ))
        .first(connection)?)
}

/// The transaction that ends a run. Refuses, and stores nothing, unless the lease is the newest. What is
/// scored anew and comes to no judgement keeps what it had.
pub(super) fn store(
    connection: &mut DatabaseConnection,
    key: &ReceiptKey,
    lease: Lease,
    judgement: &Judgement,
    now: DateTime<Utc>,
) -> Result<Finished, RunError> {
    let submission_id = queue::submission_of(connection, lease)?.ok_or(RunError::LeaseLost)?;
    if !queue::finish(connection, lease)? {
        return Err(RunError::LeaseLost);
    }
    let before = reported(connection, submission_id)?;
    if let Some(correction_id) = queue::correction_of(connection, lease)? {
        let judgement = Judgement {
            outcome: finite(&judgement.outcome),
            ..judgement.clone()
        };
        let verdict = judgement.outcome.verdict();
        let received_at = before.received_at.and_utc();
        let run = (lease, submission_id);
        corrections::keep_outcome(connection, key, now, correction_id, run, judgement)?;
        return Ok(Finished {
            verdict,
            received_at,
        });
    }
    teams::lock_team_of(connection, submission_id)?;
    // Asked again under the lock: another run or act may have changed it meanwhile.
    let before = reported(connection, submission_id)?;
    let outcome = finite(&judgement.outcome);
    let finished = Finished {
        verdict: outcome.verdict(),
        received_at: before.received_at.and_utc(),
    };
    if finished.verdict == Verdict::PlatformFault {
        tracing::error!(submission_id, ?outcome, "a submission could not be scored");
    }
    let had_a_score = before.state == SubmissionState::Scored;
    if had_a_score && !finished.verdict.is_judged() {
        return Ok(finished);
    }
    let run = (lease, submission_id);
    let scores = apply(connection, key, run, &before, judgement, &outcome, now)?;
    if had_a_score || scores.is_some() {
        entries::recompute_entry(connection, now, before.phase_id, before.team_id)?;
    }
    let fingerprint = judgement.evidence.as_ref();
    if let (Some(_), Some(fingerprint)) = (
        scores,
        fingerprint.and_then(|evidence| evidence.fingerprint.as_ref()),
    ) {
        let suspect = Suspect {
            challenge_id: before.challenge_id,
            phase_id: before.phase_id,
            team_id: before.team_id,
            submission_id,
        };
        flag_near_identical(connection, now, suspect, fingerprint)?;
    }
    corrections::take_in(connection, now, before.phase_id, submission_id)?;
    Ok(finished)
}

/// Writes what came of a run to its submission, with a receipt. The team's entry is for the caller to make
/// anew.
pub(super) fn apply(
    connection: &mut DatabaseConnection,
    key: &ReceiptKey,
    (lease, submission_id): (Lease, i64),
    before: &Reported,
    judgement: &Judgement,
    outcome: &Outcome,
    now: DateTime<Utc>,
) -> Result<Option<FiniteScores>, DatabaseError> {
    let scores = match outcome {
        Outcome::Scored { public, private } => FiniteScores::new(*public, *private),
        Outcome::Failed { .. } => None,
    };
    match scores {
        None => fail(connection, submission_id, before, outcome)?,
        Some(scores) => {
            // Scored anew it keeps its time, so that the order of the workers decides no tie.
            let scored_at = before.scored_at.unwrap_or(now.naive_utc());
            diesel::update(submissions::table.find(submission_id))
                .set((
                    submissions::state.eq(SubmissionState::Scored),
                    submissions::verdict.eq(Verdict::Ok),
                    submissions::scored_at.eq(scored_at),
                    submissions::public_score.eq(scores.public()),
                    submissions::private_score.eq(scores.private()),
                ))
                .execute(connection)?;
        }
    }
    if let (Some(_), Some(evidence)) = (scores, &judgement.evidence) {
        keep_evidence(connection, submission_id, evidence)?;
    }
    keep_account(connection, submission_id, judgement)?;
    receipts::issue(
        connection,
        key,
        (lease, submission_id),
        judgement,
        (outcome.verdict(), scores),
        now,
    )?;
    Ok(scores)
}

/// Scored first by a correction, a submission stands as if it had been scored when it was received.
pub(super) fn as_received(before: Reported) -> Reported {
    Reported {
        scored_at: before.scored_at.or(Some(before.received_at)),
        ..before
    }
}

/// The same outcome, but for scores that are no numbers: those are not any (law 4).
fn finite(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Scored { public, private } if FiniteScores::new(*public, *private).is_none() => {
            let reason = "The metric has no finite value for these predictions.";
            Outcome::failed(Verdict::Invalid, reason)
        }
        outcome => outcome.clone(),
    }
}

/// Keeps what a score says beside its value.
fn keep_evidence(
    connection: &mut DatabaseConnection,
    submission_id: i64,
    evidence: &Evidence,
) -> Result<(), DatabaseError> {
    diesel::delete(submission_evidence::table.find(submission_id)).execute(connection)?;
    let replicates = evidence.replicates.as_ref().map(Replicates::to_text);
    let fingerprint = evidence.fingerprint.as_ref().map(ToString::to_string);
    diesel::insert_into(submission_evidence::table)
        .values((
            submission_evidence::submission_id.eq(submission_id),
            submission_evidence::replicates.eq(replicates),
            submission_evidence::fingerprint.eq(fingerprint),
            submission_evidence::secondary.eq(json_text(&evidence.secondary)?),
        ))
        .execute(connection)?;
    Ok(())
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

/// Ends a submission without a score. It gives its place of the limits back, whoever's fault it was,
/// unless a model was run: each such run tells a bit of the hidden features, so they must not be
/// without number.
fn fail(
    connection: &mut DatabaseConnection,
    submission_id: i64,
    before: &Reported,
    outcome: &Outcome,
) -> Result<(), DatabaseError> {
    let Outcome::Failed {
        verdict,
        reason,
        line,
        column,
    } = outcome
    else {
        return Ok(());
    };
    // A limit's or a rejected file's reason is ours alone; these two quote the submission.
    let quotes = matches!(verdict, Verdict::RuntimeError | Verdict::Invalid);
    let withheld = quotes && before.features_hidden && before.kind.is_model();
    let line = line.and_then(|line| i64::try_from(line).ok());
    let was_run = before.kind.is_model() && *verdict != Verdict::Rejected;
    diesel::update(submissions::table.find(submission_id))
        .set((
            submissions::state.eq(SubmissionState::Failed),
            submissions::counts.eq(was_run && verdict.is_competitors()),
            submissions::verdict.eq(*verdict),
            submissions::reason.eq(if withheld { WITHHELD } else { reason }),
            submissions::error_line.eq(line.filter(|_| !withheld)),
            submissions::error_column.eq(column.as_deref().filter(|_| !withheld)),
            submissions::scored_at.eq(None::<NaiveDateTime>),
            submissions::public_score.eq(None::<f64>),
            submissions::private_score.eq(None::<f64>),
        ))
        .execute(connection)?;
    Ok(())
}

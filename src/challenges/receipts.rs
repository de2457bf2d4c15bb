//! Receipts: signed in the transaction that stores the outcome, and shown to the team and the organizer,
//! and to everybody where the team wants it and the challenge is over.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::challenge::{self, ChallengeError};
use super::leaderboard::FiniteScores;
use super::membership;
use super::submissions::{self, SubmissionDetail};
use crate::accounts::permissions::Principal;
use crate::platform::audit::{self, Act};
use crate::platform::column_types::{Json, json_text};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{
    challenges, datasets, phases, public_receipts, receipts, releases, submissions as rows,
};
use crate::scoring::judge::Judgement;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::queue::Lease;
use crate::scoring::receipt::{
    self, DatasetRelease, Facts, Features, JudgedSubmission, KeptReceipt, ReceiptKey, SignedReceipt,
};
use crate::scoring::sandbox::Limits;
use crate::scoring::verdict::Verdict;

#[derive(Queryable)]
struct FactsRow {
    kind: SubmissionKind,
    sha256: String,
    phase: String,
    metric: String,
    solution_sha256: String,
    features_sha256: Option<String>,
    features_hidden: bool,
    program_sha256: Option<String>,
    challenge: String,
    release_id: Option<i64>,
    limits: Option<Json<Limits>>,
    ladder: bool,
    public_digits: Option<i32>,
    late: bool,
}

/// Signs what came of a run and keeps it. Only what was judged has a receipt: of a fault of the platform
/// nothing follows. Call it in the write transaction that stores the outcome.
pub(super) fn issue(
    connection: &mut DatabaseConnection,
    key: &ReceiptKey,
    run: (Lease, i64),
    judgement: &Judgement,
    (verdict, scores): (Verdict, Option<FiniteScores>),
    now: DateTime<Utc>,
) -> Result<(), DatabaseError> {
    if !verdict.is_judged() {
        return Ok(());
    }
    let (lease, submission_id) = run;
    let row: FactsRow = rows::table
        .inner_join(phases::table)
        .inner_join(challenges::table)
        .filter(rows::id.eq(submission_id))
        .select((
            rows::kind,
            rows::sha256,
            phases::name,
            phases::metric,
            phases::solution_sha256,
            phases::features_sha256,
            phases::features_hidden,
            phases::program_sha256,
            challenges::slug,
            challenges::release_id,
            challenges::run_limits,
            phases::ladder,
            phases::public_digits,
            rows::late,
        ))
        .first(connection)?;
    let dataset = match row.release_id {
        None => None,
        Some(id) => releases::table
            .inner_join(datasets::table)
            .filter(releases::id.eq(id))
            .select((datasets::slug, releases::version))
            .first::<(String, i32)>(connection)
            .optional()?,
    };
    let is_run = row.kind.is_model() || row.program_sha256.is_some();
    let limits = match is_run {
        true => {
            let limits = row.limits.map(|limits| limits.0).unwrap_or_default();
            Some(serde_json::to_value(limits).map_err(unwritable)?)
        }
        false => None,
    };
    let hidden = row.features_hidden;
    let facts = Facts {
        challenge: row.challenge,
        phase: row.phase,
        dataset: dataset.map(|(slug, version)| DatasetRelease { slug, version }),
        submission: JudgedSubmission {
            id: submission_id,
            kind: row.kind,
            sha256: row.sha256,
        },
        features: row
            .features_sha256
            .filter(|_| row.kind.is_model())
            .map(|sha256| Features { sha256, hidden }),
        solution_sha256: row.solution_sha256,
        metric: row.metric,
        scoring_program_sha256: row.program_sha256,
        runtime: judgement.runtime.clone(),
        limits,
        scorer: format!("paddock {}", judgement.scorer),
        verdict,
        scores: scores.map(|scores| (scores.public(), scores.private())),
        hides_public_score: row.ladder || row.public_digits.is_some() || row.late,
        scored_at: now,
        run: lease.run_id,
        attempt: lease.attempt,
    };
    let kept = receipt::issue(key, facts, rand::random()).map_err(unwritable)?;
    diesel::insert_into(receipts::table)
        .values((
            receipts::submission_id.eq(submission_id),
            receipts::issued_at.eq(now.naive_utc()),
            receipts::body.eq(json_text(&kept)?),
        ))
        .execute(connection)?;
    Ok(())
}

fn unwritable(error: impl std::error::Error + Send + Sync + 'static) -> DatabaseError {
    diesel::result::Error::SerializationError(Box::new(error)).into()
}

/// The newest receipt of a submission as the database keeps it, whoever asks.
pub fn newest(
    connection: &mut DatabaseConnection,
    submission_id: i64,
) -> Result<Option<KeptReceipt>, DatabaseError> {
    let body: Option<Json<KeptReceipt>> = receipts::table
        .filter(receipts::submission_id.eq(submission_id))
        .order(receipts::id.desc())
        .select(receipts::body)
        .first(connection)
        .optional()?;
    Ok(body.map(|body| body.0))
}

/// A submission and its newest receipt, if the caller is of its team or runs its challenge.
pub fn of_submission(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
) -> Result<Option<(SubmissionDetail, Option<KeptReceipt>)>, DatabaseError> {
    let Some(detail) = submissions::detail(connection, now, principal, id)? else {
        return Ok(None);
    };
    let kept = newest(connection, id)?;
    Ok(Some((detail, kept)))
}

/// Whether a team shows a submission's receipt to everybody.
pub fn is_shown(connection: &mut DatabaseConnection, id: i64) -> Result<bool, DatabaseError> {
    let shown: i64 = public_receipts::table
        .filter(public_receipts::submission_id.eq(id))
        .count()
        .get_result(connection)?;
    Ok(shown > 0)
}

/// Why a receipt is not shown to everybody, or cannot be.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// There is no such submission of the caller's team.
    #[error("There is no such submission of your team.")]
    NotFound,
    /// There is none, or its team does not show it, or its challenge is not over: which is not told.
    #[error("There is no public receipt of a submission {0}.")]
    NotPublic(i64),
    /// The challenge runs on.
    #[error("A receipt can be shown to everybody when the challenge is over.")]
    NotOver,
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<diesel::result::Error> for ShowError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Shows a submission's receipt to everybody who may know of its challenge, or no longer. Any member of its
/// team decides. Call it in a write transaction.
pub fn set_shown(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
    shown: bool,
) -> Result<(), ShowError> {
    let user = principal.user().ok_or(ShowError::NotFound)?;
    let detail = submissions::detail(connection, now, principal, id)?.ok_or(ShowError::NotFound)?;
    let challenge_id = detail.submission.challenge_id;
    let own = membership::of(connection, challenge_id, user.id)?;
    if own.is_none_or(|own| own.team_id != detail.submission.team_id) {
        return Err(ShowError::NotFound);
    }
    diesel::delete(public_receipts::table.find(id)).execute(connection)?;
    if shown {
        if !detail.disclosure.all_over {
            return Err(ShowError::NotOver);
        }
        diesel::insert_into(public_receipts::table)
            .values((
                public_receipts::submission_id.eq(id),
                public_receipts::shown_by.eq(user.id),
                public_receipts::shown_at.eq(now.naive_utc()),
            ))
            .execute(connection)?;
    }
    let act = Act {
        actor_id: Some(user.id),
        action: match shown {
            true => "receipt.show",
            false => "receipt.hide",
        },
        subject: &format!("submission:{id}"),
        challenge_id: Some(challenge_id),
        detail: "",
    };
    Ok(audit::record(connection, now, &act)?)
}

/// A receipt that everybody may read.
pub struct PublicReceipt {
    /// The challenge's address.
    pub challenge_slug: String,
    /// Its name.
    pub challenge_title: String,
    /// The receipt, opened.
    pub signed: SignedReceipt,
}

/// The receipt of a submission, if its team shows it, the challenge is over and the caller may know of it.
pub fn public(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
) -> Result<PublicReceipt, ShowError> {
    let slug: Option<String> = public_receipts::table
        .inner_join(rows::table.on(rows::id.eq(public_receipts::submission_id)))
        .inner_join(challenges::table.on(challenges::id.eq(rows::challenge_id)))
        .filter(public_receipts::submission_id.eq(id))
        .select(challenges::slug)
        .first(connection)
        .optional()?;
    let not_public = || ShowError::NotPublic(id);
    let slug = slug.ok_or_else(not_public)?;
    let (challenge, phases) = match challenge::find(connection, principal, &slug) {
        Ok(found) => found,
        Err(ChallengeError::Database(error)) => return Err(error.into()),
        Err(_) => return Err(not_public()),
    };
    // Then nothing of any of its submissions is kept back: see `Disclosure::opens`.
    if !phases.iter().all(|phase| phase.is_over(now)) {
        return Err(not_public());
    }
    let kept = newest(connection, id)?.ok_or_else(not_public)?;
    Ok(PublicReceipt {
        challenge_slug: challenge.slug,
        challenge_title: challenge.title,
        signed: kept.shown(true),
    })
}

/// The receipt of a submission that has this signature.
pub(super) fn with_signature(
    connection: &mut DatabaseConnection,
    submission_id: i64,
    signature: &str,
) -> Result<Option<KeptReceipt>, DatabaseError> {
    let bodies: Vec<Json<KeptReceipt>> = receipts::table
        .filter(receipts::submission_id.eq(submission_id))
        .order(receipts::id.desc())
        .select(receipts::body)
        .load(connection)?;
    Ok(bodies
        .into_iter()
        .map(|body| body.0)
        .find(|kept| kept.shown(false).signature == signature))
}

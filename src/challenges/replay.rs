//! Scoring a submission again to compare what comes of it with its receipt: by the worker's own loop,
//! which is handed this one run by a dispatcher that stores nothing.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::dispatch::{self, RunError};
use super::receipts;
use crate::platform::database::{Database, DatabaseError};
use crate::platform::storage::{Storage, hexadecimal};
use crate::scoring::judge::{Judge, Judgement, Outcome};
use crate::scoring::kind::SubmissionKind;
use crate::scoring::queue::{Abilities, Lease};
use crate::scoring::receipt::{KeptReceipt, Receipt, SignedReceipt};
use crate::scoring::worker::{Assignment, DispatchError, Dispatcher, RunFile, Worker};
use crate::scoring::workers::Announcement;

/// Why a submission could not be scored again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The receipt is not of this database.
    #[error(
        "this database keeps no such receipt of submission {0}; replay it where it was scored, with that server's settings"
    )]
    Unknown(i64),
    /// This machine cannot run it.
    #[error("the submission could not be run on this machine: {0}")]
    NotRun(String),
    /// A file of the run could not be read.
    #[error("{0}")]
    Files(String),
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// One thing that a receipt says, and what was found now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// What it is.
    pub what: &'static str,
    /// What the receipt says.
    pub receipt: String,
    /// What was found.
    pub here: String,
    /// Whether the two are the same.
    pub agrees: bool,
    /// Whether the receipt stands refuted if they are not: versions may differ, scores may not.
    pub decides: bool,
}

/// Runs the submission of a verified receipt again and compares. `judge` is this machine's.
///
/// # Errors
/// A receipt of another database; a machine that cannot run the submission.
pub async fn replay(
    database: &Database,
    storage: &Storage,
    judge: Judge,
    scratch: PathBuf,
    signed: &SignedReceipt,
) -> Result<Vec<Comparison>, ReplayError> {
    let id = signed.receipt.submission.id;
    let signature = signed.signature.clone();
    let (kept, assignment) = database
        .read(move |connection| {
            let kept = receipts::with_signature(connection, id, &signature)?;
            let kept = kept.ok_or(ReplayError::Unknown(id))?;
            // Nobody holds this lease: no queue knows of it.
            let lease = Lease {
                run_id: kept.shown(false).receipt.run,
                attempt: 0,
            };
            let assignment = dispatch::assignment_of(connection, id, lease, u32::MAX)?;
            Ok::<_, ReplayError>((kept, assignment))
        })
        .await?;
    let unread = |error: anyhow::Error| ReplayError::Files(format!("{error:#}"));
    let rerun = Arc::new(Rerun {
        database: database.clone(),
        storage: storage.clone(),
        submission_id: id,
        waiting: Mutex::new(Some(assignment.clone())),
        judgement: Mutex::new(None),
    });
    std::fs::create_dir_all(&scratch).map_err(|error| unread(error.into()))?;
    let copy = tempfile::NamedTempFile::new_in(&scratch).map_err(|error| unread(error.into()))?;
    let lease = assignment.lease;
    rerun
        .fetch(lease, RunFile::Submission, copy.path())
        .await
        .map_err(|error| unread(error.0))?;
    let submission_sha256 = sha256_of(&copy).map_err(|error| unread(error.into()))?;

    let refusal = judge.refusal().map(ToString::to_string);
    let kinds = SubmissionKind::ALL.to_vec();
    let worker = Arc::new(Worker::new(Arc::clone(&rerun), judge, kinds, scratch));
    let stepped = worker.step().await;
    stepped.map_err(|error| ReplayError::NotRun(format!("{error}")))?;
    let judgement = rerun
        .judgement
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let judgement = judgement.ok_or_else(|| {
        ReplayError::NotRun(refusal.unwrap_or_else(|| "the log says why".to_owned()))
    })?;
    let receipt = &signed.receipt;
    Ok(compare(
        receipt,
        &kept,
        &assignment,
        &submission_sha256,
        &judgement,
    ))
}

fn compare(
    receipt: &Receipt,
    kept: &KeptReceipt,
    assignment: &Assignment,
    submission_sha256: &str,
    judgement: &Judgement,
) -> Vec<Comparison> {
    let features = assignment.features_sha256.as_deref();
    let named = kept.names(
        &assignment.solution_sha256,
        features.filter(|_| receipt.features.is_some()),
    );
    let (public, private) = match judgement.outcome {
        Outcome::Scored { public, private } => (Some(public), Some(private)),
        Outcome::Failed { .. } => (None, None),
    };
    let bits = |score: Option<f64>| score.map(|score| (score + 0.0).to_bits());
    let number = |score: Option<f64>| score.map_or_else(none, |score| score.to_string());
    let known = |agrees: bool, what: &str| match agrees {
        true => what.to_owned(),
        false => "another".to_owned(),
    };
    let text = |what, receipt: String, here: String, decides| Comparison {
        what,
        agrees: receipt == here,
        receipt,
        here,
        decides,
    };
    let is = |what, receipt: String, here: String, agrees| Comparison {
        what,
        receipt,
        here,
        agrees,
        decides: true,
    };
    let private_agrees = bits(kept.private_score()) == bits(private);
    vec![
        text(
            "submission",
            receipt.submission.sha256.clone(),
            submission_sha256.to_owned(),
            true,
        ),
        is(
            "features",
            receipt
                .features
                .as_ref()
                .map_or_else(none, |_| "named".into()),
            match (named.features, &receipt.features) {
                (true, None) => none(),
                (agrees, _) => known(agrees, "the same"),
            },
            named.features,
        ),
        is(
            "solution",
            "named".into(),
            known(named.solution, "the same"),
            named.solution,
        ),
        text(
            "metric",
            receipt.metric.clone(),
            assignment.task.metric.to_string(),
            true,
        ),
        text(
            "scoring program",
            receipt.scoring_program_sha256.clone().unwrap_or_else(none),
            assignment.program_sha256.clone().unwrap_or_else(none),
            true,
        ),
        text(
            "limits",
            receipt.limits.as_ref().map_or_else(none, written),
            receipt
                .limits
                .as_ref()
                .map_or_else(none, |_| written(&assignment.task.limits)),
            false,
        ),
        text(
            "runtime",
            receipt.runtime.clone().unwrap_or_else(none),
            judgement.runtime.clone().unwrap_or_else(none),
            false,
        ),
        text(
            "scorer",
            receipt.scorer.clone(),
            format!("paddock {}", judgement.scorer),
            false,
        ),
        text(
            "verdict",
            receipt.verdict.code(),
            judgement.outcome.verdict().code(),
            true,
        ),
        is(
            "public score",
            number(kept.public_score()),
            number(public),
            bits(kept.public_score()) == bits(public),
        ),
        is(
            "private score",
            number(kept.private_score()),
            number(private),
            private_agrees,
        ),
    ]
}

fn sha256_of(file: &tempfile::NamedTempFile) -> std::io::Result<String> {
    let mut reader = std::io::BufReader::with_capacity(256 * 1024, file.reopen()?);
    let mut hash = Sha256::new();
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(hexadecimal(&hash.finalize()));
        }
        hash.update(bytes);
        let read = bytes.len();
        reader.consume(read);
    }
}

/// As JSON, with the names in one order.
fn written(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).map_or_else(|_| none(), |value| value.to_string())
}

fn none() -> String {
    "none".to_owned()
}

/// Hands out one run, and keeps what came of it to itself.
struct Rerun {
    database: Database,
    storage: Storage,
    submission_id: i64,
    waiting: Mutex<Option<Assignment>>,
    judgement: Mutex<Option<Judgement>>,
}

impl Dispatcher for Arc<Rerun> {
    async fn lease(&self, _: &Abilities) -> Result<Option<Assignment>, DispatchError> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(waiting.take())
    }

    async fn heartbeat(&self, _: Lease) -> Result<bool, DispatchError> {
        Ok(true)
    }

    async fn fetch(&self, _: Lease, which: RunFile, into: &Path) -> Result<(), DispatchError> {
        let id = self.submission_id;
        let located = self
            .database
            .read(move |connection| dispatch::file_of(connection, id, None, which))
            .await;
        let (area, key) = located.map_err(|error: RunError| anyhow::Error::from(error))?;
        let copied = self.storage.copy_to_file(area, &key, into).await;
        Ok(copied.map_err(anyhow::Error::from)?)
    }

    async fn keep_predictions(&self, _: Lease, _: &Path) -> Result<bool, DispatchError> {
        Ok(true)
    }

    async fn report(&self, _: Lease, judgement: Judgement) -> Result<bool, DispatchError> {
        let mut kept = self
            .judgement
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = Some(judgement);
        Ok(true)
    }

    async fn announce(&self, _: &Announcement) -> Result<(), DispatchError> {
        Ok(())
    }
}

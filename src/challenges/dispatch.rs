//! Handing runs to workers and taking their reports: where the queue meets the contest.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use diesel::prelude::*;
use futures_util::Stream;
use futures_util::stream::BoxStream;
use tokio::sync::Notify;
use tokio_util::io::ReaderStream;

use super::challenge::{features_area, readable};
use super::corrections;
use super::draft::SecondaryMetric;
use super::reports;
use super::submissions::SubmissionState;
use crate::platform::clock::Clock;
use crate::platform::column_types::Json;
use crate::platform::database::{Database, DatabaseConnection, DatabaseError};
use crate::platform::schema::{challenges, phases, submissions};
use crate::platform::storage::{Area, Storage, StorageError};
use crate::scoring::judge::{Judgement, Outcome, Task};
use crate::scoring::kind::SubmissionKind;
use crate::scoring::predictions::{FileFormat, PredictionFormat};
use crate::scoring::queue::{self, Abilities, Claim, Lease};
use crate::scoring::receipt::ReceiptKey;
use crate::scoring::rule::ScoringRule;
use crate::scoring::runtimes::OnnxContract;
use crate::scoring::sandbox::Limits;
use crate::scoring::verdict::Verdict;
use crate::scoring::worker::{Assignment, DispatchError, Dispatcher, RunFile, SolutionSpec};
use crate::scoring::workers::{self, Announcement};

/// What a competitor reads when the platform gave up.
const GIVEN_UP: &str = "The platform failed to score this submission several times. It does not count; \
                        please tell the organizer, or send it again.";

/// Hands out the runs of this process's database. Cheap to clone.
#[derive(Clone)]
pub struct Dispatch {
    /// Where runs are.
    pub database: Database,
    /// Where their bytes are.
    pub storage: Storage,
    /// The time at which scores are stored.
    pub clock: Clock,
    /// Signs what came of runs.
    pub receipt_key: Arc<ReceiptKey>,
    /// How long a lease lasts.
    pub lease_seconds: u32,
    /// Woken when this process accepts a submission.
    pub arrivals: Arc<Notify>,
}

/// Why a worker's request fails.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Another worker has the run by now, or it is finished.
    #[error("This lease is over; another worker has the run, or it is finished.")]
    LeaseLost,
    /// The run has no such file: a worker of another version asks.
    #[error("This run has no such file.")]
    NoSuchFile,
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The bytes could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<diesel::result::Error> for RunError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Dispatch {
    /// The next run that a worker of this name and these abilities can carry out, waiting up to
    /// `patience` for one to arrive.
    pub async fn lease(
        &self,
        worker: &str,
        abilities: &Abilities,
        patience: Duration,
    ) -> Result<Option<Assignment>, RunError> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            // Registered before the look, so that an arrival in between is not missed.
            let arrival = self.arrivals.notified();
            if let Some(assignment) = self.lease_now(worker.to_owned(), abilities.clone()).await? {
                return Ok(Some(assignment));
            }
            if tokio::time::Instant::now() >= deadline {
                return Ok(None);
            }
            // Other web nodes' arrivals and expired leases make no sound: look once a second.
            let look_again = deadline.min(tokio::time::Instant::now() + Duration::from_secs(1));
            let _ = tokio::time::timeout_at(look_again, arrival).await;
        }
    }

    async fn lease_now(
        &self,
        worker: String,
        abilities: Abilities,
    ) -> Result<Option<Assignment>, RunError> {
        let lease_seconds = self.lease_seconds;
        let (now, key) = (self.clock.now(), Arc::clone(&self.receipt_key));
        let able = abilities.clone();
        let waiting = self
            .database
            .read(move |connection| queue::is_any_waiting(connection, &able))
            .await?;
        if !waiting {
            return Ok(None);
        }
        let (assignment, given_up) = self
            .database
            .write(move |connection| {
                let mut given_up = Vec::new();
                if workers::is_draining(connection, &worker)? {
                    return Ok((None, given_up));
                }
                while let Some(claim) =
                    queue::claim(connection, &worker, &abilities, lease_seconds)?
                {
                    if claim.attempt > queue::MAXIMUM_ATTEMPTS {
                        let outcome = Outcome::failed(Verdict::PlatformFault, GIVEN_UP);
                        given_up.push(reports::store(
                            connection,
                            &key,
                            claim.lease(),
                            &outcome.into(),
                            now,
                        )?);
                        continue;
                    }
                    let assignment = assignment(connection, &claim, lease_seconds)?;
                    return Ok::<_, RunError>((Some(assignment), given_up));
                }
                Ok((None, given_up))
            })
            .await?;
        for finished in given_up {
            finished.count(now);
        }
        Ok(assignment)
    }

    /// Extends a lease.
    pub async fn heartbeat(&self, lease: Lease) -> Result<(), RunError> {
        let lease_seconds = self.lease_seconds;
        let extended = self
            .database
            .write(move |connection| queue::heartbeat(connection, lease, lease_seconds))
            .await?;
        if extended {
            Ok(())
        } else {
            Err(RunError::LeaseLost)
        }
    }

    /// Keeps the predictions that a model wrote beside its submission.
    pub async fn keep_predictions<E: std::fmt::Display>(
        &self,
        lease: Lease,
        bytes: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<(), RunError> {
        let most = self
            .database
            .read(move |connection| prediction_limit(connection, lease))
            .await?;
        let stored = self.storage.receive_submission(bytes, most).await?;
        let key = stored.key.clone();
        let replaced = self
            .database
            .write(move |connection| name_predictions(connection, lease, &key))
            .await;
        let unused = match &replaced {
            Ok(before) => before.as_ref(),
            Err(_) => Some(&stored.key),
        };
        if let Some(key) = unused {
            self.storage.discard_submission(key).await?;
        }
        replaced.map(|_| ())
    }

    /// Keeps what a worker of this name says of itself.
    pub async fn announce(
        &self,
        worker: &str,
        announcement: &Announcement,
    ) -> Result<(), RunError> {
        let (worker, announcement) = (worker.to_owned(), announcement.clone());
        self.database
            .write(move |connection| workers::announce(connection, &worker, &announcement))
            .await?;
        Ok(())
    }

    /// Stores what came of a run, once: the scores, the verdict, the entry.
    pub async fn report(&self, lease: Lease, judgement: Judgement) -> Result<(), RunError> {
        let (now, key) = (self.clock.now(), Arc::clone(&self.receipt_key));
        let finished = self
            .database
            .write(move |connection| reports::store(connection, &key, lease, &judgement, now))
            .await?;
        finished.count(now);
        Ok(())
    }

    /// Streams one of a run's files to the holder of its lease.
    pub async fn file(
        &self,
        lease: Lease,
        which: RunFile,
    ) -> Result<BoxStream<'static, Result<Bytes, StorageError>>, RunError> {
        let (area, key) = self.locate(lease, which).await?;
        Ok(self.storage.read(area, &key, None).await?)
    }

    async fn locate(&self, lease: Lease, which: RunFile) -> Result<(Area, String), RunError> {
        self.database
            .read(move |connection| {
                let submission_id =
                    queue::submission_of(connection, lease)?.ok_or(RunError::LeaseLost)?;
                let correction_id = queue::correction_of(connection, lease)?;
                file_of(connection, submission_id, correction_id, which)
            })
            .await
    }
}

/// Where one of the files is that a submission's run needs; those of a correction's task, where it is for
/// one.
pub(super) fn file_of(
    connection: &mut DatabaseConnection,
    submission_id: i64,
    correction_id: Option<i64>,
    which: RunFile,
) -> Result<(Area, String), RunError> {
    let (submission, mut solution, features, features_hidden, mut program): FileKeys =
        submissions::table
            .inner_join(phases::table)
            .filter(submissions::id.eq(submission_id))
            .select((
                submissions::storage_key,
                phases::solution_sha256,
                phases::features_sha256,
                phases::features_hidden,
                phases::program_sha256,
            ))
            .first(connection)?;
    if let Some(id) = correction_id {
        let task = corrections::task(connection, id)?;
        (solution, program) = (task.solution_sha256, task.program_sha256);
    }
    Ok(match which {
        RunFile::Submission => (Area::Submissions, submission),
        RunFile::Solution => (Area::Hidden, solution),
        RunFile::Features => (
            features_area(features_hidden),
            features.ok_or(RunError::NoSuchFile)?,
        ),
        RunFile::Program => (Area::Hidden, program.ok_or(RunError::NoSuchFile)?),
    })
}

/// Submission, solution, features and whether those are hidden, program.
type FileKeys = (String, String, Option<String>, bool, Option<String>);

/// How many bytes of predictions a run may have left.
fn prediction_limit(connection: &mut DatabaseConnection, lease: Lease) -> Result<u64, RunError> {
    let submission_id = queue::submission_of(connection, lease)?.ok_or(RunError::LeaseLost)?;
    let limits: Option<Json<Limits>> = submissions::table
        .inner_join(challenges::table)
        .filter(submissions::id.eq(submission_id))
        .select(challenges::run_limits)
        .first(connection)?;
    Ok(limits
        .map(|limits| limits.0)
        .unwrap_or_default()
        .output_bytes)
}

/// Writes down where a run's predictions are; returns where those of the run before were.
fn name_predictions(
    connection: &mut DatabaseConnection,
    lease: Lease,
    key: &str,
) -> Result<Option<String>, RunError> {
    let submission_id = queue::submission_of(connection, lease)?.ok_or(RunError::LeaseLost)?;
    let before: Option<String> = submissions::table
        .find(submission_id)
        .select(submissions::predictions_key)
        .first(connection)?;
    diesel::update(submissions::table.find(submission_id))
        .set(submissions::predictions_key.eq(key))
        .execute(connection)?;
    Ok(before)
}

#[derive(Queryable)]
struct AssignmentRow {
    kind: SubmissionKind,
    format: String,
    metric: String,
    secondary: Json<Vec<SecondaryMetric>>,
    solution: Json<SolutionSpec>,
    solution_sha256: String,
    features_sha256: Option<String>,
    features_format: Option<String>,
    program_sha256: Option<String>,
    prediction_format: Json<PredictionFormat>,
    onnx: Option<Json<OnnxContract>>,
    limits: Option<Json<Limits>>,
}

fn assignment(
    connection: &mut DatabaseConnection,
    claim: &Claim,
    lease_seconds: u32,
) -> Result<Assignment, DatabaseError> {
    let correction_id = queue::correction_of(connection, claim.lease())?;
    if correction_id.is_none() {
        // One that is scored anew keeps its score, and its state, until it has another.
        diesel::update(
            submissions::table
                .find(claim.submission_id)
                .filter(submissions::state.eq(SubmissionState::Queued)),
        )
        .set(submissions::state.eq(SubmissionState::Running))
        .execute(connection)?;
        corrections::wait_for_switch(connection, claim.submission_id)?;
    }
    let assignment = assignment_of(
        connection,
        claim.submission_id,
        claim.lease(),
        lease_seconds,
    )?;
    match correction_id {
        None => Ok(assignment),
        Some(id) => Ok(corrections::task(connection, id)?.given_to(assignment)),
    }
}

/// All that a worker is told of a submission's run.
pub(super) fn assignment_of(
    connection: &mut DatabaseConnection,
    submission_id: i64,
    lease: Lease,
    lease_seconds: u32,
) -> Result<Assignment, DatabaseError> {
    let row: AssignmentRow = submissions::table
        .inner_join(phases::table)
        .inner_join(challenges::table)
        .filter(submissions::id.eq(submission_id))
        .select((
            submissions::kind,
            submissions::format,
            phases::metric,
            phases::secondary_metrics,
            phases::solution_format,
            phases::solution_sha256,
            phases::features_sha256,
            phases::features_format,
            phases::program_sha256,
            challenges::prediction_format,
            challenges::onnx_contract,
            challenges::run_limits,
        ))
        .first(connection)?;
    let features_format = row.features_format.map(|format| readable(format.parse()));
    Ok(Assignment {
        lease,
        lease_seconds,
        task: Task {
            kind: row.kind,
            file_format: readable(row.format.parse::<FileFormat>())?,
            prediction_format: row.prediction_format.0,
            metric: readable(row.metric.parse::<ScoringRule>())?,
            limits: row.limits.map(|limits| limits.0).unwrap_or_default(),
            features_format: features_format.transpose()?,
            onnx: row.onnx.map(|contract| contract.0),
            secondary: row
                .secondary
                .0
                .into_iter()
                .map(|other| other.metric)
                .collect(),
        },
        solution_sha256: row.solution_sha256,
        solution: row.solution.0,
        features_sha256: row.features_sha256.filter(|_| row.kind.is_model()),
        program_sha256: row.program_sha256,
    })
}

/// The worker of the server's own process.
pub struct LocalWorker {
    /// What hands out the runs.
    pub dispatch: Dispatch,
    /// How long one look waits for a run.
    pub patience: Duration,
}

impl LocalWorker {
    /// Where a server keeps the files of the runs at hand.
    pub fn scratch(data_dir: &Path) -> PathBuf {
        data_dir.join("scratch")
    }

    /// Its name among the workers: that of its machine, since several web nodes may have one each.
    pub fn name() -> String {
        let host = nix::unistd::gethostname().unwrap_or_default();
        format!("server on {}", host.to_string_lossy())
    }
}

impl Dispatcher for LocalWorker {
    async fn lease(&self, abilities: &Abilities) -> Result<Option<Assignment>, DispatchError> {
        let leased = self
            .dispatch
            .lease(&Self::name(), abilities, self.patience)
            .await;
        Ok(leased.map_err(anyhow::Error::from)?)
    }

    async fn heartbeat(&self, lease: Lease) -> Result<bool, DispatchError> {
        held(self.dispatch.heartbeat(lease).await)
    }

    async fn fetch(&self, lease: Lease, which: RunFile, into: &Path) -> Result<(), DispatchError> {
        let located = self.dispatch.locate(lease, which).await;
        let (area, key) = located.map_err(anyhow::Error::from)?;
        let copied = self.dispatch.storage.copy_to_file(area, &key, into).await;
        Ok(copied.map_err(anyhow::Error::from)?)
    }

    async fn keep_predictions(&self, lease: Lease, from: &Path) -> Result<bool, DispatchError> {
        let file = tokio::fs::File::open(from)
            .await
            .map_err(anyhow::Error::from)?;
        held(
            self.dispatch
                .keep_predictions(lease, ReaderStream::new(file))
                .await,
        )
    }

    async fn announce(&self, announcement: &Announcement) -> Result<(), DispatchError> {
        let announced = self.dispatch.announce(&Self::name(), announcement).await;
        Ok(announced.map_err(anyhow::Error::from)?)
    }

    async fn report(&self, lease: Lease, judgement: Judgement) -> Result<bool, DispatchError> {
        held(self.dispatch.report(lease, judgement).await)
    }
}

fn held(answer: Result<(), RunError>) -> Result<bool, DispatchError> {
    match answer {
        Ok(()) => Ok(true),
        Err(RunError::LeaseLost) => Ok(false),
        Err(error) => Err(anyhow::Error::from(error).into()),
    }
}

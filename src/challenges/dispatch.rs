//! Handing runs to workers and taking their reports: where the queue meets the contest.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use futures_util::stream::BoxStream;
use tokio::sync::Notify;

use super::leaderboard::{self, FiniteScores};
use super::submissions::SubmissionState;
use crate::platform::clock::Clock;
use crate::platform::column_types::Json;
use crate::platform::database::{Database, DatabaseConnection, DatabaseError};
use crate::platform::schema::{challenges, phases, submissions, teams};
use crate::platform::storage::{Area, Storage, StorageError};
use crate::scoring::metrics::Metric;
use crate::scoring::predictions::{FileFormat, PredictionFormat};
use crate::scoring::queue::{self, Claim, Lease};
use crate::scoring::verdict::Verdict;
use crate::scoring::worker::{
    Assignment, DispatchError, Dispatcher, Outcome, RunFile, SolutionSpec,
};

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
    /// The next run for a worker of this name, waiting up to `patience` for one to arrive.
    pub async fn lease(
        &self,
        worker: &str,
        patience: Duration,
    ) -> Result<Option<Assignment>, RunError> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            // Registered before the look, so that an arrival in between is not missed.
            let arrival = self.arrivals.notified();
            if let Some(assignment) = self.lease_now(worker.to_owned()).await? {
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

    async fn lease_now(&self, worker: String) -> Result<Option<Assignment>, RunError> {
        let lease_seconds = self.lease_seconds;
        let now = self.clock.now();
        let waiting = self.database.read(queue::is_any_waiting).await?;
        if !waiting {
            return Ok(None);
        }
        let (assignment, given_up) = self
            .database
            .write(move |connection| {
                let mut given_up = Vec::new();
                while let Some(claim) = queue::claim(connection, &worker, lease_seconds)? {
                    if claim.attempt > queue::MAXIMUM_ATTEMPTS {
                        let outcome = Outcome::PlatformFault {
                            reason: GIVEN_UP.into(),
                        };
                        given_up.push(store(connection, claim.lease(), &outcome, now)?);
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

    /// Stores what came of a run, once: the scores, the verdict, the entry.
    pub async fn report(&self, lease: Lease, outcome: Outcome) -> Result<(), RunError> {
        let now = self.clock.now();
        let finished = self
            .database
            .write(move |connection| store(connection, lease, &outcome, now))
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
                let (submission_key, solution_key) = submissions::table
                    .inner_join(phases::table)
                    .filter(submissions::id.eq(submission_id))
                    .select((submissions::storage_key, phases::solution_sha256))
                    .first::<(String, String)>(connection)?;
                Ok(match which {
                    RunFile::Submission => (Area::Submissions, submission_key),
                    RunFile::Solution => (Area::Hidden, solution_key),
                })
            })
            .await
    }
}

fn assignment(
    connection: &mut DatabaseConnection,
    claim: &Claim,
    lease_seconds: u32,
) -> Result<Assignment, DatabaseError> {
    diesel::update(submissions::table.find(claim.submission_id))
        .set(submissions::state.eq(SubmissionState::Running))
        .execute(connection)?;
    type Row = (
        String,
        String,
        Json<SolutionSpec>,
        String,
        Json<PredictionFormat>,
    );
    let (format, metric, solution, solution_sha256, prediction_format): Row = submissions::table
        .inner_join(phases::table)
        .inner_join(challenges::table)
        .filter(submissions::id.eq(claim.submission_id))
        .select((
            submissions::format,
            phases::metric,
            phases::solution_format,
            phases::solution_sha256,
            challenges::prediction_format,
        ))
        .first(connection)?;
    Ok(Assignment {
        lease: claim.lease(),
        lease_seconds,
        file_format: unreadable(format.parse::<FileFormat>())?,
        prediction_format: prediction_format.0,
        solution_sha256,
        solution: solution.0,
        metric: unreadable(metric.parse::<Metric>())?,
    })
}

fn unreadable<T, E: std::fmt::Display>(parsed: Result<T, E>) -> Result<T, DatabaseError> {
    parsed.map_err(|error| {
        diesel::result::Error::DeserializationError(error.to_string().into()).into()
    })
}

/// A run that ended, for the counters: they are told after the transaction, which may yet fail.
struct Finished {
    verdict: Verdict,
    received_at: DateTime<Utc>,
}

impl Finished {
    fn count(&self, now: DateTime<Utc>) {
        metrics::counter!("paddock_runs_finished_total", "verdict" => self.verdict.as_str())
            .increment(1);
        let waited = (now - self.received_at).to_std().unwrap_or_default();
        metrics::histogram!("paddock_received_to_finished_seconds", "verdict" => self.verdict.as_str())
            .record(waited.as_secs_f64());
    }
}

/// The transaction that ends a run. Refuses, and stores nothing, unless the lease is the newest.
fn store(
    connection: &mut DatabaseConnection,
    lease: Lease,
    outcome: &Outcome,
    now: DateTime<Utc>,
) -> Result<Finished, RunError> {
    let submission_id = queue::submission_of(connection, lease)?.ok_or(RunError::LeaseLost)?;
    if !queue::finish(connection, lease)? {
        return Err(RunError::LeaseLost);
    }
    let (phase_id, team_id, metric, received_at): (i64, i64, String, NaiveDateTime) =
        submissions::table
            .inner_join(phases::table)
            .filter(submissions::id.eq(submission_id))
            .select((
                submissions::phase_id,
                submissions::team_id,
                phases::metric,
                submissions::received_at,
            ))
            .first(connection)?;
    diesel::update(teams::table.find(team_id))
        .set(teams::revision.eq(teams::revision + 1))
        .execute(connection)?;
    let row = diesel::update(submissions::table.find(submission_id));
    let verdict = match outcome {
        Outcome::Scored { public, private } => match FiniteScores::new(*public, *private) {
            Some(scores) => {
                row.set((
                    submissions::state.eq(SubmissionState::Scored),
                    submissions::verdict.eq(Verdict::Ok),
                    submissions::scored_at.eq(now.naive_utc()),
                    submissions::public_score.eq(scores.public()),
                    submissions::private_score.eq(scores.private()),
                ))
                .execute(connection)?;
                let metric: Metric = unreadable(metric.parse())?;
                let direction = metric.definition().direction;
                leaderboard::enter(
                    connection,
                    phase_id,
                    team_id,
                    submission_id,
                    scores,
                    direction,
                    now,
                )?;
                Verdict::Ok
            }
            None => {
                let reason = "The metric has no finite value for these predictions.";
                fail(
                    connection,
                    submission_id,
                    Verdict::Invalid,
                    reason,
                    None,
                    None,
                )?;
                Verdict::Invalid
            }
        },
        Outcome::Invalid {
            reason,
            line,
            column,
        } => {
            let line = line.and_then(|line| i64::try_from(line).ok());
            fail(
                connection,
                submission_id,
                Verdict::Invalid,
                reason,
                line,
                column.as_deref(),
            )?;
            Verdict::Invalid
        }
        Outcome::PlatformFault { reason } => {
            tracing::error!(
                submission_id,
                reason,
                "the platform could not score a submission"
            );
            fail(
                connection,
                submission_id,
                Verdict::PlatformFault,
                reason,
                None,
                None,
            )?;
            Verdict::PlatformFault
        }
    };
    Ok(Finished {
        verdict,
        received_at: received_at.and_utc(),
    })
}

/// Ends a submission without a score. It gives its place of the limits back, whoever's fault it was.
fn fail(
    connection: &mut DatabaseConnection,
    submission_id: i64,
    verdict: Verdict,
    reason: &str,
    line: Option<i64>,
    column: Option<&str>,
) -> Result<(), DatabaseError> {
    diesel::update(submissions::table.find(submission_id))
        .set((
            submissions::state.eq(SubmissionState::Failed),
            submissions::counts.eq(false),
            submissions::verdict.eq(verdict),
            submissions::reason.eq(reason),
            submissions::error_line.eq(line),
            submissions::error_column.eq(column),
        ))
        .execute(connection)?;
    Ok(())
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
}

impl Dispatcher for LocalWorker {
    async fn lease(&self) -> Result<Option<Assignment>, DispatchError> {
        let leased = self.dispatch.lease("server", self.patience).await;
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

    async fn report(&self, lease: Lease, outcome: Outcome) -> Result<bool, DispatchError> {
        held(self.dispatch.report(lease, outcome).await)
    }
}

fn held(answer: Result<(), RunError>) -> Result<bool, DispatchError> {
    match answer {
        Ok(()) => Ok(true),
        Err(RunError::LeaseLost) => Ok(false),
        Err(error) => Err(anyhow::Error::from(error).into()),
    }
}

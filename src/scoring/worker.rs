//! The worker: leases a run, fetches its bytes, scores it, reports. The same loop runs in the
//! server's process and, over HTTP, on another machine; a [`Dispatcher`] is all that it knows of
//! either, and it holds no database credentials (law 9).

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::metrics::Metric;
use super::predictions::{FileFormat, PredictionFormat, read_predictions, score};
use super::queue::Lease;
use super::solution::{Solution, SolutionError, SolutionFormat};

/// How many parsed solutions a worker keeps: a contest's phases are few, and each stays warm.
const SOLUTIONS_KEPT: usize = 4;

/// How a phase's solution is read and which of its rows are public.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SolutionSpec {
    /// The names and kinds of its columns.
    #[serde(flatten)]
    pub format: SolutionFormat,
    /// Where it has no split column: the share of rows (or groups) on the public board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_fraction: Option<f64>,
    /// Which rows those are; kept from competitors.
    #[serde(default)]
    pub split_seed: u64,
}

/// The share of public rows where the organizer says nothing.
pub const DEFAULT_PUBLIC_FRACTION: f64 = 0.3;

impl SolutionSpec {
    /// Reads a solution and gives every row its split.
    ///
    /// # Errors
    /// A file that is no solution, or one that cannot be divided.
    pub fn read(&self, file: impl Read + Send) -> Result<Solution, SolutionError> {
        let mut solution = Solution::read_csv(file, &self.format)?;
        if !solution.has_splits() {
            let fraction = self.public_fraction.unwrap_or(DEFAULT_PUBLIC_FRACTION);
            solution.assign_splits(fraction, self.split_seed)?;
        }
        Ok(solution)
    }
}

/// All that a worker is told of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Assignment {
    /// The right to carry it out.
    pub lease: Lease,
    /// For how long, unless a heartbeat extends it.
    pub lease_seconds: u32,
    /// How the submitted file is to be read.
    pub file_format: FileFormat,
    /// What it must hold.
    pub prediction_format: PredictionFormat,
    /// The content hash of the solution: the key of the worker's cache.
    pub solution_sha256: String,
    /// How the solution is read.
    pub solution: SolutionSpec,
    /// How the two are compared.
    #[schema(value_type = String, example = "rmse")]
    pub metric: Metric,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Outcome {
    /// It was scored.
    Scored {
        /// On the public split.
        public: f64,
        /// On the private split.
        private: f64,
    },
    /// The file is not what the challenge asks for.
    Invalid {
        /// Why, in words for its sender.
        reason: String,
        /// The first offending line.
        line: Option<u64>,
        /// The offending column.
        column: Option<String>,
    },
    /// The platform failed.
    PlatformFault {
        /// Why, in words for the operator's log and the sender.
        reason: String,
    },
}

/// Which of a run's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunFile {
    /// What the team sent.
    Submission,
    /// What it is compared with.
    Solution,
}

/// Why a worker could not talk to whoever hands out runs. It tries again.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub struct DispatchError(#[from] pub anyhow::Error);

/// Whoever hands out runs: the database of this process, or a server over HTTP.
pub trait Dispatcher: Send + Sync + 'static {
    /// The next run; none after waiting a while in vain.
    fn lease(&self) -> impl Future<Output = Result<Option<Assignment>, DispatchError>> + Send;
    /// Extends a lease; false when it was lost.
    fn heartbeat(&self, lease: Lease) -> impl Future<Output = Result<bool, DispatchError>> + Send;
    /// Copies one of the run's files to a local path.
    fn fetch(
        &self,
        lease: Lease,
        which: RunFile,
        into: &Path,
    ) -> impl Future<Output = Result<(), DispatchError>> + Send;
    /// Reports what came of the run; false when the lease was lost and the report dropped.
    fn report(
        &self,
        lease: Lease,
        outcome: Outcome,
    ) -> impl Future<Output = Result<bool, DispatchError>> + Send;
}

/// A worker with its cache of solutions.
pub struct Worker<D> {
    dispatcher: D,
    scratch: PathBuf,
    solutions: Mutex<VecDeque<(String, Arc<Solution>)>>,
}

impl<D: Dispatcher> Worker<D> {
    /// A worker that keeps files of the run at hand in `scratch`.
    pub fn new(dispatcher: D, scratch: PathBuf) -> Self {
        Self {
            dispatcher,
            scratch,
            solutions: Mutex::default(),
        }
    }

    /// Carries runs out, `concurrency` at once, until told to stop; then finishes what it has begun.
    pub async fn run(self, concurrency: usize, stop: CancellationToken) {
        let worker = Arc::new(self);
        let lanes: Vec<_> = (0..concurrency)
            .map(|_| tokio::spawn(Arc::clone(&worker).lane(stop.clone())))
            .collect();
        for lane in lanes {
            if let Err(error) = lane.await {
                tracing::error!(%error, "a worker's lane ended by a panic");
            }
        }
    }

    async fn lane(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = Duration::from_millis(100);
        loop {
            let leased = tokio::select! {
                () = stop.cancelled() => return,
                leased = self.dispatcher.lease() => leased,
            };
            match leased {
                Ok(Some(assignment)) => {
                    pause = Duration::from_millis(100);
                    self.carry_out(assignment).await;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "no run could be leased; trying again");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(Duration::from_secs(10));
                }
            }
        }
    }

    /// Carries out the next run, if one waits: one step of the loop.
    pub async fn step(&self) -> Result<bool, DispatchError> {
        match self.dispatcher.lease().await? {
            Some(assignment) => {
                self.carry_out(assignment).await;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    async fn carry_out(&self, assignment: Assignment) {
        let lease = assignment.lease;
        let outcome = tokio::select! {
            outcome = self.outcome_of(&assignment) => outcome,
            () = self.keep_lease(&assignment) => {
                tracing::warn!(?lease, "the lease was lost; another worker has the run");
                return;
            }
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                // Without a report the lease runs out and the run is taken again, here or elsewhere.
                tracing::error!(?lease, %error, "a run could not be carried out");
                return;
            }
        };
        for attempt in 0..5_u32 {
            match self.dispatcher.report(lease, outcome.clone()).await {
                Ok(true) => return,
                Ok(false) => {
                    tracing::warn!(?lease, "the report came too late and was dropped");
                    return;
                }
                Err(error) => tracing::warn!(?lease, %error, "a report failed; trying again"),
            }
            tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
        }
    }

    /// Sends heartbeats for as long as they are answered; returns when the lease is lost.
    async fn keep_lease(&self, assignment: &Assignment) {
        let every = Duration::from_secs(u64::from(assignment.lease_seconds)) / 3;
        loop {
            tokio::time::sleep(every).await;
            match self.dispatcher.heartbeat(assignment.lease).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "a heartbeat failed; trying again"),
            }
        }
    }

    async fn outcome_of(&self, assignment: &Assignment) -> Result<Outcome, DispatchError> {
        let solution = self.solution(assignment).await?;
        let submission = self.temporary()?;
        self.dispatcher
            .fetch(assignment.lease, RunFile::Submission, submission.path())
            .await?;
        let assignment = assignment.clone();
        let scored = tokio::task::spawn_blocking(move || {
            let file = submission.reopen()?;
            Ok::<_, std::io::Error>(compare(file, &assignment, &solution))
        })
        .await;
        match scored {
            Ok(outcome) => Ok(outcome.map_err(anyhow::Error::from)?),
            Err(panic) => Ok(Outcome::PlatformFault {
                reason: format!("scoring broke off: {panic}"),
            }),
        }
    }

    /// The parsed solution, from the cache where it is.
    async fn solution(&self, assignment: &Assignment) -> Result<Arc<Solution>, DispatchError> {
        if let Some(kept) = self.kept_solution(&assignment.solution_sha256) {
            return Ok(kept);
        }
        let file = self.temporary()?;
        self.dispatcher
            .fetch(assignment.lease, RunFile::Solution, file.path())
            .await?;
        let spec = assignment.solution.clone();
        let parsed =
            tokio::task::spawn_blocking(move || anyhow::Ok(Arc::new(spec.read(file.reopen()?)?)))
                .await
                .map_err(anyhow::Error::from)??;
        let mut kept = self
            .solutions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        kept.push_front((assignment.solution_sha256.clone(), Arc::clone(&parsed)));
        kept.truncate(SOLUTIONS_KEPT);
        Ok(parsed)
    }

    fn kept_solution(&self, sha256: &str) -> Option<Arc<Solution>> {
        let kept = self
            .solutions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .find(|(known, _)| known == sha256)
            .map(|(_, solution)| Arc::clone(solution))
    }

    fn temporary(&self) -> Result<tempfile::NamedTempFile, DispatchError> {
        std::fs::create_dir_all(&self.scratch).map_err(anyhow::Error::from)?;
        Ok(tempfile::NamedTempFile::new_in(&self.scratch).map_err(anyhow::Error::from)?)
    }
}

/// Reads a submitted file and compares it with the solution: the whole judgement, without I/O beyond
/// the file.
pub fn compare(file: File, assignment: &Assignment, solution: &Solution) -> Outcome {
    let format = &assignment.prediction_format;
    match read_predictions(file, assignment.file_format, format, solution) {
        Err(error) => Outcome::Invalid {
            reason: error.to_string(),
            line: error.line().map(|line| line as u64),
            column: error.column().map(str::to_owned),
        },
        Ok(predictions) => match score(solution, &predictions, &assignment.metric) {
            Ok(scores) => Outcome::Scored {
                public: scores.public,
                private: scores.private,
            },
            // What is wrong with the truth may tell of the truth: it is for the organizer's log alone.
            Err(error) if error.is_in_the_truth() => Outcome::PlatformFault {
                reason: "The challenge's solution does not suit its metric; the organizer has to mend it."
                    .into(),
            },
            Err(error) => Outcome::Invalid {
                reason: error.to_string(),
                line: None,
                column: None,
            },
        },
    }
}

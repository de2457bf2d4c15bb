//! The worker: leases a run, fetches its bytes, has it judged, reports. The same loop runs in the
//! server's process and, over HTTP, on another machine; a [`Dispatcher`] is all that it knows of
//! either, and it holds no database credentials (law 9).

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

use super::judge::{CannotJudge, Files, Judge, Judgement, Outcome, Task};
use super::kind::SubmissionKind;
use super::queue::{Abilities, Lease};
use super::solution::{Solution, SolutionError, SolutionFormat};
use super::verdict::Verdict;
use super::workers::{ANNOUNCE_EVERY, Announcement, machine_memory};

/// How many parsed solutions a worker keeps: a contest's phases are few, and each stays warm.
const SOLUTIONS_KEPT: usize = 4;

/// How many of the features and scoring programs it keeps.
const FILES_KEPT: usize = 8;

/// How long a worker waits for what it says of itself to be heard.
const HEARING: Duration = Duration::from_secs(3);

/// How long the answer to a lease may come after the word that no more are wanted.
const CROSSING: Duration = Duration::from_millis(500);

/// How a worker stops. A lease that is asked for on another machine may be given at the very moment at
/// which nobody waits for it any more, and would lie there until it ends; so those who ask wait until the
/// server was told to give no more.
#[derive(Clone)]
struct Draining {
    /// It is to stop.
    asked: CancellationToken,
    /// The server knows.
    told: CancellationToken,
    /// All that had begun is finished.
    ended: CancellationToken,
}

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
    /// What is asked.
    pub task: Task,
    /// The content hash of the solution: the key of the worker's cache.
    pub solution_sha256: String,
    /// How the solution is read.
    pub solution: SolutionSpec,
    /// The content hash of the features, where a model is to be run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features_sha256: Option<String>,
    /// The content hash of the scoring program, where one scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program_sha256: Option<String>,
}

/// Which of a run's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunFile {
    /// What the team sent.
    Submission,
    /// What it is compared with.
    Solution,
    /// What a model predicts from.
    Features,
    /// The organizer's scoring program.
    Program,
}

impl RunFile {
    /// Its name in the API's addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submission => "submission",
            Self::Solution => "solution",
            Self::Features => "features",
            Self::Program => "program",
        }
    }
}

/// Why a worker could not talk to whoever hands out runs. It tries again.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub struct DispatchError(#[from] pub anyhow::Error);

/// Whoever hands out runs: the database of this process, or a server over HTTP.
pub trait Dispatcher: Send + Sync + 'static {
    /// The next run that a worker of these abilities can carry out; none after waiting a while in vain.
    fn lease(
        &self,
        abilities: &Abilities,
    ) -> impl Future<Output = Result<Option<Assignment>, DispatchError>> + Send;
    /// Extends a lease; false when it was lost.
    fn heartbeat(&self, lease: Lease) -> impl Future<Output = Result<bool, DispatchError>> + Send;
    /// Copies one of the run's files to a local path.
    fn fetch(
        &self,
        lease: Lease,
        which: RunFile,
        into: &Path,
    ) -> impl Future<Output = Result<(), DispatchError>> + Send;
    /// Keeps the predictions that a model wrote; false when the lease was lost.
    fn keep_predictions(
        &self,
        lease: Lease,
        from: &Path,
    ) -> impl Future<Output = Result<bool, DispatchError>> + Send;
    /// Reports what came of the run; false when the lease was lost and the report dropped.
    fn report(
        &self,
        lease: Lease,
        judgement: Judgement,
    ) -> impl Future<Output = Result<bool, DispatchError>> + Send;
    /// Says how the worker is.
    fn announce(
        &self,
        announcement: &Announcement,
    ) -> impl Future<Output = Result<(), DispatchError>> + Send;
}

/// A solution that a worker keeps: parsed, and for scoring programs the file that it was read from.
struct KeptSolution {
    parsed: Solution,
    file: Option<NamedTempFile>,
}

/// A worker with its cache of solutions, features and programs.
pub struct Worker<D> {
    dispatcher: D,
    judge: Judge,
    scratch: PathBuf,
    kinds: Vec<SubmissionKind>,
    /// Set once a sandbox failed that could be sealed before: models are for others from then on.
    unable: AtomicBool,
    memory_bytes: u64,
    tally: Tally,
    solutions: Cache<KeptSolution>,
    files: Cache<NamedTempFile>,
}

/// What a worker has done since it started.
struct Tally {
    started: Instant,
    running: AtomicU32,
    done: AtomicU64,
    failed: AtomicU64,
}

/// Counts a run as under way for as long as it lives.
struct UnderWay<'a>(&'a AtomicU32);

impl<'a> UnderWay<'a> {
    fn begin(running: &'a AtomicU32) -> Self {
        running.fetch_add(1, Ordering::Relaxed);
        Self(running)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<D: Dispatcher> Worker<D> {
    /// A worker that takes these kinds of submission and keeps files of the run at hand in `scratch`.
    /// Where the judge has no sandbox, only what needs none is taken, and of the kinds only those that
    /// something is installed for.
    pub fn new(
        dispatcher: D,
        judge: Judge,
        mut kinds: Vec<SubmissionKind>,
        scratch: PathBuf,
    ) -> Self {
        kinds.retain(|kind| judge.runtimes().can_run(*kind).is_ok());
        Self {
            memory_bytes: machine_memory(),
            tally: Tally {
                started: Instant::now(),
                running: AtomicU32::new(0),
                done: AtomicU64::new(0),
                failed: AtomicU64::new(0),
            },
            dispatcher,
            judge,
            scratch,
            kinds,
            unable: AtomicBool::new(false),
            solutions: Cache::new(SOLUTIONS_KEPT),
            files: Cache::new(FILES_KEPT),
        }
    }

    /// Takes only runs that may use at most this much memory, in bytes, instead of all of the machine's.
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// What it can carry out now.
    pub fn abilities(&self) -> Abilities {
        Abilities {
            kinds: self.kinds.clone(),
            sandbox: self.sandbox_problem().is_none(),
            memory_bytes: self.memory_bytes,
        }
    }

    fn sandbox_problem(&self) -> Option<String> {
        if self.unable.load(Ordering::Relaxed) {
            return Some(
                "the sandbox refused a run; `paddock sandbox check` says why, then start the worker again"
                    .into(),
            );
        }
        self.judge.refusal().map(ToString::to_string)
    }

    /// What it says of itself.
    fn announcement(&self, concurrency: usize, draining: bool) -> Announcement {
        Announcement {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kinds: self.kinds.clone(),
            concurrency: u32::try_from(concurrency).unwrap_or(u32::MAX),
            running: self.tally.running.load(Ordering::Relaxed),
            memory_bytes: self.memory_bytes,
            runtime: self.judge.runtimes().version().map(str::to_owned),
            sandbox_problem: self.sandbox_problem(),
            draining,
            runs_done: self.tally.done.load(Ordering::Relaxed),
            runs_failed: self.tally.failed.load(Ordering::Relaxed),
            seconds_up: self.tally.started.elapsed().as_secs(),
        }
    }

    /// Says how it is until it has ended, at once when it begins to drain, and a last time then.
    async fn keep_announcing(self: Arc<Self>, concurrency: usize, draining: Draining) {
        loop {
            tokio::select! {
                () = draining.ended.cancelled() => break,
                () = draining.asked.cancelled(), if !draining.told.is_cancelled() => {}
                () = tokio::time::sleep(ANNOUNCE_EVERY) => {}
            }
            let is_draining = draining.asked.is_cancelled();
            self.announce(concurrency, is_draining).await;
            if is_draining {
                draining.told.cancel();
            }
        }
        self.announce(concurrency, true).await;
    }

    async fn announce(&self, concurrency: usize, is_draining: bool) {
        let announcement = self.announcement(concurrency, is_draining);
        let said = self.dispatcher.announce(&announcement);
        match tokio::time::timeout(HEARING, said).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "this worker could not say how it is"),
            Err(_) => tracing::warn!("nobody heard this worker say how it is"),
        }
    }

    /// Carries runs out, `concurrency` at once, until told to stop; then finishes what it has begun.
    pub async fn run(self, concurrency: usize, stop: CancellationToken) {
        if concurrency == 0 {
            return;
        }
        let worker = Arc::new(self);
        let draining = Draining {
            asked: stop,
            told: CancellationToken::new(),
            ended: CancellationToken::new(),
        };
        // Before its first lease, so that nobody takes it for the one of its name that stopped.
        worker.announce(concurrency, false).await;
        let announcing = Arc::clone(&worker).keep_announcing(concurrency, draining.clone());
        let announcing = tokio::spawn(announcing);
        let lanes: Vec<_> = (0..concurrency)
            .map(|_| tokio::spawn(Arc::clone(&worker).lane(draining.clone())))
            .collect();
        for lane in lanes {
            if let Err(error) = lane.await {
                tracing::error!(%error, "a worker's lane ended by a panic");
            }
        }
        draining.ended.cancel();
        if let Err(error) = announcing.await {
            tracing::error!(%error, "a worker's announcements ended by a panic");
        }
    }

    async fn lane(self: Arc<Self>, draining: Draining) {
        let told = async || {
            draining.told.cancelled().await;
            tokio::time::sleep(CROSSING).await;
        };
        let mut pause = Duration::from_millis(100);
        while !draining.asked.is_cancelled() {
            let abilities = self.abilities();
            let leased = tokio::select! {
                () = told() => return,
                leased = self.dispatcher.lease(&abilities) => leased,
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
                        () = draining.asked.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(Duration::from_secs(10));
                }
            }
        }
    }

    /// Carries out the next run, if one waits: one step of the loop.
    pub async fn step(self: &Arc<Self>) -> Result<bool, DispatchError> {
        match self.dispatcher.lease(&self.abilities()).await? {
            Some(assignment) => {
                self.carry_out(assignment).await;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    async fn carry_out(self: &Arc<Self>, assignment: Assignment) {
        let lease = assignment.lease;
        let _under_way = UnderWay::begin(&self.tally.running);
        let judgement = tokio::select! {
            judgement = self.judge(&assignment) => judgement,
            () = self.keep_lease(&assignment) => {
                tracing::warn!(?lease, "the lease was lost; another worker has the run");
                return;
            }
        };
        let judgement = match judgement {
            Ok(judgement) => judgement,
            Err(error) => {
                // Without a report the lease runs out and the run is taken again, here or elsewhere.
                tracing::error!(?lease, %error, "a run could not be carried out");
                self.tally.failed.fetch_add(1, Ordering::Relaxed);
                return;
            }
        };
        let counter = match judgement.outcome.verdict().is_judged() {
            true => &self.tally.done,
            false => &self.tally.failed,
        };
        for attempt in 0..5_u32 {
            match self.dispatcher.report(lease, judgement.clone()).await {
                Ok(true) => {
                    counter.fetch_add(1, Ordering::Relaxed);
                    return;
                }
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

    async fn judge(self: &Arc<Self>, assignment: &Assignment) -> Result<Judgement, DispatchError> {
        let lease = assignment.lease;
        let solution = self.solution(assignment).await?;
        let features = match &assignment.features_sha256 {
            Some(sha256) => Some(self.file(lease, RunFile::Features, sha256).await?),
            None => None,
        };
        let program = match &assignment.program_sha256 {
            Some(sha256) => Some(self.file(lease, RunFile::Program, sha256).await?),
            None => None,
        };
        let submission = self.fetched(lease, RunFile::Submission).await?;
        let predictions = self.temporary()?;
        let into = predictions.path().to_owned();
        // Whoever drops this future (a lost lease, a worker that is told to stop at once) ends the run.
        let cancelled = Arc::new(AtomicBool::new(false));
        let _ends_the_run = CancelOnDrop(Arc::clone(&cancelled));
        let (worker, spec, task) = (
            Arc::clone(self),
            assignment.solution.format.clone(),
            assignment.task.clone(),
        );
        let judged = tokio::task::spawn_blocking(move || {
            let files = Files {
                submission: submission.path(),
                features: features.as_ref().map(|file| file.path()),
                solution: solution.file.as_ref().map(|file| file.path()),
                program: program.as_ref().map(|file| file.path()),
            };
            worker
                .judge
                .judge(&task, files, &solution.parsed, &spec, &into, &cancelled)
        })
        .await;
        let judgement = match judged {
            Ok(Ok(judgement)) => judgement,
            Ok(Err(CannotJudge::Refused(reason))) => {
                self.unable.store(true, Ordering::Relaxed);
                return Err(anyhow!(
                    "the sandbox refused, so this worker takes no more models: {reason}"
                )
                .into());
            }
            Ok(Err(error)) => return Err(anyhow::Error::from(error).into()),
            Err(panic) => {
                let reason = format!("scoring broke off: {panic}");
                return Ok(Outcome::failed(Verdict::PlatformFault, reason).into());
            }
        };
        let is_scored = matches!(judgement.outcome, Outcome::Scored { .. });
        if is_scored && assignment.task.kind.is_model() {
            // A lost lease shows again when the report is refused.
            self.dispatcher
                .keep_predictions(lease, predictions.path())
                .await?;
        }
        Ok(judgement)
    }

    /// The parsed solution, from the cache where it is.
    async fn solution(&self, assignment: &Assignment) -> Result<Arc<KeptSolution>, DispatchError> {
        let needs_file = assignment.program_sha256.is_some();
        if let Some(kept) = self.solutions.get(&assignment.solution_sha256)
            && (kept.file.is_some() || !needs_file)
        {
            return Ok(kept);
        }
        let file = self.fetched(assignment.lease, RunFile::Solution).await?;
        let spec = assignment.solution.clone();
        let solution = tokio::task::spawn_blocking(move || {
            let parsed = spec.read(file.reopen()?)?;
            let file = needs_file.then_some(file);
            anyhow::Ok(KeptSolution { parsed, file })
        })
        .await
        .map_err(anyhow::Error::from)??;
        Ok(self.solutions.keep(&assignment.solution_sha256, solution))
    }

    /// A file that many runs share, from the cache where it is.
    async fn file(
        &self,
        lease: Lease,
        which: RunFile,
        sha256: &str,
    ) -> Result<Arc<NamedTempFile>, DispatchError> {
        if let Some(kept) = self.files.get(sha256) {
            return Ok(kept);
        }
        let file = self.fetched(lease, which).await?;
        Ok(self.files.keep(sha256, file))
    }

    async fn fetched(&self, lease: Lease, which: RunFile) -> Result<NamedTempFile, DispatchError> {
        let file = self.temporary()?;
        self.dispatcher.fetch(lease, which, file.path()).await?;
        Ok(file)
    }

    fn temporary(&self) -> Result<NamedTempFile, DispatchError> {
        std::fs::create_dir_all(&self.scratch).map_err(anyhow::Error::from)?;
        Ok(NamedTempFile::new_in(&self.scratch).map_err(anyhow::Error::from)?)
    }
}

/// Tells a run that nobody waits for it any more.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The last few things by their content hash.
struct Cache<T> {
    most: usize,
    kept: Mutex<VecDeque<(String, Arc<T>)>>,
}

impl<T> Cache<T> {
    fn new(most: usize) -> Self {
        Self {
            most,
            kept: Mutex::default(),
        }
    }

    fn get(&self, sha256: &str) -> Option<Arc<T>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .find(|(known, _)| known == sha256)
            .map(|(_, value)| Arc::clone(value))
    }

    fn keep(&self, sha256: &str, value: T) -> Arc<T> {
        let value = Arc::new(value);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front((sha256.to_owned(), Arc::clone(&value)));
        kept.truncate(self.most);
        value
    }
}

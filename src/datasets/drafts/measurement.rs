//! What is done in the background: each job holds a lease, tells how far it is, and ends in one write.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::raw_table::raw_table;
use super::rows::{self, Job, Lease, Outcome};
use super::{Draft, DraftError, Drafts};
use crate::datasets::anonymize::policy::Policy;
use crate::datasets::publish::{self, PublishError, Step};
use crate::datasets::split::SplitPlan;
use crate::platform::database::DatabaseError;

/// How often a lease is renewed: several times before it ends.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How a job tells how far it is, from any thread.
pub(super) type Report = Arc<dyn Fn(Step) + Send + Sync>;

impl Drafts {
    /// Begins to make and attack the release in the background: [`Draft::work`] and [`Draft::step`] tell how
    /// far it is, [`Drafts::examination`] what came out.
    ///
    /// # Errors
    /// [`DraftError::NotInspected`], [`DraftError::NoPolicy`], [`DraftError::Busy`], [`DraftError::Changed`].
    pub async fn begin_measurement(&self, draft: &Draft) -> Result<(), DraftError> {
        let first = "Fetching the raw file";
        self.begin(
            draft,
            Job::Measure,
            first,
            |drafts, draft, report| async move {
                let policy = Policy::parse(&draft.details.policy).map_err(PublishError::from)?;
                let plan = split_plan(draft.details.split.as_deref())?;
                let key = drafts.release_key(&draft)?;
                let raw = drafts.raw_file(&draft).await?;
                let draft_source = draft.source;
                let examined = tokio::task::spawn_blocking(move || {
                    let raw = raw_table(raw, draft_source)?;
                    publish::examine(raw.path(), &policy, plan.as_ref(), &key, &mut |step| {
                        report(step);
                    })
                });
                let examination = examined.await.map_err(DatabaseError::from)??;
                Ok(Outcome::Measured(drafts.seal(
                    &draft,
                    "examination",
                    &examination,
                )?))
            },
        )
        .await
    }

    /// Takes the lease and spawns the job.
    pub(super) async fn begin<F, W>(
        &self,
        draft: &Draft,
        job: Job,
        first: &'static str,
        work: W,
    ) -> Result<(), DraftError>
    where
        W: FnOnce(Self, Draft, Report) -> F + Send + 'static,
        F: Future<Output = Result<Outcome, DraftError>> + Send + 'static,
    {
        let lease = self.lease(draft, job, first).await?;
        let (drafts, draft) = (self.clone(), draft.clone());
        tokio::spawn(async move {
            let at_work = drafts.clone();
            let done = drafts.keeping(lease, first, |report| work(at_work, draft, report));
            let (done, lease) = done.await;
            let outcome = done.unwrap_or_else(|error| Outcome::Failed {
                problem: told(&error),
                job,
            });
            drafts.end(lease, outcome).await;
        });
        Ok(())
    }

    pub(super) async fn lease(
        &self,
        draft: &Draft,
        job: Job,
        first: &'static str,
    ) -> Result<Lease, DraftError> {
        let (draft, now) = (draft.clone(), self.clock.now());
        self.publisher
            .database
            .write(move |connection| rows::begin(connection, now, &draft, job, first))
            .await
    }

    /// Ends a job; what cannot be written is found again when the lease has ended.
    pub(super) async fn end(&self, lease: Lease, outcome: Outcome) {
        let now = self.clock.now();
        let ended = self
            .publisher
            .database
            .write(move |connection| rows::end(connection, now, &lease, &outcome))
            .await;
        if let Err(error) = ended {
            tracing::warn!(%error, "the end of a draft's job could not be written");
        }
    }

    /// Runs a job and keeps its lease meanwhile; returns the lease as it stands then.
    pub(super) async fn keeping<T, F: Future<Output = T>>(
        &self,
        mut lease: Lease,
        first: &'static str,
        work: impl FnOnce(Report) -> F,
    ) -> (T, Lease) {
        let (tell, mut told) = watch::channel(Step {
            doing: first,
            percent: 0,
        });
        let mut work = std::pin::pin!(work(Arc::new(move |step| {
            tell.send_replace(step);
        })));
        let mut renewal = tokio::time::interval(HEARTBEAT);
        let mut lost = false;
        loop {
            tokio::select! {
                biased;
                done = &mut work => return (done, lease),
                Ok(()) = told.changed(), if !lost => {}
                _ = renewal.tick() => {}
            }
            let (now, step, held) = (self.clock.now(), *told.borrow_and_update(), lease.clone());
            let renewed = self
                .publisher
                .database
                .write(move |connection| {
                    rows::heartbeat(connection, now, &held, step.doing, step.percent)
                })
                .await;
            match renewed {
                Ok(Some(renewed)) => lease = renewed,
                // Somebody changed the draft: nobody will ask for the result.
                Ok(None) => lost = true,
                Err(error) => tracing::warn!(%error, "a draft's lease could not be renewed"),
            }
        }
    }
}

/// The split plan of a draft.
///
/// # Errors
/// [`PublishError::Invalid`] with the place in the TOML.
pub(super) fn split_plan(text: Option<&str>) -> Result<Option<SplitPlan>, PublishError> {
    text.map(toml::from_str::<SplitPlan>)
        .transpose()
        .map_err(|error| PublishError::Invalid {
            field: "split",
            problem: error.to_string(),
        })
}

/// What an organizer is told of a failure; the platform's own goes to the log.
pub(super) fn told(error: &DraftError) -> String {
    match error {
        DraftError::Publish(
            PublishError::Io(_) | PublishError::Storage(_) | PublishError::Database(_),
        )
        | DraftError::Storage(_)
        | DraftError::Database(_)
        | DraftError::Vault(_)
        | DraftError::Io(_) => {
            tracing::error!(%error, "a draft's job failed");
            "Something went wrong on our side. Please try again.".to_owned()
        }
        DraftError::Publish(PublishError::Invalid { problem, .. }) => problem.clone(),
        error => error.to_string(),
    }
}

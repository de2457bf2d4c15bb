//! From a measured draft to a release.

use super::measurement::told;
use super::raw_table::raw_table;
use super::rows::{Job, Outcome};
use super::{Draft, DraftError, Drafts};
use crate::accounts::users::User;
use crate::datasets::publish::{Override, Publication, Published};
use crate::platform::database::DatabaseError;

/// What stands on the pages while a draft is being published.
const PUBLISHING: &str = "Publishing";

impl Drafts {
    /// Publishes what was measured: the same table under the same policy and key. Then the draft and its
    /// bytes are deleted. An admin's `reason` publishes although gates fail.
    ///
    /// # Errors
    /// [`DraftError::NotMeasured`] and all of [`DraftError::Publish`], with nothing published and the draft
    /// kept.
    pub async fn publish(
        &self,
        user: &User,
        draft: &Draft,
        reason: Option<String>,
    ) -> Result<Published, DraftError> {
        let lease = self.lease(draft, Job::Publish, PUBLISHING).await?;
        let work = async {
            let raw = self.raw_file(draft).await?;
            let source = draft.source;
            let table = tokio::task::spawn_blocking(move || raw_table(raw, source))
                .await
                .map_err(DatabaseError::from)??;
            let publication = Publication {
                draft: draft.details.clone(),
                table: table.path().to_owned(),
                key: self.release_key(draft)?,
                owner: draft.owner.clone(),
                overridden: reason.map(|reason| Override {
                    by: user.clone(),
                    reason,
                }),
            };
            let now = self.clock.now();
            // The table must stay until it is published.
            let published = self.publisher.publish(now, publication).await;
            drop(table);
            Ok::<_, DraftError>(published?)
        };
        let (published, lease) = self.keeping(lease, PUBLISHING, |_| work).await;
        match published {
            Ok(published) => {
                // Published is published; what cannot be deleted now is swept later.
                if let Err(error) = self.delete(draft.key.clone()).await {
                    tracing::warn!(%error, "a published draft could not be deleted");
                }
                Ok(published)
            }
            Err(error) => {
                let problem = told(&error);
                let job = Job::Publish;
                self.end(lease, Outcome::Failed { job, problem }).await;
                Err(error)
            }
        }
    }
}

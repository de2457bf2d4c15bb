//! What nobody came back for.

use chrono::TimeDelta;

use super::{DraftError, Drafts, KEPT, rows};

/// An upload that has not got its place after so long never will.
const FORGOTTEN: TimeDelta = TimeDelta::days(1);

impl Drafts {
    /// Deletes drafts that nobody touched for a week, bytes that belong to no draft, and uploads that never
    /// got their place; returns how many drafts.
    ///
    /// # Errors
    /// The store's and the database's; the next sweep goes on.
    pub async fn sweep(&self) -> Result<usize, DraftError> {
        let now = self.clock.now();
        let (database, storage) = (&self.publisher.database, &self.publisher.storage);
        let untouched = database
            .read(move |connection| rows::untouched_since(connection, now - KEPT))
            .await?;
        let swept = untouched.len();
        for key in untouched {
            self.delete(key).await?;
        }
        // The store is asked first: a draft that begins meanwhile has its row before its bytes.
        let stored: Vec<String> = storage.drafts().await?.into_iter().collect();
        let asked = stored.clone();
        let known = database
            .read(move |connection| rows::known(connection, &asked))
            .await?;
        for key in stored.iter().filter(|key| !known.contains(key)) {
            storage.discard_draft(key).await?;
        }
        storage.sweep_uploads(now - FORGOTTEN).await?;
        Ok(swept)
    }
}

//! Receiving a raw file part by part.

use bytes::Bytes;
use futures_util::Stream;

use super::{Draft, DraftError, Drafts, MOST_PARTS, rows};
use crate::accounts::users::User;
use crate::platform::storage::StorageError;

/// How an upload stands after a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// How much has come: where the next part begins.
    pub offset: u64,
    /// Whether that is all.
    pub is_complete: bool,
    /// Why the sender stopped early, if so; what came is kept.
    pub broken: Option<String>,
}

impl Drafts {
    /// Appends a part that begins at `offset`. Of two parts with the same beginning, the first to come whole
    /// is kept. A part that breaks off is kept as far as it came. The last part begins the inspection.
    ///
    /// # Errors
    /// [`DraftError::Offset`] where the part does not begin where the last one ended, or another was
    /// faster; [`DraftError::TooLarge`] for more than was announced, with nothing of it kept.
    pub async fn append<E: std::fmt::Display>(
        &self,
        user: &User,
        key: &str,
        offset: u64,
        stream: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<Received, DraftError> {
        let draft = self.find(user, key).await?;
        if draft.received_bytes != offset || draft.is_complete() {
            return Err(DraftError::Offset {
                expected: draft.received_bytes,
                given: offset,
            });
        }
        if draft.parts.len() >= MOST_PARTS {
            return Err(DraftError::TooManyParts);
        }
        let rest = draft.announced_bytes - offset;
        let storage = &self.publisher.storage;
        let part = match storage.receive_part(key, stream, rest).await {
            Err(StorageError::TooLarge { .. }) => {
                return Err(DraftError::TooLarge {
                    limit: draft.announced_bytes,
                });
            }
            part => part?,
        };
        let mut received = Received {
            offset,
            is_complete: false,
            broken: part.broken,
        };
        if part.bytes == 0 {
            return Ok(received);
        }
        let now = self.clock.now();
        let (begun, stored) = (draft.clone(), part.key.clone());
        let appended = self
            .publisher
            .database
            .write(move |connection| rows::append(connection, now, &begun, &stored, part.bytes))
            .await;
        if !matches!(appended, Ok(true)) {
            storage.discard_part(key, &part.key).await?;
            appended?;
            let expected = self.find(user, key).await?.received_bytes;
            let given = offset;
            return Err(DraftError::Offset { expected, given });
        }
        received.offset += part.bytes;
        received.is_complete = received.offset == draft.announced_bytes;
        if received.is_complete {
            self.begin_inspection(&self.find(user, key).await?, None)
                .await?;
        }
        Ok(received)
    }

    /// Receives a whole file of unknown length that lies in a local file.
    ///
    /// # Errors
    /// As [`Drafts::create`] and [`Drafts::append`].
    pub async fn receive_whole(
        &self,
        owner: &User,
        file_name: &str,
        file: &std::path::Path,
    ) -> Result<Draft, DraftError> {
        let bytes = tokio::fs::metadata(file).await?.len();
        let draft = self.create(owner, file_name, bytes).await?;
        let file = tokio::fs::File::open(file).await?;
        let stream = tokio_util::io::ReaderStream::with_capacity(file, 256 * 1024);
        self.append(owner, &draft.key, 0, stream).await?;
        self.find(owner, &draft.key).await
    }
}

//! Bytes by their hash, in any store that `object_store` speaks to.
//!
//! Four areas that never mix: what anyone may download, what nobody may (solutions), what teams sent, and
//! raw files on their way to a release. No route takes an area or a key from a request; law 5 rests on that.

use std::collections::BTreeSet;
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt, WriteMultipart, prefix::PrefixStore,
};
use rand::RngExt;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

/// How many parts of an upload may be under way at once: what bounds an upload's memory.
const PARTS_IN_FLIGHT: usize = 4;

/// Which of the store's areas of single objects; drafts, which lie in parts, have methods of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// Files of releases and sample submissions, content-addressed.
    Published,
    /// Solutions, content-addressed. Workers read them; no page and no sandbox does.
    Hidden,
    /// What teams sent, under random keys.
    Submissions,
}

impl Area {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Hidden => "hidden",
            Self::Submissions => "submissions",
        }
    }

    /// The path of a key. Keys are made by this module (hexadecimal), so a key that is anything else
    /// comes from a damaged database and is refused.
    fn path(self, key: &str) -> Result<Path, StorageError> {
        if key.len() < 4 || !key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(StorageError::BadKey(key.to_owned()));
        }
        Ok(Path::from(format!("{}/{}/{key}", self.prefix(), &key[..2])))
    }
}

/// Where bytes are until their hash, and so their key, is known.
const UPLOADS: &str = "uploads";
/// Where the parts of drafts' raw files are, under the drafts' keys.
const DRAFTS: &str = "drafts";

fn draft_path(draft: &str) -> Result<Path, StorageError> {
    if draft.is_empty() || !draft.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(StorageError::BadKey(draft.to_owned()));
    }
    Ok(Path::from(format!("{DRAFTS}/{draft}")))
}

fn part_path(draft: &str, part: &str) -> Result<Path, StorageError> {
    if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(StorageError::BadKey(part.to_owned()));
    }
    Ok(draft_path(draft)?.join(part))
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Where: the hash for content-addressed areas, a random key for submissions.
    pub key: String,
    /// SHA-256 of the bytes, lower-case hexadecimal.
    pub sha256: String,
    /// How many.
    pub bytes: u64,
}

/// A part of a draft's raw file that was stored.
#[derive(Debug)]
pub struct StoredPart {
    /// Its random key among the draft's parts.
    pub key: String,
    /// How many bytes came; none: nothing was stored.
    pub bytes: u64,
    /// Why the sender stopped before the end, if so. What came until then is kept.
    pub broken: Option<String>,
}

/// Why bytes could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// `storage_url` names no store that can be opened.
    #[error("storage_url: {0}")]
    BadUrl(String),
    /// The store failed.
    #[error("the object store failed: {0}")]
    Store(#[from] object_store::Error),
    /// A local file beside the store failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The upload is larger than allowed; nothing of it was kept.
    #[error("the file is larger than {limit} bytes, the most that is accepted here")]
    TooLarge {
        /// The most bytes that would have been accepted.
        limit: u64,
    },
    /// The client stopped sending; nothing of it was kept.
    #[error("the upload broke off: {0}")]
    BrokenUpload(String),
    /// A key that this module cannot have made.
    #[error("`{0}` is no storage key")]
    BadKey(String),
}

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Storage {
    store: Arc<dyn ObjectStore>,
}

impl Storage {
    /// Opens `file:DIRECTORY` (made if it does not exist) or any URL of `object_store`
    /// (`s3://`, `az://`, `gs://`), whose credentials come from the usual environment variables.
    pub fn open(url: &str) -> Result<Self, StorageError> {
        if let Some(directory) = url.strip_prefix("file:") {
            let directory = directory.strip_prefix("//").unwrap_or(directory);
            std::fs::create_dir_all(directory)?;
            let local = LocalFileSystem::new_with_prefix(directory)?;
            return Ok(Self {
                store: Arc::new(local.with_automatic_cleanup(false)),
            });
        }
        let parsed = reqwest::Url::parse(url)
            .map_err(|error| StorageError::BadUrl(format!("`{url}`: {error}")))?;
        let options = std::env::vars().filter_map(|(name, value)| {
            let name = name.to_ascii_lowercase();
            ["aws_", "azure_", "google_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
                .then_some((name, value))
        });
        let (store, prefix) = object_store::parse_url_opts(&parsed, options)
            .map_err(|error| StorageError::BadUrl(error.to_string()))?;
        Ok(Self {
            store: Arc::new(PrefixStore::new(store, prefix)),
        })
    }

    /// Streams bytes in, hashing and counting them, under a new random key of the submissions area.
    /// Leaves nothing behind when the stream fails or is longer than `limit`.
    pub async fn receive_submission<E: std::fmt::Display>(
        &self,
        stream: impl Stream<Item = Result<Bytes, E>>,
        limit: u64,
    ) -> Result<Stored, StorageError> {
        let key = random_key();
        let path = Area::Submissions.path(&key)?;
        let (sha256, bytes) = self.write_stream(&path, stream, limit).await?;
        Ok(Stored { key, sha256, bytes })
    }

    /// Streams bytes into a content-addressed area. The same bytes are stored once.
    pub async fn receive<E: std::fmt::Display>(
        &self,
        area: Area,
        stream: impl Stream<Item = Result<Bytes, E>>,
        limit: u64,
    ) -> Result<Stored, StorageError> {
        let upload = Path::from(format!("{UPLOADS}/{}", random_key()));
        let (sha256, bytes) = self.write_stream(&upload, stream, limit).await?;
        self.store.rename(&upload, &area.path(&sha256)?).await?;
        Ok(Stored {
            key: sha256.clone(),
            sha256,
            bytes,
        })
    }

    /// Stores a local file in a content-addressed area.
    pub async fn put_file(&self, area: Area, file: &FilePath) -> Result<Stored, StorageError> {
        let file = tokio::fs::File::open(file).await?;
        let stream = tokio_util::io::ReaderStream::with_capacity(file, 256 * 1024);
        self.receive(area, stream, u64::MAX).await
    }

    /// Stores bytes already in memory in a content-addressed area.
    pub async fn put_bytes(&self, area: Area, bytes: Bytes) -> Result<Stored, StorageError> {
        let stream = futures_util::stream::once(async { Ok::<_, std::io::Error>(bytes) });
        self.receive(area, stream, u64::MAX).await
    }

    /// Streams an object, or the given range of it.
    pub async fn read(
        &self,
        area: Area,
        key: &str,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, StorageError>>, StorageError> {
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let result = self.store.get_opts(&area.path(key)?, options).await?;
        Ok(result.into_stream().map_err(StorageError::from).boxed())
    }

    /// Copies an object into a local file.
    pub async fn copy_to_file(
        &self,
        area: Area,
        key: &str,
        file: &FilePath,
    ) -> Result<(), StorageError> {
        let mut stream = self.read(area, key, None).await?;
        let mut file = tokio::fs::File::create(file).await?;
        while let Some(chunk) = stream.try_next().await? {
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        Ok(())
    }

    /// Removes a submission's bytes: only for an upload that was refused.
    pub async fn discard_submission(&self, key: &str) -> Result<(), StorageError> {
        self.store.delete(&Area::Submissions.path(key)?).await?;
        Ok(())
    }

    /// Streams a part of a draft's raw file in. Of a stream that breaks off, what came is kept: the sender
    /// goes on from there. Of one that is longer than `limit` nothing is.
    pub async fn receive_part<E: std::fmt::Display>(
        &self,
        draft: &str,
        stream: impl Stream<Item = Result<Bytes, E>>,
        limit: u64,
    ) -> Result<StoredPart, StorageError> {
        let key = random_key();
        let path = part_path(draft, &key)?;
        let mut broken = None;
        // Ends where the sender breaks off.
        let until_broken = stream.scan(&mut broken, |broken, chunk| {
            let chunk = chunk.map_err(|error| **broken = Some(error.to_string()));
            std::future::ready(chunk.ok().map(Ok::<_, std::convert::Infallible>))
        });
        let (_, bytes) = self.write_stream(&path, until_broken, limit).await?;
        if bytes == 0 {
            self.store.delete(&path).await?;
        }
        Ok(StoredPart { key, bytes, broken })
    }

    /// Copies the parts of a draft's raw file, one after the other, into a local file.
    pub async fn copy_parts_to_file(
        &self,
        draft: &str,
        parts: &[String],
        file: &FilePath,
    ) -> Result<(), StorageError> {
        let mut file = tokio::fs::File::create(file).await?;
        for part in parts {
            let mut stream = self
                .store
                .get(&part_path(draft, part)?)
                .await?
                .into_stream();
            while let Some(chunk) = stream.try_next().await? {
                file.write_all(&chunk).await?;
            }
        }
        file.flush().await?;
        Ok(())
    }

    /// Removes one part of a draft's raw file: only for one that was refused.
    pub async fn discard_part(&self, draft: &str, part: &str) -> Result<(), StorageError> {
        Ok(self.store.delete(&part_path(draft, part)?).await?)
    }

    /// Removes all that was ever stored of a draft's raw file.
    pub async fn discard_draft(&self, draft: &str) -> Result<(), StorageError> {
        let mut objects = self.store.list(Some(&draft_path(draft)?));
        while let Some(object) = objects.try_next().await? {
            self.store.delete(&object.location).await?;
        }
        Ok(())
    }

    /// The drafts that something is stored of.
    pub async fn drafts(&self) -> Result<BTreeSet<String>, StorageError> {
        let mut objects = self.store.list(Some(&Path::from(DRAFTS)));
        let mut drafts = BTreeSet::new();
        while let Some(object) = objects.try_next().await? {
            let draft = object.location.parts().nth(1);
            let draft = draft.map(|part| part.as_ref().to_owned());
            drafts.extend(draft.filter(|draft| draft_path(draft).is_ok()));
        }
        Ok(drafts)
    }

    /// Removes uploads that were begun before `then` and never got their place; returns how many.
    pub async fn sweep_uploads(&self, then: DateTime<Utc>) -> Result<u64, StorageError> {
        let mut objects = self.store.list(Some(&Path::from(UPLOADS)));
        let mut swept = 0;
        while let Some(object) = objects.try_next().await? {
            if object.last_modified < then {
                self.store.delete(&object.location).await?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// Whether the store answers, for the readiness probe.
    pub async fn check(&self) -> Result<(), StorageError> {
        match self.store.head(&Path::from("published/readiness")).await {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn write_stream<E: std::fmt::Display>(
        &self,
        path: &Path,
        stream: impl Stream<Item = Result<Bytes, E>>,
        limit: u64,
    ) -> Result<(String, u64), StorageError> {
        let mut writer = WriteMultipart::new(self.store.put_multipart(path).await?);
        let mut hash = Sha256::new();
        let mut bytes = 0_u64;
        let mut stream = std::pin::pin!(stream);
        while let Some(chunk) = stream.next().await {
            let failure = match chunk {
                Ok(chunk) => {
                    bytes += chunk.len() as u64;
                    if bytes <= limit {
                        hash.update(&chunk);
                        writer.wait_for_capacity(PARTS_IN_FLIGHT).await?;
                        writer.put(chunk);
                        continue;
                    }
                    StorageError::TooLarge { limit }
                }
                Err(error) => StorageError::BrokenUpload(error.to_string()),
            };
            writer.abort().await?;
            return Err(failure);
        }
        writer.finish().await?;
        Ok((hexadecimal(&hash.finalize()), bytes))
    }
}

/// Lower-case hexadecimal of some bytes.
pub fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

/// A key that nobody guesses: 128 random bits, hexadecimal.
pub fn random_key() -> String {
    hexadecimal(&rand::rng().random::<[u8; 16]>())
}

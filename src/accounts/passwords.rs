//! Password hashing: argon2id, off the async threads and never more at once than there are cores.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::platform::database::DatabaseError;

/// The shortest password that is accepted (NIST SP 800-63B asks for at least 8).
pub const MINIMUM_LENGTH: usize = 10;
/// The longest: beyond it hashing only costs memory bandwidth.
pub const MAXIMUM_LENGTH: usize = 256;

/// How passwords are hashed. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    at_once: Arc<Semaphore>,
    /// Verified in place of a missing account's hash, so that time does not tell who has an account.
    nobody: Arc<str>,
}

impl Passwords {
    /// OWASP's parameters for argon2id: 19 MiB, two passes, one lane.
    pub fn owasp() -> Self {
        Self::with(Params::default())
    }

    /// Parameters so weak that tests do not wait for them.
    pub fn for_tests() -> Self {
        Self::with(Params::new(8, 1, 1, None).unwrap_or_default())
    }

    fn with(params: Params) -> Self {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let nobody = argon2.hash_password(b"no account has this password");
        Self {
            argon2,
            at_once: Arc::new(Semaphore::new(cores)),
            nobody: nobody
                .map(|hash| hash.to_string())
                .unwrap_or_default()
                .into(),
        }
    }

    /// The PHC string of a password, with a fresh salt.
    pub async fn hash(&self, password: String) -> Result<String, DatabaseError> {
        let argon2 = self.argon2.clone();
        self.off_thread(move || match argon2.hash_password(password.as_bytes()) {
            Ok(hash) => hash.to_string(),
            // Lengths are checked before, so only the system's random source can fail. An empty
            // hash matches no password: the account exists but nobody can sign in to it.
            Err(error) => {
                tracing::error!(%error, "a password could not be hashed");
                String::new()
            }
        })
        .await
    }

    /// Whether `password` has the hash; takes as long when there is no hash to compare with.
    pub async fn verify(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, DatabaseError> {
        let argon2 = self.argon2.clone();
        let exists = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.to_string());
        self.off_thread(move || {
            PasswordHash::new(&hash).is_ok_and(|hash| {
                password.len() <= MAXIMUM_LENGTH
                    && argon2.verify_password(password.as_bytes(), &hash).is_ok()
            }) && exists
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DatabaseError> {
        // The semaphore is never closed, and without a permit the work would only be less bounded.
        let _permit = self.at_once.acquire().await.ok();
        Ok(tokio::task::spawn_blocking(work).await?)
    }
}

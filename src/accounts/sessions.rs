//! Signed-in browsers: a row each, found by the hash of the cookie's key, so that deleting the row
//! signs out and reading the table signs nobody in.

use std::collections::HashMap;

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use rand::distr::{Alphanumeric, SampleString as _};

use super::tokens::sha256_hex;
use super::users::{Role, User};
use crate::platform::clock::Clock;
use crate::platform::database::{Database, DatabaseError};
use crate::platform::schema::{sessions, users};

/// The entry of a session's state that holds the signed-in [`User`]. It is not kept: each request
/// reads the user's row along with the session, so a changed role is in force at once.
pub const USER: &str = "user";

/// Sessions in our own database.
#[derive(Clone)]
pub struct DatabaseSessions {
    /// Where they are.
    pub database: Database,
    /// What time it is.
    pub clock: Clock,
}

type State = HashMap<String, String>;

impl DatabaseSessions {
    fn expiry(&self, ttl: &Duration) -> DateTime<Utc> {
        self.clock.now() + TimeDelta::seconds(ttl.whole_seconds())
    }

    async fn write(
        &self,
        key: &SessionKey,
        mut state: State,
        ttl: &Duration,
    ) -> Result<(), anyhow::Error> {
        let user_id = match state.remove(USER) {
            Some(user) => Some(serde_json::from_str::<User>(&user)?.id),
            None => None,
        };
        let key_hash = sha256_hex(key.as_ref());
        let kept = serde_json::to_string(&state)?;
        let expires_at = self.expiry(ttl).naive_utc();
        let now = self.clock.now().naive_utc();
        self.database
            .write(move |connection| {
                diesel::delete(sessions::table.filter(sessions::expires_at.lt(now)))
                    .execute(connection)?;
                let known = diesel::update(sessions::table.find(&key_hash))
                    .set((
                        sessions::user_id.eq(user_id),
                        sessions::state.eq(&kept),
                        sessions::expires_at.eq(expires_at),
                    ))
                    .execute(connection)?;
                if known == 0 {
                    diesel::insert_into(sessions::table)
                        .values((
                            sessions::key_hash.eq(&key_hash),
                            sessions::user_id.eq(user_id),
                            sessions::state.eq(&kept),
                            sessions::expires_at.eq(expires_at),
                        ))
                        .execute(connection)?;
                }
                Ok::<_, DatabaseError>(())
            })
            .await?;
        Ok(())
    }
}

impl SessionStore for DatabaseSessions {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let key_hash = sha256_hex(key.as_ref());
        let now = self.clock.now().naive_utc();
        type Row = (String, Option<i64>, Option<String>, Option<Role>);
        let row: Option<Row> = self
            .database
            .read(move |connection| {
                sessions::table
                    .left_join(users::table)
                    .filter(sessions::key_hash.eq(key_hash))
                    .filter(sessions::expires_at.gt(now))
                    .select((
                        sessions::state,
                        users::id.nullable(),
                        users::username.nullable(),
                        users::role.nullable(),
                    ))
                    .first(connection)
                    .optional()
                    .map_err(DatabaseError::from)
            })
            .await
            .map_err(|error| LoadError::Other(error.into()))?;
        let Some((state, id, username, role)) = row else {
            return Ok(None);
        };
        let mut state: State = serde_json::from_str(&state)
            .map_err(|error| LoadError::Deserialization(error.into()))?;
        if let (Some(id), Some(username), Some(role)) = (id, username, role) {
            let user = serde_json::to_string(&User { id, username, role })
                .map_err(|error| LoadError::Deserialization(error.into()))?;
            state.insert(USER.to_owned(), user);
        }
        Ok(Some(state))
    }

    async fn save(&self, state: State, ttl: &Duration) -> Result<SessionKey, SaveError> {
        // 64 alphanumeric characters are 381 bits (OWASP asks for 64).
        let key = Alphanumeric.sample_string(&mut rand::rng(), 64);
        let key = SessionKey::try_from(key).map_err(|error| SaveError::Other(error.into()))?;
        self.write(&key, state, ttl)
            .await
            .map_err(SaveError::Other)?;
        Ok(key)
    }

    async fn update(
        &self,
        key: SessionKey,
        state: State,
        ttl: &Duration,
    ) -> Result<SessionKey, UpdateError> {
        self.write(&key, state, ttl)
            .await
            .map_err(UpdateError::Other)?;
        Ok(key)
    }

    async fn update_ttl(&self, key: &SessionKey, ttl: &Duration) -> Result<(), anyhow::Error> {
        let key_hash = sha256_hex(key.as_ref());
        let expires_at = self.expiry(ttl).naive_utc();
        self.database
            .write(move |connection| {
                diesel::update(sessions::table.find(key_hash))
                    .set(sessions::expires_at.eq(expires_at))
                    .execute(connection)
                    .map_err(DatabaseError::from)
            })
            .await?;
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let key_hash = sha256_hex(key.as_ref());
        self.database
            .write(move |connection| {
                diesel::delete(sessions::table.find(key_hash))
                    .execute(connection)
                    .map_err(DatabaseError::from)
            })
            .await?;
        Ok(())
    }
}

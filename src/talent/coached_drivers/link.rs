//! The personal link: a secret that an organizer makes, renews and takes back. Its key is kept as a hash only.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use rand::{CryptoRng, RngExt as _};

use super::CoachingError;
use super::drivers::{self, COLUMNS, CoachedDriver, Row, driver, record};
use crate::accounts::permissions::Principal;
use crate::accounts::tokens::sha256_hex;
use crate::platform::database::DatabaseConnection;
use crate::platform::schema::coached_drivers;

/// How long a link opens: a season, and the winter after it.
pub const LINK_DAYS: i64 = 365;

/// The key of a personal link, 256 bits: seen once, by whoever made it.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkKey(String);

impl LinkKey {
    /// A new one.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(rng.random::<[u8; 32]>()))
    }

    /// For the link itself, and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("LinkKey(…)")
    }
}

/// Gives a driver this link; one of before opens nothing from then on. Call it in a write transaction.
///
/// # Errors
/// [`CoachingError::NoSuchDriver`].
pub fn make(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
    key: &LinkKey,
) -> Result<CoachedDriver, CoachingError> {
    let known = drivers::find(connection, principal, id)?;
    let expires_at = now + TimeDelta::days(LINK_DAYS);
    diesel::update(coached_drivers::table.find(id))
        .set((
            coached_drivers::link_hash.eq(sha256_hex(key.reveal())),
            coached_drivers::link_expires_at.eq(expires_at.naive_utc()),
        ))
        .execute(connection)?;
    record(connection, now, principal, id, "coached_driver.make_link")?;
    Ok(CoachedDriver {
        link_expires_at: Some(expires_at),
        ..known
    })
}

/// Takes a driver's link back; nothing happens where there is none. Call it in a write transaction.
///
/// # Errors
/// [`CoachingError::NoSuchDriver`].
pub fn take_back(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
) -> Result<(), CoachingError> {
    let known = drivers::find(connection, principal, id)?;
    diesel::update(coached_drivers::table.find(id))
        .set((
            coached_drivers::link_hash.eq(None::<String>),
            coached_drivers::link_expires_at.eq(None::<chrono::NaiveDateTime>),
        ))
        .execute(connection)?;
    if known.link_expires_at.is_none() {
        return Ok(());
    }
    record(
        connection,
        now,
        principal,
        id,
        "coached_driver.take_back_link",
    )
}

/// Whose link this is. The key is looked for by its hash, so nothing secret is compared byte by byte, and what is
/// over, taken back or never was takes the same one query.
///
/// # Errors
/// [`CoachingError::NoSuchLink`].
pub fn open(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    key: &str,
) -> Result<CoachedDriver, CoachingError> {
    let row: Option<Row> = coached_drivers::table
        .filter(coached_drivers::link_hash.eq(sha256_hex(key)))
        .filter(coached_drivers::link_expires_at.gt(now.naive_utc()))
        .select(COLUMNS)
        .first(connection)
        .optional()?;
    row.map(driver).ok_or(CoachingError::NoSuchLink)
}

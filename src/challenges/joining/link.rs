//! The invitation's link: a secret that an organizer makes, renews and takes back.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use rand::Rng;
use rand::distr::{Alphanumeric, SampleString as _};
use subtle::ConstantTimeEq as _;

use super::record;
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{
    Challenge, ChallengeError, WithPhases, find_managed, find_whoever_asks,
};
use crate::platform::database::DatabaseConnection;
use crate::platform::schema::challenges;

/// A key that nobody guesses: 190 bits.
pub fn new_key(rng: &mut impl Rng) -> String {
    Alphanumeric.sample_string(rng, 32)
}

/// Makes or renews what the invitation's link ends with, or takes it back with none: an older link opens
/// nothing from then on. Who came in by it stays. Call it in a write transaction.
pub fn set_key(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    key: Option<&str>,
) -> Result<(), ChallengeError> {
    let challenge = find_managed(connection, principal, slug)?;
    diesel::update(challenges::table.find(challenge.id))
        .set(challenges::invitation_key.eq(key))
        .execute(connection)?;
    let action = match (key, &challenge.invitation_key) {
        (Some(_), None) => "invitation_link.make",
        (Some(_), Some(_)) => "invitation_link.renew",
        (None, _) => "invitation_link.take_back",
    };
    record(connection, now, principal, &challenge, action, "")
}

/// Whether a link ended with the challenge's key. Takes the same time wherever the two differ.
pub fn is_key(challenge: &Challenge, sent: &str) -> bool {
    challenge
        .invitation_key
        .as_deref()
        .is_some_and(|key| bool::from(key.as_bytes().ct_eq(sent.as_bytes())))
}

/// The challenge that an invitation's link opens; nothing is told of any other.
pub fn find_by_key(
    connection: &mut DatabaseConnection,
    slug: &str,
    key: &str,
) -> Result<WithPhases, ChallengeError> {
    let (challenge, phases) = find_whoever_asks(connection, slug)?;
    if challenge.published_at.is_some() && is_key(&challenge, key) {
        Ok((challenge, phases))
    } else {
        Err(ChallengeError::NotFound(slug.to_owned()))
    }
}

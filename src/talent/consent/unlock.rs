//! The vault's door: the only code that opens identities.
//!
//! [`unlock`] shows one to the scout whom its driver accepted. Nothing else in the system tells an
//! identity to anybody; [`address_in_vault`] takes an address out of one so that the platform can write to
//! it, and shows it to nobody.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use zeroize::Zeroizing;

use super::{ConsentError, ContactRequest, record, rules, storage, user_id};
use crate::accounts::permissions::Principal;
use crate::datasets::publish::vault_place;
use crate::datasets::vault::VaultKey;
use crate::platform::database::DatabaseConnection;

/// Who is behind a pseudonym. It cannot be printed for debugging, on purpose.
pub struct UnlockedIdentity {
    /// The sealed columns and what the raw data has in them.
    pub columns: BTreeMap<String, String>,
    /// What the driver or guardian wrote to the scout; empty where they wrote nothing.
    pub contact: String,
}

/// Opens the identity of a driver to the scout whom they accepted: only while the consent stands, only to
/// that scout, and never without a line in the audit log, in one transaction. Call it in a write
/// transaction.
///
/// # Errors
/// [`ConsentError::NotFound`] for whoever else asks and in every other state.
pub fn unlock(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    vault_key: &VaultKey,
    principal: &Principal,
    request_id: i64,
) -> Result<UnlockedIdentity, ConsentError> {
    let scout_id = user_id(principal)?;
    // Whether it is theirs and accepted is decided by the row itself, which is held from here on.
    if !storage::count_opening(connection, now, request_id, scout_id)? {
        return Err(ConsentError::NotFound);
    }
    let request = storage::find(connection, now, request_id)?.ok_or(ConsentError::NotFound)?;
    record(
        connection,
        now,
        Some(scout_id),
        "identity.unlock",
        &request,
        "",
    )?;
    let contact = match storage::sealed_contact(connection, request_id)? {
        Some(sealed) => text(vault_key, &contact_place(request_id), &sealed)?.to_string(),
        None => String::new(),
    };
    Ok(UnlockedIdentity {
        columns: identity(connection, vault_key, &request)?,
        contact,
    })
}

/// The identity behind a request's pseudonym. Private: whoever calls it has asked for consent.
fn identity(
    connection: &mut DatabaseConnection,
    vault_key: &VaultKey,
    request: &ContactRequest,
) -> Result<BTreeMap<String, String>, ConsentError> {
    let sealed = storage::sealed_identity(connection, request.release_id, &request.driver)?
        .ok_or(ConsentError::Vault("it holds nobody of this pseudonym"))?;
    let place = vault_place(request.release_id, &request.driver);
    let opened = vault_key.open(&place, &sealed);
    let opened = opened
        .map_err(|_| ConsentError::Vault("it was sealed under another key, or was changed"))?;
    // What serde says of broken text would repeat some of it.
    serde_json::from_slice(&opened).map_err(|_| ConsentError::Vault("it holds something else"))
}

/// Where to write to whoever decides for the driver of a request, as the raw data has it: to be put on a
/// letter that is sealed again, and shown to nobody.
pub(super) fn address_in_vault(
    connection: &mut DatabaseConnection,
    vault_key: &VaultKey,
    request: &ContactRequest,
    is_minor: bool,
) -> Result<Option<String>, ConsentError> {
    let identity = identity(connection, vault_key, request)?;
    Ok(rules::address_in(&identity, is_minor))
}

fn address_place(request_id: i64) -> String {
    format!("contact request {request_id} address")
}

fn contact_place(request_id: i64) -> String {
    format!("contact request {request_id} contact")
}

/// Seals the address that letters about a request go to.
pub(super) fn seal_address(vault_key: &VaultKey, request_id: i64, address: &str) -> String {
    vault_key.seal(&address_place(request_id), address.as_bytes())
}

/// Seals what a driver writes to the scout; none where they write nothing.
pub(super) fn seal_contact(vault_key: &VaultKey, request_id: i64, contact: &str) -> Option<String> {
    let seal = |text: &str| vault_key.seal(&contact_place(request_id), text.as_bytes());
    Some(contact).filter(|text| !text.is_empty()).map(seal)
}

/// The address that letters to the driver of a request go to, where one is known.
pub(super) fn address_of(
    connection: &mut DatabaseConnection,
    vault_key: &VaultKey,
    request: &ContactRequest,
) -> Result<Option<Zeroizing<String>>, ConsentError> {
    let sealed = storage::sealed_address(connection, request.id)?;
    let open = |sealed: String| text(vault_key, &address_place(request.id), &sealed);
    sealed.map(open).transpose()
}

fn text(
    vault_key: &VaultKey,
    place: &str,
    sealed: &str,
) -> Result<Zeroizing<String>, ConsentError> {
    let broken = || ConsentError::Vault("it was sealed under another key, or was changed");
    let opened = vault_key.open(place, sealed).map_err(|_| broken())?;
    let text = std::str::from_utf8(&opened).map_err(|_| broken())?;
    Ok(Zeroizing::new(text.to_owned()))
}

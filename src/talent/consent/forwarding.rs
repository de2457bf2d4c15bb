//! The part of the school whose dataset it is: to pass a request on, to refuse it, and to take a consent
//! back for a driver who asks for that.
//!
//! The school sees pseudonym and scout. Who the driver is, it is not told here either.

use chrono::{DateTime, Utc};

use super::keys::ConsentKey;
use super::rules::{ContactAct, checked_address, checked_reason, end_for_driver};
use super::storage::{self, Forward};
use super::{
    ConsentError, ContactRequest, allowed, disclosure, find_of_organizer, letters, record, unlock,
};
use crate::accounts::permissions::Principal;
use crate::datasets::vault::VaultKey;
use crate::platform::database::DatabaseConnection;

/// How the one-time link reaches the driver or guardian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// The platform writes to the address that is sealed with the identity. Nobody sees it.
    Vault,
    /// The platform writes to this address. It is kept sealed until the request ends.
    Address(String),
    /// The organizer hands it on.
    Link,
}

impl Way {
    /// What the audit log says.
    const fn in_words(&self) -> &'static str {
        match self {
            Self::Vault => "by letter to the address in the vault",
            Self::Address(_) => "by letter to an address that the organizer gave",
            Self::Link => "by a link that the organizer hands on",
        }
    }
}

/// Passes a request on, or passes it on again with a new link; the link of before opens nothing from then
/// on. Call it in a write transaction.
///
/// `is_minor`: whether the driver is one; none: as the release's policy says of all of its drivers.
///
/// # Errors
/// A request that is not the caller's to pass on, or that was decided; no address where one is needed.
pub fn forward(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    vault_key: &VaultKey,
    principal: &Principal,
    id: i64,
    (is_minor, way): (Option<bool>, &Way),
    key: &ConsentKey,
) -> Result<ContactRequest, ConsentError> {
    let request = find_of_organizer(connection, now, principal, id)?;
    allowed(&request, ContactAct::Forward)?;
    let is_minor = match is_minor {
        Some(is_minor) => is_minor,
        None => disclosure(connection, &request)?.minors,
    };
    let address = match way {
        Way::Vault => {
            let found = unlock::address_in_vault(connection, vault_key, &request, is_minor)?;
            Some(found.ok_or_else(no_address)?)
        }
        Way::Address(text) => Some(checked_address(text)?),
        Way::Link => None,
    };
    let sealed_address = address
        .as_deref()
        .map(|address| unlock::seal_address(vault_key, id, address));
    let expires_at = end_for_driver(now);
    let forward = Forward {
        is_minor,
        key_hash: &key.hash(),
        expires_at,
        sealed_address: sealed_address.as_deref(),
    };
    if !storage::forward(connection, now, (id, request.state), &forward)? {
        return Err(ConsentError::NotNow(request.state));
    }
    let actor = Some(request.organizer_id);
    let how = way.in_words();
    record(
        connection,
        now,
        actor,
        "contact_request.forward",
        &request,
        how,
    )?;
    let request = ContactRequest {
        is_minor: Some(is_minor),
        expires_at: Some(expires_at),
        ..request
    };
    letters::forwarded(
        connection,
        now,
        vault_key,
        &request,
        key,
        address.as_deref(),
    )?;
    Ok(request)
}

fn no_address() -> ConsentError {
    ConsentError::Invalid {
        field: "way",
        problem: "the vault holds no usable address for whoever decides here: give one, or hand the link on. \
                  Of a minor only a guardian's address is used: a column such as `guardian_email`, marked as \
                  identity when the data was published"
            .to_owned(),
    }
}

/// Does not pass a request on, or takes back that it was: the driver's link opens nothing from then on. The
/// scout reads the reason. Call it in a write transaction.
///
/// # Errors
/// A request that is not the caller's to refuse, or that was decided; no reason.
pub fn refuse(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
    reason: &str,
) -> Result<ContactRequest, ConsentError> {
    let request = find_of_organizer(connection, now, principal, id)?;
    let to = allowed(&request, ContactAct::Refuse)?;
    let reason = checked_reason(reason)?;
    if !storage::end(connection, now, (id, request.state), to, &reason)? {
        return Err(ConsentError::NotNow(request.state));
    }
    let actor = Some(request.organizer_id);
    record(
        connection,
        now,
        actor,
        "contact_request.refuse",
        &request,
        "",
    )?;
    letters::refused(connection, now, &request, &reason)?;
    Ok(request)
}

/// Takes a consent back for a driver or guardian who asked the school to, because their link is lost. It
/// can only close what is open. Call it in a write transaction.
///
/// # Errors
/// A request that is not for a driver of the caller's, or where there is no consent to take back.
pub fn withdraw(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    vault_key: &VaultKey,
    principal: &Principal,
    id: i64,
) -> Result<ContactRequest, ConsentError> {
    let request = find_of_organizer(connection, now, principal, id)?;
    let actor = Some(request.organizer_id);
    super::deciding::end_consent(connection, now, vault_key, actor, &request)?;
    Ok(request)
}

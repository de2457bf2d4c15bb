//! The driver's or guardian's part: to see who asks, to accept or decline, to withdraw. Whoever has the
//! link decides; they have no account.

use chrono::{DateTime, Utc};

use super::keys::{self, ConsentKey};
use super::rules::{ContactAct, ContactState, Declaration, checked_contact, checked_declaration};
use super::{
    ConsentError, ContactRequest, Disclosure, allowed, disclosure, letters, record, storage, unlock,
};
use crate::datasets::vault::VaultKey;
use crate::platform::database::DatabaseConnection;

/// What a link opens: a request that waits for a decision (`Forwarded`), or a consent that can be taken
/// back (`Accepted`).
#[derive(Debug, Clone)]
pub struct Opened {
    /// Who asks, and why.
    pub request: ContactRequest,
    /// What is disclosed.
    pub disclosure: Disclosure,
}

/// What a link that ends with this text opens. Changes nothing: mail scanners follow links too.
///
/// # Errors
/// [`ConsentError::LinkOpensNothing`], whatever the reason is.
pub fn open(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    sent: &str,
) -> Result<Opened, ConsentError> {
    let request = find(connection, now, sent)?;
    Ok(Opened {
        disclosure: disclosure(connection, &request)?,
        request,
    })
}

fn find(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    sent: &str,
) -> Result<ContactRequest, ConsentError> {
    let found = storage::find_by_key_hash(connection, now, &keys::hash(sent))?;
    let opens = [ContactState::Forwarded, ContactState::Accepted];
    found
        .filter(|request| opens.contains(&request.state))
        .ok_or(ConsentError::LinkOpensNothing)
}

/// What the form of an acceptance holds.
#[derive(Debug, Clone, Default)]
pub struct Acceptance {
    /// Who they say they are.
    pub declaration: Option<Declaration>,
    /// What they write to the scout; may be empty.
    pub contact: String,
}

/// Accepts: the link is spent, and `withdrawal` becomes the key by which the consent can be taken back.
/// Call it in a write transaction.
///
/// # Errors
/// A link that opens nothing, or nothing to decide; a declaration that is missing or not the right one.
pub fn accept(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    vault_key: &VaultKey,
    sent: &str,
    acceptance: &Acceptance,
    withdrawal: &ConsentKey,
) -> Result<(), ConsentError> {
    let request = find(connection, now, sent)?;
    allowed(&request, ContactAct::Accept).map_err(|_| ConsentError::LinkOpensNothing)?;
    // Until the organizer said otherwise a driver is taken for a minor.
    let is_minor = request.is_minor != Some(false);
    let declaration = checked_declaration(is_minor, acceptance.declaration)?;
    let contact = checked_contact(&acceptance.contact)?;
    let sealed = unlock::seal_contact(vault_key, request.id, &contact);
    let spent = storage::accept(
        connection,
        now,
        (request.id, &keys::hash(sent)),
        (declaration, sealed.as_deref()),
        &withdrawal.hash(),
    )?;
    if !spent {
        return Err(ConsentError::LinkOpensNothing);
    }
    let by = match declaration {
        Declaration::Driver => "by the driver, who declares to be of age",
        Declaration::Guardian => "by a parent or guardian, as they declare",
    };
    record(
        connection,
        now,
        None,
        "contact_request.accept",
        &request,
        by,
    )?;
    let address = unlock::address_of(connection, vault_key, &request)?;
    letters::accepted(
        connection,
        now,
        vault_key,
        &request,
        withdrawal,
        address.as_deref().map(String::as_str),
    )
}

/// Declines: the link is spent, and nobody learns anything. Call it in a write transaction.
///
/// # Errors
/// A link that opens nothing, or nothing to decide.
pub fn decline(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    sent: &str,
) -> Result<ContactRequest, ConsentError> {
    let request = find(connection, now, sent)?;
    let declined = allowed(&request, ContactAct::Decline);
    let to = declined.map_err(|_| ConsentError::LinkOpensNothing)?;
    if !storage::end(connection, now, (request.id, request.state), to, "")? {
        return Err(ConsentError::LinkOpensNothing);
    }
    record(
        connection,
        now,
        None,
        "contact_request.decline",
        &request,
        "",
    )?;
    letters::declined(connection, now, &request)?;
    Ok(request)
}

/// Takes a consent back: from then on the scout sees nothing any more. Call it in a write transaction.
///
/// # Errors
/// A link that opens nothing, or no consent.
pub fn withdraw(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    vault_key: &VaultKey,
    sent: &str,
) -> Result<ContactRequest, ConsentError> {
    let request = find(connection, now, sent)?;
    let ended = end_consent(connection, now, vault_key, None, &request);
    ended.map_err(|error| match error {
        ConsentError::NotNow(_) => ConsentError::LinkOpensNothing,
        error => error,
    })?;
    Ok(request)
}

/// Ends a consent, for whoever may.
pub(super) fn end_consent(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    vault_key: &VaultKey,
    actor: Option<i64>,
    request: &ContactRequest,
) -> Result<(), ConsentError> {
    let to = allowed(request, ContactAct::Withdraw)?;
    // Before it is forgotten.
    let address = unlock::address_of(connection, vault_key, request)?;
    if !storage::end(connection, now, (request.id, request.state), to, "")? {
        return Err(ConsentError::NotNow(request.state));
    }
    let by = match actor {
        None => "by the link of the driver or guardian",
        Some(_) => "by the organizer, for the driver",
    };
    record(
        connection,
        now,
        actor,
        "contact_request.withdraw",
        request,
        by,
    )?;
    letters::withdrawn(
        connection,
        now,
        vault_key,
        request,
        address.as_deref().map(String::as_str),
    )
}

//! What each step tells whom. To people with an account by what they chose to be told; to drivers and
//! guardians by letters that wait sealed. None of it names a driver.

use chrono::{DateTime, Utc};

use super::keys::ConsentKey;
use super::{ConsentError, ContactRequest};
use crate::datasets::vault::VaultKey;
use crate::messages::notifications::{Notification, NotificationKind, Recipients, tell};
use crate::messages::outbox::{SealedLetter, write_sealed};
use crate::platform::database::DatabaseConnection;

/// Which of the two people with an account is told.
#[derive(Clone, Copy)]
enum To {
    Scout,
    Organizer,
}

fn tell_one(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    request: &ContactRequest,
    to: To,
    title: &str,
    body: &str,
) -> Result<(), ConsentError> {
    let (recipient, href) = match to {
        To::Scout => (
            request.scout_id,
            format!("/scouting/requests/{}", request.id),
        ),
        To::Organizer => (
            request.organizer_id,
            format!("/console/contact-requests/{}", request.id),
        ),
    };
    let notification = Notification {
        kind: NotificationKind::Contact,
        challenge_id: Some(request.challenge_id),
        caused_by: None,
        title,
        body,
        href: &href,
    };
    Ok(tell(
        connection,
        now,
        Recipients::User(recipient),
        &notification,
    )?)
}

/// The scout has asked: their organizer decides next.
pub(super) fn asked(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    request: &ContactRequest,
) -> Result<(), ConsentError> {
    let (driver, title) = (&request.driver, &request.challenge_title);
    let who = &request.introduction;
    let message = format!(
        "{} of {} asks to meet {driver} of “{title}”. Read why, and pass it on or refuse it. Nobody is told who \
         the driver is, neither you by Paddock nor the scout.",
        who.name, who.organisation
    );
    let subject = format!("A scout asks to meet {driver}");
    tell_one(connection, now, request, To::Organizer, &subject, &message)?;
    let message = format!(
        "Your request to meet {driver} of “{title}” is with the school whose data it is. It waits {} days for \
         an answer.",
        super::rules::DAYS_FOR_ORGANIZER
    );
    let subject = format!("You asked to meet {driver}");
    tell_one(connection, now, request, To::Scout, &subject, &message)
}

/// The organizer passed it on: the driver or guardian decides next.
pub(super) fn forwarded(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    vault_key: &VaultKey,
    request: &ContactRequest,
    key: &ConsentKey,
    address: Option<&str>,
) -> Result<(), ConsentError> {
    let driver = &request.driver;
    let subject = format!("{driver} was asked");
    let message = format!(
        "The school passed your request to meet {driver} on. They have {} days to answer; you are told what they \
         decide. Nobody needs to give a reason for declining.",
        super::rules::DAYS_FOR_DRIVER
    );
    tell_one(connection, now, request, To::Scout, &subject, &message)?;
    let subject = format!("You passed on a request to {driver}");
    let message = "You are told what is decided. A new link can be made while nothing is.";
    tell_one(connection, now, request, To::Organizer, &subject, message)?;
    let Some(address) = address else {
        return Ok(());
    };
    let who = &request.introduction;
    let whom = match request.is_minor {
        Some(false) => "you",
        _ => "a young driver whose parent or guardian you are",
    };
    let until = match request.expires_at {
        Some(end) => format!(" until {} (UTC)", end.format("%-d %B %Y, %H:%M")),
        None => String::new(),
    };
    let body = format!(
        "{} of {} asks to meet {whom}. They know results of “{}” under the made-up name {driver} and do not know who \
         that is. The school that holds the results passes the request on; it was not told your answer in advance \
         and gains nothing by it.\n\n\
         The page below says who asks, why, and exactly what they would learn. You accept or decline there. \
         Declining has no consequence, and if you do nothing nothing happens. The link works once{until}; do not \
         pass it on.",
        who.name, who.organisation, request.challenge_title
    );
    let letter = SealedLetter {
        recipient: address.to_owned(),
        body,
        href: key.path(),
    };
    let subject = "A scout asks to meet a driver: please decide";
    Ok(write_sealed(connection, now, vault_key, subject, &letter)?)
}

/// The organizer did not pass it on.
pub(super) fn refused(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    request: &ContactRequest,
    reason: &str,
) -> Result<(), ConsentError> {
    let driver = &request.driver;
    let subject = format!("Your request to meet {driver} was refused");
    let message = format!("The school did not pass it on, and says:\n\n{reason}");
    tell_one(connection, now, request, To::Scout, &subject, &message)?;
    let subject = format!("You refused a request to meet {driver}");
    let message =
        "The scout reads your reason. A link that was made before opens nothing any more.";
    tell_one(connection, now, request, To::Organizer, &subject, message)
}

/// The driver or guardian accepted.
pub(super) fn accepted(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    vault_key: &VaultKey,
    request: &ContactRequest,
    withdrawal: &ConsentKey,
    address: Option<&str>,
) -> Result<(), ConsentError> {
    let driver = &request.driver;
    let subject = format!("Your request to meet {driver} was accepted");
    let message = "You can see who it is on the request's page, and you alone, until the consent is taken back. \
                   Every look is written down. Use it for what you said you would, and for nothing else.";
    tell_one(connection, now, request, To::Scout, &subject, message)?;
    let subject = format!("{driver} accepted a request");
    let message = "The scout who asked sees who it is. If the driver asks you to, you can take the consent back \
                   for them on the request's page.";
    tell_one(connection, now, request, To::Organizer, &subject, message)?;
    let Some(address) = address else {
        return Ok(());
    };
    let letter = SealedLetter {
        recipient: address.to_owned(),
        body: format!(
            "You accepted that {} of {} learns who is behind {driver} in “{}”. You can take that back at any time, \
             without a reason: open the page below. Keep this letter for that; the school can do it for you too.",
            request.introduction.name, request.introduction.organisation, request.challenge_title
        ),
        href: withdrawal.path(),
    };
    let subject = "You accepted a request: how to take that back";
    Ok(write_sealed(connection, now, vault_key, subject, &letter)?)
}

/// The driver or guardian declined.
pub(super) fn declined(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    request: &ContactRequest,
) -> Result<(), ConsentError> {
    let driver = &request.driver;
    let subject = format!("Your request to meet {driver} was declined");
    let message = format!(
        "They would rather not, and need no reason. Please do not try to find out who it is. You can ask again \
         after {} days.",
        super::rules::DAYS_OF_REST
    );
    tell_one(connection, now, request, To::Scout, &subject, &message)?;
    let subject = format!("{driver} declined a request");
    let message = "There is nothing more to do.";
    tell_one(connection, now, request, To::Organizer, &subject, message)
}

/// The consent was taken back.
pub(super) fn withdrawn(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    vault_key: &VaultKey,
    request: &ContactRequest,
    address: Option<&str>,
) -> Result<(), ConsentError> {
    let driver = &request.driver;
    let subject = format!("{driver} took the consent back");
    let message = "You cannot see who it is any more. Delete what you wrote down, and do not get in touch again \
                   unless they do.";
    tell_one(connection, now, request, To::Scout, &subject, message)?;
    let message = "The scout sees nothing any more and was asked to delete what they wrote down.";
    tell_one(connection, now, request, To::Organizer, &subject, message)?;
    let body = format!(
        "The consent to {} of {} was taken back. They cannot see who is behind {driver} any more and were asked to \
         delete what they wrote down. What they have seen they cannot be made to forget: if they do not leave you \
         alone, tell the school.",
        request.introduction.name, request.introduction.organisation
    );
    let subject = "A consent was taken back";
    tell_driver(connection, now, vault_key, subject, body, address)
}

/// The scout took the request back.
pub(super) fn cancelled(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    vault_key: &VaultKey,
    request: &ContactRequest,
    address: Option<&str>,
) -> Result<(), ConsentError> {
    let driver = &request.driver;
    let subject = format!("A scout does not ask to meet {driver} any more");
    let message = "There is nothing more to do. A link that was made opens nothing any more.";
    tell_one(connection, now, request, To::Organizer, &subject, message)?;
    let subject = format!("You took back your request to meet {driver}");
    let message = "There is nothing more to do.";
    tell_one(connection, now, request, To::Scout, &subject, message)?;
    let body = format!(
        "{} of {} took back the request that you got a link for. There is nothing to decide any more, and the link \
         opens nothing.",
        request.introduction.name, request.introduction.organisation
    );
    let subject = "A request was taken back: nothing to decide";
    tell_driver(connection, now, vault_key, subject, body, address)
}

/// Nobody answered in time.
pub(super) fn expired(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    request: &ContactRequest,
) -> Result<(), ConsentError> {
    let driver = &request.driver;
    let subject = format!("Your request to meet {driver} expired");
    let message = "Nobody answered in time. That is an answer too; you can ask again.";
    tell_one(connection, now, request, To::Scout, &subject, message)?;
    let subject = format!("A request to meet {driver} expired");
    tell_one(
        connection,
        now,
        request,
        To::Organizer,
        &subject,
        "Nobody answered in time.",
    )
}

/// A letter without a link to whoever decided, where their address is known.
fn tell_driver(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    vault_key: &VaultKey,
    subject: &str,
    body: String,
    address: Option<&str>,
) -> Result<(), ConsentError> {
    let Some(address) = address else {
        return Ok(());
    };
    let letter = SealedLetter {
        recipient: address.to_owned(),
        body,
        href: String::new(),
    };
    Ok(write_sealed(connection, now, vault_key, subject, &letter)?)
}

//! Requests to meet a driver: the scout's side and the organizer's. The driver decides on a page, not here.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::paging::{self, Paging};
use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::http::fault::Fault;
use crate::http::guard;
use crate::talent::consent::forwarding::{self, Way};
use crate::talent::consent::keys::ConsentKey;
use crate::talent::consent::rules::{ContactState, Declaration, Introduction};
use crate::talent::consent::{self, ContactRequest, asking, unlock};

/// A page of a scout's requests.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnRequestList {
    /// Newest first.
    requests: Vec<OwnRequest>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// A request of the caller's to meet a driver.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnRequest {
    id: i64,
    /// The challenge on whose talent board the driver is.
    challenge: String,
    /// The pseudonym in the challenge's release.
    driver: String,
    name: String,
    organisation: String,
    message: String,
    reach: String,
    /// Where it stands. The identity is told while it is `accepted`.
    #[schema(inline)]
    state: ContactState,
    asked_at: DateTime<Utc>,
    forwarded_at: Option<DateTime<Utc>>,
    accepted_at: Option<DateTime<Utc>>,
    /// Who accepted, as they declare; null before.
    #[schema(inline)]
    accepted_by: Option<Declaration>,
    /// When it was refused, declined, withdrawn or cancelled, or when it expired.
    ended_at: Option<DateTime<Utc>>,
    /// Until when it waits; null where it does not.
    expires_at: Option<DateTime<Utc>>,
    /// What the organizer says who refused it.
    reason: Option<String>,
    /// The request in the API.
    url: String,
}

fn said(reason: String) -> Option<String> {
    Some(reason).filter(|reason| !reason.is_empty())
}

impl From<ContactRequest> for OwnRequest {
    fn from(request: ContactRequest) -> Self {
        let waits = matches!(request.state, ContactState::Asked | ContactState::Forwarded);
        Self {
            url: own_address(request.id),
            id: request.id,
            challenge: request.challenge_slug,
            driver: request.driver,
            name: request.introduction.name,
            organisation: request.introduction.organisation,
            message: request.introduction.message,
            reach: request.introduction.reach,
            state: request.state,
            asked_at: request.asked_at,
            forwarded_at: request.forwarded_at,
            accepted_at: request.accepted_at,
            accepted_by: request.accepted_by,
            ended_at: request.ended_at,
            expires_at: request.expires_at.filter(|_| waits),
            reason: said(request.reason),
        }
    }
}

/// A request, and who the driver is where they accepted.
#[derive(Serialize, ToSchema)]
pub struct OwnRequestDetail {
    #[serde(flatten)]
    request: OwnRequest,
    /// Who the driver is, by the columns of the raw data; null unless the request is `accepted`.
    identity: Option<BTreeMap<String, String>>,
    /// What the driver or guardian wrote; null where they wrote nothing.
    contact: Option<String>,
}

fn own_address(id: i64) -> String {
    format!("/api/v1/scouting/requests/{id}")
}

/// Lists one's requests to meet drivers
#[utoipa::path(
    get, path = "/api/v1/scouting/requests", operation_id = "list_own_contact_requests", tag = "talent",
    params(Paging),
    responses((status = 200, description = "A page of requests", body = OwnRequestList)),
)]
pub async fn list_own(
    house: House,
    principal: Principal,
    paging: Query<Paging>,
) -> Result<Json<OwnRequestList>, Fault> {
    let (limit, after) = (paging.limit()?, paging.after()?);
    let (now, user_id) = (house.clock.now(), guard::user(&principal)?.id);
    let mut found = house
        .database
        .read(move |connection| consent::of_scout(connection, now, user_id, after, limit + 1))
        .await?;
    let next = paging::cut(&mut found, limit, |request| request.id);
    let requests = found.into_iter().map(OwnRequest::from).collect();
    Ok(Json(OwnRequestList { requests, next }))
}

/// What a scout sends who asks to meet a driver.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactAsked {
    /// The challenge on whose talent board the driver is.
    challenge: String,
    /// The pseudonym.
    driver: String,
    /// Who asks, by their real name.
    #[schema(min_length = 2, max_length = 100)]
    name: String,
    /// For whom they look.
    #[schema(min_length = 2, max_length = 100)]
    organisation: String,
    /// Why they ask: the driver reads it.
    #[schema(min_length = 20, max_length = 1000)]
    message: String,
    /// How they can be reached.
    #[schema(min_length = 5, max_length = 200)]
    reach: String,
}

/// Asks to meet a driver
///
/// The request goes to the organizer whose dataset it is; they pass it on or refuse it. The driver, or a
/// guardian, decides. Possible where the board's release keeps identities sealed.
#[utoipa::path(
    post, path = "/api/v1/scouting/requests", operation_id = "ask_to_meet_driver", tag = "talent",
    request_body = ContactAsked,
    responses(
        (status = 201, description = "Asked", body = OwnRequest, headers(("Location" = String))),
        (status = 400, description = "The body is no JSON."),
        (status = 404, description = "There is no such driver on a talent board."),
        (status = 409, description = "There is an open request, or identities were destroyed."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn ask(house: House, principal: Principal, asked: Json<ContactAsked>) -> Answer {
    let now = house.clock.now();
    let asked = asked.into_inner();
    let introduction = Introduction {
        name: asked.name,
        organisation: asked.organisation,
        message: asked.message,
        reach: asked.reach,
    };
    let request = house
        .database
        .write(move |connection| {
            let driver = (asked.challenge.as_str(), asked.driver.as_str());
            let id = asking::ask(connection, now, &principal, driver, &introduction)?;
            consent::find_of_scout(connection, now, &principal, id)
        })
        .await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, own_address(request.id)))
        .json(OwnRequest::from(request)))
}

/// Reads a request of one's own
///
/// While it is accepted, and only then, the answer holds who the driver is. Every such answer is written
/// to the audit log, and the driver sees how many there were.
#[utoipa::path(
    get, path = "/api/v1/scouting/requests/{id}", operation_id = "get_own_contact_request", tag = "talent",
    params(("id" = i64, Path, description = "The request")),
    responses((status = 200, description = "The request", body = OwnRequestDetail)),
)]
pub async fn find_own(house: House, principal: Principal, id: Path<i64>) -> Answer {
    let (now, id, asker) = (house.clock.now(), *id, principal.clone());
    let request = house
        .database
        .read(move |connection| consent::find_of_scout(connection, now, &asker, id))
        .await?;
    let opened = match request.state {
        ContactState::Accepted => {
            let vault_key = house.publisher.vault_key.clone();
            let opened = house.database.write(move |connection| {
                unlock::unlock(connection, now, &vault_key, &principal, id)
            });
            Some(opened.await?)
        }
        _ => None,
    };
    let (identity, contact) = match opened {
        Some(opened) => (Some(opened.columns), said(opened.contact)),
        None => (None, None),
    };
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(OwnRequestDetail {
            request: request.into(),
            identity,
            contact,
        }))
}

/// Takes a request back
///
/// Possible until it is decided. The driver's link opens nothing from then on.
#[utoipa::path(
    post, path = "/api/v1/scouting/requests/{id}/cancel", operation_id = "cancel_contact_request",
    tag = "talent",
    params(("id" = i64, Path, description = "The request")),
    responses(
        (status = 204, description = "Taken back"),
        (status = 409, description = "It was decided."),
    ),
)]
pub async fn cancel(house: House, principal: Principal, id: Path<i64>) -> Answer {
    let (now, id) = (house.clock.now(), *id);
    let vault_key = house.publisher.vault_key.clone();
    house
        .database
        .write(move |connection| asking::cancel(connection, now, &vault_key, &principal, id))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A page of the requests for drivers of an organizer's datasets.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactRequestList {
    /// How many wait for the caller.
    waiting: i64,
    /// Newest first.
    requests: Vec<ContactRequestView>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// A scout's request to meet a driver, for the organizer. Who the driver is it does not say.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactRequestView {
    #[serde(flatten)]
    request: OwnRequest,
    /// The user name of who asks.
    scout: String,
    /// Whether the driver is a minor, as the organizer said; null before it was passed on.
    is_minor: Option<bool>,
}

impl From<ContactRequest> for ContactRequestView {
    fn from(request: ContactRequest) -> Self {
        Self {
            scout: request.scout.clone(),
            is_minor: request.is_minor,
            request: OwnRequest {
                url: format!("/api/v1/contact-requests/{}", request.id),
                ..request.into()
            },
        }
    }
}

/// Lists requests for drivers of one's datasets
#[utoipa::path(
    get, path = "/api/v1/contact-requests", operation_id = "list_contact_requests", tag = "talent",
    params(Paging),
    responses((status = 200, description = "A page of requests", body = ContactRequestList)),
)]
pub async fn list(
    house: House,
    principal: Principal,
    paging: Query<Paging>,
) -> Result<Json<ContactRequestList>, Fault> {
    let (limit, after) = (paging.limit()?, paging.after()?);
    let (now, user_id) = (house.clock.now(), guard::user(&principal)?.id);
    let (mut found, waiting) = house
        .database
        .read(move |connection| {
            let found = consent::of_organizer(connection, now, user_id, after, limit + 1)?;
            let waiting = consent::waiting(connection, now, user_id)?;
            Ok::<_, Fault>((found, waiting))
        })
        .await?;
    let next = paging::cut(&mut found, limit, |request| request.id);
    let requests = found.into_iter().map(ContactRequestView::from).collect();
    Ok(Json(ContactRequestList {
        waiting,
        requests,
        next,
    }))
}

/// Reads a request for a driver of one's dataset
#[utoipa::path(
    get, path = "/api/v1/contact-requests/{id}", operation_id = "get_contact_request", tag = "talent",
    params(("id" = i64, Path, description = "The request")),
    responses((status = 200, description = "The request", body = ContactRequestView)),
)]
pub async fn find(
    house: House,
    principal: Principal,
    id: Path<i64>,
) -> Result<Json<ContactRequestView>, Fault> {
    let (now, id) = (house.clock.now(), *id);
    let request = house
        .database
        .read(move |connection| consent::find_of_organizer(connection, now, &principal, id))
        .await?;
    Ok(Json(request.into()))
}

/// How the one-time link reaches the driver or guardian.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForwardingWay {
    /// By letter to the address that is sealed with the identity; it is shown to nobody.
    Vault,
    /// By letter to `address`.
    Address,
    /// The answer holds the link, this once.
    Link,
}

/// How a request is passed on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Forwarding {
    /// Whether the driver is a minor, so that a guardian decides. Without it: as the release's policy says of
    /// all of its drivers.
    is_minor: Option<bool>,
    #[schema(inline)]
    way: ForwardingWay,
    /// The e-mail address, where `way` is `address`.
    address: Option<String>,
}

/// A request that was passed on.
#[derive(Debug, Serialize, ToSchema)]
pub struct Forwarded {
    /// Until when the driver or guardian can decide.
    expires_at: Option<DateTime<Utc>>,
    /// The one-time link, where `way` is `link`: it is not shown again.
    url: Option<String>,
}

/// Passes a request on
///
/// Once more, too, while nothing is decided: with a new link, and the one of before opens nothing.
#[utoipa::path(
    post, path = "/api/v1/contact-requests/{id}/forward", operation_id = "forward_contact_request",
    tag = "talent",
    params(("id" = i64, Path, description = "The request")),
    request_body = Forwarding,
    responses(
        (status = 200, description = "Passed on", body = Forwarded),
        (status = 400, description = "The body is no JSON."),
        (status = 409, description = "It was decided, or taken back."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn forward(
    house: House,
    principal: Principal,
    id: Path<i64>,
    form: Json<Forwarding>,
) -> Answer {
    let (now, id, form) = (house.clock.now(), *id, form.into_inner());
    let key = ConsentKey::new(&mut rand::rng());
    let mut url = None;
    let way = match form.way {
        ForwardingWay::Vault => Way::Vault,
        ForwardingWay::Address => Way::Address(form.address.unwrap_or_default()),
        ForwardingWay::Link => {
            url = Some(format!("{}{}", house.config.public_url(), key.path()));
            Way::Link
        }
    };
    let vault_key = house.publisher.vault_key.clone();
    let request = house
        .database
        .write(move |connection| {
            let how = (form.is_minor, &way);
            forwarding::forward(connection, now, &vault_key, &principal, id, how, &key)
        })
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(Forwarded {
            expires_at: request.expires_at,
            url,
        }))
}

/// Why a request is refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactRefusal {
    /// What the scout reads.
    #[schema(min_length = 10, max_length = 1000)]
    reason: String,
}

/// Refuses a request
///
/// The scout reads the reason. A link that was made before opens nothing from then on.
#[utoipa::path(
    post, path = "/api/v1/contact-requests/{id}/refuse", operation_id = "refuse_contact_request",
    tag = "talent",
    params(("id" = i64, Path, description = "The request")),
    request_body = ContactRefusal,
    responses(
        (status = 204, description = "Refused"),
        (status = 400, description = "The body is no JSON."),
        (status = 409, description = "It was decided, or taken back."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn refuse(
    house: House,
    principal: Principal,
    id: Path<i64>,
    refusal: Json<ContactRefusal>,
) -> Answer {
    let (now, id) = (house.clock.now(), *id);
    let reason = refusal.into_inner().reason;
    house
        .database
        .write(move |connection| forwarding::refuse(connection, now, &principal, id, &reason))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Takes a consent back for a driver
///
/// For a driver or guardian who lost their own link and asks the organizer to.
#[utoipa::path(
    post, path = "/api/v1/contact-requests/{id}/withdraw", operation_id = "withdraw_consent",
    tag = "talent",
    params(("id" = i64, Path, description = "The request")),
    responses(
        (status = 204, description = "The scout sees nothing any more"),
        (status = 409, description = "There is no consent to take back."),
    ),
)]
pub async fn withdraw(house: House, principal: Principal, id: Path<i64>) -> Answer {
    let (now, id) = (house.clock.now(), *id);
    let vault_key = house.publisher.vault_key.clone();
    house
        .database
        .write(move |connection| forwarding::withdraw(connection, now, &vault_key, &principal, id))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

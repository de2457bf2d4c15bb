//! Who takes part, for organizers: teams, requests to join, invitations, disqualifying.

use actix_web::HttpResponse;
use actix_web::web::{Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging::{self, Paging};
use super::teams::TeamView;
use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::challenges::challenge;
use crate::challenges::joining::{self, RequestState};
use crate::challenges::participants;
use crate::challenges::teams;
use crate::http::fault::Fault;

/// A page of the teams of a challenge.
#[derive(Debug, Serialize, ToSchema)]
pub struct ParticipantList {
    /// In the order of joining.
    teams: Vec<ParticipantView>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// A team, and what it sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct ParticipantView {
    #[serde(flatten)]
    team: TeamView,
    /// How many submissions it sent, in all phases, whatever became of them.
    submissions: i64,
}

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ParticipantQuery {
    /// At most this many teams.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// The `next` of the page before.
    #[param(pattern = "^[0-9]{1,18}$")]
    after: Option<String>,
    /// What the name of the team, or of a member, holds.
    #[serde(default)]
    q: String,
}

/// Lists participants
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/participants", operation_id = "list_participants",
    tag = "participants",
    params(("slug" = String, Path, description = "The challenge's address"), ParticipantQuery),
    responses((status = 200, description = "A page of teams", body = ParticipantList)),
)]
pub async fn list(
    house: House,
    principal: Principal,
    slug: Path<String>,
    query: Query<ParticipantQuery>,
) -> Result<Json<ParticipantList>, Fault> {
    let ParticipantQuery { limit, after, q } = query.into_inner();
    let paging = Paging { limit, after };
    let (limit, after) = (paging.limit()?, paging.after()?.unwrap_or_default());
    let mut found = house
        .database
        .read(move |connection| {
            let challenge = challenge::find_managed(connection, &principal, &slug)?;
            let found = participants::list(connection, challenge.id, &q, after, limit + 1)?;
            Ok::<_, Fault>(found)
        })
        .await?;
    let next = paging::cut(&mut found, limit, |one| one.team.id);
    let teams = found.into_iter().map(|one| ParticipantView {
        team: one.team.into(),
        submissions: one.submissions,
    });
    Ok(Json(ParticipantList {
        teams: teams.collect(),
        next,
    }))
}

/// Requests to join that wait.
#[derive(Debug, Serialize, ToSchema)]
pub struct RequestList {
    /// How many wait in all.
    waiting: i64,
    /// The oldest hundred of them.
    requests: Vec<RequestView>,
}

/// A request to join.
#[derive(Debug, Serialize, ToSchema)]
pub struct RequestView {
    username: String,
    message: String,
    asked_at: DateTime<Utc>,
}

/// Requests of an answer.
const SHOWN: i64 = 100;

/// Lists requests to join
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/participants/requests", operation_id = "list_join_requests",
    tag = "participants",
    params(("slug" = String, Path, description = "The challenge's address")),
    responses((status = 200, description = "Those that wait", body = RequestList)),
)]
pub async fn requests(
    house: House,
    principal: Principal,
    slug: Path<String>,
) -> Result<Json<RequestList>, Fault> {
    let (waiting, found) = house
        .database
        .read(move |connection| {
            let challenge = challenge::find_managed(connection, &principal, &slug)?;
            let waiting = joining::waiting(connection, challenge.id)?;
            let wanted = RequestState::Waiting;
            let found = joining::requests(connection, challenge.id, wanted, SHOWN)?;
            Ok::<_, Fault>((waiting, found))
        })
        .await?;
    let requests = found.into_iter().map(|one| RequestView {
        username: one.username,
        message: one.message,
        asked_at: one.asked_at,
    });
    Ok(Json(RequestList {
        waiting,
        requests: requests.collect(),
    }))
}

/// A decision about requests.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The user names of those who asked.
    users: Vec<String>,
    /// Whether they are let in.
    approve: bool,
}

/// For whom something changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Decided {
    /// Their user names; those who were decided before are left out.
    users: Vec<String>,
}

/// Lets people in, or declines them
///
/// All of them or, where one does not ask to join, nobody.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/participants/requests",
    operation_id = "decide_join_requests", tag = "participants",
    params(("slug" = String, Path, description = "The challenge's address")),
    request_body = Decision,
    responses(
        (status = 200, description = "Decided", body = Decided),
        (status = 400, description = "The body is no JSON."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn decide(
    house: House,
    principal: Principal,
    slug: Path<String>,
    decision: Json<Decision>,
) -> Result<Json<Decided>, Fault> {
    let (slug, now) = (slug.into_inner(), house.clock.now());
    let Decision { users, approve } = decision.into_inner();
    let users = house
        .database
        .write(move |connection| {
            joining::decide(connection, now, &principal, &slug, &users, approve)
        })
        .await
        .map_err(Fault::from)?;
    Ok(Json(Decided { users }))
}

/// The invitation's link.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationLink {
    /// Whoever has it can join a challenge that is by invitation.
    url: String,
    /// What it ends with: what a program sends as `invitation_key`.
    key: String,
}

/// Makes or renews the invitation's link
///
/// The link of before opens nothing from then on.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/participants/link", operation_id = "make_invitation_link",
    tag = "participants",
    params(("slug" = String, Path, description = "The challenge's address")),
    responses((status = 201, description = "The new link", body = InvitationLink)),
)]
pub async fn make_link(house: House, principal: Principal, slug: Path<String>) -> Answer {
    let (slug, now) = (slug.into_inner(), house.clock.now());
    let key = joining::new_key(&mut rand::rng());
    let link = InvitationLink {
        url: format!("{}/challenges/{slug}/join/{key}", house.config.public_url()),
        key: key.clone(),
    };
    house
        .database
        .write(move |connection| joining::set_key(connection, now, &principal, &slug, Some(&key)))
        .await
        .map_err(Fault::from)?;
    Ok(HttpResponse::Created().json(link))
}

/// Takes the invitation's link back
#[utoipa::path(
    delete, path = "/api/v1/challenges/{slug}/participants/link",
    operation_id = "take_back_invitation_link", tag = "participants",
    params(("slug" = String, Path, description = "The challenge's address")),
    responses((status = 204, description = "It opens nothing any more")),
)]
pub async fn take_back_link(house: House, principal: Principal, slug: Path<String>) -> Answer {
    let (slug, now) = (slug.into_inner(), house.clock.now());
    house
        .database
        .write(move |connection| joining::set_key(connection, now, &principal, &slug, None))
        .await
        .map_err(Fault::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// A page of the invited addresses.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddressList {
    /// In the order of inviting.
    invitations: Vec<AddressView>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// An invited address.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddressView {
    id: i64,
    email: String,
    created_at: DateTime<Utc>,
}

/// Lists the invited addresses
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/participants/invitations",
    operation_id = "list_invited_addresses", tag = "participants",
    params(("slug" = String, Path, description = "The challenge's address"), Paging),
    responses((status = 200, description = "A page of addresses", body = AddressList)),
)]
pub async fn addresses(
    house: House,
    principal: Principal,
    slug: Path<String>,
    paging: Query<Paging>,
) -> Result<Json<AddressList>, Fault> {
    let (limit, after) = (paging.limit()?, paging.after()?.unwrap_or_default());
    let mut found = house
        .database
        .read(move |connection| {
            let challenge = challenge::find_managed(connection, &principal, &slug)?;
            let found = joining::addresses(connection, challenge.id, after, limit + 1)?;
            Ok::<_, Fault>(found)
        })
        .await?;
    let next = paging::cut(&mut found, limit, |one| one.id);
    let invitations = found.into_iter().map(|one| AddressView {
        id: one.id,
        email: one.email,
        created_at: one.created_at,
    });
    Ok(Json(AddressList {
        invitations: invitations.collect(),
        next,
    }))
}

/// Addresses to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressDraft {
    /// At most 2000.
    emails: Vec<String>,
}

/// How many were new.
#[derive(Debug, Serialize, ToSchema)]
pub struct Added {
    added: usize,
}

/// Invites addresses
///
/// All of them or, where one is no address, none; the problem names its place in the list.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/participants/invitations",
    operation_id = "invite_addresses", tag = "participants",
    params(("slug" = String, Path, description = "The challenge's address")),
    request_body = AddressDraft,
    responses(
        (status = 200, description = "Invited", body = Added),
        (status = 400, description = "The body is no JSON."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn invite(
    house: House,
    principal: Principal,
    slug: Path<String>,
    draft: Json<AddressDraft>,
) -> Result<Json<Added>, Fault> {
    let (slug, now) = (slug.into_inner(), house.clock.now());
    // A line break in one of them would shift the lines that a problem names.
    let lines: Vec<String> = draft.into_inner().emails;
    let text = lines
        .iter()
        .map(|line| line.replace(['\r', '\n'], " "))
        .collect::<Vec<_>>()
        .join("\n");
    let added = house
        .database
        .write(move |connection| joining::invite(connection, now, &principal, &slug, &text))
        .await
        .map_err(Fault::from)?;
    Ok(Json(Added { added }))
}

/// Takes an address off the list
#[utoipa::path(
    delete, path = "/api/v1/challenges/{slug}/participants/invitations/{id}",
    operation_id = "remove_invited_address", tag = "participants",
    params(
        ("slug" = String, Path, description = "The challenge's address"),
        ("id" = i64, Path, description = "The row of the list"),
    ),
    responses((status = 204, description = "It is no longer invited")),
)]
pub async fn remove_address(
    house: House,
    principal: Principal,
    path: Path<(String, i64)>,
) -> Answer {
    let ((slug, id), now) = (path.into_inner(), house.clock.now());
    house
        .database
        .write(move |connection| joining::remove_address(connection, now, &principal, &slug, id))
        .await
        .map_err(Fault::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Why a team is disqualified.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisqualificationDraft {
    /// What its members read.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

async fn set_disqualified(
    house: House,
    principal: Principal,
    (slug, id): (String, i64),
    reason: Option<String>,
) -> Answer {
    let now = house.clock.now();
    house
        .database
        .write(move |connection| {
            let reason = reason.as_deref();
            teams::set_disqualified(connection, now, &principal, &slug, id, reason)
        })
        .await
        .map_err(Fault::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Disqualifies a team
///
/// Its entries leave the boards at once, and it sends nothing more. Its submissions stay as they are.
#[utoipa::path(
    put, path = "/api/v1/challenges/{slug}/participants/teams/{id}/disqualification",
    operation_id = "disqualify_team", tag = "participants",
    params(
        ("slug" = String, Path, description = "The challenge's address"),
        ("id" = i64, Path, description = "The team"),
    ),
    request_body = DisqualificationDraft,
    responses(
        (status = 204, description = "Disqualified"),
        (status = 400, description = "The body is no JSON."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn disqualify(
    house: House,
    principal: Principal,
    path: Path<(String, i64)>,
    draft: Json<DisqualificationDraft>,
) -> Answer {
    let reason = draft.into_inner().reason;
    set_disqualified(house, principal, path.into_inner(), Some(reason)).await
}

/// Reinstates a team
///
/// Its entries are on the boards again.
#[utoipa::path(
    delete, path = "/api/v1/challenges/{slug}/participants/teams/{id}/disqualification",
    operation_id = "reinstate_team", tag = "participants",
    params(
        ("slug" = String, Path, description = "The challenge's address"),
        ("id" = i64, Path, description = "The team"),
    ),
    responses((status = 204, description = "Reinstated")),
)]
pub async fn reinstate(house: House, principal: Principal, path: Path<(String, i64)>) -> Answer {
    set_disqualified(house, principal, path.into_inner(), None).await
}

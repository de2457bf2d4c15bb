//! Data experts: who they are, what they won, and how scouts reach them.

use actix_web::HttpResponse;
use actix_web::web::{Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging;
use super::submissions::ContributivityView;
use crate::accounts::permissions::{Principal, check, rule_for};
use crate::api::{Answer, House};
use crate::challenges::medals::Medal;
use crate::http::fault::Fault;
use crate::http::guard;
use crate::talent::experts::contact::{self, ContactMessage};
use crate::talent::experts::list::{self, ExpertCursor, ExpertLine};
use crate::talent::experts::profile::{self, ProfileSettings};
use crate::talent::experts::results::{self, ExpertResult};

/// Which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExpertQuery {
    /// At most this many experts.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// The `next` of the page before.
    // Gold, silver, bronze, results, account: what `ExpertCursor` reads.
    #[param(pattern = r"^[0-9]{1,18}(\.[0-9]{1,18}){4}$")]
    after: Option<String>,
}

/// A page of the list of experts.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExpertList {
    /// By gold, silver and bronze medals, then by results.
    experts: Vec<ExpertSummary>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// How many medals somebody won.
#[derive(Debug, Serialize, ToSchema)]
pub struct MedalCounts {
    gold: i64,
    silver: i64,
    bronze: i64,
}

impl From<[i64; 3]> for MedalCounts {
    fn from([gold, silver, bronze]: [i64; 3]) -> Self {
        Self {
            gold,
            silver,
            bronze,
        }
    }
}

/// An expert in the list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExpertSummary {
    /// Those who are level share one: 1, 1, 3.
    rank: i64,
    username: String,
    headline: String,
    medals: MedalCounts,
    /// How many challenges that everybody could join have ranked them.
    results: i64,
    /// The profile in the API.
    url: String,
}

impl From<ExpertLine> for ExpertSummary {
    fn from(line: ExpertLine) -> Self {
        Self {
            url: format!("/api/v1/experts/{}", line.username),
            rank: line.rank,
            username: line.username,
            headline: line.headline,
            medals: line.medals.into(),
            results: line.results,
        }
    }
}

/// An expert's profile.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExpertView {
    username: String,
    headline: String,
    /// In Markdown.
    about: String,
    /// An `https` address; null where there is none.
    website: Option<String>,
    joined_at: DateTime<Utc>,
    /// The place among the experts; null before the first result and while the profile is hidden.
    rank: Option<i64>,
    medals: MedalCounts,
    /// How challenges ended for them, newest first, as far as the caller may know of those.
    results: Vec<ExpertResultView>,
    /// Whether the caller may write to them: told to scouts alone.
    may_contact: bool,
}

/// How a challenge ended for an expert.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExpertResultView {
    /// The challenge's address.
    challenge: String,
    title: String,
    team_id: i64,
    team: String,
    /// Ties share one: 1, 1, 3.
    rank: i64,
    /// How many teams were ranked.
    teams: i64,
    #[schema(inline)]
    medal: Option<Medal>,
    ended_at: DateTime<Utc>,
    /// The others in the team who have public profiles.
    team_mates: Vec<String>,
    /// How many others have none.
    other_team_mates: usize,
    /// The page of the public receipt, where the team shows it.
    receipt: Option<String>,
    /// What the consensus of the talent board owes to the team's models; null where there is no board or it
    /// does not listen to them.
    contributivity: Option<ContributivityView>,
}

impl From<ExpertResult> for ExpertResultView {
    fn from(result: ExpertResult) -> Self {
        Self {
            challenge: result.challenge_slug,
            title: result.challenge_title,
            team_id: result.team_id,
            team: result.team,
            rank: result.rank,
            teams: result.teams,
            medal: result.medal,
            ended_at: result.ended_at,
            team_mates: result.mates,
            other_team_mates: result.other_mates,
            receipt: result.receipt.map(|id| format!("/receipts/{id}")),
            contributivity: result.contributivity.map(ContributivityView::from),
        }
    }
}

/// Lists experts
///
/// Those with public profiles whom a challenge that everybody could join has ranked. Medals are won by the
/// rules at `/medals`.
#[utoipa::path(
    get, path = "/api/v1/experts", operation_id = "list_experts", tag = "experts",
    params(ExpertQuery),
    responses((status = 200, description = "A page of experts", body = ExpertList)),
)]
pub async fn list(house: House, query: Query<ExpertQuery>) -> Result<Json<ExpertList>, Fault> {
    let limit = paging::limit(query.limit.as_deref())?;
    let cursor = match query.after.as_deref() {
        None => None,
        Some(text) => Some(
            text.parse::<ExpertCursor>()
                .map_err(|error| Fault::invalid("after", error))?,
        ),
    };
    let found = house
        .database
        .read(move |connection| list::page(connection, cursor, limit))
        .await?;
    Ok(Json(ExpertList {
        experts: found.experts.into_iter().map(ExpertSummary::from).collect(),
        next: found.next.map(|cursor| cursor.to_string()),
    }))
}

/// Reads an expert's profile
///
/// An unknown name and a hidden profile are answered alike.
#[utoipa::path(
    get, path = "/api/v1/experts/{username}", operation_id = "get_expert", tag = "experts",
    params(("username" = String, Path, description = "The expert's name")),
    responses((status = 200, description = "The profile", body = ExpertView)),
)]
pub async fn find(
    house: House,
    principal: Principal,
    username: Path<String>,
) -> Result<Json<ExpertView>, Fault> {
    let username = username.into_inner();
    let may_send = rule_for("POST", "/api/v1/experts/{username}/contact")
        .is_some_and(|rule| check(rule, &principal).is_ok());
    let view = house.database.read(move |connection| {
        let found = profile::find(connection, &principal, &username)?;
        let done = results::of_user(connection, &principal, found.user_id)?;
        let [gold, silver, bronze] = found.medals;
        let settings = found.settings;
        let rank = match settings.is_public && found.results > 0 {
            true => Some(list::rank_of(
                connection,
                [gold, silver, bronze, found.results],
            )?),
            false => None,
        };
        Ok::<_, Fault>(ExpertView {
            username: found.username,
            headline: settings.headline,
            about: settings.about,
            website: Some(settings.website).filter(|website| !website.is_empty()),
            joined_at: found.joined_at,
            rank,
            medals: found.medals.into(),
            results: done.into_iter().map(ExpertResultView::from).collect(),
            may_contact: may_send && settings.is_public && settings.open_to_contact,
        })
    });
    Ok(Json(view.await?))
}

/// Writes to an expert
///
/// It reaches their inbox and, by letter, them; their e-mail address is told to nobody. Once in 7 days for
/// each expert. An unknown name, a hidden profile and one that is not open to contact are answered alike.
#[utoipa::path(
    post, path = "/api/v1/experts/{username}/contact", operation_id = "contact_expert",
    tag = "experts",
    params(("username" = String, Path, description = "The expert's name")),
    request_body = ContactMessage,
    responses(
        (status = 204, description = "It is with them"),
        (status = 400, description = "The body is no JSON."),
        (status = 409, description = "You wrote to this expert lately."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn contact(
    house: House,
    principal: Principal,
    username: Path<String>,
    message: Json<ContactMessage>,
) -> Answer {
    let (now, sender) = (house.clock.now(), guard::user(&principal)?.clone());
    let (username, message) = (username.into_inner(), message.into_inner());
    house
        .database
        .write(move |connection| contact::send(connection, now, &sender, &username, &message))
        .await
        .map_err(Fault::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// The caller's own profile
///
/// As its owner wrote it; what holds until they decide, where they have not.
#[utoipa::path(
    get, path = "/api/v1/me/profile", operation_id = "get_own_profile", tag = "account",
    responses((status = 200, description = "The settings", body = ProfileSettings)),
)]
pub async fn own(house: House, principal: Principal) -> Result<Json<ProfileSettings>, Fault> {
    let user_id = guard::user(&principal)?.id;
    let own = house
        .database
        .read(move |connection| profile::own(connection, user_id))
        .await?;
    Ok(Json(own.unwrap_or_default()))
}

/// Changes the caller's own profile
///
/// All of it at once.
#[utoipa::path(
    put, path = "/api/v1/me/profile", operation_id = "put_own_profile", tag = "account",
    request_body = ProfileSettings,
    responses(
        (status = 200, description = "The settings as they are kept", body = ProfileSettings),
        (status = 400, description = "The body is no JSON."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn change_own(
    house: House,
    principal: Principal,
    wanted: Json<ProfileSettings>,
) -> Result<Json<ProfileSettings>, Fault> {
    let (now, user) = (house.clock.now(), guard::user(&principal)?.clone());
    let wanted = wanted.into_inner();
    let kept = house
        .database
        .write(move |connection| profile::save(connection, now, &user, &wanted))
        .await
        .map_err(Fault::from)?;
    Ok(Json(kept))
}

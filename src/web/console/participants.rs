//! Who takes part in a challenge, for its organizer: teams and their members, requests that wait, the
//! invitation's link and list, disqualifying.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{self, Data, Form, FormConfig, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::{LARGEST_FORM, count};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge;
use crate::challenges::draft::Joining;
use crate::challenges::joining::{self, InvitedAddress, RequestLine, RequestState};
use crate::challenges::participants::{self, Participant};
use crate::challenges::teams::{self, REASON_LIMIT};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::platform::database::DatabaseConnection;
use crate::web::page::{FormProblem, Page, get, see_other_saying};

/// Teams on a page.
const PAGE: usize = 50;

/// Requests, and addresses, on a page.
const SHOWN: i64 = 200;

/// The routes of this file.
pub(super) fn configure(routes: &mut ServiceConfig) {
    let at = |path: &str| format!("/console/challenges/{{slug}}/participants{path}");
    routes
        .route(&at(""), get().to(show))
        .route(&at(".csv"), get().to(table))
        .service(
            web::resource(at("/requests"))
                .app_data(FormConfig::default().limit(LARGEST_FORM))
                .route(web::post().to(decide)),
        )
        .route(&at("/link"), web::post().to(set_link))
        .service(
            web::resource(at("/invitations"))
                .app_data(FormConfig::default().limit(LARGEST_FORM))
                .route(web::post().to(invite)),
        )
        .route(&at("/invitations/{id}/remove"), web::post().to(remove))
        .route(&at("/teams/{id}/standing"), web::post().to(set_standing));
}

/// What is looked for, and where the list begins.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Search {
    #[serde(default)]
    q: String,
    #[serde(default)]
    after: i64,
    #[serde(default)]
    addresses_after: i64,
}

struct TeamLine {
    id: i64,
    name: String,
    /// Each with whether they are the captain.
    members: Vec<(String, bool)>,
    is_baseline: bool,
    disqualified: Option<(DateTime<Utc>, String)>,
    submissions: String,
}

impl TeamLine {
    fn new(Participant { team, submissions }: Participant) -> Self {
        Self {
            members: team
                .members
                .iter()
                .map(|member| (member.username.clone(), team.is_captain(member.user_id)))
                .collect(),
            id: team.id,
            name: team.name,
            is_baseline: team.is_baseline,
            disqualified: team.disqualified.map(|off| (off.at, off.reason)),
            submissions: count(submissions),
        }
    }
}

#[derive(Template)]
#[template(path = "console/participants.html")]
struct ParticipantsPage {
    page: Page,
    slug: String,
    title: String,
    joining: Joining,
    teams_count: String,
    search: String,
    teams: Vec<TeamLine>,
    first: String,
    next: String,
    waiting: i64,
    /// Whether all requests that wait are shown.
    shows_all: bool,
    requests: Vec<RequestLine>,
    declined: Vec<RequestLine>,
    link: String,
    address_count: String,
    addresses: Vec<InvitedAddress>,
    next_addresses: String,
    emails: String,
    reason_limit: usize,
    problem: FormProblem,
}

async fn page(
    (state, request, principal): (Data<State>, HttpRequest, Principal),
    slug: String,
    search: Search,
    emails: String,
    problem: FormProblem,
) -> Result<HttpResponse, Fault> {
    let page = Page::new(&request, "console");
    let base = state.config.public_url();
    let shown = state
        .database
        .read(move |connection| {
            let challenge = challenge::find_managed(connection, &principal, &slug)?;
            let one_more = PAGE as i64 + 1;
            let mut found =
                participants::list(connection, challenge.id, &search.q, search.after, one_more)?;
            let more = found.len() > PAGE;
            found.truncate(PAGE);
            let last = found.last().map_or(0, |last| last.team.id);
            let query = utf8_percent_encode(&search.q, NON_ALPHANUMERIC);
            let mut requests = |state| joining::requests(connection, challenge.id, state, SHOWN);
            let (waiting, declined) = (
                requests(RequestState::Waiting)?,
                requests(RequestState::Declined)?,
            );
            let count_waiting = joining::waiting(connection, challenge.id)?;
            let mut addresses =
                joining::addresses(connection, challenge.id, search.addresses_after, SHOWN + 1)?;
            let more_addresses = addresses.len() as i64 > SHOWN;
            addresses.truncate(SHOWN as usize);
            Ok::<_, Fault>(ParticipantsPage {
                page,
                joining: challenge.joining,
                teams_count: count(challenge.team_count),
                teams: found.into_iter().map(TeamLine::new).collect(),
                first: match search.after {
                    0 => String::new(),
                    _ => format!("?q={query}#teams"),
                },
                next: match more {
                    true => format!("?q={query}&after={last}#teams"),
                    false => String::new(),
                },
                search: search.q,
                waiting: count_waiting,
                shows_all: waiting.len() as i64 >= count_waiting,
                requests: waiting,
                declined,
                link: match &challenge.invitation_key {
                    Some(key) => format!("{base}/challenges/{}/join/{key}", challenge.slug),
                    None => String::new(),
                },
                address_count: count(joining::address_count(connection, challenge.id)?),
                next_addresses: match addresses.last() {
                    Some(last) if more_addresses => {
                        format!("?addresses_after={}#invitations", last.id)
                    }
                    _ => String::new(),
                },
                addresses,
                emails,
                reason_limit: REASON_LIMIT,
                problem,
                slug: challenge.slug,
                title: challenge.title,
            })
        })
        .await?;
    shown.page.show_as(shown.problem.status(), &shown)
}

async fn show(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    search: Query<Search>,
) -> Result<HttpResponse, Fault> {
    let at = (state, request, principal);
    let nothing = FormProblem::default();
    page(
        at,
        slug.into_inner(),
        search.into_inner(),
        String::new(),
        nothing,
    )
    .await
}

async fn table(
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let slug = slug.into_inner();
    let name = format!("attachment; filename=\"{slug}-participants.csv\"");
    let csv = state
        .database
        .read(move |connection| {
            let challenge = challenge::find_managed(connection, &principal, &slug)?;
            Ok::<_, Fault>(participants::csv(connection, challenge.id)?)
        })
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, name))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(csv))
}

/// Does one act of the room in a write transaction, and goes back to a part of the page: with what was
/// done, or with why it was not.
async fn act(
    at: (Data<State>, HttpRequest, Principal),
    slug: String,
    part: &str,
    emails: String,
    work: impl FnOnce(&mut DatabaseConnection, DateTime<Utc>, &Principal, &str) -> Result<String, Fault>
    + Send
    + 'static,
) -> Result<HttpResponse, Fault> {
    let (state, request, principal) = at;
    let now = state.clock.now();
    let (actor, asked) = (principal.clone(), slug.clone());
    let done = state
        .database
        .write(move |connection| work(connection, now, &actor, &asked))
        .await;
    match done {
        Ok(message) => {
            let address = format!("/console/challenges/{slug}/participants#{part}");
            Ok(see_other_saying(&request, &address, "success", message))
        }
        Err(fault) => {
            let problem = FormProblem::from_fault(fault)?;
            let at = (state, request, principal);
            page(at, slug, Search::default(), emails, problem).await
        }
    }
}

fn people(names: &[String]) -> String {
    match names {
        [] => "Nobody: all of them were decided before".to_owned(),
        [one] => one.clone(),
        several => format!("{} people", several.len()),
    }
}

/// The boxes of the ticked requests are all called `user`; the pressed button is `decision`.
async fn decide(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    form: Form<Vec<(String, String)>>,
) -> Result<HttpResponse, Fault> {
    let values = |name: &str| -> Vec<String> {
        let of_name = form.iter().filter(|(field, _)| field == name);
        of_name.map(|(_, value)| value.clone()).collect()
    };
    let approve = match values("decision").first().map(String::as_str) {
        Some("approve") => true,
        Some("decline") => false,
        _ => return Err(Fault::invalid("decision", "press Let in or Decline")),
    };
    let users = values("user");
    let at = (state, request, principal);
    let nothing = String::new();
    act(
        at,
        slug.into_inner(),
        "requests",
        nothing,
        move |connection, now, actor, slug| {
            let decided = joining::decide(connection, now, actor, slug, &users, approve)?;
            let who = people(&decided);
            Ok(match approve {
                true => format!("Let in: {who}."),
                false => format!("Declined: {who}."),
            })
        },
    )
    .await
}

#[derive(Deserialize)]
struct LinkForm {
    act: String,
}

async fn set_link(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    form: Form<LinkForm>,
) -> Result<HttpResponse, Fault> {
    let key = match form.act.as_str() {
        "make" => Some(joining::new_key(&mut rand::rng())),
        "take_back" => None,
        _ => return Err(Fault::invalid("act", "press one of the buttons")),
    };
    let at = (state, request, principal);
    let nothing = String::new();
    act(
        at,
        slug.into_inner(),
        "link",
        nothing,
        move |connection, now, actor, slug| {
            joining::set_key(connection, now, actor, slug, key.as_deref())?;
            Ok(match key {
                Some(_) => "There is a new link. Those of before open nothing any more.",
                None => "The link opens nothing any more. Who came in by it stays.",
            }
            .to_owned())
        },
    )
    .await
}

#[derive(Deserialize)]
struct EmailsForm {
    emails: String,
}

async fn invite(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    form: Form<EmailsForm>,
) -> Result<HttpResponse, Fault> {
    let emails = form.into_inner().emails;
    let typed = emails.clone();
    let at = (state, request, principal);
    act(
        at,
        slug.into_inner(),
        "invitations",
        typed,
        move |connection, now, actor, slug| {
            let added = joining::invite(connection, now, actor, slug, &emails)?;
            Ok(match added {
                0 => "All of them were on the list already.".to_owned(),
                1 => "One address is invited.".to_owned(),
                added => format!("{added} addresses are invited."),
            })
        },
    )
    .await
}

async fn remove(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    path: Path<(String, i64)>,
) -> Result<HttpResponse, Fault> {
    let (slug, id) = path.into_inner();
    let at = (state, request, principal);
    let nothing = String::new();
    act(
        at,
        slug,
        "invitations",
        nothing,
        move |connection, now, actor, slug| {
            let email = joining::remove_address(connection, now, actor, slug, id)?;
            Ok(format!("{email} is no longer invited."))
        },
    )
    .await
}

#[derive(Deserialize)]
struct StandingForm {
    act: String,
    #[serde(default)]
    reason: String,
}

async fn set_standing(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    path: Path<(String, i64)>,
    form: Form<StandingForm>,
) -> Result<HttpResponse, Fault> {
    let (slug, id) = path.into_inner();
    let reason = match form.act.as_str() {
        "disqualify" => Some(form.into_inner().reason),
        "reinstate" => None,
        _ => return Err(Fault::invalid("act", "press one of the buttons")),
    };
    let at = (state, request, principal);
    let nothing = String::new();
    act(
        at,
        slug,
        "teams",
        nothing,
        move |connection, now, actor, slug| {
            let reason = reason.as_deref();
            let team = teams::set_disqualified(connection, now, actor, slug, id, reason)?;
            Ok(match reason {
                Some(_) => format!("{team} is off the boards, and its members read why."),
                None => format!("{team} is on the boards again."),
            })
        },
    )
    .await
}

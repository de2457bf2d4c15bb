//! Data experts: their list, their profiles, how medals are won, and a scout's message to them.

use actix_web::web::{self, Data, Form, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::markdown;
use super::page::{FormProblem, Page, get, see_other_saying};
use crate::accounts::permissions::{Principal, check, rule_for};
use crate::challenges::medals::{BANDS, Band, FEWEST_TEAMS, Medal, last_ranks};
use crate::http::fault::Fault;
use crate::http::guard::user;
use crate::http::state::State;
use crate::talent::contributivity::percent;
use crate::talent::experts::contact::{self, ContactMessage};
use crate::talent::experts::list::{self, ExpertCursor};
use crate::talent::experts::profile;
use crate::talent::experts::results::{self, ExpertResult};

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(web::resource("/experts").route(get().to(list_page)))
        .service(web::resource("/experts/{username}").route(get().to(show)))
        .service(web::resource(CONTACT).route(web::post().to(send)))
        .service(web::resource("/medals").route(get().to(medals)));
}

/// Where a scout writes to an expert.
const CONTACT: &str = "/experts/{username}/contact";

/// Experts on a page of the list.
const PER_PAGE: i64 = 50;

#[derive(Deserialize)]
struct ListQuery {
    after: Option<String>,
}

/// A line of the list.
struct Line {
    rank: i64,
    is_tied: bool,
    username: String,
    headline: String,
    gold: i64,
    silver: i64,
    bronze: i64,
    results: i64,
}

#[derive(Template)]
#[template(path = "experts/list.html")]
struct ListPage {
    page: Page,
    experts: Vec<Line>,
    first: String,
    next: String,
}

async fn list_page(
    request: HttpRequest,
    state: Data<State>,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Fault> {
    let cursor = match query.after.as_deref() {
        None => None,
        Some(text) => Some(
            text.parse::<ExpertCursor>()
                .map_err(|error| Fault::invalid("after", error))?,
        ),
    };
    let found = state
        .database
        .read(move |connection| list::page(connection, cursor, PER_PAGE))
        .await?;
    let ranks: Vec<i64> = found.experts.iter().map(|expert| expert.rank).collect();
    let is_tied = |rank: i64| ranks.iter().filter(|other| **other == rank).count() > 1;
    let view = ListPage {
        page: Page::new(&request, "experts"),
        experts: found
            .experts
            .into_iter()
            .map(|expert| {
                let [gold, silver, bronze] = expert.medals;
                Line {
                    is_tied: is_tied(expert.rank),
                    rank: expert.rank,
                    username: expert.username,
                    headline: expert.headline,
                    gold,
                    silver,
                    bronze,
                    results: expert.results,
                }
            })
            .collect(),
        first: match cursor {
            Some(_) => "/experts".into(),
            None => String::new(),
        },
        next: found
            .next
            .map(|cursor| format!("/experts?after={cursor}"))
            .unwrap_or_default(),
    };
    view.page.show(&view)
}

/// A challenge that ranked the expert.
struct ResultLine {
    slug: String,
    title: String,
    rank: i64,
    teams: i64,
    medal: Option<Medal>,
    team_id: i64,
    team: String,
    mates: Vec<String>,
    other_mates: usize,
    receipt: Option<i64>,
    ended_at: DateTime<Utc>,
}

/// What a consensus owes to the expert's team.
struct ShareLine {
    slug: String,
    title: String,
    weight: String,
    fair_share: String,
    in_words: String,
}

fn share(result: &ExpertResult) -> Option<ShareLine> {
    let owed = result.contributivity?;
    Some(ShareLine {
        slug: result.challenge_slug.clone(),
        title: result.challenge_title.clone(),
        weight: percent(owed.weight),
        fair_share: owed.fair_share.map_or_else(|| "–".into(), percent),
        in_words: owed.in_words(),
    })
}

#[derive(Template)]
#[template(path = "experts/show.html")]
struct ProfilePage {
    page: Page,
    username: String,
    headline: String,
    /// HTML.
    about: String,
    website: String,
    is_own: bool,
    is_hidden: bool,
    joined_at: DateTime<Utc>,
    last_result: Option<DateTime<Utc>>,
    gold: i64,
    silver: i64,
    bronze: i64,
    results: i64,
    /// The place among the experts; empty where there is none.
    rank: String,
    lines: Vec<ResultLine>,
    shares: Vec<ShareLine>,
    may_contact: bool,
    message: ContactMessage,
    problem: FormProblem,
}

async fn show(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    username: Path<String>,
) -> Result<HttpResponse, Fault> {
    let message = ContactMessage {
        organisation: String::new(),
        message: String::new(),
        reply_to: String::new(),
    };
    let problem = FormProblem::default();
    show_with(
        &request,
        &state,
        principal,
        username.into_inner(),
        message,
        problem,
    )
    .await
}

/// The profile's page with its form as it was filled in.
async fn show_with(
    request: &HttpRequest,
    state: &State,
    principal: Principal,
    username: String,
    message: ContactMessage,
    problem: FormProblem,
) -> Result<HttpResponse, Fault> {
    let may_send = rule_for("POST", CONTACT).is_some_and(|rule| check(rule, &principal).is_ok());
    let own_id = principal.user().map(|user| user.id);
    let (found, done, rank) = state
        .database
        .read(move |connection| {
            let found = profile::find(connection, &principal, &username)?;
            let done = results::of_user(connection, &principal, found.user_id)?;
            let [gold, silver, bronze] = found.medals;
            let rank = match found.settings.is_public && found.results > 0 {
                true => Some(list::rank_of(
                    connection,
                    [gold, silver, bronze, found.results],
                )?),
                false => None,
            };
            Ok::<_, Fault>((found, done, rank))
        })
        .await?;
    let [gold, silver, bronze] = found.medals;
    let is_own = own_id == Some(found.user_id);
    let settings = found.settings;
    let view = ProfilePage {
        page: Page::new(request, "experts"),
        is_own,
        is_hidden: !settings.is_public,
        may_contact: may_send && !is_own && settings.is_public && settings.open_to_contact,
        username: found.username,
        headline: settings.headline,
        about: markdown::to_html(&settings.about),
        website: settings.website,
        joined_at: found.joined_at,
        last_result: done.first().map(|result| result.ended_at),
        gold,
        silver,
        bronze,
        results: found.results,
        rank: rank.map(|rank| format!("#{rank}")).unwrap_or_default(),
        shares: done.iter().filter_map(share).collect(),
        lines: done
            .into_iter()
            .map(|result| ResultLine {
                slug: result.challenge_slug,
                title: result.challenge_title,
                rank: result.rank,
                teams: result.teams,
                medal: result.medal,
                team_id: result.team_id,
                team: result.team,
                mates: result.mates,
                other_mates: result.other_mates,
                receipt: result.receipt,
                ended_at: result.ended_at,
            })
            .collect(),
        message,
        problem,
    };
    view.page.show_as(view.problem.status(), &view)
}

async fn send(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    username: Path<String>,
    form: Form<ContactMessage>,
) -> Result<HttpResponse, Fault> {
    let (username, message) = (username.into_inner(), form.into_inner());
    let (now, sender) = (state.clock.now(), user(&principal)?.clone());
    let (expert, sent) = (username.clone(), message.clone());
    let done = state
        .database
        .write(move |connection| contact::send(connection, now, &sender, &expert, &sent))
        .await
        .map_err(Fault::from);
    match done {
        Ok(()) => Ok(see_other_saying(
            &request,
            &format!("/experts/{username}"),
            "success",
            "Your message is with them. Whether they answer is theirs to decide.",
        )),
        Err(fault) => {
            let problem = FormProblem::from_fault(fault)?;
            show_with(&request, &state, principal, username, message, problem).await
        }
    }
}

/// A row of the rules.
struct BandLine {
    teams: String,
    gold: String,
    silver: String,
    bronze: String,
}

/// How many ranks win what among so many teams.
struct Example {
    teams: i64,
    ranks: Vec<String>,
}

#[derive(Template)]
#[template(path = "experts/medals.html")]
struct MedalsPage {
    page: Page,
    fewest: i64,
    bands: Vec<BandLine>,
    examples: Vec<Example>,
}

async fn medals(request: HttpRequest) -> Result<HttpResponse, Fault> {
    let ends = BANDS
        .iter()
        .skip(1)
        .map(|band| Some(band.from_teams - 1))
        .chain([None]);
    let line = |(band, end): (&Band, Option<i64>)| BandLine {
        teams: match end {
            Some(end) => format!("{} to {end}", band.from_teams),
            None => format!("{} and more", band.from_teams),
        },
        gold: band.gold.to_string(),
        silver: band.silver.to_string(),
        bronze: band.bronze.to_string(),
    };
    let view = MedalsPage {
        page: Page::new(&request, "experts"),
        fewest: FEWEST_TEAMS,
        bands: BANDS.iter().zip(ends).map(line).collect(),
        examples: [5, 12, 40, 120, 600, 2_000]
            .into_iter()
            .filter_map(|teams| {
                let mut from = 1;
                let ranks = last_ranks(teams)?.map(|(_, last)| {
                    let text = match last {
                        last if last < from => "none".into(),
                        last if last == from => format!("rank {last}"),
                        last => format!("ranks {from} to {last}"),
                    };
                    from = last + 1;
                    text
                });
                Some(Example {
                    teams,
                    ranks: ranks.into(),
                })
            })
            .collect(),
    };
    view.page.show(&view)
}

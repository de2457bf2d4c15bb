//! Challenges: the list, and what stands around and on the first page of one.

mod corrections;
mod data;
mod kinds;
mod rules;
mod submit;
mod team;
mod timeline;

use actix_web::web::{self, Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

pub use self::kinds::kind_title;
use self::kinds::{FeaturesView, KindCard};
use self::timeline::Timeline;
use super::format;
use super::markdown;
use super::page::{Page, get};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{
    self, Challenge, ChallengeError, Listed, Phase, PhaseState, WithPhases, current_phase,
};
use crate::challenges::starter_kit::KitRuntime;
use crate::http::fault::Fault;
use crate::http::starter_kits;
use crate::http::state::State;
use crate::platform::database::DatabaseConnection;
use crate::scoring::explanation::limits_in_words;
use crate::scoring::metrics::Direction;
use crate::scoring::rule::ScoringRule;

/// The routes of this folder.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(web::resource("/challenges").route(get().to(list)))
        .service(web::resource("/challenges/{slug}").route(get().to(overview)))
        .configure(corrections::configure)
        .configure(data::configure)
        .configure(kinds::configure)
        .configure(rules::configure)
        .configure(submit::configure)
        .configure(team::configure);
}

/// A challenge in a list.
pub struct Card {
    /// Its address.
    pub href: String,
    /// Its name.
    pub title: String,
    /// What it asks.
    pub tagline: String,
    /// How it is scored.
    pub metric: String,
    /// Where its current phase stands: `upcoming`, `open` or `closed`.
    pub state: &'static str,
    /// How many teams joined.
    pub teams: i64,
    /// How many of them have a score in the current phase.
    pub entries: i64,
    /// When the phase opens or closes.
    pub at: DateTime<Utc>,
}

impl Card {
    /// None for a challenge without phases, which cannot be posted.
    pub fn new((challenge, phases): &WithPhases, now: DateTime<Utc>) -> Option<Self> {
        let phase = current_phase(phases, now)?;
        let state = phase.state(now);
        Some(Self {
            href: format!("/challenges/{}", challenge.slug),
            title: challenge.title.clone(),
            tagline: challenge.tagline.clone(),
            metric: metric_name(&phase.metric),
            state: state.as_str(),
            teams: challenge.team_count,
            entries: phase.entry_count,
            at: if state == PhaseState::Upcoming {
                phase.starts_at
            } else {
                phase.ends_at
            },
        })
    }
}

/// A metric's name for people, with its parameter: `NDCG@10`.
pub fn metric_name(rule: &ScoringRule) -> String {
    match rule.to_string().split_once('@') {
        Some((_, parameter)) => format!("{} @ {parameter}", rule.title()),
        None => rule.title().to_owned(),
    }
}

/// Which scores rank first, in words.
pub fn direction(rule: &ScoringRule) -> &'static str {
    match rule.direction() {
        Direction::LowerIsBetter => "lower is better",
        Direction::HigherIsBetter => "higher is better",
    }
}

/// How many challenges a page of the list shows.
const PER_PAGE: i64 = 24;

#[derive(Deserialize)]
struct ListQuery {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "challenges/list.html")]
struct ListPage {
    page: Page,
    /// Heading and cards; only what there is.
    groups: Vec<(&'static str, Vec<Card>)>,
    first: String,
    next: String,
}

async fn list(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let before = query.before;
    let mut found = state
        .database
        .read(move |connection| {
            challenge::list(
                connection,
                Listed::PublishedFor(&principal),
                before,
                PER_PAGE + 1,
            )
        })
        .await?;
    let more = found.len() as i64 > PER_PAGE;
    found.truncate(PER_PAGE as usize);
    let last = found.last().map_or(0, |(challenge, _)| challenge.id);
    let mut cards: Vec<Card> = found
        .iter()
        .filter_map(|found| Card::new(found, now))
        .collect();
    let mut groups = Vec::new();
    for (heading, state) in [
        ("Open", "open"),
        ("Upcoming", "upcoming"),
        ("Closed", "closed"),
    ] {
        let (mut group, rest): (Vec<_>, Vec<_>) =
            cards.into_iter().partition(|card| card.state == state);
        cards = rest;
        group.sort_by_key(|card| card.at);
        if state == "closed" {
            group.reverse();
        }
        if !group.is_empty() {
            groups.push((heading, group));
        }
    }
    let view = ListPage {
        page: Page::new(&request, "challenges"),
        groups,
        first: if before.is_some() {
            "/challenges".into()
        } else {
            String::new()
        },
        next: if more {
            format!("/challenges?before={last}")
        } else {
            String::new()
        },
    };
    view.page.show(&view)
}

/// What stands above every page of a challenge.
pub struct Head {
    /// Its address.
    pub slug: String,
    /// Its name.
    pub title: String,
    /// What it asks.
    pub tagline: String,
    /// Where the current phase stands.
    pub state: &'static str,
    /// How many teams have a score in it.
    pub entries: String,
    /// Nobody but its organizer sees it yet.
    pub is_draft: bool,
    /// The caller may run it.
    pub is_managed: bool,
}

impl Head {
    /// The challenge of this address with its head, if the caller may see it.
    pub fn find(
        connection: &mut DatabaseConnection,
        principal: &Principal,
        slug: &str,
        now: DateTime<Utc>,
    ) -> Result<(Challenge, Self), Fault> {
        let (challenge, phases) = challenge::find(connection, principal, slug)?;
        let head = Self::new(
            &challenge,
            phase_now(&challenge, &phases, now)?,
            principal,
            now,
        );
        Ok((challenge, head))
    }

    /// The head for a caller, with the challenge's current phase.
    pub fn new(
        challenge: &Challenge,
        phase: &Phase,
        principal: &Principal,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            slug: challenge.slug.clone(),
            title: challenge.title.clone(),
            tagline: challenge.tagline.clone(),
            state: phase.state(now).as_str(),
            entries: format::count(phase.entry_count.unsigned_abs()),
            is_draft: challenge.published_at.is_none(),
            is_managed: principal.may_manage(challenge.owner_id),
        }
    }
}

/// The phase that matters now; every posted challenge has one.
pub fn phase_now<'a>(
    challenge: &Challenge,
    phases: &'a [Phase],
    now: DateTime<Utc>,
) -> Result<&'a Phase, Fault> {
    current_phase(phases, now)
        .ok_or_else(|| ChallengeError::NotFound(challenge.slug.clone()).into())
}

/// A link to one of a challenge's phases or pages.
pub struct Choice {
    /// What it says.
    pub text: String,
    /// Where it leads.
    pub href: String,
    /// Whether it is the one that is shown.
    pub is_current: bool,
}

/// The phase that an address asks for by its place, counted from 1; else the one that matters now.
/// With it, links to all of them where there are several.
pub fn choose_phase<'a>(
    challenge: &Challenge,
    phases: &'a [Phase],
    asked: Option<usize>,
    now: DateTime<Utc>,
    tab: &str,
) -> Result<(&'a Phase, Vec<Choice>), Fault> {
    let phase = match asked {
        None => phase_now(challenge, phases, now)?,
        Some(number) => number
            .checked_sub(1)
            .and_then(|index| phases.get(index))
            .ok_or_else(|| Fault::not_found(format!("This challenge has no phase {number}.")))?,
    };
    if phases.len() < 2 {
        return Ok((phase, Vec::new()));
    }
    let choices = phases
        .iter()
        .zip(1..)
        .map(|(one, number)| Choice {
            text: one.name.clone(),
            href: format!("/challenges/{}/{tab}?phase={number}", challenge.slug),
            is_current: one.id == phase.id,
        })
        .collect();
    Ok((phase, choices))
}

#[derive(Deserialize)]
struct OverviewQuery {
    page: Option<String>,
}

#[derive(Template)]
#[template(path = "challenges/overview.html")]
struct OverviewPage {
    page: Page,
    challenge: Head,
    /// The challenge's own pages, where there are several.
    choices: Vec<Choice>,
    /// The text of the one that is shown, sanitized.
    body: String,
    phase: Phase,
    timeline: Option<Timeline>,
    /// What can be won and who may win it, sanitized; empty where nothing is said.
    prizes: String,
    eligibility: String,
    metric: String,
    direction: &'static str,
    rows: String,
    size: String,
    teams: i64,
    kinds: Vec<KindCard>,
    takes_models: bool,
    features: Option<FeaturesView>,
    limits: [(&'static str, String); 7],
    runtime: Option<KitRuntime>,
    curl: String,
}

async fn overview(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    query: Query<OverviewQuery>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let asker = principal.clone();
    let (challenge, phases, pages) = state
        .database
        .read(move |connection| {
            let (challenge, phases) = challenge::find(connection, &asker, &slug)?;
            let pages = challenge::pages(connection, challenge.id)?;
            Ok::<_, Fault>((challenge, phases, pages))
        })
        .await?;
    let shown = match &query.page {
        None => pages.first(),
        Some(slug) => Some(
            pages
                .iter()
                .find(|page| page.slug == *slug)
                .ok_or_else(|| Fault::not_found(format!("This challenge has no page `{slug}`.")))?,
        ),
    };
    let choices = pages
        .iter()
        .map(|page| Choice {
            text: page.title.clone(),
            href: format!("/challenges/{}?page={}", challenge.slug, page.slug),
            is_current: shown == Some(page),
        })
        .filter(|_| pages.len() > 1)
        .collect();
    let phase = phase_now(&challenge, &phases, now)?.clone();
    let view = OverviewPage {
        page: Page::new(&request, "challenges"),
        challenge: Head::new(&challenge, &phase, &principal, now),
        choices,
        body: shown
            .map(|page| markdown::to_html(&page.body))
            .unwrap_or_default(),
        metric: metric_name(&phase.metric),
        direction: direction(&phase.metric),
        rows: format::count(phase.solution_rows.unsigned_abs()),
        size: format::size(phase.max_bytes),
        teams: challenge.team_count,
        kinds: KindCard::all(&challenge, &state),
        takes_models: challenge.kinds.iter().any(|kind| kind.is_model()),
        features: FeaturesView::of(&phase),
        limits: limits_in_words(&challenge.run_limits),
        curl: match challenge.kinds.first() {
            Some(kind) if kind.is_model() => {
                kinds::commands(*kind, &state.config.public_url(), &challenge.slug)
            }
            _ => curl(&state.config.public_url(), &challenge.slug),
        },
        timeline: Timeline::new(&challenge, &phases, now),
        prizes: markdown::to_html(&challenge.prizes),
        eligibility: markdown::to_html(&challenge.eligibility),
        runtime: starter_kits::facts(&state, challenge, &phase).runtime,
        phase,
    };
    view.page.show(&view)
}

/// How to submit from a shell.
fn curl(base: &str, slug: &str) -> String {
    format!(
        "curl {base}/api/v1/challenges/{slug}/submissions \\\n  \
         -H \"Authorization: Bearer $PADDOCK_TOKEN\" \\\n  \
         -H \"Content-Type: text/csv\" \\\n  \
         --data-binary @predictions.csv"
    )
}

//! The console: where organizers publish datasets, post challenges and look after them, and admins
//! give roles.

mod baselines;
mod bundles;
mod challenge;
mod challenge_edit;
mod challenge_form;
mod coached_drivers;
mod correction;
mod dataset_draft;
mod dataset_measure;
mod dataset_policy;
mod dataset_publish;
mod flags;
mod form;
mod life;
mod log;
mod mail;
mod participants;
mod runs;
mod users;
mod workers;

use actix_web::web::{self, Data, FormConfig, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::format;
use super::page::{Page, get};
use crate::accounts::permissions::Principal;
use crate::accounts::users::Role;
use crate::challenges::challenge::{self as challenges, PhaseState, WithPhases, current_phase};
use crate::challenges::workload::{self, Workload};
use crate::datasets::catalogue::{self, DatasetLine};
use crate::http::fault::Fault;
use crate::http::guard;
use crate::http::state::State;
use crate::talent::consent;

/// Challenges, and datasets, on the console's first page.
const PAGE: usize = 30;

/// The longest form without files, in bytes: a policy of a thousand columns, a long card.
const LARGEST_FORM: usize = 1 << 20;

/// The routes of this group.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .route("/console", get().to(overview))
        .route("/console/datasets/new", get().to(dataset_draft::new))
        .route(
            "/console/datasets/drafts",
            web::post().to(dataset_draft::create),
        )
        .configure(configure_drafts)
        .route("/console/challenges/new", get().to(challenge_form::new))
        .route(
            "/console/challenges",
            web::post().to(challenge_form::create),
        )
        .configure(configure_bundles)
        .route("/console/challenges/{slug}", get().to(challenge::show))
        .route(
            "/console/challenges/{slug}/edit",
            get().to(challenge_edit::edit),
        )
        .route(
            "/console/challenges/{slug}/edit",
            web::post().to(challenge_edit::save),
        )
        .route(
            "/console/challenges/{slug}/publish",
            web::post().to(challenge::publish),
        )
        .service(
            web::resource("/console/challenges/{slug}/settings")
                .app_data(FormConfig::default().limit(LARGEST_FORM))
                .route(web::post().to(challenge_edit::save_settings)),
        )
        .route("/console/challenges/{slug}/life", get().to(life::show))
        .route("/console/challenges/{slug}/life", web::post().to(life::act))
        .route(
            "/console/challenges/{slug}/dates",
            web::post().to(life::reschedule),
        )
        .route("/console/challenges/{slug}/flags", get().to(flags::list))
        .route(
            "/console/challenges/{slug}/flags/{id}",
            web::post().to(flags::resolve),
        )
        .route(
            "/console/challenges/{slug}/baselines",
            get().to(baselines::list),
        )
        .route(
            "/console/challenges/{slug}/baselines",
            web::post().to(baselines::add),
        )
        .route(
            "/console/challenges/{slug}/baselines/{id}/remove",
            web::post().to(baselines::remove),
        )
        .route("/console/challenges/{slug}/log", get().to(log::show))
        .route("/console/challenges/{slug}/log.csv", get().to(log::log_csv))
        .route(
            "/console/challenges/{slug}/submissions.csv",
            get().to(log::submissions_csv),
        )
        .route(
            "/console/submissions/{id}/verify",
            web::post().to(flags::verify),
        )
        .route(
            "/console/challenges/{slug}/talent-board",
            web::post().to(challenge::publish_talent_board),
        )
        .route(
            "/console/challenges/{slug}/rescoring",
            get().to(runs::rescoring),
        )
        .route(
            "/console/challenges/{slug}/rescore",
            web::post().to(runs::rescore),
        )
        .route(
            "/console/challenges/{slug}/corrections",
            get().to(correction::list),
        )
        .route(
            "/console/challenges/{slug}/corrections",
            web::post().to(correction::start),
        )
        .route(
            "/console/challenges/{slug}/corrections/{id}/cancel",
            web::post().to(correction::cancel),
        )
        .route(
            "/console/submissions/{id}/cancel",
            web::post().to(runs::cancel),
        )
        .route(
            "/console/submissions/{id}/rescore",
            web::post().to(runs::score_again),
        )
        .configure(participants::configure)
        .configure(coached_drivers::configure)
        .route("/console/workers", get().to(workers::list))
        .route("/console/workers/now", get().to(workers::part))
        .route("/console/mail", get().to(mail::list))
        .route("/console/mail/retry", web::post().to(mail::retry))
        .route("/console/users", get().to(users::list))
        .route(
            "/console/users/{username}/role",
            web::post().to(users::set_role),
        );
}

/// Challenges to use again.
fn configure_bundles(routes: &mut ServiceConfig) {
    let at = |path: &str| format!("/console/challenges/{path}");
    routes
        .route(&at("import"), get().to(bundles::import_form))
        .route(&at("import"), web::post().to(bundles::import))
        .route(&at("templates/{name}"), get().to(bundles::template_form))
        .route(
            &at("templates/{name}"),
            web::post().to(bundles::create_from_template),
        )
        .route(&at("{slug}/bundle"), get().to(bundles::export))
        .route(&at("{slug}/clone"), get().to(bundles::clone_form))
        .route(
            &at("{slug}/clone"),
            web::post().to(bundles::clone_challenge),
        )
        .route(&at("{slug}/complete"), get().to(bundles::complete_form))
        .route(&at("{slug}/complete"), web::post().to(bundles::complete));
}

/// The steps of a draft, in their order.
fn configure_drafts(routes: &mut ServiceConfig) {
    let at = |path: &str| format!("/console/datasets/drafts/{{key}}{path}");
    routes
        .route(&at(""), get().to(dataset_draft::show))
        .route(&at("/status"), get().to(dataset_draft::status))
        .route(&at("/inspect"), web::post().to(dataset_draft::inspect))
        .service(
            web::resource(at("/policy"))
                .app_data(FormConfig::default().limit(LARGEST_FORM))
                .route(get().to(dataset_measure::policy))
                .route(web::post().to(dataset_measure::set_policy)),
        )
        .route(&at("/measure"), web::post().to(dataset_measure::measure))
        .route(&at("/preview"), get().to(dataset_measure::preview))
        .route(&at("/risk"), get().to(dataset_measure::risk))
        .service(
            web::resource(at("/publish"))
                .app_data(FormConfig::default().limit(LARGEST_FORM))
                .route(get().to(dataset_publish::show))
                .route(web::post().to(dataset_publish::publish)),
        )
        .route(&at("/discard"), web::post().to(dataset_draft::discard));
}

/// Where the two lists of the console begin.
#[derive(Deserialize)]
struct Paging {
    challenges_before: Option<i64>,
    datasets_before: Option<i64>,
}

/// A challenge in the console's list.
struct ChallengeLine {
    slug: String,
    title: String,
    /// `draft`, or where its current phase stands.
    state: &'static str,
    is_draft: bool,
    ends_at: Option<DateTime<Utc>>,
    teams: String,
    entries: String,
    waiting: String,
    is_late: bool,
    platform_faults: i64,
    next_action: &'static str,
}

impl ChallengeLine {
    fn new((challenge, phases): WithPhases, workload: Workload, now: DateTime<Utc>) -> Self {
        let phase = current_phase(&phases, now);
        let state = phase.map_or(PhaseState::Upcoming, |phase| phase.state(now));
        let is_draft = challenge.published_at.is_none();
        let is_late = workload.is_late(now);
        Self {
            next_action: match state {
                _ if is_draft => "Check the preview, then publish it",
                _ if workload.platform_faults > 0 => "Look at the failed runs, retry them",
                _ if is_late => "See whether a worker is running",
                PhaseState::Upcoming => "",
                PhaseState::Open => "",
                PhaseState::Closed if challenge.rates_drivers => {
                    "Check the private board; publish the talent board"
                }
                PhaseState::Closed => "Check the private board",
            },
            slug: challenge.slug,
            title: challenge.title,
            state: if is_draft { "draft" } else { state.as_str() },
            is_draft,
            ends_at: phase.map(|phase| phase.ends_at),
            teams: count(challenge.team_count),
            entries: count(phase.map_or(0, |phase| phase.entry_count)),
            waiting: count(workload.waiting),
            is_late,
            platform_faults: workload.platform_faults,
        }
    }
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage {
    page: Page,
    is_admin: bool,
    challenges: Vec<ChallengeLine>,
    next_challenges: String,
    /// Contact requests that wait for the caller, in words; empty: none.
    contact_requests: String,
    datasets: Vec<DatasetLine>,
    next_datasets: String,
}

async fn overview(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    paging: Query<Paging>,
) -> Result<HttpResponse, Fault> {
    let user = guard::user(&principal)?;
    let (id, is_admin) = (user.id, user.role == Role::Admin);
    let Paging {
        challenges_before,
        datasets_before,
    } = paging.into_inner();
    let one_more = PAGE as i64 + 1;
    let now = state.clock.now();
    let (mut challenges, workloads, mut datasets, waiting) = state
        .database
        .read(move |connection| {
            let (challenges, datasets) = if is_admin {
                (challenges::Listed::All, catalogue::Listed::All)
            } else {
                (
                    challenges::Listed::OwnedBy(id),
                    catalogue::Listed::OwnedBy(id),
                )
            };
            let challenges = challenges::list(connection, challenges, challenges_before, one_more)?;
            let ids: Vec<i64> = challenges
                .iter()
                .map(|(challenge, _)| challenge.id)
                .collect();
            let workloads = workload::of_challenges(connection, &ids)?;
            let datasets = catalogue::list(connection, datasets, datasets_before, one_more)?;
            let waiting = consent::waiting(connection, now, id)?;
            Ok::<_, Fault>((challenges, workloads, datasets, waiting))
        })
        .await?;
    let more = |found: usize, last: Option<i64>, parameter: &str| match last {
        Some(last) if found > PAGE => format!("?{parameter}={last}"),
        _ => String::new(),
    };
    let found = challenges.len();
    challenges.truncate(PAGE);
    let last = challenges.last().map(|(challenge, _)| challenge.id);
    let next_challenges = more(found, last, "challenges_before");
    let found = datasets.len();
    datasets.truncate(PAGE);
    let next_datasets = more(
        found,
        datasets.last().map(|dataset| dataset.id),
        "datasets_before",
    );
    let overview = OverviewPage {
        page: Page::new(&request, "console"),
        is_admin,
        challenges: challenges
            .into_iter()
            .map(|found| {
                let workload = workloads.get(&found.0.id).copied().unwrap_or_default();
                ChallengeLine::new(found, workload, now)
            })
            .collect(),
        next_challenges,
        contact_requests: match waiting {
            0 => String::new(),
            waiting => count(waiting),
        },
        datasets,
        next_datasets,
    };
    overview.page.show(&overview)
}

/// A count as the database has it, in words.
fn count(number: i64) -> String {
    format::count(number.unsigned_abs())
}

//! The scout's pages: to ask, to see what became of it, and, where a driver accepted, who it is.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::{Data, Form, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::super::page::{FormProblem, Page, see_other_saying};
use super::{Line, PAGE, in_words, lines, timeline, tone};
use crate::accounts::permissions::Principal;
use crate::http::fault::Fault;
use crate::http::guard::user;
use crate::http::state::State;
use crate::talent::consent::asking::{self, Prospect};
use crate::talent::consent::rules::{
    ContactState, DAYS_FOR_DRIVER, DAYS_FOR_ORGANIZER, Declaration, Introduction, MESSAGE_LENGTH,
    NAME_LIMIT, REACH_LIMIT,
};
use crate::talent::consent::{self, ConsentError, unlock};

/// Where a page of the list begins.
#[derive(Deserialize)]
pub(super) struct Paging {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "consent/requests.html")]
struct ListPage {
    page: Page,
    requests: Vec<Line>,
    first: String,
    next: String,
}

pub(super) async fn list(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    paging: Query<Paging>,
) -> Result<HttpResponse, Fault> {
    let (now, user_id, before) = (state.clock.now(), user(&principal)?.id, paging.before);
    let found = state
        .database
        .read(move |connection| {
            consent::of_scout(connection, now, user_id, before, PAGE as i64 + 1)
        })
        .await?;
    let (requests, next) = lines(found);
    let view = ListPage {
        page: Page::new(&request, "talent"),
        requests,
        first: before.map_or_else(String::new, |_| "/scouting/requests".into()),
        next,
    };
    view.page.show(&view)
}

/// What a scout's form holds.
#[derive(Default, Deserialize)]
pub(super) struct AskForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    organisation: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    reach: String,
}

#[derive(Template)]
#[template(path = "consent/ask.html")]
struct AskPage {
    page: Page,
    slug: String,
    driver: String,
    /// Of whom; none where they cannot be asked.
    prospect: Option<Prospect>,
    /// Why they cannot be asked.
    refusal: String,
    form: AskForm,
    name_limit: usize,
    reach_limit: usize,
    message_length: (usize, usize),
    days_for_organizer: i64,
    days_for_driver: i64,
    problem: FormProblem,
}

async fn show_form(
    (state, request, principal): (Data<State>, HttpRequest, Principal),
    (slug, driver): (String, String),
    form: AskForm,
    problem: FormProblem,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (asked, of) = (slug.clone(), driver.clone());
    let found = state
        .database
        .read(move |connection| asking::prospect(connection, now, &principal, &asked, &of))
        .await;
    let (prospect, refusal) = match found {
        Ok(prospect) => (Some(prospect), String::new()),
        Err(
            error @ (ConsentError::NoSuchDriver { .. }
            | ConsentError::NotFound
            | ConsentError::Vault(_)
            | ConsentError::Database(_)),
        ) => return Err(error.into()),
        Err(error) => (None, error.to_string()),
    };
    let view = AskPage {
        page: Page::new(&request, "talent"),
        slug,
        driver,
        prospect,
        refusal,
        form,
        name_limit: NAME_LIMIT,
        reach_limit: REACH_LIMIT,
        message_length: MESSAGE_LENGTH,
        days_for_organizer: DAYS_FOR_ORGANIZER,
        days_for_driver: DAYS_FOR_DRIVER,
        problem,
    };
    view.page.show_as(view.problem.status(), &view)
}

pub(super) async fn form(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Fault> {
    let at = (state, request, principal);
    let nothing = FormProblem::default();
    show_form(at, path.into_inner(), AskForm::default(), nothing).await
}

pub(super) async fn ask(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    path: Path<(String, String)>,
    form: Form<AskForm>,
) -> Result<HttpResponse, Fault> {
    let (slug, driver) = path.into_inner();
    let form = form.into_inner();
    let introduction = Introduction {
        name: form.name.clone(),
        organisation: form.organisation.clone(),
        message: form.message.clone(),
        reach: form.reach.clone(),
    };
    let now = state.clock.now();
    let (asker, asked, of) = (principal.clone(), slug.clone(), driver.clone());
    let done = state
        .database
        .write(move |connection| asking::ask(connection, now, &asker, (&asked, &of), &introduction))
        .await;
    match done {
        Ok(id) => {
            let address = format!("/scouting/requests/{id}");
            let message = "Your request is with the school. You are told when something happens.";
            Ok(see_other_saying(&request, &address, "success", message))
        }
        Err(error) => {
            let problem = FormProblem::from_fault(error.into())?;
            let at = (state, request, principal);
            show_form(at, (slug, driver), form, problem).await
        }
    }
}

/// Who the driver is: what the vault opened for this one answer.
struct IdentityView {
    columns: Vec<(String, String)>,
    contact: String,
}

#[derive(Template)]
#[template(path = "consent/request.html")]
struct RequestPage {
    page: Page,
    id: i64,
    slug: String,
    challenge: String,
    driver: String,
    introduction: Introduction,
    state: &'static str,
    tone: &'static str,
    waits: bool,
    expires_at: Option<DateTime<Utc>>,
    timeline: Vec<(&'static str, DateTime<Utc>)>,
    reason: String,
    is_withdrawn: bool,
    by_guardian: bool,
    identity: Option<IdentityView>,
}

pub(super) async fn show(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (now, id, asker) = (state.clock.now(), id.into_inner(), principal.clone());
    let found = state
        .database
        .read(move |connection| consent::find_of_scout(connection, now, &asker, id))
        .await?;
    let identity = match found.state {
        ContactState::Accepted => {
            let vault_key = state.publisher.vault_key.clone();
            let opened = state
                .database
                .write(move |connection| {
                    unlock::unlock(connection, now, &vault_key, &principal, id)
                })
                .await?;
            Some(IdentityView {
                columns: opened.columns.into_iter().collect(),
                contact: opened.contact,
            })
        }
        _ => None,
    };
    let view = RequestPage {
        page: Page::new(&request, "talent"),
        id,
        state: in_words(found.state),
        tone: tone(found.state),
        waits: matches!(found.state, ContactState::Asked | ContactState::Forwarded),
        expires_at: found.expires_at,
        timeline: timeline(&found),
        is_withdrawn: found.state == ContactState::Withdrawn,
        by_guardian: found.accepted_by == Some(Declaration::Guardian),
        slug: found.challenge_slug,
        challenge: found.challenge_title,
        driver: found.driver,
        introduction: found.introduction,
        reason: found.reason,
        identity,
    };
    let mut response = view.page.show(&view)?;
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    Ok(response)
}

pub(super) async fn cancel(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (now, id) = (state.clock.now(), id.into_inner());
    let vault_key = state.publisher.vault_key.clone();
    state
        .database
        .write(move |connection| asking::cancel(connection, now, &vault_key, &principal, id))
        .await?;
    let address = format!("/scouting/requests/{id}");
    let message = "You took the request back. A link that was made opens nothing any more.";
    Ok(see_other_saying(&request, &address, "success", message))
}

//! The organizer's pages: requests for drivers of their datasets, to pass on or to refuse.

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
use crate::talent::consent::forwarding::{self, Way};
use crate::talent::consent::keys::ConsentKey;
use crate::talent::consent::rules::{
    ContactState, DAYS_FOR_DRIVER, Introduction, REASON_LENGTH, has_addresses,
};
use crate::talent::consent::{self, ConsentError};

/// Where a page of the list begins.
#[derive(Deserialize)]
pub(super) struct Paging {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "consent/console_list.html")]
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
            consent::of_organizer(connection, now, user_id, before, PAGE as i64 + 1)
        })
        .await?;
    let (requests, next) = lines(found);
    let view = ListPage {
        page: Page::new(&request, "console"),
        requests,
        first: before.map_or_else(String::new, |_| "/console/contact-requests".into()),
        next,
    };
    view.page.show(&view)
}

/// What the form of passing on holds.
#[derive(Clone, Default, Deserialize)]
pub(super) struct ForwardForm {
    #[serde(default)]
    is_minor: String,
    #[serde(default)]
    way: String,
    #[serde(default)]
    address: String,
}

#[derive(Template)]
#[template(path = "consent/console_request.html")]
struct RequestPage {
    page: Page,
    id: i64,
    challenge: String,
    driver: String,
    scout: String,
    introduction: Introduction,
    state: &'static str,
    tone: &'static str,
    /// It was not passed on yet.
    is_new: bool,
    /// It can be passed on, or refused.
    waits: bool,
    is_accepted: bool,
    expires_at: Option<DateTime<Utc>>,
    timeline: Vec<(&'static str, DateTime<Utc>)>,
    reason: String,
    columns: Vec<String>,
    /// Whose addresses the release has, in words; empty where it has none.
    addresses: &'static str,
    form: ForwardForm,
    refusal: String,
    reason_length: (usize, usize),
    days: i64,
    /// The link that was just made: shown this once, never kept in readable form.
    new_link: String,
    problem: FormProblem,
}

/// What was typed, what is wrong with it, or the link that came of it.
#[derive(Default)]
struct Shown {
    form: ForwardForm,
    refusal: String,
    new_link: String,
    problem: FormProblem,
}

async fn page(
    (state, request, principal): (Data<State>, HttpRequest, Principal),
    id: i64,
    shown: Shown,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (found, disclosure) = state
        .database
        .read(move |connection| {
            let found = consent::find_of_organizer(connection, now, &principal, id)?;
            let disclosure = consent::disclosure(connection, &found)?;
            Ok::<_, ConsentError>((found, disclosure))
        })
        .await?;
    let Shown {
        mut form,
        refusal,
        new_link,
        problem,
    } = shown;
    let columns = || disclosure.columns.iter().map(String::as_str);
    let (has_guardians, has_drivers) = (
        has_addresses(columns(), true),
        has_addresses(columns(), false),
    );
    if form.is_minor.is_empty() {
        form.is_minor = found.is_minor.unwrap_or(disclosure.minors).to_string();
    }
    if form.way.is_empty() {
        let is_usual = has_guardians || (has_drivers && !disclosure.minors);
        form.way = if is_usual { "vault" } else { "address" }.into();
    }
    let view = RequestPage {
        page: Page::new(&request, "console"),
        id,
        state: in_words(found.state),
        tone: tone(found.state),
        is_new: found.state == ContactState::Asked,
        waits: matches!(found.state, ContactState::Asked | ContactState::Forwarded),
        is_accepted: found.state == ContactState::Accepted,
        expires_at: found.expires_at,
        timeline: timeline(&found),
        challenge: found.challenge_title,
        driver: found.driver,
        scout: found.scout,
        introduction: found.introduction,
        reason: found.reason,
        columns: disclosure.columns,
        addresses: match (has_guardians, has_drivers) {
            (true, true) => "The data has addresses of drivers and of guardians.",
            (true, false) => "The data has addresses of guardians, for minors.",
            (false, true) => "The data has addresses of drivers, none of guardians.",
            (false, false) => "",
        },
        form,
        refusal,
        reason_length: REASON_LENGTH,
        days: DAYS_FOR_DRIVER,
        new_link,
        problem,
    };
    view.page.show_as(view.problem.status(), &view)
}

pub(super) async fn show(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    page((state, request, principal), *id, Shown::default()).await
}

/// What is asked for, if it can be read.
fn read(form: &ForwardForm) -> Result<(bool, Way), Fault> {
    let is_minor = match form.is_minor.as_str() {
        "true" => true,
        "false" => false,
        _ => {
            return Err(Fault::invalid(
                "is_minor",
                "say whether the driver is a minor",
            ));
        }
    };
    let way = match form.way.as_str() {
        "vault" => Way::Vault,
        "address" => Way::Address(form.address.clone()),
        "link" => Way::Link,
        _ => return Err(Fault::invalid("way", "choose how the link gets there")),
    };
    Ok((is_minor, way))
}

pub(super) async fn forward(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
    form: Form<ForwardForm>,
) -> Result<HttpResponse, Fault> {
    let (id, form, now) = (*id, form.into_inner(), state.clock.now());
    let done = match read(&form) {
        Err(fault) => Err(fault),
        Ok((is_minor, way)) => {
            let key = ConsentKey::new(&mut rand::rng());
            let link = match way {
                Way::Link => format!("{}{}", state.config.public_url(), key.path()),
                Way::Vault | Way::Address(_) => String::new(),
            };
            let (actor, vault_key) = (principal.clone(), state.publisher.vault_key.clone());
            let done = state.database.write(move |connection| {
                let how = (Some(is_minor), &way);
                forwarding::forward(connection, now, &vault_key, &actor, id, how, &key)
            });
            done.await.map(|_| link).map_err(Fault::from)
        }
    };
    let at = (state, request.clone(), principal);
    match done {
        Ok(link) if link.is_empty() => {
            let address = format!("/console/contact-requests/{id}");
            let message = "The letter is on its way. You are told what is decided.";
            Ok(see_other_saying(&request, &address, "success", message))
        }
        // Answered directly: a redirect would have to keep the link somewhere in readable form.
        Ok(new_link) => {
            let shown = Shown {
                new_link,
                ..Shown::default()
            };
            page(at, id, shown).await
        }
        Err(fault) => {
            let shown = Shown {
                form,
                problem: FormProblem::from_fault(fault)?,
                ..Shown::default()
            };
            page(at, id, shown).await
        }
    }
}

#[derive(Deserialize)]
pub(super) struct RefuseForm {
    #[serde(default)]
    reason: String,
}

pub(super) async fn refuse(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
    form: Form<RefuseForm>,
) -> Result<HttpResponse, Fault> {
    let (id, reason, now) = (*id, form.into_inner().reason, state.clock.now());
    let (actor, said) = (principal.clone(), reason.clone());
    let done = state
        .database
        .write(move |connection| forwarding::refuse(connection, now, &actor, id, &said))
        .await;
    match done {
        Ok(_) => {
            let address = format!("/console/contact-requests/{id}");
            let message = "Refused. The scout reads your reason.";
            Ok(see_other_saying(&request, &address, "success", message))
        }
        Err(error) => {
            let shown = Shown {
                refusal: reason,
                problem: FormProblem::from_fault(error.into())?,
                ..Shown::default()
            };
            page((state, request, principal), id, shown).await
        }
    }
}

pub(super) async fn withdraw(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (id, now) = (*id, state.clock.now());
    let vault_key = state.publisher.vault_key.clone();
    state
        .database
        .write(move |connection| forwarding::withdraw(connection, now, &vault_key, &principal, id))
        .await?;
    let address = format!("/console/contact-requests/{id}");
    let message = "The consent is taken back: the scout sees nothing any more.";
    Ok(see_other_saying(&request, &address, "success", message))
}

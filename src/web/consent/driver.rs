//! The driver's or guardian's page, opened by a link alone: who asks and why, accept, decline, withdraw.
//!
//! The address is a secret, so no cache keeps these pages, no link tells it on and no crawler lists it.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::super::page::{FormProblem, Page};
use crate::http::fault::Fault;
use crate::http::guard::see_other;
use crate::http::state::State;
use crate::talent::consent::ConsentError;
use crate::talent::consent::deciding::{self, Acceptance, Opened};
use crate::talent::consent::keys::ConsentKey;
use crate::talent::consent::rules::{CONTACT_LIMIT, ContactState, Introduction};

/// What the page's forms hold.
#[derive(Default, Deserialize)]
pub(super) struct DecisionForm {
    #[serde(default)]
    act: String,
    #[serde(default)]
    declaration: String,
    #[serde(default)]
    contact: String,
}

#[derive(Template)]
#[template(path = "consent/decide.html")]
struct DecidePage {
    page: Page,
    /// Where the forms are sent: this page's own address.
    path: String,
    driver: String,
    challenge: String,
    introduction: Introduction,
    scout: String,
    heading: &'static str,
    is_minor: bool,
    columns: Vec<String>,
    expires_at: Option<DateTime<Utc>>,
    form: DecisionForm,
    contact_limit: usize,
    problem: FormProblem,
}

#[derive(Template)]
#[template(path = "consent/accepted.html")]
struct AcceptedPage {
    page: Page,
    path: String,
    /// The whole address, to be kept.
    link: String,
    driver: String,
    challenge: String,
    introduction: Introduction,
    accepted_at: Option<DateTime<Utc>>,
    columns: Vec<String>,
    opened_count: i32,
    opened_at: Option<DateTime<Utc>>,
}

#[derive(Template)]
#[template(path = "consent/over.html")]
struct OverPage {
    page: Page,
    title: &'static str,
    message: String,
}

fn over(
    request: &HttpRequest,
    status: StatusCode,
    title: &'static str,
    message: impl Into<String>,
) -> Result<HttpResponse, Fault> {
    let view = OverPage {
        page: Page::new(request, ""),
        title,
        message: message.into(),
    };
    view.page.show_as(status, &view)
}

/// What an error is answered with: every link that opens nothing looks the same.
fn refused(request: &HttpRequest, error: ConsentError) -> Result<HttpResponse, Fault> {
    match error {
        ConsentError::LinkOpensNothing => {
            let message = error.to_string();
            over(
                request,
                StatusCode::NOT_FOUND,
                "This link opens nothing",
                message,
            )
        }
        error => Err(error.into()),
    }
}

async fn page(
    state: &State,
    request: &HttpRequest,
    key: String,
    form: DecisionForm,
    problem: FormProblem,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let path = format!("/consent/{key}");
    let found = state
        .database
        .read(move |connection| deciding::open(connection, now, &key))
        .await;
    let Opened {
        request: asked,
        disclosure,
    } = match found {
        Ok(opened) => opened,
        Err(error) => return refused(request, error),
    };
    if asked.state == ContactState::Accepted {
        let view = AcceptedPage {
            page: Page::new(request, ""),
            link: format!("{}{path}", state.config.public_url()),
            path,
            driver: asked.driver,
            challenge: asked.challenge_title,
            introduction: asked.introduction,
            accepted_at: asked.accepted_at,
            columns: disclosure.columns,
            opened_count: asked.opened_count,
            opened_at: asked.opened_at,
        };
        return view.page.show(&view);
    }
    let is_minor = asked.is_minor != Some(false);
    let view = DecidePage {
        page: Page::new(request, ""),
        heading: match is_minor {
            true => "Somebody asks to meet a driver whose parent or guardian you are",
            false => "Somebody asks to meet you",
        },
        is_minor,
        path,
        driver: asked.driver,
        challenge: asked.challenge_title,
        introduction: asked.introduction,
        scout: asked.scout,
        columns: disclosure.columns,
        expires_at: asked.expires_at,
        form,
        contact_limit: CONTACT_LIMIT,
        problem,
    };
    view.page.show_as(view.problem.status(), &view)
}

pub(super) async fn show(
    state: Data<State>,
    request: HttpRequest,
    key: Path<String>,
) -> Result<HttpResponse, Fault> {
    let nothing = FormProblem::default();
    let key = key.into_inner();
    page(&state, &request, key, DecisionForm::default(), nothing).await
}

pub(super) async fn decide(
    state: Data<State>,
    request: HttpRequest,
    key: Path<String>,
    form: Form<DecisionForm>,
) -> Result<HttpResponse, Fault> {
    let (key, form) = (key.into_inner(), form.into_inner());
    match form.act.as_str() {
        "accept" => accept(&state, &request, key, form).await,
        "decline" => decline(&state, &request, key).await,
        "withdraw" => withdraw(&state, &request, key).await,
        _ => {
            let fault = Fault::invalid("act", "press one of the buttons");
            let problem = FormProblem::from_fault(fault)?;
            page(&state, &request, key, form, problem).await
        }
    }
}

async fn accept(
    state: &State,
    request: &HttpRequest,
    key: String,
    form: DecisionForm,
) -> Result<HttpResponse, Fault> {
    let acceptance = Acceptance {
        declaration: form.declaration.parse().ok(),
        contact: form.contact.clone(),
    };
    let withdrawal = ConsentKey::new(&mut rand::rng());
    let address = withdrawal.path();
    let (now, sent, vault_key) = (
        state.clock.now(),
        key.clone(),
        state.publisher.vault_key.clone(),
    );
    let done = state
        .database
        .write(move |connection| {
            deciding::accept(connection, now, &vault_key, &sent, &acceptance, &withdrawal)
        })
        .await;
    match done {
        Ok(()) => Ok(see_other(&address)),
        Err(error @ ConsentError::Invalid { .. }) => {
            let problem = FormProblem::from_fault(error.into())?;
            page(state, request, key, form, problem).await
        }
        Err(error) => refused(request, error),
    }
}

async fn decline(state: &State, request: &HttpRequest, key: String) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let done = state
        .database
        .write(move |connection| deciding::decline(connection, now, &key))
        .await;
    match done {
        Ok(asked) => {
            let who = asked.introduction;
            let message = format!(
                "{} of {} is told that you would rather not, and nothing else. They were not told who you are, and \
                 cannot ask you again for half a year.",
                who.name, who.organisation
            );
            over(request, StatusCode::OK, "You declined", message)
        }
        Err(error) => refused(request, error),
    }
}

async fn withdraw(
    state: &State,
    request: &HttpRequest,
    key: String,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let vault_key = state.publisher.vault_key.clone();
    let done = state
        .database
        .write(move |connection| deciding::withdraw(connection, now, &vault_key, &key))
        .await;
    match done {
        Ok(asked) => {
            let who = asked.introduction;
            let message = format!(
                "{} of {} sees nothing any more and is asked to delete what they wrote down. What they have seen \
                 they cannot be made to forget; if they do not leave you alone, tell the school.",
                who.name, who.organisation
            );
            over(
                request,
                StatusCode::OK,
                "The consent is taken back",
                message,
            )
        }
        Err(error) => refused(request, error),
    }
}

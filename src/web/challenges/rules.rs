//! The rules of a challenge, and accepting them.

use actix_web::web::{self, Data, Form, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::super::markdown;
use super::super::page::{FormProblem, Page, get, see_other_saying};
use super::{Head, phase_now};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{self, ChallengeError};
use crate::challenges::membership;
use crate::http::fault::Fault;
use crate::http::guard::user;
use crate::http::state::State;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(
        web::resource("/challenges/{slug}/rules")
            .route(get().to(rules))
            .route(web::post().to(accept)),
    );
}

/// How the visitor stands to the rules.
#[derive(PartialEq, Eq)]
enum Acceptance {
    /// Nobody is signed in.
    Unknown,
    /// Not a member yet.
    Open,
    /// They accepted an older version.
    Outdated(i32),
    /// They accepted these.
    Accepted,
}

#[derive(Template)]
#[template(path = "challenges/rules.html")]
struct RulesPage {
    page: Page,
    challenge: Head,
    rules: String,
    version: i32,
    acceptance: Acceptance,
    problem: FormProblem,
}

async fn show(
    request: &HttpRequest,
    state: &State,
    principal: &Principal,
    slug: String,
    problem: FormProblem,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let asker = principal.clone();
    let (challenge, phases, membership) = state
        .database
        .read(move |connection| {
            let (challenge, phases) = challenge::find(connection, &asker, &slug)?;
            let membership = match asker.user() {
                Some(user) => membership::of(connection, challenge.id, user.id)?,
                None => None,
            };
            Ok::<_, Fault>((challenge, phases, membership))
        })
        .await?;
    let acceptance = match (principal.user(), membership) {
        (None, _) => Acceptance::Unknown,
        (Some(_), None) => Acceptance::Open,
        (Some(_), Some(of)) if of.rules_version != challenge.rules_version => {
            Acceptance::Outdated(of.rules_version)
        }
        (Some(_), Some(_)) => Acceptance::Accepted,
    };
    let phase = phase_now(&challenge, &phases, now)?;
    let view = RulesPage {
        page: Page::new(request, "challenges"),
        challenge: Head::new(&challenge, phase, principal, now),
        rules: markdown::to_html(&challenge.rules),
        version: challenge.rules_version,
        acceptance,
        problem,
    };
    view.page.show_as(view.problem.status(), &view)
}

async fn rules(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    show(
        &request,
        &state,
        &principal,
        slug.into_inner(),
        FormProblem::default(),
    )
    .await
}

#[derive(Deserialize)]
struct AcceptForm {
    rules_version: i32,
    accept_rules: Option<String>,
}

async fn accept(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    form: Form<AcceptForm>,
) -> Result<HttpResponse, Fault> {
    let slug = slug.into_inner();
    match join(&state, &principal, &slug, &form).await {
        Ok(()) => {
            let address = format!("/challenges/{slug}/submit");
            let message = "You are in. Now send your first entry.";
            Ok(see_other_saying(&request, &address, "success", message))
        }
        Err(fault) => {
            let problem = FormProblem::from_fault(fault)?;
            show(&request, &state, &principal, slug, problem).await
        }
    }
}

async fn join(
    state: &State,
    principal: &Principal,
    slug: &str,
    form: &AcceptForm,
) -> Result<(), Fault> {
    if form.accept_rules.is_none() {
        return Err(Fault::invalid(
            "accept_rules",
            "tick the box to accept the rules",
        ));
    }
    let now = state.clock.now();
    let user = user(principal)?.clone();
    let (principal, slug, version) = (principal.clone(), slug.to_owned(), form.rules_version);
    state
        .database
        .write(move |connection| {
            let (challenge, _) = challenge::find(connection, &principal, &slug)?;
            membership::accept_rules(connection, now, &user, &challenge, version)?;
            Ok::<_, ChallengeError>(())
        })
        .await?;
    Ok(())
}

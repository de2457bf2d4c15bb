//! The rules of a challenge, and joining it by accepting them: openly, by the organizer's leave, or by the
//! link of an invitation.

use actix_web::web::{self, Data, Form, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::super::markdown;
use super::super::page::{FormProblem, Page, get, see_other_saying};
use super::{Head, phase_now};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{self, Challenge, WithPhases};
use crate::challenges::joining::{self, MESSAGE_LIMIT, RequestState};
use crate::challenges::membership::{self, Acceptance, Entrance, Joined};
use crate::http::fault::Fault;
use crate::http::guard::user;
use crate::http::state::State;
use crate::platform::database::DatabaseConnection;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(
            web::resource("/challenges/{slug}/rules")
                .route(get().to(rules))
                .route(web::post().to(accept)),
        )
        .service(
            web::resource("/challenges/{slug}/join/{key}")
                .route(get().to(invited))
                .route(web::post().to(accept_invited)),
        );
}

/// How the visitor stands to the rules.
#[derive(PartialEq, Eq)]
enum Stand {
    /// Nobody is signed in.
    Unknown,
    /// Not a member yet: accepting makes them one.
    Open,
    /// Not a member yet: the organizer decides who becomes one.
    ByApproval,
    /// They asked, and wait.
    Waiting,
    /// They asked, and were declined.
    Declined,
    /// They accepted an older version.
    Outdated(i32),
    /// They accepted these.
    Accepted,
}

impl Stand {
    fn of(
        connection: &mut DatabaseConnection,
        challenge: &Challenge,
        principal: &Principal,
        has_link: bool,
    ) -> Result<Self, Fault> {
        let Some(user) = principal.user() else {
            return Ok(Self::Unknown);
        };
        if let Some(of) = membership::of(connection, challenge.id, user.id)? {
            return Ok(if of.rules_version == challenge.rules_version {
                Self::Accepted
            } else {
                Self::Outdated(of.rules_version)
            });
        }
        let is_invited = has_link || joining::is_listed(connection, challenge.id, user.id)?;
        Ok(match membership::entrance(challenge.joining, is_invited) {
            Entrance::Open => Self::Open,
            // An organizer who looks at their own challenge: the form says what it takes.
            Entrance::Shut => Self::Open,
            Entrance::ByApproval => match joining::request_of(connection, challenge.id, user.id)? {
                None | Some(RequestState::Approved) => Self::ByApproval,
                Some(RequestState::Waiting) => Self::Waiting,
                Some(RequestState::Declined) => Self::Declined,
            },
        })
    }
}

#[derive(Template)]
#[template(path = "challenges/rules.html")]
struct RulesPage {
    page: Page,
    challenge: Head,
    rules: String,
    eligibility: String,
    version: i32,
    stand: Stand,
    message: String,
    message_limit: usize,
    problem: FormProblem,
}

/// The page that an invitation's link opens: of the challenge it shows what somebody needs to decide.
#[derive(Template)]
#[template(path = "challenges/invited.html")]
struct InvitedPage {
    page: Page,
    slug: String,
    title: String,
    tagline: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    rules: String,
    eligibility: String,
    version: i32,
    stand: Stand,
    message: String,
    message_limit: usize,
    problem: FormProblem,
}

/// The challenge of an address: by the key of an invitation's link, or as the caller may know of it.
fn find(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    slug: &str,
    key: Option<&str>,
) -> Result<WithPhases, Fault> {
    Ok(match key {
        Some(key) => joining::find_by_key(connection, slug, key)?,
        None => challenge::find(connection, principal, slug)?,
    })
}

async fn show(
    request: &HttpRequest,
    state: &State,
    principal: &Principal,
    (slug, key): (String, Option<String>),
    message: String,
    problem: FormProblem,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let asker = principal.clone();
    let has_link = key.is_some();
    let ((challenge, phases), stand) = state
        .database
        .read(move |connection| {
            let found = find(connection, &asker, &slug, key.as_deref())?;
            let stand = Stand::of(connection, &found.0, &asker, has_link)?;
            Ok::<_, Fault>((found, stand))
        })
        .await?;
    let phase = phase_now(&challenge, &phases, now)?;
    let page = Page::new(request, "challenges");
    let rules = markdown::to_html(&challenge.rules);
    let eligibility = match challenge.eligibility.trim() {
        "" => String::new(),
        text => markdown::to_html(text),
    };
    let status = problem.status();
    if has_link {
        let view = InvitedPage {
            page,
            rules,
            eligibility,
            version: challenge.rules_version,
            starts_at: phase.starts_at,
            ends_at: phases.last().map_or(phase.ends_at, |last| last.ends_at),
            slug: challenge.slug,
            title: challenge.title,
            tagline: challenge.tagline,
            stand,
            message,
            message_limit: MESSAGE_LIMIT,
            problem,
        };
        return view.page.show_as(status, &view);
    }
    let view = RulesPage {
        page,
        challenge: Head::new(&challenge, phase, principal, now),
        rules,
        eligibility,
        version: challenge.rules_version,
        stand,
        message,
        message_limit: MESSAGE_LIMIT,
        problem,
    };
    view.page.show_as(status, &view)
}

async fn rules(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let at = (slug.into_inner(), None);
    let nothing = FormProblem::default();
    show(&request, &state, &principal, at, String::new(), nothing).await
}

async fn invited(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Fault> {
    let (slug, key) = path.into_inner();
    let at = (slug, Some(key));
    let nothing = FormProblem::default();
    show(&request, &state, &principal, at, String::new(), nothing).await
}

#[derive(Deserialize)]
struct AcceptForm {
    rules_version: i32,
    accept_rules: Option<String>,
    eligible: Option<String>,
    #[serde(default)]
    message: String,
}

async fn accept(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    form: Form<AcceptForm>,
) -> Result<HttpResponse, Fault> {
    let at = (slug.into_inner(), None);
    receive(&request, &state, &principal, at, form.into_inner()).await
}

async fn accept_invited(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    path: Path<(String, String)>,
    form: Form<AcceptForm>,
) -> Result<HttpResponse, Fault> {
    let (slug, key) = path.into_inner();
    let at = (slug, Some(key));
    receive(&request, &state, &principal, at, form.into_inner()).await
}

async fn receive(
    request: &HttpRequest,
    state: &State,
    principal: &Principal,
    at: (String, Option<String>),
    form: AcceptForm,
) -> Result<HttpResponse, Fault> {
    let slug = at.0.clone();
    let message = form.message.clone();
    match join(state, principal, at.clone(), form).await {
        Ok(Joined::Member(_)) => {
            let address = format!("/challenges/{slug}/submit");
            let message = "You are in. Now send your first entry.";
            Ok(see_other_saying(request, &address, "success", message))
        }
        Ok(Joined::Waiting) => {
            let address = format!("/challenges/{slug}/rules");
            let message = "Your request waits for the organizer.";
            Ok(see_other_saying(request, &address, "success", message))
        }
        Err(fault) => {
            let problem = FormProblem::from_fault(fault)?;
            show(request, state, principal, at, message, problem).await
        }
    }
}

async fn join(
    state: &State,
    principal: &Principal,
    (slug, key): (String, Option<String>),
    form: AcceptForm,
) -> Result<Joined, Fault> {
    if form.accept_rules.is_none() {
        return Err(Fault::invalid(
            "accept_rules",
            "tick the box to accept the rules",
        ));
    }
    let now = state.clock.now();
    let user = user(principal)?.clone();
    let principal = principal.clone();
    let acceptance = Acceptance {
        rules_version: form.rules_version,
        is_eligible: form.eligible.is_some(),
        message: form.message,
        invitation_key: key,
    };
    state
        .database
        .write(move |connection| {
            let key = acceptance.invitation_key.as_deref();
            let (challenge, _) = find(connection, &principal, &slug, key)?;
            let joined = membership::accept_rules(connection, now, &user, &challenge, &acceptance)?;
            Ok::<_, Fault>(joined)
        })
        .await
}

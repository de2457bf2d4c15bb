//! The visitor's team in a challenge: members, invitations, merging, what is left of the limits.

use actix_web::web::{self, Data, Form, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::super::page::{FormProblem, Page, get, see_other_saying};
use super::{Head, phase_now};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge;
use crate::challenges::limits::{Limits, Used};
use crate::challenges::submissions;
use crate::challenges::teams::invitations::{self, Answer, Invitation, InvitationKind};
use crate::challenges::teams::{self, NAME_LIMIT, Team, TeamError, merge_rules};
use crate::http::fault::Fault;
use crate::http::guard::user;
use crate::http::state::State;
use crate::platform::database::DatabaseConnection;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    let at = |path: &str| format!("/challenges/{{slug}}/team{path}");
    routes
        .route(&at(""), get().to(team))
        .route(&at("/name"), web::post().to(rename))
        .route(&at("/captain"), web::post().to(hand_over))
        .route(&at("/invitations"), web::post().to(invite))
        .route(&at("/invitations/{id}"), web::post().to(answer))
        .route(&at("/leave"), web::post().to(leave));
}

/// The visitor's team, and what they may do with it.
struct TeamView {
    team: Team,
    captain: String,
    is_captain: bool,
    is_alone: bool,
    used: Used,
    limits: Limits,
    phase: String,
    zone: String,
    sent: Vec<Invitation>,
}

impl TeamView {
    /// The name in the form: what was typed, or what it is.
    fn shown_name(&self, typed: &Typed) -> String {
        if typed.name.is_empty() {
            self.team.name.clone()
        } else {
            typed.name.clone()
        }
    }

    /// Who is captain when the captain leaves.
    fn successor(&self) -> String {
        let next = self
            .team
            .members
            .iter()
            .find(|member| member.username != self.captain);
        match next {
            Some(next) if self.is_captain => format!("{} becomes its captain.", next.username),
            _ => String::new(),
        }
    }
}

#[derive(Template)]
#[template(path = "challenges/team.html")]
struct TeamPage {
    page: Page,
    challenge: Head,
    own_id: i64,
    team: Option<TeamView>,
    received: Vec<Invitation>,
    max_team_size: u32,
    locked_from: Option<DateTime<Utc>>,
    is_locked: bool,
    name_limit: usize,
    /// What was typed into the form that is shown again.
    typed: Typed,
    problem: FormProblem,
}

#[derive(Default)]
struct Typed {
    name: String,
    username: String,
    team: String,
}

async fn show(
    request: &HttpRequest,
    state: &State,
    principal: &Principal,
    slug: String,
    typed: Typed,
    problem: FormProblem,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let asker = principal.clone();
    let own_id = user(principal)?.id;
    let page = Page::new(request, "challenges");
    let view = state
        .database
        .read(move |connection| {
            let (challenge, phases) = challenge::find(connection, &asker, &slug)?;
            let phase = phase_now(&challenge, &phases, now)?;
            let team = teams::of_user(connection, challenge.id, own_id)?;
            let team_id = team.as_ref().map(|team| team.id);
            let received = invitations::received(connection, challenge.id, own_id, team_id)?;
            let team = match team {
                None => None,
                Some(team) => {
                    let zone = challenge.time_zone;
                    let captain = team.captain();
                    Some(TeamView {
                        captain: captain.map_or_else(String::new, |one| one.username.clone()),
                        is_captain: team.is_captain(own_id),
                        is_alone: team.members.len() < 2,
                        used: submissions::used(connection, now, zone, phase.id, team.id)?,
                        limits: phase.limits,
                        phase: phase.name.clone(),
                        zone: zone.name().replace('_', " "),
                        sent: invitations::sent(connection, team.id)?,
                        team,
                    })
                }
            };
            let locked_from = merge_rules::locked_from(challenge.teams_locked_at, &phases);
            Ok::<_, Fault>(TeamPage {
                page,
                challenge: Head::new(&challenge, phase, &asker, now),
                own_id,
                team,
                received,
                max_team_size: challenge.max_team_size,
                is_locked: locked_from.is_some_and(|at| now >= at),
                locked_from,
                name_limit: NAME_LIMIT,
                typed,
                problem,
            })
        })
        .await?;
    view.page.show_as(view.problem.status(), &view)
}

async fn team(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let (typed, nothing) = (Typed::default(), FormProblem::default());
    let slug = slug.into_inner();
    show(&request, &state, &principal, slug, typed, nothing).await
}

/// Does one act of the room in a write transaction and shows the page again: with what was done, or with
/// why it was not, at the field that it is about.
async fn act(
    (request, state, principal): (HttpRequest, Data<State>, Principal),
    slug: String,
    typed: Typed,
    work: impl FnOnce(
        &mut DatabaseConnection,
        DateTime<Utc>,
        &Principal,
        &str,
    ) -> Result<String, TeamError>
    + Send
    + 'static,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (actor, asked) = (principal.clone(), slug.clone());
    let done = state
        .database
        .write(move |connection| work(connection, now, &actor, &asked))
        .await;
    let address = format!("/challenges/{slug}/team");
    match done.map_err(Fault::from) {
        Ok(message) => Ok(see_other_saying(&request, &address, "success", message)),
        Err(fault) if fault.field.is_some() => {
            let problem = FormProblem::from_fault(fault)?;
            show(&request, &state, &principal, slug, typed, problem).await
        }
        // The teams' own refusals; that there is no such challenge is told by a page of its own.
        Err(fault) if matches!(fault.status, 403 | 409) => {
            Ok(see_other_saying(&request, &address, "error", fault.detail))
        }
        Err(fault) => Err(fault),
    }
}

#[derive(Deserialize)]
struct NameForm {
    name: String,
}

async fn rename(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    form: Form<NameForm>,
) -> Result<HttpResponse, Fault> {
    let name = form.into_inner().name;
    let typed = Typed {
        name: name.clone(),
        ..Typed::default()
    };
    let slug = slug.into_inner();
    act(
        (request, state, principal),
        slug,
        typed,
        move |connection, now, actor, slug| {
            let name = teams::rename(connection, now, actor, slug, &name)?;
            Ok(format!(
                "The leaderboard calls your team {name} from now on."
            ))
        },
    )
    .await
}

#[derive(Deserialize)]
struct CaptainForm {
    captain: String,
}

async fn hand_over(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    form: Form<CaptainForm>,
) -> Result<HttpResponse, Fault> {
    let (slug, next) = (slug.into_inner(), form.into_inner().captain);
    let typed = Typed::default();
    act(
        (request, state, principal),
        slug,
        typed,
        move |connection, _, actor, slug| {
            let captain = teams::hand_over(connection, actor, slug, &next)?;
            Ok(format!(
                "{captain} is the captain of your team from now on."
            ))
        },
    )
    .await
}

#[derive(Deserialize)]
struct InviteForm {
    username: Option<String>,
    team: Option<String>,
}

async fn invite(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    form: Form<InviteForm>,
) -> Result<HttpResponse, Fault> {
    let InviteForm { username, team } = form.into_inner();
    let typed = Typed {
        username: username.clone().unwrap_or_default(),
        team: team.clone().unwrap_or_default(),
        ..Typed::default()
    };
    let slug = slug.into_inner();
    act(
        (request, state, principal),
        slug,
        typed,
        move |connection, now, actor, slug| {
            if let Some(name) = team {
                let team = invitations::ask_to_merge(connection, now, actor, slug, &name)?;
                return Ok(format!(
                    "{team} was asked; its captain sees it on their team page."
                ));
            }
            let username = username.unwrap_or_default();
            let invited = invitations::invite(connection, now, actor, slug, &username)?;
            Ok(format!(
                "{invited} was invited, and sees it on their team page."
            ))
        },
    )
    .await
}

#[derive(Deserialize)]
struct AnswerForm {
    answer: Answer,
}

async fn answer(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    path: Path<(String, i64)>,
    form: Form<AnswerForm>,
) -> Result<HttpResponse, Fault> {
    let (slug, id) = path.into_inner();
    let (answer, typed) = (form.into_inner().answer, Typed::default());
    act(
        (request, state, principal),
        slug,
        typed,
        move |connection, now, actor, slug| {
            let team = invitations::answer(connection, now, actor, slug, id, answer)?;
            Ok(match answer {
                Answer::Accepted => {
                    format!("You are in the team {team} now, with all that you sent.")
                }
                Answer::Declined => format!("You declined the invitation of {team}."),
                Answer::Withdrawn => "The invitation is withdrawn.".to_owned(),
            })
        },
    )
    .await
}

async fn leave(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let (slug, typed) = (slug.into_inner(), Typed::default());
    act(
        (request, state, principal),
        slug,
        typed,
        |connection, now, actor, slug| {
            let own = teams::leave(connection, now, actor, slug)?;
            Ok(format!("You left. Your own team is called {own}."))
        },
    )
    .await
}

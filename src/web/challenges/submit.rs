//! Submitting: what is expected, whether there is a place, and the upload.

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::super::format;
use super::super::page::{FormProblem, Page, get, see_other_saying};
use super::kinds::{Column, KindCard, columns};
use super::{Choice, Head, phase_now};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{self, Challenge, Phase, PhaseState};
use crate::challenges::limits::{LimitReached, remaining_today};
use crate::challenges::submissions::{self, Admission, SubmitError};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::http::uploads::{self, TextFields};
use crate::platform::database::DatabaseConnection;
use crate::scoring::kind::SubmissionKind;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(
        web::resource("/challenges/{slug}/submit")
            .route(get().to(form))
            .route(web::post().to(submit)),
    );
}

/// Whether the visitor may send something now.
enum Gate {
    Open(Places),
    Shut(Shut),
}

/// What is left of the limits.
struct Places {
    used_today: u32,
    per_day: u32,
    used: u32,
    total: u32,
    left_today: u32,
}

/// Why not, and the way on.
struct Shut {
    title: &'static str,
    text: String,
    /// When it changes by itself.
    at: Option<DateTime<Utc>>,
    href: String,
    action: &'static str,
}

#[derive(Template)]
#[template(path = "challenges/submit.html")]
struct SubmitPage {
    page: Page,
    challenge: Head,
    gate: Gate,
    choices: Vec<Choice>,
    kind: KindCard,
    file_hint: String,
    consequence: String,
    columns: Vec<Column>,
    rows: String,
    max_bytes: u64,
    description: String,
    description_limit: usize,
    problem: FormProblem,
}

/// What the page is about, and the right to send something or why there is none.
struct Situation {
    challenge: Challenge,
    phase: Phase,
    admission: Result<Admission, SubmitError>,
}

fn situation(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
) -> Result<Situation, Fault> {
    match submissions::admission(connection, now, principal, slug) {
        Ok(admission) => Ok(Situation {
            challenge: admission.challenge.clone(),
            phase: admission.phase.clone(),
            admission: Ok(admission),
        }),
        Err(error @ (SubmitError::Challenge(_) | SubmitError::Database(_))) => Err(error.into()),
        Err(refusal) => {
            let (challenge, phases) = challenge::find(connection, principal, slug)?;
            let phase = phase_now(&challenge, &phases, now)?.clone();
            // Nobody is sent to the rules of a challenge that is over.
            let refusal = match phase.state(now) {
                PhaseState::Closed => SubmitError::Closed {
                    phase: phase.name.clone(),
                    at: phase.ends_at,
                },
                _ => refusal,
            };
            Ok(Situation {
                phase,
                challenge,
                admission: Err(refusal),
            })
        }
    }
}

async fn look(state: &State, principal: &Principal, slug: &str) -> Result<Situation, Fault> {
    let now = state.clock.now();
    let (principal, slug) = (principal.clone(), slug.to_owned());
    state
        .database
        .read(move |connection| situation(connection, now, &principal, &slug))
        .await
}

fn gate(admission: &Result<Admission, SubmitError>, slug: &str) -> Gate {
    let refusal = match admission {
        Ok(admission) => {
            let (limits, used) = (admission.phase.limits, admission.used);
            return Gate::Open(Places {
                used_today: used.today,
                per_day: limits.per_day,
                used: used.total,
                total: limits.total,
                left_today: remaining_today(limits, used),
            });
        }
        Err(refusal) => refusal,
    };
    let to_rules = || (format!("/challenges/{slug}/rules"), "Read the rules");
    let to_board = || {
        (
            format!("/challenges/{slug}/leaderboard"),
            "See the leaderboard",
        )
    };
    let to_data = || (format!("/challenges/{slug}/data"), "Look at the data");
    let (title, text, at, (href, action)) = match refusal {
        SubmitError::NotAMember => (
            "Accept the rules first",
            "You join the challenge by accepting its rules; then you can submit.".to_owned(),
            None,
            to_rules(),
        ),
        SubmitError::RulesChanged { current } => (
            "The rules changed",
            format!("Read and accept version {current}; your entries stay as they are."),
            None,
            to_rules(),
        ),
        SubmitError::Disqualified { reason } => (
            "Your team is disqualified",
            format!("It sends nothing more. The organizer's reason: {reason}"),
            None,
            (format!("/challenges/{slug}/team"), "See your team"),
        ),
        SubmitError::NotOpen { phase, at } => (
            "Not open yet",
            format!("The phase {phase} has not begun. It opens"),
            Some(*at),
            to_data(),
        ),
        SubmitError::Closed { phase, at } => (
            "The flag has fallen",
            format!("The phase {phase} takes no more entries. It ended"),
            Some(*at),
            to_board(),
        ),
        SubmitError::Limit(LimitReached::Today { limit, next_free }) => (
            "Enough for today",
            format!("Your team has used its {limit} submissions of today. The next place is free"),
            Some(*next_free),
            to_board(),
        ),
        SubmitError::Limit(LimitReached::Phase { limit }) => (
            "All places are used",
            format!("Your team has used all of its {limit} submissions of this phase."),
            None,
            to_board(),
        ),
        other => ("No entry now", other.to_string(), None, to_data()),
    };
    Gate::Shut(Shut {
        title,
        text,
        at,
        href,
        action,
    })
}

impl SubmitPage {
    /// The page with the form for a kind: the one asked for, else the first that is taken.
    fn new(
        request: &HttpRequest,
        state: &State,
        principal: &Principal,
        situation: &Situation,
        asked: Option<&str>,
    ) -> Self {
        let now = state.clock.now();
        let Situation {
            challenge,
            phase,
            admission,
        } = situation;
        let mut cards = KindCard::all(challenge, state);
        let place = cards.iter().position(|card| Some(card.key) == asked);
        let place = place.unwrap_or_default();
        let choices = cards.iter().enumerate().map(|(at, card)| Choice {
            text: card.title.to_owned(),
            href: format!("/challenges/{}/submit?kind={}", challenge.slug, card.key),
            is_current: at == place,
        });
        let choices = choices.filter(|_| cards.len() > 1).collect();
        // Every challenge takes a kind: its draft was checked.
        let kind = if cards.is_empty() {
            KindCard::new(SubmissionKind::Predictions, state)
        } else {
            cards.swap_remove(place)
        };
        let size = format::size(phase.max_bytes);
        let gate = gate(admission, &challenge.slug);
        let left = match &gate {
            Gate::Open(places) => places.left_today,
            Gate::Shut(_) => 0,
        };
        let (file_hint, harmless) = match kind.key {
            "onnx" => (
                format!("An .onnx file, at most {size}, with its weights inside."),
                "One that does not fit the contract is refused at once and uses none.",
            ),
            "python" => (
                format!(
                    "At most {size}, with main.py or submission.py at its top: zip from inside the folder."
                ),
                "A zip that cannot be run is refused at once and uses none.",
            ),
            _ => (
                format!("A CSV or Parquet file, at most {size}."),
                "A file that cannot be read uses none.",
            ),
        };
        Self {
            page: Page::new(request, "challenges"),
            challenge: Head::new(challenge, phase, principal, now),
            gate,
            choices,
            kind,
            file_hint,
            consequence: format!("Uses 1 of your {left} places left today. {harmless}"),
            columns: columns(&challenge.prediction_format),
            rows: format::count(phase.solution_rows.unsigned_abs()),
            max_bytes: phase.max_bytes,
            description: String::new(),
            description_limit: submissions::DESCRIPTION_LIMIT,
            problem: FormProblem::default(),
        }
    }
}

#[derive(Deserialize)]
struct SubmitQuery {
    kind: Option<String>,
}

async fn form(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    query: Query<SubmitQuery>,
) -> Result<HttpResponse, Fault> {
    let situation = look(&state, &principal, &slug).await?;
    let asked = query.kind.as_deref();
    let view = SubmitPage::new(&request, &state, &principal, &situation, asked);
    view.page.show(&view)
}

async fn submit(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    query: Query<SubmitQuery>,
    form: Multipart,
) -> Result<HttpResponse, Fault> {
    let situation = look(&state, &principal, &slug).await?;
    let admission = match situation.admission {
        Ok(ref admission) => admission,
        // The page says why, under the status of the refusal.
        Err(_) => return refuse(&request, &state, &principal, situation),
    };
    let mut texts = TextFields::new();
    let sent = async {
        let upload = uploads::receive_form_keeping(&state, form, admission, &mut texts).await?;
        uploads::accept(&state, &principal, &slug, upload).await
    };
    match sent.await {
        Ok(id) => {
            let message = "Your entry was received.";
            Ok(see_other_saying(
                &request,
                &format!("/submissions/{id}"),
                "success",
                message,
            ))
        }
        Err(fault) if fault.field.is_some() => {
            let asked = texts.get("kind").or(query.kind.as_ref());
            let asked = asked.map(String::as_str);
            let mut view = SubmitPage::new(&request, &state, &principal, &situation, asked);
            view.problem = FormProblem::from_fault(fault)?;
            view.description = texts.remove("description").unwrap_or_default();
            view.page.show_as(view.problem.status(), &view)
        }
        // Another request of the team may have taken the last place meanwhile.
        Err(fault) => match look(&state, &principal, &slug).await? {
            changed @ Situation {
                admission: Err(_), ..
            } => refuse(&request, &state, &principal, changed),
            _ => Err(fault),
        },
    }
}

fn refuse(
    request: &HttpRequest,
    state: &State,
    principal: &Principal,
    situation: Situation,
) -> Result<HttpResponse, Fault> {
    let view = SubmitPage::new(request, state, principal, &situation, None);
    let status = match situation.admission {
        Ok(_) => StatusCode::OK,
        Err(refusal) => {
            StatusCode::from_u16(Fault::from(refusal).status).unwrap_or(StatusCode::FORBIDDEN)
        }
    };
    view.page.show_as(status, &view)
}

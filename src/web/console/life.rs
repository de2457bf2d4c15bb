//! What an organizer does to a challenge's life: one page that says of each act what will happen and to how
//! many people, and the acts.

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::collections::HashMap;

use super::count;
use super::form::Form;
use crate::accounts::permissions::Principal;
use crate::accounts::users::Role;
use crate::challenges::attention;
use crate::challenges::challenge::{self as challenges, Challenge, ChallengeError, PhaseState};
use crate::challenges::life::{self, Life, PhaseDates, Reschedule};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::web::page::{Page, see_other_saying};

crate::text_enum! {
    /// An act on a challenge's life.
    pub enum LifeAct {
        /// A draft goes to whoever reviews it.
        SubmitForReview = "submit-for-review",
        /// What is in review becomes a draft again.
        SendBack = "send-back",
        /// Everybody sees it.
        Publish = "publish",
        /// The next phase begins now.
        OpenNext = "open-next-phase",
        /// Everything ends now.
        Close = "close",
        /// It is kept, and nothing changes any more.
        Archive = "archive",
        /// It comes back.
        Restore = "restore",
    }
}

impl LifeAct {
    /// The button.
    fn button(self) -> &'static str {
        match self {
            Self::SubmitForReview => "Hand in for review",
            Self::SendBack => "Send back",
            Self::Publish => "Publish the challenge",
            Self::OpenNext => "Open the next phase now",
            Self::Close => "Close the challenge now",
            Self::Archive => "Archive the challenge",
            Self::Restore => "Take it out of the archive",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::SubmitForReview => "The challenge is in review.",
            Self::SendBack => "The challenge is a draft again; its organizer reads your note.",
            Self::Publish => "The challenge is published: everybody sees it.",
            Self::OpenNext => "The next phase is open.",
            Self::Close => "The challenge is closed.",
            Self::Archive => "The challenge is archived.",
            Self::Restore => "The challenge is out of the archive.",
        }
    }
}

/// An act that is possible now, and what it does.
struct Possible {
    act: &'static str,
    button: &'static str,
    consequence: String,
    style: &'static str,
    /// Whether a note goes with it.
    has_note: bool,
}

/// Who is concerned by an act.
struct Concerned {
    people: i64,
    teams: i64,
    waiting: i64,
}

impl Concerned {
    fn text(&self) -> String {
        let of = |number: i64, one, many| match number {
            1 => format!("1 {one}"),
            number => format!("{} {many}", count(number)),
        };
        format!(
            "{} in {}",
            of(self.people, "person", "people"),
            of(self.teams, "team", "teams")
        )
    }
}

/// The acts that a challenge's life allows now.
fn possible(
    life: Life,
    next_phase: Option<&str>,
    concerned: &Concerned,
    asks: Asks,
) -> Vec<Possible> {
    let who = concerned.text();
    let one = |act: LifeAct, consequence: String| Possible {
        act: act.as_str(),
        button: act.button(),
        consequence,
        style: match act {
            LifeAct::Close | LifeAct::OpenNext => "danger",
            _ => "primary",
        },
        has_note: act == LifeAct::SendBack,
    };
    let publish = || {
        one(
            LifeAct::Publish,
            "Everybody sees it from then on and may join. A published challenge does not become a draft again."
                .into(),
        )
    };
    let open_next = next_phase.map(|phase| {
        one(
            LifeAct::OpenNext,
            format!(
                "“{phase}” begins now and takes submissions; the phase that runs, if one does, ends now and its \
                 private board is shown after its grace. This concerns {who}."
            ),
        )
    });
    let close = || {
        one(
            LifeAct::Close,
            format!(
                "No team can send anything any more, and the private boards are shown after the grace: to {who}. {} \
                 submissions that wait are still scored.",
                count(concerned.waiting)
            ),
        )
    };
    match life {
        Life::Draft if asks.review && !asks.is_admin => vec![one(
            LifeAct::SubmitForReview,
            "An admin looks at it, and publishes it or sends it back with a note. Nobody else sees it before.".into(),
        )],
        Life::Draft => vec![
            publish(),
            one(
                LifeAct::SubmitForReview,
                "An admin looks at it before it is shown. Nobody else sees it before.".into(),
            ),
        ],
        Life::Review => {
            let mut acts = Vec::new();
            if asks.is_admin || !asks.review {
                acts.push(publish());
            }
            acts.push(one(
                LifeAct::SendBack,
                "It is a draft again. Its organizer reads the note and may hand it in anew.".into(),
            ));
            acts
        }
        Life::Upcoming | Life::Open | Life::FinalPhase => {
            open_next.into_iter().chain([close()]).collect()
        }
        Life::Closed => vec![one(
            LifeAct::Archive,
            format!(
                "It is listed apart and takes nothing any more; its pages and boards stay for everybody, {who} among \
                 them. You can restore it."
            ),
        )],
        Life::Archived => vec![one(
            LifeAct::Restore,
            format!("It is listed with the others again. Its phases stay over. This concerns {who}."),
        )],
    }
}

/// What the operator asks of a challenge, and of whom.
#[derive(Clone, Copy)]
struct Asks {
    review: bool,
    is_admin: bool,
}

/// A phase in the form of the dates.
struct PhaseLine {
    name: String,
    state: &'static str,
    starts_at: String,
    ends_at: String,
    starts_field: String,
    ends_field: String,
}

/// Where a phase lies in the picture of a challenge's life, in percent of its width.
pub struct Stretch {
    /// Its name.
    pub name: String,
    /// Its left end.
    pub x: f64,
    /// How wide it is.
    pub width: f64,
}

/// A challenge's phases on one axis, with now.
pub struct Timeline {
    /// The phases.
    pub phases: Vec<Stretch>,
    /// Where now is.
    pub now: f64,
    /// What there is to see, in words.
    pub label: String,
}

impl Timeline {
    /// The picture of these phases.
    pub fn new(phases: &[challenges::Phase], now: DateTime<Utc>) -> Self {
        let moments = phases
            .iter()
            .flat_map(|phase| [phase.starts_at, phase.ends_at])
            .chain([now]);
        let (from, to) = moments.fold((now, now), |(from, to), at| (from.min(at), to.max(at)));
        let length = ((to - from).num_seconds() as f64).max(1.0);
        let place = |at: DateTime<Utc>| (at - from).num_seconds() as f64 / length * 100.0;
        let told: Vec<_> = phases
            .iter()
            .map(|phase| {
                format!(
                    "{} {}, {} to {}",
                    phase.name,
                    phase.state(now),
                    phase.starts_at.format("%-d %b %Y"),
                    phase.ends_at.format("%-d %b %Y")
                )
            })
            .collect();
        Self {
            phases: phases
                .iter()
                .map(|phase| Stretch {
                    name: phase.name.clone(),
                    x: place(phase.starts_at),
                    width: (place(phase.ends_at) - place(phase.starts_at)).max(0.5),
                })
                .collect(),
            now: place(now).min(99.4),
            label: told.join("; "),
        }
    }
}

#[derive(Template)]
#[template(path = "console/life.html")]
struct LifePage {
    page: Page,
    challenge: Challenge,
    life: &'static str,
    acts: Vec<Possible>,
    form: Form,
    phases: Vec<PhaseLine>,
    concerned: String,
    timeline: Timeline,
}

async fn render(
    state: &State,
    request: &HttpRequest,
    principal: Principal,
    slug: String,
    form: Form,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let asks = Asks {
        review: state.config.challenge_review,
        is_admin: principal
            .user()
            .is_some_and(|user| user.role == Role::Admin),
    };
    let (challenge, phases, concerned) = state
        .database
        .read(move |connection| {
            let (challenge, phases) =
                challenges::find_managed_with_phases(connection, &principal, &slug)?;
            let attention = attention::of_challenge(connection, challenge.id)?;
            let concerned = Concerned {
                people: attention::members_of(connection, challenge.id)?,
                teams: challenge.team_count,
                waiting: attention.workload.waiting,
            };
            Ok::<_, ChallengeError>((challenge, phases, concerned))
        })
        .await
        .map_err(Fault::from)?;
    let lived = life::life(challenge.stage, &phases, now);
    let next = phases
        .iter()
        .find(|phase| phase.state(now) == PhaseState::Upcoming)
        .map(|phase| phase.name.as_str());
    let acts = match challenge.is_template {
        true => Vec::new(),
        false => possible(lived, next, &concerned, asks),
    };
    let local = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M").to_string();
    let status = match form.problems() {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let shown = LifePage {
        page: Page::new(request, "console"),
        life: lived.as_str(),
        acts,
        phases: phases
            .iter()
            .enumerate()
            .map(|(index, phase)| {
                let (starts_field, ends_field) =
                    (format!("starts_at_{index}"), format!("ends_at_{index}"));
                let typed = |field: &str, at| form.optional(field).unwrap_or_else(|| local(at));
                PhaseLine {
                    name: phase.name.clone(),
                    state: phase.state(now).as_str(),
                    starts_at: typed(&starts_field, phase.starts_at),
                    ends_at: typed(&ends_field, phase.ends_at),
                    starts_field,
                    ends_field,
                }
            })
            .collect(),
        concerned: concerned.text(),
        timeline: Timeline::new(&phases, now),
        form,
        challenge,
    };
    shown.page.show_as(status, &shown)
}

/// The page.
pub async fn show(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    render(
        &state,
        &request,
        principal,
        slug.into_inner(),
        Form::default(),
    )
    .await
}

/// Which act, and the note that goes with it.
#[derive(Deserialize)]
pub struct ActForm {
    act: LifeAct,
    #[serde(default)]
    note: String,
}

/// Does one of the acts.
pub async fn act(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    form: web::Form<ActForm>,
) -> Result<HttpResponse, Fault> {
    let (slug, now) = (slug.into_inner(), state.clock.now());
    let ActForm { act, note } = form.into_inner();
    let needs_review = state.config.challenge_review;
    let (who, address) = (principal.clone(), slug.clone());
    let outcome = state
        .database
        .write(move |connection| match act {
            LifeAct::SubmitForReview => life::submit_for_review(connection, now, &who, &address),
            LifeAct::SendBack => life::send_back(connection, now, &who, &address, &note),
            LifeAct::Publish => life::publish(connection, now, &who, &address, needs_review),
            LifeAct::OpenNext => {
                life::reschedule(connection, now, &who, &address, &Reschedule::OpenNext)
            }
            LifeAct::Close => life::reschedule(connection, now, &who, &address, &Reschedule::Close),
            LifeAct::Archive => life::archive(connection, now, &who, &address),
            LifeAct::Restore => life::restore(connection, now, &who, &address),
        })
        .await;
    match outcome {
        Ok(()) => Ok(see_other_saying(
            &request,
            &format!("/console/challenges/{slug}/life"),
            "success",
            act.done(),
        )),
        // Somebody else was faster, or the clock: the page shows what is possible now.
        Err(ChallengeError::Invalid { problem, .. }) => {
            let mut form = Form::default();
            form.refuse("", problem);
            render(&state, &request, principal, slug, form).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Changes the dates, or shows the form again with what is wrong.
pub async fn reschedule(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    sent: web::Form<HashMap<String, String>>,
) -> Result<HttpResponse, Fault> {
    let (slug, now) = (slug.into_inner(), state.clock.now());
    let mut form = Form::new(sent.into_inner());
    let mut dates = Vec::new();
    for index in 0.. {
        let (starts, ends) = (format!("starts_at_{index}"), format!("ends_at_{index}"));
        if form.optional(&starts).is_none() && form.optional(&ends).is_none() {
            break;
        }
        if let (Some(starts_at), Some(ends_at)) = (form.moment(&starts), form.moment(&ends)) {
            dates.push(PhaseDates { starts_at, ends_at });
        }
    }
    if !form.problems().is_empty() {
        return render(&state, &request, principal, slug, form).await;
    }
    let (who, address) = (principal.clone(), slug.clone());
    let changed = state
        .database
        .write(move |connection| {
            life::reschedule(connection, now, &who, &address, &Reschedule::To(dates))
        })
        .await;
    match changed {
        Ok(()) => Ok(see_other_saying(
            &request,
            &format!("/console/challenges/{slug}/life"),
            "success",
            "The dates are changed.",
        )),
        Err(ChallengeError::Invalid { field, problem }) => {
            form.refuse(&field_of(&field), problem);
            render(&state, &request, principal, slug, form).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The form's field for `phases[1].ends_at`.
fn field_of(field: &str) -> String {
    field
        .strip_prefix("phases[")
        .and_then(|rest| rest.split_once("]."))
        .map(|(index, part)| format!("{part}_{index}"))
        .unwrap_or_default()
}

//! What an organizer does about runs: cancel, try again, score a phase anew.

use actix_web::web::{Data, Form, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::count;
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{self as challenges, Phase};
use crate::challenges::runs::{self, Rescoring};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::web::page::{see_other_saying, show_part};

/// Stops a submission's run.
pub async fn cancel(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (id, now) = (*id, state.clock.now());
    let slug = state
        .database
        .write(move |connection| runs::cancel(connection, now, &principal, id))
        .await
        .map_err(Fault::from)?;
    Ok(see_other_saying(
        &request,
        &format!("/console/challenges/{slug}#submissions"),
        "success",
        format!("Submission {id} is cancelled; it does not count."),
    ))
}

/// Lets a submission be judged again.
pub async fn score_again(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (id, now) = (*id, state.clock.now());
    let again = state
        .database
        .write(move |connection| runs::score_again(connection, now, &principal, id))
        .await
        .map_err(Fault::from)?;
    state.dispatch.arrivals.notify_waiters();
    let address = format!("/console/challenges/{}#submissions", again.challenge);
    let (kind, message) = match again.queued {
        true => ("success", format!("Submission {id} is scored again.")),
        false => (
            "info",
            format!("Submission {id} waits or runs already; nothing was changed."),
        ),
    };
    Ok(see_other_saying(&request, &address, kind, message))
}

/// Which phase is scored anew.
#[derive(Deserialize)]
pub struct RescoreForm {
    phase: Option<String>,
}

/// Scores all of a phase anew.
pub async fn rescore(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    form: Form<RescoreForm>,
) -> Result<HttpResponse, Fault> {
    let (slug, now) = (slug.into_inner(), state.clock.now());
    let address = format!("/console/challenges/{slug}#rescoring");
    let phase = form.into_inner().phase;
    let rescoring = state
        .database
        .write(move |connection| {
            runs::rescore(connection, now, Some(&principal), &slug, phase.as_deref())
        })
        .await
        .map_err(Fault::from)?;
    state.dispatch.arrivals.notify_waiters();
    Ok(see_other_saying(
        &request,
        &address,
        "success",
        format!(
            "{} submissions are scored anew; their scores stay until they have others.",
            rescoring.total
        ),
    ))
}

/// How far the scoring anew is: a part of the challenge's page in the console.
#[derive(Template)]
#[template(path = "console/rescoring.html")]
pub struct RescoringPart {
    slug: String,
    phase: String,
    rescoring: Option<Rescoring>,
    progress: String,
}

impl RescoringPart {
    /// The part for a phase.
    pub fn new(slug: &str, phase: &Phase, rescoring: Option<Rescoring>) -> Self {
        Self {
            slug: slug.to_owned(),
            phase: phase.name.clone(),
            progress: rescoring
                .map(|now| format!("{} of {} scored", count(now.done), count(now.total)))
                .unwrap_or_default(),
            rescoring,
        }
    }
}

/// The part alone.
pub async fn rescoring(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let (slug, now) = (slug.into_inner(), state.clock.now());
    let part = state
        .database
        .read(move |connection| {
            challenges::find_managed(connection, &principal, &slug)?;
            let (_, phases) = challenges::find(connection, &principal, &slug)?;
            let phase = challenges::current_phase(&phases, now)
                .ok_or_else(|| Fault::internal("a challenge without a phase"))?;
            let rescoring = runs::rescoring(connection, phase.id)?;
            Ok::<_, Fault>(RescoringPart::new(&slug, phase, rescoring))
        })
        .await?;
    show_part(&request, &part)
}

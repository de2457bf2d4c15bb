//! Corrections from the console: what was corrected, a form to mend a wrong solution or metric, and stopping.

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};

use super::form::Form;
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{self as challenges, Challenge};
use crate::challenges::corrections::{self, Change, Correction, CorrectionError, CorrectionState};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::http::uploads::{ReceivedForm, receive_form_with_files};
use crate::scoring::rule::ScoringRule;
use crate::web::page::{Page, see_other_saying};

/// A correction in the list.
struct Line {
    id: i64,
    phase: String,
    reason: String,
    started_at: DateTime<Utc>,
    state: String,
}

impl From<Correction> for Line {
    fn from(correction: Correction) -> Self {
        Self {
            id: correction.id,
            phase: correction.phase,
            reason: correction.reason,
            started_at: correction.started_at,
            state: match correction.state {
                CorrectionState::Running(progress) => {
                    format!("{} of {} scored", progress.done, progress.total)
                }
                CorrectionState::Finished(_, summary) => summary.sentence(),
                CorrectionState::Cancelled(_) => "cancelled; nothing changed".to_owned(),
            },
        }
    }
}

/// A phase that can be corrected.
struct PhaseChoice {
    name: String,
    metric: String,
}

#[derive(Template)]
#[template(path = "console/corrections.html")]
struct CorrectionsPage {
    page: Page,
    challenge: Challenge,
    phases: Vec<PhaseChoice>,
    corrections: Vec<Line>,
    is_under_way: bool,
    form: Form,
}

async fn render(
    state: &State,
    request: &HttpRequest,
    principal: Principal,
    slug: String,
    form: Form,
) -> Result<HttpResponse, Fault> {
    let (challenge, phases, found) = state
        .database
        .read(move |connection| {
            let (challenge, phases) =
                challenges::find_managed_with_phases(connection, &principal, &slug)?;
            let found = corrections::list(connection, &principal, &slug)?;
            Ok::<_, CorrectionError>((challenge, phases, found))
        })
        .await
        .map_err(Fault::from)?;
    let status = match form.problems() {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let shown = CorrectionsPage {
        page: Page::new(request, "console"),
        challenge,
        phases: phases
            .into_iter()
            .map(|phase| PhaseChoice {
                metric: phase.metric.to_string(),
                name: phase.name,
            })
            .collect(),
        is_under_way: found
            .iter()
            .any(|correction| matches!(correction.state, CorrectionState::Running(_))),
        corrections: found.into_iter().map(Line::from).collect(),
        form,
    };
    shown.page.show_as(status, &shown)
}

/// The page.
pub async fn list(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let slug = slug.into_inner();
    render(&state, &request, principal, slug, Form::default()).await
}

/// Begins a correction, or shows the form again with what is wrong.
pub async fn start(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    sent: Multipart,
) -> Result<HttpResponse, Fault> {
    let slug = slug.into_inner();
    let mut received = ReceivedForm::default();
    let limit = state.config.max_upload_bytes;
    let outcome =
        receive_form_with_files(sent, &["solution", "program"], limit, &mut received).await;
    let mut form = Form::new(received.texts);
    form.refuse_fault(outcome)?;
    let metric = match form.text("metric").trim() {
        "" => None,
        text => match text.parse::<ScoringRule>() {
            Ok(metric) => Some(metric),
            Err(error) => {
                form.refuse("metric", error.to_string());
                None
            }
        },
    };
    let path = |field: &str| {
        let file = received.files.get(field)?;
        Some(file.file.path().to_owned())
    };
    let change = Change {
        phase: form.text("phase").to_owned(),
        reason: form.text("reason").to_owned(),
        solution: path("solution"),
        program: path("program"),
        metric,
        ..Change::default()
    };
    if !form.problems().is_empty() {
        return render(&state, &request, principal, slug, form).await;
    }
    let started = corrections::start(&state.dispatch, &principal, &slug, change)
        .await
        .map_err(Fault::from);
    if form.refuse_fault(started)?.is_none() {
        return render(&state, &request, principal, slug, form).await;
    }
    Ok(see_other_saying(
        &request,
        &format!("/console/challenges/{slug}/corrections"),
        "success",
        "The correction is under way; the board changes at once when the last submission is scored.",
    ))
}

/// Stops it; nothing changes.
pub async fn cancel(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    path: Path<(String, i64)>,
) -> Result<HttpResponse, Fault> {
    let ((slug, id), now) = (path.into_inner(), state.clock.now());
    let address = format!("/challenges/{slug}/corrections/{id}");
    state
        .database
        .write(move |connection| corrections::cancel(connection, now, &principal, &slug, id))
        .await
        .map_err(|error: CorrectionError| Fault::from(error))?;
    Ok(see_other_saying(
        &request,
        &address,
        "success",
        "The correction is cancelled; nothing changed.",
    ))
}

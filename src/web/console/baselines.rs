//! Baselines of an organizer: adding and removing them.

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::form::Form;
use crate::accounts::permissions::Principal;
use crate::challenges::baselines::{self, Baseline, BaselinePlace};
use crate::challenges::challenge::{self as challenges, Challenge, ChallengeError};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::http::uploads::{ReceivedForm, file_format, receive_form_with_files};
use crate::web::format;
use crate::web::page::{Page, see_other_saying};

/// The most baselines that are listed.
const LISTED: i64 = 100;

struct Line {
    team_id: i64,
    name: String,
    phase: String,
    submission_id: i64,
    state: &'static str,
    score: String,
    reason: String,
}

impl From<Baseline> for Line {
    fn from(baseline: Baseline) -> Self {
        Self {
            team_id: baseline.team_id,
            name: baseline.name,
            phase: baseline.phase,
            submission_id: baseline.submission_id,
            state: baseline.state.as_str(),
            score: baseline.public_score.map(format::score).unwrap_or_default(),
            reason: baseline.reason.unwrap_or_default(),
        }
    }
}

#[derive(Template)]
#[template(path = "console/baselines.html")]
struct BaselinesPage {
    page: Page,
    challenge: Challenge,
    phases: Vec<String>,
    baselines: Vec<Line>,
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
            let found = baselines::of_challenge(connection, challenge.id, LISTED)?;
            Ok::<_, ChallengeError>((challenge, phases, found))
        })
        .await
        .map_err(Fault::from)?;
    let status = match form.problems() {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let shown = BaselinesPage {
        page: Page::new(request, "console"),
        challenge,
        phases: phases.into_iter().map(|phase| phase.name).collect(),
        baselines: found.into_iter().map(Line::from).collect(),
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
    render(
        &state,
        &request,
        principal,
        slug.into_inner(),
        Form::default(),
    )
    .await
}

/// Accepts a baseline, or shows the form again with what is wrong.
pub async fn add(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    sent: Multipart,
) -> Result<HttpResponse, Fault> {
    let slug = slug.into_inner();
    let mut received = ReceivedForm::default();
    let limit = state.config.max_upload_bytes;
    let outcome = receive_form_with_files(sent, &["file"], limit, &mut received).await;
    let mut form = Form::new(received.texts);
    form.refuse_fault(outcome)?;
    let file = received.files.remove("file");
    if file.is_none() && form.error("file").is_empty() {
        form.refuse("file", "choose a predictions file");
    }
    let (Some(file), []) = (file, form.problems()) else {
        return render(&state, &request, principal, slug, form).await;
    };
    let place = BaselinePlace {
        slug: slug.clone(),
        phase: form.optional("phase"),
        name: form.text("name").to_owned(),
    };
    let added = baselines::add(
        &state.database,
        &state.storage,
        state.clock.now(),
        &principal,
        place,
        file.file.path(),
        (&file.file_name, file_format(None, &file.file_name)),
    )
    .await
    .map_err(Fault::from);
    if form.refuse_fault(added)?.is_none() {
        return render(&state, &request, principal, slug, form).await;
    }
    state.dispatch.arrivals.notify_waiters();
    Ok(see_other_saying(
        &request,
        &format!("/console/challenges/{slug}/baselines"),
        "success",
        "The baseline is accepted; the board shows it as soon as it is scored.",
    ))
}

/// Takes a baseline off the board.
pub async fn remove(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    path: Path<(String, i64)>,
) -> Result<HttpResponse, Fault> {
    let ((slug, team_id), now) = (path.into_inner(), state.clock.now());
    let address = format!("/console/challenges/{slug}/baselines");
    state
        .database
        .write(move |connection| baselines::remove(connection, now, &principal, &slug, team_id))
        .await
        .map_err(Fault::from)?;
    Ok(see_other_saying(
        &request,
        &address,
        "success",
        "The baseline is off the board.",
    ))
}

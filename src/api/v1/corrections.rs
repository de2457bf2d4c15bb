//! Corrections of a phase: begin, look, stop.

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::web::{Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::forms;
use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::challenges::corrections::{
    self, Change, Correction, CorrectionError, CorrectionState, TeamChange,
};
use crate::http::fault::Fault;

/// A correction of a phase.
#[derive(Debug, Serialize, ToSchema)]
pub struct CorrectionView {
    /// Its number.
    id: i64,
    /// The phase's name.
    phase: String,
    /// Why.
    reason: String,
    /// `running`, `finished` or `cancelled`.
    state: &'static str,
    /// When it was begun.
    started_at: DateTime<Utc>,
    /// When the board changed, or it was cancelled.
    ended_at: Option<DateTime<Utc>>,
    /// How many submissions have been scored by the new task; null where it does not run.
    done: Option<i64>,
    /// How many must be.
    total: Option<i64>,
    /// The metric before.
    metric_before: String,
    /// The metric after.
    metric_after: String,
    /// Whether the solution, or how it is read, is another.
    solution_changed: bool,
    /// Whether the scoring program is another.
    program_changed: bool,
    /// What changed on the public board; null unless it is finished.
    summary: Option<SummaryView>,
}

/// What changed on the public board.
#[derive(Debug, Serialize, ToSchema)]
pub struct SummaryView {
    /// Submissions that were scored anew.
    submissions: usize,
    /// Those of them that have no score.
    without_score: usize,
    /// Teams that were or are on the board.
    team_count: usize,
    /// Teams with another rank.
    moved: usize,
    /// The biggest rise in ranks.
    biggest_rise: i64,
    /// The biggest fall in ranks.
    biggest_fall: i64,
    /// The first teams of the new board, at most 1,000; none in the list.
    teams: Vec<TeamChangeView>,
}

/// A team's place before and after.
#[derive(Debug, Serialize, ToSchema)]
pub struct TeamChangeView {
    /// Its name.
    team: String,
    /// Null where it was not on the board, or is not ranked.
    rank_before: Option<i64>,
    /// Likewise, now.
    rank_after: Option<i64>,
    /// The public score before.
    score_before: Option<f64>,
    /// The public score now.
    score_after: Option<f64>,
}

impl From<TeamChange> for TeamChangeView {
    fn from(change: TeamChange) -> Self {
        Self {
            team: change.team,
            rank_before: change.before.and_then(|place| place.rank),
            rank_after: change.after.and_then(|place| place.rank),
            score_before: change.before.map(|place| place.score),
            score_after: change.after.map(|place| place.score),
        }
    }
}

impl CorrectionView {
    fn new(correction: Correction, with_teams: bool) -> Self {
        let (before, after) = correction.metric;
        let mut view = Self {
            id: correction.id,
            phase: correction.phase,
            reason: correction.reason,
            state: "running",
            started_at: correction.started_at,
            ended_at: None,
            done: None,
            total: None,
            metric_before: before.to_string(),
            metric_after: after.to_string(),
            solution_changed: correction.solution_changed,
            program_changed: correction.program_changed,
            summary: None,
        };
        match correction.state {
            CorrectionState::Running(progress) => {
                (view.done, view.total) = (Some(progress.done), Some(progress.total));
            }
            CorrectionState::Cancelled(at) => {
                (view.state, view.ended_at) = ("cancelled", Some(at));
            }
            CorrectionState::Finished(at, summary) => {
                (view.state, view.ended_at) = ("finished", Some(at));
                let teams = if with_teams {
                    summary.teams
                } else {
                    Vec::new()
                };
                view.summary = Some(SummaryView {
                    submissions: summary.submissions,
                    without_score: summary.without_score,
                    team_count: summary.team_count,
                    moved: summary.moved,
                    biggest_rise: summary.biggest_rise,
                    biggest_fall: summary.biggest_fall,
                    teams: teams.into_iter().map(TeamChangeView::from).collect(),
                });
            }
        }
        view
    }
}

/// A challenge's corrections.
#[derive(Debug, Serialize, ToSchema)]
pub struct CorrectionList {
    /// At most 50, newest first.
    items: Vec<CorrectionView>,
}

/// A correction with its files.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the form")]
pub struct CorrectionForm {
    /// The phase's name.
    phase: String,
    /// Why, for competitors to read.
    reason: String,
    /// The new metric.
    metric: Option<String>,
    /// All of the other metrics: JSON, as in a challenge.
    secondary_metrics: Option<String>,
    /// How the solution is read: JSON, as in a challenge.
    solution_format: Option<String>,
    /// The new solution, CSV.
    #[schema(value_type = Option<String>, format = Binary, content_media_type = "text/csv")]
    solution: Option<Vec<u8>>,
    /// The new scoring program, a zip.
    #[schema(value_type = Option<String>, format = Binary, content_media_type = "application/zip")]
    program: Option<Vec<u8>>,
}

/// Corrects a phase
///
/// Its submissions are scored by the new solution, metric or scoring program, beside the board, which changes
/// at once when the last of them is. What is left away stays as it is.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/corrections", operation_id = "correct_challenge",
    tag = "challenges",
    params(("slug" = String, Path, description = "The challenge's address")),
    request_body(content = CorrectionForm, content_type = "multipart/form-data"),
    responses(
        (status = 202, description = "Under way", body = CorrectionView),
        (status = 400, description = "The form cannot be read."),
        (status = 409, description = "Another correction of the phase is under way."),
        (status = 413, description = "A file is too large."),
        (status = 415, description = "This is not a multipart form."),
    ),
)]
pub async fn create(
    house: House,
    principal: Principal,
    request: HttpRequest,
    slug: Path<String>,
    body: actix_web::web::Payload,
) -> Answer {
    let form: Multipart = forms::multipart(&request, body)?;
    let most = house.config.max_upload_bytes;
    let mut received = forms::receive(form, &["solution", "program"], most).await?;
    let one_file = |field: &str| match received.paths(field).as_slice() {
        [] => Ok(None),
        [path] => Ok(Some(path.clone())),
        _ => Err(Fault::invalid(field, "send one file")),
    };
    let (solution, program) = (one_file("solution")?, one_file("program")?);
    let metric = received.text("metric");
    let secondary_metrics = received.text("secondary_metrics");
    let solution_format = received.text("solution_format");
    let change = Change {
        phase: received.required_text("phase")?,
        reason: received.required_text("reason")?,
        solution,
        program,
        metric: match metric.as_str() {
            "" => None,
            metric => Some(
                metric
                    .parse()
                    .map_err(|error| Fault::invalid("metric", format!("{error}")))?,
            ),
        },
        secondary_metrics: json("secondary_metrics", &secondary_metrics)?,
        solution_format: json("solution_format", &solution_format)?,
    };
    received.no_other_texts()?;
    let slug = slug.into_inner();
    let id = corrections::start(&house.dispatch, &principal, &slug, change).await?;
    let correction = house
        .database
        .read(move |connection| corrections::find(connection, &principal, &slug, id))
        .await?;
    Ok(HttpResponse::build(StatusCode::ACCEPTED).json(CorrectionView::new(correction, true)))
}

fn json<T: serde::de::DeserializeOwned>(field: &str, text: &str) -> Result<Option<T>, Fault> {
    match text {
        "" => Ok(None),
        text => serde_json::from_str(text)
            .map(Some)
            .map_err(|error| Fault::invalid(field, format!("this cannot be read: {error}"))),
    }
}

/// Corrections of a challenge
///
/// Those that are finished; its organizer sees the others too.
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/corrections", operation_id = "list_corrections",
    tag = "challenges",
    params(("slug" = String, Path, description = "The challenge's address")),
    responses((status = 200, description = "Newest first", body = CorrectionList)),
)]
pub async fn list(
    house: House,
    principal: Principal,
    slug: Path<String>,
) -> Result<Json<CorrectionList>, Fault> {
    let found = house
        .database
        .read(move |connection| corrections::list(connection, &principal, &slug))
        .await?;
    let items = found.into_iter();
    let items = items.map(|correction| CorrectionView::new(correction, false));
    Ok(Json(CorrectionList {
        items: items.collect(),
    }))
}

/// A correction
///
/// What changed and by how much; while it runs, how far it is.
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/corrections/{id}", operation_id = "find_correction",
    tag = "challenges",
    params(
        ("slug" = String, Path, description = "The challenge's address"),
        ("id" = i64, Path, description = "The correction"),
    ),
    responses((status = 200, description = "The correction", body = CorrectionView)),
)]
pub async fn find(
    house: House,
    principal: Principal,
    path: Path<(String, i64)>,
) -> Result<Json<CorrectionView>, Fault> {
    let (slug, id) = path.into_inner();
    let found = house
        .database
        .read(move |connection| corrections::find(connection, &principal, &slug, id))
        .await?;
    Ok(Json(CorrectionView::new(found, true)))
}

/// Stops a correction
///
/// While it runs; nothing changes.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/corrections/{id}/cancel", operation_id = "cancel_correction",
    tag = "challenges",
    params(
        ("slug" = String, Path, description = "The challenge's address"),
        ("id" = i64, Path, description = "The correction"),
    ),
    responses(
        (status = 204, description = "Cancelled"),
        (status = 409, description = "It is over."),
    ),
)]
pub async fn cancel(house: House, principal: Principal, path: Path<(String, i64)>) -> Answer {
    let ((slug, id), now) = (path.into_inner(), house.clock.now());
    house
        .database
        .write(move |connection| corrections::cancel(connection, now, &principal, &slug, id))
        .await
        .map_err(|error: CorrectionError| Fault::from(error))?;
    Ok(HttpResponse::NoContent().finish())
}

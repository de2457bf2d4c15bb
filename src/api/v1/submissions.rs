//! Submissions: sending predictions and seeing what came of them.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{Json, Path, Payload, Query};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::openapi::ObjectBuilder;
use utoipa::openapi::schema::SchemaType;
use utoipa::{IntoParams, ToSchema};

use super::forms::{self, FileBody};
use super::leaderboard::choose_phase;
use super::paging;
use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::challenges::submissions::{self, Submission, SubmissionDetail, SubmissionState};
use crate::challenges::{challenge, membership};
use crate::http::fault::Fault;
use crate::http::{guard, uploads};
use crate::scoring::predictions::FileFormat;
use crate::scoring::verdict::Verdict;

const PARQUET: &str = "application/vnd.apache.parquet";

/// The longest that a caller may wait for a score in one request.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A submission as its team sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubmissionView {
    id: i64,
    /// The challenge's address.
    challenge: String,
    state: SubmissionState,
    /// How scoring ended; null before.
    verdict: Option<Verdict>,
    /// Why it has no score, in words.
    reason: Option<String>,
    /// The first offending line of its file.
    line: Option<i64>,
    /// The offending column.
    column: Option<String>,
    file_name: String,
    bytes: i64,
    sha256: String,
    description: String,
    received_at: DateTime<Utc>,
    scored_at: Option<DateTime<Utc>>,
    public_score: Option<f64>,
    /// Null until its phase is over, for everybody.
    private_score: Option<f64>,
    /// Whether it takes a place of the team's limits.
    counts: bool,
}

impl SubmissionView {
    fn new(submission: Submission, challenge: String, phase_is_over: bool) -> Self {
        Self {
            id: submission.id,
            challenge,
            state: submission.state,
            verdict: submission.verdict,
            reason: submission.reason,
            line: submission.error_line,
            column: submission.error_column,
            file_name: submission.file_name,
            bytes: submission.bytes,
            sha256: submission.sha256,
            description: submission.description,
            received_at: submission.received_at,
            scored_at: submission.scored_at,
            public_score: submission.public_score,
            private_score: submission.private_score.filter(|_| phase_is_over),
            counts: submission.counts,
        }
    }

    fn of(detail: SubmissionDetail, now: DateTime<Utc>) -> Self {
        let over = now >= detail.phase_ends_at;
        Self::new(detail.submission, detail.challenge_slug, over)
    }
}

/// A page of submissions.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubmissionList {
    /// Newest first.
    submissions: Vec<SubmissionView>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// Which of a team's submissions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SubmissionQuery {
    /// At most this many.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// The `next` of the page before.
    #[param(pattern = "^[0-9]{1,18}$")]
    after: Option<String>,
    /// The name of a phase. Without it: the one that matters now.
    phase: Option<String>,
}

/// Lists the caller's submissions
///
/// Those of their team, newest first; none for those who did not join.
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/submissions", operation_id = "list_submissions",
    tag = "submissions",
    params(("slug" = String, Path, description = "The challenge's address"), SubmissionQuery),
    responses((status = 200, description = "A page of submissions", body = SubmissionList)),
)]
pub async fn list(
    house: House,
    principal: Principal,
    slug: Path<String>,
    query: Query<SubmissionQuery>,
) -> Result<Json<SubmissionList>, Fault> {
    let now = house.clock.now();
    let user_id = guard::user(&principal)?.id;
    let SubmissionQuery {
        limit,
        after,
        phase,
    } = query.into_inner();
    let paging = paging::Paging { limit, after };
    let (limit, after) = (paging.limit()?, paging.after()?);
    let slug = slug.into_inner();
    let list = house.database.read(move |connection| {
        let (challenge, phases) = challenge::find(connection, &principal, &slug)?;
        let phase = choose_phase(&phases, phase.as_deref(), now)?;
        let mut found = match membership::of(connection, challenge.id, user_id)? {
            Some(place) => {
                submissions::of_team(connection, phase.id, place.team_id, after, limit + 1)?
            }
            None => Vec::new(),
        };
        let next = paging::cut(&mut found, limit, |submission| submission.id);
        let view = |submission| SubmissionView::new(submission, slug.clone(), now >= phase.ends_at);
        Ok::<_, Fault>(SubmissionList {
            submissions: found.into_iter().map(view).collect(),
            next,
        })
    });
    Ok(Json(list.await?))
}

/// A predictions file and what its team says about it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "describes the form to the reader of the API's description"
)]
pub struct SubmissionForm {
    /// CSV or Parquet, as the challenge's `prediction_format` says.
    #[schema(value_type = String, format = Binary, min_length = 1)]
    file: Vec<u8>,
    /// A note for the team itself.
    #[schema(schema_with = note)]
    description: Option<String>,
}

/// Without a type: a part of a form is text, whatever it spells.
fn note() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .description(Some(format!(
            "A note for the team itself, of at most {} characters.",
            submissions::DESCRIPTION_LIMIT
        )))
}

/// Sends a submission
///
/// A multipart form, or the file alone as the body. It is accepted or refused as a whole; an accepted one
/// waits for a worker, so ask for its score with `wait`.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/submissions", operation_id = "submit", tag = "submissions",
    params(("slug" = String, Path, description = "The challenge's address")),
    request_body(
        description = "The predictions",
        content(
            (SubmissionForm = "multipart/form-data"),
            (FileBody = "text/csv"),
            (FileBody = "application/vnd.apache.parquet"),
        ),
    ),
    responses(
        (status = 201, description = "Accepted and queued", body = SubmissionView,
         headers(("Location" = String, description = "The submission"))),
        (status = 400, description = "The form cannot be read, or the upload broke off."),
        (status = 403, description = "The rules were not accepted, the phase is not open, or the token may not submit."),
        (status = 413, description = "The file is larger than the phase's `max_bytes`."),
        (status = 415, description = "The body is neither a form nor CSV nor Parquet."),
    ),
)]
pub async fn create(
    house: House,
    principal: Principal,
    slug: Path<String>,
    request: HttpRequest,
    body: Payload,
) -> Answer {
    let kind = Kind::of(&request)?;
    let admission = uploads::admission(&house, &principal, &slug)
        .await
        .map_err(|fault| with_remedy(fault, &slug))?;
    let upload = match kind {
        Kind::Form => {
            let form = forms::multipart(&request, body)?;
            uploads::receive_form(&house, form, &admission).await?
        }
        Kind::File(format) => uploads::receive_body(&house, body, format, &admission).await?,
    };
    let id = uploads::accept(&house, &principal, &slug, upload)
        .await
        .map_err(|fault| with_remedy(fault, &slug))?;
    let submission = read(&house, &principal, id).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/api/v1/submissions/{id}")))
        .json(SubmissionView::of(submission, house.clock.now())))
}

/// How a submission is sent.
enum Kind {
    Form,
    File(FileFormat),
}

impl Kind {
    fn of(request: &HttpRequest) -> Result<Self, Fault> {
        match request.content_type() {
            "multipart/form-data" => Ok(Self::Form),
            "text/csv" => Ok(Self::File(FileFormat::Csv)),
            PARQUET => Ok(Self::File(FileFormat::Parquet)),
            _ => Err(Fault::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                format!(
                    "Send the file as `Content-Type: text/csv` or `{PARQUET}`, or as the field `file` of \
                     multipart/form-data."
                ),
            )),
        }
    }
}

/// Tells a program how the rules are accepted.
fn with_remedy(mut fault: Fault, slug: &str) -> Fault {
    if matches!(fault.kind.as_str(), "rules_not_accepted" | "rules_changed") {
        fault.detail = format!(
            "{} Read `rules` and `rules_version` at GET /api/v1/challenges/{slug}, then send \
             {{\"rules_version\": N}} to POST /api/v1/challenges/{slug}/membership.",
            fault.detail
        );
    }
    fault
}

/// Whether to wait for the score.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WaitQuery {
    /// Seconds to wait for the submission to be scored before answering.
    #[param(value_type = Option<i32>, minimum = 0, maximum = 30, default = 0)]
    wait: Option<String>,
}

/// Reads a submission
///
/// With `wait` the answer comes when the submission is scored or has failed, or when the time is over.
/// Others' submissions do not exist.
#[utoipa::path(
    get, path = "/api/v1/submissions/{id}", operation_id = "get_submission", tag = "submissions",
    params(("id" = i64, Path, description = "The submission"), WaitQuery),
    responses((status = 200, description = "The submission", body = SubmissionView)),
)]
pub async fn find(
    house: House,
    principal: Principal,
    id: Path<i64>,
    query: Query<WaitQuery>,
) -> Result<Json<SubmissionView>, Fault> {
    let wait = match query.wait.as_deref().map(str::parse) {
        None => Duration::ZERO,
        Some(Ok(seconds)) if seconds <= LONGEST_WAIT.as_secs() => Duration::from_secs(seconds),
        Some(_) => {
            return Err(Fault::invalid(
                "wait",
                format!("wait 0 to {} seconds", LONGEST_WAIT.as_secs()),
            ));
        }
    };
    let deadline = tokio::time::Instant::now() + wait;
    let mut pause = Duration::from_millis(20);
    loop {
        let detail = read(&house, &principal, *id).await?;
        let now = tokio::time::Instant::now();
        if detail.submission.state.is_final() || now >= deadline {
            return Ok(Json(SubmissionView::of(detail, house.clock.now())));
        }
        tokio::time::sleep_until(deadline.min(now + pause)).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

async fn read(house: &House, principal: &Principal, id: i64) -> Result<SubmissionDetail, Fault> {
    let principal = principal.clone();
    house
        .database
        .read(move |connection| submissions::detail(connection, &principal, id))
        .await?
        .ok_or_else(|| Fault::not_found(format!("You have no submission {id}.")))
}

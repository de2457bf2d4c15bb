//! Submissions: sending predictions and models, and seeing what came of them.

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
use crate::challenges::disclosure::Disclosure;
use crate::challenges::submissions::{self, Submission, SubmissionDetail, SubmissionState};
use crate::challenges::{challenge, membership};
use crate::http::fault::Fault;
use crate::http::{guard, uploads};
use crate::scoring::explanation::Explanation;
use crate::scoring::judge::Logs;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::predictions::FileFormat;
use crate::scoring::sandbox::{Limits, Usage};
use crate::scoring::verdict::Verdict;
use crate::talent::contributivity::{self, Contributivity};

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
    /// What was sent.
    kind: SubmissionKind,
    /// How scoring ended; null before.
    verdict: Option<Verdict>,
    /// The verdict in words, and what to do next; null before.
    explanation: Option<Explanation>,
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
    /// As far as it may be told: where the phase has the Ladder or rounds, the score as the public board
    /// shows it until the phase is over.
    public_score: Option<f64>,
    /// Null until its phase is over, for everybody.
    private_score: Option<f64>,
    /// Whether it takes a place of the team's limits.
    counts: bool,
    /// Whether it came after the end and its grace: it never ranks, and its scores are told when the
    /// challenge's last phase is over.
    late: bool,
    /// Whether the team chose it for the private board.
    selected: bool,
    /// When the team took it back: it stands on no board.
    withdrawn_at: Option<DateTime<Utc>>,
    /// When the organizer had reproduced its score.
    verified_at: Option<DateTime<Utc>>,
    /// The submission of the phase before that was taken over into this one.
    carried_from: Option<i64>,
    /// What its run used; null where nothing ran.
    usage: Option<Usage>,
    /// What its run printed; null where nothing ran, in lists, and where the phase's features are hidden.
    logs: Option<Logs>,
    /// What the consensus of the challenge's talent board owes to it; null before its phase is over, in lists,
    /// and where the newest board does not listen to it.
    contributivity: Option<ContributivityView>,
}

impl SubmissionView {
    fn new(
        submission: Submission,
        challenge: String,
        limits: &Limits,
        disclosure: Disclosure,
    ) -> Self {
        let explanation = submission
            .verdict
            .map(|verdict| verdict.explain(submission.kind, limits));
        let public_score = disclosure.public_score(&submission);
        let private_score = disclosure.private_score(&submission);
        Self {
            id: submission.id,
            challenge,
            state: submission.state,
            kind: submission.kind,
            verdict: submission.verdict,
            explanation,
            reason: submission.reason,
            line: submission.error_line,
            column: submission.error_column,
            file_name: submission.file_name,
            bytes: submission.bytes,
            sha256: submission.sha256,
            description: submission.description,
            received_at: submission.received_at,
            scored_at: submission.scored_at,
            public_score,
            private_score,
            counts: submission.counts,
            late: submission.is_late,
            selected: submission.is_selected,
            withdrawn_at: submission.withdrawn_at,
            verified_at: submission.verified_at,
            carried_from: submission.carried_from,
            usage: submission.usage,
            logs: None,
            contributivity: None,
        }
    }

    /// With what the consensus of the talent board owes to it.
    fn with_contributivity(detail: SubmissionDetail, owed: Option<Contributivity>) -> Self {
        Self {
            contributivity: owed.map(ContributivityView::from),
            ..Self::of(detail)
        }
    }

    pub(super) fn of(detail: SubmissionDetail) -> Self {
        let view = Self::new(
            detail.submission,
            detail.challenge_slug,
            &detail.run_limits,
            detail.disclosure,
        );
        Self {
            logs: detail.logs,
            ..view
        }
    }
}

/// What the consensus of a talent board owes to a submission, or to all of a team's together.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContributivityView {
    /// When the board was made.
    board_published_at: DateTime<Utc>,
    /// The share of the vote.
    #[schema(minimum = 0, maximum = 1)]
    weight: f64,
    /// By how much the consensus's error rises without it, where 1 is all that there is to know; negative
    /// where it would fall; null where the consensus learned nothing from the truth.
    leave_one_out: Option<f64>,
    /// Its fair share (Shapley) of all that the consensus knows, in the same unit; null also where there are
    /// too many models to say.
    fair_share: Option<f64>,
    /// What would be lost without it, in words.
    explanation: String,
}

impl From<Contributivity> for ContributivityView {
    fn from(owed: Contributivity) -> Self {
        Self {
            board_published_at: owed.published_at,
            weight: owed.weight,
            leave_one_out: owed.leave_one_out,
            fair_share: owed.fair_share,
            explanation: owed.in_words(),
        }
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
        let may_manage = principal.may_manage(challenge.owner_id);
        let disclosure = Disclosure::new(phase, &phases, now, may_manage);
        let limits = &challenge.run_limits;
        let view = |submission| SubmissionView::new(submission, slug.clone(), limits, disclosure);
        Ok::<_, Fault>(SubmissionList {
            submissions: found.into_iter().map(view).collect(),
            next,
        })
    });
    Ok(Json(list.await?))
}

/// A file and what its team says about it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "describes the form to the reader of the API's description"
)]
pub struct SubmissionForm {
    /// Predictions in CSV or Parquet, as the challenge's `prediction_format` says; an ONNX model; or a zip
    /// of Python code.
    #[schema(value_type = String, format = Binary, min_length = 1)]
    file: Vec<u8>,
    /// What is sent. Without it: predictions, or the one kind that the challenge takes.
    #[schema(schema_with = kind_text)]
    kind: Option<SubmissionKind>,
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

/// Without a type, as the note.
fn kind_text() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .description(Some("`predictions`, `onnx` or `python`"))
}

/// Sends a submission
///
/// A multipart form, or the file alone as the body. It is accepted or refused as a whole; an accepted one
/// waits for a worker, so ask for its score with `wait`. Models are looked through before they are
/// accepted: a 422 of the type `rejected` names the entry of the archive, or the node or input of the
/// ONNX model.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/submissions", operation_id = "submit", tag = "submissions",
    params(("slug" = String, Path, description = "The challenge's address"), KindQuery),
    request_body(
        description = "Predictions, or a model of one of the challenge's `kinds`",
        content(
            (SubmissionForm = "multipart/form-data"),
            (FileBody = "text/csv"),
            (FileBody = "application/vnd.apache.parquet"),
            (FileBody = "application/zip"),
            (FileBody = "application/octet-stream"),
        ),
    ),
    responses(
        (status = 201, description = "Accepted and queued", body = SubmissionView,
         headers(("Location" = String, description = "The submission"))),
        (status = 400, description = "The form cannot be read, or the upload broke off."),
        (status = 403, description = "The rules were not accepted, the phase is not open, or the token may not submit."),
        (status = 413, description = "The file is larger than the phase's `max_bytes`."),
        (status = 415, description = "The body is neither a form nor a file of these types, or not of the `kind`."),
    ),
)]
pub async fn create(
    house: House,
    principal: Principal,
    slug: Path<String>,
    query: Query<KindQuery>,
    request: HttpRequest,
    body: Payload,
) -> Answer {
    let kind = query.kind()?;
    let sent = Sent::of(&request, kind)?;
    let admission = uploads::admission(&house, &principal, &slug)
        .await
        .map_err(|fault| with_remedy(fault, &slug))?;
    let upload = match sent {
        Sent::Form => {
            if let Some(kind) = kind {
                admission.check_kind(kind)?;
            }
            let form = forms::multipart(&request, body)?;
            uploads::receive_form(&house, form, &admission, kind).await?
        }
        Sent::File(kind, format) => {
            uploads::receive_body(&house, body, kind, format, &admission).await?
        }
    };
    let id = uploads::accept(&house, &principal, &slug, upload)
        .await
        .map_err(|fault| with_remedy(fault, &slug))?;
    let submission = read(&house, &principal, id).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/api/v1/submissions/{id}")))
        .json(SubmissionView::of(submission)))
}

/// What is sent.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KindQuery {
    /// What is sent; a form may say it in its field `kind` instead. Without it: what the body's type
    /// says, or the one kind that the challenge takes.
    #[param(value_type = Option<SubmissionKind>)]
    kind: Option<String>,
}

impl KindQuery {
    fn kind(&self) -> Result<Option<SubmissionKind>, Fault> {
        let kind = self.kind.as_deref().map(str::parse);
        kind.transpose()
            .map_err(|error: String| Fault::invalid("kind", error))
    }
}

/// How a submission is sent.
enum Sent {
    Form,
    File(SubmissionKind, FileFormat),
}

impl Sent {
    /// By the body's type, which has to suit the kind where that is said.
    fn of(request: &HttpRequest, kind: Option<SubmissionKind>) -> Result<Self, Fault> {
        use SubmissionKind::{Onnx, Predictions, Python};
        // What a model writes is read as CSV.
        let of = |possible, format| match kind {
            None => Some(Self::File(possible, format)),
            Some(kind) if kind == possible => Some(Self::File(kind, format)),
            Some(_) => None,
        };
        let sent = match request.content_type() {
            "multipart/form-data" => Some(Self::Form),
            "text/csv" => of(Predictions, FileFormat::Csv),
            PARQUET => of(Predictions, FileFormat::Parquet),
            "application/zip" => of(Python, FileFormat::Csv),
            "application/octet-stream" => match kind {
                Some(Python) => of(Python, FileFormat::Csv),
                _ => of(Onnx, FileFormat::Csv),
            },
            _ => None,
        };
        sent.ok_or_else(|| {
            Fault::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                format!(
                    "Send predictions as `Content-Type: text/csv` or `{PARQUET}`, Python code as `application/zip`, an ONNX \
                     model as `application/octet-stream`, or each as the field `file` of multipart/form-data."
                ),
            )
        })
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
            let view = house.database.read(move |connection| {
                let owed = contributivity::of_submission(connection, &detail)?;
                Ok::<_, Fault>(SubmissionView::with_contributivity(detail, owed))
            });
            return Ok(Json(view.await?));
        }
        tokio::time::sleep_until(deadline.min(now + pause)).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

pub(super) async fn read(
    house: &House,
    principal: &Principal,
    id: i64,
) -> Result<SubmissionDetail, Fault> {
    let (principal, now) = (principal.clone(), house.clock.now());
    house
        .database
        .read(move |connection| submissions::detail(connection, now, &principal, id))
        .await?
        .ok_or_else(|| Fault::not_found(format!("You have no submission {id}.")))
}

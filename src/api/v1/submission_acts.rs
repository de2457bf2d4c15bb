//! What a team does with what it has sent: choose it for the private board, take it back, describe it, and
//! hold two against each other.

use actix_web::web::{Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::submissions::{SubmissionView, read};
use crate::accounts::permissions::Principal;
use crate::api::House;
use crate::challenges::comparison::{self, SplitComparison};
use crate::challenges::selection::{self, SelectionError};
use crate::http::fault::Fault;
use crate::platform::database::DatabaseConnection;

/// Carries an act out in one transaction and shows the submission as it is then.
async fn act<F>(
    house: &House,
    principal: Principal,
    id: i64,
    act: F,
) -> Result<Json<SubmissionView>, Fault>
where
    F: FnOnce(&mut DatabaseConnection, DateTime<Utc>, &Principal) -> Result<(), SelectionError>
        + Send
        + 'static,
{
    let (now, asker) = (house.clock.now(), principal.clone());
    house
        .database
        .write(move |connection| act(connection, now, &asker))
        .await
        .map_err(Fault::from)?;
    Ok(Json(SubmissionView::of(read(house, &principal, id).await?)))
}

/// Chooses a submission for the private board
///
/// The best of those chosen stands there; where none is chosen, what stands on the public board. A team may
/// change its mind until the phase is over, and choose as many as the challenge allows.
#[utoipa::path(
    post, path = "/api/v1/submissions/{id}/select", operation_id = "select_submission", tag = "submissions",
    params(("id" = i64, Path, description = "The submission")),
    responses(
        (status = 200, description = "Chosen", body = SubmissionView),
        (status = 409, description = "Enough are chosen, the phase is over, or it cannot count."),
    ),
)]
pub async fn select(
    house: House,
    principal: Principal,
    id: Path<i64>,
) -> Result<Json<SubmissionView>, Fault> {
    let id = *id;
    act(&house, principal, id, move |connection, now, asker| {
        selection::select(connection, now, asker, id, true)
    })
    .await
}

/// Takes the choice from a submission
#[utoipa::path(
    post, path = "/api/v1/submissions/{id}/deselect", operation_id = "deselect_submission",
    tag = "submissions",
    params(("id" = i64, Path, description = "The submission")),
    responses(
        (status = 200, description = "No longer chosen", body = SubmissionView),
        (status = 409, description = "The phase is over."),
    ),
)]
pub async fn deselect(
    house: House,
    principal: Principal,
    id: Path<i64>,
) -> Result<Json<SubmissionView>, Fault> {
    let id = *id;
    act(&house, principal, id, move |connection, now, asker| {
        selection::select(connection, now, asker, id, false)
    })
    .await
}

/// Takes a submission back
///
/// For good: it stands on no board any more. It keeps its place of the limits unless no worker had begun
/// with it, and where the phase has the Ladder, that goes on from it.
#[utoipa::path(
    post, path = "/api/v1/submissions/{id}/withdraw", operation_id = "withdraw_submission",
    tag = "submissions",
    params(("id" = i64, Path, description = "The submission")),
    responses(
        (status = 200, description = "Withdrawn", body = SubmissionView),
        (status = 409, description = "It was withdrawn already, or the phase is over."),
    ),
)]
pub async fn withdraw(
    house: House,
    principal: Principal,
    id: Path<i64>,
) -> Result<Json<SubmissionView>, Fault> {
    let id = *id;
    act(&house, principal, id, move |connection, now, asker| {
        selection::withdraw(connection, now, asker, id)
    })
    .await
}

/// What may be changed of a submission.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmissionChange {
    /// A note for the team itself.
    #[schema(max_length = 1000)]
    description: String,
}

/// Changes the note on a submission
#[utoipa::path(
    patch, path = "/api/v1/submissions/{id}", operation_id = "describe_submission", tag = "submissions",
    params(("id" = i64, Path, description = "The submission")),
    request_body = SubmissionChange,
    responses(
        (status = 200, description = "Changed", body = SubmissionView),
        (status = 400, description = "The body is no JSON."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn describe(
    house: House,
    principal: Principal,
    id: Path<i64>,
    change: Json<SubmissionChange>,
) -> Result<Json<SubmissionView>, Fault> {
    let (id, description) = (*id, change.into_inner().description);
    act(&house, principal, id, move |connection, _, asker| {
        selection::describe(connection, asker, id, &description)
    })
    .await
}

/// Which two.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CompareQuery {
    /// A submission.
    one: i64,
    /// Another of the same phase.
    other: i64,
}

/// Two submissions beside each other.
#[derive(Debug, Serialize, ToSchema)]
pub struct ComparisonView {
    one: SubmissionView,
    other: SubmissionView,
    /// On the public split; null where one of them has no score that may be told.
    public: Option<SplitView>,
    /// On the private split; null until the phase is over.
    private: Option<SplitView>,
}

/// The scores of two submissions on one split.
#[derive(Debug, Serialize, ToSchema)]
pub struct SplitView {
    /// The score of the first less that of the second.
    difference: f64,
    /// The 95 % bootstrap intervals of both; null where there are none, or while the phase keeps back more
    /// than the shown scores.
    #[schema(value_type = Option<Vec<Vec<f64>>>)]
    intervals: Option<[[f64; 2]; 2]>,
    /// How probable it is that the first is truly better (paired bootstrap); null as the intervals.
    first_is_better: Option<f64>,
}

impl From<SplitComparison> for SplitView {
    fn from(split: SplitComparison) -> Self {
        Self {
            difference: split.scores.0 - split.scores.1,
            intervals: split
                .intervals
                .map(|both| both.map(|(low, high)| [low, high])),
            first_is_better: split.first_is_better,
        }
    }
}

/// Compares two submissions
///
/// Of the caller's team and of one phase: which is better, and how sure that is.
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/submissions/compare", operation_id = "compare_submissions",
    tag = "submissions",
    params(("slug" = String, Path, description = "The challenge's address"), CompareQuery),
    responses((status = 200, description = "Both, and how they differ", body = ComparisonView)),
)]
pub async fn compare(
    house: House,
    principal: Principal,
    slug: Path<String>,
    query: Query<CompareQuery>,
) -> Result<Json<ComparisonView>, Fault> {
    let (now, pair) = (house.clock.now(), (query.one, query.other));
    let compared = house
        .database
        .read(move |connection| comparison::compare(connection, now, &principal, pair))
        .await
        .map_err(Fault::from)?;
    if compared.one.challenge_slug != *slug {
        return Err(Fault::not_found(format!(
            "You have no submission {} to `{slug}`.",
            pair.0
        )));
    }
    Ok(Json(ComparisonView {
        public: compared.public.map(SplitView::from),
        private: compared.private.map(SplitView::from),
        one: SubmissionView::of(compared.one),
        other: SubmissionView::of(compared.other),
    }))
}

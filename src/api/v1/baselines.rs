//! Baselines of an organizer.

use actix_multipart::Multipart;
use actix_web::HttpResponse;
use actix_web::web::Path;
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::challenges::baselines::{self, BaselinePlace};
use crate::http::fault::Fault;
use crate::http::uploads::{ReceivedForm, file_format, receive_form_with_files};

/// A baseline as it is sent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes a multipart form")]
pub struct BaselineForm {
    /// What the board calls it.
    name: String,
    /// The name of a phase. Without it: the one that matters now.
    phase: Option<String>,
    /// The predictions, CSV or Parquet.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// What was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub struct BaselineAccepted {
    /// The submission: its score is there when a worker has judged it.
    submission: i64,
}

/// Adds a baseline
///
/// Predictions of the organizer's own, on the board under a name and without a rank.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/baselines", operation_id = "add_baseline", tag = "challenges",
    params(("slug" = String, Path, description = "The challenge's address")),
    request_body(content = BaselineForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "It waits for a worker", body = BaselineAccepted)),
)]
pub async fn add(
    house: House,
    principal: Principal,
    slug: Path<String>,
    sent: Multipart,
) -> Answer {
    let limit = house.config.max_upload_bytes;
    let mut form = ReceivedForm::default();
    receive_form_with_files(sent, &["file"], limit, &mut form).await?;
    let Some(file) = form.files.remove("file") else {
        return Err(Fault::invalid("file", "send the predictions"));
    };
    let text = |field: &str| form.texts.get(field).map(|text| text.trim().to_owned());
    let place = BaselinePlace {
        slug: slug.into_inner(),
        phase: text("phase").filter(|phase| !phase.is_empty()),
        name: text("name").unwrap_or_default(),
    };
    let format = file_format(None, &file.file_name);
    let submission = baselines::add(
        &house.database,
        &house.storage,
        house.clock.now(),
        &principal,
        place,
        file.file.path(),
        (&file.file_name, format),
    )
    .await
    .map_err(Fault::from)?;
    house.dispatch.arrivals.notify_waiters();
    Ok(HttpResponse::Created().json(BaselineAccepted { submission }))
}

//! Stopping a correction from its page.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::accounts::permissions::Principal;
use crate::challenges::corrections::{self, CorrectionError};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::web::page::see_other_saying;

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

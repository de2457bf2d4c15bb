//! A challenge's bundle on the wire.

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
};
use tokio_util::io::ReaderStream;

use super::fault::Fault;
use super::state::State;
use crate::accounts::permissions::Principal;
use crate::challenges::reuse;

/// Exports a challenge and sends the zip as it lies on the disk; it is deleted with the answer.
///
/// # Errors
/// 403 and 404 for whoever does not run it.
pub async fn send(state: &State, principal: &Principal, slug: &str) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let zip = reuse::export(&state.database, &state.storage, now, principal, slug).await?;
    let bytes = zip.as_file().metadata().map_err(Fault::internal)?.len();
    let file = tokio::fs::File::from_std(zip.reopen().map_err(Fault::internal)?);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/zip"))
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{slug}-bundle.zip\""),
        ))
        // It has hidden solutions: nothing on the way keeps it.
        .insert_header((CACHE_CONTROL, "private, no-store"))
        .insert_header((CONTENT_ENCODING, "identity"))
        .insert_header((CONTENT_LENGTH, bytes))
        .no_chunking(bytes)
        .streaming(ReaderStream::new(file)))
}

//! `resolve`: a file of a repository, by which clients download and stream.

use actix_web::http::Method;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};

use super::problem::Problem;
use super::repository::{Repository, Revision, Snapshot};
use crate::api::House;
use crate::datasets::metadata::hugging_face::CARD;
use crate::datasets::signed_links::may_download;
use crate::http::dataset_files::{self, Wanted};
use crate::http::fault::Fault;
use crate::http::guard;

/// The commit that a file was found in.
const REPO_COMMIT: HeaderName = HeaderName::from_static("x-repo-commit");

/// Answers GET and HEAD of a file.
pub async fn resolve(
    house: House,
    request: HttpRequest,
    address: Path<(String, String, String, String)>,
) -> HttpResponse {
    let (namespace, name, revision, path) = address.into_inner();
    match find(&house, &request, &namespace, &name, &revision, &path).await {
        Ok(response) => response,
        Err(problem) => problem.answer(),
    }
}

async fn find(
    house: &House,
    request: &HttpRequest,
    namespace: &str,
    name: &str,
    revision: &str,
    path: &str,
) -> Result<HttpResponse, Problem> {
    let repository = Repository::find(house, namespace, name).await?;
    let asked = revision;
    let revision = repository.revision(asked)?;
    let commit = HeaderValue::from_str(&revision.commit).map_err(Fault::internal)?;
    let mut response = if path == CARD {
        let snapshot = Snapshot::read(house, &repository, revision).await?;
        card(request, &snapshot)
    } else {
        let is_commit = asked == revision.commit;
        file(house, request, name, &revision, path, is_commit).await?
    };
    response.headers_mut().insert(REPO_COMMIT, commit);
    Ok(response)
}

async fn file(
    house: &House,
    request: &HttpRequest,
    slug: &str,
    revision: &Revision,
    path: &str,
    is_commit: bool,
) -> Result<HttpResponse, Problem> {
    let wanted = Wanted {
        slug,
        version: Some(revision.version),
        path,
    };
    let found = match dataset_files::find(house, wanted).await {
        Err(fault) if fault.status == 404 => {
            return Err(Problem::NoEntry {
                message: fault.detail,
                commit: revision.commit.clone(),
            });
        }
        other => other?,
    };
    may_download(found.access, &guard::principal(request))
        .map_err(|refusal| Problem::Gated(dataset_files::needs_account(refusal)))?;
    Ok(dataset_files::send_found(house, request, &found, is_commit).await?)
}

/// The dataset card, which is everybody's.
fn card(request: &HttpRequest, snapshot: &Snapshot) -> HttpResponse {
    let card = &snapshot.card;
    let length = card.text.len() as u64;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, "text/markdown; charset=utf-8"))
        .insert_header((ETAG, format!("\"{}\"", card.sha256)))
        .insert_header((CACHE_CONTROL, "public, no-cache"))
        // Compressing would void the length, which clients need.
        .insert_header((CONTENT_ENCODING, "identity"))
        .insert_header((CONTENT_LENGTH, length))
        .no_chunking(length);
    if *request.method() == Method::HEAD {
        let empty = futures_util::stream::empty::<Result<bytes::Bytes, std::io::Error>>();
        return response.body(actix_web::body::SizedStream::new(length, empty));
    }
    response.body(card.text.clone())
}

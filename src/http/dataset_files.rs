//! A release's file on the wire: found, allowed, sent. The page, the API and the hub's addresses do it
//! by these functions.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::downloads::{self, Download};
use super::fault::Fault;
use super::guard;
use super::state::State;
use crate::accounts::permissions::{Principal, Refusal};
use crate::datasets::catalogue::{self, PublishedFile};
use crate::datasets::publish::Access;
use crate::datasets::signed_links::{SignedFile, USUAL, may_download};

/// What a signed address carries beside the version.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Signature {
    /// Until when it is good, in seconds since 1970.
    pub expires: Option<i64>,
    /// The signature, in hexadecimal.
    pub signature: Option<String>,
}

/// Which file of which dataset.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The dataset's address.
    pub slug: &'a str,
    /// The release; the newest where none is named.
    pub version: Option<i32>,
    /// The file's name in it.
    pub path: &'a str,
}

/// Answers a GET or HEAD of a file.
///
/// # Errors
/// 404 where there is no such file, 401 and 403 where the caller may not have it.
pub async fn send(
    state: &State,
    request: &HttpRequest,
    wanted: Wanted<'_>,
    signature: &Signature,
) -> Result<HttpResponse, Fault> {
    let found = find(state, wanted).await?;
    let principal = guard::principal(request);
    admit(state, &principal, wanted, &found, signature)?;
    let is_versioned = wanted.version.is_some();
    send_found(state, request, &found, is_versioned).await
}

/// Looks a file up.
///
/// # Errors
/// 404 where there is none.
pub async fn find(state: &State, wanted: Wanted<'_>) -> Result<PublishedFile, Fault> {
    let Wanted {
        slug,
        version,
        path,
    } = wanted;
    let (asked_slug, asked_path) = (slug.to_owned(), path.to_owned());
    let found = state
        .database
        .read(move |connection| catalogue::find_file(connection, &asked_slug, version, &asked_path))
        .await?;
    found.ok_or_else(|| {
        Fault::not_found(match version {
            Some(version) => {
                format!("There is no file `{path}` in version {version} of the dataset `{slug}`.")
            }
            None => format!("There is no file `{path}` in the dataset `{slug}`."),
        })
    })
}

/// Whether the caller may have the file: because everybody may, as who they are, or by a signed address.
fn admit(
    state: &State,
    principal: &Principal,
    wanted: Wanted<'_>,
    found: &PublishedFile,
    signature: &Signature,
) -> Result<(), Fault> {
    let refusal = match may_download(found.access, principal) {
        Ok(()) => return Ok(()),
        Err(refusal) => refusal,
    };
    // A signed address names its version: it is for bytes that never change.
    if let (Some(version), Some(expires), Some(signature)) =
        (wanted.version, signature.expires, &signature.signature)
    {
        let file = SignedFile {
            slug: wanted.slug,
            version,
            path: wanted.path,
        };
        let now = state.clock.now();
        return Ok(state.link_signer.check(file, now, expires, signature)?);
    }
    Err(needs_account(refusal))
}

/// What a caller is told who may not have a file as who they are.
pub fn needs_account(refusal: Refusal) -> Fault {
    let fault = Fault::from(refusal);
    if refusal != Refusal::SignIn {
        return fault;
    }
    Fault {
        detail: "The files of this dataset are for people with an account, which is free. Sign in and download \
                 from its page; or send an API token of yours, as `Authorization: Bearer pdk_…` or as the \
                 password of HTTP Basic with your user name; or use a signed address from the page or the API."
            .to_owned(),
        ..fault
    }
}

/// Sends a file that the caller may have. Under an address that names the version its bytes never
/// change; what is not everybody's is kept by nobody but the caller.
pub async fn send_found(
    state: &State,
    request: &HttpRequest,
    found: &PublishedFile,
    is_versioned: bool,
) -> Result<HttpResponse, Fault> {
    let file = &found.file;
    let download = Download {
        sha256: &file.sha256,
        bytes: file.bytes.unsigned_abs(),
        media_type: &file.media_type,
        file_name: &file.path,
    };
    let mut response = downloads::send(&state.storage, request, download).await?;
    let cached = match (found.access, is_versioned) {
        (Access::Public, true) => "public, max-age=31536000, immutable",
        (Access::Public, false) => "public, max-age=3600",
        (Access::Account, true) => "private, max-age=31536000, immutable",
        (Access::Account, false) => "private, no-cache",
    };
    // A range that cannot be satisfied says nothing that is worth keeping.
    if !response.status().is_client_error() {
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static(cached));
    }
    Ok(response)
}

/// What comes after the `?` of a file's address: the version, and a signature where the caller may have
/// the file and programs of theirs could not show who they are.
pub fn query(state: &State, principal: &Principal, access: Access, file: SignedFile<'_>) -> String {
    if access == Access::Public || may_download(access, principal).is_err() {
        return format!("version={}", file.version);
    }
    let now = state.clock.now();
    state.link_signer.sign(file, now, now + USUAL)
}

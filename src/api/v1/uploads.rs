//! Resumable uploads of raw files: the tus protocol 1.0.0 (<https://tus.io/protocols/resumable-upload>) with
//! its extensions creation, expiration and termination. An upload is a draft of a dataset: the console
//! goes on with it from there.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, LOCATION};
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::forms::FileBody;
use crate::accounts::permissions::Principal;
use crate::accounts::users::User;
use crate::api::House;
use crate::datasets::drafts::{Draft, DraftState};
use crate::http::fault::Fault;
use crate::http::guard;

/// The version of the protocol, and the only one.
const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,expiration,termination";
/// The media type of a part.
const PART: &str = "application/offset+octet-stream";

/// An upload.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadStatus {
    key: String,
    /// The file's name on the sender's machine.
    file_name: String,
    /// How long the file is.
    bytes: u64,
    /// How much of it has come.
    offset: u64,
    /// `uploading` until all of it has come.
    state: DraftState,
    /// When it is deleted if nobody goes on with it.
    expires_at: DateTime<Utc>,
    /// The upload, for going on with it.
    url: String,
    /// The draft in the console.
    page: String,
}

impl From<&Draft> for UploadStatus {
    fn from(draft: &Draft) -> Self {
        Self {
            url: address(&draft.key),
            page: format!("/console/datasets/drafts/{}", draft.key),
            key: draft.key.clone(),
            file_name: draft.file_name.clone(),
            bytes: draft.announced_bytes,
            offset: draft.received_bytes,
            state: draft.state,
            expires_at: draft.expires_at(),
        }
    }
}

fn address(key: &str) -> String {
    format!("/api/v1/uploads/{key}")
}

/// As HTTP writes dates (RFC 9110).
fn http_date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn answer(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header(("Tus-Resumable", VERSION));
    response
}

/// An answer that says where an upload stands.
fn standing(status: StatusCode, draft: &Draft) -> HttpResponseBuilder {
    let mut response = answer(status);
    response
        .insert_header(("Upload-Offset", draft.received_bytes.to_string()))
        .insert_header(("Upload-Length", draft.announced_bytes.to_string()))
        .insert_header((CACHE_CONTROL, "no-store"));
    if !draft.is_complete() {
        response.insert_header(("Upload-Expires", http_date(draft.expires_at())));
    }
    response
}

/// A refusal, in the protocol's words too.
fn refused(fault: Fault) -> HttpResponse {
    let mut response = fault.error_response();
    let headers = response.headers_mut();
    let version = actix_web::http::header::HeaderValue::from_static(VERSION);
    for name in ["tus-resumable", "tus-version"] {
        headers.insert(
            actix_web::http::header::HeaderName::from_static(name),
            version.clone(),
        );
    }
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A header that is a whole number from 0.
fn number(headers: &HeaderMap, name: &'static str) -> Result<u64, Fault> {
    text(headers, name)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Fault {
            field: Some(name.to_owned()),
            ..Fault::new(
                StatusCode::BAD_REQUEST,
                "bad_header",
                format!("Send the header `{name}`: a whole number of bytes."),
            )
        })
}

/// The caller, if they speak our version of the protocol.
fn speaker<'a>(headers: &HeaderMap, principal: &'a Principal) -> Result<&'a User, Fault> {
    if text(headers, "tus-resumable") != Some(VERSION) {
        return Err(Fault::new(
            StatusCode::PRECONDITION_FAILED,
            "tus_version",
            format!("Send the header `Tus-Resumable: {VERSION}`; no other version is spoken here."),
        ));
    }
    guard::user(principal)
}

/// What `Upload-Metadata` says of the file's name: `filename` and its value in base 64, among other pairs.
///
/// # Errors
/// 400 for pairs that are not as the protocol wants them.
fn file_name(headers: &HeaderMap) -> Result<String, Fault> {
    let mut name = String::new();
    let pairs = text(headers, "upload-metadata").unwrap_or_default();
    for pair in pairs.split(',').filter(|pair| !pair.trim().is_empty()) {
        let (key, value) = pair.trim().split_once(' ').unwrap_or((pair.trim(), ""));
        let value = STANDARD
            .decode(value.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| Fault {
                field: Some("Upload-Metadata".into()),
                ..Fault::new(
                    StatusCode::BAD_REQUEST,
                    "bad_header",
                    format!(
                        "The value of `{key}` in `Upload-Metadata` is no base 64 of UTF-8 text."
                    ),
                )
            })?;
        if matches!(key, "filename" | "name") {
            name = value;
        }
    }
    Ok(name)
}

/// Says what this server can do
#[utoipa::path(
    options, path = "/api/v1/uploads", operation_id = "describe_uploads", tag = "uploads",
    responses((status = 204, description = "Version, extensions and the largest file", headers(
        ("Tus-Version" = String), ("Tus-Extension" = String), ("Tus-Max-Size" = u64),
    ))),
)]
pub async fn describe(house: House) -> HttpResponse {
    answer(StatusCode::NO_CONTENT)
        .insert_header(("Tus-Version", VERSION))
        .insert_header(("Tus-Extension", EXTENSIONS))
        .insert_header(("Tus-Max-Size", house.config.max_upload_bytes.to_string()))
        .finish()
}

/// Begins an upload
///
/// Of a raw file that is to become a dataset. The answer's `Location` takes its parts.
#[utoipa::path(
    post, path = "/api/v1/uploads", operation_id = "begin_upload", tag = "uploads",
    params(
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Length" = u64, Header, description = "How long the file is, in bytes"),
        ("Upload-Metadata" = Option<String>, Header, description = "`filename` and its value in base 64"),
    ),
    responses(
        (status = 201, description = "Begun", headers(("Location" = String), ("Upload-Expires" = String))),
        (status = 400, description = "A header is missing or not as it must be."),
        (status = 409, description = "There are too many unfinished drafts."),
        (status = 412, description = "This version of the protocol is not spoken here."),
        (status = 413, description = "The file is too large."),
    ),
)]
pub async fn create(house: House, principal: Principal, request: HttpRequest) -> HttpResponse {
    let created = async {
        let headers = request.headers();
        let user = speaker(headers, &principal)?;
        let bytes = number(headers, "Upload-Length")?;
        let name = file_name(headers)?;
        Ok::<_, Fault>(house.drafts().create(user, &name, bytes).await?)
    };
    match created.await {
        Ok(draft) => standing(StatusCode::CREATED, &draft)
            .insert_header((LOCATION, address(&draft.key)))
            .finish(),
        Err(fault) => refused(fault),
    }
}

/// Says where an upload stands
///
/// `HEAD` is how a client finds out where to go on.
#[utoipa::path(
    get, path = "/api/v1/uploads/{key}", operation_id = "get_upload", tag = "uploads",
    params(("key" = String, Path, description = "The upload's key")),
    responses((status = 200, description = "The upload", body = UploadStatus, headers(
        ("Upload-Offset" = u64), ("Upload-Length" = u64),
    ))),
)]
pub async fn find(house: House, principal: Principal, key: Path<String>) -> HttpResponse {
    let found = async {
        let user = guard::user(&principal)?;
        Ok::<_, Fault>(house.drafts().find(user, &key).await?)
    };
    match found.await {
        Ok(draft) => standing(StatusCode::OK, &draft).json(UploadStatus::from(&draft)),
        Err(fault) => refused(fault),
    }
}

/// Sends a part
///
/// It begins where the last one ended (`Upload-Offset`) and may be of any length; 16 MiB are a good one. Of a
/// part that breaks off, what came is kept.
#[utoipa::path(
    patch, path = "/api/v1/uploads/{key}", operation_id = "append_to_upload", tag = "uploads",
    params(
        ("key" = String, Path, description = "The upload's key"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Offset" = u64, Header, description = "Where this part begins, in bytes"),
    ),
    request_body(content = FileBody, content_type = "application/offset+octet-stream"),
    responses(
        (status = 204, description = "Kept", headers(("Upload-Offset" = u64))),
        (status = 400, description = "A header is missing, or the part broke off."),
        (status = 409, description = "The part does not begin where the last one ended."),
        (status = 412, description = "This version of the protocol is not spoken here."),
        (status = 413, description = "The part is longer than what was announced."),
        (status = 415, description = "This is not a part of an upload."),
    ),
)]
pub async fn append(
    house: House,
    principal: Principal,
    key: Path<String>,
    request: HttpRequest,
    body: Payload,
) -> HttpResponse {
    let key = key.into_inner();
    // A task of its own: when the connection breaks and the server drops this handler, what has come
    // is kept all the same.
    let at_work = (house.drafts(), principal.clone(), key.clone());
    let appended = actix_web::rt::spawn(async move {
        let (drafts, principal, key) = at_work;
        let headers = request.headers();
        let user = speaker(headers, &principal)?;
        let offset = number(headers, "Upload-Offset")?;
        if text(headers, CONTENT_TYPE.as_str()) != Some(PART) {
            return Err(Fault::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                format!("Send a part as `Content-Type: {PART}`."),
            ));
        }
        let received = drafts.append(user, &key, offset, body).await?;
        match received.broken {
            Some(problem) => Err(Fault::new(
                StatusCode::BAD_REQUEST,
                "broken_upload",
                format!("the part broke off: {problem}; ask where to go on"),
            )),
            None => Ok(()),
        }
    });
    let appended = appended
        .await
        .unwrap_or_else(|error| Err(Fault::internal(error)));
    let found = async {
        appended?;
        let user = guard::user(&principal)?;
        Ok::<_, Fault>(house.drafts().find(user, &key).await?)
    };
    match found.await {
        Ok(draft) => standing(StatusCode::NO_CONTENT, &draft).finish(),
        Err(fault) => refused(fault),
    }
}

/// Ends an upload
///
/// Deletes it and what has come, also after it was complete: the draft with it.
#[utoipa::path(
    delete, path = "/api/v1/uploads/{key}", operation_id = "discard_upload", tag = "uploads",
    params(
        ("key" = String, Path, description = "The upload's key"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 409, description = "It is being published."),
        (status = 412, description = "This version of the protocol is not spoken here."),
    ),
)]
pub async fn discard(
    house: House,
    principal: Principal,
    key: Path<String>,
    request: HttpRequest,
) -> HttpResponse {
    let discarded = async {
        let user = speaker(request.headers(), &principal)?;
        let drafts = house.drafts();
        let draft = drafts.find(user, &key).await?;
        Ok::<_, Fault>(drafts.discard(&draft).await?)
    };
    match discarded.await {
        Ok(()) => answer(StatusCode::NO_CONTENT).finish(),
        Err(fault) => refused(fault),
    }
}

/// Does what `X-HTTP-Method-Override` says
///
/// For clients that cannot send `PATCH` or `DELETE`.
#[utoipa::path(
    post, path = "/api/v1/uploads/{key}", operation_id = "override_upload_method", tag = "uploads",
    params(
        ("key" = String, Path, description = "The upload's key"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("X-HTTP-Method-Override" = String, Header, description = "`PATCH` or `DELETE`"),
        ("Upload-Offset" = Option<u64>, Header, description = "Where a part begins, in bytes"),
    ),
    request_body(content = Option<FileBody>, content_type = "application/offset+octet-stream"),
    responses(
        (status = 204, description = "Done"),
        (status = 400, description = "A header is missing, or the part broke off."),
        (status = 409, description = "The part does not begin where the last one ended."),
        (status = 412, description = "This version of the protocol is not spoken here."),
        (status = 413, description = "The part is longer than what was announced."),
        (status = 415, description = "This is not a part of an upload."),
    ),
)]
pub async fn override_method(
    house: House,
    principal: Principal,
    key: Path<String>,
    request: HttpRequest,
    body: Payload,
) -> HttpResponse {
    let method = text(request.headers(), "x-http-method-override").unwrap_or_default();
    match method.to_ascii_uppercase().as_str() {
        "PATCH" => append(house, principal, key, request, body).await,
        "DELETE" => discard(house, principal, key, request).await,
        _ => refused(Fault {
            field: Some("X-HTTP-Method-Override".into()),
            ..Fault::new(
                StatusCode::BAD_REQUEST,
                "bad_header",
                "Say in `X-HTTP-Method-Override` what to do: `PATCH` or `DELETE`.",
            )
        }),
    }
}

//! Files from the wire: streamed to the store while they are hashed and counted, never held whole. A
//! model is looked through before it is accepted, so that what cannot be one costs nothing.

use std::collections::HashMap;
use std::path::Path;

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use futures_util::{Stream, StreamExt, TryStreamExt};
use tokio::io::AsyncWriteExt;

use super::fault::Fault;
use super::state::State;
use crate::accounts::permissions::Principal;
use crate::challenges::submissions::{self, Admission, SubmitError, Upload};
use crate::platform::storage::{Area, Stored};
use crate::scoring::intake;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::predictions::FileFormat;
use crate::scoring::runtimes::OnnxContract;

/// The longest text field of a form with files, in bytes.
const TEXT_LIMIT: usize = 1 << 20;

/// The text fields of a form with files.
pub type TextFields = HashMap<String, String>;

/// Whether the caller may send a submission now: asked before any byte is read.
pub async fn admission(
    state: &State,
    principal: &Principal,
    slug: &str,
) -> Result<Admission, Fault> {
    let now = state.clock.now();
    let (principal, slug) = (principal.clone(), slug.to_owned());
    state
        .database
        .read(move |connection| submissions::admission(connection, now, &principal, &slug))
        .await
        .map_err(|error: SubmitError| error.into())
}

/// Accepts what was streamed to the store, or discards it and says why.
pub async fn accept(
    state: &State,
    principal: &Principal,
    slug: &str,
    upload: Upload,
) -> Result<i64, Fault> {
    let now = state.clock.now();
    let key = upload.stored.key.clone();
    let (principal, slug) = (principal.clone(), slug.to_owned());
    let accepted = state
        .database
        .write(move |connection| submissions::accept(connection, now, &principal, &slug, &upload))
        .await;
    match accepted {
        Ok(id) => {
            state.dispatch.arrivals.notify_waiters();
            Ok(id)
        }
        Err(error) => {
            discard(state, &key).await;
            Err(SubmitError::into(error))
        }
    }
}

async fn discard(state: &State, key: &str) {
    if let Err(error) = state.storage.discard_submission(key).await {
        tracing::warn!(%error, key, "a refused upload could not be deleted");
    }
}

/// Receives the `file` of a multipart submission, and its text fields, whatever their order. `kind` is
/// what the address says that it is, where it says so.
pub async fn receive_form(
    state: &State,
    form: Multipart,
    admission: &Admission,
    kind: Option<SubmissionKind>,
) -> Result<Upload, Fault> {
    let mut texts = TextFields::new();
    if let Some(kind) = kind {
        texts.insert("kind".to_owned(), kind.to_string());
    }
    receive_form_keeping(state, form, admission, &mut texts).await
}

/// The same; `texts` has the fields that were read even where the file is refused, so that the form
/// can be shown again as it was filled in.
pub async fn receive_form_keeping(
    state: &State,
    mut form: Multipart,
    admission: &Admission,
    texts: &mut TextFields,
) -> Result<Upload, Fault> {
    let mut file: Option<(Stored, String, Option<String>)> = None;
    let received = async {
        while let Some(mut field) = form.try_next().await.map_err(broken_form)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name != "file" {
                if name != "description" && name != "kind" {
                    return Err(Fault::invalid(
                        &name,
                        "there is no such field; send `file` and, if you like, `kind` and `description`",
                    ));
                }
                let text = read_text(&name, &mut field).await?;
                texts.insert(name, text);
                continue;
            }
            if file.is_some() {
                return Err(Fault::invalid("file", "send one file"));
            }
            let file_name = field
                .content_disposition()
                .and_then(|disposition| disposition.get_filename())
                .unwrap_or_default()
                .to_owned();
            let media_type = field.content_type().map(ToString::to_string);
            let stored = receive(state, field, admission).await?;
            file = Some((stored, file_name, media_type));
        }
        Ok(())
    };
    let received = received.await;
    match (received, file) {
        (Ok(()), Some((stored, file_name, media_type))) => {
            let kind = match kind_of(texts.get("kind"), admission) {
                Ok(kind) => kind,
                Err(fault) => {
                    discard(state, &stored.key).await;
                    return Err(fault);
                }
            };
            let upload = Upload {
                kind,
                // What a model writes is read as CSV.
                format: if kind.is_model() {
                    FileFormat::Csv
                } else {
                    file_format(media_type.as_deref(), &file_name)
                },
                stored,
                file_name,
                description: texts.get("description").cloned().unwrap_or_default(),
            };
            look_through(state, admission, upload).await
        }
        (Ok(()), None) => Err(Fault::invalid("file", "choose a file to send")),
        (Err(fault), file) => {
            if let Some((stored, ..)) = file {
                discard(state, &stored.key).await;
            }
            Err(fault)
        }
    }
}

/// Receives a submission that is the request's whole body; a model's predictions are CSV.
pub async fn receive_body<E: std::fmt::Display>(
    state: &State,
    body: impl Stream<Item = Result<bytes::Bytes, E>>,
    kind: SubmissionKind,
    format: FileFormat,
    admission: &Admission,
) -> Result<Upload, Fault> {
    admission.check_kind(kind)?;
    let upload = Upload {
        stored: receive(state, body, admission).await?,
        kind,
        format,
        file_name: match kind {
            SubmissionKind::Predictions => format!("predictions.{}", format.as_str()),
            SubmissionKind::Onnx => "model.onnx".to_owned(),
            SubmissionKind::Python => "submission.zip".to_owned(),
        },
        description: String::new(),
    };
    look_through(state, admission, upload).await
}

/// What is sent: what the form says; else predictions, or the one kind that the challenge takes.
fn kind_of(said: Option<&String>, admission: &Admission) -> Result<SubmissionKind, Fault> {
    let kind = match (said.map(|said| said.trim()), &admission.challenge.kinds[..]) {
        (None | Some(""), [only]) => *only,
        (None | Some(""), _) => SubmissionKind::Predictions,
        (Some(said), _) => said
            .parse()
            .map_err(|error: String| Fault::invalid("kind", error))?,
    };
    admission.check_kind(kind)?;
    Ok(kind)
}

/// Looks through a model that was received, before it is accepted; one that cannot be run is
/// discarded. Nothing of it is run.
async fn look_through(
    state: &State,
    admission: &Admission,
    upload: Upload,
) -> Result<Upload, Fault> {
    // An empty file is refused by `accept`, which has the words for it.
    if !upload.kind.is_model() || upload.stored.bytes == 0 {
        return Ok(upload);
    }
    let checked = check_stored(state, admission, &upload).await;
    if let Err(fault) = checked {
        discard(state, &upload.stored.key).await;
        return Err(fault);
    }
    Ok(upload)
}

async fn check_stored(state: &State, admission: &Admission, upload: &Upload) -> Result<(), Fault> {
    let file = tempfile::NamedTempFile::new().map_err(Fault::internal)?;
    let (storage, key) = (&state.storage, &upload.stored.key);
    storage
        .copy_to_file(Area::Submissions, key, file.path())
        .await?;
    let (kind, contract) = (upload.kind, admission.challenge.onnx.clone());
    tokio::task::spawn_blocking(move || check_model(file.path(), kind, contract.as_ref()))
        .await
        .map_err(Fault::internal)?
}

/// Checks that a file is a model of its kind.
fn check_model(
    file: &Path,
    kind: SubmissionKind,
    contract: Option<&OnnxContract>,
) -> Result<(), Fault> {
    let rejected = |problem: String| Fault {
        kind: "rejected".to_owned(),
        ..Fault::invalid("file", problem)
    };
    match kind {
        SubmissionKind::Predictions => Ok(()),
        SubmissionKind::Python => match intake::check_code(file) {
            Ok(_) => Ok(()),
            Err(error) if error.is_senders() => Err(rejected(error.to_string())),
            Err(error) => Err(Fault::internal(error)),
        },
        SubmissionKind::Onnx => {
            let contract = contract.ok_or_else(|| {
                Fault::internal("a challenge takes ONNX models without a contract")
            })?;
            let model = std::fs::read(file).map_err(Fault::internal)?;
            intake::check_model(&model, contract).map_err(|error| rejected(error.to_string()))
        }
    }
}

async fn receive<E: std::fmt::Display>(
    state: &State,
    stream: impl Stream<Item = Result<bytes::Bytes, E>>,
    admission: &Admission,
) -> Result<Stored, Fault> {
    let limit = admission.phase.max_bytes;
    Ok(state.storage.receive_submission(stream, limit).await?)
}

/// CSV or Parquet, by the media type where it says, else by the name; what a file really is its
/// reader finds out.
pub fn file_format(media_type: Option<&str>, file_name: &str) -> FileFormat {
    let media_type = media_type.unwrap_or_default();
    if media_type.contains("parquet") || file_name.to_ascii_lowercase().ends_with(".parquet") {
        FileFormat::Parquet
    } else {
        FileFormat::Csv
    }
}

/// A file that was received into a temporary one, which is deleted when this is dropped.
pub struct ReceivedFile {
    /// The bytes.
    pub file: tempfile::NamedTempFile,
    /// How many.
    pub bytes: u64,
    /// The file's name on the sender's machine: for messages, never for a path.
    pub file_name: String,
}

/// Streams at most `limit` bytes into a temporary file. `field` is what an error names.
///
/// # Errors
/// 413 for more bytes than that, 400 when the sender breaks off.
pub async fn receive_to_temporary_file<E: std::fmt::Display>(
    field: &str,
    stream: impl Stream<Item = Result<bytes::Bytes, E>>,
    limit: u64,
) -> Result<(tempfile::NamedTempFile, u64), Fault> {
    let file = tempfile::NamedTempFile::new().map_err(Fault::internal)?;
    let mut writer = tokio::fs::File::from_std(file.reopen().map_err(Fault::internal)?);
    let mut bytes = 0_u64;
    let mut stream = std::pin::pin!(stream);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(broken_form)?;
        bytes += chunk.len() as u64;
        if bytes > limit {
            return Err(Fault {
                field: Some(field.to_owned()),
                ..Fault::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "too_large",
                    format!(
                        "this file is larger than {limit} bytes, the most that is accepted here"
                    ),
                )
            });
        }
        writer.write_all(&chunk).await.map_err(Fault::internal)?;
    }
    writer.flush().await.map_err(Fault::internal)?;
    Ok((file, bytes))
}

/// A form with files, as far as it was received.
#[derive(Default)]
pub struct ReceivedForm {
    /// Its text fields.
    pub texts: TextFields,
    /// Its files by field; a file field that was left empty is not in it.
    pub files: HashMap<String, ReceivedFile>,
}

/// Receives a multipart form into `form`, its `file_fields` into temporary files of at most `limit`
/// bytes each. What was received before an error stays in `form`, so that a page can show what was
/// typed again.
///
/// # Errors
/// Fields that are too long, sent twice or broken off, by name.
pub async fn receive_form_with_files(
    mut sent: Multipart,
    file_fields: &[&str],
    limit: u64,
    form: &mut ReceivedForm,
) -> Result<(), Fault> {
    let mut refused = None;
    while let Some(mut field) = sent.try_next().await.map_err(broken_form)? {
        let name = field.name().unwrap_or_default().to_owned();
        if !file_fields.contains(&name.as_str()) {
            let text = read_text(&name, &mut field).await?;
            form.texts.insert(name, text);
            continue;
        }
        if form.files.contains_key(&name) {
            return Err(Fault::invalid(&name, "send one file"));
        }
        let file_name = field
            .content_disposition()
            .and_then(|disposition| disposition.get_filename())
            .unwrap_or_default()
            .to_owned();
        match receive_to_temporary_file(&name, &mut field, limit).await {
            // What a browser sends for a file field in which nothing was chosen.
            Ok((_, 0)) if file_name.is_empty() => {}
            Ok((file, bytes)) => {
                let received = ReceivedFile {
                    file,
                    bytes,
                    file_name,
                };
                form.files.insert(name, received);
            }
            // A browser shows the answer only after it has sent everything.
            Err(fault) if fault.kind == "too_large" => {
                discard_rest(&mut field, limit).await?;
                refused.get_or_insert(fault);
            }
            Err(fault) => return Err(fault),
        }
    }
    refused.map_or(Ok(()), Err)
}

/// Reads what is left of a field and keeps nothing, up to `limit` bytes.
async fn discard_rest(field: &mut actix_multipart::Field, limit: u64) -> Result<(), Fault> {
    let mut bytes = 0_u64;
    while let Some(chunk) = field.next().await {
        bytes += chunk.map_err(broken_form)?.len() as u64;
        if bytes > limit {
            return Err(Fault::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("a file of this form is much larger than {limit} bytes"),
            ));
        }
    }
    Ok(())
}

/// A text field, of bearable length.
pub async fn read_text(name: &str, field: &mut actix_multipart::Field) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.next().await {
        let chunk = chunk.map_err(broken_form)?;
        if bytes.len() + chunk.len() > TEXT_LIMIT {
            return Err(Fault::invalid(name, "this text is longer than 1 MiB"));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| Fault::invalid(name, "this text is not UTF-8"))
}

/// What a form that cannot be read is answered with.
pub fn broken_form(error: impl std::fmt::Display) -> Fault {
    Fault::new(
        StatusCode::BAD_REQUEST,
        "broken_upload",
        format!(
            "The form could not be read: {error}. Send multipart/form-data with a `file` field."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(chunks: [&'static str; 2]) -> impl Stream<Item = Result<bytes::Bytes, std::io::Error>> {
        futures_util::stream::iter(chunks.map(|chunk| Ok(chunk.into())))
    }

    #[tokio::test]
    async fn a_file_of_the_limit_is_received_and_one_byte_more_is_refused_by_name() {
        let (file, bytes) = receive_to_temporary_file("table", sent(["0123", "456"]), 7)
            .await
            .unwrap();
        assert_eq!(
            (bytes, std::fs::read(file.path()).unwrap()),
            (7, b"0123456".to_vec())
        );

        let refused = receive_to_temporary_file("table", sent(["0123", "4567"]), 7).await;
        let fault = refused.err().unwrap();
        assert_eq!((fault.status, fault.field.as_deref()), (413, Some("table")));
    }
}

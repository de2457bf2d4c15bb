//! Organizers' forms with files: their files are streamed to disk, never held whole.

use std::path::PathBuf;

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpMessage, HttpRequest};
use futures_util::TryStreamExt;
use tempfile::NamedTempFile;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::http::fault::Fault;
use crate::http::uploads::{self, TextFields};

/// A file as a body: bytes, whatever they spell. As OpenAPI 3.1 wants it for raw bytes, their schema has no
/// type.
pub struct FileBody;

impl PartialSchema for FileBody {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::AnyValue)
            .description(Some("The bytes of a file."))
            .min_length(Some(1))
            .into()
    }
}

impl ToSchema for FileBody {}

/// What a form held.
pub struct Received {
    /// The text fields that nobody has taken yet.
    pub texts: TextFields,
    /// The files with their fields, in the order in which they came; deleted when this is dropped.
    pub files: Vec<(String, NamedTempFile)>,
}

/// The request's form, or 415 where it sends something else.
pub fn multipart(request: &HttpRequest, body: Payload) -> Result<Multipart, Fault> {
    if request.content_type() == "multipart/form-data" {
        return Ok(Multipart::new(request.headers(), body));
    }
    Err(Fault::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "Send a form: `Content-Type: multipart/form-data`.",
    ))
}

/// Receives a form whose `file_fields` are files of at most `limit` bytes each.
pub async fn receive(
    mut form: Multipart,
    file_fields: &[&str],
    limit: u64,
) -> Result<Received, Fault> {
    let mut received = Received {
        texts: TextFields::new(),
        files: Vec::new(),
    };
    while let Some(mut field) = form.try_next().await.map_err(uploads::broken_form)? {
        let name = field.name().unwrap_or_default().to_owned();
        if file_fields.contains(&name.as_str()) {
            let (file, _) = uploads::receive_to_temporary_file(&name, field, limit).await?;
            received.files.push((name, file));
        } else {
            let text = uploads::read_text(&name, &mut field).await?;
            if received.texts.insert(name.clone(), text).is_some() {
                return Err(Fault::invalid(&name, "send this field once"));
            }
        }
    }
    Ok(received)
}

impl Received {
    /// Where the files of a field lie, in the order in which they came.
    pub fn paths(&self, field: &str) -> Vec<PathBuf> {
        let of_field = self.files.iter().filter(|(name, _)| name == field);
        of_field.map(|(_, file)| file.path().to_owned()).collect()
    }

    /// A text field that must be there.
    pub fn required_text(&mut self, field: &str) -> Result<String, Fault> {
        self.texts
            .remove(field)
            .ok_or_else(|| Fault::invalid(field, "this field is missing"))
    }

    /// A text field that may be left out.
    pub fn text(&mut self, field: &str) -> String {
        self.texts.remove(field).unwrap_or_default()
    }

    /// Refuses fields that nobody asked for: they are misspelt.
    pub fn no_other_texts(&self) -> Result<(), Fault> {
        match self.texts.keys().min() {
            None => Ok(()),
            Some(field) => Err(Fault::invalid(field, "there is no such field")),
        }
    }
}

//! Refusals as the hub's clients understand them: by the header `X-Error-Code`.

use actix_web::http::StatusCode;
use actix_web::http::header::WWW_AUTHENTICATE;
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::http::fault::Fault;
use crate::platform::database::DatabaseError;

/// Why nothing is answered.
#[derive(Debug)]
pub enum Problem {
    /// There is no such dataset.
    NoRepository(String),
    /// The dataset has no such release.
    NoRevision(String),
    /// The release has no such file.
    NoEntry {
        /// What to say.
        message: String,
        /// The release's commit; clients remember by it that the file is missing.
        commit: String,
    },
    /// The caller may not have the files.
    Gated(Fault),
    /// Anything else.
    Other(Fault),
}

impl Problem {
    fn parts(&self) -> (StatusCode, &'static str, &str) {
        match self {
            Self::NoRepository(message) => (StatusCode::NOT_FOUND, "RepoNotFound", message),
            Self::NoRevision(message) => (StatusCode::NOT_FOUND, "RevisionNotFound", message),
            Self::NoEntry { message, .. } => (StatusCode::NOT_FOUND, "EntryNotFound", message),
            Self::Gated(fault) => (fault.status_code(), "GatedRepo", &fault.detail),
            Self::Other(fault) => (fault.status_code(), "", &fault.detail),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.parts().2)
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::Other(fault)
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        Self::Other(error.into())
    }
}

impl Problem {
    /// The answer. It is made here and not by the server's way with errors, which shows pages.
    pub fn answer(&self) -> HttpResponse {
        let (status, code, message) = self.parts();
        let mut response = HttpResponse::build(status);
        if !code.is_empty() {
            response.insert_header(("X-Error-Code", code));
        }
        // What a header cannot hold is left out of it; the body has it all.
        let printable: String = message
            .chars()
            .filter(|letter| letter.is_ascii_graphic() || *letter == ' ')
            .collect();
        response.insert_header(("X-Error-Message", printable));
        if let Self::NoEntry { commit, .. } = self {
            response.insert_header(("X-Repo-Commit", commit.as_str()));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        response.json(json!({ "error": message }))
    }
}

//! A scout's own desk: shortlists, notes and saved searches, which nobody else sees, and what tells them that a
//! new board changed something.
//!
//! A driver is a pseudonym in the release of a challenge. May touch: `board`, `messages`, `platform`. Start
//! reading at [`shortlists`].

pub(super) mod alerts;
pub mod notes;
pub mod searches;
pub mod shortlists;

use crate::platform::database::DatabaseError;

/// Why something of a scout's is not kept.
#[derive(Debug, thiserror::Error)]
pub enum ScoutError {
    /// There is no such thing, or it is another scout's.
    #[error("There is no {0} like that of yours.")]
    NotFound(&'static str),
    /// The driver is on no board of that challenge.
    #[error("No driver `{driver}` is on the talent board of `{slug}`.")]
    NotRated {
        /// The pseudonym.
        driver: String,
        /// The challenge's address.
        slug: String,
    },
    /// A field is not as it must be.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<diesel::result::Error> for ScoutError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Characters of a name of a list or a search.
pub const NAME_LIMIT: usize = 80;

/// A name as it is kept.
fn name(text: &str) -> Result<String, ScoutError> {
    let text = text.trim();
    let problem = match text.chars().count() {
        0 => "give it a name".to_owned(),
        length if length > NAME_LIMIT => format!("use at most {NAME_LIMIT} characters"),
        _ if text.chars().any(char::is_control) => "leave out line breaks".to_owned(),
        _ => return Ok(text.to_owned()),
    };
    Err(ScoutError::Invalid {
        field: "name",
        problem,
    })
}

fn invalid<T>(field: &'static str, problem: impl Into<String>) -> Result<T, ScoutError> {
    Err(ScoutError::Invalid {
        field,
        problem: problem.into(),
    })
}

//! Data experts: what they say of themselves ([`profile`]), how they stand among each other ([`list`]),
//! what they did ([`results`]), and how scouts reach them ([`contact`]).
//!
//! A profile is public while its owner is an expert and leaves it so. What it gathers stands on public
//! boards already, and only of challenges that the visitor may know of.
//!
//! May touch: `challenges`, `messages`, `platform`, and this room's `contributivity`. Start reading at
//! [`profile`].

pub mod contact;
pub mod list;
pub mod profile;
pub mod results;

use chrono::{DateTime, Utc};

use crate::platform::database::DatabaseError;

/// Why something about an expert was not shown or done.
#[derive(Debug, thiserror::Error)]
pub enum ExpertError {
    /// There is none, or the profile is hidden: which of the two is not told.
    #[error("There is no public profile of an expert `{0}`.")]
    NotFound(String),
    /// There is none, the profile is hidden, or its owner is not open to contact: which is not told.
    #[error("There is no expert `{0}` who is open to contact.")]
    NotOpen(String),
    /// A field is not as it must be.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The caller wrote to this expert lately.
    #[error(
        "You wrote to this expert lately and they have your message; you can write again from {from} on."
    )]
    WroteLately {
        /// From when on they may write again.
        from: DateTime<Utc>,
    },
    /// The caller wrote to many experts lately.
    #[error("You wrote to {limit} experts within a day; go on tomorrow.")]
    WroteOften {
        /// The most a day.
        limit: i64,
    },
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<diesel::result::Error> for ExpertError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

fn invalid(field: &'static str, problem: impl Into<String>) -> ExpertError {
    ExpertError::Invalid {
        field,
        problem: problem.into(),
    }
}

/// A text of a form, trimmed and with plain line breaks, if it is no longer than `most` characters.
fn checked(field: &'static str, text: &str, most: usize) -> Result<String, ExpertError> {
    // Browsers count a line break as one character and send two. No database keeps a NUL.
    let text = text.replace("\r\n", "\n");
    // What is dropped counts all the same, so that the API's description can say how long a text may be.
    if text.chars().count() > most {
        return Err(invalid(field, format!("write at most {most} characters")));
    }
    Ok(text.replace('\0', "").trim().to_owned())
}

/// The same of a text in one line: line breaks and other control characters become spaces.
fn one_line(field: &'static str, text: &str, most: usize) -> Result<String, ExpertError> {
    let line = checked(field, text, most)?;
    let words: Vec<&str> = line
        .split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    Ok(words.join(" "))
}

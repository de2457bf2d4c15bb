//! Coached drivers: whom an organizer gives a personal link, and what was driven under it.
//!
//! [`drivers`] and [`link`] are the organizer's side, [`sessions`] and [`laps`] are filled by a timing program,
//! [`view`] is what the link shows. Nobody but their own organizer, and whoever has the link, sees a driver; of
//! others only what [`coaching::peers`](super::coaching::peers) lets through. May touch: `platform`, `accounts`,
//! [`coaching`](super::coaching). Start reading at [`view`].

pub mod drivers;
pub mod laps;
pub mod link;
pub mod sessions;
pub mod view;

use crate::platform::database::DatabaseError;

/// Why something about a coached driver cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum CoachingError {
    /// There is no such driver, or none of the caller's.
    #[error("You coach no driver {0}.")]
    NoSuchDriver(i64),
    /// The driver has no such session.
    #[error("This driver has no session {0}.")]
    NoSuchSession(i64),
    /// The link is unknown, taken back or over; which of them is not told.
    #[error(
        "This link opens nothing. It may have been renewed or taken back; ask whoever gave it to you for a new one."
    )]
    NoSuchLink,
    /// One field is not as it must be.
    #[error("{field}: {problem}")]
    Invalid {
        /// The form's or the JSON's field.
        field: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The label is another driver's.
    #[error("Another driver of yours has this label; choose one that tells them apart.")]
    LabelTaken,
    /// There is no room for more.
    #[error("There are {most} {what} already; delete some first.")]
    TooMany {
        /// Drivers, sessions.
        what: &'static str,
        /// How many there may be.
        most: i64,
    },
    /// A lap of this number was sent before, and was another.
    #[error(
        "Lap {0} was sent before with other times. A lap is kept as it first came; delete the session to send it anew."
    )]
    OtherLap(u32),
    /// The session is over.
    #[error("This session is over and takes no new laps; begin another one.")]
    Over,
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<diesel::result::Error> for CoachingError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

fn invalid(field: impl Into<String>, problem: impl Into<String>) -> CoachingError {
    CoachingError::Invalid {
        field: field.into(),
        problem: problem.into(),
    }
}

/// A short text without line breaks, as it is kept.
fn short_text(field: &str, text: &str, most: usize) -> Result<String, CoachingError> {
    let text = text.trim();
    let fits = (1..=most).contains(&text.chars().count());
    if !fits || text.chars().any(char::is_control) {
        let problem = format!("write 1 to {most} characters without line breaks");
        return Err(invalid(field, problem));
    }
    Ok(text.to_owned())
}

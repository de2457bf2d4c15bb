//! What an organizer tells everybody who takes part.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use serde::Deserialize;

use super::challenge::{Challenge, ChallengeError, Stage, find_managed, invalid};
use super::writing;
use crate::accounts::permissions::Principal;
use crate::messages::notifications::{Notification, NotificationKind, Recipients, tell};
use crate::platform::audit::{self, Act};
use crate::platform::database::{DatabaseConnection, DatabaseError, MultiBackend};
use crate::platform::schema::{announcements, users};

/// Announcements of a challenge in a day: each is a letter to every member.
pub const MOST_A_DAY: i64 = 10;

/// An announcement.
#[derive(Debug, Clone)]
pub struct Announcement {
    /// The row, for paging.
    pub id: i64,
    /// Who wrote it; none: the platform itself.
    pub author: Option<String>,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// When it was posted.
    pub at: DateTime<Utc>,
}

/// What an organizer writes.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnouncementDraft {
    /// One line.
    #[schema(min_length = 1, max_length = 150)]
    pub title: String,
    /// Markdown.
    #[schema(min_length = 1, max_length = 20_000)]
    pub body: String,
}

/// Why nothing can be announced.
#[derive(Debug, thiserror::Error)]
pub enum AnnouncementError {
    /// The challenge cannot be reached, or a field is not as it must be.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
    /// Its members were told often enough for a day.
    #[error("{MOST_A_DAY} announcements were sent within 24 hours; the next can be sent at {0}.")]
    TooOften(DateTime<Utc>),
}

impl From<DatabaseError> for AnnouncementError {
    fn from(error: DatabaseError) -> Self {
        Self::Challenge(error.into())
    }
}

impl From<diesel::result::Error> for AnnouncementError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Challenge(error.into())
    }
}

/// Announces something: shown on the challenge's page and told to its members. Returns its row. Call it in
/// a write transaction.
pub fn post(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    draft: &AnnouncementDraft,
) -> Result<i64, AnnouncementError> {
    let challenge = find_managed(connection, principal, slug)?;
    let (title, body) = (
        writing::title("title", &draft.title)?,
        writing::body("body", &draft.body)?,
    );
    match challenge.stage {
        Stage::Published => {}
        Stage::Draft | Stage::Review => {
            return Ok(invalid(
                "stage",
                "publish the challenge first: nobody is in it yet",
            )?);
        }
        Stage::Archived => {
            return Ok(invalid(
                "stage",
                "this challenge is archived; restore it first",
            )?);
        }
    }
    let times: Vec<NaiveDateTime> = announcements::table
        .filter(announcements::challenge_id.eq(challenge.id))
        .filter(announcements::author_id.is_not_null())
        .order(announcements::id.desc())
        .select(announcements::at)
        .limit(MOST_A_DAY)
        .load(connection)?;
    let day = TimeDelta::days(1);
    let oldest = times.last().map(|at| at.and_utc());
    if let Some(oldest) = oldest.filter(|at| times.len() as i64 == MOST_A_DAY && now < *at + day) {
        return Err(AnnouncementError::TooOften(oldest + day));
    }
    let author_id = principal.user().map(|user| user.id);
    let written = Written {
        challenge_id: challenge.id,
        slug,
        challenge: &challenge.title,
        kind: NotificationKind::Announcement,
        author_id,
        title: &title,
        body: &body,
    };
    let id = insert(connection, now, &written)?;
    let act = Act {
        actor_id: author_id,
        action: "challenge.announce",
        subject: &format!("challenge:{slug}"),
        challenge_id: Some(challenge.id),
        detail: &title,
    };
    audit::record(connection, now, &act)?;
    Ok(id)
}

/// An announcement that is to be posted, with what its letters say around it.
pub(super) struct Written<'a> {
    pub(super) challenge_id: i64,
    pub(super) slug: &'a str,
    /// The challenge's name.
    pub(super) challenge: &'a str,
    /// What its letters are chosen by.
    pub(super) kind: NotificationKind,
    /// None: the platform itself.
    pub(super) author_id: Option<i64>,
    pub(super) title: &'a str,
    pub(super) body: &'a str,
}

/// Posts an announcement and tells the challenge's members of it.
pub(super) fn insert(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    written: &Written<'_>,
) -> Result<i64, DatabaseError> {
    let id = diesel::insert_into(announcements::table)
        .values((
            announcements::challenge_id.eq(written.challenge_id),
            announcements::author_id.eq(written.author_id),
            announcements::title.eq(written.title),
            announcements::body.eq(written.body),
            announcements::at.eq(now.naive_utc()),
        ))
        .returning(announcements::id)
        .get_result(connection)?;
    let notification = Notification {
        kind: written.kind,
        challenge_id: Some(written.challenge_id),
        caused_by: written.author_id,
        title: &format!("{}: {}", written.challenge, written.title),
        body: written.body,
        href: &format!(
            "/challenges/{}/announcements#announcement-{id}",
            written.slug
        ),
    };
    let members = Recipients::MembersOf(written.challenge_id);
    tell(connection, now, members, &notification)?;
    Ok(id)
}

/// Up to `limit` announcements of a challenge, newest first, older than the one `before` where given.
pub fn page(
    connection: &mut DatabaseConnection,
    challenge: &Challenge,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Announcement>, DatabaseError> {
    let mut query = announcements::table
        .left_join(users::table.on(announcements::author_id.eq(users::id.nullable())))
        .filter(announcements::challenge_id.eq(challenge.id))
        .order(announcements::id.desc())
        .limit(limit)
        .select((
            announcements::id,
            users::username.nullable(),
            announcements::title,
            announcements::body,
            announcements::at,
        ))
        .into_boxed::<MultiBackend>();
    if let Some(before) = before {
        query = query.filter(announcements::id.lt(before));
    }
    let rows: Vec<(i64, Option<String>, String, String, NaiveDateTime)> = query.load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(id, author, title, body, at)| Announcement {
            id,
            author,
            title,
            body,
            at: at.and_utc(),
        })
        .collect())
}

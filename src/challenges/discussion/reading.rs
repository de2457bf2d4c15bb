//! Lists of topics and posts, as whoever asks may see them.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::super::challenge::Challenge;
use super::writing::EDITABLE_MINUTES;
use super::{DiscussionError, moderates};
use crate::accounts::permissions::Principal;
use crate::platform::database::{DatabaseConnection, MultiBackend};
use crate::platform::schema::{discussion_posts as posts, discussion_topics as topics, users};

diesel::define_sql_function! {
    /// A text in lower case.
    fn lower(text: Text) -> Text;
}

/// What is talked about.
#[derive(Debug, Clone)]
pub struct Topic {
    /// The row.
    pub id: i64,
    /// One line.
    pub title: String,
    /// Who began it.
    pub author: String,
    /// Their row.
    pub author_id: i64,
    /// When they did.
    pub created_at: DateTime<Utc>,
    /// When the last post came.
    pub last_post_at: DateTime<Utc>,
    /// How many posts it has, the first included.
    pub post_count: i64,
    /// Whether it stands above the others.
    pub is_pinned: bool,
    /// Whether nobody answers any more.
    pub is_locked: bool,
    /// Why it was hidden; none where it is shown.
    pub hidden: Option<String>,
}

#[derive(Queryable)]
struct TopicRow {
    id: i64,
    title: String,
    author: String,
    author_id: i64,
    created_at: NaiveDateTime,
    last_post_at: NaiveDateTime,
    post_count: i64,
    is_pinned: bool,
    is_locked: bool,
    hidden_at: Option<NaiveDateTime>,
    hidden_reason: Option<String>,
}

impl From<TopicRow> for Topic {
    fn from(row: TopicRow) -> Self {
        Self {
            id: row.id,
            title: row.title,
            author: row.author,
            author_id: row.author_id,
            created_at: row.created_at.and_utc(),
            last_post_at: row.last_post_at.and_utc(),
            post_count: row.post_count,
            is_pinned: row.is_pinned,
            is_locked: row.is_locked,
            hidden: row.hidden_at.map(|_| row.hidden_reason.unwrap_or_default()),
        }
    }
}

const TOPIC_COLUMNS: (
    topics::id,
    topics::title,
    users::username,
    topics::author_id,
    topics::created_at,
    topics::last_post_at,
    topics::post_count,
    topics::is_pinned,
    topics::is_locked,
    topics::hidden_at,
    topics::hidden_reason,
) = (
    topics::id,
    topics::title,
    users::username,
    topics::author_id,
    topics::created_at,
    topics::last_post_at,
    topics::post_count,
    topics::is_pinned,
    topics::is_locked,
    topics::hidden_at,
    topics::hidden_reason,
);

/// Where a page of the list ends: pinned or not, the last post's time in microseconds, the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicCursor {
    is_pinned: bool,
    last_post_at: DateTime<Utc>,
    id: i64,
}

impl fmt::Display for TopicCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}.{}.{}",
            u8::from(self.is_pinned),
            self.last_post_at.timestamp_micros(),
            self.id
        )
    }
}

impl FromStr for TopicCursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "send the `next` of the page before".to_owned();
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or_else(wrong);
        let is_pinned = match part()? {
            "0" => false,
            "1" => true,
            _ => return Err(wrong()),
        };
        let micros = part()?.parse().map_err(|_| wrong())?;
        let last_post_at = DateTime::from_timestamp_micros(micros).ok_or_else(wrong)?;
        let id = part()?.parse().map_err(|_| wrong())?;
        // What a database can hold as a time is far less than what chrono can.
        let is_near = (1970..=9999).contains(&chrono::Datelike::year(&last_post_at));
        if parts.next().is_some() || !is_near {
            return Err(wrong());
        }
        Ok(Self {
            is_pinned,
            last_post_at,
            id,
        })
    }
}

/// A page of the list.
#[derive(Debug, Clone)]
pub struct TopicPage {
    /// Pinned ones first, then those with the newest posts.
    pub topics: Vec<Topic>,
    /// Where the next page begins; none on the last.
    pub next: Option<TopicCursor>,
}

/// A page of a challenge's topics; with `search`, of those whose title contains it. Hidden ones are shown
/// to their author and to whoever moderates.
pub fn topics(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    challenge: &Challenge,
    search: Option<&str>,
    after: Option<TopicCursor>,
    limit: i64,
) -> Result<TopicPage, DiscussionError> {
    let mut query = topics::table
        .inner_join(users::table)
        .filter(topics::challenge_id.eq(challenge.id))
        .order((
            topics::is_pinned.desc(),
            topics::last_post_at.desc(),
            topics::id.desc(),
        ))
        .limit(limit + 1)
        .select(TOPIC_COLUMNS)
        .into_boxed::<MultiBackend>();
    if !moderates(principal, challenge) {
        let reader = principal.user().map_or(0, |user| user.id);
        query = query.filter(topics::hidden_at.is_null().or(topics::author_id.eq(reader)));
    }
    if let Some(search) = search {
        let pattern = search
            .to_lowercase()
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        query = query.filter(
            lower(topics::title)
                .like(format!("%{pattern}%"))
                .escape('\\'),
        );
    }
    if let Some(cursor) = after {
        let at = cursor.last_post_at.naive_utc();
        let later = topics::last_post_at
            .lt(at)
            .or(topics::last_post_at.eq(at).and(topics::id.lt(cursor.id)));
        query = if cursor.is_pinned {
            query.filter(topics::is_pinned.eq(false).or(later))
        } else {
            query.filter(topics::is_pinned.eq(false)).filter(later)
        };
    }
    let rows: Vec<TopicRow> = query.load(connection)?;
    let mut found: Vec<Topic> = rows.into_iter().map(Topic::from).collect();
    let limit = usize::try_from(limit).unwrap_or_default();
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| TopicCursor {
        is_pinned: last.is_pinned,
        last_post_at: last.last_post_at,
        id: last.id,
    });
    Ok(TopicPage {
        topics: found,
        next,
    })
}

/// One topic of a challenge, if the caller may see it.
pub fn topic(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    challenge: &Challenge,
    id: i64,
) -> Result<Topic, DiscussionError> {
    let row: Option<TopicRow> = topics::table
        .inner_join(users::table)
        .filter(topics::challenge_id.eq(challenge.id))
        .filter(topics::id.eq(id))
        .select(TOPIC_COLUMNS)
        .first(connection)
        .optional()?;
    let may_see_hidden = |topic: &Topic| {
        moderates(principal, challenge)
            || principal
                .user()
                .is_some_and(|user| user.id == topic.author_id)
    };
    row.map(Topic::from)
        .filter(|topic| topic.hidden.is_none() || may_see_hidden(topic))
        .ok_or(DiscussionError::NoSuchTopic(id))
}

/// What somebody wrote.
#[derive(Debug, Clone)]
pub struct Post {
    /// The row, for paging.
    pub id: i64,
    /// Who wrote it.
    pub author: String,
    /// Their row.
    pub author_id: i64,
    /// Whether they run the challenge.
    pub is_organizers: bool,
    /// Markdown; none where it is hidden from whoever asks.
    pub body: Option<String>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When its author changed it.
    pub edited_at: Option<DateTime<Utc>>,
    /// Why it was hidden, for its author and whoever moderates; empty for others. None where it is shown.
    pub hidden: Option<String>,
    /// Whether the caller wrote it.
    pub is_own: bool,
    /// Whether the caller may change it now.
    pub may_edit: bool,
}

#[derive(Queryable)]
struct PostRow {
    id: i64,
    author: String,
    author_id: i64,
    body: String,
    created_at: NaiveDateTime,
    edited_at: Option<NaiveDateTime>,
    hidden_at: Option<NaiveDateTime>,
    hidden_reason: Option<String>,
}

const POST_COLUMNS: (
    posts::id,
    users::username,
    posts::author_id,
    posts::body,
    posts::created_at,
    posts::edited_at,
    posts::hidden_at,
    posts::hidden_reason,
) = (
    posts::id,
    users::username,
    posts::author_id,
    posts::body,
    posts::created_at,
    posts::edited_at,
    posts::hidden_at,
    posts::hidden_reason,
);

/// Whoever reads, and when: what of a post they are shown.
struct Reader<'a> {
    challenge: &'a Challenge,
    user_id: Option<i64>,
    moderates: bool,
    is_locked: bool,
    now: DateTime<Utc>,
}

impl Reader<'_> {
    fn shown(&self, row: PostRow) -> Post {
        let is_own = self.user_id == Some(row.author_id);
        let sees_all = self.moderates || is_own;
        let is_hidden = row.hidden_at.is_some();
        let created_at = row.created_at.and_utc();
        let in_time = self.now < created_at + TimeDelta::minutes(EDITABLE_MINUTES);
        Post {
            id: row.id,
            author: row.author,
            author_id: row.author_id,
            is_organizers: row.author_id == self.challenge.owner_id,
            body: (!is_hidden || sees_all).then_some(row.body),
            created_at,
            edited_at: row.edited_at.map(|at| at.and_utc()),
            hidden: is_hidden.then(|| {
                let reason = row.hidden_reason.unwrap_or_default();
                if sees_all { reason } else { String::new() }
            }),
            is_own,
            may_edit: is_own && in_time && !is_hidden && (!self.is_locked || self.moderates),
        }
    }
}

/// Up to `limit` posts of a topic, oldest first, after the post `after` where given.
pub fn posts(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    challenge: &Challenge,
    topic: &Topic,
    after: Option<i64>,
    limit: i64,
) -> Result<Vec<Post>, DiscussionError> {
    let mut query = posts::table
        .inner_join(users::table)
        .filter(posts::topic_id.eq(topic.id))
        .order(posts::id)
        .limit(limit)
        .select(POST_COLUMNS)
        .into_boxed::<MultiBackend>();
    if let Some(after) = after {
        query = query.filter(posts::id.gt(after));
    }
    let reader = Reader {
        challenge,
        user_id: principal.user().map(|user| user.id),
        moderates: moderates(principal, challenge),
        is_locked: topic.is_locked,
        now,
    };
    let rows: Vec<PostRow> = query.load(connection)?;
    Ok(rows.into_iter().map(|row| reader.shown(row)).collect())
}

/// One post of a challenge's discussion with its topic, if the caller may see it.
pub fn post(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    challenge: &Challenge,
    id: i64,
) -> Result<(Topic, Post), DiscussionError> {
    let not_found = || DiscussionError::NoSuchPost(id);
    let topic_id: Option<i64> = posts::table
        .find(id)
        .select(posts::topic_id)
        .first(connection)
        .optional()?;
    let topic = topic(
        connection,
        principal,
        challenge,
        topic_id.ok_or_else(not_found)?,
    )
    .map_err(|error| match error {
        DiscussionError::NoSuchTopic(_) => not_found(),
        other => other,
    })?;
    // An id is the only one between its neighbours.
    let found = posts(
        connection,
        now,
        principal,
        challenge,
        &topic,
        id.checked_sub(1),
        1,
    )?;
    let post = found.into_iter().next().filter(|post| post.id == id);
    Ok((topic, post.ok_or_else(not_found)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let cursor = TopicCursor {
            is_pinned: true,
            last_post_at: DateTime::from_timestamp_micros(1_780_000_000_123_456).unwrap(),
            id: 12,
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for wrong in [
            "",
            "1",
            "1.2",
            "2.3.4",
            "1.x.3",
            "1.2.3.4",
            "1.9223372036854775807.1",
            "0.-99999999999999.1",
        ] {
            assert!(wrong.parse::<TopicCursor>().is_err(), "{wrong}");
        }
    }
}

//! Opening a topic, answering, correcting what one wrote, and reporting what should not stand.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use serde::Deserialize;

use super::super::challenge::Challenge;
use super::super::writing;
use super::reading::{self, Topic};
use super::{DiscussionError, address_of_post, moderates, writer};
use crate::accounts::permissions::Principal;
use crate::accounts::users::User;
use crate::messages::notifications::{Notification, NotificationKind, Recipients, tell};
use crate::platform::database::DatabaseConnection;
use crate::platform::schema::{
    discussion_posts as posts, discussion_topics as topics, post_reports,
};

/// For how long an author may correct a post.
pub const EDITABLE_MINUTES: i64 = 60;
/// How much one person writes in how many minutes, in all discussions together.
const POSTS_IN_A_ROW: i64 = 10;
const ROW_MINUTES: i64 = 10;

/// A topic as its author writes it.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicDraft {
    /// One line.
    #[schema(min_length = 1, max_length = 150)]
    pub title: String,
    /// The first post, in Markdown.
    #[schema(min_length = 1, max_length = 20_000)]
    pub body: String,
}

fn not_too_often(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    user: &User,
    may_always: bool,
) -> Result<(), DiscussionError> {
    let since = (now - TimeDelta::minutes(ROW_MINUTES)).naive_utc();
    let written: i64 = posts::table
        .filter(posts::author_id.eq(user.id))
        .filter(posts::created_at.gt(since))
        .count()
        .get_result(connection)?;
    if written >= POSTS_IN_A_ROW && !may_always {
        return Err(DiscussionError::TooOften {
            posts: POSTS_IN_A_ROW,
            minutes: ROW_MINUTES,
        });
    }
    Ok(())
}

fn insert_post(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    topic_id: i64,
    user: &User,
    body: &str,
) -> Result<i64, DiscussionError> {
    Ok(diesel::insert_into(posts::table)
        .values((
            posts::topic_id.eq(topic_id),
            posts::author_id.eq(user.id),
            posts::body.eq(body),
            posts::created_at.eq(now.naive_utc()),
        ))
        .returning(posts::id)
        .get_result(connection)?)
}

/// Opens a topic and returns its row. Call it in a write transaction.
pub fn open_topic(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    challenge: &Challenge,
    draft: &TopicDraft,
) -> Result<i64, DiscussionError> {
    let user = writer(connection, principal, challenge)?;
    let (title, body) = (
        writing::title("title", &draft.title)?,
        writing::body("body", &draft.body)?,
    );
    not_too_often(connection, now, user, moderates(principal, challenge))?;
    let topic_id = diesel::insert_into(topics::table)
        .values((
            topics::challenge_id.eq(challenge.id),
            topics::author_id.eq(user.id),
            topics::title.eq(&title),
            topics::created_at.eq(now.naive_utc()),
            topics::last_post_at.eq(now.naive_utc()),
            topics::post_count.eq(1),
        ))
        .returning(topics::id)
        .get_result(connection)?;
    insert_post(connection, now, topic_id, user, &body)?;
    Ok(topic_id)
}

/// Answers in a topic, tells everybody who wrote in it, and returns the post's row. Call it in a write
/// transaction.
pub fn reply(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    challenge: &Challenge,
    topic_id: i64,
    body: &str,
) -> Result<i64, DiscussionError> {
    let user = writer(connection, principal, challenge)?;
    let topic = answerable(connection, principal, challenge, topic_id)?;
    let body = writing::body("body", body)?;
    not_too_often(connection, now, user, moderates(principal, challenge))?;
    let post_id = insert_post(connection, now, topic.id, user, &body)?;
    diesel::update(topics::table.find(topic.id))
        .set((
            topics::last_post_at.eq(now.naive_utc()),
            topics::post_count.eq(topics::post_count + 1),
        ))
        .execute(connection)?;
    let notification = Notification {
        kind: NotificationKind::DiscussionReply,
        challenge_id: Some(challenge.id),
        caused_by: Some(user.id),
        title: &format!("{} wrote in “{}”", user.username, topic.title),
        body: &body,
        href: &address_of_post(&challenge.slug, topic.id, post_id),
    };
    tell(
        connection,
        now,
        Recipients::PostersOf(topic.id),
        &notification,
    )?;
    Ok(post_id)
}

/// The topic, if it can be answered. Takes its row, so that nobody locks it in between.
fn answerable(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    challenge: &Challenge,
    topic_id: i64,
) -> Result<Topic, DiscussionError> {
    diesel::update(
        topics::table
            .filter(topics::id.eq(topic_id))
            .filter(topics::challenge_id.eq(challenge.id)),
    )
    .set(topics::post_count.eq(topics::post_count))
    .execute(connection)?;
    let topic = reading::topic(connection, principal, challenge, topic_id)?;
    let is_closed = topic.is_locked || topic.hidden.is_some();
    if is_closed && !moderates(principal, challenge) {
        return Err(DiscussionError::Locked);
    }
    Ok(topic)
}

/// Changes one's own post; it shows that it was. Call it in a write transaction.
pub fn edit(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    challenge: &Challenge,
    post_id: i64,
    body: &str,
) -> Result<i64, DiscussionError> {
    writer(connection, principal, challenge)?;
    let (topic, post) = reading::post(connection, now, principal, challenge, post_id)?;
    if !post.is_own {
        return Err(DiscussionError::NotYourPost);
    }
    answerable(connection, principal, challenge, topic.id)?;
    if post.hidden.is_some() {
        return Err(DiscussionError::Locked);
    }
    if !post.may_edit {
        return Err(DiscussionError::TooLate(EDITABLE_MINUTES));
    }
    let body = writing::body("body", body)?;
    diesel::update(posts::table.find(post_id))
        .set((posts::body.eq(body), posts::edited_at.eq(now.naive_utc())))
        .execute(connection)?;
    Ok(topic.id)
}

/// Reports a post to whoever moderates; they are told of the first report that waits. A second one by the
/// same person replaces their first. Call it in a write transaction.
pub fn report(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    challenge: &Challenge,
    post_id: i64,
    reason: &str,
) -> Result<i64, DiscussionError> {
    let user = principal.user().ok_or(DiscussionError::NotAMember)?;
    let (topic, post) = reading::post(connection, now, principal, challenge, post_id)?;
    let reason = writing::reason(reason)?;
    let waiting: i64 = post_reports::table
        .filter(post_reports::post_id.eq(post_id))
        .filter(post_reports::resolved_at.is_null())
        .count()
        .get_result(connection)?;
    diesel::delete(post_reports::table.find((post_id, user.id))).execute(connection)?;
    diesel::insert_into(post_reports::table)
        .values((
            post_reports::post_id.eq(post_id),
            post_reports::user_id.eq(user.id),
            post_reports::challenge_id.eq(challenge.id),
            post_reports::reason.eq(&reason),
            post_reports::reported_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    if waiting == 0 {
        let notification = Notification {
            kind: NotificationKind::Moderation,
            challenge_id: Some(challenge.id),
            caused_by: Some(user.id),
            title: &format!("{}: a post was reported", challenge.title),
            body: &format!("A post of {} in “{}”: {reason}", post.author, topic.title),
            href: &format!("/challenges/{}/discussion/reports", challenge.slug),
        };
        tell(
            connection,
            now,
            Recipients::OrganizerOf(challenge.id),
            &notification,
        )?;
    }
    Ok(topic.id)
}

//! What an organizer does so that a discussion stays one. Every act is audited, and nothing is deleted.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::super::challenge::{Challenge, ChallengeError, invalid};
use super::super::writing;
use super::{DiscussionError, address_of_post, moderates, reading};
use crate::accounts::permissions::Principal;
use crate::accounts::users;
use crate::messages::notifications::{Notification, NotificationKind, Recipients, tell};
use crate::platform::audit::{self, Act};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{
    discussion_mutes as mutes, discussion_posts as posts, discussion_topics as topics,
    post_reports, users as people,
};

crate::text_enum! {
    /// What can be done to a topic.
    pub enum TopicAct {
        /// It stands above the others.
        Pin = "pin",
        /// It stands where its last post puts it.
        Unpin = "unpin",
        /// Nobody answers any more.
        Lock = "lock",
        /// They may again.
        Unlock = "unlock",
        /// Only its author and the moderators see it.
        Hide = "hide",
        /// Everybody does again.
        Unhide = "unhide",
    }
}

crate::text_enum! {
    /// What can be done to a post.
    pub enum PostAct {
        /// Only its author and the moderators see what it says; its reports are answered.
        Hide = "hide",
        /// Everybody does again.
        Unhide = "unhide",
        /// Its reports are answered, and it stays.
        Dismiss = "dismiss",
        /// Its author writes no more in this discussion, and reads on.
        Mute = "mute",
    }
}

/// Only whoever moderates gets past this; the others are told that it is not theirs.
fn moderator(principal: &Principal, challenge: &Challenge) -> Result<i64, DiscussionError> {
    match principal.user() {
        Some(user) if moderates(principal, challenge) => Ok(user.id),
        _ => Err(ChallengeError::NotYours.into()),
    }
}

fn record(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    actor_id: i64,
    challenge: &Challenge,
    (action, subject, detail): (&str, &str, &str),
) -> Result<(), DatabaseError> {
    let act = Act {
        actor_id: Some(actor_id),
        action: &format!("discussion.{action}"),
        subject,
        challenge_id: Some(challenge.id),
        detail,
    };
    audit::record(connection, now, &act)
}

/// Does something to a topic. Hiding needs a reason, which its author is told. Call it in a write
/// transaction.
pub fn moderate_topic(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    challenge: &Challenge,
    topic_id: i64,
    act: TopicAct,
    reason: &str,
) -> Result<(), DiscussionError> {
    let actor_id = moderator(principal, challenge)?;
    let topic = reading::topic(connection, principal, challenge, topic_id)?;
    let mut detail = String::new();
    let row = topics::table.find(topic_id);
    match act {
        TopicAct::Pin | TopicAct::Unpin => diesel::update(row)
            .set(topics::is_pinned.eq(act == TopicAct::Pin))
            .execute(connection)?,
        TopicAct::Lock | TopicAct::Unlock => diesel::update(row)
            .set(topics::is_locked.eq(act == TopicAct::Lock))
            .execute(connection)?,
        TopicAct::Hide => {
            detail = writing::reason(reason)?;
            diesel::update(row)
                .set((
                    topics::hidden_at.eq(now.naive_utc()),
                    topics::hidden_reason.eq(&detail),
                ))
                .execute(connection)?
        }
        TopicAct::Unhide => diesel::update(row)
            .set((
                topics::hidden_at.eq(None::<NaiveDateTime>),
                topics::hidden_reason.eq(None::<String>),
            ))
            .execute(connection)?,
    };
    let subject = format!("topic:{topic_id}");
    let what = format!("{act}_topic");
    record(
        connection,
        now,
        actor_id,
        challenge,
        (&what, &subject, &detail),
    )?;
    let hidden = match act {
        TopicAct::Hide => true,
        TopicAct::Unhide => false,
        _ => return Ok(()),
    };
    let told = Told {
        author_id: topic.author_id,
        what: &format!("your topic “{}”", topic.title),
        hidden,
        reason: &detail,
        href: &format!("/challenges/{}/discussion/{topic_id}", challenge.slug),
    };
    tell_author(connection, now, actor_id, challenge, &told)
}

/// Does something to a post, or to its author. Hiding and muting need a reason, which the author is told.
/// Call it in a write transaction.
pub fn moderate_post(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    challenge: &Challenge,
    post_id: i64,
    act: PostAct,
    reason: &str,
) -> Result<(), DiscussionError> {
    let actor_id = moderator(principal, challenge)?;
    let (topic, post) = reading::post(connection, now, principal, challenge, post_id)?;
    let mut detail = String::new();
    match act {
        PostAct::Hide => {
            detail = writing::reason(reason)?;
            diesel::update(posts::table.find(post_id))
                .set((
                    posts::hidden_at.eq(now.naive_utc()),
                    posts::hidden_by.eq(actor_id),
                    posts::hidden_reason.eq(&detail),
                ))
                .execute(connection)?;
            resolve_reports(connection, now, post_id)?;
        }
        PostAct::Unhide => {
            diesel::update(posts::table.find(post_id))
                .set((
                    posts::hidden_at.eq(None::<NaiveDateTime>),
                    posts::hidden_by.eq(None::<i64>),
                    posts::hidden_reason.eq(None::<String>),
                ))
                .execute(connection)?;
        }
        PostAct::Dismiss => resolve_reports(connection, now, post_id)?,
        PostAct::Mute => {
            return mute(connection, now, actor_id, challenge, &post, reason);
        }
    }
    let subject = format!("post:{post_id}");
    let what = format!("{act}_post");
    record(
        connection,
        now,
        actor_id,
        challenge,
        (&what, &subject, &detail),
    )?;
    let hidden = match act {
        PostAct::Hide => true,
        PostAct::Unhide => false,
        PostAct::Dismiss | PostAct::Mute => return Ok(()),
    };
    let told = Told {
        author_id: post.author_id,
        what: &format!("your post in “{}”", topic.title),
        hidden,
        reason: &detail,
        href: &address_of_post(&challenge.slug, topic.id, post_id),
    };
    tell_author(connection, now, actor_id, challenge, &told)
}

fn resolve_reports(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    post_id: i64,
) -> Result<(), DatabaseError> {
    diesel::update(
        post_reports::table
            .filter(post_reports::post_id.eq(post_id))
            .filter(post_reports::resolved_at.is_null()),
    )
    .set(post_reports::resolved_at.eq(now.naive_utc()))
    .execute(connection)?;
    Ok(())
}

struct Told<'a> {
    author_id: i64,
    what: &'a str,
    hidden: bool,
    reason: &'a str,
    href: &'a str,
}

fn tell_author(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    actor_id: i64,
    challenge: &Challenge,
    told: &Told<'_>,
) -> Result<(), DiscussionError> {
    let (title, body) = if told.hidden {
        (
            format!("{}: {} was hidden", challenge.title, told.what),
            format!("The organizer's reason: {}", told.reason),
        )
    } else {
        (
            format!("{}: {} is shown again", challenge.title, told.what),
            "Everybody can read it as before.".to_owned(),
        )
    };
    let notification = Notification {
        kind: NotificationKind::Moderation,
        challenge_id: Some(challenge.id),
        caused_by: Some(actor_id),
        title: &title,
        body: &body,
        href: told.href,
    };
    tell(
        connection,
        now,
        Recipients::User(told.author_id),
        &notification,
    )?;
    Ok(())
}

fn mute(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    actor_id: i64,
    challenge: &Challenge,
    post: &reading::Post,
    reason: &str,
) -> Result<(), DiscussionError> {
    if post.is_organizers || post.author_id == actor_id {
        return Ok(invalid(
            "act",
            "an organizer cannot be muted in their own discussion",
        )?);
    }
    let reason = writing::reason(reason)?;
    diesel::delete(mutes::table.find((challenge.id, post.author_id))).execute(connection)?;
    diesel::insert_into(mutes::table)
        .values((
            mutes::challenge_id.eq(challenge.id),
            mutes::user_id.eq(post.author_id),
            mutes::reason.eq(&reason),
            mutes::muted_at.eq(now.naive_utc()),
            mutes::muted_by.eq(actor_id),
        ))
        .execute(connection)?;
    let subject = format!("user:{}", post.author);
    record(
        connection,
        now,
        actor_id,
        challenge,
        ("mute", &subject, &reason),
    )?;
    let notification = Notification {
        kind: NotificationKind::Moderation,
        challenge_id: Some(challenge.id),
        caused_by: Some(actor_id),
        title: &format!("{}: you were muted in the discussion", challenge.title),
        body: &format!("You can read it. The organizer's reason: {reason}"),
        href: &format!("/challenges/{}/discussion", challenge.slug),
    };
    tell(
        connection,
        now,
        Recipients::User(post.author_id),
        &notification,
    )?;
    Ok(())
}

/// Lets a muted person write again. Call it in a write transaction.
pub fn unmute(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    challenge: &Challenge,
    username: &str,
) -> Result<(), DiscussionError> {
    let actor_id = moderator(principal, challenge)?;
    let user = match users::find(connection, username) {
        Ok(user) => user,
        Err(users::AccountError::Database(error)) => return Err(error.into()),
        Err(error) => return Ok(invalid("username", error.to_string())?),
    };
    diesel::delete(mutes::table.find((challenge.id, user.id))).execute(connection)?;
    let subject = format!("user:{}", user.username);
    Ok(record(
        connection,
        now,
        actor_id,
        challenge,
        ("unmute", &subject, ""),
    )?)
}

/// A report that waits for an answer.
#[derive(Debug, Clone)]
pub struct Report {
    /// The post.
    pub post_id: i64,
    /// Its topic.
    pub topic_id: i64,
    /// What the topic is called.
    pub topic: String,
    /// Who reported it.
    pub reporter: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// The longest-waiting reports of a challenge, up to `limit`: answering them shows the next.
pub fn reports(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    challenge: &Challenge,
    limit: i64,
) -> Result<Vec<Report>, DiscussionError> {
    moderator(principal, challenge)?;
    let rows: Vec<(i64, i64, String, String, String, NaiveDateTime)> = post_reports::table
        .inner_join(posts::table.inner_join(topics::table))
        .inner_join(people::table.on(people::id.eq(post_reports::user_id)))
        .filter(post_reports::challenge_id.eq(challenge.id))
        .filter(post_reports::resolved_at.is_null())
        .order((post_reports::reported_at, post_reports::post_id))
        .limit(limit)
        .select((
            post_reports::post_id,
            posts::topic_id,
            topics::title,
            people::username,
            post_reports::reason,
            post_reports::reported_at,
        ))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(post_id, topic_id, topic, reporter, reason, at)| Report {
            post_id,
            topic_id,
            topic,
            reporter,
            reason,
            at: at.and_utc(),
        })
        .collect())
}

/// Somebody who may not write.
#[derive(Debug, Clone)]
pub struct Mute {
    /// Who.
    pub username: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Who was muted in a challenge, the last first, up to `limit`.
pub fn muted(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    challenge: &Challenge,
    limit: i64,
) -> Result<Vec<Mute>, DiscussionError> {
    moderator(principal, challenge)?;
    let rows: Vec<(String, String, NaiveDateTime)> = mutes::table
        .inner_join(people::table.on(people::id.eq(mutes::user_id)))
        .filter(mutes::challenge_id.eq(challenge.id))
        .order((mutes::muted_at.desc(), mutes::user_id))
        .limit(limit)
        .select((people::username, mutes::reason, mutes::muted_at))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(username, reason, since)| Mute {
            username,
            reason,
            since: since.and_utc(),
        })
        .collect())
}

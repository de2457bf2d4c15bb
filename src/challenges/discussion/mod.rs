//! The discussion of a challenge: topics, what people write in them, and keeping it civil.
//!
//! [`reading`] lists and shows, [`writing`] opens, answers, corrects and reports, [`moderation`] is the
//! organizer's. Whoever may see the challenge reads; its members and its organizer write. Every function
//! takes a [`Challenge`], which only [`find`](super::challenge::find) gives, to those who may see it.

pub mod moderation;
pub mod reading;
pub mod writing;

use diesel::prelude::*;

use super::challenge::{Challenge, ChallengeError, Stage};
use super::membership;
use crate::accounts::permissions::Principal;
use crate::accounts::users::User;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{discussion_mutes, teams};

/// Why somebody cannot read or write here.
#[derive(Debug, thiserror::Error)]
pub enum DiscussionError {
    /// The challenge cannot be reached, or a field is not as it must be.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
    /// There is none, it belongs to another challenge, or it is hidden.
    #[error("There is no topic {0} in this discussion.")]
    NoSuchTopic(i64),
    /// The same of a post.
    #[error("There is no post {0} in this discussion.")]
    NoSuchPost(i64),
    /// Only members write.
    #[error("Its members write here: accept the rules of the challenge first.")]
    NotAMember,
    /// Their team is out.
    #[error("Your team was disqualified from this challenge; you can read its discussion.")]
    Disqualified,
    /// The organizer muted them.
    #[error("You were muted in this discussion: {0}")]
    Muted(String),
    /// Nothing changes any more.
    #[error("This challenge is archived; its discussion can be read.")]
    Archived,
    /// Nobody answers here any more.
    #[error("This topic is locked; open another one if something is left to say.")]
    Locked,
    /// A post is somebody else's.
    #[error("Only its author can change a post.")]
    NotYourPost,
    /// A post cannot be changed any more.
    #[error("A post can be changed within {0} minutes; answer it instead.")]
    TooLate(i64),
    /// Too much in a short time.
    #[error("You wrote {posts} posts within {minutes} minutes; take a break and come back.")]
    TooOften {
        /// How many are allowed.
        posts: i64,
        /// In how many minutes.
        minutes: i64,
    },
}

impl From<DatabaseError> for DiscussionError {
    fn from(error: DatabaseError) -> Self {
        Self::Challenge(error.into())
    }
}

impl From<diesel::result::Error> for DiscussionError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Challenge(error.into())
    }
}

/// Whether the caller moderates this discussion.
pub fn moderates(principal: &Principal, challenge: &Challenge) -> bool {
    principal.may_manage(challenge.owner_id)
}

/// The caller as somebody who may write in this discussion, or why they may not.
pub fn writer<'a>(
    connection: &mut DatabaseConnection,
    principal: &'a Principal,
    challenge: &Challenge,
) -> Result<&'a User, DiscussionError> {
    let user = principal.user().ok_or(DiscussionError::NotAMember)?;
    if challenge.stage == Stage::Archived {
        return Err(DiscussionError::Archived);
    }
    if moderates(principal, challenge) {
        return Ok(user);
    }
    let membership =
        membership::of(connection, challenge.id, user.id)?.ok_or(DiscussionError::NotAMember)?;
    let is_out: bool = teams::table
        .find(membership.team_id)
        .select(teams::disqualified_at.is_not_null())
        .first(connection)?;
    if is_out {
        return Err(DiscussionError::Disqualified);
    }
    let muted: Option<String> = discussion_mutes::table
        .find((challenge.id, user.id))
        .select(discussion_mutes::reason)
        .first(connection)
        .optional()?;
    match muted {
        Some(reason) => Err(DiscussionError::Muted(reason)),
        None => Ok(user),
    }
}

/// The address of a post: the part of its topic that begins with it.
pub fn address_of_post(slug: &str, topic_id: i64, post_id: i64) -> String {
    let before = post_id - 1;
    format!("/challenges/{slug}/discussion/{topic_id}?after={before}#post-{post_id}")
}

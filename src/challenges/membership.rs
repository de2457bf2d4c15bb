//! Who takes part, and accepting the rules: a person alone is a team of one, made when they come in.
//!
//! Who may come in at once is [`entrance`]. Requests, invitation links and lists are
//! [`joining`]'s, what teams do afterwards [`teams`]'.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::challenge::{Challenge, ChallengeError, Stage, invalid};
use super::draft::Joining;
use super::joining::{self, Request};
use crate::accounts::users::User;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{challenges, members, teams};

/// A person's place in a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
pub struct Membership {
    /// Their team.
    pub team_id: i64,
    /// The rules that they accepted.
    pub rules_version: i32,
}

/// The person's place, if they have one.
pub fn of(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    user_id: i64,
) -> Result<Option<Membership>, DatabaseError> {
    Ok(members::table
        .filter(members::challenge_id.eq(challenge_id))
        .filter(members::user_id.eq(user_id))
        .select((members::team_id, members::rules_version))
        .first(connection)
        .optional()?)
}

/// The name that a team has on the leaderboard.
pub fn team_name(
    connection: &mut DatabaseConnection,
    team_id: i64,
) -> Result<String, DatabaseError> {
    Ok(teams::table
        .find(team_id)
        .select(teams::name)
        .first(connection)?)
}

/// How somebody who is no member comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// By accepting the rules.
    Open,
    /// By accepting them, and when the organizer lets them in.
    ByApproval,
    /// Not at all: the challenge is not theirs to know of.
    Shut,
}

/// How somebody comes in who was invited, or was not.
pub fn entrance(joining: Joining, is_invited: bool) -> Entrance {
    match joining {
        Joining::Open => Entrance::Open,
        Joining::Approval => Entrance::ByApproval,
        Joining::Invited if is_invited => Entrance::Open,
        Joining::Invited => Entrance::Shut,
    }
}

/// What a person says when they accept the rules.
#[derive(Debug, Clone, Default)]
pub struct Acceptance {
    /// The version of the rules that they read.
    pub rules_version: i32,
    /// Whether they say that what the challenge writes about eligibility holds for them.
    pub is_eligible: bool,
    /// What they write to an organizer who decides whether they come in.
    pub message: String,
    /// What the invitation's link ended with that they came by.
    pub invitation_key: Option<String>,
}

/// What came of accepting the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// They are in.
    Member(Membership),
    /// The organizer decides.
    Waiting,
}

/// Accepts the rules: joins with a team of one, asks to be let in, or accepts a newer version of the rules.
/// Call it in a write transaction.
pub fn accept_rules(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    user: &User,
    challenge: &Challenge,
    acceptance: &Acceptance,
) -> Result<Joined, ChallengeError> {
    let rules_version = acceptance.rules_version;
    if rules_version != challenge.rules_version {
        return invalid(
            "rules_version",
            format!(
                "the rules changed while you read them; read version {} and accept it",
                challenge.rules_version
            ),
        );
    }
    if !challenge.eligibility.trim().is_empty() && !acceptance.is_eligible {
        return invalid(
            "eligible",
            "confirm that you are eligible, as the challenge describes it",
        );
    }
    if acceptance.message.trim().chars().count() > joining::MESSAGE_LIMIT {
        return invalid(
            "message",
            format!("write at most {} characters", joining::MESSAGE_LIMIT),
        );
    }
    if challenge.stage == Stage::Archived {
        return invalid(
            "rules_version",
            "this challenge is archived; nobody joins it any more",
        );
    }
    lock_challenge(connection, challenge.id)?;
    if let Some(membership) = of(connection, challenge.id, user.id)? {
        diesel::update(members::table.find((challenge.id, user.id)))
            .set((
                members::rules_version.eq(rules_version),
                members::accepted_at.eq(now.naive_utc()),
            ))
            .execute(connection)?;
        return Ok(Joined::Member(Membership {
            rules_version,
            ..membership
        }));
    }
    let is_invited = match &acceptance.invitation_key {
        Some(key) if joining::is_key(challenge, key) => true,
        _ => joining::is_listed(connection, challenge.id, user.id)?,
    };
    match entrance(challenge.joining, is_invited) {
        Entrance::Open => {
            let membership = let_in(connection, now, challenge.id, user, rules_version)?;
            Ok(Joined::Member(membership))
        }
        Entrance::ByApproval => {
            let request = Request {
                rules_version,
                message: &acceptance.message,
            };
            joining::ask(connection, now, user.id, challenge.id, &request)?;
            Ok(Joined::Waiting)
        }
        Entrance::Shut => Err(ChallengeError::NotFound(challenge.slug.clone())),
    }
}

/// Takes the challenge's row. Whatever changes who is in which team does it first, so that such acts queue
/// up, and only then takes the rows of teams.
pub(super) fn lock_challenge(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
) -> Result<(), DatabaseError> {
    diesel::update(challenges::table.find(challenge_id))
        .set(challenges::team_count.eq(challenges::team_count))
        .execute(connection)?;
    Ok(())
}

/// Makes a person a member with a team of their own. With the challenge's row taken.
pub(super) fn let_in(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    challenge_id: i64,
    user: &User,
    rules_version: i32,
) -> Result<Membership, DatabaseError> {
    let team_id = found_team(connection, now, challenge_id, user)?;
    diesel::insert_into(members::table)
        .values((
            members::challenge_id.eq(challenge_id),
            members::user_id.eq(user.id),
            members::team_id.eq(team_id),
            members::rules_version.eq(rules_version),
            members::accepted_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    Ok(Membership {
        team_id,
        rules_version,
    })
}

/// Makes the team of one person, under their name, or where a team has that, with a number behind it.
/// With the challenge's row taken.
pub(super) fn found_team(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    challenge_id: i64,
    user: &User,
) -> Result<i64, DatabaseError> {
    let taken = super::teams::names_like(connection, challenge_id, &user.username)?;
    let mut name = user.username.clone();
    let mut number = 2;
    while taken
        .iter()
        .any(|other| super::teams::is_same_name(other, &name))
    {
        name = format!("{} {number}", user.username);
        number += 1;
    }
    let team_id = diesel::insert_into(teams::table)
        .values((
            teams::challenge_id.eq(challenge_id),
            teams::name.eq(&name),
            teams::captain_id.eq(user.id),
            teams::created_at.eq(now.naive_utc()),
        ))
        .returning(teams::id)
        .get_result(connection)?;
    diesel::update(challenges::table.find(challenge_id))
        .set(challenges::team_count.eq(challenges::team_count + 1))
        .execute(connection)?;
    Ok(team_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_invitation_opens_what_is_by_invitation() {
        assert_eq!(entrance(Joining::Open, false), Entrance::Open);
        assert_eq!(entrance(Joining::Approval, false), Entrance::ByApproval);
        assert_eq!(entrance(Joining::Approval, true), Entrance::ByApproval);
        assert_eq!(entrance(Joining::Invited, true), Entrance::Open);
        assert_eq!(entrance(Joining::Invited, false), Entrance::Shut);
    }
}

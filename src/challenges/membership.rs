//! Who takes part: a person alone is a team of one, made when they accept the rules.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::challenge::{Challenge, ChallengeError};
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

/// Accepts the rules: joins with a team of one, or accepts a newer version of the rules.
/// `rules_version` is the one that the person read. Call it in a write transaction.
pub fn accept_rules(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    user: &User,
    challenge: &Challenge,
    rules_version: i32,
) -> Result<Membership, ChallengeError> {
    if rules_version != challenge.rules_version {
        return Err(ChallengeError::Invalid {
            field: "rules_version".into(),
            problem: format!(
                "the rules changed while you read them; read version {} and accept it",
                challenge.rules_version
            ),
        });
    }
    // Takes the challenge's row, so that two requests of one person make one team.
    diesel::update(challenges::table.find(challenge.id))
        .set(challenges::team_count.eq(challenges::team_count))
        .execute(connection)?;
    if let Some(membership) = of(connection, challenge.id, user.id)? {
        diesel::update(members::table.find((challenge.id, user.id)))
            .set((
                members::rules_version.eq(rules_version),
                members::accepted_at.eq(now.naive_utc()),
            ))
            .execute(connection)?;
        return Ok(Membership {
            rules_version,
            ..membership
        });
    }
    let team_id: i64 = diesel::insert_into(teams::table)
        .values((
            teams::challenge_id.eq(challenge.id),
            teams::name.eq(&user.username),
            teams::created_at.eq(now.naive_utc()),
        ))
        .returning(teams::id)
        .get_result(connection)?;
    diesel::insert_into(members::table)
        .values((
            members::challenge_id.eq(challenge.id),
            members::user_id.eq(user.id),
            members::team_id.eq(team_id),
            members::rules_version.eq(rules_version),
            members::accepted_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    diesel::update(challenges::table.find(challenge.id))
        .set(challenges::team_count.eq(challenges::team_count + 1))
        .execute(connection)?;
    Ok(Membership {
        team_id,
        rules_version,
    })
}

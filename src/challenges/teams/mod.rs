//! Teams: a name, members, a captain, and what they do together.
//!
//! Here is what a team is and how its row is taken. [`invitations`] is how people and teams come together,
//! [`merges`] makes one team of two, as far as [`merge_rules`] allow. Whatever changes who is in which team is
//! one write transaction that takes the challenge's row first and then the teams' in the order of their ids.
//!
//! May touch: this room's `challenge`, `membership`, `limits`, `submissions`, `leaderboard`; `platform`.
//! Start reading at [`Team`].

mod disqualifying;
pub mod invitations;
mod leaving;
pub mod merge_rules;
pub mod merges;
mod names;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

pub use self::disqualifying::{REASON_LIMIT, disqualification, set_disqualified};
pub use self::leaving::{hand_over, leave};
use self::merge_rules::MergeRefusal;
pub use self::names::{NAME_LIMIT, rename, tidy_name};
pub(super) use self::names::{is_same_name, lower, names as names_like};
use super::challenge::{ChallengeError, WithPhases, find};
use super::membership::{self, lock_challenge};
use crate::accounts::permissions::Principal;
use crate::accounts::users::User;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{members, submissions, teams, users};

/// A member of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The account.
    pub user_id: i64,
    /// Its name.
    pub username: String,
    /// The rules that they accepted.
    pub rules_version: i32,
    /// When they did.
    pub accepted_at: DateTime<Utc>,
}

/// Why a team is off the boards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disqualification {
    /// Since when.
    pub at: DateTime<Utc>,
    /// What its members read.
    pub reason: String,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// The row.
    pub id: i64,
    /// What the leaderboard calls it.
    pub name: String,
    /// Who was made its captain.
    pub captain_id: Option<i64>,
    /// Who is in it; the first came first.
    pub members: Vec<Member>,
    /// Whether it is the organizer's own, shown without a rank.
    pub is_baseline: bool,
    /// Why it is off the boards, where it is.
    pub disqualified: Option<Disqualification>,
}

impl Team {
    /// Who invites, accepts and merges for it: whoever was made captain, else its first member. None for a
    /// team that nobody is in.
    pub fn captain(&self) -> Option<&Member> {
        let named = |member: &&Member| Some(member.user_id) == self.captain_id;
        self.members.iter().find(named).or(self.members.first())
    }

    /// Whether this person is its captain.
    pub fn is_captain(&self, user_id: i64) -> bool {
        self.captain()
            .is_some_and(|captain| captain.user_id == user_id)
    }
}

/// Why something about a team was not done. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum TeamError {
    /// There is no such challenge.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
    /// The caller is in no team.
    #[error("Accept the rules of this challenge first; then you have a team.")]
    NotAMember,
    /// It takes the captain.
    #[error("Only your team's captain, {captain}, may do this.")]
    NotTheCaptain {
        /// Who that is.
        captain: String,
    },
    /// A field is not as it must be.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// It was answered or withdrawn, or is none of the caller's.
    #[error("There is no such invitation that waits for your answer.")]
    NoSuchInvitation,
    /// There is no such team.
    #[error("There is no team {0} in this challenge.")]
    NoSuchTeam(i64),
    /// The teams may not become one.
    #[error(transparent)]
    Merge(#[from] MergeRefusal),
    /// Whoever joins another team is alone in their own: what the others sent is not theirs to take along.
    #[error("You are in the team {team} with others; leave it first, or let the teams merge.")]
    NotAlone {
        /// Its name.
        team: String,
    },
    /// The last member does not leave.
    #[error("You are the only member of your team, so there is nobody to leave it to.")]
    LastMember,
    /// Who sent something today cannot leave today: they would have the day's places twice.
    #[error(
        "You sent a submission today that counts for your team; you can leave it from {from} on."
    )]
    SentToday {
        /// When the next day of the challenge begins.
        from: DateTime<Utc>,
    },
    /// The challenge is over.
    #[error("The challenge is over; its teams keep the names under which they stand on the board.")]
    Over,
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<diesel::result::Error> for TeamError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

fn invalid<T>(field: &'static str, problem: impl Into<String>) -> Result<T, TeamError> {
    Err(TeamError::Invalid {
        field,
        problem: problem.into(),
    })
}

type TeamRow = (
    i64,
    String,
    Option<i64>,
    bool,
    Option<NaiveDateTime>,
    Option<String>,
);

/// Teams with their members, in the order of the given ids.
pub(super) fn load(
    connection: &mut DatabaseConnection,
    ids: &[i64],
) -> Result<Vec<Team>, DatabaseError> {
    let rows: Vec<TeamRow> = teams::table
        .filter(teams::id.eq_any(ids))
        .select((
            teams::id,
            teams::name,
            teams::captain_id,
            teams::is_baseline,
            teams::disqualified_at,
            teams::disqualified_reason,
        ))
        .load(connection)?;
    type MemberRow = (i64, i64, String, i32, NaiveDateTime);
    let people: Vec<MemberRow> = members::table
        .inner_join(users::table.on(users::id.eq(members::user_id)))
        .filter(members::team_id.eq_any(ids))
        .order((members::accepted_at, members::user_id))
        .select((
            members::team_id,
            members::user_id,
            users::username,
            members::rules_version,
            members::accepted_at,
        ))
        .load(connection)?;
    let mut by_team = std::collections::HashMap::<i64, Vec<Member>>::new();
    for (team_id, user_id, username, rules_version, accepted_at) in people {
        by_team.entry(team_id).or_default().push(Member {
            user_id,
            username,
            rules_version,
            accepted_at: accepted_at.and_utc(),
        });
    }
    let mut found: Vec<Team> = rows
        .into_iter()
        .map(|(id, name, captain_id, is_baseline, at, reason)| Team {
            id,
            name,
            captain_id,
            members: by_team.remove(&id).unwrap_or_default(),
            is_baseline,
            disqualified: at.map(|at| Disqualification {
                at: at.and_utc(),
                reason: reason.unwrap_or_default(),
            }),
        })
        .collect();
    found.sort_by_key(|team| ids.iter().position(|id| *id == team.id));
    Ok(found)
}

/// A team by its row.
pub fn find_team(
    connection: &mut DatabaseConnection,
    id: i64,
) -> Result<Option<Team>, DatabaseError> {
    Ok(load(connection, &[id])?.pop())
}

/// A person's team in a challenge.
pub fn of_user(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    user_id: i64,
) -> Result<Option<Team>, DatabaseError> {
    match membership::of(connection, challenge_id, user_id)? {
        Some(membership) => find_team(connection, membership.team_id),
        None => Ok(None),
    }
}

// Locks -----------------------------------------------------------------------------------------------------

/// Takes teams' rows in the order of their ids.
fn lock(connection: &mut DatabaseConnection, ids: &[i64]) -> Result<(), DatabaseError> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        diesel::update(teams::table.find(id))
            .set(teams::revision.eq(teams::revision + 1))
            .execute(connection)?;
    }
    Ok(())
}

/// Takes the row of the team that has a submission. It may be handed to another team while we wait for the
/// row; then that one's is taken too.
pub(super) fn lock_team_of(
    connection: &mut DatabaseConnection,
    submission_id: i64,
) -> Result<i64, DatabaseError> {
    let holder = |connection: &mut DatabaseConnection| -> Result<i64, DatabaseError> {
        Ok(submissions::table
            .find(submission_id)
            .select(submissions::team_id)
            .first(connection)?)
    };
    let mut team_id = holder(connection)?;
    loop {
        lock(connection, &[team_id])?;
        let now = holder(connection)?;
        if now == team_id {
            return Ok(team_id);
        }
        team_id = now;
    }
}

/// Takes the row of the team that a person is in, as [`lock_team_of`] does; none where they are in none.
pub(super) fn lock_team_of_user(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    user_id: i64,
) -> Result<Option<i64>, DatabaseError> {
    let mut before = None;
    loop {
        let team_id = membership::of(connection, challenge_id, user_id)?.map(|of| of.team_id);
        match team_id {
            Some(id) if before != team_id => lock(connection, &[id])?,
            _ => return Ok(team_id),
        }
        before = team_id;
    }
}

/// The caller's team, with its challenge; the challenge's and the team's rows are taken.
fn take_own(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    slug: &str,
) -> Result<(WithPhases, User, Team), TeamError> {
    let (challenge, phases) = find(connection, principal, slug)?;
    let user = principal.user().ok_or(TeamError::NotAMember)?.clone();
    lock_challenge(connection, challenge.id)?;
    let team_id =
        lock_team_of_user(connection, challenge.id, user.id)?.ok_or(TeamError::NotAMember)?;
    let team = find_team(connection, team_id)?.ok_or(TeamError::NotAMember)?;
    Ok(((challenge, phases), user, team))
}

fn only_captain(team: &Team, user: &User) -> Result<(), TeamError> {
    match team.captain() {
        Some(captain) if captain.user_id != user.id => Err(TeamError::NotTheCaptain {
            captain: captain.username.clone(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(user_id: i64) -> Member {
        Member {
            user_id,
            username: format!("user-{user_id}"),
            rules_version: 1,
            accepted_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_first_member_is_captain_where_the_named_one_is_gone() {
        let mut team = Team {
            id: 1,
            name: "Late Apex".into(),
            captain_id: Some(3),
            members: vec![member(2), member(3)],
            is_baseline: false,
            disqualified: None,
        };
        assert!(team.is_captain(3));
        team.members.pop();
        assert!(team.is_captain(2));
        team.members.clear();
        assert_eq!(team.captain(), None);
    }
}

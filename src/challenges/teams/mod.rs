//! Teams: a name, members, a captain, and what they do together.
//!
//! [`invitations`] is how people and teams come together, [`merges`] by which rules; here is what a team
//! is, and renaming, handing over, leaving and being disqualified. Whatever changes who is in which team is
//! one write transaction that takes the challenge's row first and then the teams' in the order of their ids.
//!
//! May touch: this room's `challenge`, `membership`, `limits`, `submissions`, `leaderboard`; `platform`.
//! Start reading at [`Team`].

pub mod invitations;
pub mod merges;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use self::merges::MergeRefusal;
use super::challenge::{
    Challenge, ChallengeError, Phase, WithPhases, current_phase, find, find_managed,
};
use super::entries;
use super::limits;
use super::membership::{self, found_team, lock_challenge};
use crate::accounts::permissions::Principal;
use crate::accounts::users::User;
use crate::platform::audit::{self, Act};
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

/// Why a team may not submit: it was disqualified, for this reason.
pub fn disqualification(
    connection: &mut DatabaseConnection,
    team_id: i64,
) -> Result<Option<String>, DatabaseError> {
    let reason: Option<Option<String>> = teams::table
        .find(team_id)
        .filter(teams::disqualified_at.is_not_null())
        .select(teams::disqualified_reason)
        .first(connection)
        .optional()?;
    Ok(reason.map(Option::unwrap_or_default))
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

// Names -----------------------------------------------------------------------------------------------------

/// Characters of a team's name.
pub const NAME_LIMIT: usize = 40;

/// Whether two names would be taken for one another: they differ by case alone.
pub(super) fn is_same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// A name as a team may have it: single spaces, nothing that cannot be seen.
///
/// # Errors
/// What is wrong with it, and what to do.
pub fn tidy_name(name: &str) -> Result<String, String> {
    let tidy = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = tidy.chars().count();
    if !(2..=NAME_LIMIT).contains(&length) {
        return Err(format!("use 2 to {NAME_LIMIT} characters"));
    }
    if !tidy.starts_with(char::is_alphanumeric) {
        return Err("begin with a letter or a digit".into());
    }
    let allowed =
        |character: char| character.is_alphanumeric() || " -_.,!?&'+/()#".contains(character);
    match tidy.chars().find(|character| !allowed(*character)) {
        Some(other) => Err(format!(
            "`{}` cannot be in a name; use letters, digits, spaces and - _ . , ! ? & ' + / ( ) #",
            other.escape_debug()
        )),
        None => Ok(tidy),
    }
}

diesel::define_sql_function! {
    /// A text in lower case; both databases know ASCII letters at least.
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

/// Names of a challenge's teams that begin like this one, which is ASCII: a user's name.
pub(super) fn names(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    beginning: &str,
) -> Result<Vec<String>, DatabaseError> {
    let pattern = format!("{}%", beginning.to_ascii_lowercase());
    Ok(teams::table
        .filter(teams::challenge_id.eq(challenge_id))
        .filter(lower(teams::name).like(pattern))
        .select(teams::name)
        .load(connection)?)
}

/// Gives the caller's team another name. Call it in a write transaction.
pub fn rename(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    name: &str,
) -> Result<String, TeamError> {
    let ((challenge, phases), user, team) = take_own(connection, principal, slug)?;
    only_captain(&team, &user)?;
    if phases.last().is_some_and(|last| last.is_over(now)) {
        return Err(TeamError::Over);
    }
    let name = match tidy_name(name) {
        Ok(name) => name,
        Err(problem) => return invalid("name", problem),
    };
    let others: Vec<String> = teams::table
        .filter(teams::challenge_id.eq(challenge.id))
        .filter(teams::id.ne(team.id))
        .select(teams::name)
        .load(connection)?;
    if others.iter().any(|other| is_same_name(other, &name)) {
        return invalid("name", "another team has this name; choose another");
    }
    // Nobody passes for somebody else.
    let somebody: Option<i64> = users::table
        .filter(users::username_key.eq(name.to_lowercase()))
        .select(users::id)
        .first(connection)
        .optional()?;
    let is_member = |id: i64| team.members.iter().any(|member| member.user_id == id);
    if somebody.is_some_and(|id| !is_member(id)) {
        return invalid(
            "name",
            "this is the user name of somebody who is not in your team; choose another",
        );
    }
    diesel::update(teams::table.find(team.id))
        .set(teams::name.eq(&name))
        .execute(connection)?;
    Ok(name)
}

// Captains and leaving --------------------------------------------------------------------------------------

/// Makes another member the captain. Call it in a write transaction.
pub fn hand_over(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    slug: &str,
    username: &str,
) -> Result<String, TeamError> {
    let (_, user, team) = take_own(connection, principal, slug)?;
    only_captain(&team, &user)?;
    let named = |member: &&Member| member.username.eq_ignore_ascii_case(username.trim());
    let Some(next) = team.members.iter().find(named) else {
        return invalid("captain", "choose a member of your team");
    };
    diesel::update(teams::table.find(team.id))
        .set(teams::captain_id.eq(next.user_id))
        .execute(connection)?;
    // Notifications: the new captain.
    Ok(next.username.clone())
}

/// Leaves the team for a new one of one's own. What was sent stays with the team. Returns the new team's
/// name. Call it in a write transaction.
pub fn leave(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
) -> Result<String, TeamError> {
    let ((challenge, phases), user, team) = take_own(connection, principal, slug)?;
    if team.members.len() < 2 {
        return Err(TeamError::LastMember);
    }
    merges::check_unlocked(challenge.teams_locked_at, &phases, now)?;
    if team.disqualified.is_some() {
        return Err(MergeRefusal::Disqualified { team: team.name }.into());
    }
    if let Some(phase) = current_phase(&phases, now)
        && sent_today(connection, now, &challenge, phase, user.id)?
    {
        return Err(TeamError::SentToday {
            from: limits::next_day(now, challenge.time_zone),
        });
    }
    let captain = team
        .captain()
        .filter(|captain| captain.user_id != user.id)
        .or_else(|| team.members.iter().find(|member| member.user_id != user.id));
    diesel::update(teams::table.find(team.id))
        .set(teams::captain_id.eq(captain.map(|captain| captain.user_id)))
        .execute(connection)?;
    let own = found_team(connection, now, challenge.id, &user)?;
    diesel::update(members::table.find((challenge.id, user.id)))
        .set(members::team_id.eq(own))
        .execute(connection)?;
    // Notifications: those who stay.
    Ok(membership::team_name(connection, own)?)
}

/// Whether a person sent something today that takes a place of their team's limits.
fn sent_today(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    challenge: &Challenge,
    phase: &Phase,
    user_id: i64,
) -> Result<bool, DatabaseError> {
    let today = limits::day_of(now, challenge.time_zone).naive_utc();
    let sent: i64 = submissions::table
        .filter(submissions::phase_id.eq(phase.id))
        .filter(submissions::user_id.eq(user_id))
        .filter(submissions::counts)
        .filter(submissions::received_at.ge(today))
        .count()
        .get_result(connection)?;
    Ok(sent > 0)
}

// Disqualifying ---------------------------------------------------------------------------------------------

/// Makes the entries of a team anew in every phase. With the team's row taken.
fn recompute_entries(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    phases: &[Phase],
    team_id: i64,
) -> Result<(), DatabaseError> {
    for phase in phases {
        entries::recompute_entry(connection, now, phase.id, team_id)?;
    }
    Ok(())
}

/// Characters of the reason that a disqualified team reads.
pub const REASON_LIMIT: usize = 500;

/// Takes a team off the boards, or with no reason lets it back on them. Its submissions stay as they are.
/// Returns the team's name. Call it in a write transaction.
pub fn set_disqualified(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    team_id: i64,
    reason: Option<&str>,
) -> Result<String, TeamError> {
    let challenge = find_managed(connection, principal, slug)?;
    let reason = reason.map(str::trim);
    if reason.is_some_and(str::is_empty) {
        return invalid("reason", "say why: the team's members read it");
    }
    if reason.is_some_and(|reason| reason.chars().count() > REASON_LIMIT) {
        return invalid("reason", format!("write at most {REASON_LIMIT} characters"));
    }
    let (_, phases) = find(connection, principal, slug)?;
    lock(connection, &[team_id])?;
    let changed = diesel::update(
        teams::table
            .find(team_id)
            .filter(teams::challenge_id.eq(challenge.id))
            .filter(teams::merged_into.is_null()),
    )
    .set((
        teams::disqualified_at.eq(reason.map(|_| now.naive_utc())),
        teams::disqualified_reason.eq(reason),
    ))
    .execute(connection)?;
    if changed == 0 {
        return Err(TeamError::NoSuchTeam(team_id));
    }
    recompute_entries(connection, now, &phases, team_id)?;
    let name = membership::team_name(connection, team_id)?;
    let act = Act {
        actor_id: principal.user().map(|user| user.id),
        action: match reason {
            Some(_) => "team.disqualify",
            None => "team.reinstate",
        },
        subject: &format!("team:{name}"),
        challenge_id: Some(challenge.id),
        detail: reason.unwrap_or_default(),
    };
    audit::record(connection, now, &act)?;
    // Notifications: the team's members.
    Ok(name)
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

    #[test]
    fn a_name_is_seen_as_it_is() {
        assert_eq!(tidy_name("  Late \t Apex ").unwrap(), "Late Apex");
        assert_eq!(tidy_name("Équipe 7").unwrap(), "Équipe 7");
        for (wrong, says) in [
            ("x", "2 to 40"),
            (&"long".repeat(11), "2 to 40"),
            ("-cmd", "begin with"),
            ("us [merged 3]", "`[`"),
            ("late\u{202e}apex", "\\u{202e}"),
            ("late\u{200b}apex", "\\u{200b}"),
        ] {
            let problem = tidy_name(wrong).unwrap_err();
            assert!(problem.contains(says), "{wrong}: {problem}");
        }
        assert!(is_same_name("Late APEX", "late apex"));
    }
}

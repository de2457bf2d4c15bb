//! How people and teams come together: a captain invites somebody, or asks another team's captain to
//! merge; they accept or decline, or the captain takes it back.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::{
    Team, TeamError, find_team, invalid, is_same_name, merge_rules, merges, of_user, only_captain,
    take_own,
};
use crate::accounts::permissions::Principal;
use crate::accounts::users::{self, User};
use crate::challenges::challenge::{self, Challenge};
use crate::challenges::membership::lock_challenge;
use crate::messages::notifications::{Notification, NotificationKind, Recipients, tell};
use crate::platform::database::{DatabaseConnection, DatabaseError, MultiBackend};
use crate::platform::schema::{team_invitations, teams, users as accounts};

/// So many of a team's invitations may wait at once, so that nobody is flooded.
pub const WAITING_LIMIT: usize = 20;

crate::text_enum! {
    /// What an invitation is for.
    pub enum InvitationKind {
        /// A person is to join a team.
        Member = "member",
        /// Two teams are to become one.
        Merge = "merge",
    }
}

crate::text_enum! {
    /// What became of an invitation.
    pub enum Answer {
        /// They are one team.
        Accepted = "accepted",
        /// They would rather not.
        Declined = "declined",
        /// The team that asked took it back.
        Withdrawn = "withdrawn",
    }
}

/// An invitation that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The row.
    pub id: i64,
    /// What for.
    pub kind: InvitationKind,
    /// The team that asks.
    pub team_id: i64,
    /// Its name.
    pub team: String,
    /// The person who is asked, or the team.
    pub invited: String,
    /// Since when it waits.
    pub created_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = team_invitations, check_for_backend(MultiBackend))]
struct Row {
    id: i64,
    kind: InvitationKind,
    team_id: i64,
    user_id: Option<i64>,
    other_team_id: Option<i64>,
    created_at: NaiveDateTime,
}

/// Names the teams and people of invitations.
fn named(
    connection: &mut DatabaseConnection,
    rows: Vec<Row>,
) -> Result<Vec<Invitation>, DatabaseError> {
    let team_ids: Vec<i64> = rows
        .iter()
        .flat_map(|row| [Some(row.team_id), row.other_team_id])
        .flatten()
        .collect();
    let user_ids: Vec<i64> = rows.iter().filter_map(|row| row.user_id).collect();
    let teams: std::collections::HashMap<i64, String> = teams::table
        .filter(teams::id.eq_any(team_ids))
        .select((teams::id, teams::name))
        .load::<(i64, String)>(connection)?
        .into_iter()
        .collect();
    let people: std::collections::HashMap<i64, String> = accounts::table
        .filter(accounts::id.eq_any(user_ids))
        .select((accounts::id, accounts::username))
        .load::<(i64, String)>(connection)?
        .into_iter()
        .collect();
    let team_name = |id: i64| teams.get(&id).cloned().unwrap_or_default();
    Ok(rows
        .into_iter()
        .map(|row| Invitation {
            id: row.id,
            kind: row.kind,
            team_id: row.team_id,
            team: team_name(row.team_id),
            invited: match (row.user_id, row.other_team_id) {
                (Some(user), _) => people.get(&user).cloned().unwrap_or_default(),
                (None, other) => other.map(team_name).unwrap_or_default(),
            },
            created_at: row.created_at.and_utc(),
        })
        .collect())
}

/// What a team sent and nobody has answered yet, oldest first.
pub fn sent(
    connection: &mut DatabaseConnection,
    team_id: i64,
) -> Result<Vec<Invitation>, DatabaseError> {
    let rows: Vec<Row> = team_invitations::table
        .filter(team_invitations::team_id.eq(team_id))
        .filter(team_invitations::answered_at.is_null())
        .order(team_invitations::id)
        .select(Row::as_select())
        .load(connection)?;
    named(connection, rows)
}

/// So many invitations that wait for one answer are shown.
const SHOWN: i64 = 100;

/// What waits for a person's answer in a challenge, and for their team's, oldest first.
pub fn received(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    user_id: i64,
    team_id: Option<i64>,
) -> Result<Vec<Invitation>, DatabaseError> {
    let waiting = || {
        team_invitations::table
            .filter(team_invitations::challenge_id.eq(challenge_id))
            .filter(team_invitations::answered_at.is_null())
            .order(team_invitations::id)
            .limit(SHOWN)
            .select(Row::as_select())
    };
    let mut rows: Vec<Row> = waiting()
        .filter(team_invitations::user_id.eq(user_id))
        .load(connection)?;
    if let Some(team_id) = team_id {
        rows.extend(
            waiting()
                .filter(team_invitations::other_team_id.eq(team_id))
                .load::<Row>(connection)?,
        );
    }
    named(connection, rows)
}

/// Whether one more may be sent to the same.
fn check_waiting(
    connection: &mut DatabaseConnection,
    team: &Team,
    (kind, field): (InvitationKind, &'static str),
    invited: &str,
) -> Result<(), TeamError> {
    let waiting = sent(connection, team.id)?;
    if waiting
        .iter()
        .any(|one| one.kind == kind && one.invited == invited)
    {
        return invalid(
            field,
            format!("{invited} was asked already and has not answered yet"),
        );
    }
    if waiting.len() >= WAITING_LIMIT {
        return invalid(
            field,
            format!(
                "{WAITING_LIMIT} invitations of your team wait for an answer; withdraw one first"
            ),
        );
    }
    Ok(())
}

/// Invites a person by their user name. Returns that name as it is written. Call it in a write transaction.
pub fn invite(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    username: &str,
) -> Result<String, TeamError> {
    let ((challenge, phases), user, team) = take_own(connection, principal, slug)?;
    only_captain(&team, &user)?;
    merge_rules::check_unlocked(challenge.teams_locked_at, &phases, now)?;
    let invited = match users::find(connection, username.trim()) {
        Ok(invited) => invited,
        Err(users::AccountError::Database(error)) => return Err(error.into()),
        Err(_) => return invalid("username", "there is no user of this name"),
    };
    if team
        .members
        .iter()
        .any(|member| member.user_id == invited.id)
    {
        return invalid("username", format!("{} is in your team", invited.username));
    }
    let known = challenge::find(connection, &Principal::Browser(invited.clone()), slug);
    if known.is_err() {
        return invalid(
            "username",
            "the organizer has not invited this person to the challenge",
        );
    }
    check_waiting(
        connection,
        &team,
        (InvitationKind::Member, "username"),
        &invited.username,
    )?;
    match of_user(connection, challenge.id, invited.id)? {
        Some(theirs) if theirs.members.len() > 1 => {
            return invalid(
                "username",
                format!(
                    "{} is in the team {} with others; ask that team to merge, or ask them to leave it first",
                    invited.username, theirs.name
                ),
            );
        }
        Some(theirs) => merges::check_now(connection, now, &challenge, &phases, &team, &theirs)?,
        None => {
            if team.disqualified.is_some() {
                return Err(merge_rules::MergeRefusal::Disqualified { team: team.name }.into());
            }
            merge_rules::check_size(team.members.len() + 1, challenge.max_team_size)?;
        }
    }
    diesel::insert_into(team_invitations::table)
        .values((
            team_invitations::challenge_id.eq(challenge.id),
            team_invitations::team_id.eq(team.id),
            team_invitations::kind.eq(InvitationKind::Member),
            team_invitations::user_id.eq(invited.id),
            team_invitations::invited_by.eq(user.id),
            team_invitations::created_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    let title = format!("{} invites you into the team {}", user.username, team.name);
    tell_of_team(
        connection,
        now,
        &challenge,
        &user,
        Recipients::User(invited.id),
        &title,
    )?;
    Ok(invited.username)
}

/// Asks another team, by its name, to become one with the caller's. Returns that name as it is written.
/// Call it in a write transaction.
pub fn ask_to_merge(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    name: &str,
) -> Result<String, TeamError> {
    let ((challenge, phases), user, team) = take_own(connection, principal, slug)?;
    only_captain(&team, &user)?;
    merge_rules::check_unlocked(challenge.teams_locked_at, &phases, now)?;
    let all: Vec<(i64, String)> = teams::table
        .filter(teams::challenge_id.eq(challenge.id))
        .filter(teams::merged_into.is_null())
        .select((teams::id, teams::name))
        .load(connection)?;
    let found = all
        .into_iter()
        .find(|(_, other)| is_same_name(other, name.trim()));
    let other = match found {
        Some((id, _)) => find_team(connection, id)?,
        None => None,
    };
    let Some(other) = other else {
        return invalid("team", "there is no team of this name in this challenge");
    };
    check_waiting(
        connection,
        &team,
        (InvitationKind::Merge, "team"),
        &other.name,
    )?;
    merges::check_now(connection, now, &challenge, &phases, &team, &other)?;
    diesel::insert_into(team_invitations::table)
        .values((
            team_invitations::challenge_id.eq(challenge.id),
            team_invitations::team_id.eq(team.id),
            team_invitations::kind.eq(InvitationKind::Merge),
            team_invitations::other_team_id.eq(other.id),
            team_invitations::invited_by.eq(user.id),
            team_invitations::created_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    if let Some(captain) = other.captain() {
        let title = format!("The team {} asks yours to become one with it", team.name);
        let captain = Recipients::User(captain.user_id);
        tell_of_team(connection, now, &challenge, &user, captain, &title)?;
    }
    Ok(other.name)
}

/// Answers an invitation, or takes it back. Returns the name of the team that had asked. Call it in a write
/// transaction.
pub fn answer(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    id: i64,
    answer: Answer,
) -> Result<String, TeamError> {
    let (challenge, phases) = challenge::find(connection, principal, slug)?;
    let user = principal.user().ok_or(TeamError::NotAMember)?;
    lock_challenge(connection, challenge.id)?;
    let row: Row = team_invitations::table
        .find(id)
        .filter(team_invitations::challenge_id.eq(challenge.id))
        .filter(team_invitations::answered_at.is_null())
        .select(Row::as_select())
        .first(connection)
        .optional()?
        .ok_or(TeamError::NoSuchInvitation)?;
    let own = of_user(connection, challenge.id, user.id)?;
    if answer == Answer::Withdrawn {
        let asks = own.as_ref().filter(|own| own.id == row.team_id);
        only_captain(asks.ok_or(TeamError::NoSuchInvitation)?, user)?;
    } else {
        may_answer(&row, user, own.as_ref())?;
    }
    diesel::update(team_invitations::table.find(id))
        .set((
            team_invitations::answered_at.eq(now.naive_utc()),
            team_invitations::answer.eq(answer),
        ))
        .execute(connection)?;
    if answer == Answer::Accepted {
        let own = own.ok_or(TeamError::NotAMember)?;
        if row.kind == InvitationKind::Member && own.members.len() > 1 {
            return Err(TeamError::NotAlone { team: own.name });
        }
        merges::unite(connection, now, &challenge, &phases, row.team_id, own.id)?;
    }
    let asking = find_team(connection, row.team_id)?;
    let did = match answer {
        Answer::Accepted => Some("accepted"),
        Answer::Declined => Some("declined"),
        // They know: they took it back themselves.
        Answer::Withdrawn => None,
    };
    if let (Some(did), Some(team)) = (did, &asking) {
        let title = format!(
            "{} {did} the invitation of your team {}",
            user.username, team.name
        );
        let members = Recipients::Team(team.id);
        tell_of_team(connection, now, &challenge, user, members, &title)?;
    }
    Ok(asking.map(|team| team.name).unwrap_or_default())
}

/// Tells people of what happens between teams; it leads to the page where they answer.
fn tell_of_team(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    challenge: &Challenge,
    caused_by: &User,
    recipients: Recipients,
    title: &str,
) -> Result<(), DatabaseError> {
    let notification = Notification {
        kind: NotificationKind::Team,
        challenge_id: Some(challenge.id),
        caused_by: Some(caused_by.id),
        title: &format!("{}: {title}", challenge.title),
        body: title,
        href: &format!("/challenges/{}/team", challenge.slug),
    };
    tell(connection, now, recipients, &notification)
}

/// Whether an answer is this person's to give.
fn may_answer(row: &Row, user: &User, own: Option<&Team>) -> Result<(), TeamError> {
    match row.kind {
        InvitationKind::Member if row.user_id == Some(user.id) => Ok(()),
        InvitationKind::Merge => {
            let asked = own.filter(|own| Some(own.id) == row.other_team_id);
            only_captain(asked.ok_or(TeamError::NoSuchInvitation)?, user)
        }
        InvitationKind::Member => Err(TeamError::NoSuchInvitation),
    }
}

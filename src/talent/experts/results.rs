//! What an expert did: the final standings of their teams in challenges that the visitor may know of.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use crate::accounts::permissions::Principal;
use crate::accounts::users::Role;
use crate::challenges::challenge;
use crate::challenges::medals::Medal;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{
    expert_profiles, final_standings, members, public_receipts, teams, users,
};
use crate::talent::contributivity::{self, Contributivity};

/// The most results that a profile shows: the newest.
const MOST: i64 = 200;

/// How a challenge ended for an expert.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpertResult {
    /// The challenge's address.
    pub challenge_slug: String,
    /// Its name.
    pub challenge_title: String,
    /// The team.
    pub team_id: i64,
    /// Its name.
    pub team: String,
    /// Where it stood; ties share a rank.
    pub rank: i64,
    /// Among how many.
    pub teams: i64,
    /// What it won.
    pub medal: Option<Medal>,
    /// When the challenge was over.
    pub ended_at: DateTime<Utc>,
    /// The others in the team who have public profiles.
    pub mates: Vec<String>,
    /// How many others have none.
    pub other_mates: usize,
    /// The submission that stood, where the team shows its receipt.
    pub receipt: Option<i64>,
    /// What the consensus of the challenge's talent board owes to the team.
    pub contributivity: Option<Contributivity>,
}

#[derive(Queryable)]
struct ResultRow {
    challenge_id: i64,
    team_id: i64,
    team: String,
    rank: i64,
    teams: i64,
    medal: Option<Medal>,
    ended_at: NaiveDateTime,
    receipt: Option<i64>,
}

/// How challenges ended for a person, newest first, as far as the caller may know of them. Five queries,
/// however many there are.
pub fn of_user(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    user_id: i64,
) -> Result<Vec<ExpertResult>, DatabaseError> {
    let rows: Vec<ResultRow> = members::table
        .inner_join(final_standings::table.on(final_standings::team_id.eq(members::team_id)))
        .inner_join(teams::table)
        .left_join(
            public_receipts::table
                .on(public_receipts::submission_id.eq(final_standings::submission_id)),
        )
        .filter(members::user_id.eq(user_id))
        .order((
            final_standings::ended_at.desc(),
            final_standings::challenge_id.desc(),
        ))
        .limit(MOST)
        .select((
            final_standings::challenge_id,
            final_standings::team_id,
            teams::name,
            final_standings::rank,
            final_standings::teams,
            final_standings::medal,
            final_standings::ended_at,
            public_receipts::submission_id.nullable(),
        ))
        .load(connection)?;
    let ids: Vec<i64> = rows.iter().map(|row| row.challenge_id).collect();
    let mut known = challenge::known_among(connection, principal, &ids)?;
    let team_ids: Vec<i64> = rows.iter().map(|row| row.team_id).collect();
    let mut people = members_of(connection, &team_ids)?;
    let mut owed = contributivity::of_user(connection, user_id)?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let (challenge_slug, challenge_title) = known.remove(&row.challenge_id)?;
            let mut others = people.remove(&row.team_id).unwrap_or_default();
            others.retain(|member| member.user_id != user_id);
            let all = others.len();
            let mates: Vec<String> = others
                .into_iter()
                .filter_map(|member| member.public_name)
                .collect();
            Some(ExpertResult {
                challenge_slug,
                challenge_title,
                team_id: row.team_id,
                team: row.team,
                rank: row.rank,
                teams: row.teams,
                medal: row.medal,
                ended_at: row.ended_at.and_utc(),
                other_mates: all - mates.len(),
                mates,
                receipt: row.receipt,
                contributivity: owed.remove(&row.challenge_id),
            })
        })
        .collect())
}

/// Who is in a team, as far as everybody may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicMember {
    user_id: i64,
    /// Their name, where their profile is public.
    pub public_name: Option<String>,
}

/// The members of these teams, the first who came first.
pub fn members_of(
    connection: &mut DatabaseConnection,
    team_ids: &[i64],
) -> Result<HashMap<i64, Vec<PublicMember>>, DatabaseError> {
    type Row = (i64, i64, String, Role, Option<bool>);
    let rows: Vec<Row> = members::table
        .inner_join(users::table)
        .left_join(expert_profiles::table.on(expert_profiles::user_id.eq(users::id)))
        .filter(members::team_id.eq_any(team_ids))
        .order((members::accepted_at, members::user_id))
        .select((
            members::team_id,
            users::id,
            users::username,
            users::role,
            expert_profiles::is_public.nullable(),
        ))
        .load(connection)?;
    let mut found = HashMap::<i64, Vec<PublicMember>>::new();
    for (team_id, user_id, username, role, is_public) in rows {
        let shown = role == Role::Expert && is_public == Some(true);
        found.entry(team_id).or_default().push(PublicMember {
            user_id,
            public_name: shown.then_some(username),
        });
    }
    Ok(found)
}

//! Who takes part, as an organizer sees it: teams with their members, found by name, and as a table.

use diesel::prelude::*;

use super::teams::{self, Team, lower};
use crate::platform::database::{DatabaseConnection, DatabaseError, MultiBackend};
use crate::platform::schema::{members, submissions, teams as rows, users};
use crate::platform::spreadsheet::harmless;

/// A team, and what it sent.
#[derive(Debug, Clone)]
pub struct Participant {
    /// The team.
    pub team: Team,
    /// How many submissions it sent, in all phases, whatever became of them.
    pub submissions: i64,
}

/// Up to `limit` teams after the given row; with a search those whose name, or a member's, holds it.
pub fn list(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    search: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Participant>, DatabaseError> {
    let mut query = rows::table
        .filter(rows::challenge_id.eq(challenge_id))
        .filter(rows::merged_into.is_null())
        .filter(rows::id.gt(after))
        .order(rows::id)
        .limit(limit)
        .select(rows::id)
        .into_boxed::<MultiBackend>();
    let search = search.trim();
    if !search.is_empty() {
        let pattern = pattern(search);
        let by_member = members::table
            .inner_join(users::table.on(users::id.eq(members::user_id)))
            .filter(members::challenge_id.eq(challenge_id))
            .filter(users::username_key.like(pattern.clone()).escape('\\'))
            .select(members::team_id);
        query = query.filter(
            lower(rows::name)
                .like(pattern)
                .escape('\\')
                .or(rows::id.eq_any(by_member)),
        );
    }
    let ids: Vec<i64> = query.load(connection)?;
    let counts: std::collections::HashMap<i64, i64> = submissions::table
        .filter(submissions::team_id.eq_any(&ids))
        .group_by(submissions::team_id)
        .select((submissions::team_id, diesel::dsl::count_star()))
        .load::<(i64, i64)>(connection)?
        .into_iter()
        .collect();
    Ok(teams::load(connection, &ids)?
        .into_iter()
        .map(|team| Participant {
            submissions: counts.get(&team.id).copied().unwrap_or_default(),
            team,
        })
        .collect())
}

/// What holds a text, as `LIKE` reads it, with `\` before what would mean something else.
fn pattern(search: &str) -> String {
    let mut pattern = "%".to_owned();
    for character in search.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// Teams that are read at once for the table.
const AT_ONCE: i64 = 500;

/// Everybody who takes part as CSV, a member a line. Addresses stay out of it: they are for letters that
/// the platform sends.
pub fn csv(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
) -> Result<Vec<u8>, DatabaseError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let unwritable = |error: csv::Error| {
        DatabaseError::from(diesel::result::Error::SerializationError(error.into()))
    };
    writer
        .write_record([
            "team_id",
            "team",
            "username",
            "is_captain",
            "rules_version",
            "accepted_at",
            "team_submissions",
            "disqualified_at",
        ])
        .map_err(unwritable)?;
    let mut after = 0;
    loop {
        let page = list(connection, challenge_id, "", after, AT_ONCE)?;
        let Some(last) = page.last() else {
            break;
        };
        after = last.team.id;
        for Participant { team, submissions } in &page {
            for member in &team.members {
                let disqualified = team.disqualified.as_ref();
                writer
                    .write_record([
                        team.id.to_string(),
                        harmless(&team.name).into_owned(),
                        member.username.clone(),
                        team.is_captain(member.user_id).to_string(),
                        member.rules_version.to_string(),
                        member.accepted_at.to_rfc3339(),
                        submissions.to_string(),
                        disqualified.map_or_else(String::new, |one| one.at.to_rfc3339()),
                    ])
                    .map_err(unwritable)?;
            }
        }
    }
    writer.into_inner().map_err(|error| {
        diesel::result::Error::SerializationError(error.into_error().into()).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_like_would_read_otherwise_is_taken_as_it_is() {
        assert_eq!(pattern("Late_50%"), "%late\\_50\\%%");
    }
}

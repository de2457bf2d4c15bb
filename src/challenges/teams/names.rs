//! Names of teams: seen as they are, unique in a challenge, and nobody else's.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::{TeamError, invalid, only_captain, take_own};
use crate::accounts::permissions::Principal;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{teams, users};

/// Characters of a team's name.
pub const NAME_LIMIT: usize = 40;

/// Whether two names would be taken for one another: they differ by case alone.
pub(in crate::challenges) fn is_same_name(one: &str, other: &str) -> bool {
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
pub(in crate::challenges) fn names(
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

#[cfg(test)]
mod tests {
    use super::*;

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

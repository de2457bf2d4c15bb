//! The list of invited addresses: whoever has an account with one of them may join.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::record;
use crate::accounts::permissions::Principal;
use crate::accounts::users::is_email_address;
use crate::challenges::challenge::{ChallengeError, find_managed, invalid};
use crate::challenges::membership::lock_challenge;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{challenge_invitations, users};

/// Lines that are read at once.
const LINES_LIMIT: usize = 2000;

/// So many wrong lines are named, and the others counted.
const NAMED_LINES: usize = 10;

/// Whether the address of a person's account is on the list.
pub fn is_listed(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    user_id: i64,
) -> Result<bool, DatabaseError> {
    let email = users::table
        .find(user_id)
        .select(users::email)
        .single_value();
    let found: i64 = challenge_invitations::table
        .filter(challenge_invitations::challenge_id.eq(challenge_id))
        .filter(challenge_invitations::email.nullable().eq(email))
        .count()
        .get_result(connection)?;
    Ok(found > 0)
}

/// An invited address.
#[derive(Debug, Clone)]
pub struct InvitedAddress {
    /// The row, by which it is removed.
    pub id: i64,
    /// In lower case.
    pub email: String,
    /// When it was put on the list.
    pub created_at: DateTime<Utc>,
}

/// Up to `limit` invited addresses after the given row.
pub fn addresses(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<InvitedAddress>, DatabaseError> {
    let rows: Vec<(i64, String, NaiveDateTime)> = challenge_invitations::table
        .filter(challenge_invitations::challenge_id.eq(challenge_id))
        .filter(challenge_invitations::id.gt(after))
        .order(challenge_invitations::id)
        .limit(limit)
        .select((
            challenge_invitations::id,
            challenge_invitations::email,
            challenge_invitations::created_at,
        ))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(id, email, created_at)| InvitedAddress {
            id,
            email,
            created_at: created_at.and_utc(),
        })
        .collect())
}

/// How many addresses are invited.
pub fn address_count(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
) -> Result<i64, DatabaseError> {
    Ok(challenge_invitations::table
        .filter(challenge_invitations::challenge_id.eq(challenge_id))
        .count()
        .get_result(connection)?)
}

/// The addresses in a text, one a line, in lower case and each once.
///
/// # Errors
/// Names the lines that are none.
pub fn read_addresses(text: &str) -> Result<Vec<String>, ChallengeError> {
    let mut found: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    let mut known = std::collections::HashSet::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if number > LINES_LIMIT {
            return invalid(
                "emails",
                format!("send at most {LINES_LIMIT} lines at once"),
            );
        }
        let email = line.to_lowercase();
        if !is_email_address(&email) {
            let shown: String = line.chars().take(60).collect();
            wrong.push(format!("line {number} (`{shown}`)"));
        } else if known.insert(email.clone()) {
            found.push(email);
        }
    }
    if !wrong.is_empty() {
        let named = wrong.len().min(NAMED_LINES);
        let others = match wrong.len() - named {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        return invalid(
            "emails",
            format!(
                "not an e-mail address: {}{others}; write one address a line. Nobody was invited yet",
                wrong[..named].join(", ")
            ),
        );
    }
    if found.is_empty() {
        return invalid("emails", "write at least one address");
    }
    Ok(found)
}

/// Puts addresses on the list; returns how many were not there yet. Call it in a write transaction.
pub fn invite(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    text: &str,
) -> Result<usize, ChallengeError> {
    let challenge = find_managed(connection, principal, slug)?;
    let mut emails = read_addresses(text)?;
    lock_challenge(connection, challenge.id)?;
    let known: std::collections::HashSet<String> = challenge_invitations::table
        .filter(challenge_invitations::challenge_id.eq(challenge.id))
        .select(challenge_invitations::email)
        .load(connection)?
        .into_iter()
        .collect();
    emails.retain(|email| !known.contains(email));
    for email in &emails {
        diesel::insert_into(challenge_invitations::table)
            .values((
                challenge_invitations::challenge_id.eq(challenge.id),
                challenge_invitations::email.eq(email),
                challenge_invitations::created_at.eq(now.naive_utc()),
            ))
            .execute(connection)?;
    }
    // Notifications: the invited addresses, with the challenge's page.
    let detail = format!("{} addresses", emails.len());
    record(
        connection,
        now,
        principal,
        &challenge,
        "invitations.add",
        &detail,
    )?;
    Ok(emails.len())
}

/// Takes an address off the list; whoever joined stays. Returns the address. Call it in a write
/// transaction.
pub fn remove_address(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    id: i64,
) -> Result<String, ChallengeError> {
    let challenge = find_managed(connection, principal, slug)?;
    let found: Option<String> = challenge_invitations::table
        .filter(challenge_invitations::challenge_id.eq(challenge.id))
        .filter(challenge_invitations::id.eq(id))
        .select(challenge_invitations::email)
        .first(connection)
        .optional()?;
    let Some(email) = found else {
        return invalid("email", "this address is no longer on the list");
    };
    diesel::delete(challenge_invitations::table.find(id)).execute(connection)?;
    record(
        connection,
        now,
        principal,
        &challenge,
        "invitations.remove",
        "1 address",
    )?;
    Ok(email)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_lines_are_named() {
        let pasted = "Ada@Paddock.example\n\nnot an address\nada@paddock.example\nbob@\n";
        let error = read_addresses(pasted).unwrap_err().to_string();
        assert!(
            error.contains("line 3 (`not an address`), line 5 (`bob@`)"),
            "{error}"
        );
        let read = read_addresses("Ada@Paddock.example\r\n\r\n ada@paddock.example\r\n").unwrap();
        assert_eq!(read, ["ada@paddock.example"]);
        assert!(read_addresses(" \n").is_err());
        let many = "x\n".repeat(40);
        let error = read_addresses(&many).unwrap_err().to_string();
        assert!(
            error.contains("line 10 ") && error.contains("and 30 more"),
            "{error}"
        );
    }
}

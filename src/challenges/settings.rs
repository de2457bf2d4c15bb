//! What of a challenge its organizer may change beside the texts: prizes, who may join, how teams are made.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::challenge::{ChallengeError, find_managed, invalid};
use super::draft::Joining;
use super::final_standings;
use crate::accounts::permissions::Principal;
use crate::platform::audit::{self, Act};
use crate::platform::database::DatabaseConnection;
use crate::platform::schema::challenges;

/// The settings, all at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeSettings {
    /// What can be won, in Markdown.
    pub prizes: String,
    /// Who may win it, in Markdown.
    pub eligibility: String,
    /// Who may join from now on; those who have joined stay.
    pub joining: Joining,
    /// The most members of a team; teams that are larger already stay.
    pub max_team_size: u32,
    /// How many submissions a team may choose for the private board; what is chosen already stays.
    pub final_selections: u32,
}

/// Changes the settings.
pub fn configure(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    settings: &ChallengeSettings,
) -> Result<(), ChallengeError> {
    let challenge = find_managed(connection, principal, slug)?;
    let (Ok(max_team_size @ 1..=100), Ok(final_selections)) = (
        i32::try_from(settings.max_team_size),
        i32::try_from(settings.final_selections),
    ) else {
        return invalid("max_team_size", "a team has 1 to 100 members");
    };
    if final_selections > 20 {
        return invalid("final_selections", "let a team choose at most 20");
    }
    diesel::update(challenges::table.find(challenge.id))
        .set((
            challenges::prizes.eq(&settings.prizes),
            challenges::eligibility.eq(&settings.eligibility),
            challenges::joining.eq(settings.joining),
            challenges::max_team_size.eq(max_team_size),
            challenges::final_selections.eq(final_selections),
        ))
        .execute(connection)?;
    let mut changed = Vec::new();
    if challenge.prizes != settings.prizes {
        changed.push("prizes".to_owned());
    }
    if challenge.eligibility != settings.eligibility {
        changed.push("eligibility".to_owned());
    }
    if challenge.joining != settings.joining {
        // Medals depend on whether everybody could join.
        final_standings::unsettle(connection, challenge.id)?;
        changed.push(format!(
            "joining from {} to {}",
            challenge.joining, settings.joining
        ));
    }
    for (what, before, after) in [
        ("team size", challenge.max_team_size, settings.max_team_size),
        (
            "final selections",
            challenge.final_selections,
            settings.final_selections,
        ),
    ] {
        if before != after {
            changed.push(format!("{what} from {before} to {after}"));
        }
    }
    let act = Act {
        actor_id: principal.user().map(|user| user.id),
        action: "challenge.configure",
        subject: &format!("challenge:{slug}"),
        challenge_id: Some(challenge.id),
        detail: &changed.join("; "),
    };
    Ok(audit::record(connection, now, &act)?)
}

//! What an organizer should look at: files and predictions that two teams have in common. A flag accuses
//! nobody, is seen by the organizer alone, and changes no score.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::challenge::{ChallengeError, find_managed, readable};
use crate::accounts::permissions::Principal;
use crate::platform::audit::{self, Act};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{
    challenges, entries, flags, phases, submission_evidence, submissions, teams,
};
use crate::scoring::fingerprint::{Fingerprint, NEAR_IDENTICAL, similarity};

crate::text_enum! {
    /// What two submissions of different teams have in common.
    pub enum FlagKind {
        /// The very same bytes.
        SameFile = "same_file",
        /// Predictions that err alike in all rows, whatever their scale.
        NearIdentical = "near_identical",
    }
}

/// Something to look at.
#[derive(Debug, Clone)]
pub struct Flag {
    /// The row.
    pub id: i64,
    /// What is alike.
    pub kind: FlagKind,
    /// The later submission.
    pub submission_id: i64,
    /// Its team.
    pub team: String,
    /// The earlier one.
    pub other_submission_id: i64,
    /// Its team.
    pub other_team: String,
    /// 1: the same.
    pub similarity: f64,
    /// When it was seen.
    pub raised_at: DateTime<Utc>,
    /// When somebody had looked, and what they wrote.
    pub resolved: Option<(DateTime<Utc>, String)>,
}

/// The most standing entries that a new one is compared with.
const MOST_COMPARED: i64 = 20_000;

/// The most flags that one submission raises: whoever copies from many shows it by few.
const MOST_RAISED: usize = 5;

/// Who a new flag is about.
#[derive(Clone, Copy)]
pub(super) struct Suspect {
    pub(super) challenge_id: i64,
    pub(super) phase_id: i64,
    pub(super) team_id: i64,
    pub(super) submission_id: i64,
}

impl Suspect {
    fn raise(
        self,
        connection: &mut DatabaseConnection,
        now: DateTime<Utc>,
        kind: FlagKind,
        other: i64,
        similarity: f64,
    ) -> Result<(), DatabaseError> {
        diesel::insert_into(flags::table)
            .values((
                flags::challenge_id.eq(self.challenge_id),
                flags::phase_id.eq(self.phase_id),
                flags::kind.eq(kind),
                flags::submission_id.eq(self.submission_id),
                flags::other_submission_id.eq(other),
                flags::similarity.eq(similarity),
                flags::raised_at.eq(now.naive_utc()),
            ))
            .execute(connection)?;
        Ok(())
    }

    fn is_flagged(
        self,
        connection: &mut DatabaseConnection,
        kind: FlagKind,
    ) -> Result<bool, DatabaseError> {
        let before: i64 = flags::table
            .filter(flags::submission_id.eq(self.submission_id))
            .filter(flags::kind.eq(kind))
            .count()
            .get_result(connection)?;
        Ok(before > 0)
    }
}

/// Flags a submission whose very bytes another team of the phase has sent before, unless it is the sample
/// submission that everybody may send.
pub(super) fn flag_same_file(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    suspect: Suspect,
    sha256: &str,
) -> Result<(), DatabaseError> {
    let other: Option<i64> = submissions::table
        .inner_join(phases::table)
        .filter(submissions::phase_id.eq(suspect.phase_id))
        .filter(submissions::sha256.eq(sha256))
        .filter(submissions::team_id.ne(suspect.team_id))
        .filter(phases::sample_sha256.ne(sha256))
        .order(submissions::id)
        .select(submissions::id)
        .first(connection)
        .optional()?;
    match other {
        Some(other) => suspect.raise(connection, now, FlagKind::SameFile, other, 1.0),
        None => Ok(()),
    }
}

/// Flags a submission whose predictions err as those do that stand for other teams.
pub(super) fn flag_near_identical(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    suspect: Suspect,
    fingerprint: &Fingerprint,
) -> Result<(), DatabaseError> {
    if suspect.is_flagged(connection, FlagKind::NearIdentical)? {
        return Ok(());
    }
    let standing: Vec<(i64, Option<String>)> = entries::table
        .inner_join(
            submission_evidence::table
                .on(submission_evidence::submission_id.eq(entries::submission_id)),
        )
        .filter(entries::phase_id.eq(suspect.phase_id))
        .filter(entries::team_id.ne(suspect.team_id))
        .order(entries::public_key)
        .limit(MOST_COMPARED)
        .select((entries::submission_id, submission_evidence::fingerprint))
        .load(connection)?;
    let mut raised = 0;
    for (other, text) in standing {
        let Some(text) = text else { continue };
        let alike = similarity(fingerprint, &readable(text.parse())?);
        if alike >= NEAR_IDENTICAL && raised < MOST_RAISED {
            suspect.raise(connection, now, FlagKind::NearIdentical, other, alike)?;
            raised += 1;
        }
    }
    Ok(())
}

type FlagRow = (
    (i64, FlagKind, i64, i64, f64),
    (NaiveDateTime, Option<NaiveDateTime>, Option<String>),
    String,
);

/// A challenge's flags, open ones first, newest first, older than `before` where given: for its organizer.
pub fn of_challenge(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Flag>, DatabaseError> {
    let rows: Vec<FlagRow> = flags::table
        .inner_join(submissions::table.on(submissions::id.eq(flags::submission_id)))
        .inner_join(teams::table.on(teams::id.eq(submissions::team_id)))
        .filter(flags::challenge_id.eq(challenge_id))
        .filter(flags::id.lt(before.unwrap_or(i64::MAX)))
        .order((flags::resolved_at.is_not_null(), flags::id.desc()))
        .limit(limit)
        .select((
            (
                flags::id,
                flags::kind,
                flags::submission_id,
                flags::other_submission_id,
                flags::similarity,
            ),
            (flags::raised_at, flags::resolved_at, flags::resolution),
            teams::name,
        ))
        .load(connection)?;
    let others: Vec<i64> = rows.iter().map(|row| row.0.3).collect();
    let names: Vec<(i64, String)> = submissions::table
        .inner_join(teams::table)
        .filter(submissions::id.eq_any(others))
        .select((submissions::id, teams::name))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(
            |((id, kind, submission_id, other, similarity), times, team)| {
                let (raised_at, resolved_at, resolution) = times;
                let name = names.iter().find(|(id, _)| *id == other);
                Flag {
                    id,
                    kind,
                    submission_id,
                    team,
                    other_submission_id: other,
                    other_team: name.map(|(_, name)| name.clone()).unwrap_or_default(),
                    similarity,
                    raised_at: raised_at.and_utc(),
                    resolved: resolved_at.map(|at| (at.and_utc(), resolution.unwrap_or_default())),
                }
            },
        )
        .collect())
}

/// How many flags of a challenge nobody has looked at.
pub fn open_count(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
) -> Result<i64, DatabaseError> {
    Ok(flags::table
        .filter(flags::challenge_id.eq(challenge_id))
        .filter(flags::resolved_at.is_null())
        .count()
        .get_result(connection)?)
}

/// The address of the challenge that a flag is of, if the caller runs it.
pub fn challenge_of(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    id: i64,
) -> Result<String, ChallengeError> {
    let found: Option<(String, i64)> = flags::table
        .inner_join(challenges::table.on(challenges::id.eq(flags::challenge_id)))
        .filter(flags::id.eq(id))
        .select((challenges::slug, challenges::owner_id))
        .first(connection)
        .optional()?;
    match found {
        Some((slug, owner_id)) if principal.may_manage(owner_id) => Ok(slug),
        _ => super::challenge::invalid("flag", "there is no such flag of a challenge of yours"),
    }
}

/// Closes a flag with what its organizer found.
pub fn resolve(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    id: i64,
    resolution: &str,
) -> Result<(), ChallengeError> {
    let challenge = find_managed(connection, principal, slug)?;
    let resolution = resolution.trim();
    if resolution.is_empty() || resolution.chars().count() > 500 {
        return super::challenge::invalid("resolution", "write 1 to 500 characters");
    }
    let resolved = diesel::update(
        flags::table
            .find(id)
            .filter(flags::challenge_id.eq(challenge.id)),
    )
    .set((
        flags::resolved_at.eq(now.naive_utc()),
        flags::resolved_by.eq(principal.user().map(|user| user.id)),
        flags::resolution.eq(resolution),
    ))
    .execute(connection)?;
    if resolved == 0 {
        return super::challenge::invalid("flag", "this challenge has no such flag");
    }
    let act = Act {
        actor_id: principal.user().map(|user| user.id),
        action: "flag.resolve",
        subject: &format!("flag:{id}"),
        challenge_id: Some(challenge.id),
        detail: resolution,
    };
    Ok(audit::record(connection, now, &act)?)
}

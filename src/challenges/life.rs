//! A challenge's life: draft, review, upcoming, open, final phase, closed, archived; by the clock, or by
//! its organizer's hand.
//!
//! What a hand does is one act, audited, that changes the stage or the dates; what follows from the dates
//! is never stored, so nothing has to happen at midnight.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Deserialize;

use super::act_log::record;
use super::challenge::{
    Challenge, ChallengeError, Phase, PhaseState, Stage, find_managed, find_managed_with_phases,
    invalid,
};
use super::final_standings;
use super::reuse::missing_files;
use crate::accounts::permissions::Principal;
use crate::accounts::users::Role;
use crate::messages::notifications::{Notification, NotificationKind, Recipients, tell};
use crate::platform::database::DatabaseConnection;
use crate::platform::schema::{challenges, phases};

crate::text_enum! {
    /// Where a challenge is in its life.
    pub enum Life {
        /// Its organizer's alone.
        Draft = "draft",
        /// Somebody else looks at it before it is shown.
        Review = "review",
        /// Shown; its first phase has not begun.
        Upcoming = "upcoming",
        /// A phase runs, or the next one will.
        Open = "open",
        /// The last of several phases runs.
        FinalPhase = "final phase",
        /// Its last phase is over.
        Closed = "closed",
        /// Over and kept.
        Archived = "archived",
    }
}

/// Where a challenge is in its life at a time.
pub fn life(stage: Stage, phases: &[Phase], now: DateTime<Utc>) -> Life {
    match stage {
        Stage::Draft => return Life::Draft,
        Stage::Review => return Life::Review,
        Stage::Archived => return Life::Archived,
        Stage::Published => {}
    }
    let is = |phase: &Phase, state| phase.state(now) == state;
    if phases.iter().all(|phase| is(phase, PhaseState::Upcoming)) {
        return Life::Upcoming;
    }
    match phases.last() {
        Some(last) if is(last, PhaseState::Closed) => Life::Closed,
        Some(last) if phases.len() > 1 && is(last, PhaseState::Open) => Life::FinalPhase,
        _ => Life::Open,
    }
}

fn set_stage(
    connection: &mut DatabaseConnection,
    challenge: &Challenge,
    stage: Stage,
) -> Result<(), ChallengeError> {
    diesel::update(challenges::table.find(challenge.id))
        .set(challenges::stage.eq(stage))
        .execute(connection)?;
    Ok(())
}

fn only_from(challenge: &Challenge, stages: &[Stage], act: &str) -> Result<(), ChallengeError> {
    if stages.contains(&challenge.stage) {
        return Ok(());
    }
    invalid(
        "stage",
        format!("this challenge is {}; it cannot be {act}", challenge.stage),
    )
}

/// Hands a draft to whoever reviews it: another admin, or whom the operator asks to.
pub fn submit_for_review(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
) -> Result<(), ChallengeError> {
    let challenge = find_managed(connection, principal, slug)?;
    only_from(&challenge, &[Stage::Draft], "handed in for review")?;
    diesel::update(challenges::table.find(challenge.id))
        .set((
            challenges::stage.eq(Stage::Review),
            challenges::review_note.eq(""),
        ))
        .execute(connection)?;
    record(
        connection,
        now,
        principal,
        &challenge,
        "challenge.submit_for_review",
        "",
    )
}

/// Makes a challenge under review a draft again, with what is to be changed: by its organizer, or by an
/// admin.
pub fn send_back(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    note: &str,
) -> Result<(), ChallengeError> {
    let challenge = find_managed(connection, principal, slug)?;
    only_from(&challenge, &[Stage::Review], "sent back")?;
    diesel::update(challenges::table.find(challenge.id))
        .set((
            challenges::stage.eq(Stage::Draft),
            challenges::review_note.eq(note.trim()),
        ))
        .execute(connection)?;
    record(
        connection,
        now,
        principal,
        &challenge,
        "challenge.send_back",
        note.trim(),
    )
}

/// Shows a challenge to everybody who may see it. `needs_review` is the operator's setting: then an admin
/// alone publishes, and only what was handed in for review.
pub fn publish(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    needs_review: bool,
) -> Result<(), ChallengeError> {
    let (challenge, phases) = find_managed_with_phases(connection, principal, slug)?;
    match challenge.stage {
        Stage::Published | Stage::Archived => return Ok(()),
        Stage::Draft | Stage::Review if challenge.is_template => {
            return invalid(
                "stage",
                "this is a template; clone it and publish the clone",
            );
        }
        Stage::Draft | Stage::Review => {}
    }
    if let Some(missing) = missing_files(&challenge, &phases).first() {
        return invalid(
            "stage",
            format!("{missing} is missing; complete the draft with it first"),
        );
    }
    let is_admin = principal
        .user()
        .is_some_and(|user| user.role == Role::Admin);
    if needs_review && !is_admin {
        return invalid(
            "stage",
            "here an admin publishes challenges; hand it in for review",
        );
    }
    diesel::update(challenges::table.find(challenge.id))
        .set((
            challenges::stage.eq(Stage::Published),
            challenges::published_at.eq(now.naive_utc()),
            challenges::review_note.eq(""),
        ))
        .execute(connection)?;
    record(
        connection,
        now,
        principal,
        &challenge,
        "challenge.publish",
        "",
    )
}

/// Puts a challenge that is over among the archived ones, where nothing changes any more.
pub fn archive(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
) -> Result<(), ChallengeError> {
    let (challenge, phases) = find_managed_with_phases(connection, principal, slug)?;
    if life(challenge.stage, &phases, now) != Life::Closed {
        return invalid("stage", "close the challenge before you archive it");
    }
    set_stage(connection, &challenge, Stage::Archived)?;
    record(
        connection,
        now,
        principal,
        &challenge,
        "challenge.archive",
        "",
    )
}

/// Takes a challenge out of the archive.
pub fn restore(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
) -> Result<(), ChallengeError> {
    let challenge = find_managed(connection, principal, slug)?;
    only_from(&challenge, &[Stage::Archived], "taken out of the archive")?;
    set_stage(connection, &challenge, Stage::Published)?;
    record(
        connection,
        now,
        principal,
        &challenge,
        "challenge.restore",
        "",
    )
}

/// The dates of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseDates {
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
}

/// What an organizer does to the dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reschedule {
    /// New dates, one pair for each phase in their order.
    To(Vec<PhaseDates>),
    /// The next phase begins now; the one that runs, if any does, ends now.
    OpenNext,
    /// Everything ends now.
    Close,
}

/// Changes the dates of a challenge's phases. Submissions that are accepted already stay so.
pub fn reschedule(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    change: &Reschedule,
) -> Result<(), ChallengeError> {
    let (challenge, phases) = find_managed_with_phases(connection, principal, slug)?;
    if challenge.stage == Stage::Archived {
        return invalid("stage", "this challenge is archived; restore it first");
    }
    let dates = rescheduled(&phases, now, change)?;
    let mut told = Vec::with_capacity(phases.len());
    for (phase, dates) in phases.iter().zip(&dates) {
        diesel::update(phases::table.find(phase.id))
            .set((
                phases::starts_at.eq(dates.starts_at.naive_utc()),
                phases::ends_at.eq(dates.ends_at.naive_utc()),
            ))
            .execute(connection)?;
        told.push(format!(
            "{}: {} to {}",
            phase.name, dates.starts_at, dates.ends_at
        ));
    }
    // They may not tell of a private board that is closed again.
    final_standings::unsettle(connection, challenge.id)?;
    record(
        connection,
        now,
        principal,
        &challenge,
        "challenge.reschedule",
        &told.join("; "),
    )?;
    tell_of_dates(connection, now, principal, &challenge, &phases, &dates)
}

/// Tells the members of a published challenge which dates changed, as clocks show them in its own zone.
fn tell_of_dates(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    challenge: &Challenge,
    phases: &[Phase],
    dates: &[PhaseDates],
) -> Result<(), ChallengeError> {
    let local = |at: DateTime<Utc>| {
        let local = at.with_timezone(&challenge.time_zone);
        format!("{}", local.format("%-d %B %Y, %H:%M %Z"))
    };
    let mut changes = Vec::new();
    for (phase, dates) in phases.iter().zip(dates) {
        for (verb, before, after) in [
            ("begins", phase.starts_at, dates.starts_at),
            ("ends", phase.ends_at, dates.ends_at),
        ] {
            if before != after {
                changes.push(format!(
                    "{} {verb} on {} (before: {}).",
                    phase.name,
                    local(after),
                    local(before)
                ));
            }
        }
    }
    if changes.is_empty() || challenge.published_at.is_none() {
        return Ok(());
    }
    let notification = Notification {
        kind: NotificationKind::DeadlineChanged,
        challenge_id: Some(challenge.id),
        caused_by: principal.user().map(|user| user.id),
        title: &format!("{}: the dates changed", challenge.title),
        body: &changes.join("\n"),
        href: &format!("/challenges/{}", challenge.slug),
    };
    Ok(tell(
        connection,
        now,
        Recipients::MembersOf(challenge.id),
        &notification,
    )?)
}

/// The dates after a change, or why it cannot be made.
fn rescheduled(
    phases: &[Phase],
    now: DateTime<Utc>,
    change: &Reschedule,
) -> Result<Vec<PhaseDates>, ChallengeError> {
    let mut dates: Vec<PhaseDates> = phases
        .iter()
        .map(|phase| PhaseDates {
            starts_at: phase.starts_at,
            ends_at: phase.ends_at,
        })
        .collect();
    match change {
        Reschedule::To(asked) if asked.len() != phases.len() => {
            return invalid(
                "phases",
                format!("write dates for each of the {} phases", phases.len()),
            );
        }
        Reschedule::To(asked) => dates.clone_from(asked),
        Reschedule::OpenNext => {
            let upcoming = phases
                .iter()
                .position(|phase| phase.state(now) == PhaseState::Upcoming);
            let Some(next) = upcoming else {
                return invalid("phases", "no phase is left to be opened");
            };
            for before in &mut dates[..next] {
                before.ends_at = before.ends_at.min(now);
            }
            dates[next].starts_at = now;
        }
        Reschedule::Close => {
            for phase in &mut dates {
                phase.starts_at = phase.starts_at.min(now);
                phase.ends_at = phase.ends_at.min(now);
            }
            return Ok(dates);
        }
    }
    for (index, phase) in dates.iter().enumerate() {
        if phase.ends_at <= phase.starts_at {
            return invalid(
                format!("phases[{index}].ends_at"),
                "a phase ends after it starts",
            );
        }
        if index > 0 && phase.starts_at < dates[index - 1].ends_at {
            return invalid(
                format!("phases[{index}].starts_at"),
                "a phase starts when the one before it is over",
            );
        }
    }
    Ok(dates)
}

//! Baselines: predictions of the organizer's own, on the board under a name and without a rank, so that
//! competitors see what little or much is worth.

use std::path::Path;

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::challenge::{
    Challenge, ChallengeError, Phase, Stage, current_phase, find_managed, find_managed_with_phases,
    invalid,
};
use super::entries::recompute_entry;
use super::submissions::{SubmissionState, Upload};
use super::teams::tidy_name;
use crate::accounts::permissions::Principal;
use crate::platform::audit::{self, Act};
use crate::platform::database::{Database, DatabaseConnection, DatabaseError};
use crate::platform::schema::{phases, submissions, teams};
use crate::platform::storage::Storage;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::predictions::FileFormat;
use crate::scoring::queue::{self, Demand};

/// Where a baseline is to stand.
#[derive(Debug, Clone)]
pub struct BaselinePlace {
    /// The challenge's address.
    pub slug: String,
    /// The phase; none: the one that matters now.
    pub phase: Option<String>,
    /// What the board calls it.
    pub name: String,
}

/// A baseline of a challenge.
#[derive(Debug, Clone)]
pub struct Baseline {
    /// Its team, which has no members.
    pub team_id: i64,
    /// What the board calls it.
    pub name: String,
    /// The phase.
    pub phase: String,
    /// What was sent last.
    pub submission_id: i64,
    /// Where that is.
    pub state: SubmissionState,
    /// Its public score.
    pub public_score: Option<f64>,
    /// Why it has none.
    pub reason: Option<String>,
}

/// Stores a predictions file and accepts it as a baseline; returns the submission.
///
/// # Errors
/// [`ChallengeError`], with nothing stored.
pub async fn add(
    database: &Database,
    storage: &Storage,
    now: DateTime<Utc>,
    principal: &Principal,
    place: BaselinePlace,
    file: &Path,
    (file_name, format): (&str, FileFormat),
) -> Result<i64, ChallengeError> {
    let (asked, who) = (place.clone(), principal.clone());
    let most = database
        .read(move |connection| {
            let (_, phase) = place_of(connection, now, &who, &asked)?;
            Ok::<_, ChallengeError>(phase.max_bytes)
        })
        .await?;
    let opened = tokio::fs::File::open(file).await.map_err(|error| {
        ChallengeError::Storage(crate::platform::storage::StorageError::from(error))
    })?;
    let stream = tokio_util::io::ReaderStream::new(opened);
    let stored = storage
        .receive_submission(stream, most)
        .await
        .map_err(ChallengeError::Storage)?;
    let key = stored.key.clone();
    let upload = Upload {
        stored,
        kind: SubmissionKind::Predictions,
        format,
        file_name: file_name.to_owned(),
        description: String::new(),
    };
    let who = principal.clone();
    let accepted = database
        .write(move |connection| accept_baseline(connection, now, &who, &place, &upload))
        .await;
    if accepted.is_err()
        && let Err(error) = storage.discard_submission(&key).await
    {
        tracing::warn!(%error, key, "a refused upload could not be deleted");
    }
    accepted
}

fn place_of(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    place: &BaselinePlace,
) -> Result<(Challenge, Phase), ChallengeError> {
    let (challenge, phases) = find_managed_with_phases(connection, principal, &place.slug)?;
    if challenge.stage == Stage::Archived {
        return invalid("stage", "this challenge is archived; restore it first");
    }
    let chosen = match &place.phase {
        Some(name) => phases.iter().find(|phase| phase.name == *name),
        None => current_phase(&phases, now),
    };
    let Some(phase) = chosen else {
        let names: Vec<_> = phases.iter().map(|phase| phase.name.as_str()).collect();
        return invalid(
            "phase",
            format!("there is no such phase, only: {}", names.join(", ")),
        );
    };
    Ok((challenge, phase.clone()))
}

/// Accepts predictions under a baseline's name: they are scored as any others, count towards no limit and
/// rank nowhere. A second file under the same name stands beside the first; the better one is shown. Call
/// it in a write transaction.
pub fn accept_baseline(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    place: &BaselinePlace,
    upload: &Upload,
) -> Result<i64, ChallengeError> {
    let (challenge, phase) = place_of(connection, now, principal, place)?;
    let Some(user) = principal.user() else {
        return Err(ChallengeError::NotYours);
    };
    let name = match tidy_name(&place.name) {
        Ok(name) => name,
        Err(problem) => return invalid("name", problem),
    };
    if upload.stored.bytes == 0 {
        return invalid("file", "this file is empty");
    }
    let known: Option<(i64, bool)> = teams::table
        .filter(teams::challenge_id.eq(challenge.id))
        .filter(teams::name.eq(&name))
        .select((teams::id, teams::is_baseline))
        .first(connection)
        .optional()?;
    let team_id = match known {
        Some((_, false)) => {
            return invalid("name", "a team has this name already; choose another");
        }
        Some((team_id, true)) => team_id,
        None => diesel::insert_into(teams::table)
            .values((
                teams::challenge_id.eq(challenge.id),
                teams::name.eq(&name),
                teams::created_at.eq(now.naive_utc()),
                teams::is_baseline.eq(true),
            ))
            .returning(teams::id)
            .get_result(connection)?,
    };
    let submission_id = diesel::insert_into(submissions::table)
        .values((
            submissions::challenge_id.eq(challenge.id),
            submissions::phase_id.eq(phase.id),
            submissions::team_id.eq(team_id),
            submissions::user_id.eq(user.id),
            submissions::state.eq(SubmissionState::Queued),
            submissions::counts.eq(false),
            submissions::description.eq(""),
            submissions::kind.eq(upload.kind),
            submissions::file_name.eq(&upload.file_name),
            submissions::format.eq(upload.format.as_str()),
            submissions::storage_key.eq(&upload.stored.key),
            submissions::sha256.eq(&upload.stored.sha256),
            submissions::bytes.eq(i64::try_from(upload.stored.bytes).unwrap_or(i64::MAX)),
            submissions::received_at.eq(now.naive_utc()),
        ))
        .returning(submissions::id)
        .get_result(connection)?;
    let needs_sandbox = phase.metric.program().is_some();
    let demand = Demand {
        kind: upload.kind,
        needs_sandbox,
        memory_bytes: match needs_sandbox {
            true => challenge.run_limits.memory_bytes,
            false => 0,
        },
    };
    queue::enqueue(connection, submission_id, demand, now)?;
    let detail = format!("phase {}, submission {submission_id}", phase.name);
    record(
        connection,
        now,
        principal,
        &challenge,
        ("baseline.add", &name),
        &detail,
    )?;
    Ok(submission_id)
}

/// The baselines of a challenge by what was sent last, newest first; at most `limit`.
pub fn of_challenge(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    limit: i64,
) -> Result<Vec<Baseline>, DatabaseError> {
    type Row = (
        (i64, String, String),
        (i64, SubmissionState, Option<f64>, Option<String>),
    );
    let rows: Vec<Row> = submissions::table
        .inner_join(teams::table)
        .inner_join(phases::table)
        .filter(teams::challenge_id.eq(challenge_id))
        .filter(teams::is_baseline)
        .filter(submissions::withdrawn_at.is_null())
        .order(submissions::id.desc())
        .limit(limit)
        .select((
            (teams::id, teams::name, phases::name),
            (
                submissions::id,
                submissions::state,
                submissions::public_score,
                submissions::reason,
            ),
        ))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(
            |((team_id, name, phase), (id, state, score, reason))| Baseline {
                team_id,
                name,
                phase,
                submission_id: id,
                state,
                public_score: score,
                reason,
            },
        )
        .collect())
}

/// Takes a baseline off every board. What was sent is kept, withdrawn. Call it in a write transaction.
pub fn remove(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    team_id: i64,
) -> Result<(), ChallengeError> {
    let challenge = find_managed(connection, principal, slug)?;
    let name: Option<String> = teams::table
        .filter(teams::id.eq(team_id))
        .filter(teams::challenge_id.eq(challenge.id))
        .filter(teams::is_baseline)
        .select(teams::name)
        .first(connection)
        .optional()?;
    let Some(name) = name else {
        return invalid("baseline", "this challenge has no such baseline");
    };
    let standing: Vec<(i64, i64)> = submissions::table
        .filter(submissions::team_id.eq(team_id))
        .filter(submissions::withdrawn_at.is_null())
        .select((submissions::id, submissions::phase_id))
        .load(connection)?;
    // Runs before teams: in the order of the transaction that stores a report.
    for (id, _) in &standing {
        if queue::end_all(connection, *id)? {
            diesel::update(
                submissions::table
                    .find(id)
                    .filter(submissions::state.ne(SubmissionState::Scored)),
            )
            .set((
                submissions::state.eq(SubmissionState::Failed),
                submissions::reason.eq("It was withdrawn before it was scored."),
            ))
            .execute(connection)?;
        }
    }
    diesel::update(teams::table.find(team_id))
        .set(teams::revision.eq(teams::revision + 1))
        .execute(connection)?;
    diesel::update(
        submissions::table
            .filter(submissions::team_id.eq(team_id))
            .filter(submissions::withdrawn_at.is_null()),
    )
    .set(submissions::withdrawn_at.eq(now.naive_utc()))
    .execute(connection)?;
    let mut phase_ids: Vec<i64> = standing.into_iter().map(|(_, phase)| phase).collect();
    phase_ids.sort_unstable();
    phase_ids.dedup();
    for phase_id in phase_ids {
        recompute_entry(connection, now, phase_id, team_id)?;
    }
    record(
        connection,
        now,
        principal,
        &challenge,
        ("baseline.remove", &name),
        "",
    )
}

fn record(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    challenge: &Challenge,
    (action, name): (&str, &str),
    detail: &str,
) -> Result<(), ChallengeError> {
    let act = Act {
        actor_id: principal.user().map(|user| user.id),
        action,
        subject: &format!("team:{name}"),
        challenge_id: Some(challenge.id),
        detail,
    };
    Ok(audit::record(connection, now, &act)?)
}

//! What teams send. Accepting a submission is one transaction (law 1): membership, rules, deadline and
//! limits are checked, and the submission and its queued run are written together, under a lock.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use diesel::prelude::*;

use super::challenge::{
    Challenge, ChallengeError, Phase, PhaseState, Stage, current_phase, find, phases_of,
};
use super::disclosure::Disclosure;
use super::draft::LatePolicy;
use super::flags::{Suspect, flag_same_file};
use super::limits::{self, LimitReached, Used};
use super::membership;
use crate::accounts::permissions::Principal;
use crate::platform::column_types::Json;
use crate::platform::database::{DatabaseConnection, DatabaseError, MultiBackend};
use crate::platform::schema::{challenges, phases, run_logs, submissions, teams};
use crate::platform::storage::Stored;
use crate::scoring::judge::Logs;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::predictions::FileFormat;
use crate::scoring::queue::{self, Demand};
use crate::scoring::rule::ScoringRule;
use crate::scoring::sandbox::{self, Usage};
use crate::scoring::verdict::Verdict;

crate::text_enum! {
    /// Where a submission is.
    pub enum SubmissionState {
        /// Waiting for a worker.
        Queued = "queued",
        /// A worker scores it.
        Running = "running",
        /// It has a score.
        Scored = "scored",
        /// It has none; the verdict says whose fault that is.
        Failed = "failed",
    }
}

impl SubmissionState {
    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Scored | Self::Failed)
    }
}

/// A submission.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The row.
    pub id: i64,
    /// The challenge.
    pub challenge_id: i64,
    /// The phase on whose solution it is scored.
    pub phase_id: i64,
    /// The team.
    pub team_id: i64,
    /// Who sent it.
    pub user_id: i64,
    /// Where it is.
    pub state: SubmissionState,
    /// Whether it takes a place of the team's limits.
    pub counts: bool,
    /// What its team wrote about it.
    pub description: String,
    /// What was sent.
    pub kind: SubmissionKind,
    /// The file's name on the sender's machine.
    pub file_name: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Its size.
    pub bytes: i64,
    /// When it was accepted.
    pub received_at: DateTime<Utc>,
    /// When its score was stored.
    pub scored_at: Option<DateTime<Utc>>,
    /// Its score on the public split.
    pub public_score: Option<f64>,
    /// Its score on the private split: nobody's to see before the phase ends.
    pub private_score: Option<f64>,
    /// How its run ended.
    pub verdict: Option<Verdict>,
    /// Why it has no score, in words.
    pub reason: Option<String>,
    /// The first offending line of its file.
    pub error_line: Option<i64>,
    /// The offending column.
    pub error_column: Option<String>,
    /// What its last run used, where something was run.
    pub usage: Option<Usage>,
    /// Whether it came after the end and its grace: then it never ranks.
    pub is_late: bool,
    /// When its team took it back: then it never ranks either.
    pub withdrawn_at: Option<DateTime<Utc>>,
    /// Whether its team chose it for the private board.
    pub is_selected: bool,
    /// The submission of the phase before whose file it is.
    pub carried_from: Option<i64>,
    /// Its public score as the board shows it.
    pub shown_score: Option<f64>,
    /// When the organizer had reproduced its score.
    pub verified_at: Option<DateTime<Utc>>,
}

/// Why a submission is not accepted. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// There is no such challenge.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
    /// The rules were never accepted.
    #[error("Accept the rules of this challenge first.")]
    NotAMember,
    /// The rules changed since they were accepted.
    #[error("The rules changed; read and accept version {current} first.")]
    RulesChanged {
        /// The version in force.
        current: i32,
    },
    /// It is a draft.
    #[error("This challenge is not published yet.")]
    NotPublished,
    /// It is over and kept.
    #[error("This challenge is archived; it takes no submissions any more.")]
    Archived,
    /// The organizer took the team off the boards.
    #[error("Your team is disqualified: {reason}")]
    Disqualified {
        /// Why, in the organizer's words.
        reason: String,
    },
    /// No phase has begun.
    #[error("The phase {phase} opens at {at}.")]
    NotOpen {
        /// Its name.
        phase: String,
        /// When it opens.
        at: DateTime<Utc>,
    },
    /// The last phase is over.
    #[error("The phase {phase} ended at {at}; submissions are no longer accepted.")]
    Closed {
        /// Its name.
        phase: String,
        /// When it ended.
        at: DateTime<Utc>,
    },
    /// No place is left.
    #[error(transparent)]
    Limit(#[from] LimitReached),
    /// The challenge takes other kinds of submission.
    #[error("kind: this challenge takes {taken}, not {kind}")]
    KindNotTaken {
        /// What was sent.
        kind: SubmissionKind,
        /// What is taken, in words.
        taken: String,
    },
    /// There is nothing in the file.
    #[error("The file is empty.")]
    Empty,
    /// The description is too long.
    #[error("description: write at most {most} characters")]
    LongDescription {
        /// Characters.
        most: usize,
    },
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<diesel::result::Error> for SubmitError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// The right to send one submission now, as long as nothing changes.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The challenge.
    pub challenge: Challenge,
    /// The phase that is open.
    pub phase: Phase,
    /// The team that it counts for.
    pub team_id: i64,
    /// What the team has used before it.
    pub used: Used,
    /// Whether it comes after the end: scored, never ranked.
    pub is_late: bool,
}

impl Admission {
    /// Whether the challenge takes this kind of submission.
    pub fn check_kind(&self, kind: SubmissionKind) -> Result<(), SubmitError> {
        if self.challenge.kinds.contains(&kind) {
            return Ok(());
        }
        let taken: Vec<_> = self
            .challenge
            .kinds
            .iter()
            .map(|kind| kind.as_str())
            .collect();
        Err(SubmitError::KindNotTaken {
            kind,
            taken: taken.join(", "),
        })
    }

    fn demand(&self, kind: SubmissionKind) -> Demand {
        let needs_sandbox = kind.is_model() || self.phase.metric.program().is_some();
        Demand {
            kind,
            needs_sandbox,
            memory_bytes: if needs_sandbox {
                self.challenge.run_limits.memory_bytes
            } else {
                0
            },
        }
    }
}

/// Whether this person may send a submission now. Asked before the bytes are read, so that a
/// refusal costs no upload, and again in the transaction that accepts.
pub fn admission(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
) -> Result<Admission, SubmitError> {
    let (challenge, phases) = find(connection, principal, slug)?;
    let user_id = principal
        .user()
        .map(|user| user.id)
        .ok_or(SubmitError::NotAMember)?;
    let membership =
        membership::of(connection, challenge.id, user_id)?.ok_or(SubmitError::NotAMember)?;
    if membership.rules_version != challenge.rules_version {
        return Err(SubmitError::RulesChanged {
            current: challenge.rules_version,
        });
    }
    if let Some(reason) = super::teams::disqualification(connection, membership.team_id)? {
        return Err(SubmitError::Disqualified { reason });
    }
    match challenge.stage {
        Stage::Draft | Stage::Review => return Err(SubmitError::NotPublished),
        Stage::Archived => return Err(SubmitError::Archived),
        Stage::Published => {}
    }
    let (phase, is_late) = receiving_phase(&phases, now)?;
    let phase = phase.clone();
    let zone = challenge.time_zone;
    let used = used(connection, now, zone, phase.id, membership.team_id)?;
    limits::check(phase.limits, used, now, zone)?;
    Ok(Admission {
        challenge,
        phase,
        team_id: membership.team_id,
        used,
        is_late,
    })
}

/// The phase that a submission is for, and whether it comes late for it: the open one; else the one that
/// ended last, within its grace, or later where late ones are scored.
fn receiving_phase(phases: &[Phase], now: DateTime<Utc>) -> Result<(&Phase, bool), SubmitError> {
    let current = current_phase(phases, now).ok_or(SubmitError::NotPublished)?;
    if current.state(now) == PhaseState::Open {
        return Ok((current, false));
    }
    let ended = phases
        .iter()
        .rev()
        .find(|phase| phase.state(now) == PhaseState::Closed);
    match ended {
        Some(ended) if !ended.is_over(now) => Ok((ended, false)),
        Some(ended) if ended.late == LatePolicy::Unranked => Ok((ended, true)),
        _ if current.state(now) == PhaseState::Upcoming => Err(SubmitError::NotOpen {
            phase: current.name.clone(),
            at: current.starts_at,
        }),
        _ => Err(SubmitError::Closed {
            phase: current.name.clone(),
            at: current.ends_at,
        }),
    }
}

/// What a team has used of a phase's limits.
pub fn used(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    zone: Tz,
    phase_id: i64,
    team_id: i64,
) -> Result<Used, DatabaseError> {
    // Never more rows than the phase's total limit allows.
    let received: Vec<NaiveDateTime> = submissions::table
        .filter(submissions::phase_id.eq(phase_id))
        .filter(submissions::team_id.eq(team_id))
        .filter(submissions::counts)
        .select(submissions::received_at)
        .load(connection)?;
    let today = limits::day_of(now, zone).naive_utc();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(Used {
        today: count(received.iter().filter(|at| **at >= today).count()),
        total: count(received.len()),
    })
}

/// A file that was streamed to the store, not yet accepted.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The bytes.
    pub stored: Stored,
    /// What they are.
    pub kind: SubmissionKind,
    /// How the predictions are to be read: those sent, or those that the model writes.
    pub format: FileFormat,
    /// The file's name on the sender's machine.
    pub file_name: String,
    /// What the team says about it.
    pub description: String,
}

/// Characters of a description.
pub const DESCRIPTION_LIMIT: usize = 1000;

/// Accepts an upload: the submission and its queued run, or a refusal and neither. Call it in a
/// write transaction, and discard the bytes when it refuses.
pub fn accept(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    upload: &Upload,
) -> Result<i64, SubmitError> {
    if upload.stored.bytes == 0 {
        return Err(SubmitError::Empty);
    }
    if upload.description.chars().count() > DESCRIPTION_LIMIT {
        return Err(SubmitError::LongDescription {
            most: DESCRIPTION_LIMIT,
        });
    }
    lock_team(connection, principal, slug)?;
    let admission = admission(connection, now, principal, slug)?;
    admission.check_kind(upload.kind)?;
    let user_id = principal
        .user()
        .map(|user| user.id)
        .ok_or(SubmitError::NotAMember)?;
    let submission_id = diesel::insert_into(submissions::table)
        .values((
            submissions::challenge_id.eq(admission.challenge.id),
            submissions::phase_id.eq(admission.phase.id),
            submissions::team_id.eq(admission.team_id),
            submissions::user_id.eq(user_id),
            submissions::state.eq(SubmissionState::Queued),
            submissions::counts.eq(true),
            submissions::description.eq(upload.description.trim()),
            submissions::kind.eq(upload.kind),
            submissions::file_name.eq(file_name(&upload.file_name)),
            submissions::format.eq(upload.format.as_str()),
            submissions::storage_key.eq(&upload.stored.key),
            submissions::sha256.eq(&upload.stored.sha256),
            submissions::bytes.eq(upload.stored.bytes as i64), // limited to 1 GiB
            submissions::received_at.eq(now.naive_utc()),
            submissions::late.eq(admission.is_late),
        ))
        .returning(submissions::id)
        .get_result(connection)?;
    let suspect = Suspect {
        challenge_id: admission.challenge.id,
        phase_id: admission.phase.id,
        team_id: admission.team_id,
        submission_id,
    };
    flag_same_file(connection, now, suspect, &upload.stored.sha256)?;
    let demand = admission.demand(upload.kind);
    queue::enqueue(connection, submission_id, demand, now)?;
    Ok(submission_id)
}

/// Takes the team's row before anything is counted, so that requests of one team queue up on
/// PostgreSQL too; on SQLite the write transaction already excludes every other writer.
fn lock_team(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    slug: &str,
) -> Result<(), SubmitError> {
    let user_id = principal
        .user()
        .map(|user| user.id)
        .ok_or(SubmitError::NotAMember)?;
    let challenge_id: Option<i64> = challenges::table
        .filter(challenges::slug.eq(slug))
        .select(challenges::id)
        .first(connection)
        .optional()?;
    let taken = match challenge_id {
        Some(id) => super::teams::lock_team_of_user(connection, id, user_id)?,
        None => None,
    };
    taken.map(|_| ()).ok_or(SubmitError::NotAMember)
}

/// The last part of a client's file name, without control characters, of bearable length.
fn file_name(sent: &str) -> String {
    let last = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last
        .chars()
        .filter(|character| !character.is_control())
        .take(120)
        .collect();
    if name.is_empty() {
        "predictions".into()
    } else {
        name
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = submissions, check_for_backend(MultiBackend))]
struct SubmissionRow {
    id: i64,
    challenge_id: i64,
    phase_id: i64,
    team_id: i64,
    user_id: i64,
    state: SubmissionState,
    counts: bool,
    description: String,
    kind: SubmissionKind,
    file_name: String,
    sha256: String,
    bytes: i64,
    received_at: NaiveDateTime,
    scored_at: Option<NaiveDateTime>,
    public_score: Option<f64>,
    private_score: Option<f64>,
    verdict: Option<Verdict>,
    reason: Option<String>,
    error_line: Option<i64>,
    error_column: Option<String>,
    cpu_seconds: Option<f64>,
    wall_seconds: Option<f64>,
    peak_memory_bytes: Option<i64>,
    late: bool,
    withdrawn_at: Option<NaiveDateTime>,
    selected: bool,
    carried_from: Option<i64>,
    shown_score: Option<f64>,
    verified_at: Option<NaiveDateTime>,
}

impl From<SubmissionRow> for Submission {
    fn from(row: SubmissionRow) -> Self {
        Self {
            id: row.id,
            challenge_id: row.challenge_id,
            phase_id: row.phase_id,
            team_id: row.team_id,
            user_id: row.user_id,
            state: row.state,
            counts: row.counts,
            description: row.description,
            kind: row.kind,
            file_name: row.file_name,
            sha256: row.sha256,
            bytes: row.bytes,
            received_at: row.received_at.and_utc(),
            scored_at: row.scored_at.map(|time| time.and_utc()),
            public_score: row.public_score,
            private_score: row.private_score,
            verdict: row.verdict,
            reason: row.reason,
            error_line: row.error_line,
            error_column: row.error_column,
            usage: match (row.cpu_seconds, row.wall_seconds, row.peak_memory_bytes) {
                (Some(cpu_seconds), Some(wall_seconds), Some(peak)) => Some(Usage {
                    cpu_seconds,
                    wall_seconds,
                    peak_memory_bytes: peak.unsigned_abs(),
                }),
                _ => None,
            },
            is_late: row.late,
            withdrawn_at: row.withdrawn_at.map(|time| time.and_utc()),
            is_selected: row.selected,
            carried_from: row.carried_from,
            shown_score: row.shown_score,
            verified_at: row.verified_at.map(|time| time.and_utc()),
        }
    }
}

/// A team's submissions to a challenge, newest first, older than `before` where given.
pub fn of_team(
    connection: &mut DatabaseConnection,
    phase_id: i64,
    team_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Submission>, DatabaseError> {
    let rows: Vec<SubmissionRow> = submissions::table
        .filter(submissions::phase_id.eq(phase_id))
        .filter(submissions::team_id.eq(team_id))
        .filter(submissions::id.lt(before.unwrap_or(i64::MAX)))
        .order(submissions::id.desc())
        .limit(limit)
        .select(SubmissionRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Submission::from).collect())
}

crate::text_enum! {
    /// What became of the submissions of a list: their state, with those apart that somebody stopped.
    pub enum Outcome {
        /// Waiting for a worker.
        Queued = "queued",
        /// A worker scores them.
        Running = "running",
        /// They have a score.
        Scored = "scored",
        /// They have none, by their own content or by the platform.
        Failed = "failed",
        /// The organizer stopped them.
        Cancelled = "cancelled",
    }
}

/// Which of a challenge's submissions are listed: those that are all of this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedSubmissions {
    /// What became of them.
    pub outcome: Option<Outcome>,
    /// The phase.
    pub phase_id: Option<i64>,
    /// Whether only late ones are.
    pub late: bool,
    /// Whether only those are that their team took back.
    pub withdrawn: bool,
}

/// All teams' submissions to a challenge that are of the kind asked for, newest first, older than `before`
/// where given: for its organizer.
pub fn of_challenge(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    listed: &ListedSubmissions,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<(Submission, String)>, DatabaseError> {
    let mut query = submissions::table
        .inner_join(teams::table)
        .filter(submissions::challenge_id.eq(challenge_id))
        .filter(submissions::id.lt(before.unwrap_or(i64::MAX)))
        .order(submissions::id.desc())
        .limit(limit)
        .select((SubmissionRow::as_select(), teams::name))
        .into_boxed::<MultiBackend>();
    query = match listed.outcome {
        None => query,
        Some(Outcome::Queued) => query.filter(submissions::state.eq(SubmissionState::Queued)),
        Some(Outcome::Running) => query.filter(submissions::state.eq(SubmissionState::Running)),
        Some(Outcome::Scored) => query.filter(submissions::state.eq(SubmissionState::Scored)),
        Some(Outcome::Failed) => query
            .filter(submissions::state.eq(SubmissionState::Failed))
            .filter(submissions::verdict.ne(Verdict::Cancelled)),
        Some(Outcome::Cancelled) => query.filter(submissions::verdict.eq(Verdict::Cancelled)),
    };
    if let Some(phase_id) = listed.phase_id {
        query = query.filter(submissions::phase_id.eq(phase_id));
    }
    if listed.late {
        query = query.filter(submissions::late);
    }
    if listed.withdrawn {
        query = query.filter(submissions::withdrawn_at.is_not_null());
    }
    let rows: Vec<(SubmissionRow, String)> = query.load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(row, team)| (Submission::from(row), team))
        .collect())
}

/// The team's earlier submission of the same bytes to the same phase, if there is one.
pub fn same_file(
    connection: &mut DatabaseConnection,
    submission: &Submission,
) -> Result<Option<i64>, DatabaseError> {
    Ok(submissions::table
        .filter(submissions::phase_id.eq(submission.phase_id))
        .filter(submissions::team_id.eq(submission.team_id))
        .filter(submissions::sha256.eq(&submission.sha256))
        .filter(submissions::id.lt(submission.id))
        .order(submissions::id)
        .select(submissions::id)
        .first(connection)
        .optional()?)
}

/// These submissions of a challenge, in no order: two that are looked at side by side.
pub fn these(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    ids: &[i64],
) -> Result<Vec<Submission>, DatabaseError> {
    let rows: Vec<SubmissionRow> = submissions::table
        .filter(submissions::challenge_id.eq(challenge_id))
        .filter(submissions::id.eq_any(ids.to_vec()))
        .select(SubmissionRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Submission::from).collect())
}

/// A submission with what its page shows around it.
#[derive(Debug, Clone)]
pub struct SubmissionDetail {
    /// The submission.
    pub submission: Submission,
    /// The challenge's address.
    pub challenge_slug: String,
    /// Its name.
    pub challenge_title: String,
    /// How it is scored.
    pub metric: ScoringRule,
    /// When its phase ends, grace included: from then on the private score is shown.
    pub phase_ends_at: DateTime<Utc>,
    /// What its run may use.
    pub run_limits: sandbox::Limits,
    /// What its run printed; none where nothing ran, or where the caller may not see it.
    pub logs: Option<Logs>,
    /// Whether the phase's features are hidden, and with them what models print.
    pub features_hidden: bool,
    /// What the caller may know of its scores now.
    pub disclosure: Disclosure,
}

/// A submission, if the caller is of its team or runs its challenge; to everybody else it does not
/// exist, so that ids tell nothing.
pub fn detail(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
) -> Result<Option<SubmissionDetail>, DatabaseError> {
    type Row = (
        SubmissionRow,
        (String, String, i64, Option<Json<sandbox::Limits>>),
        (String, NaiveDateTime, i32, bool),
    );
    let row: Option<Row> = submissions::table
        .inner_join(challenges::table)
        .inner_join(phases::table)
        .filter(submissions::id.eq(id))
        .select((
            SubmissionRow::as_select(),
            (
                challenges::slug,
                challenges::title,
                challenges::owner_id,
                challenges::run_limits,
            ),
            (
                phases::metric,
                phases::ends_at,
                phases::grace_minutes,
                phases::features_hidden,
            ),
        ))
        .first(connection)
        .optional()?;
    let (Some((row, challenge, phase)), Some(user)) = (row, principal.user()) else {
        return Ok(None);
    };
    let (challenge_slug, challenge_title, owner_id, run_limits) = challenge;
    let (metric, ends_at, grace_minutes, features_hidden) = phase;
    let phases = phases_of(connection, row.challenge_id)?;
    let is_manager = principal.may_manage(owner_id);
    if !is_manager {
        let membership = membership::of(connection, row.challenge_id, user.id)?;
        if membership.is_none_or(|membership| membership.team_id != row.team_id) {
            return Ok(None);
        }
    }
    let metric = metric
        .parse::<ScoringRule>()
        .map_err(|error| diesel::result::Error::DeserializationError(error.to_string().into()))?;
    // What a model prints can tell of the features that it saw.
    let logs = if is_manager || !features_hidden {
        logs(connection, id)?
    } else {
        None
    };
    let phase = phases
        .iter()
        .find(|phase| phase.id == row.phase_id)
        .ok_or(diesel::result::Error::NotFound)?;
    let disclosure = Disclosure::new(phase, &phases, now, is_manager);
    Ok(Some(SubmissionDetail {
        disclosure,
        submission: row.into(),
        challenge_slug,
        challenge_title,
        metric,
        phase_ends_at: ends_at.and_utc() + TimeDelta::minutes(grace_minutes.into()),
        run_limits: run_limits.map(|limits| limits.0).unwrap_or_default(),
        logs,
        features_hidden,
    }))
}

/// What a submission's last run printed.
fn logs(
    connection: &mut DatabaseConnection,
    submission_id: i64,
) -> Result<Option<Logs>, DatabaseError> {
    let printed: Option<(String, String)> = run_logs::table
        .find(submission_id)
        .select((run_logs::stdout, run_logs::stderr))
        .first(connection)
        .optional()?;
    Ok(printed.map(|(stdout, stderr)| Logs { stdout, stderr }))
}

//! The SQL of drafts.
//!
//! Whatever races is decided by one `UPDATE` that names what it expects to find: the bytes that have come,
//! or the lease that is held. Who finds something else has lost, and is told so.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::{Draft, DraftError, DraftState, LEASE, MOST_DRAFTS, RawSource, Work};
use crate::accounts::users::{Role, User};
use crate::datasets::publish::DatasetDraft;
use crate::platform::column_types::{Json, json_text};
use crate::platform::database::{DatabaseConnection, DatabaseError, MultiBackend};
use crate::platform::schema::{dataset_drafts, users};

/// A draft that begins.
pub(super) struct NewDraft {
    pub key: String,
    pub owner: User,
    pub file_name: String,
    pub announced_bytes: u64,
    pub sealed_key: String,
}

/// A draft in the list of unfinished ones.
#[derive(Debug, Clone)]
pub struct DraftLine {
    /// Its address.
    pub key: String,
    /// The file.
    pub file_name: String,
    /// How much has come.
    pub received_bytes: u64,
    /// Of how much.
    pub announced_bytes: u64,
    /// Where it is on its way.
    pub state: DraftState,
    /// When anything of it changed last.
    pub updated_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = dataset_drafts, check_for_backend(MultiBackend))]
struct Row {
    key: String,
    file_name: String,
    announced_bytes: i64,
    received_bytes: i64,
    parts: Json<Vec<String>>,
    state: DraftState,
    source: RawSource,
    inspection: Option<String>,
    details: Json<DatasetDraft>,
    policy: String,
    sealed_key: String,
    examination: Option<String>,
    problem: Option<String>,
    step: String,
    progress: i32,
    measuring_until: Option<NaiveDateTime>,
    updated_at: NaiveDateTime,
}

impl Row {
    fn draft(self, owner: User) -> Draft {
        Draft {
            key: self.key,
            owner,
            file_name: self.file_name,
            announced_bytes: self.announced_bytes.unsigned_abs(),
            received_bytes: self.received_bytes.unsigned_abs(),
            parts: self.parts.0,
            state: self.state,
            source: self.source,
            details: DatasetDraft {
                policy: self.policy,
                ..self.details.0
            },
            problem: self.problem,
            step: self.step,
            progress: self.progress.clamp(0, 100) as u8, // clamped
            working_until: self.measuring_until.map(|until| until.and_utc()),
            sealed_key: self.sealed_key,
            sealed_inspection: self.inspection,
            sealed_examination: self.examination,
            updated_at: self.updated_at.and_utc(),
        }
    }
}

/// The details without the policy, which has a column of its own.
fn details_text(details: &DatasetDraft) -> Result<String, DatabaseError> {
    json_text(&DatasetDraft {
        policy: String::new(),
        ..details.clone()
    })
}

pub(super) fn insert(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    new: NewDraft,
) -> Result<Draft, DraftError> {
    let unfinished: i64 = dataset_drafts::table
        .filter(dataset_drafts::owner_id.eq(new.owner.id))
        .count()
        .get_result(connection)?;
    if unfinished >= MOST_DRAFTS {
        return Err(DraftError::TooMany);
    }
    diesel::insert_into(dataset_drafts::table)
        .values((
            dataset_drafts::key.eq(&new.key),
            dataset_drafts::owner_id.eq(new.owner.id),
            dataset_drafts::file_name.eq(&new.file_name),
            dataset_drafts::announced_bytes.eq(new.announced_bytes as i64), // at most the configured limit
            dataset_drafts::received_bytes.eq(0_i64),
            dataset_drafts::parts.eq("[]"),
            dataset_drafts::state.eq(DraftState::Uploading),
            dataset_drafts::source.eq(RawSource::Table),
            dataset_drafts::details.eq(details_text(&DatasetDraft::default())?),
            dataset_drafts::policy.eq(""),
            dataset_drafts::sealed_key.eq(&new.sealed_key),
            dataset_drafts::step.eq(""),
            dataset_drafts::progress.eq(0),
            dataset_drafts::created_at.eq(now.naive_utc()),
            dataset_drafts::updated_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    find(connection, &new.owner, &new.key)
}

pub(super) fn find(
    connection: &mut DatabaseConnection,
    user: &User,
    key: &str,
) -> Result<Draft, DraftError> {
    let found: Option<(Row, (i64, String, Role))> = dataset_drafts::table
        .inner_join(users::table)
        .filter(dataset_drafts::key.eq(key))
        .select((Row::as_select(), (users::id, users::username, users::role)))
        .first(connection)
        .optional()?;
    match found {
        Some((row, (id, username, role))) if Draft::is_of(id, user) => {
            Ok(row.draft(User { id, username, role }))
        }
        _ => Err(DraftError::NotFound(key.to_owned())),
    }
}

pub(super) fn list(
    connection: &mut DatabaseConnection,
    owner_id: i64,
    limit: i64,
) -> Result<Vec<DraftLine>, DraftError> {
    type Line = (String, String, i64, i64, DraftState, NaiveDateTime);
    let lines: Vec<Line> = dataset_drafts::table
        .filter(dataset_drafts::owner_id.eq(owner_id))
        .order((dataset_drafts::updated_at.desc(), dataset_drafts::id.desc()))
        .limit(limit)
        .select((
            dataset_drafts::key,
            dataset_drafts::file_name,
            dataset_drafts::received_bytes,
            dataset_drafts::announced_bytes,
            dataset_drafts::state,
            dataset_drafts::updated_at,
        ))
        .load(connection)?;
    let lines = lines.into_iter();
    Ok(lines
        .map(
            |(key, file_name, received, announced, state, updated_at)| DraftLine {
                key,
                file_name,
                received_bytes: received.unsigned_abs(),
                announced_bytes: announced.unsigned_abs(),
                state,
                updated_at: updated_at.and_utc(),
            },
        )
        .collect())
}

/// Appends a part of `bytes` that begins at `offset`; false where something else has come meanwhile.
pub(super) fn append(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    draft: &Draft,
    part: &str,
    bytes: u64,
) -> Result<bool, DraftError> {
    let mut parts = draft.parts.clone();
    parts.push(part.to_owned());
    let received = draft.received_bytes + bytes;
    let state = if received == draft.announced_bytes {
        DraftState::Uploaded
    } else {
        DraftState::Uploading
    };
    let expected = dataset_drafts::table
        .filter(dataset_drafts::key.eq(&draft.key))
        .filter(dataset_drafts::state.eq(DraftState::Uploading))
        .filter(dataset_drafts::received_bytes.eq(draft.received_bytes as i64)); // at most the limit
    let changed = diesel::update(expected)
        .set((
            dataset_drafts::received_bytes.eq(received as i64), // likewise
            dataset_drafts::parts.eq(json_text(&parts)?),
            dataset_drafts::state.eq(state),
            dataset_drafts::updated_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    Ok(changed == 1)
}

pub(super) fn set_policy(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    key: &str,
    details: &DatasetDraft,
) -> Result<(), DraftError> {
    // A release that is being published keeps its policy.
    let publishing = dataset_drafts::state
        .eq(DraftState::Measuring)
        .and(dataset_drafts::examination.is_not_null())
        .and(dataset_drafts::measuring_until.gt(now.naive_utc()))
        .assume_not_null();
    let changed = diesel::update(dataset_drafts::table.filter(dataset_drafts::key.eq(key)))
        .filter(diesel::dsl::not(publishing))
        .set((
            dataset_drafts::policy.eq(&details.policy),
            dataset_drafts::details.eq(details_text(details)?),
            dataset_drafts::state.eq(DraftState::Uploaded),
            dataset_drafts::examination.eq(None::<String>),
            dataset_drafts::problem.eq(None::<String>),
            dataset_drafts::measuring_until.eq(None::<NaiveDateTime>),
            dataset_drafts::updated_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    match changed {
        1 => Ok(()),
        _ => Err(DraftError::Changed),
    }
}

pub(super) fn set_details(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    key: &str,
    details: &DatasetDraft,
) -> Result<(), DraftError> {
    let changed = diesel::update(dataset_drafts::table.filter(dataset_drafts::key.eq(key)))
        .set((
            dataset_drafts::details.eq(details_text(details)?),
            dataset_drafts::updated_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    match changed {
        1 => Ok(()),
        _ => Err(DraftError::NotFound(key.to_owned())),
    }
}

pub(super) fn delete(connection: &mut DatabaseConnection, key: &str) -> Result<(), DraftError> {
    diesel::delete(dataset_drafts::table.filter(dataset_drafts::key.eq(key)))
        .execute(connection)?;
    Ok(())
}

/// What is done in the background, under a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    Inspect,
    Measure,
    Publish,
}

/// The right to work on a draft, until a time: who heartbeats in time keeps it.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    pub key: String,
    pub until: NaiveDateTime,
}

/// Takes the lease for a job, if nobody else works on the draft.
pub(super) fn begin(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    draft: &Draft,
    job: Job,
    step: &str,
) -> Result<Lease, DraftError> {
    match (job, draft.state) {
        (_, DraftState::Uploading) => return Err(DraftError::Incomplete),
        _ if draft.work(now) == Work::UnderWay => return Err(DraftError::Busy(draft.step.clone())),
        (Job::Inspect, _) => {}
        _ if !draft.is_inspected() => return Err(DraftError::NotInspected),
        _ if draft.details.policy.trim().is_empty() => return Err(DraftError::NoPolicy),
        (Job::Measure, _) => {}
        (Job::Publish, _) if draft.is_measured() => {}
        (Job::Publish, _) => return Err(DraftError::NotMeasured),
    }
    let until = (now + LEASE).naive_utc();
    let expected = dataset_drafts::table
        .filter(dataset_drafts::key.eq(&draft.key))
        .filter(dataset_drafts::policy.eq(&draft.details.policy))
        .filter(
            dataset_drafts::measuring_until
                .is_null()
                .or(dataset_drafts::measuring_until
                    .le(now.naive_utc())
                    .assume_not_null()),
        );
    let state = match job {
        Job::Inspect => DraftState::Uploaded,
        Job::Measure | Job::Publish => DraftState::Measuring,
    };
    let changed = diesel::update(expected)
        .set((
            dataset_drafts::state.eq(state),
            dataset_drafts::step.eq(step),
            dataset_drafts::progress.eq(0),
            dataset_drafts::problem.eq(None::<String>),
            dataset_drafts::measuring_until.eq(Some(until)),
            dataset_drafts::updated_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    if changed == 0 {
        return Err(DraftError::Changed);
    }
    if job != Job::Publish {
        diesel::update(dataset_drafts::table.filter(dataset_drafts::key.eq(&draft.key)))
            .set(dataset_drafts::examination.eq(None::<String>))
            .execute(connection)?;
    }
    Ok(Lease {
        key: draft.key.clone(),
        until,
    })
}

/// Keeps the lease and says how far the work is; none where it was lost.
pub(super) fn heartbeat(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    lease: &Lease,
    step: &str,
    percent: u8,
) -> Result<Option<Lease>, DraftError> {
    let until = (now + LEASE).naive_utc();
    let changed = diesel::update(held(lease))
        .set((
            dataset_drafts::step.eq(step),
            dataset_drafts::progress.eq(i32::from(percent)),
            dataset_drafts::measuring_until.eq(Some(until)),
            dataset_drafts::updated_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    Ok((changed == 1).then(|| Lease {
        key: lease.key.clone(),
        until,
    }))
}

type Held<'a> = diesel::dsl::Filter<
    diesel::dsl::Filter<dataset_drafts::table, diesel::dsl::Eq<dataset_drafts::key, &'a str>>,
    diesel::dsl::Eq<dataset_drafts::measuring_until, Option<NaiveDateTime>>,
>;

fn held(lease: &Lease) -> Held<'_> {
    dataset_drafts::table
        .filter(dataset_drafts::key.eq(lease.key.as_str()))
        .filter(dataset_drafts::measuring_until.eq(Some(lease.until)))
}

/// How a job ended.
pub(super) enum Outcome {
    /// What was understood, sealed.
    Inspected { sealed: String, source: RawSource },
    /// What was measured, sealed.
    Measured(String),
    /// Not at all; why. The release is still measured where it was.
    Failed { job: Job, problem: String },
}

/// Ends a job and gives the lease back; does nothing where it was lost.
pub(super) fn end(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    lease: &Lease,
    outcome: &Outcome,
) -> Result<(), DraftError> {
    let (state, problem) = match outcome {
        Outcome::Inspected { .. } => (DraftState::Uploaded, None),
        Outcome::Measured(_) => (DraftState::Measured, None),
        Outcome::Failed { job, problem } => match job {
            Job::Publish => (DraftState::Measured, Some(problem)),
            Job::Inspect | Job::Measure => (DraftState::Failed, Some(problem)),
        },
    };
    match outcome {
        // What was measured was measured of another table, if the source changed.
        Outcome::Inspected { sealed, source } => diesel::update(held(lease))
            .set((
                dataset_drafts::inspection.eq(Some(sealed)),
                dataset_drafts::source.eq(source),
                dataset_drafts::examination.eq(None::<String>),
            ))
            .execute(connection)?,
        Outcome::Measured(sealed) => diesel::update(held(lease))
            .set(dataset_drafts::examination.eq(Some(sealed)))
            .execute(connection)?,
        Outcome::Failed { .. } => 0,
    };
    diesel::update(held(lease))
        .set((
            dataset_drafts::state.eq(state),
            dataset_drafts::problem.eq(problem),
            dataset_drafts::progress.eq(100),
            dataset_drafts::measuring_until.eq(None::<NaiveDateTime>),
            dataset_drafts::updated_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    Ok(())
}

/// The drafts that nobody has touched since `then` and nobody works on.
pub(super) fn untouched_since(
    connection: &mut DatabaseConnection,
    then: DateTime<Utc>,
) -> Result<Vec<String>, DraftError> {
    Ok(dataset_drafts::table
        .filter(dataset_drafts::updated_at.lt(then.naive_utc()))
        .select(dataset_drafts::key)
        .load(connection)?)
}

/// Those of these keys that belong to a draft.
pub(super) fn known(
    connection: &mut DatabaseConnection,
    keys: &[String],
) -> Result<Vec<String>, DraftError> {
    Ok(dataset_drafts::table
        .filter(dataset_drafts::key.eq_any(keys))
        .select(dataset_drafts::key)
        .load(connection)?)
}

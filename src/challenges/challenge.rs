//! What an organizer posts: a challenge, its pages, its phases.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use diesel::dsl::exists;
use diesel::expression::BoxableExpression;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use serde::{Deserialize, Serialize};

use super::draft::{CarryOver, Joining, LatePolicy, SecondaryMetric, check_pages};
use super::limits::Limits;
use crate::accounts::permissions::Principal;
use crate::accounts::users::Role;
use crate::messages::notifications::{Notification, NotificationKind, Recipients, tell};
use crate::platform::audit::{self, Act};
use crate::platform::column_types::Json;
use crate::platform::database::{DatabaseConnection, DatabaseError, MultiBackend};
use crate::platform::schema::{
    challenge_invitations, challenge_pages, challenges, members, phases, users,
};
use crate::platform::storage::{Area, StorageError};
use crate::scoring::kind::SubmissionKind;
use crate::scoring::predictions::{FileFormat, PredictionFormat};
use crate::scoring::rule::ScoringRule;
use crate::scoring::runtimes::OnnxContract;
use crate::scoring::sandbox;
use crate::scoring::worker::SolutionSpec;

/// A challenge.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// The row.
    pub id: i64,
    /// Its address.
    pub slug: String,
    /// The organizer who posted it.
    pub owner_id: i64,
    /// Its name.
    pub title: String,
    /// What it asks, in a sentence.
    pub tagline: String,
    /// The release whose files its competitors work with.
    pub release_id: Option<i64>,
    /// Whether its predictions rate drivers.
    pub rates_drivers: bool,
    /// What a predictions file must hold.
    pub prediction_format: PredictionFormat,
    /// What may be sent.
    pub kinds: Vec<SubmissionKind>,
    /// The inputs and outputs of an ONNX model, where those may be sent.
    pub onnx: Option<OnnxContract>,
    /// What a run of a model or a scoring program may use.
    pub run_limits: sandbox::Limits,
    /// The rules, in Markdown.
    pub rules: String,
    /// Raised when the rules change; members accept again.
    pub rules_version: i32,
    /// How many teams joined.
    pub team_count: i64,
    /// When it was published; none before.
    pub published_at: Option<DateTime<Utc>>,
    /// Where its organizer has brought it.
    pub stage: Stage,
    /// What a reviewer wants changed before it is published; empty where nobody sent it back.
    pub review_note: String,
    /// Days of limits begin at midnight here.
    pub time_zone: Tz,
    /// Who may join.
    pub joining: Joining,
    /// What the invitation's link ends with: a secret.
    pub invitation_key: Option<String>,
    /// What can be won, in Markdown.
    pub prizes: String,
    /// Who may win it, in Markdown.
    pub eligibility: String,
    /// The most members of a team.
    pub max_team_size: u32,
    /// From then on teams stay as they are; none: until the last phase ends.
    pub teams_locked_at: Option<DateTime<Utc>>,
    /// How many submissions a team may choose for the private board.
    pub final_selections: u32,
    /// Whether it is a template for others, and never opened itself.
    pub is_template: bool,
}

crate::text_enum! {
    /// Where an organizer has brought a challenge. What the clock does to a published one (open, final
    /// phase, closed) is [`Life`](super::life::Life).
    pub enum Stage {
        /// Its organizer's alone.
        Draft = "draft",
        /// Written; somebody else looks at it before it is shown.
        Review = "review",
        /// Shown to whoever may see it.
        Published = "published",
        /// Over and kept: shown, listed apart, and nothing changes any more.
        Archived = "archived",
    }
}

/// A stretch of a challenge with its own dates, limits and solution.
#[derive(Debug, Clone)]
pub struct Phase {
    /// The row.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The first moment at which submissions are accepted.
    pub starts_at: DateTime<Utc>,
    /// The first moment at which they are no longer.
    pub ends_at: DateTime<Utc>,
    /// How submissions are scored.
    pub metric: ScoringRule,
    /// How many are accepted.
    pub limits: Limits,
    /// The largest file that is accepted, in bytes.
    pub max_bytes: u64,
    /// The content hash of the hidden solution.
    pub solution_sha256: String,
    /// How many rows a submission must have.
    pub solution_rows: i64,
    /// How the solution is read and split.
    pub solution_format: SolutionSpec,
    /// The content hash of a valid submission that knows nothing.
    pub sample_sha256: String,
    /// Its size.
    pub sample_bytes: u64,
    /// How many teams have a score.
    pub entry_count: i64,
    /// What models predict from, where the challenge takes models.
    pub features: Option<Features>,
    /// The content hash of the organizer's scoring program, where the metric names one.
    pub program_sha256: Option<String>,
    /// How long after the end an upload still counts as in time.
    pub grace: TimeDelta,
    /// What becomes of those that come later still.
    pub late: LatePolicy,
    /// Which submissions of the phase before are scored here too.
    pub carry_over: CarryOver,
    /// When they were taken over.
    pub carried_at: Option<DateTime<Utc>>,
    /// Its other metrics.
    pub secondary_metrics: Vec<SecondaryMetric>,
    /// Whether the public board moves only by improvements that are more than noise.
    pub ladder: bool,
    /// Decimals of the public scores on the board; none: all.
    pub public_digits: Option<u32>,
    /// Raised when its solution or metric is corrected.
    pub revision: i32,
}

/// What models predict from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    /// The content hash of the file.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// How it is written.
    pub format: FileFormat,
    /// Whether competitors may not see it: then neither what their models print.
    pub hidden: bool,
    /// Its columns beside the id, in their order.
    pub columns: Vec<String>,
}

impl Features {
    /// Where the file lies in the store.
    pub fn area(&self) -> Area {
        features_area(self.hidden)
    }
}

/// Where features lie in the store.
pub fn features_area(hidden: bool) -> Area {
    if hidden {
        Area::Hidden
    } else {
        Area::Published
    }
}

crate::text_enum! {
    /// Where a phase stands.
    pub enum PhaseState {
        /// It has not begun.
        Upcoming = "upcoming",
        /// Submissions are accepted.
        Open = "open",
        /// It is over; the private board is shown.
        Closed = "closed",
    }
}

impl Phase {
    /// Where the phase stands at a time.
    pub fn state(&self, now: DateTime<Utc>) -> PhaseState {
        if now < self.starts_at {
            PhaseState::Upcoming
        } else if now < self.ends_at {
            PhaseState::Open
        } else {
            PhaseState::Closed
        }
    }

    /// The first moment from which an upload is late: the end, and the grace after it.
    pub fn late_from(&self) -> DateTime<Utc> {
        self.ends_at + self.grace
    }

    /// Whether nothing can change the boards any more, so that the private one may be shown.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        now >= self.late_from()
    }
}

/// The phase that matters now: the open one, else the next to begin, else the last that was.
pub fn current_phase(phases: &[Phase], now: DateTime<Utc>) -> Option<&Phase> {
    let in_state = |state| move |phase: &&Phase| phase.state(now) == state;
    phases
        .iter()
        .find(in_state(PhaseState::Open))
        .or_else(|| phases.iter().find(in_state(PhaseState::Upcoming)))
        .or_else(|| phases.last())
}

/// A page of a challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page {
    /// Its address below the challenge's.
    pub slug: String,
    /// Its heading.
    pub title: String,
    /// Its text, in Markdown.
    pub body: String,
}

/// Why a challenge cannot be shown, posted or changed.
#[derive(Debug, thiserror::Error)]
pub enum ChallengeError {
    /// There is none of this name, or it is a draft of somebody else's.
    #[error("There is no challenge `{0}`.")]
    NotFound(String),
    /// It is somebody else's.
    #[error("Only its organizer and admins may do this.")]
    NotYours,
    /// The organizer was asked, and would rather not.
    #[error("The organizer declined your request to join this challenge.")]
    Declined,
    /// A field of the draft is not as it must be.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which field.
        field: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Its solution could not be stored.
    #[error(transparent)]
    Storage(StorageError),
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<diesel::result::Error> for ChallengeError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

pub(super) fn invalid<T>(
    field: impl Into<String>,
    problem: impl Into<String>,
) -> Result<T, ChallengeError> {
    Err(ChallengeError::Invalid {
        field: field.into(),
        problem: problem.into(),
    })
}

/// Stores a challenge's pages in their order.
pub(super) fn insert_pages(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    pages: &[Page],
) -> Result<(), ChallengeError> {
    for (position, page) in (0_i32..).zip(pages) {
        diesel::insert_into(challenge_pages::table)
            .values((
                challenge_pages::challenge_id.eq(challenge_id),
                challenge_pages::position.eq(position),
                challenge_pages::slug.eq(&page.slug),
                challenge_pages::title.eq(&page.title),
                challenge_pages::body.eq(&page.body),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// What of a challenge its organizer may change at any time.
#[derive(Debug, Clone, Deserialize)]
pub struct ChallengeTexts {
    /// Its name.
    pub title: String,
    /// What it asks, in a sentence.
    pub tagline: String,
    /// The rules; a change asks every member to accept again.
    pub rules: String,
    /// All of its pages.
    pub pages: Vec<Page>,
}

/// Changes a challenge's texts.
pub fn edit(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    texts: &ChallengeTexts,
) -> Result<(), ChallengeError> {
    let challenge = find_managed(connection, principal, slug)?;
    for (field, text) in [
        ("title", &texts.title),
        ("tagline", &texts.tagline),
        ("rules", &texts.rules),
    ] {
        if text.trim().is_empty() {
            return invalid(field, "this may not be empty");
        }
    }
    check_pages(&texts.pages)?;
    let rules_changed = challenge.rules != texts.rules;
    let rules_version = challenge.rules_version + i32::from(rules_changed);
    diesel::update(challenges::table.find(challenge.id))
        .set((
            challenges::title.eq(texts.title.trim()),
            challenges::tagline.eq(texts.tagline.trim()),
            challenges::rules.eq(&texts.rules),
            challenges::rules_version.eq(rules_version),
        ))
        .execute(connection)?;
    diesel::delete(challenge_pages::table.filter(challenge_pages::challenge_id.eq(challenge.id)))
        .execute(connection)?;
    insert_pages(connection, challenge.id, &texts.pages)?;
    let act = Act {
        actor_id: principal.user().map(|user| user.id),
        action: "challenge.edit",
        subject: &format!("challenge:{slug}"),
        challenge_id: Some(challenge.id),
        detail: &format!("rules version {rules_version}"),
    };
    audit::record(connection, now, &act)?;
    if rules_changed && challenge.published_at.is_some() {
        tell_of_rules(connection, now, principal, &challenge, rules_version)?;
    }
    Ok(())
}

fn tell_of_rules(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    challenge: &Challenge,
    rules_version: i32,
) -> Result<(), DatabaseError> {
    let notification = Notification {
        kind: NotificationKind::RulesChanged,
        challenge_id: Some(challenge.id),
        caused_by: principal.user().map(|user| user.id),
        title: &format!("{}: the rules changed", challenge.title),
        body: &format!(
            "Version {rules_version} is in force now. Read it and accept it before your next submission; what \
             you sent so far stays."
        ),
        href: &format!("/challenges/{}/rules", challenge.slug),
    };
    tell(
        connection,
        now,
        Recipients::MembersOf(challenge.id),
        &notification,
    )
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = challenges, check_for_backend(MultiBackend))]
struct ChallengeRow {
    id: i64,
    slug: String,
    owner_id: i64,
    title: String,
    tagline: String,
    release_id: Option<i64>,
    rates_drivers: bool,
    prediction_format: Json<PredictionFormat>,
    kinds: Json<Vec<SubmissionKind>>,
    onnx_contract: Option<Json<OnnxContract>>,
    run_limits: Option<Json<sandbox::Limits>>,
    rules: String,
    rules_version: i32,
    team_count: i64,
    published_at: Option<NaiveDateTime>,
    stage: Stage,
    review_note: String,
    time_zone: String,
    joining: Joining,
    invitation_key: Option<String>,
    prizes: String,
    eligibility: String,
    max_team_size: i32,
    teams_locked_at: Option<NaiveDateTime>,
    final_selections: i32,
    is_template: bool,
}

impl TryFrom<ChallengeRow> for Challenge {
    type Error = DatabaseError;

    fn try_from(row: ChallengeRow) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.id,
            slug: row.slug,
            owner_id: row.owner_id,
            title: row.title,
            tagline: row.tagline,
            release_id: row.release_id,
            rates_drivers: row.rates_drivers,
            prediction_format: row.prediction_format.0,
            kinds: row.kinds.0,
            onnx: row.onnx_contract.map(|contract| contract.0),
            run_limits: row.run_limits.map(|limits| limits.0).unwrap_or_default(),
            rules: row.rules,
            rules_version: row.rules_version,
            team_count: row.team_count,
            published_at: row.published_at.map(|time| time.and_utc()),
            stage: row.stage,
            review_note: row.review_note,
            time_zone: readable(row.time_zone.parse())?,
            joining: row.joining,
            invitation_key: row.invitation_key,
            prizes: row.prizes,
            eligibility: row.eligibility,
            max_team_size: row.max_team_size.unsigned_abs(),
            teams_locked_at: row.teams_locked_at.map(|time| time.and_utc()),
            final_selections: row.final_selections.unsigned_abs(),
            is_template: row.is_template,
        })
    }
}

/// A row of `phases` as the database has it; other files of this room join it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = phases, check_for_backend(MultiBackend))]
pub(super) struct PhaseRow {
    id: i64,
    pub(super) challenge_id: i64,
    name: String,
    starts_at: NaiveDateTime,
    ends_at: NaiveDateTime,
    metric: String,
    submissions_per_day: i32,
    submissions_total: i32,
    max_bytes: i64,
    solution_sha256: String,
    solution_rows: i64,
    solution_format: Json<SolutionSpec>,
    sample_sha256: String,
    sample_bytes: i64,
    entry_count: i64,
    features_sha256: Option<String>,
    features_bytes: Option<i64>,
    features_format: Option<String>,
    features_hidden: bool,
    features_columns: Option<Json<Vec<String>>>,
    program_sha256: Option<String>,
    grace_minutes: i32,
    late: LatePolicy,
    carry_over: CarryOver,
    carried_at: Option<NaiveDateTime>,
    secondary_metrics: Json<Vec<SecondaryMetric>>,
    ladder: bool,
    public_digits: Option<i32>,
    revision: i32,
}

impl TryFrom<PhaseRow> for Phase {
    type Error = DatabaseError;

    fn try_from(row: PhaseRow) -> Result<Self, DatabaseError> {
        let metric = readable(row.metric.parse::<ScoringRule>())?;
        let features = match (row.features_sha256, row.features_bytes, row.features_format) {
            (Some(sha256), Some(bytes), Some(format)) => Some(Features {
                sha256,
                bytes: bytes.unsigned_abs(),
                format: readable(format.parse())?,
                hidden: row.features_hidden,
                columns: row
                    .features_columns
                    .map(|columns| columns.0)
                    .unwrap_or_default(),
            }),
            _ => None,
        };
        Ok(Self {
            id: row.id,
            name: row.name,
            starts_at: row.starts_at.and_utc(),
            ends_at: row.ends_at.and_utc(),
            metric,
            limits: Limits {
                per_day: row.submissions_per_day.unsigned_abs(),
                total: row.submissions_total.unsigned_abs(),
            },
            max_bytes: row.max_bytes.unsigned_abs(),
            solution_sha256: row.solution_sha256,
            solution_rows: row.solution_rows,
            solution_format: row.solution_format.0,
            sample_sha256: row.sample_sha256,
            sample_bytes: row.sample_bytes.unsigned_abs(),
            entry_count: row.entry_count,
            features,
            program_sha256: row.program_sha256,
            grace: TimeDelta::minutes(row.grace_minutes.into()),
            late: row.late,
            carry_over: row.carry_over,
            carried_at: row.carried_at.map(|time| time.and_utc()),
            secondary_metrics: row.secondary_metrics.0,
            ladder: row.ladder,
            public_digits: row.public_digits.map(i32::unsigned_abs),
            revision: row.revision,
        })
    }
}

/// A value of the database that this version must be able to read.
pub(super) fn readable<T, E: std::fmt::Display>(parsed: Result<T, E>) -> Result<T, DatabaseError> {
    parsed.map_err(|error| {
        diesel::result::Error::DeserializationError(error.to_string().into()).into()
    })
}

/// A challenge with its phases in order.
pub type WithPhases = (Challenge, Vec<Phase>);

type Condition = Box<dyn BoxableExpression<challenges::table, MultiBackend, SqlType = Bool>>;

/// Which challenges a caller may know of; all others do not exist for them. The one place that decides it:
/// drafts are their organizer's alone, and what is by invitation its members' and theirs who are on its list.
fn known_to(principal: &Principal) -> Condition {
    let published = challenges::published_at.is_not_null();
    let Some(user) = principal.user() else {
        return Box::new(published.and(challenges::joining.ne(Joining::Invited)));
    };
    let is_member = members::table
        .filter(members::challenge_id.eq(challenges::id))
        .filter(members::user_id.eq(user.id));
    let is_listed = challenge_invitations::table
        .inner_join(users::table.on(users::email.eq(challenge_invitations::email)))
        .filter(challenge_invitations::challenge_id.eq(challenges::id))
        .filter(users::id.eq(user.id));
    match user.role {
        Role::Admin => Box::new(challenges::id.is_not_null()),
        Role::Organizer | Role::Expert | Role::Scout => {
            // Those who lost the role manage nothing; no row has this owner.
            let owner = match user.role {
                Role::Organizer => user.id,
                _ => -1,
            };
            Box::new(
                challenges::owner_id.eq(owner).or(published.and(
                    challenges::joining
                        .ne(Joining::Invited)
                        .or(exists(is_member))
                        .or(exists(is_listed)),
                )),
            )
        }
    }
}

fn with_phases(
    connection: &mut DatabaseConnection,
    slug: &str,
    row: Option<ChallengeRow>,
) -> Result<WithPhases, ChallengeError> {
    let row = row.ok_or_else(|| ChallengeError::NotFound(slug.to_owned()))?;
    let found = phases_of(connection, row.id)?;
    Ok((Challenge::try_from(row)?, found))
}

/// The challenge of this address for an operator, or for a rule that decides by itself whether the caller
/// may see it.
pub(super) fn find_whoever_asks(
    connection: &mut DatabaseConnection,
    slug: &str,
) -> Result<WithPhases, ChallengeError> {
    let row: Option<ChallengeRow> = challenges::table
        .filter(challenges::slug.eq(slug))
        .select(ChallengeRow::as_select())
        .first(connection)
        .optional()?;
    with_phases(connection, slug, row)
}

/// All phases of a challenge, in order.
pub(super) fn phases_of(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
) -> Result<Vec<Phase>, DatabaseError> {
    let rows: Vec<PhaseRow> = phases::table
        .filter(phases::challenge_id.eq(challenge_id))
        .order(phases::position)
        .select(PhaseRow::as_select())
        .load(connection)?;
    rows.into_iter().map(Phase::try_from).collect()
}

/// The challenge of this address, if the caller may know of it.
pub fn find(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    slug: &str,
) -> Result<WithPhases, ChallengeError> {
    let row: Option<ChallengeRow> = challenges::table
        .filter(challenges::slug.eq(slug))
        .filter(known_to(principal))
        .select(ChallengeRow::as_select())
        .first(connection)
        .optional()?;
    with_phases(connection, slug, row)
}

/// Address and name of those of these challenges that the caller may know of.
pub fn known_among(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    ids: &[i64],
) -> Result<std::collections::HashMap<i64, (String, String)>, DatabaseError> {
    let rows: Vec<(i64, String, String)> = challenges::table
        .filter(challenges::id.eq_any(ids))
        .filter(known_to(principal))
        .select((challenges::id, challenges::slug, challenges::title))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(id, slug, title)| (id, (slug, title)))
        .collect())
}

/// The challenge of this address with its phases, if the caller may run it.
pub fn find_managed_with_phases(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    slug: &str,
) -> Result<WithPhases, ChallengeError> {
    let found = find(connection, principal, slug)?;
    if principal.may_manage(found.0.owner_id) {
        Ok(found)
    } else {
        Err(ChallengeError::NotYours)
    }
}

/// The challenge of this address, if the caller may run it.
pub fn find_managed(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    slug: &str,
) -> Result<Challenge, ChallengeError> {
    Ok(find_managed_with_phases(connection, principal, slug)?.0)
}

/// Which challenges a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed<'a> {
    /// All that are published and that this caller may know of.
    PublishedFor(&'a Principal),
    /// All of an organizer's, drafts included.
    OwnedBy(i64),
    /// Every one: for admins.
    All,
}

/// Up to `limit` challenges, newest first, older than the challenge `before` where given.
pub fn list(
    connection: &mut DatabaseConnection,
    listed: Listed<'_>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<WithPhases>, ChallengeError> {
    let mut query = challenges::table
        .order(challenges::id.desc())
        .limit(limit)
        .select(ChallengeRow::as_select())
        .into_boxed::<MultiBackend>();
    match listed {
        Listed::PublishedFor(principal) => {
            query = query
                .filter(challenges::published_at.is_not_null())
                .filter(known_to(principal));
        }
        Listed::OwnedBy(owner) => query = query.filter(challenges::owner_id.eq(owner)),
        Listed::All => {}
    }
    if let Some(before) = before {
        query = query.filter(challenges::id.lt(before));
    }
    let rows: Vec<ChallengeRow> = query.load(connection)?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let phase_rows: Vec<PhaseRow> = phases::table
        .filter(phases::challenge_id.eq_any(ids))
        .order((phases::challenge_id, phases::position))
        .select(PhaseRow::as_select())
        .load(connection)?;
    let mut by_challenge = std::collections::HashMap::<i64, Vec<Phase>>::new();
    for row in phase_rows {
        let challenge_id = row.challenge_id;
        let phase = Phase::try_from(row)?;
        by_challenge.entry(challenge_id).or_default().push(phase);
    }
    rows.into_iter()
        .map(|row| {
            let phases = by_challenge.remove(&row.id).unwrap_or_default();
            Ok((Challenge::try_from(row)?, phases))
        })
        .collect()
}

/// The pages of a challenge in order.
pub fn pages(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
) -> Result<Vec<Page>, ChallengeError> {
    let rows: Vec<(String, String, String)> = challenge_pages::table
        .filter(challenge_pages::challenge_id.eq(challenge_id))
        .order(challenge_pages::position)
        .select((
            challenge_pages::slug,
            challenge_pages::title,
            challenge_pages::body,
        ))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(slug, title, body)| Page { slug, title, body })
        .collect())
}

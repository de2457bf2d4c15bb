//! Challenges: finding one, reading it, taking part in it, and posting one.

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::datasets::{FileLink, link_files};
use super::forms;
use super::kinds::{FeaturesDetail, KindDetail, RuntimeDetail};
use super::paging::{self, Paging};
use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::challenges::challenge::{
    self, Challenge, ChallengeError, Listed, Page, Phase, PhaseState, current_phase,
};
use crate::challenges::draft::{ChallengeDraft, Joining};
use crate::challenges::life;
use crate::challenges::limits::{Used, remaining_today};
use crate::challenges::membership::{self, Acceptance, Joined};
use crate::challenges::posting::{self, ChallengeFiles};
use crate::challenges::{joining, submissions};
use crate::datasets::catalogue;
use crate::http::downloads::{self, Download};
use crate::http::fault::Fault;
use crate::http::guard;
use crate::platform::database::DatabaseConnection;
use crate::scoring::metrics::Direction;
use crate::scoring::predictions::PredictionFormat;
use crate::scoring::runtimes::OnnxContract;
use crate::scoring::sandbox::Limits;

/// A page of the list of challenges.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChallengeList {
    /// Newest first.
    challenges: Vec<ChallengeSummary>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// A challenge in a list. Metric, state and dates are those of the phase that matters now.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChallengeSummary {
    slug: String,
    title: String,
    tagline: String,
    /// How submissions are scored: a key of the metric catalogue.
    #[schema(example = "rmse")]
    metric: String,
    metric_title: String,
    direction: Direction,
    state: PhaseState,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    /// Teams that joined.
    teams: i64,
    /// Teams that have a score.
    entries: i64,
    /// This challenge in the API.
    url: String,
}

impl ChallengeSummary {
    fn new(challenge: Challenge, phase: &Phase, now: DateTime<Utc>) -> Self {
        Self {
            url: address(&challenge.slug),
            slug: challenge.slug,
            title: challenge.title,
            tagline: challenge.tagline,
            metric: phase.metric.to_string(),
            metric_title: phase.metric.title().to_owned(),
            direction: phase.metric.direction(),
            state: phase.state(now),
            starts_at: phase.starts_at,
            ends_at: phase.ends_at,
            teams: challenge.team_count,
            entries: phase.entry_count,
        }
    }
}

fn address(slug: &str) -> String {
    format!("/api/v1/challenges/{slug}")
}

/// All of a challenge.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChallengeDetail {
    #[serde(flatten)]
    summary: ChallengeSummary,
    /// When it was published; null while it is a draft.
    published_at: Option<DateTime<Utc>>,
    /// Whether its predictions rate drivers.
    rates_drivers: bool,
    /// Its pages, in Markdown; the first is the overview.
    pages: Vec<Page>,
    /// The rules, in Markdown.
    rules: String,
    /// Who may join.
    joining: Joining,
    /// Who may win, in Markdown; where it is not empty, members confirm that it holds for them.
    eligibility: String,
    /// The most members of a team.
    max_team_size: u32,
    /// What to send when the rules are accepted.
    rules_version: i32,
    /// What a predictions file must hold.
    prediction_format: PredictionFormat,
    /// What may be sent.
    kinds: Vec<KindDetail>,
    /// The inputs and outputs of an ONNX model, where those may be sent.
    onnx: Option<OnnxContract>,
    /// What a run of a model may use.
    run_limits: Limits,
    /// What models run with on this server; null where nothing but Python's standard library is there.
    runtime: Option<RuntimeDetail>,
    /// Its phases in order.
    phases: Vec<PhaseDetail>,
    /// The data that competitors work with.
    dataset: Option<ChallengeData>,
    /// A valid predictions file of constants, to begin with.
    sample_submission_url: String,
    leaderboard_url: String,
    /// What the caller may send in the phase that matters now.
    limits: RemainingLimits,
    /// The caller's place; null for those who did not join.
    membership: Option<Membership>,
}

/// A phase.
#[derive(Debug, Serialize, ToSchema)]
pub struct PhaseDetail {
    name: String,
    state: PhaseState,
    /// The first moment at which submissions are accepted.
    starts_at: DateTime<Utc>,
    /// The first moment at which they are no longer.
    ends_at: DateTime<Utc>,
    /// How submissions are scored: a key of the metric catalogue.
    #[schema(example = "rmse")]
    metric: String,
    limits: PhaseLimits,
    /// The largest file that is accepted.
    max_bytes: u64,
    /// How many rows a submission must have.
    rows: i64,
    /// What models predict from, where the challenge takes models.
    features: Option<FeaturesDetail>,
}

/// Counted submissions that a phase allows a team. Invalid files do not count.
#[derive(Debug, Serialize, ToSchema)]
pub struct PhaseLimits {
    /// In a day (UTC).
    per_day: u32,
    /// In the phase.
    total: u32,
}

/// What a phase allows, and what of it is left.
#[derive(Debug, Serialize, ToSchema)]
pub struct RemainingLimits {
    /// Counted submissions in a day (UTC).
    per_day: u32,
    /// Counted submissions in the phase.
    total: u32,
    /// How many more are accepted today.
    remaining_today: u32,
    /// How many more are accepted in the phase.
    remaining_total: u32,
}

/// A person's place in a challenge.
#[derive(Debug, Serialize, ToSchema)]
pub struct Membership {
    /// The team's name on the leaderboard.
    team: String,
    /// The rules that were accepted.
    rules_version: i32,
}

/// The release that a challenge works with.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChallengeData {
    slug: String,
    version: i32,
    /// The dataset in the API, in this version.
    url: String,
    files: Vec<FileLink>,
}

/// Lists challenges
///
/// Published challenges, newest first. Those by invitation alone are listed for members and invitees.
#[utoipa::path(
    get, path = "/api/v1/challenges", operation_id = "list_challenges", tag = "challenges",
    params(Paging),
    responses((status = 200, description = "A page of challenges", body = ChallengeList)),
)]
pub async fn list(
    house: House,
    principal: Principal,
    paging: Query<Paging>,
) -> Result<Json<ChallengeList>, Fault> {
    let (limit, after) = (paging.limit()?, paging.after()?);
    let mut found = house
        .database
        .read(move |connection| {
            let listed = Listed::PublishedFor(&principal);
            challenge::list(connection, listed, after, limit + 1)
        })
        .await?;
    let next = paging::cut(&mut found, limit, |(challenge, _)| challenge.id);
    let now = house.clock.now();
    let challenges = found.into_iter().filter_map(|(challenge, phases)| {
        let phase = current_phase(&phases, now)?;
        Some(ChallengeSummary::new(challenge, phase, now))
    });
    Ok(Json(ChallengeList {
        challenges: challenges.collect(),
        next,
    }))
}

/// Reads a challenge
///
/// Everything that its pages show, and what the caller may still send. Drafts are their organizer's
/// alone.
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}", operation_id = "get_challenge", tag = "challenges",
    params(("slug" = String, Path, description = "The challenge's address")),
    responses((status = 200, description = "The challenge", body = ChallengeDetail)),
)]
pub async fn find(
    house: House,
    principal: Principal,
    slug: Path<String>,
) -> Result<Json<ChallengeDetail>, Fault> {
    Ok(Json(read(&house, &principal, &slug).await?))
}

async fn read(house: &House, principal: &Principal, slug: &str) -> Result<ChallengeDetail, Fault> {
    let now = house.clock.now();
    let (principal, slug) = (principal.clone(), slug.to_owned());
    let detail = house
        .database
        .read(move |connection| detail(connection, now, &principal, &slug))
        .await?;
    Ok(ChallengeDetail {
        runtime: RuntimeDetail::of(house),
        ..detail
    })
}

fn detail(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
) -> Result<ChallengeDetail, Fault> {
    let (challenge, phases) = challenge::find(connection, principal, slug)?;
    let current = current_phase(&phases, now)
        .ok_or_else(|| Fault::internal(format!("the challenge {slug} has no phase")))?;
    let pages = challenge::pages(connection, challenge.id)?;
    let release = match challenge.release_id {
        Some(release_id) => catalogue::find_release(connection, release_id)?,
        None => None,
    };
    let place = match principal.user() {
        Some(user) => membership::of(connection, challenge.id, user.id)?,
        None => None,
    };
    let (used, membership) = match place {
        None => (Used::default(), None),
        Some(place) => (
            submissions::used(
                connection,
                now,
                challenge.time_zone,
                current.id,
                place.team_id,
            )?,
            Some(Membership {
                team: membership::team_name(connection, place.team_id)?,
                rules_version: place.rules_version,
            }),
        ),
    };
    Ok(ChallengeDetail {
        published_at: challenge.published_at,
        rates_drivers: challenge.rates_drivers,
        pages,
        rules: challenge.rules.clone(),
        joining: challenge.joining,
        eligibility: challenge.eligibility.clone(),
        max_team_size: challenge.max_team_size,
        rules_version: challenge.rules_version,
        prediction_format: challenge.prediction_format.clone(),
        kinds: KindDetail::all(&challenge),
        onnx: challenge.onnx.clone(),
        run_limits: challenge.run_limits.clone(),
        runtime: None,
        phases: phases
            .iter()
            .map(|phase| PhaseDetail::new(phase, now))
            .collect(),
        dataset: release.map(|release| ChallengeData {
            url: super::datasets::release_address(&release.slug, release.version),
            files: link_files(&release.slug, release.version, release.files),
            slug: release.slug,
            version: release.version,
        }),
        sample_submission_url: format!("{}/sample-submission", address(slug)),
        leaderboard_url: format!("{}/leaderboard", address(slug)),
        limits: RemainingLimits {
            per_day: current.limits.per_day,
            total: current.limits.total,
            remaining_today: remaining_today(current.limits, used),
            remaining_total: current.limits.total.saturating_sub(used.total),
        },
        membership,
        summary: ChallengeSummary::new(challenge, current, now),
    })
}

impl PhaseDetail {
    fn new(phase: &Phase, now: DateTime<Utc>) -> Self {
        Self {
            name: phase.name.clone(),
            state: phase.state(now),
            starts_at: phase.starts_at,
            ends_at: phase.ends_at,
            metric: phase.metric.to_string(),
            limits: PhaseLimits {
                per_day: phase.limits.per_day,
                total: phase.limits.total,
            },
            max_bytes: phase.max_bytes,
            rows: phase.solution_rows,
            features: FeaturesDetail::of(phase),
        }
    }
}

/// Downloads the sample submission
///
/// A valid predictions file of constants for the phase that matters now. Answers `Range` and
/// `If-None-Match`.
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/sample-submission", operation_id = "get_sample_submission",
    tag = "challenges",
    params(("slug" = String, Path, description = "The challenge's address")),
    responses(
        (status = 200, description = "The file", body = String, content_type = "text/csv"),
        (status = 206, description = "The range that was asked for", body = String, content_type = "text/csv"),
        (status = 304, description = "The caller's copy is the newest"),
    ),
)]
pub async fn sample_submission(
    house: House,
    principal: Principal,
    slug: Path<String>,
    request: HttpRequest,
) -> Answer {
    let slug = slug.into_inner();
    let file_name = format!("{slug}-sample-submission.csv");
    let (_, phases) = house
        .database
        .read(move |connection| challenge::find(connection, &principal, &slug))
        .await?;
    let phase = current_phase(&phases, house.clock.now())
        .ok_or_else(|| Fault::not_found("This challenge has no sample submission."))?;
    let download = Download {
        sha256: &phase.sample_sha256,
        bytes: phase.sample_bytes,
        media_type: "text/csv; charset=utf-8",
        file_name: &file_name,
    };
    downloads::send(&house.storage, &request, download).await
}

/// What accepts a challenge's rules.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptRules {
    /// The version that was read.
    #[schema(minimum = 1)]
    #[serde(deserialize_with = "whole")]
    rules_version: i32,
    /// Whether what the challenge writes about eligibility holds for you; asked where it writes something.
    #[serde(default)]
    eligible: bool,
    /// What you write to an organizer who decides whether you come in.
    #[serde(default)]
    #[schema(max_length = 1000)]
    message: String,
    /// What the invitation's link ends with, where you have one.
    #[serde(default)]
    invitation_key: Option<String>,
}

/// A whole number, however it is written: to JSON 1.0 and 1 are the same.
fn whole<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    let number = f64::deserialize(deserializer)?;
    // Every whole number of this range is exact in both types.
    let whole = number as i32;
    if f64::from(whole) == number {
        Ok(whole)
    } else {
        Err(serde::de::Error::custom(
            "rules_version: send a whole number, as the challenge has it",
        ))
    }
}

/// Accepts the rules
///
/// Joins the challenge, asks to be let in where the organizer decides, or accepts a newer version of the
/// rules. A person alone is a team of one that has their name.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/membership", operation_id = "accept_rules",
    tag = "challenges",
    params(("slug" = String, Path, description = "The challenge's address")),
    request_body = AcceptRules,
    responses(
        (status = 200, description = "Was a member before", body = Membership),
        (status = 201, description = "Joined", body = Membership),
        (status = 202, description = "The organizer decides who comes in; the request waits"),
        (status = 400, description = "The body is no JSON."),
        (status = 409, description = "The rules are of another version by now."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn accept_rules(
    house: House,
    principal: Principal,
    slug: Path<String>,
    accepted: Json<AcceptRules>,
) -> Answer {
    let now = house.clock.now();
    let user = guard::user(&principal)?.clone();
    let (slug, accepted) = (slug.into_inner(), accepted.into_inner());
    let version = accepted.rules_version;
    let acceptance = Acceptance {
        rules_version: version,
        is_eligible: accepted.eligible,
        message: accepted.message,
        invitation_key: accepted.invitation_key,
    };
    let (status, place) = house
        .database
        .write(move |connection| {
            let (challenge, _) = match &acceptance.invitation_key {
                Some(key) => joining::find_by_key(connection, &slug, key)
                    .or_else(|_| challenge::find(connection, &principal, &slug))?,
                None => challenge::find(connection, &principal, &slug)?,
            };
            if version != challenge.rules_version {
                return Err(rules_changed(&slug, challenge.rules_version));
            }
            let before = membership::of(connection, challenge.id, user.id)?;
            let joined = membership::accept_rules(connection, now, &user, &challenge, &acceptance)?;
            let Joined::Member(place) = joined else {
                return Ok((StatusCode::ACCEPTED, None));
            };
            let status = match before {
                None => StatusCode::CREATED,
                Some(_) => StatusCode::OK,
            };
            let place = Membership {
                team: membership::team_name(connection, place.team_id)?,
                rules_version: place.rules_version,
            };
            Ok((status, Some(place)))
        })
        .await?;
    let mut answer = HttpResponse::build(status);
    Ok(match place {
        Some(place) => answer.json(place),
        None => answer.finish(),
    })
}

fn rules_changed(slug: &str, current: i32) -> Fault {
    Fault {
        field: Some("rules_version".into()),
        ..Fault::new(
            StatusCode::CONFLICT,
            "rules_changed",
            format!(
                "The rules in force are version {current}; read them at {} and send that version.",
                address(slug)
            ),
        )
    }
}

/// A challenge and its solutions.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "describes the form to the reader of the API's description"
)]
pub struct ChallengeForm {
    /// The challenge: JSON.
    challenge: ChallengeDraft,
    /// The hidden solutions, CSV, one for each phase in their order.
    #[schema(value_type = Vec<String>, format = Binary, content_media_type = "text/csv")]
    solution: Vec<Vec<u8>>,
    /// What models predict from, CSV or Parquet, one for each phase in their order.
    #[schema(value_type = Vec<String>, format = Binary, content_media_type = "application/octet-stream")]
    features: Vec<Vec<u8>>,
    /// The scoring programs, zips, one for each phase whose metric names one.
    #[schema(value_type = Vec<String>, format = Binary, content_media_type = "application/zip")]
    program: Vec<Vec<u8>>,
}

/// Posts a challenge
///
/// As a draft that nobody else sees until it is published.
#[utoipa::path(
    post, path = "/api/v1/challenges", operation_id = "post_challenge", tag = "challenges",
    request_body(content = ChallengeForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The draft", body = ChallengeDetail, headers(("Location" = String))),
        (status = 400, description = "The form cannot be read."),
        (status = 413, description = "A solution is too large."),
        (status = 415, description = "This is not a multipart form."),
    ),
)]
pub async fn create(
    house: House,
    principal: Principal,
    request: HttpRequest,
    body: actix_web::web::Payload,
) -> Answer {
    let form: Multipart = forms::multipart(&request, body)?;
    let owner = guard::user(&principal)?.clone();
    let mut received = forms::receive(
        form,
        &["solution", "features", "program"],
        house.config.max_upload_bytes,
    )
    .await?;
    let text = received.required_text("challenge")?;
    let draft: ChallengeDraft = serde_json::from_str(&text)
        .map_err(|error| Fault::invalid("challenge", format!("this is no challenge: {error}")))?;
    received.no_other_texts()?;
    let slug = draft.slug.clone();
    let files = ChallengeFiles {
        solutions: received.paths("solution"),
        features: received.paths("features"),
        programs: received.paths("program"),
    };
    let now = house.clock.now();
    posting::post(&house.database, &house.storage, now, &owner, draft, files).await?;
    let detail = read(&house, &principal, &slug).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, address(&slug)))
        .json(detail))
}

/// Publishes a challenge
///
/// Shows a draft to everybody. Doing it again changes nothing.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/publish", operation_id = "publish_challenge",
    tag = "challenges",
    params(("slug" = String, Path, description = "The challenge's address")),
    responses((status = 200, description = "The challenge, for all to see", body = ChallengeDetail)),
)]
pub async fn publish(
    house: House,
    principal: Principal,
    slug: Path<String>,
) -> Result<Json<ChallengeDetail>, Fault> {
    let now = house.clock.now();
    let (caller, published) = (principal.clone(), slug.clone());
    let needs_review = house.config.challenge_review;
    house
        .database
        .write(move |connection| {
            life::publish(connection, now, &caller, &published, needs_review)?;
            Ok::<_, ChallengeError>(())
        })
        .await?;
    Ok(Json(read(&house, &principal, &slug).await?))
}

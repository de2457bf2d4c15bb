//! A challenge in the eyes of its organizer: what needs attention, who sent what, both boards, and
//! publishing.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::count;
use super::runs::RescoringPart;
use crate::accounts::permissions::Principal;
use crate::challenges::bundle::MissingFile;
use crate::challenges::challenge::{self as challenges, Challenge, ChallengeError, current_phase};
use crate::challenges::leaderboard::{self, Board, Entry};
use crate::challenges::life;
use crate::challenges::reuse;
use crate::challenges::runs;
use crate::challenges::submissions::{self, Submission};
use crate::challenges::workload;
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::scoring::verdict::Verdict;
use crate::talent::board;
use crate::web::page::{Page, see_other_saying};
use crate::web::{format, markdown};

/// Submissions on a page.
const PAGE: usize = 25;

/// Teams of each board.
const TOP: i64 = 10;

/// Where the list of submissions begins.
#[derive(Deserialize)]
pub struct Paging {
    before: Option<i64>,
}

struct SubmissionLine {
    id: i64,
    team: String,
    received_at: DateTime<Utc>,
    state: &'static str,
    /// Whether there is something to cancel.
    is_waiting: bool,
    verdict: &'static str,
    reason: String,
    public: String,
    private: String,
}

impl SubmissionLine {
    fn new((submission, team): (Submission, String)) -> Self {
        let score = |score: Option<f64>| score.map(format::score).unwrap_or_default();
        Self {
            id: submission.id,
            team,
            received_at: submission.received_at,
            state: submission.state.as_str(),
            is_waiting: !submission.state.is_final(),
            verdict: match submission.verdict {
                Some(Verdict::Invalid) => "Invalid file",
                Some(Verdict::PlatformFault) => "Platform fault",
                Some(Verdict::Ok) | None => "",
                Some(_) => "Failed",
            },
            reason: submission.reason.unwrap_or_default(),
            public: score(submission.public_score),
            private: score(submission.private_score),
        }
    }
}

struct EntryLine {
    rank: Option<i64>,
    team: String,
    submission_id: i64,
    score: String,
}

fn entry_lines(entries: Vec<Entry>) -> Vec<EntryLine> {
    let scores: Vec<f64> = entries.iter().map(|entry| entry.score).collect();
    entries
        .into_iter()
        .zip(format::scores(&scores))
        .map(|(entry, score)| EntryLine {
            rank: entry.rank,
            team: entry.team,
            submission_id: entry.submission_id,
            score,
        })
        .collect()
}

struct PhaseView {
    name: String,
    state: &'static str,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    metric: String,
    entries: String,
    limits: String,
    solution_rows: String,
}

#[derive(Template)]
#[template(path = "console/challenge.html")]
struct ChallengePage {
    page: Page,
    challenge: Challenge,
    phase: PhaseView,
    is_draft: bool,
    may_publish_board: bool,
    teams: String,
    total: String,
    waiting: String,
    late_since: Option<DateTime<Utc>>,
    invalid: String,
    platform_faults: i64,
    submissions: Vec<SubmissionLine>,
    rescoring: RescoringPart,
    next: String,
    public: Vec<EntryLine>,
    private: Vec<EntryLine>,
    preview: String,
    rules: String,
    /// The files that it lacks before it can be published.
    missing: Vec<MissingFile>,
}

/// The page.
pub async fn show(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    paging: Query<Paging>,
) -> Result<HttpResponse, Fault> {
    let (slug, before, now) = (slug.into_inner(), paging.before, state.clock.now());
    let page = Page::new(&request, "console");
    let shown = state
        .database
        .read(move |connection| {
            let (challenge, phases) = challenges::find(connection, &principal, &slug)?;
            if !principal.may_manage(challenge.owner_id) {
                return Err(ChallengeError::NotYours.into());
            }
            let phase = current_phase(&phases, now)
                .ok_or_else(|| Fault::internal("a challenge without a phase"))?;
            let workloads = workload::of_challenges(connection, &[challenge.id])?;
            let workload = workloads.get(&challenge.id).copied().unwrap_or_default();
            let one_more = PAGE as i64 + 1;
            let mut found = submissions::of_challenge(connection, challenge.id, before, one_more)?;
            let more = found.len() > PAGE;
            found.truncate(PAGE);
            let mut top = |board| leaderboard::page(connection, phase.id, board, None, TOP);
            let (public, private) = (top(Board::Public)?, top(Board::Private)?);
            let rescoring = runs::rescoring(connection, phase.id)?;
            let is_draft = challenge.published_at.is_none();
            let preview = match is_draft {
                true => challenges::pages(connection, challenge.id)?
                    .into_iter()
                    .next()
                    .map_or_else(String::new, |page| markdown::to_html(&page.body)),
                false => String::new(),
            };
            Ok::<_, Fault>(ChallengePage {
                page,
                is_draft,
                may_publish_board: challenge.rates_drivers && !is_draft,
                teams: count(challenge.team_count),
                total: count(workload.total()),
                waiting: count(workload.waiting),
                late_since: workload.waiting_since.filter(|_| workload.is_late(now)),
                invalid: count(workload.invalid),
                platform_faults: workload.platform_faults,
                next: match found.last() {
                    Some((last, _)) if more => format!("?before={}#submissions", last.id),
                    _ => String::new(),
                },
                submissions: found.into_iter().map(SubmissionLine::new).collect(),
                public: entry_lines(public.entries),
                private: entry_lines(private.entries),
                rescoring: RescoringPart::new(&challenge.slug, phase, rescoring),
                preview,
                rules: markdown::to_html(&challenge.rules),
                missing: reuse::missing_files(&challenge, &phases),
                phase: PhaseView {
                    name: phase.name.clone(),
                    state: phase.state(now).as_str(),
                    starts_at: phase.starts_at,
                    ends_at: phase.ends_at,
                    metric: phase.metric.to_string(),
                    entries: count(phase.entry_count),
                    limits: format!(
                        "{} a day, {} in all",
                        phase.limits.per_day, phase.limits.total
                    ),
                    solution_rows: count(phase.solution_rows),
                },
                challenge,
            })
        })
        .await?;
    shown.page.show(&shown)
}

/// Shows a draft to everybody.
pub async fn publish(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let (slug, now) = (slug.into_inner(), state.clock.now());
    let needs_review = state.config.challenge_review;
    let address = format!("/console/challenges/{slug}");
    state
        .database
        .write(move |connection| life::publish(connection, now, &principal, &slug, needs_review))
        .await
        .map_err(Fault::from)?;
    Ok(see_other_saying(
        &request,
        &address,
        "success",
        "The challenge is published: everybody sees it.",
    ))
}

/// Publishes what the best models together say of the drivers.
pub async fn publish_talent_board(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let published = board::publish(&state.database, &state.storage, now, &principal, &slug).await;
    match published.map_err(Fault::from) {
        Ok(_) => Ok(see_other_saying(
            &request,
            &format!("/talent/{slug}"),
            "success",
            "The talent board is published: scouts see it.",
        )),
        // Too few models, or the phase runs: its page says so, where the button is.
        Err(fault) if matches!(fault.status, 409 | 422) => Ok(see_other_saying(
            &request,
            &format!("/console/challenges/{slug}"),
            "error",
            fault.detail,
        )),
        Err(fault) => Err(fault),
    }
}

//! A challenge in the eyes of its organizer: what needs attention, its life, what came in over time, both
//! boards, and who sent what.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::count;
use super::life::Timeline;
use super::runs::RescoringPart;
use crate::accounts::permissions::Principal;
use crate::challenges::attention::{self, Attention, DayCount};
use crate::challenges::bundle::MissingFile;
use crate::challenges::challenge::{self as challenges, Challenge, Phase, Stage, current_phase};
use crate::challenges::leaderboard::{self, Board, Entry};
use crate::challenges::life;
use crate::challenges::reuse;
use crate::challenges::runs;
use crate::challenges::submissions::{self, ListedSubmissions, Outcome, Submission};
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

/// Which submissions are listed, and where the list begins. What is not known is not asked for: an old
/// link shows all.
#[derive(Deserialize)]
pub struct Paging {
    before: Option<i64>,
    #[serde(default)]
    state: String,
    /// The position of a phase, from 1.
    #[serde(default)]
    phase: String,
    #[serde(default)]
    late: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
}

impl Paging {
    fn listed(&self, phases: &[Phase]) -> ListedSubmissions {
        let phase = self.phase.parse::<usize>().ok();
        ListedSubmissions {
            outcome: self.state.parse().ok(),
            phase_id: phase
                .and_then(|number| phases.get(number.checked_sub(1)?))
                .map(|phase| phase.id),
            late: self.late.is_some(),
            withdrawn: self.withdrawn.is_some(),
        }
    }

    /// The address of the page after the submission `last`, with the same filter.
    fn next(&self, last: i64) -> String {
        let outcome = self.state.parse::<Outcome>().ok();
        let number = self.phase.parse::<usize>().ok();
        let mut address = format!("?before={last}");
        if let Some(outcome) = outcome {
            address += &format!("&state={outcome}");
        }
        if let Some(number) = number {
            address += &format!("&phase={number}");
        }
        for (name, asked) in [("late", &self.late), ("withdrawn", &self.withdrawn)] {
            if asked.is_some() {
                address += &format!("&{name}=true");
            }
        }
        address + "#submissions"
    }
}

/// The filter as its form shows it again.
struct Filter {
    state: String,
    phase: String,
    late: bool,
    withdrawn: bool,
    is_set: bool,
}

/// The most bars of a picture of days; where there are more days, a bar is several of them.
const BARS: i64 = 60;

/// What came in over time: bars for the eye, a table for everybody.
struct Chart {
    label: String,
    bars: Vec<f64>,
    from: String,
    to: String,
    days: Vec<(String, i64)>,
}

impl Chart {
    fn new(what: &str, days: &[DayCount]) -> Option<Self> {
        let (first, last) = (days.first()?.day, days.last()?.day);
        let length = (last - first).num_days() + 1;
        let width = (length + BARS - 1) / BARS;
        let mut counts = vec![0_i64; ((length + width - 1) / width) as usize];
        for day in days {
            let bar = (day.day - first).num_days() / width;
            if let Some(count) = usize::try_from(bar)
                .ok()
                .and_then(|bar| counts.get_mut(bar))
            {
                *count += day.count;
            }
        }
        let most = counts.iter().copied().max().unwrap_or(1).max(1);
        let total: i64 = counts.iter().sum();
        let unit = match width {
            1 => "a day".to_owned(),
            days => format!("in {days} days"),
        };
        let written = |day: chrono::NaiveDate| day.format("%-d %b %Y").to_string();
        Some(Self {
            label: format!(
                "{} {what} from {} to {}, at most {} {unit}",
                count(total),
                written(first),
                written(last),
                count(most)
            ),
            bars: counts
                .iter()
                .map(|count| *count as f64 / most as f64 * 100.0)
                .collect(),
            from: written(first),
            to: written(last),
            days: days
                .iter()
                .rev()
                .take(BARS as usize)
                .map(|day| (written(day.day), day.count))
                .collect(),
        })
    }
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
    is_late: bool,
    is_withdrawn: bool,
    is_verified: bool,
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
                Some(Verdict::Cancelled) => "Cancelled",
                Some(Verdict::Ok) | None => "",
                Some(_) => "Failed",
            },
            is_late: submission.is_late,
            is_withdrawn: submission.withdrawn_at.is_some(),
            is_verified: submission.verified_at.is_some(),
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
    life: &'static str,
    attention: Attention,
    is_calm: bool,
    late_since: Option<DateTime<Utc>>,
    ended: String,
    timeline: Timeline,
    charts: Vec<Chart>,
    filter: Filter,
    phases: Vec<(String, String)>,
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
    let (slug, paging, now) = (slug.into_inner(), paging.into_inner(), state.clock.now());
    let page = Page::new(&request, "console");
    let shown = state
        .database
        .read(move |connection| {
            let (challenge, phases) =
                challenges::find_managed_with_phases(connection, &principal, &slug)?;
            let phase = current_phase(&phases, now)
                .ok_or_else(|| Fault::internal("a challenge without a phase"))?;
            let attention = attention::of_challenge(connection, challenge.id)?;
            let workload = attention.workload;
            let by_day = [
                (
                    "submissions",
                    attention::submissions_by_day(connection, challenge.id)?,
                ),
                (
                    "new teams",
                    attention::teams_by_day(connection, challenge.id)?,
                ),
            ];
            let one_more = PAGE as i64 + 1;
            let mut found = submissions::of_challenge(
                connection,
                challenge.id,
                &paging.listed(&phases),
                paging.before,
                one_more,
            )?;
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
                ended: format!(
                    "{} invalid files, {} cancelled",
                    count(workload.invalid),
                    count(workload.cancelled)
                ),
                life: life::life(challenge.stage, &phases, now).as_str(),
                is_calm: attention.is_calm(now) && challenge.stage != Stage::Review,
                attention,
                timeline: Timeline::new(&phases, now),
                charts: by_day
                    .iter()
                    .filter_map(|(what, days)| Chart::new(what, days))
                    .collect(),
                filter: Filter {
                    is_set: paging.listed(&phases) != ListedSubmissions::default(),
                    late: paging.late.is_some(),
                    withdrawn: paging.withdrawn.is_some(),
                    state: paging.state.clone(),
                    phase: paging.phase.clone(),
                },
                phases: phases
                    .iter()
                    .enumerate()
                    .map(|(index, phase)| ((index + 1).to_string(), phase.name.clone()))
                    .collect(),
                next: match found.last() {
                    Some((last, _)) if more => paging.next(last.id),
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

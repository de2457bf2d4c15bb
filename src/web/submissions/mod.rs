//! What one's own team has sent, and what became of it.

mod acts;

use actix_web::web::{self, Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

use crate::accounts::permissions::Principal;
use crate::challenges::challenge;
use crate::challenges::disclosure::Disclosure;
use crate::challenges::leaderboard::{self, Board, Entry};
use crate::challenges::limits::{self, LimitReached, Limits};
use crate::challenges::membership;
use crate::challenges::submissions::{self, Submission, SubmissionDetail, SubmissionState};
use crate::http::fault::Fault;
use crate::http::guard::user;
use crate::http::state::State;
use crate::scoring::explanation::Explanation;
use crate::scoring::judge::Logs;
use crate::scoring::sandbox::{self, Usage};
use crate::scoring::verdict::Verdict;
use crate::talent::contributivity::{self, Contributivity, percent};
use crate::web::challenges::{Choice, Head, choose_phase, direction, kind_title, metric_name};
use crate::web::format;
use crate::web::markdown;
use crate::web::page::{Page, get, show_part};

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(web::resource("/challenges/{slug}/submissions").route(get().to(list)))
        .service(
            web::resource("/challenges/{slug}/submissions/compare").route(get().to(acts::compare)),
        )
        .service(web::resource("/submissions/{id}/select").route(web::post().to(acts::select)))
        .service(
            web::resource("/submissions/{id}/withdraw")
                .route(get().to(acts::ask_to_withdraw))
                .route(web::post().to(acts::withdraw)),
        )
        .service(
            web::resource("/submissions/{id}/description").route(web::post().to(acts::describe)),
        )
        .service(web::resource("/submissions/{id}").route(get().to(submission)))
        .service(web::resource("/submissions/{id}/status").route(get().to(status)));
}

/// How many submissions a page of the list shows.
const PER_PAGE: i64 = 50;

#[derive(Deserialize)]
struct ListQuery {
    phase: Option<usize>,
    before: Option<i64>,
}

/// A submission in the list.
struct Line {
    id: i64,
    file_name: String,
    description: String,
    received_at: DateTime<Utc>,
    state: &'static str,
    /// Empty while there is none.
    score: String,
    exact: String,
    private_score: String,
    private_exact: String,
    /// Why there is none.
    reason: String,
    is_counted: bool,
    tone: &'static str,
    kind: &'static str,
    is_late: bool,
    is_withdrawn: bool,
    is_selected: bool,
    /// Whether it may be chosen or the choice be taken from it.
    may_choose: bool,
    is_scored: bool,
}

/// What is left of the limits.
struct Places {
    today: u32,
    per_day: u32,
    used: u32,
    total: u32,
    /// When the next place is free; none where one is free now, or none ever will be.
    next_free: Option<DateTime<Utc>>,
    zone: String,
}

fn places(now: DateTime<Utc>, zone: Tz, limits: Limits, used: limits::Used) -> Places {
    let next_free = match limits::check(limits, used, now, zone) {
        Err(LimitReached::Today { next_free, .. }) => Some(next_free),
        Ok(()) | Err(LimitReached::Phase { .. }) => None,
    };
    Places {
        today: used.today,
        per_day: limits.per_day,
        used: used.total,
        total: limits.total,
        next_free,
        zone: zone.name().to_owned(),
    }
}

#[derive(Template)]
#[template(path = "submissions/list.html")]
struct ListPage {
    page: Page,
    challenge: Head,
    choices: Vec<Choice>,
    is_member: bool,
    is_over: bool,
    metric_key: String,
    lines: Vec<Line>,
    /// How many may be chosen for the private board, and how many are.
    selections: u32,
    selected: usize,
    choices_left: usize,
    places: Option<Places>,
    disclosure: Disclosure,
    is_long: bool,
    first: String,
    next: String,
}

async fn list(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (asker, asked, before) = (principal.clone(), query.phase, query.before);
    let user_id = user(&principal)?.id;
    let (challenge, phase, choices, is_member, mut sent, standing, used, disclosure) = state
        .database
        .read(move |connection| {
            let (challenge, phases) = challenge::find(connection, &asker, &slug)?;
            let (phase, choices) = choose_phase(&challenge, &phases, asked, now, "submissions")?;
            let may_manage = asker.may_manage(challenge.owner_id);
            let disclosure = Disclosure::new(phase, &phases, now, may_manage);
            let phase = phase.clone();
            let Some(member) = membership::of(connection, challenge.id, user_id)? else {
                let nothing = (Vec::new(), None, None);
                let (sent, standing, used) = nothing;
                return Ok::<_, Fault>((
                    challenge, phase, choices, false, sent, standing, used, disclosure,
                ));
            };
            let team = member.team_id;
            let sent = submissions::of_team(connection, phase.id, team, before, PER_PAGE + 1)?;
            let standing = leaderboard::standing(connection, phase.id, team, Board::Public)?;
            let zone = challenge.time_zone;
            let used = submissions::used(connection, now, zone, phase.id, team)?;
            Ok((
                challenge,
                phase,
                choices,
                true,
                sent,
                standing,
                Some(used),
                disclosure,
            ))
        })
        .await?;
    let more = sent.len() as i64 > PER_PAGE;
    sent.truncate(PER_PAGE as usize);
    let last = sent.last().map_or(0, |submission| submission.id);
    let is_over = phase.is_over(now);
    let selected = sent.iter().filter(|one| one.is_selected).count();
    let places = used
        .filter(|_| !is_over)
        .map(|used| places(now, challenge.time_zone, phase.limits, used));
    let counted = standing.map(|entry| entry.submission_id);
    let here = |before: &str| {
        let phase = query
            .phase
            .map(|number| format!("phase={number}"))
            .unwrap_or_default();
        format!("/challenges/{}/submissions?{phase}{before}", challenge.slug)
    };
    let view = ListPage {
        page: Page::new(&request, "challenges"),
        challenge: Head::new(&challenge, &phase, &principal, now),
        choices,
        is_member,
        is_over,
        metric_key: phase.metric.to_string().replace('_', " "),
        first: if before.is_some() {
            here("")
        } else {
            String::new()
        },
        next: if more {
            here(&format!("&before={last}"))
        } else {
            String::new()
        },
        lines: lines(sent, disclosure, counted),
        selections: challenge.final_selections,
        choices_left: (challenge.final_selections as usize).saturating_sub(selected),
        selected,
        places,
        disclosure,
        is_long: more || before.is_some(),
    };
    view.page.show(&view)
}

/// The list's lines; scores of one column are written so that they can be told apart.
fn lines(sent: Vec<Submission>, disclosure: Disclosure, counted: Option<i64>) -> Vec<Line> {
    let written = |scores: Vec<f64>| {
        let mut texts = format::scores(&scores).into_iter();
        move |score: Option<f64>| score.and_then(|_| texts.next()).unwrap_or_default()
    };
    let known = |of: &dyn Fn(&Submission) -> Option<f64>| sent.iter().filter_map(of).collect();
    let mut public = written(known(&|one| disclosure.public_score(one)));
    let mut private = written(known(&|one| disclosure.private_score(one)));
    sent.into_iter()
        .map(|one| {
            let (public_score, private_score) = (
                disclosure.public_score(&one),
                disclosure.private_score(&one),
            );
            let exact = |score: Option<f64>| score.map(format::exact).unwrap_or_default();
            Line {
                score: public(public_score),
                exact: exact(public_score),
                private_score: private(private_score),
                private_exact: exact(private_score),
                kind: kind_title(one.kind),
                is_late: one.is_late,
                is_withdrawn: one.withdrawn_at.is_some(),
                is_selected: one.is_selected,
                may_choose: !disclosure.is_over
                    && one.state == SubmissionState::Scored
                    && one.withdrawn_at.is_none()
                    && !one.is_late,
                is_scored: one.state == SubmissionState::Scored,
                id: one.id,
                state: one.state.as_str(),
                received_at: one.received_at,
                is_counted: counted == Some(one.id),
                tone: if counted == Some(one.id) { "gain" } else { "" },
                reason: one.reason.unwrap_or_default(),
                description: one.description,
                file_name: one.file_name,
            }
        })
        .collect()
}

/// What became of a submission: a part of its page that is asked for again until it is final.
#[derive(Template)]
#[template(path = "submissions/status.html")]
struct StatusPart {
    id: i64,
    slug: String,
    state: &'static str,
    is_final: bool,
    metric: String,
    direction: &'static str,
    /// Empty while there is none.
    score: String,
    exact: String,
    /// `best` where nobody's is better, `gain` where it is the team's best.
    tone: &'static str,
    /// Empty before the phase ends.
    private_score: String,
    private_exact: String,
    /// The team's place on the board, where it has one.
    place: Option<Place>,
    is_late: bool,
    is_withdrawn: bool,
    /// Whether it has a score that may not be told yet.
    is_kept_back: bool,
    /// Whether the score is the board's and perhaps not its own.
    hides_raw: bool,
    failure: Option<Failure>,
    is_model: bool,
    used: Vec<Used>,
    printed: Vec<Printed>,
    /// Whether something ran and its output is kept from its team.
    is_withheld: bool,
}

struct Place {
    rank: Option<i64>,
    is_tied: bool,
    /// Whether this submission is the one that counts.
    is_this: bool,
    best: String,
}

struct Failure {
    /// Whether the competitor can do something about it.
    is_theirs: bool,
    /// How the notice looks.
    tone: &'static str,
    said: Explanation,
    /// What to do next, as HTML.
    next: String,
    /// Empty where the explanation says it all.
    reason: String,
    /// `line 4, column lap_time`, as far as known.
    position: String,
    counts: bool,
}

/// What a run used of what it may use.
struct Used {
    label: &'static str,
    /// Of `most`, never above it.
    value: f64,
    most: f64,
    text: String,
}

/// What a run printed.
struct Printed {
    label: &'static str,
    text: String,
}

fn used(usage: &Usage, limits: &sandbox::Limits) -> Vec<Used> {
    let seconds = |label, used: f64, most: u32| Used {
        label,
        value: used.min(f64::from(most)),
        most: f64::from(most),
        text: format!("{used:.2} of {most} s"),
    };
    let (memory, most) = (usage.peak_memory_bytes, limits.memory_bytes);
    vec![
        Used {
            label: "Memory",
            value: memory.min(most) as f64,
            most: most as f64,
            text: format!("{} of {}", format::size(memory), format::size(most)),
        },
        seconds("CPU time", usage.cpu_seconds, limits.cpu_seconds),
        seconds("Time on the clock", usage.wall_seconds, limits.wall_seconds),
    ]
}

fn printed(logs: &Logs) -> Vec<Printed> {
    [
        ("Standard output", &logs.stdout),
        ("Standard error", &logs.stderr),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .map(|(label, text)| Printed {
        label,
        text: format::printed(text),
    })
    .collect()
}

impl StatusPart {
    fn new(detail: &SubmissionDetail, standing: Option<Entry>) -> Self {
        let submission = &detail.submission;
        let private = detail.disclosure.private_score(submission);
        let public = detail.disclosure.public_score(submission);
        let text = |score: Option<f64>| score.map(format::score).unwrap_or_default();
        let exact = |score: Option<f64>| score.map(format::exact).unwrap_or_default();
        Self {
            id: submission.id,
            slug: detail.challenge_slug.clone(),
            state: submission.state.as_str(),
            is_final: submission.state.is_final(),
            metric: metric_name(&detail.metric),
            direction: direction(&detail.metric),
            score: text(public),
            exact: exact(public),
            is_late: submission.is_late,
            is_withdrawn: submission.withdrawn_at.is_some(),
            is_kept_back: submission.state == SubmissionState::Scored && public.is_none(),
            hides_raw: detail.disclosure.hides_raw(),
            tone: match &standing {
                Some(entry) if entry.submission_id != submission.id => "",
                Some(entry) if entry.rank == Some(1) => "best",
                Some(_) => "gain",
                None => "",
            },
            private_score: text(private),
            private_exact: exact(private),
            place: standing.map(|entry| Place {
                rank: entry.rank,
                is_tied: entry.tied,
                is_this: entry.submission_id == submission.id,
                best: format::score(entry.score),
            }),
            failure: (submission.state == SubmissionState::Failed).then(|| {
                let verdict = submission.verdict.unwrap_or(Verdict::PlatformFault);
                let said = verdict.explain(submission.kind, &detail.run_limits);
                Failure {
                    is_theirs: verdict.is_competitors(),
                    tone: if verdict.is_competitors() {
                        "error"
                    } else {
                        "warning"
                    },
                    next: markdown::to_html(&said.next),
                    said,
                    reason: submission
                        .reason
                        .clone()
                        .filter(|_| !verdict.is_limit())
                        .unwrap_or_default(),
                    position: position(submission),
                    counts: submission.counts,
                }
            }),
            is_model: submission.kind.is_model(),
            used: submission
                .usage
                .as_ref()
                .map(|usage| used(usage, &detail.run_limits))
                .unwrap_or_default(),
            printed: detail.logs.as_ref().map(printed).unwrap_or_default(),
            is_withheld: detail.logs.is_none()
                && detail.features_hidden
                && submission.kind.is_model()
                && submission.usage.is_some(),
        }
    }
}

/// Where the file is wrong; empty where the reason says so itself.
fn position(submission: &Submission) -> String {
    let reason = submission.reason.as_deref().unwrap_or_default();
    if reason.starts_with("line ") {
        return String::new();
    }
    let line = submission.error_line.map(|line| format!("line {line}"));
    let column = submission
        .error_column
        .as_ref()
        .map(|column| format!("column “{column}”"));
    [line, column]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

/// What a submission's page says beside what became of it.
struct Beside {
    /// The team's earlier submission of the same bytes.
    same_file: Option<i64>,
    /// What the consensus of the talent board owes to it.
    contributivity: Option<Contributivity>,
}

/// A submission and its team's standing, for those who may see it.
async fn find(
    state: &State,
    principal: Principal,
    id: i64,
) -> Result<(SubmissionDetail, StatusPart, Beside), Fault> {
    let now = state.clock.now();
    let found = state
        .database
        .read(move |connection| {
            let Some(detail) = submissions::detail(connection, now, &principal, id)? else {
                return Ok(None);
            };
            let one = &detail.submission;
            let board = if now < detail.phase_ends_at {
                Board::Public
            } else {
                Board::Private
            };
            let standing = match one.state {
                SubmissionState::Scored if !one.is_late && one.withdrawn_at.is_none() => {
                    leaderboard::standing(connection, one.phase_id, one.team_id, board)?
                }
                _ => None,
            };
            let beside = Beside {
                same_file: submissions::same_file(connection, one)?,
                contributivity: contributivity::of_submission(connection, &detail)?,
            };
            Ok::<_, Fault>(Some((detail, standing, beside)))
        })
        .await?;
    let (detail, standing, beside) = found
        .ok_or_else(|| Fault::not_found("There is no such submission, or it is another team's."))?;
    let status = StatusPart::new(&detail, standing);
    Ok((detail, status, beside))
}

/// What the consensus owes to the submission, as its page says it.
struct Owed {
    weight: String,
    /// Empty where nobody can say.
    fair_share: String,
    in_words: String,
    published_at: DateTime<Utc>,
}

impl From<Contributivity> for Owed {
    fn from(owed: Contributivity) -> Self {
        Self {
            weight: percent(owed.weight),
            fair_share: owed.fair_share.map(percent).unwrap_or_default(),
            in_words: owed.in_words(),
            published_at: owed.published_at,
        }
    }
}

#[derive(Template)]
#[template(path = "submissions/submission.html")]
struct SubmissionPage {
    page: Page,
    status: StatusPart,
    challenge_title: String,
    file_name: String,
    description: String,
    kind: &'static str,
    size: String,
    sha256: String,
    received_at: DateTime<Utc>,
    scored_at: Option<DateTime<Utc>>,
    /// The team's earlier submission of the same bytes.
    same_file: Option<i64>,
    contributivity: Option<Owed>,
    carried_from: Option<i64>,
    is_selected: bool,
    may_choose: bool,
    may_withdraw: bool,
    is_verified: bool,
    description_limit: usize,
}

async fn submission(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (detail, status, beside) = find(&state, principal, id.into_inner()).await?;
    let SubmissionDetail {
        submission,
        challenge_title,
        disclosure,
        ..
    } = detail;
    let may_withdraw = !disclosure.is_over && submission.withdrawn_at.is_none();
    let view = SubmissionPage {
        page: Page::new(&request, "challenges"),
        status,
        challenge_title,
        kind: kind_title(submission.kind),
        size: format::size(submission.bytes.unsigned_abs()),
        file_name: submission.file_name,
        description: submission.description,
        sha256: submission.sha256,
        received_at: submission.received_at,
        scored_at: submission.scored_at,
        same_file: beside.same_file,
        contributivity: beside.contributivity.map(Owed::from),
        carried_from: submission.carried_from,
        is_selected: submission.is_selected,
        may_choose: may_withdraw
            && submission.state == SubmissionState::Scored
            && !submission.is_late,
        may_withdraw,
        is_verified: submission.verified_at.is_some(),
        description_limit: submissions::DESCRIPTION_LIMIT,
    };
    view.page.show(&view)
}

async fn status(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (_, status, _) = find(&state, principal, id.into_inner()).await?;
    show_part(&request, &status)
}

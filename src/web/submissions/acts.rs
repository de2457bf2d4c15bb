//! What a team does with what it has sent: choosing, taking back, describing, comparing.

use actix_web::web::{Data, Form, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::accounts::permissions::Principal;
use crate::challenges::comparison::{self, SplitComparison};
use crate::challenges::selection;
use crate::challenges::submissions::{self, SubmissionDetail, SubmissionState};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::web::challenges::{direction, kind_title, metric_name};
use crate::web::format;
use crate::web::page::{Page, see_other_saying};

#[derive(Deserialize)]
pub struct ChoiceForm {
    chosen: bool,
}

/// Chooses a submission for the private board, or takes the choice from it.
pub async fn select(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    id: Path<i64>,
    form: Form<ChoiceForm>,
) -> Result<HttpResponse, Fault> {
    let (id, now, chosen) = (*id, state.clock.now(), form.chosen);
    let asker = principal.clone();
    let done = state
        .database
        .write(move |connection| selection::select(connection, now, &asker, id, chosen))
        .await
        .map_err(Fault::from);
    let message = if chosen {
        format!("Entry {id} is chosen for the private board.")
    } else {
        format!("Entry {id} is no longer chosen.")
    };
    said(&request, &state, principal, id, done, &message).await
}

/// Back to the list with what came of an act; a conflict is said there too.
async fn said(
    request: &HttpRequest,
    state: &State,
    principal: Principal,
    id: i64,
    done: Result<(), Fault>,
    message: &str,
) -> Result<HttpResponse, Fault> {
    let detail = detail(state, principal, id).await?;
    let address = format!("/challenges/{}/submissions", detail.challenge_slug);
    match done {
        Ok(()) => Ok(see_other_saying(request, &address, "success", message)),
        Err(fault) if fault.status == 409 => {
            Ok(see_other_saying(request, &address, "warning", fault.detail))
        }
        Err(fault) => Err(fault),
    }
}

async fn detail(state: &State, principal: Principal, id: i64) -> Result<SubmissionDetail, Fault> {
    let now = state.clock.now();
    state
        .database
        .read(move |connection| submissions::detail(connection, now, &principal, id))
        .await
        .map_err(Fault::from)?
        .ok_or_else(|| Fault::not_found("There is no such submission, or it is another team's."))
}

#[derive(Template)]
#[template(path = "submissions/withdraw.html")]
struct WithdrawPage {
    page: Page,
    id: i64,
    slug: String,
    challenge_title: String,
    file_name: String,
    is_queued: bool,
    is_selected: bool,
    has_ladder: bool,
    is_withdrawn: bool,
    is_over: bool,
}

/// Says what taking back means, and asks.
pub async fn ask_to_withdraw(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    let detail = detail(&state, principal, *id).await?;
    let view = WithdrawPage {
        page: Page::new(&request, "challenges"),
        id: *id,
        slug: detail.challenge_slug,
        challenge_title: detail.challenge_title,
        file_name: detail.submission.file_name,
        is_queued: detail.submission.state == SubmissionState::Queued,
        is_selected: detail.submission.is_selected,
        has_ladder: detail.disclosure.ladder,
        is_withdrawn: detail.submission.withdrawn_at.is_some(),
        is_over: detail.disclosure.is_over,
    };
    view.page.show(&view)
}

/// Takes a submission back.
pub async fn withdraw(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (id, now, asker) = (*id, state.clock.now(), principal.clone());
    let done = state
        .database
        .write(move |connection| selection::withdraw(connection, now, &asker, id))
        .await
        .map_err(Fault::from);
    let message = format!("Entry {id} was withdrawn: it stands on no board.");
    said(&request, &state, principal, id, done, &message).await
}

#[derive(Deserialize)]
pub struct DescriptionForm {
    description: String,
}

/// Changes the note on a submission.
pub async fn describe(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    id: Path<i64>,
    form: Form<DescriptionForm>,
) -> Result<HttpResponse, Fault> {
    let id = *id;
    let description = form.into_inner().description;
    let done = state
        .database
        .write(move |connection| selection::describe(connection, &principal, id, &description))
        .await
        .map_err(Fault::from);
    let address = format!("/submissions/{id}");
    match done {
        Ok(()) => Ok(see_other_saying(
            &request,
            &address,
            "success",
            "The description was changed.",
        )),
        Err(fault) if fault.field.is_some() => {
            let message = format!("The description was not changed: {}.", fault.detail);
            Ok(see_other_saying(&request, &address, "error", message))
        }
        Err(fault) => Err(fault),
    }
}

#[derive(Deserialize)]
pub struct CompareQuery {
    one: i64,
    other: i64,
}

/// A submission of the comparison.
struct Side {
    id: i64,
    file_name: String,
    description: String,
    kind: &'static str,
    state: &'static str,
    run_time: String,
}

impl Side {
    fn new(detail: &SubmissionDetail) -> Self {
        let submission = &detail.submission;
        Self {
            id: submission.id,
            file_name: submission.file_name.clone(),
            description: submission.description.clone(),
            kind: kind_title(submission.kind),
            state: submission.state.as_str(),
            run_time: submission
                .usage
                .as_ref()
                .map(|usage| format!("{:.2} s", usage.wall_seconds))
                .unwrap_or_default(),
        }
    }
}

/// The scores on one split, as text and on a common axis.
struct Split {
    title: &'static str,
    scores: [String; 2],
    intervals: Option<[Interval; 2]>,
    difference: String,
    sure: String,
}

struct Interval {
    label: String,
    low: f64,
    point: f64,
    high: f64,
}

impl Split {
    fn new(title: &'static str, compared: SplitComparison, ids: (i64, i64)) -> Self {
        let (one, other) = compared.scores;
        let texts = format::scores(&[one, other]);
        let intervals = compared.intervals.map(|both| {
            let from = both
                .iter()
                .map(|interval| interval.0)
                .fold(one.min(other), f64::min);
            let to = both
                .iter()
                .map(|interval| interval.1)
                .fold(one.max(other), f64::max);
            let place = |value: f64| {
                if to > from {
                    100.0 * (value - from) / (to - from)
                } else {
                    50.0
                }
            };
            let picture = |(low, high): (f64, f64), score: f64| Interval {
                label: format!(
                    "{}, with 95 % certainty between {} and {}",
                    format::score(score),
                    format::score(low),
                    format::score(high)
                ),
                low: place(low),
                point: place(score),
                high: place(high),
            };
            [picture(both[0], one), picture(both[1], other)]
        });
        let sure = match compared.first_is_better {
            Some(first) if first >= 0.5 => {
                format!("{:.0} % sure that entry {} is better", 100.0 * first, ids.0)
            }
            Some(first) => format!(
                "{:.0} % sure that entry {} is better",
                100.0 * (1.0 - first),
                ids.1
            ),
            None => String::new(),
        };
        let mut scores = texts.into_iter();
        Self {
            title,
            scores: [
                scores.next().unwrap_or_default(),
                scores.next().unwrap_or_default(),
            ],
            intervals,
            difference: format::score(one - other),
            sure,
        }
    }
}

#[derive(Template)]
#[template(path = "submissions/compare.html")]
struct ComparePage {
    page: Page,
    slug: String,
    challenge_title: String,
    metric: String,
    direction: &'static str,
    sides: [Side; 2],
    splits: Vec<Split>,
    hides_raw: bool,
}

/// Two submissions beside each other.
pub async fn compare(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    query: Query<CompareQuery>,
) -> Result<HttpResponse, Fault> {
    let (now, ids) = (state.clock.now(), (query.one, query.other));
    let compared = state
        .database
        .read(move |connection| comparison::compare(connection, now, &principal, ids))
        .await
        .map_err(Fault::from)?;
    if compared.one.challenge_slug != *slug {
        return Err(Fault::not_found(
            "There is no such submission, or it is another team's.",
        ));
    }
    let (one, other) = (&compared.one, &compared.other);
    let splits = [
        ("Public score", compared.public),
        ("Private score", compared.private),
    ];
    let view = ComparePage {
        page: Page::new(&request, "challenges"),
        metric: metric_name(&one.metric),
        direction: direction(&one.metric),
        sides: [Side::new(one), Side::new(other)],
        splits: splits
            .into_iter()
            .filter_map(|(title, split)| Some(Split::new(title, split?, ids)))
            .collect(),
        hides_raw: one.disclosure.hides_raw(),
        slug: one.challenge_slug.clone(),
        challenge_title: one.challenge_title.clone(),
    };
    view.page.show(&view)
}

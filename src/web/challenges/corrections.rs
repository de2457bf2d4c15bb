//! What a correction changed, for those who compete.

use actix_web::web::{self, Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};

use super::super::page::{Page, get};
use super::{Head, direction, metric_name, phase_now};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge;
use crate::challenges::corrections::{self, Correction, CorrectionState, Summary, TeamChange};
use crate::challenges::membership;
use crate::http::fault::Fault;
use crate::http::state::State;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(web::resource("/challenges/{slug}/corrections/{id}").route(get().to(show)));
}

/// A team's line.
struct Line {
    team: String,
    rank_before: String,
    rank_after: String,
    moved: String,
    score_before: String,
    score_after: String,
    is_own: bool,
}

impl Line {
    fn new(change: &TeamChange, own: Option<i64>) -> Self {
        let rank = |rank: Option<i64>| rank.map_or("–".to_owned(), |rank| rank.to_string());
        let score = |score: Option<f64>| score.map_or("–".to_owned(), |score| score.to_string());
        let (before, after) = (change.before, change.after);
        Self {
            team: change.team.clone(),
            rank_before: rank(before.and_then(|place| place.rank)),
            rank_after: rank(after.and_then(|place| place.rank)),
            moved: match change.rise() {
                Some(rise @ 1..) => format!("up {rise}"),
                Some(rise @ ..=-1) => format!("down {}", rise.unsigned_abs()),
                Some(0) => "the same".to_owned(),
                None => String::new(),
            },
            score_before: score(before.map(|place| place.score)),
            score_after: score(after.map(|place| place.score)),
            is_own: own == Some(change.team_id),
        }
    }
}

#[derive(Template)]
#[template(path = "challenges/correction.html")]
struct CorrectionPage {
    page: Page,
    challenge: Head,
    correction: Correction,
    /// Name and direction, before and after.
    metric_before: String,
    metric_after: String,
    /// None unless it is finished.
    finished: Option<(DateTime<Utc>, Summary)>,
    /// Scored and wanted, while it runs.
    progress: Option<(i64, i64, String)>,
    lines: Vec<Line>,
    /// The caller's team where it is not among the lines.
    own: Option<Line>,
}

async fn show(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    path: Path<(String, i64)>,
) -> Result<HttpResponse, Fault> {
    let ((slug, id), now) = (path.into_inner(), state.clock.now());
    let asker = principal.clone();
    let (challenge, phases, correction, membership) = state
        .database
        .read(move |connection| {
            let (challenge, phases) = challenge::find(connection, &asker, &slug)?;
            let correction = corrections::find(connection, &asker, &slug, id)?;
            let membership = match asker.user() {
                Some(user) => membership::of(connection, challenge.id, user.id)?,
                None => None,
            };
            Ok::<_, Fault>((challenge, phases, correction, membership))
        })
        .await?;
    let team_id = membership.map(|membership| membership.team_id);
    let (mut finished, mut progress) = (None, None);
    match &correction.state {
        CorrectionState::Running(now) => {
            let text = format!("{} of {} scored", now.done, now.total);
            progress = Some((now.done, now.total, text));
        }
        CorrectionState::Finished(at, summary) => finished = Some((*at, summary.clone())),
        CorrectionState::Cancelled(_) => {}
    }
    let summary = finished.as_ref().map(|(_, summary)| summary);
    let lines: Vec<Line> = summary.map_or(Vec::new(), |summary| {
        let teams = summary.teams.iter();
        teams.map(|change| Line::new(change, team_id)).collect()
    });
    let own = match (summary, team_id) {
        (Some(summary), Some(team)) if !lines.iter().any(|line| line.is_own) => summary
            .of_team(team)
            .map(|change| Line::new(change, team_id)),
        _ => None,
    };
    let metric = |rule| format!("{}, {}", metric_name(rule), direction(rule));
    let phase = phase_now(&challenge, &phases, now)?;
    let view = CorrectionPage {
        page: Page::new(&request, "challenges"),
        challenge: Head::new(&challenge, phase, &principal, now),
        metric_before: metric(&correction.metric.0),
        metric_after: metric(&correction.metric.1),
        correction,
        finished,
        progress,
        lines,
        own,
    };
    view.page.show(&view)
}

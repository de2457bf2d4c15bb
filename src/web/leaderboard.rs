//! The leaderboard's page.

use actix_web::web::{self, Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::challenges::{Choice, Head, choose_phase, direction, metric_name};
use super::format;
use super::page::{Page, get};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{self, Phase};
use crate::challenges::leaderboard::{self, Board, Cursor, Entry};
use crate::challenges::membership;
use crate::http::fault::Fault;
use crate::http::state::State;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(web::resource("/challenges/{slug}/leaderboard").route(get().to(leaderboard_page)));
}

/// How many teams a page shows.
const PER_PAGE: i64 = 50;

#[derive(Deserialize)]
struct BoardQuery {
    phase: Option<usize>,
    board: Option<String>,
    after: Option<String>,
}

/// A team on the page.
pub struct Row {
    rank: Option<i64>,
    tied: bool,
    you: bool,
    team: String,
    href: String,
    score: String,
    exact: String,
    tone: &'static str,
    entries: i64,
    at: DateTime<Utc>,
}

#[derive(Template)]
#[template(path = "challenges/leaderboard.html")]
struct LeaderboardView {
    page: Page,
    challenge: Head,
    phase: Phase,
    choices: Vec<Choice>,
    /// Which boards the visitor may look at, where there is more than one.
    boards: Vec<Choice>,
    board: Board,
    is_over: bool,
    metric: String,
    metric_key: String,
    direction: &'static str,
    rows: Vec<Row>,
    /// The visitor's team where it stands on another page.
    own: Option<Row>,
    first: String,
    next: String,
    summary: String,
}

/// The board's rows, the visitor's own last where it is not among them, with scores that can be told apart.
fn rows(entries: Vec<Entry>, own_team: Option<i64>, slug: &str) -> Vec<Row> {
    let values: Vec<f64> = entries.iter().map(|entry| entry.score).collect();
    entries
        .into_iter()
        .zip(format::scores(&values))
        .map(|(entry, score)| {
            let you = own_team == Some(entry.team_id);
            Row {
                you,
                tone: match entry.rank {
                    Some(1) => "best",
                    _ if you => "gain",
                    _ => "",
                },
                href: if you {
                    format!("/challenges/{slug}/submissions")
                } else {
                    String::new()
                },
                score,
                exact: format::exact(entry.score),
                rank: entry.rank,
                tied: entry.tied,
                team: entry.team,
                entries: entry.submission_count,
                at: entry.scored_at,
            }
        })
        .collect()
}

async fn leaderboard_page(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    query: Query<BoardQuery>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let asked = match query.board.as_deref() {
        None => None,
        Some(text) => Some(
            text.parse::<Board>()
                .map_err(|error| Fault::invalid("board", error))?,
        ),
    };
    let after = match query.after.as_deref() {
        None => None,
        Some(text) => Some(
            text.parse::<Cursor>()
                .map_err(|error| Fault::invalid("after", error))?,
        ),
    };
    let (asker, asked_phase) = (principal.clone(), query.phase);
    let (challenge, phase, choices, board, page, own) = state
        .database
        .read(move |connection| {
            let (challenge, phases) = challenge::find(connection, &asker, &slug)?;
            let (phase, choices) =
                choose_phase(&challenge, &phases, asked_phase, now, "leaderboard")?;
            let may_manage = asker.may_manage(challenge.owner_id);
            let board = leaderboard::visible_board(phase, now, asked, may_manage);
            let page = leaderboard::page(connection, phase.id, board, after.as_ref(), PER_PAGE)?;
            let team = match asker.user() {
                Some(user) => membership::of(connection, challenge.id, user.id)?,
                None => None,
            };
            let own = match team {
                Some(of) => leaderboard::standing(connection, phase.id, of.team_id, board)?,
                None => None,
            };
            Ok::<_, Fault>((challenge, phase.clone(), choices, board, page, own))
        })
        .await?;

    let is_over = phase.is_over(now);
    let own_team = own.as_ref().map(|entry| entry.team_id);
    let shown = page.entries.len();
    let mut entries = page.entries;
    let elsewhere = own.filter(|own| entries.iter().all(|entry| entry.team_id != own.team_id));
    let is_pinned = elsewhere.is_some();
    entries.extend(elsewhere);
    let mut rows = rows(entries, own_team, &challenge.slug);
    let own = if is_pinned { rows.pop() } else { None };

    let here = |board: Board, cursor: &str| {
        let phase = query
            .phase
            .map(|number| format!("phase={number}&"))
            .unwrap_or_default();
        format!(
            "/challenges/{}/leaderboard?{phase}board={board}{cursor}",
            challenge.slug
        )
    };
    let boards = if is_over || principal.may_manage(challenge.owner_id) {
        [(Board::Private, "Private"), (Board::Public, "Public")]
            .map(|(one, text)| Choice {
                text: text.to_owned(),
                href: here(one, ""),
                is_current: one == board,
            })
            .into()
    } else {
        Vec::new()
    };
    let last = page.first_place + shown as i64 - 1;
    let view = LeaderboardView {
        page: Page::new(&request, "challenges"),
        challenge: Head::new(&challenge, &phase, &principal, now),
        choices,
        boards,
        board,
        is_over,
        metric: metric_name(&phase.metric),
        metric_key: phase.metric.to_string().replace('_', " "),
        direction: direction(&phase.metric),
        rows,
        own,
        first: if query.after.is_some() {
            here(board, "")
        } else {
            String::new()
        },
        next: page
            .next
            .map(|cursor| here(board, &format!("&after={cursor}")))
            .unwrap_or_default(),
        summary: format!("{} to {last} of {}", page.first_place, phase.entry_count),
        phase,
    };
    view.page.show(&view)
}

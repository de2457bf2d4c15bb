//! The leaderboard's page: how sure its ranks are, what it was at any moment, and how it was shaken up.

mod export;
mod team;

use std::collections::HashMap;

use actix_web::web::{self, Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;

use super::challenges::{Choice, Head, choose_phase, direction, metric_name};
use super::format;
use super::page::{Page, get};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{self, Phase};
use crate::challenges::corrections;
use crate::challenges::disclosure::Disclosure;
use crate::challenges::final_standings;
use crate::challenges::history;
use crate::challenges::leaderboard::{self, Board, Cursor, Entry};
use crate::challenges::medals::Medal;
use crate::challenges::membership;
use crate::http::fault::Fault;
use crate::http::guard::see_other;
use crate::http::state::State;

/// The routes of this folder.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(web::resource("/challenges/{slug}/leaderboard").route(get().to(leaderboard_page)))
        .service(
            web::resource("/challenges/{slug}/leaderboard.{format}").route(get().to(export::file)),
        )
        .service(web::resource("/challenges/{slug}/teams/{id}").route(get().to(team::show)));
}

/// How many teams a page shows.
const PER_PAGE: i64 = 50;

/// How many teams of a past moment are shown.
const MOST_PAST: i64 = 200;

/// How many moments the slider offers.
const MOMENTS: usize = 100;

/// Which board, and what of it.
#[derive(Deserialize)]
pub struct BoardQuery {
    phase: Option<usize>,
    board: Option<String>,
    after: Option<String>,
    /// A past moment, RFC 3339.
    at: Option<String>,
    /// A place of the slider, which leads to its moment.
    step: Option<usize>,
    /// Part of a team's name.
    team: Option<String>,
}

/// The board that is asked for, if any is.
fn chosen_board(text: Option<&str>) -> Result<Option<Board>, Fault> {
    text.map(str::parse)
        .transpose()
        .map_err(|error: String| Fault::invalid("board", error))
}

/// A score with its uncertainty on the axis that all rows share.
struct Interval {
    label: String,
    low: f64,
    point: f64,
    high: f64,
}

/// How far a team moved between the public and the private board.
struct Move {
    text: String,
    tone: &'static str,
}

/// A team on the page.
struct Row {
    rank: Option<i64>,
    tied: bool,
    you: bool,
    team: String,
    href: String,
    score: String,
    exact: String,
    tone: &'static str,
    /// What stands above the row where a tier begins; empty elsewhere.
    tier: String,
    interval: Option<Interval>,
    /// How sure it is that the team above is better, in words; empty where that is not known.
    lead: String,
    secondary: Vec<String>,
    is_verified: bool,
    /// What the team won, where the challenge is over.
    medal: Option<Medal>,
    shaken: Option<Move>,
    entries: i64,
    at: DateTime<Utc>,
}

/// A team of a past board.
struct PastRow {
    rank: Option<i64>,
    team: String,
    href: String,
    score: String,
    exact: String,
    since: DateTime<Utc>,
}

/// The slider over the moments of the board.
struct Slider {
    most: usize,
    value: usize,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
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
    /// The phase's other metrics with their directions.
    others: Vec<(String, &'static str)>,
    /// Those that break ties, in their order.
    tie_breakers: String,
    has_intervals: bool,
    has_leads: bool,
    is_shaken: bool,
    disclosure: Disclosure,
    correction: Option<corrections::Notice>,
    columns: usize,
    rows: Vec<Row>,
    /// The visitor's team where it stands on another page.
    own: Option<Row>,
    slider: Option<Slider>,
    /// The phase's number in addresses, where it was asked for.
    phase_number: Option<usize>,
    query_phase: String,
    sought: String,
    found: Vec<(String, String)>,
    first: String,
    next: String,
    summary: String,
}

#[derive(Template)]
#[template(path = "challenges/leaderboard_at.html")]
struct PastBoard {
    page: Page,
    challenge: Head,
    choices: Vec<Choice>,
    metric_key: String,
    at: DateTime<Utc>,
    rows: Vec<PastRow>,
    is_cut: bool,
    slider: Option<Slider>,
    phase_number: Option<usize>,
    query_phase: String,
}

/// The axis of a page: all its intervals lie on it. None where there are none or they have no width.
fn axis(entries: &[Entry]) -> Option<(f64, f64)> {
    let known = || {
        entries
            .iter()
            .filter_map(|entry| Some((entry.interval?, entry.score)))
    };
    let from = known()
        .map(|((low, _), score)| low.min(score))
        .fold(f64::INFINITY, f64::min);
    let to = known()
        .map(|((_, high), score)| high.max(score))
        .fold(f64::NEG_INFINITY, f64::max);
    (to > from).then_some((from, to))
}

/// What stands above the first entry of a tier. `is_continued` where its leader is on a page before.
fn tier_text(tier: i32, leader: &str, is_continued: bool) -> String {
    if is_continued {
        format!("Tier {tier}, continued from the page before")
    } else {
        format!("Tier {tier}: led by {leader}")
    }
}

/// Whether a rank of the private board is better than the public one, in words and with a sign.
fn shaken(private: i64, public: i64) -> Move {
    let (text, tone) = match public - private {
        0 => (format!("stayed at {public}"), ""),
        up if up > 0 => (format!("up {up}, from {public}"), "moved-up"),
        down => (format!("down {}, from {public}", -down), "moved-down"),
    };
    let sign = match tone {
        "moved-up" => "▲ ",
        "moved-down" => "▼ ",
        _ => "",
    };
    Move {
        text: format!("{sign}{text}"),
        tone,
    }
}

/// What a page of rows is made with.
struct Making<'a> {
    slug: &'a str,
    query_phase: &'a str,
    own_team: Option<i64>,
    public_ranks: HashMap<i64, i64>,
    medals: HashMap<i64, Medal>,
    is_first_page: bool,
}

/// The board's rows, the visitor's own last where it is not among them, with scores that can be told apart.
fn rows(entries: Vec<Entry>, shown: usize, making: &Making<'_>) -> Vec<Row> {
    let values: Vec<f64> = entries.iter().map(|entry| entry.score).collect();
    let axis = axis(&entries);
    let place = |value: f64| match axis {
        Some((from, to)) => 100.0 * (value - from) / (to - from),
        None => 50.0,
    };
    let others = entries.iter().map(|entry| entry.secondary.len()).max();
    let columns: Vec<Vec<String>> = (0..others.unwrap_or_default())
        .map(|index| {
            let known: Vec<f64> = entries
                .iter()
                .filter_map(|entry| entry.secondary.get(index).copied())
                .collect();
            format::scores(&known)
        })
        .collect();
    let mut taken = vec![0; columns.len()];
    let mut tier_before = None;
    let written = format::scores(&values);
    let mut rows = Vec::with_capacity(entries.len());
    for (index, (entry, score)) in entries.into_iter().zip(written).enumerate() {
        let you = making.own_team == Some(entry.team_id);
        let begins = index < shown && entry.tier.is_some() && entry.tier != tier_before;
        let is_continued = index == 0 && !making.is_first_page;
        let tier = match entry.tier {
            Some(tier) if begins => tier_text(tier, &entry.team, is_continued),
            _ => String::new(),
        };
        tier_before = entry.tier;
        let secondary = (0..columns.len())
            .map(|column| {
                if entry.secondary.len() <= column {
                    return String::new();
                }
                let text = columns[column].get(taken[column]).cloned();
                taken[column] += 1;
                text.unwrap_or_default()
            })
            .collect();
        let interval = entry.interval.map(|(low, high)| Interval {
            label: format!(
                "{score}, with 95 % certainty between {} and {}",
                format::score(low),
                format::score(high)
            ),
            low: place(low),
            point: place(entry.score),
            high: place(high),
        });
        let public = making.public_ranks.get(&entry.team_id);
        rows.push(Row {
            you,
            tone: match entry.rank {
                Some(1) => "best",
                _ if you => "gain",
                _ => "",
            },
            href: format!(
                "/challenges/{}/teams/{}{}",
                making.slug, entry.team_id, making.query_phase
            ),
            score,
            exact: format::exact(entry.score),
            tier,
            interval,
            lead: entry
                .lead
                .map(|lead| format!("{:.0} %", 100.0 * lead))
                .unwrap_or_default(),
            secondary,
            is_verified: entry.is_verified,
            medal: making.medals.get(&entry.team_id).copied(),
            shaken: entry
                .rank
                .zip(public)
                .map(|(private, public)| shaken(private, *public)),
            rank: entry.rank,
            tied: entry.tied,
            team: entry.team,
            entries: entry.submission_count,
            at: entry.scored_at,
        });
    }
    rows
}

fn slider(moments: &[DateTime<Utc>], at: Option<DateTime<Utc>>) -> Option<Slider> {
    let (from, to) = (*moments.first()?, *moments.last()?);
    if moments.len() < 2 {
        return None;
    }
    let value = match at {
        None => moments.len() - 1,
        Some(at) => moments
            .partition_point(|moment| *moment <= at)
            .saturating_sub(1),
    };
    Some(Slider {
        most: moments.len() - 1,
        value,
        from,
        to,
    })
}

async fn leaderboard_page(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    query: Query<BoardQuery>,
) -> Result<HttpResponse, Fault> {
    if query.at.is_some() || query.step.is_some() {
        return past_board(request, state, principal, slug, query).await;
    }
    let now = state.clock.now();
    let asked = chosen_board(query.board.as_deref())?;
    let after = match query.after.as_deref() {
        None => None,
        Some(text) => Some(
            text.parse::<Cursor>()
                .map_err(|error| Fault::invalid("after", error))?,
        ),
    };
    let sought = query.team.clone().unwrap_or_default();
    let sought = sought.trim().to_owned();
    let (asker, asked_phase, name) = (principal.clone(), query.phase, sought.clone());
    let (challenge, phase, choices, found, seen) = state
        .database
        .read(move |connection| {
            let (challenge, phases) = challenge::find(connection, &asker, &slug)?;
            let (phase, choices) =
                choose_phase(&challenge, &phases, asked_phase, now, "leaderboard")?;
            let found = if name.is_empty() {
                Vec::new()
            } else {
                leaderboard::find_teams(connection, phase.id, &name, 20)?
            };
            let may_manage = asker.may_manage(challenge.owner_id);
            let disclosure = Disclosure::new(phase, &phases, now, may_manage);
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
            let (public_ranks, medals) = if board == Board::Private {
                let teams: Vec<i64> = page
                    .entries
                    .iter()
                    .chain(&own)
                    .map(|entry| entry.team_id)
                    .collect();
                (
                    leaderboard::public_ranks(connection, phase.id, &teams)?,
                    final_standings::medals_of(connection, phase.id, &teams)?,
                )
            } else {
                (HashMap::new(), HashMap::new())
            };
            let moments = history::moments(connection, phase.id, MOMENTS)?;
            let correction = corrections::newest_of(connection, phase)?;
            let seen = (
                board,
                disclosure,
                page,
                own,
                (public_ranks, medals),
                moments,
                correction,
            );
            Ok::<_, Fault>((challenge, phase.clone(), choices, found, seen))
        })
        .await?;
    let (board, disclosure, page, own, (public_ranks, medals), moments, correction) = seen;
    let query_phase = query
        .phase
        .map(|number| format!("?phase={number}"))
        .unwrap_or_default();
    let team_page = |id: i64| format!("/challenges/{}/teams/{id}{query_phase}", challenge.slug);
    if let [(id, _)] = found.as_slice() {
        return Ok(see_other(&team_page(*id)));
    }

    let is_over = phase.is_over(now);
    let own_team = own.as_ref().map(|entry| entry.team_id);
    let shown = page.entries.len();
    let mut entries = page.entries;
    let elsewhere = own.filter(|own| entries.iter().all(|entry| entry.team_id != own.team_id));
    let is_pinned = elsewhere.is_some();
    entries.extend(elsewhere);
    let entries: Vec<Entry> = entries
        .into_iter()
        .map(|entry| disclosure.entry(board, entry))
        .collect();
    let making = Making {
        slug: &challenge.slug,
        query_phase: &query_phase,
        own_team,
        public_ranks,
        medals,
        is_first_page: query.after.is_none(),
    };
    let mut rows = rows(entries, shown, &making);
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
    let last = page.first_place + rows.iter().filter(|row| row.rank.is_some()).count() as i64 - 1;
    let tie_breakers: Vec<String> = phase
        .secondary_metrics
        .iter()
        .filter(|other| other.breaks_ties)
        .map(|other| metric_name(&other.metric))
        .collect();
    let everybody = || rows.iter().chain(&own);
    let (has_intervals, has_leads, is_shaken) = (
        everybody().any(|row| row.interval.is_some()),
        everybody().any(|row| !row.lead.is_empty()),
        everybody().any(|row| row.shaken.is_some()),
    );
    let others: Vec<_> = phase
        .secondary_metrics
        .iter()
        .map(|other| {
            let key = other.metric.to_string().replace('_', " ");
            (key, direction(&other.metric))
        })
        .collect();
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
        columns: 5
            + others.len()
            + usize::from(has_intervals)
            + usize::from(has_leads)
            + usize::from(is_shaken),
        others,
        tie_breakers: tie_breakers.join(", then "),
        has_intervals,
        has_leads,
        is_shaken,
        disclosure,
        correction,
        rows,
        own,
        slider: slider(&moments, None),
        phase_number: query.phase,
        sought,
        found: found
            .into_iter()
            .map(|(id, name)| (team_page(id), name))
            .collect(),
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
        query_phase,
        phase,
    };
    view.page.show(&view)
}

/// The public board as it was at a moment.
async fn past_board(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    query: Query<BoardQuery>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let at = match query.at.as_deref() {
        None => None,
        Some(text) => Some(
            DateTime::parse_from_rfc3339(text)
                .map_err(|_| {
                    Fault::invalid("at", "write a moment like 2026-06-01T12:00:00Z (RFC 3339)")
                })?
                .to_utc(),
        ),
    };
    let (asker, asked_phase, step) = (principal.clone(), query.phase, query.step);
    let (challenge, phase, choices, moments, at, mut then) = state
        .database
        .read(move |connection| {
            let (challenge, phases) = challenge::find(connection, &asker, &slug)?;
            let (phase, choices) =
                choose_phase(&challenge, &phases, asked_phase, now, "leaderboard")?;
            let moments = history::moments(connection, phase.id, MOMENTS)?;
            let place = step
                .unwrap_or_default()
                .min(moments.len().saturating_sub(1));
            let moment = at.or_else(|| moments.get(place).copied());
            let then = match at {
                Some(at) => history::board_at(connection, phase.id, at, MOST_PAST + 1)?,
                None => Vec::new(),
            };
            Ok::<_, Fault>((challenge, phase.clone(), choices, moments, moment, then))
        })
        .await?;
    let query_phase = query
        .phase
        .map(|number| format!("?phase={number}"))
        .unwrap_or_default();
    let address = format!("/challenges/{}/leaderboard", challenge.slug);
    let Some(at) = at else {
        return Ok(see_other(&format!("{address}{query_phase}")));
    };
    if query.at.is_none() {
        // The slider's places move as entries come in; the moment stays.
        let joint = if query_phase.is_empty() { "?" } else { "&" };
        let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
        return Ok(see_other(&format!("{address}{query_phase}{joint}at={at}")));
    }
    let is_cut = then.len() as i64 > MOST_PAST;
    then.truncate(MOST_PAST as usize);
    let scores: Vec<f64> = then.iter().map(|entry| entry.score).collect();
    let rows = then
        .into_iter()
        .zip(format::scores(&scores))
        .map(|(entry, score)| PastRow {
            rank: entry.rank,
            href: format!(
                "/challenges/{}/teams/{}{query_phase}",
                challenge.slug, entry.team_id
            ),
            team: entry.team,
            score,
            exact: format::exact(entry.score),
            since: entry.since,
        })
        .collect();
    let view = PastBoard {
        page: Page::new(&request, "challenges"),
        challenge: Head::new(&challenge, &phase, &principal, now),
        choices,
        metric_key: phase.metric.to_string().replace('_', " "),
        slider: slider(&moments, Some(at)),
        at,
        rows,
        is_cut,
        phase_number: query.phase,
        query_phase,
    };
    view.page.show(&view)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shake_up_is_told_in_words() {
        assert_eq!(shaken(2, 5).text, "▲ up 3, from 5");
        assert_eq!(shaken(5, 2).text, "▼ down 3, from 2");
        assert_eq!(shaken(1, 1).text, "stayed at 1");
    }
}

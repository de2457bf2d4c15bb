//! Leaderboards: who stands where.

use std::collections::HashMap;

use actix_web::web::{Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging;
use crate::accounts::permissions::Principal;
use crate::api::House;
use crate::challenges::challenge::{self, Phase, current_phase};
use crate::challenges::disclosure::Disclosure;
use crate::challenges::final_standings;
use crate::challenges::history::{self, PastEntry};
use crate::challenges::leaderboard::{self, Board, Cursor, Entry};
use crate::challenges::medals::Medal;
use crate::challenges::membership;
use crate::http::fault::Fault;
use crate::scoring::metrics::Direction;

/// Which part of which board.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BoardQuery {
    /// At most this many teams.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// The `next` of the page before.
    // Position, rank, the bits of a finite key, microseconds, team, tie-breakers: what `Cursor` reads.
    #[param(
        pattern = r"^[0-9]{1,18}\.[0-9]{1,18}\.([0-9a-f]{1,15}|[0-689a-e][0-9a-f]{15}|[7f][0-9a-e][0-9a-f]{14}|[7f]f[0-9a-e][0-9a-f]{13})\.-?[0-9]{1,17}\.[0-9]{1,18}(\.([0-9a-f]{16}){1,8})?$"
    )]
    after: Option<String>,
    /// Which split's scores. The private ones are shown when the phase is over; until then the public
    /// board is answered. Without it: the one that counts now.
    #[param(value_type = Option<Board>, inline)]
    board: Option<String>,
    /// The name of a phase. Without it: the one that matters now.
    phase: Option<String>,
    /// The public board as it was at this moment: up to `limit` teams, without a next page.
    #[param(value_type = Option<DateTime<Utc>>)]
    at: Option<String>,
}

/// A page of a leaderboard.
#[derive(Debug, Serialize, ToSchema)]
pub struct Leaderboard {
    /// Which split's scores are shown.
    board: Board,
    /// How they were made: a key of the metric catalogue.
    #[schema(example = "rmse")]
    metric: String,
    direction: Direction,
    /// The phase's name.
    phase: String,
    /// How many teams stand on the whole board.
    total: i64,
    /// Best first.
    entries: Vec<LeaderboardEntry>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
    /// The caller's own standing, wherever it is.
    you: Option<LeaderboardEntry>,
}

/// A team's standing.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeaderboardEntry {
    /// Ties share one: 1, 1, 3. Null for the organizer's baselines.
    rank: Option<i64>,
    team_id: i64,
    team: String,
    /// As the board shows it.
    score: f64,
    /// The 95 % bootstrap interval of the score; null where the scoring program gives none.
    #[schema(value_type = Option<Vec<f64>>)]
    interval: Option<[f64; 2]>,
    /// Entries of one tier cannot be told apart from its first (paired bootstrap); 1 is the best.
    tier: Option<i32>,
    /// How probable it is that the entry above is truly better.
    entry_above_is_better: Option<f64>,
    /// The scores by the phase's other metrics, in their order.
    secondary: Vec<f64>,
    /// What the team won; null before the challenge is over, and on other boards than the last private one.
    #[schema(inline)]
    medal: Option<Medal>,
    /// Whether the organizer has reproduced it.
    verified: bool,
    /// How many of its submissions may stand; null on the board of a past moment.
    submissions: Option<i64>,
    /// When the one that counts was scored; on the board of a past moment, since when it had stood.
    scored_at: DateTime<Utc>,
}

impl From<Entry> for LeaderboardEntry {
    fn from(entry: Entry) -> Self {
        Self {
            rank: entry.rank,
            team_id: entry.team_id,
            team: entry.team,
            score: entry.score,
            interval: entry.interval.map(|(low, high)| [low, high]),
            tier: entry.tier,
            entry_above_is_better: entry.lead,
            secondary: entry.secondary,
            medal: None,
            verified: entry.is_verified,
            submissions: Some(entry.submission_count),
            scored_at: entry.scored_at,
        }
    }
}

impl From<PastEntry> for LeaderboardEntry {
    fn from(entry: PastEntry) -> Self {
        Self {
            rank: entry.rank,
            team_id: entry.team_id,
            team: entry.team,
            score: entry.score,
            interval: None,
            tier: None,
            entry_above_is_better: None,
            secondary: Vec::new(),
            medal: None,
            verified: false,
            submissions: None,
            scored_at: entry.since,
        }
    }
}

/// How a team came to where it stands on the public board.
#[derive(Debug, Serialize, ToSchema)]
pub struct TeamHistory {
    team_id: i64,
    team: String,
    /// The phase's name.
    phase: String,
    /// Oldest first.
    steps: Vec<HistoryStep>,
}

/// A change of a team's public score.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryStep {
    at: DateTime<Utc>,
    /// As the board showed it.
    score: f64,
}

/// Which phase.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// The name of a phase. Without it: the one that matters now.
    phase: Option<String>,
}

/// Reads a team's history
///
/// What the public board showed of a team, and since when.
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/teams/{id}/history", operation_id = "get_team_history",
    tag = "challenges",
    params(
        ("slug" = String, Path, description = "The challenge's address"),
        ("id" = i64, Path, description = "The team"),
        HistoryQuery,
    ),
    responses((status = 200, description = "The steps", body = TeamHistory)),
)]
pub async fn history(
    house: House,
    principal: Principal,
    path: Path<(String, i64)>,
    query: Query<HistoryQuery>,
) -> Result<Json<TeamHistory>, Fault> {
    let now = house.clock.now();
    let (slug, team_id) = path.into_inner();
    let asked = query.into_inner().phase;
    let found = house.database.read(move |connection| {
        let (challenge, phases) = challenge::find(connection, &principal, &slug)?;
        let phase = choose_phase(&phases, asked.as_deref(), now)?;
        let team = history::team_name(connection, challenge.id, team_id)?.ok_or_else(|| {
            Fault::not_found(format!("No team {team_id} has stood on this board."))
        })?;
        let steps = history::of_team(connection, phase.id, team_id)?;
        Ok::<_, Fault>(TeamHistory {
            team_id,
            team,
            phase: phase.name.clone(),
            steps: steps
                .into_iter()
                .map(|step| HistoryStep {
                    at: step.at,
                    score: step.score,
                })
                .collect(),
        })
    });
    Ok(Json(found.await?))
}

/// Reads a leaderboard
///
/// Teams in their order; within a tie the earlier score stands first.
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/leaderboard", operation_id = "get_leaderboard",
    tag = "challenges",
    params(("slug" = String, Path, description = "The challenge's address"), BoardQuery),
    responses((status = 200, description = "A page of the board", body = Leaderboard)),
)]
pub async fn page(
    house: House,
    principal: Principal,
    slug: Path<String>,
    query: Query<BoardQuery>,
) -> Result<Json<Leaderboard>, Fault> {
    let now = house.clock.now();
    let (slug, query) = (slug.into_inner(), query.into_inner());
    let board = house.database.read(move |connection| {
        let (challenge, phases) = challenge::find(connection, &principal, &slug)?;
        let phase = choose_phase(&phases, query.phase.as_deref(), now)?;
        let limit = paging::limit(query.limit.as_deref())?;
        let after = parameter::<Cursor>("after", query.after.as_deref())?;
        let asked = parameter::<Board>("board", query.board.as_deref())?;
        let may_manage = principal.may_manage(challenge.owner_id);
        let disclosure = Disclosure::new(phase, &phases, now, may_manage);
        let at = parameter::<DateTime<Utc>>("at", query.at.as_deref())?;
        if let Some(at) = at {
            let then = history::board_at(connection, phase.id, at, limit)?;
            return Ok(Leaderboard {
                board: Board::Public,
                metric: phase.metric.to_string(),
                direction: phase.metric.direction(),
                phase: phase.name.clone(),
                total: i64::try_from(then.len()).unwrap_or(i64::MAX),
                entries: then.into_iter().map(LeaderboardEntry::from).collect(),
                next: None,
                you: None,
            });
        }
        let board = leaderboard::visible_board(phase, now, asked, may_manage);
        let page = leaderboard::page(connection, phase.id, board, after.as_ref(), limit)?;
        let place = match principal.user() {
            Some(user) => membership::of(connection, challenge.id, user.id)?,
            None => None,
        };
        let you = match place {
            Some(place) => leaderboard::standing(connection, phase.id, place.team_id, board)?,
            None => None,
        };
        let teams: Vec<i64> = page
            .entries
            .iter()
            .chain(&you)
            .map(|entry| entry.team_id)
            .collect();
        let medals = match board {
            Board::Private => final_standings::medals_of(connection, phase.id, &teams)?,
            Board::Public => HashMap::new(),
        };
        let shown = |entry: Entry| LeaderboardEntry {
            medal: medals.get(&entry.team_id).copied(),
            ..LeaderboardEntry::from(disclosure.entry(board, entry))
        };
        Ok::<_, Fault>(Leaderboard {
            board,
            metric: phase.metric.to_string(),
            direction: phase.metric.direction(),
            phase: phase.name.clone(),
            total: phase.entry_count,
            entries: page.entries.into_iter().map(&shown).collect(),
            next: page.next.map(|cursor| cursor.to_string()),
            you: you.map(shown),
        })
    });
    Ok(Json(board.await?))
}

/// The phase of this name, or the one that matters now.
pub(super) fn choose_phase<'a>(
    phases: &'a [Phase],
    name: Option<&str>,
    now: DateTime<Utc>,
) -> Result<&'a Phase, Fault> {
    match name {
        None => current_phase(phases, now)
            .ok_or_else(|| Fault::not_found("This challenge has no phase.")),
        Some(name) => phases
            .iter()
            .find(|phase| phase.name == name)
            .ok_or_else(|| Fault {
                field: Some("phase".into()),
                ..Fault::not_found(format!("This challenge has no phase `{name}`."))
            }),
    }
}

fn parameter<T>(field: &str, text: Option<&str>) -> Result<Option<T>, Fault>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.map(str::parse)
        .transpose()
        .map_err(|error: T::Err| Fault::invalid(field, error.to_string()))
}

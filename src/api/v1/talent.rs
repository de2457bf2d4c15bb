//! Talent boards: drivers as the best models of a challenge rate them.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::paging::{self, Paging};
use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::http::fault::Fault;
use crate::talent::board::{self, BoardLine, BoardModel, RatedDriver, TalentBoard};

/// A page of the list of talent boards.
#[derive(Debug, Serialize, ToSchema)]
pub struct BoardList {
    /// Newest first.
    boards: Vec<BoardSummary>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// A board in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct BoardSummary {
    /// The challenge whose models rate.
    challenge: String,
    title: String,
    published_at: DateTime<Utc>,
    /// How many drivers are rated.
    drivers: usize,
    /// How many models rate them.
    models: usize,
    /// The board in the API.
    url: String,
}

impl From<BoardLine> for BoardSummary {
    fn from(line: BoardLine) -> Self {
        Self {
            url: address(&line.challenge_slug),
            challenge: line.challenge_slug,
            title: line.challenge_title,
            published_at: line.published_at,
            drivers: line.drivers,
            models: line.models,
        }
    }
}

fn address(slug: &str) -> String {
    format!("/api/v1/talent/{slug}")
}

/// A page of a board's drivers, with what their ratings rest on.
#[derive(Debug, Serialize, ToSchema)]
pub struct BoardDetail {
    challenge: String,
    title: String,
    published_at: DateTime<Utc>,
    /// What the models were ranked by: a key of the metric catalogue.
    metric: String,
    /// Kendall's W: how far the models agree, from 0 to 1; null where one model stands alone.
    agreement: Option<f64>,
    /// The models, best first.
    models: Vec<ModelLine>,
    /// How many drivers are rated.
    total: usize,
    /// The drivers, best first.
    drivers: Vec<DriverLine>,
    /// The cursor of the next page of drivers; null on the last.
    next: Option<String>,
}

/// A model that rates.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelLine {
    rank: i64,
    team: String,
    private_score: f64,
}

impl From<BoardModel> for ModelLine {
    fn from(model: BoardModel) -> Self {
        Self {
            rank: model.rank,
            team: model.team,
            private_score: model.private_score,
        }
    }
}

/// A driver as the models rate them.
#[derive(Debug, Serialize, ToSchema)]
pub struct DriverLine {
    /// The pseudonym in the challenge's release.
    driver: String,
    /// From 0 to 100, the best.
    percentile: f64,
    /// The lowest percentile that a model gives.
    low: f64,
    /// The highest percentile that a model gives.
    high: f64,
    /// Drivers of one tier cannot be told apart; 1 is the best.
    tier: u32,
}

impl From<RatedDriver> for DriverLine {
    fn from(driver: RatedDriver) -> Self {
        Self {
            driver: driver.driver,
            percentile: driver.percentile,
            low: driver.low,
            high: driver.high,
            tier: driver.tier,
        }
    }
}

impl BoardDetail {
    /// The drivers from position `after` on, at most `limit`.
    fn new(line: BoardLine, board: TalentBoard, after: usize, limit: usize) -> Self {
        let total = board.drivers.len();
        let end = after.saturating_add(limit);
        Self {
            challenge: line.challenge_slug,
            title: line.challenge_title,
            published_at: line.published_at,
            metric: board.metric,
            agreement: board.agreement,
            models: board.models.into_iter().map(ModelLine::from).collect(),
            total,
            drivers: board
                .drivers
                .into_iter()
                .skip(after)
                .take(limit)
                .map(DriverLine::from)
                .collect(),
            next: (end < total).then(|| end.to_string()),
        }
    }
}

/// Lists talent boards
///
/// The newest board of each challenge, newest first.
#[utoipa::path(
    get, path = "/api/v1/talent", operation_id = "list_talent_boards", tag = "talent",
    params(Paging),
    responses((status = 200, description = "A page of boards", body = BoardList)),
)]
pub async fn list(house: House, paging: Query<Paging>) -> Result<Json<BoardList>, Fault> {
    let (limit, after) = (paging.limit()?, paging.after()?);
    let mut found = house
        .database
        .read(move |connection| board::list(connection, after, limit + 1))
        .await?;
    let next = paging::cut(&mut found, limit, |line| line.id);
    let boards = found.into_iter().map(BoardSummary::from).collect();
    Ok(Json(BoardList { boards, next }))
}

/// Reads a talent board
///
/// The drivers under their pseudonyms, and the models that rate them.
#[utoipa::path(
    get, path = "/api/v1/talent/{slug}", operation_id = "get_talent_board", tag = "talent",
    params(("slug" = String, Path, description = "The challenge's address"), Paging),
    responses((status = 200, description = "A page of the board", body = BoardDetail)),
)]
pub async fn find(
    house: House,
    slug: Path<String>,
    paging: Query<Paging>,
) -> Result<Json<BoardDetail>, Fault> {
    Ok(Json(read(&house, &slug, &paging).await?))
}

async fn read(house: &House, slug: &str, paging: &Paging) -> Result<BoardDetail, Fault> {
    let (limit, after) = (paging.limit()?, paging.after()?.unwrap_or(0));
    let asked = slug.to_owned();
    let found = house
        .database
        .read(move |connection| board::find(connection, &asked))
        .await?;
    let (line, board) =
        found.ok_or_else(|| Fault::not_found(format!("There is no talent board of `{slug}`.")))?;
    let position = |row: i64| usize::try_from(row).unwrap_or(usize::MAX);
    Ok(BoardDetail::new(
        line,
        board,
        position(after),
        position(limit),
    ))
}

/// Publishes a talent board
///
/// Lets the best models of a rating challenge rate its drivers together, and shows the board to scouts.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/talent-board", operation_id = "publish_talent_board",
    tag = "talent",
    params(("slug" = String, Path, description = "The challenge's address")),
    responses(
        (status = 201, description = "The first page of the board", body = BoardDetail,
         headers(("Location" = String))),
        (status = 409, description = "No model was scored yet."),
    ),
)]
pub async fn publish(house: House, principal: Principal, slug: Path<String>) -> Answer {
    let now = house.clock.now();
    board::publish(&house.database, &house.storage, now, &principal, &slug).await?;
    let board = read(&house, &slug, &Paging::default()).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, address(&slug)))
        .json(board))
}

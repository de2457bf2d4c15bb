//! Talent boards: drivers as the best models of a challenge and their own laps rate them.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging::{self, Paging};
use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::http::fault::Fault;
use crate::talent::board::{
    self, BoardLine, BoardModel, BoardSearch, DriverProfile, RatedDriver, SortColumn, TalentBoard,
};

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
            drivers: line.board.drivers,
            models: line.board.models,
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
    /// What the board says as a whole.
    board: TalentBoard,
    /// The models, best first.
    models: Vec<ModelLine>,
    /// The drivers that were searched for, sorted as asked.
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
    /// Its share of the vote.
    weight: f64,
    /// Models of one number say the same and share a vote.
    cluster: i32,
    /// What the consensus loses without it, in mean squared error of normal scores.
    leave_one_out: Option<f64>,
    /// Its fair share (Shapley's value) of all that the consensus knows.
    fair_share: Option<f64>,
}

impl From<BoardModel> for ModelLine {
    fn from(model: BoardModel) -> Self {
        Self {
            rank: model.rank,
            team: model.team,
            private_score: model.private_score,
            weight: model.weight,
            cluster: model.cluster,
            leave_one_out: model.leave_one_out,
            fair_share: model.fair_share,
        }
    }
}

/// A driver of a board.
#[derive(Debug, Serialize, ToSchema)]
pub struct DriverLine {
    /// The pseudonym in the challenge's release.
    driver: String,
    /// Drivers of one tier cannot be told apart; 1 is the best.
    tier: i32,
    class: Option<String>,
    age_band: Option<String>,
    region: Option<String>,
    /// What laps and models say, and how far to trust it.
    profile: DriverProfile,
}

impl From<RatedDriver> for DriverLine {
    fn from(driver: RatedDriver) -> Self {
        Self {
            driver: driver.driver,
            tier: driver.tier,
            class: driver.class,
            age_band: driver.age_band,
            region: driver.region,
            profile: driver.profile,
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

/// What of a board.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct BoardQuery {
    /// The class.
    class: String,
    /// The age band, as the board lists it.
    age_band: String,
    /// The region.
    region: String,
    /// The last tier that is wanted.
    #[param(value_type = Option<i32>, minimum = 1)]
    up_to_tier: Option<String>,
    /// The fewest clean laps.
    #[param(value_type = Option<i32>, minimum = 0)]
    fewest_laps: Option<String>,
    /// What to sort by, the best first; the consensus by default.
    #[param(value_type = Option<SortColumn>)]
    sort: Option<String>,
    /// At most this many drivers.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// The `next` of the page before.
    #[param(pattern = "^[0-9]{1,18}$")]
    after: Option<String>,
}

impl BoardQuery {
    fn search(&self) -> Result<BoardSearch, Fault> {
        let number = |field: &'static str, text: &Option<String>, least: i32| match text {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(number) if number >= least => Ok(Some(number)),
                _ => Err(Fault::invalid(
                    field,
                    format!("{field}: send a whole number from {least} on"),
                )),
            },
        };
        let sort = self.sort.as_deref().map(str::parse).transpose();
        Ok(BoardSearch {
            class: self.class.clone(),
            age_band: self.age_band.clone(),
            region: self.region.clone(),
            up_to_tier: number("up_to_tier", &self.up_to_tier, 1)?,
            fewest_laps: number("fewest_laps", &self.fewest_laps, 0)?,
            sort: sort.map_err(|error| Fault::invalid("sort", error))?,
        })
    }

    fn paging(&self) -> Paging {
        Paging {
            limit: self.limit.clone(),
            after: self.after.clone(),
        }
    }
}

/// Reads a talent board
///
/// The drivers under their pseudonyms, searched and sorted, and the models that rate them.
#[utoipa::path(
    get, path = "/api/v1/talent/{slug}", operation_id = "get_talent_board", tag = "talent",
    params(("slug" = String, Path, description = "The challenge's address"), BoardQuery),
    responses((status = 200, description = "A page of the board", body = BoardDetail)),
)]
pub async fn find(
    house: House,
    slug: Path<String>,
    query: Query<BoardQuery>,
) -> Result<Json<BoardDetail>, Fault> {
    Ok(Json(read(&house, &slug, &query).await?))
}

async fn read(house: &House, slug: &str, query: &BoardQuery) -> Result<BoardDetail, Fault> {
    let search = query.search()?;
    let paging = query.paging();
    let (limit, skip) = (paging.limit()?, paging.after()?.unwrap_or(0));
    let asked = slug.to_owned();
    let (line, models, mut drivers) = house
        .database
        .read(move |connection| {
            let line = board::find(connection, &asked)?.ok_or_else(|| {
                Fault::not_found(format!("There is no talent board of `{asked}`."))
            })?;
            let models = board::models_of(connection, line.id)?;
            let drivers = board::search(connection, line.id, &search, skip, limit + 1)?;
            Ok::<_, Fault>((line, models, drivers))
        })
        .await?;
    let more = drivers.len() as i64 > limit;
    drivers.truncate(usize::try_from(limit).unwrap_or_default());
    Ok(BoardDetail {
        challenge: line.challenge_slug,
        title: line.challenge_title,
        published_at: line.published_at,
        board: line.board,
        models: models.into_iter().map(ModelLine::from).collect(),
        drivers: drivers.into_iter().map(DriverLine::from).collect(),
        next: more.then(|| skip.saturating_add(limit).to_string()),
    })
}

/// Reads a driver
///
/// What laps and models say of a driver of a board, what it rests on, and what would change it.
#[utoipa::path(
    get, path = "/api/v1/talent/{slug}/drivers/{driver}", operation_id = "get_rated_driver", tag = "talent",
    params(
        ("slug" = String, Path, description = "The challenge's address"),
        ("driver" = String, Path, description = "The pseudonym in the challenge's release"),
    ),
    responses((status = 200, description = "The driver", body = DriverLine)),
)]
pub async fn driver(house: House, path: Path<(String, String)>) -> Result<Json<DriverLine>, Fault> {
    let (slug, driver) = path.into_inner();
    let found = house
        .database
        .read(move |connection| {
            let found = board::identify(connection, &slug, &driver)?;
            found.ok_or_else(|| {
                Fault::not_found(format!(
                    "No driver `{driver}` is on the talent board of `{slug}`."
                ))
            })
        })
        .await?;
    Ok(Json(found.1.into()))
}

/// Publishes a talent board
///
/// Lets the best models of a rating challenge and the laps of its release rate its drivers, and shows the board to
/// scouts. Those who watch are told what changed.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/talent-board", operation_id = "publish_talent_board",
    tag = "talent",
    params(("slug" = String, Path, description = "The challenge's address")),
    responses(
        (status = 201, description = "The first page of the board", body = BoardDetail,
         headers(("Location" = String))),
        (status = 409, description = "No model was scored yet, or there are no laps behind it."),
    ),
)]
pub async fn publish(house: House, principal: Principal, slug: Path<String>) -> Answer {
    let now = house.clock.now();
    board::publish(&house.database, &house.storage, now, &principal, &slug).await?;
    let board = read(&house, &slug, &BoardQuery::default()).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, address(&slug)))
        .json(board))
}

//! Boards in the database: all SQL of this folder.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::making::{Rated, Voice};
use super::models::Model;
use super::profile::DriverProfile;
use super::search::{BoardSearch, SortColumn};
use super::{BoardError, TalentBoard};
use crate::platform::column_types::{Json, json_text};
use crate::platform::database::{DatabaseConnection, DatabaseError, MultiBackend};
use crate::platform::schema::{board_models, challenges, rated_drivers, talent_boards, teams};

/// A board in the list of boards.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardLine {
    /// The row, for paging: ask for those before the last one's.
    pub id: i64,
    /// The challenge.
    pub challenge_id: i64,
    /// The challenge's address.
    pub challenge_slug: String,
    /// Its name.
    pub challenge_title: String,
    /// When the board was published.
    pub published_at: DateTime<Utc>,
    /// What it says as a whole.
    pub board: TalentBoard,
}

/// A model that a board listens to.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardModel {
    /// Its rank on the private split.
    pub rank: i64,
    /// Its team.
    pub team: String,
    /// Its score on the private split.
    pub private_score: f64,
    /// Its share of the vote; those of a board sum up to 1.
    pub weight: f64,
    /// Models of one number say the same and share a vote.
    pub cluster: i32,
    /// What the consensus loses without it, in mean squared error of normal scores.
    pub leave_one_out: Option<f64>,
    /// Its fair share (Shapley's value) of all that the consensus knows.
    pub fair_share: Option<f64>,
}

/// A driver on a board.
#[derive(Debug, Clone, PartialEq)]
pub struct RatedDriver {
    /// The pseudonym in the challenge's release.
    pub driver: String,
    /// Drivers of one tier cannot be told apart; 1 is the best.
    pub tier: i32,
    /// The class, where the release tells it.
    pub class: Option<String>,
    /// The age band, likewise.
    pub age_band: Option<String>,
    /// The region, likewise.
    pub region: Option<String>,
    /// All else.
    pub profile: DriverProfile,
}

pub(super) fn newest_id(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
) -> Result<Option<i64>, DatabaseError> {
    Ok(talent_boards::table
        .filter(talent_boards::challenge_id.eq(challenge_id))
        .select(diesel::dsl::max(talent_boards::id))
        .first(connection)?)
}

pub(super) fn insert(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    challenge_id: i64,
    board: &TalentBoard,
) -> Result<i64, DatabaseError> {
    Ok(diesel::insert_into(talent_boards::table)
        .values((
            talent_boards::challenge_id.eq(challenge_id),
            talent_boards::published_at.eq(now.naive_utc()),
            talent_boards::board.eq(json_text(board)?),
        ))
        .returning(talent_boards::id)
        .get_result(connection)?)
}

pub(super) fn insert_model(
    connection: &mut DatabaseConnection,
    board_id: i64,
    model: &Model,
    voice: &Voice,
) -> Result<(), DatabaseError> {
    diesel::insert_into(board_models::table)
        .values((
            board_models::board_id.eq(board_id),
            board_models::submission_id.eq(model.submission_id),
            board_models::team_id.eq(model.entry.team_id),
            board_models::rank.eq(model.rank),
            board_models::private_score.eq(model.entry.score),
            board_models::weight.eq(voice.weight),
            // A board has some dozens.
            board_models::cluster.eq(voice.cluster as i32),
            board_models::leave_one_out.eq(voice.leave_one_out),
            board_models::fair_share.eq(voice.fair_share),
        ))
        .execute(connection)?;
    Ok(())
}

pub(super) fn insert_driver(
    connection: &mut DatabaseConnection,
    board_id: i64,
    position: i32,
    driver: &Rated,
) -> Result<(), DatabaseError> {
    let measures = &driver.profile.measures;
    diesel::insert_into(rated_drivers::table)
        .values((
            rated_drivers::board_id.eq(board_id),
            rated_drivers::driver.eq(&driver.driver),
            rated_drivers::position.eq(position),
            rated_drivers::tier.eq(driver.tier),
            rated_drivers::class.eq(driver.attributes.class.as_deref()),
            rated_drivers::age_band.eq(driver.attributes.age_band.as_deref()),
            rated_drivers::region.eq(driver.attributes.region.as_deref()),
            rated_drivers::laps.eq(i32::try_from(driver.laps).unwrap_or(i32::MAX)),
            rated_drivers::pace_percentile.eq(measures.pace_percentile.value),
            rated_drivers::top_tenth.eq(measures.top_tenth.value),
            rated_drivers::consistency.eq(measures.consistency.value),
            rated_drivers::improvement.eq(measures.improvement.value),
            rated_drivers::wet_minus_dry.eq(measures.wet_minus_dry.value),
            rated_drivers::weight_adjusted_pace.eq(measures.weight_adjusted_pace.value),
            rated_drivers::pace_for_age.eq(measures.pace_for_age.value),
            rated_drivers::passes_above_expected.eq(measures.passes_above_expected.value),
            rated_drivers::profile.eq(json_text(&driver.profile)?),
        ))
        .execute(connection)?;
    Ok(())
}

type BoardRow = (i64, i64, String, String, NaiveDateTime, Json<TalentBoard>);

fn line((id, challenge_id, slug, title, published_at, board): BoardRow) -> BoardLine {
    BoardLine {
        id,
        challenge_id,
        challenge_slug: slug,
        challenge_title: title,
        published_at: published_at.and_utc(),
        board: board.0,
    }
}

/// The newest board of each challenge, newest first, older than the board `before` where given.
pub fn list(
    connection: &mut DatabaseConnection,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<BoardLine>, BoardError> {
    let newest = diesel::alias!(talent_boards as newest);
    let rows: Vec<BoardRow> = talent_boards::table
        .inner_join(challenges::table)
        .filter(diesel::dsl::not(diesel::dsl::exists(
            newest
                .filter(
                    newest
                        .field(talent_boards::challenge_id)
                        .eq(talent_boards::challenge_id),
                )
                .filter(newest.field(talent_boards::id).gt(talent_boards::id)),
        )))
        .filter(talent_boards::id.lt(before.unwrap_or(i64::MAX)))
        .order(talent_boards::id.desc())
        .limit(limit)
        .select((
            talent_boards::id,
            challenges::id,
            challenges::slug,
            challenges::title,
            talent_boards::published_at,
            talent_boards::board,
        ))
        .load(connection)?;
    Ok(rows.into_iter().map(line).collect())
}

/// The newest board of a challenge.
pub fn find(
    connection: &mut DatabaseConnection,
    slug: &str,
) -> Result<Option<BoardLine>, DatabaseError> {
    let row: Option<BoardRow> = talent_boards::table
        .inner_join(challenges::table)
        .filter(challenges::slug.eq(slug))
        .order(talent_boards::id.desc())
        .select((
            talent_boards::id,
            challenges::id,
            challenges::slug,
            challenges::title,
            talent_boards::published_at,
            talent_boards::board,
        ))
        .first(connection)
        .optional()?;
    Ok(row.map(line))
}

/// A board's models, the best first.
pub fn models_of(
    connection: &mut DatabaseConnection,
    board_id: i64,
) -> Result<Vec<BoardModel>, DatabaseError> {
    type Row = (i64, String, f64, f64, i32, Option<f64>, Option<f64>);
    let rows: Vec<Row> = board_models::table
        .inner_join(teams::table)
        .filter(board_models::board_id.eq(board_id))
        .order((board_models::rank, board_models::submission_id))
        .select((
            board_models::rank,
            teams::name,
            board_models::private_score,
            board_models::weight,
            board_models::cluster,
            board_models::leave_one_out,
            board_models::fair_share,
        ))
        .load(connection)?;
    let model =
        |(rank, team, private_score, weight, cluster, leave_one_out, fair_share)| BoardModel {
            rank,
            team,
            private_score,
            weight,
            cluster,
            leave_one_out,
            fair_share,
        };
    Ok(rows.into_iter().map(model).collect())
}

/// All but the profile, which a driver's row has as JSON.
type DriverRow = (
    String,
    i32,
    Option<String>,
    Option<String>,
    Option<String>,
    Json<DriverProfile>,
);

const COLUMNS: (
    rated_drivers::driver,
    rated_drivers::tier,
    rated_drivers::class,
    rated_drivers::age_band,
    rated_drivers::region,
    rated_drivers::profile,
) = (
    rated_drivers::driver,
    rated_drivers::tier,
    rated_drivers::class,
    rated_drivers::age_band,
    rated_drivers::region,
    rated_drivers::profile,
);

fn rated((driver, tier, class, age_band, region, profile): DriverRow) -> RatedDriver {
    RatedDriver {
        driver,
        tier,
        class,
        age_band,
        region,
        profile: profile.0,
    }
}

/// The drivers of a board that a search finds, sorted as it says, from the `skip`th on.
///
/// A board has at most some thousand drivers and is never changed: skipping rows costs little and repeats none.
pub fn search(
    connection: &mut DatabaseConnection,
    board_id: i64,
    search: &BoardSearch,
    skip: i64,
    limit: i64,
) -> Result<Vec<RatedDriver>, DatabaseError> {
    let query = matching(board_id, search);
    // Those without a value come last on both databases.
    macro_rules! by {
        ($column:ident, $direction:ident) => {
            query.order((
                rated_drivers::$column.is_null(),
                rated_drivers::$column.$direction(),
                rated_drivers::position,
            ))
        };
    }
    let sorted = match search.sort.unwrap_or(SortColumn::Consensus) {
        SortColumn::Consensus => query.order(rated_drivers::position),
        SortColumn::PacePercentile => by!(pace_percentile, desc),
        SortColumn::TopTenth => by!(top_tenth, desc),
        SortColumn::Consistency => by!(consistency, asc),
        SortColumn::Improvement => by!(improvement, asc),
        SortColumn::WetMinusDry => by!(wet_minus_dry, asc),
        SortColumn::WeightAdjustedPace => by!(weight_adjusted_pace, asc),
        SortColumn::PaceForAge => by!(pace_for_age, asc),
        SortColumn::PassesAboveExpected => by!(passes_above_expected, desc),
        SortColumn::Laps => query.order((rated_drivers::laps.desc(), rated_drivers::position)),
    };
    let rows: Vec<DriverRow> = sorted
        .offset(skip)
        .limit(limit)
        .select(COLUMNS)
        .load(connection)?;
    Ok(rows.into_iter().map(rated).collect())
}

/// The names and tiers that a search finds, in the board's order.
pub(in crate::talent) fn names(
    connection: &mut DatabaseConnection,
    board_id: i64,
    search: &BoardSearch,
) -> Result<Vec<(String, i32)>, DatabaseError> {
    Ok(matching(board_id, search)
        .order(rated_drivers::position)
        .select((rated_drivers::driver, rated_drivers::tier))
        .load(connection)?)
}

fn matching(
    board_id: i64,
    search: &BoardSearch,
) -> rated_drivers::BoxedQuery<'static, MultiBackend> {
    let mut query = rated_drivers::table
        .into_boxed::<MultiBackend>()
        .filter(rated_drivers::board_id.eq(board_id));
    if !search.class.is_empty() {
        query = query.filter(rated_drivers::class.eq(search.class.clone()));
    }
    if !search.age_band.is_empty() {
        query = query.filter(rated_drivers::age_band.eq(search.age_band.clone()));
    }
    if !search.region.is_empty() {
        query = query.filter(rated_drivers::region.eq(search.region.clone()));
    }
    if let Some(tier) = search.up_to_tier {
        query = query.filter(rated_drivers::tier.le(tier));
    }
    if let Some(laps) = search.fewest_laps {
        query = query.filter(rated_drivers::laps.ge(laps));
    }
    query
}

/// These drivers of a board, in the board's order; those who are not on it are left out.
pub fn find_drivers(
    connection: &mut DatabaseConnection,
    board_id: i64,
    drivers: &[String],
) -> Result<Vec<RatedDriver>, DatabaseError> {
    let rows: Vec<DriverRow> = rated_drivers::table
        .filter(rated_drivers::board_id.eq(board_id))
        .filter(rated_drivers::driver.eq_any(drivers))
        .order(rated_drivers::position)
        .select(COLUMNS)
        .load(connection)?;
    Ok(rows.into_iter().map(rated).collect())
}

/// The challenge and the newest board of an address, where the driver is on it.
pub fn identify(
    connection: &mut DatabaseConnection,
    slug: &str,
    driver: &str,
) -> Result<Option<(BoardLine, RatedDriver)>, DatabaseError> {
    let Some(line) = find(connection, slug)? else {
        return Ok(None);
    };
    let mut found = find_drivers(connection, line.id, &[driver.to_owned()])?;
    Ok(found.pop().map(|driver| (line, driver)))
}

//! The talent board: drivers as the best models of a rating challenge see them, for scouts.
//!
//! An organizer publishes it, as one act that is audited. It is made once, from the submissions that
//! stand highest on the private split, and kept, so that a scout's page costs one query. In a rating
//! challenge a higher prediction means a better driver.

use std::io;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{self, Challenge, ChallengeError, Phase, current_phase};
use crate::challenges::leaderboard::{self, Board, Entry};
use crate::platform::audit::{self, Act};
use crate::platform::column_types::{Json, json_text};
use crate::platform::database::{Database, DatabaseConnection, DatabaseError};
use crate::platform::schema::{challenges, submissions, talent_boards};
use crate::platform::storage::{Area, Storage, StorageError};
use crate::scoring::predictions::{FileFormat, PredictionFormat, read_predictions};
use crate::scoring::solution::Solution;

/// How many models a board listens to: the best on the private split, one a team.
pub const MODELS: usize = 5;

/// How far down the board they are looked for: baselines stand among them and are not listened to.
const LOOKED_AT: i64 = 100;

/// A driver as the models see them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RatedDriver {
    /// The pseudonym in the challenge's release.
    pub driver: String,
    /// Share of the drivers that this one is rated above, in percent, averaged over the models.
    pub percentile: f64,
    /// The least of the models' percentiles.
    pub low: f64,
    /// The greatest of them.
    pub high: f64,
    /// Drivers of one tier cannot be told apart: the models' ranges overlap. 1 is the best.
    pub tier: u32,
}

/// A model that the board listens to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BoardModel {
    /// Its rank on the private split.
    pub rank: i64,
    /// Its team.
    pub team: String,
    /// Its score on the private split.
    pub private_score: f64,
}

/// What a scout sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TalentBoard {
    /// The name of the metric that the models were judged by.
    pub metric: String,
    /// The models, best first.
    pub models: Vec<BoardModel>,
    /// The drivers, best first.
    pub drivers: Vec<RatedDriver>,
    /// Kendall's W of the models' rankings: 0 where they have nothing in common, 1 where they agree;
    /// none where there is one model (Kendall & Babington Smith, 1939).
    pub agreement: Option<f64>,
}

/// A board in the list of boards.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardLine {
    /// The row, for paging: ask for those before the last one's.
    pub id: i64,
    /// The challenge's address.
    pub challenge_slug: String,
    /// Its name.
    pub challenge_title: String,
    /// When the board was published.
    pub published_at: DateTime<Utc>,
    /// How many drivers are on it.
    pub drivers: usize,
    /// How many models it listens to.
    pub models: usize,
}

/// Why there is no board.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// The challenge is none of the caller's.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
    /// The challenge does not rate drivers.
    #[error("This challenge does not rate drivers; there is nothing to make a talent board of.")]
    NotARating,
    /// Nothing was scored yet.
    #[error("No model was scored yet; publish the board when there is one.")]
    NoModels,
    /// A submission that was scored once can no longer be read.
    #[error("a scored submission cannot be read again: {0}")]
    Unreadable(String),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<diesel::result::Error> for BoardError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

fn unreadable(error: impl std::fmt::Display) -> BoardError {
    BoardError::Unreadable(error.to_string())
}

/// Makes the board of a rating challenge from its best models and shows it to scouts.
///
/// # Errors
/// [`BoardError`]; an earlier board stays as it was.
pub async fn publish(
    database: &Database,
    storage: &Storage,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
) -> Result<(), BoardError> {
    let caller = principal.clone();
    let (asked, subject) = (slug.to_owned(), format!("challenge:{slug}"));
    let (challenge, phase, models) = database
        .read(move |connection| best_models(connection, now, &caller, &asked))
        .await?;
    let folder = tempfile::tempdir().map_err(StorageError::Io)?;
    let solution_path = folder.path().join("solution");
    storage
        .copy_to_file(Area::Hidden, &phase.solution_sha256, &solution_path)
        .await?;
    let mut files = Vec::with_capacity(models.len());
    for (index, model) in models.iter().enumerate() {
        let path = folder.path().join(format!("model-{index}"));
        storage
            .copy_to_file(Area::Submissions, &model.storage_key, &path)
            .await?;
        files.push((path, model.format));
    }
    let format = challenge.prediction_format.clone();
    let spec = phase.solution_format.clone();
    let (drivers, ratings) = tokio::task::spawn_blocking(move || {
        let open = |path| -> io::Result<std::fs::File> { std::fs::File::open(path) };
        let solution = spec
            .read(open(&solution_path).map_err(unreadable)?)
            .map_err(unreadable)?;
        let mut ratings = Vec::with_capacity(files.len());
        for (path, file_format) in &files {
            let file = open(path).map_err(unreadable)?;
            ratings.push(ratings_of(file, *file_format, &format, &solution)?);
        }
        let drivers: Vec<String> = solution.ids().map(|id| id.into_owned()).collect();
        Ok::<_, BoardError>((drivers, ratings))
    })
    .await
    .map_err(DatabaseError::from)??;
    let board = TalentBoard {
        metric: phase.metric.title().to_owned(),
        models: models
            .into_iter()
            .map(|model| BoardModel {
                rank: model.rank,
                team: model.entry.team,
                private_score: model.entry.score,
            })
            .collect(),
        agreement: agreement(&ratings),
        drivers: rate(&drivers, &ratings),
    };
    let actor_id = principal.user().map(|user| user.id);
    database
        .write(move |connection| {
            diesel::insert_into(talent_boards::table)
                .values((
                    talent_boards::challenge_id.eq(challenge.id),
                    talent_boards::published_at.eq(now.naive_utc()),
                    talent_boards::board.eq(json_text(&board)?),
                ))
                .execute(connection)?;
            let act = Act {
                actor_id,
                action: "talent_board.publish",
                subject: &subject,
                challenge_id: Some(challenge.id),
                detail: &format!("{} models", board.models.len()),
            };
            Ok(audit::record(connection, now, &act)?)
        })
        .await
}

struct Model {
    rank: i64,
    entry: Entry,
    storage_key: String,
    format: FileFormat,
}

fn best_models(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
) -> Result<(Challenge, Phase, Vec<Model>), BoardError> {
    let (challenge, phases) = challenge::find_managed_with_phases(connection, principal, slug)?;
    if !challenge.rates_drivers {
        return Err(BoardError::NotARating);
    }
    let phase = current_phase(&phases, now)
        .cloned()
        .ok_or(BoardError::NoModels)?;
    let top = leaderboard::page(connection, phase.id, Board::Private, None, LOOKED_AT)?.entries;
    let best: Vec<_> = top
        .into_iter()
        .filter_map(|entry| Some((entry.rank?, entry)))
        .take(MODELS)
        .collect();
    let ids: Vec<i64> = best.iter().map(|(_, entry)| entry.submission_id).collect();
    let files: Vec<(i64, String, Option<String>, String)> = submissions::table
        .filter(submissions::id.eq_any(ids))
        .select((
            submissions::id,
            submissions::storage_key,
            submissions::predictions_key,
            submissions::format,
        ))
        .load(connection)?;
    let mut models = Vec::with_capacity(best.len());
    for (rank, entry) in best {
        let file = files.iter().find(|file| file.0 == entry.submission_id);
        let Some((_, sent, predicted, format)) = file else {
            continue;
        };
        models.push(Model {
            // What a model predicted, else the predictions that were sent.
            storage_key: predicted.as_ref().unwrap_or(sent).clone(),
            format: format.parse().map_err(unreadable)?,
            rank,
            entry,
        });
    }
    if models.is_empty() {
        return Err(BoardError::NoModels);
    }
    Ok((challenge, phase, models))
}

fn ratings_of(
    file: std::fs::File,
    file_format: FileFormat,
    format: &PredictionFormat,
    solution: &Solution,
) -> Result<Vec<f64>, BoardError> {
    let predictions = read_predictions(file, file_format, format, solution).map_err(unreadable)?;
    let first = predictions.columns().first();
    first
        .cloned()
        .ok_or_else(|| unreadable("it has no prediction column"))
}

/// The percentile of each driver in one model's ratings: the share of the others rated below, ties
/// counting half.
fn percentiles(ratings: &[f64]) -> Vec<f64> {
    let mut sorted = ratings.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let others = ratings.len().saturating_sub(1).max(1) as f64;
    ratings
        .iter()
        .map(|rating| {
            let below = sorted.partition_point(|other| other < rating);
            let tied = sorted[below..].partition_point(|other| other <= rating);
            let tied_others = tied.saturating_sub(1) as f64;
            100.0 * (below as f64 + tied_others / 2.0) / others
        })
        .collect()
}

/// Rates drivers by the mean of the models' percentiles, best first, in tiers: a driver opens a new
/// tier when no model rates them as high as the least that some model gives the tier's first.
fn rate(drivers: &[String], ratings: &[Vec<f64>]) -> Vec<RatedDriver> {
    let by_model: Vec<Vec<f64>> = ratings.iter().map(|model| percentiles(model)).collect();
    let mut rated: Vec<RatedDriver> = drivers
        .iter()
        .enumerate()
        .map(|(index, driver)| {
            let of_driver = || by_model.iter().map(|model| model[index]);
            RatedDriver {
                driver: driver.clone(),
                percentile: of_driver().sum::<f64>() / by_model.len().max(1) as f64,
                low: of_driver().fold(f64::INFINITY, f64::min),
                high: of_driver().fold(f64::NEG_INFINITY, f64::max),
                tier: 0,
            }
        })
        .collect();
    rated.sort_by(|one, other| {
        other
            .percentile
            .total_cmp(&one.percentile)
            .then_with(|| one.driver.cmp(&other.driver))
    });
    let (mut tier, mut floor) = (0, f64::INFINITY);
    for driver in &mut rated {
        if driver.high < floor {
            tier += 1;
            floor = driver.low;
        }
        driver.tier = tier;
    }
    rated
}

/// Kendall's W with the usual treatment of ties by average ranks.
fn agreement(ratings: &[Vec<f64>]) -> Option<f64> {
    let models = ratings.len();
    let drivers = ratings.first()?.len();
    if models < 2 || drivers < 2 {
        return None;
    }
    let by_model: Vec<Vec<f64>> = ratings.iter().map(|model| percentiles(model)).collect();
    let spread = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
    };
    let sums: Vec<f64> = (0..drivers)
        .map(|driver| by_model.iter().map(|model| model[driver]).sum())
        .collect();
    // Where all agree each sum is `models` times a percentile, so the ratio to that spread is W.
    let most: f64 = by_model.iter().map(|model| spread(model)).sum::<f64>() * models as f64;
    (most > 0.0).then(|| spread(&sums) / most)
}

type BoardRow = (i64, String, String, NaiveDateTime, Json<TalentBoard>);

fn line((id, slug, title, published_at, board): BoardRow) -> (BoardLine, TalentBoard) {
    let line = BoardLine {
        id,
        challenge_slug: slug,
        challenge_title: title,
        published_at: published_at.and_utc(),
        drivers: board.0.drivers.len(),
        models: board.0.models.len(),
    };
    (line, board.0)
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
            challenges::slug,
            challenges::title,
            talent_boards::published_at,
            talent_boards::board,
        ))
        .load(connection)?;
    Ok(rows.into_iter().map(|row| line(row).0).collect())
}

/// The newest board of a challenge.
pub fn find(
    connection: &mut DatabaseConnection,
    slug: &str,
) -> Result<Option<(BoardLine, TalentBoard)>, BoardError> {
    let row: Option<BoardRow> = talent_boards::table
        .inner_join(challenges::table)
        .filter(challenges::slug.eq(slug))
        .order(talent_boards::id.desc())
        .select((
            talent_boards::id,
            challenges::slug,
            challenges::title,
            talent_boards::published_at,
            talent_boards::board,
        ))
        .first(connection)
        .optional()?;
    Ok(row.map(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|index| format!("D-{index}")).collect()
    }

    #[test]
    fn models_that_agree_order_the_drivers_and_tell_them_apart() {
        let ratings = vec![vec![1.0, 3.0, 2.0], vec![10.0, 30.0, 20.0]];
        let rated = rate(&names(3), &ratings);
        let order: Vec<&str> = rated.iter().map(|driver| driver.driver.as_str()).collect();
        assert_eq!(order, ["D-1", "D-2", "D-0"]);
        let tiers: Vec<u32> = rated.iter().map(|driver| driver.tier).collect();
        assert_eq!(tiers, [1, 2, 3]);
        assert_eq!(agreement(&ratings), Some(1.0));
        assert_eq!(rated[0].percentile, 100.0);
    }

    #[test]
    fn drivers_on_whom_the_models_disagree_share_a_tier() {
        let ratings = vec![vec![3.0, 2.0, 1.0], vec![2.0, 3.0, 1.0]];
        let rated = rate(&names(3), &ratings);
        let tiers: Vec<u32> = rated.iter().map(|driver| driver.tier).collect();
        assert_eq!(tiers, [1, 1, 2]);
        let opposite = vec![vec![1.0, 2.0, 3.0], vec![3.0, 2.0, 1.0]];
        assert_eq!(agreement(&opposite), Some(0.0));
    }

    #[test]
    fn ties_share_a_percentile_and_one_model_agrees_with_nobody() {
        assert_eq!(percentiles(&[1.0, 1.0, 2.0]), [25.0, 25.0, 100.0]);
        assert_eq!(agreement(&[vec![1.0, 2.0]]), None);
    }
}

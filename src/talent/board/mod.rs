//! The talent board: drivers as the best models of a rating challenge and their own laps see them, for scouts.
//!
//! An organizer publishes it, as one act that is audited. It is made once (`making`: pure) from the submissions
//! that stand highest on the private split and from the laps of the challenge's release, and kept (`rows`), so
//! that a scout's page costs two queries. In a rating challenge a higher prediction means a better driver. May
//! touch: `challenges`, `datasets::catalogue`, `scoring`'s pure cores, `platform`. Start reading at [`publish`].

mod making;
mod models;
mod profile;
mod rows;
mod search;

use std::io;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::profile::{DriverProfile, Measure, Measures, ModelOpinion};
pub(super) use self::rows::names;
pub use self::rows::{
    BoardLine, BoardModel, RatedDriver, find, find_drivers, identify, list, models_of, search,
};
pub use self::search::{BoardSearch, SortColumn};

use self::making::{Making, Rated};
use self::models::BestModels;
use super::laps::LapTable;
use super::scouts::alerts;
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::ChallengeError;
use crate::datasets::readers::ReadError;
use crate::datasets::tables::Source;
use crate::platform::audit::{self, Act};
use crate::platform::database::{Database, DatabaseError};
use crate::platform::storage::{Area, Storage, StorageError};
use crate::scoring::predictions::read_predictions;

/// What a board says as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TalentBoard {
    /// The name of the metric that the models were judged by.
    pub metric: String,
    /// The dataset whose laps are the evidence, and its version.
    pub dataset: String,
    /// See `dataset`.
    pub version: i32,
    /// Clean laps behind the board.
    pub laps: usize,
    /// Events at which they were driven.
    pub events: usize,
    /// How many drivers are on it.
    pub drivers: usize,
    /// Drivers whom the models rate, but who have fewer than ten clean laps: they are not on the board.
    pub unrated: usize,
    /// How many models it listens to.
    pub models: usize,
    /// How many tiers there are.
    pub tiers: i32,
    /// Kendall's W of the models' orders: 0 where they have nothing in common, 1 where they agree; none where
    /// there is one model (Kendall & Babington Smith, 1939).
    pub agreement: Option<f64>,
    /// Whether the crowd was wiser than its wisest model; none where the truth of too few drivers is known.
    pub crowd: Option<CrowdComparison>,
    /// The standard deviation of the drivers' pace, as a fraction of lap time.
    pub driver_deviation: f64,
    /// The classes, age bands and regions that can be filtered by.
    pub classes: Vec<String>,
    /// See `classes`.
    pub age_bands: Vec<String>,
    /// See `classes`.
    pub regions: Vec<String>,
    /// What had to be assumed of the laps.
    pub warnings: Vec<String>,
}

/// The consensus against the best single model, by Spearman's rank correlation with the truth of drivers that
/// the weights were not learned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CrowdComparison {
    /// Drivers whose truth is known and was not used: those of the public split.
    pub drivers: usize,
    /// Of the consensus.
    pub consensus: f64,
    /// The team whose model came closest, as is known only afterwards.
    pub best_team: String,
    /// Its correlation.
    pub best: f64,
    /// What the consensus has more: the lower end of a 95 % interval.
    pub lead_low: f64,
    /// The upper end.
    pub lead_high: f64,
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
    /// There is nothing but the models' word.
    #[error(
        "A talent board rests on laps, and {0} Name a dataset in the challenge that has a table of laps with the \
         drivers that are rated, one row a lap."
    )]
    NoLaps(String),
    /// A submission that was scored once can no longer be read.
    #[error("a scored submission cannot be read again: {0}")]
    Unreadable(String),
    /// A file of the release, or a temporary one.
    #[error("the files of the board cannot be read: {0}")]
    Io(#[from] io::Error),
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

/// Makes the board of a rating challenge from its best models and the laps of its release, shows it to scouts,
/// and tells those who watch what changed.
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
    let (caller, asked) = (principal.clone(), slug.to_owned());
    let best = database
        .read(move |connection| models::best(connection, now, &caller, &asked))
        .await?;
    let folder = tempfile::tempdir()?;
    let solution_path = folder.path().join("solution");
    storage
        .copy_to_file(Area::Hidden, &best.phase.solution_sha256, &solution_path)
        .await?;
    let mut predictions = Vec::with_capacity(best.models.len());
    for (index, model) in best.models.iter().enumerate() {
        let path = folder.path().join(format!("model-{index}"));
        storage
            .copy_to_file(Area::Submissions, &model.storage_key, &path)
            .await?;
        predictions.push(path);
    }
    let mut tables = Vec::with_capacity(best.tables.len());
    for (index, sha256) in best.tables.iter().enumerate() {
        let path = folder.path().join(format!("laps-{index}.parquet"));
        storage.copy_to_file(Area::Published, sha256, &path).await?;
        tables.push(path);
    }
    let (best, made) = tokio::task::spawn_blocking(move || {
        // Held until everything is read.
        let _folder = folder;
        let solution_file = std::fs::File::open(&solution_path)?;
        let solution = best
            .phase
            .solution_format
            .read(solution_file)
            .map_err(unreadable)?;
        let mut ratings = Vec::with_capacity(predictions.len());
        for (path, model) in predictions.iter().zip(&best.models) {
            let file = std::fs::File::open(path)?;
            let format = &best.challenge.prediction_format;
            let read =
                read_predictions(file, model.format, format, &solution).map_err(unreadable)?;
            let first = read.columns().first().cloned();
            ratings.push(first.ok_or_else(|| unreadable("it has no prediction column"))?);
        }
        let laps = read_laps(tables)?;
        let made = making::make(Making {
            solution: &solution,
            models: &best.models,
            ratings,
            laps,
            seed: best.challenge.id.unsigned_abs(),
        })?;
        Ok::<_, BoardError>((best, made))
    })
    .await
    .map_err(DatabaseError::from)??;
    store(database, now, principal, best, made).await
}

/// The laps of all files of a release that are tables of laps.
fn read_laps(tables: Vec<std::path::PathBuf>) -> Result<LapTable, BoardError> {
    let mut laps = LapTable::default();
    for path in tables {
        match LapTable::read(Source::File(path)) {
            Ok(table) => laps.append(table),
            // What is to be predicted stands in a table of its own, without lap times.
            Err(ReadError::Foreign { .. }) => {}
            Err(error) => return Err(BoardError::NoLaps(format!("{error}."))),
        }
    }
    Ok(laps)
}

async fn store(
    database: &Database,
    now: DateTime<Utc>,
    principal: &Principal,
    best: BestModels,
    made: making::Made,
) -> Result<(), BoardError> {
    let actor_id = principal.user().map(|user| user.id);
    database
        .write(move |connection| {
            let challenge = &best.challenge;
            let before = rows::newest_id(connection, challenge.id)?;
            let board = TalentBoard {
                metric: best.phase.metric.title().to_owned(),
                dataset: best.dataset.clone(),
                version: best.version,
                ..made.board.clone()
            };
            let board_id = rows::insert(connection, now, challenge.id, &board)?;
            for (model, voice) in best.models.iter().zip(&made.voices) {
                rows::insert_model(connection, board_id, model, voice)?;
            }
            for (position, driver) in (1..).zip(&made.drivers) {
                rows::insert_driver(connection, board_id, position, driver)?;
            }
            let act = Act {
                actor_id,
                action: "talent_board.publish",
                subject: &format!("challenge:{}", challenge.slug),
                challenge_id: Some(challenge.id),
                detail: &format!("{} models, {} drivers", board.models, board.drivers),
            };
            audit::record(connection, now, &act)?;
            if let Some(before) = before {
                alerts::tell_watchers(connection, now, challenge, before, board_id)?;
            }
            Ok(())
        })
        .await
}

/// A driver opens a new tier who can be told from the first of the tier above, by the models and by the laps: the
/// intervals of their places and of their paces lie apart. Models drawn anew tell how far the models disagree, and
/// not what the laps that all of them learned from leave open; the pace's interval does.
fn number_tiers(drivers: &mut [Rated]) {
    let (mut tier, mut floor) = (0, None);
    for driver in drivers {
        let range = driver.range();
        let begins = match floor {
            None => true,
            Some(floor) => driver.is_below(&floor),
        };
        if begins {
            tier += 1;
            floor = Some(range);
        }
        driver.tier = tier;
    }
}

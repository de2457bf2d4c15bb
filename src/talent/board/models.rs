//! Which models a board listens to, and where their predictions and the laps behind them are.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::{BoardError, unreadable};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{Challenge, Phase, current_phase, find_managed_with_phases};
use crate::challenges::leaderboard::{self, Board, Entry};
use crate::datasets::catalogue;
use crate::platform::database::DatabaseConnection;
use crate::platform::schema::submissions;
use crate::scoring::predictions::FileFormat;

/// How many models a board listens to: the best on the private split, one a team. With more, those that know
/// least outvote nobody (their weights are learned), but cost time.
const MODELS: usize = 25;

/// How far down the board they are looked for: baselines stand among them and are not listened to.
const LOOKED_AT: i64 = 100;

/// A model that the board listens to.
pub struct Model {
    pub submission_id: i64,
    pub rank: i64,
    pub entry: Entry,
    pub storage_key: String,
    pub format: FileFormat,
}

/// All that a board is made of.
pub struct BestModels {
    pub challenge: Challenge,
    pub phase: Phase,
    pub models: Vec<Model>,
    pub dataset: String,
    pub version: i32,
    /// The hashes of the release's tables.
    pub tables: Vec<String>,
}

/// Looks a board's models and tables up: five queries, however many submissions there are.
pub fn best(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
) -> Result<BestModels, BoardError> {
    let (challenge, phases) = find_managed_with_phases(connection, principal, slug)?;
    if !challenge.rates_drivers {
        return Err(BoardError::NotARating);
    }
    let phase = current_phase(&phases, now)
        .cloned()
        .ok_or(BoardError::NoModels)?;
    let release = match challenge.release_id {
        Some(id) => catalogue::find_release(connection, id)?,
        None => None,
    };
    let release =
        release.ok_or_else(|| BoardError::NoLaps("this challenge has no dataset.".to_owned()))?;
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
        let Some((submission_id, sent, predicted, format)) = file else {
            continue;
        };
        models.push(Model {
            submission_id: *submission_id,
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
    let tables = release.files.iter();
    let tables = tables
        .filter(|file| file.path.ends_with(".parquet"))
        .map(|file| file.sha256.clone())
        .collect();
    Ok(BestModels {
        challenge,
        phase,
        models,
        dataset: release.slug,
        version: release.version,
        tables,
    })
}

//! Posting a challenge: its solutions are read, tried against its metric and stored out of reach, and a
//! sample submission is made of each, before anything is written to the database.

use std::fs::File;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::challenge::{ChallengeError, StoredSolution, create};
use super::draft::{ChallengeDraft, PhaseDraft};
use crate::accounts::users::User;
use crate::platform::database::{Database, DatabaseError};
use crate::platform::storage::{Area, Storage, StorageError};
use crate::scoring::metrics::{MetricError, Sample};
use crate::scoring::predictions::{PredictionFormat, read_csv, score};
use crate::scoring::solution::{SampleNumbers, Solution, Split};

/// Posts a draft with its solutions, one CSV file for each phase in order. It stays a draft, for its
/// organizer's eyes only, until it is published.
///
/// # Errors
/// [`ChallengeError`], with no challenge posted.
pub async fn post(
    database: &Database,
    storage: &Storage,
    now: DateTime<Utc>,
    owner: &User,
    draft: ChallengeDraft,
    solutions: Vec<PathBuf>,
) -> Result<i64, ChallengeError> {
    draft.check()?;
    if solutions.len() != draft.phases.len() {
        return Err(ChallengeError::Invalid {
            field: "solution".into(),
            problem: format!(
                "send one solution for each phase: {} for {}",
                solutions.len(),
                draft.phases.len()
            ),
        });
    }
    let mut stored = Vec::with_capacity(solutions.len());
    for (index, (phase, path)) in draft.phases.iter().zip(&solutions).enumerate() {
        let (phase, format) = (phase.clone(), draft.prediction_format.clone());
        let file = path.clone();
        let (rows, sample) =
            tokio::task::spawn_blocking(move || try_out(&file, &phase, &format, index))
                .await
                .map_err(DatabaseError::from)??;
        stored.push(StoredSolution {
            solution: storage
                .put_file(Area::Hidden, path)
                .await
                .map_err(unstored)?,
            rows,
            sample: storage
                .put_bytes(Area::Published, Bytes::from(sample))
                .await
                .map_err(unstored)?,
        });
    }
    let owner_id = owner.id;
    database
        .write(move |connection| create(connection, now, owner_id, &draft, &stored))
        .await
}

fn unstored(error: StorageError) -> ChallengeError {
    ChallengeError::Storage(error)
}

/// Reads a solution as a worker will, makes the sample submission and scores that, so that an
/// organizer hears of what does not fit before any competitor does.
fn try_out(
    path: &Path,
    phase: &PhaseDraft,
    format: &PredictionFormat,
    index: usize,
) -> Result<(u64, Vec<u8>), ChallengeError> {
    let invalid = |problem: String| ChallengeError::Invalid {
        field: format!("phases[{index}].solution"),
        problem,
    };
    if phase.solution.format.id_column != format.id_column() {
        return Err(invalid(format!(
            "the id column is `{}` here and `{}` in the prediction format; use one name",
            phase.solution.format.id_column,
            format.id_column()
        )));
    }
    let file = File::open(path).map_err(|error| invalid(error.to_string()))?;
    let solution = phase
        .solution
        .read(file)
        .map_err(|error| invalid(error.to_string()))?;
    for split in [Split::Public, Split::Private] {
        check_truth(&solution, phase, split)
            .map_err(|error| invalid(format!("on the {split} split: {error}")))?;
    }
    let sample = sample(&solution, phase, format, SampleNumbers::Zero)
        .or_else(|_| sample(&solution, phase, format, SampleNumbers::Place))
        .map_err(invalid)?;
    Ok((solution.rows() as u64, sample))
}

/// A sample submission that has a score; or why there can be none, for its organizer.
fn sample(
    solution: &Solution,
    phase: &PhaseDraft,
    format: &PredictionFormat,
    numbers: SampleNumbers,
) -> Result<Vec<u8>, String> {
    let mut sample = Vec::new();
    solution
        .write_sample_submission(format, numbers, &mut sample)
        .map_err(|error| error.to_string())?;
    let predictions = read_csv(sample.as_slice(), format, solution)
        .map_err(|error| format!("no valid submission can be made for it: {error}"))?;
    match score(solution, &predictions, &phase.metric) {
        // Classes and probabilities that are alike in every row may have no value; the competitor's
        // are not.
        Ok(_) => Ok(sample),
        Err(error) if error.is_in_the_truth() || error.is_in_the_shape() => Err(error.to_string()),
        Err(_) if numbers == SampleNumbers::Place => Ok(sample),
        Err(error) => Err(error.to_string()),
    }
}

fn check_truth(solution: &Solution, phase: &PhaseDraft, split: Split) -> Result<(), MetricError> {
    let truth = solution.truth(Some(split));
    phase.metric.check_target(&Sample {
        target: &truth.target,
        group: truth.group.as_deref(),
        event: truth.event.as_deref(),
        predictions: &[],
    })
}

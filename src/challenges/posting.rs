//! Posting a challenge: its files are read, tried against its metric and stored out of reach, and a
//! sample submission is made of each solution, before anything is written to the database.

use std::fs::File;
use std::path::PathBuf;

use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime, Utc};
use tempfile::NamedTempFile;

use diesel::prelude::*;

use super::bundle::PhaseFiles;
use super::challenge::{ChallengeError, Features, Stage, features_area, insert_pages, invalid};
use super::draft::{ChallengeDraft, PhaseDraft, SMALL_PUBLIC_SPLIT};
use crate::accounts::users::User;
use crate::datasets::catalogue;
use crate::platform::audit::{self, Act};
use crate::platform::column_types::json_text;
use crate::platform::database::{Database, DatabaseConnection, DatabaseError};
use crate::platform::schema::{challenge_pages, challenges, datasets, phases, releases};
use crate::platform::storage::{Area, Storage, StorageError, Stored};
use crate::scoring::features::{CheckedFeatures, check_features};
use crate::scoring::intake::{self, ArchiveLimits};
use crate::scoring::metrics::{Metric, MetricError, Sample};
use crate::scoring::predictions::{FileFormat, PredictionFormat, read_csv, score};
use crate::scoring::rule::ScoringRule;
use crate::scoring::runtimes::OnnxContract;
use crate::scoring::solution::{SampleNumbers, Solution, Split};

/// The files of a challenge's phases, on this machine.
#[derive(Debug, Clone, Default)]
pub struct ChallengeFiles {
    /// The solutions, one for each phase in their order.
    pub solutions: Vec<PathBuf>,
    /// What models predict from: one for each phase that names no file of the dataset for it, in
    /// their order, or none where no models are taken.
    pub features: Vec<PathBuf>,
    /// The scoring programs, one for each phase whose metric names one, in their order; or one for
    /// all of them.
    pub programs: Vec<PathBuf>,
}

impl ChallengeFiles {
    /// Gives each phase its files.
    fn by_phase(self, draft: &ChallengeDraft) -> Result<Vec<PhaseFiles>, ChallengeError> {
        let sends_features = |phase: &&PhaseDraft| phase.features_file.is_none();
        let phases = draft.phases.len();
        if self.solutions.len() != phases {
            let sent = self.solutions.len();
            let problem = format!("send one solution for each phase: {sent} for {phases}");
            return invalid("solution", problem);
        }
        let sent = self.features.len();
        let needed = draft.phases.iter().filter(sends_features).count();
        if draft.takes_models() && sent != needed {
            let problem = format!(
                "models need features: send one file for each phase, or name a file of the dataset in its \
                 `features_file`: {sent} for {needed}"
            );
            return invalid("features", problem);
        }
        if !draft.takes_models() && sent > 0 {
            return invalid(
                "features",
                "these are for challenges that take models; leave them away, or take `onnx` or `python` in kinds",
            );
        }
        let scored_by_program = |phase: &&PhaseDraft| phase.metric.program().is_some();
        let needed = draft.phases.iter().filter(scored_by_program).count();
        let sent = self.programs.len();
        if sent != needed && !(sent == 1 && needed > 1) {
            return invalid(
                "program",
                format!(
                    "send one scoring program for each phase whose metric is `program:…`: {sent} for {needed}"
                ),
            );
        }
        let mut features = self.features.into_iter();
        let mut programs = self.programs.into_iter().cycle();
        Ok(self
            .solutions
            .into_iter()
            .zip(&draft.phases)
            .map(|(solution, phase)| PhaseFiles {
                solution: Some(solution),
                features: match phase.features_file {
                    None => features.next(),
                    Some(_) => None,
                },
                program: phase.metric.program().and_then(|_| programs.next()),
            })
            .collect())
    }
}

/// Posts a draft with its files. It stays a draft, for its organizer's eyes only, until it is
/// published.
///
/// # Errors
/// [`ChallengeError`], with no challenge posted.
pub async fn post(
    database: &Database,
    storage: &Storage,
    now: DateTime<Utc>,
    owner: &User,
    draft: ChallengeDraft,
    files: ChallengeFiles,
) -> Result<i64, ChallengeError> {
    let files = files.by_phase(&draft)?;
    let posting = Posting::default();
    post_phases(database, storage, now, owner, draft, files, posting).await
}

/// What a draft with its files becomes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Posting {
    /// A template, which is never opened itself.
    pub is_template: bool,
    /// The draft of the same organizer that it takes the place of.
    pub replaces: Option<i64>,
    /// Where it came from, for the audit log.
    pub origin: String,
}

/// The same for files that are given phase by phase. Those that are missing can be sent later
/// ([`missing_files`](super::bundle::missing_files)): until then nobody can publish it.
///
/// # Errors
/// [`ChallengeError`], with nothing posted and nothing replaced.
pub async fn post_phases(
    database: &Database,
    storage: &Storage,
    now: DateTime<Utc>,
    owner: &User,
    draft: ChallengeDraft,
    files: Vec<PhaseFiles>,
    posting: Posting,
) -> Result<i64, ChallengeError> {
    draft.check()?;
    if files.len() != draft.phases.len() {
        let (sent, phases) = (files.len(), draft.phases.len());
        return invalid(
            "phases",
            format!("there are files for {sent} phases, and the challenge has {phases}"),
        );
    }
    let mut stored = Vec::with_capacity(files.len());
    for (index, (phase, mut files)) in draft.phases.iter().zip(files).enumerate() {
        let released = match (&draft.dataset, &phase.features_file) {
            (Some(dataset), Some(path)) if draft.takes_models() => {
                Some(released_file(database, storage, dataset, path, index).await?)
            }
            _ => None,
        };
        if let Some(released) = &released {
            files.features = Some(released.path().to_owned());
        }
        let format = &draft.prediction_format;
        let onnx = draft.onnx.as_ref();
        stored.push(check_and_store(storage, phase, format, onnx, files, index).await?);
    }
    let owner_id = owner.id;
    database
        .write(move |connection| create(connection, now, owner_id, &draft, &stored, &posting))
        .await
}

/// Tries a phase's files as a worker will and stores them out of reach, with the sample submission that
/// is made of the solution. `index` is the phase's place among its challenge's, for what is told of it.
pub(super) async fn check_and_store(
    storage: &Storage,
    phase: &PhaseDraft,
    format: &PredictionFormat,
    onnx: Option<&OnnxContract>,
    files: PhaseFiles,
    index: usize,
) -> Result<StoredFiles, ChallengeError> {
    let (tried, tried_format, paths) = (phase.clone(), format.clone(), files.clone());
    let tried_out =
        tokio::task::spawn_blocking(move || try_out(&paths, &tried, &tried_format, index))
            .await
            .map_err(DatabaseError::from)??;
    if let (Some(contract), Some(features)) = (onnx, &tried_out.features)
        && files.solution.is_some()
    {
        check_inputs(contract, features)?;
    }
    let hidden = |path| storage.put_file(Area::Hidden, path);
    let features = match (&files.features, tried_out.features) {
        (Some(path), Some(checked)) => {
            let area = features_area(phase.hides_features());
            let stored = storage.put_file(area, path).await.map_err(unstored)?;
            Some(Features {
                sha256: stored.sha256,
                bytes: stored.bytes,
                format: checked.format,
                hidden: phase.hides_features(),
                columns: checked.columns,
            })
        }
        _ => None,
    };
    let program = match &files.program {
        Some(path) => Some(hidden(path).await.map_err(unstored)?),
        None => None,
    };
    Ok(StoredFiles {
        solution: match &files.solution {
            Some(path) => hidden(path).await,
            // Nothing, which has a hash as everything has.
            None => storage.put_bytes(Area::Hidden, Bytes::new()).await,
        }
        .map_err(unstored)?,
        rows: tried_out.rows,
        sample: storage
            .put_bytes(Area::Published, Bytes::from(tried_out.sample))
            .await
            .map_err(unstored)?,
        features,
        program,
        has_small_public_split: tried_out.has_small_public_split,
    })
}

/// A file of a dataset's newest release, on this machine.
async fn released_file(
    database: &Database,
    storage: &Storage,
    dataset: &str,
    path: &str,
    index: usize,
) -> Result<NamedTempFile, ChallengeError> {
    let (slug, name) = (dataset.to_owned(), path.to_owned());
    let found = database
        .read(move |connection| catalogue::find_file(connection, &slug, None, &name))
        .await?;
    let Some(file) = found else {
        return invalid(
            format!("phases[{index}].features_file"),
            format!("the newest release of `{dataset}` has no file `{path}`"),
        );
    };
    let local = NamedTempFile::new().map_err(|error| unstored(error.into()))?;
    storage
        .copy_to_file(Area::Published, &file.file.sha256, local.path())
        .await
        .map_err(unstored)?;
    Ok(local)
}

/// A phase's files, checked and stored, with the sample submission made from its solution.
#[derive(Debug, Clone)]
pub struct StoredFiles {
    /// The hidden bytes.
    pub solution: Stored,
    /// How many rows it has.
    pub rows: u64,
    /// The public sample submission.
    pub sample: Stored,
    /// What models predict from.
    pub features: Option<Features>,
    /// The organizer's scoring program.
    pub program: Option<Stored>,
    /// Whether the public split has fewer rows than [`SMALL_PUBLIC_SPLIT`].
    pub has_small_public_split: bool,
}

/// Checks that the features have every column that a model is fed.
fn check_inputs(contract: &OnnxContract, features: &CheckedFeatures) -> Result<(), ChallengeError> {
    let taken = contract.inputs.iter().flat_map(|input| &input.columns);
    let mut missing = taken.filter(|column| !features.columns.contains(column));
    match missing.next() {
        None => Ok(()),
        Some(column) => {
            let there = features.columns.join(", ");
            invalid(
                "onnx",
                format!(
                    "an input takes `{column}`, which the features have not; they have: {there}"
                ),
            )
        }
    }
}

pub(super) fn unstored(error: StorageError) -> ChallengeError {
    ChallengeError::Storage(error)
}

/// What is known of a phase's files once they were tried.
#[derive(Default)]
struct TriedOut {
    rows: u64,
    sample: Vec<u8>,
    features: Option<CheckedFeatures>,
    has_small_public_split: bool,
}

/// Reads a phase's files as a worker will, makes the sample submission and scores that, so that an
/// organizer hears of what does not fit before any competitor does.
fn try_out(
    files: &PhaseFiles,
    phase: &PhaseDraft,
    format: &PredictionFormat,
    index: usize,
) -> Result<TriedOut, ChallengeError> {
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
    let of = |field: &str, problem: String| ChallengeError::Invalid {
        field: format!("phases[{index}].{field}"),
        problem,
    };
    if let Some(program) = &files.program {
        intake::check_archive(program, &ArchiveLimits::default())
            .map_err(|error| of("program", error.to_string()))?;
    }
    // Whether features fit is seen when the solution is sent.
    let Some(solution) = &files.solution else {
        return Ok(TriedOut {
            features: files.features.as_ref().map(|_| CheckedFeatures {
                format: FileFormat::Csv,
                columns: Vec::new(),
            }),
            ..TriedOut::default()
        });
    };
    let file = File::open(solution).map_err(|error| invalid(error.to_string()))?;
    let solution = phase
        .solution
        .read(file)
        .map_err(|error| invalid(error.to_string()))?;
    for other in &phase.secondary_metrics {
        let of_metric = |error: MetricError| ChallengeError::Invalid {
            field: format!("phases[{index}].secondary_metrics"),
            problem: format!("`{}`: {error}", other.metric),
        };
        for split in [Split::Public, Split::Private] {
            if let Some(metric) = other.metric.metric() {
                check_truth(&solution, metric, split).map_err(of_metric)?;
            }
        }
    }
    let sample = match &phase.metric {
        ScoringRule::Metric(metric) => {
            for split in [Split::Public, Split::Private] {
                check_truth(&solution, metric, split)
                    .map_err(|error| invalid(format!("on the {split} split: {error}")))?;
            }
            sample(&solution, metric, format, SampleNumbers::Zero)
                .or_else(|_| sample(&solution, metric, format, SampleNumbers::Place))
                .map_err(invalid)?
        }
        // Only the sandbox may run it; what it makes of the sample the first run will tell.
        ScoringRule::Program(_) => {
            written_sample(&solution, format, SampleNumbers::Zero).map_err(invalid)?
        }
    };
    let features = files
        .features
        .as_deref()
        .map(|path| check_features(path, &solution))
        .transpose()
        .map_err(|error| of("features", error.to_string()))?;
    Ok(TriedOut {
        has_small_public_split: solution.split_rows(Split::Public) < SMALL_PUBLIC_SPLIT,
        rows: solution.rows() as u64,
        sample,
        features,
    })
}

/// A sample submission that has a score; or why there can be none, for its organizer.
fn sample(
    solution: &Solution,
    metric: &Metric,
    format: &PredictionFormat,
    numbers: SampleNumbers,
) -> Result<Vec<u8>, String> {
    let sample = written_sample(solution, format, numbers)?;
    let predictions = read_csv(sample.as_slice(), format, solution)
        .map_err(|error| format!("no valid submission can be made for it: {error}"))?;
    match score(solution, &predictions, metric) {
        // Classes and probabilities that are alike in every row may have no value; the competitor's
        // are not.
        Ok(_) => Ok(sample),
        Err(error) if error.is_in_the_truth() || error.is_in_the_shape() => Err(error.to_string()),
        Err(_) if numbers == SampleNumbers::Place => Ok(sample),
        Err(error) => Err(error.to_string()),
    }
}

fn written_sample(
    solution: &Solution,
    format: &PredictionFormat,
    numbers: SampleNumbers,
) -> Result<Vec<u8>, String> {
    let mut sample = Vec::new();
    solution
        .write_sample_submission(format, numbers, &mut sample)
        .map_err(|error| error.to_string())?;
    Ok(sample)
}

fn check_truth(solution: &Solution, metric: &Metric, split: Split) -> Result<(), MetricError> {
    let truth = solution.truth(Some(split));
    metric.check_target(&Sample {
        target: &truth.target,
        group: truth.group.as_deref(),
        event: truth.event.as_deref(),
        predictions: &[],
    })
}

/// Posts a draft: nobody but its organizer sees it until it is published. `files` are in the order
/// of the phases. Call it in a write transaction.
fn create(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    owner_id: i64,
    draft: &ChallengeDraft,
    files: &[StoredFiles],
    posting: &Posting,
) -> Result<i64, ChallengeError> {
    let taken: i64 = challenges::table
        .filter(challenges::slug.eq(&draft.slug))
        .filter(challenges::id.ne(posting.replaces.unwrap_or(0)))
        .count()
        .get_result(connection)?;
    if taken > 0 {
        return invalid("slug", "another challenge has this address; choose another");
    }
    let release_id = match &draft.dataset {
        None => None,
        Some(slug) => {
            let newest: Option<i64> = releases::table
                .inner_join(datasets::table)
                .filter(datasets::slug.eq(slug))
                .order(releases::version.desc())
                .select(releases::id)
                .first(connection)
                .optional()?;
            if newest.is_none() {
                return invalid("dataset", format!("there is no published dataset `{slug}`"));
            }
            newest
        }
    };
    let columns = ChallengeColumns {
        slug: &draft.slug,
        title: draft.title.trim(),
        tagline: draft.tagline.trim(),
        release_id,
        rates_drivers: draft.rates_drivers,
        prediction_format: json_text(&draft.prediction_format)?,
        kinds: json_text(&draft.kinds)?,
        onnx_contract: draft.onnx.as_ref().map(json_text).transpose()?,
        run_limits: json_text(&draft.run_limits)?,
        rules: &draft.rules,
        time_zone: draft.time_zone.name(),
        joining: draft.joining.as_str(),
        prizes: &draft.prizes,
        eligibility: &draft.eligibility,
        max_team_size: whole(draft.max_team_size),
        teams_locked_at: draft.teams_locked_at.map(|at| at.naive_utc()),
        final_selections: whole(draft.final_selections),
        is_template: posting.is_template,
    };
    let challenge_id = match posting.replaces {
        None => diesel::insert_into(challenges::table)
            .values((
                columns,
                challenges::owner_id.eq(owner_id),
                challenges::rules_version.eq(1),
                challenges::created_at.eq(now.naive_utc()),
            ))
            .returning(challenges::id)
            .get_result(connection)?,
        Some(id) => replace(connection, id, &columns)?,
    };
    insert_pages(connection, challenge_id, &draft.pages)?;
    for ((position, phase), stored) in (0_i32..).zip(&draft.phases).zip(files) {
        let features = stored.features.as_ref();
        diesel::insert_into(phases::table)
            .values((
                phases::challenge_id.eq(challenge_id),
                phases::position.eq(position),
                phases::name.eq(phase.name.trim()),
                phases::starts_at.eq(phase.starts_at.naive_utc()),
                phases::ends_at.eq(phase.ends_at.naive_utc()),
                phases::metric.eq(phase.metric.to_string()),
                phases::submissions_per_day.eq(whole(phase.submissions_per_day)),
                phases::submissions_total.eq(whole(phase.submissions_total)),
                phases::max_bytes.eq(phase.max_bytes as i64), // checked: at most 1 GiB
                phases::solution_sha256.eq(&stored.solution.sha256),
                phases::solution_rows.eq(stored.rows as i64), // rows of a file that fits a disk
                phases::solution_format.eq(json_text(&phase.solution)?),
                phases::sample_sha256.eq(&stored.sample.sha256),
                phases::sample_bytes.eq(stored.sample.bytes as i64), // likewise
                phases::features_sha256.eq(features.map(|features| &features.sha256)),
                phases::features_bytes.eq(features.map(|features| features.bytes as i64)), // likewise
                phases::features_format.eq(features.map(|features| features.format.as_str())),
                phases::features_hidden.eq(phase.hides_features()),
                phases::features_columns.eq(features
                    .map(|features| json_text(&features.columns))
                    .transpose()?),
                phases::program_sha256.eq(stored.program.as_ref().map(|program| &program.sha256)),
                phases::grace_minutes.eq(whole(phase.grace_minutes)),
                phases::late.eq(phase.late),
                phases::carry_over.eq(phase.carry_over),
                phases::secondary_metrics.eq(json_text(&phase.secondary_metrics)?),
                phases::ladder.eq(phase.ladder.unwrap_or(stored.has_small_public_split)),
                phases::public_digits.eq(phase.public_digits.map(whole)),
            ))
            .execute(connection)?;
    }
    let act = Act {
        actor_id: Some(owner_id),
        action: match posting.replaces {
            None => "challenge.create",
            Some(_) => "challenge.complete",
        },
        subject: &format!("challenge:{}", draft.slug),
        challenge_id: Some(challenge_id),
        detail: &posting.origin,
    };
    audit::record(connection, now, &act)?;
    Ok(challenge_id)
}

/// The columns of a challenge that its draft decides.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = challenges, treat_none_as_null = true)]
struct ChallengeColumns<'a> {
    slug: &'a str,
    title: &'a str,
    tagline: &'a str,
    release_id: Option<i64>,
    rates_drivers: bool,
    prediction_format: String,
    kinds: String,
    onnx_contract: Option<String>,
    run_limits: String,
    rules: &'a str,
    time_zone: &'a str,
    joining: &'a str,
    prizes: &'a str,
    eligibility: &'a str,
    max_team_size: i32,
    teams_locked_at: Option<NaiveDateTime>,
    final_selections: i32,
    is_template: bool,
}

/// Empties a draft and writes its columns anew. What is published, or has teams, stays as it is.
fn replace(
    connection: &mut DatabaseConnection,
    id: i64,
    columns: &ChallengeColumns<'_>,
) -> Result<i64, ChallengeError> {
    let drafts = challenges::table
        .filter(challenges::id.eq(id))
        .filter(challenges::stage.eq(Stage::Draft))
        .filter(challenges::team_count.eq(0));
    let changed = diesel::update(drafts).set(columns).execute(connection)?;
    if changed == 0 {
        return invalid(
            "stage",
            "only a draft that no team has joined can be written anew",
        );
    }
    diesel::delete(phases::table.filter(phases::challenge_id.eq(id))).execute(connection)?;
    diesel::delete(challenge_pages::table.filter(challenge_pages::challenge_id.eq(id)))
        .execute(connection)?;
    Ok(id)
}

fn whole(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

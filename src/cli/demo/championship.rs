//! The demo's dataset: a simulated championship, published as an organizer would publish a real one.

use std::collections::BTreeMap;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use tempfile::NamedTempFile;

use super::baselines::{LapRecord, Tables};
use crate::accounts::users::User;
use crate::cli::dataset::create_private;
use crate::cli::output;
use crate::cli::progress::Progress;
use crate::datasets::anonymize::policy::Policy;
use crate::datasets::anonymize::{Anonymization, ReleaseKey};
use crate::datasets::catalogue::{self, DatasetDetail};
use crate::datasets::publish::{DatasetDraft, Identities, Override, Publication};
use crate::datasets::simulator::{Championship, Parameters, simulate};
use crate::datasets::split::SplitPlan;
use crate::datasets::tables::{Source, Table};
use crate::http::state::State;
use crate::platform::database::DatabaseError;
use crate::platform::storage::Area;

/// The address of the demo's dataset; the challenge files name it too.
const SLUG: &str = "championship";

/// Why the gates do not hold it back.
const OVERRIDE: &str = "The drivers are simulated: nobody stands behind a pseudonym. The challenges of the \
    demonstration need laps in their order, which no release of real laps may show.";

const CARD: &str = include_str!("../../../datasets/championship/card.md");
const POLICY: &str = include_str!("../../../datasets/policies/championship.toml");
const SPLIT: &str = include_str!("../../../datasets/championship/split.toml");

/// Three stints at each event: two to learn from, one to predict.
fn parameters() -> Parameters {
    Parameters {
        drivers: 60,
        events: 8,
        wet_events: 2,
        stints: 3,
        seed: 2026,
        ..Parameters::default()
    }
}

/// The hidden solutions of the season's challenges.
pub struct Season {
    pub lap_times: PathBuf,
    pub driver_rating: PathBuf,
}

/// Publishes the championship, unless an earlier start did. Without its solutions a release is of no
/// use to the challenges, so one that was interrupted in between is followed by a new version.
pub async fn publish(
    state: &State,
    folder: &Path,
    organizer: &User,
    admin: &User,
) -> anyhow::Result<Season> {
    let solutions = folder.join("solutions");
    let season = Season {
        lap_times: solutions.join("lap-times.csv"),
        driver_rating: solutions.join("driver-rating.csv"),
    };
    if find(state).await?.is_some() && season.lap_times.exists() && season.driver_rating.exists() {
        output::line("The championship is there already.")?;
        return Ok(season);
    }
    std::fs::create_dir_all(&solutions)?;
    let parameters = parameters();
    let what = format!(
        "Simulating {} drivers at {} events",
        parameters.drivers, parameters.events
    );
    let simulating = Progress::begin(what, u64::from(parameters.events))?;
    let (simulating, championship) = tokio::task::spawn_blocking(move || {
        let done = simulate(&parameters, &mut |at| {
            simulating.done(u64::from(at.events_done))
        });
        done.map(|championship| (simulating, championship))
    })
    .await??;
    simulating.finish(&format!("{} laps", championship.laps.len()))?;

    let publishing = Progress::begin("Anonymizing and publishing them", 0)?;
    let key: [u8; 32] = rand::random();
    let ratings = season.driver_rating.clone();
    let raw = tokio::task::spawn_blocking(move || {
        let raw = NamedTempFile::new()?;
        championship.write_laps_csv(BufWriter::new(raw.as_file()))?;
        write_ratings(&championship, raw.path(), &ReleaseKey::new(key), &ratings)?;
        anyhow::Ok(raw)
    })
    .await??;
    let mut plan: SplitPlan = toml::from_str(SPLIT)?;
    // The plan in the repository is everybody's to read; its seed must not tell the private rows.
    plan.seed = rand::random::<u64>() >> 1; // TOML's integers have 63 bits
    let draft = DatasetDraft {
        slug: SLUG.into(),
        title: "Junior championship, eight events".into(),
        summary: "Every lap of a simulated season of 60 junior drivers, whose true talent is known to nobody who competes.".into(),
        card: CARD.into(),
        licence: "CC0-1.0".into(),
        identities: Identities::Sealed,
        notes: "First release".into(),
        policy: POLICY.into(),
        split: Some(toml::to_string(&plan)?),
        ..DatasetDraft::default()
    };
    let publication = Publication {
        draft,
        table: raw.path().to_owned(),
        key: ReleaseKey::new(key),
        owner: organizer.clone(),
        overridden: Some(Override {
            by: admin.clone(),
            reason: OVERRIDE.into(),
        }),
    };
    let published = state
        .publisher
        .publish(state.clock.now(), publication)
        .await?;
    let solution = published.solution.context("the split left no solution")?;
    let kept = season.lap_times.with_extension("unfinished");
    std::io::copy(&mut solution.reopen()?, &mut create_private(&kept)?)?;
    // Last, because this file's being there says that everything is.
    std::fs::rename(&kept, &season.lap_times)?;
    let rows = published.report.anonymization.rows_out;
    publishing.finish(&format!("{rows} laps, version {}", published.version))?;
    Ok(season)
}

/// Writes the true rating of every driver under the pseudonym that the release will give them: the same
/// table, policy and key make the same rows in the same order.
fn write_ratings(
    championship: &Championship,
    raw: &Path,
    key: &ReleaseKey,
    output: &Path,
) -> anyhow::Result<()> {
    let policy = Policy::parse(POLICY)?;
    let table = Table::open(Source::File(raw.to_owned()))?;
    let anonymization = Anonymization::prepare(&table, &policy, key)?;
    let driver = anonymization.schema().require("driver_id")?;
    let mut pseudonyms = Vec::with_capacity(championship.laps.len());
    anonymization.write(|batch| {
        let column = batch.column(driver);
        pseudonyms.extend((0..batch.rows()).map(|row| column.cell(row).to_string()));
        Ok(())
    })?;
    ensure!(
        pseudonyms.len() == championship.laps.len(),
        "the policy left out laps, so that drivers cannot be followed into the release"
    );
    let truth_of: BTreeMap<&String, f64> = pseudonyms
        .iter()
        .zip(&championship.laps)
        .map(|(pseudonym, lap)| (pseudonym, championship.truth[lap.driver].pace))
        .collect();
    let mut writer = csv::Writer::from_writer(create_private(output)?);
    writer.write_record(["driver_id", "rating"])?;
    for (pseudonym, pace) in truth_of {
        // Pace is a log ratio of lap times, lower is faster; a rating is per cent, higher is faster.
        writer.write_record([pseudonym, &format!("{:.6}", -100.0 * pace)])?;
    }
    Ok(writer.flush()?)
}

async fn find(state: &State) -> anyhow::Result<Option<DatasetDetail>> {
    state
        .database
        .read(|connection| catalogue::find(connection, SLUG, None))
        .await
        .map_err(|error: DatabaseError| error.into())
}

/// A file of the published championship, as a competitor gets it.
async fn download_file(state: &State, path: &str) -> anyhow::Result<NamedTempFile> {
    let dataset = find(state)
        .await?
        .context("the championship is not published")?;
    let file = dataset
        .files
        .iter()
        .find(|file| file.path == path)
        .with_context(|| format!("the release has no file {path}"))?;
    let local = NamedTempFile::new()?;
    state
        .storage
        .copy_to_file(Area::Published, &file.sha256, local.path())
        .await?;
    Ok(local)
}

/// The published tables, read.
pub async fn download(state: &State) -> anyhow::Result<Arc<Tables>> {
    let train = download_file(state, "train.parquet").await?;
    let test = download_file(state, "test.parquet").await?;
    tokio::task::spawn_blocking(move || {
        let read = |file: &NamedTempFile| LapRecord::read(Source::File(file.path().to_owned()));
        Ok(Arc::new(Tables {
            train: read(&train)?,
            test: read(&test)?,
        }))
    })
    .await?
}

//! What a reader understands of a raw file.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::raw_table::{self, RawFile};
use super::rows::{Job, Outcome};
use super::{Draft, DraftError, Drafts, RawSource};
use crate::datasets::publish::{PublishError, Step};
use crate::datasets::readers::archive::Recording;
use crate::datasets::readers::picture;
use crate::datasets::summary::TableSummary;
use crate::datasets::tables::{Format, Source, Table};
use crate::platform::database::DatabaseError;

/// Recordings of an archive whose pictures are drawn.
const MOST_PICTURES: usize = 6;
/// Laps of a recording that are listed.
const MOST_LAPS: usize = 200;

/// What a reader understood of a raw file. It holds first rows and frequent values: for the organizer's eyes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// The file's format, as people call it.
    pub format: String,
    /// The recordings in it; none where the file is a table.
    #[serde(default)]
    pub recordings: Vec<InspectedRecording>,
    /// What could be made of the recordings.
    #[serde(default)]
    pub sources: Vec<RawSource>,
    /// The table that the release will be made of.
    pub table: TableSummary,
}

/// A recording as it was understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InspectedRecording {
    /// The file's name in an archive.
    pub name: String,
    pub format: String,
    /// What its header says: a name for each fact, and the fact.
    pub details: Vec<(String, String)>,
    /// Name, unit and samples a second of each channel.
    pub channels: Vec<(String, String, Option<f64>)>,
    /// Number, seconds, and whether it was driven from line to line.
    pub laps: Vec<(u32, f64, bool)>,
    pub warnings: Vec<String>,
    /// Track map, lap times and speed over the fastest lap, as SVG, as far as there are any.
    pub pictures: Vec<String>,
}

impl InspectedRecording {
    fn of(recording: &Recording, with_pictures: bool) -> InspectedRecording {
        let session = &recording.session;
        let facts = &session.details;
        let details = [
            ("Venue", facts.venue.clone()),
            ("Date", facts.date.map(|date| date.to_string())),
            ("Time", facts.time.map(|time| time.to_string())),
            ("Driver", facts.driver.clone()),
            ("Kart", facts.kart.clone()),
            ("Class", facts.class.clone()),
            ("Logger", facts.logger.clone()),
        ];
        let channels = session.channels.iter().map(|channel| {
            let unit = channel.unit.symbol().to_owned();
            (channel.name.clone(), unit, channel.rate_hz())
        });
        let trace =
            picture::fastest_lap(&session.laps).and_then(|lap| picture::speed_trace(session, lap));
        let pictures = [
            picture::track_map(session),
            picture::lap_times(&session.laps),
            trace,
        ];
        InspectedRecording {
            name: recording.name.clone(),
            format: recording.format.name().to_owned(),
            details: details
                .into_iter()
                .filter_map(|(name, fact)| Some((name.to_owned(), fact?)))
                .collect(),
            channels: channels.collect(),
            laps: session
                .laps
                .iter()
                .take(MOST_LAPS)
                .map(|lap| (lap.number, lap.seconds, !lap.incomplete))
                .collect(),
            warnings: session.warnings.clone(),
            pictures: pictures
                .into_iter()
                .flatten()
                .filter(|_| with_pictures)
                .map(|picture| picture.to_string())
                .collect(),
        }
    }
}

impl Drafts {
    /// Begins to read the raw file in the background. `wanted` is what the recordings of a logger are to
    /// become; without it, what suits them best.
    ///
    /// # Errors
    /// [`DraftError::Incomplete`], [`DraftError::Busy`], [`DraftError::Changed`].
    pub async fn begin_inspection(
        &self,
        draft: &Draft,
        wanted: Option<RawSource>,
    ) -> Result<(), DraftError> {
        self.begin(
            draft,
            Job::Inspect,
            "Reading the file",
            move |drafts, draft, report| async move {
                let raw = drafts.raw_file(&draft).await?;
                let inspected =
                    tokio::task::spawn_blocking(move || inspect(raw.path(), wanted, &*report));
                let (inspection, source) = inspected.await.map_err(DatabaseError::from)??;
                let sealed = drafts.seal(&draft, "inspection", &inspection)?;
                Ok(Outcome::Inspected { sealed, source })
            },
        )
        .await
    }
}

/// Reads a raw file: the one place where its format is decided.
fn inspect(
    raw: &Path,
    wanted: Option<RawSource>,
    report: &dyn Fn(Step),
) -> Result<(Inspection, RawSource), PublishError> {
    report(Step {
        doing: "Reading the file",
        percent: 10,
    });
    let RawFile::Recordings(recordings) = raw_table::recognise(raw)? else {
        let (format, table) = summarise(raw)?;
        let inspection = Inspection {
            format: match format {
                Format::Csv => "Table (CSV)".to_owned(),
                Format::Parquet => "Table (Parquet)".to_owned(),
            },
            recordings: Vec::new(),
            sources: Vec::new(),
            table,
        };
        return Ok((inspection, RawSource::Table));
    };
    let sources = raw_table::sources(&recordings);
    let best = sources.first().copied().unwrap_or(RawSource::Laps);
    let source = wanted
        .filter(|source| sources.contains(source))
        .unwrap_or(best);
    let format = match &recordings[..] {
        [one] => one.format.name().to_owned(),
        several => format!("{} recordings", several.len()),
    };
    let inspected = recordings.iter().enumerate();
    let inspected = inspected.map(|(n, one)| InspectedRecording::of(one, n < MOST_PICTURES));
    let inspected: Vec<_> = inspected.collect();
    report(Step {
        doing: "Making a table of it",
        percent: 60,
    });
    let table = NamedTempFile::new()?;
    raw_table::write(recordings, source, &table)?;
    let (_, table) = summarise(table.path())?;
    let inspection = Inspection {
        format,
        recordings: inspected,
        sources,
        table,
    };
    Ok((inspection, source))
}

fn summarise(table: &Path) -> Result<(Format, TableSummary), PublishError> {
    let table = Table::open(Source::File(table.to_owned()))?;
    Ok((table.format(), TableSummary::of(&table)?))
}

//! What a reader understands of a raw file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::rows::{Job, Outcome};
use super::{Draft, DraftError, Drafts};
use crate::datasets::publish::{PublishError, Step};
use crate::datasets::summary::{Summarizer, TableSummary};
use crate::datasets::tables::{Format, Source, Table};

/// What a reader understood of a raw file. It holds first rows and frequent values: for the organizer's eyes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// The file's format, as people call it.
    pub format: String,
    /// The table that the release will be made of.
    pub table: TableSummary,
}

impl Drafts {
    /// Begins to read the raw file in the background.
    ///
    /// # Errors
    /// [`DraftError::Incomplete`], [`DraftError::Busy`], [`DraftError::Changed`].
    pub async fn begin_inspection(&self, draft: &Draft) -> Result<(), DraftError> {
        self.begin(
            draft,
            Job::Inspect,
            "Reading the file",
            |drafts, draft, report| async move {
                let raw = drafts.raw_file(&draft).await?;
                let inspected = tokio::task::spawn_blocking(move || inspect(raw.path(), &*report));
                let inspection = inspected
                    .await
                    .map_err(crate::platform::database::DatabaseError::from)??;
                Ok(Outcome::Inspected(drafts.seal(
                    &draft,
                    "inspection",
                    &inspection,
                )?))
            },
        )
        .await
    }
}

/// Reads a raw file: the one place where its format is decided.
fn inspect(raw: &Path, report: &dyn Fn(Step)) -> Result<Inspection, PublishError> {
    report(Step {
        doing: "Reading the file",
        percent: 10,
    });
    let table = Table::open(Source::File(raw.to_owned()))?;
    let mut summarizer = Summarizer::new(table.schema());
    for batch in table.batches()? {
        summarizer.add(&batch?);
    }
    Ok(Inspection {
        format: match table.format() {
            Format::Csv => "Lap table (CSV)".to_owned(),
            Format::Parquet => "Lap table (Parquet)".to_owned(),
        },
        table: summarizer.finish(),
    })
}

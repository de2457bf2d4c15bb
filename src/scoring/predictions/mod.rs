//! A submitted predictions file: checked row by row against the solution, then scored.
//!
//! [`PredictionFormat`] says what a file must hold, [`read_predictions`] reads it and puts its columns
//! into the order of the [`Solution`]'s rows, and [`score()`] compares the two. The first problem in the
//! file becomes a [`PredictionsError`] that names line, column and remedy. Pure: bytes in, values out.

mod csv;
mod error;
mod format;
mod pages;
mod parquet;
mod score;
mod write;

use std::fs::File;
use std::io::Read;

use ::parquet::file::reader::ChunkReader;
use serde::{Deserialize, Serialize};

pub use error::{HeaderProblem, ParquetProblem, Position, PredictionsError, RowProblem};
pub use format::{ColumnKind, FormatError, PredictionColumn, PredictionFormat};
pub use score::{FileScore, ScoreError, ScoreFilesError, Scores, score, score_files};
pub use write::write_predictions;

use super::solution::Solution;

/// How a predictions file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Comma-separated, UTF-8, a header line, one row per line.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl FileFormat {
    /// The usual ending of such a file's name, and its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

impl std::str::FromStr for FileFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "csv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            other => Err(format!("`{other}` is neither `csv` nor `parquet`")),
        }
    }
}

/// Valid predictions for every row of a solution.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    columns: Vec<Vec<f64>>,
}

impl Predictions {
    /// The values of each column of the [`PredictionFormat`], in its order; each in the order of the
    /// solution's rows. Labels are the places of their classes: 0, 1, ….
    pub fn columns(&self) -> &[Vec<f64>] {
        &self.columns
    }
}

/// Reads and checks a predictions file.
///
/// # Errors
///
/// The first problem in the order of the file; ids that are missing are reported after all others.
pub fn read_predictions(
    input: File,
    file_format: FileFormat,
    format: &PredictionFormat,
    solution: &Solution,
) -> Result<Predictions, PredictionsError> {
    match file_format {
        FileFormat::Csv => read_csv(input, format, solution),
        FileFormat::Parquet => read_parquet(input, format, solution),
    }
}

/// Reads and checks predictions in CSV, streaming: only a few chunks of the file are in memory.
///
/// # Errors
///
/// As for [`read_predictions`].
pub fn read_csv(
    input: impl Read + Send,
    format: &PredictionFormat,
    solution: &Solution,
) -> Result<Predictions, PredictionsError> {
    use super::csv_rows::{CHUNK_BYTES, threads};
    csv::read(input, format, solution, CHUNK_BYTES, threads())
}

/// Reads and checks predictions in Parquet, batch by batch, from a file or from bytes in memory.
///
/// # Errors
///
/// As for [`read_predictions`]; also a file that would need much more memory than its rows do.
pub fn read_parquet(
    input: impl ChunkReader + 'static,
    format: &PredictionFormat,
    solution: &Solution,
) -> Result<Predictions, PredictionsError> {
    parquet::read(input, format, solution)
}

/// Predictions while their rows come in, in any order.
struct Assembly<'a> {
    format: &'a PredictionFormat,
    solution: &'a Solution,
    columns: Vec<Vec<f64>>,
    /// For each row of the solution the place of its row in the file, counted from 1; 0 before it comes.
    places: Vec<u32>,
    /// How many rows came.
    count: usize,
}

impl<'a> Assembly<'a> {
    fn new(format: &'a PredictionFormat, solution: &'a Solution) -> Self {
        Assembly {
            format,
            solution,
            columns: vec![vec![0.0; solution.rows()]; format.columns().len()],
            places: vec![0; solution.rows()],
            count: 0,
        }
    }

    /// Takes the next rows of the file: the solution's row of each, and its values one row after another.
    ///
    /// Fails at the first row that came before; `position` tells the place of a row, counted from 0.
    fn place(
        &mut self,
        rows: &[u32],
        values: &[f64],
        position: impl Fn(usize) -> Position,
    ) -> Result<(), PredictionsError> {
        let width = self.columns.len();
        for (row, values) in rows.iter().zip(values.chunks_exact(width)) {
            let row = *row as usize;
            let place = &mut self.places[row];
            if *place != 0 {
                return Err(PredictionsError::Row {
                    at: position(self.count),
                    column: Some(self.format.id_column().to_owned()),
                    problem: RowProblem::DuplicateId {
                        id: super::csv_rows::excerpt(&self.solution.id(row)),
                        first: position(*place as usize - 1),
                    },
                });
            }
            self.count += 1;
            // Rows are never more than the solution's, which are counted in 32 bits.
            *place = self.count as u32;
            for (column, value) in self.columns.iter_mut().zip(values) {
                column[row] = *value;
            }
        }
        Ok(())
    }

    /// The predictions, if every row of the solution came.
    fn finish(self) -> Result<Predictions, PredictionsError> {
        const NAMED: usize = 5;
        let missing = self.solution.rows() - self.count;
        if missing > 0 {
            let ids = self.solution.sorted_ids(|row| self.places[row] == 0);
            return Err(PredictionsError::MissingIds {
                column: self.format.id_column().to_owned(),
                missing,
                expected: self.solution.rows(),
                first: ids
                    .take(NAMED)
                    .map(|id| super::csv_rows::excerpt(&id))
                    .collect(),
            });
        }
        Ok(Predictions {
            columns: self.columns,
        })
    }
}

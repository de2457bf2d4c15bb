//! What models predict from: a table with one row for each row of the solution.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use thiserror::Error;

use super::csv_rows::excerpt;
use super::predictions::FileFormat;
use super::solution::Solution;

/// Why a file cannot be a phase's features.
#[derive(Debug, Error)]
pub enum FeaturesError {
    /// It cannot be read.
    #[error("the features cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// It is no CSV.
    #[error("the features are no CSV: {0}")]
    Csv(#[from] csv::Error),
    /// It is no Parquet.
    #[error("the features are no Parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// Rows cannot be told apart.
    #[error("the features have no column `{0}`; give each row its id, as in the solution")]
    NoIdColumn(String),
    /// An id that nothing is known of, or one twice.
    #[error("line {line}: the id `{id}` {problem}")]
    Id {
        /// Counted from 1, the header's.
        line: u64,
        /// The id.
        id: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There are not as many rows as in the solution.
    #[error(
        "the features have {found} rows and the solution {expected}; give each id of the solution one row"
    )]
    Rows {
        /// Here.
        found: usize,
        /// There.
        expected: usize,
    },
}

/// A file that can be a phase's features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedFeatures {
    /// How it is written.
    pub format: FileFormat,
    /// Its columns beside the id, in their order.
    pub columns: Vec<String>,
}

/// Checks that a file has one row for each id of the solution; tells how it is written and what its
/// columns are. Of Parquet only the schema and the number of rows are looked at.
///
/// # Errors
/// The first problem in the order of the file.
pub fn check_features(path: &Path, solution: &Solution) -> Result<CheckedFeatures, FeaturesError> {
    let mut file = File::open(path)?;
    let mut magic = [0; 4];
    let is_parquet = file.read_exact(&mut magic).is_ok() && &magic == b"PAR1";
    file.rewind()?;
    let expected = solution.rows();
    let (mut columns, found) = if is_parquet {
        rows_of_parquet(file, solution)?
    } else {
        rows_of_csv(file, solution)?
    };
    if found != expected {
        return Err(FeaturesError::Rows { found, expected });
    }
    columns.retain(|name| name != solution.id_column());
    let format = if is_parquet {
        FileFormat::Parquet
    } else {
        FileFormat::Csv
    };
    Ok(CheckedFeatures { format, columns })
}

/// The columns, and how many rows.
fn rows_of_csv(file: File, solution: &Solution) -> Result<(Vec<String>, usize), FeaturesError> {
    let mut reader = csv::Reader::from_reader(file);
    let name = solution.id_column();
    let headers = reader.headers()?.iter();
    let columns: Vec<String> = headers
        .map(|header| header.trim_start_matches('\u{feff}').to_owned())
        .collect();
    let column = columns
        .iter()
        .position(|header| header == name)
        .ok_or_else(|| FeaturesError::NoIdColumn(name.to_owned()))?;
    let mut seen = vec![false; solution.rows()];
    let mut record = csv::ByteRecord::new();
    let mut rows = 0;
    while reader.read_byte_record(&mut record)? {
        let id = record.get(column).unwrap_or_default();
        let wrong = |problem| FeaturesError::Id {
            line: record.position().map_or(0, csv::Position::line),
            id: excerpt(&String::from_utf8_lossy(id)),
            problem,
        };
        let row = solution
            .row(id)
            .ok_or_else(|| wrong("is not in the solution"))?;
        if std::mem::replace(&mut seen[row as usize], true) {
            return Err(wrong("stands there twice"));
        }
        rows += 1;
    }
    Ok((columns, rows))
}

/// The columns, and how many rows.
fn rows_of_parquet(file: File, solution: &Solution) -> Result<(Vec<String>, usize), FeaturesError> {
    // The reader panics on some damaged files.
    let read = std::panic::catch_unwind(move || {
        let reader = SerializedFileReader::new(file)?;
        let metadata = reader.metadata().file_metadata();
        let columns = metadata.schema().get_fields().iter();
        let names: Vec<String> = columns.map(|column| column.name().to_owned()).collect();
        Ok::<_, FeaturesError>((names, metadata.num_rows()))
    });
    let damaged = parquet::errors::ParquetError::General("the file is damaged".into());
    let (names, rows) = read.unwrap_or(Err(damaged.into()))?;
    if !names.iter().any(|name| name == solution.id_column()) {
        return Err(FeaturesError::NoIdColumn(solution.id_column().to_owned()));
    }
    Ok((names, usize::try_from(rows).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::scoring::solution::SolutionFormat;

    fn checked(features: &str) -> Result<CheckedFeatures, String> {
        let truth = "id,target\na,1\nb,2\nc,3\n";
        let solution =
            Solution::read_csv(truth.as_bytes(), &SolutionFormat::new("id", "target")).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(features.as_bytes()).unwrap();
        check_features(file.path(), &solution).map_err(|error| error.to_string())
    }

    #[test]
    fn each_row_of_the_solution_needs_its_features() {
        let accepted = CheckedFeatures {
            format: FileFormat::Csv,
            columns: vec!["x".to_owned()],
        };
        assert_eq!(checked("x,id\n1,b\n2,a\n3,c\n"), Ok(accepted));
        let refused = |features| checked(features).unwrap_err();
        assert!(refused("x\n1\n").contains("no column `id`"));
        assert!(refused("id,x\na,1\nb,1\nz,1\n").contains("line 4: the id `z` is not in"));
        assert!(refused("id,x\na,1\nb,1\na,1\n").contains("line 4: the id `a` stands there twice"));
        assert!(refused("id,x\na,1\nb,1\n").contains("2 rows and the solution 3"));
        assert!(refused("PAR1 and nothing else").contains("no Parquet"));
    }
}

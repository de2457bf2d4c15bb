//! Reading predictions from Parquet.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, RecordBatch, StringViewArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Field, Float64Type, Schema};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::ChunkReader;

use super::csv::{check_columns, check_number, find_class, find_row};
use super::error::{ParquetProblem, Position, PredictionsError, RowProblem};
use super::format::{ColumnKind, PredictionFormat};
use super::pages::LimitedPages;
use super::{Assembly, Predictions};
use crate::scoring::csv_rows::{excerpt, shorten};
use crate::scoring::solution::Solution;

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 8192;

/// Integers of every width fit, signed or not.
const INTEGER: DataType = DataType::Decimal128(20, 0);

/// The position of a row, counted from 0.
fn position(row: usize) -> Position {
    Position::Row(row + 1)
}

/// Reads predictions from Parquet, batch by batch.
pub(super) fn read<R: ChunkReader + 'static>(
    input: R,
    format: &PredictionFormat,
    solution: &Solution,
) -> Result<Predictions, PredictionsError> {
    if input.len() == 0 {
        return Err(PredictionsError::Empty);
    }
    if input.get_bytes(0, 4).map_err(damaged)? != b"PAR1"[..] {
        return Err(ParquetProblem::NotParquet.into());
    }
    // What a writer says of its own types beyond Parquet's is one more thing to distrust.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = contain(|| ArrowReaderMetadata::load(&input, options))?;
    let layout = Layout::new(metadata.schema(), format, solution)?;
    check_limits(metadata.metadata(), solution)?;

    let options = ArrowReaderOptions::new().with_schema(view_texts(metadata.schema()));
    let (input, refusal) = LimitedPages::new(input);
    let mut reader = contain(|| {
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)?;
        ParquetRecordBatchReaderBuilder::new_with_metadata(input, metadata)
            .with_batch_size(BATCH_ROWS)
            .build()
    })
    .map_err(|problem| refusal.get().cloned().unwrap_or(problem))?;

    let mut assembly = Assembly::new(format, solution);
    let mut rows = Rows::default();
    loop {
        let batch = contain(|| reader.next().transpose())
            .map_err(|problem| refusal.get().cloned().unwrap_or(problem))?;
        let Some(batch) = batch else {
            return assembly.finish();
        };
        let error = layout.parse(&batch, &mut rows).map_err(damaged)?;
        assembly.place(&rows.rows, &rows.values, position)?;
        if let Some((column, problem)) = error {
            return Err(PredictionsError::Row {
                at: position(assembly.count),
                column: Some(column),
                problem,
            });
        }
    }
}

fn damaged(error: impl std::fmt::Display) -> ParquetProblem {
    ParquetProblem::Damaged(shorten(&error.to_string(), 120))
}

/// Calls the `parquet` crate, which panics on some damaged files, and makes that an error.
///
/// Version 59.3.2 asserts, for one, that a dictionary's indices have at most 32 bits: the test
/// `no_mutated_parquet_file_makes_the_reader_panic` finds such files. What the panic leaves behind is
/// the reader alone, and that is dropped.
fn contain<T, E: std::fmt::Display>(
    call: impl FnOnce() -> Result<T, E>,
) -> Result<T, ParquetProblem> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(damaged),
        Err(_) => Err(damaged("its pages contradict each other")),
    }
}

/// Refuses, before anything is decoded, what could take more memory or time than the solution's rows do.
fn check_limits(metadata: &ParquetMetaData, solution: &Solution) -> Result<(), ParquetProblem> {
    let rows = metadata
        .row_groups()
        .iter()
        .map(|group| u64::try_from(group.num_rows()));
    let found = rows
        .chain([u64::try_from(metadata.file_metadata().num_rows())])
        .try_fold(0_u64, |most, rows| Some(most.max(rows.ok()?)))
        .ok_or_else(|| damaged("a negative number of rows"))?;
    let expected = solution.rows();
    if found > expected as u64 {
        return Err(ParquetProblem::TooManyRows { found, expected });
    }
    for column in metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns())
    {
        match column.compression() {
            // The old LZ4 does not tell the size of its output.
            Compression::UNCOMPRESSED
            | Compression::SNAPPY
            | Compression::ZSTD(_)
            | Compression::LZ4_RAW => {}
            other => return Err(ParquetProblem::Compression(other.to_string())),
        }
    }
    Ok(())
}

/// The schema with texts as views into the pages: a dictionary's long text that stands in every row is not
/// copied to every row.
fn view_texts(schema: &Schema) -> Arc<Schema> {
    let view = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
        _ => Arc::clone(field),
    };
    Arc::new(Schema::new(
        schema.fields().iter().map(view).collect::<Vec<_>>(),
    ))
}

/// The columns of each batch, in the file's order.
struct Layout<'a> {
    format: &'a PredictionFormat,
    solution: &'a Solution,
    /// The place of each column in the format; `None` for the id.
    columns: Vec<Option<usize>>,
}

/// The rows of a batch.
#[derive(Default)]
struct Rows {
    /// The solution's row of each.
    rows: Vec<u32>,
    /// The values, one row after another, each in the order of the format's columns.
    values: Vec<f64>,
}

/// A column of a batch, in one of the types that are compared.
enum Column {
    Integers(Decimal128Array),
    Numbers(Float64Array),
    Texts(StringViewArray),
}

impl<'a> Layout<'a> {
    fn new(
        schema: &Schema,
        format: &'a PredictionFormat,
        solution: &'a Solution,
    ) -> Result<Self, PredictionsError> {
        let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
        let index = names.iter().any(|name| name.starts_with("__index_level_"));
        let cause =
            index.then_some("It is the index of a data frame: write the file with index=False");
        check_columns(&names, format, cause)?;
        let mut columns = Vec::new();
        for field in schema.fields() {
            let column = format
                .columns()
                .iter()
                .position(|column| column.name == *field.name());
            let found = field.data_type();
            let text = matches!(found, DataType::Utf8);
            let number = found.is_floating()
                || matches!(found, DataType::Decimal128(..) | DataType::Decimal256(..));
            let (fits, wanted) = match column.map(|column| &format.columns()[column].kind) {
                None => (found.is_integer() || text, "integers or text (string)"),
                Some(ColumnKind::Label(_)) => (
                    found.is_integer() || text,
                    "the classes as text (string) or integers",
                ),
                Some(_) => (
                    found.is_integer() || number,
                    "numbers (double, float, integers or decimals)",
                ),
            };
            if !fits {
                return Err(PredictionsError::Parquet(ParquetProblem::Type {
                    column: excerpt(field.name()),
                    found: excerpt(&found.to_string()),
                    wanted,
                }));
            }
            columns.push(column);
        }
        Ok(Layout {
            format,
            solution,
            columns,
        })
    }

    /// Reads the rows of a batch up to the first problem, which it returns with its column.
    fn parse(
        &self,
        batch: &RecordBatch,
        into: &mut Rows,
    ) -> Result<Option<(String, RowProblem)>, ArrowError> {
        into.rows.clear();
        into.values.clear();
        let width = self.format.columns().len();
        let mut columns = Vec::with_capacity(self.columns.len());
        for (array, place) in batch.columns().iter().zip(&self.columns) {
            let kind = place.map(|place| &self.format.columns()[place].kind);
            columns.push((*place, kind, Column::new(array, kind)?));
        }
        for index in 0..batch.num_rows() {
            let start = into.values.len();
            into.values.resize(start + width, 0.0);
            for (place, kind, column) in &columns {
                let (name, problem) = match (place, kind) {
                    (Some(place), Some(kind)) => match column.value(index, kind) {
                        Ok(value) => {
                            into.values[start + place] = value;
                            continue;
                        }
                        Err(problem) => (&*self.format.columns()[*place].name, problem),
                    },
                    _ => match column.row(index, self.solution) {
                        Ok(row) => {
                            into.rows.push(row);
                            continue;
                        }
                        Err(problem) => (self.format.id_column(), problem),
                    },
                };
                // Whatever was already read of this row goes.
                into.rows.truncate(start / width);
                into.values.truncate(start);
                return Ok(Some((name.to_owned(), problem)));
            }
        }
        Ok(None)
    }
}

impl Column {
    fn new(array: &ArrayRef, kind: Option<&ColumnKind>) -> Result<Column, ArrowError> {
        if matches!(array.data_type(), DataType::Utf8View) {
            return Ok(Column::Texts(array.as_string_view().clone()));
        }
        match kind {
            Some(ColumnKind::Number | ColumnKind::Probability) => {
                let numbers = cast(array, &DataType::Float64)?;
                Ok(Column::Numbers(
                    numbers.as_primitive::<Float64Type>().clone(),
                ))
            }
            None | Some(ColumnKind::Label(_)) => {
                let integers = cast(array, &INTEGER)?;
                Ok(Column::Integers(
                    integers.as_primitive::<Decimal128Type>().clone(),
                ))
            }
        }
    }

    fn is_null(&self, index: usize) -> bool {
        match self {
            Column::Integers(values) => values.is_null(index),
            Column::Numbers(values) => values.is_null(index),
            Column::Texts(values) => values.is_null(index),
        }
    }

    /// The solution's row whose id stands here.
    fn row(&self, index: usize, solution: &Solution) -> Result<u32, RowProblem> {
        match self {
            _ if self.is_null(index) => Err(RowProblem::Missing),
            Column::Integers(ids) => {
                let id = ids.value(index);
                let row = solution.row_of_integer(id);
                row.map_or_else(|| find_row(&id.to_string(), solution), Ok)
            }
            Column::Texts(ids) => find_row(ids.value(index), solution),
            Column::Numbers(ids) => find_row(&ids.value(index).to_string(), solution),
        }
    }

    /// The value that stands here.
    fn value(&self, index: usize, kind: &ColumnKind) -> Result<f64, RowProblem> {
        match (self, kind) {
            _ if self.is_null(index) => Err(RowProblem::Missing),
            (Column::Texts(labels), ColumnKind::Label(classes)) => {
                find_class(labels.value(index), classes)
            }
            (Column::Integers(labels), ColumnKind::Label(classes)) => {
                find_class(&labels.value(index).to_string(), classes)
            }
            (Column::Numbers(numbers), _) => check_number(numbers.value(index), kind),
            (Column::Integers(numbers), _) => check_number(numbers.value(index) as f64, kind),
            (Column::Texts(texts), _) => {
                let found = excerpt(texts.value(index));
                Err(RowProblem::Text { found })
            }
        }
    }
}

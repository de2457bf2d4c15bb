//! Writes tables. The same schema and rows always give the same bytes, so that a release's hash says
//! what it holds.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Field};
use chrono::NaiveDate;
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{Batch, ColumnType, Format, Schema, TableError, Values};

/// Rows that the Parquet writer holds back before it writes them as one group.
const ROW_GROUP_ROWS: usize = 131_072;

/// Writes batches of one schema as CSV (comma, UTF-8, `\n`, quotation marks where needed) or Parquet
/// (Zstandard).
pub struct TableWriter<W: Write + Send> {
    schema: Arc<Schema>,
    output: Output<W>,
}

enum Output<W: Write + Send> {
    Csv(Box<csv::Writer<W>>),
    Parquet(Box<ArrowWriter<W>>),
}

impl<W: Write + Send> TableWriter<W> {
    /// Begins the file. A table without rows still has its header.
    ///
    /// # Errors
    /// [`TableError::Io`] or [`TableError::Parquet`] when `to` cannot be written.
    pub fn new(format: Format, to: W, schema: Arc<Schema>) -> Result<TableWriter<W>, TableError> {
        let output = match format {
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(to);
                let names = schema.columns().iter().map(|column| &column.name);
                writer.write_record(names).map_err(csv_error)?;
                Output::Csv(Box::new(writer))
            }
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                    // The library's version would make the bytes depend on an update of it.
                    .set_created_by("paddock".to_owned())
                    .build();
                let options = ArrowWriterOptions::new()
                    .with_properties(properties)
                    .with_skip_arrow_metadata(true);
                let writer = ArrowWriter::try_new_with_options(to, arrow_schema(&schema), options);
                Output::Parquet(Box::new(writer.map_err(parquet_error)?))
            }
        };
        Ok(TableWriter { schema, output })
    }

    /// Appends the rows.
    ///
    /// # Errors
    /// [`TableError::Shape`] when the batch has other columns than were announced, and the errors of
    /// the underlying writer.
    pub fn write(&mut self, batch: &Batch) -> Result<(), TableError> {
        if batch.schema() != &self.schema {
            return Err(TableError::Shape(
                "the batch has other columns than the file".to_owned(),
            ));
        }
        match &mut self.output {
            Output::Csv(writer) => {
                let mut text = String::new();
                for row in 0..batch.rows() {
                    for values in batch.columns() {
                        use std::fmt::Write as _;
                        text.clear();
                        // Writing to a String does not fail.
                        let _ = write!(text, "{}", values.cell(row));
                        writer.write_field(&text).map_err(csv_error)?;
                    }
                    writer.write_record(None::<&[u8]>).map_err(csv_error)?;
                }
            }
            Output::Parquet(writer) => {
                let arrays = batch.columns().iter().map(array).collect();
                let record = RecordBatch::try_new(arrow_schema(&self.schema), arrays)
                    .map_err(|error| TableError::Shape(error.to_string()))?;
                writer.write(&record).map_err(parquet_error)?;
            }
        }
        Ok(())
    }

    /// Completes the file and gives back what it was written to.
    ///
    /// # Errors
    /// [`TableError::Io`] or [`TableError::Parquet`] when the last rows cannot be written.
    pub fn finish(self) -> Result<W, TableError> {
        match self.output {
            Output::Csv(writer) => writer
                .into_inner()
                .map_err(|error| TableError::Io(error.into_error())),
            Output::Parquet(writer) => writer.into_inner().map_err(parquet_error),
        }
    }
}

fn csv_error(error: csv::Error) -> TableError {
    TableError::Io(error.into())
}

fn parquet_error(error: parquet::errors::ParquetError) -> TableError {
    TableError::Parquet(error.to_string())
}

fn arrow_schema(schema: &Schema) -> Arc<arrow::datatypes::Schema> {
    let field = |column: &super::Column| {
        let kind = match column.kind {
            ColumnType::Integer => DataType::Int64,
            ColumnType::Number => DataType::Float64,
            ColumnType::Text => DataType::Utf8,
            ColumnType::Boolean => DataType::Boolean,
            ColumnType::Date => DataType::Date32,
        };
        Field::new(&column.name, kind, true)
    };
    Arc::new(arrow::datatypes::Schema::new(
        schema.columns().iter().map(field).collect::<Vec<_>>(),
    ))
}

fn array(values: &Values) -> ArrayRef {
    match values {
        Values::Integer(cells) => Arc::new(Int64Array::from(cells.clone())),
        Values::Number(cells) => Arc::new(Float64Array::from(cells.clone())),
        Values::Text(cells) => Arc::new(StringArray::from_iter(cells)),
        Values::Boolean(cells) => Arc::new(BooleanArray::from(cells.clone())),
        Values::Date(cells) => Arc::new(Date32Array::from_iter(
            cells
                .iter()
                .map(|cell| cell.as_ref().map(NaiveDate::to_epoch_days)),
        )),
    }
}

//! Reads Parquet, page by page, into the five types of a [`Schema`].

use std::any::Any;
use std::collections::BTreeMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type};
use chrono::NaiveDate;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::{BATCH_ROWS, Batch, Column, ColumnType, Schema, Source, TableError, Values};

/// Runs a step of the Parquet library. Its decoders assert on some damaged files instead of
/// returning an error; to the owner of the file it is the same news.
fn guarded<T>(step: impl FnOnce() -> Result<T, TableError>) -> Result<T, TableError> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|payload: Box<dyn Any + Send>| {
        let reason = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied());
        Err(TableError::Parquet(
            reason.unwrap_or("it cannot be decoded").to_owned(),
        ))
    })
}

fn damaged(error: impl std::fmt::Display) -> TableError {
    TableError::Parquet(error.to_string())
}

fn open(source: &Source) -> Result<(Schema, ParquetRecordBatchReader), TableError> {
    guarded(|| match source {
        Source::File(path) => {
            let file = File::open(path)?;
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damaged)?;
            let schema = columns(builder.schema())?;
            let reader = builder.with_batch_size(BATCH_ROWS).build();
            Ok((schema, reader.map_err(damaged)?))
        }
        Source::Bytes(bytes) => {
            let builder =
                ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).map_err(damaged)?;
            let schema = columns(builder.schema())?;
            let reader = builder.with_batch_size(BATCH_ROWS).build();
            Ok((schema, reader.map_err(damaged)?))
        }
    })
}

fn columns(schema: &arrow::datatypes::Schema) -> Result<Schema, TableError> {
    let column = |field: &arrow::datatypes::FieldRef| {
        let kind = kind_of(field.data_type()).ok_or_else(|| TableError::UnsupportedType {
            column: field.name().clone(),
            found: field.data_type().to_string(),
            remedy: "an integer, a double, a string, a boolean or a date",
        })?;
        Ok(Column::new(field.name(), kind))
    };
    Schema::new(
        schema
            .fields()
            .iter()
            .map(column)
            .collect::<Result<_, TableError>>()?,
    )
}

fn kind_of(found: &DataType) -> Option<ColumnType> {
    use DataType::*;
    Some(match found {
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => ColumnType::Integer,
        Float16 | Float32 | Float64 => ColumnType::Number,
        Utf8 | LargeUtf8 | Utf8View | Null => ColumnType::Text,
        Dictionary(_, values) => kind_of(values)?,
        Boolean => ColumnType::Boolean,
        Date32 => ColumnType::Date,
        _ => return None,
    })
}

/// Names and types of the columns.
pub(super) fn schema(
    source: &Source,
    declared: &BTreeMap<String, ColumnType>,
) -> Result<Schema, TableError> {
    let (schema, _) = open(source)?;
    for (name, kind) in declared {
        let column = &schema.columns()[schema.require(name)?];
        if column.kind != *kind {
            return Err(TableError::UnsupportedType {
                column: name.clone(),
                found: column.kind.to_string(),
                remedy: "the type that was declared, or leave the declaration out",
            });
        }
    }
    Ok(schema)
}

/// One pass over the rows of a Parquet file.
pub(super) struct ParquetBatches {
    reader: ParquetRecordBatchReader,
    schema: Arc<Schema>,
    rows_read: u64,
}

impl ParquetBatches {
    pub(super) fn new(source: &Source, schema: Arc<Schema>) -> Result<ParquetBatches, TableError> {
        let (found, reader) = open(source)?;
        if found != *schema {
            return Err(TableError::Shape(
                "the file's columns changed while it was read".to_owned(),
            ));
        }
        Ok(ParquetBatches {
            reader,
            schema,
            rows_read: 0,
        })
    }

    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>, TableError> {
        guarded(|| {
            let Some(batch) = self.reader.next().transpose().map_err(damaged)? else {
                return Ok(None);
            };
            let values = self.values(&batch)?;
            self.rows_read += batch.num_rows() as u64;
            Batch::new(self.schema.clone(), values).map(Some)
        })
    }

    fn values(&self, batch: &RecordBatch) -> Result<Vec<Values>, TableError> {
        self.schema
            .columns()
            .iter()
            .zip(batch.columns())
            .map(|(column, array)| convert(column, array, self.rows_read + 1))
            .collect()
    }
}

/// Strict casts only: what does not fit is an error, not a missing cell.
fn convert(column: &Column, array: &ArrayRef, first_row: u64) -> Result<Values, TableError> {
    let cast = |kind: DataType| {
        let strict = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        cast_with_options(array, &kind, &strict)
            .map_err(|error| TableError::Parquet(format!("column \"{}\": {error}", column.name)))
    };
    let refuse = |row: usize, value: String, remedy: &str| TableError::Cell {
        line: first_row + row as u64,
        column: column.name.clone(),
        value,
        expected: column.kind,
        remedy: remedy.to_owned(),
    };
    Ok(match column.kind {
        ColumnType::Integer => {
            let array = cast(DataType::Int64)?;
            Values::Integer(array.as_primitive::<Int64Type>().iter().collect())
        }
        ColumnType::Number => {
            let array = cast(DataType::Float64)?;
            let mut cells = Vec::with_capacity(array.len());
            for (row, cell) in array.as_primitive::<Float64Type>().iter().enumerate() {
                match cell {
                    Some(value) if value.is_infinite() => {
                        let remedy = "leave the cell missing, or write a finite number";
                        return Err(refuse(row, value.to_string(), remedy));
                    }
                    // Data frames write a missing number as NaN.
                    cell => cells.push(cell.filter(|value| !value.is_nan())),
                }
            }
            Values::Number(cells)
        }
        ColumnType::Text => {
            let array = cast(DataType::Utf8)?;
            let cells = array.as_string::<i32>().iter();
            let text = |cell: Option<&str>| cell.filter(|text| !text.is_empty()).map(str::to_owned);
            Values::Text(cells.map(text).collect())
        }
        ColumnType::Boolean => {
            let array = cast(DataType::Boolean)?;
            Values::Boolean(array.as_boolean().iter().collect())
        }
        ColumnType::Date => {
            let array = cast(DataType::Date32)?;
            let mut cells = Vec::with_capacity(array.len());
            for (row, cell) in array.as_primitive::<Date32Type>().iter().enumerate() {
                let date = |days| NaiveDate::from_epoch_days(days).ok_or(days);
                cells.push(cell.map(date).transpose().map_err(|days| {
                    refuse(row, format!("day {days} since 1970"), "correct the cell")
                })?);
            }
            Values::Date(cells)
        }
    })
}

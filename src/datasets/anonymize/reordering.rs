//! Rows in an order of their own, however many: those of a stretch of places are gathered, and each
//! stretch is put in order in memory.

use std::io;
use std::sync::Arc;

use chrono::NaiveDate;

use super::spill::Spill;
use crate::datasets::tables::{Batch, Cell, Schema, TableError, Values};

/// Rows that are put in order in memory at once.
const STRETCH: u32 = 1 << 16;

/// Rows on their way to their places.
pub(super) struct Reordering {
    schema: Arc<Schema>,
    /// By stretch: each row's length, its place, and its cells.
    rows: Spill,
}

impl Reordering {
    pub(super) fn new(schema: &Arc<Schema>) -> Reordering {
        Reordering {
            schema: Arc::clone(schema),
            rows: Spill::default(),
        }
    }

    /// Takes in rows with the place of each.
    ///
    /// # Errors
    /// [`TableError::Io`] when a temporary file cannot be written.
    pub(super) fn add(&mut self, batch: &Batch, places: &[u32]) -> Result<(), TableError> {
        let mut bytes = Vec::new();
        for (row, place) in places.iter().enumerate() {
            bytes.clear();
            bytes.extend([0; 4]);
            bytes.extend(place.to_le_bytes());
            for values in batch.columns() {
                write_cell(&mut bytes, values.cell(row));
            }
            let length =
                u32::try_from(bytes.len()).map_err(|_| io::Error::other("a row of 4 GB"))?;
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            self.rows.append(place / STRETCH, &bytes)?;
        }
        Ok(())
    }

    /// Hands all rows to `sink`, in the order of their places.
    ///
    /// # Errors
    /// [`TableError::Io`] when a temporary file cannot be read, and those of `sink`.
    pub(super) fn finish(
        mut self,
        mut sink: impl FnMut(&Batch) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        while let Some((_, bytes)) = self.rows.take_first()? {
            sink(&self.in_order(&bytes).ok_or_else(damaged)??)?;
        }
        Ok(())
    }

    /// The rows of a stretch, by place; nothing where the bytes are not what was written.
    fn in_order(&self, bytes: &[u8]) -> Option<Result<Batch, TableError>> {
        let mut rows: Vec<(u32, &[u8])> = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
            let (mut row, others) = rest.split_at_checked(length)?;
            let _length: [u8; 4] = part(&mut row)?;
            rows.push((u32::from_le_bytes(part(&mut row)?), row));
            rest = others;
        }
        rows.sort_unstable_by_key(|(place, _)| *place);
        let kinds = self.schema.columns().iter().map(|column| column.kind);
        let mut columns: Vec<Values> = kinds.map(Values::empty).collect();
        for (_, mut row) in rows {
            for values in &mut columns {
                read_cell(&mut row, values)?;
            }
        }
        Some(Batch::new(Arc::clone(&self.schema), columns))
    }
}

fn damaged() -> TableError {
    io::Error::new(io::ErrorKind::InvalidData, "a temporary file changed").into()
}

/// Whether there is a value, and the value.
fn write_cell(bytes: &mut Vec<u8>, cell: Cell<'_>) {
    bytes.push(u8::from(!cell.is_missing()));
    match cell {
        Cell::Missing => {}
        Cell::Integer(value) => bytes.extend(value.to_le_bytes()),
        Cell::Number(value) => bytes.extend(value.to_le_bytes()),
        Cell::Text(value) => {
            bytes.extend((value.len() as u64).to_le_bytes());
            bytes.extend(value.as_bytes());
        }
        Cell::Boolean(value) => bytes.push(u8::from(value)),
        Cell::Date(value) => bytes.extend(value.to_epoch_days().to_le_bytes()),
    }
}

/// Moves the next cell of a row to its column; nothing where it is not whole.
fn read_cell(row: &mut &[u8], column: &mut Values) -> Option<()> {
    let [is_there] = part(row)?;
    let is_there = is_there != 0;
    match column {
        Values::Integer(cells) => cells.push(match is_there {
            true => Some(i64::from_le_bytes(part(row)?)),
            false => None,
        }),
        Values::Number(cells) => cells.push(match is_there {
            true => Some(f64::from_le_bytes(part(row)?)),
            false => None,
        }),
        Values::Text(cells) => cells.push(match is_there {
            true => {
                let length = usize::try_from(u64::from_le_bytes(part(row)?)).ok()?;
                let (text, others) = row.split_at_checked(length)?;
                *row = others;
                Some(String::from_utf8(text.to_vec()).ok()?)
            }
            false => None,
        }),
        Values::Boolean(cells) => cells.push(match is_there {
            true => {
                let [value] = part(row)?;
                Some(value != 0)
            }
            false => None,
        }),
        Values::Date(cells) => cells.push(match is_there {
            true => Some(NaiveDate::from_epoch_days(i32::from_le_bytes(part(row)?))?),
            false => None,
        }),
    }
    Some(())
}

/// The next bytes of a row.
fn part<const N: usize>(row: &mut &[u8]) -> Option<[u8; N]> {
    let (part, others) = row.split_first_chunk()?;
    *row = others;
    Some(*part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::tables::{Column, ColumnType};

    #[test]
    fn rows_of_every_type_come_back_in_the_order_of_their_places() {
        let kinds = [
            ColumnType::Integer,
            ColumnType::Number,
            ColumnType::Text,
            ColumnType::Boolean,
            ColumnType::Date,
        ];
        let columns = kinds.map(|kind| Column::new(kind.to_string(), kind));
        let schema = Arc::new(Schema::new(columns.to_vec()).unwrap());
        let day = NaiveDate::from_ymd_opt(2026, 5, 31);
        let batch = |numbers: &[i64]| {
            let each = numbers.iter().copied();
            let columns = vec![
                Values::Integer(each.clone().map(|n| (n != 1).then_some(n)).collect()),
                Values::Number(each.clone().map(|n| Some(n as f64 / 3.0)).collect()),
                Values::Text(
                    each.clone()
                        .map(|n| (n != 2).then(|| format!("é, {n}")))
                        .collect(),
                ),
                Values::Boolean(
                    each.clone()
                        .map(|n| (n != 3).then_some(n % 2 == 0))
                        .collect(),
                ),
                Values::Date(each.map(|n| day.filter(|_| n != 4)).collect()),
            ];
            Batch::new(Arc::clone(&schema), columns).unwrap()
        };
        // The first and the last row are in another stretch than those between.
        let mut reordering = Reordering::new(&schema);
        let far = 3 * STRETCH;
        reordering.add(&batch(&[5, 2]), &[far + 9, 1]).unwrap();
        reordering.add(&batch(&[1, 3, 4]), &[0, 7, far]).unwrap();
        let mut found = Vec::new();
        let sink = |batch: &Batch| {
            found.push(batch.clone());
            Ok(())
        };
        reordering.finish(sink).unwrap();
        assert_eq!(found, [batch(&[1, 2, 3]), batch(&[4, 5])]);
    }
}

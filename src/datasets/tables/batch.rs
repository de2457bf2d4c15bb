//! Some rows of a table, held by column.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use chrono::NaiveDate;

use super::{ColumnType, Schema, TableError};

/// One cell, borrowed from its [`Batch`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    Missing,
    Integer(i64),
    Number(f64),
    Text(&'a str),
    Boolean(bool),
    Date(NaiveDate),
}

impl Cell<'_> {
    pub fn is_missing(&self) -> bool {
        matches!(self, Cell::Missing)
    }

    /// The value of an [`Cell::Integer`] or [`Cell::Number`].
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Cell::Integer(value) => Some(*value as f64),
            Cell::Number(value) => Some(*value),
            _ => None,
        }
    }

    /// Orders the cells of one column: missing first, then by value.
    pub fn compare(&self, other: &Cell<'_>) -> Ordering {
        fn rank(cell: &Cell<'_>) -> u8 {
            match cell {
                Cell::Missing => 0,
                Cell::Boolean(_) => 1,
                Cell::Integer(_) | Cell::Number(_) => 2,
                Cell::Date(_) => 3,
                Cell::Text(_) => 4,
            }
        }
        match (self, other) {
            (Cell::Boolean(a), Cell::Boolean(b)) => a.cmp(b),
            (Cell::Integer(a), Cell::Integer(b)) => a.cmp(b),
            (Cell::Date(a), Cell::Date(b)) => a.cmp(b),
            (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
            (a, b) => match (a.as_number(), b.as_number()) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                _ => rank(a).cmp(&rank(b)),
            },
        }
    }
}

/// The text of the cell in CSV; a missing cell is empty. Numbers are written with the fewest digits
/// that read back to the same value, so the same table always has the same bytes.
impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Missing => Ok(()),
            Cell::Integer(value) => write!(f, "{value}"),
            Cell::Number(value) => {
                let size = value.abs();
                if size == 0.0 || (1e-5..1e16).contains(&size) {
                    write!(f, "{value}")
                } else {
                    write!(f, "{value:e}")
                }
            }
            Cell::Text(value) => f.write_str(value),
            Cell::Boolean(value) => write!(f, "{value}"),
            Cell::Date(value) => write!(f, "{value}"),
        }
    }
}

/// The cells of one column in a [`Batch`].
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Integer(Vec<Option<i64>>),
    Number(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
    Boolean(Vec<Option<bool>>),
    Date(Vec<Option<NaiveDate>>),
}

impl Values {
    /// No cells yet, of the given type.
    pub fn empty(kind: ColumnType) -> Values {
        match kind {
            ColumnType::Integer => Values::Integer(Vec::new()),
            ColumnType::Number => Values::Number(Vec::new()),
            ColumnType::Text => Values::Text(Vec::new()),
            ColumnType::Boolean => Values::Boolean(Vec::new()),
            ColumnType::Date => Values::Date(Vec::new()),
        }
    }

    pub fn kind(&self) -> ColumnType {
        match self {
            Values::Integer(_) => ColumnType::Integer,
            Values::Number(_) => ColumnType::Number,
            Values::Text(_) => ColumnType::Text,
            Values::Boolean(_) => ColumnType::Boolean,
            Values::Date(_) => ColumnType::Date,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Values::Integer(cells) => cells.len(),
            Values::Number(cells) => cells.len(),
            Values::Text(cells) => cells.len(),
            Values::Boolean(cells) => cells.len(),
            Values::Date(cells) => cells.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The cell in `row`.
    ///
    /// # Panics
    /// When there is no such row, as indexing a slice does.
    pub fn cell(&self, row: usize) -> Cell<'_> {
        let cell = match self {
            Values::Integer(cells) => cells[row].map(Cell::Integer),
            Values::Number(cells) => cells[row].map(Cell::Number),
            Values::Text(cells) => cells[row].as_deref().map(Cell::Text),
            Values::Boolean(cells) => cells[row].map(Cell::Boolean),
            Values::Date(cells) => cells[row].map(Cell::Date),
        };
        cell.unwrap_or(Cell::Missing)
    }

    /// The cells of these rows, in this order.
    ///
    /// # Panics
    /// When there is no such row, as indexing a slice does.
    pub fn take(&self, rows: &[usize]) -> Values {
        fn taken<T: Clone>(cells: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|row| cells[*row].clone()).collect()
        }
        match self {
            Values::Integer(cells) => Values::Integer(taken(cells, rows)),
            Values::Number(cells) => Values::Number(taken(cells, rows)),
            Values::Text(cells) => Values::Text(taken(cells, rows)),
            Values::Boolean(cells) => Values::Boolean(taken(cells, rows)),
            Values::Date(cells) => Values::Date(taken(cells, rows)),
        }
    }

    /// Appends cells of the same type; of another type there is nothing to append.
    fn append(&mut self, more: &Values) {
        match (self, more) {
            (Values::Integer(cells), Values::Integer(more)) => cells.extend_from_slice(more),
            (Values::Number(cells), Values::Number(more)) => cells.extend_from_slice(more),
            (Values::Text(cells), Values::Text(more)) => cells.extend_from_slice(more),
            (Values::Boolean(cells), Values::Boolean(more)) => cells.extend_from_slice(more),
            (Values::Date(cells), Values::Date(more)) => cells.extend_from_slice(more),
            _ => {}
        }
    }

    /// The cells of the rows for which `keep` holds.
    pub fn filter(&self, keep: &[bool]) -> Values {
        fn kept<T: Clone>(cells: &[T], keep: &[bool]) -> Vec<T> {
            cells
                .iter()
                .zip(keep)
                .filter(|(_, keep)| **keep)
                .map(|(cell, _)| cell.clone())
                .collect()
        }
        match self {
            Values::Integer(cells) => Values::Integer(kept(cells, keep)),
            Values::Number(cells) => Values::Number(kept(cells, keep)),
            Values::Text(cells) => Values::Text(kept(cells, keep)),
            Values::Boolean(cells) => Values::Boolean(kept(cells, keep)),
            Values::Date(cells) => Values::Date(kept(cells, keep)),
        }
    }
}

/// Some rows of a table. All columns are equally long and of the types that the schema says.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    schema: Arc<Schema>,
    columns: Vec<Values>,
    rows: usize,
}

impl Batch {
    /// # Errors
    /// [`TableError::Shape`] when columns and schema disagree.
    pub fn new(schema: Arc<Schema>, columns: Vec<Values>) -> Result<Batch, TableError> {
        let rows = columns.first().map_or(0, Values::len);
        if columns.len() != schema.columns().len() {
            return Err(TableError::Shape(format!(
                "{} columns announced, {} given",
                schema.columns().len(),
                columns.len()
            )));
        }
        for (column, values) in schema.columns().iter().zip(&columns) {
            if values.kind() != column.kind || values.len() != rows {
                return Err(TableError::Shape(format!(
                    "column \"{}\" should hold {rows} cells of type {}, it holds {} of type {}",
                    column.name,
                    column.kind,
                    values.len(),
                    values.kind()
                )));
            }
        }
        Ok(Batch {
            schema,
            columns,
            rows,
        })
    }

    /// All rows of batches of one schema; nothing for no batches.
    ///
    /// # Errors
    /// [`TableError::Shape`] when their columns differ.
    pub fn concatenate(batches: &[Batch]) -> Result<Option<Batch>, TableError> {
        let Some((first, others)) = batches.split_first() else {
            return Ok(None);
        };
        let mut columns = first.columns.clone();
        for batch in others {
            for (column, more) in columns.iter_mut().zip(&batch.columns) {
                column.append(more);
            }
        }
        let whole = Batch::new(Arc::clone(&first.schema), columns)?;
        let rows: usize = batches.iter().map(Batch::rows).sum();
        if whole.rows != rows {
            let problem = "batches with columns of different types";
            return Err(TableError::Shape(problem.to_owned()));
        }
        Ok(Some(whole))
    }

    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    pub fn columns(&self) -> &[Values] {
        &self.columns
    }

    pub fn column(&self, position: usize) -> &Values {
        &self.columns[position]
    }

    pub fn rows(&self) -> usize {
        self.rows
    }
}

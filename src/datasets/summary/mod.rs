//! Describes a table column by column in one pass, for the page of a release and for its card.
//!
//! Memory is bounded whatever the table's size. While a column has at most [`EXACT_DISTINCT`] distinct
//! values they are all counted and everything said of the column is exact. Beyond that, numbers go
//! into a [`QuantileSketch`], whose quartiles are off by a fraction of a percent of the rows, and
//! texts are no longer counted one by one; [`ColumnSummary`] says which it is.

mod histogram;
mod quantiles;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::tables::{Batch, Cell, Column, ColumnType, Schema, Table, TableError};

pub use histogram::{Histogram, MAX_BINS};
pub use quantiles::QuantileSketch;

/// Up to so many distinct values a column is summarised exactly.
pub const EXACT_DISTINCT: usize = 10_000;
/// Distinct texts are counted one by one only while they fit this many bytes.
const EXACT_TEXT_BYTES: usize = 4 << 20;
/// The first rows of the table, shown as they are.
pub const PREVIEW_ROWS: usize = 20;
/// How many of the most frequent values are listed.
pub const TOP_VALUES: usize = 10;

/// What is in a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableSummary {
    pub rows: u64,
    pub columns: Vec<ColumnSummary>,
    /// The first rows, each cell as CSV writes it; a missing cell is `null`.
    pub preview: Vec<Vec<Option<String>>>,
}

impl TableSummary {
    /// Reads a table through.
    ///
    /// # Errors
    /// [`TableError`] in any of its rows.
    pub fn of(table: &Table) -> Result<TableSummary, TableError> {
        let mut summarizer = Summarizer::new(table.schema());
        for batch in table.batches()? {
            summarizer.add(&batch?);
        }
        Ok(summarizer.finish())
    }
}

/// What is in one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnSummary {
    pub column: Column,
    /// Cells that hold a value.
    pub count: u64,
    pub missing: u64,
    pub distinct: Distinct,
    /// Least and greatest value as CSV writes them; for dates and numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<NumberSummary>,
    /// The most frequent values of a text or boolean column, most frequent first, equals by value;
    /// empty where there were too many distinct ones to count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<ValueCount>,
}

/// How many different values a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distinct {
    Exactly(u64),
    MoreThan(u64),
}

/// A value and the number of rows that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCount {
    pub value: String,
    pub count: u64,
}

/// Moments, quartiles and shape of a column of numbers, in the column's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumberSummary {
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    /// The sample standard deviation (divisor n − 1); missing for a single value.
    pub standard_deviation: Option<f64>,
    /// First quartile, median and third quartile: values of the column, not interpolated.
    pub quartiles: [f64; 3],
    pub histogram: Histogram,
    /// Whether quartiles and histogram count every value, or estimate from a sketch.
    pub exact: bool,
}

/// Collects a summary batch by batch.
pub struct Summarizer {
    rows: u64,
    columns: Vec<(Column, Collected)>,
    preview: Vec<Vec<Option<String>>>,
}

impl Summarizer {
    pub fn new(schema: &Schema) -> Summarizer {
        let columns = schema.columns().iter();
        Summarizer {
            rows: 0,
            columns: columns
                .map(|column| (column.clone(), Collected::new(column.kind)))
                .collect(),
            preview: Vec::new(),
        }
    }

    /// Takes in the rows of a batch of the announced schema.
    pub fn add(&mut self, batch: &Batch) {
        for row in 0..batch.rows().min(PREVIEW_ROWS - self.preview.len()) {
            let cells = batch.columns().iter().map(|values| values.cell(row));
            self.preview.push(
                cells
                    .map(|cell| (!cell.is_missing()).then(|| cell.to_string()))
                    .collect(),
            );
        }
        for ((_, collected), values) in self.columns.iter_mut().zip(batch.columns()) {
            for row in 0..values.len() {
                collected.add(values.cell(row));
            }
        }
        self.rows += batch.rows() as u64;
    }

    pub fn finish(self) -> TableSummary {
        let columns = self.columns.into_iter();
        TableSummary {
            rows: self.rows,
            columns: columns
                .map(|(column, collected)| collected.finish(column))
                .collect(),
            preview: self.preview,
        }
    }
}

/// What has been seen of one column.
struct Collected {
    count: u64,
    missing: u64,
    values: CollectedValues,
}

enum CollectedValues {
    Numbers(Numbers),
    Texts(Texts),
}

impl Collected {
    fn new(kind: ColumnType) -> Collected {
        Collected {
            count: 0,
            missing: 0,
            values: match kind {
                ColumnType::Integer | ColumnType::Number => {
                    CollectedValues::Numbers(Numbers::default())
                }
                ColumnType::Text | ColumnType::Boolean | ColumnType::Date => {
                    CollectedValues::Texts(Texts::default())
                }
            },
        }
    }

    fn add(&mut self, cell: Cell<'_>) {
        if cell.is_missing() {
            self.missing += 1;
            return;
        }
        self.count += 1;
        match &mut self.values {
            CollectedValues::Numbers(numbers) => {
                if let Some(value) = cell.as_number() {
                    numbers.add(value);
                }
            }
            CollectedValues::Texts(texts) => texts.add(cell),
        }
    }

    fn finish(self, column: Column) -> ColumnSummary {
        let summary = ColumnSummary {
            column,
            count: self.count,
            missing: self.missing,
            distinct: Distinct::Exactly(0),
            range: None,
            numbers: None,
            top: Vec::new(),
        };
        match self.values {
            CollectedValues::Numbers(numbers) => numbers.finish(summary),
            CollectedValues::Texts(texts) => texts.finish(summary),
        }
    }
}

/// Numbers by value, or a sketch of them when there are too many.
#[derive(Default)]
struct Numbers {
    count: u64,
    mean: f64,
    /// Sum of squared distances from the mean, kept up to date by Welford's recurrence (1962), which
    /// loses no digits where the spread is small beside the mean.
    squares: f64,
    exact: BTreeMap<Ordered, u64>,
    sketch: Option<QuantileSketch>,
    range: Option<(f64, f64)>,
}

/// A finite number that sorts.
#[derive(Clone, Copy, PartialEq)]
struct Ordered(f64);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Numbers {
    fn add(&mut self, value: f64) {
        // −0 and 0 are one value to a reader.
        let value = if value == 0.0 { 0.0 } else { value };
        self.count += 1;
        let distance = value - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (value - self.mean);
        let (min, max) = self.range.unwrap_or((value, value));
        self.range = Some((min.min(value), max.max(value)));
        if let Some(sketch) = &mut self.sketch {
            sketch.add(value);
            return;
        }
        *self.exact.entry(Ordered(value)).or_default() += 1;
        if self.exact.len() > EXACT_DISTINCT {
            let mut sketch = QuantileSketch::default();
            for (value, count) in std::mem::take(&mut self.exact) {
                (0..count).for_each(|_| sketch.add(value.0));
            }
            self.sketch = Some(sketch);
        }
    }

    fn finish(self, summary: ColumnSummary) -> ColumnSummary {
        let Some((min, max)) = self.range else {
            return summary;
        };
        let weighted: Vec<(f64, u64)> = match &self.sketch {
            Some(sketch) => sketch.weighted(),
            None => self
                .exact
                .iter()
                .map(|(value, count)| (value.0, *count))
                .collect(),
        };
        let integers = summary.column.kind == ColumnType::Integer;
        let spread = self.squares / (self.count as f64 - 1.0);
        ColumnSummary {
            distinct: match self.sketch {
                Some(_) => Distinct::MoreThan(EXACT_DISTINCT as u64),
                None => Distinct::Exactly(self.exact.len() as u64),
            },
            range: Some((Cell::Number(min).to_string(), Cell::Number(max).to_string())),
            numbers: Some(NumberSummary {
                min,
                max,
                mean: self.mean,
                standard_deviation: (self.count > 1).then(|| spread.sqrt()),
                quartiles: [0.25, 0.5, 0.75].map(|share| quantiles::quantile(&weighted, share)),
                histogram: Histogram::of(&weighted, (min, max), integers),
                exact: self.sketch.is_none(),
            }),
            ..summary
        }
    }
}

/// Texts, booleans and dates by value, until there are too many.
#[derive(Default)]
struct Texts {
    counts: BTreeMap<String, u64>,
    bytes: usize,
    /// How many distinct values there were when counting was given up.
    given_up: Option<u64>,
    dates: Option<(chrono::NaiveDate, chrono::NaiveDate)>,
}

impl Texts {
    fn add(&mut self, cell: Cell<'_>) {
        if let Cell::Date(date) = cell {
            let (min, max) = self.dates.unwrap_or((date, date));
            self.dates = Some((min.min(date), max.max(date)));
        }
        if self.given_up.is_some() {
            return;
        }
        let text = cell.to_string();
        if let Some(count) = self.counts.get_mut(&text) {
            *count += 1;
            return;
        }
        self.bytes += text.len();
        if self.counts.len() == EXACT_DISTINCT || self.bytes > EXACT_TEXT_BYTES {
            self.given_up = Some(self.counts.len() as u64);
            self.counts.clear();
        } else {
            self.counts.insert(text, 1);
        }
    }

    fn finish(self, summary: ColumnSummary) -> ColumnSummary {
        let distinct = self.counts.len() as u64;
        let mut top: Vec<ValueCount> = self
            .counts
            .into_iter()
            .map(|(value, count)| ValueCount { value, count })
            .collect();
        // Stable: equal counts stay in the order of their values.
        top.sort_by_key(|entry| std::cmp::Reverse(entry.count));
        top.truncate(TOP_VALUES);
        ColumnSummary {
            distinct: match self.given_up {
                Some(at) => Distinct::MoreThan(at),
                None => Distinct::Exactly(distinct),
            },
            range: self
                .dates
                .map(|(first, last)| (first.to_string(), last.to_string())),
            top,
            ..summary
        }
    }
}

#[cfg(test)]
mod tests;

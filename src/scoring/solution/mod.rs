//! The hidden truth of a phase: what each row's prediction is compared with.
//!
//! A [`Solution`] is read once from the organizer's CSV file and then holds everything by row: ids,
//! targets, and if the metric asks for them groups (ranking) and events (survival). Each row belongs
//! to the public or the private split, by a column of the file or by [`Solution::assign_splits`].
//! Start reading at [`SolutionFormat`].

mod copy;
mod error;
mod ids;
mod read;
mod splits;

use std::borrow::Cow;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

pub use error::{SolutionError, SolutionRowError, SplitError};

use self::ids::{Ids, Texts};
use super::predictions::{ColumnKind, PredictionFormat};

/// Which columns of the organizer's file hold what; all other columns are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SolutionFormat {
    /// Names each row, as text: no two rows may share an id.
    pub id_column: String,
    /// The truth that predictions are compared with.
    pub target_column: String,
    /// What the target is.
    #[serde(default)]
    pub target: TargetKind,
    /// `public` or `private` in each row (in any case); without it, see [`Solution::assign_splits`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_column: Option<String>,
    /// What ranking metrics rank within: a query, a race, a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_column: Option<String>,
    /// Whether a survival time ended with the event (`1`, `true`) or was censored (`0`, `false`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_column: Option<String>,
}

impl SolutionFormat {
    /// A numeric target and an id, nothing else.
    pub fn new(id_column: impl Into<String>, target_column: impl Into<String>) -> Self {
        SolutionFormat {
            id_column: id_column.into(),
            target_column: target_column.into(),
            target: TargetKind::Number,
            split_column: None,
            group_column: None,
            event_column: None,
        }
    }
}

/// What a solution's target is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A finite number.
    #[default]
    Number,
    /// One of these classes, held as its place in the list: 0, 1, ….
    Label(Vec<String>),
}

/// The part of a solution that a score is computed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Scored while the phase runs, for all to see.
    Public,
    /// Scored alike, and shown when the phase has ended.
    Private,
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Split::Public => "public",
            Split::Private => "private",
        })
    }
}

/// What stands in the number columns of a sample submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleNumbers {
    /// 0 in every row.
    Zero,
    /// The row's place in the file, 1, 2, …: for metrics that have no value where all rows are alike.
    Place,
}

/// The hidden truth of a phase, row by row in the order of the organizer's file.
#[derive(Debug)]
pub struct Solution {
    id_column: String,
    ids: Ids,
    target: Vec<f64>,
    splits: Option<Vec<Split>>,
    groups: Option<Groups>,
    events: Option<Vec<bool>>,
}

/// The group of each row.
#[derive(Debug)]
struct Groups {
    /// Places in `names`.
    of_row: Vec<u32>,
    names: Texts,
}

/// What a metric compares predictions with: all rows of a solution, or those of one split.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth<'a> {
    /// The targets; classes by their place in [`TargetKind::Label`].
    pub target: Cow<'a, [f64]>,
    /// The group of each row, by number.
    pub group: Option<Cow<'a, [u32]>>,
    /// Whether the event happened in each row.
    pub event: Option<Cow<'a, [bool]>>,
}

impl Solution {
    /// How many rows there are to predict.
    pub fn rows(&self) -> usize {
        self.target.len()
    }

    /// The name of the id column.
    pub fn id_column(&self) -> &str {
        &self.id_column
    }

    /// The ids in the order of the rows.
    pub fn ids(&self) -> impl Iterator<Item = Cow<'_, str>> {
        (0..self.rows()).map(|row| self.ids.get(row))
    }

    /// The id of a row.
    pub(super) fn id(&self, row: usize) -> Cow<'_, str> {
        self.ids.get(row)
    }

    /// The row that an id names.
    #[inline]
    pub(super) fn row(&self, id: &[u8]) -> Option<u32> {
        self.ids.row(id)
    }

    /// The first half of [`Solution::row`], for [`Solution::resolve`].
    #[inline]
    pub(super) fn key(&self, id: &[u8]) -> Option<u32> {
        self.ids.key(id)
    }

    /// Replaces keys by rows; fails at the first key without one, with its place and its id.
    pub(super) fn resolve(&self, keys: &mut [u32]) -> Result<(), (usize, String)> {
        self.ids.resolve(keys)
    }

    /// The row that an integer id names.
    pub(super) fn row_of_integer(&self, id: i128) -> Option<u32> {
        self.ids.row_of_integer(id)
    }

    /// The ids of the rows that `wanted` names, sorted so that they tell nothing of the file's order.
    pub(super) fn sorted_ids(
        &self,
        wanted: impl Fn(usize) -> bool,
    ) -> impl Iterator<Item = Cow<'_, str>> {
        let rows = self.ids.sorted_rows().into_iter().map(|row| row as usize);
        rows.filter(move |row| wanted(*row))
            .map(|row| self.ids.get(row))
    }

    /// Whether the rows are divided into a public and a private split.
    pub fn has_splits(&self) -> bool {
        self.splits.is_some()
    }

    /// How many rows a split has; 0 for both while the solution is not divided.
    pub fn split_rows(&self, split: Split) -> usize {
        let splits = self.splits.iter().flatten();
        splits.filter(|of_row| **of_row == split).count()
    }

    /// The truth of a split, or of all rows.
    pub fn truth(&self, split: Option<Split>) -> Truth<'_> {
        Truth {
            target: self.gather(&self.target, split),
            group: self
                .groups
                .as_ref()
                .map(|groups| self.gather(&groups.of_row, split)),
            event: self
                .events
                .as_ref()
                .map(|events| self.gather(events, split)),
        }
    }

    /// Those of `values`, one for each row of the solution, that belong to a split; all for `None`.
    ///
    /// A solution that is not divided has no rows in either split.
    pub fn gather<'a, T: Copy>(&self, values: &'a [T], split: Option<Split>) -> Cow<'a, [T]> {
        let Some(split) = split else {
            return Cow::Borrowed(values);
        };
        let mut gathered = Vec::with_capacity(self.split_rows(split));
        let splits = self.splits.iter().flatten();
        gathered.extend(
            splits
                .zip(values)
                .filter(|(of_row, _)| **of_row == split)
                .map(|(_, value)| *value),
        );
        Cow::Owned(gathered)
    }

    /// Writes a predictions file that is valid and knows nothing.
    ///
    /// Numbers are as asked, probabilities are equal between the format's probability columns (one
    /// alone is 0.5), labels are the first class. None of it is computed from the solution, and the
    /// rows are sorted by id, so the file gives nothing away but the ids.
    pub fn write_sample_submission(
        &self,
        format: &PredictionFormat,
        numbers: SampleNumbers,
        output: impl Write,
    ) -> io::Result<()> {
        let columns = format.columns();
        let is_probability = |kind: &ColumnKind| matches!(kind, ColumnKind::Probability);
        let probabilities = columns
            .iter()
            .filter(|column| is_probability(&column.kind))
            .count();
        let value = |kind: &ColumnKind, place: usize| match kind {
            ColumnKind::Number => match numbers {
                SampleNumbers::Zero => "0".to_owned(),
                SampleNumbers::Place => place.to_string(),
            },
            ColumnKind::Probability => (1.0 / probabilities.max(2) as f64).to_string(),
            ColumnKind::Label(classes) => classes.first().cloned().unwrap_or_default(),
        };

        let mut csv = csv::Writer::from_writer(output);
        csv.write_field(format.id_column())?;
        csv.write_record(columns.iter().map(|column| &column.name))?;
        for (place, id) in (1..).zip(self.sorted_ids(|_| true)) {
            csv.write_field(id.as_bytes())?;
            csv.write_record(columns.iter().map(|column| value(&column.kind, place)))?;
        }
        csv.flush()
    }
}

//! The organizer's wish: what to predict, which rows to test on, which of them publicly.

use serde::{Deserialize, Serialize};

use super::SplitError;

/// How to cut a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitPlan {
    /// The columns to predict.
    pub targets: Vec<String>,
    /// Columns left out of the test table because they give the target away or are not known when it
    /// is predicted: the sector times of a lap time. Training rows keep them.
    #[serde(default)]
    pub withheld: Vec<String>,
    /// The column that numbers the test rows, from 1 in the order of the table.
    #[serde(default = "id")]
    pub id: String,
    pub test: TestRows,
    pub public: PublicPart,
    pub seed: u64,
}

fn id() -> String {
    "id".to_owned()
}

/// Which rows are test rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestRows {
    /// Each row with this probability.
    Fraction(f64),
    /// This share of the column's distinct values, rounded, with all their rows; at least one value
    /// on each side.
    Groups { column: String, fraction: f64 },
    /// Rows whose value lies above the last training value: later events, later stints. A missing
    /// value is a training row.
    After {
        column: String,
        last_training: Bound,
    },
}

/// A value to compare a column with, of the column's type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Bound {
    Integer(i64),
    Number(f64),
    /// A date where the column holds dates, else text, in byte order.
    Text(String),
}

/// Which test rows count for the public leaderboard; the others are private.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicPart {
    /// The share of rows, or of groups where a column is given.
    pub fraction: f64,
    /// Rows with one value of this column stay on one side, so that the private score cannot be
    /// learned from public rows of the same group.
    #[serde(default)]
    pub group: Option<String>,
}

impl SplitPlan {
    pub(super) fn check_fractions(&self) -> Result<(), SplitError> {
        let test = match &self.test {
            TestRows::Fraction(fraction) | TestRows::Groups { fraction, .. } => *fraction,
            TestRows::After { .. } => 0.5,
        };
        for (field, value) in [
            ("the test fraction", test),
            ("the public fraction", self.public.fraction),
        ] {
            if !(value > 0.0 && value < 1.0) {
                return Err(SplitError::Fraction { field, value });
            }
        }
        Ok(())
    }
}

//! The truth and the predictions side by side, and the checks that both must pass.

use std::fmt;

use super::definition::InputShape;
use super::error::{Column, MetricError};

/// The rows to score: the hidden truth and the predictions, row by row in the same order.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The truth: a number, a class code (0.0, 1.0, 2.0 …), a relevance or a time, as the metric's
    /// [`InputShape`] says.
    pub target: &'a [f64],
    /// The group (query, race) of each row, for rankings.
    pub group: Option<&'a [u32]>,
    /// Whether the event was observed at the target's time (true) or the row is censored (false), for survival.
    pub event: Option<&'a [bool]>,
    /// The predictions: `predictions[column][row]`.
    pub predictions: &'a [&'a [f64]],
}

/// How many classes a label metric can tell apart: beyond, the codes are no dictionary of labels.
const MOST_CLASSES: f64 = (1 << 20) as f64;

/// The values that a column may hold; displayed in words for error messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    Finite,
    ZeroOrOne,
    UnitInterval,
    ClassCode,
    NonNegative,
    AboveMinusOne,
    NonZero,
}

impl Domain {
    /// Refuses the first value of a column that lies outside.
    pub(super) fn check(self, column: Column, values: &[f64]) -> Result<(), MetricError> {
        // The match stands outside the loop: each arm is a tight loop over a million rows.
        let outside = match self {
            Domain::Finite => first(values, |value| value.is_finite()),
            Domain::ZeroOrOne => first(values, |value| value == 0.0 || value == 1.0),
            Domain::UnitInterval => first(values, |value| (0.0..=1.0).contains(&value)),
            Domain::ClassCode => first(values, |value| {
                (0.0..MOST_CLASSES).contains(&value) && value.fract() == 0.0
            }),
            Domain::NonNegative => first(values, |value| value >= 0.0 && value.is_finite()),
            Domain::AboveMinusOne => first(values, |value| value > -1.0 && value.is_finite()),
            Domain::NonZero => first(values, |value| value != 0.0 && value.is_finite()),
        };
        match outside {
            None => Ok(()),
            Some(row) => Err(MetricError::OutsideDomain {
                column,
                row,
                value: values[row],
                domain: self,
            }),
        }
    }
}

/// The first row whose value is not allowed.
fn first(values: &[f64], allowed: impl Fn(f64) -> bool) -> Option<usize> {
    values.iter().position(|&value| !allowed(value))
}

impl fmt::Display for Domain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Domain::Finite => formatter.write_str("a finite number"),
            Domain::ZeroOrOne => formatter.write_str("0 or 1"),
            Domain::UnitInterval => formatter.write_str("a probability from 0 to 1"),
            Domain::ClassCode => {
                write!(
                    formatter,
                    "a class code: a whole number from 0 to {}",
                    MOST_CLASSES - 1.0
                )
            }
            Domain::NonNegative => formatter.write_str("a finite number, 0 or more"),
            Domain::AboveMinusOne => formatter.write_str("a finite number above -1"),
            Domain::NonZero => formatter.write_str("a finite number other than 0"),
        }
    }
}

impl InputShape {
    fn target_domain(self) -> Domain {
        match self {
            InputShape::Number | InputShape::Ensemble => Domain::Finite,
            InputShape::BinaryScore
            | InputShape::Probability
            | InputShape::BinaryLabel
            | InputShape::GroupedRelevance => Domain::ZeroOrOne,
            InputShape::ClassProbabilities | InputShape::Label | InputShape::OrdinalLabel => {
                Domain::ClassCode
            }
            InputShape::GroupedScore | InputShape::Survival => Domain::NonNegative,
        }
    }

    fn prediction_domain(self) -> Domain {
        match self {
            InputShape::Number
            | InputShape::BinaryScore
            | InputShape::GroupedScore
            | InputShape::GroupedRelevance
            | InputShape::Survival
            | InputShape::Ensemble => Domain::Finite,
            InputShape::Probability | InputShape::ClassProbabilities => Domain::UnitInterval,
            InputShape::Label | InputShape::OrdinalLabel => Domain::ClassCode,
            InputShape::BinaryLabel => Domain::ZeroOrOne,
        }
    }
}

impl<'a> Sample<'a> {
    /// Checks that the truth has rows, the columns that the shape needs, and only values that it allows.
    pub(super) fn check_truth(&self, shape: InputShape) -> Result<(), MetricError> {
        if self.target.is_empty() {
            return Err(MetricError::EmptySample);
        }
        match shape {
            InputShape::GroupedScore | InputShape::GroupedRelevance => {
                self.group()?;
            }
            InputShape::Survival => {
                self.event()?;
            }
            _ => {}
        }
        shape.target_domain().check(Column::Target, self.target)
    }

    /// Checks that every prediction column is as long as the truth and holds only values that the shape allows.
    pub(super) fn check_predictions(&self, shape: InputShape) -> Result<(), MetricError> {
        for (index, column) in self.predictions.iter().enumerate() {
            let name = Column::Prediction(index);
            self.check_length(name, column.len())?;
            shape.prediction_domain().check(name, column)?;
        }
        Ok(())
    }

    /// The only prediction column.
    pub(super) fn prediction(&self) -> Result<&'a [f64], MetricError> {
        match self.predictions {
            [column] => Ok(column),
            columns => Err(MetricError::ColumnCount {
                expected: "one is",
                found: columns.len(),
            }),
        }
    }

    /// All prediction columns, at least one.
    pub(super) fn ensemble(&self) -> Result<&'a [&'a [f64]], MetricError> {
        match self.predictions {
            [] => Err(MetricError::ColumnCount {
                expected: "one or more are",
                found: 0,
            }),
            columns => Ok(columns),
        }
    }

    /// The prediction columns of the classes, at least two.
    pub(super) fn class_probabilities(&self) -> Result<&'a [&'a [f64]], MetricError> {
        match self.predictions {
            [] | [_] => Err(MetricError::ColumnCount {
                expected: "one a class, at least two, are",
                found: self.predictions.len(),
            }),
            columns => Ok(columns),
        }
    }

    pub(super) fn group(&self) -> Result<&'a [u32], MetricError> {
        let group = self
            .group
            .ok_or(MetricError::MissingColumn(Column::Group))?;
        self.check_length(Column::Group, group.len())?;
        Ok(group)
    }

    pub(super) fn event(&self) -> Result<&'a [bool], MetricError> {
        let event = self
            .event
            .ok_or(MetricError::MissingColumn(Column::Event))?;
        self.check_length(Column::Event, event.len())?;
        Ok(event)
    }

    fn check_length(&self, column: Column, found: usize) -> Result<(), MetricError> {
        let expected = self.target.len();
        if found == expected {
            return Ok(());
        }
        Err(MetricError::LengthsDiffer {
            column,
            expected,
            found,
        })
    }
}

//! Statistics in place of a column: its [differentially private](super::differential_privacy) histogram and
//! mean, in which every subject counts once.
//!
//! ε is spent on these figures alone. The report's numbers of subjects, rows and classes are exact, and so
//! are the other columns.

use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use super::AnonymizationError;
use super::differential_privacy::{Epsilon, PrivacyBudget};
use super::policy::StatisticsPolicy;
use super::quantiles::median;
use super::spill::Spill;
use super::transforms::SubjectNumber;
use crate::datasets::tables::TableError;

/// The statistics of a column that is not published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnStatistics {
    pub name: String,
    pub unit: Option<String>,
    /// What the histogram and the mean cost together.
    pub epsilon: f64,
    /// Of the bins, one more than there are bins. Values beyond them count in the outer bins.
    pub edges: Vec<f64>,
    /// Subjects in each bin, by the median of their values, with noise: perhaps below zero.
    pub counts: Vec<i64>,
    /// The mean of the subjects' medians, with noise.
    pub mean: f64,
}

/// The values of each subject.
#[derive(Default)]
pub(super) struct CollectedValues(Spill);

impl CollectedValues {
    /// # Errors
    /// [`TableError::Io`] when a temporary file cannot be written.
    pub(super) fn add(&mut self, subject: SubjectNumber, value: f64) -> Result<(), TableError> {
        self.0.append(subject, &value.to_le_bytes())
    }

    /// Draws the statistics from the budget.
    ///
    /// # Errors
    /// Where ε is too small to be halved twice, or not left, or a temporary file cannot be read.
    pub(super) fn publish(
        mut self,
        (name, unit): (&str, Option<&str>),
        policy: &StatisticsPolicy,
        budget: &mut PrivacyBudget,
        rng: &mut impl CryptoRng,
    ) -> Result<ColumnStatistics, AnonymizationError> {
        let StatisticsPolicy {
            epsilon,
            least,
            greatest,
            bins,
        } = *policy;
        let range = greatest - least;
        let mut medians = Vec::new();
        while let Some((_, bytes)) = self.0.take_first()? {
            let values = bytes.as_chunks().0.iter().copied().map(f64::from_le_bytes);
            medians.extend(median(values).map(|value| value.clamp(least, greatest)));
        }
        let mut counts = vec![0; bins as usize];
        for value in &medians {
            let bin = ((value - least) / range * f64::from(bins)) as usize;
            let last = counts.len().saturating_sub(1);
            if let Some(count) = counts.get_mut(bin.min(last)) {
                *count += 1;
            }
        }
        let half = Epsilon::new(epsilon.value() / 2.0)?;
        let edge = |edge: u32| least + range * f64::from(edge) / f64::from(bins);
        Ok(ColumnStatistics {
            name: name.to_owned(),
            unit: unit.map(str::to_owned),
            epsilon: epsilon.value(),
            edges: (0..=bins).map(edge).collect(),
            counts: budget.histogram(&counts, half, rng)?,
            mean: budget.mean(&medians, (least, greatest), half, rng)?,
        })
    }
}

//! Whether the crowd is wiser than its wisest: the consensus against each single submission, where the
//! true talent is known.

use std::collections::BTreeMap;
use std::fmt;

use rand::{Rng, RngExt};

use super::ranks::{places, spearman};
use super::{Consensus, Panel};

/// How often drivers are drawn anew for the interval.
const RESAMPLES: usize = 400;

/// The consensus against the single submissions, by Spearman's rank correlation with the truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Drivers whose truth is known.
    pub drivers: usize,
    /// Of the consensus.
    pub consensus: f64,
    /// The submission that correlates most with the truth: the best in hindsight, which nobody could have
    /// chosen before.
    pub best_submission: String,
    /// Its correlation.
    pub best: f64,
    /// What the consensus has more than the best submission, with a 95 % interval by drawing drivers anew.
    pub lead: (f64, f64),
    /// The correlation of the mean of all submissions' normal scores, without weights: what the
    /// weights have to beat.
    pub plain_mean: f64,
}

impl Comparison {
    /// Whether the consensus is above the best submission.
    pub fn consensus_wins(&self) -> bool {
        self.consensus > self.best
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.consensus_wins() {
            "beats"
        } else {
            "does not beat"
        };
        write!(
            f,
            "The consensus {verdict} the best single submission: its rank correlation with the truth of {} \
             drivers is {:.3}, that of {} is {:.3} (difference {:+.3} to {:+.3} with 95 % confidence; the \
             plain mean of all has {:.3}).",
            self.drivers,
            self.consensus,
            self.best_submission,
            self.best,
            self.lead.0,
            self.lead.1,
            self.plain_mean,
        )
    }
}

/// Why nothing can be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    /// A rank correlation of two drivers is always ±1.
    #[error("the truth is known of {drivers} of the rated drivers; comparing takes at least three")]
    TooFewDrivers {
        /// Rated drivers with a truth.
        drivers: usize,
    },
    /// Nothing to be right about.
    #[error("the truth, the consensus or every submission is the same for all drivers")]
    NoVariation,
}

/// Compares a consensus, and the submissions it was made of, with the true talent of drivers; higher is
/// faster, in any unit. Drivers who were not rated are left out. A submission's rating of a driver is the
/// mean of its normal scores over the driver's events.
///
/// # Errors
/// [`ComparisonError`] if there are fewer than three drivers, or none differ.
pub fn compare_with_truth(
    panel: &Panel,
    consensus: &Consensus,
    truth: &BTreeMap<String, f64>,
    rng: &mut impl Rng,
) -> Result<Comparison, ComparisonError> {
    let known: Vec<(usize, f64)> = panel
        .drivers()
        .iter()
        .enumerate()
        .filter_map(|(driver, id)| Some((driver, *truth.get(id).filter(|t| t.is_finite())?)))
        .collect();
    if known.len() < 3 {
        return Err(ComparisonError::TooFewDrivers {
            drivers: known.len(),
        });
    }
    let strengths: BTreeMap<&str, f64> = consensus
        .drivers
        .iter()
        .map(|driver| (driver.driver.as_str(), driver.strength))
        .collect();
    let of_known = |ratings: &[f64]| -> Vec<f64> {
        known.iter().map(|&(driver, _)| ratings[driver]).collect()
    };
    let ids = known
        .iter()
        .map(|&(driver, _)| panel.drivers()[driver].as_str());
    let consensus: Vec<f64> = ids
        .map(|id| strengths.get(id).copied().unwrap_or_default())
        .collect();
    let truth: Vec<f64> = known.iter().map(|(_, truth)| *truth).collect();
    let by_submission: Vec<Vec<f64>> = panel
        .scores()
        .iter()
        .map(|scores| mean_by_driver(panel, scores))
        .collect();
    let plain: Vec<f64> = (0..panel.drivers().len())
        .map(|driver| by_submission.iter().map(|ratings| ratings[driver]).sum())
        .collect();

    let correlations = panel.submissions().iter().zip(&by_submission);
    let (best_submission, best_ratings, best) = correlations
        .filter_map(|(submission, ratings)| {
            let ratings = of_known(ratings);
            let correlation = spearman(&ratings, &truth)?;
            Some((submission.id.clone(), ratings, correlation))
        })
        .max_by(|one, other| one.2.total_cmp(&other.2))
        .ok_or(ComparisonError::NoVariation)?;
    Ok(Comparison {
        drivers: known.len(),
        consensus: spearman(&consensus, &truth).ok_or(ComparisonError::NoVariation)?,
        best_submission,
        best,
        lead: lead(&consensus, &best_ratings, &truth, rng),
        plain_mean: spearman(&of_known(&plain), &truth).unwrap_or_default(),
    })
}

fn mean_by_driver(panel: &Panel, scores: &[f64]) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); panel.drivers().len()];
    for (&driver, score) in panel.driver_of().iter().zip(scores) {
        sums[driver].0 += score;
        sums[driver].1 += 1.0;
    }
    // Every driver of a panel has a row.
    sums.into_iter().map(|(sum, rows)| sum / rows).collect()
}

/// The 95 % interval of the difference of two correlations with the truth, by the percentiles of a
/// bootstrap over drivers.
fn lead(one: &[f64], other: &[f64], truth: &[f64], rng: &mut impl Rng) -> (f64, f64) {
    let [one, other, truth] = [one, other, truth].map(places);
    let mut differences: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            let drawn: Vec<usize> = truth
                .iter()
                .map(|_| rng.random_range(0..truth.len()))
                .collect();
            let of = |values: &[f64]| -> Vec<f64> { drawn.iter().map(|&i| values[i]).collect() };
            let truth = of(&truth);
            Some(spearman(&of(&one), &truth)? - spearman(&of(&other), &truth)?)
        })
        .collect();
    differences.sort_unstable_by(f64::total_cmp);
    let outside = differences.len() / 40;
    let low = differences.get(outside).copied();
    let high = differences.iter().rev().nth(outside).copied();
    (low.unwrap_or_default(), high.unwrap_or_default())
}

//! Statistics that hardly change, whoever is left out of the data (Dwork et al. 2006).
//!
//! A release is ε-differentially private when leaving one subject out, or adding one, changes the
//! probability of anything that is published by at most a factor of e^ε. Here that is reached by
//! noise of the discrete Laplace distribution (the two-sided geometric mechanism, Ghosh et al. 2012),
//! drawn by integer arithmetic alone as in Canonne, Kamath and Steinke (2020), algorithms 1 and 2:
//! noise computed from floats tells through its last bits what it was added to (Mironov 2012).
//!
//! What it promises holds for **subjects who contribute once**: a subject in one bin of a histogram,
//! one value in a mean. Start reading at [`PrivacyBudget`].

use std::fmt;

use rand::CryptoRng;

/// ε in millionths, so that sums are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epsilon(u32);

/// ε per millionth.
const MILLION: u32 = 1_000_000;

/// Steps into which the range of a mean is cut.
const MEAN_STEPS: u32 = 1 << 20;

/// What may still be told about a data set. The ε of all that is published from the same subjects add
/// up (sequential composition), so every statistic is drawn from one budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivacyBudget {
    total: Epsilon,
    left: u32,
}

/// A statistic that cannot be published.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DifferentialPrivacyError {
    #[error(
        "ε is {0}; it must be from 0.000001 to 4,294: 1 or less is strong, above 10 hardly protects"
    )]
    Epsilon(f64),

    #[error("ε of {wanted} is wanted and {left} of {total} is left; publish less, or less exactly")]
    Spent {
        wanted: Epsilon,
        left: f64,
        total: Epsilon,
    },

    #[error(
        "the bounds of a mean are {least} and {greatest}; they must be finite, in order, and known \
         without looking at the data"
    )]
    Bounds { least: f64, greatest: f64 },

    #[error("value {position} of a mean is not a number; leave out subjects without a value")]
    NotANumber {
        /// Counted from 1.
        position: usize,
    },
}

impl Epsilon {
    /// ε to the millionth below.
    ///
    /// # Errors
    /// [`DifferentialPrivacyError::Epsilon`] outside of 0.000001 to 4,294.
    pub fn new(epsilon: f64) -> Result<Epsilon, DifferentialPrivacyError> {
        // 0.3 in millionths is a little less than 300,000.
        let millionths = (epsilon * f64::from(MILLION) + 1e-4).floor();
        if (1.0..=f64::from(u32::MAX)).contains(&millionths) {
            Ok(Epsilon(millionths as u32))
        } else {
            Err(DifferentialPrivacyError::Epsilon(epsilon))
        }
    }

    pub fn value(self) -> f64 {
        f64::from(self.0) / f64::from(MILLION)
    }
}

impl fmt::Display for Epsilon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value())
    }
}

impl PrivacyBudget {
    pub fn new(total: Epsilon) -> PrivacyBudget {
        PrivacyBudget {
            total,
            left: total.0,
        }
    }

    /// The ε that is left.
    pub fn left(&self) -> f64 {
        f64::from(self.left) / f64::from(MILLION)
    }

    fn spend(&mut self, epsilon: Epsilon) -> Result<(), DifferentialPrivacyError> {
        match self.left.checked_sub(epsilon.0) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(DifferentialPrivacyError::Spent {
                wanted: epsilon,
                left: self.left(),
                total: self.total,
            }),
        }
    }

    /// The counts of a histogram with noise; a count may come out below zero. `counts` are distinct
    /// subjects, each in one bin alone, and the bins are chosen without looking at the data.
    ///
    /// # Errors
    /// [`DifferentialPrivacyError::Spent`], with nothing spent.
    pub fn histogram(
        &mut self,
        counts: &[u64],
        epsilon: Epsilon,
        random: &mut impl CryptoRng,
    ) -> Result<Vec<i64>, DifferentialPrivacyError> {
        self.spend(epsilon)?;
        let noisy = |count: &u64| noisy(i128::from(*count), 1, epsilon, random);
        Ok(counts.iter().map(noisy).map(saturated).collect())
    }

    /// The mean of one value per subject. Values beyond the bounds count as the bounds, which must be
    /// known without looking at the data. Half of ε goes to the sum, half to the number of subjects,
    /// which is as secret as they are.
    ///
    /// Values are rounded to a 2^20th of the range, the middle of which is the answer where there are
    /// no subjects.
    ///
    /// # Errors
    /// [`DifferentialPrivacyError`], with nothing spent.
    pub fn mean(
        &mut self,
        values: &[f64],
        (least, greatest): (f64, f64),
        epsilon: Epsilon,
        random: &mut impl CryptoRng,
    ) -> Result<f64, DifferentialPrivacyError> {
        let range = greatest - least;
        if !(range.is_finite() && range > 0.0) {
            return Err(DifferentialPrivacyError::Bounds { least, greatest });
        }
        if let Some(position) = values.iter().position(|value| value.is_nan()) {
            let position = position + 1;
            return Err(DifferentialPrivacyError::NotANumber { position });
        }
        let half = Epsilon(epsilon.0 / 2);
        if half.0 == 0 {
            return Err(DifferentialPrivacyError::Epsilon(epsilon.value()));
        }
        self.spend(epsilon)?;
        // From the middle, one subject moves the sum by half of the steps at most.
        let reach = i128::from(MEAN_STEPS / 2);
        let steps = |value: &f64| {
            let share = (value.clamp(least, greatest) - least) / range;
            ((share * f64::from(MEAN_STEPS)).round() as i128 - reach).clamp(-reach, reach)
        };
        let sum = noisy(values.iter().map(steps).sum(), MEAN_STEPS / 2, half, random);
        let subjects = noisy(values.len() as i128, 1, half, random).max(1);
        let share = 0.5 + sum as f64 / subjects as f64 / f64::from(MEAN_STEPS);
        Ok(least + share.clamp(0.0, 1.0) * range)
    }
}

/// Adds noise of scale sensitivity/ε to what one subject changes by at most `sensitivity`.
fn noisy(value: i128, sensitivity: u32, epsilon: Epsilon, random: &mut impl CryptoRng) -> i128 {
    let scale = u128::from(sensitivity) * u128::from(MILLION);
    value.saturating_add(discrete_laplace(scale, u128::from(epsilon.0), random))
}

fn saturated(value: i128) -> i64 {
    value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// A whole number x with probability proportional to exp(−|x|·s/t). Both are below 2^53, so no
/// product here overflows before the chance of reaching it is below 2^-1000.
fn discrete_laplace(t: u128, s: u128, random: &mut impl CryptoRng) -> i128 {
    loop {
        let remainder = below(t, random);
        if !bernoulli_exp(remainder, t, random) {
            continue;
        }
        let mut quotient = 0_u128;
        while bernoulli_exp(1, 1, random) {
            quotient += 1;
        }
        let size = ((remainder + t * quotient) / s) as i128;
        match below(2, random) {
            0 => return size,
            // Zero has one sign only, or it would come twice as often as it should.
            _ if size > 0 => return -size,
            _ => {}
        }
    }
}

/// True with probability exp(−x/y), for x ≤ y.
fn bernoulli_exp(x: u128, y: u128, random: &mut impl CryptoRng) -> bool {
    // The first of ever less likely coins that falls to false is an odd one with that probability.
    let mut coin = 1;
    while below(y * coin, random) < x {
        coin += 1;
    }
    coin % 2 == 1
}

/// A uniform number below `bound`, which is at least 1; drawn anew where it is beyond, so exact.
fn below(bound: u128, random: &mut impl CryptoRng) -> u128 {
    let mask = u128::MAX
        .checked_shr((bound - 1).leading_zeros())
        .unwrap_or(0);
    loop {
        let drawn = if mask <= u128::from(u64::MAX) {
            u128::from(random.next_u64())
        } else {
            u128::from(random.next_u64()) << 64 | u128::from(random.next_u64())
        };
        if drawn & mask < bound {
            return drawn & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::ChaCha8Rng;

    use super::*;

    fn epsilon(value: f64) -> Epsilon {
        Epsilon::new(value).unwrap()
    }

    fn budget(value: f64) -> PrivacyBudget {
        PrivacyBudget::new(epsilon(value))
    }

    /// Pearson's statistic of draws against the discrete Laplace distribution with a = exp(−s/t), in
    /// bins of single values from −10 to 10 and the two tails beyond: 22 degrees of freedom.
    fn chi_square(t: u128, s: u128, seed: u64) -> f64 {
        const DRAWS: usize = 50_000;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut counts = [0_u32; 23];
        for _ in 0..DRAWS {
            let drawn = discrete_laplace(t, s, &mut random).clamp(-11, 11);
            counts[(drawn + 11) as usize] += 1;
        }
        let a = (-(s as f64) / t as f64).exp();
        let probability = |x: i32| match x.abs() {
            11 => a.powi(11) / (1.0 + a),
            size => (1.0 - a) / (1.0 + a) * a.powi(size),
        };
        let statistics = counts.iter().zip(-11..).map(|(count, x)| {
            let expected = probability(x) * DRAWS as f64;
            (f64::from(*count) - expected).powi(2) / expected
        });
        statistics.sum()
    }

    #[test]
    fn the_noise_is_the_discrete_laplace_distributions() {
        for (seed, (t, s)) in (1..).zip([(1, 1), (2, 1), (3, 2), (1_000_000, 300_000), (7, 1)]) {
            let statistic = chi_square(t, s, seed);
            // The 99.9 % quantile of χ² with 22 degrees of freedom.
            assert!(statistic < 48.27, "scale {t}/{s}: {statistic}");
        }
        // The test can fail: an ε a twentieth off does.
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let off = (0..50_000).filter(|_| discrete_laplace(100, 95, &mut random) == 0);
        let a = f64::exp(-1.0);
        let expected = 50_000.0 * (1.0 - a) / (1.0 + a);
        assert!((off.count() as f64 - expected).abs() > 6.0 * (expected * 0.54).sqrt());
    }

    #[test]
    fn leaving_a_subject_out_changes_no_probability_by_more_than_e_to_the_epsilon() {
        // The formula: P(n + noise = x) against P(n − 1 + noise = x), for all x.
        let a = f64::exp(-0.5);
        let probability = |x: i32| (1.0 - a) / (1.0 + a) * a.powi(x.abs());
        for x in -50..50 {
            let ratio = probability(x) / probability(x + 1);
            assert!((0.5 - ratio.ln().abs()).abs() < 1e-9);
        }
        // And the draws, with and without the subject: every outcome that is common in either.
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut outcomes = [[0_u32; 2]; 40];
        for _ in 0..100_000 {
            for (neighbour, subjects) in [20, 19].into_iter().enumerate() {
                let told = budget(0.5).histogram(&[subjects], epsilon(0.5), &mut random);
                outcomes[told.unwrap()[0].clamp(0, 39) as usize][neighbour] += 1;
            }
        }
        let common = outcomes
            .iter()
            .filter(|counts| counts.iter().all(|count| *count > 2000));
        let ratios = common.map(|[with, without]| f64::from(*with) / f64::from(*without));
        let ratios: Vec<_> = ratios.map(|ratio| ratio.ln().abs()).collect();
        assert!(ratios.len() > 6, "{ratios:?}");
        assert!(
            ratios.iter().all(|ratio| (ratio - 0.5).abs() < 0.1),
            "{ratios:?}"
        );
    }

    #[test]
    fn a_mean_is_near_the_true_one_and_an_outlier_cannot_pull_it() {
        let mut random = ChaCha8Rng::seed_from_u64(11);
        let ages: Vec<f64> = (0..2000)
            .map(|driver| 10.0 + f64::from(driver % 8))
            .collect();
        let mut mean = |ages: &[f64]| {
            budget(1.0)
                .mean(ages, (8.0, 20.0), epsilon(1.0), &mut random)
                .unwrap()
        };
        assert!((mean(&ages) - 13.5).abs() < 0.1);
        let with_a_typing_error: Vec<f64> = ages.iter().copied().chain([1e300]).collect();
        assert!((mean(&with_a_typing_error) - 13.5).abs() < 0.1);
        assert!((8.0..=20.0).contains(&mean(&[])));
    }

    #[test]
    fn what_is_spent_is_gone() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut budget = budget(1.0);
        for _ in 0..3 {
            budget
                .histogram(&[5, 9], epsilon(0.3), &mut random)
                .unwrap();
        }
        let refused = budget.mean(&[1.0], (0.0, 2.0), epsilon(0.3), &mut random);
        assert_eq!(
            refused.unwrap_err().to_string(),
            "ε of 0.3 is wanted and 0.1 of 1 is left; publish less, or less exactly"
        );
        budget
            .mean(&[1.0], (0.0, 2.0), epsilon(0.1), &mut random)
            .unwrap();
        assert_eq!(budget.left(), 0.0);
    }

    #[test]
    fn what_means_nothing_is_refused_and_costs_nothing() {
        for outside in [0.0, -1.0, 1e-7, 5000.0, f64::NAN, f64::INFINITY] {
            assert!(Epsilon::new(outside).is_err(), "{outside}");
        }
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut budget = budget(1.0);
        let mut refusal = |values: &[f64], bounds, epsilon| {
            let refused = budget.mean(values, bounds, epsilon, &mut random);
            refused.unwrap_err()
        };
        for bounds in [
            (1.0, 1.0),
            (2.0, 1.0),
            (0.0, f64::INFINITY),
            (f64::NAN, 1.0),
        ] {
            let error = refusal(&[1.0], bounds, epsilon(0.5));
            assert!(matches!(error, DifferentialPrivacyError::Bounds { .. }));
        }
        let error = refusal(&[1.0, f64::NAN], (0.0, 1.0), epsilon(0.5));
        assert_eq!(error, DifferentialPrivacyError::NotANumber { position: 2 });
        let error = refusal(&[1.0], (0.0, 1.0), epsilon(0.000_001));
        assert!(matches!(error, DifferentialPrivacyError::Epsilon(_)));
        assert_eq!(budget.left(), 1.0);
    }
}

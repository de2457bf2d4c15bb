//! Draws that are the same on every platform.
//!
//! The generator is ChaCha8, whose output is fixed by its specification, and the mathematics is
//! `libm`'s, because the standard library's `exp` may differ in the last bit from one platform to
//! the next.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::{Exp1, StandardNormal};

/// Independent randomness for one part of a championship, so that what one event draws does not
/// depend on how much another one drew.
pub(super) fn stream(seed: u64, part: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(part);
    rng
}

pub(super) fn normal(rng: &mut impl Rng) -> f64 {
    rng.sample(StandardNormal)
}

pub(super) fn lognormal(rng: &mut impl Rng, median: f64, spread: f64) -> f64 {
    median * libm::exp(spread * normal(rng))
}

/// Mean 0, variance 1, skewness 0.43: a lap is more easily lost than gained.
pub(super) fn right_skewed(rng: &mut impl Rng) -> f64 {
    const EXPONENTIAL_SHARE: f64 = 0.6;
    let exponential: f64 = rng.sample(Exp1);
    0.8 * normal(rng) + EXPONENTIAL_SHARE * (exponential - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_skewed_draw_is_standardised_and_leans_right() {
        let mut rng = stream(1, 0);
        let draws: Vec<f64> = (0..100_000).map(|_| right_skewed(&mut rng)).collect();
        let moment = |power| draws.iter().map(|x: &f64| x.powi(power)).sum::<f64>() / 100_000.0;
        assert!(moment(1).abs() < 0.015, "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.02, "variance {}", moment(2));
        assert!((moment(3) - 0.43).abs() < 0.06, "skewness {}", moment(3));
    }

    #[test]
    fn streams_of_one_seed_differ() {
        assert_ne!(normal(&mut stream(1, 0)), normal(&mut stream(1, 1)));
    }
}

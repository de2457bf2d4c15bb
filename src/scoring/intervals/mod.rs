//! How certain a score is: what it would have been on other rows of the same kind.
//!
//! [`replicates()`] scores a submission on [`RESAMPLES`] bootstrap resamples of either split (Efron, Ann. Stat. 7,
//! 1979). The resamples are the same for every submission of a solution, so that two submissions are compared
//! resample by resample and what is luck for both cancels out: [`interval`], [`probability_better`] and
//! [`Tiers`] need nothing but the replicates. Pure; may touch `metrics`, `predictions` and `solution`.
//! Start reading at [`replicates()`].

mod classes;
mod compare;
mod ranks;
mod replicates;
mod resampling;
mod sums;

#[cfg(test)]
mod tests;

pub use compare::{Tiers, interval, probability_better, standard_error_of_difference};
pub use replicates::{DamagedReplicates, RESAMPLES, Replicates, replicates};
pub(super) use resampling::{SplitMix64, scramble};

//! Keyed draws: the chance of a cut.

use std::collections::{BTreeSet, HashSet};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Draws that depend on nothing but the seed, the purpose and the thing drawn for.
pub(super) struct Seed(Hmac<Sha256>);

impl Seed {
    pub(super) fn new(seed: u64) -> Seed {
        let keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(&seed.to_be_bytes());
        Seed(keyed.expect("HMAC takes keys of any length"))
    }

    fn draw(&self, purpose: &str, thing: &[u8]) -> u64 {
        let mut mac = self.0.clone();
        mac.update(&(purpose.len() as u64).to_be_bytes());
        mac.update(purpose.as_bytes());
        mac.update(thing);
        let hash: [u8; 32] = mac.finalize().into_bytes().into();
        u64::from_be_bytes(std::array::from_fn(|byte| hash[byte]))
    }

    /// True with the given probability.
    pub(super) fn chance(&self, purpose: &str, row: u64, probability: f64) -> bool {
        // 53 bits fill a float's mantissa: uniform in [0, 1).
        let uniform = (self.draw(purpose, &row.to_be_bytes()) >> 11) as f64 / (1u64 << 53) as f64;
        uniform < probability
    }

    /// That share of the groups; at least one, and not all where there are several.
    pub(super) fn choose(
        &self,
        purpose: &str,
        groups: BTreeSet<String>,
        share: f64,
    ) -> HashSet<String> {
        let count = (groups.len() as f64 * share).round() as usize;
        let count = count.clamp(1, groups.len().saturating_sub(1).max(1));
        let mut drawn: Vec<_> = groups.into_iter().collect();
        drawn.sort_by_cached_key(|group| self.draw(purpose, group.as_bytes()));
        drawn.into_iter().take(count).collect()
    }
}

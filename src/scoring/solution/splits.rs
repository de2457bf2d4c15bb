//! Dividing the rows of a solution into a public and a private split.

use sha2::{Digest, Sha256};

use super::{Solution, Split, SplitError};

impl Solution {
    /// Puts about `public_fraction` of the rows into the public split and the others into the private
    /// one, whole groups together when there are groups.
    ///
    /// Rows (or groups) are drawn in the order of SHA-256 over the seed and their id (or name), so the
    /// same seed divides the same ids alike whatever the order of the file, on every machine and in
    /// every version. Both splits get at least one row; with groups the public split stops at the
    /// number of rows nearest to the wanted one.
    ///
    /// # Errors
    ///
    /// A fraction that is not between 0 and 1, or fewer than two rows or groups.
    pub fn assign_splits(&mut self, public_fraction: f64, seed: u64) -> Result<(), SplitError> {
        if !(public_fraction > 0.0 && public_fraction < 1.0) {
            return Err(SplitError::Fraction(public_fraction));
        }
        let wanted = public_fraction * self.rows() as f64;
        let splits = match &self.groups {
            None => {
                if self.rows() < 2 {
                    return Err(SplitError::Indivisible("one row"));
                }
                let sizes = vec![1; self.rows()];
                draw(&sizes, |row| order_key(seed, &self.ids.get(row)), wanted)
            }
            Some(groups) => {
                if groups.names.len() < 2 {
                    return Err(SplitError::Indivisible("one group"));
                }
                let mut sizes = vec![0; groups.names.len()];
                for group in &groups.of_row {
                    sizes[*group as usize] += 1;
                }
                let key = |group| order_key(seed, groups.names.get(group));
                let of_group = draw(&sizes, key, wanted);
                let of_row = groups.of_row.iter();
                of_row.map(|group| of_group[*group as usize]).collect()
            }
        };
        self.splits = Some(splits);
        Ok(())
    }
}

/// Puts units of these sizes, in the order of their keys, into the public split until it is as near
/// to `wanted` as it gets. Expects two units or more, and leaves one at least in either split.
fn draw(sizes: &[u32], key: impl Fn(usize) -> [u8; 16], wanted: f64) -> Vec<Split> {
    let mut order: Vec<([u8; 16], u32)> = (0..sizes.len())
        .map(|unit| (key(unit), unit as u32))
        .collect();
    order.sort_unstable();
    let mut splits = vec![Split::Private; sizes.len()];
    let mut public = 0.0;
    for (_, unit) in &order[..order.len() - 1] {
        let with = public + f64::from(sizes[*unit as usize]);
        if public > 0.0 && (with - wanted).abs() >= (public - wanted).abs() {
            break;
        }
        splits[*unit as usize] = Split::Public;
        public = with;
    }
    splits
}

/// Where the seed puts an id in the order of the draw.
fn order_key(seed: u64, id: &str) -> [u8; 16] {
    let digest = Sha256::new()
        .chain_update(seed.to_le_bytes())
        .chain_update(id)
        .finalize();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

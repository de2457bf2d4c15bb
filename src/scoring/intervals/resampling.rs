//! Which rows stand in which resample: the same for every submission of a solution.

/// The most buckets that rows are put into.
///
/// Resampling this many buckets instead of the rows changes a standard error by 1 / √(2 × 4,096), about 1 %,
/// and makes a resample cost the same whether there are ten thousand rows or ten million.
const MOST_BUCKETS: usize = 4096;

/// Everything random here begins with this number. Changing it, or anything else in this file, makes new
/// replicates no match for old ones: give their text another version then.
const SEED: u64 = 0x7061_6464_6f63_6b31;

/// A small generator whose numbers are the same on every machine and in every version, which a library's is
/// not: replicates of two submissions pair only if both were made with the same resamples (Steele, Lea &
/// Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The generator of a stream: other streams are as good as independent of it.
    pub fn of_stream(stream: u64) -> SplitMix64 {
        SplitMix64(scramble(SEED ^ scramble(stream)))
    }

    /// The next 64 random bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    /// A number below `end`, by Lemire's multiplication; the bias is below `end` / 2^32.
    pub fn below(&mut self, end: usize) -> usize {
        (((self.next() >> 32) * end as u64) >> 32) as usize
    }
}

/// Mixes the bits of a number so that neighbours have nothing in common.
pub fn scramble(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// What is drawn as a whole: single rows, or the groups that rows belong to (the cluster bootstrap: Davison &
/// Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8).
pub struct Units {
    /// The unit of each row; none: each row is one.
    of_row: Option<Vec<u32>>,
    /// How many there are.
    pub count: usize,
}

impl Units {
    /// The units of so many rows, or of rows in these groups.
    pub fn new(rows: usize, group: Option<&[u32]>) -> Units {
        let Some(group) = group else {
            return Units {
                of_row: None,
                count: rows,
            };
        };
        const UNSEEN: u32 = u32::MAX;
        let codes = group
            .iter()
            .max()
            .map_or(0, |&largest| largest as usize + 1);
        let mut places = vec![UNSEEN; codes];
        let mut count = 0;
        let of_row = (group.iter())
            .map(|&code| {
                let place = &mut places[code as usize];
                if *place == UNSEEN {
                    *place = count;
                    count += 1;
                }
                *place
            })
            .collect();
        Units {
            of_row: Some(of_row),
            count: count as usize,
        }
    }

    /// The unit of a row.
    pub fn of(&self, row: usize) -> usize {
        match &self.of_row {
            None => row,
            Some(units) => units[row] as usize,
        }
    }

    /// The rows of each unit.
    pub fn rows(&self, rows: usize) -> Vec<Vec<usize>> {
        let mut of_unit = vec![Vec::new(); self.count];
        for row in 0..rows {
            of_unit[self.of(row)].push(row);
        }
        of_unit
    }
}

/// The buckets that units are put into: each its own while they are few, at random when they are many.
#[derive(Clone, Copy)]
pub struct Buckets {
    units: usize,
    /// How many buckets there are.
    pub count: usize,
}

impl Buckets {
    /// Buckets for so many units; `most` is at most [`MOST_BUCKETS`] and must not depend on the submission.
    pub fn new(units: usize, most: Option<usize>) -> Buckets {
        let most = most.unwrap_or(MOST_BUCKETS).min(MOST_BUCKETS);
        Buckets {
            units,
            count: units.min(most),
        }
    }

    /// The bucket of a unit.
    pub fn of(self, unit: usize) -> usize {
        if self.count == self.units {
            return unit;
        }
        (((scramble(SEED ^ unit as u64) >> 32) * self.count as u64) >> 32) as usize
    }
}

/// Draws as many buckets as there are, with replacement, `resamples` times over: how often each was drawn.
/// `stream` sets one split's draws apart from the other's.
pub fn for_each_resample(
    buckets: usize,
    resamples: usize,
    stream: u64,
    mut visit: impl FnMut(&[u32]),
) {
    let mut drawn = vec![0; buckets];
    for resample in 0..resamples as u64 {
        drawn.fill(0);
        let mut random = SplitMix64::of_stream((stream << 32) | resample);
        for _ in 0..buckets {
            drawn[random.below(buckets)] += 1;
        }
        visit(&drawn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // The first outputs of SplitMix64 from the state 1234567, as in the test vectors of its ports.
        let mut random = SplitMix64(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn many_rows_fill_the_buckets_evenly() {
        let buckets = Buckets::new(1_000_000, None);
        let mut sizes = vec![0usize; buckets.count];
        for row in 0..1_000_000 {
            sizes[buckets.of(row)] += 1;
        }
        assert_eq!(sizes.len(), 4096);
        // Poisson with mean 244 and standard deviation 15.6.
        assert!(sizes.iter().all(|size| (160..340).contains(size)));
    }

    #[test]
    fn the_rows_of_a_group_stay_together() {
        let units = Units::new(5, Some(&[7, 3, 7, 9, 3]));
        assert_eq!(units.count, 3);
        assert_eq!(units.rows(5), [vec![0, 2], vec![1, 4], vec![3]]);
    }

    #[test]
    fn every_resample_draws_as_many_buckets_as_there_are_and_no_two_are_alike() {
        let mut seen = Vec::new();
        for stream in [0, 1] {
            for_each_resample(50, 20, stream, |drawn| {
                assert_eq!(drawn.iter().sum::<u32>(), 50);
                seen.push(drawn.to_vec());
            });
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 40);
    }
}

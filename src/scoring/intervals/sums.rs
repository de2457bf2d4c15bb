//! Metrics that are functions of sums over rows: their resamples are sums over buckets.

use super::RESAMPLES;
use super::resampling::{Buckets, Units, for_each_resample};

/// A statistic that is a function of sums over the rows, with the sums of each bucket.
pub struct Sums {
    width: usize,
    /// `width` sums for each bucket.
    of_buckets: Vec<f64>,
    /// The statistic, given the sums; NaN or infinite where it has no value.
    value: Value,
}

type Value = Box<dyn Fn(&[f64]) -> f64>;

impl Sums {
    /// Adds up `terms` of each row, the sums of a row being of fixed `WIDTH`.
    pub fn of_rows<const WIDTH: usize>(
        rows: usize,
        units: &Units,
        buckets: Buckets,
        mut terms: impl FnMut(usize) -> [f64; WIDTH],
        value: impl Fn(&[f64; WIDTH]) -> f64 + 'static,
    ) -> Sums {
        let mut of_buckets = vec![[0.0; WIDTH]; buckets.count];
        for row in 0..rows {
            let sums = &mut of_buckets[buckets.of(units.of(row))];
            for (sum, term) in sums.iter_mut().zip(terms(row)) {
                *sum += term;
            }
        }
        Sums {
            width: WIDTH,
            of_buckets: of_buckets.into_flattened(),
            value: Box::new(move |sums| match sums.try_into() {
                Ok(sums) => value(sums),
                Err(_) => f64::NAN, // never: the sums are WIDTH long
            }),
        }
    }

    /// The mean of a loss.
    pub fn mean(
        rows: usize,
        units: &Units,
        buckets: Buckets,
        mut loss: impl FnMut(usize) -> f64,
        value: impl Fn(f64) -> f64 + 'static,
    ) -> Sums {
        let terms = move |row| [1.0, loss(row)];
        Sums::of_rows(rows, units, buckets, terms, move |[count, sum]| {
            value(sum / count)
        })
    }

    /// The statistic of all rows.
    #[cfg(test)]
    pub fn of_all(&self) -> f64 {
        let mut sums = vec![0.0; self.width];
        for bucket in self.of_buckets.chunks_exact(self.width) {
            for (sum, term) in sums.iter_mut().zip(bucket) {
                *sum += term;
            }
        }
        (self.value)(&sums)
    }

    /// The statistic of each resample.
    pub fn resampled(&self, stream: u64) -> Vec<f64> {
        let mut replicates = Vec::with_capacity(RESAMPLES);
        let mut sums = vec![0.0; self.width];
        let buckets = self.of_buckets.len() / self.width;
        for_each_resample(buckets, RESAMPLES, stream, |drawn| {
            sums.fill(0.0);
            for (bucket, &times) in self.of_buckets.chunks_exact(self.width).zip(drawn) {
                for (sum, term) in sums.iter_mut().zip(bucket) {
                    *sum += f64::from(times) * term;
                }
            }
            replicates.push((self.value)(&sums));
        });
        replicates
    }
}

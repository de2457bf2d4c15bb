//! Metrics of the confusion matrix: their resamples are counts of classes.

use super::RESAMPLES;
use super::resampling::{Buckets, Units, for_each_resample};
use crate::scoring::metrics::ClassCount;

/// The counts of the classes in each bucket: only of those that occur there, so that a million classes take
/// no more room than the rows do.
pub struct Counts {
    classes: usize,
    of_buckets: Vec<Vec<(u32, ClassCount)>>,
}

impl Counts {
    /// Counts the classes of the rows, bucket by bucket. Class codes are whole numbers from 0, below 2^20.
    pub fn new(target: &[f64], prediction: &[f64], units: &Units, buckets: Buckets) -> Counts {
        let mut places = Places::default();
        let mut rows_of: Vec<Vec<(u32, u32)>> = vec![Vec::new(); buckets.count];
        for (row, (&truth, &label)) in target.iter().zip(prediction).enumerate() {
            let pair = (places.of(truth), places.of(label));
            rows_of[buckets.of(units.of(row))].push(pair);
        }
        let classes = places.count as usize;
        let mut scratch = vec![ClassCount::default(); classes];
        let of_buckets = (rows_of.into_iter())
            .map(|rows| {
                let mut occurring = Vec::new();
                for &(truth, label) in &rows {
                    let actual = touch(&mut scratch, &mut occurring, truth);
                    actual.actual += 1;
                    actual.agreed += u64::from(truth == label);
                    touch(&mut scratch, &mut occurring, label).predicted += 1;
                }
                (occurring.into_iter())
                    .map(|class| (class, std::mem::take(&mut scratch[class as usize])))
                    .collect()
            })
            .collect();
        Counts {
            classes,
            of_buckets,
        }
    }

    /// The statistic of all rows.
    #[cfg(test)]
    pub fn of_all(&self, value: impl Fn(&[ClassCount]) -> f64) -> f64 {
        let mut classes = vec![ClassCount::default(); self.classes];
        for bucket in &self.of_buckets {
            add(&mut classes, bucket, 1);
        }
        value(&classes)
    }

    /// The statistic of each resample.
    pub fn resampled(&self, stream: u64, value: impl Fn(&[ClassCount]) -> f64) -> Vec<f64> {
        let mut replicates = Vec::with_capacity(RESAMPLES);
        let mut classes = vec![ClassCount::default(); self.classes];
        for_each_resample(self.of_buckets.len(), RESAMPLES, stream, |drawn| {
            classes.fill(ClassCount::default());
            for (bucket, &times) in self.of_buckets.iter().zip(drawn) {
                if times > 0 {
                    add(&mut classes, bucket, u64::from(times));
                }
            }
            replicates.push(value(&classes));
        });
        replicates
    }
}

/// The counts of a class in a bucket, which is noted among those that occur there.
fn touch<'a>(
    counts: &'a mut [ClassCount],
    occurring: &mut Vec<u32>,
    class: u32,
) -> &'a mut ClassCount {
    let count = &mut counts[class as usize];
    if *count == ClassCount::default() {
        occurring.push(class);
    }
    count
}

fn add(classes: &mut [ClassCount], bucket: &[(u32, ClassCount)], times: u64) {
    for (class, count) in bucket {
        let sum = &mut classes[*class as usize];
        sum.agreed += times * count.agreed;
        sum.actual += times * count.actual;
        sum.predicted += times * count.predicted;
    }
}

/// Numbers the class codes in the order in which they come, so that gaps between them cost nothing.
#[derive(Default)]
struct Places {
    of_code: Vec<u32>,
    count: u32,
}

impl Places {
    fn of(&mut self, code: f64) -> u32 {
        const UNSEEN: u32 = u32::MAX;
        let code = code as usize;
        if code >= self.of_code.len() {
            self.of_code.resize(code + 1, UNSEEN);
        }
        let place = &mut self.of_code[code];
        if *place == UNSEEN {
            *place = self.count;
            self.count += 1;
        }
        *place
    }
}

//! Fingerprints: predictions that are all but copies of another team's are found without reading either again.
//!
//! Good predictions are alike because they are like the truth, so what is compared is what is left of them when the
//! truth is taken out: their errors. Two models that were trained apart share some errors and differ in many; a copy
//! with other digits, another scale or a little noise has the same ones. [`fingerprint`] reduces the errors to 512
//! bits of which two submissions share the more, the more their errors correlate (Charikar, "Similarity estimation
//! techniques from rounding algorithms", STOC 2002), [`similarity`] reads the correlation back. It is a hint for
//! the organizer, never a verdict. Pure. Start reading at [`fingerprint`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::intervals::{SplitMix64, scramble};
use super::metrics::order::doubled_centred_ranks;
use super::predictions::{ColumnKind, PredictionFormat, Predictions};
use super::solution::Solution;

/// From this [`similarity`] on, two teams' predictions are worth a look.
///
/// Copies to whose errors a twentieth of them was added as noise pass it 99 times in a hundred, with a tenth half of
/// them do. Errors of honest models that correlate at 0.98 pass it once in a thousand pairs, at 0.95 never in practice.
pub const NEAR_IDENTICAL: f64 = 0.995;

/// Fewer rows, or errors that stand in fewer of them, can be alike by chance.
const FEWEST_ROWS: f64 = 20.0;

/// The most intervals of the truth in which it is taken out, and the fewest rows of one.
const MOST_BINS: usize = 64;
const FEWEST_ROWS_OF_BIN: usize = 32;

/// In how many ways the classes of a label column are written as numbers.
const FACES: u64 = 4;

const WORDS: usize = 8;

/// What is particular to predictions, in 512 bits; written as 128 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u64; WORDS]);

/// The fingerprint of predictions over all rows of the solution.
///
/// Columns are ranked first, so that every increasing transformation of a column (another unit, logits for
/// probabilities) leaves the same fingerprint. Of the ranks, what a line on the truth's ranks explains is taken
/// out, in up to 64 intervals of the truth apart. A label is written as a number drawn for its class, in four ways,
/// and treated likewise. Signs are drawn by the rows' ids, so that the order of no file matters.
///
/// None where no column has errors in some twenty rows: predictions that are constant, the truth itself, or wrong
/// in a few rows only, which honest teams can be alike.
pub fn fingerprint(
    solution: &Solution,
    predictions: &Predictions,
    format: &PredictionFormat,
) -> Option<Fingerprint> {
    let truth = solution.truth(None);
    let target = Target::new(&truth.target);
    let rows: Vec<u64> = solution.ids().map(|id| hash(id.as_bytes())).collect();
    let mut sketch = Sketch::default();
    for (place, (column, values)) in
        (0u64..).zip(format.columns().iter().zip(predictions.columns()))
    {
        if matches!(column.kind, ColumnKind::Label(_)) {
            for face in 0..FACES {
                let of_class =
                    |class: &f64| as_fraction(scramble(scramble(face + 1) ^ *class as u64));
                let values: Vec<f64> = values.iter().map(of_class).collect();
                sketch.add(&rows, FACES * place + face, &target.errors(values));
            }
        } else {
            sketch.add(&rows, FACES * place, &target.errors(ranks(values)));
        }
    }
    sketch.fingerprint()
}

/// The correlation of the errors behind two fingerprints, from -1 to 1, as their bits tell it: two in 512 that differ
/// are an angle of 2 π / 512 between the errors. Known to about 0.02 at a correlation of 0.9, to 0.002 at 0.99.
pub fn similarity(a: &Fingerprint, b: &Fingerprint) -> f64 {
    let different: u32 = a.0.iter().zip(b.0).map(|(a, b)| (a ^ b).count_ones()).sum();
    (std::f64::consts::PI * f64::from(different) / (64 * WORDS) as f64).cos()
}

fn ranks(values: &[f64]) -> Vec<f64> {
    doubled_centred_ranks(values)
        .into_iter()
        .map(|rank| rank as f64)
        .collect()
}

/// A number from -1 to 1 of random bits.
fn as_fraction(bits: u64) -> f64 {
    bits as i64 as f64 / i64::MAX as f64
}

/// FNV-1a (Fowler, Noll & Vo), mixed once more.
fn hash(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    scramble(hash)
}

/// The truth's ranks, and the interval of the truth that each row is in.
struct Target {
    ranks: Vec<f64>,
    bins: Vec<u8>,
}

impl Target {
    fn new(target: &[f64]) -> Target {
        let ranks = ranks(target);
        let rows = ranks.len();
        let count = (rows / FEWEST_ROWS_OF_BIN).clamp(1, MOST_BINS);
        // Doubled centred ranks go from -(rows - 1) to rows - 1; below 64 fits a byte.
        let bins = ranks.iter().map(|rank| {
            let place = (rank + rows as f64) / (2.0 * rows as f64);
            ((place * count as f64) as usize).min(count - 1) as u8
        });
        Target {
            bins: bins.collect(),
            ranks,
        }
    }

    /// What a line on the truth leaves of a column, in each interval of the truth; scaled to a sum of squares of 1.
    /// Empty where next to nothing is left, or what is left stands in a few rows.
    fn errors(&self, mut values: Vec<f64>) -> Vec<f64> {
        let rows = values.len() as f64;
        let mean = values.iter().sum::<f64>() / rows;
        let total: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();

        let mut lines = [Line::default(); MOST_BINS];
        let truth = || self.bins.iter().zip(&self.ranks);
        for ((bin, truth), value) in truth().zip(&values) {
            lines[usize::from(*bin)].add(*truth, *value - mean);
        }
        for ((bin, truth), value) in truth().zip(&mut values) {
            *value -= mean + lines[usize::from(*bin)].at(*truth);
        }

        let squares: f64 = values.iter().map(|error| error * error).sum();
        let fourths: f64 = values.iter().map(|error| error.powi(4)).sum();
        // Of the order of rounding, or of fewer rows than count.
        if squares <= 1e-9 * total || squares * squares <= FEWEST_ROWS * fourths {
            return Vec::new();
        }
        let scale = squares.sqrt();
        values.iter_mut().for_each(|error| *error /= scale);
        values
    }
}

/// Least squares of one column on another.
#[derive(Clone, Copy, Default)]
struct Line {
    count: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
}

impl Line {
    fn add(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
    }

    fn at(&self, x: f64) -> f64 {
        let variance = self.xx - self.x * self.x / self.count;
        let covariance = self.xy - self.x * self.y / self.count;
        // Below the rounding error of the sums, all x are the same.
        let slope = if variance > 1e-9 * self.xx {
            covariance / variance
        } else {
            0.0
        };
        self.y / self.count + slope * (x - self.x / self.count)
    }
}

/// Errors of any number of rows in 4,096 numbers that keep their angles (the count sketch: Charikar, Chen &
/// Farach-Colton, "Finding frequent items in data streams", ICALP 2002).
struct Sketch(Vec<f64>);

impl Default for Sketch {
    fn default() -> Sketch {
        Sketch(vec![0.0; 1 << 12])
    }
}

impl Sketch {
    fn add(&mut self, rows: &[u64], column: u64, errors: &[f64]) {
        let column = scramble(column + 1);
        for (row, error) in rows.iter().zip(errors) {
            let bits = scramble(row ^ column);
            let place = &mut self.0[(bits >> 52) as usize];
            *place += if bits & 1 == 0 { *error } else { -*error };
        }
    }

    /// On which side of 512 random hyperplanes the sketch lies.
    fn fingerprint(&self) -> Option<Fingerprint> {
        if self.0.iter().all(|number| *number == 0.0) {
            return None;
        }
        let mut distances = [0.0; 64 * WORDS];
        for (place, number) in (0u64..).zip(&self.0) {
            let mut random = SplitMix64::of_stream(place);
            for distances in distances.chunks_exact_mut(64) {
                let signs = random.next();
                for (bit, distance) in distances.iter_mut().enumerate() {
                    *distance += if signs >> bit & 1 == 0 {
                        *number
                    } else {
                        -*number
                    };
                }
            }
        }
        let mut words = [0; WORDS];
        for (word, distances) in words.iter_mut().zip(distances.chunks_exact(64)) {
            for (bit, distance) in distances.iter().enumerate() {
                *word |= u64::from(*distance > 0.0) << bit;
            }
        }
        Some(Fingerprint(words))
    }
}

/// A text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a fingerprint is 128 hexadecimal digits")]
pub struct NotAFingerprint;

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|word| write!(formatter, "{word:016x}"))
    }
}

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Fingerprint, NotAFingerprint> {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if text.len() != 16 * WORDS || !is_hex {
            return Err(NotAFingerprint);
        }
        let mut words = [0; WORDS];
        for (index, word) in words.iter_mut().enumerate() {
            let digits = text
                .get(16 * index..16 * (index + 1))
                .ok_or(NotAFingerprint)?;
            *word = u64::from_str_radix(digits, 16).map_err(|_| NotAFingerprint)?;
        }
        Ok(Fingerprint(words))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    const ROWS: usize = 3_000;

    fn noise(seed: u64) -> Vec<f64> {
        let mut rng = StdRng::seed_from_u64(seed);
        (0..ROWS).map(|_| StandardNormal.sample(&mut rng)).collect()
    }

    fn combine(parts: &[(f64, &[f64])]) -> Vec<f64> {
        (0..ROWS)
            .map(|row| {
                parts
                    .iter()
                    .map(|(weight, column)| weight * column[row])
                    .sum()
            })
            .collect()
    }

    /// The fingerprint of columns of numbers, over rows that are named by their numbers.
    fn of(target: &[f64], columns: &[Vec<f64>]) -> Option<Fingerprint> {
        let rows: Vec<u64> = (0..target.len())
            .map(|row| hash(row.to_string().as_bytes()))
            .collect();
        let target = Target::new(target);
        let mut sketch = Sketch::default();
        for (place, values) in (0..).zip(columns) {
            sketch.add(&rows, place, &target.errors(ranks(values)));
        }
        sketch.fingerprint()
    }

    fn similar(target: &[f64], a: Vec<f64>, b: Vec<f64>) -> f64 {
        similarity(&of(target, &[a]).unwrap(), &of(target, &[b]).unwrap())
    }

    #[test]
    fn a_copy_in_disguise_is_found() {
        let (truth, errors, more) = (noise(1), noise(2), noise(3));
        let original = combine(&[(1.0, &truth), (0.14, &errors)]);
        let scaled: Vec<f64> = original.iter().map(|value| 60.0 * value + 7.0).collect();
        assert_eq!(similar(&truth, original.clone(), scaled), 1.0);
        let squashed: Vec<f64> = original
            .iter()
            .map(|value| 1.0 / (1.0 + (-value).exp()))
            .collect();
        assert_eq!(similar(&truth, original.clone(), squashed), 1.0);
        for share in [0.01, 0.03] {
            let noisy = combine(&[(1.0, &original), (0.14 * share, &more)]);
            let found = similar(&truth, original.clone(), noisy);
            assert!(found >= NEAR_IDENTICAL, "noise {share}: {found}");
        }
        let rounded: Vec<f64> = original
            .iter()
            .map(|value| (value * 1e3).round() / 1e3)
            .collect();
        assert!(similar(&truth, original, rounded) >= NEAR_IDENTICAL);
    }

    #[test]
    fn honest_models_are_not_alike_however_good() {
        let truth = noise(1);
        // Correlation with the truth 0.99, errors of their own.
        let [a, b] = [2, 3].map(|seed| combine(&[(1.0, &truth), (0.14, &noise(seed))]));
        let apart = similar(&truth, a, b);
        assert!(apart.abs() < 0.3, "{apart}");
        // Errors that correlate at 0.9, as those of two ridge regressions on the same features do.
        let common = noise(4);
        let ridge = |seed, shrink: f64| {
            let errors = combine(&[(0.9f64.sqrt(), &common), (0.1f64.sqrt(), &noise(seed))]);
            combine(&[(shrink, &truth), (0.3, &errors)])
        };
        let close = similar(&truth, ridge(5, 0.9), ridge(6, 0.8));
        assert!((0.8..0.96).contains(&close), "{close}");
        assert!(close < NEAR_IDENTICAL);
    }

    #[test]
    fn probabilities_of_a_class_are_compared_within_the_class() {
        let (difficulty, errors) = (noise(1), noise(2));
        let truth: Vec<f64> = difficulty
            .iter()
            .map(|value| f64::from(*value > 1.0))
            .collect();
        let model = |seed: u64| -> Vec<f64> {
            let own = noise(seed);
            (0..ROWS)
                .map(|row| {
                    let logit = 6.0 * truth[row] - 3.0 + 0.7 * errors[row] + 0.7 * own[row];
                    1.0 / (1.0 + (-logit).exp())
                })
                .collect()
        };
        let honest = similar(&truth, model(5), model(6));
        assert!((0.3..0.7).contains(&honest), "{honest}");
        let dulled: Vec<f64> = model(5).iter().map(|p| 0.1 + 0.8 * p).collect();
        assert_eq!(similar(&truth, model(5), dulled), 1.0);
    }

    fn solution(truth: &[&str]) -> Solution {
        use crate::scoring::solution::{SolutionFormat, TargetKind};
        let mut text = String::from("id,target\n");
        for (row, label) in truth.iter().enumerate() {
            text += &format!("row-{row},{label}\n");
        }
        let format = SolutionFormat {
            target: TargetKind::Label(["red", "green", "blue"].map(str::to_owned).to_vec()),
            ..SolutionFormat::new("id", "target")
        };
        Solution::read_csv(text.as_bytes(), &format).unwrap()
    }

    fn labels(solution: &Solution, labels: &[&str], order: &[usize]) -> Option<Fingerprint> {
        use crate::scoring::predictions::{PredictionColumn, read_csv};
        let classes = ["red", "green", "blue"].map(str::to_owned).to_vec();
        let column = PredictionColumn {
            name: "label".into(),
            kind: ColumnKind::Label(classes),
        };
        let format = PredictionFormat::new("id", vec![column]).unwrap();
        let mut text = String::from("id,label\n");
        for &row in order {
            text += &format!("row-{row},{}\n", labels[row]);
        }
        let predictions = read_csv(text.as_bytes(), &format, solution).unwrap();
        fingerprint(solution, &predictions, &format)
    }

    #[test]
    fn labels_are_alike_where_their_errors_are() {
        const CLASSES: [&str; 3] = ["red", "green", "blue"];
        let mut rng = StdRng::seed_from_u64(1);
        let mut draw = |count: u64| (rng.next_u64() % count) as usize;
        let truth: Vec<&str> = (0..ROWS).map(|_| CLASSES[draw(3)]).collect();
        let solution = solution(&truth);
        // Nine rows of ten are right.
        let mut model = |base: &[&'static str], changed: u64| -> Vec<&'static str> {
            (base.iter())
                .map(|label| {
                    if draw(changed) == 0 {
                        CLASSES[draw(3)]
                    } else {
                        label
                    }
                })
                .collect()
        };
        let (a, b) = (model(&truth, 10), model(&truth, 10));
        let copy = model(&a, 2_000);
        let forwards: Vec<usize> = (0..ROWS).collect();
        let backwards: Vec<usize> = forwards.iter().rev().copied().collect();
        let of = |predicted: &[&str]| labels(&solution, predicted, &forwards).unwrap();
        assert_eq!(of(&a), labels(&solution, &a, &backwards).unwrap());
        assert!(similarity(&of(&a), &of(&copy)) >= NEAR_IDENTICAL);
        assert!(similarity(&of(&a), &of(&b)) < 0.5);

        // What says nothing of its maker.
        assert_eq!(labels(&solution, &truth, &forwards), None);
        assert_eq!(labels(&solution, &vec!["red"; ROWS], &forwards), None);
        let mut almost = truth.clone();
        for row in 0..5 {
            almost[row * 100] = if truth[row * 100] == "red" {
                "blue"
            } else {
                "red"
            };
        }
        assert_eq!(labels(&solution, &almost, &forwards), None);
    }

    #[test]
    fn predictions_without_errors_of_their_own_have_no_fingerprint() {
        let truth = noise(1);
        assert_eq!(of(&truth, std::slice::from_ref(&truth)), None);
        assert_eq!(
            of(&truth, &[truth.iter().map(|value| value.exp()).collect()]),
            None
        );
        assert_eq!(of(&truth, &[vec![1.0; ROWS]]), None);
        assert_eq!(of(&[], &[vec![]]), None);
        let few = noise(2)[..15].to_vec();
        assert_eq!(of(&truth[..15], &[few]), None);
    }

    #[test]
    fn a_fingerprint_survives_its_text() {
        let truth = noise(1);
        let original = of(&truth, &[noise(2)]).unwrap();
        let text = original.to_string();
        assert_eq!(text.len(), 128);
        assert_eq!(text.parse(), Ok(original));
        let json = serde_json::to_string(&original).unwrap();
        assert_eq!(
            serde_json::from_str::<Fingerprint>(&json).unwrap(),
            original
        );
        for damaged in [
            &text[1..],
            "",
            &text.replace(&text[..1], "+"),
            &"é".repeat(64),
        ] {
            assert_eq!(damaged.parse::<Fingerprint>(), Err(NotAFingerprint));
        }
    }
}

//! What a class must fulfil beyond its size, and how well a table does.
//!
//! k-anonymity hides which row is whose; a class whose rows share one secret tells it all the same.
//! l-diversity (Machanavajjhala et al. 2007) and t-closeness (Li et al. 2007) bound that.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

/// A column whose values must not be learned from a class.
#[derive(Debug, Clone, PartialEq)]
pub struct SensitiveColumn {
    pub(super) name: String,
    /// The number of each row's value; in order where the distance is.
    pub(super) values: Vec<u32>,
    /// Rows with each value.
    pub(super) totals: Vec<u64>,
    distance: GroundDistance,
}

/// How far apart two values are, for the earth mover's distance of t-closeness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GroundDistance {
    /// Any two values are 1 apart.
    Equal,
    /// Values are as far apart as their ranks, the least and the greatest 1.
    Ordered,
}

/// What the sensitive values of a class must fulfil.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Criterion {
    /// At least `l` different values.
    DistinctDiversity { l: u32 },
    /// exp(entropy) at least `l`: as diverse as `l` equally frequent values.
    EntropyDiversity { l: f64 },
    /// The most frequent value occurs less than `c` times as often as the `l`-th and rarer ones
    /// together.
    RecursiveDiversity { c: f64, l: u32 },
    /// At most `t` from the whole input's distribution (suppressed rows included) by the earth mover's
    /// distance: equal ground distance for words, ranks for numbers.
    Closeness { t: f64 },
}

impl SensitiveColumn {
    /// A column of words: any two are equally far apart.
    pub fn words<S: AsRef<str>>(name: &str, values: impl IntoIterator<Item = S>) -> Self {
        let mut numbers: FxHashMap<String, u32> = FxHashMap::default();
        let mut totals = Vec::new();
        let number = |value: S| {
            let number = match numbers.get(value.as_ref()) {
                Some(number) => *number,
                None => {
                    let next = totals.len() as u32;
                    numbers.insert(value.as_ref().to_owned(), next);
                    totals.push(0);
                    next
                }
            };
            totals[number as usize] += 1;
            number
        };
        let values = values.into_iter().map(number).collect();
        SensitiveColumn {
            name: name.to_owned(),
            values,
            totals,
            distance: GroundDistance::Equal,
        }
    }

    /// A column of numbers: as far apart as their ranks among the distinct values.
    pub fn numbers(name: &str, values: &[f64]) -> Self {
        let mut distinct = values.to_vec();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup_by(|a, b| a.total_cmp(b).is_eq());
        let mut totals = vec![0; distinct.len()];
        let rank = |value: &f64| {
            let rank = distinct.partition_point(|other| other.total_cmp(value).is_lt());
            totals[rank] += 1;
            rank as u32
        };
        SensitiveColumn {
            name: name.to_owned(),
            values: values.iter().map(rank).collect(),
            totals,
            distance: GroundDistance::Ordered,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a class of these rows fulfils a criterion; rows beyond the column count for nothing.
    pub fn fulfils(&self, rows: &[usize], criterion: Criterion) -> bool {
        let mut histogram = Histogram::new(self);
        for value in rows.iter().filter_map(|row| self.values.get(*row)) {
            histogram.add(*value, 1);
        }
        histogram.fulfils(criterion)
    }
}

/// How often each value occurs in one class.
pub(super) struct Histogram<'a> {
    column: &'a SensitiveColumn,
    counts: Vec<u64>,
}

impl<'a> Histogram<'a> {
    pub(super) fn new(column: &'a SensitiveColumn) -> Self {
        Histogram {
            counts: vec![0; column.totals.len()],
            column,
        }
    }

    pub(super) fn clear(&mut self) {
        self.counts.fill(0);
    }

    pub(super) fn add(&mut self, value: u32, rows: u64) {
        self.counts[value as usize] += rows;
    }

    fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(super) fn distinct(&self) -> u32 {
        self.counts.iter().filter(|count| **count > 0).count() as u32
    }

    /// exp of the entropy: the number of equally frequent values that would be as diverse.
    pub(super) fn entropy_diversity(&self) -> f64 {
        let total = self.total() as f64;
        let counts = self.counts.iter().filter(|count| **count > 0);
        let entropy: f64 = counts
            .map(|count| *count as f64 / total)
            .map(|share| -share * share.ln())
            .sum();
        entropy.exp()
    }

    /// The most frequent value's count over that of the `l`-th and rarer ones together.
    pub(super) fn recursive_ratio(&self, l: u32) -> f64 {
        let mut counts = self.counts.clone();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let rare: u64 = counts.iter().skip((l as usize).saturating_sub(1)).sum();
        counts
            .first()
            .map_or(f64::INFINITY, |most| *most as f64 / rare as f64)
    }

    /// The earth mover's distance to the distribution of the whole column.
    pub(super) fn distance(&self) -> f64 {
        let total = self.total() as f64;
        let all = self.column.values.len() as f64;
        let differences = self
            .counts
            .iter()
            .zip(&self.column.totals)
            .map(|(count, overall)| *count as f64 / total - *overall as f64 / all);
        match self.column.distance {
            GroundDistance::Equal => differences.map(f64::abs).sum::<f64>() / 2.0,
            GroundDistance::Ordered if self.counts.len() < 2 => 0.0,
            GroundDistance::Ordered => {
                let mut moved = 0.0;
                let carried = differences.map(|difference| {
                    moved += difference;
                    f64::abs(moved)
                });
                carried.sum::<f64>() / (self.counts.len() - 1) as f64
            }
        }
    }

    pub(super) fn fulfils(&self, criterion: Criterion) -> bool {
        // Sums of shares are a few units in the last place off their exact values.
        const ROUNDING: f64 = 1e-9;
        match criterion {
            Criterion::DistinctDiversity { l } => self.distinct() >= l,
            Criterion::EntropyDiversity { l } => self.entropy_diversity() >= l - ROUNDING,
            Criterion::RecursiveDiversity { c, l } => self.recursive_ratio(l) < c,
            Criterion::Closeness { t } => self.distance() <= t + ROUNDING,
        }
    }
}

impl Criterion {
    /// Whether a class that fulfils it still does when others that do not are merged into it. The rest
    /// hold only for the union of classes that all fulfil them.
    pub(super) fn survives_any_merge(self) -> bool {
        matches!(self, Criterion::DistinctDiversity { .. })
    }

    pub(super) fn check(self) -> Result<(), super::KAnonymityError> {
        let (name, value, expected, holds) = match self {
            Criterion::DistinctDiversity { l } => ("l", l.to_string(), "at least 1", l >= 1),
            Criterion::EntropyDiversity { l } => {
                ("l", l.to_string(), "at least 1", l.is_finite() && l >= 1.0)
            }
            Criterion::RecursiveDiversity { c, l } => (
                "c or l",
                format!("{c}, {l}"),
                "c greater than 0 and l at least 2",
                c > 0.0 && l >= 2,
            ),
            Criterion::Closeness { t } => {
                ("t", t.to_string(), "from 0 to 1", (0.0..=1.0).contains(&t))
            }
        };
        if holds {
            return Ok(());
        }
        Err(super::KAnonymityError::Requirement {
            name,
            value,
            expected,
        })
    }
}

/// How well a table of published values hides its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Measures {
    pub classes: usize,
    /// Rows in the smallest class.
    pub k: u64,
    /// In the order of the sensitive columns.
    pub sensitive: Vec<SensitiveMeasures>,
}

/// The worst class of a sensitive column.
#[derive(Debug, Clone, PartialEq)]
pub struct SensitiveMeasures {
    pub name: String,
    /// The fewest different values in a class.
    pub distinct_l: u32,
    /// The least exp(entropy) of a class.
    pub entropy_l: f64,
    /// The farthest a class is from the table's distribution.
    pub t: f64,
    /// α of (α, k)-anonymity (Wong et al. 2006): the most frequent value's share of a class, and so
    /// how often an attacker who knows the class guesses right.
    pub alpha: f64,
}

/// Measures a table: `published` is, for each quasi-identifier, the published value of each row. Rows that are
/// left out of a release must be left out here, in the sensitive columns too.
///
/// `None` for a table without rows, or with columns of different lengths.
pub fn measure<S: AsRef<str>>(
    published: &[Vec<S>],
    sensitive: &[SensitiveColumn],
) -> Option<Measures> {
    let rows = published.first()?.len();
    let lengths = published.iter().map(Vec::len);
    let mut lengths = lengths.chain(sensitive.iter().map(|column| column.values.len()));
    if rows == 0 || lengths.any(|length| length != rows) {
        return None;
    }
    // A class of the columns so far, split by the next column.
    let mut class_of_row = vec![0_u32; rows];
    for column in published {
        let mut classes: FxHashMap<(u32, &str), u32> = FxHashMap::default();
        for (class, value) in class_of_row.iter_mut().zip(column) {
            let next = classes.len() as u32;
            *class = *classes.entry((*class, value.as_ref())).or_insert(next);
        }
    }
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (row, class) in class_of_row.iter().enumerate() {
        if *class as usize == members.len() {
            members.push(Vec::new());
        }
        members[*class as usize].push(row);
    }
    let worst = |column: &SensitiveColumn| {
        let mut worst = SensitiveMeasures {
            name: column.name.clone(),
            distinct_l: u32::MAX,
            entropy_l: f64::INFINITY,
            t: 0.0,
            alpha: 0.0,
        };
        let mut histogram = Histogram::new(column);
        for class in &members {
            histogram.clear();
            for row in class {
                histogram.add(column.values[*row], 1);
            }
            let most = histogram.counts.iter().max().copied().unwrap_or_default();
            worst.distinct_l = worst.distinct_l.min(histogram.distinct());
            worst.entropy_l = worst.entropy_l.min(histogram.entropy_diversity());
            worst.t = worst.t.max(histogram.distance());
            worst.alpha = worst.alpha.max(most as f64 / class.len() as f64);
        }
        worst
    };
    let sizes: BTreeSet<_> = members.iter().map(Vec::len).collect();
    Some(Measures {
        classes: members.len(),
        k: *sizes.first()? as u64,
        sensitive: sensitive.iter().map(worst).collect(),
    })
}

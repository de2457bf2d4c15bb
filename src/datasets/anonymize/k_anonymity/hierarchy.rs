//! Generalisation hierarchies: what may stand for a value, level by level (Samarati 2001).

use std::collections::hash_map::Entry;
use std::io::Read;

use rustc_hash::FxHashMap;

use super::super::HIDDEN;

/// Leaves that [`Hierarchy::intervals`] will list; a wider range has no need of single values.
const MOST_LEAVES: i64 = 1_000_000;

/// The values of a column (the leaves) with what they become at each level: level 0 is the value
/// itself, the top is `*` for all.
///
/// A label may stand at several levels. Where a local recoding publishes it at two, its classes only
/// grow.
#[derive(Debug, Clone, PartialEq)]
pub struct Hierarchy {
    leaves: FxHashMap<String, u32>,
    levels: Vec<Level>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Level {
    labels: Vec<String>,
    /// Leaves under each label.
    sizes: Vec<u32>,
    /// The label of each leaf.
    of_leaf: Vec<u32>,
}

/// A hierarchy that cannot be used. Rows and columns count from 1, the first column is the value.
#[derive(Debug, thiserror::Error)]
pub enum HierarchyError {
    #[error("the hierarchy cannot be read as CSV: {0}")]
    Csv(#[from] csv::Error),

    #[error("the hierarchy has no rows; write one for each value, from the value itself to *")]
    Empty,

    #[error(
        "row {row} has {found} columns and row 1 has {expected}; give every value as many \
         levels, repeating a label where it has nothing coarser"
    )]
    Length {
        row: usize,
        found: usize,
        expected: usize,
    },

    #[error("row {row} is for \"{value}\", which an earlier row has; keep one of the two")]
    Twice { row: usize, value: String },

    #[error(
        "row {row}, column {column}: \"{finer}\" becomes \"{found}\" here and \"{expected}\" in \
         row {first}; what is one value at a level must stay one above it"
    )]
    NotNested {
        row: usize,
        column: usize,
        finer: String,
        found: String,
        first: usize,
        expected: String,
    },

    #[error("row {row}, column {column}: the last level must be {HIDDEN}, found \"{found}\"")]
    Top {
        row: usize,
        column: usize,
        found: String,
    },

    #[error("a range from {least} to {greatest} is empty, or has more than {MOST_LEAVES} values")]
    Range { least: i64, greatest: i64 },

    #[error(
        "an interval width of {width} after {previous}; widths are at least 2 and each is a \
         multiple of the one before, or the intervals would cross"
    )]
    Width { width: i64, previous: i64 },
}

impl Hierarchy {
    /// Builds a hierarchy from rows of a value and its generalisations.
    ///
    /// # Errors
    /// Every [`HierarchyError`] but those of files and ranges.
    pub fn from_rows<R, S>(rows: impl IntoIterator<Item = R>) -> Result<Hierarchy, HierarchyError>
    where
        R: IntoIterator<Item = S>,
        S: Into<String>,
    {
        let mut builder = Builder::default();
        for row in rows {
            builder.add(row.into_iter().map(Into::into).collect())?;
        }
        builder.finish()
    }

    /// Reads a hierarchy from CSV without a header, as ARX writes it.
    ///
    /// # Errors
    /// As [`Hierarchy::from_rows`], and [`HierarchyError::Csv`].
    pub fn read_csv(source: impl Read, delimiter: u8) -> Result<Hierarchy, HierarchyError> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(source);
        let mut builder = Builder::default();
        for record in reader.records() {
            builder.add(record?.iter().map(str::to_owned).collect())?;
        }
        builder.finish()
    }

    /// Whole numbers from `least` to `greatest` in intervals of growing width, counted from zero and
    /// labelled as a policy's bands are: with widths 2 and 10, 15 becomes `14-15`, `10-19`, `*`.
    ///
    /// # Errors
    /// [`HierarchyError::Range`] and [`HierarchyError::Width`].
    pub fn intervals(
        least: i64,
        greatest: i64,
        widths: &[i64],
    ) -> Result<Hierarchy, HierarchyError> {
        let range = HierarchyError::Range { least, greatest };
        match greatest.checked_sub(least) {
            Some(span) if (0..MOST_LEAVES).contains(&span) => {}
            _ => return Err(range),
        }
        let mut previous = 1;
        for &width in widths {
            if width <= previous || width % previous != 0 {
                return Err(HierarchyError::Width { width, previous });
            }
            previous = width;
        }
        Hierarchy::from_rows((least..=greatest).map(|value| {
            let interval = |width: &i64| {
                let low = value.div_euclid(*width).saturating_mul(*width);
                let high = low.saturating_add(width - 1);
                if low >= 0 {
                    format!("{low}-{high}")
                } else {
                    format!("[{low}, {high}]")
                }
            };
            let mut row = vec![value.to_string()];
            row.extend(widths.iter().map(interval));
            row.push(HIDDEN.to_owned());
            row
        }))
    }

    /// Levels, the value itself and `*` among them.
    pub fn levels(&self) -> usize {
        self.levels.len()
    }

    /// Values that the hierarchy knows.
    pub fn leaves(&self) -> usize {
        self.leaves.len()
    }

    /// The number of a value, in the order of the rows.
    pub fn leaf(&self, value: &str) -> Option<u32> {
        self.leaves.get(value).copied()
    }

    /// What stands for a leaf at a level. Numbers out of range have no label.
    pub fn label(&self, leaf: u32, level: usize) -> Option<&str> {
        let level = self.levels.get(level)?;
        let label = *level.of_leaf.get(leaf as usize)?;
        level.labels.get(label as usize).map(String::as_str)
    }

    /// What publishing a leaf at a level loses, from 0 to 1: (leaves under the label − 1)/(leaves − 1),
    /// a cell's share of the normalised certainty penalty (Xu et al. 2006). Nothing where there is
    /// one leaf.
    pub fn loss(&self, leaf: u32, level: usize) -> f64 {
        let all = self.leaves.len();
        let level = self.levels.get(level);
        let size = level.and_then(|level| {
            let label = *level.of_leaf.get(leaf as usize)?;
            level.sizes.get(label as usize)
        });
        match size {
            Some(&size) if all > 1 => f64::from(size - 1) / (all - 1) as f64,
            _ => 0.0,
        }
    }

    /// The number of a leaf's label within a level.
    pub(super) fn label_number(&self, leaf: u32, level: usize) -> u32 {
        self.levels[level].of_leaf[leaf as usize]
    }
}

#[derive(Default)]
struct Builder {
    leaves: FxHashMap<String, u32>,
    levels: Vec<Level>,
    /// For each level its labels' numbers, and the row where each was first seen.
    numbers: Vec<FxHashMap<String, (u32, usize)>>,
    /// For each level below the top the label above each label.
    parents: Vec<Vec<u32>>,
}

impl Builder {
    fn add(&mut self, cells: Vec<String>) -> Result<(), HierarchyError> {
        let row = self.leaves.len() + 1;
        if row == 1 {
            self.levels.resize_with(cells.len(), Level::default);
            self.numbers.resize_with(cells.len(), FxHashMap::default);
            self.parents.resize_with(cells.len(), Vec::new);
        }
        if cells.len() != self.levels.len() {
            return Err(HierarchyError::Length {
                row,
                found: cells.len(),
                expected: self.levels.len(),
            });
        }
        let (Some(value), Some(top)) = (cells.first(), cells.last()) else {
            return Err(HierarchyError::Empty);
        };
        if top != HIDDEN {
            return Err(HierarchyError::Top {
                row,
                column: cells.len(),
                found: top.clone(),
            });
        }
        match self.leaves.entry(value.clone()) {
            Entry::Occupied(_) => {
                let value = value.clone();
                return Err(HierarchyError::Twice { row, value });
            }
            // Rows of a file in memory: there are fewer than 2^32.
            Entry::Vacant(place) => place.insert((row - 1) as u32),
        };
        // From the top, so that the parent of a new label is known.
        let mut parent = 0;
        for (level, label) in cells.iter().enumerate().rev() {
            let labels = &mut self.levels[level];
            let next = labels.labels.len() as u32;
            let (number, first) = *self.numbers[level]
                .entry(label.clone())
                .or_insert((next, row));
            if number == next {
                labels.labels.push(label.clone());
                labels.sizes.push(0);
                self.parents[level].push(parent);
            } else if self.parents[level][number as usize] != parent {
                let above = &self.levels[level + 1].labels;
                let expected = self.parents[level][number as usize] as usize;
                return Err(HierarchyError::NotNested {
                    row,
                    column: level + 2,
                    finer: label.clone(),
                    found: above[parent as usize].clone(),
                    first,
                    expected: above[expected].clone(),
                });
            }
            let labels = &mut self.levels[level];
            labels.sizes[number as usize] += 1;
            labels.of_leaf.push(number);
            parent = number;
        }
        Ok(())
    }

    fn finish(self) -> Result<Hierarchy, HierarchyError> {
        if self.leaves.is_empty() {
            return Err(HierarchyError::Empty);
        }
        Ok(Hierarchy {
            leaves: self.leaves,
            levels: self.levels,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(rows: &[&[&str]]) -> String {
        let rows = rows.iter().map(|row| row.iter().copied());
        Hierarchy::from_rows(rows).unwrap_err().to_string()
    }

    #[test]
    fn a_value_climbs_to_the_star() {
        let csv = "14;14-15;*\n15;14-15;*\n16;16-17;*";
        let ages = Hierarchy::read_csv(csv.as_bytes(), b';').unwrap();
        let fifteen = ages.leaf("15").unwrap();
        let labels: Vec<_> = (0..3).flat_map(|l| ages.label(fifteen, l)).collect();
        assert_eq!(labels, ["15", "14-15", "*"]);
        let losses: Vec<_> = (0..3).map(|level| ages.loss(fifteen, level)).collect();
        assert_eq!(losses, [0.0, 0.5, 1.0]);
        assert_eq!((ages.leaf("17"), ages.label(fifteen, 3)), (None, None));
    }

    #[test]
    fn intervals_are_labelled_as_the_bands_of_a_policy() {
        let weights = Hierarchy::intervals(-3, 71, &[5, 20]).unwrap();
        let chain = |value: &str| -> Vec<_> {
            let leaf = weights.leaf(value).unwrap();
            (0..weights.levels())
                .flat_map(|level| weights.label(leaf, level))
                .collect()
        };
        assert_eq!(chain("68"), ["68", "65-69", "60-79", "*"]);
        assert_eq!(chain("-2"), ["-2", "[-5, -1]", "[-20, -1]", "*"]);
    }

    #[test]
    fn a_refusal_names_row_and_column() {
        assert_eq!(
            refusal(&[&["14", "young", "*"], &["15", "*"]]),
            "row 2 has 2 columns and row 1 has 3; give every value as many levels, repeating a \
             label where it has nothing coarser"
        );
        assert_eq!(
            refusal(&[&["a", "x", "1", "*"], &["b", "x", "2", "*"]]),
            "row 2, column 3: \"x\" becomes \"2\" here and \"1\" in row 1; what is one value at a \
             level must stay one above it"
        );
        assert_eq!(
            refusal(&[&["a", "*"], &["a", "*"]]),
            "row 2 is for \"a\", which an earlier row has; keep one of the two"
        );
        assert_eq!(
            refusal(&[&["a", "*"], &["b", "all"]]),
            "row 2, column 2: the last level must be *, found \"all\""
        );
        assert!(refusal(&[]).starts_with("the hierarchy has no rows"));
    }

    #[test]
    fn intervals_that_would_cross_are_refused() {
        let error = Hierarchy::intervals(0, 100, &[10, 25]).unwrap_err();
        assert!(error.to_string().starts_with("an interval width of 25"));
        assert!(Hierarchy::intervals(5, 4, &[]).is_err());
        assert!(Hierarchy::intervals(i64::MIN, i64::MAX, &[2]).is_err());
    }
}

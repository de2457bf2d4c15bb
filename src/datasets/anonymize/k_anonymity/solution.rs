//! What a search found: what is published of each row.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::super::HIDDEN;
use super::Input;
use super::cells::{Packed, Verdict};
use super::local;

/// A way to publish an input that fulfils its requirements.
pub struct Solution<'a> {
    packed: Packed<'a>,
    input: &'a Input,
    levels: Vec<usize>,
    classes: Vec<Class>,
    /// The class of each of the input's cells, where it is published.
    class_of_cell: Vec<Option<usize>>,
    suppressed: u64,
    /// In cells of the table.
    loss: f64,
}

/// Cells that look alike at these levels.
#[derive(Debug, Clone)]
pub(super) struct Class {
    pub(super) levels: Vec<usize>,
    pub(super) cells: Vec<u32>,
    pub(super) rows: u64,
}

impl<'a> Solution<'a> {
    /// Publishes an input at one combination of levels.
    pub(super) fn at_levels(
        packed: Packed<'a>,
        input: &'a Input,
        levels: Vec<usize>,
    ) -> Solution<'a> {
        let mut positions = FxHashMap::default();
        let mut members: Vec<Vec<u32>> = Vec::new();
        for cell in 0..packed.cells.keys.len() as u32 {
            let class = *positions
                .entry(packed.seen(cell, &levels))
                .or_insert(members.len());
            if class == members.len() {
                members.push(Vec::new());
            }
            members[class].push(cell);
        }
        let mut histograms = packed.histograms();
        members.retain(|cells| packed.verdict(cells, &mut histograms) == Verdict::Published);
        let classes = members.into_iter().map(|cells| Class {
            levels: levels.clone(),
            rows: packed.rows(&cells),
            cells,
        });
        let classes = classes.collect();
        Solution::of_classes(packed, input, levels, classes)
    }

    /// Publishes these classes and nothing else.
    fn of_classes(
        packed: Packed<'a>,
        input: &'a Input,
        levels: Vec<usize>,
        classes: Vec<Class>,
    ) -> Solution<'a> {
        let mut class_of_cell = vec![None; packed.cells.keys.len()];
        let mut published = 0;
        let mut loss = 0.0;
        for (number, class) in classes.iter().enumerate() {
            published += class.rows;
            for &cell in &class.cells {
                class_of_cell[cell as usize] = Some(number);
                let rows = packed.cells.rows[cell as usize];
                loss += f64::from(rows) * packed.cell_loss(cell, &class.levels);
            }
        }
        let suppressed = input.rows as u64 - published;
        loss += suppressed as f64 * levels.len() as f64;
        Solution {
            packed,
            input,
            levels,
            classes,
            class_of_cell,
            suppressed,
            loss,
        }
    }

    /// Publishes rows at finer levels wherever enough look alike there: suppressed rows come back,
    /// and classes are split, where every class still fulfils the requirements. Loses no more than
    /// before; not proven to be the least.
    ///
    /// Who knows how this works learns of a row in a coarse class that it is in none of the finer
    /// ones within; the class is no smaller for it.
    pub fn recode_locally(self) -> Solution<'a> {
        let classes = local::recode(&self.packed, &self.classes);
        Solution::of_classes(self.packed, self.input, self.levels, classes)
    }

    /// The optimal level of each quasi-identifier, without local recoding.
    pub fn levels(&self) -> &[usize] {
        &self.levels
    }

    /// The levels at which a row is published; `None` where it is suppressed.
    pub fn row_levels(&self, row: usize) -> Option<&[usize]> {
        let cell = *self.packed.cell_of_row.get(row)?;
        let class = self.class_of_cell[cell as usize]?;
        Some(&self.classes[class].levels)
    }

    /// What is published of a row for a quasi-identifier, by their positions: `*` where the row is
    /// suppressed, and beyond the input.
    pub fn published(&self, row: usize, quasi_identifier: usize) -> &str {
        let label = || {
            let level = *self.row_levels(row)?.get(quasi_identifier)?;
            let column = self.input.quasi_identifiers.get(quasi_identifier)?;
            column.hierarchy.label(*column.leaves.get(row)?, level)
        };
        label().unwrap_or(HIDDEN)
    }

    /// Rows that are left out.
    pub fn suppressed_rows(&self) -> u64 {
        self.suppressed
    }

    /// The normalised certainty penalty, from 0 (nothing lost) to 1.
    pub fn ncp(&self) -> f64 {
        self.loss / (self.input.rows as f64 * self.levels.len() as f64)
    }

    /// How many classes there are of each size in rows, the smallest first.
    pub fn class_sizes(&self) -> BTreeMap<u64, u64> {
        let mut sizes = BTreeMap::new();
        for class in &self.classes {
            *sizes.entry(class.rows).or_insert(0) += 1;
        }
        sizes
    }

    /// Rows in the smallest class; `None` where no row is published.
    pub fn smallest_class(&self) -> Option<u64> {
        self.classes.iter().map(|class| class.rows).min()
    }
}

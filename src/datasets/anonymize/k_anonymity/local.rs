//! Local recoding: classes are split top-down where their parts are good enough to stand alone.
//!
//! A class is split by one column, one level finer. Parts that fulfil the requirements become
//! classes; the others stay together as they were, with as many of the smallest parts as they
//! need to fulfil the requirements too. Of all columns the one that gains most is taken, and again,
//! until none gains (top-down specialisation, Fung et al. 2005, with each class on its own path).

use rustc_hash::FxHashMap;

use super::cells::{Packed, Verdict};
use super::models::Histogram;
use super::solution::Class;

/// Splits `classes`, and takes classes out of the rows that none of them publishes.
pub(super) fn recode(packed: &Packed<'_>, classes: &[Class]) -> Vec<Class> {
    let mut published = vec![false; packed.cells.keys.len()];
    for cell in classes.iter().flat_map(|class| &class.cells) {
        published[*cell as usize] = true;
    }
    let all = 0..packed.cells.keys.len() as u32;
    let mut recoding = Recoding {
        packed,
        histograms: packed.histograms(),
        open: classes.to_vec(),
        done: Vec::new(),
    };
    recoding.split_suppressed(all.filter(|cell| !published[*cell as usize]).collect());
    while let Some(class) = recoding.open.pop() {
        recoding.split(class);
    }
    merged(packed, recoding.done)
}

struct Recoding<'p, 'a> {
    packed: &'p Packed<'a>,
    histograms: Vec<Histogram<'a>>,
    open: Vec<Class>,
    done: Vec<Class>,
}

/// A class in parts.
struct Split {
    column: usize,
    /// Parts that can stand alone.
    parts: Vec<Vec<u32>>,
    /// What stays as it was.
    rest: Vec<u32>,
    gain: f64,
}

impl Recoding<'_, '_> {
    fn split(&mut self, mut class: Class) {
        while let Some(split) = self.best_split(&class, false) {
            class.cells = split.rest;
            class.rows = self.packed.rows(&class.cells);
            self.push_parts(&class.levels, split.column, split.parts);
        }
        if !class.cells.is_empty() {
            self.done.push(class);
        }
    }

    /// Suppressed rows are a class at the top that need not fulfil anything.
    fn split_suppressed(&mut self, cells: Vec<u32>) {
        let mut class = Class {
            levels: self.packed.top(),
            rows: 0,
            cells,
        };
        while let Some(split) = self.best_split(&class, true) {
            class.cells = split.rest;
            self.push_parts(&class.levels, split.column, split.parts);
        }
    }

    fn push_parts(&mut self, levels: &[usize], column: usize, parts: Vec<Vec<u32>>) {
        for cells in parts {
            let mut levels = levels.to_vec();
            levels[column] -= 1;
            self.open.push(Class {
                levels,
                rows: self.packed.rows(&cells),
                cells,
            });
        }
    }

    fn best_split(&mut self, class: &Class, suppressed: bool) -> Option<Split> {
        let mut best: Option<Split> = None;
        for column in 0..class.levels.len() {
            let split = self.split_by(class, column, suppressed);
            if let Some(split) = split
                && split.gain > best.as_ref().map_or(0.0, |best| best.gain)
            {
                best = Some(split);
            }
        }
        best
    }

    fn split_by(&mut self, class: &Class, column: usize, suppressed: bool) -> Option<Split> {
        let packed = self.packed;
        let level = class.levels[column].checked_sub(1)?;
        let mut numbers = FxHashMap::default();
        let mut parts: Vec<Vec<u32>> = Vec::new();
        for &cell in &class.cells {
            let label = packed.label(cell, column, level);
            let part = *numbers.entry(label).or_insert(parts.len());
            if part == parts.len() {
                parts.push(Vec::new());
            }
            parts[part].push(cell);
        }
        let mut rest = Vec::new();
        let mut alone = Vec::new();
        for part in parts {
            if packed.verdict(&part, &mut self.histograms) == Verdict::Published {
                alone.push(part);
            } else {
                rest.extend(part);
            }
        }
        // The smallest last, and of equal ones the first.
        alone.sort_by_key(|part| std::cmp::Reverse(packed.rows(part)));
        while !suppressed
            && !rest.is_empty()
            && packed.verdict(&rest, &mut self.histograms) != Verdict::Published
        {
            rest.extend(alone.pop()?);
        }
        let loss = |cell: u32, level: usize| packed.column_loss(cell, column, level);
        let gains = alone.iter().flatten().map(|cell| {
            let rows = f64::from(packed.cells.rows[*cell as usize]);
            rows * (loss(*cell, level + 1) - loss(*cell, level))
        });
        Some(Split {
            column,
            gain: gains.sum(),
            parts: alone,
            rest,
        })
    }
}

/// Joins classes that publish the same values: splits of different classes can meet.
fn merged(packed: &Packed<'_>, classes: Vec<Class>) -> Vec<Class> {
    let mut positions = FxHashMap::default();
    let mut merged: Vec<Class> = Vec::new();
    for class in classes {
        let Some(cell) = class.cells.first() else {
            continue;
        };
        let seen = (class.levels.clone(), packed.seen(*cell, &class.levels));
        let position = *positions.entry(seen).or_insert(merged.len());
        match merged.get_mut(position) {
            Some(other) => {
                other.rows += class.rows;
                other.cells.extend(class.cells);
            }
            None => merged.push(class),
        }
    }
    merged
}

//! Distinct rows packed into 128 bits each, and their classes at any combination of levels.
//!
//! A *cell* is a distinct combination of values with the number of rows that have it. Each column has
//! a field of bits in the cell's key; sensitive columns have theirs above the quasi-identifiers.

use rustc_hash::FxHashMap;

use super::models::{Criterion, Histogram};
use super::{Input, KAnonymityError, QuasiIdentifier, Requirements};

/// Cells at a combination of levels.
pub(super) struct Cells {
    /// The level of each quasi-identifier.
    pub(super) levels: Vec<usize>,
    pub(super) keys: Vec<u128>,
    /// Rows with each key.
    pub(super) rows: Vec<u32>,
}

/// A column's place in the key.
#[derive(Clone, Copy)]
struct Place {
    shift: u32,
    bits: u32,
}

impl Place {
    /// The number at this place.
    fn of(self, key: u128) -> usize {
        (key.checked_shr(self.shift).unwrap_or(0) & ((1 << self.bits) - 1)) as usize
    }

    fn with(self, number: u32) -> u128 {
        u128::from(number).checked_shl(self.shift).unwrap_or(0)
    }

    fn mask(self) -> u128 {
        ((1_u128 << self.bits) - 1)
            .checked_shl(self.shift)
            .unwrap_or(0)
    }
}

/// A quasi-identifier as it stands in the key. Only values that occur have numbers.
struct Field {
    place: Place,
    /// For each level, the label's number of each value's number.
    labels: Vec<Vec<u32>>,
    /// For each level, what publishing each label loses.
    losses: Vec<Vec<f64>>,
    /// For each level, what publishing all rows at it loses.
    total_losses: Vec<f64>,
}

/// The cells of an input, how their keys are read, and what their classes must fulfil.
pub(super) struct Packed<'a> {
    pub(super) cells: Cells,
    pub(super) cell_of_row: Vec<u32>,
    input: &'a Input,
    fields: Vec<Field>,
    /// The sensitive columns that a criterion needs.
    sensitive: Vec<(usize, Place)>,
    /// The part of a key that an attacker sees.
    seen: u128,
    k: u64,
    /// With the position in `sensitive`.
    criteria: Vec<(usize, Criterion)>,
    /// Rows that may be left out.
    pub(super) allowed: u64,
}

/// Whether a class may be published.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Published,
    /// Too small or too poor, and no finer levels help: each part is so too, or one must be where
    /// none may.
    Suppressed,
    /// Fails a criterion that a part of it might fulfil.
    SuppressedAsWhole,
}

/// What a combination of levels costs beyond publishing every row at it.
#[derive(Clone, Copy, Default)]
pub(super) struct Suppression {
    pub(super) rows: u64,
    /// Loss, in cells of the table.
    pub(super) loss: f64,
    /// Rows that are suppressed at every finer combination of levels too.
    pub(super) inherited_rows: u64,
    /// What they cost there, at least.
    pub(super) inherited_loss: f64,
}

impl<'a> Packed<'a> {
    pub(super) fn new(
        input: &'a Input,
        requirements: &Requirements,
    ) -> Result<Packed<'a>, KAnonymityError> {
        let mut used = 0;
        let mut place = |values: usize| {
            let bits = usize::BITS - values.saturating_sub(1).leading_zeros();
            let place = Place { shift: used, bits };
            used += bits;
            place
        };
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for column in &input.quasi_identifiers {
            let (values, numbers) = numbered(column);
            fields.push(Field::new(column, &values, place(values.len())));
            columns.push((fields[fields.len() - 1].place, numbers));
        }
        let mut sensitive: Vec<(usize, Place)> = Vec::new();
        let mut criteria = Vec::new();
        for (name, criterion) in &requirements.criteria {
            let position = input
                .sensitive
                .iter()
                .position(|column| column.name == *name);
            let position = position.ok_or_else(|| KAnonymityError::UnknownColumn(name.clone()))?;
            let known = sensitive.iter().position(|(column, _)| *column == position);
            let known = known.unwrap_or_else(|| {
                let column = &input.sensitive[position];
                let place = place(column.totals.len());
                sensitive.push((position, place));
                columns.push((place, column.values.clone()));
                sensitive.len() - 1
            });
            criteria.push((known, *criterion));
        }
        if used > u128::BITS {
            return Err(KAnonymityError::TooManyValues { bits: used });
        }

        let mut cells = Cells {
            levels: vec![0; fields.len()],
            keys: Vec::new(),
            rows: Vec::new(),
        };
        let mut numbers: FxHashMap<u128, u32> = FxHashMap::default();
        let mut cell_of_row = Vec::with_capacity(input.rows);
        for row in 0..input.rows {
            let parts = columns
                .iter()
                .map(|(place, numbers)| place.with(numbers[row]));
            let key = parts.fold(0, |key, part| key | part);
            let next = cells.keys.len() as u32;
            let cell = *numbers.entry(key).or_insert(next);
            if cell == next {
                cells.keys.push(key);
                cells.rows.push(0);
            }
            cells.rows[cell as usize] += 1;
            cell_of_row.push(cell);
        }
        let mut packed = Packed {
            cells,
            cell_of_row,
            input,
            seen: fields
                .iter()
                .fold(0, |seen, field| seen | field.place.mask()),
            fields,
            sensitive,
            k: requirements.k,
            criteria,
            // A limit of 0.29 of 100 rows is 29 of them, though the product is a little less.
            allowed: (requirements.suppression_limit * input.rows as f64 + 1e-9) as u64,
        };
        for field in &mut packed.fields {
            field.count_losses(&packed.cells);
        }
        Ok(packed)
    }

    /// The coarsest level of each quasi-identifier.
    pub(super) fn top(&self) -> Vec<usize> {
        let fields = self.fields.iter();
        fields.map(|field| field.labels.len() - 1).collect()
    }

    /// Rows of the input in these of its cells.
    pub(super) fn rows(&self, cells: &[u32]) -> u64 {
        let rows = cells
            .iter()
            .map(|cell| u64::from(self.cells.rows[*cell as usize]));
        rows.sum()
    }

    /// What publishing every row loses at these levels, in cells of the table.
    pub(super) fn loss(&self, levels: &[usize]) -> f64 {
        let fields = self.fields.iter().zip(levels);
        fields
            .map(|(field, level)| field.total_losses[*level])
            .sum()
    }

    /// What publishing a row of the input's cell loses at these levels.
    pub(super) fn cell_loss(&self, cell: u32, levels: &[usize]) -> f64 {
        let columns = 0..levels.len();
        columns
            .map(|column| self.column_loss(cell, column, levels[column]))
            .sum()
    }

    /// What one column of a cell loses at a level.
    pub(super) fn column_loss(&self, cell: u32, column: usize, level: usize) -> f64 {
        self.fields[column].losses[level][self.label(cell, column, level) as usize]
    }

    /// The number of a column's label of a cell at a level.
    pub(super) fn label(&self, cell: u32, column: usize, level: usize) -> u32 {
        let field = &self.fields[column];
        field.labels[level][field.place.of(self.cells.keys[cell as usize])]
    }

    /// What an attacker sees of a cell at these levels.
    pub(super) fn seen(&self, cell: u32, levels: &[usize]) -> u128 {
        let columns = self.fields.iter().enumerate();
        columns.fold(0, |key, (column, field)| {
            key | field.place.with(self.label(cell, column, levels[column]))
        })
    }

    /// Publishes cells at levels that are nowhere finer.
    pub(super) fn raise(&self, from: &Cells, levels: &[usize]) -> Cells {
        let mut kept = !self.seen;
        let mut raised = Vec::new();
        for (column, field) in self.fields.iter().enumerate() {
            let (below, above) = (
                &field.labels[from.levels[column]],
                &field.labels[levels[column]],
            );
            if from.levels[column] == levels[column] {
                kept |= field.place.mask();
            } else if above.iter().any(|label| *label > 0) {
                let mut step = vec![0; below.len()];
                for (below, above) in below.iter().zip(above) {
                    step[*below as usize] = field.place.with(*above);
                }
                raised.push((field.place, step));
            }
        }
        let mut cells = Cells {
            levels: levels.to_vec(),
            keys: Vec::new(),
            rows: Vec::new(),
        };
        let mut numbers: FxHashMap<u128, u32> = FxHashMap::default();
        for (key, rows) in from.keys.iter().zip(&from.rows) {
            let steps = raised.iter().map(|(place, step)| step[place.of(*key)]);
            let raised = steps.fold(key & kept, |key, part| key | part);
            let next = cells.keys.len() as u32;
            let cell = *numbers.entry(raised).or_insert(next);
            if cell == next {
                cells.keys.push(raised);
                cells.rows.push(0);
            }
            cells.rows[cell as usize] += rows;
        }
        cells
    }

    /// Finds the classes that cannot be published, and calls `suppressed` with each of their cells.
    pub(super) fn suppression(&self, cells: &Cells) -> Suppression {
        let mut suppression = Suppression::default();
        let mut add = |members: &[usize], verdict: Verdict| {
            if verdict == Verdict::Published {
                return;
            }
            for &member in members {
                let rows = u64::from(cells.rows[member]);
                let fields = self.fields.iter().zip(&cells.levels);
                let kept: f64 = fields
                    .map(|(field, level)| field.losses[*level][field.place.of(cells.keys[member])])
                    .sum();
                let loss = rows as f64 * (self.fields.len() as f64 - kept);
                suppression.rows += rows;
                suppression.loss += loss;
                if verdict == Verdict::Suppressed {
                    suppression.inherited_rows += rows;
                    suppression.inherited_loss += loss;
                }
            }
        };
        if self.criteria.is_empty() {
            for (cell, rows) in cells.rows.iter().enumerate() {
                if u64::from(*rows) < self.k {
                    add(&[cell], Verdict::Suppressed);
                }
            }
            return suppression;
        }
        let mut classes: FxHashMap<u128, Vec<usize>> = FxHashMap::default();
        for (cell, key) in cells.keys.iter().enumerate() {
            classes.entry(key & self.seen).or_default().push(cell);
        }
        let mut histograms = self.histograms();
        let mut classes: Vec<_> = classes.into_values().collect();
        // Sums of losses depend on their order.
        classes.sort_unstable();
        for members in classes {
            let rows = members
                .iter()
                .map(|cell| (cells.keys[*cell], cells.rows[*cell]));
            let verdict = self.judge(rows, &mut histograms);
            add(&members, verdict);
        }
        suppression
    }

    pub(super) fn histograms(&self) -> Vec<Histogram<'a>> {
        let columns = self.sensitive.iter();
        columns
            .map(|(position, _)| Histogram::new(&self.input.sensitive[*position]))
            .collect()
    }

    /// Judges a class of the input's cells.
    pub(super) fn verdict(&self, cells: &[u32], histograms: &mut [Histogram<'a>]) -> Verdict {
        let members = cells.iter().map(|cell| {
            let cell = *cell as usize;
            (self.cells.keys[cell], self.cells.rows[cell])
        });
        self.judge(members, histograms)
    }

    /// Judges a class by its keys and their rows.
    fn judge(
        &self,
        members: impl Iterator<Item = (u128, u32)>,
        histograms: &mut [Histogram<'a>],
    ) -> Verdict {
        let mut rows = 0;
        histograms.iter_mut().for_each(Histogram::clear);
        for (key, count) in members {
            rows += u64::from(count);
            for (histogram, (_, place)) in histograms.iter_mut().zip(&self.sensitive) {
                histogram.add(place.of(key) as u32, u64::from(count));
            }
        }
        if rows < self.k {
            return Verdict::Suppressed;
        }
        let mut verdict = Verdict::Published;
        for (position, criterion) in &self.criteria {
            if !histograms[*position].fulfils(*criterion) {
                // Classes that all fulfil it would do so together. Where nothing may be suppressed, one
                // of the parts that does not is enough to rule finer levels out.
                if criterion.survives_any_merge() || self.allowed == 0 {
                    return Verdict::Suppressed;
                }
                verdict = Verdict::SuppressedAsWhole;
            }
        }
        verdict
    }
}

/// The leaves that occur, and for each row the place of its leaf among them.
fn numbered(column: &QuasiIdentifier) -> (Vec<u32>, Vec<u32>) {
    let mut number_of_leaf = vec![None; column.hierarchy.leaves()];
    let mut values = Vec::new();
    let number = |leaf: &u32| {
        *number_of_leaf[*leaf as usize].get_or_insert_with(|| {
            values.push(*leaf);
            values.len() as u32 - 1
        })
    };
    let numbers = column.leaves.iter().map(number).collect();
    (values, numbers)
}

impl Field {
    fn new(column: &QuasiIdentifier, values: &[u32], place: Place) -> Field {
        let mut field = Field {
            place,
            labels: Vec::new(),
            losses: Vec::new(),
            total_losses: Vec::new(),
        };
        for level in 0..column.hierarchy.levels() {
            let mut numbers = FxHashMap::default();
            let mut losses = Vec::new();
            let label = |leaf: &u32| {
                let next = numbers.len() as u32;
                let label = column.hierarchy.label_number(*leaf, level);
                *numbers.entry(label).or_insert_with(|| {
                    losses.push(column.hierarchy.loss(*leaf, level));
                    next
                })
            };
            field.labels.push(values.iter().map(label).collect());
            field.losses.push(losses);
        }
        field
    }

    fn count_losses(&mut self, cells: &Cells) {
        for (labels, losses) in self.labels.iter().zip(&self.losses) {
            let cells = cells.keys.iter().zip(&cells.rows);
            let lost = cells
                .map(|(key, rows)| f64::from(*rows) * losses[labels[self.place.of(*key)] as usize]);
            self.total_losses.push(lost.sum());
        }
    }
}

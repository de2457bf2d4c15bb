//! What the actions of a policy do to cells.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;

use super::AnonymizationError;
use super::generalisation::Recoded;
use super::laps::{CollectedLaps, PublishedLaps};
use super::policy::{Action, Generalisation, Policy, TrackValue};
use super::pseudonyms::{Pseudonyms, push_part};
use super::statistics::CollectedValues;
use super::track::{Samples, Steps, number};
use super::track_frame::Quantity;
use crate::datasets::tables::{Batch, Cell, ColumnType, Schema, TableError, Values};

/// A number that identifies a subject within this run only.
pub(super) type SubjectNumber = u32;

/// The action of one column with what it has learned of all rows.
pub(super) enum Transform {
    Keep,
    Drop,
    Pseudonym {
        prefix: String,
        scope: Vec<usize>,
    },
    Band {
        width: f64,
    },
    Round {
        step: f64,
    },
    Shift {
        scope: Vec<usize>,
        origins: HashMap<Vec<u8>, Origin>,
    },
    Ordinal {
        places: BTreeMap<Sortable, i64>,
    },
    /// Lap times, published anew: see [`super::laps`].
    Pace {
        event: Option<usize>,
        collected: CollectedLaps,
        published: PublishedLaps,
    },
    SuppressRare {
        replacement: String,
        subjects: BTreeMap<String, HashSet<SubjectNumber>>,
        kept: BTreeSet<String>,
    },
    /// See [`super::generalisation`].
    Generalise {
        generalisation: Generalisation,
        subject: usize,
        /// The least and the greatest of whole numbers.
        range: Option<(i64, i64)>,
        recoded: Recoded,
    },
    /// See [`super::statistics`].
    Statistics {
        collected: CollectedValues,
    },
    /// Latitude becomes x, longitude y: see [`super::track`].
    Position {
        is_x: bool,
    },
    /// A channel of telemetry.
    Channel {
        quantity: Quantity,
        steps: Steps,
    },
}

/// The least value of a scope.
#[derive(Clone, Copy)]
pub(super) enum Origin {
    Integer(i64),
    Number(f64),
    Date(NaiveDate),
}

/// A value that has a place among others of its column.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sortable {
    Integer(i64),
    Date(NaiveDate),
    Text(String),
}

impl Sortable {
    pub(super) fn of(cell: Cell<'_>) -> Option<Sortable> {
        match cell {
            Cell::Integer(value) => Some(Sortable::Integer(value)),
            Cell::Date(value) => Some(Sortable::Date(value)),
            Cell::Text(value) => Some(Sortable::Text(value.to_owned())),
            Cell::Missing | Cell::Number(_) | Cell::Boolean(_) => None,
        }
    }
}

/// The transforms of all columns, in the order of the table. `policy` has been checked against it.
pub(super) fn transforms(policy: &Policy, schema: &Schema) -> Vec<Transform> {
    let positions = |names: &[String]| names.iter().flat_map(|n| schema.position(n)).collect();
    // A checked policy names a column of the table.
    let subject = schema.position(&policy.subject).unwrap_or_default();
    let transform = |name: &str, action: &Action| match action {
        Action::Keep => Transform::Keep,
        Action::Drop => Transform::Drop,
        Action::Pseudonym { prefix, scope } => Transform::Pseudonym {
            prefix: prefix.clone(),
            scope: positions(scope),
        },
        Action::Band { width } => Transform::Band { width: *width },
        Action::Round { step } => Transform::Round { step: *step },
        Action::Shift { scope } => Transform::Shift {
            scope: positions(scope),
            origins: HashMap::new(),
        },
        Action::Ordinal => Transform::Ordinal {
            places: BTreeMap::new(),
        },
        Action::SuppressRare { replacement } => Transform::SuppressRare {
            replacement: replacement.clone(),
            subjects: BTreeMap::new(),
            kept: BTreeSet::new(),
        },
        Action::Generalise(generalisation) => Transform::Generalise {
            generalisation: generalisation.clone(),
            subject,
            range: None,
            recoded: Recoded::default(),
        },
        Action::Track(TrackValue::Position) => Transform::Position {
            is_x: policy
                .track
                .as_ref()
                .is_some_and(|track| track.latitude == name),
        },
        Action::Track(TrackValue::Channel(quantity)) => Transform::Channel {
            quantity: *quantity,
            steps: Steps::new(),
        },
        Action::Statistics(_) => Transform::Statistics {
            collected: CollectedValues::default(),
        },
    };
    let columns = schema.columns().iter();
    columns
        .map(|column| match (&policy.laps, policy.column(&column.name)) {
            (Some(laps), Some(stated)) if stated.name == laps.time => Transform::Pace {
                event: laps.event.as_ref().and_then(|event| schema.position(event)),
                collected: CollectedLaps::default(),
                published: PublishedLaps::default(),
            },
            (_, Some(stated)) => transform(&stated.name, &stated.action),
            (_, None) => Transform::Drop,
        })
        .collect()
}

/// The cells of the scope's columns in this row, and then `value`.
pub(super) fn identity(
    batch: &Batch,
    row: usize,
    scope: &[usize],
    value: Option<Cell<'_>>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    for &position in scope {
        push_part(&mut bytes, &batch.schema().columns()[position].name);
        push_part(&mut bytes, &batch.column(position).cell(row).to_string());
    }
    if let Some(value) = value {
        push_part(&mut bytes, &value.to_string());
    }
    bytes
}

impl Transform {
    /// The type of the published column, or nothing where none is published.
    pub(super) fn published_type(&self, kind: ColumnType) -> Option<ColumnType> {
        match self {
            Transform::Drop | Transform::Statistics { .. } => None,
            Transform::Keep | Transform::Round { .. } => Some(kind),
            Transform::Pace { .. } | Transform::Position { .. } | Transform::Channel { .. } => {
                Some(ColumnType::Number)
            }
            Transform::Pseudonym { .. }
            | Transform::Band { .. }
            | Transform::SuppressRare { .. }
            | Transform::Generalise { .. } => Some(ColumnType::Text),
            Transform::Shift { .. } if kind == ColumnType::Number => Some(ColumnType::Number),
            Transform::Shift { .. } | Transform::Ordinal { .. } => Some(ColumnType::Integer),
        }
    }

    /// The name of the published column, where it is another than before.
    pub(super) fn published_name(&self) -> Option<&'static str> {
        match self {
            Transform::Position { is_x: true } => Some("x"),
            Transform::Position { is_x: false } => Some("y"),
            _ => None,
        }
    }

    /// Takes in a cell in the first pass. `first_row` is the table's number of the batch's first row.
    ///
    /// # Errors
    /// [`TableError::Io`] when a temporary file cannot be written.
    pub(super) fn learn(
        &mut self,
        batch: &Batch,
        first_row: u64,
        row: usize,
        position: usize,
        subject: SubjectNumber,
        pseudonyms: &mut Pseudonyms,
    ) -> Result<(), TableError> {
        let cell = batch.column(position).cell(row);
        if cell.is_missing() {
            return Ok(());
        }
        match self {
            Transform::Keep
            | Transform::Drop
            | Transform::Position { .. }
            | Transform::Band { .. }
            | Transform::Round { .. } => {}
            Transform::Pace {
                event, collected, ..
            } => {
                let event = event.map_or_else(String::new, |position| {
                    batch.column(position).cell(row).to_string()
                });
                if let Some(seconds) = cell.as_number() {
                    collected.add(&event, subject, first_row + row as u64, seconds)?;
                }
            }
            Transform::Pseudonym { prefix, scope } => {
                pseudonyms.note(prefix, &identity(batch, row, scope, Some(cell)));
            }
            Transform::Shift { scope, origins } => {
                let place = origins.entry(identity(batch, row, scope, None));
                match cell {
                    Cell::Integer(value) => {
                        let origin = place.or_insert(Origin::Integer(value));
                        if matches!(origin, Origin::Integer(least) if value < *least) {
                            *origin = Origin::Integer(value);
                        }
                    }
                    Cell::Number(value) => {
                        let origin = place.or_insert(Origin::Number(value));
                        if matches!(origin, Origin::Number(least) if value < *least) {
                            *origin = Origin::Number(value);
                        }
                    }
                    Cell::Date(value) => {
                        let origin = place.or_insert(Origin::Date(value));
                        if matches!(origin, Origin::Date(least) if value < *least) {
                            *origin = Origin::Date(value);
                        }
                    }
                    Cell::Missing | Cell::Text(_) | Cell::Boolean(_) => {}
                }
            }
            Transform::Ordinal { places } => {
                if let Some(value) = Sortable::of(cell) {
                    places.insert(value, 0);
                }
            }
            Transform::Channel { steps, .. } => {
                if let Some(value) = number(cell) {
                    steps.learn(value);
                }
            }
            Transform::Statistics { collected } => {
                if let Some(value) = cell.as_number() {
                    collected.add(subject, value)?;
                }
            }
            Transform::Generalise { range, .. } => {
                if let Cell::Integer(value) = cell {
                    let (least, greatest) = range.unwrap_or((value, value));
                    *range = Some((least.min(value), greatest.max(value)));
                }
            }
            Transform::SuppressRare { subjects, .. } => {
                subjects
                    .entry(cell.to_string())
                    .or_default()
                    .insert(subject);
            }
        }
        Ok(())
    }

    /// Draws the conclusions from the first pass.
    pub(super) fn settle(&mut self, minimum_class_size: u64) {
        match self {
            Transform::Ordinal { places } => {
                for (place, number) in places.values_mut().zip(1..) {
                    *place = number;
                }
            }
            Transform::SuppressRare { subjects, kept, .. } => {
                let mut by_size: Vec<_> = std::mem::take(subjects).into_iter().collect();
                by_size.sort_by_key(|(_, subjects)| subjects.len());
                let mut others: HashSet<SubjectNumber> = HashSet::new();
                for (value, subjects) in by_size {
                    let rare = (subjects.len() as u64) < minimum_class_size;
                    let others_are_few =
                        !others.is_empty() && (others.len() as u64) < minimum_class_size;
                    if rare || others_are_few {
                        others.extend(subjects);
                    } else {
                        kept.insert(value);
                    }
                }
            }
            _ => {}
        }
    }

    /// The published cells of a column, or nothing where none are published.
    ///
    /// # Errors
    /// [`AnonymizationError::Changed`] when a cell was not there in the first pass.
    pub(super) fn apply(
        &self,
        batch: &Batch,
        first_row: u64,
        position: usize,
        pseudonyms: &Pseudonyms,
        samples: Option<&Samples>,
    ) -> Result<Option<Values>, AnonymizationError> {
        let cells = batch.column(position);
        let rows = 0..batch.rows();
        let text = |of: &dyn Fn(usize, Cell<'_>) -> Option<String>| {
            let cell = |row| match cells.cell(row) {
                Cell::Missing => Ok(None),
                cell => of(row, cell).map(Some).ok_or(AnonymizationError::Changed),
            };
            Ok(Some(Values::Text(
                rows.clone().map(cell).collect::<Result<_, _>>()?,
            )))
        };
        match self {
            Transform::Drop | Transform::Statistics { .. } => Ok(None),
            Transform::Keep => Ok(Some(cells.clone())),
            Transform::Pace { published, .. } => {
                let ratio = |row| published.ratio(first_row + row as u64);
                Ok(Some(Values::Number(rows.map(ratio).collect())))
            }
            Transform::Position { is_x } => {
                let axis = |row| {
                    let point = samples?.point(batch, row)?;
                    Some(if *is_x { point.x } else { point.y })
                };
                Ok(Some(Values::Number(rows.map(axis).collect())))
            }
            Transform::Channel { quantity, steps } => {
                let mut random = steps.random(first_row);
                let is_scaled = matches!(quantity, Quantity::Length | Quantity::Sideways);
                let shown = |row| {
                    let mut value = number(cells.cell(row))?;
                    if is_scaled && let Some(random) = &mut random {
                        value = steps.moved(value, random);
                    }
                    let value = samples?.value(*quantity, batch, row, value)?;
                    Some(steps.rounded(value))
                };
                Ok(Some(Values::Number(rows.map(shown).collect())))
            }
            Transform::Pseudonym { prefix, scope } => {
                // The rows of a subject stand together in most tables.
                let last = RefCell::new((Vec::new(), None));
                text(&|row, cell| {
                    let identity = identity(batch, row, scope, Some(cell));
                    let (known, name) = &mut *last.borrow_mut();
                    if *known != identity {
                        *name = pseudonyms.of(prefix, &identity);
                        *known = identity;
                    }
                    name.clone()
                })
            }
            Transform::Band { width } => text(&|_, cell| band(cell, *width)),
            Transform::SuppressRare {
                replacement, kept, ..
            } => text(&|_, cell| {
                let value = cell.to_string();
                Some(if kept.contains(&value) {
                    value
                } else {
                    replacement.clone()
                })
            }),
            Transform::Generalise {
                subject, recoded, ..
            } => {
                let subjects = batch.column(*subject);
                let label = |row| match (subjects.cell(row), cells.cell(row)) {
                    // Rows without a subject are not published, and may hold values of no hierarchy.
                    (Cell::Missing, _) | (_, Cell::Missing) => Ok(None),
                    (subject, cell) => recoded
                        .label(&subject.to_string(), &cell.to_string())
                        .map(|label| Some(label.to_owned()))
                        .ok_or(AnonymizationError::Changed),
                };
                let labels: Result<_, _> = rows.map(label).collect();
                Ok(Some(Values::Text(labels?)))
            }
            Transform::Round { step } => Ok(Some(match cells {
                Values::Integer(cells) => {
                    let round = |value: i64| ((value as f64 / step).round() * step) as i64;
                    Values::Integer(cells.iter().map(|cell| cell.map(round)).collect())
                }
                Values::Number(cells) => {
                    let decimals = step.to_string().split('.').nth(1).map_or(0, str::len);
                    let round = |value: f64| {
                        let rounded = (value / step).round() * step;
                        // 414 · 0.1 is 41.400000000000006; the step has one decimal.
                        format!("{rounded:.decimals$}").parse().unwrap_or(rounded)
                    };
                    Values::Number(cells.iter().map(|cell| cell.map(round)).collect())
                }
                other => other.clone(),
            })),
            Transform::Ordinal { places } => {
                let place = |row| match Sortable::of(cells.cell(row)) {
                    None => Ok(None),
                    Some(value) => match places.get(&value) {
                        Some(place) => Ok(Some(*place)),
                        None => Err(AnonymizationError::Changed),
                    },
                };
                let places: Result<_, _> = rows.map(place).collect();
                Ok(Some(Values::Integer(places?)))
            }
            Transform::Shift { scope, origins } => {
                let origin = |row| origins.get(&identity(batch, row, scope, None)).copied();
                if let Values::Number(cells) = cells {
                    let shifted = |row: usize| match (cells[row], origin(row)) {
                        (None, _) => Ok(None),
                        // To a millionth, or the subtraction would add digits of noise.
                        (Some(value), Some(Origin::Number(least))) => {
                            Ok(Some(((value - least) * 1e6).round() / 1e6))
                        }
                        _ => Err(AnonymizationError::Changed),
                    };
                    let shifted: Result<_, _> = rows.map(shifted).collect();
                    return Ok(Some(Values::Number(shifted?)));
                }
                let shifted = |row| match (cells.cell(row), origin(row)) {
                    (Cell::Missing, _) => Ok(None),
                    (Cell::Integer(value), Some(Origin::Integer(least))) => {
                        Ok(Some(value.saturating_sub(least)))
                    }
                    (Cell::Date(value), Some(Origin::Date(first))) => {
                        Ok(Some((value - first).num_days() + 1))
                    }
                    _ => Err(AnonymizationError::Changed),
                };
                let shifted: Result<_, _> = rows.map(shifted).collect();
                Ok(Some(Values::Integer(shifted?)))
            }
        }
    }
}

/// `14-15` for a whole number in a band of two, `[60, 65)` for any number in a band of five.
fn band(cell: Cell<'_>, width: f64) -> Option<String> {
    match cell {
        Cell::Integer(value) => {
            let width = width as i64;
            let low = value.div_euclid(width).saturating_mul(width);
            let high = low.saturating_add(width - 1);
            Some(match (low, width) {
                (low, 1) => low.to_string(),
                (low, _) if low >= 0 => format!("{low}-{high}"),
                _ => format!("[{low}, {high}]"),
            })
        }
        Cell::Number(value) => {
            let low = (value / width).floor();
            let edge = |n: f64| Cell::Number((n * width * 1e6).round() / 1e6).to_string();
            Some(format!("[{}, {})", edge(low), edge(low + 1.0)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_say_what_they_hold() {
        assert_eq!(band(Cell::Integer(15), 2.0).unwrap(), "14-15");
        assert_eq!(band(Cell::Integer(14), 2.0).unwrap(), "14-15");
        assert_eq!(band(Cell::Integer(16), 2.0).unwrap(), "16-17");
        assert_eq!(band(Cell::Integer(-3), 2.0).unwrap(), "[-4, -3]");
        assert_eq!(band(Cell::Number(62.5), 5.0).unwrap(), "[60, 65)");
        assert_eq!(band(Cell::Number(65.0), 5.0).unwrap(), "[65, 70)");
        assert_eq!(band(Cell::Number(0.35), 0.1).unwrap(), "[0.3, 0.4)");
    }

    #[test]
    fn the_word_for_rare_values_never_stands_for_fewer_than_k_subjects() {
        let subjects = |range: std::ops::Range<u32>| range.collect::<HashSet<_>>();
        let mut transform = Transform::SuppressRare {
            replacement: "other".to_owned(),
            subjects: BTreeMap::from([
                ("common".to_owned(), subjects(0..20)),
                ("fair".to_owned(), subjects(20..26)),
                ("lone".to_owned(), subjects(26..27)),
            ]),
            kept: BTreeSet::new(),
        };
        transform.settle(5);
        let Transform::SuppressRare { kept, .. } = transform else {
            unreachable!()
        };
        // "other" for one subject alone would name that subject: "fair" joins it.
        assert_eq!(kept.into_iter().collect::<Vec<_>>(), ["common"]);
    }
}

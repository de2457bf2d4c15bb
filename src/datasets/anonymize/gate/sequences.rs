//! What each subject did in each event, on both sides of the anonymization: what the attacks on laps
//! work with.
//!
//! Of a large release a part is gathered, and the report says so: fewer candidates make linking
//! easier, so a part never flatters the release.

use std::collections::{BTreeMap, HashMap};

use super::super::attacks::EventSequences;
use super::super::policy::{Action, Policy};
use super::super::transforms::SubjectNumber;
use super::hidden::Hidden;
use crate::datasets::tables::{Batch, Column, ColumnType, Schema, Table, TableError};

/// The most that is gathered: columns, events, subjects of an event, values of a subject.
const MOST_COLUMNS: usize = 4;
const MOST_EVENTS: u32 = 24;
const MOST_SUBJECTS: usize = 120;
const MOST_VALUES: usize = 400;

/// The sequences of one column.
pub(super) struct ColumnSequences {
    /// The column, called the same on both sides.
    pub(super) column: String,
    /// By the number of the event.
    pub(super) events: BTreeMap<u32, EventSequences>,
}

/// What was gathered.
pub(super) struct Sequences {
    pub(super) columns: Vec<ColumnSequences>,
    /// Whether there was more than is gathered.
    pub(super) sampled: bool,
    /// Whether a pseudonym spans several events.
    pub(super) spans_events: bool,
}

type Gathered = BTreeMap<(u32, SubjectNumber), Vec<f64>>;

/// Gathers the sequences of the columns in which the release shows numbers of its subjects' rows. Empty
/// where the release names no subjects: then nothing links the rows of one.
pub(super) fn gather(
    original: &Table,
    release: &Table,
    policy: &Policy,
    hidden: &Hidden,
) -> Result<Sequences, TableError> {
    let mut sampled = false;
    let nothing = Sequences {
        columns: Vec::new(),
        sampled: false,
        spans_events: false,
    };
    let Some(unit) = release.schema().position(&policy.subject) else {
        return Ok(nothing);
    };
    let subject = original.schema().require(&policy.subject)?;
    let columns = columns(original.schema(), release.schema(), policy);
    let mut before: Vec<Gathered> = vec![Gathered::new(); columns.len()];
    let mut subjects_of: HashMap<u32, usize> = HashMap::new();
    for batch in original.batches()? {
        let batch = batch?;
        for row in 0..batch.rows() {
            let person = batch.column(subject).cell(row);
            let number = hidden.subjects.get(&person.to_string());
            let (Some(&number), Some(event)) = (number, hidden.events.of_original(&batch, row))
            else {
                continue;
            };
            if event >= MOST_EVENTS {
                sampled = true;
                continue;
            }
            let place = (event, number);
            if before.iter().all(|gathered| !gathered.contains_key(&place)) {
                let subjects = subjects_of.entry(event).or_default();
                if *subjects == MOST_SUBJECTS {
                    sampled = true;
                    continue;
                }
                *subjects += 1;
            }
            for (gathered, (_, position, _)) in before.iter_mut().zip(&columns) {
                sampled |= add(gathered, place, &batch, *position, row);
            }
        }
    }
    let mut after: Vec<Gathered> = vec![Gathered::new(); columns.len()];
    for batch in release.batches()? {
        let batch = batch?;
        for row in 0..batch.rows() {
            let unit = batch.column(unit).cell(row).to_string();
            let Some(place) = hidden.events.of_released(&batch, row, &unit) else {
                continue;
            };
            for (index, (_, _, position)) in columns.iter().enumerate() {
                if before[index].contains_key(&place) {
                    add(&mut after[index], place, &batch, *position, row);
                }
            }
        }
    }
    let sides = before.into_iter().zip(after);
    let columns = columns.into_iter().zip(sides);
    Ok(Sequences {
        columns: columns
            .map(|((column, ..), (before, after))| ColumnSequences {
                column,
                events: by_event(before, after),
            })
            .collect(),
        sampled,
        spans_events: hidden.events.are_spanned(),
    })
}

/// The numeric columns of both sides that are no quasi-identifiers: lap times first, since public results
/// hold those. Their names and their positions on both sides.
fn columns(original: &Schema, release: &Schema, policy: &Policy) -> Vec<(String, usize, usize)> {
    let is_number =
        |column: &Column| matches!(column.kind, ColumnType::Number | ColumnType::Integer);
    let lap_time = policy.laps.as_ref().map(|laps| laps.time.as_str());
    let mut found = Vec::new();
    for (after, column) in release.columns().iter().enumerate() {
        let Some(before) = original.position(&column.name) else {
            continue;
        };
        let stated = policy.column(&column.name);
        let shows_values = stated.is_some_and(|stated| {
            !stated.quasi_identifier
                && matches!(
                    stated.action,
                    Action::Keep | Action::Round { .. } | Action::Shift { .. }
                )
        });
        if shows_values && is_number(column) && is_number(&original.columns()[before]) {
            found.push((column.name.clone(), before, after));
        }
    }
    // Whole numbers such as a lap's number are rarely in public results.
    found.sort_by_key(|(name, before, _)| {
        let is_whole = original.columns()[*before].kind == ColumnType::Integer;
        (lap_time != Some(name.as_str()), is_whole)
    });
    found.truncate(MOST_COLUMNS);
    found
}

/// Adds a cell, unless there are enough; whether there were.
fn add(
    gathered: &mut Gathered,
    place: (u32, SubjectNumber),
    batch: &Batch,
    position: usize,
    row: usize,
) -> bool {
    let Some(value) = batch.column(position).cell(row).as_number() else {
        return false;
    };
    let values = gathered.entry(place).or_default();
    if values.len() == MOST_VALUES {
        return true;
    }
    values.push(value);
    false
}

fn by_event(before: Gathered, after: Gathered) -> BTreeMap<u32, EventSequences> {
    let mut events: BTreeMap<u32, EventSequences> = BTreeMap::new();
    for ((event, subject), values) in before {
        let event = events.entry(event).or_default();
        event.original.push((subject, values));
    }
    for ((event, subject), values) in after {
        let event = events.entry(event).or_default();
        event.released.push((subject, values));
    }
    events
}

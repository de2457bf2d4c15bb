//! Which rows belong to one event, on both sides of the anonymization.

use std::collections::{BTreeMap, HashMap};

use super::super::policy::{Action, Policy};
use super::super::transforms::{Sortable, SubjectNumber, identity};
use crate::datasets::tables::{Batch, Schema};

/// The events of a table: those that the policy names for its laps, else what the pseudonyms of its
/// subjects are scoped to, else one.
pub(super) struct Events {
    /// The original's columns that tell them apart.
    columns: Vec<usize>,
    numbers: HashMap<Vec<u8>, u32>,
    /// Where the release shows the event, and how it shows each.
    published: Option<PublishedEvents>,
    /// Published subject → subject, and the event where it is seen in one alone.
    units: HashMap<String, (SubjectNumber, Option<u32>)>,
}

struct PublishedEvents {
    column: String,
    shown: Shown,
    numbers: HashMap<String, u32>,
}

/// How the release shows an event.
enum Shown {
    AsItIs,
    Ordinal(BTreeMap<Sortable, u32>),
    Pseudonym,
}

impl Events {
    pub(super) fn new(policy: &Policy, original: &Schema) -> Events {
        let subject = policy.column(&policy.subject);
        let names: &[String] = match (&policy.laps, subject.map(|subject| &subject.action)) {
            (Some(laps), _) => laps.event.as_slice(),
            (None, Some(Action::Pseudonym { scope, .. })) => scope,
            _ => &[],
        };
        let shown = |name: &String| match policy.column(name)?.action {
            Action::Keep => Some(Shown::AsItIs),
            Action::Ordinal => Some(Shown::Ordinal(BTreeMap::new())),
            Action::Pseudonym { .. } => Some(Shown::Pseudonym),
            _ => None,
        };
        let published = match names {
            [name] => shown(name).map(|shown| PublishedEvents {
                column: name.clone(),
                shown,
                numbers: HashMap::new(),
            }),
            _ => None,
        };
        Events {
            columns: names
                .iter()
                .flat_map(|name| original.position(name))
                .collect(),
            numbers: HashMap::new(),
            published,
            units: HashMap::new(),
        }
    }

    /// Takes in a row of the original and the published name of its subject. `name_of_event` is the pseudonym
    /// of a column's cell in this row.
    pub(super) fn note(
        &mut self,
        batch: &Batch,
        row: usize,
        subject: SubjectNumber,
        unit: String,
        name_of_event: impl FnOnce(usize) -> Option<String>,
    ) {
        let next = self.numbers.len() as u32; // no more events than rows in memory
        let key = identity(batch, row, &self.columns, None);
        let number = *self.numbers.entry(key).or_insert(next);
        let seen = self.units.entry(unit).or_insert((subject, Some(number)));
        if seen.1 != Some(number) {
            seen.1 = None;
        }
        if let (Some(published), &[position]) = (&mut self.published, &self.columns[..]) {
            let cell = batch.column(position).cell(row);
            match &mut published.shown {
                Shown::AsItIs => {
                    published.numbers.insert(cell.to_string(), number);
                }
                Shown::Ordinal(order) => {
                    if let Some(value) = Sortable::of(cell) {
                        order.insert(value, number);
                    }
                }
                Shown::Pseudonym => {
                    if let Some(name) = name_of_event(position) {
                        published.numbers.insert(name, number);
                    }
                }
            }
        }
    }

    /// Draws the conclusions from all rows.
    pub(super) fn settle(&mut self) {
        if let Some(PublishedEvents {
            shown: Shown::Ordinal(order),
            numbers,
            ..
        }) = &mut self.published
        {
            let places = (1_u64..).map(|place| place.to_string());
            *numbers = places.zip(order.values().copied()).collect();
        }
    }

    /// The subject whom the release calls so.
    pub(super) fn subject_of(&self, unit: &str) -> Option<SubjectNumber> {
        self.units.get(unit).map(|(subject, _)| *subject)
    }

    /// Whether some pseudonym is seen in several.
    pub(super) fn are_spanned(&self) -> bool {
        self.units.values().any(|(_, event)| event.is_none())
    }

    /// The event of a row of the original.
    pub(super) fn of_original(&self, batch: &Batch, row: usize) -> Option<u32> {
        let key = identity(batch, row, &self.columns, None);
        self.numbers.get(&key).copied()
    }

    /// The event and the subject of a row of the release, as far as the release tells the events apart.
    pub(super) fn of_released(
        &self,
        batch: &Batch,
        row: usize,
        unit: &str,
    ) -> Option<(u32, SubjectNumber)> {
        let (subject, event) = *self.units.get(unit)?;
        if let Some(event) = event {
            return Some((event, subject));
        }
        let published = self.published.as_ref()?;
        let position = batch.schema().position(&published.column)?;
        let cell = batch.column(position).cell(row).to_string();
        Some((*published.numbers.get(&cell)?, subject))
    }
}

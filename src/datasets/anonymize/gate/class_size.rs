//! The count of subjects who look alike, in the published rows.

use super::super::classes::Classes;
use super::super::combination;
use super::super::policy::{Policy, SmallClasses};
use super::hidden::Hidden;
use super::{Gate, Outcome};
use crate::datasets::tables::{Batch, Schema};

/// Counts the subjects of every published class.
pub(super) struct ClassCounter<'a> {
    hidden: &'a Hidden,
    subject: Option<usize>,
    quasi_identifiers: Vec<usize>,
    classes: Classes,
    unknown: u64,
    rows: u64,
}

impl<'a> ClassCounter<'a> {
    pub(super) fn new(hidden: &'a Hidden, release: &Schema, policy: &Policy) -> ClassCounter<'a> {
        let columns = policy.columns.iter();
        ClassCounter {
            hidden,
            subject: release.position(&policy.subject),
            quasi_identifiers: columns
                .filter(|column| column.quasi_identifier)
                .filter_map(|column| release.position(&column.name))
                .collect(),
            classes: Classes::default(),
            unknown: 0,
            rows: 0,
        }
    }

    pub(super) fn read(&mut self, batch: &Batch) {
        self.rows += batch.rows() as u64;
        let Some(subject) = self.subject else {
            return;
        };
        for row in 0..batch.rows() {
            let unit = batch.column(subject).cell(row).to_string();
            let Some(number) = self.hidden.subject_of(&unit) else {
                self.unknown += 1;
                continue;
            };
            let quasi_identifiers = self.quasi_identifiers.iter();
            let columns = quasi_identifiers.map(|position| batch.column(*position));
            self.classes
                .add(number, Some(unit), combination(columns, row));
        }
    }

    pub(super) fn gate(self, k: f64) -> Gate {
        let gate = |outcome, measured| Gate {
            name: "class_size".to_owned(),
            outcome,
            measured,
            threshold: k,
        };
        if self.subject.is_none() {
            let reason = "the release names no subjects, so those of a class cannot be counted in it; \
                          they were counted when it was written";
            return gate(
                Outcome::NotApplicable {
                    reason: reason.to_owned(),
                },
                None,
            );
        }
        if self.unknown > 0 || self.rows == 0 {
            let reason = match self.rows {
                0 => "the release has no rows".to_owned(),
                _ => format!("{} rows name no subject of the original", self.unknown),
            };
            return gate(Outcome::Failed { reason }, None);
        }
        // With k = 1 no class is hidden, and the smallest is the smallest that was published.
        let smallest = self.classes.resolve(1, SmallClasses::Drop).smallest;
        let smallest = smallest.unwrap_or(0) as f64;
        let outcome = if smallest >= k {
            Outcome::Passed
        } else {
            Outcome::Failed {
                reason: format!(
                    "the smallest class of quasi-identifiers has {smallest} subjects, {k} are \
                     wanted; use wider bands or drop a column"
                ),
            }
        };
        gate(outcome, Some(smallest))
    }
}

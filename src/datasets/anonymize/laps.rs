//! Which laps of a table are published, and with what time: [pace cells](super::pace_cells) for each
//! event.
//!
//! Memory grows with the laps (eight bytes each) while they are collected, and with the published laps
//! afterwards.

use std::collections::{BTreeMap, HashMap};

use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use super::pace_cells::{DriverLaps, PaceCells, PaceCellsError};
use super::policy::LapPolicy;
use super::transforms::SubjectNumber;

/// What the protection of the lap times did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LapsReport {
    pub events: u64,
    /// Groups of at least k drivers who share a pace, over all events.
    pub cells: u64,
    /// Laps of each driver in each event.
    pub quota: u64,
    /// Drivers over all events.
    pub published: u64,
    /// Drivers over all events who had too few clean laps, or events too few drivers.
    pub left_out: u64,
}

/// The laps of a table, as the first pass finds them.
#[derive(Default)]
pub(super) struct CollectedLaps {
    events: HashMap<String, u32>,
    /// The row and the seconds of each lap. Single precision: 4 µs of a minute's lap.
    laps: BTreeMap<(u32, SubjectNumber), Vec<(u32, f32)>>,
}

/// The laps that are published.
#[derive(Default)]
pub(super) struct PublishedLaps {
    /// Ascending by row.
    rows: Vec<PublishedRow>,
}

struct PublishedRow {
    /// Of the table, from 0.
    row: u32,
    /// In the release, from 0: drivers and laps in no order that tells anything.
    place: u32,
    /// The published time over the event's median.
    ratio: f64,
}

impl CollectedLaps {
    /// Takes in a row. Rows beyond the four billionth are left out, as rows without a time are.
    pub(super) fn add(&mut self, event: &str, subject: SubjectNumber, row: u64, seconds: f64) {
        let Ok(row) = u32::try_from(row) else {
            return;
        };
        let event = match self.events.get(event) {
            Some(event) => *event,
            None => {
                let number = self.events.len() as u32; // no more events than rows
                self.events.insert(event.to_owned(), number);
                number
            }
        };
        let laps = self.laps.entry((event, subject)).or_default();
        laps.push((row, seconds as f32));
    }

    /// Makes the published laps of every event.
    ///
    /// # Errors
    /// A setting that is out of range.
    pub(super) fn publish(
        self,
        policy: &LapPolicy,
        cell_size: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<(PublishedLaps, LapsReport), PaceCellsError> {
        let keep = policy.keep.0..policy.keep.1;
        let cell_size = usize::try_from(cell_size).unwrap_or(usize::MAX);
        let cell_size = cell_size.saturating_add(PaceCells::MARGIN);
        let cells = PaceCells::new(cell_size, policy.quota, policy.noise, keep)?;
        let mut report = LapsReport {
            events: self.events.len() as u64,
            quota: policy.quota as u64,
            ..LapsReport::default()
        };
        let mut published = PublishedLaps::default();
        let mut laps = self.laps.into_iter().peekable();
        while let Some(&((event, _), _)) = laps.peek() {
            let mut rows: HashMap<SubjectNumber, Vec<u32>> = HashMap::new();
            let mut drivers = Vec::new();
            while let Some(((_, subject), laps)) = laps.next_if(|((next, _), _)| *next == event) {
                rows.insert(subject, laps.iter().map(|(row, _)| *row).collect());
                drivers.push(DriverLaps {
                    subject,
                    laps: laps
                        .iter()
                        .map(|(_, seconds)| f64::from(*seconds))
                        .collect(),
                });
            }
            let paced = cells.publish(&drivers, rng);
            report.cells += paced.cells as u64;
            report.published += paced.drivers.len() as u64;
            report.left_out += paced.left_out.len() as u64;
            for driver in paced.drivers {
                for lap in driver.laps {
                    let place = published.rows.len() as u32; // no more published laps than rows
                    published.rows.push(PublishedRow {
                        row: rows[&driver.subject][lap.lap],
                        place,
                        ratio: lap.ratio,
                    });
                }
            }
        }
        published
            .rows
            .sort_unstable_by_key(|published| published.row);
        Ok((published, report))
    }
}

impl PublishedLaps {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    fn find(&self, row: u64) -> Option<&PublishedRow> {
        let row = u32::try_from(row).ok()?;
        let found = self
            .rows
            .binary_search_by_key(&row, |published| published.row);
        found.ok().map(|position| &self.rows[position])
    }

    /// The place in the release of a row of the table; nothing for one that is not published.
    pub(super) fn place(&self, row: u64) -> Option<u32> {
        self.find(row).map(|published| published.place)
    }

    /// The time that a row of the table carries in the release.
    pub(super) fn ratio(&self, row: u64) -> Option<f64> {
        self.find(row).map(|published| published.ratio)
    }
}

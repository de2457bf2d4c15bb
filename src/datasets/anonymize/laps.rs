//! Which laps of a table are published, and with what time: [pace cells](super::pace_cells) for each
//! event.
//!
//! Laps wait outside of memory until all are known; then one event is held at a time. What stays are
//! the published laps, twelve bytes each.

use std::collections::{BTreeMap, HashMap};

use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use super::AnonymizationError;
use super::pace_cells::{DriverLaps, PaceCells, RATIO_STEPS};
use super::policy::LapPolicy;
use super::spill::Spill;
use super::transforms::SubjectNumber;
use crate::datasets::tables::TableError;

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
    /// [`CollectedLap`]s by event.
    laps: Spill,
}

struct CollectedLap {
    subject: SubjectNumber,
    row: u32,
    /// Single precision: 4 µs of a minute's lap.
    seconds: f32,
}

impl CollectedLap {
    fn to_bytes(&self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.subject.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.row.to_le_bytes());
        bytes[8..].copy_from_slice(&self.seconds.to_le_bytes());
        bytes
    }

    fn from_bytes([a, b, c, d, e, f, g, h, i, j, k, l]: [u8; 12]) -> CollectedLap {
        CollectedLap {
            subject: u32::from_le_bytes([a, b, c, d]),
            row: u32::from_le_bytes([e, f, g, h]),
            seconds: f32::from_le_bytes([i, j, k, l]),
        }
    }
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
    /// The published time over the event's median, in steps of one over [`RATIO_STEPS`].
    ratio: i32,
}

impl CollectedLaps {
    /// Takes in a row. Rows beyond the four billionth are left out, as rows without a time are.
    ///
    /// # Errors
    /// [`TableError::Io`] when a temporary file cannot be written.
    pub(super) fn add(
        &mut self,
        event: &str,
        subject: SubjectNumber,
        row: u64,
        seconds: f64,
    ) -> Result<(), TableError> {
        let Ok(row) = u32::try_from(row) else {
            return Ok(());
        };
        let event = match self.events.get(event) {
            Some(event) => *event,
            None => {
                let number = self.events.len() as u32; // no more events than rows
                self.events.insert(event.to_owned(), number);
                number
            }
        };
        let lap = CollectedLap {
            subject,
            row,
            seconds: seconds as f32,
        };
        self.laps.append(event, &lap.to_bytes())
    }

    /// Makes the published laps of every event.
    ///
    /// # Errors
    /// A setting that is out of range, or a temporary file that cannot be read.
    pub(super) fn publish(
        mut self,
        policy: &LapPolicy,
        cell_size: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<(PublishedLaps, LapsReport), AnonymizationError> {
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
        while let Some((_, bytes)) = self.laps.take_first()? {
            let mut rows: BTreeMap<SubjectNumber, Vec<u32>> = BTreeMap::new();
            let mut laps: BTreeMap<SubjectNumber, Vec<f64>> = BTreeMap::new();
            for lap in bytes.as_chunks().0 {
                let lap = CollectedLap::from_bytes(*lap);
                rows.entry(lap.subject).or_default().push(lap.row);
                let laps = laps.entry(lap.subject).or_default();
                laps.push(f64::from(lap.seconds));
            }
            drop(bytes);
            let driver = |(subject, laps)| DriverLaps { subject, laps };
            let drivers: Vec<DriverLaps> = laps.into_iter().map(driver).collect();
            let paced = cells.publish(&drivers, rng);
            report.cells += paced.cells as u64;
            report.published += paced.drivers.len() as u64;
            report.left_out += paced.left_out.len() as u64;
            published.make_room(paced.drivers.len().saturating_mul(policy.quota));
            for driver in paced.drivers {
                for lap in driver.laps {
                    let place = published.rows.len() as u32; // no more published laps than rows
                    published.rows.push(PublishedRow {
                        row: rows[&driver.subject][lap.lap],
                        place,
                        // A whole number of steps. Larger ones than fit are laps of years.
                        ratio: (lap.ratio * RATIO_STEPS).round() as i32,
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
    /// Room for so many more. To grow by an eighth copies more often than to double, and never holds twice
    /// what is needed.
    fn make_room(&mut self, more: usize) {
        if self.rows.capacity() - self.rows.len() < more {
            self.rows.reserve_exact(more.max(self.rows.len() / 8));
        }
    }

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
        let found = self.find(row)?;
        Some(f64::from(found.ratio) / RATIO_STEPS)
    }
}

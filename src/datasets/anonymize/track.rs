//! Telemetry under a policy's `[track]`: which samples are published, and where they lie in the
//! [track frame](super::track_frame) of their venue.
//!
//! Memory grows with the rows (a byte each) and the venues.

use std::collections::{BTreeMap, HashMap};

use rand::rngs::ChaCha20Rng;
use rand::{RngExt, SeedableRng};

use super::policy::TrackPolicy;
use super::pseudonyms::ReleaseKey;
use super::track_frame::{FramePoint, Position, Quantity, Thinning, TrackFrame, centre};
use super::transforms::identity;
use crate::datasets::tables::{Batch, Cell, Schema, TableError};

/// Positions from which a venue's centre is found.
const MOST_POSITIONS: usize = 10_000;
/// Decimals to which a channel's steps are told from the noise of single precision.
const MOST_DECIMALS: i32 = 4;
/// How far off, as a share, a number is that was stored in single precision.
const SINGLE_PRECISION: f64 = 1.2e-7;

/// The samples of a table of telemetry.
pub(super) struct Samples {
    latitude: usize,
    longitude: usize,
    time: usize,
    session: Vec<usize>,
    venue: Option<usize>,
    hertz: f64,
    sessions: HashMap<Vec<u8>, Thinning>,
    /// By row of the table.
    kept: Vec<bool>,
    places: BTreeMap<String, Places>,
    frames: HashMap<String, (TrackFrame, Option<Position>)>,
}

/// Positions of a venue, evenly from all of its samples.
struct Places {
    positions: Vec<Position>,
    /// Every so many samples.
    stride: u64,
    samples: u64,
}

impl Samples {
    pub(super) fn new(policy: &TrackPolicy, schema: &Schema) -> Result<Samples, TableError> {
        let session = policy.session.iter();
        let venue = policy.venue.as_ref();
        Ok(Samples {
            latitude: schema.require(&policy.latitude)?,
            longitude: schema.require(&policy.longitude)?,
            time: schema.require(&policy.time)?,
            session: session
                .map(|name| schema.require(name))
                .collect::<Result<_, _>>()?,
            venue: venue.map(|name| schema.require(name)).transpose()?,
            hertz: policy.rate_hz,
            sessions: HashMap::new(),
            kept: Vec::new(),
            places: BTreeMap::new(),
            frames: HashMap::new(),
        })
    }

    /// Takes in a row that has a subject.
    pub(super) fn learn(&mut self, batch: &Batch, first_row: u64, row: usize) {
        let session = identity(batch, row, &self.session, None);
        let hertz = self.hertz;
        let thinning = self.sessions.entry(session);
        let thinning = thinning.or_insert_with(|| Thinning::new(hertz));
        let time = batch.column(self.time).cell(row).as_number();
        if !time.is_some_and(|time| thinning.keeps(time)) {
            return;
        }
        let Ok(number) = usize::try_from(first_row + row as u64) else {
            return;
        };
        self.kept.resize(number + 1, false);
        self.kept[number] = true;
        let position = self.position(batch, row).filter(|place| place.is_valid());
        let places = self.places.entry(self.venue(batch, row)).or_default();
        if let Some(position) = position {
            places.add(position);
        }
    }

    /// Draws the frame of each venue.
    pub(super) fn settle(&mut self, key: &ReleaseKey) {
        self.sessions.clear();
        for (venue, places) in std::mem::take(&mut self.places) {
            let mut rng = key.generator(&format!("track frame {venue}"));
            let frame = TrackFrame::draw(&mut rng);
            self.frames.insert(venue, (frame, centre(places.positions)));
        }
    }

    /// Whether a row of the table is published.
    pub(super) fn keeps(&self, row: u64) -> bool {
        let row = usize::try_from(row).ok();
        row.and_then(|row| self.kept.get(row)).copied() == Some(true)
    }

    /// Where a sample lies; nothing without a fix.
    pub(super) fn point(&self, batch: &Batch, row: usize) -> Option<FramePoint> {
        let (frame, centre) = self.frames.get(&self.venue(batch, row))?;
        frame.point(self.position(batch, row)?, (*centre)?)
    }

    /// A channel's value as the frame of its venue shows it.
    pub(super) fn value(
        &self,
        quantity: Quantity,
        batch: &Batch,
        row: usize,
        value: f64,
    ) -> Option<f64> {
        let (frame, _) = self.frames.get(&self.venue(batch, row))?;
        Some(frame.value(quantity, value))
    }

    fn venue(&self, batch: &Batch, row: usize) -> String {
        let cell = self.venue.map(|venue| batch.column(venue).cell(row));
        cell.map(|cell| cell.to_string()).unwrap_or_default()
    }

    fn position(&self, batch: &Batch, row: usize) -> Option<Position> {
        Some(Position {
            latitude: batch.column(self.latitude).cell(row).as_number()?,
            longitude: batch.column(self.longitude).cell(row).as_number()?,
        })
    }
}

impl Default for Places {
    fn default() -> Places {
        Places {
            positions: Vec::new(),
            stride: 1,
            samples: 0,
        }
    }
}

impl Places {
    fn add(&mut self, position: Position) {
        if self.samples.is_multiple_of(self.stride) {
            if self.positions.len() == MOST_POSITIONS {
                let mut every_other = [true, false].into_iter().cycle();
                self.positions.retain(|_| every_other.next() == Some(true));
                self.stride *= 2;
            }
            self.positions.push(position);
        }
        self.samples += 1;
    }
}

/// The steps in which a channel was logged. Scaled, they would tell the scale, so values are first moved
/// within their steps at random and rounded to as many decimals as before.
pub(super) struct Steps {
    decimals: i32,
    seed: Option<[u8; 32]>,
}

impl Steps {
    pub(super) fn new() -> Steps {
        Steps {
            decimals: 0,
            seed: None,
        }
    }

    pub(super) fn learn(&mut self, value: f64) {
        while self.decimals < MOST_DECIMALS {
            let scaled = value * 10_f64.powi(self.decimals);
            if (scaled - scaled.round()).abs() <= SINGLE_PRECISION * scaled.abs().max(1e-3) {
                return;
            }
            self.decimals += 1;
        }
    }

    pub(super) fn settle(&mut self, key: &ReleaseKey, column: &str) {
        self.seed = Some(key.generator(&format!("steps of {column}")).random());
    }

    /// Random numbers for the batch that begins at this row: the same in every pass.
    pub(super) fn random(&self, first_row: u64) -> Option<ChaCha20Rng> {
        let mut random = ChaCha20Rng::from_seed(self.seed?);
        random.set_stream(first_row);
        Some(random)
    }

    pub(super) fn moved(&self, value: f64, random: &mut ChaCha20Rng) -> f64 {
        let half = 0.5 * 10_f64.powi(-self.decimals);
        value + random.random_range(-half..half)
    }

    pub(super) fn rounded(&self, value: f64) -> f64 {
        let decimals = self.decimals.unsigned_abs() as usize;
        format!("{value:.decimals$}").parse().unwrap_or(value)
    }
}

/// A channel's cell as a number.
pub(super) fn number(cell: Cell<'_>) -> Option<f64> {
    cell.as_number().filter(|value| value.is_finite())
}

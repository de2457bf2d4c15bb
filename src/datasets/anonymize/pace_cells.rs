//! Pace cells: lap times in which every driver looks like the others of a cell of at least k.
//!
//! Lap order, lap count and the distribution of lap times each name a driver to whoever holds public
//! results. So the drivers of a session are sorted by their median pace and cut into cells, and a
//! driver's published laps are made from the cell: its median, residuals drawn from those of all its
//! members (each member as likely as the other, whatever its lap count), and noise.
//!
//! **What protects.** Given the cell, the published laps of its members are drawn from one and the
//! same law. Nothing that anybody computes from them can tell the members apart, so no attack on the
//! lap times, whatever it knows of the originals, links more than one of a cell's drivers on average:
//! a share of at most 1/k. Keeping each driver's own residuals does not reach that, because some are
//! steadier than others: in cells of five, a quarter of the drivers of real races was linked.
//!
//! **What is lost.** Order and number of laps, best laps, how steady a single driver is, and the pace
//! ranking inside a cell: there all have the same median, exactly, because fifteen random laps would
//! otherwise rank them by luck and put drivers of neighbouring cells in the wrong order. What remains
//! is the cell's pace and spread.
//!
//! **What it does not protect from.** Cells differ from session to session, so a pseudonym that spans
//! several sessions shows several cells of a driver, and few drivers share them all: scope the
//! pseudonyms to the session. The same holds for two releases of one session under different
//! settings. Other columns that are published beside the lap time (sectors, kart, stint) keep what they
//! tell. Sectors that are published must not add up to the true lap.

use std::ops::Range;

use rand::seq::SliceRandom;
use rand::seq::index::sample;
use rand::{CryptoRng, RngExt};
use rand_distr::StandardNormal;

use super::quantiles::{ascending, median, quantile};

/// Published ratios have four decimals, 6 ms of a minute's lap: about what the timing itself has.
pub(super) const RATIO_STEPS: f64 = 1e4;

/// A driver's laps in one session, in seconds. Laps that are not finite or not positive are ignored.
#[derive(Debug, Clone, PartialEq)]
pub struct DriverLaps {
    pub subject: u32,
    pub laps: Vec<f64>,
}

/// How cells are made. [`PaceCells::new`] checks the settings.
#[derive(Debug, Clone, PartialEq)]
pub struct PaceCells {
    cell_size: usize,
    quota: usize,
    noise: f64,
    keep: Range<f64>,
}

/// A setting out of its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct PaceCellsError {
    pub setting: &'static str,
    pub problem: &'static str,
}

impl PaceCells {
    /// What a cell holds beyond the k that is promised. In cells of k the best of many attacks links 1/k
    /// on average, and its measured bound exceeds 1/k + 0.05 by luck in one of eleven releases of real
    /// laps (k = 5); with one driver more, in none of a hundred (k = 5, 8, 11).
    pub const MARGIN: usize = 1;
    /// Laps of each driver that are published.
    pub const QUOTA: usize = 15;
    /// Standard deviation of the noise, as a share of the session's median lap.
    pub const NOISE: f64 = 0.005;
    /// Clean laps, as shares of the session's median lap: neither short cuts nor stops.
    pub const KEEP: Range<f64> = 0.9..1.08;

    /// Cells of at least `cell_size` drivers, `quota` laps of each, noise of that share of the session's
    /// median, made from the laps in `keep` (shares of the session's median).
    ///
    /// # Errors
    /// [`PaceCellsError`] names the setting that is out of range.
    pub fn new(
        cell_size: usize,
        quota: usize,
        noise: f64,
        keep: Range<f64>,
    ) -> Result<PaceCells, PaceCellsError> {
        let refuse = |setting, problem| Err(PaceCellsError { setting, problem });
        if cell_size < 2 {
            let problem = "must be at least 2: a cell of one is the driver's own pace";
            return refuse("the cell size", problem);
        }
        if !(1..=10_000).contains(&quota) {
            return refuse("the quota", "must be between 1 and 10,000 laps");
        }
        if !(0.0..=0.1).contains(&noise) {
            return refuse("the noise", "must be a share between 0 and 0.1");
        }
        if !(keep.start > 0.0 && keep.start < 1.0 && keep.end > 1.0 && keep.end.is_finite()) {
            let problem = "must begin between 0 and 1 and end above 1, in shares of the median lap";
            return refuse("the range of clean laps", problem);
        }
        Ok(PaceCells {
            cell_size,
            quota,
            noise,
            keep,
        })
    }

    /// Makes the laps that are published of one session.
    ///
    /// `rng` must be seeded from the release's key: whoever can repeat the draws can undo them.
    pub fn publish(&self, drivers: &[DriverLaps], rng: &mut impl CryptoRng) -> PublishedPace {
        let all = drivers.iter().flat_map(|driver| &driver.laps).copied();
        let session_median = median(all.filter(|lap| *lap > 0.0)).unwrap_or(f64::NAN);
        let mut left_out = Vec::new();
        let mut paced: Vec<Paced> = Vec::new();
        for driver in drivers {
            let ratio = |(lap, seconds): (usize, &f64)| (lap, seconds / session_median);
            let laps = driver.laps.iter().enumerate().map(ratio);
            let laps: Vec<_> = laps.filter(|lap| lap.1 > 0.0).collect();
            let clean: Vec<_> = laps
                .iter()
                .copied()
                .filter(|lap| self.keep.contains(&lap.1))
                .collect();
            let pace = median(laps.iter().map(|lap| lap.1));
            let clean_pace = median(clean.iter().map(|lap| lap.1));
            match (pace, clean_pace) {
                (Some(pace), Some(clean_pace)) if clean.len() >= self.quota => paced.push(Paced {
                    subject: driver.subject,
                    pace,
                    residuals: clean
                        .iter()
                        .map(|(lap, ratio)| (*lap, ratio - clean_pace))
                        .collect(),
                }),
                _ => left_out.push(LeftOut {
                    subject: driver.subject,
                    reason: LeftOutReason::FewCleanLaps {
                        clean: clean.len(),
                        wanted: self.quota,
                    },
                }),
            }
        }
        let cells = paced.len() / self.cell_size;
        if cells == 0 {
            let reason = LeftOutReason::FewDrivers {
                drivers: paced.len(),
                wanted: self.cell_size,
            };
            left_out.extend(paced.into_iter().map(|driver| LeftOut {
                subject: driver.subject,
                reason: reason.clone(),
            }));
            return PublishedPace {
                session_median,
                cells: 0,
                drivers: Vec::new(),
                left_out,
            };
        }

        paced.sort_by(|a, b| {
            let by_pace = a.pace.total_cmp(&b.pace);
            by_pace.then(a.subject.cmp(&b.subject))
        });
        let mut published = Vec::with_capacity(paced.len());
        for cell in 0..cells {
            // Cells of k or a few more, as even as the number of drivers allows.
            let members = cell * paced.len() / cells..(cell + 1) * paced.len() / cells;
            published.extend(self.publish_cell(&paced[members], rng));
        }
        // In the order of the cells, rows would tell the order of pace.
        published.shuffle(rng);
        PublishedPace {
            session_median,
            cells,
            drivers: published,
            left_out,
        }
    }

    fn publish_cell(&self, members: &[Paced], rng: &mut impl CryptoRng) -> Vec<PublishedDriver> {
        let centre = median(members.iter().map(|driver| driver.pace)).unwrap_or(1.0);
        let mut publish = |driver: &Paced| {
            let mut residuals: Vec<f64> = (0..self.quota)
                .map(|_| {
                    let member = &members[rng.random_range(0..members.len())];
                    let lap = rng.random_range(0..member.residuals.len());
                    member.residuals[lap].1 + self.noise * rng.sample::<f64, _>(StandardNormal)
                })
                .collect();
            let ordered = ascending(residuals.iter().copied());
            let middle = quantile(&ordered, 0.5).unwrap_or(0.0);
            for residual in &mut residuals {
                *residual -= middle;
            }
            // Which of its laps stand for the driver says nothing of the values they carry.
            let laps = sample(rng, driver.residuals.len(), self.quota).into_iter();
            let laps = laps.zip(residuals).map(|(lap, residual)| PublishedLap {
                lap: driver.residuals[lap].0,
                ratio: ((centre + residual) * RATIO_STEPS).round() / RATIO_STEPS,
            });
            PublishedDriver {
                subject: driver.subject,
                laps: laps.collect(),
            }
        };
        members.iter().map(&mut publish).collect()
    }
}

/// A driver with enough clean laps. All is in shares of the session's median.
struct Paced {
    subject: u32,
    /// The median of all laps, which is what the drivers are ranked by.
    pace: f64,
    /// The places of the clean laps, and what they are slower than the driver's median clean lap.
    residuals: Vec<(usize, f64)>,
}

/// The laps that are published of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedPace {
    /// The median of all laps in seconds: ratio times this is a lap time (not a number in a session
    /// without laps, which publishes none).
    pub session_median: f64,
    pub cells: usize,
    /// In random order, which is the order to publish them in.
    pub drivers: Vec<PublishedDriver>,
    pub left_out: Vec<LeftOut>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PublishedDriver {
    pub subject: u32,
    /// In random order, exactly as many as the quota.
    pub laps: Vec<PublishedLap>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PublishedLap {
    /// The place among the driver's laps of the row that carries the value; drawn, and unrelated to it.
    pub lap: usize,
    /// The published lap time over the session's median.
    pub ratio: f64,
}

/// A driver of whom nothing is published.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    pub subject: u32,
    pub reason: LeftOutReason,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LeftOutReason {
    #[error("{clean} clean laps, {wanted} are published of everybody")]
    FewCleanLaps { clean: usize, wanted: usize },
    #[error("the session has {drivers} drivers with enough clean laps, a cell needs {wanted}")]
    FewDrivers { drivers: usize, wanted: usize },
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use rand::SeedableRng;
    use rand::rngs::ChaCha20Rng;

    use super::*;

    fn cells(cell_size: usize) -> PaceCells {
        PaceCells::new(cell_size, 15, PaceCells::NOISE, PaceCells::KEEP).unwrap()
    }

    /// Drivers from fast to slow, each steadier than the next.
    fn session(drivers: u32, laps: usize) -> Vec<DriverLaps> {
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        let driver = |subject: u32| {
            let pace = 60.0 + 0.3 * f64::from(subject);
            let spread = 0.05 * f64::from(subject + 1);
            let mut lap = || pace + spread * rng.sample::<f64, _>(StandardNormal);
            DriverLaps {
                subject,
                laps: (0..laps).map(|_| lap()).collect(),
            }
        };
        (0..drivers).map(driver).collect()
    }

    fn published_median(driver: &PublishedDriver) -> f64 {
        median(driver.laps.iter().map(|lap| lap.ratio)).unwrap()
    }

    #[test]
    fn the_members_of_a_cell_have_one_pace_and_cells_keep_their_order() {
        let session = session(13, 40);
        let published = cells(4).publish(&session, &mut ChaCha20Rng::seed_from_u64(1));
        assert_eq!((published.cells, published.drivers.len()), (3, 13));
        let paces: BTreeMap<u32, f64> = published
            .drivers
            .iter()
            .map(|driver| (driver.subject, published_median(driver)))
            .collect();
        let members = |pace: &f64| paces.values().filter(|other| *other == pace).count();
        assert!(paces.values().all(|pace| (4..=5).contains(&members(pace))));
        let in_order: Vec<_> = paces.values().collect();
        assert!(in_order.is_sorted(), "{in_order:?}");
    }

    #[test]
    fn laps_are_a_fixed_number_of_distinct_clean_ones_in_random_order() {
        let mut session = session(5, 40);
        session[2].laps[7] = 300.0;
        session[2].laps[8] = f64::NAN;
        let published = cells(5).publish(&session, &mut ChaCha20Rng::seed_from_u64(1));
        for driver in &published.drivers {
            let places: Vec<usize> = driver.laps.iter().map(|lap| lap.lap).collect();
            assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), 15);
            assert!(!places.is_sorted());
            if driver.subject == 2 {
                assert!(!places.contains(&7) && !places.contains(&8));
            }
        }
        let order: Vec<u32> = published.drivers.iter().map(|d| d.subject).collect();
        assert!(!order.is_sorted(), "the fastest come first: {order:?}");
    }

    #[test]
    fn a_steady_driver_is_as_unsteady_as_the_cell() {
        // Driver 0's laps spread 0.05 s, driver 4's 0.25 s. Over many releases both spread alike.
        let session = session(5, 40);
        let spread = |subject: u32| {
            let spreads = (0..200).map(|seed| {
                let mut rng = ChaCha20Rng::seed_from_u64(seed);
                let published = cells(5).publish(&session, &mut rng);
                let mut drivers = published.drivers.iter();
                let driver = drivers.find(|driver| driver.subject == subject).unwrap();
                let pace = published_median(driver);
                let laps = driver.laps.iter();
                laps.map(|lap| (lap.ratio - pace).powi(2)).sum::<f64>() / 15.0
            });
            (spreads.sum::<f64>() / 200.0).sqrt()
        };
        let (steady, wild) = (spread(0), spread(4));
        assert!((steady / wild - 1.0).abs() < 0.08, "{steady} and {wild}");
    }

    #[test]
    fn those_with_too_few_clean_laps_are_left_out_and_told() {
        let mut drivers = session(6, 20);
        drivers[1].laps.truncate(14);
        let published = cells(5).publish(&drivers, &mut ChaCha20Rng::seed_from_u64(1));
        assert_eq!(published.drivers.len(), 5);
        let reason = LeftOutReason::FewCleanLaps {
            clean: 14,
            wanted: 15,
        };
        assert_eq!(published.left_out, [LeftOut { subject: 1, reason }]);

        let few = cells(7).publish(&session(6, 20), &mut ChaCha20Rng::seed_from_u64(1));
        assert!(few.drivers.is_empty());
        assert_eq!(few.left_out.len(), 6);
        assert_eq!(
            few.left_out[0].reason.to_string(),
            "the session has 6 drivers with enough clean laps, a cell needs 7"
        );
        let none = cells(7).publish(&[], &mut ChaCha20Rng::seed_from_u64(1));
        assert!(none.drivers.is_empty() && none.left_out.is_empty());
    }

    #[test]
    fn the_key_decides_everything() {
        let session = session(12, 30);
        let publish = |seed| cells(5).publish(&session, &mut ChaCha20Rng::seed_from_u64(seed));
        assert_eq!(publish(1), publish(1));
        assert_ne!(publish(1).drivers, publish(2).drivers);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let refused = |cells: Result<PaceCells, PaceCellsError>| cells.unwrap_err().setting;
        assert_eq!(
            refused(PaceCells::new(1, 15, 0.0, 0.9..1.1)),
            "the cell size"
        );
        assert_eq!(refused(PaceCells::new(5, 0, 0.0, 0.9..1.1)), "the quota");
        assert_eq!(
            refused(PaceCells::new(5, 15, f64::NAN, 0.9..1.1)),
            "the noise"
        );
        let range = "the range of clean laps";
        assert_eq!(refused(PaceCells::new(5, 15, 0.0, 1.1..0.9)), range);
        assert_eq!(
            refused(PaceCells::new(5, 15, 0.0, 0.9..f64::INFINITY)),
            range
        );
    }
}

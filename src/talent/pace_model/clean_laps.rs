//! Which laps tell something about a driver's pace.

use rustc_hash::FxHashMap;

use super::Observation;

/// A lap slower than this times the median of its session is no attempt to be fast.
const SLOWEST_OF_SESSION: f64 = 1.08;
/// A lap faster than this times the median of its session cut the track or missed a timing loop.
const FASTEST_OF_SESSION: f64 = 0.90;
/// A lap slower than this times the median of its own stint was lost to a mistake or to traffic:
/// clean laps deviate by 0.75 % from each other. Of real laps 4 % would be too lenient: five of them then
/// tell a driver with a reliability of 0.81 instead of 0.82.
const SLOWEST_OF_STINT: f64 = 1.03;

/// A lap as it was timed, with what decides whether it is clean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedLap<'a> {
    pub observation: Observation<'a>,
    /// The first lap of a stint, out of the pits or from the grid, on cold tyres.
    pub out_lap: bool,
    /// A lap through the pit lane.
    pub pit: bool,
}

/// Keeps the laps that were driven at racing speed.
///
/// Dropped are, in this order: out-laps, pit laps and laps without a positive time; laps slower than
/// 1.08 or faster than 0.90 times the median of their session (wet and dry apart); laps slower than
/// 1.03 times the median of their own stint.
pub fn clean_laps<'a>(laps: &[TimedLap<'a>]) -> Vec<Observation<'a>> {
    let clean = clean_positions(laps).into_iter();
    clean.map(|position| laps[position].observation).collect()
}

/// The positions of the laps that [`clean_laps`] keeps, ascending.
pub fn clean_positions(laps: &[TimedLap<'_>]) -> Vec<usize> {
    let mut kept: Vec<(usize, &TimedLap<'_>)> = laps
        .iter()
        .enumerate()
        .filter(|(_, lap)| !lap.out_lap && !lap.pit)
        .filter(|(_, lap)| lap.observation.seconds.is_finite() && lap.observation.seconds > 0.0)
        .collect();
    fn session<'a>(lap: &TimedLap<'a>) -> (&'a str, &'a str, bool) {
        let o = &lap.observation;
        (o.event, o.session, o.wet)
    }
    let medians = medians_by(&kept, session);
    kept.retain(|(_, lap)| {
        let ratio = lap.observation.seconds / medians[&session(lap)];
        (FASTEST_OF_SESSION..=SLOWEST_OF_SESSION).contains(&ratio)
    });
    type Stint<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, bool);
    fn stint<'a>(lap: &TimedLap<'a>) -> Stint<'a> {
        let o = &lap.observation;
        (o.event, o.session, o.driver, o.kart, o.stint, o.wet)
    }
    let medians = medians_by(&kept, stint);
    kept.retain(|(_, lap)| lap.observation.seconds <= SLOWEST_OF_STINT * medians[&stint(lap)]);
    kept.into_iter().map(|(position, _)| position).collect()
}

fn medians_by<'a, Key: std::hash::Hash + Eq>(
    laps: &[(usize, &TimedLap<'a>)],
    key: impl Fn(&TimedLap<'a>) -> Key,
) -> FxHashMap<Key, f64> {
    let mut groups: FxHashMap<Key, Vec<f64>> = FxHashMap::default();
    for (_, lap) in laps {
        groups
            .entry(key(lap))
            .or_default()
            .push(lap.observation.seconds);
    }
    groups
        .into_iter()
        .map(|(key, mut seconds)| {
            let middle = seconds.len() / 2;
            let (_, median, _) = seconds.select_nth_unstable_by(middle, f64::total_cmp);
            (key, *median)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lap(seconds: f64) -> TimedLap<'static> {
        TimedLap {
            observation: Observation {
                driver: "d",
                event: "e",
                session: "race",
                kart: "1",
                stint: "1",
                seconds,
                wet: false,
            },
            out_lap: false,
            pit: false,
        }
    }

    fn kept(laps: &[TimedLap<'_>]) -> Vec<f64> {
        clean_laps(laps).iter().map(|o| o.seconds).collect()
    }

    #[test]
    fn slow_shortened_and_timeless_laps_are_dropped() {
        let laps = [50.0, 50.1, 50.2, 50.3, 53.0, 60.0, 30.0, f64::NAN, 0.0].map(lap);
        assert_eq!(kept(&laps), [50.0, 50.1, 50.2, 50.3]);
    }

    #[test]
    fn out_laps_and_pit_laps_are_dropped_however_fast() {
        let mut laps = [50.0, 50.1, 50.2].map(lap);
        laps[0].out_lap = true;
        laps[1].pit = true;
        assert_eq!(kept(&laps), [50.2]);
    }

    #[test]
    fn a_wet_lap_is_not_slow_for_a_wet_session() {
        let mut laps = [50.0, 50.1, 50.2, 67.0, 67.2].map(lap);
        for wet in &mut laps[3..] {
            wet.observation.wet = true;
        }
        assert_eq!(kept(&laps).len(), 5);
    }

    #[test]
    fn a_slow_driver_is_measured_by_their_own_laps() {
        let mut laps = vec![lap(50.0); 5];
        for seconds in [53.0, 53.1, 53.2, 53.9] {
            let mut slow = lap(seconds);
            slow.observation.driver = "slow";
            laps.push(slow);
        }
        assert_eq!(kept(&laps).len(), 9);
    }
}

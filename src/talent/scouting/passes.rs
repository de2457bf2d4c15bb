//! Passes beyond the expected.

use std::collections::BTreeMap;

use super::least_squares::least_squares;
use super::{FEWEST_PEERS, ScoutedLap, Session, session};

/// For each driver and race, passes on a lap beyond what is usual, and the laps. Usual is what a plane through
/// all drivers of all races says, by the pace beyond that of who else is in the race and by the place on the
/// grid: who starts in front has nobody to pass.
pub(super) fn passes_above_expected<'a>(
    laps: &[ScoutedLap<'a>],
    paces: &BTreeMap<&str, f64>,
) -> BTreeMap<&'a str, Vec<(f64, f64)>> {
    struct Race<'a> {
        driver: &'a str,
        pace: f64,
        start: f64,
        passes: f64,
        laps: f64,
    }
    let mut races: BTreeMap<Session<'a>, BTreeMap<&'a str, Race<'a>>> = BTreeMap::new();
    for lap in laps {
        let of = &lap.lap.observation;
        let (Some(position), Some(passes), Some(pace)) =
            (lap.position, lap.passes, paces.get(of.driver))
        else {
            continue;
        };
        let race = races.entry(session(of)).or_default();
        let of_driver = race.entry(of.driver).or_insert(Race {
            driver: of.driver,
            pace: *pace,
            start: f64::from(position),
            passes: 0.0,
            laps: 0.0,
        });
        of_driver.passes += f64::from(passes);
        of_driver.laps += 1.0;
    }
    let mut starts: Vec<Race<'a>> = Vec::new();
    for race in races.into_values() {
        let count = race.len() as f64;
        let mean = race.values().map(|r| r.pace).sum::<f64>() / count;
        starts.extend(race.into_values().map(|r| Race {
            pace: r.pace - mean,
            start: r.start / count,
            ..r
        }));
    }
    let column = |value: fn(&Race<'a>) -> f64| starts.iter().map(value).collect::<Vec<f64>>();
    let columns = [column(|_| 1.0), column(|r| r.pace), column(|r| r.start)];
    let rates = column(|r| r.passes / r.laps);
    let mut found: BTreeMap<&'a str, Vec<(f64, f64)>> = BTreeMap::new();
    let Some(plane) = least_squares(&columns, &rates, &column(|r| r.laps)) else {
        return found;
    };
    for (race, residual) in starts.iter().zip(plane.residuals) {
        found
            .entry(race.driver)
            .or_default()
            .push((residual, race.laps));
    }
    if found.len() < FEWEST_PEERS {
        found.clear();
    }
    found
}

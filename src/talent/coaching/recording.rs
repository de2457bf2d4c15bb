//! A logger's or a timing loop's file as the laps of one driver.

use super::session::DrivenLap;
use crate::datasets::readers::Session;

/// Sectors whose sum misses the lap by more milliseconds are not all of its sectors.
pub const TOLERANCE: u32 = 50;

/// Why a file is no session of one driver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSession {
    /// The file has no laps.
    #[error("this file has no laps: send one with lap times, or a recording with its start line")]
    NoLaps,
    /// It has laps of several drivers.
    #[error("this file has laps of {0} drivers: send the laps of one")]
    ManyDrivers(usize),
}

/// The laps of a file, numbered anew in the order of driving. The first is the out-lap; one that began or ended in
/// the pits counts as a lap through them. What takes no time within `bounds` (milliseconds) is left out, and so are
/// sectors that do not add up to their lap.
///
/// # Errors
/// [`NoSession`].
pub fn laps(
    recording: &Session,
    bounds: &std::ops::RangeInclusive<u32>,
) -> Result<Vec<DrivenLap>, NoSession> {
    let drivers: std::collections::BTreeSet<_> =
        recording.laps.iter().map(|lap| &lap.driver).collect();
    if drivers.len() > 1 {
        return Err(NoSession::ManyDrivers(drivers.len()));
    }
    let timed = recording.laps.iter().filter_map(|lap| {
        let time = milliseconds(lap.seconds).filter(|time| bounds.contains(time))?;
        Some((lap, time))
    });
    let laps: Vec<DrivenLap> = timed
        .zip(1..)
        .map(|((lap, time), number)| {
            let sectors: Option<Vec<u32>> = lap
                .sectors
                .iter()
                .map(|sector| milliseconds(*sector))
                .collect();
            let sectors = sectors.unwrap_or_default();
            let sum: u64 = sectors.iter().map(|sector| u64::from(*sector)).sum();
            let adds_up = sum.abs_diff(time.into()) <= TOLERANCE.into();
            DrivenLap {
                number,
                milliseconds: time,
                sectors: if adds_up { sectors } else { Vec::new() },
                out_lap: number == 1,
                pit: lap.incomplete && number > 1,
            }
        })
        .collect();
    if laps.is_empty() {
        return Err(NoSession::NoLaps);
    }
    Ok(laps)
}

/// Seconds as whole milliseconds; none for what is no positive time.
fn milliseconds(seconds: f64) -> Option<u32> {
    let milliseconds = (seconds * 1000.0).round();
    (milliseconds >= 1.0 && milliseconds <= f64::from(u32::MAX)).then_some(milliseconds as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::readers::read_bytes;

    const BOUNDS: std::ops::RangeInclusive<u32> = 5_000..=1_200_000;

    fn read(table: &str) -> Result<Vec<DrivenLap>, NoSession> {
        let (_, session) = read_bytes(table.to_owned().into()).unwrap();
        laps(&session, &BOUNDS)
    }

    #[test]
    fn a_lap_table_is_a_session() {
        let table = "lap,lap_time,sector_1,sector_2\n1,52.1,26.0,26.1\n2,50.002,25.001,25.001\n\
                     3,2.5,1.0,1.5\n4,50.1,25.0,20.0\n";
        let laps = read(table).unwrap();
        let times: Vec<(u32, u32)> = laps
            .iter()
            .map(|lap| (lap.number, lap.milliseconds))
            .collect();
        assert_eq!(times, [(1, 52_100), (2, 50_002), (3, 50_100)]);
        assert!(laps[0].out_lap && !laps[1].out_lap);
        assert_eq!(laps[1].sectors, [25_001, 25_001]);
        assert!(laps[2].sectors.is_empty(), "they do not add up");
    }

    #[test]
    fn a_file_of_a_whole_race_is_refused_with_the_remedy() {
        let table = "driver,lap,lap_time\na,1,50.1\nb,1,50.2\n";
        assert_eq!(read(table), Err(NoSession::ManyDrivers(2)));
        assert_eq!(laps(&Session::default(), &BOUNDS), Err(NoSession::NoLaps));
    }
}

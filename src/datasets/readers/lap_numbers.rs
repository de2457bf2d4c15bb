//! Laps from a channel that numbers them.

use super::samples::microseconds;
use super::session::Lap;

/// The laps that the samples' own numbers make. A lap that touches the beginning or the end of the
/// recording was not driven from line to line. `outside` is the number that means "in no lap".
pub fn laps(times: &[f64], numbers: &[f64], outside: Option<f64>) -> Vec<Lap> {
    let mut laps = Vec::new();
    let mut open: Option<Lap> = None;
    // When the numbers ceased, within the open lap.
    let mut ceased = None;
    for (index, (&time, &number)) in times.iter().zip(numbers).enumerate() {
        let counts = (0.0..=f64::from(u32::MAX)).contains(&number) && Some(number) != outside;
        if !counts {
            ceased = ceased.or(open.is_some().then_some(time));
            continue;
        }
        let number = number as u32;
        if let Some(lap) = open.take_if(|lap| lap.number != number) {
            laps.push(ended(lap, ceased.unwrap_or(time)));
        }
        ceased = None;
        open.get_or_insert_with(|| Lap {
            number,
            start: Some(time),
            incomplete: index == 0 || number == 0,
            ..Lap::default()
        });
    }
    if let (Some(mut lap), Some(&end)) = (open, times.last()) {
        lap.incomplete |= ceased.is_none();
        laps.push(ended(lap, ceased.unwrap_or(end)));
    }
    laps
}

fn ended(lap: Lap, end: f64) -> Lap {
    Lap {
        seconds: microseconds(end - lap.start.unwrap_or(end)),
        ..lap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(numbers: &[f64], outside: Option<f64>) -> Vec<(u32, f64, bool)> {
        let times: Vec<f64> = (0..numbers.len()).map(|index| index as f64).collect();
        let laps = laps(&times, numbers, outside);
        laps.iter()
            .map(|lap| (lap.number, lap.seconds, lap.incomplete))
            .collect()
    }

    #[test]
    fn the_first_and_the_last_lap_are_not_from_line_to_line() {
        let laps = summary(&[8.0, 8.0, 9.0, 9.0, 9.0, 10.0, 10.0], None);
        assert_eq!(laps, [(8, 2.0, true), (9, 3.0, false), (10, 1.0, true)]);
    }

    #[test]
    fn a_lap_ends_where_the_numbers_cease() {
        let nan = f64::NAN;
        let laps = summary(&[nan, 1.0, 1.0, nan, nan, 2.0, nan, 2.0, nan], None);
        assert_eq!(laps, [(1, 2.0, false), (2, 3.0, false)]);
        let laps = summary(&[0.0, 1.0, 1.0, 0.0, 0.0], Some(0.0));
        assert_eq!(laps, [(1, 2.0, false)]);
        let laps = summary(&[0.0, 0.0, 1.0, 2.0], None);
        assert_eq!(laps, [(0, 2.0, true), (1, 1.0, false), (2, 0.0, true)]);
    }

    #[test]
    fn no_numbers_are_no_laps() {
        assert!(summary(&[f64::NAN, -1.0, 1e300], None).is_empty());
        assert!(summary(&[], None).is_empty());
    }
}

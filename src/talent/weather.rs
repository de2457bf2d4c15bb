//! Wet and dry, where a table does not tell: from how fast the whole field was.

use std::collections::BTreeMap;

use super::laps::LapTable;

/// Laps of the field that are looked at together.
const BLOCK: u32 = 20;
/// Fewer laps do not tell how fast a field is.
const FEWEST_LAPS: usize = 10;
/// Rain makes a lap about 35 % longer; a field that is slower by more than this drives in the wet.
const WET: f64 = 1.15;
/// A track that is slower by more than this is still drying, and every stretch of it has conditions of its own.
const DRYING: f64 = 1.02;
/// Events whose paces differ by less from the middle one are of one track.
const ONE_TRACK: f64 = 0.1;
/// So many of the events must be of one track for the others to be compared with it.
const MOST_EVENTS: f64 = 0.66;
const FEWEST_EVENTS: usize = 3;

/// Event, session and number of the block.
type Block = (String, String, u32);

/// Marks the laps that were driven in the wet, and divides a session in which the track dried into stretches of
/// like conditions. Says so in the table's warnings.
///
/// A field is told to be in the wet where its median lap of some laps is more than 15 % slower than at its
/// fastest at the event; or than at the other events, if most of them are so alike that they must be of one track.
pub(super) fn tell_apart(table: &mut LapTable) {
    let mut times: BTreeMap<Block, Vec<f64>> = BTreeMap::new();
    let block = |lap: &super::laps::Lap| -> Block {
        let number = lap.number.unwrap_or_default() / BLOCK;
        (lap.event.clone(), lap.session.clone(), number)
    };
    for lap in &table.laps {
        times.entry(block(lap)).or_default().push(lap.seconds);
    }
    let medians: BTreeMap<Block, f64> = times
        .into_iter()
        .filter(|(_, seconds)| seconds.len() >= FEWEST_LAPS)
        .map(|(block, seconds)| (block, median(seconds)))
        .collect();
    let mut fastest: BTreeMap<&str, f64> = BTreeMap::new();
    for ((event, ..), median) in &medians {
        let of_event = fastest.entry(event).or_insert(*median);
        *of_event = of_event.min(*median);
    }
    let track = pace_of_one_track(&fastest);
    let dry: BTreeMap<String, f64> = fastest
        .iter()
        .map(|(event, pace)| {
            let reference = track.filter(|track| *pace > WET * track).unwrap_or(*pace);
            ((*event).to_owned(), reference)
        })
        .collect();
    let fastest: BTreeMap<String, f64> = fastest
        .into_iter()
        .map(|(event, pace)| (event.to_owned(), pace))
        .collect();

    let whole = table.sessions().len();
    let mut wet_laps: BTreeMap<String, usize> = BTreeMap::new();
    for lap in &mut table.laps {
        let block = block(lap);
        let Some(median) = medians.get(&block) else {
            continue;
        };
        lap.wet = dry.get(&lap.event).is_some_and(|dry| *median > WET * dry);
        if lap.wet {
            *wet_laps.entry(lap.event.clone()).or_default() += 1;
        }
        if fastest
            .get(&lap.event)
            .is_some_and(|fastest| *median > DRYING * fastest)
        {
            let (from, to) = (block.2 * BLOCK, block.2 * BLOCK + BLOCK - 1);
            lap.session = format!("{} laps {from}-{to}", lap.session);
        }
    }
    let stretches = table.sessions().len().saturating_sub(whole);
    let events: Vec<String> = wet_laps
        .iter()
        .map(|(event, laps)| format!("{event} ({laps} laps)"))
        .collect();
    table.warnings.push(if events.is_empty() {
        "no column \"wet\": no field was so slow that it must have rained; all laps count as dry".to_owned()
    } else {
        format!(
            "no column \"wet\": told by how slow the field was, it rained at {}; {stretches} stretches of changing \
             track were told apart",
            events.join(", ")
        )
    });
}

/// The pace of the track that most events are of; `None` if there is no such track.
fn pace_of_one_track(fastest: &BTreeMap<&str, f64>) -> Option<f64> {
    let middle = median(fastest.values().copied().collect());
    let alike = fastest
        .values()
        .filter(|pace| (*pace / middle - 1.0).abs() <= ONE_TRACK)
        .count();
    let is_one = alike >= FEWEST_EVENTS && alike as f64 >= MOST_EVENTS * fastest.len() as f64;
    is_one.then_some(middle)
}

/// The upper median; NaN of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::super::laps::Lap;
    use super::*;

    fn event(name: &str, paces: impl Fn(u32) -> f64) -> Vec<Lap> {
        let lap = |number| Lap {
            driver: "d".to_owned(),
            event: name.to_owned(),
            number: Some(number),
            seconds: paces(number),
            ..Lap::default()
        };
        (1..100).map(lap).collect()
    }

    fn told(events: Vec<Vec<Lap>>) -> LapTable {
        let mut table = LapTable {
            laps: events.into_iter().flatten().collect(),
            ..LapTable::default()
        };
        tell_apart(&mut table);
        table
    }

    fn wet_of(table: &LapTable) -> Vec<(String, usize)> {
        let events = table.events().into_iter();
        events
            .map(|(event, (_, wet))| (event.to_owned(), wet))
            .collect()
    }

    #[test]
    fn the_one_event_that_was_much_slower_than_all_others_was_wet() {
        let dry = |name| event(name, |_| 43.0);
        let table = told(vec![dry("E1"), dry("E2"), dry("E3"), event("E4", |_| 58.0)]);
        let wet = wet_of(&table);
        assert_eq!(wet[3], ("E4".to_owned(), 99));
        assert!(wet[..3].iter().all(|(_, wet)| *wet == 0));
        assert!(
            table.warnings[0].contains("E4 (99 laps)"),
            "{:?}",
            table.warnings
        );
    }

    #[test]
    fn events_of_unlike_tracks_are_not_taken_for_wet() {
        let tracks = [("E1", 38.0), ("E2", 45.0), ("E3", 52.0), ("E4", 61.0)];
        let table = told(
            tracks
                .map(|(name, pace)| event(name, move |_| pace))
                .to_vec(),
        );
        assert!(wet_of(&table).iter().all(|(_, wet)| *wet == 0));
        assert!(table.laps.iter().all(|lap| lap.session.is_empty()));
    }

    #[test]
    fn a_drying_track_is_wet_first_and_then_cut_into_stretches() {
        let table = told(vec![event("E1", |lap| match lap {
            0..40 => 58.0,
            40..60 => 45.0,
            _ => 42.0,
        })]);
        assert_eq!(wet_of(&table), [("E1".to_owned(), 39)]);
        let sessions: Vec<String> = table.sessions().into_iter().map(|(_, s)| s).collect();
        assert_eq!(sessions, ["", " laps 0-19", " laps 20-39", " laps 40-59"]);
    }
}

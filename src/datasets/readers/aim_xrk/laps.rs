//! The laps that the logger timed, by a beacon or by its own start line.
//!
//! A LAP message comes at the end of each lap and of each sector in it: 1 sector (u8; 0 is the lap itself), 2 lap (u16),
//! 4 milliseconds since the lap began (u32), and the logger's time: at 16 in the older form of 20 bytes, at 28 in
//! the one of 32 bytes, which also says at 25 how the lap was ended: 1 it began with the recording, 2 line to line,
//! 3 it ended with the recording.

use crate::datasets::readers::laps::ends_at_the_line;
use crate::datasets::readers::session::{Lap, Session};

use super::messages::{i32_at, u16_at};
use super::seconds;

/// One LAP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LapMessage {
    /// 0 for a lap, else the sector.
    sector: u8,
    lap: u16,
    /// Since the lap began.
    duration_ms: i32,
    /// On the logger's clock.
    end_ms: i32,
    /// Whether it went from line to line, where the message says so.
    is_complete: Option<bool>,
}

impl LapMessage {
    pub(super) fn of(body: &[u8]) -> Result<LapMessage, &'static str> {
        const SHAPE: &str = "a lap of 20 or 32 bytes";
        const TIMES: &str = "a lap's times in milliseconds below 2³¹";
        let (end_at, is_complete) = match body.len() {
            20 => (16, None),
            32 => (28, body.get(25).map(|ending| *ending == 2)),
            _ => return Err(SHAPE),
        };
        let time = |at| i32_at(body, at).filter(|time| *time >= 0).ok_or(TIMES);
        Ok(LapMessage {
            sector: *body.get(1).ok_or(SHAPE)?,
            lap: u16_at(body, 2).ok_or(SHAPE)?,
            duration_ms: time(4)?,
            end_ms: time(end_at)?,
            is_complete,
        })
    }
}

/// Adds the laps to a session whose channels are known.
pub(super) fn add(messages: &[LapMessage], zero: i32, session: &mut Session) {
    let mut ends = Vec::new();
    // When each sector of the lap in hand ended, since the lap began.
    let mut sector_ends: Vec<i32> = Vec::new();
    for message in messages {
        if message.sector > 0 {
            sector_ends.push(message.duration_ms);
            continue;
        }
        let sectors = sectors(&sector_ends, message.duration_ms);
        sector_ends.clear();
        let (last_number, last_end) = match session.laps.last().zip(ends.last().copied()) {
            None => (None, zero),
            Some((last, end)) => (Some(last.number), end),
        };
        let number = u32::from(message.lap);
        let begin_ms = message.end_ms.saturating_sub(message.duration_ms);
        match last_number {
            // The logger writes a lap twice when its header is written again.
            Some(last) if number <= last => continue,
            // A message was lost, but the laps around it say what it would have said.
            Some(last) if number == last + 2 && begin_ms > last_end => {
                session.laps.push(Lap {
                    number: number - 1,
                    start: Some(seconds(last_end, zero)),
                    seconds: seconds(begin_ms, last_end),
                    ..Lap::default()
                });
                ends.push(begin_ms);
            }
            Some(last) if number > last + 1 => session.warnings.push(format!(
                "the logger's laps {} to {} are missing in the file",
                last + 1,
                number - 1
            )),
            _ => {}
        }
        let is_first = session.laps.is_empty();
        session.laps.push(Lap {
            number,
            start: Some(seconds(begin_ms, zero)),
            seconds: f64::from(message.duration_ms) / 1000.0,
            sectors,
            incomplete: match message.is_complete {
                Some(complete) => !complete,
                // An older logger does not say so: the first lap begins with the recording.
                None => is_first && begin_ms <= zero,
            },
            ..Lap::default()
        });
        ends.push(message.end_ms);
    }
    let says_nothing = messages.iter().all(|message| message.is_complete.is_none());
    if says_nothing && let Some(last) = session.laps.last() {
        let ends_elsewhere = ends_at_the_line(session, last) == Some(false);
        if let Some(last) = session.laps.last_mut() {
            last.incomplete |= ends_elsewhere;
        }
    }
}

/// From when the sectors ended to how long each took; none unless the ends rise to the lap's.
fn sectors(ends: &[i32], lap_ms: i32) -> Vec<f64> {
    if ends.is_empty() {
        return Vec::new();
    }
    let mut begin = 0;
    let ends = ends.iter().copied().chain([lap_ms]);
    let lengths = ends.map(|end| {
        let length = (end > begin).then(|| seconds(end, begin));
        begin = end;
        length
    });
    lengths.collect::<Option<Vec<f64>>>().unwrap_or_default()
}

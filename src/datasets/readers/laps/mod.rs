//! Laps from positions: where a file has a start line and no laps, they are cut at its crossings.

use crate::datasets::readers::plane::{Plane, Position, positions};
use crate::datasets::readers::sampling::LONGEST_GAP;
use crate::datasets::readers::session::{Lap, Session, TimingLine};

/// Seconds below which nobody drives a lap: passes of the line that come sooner are of a kart that stands on it.
const SHORTEST_LAP: f64 = 10.0;

/// Metres from the middle of a line that is made of a point to each of its ends.
const HALF_WIDTH: f64 = 15.0;

/// Metres from the start line within which a lap ends at it.
const AT_THE_LINE: f64 = 30.0;

/// Slower than this (m/s) a position's direction is noise.
const SLOWEST: f64 = 4.0;

/// One pass over the line.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pass {
    time: f64,
    /// From the right to the left of who looks from the line's one end to its other.
    leftwards: bool,
    /// Whether the positions around it are so far apart that its time is a guess.
    is_vague: bool,
}

/// Cuts the session into laps at the crossings of its start line, where the reader found no laps. The line counts in
/// the direction in which it was crossed most often; the time of a crossing is interpolated between the positions
/// before and after it. The way to the line is lap 0; it and the way back from the line are `incomplete`.
///
/// Where there is nothing to cut by, a warning says what to do.
pub fn cut(session: &mut Session) {
    if !session.laps.is_empty() {
        return;
    }
    match laps(session) {
        Ok(laps) => session.laps = laps,
        Err(reason) if session.warnings.contains(&reason) => {}
        Err(reason) => session.warnings.push(reason),
    }
}

fn laps(session: &Session) -> Result<Vec<Lap>, String> {
    let line = session.start_line.ok_or(
        "the file has neither laps nor a start line: set the start line in the logger or in its program and export \
         the session again",
    )?;
    let (plane, positions) = positions(session).ok_or(
        "the file has a start line but no positions: export the session again with latitude and longitude",
    )?;
    let (Some(first), Some(last)) = (positions.first(), positions.last()) else {
        return Ok(Vec::new());
    };
    let passes = counted(passes(&plane, line, &positions));
    if passes.is_empty() {
        return Err(
            "the positions never cross the start line, so there are no laps: see that the start line is the track's \
             own and export the session again"
                .to_owned(),
        );
    }
    let recording = |time, is_vague| Pass {
        time,
        leftwards: false,
        is_vague,
    };
    // Half a lap at both ends of the recording.
    let begin = recording(first.time, true);
    let end = recording(last.time, true);
    let bounds: Vec<Pass> = [begin].into_iter().chain(passes).chain([end]).collect();
    let laps = bounds.iter().zip(bounds.iter().skip(1)).zip(0..);
    Ok(laps
        .filter(|((from, to), _)| to.time > from.time)
        .map(|((from, to), number)| Lap {
            number,
            start: Some(from.time),
            seconds: to.time - from.time,
            incomplete: from.is_vague || to.is_vague,
            ..Lap::default()
        })
        .collect())
}

/// Where the way between two positions and the line meet.
fn passes(plane: &Plane, line: TimingLine, positions: &[Position]) -> Vec<Pass> {
    let from = plane.metres(line.from.0, line.from.1);
    let to = plane.metres(line.to.0, line.to.1);
    let across = (to.0 - from.0, to.1 - from.1);
    let steps = positions.iter().zip(positions.iter().skip(1));
    let passes = steps.filter_map(|(before, after)| {
        let way = (after.east - before.east, after.north - before.north);
        let to_line = (from.0 - before.east, from.1 - before.north);
        let slant = cross(way, across);
        // Fractions of the way and of the line; NaN for a kart that stands or drives along the line.
        let along_way = cross(to_line, across) / slant;
        let along_line = cross(to_line, way) / slant;
        // Half open: a position on the line itself belongs to one of the ways that it ends.
        let meets = along_way > 0.0 && along_way <= 1.0 && (0.0..=1.0).contains(&along_line);
        meets.then_some(Pass {
            time: before.time + along_way * (after.time - before.time),
            leftwards: slant < 0.0,
            is_vague: after.time - before.time > LONGEST_GAP,
        })
    });
    passes.collect()
}

fn cross(a: (f64, f64), b: (f64, f64)) -> f64 {
    a.0 * b.1 - a.1 * b.0
}

/// The passes that begin a lap: those in the direction of most, and none sooner than the shortest lap after another.
fn counted(passes: Vec<Pass>) -> Vec<Pass> {
    let leftwards = passes.iter().filter(|pass| pass.leftwards).count();
    let most = match leftwards.cmp(&(passes.len() - leftwards)) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Less => false,
        // As many each way: the first begins.
        std::cmp::Ordering::Equal => passes.first().is_some_and(|pass| pass.leftwards),
    };
    let mut counted: Vec<Pass> = Vec::new();
    for pass in passes {
        let is_lap = counted
            .last()
            .is_none_or(|last| pass.time - last.time >= SHORTEST_LAP);
        if pass.leftwards == most && is_lap {
            counted.push(pass);
        }
    }
    counted
}

/// The start line through a point, for files that know only the point: across the direction in which it was passed.
pub(super) fn line_across(session: &Session, latitude: f64, longitude: f64) -> Option<TimingLine> {
    let (_, positions) = positions_around(session, latitude, longitude)?;
    let plane = Plane::at(latitude, longitude);
    let (mut east, mut north) = (0.0, 0.0);
    for (before, after) in positions.iter().zip(positions.iter().skip(1)) {
        let seconds = after.time - before.time;
        let way = (after.east - before.east, after.north - before.north);
        let length = way.0.hypot(way.1);
        // NaN and the gaps in a recording fail this too.
        if !(length > SLOWEST * seconds && seconds > 0.0 && seconds <= LONGEST_GAP) {
            continue;
        }
        // The nearest place of the way to the point, which is the origin.
        let along = -(before.east * way.0 + before.north * way.1) / (length * length);
        let along = along.clamp(0.0, 1.0);
        let away = (before.east + along * way.0).hypot(before.north + along * way.1);
        // The nearest passes decide; another straight may pass not far away.
        let weight = (-away * away / 50.0).exp() / length;
        east += weight * way.0;
        north += weight * way.1;
    }
    let length = east.hypot(north);
    // Nobody passed the point, or as much one way as the other.
    if length.is_nan() || length < 1e-6 {
        return None;
    }
    let (right_east, right_north) = (north / length * HALF_WIDTH, -east / length * HALF_WIDTH);
    Some(TimingLine {
        from: plane.degrees(-right_east, -right_north),
        to: plane.degrees(right_east, right_north),
    })
}

/// The positions on the plane at a point.
fn positions_around(
    session: &Session,
    latitude: f64,
    longitude: f64,
) -> Option<(Plane, Vec<Position>)> {
    let (plane, mut positions) = positions(session)?;
    let (east, north) = plane.metres(latitude, longitude);
    for position in &mut positions {
        position.east -= east;
        position.north -= north;
    }
    Some((plane, positions))
}

/// Whether a lap ends near the start line; `None` without a line or a position at that time.
pub(super) fn ends_at_the_line(session: &Session, lap: &Lap) -> Option<bool> {
    let line = session.start_line?;
    let middle = (
        (line.from.0 + line.to.0) / 2.0,
        (line.from.1 + line.to.1) / 2.0,
    );
    let (_, positions) = positions_around(session, middle.0, middle.1)?;
    let end = lap.start? + lap.seconds;
    let next = positions.partition_point(|position| position.time < end);
    let position = positions.get(next).or(positions.last())?;
    Some(position.east.hypot(position.north) <= AT_THE_LINE)
}

#[cfg(test)]
mod tests;

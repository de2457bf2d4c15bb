//! Pictures of a session for a terminal: the track in braille characters, the laps as bars.

use super::picture::{Frame, fastest_lap, route};
use super::session::{Lap, Session};

/// How many laps have a bar.
const LAPS: usize = 60;

/// Dots in rows and columns, eight to a character.
struct Canvas {
    columns: usize,
    cells: Vec<u8>,
}

impl Canvas {
    fn new(columns: usize, rows: usize) -> Canvas {
        Canvas {
            columns,
            cells: vec![0; columns * rows],
        }
    }

    /// Sets the dot `x` from the left and `y` from the top; one outside is left out.
    fn set(&mut self, x: usize, y: usize) {
        // The bits of a braille character (Unicode, chapter 21.1): the left column, the right one, then the lowest row.
        const BITS: [[u8; 2]; 4] = [[0, 3], [1, 4], [2, 5], [6, 7]];
        if x / 2 >= self.columns {
            return;
        }
        let bit = BITS.get(y % 4).and_then(|row| row.get(x % 2));
        let cell = self.cells.get_mut(y / 4 * self.columns + x / 2);
        if let (Some(bit), Some(cell)) = (bit, cell) {
            *cell |= 1 << bit;
        }
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64)) {
        let steps = (to.0 - from.0)
            .abs()
            .max((to.1 - from.1).abs())
            .ceil()
            .max(1.0);
        let mut step = 0.0;
        while step <= steps {
            let along = |from: f64, to: f64| (from + (to - from) * step / steps).round();
            let (x, y) = (along(from.0, to.0), along(from.1, to.1));
            if x >= 0.0 && y >= 0.0 {
                self.set(x as usize, y as usize);
            }
            step += 1.0;
        }
    }

    fn text(&self) -> String {
        let rows = self.cells.chunks(self.columns.max(1)).map(|row| {
            let row: String = row
                .iter()
                .map(|bits| match bits {
                    0 => ' ',
                    bits => char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' '),
                })
                .collect();
            row.trim_end().to_owned()
        });
        let rows: Vec<String> = rows.collect();
        rows.join("\n")
    }
}

/// The way around the track on its fastest lap, in at most so many characters. `None` for a session without positions.
pub fn track_map(session: &Session, columns: usize, rows: usize) -> Option<String> {
    let route = route(session, fastest_lap(&session.laps));
    let frame = Frame::around(&route)?;
    let (width, height) = (
        (2 * columns).saturating_sub(1),
        (4 * rows).saturating_sub(1),
    );
    let scale = (width as f64 / frame.east).min(height as f64 / frame.north);
    // At most what was asked for; the sizes are whole and small.
    let rows = ((frame.north * scale / 4.0) as usize + 1).min(rows);
    let mut canvas = Canvas::new(columns, rows);
    let place = |east: f64, north: f64| {
        (
            (east - frame.west) * scale,
            (frame.south + frame.north - north) * scale,
        )
    };
    for (from, to) in route.iter().zip(route.iter().skip(1)) {
        canvas.line(place(from.east, from.north), place(to.east, to.north));
    }
    Some(canvas.text())
}

/// One line a lap: its number, its time, and a bar as long as what it took more than the fastest. Incomplete laps have
/// no bar.
pub fn lap_times(laps: &[Lap], columns: usize) -> String {
    let complete = || laps.iter().filter(|lap| !lap.incomplete);
    let best = complete()
        .map(|lap| lap.seconds)
        .fold(f64::INFINITY, f64::min);
    let worst = complete().map(|lap| lap.seconds).fold(0.0, f64::max);
    // A lap of twice the time is no measure for the others.
    let most = (worst - best).min(best * 0.15);
    let room = columns.saturating_sub(28);
    let mut lines: Vec<String> = laps
        .iter()
        .take(LAPS)
        .map(|lap| {
            let time = format!("{:>4}  {:>9.3} s", lap.number, lap.seconds);
            if lap.incomplete {
                return format!("{time}  incomplete");
            }
            let behind = lap.seconds - best;
            let share = if most > 0.0 {
                (behind / most).min(1.0)
            } else {
                0.0
            };
            format!("{time}  +{behind:<7.3} {}", bar(share * room as f64))
                .trim_end()
                .to_owned()
        })
        .collect();
    if laps.len() > LAPS {
        lines.push(format!("      and {} more", laps.len() - LAPS));
    }
    lines.join("\n")
}

/// A bar of so many characters, to an eighth.
fn bar(characters: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (characters * 8.0).round() as usize;
    let rest = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
    format!("{}{rest}", "█".repeat(eighths / 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_drawn_in_dots() {
        let mut canvas = Canvas::new(2, 1);
        canvas.line((0.0, 0.0), (3.0, 3.0));
        assert_eq!(canvas.text(), "⠑⢄");
        canvas.line((-5.0, 0.0), (50.0, 0.0));
        assert_eq!(canvas.text(), "⠙⢍");
    }

    #[test]
    fn bars_compare_laps_with_the_fastest() {
        let lap = |number, seconds, incomplete| Lap {
            number,
            seconds,
            incomplete,
            ..Lap::default()
        };
        let laps = [
            lap(0, 70.0, true),
            lap(1, 50.5, false),
            lap(2, 50.0, false),
            lap(3, 51.0, false),
        ];
        let expected = [
            "   0     70.000 s  incomplete",
            "   1     50.500 s  +0.500   █▌",
            "   2     50.000 s  +0.000",
            "   3     51.000 s  +1.000   ███",
        ];
        assert_eq!(lap_times(&laps, 31), expected.join("\n"));
        assert_eq!(lap_times(&[], 31), "");
    }
}

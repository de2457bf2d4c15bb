//! The changing part of a driver's page: a session's laps in words, numbers and a picture.

use askama::Template;
use chrono::{DateTime, Utc};

use crate::talent::coached_drivers::sessions::Session;
use crate::talent::coached_drivers::view::{DriverView, ShownSession};
use crate::talent::coaching::peers::{Group, Quartiles};
use crate::talent::coaching::plan::{Plan, Subject, seconds};
use crate::talent::coaching::session::{DrivenLap, LapDelta, SessionInsights};
use crate::talent::pace_model::FEWEST_LAPS_RATED;

/// Laps of the table, the newest; the picture has all.
const LAPS: usize = 300;
/// A sector slower than the driver's best by less than this fraction is marked as good.
const GOOD_SECTOR: f64 = 0.005;
/// A sector slower than the driver's typical one by more than this fraction is marked as slow.
const SLOW_SECTOR: f64 = 0.01;

/// The changing part.
#[derive(Template)]
#[template(path = "driving/insights.html")]
pub struct Insights {
    sessions: Vec<SessionLine>,
    shown: Option<Shown>,
}

/// A session in the list.
struct SessionLine {
    id: i64,
    name: String,
    track: String,
    weather: &'static str,
    started_at: DateTime<Utc>,
    is_live: bool,
    is_shown: bool,
    laps: i64,
    fastest: String,
}

/// A session in full.
struct Shown {
    id: i64,
    name: String,
    track: String,
    weather: &'static str,
    started_at: DateTime<Utc>,
    is_live: bool,
    tiles: Vec<Tile>,
    chart: Option<Chart>,
    rows: Vec<LapRow>,
    /// How many laps of before are not in the table.
    left_out: usize,
    sectors: Vec<SectorRow>,
    group: Option<GroupFacts>,
    no_group: String,
    missing: usize,
    fewest: usize,
    clean: usize,
    items: Vec<Item>,
}

struct Tile {
    value: String,
    label: &'static str,
    note: String,
    tone: &'static str,
}

/// A lap of the table.
struct LapRow {
    number: u32,
    time: String,
    is_best: bool,
    clean: bool,
    to_best: String,
    to_group: String,
    sectors: Vec<SectorCell>,
    remark: &'static str,
}

struct SectorCell {
    time: String,
    delta: String,
    /// `best`, `gain`, `slow`, or nothing.
    tone: &'static str,
    mark: &'static str,
    words: &'static str,
}

/// A sector over the whole session.
struct SectorRow {
    number: usize,
    best: String,
    lap: u32,
    typical: String,
    group: String,
    to_group: String,
}

/// The group, as lines of a table.
struct GroupFacts {
    summary: String,
    weight_adjusted: bool,
    rows: Vec<GroupRow>,
}

struct GroupRow {
    name: &'static str,
    own: String,
    fast: String,
    middle: String,
    slow: String,
}

/// A thing to train.
struct Item {
    title: String,
    worth: String,
    explanation: String,
    computation: String,
    overlaps: bool,
}

/// Lap times as a picture of 600 by 180.
struct Chart {
    label: String,
    from: String,
    to: String,
    first: u32,
    last: u32,
    /// Where the theoretical best lies.
    theoretical: Option<f64>,
    lines: Vec<String>,
    points: Vec<Point>,
}

struct Point {
    x: f64,
    y: f64,
    /// `best`, `clean` or `other`.
    kind: &'static str,
    title: String,
}

impl Insights {
    /// Words and numbers for what a link shows.
    pub fn new(view: DriverView) -> Self {
        let shown_id = view.shown.as_ref().map(|shown| shown.session.id);
        Self {
            sessions: view
                .sessions
                .into_iter()
                .map(|session| SessionLine::new(session, shown_id))
                .collect(),
            shown: view.shown.map(Shown::new),
        }
    }
}

fn weather(wet: bool) -> &'static str {
    if wet { "wet" } else { "dry" }
}

impl SessionLine {
    fn new(session: Session, shown: Option<i64>) -> Self {
        let fastest = session
            .fastest
            .map(|fastest| seconds(fastest.unsigned_abs()));
        Self {
            is_shown: Some(session.id) == shown,
            id: session.id,
            weather: weather(session.draft.wet),
            name: session.draft.name,
            track: session.draft.track,
            started_at: session.draft.started_at,
            is_live: session.ended_at.is_none(),
            laps: session.laps,
            fastest: fastest.unwrap_or_default(),
        }
    }
}

impl Shown {
    fn new(shown: ShownSession) -> Self {
        let ShownSession {
            session,
            insights,
            group,
            plan,
        } = shown;
        let of_group = group.as_ref().ok();
        let summary = insights.summary();
        let typical = summary.map(|summary| summary.typical_sectors);
        let typical = typical.unwrap_or_default();
        let left_out = insights.laps.len().saturating_sub(LAPS);
        let (missing, items) = match plan {
            Plan::Thin(missing) => (missing, Vec::new()),
            Plan::Items(items) => (0, items),
        };
        Self {
            id: session.id,
            weather: weather(session.draft.wet),
            name: session.draft.name,
            track: session.draft.track,
            started_at: session.draft.started_at,
            is_live: session.ended_at.is_none(),
            tiles: tiles(&insights),
            chart: Chart::new(&insights),
            rows: insights
                .laps
                .iter()
                .rev()
                .take(LAPS)
                .map(|lap| LapRow::new(lap, &insights, &typical, of_group))
                .collect(),
            left_out,
            sectors: sectors(&insights, of_group),
            no_group: group
                .as_ref()
                .err()
                .map(ToString::to_string)
                .unwrap_or_default(),
            group: of_group.map(|group| GroupFacts::new(group, &insights)),
            missing,
            fewest: FEWEST_LAPS_RATED,
            clean: insights.clean,
            items: items
                .into_iter()
                .map(|item| Item {
                    title: title(item.subject),
                    worth: format!("{:.2} s", f64::from(item.milliseconds) / 1000.0),
                    explanation: item.explanation,
                    computation: item.computation,
                    overlaps: item.overlaps,
                })
                .collect(),
        }
    }
}

fn title(subject: Subject) -> String {
    match subject {
        Subject::Lap => "The whole lap".to_owned(),
        Subject::Sector(number) => format!("Sector {number}"),
        Subject::FirstLaps => "The first laps of a stint".to_owned(),
        Subject::Fading => "The end of a stint".to_owned(),
        Subject::Wet => "Driving in the rain".to_owned(),
    }
}

fn tiles(insights: &SessionInsights) -> Vec<Tile> {
    let time = |time: Option<u32>| time.map_or_else(|| "–".to_owned(), seconds);
    let theoretical = insights.theoretical_best.as_ref();
    let (consistency, note) = match &insights.consistency {
        Ok(scatter) => (
            format!("{:.2} %", 100.0 * scatter),
            "how much clean laps of a stint scatter; less is better".to_owned(),
        ),
        Err(missing) => ("–".to_owned(), missing.to_string()),
    };
    vec![
        Tile {
            value: time(insights.best.map(|(_, best)| best)),
            label: "best lap",
            note: insights
                .best
                .map(|(number, _)| format!("lap {number}"))
                .unwrap_or_default(),
            tone: "best",
        },
        Tile {
            value: time(insights.typical),
            label: "typical lap",
            note: "the middle one of your clean laps".to_owned(),
            tone: "",
        },
        Tile {
            value: time(theoretical.map(|best| best.milliseconds)),
            label: "theoretical best",
            note: match theoretical {
                Some(best) => format!(
                    "your best sectors in one lap: {:.3} s faster than your best",
                    f64::from(best.left) / 1000.0
                ),
                None => "no sectors were timed".to_owned(),
            },
            tone: "",
        },
        Tile {
            value: consistency,
            label: "consistency",
            note,
            tone: "",
        },
        Tile {
            value: insights.clean.to_string(),
            label: "clean laps",
            note: format!("of {} laps", insights.laps.len()),
            tone: "",
        },
    ]
}

/// A difference with its sign: `+0.120`, `−0.045`, `0.000`.
fn delta(milliseconds: i64) -> String {
    let sign = match milliseconds {
        0 => "",
        1.. => "+",
        _ => "−",
    };
    let size = milliseconds.unsigned_abs();
    format!("{sign}{}.{:03}", size / 1000, size % 1000)
}

/// A time without its unit.
fn time(milliseconds: u32) -> String {
    seconds(milliseconds).trim_end_matches(" s").to_owned()
}

impl LapRow {
    fn new(
        lap: &LapDelta,
        insights: &SessionInsights,
        typical: &[u32],
        group: Option<&Group>,
    ) -> Self {
        let driven = &lap.lap;
        let is_best = insights
            .best
            .is_some_and(|(number, _)| number == driven.number);
        let to_group =
            group.map(|group| i64::from(driven.milliseconds) - i64::from(group.best.middle));
        Self {
            number: driven.number,
            time: time(driven.milliseconds),
            is_best,
            clean: lap.clean,
            to_best: lap.to_best.map(delta).unwrap_or_default(),
            to_group: to_group.map(delta).unwrap_or_default(),
            sectors: driven
                .sectors
                .iter()
                .zip(&lap.sectors_to_best)
                .enumerate()
                .map(|(index, (sector, to_best))| {
                    SectorCell::new(*sector, *to_best, typical.get(index).copied())
                })
                .collect(),
            remark: match (driven.out_lap, driven.pit, lap.clean) {
                (_, true, _) => "Through the pits",
                (true, false, _) => "Out-lap",
                (false, false, false) => "Not clean: a mistake or traffic",
                _ if is_best => "Best lap",
                _ => "",
            },
        }
    }
}

impl SectorCell {
    fn new(sector: u32, to_best: i64, typical: Option<u32>) -> Self {
        let share = to_best as f64 / f64::from(sector.max(1));
        let is_slow = |typical| f64::from(sector) > (1.0 + SLOW_SECTOR) * f64::from(typical);
        let (tone, mark, words) = match to_best {
            ..=0 => ("best", "★", "your best"),
            _ if share <= GOOD_SECTOR => ("gain", "●", "near your best"),
            _ if typical.is_some_and(is_slow) => ("slow", "▼", "slow"),
            _ => ("", "", ""),
        };
        Self {
            time: time(sector),
            delta: delta(to_best),
            tone,
            mark,
            words,
        }
    }
}

fn sectors(insights: &SessionInsights, group: Option<&Group>) -> Vec<SectorRow> {
    let Some(best) = &insights.theoretical_best else {
        return Vec::new();
    };
    let summary = insights.summary();
    let typical = |index: usize| summary.as_ref()?.typical_sectors.get(index).copied();
    let of_group = |index: usize| group?.best_sectors.get(index).map(|sector| sector.fast);
    best.sectors
        .iter()
        .enumerate()
        .map(|(index, (lap, milliseconds))| SectorRow {
            number: index + 1,
            best: time(*milliseconds),
            lap: *lap,
            typical: typical(index).map(time).unwrap_or_default(),
            group: of_group(index).map(time).unwrap_or_default(),
            to_group: of_group(index)
                .map(|fast| delta(i64::from(*milliseconds) - i64::from(fast)))
                .unwrap_or_default(),
        })
        .collect()
}

impl GroupFacts {
    fn new(group: &Group, insights: &SessionInsights) -> Self {
        let row = |name, own: Option<u32>, group: &Quartiles| GroupRow {
            name,
            own: own.map(time).unwrap_or_default(),
            fast: time(group.fast),
            middle: time(group.middle),
            slow: time(group.slow),
        };
        let width = group.width;
        Self {
            summary: format!(
                "{} others of your class who drove here in the same weather are within {} kg, {} cm and {} years of you.",
                group.others, width.kilograms, width.centimetres, width.years
            ),
            weight_adjusted: group.weight_adjusted,
            rows: vec![
                row("Best lap", insights.best.map(|(_, best)| best), &group.best),
                row("Typical lap", insights.typical, &group.typical),
            ],
        }
    }
}

impl Chart {
    fn new(insights: &SessionInsights) -> Option<Self> {
        let (number, best) = insights.best?;
        let theoretical = insights.theoretical_best.as_ref();
        let low = theoretical.map_or(best, |theoretical| theoretical.milliseconds.min(best));
        // Laps in and out would flatten all others: what is slower than the slowest clean lap by more than its
        // distance to the best stands at the edge.
        let slowest = insights
            .clean_laps()
            .map(|lap| lap.lap.milliseconds)
            .max()?;
        let high = slowest + (slowest - low) / 4 + 1;
        let (first, last) = (insights.laps.first()?, insights.laps.last()?);
        let (first, last) = (first.lap.number, last.lap.number);
        let x = |number: u32| {
            let share = f64::from(number - first) / f64::from((last - first).max(1));
            rounded(10.0 + 580.0 * share)
        };
        let y = |time: u32| {
            let share = f64::from(time.clamp(low, high) - low) / f64::from(high - low);
            rounded(168.0 - 156.0 * share)
        };
        let stints = insights.laps.last().map_or(0, |lap| lap.stint);
        let line = |stint: usize| {
            let laps = insights.laps.iter().filter(|lap| lap.stint == stint);
            laps.map(|lap| format!("{},{}", x(lap.lap.number), y(lap.lap.milliseconds)))
                .collect::<Vec<_>>()
                .join(" ")
        };
        Some(Self {
            label: format!(
                "Lap times of {} laps, {} of them clean. The best is lap {number} with {}; the table below has all.",
                insights.laps.len(),
                insights.clean,
                seconds(best)
            ),
            from: seconds(low),
            to: seconds(high),
            first,
            last,
            theoretical: theoretical.map(|theoretical| y(theoretical.milliseconds)),
            lines: (1..=stints).map(line).collect(),
            points: insights
                .laps
                .iter()
                .map(|lap| Point {
                    x: x(lap.lap.number),
                    y: y(lap.lap.milliseconds),
                    kind: match lap.clean {
                        true if lap.lap.number == number => "best",
                        true => "clean",
                        false => "other",
                    },
                    title: format!("Lap {}: {}", lap.lap.number, seconds(lap.lap.milliseconds)),
                })
                .collect(),
        })
    }
}

/// To a tenth: finer is not seen.
fn rounded(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

/// A new lap, as it is said aloud.
pub fn lap_in_words(lap: &DrivenLap, session_id: i64, insights: &Insights) -> String {
    let said = format!("Lap {}: {}", lap.number, seconds(lap.milliseconds));
    let shown = insights
        .shown
        .as_ref()
        .filter(|shown| shown.id == session_id);
    let row = shown.and_then(|shown| shown.rows.iter().find(|row| row.number == lap.number));
    match row {
        Some(row) if row.is_best => format!("{said}, your best of this session."),
        Some(row) if !row.remark.is_empty() => format!("{said}. {}.", row.remark),
        Some(row) if !row.to_best.is_empty() => format!("{said}, {} s to your best.", row.to_best),
        _ => format!("{said}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_have_a_sign_and_three_decimals() {
        assert_eq!(delta(120), "+0.120");
        assert_eq!(delta(-45), "−0.045");
        assert_eq!(delta(0), "0.000");
        assert_eq!(delta(61_002), "+61.002");
    }

    #[test]
    fn a_sector_is_marked_by_more_than_a_colour() {
        let cell = |to_best| SectorCell::new(17_000, to_best, Some(16_700));
        assert_eq!((cell(0).mark, cell(0).words), ("★", "your best"));
        assert_eq!((cell(50).mark, cell(50).words), ("●", "near your best"));
        assert_eq!((cell(900).mark, cell(900).words), ("▼", "slow"));
        let even = SectorCell::new(17_000, 200, Some(16_900));
        assert_eq!((even.mark, even.words), ("", ""));
        assert_eq!(SectorCell::new(17_000, 900, None).mark, "", "not told");
    }
}

//! A whole board as a file, page by page: CSV for spreadsheets, JSON for programs. Plain functions that make
//! bytes of entries.

use serde::Serialize;

use super::challenge::Phase;
use super::leaderboard::Entry;
use crate::platform::spreadsheet::harmless;

/// Rows that are in memory at once.
pub const ROWS_AT_ONCE: i64 = 500;

crate::text_enum! {
    /// How a board is written.
    pub enum BoardFormat {
        /// Comma-separated, a header first.
        Csv = "csv",
        /// An array of objects.
        Json = "json",
    }
}

impl BoardFormat {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Json => "application/json",
        }
    }

    /// What stands before the first entry.
    pub fn head(self, phase: &Phase) -> String {
        let secondary = phase
            .secondary_metrics
            .iter()
            .map(|other| other.metric.to_string());
        match self {
            Self::Json => "[".to_owned(),
            Self::Csv => record(
                HEAD.map(str::to_owned)
                    .into_iter()
                    .chain([phase.metric.to_string(), "low".into(), "high".into()])
                    .chain(secondary),
            ),
        }
    }

    /// Some entries; `is_first` where none stand before them.
    pub fn entries(self, entries: &[Entry], phase: &Phase, is_first: bool) -> String {
        match self {
            Self::Csv => entries.iter().map(|entry| line(entry, phase)).collect(),
            Self::Json => {
                entries
                    .iter()
                    .enumerate()
                    .fold(String::new(), |mut text, (index, entry)| {
                        text += if is_first && index == 0 { "\n" } else { ",\n" };
                        // Finite numbers and texts: they can be written.
                        text += &serde_json::to_string(&Exported::from(entry)).unwrap_or_default();
                        text
                    })
            }
        }
    }

    /// What stands after the last entry.
    pub fn end(self) -> &'static str {
        match self {
            Self::Csv => "",
            Self::Json => "\n]\n",
        }
    }
}

const HEAD: [&str; 7] = [
    "rank",
    "team",
    "submissions",
    "scored_at",
    "tier",
    "entry_above_is_better",
    "verified",
];

/// An entry of the JSON file.
#[derive(Serialize)]
struct Exported<'a> {
    rank: Option<i64>,
    team: &'a str,
    submissions: i64,
    scored_at: String,
    tier: Option<i32>,
    entry_above_is_better: Option<f64>,
    verified: bool,
    score: f64,
    interval: Option<[f64; 2]>,
    secondary: &'a [f64],
}

impl<'a> From<&'a Entry> for Exported<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            rank: entry.rank,
            team: &entry.team,
            submissions: entry.submission_count,
            scored_at: time(entry),
            tier: entry.tier,
            entry_above_is_better: entry.lead,
            verified: entry.is_verified,
            score: entry.score,
            interval: entry.interval.map(|(low, high)| [low, high]),
            secondary: &entry.secondary,
        }
    }
}

fn time(entry: &Entry) -> String {
    entry
        .scored_at
        .to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

fn line(entry: &Entry, phase: &Phase) -> String {
    fn text<T: ToString>(value: Option<T>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    let secondary =
        (0..phase.secondary_metrics.len()).map(|index| text(entry.secondary.get(index).copied()));
    record(
        [
            text(entry.rank),
            harmless(&entry.team).into_owned(),
            entry.submission_count.to_string(),
            time(entry),
            text(entry.tier),
            text(entry.lead),
            entry.is_verified.to_string(),
            entry.score.to_string(),
            text(entry.interval.map(|(low, _)| low)),
            text(entry.interval.map(|(_, high)| high)),
        ]
        .into_iter()
        .chain(secondary),
    )
}

/// A line of RFC 4180.
fn record(cells: impl Iterator<Item = String>) -> String {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    // Texts written to memory: nothing of this can fail.
    let written = writer.write_record(cells.collect::<Vec<_>>());
    debug_assert!(written.is_ok());
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be() {
        let cells = ["a\"b".to_owned(), "1,5".into(), "plain".into()];
        assert_eq!(record(cells.into_iter()), "\"a\"\"b\",\"1,5\",plain\r\n");
    }
}

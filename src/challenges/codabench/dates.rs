//! Dates as organizers write them in YAML: `12-31-2026`, `2026-12-31`, with a time or without, with a zone or
//! without. Codabench reads them with a reader that takes the month first, and as UTC; so do we.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// A moment in one of the usual shapes; a date alone is its first moment.
pub(super) fn parse(text: &str) -> Option<DateTime<Utc>> {
    // Years beyond are mistakes, and leave the calendar when a phase is added to them.
    read(text.trim()).filter(|moment| (1970..9000).contains(&moment.year()))
}

fn read(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.to_utc());
    }
    for zoned in ["%Y-%m-%d %H:%M:%S%.f%:z", "%Y-%m-%d %H:%M:%S%.f %z"] {
        if let Ok(moment) = DateTime::parse_from_str(text, zoned) {
            return Some(moment.to_utc());
        }
    }
    let plain = text
        .strip_suffix('Z')
        .or_else(|| text.strip_suffix(" UTC"))
        .unwrap_or(text);
    if let Some(date) = date(plain) {
        return Some(date.and_time(NaiveTime::MIN).and_utc());
    }
    let (day, time) = plain.split_once(['T', ' '])?;
    let date = date(day)?;
    ["%H:%M:%S%.f", "%H:%M"]
        .iter()
        .find_map(|format| NaiveTime::parse_from_str(time.trim(), format).ok())
        .map(|time| NaiveDateTime::new(date, time).and_utc())
}

fn date(text: &str) -> Option<NaiveDate> {
    // The day first only where the month cannot be.
    const FORMATS: [&str; 8] = [
        "%Y-%m-%d",
        "%Y/%m/%d",
        "%m-%d-%Y",
        "%m/%d/%Y",
        "%d-%m-%Y",
        "%d/%m/%Y",
        "%B %d, %Y",
        "%d %B %Y",
    ];
    FORMATS
        .iter()
        .find_map(|format| NaiveDate::parse_from_str(text, format).ok())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn dates_are_read_in_all_the_shapes_that_bundles_have() {
        for (text, expected) in [
            ("12-31-2026", "2026-12-31T00:00:00+00:00"),
            ("1-1-2026", "2026-01-01T00:00:00+00:00"),
            ("9-04-2024", "2024-09-04T00:00:00+00:00"),
            ("2026-04-01", "2026-04-01T00:00:00+00:00"),
            ("2026-03-28 23:59:59", "2026-03-28T23:59:59+00:00"),
            ("2026-03-28T23:59", "2026-03-28T23:59:00+00:00"),
            ("2026-03-28T23:59:59Z", "2026-03-28T23:59:59+00:00"),
            ("2026-03-28 23:59:59+02:00", "2026-03-28T21:59:59+00:00"),
            ("01/31/2026", "2026-01-31T00:00:00+00:00"),
            ("31/01/2026", "2026-01-31T00:00:00+00:00"),
            ("September 30, 2026", "2026-09-30T00:00:00+00:00"),
            ("12-31-2026 18:30", "2026-12-31T18:30:00+00:00"),
        ] {
            let parsed = parse(text).map(|moment| moment.to_rfc3339());
            assert_eq!(parsed.as_deref(), Some(expected), "{text}");
        }
        for text in ["soon", "13-32-2026", "2026", "", "1-1-26", "+99999-01-01"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

//! Durations, clock times and dates as loggers write them.

use chrono::{DateTime, NaiveDate, NaiveTime};

use super::session::Details;

/// Seconds of a duration: `58.91`, `0:58.910`, `1:02:03.4`, with a point or a comma before the
/// decimals.
pub fn duration(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    let mut parts = text.trim().split(':').peekable();
    let mut leading = true;
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        let digits = |c: char| c.is_ascii_digit() || (last && matches!(c, '.' | ','));
        if part.is_empty() || part.len() > 16 || !part.chars().all(digits) {
            return None;
        }
        let value: f64 = part.replace(',', ".").parse().ok()?;
        if !leading && value >= 60.0 {
            return None;
        }
        seconds = seconds * 60.0 + value;
        leading = false;
    }
    Some(seconds)
}

/// A time of the day: `1:34 PM`, `13:34`, `13:34:05.2`.
pub fn time_of_day(text: &str) -> Option<NaiveTime> {
    let formats = ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p"];
    let mut formats = formats.iter();
    formats.find_map(|format| NaiveTime::parse_from_str(text.trim(), format).ok())
}

/// A date that can be understood in one way only: `Sunday, December 15, 2024`, `2024-12-15`,
/// `15.12.2024`, and with slashes where one of the numbers cannot be a month.
pub fn date(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    let parse = |format| NaiveDate::parse_from_str(text, format).ok();
    let unambiguous = [
        "%A, %B %d, %Y",
        "%A %d %B %Y",
        "%B %d, %Y",
        "%d %B %Y",
        "%Y-%m-%d",
        "%d.%m.%Y",
    ];
    let mut unambiguous = unambiguous.into_iter();
    unambiguous
        .find_map(parse)
        .or_else(|| match (parse("%d/%m/%Y"), parse("%m/%d/%Y")) {
            (Some(day_first), Some(month_first)) if day_first != month_first => None,
            (day_first, month_first) => day_first.or(month_first),
        })
}

/// Seconds of the day of a clock reading `HHMMSS.ss`; `None` when it is no time.
pub fn hhmmss(reading: f64) -> Option<f64> {
    if !(0.0..240_000.0).contains(&reading) {
        return None;
    }
    let whole = reading.trunc();
    let (hours, minutes, seconds) = (
        (whole / 10_000.0).trunc(),
        (whole / 100.0).trunc() % 100.0,
        whole % 100.0,
    );
    let time = hours * 3600.0 + minutes * 60.0 + seconds + reading.fract();
    // A leap second is 60.
    (minutes < 60.0 && seconds < 61.0).then_some(time)
}

/// The time of the day after so many seconds of it.
pub fn from_seconds_of_day(seconds: f64) -> Option<NaiveTime> {
    if !(0.0..86_400.0).contains(&seconds) {
        return None;
    }
    let nanoseconds = (seconds.fract() * 1e6).round().min(999_999.0) * 1e3;
    NaiveTime::from_num_seconds_from_midnight_opt(seconds as u32, nanoseconds as u32)
}

/// Puts the day and time of a Unix time, in UTC, where the header has said nothing.
pub fn date_from_unix(details: &mut Details, seconds: f64) {
    // Unix times of recordings: from 1980, when GPS began, to 2200.
    if !(315_532_800.0..7_258_118_400.0).contains(&seconds) {
        return;
    }
    let microseconds = (seconds * 1e6).round() as i64;
    if let (None, Some(moment)) = (details.date, DateTime::from_timestamp_micros(microseconds)) {
        details.date = Some(moment.date_naive());
        details.time = Some(moment.time());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_common_form() {
        assert_eq!(duration("58.91"), Some(58.91));
        assert_eq!(duration("01:02.8"), Some(62.8));
        assert_eq!(duration("0:58,910"), Some(58.91));
        assert_eq!(duration("1:02:03.5"), Some(3723.5));
        assert_eq!(duration("00:02:03.202"), Some(123.202));
        for wrong in [
            "", ":", "-5", "1:75.0", "1.5:10", "1e5", "NaN", "1:", "1.2.3",
        ] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_ambiguous_date_is_not_guessed() {
        let day = NaiveDate::from_ymd_opt(2024, 12, 15);
        for text in [
            "Sunday, December 15, 2024",
            "2024-12-15",
            "15.12.2024",
            "15/12/2024",
            "12/15/2024",
        ] {
            assert_eq!(date(text), day, "{text}");
        }
        assert_eq!(date("11/04/2026"), None);
        assert_eq!(date("04/04/2026"), NaiveDate::from_ymd_opt(2026, 4, 4));
    }

    #[test]
    fn clock_readings_must_be_times() {
        assert_eq!(hhmmss(113_221.5), Some(41_541.5));
        assert_eq!(hhmmss(235_960.0), Some(86_400.0));
        for wrong in [116_000.0, 240_000.0, -1.0, f64::NAN, 113_261.0] {
            assert_eq!(hhmmss(wrong), None, "{wrong}");
        }
        assert_eq!(time_of_day("1:34 PM"), NaiveTime::from_hms_opt(13, 34, 0));
        assert_eq!(
            from_seconds_of_day(41_541.0),
            NaiveTime::from_hms_opt(11, 32, 21)
        );
    }
}

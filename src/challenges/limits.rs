//! How much a team may send: plain rules over plain values.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Serialize;

/// What a phase allows a team, however many members it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Counted submissions in one day of the challenge's zone.
    pub per_day: u32,
    /// Counted submissions in the whole phase.
    pub total: u32,
}

/// What a team has used. Invalid files and the platform's own failures are not in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Today.
    pub today: u32,
    /// In the phase.
    pub total: u32,
}

/// Why no place is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize)]
pub enum LimitReached {
    /// Nothing more today.
    #[error(
        "Your team has used its {limit} submissions of today; the next place is free at {next_free}."
    )]
    Today {
        /// Submissions a day.
        limit: u32,
        /// When the next day begins.
        next_free: DateTime<Utc>,
    },
    /// Nothing more in this phase.
    #[error("Your team has used all of its {limit} submissions of this phase.")]
    Phase {
        /// Submissions in the phase.
        limit: u32,
    },
}

/// The beginning, in a zone, of the day that `now` lies in there.
pub fn day_of(now: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    beginning(now.with_timezone(&zone).date_naive(), zone)
}

/// The first moment of the next day in a zone.
pub fn next_day(now: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let today = now.with_timezone(&zone).date_naive();
    // The calendar ends in the year 262142; until then there is a tomorrow.
    let tomorrow = today.checked_add_days(Days::new(1)).unwrap_or(today);
    beginning(tomorrow, zone)
}

/// The first moment of a day. Where the clocks are put forward at midnight it is a later one, where they
/// are put back the first of two.
fn beginning(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    (0..=4)
        .filter_map(|half_hours| {
            let moment = midnight + TimeDelta::minutes(30 * half_hours);
            zone.from_local_datetime(&moment).earliest()
        })
        .next()
        // No zone ever skipped more than a day: the Pacific ones that did begin theirs a day later.
        .map_or_else(|| midnight.and_utc(), |moment| moment.to_utc())
}

/// How many more submissions would be accepted today.
pub fn remaining_today(limits: Limits, used: Used) -> u32 {
    let today = limits.per_day.saturating_sub(used.today);
    today.min(limits.total.saturating_sub(used.total))
}

/// Whether one more is accepted.
///
/// # Errors
/// Which limit is reached, and when a place is free again.
pub fn check(limits: Limits, used: Used, now: DateTime<Utc>, zone: Tz) -> Result<(), LimitReached> {
    if used.total >= limits.total {
        return Err(LimitReached::Phase {
            limit: limits.total,
        });
    }
    if used.today >= limits.per_day {
        return Err(LimitReached::Today {
            limit: limits.per_day,
            next_free: next_day(now, zone),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    const LIMITS: Limits = Limits {
        per_day: 2,
        total: 3,
    };

    #[test]
    fn the_next_place_is_free_at_midnight() {
        let now = Utc.with_ymd_and_hms(2026, 12, 31, 23, 59, 59).unwrap();
        let used = Used { today: 2, total: 2 };
        assert_eq!(
            check(LIMITS, used, now, Tz::UTC),
            Err(LimitReached::Today {
                limit: 2,
                next_free: Utc.with_ymd_and_hms(2027, 1, 1, 0, 0, 0).unwrap()
            })
        );
    }

    #[test]
    fn a_day_is_the_challenges_own() {
        let rome = Tz::Europe__Rome;
        let at = |day, hour| Utc.with_ymd_and_hms(2026, 7, day, hour, 30, 0).unwrap();
        // Half past midnight in Rome is still the day before in UTC.
        let midnight = Utc.with_ymd_and_hms(2026, 7, 9, 22, 0, 0).unwrap();
        assert_eq!(day_of(at(9, 22), rome), midnight);
        assert_eq!(next_day(at(9, 21), rome), midnight);
    }

    #[test]
    fn a_day_without_a_midnight_begins_when_its_clocks_do() {
        // In Beirut the clocks went from 0:00 to 1:00 on 2022-03-27.
        let noon = Utc.with_ymd_and_hms(2022, 3, 27, 12, 0, 0).unwrap();
        let beginning = Utc.with_ymd_and_hms(2022, 3, 26, 22, 0, 0).unwrap();
        assert_eq!(day_of(noon, Tz::Asia__Beirut), beginning);
    }

    #[test]
    fn a_new_day_does_not_raise_the_phases_limit() {
        let now = Utc.with_ymd_and_hms(2027, 1, 1, 12, 0, 0).unwrap();
        let used = Used { today: 0, total: 3 };
        assert_eq!(
            check(LIMITS, used, now, Tz::UTC),
            Err(LimitReached::Phase { limit: 3 })
        );
        assert_eq!(remaining_today(LIMITS, used), 0);
        assert_eq!(remaining_today(LIMITS, Used { today: 0, total: 2 }), 1);
    }
}

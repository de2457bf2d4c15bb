//! How much a team may send: plain rules over plain values.

use chrono::{DateTime, Days, NaiveTime, Utc};
use serde::Serialize;

/// What a phase allows a team, however many members it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Counted submissions in one day (UTC).
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

/// The beginning of the day that `now` lies in.
pub fn day_of(now: DateTime<Utc>) -> DateTime<Utc> {
    now.date_naive().and_time(NaiveTime::MIN).and_utc()
}

/// How many more submissions would be accepted today.
pub fn remaining_today(limits: Limits, used: Used) -> u32 {
    let today = limits.per_day.saturating_sub(used.today);
    today.min(limits.total.saturating_sub(used.total))
}

/// Whether one more is accepted.
pub fn check(limits: Limits, used: Used, now: DateTime<Utc>) -> Result<(), LimitReached> {
    if used.total >= limits.total {
        return Err(LimitReached::Phase {
            limit: limits.total,
        });
    }
    if used.today >= limits.per_day {
        return Err(LimitReached::Today {
            limit: limits.per_day,
            // The calendar ends in the year 262142; until then there is a tomorrow.
            next_free: day_of(now).checked_add_days(Days::new(1)).unwrap_or(now),
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
            check(LIMITS, used, now),
            Err(LimitReached::Today {
                limit: 2,
                next_free: Utc.with_ymd_and_hms(2027, 1, 1, 0, 0, 0).unwrap()
            })
        );
    }

    #[test]
    fn a_new_day_does_not_raise_the_phases_limit() {
        let now = Utc.with_ymd_and_hms(2027, 1, 1, 12, 0, 0).unwrap();
        let used = Used { today: 0, total: 3 };
        assert_eq!(
            check(LIMITS, used, now),
            Err(LimitReached::Phase { limit: 3 })
        );
        assert_eq!(remaining_today(LIMITS, used), 0);
        assert_eq!(remaining_today(LIMITS, Used { today: 0, total: 2 }), 1);
    }
}

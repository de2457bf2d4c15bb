//! What an organizer has to look after: submissions that wait, and those that failed by the platform.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::dsl::{count_star, min};
use diesel::prelude::*;

use super::submissions::SubmissionState;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::submissions;
use crate::scoring::verdict::Verdict;

/// A submission that waits longer than this deserves a look at the workers.
pub const PATIENCE: TimeDelta = TimeDelta::minutes(10);

/// The submissions of a challenge by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Workload {
    /// Queued or running.
    pub waiting: i64,
    /// When the oldest of those was received.
    pub waiting_since: Option<DateTime<Utc>>,
    /// With a score.
    pub scored: i64,
    /// Failed by their own content.
    pub invalid: i64,
    /// Stopped by the organizer, or taken back by their team, before they had a score.
    pub cancelled: i64,
    /// Failed by the platform, which charged nobody for them.
    pub platform_faults: i64,
}

impl Workload {
    /// All submissions.
    pub fn total(&self) -> i64 {
        self.waiting + self.scored + self.invalid + self.cancelled + self.platform_faults
    }

    /// Whether a submission waits longer than [`PATIENCE`].
    pub fn is_late(&self, now: DateTime<Utc>) -> bool {
        self.waiting_since
            .is_some_and(|since| now - since > PATIENCE)
    }

    fn add(
        &mut self,
        state: SubmissionState,
        verdict: Option<Verdict>,
        count: i64,
        oldest: Option<NaiveDateTime>,
    ) {
        match (state, verdict) {
            (SubmissionState::Queued | SubmissionState::Running, _) => {
                self.waiting += count;
                let oldest = oldest.map(|at| at.and_utc());
                self.waiting_since = match (self.waiting_since, oldest) {
                    (Some(known), Some(oldest)) => Some(known.min(oldest)),
                    (known, oldest) => known.or(oldest),
                };
            }
            (SubmissionState::Scored, _) => self.scored += count,
            (SubmissionState::Failed, Some(Verdict::PlatformFault | Verdict::Refused)) => {
                self.platform_faults += count;
            }
            (SubmissionState::Failed, Some(Verdict::Cancelled) | None) => self.cancelled += count,
            (SubmissionState::Failed, _) => self.invalid += count,
        }
    }
}

/// The workload of each of these challenges; those without submissions are not in it.
pub fn of_challenges(
    connection: &mut DatabaseConnection,
    challenge_ids: &[i64],
) -> Result<HashMap<i64, Workload>, DatabaseError> {
    type Row = (
        i64,
        SubmissionState,
        Option<Verdict>,
        i64,
        Option<NaiveDateTime>,
    );
    let rows: Vec<Row> = submissions::table
        .filter(submissions::challenge_id.eq_any(challenge_ids.to_vec()))
        .group_by((
            submissions::challenge_id,
            submissions::state,
            submissions::verdict,
        ))
        .select((
            submissions::challenge_id,
            submissions::state,
            submissions::verdict,
            count_star(),
            min(submissions::received_at),
        ))
        .load(connection)?;
    let mut found = HashMap::<i64, Workload>::new();
    for (challenge_id, state, verdict, count, oldest) in rows {
        found
            .entry(challenge_id)
            .or_default()
            .add(state, verdict, count, oldest);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_waits_decides_whether_it_is_late() {
        let at = |minute| DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
        let mut workload = Workload::default();
        workload.add(SubmissionState::Queued, None, 2, Some(at(5).naive_utc()));
        workload.add(SubmissionState::Running, None, 1, Some(at(1).naive_utc()));
        workload.add(
            SubmissionState::Scored,
            Some(Verdict::Ok),
            4,
            Some(at(0).naive_utc()),
        );
        assert_eq!((workload.waiting, workload.total()), (3, 7));
        assert_eq!(workload.waiting_since, Some(at(1)));
        assert!(!workload.is_late(at(11)));
        assert!(workload.is_late(at(12)));
    }

    #[test]
    fn whose_fault_it_was_is_kept_apart() {
        let mut workload = Workload::default();
        workload.add(SubmissionState::Failed, Some(Verdict::Invalid), 3, None);
        for platforms in [Verdict::PlatformFault, Verdict::Refused] {
            workload.add(SubmissionState::Failed, Some(platforms), 1, None);
        }
        workload.add(SubmissionState::Failed, Some(Verdict::Cancelled), 4, None);
        workload.add(SubmissionState::Failed, None, 1, None);
        assert_eq!((workload.invalid, workload.platform_faults), (3, 2));
        assert_eq!((workload.cancelled, workload.total()), (5, 10));
    }
}

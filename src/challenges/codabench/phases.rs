//! The phases of a competition: their dates and limits.

use chrono::{DateTime, TimeDelta, Utc};

use super::competition::PhaseEntry;
use super::draft::Import;
use crate::scoring::sandbox::Limits;

/// What Codabench allows a participant where a phase does not say: in a day, and in all.
const USUAL_LIMITS: (u32, u32) = (5, 100);

/// How long a phase runs that has no end and none after it.
const OPEN_END: TimeDelta = TimeDelta::days(365);

impl Import<'_> {
    /// The dates of the phases, one after the other.
    pub(super) fn dates(&mut self) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let phases = &self.competition.phases;
        let mut dates: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
        for (index, phase) in phases.iter().enumerate() {
            let name = &phase.name;
            let before = dates.last().map(|(_, end)| *end);
            let next = phases.get(index + 1).and_then(|next| next.start);
            let mut start = phase.start.or(before).unwrap_or(self.options.now);
            if let Some(before) = before.filter(|before| start < *before) {
                start = before;
                self.leave(
                    format!("the beginning of the phase {name}"),
                    "it begins before the one before it is over",
                    format!("it begins at {start} here; set the dates that you mean"),
                );
            }
            let mut end = phase.end.filter(|end| *end > start);
            if phase.end.is_some() && end.is_none() {
                end = Some(start + TimeDelta::days(1));
                self.leave(
                    format!("the end of the phase {name}"),
                    "it is not after its beginning",
                    "the phase runs for a day here; set the dates that you mean",
                );
            }
            if let (Some(at), Some(next)) = (end, next)
                && next > start
                && at > next
            {
                end = Some(next);
                self.leave(
                    format!("the end of the phase {name}"),
                    "the next phase begins before it",
                    format!("it ends at {next} here; set the dates that you mean"),
                );
            }
            let end = end.unwrap_or_else(|| {
                let end = next.filter(|next| *next > start);
                let end = end.unwrap_or(start + OPEN_END);
                self.leave(
                    format!("the open end of the phase {name}"),
                    "a phase has an end here",
                    format!("it ends at {end}; set the date that you mean"),
                );
                end
            });
            dates.push((start, end));
        }
        self.carried
            .push(format!("{} phases with their dates, in UTC", dates.len()));
        dates
    }

    pub(super) fn limits(&mut self, phase: &PhaseEntry) -> (u32, u32) {
        let name = &phase.name;
        let mut limit = |said: Option<u32>, usual: u32, what: &str| match said {
            Some(0) => {
                self.leave(
                    format!("{what} of the phase {name}, which is 0"),
                    "a phase accepts at least one submission",
                    "it is 1 here; where entries of the phase before are to count, set `carry_over`",
                );
                1
            }
            Some(count) => count,
            None => usual,
        };
        let per_day = limit(phase.per_day, USUAL_LIMITS.0, "submissions a day");
        let total = limit(phase.total, USUAL_LIMITS.1, "submissions in all");
        (per_day, total)
    }

    pub(super) fn run_limits(&mut self) -> Limits {
        let usual = Limits::default();
        let asked = self
            .competition
            .phases
            .iter()
            .filter_map(|phase| phase.seconds)
            .max();
        let Some(seconds) = asked.filter(|seconds| *seconds > 0) else {
            return usual;
        };
        let limits = Limits {
            wall_seconds: seconds,
            ..usual
        };
        if limits.check().is_ok() {
            return limits;
        }
        self.leave(
            format!("the time limit of {seconds} seconds"),
            "a run may not take as long here",
            format!("it is {} seconds; see `run_limits`", usual.wall_seconds),
        );
        usual
    }
}

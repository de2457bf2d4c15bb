//! What goes in: the drivers and events that were rated, and what each submission says of them.

use std::collections::BTreeMap;

use super::ranks::normal_scores;

/// More submissions than this are not heard; the best on the private board say what there is to say.
pub const MOST_SUBMISSIONS: usize = 100;
/// Drivers times events.
pub const MOST_ROWS: usize = 20_000;

/// A driver at an event, as every submission rates them. Where a challenge rates drivers once, all
/// rows are of one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The driver's pseudonym.
    pub driver: String,
    /// The event, by any name.
    pub event: String,
    /// What the submissions are judged by: the private solution, where it is known. Higher is faster,
    /// in any unit.
    pub truth: Option<f64>,
}

/// What one submission says.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// Unique.
    pub id: String,
    /// Who sent it.
    pub team: String,
    /// A number for each row, in their order. Higher is faster, in any unit: only the order counts.
    pub ratings: Vec<f64>,
}

/// Why the submissions cannot be heard.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PanelError {
    /// Nothing was rated.
    #[error("there are no rows; give at least one driver")]
    NoRows,
    /// Nobody rated anything.
    #[error("there are no submissions; give at least one")]
    NoSubmissions,
    /// More than can be computed with.
    #[error("there are {count} {what}; give at most {most}, the best ones")]
    TooMany {
        /// Rows or submissions.
        what: &'static str,
        /// How many came.
        count: usize,
        /// How many may come.
        most: usize,
    },
    /// A driver stands twice at an event.
    #[error("driver {driver} is twice at event {event}; give each driver once for an event")]
    RepeatedRow {
        /// The driver.
        driver: String,
        /// The event.
        event: String,
    },
    /// Two submissions have one name.
    #[error("two submissions are called {id}; give each a name of its own")]
    RepeatedSubmission {
        /// Their name.
        id: String,
    },
    /// A submission does not rate every row.
    #[error("submission {id} has {ratings} ratings for {rows} rows; give one for each")]
    WrongLength {
        /// The submission.
        id: String,
        /// How many ratings it has.
        ratings: usize,
        /// How many it needs.
        rows: usize,
    },
    /// NaN or infinite.
    #[error("{what} of driver {driver} at event {event} is {value}; give a finite number")]
    NotFinite {
        /// The truth, or the rating of a submission.
        what: String,
        /// The driver.
        driver: String,
        /// The event.
        event: String,
        /// What stood there.
        value: f64,
    },
}

/// Submissions that rate the same rows, every one with finite numbers: there is no panel with a NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    rows: Vec<Row>,
    submissions: Vec<Submission>,
    drivers: Vec<String>,
    /// The position of each row's driver.
    driver_of: Vec<usize>,
    /// The rows of each event.
    events: Vec<Vec<usize>>,
}

impl Panel {
    /// Takes what the submissions say, if it can be compared.
    ///
    /// # Errors
    /// Any [`PanelError`].
    pub fn new(rows: Vec<Row>, submissions: Vec<Submission>) -> Result<Self, PanelError> {
        let limit = |what, count, most| {
            (count > most)
                .then_some(PanelError::TooMany { what, count, most })
                .map_or(Ok(()), Err)
        };
        limit("rows", rows.len(), MOST_ROWS)?;
        limit("submissions", submissions.len(), MOST_SUBMISSIONS)?;
        if rows.is_empty() {
            return Err(PanelError::NoRows);
        }
        if submissions.is_empty() {
            return Err(PanelError::NoSubmissions);
        }
        check_rows(&rows)?;
        check_submissions(&rows, &submissions)?;

        let mut numbers: BTreeMap<&str, usize> =
            rows.iter().map(|row| (row.driver.as_str(), 0)).collect();
        for (number, position) in numbers.values_mut().zip(0..) {
            *number = position;
        }
        let drivers = numbers.keys().map(|driver| (*driver).to_owned()).collect();
        let driver_of = rows
            .iter()
            .map(|row| numbers[row.driver.as_str()])
            .collect();
        let mut events: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, row) in rows.iter().enumerate() {
            events.entry(&row.event).or_default().push(index);
        }
        let events = events.into_values().collect();
        Ok(Self {
            driver_of,
            drivers,
            events,
            rows,
            submissions,
        })
    }

    /// The rows, as they were given.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The submissions, as they were given.
    pub fn submissions(&self) -> &[Submission] {
        &self.submissions
    }

    /// The drivers, each once, sorted.
    pub fn drivers(&self) -> &[String] {
        &self.drivers
    }

    /// The position of each row's driver among the drivers.
    pub(super) fn driver_of(&self) -> &[usize] {
        &self.driver_of
    }

    /// The rows of each event.
    pub(super) fn events(&self) -> &[Vec<usize>] {
        &self.events
    }

    /// The normal scores of each submission within each event, row by row.
    pub(super) fn scores(&self) -> Vec<Vec<f64>> {
        let everything = |_: usize| true;
        let of = |submission: &Submission| self.scores_of(&submission.ratings, everything);
        self.submissions.iter().map(of).collect()
    }

    /// The rows whose truth is known, with the normal scores of the truth and of each submission within
    /// each event: those rows are then all that is ranked.
    pub(super) fn judged(&self) -> Judged {
        let is_known = |row: usize| self.rows[row].truth.is_some();
        let truths: Vec<f64> = self
            .rows
            .iter()
            .map(|row| row.truth.unwrap_or_default())
            .collect();
        let known: Vec<usize> = (0..self.rows.len()).filter(|&row| is_known(row)).collect();
        let keep =
            |scores: Vec<f64>| -> Vec<f64> { known.iter().map(|&row| scores[row]).collect() };
        Judged {
            drivers: known.iter().map(|&row| self.driver_of[row]).collect(),
            truth: keep(self.scores_of(&truths, is_known)),
            submissions: self
                .submissions
                .iter()
                .map(|submission| keep(self.scores_of(&submission.ratings, is_known)))
                .collect(),
        }
    }

    fn scores_of(&self, values: &[f64], counts: impl Fn(usize) -> bool) -> Vec<f64> {
        let mut scores = vec![0.0; values.len()];
        for event in &self.events {
            let rows: Vec<usize> = event.iter().copied().filter(|&row| counts(row)).collect();
            let of_event: Vec<f64> = rows.iter().map(|&row| values[row]).collect();
            for (row, score) in rows.into_iter().zip(normal_scores(&of_event)) {
                scores[row] = score;
            }
        }
        scores
    }
}

/// Normal scores of the rows whose truth is known.
pub(super) struct Judged {
    /// The driver of each row.
    pub drivers: Vec<usize>,
    pub truth: Vec<f64>,
    /// For each submission, a score for each row.
    pub submissions: Vec<Vec<f64>>,
}

fn check_rows(rows: &[Row]) -> Result<(), PanelError> {
    let mut known = std::collections::BTreeSet::new();
    for row in rows {
        if !known.insert((&row.driver, &row.event)) {
            return Err(PanelError::RepeatedRow {
                driver: row.driver.clone(),
                event: row.event.clone(),
            });
        }
        if let Some(truth) = row.truth {
            check_finite(row, truth, || "the truth".to_owned())?;
        }
    }
    Ok(())
}

fn check_submissions(rows: &[Row], submissions: &[Submission]) -> Result<(), PanelError> {
    let mut known = std::collections::BTreeSet::new();
    for submission in submissions {
        let id = &submission.id;
        if !known.insert(id) {
            return Err(PanelError::RepeatedSubmission { id: id.clone() });
        }
        if submission.ratings.len() != rows.len() {
            return Err(PanelError::WrongLength {
                id: id.clone(),
                ratings: submission.ratings.len(),
                rows: rows.len(),
            });
        }
        for (row, rating) in rows.iter().zip(&submission.ratings) {
            check_finite(row, *rating, || format!("the rating by submission {id}"))?;
        }
    }
    Ok(())
}

fn check_finite(row: &Row, value: f64, what: impl Fn() -> String) -> Result<(), PanelError> {
    if value.is_finite() {
        return Ok(());
    }
    Err(PanelError::NotFinite {
        what: what(),
        driver: row.driver.clone(),
        event: row.event.clone(),
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(driver: &str, event: &str, truth: Option<f64>) -> Row {
        Row {
            driver: driver.to_owned(),
            event: event.to_owned(),
            truth,
        }
    }

    fn submission(id: &str, ratings: &[f64]) -> Submission {
        Submission {
            id: id.to_owned(),
            team: "team".to_owned(),
            ratings: ratings.to_vec(),
        }
    }

    #[test]
    fn what_cannot_be_compared_is_refused_by_name() {
        let rows = || vec![row("D1", "E1", None), row("D2", "E1", None)];
        let refused = |rows, submissions| {
            Panel::new(rows, submissions)
                .expect_err("it cannot be compared")
                .to_string()
        };
        assert_eq!(
            refused(rows(), vec![submission("a", &[1.0, f64::NAN])]),
            "the rating by submission a of driver D2 at event E1 is NaN; give a finite number"
        );
        assert_eq!(
            refused(rows(), vec![submission("a", &[1.0])]),
            "submission a has 1 ratings for 2 rows; give one for each"
        );
        assert_eq!(
            refused(rows(), vec![submission("a", &[1.0, 2.0]); 2]),
            "two submissions are called a; give each a name of its own"
        );
        let twice = vec![row("D1", "E1", None), row("D1", "E1", None)];
        assert_eq!(
            refused(twice, vec![submission("a", &[1.0, 2.0])]),
            "driver D1 is twice at event E1; give each driver once for an event"
        );
        let endless = vec![row("D1", "E1", Some(f64::INFINITY))];
        assert_eq!(
            refused(endless, vec![submission("a", &[1.0])]),
            "the truth of driver D1 at event E1 is inf; give a finite number"
        );
        assert_eq!(Panel::new(vec![], vec![]), Err(PanelError::NoRows));
        assert_eq!(Panel::new(rows(), vec![]), Err(PanelError::NoSubmissions));
        let crowd = (0..=MOST_SUBMISSIONS).map(|i| submission(&i.to_string(), &[1.0, 2.0]));
        assert!(matches!(
            Panel::new(rows(), crowd.collect()),
            Err(PanelError::TooMany { count: 101, .. })
        ));
    }

    #[test]
    fn only_rows_with_a_truth_are_judged_and_they_alone_are_ranked() {
        let rows = vec![
            row("D1", "E1", Some(3.0)),
            row("D2", "E1", None),
            row("D3", "E1", Some(1.0)),
        ];
        let panel = Panel::new(rows, vec![submission("a", &[1.0, 9.0, 2.0])]).unwrap();
        let judged = panel.judged();
        assert_eq!(judged.drivers, [0, 2]);
        assert!(judged.truth[0] > 0.0 && judged.truth[1] < 0.0);
        assert_eq!(judged.submissions[0][0], -judged.truth[0]);
        assert_eq!(judged.submissions[0].len(), 2);
    }

    #[test]
    fn every_event_is_ranked_by_itself() {
        let rows = vec![
            row("D1", "E1", None),
            row("D2", "E1", None),
            row("D1", "E2", None),
            row("D2", "E2", None),
        ];
        let panel = Panel::new(rows, vec![submission("a", &[1.0, 2.0, 90.0, 80.0])]).unwrap();
        let scores = &panel.scores()[0];
        assert!(scores[1] > scores[0] && scores[2] > scores[3]);
        assert_eq!(panel.drivers(), ["D1", "D2"]);
    }
}

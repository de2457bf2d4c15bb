//! Whether the parts of a policy belong together, before any table is seen.

use super::super::differential_privacy::{DifferentialPrivacyError, Epsilon};
use super::{Action, Policy, PolicyError, Recoding, TrackValue};

impl Policy {
    pub(super) fn check_itself(&self) -> Result<(), PolicyError> {
        self.check_subject()?;
        self.check_laps()?;
        self.check_generalisation()?;
        self.check_track()?;
        match self.epsilon().transpose() {
            Ok(_) => Ok(()),
            Err(_) => Err(PolicyError::Field {
                field: "epsilon",
                problem: "is more than 4,294 over all columns; lower it, 1 or less protects",
            }),
        }
    }

    /// ε of all columns together, where statistics are told of any.
    pub(in super::super) fn epsilon(&self) -> Option<Result<Epsilon, DifferentialPrivacyError>> {
        let stated = self
            .columns
            .iter()
            .filter_map(|column| match &column.action {
                Action::Statistics(statistics) => Some(statistics.epsilon.value()),
                _ => None,
            });
        stated
            .reduce(|sum, epsilon| sum + epsilon)
            .map(Epsilon::new)
    }

    fn check_subject(&self) -> Result<(), PolicyError> {
        let Some(subject) = self.column(&self.subject) else {
            return Err(PolicyError::Field {
                field: "subject",
                problem: "is not among its columns; add a [[column]] for it",
            });
        };
        let problem = match subject.action {
            Action::Keep | Action::Drop | Action::Pseudonym { .. } if !subject.quasi_identifier => {
                return Ok(());
            }
            Action::Keep | Action::Drop | Action::Pseudonym { .. } => {
                "the subject identifies directly; remove quasi_identifier"
            }
            _ => "the subject can be a pseudonym, dropped or kept, nothing else",
        };
        Err(PolicyError::Column {
            column: self.subject.clone(),
            problem: problem.to_owned(),
        })
    }

    fn check_laps(&self) -> Result<(), PolicyError> {
        let Some(laps) = &self.laps else {
            return Ok(());
        };
        let refuse = |column: &str, problem: &str| {
            Err(PolicyError::Column {
                column: column.to_owned(),
                problem: problem.to_owned(),
            })
        };
        match self.column(&laps.time).map(|column| &column.action) {
            Some(Action::Keep) => {}
            Some(_) => {
                return refuse(
                    &laps.time,
                    "[laps] publishes its values anew; give it the action \"keep\"",
                );
            }
            None => {
                return refuse(
                    &laps.time,
                    "[laps] names it and no [[column]] does; add one",
                );
            }
        }
        match &laps.event {
            Some(event) if self.column(event).is_none() => {
                refuse(event, "[laps] names it and no [[column]] does; add one")
            }
            _ => Ok(()),
        }
    }

    /// The levels of all quasi-identifiers are searched together, so either all are generalised or none.
    fn check_generalisation(&self) -> Result<(), PolicyError> {
        let is_generalised = |action: &Action| matches!(action, Action::Generalise(_));
        let generalised = self.columns.iter().find(|c| is_generalised(&c.action));
        let Some(generalised) = generalised else {
            let field = match self.columns.iter().find(|c| !c.criteria.is_empty()) {
                Some(column) => {
                    return Err(refusal(
                        &column.name,
                        "l_diversity and t_closeness are searched for, and no column has the action \
                         \"generalise\"; generalise the quasi-identifiers, or remove them",
                    ));
                }
                None if self.suppression_limit > 0.0 => "suppression_limit",
                None if self.recoding != Recoding::default() => "recoding",
                None => return Ok(()),
            };
            return Err(PolicyError::Field {
                field,
                problem: "is for a search, and no column has the action \"generalise\"; remove it",
            });
        };
        for column in &self.columns {
            if column.quasi_identifier && !is_generalised(&column.action) {
                return Err(PolicyError::Column {
                    column: column.name.clone(),
                    problem: format!(
                        "is a quasi-identifier with the action \"{}\" while \"{}\" has \
                         \"generalise\"; the levels of all are searched together, so give each the \
                         action \"generalise\" (a hierarchy of a value and \"*\" shows or hides it)",
                        column.action, generalised.name
                    ),
                });
            }
            if column.criteria.is_empty() {
                continue;
            }
            if column.quasi_identifier || column.name == self.subject {
                return Err(refusal(
                    &column.name,
                    "l_diversity and t_closeness are for what must not be learned of a person; \
                     remove them from the subject and from quasi-identifiers",
                ));
            }
        }
        Ok(())
    }

    fn check_track(&self) -> Result<(), PolicyError> {
        let Some(track) = &self.track else {
            return match self
                .columns
                .iter()
                .find(|c| matches!(c.action, Action::Track(_)))
            {
                Some(column) => Err(refusal(
                    &column.name,
                    "the action \"track\" needs a [track] section that names latitude, longitude, \
                     time and session",
                )),
                None => Ok(()),
            };
        };
        if self.laps.is_some() {
            return Err(PolicyError::Field {
                field: "[track]",
                problem: "is for samples and [laps] for laps; keep the one that the table holds",
            });
        }
        for name in track.session.iter().chain(&track.venue) {
            if self.column(name).is_none() {
                let problem = "[track] names it and no [[column]] does; add one";
                return Err(refusal(name, problem));
            }
        }
        for name in [&track.latitude, &track.longitude] {
            let action = self.column(name).map(|column| &column.action);
            if action != Some(&Action::Track(TrackValue::Position)) {
                return Err(refusal(
                    name,
                    "[track] publishes it as x or y; give it the action \"track\" with quantity = \
                     \"position\"",
                ));
            }
        }
        match self.column(&track.time).map(|column| &column.action) {
            Some(Action::Shift { scope }) if *scope == track.session => {}
            _ => {
                return Err(refusal(
                    &track.time,
                    "[track] counts time from the session's beginning; give it the action \"shift\" \
                     with the scope that [track] calls session",
                ));
            }
        }
        for column in &self.columns {
            let is_position = [&track.latitude, &track.longitude].contains(&&column.name);
            let problem = match &column.action {
                Action::Drop => continue,
                Action::Track(_) if column.quasi_identifier => {
                    "what changes from sample to sample is no quasi-identifier; remove \
                     quasi_identifier"
                }
                Action::Track(TrackValue::Position) if is_position => continue,
                Action::Track(TrackValue::Position) => {
                    "only latitude and longitude of [track] are positions; drop it"
                }
                _ if ["x", "y"].contains(&column.name.as_str()) => {
                    "[track] publishes columns x and y; rename it in the table, or drop it"
                }
                _ if tells_the_place(&column.name) => {
                    "it tells where the track is, whatever its frame; give it the action \"drop\""
                }
                _ => continue,
            };
            return Err(refusal(&column.name, problem));
        }
        Ok(())
    }
}

fn refusal(column: &str, problem: &str) -> PolicyError {
    PolicyError::Column {
        column: column.to_owned(),
        problem: problem.to_owned(),
    }
}

/// Whether a column of this name holds coordinates or heights: a profile of heights survives turning and
/// scaling, and identifies a place.
fn tells_the_place(name: &str) -> bool {
    const PLACES: [&str; 5] = ["latitude", "longitude", "altitude", "elevation", "abovesea"];
    const SHORT: [&str; 6] = ["lat", "lon", "lng", "long", "alt", "msl"];
    let name: String = name.to_lowercase();
    let letters: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    // "Lat Acc" is an acceleration, "GPS Lat" is not.
    let short = letters.trim_start_matches("gps").trim_end_matches("deg");
    PLACES.iter().any(|place| letters.contains(place)) || SHORT.contains(&short)
}

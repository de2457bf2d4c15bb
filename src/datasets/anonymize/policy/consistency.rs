//! Whether the parts of a policy belong together, before any table is seen.

use super::super::differential_privacy::{DifferentialPrivacyError, Epsilon};
use super::{Action, Policy, PolicyError, Recoding};

impl Policy {
    pub(super) fn check_itself(&self) -> Result<(), PolicyError> {
        self.check_subject()?;
        self.check_laps()?;
        self.check_generalisation()?;
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
}

fn refusal(column: &str, problem: &str) -> PolicyError {
    PolicyError::Column {
        column: column.to_owned(),
        problem: problem.to_owned(),
    }
}

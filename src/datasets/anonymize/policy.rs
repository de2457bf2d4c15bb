//! The policy: what happens to each column, written by the publisher and kept with the release.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::datasets::tables::{ColumnType, Schema};

/// The format of policies that this code reads.
pub const POLICY_VERSION: u32 = 1;

/// What to do with every column of a table, and how many subjects must look alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// k: every combination of quasi-identifiers in the release is shared by at least so many
    /// subjects. 5 is in common use, 11 for public releases and wherever minors are in the data.
    pub minimum_class_size: u64,
    /// The column that names the subject, so that k counts people and not rows.
    pub subject: String,
    pub small_classes: SmallClasses,
    pub columns: Vec<ColumnPolicy>,
}

/// What happens to subjects in a class of fewer than k.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmallClasses {
    /// Their quasi-identifiers become `*`, in columns that hold no text a missing cell.
    #[default]
    Generalise,
    /// Their rows are left out.
    Drop,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ColumnPolicy {
    pub name: String,
    pub action: Action,
    pub quasi_identifier: bool,
    /// Tells who the subject is or how to reach them: sealed in the vault where identities are kept, and
    /// never published.
    pub identity: bool,
    /// Unit of the published values, for the release's metadata.
    pub unit: Option<String>,
    /// One sentence about the published values, for the release's metadata.
    pub description: Option<String>,
}

/// What happens to the cells of a column. Missing cells stay missing.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Published as it is.
    Keep,
    /// Not published.
    Drop,
    /// A keyed hash under the release's key, as `D-7K3QFM`. The same value has the same pseudonym
    /// within the scope (the columns named, or the whole release), and a different one in every
    /// release. Columns with one prefix name one kind of thing, so they share their pseudonyms.
    Pseudonym { prefix: String, scope: Vec<String> },
    /// The band the number lies in, counted from zero: `14-15` for whole numbers, `[60, 65)` else.
    Band { width: f64 },
    /// To the nearest multiple. **Protects nothing on its own**: rounded to 0.1 s, real laps were
    /// linked to public results without a single error.
    Round { step: f64 },
    /// The distance from the least value within the scope; a date becomes a day number from 1.
    Shift { scope: Vec<String> },
    /// The place of the value among the column's distinct values, from 1 (text in byte order).
    Ordinal,
    /// Values of fewer than k subjects become `replacement`, together with as many of the next
    /// rarest as it takes for k subjects to share it.
    SuppressRare { replacement: String },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = |scope: &[String]| match scope {
            [] => String::new(),
            scope => format!(" per {}", scope.join(", ")),
        };
        match self {
            Action::Keep => f.write_str("keep"),
            Action::Drop => f.write_str("drop"),
            Action::Pseudonym { prefix, scope } => write!(f, "pseudonym {prefix}{}", per(scope)),
            Action::Band { width } => write!(f, "band of {width}"),
            Action::Round { step } => write!(f, "round to {step}"),
            Action::Shift { scope } => write!(f, "shift{}", per(scope)),
            Action::Ordinal => f.write_str("ordinal"),
            Action::SuppressRare { replacement } => write!(f, "suppress rare to {replacement}"),
        }
    }
}

/// A policy that cannot be followed, or does not fit the table.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("the policy is not valid TOML of a policy: {0}")]
    Syntax(#[from] toml::de::Error),

    #[error("the policy has version {found}, version {POLICY_VERSION} is understood")]
    Version { found: u32 },

    #[error("the policy's {field} {problem}")]
    Field {
        field: &'static str,
        problem: &'static str,
    },

    #[error("the policy names column \"{0}\" twice; keep one of the two")]
    Twice(String),

    #[error("column \"{column}\": {problem}")]
    Column { column: String, problem: String },

    #[error(
        "the policy says nothing of {}; nothing is published by default, so give each an action \
         (\"drop\" leaves it out)",
        quoted(.0)
    )]
    Unnamed(Vec<String>),

    #[error("the policy names {}, which the table does not have; the table has {}", quoted(.absent), quoted(.present))]
    Absent {
        absent: Vec<String>,
        present: Vec<String>,
    },
}

fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    names.join(", ")
}

/// The policy as it stands in the file, before its parts are known to belong together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPolicy {
    version: u32,
    minimum_class_size: u64,
    subject: String,
    #[serde(default)]
    small_classes: SmallClasses,
    #[serde(default)]
    column: Vec<WrittenColumn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenColumn {
    name: String,
    action: ActionName,
    #[serde(default)]
    quasi_identifier: bool,
    #[serde(default)]
    identity: bool,
    unit: Option<String>,
    description: Option<String>,
    prefix: Option<String>,
    scope: Option<Vec<String>>,
    width: Option<f64>,
    step: Option<f64>,
    replacement: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum ActionName {
    Keep,
    Drop,
    Pseudonym,
    Band,
    Round,
    Shift,
    Ordinal,
    SuppressRare,
}

impl Policy {
    /// Reads a policy from TOML.
    ///
    /// # Errors
    /// [`PolicyError`] for syntax, unknown keys, and actions whose settings are missing, foreign or
    /// out of range.
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        let written: WrittenPolicy = toml::from_str(text)?;
        if written.version != POLICY_VERSION {
            return Err(PolicyError::Version {
                found: written.version,
            });
        }
        if written.minimum_class_size < 2 {
            return Err(PolicyError::Field {
                field: "minimum_class_size",
                problem: "must be at least 2: a class of one singles a person out",
            });
        }
        let mut names = BTreeSet::new();
        let mut columns = Vec::with_capacity(written.column.len());
        for column in written.column {
            if !names.insert(column.name.clone()) {
                return Err(PolicyError::Twice(column.name));
            }
            columns.push(column.checked()?);
        }
        let policy = Policy {
            minimum_class_size: written.minimum_class_size,
            subject: written.subject,
            small_classes: written.small_classes,
            columns,
        };
        policy.check_subject()?;
        Ok(policy)
    }

    /// The policy of a column.
    pub fn column(&self, name: &str) -> Option<&ColumnPolicy> {
        self.columns.iter().find(|column| column.name == name)
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

    /// Checks the policy against the columns of a table: every column is named, every name exists,
    /// and every action can work on its column's type.
    ///
    /// # Errors
    /// [`PolicyError::Unnamed`], [`PolicyError::Absent`] or [`PolicyError::Column`].
    pub fn check(&self, schema: &Schema) -> Result<(), PolicyError> {
        let names = || schema.columns().iter().map(|column| column.name.clone());
        let unnamed: Vec<_> = names().filter(|name| self.column(name).is_none()).collect();
        if !unnamed.is_empty() {
            return Err(PolicyError::Unnamed(unnamed));
        }
        let scopes = self.columns.iter().flat_map(|column| column.action.scope());
        let mentioned = self.columns.iter().map(|column| &column.name).chain(scopes);
        let absent: BTreeSet<_> = mentioned
            .filter(|name| schema.position(name).is_none())
            .cloned()
            .collect();
        if !absent.is_empty() {
            return Err(PolicyError::Absent {
                absent: absent.into_iter().collect(),
                present: names().collect(),
            });
        }
        for column in schema.columns() {
            let action = self.column(&column.name).map(|policy| &policy.action);
            let fits = match (action, column.kind) {
                (
                    Some(Action::Band { width: step } | Action::Round { step }),
                    ColumnType::Integer,
                ) => step.fract() == 0.0,
                (Some(Action::Band { .. } | Action::Round { .. }), kind) => {
                    kind == ColumnType::Number
                }
                (Some(Action::Shift { .. }), kind) => {
                    use ColumnType::*;
                    matches!(kind, Integer | Number | Date)
                }
                (Some(Action::Ordinal), kind) => {
                    use ColumnType::*;
                    matches!(kind, Integer | Text | Date)
                }
                _ => true,
            };
            if let (Some(action), false) = (action, fits) {
                return Err(PolicyError::Column {
                    column: column.name.clone(),
                    problem: format!(
                        "\"{action}\" does not fit cells of type {}; bands and steps of an integer \
                         column are whole numbers, text can be dropped, pseudonymised or have its \
                         rare values suppressed",
                        column.kind
                    ),
                });
            }
        }
        Ok(())
    }
}

impl Action {
    /// The columns within which the action starts anew.
    pub fn scope(&self) -> &[String] {
        match self {
            Action::Pseudonym { scope, .. } | Action::Shift { scope } => scope,
            _ => &[],
        }
    }
}

impl WrittenColumn {
    fn checked(self) -> Result<ColumnPolicy, PolicyError> {
        let name = self.name;
        let refuse = |problem: String| PolicyError::Column {
            column: name.clone(),
            problem,
        };
        use ActionName as A;
        let settings = [
            ("prefix", self.prefix.is_some(), &[A::Pseudonym][..]),
            ("scope", self.scope.is_some(), &[A::Pseudonym, A::Shift]),
            ("width", self.width.is_some(), &[A::Band]),
            ("step", self.step.is_some(), &[A::Round]),
            (
                "replacement",
                self.replacement.is_some(),
                &[A::SuppressRare],
            ),
        ];
        for (setting, given, actions) in settings {
            if given && !actions.contains(&self.action) {
                return Err(refuse(format!(
                    "{setting} does not belong to this action; remove it"
                )));
            }
        }
        let positive = |setting: &str, value: Option<f64>| match value {
            Some(value) if value.is_finite() && value > 0.0 => Ok(value),
            Some(_) => Err(refuse(format!("{setting} must be greater than zero"))),
            None => Err(refuse(format!("{setting} is missing"))),
        };
        if self.identity && self.action != A::Drop {
            let problem = "an identity is never published; give it the action \"drop\"";
            return Err(refuse(problem.to_owned()));
        }
        let scope = self.scope.unwrap_or_default();
        let action = match self.action {
            A::Keep => Action::Keep,
            A::Drop if self.quasi_identifier => {
                let problem = "a dropped column is no quasi-identifier; remove quasi_identifier";
                return Err(refuse(problem.to_owned()));
            }
            A::Drop => Action::Drop,
            A::Pseudonym => match self.prefix {
                Some(prefix)
                    if (1..=8).contains(&prefix.len())
                        && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
                {
                    Action::Pseudonym { prefix, scope }
                }
                _ => {
                    let problem = "a pseudonym needs a prefix of 1 to 8 letters or digits, one for \
                                   each kind of thing, such as prefix = \"D\" for drivers";
                    return Err(refuse(problem.to_owned()));
                }
            },
            A::Band => Action::Band {
                width: positive("width", self.width)?,
            },
            A::Round => Action::Round {
                step: positive("step", self.step)?,
            },
            A::Shift => Action::Shift { scope },
            A::Ordinal => Action::Ordinal,
            A::SuppressRare => Action::SuppressRare {
                replacement: self.replacement.unwrap_or_else(|| "other".to_owned()),
            },
        };
        Ok(ColumnPolicy {
            name,
            action,
            quasi_identifier: self.quasi_identifier,
            identity: self.identity,
            unit: self.unit,
            description: self.description,
        })
    }
}

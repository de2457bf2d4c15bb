//! The policy: what happens to each column, written by the publisher and kept with the release.

mod consistency;
mod written;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::differential_privacy::Epsilon;
use super::k_anonymity::hierarchy::Hierarchy;
use super::k_anonymity::models::Criterion;
use super::track_frame::Quantity;
use crate::datasets::tables::{ColumnType, Schema};

/// The format of policies that this code reads.
pub const POLICY_VERSION: u32 = 1;

/// What to do with every column of a table, and how many subjects must look alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// k: every combination of quasi-identifiers in the release is shared by at least so many
    /// subjects. 5 is in common use, 11 for public releases; [`MINIMUM_FOR_MINORS`] at least, unless
    /// the policy says that no minors are in the data.
    pub minimum_class_size: u64,
    /// k as the policy states it.
    pub stated_class_size: u64,
    /// Whether children are among the subjects, where the policy says it.
    pub minors: Option<bool>,
    /// The column that names the subject, so that k counts people and not rows.
    pub subject: String,
    pub small_classes: SmallClasses,
    /// The share of subjects that the search for levels may leave to `small_classes`, where
    /// quasi-identifiers are [generalised](Action::Generalise).
    pub suppression_limit: f64,
    pub recoding: Recoding,
    /// How lap times are protected, in a table of laps.
    pub laps: Option<LapPolicy>,
    /// How positions are protected, in a table of telemetry.
    pub track: Option<TrackPolicy>,
    pub columns: Vec<ColumnPolicy>,
}

/// Lap times as pace cells: of each driver a fixed number of laps, in no order, around the pace that at
/// least k drivers share.
#[derive(Debug, Clone, PartialEq)]
pub struct LapPolicy {
    /// The column with the lap times. Published are shares of the event's median.
    pub time: String,
    /// The column that tells events apart, where the table has several.
    pub event: Option<String>,
    /// How many laps of each driver in each event are published.
    pub quota: usize,
    /// Standard deviation of the noise, as a share of the lap time.
    pub noise: f64,
    /// Which laps count as clean: shares of the event's median.
    pub keep: (f64, f64),
}

/// Telemetry in the frame of its track: thinned samples whose positions do not tell the place.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackPolicy {
    /// The columns with the position in degrees, published as `x` and `y` in metres.
    pub latitude: String,
    pub longitude: String,
    /// The column with the seconds of each sample, shifted to begin with the session.
    pub time: String,
    /// The columns that tell sessions apart; rows of a session follow each other in time.
    pub session: Vec<String>,
    /// The column that tells venues apart, where the table has several: each has a frame of its own.
    pub venue: Option<String>,
    /// Samples a second that are published, at most.
    pub rate_hz: f64,
}

/// The most samples a second of a published session.
pub const MOST_RATE_HZ: f64 = 10.0;

/// k where minors are in the data, or where nobody says that there are none.
pub const MINIMUM_FOR_MINORS: u64 = 11;

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

/// Where generalised quasi-identifiers have one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recoding {
    /// In the whole column, so that its values can be compared.
    #[default]
    Global,
    /// In each class, finer than the column's wherever enough subjects look alike there.
    Local,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ColumnPolicy {
    pub name: String,
    pub action: Action,
    pub quasi_identifier: bool,
    /// What the column's values must fulfil in every class, so that a class does not tell them.
    pub criteria: Vec<Criterion>,
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
    /// What stands for the value at the level that a search chose for the column: of all levels of all
    /// such columns those that reach k and lose least.
    Generalise(Generalisation),
    /// Not published; a differentially private histogram and mean over the subjects are told instead.
    Statistics(StatisticsPolicy),
    /// As the frame of the track shows it.
    Track(TrackValue),
}

/// What a column of telemetry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackValue {
    /// Latitude or longitude.
    Position,
    Channel(Quantity),
}

/// The statistics of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StatisticsPolicy {
    /// What the histogram and the mean may cost together.
    pub epsilon: Epsilon,
    /// Bounds that are known without looking at the data; values beyond count as the bounds.
    pub least: f64,
    pub greatest: f64,
    pub bins: u32,
}

/// What may stand for the values of a column, level by level.
#[derive(Debug, Clone, PartialEq)]
pub enum Generalisation {
    /// Written out for every value.
    Hierarchy(Hierarchy),
    /// Whole numbers in intervals of these widths, over the column's range.
    Widths(Vec<i64>),
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
            Action::Generalise(Generalisation::Hierarchy(hierarchy)) => {
                write!(f, "generalise in {} levels", hierarchy.levels())
            }
            Action::Generalise(Generalisation::Widths(widths)) => {
                let widths: Vec<_> = widths.iter().map(i64::to_string).collect();
                write!(f, "generalise by widths {}", widths.join(", "))
            }
            Action::Track(TrackValue::Position) => f.write_str("position in the track's frame"),
            Action::Track(TrackValue::Channel(quantity)) => {
                let quantity = format!("{quantity:?}").to_lowercase();
                write!(f, "{quantity} in the track's frame")
            }
            Action::Statistics(statistics) => write!(f, "statistics at ε = {}", statistics.epsilon),
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

impl Policy {
    /// Reads a policy from TOML.
    ///
    /// # Errors
    /// [`PolicyError`] for syntax, unknown keys, and actions whose settings are missing, foreign or
    /// out of range.
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        written::WrittenPolicy::parse(text)?.checked()
    }

    /// The policy of a column.
    pub fn column(&self, name: &str) -> Option<&ColumnPolicy> {
        self.columns.iter().find(|column| column.name == name)
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
        self.check_types(schema)
    }

    fn check_types(&self, schema: &Schema) -> Result<(), PolicyError> {
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
                (Some(Action::Statistics(_) | Action::Track(_)), kind) => {
                    matches!(kind, ColumnType::Integer | ColumnType::Number)
                }
                (Some(Action::Generalise(Generalisation::Widths(_))), kind) => {
                    kind == ColumnType::Integer
                }
                _ => true,
            };
            if let (Some(action), false) = (action, fits) {
                return Err(PolicyError::Column {
                    column: column.name.clone(),
                    problem: format!(
                        "\"{action}\" does not fit cells of type {}; bands and steps of an integer \
                         column are whole numbers, widths are for whole numbers alone, statistics and the track's frame for numbers, text can be dropped, pseudonymised or have its \
                         rare values suppressed",
                        column.kind
                    ),
                });
            }
            let is_number = matches!(column.kind, ColumnType::Integer | ColumnType::Number);
            let is_sample_time = self.track.as_ref().is_some_and(|t| t.time == column.name);
            if is_sample_time && !is_number {
                return Err(PolicyError::Column {
                    column: column.name.clone(),
                    problem: format!(
                        "[track] needs times in seconds, the column holds cells of type {}",
                        column.kind
                    ),
                });
            }
            let is_lap_time = self
                .laps
                .as_ref()
                .is_some_and(|laps| laps.time == column.name);
            if is_lap_time && !is_number {
                return Err(PolicyError::Column {
                    column: column.name.clone(),
                    problem: format!(
                        "[laps] needs lap times in seconds, the column holds cells of type {}; \
                         write 1:05.3 as 65.3",
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

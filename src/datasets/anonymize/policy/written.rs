//! The policy as it stands in the file, before its parts are known to belong together.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::super::differential_privacy::Epsilon;
use super::super::k_anonymity::hierarchy::Hierarchy;
use super::super::k_anonymity::models::Criterion;
use super::super::track_frame::Quantity;
use super::{
    Action, ColumnPolicy, Generalisation, LapPolicy, MINIMUM_FOR_MINORS, MOST_RATE_HZ,
    POLICY_VERSION, Policy, PolicyError, Recoding, SmallClasses, StatisticsPolicy, TrackPolicy,
    TrackValue,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenPolicy {
    version: u32,
    minimum_class_size: u64,
    /// Whether children are among the subjects; unsaid is treated as yes.
    minors: Option<bool>,
    subject: String,
    #[serde(default)]
    small_classes: SmallClasses,
    #[serde(default)]
    suppression_limit: f64,
    #[serde(default)]
    recoding: Recoding,
    laps: Option<WrittenLaps>,
    track: Option<WrittenTrack>,
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
    hierarchy: Option<Vec<Vec<String>>>,
    widths: Option<Vec<i64>>,
    l_diversity: Option<u32>,
    t_closeness: Option<f64>,
    epsilon: Option<f64>,
    least: Option<f64>,
    greatest: Option<f64>,
    bins: Option<u32>,
    quantity: Option<QuantityName>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum QuantityName {
    Position,
    Length,
    Sideways,
    Turning,
    Heading,
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
    Generalise,
    Statistics,
    Track,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTrack {
    latitude: String,
    longitude: String,
    time: String,
    session: Vec<String>,
    venue: Option<String>,
    #[serde(default = "default_rate_hz")]
    rate_hz: f64,
}

fn default_rate_hz() -> f64 {
    MOST_RATE_HZ
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLaps {
    time: String,
    event: Option<String>,
    #[serde(default = "default_quota")]
    quota: usize,
    #[serde(default = "default_noise")]
    noise: f64,
    #[serde(default = "default_keep")]
    keep: [f64; 2],
}

/// Of a column: four figures share it, and each takes whole millionths.
const LEAST_EPSILON: f64 = 0.0001;

fn default_quota() -> usize {
    15
}

fn default_noise() -> f64 {
    0.005
}

fn default_keep() -> [f64; 2] {
    [0.9, 1.08]
}

impl WrittenPolicy {
    pub(super) fn parse(text: &str) -> Result<WrittenPolicy, PolicyError> {
        Ok(toml::from_str(text)?)
    }

    pub(super) fn checked(self) -> Result<Policy, PolicyError> {
        if self.version != POLICY_VERSION {
            return Err(PolicyError::Version {
                found: self.version,
            });
        }
        if self.minimum_class_size < 2 {
            return Err(PolicyError::Field {
                field: "minimum_class_size",
                problem: "must be at least 2: a class of one singles a person out",
            });
        }
        if !(0.0..1.0).contains(&self.suppression_limit) {
            return Err(PolicyError::Field {
                field: "suppression_limit",
                problem: "is a share of the subjects, from 0 to below 1, such as 0.05",
            });
        }
        let mut names = BTreeSet::new();
        let mut columns = Vec::with_capacity(self.column.len());
        for column in self.column {
            if !names.insert(column.name.clone()) {
                return Err(PolicyError::Twice(column.name));
            }
            columns.push(column.checked()?);
        }
        let least = match self.minors {
            Some(false) => 0,
            Some(true) | None => MINIMUM_FOR_MINORS,
        };
        let policy = Policy {
            minimum_class_size: self.minimum_class_size.max(least),
            stated_class_size: self.minimum_class_size,
            minors: self.minors,
            subject: self.subject,
            small_classes: self.small_classes,
            suppression_limit: self.suppression_limit,
            recoding: self.recoding,
            laps: self.laps.map(WrittenLaps::checked).transpose()?,
            track: self.track.map(WrittenTrack::checked).transpose()?,
            columns,
        };
        policy.check_itself()?;
        Ok(policy)
    }
}

impl WrittenTrack {
    fn checked(self) -> Result<TrackPolicy, PolicyError> {
        let refuse = |field, problem| Err(PolicyError::Field { field, problem });
        if self.session.is_empty() {
            let problem = "is empty; name the columns that tell sessions apart";
            return refuse("track.session", problem);
        }
        if !(self.rate_hz > 0.0 && self.rate_hz <= MOST_RATE_HZ) {
            return refuse(
                "track.rate_hz",
                "is above 0 and at most 10 samples a second",
            );
        }
        Ok(TrackPolicy {
            latitude: self.latitude,
            longitude: self.longitude,
            time: self.time,
            session: self.session,
            venue: self.venue,
            rate_hz: self.rate_hz,
        })
    }
}

impl WrittenLaps {
    fn checked(self) -> Result<LapPolicy, PolicyError> {
        let refuse = |field, problem| Err(PolicyError::Field { field, problem });
        let [least, most] = self.keep;
        if self.quota < 3 {
            return refuse("laps.quota", "must be at least 3 laps");
        }
        if !(self.noise.is_finite() && (0.0..=0.1).contains(&self.noise)) {
            return refuse("laps.noise", "is a share of the lap time from 0 to 0.1");
        }
        if !(least.is_finite() && most.is_finite() && 0.0 < least && least < 1.0 && 1.0 < most) {
            return refuse(
                "laps.keep",
                "is a range of shares of the median around 1, such as [0.9, 1.08]",
            );
        }
        Ok(LapPolicy {
            time: self.time,
            event: self.event,
            quota: self.quota,
            noise: self.noise,
            keep: (least, most),
        })
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
            ("hierarchy", self.hierarchy.is_some(), &[A::Generalise]),
            ("widths", self.widths.is_some(), &[A::Generalise]),
            ("quantity", self.quantity.is_some(), &[A::Track]),
            ("epsilon", self.epsilon.is_some(), &[A::Statistics]),
            ("least", self.least.is_some(), &[A::Statistics]),
            ("greatest", self.greatest.is_some(), &[A::Statistics]),
            ("bins", self.bins.is_some(), &[A::Statistics]),
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
        let criteria: Vec<Criterion> = [
            self.l_diversity.map(|l| Criterion::DistinctDiversity { l }),
            self.t_closeness.map(|t| Criterion::Closeness { t }),
        ]
        .into_iter()
        .flatten()
        .collect();
        if self.l_diversity.is_some_and(|l| l < 2) {
            let problem = "l_diversity must be at least 2 different values";
            return Err(refuse(problem.to_owned()));
        }
        if self.t_closeness.is_some_and(|t| !(0.0..=1.0).contains(&t)) {
            let problem = "t_closeness is a distance from 0 to 1, such as 0.3";
            return Err(refuse(problem.to_owned()));
        }
        let is_published = !matches!(self.action, A::Drop | A::Statistics);
        if !is_published && !criteria.is_empty() {
            let problem = "a dropped column cannot be learned from its class; remove l_diversity \
                           and t_closeness";
            return Err(refuse(problem.to_owned()));
        }
        let scope = self.scope.unwrap_or_default();
        let action = match self.action {
            A::Keep => Action::Keep,
            _ if self.quasi_identifier && !is_published => {
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
            A::Track => Action::Track(match self.quantity {
                Some(QuantityName::Position) => TrackValue::Position,
                Some(QuantityName::Length) => TrackValue::Channel(Quantity::Length),
                Some(QuantityName::Sideways) => TrackValue::Channel(Quantity::Sideways),
                Some(QuantityName::Turning) => TrackValue::Channel(Quantity::Turning),
                Some(QuantityName::Heading) => TrackValue::Channel(Quantity::Heading),
                None => {
                    let problem = "track needs a quantity: position, length (also speed and \
                                   acceleration along the track), sideways, turning or heading";
                    return Err(refuse(problem.to_owned()));
                }
            }),
            A::Statistics => {
                let missing = || {
                    let problem = "statistics need epsilon, such as 0.5, and the bounds least and \
                                   greatest, known without looking at the data";
                    refuse(problem.to_owned())
                };
                let epsilon = self.epsilon.ok_or_else(missing)?;
                let least = self.least.ok_or_else(missing)?;
                let greatest = self.greatest.ok_or_else(missing)?;
                let range = greatest - least;
                if !(range.is_finite() && range > 0.0) {
                    let problem = "least must be below greatest, and both be numbers";
                    return Err(refuse(problem.to_owned()));
                }
                let bins = self.bins.unwrap_or(10);
                if !(1..=1000).contains(&bins) {
                    return Err(refuse("bins must be from 1 to 1,000".to_owned()));
                }
                let stated = Epsilon::new(epsilon).map_err(|error| refuse(error.to_string()))?;
                if stated.value() < LEAST_EPSILON {
                    let problem = format!("epsilon must be at least {LEAST_EPSILON}");
                    return Err(refuse(problem));
                }
                Action::Statistics(StatisticsPolicy {
                    epsilon: stated,
                    least,
                    greatest,
                    bins,
                })
            }
            A::Generalise if !self.quasi_identifier => {
                let problem = "only quasi-identifiers are generalised; add quasi_identifier = true";
                return Err(refuse(problem.to_owned()));
            }
            A::Generalise => Action::Generalise(match (self.hierarchy, self.widths) {
                (Some(rows), None) => {
                    let hierarchy = Hierarchy::from_rows(rows);
                    Generalisation::Hierarchy(hierarchy.map_err(|e| refuse(e.to_string()))?)
                }
                (None, Some(widths)) => {
                    Hierarchy::intervals(0, 0, &widths).map_err(|e| refuse(e.to_string()))?;
                    Generalisation::Widths(widths)
                }
                _ => {
                    let problem = "generalise needs either a hierarchy, [[\"value\", …, \"*\"], …] \
                                   with a row for each value, or for whole numbers widths = [2, 4, 8]";
                    return Err(refuse(problem.to_owned()));
                }
            }),
        };
        Ok(ColumnPolicy {
            name,
            action,
            quasi_identifier: self.quasi_identifier,
            criteria,
            identity: self.identity,
            unit: self.unit,
            description: self.description,
        })
    }
}

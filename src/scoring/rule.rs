//! How a phase's submissions are scored: by a metric of the catalogue, or by the organizer's own
//! scoring program.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::metrics::{Direction, Metric};

/// How a phase's submissions are scored. Parsed from and displayed as the metric's key (`rmse`,
/// `ndcg@10`), or `program:KEY:lower` and `program:KEY:higher` for the number of that key among the
/// scores that the organizer's program writes; serialized as that string.
#[derive(Debug, Clone, PartialEq)]
pub enum ScoringRule {
    /// A metric of the catalogue.
    Metric(Metric),
    /// A number that the organizer's scoring program writes.
    Program(ProgramScore),
}

/// The number that counts among those that a scoring program writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramScore {
    key: String,
    direction: Direction,
}

/// Why a text is no scoring rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RuleError {
    /// It is no metric of the catalogue.
    #[error("{0}")]
    Metric(String),
    /// It begins with `program:` and goes on otherwise.
    #[error(
        "`{0}` is no scoring program's score: write program:KEY:lower or program:KEY:higher, where KEY is 1 to 60 letters, digits, `_`, `-` or `.`"
    )]
    Program(String),
}

impl ProgramScore {
    /// The score's name in what the program writes.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl ScoringRule {
    /// Which of two scores is the better one.
    pub fn direction(&self) -> Direction {
        match self {
            Self::Metric(metric) => metric.definition().direction,
            Self::Program(score) => score.direction,
        }
    }

    /// The name that people read.
    pub fn title(&self) -> &str {
        match self {
            Self::Metric(metric) => metric.definition().title,
            Self::Program(score) => &score.key,
        }
    }

    /// What the score means, in a paragraph.
    pub fn description(&self) -> &str {
        match self {
            Self::Metric(metric) => metric.definition().description,
            Self::Program(_) => {
                "Computed by the organizer's own scoring program, which the overview or the rules describe."
            }
        }
    }

    /// The metric, unless a program scores.
    pub fn metric(&self) -> Option<&Metric> {
        match self {
            Self::Metric(metric) => Some(metric),
            Self::Program(_) => None,
        }
    }

    /// The score that counts, where a program scores.
    pub fn program(&self) -> Option<&ProgramScore> {
        match self {
            Self::Metric(_) => None,
            Self::Program(score) => Some(score),
        }
    }
}

impl From<Metric> for ScoringRule {
    fn from(metric: Metric) -> Self {
        Self::Metric(metric)
    }
}

impl fmt::Display for ScoringRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metric(metric) => metric.fmt(formatter),
            Self::Program(ProgramScore { key, direction }) => {
                let better = match direction {
                    Direction::LowerIsBetter => "lower",
                    Direction::HigherIsBetter => "higher",
                };
                write!(formatter, "program:{key}:{better}")
            }
        }
    }
}

impl FromStr for ScoringRule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let Some(rest) = text.strip_prefix("program:") else {
            let metric = text.parse::<Metric>();
            return metric
                .map(Self::Metric)
                .map_err(|error| RuleError::Metric(error.to_string()));
        };
        let wrong = || RuleError::Program(text.to_owned());
        let (key, better) = rest.rsplit_once(':').ok_or_else(wrong)?;
        let direction = match better {
            "lower" => Direction::LowerIsBetter,
            "higher" => Direction::HigherIsBetter,
            _ => return Err(wrong()),
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if key.is_empty() || key.len() > 60 || !key.bytes().all(is_plain) {
            return Err(wrong());
        }
        Ok(Self::Program(ProgramScore {
            key: key.to_owned(),
            direction,
        }))
    }
}

impl Serialize for ScoringRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScoringRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_survives_its_text() {
        for text in [
            "rmse",
            "ndcg@10",
            "program:pinball.sum:lower",
            "program:accuracy:higher",
        ] {
            assert_eq!(text.parse::<ScoringRule>().unwrap().to_string(), text);
        }
        let rule: ScoringRule = "program:accuracy:higher".parse().unwrap();
        assert_eq!(rule.direction(), Direction::HigherIsBetter);
        assert_eq!(rule.program().unwrap().key(), "accuracy");
    }

    #[test]
    fn a_damaged_rule_is_refused_with_the_remedy() {
        for text in [
            "program:",
            "program:a",
            "program:a:best",
            "program::lower",
            "program:a b:lower",
        ] {
            let error = text.parse::<ScoringRule>().unwrap_err().to_string();
            assert!(error.contains("program:KEY:lower"), "{error}");
        }
        assert!("rmsee".parse::<ScoringRule>().is_err());
    }
}

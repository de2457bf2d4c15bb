//! A metric with its parameter: how it is written, and what it computes.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::definition::{InputShape, MetricDefinition};
use super::error::{Column, MetricError};
use super::sample::{Domain, Sample};
use super::{catalogue, order};
use super::{
    classification, discrimination, distribution, probability, rank_correlation, ranking,
    regression, survival,
};

/// A metric of the [`catalogue`] with its parameter. Parsed from and displayed as its key, with the
/// parameter behind an `@`: `rmse`, `ndcg@10`, `pinball@0.9`; serialized as that string.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    Rmse,
    Mae,
    Mape,
    Rmsle,
    R2,
    LogLoss,
    MulticlassLogLoss,
    Brier,
    RocAuc,
    AveragePrecision,
    Accuracy,
    BalancedAccuracy,
    F1,
    F1Macro,
    F1Micro,
    Mcc,
    CohenKappa,
    QuadraticWeightedKappa,
    Spearman,
    Kendall,
    /// NDCG of the first so many items of each group.
    Ndcg(NonZeroU32),
    /// Mean average precision of the first so many items of each group.
    Map(NonZeroU32),
    ConcordanceIndex,
    Pinball(Quantile),
    Crps,
}

/// A quantile strictly between 0 and 1; at 0 and 1 the best prediction would be infinite.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Quantile(f64);

impl Quantile {
    /// None unless `level` lies strictly between 0 and 1.
    pub fn new(level: f64) -> Option<Quantile> {
        (level > 0.0 && level < 1.0).then_some(Quantile(level))
    }

    /// The number between 0 and 1.
    pub fn level(self) -> f64 {
        self.0
    }
}

impl Metric {
    /// What there is to know about the metric, whatever its parameter.
    pub fn definition(&self) -> &'static MetricDefinition {
        match self {
            Metric::Rmse => &regression::RMSE,
            Metric::Mae => &regression::MAE,
            Metric::Mape => &regression::MAPE,
            Metric::Rmsle => &regression::RMSLE,
            Metric::R2 => &regression::R2,
            Metric::LogLoss => &probability::LOG_LOSS,
            Metric::MulticlassLogLoss => &probability::MULTICLASS_LOG_LOSS,
            Metric::Brier => &probability::BRIER,
            Metric::RocAuc => &discrimination::ROC_AUC,
            Metric::AveragePrecision => &discrimination::AVERAGE_PRECISION,
            Metric::Accuracy => &classification::ACCURACY,
            Metric::BalancedAccuracy => &classification::BALANCED_ACCURACY,
            Metric::F1 => &classification::F1,
            Metric::F1Macro => &classification::F1_MACRO,
            Metric::F1Micro => &classification::F1_MICRO,
            Metric::Mcc => &classification::MCC,
            Metric::CohenKappa => &classification::COHEN_KAPPA,
            Metric::QuadraticWeightedKappa => &classification::QUADRATIC_WEIGHTED_KAPPA,
            Metric::Spearman => &rank_correlation::SPEARMAN,
            Metric::Kendall => &rank_correlation::KENDALL,
            Metric::Ndcg(_) => &ranking::NDCG,
            Metric::Map(_) => &ranking::MAP,
            Metric::ConcordanceIndex => &survival::CONCORDANCE_INDEX,
            Metric::Pinball(_) => &distribution::PINBALL,
            Metric::Crps => &distribution::CRPS,
        }
    }

    /// Scores the predictions of a sample.
    ///
    /// # Errors
    /// When the truth or the predictions do not have the metric's [`InputShape`], and
    /// when the score is undefined or not a finite number.
    pub fn score(&self, sample: &Sample) -> Result<f64, MetricError> {
        let shape = self.definition().shape;
        sample.check_truth(shape)?;
        sample.check_predictions(shape)?;
        let score = self.formula(sample)?;
        if !score.is_finite() {
            return Err(MetricError::NotRepresentable);
        }
        Ok(score + 0.0) // −0.0 would print as "-0"
    }

    /// The formula, on a sample whose columns were checked. May be NaN or infinite where values overflow.
    fn formula(&self, sample: &Sample) -> Result<f64, MetricError> {
        let target = sample.target;
        match *self {
            Metric::Rmse => Ok(regression::rmse(target, sample.prediction()?)),
            Metric::Mae => Ok(regression::mae(target, sample.prediction()?)),
            Metric::Mape => Ok(regression::mape(target, sample.prediction()?)),
            Metric::Rmsle => regression::rmsle(target, sample.prediction()?),
            Metric::R2 => regression::r2(target, sample.prediction()?),
            Metric::LogLoss => Ok(probability::log_loss(target, sample.prediction()?)),
            Metric::MulticlassLogLoss => {
                probability::multiclass_log_loss(target, sample.class_probabilities()?)
            }
            Metric::Brier => Ok(probability::brier(target, sample.prediction()?)),
            Metric::RocAuc => discrimination::roc_auc(target, sample.prediction()?),
            Metric::AveragePrecision => {
                discrimination::average_precision(target, sample.prediction()?)
            }
            Metric::Accuracy => Ok(classification::accuracy(target, sample.prediction()?)),
            Metric::BalancedAccuracy => Ok(classification::balanced_accuracy(
                target,
                sample.prediction()?,
            )),
            Metric::F1 => classification::f1(target, sample.prediction()?),
            Metric::F1Macro => Ok(classification::f1_macro(target, sample.prediction()?)),
            Metric::F1Micro => Ok(classification::f1_micro(target, sample.prediction()?)),
            Metric::Mcc => Ok(classification::mcc(target, sample.prediction()?)),
            Metric::CohenKappa => classification::cohen_kappa(target, sample.prediction()?),
            Metric::QuadraticWeightedKappa => {
                classification::quadratic_weighted_kappa(target, sample.prediction()?)
            }
            Metric::Spearman => rank_correlation::spearman(target, sample.prediction()?),
            Metric::Kendall => rank_correlation::kendall(target, sample.prediction()?),
            Metric::Ndcg(cutoff) => {
                ranking::ndcg(target, sample.group()?, sample.prediction()?, cutoff)
            }
            Metric::Map(cutoff) => ranking::mean_average_precision(
                target,
                sample.group()?,
                sample.prediction()?,
                cutoff,
            ),
            Metric::ConcordanceIndex => {
                survival::concordance_index(target, sample.event()?, sample.prediction()?)
            }
            Metric::Pinball(quantile) => Ok(distribution::pinball(
                target,
                sample.prediction()?,
                quantile,
            )),
            Metric::Crps => Ok(distribution::crps(target, sample.ensemble()?)),
        }
    }

    /// Checks, when an organizer uploads a solution, that its truth suits the metric. The predictions of the
    /// sample are not looked at and may be empty.
    ///
    /// A truth that passes never makes [`score`](Metric::score) undefined by itself, and lets predictions
    /// differ: a constant target, for example, is refused for R², which then could only be 0 or 1.
    ///
    /// # Errors
    /// When the truth does not have the metric's shape, would make every score undefined, or would make every
    /// prediction score alike or out of proportion.
    pub fn check_target(&self, sample: &Sample) -> Result<(), MetricError> {
        let shape = self.definition().shape;
        sample.check_truth(shape)?;
        match self {
            Metric::Mape => Domain::NonZero.check(Column::Target, sample.target)?,
            Metric::R2 if order::is_constant(sample.target) => {
                return Err(MetricError::ConstantTarget);
            }
            Metric::AveragePrecision
            | Metric::BalancedAccuracy
            | Metric::F1
            | Metric::F1Macro
            | Metric::Mcc
            | Metric::CohenKappa
            | Metric::QuadraticWeightedKappa
                if order::is_constant(sample.target) =>
            {
                return Err(MetricError::OneClass);
            }
            _ => {}
        }
        // Whatever else is wrong with a truth keeps it from being scored even against itself. Only class
        // probabilities do not look like their truth; they are defined for any class codes.
        if shape == InputShape::ClassProbabilities {
            return Ok(());
        }
        let itself = Sample {
            predictions: &[sample.target],
            ..*sample
        };
        self.score(&itself).map(drop)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.definition().key)?;
        match self {
            Metric::Ndcg(cutoff) | Metric::Map(cutoff) => write!(formatter, "@{cutoff}"),
            Metric::Pinball(quantile) => write!(formatter, "@{}", quantile.level()),
            _ => Ok(()),
        }
    }
}

/// Why a text names no metric.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseMetricError {
    #[error("there is no metric {text:?}; the metrics are {}", all_examples())]
    Unknown { text: String },
    #[error("the metric {key} takes no parameter: write {key:?}")]
    UnexpectedParameter { key: &'static str },
    #[error("the metric {key} needs {needed} behind an @: write for example {example:?}")]
    BadParameter {
        key: &'static str,
        needed: &'static str,
        example: String,
    },
}

/// Every metric as it may be written, for the error that answers an unknown one.
fn all_examples() -> String {
    let examples: Vec<String> = catalogue().iter().map(MetricDefinition::example).collect();
    examples.join(", ")
}

impl FromStr for Metric {
    type Err = ParseMetricError;

    fn from_str(text: &str) -> Result<Metric, ParseMetricError> {
        let (key, parameter) = match text.split_once('@') {
            Some((key, parameter)) => (key, Some(parameter)),
            None => (text, None),
        };
        let metric = match key {
            "rmse" => Metric::Rmse,
            "mae" => Metric::Mae,
            "mape" => Metric::Mape,
            "rmsle" => Metric::Rmsle,
            "r2" => Metric::R2,
            "log_loss" => Metric::LogLoss,
            "multiclass_log_loss" => Metric::MulticlassLogLoss,
            "brier" => Metric::Brier,
            "roc_auc" => Metric::RocAuc,
            "average_precision" => Metric::AveragePrecision,
            "accuracy" => Metric::Accuracy,
            "balanced_accuracy" => Metric::BalancedAccuracy,
            "f1" => Metric::F1,
            "f1_macro" => Metric::F1Macro,
            "f1_micro" => Metric::F1Micro,
            "mcc" => Metric::Mcc,
            "cohen_kappa" => Metric::CohenKappa,
            "quadratic_weighted_kappa" => Metric::QuadraticWeightedKappa,
            "spearman" => Metric::Spearman,
            "kendall" => Metric::Kendall,
            "ndcg" => return cutoff(&ranking::NDCG, parameter).map(Metric::Ndcg),
            "map" => return cutoff(&ranking::MAP, parameter).map(Metric::Map),
            "concordance_index" => Metric::ConcordanceIndex,
            "pinball" => return quantile(&distribution::PINBALL, parameter).map(Metric::Pinball),
            "crps" => Metric::Crps,
            _ => {
                return Err(ParseMetricError::Unknown {
                    text: text.to_owned(),
                });
            }
        };
        match parameter {
            None => Ok(metric),
            Some(_) => Err(ParseMetricError::UnexpectedParameter {
                key: metric.definition().key,
            }),
        }
    }
}

fn cutoff(
    definition: &'static MetricDefinition,
    parameter: Option<&str>,
) -> Result<NonZeroU32, ParseMetricError> {
    parameter
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| ParseMetricError::BadParameter {
            key: definition.key,
            needed: "the number of items that count, a whole number from 1,",
            example: definition.example(),
        })
}

fn quantile(
    definition: &'static MetricDefinition,
    parameter: Option<&str>,
) -> Result<Quantile, ParseMetricError> {
    parameter
        .and_then(|text| text.parse().ok())
        .and_then(Quantile::new)
        .ok_or_else(|| ParseMetricError::BadParameter {
            key: definition.key,
            needed: "the quantile, strictly between 0 and 1,",
            example: definition.example(),
        })
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Metric, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_of_the_catalogue_is_parsed_and_displayed_alike() {
        for definition in catalogue() {
            let text = definition.example();
            let metric: Metric = text.parse().unwrap();
            assert_eq!(metric.definition(), definition);
            assert_eq!(metric.to_string(), text);
            let json = serde_json::to_string(&metric).unwrap();
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<Metric>(&json).unwrap(), metric);
        }
    }

    #[test]
    fn equal_parameters_have_one_spelling() {
        assert_eq!(
            "pinball@0.90".parse::<Metric>().unwrap().to_string(),
            "pinball@0.9"
        );
        assert_eq!("ndcg@010".parse::<Metric>().unwrap().to_string(), "ndcg@10");
    }

    #[test]
    fn an_unknown_metric_is_answered_with_the_list() {
        let error = "rsme".parse::<Metric>().unwrap_err().to_string();
        assert!(
            error.starts_with("there is no metric \"rsme\"; the metrics are rmse, mae,"),
            "{error}"
        );
        for definition in catalogue() {
            assert!(error.contains(definition.key), "{error}");
        }
    }

    #[test]
    fn a_wrong_parameter_is_answered_with_an_example() {
        for text in [
            "ndcg",
            "ndcg@",
            "ndcg@0",
            "ndcg@-1",
            "ndcg@2.5",
            "ndcg@ten",
            "ndcg@10@10",
        ] {
            let error = text.parse::<Metric>().unwrap_err().to_string();
            assert!(error.contains("\"ndcg@10\""), "{text}: {error}");
        }
        for text in [
            "pinball",
            "pinball@0",
            "pinball@1",
            "pinball@NaN",
            "pinball@-0.5",
            "pinball@90%",
        ] {
            let error = text.parse::<Metric>().unwrap_err().to_string();
            assert!(error.contains("\"pinball@0.9\""), "{text}: {error}");
        }
        assert_eq!(
            "rmse@3".parse::<Metric>().unwrap_err().to_string(),
            "the metric rmse takes no parameter: write \"rmse\""
        );
    }

    #[test]
    fn a_truth_that_no_prediction_can_score_on_is_refused() {
        let check = |metric: &str, target: &[f64]| {
            let (group, event) = (vec![0; target.len()], vec![true; target.len()]);
            metric.parse::<Metric>().unwrap().check_target(&Sample {
                target,
                group: Some(&group),
                event: Some(&event),
                predictions: &[],
            })
        };
        use MetricError::*;
        for metric in ["r2", "spearman", "kendall"] {
            assert_eq!(check(metric, &[2.0, 2.0]), Err(ConstantTarget), "{metric}");
        }
        for metric in ["roc_auc", "average_precision", "f1", "mcc", "cohen_kappa"] {
            assert_eq!(check(metric, &[1.0, 1.0]), Err(OneClass), "{metric}");
        }
        for metric in ["ndcg@5", "map@5"] {
            assert_eq!(check(metric, &[0.0, 0.0]), Err(NothingRelevant), "{metric}");
        }
        assert_eq!(
            check("concordance_index", &[2.0, 2.0]),
            Err(NoComparablePair)
        );
        assert_eq!(check("r2", &[1e300, -1e300]), Err(NotRepresentable));
        assert_eq!(check("r2", &[1e-300, 2e-300]), Err(NotRepresentable));
        assert_eq!(check("rmse", &[1e300, -1e300]), Ok(()));
        let error = check("rmsle", &[3.0, -1.0]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("row 2 of the target column holds -1"),
            "{error}"
        );
        let error = check("mape", &[3.0, 0.0]).unwrap_err();
        assert!(error.to_string().contains("other than 0"), "{error}");
        assert_eq!(check("multiclass_log_loss", &[0.0, 3.0]), Ok(()));
    }
}

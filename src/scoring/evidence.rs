//! What a judgement knows beside the score: how certain the score is, what is particular to the predictions, and
//! what the tie-breakers say. Pure. Start reading at [`Evidence`].

use serde::{Deserialize, Serialize};

use super::fingerprint::{Fingerprint, fingerprint};
use super::intervals::{Replicates, replicates};
use super::metrics::Metric;
use super::predictions::{PredictionFormat, Predictions, ScoreError, Scores, score};
use super::rule::ScoringRule;
use super::solution::Solution;

/// What is known of a scored submission beside its score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Evidence {
    /// Its scores on resamples of the hidden rows, in one line of text; missing where a scoring program scored, or
    /// where there are too few rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub replicates: Option<Replicates>,
    /// What is particular to its predictions, in 128 hexadecimal digits; missing where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub fingerprint: Option<Fingerprint>,
    /// The scores by the task's secondary rules, in their order.
    #[serde(default)]
    pub secondary: Vec<Scores>,
}

impl Evidence {
    /// The evidence on predictions whose secondary scores are known. `metric` is the one that scored; none where a
    /// program did.
    pub fn new(
        solution: &Solution,
        predictions: &Predictions,
        format: &PredictionFormat,
        metric: Option<&Metric>,
        secondary: Vec<Scores>,
    ) -> Evidence {
        Evidence {
            replicates: metric.and_then(|metric| replicates(solution, predictions, metric)),
            fingerprint: fingerprint(solution, predictions, format),
            secondary,
        }
    }
}

/// Why a secondary rule has no scores.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SecondaryError {
    /// A metric has no value for these predictions.
    #[error("the secondary metric {metric} has no value: {error}")]
    Metric {
        /// The metric.
        metric: Metric,
        /// Why.
        error: ScoreError,
    },
    /// A program's score is asked for which no program wrote.
    #[error("no scoring program wrote the secondary score \"{0}\"")]
    NotWritten(String),
}

impl SecondaryError {
    /// Whether the organizer has to mend it; the text may then tell of the truth.
    pub fn is_organizers(&self) -> bool {
        match self {
            Self::Metric { error, .. } => error.is_in_the_truth(),
            Self::NotWritten(_) => true,
        }
    }
}

/// Scores predictions by the secondary rules: by metrics here, and by what a scoring program wrote where
/// `by_program` knows the key.
///
/// # Errors
/// The first rule without scores.
pub fn secondary_scores(
    rules: &[ScoringRule],
    solution: &Solution,
    predictions: &Predictions,
    by_program: impl Fn(&str) -> Option<Scores>,
) -> Result<Vec<Scores>, SecondaryError> {
    let scores = rules.iter().map(|rule| match rule {
        ScoringRule::Metric(metric) => {
            score(solution, predictions, metric).map_err(|error| SecondaryError::Metric {
                metric: *metric,
                error,
            })
        }
        ScoringRule::Program(wanted) => by_program(wanted.key())
            .ok_or_else(|| SecondaryError::NotWritten(wanted.key().to_owned())),
    });
    scores.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::predictions::{ColumnKind, PredictionColumn, read_csv};
    use crate::scoring::solution::SolutionFormat;

    /// Forty rows of either split, and predictions that are off by a few hundredths.
    fn rows(predict: impl Fn(usize) -> f64) -> (Solution, Predictions, PredictionFormat) {
        let (mut truth, mut predicted) = ("id,target,split\n".to_owned(), "id,value\n".to_owned());
        for row in 0..80 {
            let split = ["public", "private"][row % 2];
            truth += &format!("{row},{},{split}\n", row * row % 17);
            predicted += &format!("{row},{}\n", predict(row));
        }
        let solution_format = SolutionFormat {
            split_column: Some("split".into()),
            ..SolutionFormat::new("id", "target")
        };
        let column = PredictionColumn {
            name: "value".into(),
            kind: ColumnKind::Number,
        };
        let format = PredictionFormat::new("id", vec![column]).unwrap();
        let solution = Solution::read_csv(truth.as_bytes(), &solution_format).unwrap();
        let predictions = read_csv(predicted.as_bytes(), &format, &solution).unwrap();
        (solution, predictions, format)
    }

    fn rules(texts: &[&str]) -> Vec<ScoringRule> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn evidence_holds_what_boards_need_and_survives_json() {
        let (solution, predictions, format) = rows(|row| (row * 7 % 23) as f64);
        let rules = rules(&["mae", "program:lines:lower"]);
        let lines = Scores {
            public: 3.0,
            private: 4.0,
        };
        let by_program = |key: &str| (key == "lines").then_some(lines);
        let secondary = secondary_scores(&rules, &solution, &predictions, by_program).unwrap();
        assert_eq!(
            secondary[0],
            score(&solution, &predictions, &Metric::Mae).unwrap()
        );
        assert_eq!(secondary[1], lines);

        let metric = Some(&Metric::Rmse);
        let evidence = Evidence::new(&solution, &predictions, &format, metric, secondary);
        assert!(evidence.replicates.is_some() && evidence.fingerprint.is_some());
        let json = serde_json::to_string(&evidence).unwrap();
        assert_eq!(serde_json::from_str::<Evidence>(&json).unwrap(), evidence);
        let old: Evidence = serde_json::from_str("{}").unwrap();
        assert_eq!(old.replicates, None);
    }

    #[test]
    fn a_secondary_metric_without_a_value_is_named() {
        let (solution, predictions, _) = rows(|_| 1.0);
        let none = |_: &str| None;
        let error = secondary_scores(&rules(&["mae", "spearman"]), &solution, &predictions, none)
            .unwrap_err();
        assert!(!error.is_organizers());
        let words = "the secondary metric spearman has no value: on the public split: the prediction is the same";
        assert!(error.to_string().starts_with(words), "{error}");
        let missing = secondary_scores(
            &rules(&["program:lines:lower"]),
            &solution,
            &predictions,
            none,
        )
        .unwrap_err();
        assert!(missing.is_organizers(), "{missing}");
    }
}

//! What a board keeps of a driver: the scout's columns, what lies behind them, what each model says, and in
//! plain words how far to trust it. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::models::Model;
use crate::talent::consensus::{ConsensusRating, Panel};
use crate::talent::pace_model::Estimate;
use crate::talent::scouting::{Column, Evidence, Scouted};

/// Fewer clean laps than this call for a warning: from 40 on more laps of the same kind tell little more.
const FEW_LAPS: usize = 20;
/// Models that are further apart than this, in percentiles, disagree.
const DISAGREEMENT: f64 = 30.0;
/// Laps and models that are further apart than this do.
const CONTRADICTION: f64 = 25.0;

/// A value with its 95 % interval, or why there is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Measure {
    /// The value.
    pub value: Option<f64>,
    /// The lower end of the interval, where one is known.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// Why there is no value.
    pub missing: Option<String>,
}

impl From<Column<Estimate>> for Measure {
    fn from(column: Column<Estimate>) -> Self {
        match column {
            Ok(estimate) => Self {
                value: Some(estimate.value),
                low: Some(estimate.low),
                high: Some(estimate.high),
                missing: None,
            },
            Err(missing) => Self::missing(missing),
        }
    }
}

impl From<Column<f64>> for Measure {
    fn from(column: Column<f64>) -> Self {
        match column {
            Ok(value) => Self {
                value: Some(value),
                ..Self::default()
            },
            Err(missing) => Self::missing(missing),
        }
    }
}

impl Measure {
    fn missing(reason: impl ToString) -> Self {
        Self {
            missing: Some(reason.to_string()),
            ..Self::default()
        }
    }
}

/// A scout's columns. Fractions of lap time are negative where the driver is faster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Measures {
    /// Clean laps that all of this rests on.
    pub laps: usize,
    /// In the dry, against the mean driver, as a fraction of lap time: kart, day and stint are taken out.
    pub pace: Measure,
    /// The share of the drivers who are slower, 0 to 100.
    pub pace_percentile: Measure,
    /// The place among all drivers as the models have it together; 1 is the best. Not to be shown alone.
    pub place: Measure,
    /// The chance to be among the best tenth, 0 to 1.
    pub top_tenth: Measure,
    /// How much clean laps of a stint scatter (robust coefficient of variation), as a fraction of lap time.
    pub consistency: Measure,
    /// Faster against the field for each e-fold number of sessions, as a fraction of lap time.
    pub improvement: Measure,
    /// What the wet adds beyond what it adds for the mean driver.
    pub wet_minus_dry: Measure,
    /// The pace if everybody weighed as much as the mean driver.
    pub weight_adjusted_pace: Measure,
    /// The pace less what is usual at that age.
    pub pace_for_age: Measure,
    /// Of 100 chances to pass at equal pace, how many more are taken than usual; not being passed counts too.
    pub passes_above_expected: Measure,
    /// Seconds between the best clean lap and the best sectors put together, at the latest event.
    pub theoretical_gain: Measure,
}

impl Measures {
    /// From what laps and models say.
    pub(super) fn new(scouted: &Scouted, pace: &Estimate, rated: &ConsensusRating) -> Self {
        let place = match &scouted.place {
            Ok(interval) => Measure {
                value: Some(rated.place),
                low: Some(interval.best),
                high: Some(interval.worst),
                missing: None,
            },
            Err(missing) => Measure {
                value: Some(rated.place),
                missing: Some(missing.to_string()),
                ..Measure::default()
            },
        };
        let top_tenth = scouted.place.clone().map(|interval| interval.top_tenth);
        Self {
            laps: scouted.laps,
            pace: Measure::from(Ok(*pace)),
            pace_percentile: scouted.pace_percentile.clone().into(),
            place,
            top_tenth: top_tenth.into(),
            consistency: scouted.consistency.clone().into(),
            improvement: scouted.improvement.clone().into(),
            wet_minus_dry: scouted.wet_minus_dry.clone().into(),
            weight_adjusted_pace: scouted.weight_adjusted_pace.clone().into(),
            pace_for_age: scouted.pace_for_age.clone().into(),
            passes_above_expected: scouted.passes_above_expected.clone().into(),
            theoretical_gain: scouted
                .theoretical_best
                .clone()
                .map(|best| best.left)
                .into(),
        }
    }
}

/// What one model says of a driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelOpinion {
    /// The model's rank on the private split.
    pub rank: i64,
    /// Its team.
    pub team: String,
    /// The share of the drivers whom it rates lower, 0 to 100.
    pub percentile: f64,
}

/// What a board keeps of a driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DriverProfile {
    /// The scout's columns.
    pub measures: Measures,
    /// What the laps look like.
    pub evidence: Evidence,
    /// What each model says, the best model first.
    pub models: Vec<ModelOpinion>,
    /// Where the evidence is thin.
    pub cautions: Vec<String>,
    /// What would change the rating.
    pub would_change: Vec<String>,
}

impl DriverProfile {
    pub(super) fn new(measures: Measures, evidence: Evidence, models: Vec<ModelOpinion>) -> Self {
        Self {
            cautions: cautions(&measures, &evidence, &models),
            would_change: would_change(&measures, &evidence, &models),
            measures,
            evidence,
            models,
        }
    }
}

/// The percentiles of all drivers in all models.
pub(super) struct Opinions<'a> {
    models: &'a [Model],
    rows: BTreeMap<&'a str, usize>,
    percentiles: Vec<Vec<f64>>,
}

impl<'a> Opinions<'a> {
    pub fn new(panel: &'a Panel, models: &'a [Model]) -> Self {
        let rows = panel.rows().iter().enumerate();
        Self {
            models,
            rows: rows
                .map(|(number, row)| (row.driver.as_str(), number))
                .collect(),
            percentiles: panel
                .submissions()
                .iter()
                .map(|submission| percentiles(&submission.ratings))
                .collect(),
        }
    }

    pub fn of(&self, driver: &str) -> Vec<ModelOpinion> {
        let Some(&row) = self.rows.get(driver) else {
            return Vec::new();
        };
        let models = self.models.iter().zip(&self.percentiles);
        models
            .filter_map(|(model, percentiles)| {
                Some(ModelOpinion {
                    rank: model.rank,
                    team: model.entry.team.clone(),
                    percentile: *percentiles.get(row)?,
                })
            })
            .collect()
    }
}

/// The percentile of each driver in one model's ratings: the share of the others rated below, ties
/// counting half.
fn percentiles(ratings: &[f64]) -> Vec<f64> {
    let mut sorted = ratings.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let others = ratings.len().saturating_sub(1).max(1) as f64;
    ratings
        .iter()
        .map(|rating| {
            let below = sorted.partition_point(|other| other < rating);
            let tied = sorted[below..].partition_point(|other| other <= rating);
            let tied_others = tied.saturating_sub(1) as f64;
            100.0 * (below as f64 + tied_others / 2.0) / others
        })
        .collect()
}

/// The least and the greatest of the models' percentiles.
fn spread(models: &[ModelOpinion]) -> Option<(f64, f64)> {
    let percentiles = || models.iter().map(|model| model.percentile);
    let ends = (
        percentiles().fold(f64::INFINITY, f64::min),
        percentiles().fold(f64::NEG_INFINITY, f64::max),
    );
    (models.len() > 1).then_some(ends)
}

fn cautions(measures: &Measures, evidence: &Evidence, models: &[ModelOpinion]) -> Vec<String> {
    let mut cautions = Vec::new();
    if measures.laps < FEW_LAPS {
        cautions.push(format!(
            "Only {} clean laps: another day could easily look different.",
            measures.laps
        ));
    }
    if evidence.events.len() == 1 {
        cautions.push(
            "All laps are of one event, where a good kart or a good day looks like a good driver."
                .to_owned(),
        );
    }
    if let Some((low, high)) = spread(models)
        && high - low > DISAGREEMENT
    {
        cautions.push(format!(
            "The models disagree: they place the driver between percentile {low:.0} and {high:.0}."
        ));
    }
    if models.len() == 1 {
        cautions.push(
            "One model alone rates the drivers; nobody knows whether another would agree."
                .to_owned(),
        );
    }
    let of_models =
        models.iter().map(|model| model.percentile).sum::<f64>() / models.len().max(1) as f64;
    if let Some(of_laps) = measures.pace_percentile.value
        && !models.is_empty()
        && (of_models - of_laps).abs() > CONTRADICTION
    {
        let more = if of_models > of_laps { "more" } else { "less" };
        cautions.push(format!(
            "The models see {more} in the driver (percentile {of_models:.0}) than the lap times show (percentile \
             {of_laps:.0}): look at the laps."
        ));
    }
    if let (Some(low), Some(high)) = (measures.pace_percentile.low, measures.pace_percentile.high)
        && high - low > 50.0
    {
        cautions.push(format!(
            "The lap times leave open everything from percentile {low:.0} to {high:.0}."
        ));
    }
    cautions
}

fn would_change(measures: &Measures, evidence: &Evidence, models: &[ModelOpinion]) -> Vec<String> {
    let mut changes = Vec::new();
    if let (Some(low), Some(high)) = (measures.pace.low, measures.pace.high) {
        changes.push(format!(
            "More events: the pace is known to ±{:.2} % of lap time now, and what a kart or a day adds averages out \
             only over events.",
            50.0 * (high - low)
        ));
    }
    if evidence.wet_laps < 10 {
        changes.push(format!(
            "Laps in the wet: there are {}, and ten would say whether the driver gains or loses there.",
            evidence.wet_laps
        ));
    }
    if evidence.sectors.is_empty() {
        changes.push(
            "Sector times: they would say where on the lap the time is won or lost.".to_owned(),
        );
    }
    let worst = evidence
        .events
        .iter()
        .max_by(|one, other| one.pace.total_cmp(&other.pace));
    if let (Some(worst), Some(pace)) = (worst, measures.pace.value)
        && evidence.events.len() > 2
        && worst.low > pace
    {
        changes.push(format!(
            "A better day than event {}: there the driver was {:.1} % slower than usual, more than kart and chance \
             explain.",
            worst.event,
            100.0 * (worst.pace - pace)
        ));
    }
    if let Some((low, high)) = spread(models)
        && high - low > DISAGREEMENT
    {
        changes.push("More models: those that there are do not agree.".to_owned());
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_count_ties_half() {
        assert_eq!(percentiles(&[1.0, 2.0, 2.0, 3.0]), [0.0, 50.0, 50.0, 100.0]);
        assert_eq!(percentiles(&[5.0]), [0.0]);
    }

    #[test]
    fn thin_and_contradictory_evidence_is_told() {
        let measure = |value: f64, low: f64, high: f64| Measure {
            value: Some(value),
            low: Some(low),
            high: Some(high),
            missing: None,
        };
        let measures = Measures {
            laps: 12,
            pace: measure(-0.004, -0.009, 0.001),
            pace_percentile: measure(60.0, 20.0, 90.0),
            place: Measure::default(),
            top_tenth: Measure::default(),
            consistency: Measure::default(),
            improvement: Measure::default(),
            wet_minus_dry: Measure::default(),
            weight_adjusted_pace: Measure::default(),
            pace_for_age: Measure::default(),
            passes_above_expected: Measure::default(),
            theoretical_gain: Measure::default(),
        };
        let opinion = |percentile| ModelOpinion {
            rank: 1,
            team: "North".to_owned(),
            percentile,
        };
        let profile = DriverProfile::new(
            measures.clone(),
            Evidence::default(),
            vec![opinion(80.0), opinion(100.0), opinion(99.0)],
        );
        let cautions = profile.cautions.join(" ");
        assert!(cautions.contains("Only 12 clean laps"), "{cautions}");
        assert!(
            cautions.contains("see more in the driver (percentile 93)"),
            "{cautions}"
        );
        assert!(cautions.contains("from percentile 20 to 90"), "{cautions}");
        assert!(!cautions.contains("disagree"), "{cautions}");
        let changes = profile.would_change.join(" ");
        assert!(
            changes.contains("±0.50 %") && changes.contains("there are 0"),
            "{changes}"
        );

        let apart = DriverProfile::new(
            measures,
            Evidence::default(),
            vec![opinion(40.0), opinion(90.0)],
        );
        assert!(
            apart
                .cautions
                .join(" ")
                .contains("between percentile 40 and 90")
        );
    }
}

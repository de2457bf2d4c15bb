//! From predictions and laps to a board. Pure: the same input makes the same board.

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use super::models::Model;
use super::profile::{DriverProfile, Measures, Opinions};
use super::{BoardError, CrowdComparison, TalentBoard, number_tiers, unreadable};
use crate::scoring::solution::{Solution, Split};
use crate::talent::consensus::{
    Consensus, Panel, Row, Submission, compare_with_truth, consensus, contributions,
};
use crate::talent::laps::{DriverAttributes, LapTable};
use crate::talent::pace_model::{FEWEST_LAPS_RATED, Observation, TimedLap, clean_positions, fit};
use crate::talent::scouting::{Physique, Scouted, ScoutedLap, columns, evidence};

/// How often models are drawn anew for the intervals.
const RESAMPLES: usize = 400;

/// What a board is made of.
pub struct Making<'a> {
    pub solution: &'a Solution,
    pub models: &'a [Model],
    /// Of each model a rating for each row of the solution.
    pub ratings: Vec<Vec<f64>>,
    pub laps: LapTable,
    pub seed: u64,
}

/// What became of a model.
pub struct Voice {
    pub weight: f64,
    pub cluster: usize,
    pub leave_one_out: Option<f64>,
    pub fair_share: Option<f64>,
}

/// A driver, as the board keeps them.
pub struct Rated {
    pub driver: String,
    pub tier: i32,
    pub laps: usize,
    pub attributes: DriverAttributes,
    pub profile: DriverProfile,
}

/// What bounds a tier: the worst place and the slowest pace of its first that are not unlikely.
#[derive(Clone, Copy)]
pub struct Range {
    worst_place: Option<f64>,
    slowest_pace: Option<f64>,
}

impl Rated {
    pub fn range(&self) -> Range {
        let measures = &self.profile.measures;
        Range {
            worst_place: measures.place.high,
            slowest_pace: measures.pace.high,
        }
    }

    /// Whether neither models nor laps would have this driver as high as that range reaches down.
    pub fn is_below(&self, floor: &Range) -> bool {
        let measures = &self.profile.measures;
        let place = measures.place.low.zip(floor.worst_place);
        let pace = measures.pace.low.zip(floor.slowest_pace);
        place.is_some_and(|(best, worst)| best > worst)
            && pace.is_some_and(|(fastest, slowest)| fastest > slowest)
    }
}

/// A board before it is stored.
pub struct Made {
    pub board: TalentBoard,
    /// In the order of the models.
    pub voices: Vec<Voice>,
    /// The best first.
    pub drivers: Vec<Rated>,
}

/// Makes a board.
pub fn make(making: Making<'_>) -> Result<Made, BoardError> {
    let Making {
        solution,
        models,
        ratings,
        laps,
        seed,
    } = making;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let panel = panel(solution, models, ratings)?;
    let crowd = consensus(&panel, RESAMPLES, &mut rng);
    let contributions = contributions(&panel, &crowd);
    let voices = crowd.voices.iter().enumerate().map(|(index, voice)| {
        let contribution = contributions.as_ref().and_then(|all| all.get(index));
        Voice {
            weight: voice.weight,
            cluster: voice.cluster,
            leave_one_out: contribution.map(|contribution| contribution.leave_one_out),
            fair_share: contribution.and_then(|contribution| contribution.fair_share),
        }
    });
    let voices = voices.collect();
    let comparison = compare_with_truth(&panel, &crowd, &public_truth(solution), &mut rng);
    let crowd_comparison = comparison.ok().map(|comparison| CrowdComparison {
        drivers: comparison.drivers,
        consensus: comparison.consensus,
        best_team: team_of(models, &comparison.best_submission),
        best: comparison.best,
        lead_low: comparison.lead.0,
        lead_high: comparison.lead.1,
    });

    let scouted_laps: Vec<ScoutedLap<'_>> = laps
        .laps
        .iter()
        .map(|lap| ScoutedLap {
            lap: lap.timed(),
            sectors: lap.sectors.clone(),
            position: lap.position,
        })
        .collect();
    let timed: Vec<TimedLap<'_>> = scouted_laps.iter().map(|lap| lap.lap).collect();
    let clean = clean_positions(&timed);
    let observations: Vec<Observation<'_>> = clean
        .iter()
        .map(|position| timed[*position].observation)
        .collect();
    let fitted = fit(&observations).map_err(|error| BoardError::NoLaps(format!("{error}.")))?;
    let physiques: BTreeMap<String, Physique> = laps
        .drivers
        .iter()
        .map(|(driver, attributes)| {
            let physique = Physique {
                weight_kg: attributes.weight_kg,
                age: attributes.age,
            };
            (driver.clone(), physique)
        })
        .collect();
    let scouted = columns(&scouted_laps, &clean, &fitted, &physiques, Some(&crowd));
    let class_of = |driver: &str| laps.drivers.get(driver)?.class.clone();
    let mut behind = evidence(&scouted_laps, &clean, &fitted, class_of);
    let paces: BTreeMap<&str, _> = fitted
        .drivers
        .iter()
        .map(|driver| (driver.driver.as_str(), driver.pace))
        .collect();
    let opinions = Opinions::new(&panel, models);

    let mut of_driver: BTreeMap<&str, &Scouted> = scouted
        .iter()
        .map(|scouted| (scouted.driver.as_str(), scouted))
        .collect();
    let mut drivers = Vec::new();
    for rated in &crowd.drivers {
        let driver = rated.driver.as_str();
        let Some(scouted) = of_driver.remove(driver) else {
            continue;
        };
        let (Some(evidence), Some(pace)) = (behind.remove(driver), paces.get(driver)) else {
            continue;
        };
        drivers.push(Rated {
            driver: rated.driver.clone(),
            tier: 0,
            laps: scouted.laps,
            attributes: laps.drivers.get(driver).cloned().unwrap_or_default(),
            profile: DriverProfile::new(
                Measures::new(scouted, pace, rated),
                evidence,
                opinions.of(driver),
            ),
        });
    }
    if drivers.is_empty() {
        return Err(BoardError::NoLaps(format!(
            "no driver whom the models rate has {FEWEST_LAPS_RATED} clean laps in it."
        )));
    }
    number_tiers(&mut drivers);
    let board = summary(&crowd, crowd_comparison, &drivers, &laps, clean.len());
    let board = TalentBoard {
        driver_deviation: fitted.standard_deviations.driver,
        ..board
    };
    Ok(Made {
        board,
        voices,
        drivers,
    })
}

fn panel(
    solution: &Solution,
    models: &[Model],
    ratings: Vec<Vec<f64>>,
) -> Result<Panel, BoardError> {
    let numbers: Vec<usize> = (0..solution.rows()).collect();
    let private: BTreeSet<usize> = solution
        .gather(&numbers, Some(Split::Private))
        .iter()
        .copied()
        .collect();
    let truth = solution.truth(None);
    let rows =
        solution
            .ids()
            .zip(truth.target.iter())
            .enumerate()
            .map(|(number, (driver, target))| Row {
                driver: driver.into_owned(),
                // A challenge rates a driver once, over all events.
                event: String::new(),
                truth: private.contains(&number).then_some(*target),
            });
    let submissions = models
        .iter()
        .zip(ratings)
        .map(|(model, ratings)| Submission {
            id: model.submission_id.to_string(),
            team: model.entry.team_id.to_string(),
            ratings,
        });
    Panel::new(rows.collect(), submissions.collect()).map_err(unreadable)
}

/// What the weights were not learned from.
fn public_truth(solution: &Solution) -> BTreeMap<String, f64> {
    let numbers: Vec<usize> = (0..solution.rows()).collect();
    let public: BTreeSet<usize> = solution
        .gather(&numbers, Some(Split::Public))
        .iter()
        .copied()
        .collect();
    let truth = solution.truth(None);
    solution
        .ids()
        .zip(truth.target.iter())
        .enumerate()
        .filter(|(number, _)| public.contains(number))
        .map(|(_, (driver, target))| (driver.into_owned(), *target))
        .collect()
}

fn team_of(models: &[Model], submission: &str) -> String {
    models
        .iter()
        .find(|model| model.submission_id.to_string() == submission)
        .map(|model| model.entry.team.clone())
        .unwrap_or_default()
}

fn summary(
    crowd: &Consensus,
    comparison: Option<CrowdComparison>,
    drivers: &[Rated],
    laps: &LapTable,
    clean: usize,
) -> TalentBoard {
    let values = |value: fn(&DriverAttributes) -> &Option<String>| -> Vec<String> {
        let values: BTreeSet<String> = drivers
            .iter()
            .filter_map(|driver| value(&driver.attributes).clone())
            .collect();
        values.into_iter().collect()
    };
    TalentBoard {
        metric: String::new(),
        dataset: String::new(),
        version: 0,
        laps: clean,
        events: laps.events().len(),
        drivers: drivers.len(),
        unrated: crowd.drivers.len() - drivers.len(),
        models: crowd.voices.len(),
        tiers: drivers.last().map_or(0, |driver| driver.tier),
        agreement: crowd.agreement,
        crowd: comparison,
        driver_deviation: 0.0,
        classes: values(|attributes| &attributes.class),
        age_bands: values(|attributes| &attributes.age_band),
        regions: values(|attributes| &attributes.region),
        warnings: laps.warnings.clone(),
    }
}

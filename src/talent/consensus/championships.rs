//! Whether the consensus is worth its name: crowds of models about simulated championships, whose true
//! talent is known.

use std::collections::BTreeMap;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

use super::*;
use crate::datasets::simulator::{Championship, Parameters, simulate};

/// Events whose laps the competitors do not see; how fast the drivers were there is the private solution.
const EVENTS: usize = 4;

/// How a crowd errs.
#[derive(Clone, Copy, Debug)]
struct Errors {
    /// The share of the variance of every model's errors that all models have in common: what the laps
    /// that all of them learned from say wrongly.
    common: f64,
    /// The share that models of one school have in common.
    school: f64,
    /// The standard deviations of the errors of the best and of the worst model, in those of talent.
    best: f64,
    worst: f64,
}

/// Like models that learned from the same laps: their errors correlate by 0.25, within a school by 0.5, and
/// they correlate with the truth by 0.55 to 0.86.
const TYPICAL: Errors = Errors {
    common: 0.25,
    school: 0.25,
    best: 0.6,
    worst: 1.5,
};

const SCHOOLS: usize = 3;
/// Independent models; after them come the copies.
const MODELS: usize = 9;
const COPIES: usize = 4;

/// Thirteen models of eight teams. Two teams sent two models each that are unlike, and one team sent four
/// more copies of its model, which is a mediocre one.
fn crowd(championship: &Championship, errors: Errors, rng: &mut ChaCha8Rng) -> Vec<Submission> {
    let drivers = championship.drivers.len();
    let mut normal = || -> f64 { rng.sample(StandardNormal) };
    let common: Vec<f64> = (0..drivers).map(|_| normal()).collect();
    let schools: Vec<Vec<f64>> = (0..SCHOOLS)
        .map(|_| (0..drivers).map(|_| normal()).collect())
        .collect();
    let own = (1.0 - errors.common - errors.school).sqrt();
    let mut submissions: Vec<Submission> = (0..MODELS)
        .map(|model| {
            let step = model as f64 / (MODELS - 1) as f64;
            let scale = errors.best * (errors.worst / errors.best).powf(step);
            let school = &schools[model % SCHOOLS];
            let ratings: Vec<f64> = (0..drivers)
                .map(|driver| {
                    let error = errors.common.sqrt() * common[driver]
                        + errors.school.sqrt() * school[driver]
                        + own * normal();
                    -championship.truth[driver].pace / 0.008 + scale * error
                })
                .collect();
            Submission {
                id: format!("model {model}"),
                team: format!("team {}", model % 7),
                // A model's opinion of a driver also changes a little from event to event.
                ratings: (0..EVENTS)
                    .flat_map(|_| {
                        ratings
                            .iter()
                            .map(|r| r + 0.1 * normal())
                            .collect::<Vec<_>>()
                    })
                    .collect(),
            }
        })
        .collect();
    let copied = submissions[MODELS / 2].clone();
    submissions.extend((0..COPIES).map(|copy| Submission {
        id: format!("copy {copy}"),
        team: copied.team.clone(),
        ratings: copied.ratings.iter().map(|r| r + 0.02 * normal()).collect(),
    }));
    submissions
}

/// The hidden events' drivers with the share by which their median lap was below that of the field.
fn rows(championship: &Championship) -> Vec<Row> {
    let median = |times: &mut Vec<f64>| {
        times.sort_unstable_by(f64::total_cmp);
        times[times.len() / 2]
    };
    (0..championship.events.len())
        .flat_map(|event| {
            let mut of_driver = vec![Vec::new(); championship.drivers.len()];
            for lap in championship.laps.iter().filter(|lap| lap.event == event) {
                of_driver[lap.driver].push(lap.seconds());
            }
            let mut all: Vec<f64> = of_driver.iter().flatten().copied().collect();
            let field = median(&mut all);
            let drivers = championship.drivers.iter().zip(of_driver);
            drivers
                .map(|(driver, mut times)| Row {
                    driver: driver.id.clone(),
                    event: championship.events[event].id.clone(),
                    truth: Some(1.0 - median(&mut times) / field),
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A championship's crowd, what it says together, and what that is worth.
fn compare(drivers: u32, errors: Errors, seed: u64) -> (Panel, Consensus, Comparison) {
    let parameters = Parameters {
        drivers,
        seed,
        events: EVENTS as u32,
        wet_events: 0,
        ..Parameters::default()
    };
    let championship = simulate(&parameters, &mut |_| {}).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let submissions = crowd(&championship, errors, &mut rng);
    let panel = Panel::new(rows(&championship), submissions).unwrap();
    let found = consensus(&panel, 0, &mut rng);
    let truth: BTreeMap<String, f64> = championship
        .drivers
        .iter()
        .zip(&championship.truth)
        .map(|(driver, truth)| (driver.id.clone(), -truth.pace))
        .collect();
    let comparison = compare_with_truth(&panel, &found, &truth, &mut rng).unwrap();
    (panel, found, comparison)
}

/// In how many championships the consensus beats the best model in hindsight, of how many.
fn wins(drivers: u32, errors: Errors, seeds: u64) -> u64 {
    let comparisons: Vec<Comparison> = (1..=seeds)
        .map(|seed| compare(drivers, errors, seed).2)
        .collect();
    let wins = comparisons.iter().filter(|c| c.consensus_wins()).count() as u64;
    let mean =
        |value: fn(&Comparison) -> f64| comparisons.iter().map(value).sum::<f64>() / seeds as f64;
    let (low, high) = wilson(wins as f64, seeds as f64);
    println!(
        "{drivers} drivers, {errors:?}: the consensus beats the best of {} models in {wins} of {seeds} \
         championships ({low:.2} to {high:.2}); mean rank correlations: consensus {:.3}, best {:.3}, plain mean {:.3}",
        MODELS + COPIES,
        mean(|c| c.consensus),
        mean(|c| c.best),
        mean(|c| c.plain_mean),
    );
    wins
}

/// The 95 % interval of a share (Wilson 1927).
fn wilson(wins: f64, trials: f64) -> (f64, f64) {
    let z2 = 1.96_f64.powi(2);
    let middle = (wins + z2 / 2.0) / (trials + z2);
    let half = (wins * (trials - wins) / trials + z2 / 4.0).sqrt() * 1.96 / (trials + z2);
    (middle - half, middle + half)
}

#[test]
fn the_consensus_beats_the_best_model_in_four_of_five_championships() {
    // Of 50 it is 43, too many for a test of some seconds.
    assert!(wins(34, TYPICAL, 20) >= 16);
}

/// As many drivers as have real laps.
#[test]
fn with_more_drivers_to_learn_from_it_beats_it_almost_always() {
    assert!(wins(116, TYPICAL, 3) == 3);
}

/// Half of all errors are everybody's, and one model is far ahead: there is little for a crowd to add.
#[test]
fn a_crowd_that_errs_alike_is_not_much_wiser_than_its_wisest() {
    let alike = Errors {
        common: 0.5,
        school: 0.25,
        best: 0.4,
        worst: 2.0,
    };
    let few = wins(34, alike, 5);
    assert!(few < 5, "the report says so either way");
}

#[test]
fn a_team_of_copies_gets_one_vote_and_its_copies_contribute_nothing() {
    let (panel, found, comparison) = compare(34, TYPICAL, 3);
    let cluster = found.voices[MODELS / 2].cluster;
    let owed = contributions(&panel, &found).unwrap();
    for (voice, owed) in found.voices.iter().zip(&owed).skip(MODELS) {
        assert_eq!(voice.cluster, cluster, "{voice:?}");
        assert!(owed.leave_one_out.abs() < 0.002, "{owed:?}");
    }
    assert!(owed.iter().any(|owed| owed.leave_one_out > 0.002));
    let sentence = comparison.to_string();
    let verdict = if comparison.consensus_wins() {
        "consensus beats"
    } else {
        "does not beat"
    };
    assert!(sentence.contains(verdict), "{sentence}");
    assert!(sentence.contains("34 drivers"), "{sentence}");
}

#[test]
fn what_cannot_be_compared_is_said() {
    let rows = |truth: Option<f64>| {
        let row = |driver: usize| Row {
            driver: driver.to_string(),
            event: "E".to_owned(),
            truth,
        };
        (0..4).map(row).collect::<Vec<Row>>()
    };
    let submission = Submission {
        id: "a".to_owned(),
        team: "a".to_owned(),
        ratings: vec![1.0, 2.0, 3.0, 4.0],
    };
    let panel = Panel::new(rows(None), vec![submission]).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let found = consensus(&panel, 0, &mut rng);
    let mut compared = |truths: &[(&str, f64)]| {
        let truth = truths.iter().map(|(d, t)| ((*d).to_owned(), *t)).collect();
        compare_with_truth(&panel, &found, &truth, &mut rng)
    };
    assert_eq!(
        compared(&[("0", 1.0), ("1", f64::NAN), ("2", 2.0), ("9", 3.0)]),
        Err(ComparisonError::TooFewDrivers { drivers: 2 })
    );
    assert_eq!(
        compared(&[("0", 1.0), ("1", 1.0), ("2", 1.0)]),
        Err(ComparisonError::NoVariation)
    );
    let right = compared(&[("0", 1.0), ("1", 2.0), ("2", 3.0)]).unwrap();
    assert_eq!((right.consensus, right.best), (1.0, 1.0));
    assert!(!right.consensus_wins(), "a draw is no win");
}

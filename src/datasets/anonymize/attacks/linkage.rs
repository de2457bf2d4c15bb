//! Linkage with public results: whose laps are these?
//!
//! The attacker has the results of each event with names, and the release. Six [features](Feature) of
//! a driver's laps give distances between all released sequences and all candidates, the drivers of
//! enough laps; each is tried with an optimal assignment and with the nearest neighbour. Both sides are
//! shuffled, or ties would favour whoever stands in the same place; repetitions average over that.
//! Where the release shows scaled times the attacker scales both sides by the event's median.
//!
//! **The bound.** Wilson's one-sided upper 95 % bound of the best attack's success. The best of twelve
//! was chosen by looking, which raises its success but not the risk of a bound too low: whichever
//! attack is truly best, its own bound holds with 95 % and the bound of the best seen is no lower. The
//! number of trials is that which gives the average over events its variance, n = E²/Σ(1/nₑ), and it
//! is reduced by the success itself: the links of an assignment depend on each other, and the number of
//! right ones varies like a Poisson count, by a factor of 1/(1 − success) more than independent trials.
//! Repetitions attack the same release, so they do not count as trials.

use std::collections::HashSet;

use pathfinding::kuhn_munkres::kuhn_munkres_min;
use pathfinding::matrix::Matrix;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::features::Traits;
use super::intervals::upper95;
use super::{AttackError, AttackFigure, EventSequences, Feature, LinkageResult, Method, Sequence};

/// How the attack is run.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkageSettings {
    /// Whether the release shows scaled times; anyone can see that by the events' medians.
    pub scaled: bool,
    /// Drivers of fewer laps in the original are no candidates.
    pub minimum_laps: usize,
    pub repetitions: usize,
    /// The most events, candidates of an event and laps of a sequence that are attacked. Fewer
    /// candidates make linking easier, so a sample never flatters the release.
    pub most_events: usize,
    pub most_candidates: usize,
    pub most_laps: usize,
    pub seed: u64,
}

impl Default for LinkageSettings {
    fn default() -> LinkageSettings {
        LinkageSettings {
            scaled: false,
            minimum_laps: 15,
            repetitions: 3,
            most_events: 40,
            most_candidates: 120,
            most_laps: 500,
            seed: 1,
        }
    }
}

/// Attacks a release with the original as public results.
///
/// # Errors
/// [`AttackError::NoCandidates`] where no released sequence has a candidate.
pub fn link(
    events: &[EventSequences],
    settings: &LinkageSettings,
) -> Result<LinkageResult, AttackError> {
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    let mut attacked = Vec::with_capacity(events.len());
    for event in events {
        let long = |(_, laps): &&Sequence| finite(laps).count() >= settings.minimum_laps;
        let candidates: Vec<&Sequence> = event.original.iter().filter(long).collect();
        let subjects: HashSet<u32> = candidates.iter().map(|candidate| candidate.0).collect();
        let linkable = |(subject, laps): &&Sequence| {
            subjects.contains(subject) && finite(laps).next().is_some()
        };
        attacked.push(Sides {
            targets: event.released.iter().filter(linkable).collect(),
            candidates,
        });
    }
    attack(attacked, settings, &mut rng).ok_or(AttackError::NoCandidates {
        minimum_laps: settings.minimum_laps,
    })
}

pub(super) fn finite(laps: &[f64]) -> impl Iterator<Item = f64> {
    laps.iter().copied().filter(|lap| lap.is_finite())
}

/// What is linked in one event: each target to one of the candidates. Targets without a true candidate
/// take part and are not counted.
pub(super) struct Sides<'a> {
    pub(super) targets: Vec<&'a Sequence>,
    pub(super) candidates: Vec<&'a Sequence>,
}

impl Sides<'_> {
    fn links(&self) -> usize {
        let subjects: HashSet<u32> = self.candidates.iter().map(|c| c.0).collect();
        let common = |target: &&&Sequence| subjects.contains(&target.0);
        self.targets.iter().filter(common).count()
    }

    /// Keeps so many candidates, and the targets among them. Whether that left anything out.
    fn sample(&mut self, settings: &LinkageSettings, rng: &mut impl Rng) -> bool {
        let mut sampled = false;
        if self.candidates.len() > settings.most_candidates {
            sampled = true;
            // Targets first, so that candidates without a target do not crowd them out.
            let targets: HashSet<u32> = self.targets.iter().map(|target| target.0).collect();
            self.candidates.shuffle(rng);
            self.candidates
                .sort_by_key(|candidate| !targets.contains(&candidate.0));
            self.candidates.truncate(settings.most_candidates);
            let kept: HashSet<u32> = self.candidates.iter().map(|c| c.0).collect();
            self.targets.retain(|target| kept.contains(&target.0));
        }
        if self.targets.len() > settings.most_candidates {
            sampled = true;
            self.targets.shuffle(rng);
            self.targets.truncate(settings.most_candidates);
        }
        sampled
    }
}

/// Tries every feature with every method on all events; nothing where no event has a link to find.
pub(super) fn attack(
    mut events: Vec<Sides<'_>>,
    settings: &LinkageSettings,
    rng: &mut impl Rng,
) -> Option<LinkageResult> {
    events.retain(|event| event.links() > 0);
    let mut sampled = events.len() > settings.most_events;
    if sampled {
        events.shuffle(rng);
        events.truncate(settings.most_events);
    }
    for event in &mut events {
        sampled |= event.sample(settings, rng) | event.shortens(settings.most_laps);
    }
    events.retain(|event| event.links() > 0);
    let methods = [Method::Assignment, Method::NearestNeighbour];
    let kinds = Feature::ALL.map(|feature| methods.map(|method| (feature, method)));
    let mut attacks: Vec<AttackFigure> = kinds
        .into_iter()
        .flatten()
        .map(|(feature, method)| AttackFigure {
            feature,
            method,
            success: 0.0,
        })
        .collect();
    if events.is_empty() {
        return None;
    }
    let (mut links, mut chance, mut inverse_links) = (0, 0.0, 0.0);
    let count = events.len() as f64;
    for event in &events {
        let event_links = event.links();
        links += event_links as u64;
        chance += 1.0 / event.candidates.len() as f64 / count;
        inverse_links += 1.0 / event_links as f64;
        let success = event.attack(settings, rng);
        for (figure, success) in attacks.iter_mut().zip(success) {
            figure.success += success / count;
        }
    }
    for figure in &mut attacks {
        // Averaging leaves one success at 0.9999999999999999.
        figure.success = (figure.success * 1e12).round() / 1e12;
    }
    let successes = attacks.iter().map(|figure| figure.success);
    let best = successes.fold(0.0, f64::max);
    let trials = count * count / inverse_links * (1.0 - best);
    Some(LinkageResult {
        events: events.len() as u64,
        links,
        sampled,
        attacks,
        best,
        chance,
        upper95: upper95(best, trials),
    })
}

impl Sides<'_> {
    fn shortens(&self, most_laps: usize) -> bool {
        let mut sequences = self.targets.iter().chain(&self.candidates);
        sequences.any(|(_, laps)| laps.len() > most_laps)
    }

    /// The success of each feature with each method, in their order.
    fn attack(&self, settings: &LinkageSettings, rng: &mut impl Rng) -> Vec<f64> {
        let most = settings.most_laps;
        let prepare = |sequences: &[&Sequence]| {
            let laps: Vec<&[f64]> = sequences
                .iter()
                .map(|(_, laps)| &laps[..laps.len().min(most)])
                .collect();
            Traits::of_event(&laps, settings.scaled)
        };
        let (from, to) = (prepare(&self.targets), prepare(&self.candidates));
        let links = self.links() as f64;
        let repetitions = settings.repetitions.max(1);
        let mut success = Vec::with_capacity(2 * Feature::ALL.len());
        for feature in Feature::ALL {
            let distances = feature.distances(&from, &to);
            let (mut assigned, mut nearest) = (0, 0);
            for _ in 0..repetitions {
                let mut rows: Vec<usize> = (0..from.len()).collect();
                let mut columns: Vec<usize> = (0..to.len()).collect();
                rows.shuffle(rng);
                columns.shuffle(rng);
                let right = |row: usize, column: usize| {
                    self.targets[rows[row]].0 == self.candidates[columns[column]].0
                };
                let distance = |row: usize, column: usize| distances[rows[row]][columns[column]];
                let links = assignment(rows.len(), columns.len(), distance);
                assigned += links.iter().filter(|link| right(link.0, link.1)).count();
                for row in 0..rows.len() {
                    let by_distance =
                        |a: &usize, b: &usize| distance(row, *a).total_cmp(&distance(row, *b));
                    let link = (0..columns.len()).min_by(by_distance);
                    nearest += usize::from(link.is_some_and(|column| right(row, column)));
                }
            }
            success.push(assigned as f64 / repetitions as f64 / links);
            success.push(nearest as f64 / repetitions as f64 / links);
        }
        success
    }
}

/// Links rows and columns one to one with the least total distance; the larger side keeps some
/// unlinked.
fn assignment(
    rows: usize,
    columns: usize,
    distance: impl Fn(usize, usize) -> f64,
) -> Vec<(usize, usize)> {
    let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let distances: Vec<f64> = cells.map(|(row, column)| distance(row, column)).collect();
    // The solver wants an exact order: steps of a 2⁴⁰th of the largest distance, of which a sum of
    // 2²⁰ is still exact in 64 bits.
    let largest = distances.iter().copied().fold(0.0, f64::max);
    let scale = if largest > 0.0 {
        (1u64 << 40) as f64 / largest
    } else {
        0.0
    };
    let steps = distances.into_iter().map(|d| (d * scale) as i64).collect();
    let Ok(weights) = Matrix::from_vec(rows, columns, steps) else {
        return Vec::new();
    };
    // It also wants no more rows than columns.
    if rows > columns {
        let (_, links) = kuhn_munkres_min(&weights.transposed());
        return links.into_iter().zip(0..columns).collect();
    }
    let (_, links) = kuhn_munkres_min(&weights);
    (0..rows).zip(links).collect()
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand_distr::StandardNormal;

    use super::*;

    /// One event: drivers who differ by a tenth of a second in pace, with laps that differ by 0.3 s.
    fn event(drivers: u32, laps: usize) -> Vec<Sequence> {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut driver = |subject: u32| {
            let pace = 60.0 + 0.1 * f64::from(subject);
            let mut lap = || pace + 0.3 * rng.sample::<f64, _>(StandardNormal);
            (subject, (0..laps).map(|_| lap()).collect())
        };
        (0..drivers).map(&mut driver).collect()
    }

    fn attack_on(released: Vec<Sequence>, original: Vec<Sequence>) -> LinkageResult {
        let events = [EventSequences { original, released }];
        link(&events, &LinkageSettings::default()).unwrap()
    }

    #[test]
    fn rounding_hides_nobody() {
        let round = |(subject, laps): Sequence| {
            (
                subject,
                laps.iter().map(|lap| (lap * 10.0).round() / 10.0).collect(),
            )
        };
        let released = event(30, 40).into_iter().map(round).collect();
        let result = attack_on(released, event(30, 40));
        assert_eq!((result.best, result.upper95), (1.0, 1.0));
        assert_eq!((result.events, result.links), (1, 30));
        assert!((result.chance - 1.0 / 30.0).abs() < 1e-12 && !result.sampled);
    }

    #[test]
    fn the_same_laps_for_all_are_linked_by_chance_alone() {
        // Every distance is tied, and both sides stand in the same order: the pitfall.
        let same: Vec<Sequence> = (0..40).map(|subject| (subject, vec![60.0; 20])).collect();
        let repeated = |seed| {
            let settings = LinkageSettings {
                seed,
                repetitions: 50,
                ..LinkageSettings::default()
            };
            let events = [EventSequences {
                original: event(40, 20),
                released: same.clone(),
            }];
            link(&events, &settings).unwrap()
        };
        let result = repeated(1);
        assert!(result.best < 0.05, "chance is 0.025: {result:?}");
        assert_eq!(result, repeated(1));
        assert_ne!(result, repeated(2));
    }

    #[test]
    fn drivers_of_few_laps_are_no_candidates() {
        let mut original = event(10, 20);
        original[3].1.truncate(14);
        let result = attack_on(original.clone(), original);
        assert_eq!((result.links, result.best), (9, 1.0));
        assert!((result.chance - 1.0 / 9.0).abs() < 1e-12);

        let short = [EventSequences {
            original: event(10, 14),
            released: event(10, 14),
        }];
        let refused = link(&short, &LinkageSettings::default()).unwrap_err();
        assert_eq!(refused, AttackError::NoCandidates { minimum_laps: 15 });
    }

    #[test]
    fn a_large_release_is_attacked_by_a_sample_that_says_so() {
        let settings = LinkageSettings {
            most_events: 2,
            most_candidates: 10,
            most_laps: 30,
            ..LinkageSettings::default()
        };
        let large = EventSequences {
            original: event(50, 40),
            released: event(50, 40),
        };
        let result = link(&vec![large; 5], &settings).unwrap();
        assert!(result.sampled && result.best == 1.0);
        assert_eq!((result.events, result.links), (2, 20));
    }

    #[test]
    fn the_bound_widens_with_fewer_trials() {
        // One event of 30 with 6 right links, against 40 such events.
        let bound = |trials: f64| upper95(0.2, trials * 0.8);
        assert!(bound(30.0) > 0.34 && bound(1200.0) < 0.23 && bound(1200.0) > 0.2);
    }

    #[test]
    fn an_assignment_has_the_least_total_of_all() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for (rows, columns) in [(4, 4), (3, 5), (5, 3), (1, 4)] {
            let distances: Vec<Vec<f64>> = (0..rows)
                .map(|_| (0..columns).map(|_| rng.random_range(0.0..1.0)).collect())
                .collect();
            let links = assignment(rows, columns, |row, column| distances[row][column]);
            let total: f64 = links
                .iter()
                .map(|(row, column)| distances[*row][*column])
                .sum();
            let least = least_total(&distances, &mut vec![false; columns], 0, rows.min(columns));
            assert_eq!(links.len(), rows.min(columns));
            assert!((total - least).abs() < 1e-9, "{total} is not {least}");
        }
    }

    /// Tries all ways to link `links` of the rows from `row` on.
    fn least_total(distances: &[Vec<f64>], used: &mut [bool], row: usize, links: usize) -> f64 {
        if links == 0 {
            return 0.0;
        }
        if distances.len() - row < links {
            return f64::INFINITY;
        }
        let mut least = least_total(distances, used, row + 1, links);
        for column in 0..used.len() {
            if !used[column] {
                used[column] = true;
                let rest = least_total(distances, used, row + 1, links - 1);
                least = least.min(distances[row][column] + rest);
                used[column] = false;
            }
        }
        least
    }
}

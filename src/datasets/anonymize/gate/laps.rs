//! The gates that attack what the subjects did: linkage with public results, linkage across events, and
//! what the protection cost.

use std::collections::HashSet;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use super::super::attacks::cross_release::{ReleasePair, event_pairs, link_across};
use super::super::attacks::linkage::{LinkageSettings, link};
use super::super::attacks::utility::pace_ranking;
use super::super::attacks::{AttackError, EventSequences, LinkageResult, Sequence};
use super::super::pace_cells::{DriverLaps, PaceCells};
use super::super::policy::Policy;
use super::super::pseudonyms::ReleaseKey;
use super::super::quantiles::median;
use super::sequences::{ColumnSequences, Sequences};
use super::{Attacks, ColumnAttack, Gate, Outcome};

/// Links that make a bound narrow enough to be judged: with 24 drivers alone even a perfect protection
/// could not be shown.
const ENOUGH_LINKS: u64 = 400;
/// The most draws of a random protection that are attacked.
const MOST_DRAWS: u64 = 24;
/// Links between events that are enough to judge by: a rate of a tenth is then known to one percentage
/// point with 95 % confidence, and the gate lets pass five points beyond guessing.
const ENOUGH_LINKS_ACROSS: usize = 4_000;
/// Subjects of so few values are no candidates where none have the fifteen that the attack asks for.
const FEWEST_VALUES: usize = 3;

/// The linkage gates, in the order of the report, with the figures behind them.
pub(super) fn gates(
    sequences: &Sequences,
    policy: &Policy,
    key: &ReleaseKey,
    subjects: usize,
    attacks: &mut Attacks,
) -> [Gate; 3] {
    attacks.sampled = sequences.sampled;
    for column in &sequences.columns {
        let released: Vec<EventSequences> = column.events.values().cloned().collect();
        let drawn = draws(column, sequences.sampled, policy, key);
        let events = drawn.as_deref().unwrap_or(&released);
        let attack = |over_events, result: Result<LinkageResult, AttackError>| {
            let column = column.column.clone();
            result.ok().map(|result| ColumnAttack {
                column,
                over_events,
                result,
            })
        };
        let alone = attack(false, attack_events(events, policy));
        attacks.linkage.extend(alone);
        if sequences.spans_events {
            let together = attack(true, attack_subjects(&released));
            attacks.linkage.extend(together);
        } else {
            let pairs = attack(false, attack_pairs(events, released.len()));
            attacks.cross_release.extend(pairs);
        }
    }
    let lap_times = sequences.columns.first();
    // Where chance plays no part and everybody was attacked, the success is a count and not an estimate.
    let exact = policy.laps.is_none() && !sequences.sampled;
    attacks.pace_ranking = lap_times.and_then(|column| {
        let events: Vec<EventSequences> = column.events.values().cloned().collect();
        pace_ranking(&events).ok()
    });
    [
        linkage(attacks, policy.minimum_class_size as f64, exact),
        cross_release(attacks, subjects),
        utility(attacks),
    ]
}

/// The events as they were released and, where chance decides what is released, as it might have been:
/// enough of them for a narrow bound.
fn draws(
    column: &ColumnSequences,
    sampled: bool,
    policy: &Policy,
    key: &ReleaseKey,
) -> Option<Vec<EventSequences>> {
    let laps = policy
        .laps
        .as_ref()
        .filter(|laps| laps.time == column.column && !sampled)?;
    let released: u64 = column
        .events
        .values()
        .map(|event| event.released.len() as u64)
        .sum();
    let draws = ENOUGH_LINKS.div_ceil(released.max(1)).min(MOST_DRAWS);
    let cell_size = usize::try_from(policy.minimum_class_size).ok()? + PaceCells::MARGIN;
    let cells = PaceCells::new(cell_size, laps.quota, laps.noise, laps.keep.0..laps.keep.1).ok()?;
    let mut rng = key.generator("draws to attack");
    let mut events: Vec<EventSequences> = column.events.values().cloned().collect();
    for _ in 1..draws {
        for event in column.events.values() {
            let drivers: Vec<DriverLaps> = event
                .original
                .iter()
                .map(|(subject, laps)| DriverLaps {
                    subject: *subject,
                    laps: laps.clone(),
                })
                .collect();
            let drawn = cells.publish(&drivers, &mut rng).drivers.into_iter();
            let released = drawn.map(|driver| {
                let ratios = driver.laps.iter().map(|lap| lap.ratio).collect();
                (driver.subject, ratios)
            });
            events.push(EventSequences {
                original: event.original.clone(),
                released: released.collect(),
            });
        }
    }
    Some(events)
}

fn attack_events(events: &[EventSequences], policy: &Policy) -> Result<LinkageResult, AttackError> {
    let released: usize = events.iter().map(|event| event.released.len()).sum();
    let settings = LinkageSettings {
        scaled: policy.laps.is_some(),
        most_events: events.len(),
        // Among few subjects the luck of the draw between equals is averaged out.
        repetitions: (ENOUGH_LINKS as usize * 3 / released.max(1)).clamp(3, 60),
        ..LinkageSettings::default()
    };
    link(events, &settings).or_else(|_| {
        let short = LinkageSettings {
            minimum_laps: FEWEST_VALUES,
            ..settings
        };
        link(events, &short)
    })
}

/// Where a pseudonym spans several events, the attacker has them all: each subject's pace at each event,
/// nothing where they were absent. (Absence tells as much as pace does.)
fn attack_subjects(events: &[EventSequences]) -> Result<LinkageResult, AttackError> {
    let nothing = AttackError::NothingInCommon;
    let several = |side: fn(&EventSequences) -> &Vec<Sequence>| -> Vec<Sequence> {
        let mut paces = std::collections::BTreeMap::<u32, Vec<f64>>::new();
        for (number, event) in events.iter().enumerate() {
            let all = side(event)
                .iter()
                .flat_map(|(_, values)| values.iter().copied());
            let Some(middle) = median(all).filter(|middle| *middle != 0.0) else {
                continue;
            };
            for (subject, values) in side(event) {
                let paces = paces
                    .entry(*subject)
                    .or_insert_with(|| vec![0.0; events.len()]);
                if let Some(pace) = median(values.iter().copied()) {
                    paces[number] = pace / middle;
                }
            }
        }
        paces.into_iter().collect()
    };
    if events.len() < 2 {
        return Err(nothing);
    }
    let together = EventSequences {
        original: several(|event| &event.original),
        released: several(|event| &event.released),
    };
    let settings = LinkageSettings {
        minimum_laps: 2,
        ..LinkageSettings::default()
    };
    link(&[together], &settings)
}

/// Links the events of the release to each other.
fn attack_pairs(
    events: &[EventSequences],
    in_release: usize,
) -> Result<LinkageResult, AttackError> {
    let released: Vec<Vec<Sequence>> = events.iter().map(|event| event.released.clone()).collect();
    // Draws of one event are not linked to each other, only those of different events of one draw.
    let mut pairs: Vec<_> = released
        .chunks(in_release.max(1))
        .flat_map(event_pairs)
        .collect();
    let settings = LinkageSettings::default();
    let sampled = sample_pairs(&mut pairs, settings.seed);
    let settings = LinkageSettings {
        most_events: pairs.len(),
        ..settings
    };
    let mut result = link_across(&pairs, &settings)?;
    result.sampled |= sampled;
    Ok(result)
}

/// Keeps pairs at random until their links are enough; the order of those kept stays. Whether any pair was
/// left out.
fn sample_pairs(pairs: &mut Vec<ReleasePair<'_>>, seed: u64) -> bool {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut links = 0;
    let mut kept = vec![false; pairs.len()];
    for number in order {
        if links >= ENOUGH_LINKS_ACROSS {
            break;
        }
        kept[number] = true;
        let first: HashSet<u32> = pairs[number].first.iter().map(|one| one.0).collect();
        let second = pairs[number].second.iter();
        links += second.filter(|one| first.contains(&one.0)).count();
    }
    let mut keep = kept.iter();
    pairs.retain(|_| keep.next().is_some_and(|keep| *keep));
    kept.contains(&false)
}

fn linkage(attacks: &Attacks, k: f64, exact: bool) -> Gate {
    let threshold = 1.0 / k + 0.05;
    let worst = attacks.worst(&attacks.linkage);
    let bound = worst.map(|worst| match exact {
        true => worst.result.best,
        false => worst.result.upper95,
    });
    let (outcome, measured) = match worst {
        None => (
            Outcome::NotApplicable {
                reason:
                    "the release shows no numbers that repeat under one pseudonym, so there are no \
                         laps to link"
                        .to_owned(),
            },
            None,
        ),
        Some(_) if bound <= Some(threshold) => (Outcome::Passed, bound),
        Some(worst) => (
            Outcome::Failed {
                reason: format!(
                    "whoever has the public results links {} of the subjects by \"{}\"{}; guessing \
                     links {}. Protect lap times with a [laps] section and drop what repeats them, or \
                     publish only what needs no order",
                    percent(worst.result.best),
                    worst.column,
                    if worst.over_events {
                        " over all events, because a pseudonym spans them"
                    } else {
                        ""
                    },
                    percent(worst.result.chance),
                ),
            },
            bound,
        ),
    };
    Gate {
        name: "linkage".to_owned(),
        outcome,
        measured,
        threshold,
    }
}

fn cross_release(attacks: &Attacks, subjects: usize) -> Gate {
    let worst = attacks.worst(&attacks.cross_release);
    let chance = worst.map_or(1.0 / subjects.max(1) as f64, |worst| worst.result.chance);
    let threshold = chance + 0.05;
    let (outcome, measured) = match worst {
        None => (
            Outcome::NotApplicable {
                reason: "no subject shows numbers in two events, so there is nothing to link"
                    .to_owned(),
            },
            None,
        ),
        Some(worst) if worst.result.best <= threshold => (Outcome::Passed, Some(worst.result.best)),
        Some(worst) => (
            Outcome::Failed {
                reason: format!(
                    "{} of the subjects are found again in another event by \"{}\"; guessing finds {}. \
                     Use larger classes, a smaller quota or more noise",
                    percent(worst.result.best),
                    worst.column,
                    percent(worst.result.chance),
                ),
            },
            Some(worst.result.best),
        ),
    };
    Gate {
        name: "cross_release".to_owned(),
        outcome,
        measured,
        threshold,
    }
}

/// Not a promise to the subjects but to whoever uses the data, so it refuses nothing.
fn utility(attacks: &Attacks) -> Gate {
    let threshold = 0.9;
    let (outcome, measured) = match &attacks.pace_ranking {
        None => (
            Outcome::NotApplicable {
                reason: "the release has no pace ranking to compare".to_owned(),
            },
            None,
        ),
        Some(ranking) if ranking.rho >= threshold => (Outcome::Passed, Some(ranking.rho)),
        Some(ranking) => (
            Outcome::Warning {
                reason: format!(
                    "Spearman's ρ between the drivers' median laps before and after is {:.2}, {:.2} at the \
                     worst event: expect models to rate drivers less well than the original would let them",
                    ranking.rho, ranking.worst,
                ),
            },
            Some(ranking.rho),
        ),
    };
    Gate {
        name: "utility".to_owned(),
        outcome,
        measured,
        threshold,
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::super::super::attacks::intervals::Rate;
    use super::*;

    #[test]
    fn of_many_pairs_so_many_are_attacked_that_their_links_are_enough() {
        let event: Vec<Sequence> = (0..100).map(|subject| (subject, vec![1.0])).collect();
        let events = vec![event; 24];
        let mut pairs = event_pairs(&events);
        assert!(pairs.len() == 276 && sample_pairs(&mut pairs, 1));
        assert_eq!(pairs.len() * 100, ENOUGH_LINKS_ACROSS);
        let rate = Rate::wilson(0.1 * ENOUGH_LINKS_ACROSS as f64, ENOUGH_LINKS_ACROSS as f64);
        assert!(rate.lower95 > 0.09 && rate.upper95 < 0.11, "{rate:?}");
        // Nine events of forty are attacked whole.
        let events: Vec<_> = events[..9]
            .iter()
            .map(|event| event[..40].to_vec())
            .collect();
        let mut pairs = event_pairs(&events);
        assert!(!sample_pairs(&mut pairs, 1) && pairs.len() == 36);
    }
}

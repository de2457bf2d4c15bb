//! Linkage across releases: is this the driver of last time?
//!
//! Pseudonyms differ from release to release, and within a release from event to event where they are
//! scoped so. If the same person can be found again by how they drive, the pieces add up to what one
//! pseudonym would have told. The attack is [`linkage`](super::linkage)'s, with one release in the place
//! of public results and times scaled by the event's median, since venues differ.
//!
//! The attacker does not know who takes part in both, so all sequences of the second are linked and
//! those of people who were in both are counted.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use super::linkage::{LinkageSettings, Sides, attack, finite};
use super::{AttackError, LinkageResult, Sequence};

/// Two sets of released sequences, each under pseudonyms of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReleasePair<'a> {
    pub first: &'a [Sequence],
    pub second: &'a [Sequence],
}

/// The pairs of events of one release whose pseudonyms are scoped to the event.
pub fn event_pairs(events: &[Vec<Sequence>]) -> Vec<ReleasePair<'_>> {
    let mut pairs = Vec::new();
    for (n, second) in events.iter().enumerate() {
        pairs.extend(
            events[..n]
                .iter()
                .map(|first| ReleasePair { first, second }),
        );
    }
    pairs
}

/// Links the sequences of each pair. Of the settings, `scaled` is taken to be true, and all released
/// sequences are candidates, however short.
///
/// # Errors
/// [`AttackError::NothingInCommon`] where no subject is in both of any pair.
pub fn link_across(
    pairs: &[ReleasePair<'_>],
    settings: &LinkageSettings,
) -> Result<LinkageResult, AttackError> {
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    let settings = LinkageSettings {
        scaled: true,
        ..settings.clone()
    };
    let driven = |sequences| -> Vec<&Sequence> {
        let sequences: &[Sequence] = sequences;
        let driven = |(_, laps): &&Sequence| finite(laps).next().is_some();
        sequences.iter().filter(driven).collect()
    };
    let sides = pairs.iter().map(|pair| Sides {
        targets: driven(pair.second),
        candidates: driven(pair.first),
    });
    attack(sides.collect(), &settings, &mut rng).ok_or(AttackError::NothingInCommon)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand_distr::StandardNormal;

    use super::*;

    /// An event of drivers 0 to 19 in which driver n is `gap` · n slower than driver 0.
    fn event(track: f64, gap: f64, seed: u64) -> Vec<Sequence> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut driver = |subject: u32| {
            let pace = 1.0 + gap * f64::from(subject);
            let mut lap = || track * (pace + 0.002 * rng.sample::<f64, _>(StandardNormal));
            (subject, (0..15).map(|_| lap()).collect())
        };
        (0..20).map(&mut driver).collect()
    }

    #[test]
    fn drivers_of_steady_pace_are_found_again_on_another_track() {
        let (first, second) = (event(60.0, 0.01, 1), event(42.0, 0.01, 2));
        let pair = ReleasePair {
            first: &first,
            second: &second,
        };
        let result = link_across(&[pair], &LinkageSettings::default()).unwrap();
        assert_eq!((result.events, result.links), (1, 20));
        assert!(result.best > 0.9, "{result:?}");
    }

    #[test]
    fn drivers_who_are_all_alike_are_not() {
        let events: Vec<_> = (0..5).map(|seed| event(60.0, 0.0, seed)).collect();
        let pairs = event_pairs(&events);
        let result = link_across(&pairs, &LinkageSettings::default()).unwrap();
        assert_eq!((result.events, result.links), (10, 200));
        assert!(result.best <= result.chance + 0.05, "{result:?}");
    }

    #[test]
    fn those_who_were_in_one_release_only_are_not_counted() {
        let (first, mut second) = (event(60.0, 0.01, 1), event(60.0, 0.01, 2));
        for driver in &mut second[..15] {
            driver.0 += 100;
        }
        let pair = ReleasePair {
            first: &first,
            second: &second,
        };
        let result = link_across(&[pair], &LinkageSettings::default()).unwrap();
        assert_eq!((result.links, result.chance), (5, 1.0 / 20.0));
        for driver in &mut second[15..] {
            driver.0 += 100;
        }
        let pair = ReleasePair {
            first: &first,
            second: &second,
        };
        let nobody = link_across(&[pair], &LinkageSettings::default()).unwrap_err();
        assert_eq!(nobody, AttackError::NothingInCommon);
    }
}

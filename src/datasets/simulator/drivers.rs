//! The drivers of a championship: who they are, and how good they truly are.

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt};

use super::class::KartClass;
use super::random::{lognormal, normal};

/// Standard deviations measured on 34,498 rental endurance laps, as fractions of lap time.
const PACE_DEVIATION: f64 = 0.008;
const WET_DEVIATION: f64 = 0.006;
/// The coefficient of variation of a driver's laps: lognormal, 5-95 % about 0.38-1.27 %.
const MEDIAN_VARIATION: f64 = 0.0075;
const VARIATION_SPREAD: f64 = 0.367;

/// A driver as the championship's entry list knows them: a made-up person.
#[derive(Clone, Debug, PartialEq)]
pub struct Driver {
    /// Licence number, unique in the championship, e.g. `L0412`.
    pub id: String,
    pub name: String,
    pub club: &'static str,
    pub region: &'static str,
    /// In years, on the day of the first event.
    pub age: u32,
    pub weight_kg: f64,
    pub height_cm: u32,
}

/// How good a driver truly is: the solution of every question about talent.
///
/// Paces are log ratios of lap times, so 0.008 is 0.8 % slower than the mean driver; lower is
/// faster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DriverTruth {
    /// The pace p∞ that the driver tends to when there is nothing left to learn.
    pub pace: f64,
    /// What rain adds to the pace, beyond what it adds for the mean driver.
    pub wet: f64,
    /// Skill in passing and in not being passed, in standard deviations; higher is better.
    pub racecraft: f64,
    /// What the driver loses on the first lap ever driven, A in p(n) = p∞ + A·n^−b.
    pub learning_amplitude: f64,
    /// How fast that loss goes, b.
    pub learning_exponent: f64,
    /// Laps driven before the championship.
    pub laps_before: f64,
    /// Coefficient of variation of clean laps.
    pub variation: f64,
}

impl DriverTruth {
    pub(super) fn draw(rng: &mut impl Rng) -> Self {
        Self {
            pace: PACE_DEVIATION * normal(rng),
            wet: WET_DEVIATION * normal(rng),
            racecraft: normal(rng),
            learning_amplitude: rng.random_range(0.01..0.04),
            learning_exponent: rng.random_range(0.3..0.6),
            laps_before: lognormal(rng, 1_500.0, 1.0).round(),
            variation: lognormal(rng, MEDIAN_VARIATION, VARIATION_SPREAD),
        }
    }

    /// What the driver still loses after `laps` laps of the championship.
    pub fn unlearned(&self, laps: u32) -> f64 {
        let laps_ever = self.laps_before + f64::from(laps) + 1.0;
        self.learning_amplitude * libm::pow(laps_ever, -self.learning_exponent)
    }
}

/// Draws `count` drivers with different names and licences.
pub(super) fn entry_list(class: KartClass, count: u32, rng: &mut impl Rng) -> Vec<Driver> {
    let mut names: Vec<(&str, &str)> = GIVEN_NAMES
        .iter()
        .flat_map(|given| FAMILY_NAMES.iter().map(move |family| (*given, *family)))
        .collect();
    names.shuffle(rng);
    let mut licences: Vec<u32> = (1..=9_999).collect();
    licences.shuffle(rng);
    names
        .into_iter()
        .zip(licences)
        .take(count as usize)
        .map(|((given, family), licence)| {
            let (club, region) = CLUBS.choose(rng).copied().unwrap_or(CLUBS[0]);
            let age = rng.random_range(class.ages());
            let physique = Physique::typical(age);
            Driver {
                id: format!("L{licence:04}"),
                name: format!("{given} {family}"),
                club,
                region,
                age,
                weight_kg: physique.draw_weight(rng),
                height_cm: (physique.height_cm * (1.0 + 0.04 * normal(rng))).round() as u32,
            }
        })
        .collect()
}

struct Physique {
    weight_kg: f64,
    height_cm: f64,
}

impl Physique {
    /// Medians by age, read off the growth charts of the WHO; constant from 18 on.
    fn typical(age: u32) -> Self {
        const BY_AGE: [(u32, f64, f64); 7] = [
            (8, 26.0, 128.0),
            (10, 32.0, 138.0),
            (12, 40.0, 149.0),
            (14, 50.0, 162.0),
            (16, 60.0, 171.0),
            (18, 68.0, 175.0),
            (99, 72.0, 175.0),
        ];
        let (_, weight_kg, height_cm) = BY_AGE
            .into_iter()
            .find(|(until, ..)| age <= *until)
            .unwrap_or(BY_AGE[6]);
        Self {
            weight_kg,
            height_cm,
        }
    }

    /// Within 20 % of the typical weight, to 0.1 kg: who is much heavier races in another class.
    fn draw_weight(&self, rng: &mut impl Rng) -> f64 {
        let relative = libm::exp((0.1 * normal(rng)).clamp(-0.2, 0.2));
        (self.weight_kg * relative * 10.0).round() / 10.0
    }
}

const CLUBS: [(&str, &str); 8] = [
    ("Kart Club Altenfeld", "North"),
    ("Racing Team Seehof", "North"),
    ("Kartschule Birkental", "East"),
    ("Motorsport Club Rotach", "East"),
    ("Scuderia Valchiara", "South"),
    ("Karting Pontevico", "South"),
    ("Ecurie Montferrat", "West"),
    ("Karting Academy Loirel", "West"),
];

const GIVEN_NAMES: [&str; 40] = [
    "Adrian", "Alina", "Anton", "Bastien", "Carla", "Chiara", "Daniel", "David", "Elena", "Elias",
    "Emil", "Emma", "Fabio", "Felix", "Finn", "Giulia", "Hanna", "Hugo", "Ida", "Jakob", "Jonas",
    "Julie", "Kilian", "Lara", "Lea", "Leon", "Levi", "Luca", "Marco", "Marie", "Matteo", "Max",
    "Mila", "Nico", "Noah", "Oskar", "Paul", "Sofia", "Theo", "Valentin",
];

const FAMILY_NAMES: [&str; 50] = [
    "Albrecht",
    "Amsler",
    "Barbieri",
    "Baumann",
    "Bellini",
    "Berger",
    "Bernard",
    "Brandt",
    "Brunner",
    "Caruso",
    "Conti",
    "Dubois",
    "Egger",
    "Fabre",
    "Ferrand",
    "Fischer",
    "Fontana",
    "Frey",
    "Garnier",
    "Girard",
    "Graf",
    "Gruber",
    "Haas",
    "Hofer",
    "Huber",
    "Jansen",
    "Keller",
    "Klein",
    "Kofler",
    "Lambert",
    "Lang",
    "Leclair",
    "Lehner",
    "Lombard",
    "Marchetti",
    "Meier",
    "Moretti",
    "Moser",
    "Neumann",
    "Orsini",
    "Pichler",
    "Renard",
    "Ricci",
    "Rossetti",
    "Roth",
    "Sartori",
    "Schmid",
    "Vogel",
    "Weber",
    "Zanetti",
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    use super::*;

    #[test]
    fn no_two_drivers_share_a_name_or_a_licence() {
        let drivers = entry_list(KartClass::Junior, 400, &mut ChaCha8Rng::seed_from_u64(1));
        let names: HashSet<_> = drivers.iter().map(|d| &d.name).collect();
        let ids: HashSet<_> = drivers.iter().map(|d| &d.id).collect();
        assert_eq!((names.len(), ids.len()), (400, 400));
    }

    #[test]
    fn physique_fits_the_class() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let cadets = entry_list(KartClass::Cadet, 200, &mut rng);
        let seniors = entry_list(KartClass::Senior, 200, &mut rng);
        let mean = |drivers: &[Driver]| drivers.iter().map(|d| d.weight_kg).sum::<f64>() / 200.0;
        assert!((28.0..42.0).contains(&mean(&cadets)), "{}", mean(&cadets));
        assert!((60.0..75.0).contains(&mean(&seniors)), "{}", mean(&seniors));
        assert!(cadets.iter().all(|d| (8..=12).contains(&d.age)));
    }

    #[test]
    fn experience_makes_a_driver_faster_and_never_faster_than_the_truth() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for _ in 0..50 {
            let truth = DriverTruth::draw(&mut rng);
            assert!(truth.unlearned(0) > truth.unlearned(500));
            assert!(truth.unlearned(100_000) > 0.0);
        }
    }

    #[test]
    fn truth_has_the_measured_spread() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let truths: Vec<_> = (0..20_000).map(|_| DriverTruth::draw(&mut rng)).collect();
        let deviation = |value: fn(&DriverTruth) -> f64| {
            let mean_square = truths.iter().map(|t| value(t).powi(2)).sum::<f64>() / 20_000.0;
            mean_square.sqrt()
        };
        assert!((deviation(|t| t.pace) - 0.008).abs() < 0.000_2);
        assert!((deviation(|t| t.wet) - 0.006).abs() < 0.000_2);
        let mut variations: Vec<_> = truths.iter().map(|t| t.variation).collect();
        variations.sort_by(f64::total_cmp);
        assert!((variations[1_000] - 0.0041).abs() < 0.0003);
        assert!((variations[10_000] - 0.0075).abs() < 0.0003);
        assert!((variations[19_000] - 0.0137).abs() < 0.0006);
    }
}

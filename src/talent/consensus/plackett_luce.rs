//! Weighted Plackett-Luce: one order of the drivers out of many.
//!
//! A ranking is drawn place by place, each driver with a chance in proportion to their worth among those
//! who are left (Luce 1959, Plackett 1975). The worths with the greatest likelihood are found by Hunter's
//! minorization-maximization (*Annals of Statistics* 32, 2004).
//!
//! Drawn from the best, a ranking says most about its first places, and who came last among many is almost
//! chance; drawn from the worst it is the other way round, and the model is another one. Rankings of talent
//! mean both ends alike: each is read both ways, and a driver's strength is the mean of the two.

/// Every driver has also drawn a duel with a mean driver, which counts as much as this share of a whole
/// ranking. It gives those who are first everywhere a finite worth, and holds the scale.
const DUEL: f64 = 0.2;
const MOST_ITERATIONS: usize = 2_000;

/// An order of drivers, to be read from both ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ranking {
    from_best: Draws,
    from_worst: Draws,
}

impl Ranking {
    /// Of drivers with values, the highest first. Equal values are ties.
    pub fn by(values: impl IntoIterator<Item = (usize, f64)>) -> Self {
        let mut valued: Vec<(usize, f64)> = values.into_iter().collect();
        valued.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        let from_best = Draws::of(&valued);
        valued.reverse();
        Self {
            from_best,
            from_worst: Draws::of(&valued),
        }
    }
}

/// Drivers in the order in which they were drawn. Drivers of one group are tied.
#[derive(Clone, Debug, PartialEq)]
struct Draws {
    drivers: Vec<usize>,
    /// Where each group of tied drivers ends.
    ends: Vec<usize>,
}

impl Draws {
    fn of(valued: &[(usize, f64)]) -> Self {
        let next = valued.iter().skip(1).map(|(_, value)| Some(*value));
        let ends = valued
            .iter()
            .zip(next.chain([None]))
            .zip(1..)
            .filter(|(((_, value), next), _)| *next != Some(*value))
            .map(|(_, end)| end);
        Self {
            ends: ends.collect(),
            drivers: valued.iter().map(|(driver, _)| *driver).collect(),
        }
    }
}

/// The logarithms of the drivers' worths.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Worths {
    from_best: Vec<f64>,
    from_worst: Vec<f64>,
}

impl Worths {
    /// Before anything is known.
    pub fn equal(drivers: usize) -> Self {
        Self {
            from_best: vec![0.0; drivers],
            from_worst: vec![0.0; drivers],
        }
    }

    /// Of weighted rankings. Begins at these worths; ends when none changes by more than the fraction
    /// `tolerance`. O(iterations · places of all rankings).
    pub fn fit(&self, rankings: &[(f64, &Ranking)], tolerance: f64) -> Self {
        let read = |draws: fn(&Ranking) -> &Draws, start: &[f64]| {
            let draws: Vec<(f64, &Draws)> = rankings.iter().map(|(w, r)| (*w, draws(r))).collect();
            log_worths(&draws, start, tolerance)
        };
        Self {
            from_best: read(|ranking| &ranking.from_best, &self.from_best),
            from_worst: read(|ranking| &ranking.from_worst, &self.from_worst),
        }
    }

    /// Higher is better; a mean driver has about 0.
    pub fn strengths(&self) -> Vec<f64> {
        let worths = self.from_best.iter().zip(&self.from_worst);
        worths.map(|(best, worst)| (best - worst) / 2.0).collect()
    }
}

/// The logarithms of the worths by which these draws are the likeliest.
///
/// Tied drivers count as drawn one after the other from all that were there before (Breslow's treatment
/// of ties in the likelihood of Cox's model, which is that of Plackett-Luce).
fn log_worths(draws: &[(f64, &Draws)], start: &[f64], tolerance: f64) -> Vec<f64> {
    let drivers = start.len();
    let mut worths: Vec<f64> = start.iter().map(|worth| worth.exp()).collect();
    let mut wins = vec![DUEL; drivers];
    for (weight, draws) in draws {
        // Who is left alone at the end has beaten nobody.
        let contested = match draws.ends.as_slice() {
            [.., last_but_one, last] if last - last_but_one == 1 => *last_but_one,
            [1] => 0,
            _ => draws.drivers.len(),
        };
        for &driver in &draws.drivers[..contested] {
            wins[driver] += weight;
        }
    }
    let mut denominators = vec![0.0; drivers];
    let mut left = Vec::new();
    for _ in 0..MOST_ITERATIONS {
        for (denominator, worth) in denominators.iter_mut().zip(&worths) {
            *denominator = 2.0 * DUEL / (worth + 1.0);
        }
        for draws in draws {
            add_denominators(*draws, &worths, &mut denominators, &mut left);
        }
        let mut change: f64 = 0.0;
        for ((worth, wins), denominator) in worths.iter_mut().zip(&wins).zip(&denominators) {
            let next = wins / denominator;
            change = change.max((next / *worth - 1.0).abs());
            *worth = next;
        }
        if change <= tolerance {
            break;
        }
    }
    worths.into_iter().map(f64::ln).collect()
}

/// Adds, for each driver, the sum over the draws in which they could have been drawn of one over the worth
/// of all who could. `left` is room to compute in.
fn add_denominators(
    (weight, draws): (f64, &Draws),
    worths: &[f64],
    denominators: &mut [f64],
    left: &mut Vec<f64>,
) {
    // Summed from the last to the first, so that nothing is lost by subtracting large worths.
    left.clear();
    left.extend(draws.drivers.iter().rev().scan(0.0, |sum, &driver| {
        *sum += worths[driver];
        Some(*sum)
    }));
    let count = draws.drivers.len();
    let mut sum = 0.0;
    let mut begin = 0;
    for &end in &draws.ends {
        if count - begin > 1 {
            sum += weight * (end - begin) as f64 / left[count - 1 - begin];
        }
        for &driver in &draws.drivers[begin..end] {
            denominators[driver] += sum;
        }
        begin = end;
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};
    use rand_distr::Exp1;

    use super::*;

    /// Read from the best alone.
    fn fit(rankings: &[(f64, Ranking)], drivers: usize) -> Vec<f64> {
        worths(rankings, drivers).from_best
    }

    fn worths(rankings: &[(f64, Ranking)], drivers: usize) -> Worths {
        let borrowed: Vec<(f64, &Ranking)> = rankings.iter().map(|(w, r)| (*w, r)).collect();
        Worths::equal(drivers).fit(&borrowed, 1e-10)
    }

    fn ranking(order: &[usize]) -> Ranking {
        Ranking::by(
            order
                .iter()
                .zip(0..)
                .map(|(&driver, place)| (driver, -f64::from(place))),
        )
    }

    /// Who draws the earliest of exponential times with the worths as rates is first: that draws from
    /// Plackett-Luce.
    #[test]
    fn known_worths_are_found_again() {
        let truth = [0.9, 0.3, 0.0, -0.4, -0.8];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let rankings: Vec<(f64, Ranking)> = (0..20_000)
            .map(|_| {
                let times = truth.iter().enumerate().map(|(driver, worth)| {
                    let time: f64 = rng.sample(Exp1);
                    (driver, -time / f64::exp(*worth))
                });
                (1.0, Ranking::by(times))
            })
            .collect();
        for (found, worth) in fit(&rankings, 5).iter().zip(truth) {
            assert!((found - worth).abs() < 0.03, "{found} {worth}");
        }
    }

    /// Of two drivers Plackett-Luce is Bradley-Terry: the odds are those of the wins, and of the duels
    /// with a mean driver.
    #[test]
    fn the_odds_of_two_drivers_are_those_of_their_wins() {
        let worths = fit(&[(300.0, ranking(&[0, 1])), (100.0, ranking(&[1, 0]))], 2);
        let odds = (worths[0] - worths[1]).exp();
        assert!((odds - 3.0).abs() < 0.01, "{odds}");
    }

    /// At the maximum the slope of the likelihood is zero, as told by differences.
    #[test]
    fn no_other_worths_are_likelier() {
        let rankings = [
            (0.5, ranking(&[2, 0, 1, 3])),
            (0.3, ranking(&[0, 2, 3])),
            (0.7, Ranking::by([(0, 1.0), (1, 2.0), (2, 1.0), (3, 0.0)])),
        ];
        let likelihood = |worths: &[f64]| -> f64 {
            let duels = worths
                .iter()
                .map(|w| DUEL * (w - 2.0 * (w.exp() + 1.0).ln()));
            let mut sum: f64 = duels.sum();
            for (weight, ranking) in &rankings {
                let mut begin = 0;
                let draws = &ranking.from_best;
                for &end in &draws.ends {
                    let left = &draws.drivers[begin..];
                    let total: f64 = left.iter().map(|&d| worths[d].exp()).sum();
                    for &driver in &draws.drivers[begin..end] {
                        sum += weight * (worths[driver] - total.ln());
                    }
                    begin = end;
                }
            }
            sum
        };
        let worths = fit(&rankings, 4);
        for driver in 0..4 {
            let moved = |by: f64| {
                let mut moved = worths.clone();
                moved[driver] += by;
                likelihood(&moved)
            };
            let slope = (moved(1e-4) - moved(-1e-4)) / 2e-4;
            assert!(slope.abs() < 1e-7, "driver {driver}: {slope}");
        }
    }

    #[test]
    fn the_order_turned_round_turns_the_strengths_round() {
        let rankings = |sign: f64| {
            [
                (
                    0.6,
                    Ranking::by([(0, sign), (1, 3.0 * sign), (2, 2.0 * sign), (3, 2.0 * sign)]),
                ),
                (
                    0.4,
                    Ranking::by([(0, sign), (2, 5.0 * sign), (3, 4.0 * sign)]),
                ),
            ]
        };
        let [there, back] = [1.0, -1.0].map(|sign| worths(&rankings(sign), 4).strengths());
        for (there, back) in there.iter().zip(&back) {
            assert!((there + back).abs() < 1e-9, "{there} {back}");
        }
        assert!(there[1] > there[2] && there[2] > there[3] && there[3] > there[0]);
    }

    #[test]
    fn who_is_always_first_has_a_finite_worth() {
        let worths = fit(&[(1.0, ranking(&[0, 1, 2]))], 3);
        assert!(worths.iter().all(|worth| worth.is_finite()));
        assert!(worths[0] > worths[1] && worths[1] > worths[2]);
    }

    #[test]
    fn drivers_who_are_tied_or_alone_are_worth_the_mean() {
        let tied = Ranking::by([(0, 1.0), (1, 1.0), (2, 1.0)]);
        assert!(
            fit(&[(1.0, tied)], 3)
                .iter()
                .all(|worth| worth.abs() < 1e-6)
        );
        assert!(fit(&[(1.0, ranking(&[0]))], 1)[0].abs() < 1e-6);
        assert_eq!(fit(&[], 2), [0.0, 0.0]);
    }
}

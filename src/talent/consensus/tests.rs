use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

use super::*;

const RESAMPLES: usize = 100;

struct Crowd {
    rng: ChaCha8Rng,
    drivers: usize,
    events: usize,
    truth: Vec<f64>,
    submissions: Vec<Submission>,
}

impl Crowd {
    fn new(drivers: usize, events: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        Self {
            truth: (0..drivers).map(|_| rng.sample(StandardNormal)).collect(),
            rng,
            drivers,
            events,
            submissions: Vec::new(),
        }
    }

    /// A submission that tells the truth with an error of `scale` for each driver and event.
    fn hear(mut self, id: &str, team: &str, scale: f64) -> Self {
        let rating = |(truth, noise): (&f64, f64)| truth + scale * noise;
        let ratings = (0..self.events)
            .flat_map(|_| {
                let noise: Vec<f64> = (0..self.drivers)
                    .map(|_| self.rng.sample(StandardNormal))
                    .collect();
                self.truth
                    .iter()
                    .zip(noise)
                    .map(rating)
                    .collect::<Vec<f64>>()
            })
            .collect();
        self.submissions.push(Submission {
            id: id.to_owned(),
            team: team.to_owned(),
            ratings,
        });
        self
    }

    /// The last submission once more, under another name.
    fn again(mut self, id: &str, team: &str) -> Self {
        let last = self.submissions.last().expect("somebody spoke").clone();
        self.submissions.push(Submission {
            id: id.to_owned(),
            team: team.to_owned(),
            ..last
        });
        self
    }

    fn rows(&self, is_judged: bool) -> Vec<Row> {
        (0..self.events)
            .flat_map(|event| (0..self.drivers).map(move |driver| (event, driver)))
            .map(|(event, driver)| Row {
                driver: format!("D{driver:02}"),
                event: format!("E{event}"),
                truth: is_judged.then(|| self.truth[driver]),
            })
            .collect()
    }

    fn panel(self, is_judged: bool) -> Panel {
        Panel::new(self.rows(is_judged), self.submissions).unwrap()
    }
}

fn ask(panel: &Panel) -> Consensus {
    consensus(panel, RESAMPLES, &mut ChaCha8Rng::seed_from_u64(1))
}

fn weight(consensus: &Consensus, id: &str) -> f64 {
    let mut voices = consensus.voices.iter();
    voices.find(|voice| voice.submission == id).unwrap().weight
}

#[test]
fn the_precise_are_heard_and_the_clueless_are_not() {
    let crowd = Crowd::new(40, 3)
        .hear("good", "a", 0.3)
        .hear("fair", "b", 0.8)
        .hear("clueless", "c", 50.0);
    let found = ask(&crowd.panel(true));
    let [good, fair, clueless] = ["good", "fair", "clueless"].map(|id| weight(&found, id));
    assert!(good > fair && fair > clueless, "{good} {fair} {clueless}");
    assert!((good + fair + clueless - 1.0).abs() < 1e-9);
    assert!(found.stacking.unwrap().cross_validated_loss < 0.2);
}

#[test]
fn ten_copies_have_the_vote_of_one() {
    let mut crowd = Crowd::new(40, 2)
        .hear("one", "a", 0.8)
        .hear("other", "b", 0.8)
        .hear("copied", "c", 0.8);
    for copy in 0..9 {
        crowd = crowd.again(&format!("copy {copy}"), "d");
    }
    let found = ask(&crowd.panel(false));
    // Nothing is known of the truth: three clusters, a third each, half of one for each of two teams.
    assert_eq!(found.stacking, None);
    assert!((weight(&found, "one") - 1.0 / 3.0).abs() < 1e-9);
    assert!((weight(&found, "copied") - 1.0 / 6.0).abs() < 1e-9);
    assert!((weight(&found, "copy 3") - 1.0 / 54.0).abs() < 1e-9);
    let clusters: std::collections::BTreeSet<usize> =
        found.voices.iter().map(|voice| voice.cluster).collect();
    assert_eq!(clusters.len(), 3);
}

#[test]
fn a_copy_contributes_nothing_and_the_gain_is_shared_out_entirely() {
    let crowd = Crowd::new(40, 3)
        .hear("good", "a", 0.5)
        .hear("fair", "b", 0.7)
        .again("copy", "c");
    let panel = crowd.panel(true);
    let found = ask(&panel);
    let [good, fair, copy] = contributions(&panel, &found).unwrap()[..] else {
        panic!("one for each submission");
    };
    assert!(good.leave_one_out > 0.02, "{good:?}");
    assert!(fair.leave_one_out.abs() < 1e-9 && copy.leave_one_out.abs() < 1e-9);
    assert_eq!(
        fair.fair_share, copy.fair_share,
        "they share what their vote earns"
    );
    let [good, fair, copy] = [good, fair, copy].map(|c| c.fair_share.unwrap());
    assert!(good > fair && fair > 0.0);
    let judged = panel.judged();
    let nothing = judged.truth.iter().map(|t| t * t).sum::<f64>() / judged.truth.len() as f64;
    let gain = nothing - found.stacking.unwrap().cross_validated_loss;
    assert!((good + fair + copy - gain).abs() < 1e-9);
}

#[test]
fn more_than_twelve_clusters_have_no_fair_shares_but_what_is_lost_without_each() {
    let mut crowd = Crowd::new(30, 1);
    for number in 0..13 {
        crowd = crowd.hear(&number.to_string(), &number.to_string(), 1.0);
    }
    let panel = crowd.panel(true);
    for contribution in contributions(&panel, &ask(&panel)).unwrap() {
        assert_eq!(contribution.fair_share, None);
        assert!(contribution.leave_one_out.is_finite());
    }
}

#[test]
fn drivers_are_ordered_by_talent_with_places_that_hold_it() {
    let mut crowd = Crowd::new(30, 4);
    for number in 0..8 {
        crowd = crowd.hear(&number.to_string(), &number.to_string(), 0.5);
    }
    let truth = crowd.truth.clone();
    let found = ask(&crowd.panel(true));
    let true_place = ranks::places(&truth);
    let mut held = 0;
    for driver in &found.drivers {
        let number: usize = driver.driver[1..].parse().unwrap();
        let interval = driver.interval.unwrap();
        assert!(interval.best <= driver.place && driver.place <= interval.worst);
        assert!((0.0..=1.0).contains(&interval.top_tenth));
        held += usize::from((interval.best..=interval.worst).contains(&true_place[number]));
    }
    assert!(held >= 26, "{held} of 30 true places");
    let first = &found.drivers[0];
    assert!(first.place == 1.0 && first.tier == 1 && first.interval.unwrap().top_tenth > 0.9);
    let last = &found.drivers[29];
    assert!(last.tier > 2 && last.interval.unwrap().top_tenth == 0.0);
    assert!(found.drivers.is_sorted_by_key(|driver| driver.tier));
    let top: f64 = found
        .drivers
        .iter()
        .map(|d| d.interval.unwrap().top_tenth)
        .sum();
    assert!(
        (top - 3.0).abs() < 0.5,
        "three of thirty are the best tenth: {top}"
    );
    assert!(found.agreement.unwrap() > 0.7);
}

#[test]
fn who_disagree_widen_the_intervals_and_join_the_tiers() {
    let crowd = |scale: f64| {
        let mut crowd = Crowd::new(30, 2);
        for number in 0..6 {
            crowd = crowd.hear(&number.to_string(), &number.to_string(), scale);
        }
        ask(&crowd.panel(false))
    };
    let (agreed, quarrelled) = (crowd(0.1), crowd(3.0));
    let tiers = |consensus: &Consensus| consensus.drivers.last().unwrap().tier;
    assert!(tiers(&agreed) > 10 && tiers(&quarrelled) < 4);
    assert!(agreed.agreement > quarrelled.agreement);
}

#[test]
fn the_same_seed_gives_the_same_consensus_and_the_order_of_submissions_does_not_matter() {
    let crowd = Crowd::new(20, 2)
        .hear("a", "a", 0.5)
        .hear("b", "b", 0.9)
        .again("c", "c");
    let rows = crowd.rows(true);
    let mut reversed = crowd.submissions.clone();
    reversed.reverse();
    let panel = crowd.panel(true);
    assert_eq!(ask(&panel), ask(&panel));
    let mut other = ask(&Panel::new(rows, reversed).unwrap());
    other.voices.reverse();
    let first = ask(&panel);
    for (one, other) in first.voices.iter().zip(&other.voices) {
        assert_eq!(one.submission, other.submission);
        assert!((one.weight - other.weight).abs() < 1e-6);
    }
    let order = |c: &Consensus| {
        c.drivers
            .iter()
            .map(|d| d.driver.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(order(&first), order(&other));
}

#[test]
fn one_model_is_followed_and_nobody_can_say_how_sure_it_is() {
    let panel = Crowd::new(20, 1).hear("only", "a", 0.5).panel(true);
    let found = ask(&panel);
    assert_eq!(found.agreement, None);
    assert_eq!(found.voices[0].weight, 1.0);
    assert!(
        found
            .drivers
            .iter()
            .all(|driver| driver.interval.is_none() && driver.tier == 1)
    );
    let gain = contributions(&panel, &found).unwrap()[0];
    assert!(gain.leave_one_out > 0.5);
    assert!((gain.leave_one_out - gain.fair_share.unwrap()).abs() < 1e-12);
}

#[test]
fn a_lone_driver_and_models_that_say_nothing_are_no_reason_to_fail() {
    let alone = ask(&Crowd::new(1, 2)
        .hear("a", "a", 1.0)
        .hear("b", "b", 1.0)
        .panel(true));
    assert_eq!(alone.drivers.len(), 1);
    assert_eq!((alone.drivers[0].place, alone.drivers[0].tier), (1.0, 1));
    assert_eq!((alone.agreement, alone.stacking), (None, None));

    let mut silent = Crowd::new(12, 1).hear("a", "a", 1.0).hear("b", "b", 1.0);
    for submission in &mut silent.submissions {
        submission.ratings.fill(4.0);
    }
    let silent = silent.panel(true);
    let found = ask(&silent);
    assert!(
        found
            .drivers
            .iter()
            .all(|driver| driver.place == 6.5 && driver.tier == 1)
    );
    assert_eq!(found.agreement, None, "they are one cluster");
    let stacking = found.stacking.unwrap();
    let owed = contributions(&silent, &found).unwrap();
    assert!(owed.iter().all(|owed| owed.leave_one_out.abs() < 1e-9));
    assert!(stacking.cross_validated_loss > 0.5);
}

#[test]
fn huge_and_tiny_ratings_are_only_an_order() {
    let mut crowd = Crowd::new(12, 1).hear("a", "a", 0.5).hear("b", "b", 0.5);
    let sane = ask(&Crowd {
        submissions: crowd.submissions.clone(),
        ..Crowd::new(12, 1)
    }
    .panel(true));
    for rating in &mut crowd.submissions[0].ratings {
        *rating = rating.signum() * f64::MAX * (rating.abs() / 8.0);
    }
    for rating in &mut crowd.submissions[1].ratings {
        *rating *= 1e-300;
    }
    assert_eq!(ask(&crowd.panel(true)).drivers, sane.drivers);
}

//! Stories of drivers whose laps are known, made up or simulated.

use super::peers::{Build, NoGroup, Other, WIDTHS, similar};
use super::plan::{Plan, Subject, Weathers, plan, seconds};
use super::session::{DrivenLap, SessionInsights, Summary, insights};
use crate::datasets::simulator::{Championship, Parameters, simulate};
use crate::talent::scouting::Physique;

/// A lap of three sectors in the proportions of 15, 17 and 18.
fn lap(number: u32, sectors: [u32; 3]) -> DrivenLap {
    DrivenLap {
        number,
        milliseconds: sectors.iter().sum(),
        sectors: sectors.to_vec(),
        out_lap: number == 1,
        pit: false,
    }
}

/// Twenty laps near 50 s after an out-lap, each sector a little different from lap to lap.
fn steady() -> Vec<DrivenLap> {
    let mut laps = vec![lap(1, [17_000, 18_000, 18_500])];
    for number in 2..=21 {
        let wobble = |factor: u32| (number * factor) % 7 * 12;
        laps.push(lap(
            number,
            [15_000 + wobble(2), 17_000 + wobble(3), 18_000 + wobble(5)],
        ));
    }
    laps
}

fn items(plan: Plan) -> Vec<(Subject, u32)> {
    match plan {
        Plan::Items(items) => items
            .into_iter()
            .map(|item| (item.subject, item.milliseconds))
            .collect(),
        Plan::Thin(missing) => panic!("{missing} laps are missing"),
    }
}

#[test]
fn a_session_knows_its_best_and_what_its_best_sectors_would_make() {
    let found = insights(&steady());
    assert_eq!(found.clean, 20);
    assert!(!found.laps[0].clean, "an out-lap is not clean");
    let (number, best) = found.best.unwrap();
    let of_best = &found.laps[number as usize - 1];
    assert_eq!((of_best.to_best, of_best.lap.milliseconds), (Some(0), best));
    let theoretical = found.theoretical_best.as_ref().unwrap();
    assert_eq!(theoretical.milliseconds, 50_000);
    assert_eq!(theoretical.left, best - 50_000);
    for (index, (number, time)) in theoretical.sectors.iter().enumerate() {
        let lap = &found.laps[*number as usize - 1];
        assert_eq!(lap.lap.sectors[index], *time);
        assert_eq!(lap.sectors_to_best[index], 0);
    }
    let scatter = found.consistency.unwrap();
    assert!((0.0005..0.004).contains(&scatter), "{scatter}");
}

#[test]
fn mistakes_pit_laps_and_missed_loops_do_not_count() {
    let mut laps = steady();
    laps[5] = lap(6, [15_000, 25_000, 18_000]);
    laps[8].pit = true;
    laps[10].sectors = vec![14_000, 36_000];
    let found = insights(&laps);
    assert!(!found.laps[5].clean && !found.laps[8].clean);
    assert!(
        found.laps[10].clean,
        "the loop missed it, the driver did not"
    );
    assert!(found.laps[10].sectors_to_best.is_empty());
    assert_eq!(found.theoretical_best.unwrap().milliseconds, 50_000);
    assert_eq!(found.laps[8].stint + 1, found.laps[9].stint);
}

#[test]
fn nothing_driven_says_nothing_and_fails_nowhere() {
    let found = insights(&[]);
    assert_eq!((found.clean, found.best, found.missing()), (0, None, 10));
    assert_eq!(plan(&found, None, None), Plan::Thin(10));
    let found = insights(&[lap(1, [1, 1, u32::MAX / 4])]);
    assert_eq!(found.best, None);
    assert_eq!(found.summary(), None);
}

#[test]
fn below_ten_clean_laps_there_is_no_plan_but_how_many_are_missing() {
    let laps = steady();
    assert_eq!(plan(&insights(&laps[..8]), None, None), Plan::Thin(3));
    assert!(matches!(
        plan(&insights(&laps[..11]), None, None),
        Plan::Items(_)
    ));
}

/// Somebody of 60 kg, 170 cm and 15 years, more or less.
fn build(more: f64) -> Build {
    Build {
        physique: Physique {
            weight_kg: Some(60.0 + more),
            age: Some(15.0),
        },
        height_cm: Some(170.0),
    }
}

fn other(more: f64, best: u32) -> Other {
    Other {
        build: build(more),
        summary: Summary {
            best,
            typical: best + 300,
            consistency: None,
            best_sectors: vec![best / 3; 3],
            typical_sectors: vec![best / 3 + 100; 3],
        },
    }
}

#[test]
fn of_a_group_below_five_nothing_is_told() {
    let others: Vec<Other> = (0..4).map(|index| other(0.0, 50_000 + index)).collect();
    assert_eq!(similar(&build(0.0), &others, 3), Err(NoGroup::TooFew));
    let five: Vec<Other> = (0..5).map(|index| other(0.0, 50_000 + index)).collect();
    assert_eq!(similar(&build(0.0), &five, 3).unwrap().others, 5);
    assert_eq!(similar(&Build::default(), &five, 3), Err(NoGroup::NoBuild));
}

#[test]
fn the_group_is_widened_in_steps_and_no_further() {
    let at = |more: f64| -> Vec<Other> { (0..5).map(|_| other(more, 50_000)).collect() };
    for (width, more) in WIDTHS.iter().zip([5.0, 10.0, 15.0]) {
        let group = similar(&build(0.0), &at(more), 3).unwrap();
        assert_eq!(group.width, *width);
    }
    assert_eq!(similar(&build(0.0), &at(16.0), 3), Err(NoGroup::TooFew));
    let unknown: Vec<Other> = (0..9)
        .map(|_| Other {
            build: Build::default(),
            ..other(0.0, 50_000)
        })
        .collect();
    assert_eq!(
        similar(&build(0.0), &unknown, 3),
        Err(NoGroup::TooFew),
        "who is not known to be similar is not"
    );
}

#[test]
fn times_of_heavier_drivers_are_brought_to_the_own_weight() {
    let heavier: Vec<Other> = (0..5).map(|_| other(5.0, 50_000)).collect();
    let group = similar(&build(0.0), &heavier, 3).unwrap();
    // 5 kg are 0.285 s of 50 s.
    assert_eq!(group.best.middle, 49_720);
    assert!(group.weight_adjusted);
}

#[test]
fn a_group_shows_quartiles_and_nobodys_own_time() {
    let times = [50_003, 50_107, 50_211, 50_318, 50_419];
    let others: Vec<Other> = times.iter().map(|best| other(0.0, *best)).collect();
    let group = similar(&build(0.0), &others, 3).unwrap();
    for shown in [group.best.fast, group.best.middle, group.best.slow] {
        assert!(!times.contains(&shown), "{shown}");
    }
    assert!(group.best.fast < group.best.middle && group.best.middle < group.best.slow);
    let with_two_sectors = similar(&build(0.0), &others, 2).unwrap();
    assert!(
        with_two_sectors.best_sectors.is_empty(),
        "other loops are not compared"
    );
}

#[test]
fn a_sector_that_is_only_sometimes_good_is_named_first() {
    let mut laps = steady();
    for lap in laps.iter_mut().skip(1).filter(|lap| lap.number % 4 != 0) {
        lap.sectors[1] += 400;
        lap.milliseconds += 400;
    }
    let found = items(plan(&insights(&laps), None, None));
    assert_eq!(found[0].0, Subject::Sector(2));
    assert!((350..=480).contains(&found[0].1), "{found:?}");
    assert!(found.len() <= 3);
}

#[test]
fn without_sectors_the_lap_as_a_whole_is_valued() {
    let mut laps = steady();
    for lap in &mut laps {
        lap.sectors.clear();
        if lap.number % 3 == 0 {
            lap.milliseconds += 300;
        }
    }
    let found = insights(&laps);
    assert_eq!(found.theoretical_best, None);
    assert_eq!(items(plan(&found, None, None))[0].0, Subject::Lap);
}

#[test]
fn cold_first_laps_are_named_and_so_is_that_seconds_overlap() {
    let mut laps = Vec::new();
    for stint in 0..4 {
        for (place, mut lap) in steady().into_iter().take(8).enumerate() {
            lap.number += stint * 8;
            lap.out_lap = place == 0;
            if (1..=2).contains(&place) {
                lap.sectors[0] += 600;
                lap.milliseconds += 600;
            }
            laps.push(lap);
        }
    }
    let Plan::Items(found) = plan(&insights(&laps), None, None) else {
        panic!("there are enough laps");
    };
    let first = found.iter().find(|item| item.subject == Subject::FirstLaps);
    let first = first.expect("the planted loss");
    assert!((120..=200).contains(&first.milliseconds), "{first:?}");
    assert!(first.computation.contains("8 of 28"), "{first:?}");
    let overlap: Vec<bool> = found.iter().map(|item| item.overlaps).collect();
    assert!(!overlap[0] && overlap[1..].contains(&true), "{found:?}");
}

#[test]
fn who_gets_slower_towards_the_end_of_a_stint_reads_it() {
    let mut laps = steady();
    for lap in laps.iter_mut().filter(|lap| lap.number > 14) {
        lap.sectors[2] += 500;
        lap.milliseconds += 500;
    }
    let found = items(plan(&insights(&laps), None, None));
    assert!(
        found.iter().any(|(subject, _)| *subject == Subject::Fading),
        "{found:?}"
    );
    let even = items(plan(&insights(&steady()), None, None));
    assert!(
        even.iter().all(|(subject, _)| *subject != Subject::Fading),
        "{even:?}"
    );
}

#[test]
fn rain_counts_by_what_it_costs_beyond_others() {
    let weathers = |own_wet| Weathers {
        own_wet,
        own_dry: 50_000,
        group_wet: 67_500,
        group_dry: 50_000,
    };
    let session = insights(&steady());
    let worse = items(plan(&session, None, Some(&weathers(69_000))));
    assert_eq!(worse[0], (Subject::Wet, 1_500));
    let better = items(plan(&session, None, Some(&weathers(67_000))));
    assert!(better.iter().all(|(subject, _)| *subject != Subject::Wet));
}

#[test]
fn times_are_written_as_a_timing_screen_writes_them() {
    assert_eq!(seconds(48_312), "48.312 s");
    assert_eq!(seconds(62_050), "1:02.050");
}

/// A dry championship of one event, with the laps of each driver.
fn simulated(seed: u64) -> (Championship, Vec<Vec<DrivenLap>>) {
    let parameters = Parameters {
        drivers: 24,
        events: 1,
        wet_events: 0,
        seed,
        ..Parameters::default()
    };
    let championship = simulate(&parameters, &mut |_| ()).unwrap();
    let mut laps: Vec<Vec<DrivenLap>> = vec![Vec::new(); championship.drivers.len()];
    for lap in &championship.laps {
        let of_driver = &mut laps[lap.driver];
        of_driver.push(DrivenLap {
            number: of_driver.len() as u32 + 1,
            milliseconds: lap.milliseconds(),
            sectors: lap.sector_milliseconds.to_vec(),
            out_lap: lap.out_lap,
            pit: lap.pit,
        });
    }
    (championship, laps)
}

/// The plan of a driver beside all others of a championship, whatever their physique.
fn plan_beside(all: &[SessionInsights], own: &SessionInsights, but: usize) -> Plan {
    let others: Vec<Other> = all
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != but)
        .filter_map(|(_, other)| other.summary())
        .map(|summary| Other {
            build: build(0.0),
            summary,
        })
        .collect();
    let group = similar(&build(0.0), &others, own.sector_count()).unwrap();
    plan(own, Some(&group), None)
}

#[test]
fn a_weakness_planted_into_a_simulated_driver_is_named_first() {
    let (mut named, mut drivers) = (0, 0);
    for seed in 1..=5 {
        let (_, laps) = simulated(seed);
        let all: Vec<SessionInsights> = laps.iter().map(|laps| insights(laps)).collect();
        for (index, laps) in laps.iter().enumerate() {
            let weak = index % 3;
            let mut laps = laps.clone();
            for lap in &mut laps {
                // As much as a driver loses who takes the line of a bend wrong, each time.
                lap.sectors[weak] += 600;
                lap.milliseconds += 600;
            }
            let found = items(plan_beside(&all, &insights(&laps), index));
            let (subject, worth) = found[0];
            drivers += 1;
            named += usize::from(subject == Subject::Sector(weak + 1) && worth >= 300);
        }
    }
    assert!(named * 20 >= drivers * 19, "{named} of {drivers}");
}

#[test]
fn what_is_planned_is_never_more_than_what_is_lost() {
    let (_, laps) = simulated(7);
    let all: Vec<SessionInsights> = laps.iter().map(|laps| insights(laps)).collect();
    for (index, own) in all.iter().enumerate() {
        let found = items(plan_beside(&all, own, index));
        assert!(found.len() <= 3);
        assert!(found.is_sorted_by(|one, next| one.1 >= next.1), "{found:?}");
        let typical = own.typical.unwrap();
        for (_, worth) in found {
            assert!((30..typical / 10).contains(&worth), "{worth} of {typical}");
        }
    }
}

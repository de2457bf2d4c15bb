//! The training plan: what is worth most seconds a lap, and how that was computed.
//!
//! Each candidate is valued in milliseconds a lap over the whole session, so that they can be compared. A stretch
//! (a sector, or the lap where no sectors were timed) is valued once: by what the driver does already in one lap of
//! ten or, where that is more, by what the fast quarter of similar drivers typically does. How even the laps are is
//! therefore counted in the stretches and is no candidate of its own.

use super::peers::Group;
use super::session::{SessionInsights, Summary, median, quantile};

/// A plan names at most this many things: more cannot be trained at once.
const MOST_ITEMS: usize = 3;
/// What is worth less than this a lap, in milliseconds, is noise.
const LEAST_WORTH: f64 = 30.0;
/// The laps after the out-lap on which the tyres still warm.
const FIRST_LAPS: usize = 2;
/// A shorter stint has no last third.
const FEWEST_LAPS_OF_THIRDS: usize = 9;
/// Fewer laps do not tell what is settled.
const FEWEST_SETTLED: usize = 5;
/// A difference of two medians counts from this many of its standard errors.
const STANDARD_ERRORS: f64 = 2.0;
/// The share of laps that shows what a driver can do already: one of ten, as the very best is luck too.
const GOOD_LAPS: f64 = 0.1;

/// What a training plan can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The whole lap, where no sectors were timed.
    Lap,
    /// A sector, from 1.
    Sector(usize),
    /// The laps on cold tyres.
    FirstLaps,
    /// The last third of a stint.
    Fading,
    /// The rain.
    Wet,
}

/// One thing to train.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanItem {
    /// What it is about.
    pub subject: Subject,
    /// What it is worth, in milliseconds a lap, as the mean over the session.
    pub milliseconds: u32,
    /// What is lost, in plain words.
    pub explanation: String,
    /// How the worth was computed.
    pub computation: String,
    /// Whether some of its worth is also in an item before it.
    pub overlaps: bool,
}

/// What to train.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// There are too few clean laps; so many are missing.
    Thin(usize),
    /// At most three items, the one worth most first; none where nothing stands out.
    Items(Vec<PlanItem>),
}

/// How the driver did in the other weather at the same track, and how the group did in both.
#[derive(Clone, Debug, PartialEq)]
pub struct Weathers {
    /// The driver's typical lap in the wet.
    pub own_wet: u32,
    /// The driver's typical lap in the dry.
    pub own_dry: u32,
    /// The group's middle typical lap in the wet.
    pub group_wet: u32,
    /// The group's middle typical lap in the dry.
    pub group_dry: u32,
}

/// Makes the plan for a session.
pub fn plan(session: &SessionInsights, group: Option<&Group>, weathers: Option<&Weathers>) -> Plan {
    if session.missing() > 0 {
        return Plan::Thin(session.missing());
    }
    let Some(summary) = session.summary() else {
        return Plan::Thin(0);
    };
    let mut candidates = stretches(session, &summary, group);
    candidates.extend(first_laps(session));
    candidates.extend(fading(session));
    candidates.extend(weathers.and_then(wet));
    candidates.retain(|item| f64::from(item.milliseconds) >= LEAST_WORTH);
    candidates.sort_by_key(|item| std::cmp::Reverse(item.milliseconds));
    candidates.truncate(MOST_ITEMS);
    let is_stretch = |item: &PlanItem| matches!(item.subject, Subject::Lap | Subject::Sector(_));
    for index in 1..candidates.len() {
        let (before, rest) = candidates.split_at_mut(index);
        if let Some(item) = rest.first_mut() {
            // Sectors add up; everything else is lost in some sector too.
            item.overlaps = before
                .iter()
                .any(|other| !(is_stretch(item) && is_stretch(other)));
        }
    }
    Plan::Items(candidates)
}

/// The sectors, or the lap where none were timed.
fn stretches(session: &SessionInsights, own: &Summary, group: Option<&Group>) -> Vec<PlanItem> {
    if own.typical_sectors.is_empty() {
        let times = session.clean_laps().map(|lap| lap.lap.milliseconds);
        let fast = group.map(|group| group.typical.fast);
        return stretch(Subject::Lap, times.collect(), fast)
            .into_iter()
            .collect();
    }
    let fast = |index: usize| {
        let sectors = group.map(|group| &group.typical_sectors);
        sectors.and_then(|sectors| sectors.get(index).map(|sector| sector.fast))
    };
    (0..own.typical_sectors.len())
        .filter_map(|index| {
            let times = session.sector(index);
            stretch(Subject::Sector(index + 1), times, fast(index))
        })
        .collect()
}

fn stretch(subject: Subject, times: Vec<u32>, group_fast: Option<u32>) -> Option<PlanItem> {
    let typical = median(times.clone())?;
    let good = quantile(times, GOOD_LAPS)?;
    let own = typical.saturating_sub(good);
    let to_group = group_fast.map_or(0, |fast| typical.saturating_sub(fast));
    let name = match subject {
        Subject::Sector(number) => format!("sector {number}"),
        _ => "the lap".to_owned(),
    };
    let (milliseconds, explanation, computation) = match group_fast {
        Some(fast) if to_group > own => (
            to_group,
            format!(
                "The fast quarter of drivers of similar physique is quicker through {name} on a typical lap than you \
                 are. Watch the line of one of them there, or ask your coach to."
            ),
            format!(
                "Your typical {} − the fast quarter’s typical {}, brought to your weight.",
                seconds(typical),
                seconds(fast)
            ),
        ),
        _ => (
            own,
            format!(
                "You do {name} this much quicker already, in one clean lap of ten. Find out what those laps have in \
                 common and do it every time."
            ),
            format!(
                "Your typical {} − what you do in one clean lap of ten, {}.",
                seconds(typical),
                seconds(good)
            ),
        ),
    };
    Some(PlanItem {
        subject,
        milliseconds,
        explanation,
        computation,
        overlaps: false,
    })
}

/// The clean laps of each stint, with their places in it: 0 is the out-lap.
fn by_stint(session: &SessionInsights) -> Vec<Vec<(usize, u32)>> {
    let stints = session.laps.last().map_or(0, |lap| lap.stint);
    (1..=stints)
        .map(|stint| {
            let laps = session.laps.iter().filter(|lap| lap.stint == stint);
            laps.enumerate()
                .filter(|(_, lap)| lap.clean)
                .map(|(place, lap)| (place, lap.lap.milliseconds))
                .collect()
        })
        .collect()
}

fn first_laps(session: &SessionInsights) -> Option<PlanItem> {
    let stints = by_stint(session);
    let all = || stints.iter().flatten();
    let first: Vec<u32> = all()
        .filter(|(place, _)| *place <= FIRST_LAPS)
        .map(|(_, time)| *time)
        .collect();
    let settled: Vec<u32> = all()
        .filter(|(place, _)| *place > FIRST_LAPS)
        .map(|(_, time)| *time)
        .collect();
    if settled.len() < FEWEST_SETTLED {
        return None;
    }
    let (early, late) = (median(first.clone())?, median(settled.clone())?);
    let lost = significant(&first, &settled)?;
    let share = first.len() as f64 / (first.len() + settled.len()) as f64;
    Some(PlanItem {
        subject: Subject::FirstLaps,
        milliseconds: (lost * share).round() as u32,
        explanation: "Your first laps after the out-lap are slower than those that follow. Some of it is the tyres; \
                      bring them to temperature on the out-lap and attack from the first timed corner."
            .to_owned(),
        computation: format!(
            "First laps {} − settled laps {}, for {} of {} clean laps.",
            seconds(early),
            seconds(late),
            first.len(),
            first.len() + settled.len()
        ),
        overlaps: false,
    })
}

fn fading(session: &SessionInsights) -> Option<PlanItem> {
    let (mut middle, mut last) = (Vec::new(), Vec::new());
    let mut laps = 0;
    for stint in by_stint(session) {
        laps += stint.len();
        if stint.len() < FEWEST_LAPS_OF_THIRDS {
            continue;
        }
        let third = stint.len() / 3;
        let times: Vec<u32> = stint.into_iter().map(|(_, time)| time).collect();
        let (before, end) = times.split_at(times.len() - third);
        last.extend_from_slice(end);
        middle.extend_from_slice(before.split_at(before.len() - third).1);
    }
    let lost = significant(&last, &middle)?;
    Some(PlanItem {
        subject: Subject::Fading,
        milliseconds: (lost * last.len() as f64 / laps.max(1) as f64).round() as u32,
        explanation: "You get slower towards the end of a stint. Save the tyres early, and train neck and forearms: \
                      late laps are lost to fatigue as often as to rubber."
            .to_owned(),
        computation: format!(
            "The last third of your stints {} − the middle third {}, for {} of {laps} clean laps.",
            seconds(median(last.clone())?),
            seconds(median(middle)?),
            last.len(),
        ),
        overlaps: false,
    })
}

fn wet(weathers: &Weathers) -> Option<PlanItem> {
    let factor = |wet: u32, dry: u32| f64::from(wet) / f64::from(dry.max(1));
    let own = factor(weathers.own_wet, weathers.own_dry);
    let others = factor(weathers.group_wet, weathers.group_dry);
    let lost = (own - others) * f64::from(weathers.own_dry);
    (lost > 0.0).then(|| PlanItem {
        subject: Subject::Wet,
        milliseconds: lost.round() as u32,
        explanation: "The rain costs you more than it costs drivers of similar physique. This counts on wet laps \
                      only: look for grip off the dry line."
            .to_owned(),
        computation: format!(
            "Rain makes your typical lap {:.1} % longer, theirs {:.1} %; the difference of your dry lap of {}.",
            100.0 * (own - 1.0),
            100.0 * (others - 1.0),
            seconds(weathers.own_dry)
        ),
        overlaps: false,
    })
}

/// By how much the median of `slow` exceeds that of `fast`, in milliseconds, if that is more than two standard
/// errors of such a difference: 1.2533 σ √(1/n + 1/m) for normal times, σ from the median absolute deviations.
fn significant(slow: &[u32], fast: &[u32]) -> Option<f64> {
    if slow.len() < 2 || fast.len() < 2 {
        return None;
    }
    let (late, early) = (median(slow.to_vec())?, median(fast.to_vec())?);
    let away = |times: &[u32], middle: u32| -> Vec<u32> {
        times.iter().map(|time| time.abs_diff(middle)).collect()
    };
    let deviations = [away(slow, late), away(fast, early)].concat();
    let deviation = 1.4826 * f64::from(median(deviations)?);
    let error = 1.2533 * deviation * (1.0 / slow.len() as f64 + 1.0 / fast.len() as f64).sqrt();
    let lost = f64::from(late) - f64::from(early);
    (lost > STANDARD_ERRORS * error).then_some(lost)
}

/// A time of a lap or sector: `48.312 s`, `1:02.050`.
pub fn seconds(milliseconds: u32) -> String {
    let (minutes, rest) = (milliseconds / 60_000, milliseconds % 60_000);
    match minutes {
        0 => format!("{}.{:03} s", rest / 1000, rest % 1000),
        minutes => format!("{minutes}:{:02}.{:03}", rest / 1000, rest % 1000),
    }
}

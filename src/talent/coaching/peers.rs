//! A driver beside others of similar physique: only what a group of at least five has in common is told.

use super::session::{Summary, quantile};
use crate::talent::scouting::{KILOGRAM, Physique};

/// A group of fewer others tells too much of each of them.
pub const FEWEST_OTHERS: usize = 5;
/// What is told of a group is rounded to this many milliseconds: a quartile of few may be the time of one.
const ROUNDED_TO: u32 = 10;

/// How far others may differ to count as similar. The first that finds enough others is taken.
pub const WIDTHS: [Width; 3] = [Width::times(1), Width::times(2), Width::times(3)];

/// How far others may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    /// Kilograms either way.
    pub kilograms: u32,
    /// Centimetres either way.
    pub centimetres: u32,
    /// Years either way.
    pub years: u32,
}

impl Width {
    const fn times(factor: u32) -> Self {
        Self {
            kilograms: 5 * factor,
            centimetres: 7 * factor,
            years: 2 * factor,
        }
    }
}

/// Weight, height and age of a driver; what is unknown is not compared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Build {
    /// Weight, which adjusts times too, and age.
    pub physique: Physique,
    /// In centimetres.
    pub height_cm: Option<f64>,
}

/// Another driver: the build, and the best session at the same track, in the same class and weather.
#[derive(Clone, Debug, PartialEq)]
pub struct Other {
    /// Of the other driver.
    pub build: Build,
    /// Of the session whose typical lap is the fastest.
    pub summary: Summary,
}

/// What the group has in common, in milliseconds, at the driver's own weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quartiles {
    /// A quarter of the group is faster.
    pub fast: u32,
    /// Half of it is.
    pub middle: u32,
    /// Three quarters are.
    pub slow: u32,
}

/// Others of similar physique.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// How many there are, the driver left out; at least [`FEWEST_OTHERS`].
    pub others: usize,
    /// How far they may differ.
    pub width: Width,
    /// Whether times were brought to the driver's weight.
    pub weight_adjusted: bool,
    /// Their best laps.
    pub best: Quartiles,
    /// Their typical laps.
    pub typical: Quartiles,
    /// Of each sector their best; empty where fewer than [`FEWEST_OTHERS`] were timed on the same loops.
    pub best_sectors: Vec<Quartiles>,
    /// Of each sector their typical; likewise.
    pub typical_sectors: Vec<Quartiles>,
}

/// Why there is nobody to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoGroup {
    /// Nothing is known that others could be similar by.
    #[error("your organizer has not entered weight, height or year of birth")]
    NoBuild,
    /// Too few others are similar.
    #[error(
        "fewer than five others of similar weight, height and age have ten clean laps at this track in this class and \
         weather; below five nothing is told, so that nobody can be singled out"
    )]
    TooFew,
}

/// Compares with others, who must be of the same track, class and weather, and not the driver.
///
/// `sectors` is how many sectors the driver's laps have.
///
/// # Errors
/// [`NoGroup`] where that is impossible, or would tell of single drivers.
pub fn similar(driver: &Build, others: &[Other], sectors: usize) -> Result<Group, NoGroup> {
    if *driver == Build::default() {
        return Err(NoGroup::NoBuild);
    }
    let within = |width: &Width| -> Vec<&Other> {
        let of_build = others.iter();
        of_build
            .filter(|other| driver.is_similar(&other.build, width))
            .collect()
    };
    let mut found = WIDTHS.iter().map(|width| (*width, within(width)));
    let (width, members) = found
        .find(|(_, members)| members.len() >= FEWEST_OTHERS)
        .ok_or(NoGroup::TooFew)?;
    let on_same_loops: Vec<&Other> = members
        .iter()
        .filter(|other| sectors > 0 && other.summary.typical_sectors.len() == sectors)
        .copied()
        .collect();
    let sector = |times: fn(&Summary) -> &[u32], index: usize| {
        quartiles(driver, &on_same_loops, |summary| {
            times(summary).get(index).copied()
        })
    };
    let of_sectors = |times: fn(&Summary) -> &[u32]| -> Vec<Quartiles> {
        let all: Option<Vec<_>> = (0..sectors).map(|index| sector(times, index)).collect();
        all.unwrap_or_default()
    };
    Ok(Group {
        others: members.len(),
        width,
        weight_adjusted: driver.physique.weight_kg.is_some(),
        best: quartiles(driver, &members, |summary| Some(summary.best)).ok_or(NoGroup::TooFew)?,
        typical: quartiles(driver, &members, |summary| Some(summary.typical))
            .ok_or(NoGroup::TooFew)?,
        best_sectors: of_sectors(|summary| &summary.best_sectors),
        typical_sectors: of_sectors(|summary| &summary.typical_sectors),
    })
}

impl Build {
    /// Whether another is within a width in all that is known of this one.
    fn is_similar(&self, other: &Self, width: &Width) -> bool {
        let near = |own: Option<f64>, other: Option<f64>, width: u32| match (own, other) {
            (None, _) => true,
            (Some(own), Some(other)) => (own - other).abs() <= f64::from(width),
            (Some(_), None) => false,
        };
        near(
            self.physique.weight_kg,
            other.physique.weight_kg,
            width.kilograms,
        ) && near(self.height_cm, other.height_cm, width.centimetres)
            && near(self.physique.age, other.physique.age, width.years)
    }

    /// What a time of another would be at this one's weight: a kilogram costs 0.114 % of it
    /// ([`KILOGRAM`]).
    fn at_own_weight(&self, other: &Self, milliseconds: u32) -> u32 {
        let weights = self.physique.weight_kg.zip(other.physique.weight_kg);
        let more = weights.map_or(0.0, |(own, other)| own - other);
        (f64::from(milliseconds) * (1.0 + KILOGRAM * more)).round() as u32
    }
}

/// The quartiles of what each member drove, at the driver's weight; none below [`FEWEST_OTHERS`].
fn quartiles(
    driver: &Build,
    members: &[&Other],
    time: impl Fn(&Summary) -> Option<u32>,
) -> Option<Quartiles> {
    let times: Vec<u32> = members
        .iter()
        .filter_map(|other| Some(driver.at_own_weight(&other.build, time(&other.summary)?)))
        .collect();
    if times.len() < FEWEST_OTHERS {
        return None;
    }
    let rounded = |share| {
        let exact = quantile(times.clone(), share)?;
        exact
            .checked_add(ROUNDED_TO / 2)
            .map(|up| up / ROUNDED_TO * ROUNDED_TO)
    };
    Some(Quartiles {
        fast: rounded(0.25)?,
        middle: rounded(0.5)?,
        slow: rounded(0.75)?,
    })
}

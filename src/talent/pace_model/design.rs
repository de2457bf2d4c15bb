//! The laps, summarized by stint, and the columns of the mixed model.
//!
//! Within a stint the model tells laps apart by chance only, so that their number, mean and sum of
//! squares say all that the laps say. Everything else about an event (its sessions, its karts,
//! its drivers' form) meets the other events only through the drivers: the columns of an event are
//! *local*, those of the drivers *global*.

use rustc_hash::FxHashMap;

use super::{FitError, Observation};

/// What the variance is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Component {
    Driver,
    Wet,
    Kart,
    DriverEvent,
    Stint,
    Residual,
}

impl Component {
    pub const ALL: [Self; 6] = [
        Self::Driver,
        Self::Wet,
        Self::Kart,
        Self::DriverEvent,
        Self::Stint,
        Self::Residual,
    ];
}

/// A number for each component, in the order of [`Component::ALL`].
pub(super) type PerComponent = [f64; 6];

pub(super) struct Design<'a> {
    /// The global columns are the drivers, in this order, and then their wet deviations.
    pub drivers: Vec<Driver<'a>>,
    pub global_columns: usize,
    pub events: Vec<Event>,
    /// Laps minus stints.
    pub degrees_within: f64,
    /// Sum of squared deviations of log lap times from the means of their stints.
    pub squares_within: f64,
    present: [bool; 6],
}

pub(super) struct Driver<'a> {
    pub id: &'a str,
    pub wet_column: Option<usize>,
    pub laps: usize,
}

pub(super) struct Event {
    /// The component of each local column; `None` for the fixed ones of the sessions.
    pub local: Vec<Option<Component>>,
    /// The global columns of the event's drivers.
    pub global: Vec<usize>,
    pub stints: Vec<Stint>,
}

/// The laps of one driver in one kart and one stint, all in the wet or all in the dry.
pub(super) struct Stint {
    pub laps: f64,
    /// Mean log lap time.
    pub mean: f64,
    /// Positions in the event's `local` columns.
    pub local: Vec<usize>,
    /// Positions in the event's `global` columns.
    pub global: Vec<usize>,
}

/// A stint before the columns are known.
struct Summary<'a> {
    driver: usize,
    session: &'a str,
    kart: &'a str,
    wet: bool,
    laps: f64,
    mean: f64,
    squares: f64,
}

impl<'a> Design<'a> {
    pub fn new(observations: &[Observation<'a>]) -> Result<Self, FitError> {
        let (mut drivers, events) = summarize(observations)?;
        if drivers.len() < 2 {
            return Err(FitError::TooFewDrivers {
                drivers: drivers.len(),
            });
        }
        let stints = || events.iter().flatten();
        let laps: f64 = stints().map(|stint| stint.laps).sum();
        let degrees_within = laps - stints().count() as f64;
        let squares_within: f64 = stints().map(|stint| stint.squares).sum();
        if degrees_within < 1.0 {
            return Err(FitError::NoRepeatedLaps);
        }
        // Rounding leaves something of this order of a sum of equal logarithms.
        if squares_within <= laps * 1e-24 {
            return Err(FitError::NoVariation);
        }

        let present = present_components(&events);
        let mut global_columns = drivers.len();
        if present[Component::Wet as usize] {
            for stint in stints().filter(|stint| stint.wet) {
                drivers[stint.driver].wet_column.get_or_insert_with(|| {
                    global_columns += 1;
                    global_columns - 1
                });
            }
        }
        let events = events
            .iter()
            .map(|stints| Event::new(stints, &drivers, present))
            .collect();
        Ok(Self {
            drivers,
            global_columns,
            events,
            degrees_within,
            squares_within,
            present,
        })
    }

    pub fn has(&self, component: Component) -> bool {
        self.present[component as usize]
    }

    pub fn component_of_global(&self, column: usize) -> Component {
        if column < self.drivers.len() {
            Component::Driver
        } else {
            Component::Wet
        }
    }
}

/// The drivers, and the stints of each event.
fn summarize<'a>(
    observations: &[Observation<'a>],
) -> Result<(Vec<Driver<'a>>, Vec<Vec<Summary<'a>>>), FitError> {
    let mut drivers: Vec<Driver<'a>> = Vec::new();
    let mut events: Vec<Vec<Summary<'a>>> = Vec::new();
    let mut driver_numbers = FxHashMap::default();
    let mut event_numbers = FxHashMap::default();
    let mut stint_numbers = FxHashMap::default();
    for (index, lap) in observations.iter().enumerate() {
        if !(lap.seconds.is_finite() && lap.seconds > 0.0) {
            return Err(FitError::InvalidTime {
                index,
                seconds: lap.seconds,
            });
        }
        let driver = *driver_numbers.entry(lap.driver).or_insert_with(|| {
            drivers.push(Driver {
                id: lap.driver,
                wet_column: None,
                laps: 0,
            });
            drivers.len() - 1
        });
        drivers[driver].laps += 1;
        let event = *event_numbers.entry(lap.event).or_insert_with(|| {
            events.push(Vec::new());
            events.len() - 1
        });
        let stints = &mut events[event];
        let key = (event, lap.session, driver, lap.kart, lap.stint, lap.wet);
        let stint = *stint_numbers.entry(key).or_insert_with(|| {
            stints.push(Summary {
                driver,
                session: lap.session,
                kart: lap.kart,
                wet: lap.wet,
                laps: 0.0,
                mean: 0.0,
                squares: 0.0,
            });
            stints.len() - 1
        });
        stints[stint].add(lap.seconds.ln());
    }
    Ok((drivers, events))
}

impl<'a> Summary<'a> {
    /// What the fixed effects tell apart.
    fn condition(&self) -> (&'a str, bool) {
        (self.session, self.wet)
    }

    /// Welford's update of mean and sum of squares.
    fn add(&mut self, value: f64) {
        self.laps += 1.0;
        let before = value - self.mean;
        self.mean += before / self.laps;
        self.squares += before * (value - self.mean);
    }
}

/// Which components the laps can tell apart. A component that always goes together with another one
/// would leave the likelihood flat, and is left to the other.
fn present_components(events: &[Vec<Summary<'_>>]) -> [bool; 6] {
    let mut events_of_driver: FxHashMap<usize, usize> = FxHashMap::default();
    let (mut kart, mut stint) = (false, false);
    for stints in events {
        let drivers = count_distinct(stints.iter().map(|s| s.driver));
        let karts = count_distinct(stints.iter().map(|s| s.kart));
        let pairs = count_distinct(stints.iter().map(|s| (s.driver, s.kart)));
        // Otherwise everyone has their own kart, whose worth looks like the driver's form.
        let crossed = pairs > drivers || pairs > karts;
        kart |= crossed;
        let sessions = count_distinct(stints.iter().map(|s| s.condition()));
        let others = drivers + sessions - 1 + if crossed { karts - 1 } else { 0 };
        stint |= stints.len() > others;
        let mut present: Vec<usize> = stints.iter().map(|s| s.driver).collect();
        present.sort_unstable();
        present.dedup();
        for driver in present {
            *events_of_driver.entry(driver).or_default() += 1;
        }
    }
    let wet = events.iter().flatten().any(|stint| stint.wet);
    let dry = events.iter().flatten().any(|stint| !stint.wet);
    let driver_event = events_of_driver.values().any(|&count| count > 1);
    Component::ALL.map(|component| match component {
        Component::Driver | Component::Residual => true,
        Component::Wet => wet && dry,
        Component::Kart => kart,
        Component::DriverEvent => driver_event,
        Component::Stint => stint,
    })
}

fn count_distinct<T: std::hash::Hash + Eq>(values: impl Iterator<Item = T>) -> usize {
    values.collect::<rustc_hash::FxHashSet<T>>().len()
}

impl Event {
    fn new(summaries: &[Summary<'_>], drivers: &[Driver<'_>], present: [bool; 6]) -> Self {
        let mut local = Vec::new();
        let mut global = Vec::new();
        let mut conditions = FxHashMap::default();
        let mut karts = FxHashMap::default();
        let mut forms = FxHashMap::default();
        let mut global_positions = FxHashMap::default();
        let stints = summaries
            .iter()
            .map(|summary| {
                let mut new_local = |component| {
                    local.push(component);
                    local.len() - 1
                };
                let mut stint_local = vec![
                    *conditions
                        .entry(summary.condition())
                        .or_insert_with(|| new_local(None)),
                ];
                if present[Component::Kart as usize] {
                    stint_local.push(
                        *karts
                            .entry(summary.kart)
                            .or_insert_with(|| new_local(Some(Component::Kart))),
                    );
                }
                if present[Component::DriverEvent as usize] {
                    stint_local.push(
                        *forms
                            .entry(summary.driver)
                            .or_insert_with(|| new_local(Some(Component::DriverEvent))),
                    );
                }
                let wet_column = drivers[summary.driver].wet_column.filter(|_| summary.wet);
                let stint_global = [Some(summary.driver), wet_column]
                    .into_iter()
                    .flatten()
                    .map(|column| {
                        *global_positions.entry(column).or_insert_with(|| {
                            global.push(column);
                            global.len() - 1
                        })
                    })
                    .collect();
                Stint {
                    laps: summary.laps,
                    mean: summary.mean,
                    local: stint_local,
                    global: stint_global,
                }
            })
            .collect();
        Self {
            local,
            global,
            stints,
        }
    }
}

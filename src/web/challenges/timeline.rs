//! A challenge's phases as a picture, and its dates and policies in words.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::challenges::challenge::{Challenge, Phase};
use crate::challenges::draft::LatePolicy;

/// A phase on the picture: from and to in percent of the whole time.
pub struct Bar {
    /// Its name.
    pub name: String,
    /// Where it stands: `upcoming`, `open` or `closed`.
    pub state: &'static str,
    /// Where it begins.
    pub x: f64,
    /// How long it is.
    pub width: f64,
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
    /// Both in the challenge's own zone.
    pub local: String,
    /// What becomes of those who come late.
    pub late: String,
}

/// The phases in their order.
pub struct Timeline {
    /// One a phase.
    pub bars: Vec<Bar>,
    /// The present on the picture, where it lies in it.
    pub now: Option<f64>,
    /// The picture in words.
    pub label: String,
    /// The challenge's zone.
    pub zone: String,
}

impl Timeline {
    /// None for a challenge without phases.
    pub fn new(challenge: &Challenge, phases: &[Phase], now: DateTime<Utc>) -> Option<Self> {
        let first = phases.iter().map(|phase| phase.starts_at).min()?;
        let last = phases.iter().map(|phase| phase.ends_at).max()?;
        let whole = (last - first).num_seconds().max(1) as f64;
        let x = |at: DateTime<Utc>| 100.0 * (at - first).num_seconds() as f64 / whole;
        let zone = challenge.time_zone;
        let bars: Vec<Bar> = phases
            .iter()
            .map(|phase| Bar {
                name: phase.name.clone(),
                state: phase.state(now).as_str(),
                x: x(phase.starts_at),
                width: (x(phase.ends_at) - x(phase.starts_at)).max(0.5),
                starts_at: phase.starts_at,
                ends_at: phase.ends_at,
                local: format!(
                    "{} to {}, {zone}",
                    local(phase.starts_at, zone),
                    local(phase.ends_at, zone)
                ),
                late: late_in_words(phase),
            })
            .collect();
        let words: Vec<String> = bars
            .iter()
            .map(|bar| format!("{} is {}", bar.name, bar.state))
            .collect();
        Some(Self {
            bars,
            now: Some(x(now)).filter(|x| (0.0..=100.0).contains(x)),
            label: format!("Timeline: {}", words.join(", ")),
            zone: zone.name().to_owned(),
        })
    }
}

fn local(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone)
        .format("%-d %b %Y, %H:%M")
        .to_string()
}

fn late_in_words(phase: &Phase) -> String {
    let grace = match phase.grace.num_minutes() {
        0 => "Uploads count until the end, to the second".to_owned(),
        1 => "Uploads count until 1 minute after the end".to_owned(),
        minutes => format!("Uploads count until {minutes} minutes after the end"),
    };
    let late = match phase.late {
        LatePolicy::Refused => "later ones are refused",
        LatePolicy::Unranked => "later ones are scored and never rank",
    };
    format!("{grace}; {late}.")
}

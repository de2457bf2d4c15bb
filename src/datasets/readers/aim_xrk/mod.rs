//! AiM's XRK: what the loggers MyChron, Solo and their relatives write.
//!
//! [`messages`] knows the framing, [`recorder`] and [`samples`] collect what a file says from its first byte to its last, [`channels`]
//! and [`gps`] know what samples mean, [`laps`] the logger's own laps. This file puts the session together.

mod channels;
mod gps;
mod laps;
mod messages;
mod recorder;
mod samples;

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};

use super::laps::line_across;
use super::session::{Channel, Details, Session};
use super::{Place, ReadError};
use channels::{PLAIN, Recording};
use gps::Gps;
use messages::Damage;
use recorder::Recorder;

const FORMAT: &str = "AiM XRK";

/// Channels of the logger itself that say nothing about the driving.
const HOUSEKEEPING: [&str; 2] = ["Master Clk", "StrtRec"];

/// Reads an XRK file. Times count from the first sample. The laps are those that the logger timed, sectors included;
/// without any, the start line that the logger knows is set and [`super::laps::cut`] can cut by it.
///
/// What is damaged in the middle of a file is left out, with a warning that names the byte.
///
/// # Errors
/// [`ReadError::Empty`]; [`ReadError::Malformed`] for a file that does not begin with a whole message, or in which
/// there is no sample.
pub fn read(bytes: &[u8]) -> Result<Session, ReadError> {
    if bytes.is_empty() {
        return Err(ReadError::Empty);
    }
    let file = recorder::record(bytes).map_err(malformed)?;
    let gps = gps::read(&file.gps);
    let Some(zero) = first_time(&file, gps.as_ref()) else {
        return Err(malformed(Damage {
            offset: bytes.len(),
            expected: "samples of the channels before the end of the file".to_owned(),
            found: "none".to_owned(),
            ends: None,
        }));
    };

    let mut session = Session {
        details: details(&file, gps.as_ref().and_then(|gps| gps.date)),
        warnings: file.warnings(),
        ..Session::default()
    };
    if let Some(gps) = &gps
        && gps.repaired > 0
    {
        session.warnings.push(format!(
            "{} of {} GPS records had a wrong time and were placed by the receiver's own clock",
            gps.repaired,
            gps.times.len()
        ));
    }
    for recording in file.channels {
        if let Some(channel) = channel(recording, zero, &session.channels, &mut session.warnings) {
            session.channels.push(channel);
        }
    }
    if let Some(gps) = gps {
        add_gps(gps, zero, &mut session.channels);
    }
    if let Some((latitude, longitude)) = file.start {
        session.start_line = line_across(&session, latitude, longitude);
    }
    laps::add(&file.laps, zero, &mut session);
    Ok(session)
}

fn malformed(damage: Damage) -> ReadError {
    ReadError::Malformed {
        format: FORMAT,
        // A byte's place in a file that is held in memory fits.
        place: Place::Byte(damage.offset as u64),
        expected: damage.expected,
        found: damage.found,
    }
}

/// The logger's time (ms) of the first sample.
fn first_time(file: &Recorder<'_>, gps: Option<&Gps>) -> Option<i32> {
    let channels = file.channels.iter();
    let samples = channels.filter_map(|channel| channel.times.first());
    let fixes = gps.and_then(|gps| gps.times.first());
    samples.chain(fixes).min().copied()
}

/// Seconds from `zero`; both are milliseconds on the logger's clock.
fn seconds(time: i32, zero: i32) -> f64 {
    (f64::from(time) - f64::from(zero)) / 1000.0
}

/// The times in seconds, shared with the last channels that have the same.
fn shared_times(times: &[i32], zero: i32, before: &[Channel]) -> Arc<[f64]> {
    let same = before.iter().rev().take(8).find(|channel| {
        channel.times.len() == times.len()
            && channel
                .times
                .iter()
                .zip(times)
                .all(|(have, time)| *have == seconds(*time, zero))
    });
    match same {
        Some(channel) => channel.times.clone(),
        None => times.iter().map(|time| seconds(*time, zero)).collect(),
    }
}

/// A channel in the project's unit; `None` when it has no samples or they say nothing.
fn channel(
    mut recording: Recording,
    zero: i32,
    before: &[Channel],
    warnings: &mut Vec<String>,
) -> Option<Channel> {
    if recording.times.is_empty() || HOUSEKEEPING.contains(&recording.name.as_str()) {
        return None;
    }
    let (conversion, written_unit) = match recording.unit() {
        Ok((conversion, written)) => (conversion, written.to_owned()),
        Err(code) => {
            warnings.push(format!(
                "channel \"{}\": its unit, code {code}, is not known; its numbers are as the logger wrote them",
                recording.name
            ));
            (PLAIN, format!("code {code}"))
        }
    };
    let mut endless = 0_usize;
    let is_converted = conversion != PLAIN;
    for value in &mut recording.values {
        if !value.is_finite() {
            *value = f64::NAN;
            endless += 1;
        } else if is_converted {
            *value = conversion.apply(*value);
        }
    }
    if endless > 0 {
        warnings.push(format!(
            "channel \"{}\": {endless} of {} samples are no numbers and count as not recorded",
            recording.name,
            recording.values.len()
        ));
    }
    Some(Channel {
        times: shared_times(&recording.times, zero, before),
        quantity: recording.quantity(),
        source: recording.source,
        unit: conversion.unit,
        written_unit: Some(written_unit),
        values: recording.values,
        name: recording.name,
    })
}

fn add_gps(gps: Gps, zero: i32, channels: &mut Vec<Channel>) {
    let times: Arc<[f64]> = gps.times.iter().map(|time| seconds(*time, zero)).collect();
    channels.extend(gps.channels.into_iter().map(|channel| Channel {
        name: channel.name.to_owned(),
        source: Some("GPS".to_owned()),
        unit: channel.unit,
        written_unit: None,
        quantity: channel.quantity,
        times: times.clone(),
        values: channel.values,
    }));
}

fn details(file: &Recorder<'_>, day_of_fix: Option<NaiveDate>) -> Details {
    let logger = file.model.map(|model| match model {
        649 => "AiM MXP 1.3".to_owned(),
        793 => "AiM MXm".to_owned(),
        other => format!("AiM, model {other}"),
    });
    let time = file.time.as_deref().and_then(|time| {
        let time = NaiveTime::parse_from_str(time, "%H:%M:%S");
        time.ok()
    });
    Details {
        venue: file.venue.clone(),
        date: file.date.as_deref().and_then(|text| date(text, day_of_fix)),
        time,
        driver: file.driver.clone(),
        kart: file.vehicle.clone(),
        class: file.championship.clone(),
        logger,
    }
}

/// Loggers write the month first or the day first, as they were set: the order is right that names a day, and of two
/// the one nearest to the satellites' day; month first where there is none.
fn date(text: &str, day_of_fix: Option<NaiveDate>) -> Option<NaiveDate> {
    let orders = ["%m/%d/%Y", "%d/%m/%Y"];
    let days = orders.map(|order| NaiveDate::parse_from_str(text, order).ok());
    let days = days.into_iter().flatten();
    match day_of_fix {
        Some(fix) => days.min_by_key(|day| day.signed_duration_since(fix).num_days().abs()),
        None => days.into_iter().next(),
    }
}

#[cfg(test)]
mod tests;

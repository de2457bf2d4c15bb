//! Sessions as flat tables, the shape in which they are anonymized and published: one row a lap, or one row a sample.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use crate::datasets::readers::sampling::Sampler;
use crate::datasets::readers::session::{Channel, Lap, Quantity, Session};
use crate::datasets::readers::unit::Unit;
use crate::datasets::tables::{
    BATCH_ROWS, Batch, Column, ColumnType, Format, Schema, TableError, TableWriter, Values,
};

/// Writes one row a lap: `session` (from 1; recordings of one venue and day are of one session), `driver`, `kart`, `class`, `venue`, `date`, `lap`, `lap_time` (s),
/// `sector_1`… (s; as many as the lap with the most has) and `incomplete`. Gives back what it wrote to.
///
/// # Errors
/// [`TableError`] when the table cannot be written, or a lap has more sectors than a table may have columns.
pub fn lap_table<W: Write + Send>(
    sessions: &[Session],
    format: Format,
    to: W,
) -> Result<W, TableError> {
    let mut days = Vec::new();
    let mut numbers = Vec::with_capacity(sessions.len());
    for session in sessions {
        let day = (&session.details.venue, session.details.date);
        let known = days.iter().position(|other| *other == day);
        numbers.push(known.unwrap_or(days.len()) as i64 + 1);
        if known.is_none() {
            days.push(day);
        }
    }
    let laps = || {
        let sessions = sessions.iter().zip(numbers.iter().copied());
        sessions.flat_map(|(session, number)| {
            session.laps.iter().map(move |lap| (number, session, lap))
        })
    };
    let sectors = laps()
        .map(|(_, _, lap)| lap.sectors.len())
        .max()
        .unwrap_or(0);
    let mut columns = vec![
        Column::new("session", ColumnType::Integer),
        Column::new("driver", ColumnType::Text),
        Column::new("kart", ColumnType::Text),
        Column::new("class", ColumnType::Text),
        Column::new("venue", ColumnType::Text),
        Column::new("date", ColumnType::Date),
        Column::new("lap", ColumnType::Integer),
        measured("lap_time", Unit::Second),
    ];
    columns.extend((1..=sectors).map(|sector| measured(format!("sector_{sector}"), Unit::Second)));
    columns.push(Column::new("incomplete", ColumnType::Boolean));
    let schema = Arc::new(Schema::new(columns)?);
    let mut writer = TableWriter::new(format, to, schema.clone())?;
    let mut laps = laps().peekable();
    while laps.peek().is_some() {
        let rows: Vec<_> = laps.by_ref().take(BATCH_ROWS).collect();
        let text = |cell: fn(&Session, &Lap) -> Option<String>| {
            Values::Text(
                rows.iter()
                    .map(|(_, session, lap)| cell(session, lap))
                    .collect(),
            )
        };
        let mut values = vec![
            Values::Integer(rows.iter().map(|(number, _, _)| Some(*number)).collect()),
            text(|session, lap| {
                lap.driver
                    .clone()
                    .or_else(|| session.details.driver.clone())
            }),
            text(|session, lap| lap.kart.clone().or_else(|| session.details.kart.clone())),
            text(|session, _| session.details.class.clone()),
            text(|session, _| session.details.venue.clone()),
            Values::Date(
                rows.iter()
                    .map(|(_, session, _)| session.details.date)
                    .collect(),
            ),
            Values::Integer(
                rows.iter()
                    .map(|(_, _, lap)| Some(i64::from(lap.number)))
                    .collect(),
            ),
            Values::Number(rows.iter().map(|(_, _, lap)| finite(lap.seconds)).collect()),
        ];
        values.extend((0..sectors).map(|sector| {
            let times = rows
                .iter()
                .map(|(_, _, lap)| lap.sectors.get(sector).copied().and_then(finite));
            Values::Number(times.collect())
        }));
        values.push(Values::Boolean(
            rows.iter()
                .map(|(_, _, lap)| Some(lap.incomplete))
                .collect(),
        ));
        writer.write(&Batch::new(schema.clone(), values)?)?;
    }
    writer.finish()
}

/// Writes one row a sample: `driver`, `lap`, `lap_elapsed` (s since the lap began), `time` (s since the recording began)
/// and each channel. The rows follow the clock of the channel with the most samples, thinned to at most `rate_hz`.
/// Other channels are interpolated to it, but for plain numbers such as gears and flags and for headings, which keep
/// their latest value. Gives back what it wrote to.
///
/// # Errors
/// [`TableError`] when the table cannot be written or the session has too many channels for one.
pub fn sample_table<W: Write + Send>(
    session: &Session,
    rate_hz: f64,
    format: Format,
    to: W,
) -> Result<W, TableError> {
    let mut columns = vec![
        Column::new("driver", ColumnType::Text),
        Column::new("lap", ColumnType::Integer),
        measured("lap_elapsed", Unit::Second),
        measured("time", Unit::Second),
    ];
    let mut names: BTreeSet<String> = columns.iter().map(|column| column.name.clone()).collect();
    for channel in &session.channels {
        let name = distinct(column_name(channel), &mut names);
        columns.push(Column {
            description: Some(match &channel.source {
                Some(source) => format!("{} of {source}", channel.name),
                None => channel.name.clone(),
            }),
            ..measured(name, channel.unit)
        });
    }
    let schema = Arc::new(Schema::new(columns)?);
    let mut writer = TableWriter::new(format, to, schema.clone())?;

    let mut walks: Vec<Walk<'_>> = session.channels.iter().map(Walk::along).collect();
    let mut laps = LapWalk::along(&session.laps);
    let mut clock = clock(session, rate_hz).peekable();
    while clock.peek().is_some() {
        let times: Vec<f64> = clock.by_ref().take(BATCH_ROWS).collect();
        let laps: Vec<Option<&Lap>> = times.iter().map(|time| laps.at(*time)).collect();
        let driver = |lap: &Option<&Lap>| {
            let driver = lap.and_then(|lap| lap.driver.as_ref());
            driver.or(session.details.driver.as_ref()).cloned()
        };
        let elapsed = laps
            .iter()
            .zip(&times)
            .map(|(lap, time)| finite(time - (*lap)?.start?));
        let mut values = vec![
            Values::Text(laps.iter().map(driver).collect()),
            Values::Integer(
                laps.iter()
                    .map(|lap| Some(i64::from((*lap)?.number)))
                    .collect(),
            ),
            Values::Number(elapsed.collect()),
            Values::Number(times.iter().copied().map(finite).collect()),
        ];
        values.extend(walks.iter_mut().map(|walk| {
            let cells = times.iter().map(|time| walk.at(*time).and_then(finite));
            Values::Number(cells.collect())
        }));
        writer.write(&Batch::new(schema.clone(), values)?)?;
    }
    writer.finish()
}

fn measured(name: impl Into<String>, unit: Unit) -> Column {
    let symbol = unit.symbol();
    Column {
        unit: (!symbol.is_empty()).then(|| symbol.to_owned()),
        ..Column::new(name, ColumnType::Number)
    }
}

/// A table has no cells that are not finite.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// The times of the rows, rising.
fn clock(session: &Session, rate_hz: f64) -> impl Iterator<Item = f64> + '_ {
    let densest = session.channels.iter().max_by_key(|channel| {
        channel
            .values
            .iter()
            .filter(|value| !value.is_nan())
            .count()
    });
    // A rate that is no rate asks for every sample.
    let step = if rate_hz > 0.0 { 1.0 / rate_hz } else { 0.0 };
    // Clocks jitter by less than this share of a step.
    let least = step * 0.999;
    let mut last = f64::NEG_INFINITY;
    let times = densest.map_or(&[][..], |channel| &channel.times);
    times.iter().copied().filter(move |time| {
        let is_due = *time > last && *time - last >= least;
        if is_due {
            last = *time;
        }
        is_due
    })
}

/// A channel along the rows.
enum Walk<'a> {
    Continuous(Sampler<'a>),
    Stepwise(Sampler<'a>),
}

impl<'a> Walk<'a> {
    fn along(channel: &'a Channel) -> Walk<'a> {
        let sampler = Sampler::new(channel);
        // Between 359° and 1° lies north, not south.
        if channel.unit == Unit::One || channel.quantity == Some(Quantity::Heading) {
            Walk::Stepwise(sampler)
        } else {
            Walk::Continuous(sampler)
        }
    }

    fn at(&mut self, time: f64) -> Option<f64> {
        match self {
            Walk::Continuous(sampler) => sampler.linear(time),
            Walk::Stepwise(sampler) => sampler.latest(time),
        }
    }
}

/// The laps along the rows, by when they begin.
struct LapWalk<'a> {
    laps: Vec<(f64, &'a Lap)>,
    next: usize,
}

impl<'a> LapWalk<'a> {
    fn along(laps: &'a [Lap]) -> LapWalk<'a> {
        let mut laps: Vec<(f64, &Lap)> = laps
            .iter()
            .filter_map(|lap| Some((lap.start?, lap)))
            .collect();
        laps.sort_by(|one, other| one.0.total_cmp(&other.0));
        LapWalk { laps, next: 0 }
    }

    /// The lap that has begun last by `time`, unless it is over.
    fn at(&mut self, time: f64) -> Option<&'a Lap> {
        while self
            .laps
            .get(self.next)
            .is_some_and(|(start, _)| *start <= time)
        {
            self.next += 1;
        }
        let (start, lap) = self.laps.get(self.next.checked_sub(1)?)?;
        (time < start + lap.seconds).then_some(*lap)
    }
}

/// A channel's name as a column: small letters and digits with `_` between.
fn column_name(channel: &Channel) -> String {
    let mut name = String::new();
    for character in channel.name.chars().flat_map(char::to_lowercase) {
        if character.is_alphanumeric() {
            name.push(character);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_');
    if name.is_empty() {
        "channel".to_owned()
    } else {
        name.to_owned()
    }
}

/// The name, with a number after it where it is taken.
fn distinct(name: String, taken: &mut BTreeSet<String>) -> String {
    let mut candidate = name.clone();
    let mut number = 2_usize;
    while !taken.insert(candidate.clone()) {
        candidate = format!("{name}_{number}");
        number += 1;
    }
    candidate
}

#[cfg(test)]
mod tests;

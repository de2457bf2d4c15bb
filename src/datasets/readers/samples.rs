//! Rows of samples become channels in the project's units.

use std::sync::Arc;

use super::ReadError;
use super::positions::speed_unit;
use super::session::{Channel, Quantity, Session};
use super::text::{malformed, shortened};
use super::unit::{Conversion, Unit};

/// The most values of a recording, 256 MiB of them: a day's driving with a few dozen channels.
pub const MAX_VALUES: usize = 32 << 20;

/// The most channels of a recording.
pub const MAX_CHANNELS: usize = 512;

/// What a column of the file becomes.
#[derive(Debug, Clone)]
pub struct Column {
    /// As the file calls it.
    pub name: String,
    pub source: Option<String>,
    pub written_unit: Option<String>,
    pub conversion: Conversion,
    /// What it is, unless an earlier column claims the same.
    pub quantity: Option<Quantity>,
}

impl Column {
    /// A column whose values are what `unit` says already.
    pub fn new(name: impl Into<String>, unit: Unit) -> Column {
        Column {
            name: name.into(),
            source: None,
            written_unit: None,
            conversion: Conversion {
                unit,
                factor: 1.0,
                offset: 0.0,
            },
            quantity: None,
        }
    }

    /// A column in the unit that the file writes.
    ///
    /// # Errors
    /// [`ReadError::UnknownUnit`].
    pub fn in_unit(format: &'static str, name: &str, unit: &str) -> Result<Column, ReadError> {
        let conversion = Unit::parse(unit).ok_or_else(|| ReadError::UnknownUnit {
            format,
            column: shortened(name),
            unit: shortened(unit),
        })?;
        Ok(Column {
            written_unit: (!unit.trim().is_empty()).then(|| unit.trim().to_owned()),
            conversion,
            ..Column::new(name, conversion.unit)
        })
    }

    pub fn quantity(mut self, quantity: impl Into<Option<Quantity>>) -> Column {
        self.quantity = quantity.into();
        self
    }
}

/// The samples of columns that share one clock.
pub struct Samples {
    format: &'static str,
    columns: Vec<Column>,
    times: Vec<f64>,
    values: Vec<Vec<f64>>,
    latitude: Option<usize>,
    longitude: Option<usize>,
    warnings: Vec<String>,
    without_fix: u64,
    earlier: u64,
    first_earlier: u64,
}

impl Samples {
    /// Of two columns with the same name and source the later one gets a number, and of two that are
    /// the same quantity the first one is it.
    ///
    /// # Errors
    /// [`ReadError::TooLarge`] for more than [`MAX_CHANNELS`].
    pub fn new(format: &'static str, mut columns: Vec<Column>) -> Result<Samples, ReadError> {
        if columns.len() > MAX_CHANNELS {
            return Err(ReadError::TooLarge {
                format,
                what: "the number of channels".to_owned(),
                allowed: MAX_CHANNELS as u64,
                remedy: "export fewer channels",
            });
        }
        let mut warnings = Vec::new();
        for index in 1..columns.len() {
            let (before, rest) = columns.split_at_mut(index);
            let Some(column) = rest.first_mut() else {
                break;
            };
            if before.iter().any(|other| other.quantity == column.quantity) {
                column.quantity = None;
            }
            let taken = |name: &str| {
                let mut before = before.iter();
                before.any(|other| other.name == name && other.source == column.source)
            };
            let mut name = column.name.clone();
            let mut copy = 2;
            while taken(&name) {
                name = format!("{} ({copy})", column.name);
                copy += 1;
            }
            if name != column.name {
                warnings.push(format!(
                    "two columns are called \"{}\"; the later one is shown as \"{name}\"",
                    column.name
                ));
                column.name = name;
            }
        }
        let position = |quantity| columns.iter().position(|c| c.quantity == Some(quantity));
        Ok(Samples {
            format,
            times: Vec::new(),
            values: vec![Vec::new(); columns.len()],
            latitude: position(Quantity::Latitude),
            longitude: position(Quantity::Longitude),
            columns,
            warnings,
            without_fix: 0,
            earlier: 0,
            first_earlier: 0,
        })
    }

    /// The times so far, in seconds from the beginning.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// The values of a quantity so far, in the project's unit.
    pub fn values(&self, quantity: Quantity) -> Option<&[f64]> {
        let index = (self.columns.iter()).position(|c| c.quantity == Some(quantity))?;
        self.values.get(index).map(Vec::as_slice)
    }

    /// Takes over the row of `line`: the seconds since the beginning and one value, in the file's
    /// unit, for each column. A row that is earlier than the one before it is left out and counted, a
    /// position of exactly (0, 0) is what loggers write without a fix.
    ///
    /// # Errors
    /// [`ReadError::Malformed`] for a time that is missing or a position that is none on Earth,
    /// [`ReadError::TooLarge`] above [`MAX_VALUES`].
    pub fn push(&mut self, line: u64, time: f64, row: &[f64]) -> Result<(), ReadError> {
        if !time.is_finite() {
            return Err(malformed(self.format, line, "a time", "an empty cell"));
        }
        if self.times.last().is_some_and(|last| time < *last) {
            if self.earlier == 0 {
                self.first_earlier = line;
            }
            self.earlier += 1;
            return Ok(());
        }
        if (self.times.len() + 1).saturating_mul(self.columns.len() + 1) > MAX_VALUES {
            return Err(ReadError::TooLarge {
                format: self.format,
                what: format!("the number of values up to line {line}"),
                allowed: MAX_VALUES as u64,
                remedy: "export single sessions instead of a whole day, or fewer channels",
            });
        }
        let at = |index: Option<usize>| {
            index.and_then(|index| Some((row.get(index)?, self.columns.get(index)?)))
        };
        let no_fix = matches!((at(self.latitude), at(self.longitude)),
            (Some((latitude, _)), Some((longitude, _))) if *latitude == 0.0 && *longitude == 0.0);
        for (found, bound) in [(at(self.latitude), 90.0), (at(self.longitude), 180.0)] {
            if let Some((value, column)) = found
                && column.conversion.apply(*value).abs() > bound
            {
                return Err(malformed(
                    self.format,
                    line,
                    format!(
                        "at most {bound} degrees in column \"{}\"",
                        shortened(&column.name)
                    ),
                    value.to_string(),
                ));
            }
        }
        self.without_fix += u64::from(no_fix);
        self.times.push(time);
        for (index, column) in self.columns.iter().enumerate() {
            let value = row.get(index).copied().unwrap_or(f64::NAN);
            let blank = no_fix && (Some(index) == self.latitude || Some(index) == self.longitude);
            if let Some(values) = self.values.get_mut(index) {
                values.push(if blank {
                    f64::NAN
                } else {
                    column.conversion.apply(value)
                });
            }
        }
        Ok(())
    }

    /// Gives the speed, in a file that does not state its unit, the one that the positions prove, and
    /// warns of it. Further columns of the unit are named in `same`.
    ///
    /// # Errors
    /// [`ReadError::UnknownUnit`] where they prove none.
    pub fn infer_speed_unit(&mut self, name: &str, same: &[&str]) -> Result<(), ReadError> {
        let found = (self.values(Quantity::Latitude))
            .zip(self.values(Quantity::Longitude))
            .zip(self.values(Quantity::Speed))
            .and_then(|((latitudes, longitudes), speeds)| {
                speed_unit(&self.times, latitudes, longitudes, speeds)
            });
        let (unit, conversion) = found.ok_or_else(|| ReadError::UnknownUnit {
            format: self.format,
            column: name.to_owned(),
            unit: "not stated, and the positions do not show it".to_owned(),
        })?;
        for name in [name].iter().chain(same) {
            self.convert(name, conversion);
        }
        self.warnings.push(format!(
            "the file does not state the unit of \"{name}\"; the positions show that it is {unit}"
        ));
        Ok(())
    }

    /// Gives a column whose unit was found out from its values that unit.
    pub fn convert(&mut self, name: &str, conversion: Conversion) {
        let mut columns = self.columns.iter_mut().zip(&mut self.values);
        if let Some((column, values)) = columns.find(|(column, _)| column.name == name) {
            column.conversion = conversion;
            for value in values {
                *value = conversion.apply(*value);
            }
        }
    }

    /// Adds the channels to the session, and a warning of what was left out.
    ///
    /// # Errors
    /// [`ReadError::Malformed`] when there was no sample up to the last line, `end`.
    pub fn finish(self, end: u64, session: &mut Session) -> Result<(), ReadError> {
        if self.times.is_empty() {
            return Err(malformed(
                self.format,
                end,
                "samples after the column names",
                "the end of the file",
            ));
        }
        session.warnings.extend(self.warnings);
        if self.earlier > 0 {
            session.warnings.push(format!(
                "{} rows were left out because their time is earlier than the row before; the first \
                 is line {}",
                self.earlier, self.first_earlier
            ));
        }
        if self.without_fix > 0 {
            session.warnings.push(format!(
                "{} samples have no position: the logger had no satellite fix",
                self.without_fix
            ));
        }
        let times: Arc<[f64]> = self.times.into();
        for (column, values) in self.columns.into_iter().zip(self.values) {
            session.channels.push(Channel {
                name: column.name,
                source: column.source,
                unit: column.conversion.unit,
                written_unit: column.written_unit,
                quantity: column.quantity,
                times: times.clone(),
                values,
            });
        }
        Ok(())
    }
}

/// The warning of columns that were kept as plain numbers because nothing says their unit.
pub fn without_unit(names: &[&str]) -> Option<String> {
    let quoted = names.iter().map(|name| format!("\"{}\"", shortened(name)));
    let quoted = quoted.collect::<Vec<_>>().join(", ");
    (!names.is_empty())
        .then(|| format!("the file states no unit for {quoted}; kept as plain numbers"))
}

/// Rounds seconds to the microsecond, which differences of large clock readings do not keep.
pub fn microseconds(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position() -> Samples {
        let latitude = Column::new("lat", Unit::Degree).quantity(Quantity::Latitude);
        let longitude = Column::new("lon", Unit::Degree).quantity(Quantity::Longitude);
        let speed = Column::in_unit("CSV", "speed", "km/h").unwrap();
        Samples::new("CSV", vec![latitude, longitude, speed.clone(), speed]).unwrap()
    }

    #[test]
    fn rows_that_go_back_in_time_and_lost_fixes_are_left_out_and_told() {
        let mut samples = position();
        samples.push(3, 0.0, &[0.0, 0.0, 36.0, 0.0]).unwrap();
        samples.push(4, 0.1, &[45.0, 10.0, 72.0, 0.0]).unwrap();
        samples.push(5, 0.05, &[45.0, 10.0, 90.0, 0.0]).unwrap();
        let mut session = Session::default();
        samples.finish(5, &mut session).unwrap();
        let latitude = session.channel(Quantity::Latitude).unwrap();
        assert_eq!(*latitude.times, [0.0, 0.1]);
        assert!(latitude.values[0].is_nan() && latitude.values[1] == 45.0);
        assert_eq!(session.channels[2].values, [10.0, 20.0]);
        assert_eq!(session.channels[3].name, "speed (2)");
        let warnings = session.warnings.join("\n");
        assert!(warnings.contains("1 rows were left out"), "{warnings}");
        assert!(warnings.contains("the first is line 5"), "{warnings}");
        assert!(
            warnings.contains("1 samples have no position"),
            "{warnings}"
        );
    }

    #[test]
    fn a_position_off_the_earth_is_refused_with_its_line() {
        let error = position().push(9, 0.0, &[91.0, 0.0, 0.0, 0.0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "CSV, line 9: expected at most 90 degrees in column \"lat\", found 91"
        );
    }

    #[test]
    fn an_unknown_unit_names_its_column() {
        let error = Column::in_unit("CSV", "GPS Speed", "furlong/fortnight").unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("\"GPS Speed\"") && text.contains("furlong"),
            "{text}"
        );
    }

    #[test]
    fn channels_have_a_limit() {
        let columns = vec![Column::new("x", Unit::One); MAX_CHANNELS + 1];
        let error = Samples::new("CSV", columns).err().unwrap().to_string();
        assert!(
            error.contains("the number of channels is more than 512"),
            "{error}"
        );
    }

    #[test]
    fn a_file_without_samples_is_refused() {
        let error = position().finish(12, &mut Session::default()).unwrap_err();
        assert!(error.to_string().contains("line 12"), "{error}");
    }
}

//! The units of channels. Inside the project each quantity has one unit; a file's own unit is
//! converted when it is read, and an unknown one is an error that names its column, never a guess.

use std::fmt;

use serde::Serialize;

/// The one unit that a quantity has inside the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A plain number: counts, gears, flags, ratios.
    One,
    Second,
    Metre,
    MetrePerSecond,
    /// Standard gravity, 9.80665 m/s².
    Gravity,
    Degree,
    DegreePerSecond,
    RevolutionsPerMinute,
    Celsius,
    Volt,
    Ampere,
    Bar,
    Percent,
    Hertz,
    Newton,
    NewtonMetre,
    Watt,
    Litre,
    Kilogram,
    Tesla,
}

/// How a file's unit becomes the project's: `value · factor + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conversion {
    pub unit: Unit,
    pub factor: f64,
    pub offset: f64,
}

impl Conversion {
    /// The value in [`Conversion::unit`].
    pub fn apply(&self, value: f64) -> f64 {
        value * self.factor + self.offset
    }
}

impl Unit {
    /// As it is written: `m/s`, `°C`; empty for plain numbers.
    pub fn symbol(self) -> &'static str {
        match self {
            Unit::One => "",
            Unit::Second => "s",
            Unit::Metre => "m",
            Unit::MetrePerSecond => "m/s",
            Unit::Gravity => "g",
            Unit::Degree => "deg",
            Unit::DegreePerSecond => "deg/s",
            Unit::RevolutionsPerMinute => "rpm",
            Unit::Celsius => "°C",
            Unit::Volt => "V",
            Unit::Ampere => "A",
            Unit::Bar => "bar",
            Unit::Percent => "%",
            Unit::Hertz => "Hz",
            Unit::Newton => "N",
            Unit::NewtonMetre => "Nm",
            Unit::Watt => "W",
            Unit::Litre => "l",
            Unit::Kilogram => "kg",
            Unit::Tesla => "T",
        }
    }

    /// How values in the unit that a file calls `text` become the project's; `None` for a unit that
    /// is not known. Case and surrounding brackets do not matter.
    pub fn parse(text: &str) -> Option<Conversion> {
        let to = |unit, factor| Conversion {
            unit,
            factor,
            offset: 0.0,
        };
        let trimmed = text.trim().trim_matches(['(', ')', '[', ']']).trim();
        let lower = trimmed.to_lowercase();
        Some(match lower.as_str() {
            "" | "#" | "-" | "1" | "no unit" | "none" | "gear" | "bool" | "dop" | "sats"
            | "afr" | "lambda" => to(Unit::One, 1.0),
            "s" | "sec" | "secs" | "seconds" => to(Unit::Second, 1.0),
            "ms" => to(Unit::Second, 1e-3),
            "us" | "µs" => to(Unit::Second, 1e-6),
            "min" => to(Unit::Second, 60.0),
            "m" | "meter" | "meters" | "metres" => to(Unit::Metre, 1.0),
            "mm" => to(Unit::Metre, 1e-3),
            "cm" => to(Unit::Metre, 1e-2),
            "km" => to(Unit::Metre, 1e3),
            "ft" | "feet" => to(Unit::Metre, 0.3048),
            "mi" | "mile" | "miles" => to(Unit::Metre, 1609.344),
            "m/s" | "mps" => to(Unit::MetrePerSecond, 1.0),
            "km/h" | "kmh" | "kph" | "km\\h" => to(Unit::MetrePerSecond, 1.0 / 3.6),
            "mph" | "mi/h" => to(Unit::MetrePerSecond, 0.44704),
            "kn" | "kt" | "knots" | "kts" => to(Unit::MetrePerSecond, 1852.0 / 3600.0),
            "g" => to(Unit::Gravity, 1.0),
            "mg" => to(Unit::Gravity, 1e-3),
            "m/s²" | "m/s2" | "m/s^2" => to(Unit::Gravity, 1.0 / 9.80665),
            "deg" | "°" | "degree" | "degrees" => to(Unit::Degree, 1.0),
            "rad" => to(Unit::Degree, 180.0 / std::f64::consts::PI),
            "deg/s" | "°/s" | "dps" => to(Unit::DegreePerSecond, 1.0),
            "rad/s" => to(Unit::DegreePerSecond, 180.0 / std::f64::consts::PI),
            "rpm" | "1/min" | "r/min" => to(Unit::RevolutionsPerMinute, 1.0),
            "°c" | "c" | "degc" | "celsius" => to(Unit::Celsius, 1.0),
            "°f" | "f" | "degf" | "fahrenheit" => Conversion {
                unit: Unit::Celsius,
                factor: 5.0 / 9.0,
                offset: -160.0 / 9.0,
            },
            "v" | "volt" | "volts" => to(Unit::Volt, 1.0),
            "mv" => to(Unit::Volt, 1e-3),
            "a" | "ampere" => to(Unit::Ampere, 1.0),
            "ma" => to(Unit::Ampere, 1e-3),
            "bar" => to(Unit::Bar, 1.0),
            "mbar" | "hpa" => to(Unit::Bar, 1e-3),
            "kpa" => to(Unit::Bar, 1e-2),
            "pa" => to(Unit::Bar, 1e-5),
            "psi" => to(Unit::Bar, 0.068_947_572_931_683_6),
            "%" | "percent" => to(Unit::Percent, 1.0),
            "hz" => to(Unit::Hertz, 1.0),
            "bpm" => to(Unit::Hertz, 1.0 / 60.0),
            "n" => to(Unit::Newton, 1.0),
            "nm" => to(Unit::NewtonMetre, 1.0),
            "w" => to(Unit::Watt, 1.0),
            "kw" => to(Unit::Watt, 1e3),
            "hp" => to(Unit::Watt, 745.699_871_582_270_2),
            "l" => to(Unit::Litre, 1.0),
            "kg" => to(Unit::Kilogram, 1.0),
            "t" => to(Unit::Tesla, 1.0),
            "µt" | "ut" => to(Unit::Tesla, 1e-6),
            _ => return None,
        })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

impl Serialize for Unit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.symbol())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_unit_becomes_the_projects() {
        let kmh = Unit::parse("[km/h]").unwrap();
        assert_eq!((kmh.unit, kmh.apply(36.0)), (Unit::MetrePerSecond, 10.0));
        let boiling = Unit::parse("°F").unwrap();
        assert_eq!(boiling.unit, Unit::Celsius);
        assert!((boiling.apply(212.0) - 100.0).abs() < 1e-9);
        assert_eq!(Unit::parse("furlong"), None);
    }
}

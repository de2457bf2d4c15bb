//! Channels of an XRK file: what a configuration message says about them, and their samples.
//!
//! A CHS message of 112 bytes describes a channel: 0 index (u16), 6 source channel (u16), 12 unit (u8, the high bit says
//! "calibrated"), 13 function (u8), 16 kind of source (u8), 20 encoding (u8), 24 short name (8 bytes), 32 name
//! (24 bytes), 64 sample period in µs (u32), 72 bytes a sample (u8), 76 device (4 bytes). A GRP message says which
//! channels are recorded together: index, count, then the channels (u16 each).

use crate::datasets::readers::session::Quantity;
use crate::datasets::readers::unit::{Conversion, Unit};

use super::messages::{Message, text, u16_at, u32_at};

/// How a sample's bytes become a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Unsigned8,
    Unsigned16,
    Signed16,
    Signed32,
    Float16,
    Float32,
    /// A gear as the character that a display shows: `N`, `1` to `6`.
    GearCharacter,
    /// A gear in three bits of a word, and a bit that says neutral.
    GearBits,
}

impl Encoding {
    fn of(code: u8, name: &str) -> Option<Encoding> {
        if matches!(name, "Calculated_Gear" | "PreCalcGear") {
            return Some(Encoding::GearBits);
        }
        Some(match code {
            13 => Encoding::Unsigned8,
            1 => Encoding::Unsigned16,
            4 | 11 => Encoding::Signed16,
            0 | 3 | 8 | 12 | 22 | 24 | 26 | 27 | 31 | 32 | 33 | 37 | 38 | 39 => Encoding::Signed32,
            20 => Encoding::Float16,
            6 => Encoding::Float32,
            15 => Encoding::GearCharacter,
            _ => return None,
        })
    }

    fn bytes(self) -> usize {
        match self {
            Encoding::Unsigned8 => 1,
            Encoding::Unsigned16
            | Encoding::Signed16
            | Encoding::Float16
            | Encoding::GearCharacter => 2,
            Encoding::Signed32 | Encoding::Float32 => 4,
            Encoding::GearBits => 8,
        }
    }

    /// The number in the first bytes of a sample; `None` when there are too few of them.
    #[inline]
    fn decode(self, sample: &[u8]) -> Option<f64> {
        Some(match self {
            Encoding::Unsigned8 => f64::from(*sample.first()?),
            Encoding::Unsigned16 => f64::from(u16::from_le_bytes(*sample.first_chunk()?)),
            Encoding::Signed16 => f64::from(i16::from_le_bytes(*sample.first_chunk()?)),
            Encoding::Signed32 => f64::from(i32::from_le_bytes(*sample.first_chunk()?)),
            Encoding::Float16 => half_precision(u16::from_le_bytes(*sample.first_chunk()?)),
            Encoding::Float32 => f64::from(f32::from_le_bytes(*sample.first_chunk()?)),
            Encoding::GearCharacter => match u16::from_le_bytes(*sample.first_chunk()?) {
                0x4e => 0.0,
                digit @ 0x31..=0x36 => f64::from(digit - 0x30),
                other => f64::from(other),
            },
            Encoding::GearBits => match u64::from_le_bytes(*sample.first_chunk()?) {
                word if word & 0x80000 != 0 => 0.0,
                // Three bits: the number is exact.
                word => ((word >> 16) & 7) as f64,
            },
        })
    }
}

/// An IEEE 754 binary16 number: one bit of sign, five of exponent, ten of fraction.
#[inline]
pub(super) fn half_precision(bits: u16) -> f64 {
    let sign = u64::from(bits >> 15) << 63;
    let exponent = u64::from(bits >> 10) & 0x1f;
    let fraction = u64::from(bits) & 0x3ff;
    match exponent {
        0 => {
            // 2⁻²⁴ is the smallest number; the product is exact.
            let size = fraction as f64 * (1.0 / 16_777_216.0);
            f64::from_bits(size.to_bits() | sign)
        }
        31 => f64::from_bits(sign | 0x7ff << 52 | fraction << 42),
        _ => f64::from_bits(sign | (exponent + 1023 - 15) << 52 | fraction << 42),
    }
}

/// A channel as it is being read.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) index: u16,
    pub(super) name: String,
    pub(super) source: Option<String>,
    pub(super) unit_code: u8,
    function_code: u8,
    encoding: Option<Encoding>,
    pub(super) encoding_code: u8,
    /// Bytes a sample.
    pub(super) size: usize,
    /// Milliseconds between the samples of an M record.
    period: i32,
    last_time: i32,
    /// Milliseconds on the logger's clock, rising.
    pub(super) times: Vec<i32>,
    /// One for each time, in the file's own unit.
    pub(super) values: Vec<f64>,
    /// Samples that came with a time not after the one before, but for the overlaps of M records.
    pub(super) late: usize,
    /// What a later configuration calls the channel.
    pub(super) renamed: Option<String>,
}

impl Recording {
    /// Reads a CHS message; `Err` says what about it is wrong.
    pub(super) fn of(message: &Message<'_>) -> Result<Recording, &'static str> {
        const SHORT: &str = "a channel's configuration of 112 bytes";
        let body: &[u8; 112] = message.body.first_chunk().ok_or(SHORT)?;
        let size = usize::from(body[72]);
        let name = text(&body[32..56]).or_else(|| text(&body[24..32]));
        let name =
            name.unwrap_or_else(|| format!("channel {}", u16::from_le_bytes([body[0], body[1]])));
        let encoding = Encoding::of(body[20], &name);
        if size == 0 || encoding.is_some_and(|encoding| size < encoding.bytes()) {
            return Err("as many bytes a sample as the channel's encoding has");
        }
        let period = u32_at(body, 64).ok_or(SHORT)? / 1000;
        Ok(Recording {
            index: u16_at(body, 0).ok_or(SHORT)?,
            source: text(&body[76..80]),
            unit_code: body[12],
            function_code: body[13],
            encoding,
            encoding_code: body[20],
            size,
            // u32::MAX / 1000 fits.
            period: i32::try_from(period).unwrap_or(i32::MAX),
            last_time: -1,
            times: Vec::new(),
            values: Vec::new(),
            late: 0,
            renamed: None,
            name,
        })
    }

    pub(super) fn is_readable(&self) -> bool {
        self.encoding.is_some()
    }

    /// Whether a configuration that comes again has the same samples; the name may be another.
    pub(super) fn has_samples_of(&self, other: &Recording) -> bool {
        self.size == other.size && self.encoding == other.encoding && self.period == other.period
    }

    /// After a new configuration times may begin anew.
    pub(super) fn forget_last_time(&mut self) {
        self.last_time = -1;
    }

    /// Takes a sample, unless its time is not after the last one's: loggers write some records twice.
    #[inline]
    pub(super) fn push(&mut self, time: i32, sample: &[u8]) {
        if time <= self.last_time {
            self.late += 1;
            return;
        }
        if let Some(value) = self.encoding.and_then(|encoding| encoding.decode(sample)) {
            self.last_time = time;
            self.times.push(time);
            self.values.push(value);
        }
    }

    /// Takes the samples of an M record: the first at `time`, then one each period. A record may begin before the end
    /// of the last one; what overlaps was recorded already.
    pub(super) fn push_many(&mut self, time: i32, samples: &[u8]) -> Result<(), &'static str> {
        if self.period == 0 {
            return Err("a channel that has a sample period");
        }
        let late = self.late;
        let count = self.times.len();
        let mut time = Some(time);
        for sample in samples.chunks_exact(self.size) {
            let now = time.ok_or("times below 2³¹ ms")?;
            self.push(now, sample);
            time = now.checked_add(self.period);
        }
        if self.times.len() > count {
            self.late = late;
        }
        Ok(())
    }

    /// The unit of the values, or the code of one that is not known.
    pub(super) fn unit(&self) -> Result<(Conversion, &'static str), u8> {
        let is_calibrated = self.unit_code & 0x80 != 0;
        let written = match self.unit_code & 0x7f {
            1 | 33 => "%",
            3 => "g",
            4 => "deg",
            5 => "deg/s",
            6 | 11 => "#",
            9 => "Hz",
            12 => "mm",
            14 => "bar",
            15 => "rpm",
            16 | 20 => "km/h",
            17 => "°C",
            18 => "ms",
            19 => "Nm",
            21 => "mV",
            22 => "l",
            27 => "A",
            30 => "lambda",
            31 => "gear",
            43 => "kg",
            unknown => return Err(unknown),
        };
        // A gear, a lambda and a count are plain numbers; the others have names that every reader knows.
        let conversion = Unit::parse(written).unwrap_or(PLAIN);
        // Both are written in millivolts; the calibrated ones are shown in volts.
        let written = if written == "mV" && is_calibrated {
            "V"
        } else {
            written
        };
        Ok((conversion, written))
    }

    /// What the logger's configuration says the channel measures.
    pub(super) fn quantity(&self) -> Option<Quantity> {
        match (self.function_code, self.unit_code) {
            (17 | 145, 0x03) => Some(Quantity::LongitudinalAcceleration),
            (17 | 145, 0x83) => Some(Quantity::LateralAcceleration),
            (_, 0x0f | 0x8f) if self.name.eq_ignore_ascii_case("rpm") => {
                Some(Quantity::EngineSpeed)
            }
            (0, 0x0f) => Some(Quantity::EngineSpeed),
            _ => None,
        }
    }
}

/// How a number without a unit becomes the project's.
pub(super) const PLAIN: Conversion = Conversion {
    unit: Unit::One,
    factor: 1.0,
    offset: 0.0,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_numbers_are_exact() {
        assert_eq!(half_precision(0x0000), 0.0);
        assert!(half_precision(0x8000).is_sign_negative());
        assert_eq!(half_precision(0x0001), 2.0_f64.powi(-24));
        assert_eq!(half_precision(0x83ff), -1023.0 * 2.0_f64.powi(-24));
        assert_eq!(half_precision(0x0400), 2.0_f64.powi(-14));
        assert_eq!(half_precision(0x3c00), 1.0);
        assert_eq!(half_precision(0xc000), -2.0);
        assert_eq!(half_precision(0x7bff), 65504.0);
        assert_eq!(half_precision(0x7c00), f64::INFINITY);
        assert_eq!(half_precision(0xfc00), f64::NEG_INFINITY);
        assert!(half_precision(0x7e00).is_nan());
    }
}

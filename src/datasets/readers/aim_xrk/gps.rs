//! The receiver's records in an XRK file.
//!
//! A GPS message carries 56 bytes: the logger's time (i32, ms) and a u-blox NAV-SOL message (u-blox 6 Receiver
//! Description, 35.13): 4 time of the week (u32, ms), 12 week (u16), 14 fix (u8), 16 position as X, Y, Z in the
//! Earth-centred frame (i32, cm), 28 its accuracy (u32, cm), 32 velocity (3 × i32, cm/s), 44 its accuracy (u32, cm/s),
//! 48 dilution of precision (u16, 0.01), 51 satellites (u8).

use chrono::{Days, NaiveDate};

use crate::datasets::readers::session::Quantity;
use crate::datasets::readers::unit::Unit;

pub(super) const RECORD_BYTES: usize = 56;

/// The semi-major axis of WGS 84, m.
const SEMI_MAJOR_AXIS: f64 = 6_378_137.0;

/// The first eccentricity of WGS 84, squared.
const ECCENTRICITY_SQUARED: f64 = 0.006_694_379_990_141_316;

/// Metres from the Earth's centre below which a position is no position. The conversion holds outside of 43 km.
const LEAST_RADIUS: f64 = 1e6;

/// What AiM's programs divide by, m/s².
const GRAVITY: f64 = 9.81;

/// One NAV-SOL message with the logger's time.
#[derive(Debug, Clone, Copy)]
struct Record {
    logger_ms: i32,
    week_ms: u32,
    week: u16,
    fix: u8,
    position_cm: [i32; 3],
    position_accuracy_cm: u32,
    velocity_cm_s: [i32; 3],
    velocity_accuracy_cm_s: u32,
    dilution: u16,
    satellites: u8,
}

impl Record {
    fn of(bytes: &[u8; RECORD_BYTES]) -> Record {
        let word = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        let signed = |at| i32::from_le_bytes(word(at));
        let unsigned = |at| u32::from_le_bytes(word(at));
        Record {
            logger_ms: signed(0),
            week_ms: unsigned(4),
            week: u16::from_le_bytes([bytes[12], bytes[13]]),
            fix: bytes[14],
            position_cm: [signed(16), signed(20), signed(24)],
            position_accuracy_cm: unsigned(28),
            velocity_cm_s: [signed(32), signed(36), signed(40)],
            velocity_accuracy_cm_s: unsigned(44),
            dilution: u16::from_le_bytes([bytes[48], bytes[49]]),
            satellites: bytes[51],
        }
    }
}

/// One channel that is computed from the records.
pub(super) struct GpsChannel {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    pub(super) quantity: Option<Quantity>,
    pub(super) values: Vec<f64>,
}

/// All that the records say.
pub(super) struct Gps {
    /// Milliseconds on the logger's clock, not decreasing.
    pub(super) times: Vec<i32>,
    pub(super) channels: Vec<GpsChannel>,
    /// How many records had a time that the logger wrote wrongly.
    pub(super) repaired: usize,
    /// The day of the first record with a fix, UTC.
    pub(super) date: Option<NaiveDate>,
}

/// Reads the records' channels; `None` without records.
pub(super) fn read(records: &[&[u8; RECORD_BYTES]]) -> Option<Gps> {
    if records.is_empty() {
        return None;
    }
    let records: Vec<Record> = records.iter().map(|bytes| Record::of(bytes)).collect();
    let (times, repaired) = times(&records);

    let count = records.len();
    let mut latitude = Vec::with_capacity(count);
    let mut longitude = Vec::with_capacity(count);
    let mut altitude = Vec::with_capacity(count);
    let mut speed = Vec::with_capacity(count);
    let mut heading = Vec::with_capacity(count);
    for record in &records {
        let [x, y, z] = record.position_cm.map(|cm| f64::from(cm) / 100.0);
        let place = geodetic(x, y, z);
        latitude.push(place.latitude.to_degrees());
        longitude.push(place.longitude.to_degrees());
        altitude.push(place.altitude);
        let [x, y, z] = record.velocity_cm_s.map(f64::from);
        speed.push((x * x + y * y + z * z).sqrt() / 100.0);
        heading.push(place.heading(x, y, z));
    }
    let (inline, lateral, yaw_rate) = derivatives(&times, &speed, &heading);

    let each = |value: fn(&Record) -> f64| -> Vec<f64> { records.iter().map(value).collect() };
    let channel = |name, unit, quantity, values| GpsChannel {
        name,
        unit,
        quantity,
        values,
    };
    use Unit::{Degree, DegreePerSecond, Gravity, Metre, MetrePerSecond, One};
    let channels = vec![
        channel("GPS Speed", MetrePerSecond, Some(Quantity::Speed), speed),
        channel("GPS Latitude", Degree, Some(Quantity::Latitude), latitude),
        channel(
            "GPS Longitude",
            Degree,
            Some(Quantity::Longitude),
            longitude,
        ),
        channel("GPS Altitude", Metre, Some(Quantity::Altitude), altitude),
        channel(
            "GPS_Satellites",
            One,
            None,
            each(|record| f64::from(record.satellites)),
        ),
        channel("GPS_Fix", One, None, each(|record| f64::from(record.fix))),
        channel(
            "GPS_pDOP",
            One,
            None,
            each(|record| f64::from(record.dilution) / 100.0),
        ),
        channel(
            "GPS_Position_Accuracy",
            Metre,
            None,
            each(|record| f64::from(record.position_accuracy_cm) / 100.0),
        ),
        channel(
            "GPS_Velocity_Accuracy",
            MetrePerSecond,
            None,
            each(|record| f64::from(record.velocity_accuracy_cm_s) / 100.0),
        ),
        channel(
            "GPS_InlineAcc",
            Gravity,
            Some(Quantity::LongitudinalAcceleration),
            inline,
        ),
        channel(
            "GPS_LateralAcc",
            Gravity,
            Some(Quantity::LateralAcceleration),
            lateral,
        ),
        channel("GPS_Yaw_Rate", DegreePerSecond, None, yaw_rate),
    ];
    let date = records.iter().find(|record| record.fix != 0).and_then(date);
    Some(Gps {
        times,
        channels,
        repaired,
        date,
    })
}

/// The logger's times. Some firmware writes the upper half of a time wrongly, or steps 65.5 s ahead: where the
/// receiver's own clock contradicts the logger's by so much, the receiver's step is taken. The count says how often.
fn times(records: &[Record]) -> (Vec<i32>, usize) {
    /// Far more than both clocks' jitter, less than the 65,533 ms by which the firmware errs.
    const CONTRADICTION_MS: i64 = 60_000;
    /// A receiver that has just learned the time jumps further.
    const LONGEST_STEP_MS: i64 = 600_000;
    let mut times = Vec::with_capacity(records.len());
    let mut repaired = 0;
    let mut before: Option<(i64, &Record)> = None;
    // What later times are ahead of by a step that was taken back.
    let mut ahead = 0;
    for record in records {
        let mut now = i64::from(record.logger_ms) - ahead;
        if let Some((last, previous)) = before {
            let receiver = i64::from(record.week_ms) - i64::from(previous.week_ms);
            let excess = now - last - receiver;
            let is_known = (1..LONGEST_STEP_MS).contains(&receiver);
            if is_known && (CONTRADICTION_MS..2 * CONTRADICTION_MS).contains(&excess) {
                ahead += excess;
                now = last + receiver;
                repaired += 1;
            } else if now < last {
                now = if is_known { last + receiver } else { last };
                repaired += 1;
            }
        }
        before = Some((now, record));
        times.push(i32::try_from(now).unwrap_or(i32::MAX));
    }
    (times, repaired)
}

/// Where a receiver is, in radians and metres over the ellipsoid.
struct Geodetic {
    latitude: f64,
    longitude: f64,
    altitude: f64,
}

impl Geodetic {
    /// Degrees clockwise from north, from -180 to 180, of a velocity in the Earth-centred frame.
    fn heading(&self, x: f64, y: f64, z: f64) -> f64 {
        let (sin_latitude, cos_latitude) = self.latitude.sin_cos();
        let (sin_longitude, cos_longitude) = self.longitude.sin_cos();
        let east = cos_longitude * y - sin_longitude * x;
        let north = cos_latitude * z - sin_latitude * (cos_longitude * x + sin_longitude * y);
        east.atan2(north).to_degrees()
    }
}

/// From the Earth-centred frame (m) to latitude, longitude and altitude on WGS 84, in closed form (Vermeille, "Direct
/// transformation from geocentric coordinates to geodetic coordinates", Journal of Geodesy 76, 2002). NaN for what
/// cannot be a receiver's position.
fn geodetic(x: f64, y: f64, z: f64) -> Geodetic {
    let equatorial_squared = x * x + y * y;
    if equatorial_squared + z * z < LEAST_RADIUS * LEAST_RADIUS {
        return Geodetic {
            latitude: f64::NAN,
            longitude: f64::NAN,
            altitude: f64::NAN,
        };
    }
    let e2 = ECCENTRICITY_SQUARED;
    let e4 = e2 * e2;
    let axis_squared = SEMI_MAJOR_AXIS * SEMI_MAJOR_AXIS;
    let p = equatorial_squared / axis_squared;
    let q = (1.0 - e2) / axis_squared * z * z;
    let r = (p + q - e4) / 6.0;
    let s = e4 * p * q / (4.0 * r * r * r);
    let t = (1.0 + s + (s * (2.0 + s)).sqrt()).cbrt();
    let u = r * (1.0 + t + 1.0 / t);
    let v = (u * u + e4 * q).sqrt();
    let w = e2 * (u + v - q) / (2.0 * v);
    let k = (u + v + w * w).sqrt() - w;
    let d = k * equatorial_squared.sqrt() / (k + e2);
    let hypotenuse = (d * d + z * z).sqrt();
    Geodetic {
        latitude: 2.0 * z.atan2(d + hypotenuse),
        longitude: y.atan2(x),
        altitude: (k + e2 - 1.0) / k * hypotenuse,
    }
}

/// Accelerations (g) along and across, and the rate of turn (deg/s), from one record to the next: 0 at the first and
/// where no time passed.
fn derivatives(times: &[i32], speed: &[f64], heading: &[f64]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut inline = Vec::with_capacity(times.len());
    let mut lateral = Vec::with_capacity(times.len());
    let mut yaw_rate = Vec::with_capacity(times.len());
    let mut before: Option<(i32, f64, f64)> = None;
    for ((&time, &speed), &heading) in times.iter().zip(speed).zip(heading) {
        let (mut gain, mut turn) = (0.0, 0.0);
        if let Some((last, last_speed, last_heading)) = before
            && time > last
        {
            let seconds = f64::from(time.saturating_sub(last)) / 1000.0;
            let mut change = heading - last_heading;
            if change > 180.0 {
                change -= 360.0;
            } else if change < -180.0 {
                change += 360.0;
            }
            gain = (speed - last_speed) / seconds / GRAVITY;
            turn = change / seconds;
        }
        inline.push(gain);
        lateral.push(speed * turn.to_radians() / GRAVITY);
        yaw_rate.push(turn);
        before = Some((time, speed, heading));
    }
    (inline, lateral, yaw_rate)
}

/// The day (UTC, but for leap seconds) of a record: GPS weeks count from 1980-01-06.
fn date(record: &Record) -> Option<NaiveDate> {
    let days = u64::from(record.week) * 7 + u64::from(record.week_ms) / 86_400_000;
    NaiveDate::from_ymd_opt(1980, 1, 6)?.checked_add_days(Days::new(days))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_on_the_ellipsoid_comes_back() {
        for (latitude, longitude, altitude) in [
            (45.046_f64, 12.149_f64, 45.0),
            (-33.9, 151.2, 5.0),
            (0.0, -0.5, 800.0),
        ] {
            let (sin, cos) = latitude.to_radians().sin_cos();
            let normal = SEMI_MAJOR_AXIS / (1.0 - ECCENTRICITY_SQUARED * sin * sin).sqrt();
            let (sin_longitude, cos_longitude) = longitude.to_radians().sin_cos();
            let place = geodetic(
                (normal + altitude) * cos * cos_longitude,
                (normal + altitude) * cos * sin_longitude,
                ((1.0 - ECCENTRICITY_SQUARED) * normal + altitude) * sin,
            );
            assert!((place.latitude.to_degrees() - latitude).abs() < 1e-11);
            assert!((place.longitude.to_degrees() - longitude).abs() < 1e-11);
            assert!((place.altitude - altitude).abs() < 1e-5);
            // Straight up is no direction; along the meridian is north.
            let north = place.heading(-sin * cos_longitude, -sin * sin_longitude, cos);
            assert!(north.abs() < 1e-9);
        }
        assert!(geodetic(0.0, 0.0, 0.0).latitude.is_nan());
    }

    #[test]
    fn the_receivers_clock_repairs_the_loggers() {
        let record = |logger_ms, week_ms| {
            let mut bytes = [0; RECORD_BYTES];
            bytes[..4].copy_from_slice(&i32::to_le_bytes(logger_ms));
            bytes[4..8].copy_from_slice(&u32::to_le_bytes(week_ms));
            Record::of(&bytes)
        };
        let (upper_half_lost, repaired) =
            times(&[record(4741, 1000), record(79, 1125), record(4969, 1250)]);
        assert_eq!((upper_half_lost, repaired), (vec![4741, 4866, 4969], 1));
        let (stepped_ahead, repaired) =
            times(&[record(0, 1000), record(65_573, 1040), record(65_613, 1080)]);
        assert_eq!((stepped_ahead, repaired), (vec![0, 40, 80], 1));
        let (a_tunnel, repaired) = times(&[record(0, 1000), record(65_000, 66_000)]);
        assert_eq!((a_tunnel, repaired), (vec![0, 65_000], 0));
    }
}

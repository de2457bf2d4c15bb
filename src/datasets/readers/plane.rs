//! Where a session was driven, in metres on a plane that touches the Earth at the track.

use super::sampling::Sampler;
use super::session::{Quantity, Session};

/// A plane that touches WGS 84 at its origin; good to a centimetre over the few kilometres of a track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plane {
    latitude: f64,
    longitude: f64,
    metres_per_degree_north: f64,
    metres_per_degree_east: f64,
}

/// A place on a [`Plane`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// Seconds from the beginning of the recording.
    pub time: f64,
    /// Metres from the plane's origin.
    pub east: f64,
    pub north: f64,
}

impl Plane {
    /// The plane that touches the Earth at a latitude and longitude in degrees.
    pub fn at(latitude: f64, longitude: f64) -> Plane {
        const SEMI_MAJOR_AXIS: f64 = 6_378_137.0;
        const ECCENTRICITY_SQUARED: f64 = 0.006_694_379_990_141_316;
        let (sin, cos) = latitude.to_radians().sin_cos();
        let bend = 1.0 - ECCENTRICITY_SQUARED * sin * sin;
        // The radii of curvature along and across the meridian.
        let along = SEMI_MAJOR_AXIS * (1.0 - ECCENTRICITY_SQUARED) / (bend * bend.sqrt());
        let across = SEMI_MAJOR_AXIS / bend.sqrt();
        Plane {
            latitude,
            longitude,
            metres_per_degree_north: along.to_radians(),
            metres_per_degree_east: (across * cos).to_radians(),
        }
    }

    /// Metres east and north of the origin.
    pub fn metres(&self, latitude: f64, longitude: f64) -> (f64, f64) {
        // Fiji's tracks lie on both sides of the line at which longitudes begin anew.
        let east = (longitude - self.longitude + 540.0).rem_euclid(360.0) - 180.0;
        (
            east * self.metres_per_degree_east,
            (latitude - self.latitude) * self.metres_per_degree_north,
        )
    }

    /// Latitude and longitude in degrees.
    pub fn degrees(&self, east: f64, north: f64) -> (f64, f64) {
        (
            self.latitude + north / self.metres_per_degree_north,
            self.longitude + east / self.metres_per_degree_east,
        )
    }
}

/// The recorded positions, in the order of time; `None` for a session without any.
pub fn positions(session: &Session) -> Option<(Plane, Vec<Position>)> {
    let latitude = session.channel(Quantity::Latitude)?;
    let longitude = session.channel(Quantity::Longitude)?;
    let mut longitudes = Sampler::new(longitude);
    let fixes = latitude.times.iter().zip(&latitude.values);
    let fixes = fixes.filter_map(|(&time, &latitude)| {
        let longitude = longitudes.linear(time)?;
        // Receivers without a fix write zeros.
        let is_place = latitude.abs() < 90.0
            && longitude.abs() <= 180.0
            && (latitude, longitude) != (0.0, 0.0);
        is_place.then_some((time, latitude, longitude))
    });
    let mut plane = None;
    let positions: Vec<Position> = fixes
        .map(|(time, latitude, longitude)| {
            let plane = *plane.get_or_insert_with(|| Plane::at(latitude, longitude));
            let (east, north) = plane.metres(latitude, longitude);
            Position { time, east, north }
        })
        .collect();
    Some((plane?, positions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metres_are_metres() {
        // A minute of latitude at 45° is 1,852.2 m long (Bowring), one of longitude 1,314.2 m.
        let plane = Plane::at(45.0, 179.999);
        let (east, north) = plane.metres(45.0 + 1.0 / 60.0, 179.999 + 1.0 / 60.0 - 360.0);
        assert!((north - 1852.25).abs() < 0.1, "{north}");
        assert!((east - 1314.2).abs() < 0.1, "{east}");
        let (latitude, longitude) = plane.degrees(0.0, north);
        assert!((latitude - 45.0 - 1.0 / 60.0).abs() < 1e-12 && longitude == 179.999);
    }
}

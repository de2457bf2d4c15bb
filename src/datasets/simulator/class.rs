//! Kart classes: who drives them, with how much power, mass and grip.

use std::fmt;
use std::ops::RangeInclusive;

use super::physics::Kart;

/// A class of karts; each stands for the middle of the values that such karts have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KartClass {
    /// Four-stroke rental karts, driven by teenagers and adults.
    Rental,
    /// Four-stroke karts for children.
    Cadet,
    /// Two-stroke 60 cc karts for children.
    Mini60,
    /// 125 cc karts for ages 12-15.
    #[default]
    Junior,
    /// 125 cc karts for ages 15 and up.
    Senior,
}

impl KartClass {
    pub const ALL: [Self; 5] = [
        Self::Rental,
        Self::Cadet,
        Self::Mini60,
        Self::Junior,
        Self::Senior,
    ];

    /// The kart with a driver of `driver_kg` in it, and with the ballast that brings a light driver
    /// to the class's weight. A heavy driver has to live with the difference.
    pub fn kart(self, driver_kg: f64) -> Kart {
        let (kilowatts, total_mass, kart_mass, grip) = match self {
            Self::Rental => (7.5, 245.0, 160.0, 1.5),
            Self::Cadet => (3.0, 105.0, 58.0, 1.9),
            Self::Mini60 => (9.0, 105.0, 58.0, 1.9),
            Self::Junior => (16.0, 145.0, 78.0, 2.05),
            Self::Senior => (21.0, 162.0, 80.0, 2.2),
        };
        Kart {
            power: kilowatts * 1_000.0,
            mass: (kart_mass + driver_kg).max(total_mass),
            grip,
            drag_area: 0.4,
            rolling_resistance: 0.03,
        }
    }

    pub(super) fn ages(self) -> RangeInclusive<u32> {
        match self {
            Self::Rental => 15..=50,
            Self::Cadet | Self::Mini60 => 8..=12,
            Self::Junior => 12..=15,
            Self::Senior => 15..=28,
        }
    }
}

impl fmt::Display for KartClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rental => "rental",
            Self::Cadet => "cadet",
            Self::Mini60 => "mini60",
            Self::Junior => "junior",
            Self::Senior => "senior",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ballast_makes_light_drivers_equal_and_heavy_ones_stay_heavy() {
        let mass = |driver_kg| KartClass::Junior.kart(driver_kg).mass;
        assert_eq!(mass(40.0), mass(55.0));
        assert!(mass(80.0) > mass(70.0));
    }
}

//! Talent: what the laps and the crowd's models say about the (pseudonymous) drivers.
//!
//! May touch: `platform`. [`pace_model`] is pure: laps in, ratings with intervals out.

pub mod pace_model;

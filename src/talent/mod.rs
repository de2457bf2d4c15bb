//! Talent: what the laps and the crowd's models say about the (pseudonymous) drivers.
//!
//! [`board`] is what scouts see: drivers as the best models of a challenge rate them. [`pace_model`] and
//! [`consensus`] are pure: laps, or what many models say, go in, and ratings with intervals come out.
//! [`scouting`] lays both out in a scout's columns.
//!
//! May touch: `challenges`, `scoring`, `platform`. Start reading at [`board`].

pub mod board;
pub mod consensus;
pub mod laps;
pub mod pace_model;
pub mod scouting;
mod weather;

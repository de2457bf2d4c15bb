//! Talent: what the laps and the crowd's models say about the (pseudonymous) drivers.
//!
//! [`board`] is what scouts see: drivers as the best models of a challenge and their laps rate them; [`scouts`]
//! is what scouts keep of it. [`pace_model`] and [`consensus`] are pure: laps, or what many models say, go in, and
//! ratings with intervals come out. [`scouting`] lays both out in a scout's columns. [`coached_drivers`] are those
//! whom an organizer coaches by personal link, and [`coaching`] is what their laps say to them.
//! [`experts`] are those who made the models, [`contributivity`] is what is owed to them. [`consent`] is the
//! one way from a pseudonym to a person.
//!
//! May touch: `challenges`, `datasets`, `messages`, `scoring`, `platform`. Start reading at [`board`].

pub mod board;
pub mod coached_drivers;
pub mod coaching;
pub mod consensus;
pub mod consent;
pub mod contributivity;
pub mod experts;
pub mod export;
pub mod laps;
pub mod pace_model;
pub mod scouting;
pub mod scouts;
mod weather;

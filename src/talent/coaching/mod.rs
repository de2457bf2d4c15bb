//! Coaching: what a driver's own laps say, for the driver and the coach.
//!
//! Pure: the laps of a session, and summaries of what others drove, go in; deltas, a comparison with drivers of
//! similar physique and a training plan come out. [`session`] reads one session, [`peers`] compares it, [`plan`]
//! names what is worth most; [`recording`] makes laps of a file. May touch: `pace_model`, `scouting`,
//! `datasets::readers`. The database's side is [`super::coached_drivers`]. Start reading at [`session`].

pub mod peers;
pub mod plan;
pub mod recording;
pub mod session;

#[cfg(test)]
mod tests;

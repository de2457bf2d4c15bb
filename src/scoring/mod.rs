//! Scoring: what a submission is worth.
//!
//! [`predictions`] checks a submitted file against the hidden [`solution`], [`metrics`] compares the
//! two; [`intake`] looks at models before they are accepted; the [`queue`] leases runs and the [`worker`] carries them out, in the server's process or on
//! another machine ([`remote`]).
//!
//! May touch: `platform`. `metrics`, `predictions`, `solution`, `intake` and `csv_rows` are pure: no database, no HTTP.
//! Start reading at [`metrics`].

pub mod csv_rows;
pub mod intake;
pub mod kind;
pub mod metrics;
pub mod predictions;
pub mod queue;
pub mod receipt;
pub mod remote;
pub mod runtimes;
pub mod sandbox;
pub mod solution;
pub mod verdict;
pub mod worker;

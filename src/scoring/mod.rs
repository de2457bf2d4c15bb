//! Scoring: what a submission is worth.
//!
//! [`predictions`] checks a submitted file against the hidden [`solution`], [`metrics`] compares the
//! two. Of a model, [`intake`] looks at the file, [`runtimes`] knows how it is run, the [`sandbox`]
//! runs it; [`judge`] puts all of that together. The [`queue`] leases runs and the [`worker`] carries
//! them out, in the server's process or on another machine ([`remote`]). A [`receipt`] lets anyone
//! check later how a score came about. How far scores can be trusted and told apart say [`intervals`],
//! [`ladder`], [`fingerprint`] and [`tie_break`]; [`evidence`] is what of that a judgement brings along.
//!
//! May touch: `platform`. `metrics`, `predictions`, `solution`, `features`, `intake`, `intervals`, `ladder`,
//! `fingerprint`, `tie_break`, `evidence`, `receipt` and `csv_rows` are pure: no database, no HTTP; the sandbox knows the kernel and nothing of challenges.
//! Start reading at [`judge`].

pub mod csv_rows;
pub mod evidence;
pub mod explanation;
pub mod features;
pub mod fingerprint;
pub mod intake;
pub mod intervals;
pub mod judge;
pub mod kind;
pub mod ladder;
pub mod metrics;
pub mod predictions;
pub mod queue;
pub mod receipt;
pub mod remote;
pub mod rule;
pub mod runtimes;
pub mod sandbox;
pub mod solution;
pub mod tie_break;
pub mod verdict;
pub mod worker;
pub mod workers;

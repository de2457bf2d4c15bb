//! What pages and API share of HTTP: the state behind them, the guard before them, and how errors,
//! downloads and uploads look on the wire.
//!
//! May touch: every room's public functions, no SQL, no rules. Start reading at [`guard`].

pub mod bundles;
pub mod dataset_files;
pub mod downloads;
pub mod fault;
pub mod guard;
pub mod live;
pub mod measure;
pub mod request_log;
pub mod starter_kits;
pub mod state;
pub mod uploads;

//! The readers against real files, against every dialect, and against damage.

mod dialects;
mod files;
mod mutations;
mod real;
mod recognition;

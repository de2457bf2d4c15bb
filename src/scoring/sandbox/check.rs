//! What this machine offers, layer by layer.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::{CgroupMode, Layer, Limits, Mount, Payload, Sandbox, SandboxSettings};
use crate::scoring::verdict::Verdict;

/// Whether a layer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerState {
    Ok,
    /// It cannot be erected: code is refused.
    Missing,
    /// The operator's settings do without it.
    Off,
}

/// What is known of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerReport {
    pub layer: Layer,
    pub state: LayerState,
    pub detail: String,
    /// What to do; empty when nothing need be done.
    pub remedy: String,
}

/// What an operator can do about a layer that cannot be erected.
pub fn remedy(_layer: Layer) -> &'static str {
    "Run `paddock sandbox check`."
}

/// Tries every layer.
pub fn check(_settings: &SandboxSettings) -> Vec<LayerReport> {
    Vec::new()
}

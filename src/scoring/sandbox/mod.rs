//! Stand-in for the sandbox's types until it arrives.
use std::ffi::OsString;
use std::path::PathBuf;

/// A file or folder that the payload sees, read-only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    pub source: PathBuf,
    pub target: PathBuf,
    pub executable: bool,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    pub command: Vec<OsString>,
    pub environment: Vec<(String, String)>,
    pub working_directory: PathBuf,
    pub mounts: Vec<Mount>,
    pub outputs: Vec<PathBuf>,
}

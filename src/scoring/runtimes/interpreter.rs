//! The machine's Python interpreters.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::scoring::sandbox::Mount;

/// A Python 3 on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// Its program, by absolute path.
    pub executable: PathBuf,
    /// Major, minor and micro version.
    pub version: (u16, u16, u16),
    /// The folder that it is installed in with its standard library.
    pub prefix: PathBuf,
    /// `cpython`, `pypy`, ….
    pub implementation: String,
    /// `x86_64`, `aarch64`, ….
    pub machine: String,
}

/// Why there is no Python to run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InterpreterError {
    /// Neither `/usr/bin/python3` nor a `python3` on the PATH.
    #[error(
        "there is no Python 3 on this machine; install it (on Debian and Ubuntu: apt install python3)"
    )]
    None,
    /// The program does not start, or does not answer like Python 3.
    #[error(
        "{executable} is not a Python 3 that works: {reason}; name another by --python, or install python3"
    )]
    Unusable {
        /// What was asked.
        executable: PathBuf,
        /// What it said.
        reason: String,
    },
}

/// Prints an [`Interpreter`]; of a virtual environment, the interpreter that it was made from.
const QUESTION: &str = "
import json, os, platform, sys
program = getattr(sys, '_base_executable', None) or sys.executable
print(json.dumps({
    'executable': os.path.abspath(program),
    'version': sys.version_info[:3],
    'prefix': os.path.abspath(sys.base_prefix),
    'implementation': sys.implementation.name,
    'machine': platform.machine(),
}))";

impl Interpreter {
    /// The Python 3 that is there on every machine of its kind: `/usr/bin/python3`, else the first
    /// on the PATH.
    pub fn of_machine() -> Result<Self, InterpreterError> {
        let usual = Path::new("/usr/bin/python3");
        let on_path = || {
            std::env::split_paths(&std::env::var_os("PATH")?)
                .map(|folder| folder.join("python3"))
                .find(|python| python.is_file())
        };
        let executable = if usual.exists() {
            Some(usual.to_owned())
        } else {
            on_path()
        };
        Self::ask(&executable.ok_or(InterpreterError::None)?)
    }

    /// Starts an interpreter and asks it what it is.
    ///
    /// # Errors
    /// [`InterpreterError::Unusable`]
    pub fn ask(executable: &Path) -> Result<Self, InterpreterError> {
        let unusable = |reason: String| InterpreterError::Unusable {
            executable: executable.to_owned(),
            reason,
        };
        let answer = Command::new(executable)
            .args(["-I", "-S", "-c", QUESTION])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| unusable(error.to_string()))?;
        if !answer.status.success() {
            let said = String::from_utf8_lossy(&answer.stderr);
            let last = said.lines().last().unwrap_or("it ended without a word");
            return Err(unusable(last.to_owned()));
        }
        serde_json::from_slice(&answer.stdout)
            .map_err(|_| unusable("it does not answer".to_owned()))
    }

    /// Its version as it is written: `3.11.2`.
    pub fn version(&self) -> String {
        let (major, minor, micro) = self.version;
        format!("{major}.{minor}.{micro}")
    }

    /// What of its installation lies outside of the machine's own folders.
    pub(super) fn mounts(&self) -> Vec<Mount> {
        if self.prefix.starts_with("/usr") {
            return Vec::new();
        }
        vec![Mount {
            source: self.prefix.clone(),
            target: self.prefix.clone(),
            executable: true,
        }]
    }
}

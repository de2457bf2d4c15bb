//! Installing packages by `uv`, which takes seconds, or by Python's own `pip`, which takes minutes.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Interpreter;
use crate::scoring::csv_rows::shorten;

/// Why packages could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Neither uv nor pip.
    #[error(
        "{0} has no pip, and there is no uv on the PATH; install one of them (on Debian and Ubuntu: apt install \
         python3-pip)"
    )]
    NoInstaller(PathBuf),
    /// The installer did not start.
    #[error("{installer} does not start: {source}")]
    Start {
        /// Which.
        installer: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// The installer failed.
    #[error("{installer} could not install the packages: {remedy} (it said: {said})")]
    Failed {
        /// Which.
        installer: &'static str,
        /// What to do.
        remedy: &'static str,
        /// Its last words.
        said: String,
    },
}

/// What installs packages for an interpreter.
pub(super) enum Installer<'a> {
    Uv(&'a Interpreter),
    Pip(&'a Interpreter),
}

impl<'a> Installer<'a> {
    /// `uv` if there is one, else the interpreter's own pip.
    pub(super) fn find(python: &'a Interpreter) -> Result<Self, InstallError> {
        let answers = |command: &mut Command| {
            let output = command.arg("--version").stdin(Stdio::null()).output();
            output.is_ok_and(|output| output.status.success())
        };
        if answers(&mut Command::new("uv")) {
            Ok(Self::Uv(python))
        } else if answers(Command::new(&python.executable).args(["-m", "pip"])) {
            Ok(Self::Pip(python))
        } else {
            Err(InstallError::NoInstaller(python.executable.clone()))
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Uv(_) => "uv",
            Self::Pip(_) => "pip",
        }
    }

    /// Installs what a lock file pins, wheels only and each with its hash, into a folder. `report` is told
    /// how many packages were begun, where the installer tells.
    pub(super) fn install(
        &self,
        requirements: &Path,
        into: &Path,
        mut report: impl FnMut(usize),
    ) -> Result<(), InstallError> {
        let installer = self.name();
        let start = |source| InstallError::Start { installer, source };
        let mut child = self
            .command(requirements, into)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(start)?;
        let stderr = child.stderr.take();
        let said = std::thread::spawn(move || {
            let mut said = Vec::new();
            if let Some(mut stderr) = stderr {
                // What cannot be read any more is missing from a message, nothing else.
                let _ = stderr.read_to_end(&mut said);
            }
            String::from_utf8_lossy(&said).into_owned()
        });
        let mut count = 0;
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.starts_with("Collecting ") {
                    count += 1;
                    report(count);
                }
            }
        }
        let status = child.wait().map_err(start)?;
        let said = said.join().unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        Err(InstallError::Failed {
            installer,
            remedy: remedy(&said),
            said: last_words(&said),
        })
    }

    fn command(&self, requirements: &Path, into: &Path) -> Command {
        let common = ["--require-hashes", "--only-binary", ":all:", "--no-deps"];
        match self {
            Self::Uv(python) => {
                let mut command = Command::new("uv");
                command
                    .args([
                        "pip",
                        "install",
                        "--no-config",
                        "--no-progress",
                        "--compile-bytecode",
                    ])
                    // Links into uv's cache would make that read-only as well.
                    .args(["--link-mode", "copy"])
                    .args(common)
                    .arg("--python")
                    .arg(&python.executable)
                    .arg("--target")
                    .arg(into)
                    .arg("-r")
                    .arg(requirements);
                command
            }
            Self::Pip(python) => {
                let mut command = Command::new(&python.executable);
                command
                    .args([
                        "-m",
                        "pip",
                        "install",
                        "--no-input",
                        "--disable-pip-version-check",
                    ])
                    .args(["--no-warn-script-location", "--progress-bar", "off"])
                    .args(common)
                    .arg("--target")
                    .arg(into)
                    .arg("-r")
                    .arg(requirements)
                    .env("PYTHONUNBUFFERED", "1");
                command
            }
        }
    }
}

/// What to do about an installer's complaint.
fn remedy(said: &str) -> &'static str {
    let said = said.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["no space left", "disk quota"]) {
        "make room for 1.5 GB, or choose another folder by --into"
    } else if has(&["do not match the hashes", "hash mismatch"]) {
        "a downloaded file is not the one that was pinned, so do not trust where it came from; try another network or \
         index"
    } else if has(&[
        "connection",
        "name resolution",
        "network",
        "dns",
        "failed to fetch",
        "timed out",
        "client error",
        "certificate",
    ]) {
        "no package index can be reached; connect this machine, or name a mirror in PIP_INDEX_URL (pip) or \
         UV_DEFAULT_INDEX (uv), or build on a machine alike and copy the folder to the same path"
    } else if has(&[
        "no matching distribution",
        "no solution found",
        "no wheels",
        "unsatisfiable",
    ]) {
        "there is no wheel for this Python or this machine; take CPython 3.11 to 3.13 on Linux with glibc 2.28 or newer"
    } else {
        "look at what it said"
    }
}

/// The last lines that say something, in one.
fn last_words(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("WARNING"))
        .collect();
    let last = lines[lines.len().saturating_sub(3)..].join(" / ");
    shorten(&last, 400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installers_complaint_becomes_a_remedy() {
        let pip_offline = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...: \
             Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')'\n\
             ERROR: Could not find a version that satisfies the requirement numpy==2.4.6 (from versions: none)\n\
             ERROR: No matching distribution found for numpy==2.4.6";
        assert!(remedy(pip_offline).starts_with("no package index"));
        let uv_offline = "error: Failed to fetch: `simple/numpy/`\n  Caused by: dns error";
        assert!(remedy(uv_offline).starts_with("no package index"));
        let changed = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.";
        assert!(remedy(changed).contains("do not trust"));
        assert!(remedy("OSError: [Errno 28] No space left on device").contains("1.5 GB"));
        assert!(
            remedy("ERROR: No matching distribution found for scipy==1.17.1").contains("wheel")
        );
    }

    #[test]
    fn the_last_words_are_short() {
        assert_eq!(last_words("a\n\nb\nWARNING: c\n\nd\ne\n"), "b / d / e");
        assert!(last_words(&"x".repeat(5_000)).chars().count() <= 401);
    }
}

//! The real binary, as somebody at a terminal runs it: in a folder of its own, without this machine's
//! configuration.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

/// The program in a working folder.
pub fn paddock(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paddock"));
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PADDOCK_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command line to its end.
pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    paddock(folder).args(arguments).output().unwrap()
}

/// Runs a command line that must succeed; what it printed.
pub fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let printed = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{arguments:?}: {printed}{complaint}"
    );
    printed
}

/// A command that runs on: a server. Killed when dropped.
pub struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    /// Starts a command line.
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = paddock(folder);
        let mut child = command
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// Reads on until a line that begins like this; the rest of that line.
    pub fn wait_for(&mut self, beginning: &str) -> String {
        let mut printed = String::new();
        loop {
            let start = printed.len();
            let bytes = self.output.read_line(&mut printed).unwrap();
            assert!(bytes > 0, "ended without `{beginning}`: {printed}");
            if let Some(rest) = printed[start..].strip_prefix(beginning) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Ends it without a word, as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, as an operator would, and waits until it has.
    pub fn stop(mut self) -> ExitStatus {
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(asked.success());
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}

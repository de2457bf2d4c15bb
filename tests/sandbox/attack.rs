//! One hostile submission, run by the real binary, and what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::AtomicBool;

use nix::libc;
use serde_json::{Map, Value, json};

use paddock::scoring::predictions::FileFormat;
use paddock::scoring::runtimes::{self, Context, Runtimes, Task};
use paddock::scoring::sandbox::{Finished, Layer, Limits, Payload, Sandbox};

use crate::canaries::{Canaries, SECRET, is_inside, processes, snapshot, wait_for_the_end_of_all};
use crate::place::{Place, settings};

/// A submission of `submissions/`, and the limits under which it runs.
pub struct Attack<'a> {
    place: &'a Place,
    canaries: Canaries,
    memory_mb: u32,
    cpu_seconds: u32,
    wall_seconds: u32,
    told: Map<String, Value>,
    environment: Vec<(&'static str, String)>,
    inherited: Vec<(u32, PathBuf)>,
    kind: &'static str,
    submission: PathBuf,
    cgroup: &'static str,
}

impl<'a> Attack<'a> {
    /// Makes the canaries and puts the submission together: `NAME.py` as `main.py`.
    pub fn new(place: &'a Place, submission: &str) -> Self {
        let attack = Self::empty(place);
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox/submissions");
        let into = attack.path("submission");
        fs::copy(
            sources.join(submission).with_extension("py"),
            into.join("main.py"),
        )
        .unwrap_or_else(|error| panic!("submissions/{submission}.py: {error}"));
        fs::copy(sources.join("attempts.py"), into.join("attempts.py")).unwrap();
        let program = into.join("program");
        fs::write(&program, "#!/bin/sh\nexit 0\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        attack
    }

    /// A submission that is one file: an archive or a model.
    pub fn of_file(place: &'a Place, kind: &'static str, name: &str, content: &[u8]) -> Self {
        let mut attack = Self::empty(place);
        attack.kind = kind;
        attack.submission = attack.path("submission").join(name);
        fs::write(&attack.submission, content).unwrap();
        attack
    }

    fn empty(place: &'a Place) -> Self {
        let canaries = Canaries::new(place.user);
        let Value::Object(told) = canaries.told() else {
            unreachable!("the canaries tell an object");
        };
        Self {
            place,
            submission: canaries.folder().join("submission"),
            kind: "python",
            cgroup: place.cgroup,
            canaries,
            memory_mb: 256,
            cpu_seconds: 10,
            wall_seconds: 30,
            told,
            environment: Vec::new(),
            inherited: Vec::new(),
        }
    }

    pub fn memory_mb(mut self, megabytes: u32) -> Self {
        self.memory_mb = megabytes;
        self
    }

    pub fn cpu_seconds(mut self, seconds: u32) -> Self {
        self.cpu_seconds = seconds;
        self
    }

    pub fn wall_seconds(mut self, seconds: u32) -> Self {
        self.wall_seconds = seconds;
        self
    }

    /// Sets another cgroup mode than the place's.
    pub fn cgroup(mut self, mode: &'static str) -> Self {
        self.cgroup = mode;
        self
    }

    /// Tells the submission something more, as `CANARIES[name]`.
    pub fn telling(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.told.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a variable in the environment of `paddock` itself.
    pub fn environment(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Lets `paddock` inherit a file of the run's folder, open at a number.
    pub fn inheriting(mut self, number: u32, file: &str) -> Self {
        self.inherited
            .push((number, self.canaries.folder().join(file)));
        self
    }

    /// Lets everyone write into the submission's folder, as a careless operator might.
    pub fn open_to_all(self) -> Self {
        let everyone = fs::Permissions::from_mode(0o777);
        fs::set_permissions(self.path("submission"), everyone).unwrap();
        self
    }

    /// A file of the run's folder.
    pub fn path(&self, file: &str) -> PathBuf {
        self.canaries.folder().join(file)
    }

    pub fn marker(&self) -> &str {
        self.canaries.marker()
    }

    /// Writes what the submission is told.
    fn tell(&self) {
        let mut told = self.told.clone();
        told.insert("syscalls".into(), syscall_numbers());
        told.insert("memory_mb".into(), self.memory_mb.into());
        let told = Value::Object(told).to_string();
        fs::write(self.path("submission/canaries.json"), told).unwrap();
    }

    /// The command line, ready to be started.
    pub fn command(&self, json: bool) -> Command {
        self.tell();
        let runtimes = std::env::var("PADDOCK_TEST_RUNTIMES").unwrap_or_default();
        fs::write(
            self.path("paddock.toml"),
            format!(
                "sandbox_cgroup = \"{}\"\nruntimes_dir = \"{runtimes}\"\n",
                self.cgroup
            ),
        )
        .unwrap();
        // A shell, because only it can hand on a descriptor at a number of our choice.
        let mut script = String::new();
        for (number, file) in &self.inherited {
            script.push_str(&format!("exec {number}<'{}'\n", file.display()));
        }
        script.push_str("exec \"$@\"");
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(script).arg("sh");
        command
            .arg(&self.place.program)
            .args(["sandbox", "run", "--kind", self.kind])
            .arg("--config")
            .arg(self.path("paddock.toml"))
            .arg("--features")
            .arg(self.path("features/features.csv"))
            .arg("--output")
            .arg(self.path("output/predictions.csv"))
            .args(["--memory-mb", &self.memory_mb.to_string()])
            .args(["--cpu-seconds", &self.cpu_seconds.to_string()])
            .args(["--wall-seconds", &self.wall_seconds.to_string()]);
        if json {
            command.arg("--json");
        }
        command.arg(&self.submission);
        command
            .current_dir(self.canaries.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PADDOCK_") {
                command.env_remove(name);
            }
        }
        command.env("HOME", self.canaries.folder());
        // So that the run's marker stands in the paths of its mounts, and leftovers are seen.
        command.env("TMPDIR", self.path("tmp"));
        if let Some(user) = self.place.user {
            command.uid(user).gid(user).env("PATH", "/usr/bin:/bin");
        }
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }

    /// Runs it, and asserts what holds for every run: no canary is touched, nothing survives, the host
    /// is as it was, and nobody has seen the labels.
    pub fn run(mut self) -> Ended {
        let ended = if let Some(fork) = &self.place.fork {
            self.tell();
            let before = self.canaries.snapshot_before();
            let ended = self.judged_by(|payload, limits, predictions| {
                let never = AtomicBool::new(false);
                let python = &fork.python;
                fork.sandbox
                    .run_preforked(python, payload, limits, predictions, &never)
            });
            self.assert_harmless(&before);
            ended
        } else {
            self.judged_by_the_program()
        };
        let told = format!("{ended:?}");
        assert!(!told.contains(SECRET), "the labels were read: {told}");
        if let Some(predictions) = &ended.predictions {
            let predictions = String::from_utf8_lossy(predictions);
            assert!(!predictions.contains(SECRET), "{predictions}");
        }
        ended
    }

    fn judged_by_the_program(&mut self) -> Ended {
        let output = self.output(true);
        let (out, error) = (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        let printed: Value = serde_json::from_str(&out)
            .unwrap_or_else(|cause| panic!("{}: no JSON ({cause})\n{out}\n{error}", output.status));
        let text = |field: &str| printed[field].as_str().unwrap_or_default().to_owned();
        let ended = Ended {
            verdict: text("verdict"),
            reason: text("reason"),
            stdout: text("stdout"),
            stderr: text("stderr"),
            cpu_seconds: printed["cpu_seconds"].as_f64().unwrap_or_default(),
            predictions: fs::read(self.path("output/predictions.csv")).ok(),
            features: fs::read(self.path("features/features.csv")).unwrap(),
            marker: self.marker().to_owned(),
            touched: None,
        };
        assert_eq!(
            output.status.success(),
            ended.verdict != "REFUSED",
            "{}: {ended:?}\n{error}",
            output.status
        );
        ended
    }

    /// Runs it by the library, in a sandbox of this very binary that lacks some layers. Nothing is
    /// asserted.
    pub fn run_without(mut self, layers: &[Layer]) -> Ended {
        self.tell();
        let sandbox = Sandbox::open_without(&settings(self.place.cgroup), layers).unwrap();
        self.canaries.snapshot_before();
        let mut ended = self.judged_by(|payload, limits, predictions| {
            sandbox.run(payload, limits, predictions, &AtomicBool::new(false))
        });
        ended.touched = self.canaries.touched();
        ended
    }

    /// Runs it by the library, in a sandbox that others may disturb meanwhile. Nothing is asserted.
    pub fn run_in(mut self, sandbox: &Sandbox, cancelled: &AtomicBool) -> Ended {
        self.tell();
        let mut ended = self.judged_by(|payload, limits, predictions| {
            sandbox.run(payload, limits, predictions, cancelled)
        });
        ended.touched = self.canaries.touched();
        ended
    }

    /// Judges it by the library instead of by the program.
    fn judged_by(&self, run: impl FnOnce(&Payload, &Limits, &Path) -> Finished) -> Ended {
        let features = self.path("features/features.csv");
        let predictions = self.path("output/predictions.csv");
        let limits = Limits {
            memory_bytes: u64::from(self.memory_mb) << 20,
            cpu_seconds: self.cpu_seconds,
            wall_seconds: self.wall_seconds,
            ..Limits::default()
        };
        let finished = run(&payload(&self.submission, &features), &limits, &predictions);
        let text = |log: &[u8]| String::from_utf8_lossy(log).into_owned();
        Ended {
            verdict: finished.verdict.code(),
            reason: finished.reason,
            stdout: text(&finished.stdout),
            stderr: text(&finished.stderr),
            cpu_seconds: finished.usage.cpu_seconds,
            predictions: fs::read(predictions).ok(),
            features: fs::read(&features).unwrap(),
            marker: self.marker().to_owned(),
            touched: None,
        }
    }

    /// Runs it to its end by the program; what that itself printed. Asserts the same, but for the JSON.
    pub fn output(&mut self, json: bool) -> Output {
        let mut command = self.command(json);
        let before = self.canaries.snapshot_before();
        let output = command.output().unwrap();
        self.assert_harmless(&before);
        output
    }

    fn assert_harmless(&mut self, before: &BTreeMap<PathBuf, String>) {
        assert_eq!(self.canaries.touched(), None);
        // Whoever was inside must be gone by now; what of ours stood outside may be about to end.
        let survivors = processes(self.marker());
        let inside: Vec<_> = survivors
            .iter()
            .filter(|process| is_inside(**process))
            .collect();
        assert!(inside.is_empty(), "still running: {inside:?}");
        wait_for_the_end_of_all(self.marker());
        let after = snapshot(self.canaries.folder());
        assert_eq!(*before, after, "a file of the host changed");
        for folder in ["/tmp", "/dev/shm", "/var/tmp"] {
            for name in ["filler", "link", "python", "library.so", "new"] {
                let path = Path::new(folder).join(name);
                assert!(!path.exists(), "{} was made on the host", path.display());
            }
        }
    }
}

/// The payload of a submission of Python code, as a worker makes it.
pub fn payload(submission: &Path, features: &Path) -> Payload {
    let task = Task {
        features,
        features_format: FileFormat::Csv,
        predictions_format: FileFormat::Csv,
        columns: None,
    };
    let runtimes = Runtimes::find(Path::new("/nonexistent"));
    runtimes::python(&runtimes, submission, &task, &Context::default()).unwrap()
}

/// What the binary said of a run.
#[derive(Debug)]
pub struct Ended {
    pub verdict: String,
    pub reason: String,
    pub stdout: String,
    pub stderr: String,
    pub cpu_seconds: f64,
    pub predictions: Option<Vec<u8>>,
    features: Vec<u8>,
    pub marker: String,
    /// The canary that was touched, where that is not a failure.
    pub touched: Option<String>,
}

impl Ended {
    /// Asserts the verdict, and that its reason tells people something but no path of the host.
    #[track_caller]
    pub fn verdict(&self, expected: &str) -> &Self {
        self.verdict_among(&[expected])
    }

    /// Asserts that the verdict is one of several.
    #[track_caller]
    pub fn verdict_among(&self, expected: &[&str]) -> &Self {
        assert!(
            expected.contains(&self.verdict.as_str()),
            "expected {expected:?}, got {}: {}\n{}\n{}",
            self.verdict,
            self.reason,
            self.stdout,
            self.stderr,
        );
        assert!(
            !self.reason.contains(&self.marker) && !self.reason.contains("/sys/fs/cgroup"),
            "the reason names a path of the host: {}",
            self.reason
        );
        if self.verdict != "OK" {
            assert!(self.reason.len() > 10, "no reason: {self:?}");
        }
        self
    }

    /// Asserts that the run was judged `OK` with predictions for every row, and that each attempt which
    /// the submission noted ended with one of these errors.
    #[track_caller]
    pub fn held(&self, errors: &[&str]) -> &Self {
        self.ok();
        let noted = self.noted();
        let attempts: Vec<_> = noted
            .iter()
            .filter_map(|(what, outcome)| Some((what, outcome.as_str()?)))
            .collect();
        assert!(!attempts.is_empty(), "nothing was attempted: {noted:?}");
        let wrong: Vec<_> = attempts
            .iter()
            .filter(|(_, outcome)| !errors.contains(outcome))
            .collect();
        assert!(wrong.is_empty(), "not among {errors:?}: {wrong:#?}");
        self
    }

    /// Asserts that the run was judged `OK` and has its predictions.
    #[track_caller]
    pub fn ok(&self) -> &Self {
        self.verdict("OK");
        let predictions = self.predictions.as_deref().unwrap_or_default();
        let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(
            lines(predictions),
            lines(&self.features),
            "{}",
            String::from_utf8_lossy(predictions)
        );
        self
    }

    /// What the submission noted.
    #[track_caller]
    pub fn noted(&self) -> Map<String, Value> {
        let Some(line) = self
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix("ATTEMPTS "))
        else {
            panic!("it noted nothing: {self:?}");
        };
        serde_json::from_str(line).unwrap()
    }

    /// One of the numbers that the submission noted.
    #[track_caller]
    pub fn number(&self, what: &str) -> u64 {
        let noted = self.noted();
        noted
            .get(what)
            .and_then(Value::as_u64)
            .unwrap_or_else(|| panic!("`{what}` was not noted: {noted:?}"))
    }
}

/// The numbers of the system calls that the submissions name, on this machine.
fn syscall_numbers() -> Value {
    macro_rules! numbers {
        ($($name:literal = $number:ident),* $(,)?) => { json!({ $($name: libc::$number),* }) };
    }
    numbers! {
        "adjtimex" = SYS_adjtimex,
        "capset" = SYS_capset,
        "clone" = SYS_clone,
        "execve" = SYS_execve,
        "execveat" = SYS_execveat,
        "exit" = SYS_exit,
        "fanotify_init" = SYS_fanotify_init,
        "getpid" = SYS_getpid,
        "inotify_init1" = SYS_inotify_init1,
        "ioctl" = SYS_ioctl,
        "ioprio_set" = SYS_ioprio_set,
        "memfd_create" = SYS_memfd_create,
        "memfd_secret" = SYS_memfd_secret,
        "mlock" = SYS_mlock,
        "mlockall" = SYS_mlockall,
        "mount" = SYS_mount,
        "mq_open" = SYS_mq_open,
        "msgget" = SYS_msgget,
        "name_to_handle_at" = SYS_name_to_handle_at,
        "open" = SYS_open,
        "open_by_handle_at" = SYS_open_by_handle_at,
        "openat2" = SYS_openat2,
        "personality" = SYS_personality,
        "prctl" = SYS_prctl,
        "ptrace" = SYS_ptrace,
        "sched_setattr" = SYS_sched_setattr,
        "seccomp" = SYS_seccomp,
        "semget" = SYS_semget,
        "setdomainname" = SYS_setdomainname,
        "setgid" = SYS_setgid,
        "sethostname" = SYS_sethostname,
        "setresgid" = SYS_setresgid,
        "setresuid" = SYS_setresuid,
        "setreuid" = SYS_setreuid,
        "settimeofday" = SYS_settimeofday,
        "setuid" = SYS_setuid,
        "shmget" = SYS_shmget,
        "socket" = SYS_socket,
        "splice" = SYS_splice,
        "tee" = SYS_tee,
        "vmsplice" = SYS_vmsplice,
    }
}

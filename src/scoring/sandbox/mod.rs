//! The sandbox: runs a stranger's code so that it can hurt nobody.
//!
//! A run goes through processes that all are this very binary, started again before any thread exists
//! (see [`enter_if_asked`]):
//!
//! 1. The *host* ([`host`]) — the server, a worker or the command line — makes a cgroup ([`cgroup`]),
//!    has the supervisor forked ([`launcher`]), reads what comes out of it through byte-capped pipes, watches the clock
//!    and finally judges ([`judge`]).
//! 2. The *supervisor* ([`supervisor`]) gives up root, enters namespaces of its own ([`namespaces`]),
//!    builds the file system ([`mounts`]) and watches memory where no cgroup does ([`watchdog`]).
//! 3. *Init* ([`init`]), pid 1 inside, gives up every capability, starts the payload, buries the dead,
//!    and hands over the predictions when nobody else is left.
//! 4. The *payload* seals itself ([`seal`], [`seccomp`]) and becomes the stranger's program.
//!
//! [`prefork`] is another way to a payload: forked from a Python that has its packages imported.
//!
//! Every layer is required: where one cannot be erected the run is refused, and [`check()`] names the
//! remedy. Labels never enter; the host never opens a file that a payload made.
//!
//! Pure but for the kernel: no database, no HTTP, no knowledge of challenges. Start reading at
//! [`Sandbox::run`].

mod calls;
mod cgroup;
mod check;
mod host;
mod init;
mod job;
mod judge;
mod launcher;
mod limits;
mod log;
mod mounts;
mod namespaces;
mod places;
mod prefork;
mod seal;
mod seccomp;
mod supervisor;
mod syscalls;
mod watchdog;

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use super::verdict::Verdict;
pub use check::{LayerReport, LayerState, check};
pub use launcher::enter_if_asked;
pub use limits::{LimitOutOfRange, Limits};
pub use prefork::Preforked;

/// A file or folder of the host that is seen inside: always read-only, without set-user-id programs and
/// device nodes.
///
/// The host's path need not be reachable by the user that the payload runs as, but what lies *in* it
/// must be readable by everyone: the folder's own mode at least `0755`, a file's `0644`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// On the host.
    pub source: PathBuf,
    /// Inside, absolute.
    pub target: PathBuf,
    /// Whether programs and libraries in it may be executed.
    pub executable: bool,
}

/// A program to run inside, with all that it sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The program, absolute inside, and its arguments.
    pub command: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// The folder it starts in, absolute inside.
    pub working_directory: PathBuf,
    pub mounts: Vec<Mount>,
    /// Where the predictions may lie, below `/output`, a writable folder in memory. When everything
    /// inside is dead, the first that exists is handed over.
    pub outputs: Vec<PathBuf>,
}

/// The processes inside that are ours: the supervisor and init.
const OWN_PROCESSES: u32 = 2;

/// The folder inside in which a payload leaves its predictions.
pub const OUTPUT: &str = "/output";

impl Payload {
    /// Whether a sandbox can be built for it.
    fn check(&self) -> Result<(), String> {
        fn plain(path: &Path) -> bool {
            path.is_absolute()
                && path
                    .components()
                    .skip(1)
                    .all(|part| matches!(part, Component::Normal(_)))
        }
        match self.command.first() {
            None => return Err("the command is empty".to_owned()),
            Some(program) if !plain(Path::new(program)) => {
                return Err(format!(
                    "the program `{}` is not an absolute path",
                    program.display()
                ));
            }
            Some(_) => {}
        }
        if !plain(&self.working_directory) {
            return Err("the working directory is not an absolute path".to_owned());
        }
        for (position, Mount { target, .. }) in self.mounts.iter().enumerate() {
            let ours = ["/proc", "/tmp", "/dev", OUTPUT, "/etc/passwd", "/etc/group"];
            if !plain(target) || target == Path::new("/") {
                return Err(format!("the mount target {} is odd", target.display()));
            }
            // Everything is mounted into the trusted root, nothing into what is mounted there.
            let others = self.mounts.iter().enumerate();
            let nested = others
                .filter(|(other, _)| *other != position)
                .any(|(_, other)| target.starts_with(&other.target));
            if nested || ours.iter().any(|taken| target.starts_with(taken)) {
                return Err(format!(
                    "the mount target {} lies in another mount",
                    target.display()
                ));
            }
        }
        let outside = |path: &&PathBuf| !(plain(path) && path.starts_with(OUTPUT));
        match self.outputs.iter().find(outside) {
            Some(path) => Err(format!("{} is not below {OUTPUT}", path.display())),
            None => Ok(()),
        }
    }
}

/// What a run has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// CPU time of all processes, in seconds.
    pub cpu_seconds: f64,
    /// Time on the clock, in seconds, from the sealed start to the end.
    pub wall_seconds: f64,
    /// The most memory at a time, in bytes; in a cgroup with the files' pages that the kernel cached.
    pub peak_memory_bytes: u64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    pub verdict: Verdict,
    /// The verdict in plain words, for the competitor: no paths of the host.
    pub reason: String,
    /// What was printed, up to the limit.
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Whether there were predictions, which then are complete in the file that was asked for.
    pub output: bool,
    pub usage: Usage,
}

/// Which cgroup a run is put into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CgroupMode {
    /// Version 2 where it is delegated to us, else version 1; without either, runs are refused.
    #[default]
    Auto,
    /// None: memory is watched every few milliseconds instead, so that a greedy payload may go over
    /// its limit for a moment.
    None,
}

/// The operator's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxSettings {
    /// Which cgroup a run is put into.
    pub cgroup: CgroupMode,
    /// Where the server runs as root, a run gets the user id `uid_base` plus its supervisor's process
    /// id: a user that nobody else on the machine is, and no two runs share.
    pub uid_base: u32,
    /// The binary that is started again; tests, which are other binaries, say which is ours.
    #[doc(hidden)]
    pub executable: PathBuf,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self {
            cgroup: CgroupMode::Auto,
            uid_base: 3_000_000,
            // The kernel's link to the running binary: it is the right one even after the file was
            // replaced by an upgrade.
            executable: "/proc/self/exe".into(),
        }
    }
}

/// The layers of the sandbox, in the order in which they are erected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Layer {
    /// The payload's environment and descriptors are its own: nothing of the host's is inherited.
    Environment,
    /// A user of its own: never root of the host.
    User,
    /// The kernel limits memory and processes of the run as a whole, and counts its CPU time.
    Cgroup,
    /// User, mount, process, host name and cgroup namespaces of its own.
    Namespaces,
    /// No network: a namespace with nothing in it.
    Network,
    /// System V shared memory and queues of its own.
    Ipc,
    /// A file system of its own, which has only what the payload needs.
    Mounts,
    /// What is mounted is read-only.
    ReadOnly,
    /// What is not a program cannot be executed.
    NoExecute,
    /// Size and number of files in `/tmp`, `/dev/shm` and `/output` are limited.
    MemoryFiles,
    /// `/proc` shows the payload's own processes, and of the machine little more than its CPUs.
    Proc,
    /// No user namespace can be made inside.
    NestedNamespaces,
    /// A pid 1 that the payload cannot inspect.
    Init,
    /// Limits of each process, as second wall of the cgroup's.
    ResourceLimits,
    /// No capability is left, nor can one be gained.
    Capabilities,
    /// No program can give more rights than its caller has.
    NoNewPrivileges,
    /// Landlock: files, TCP, signals and abstract sockets, independently of the namespaces.
    Landlock,
    /// Only the system calls that a model needs.
    Seccomp,
}

impl Layer {
    /// Its name in `paddock sandbox check`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::User => "user",
            Self::Cgroup => "cgroup",
            Self::Namespaces => "namespaces",
            Self::Network => "network",
            Self::Ipc => "ipc",
            Self::Mounts => "mounts",
            Self::ReadOnly => "read-only",
            Self::NoExecute => "no-execute",
            Self::MemoryFiles => "memory files",
            Self::Proc => "proc",
            Self::NestedNamespaces => "nested namespaces",
            Self::Init => "init",
            Self::ResourceLimits => "resource limits",
            Self::Capabilities => "capabilities",
            Self::NoNewPrivileges => "no new privileges",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
        }
    }
}

/// Why nothing can be run on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{detail}; {remedy}")]
pub struct Refusal {
    pub layer: Layer,
    /// What is missing.
    pub detail: String,
    /// What the operator can do about it.
    pub remedy: String,
}

/// A machine that can run payloads.
#[derive(Debug)]
pub struct Sandbox {
    settings: SandboxSettings,
    cgroups: Option<cgroup::Cgroups>,
    filters: Vec<Vec<u64>>,
    launcher: launcher::Launcher,
    without: Vec<Layer>,
}

impl Sandbox {
    /// Finds the cgroup, sweeps what earlier runs of a dead server left in it, and compiles the system
    /// call filters: what need not be done anew for each run.
    ///
    /// Call it before the first payload, and from a process that may move itself in its cgroup.
    ///
    /// # Errors
    /// The layer that this machine does not offer. Layers that only a run can try are tried by
    /// [`check()`], and refused by [`Sandbox::run`].
    pub fn open(settings: &SandboxSettings) -> Result<Self, Refusal> {
        Self::open_without(settings, &[])
    }

    /// The same with layers left out, for the tests that show what each is for. No configuration and
    /// no command line leads here.
    #[doc(hidden)]
    pub fn open_without(settings: &SandboxSettings, without: &[Layer]) -> Result<Self, Refusal> {
        let cgroups = match settings.cgroup {
            CgroupMode::Auto => Some(cgroup::Cgroups::find()?),
            CgroupMode::None => None,
        };
        if let Some(cgroups) = &cgroups {
            cgroups.sweep();
        }
        Ok(Self {
            settings: settings.clone(),
            cgroups,
            filters: seccomp::filters()?,
            launcher: launcher::Launcher::new(settings, !without.contains(&Layer::Environment)),
            without: without.to_vec(),
        })
    }

    /// Runs a payload to its end and judges it. Blocks: call it where threads may block.
    ///
    /// Predictions go to the file `output_into`, which is made anew; it is there exactly if
    /// [`Finished::output`] says so. When `cancelled` becomes true the run is ended within a moment.
    pub fn run(
        &self,
        payload: &Payload,
        limits: &Limits,
        output_into: &Path,
        cancelled: &AtomicBool,
    ) -> Finished {
        host::run(self, None, payload, limits, output_into, cancelled)
    }

    /// The same for a payload of Python code, forked from a Python that has its packages imported: in a
    /// tenth of the time.
    ///
    /// What is given up is said at [`Preforked`].
    pub fn run_preforked(
        &self,
        python: &Preforked,
        payload: &Payload,
        limits: &Limits,
        output_into: &Path,
        cancelled: &AtomicBool,
    ) -> Finished {
        host::run(self, Some(python), payload, limits, output_into, cancelled)
    }

    fn has(&self, layer: Layer) -> bool {
        !self.without.contains(&layer)
    }
}

//! The seal: what the payload's process does to itself before it runs a stranger's code.
//!
//! The seal is a list of system calls, made in one place. A payload that is started performs them in
//! Rust; one that is forked from a Python that has its packages imported already ([`super::prefork`])
//! performs the very same list there.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, Scope,
};
use nix::libc::{self, c_long};
use nix::sys::resource::{Resource, getrlimit};
use serde::Serialize;

use super::job::{During, Failure, Job};
use super::mounts::{CPUS, DEVICES};
use super::{Layer, OUTPUT, OWN_PROCESSES};

/// The first version of Landlock (Linux 6.12) that keeps signals and abstract sockets inside.
const LANDLOCK: ABI = ABI::V6;

/// Address space beyond the memory limit, where no cgroup limits memory: libraries and the stacks of
/// threads are mapped in full but hardly used.
const UNUSED_ADDRESS_SPACE: u64 = 1 << 30;

/// A system call of the seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    pub layer: Layer,
    number: c_long,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
enum Argument {
    Word(u64),
    /// A pointer to these bytes.
    Bytes(Vec<u8>),
    /// A pointer to a `sock_fprog` of these instructions.
    Filter(Vec<u64>),
    /// The descriptor of the Landlock ruleset.
    Ruleset,
}

impl Call {
    fn new<const N: usize>(layer: Layer, number: c_long, arguments: [Argument; N]) -> Self {
        Self {
            layer,
            number,
            arguments: arguments.into(),
        }
    }

    fn prctl(layer: Layer, option: i32, second: u64) -> Self {
        let words = [u64::from(option.cast_unsigned()), second, 0, 0, 0];
        Self::new(layer, libc::SYS_prctl, words.map(Argument::Word))
    }
}

/// Gives up every capability for good, and the way to get any from a program: the bounding and ambient
/// sets, then the permitted, effective and inheritable ones. Init does this for itself and for the
/// payload that it starts.
pub fn give_up_privileges(job: &Job) -> Vec<Call> {
    let mut calls = Vec::new();
    if job.has(Layer::Capabilities) {
        // SAFETY: the call takes numbers only.
        let known = |capability: &u64| unsafe {
            libc::prctl(libc::PR_CAPBSET_READ, *capability, 0, 0, 0) >= 0
        };
        let drop = |capability| Call::prctl(Layer::Capabilities, libc::PR_CAPBSET_DROP, capability);
        calls.extend((0..64).take_while(known).map(drop));
        let clear = libc::PR_CAP_AMBIENT_CLEAR_ALL as u64;
        calls.push(Call::prctl(
            Layer::Capabilities,
            libc::PR_CAP_AMBIENT,
            clear,
        ));
        // The header is the version and the process, our own; the sets are six words.
        const VERSION_3: u64 = 0x2008_0522;
        let header = VERSION_3.to_ne_bytes().to_vec();
        let nothing = vec![0; 24];
        let arguments = [Argument::Bytes(header), Argument::Bytes(nothing)];
        calls.push(Call::new(Layer::Capabilities, libc::SYS_capset, arguments));
    }
    // Landlock and seccomp demand this of whoever has no capability.
    if job.has(Layer::NoNewPrivileges) {
        calls.push(Call::prctl(
            Layer::NoNewPrivileges,
            libc::PR_SET_NO_NEW_PRIVS,
            1,
        ));
    }
    calls
}

/// The rest of the seal: limits, Landlock, and last the filters, after which hardly a call is left.
pub fn seal(job: &Job) -> Result<Vec<Call>, Failure> {
    let mut calls = Vec::new();
    if job.has(Layer::ResourceLimits) {
        calls.extend(limit_resources(job)?);
    }
    if job.has(Layer::Landlock) {
        let arguments = [Argument::Ruleset, Argument::Word(0)];
        let call = Call::new(Layer::Landlock, libc::SYS_landlock_restrict_self, arguments);
        calls.push(call);
    }
    if job.has(Layer::Seccomp) {
        for filter in &job.filters {
            let arguments = [
                Argument::Word(u64::from(libc::PR_SET_SECCOMP.cast_unsigned())),
                Argument::Word(u64::from(libc::SECCOMP_MODE_FILTER)),
                Argument::Filter(filter.clone()),
                Argument::Word(0),
                Argument::Word(0),
            ];
            calls.push(Call::new(Layer::Seccomp, libc::SYS_prctl, arguments));
        }
    }
    Ok(calls)
}

/// Limits the process itself: a second wall where a cgroup limits the run, the first where none does.
fn limit_resources(job: &Job) -> Result<Vec<Call>, Failure> {
    let limits = &job.limits;
    let processes = u64::from(limits.processes + OWN_PROCESSES);
    // A second of grace lets the more precise watch come first.
    let cpu = u64::from(limits.cpu_seconds) + 1;
    let largest_file = limits.tmp_bytes.max(limits.output_bytes + (1 << 20));
    let mut table = vec![
        // One byte: unlike 0, it also keeps the kernel from starting a program that collects dumps.
        (Resource::RLIMIT_CORE, 1),
        (Resource::RLIMIT_CPU, cpu),
        (Resource::RLIMIT_FSIZE, largest_file),
        (Resource::RLIMIT_MEMLOCK, 0),
        (Resource::RLIMIT_MSGQUEUE, 0),
        (Resource::RLIMIT_NICE, 0),
        (Resource::RLIMIT_NOFILE, u64::from(limits.open_files)),
        (Resource::RLIMIT_NPROC, processes),
        (Resource::RLIMIT_RTPRIO, 0),
        (Resource::RLIMIT_SIGPENDING, 1024),
        (Resource::RLIMIT_STACK, 8 << 20),
    ];
    if job.watched_within {
        let space = limits.memory_bytes.saturating_add(UNUSED_ADDRESS_SPACE);
        table.push((Resource::RLIMIT_AS, space.saturating_add(job.mapped_bytes)));
    }
    let mut calls = Vec::new();
    for (resource, limit) in table {
        // The server's own limit may be lower, and cannot be raised.
        let (_, most) = getrlimit(resource).during(Layer::ResourceLimits, "reading a limit")?;
        let limit = limit.min(most);
        // Past the soft limit of CPU time the process gets a signal that names the reason.
        let hard = match resource {
            Resource::RLIMIT_CPU => (limit + 1).min(most),
            _ => limit,
        };
        let pair = [limit.to_ne_bytes(), hard.to_ne_bytes()].concat();
        let arguments = [
            Argument::Word(0),
            Argument::Word(resource as u64),
            Argument::Bytes(pair),
            Argument::Word(0),
        ];
        calls.push(Call::new(
            Layer::ResourceLimits,
            libc::SYS_prlimit64,
            arguments,
        ));
    }
    Ok(calls)
}

/// Performs calls in this process.
pub fn perform(calls: &[Call], ruleset: Option<BorrowedFd<'_>>) -> Result<(), Failure> {
    for call in calls {
        let filters: Vec<_> = call
            .arguments
            .iter()
            .map(|argument| match argument {
                Argument::Filter(program) => super::seccomp::unpack(program),
                _ => Vec::new(),
            })
            .collect();
        let programs: Vec<_> = filters
            .iter()
            .map(|filter| libc::sock_fprog {
                len: filter.len() as u16,
                filter: filter.as_ptr().cast_mut(),
            })
            .collect();
        let mut words = [0; 6];
        for ((word, argument), program) in words.iter_mut().zip(&call.arguments).zip(&programs) {
            *word = match argument {
                Argument::Word(word) => *word,
                Argument::Bytes(bytes) => bytes.as_ptr().addr() as u64,
                Argument::Filter(_) => std::ptr::from_ref(program).addr() as u64,
                Argument::Ruleset => ruleset.map_or(u64::MAX, |ruleset| ruleset.as_raw_fd() as u64),
            };
        }
        // SAFETY: the pointers among the arguments lead to what outlives the call, of the sizes that
        // these calls read; none of them writes.
        let result = unsafe {
            libc::syscall(
                call.number,
                words[0],
                words[1],
                words[2],
                words[3],
                words[4],
                words[5],
            )
        };
        if result < 0 {
            return Err(Failure::new(
                call.layer,
                "sealing",
                io::Error::last_os_error(),
            ));
        }
    }
    Ok(())
}

/// Landlock as a hard requirement: what is mounted, as it is mounted, and nothing else; no TCP; no
/// signals and abstract sockets out of the sandbox. A second wall behind namespaces and mounts: it holds
/// even for a file that got in by mistake.
///
/// Made inside, where the paths are those that the payload sees; [`seal`] puts it in force.
pub fn landlock_ruleset(job: &Job) -> Result<OwnedFd, Failure> {
    let make = || -> Result<OwnedFd, Box<dyn std::error::Error>> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let execute = read | AccessFs::Execute;
        let device = AccessFs::ReadFile | AccessFs::WriteFile;
        let own = AccessFs::from_all(LANDLOCK)
            & !(AccessFs::Execute
                | AccessFs::MakeChar
                | AccessFs::MakeBlock
                | AccessFs::MakeSock
                | AccessFs::IoctlDev);
        let mut ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(LANDLOCK))?
            .handle_access(AccessNet::from_all(LANDLOCK))?
            .scope(Scope::from_all(LANDLOCK))?
            .create()?;
        let mut allow = |path: &Path, access: BitFlags<AccessFs>| {
            let access = if path.is_dir() {
                access
            } else {
                access & AccessFs::from_file(LANDLOCK)
            };
            let rule = PathBeneath::new(PathFd::new(path)?, access);
            (&mut ruleset).add_rule(rule)?;
            Ok::<_, Box<dyn std::error::Error>>(())
        };
        for mount in &job.mounts {
            allow(&mount.target, if mount.executable { execute } else { read })?;
        }
        for name in DEVICES {
            allow(&Path::new("/dev").join(name), device)?;
        }
        for path in ["/proc", "/etc/passwd", "/etc/group"] {
            allow(Path::new(path), read)?;
        }
        if Path::new(CPUS).exists() {
            allow(Path::new(CPUS), read)?;
        }
        for path in ["/tmp", "/dev/shm", OUTPUT] {
            allow(Path::new(path), own)?;
        }
        Option::from(ruleset).ok_or_else(|| "the kernel made none".into())
    };
    make()
        .map_err(|error| io::Error::other(error.to_string()))
        .during(Layer::Landlock, "making a Landlock ruleset")
}

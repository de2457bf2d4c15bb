//! The seal: what the payload's process does to itself before it becomes the stranger's program.

use std::io;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
};
use nix::libc;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::job::{During, Failure, Job};
use super::mounts::{CPUS, DEVICES};
use super::{Layer, OUTPUT, OWN_PROCESSES, syscalls};

/// The first version of Landlock (Linux 6.12) that keeps signals and abstract sockets inside.
const LANDLOCK: ABI = ABI::V6;

/// Address space beyond the memory limit, where no cgroup limits memory: libraries and the stacks of
/// threads are mapped in full but hardly used.
const UNUSED_ADDRESS_SPACE: u64 = 1 << 30;

/// Gives up every capability for good, and the way to get any from a program. Init does this for itself
/// and for the payload that it starts.
pub fn give_up_privileges(job: &Job) -> Result<(), Failure> {
    if job.has(Layer::Capabilities) {
        syscalls::drop_capabilities().during(Layer::Capabilities, "dropping capabilities")?;
    }
    if job.has(Layer::NoNewPrivileges) {
        prctl::set_no_new_privs().during(Layer::NoNewPrivileges, "forgoing new privileges")?;
    }
    Ok(())
}

/// Limits the process itself: a second wall where a cgroup limits the run, the first where none does.
pub fn limit_resources(job: &Job) -> Result<(), Failure> {
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
        table.push((Resource::RLIMIT_AS, space));
    }
    for (resource, limit) in table {
        let name = format!("setting {resource:?}");
        // The server's own limit may be lower, and cannot be raised.
        let (_, most) = getrlimit(resource).during(Layer::ResourceLimits, &name)?;
        let limit = limit.min(most);
        // Past the soft limit of CPU time the process gets a signal that names the reason.
        let hard = match resource {
            Resource::RLIMIT_CPU => (limit + 1).min(most),
            _ => limit,
        };
        setrlimit(resource, limit, hard).during(Layer::ResourceLimits, &name)?;
    }
    Ok(())
}

/// Landlock as a hard requirement: what is mounted, as it is mounted, and nothing else; no TCP; no
/// signals and abstract sockets out of the sandbox. A second wall behind namespaces and mounts: it holds
/// even for a file that got in by mistake.
pub fn restrict_by_landlock(job: &Job) -> Result<(), Failure> {
    let run = || -> Result<(), Box<dyn std::error::Error>> {
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
        let status = ruleset
            .restrict_self()
            .map_err(|error: RulesetError| error)?;
        match status.ruleset {
            landlock::RulesetStatus::FullyEnforced => Ok(()),
            _ => Err("only a part of it is enforced".into()),
        }
    };
    run()
        .map_err(|error| io::Error::other(error.to_string()))
        .during(Layer::Landlock, "restricting by Landlock")
}

/// Installs the system call filters. From here on only what they allow works.
pub fn filter_calls(job: &Job) -> Result<(), Failure> {
    for filter in &job.filters {
        let mut instructions = super::seccomp::unpack(filter);
        let program = libc::sock_fprog {
            len: instructions.len() as u16,
            filter: instructions.as_mut_ptr(),
        };
        // SAFETY: `program` points at `len` instructions, and both outlive the call.
        let result = unsafe {
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
                0,
                0,
            )
        };
        if result != 0 {
            let error = io::Error::last_os_error();
            return Err(Failure::new(Layer::Seccomp, "filtering calls", error));
        }
    }
    Ok(())
}

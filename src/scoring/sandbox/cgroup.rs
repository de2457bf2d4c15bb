//! Cgroups: the kernel counts and limits what a run uses as a whole.
//!
//! Version 2 is taken where its memory and pids controllers are delegated to us (systemd's
//! `Delegate=yes`), else version 1, whose hierarchies are separate. A run's cgroup lies beneath our own
//! and is called after the process that made it, so that one whose maker is dead can be swept away.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::job::{During, Failure};
use super::places::Places;
use super::{Layer, Limits, Refusal};

/// What all our cgroups' names begin with; the maker's process id and start time and a number follow.
const PREFIX: &str = "paddock-run-";

/// Where the server itself is put in version 2, which allows no processes beside cgroups.
const OURS: &str = "paddock-server";

/// Where a run's cgroups are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cgroups {
    V1 {
        memory: PathBuf,
        pids: PathBuf,
        /// Missing on some machines; then CPU time is counted by processes.
        cpu: Option<PathBuf>,
    },
    V2 {
        parent: PathBuf,
    },
}

/// A number for each run of this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl Cgroups {
    /// Finds where we may make cgroups, by trying.
    pub fn find() -> Result<Self, Refusal> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let places = Places::parse(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"));
        let mut reasons = Vec::new();
        match places.v2().map(delegated) {
            Some(Ok(parent)) => return Ok(Self::V2 { parent }),
            Some(Err(reason)) => reasons.push(format!("version 2: {reason}")),
            None => reasons.push("version 2: not mounted".to_owned()),
        }
        if let Some((memory, pids)) = places.v1("memory").zip(places.v1("pids")) {
            let cpu = places.v1("cpuacct");
            let found = Self::V1 { memory, pids, cpu };
            match found.directories().into_iter().try_for_each(writable) {
                Ok(()) => return Ok(found),
                Err(error) => reasons.push(format!("version 1: {error}")),
            }
        } else {
            reasons.push("version 1: no memory and pids controllers".to_owned());
        }
        Err(Refusal {
            layer: Layer::Cgroup,
            detail: format!("no cgroup can be made ({})", reasons.join("; ")),
            remedy: super::check::remedy(Layer::Cgroup).to_owned(),
        })
    }

    fn directories(&self) -> Vec<&Path> {
        match self {
            Self::V1 { memory, pids, cpu } => {
                let mut all = vec![memory.as_path(), pids.as_path()];
                all.extend(cpu.as_deref());
                all.dedup();
                all
            }
            Self::V2 { parent } => vec![parent],
        }
    }

    /// What `paddock sandbox check` says of it.
    pub fn describe(&self) -> String {
        match self {
            Self::V1 { memory, cpu, .. } => format!(
                "version 1, below {}{}",
                memory.display(),
                if cpu.is_some() {
                    ""
                } else {
                    "; CPU time is counted by processes"
                }
            ),
            Self::V2 { parent } => format!("version 2, below {}", parent.display()),
        }
    }

    /// Removes the cgroups of servers that are no more, with whatever still runs in them.
    pub fn sweep(&self) {
        for directory in self.directories() {
            let Ok(entries) = fs::read_dir(directory) else {
                continue;
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let Some(maker) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
                    continue;
                };
                let mut parts = maker.split('-');
                let pid = parts.next().and_then(|pid| pid.parse().ok());
                let start = parts.next().and_then(|start| start.parse().ok());
                if start.is_some() && pid.and_then(start_time) != start {
                    remove(&entry.path());
                }
            }
        }
    }

    /// Makes a cgroup with the limits of a run.
    pub fn create(&self, limits: &Limits) -> Result<Cgroup, Failure> {
        let name = next_name();
        let mut cgroup = Cgroup {
            directories: Vec::new(),
            memory: PathBuf::new(),
            cpu: None,
            version_2: matches!(self, Self::V2 { .. }),
        };
        for parent in self.directories() {
            let directory = parent.join(&name);
            fs::create_dir(&directory).during(Layer::Cgroup, "making a cgroup")?;
            cgroup.directories.push(directory);
        }
        let processes = (limits.processes + super::OWN_PROCESSES).to_string();
        let memory = limits.memory_bytes.to_string();
        let required = match self {
            Self::V1 {
                memory: parent,
                pids,
                cpu,
            } => {
                cgroup.memory = parent.join(&name);
                cgroup.cpu = cpu
                    .as_ref()
                    .map(|cpu| cpu.join(&name).join("cpuacct.usage"));
                [
                    (cgroup.memory.join("memory.limit_in_bytes"), memory.clone()),
                    (pids.join(&name).join("pids.max"), processes),
                ]
            }
            Self::V2 { parent } => {
                cgroup.memory = parent.join(&name);
                cgroup.cpu = Some(cgroup.memory.join("cpu.stat"));
                [
                    (cgroup.memory.join("memory.max"), memory.clone()),
                    (cgroup.memory.join("pids.max"), processes),
                ]
            }
        };
        for (file, value) in required {
            fs::write(file, value).during(Layer::Cgroup, "setting a limit")?;
        }
        // Without swap there is nothing to limit, and then these files may be missing. Version 1 has no
        // group kill: there the host kills on the first `oom_kill`.
        let optional: &[(&str, &str)] = if cgroup.version_2 {
            &[("memory.swap.max", "0"), ("memory.oom.group", "1")]
        } else {
            &[("memory.memsw.limit_in_bytes", &memory)]
        };
        for (file, value) in optional {
            let _ = fs::write(cgroup.memory.join(file), value);
        }
        Ok(cgroup)
    }
}

/// The cgroup of one run; dropping it kills what is left inside and removes it.
#[derive(Debug)]
pub struct Cgroup {
    directories: Vec<PathBuf>,
    memory: PathBuf,
    cpu: Option<PathBuf>,
    version_2: bool,
}

impl Cgroup {
    /// Moves a process, and all that it will start, into the cgroup.
    pub fn join(&self, process: i32) -> Result<(), Failure> {
        for directory in &self.directories {
            fs::write(directory.join("cgroup.procs"), process.to_string())
                .during(Layer::Cgroup, "joining a cgroup")?;
        }
        Ok(())
    }

    /// Whether the kernel has killed a process inside for want of memory.
    pub fn ran_out_of_memory(&self) -> bool {
        let file = if self.version_2 {
            "memory.events"
        } else {
            "memory.oom_control"
        };
        let counters = fs::read_to_string(self.memory.join(file)).unwrap_or_default();
        counter(&counters, "oom_kill").is_some_and(|kills| kills > 0)
    }

    /// CPU time of all processes so far, if this cgroup counts it.
    pub fn cpu_seconds(&self) -> Option<f64> {
        let text = fs::read_to_string(self.cpu.as_ref()?).ok()?;
        if self.version_2 {
            counter(&text, "usage_usec").map(|micros| micros as f64 / 1e6)
        } else {
            let nanos: u64 = text.trim().parse().ok()?;
            Some(nanos as f64 / 1e9)
        }
    }

    /// The most memory in use at a time.
    pub fn peak_memory_bytes(&self) -> Option<u64> {
        let file = if self.version_2 {
            "memory.peak"
        } else {
            "memory.max_usage_in_bytes"
        };
        let text = fs::read_to_string(self.memory.join(file)).ok()?;
        text.trim().parse().ok()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for directory in &self.directories {
            remove(directory);
        }
    }
}

/// Kills what runs in a cgroup and removes it. The kernel lets go of a cgroup only a moment after its
/// last process is gone; what cannot be removed even then is left to the next sweep.
fn remove(directory: &Path) {
    const PATIENCE: Duration = Duration::from_secs(2);
    let begun = Instant::now();
    while let Err(error) = fs::remove_dir(directory) {
        if error.kind() == io::ErrorKind::NotFound || begun.elapsed() > PATIENCE {
            return;
        }
        let inside = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
        for process in inside.lines().filter_map(|line| line.parse().ok()) {
            let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A value in a file of lines `name value`.
fn counter(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(' ')?;
        (key == name).then(|| value.trim().parse().ok())?
    })
}

/// A name that no other cgroup has, and that tells who made it.
fn next_name() -> String {
    let pid = std::process::id();
    let start = start_time(pid).unwrap_or_default();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{pid}-{start}-{number}")
}

/// When a process was started, in ticks since the machine was: with its id it names it for good.
fn start_time(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may contain anything; the 20th field after it is the start time.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

/// Whether cgroups can be made in a folder: makes one and removes it.
fn writable(directory: &Path) -> io::Result<()> {
    let trial = directory.join(next_name());
    fs::create_dir(&trial)?;
    fs::remove_dir(&trial)
}

/// Makes our own place in version 2 ready for cgroups beneath it.
fn delegated(own: PathBuf) -> Result<PathBuf, String> {
    // An earlier `Sandbox::open` of this process has moved it one down already.
    let parent = match (own.file_name(), own.parent()) {
        (Some(name), Some(parent)) if name == OURS => parent.to_owned(),
        _ => own.clone(),
    };
    let offered = fs::read_to_string(parent.join("cgroup.controllers")).unwrap_or_default();
    let missing = |set: &str| {
        ["memory", "pids"]
            .into_iter()
            .find(|name| !set.split_whitespace().any(|offered| offered == *name))
    };
    if let Some(controller) = missing(&offered) {
        return Err(format!("the controller `{controller}` is not delegated"));
    }
    let control = parent.join("cgroup.subtree_control");
    let enabled = fs::read_to_string(&control).unwrap_or_default();
    if missing(&enabled).is_some() {
        let ours = parent.join(OURS);
        let prepare = || -> io::Result<()> {
            match fs::create_dir(&ours) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            fs::write(ours.join("cgroup.procs"), std::process::id().to_string())?;
            fs::write(&control, "+memory +pids")
        };
        prepare().map_err(|error| format!("not delegated: {error}"))?;
    }
    writable(&parent).map_err(|error| format!("not delegated: {error}"))?;
    Ok(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_by_their_whole_name() {
        let control = "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n";
        assert_eq!(counter(control, "oom_kill"), Some(2));
        assert_eq!(counter(control, "oom"), None);
    }

    #[test]
    fn a_process_is_told_from_a_later_one_with_its_number() {
        let own = start_time(std::process::id());
        assert!(own.is_some());
        // Nobody can have the number after the largest.
        assert_eq!(start_time(u32::MAX), None);
    }
}

//! From what was seen of a run to its verdict: plain functions, no system calls.

use super::Limits;
use super::job::Exit;
use crate::scoring::verdict::Verdict;

/// Why the host ended a run before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    Memory,
    Cpu,
    Wall,
    Log,
    Cancelled,
}

/// What was seen of a run that got as far as its payload.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// How the payload's first process ended, unless it was ended from outside.
    pub exit: Option<Exit>,
    /// Why the host ended it, if it did.
    pub stop: Option<Stop>,
    /// The kernel, or the supervisor for want of a cgroup, found too much memory in use.
    pub memory_exceeded: bool,
    pub cpu_exceeded: bool,
    /// The size of a file of predictions that is larger than allowed.
    pub output_too_large: Option<u64>,
    pub cpu_seconds: f64,
    pub peak_memory_bytes: u64,
    /// Standard error says that Python itself, or C++, was refused memory.
    pub refused_memory: bool,
}

/// The share of the memory limit from which on a refused allocation is put down to the limit.
const NEAR: f64 = 0.7;

/// The verdict and its reason. Where several limits were passed, the first of memory, CPU time, wall
/// time, policy, predictions and log is named: a payload that is out of memory, for example, often
/// prints a long traceback too.
pub fn judge(seen: &Seen, limits: &Limits) -> (Verdict, String) {
    use nix::libc::{SIGKILL, SIGSYS, SIGXCPU};
    if seen.stop == Some(Stop::Cancelled) {
        return (Verdict::Cancelled, "The run was cancelled.".to_owned());
    }
    let near = seen.peak_memory_bytes as f64 >= NEAR * limits.memory_bytes as f64;
    let failed = seen.exit != Some(Exit::Code(0));
    if seen.memory_exceeded
        || seen.stop == Some(Stop::Memory)
        || (failed && seen.refused_memory && near)
    {
        let reason = format!(
            "It used more than the {} of memory that are allowed.",
            size(limits.memory_bytes)
        );
        return (Verdict::MemoryLimit, reason);
    }
    let cpu_signal = seen.exit == Some(Exit::Signal(SIGXCPU))
        || (seen.exit == Some(Exit::Signal(SIGKILL))
            && seen.cpu_seconds >= f64::from(limits.cpu_seconds));
    if seen.cpu_exceeded || seen.stop == Some(Stop::Cpu) || cpu_signal {
        let reason = format!(
            "It used more than the {} of CPU time that are allowed.",
            seconds(limits.cpu_seconds)
        );
        return (Verdict::CpuLimit, reason);
    }
    if seen.stop == Some(Stop::Wall) {
        let reason = format!(
            "It was not done after the {} that are allowed.",
            seconds(limits.wall_seconds)
        );
        return (Verdict::WallLimit, reason);
    }
    if seen.exit == Some(Exit::Signal(SIGSYS)) {
        let reason = "It asked the operating system for something that no model needs, such as \
                      mounting a disk or looking into another process, and was ended."
            .to_owned();
        return (Verdict::Policy, reason);
    }
    if let Some(bytes) = seen.output_too_large {
        let reason = format!(
            "The predictions are larger ({bytes} bytes) than the {} that are allowed.",
            size(limits.output_bytes)
        );
        return (Verdict::OutputLimit, reason);
    }
    if seen.stop == Some(Stop::Log) {
        let reason = format!(
            "It printed more than the {} that are allowed.",
            size(limits.log_bytes)
        );
        return (Verdict::LogLimit, reason);
    }
    match seen.exit {
        Some(Exit::Code(0)) => (Verdict::Ok, "It ran to its end.".to_owned()),
        Some(Exit::Code(code)) if seen.refused_memory => {
            let reason = format!(
                "It ended with exit code {code} after it was refused memory: it asked for more at once \
                 than the {} that are allowed leave.",
                size(limits.memory_bytes)
            );
            (Verdict::RuntimeError, reason)
        }
        Some(Exit::Code(code)) => {
            let reason = format!("It ended with exit code {code}.");
            (Verdict::RuntimeError, reason)
        }
        Some(Exit::Signal(number)) => {
            let name = nix::sys::signal::Signal::try_from(number)
                .map_or_else(|_| format!("signal {number}"), |signal| signal.to_string());
            let reason = format!("It was ended by {name}.");
            (Verdict::RuntimeError, reason)
        }
        None => (
            Verdict::PlatformFault,
            "It was lost for a reason that is not its own.".to_owned(),
        ),
    }
}

/// Whether a log's last lines say that an allocation failed.
pub fn tells_of_refused_memory(stderr: &[u8]) -> bool {
    let tail = &stderr[stderr.len().saturating_sub(4096)..];
    let tail = String::from_utf8_lossy(tail);
    tail.lines().any(|line| {
        line.starts_with("MemoryError")
            || line.contains("_ArrayMemoryError")
            || line.contains("std::bad_alloc")
            || (line.starts_with("memory allocation of") && line.ends_with("failed"))
    })
}

fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    for (unit, name) in UNITS {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{bytes} bytes")
}

fn seconds(count: u32) -> String {
    if count == 1 {
        "one second".to_owned()
    } else {
        format!("{count} seconds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(seen: &Seen) -> Verdict {
        judge(seen, &Limits::default()).0
    }

    #[test]
    fn what_ends_by_itself_is_judged_by_how_it_ends() {
        let ended = |exit| Seen {
            exit: Some(exit),
            ..Seen::default()
        };
        assert_eq!(verdict(&ended(Exit::Code(0))), Verdict::Ok);
        assert_eq!(verdict(&ended(Exit::Code(1))), Verdict::RuntimeError);
        assert_eq!(verdict(&ended(Exit::Signal(11))), Verdict::RuntimeError);
        assert_eq!(verdict(&ended(Exit::Signal(31))), Verdict::Policy);
        assert_eq!(verdict(&ended(Exit::Signal(24))), Verdict::CpuLimit);
        // Nobody but the platform kills without a reason that was seen.
        assert_eq!(verdict(&Seen::default()), Verdict::PlatformFault);
    }

    #[test]
    fn memory_comes_before_all_other_limits() {
        let mut seen = Seen {
            exit: Some(Exit::Signal(31)),
            stop: Some(Stop::Log),
            memory_exceeded: true,
            cpu_exceeded: true,
            output_too_large: Some(1 << 40),
            ..Seen::default()
        };
        assert_eq!(verdict(&seen), Verdict::MemoryLimit);
        seen.memory_exceeded = false;
        assert_eq!(verdict(&seen), Verdict::CpuLimit);
        seen.cpu_exceeded = false;
        assert_eq!(verdict(&seen), Verdict::Policy);
        seen.exit = None;
        assert_eq!(verdict(&seen), Verdict::OutputLimit);
        seen.output_too_large = None;
        assert_eq!(verdict(&seen), Verdict::LogLimit);
        seen.stop = Some(Stop::Wall);
        assert_eq!(verdict(&seen), Verdict::WallLimit);
        seen.stop = Some(Stop::Cancelled);
        assert_eq!(verdict(&seen), Verdict::Cancelled);
    }

    #[test]
    fn a_refused_allocation_is_the_limits_doing_only_near_the_limit() {
        let limits = Limits::default();
        let mut seen = Seen {
            exit: Some(Exit::Code(1)),
            refused_memory: true,
            peak_memory_bytes: limits.memory_bytes - 1,
            ..Seen::default()
        };
        assert_eq!(verdict(&seen), Verdict::MemoryLimit);
        seen.peak_memory_bytes = limits.memory_bytes / 10;
        let (verdict, reason) = judge(&seen, &limits);
        assert_eq!(verdict, Verdict::RuntimeError);
        assert!(reason.contains("2 GiB"), "{reason}");
    }

    #[test]
    fn a_traceback_tells_of_refused_memory() {
        let python =
            b"Traceback (most recent call last):\n  File \"main.py\", line 1\nMemoryError\n";
        assert!(tells_of_refused_memory(python));
        assert!(tells_of_refused_memory(
            b"numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8 TiB\n"
        ));
        assert!(!tells_of_refused_memory(b"KeyError: 'memory'\n"));
    }
}

//! The supervisor: forked from the launcher for one run. It erects what needs capabilities, and
//! afterwards waits for pid 1, for an order of the host's, and for the host's end.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeValLike;
use nix::sys::wait::waitpid;
use nix::unistd::{self, ForkResult, Pid, fork};

use super::job::{Channel, During, Failure, Job, Order, Report};
use super::mounts::Root;
use super::watchdog::{self, Look};
use super::{Layer, init, mounts, namespaces, syscalls};

/// How often memory and CPU time are looked at where no cgroup counts them.
const WATCH: Duration = Duration::from_millis(50);

/// The same when more than half of the memory is in use.
const WATCH_CLOSELY: Duration = Duration::from_millis(5);

/// Becomes the supervisor of the run that `control` tells of. `launcher` is the process that forked us.
pub fn supervise(control: &Channel, launcher: Pid) -> ! {
    if let Err(failure) = erect_and_watch(control, launcher) {
        // If the host is gone there is nobody to tell.
        let _ = control.tell(&Report::Failed(failure));
    }
    syscalls::end()
}

fn erect_and_watch(control: &Channel, launcher: Pid) -> Result<(), Failure> {
    let job: Job = control
        .hear()
        .during(Layer::Environment, "reading the job")?
        .ok_or_else(host_is_gone)?;
    if job.has(Layer::Environment) {
        syscalls::close_all_but(control.as_fd())
            .during(Layer::Environment, "closing what was inherited")?;
    }
    // The host puts us into our cgroup while we build the file system: the kernel takes a few
    // milliseconds for either.
    control
        .tell(&Report::Joining {
            process: unistd::getpid().as_raw(),
        })
        .during(Layer::Cgroup, "asking for the cgroup")?;
    prctl::set_child_subreaper(true).during(Layer::Init, "becoming a reaper")?;
    let mut sources = None;
    if let Some(user) = job.user {
        // Root without the right to mount, as in a container, is left with what its new user can reach.
        sources = match mounts::open_sources(&job.mounts) {
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => None,
            opened => Some(opened.during(Layer::Mounts, "opening what is to be mounted")?),
        };
        namespaces::give_up_root(user.id())?;
    }
    namespaces::enter(&job)?;
    // A change of user undoes this, so it comes after the last one.
    die_with_the_launcher(launcher)?;
    let root = mounts::build(&job, sources)?;
    match control
        .hear()
        .during(Layer::Cgroup, "waiting for the cgroup")?
    {
        Some(Order::Go) => {}
        Some(_) => return Ok(()),
        None => return Err(host_is_gone()),
    }
    namespaces::hide_cgroup()?;
    start_and_watch(&job, root, control)
}

fn host_is_gone() -> Failure {
    Failure::new(Layer::Init, "waiting for the host", Errno::ESRCH)
}

/// The launcher ends when the host does. Waiting for pid 1 we shall see the host's end ourselves too.
fn die_with_the_launcher(launcher: Pid) -> Result<(), Failure> {
    prctl::set_pdeathsig(Signal::SIGKILL)
        .during(Layer::Init, "binding the supervisor to the launcher")?;
    if unistd::getppid() == launcher {
        Ok(())
    } else {
        Err(host_is_gone())
    }
}

fn start_and_watch(job: &Job, root: Root, control: &Channel) -> Result<(), Failure> {
    let (alive, ours) =
        unistd::pipe2(OFlag::O_CLOEXEC).during(Layer::Init, "making pid 1's lifeline")?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }.during(Layer::Init, "starting pid 1")? {
        ForkResult::Child => {
            drop(ours);
            if let Err(failure) = init::run(job, root, control, &alive) {
                let _ = control.tell(&Report::Failed(failure));
            }
            syscalls::end()
        }
        ForkResult::Parent { child } => {
            drop(alive);
            let mut watch = Watch {
                job,
                root: &root,
                control,
                lifeline: ours,
                init: child,
                look: Look::default(),
                peak_memory_bytes: 0,
                stopped: false,
            };
            watch.until_the_end().during(Layer::Init, "watching pid 1")
        }
    }
}

struct Watch<'a> {
    job: &'a Job,
    root: &'a Root,
    control: &'a Channel,
    lifeline: OwnedFd,
    init: Pid,
    look: Look,
    peak_memory_bytes: u64,
    stopped: bool,
}

impl Watch<'_> {
    /// Waits until pid 1 is dead, which it is only when everything inside is, and says what was used.
    fn until_the_end(&mut self) -> io::Result<()> {
        let init = syscalls::watch_process(self.init.as_raw())?;
        loop {
            let mut watched = [
                PollFd::new(init.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.control.as_fd(), PollFlags::POLLIN),
            ];
            // Once stopped, the host has nothing more to say.
            let watched = if self.stopped {
                &mut watched[..1]
            } else {
                &mut watched[..]
            };
            match poll(watched, self.patience()) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            let ready = |position: usize| {
                watched
                    .get(position)
                    .and_then(PollFd::any)
                    .unwrap_or_default()
            };
            let (over, ordered) = (ready(0), ready(1));
            if over {
                break;
            }
            if ordered {
                match self.control.hear::<Order>()? {
                    Some(Order::Go) => {}
                    Some(Order::Over { succeeded }) => {
                        let word = if succeeded {
                            init::SUCCEEDED
                        } else {
                            init::FAILED
                        };
                        unistd::write(&self.lifeline, &word)?;
                    }
                    Some(Order::Stop) | None => self.stop(),
                }
            }
            if self.job.watched_within && !self.stopped {
                self.look_after()?;
            }
        }
        while waitpid(self.init, None) == Err(Errno::EINTR) {}
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let microseconds =
            usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        let largest = u64::try_from(usage.max_rss()).unwrap_or_default() * 1024;
        self.control.tell(&Report::Used {
            cpu_seconds: (microseconds as f64 / 1e6).max(self.look.cpu_seconds),
            peak_memory_bytes: self.peak_memory_bytes.max(largest),
        })
    }

    fn patience(&self) -> PollTimeout {
        if !self.job.watched_within || self.stopped {
            return PollTimeout::NONE;
        }
        let watch = if self.look.memory_bytes > self.job.limits.memory_bytes / 2 {
            WATCH_CLOSELY
        } else {
            WATCH
        };
        PollTimeout::try_from(watch).unwrap_or(PollTimeout::ZERO)
    }

    fn look_after(&mut self) -> io::Result<()> {
        let limits = &self.job.limits;
        // Until pid 1 has mounted /proc there is nothing to see, and nothing to limit.
        let Ok(look) = watchdog::look(self.root.directory(), limits.memory_bytes) else {
            return Ok(());
        };
        self.look = Look {
            cpu_seconds: look.cpu_seconds.max(self.look.cpu_seconds),
            ..look
        };
        self.peak_memory_bytes = self.peak_memory_bytes.max(look.memory_bytes);
        if look.memory_bytes > limits.memory_bytes {
            self.control.tell(&Report::MemoryExceeded)?;
            self.stop();
        } else if look.cpu_seconds > f64::from(limits.cpu_seconds) {
            self.control.tell(&Report::CpuExceeded)?;
            self.stop();
        }
        Ok(())
    }

    /// Kills pid 1, and the kernel with it everyone inside.
    fn stop(&mut self) {
        self.stopped = true;
        let _ = kill(self.init, Signal::SIGKILL);
    }
}

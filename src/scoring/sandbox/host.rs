//! The host's side of a run: starts the supervisor, reads what comes out, watches limits, and judges.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{geteuid, pipe2};

use super::cgroup::Cgroup;
use super::job::{Channel, During, Exit, Failure, Job, Order, Received, Report, User};
use super::judge::{self, Seen, Stop};
use super::log::Log;
use super::{Finished, Layer, Limits, Payload, Preforked, Sandbox, Usage, syscalls};
use crate::scoring::verdict::Verdict;

/// How often limits and the cancellation are looked at.
const TICK: Duration = Duration::from_millis(20);

/// How long all layers together may take to be erected.
const ERECTED_WITHIN: Duration = Duration::from_secs(30);

/// How long the supervisor may take to end the payload before it is ended itself.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

/// Runs a payload and judges it; see [`Sandbox::run`].
pub fn run(
    sandbox: &Sandbox,
    python: Option<&Preforked>,
    payload: &Payload,
    limits: &Limits,
    output_into: &Path,
    cancelled: &AtomicBool,
) -> Finished {
    let mut outcome = try_to_run(sandbox, python, payload, limits, output_into, cancelled);
    if let (Some(_), Err(failure)) = (python, &outcome) {
        // Nothing has run; a Python that was killed, for example, cannot be forked.
        tracing::warn!(layer = ?failure.layer, "a run is started cold, as it cannot be forked: {failure}");
        outcome = try_to_run(sandbox, None, payload, limits, output_into, cancelled);
    }
    match outcome {
        Ok(finished) => finished,
        Err(failure) => {
            tracing::error!(layer = ?failure.layer, "a run was refused: {failure}");
            refused(&failure)
        }
    }
}

fn refused(failure: &Failure) -> Finished {
    Finished {
        verdict: Verdict::Refused,
        reason: format!(
            "Nothing was run, as this machine could not seal the sandbox ({failure}). {}",
            super::check::remedy(failure.layer)
        ),
        stdout: Vec::new(),
        stderr: Vec::new(),
        output: false,
        usage: Usage::default(),
    }
}

/// The same; that nothing could be run is an error.
pub fn try_to_run(
    sandbox: &Sandbox,
    python: Option<&Preforked>,
    payload: &Payload,
    limits: &Limits,
    output_into: &Path,
    cancelled: &AtomicBool,
) -> Result<Finished, Failure> {
    limits
        .check()
        .map_err(io::Error::other)
        .during(Layer::ResourceLimits, "reading the limits")?;
    payload
        .check()
        .map_err(io::Error::other)
        .during(Layer::Mounts, "reading the payload")?;
    remove_file(output_into).during(Layer::Mounts, "removing older predictions")?;
    let mut run = Run::start(sandbox, python, payload, limits, output_into)?;
    let outcome = run.watch(cancelled);
    if outcome.is_err() {
        run.end_supervisor();
    }
    let finished = outcome.and_then(|()| run.finish());
    if !matches!(&finished, Ok(finished) if finished.output) {
        remove_file(output_into).during(Layer::Mounts, "removing incomplete predictions")?;
    }
    finished
}

/// Removes a file; a terminal or `/dev/null`, where an operator may send predictions too, stays.
fn remove_file(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => std::fs::remove_file(path),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// A run under way.
struct Run<'a> {
    /// Where the payload is forked from a Python instead of started inside.
    joining: Option<Joining<'a>>,
    /// Then this is where its trusted parent speaks.
    joined: Option<Channel>,
    limits: &'a Limits,
    /// Known when it asks for its cgroup.
    supervisor: Option<OwnedFd>,
    control: Channel,
    cgroup: Option<Cgroup>,
    stdout: Log,
    stderr: Log,
    output_into: &'a Path,
    /// Made when the first predictions come.
    output: Option<File>,
    output_bytes: u64,
    output_complete: bool,
    begun: Instant,
    sealed: Option<Instant>,
    over: Option<Instant>,
    stopped: Option<Instant>,
    failure: Option<Failure>,
    seen: Seen,
}

/// What it takes to have a payload forked.
struct Joining<'a> {
    python: &'a Preforked,
    payload: &'a Payload,
    job: Job,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

impl<'a> Run<'a> {
    fn start(
        sandbox: &Sandbox,
        python: Option<&'a Preforked>,
        payload: &'a Payload,
        limits: &'a Limits,
        output_into: &'a Path,
    ) -> Result<Self, Failure> {
        let cgroups = sandbox
            .cgroups
            .as_ref()
            .filter(|_| sandbox.has(Layer::Cgroup));
        let (control, theirs) = Channel::pair().during(Layer::Environment, "making a socket")?;
        let pipe = || pipe2(OFlag::O_CLOEXEC).during(Layer::Environment, "making a pipe");
        let (stdout, stdout_inside) = pipe()?;
        let (stderr, stderr_inside) = pipe()?;
        sandbox
            .launcher
            .launch([theirs.as_fd(), stdout_inside.as_fd(), stderr_inside.as_fd()])?;
        // Our copy of their end closes, so that we see when they are all gone.
        drop(theirs);
        let job = Job {
            user: match python {
                Some(python) => python.user().map(User::Shared),
                None if geteuid().is_root() && sandbox.has(Layer::User) => {
                    Some(User::From(sandbox.settings.uid_base))
                }
                None => None,
            },
            command: payload.command.clone(),
            environment: payload.environment.clone(),
            working_directory: payload.working_directory.clone(),
            mounts: payload.mounts.clone(),
            outputs: payload.outputs.clone(),
            limits: limits.clone(),
            watched_within: sandbox.cgroups.is_none() && sandbox.has(Layer::Cgroup),
            preforked: python.is_some(),
            mapped_bytes: python.map_or(0, Preforked::mapped_bytes),
            filters: sandbox.filters.clone(),
            without: sandbox.without.clone(),
        };
        control
            .tell(&job)
            .during(Layer::Environment, "sending the job")?;
        Ok(Self {
            joining: python.map(|python| Joining {
                python,
                payload,
                job,
                stdout: stdout_inside,
                stderr: stderr_inside,
            }),
            joined: None,
            limits,
            supervisor: None,
            control,
            cgroup: cgroups.map(|cgroups| cgroups.create(limits)).transpose()?,
            stdout: Log::new(stdout),
            stderr: Log::new(stderr),
            output_into,
            output: None,
            output_bytes: 0,
            output_complete: false,
            begun: Instant::now(),
            sealed: None,
            over: None,
            stopped: None,
            failure: None,
            seen: Seen::default(),
        })
    }

    /// Reads and watches until nobody is left inside.
    fn watch(&mut self, cancelled: &AtomicBool) -> Result<(), Failure> {
        let mut buffer = Vec::new();
        let mut looked = Instant::now();
        loop {
            let readable = |descriptor| PollFd::new(descriptor, PollFlags::POLLIN);
            let mut watched = vec![readable(self.control.as_fd())];
            watched.extend(self.joined.as_ref().map(|joined| readable(joined.as_fd())));
            let pipes = [self.stdout.readable(), self.stderr.readable()];
            watched.extend(pipes.into_iter().flatten().map(readable));
            let timeout = PollTimeout::try_from(TICK).unwrap_or(PollTimeout::ZERO);
            match poll(&mut watched, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error).during(Layer::Init, "watching the run"),
            }
            let ready = |position: usize| watched[position].any().unwrap_or_default();
            let heard = ready(0);
            let heard_joined = self.joined.is_some() && ready(1);
            self.read_logs();
            if heard_joined {
                self.hear_joined(&mut buffer)?;
            }
            if heard {
                match self
                    .control
                    .receive(&mut buffer)
                    .during(Layer::Init, "listening to the run")?
                {
                    Received::End => break,
                    Received::Report(Report::Joining { process }, _) => {
                        self.let_join(process, &self.control)?;
                        self.supervisor = syscalls::watch_process(process).ok();
                    }
                    Received::Report(Report::Ready, descriptors) => self.fork(&descriptors)?,
                    Received::Report(report, _) => self.take(report)?,
                    Received::Output(piece) => self.take_output(&piece)?,
                }
            }
            if looked.elapsed() >= TICK {
                looked = Instant::now();
                self.look(cancelled.load(Ordering::Relaxed))?;
            }
        }
        self.read_logs();
        Ok(())
    }

    /// Puts a process into the cgroup; it starts nothing before it is told to go.
    fn let_join(&self, process: i32, channel: &Channel) -> Result<(), Failure> {
        match self.cgroup.as_ref().map(|cgroup| cgroup.join(process)) {
            // It has ended already, and has said why or is about to be missed.
            Some(Err(failure)) if failure.number == Some(Errno::ESRCH as i32) => Ok(()),
            Some(Err(failure)) => Err(failure),
            Some(Ok(())) | None => {
                channel.order(Order::Go);
                Ok(())
            }
        }
    }

    /// Has the payload forked, when its namespaces are ready.
    fn fork(&mut self, descriptors: &[OwnedFd]) -> Result<(), Failure> {
        let failed = Layer::Init;
        let Some(joining) = self.joining.take() else {
            let odd = io::Error::other("pid 1 is ready unasked");
            return Err(Failure::new(failed, "forking a Python", odd));
        };
        let (ours, theirs) = Channel::pair().during(failed, "making a socket")?;
        let pipes = [&theirs, &joining.stdout, &joining.stderr];
        let descriptors: Vec<_> = pipes
            .into_iter()
            .chain(descriptors)
            .map(AsFd::as_fd)
            .collect();
        let Joining {
            python,
            payload,
            ref job,
            ..
        } = joining;
        python.fork(job, payload, &descriptors)?;
        self.joined = Some(ours);
        Ok(())
    }

    /// Listens to the trusted parent of a forked payload.
    fn hear_joined(&mut self, buffer: &mut Vec<u8>) -> Result<(), Failure> {
        let Some(joined) = &self.joined else {
            return Ok(());
        };
        let heard = joined
            .receive(buffer)
            .during(Layer::Init, "listening to the forked Python")?;
        match heard {
            Received::Report(Report::Joining { process }, _) => {
                self.let_join(process, joined)?;
            }
            Received::Report(report, _) => {
                let over = match &report {
                    Report::Exited(exit) => Some(*exit == Exit::Code(0)),
                    Report::Failed(_) => Some(false),
                    _ => None,
                };
                self.take(report)?;
                if let Some(succeeded) = over {
                    self.joined = None;
                    self.control.order(Order::Over { succeeded });
                }
            }
            Received::Output(_) => {}
            Received::End => {
                self.joined = None;
                self.control.order(Order::Over { succeeded: false });
            }
        }
        Ok(())
    }

    fn take(&mut self, report: Report) -> Result<(), Failure> {
        match report {
            Report::Ready | Report::Joining { .. } => {}
            Report::Failed(failure) => self.failure = Some(failure),
            Report::Sealed => self.sealed = Some(Instant::now()),
            Report::Exited(exit) => {
                self.seen.exit = Some(exit);
                self.over = Some(Instant::now());
            }
            Report::OutputTooLarge { bytes } => self.seen.output_too_large = Some(bytes),
            Report::OutputComplete => {
                self.output_file()?;
                self.output_complete = true;
            }
            Report::MemoryExceeded => self.seen.memory_exceeded = true,
            Report::CpuExceeded => self.seen.cpu_exceeded = true,
            Report::Used {
                cpu_seconds,
                peak_memory_bytes,
            } => {
                // A forked payload is no child of the supervisor's, so its parent tells of it.
                self.seen.cpu_seconds += cpu_seconds;
                let peak = &mut self.seen.peak_memory_bytes;
                *peak = peak_memory_bytes.max(*peak);
                self.over.get_or_insert_with(Instant::now);
            }
        }
        Ok(())
    }

    fn output_file(&mut self) -> Result<&mut File, Failure> {
        match &mut self.output {
            Some(file) => Ok(file),
            missing => {
                let file = File::create(self.output_into)
                    .during(Layer::Mounts, "making the predictions' file")?;
                Ok(missing.insert(file))
            }
        }
    }

    fn take_output(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.output_bytes += piece.len() as u64;
        if self.output_bytes > self.limits.output_bytes {
            self.seen.output_too_large = Some(self.output_bytes);
            return Ok(());
        }
        self.output_file()?
            .write_all(piece)
            .during(Layer::Mounts, "writing the predictions")
    }

    fn read_logs(&mut self) {
        let most = self.limits.log_bytes;
        let left = |other: &Log| most.saturating_sub(other.kept.len() as u64);
        let room = left(&self.stderr);
        let mut passed = self.stdout.read(room);
        let room = left(&self.stdout);
        passed |= self.stderr.read(room);
        if passed {
            self.stop(Stop::Log);
        }
    }

    /// The limits that are looked at now and then.
    fn look(&mut self, cancelled: bool) -> Result<(), Failure> {
        if let Some(stopped) = self.stopped {
            if stopped.elapsed() > 2 * STOPPED_WITHIN {
                return Err(Errno::ETIMEDOUT).during(Layer::Init, "ending the run");
            }
            if stopped.elapsed() > STOPPED_WITHIN {
                self.end_supervisor();
            }
            return Ok(());
        }
        if cancelled {
            self.stop(Stop::Cancelled);
            return Ok(());
        }
        let Some(sealed) = self.sealed else {
            if self.begun.elapsed() > ERECTED_WITHIN {
                self.stop(Stop::Wall);
                return Err(Errno::ETIMEDOUT).during(Layer::Init, "waiting for the seal");
            }
            return Ok(());
        };
        let cgroup = self.cgroup.as_ref();
        let cpu = cgroup.and_then(Cgroup::cpu_seconds).unwrap_or_default();
        if cgroup.is_some_and(Cgroup::ran_out_of_memory) {
            self.stop(Stop::Memory);
        } else if cpu > f64::from(self.limits.cpu_seconds) {
            self.stop(Stop::Cpu);
        } else if self.over.is_none()
            && sealed.elapsed() > Duration::from_secs(u64::from(self.limits.wall_seconds))
        {
            self.stop(Stop::Wall);
        }
        Ok(())
    }

    fn stop(&mut self, reason: Stop) {
        if self.stopped.is_none() {
            self.stopped = Some(Instant::now());
            self.seen.stop = Some(reason);
            self.control.order(Order::Stop);
        }
    }

    /// Ends the supervisor; pid 1, and so everyone inside, is bound to it.
    fn end_supervisor(&mut self) {
        if let Some(supervisor) = &self.supervisor {
            syscalls::kill_process(supervisor);
        }
    }

    fn finish(mut self) -> Result<Finished, Failure> {
        let Some(sealed) = self.sealed else {
            if self.seen.stop == Some(Stop::Cancelled) {
                return Ok(self.judged(Duration::ZERO));
            }
            return Err(self.failure.take().unwrap_or_else(|| {
                let lost = io::Error::other("the supervisor ended before the seal");
                Failure::new(Layer::Init, "starting the payload", lost)
            }));
        };
        if let Some(failure) = &self.failure {
            // A limit may be the cause: then it is judged by that.
            tracing::error!(layer = ?failure.layer, "a sealed run failed: {failure}");
        }
        let wall = self.over.unwrap_or_else(Instant::now) - sealed;
        if let Some(cgroup) = &self.cgroup {
            self.seen.memory_exceeded |= cgroup.ran_out_of_memory();
            if let Some(cpu_seconds) = cgroup.cpu_seconds() {
                self.seen.cpu_seconds = cpu_seconds;
            }
            if let Some(bytes) = cgroup.peak_memory_bytes() {
                self.seen.peak_memory_bytes = bytes;
            }
        }
        Ok(self.judged(wall))
    }

    fn judged(mut self, wall: Duration) -> Finished {
        self.seen.refused_memory = judge::tells_of_refused_memory(&self.stderr.kept);
        let (verdict, reason) = judge::judge(&self.seen, self.limits);
        Finished {
            verdict,
            reason,
            output: verdict == Verdict::Ok && self.output_complete,
            stdout: self.stdout.kept,
            stderr: self.stderr.kept,
            usage: Usage {
                cpu_seconds: self.seen.cpu_seconds,
                wall_seconds: wall.as_secs_f64(),
                peak_memory_bytes: self.seen.peak_memory_bytes,
            },
        }
    }
}

//! Pid 1 inside: starts the payload, buries the dead, and hands over the predictions.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc::{self, S_IFMT, S_IFREG};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{self, ForkResult, Pid, fork};

use super::job::{CHUNK, Channel, During, Exit, Failure, Job, Report};
use super::mounts::Root;
use super::{Layer, OUTPUT, namespaces, seal, syscalls};

/// After how many milliseconds each orphans are buried while a payload runs that joined from outside.
const BURIED_EVERY: u8 = 50;

/// What the supervisor writes into the lifeline when such a payload is over.
pub const SUCCEEDED: [u8; 1] = *b"1";
pub const FAILED: [u8; 1] = *b"0";

/// Everything that pid 1 does. `alive` is a pipe whose other end only the supervisor holds.
pub fn run(job: &Job, root: Root, control: &Channel, alive: &OwnedFd) -> Result<(), Failure> {
    die_with_the_supervisor(alive)?;
    root.enter(job)?;
    if job.has(Layer::Init) {
        prctl::set_dumpable(false).during(Layer::Init, "hiding pid 1")?;
    }
    seal::perform(&seal::give_up_privileges(job), None)?;
    if job.preforked {
        return serve_preforked(job, control, alive);
    }
    // SAFETY: this process has one thread.
    match unsafe { fork() }.during(Layer::Init, "starting the payload")? {
        ForkResult::Child => Err(become_payload(job, control)),
        ForkResult::Parent { child } => {
            let exit = bury_until(child).during(Layer::Init, "waiting for the payload")?;
            let tell = |report: Report| control.tell(&report).during(Layer::Init, "reporting");
            tell(Report::Exited(exit))?;
            hand_over(job, control, exit == Exit::Code(0))
                .during(Layer::Init, "handing over the predictions")
        }
    }
}

/// Lets a payload join from outside, which then is nobody's child here, and waits until it is over.
fn serve_preforked(job: &Job, control: &Channel, alive: &OwnedFd) -> Result<(), Failure> {
    let ruleset = seal::landlock_ruleset(job)?;
    let namespaces = namespaces::open_own(job)?;
    let descriptors: Vec<_> = std::iter::once(&ruleset)
        .chain(&namespaces)
        .map(AsFd::as_fd)
        .collect();
    control
        .tell_with(&Report::Ready, &descriptors)
        .during(Layer::Init, "reporting")?;
    drop((ruleset, namespaces));
    let serve = || -> io::Result<()> {
        let mut word = [0];
        loop {
            let mut watched = [PollFd::new(alive.as_fd(), PollFlags::POLLIN)];
            if poll(&mut watched, PollTimeout::from(BURIED_EVERY)).unwrap_or_default() > 0 {
                break;
            }
            while bury_one(libc::WNOHANG).is_ok_and(|(dead, _)| dead > 0) {}
        }
        // Without a word the supervisor is gone, and we go with it.
        if unistd::read(alive, &mut word)? == 1 {
            bury_all()?;
            hand_over(job, control, word == SUCCEEDED)?;
        }
        Ok(())
    };
    serve().during(Layer::Init, "handing over the predictions")
}

fn die_with_the_supervisor(alive: &OwnedFd) -> Result<(), Failure> {
    prctl::set_pdeathsig(Signal::SIGKILL).during(Layer::Init, "binding pid 1 to the supervisor")?;
    // The supervisor may have died before that: then the pipe has no writer any more.
    let mut watched = [PollFd::new(alive.as_fd(), PollFlags::POLLIN)];
    match poll(&mut watched, PollTimeout::ZERO) {
        Ok(0) => Ok(()),
        Ok(_) => Err(Errno::ESRCH).during(Layer::Init, "binding pid 1 to the supervisor"),
        Err(error) => Err(error).during(Layer::Init, "binding pid 1 to the supervisor"),
    }
}

/// Reaps until the payload's first process is over, then ends the others and reaps until nobody is left
/// who could still write into the predictions.
fn bury_until(payload: Pid) -> nix::Result<Exit> {
    let exit = loop {
        match bury_one(0) {
            Ok((dead, exit)) if dead == payload.as_raw() => break exit,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    };
    bury_all()?;
    Ok(exit)
}

fn bury_all() -> nix::Result<()> {
    loop {
        // To everyone but ourselves; whoever forks meanwhile is met in the next round.
        let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        match bury_one(0) {
            Err(Errno::ECHILD) => return Ok(()),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Waits for any child. `nix` has no names for real-time signals, and a payload may end itself by one.
fn bury_one(options: libc::c_int) -> nix::Result<(libc::pid_t, Exit)> {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    let dead = Errno::result(unsafe { libc::waitpid(-1, &raw mut status, options) })?;
    let exit = if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    };
    Ok((dead, exit))
}

/// Sends the first of the expected files that exists. What is not a regular file, or lies behind a
/// link, is passed over.
fn hand_over(job: &Job, control: &Channel, succeeded: bool) -> io::Result<()> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let folder = open(OUTPUT, flags, Mode::empty())?;
    for output in &job.outputs {
        let Ok(below) = output.strip_prefix(OUTPUT) else {
            continue;
        };
        let Ok(file) = syscalls::open_without_links(folder.as_fd(), below) else {
            continue;
        };
        let stat = fstat(&file)?;
        if stat.st_mode & S_IFMT != S_IFREG {
            continue;
        }
        let bytes = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        if bytes > job.limits.output_bytes {
            return control.tell(&Report::OutputTooLarge { bytes });
        }
        if succeeded {
            send_file(&file, control)?;
            control.tell(&Report::OutputComplete)?;
        }
        return Ok(());
    }
    Ok(())
}

fn send_file(file: &OwnedFd, control: &Channel) -> io::Result<()> {
    let mut message = vec![0; 1 + CHUNK];
    loop {
        // The first byte is the message's kind.
        match unistd::read(file, &mut message[1..]) {
            Ok(0) => return Ok(()),
            Ok(length) => control.tell_output(&mut message[..=length])?,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Seals this process and becomes the stranger's program; returns only if that cannot be done.
fn become_payload(job: &Job, control: &Channel) -> Failure {
    match try_to_become_payload(job, control) {
        Ok(never) => match never {},
        Err(failure) => failure,
    }
}

fn try_to_become_payload(
    job: &Job,
    control: &Channel,
) -> Result<std::convert::Infallible, Failure> {
    let text = |bytes: &[u8]| {
        CString::new(bytes).during(Layer::Environment, "preparing the command and environment")
    };
    let command: Vec<CString> = job
        .command
        .iter()
        .map(|part| text(part.as_bytes()))
        .collect::<Result<_, _>>()?;
    let mut environment: Vec<CString> = job
        .environment
        .iter()
        .map(|(name, value)| text(format!("{name}={value}").as_bytes()))
        .collect::<Result<_, _>>()?;
    if !job.has(Layer::Environment) {
        for (name, value) in std::env::vars() {
            environment.push(text(format!("{name}={value}").as_bytes())?);
        }
    }
    let program = PathBuf::from(&job.command[0]);
    empty_input().during(Layer::Environment, "emptying standard input")?;
    default_signals().during(Layer::Init, "resetting signals")?;
    unistd::setsid().during(Layer::Init, "starting a session")?;
    unistd::chdir(&job.working_directory)
        .during(Layer::Mounts, "entering the working directory")?;
    let ruleset = seal::landlock_ruleset(job)?;
    seal::perform(&seal::seal(job)?, Some(ruleset.as_fd()))?;
    control
        .tell(&Report::Sealed)
        .during(Layer::Init, "reporting")?;
    let error = match unistd::execve(&command[0], &command, &environment) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    Err(error).during(Layer::Mounts, &format!("starting {}", file_name(&program)))
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Standard input is the `/dev/null` inside, which is read-only: through the host's, the payload could
/// set the times of a file that others see.
fn empty_input() -> nix::Result<()> {
    let nothing = open(
        "/dev/null",
        OFlag::O_RDONLY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    unistd::dup2_stdin(&nothing)
}

/// Rust ignores SIGPIPE, and whoever started us may have ignored or blocked others.
fn default_signals() -> nix::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in Signal::iterator() {
        if !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP) {
            // SAFETY: the default action runs no code of ours.
            unsafe { sigaction(signal, &default) }?;
        }
    }
    SigSet::empty().thread_set_mask()
}

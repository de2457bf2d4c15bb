//! The launcher: this binary, started again once, from which every run's supervisor is forked.
//!
//! Linking a program of this size at its start takes longer than all layers together, and a fork of it
//! next to nothing. The launcher has one thread, waits, and does nothing else.

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio, exit};
use std::sync::{Mutex, PoisonError};

use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::socket::{getsockopt, sockopt};
use nix::sys::stat::Mode;
use nix::unistd::{self, ForkResult, fork, getpid};

use super::job::{Channel, During, Failure, Received, Report};
use super::{Layer, SandboxSettings, supervisor};

/// The hidden first argument with which the host starts this binary again.
const ARGUMENT: &str = "__sandbox";

/// If this process was started as a launcher, becomes it and never returns. To be called first thing in
/// `main`: the namespaces and the forks need a process of one thread.
pub fn enter_if_asked() {
    let first = std::env::args_os().nth(1);
    if first.is_some_and(|first| first == ARGUMENT) {
        exit(match wait_for_runs() {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("error: `{ARGUMENT}` is for the server's own use: {error}");
                2
            }
        });
    }
}

/// Forks a supervisor for each message, until the host is gone.
fn wait_for_runs() -> io::Result<()> {
    let host = take_socket()?;
    let launcher = getpid();
    // Nobody asks how a supervisor ended.
    // SAFETY: ignoring runs no code of ours.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }?;
    let mut buffer = Vec::new();
    loop {
        let descriptors = match host.receive(&mut buffer)? {
            Received::Report(_, descriptors) => descriptors,
            Received::Output(_) => continue,
            Received::End => return Ok(()),
        };
        // SAFETY: this process has one thread.
        if let ForkResult::Child = unsafe { fork() }? {
            drop(host);
            // SAFETY: the default action runs no code of ours.
            unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) }?;
            let Ok([control, stdout, stderr]) = <[OwnedFd; 3]>::try_from(descriptors) else {
                exit(2);
            };
            unistd::dup2_stdout(&stdout)?;
            unistd::dup2_stderr(&stderr)?;
            drop((stdout, stderr));
            supervisor::supervise(&Channel::new(control), launcher);
        }
    }
}

/// Takes the socket that the host left on standard input, and leaves `/dev/null` there.
fn take_socket() -> nix::Result<Channel> {
    let socket = fcntl(io::stdin(), FcntlArg::F_DUPFD_CLOEXEC(3))?;
    // SAFETY: the descriptor was made in the line above, for us alone.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    getsockopt(&socket, sockopt::SockType)?;
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    unistd::dup2_stdin(open("/dev/null", flags, Mode::empty())?)?;
    Ok(Channel::new(socket))
}

/// The host's hold on its launcher, which is started when the first run needs it.
#[derive(Debug)]
pub struct Launcher {
    executable: std::path::PathBuf,
    clean_environment: bool,
    process: Mutex<Option<(Child, Channel)>>,
}

impl Launcher {
    pub fn new(settings: &SandboxSettings, clean_environment: bool) -> Self {
        Self {
            executable: settings.executable.clone(),
            clean_environment,
            process: Mutex::new(None),
        }
    }

    /// Has a supervisor forked, with its end of the socket, standard output and standard error.
    pub fn launch(&self, descriptors: [BorrowedFd<'_>; 3]) -> Result<(), Failure> {
        // A poisoned lock is a panic of another run's; the launcher itself is whole.
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, channel)) = &*process {
            if channel.tell_with(&Report::Ready, &descriptors).is_ok() {
                return Ok(());
            }
            // Somebody has killed it.
            end(process.take());
        }
        let started = self
            .start()
            .during(Layer::Environment, "starting the launcher")?;
        let (_, channel) = process.insert(started);
        channel
            .tell_with(&Report::Ready, &descriptors)
            .during(Layer::Environment, "starting the supervisor")
    }

    fn start(&self) -> io::Result<(Child, Channel)> {
        let (channel, theirs) = Channel::pair()?;
        let mut command = Command::new(&self.executable);
        command
            .arg0("paddock-sandbox")
            .arg(ARGUMENT)
            // Ctrl-C in the server's terminal asks the server to finish its runs, not us to drop them.
            .process_group(0)
            .stdin(theirs)
            .stdout(Stdio::null());
        if self.clean_environment {
            command.env_clear();
        }
        Ok((command.spawn()?, channel))
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        end(self
            .process
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take());
    }
}

fn end(process: Option<(Child, Channel)>) {
    if let Some((mut child, channel)) = process {
        drop(channel);
        let _ = child.wait();
    }
}

//! A Python that has its packages imported, and from which runs are forked.
//!
//! Importing numpy and pandas takes most of a second, a fork a few milliseconds. The Python waits outside
//! of every sandbox, runs nothing but `prefork.py`, and for each run forks a child that joins the
//! namespaces which a supervisor has made as always, then seals itself by the very calls of
//! [`seal`] and only then runs the payload's code.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};

use super::job::{Channel, During, Failure, Job};
use super::{Layer, Payload, SandboxSettings, seal};

/// The trusted program of the waiting Python.
const PROGRAM: &str = include_str!("prefork.py");

/// A Python that has its packages imported.
///
/// All runs forked from it share what a process chooses at its start: where its memory lies and how it
/// hashes strings. A submission that finds an error in an interpreter or a package thus learns from one
/// run what would help it in another, so it is for the operator to choose. It may also come upon what this
/// process was told of earlier runs: commands and the names of folders, never data. Everything else is as
/// in any run: a fork has namespaces, limits and a seal of its own, and can reach neither this process nor
/// another fork.
///
/// It must be able to read the packages where they lie on the host, as a user of its own where we are
/// root. If it is killed, runs are started cold from then on.
#[derive(Debug)]
pub struct Preforked {
    process: Child,
    /// Held for as long as it takes to hand over a run.
    channel: Mutex<Channel>,
    /// The user that it and its runs are, where we are root.
    user: Option<u32>,
    /// What it had mapped when it was ready.
    mapped_bytes: u64,
}

/// What the waiting Python says when it is ready.
#[derive(Debug, Deserialize)]
enum Greeting {
    Ready { mapped_bytes: u64 },
    Failed { cause: String },
}

/// A run, as the waiting Python is told of it, with the descriptors of the host's socket, standard output,
/// standard error, the Landlock ruleset and the namespaces.
#[derive(Debug, Serialize)]
struct Task<'a> {
    command: Vec<&'a str>,
    environment: &'a [(String, String)],
    working_directory: &'a std::path::Path,
    /// Where packages lie outside, and where inside.
    moved: Vec<(&'a std::path::Path, &'a std::path::Path)>,
    seal: Vec<seal::Call>,
}

impl Preforked {
    /// Starts a Python like the one of `payload`, with its environment and packages, and imports
    /// `modules`, of which those that are not installed are passed over.
    ///
    /// # Errors
    /// It does not start, or a module starts threads, which a fork would lose.
    pub fn start(
        settings: &SandboxSettings,
        payload: &Payload,
        modules: &[&str],
    ) -> Result<Self, Failure> {
        let failed = Layer::Init;
        let (channel, theirs) = Channel::pair().during(failed, "making a socket")?;
        let python = payload
            .command
            .first()
            .ok_or_else(|| io::Error::other("the command is empty"))
            .during(failed, "starting a Python to fork")?;
        let mut command = Command::new(python);
        command
            .args(["-P", "-c", PROGRAM])
            .args(modules)
            .env_clear()
            .envs(
                payload
                    .environment
                    .iter()
                    .map(|(name, value)| (name, outside(payload, value))),
            )
            // Arrow's allocator would start a thread, which a fork would lose.
            .env("JE_ARROW_MALLOC_CONF", "background_thread:false")
            .current_dir("/")
            .process_group(0)
            .stdin(theirs)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let user = geteuid()
            .is_root()
            .then(|| settings.uid_base.saturating_add(std::process::id()));
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let process = command
            .spawn()
            .during(failed, "starting a Python to fork")?;
        drop(command);
        let mut preforked = Self {
            process,
            channel: Mutex::new(channel),
            user,
            mapped_bytes: 0,
        };
        let greeting = preforked.hand_over(|channel| channel.hear::<Greeting>());
        match greeting.during(failed, "importing packages")? {
            Some(Greeting::Ready { mapped_bytes }) => {
                preforked.mapped_bytes = mapped_bytes;
                Ok(preforked)
            }
            Some(Greeting::Failed { cause }) => {
                Err(io::Error::other(cause)).during(failed, "importing packages")
            }
            None => Err(io::Error::other("the Python ended")).during(failed, "importing packages"),
        }
    }

    pub(super) fn user(&self) -> Option<u32> {
        self.user
    }

    pub(super) fn mapped_bytes(&self) -> u64 {
        self.mapped_bytes
    }

    /// Has a child forked that runs the payload's command; `descriptors` are those of [`Task`].
    pub(super) fn fork(
        &self,
        job: &Job,
        moved: &Payload,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), Failure> {
        let failed = Layer::Init;
        let command = job
            .command
            .iter()
            .skip(1)
            .map(|part| {
                part.to_str()
                    .ok_or_else(|| io::Error::other("the command is not UTF-8"))
            })
            .collect::<io::Result<_>>()
            .during(failed, "reading the command")?;
        let mut calls = seal::give_up_privileges(job);
        calls.extend(seal::seal(job)?);
        let task = Task {
            command,
            environment: &job.environment,
            working_directory: &job.working_directory,
            moved: moved
                .mounts
                .iter()
                .filter(|mount| mount.executable && mount.source != mount.target)
                .map(|mount| (&*mount.source, &*mount.target))
                .collect(),
            seal: calls,
        };
        self.hand_over(|channel| channel.tell_with(&task, descriptors))
            .during(failed, "forking a Python")
    }

    fn hand_over<T>(&self, act: impl FnOnce(&Channel) -> T) -> T {
        // A poisoned lock is a panic of another run's; the channel itself is whole.
        let channel = self
            .channel
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        act(&channel)
    }
}

impl Drop for Preforked {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A variable's value with the paths that lie outside instead of inside.
fn outside(payload: &Payload, value: &str) -> String {
    payload
        .mounts
        .iter()
        .filter(|mount| mount.source != mount.target)
        .fold(value.to_owned(), |value, mount| {
            let inside = mount.target.to_string_lossy();
            if value == inside {
                mount.source.to_string_lossy().into_owned()
            } else {
                value
            }
        })
}

//! What the host and the processes inside tell each other, over one socket that keeps the boundaries
//! of messages.
//!
//! Only trusted code holds an end of it: the last trusted instruction before the payload's `execve`
//! writes [`Report::Sealed`], and `execve` closes it. So no payload can forge a verdict.

use std::ffi::OsString;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
    recv, recvmsg, send, sendmsg, socketpair,
};
use nix::unistd;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Layer, Limits, Mount};

/// The largest message: a job with its filters takes about a quarter of it, and the kernel's default
/// for a socket's buffer is 208 KiB.
const LARGEST: usize = 128 * 1024;

/// The most descriptors of a message: seven namespaces and a Landlock ruleset.
const DESCRIPTORS: usize = 8;

/// How much of the predictions goes into one message.
pub const CHUNK: usize = 64 * 1024;

/// Everything the supervisor needs to know, sent to it by the host.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    /// The user to become, where the host is root.
    pub user: Option<User>,
    pub command: Vec<OsString>,
    pub environment: Vec<(String, String)>,
    pub working_directory: PathBuf,
    pub mounts: Vec<Mount>,
    pub outputs: Vec<PathBuf>,
    pub limits: Limits,
    /// Whether memory and CPU time are watched from within, for want of a cgroup.
    pub watched_within: bool,
    /// Whether the payload is not started inside but forked from a Python that joins from outside.
    pub preforked: bool,
    /// What that Python has mapped already.
    pub mapped_bytes: u64,
    /// The system call filters, compiled once by the host.
    pub filters: Vec<Vec<u64>>,
    /// What a test leaves out.
    pub without: Vec<Layer>,
}

/// The user of the host that a run is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum User {
    /// That of the Python from which it is forked.
    Shared(u32),
    /// One of its own: this number plus the supervisor's process id.
    From(u32),
}

impl User {
    /// The user's number; to be asked for by the supervisor.
    pub fn id(self) -> u32 {
        match self {
            Self::Shared(id) => id,
            Self::From(base) => base.saturating_add(std::process::id()),
        }
    }
}

impl Job {
    /// Whether a layer is to be erected.
    pub fn has(&self, layer: Layer) -> bool {
        !self.without.contains(&layer)
    }
}

/// What the host says after the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// The supervisor is in its cgroup and may start the payload.
    Go,
    /// End the payload.
    Stop,
    /// The payload that joined from outside is over: end what it left behind, and hand over the
    /// predictions if it succeeded.
    Over { succeeded: bool },
}

/// What trusted code inside tells the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// A layer cannot be erected; nothing untrusted has run.
    Failed(Failure),
    /// A payload may join from outside. With descriptors of the Landlock ruleset and the namespaces.
    Ready,
    /// This process is to be put into the cgroup, and told to go.
    Joining { process: i32 },
    /// All layers stand; the next instruction is the payload's.
    Sealed,
    /// The payload's first process is over.
    Exited(Exit),
    /// The file of predictions is this large, more than allowed.
    OutputTooLarge { bytes: u64 },
    /// All of the predictions have been sent.
    OutputComplete,
    /// The supervisor found more memory in use than allowed.
    MemoryExceeded,
    /// The supervisor found more CPU time used than allowed.
    CpuExceeded,
    /// What was used by the processes that someone waited for; the supervisor's last message.
    Used {
        cpu_seconds: f64,
        peak_memory_bytes: u64,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

/// A layer that cannot be erected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{what}: {cause}")]
pub struct Failure {
    pub layer: Layer,
    /// What was tried, as in "unshare".
    pub what: String,
    pub cause: String,
    /// The kernel's error number, where it was the kernel that refused.
    pub number: Option<i32>,
}

impl Failure {
    pub fn new(layer: Layer, what: impl Into<String>, cause: impl Into<io::Error>) -> Self {
        let cause = cause.into();
        Self {
            layer,
            what: what.into(),
            number: cause.raw_os_error(),
            cause: cause.to_string(),
        }
    }
}

/// Adds to an error what was being done.
pub trait During<T> {
    fn during(self, layer: Layer, what: &str) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> During<T> for Result<T, E> {
    fn during(self, layer: Layer, what: &str) -> Result<T, Failure> {
        self.map_err(|cause| Failure::new(layer, what, cause))
    }
}

/// One end of the socket.
#[derive(Debug)]
pub struct Channel {
    socket: OwnedFd,
}

/// A message from inside.
#[derive(Debug)]
pub enum Received {
    Report(Report, Vec<OwnedFd>),
    /// A piece of the predictions.
    Output(Vec<u8>),
    /// The other side is gone.
    End,
}

/// The first byte of a message says what follows.
const TEXT: u8 = b'T';
const OUTPUT: u8 = b'O';

impl Channel {
    pub fn new(socket: OwnedFd) -> Self {
        Self { socket }
    }

    /// Our end, and theirs.
    pub fn pair() -> nix::Result<(Self, OwnedFd)> {
        let (ours, theirs) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )?;
        Ok((Self::new(ours), theirs))
    }

    /// Sends a message with descriptors.
    pub fn tell_with(
        &self,
        message: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let mut bytes = vec![TEXT];
        serde_json::to_writer(&mut bytes, message)?;
        let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        sendmsg::<UnixAddr>(
            self.socket.as_raw_fd(),
            &[IoSlice::new(&bytes)],
            &[ControlMessage::ScmRights(&numbers)],
            MsgFlags::MSG_NOSIGNAL,
            None,
        )?;
        Ok(())
    }

    /// Sends a job, an order or a report.
    pub fn tell(&self, message: &impl Serialize) -> io::Result<()> {
        let mut bytes = vec![TEXT];
        serde_json::to_writer(&mut bytes, message)?;
        if bytes.len() > LARGEST {
            return Err(io::Error::other("the command or its mounts are too long"));
        }
        self.write(&bytes)
    }

    /// Sends a piece of the predictions. The first byte of `piece` is overwritten by the message's kind.
    pub fn tell_output(&self, piece: &mut [u8]) -> io::Result<()> {
        if let Some(kind) = piece.first_mut() {
            *kind = OUTPUT;
        }
        self.write(piece)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        loop {
            // `write`, not `send`: the seal refuses every socket call.
            match unistd::write(&self.socket, bytes) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for an order, or for the job; `None` when the host is gone.
    pub fn hear<T: DeserializeOwned>(&self) -> io::Result<Option<T>> {
        let mut bytes = vec![0; LARGEST];
        let length = self.read(&mut bytes)?;
        match bytes.get(..length) {
            Some([TEXT, text @ ..]) => Ok(Some(serde_json::from_slice(text)?)),
            Some([]) => Ok(None),
            _ => Err(io::Error::other("a message of unknown kind")),
        }
    }

    /// The host's side: waits for the next message from inside. `buffer` is kept between calls.
    pub fn receive(&self, buffer: &mut Vec<u8>) -> io::Result<Received> {
        buffer.resize(LARGEST, 0);
        let (length, descriptors) = self.read_with(buffer)?;
        match buffer.get(..length) {
            Some([]) | None => Ok(Received::End),
            Some([OUTPUT, piece @ ..]) => Ok(Received::Output(piece.to_vec())),
            Some([TEXT, text @ ..]) => {
                Ok(Received::Report(serde_json::from_slice(text)?, descriptors))
            }
            Some(_) => Err(io::Error::other("a message of unknown kind")),
        }
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match recv(self.socket.as_raw_fd(), buffer, MsgFlags::empty()) {
                Ok(length) => return Ok(length),
                Err(Errno::EINTR) => {}
                // The other side closed with messages of ours unread.
                Err(Errno::ECONNRESET) => return Ok(0),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn read_with(&self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let mut space = nix::cmsg_space!([RawFd; DESCRIPTORS]);
        let mut slices = [IoSliceMut::new(buffer)];
        let message = loop {
            let flags = MsgFlags::MSG_CMSG_CLOEXEC;
            match recvmsg::<UnixAddr>(
                self.socket.as_raw_fd(),
                &mut slices,
                Some(&mut space),
                flags,
            ) {
                Ok(message) => break message,
                Err(Errno::EINTR) => {}
                Err(Errno::ECONNRESET) => return Ok((0, Vec::new())),
                Err(error) => return Err(error.into()),
            }
        };
        let mut descriptors = Vec::new();
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(numbers) = control {
                // SAFETY: the kernel has just made these descriptors for us alone.
                let owned = numbers
                    .into_iter()
                    .map(|number| unsafe { OwnedFd::from_raw_fd(number) });
                descriptors.extend(owned);
            }
        }
        Ok((message.bytes, descriptors))
    }

    /// Sends an order without ever raising SIGPIPE; that the other side is gone already is no error.
    pub fn order(&self, order: Order) {
        let mut bytes = vec![TEXT];
        if serde_json::to_writer(&mut bytes, &order).is_ok() {
            let _ = send(self.socket.as_raw_fd(), &bytes, MsgFlags::MSG_NOSIGNAL);
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Channel, Channel) {
        let (ours, theirs) = Channel::pair().unwrap();
        (ours, Channel::new(theirs))
    }

    #[test]
    fn reports_and_predictions_keep_their_boundaries() {
        let (host, inside) = pair();
        inside.tell(&Report::Sealed).unwrap();
        inside.tell_output(&mut b"?id,lap\n".to_vec()).unwrap();
        inside.tell(&Report::Exited(Exit::Code(3))).unwrap();
        drop(inside);
        let mut buffer = Vec::new();
        let mut next = || host.receive(&mut buffer).unwrap();
        let Received::Report(Report::Sealed, _) = next() else {
            panic!("sealed comes first");
        };
        let Received::Output(piece) = next() else {
            panic!("then the predictions");
        };
        assert_eq!(piece, b"id,lap\n");
        let Received::Report(Report::Exited(Exit::Code(3)), _) = next() else {
            panic!("then the end of the payload");
        };
        assert!(matches!(next(), Received::End));
    }

    #[test]
    fn the_supervisor_learns_that_the_host_is_gone() {
        let (host, inside) = pair();
        host.order(Order::Go);
        assert_eq!(inside.hear::<Order>().unwrap(), Some(Order::Go));
        drop(host);
        assert_eq!(inside.hear::<Order>().unwrap(), None);
    }
}

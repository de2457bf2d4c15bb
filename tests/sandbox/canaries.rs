//! What an attack must not reach, all of it made for one run: labels, sockets, listeners, a bystander.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What no run may print, write or send.
pub const SECRET: &str = "the-hidden-labels-7f3a";

/// A folder of the host with a submission in it, and everything that the submission must not touch.
pub struct Canaries {
    folder: TempDir,
    labels_watch: Inotify,
    tcp4: TcpListener,
    tcp6: Option<TcpListener>,
    udp: UdpSocket,
    unix: Vec<UnixListener>,
    datagrams: Vec<UnixDatagram>,
    abstract_name: String,
    bystander: Child,
}

impl Canaries {
    /// Makes them all anew. `user` is who will run the sandbox.
    pub fn new(user: Option<u32>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("paddock-abuse-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .unwrap();
        let path = folder.path();
        for name in ["hidden", "features", "submission", "output", "tmp"] {
            fs::create_dir(path.join(name)).unwrap();
            fs::set_permissions(path.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        // Readable by everyone: nothing but the sandbox keeps them hidden.
        let labels = path.join("hidden/labels.csv");
        fs::write(&labels, format!("id,label\n1,{SECRET}\n")).unwrap();
        let features: String = (1..=100).map(|id| format!("{id},{}.5\n", id % 7)).collect();
        fs::write(
            path.join("features/features.csv"),
            format!("id,lap\n{features}"),
        )
        .unwrap();
        if user.is_some() {
            for name in ["output", "tmp"] {
                std::os::unix::fs::chown(path.join(name), user, user).unwrap();
            }
        }
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let (abstract_stream, abstract_datagram) = (name.clone(), format!("{name}-datagram"));
        let unix = vec![
            UnixListener::bind(path.join("hidden/socket")).unwrap(),
            UnixListener::bind_addr(&SocketAddr::from_abstract_name(&abstract_stream).unwrap())
                .unwrap(),
            UnixListener::bind(path.join("submission/socket")).unwrap(),
        ];
        for listener in &unix {
            listener.set_nonblocking(true).unwrap();
        }
        for socket in ["hidden/socket", "submission/socket"] {
            fs::set_permissions(path.join(socket), fs::Permissions::from_mode(0o777)).unwrap();
        }
        let datagrams = vec![
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&abstract_datagram).unwrap())
                .unwrap(),
        ];
        for socket in &datagrams {
            socket.set_nonblocking(true).unwrap();
        }
        let tcp4 = TcpListener::bind("127.0.0.1:0").unwrap();
        tcp4.set_nonblocking(true).unwrap();
        let tcp6 = TcpListener::bind("[::1]:0").ok();
        if let Some(listener) = &tcp6 {
            listener.set_nonblocking(true).unwrap();
        }
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.set_nonblocking(true).unwrap();
        let mut bystander = Command::new("cat");
        bystander.stdin(Stdio::piped()).stdout(Stdio::null());
        let labels_watch = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).unwrap();
        // Without the closing of files: a child that another trial starts at the wrong moment holds what
        // we have open ourselves until it executes. Whoever closes has opened before, and that is told.
        let events = AddWatchFlags::IN_ALL_EVENTS - AddWatchFlags::IN_CLOSE;
        labels_watch.add_watch(&labels, events).unwrap();
        Self {
            labels_watch,
            tcp4,
            tcp6,
            udp,
            unix,
            datagrams,
            abstract_name: abstract_stream,
            bystander: bystander.spawn().unwrap(),
            folder,
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A word that stands in every path of this run and in no other's.
    pub fn marker(&self) -> &str {
        self.folder.path().file_name().unwrap().to_str().unwrap()
    }

    /// What the attacker is told: everything.
    pub fn told(&self) -> Value {
        let tcp6 = self
            .tcp6
            .as_ref()
            .map_or(0, |listener| listener.local_addr().unwrap().port());
        json!({
            "labels": self.folder().join("hidden/labels.csv"),
            "unix": self.folder().join("hidden/socket"),
            "abstract": self.abstract_name,
            "abstract_datagram": format!("{}-datagram", self.abstract_name),
            "tcp4": self.tcp4.local_addr().unwrap().port(),
            "tcp6": tcp6,
            "udp": self.udp.local_addr().unwrap().port(),
            "marker": self.marker(),
            "test_pid": std::process::id(),
            "bystander": self.bystander.id(),
        })
    }

    /// The state of the folder before the run, which takes reading the labels ourselves.
    pub fn snapshot_before(&self) -> BTreeMap<PathBuf, String> {
        let snapshot = snapshot(self.folder());
        let ours = self.labels_watch.read_events();
        assert!(ours.is_ok(), "reading the labels is not noticed: {ours:?}");
        snapshot
    }

    /// Which of them was touched, if any was.
    pub fn touched(&mut self) -> Option<String> {
        match self.labels_watch.read_events() {
            Err(nix::errno::Errno::EAGAIN) => {}
            touched => return Some(format!("the labels: {touched:?}")),
        }
        let mut heard: Vec<(&str, std::io::Result<()>)> = Vec::new();
        for listener in [Some(&self.tcp4), self.tcp6.as_ref()].into_iter().flatten() {
            heard.push(("a TCP listener", listener.accept().map(drop)));
        }
        heard.push(("the UDP socket", self.udp.recv(&mut [0; 16]).map(drop)));
        for listener in &self.unix {
            heard.push(("a unix socket", listener.accept().map(drop)));
        }
        for socket in &self.datagrams {
            let datagram = socket.recv(&mut [0; 16]).map(drop);
            heard.push(("a unix datagram socket", datagram));
        }
        for (what, heard) in heard {
            match heard {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return Some(format!("{what}: {other:?}")),
            }
        }
        let ended = self.bystander.try_wait().unwrap();
        ended.map(|status| format!("a process of the host: {status}"))
    }
}

impl Drop for Canaries {
    fn drop(&mut self) {
        // Best effort: it ends with its input in any case.
        let _ = self.bystander.kill();
        let _ = self.bystander.wait();
    }
}

/// Mode, owner, times and contents of everything below a folder, without what the run itself may write:
/// its output, and the folder (but not what is in it) where `paddock` keeps files for a moment.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut seen = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        if path == folder.join("output") {
            continue;
        }
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_file() {
            fs::read(&path).unwrap()
        } else if metadata.is_symlink() {
            fs::read_link(&path)
                .unwrap()
                .as_os_str()
                .as_bytes()
                .to_owned()
        } else {
            Vec::new()
        };
        if metadata.is_dir() {
            waiting.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
        let times = path != folder.join("tmp");
        let state = format!(
            "{:o} {}:{} {:?} {} {}",
            metadata.mode(),
            metadata.uid(),
            metadata.gid(),
            times.then(|| (metadata.mtime(), metadata.mtime_nsec())),
            metadata.nlink(),
            String::from_utf8_lossy(&content)
        );
        seen.insert(path, state);
    }
    seen
}

/// The processes of a run: those that have its marker on their command line or among their mounts.
pub fn processes(marker: &str) -> Vec<libc::pid_t> {
    // A process may end between being listed and being read.
    let contains = |path: PathBuf| {
        fs::read(path).is_ok_and(|content| String::from_utf8_lossy(&content).contains(marker))
    };
    let ours = fs::read_link("/proc/self/ns/mnt").unwrap();
    let has_own_mounts =
        |folder: &Path| fs::read_link(folder.join("ns/mnt")).is_ok_and(|theirs| theirs != ours);
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|process| {
            let folder = PathBuf::from(format!("/proc/{process}"));
            contains(folder.join("cmdline"))
                || has_own_mounts(&folder) && contains(folder.join("mountinfo"))
        })
        .collect()
}

/// Whether a process lives in a pid namespace below ours. One that is a zombie lives nowhere.
pub fn is_inside(process: libc::pid_t) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = |name: &str| {
        let mut lines = status.lines();
        lines
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default()
    };
    line("NSpid:").split_whitespace().count() > 1 && !line("State:").contains("zombie")
}

/// Waits for the end of every process that has the marker; half a minute for each.
pub fn wait_for_the_end_of_all(marker: &str) {
    loop {
        let alive = processes(marker);
        if alive.is_empty() {
            return;
        }
        for process in alive {
            // SAFETY: the call takes numbers only.
            let number = unsafe { libc::syscall(libc::SYS_pidfd_open, process, 0) };
            if number < 0 {
                continue; // It has ended between.
            }
            // SAFETY: the call has just opened it, and nobody else knows of it.
            let process_end = unsafe { OwnedFd::from_raw_fd(number.try_into().unwrap()) };
            let mut watched = [PollFd::new(process_end.as_fd(), PollFlags::POLLIN)];
            let ended = poll(&mut watched, PollTimeout::from(30_000_u16)).unwrap();
            assert_eq!(ended, 1, "process {process} survives");
        }
    }
}

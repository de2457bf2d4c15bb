//! The file system inside: a small folder in memory, into which everything else is mounted.
//!
//! The host's folders may lie below ones that the payload's user cannot enter (`/root`, a data folder of
//! mode `0700`). So root opens detached copies of their mounts *before* it gives itself up, and attaches
//! them in its new mount namespace; an ordinary user, who runs payloads as itself, opens them there.
//!
//! A payload can read in `/proc/self/mountinfo` where on the host's disks its files lie. That names
//! folders and opens none, so it is left as it is: to hide it would hide the processes too.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::libc::{
    MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, S_IFDIR, S_IFMT,
};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat, mkdirat};
use nix::unistd;

use super::job::{During, Failure, Job};
use super::syscalls::{attach, clone_mount, new_filesystem, restrict_mount};
use super::{Layer, Limits, Mount, OUTPUT};

/// The devices that programs expect; none of them keeps anything.
pub const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// Where libraries look up how many CPUs there are and what they can do.
pub const CPUS: &str = "/sys/devices/system/cpu";

/// What of `/proc` beside the processes stays: questions that libraries ask at their start.
const PROC_KEPT: [&str; 10] = [
    "cpuinfo",
    "filesystems",
    "loadavg",
    "meminfo",
    "mounts",
    "net",
    "self",
    "stat",
    "thread-self",
    "uptime",
];

/// Folders of the host, on any of which the new root can be mounted for the time until it *is* the root;
/// nothing happens to them outside our mount namespace.
const SCAFFOLDS: [&str; 4] = ["/tmp", "/run", "/var", "/mnt"];

/// The new root, attached but not entered.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
}

/// Opens detached copies of the mounts' sources.
pub fn open_sources(mounts: &[Mount]) -> io::Result<Vec<OwnedFd>> {
    mounts
        .iter()
        .map(|mount| clone_mount(None, &mount.source, true))
        .collect()
}

/// Builds the file system, but for `/proc`, which shows the processes of whoever mounts it.
pub fn build(job: &Job, sources: Option<Vec<OwnedFd>>) -> Result<Root, Failure> {
    let failed = Layer::Mounts;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .during(failed, "parting from the host's mounts")?;
    let sources = match sources {
        Some(sources) => sources,
        None => open_sources(&job.mounts).during(failed, "opening what is to be mounted")?,
    };
    let devices: Vec<OwnedFd> = DEVICES
        .iter()
        .map(|name| clone_mount(None, &Path::new("/dev").join(name), false))
        .collect::<io::Result<_>>()
        .during(failed, "opening the devices")?;
    // A machine without /sys has no more to tell.
    let cpus = clone_mount(None, Path::new(CPUS), true).ok();

    let directory = new_root().during(failed, "mounting the root")?;
    let root = Root { directory };
    let parts = || -> io::Result<()> {
        root.add_folders()?;
        for (source, mount) in sources.iter().zip(&job.mounts) {
            let mut attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
            if !mount.executable && job.has(Layer::NoExecute) {
                attributes |= MOUNT_ATTR_NOEXEC;
            }
            root.add(source, &mount.target, attributes | read_only(job))?;
        }
        let closed = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | read_only(job);
        for (device, name) in devices.iter().zip(DEVICES) {
            root.add(device, &Path::new("/dev").join(name), closed)?;
        }
        if let Some(cpus) = cpus {
            root.add(&cpus, Path::new(CPUS), closed | MOUNT_ATTR_NODEV)?;
        }
        Ok(())
    };
    parts().during(failed, "mounting files")?;
    root.add_memory_files(job)
        .during(Layer::MemoryFiles, "mounting folders in memory")?;
    Ok(root)
}

fn read_only(job: &Job) -> u64 {
    if job.has(Layer::ReadOnly) {
        MOUNT_ATTR_RDONLY
    } else {
        0
    }
}

fn new_root() -> io::Result<OwnedFd> {
    let options = [
        (c"size", "1m".to_owned()),
        (c"nr_inodes", "1024".to_owned()),
        (c"mode", "0755".to_owned()),
    ];
    let root = new_filesystem(c"tmpfs", &options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)?;
    let here = openat(
        nix::fcntl::AT_FDCWD,
        "/",
        OFlag::O_PATH | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    let mut last = io::Error::other("none of the usual folders exists");
    for scaffold in SCAFFOLDS {
        match attach(&root, here.as_fd(), Path::new(scaffold)) {
            Ok(()) => return Ok(root),
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Root {
    /// The new root's folder.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// What every payload finds.
    fn add_folders(&self) -> io::Result<()> {
        for folder in ["/proc", "/tmp", OUTPUT, "/dev/shm", "/etc", "/app"] {
            self.make_folder(Path::new(folder))?;
        }
        let links = [
            // Where scoring programs look for it, by Codabench's contract.
            (OUTPUT, "app/output"),
            ("/proc/self/fd", "dev/fd"),
            ("/proc/self/fd/0", "dev/stdin"),
            ("/proc/self/fd/1", "dev/stdout"),
            ("/proc/self/fd/2", "dev/stderr"),
        ];
        for (target, link) in links {
            unistd::symlinkat(target, self.directory(), link)?;
        }
        // Libraries ask who they are.
        let files = [
            ("etc/passwd", "sandbox:x:1000:1000::/tmp:/bin/sh\n"),
            ("etc/group", "sandbox:x:1000:\n"),
        ];
        for (path, text) in files {
            let file = self.make_file(Path::new(path))?;
            unistd::write(file, text.as_bytes())?;
        }
        Ok(())
    }

    /// Mounts a detached mount at an absolute path inside.
    fn add(&self, mount: &OwnedFd, target: &Path, attributes: u64) -> io::Result<()> {
        let place = inside(target);
        if is_folder(&fstat(mount)?) {
            self.make_folder(target)?;
        } else {
            self.make_folder(target.parent().unwrap_or(Path::new("/")))?;
            self.make_file(&place)?;
        }
        attach(mount, self.directory(), &place)?;
        restrict_mount(self.directory(), &place, attributes, true)
    }

    fn add_memory_files(&self, job: &Job) -> io::Result<()> {
        let Limits {
            tmp_bytes,
            tmp_inodes,
            output_bytes,
            ..
        } = job.limits;
        let mut attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
        if job.has(Layer::NoExecute) {
            attributes |= MOUNT_ATTR_NOEXEC;
        }
        // Predictions may grow a little over their limit, so that it is seen that they did.
        let folders = [
            ("tmp", tmp_bytes, tmp_inodes),
            ("dev/shm", tmp_bytes, tmp_inodes),
            ("output", output_bytes.saturating_add(1 << 20), 256),
        ];
        for (place, bytes, inodes) in folders {
            let mut options = vec![(c"mode", "1777".to_owned())];
            if job.has(Layer::MemoryFiles) {
                options.push((c"size", bytes.to_string()));
                options.push((c"nr_inodes", inodes.to_string()));
            }
            let folder = new_filesystem(c"tmpfs", &options, attributes)?;
            attach(&folder, self.directory(), Path::new(place))?;
        }
        Ok(())
    }

    /// Makes a folder at an absolute path inside, with all above it. Only ever in the root itself: a
    /// payload's mounts never lie in one another.
    fn make_folder(&self, target: &Path) -> io::Result<()> {
        let mut place = PathBuf::new();
        for part in inside(target).components() {
            place.push(part);
            match mkdirat(&self.directory, &place, Mode::from_bits_truncate(0o755)) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn make_file(&self, place: &Path) -> io::Result<OwnedFd> {
        let flags = OFlag::O_CREAT | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        Ok(openat(
            &self.directory,
            place,
            flags,
            Mode::from_bits_truncate(0o644),
        )?)
    }

    /// Mounts `/proc` and makes the new root *the* root. To be called by pid 1.
    pub fn enter(self, job: &Job) -> Result<(), Failure> {
        self.add_proc(job).during(Layer::Proc, "mounting /proc")?;
        let swap = || -> io::Result<()> {
            unistd::fchdir(&self.directory)?;
            unistd::pivot_root(".", ".")?;
            // The old root now lies over the new one.
            umount2(".", MntFlags::MNT_DETACH)?;
            unistd::chdir("/")?;
            let attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
            restrict_mount(
                self.directory(),
                Path::new(""),
                attributes | read_only(job),
                false,
            )
        };
        swap().during(Layer::Mounts, "entering the new root")
    }

    fn add_proc(&self, job: &Job) -> io::Result<()> {
        let attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
        let proc = new_filesystem(c"proc", &[], attributes)?;
        attach(&proc, self.directory(), Path::new("proc"))?;
        if job.has(Layer::NestedNamespaces) {
            let limit = openat(
                &proc,
                "sys/user/max_user_namespaces",
                OFlag::O_WRONLY | OFlag::O_CLOEXEC,
                Mode::empty(),
            )?;
            unistd::write(limit, b"0")?;
        }
        if job.has(Layer::Proc) {
            self.mask_proc(&proc)?;
            restrict_mount(self.directory(), Path::new("proc"), MOUNT_ATTR_RDONLY, true)?;
        }
        Ok(())
    }

    /// Covers everything in `/proc` that is not on our short list and not a process: files by
    /// `/dev/null`, folders by an empty one.
    fn mask_proc(&self, proc: &OwnedFd) -> io::Result<()> {
        let mut covered: Option<PathBuf> = None;
        let mut entries = Dir::openat(
            proc,
            ".",
            OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        let names: Vec<_> = entries
            .iter()
            .map(|entry| entry.map(|entry| entry.file_name().to_owned()))
            .collect::<Result<_, _>>()?;
        for name in names {
            let text = name.to_string_lossy();
            let is_process = text.bytes().all(|byte| byte.is_ascii_digit());
            if is_process || text.starts_with('.') || PROC_KEPT.contains(&text.as_ref()) {
                continue;
            }
            let place = Path::new("proc").join(text.as_ref());
            let stat = fstatat(proc, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
            let cover = match &covered {
                _ if !is_folder(&stat) => {
                    clone_mount(Some(self.directory()), Path::new("dev/null"), false)?
                }
                Some(folder) => clone_mount(Some(self.directory()), folder, false)?,
                None => {
                    let options = [(c"nr_inodes", "1".to_owned()), (c"mode", "0".to_owned())];
                    covered = Some(place.clone());
                    new_filesystem(
                        c"tmpfs",
                        &options,
                        MOUNT_ATTR_RDONLY
                            | MOUNT_ATTR_NOSUID
                            | MOUNT_ATTR_NODEV
                            | MOUNT_ATTR_NOEXEC,
                    )?
                }
            };
            attach(&cover, self.directory(), &place)?;
        }
        Ok(())
    }
}

/// An absolute path as one below the new root.
fn inside(target: &Path) -> PathBuf {
    target.strip_prefix("/").unwrap_or(target).to_owned()
}

fn is_folder(stat: &FileStat) -> bool {
    stat.st_mode & S_IFMT == S_IFDIR
}

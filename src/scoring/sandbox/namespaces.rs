//! A user and namespaces of one's own.

use std::fs;
use std::os::fd::OwnedFd;

use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::stat::Mode;
use nix::unistd::{self, Gid, Uid};

use super::Layer;
use super::job::{During, Failure, Job};

/// The user and group that the payload sees itself as.
pub const INNER_USER: u32 = 1000;

/// Becomes a user of the host that nobody else is. Root itself would be exempt from the limit on
/// processes, and in case of a hole in every other layer it would be root.
pub fn give_up_root(user: u32) -> Result<(), Failure> {
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
    unistd::setgroups(&[]).during(Layer::User, "giving up root's groups")?;
    unistd::setresgid(gid, gid, gid).during(Layer::User, "giving up root's group")?;
    unistd::setresuid(uid, uid, uid).during(Layer::User, "giving up root")
}

/// The namespaces of a run by their names in `/proc/PID/ns`, in the order in which another process has
/// to join them: rights over the others come with the user's.
fn all(job: &Job) -> Vec<(&'static str, CloneFlags)> {
    let mut all = vec![
        ("user", CloneFlags::CLONE_NEWUSER),
        ("mnt", CloneFlags::CLONE_NEWNS),
        ("pid", CloneFlags::CLONE_NEWPID),
        ("uts", CloneFlags::CLONE_NEWUTS),
        ("cgroup", CloneFlags::CLONE_NEWCGROUP),
    ];
    if job.has(Layer::Network) {
        all.push(("net", CloneFlags::CLONE_NEWNET));
    }
    if job.has(Layer::Ipc) {
        all.push(("ipc", CloneFlags::CLONE_NEWIPC));
    }
    all
}

/// Opens our own namespaces, for another process to join.
pub fn open_own(job: &Job) -> Result<Vec<OwnedFd>, Failure> {
    all(job)
        .into_iter()
        .map(|(name, _)| {
            let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
            open(&*format!("/proc/self/ns/{name}"), flags, Mode::empty())
        })
        .collect::<nix::Result<_>>()
        .during(Layer::Namespaces, "opening namespaces")
}

/// Enters namespaces of our own: in the user namespace we are user 1000 with all capabilities, which
/// count in these namespaces only.
pub fn enter(job: &Job) -> Result<(), Failure> {
    let (uid, gid) = (unistd::geteuid(), unistd::getegid());
    if uid.is_root() {
        return Err(Failure::new(
            Layer::User,
            "choosing a user",
            std::io::Error::other("the payload would run as root"),
        ));
    }
    // The cgroup's comes when we are in it.
    let flags = all(job).into_iter().map(|(_, flag)| flag);
    let flags = flags.collect::<CloneFlags>() - CloneFlags::CLONE_NEWCGROUP;
    unshare(flags).during(Layer::Namespaces, "entering namespaces")?;
    // The maps in /proc belong to root as long as we cannot be inspected, which a change of user brings
    // about.
    prctl::set_dumpable(true).during(Layer::Namespaces, "mapping the user")?;
    let maps = [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("{INNER_USER} {uid} 1")),
        ("/proc/self/gid_map", format!("{INNER_USER} {gid} 1")),
    ];
    for (file, map) in maps {
        fs::write(file, map).during(Layer::Namespaces, "mapping the user")?;
    }
    if job.has(Layer::Init) {
        prctl::set_dumpable(false).during(Layer::Init, "hiding the supervisor")?;
    }
    unistd::sethostname("sandbox").during(Layer::Namespaces, "naming the host")
}

/// Hides the place of our cgroup in the machine's; to be called when we are in it.
pub fn hide_cgroup() -> Result<(), Failure> {
    unshare(CloneFlags::CLONE_NEWCGROUP).during(Layer::Namespaces, "entering a cgroup namespace")
}

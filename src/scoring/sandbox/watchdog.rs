//! Watches memory and CPU time where no cgroup does, from `/proc` as it is seen inside.
//!
//! Memory is the processes' proportional share (PSS) plus what lies in the folders in memory; between
//! two looks a payload can go over its limit for a moment. CPU time of a process that lives shorter than
//! the time between two looks, and whose parent does not wait for it, is missed; the limit on the clock
//! bounds it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::dir::Dir;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::sys::statvfs::fstatvfs;
use nix::unistd::{self, SysconfVar, sysconf};

/// What is in use inside at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Look {
    pub memory_bytes: u64,
    pub cpu_seconds: f64,
}

/// Looks at everything inside. `root` is the root inside; before pid 1 has mounted `/proc` there, there
/// is nothing to see.
pub fn look(root: BorrowedFd<'_>, memory_limit: u64) -> io::Result<Look> {
    let proc = open_folder(root, Path::new("proc"))?;
    let mut folder = Dir::from_fd(proc.try_clone()?)?;
    let processes: Vec<String> = folder
        .iter()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str().ok()?.to_owned()))
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .collect();
    let (mut ticks, mut resident) = (0, 0);
    let mut threads = Vec::new();
    for process in &processes {
        // A process may end at any moment, and then has nothing in use.
        ticks += read(&proc, &format!("{process}/stat"))
            .and_then(|stat| cpu_ticks(&stat))
            .unwrap_or_default();
        let (thread, pages) = mapped(&proc, process);
        threads.push(thread);
        resident += pages;
    }
    let setting = |variable| sysconf(variable).ok().flatten().unwrap_or(1) as u64;
    let files = ["tmp", "dev/shm", "output"]
        .into_iter()
        .map(|place| in_use(root, Path::new(place)).unwrap_or_default())
        .sum::<u64>();
    let mut memory_bytes = resident * setting(SysconfVar::PAGE_SIZE) + files;
    if memory_bytes > memory_limit {
        // Shared pages were counted for each process; the exact count is slow, so it is made only now.
        memory_bytes = files
            + threads
                .iter()
                .filter_map(|thread| read(&proc, &format!("{thread}/smaps_rollup")))
                .filter_map(|rollup| proportional_bytes(&rollup))
                .sum::<u64>();
    }
    Ok(Look {
        memory_bytes,
        cpu_seconds: ticks as f64 / setting(SysconfVar::CLK_TCK) as f64,
    })
}

/// The pages of a process in memory, and the thread that knows of them: the first, whose number is the
/// process's, or, when that one has ended before the others, another.
fn mapped(proc: &OwnedFd, process: &str) -> (String, u64) {
    let pages = |thread: &str| {
        read(proc, &format!("{thread}/statm"))
            .and_then(|statm| resident_pages(&statm))
            .unwrap_or_default()
    };
    let of_first = pages(process);
    if of_first > 0 {
        return (process.to_owned(), of_first);
    }
    let tasks = open_folder(proc.as_fd(), &Path::new(process).join("task"));
    let mut tasks = tasks
        .map_err(|_| ())
        .and_then(|folder| Dir::from_fd(folder).map_err(|_| ()));
    let others = tasks.iter_mut().flat_map(Dir::iter);
    others
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str().ok()?.to_owned()))
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|thread| {
            let pages = pages(&thread);
            (thread, pages)
        })
        .find(|(_, pages)| *pages > 0)
        .unwrap_or_default()
}

fn open_folder(root: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Ok(openat(root, path, flags, Mode::empty())?)
}

fn read(folder: &OwnedFd, path: &str) -> Option<String> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let file = openat(folder, path, flags, Mode::empty()).ok()?;
    let mut bytes = vec![0; 4096];
    let mut length = 0;
    while length < bytes.len() {
        match unistd::read(&file, &mut bytes[length..]) {
            Ok(0) | Err(_) => break,
            Ok(more) => length += more,
        }
    }
    bytes.truncate(length);
    String::from_utf8(bytes).ok()
}

fn in_use(root: BorrowedFd<'_>, place: &Path) -> io::Result<u64> {
    let folder = open_folder(root, place)?;
    let stat = fstatvfs(folder.as_fd())?;
    Ok((stat.blocks() - stat.blocks_free()) * stat.fragment_size())
}

/// A process's own CPU time and that of its children which it waited for, in ticks (proc(5), `stat`,
/// fields 14 to 17).
fn cpu_ticks(stat: &str) -> Option<u64> {
    // The name in parentheses may contain anything, even parentheses and digits.
    let (_, fields) = stat.rsplit_once(')')?;
    let times = fields.split_whitespace().skip(11).take(4);
    Some(times.filter_map(|field| field.parse::<u64>().ok()).sum())
}

/// Pages in memory, shared ones included (proc(5), `statm`, field 2).
fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_whitespace().nth(1)?.parse().ok()
}

/// The process's share of the pages in memory (proc(5), `smaps_rollup`, `Pss`).
fn proportional_bytes(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_cannot_hide_its_time_behind_its_name() {
        let stat = "7 (x) S 0 0 99) R 1 7 7 0 -1 4194304 100 0 0 0 250 50 30 20 20 0 1 0 12345 0";
        assert_eq!(cpu_ticks(stat), Some(250 + 50 + 30 + 20));
    }

    #[test]
    fn memory_is_read_in_pages_and_in_kilobytes() {
        assert_eq!(resident_pages("1200 300 100 5 0 200 0\n"), Some(300));
        let rollup = "5580c0000000-7ffe ---p 00000000 00:00 0 [rollup]\n\
                      Rss:                2048 kB\nPss:                1024 kB\nPss_Anon: 8 kB\n";
        assert_eq!(proportional_bytes(rollup), Some(1024 * 1024));
    }
}

//! A part of the sandbox dies in the middle of a run: nothing of the run survives, the competitor is not
//! blamed, and the next run is as good as any.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::thread;

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use paddock::scoring::sandbox::Sandbox;

use crate::Case;
use crate::attack::{Attack, Ended};
use crate::canaries::{processes, wait_for_the_end_of_all};
use crate::place::{Place, settings};

pub const CASES: &[Case] = &[
    ("killed_with_its_parent", killed_with_its_parent),
    ("killed_launcher", killed_launcher),
    ("killed_supervisor", killed_supervisor),
    ("killed_init", killed_init),
    ("cancelled", cancelled),
];

fn killed_with_its_parent(place: &Place) {
    let attack = Attack::new(place, "visible");
    let marker = attack.marker().to_owned();
    let mut paddock = attack.command(true).spawn().unwrap();
    wait_until_it_runs(&marker, || {
        let ended = paddock.try_wait().unwrap();
        assert!(ended.is_none(), "it ended too early: {ended:?}");
    });
    paddock.kill().unwrap();
    paddock.wait().unwrap();
    wait_for_the_end_of_all(&marker);
    // The next start sweeps what the dead one could not.
    Attack::new(place, "honest").run().ok();
    let left = cgroups_of(paddock.id(), Path::new("/sys/fs/cgroup"));
    assert!(left.is_empty(), "{left:?}");
}

fn killed_launcher(place: &Place) {
    // Whoever has the marker but whose parent has not is the supervisor.
    interrupted(place, |marker| {
        let inside = processes(marker);
        let parents: Vec<_> = inside
            .iter()
            .filter_map(|process| parent(*process))
            .collect();
        let launcher = parents.into_iter().find(|parent| !inside.contains(parent));
        launcher.expect("the supervisor has a parent")
    });
}

fn killed_supervisor(place: &Place) {
    interrupted(place, |marker| {
        let inside = processes(marker);
        let supervisor = inside
            .iter()
            .find(|process| parent(**process).is_some_and(|parent| !inside.contains(&parent)));
        *supervisor.expect("somebody supervises")
    });
}

fn killed_init(place: &Place) {
    interrupted(place, |marker| {
        let is_init = |process: &libc::pid_t| {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            status
                .lines()
                .any(|line| line.starts_with("NSpid:") && line.ends_with("\t1"))
        };
        let inside = processes(marker);
        *inside
            .iter()
            .find(|process| is_init(process))
            .expect("somebody is pid 1 inside")
    });
}

fn cancelled(place: &Place) {
    let sandbox = Sandbox::open(&settings(place.cgroup)).unwrap();
    let attack = Attack::new(place, "visible");
    let marker = attack.marker().to_owned();
    let cancel = AtomicBool::new(false);
    let ended = thread::scope(|scope| {
        let run = scope.spawn(|| attack.run_in(&sandbox, &cancel));
        wait_until_it_runs(&marker, || {
            assert!(!run.is_finished(), "it ended too early")
        });
        cancel.store(true, std::sync::atomic::Ordering::Relaxed);
        run.join().unwrap()
    });
    ended.verdict("CANCELLED");
    assert_eq!(processes(&marker), Vec::<libc::pid_t>::new());
}

/// Kills a process of a run under way; the run must end by that, and the next must not suffer from it.
fn interrupted(place: &Place, victim: impl Fn(&str) -> libc::pid_t) {
    let sandbox = Sandbox::open(&settings(place.cgroup)).unwrap();
    let never = AtomicBool::new(false);
    let attack = Attack::new(place, "visible");
    let marker = attack.marker().to_owned();
    let ended: Ended = thread::scope(|scope| {
        let run = scope.spawn(|| attack.run_in(&sandbox, &never));
        wait_until_it_runs(&marker, || {
            assert!(!run.is_finished(), "it ended too early")
        });
        kill(Pid::from_raw(victim(&marker)), Signal::SIGKILL).unwrap();
        run.join().unwrap()
    });
    ended.verdict_among(&["PLATFORM_FAULT", "REFUSED"]);
    assert_eq!(ended.predictions, None);
    wait_for_the_end_of_all(&marker);
    Attack::new(place, "honest").run_in(&sandbox, &never).ok();
}

fn parent(process: libc::pid_t) -> Option<libc::pid_t> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

/// Looks again and again whether the submission's child, which carries the marker on its command line,
/// has begun.
fn wait_until_it_runs(marker: &str, mut assert_alive: impl FnMut()) {
    let runs = |process: &libc::pid_t| {
        fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| {
            String::from_utf8_lossy(&line).contains("signal.pause()\0paddock-abuse-")
        })
    };
    while !processes(marker).iter().any(runs) {
        assert_alive();
        thread::yield_now();
    }
}

/// The cgroups that a process has made, anywhere.
fn cgroups_of(maker: u32, folder: &Path) -> Vec<PathBuf> {
    let ours = format!("paddock-run-{maker}-");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if entry.file_name().to_string_lossy().starts_with(&ours) {
                found.push(entry.path());
            }
            found.extend(cgroups_of(maker, &entry.path()));
        }
    }
    found
}

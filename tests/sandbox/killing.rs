//! The sandbox's own parent dies in the middle: nothing of it survives.

use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::process::Child;

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::Case;
use crate::attack::Attack;
use crate::canaries::processes;
use crate::place::Place;

pub const CASES: &[Case] = &[("killed_with_its_parent", killed_with_its_parent)];

fn killed_with_its_parent(place: &Place) {
    let attack = Attack::new(place, "visible");
    let marker = attack.marker().to_owned();
    let mut paddock = attack.command(true).spawn().unwrap();
    // The submission's child carries the marker on its command line: then it runs.
    wait_until(&mut paddock, || running_inside(&marker));
    paddock.kill().unwrap();
    paddock.wait().unwrap();
    wait_for_the_end_of_all(&marker);
}

/// Whether the submission's child has begun.
fn running_inside(marker: &str) -> bool {
    processes(marker).into_iter().any(|process| {
        std::fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| {
            String::from_utf8_lossy(&line).contains("signal.pause()\0paddock-abuse-")
        })
    })
}

/// Looks again and again while a process lives.
fn wait_until(process: &mut Child, condition: impl Fn() -> bool) {
    while !condition() {
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none(), "it ended too early: {ended:?}");
        std::thread::yield_now();
    }
}

/// Waits for the end of every process that has the marker; half a minute for each.
fn wait_for_the_end_of_all(marker: &str) {
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
            assert_eq!(ended, 1, "process {process} survives its parent");
        }
    }
}

//! The abuse catalogue: what a hostile submission may try, each case a test against the real binary.
//!
//! Every attack is aimed at canaries that the test makes for itself ([`canaries`]): a file of labels,
//! unix sockets, listeners on the loopback address, processes. A case asserts the verdict, and every
//! run asserts that no canary was touched, nothing outlived it and no file of the host changed.
//!
//! The cases run in each *place* ([`place`]): with this machine's cgroups, without any, and as an
//! unprivileged user. A place that the machine cannot offer is reported as ignored with the reason;
//! with `PADDOCK_TEST_SANDBOX_COMPLETE=1` that is a failure. Start reading at [`attack`], then at the
//! first case of [`resources`].

mod attack;
mod canaries;
mod place;

mod code;
mod files;
mod killing;
mod network;
mod predictions;
mod processes;
mod resources;
mod syscalls;

use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use place::{Offer, Place};

/// A case of the catalogue: its number there and its name, and what is done.
pub type Case = (&'static str, fn(&Place));

fn main() -> std::process::ExitCode {
    let mut arguments = Arguments::from_args();
    // Each run has processes of its own; two cores are what the smallest machine of ours has.
    arguments.test_threads.get_or_insert(2);
    let complete = std::env::var_os("PADDOCK_TEST_SANDBOX_COMPLETE").is_some_and(|set| set == "1");

    let everything = [
        code::CASES,
        files::CASES,
        killing::CASES,
        network::CASES,
        predictions::CASES,
        processes::CASES,
        resources::CASES,
        syscalls::CASES,
    ]
    .concat();
    let mut trials = Vec::new();
    let mut missing = Vec::new();
    for Offer { place, cases } in place::offers() {
        let chosen = everything
            .iter()
            .filter(|(name, _)| cases.is_none_or(|cases| cases.contains(name)));
        match place {
            Ok(place) => {
                let place = Arc::new(place);
                trials.extend(chosen.map(|&(name, case)| {
                    let place = Arc::clone(&place);
                    let kind = place.name;
                    Trial::test(name, move || {
                        case(&place);
                        Ok(())
                    })
                    .with_kind(kind)
                }));
            }
            Err(lack) => {
                trials.extend(chosen.map(|&(name, _)| {
                    let reason = lack.reason.clone();
                    Trial::ignorable_test(name, move || {
                        if complete {
                            Err(Failed::from(format!("not tested: {reason}")))
                        } else {
                            Ok(Completion::ignored_with(reason))
                        }
                    })
                    .with_kind(lack.place)
                }));
                missing.push(lack);
            }
        }
    }
    trials.sort_by(|one, other| (one.kind(), one.name()).cmp(&(other.kind(), other.name())));
    let conclusion = libtest_mimic::run(&arguments, trials);
    for lack in missing {
        eprintln!("ignored: all of `{}`: {}", lack.place, lack.reason);
    }
    conclusion.exit_code()
}

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

mod archives;
mod code;
mod files;
mod killing;
mod layers;
mod models;
mod network;
mod predictions;
mod processes;
mod resources;
mod syscalls;

use std::collections::BTreeMap;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use place::{Offer, Place};

/// A case of the catalogue: its number there and its name, and what is done.
pub type Case = (&'static str, fn(&Place));

/// A variable of this process's environment, which no submission may see.
pub const CREDENTIAL: &str = "PADDOCK_TEST_CREDENTIAL";

fn main() -> std::process::ExitCode {
    // The cases that leave out a layer make sandboxes of this very binary.
    paddock::scoring::sandbox::enter_if_asked();
    // SAFETY: no other thread exists yet.
    unsafe { std::env::set_var(CREDENTIAL, "hidden") };
    let mut arguments = Arguments::from_args();
    // Each run has processes of its own; two cores are what the smallest machine of ours has.
    arguments.test_threads.get_or_insert(2);
    let complete = std::env::var_os("PADDOCK_TEST_SANDBOX_COMPLETE").is_some_and(|set| set == "1");

    let everything = [
        archives::CASES,
        code::CASES,
        files::CASES,
        killing::CASES,
        layers::CASES,
        models::CASES,
        network::CASES,
        predictions::CASES,
        processes::CASES,
        resources::CASES,
        syscalls::CASES,
    ]
    .concat();
    let lack_of_runtime = models::lack_of_runtime();
    let mut trials = Vec::new();
    let mut lacks = BTreeMap::<String, usize>::new();
    for Offer {
        name: kind,
        place,
        cases,
    } in place::offers()
    {
        let place = place.map(Arc::new);
        let chosen = everything.iter().filter(|(name, _)| match cases {
            Some(cases) => cases.contains(name),
            None => !place::ONLY_UNPRIVILEGED.contains(name),
        });
        for &(name, case) in chosen {
            let is_model = models::CASES.iter().any(|(model, _)| *model == name);
            let able = match (&place, &lack_of_runtime) {
                (Err(lack), _) => Err(lack.clone()),
                (_, Some(lack)) if is_model => Err(lack.clone()),
                (Ok(place), _) => Ok(Arc::clone(place)),
            };
            if let Err(lack) = &able {
                *lacks.entry(lack.clone()).or_insert(0) += 1;
            }
            let trial = Trial::ignorable_test(name, move || match able {
                Ok(place) => {
                    case(&place);
                    Ok(Completion::Completed)
                }
                Err(lack) if complete => Err(Failed::from(format!("not tested: {lack}"))),
                Err(lack) => Ok(Completion::ignored_with(lack)),
            });
            trials.push(trial.with_kind(kind));
        }
    }
    trials.sort_by(|one, other| (one.kind(), one.name()).cmp(&(other.kind(), other.name())));
    let conclusion = libtest_mimic::run(&arguments, trials);
    for (lack, cases) in lacks {
        eprintln!("{cases} cases cannot be tested on this machine: {lack}");
    }
    conclusion.exit_code()
}

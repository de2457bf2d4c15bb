//! The runtimes inside the sandbox: Python code, ONNX models and scoring programs, as workers run them.
//!
//! What needs the built environment is tested where `PADDOCK_TEST_RUNTIMES` names the folder that
//! `paddock runtime build --into` built it in, and the exported models of `make_models.py` where
//! `PADDOCK_TEST_MODELS` names theirs; otherwise those tests are reported as ignored with the reason.
//! With `PADDOCK_TEST_RUNTIMES_COMPLETE=1` a test that would be ignored fails.

#[path = "../integration/binary.rs"]
#[expect(dead_code, reason = "the integration tests use all of it")]
mod binary;
mod codabench;
mod models;
mod programs;
mod python;
mod stage;

use std::path::PathBuf;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use stage::Stage;

/// A test: what it shows, what it needs, and how.
pub type Case = (&'static str, Needs, fn(&Stage));

/// What a test needs of the machine, beside a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Some Python 3.
    Python,
    /// The built environment.
    Environment,
}

fn main() -> std::process::ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(2);
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let complete = set("PADDOCK_TEST_RUNTIMES_COMPLETE").is_some_and(|value| value == "1");
    let environment = set("PADDOCK_TEST_RUNTIMES").map(PathBuf::from);
    let exported = set("PADDOCK_TEST_MODELS").map(PathBuf::from);

    let ignore = move |name: String, reason: String| {
        Trial::ignorable_test(name, move || {
            if complete {
                Err(Failed::from(format!("not tested: {reason}")))
            } else {
                Ok(Completion::ignored_with(reason))
            }
        })
    };
    let stage = Stage::open(environment.as_deref()).map(Arc::new);
    let mut trials = Vec::new();
    let cases = [
        python::CASES,
        programs::CASES,
        codabench::CASES,
        models::CASES,
    ];
    for (name, needs, case) in cases.concat() {
        let lack = match &stage {
            Err(refusal) => Some(refusal.clone()),
            Ok(stage) if needs == Needs::Environment => stage.lack(),
            Ok(_) => None,
        };
        trials.push(match (&stage, lack) {
            (Ok(stage), None) => {
                let stage = Arc::clone(stage);
                Trial::test(name, move || {
                    case(&stage);
                    Ok(())
                })
            }
            (_, lack) => ignore(name.to_owned(), lack.unwrap_or_default()),
        });
    }
    match (&stage, exported) {
        (Ok(stage), Some(folder)) if stage.lack().is_none() => {
            for name in models::exported(&folder) {
                let (stage, folder) = (Arc::clone(stage), folder.clone());
                trials.push(Trial::test(format!("exported::{name}"), move || {
                    models::predicts_what_onnxruntime_predicts(&stage, &folder, &name);
                    Ok(())
                }));
            }
        }
        _ => {
            let reason = "PADDOCK_TEST_RUNTIMES and PADDOCK_TEST_MODELS are needed".to_owned();
            trials.push(ignore("exported models".to_owned(), reason));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

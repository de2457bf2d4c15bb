//! A competitor's Python code: `submission.py` with a `class Model`, or `main.py FEATURES OUTPUT`.

use std::path::Path;

use serde::Serialize;

use super::{
    Context, MissingRuntime, PACKAGES_INSIDE, Runtimes, Task, data_mount, environment, json_pieces,
    system_mounts,
};
use crate::scoring::sandbox::{Mount, Payload};

/// Runs `class Model` of a `submission.py`: the code between the competitor's and the files.
const HARNESS: &str = include_str!("harness.py");

/// What the harness is told, by [`json_pieces`].
#[derive(Serialize)]
struct Order<'a> {
    submission: &'a str,
    features: &'a str,
    output: &'a str,
    seed: u32,
    threads: u16,
    /// The id's column and the prediction columns, where a challenge says which.
    columns: Vec<&'a str>,
}

/// The payload that runs the Python code in the folder `submission` on a task's features.
///
/// With a `submission.py` at its top that is `class Model`, which needs the built environment: its
/// `__init__(context)` gets `model_dir`, `seed` and `threads`, its `predict(features)` a pandas
/// DataFrame, and what it returns is written as the predictions. Otherwise it is `main.py`, run as
/// `main.py FEATURES OUTPUT` by the built environment's Python or else by the machine's own, which
/// has the standard library.
///
/// # Errors
/// No Python, or no built environment where one is needed.
pub fn python(
    runtimes: &Runtimes,
    submission: &Path,
    task: &Task<'_>,
    context: &Context,
) -> Result<Payload, MissingRuntime> {
    let features = format!("/data/features.{}", task.features_format.as_str());
    let output = format!("/output/predictions.{}", task.predictions_format.as_str());
    let arguments = if submission.join("submission.py").is_file() {
        runtimes.built("a submission.py with `class Model`")?;
        let order = Order {
            submission: "/submission",
            features: &features,
            output: &output,
            seed: context.seed,
            threads: context.threads.max(1),
            columns: task
                .columns
                .iter()
                .flat_map(|format| format.names())
                .collect(),
        };
        // -P: the harness has no folder of its own that could hold modules.
        let mut arguments = vec!["-P".to_owned(), "-c".to_owned(), HARNESS.to_owned()];
        arguments.extend(json_pieces(&order));
        arguments
    } else {
        vec![
            "/submission/main.py".to_owned(),
            features.clone(),
            output.clone(),
        ]
    };
    let mut payload = interpreted(runtimes, arguments, context)?;
    payload.working_directory = "/submission".into();
    payload.mounts.push(data_mount(submission, "/submission"));
    payload.mounts.push(data_mount(task.features, features));
    payload.outputs = vec![output.into()];
    Ok(payload)
}

/// A payload of the interpreter with these arguments, before it sees any files.
pub(super) fn interpreted(
    runtimes: &Runtimes,
    arguments: Vec<String>,
    context: &Context,
) -> Result<Payload, MissingRuntime> {
    let python = runtimes.interpreter()?;
    let mut environment = environment(context);
    for (name, value) in [
        ("PYTHONHASHSEED", &*context.seed.to_string()),
        // What a killed program printed is still worth reading.
        ("PYTHONUNBUFFERED", "1"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("PYTHONNOUSERSITE", "1"),
        ("PYTHONUTF8", "1"),
    ] {
        environment.push((name.to_owned(), value.to_owned()));
    }
    let mut mounts: Vec<Mount> = system_mounts();
    mounts.extend(python.mounts());
    if let Some(built) = &runtimes.built {
        mounts.extend(built.mounts());
        environment.push(("PYTHONPATH".to_owned(), PACKAGES_INSIDE.to_owned()));
        environment.push(("LD_LIBRARY_PATH".to_owned(), "/runtime/lib".to_owned()));
    }
    let mut command = vec![python.executable.clone().into_os_string()];
    command.extend(arguments.into_iter().map(Into::into));
    Ok(Payload {
        command,
        environment,
        working_directory: "/tmp".into(),
        mounts,
        outputs: Vec::new(),
    })
}

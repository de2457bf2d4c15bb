//! ONNX models: what a challenge asks of one, and the payload that runs it.
//!
//! A model is run by this program itself, executed again inside the sandbox ([`enter_if_asked`]), with
//! ONNX Runtime's shared library from the built environment.

mod contract;
mod features;
mod message;
mod predictions;
mod run;
mod signature;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use run::enter_if_asked;

pub use contract::{ContractError, ElementType, OnnxContract, OnnxInput, OnnxOutput};

use super::{
    Context, MissingRuntime, PACKAGES_INSIDE, Runtimes, Task, data_mount, environment, json_pieces,
    system_mounts,
};
use crate::scoring::predictions::FileFormat;
use crate::scoring::sandbox::{Mount, Payload};

/// The hidden first argument of the runner.
const ARGUMENT: &str = "__onnx";

/// The start of the names of the environment variables that hold the [`Order`], numbered from 0.
const ORDER: &str = "PADDOCK_ORDER_";

/// What the runner inside the sandbox is told, by [`json_pieces`].
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    library: String,
    model: String,
    features: String,
    features_format: FileFormat,
    output: String,
    threads: u16,
    /// Derived from the model and the features where a model is tried without a challenge.
    contract: Option<OnnxContract>,
    /// The id's column, where a challenge says which.
    id_column: Option<String>,
}

/// The payload that runs an ONNX model on a task's features; its predictions are CSV.
///
/// Without a contract (a model tried by hand) the runner derives one from the model: one tensor input
/// of as many columns as the features have beside the id, or one input for each of them by name.
///
/// # Errors
/// The environment that holds ONNX Runtime has not been built.
pub fn onnx(
    runtimes: &Runtimes,
    model: &Path,
    task: &Task<'_>,
    contract: Option<&OnnxContract>,
    context: &Context,
) -> Result<Payload, MissingRuntime> {
    const RUNNER: &str = "/runtime/paddock";
    const MODEL: &str = "/submission/model.onnx";
    const OUTPUT: &str = "/output/predictions.csv";

    let built = runtimes.built("an ONNX model")?;
    let features = format!("/data/features.{}", task.features_format.as_str());
    let library = Path::new(&built.manifest.onnxruntime);
    let library = library.strip_prefix("packages").unwrap_or(library);
    let order = Order {
        library: Path::new(PACKAGES_INSIDE)
            .join(library)
            .display()
            .to_string(),
        model: MODEL.to_owned(),
        features: features.clone(),
        features_format: task.features_format,
        output: OUTPUT.to_owned(),
        threads: context.threads.max(1),
        contract: contract.cloned(),
        id_column: task.columns.map(|format| format.id_column().to_owned()),
    };
    let mut environment = environment(context);
    for (number, piece) in json_pieces(&order).into_iter().enumerate() {
        environment.push((format!("{ORDER}{number}"), piece));
    }
    let mut mounts = system_mounts();
    mounts.extend(built.mounts());
    mounts.extend([
        Mount {
            // Looked up by the supervisor, which is this very binary: right even after an upgrade has
            // replaced the file.
            source: "/proc/self/exe".into(),
            target: RUNNER.into(),
            executable: true,
        },
        data_mount(model, MODEL),
        data_mount(task.features, features),
    ]);
    Ok(Payload {
        command: vec![RUNNER.into(), ARGUMENT.into()],
        environment,
        working_directory: "/tmp".into(),
        mounts,
        outputs: vec![OUTPUT.into()],
    })
}

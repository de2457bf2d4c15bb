//! Runtimes: what runs a competitor's model, or an organizer's scoring program, inside the sandbox.
//!
//! [`python`](python()), [`onnx`](onnx()) and [`program`](program()) each turn files into a
//! [`Payload`](super::sandbox::Payload): a command, its environment, and what it may see. [`Runtimes`]
//! knows what this machine can run: its own Python 3, and the environment of packages that
//! [`build`](build::build) installs once from a lock file with hashes, read-only afterwards.
//!
//! May touch: the sandbox's types, files. No database, no HTTP; only the build talks to a package index.

pub mod build;
mod install;
mod interpreter;
pub mod onnx;
mod program;
mod python;
mod scores;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use interpreter::{Interpreter, InterpreterError};
pub use onnx::{ContractError, ElementType, OnnxContract, OnnxInput, OnnxOutput, onnx};
pub use program::{DataNames, ProgramError, check_program, data_names, program};
pub use python::python;
pub use scores::{ScoresError, read_scores};

use super::kind::SubmissionKind;
use super::predictions::{FileFormat, PredictionFormat};
use super::sandbox::Mount;

/// The packages of the built environment, each pinned with the hashes of its wheels.
pub const LOCK: &str = include_str!("requirements.lock");

/// Where models find the built environment.
const PACKAGES_INSIDE: &str = "/runtime/packages";

/// What a model is run on, and what it has to write.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// The hidden rows' features, with their ids.
    pub features: &'a Path,
    /// How that file is written.
    pub features_format: FileFormat,
    /// How the predictions are to be written. ONNX models' are always written as CSV.
    pub predictions_format: FileFormat,
    /// The columns of the predictions; unknown when a model is tried without a challenge.
    pub columns: Option<&'a PredictionFormat>,
}

/// What a challenge grants to every model alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Context {
    /// Fixes Python's hashes, and is handed to the model for its random numbers, so that a replay
    /// comes to the same predictions.
    pub seed: u32,
    /// How many threads the numeric libraries start. One keeps sums in one order, and submissions
    /// on a shared machine comparable; the sandbox's limits hold whatever is set here.
    pub threads: u16,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            seed: 0,
            threads: 1,
        }
    }
}

/// What this machine lacks to run a submission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MissingRuntime {
    /// The environment of packages has not been built.
    #[error(
        "{what} needs the Python environment with its packages, and none that this version of paddock can use is in \
         {dir}; build it once with `paddock runtime build`"
    )]
    NotBuilt {
        /// What was to be run.
        what: &'static str,
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// There is no Python 3 at all.
    #[error("{0}")]
    NoPython(#[from] InterpreterError),
}

/// A built environment, as its folder's `manifest.json` describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Names the environment: a short hash of the lock file, the Python version and the machine.
    pub version: String,
    /// The SHA-256 of the lock file it was built from.
    pub lock_sha256: String,
    /// What interprets it.
    pub python: Interpreter,
    /// Every package with its version.
    pub packages: BTreeMap<String, String>,
    /// ONNX Runtime's shared library, from the environment's folder on.
    pub onnxruntime: PathBuf,
}

/// What this machine can run models with.
#[derive(Debug, Clone)]
pub struct Runtimes {
    dir: PathBuf,
    built: Option<Built>,
    machine: Result<Interpreter, InterpreterError>,
}

/// A built environment and its folder.
#[derive(Debug, Clone)]
struct Built {
    folder: PathBuf,
    manifest: Manifest,
}

impl Built {
    /// The environment's folder: packages, and the libraries that they expect of the machine.
    fn mounts(&self) -> [Mount; 2] {
        let mount = |name: &str, target: &str| Mount {
            source: self.folder.join(name),
            target: target.into(),
            executable: true,
        };
        [
            mount("packages", PACKAGES_INSIDE),
            mount("lib", "/runtime/lib"),
        ]
    }
}

impl Runtimes {
    /// Looks for what this machine can run: its own Python 3, and below `dir` an environment built
    /// from this version's lock file whose interpreter is still the one that it was built with.
    ///
    /// Starts each interpreter once to ask for its version. What is not there is no error until it
    /// is needed.
    pub fn find(dir: &Path) -> Self {
        // The sandbox mounts by absolute path.
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let built = build::all(&dir)
            .into_iter()
            .filter(|built| built.manifest.lock_sha256 == build::lock_sha256())
            .filter(|built| {
                let python = &built.manifest.python;
                Interpreter::ask(&python.executable).as_ref() == Ok(python)
            })
            .max_by_key(|built| built.manifest.python.version);
        Self {
            dir,
            built,
            machine: Interpreter::of_machine(),
        }
    }

    /// The built environment's version; `None` where only standard Python runs.
    pub fn version(&self) -> Option<&str> {
        self.built.as_ref().map(|built| &*built.manifest.version)
    }

    /// The built environment: for the challenge's page, and for whoever asks what runs here.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.built.as_ref().map(|built| &built.manifest)
    }

    /// The Python that runs code: the built environment's, else the machine's own.
    ///
    /// # Errors
    /// [`MissingRuntime::NoPython`]
    pub fn interpreter(&self) -> Result<&Interpreter, MissingRuntime> {
        match (&self.built, &self.machine) {
            (Some(built), _) => Ok(&built.manifest.python),
            (None, Ok(python)) => Ok(python),
            (None, Err(missing)) => Err(missing.clone().into()),
        }
    }

    /// Whether submissions of a kind can be run here at all. Python code may still ask for more: a
    /// `submission.py` needs the built environment, a `main.py` only some Python 3.
    ///
    /// # Errors
    /// What is missing, and how to get it.
    pub fn can_run(&self, kind: SubmissionKind) -> Result<(), MissingRuntime> {
        match kind {
            SubmissionKind::Predictions => Ok(()),
            SubmissionKind::Python => self.interpreter().map(|_| ()),
            SubmissionKind::Onnx => self.built("an ONNX model").map(|_| ()),
        }
    }

    fn built(&self, what: &'static str) -> Result<&Built, MissingRuntime> {
        self.built.as_ref().ok_or_else(|| MissingRuntime::NotBuilt {
            what,
            dir: self.dir.clone(),
        })
    }
}

/// The machine's shared libraries and programs, which every runtime stands on.
fn system_mounts() -> Vec<Mount> {
    // Where /lib and /bin lead into /usr they are still looked for by these names.
    let folders = ["/usr", "/lib", "/lib64", "/bin"];
    let cache = "/etc/ld.so.cache";
    let mount = |path: &str| Mount {
        source: path.into(),
        target: path.into(),
        executable: path != cache,
    };
    let there = |path: &&str| Path::new(path).exists();
    folders
        .iter()
        .chain([&cache])
        .filter(|path| there(path))
        .map(|path| mount(path))
        .collect()
}

/// A file or folder that is only read.
fn data_mount(source: &Path, target: impl Into<PathBuf>) -> Mount {
    Mount {
        source: std::path::absolute(source).unwrap_or_else(|_| source.to_owned()),
        target: target.into(),
        executable: false,
    }
}

/// The environment variables that every payload starts with: nothing of the machine's own.
fn environment(context: &Context) -> Vec<(String, String)> {
    let threads = context.threads.max(1).to_string();
    let mut environment: Vec<(String, String)> = [
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/tmp"),
        ("TMPDIR", "/tmp"),
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for name in [
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "POLARS_MAX_THREADS",
        "RAYON_NUM_THREADS",
        "ARROW_IO_THREADS",
        "LOKY_MAX_CPU_COUNT",
    ] {
        environment.push((name.to_owned(), threads.clone()));
    }
    environment
}

/// A value as JSON in as many arguments or environment variables as it takes: Linux allows 128 KiB each,
/// and some challenges have thousands of columns.
fn json_pieces(value: &impl Serialize) -> Vec<String> {
    const LENGTH: usize = 64 << 10;
    // What is passed here holds texts, numbers and lists alone, which all have a JSON form.
    let json = serde_json::to_string(value).unwrap_or_default();
    let mut rest = &*json;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(LENGTH));
        pieces.push(piece.to_owned());
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_order_is_cut_between_characters() {
        let columns = vec!["größe".to_owned(); 20_000];
        let pieces = json_pieces(&columns);
        assert!(pieces.len() > 1);
        assert!(pieces.iter().all(|piece| piece.len() <= 64 << 10));
        let back: Vec<String> = serde_json::from_str(&pieces.concat()).unwrap();
        assert_eq!(back, columns);
    }

    #[test]
    fn a_machine_without_the_environment_runs_python_and_says_what_else_needs() {
        let dir = tempfile::tempdir().unwrap();
        let runtimes = Runtimes::find(dir.path());
        assert_eq!(runtimes.version(), None);
        assert_eq!(runtimes.can_run(SubmissionKind::Predictions), Ok(()));
        let missing = runtimes
            .can_run(SubmissionKind::Onnx)
            .unwrap_err()
            .to_string();
        assert!(missing.contains("paddock runtime build"), "{missing}");

        let submission = dir.path().join("submission");
        std::fs::create_dir(&submission).unwrap();
        let task = Task {
            features: Path::new("features.csv"),
            features_format: FileFormat::Csv,
            predictions_format: FileFormat::Csv,
            columns: None,
        };
        let payload = python(&runtimes, &submission, &task, &Context::default());
        if let Ok(payload) = payload {
            let arguments = payload.command[1..]
                .iter()
                .map(|word| word.to_string_lossy());
            let expected = [
                "/submission/main.py",
                "/data/features.csv",
                "/output/predictions.csv",
            ];
            assert!(arguments.eq(expected));
        }
        std::fs::write(submission.join("submission.py"), "").unwrap();
        let missing = python(&runtimes, &submission, &task, &Context::default()).unwrap_err();
        assert!(matches!(
            missing,
            MissingRuntime::NotBuilt { .. } | MissingRuntime::NoPython(_)
        ));
    }

    #[test]
    fn nothing_of_the_machines_environment_reaches_a_model() {
        let environment = environment(&Context {
            seed: 5,
            threads: 3,
        });
        let value = |name: &str| {
            let found = environment.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| &**value)
        };
        assert_eq!(value("OMP_NUM_THREADS"), Some("3"));
        assert_eq!(value("HOME"), Some("/tmp"));
        assert_eq!(value("PATH"), Some("/usr/bin:/bin"));
        assert!(
            environment
                .iter()
                .all(|(name, _)| !name.starts_with("CARGO"))
        );
    }
}

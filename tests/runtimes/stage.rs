//! Where the tests run payloads: the real sandbox, with the real binary.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use paddock::scoring::predictions::{ColumnKind, FileFormat, PredictionColumn, PredictionFormat};
use paddock::scoring::runtimes::{Context, Runtimes, Task};
use paddock::scoring::sandbox::{Limits, Payload, Sandbox, SandboxSettings};
use paddock::scoring::verdict::Verdict;
use tempfile::TempDir;

/// A sandbox, and what can be run in it.
pub struct Stage {
    sandbox: Sandbox,
    /// With the built environment, where there is one.
    pub runtimes: Runtimes,
    /// The machine's own Python alone.
    pub machine: Runtimes,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    pub verdict: Verdict,
    pub reason: String,
    pub stdout: String,
    pub stderr: String,
    /// What it left.
    pub output: Option<Vec<u8>>,
}

impl Ended {
    /// What it left, as text; fails if the run was not `OK`.
    pub fn text(self) -> String {
        assert_eq!(self.verdict, Verdict::Ok, "{self:?}");
        let output = self.output.expect("it left something");
        String::from_utf8(output).expect("it is text")
    }

    /// What it said when it failed.
    pub fn complaint(self) -> String {
        assert_eq!(self.verdict, Verdict::RuntimeError, "{self:?}");
        assert_eq!(self.output, None);
        self.stderr
    }
}

impl Stage {
    /// The reason is that of a machine which cannot seal a sandbox.
    pub fn open(environment: Option<&Path>) -> Result<Self, String> {
        let settings = SandboxSettings {
            executable: env!("CARGO_BIN_EXE_paddock").into(),
            ..SandboxSettings::default()
        };
        let nowhere = Path::new("/nonexistent");
        Ok(Self {
            sandbox: Sandbox::open(&settings).map_err(|refusal| refusal.to_string())?,
            runtimes: Runtimes::find(environment.unwrap_or(nowhere)),
            machine: Runtimes::find(nowhere),
        })
    }

    /// Why what needs the built environment cannot be tested.
    pub fn lack(&self) -> Option<String> {
        let lack = "PADDOCK_TEST_RUNTIMES names no folder with an environment of this version";
        self.runtimes.version().is_none().then(|| lack.to_owned())
    }

    pub fn run(&self, payload: &Payload) -> Ended {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("output");
        let limits = Limits {
            wall_seconds: 300,
            ..Limits::default()
        };
        let finished = self
            .sandbox
            .run(payload, &limits, &into, &AtomicBool::new(false));
        assert_ne!(finished.verdict, Verdict::Refused, "{}", finished.reason);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended {
            verdict: finished.verdict,
            reason: finished.reason,
            stdout: text(&finished.stdout),
            stderr: text(&finished.stderr),
            output: finished.output.then(|| fs::read(&into).unwrap()),
        }
    }
}

/// A folder that everyone may read, as the worker's are.
pub struct Folder(TempDir);

impl Folder {
    pub fn of(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let folder = Self(folder);
        for (name, text) in files {
            folder.write(name, text.as_bytes());
        }
        folder
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        path
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Laps, with ids that programs like to change.
pub const FEATURES: &str =
    "lap,speed,track\n007,1.5,Adria\nNA,2.5,\"Lonato, wet\"\n1e3,3.5,Adria\n";

/// Predictions of one number a lap.
pub fn format() -> PredictionFormat {
    let column = PredictionColumn {
        name: "seconds".to_owned(),
        kind: ColumnKind::Number,
    };
    PredictionFormat::new("lap", vec![column]).unwrap()
}

/// A task in CSV.
pub fn task<'a>(features: &'a Path, columns: Option<&'a PredictionFormat>) -> Task<'a> {
    Task {
        features,
        features_format: FileFormat::Csv,
        predictions_format: FileFormat::Csv,
        columns,
    }
}

/// What a challenge grants, with another seed.
pub fn seeded(seed: u32) -> Context {
    Context {
        seed,
        ..Context::default()
    }
}

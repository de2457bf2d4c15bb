//! What the sandbox adds to the time of a process: see `benches/sandbox.sh`.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use paddock::scoring::predictions::FileFormat;
use paddock::scoring::runtimes::{self, Context, Runtimes, Task};
use paddock::scoring::sandbox::{
    CgroupMode, Limits, Mount, Payload, Preforked, Sandbox, SandboxSettings, enter_if_asked,
};
use paddock::scoring::verdict::Verdict;

const PYTHON: &str = "/usr/bin/python3";
const ARGUMENTS: [&str; 3] = ["-I", "-c", "print(1)"];
const FOLDERS: [&str; 4] = ["/usr", "/lib", "/lib64", "/bin"];

/// What a contestant may take, in milliseconds.
#[derive(Clone, Copy)]
enum Promise {
    /// More than the first contestant.
    Adds(u64),
    Takes(u64),
}

/// A way to run Python.
struct Contestant {
    name: &'static str,
    run: Box<dyn Fn()>,
    promise: Option<Promise>,
    times: Vec<Duration>,
}

impl Contestant {
    fn new(name: &'static str, promise: Option<Promise>, run: impl Fn() + 'static) -> Self {
        Self {
            name,
            run: Box::new(run),
            promise,
            times: Vec::new(),
        }
    }

    fn median(&self) -> Duration {
        let mut times = self.times.clone();
        times.sort();
        times[times.len() / 2]
    }
}

fn main() -> ExitCode {
    enter_if_asked();
    let rounds = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next()
        .unwrap_or(50);
    let kept_alone = compare(alone(), rounds);
    let kept_models = models().is_none_or(|models| compare(models, rounds.min(20)));
    if kept_alone && kept_models {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Python that does next to nothing.
fn alone() -> Vec<Contestant> {
    let mut contestants = vec![Contestant::new("bare", None, || {
        run(Command::new(PYTHON).args(ARGUMENTS));
    })];
    match sandboxed(CgroupMode::None) {
        Ok(run) => contestants.push(Contestant::new(
            "sandbox, no cgroup",
            Some(Promise::Adds(12)),
            run,
        )),
        Err(reason) => println!("sandbox, no cgroup: {reason}"),
    }
    match sandboxed(CgroupMode::Auto) {
        Ok(run) => contestants.push(Contestant::new(
            "sandbox, cgroup",
            Some(Promise::Adds(20)),
            run,
        )),
        Err(reason) => println!("sandbox, cgroup: {reason}"),
    }
    if let Some(run) = bubblewrap() {
        contestants.push(Contestant::new("bubblewrap", None, run));
    }
    contestants
}

/// Runs all in turns, prints the medians, and tells whether every promise was kept.
fn compare(mut contestants: Vec<Contestant>, rounds: usize) -> bool {
    // The first round fills the disk cache.
    for round in 0..=rounds {
        for contestant in &mut contestants {
            let begun = Instant::now();
            (contestant.run)();
            if round > 0 {
                contestant.times.push(begun.elapsed());
            }
        }
    }
    let first = contestants[0].median();
    let mut kept = true;
    println!("{:24}{:>8}{:>8}  promised", "", "ms", "added");
    for contestant in &contestants {
        let median = contestant.median();
        let added = median.saturating_sub(first);
        let promise = match contestant.promise {
            None => String::new(),
            Some(Promise::Adds(most)) => {
                kept &= added <= Duration::from_millis(most);
                format!("  at most {most} ms more")
            }
            Some(Promise::Takes(most)) => {
                kept &= median <= Duration::from_millis(most);
                format!("  at most {most} ms")
            }
        };
        println!(
            "{:24}{:>8.1}{:>8.1}{promise}",
            contestant.name,
            median.as_secs_f64() * 1e3,
            added.as_secs_f64() * 1e3,
        );
    }
    kept
}

fn run(command: &mut Command) {
    let output = command
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert_eq!(output.stdout, b"1\n", "{command:?}: {output:?}");
}

fn settings(cgroup: CgroupMode) -> SandboxSettings {
    SandboxSettings {
        cgroup,
        executable: env!("CARGO_BIN_EXE_paddock").into(),
        ..SandboxSettings::default()
    }
}

fn sandboxed(cgroup: CgroupMode) -> Result<impl Fn(), String> {
    let settings = settings(cgroup);
    let sandbox = Sandbox::open(&settings).map_err(|refusal| refusal.to_string())?;
    let mounts = FOLDERS
        .into_iter()
        .filter(|folder| Path::new(folder).exists())
        .map(|folder| Mount {
            source: folder.into(),
            target: folder.into(),
            executable: true,
        })
        .collect();
    let mut command = vec![PYTHON.into()];
    command.extend(ARGUMENTS.map(Into::into));
    let payload = Payload {
        command,
        environment: Vec::new(),
        working_directory: "/tmp".into(),
        mounts,
        outputs: Vec::new(),
    };
    let nowhere = std::env::temp_dir().join("paddock-bench-sandbox");
    Ok(move || {
        let never = AtomicBool::new(false);
        let finished = sandbox.run(&payload, &Limits::default(), &nowhere, &never);
        assert_eq!(finished.verdict, Verdict::Ok, "{}", finished.reason);
        assert_eq!(finished.stdout, b"1\n");
    })
}

/// Namespaces and mounts only: no seccomp, no Landlock, no limits.
fn bubblewrap() -> Option<impl Fn()> {
    let version = Command::new("bwrap").arg("--version").output();
    version.ok().filter(|output| output.status.success())?;
    Some(|| {
        let mut command = Command::new("bwrap");
        command.args(["--unshare-all", "--die-with-parent", "--new-session"]);
        command.args(["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
        for folder in FOLDERS {
            command.args(["--ro-bind", folder, folder]);
        }
        run(command.arg(PYTHON).args(ARGUMENTS));
    })
}

const MODEL: &str = "
import pandas

class Model:
    def __init__(self, context):
        pass

    def predict(self, features):
        return pandas.DataFrame({'id': features['id'], 'lap': features['x'] * 2 + features['x'].mean()})
";

/// A pandas model on 1,000 rows, started cold and forked from a Python that has pandas imported.
fn models() -> Option<Vec<Contestant>> {
    let runtimes = Runtimes::find(Path::new(&std::env::var_os("PADDOCK_RUNTIMES_DIR")?));
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (submission, features) = (
        folder.path().join("submission"),
        folder.path().join("x.csv"),
    );
    fs::create_dir(&submission).expect("the folder is ours");
    fs::write(submission.join("submission.py"), MODEL).expect("the folder is ours");
    let rows: String = (0..1000).map(|id| format!("{id},{}.5\n", id % 7)).collect();
    fs::write(&features, format!("id,x\n{rows}")).expect("the folder is ours");
    let task = Task {
        features: &features,
        features_format: FileFormat::Csv,
        predictions_format: FileFormat::Csv,
        columns: None,
    };
    let payload = runtimes::python(&runtimes, &submission, &task, &Context::default())
        .unwrap_or_else(|missing| panic!("{missing}"));
    let settings = settings(CgroupMode::Auto);
    let python = Preforked::start(&settings, &payload, &["numpy", "pandas"])
        .unwrap_or_else(|failure| panic!("{failure}"));
    let (cold, forked) = (payload.clone(), payload);
    let predictions = folder.path().join("predictions");
    let open = || Sandbox::open(&settings).unwrap_or_else(|refusal| panic!("{refusal}"));
    let (cold_sandbox, forked_sandbox) = (open(), open());
    let (cold_into, forked_into) = (predictions.with_extension("cold"), predictions);
    let never = AtomicBool::new(false);
    let judge = |finished: paddock::scoring::sandbox::Finished| {
        let told = String::from_utf8_lossy(&finished.stderr);
        assert!(finished.output, "{}: {told}", finished.reason);
    };
    Some(vec![
        Contestant::new("pandas model, cold", None, move || {
            let never = AtomicBool::new(false);
            judge(cold_sandbox.run(&cold, &Limits::default(), &cold_into, &never));
        }),
        Contestant::new(
            "pandas model, pre-forked",
            Some(Promise::Takes(120)),
            move || {
                // Everything above lives as long as the last who needs it.
                let _ = &folder;
                let limits = Limits::default();
                judge(forked_sandbox.run_preforked(
                    &python,
                    &forked,
                    &limits,
                    &forked_into,
                    &never,
                ));
            },
        ),
    ])
}

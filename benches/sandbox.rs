//! What the sandbox adds to the time of a process: see `benches/sandbox.sh`.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use paddock::scoring::sandbox::{
    CgroupMode, Limits, Mount, Payload, Sandbox, SandboxSettings, enter_if_asked,
};
use paddock::scoring::verdict::Verdict;

const PYTHON: &str = "/usr/bin/python3";
const ARGUMENTS: [&str; 3] = ["-I", "-c", "print(1)"];
const FOLDERS: [&str; 4] = ["/usr", "/lib", "/lib64", "/bin"];

/// A way to start Python, and how much longer than the bare process it may take.
struct Contestant {
    name: &'static str,
    run: Box<dyn Fn()>,
    promise: Option<Duration>,
    times: Vec<Duration>,
}

impl Contestant {
    fn new(name: &'static str, promise: Option<u64>, run: impl Fn() + 'static) -> Self {
        Self {
            name,
            run: Box::new(run),
            promise: promise.map(Duration::from_millis),
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
    let mut contestants = vec![Contestant::new("bare", None, || {
        run(Command::new(PYTHON).args(ARGUMENTS));
    })];
    match sandboxed(CgroupMode::None) {
        Ok(run) => contestants.push(Contestant::new("sandbox, no cgroup", Some(12), run)),
        Err(reason) => println!("sandbox, no cgroup: {reason}"),
    }
    match sandboxed(CgroupMode::Auto) {
        Ok(run) => contestants.push(Contestant::new("sandbox, cgroup", Some(20), run)),
        Err(reason) => println!("sandbox, cgroup: {reason}"),
    }
    if let Some(run) = bubblewrap() {
        contestants.push(Contestant::new("bubblewrap", None, run));
    }
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
    let bare = contestants[0].median();
    let mut kept = true;
    println!("{:22}{:>8}{:>8}  promised", "", "ms", "added");
    for contestant in &contestants {
        let median = contestant.median();
        let added = median.saturating_sub(bare);
        let promise = contestant.promise.map_or(String::new(), |promise| {
            kept &= added <= promise;
            format!("  {} ms", promise.as_millis())
        });
        println!(
            "{:22}{:>8.1}{:>8.1}{promise}",
            contestant.name,
            median.as_secs_f64() * 1e3,
            added.as_secs_f64() * 1e3,
        );
    }
    if kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run(command: &mut Command) {
    let output = command
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert_eq!(output.stdout, b"1\n", "{command:?}: {output:?}");
}

fn sandboxed(cgroup: CgroupMode) -> Result<impl Fn(), String> {
    let settings = SandboxSettings {
        cgroup,
        executable: env!("CARGO_BIN_EXE_paddock").into(),
        ..SandboxSettings::default()
    };
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

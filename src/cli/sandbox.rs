//! `paddock sandbox`: tries this machine's sandbox, and runs one submission in it by hand.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use tempfile::TempDir;

use super::output;
use super::settings::Settings;
use crate::platform::config::Config;
use crate::scoring::intake;
use crate::scoring::judge::sandbox_settings;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::predictions::FileFormat;
use crate::scoring::runtimes::{self, Context, Runtimes, Task};
use crate::scoring::sandbox::{self, Finished, LayerState, Limits, Payload, Sandbox, Usage};
use crate::scoring::verdict::Verdict;

/// The sandbox that submitted models run in
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
    paddock sandbox check\n  \
    paddock sandbox run --kind python main.py")]
pub enum SandboxCommand {
    Check(CheckArguments),
    Run(RunArguments),
}

/// Show what this machine offers to seal submitted code, layer by layer
///
/// Tries every layer and says what to do about those that are missing. Exits with 1 if one is: then the
/// server refuses to run submitted code; submitted predictions are scored all the same.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  paddock sandbox check")]
pub struct CheckArguments {}

/// Run one submission in the sandbox, to see what a competitor would see
///
/// Exits with 0 when the submission could be judged, whatever the verdict, and with 1 when this machine
/// cannot seal the sandbox.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    paddock sandbox run --kind python --features features.csv --output predictions.csv main.py\n  \
    paddock sandbox run --kind python --memory-mb 512 --json submission.zip\n  \
    paddock sandbox run --kind onnx --features features.csv model.onnx")]
pub struct RunArguments {
    /// What the submission is: python or onnx
    #[arg(long, value_name = "KIND", value_parser = runnable)]
    kind: SubmissionKind,
    /// The features that it is run on, CSV or Parquet [default: an empty file]
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// Where its predictions go [default: nowhere]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Memory that it may use, in MiB [default: 2048]
    #[arg(long, value_name = "N")]
    memory_mb: Option<u64>,
    /// CPU time that it may use, in seconds [default: 60]
    #[arg(long, value_name = "N")]
    cpu_seconds: Option<u32>,
    /// Time on the clock that it may take, in seconds [default: 120]
    #[arg(long, value_name = "N")]
    wall_seconds: Option<u32>,
    /// Print the verdict, the logs and what was used as JSON
    #[arg(long)]
    json: bool,
    /// A zip archive, a folder, one .py file or an .onnx file
    submission: PathBuf,
}

fn runnable(name: &str) -> Result<SubmissionKind, String> {
    match name.parse() {
        Ok(kind @ (SubmissionKind::Python | SubmissionKind::Onnx)) => Ok(kind),
        _ => Err("it is python or onnx".to_owned()),
    }
}

pub fn run(settings: &Settings, command: SandboxCommand) -> anyhow::Result<()> {
    let config = settings.load(&[])?;
    match command {
        SandboxCommand::Check(_) => check(&config),
        SandboxCommand::Run(arguments) => run_one(&config, &arguments),
    }
}

fn check(config: &Config) -> anyhow::Result<()> {
    let reports = sandbox::check(&sandbox_settings(config));
    let rows: Vec<[String; 3]> = reports
        .iter()
        .map(|report| {
            let state = match report.state {
                LayerState::Ok => "ok",
                LayerState::Missing => "MISSING",
                LayerState::Off => "off",
            };
            [
                report.layer.name().to_owned(),
                state.to_owned(),
                report.detail.clone(),
            ]
        })
        .collect();
    output::table(["LAYER", "STATE", "DETAIL"], &rows)?;
    let missing: Vec<_> = reports
        .iter()
        .filter(|report| report.state == LayerState::Missing)
        .collect();
    if missing.is_empty() {
        return Ok(output::line("\nThis machine can run submitted code.")?);
    }
    output::line("")?;
    for report in missing.iter().filter(|report| !report.remedy.is_empty()) {
        output::line(format!("{}: {}", report.layer.name(), report.remedy))?;
    }
    bail!("submitted code cannot be run on this machine");
}

fn run_one(config: &Config, arguments: &RunArguments) -> anyhow::Result<()> {
    let default = Limits::default();
    let limits = Limits {
        memory_bytes: match arguments.memory_mb {
            Some(megabytes) => megabytes.saturating_mul(1024 * 1024),
            None => default.memory_bytes,
        },
        cpu_seconds: arguments.cpu_seconds.unwrap_or(default.cpu_seconds),
        wall_seconds: arguments.wall_seconds.unwrap_or(default.wall_seconds),
        ..default
    };
    limits.check()?;
    let stage = TempDir::new()?;
    let staged = stage_submission(&arguments.submission, arguments.kind, stage.path())?;
    let finished = match (staged, Sandbox::open(&sandbox_settings(config))) {
        (Err(rejected), _) => not_run(Verdict::Rejected, rejected),
        (_, Err(refusal)) => not_run(Verdict::Refused, refusal.to_string()),
        (Ok(submission), Ok(sandbox)) => {
            let payload = payload(config, arguments, &submission, stage.path())?;
            let predictions = match &arguments.output {
                Some(path) => path.clone(),
                None => stage.path().join("predictions"),
            };
            sandbox.run(&payload, &limits, &predictions, &AtomicBool::new(false))
        }
    };
    print(&finished, arguments)?;
    if finished.verdict == Verdict::Refused {
        bail!("{}", finished.reason);
    }
    Ok(())
}

fn not_run(verdict: Verdict, reason: String) -> Finished {
    Finished {
        verdict,
        reason,
        stdout: Vec::new(),
        stderr: Vec::new(),
        output: false,
        usage: Usage::default(),
    }
}

/// Copies or unpacks the submission to where it is readable inside, and nothing else is. What is wrong
/// with the submission itself is the inner error.
fn stage_submission(
    submission: &Path,
    kind: SubmissionKind,
    stage: &Path,
) -> anyhow::Result<Result<PathBuf, String>> {
    let named = || submission.display().to_string();
    let metadata = fs::metadata(submission).with_context(named)?;
    let staged = stage.join("submission");
    let ends_in = |ending: &str| {
        submission
            .extension()
            .is_some_and(|found| found.eq_ignore_ascii_case(ending))
    };
    if kind == SubmissionKind::Onnx {
        let staged = stage.join("model.onnx");
        copy_readable(submission, &staged).with_context(named)?;
        return Ok(Ok(staged));
    }
    if metadata.is_dir() {
        copy_folder(submission, &staged).with_context(named)?;
    } else if ends_in("py") {
        make_folder(&staged)?;
        let name = match submission.file_name() {
            Some(name) if name == "submission.py" => "submission.py",
            _ => "main.py",
        };
        copy_readable(submission, &staged.join(name)).with_context(named)?;
    } else {
        match intake::unpack_code(submission, &staged) {
            Ok(_) => {}
            Err(error) if error.is_senders() => return Ok(Err(error.to_string())),
            Err(error) => return Err(error).with_context(named),
        }
    }
    Ok(Ok(staged))
}

fn make_folder(path: &Path) -> std::io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o755))
}

fn copy_readable(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::copy(from, to)?;
    fs::set_permissions(to, Permissions::from_mode(0o644))
}

/// Copies files and folders; links and everything else are left out, as an archive cannot have them.
fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    make_folder(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_file() {
            copy_readable(&entry.path(), &target)?;
        }
    }
    Ok(())
}

fn payload(
    config: &Config,
    arguments: &RunArguments,
    submission: &Path,
    stage: &Path,
) -> anyhow::Result<Payload> {
    let runtimes = Runtimes::find(&config.runtimes());
    let features_format = match &arguments.features {
        Some(path) if path.extension().is_some_and(|ending| ending == "parquet") => {
            FileFormat::Parquet
        }
        _ => FileFormat::Csv,
    };
    // The file's own folder or mode may keep others out.
    let features = stage.join("features");
    match &arguments.features {
        Some(path) => {
            copy_readable(path, &features).with_context(|| path.display().to_string())?;
        }
        None => {
            File::create(&features)?;
            fs::set_permissions(&features, Permissions::from_mode(0o644))?;
        }
    }
    let predictions_format = match &arguments.output {
        Some(path) if path.extension().is_some_and(|ending| ending == "parquet") => {
            FileFormat::Parquet
        }
        _ => FileFormat::Csv,
    };
    let task = Task {
        features: &features,
        features_format,
        predictions_format,
        columns: None,
    };
    let context = Context::default();
    let payload = match arguments.kind {
        SubmissionKind::Onnx => runtimes::onnx(&runtimes, submission, &task, None, &context)?,
        _ => runtimes::python(&runtimes, submission, &task, &context)?,
    };
    Ok(payload)
}

fn print(finished: &Finished, arguments: &RunArguments) -> anyhow::Result<()> {
    let Finished {
        verdict,
        reason,
        stdout,
        stderr,
        output: has_output,
        usage,
    } = finished;
    if arguments.json {
        let told = json!({
            "verdict": verdict.code(),
            "reason": reason,
            "stdout": String::from_utf8_lossy(stdout),
            "stderr": String::from_utf8_lossy(stderr),
            "cpu_seconds": usage.cpu_seconds,
            "wall_seconds": usage.wall_seconds,
            "peak_memory_bytes": usage.peak_memory_bytes,
        });
        return Ok(output::line(told.to_string())?);
    }
    output::line(format!("{}: {reason}", verdict.code()))?;
    output::line(format!(
        "CPU {:.2} s, wall {:.2} s, peak memory {:.1} MiB",
        usage.cpu_seconds,
        usage.wall_seconds,
        usage.peak_memory_bytes as f64 / (1024.0 * 1024.0),
    ))?;
    match &arguments.output {
        Some(path) if *has_output => {
            output::line(format!("Predictions: {}", path.display()))?;
        }
        _ if *verdict == Verdict::Ok && !has_output => output::line("No predictions were left.")?,
        _ => {}
    }
    for (name, log) in [("Standard output", stdout), ("Standard error", stderr)] {
        if !log.is_empty() {
            output::line(format!("\n{name}:"))?;
            output::line(printable(log))?;
        }
    }
    Ok(())
}

/// A log without what a terminal would obey.
fn printable(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let mut shown = String::with_capacity(text.len());
    for character in text.trim_end().chars() {
        match character {
            '\n' | '\t' => shown.push(character),
            // Marks that reverse the direction of text can make a line read as another.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                shown.extend(character.escape_unicode());
            }
            control if control.is_control() => shown.extend(control.escape_default()),
            other => shown.push(other),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_a_submission_printed() {
        let log = b"ok\x1b]0;owned\x07\r\n\tfolds: 5 \xff\xc2\x9b2J\n";
        let shown = printable(log);
        assert!(!shown.contains(['\x1b', '\x07', '\r', '\u{9b}']));
        assert_eq!(
            shown,
            "ok\\u{1b}]0;owned\\u{7}\\r\n\tfolds: 5 \u{fffd}\\u{9b}2J"
        );
    }

    #[test]
    fn one_python_file_becomes_a_submission() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("my model.py");
        fs::write(&file, "print(1)\n").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let stage = TempDir::new().unwrap();
        let staged = stage_submission(&file, SubmissionKind::Python, stage.path())
            .unwrap()
            .unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&staged), 0o755);
        assert_eq!(mode(&staged.join("main.py")), 0o644);
    }
}

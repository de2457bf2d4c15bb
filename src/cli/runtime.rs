//! `paddock runtime`: the Python environment that submitted models run in.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, Subcommand};

use super::output;
use super::progress::Progress;
use super::settings::Settings;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::runtimes::Runtimes;
use crate::scoring::runtimes::build::{self, Step};

/// The Python environment that submitted models run in
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  paddock runtime build")]
pub enum RuntimeCommand {
    Build(BuildArguments),
    Show(ShowArguments),
}

/// Build the environment: install its packages, once for this machine
///
/// Downloads about 200 MB with `uv` if it is there, else with Python's own `pip`: numpy, pandas, polars, pyarrow, scipy,
/// scikit-learn, LightGBM, XGBoost and ONNX Runtime, each in the one version and with the hashes that this program
/// knows. Every worker that runs models needs it; ONNX models and `submission.py` cannot be run without.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    paddock runtime build\n  \
    paddock runtime build --python /usr/bin/python3.12")]
pub struct BuildArguments {
    /// The Python to build it for: CPython 3.11, 3.12 or 3.13 [default: the machine's]
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// The folder to build it in [default: the setting runtimes_dir]
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

/// Show which environment is there, and what can be run on this machine
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  paddock runtime show")]
pub struct ShowArguments {
    /// The folder to look in [default: the setting runtimes_dir]
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
}

pub fn run(settings: &Settings, command: RuntimeCommand) -> anyhow::Result<()> {
    let (RuntimeCommand::Build(BuildArguments { into: dir, .. })
    | RuntimeCommand::Show(ShowArguments { from: dir })) = &command;
    let dir = match dir {
        Some(dir) => dir.clone(),
        None => settings.load(&[])?.runtimes(),
    };
    match command {
        RuntimeCommand::Build(BuildArguments { python, .. }) => build(&dir, python),
        RuntimeCommand::Show(_) => show(&dir),
    }
}

fn build(dir: &std::path::Path, python: Option<PathBuf>) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut progress: Option<Progress> = None;
    let outcome = build::build(dir, python.as_deref(), |step| match step {
        Step::Install {
            packages,
            installer,
        } => {
            let what = format!("Installing {packages} packages with {installer}");
            // uv does not tell how far it is, and takes a moment only.
            let total = if installer == "pip" { packages } else { 0 };
            progress = Progress::begin(what, total as u64).ok();
        }
        Step::Package(count) => {
            if let Some(progress) = &progress {
                progress.done(count as u64);
            }
        }
        Step::Prove => {
            if let Some(installed) = progress.take() {
                // A reader who left is told of by the lines below.
                let _ = installed.finish("done");
            }
            progress = Progress::begin("Importing every package", 0).ok();
        }
    })?;
    if let Some(proven) = progress {
        proven.finish("all of them work")?;
    }
    let version = &outcome.manifest.version;
    let folder = outcome.folder.display();
    if outcome.was_built {
        output::line(format!(
            "Environment {version} is already built, in {folder}."
        ))?;
    } else {
        let seconds = start.elapsed().as_secs_f64();
        output::line(format!(
            "Built environment {version} in {seconds:.0} s, in {folder}."
        ))?;
    }
    Ok(())
}

fn show(dir: &std::path::Path) -> anyhow::Result<()> {
    let runtimes = Runtimes::find(dir);
    match runtimes.manifest() {
        Some(manifest) => {
            let python = &manifest.python;
            output::line(format!("Environment {}", manifest.version))?;
            output::line(format!(
                "Python {} ({})\n",
                python.version(),
                python.executable.display()
            ))?;
            let rows: Vec<[String; 2]> = manifest
                .packages
                .iter()
                .map(|(name, version)| [name.clone(), version.clone()])
                .collect();
            output::table(["Package", "Version"], &rows)?;
        }
        None => output::line(format!(
            "No environment is built in {}; build it with `paddock runtime build`.",
            dir.display()
        ))?,
    }
    let rows = [SubmissionKind::Onnx, SubmissionKind::Python].map(|kind| {
        let can = match runtimes.can_run(kind) {
            Err(missing) => missing.to_string(),
            Ok(()) if runtimes.version().is_none() => {
                "main.py with the standard library alone; submission.py needs the environment"
                    .to_owned()
            }
            Ok(()) => "yes".to_owned(),
        };
        [kind.to_string(), can]
    });
    output::line("")?;
    output::table(["Models", "Can be run here"], &rows)?;
    Ok(())
}

//! The judgement of one submission: what is to be run is run in a sandbox, what it predicted is
//! checked and compared here, outside. Labels never enter a sandbox that holds a competitor's code
//! (law 5), and a scoring program never meets that code: it gets predictions that were read and
//! written anew.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, SecondaryError, secondary_scores};
use super::intake::{self, ArchiveLimits};
use super::kind::SubmissionKind;
use super::predictions::{
    FileFormat, PredictionFormat, Predictions, Scores, read_predictions, score, write_predictions,
};
use super::rule::ScoringRule;
use super::runtimes::{self, Context, OnnxContract, Runtimes};
use super::sandbox::{
    CgroupMode, Finished, Limits, Payload, Preforked, Refusal, Sandbox, SandboxSettings, Usage,
};
use super::solution::{Solution, SolutionFormat, Split};
use super::verdict::Verdict;
use crate::platform::config::{CgroupSetting, Config};

/// What is asked of a run, apart from its files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Task {
    /// What was sent.
    pub kind: SubmissionKind,
    /// How the predictions are to be read: those sent, or those that the model writes.
    pub file_format: FileFormat,
    /// What they must hold.
    pub prediction_format: PredictionFormat,
    /// How they are compared with the solution.
    #[schema(value_type = String, example = "rmse")]
    pub metric: ScoringRule,
    /// What a run may use.
    pub limits: Limits,
    /// How the features are written, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features_format: Option<FileFormat>,
    /// The inputs and outputs of an ONNX model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onnx: Option<OnnxContract>,
    /// By what else predictions are scored, for tie-breakers and for information.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, example = json!(["mae", "r2"]))]
    pub secondary: Vec<ScoringRule>,
}

/// A run's files, on this machine.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// What the team sent.
    pub submission: &'a Path,
    /// What a model predicts from.
    pub features: Option<&'a Path>,
    /// The organizer's solution as it was posted, where a scoring program wants it.
    pub solution: Option<&'a Path>,
    /// The organizer's scoring program, a zip.
    pub program: Option<&'a Path>,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was scored.
    Scored {
        /// On the public split.
        public: f64,
        /// On the private split.
        private: f64,
    },
    /// It was not.
    Failed {
        /// How it ended.
        verdict: Verdict,
        /// Why, in words for its sender.
        reason: String,
        /// The first offending line of the predictions.
        #[serde(default)]
        line: Option<u64>,
        /// The offending column.
        #[serde(default)]
        column: Option<String>,
    },
}

impl Outcome {
    /// A failure without a place in a file.
    pub fn failed(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self::Failed {
            verdict,
            reason: reason.into(),
            line: None,
            column: None,
        }
    }

    /// How it ended.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Scored { .. } => Verdict::Ok,
            Self::Failed { verdict, .. } => *verdict,
        }
    }
}

/// What a submission printed, as text: what is not UTF-8 is replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Logs {
    /// On its standard output.
    pub stdout: String,
    /// On its standard error.
    pub stderr: String,
}

/// What came of a run, and what it used and printed on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Judgement {
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What the submission used, where it was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What it printed, where it was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<Logs>,
    /// The version of the built runtime that it ran with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The version of Paddock that judged.
    pub scorer: String,
    /// How certain the score is, and what else is known of the predictions, where they were scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

impl From<Outcome> for Judgement {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            usage: None,
            logs: None,
            runtime: None,
            scorer: env!("CARGO_PKG_VERSION").to_owned(),
            evidence: None,
        }
    }
}

/// Why nothing could be judged: this machine's fault, so that another should try.
#[derive(Debug, thiserror::Error)]
pub enum CannotJudge {
    /// The sandbox cannot be sealed here.
    #[error("the sandbox refused: {0}")]
    Refused(String),
    /// What the submission runs with is not installed here.
    #[error("{0}")]
    NotInstalled(#[from] runtimes::MissingRuntime),
    /// A file of the run is not there.
    #[error("the run's {0} is missing")]
    Missing(&'static str),
    /// This machine's disk failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Judges runs: the sandbox and the runtimes of this machine.
pub struct Judge {
    sandbox: Result<Sandbox, Refusal>,
    runtimes: Runtimes,
    scratch: PathBuf,
    prefork: Prefork,
}

/// The Python from which runs of `submission.py` are forked, where the operator wants one.
struct Prefork {
    settings: SandboxSettings,
    /// What it imports; nothing: there is none.
    modules: Vec<String>,
    /// Started by the first run, whose environment it takes; none where it did not start.
    python: OnceLock<Option<Preforked>>,
}

impl Prefork {
    fn python(&self, payload: &Payload) -> Option<&Preforked> {
        if self.modules.is_empty() {
            return None;
        }
        let started = self.python.get_or_init(|| {
            let modules: Vec<&str> = self.modules.iter().map(String::as_str).collect();
            match Preforked::start(&self.settings, payload, &modules) {
                Ok(python) => Some(python),
                Err(error) => {
                    tracing::warn!(%error, "no Python could be started to fork; runs start their own");
                    None
                }
            }
        });
        started.as_ref()
    }
}

/// The operator's settings of the sandbox.
pub fn sandbox_settings(config: &Config) -> SandboxSettings {
    SandboxSettings {
        cgroup: match config.sandbox_cgroup {
            CgroupSetting::Auto => CgroupMode::Auto,
            CgroupSetting::None => CgroupMode::None,
        },
        uid_base: config.sandbox_uid_base,
        ..SandboxSettings::default()
    }
}

impl Judge {
    /// A judge with what this machine offers, as its operator set it, who keeps the files of the run
    /// at hand in `scratch`. Where models cannot be run, the log says why.
    pub fn of_machine(config: &Config, scratch: PathBuf) -> Self {
        let settings = sandbox_settings(config);
        let sandbox = Sandbox::open(&settings);
        if let Err(refusal) = &sandbox {
            tracing::warn!(%refusal, "models cannot be run here; predictions can");
        }
        let modules = config.sandbox_prefork.split(',').map(str::trim);
        Self {
            sandbox,
            runtimes: Runtimes::find(&config.runtimes()),
            scratch,
            prefork: Prefork {
                settings,
                modules: modules
                    .filter(|module| !module.is_empty())
                    .map(str::to_owned)
                    .collect(),
                python: OnceLock::new(),
            },
        }
    }

    /// Why models cannot be run here, and what to do about it.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.sandbox.as_ref().err()
    }

    /// What is installed for models.
    pub fn runtimes(&self) -> &Runtimes {
        &self.runtimes
    }

    /// Judges one submission. A model's predictions are left in `predictions`, so that they can be
    /// kept. Blocks for as long as it takes; `cancelled` ends what runs.
    ///
    /// # Errors
    /// What this machine failed at; nothing is then known of the submission.
    pub fn judge(
        &self,
        task: &Task,
        files: Files<'_>,
        solution: &Solution,
        solution_format: &SolutionFormat,
        predictions: &Path,
        cancelled: &AtomicBool,
    ) -> Result<Judgement, CannotJudge> {
        let mut ran = None;
        let written = if task.kind.is_model() {
            let finished = match self.predict(task, files, predictions, cancelled)? {
                Ok(finished) => finished,
                Err(outcome) => return Ok(outcome.into()),
            };
            let verdict = finished.verdict;
            let reason = finished.reason.clone();
            let has_output = finished.output;
            ran = Some(finished);
            if verdict != Verdict::Ok {
                return Ok(self.judgement(Outcome::failed(verdict, reason).into(), ran));
            }
            if !has_output {
                let reason = "It ended without writing any predictions.";
                let invalid = Outcome::failed(Verdict::Invalid, reason);
                return Ok(self.judgement(invalid.into(), ran));
            }
            predictions
        } else {
            files.submission
        };
        let compared = self.compare(task, files, solution, solution_format, written, cancelled)?;
        Ok(self.judgement(compared, ran))
    }

    /// A judgement with what is known of the run.
    fn judgement(&self, judgement: Judgement, ran: Option<Finished>) -> Judgement {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Judgement {
            runtime: ran
                .as_ref()
                .and_then(|_| self.runtimes.version().map(str::to_owned)),
            logs: ran.as_ref().map(|finished| Logs {
                stdout: text(&finished.stdout),
                stderr: text(&finished.stderr),
            }),
            usage: ran.map(|finished| finished.usage),
            ..judgement
        }
    }

    /// Lets a model write its predictions. The inner error is the competitor's: nothing was run.
    fn predict(
        &self,
        task: &Task,
        files: Files<'_>,
        predictions: &Path,
        cancelled: &AtomicBool,
    ) -> Result<Result<Finished, Outcome>, CannotJudge> {
        let features = files.features.ok_or(CannotJudge::Missing("features"))?;
        make_readable(features, 0o644)?;
        let features_format = task
            .features_format
            .ok_or(CannotJudge::Missing("features' format"))?;
        let rejected = |reason: String| Ok(Err(Outcome::failed(Verdict::Rejected, reason)));
        let folder = tempfile::tempdir_in(&self.scratch)?;
        let submission = folder.path().join("submission");
        let context = Context::default();
        let model = runtimes::Task {
            features,
            features_format,
            predictions_format: task.file_format,
            columns: Some(&task.prediction_format),
        };
        let payload = match task.kind {
            SubmissionKind::Predictions => return Err(CannotJudge::Missing("model")),
            SubmissionKind::Python => {
                match intake::unpack_code(files.submission, &submission) {
                    Ok(_) => {}
                    Err(error) if error.is_senders() => return rejected(error.to_string()),
                    Err(error) => return Err(std::io::Error::other(error).into()),
                }
                runtimes::python(&self.runtimes, &submission, &model, &context)
            }
            SubmissionKind::Onnx => {
                let contract = task
                    .onnx
                    .as_ref()
                    .ok_or(CannotJudge::Missing("ONNX contract"))?;
                make_readable(files.submission, 0o644)?;
                let bytes = std::fs::read(files.submission)?;
                if let Err(error) = intake::check_model(&bytes, contract) {
                    return rejected(error.to_string());
                }
                runtimes::onnx(
                    &self.runtimes,
                    files.submission,
                    &model,
                    Some(contract),
                    &context,
                )
            }
        };
        let payload = payload?;
        let has_class = submission.join("submission.py").is_file();
        let python = has_class.then(|| self.prefork.python(&payload)).flatten();
        self.run(&payload, python, &task.limits, predictions, cancelled)
            .map(Ok)
    }

    fn run(
        &self,
        payload: &Payload,
        python: Option<&Preforked>,
        limits: &Limits,
        output: &Path,
        cancelled: &AtomicBool,
    ) -> Result<Finished, CannotJudge> {
        let refused = |refusal: &Refusal| CannotJudge::Refused(refusal.to_string());
        let sandbox = self.sandbox.as_ref().map_err(refused)?;
        let finished = match python {
            Some(python) => sandbox.run_preforked(python, payload, limits, output, cancelled),
            None => sandbox.run(payload, limits, output, cancelled),
        };
        if finished.verdict == Verdict::Refused {
            return Err(CannotJudge::Refused(finished.reason));
        }
        Ok(finished)
    }

    /// Reads predictions and compares them with the solution.
    fn compare(
        &self,
        task: &Task,
        files: Files<'_>,
        solution: &Solution,
        solution_format: &SolutionFormat,
        written: &Path,
        cancelled: &AtomicBool,
    ) -> Result<Judgement, CannotJudge> {
        let file = File::open(written)?;
        let format = &task.prediction_format;
        let predictions = match read_predictions(file, task.file_format, format, solution) {
            Ok(predictions) => predictions,
            Err(error) => {
                return Ok(Judgement::from(Outcome::Failed {
                    verdict: Verdict::Invalid,
                    reason: error.to_string(),
                    line: error.line().map(|line| line as u64),
                    column: error.column().map(str::to_owned),
                }));
            }
        };
        let mut written_by_program = None;
        let scores = match &task.metric {
            ScoringRule::Metric(metric) => match score(solution, &predictions, metric) {
                Ok(scores) => scores,
                Err(error) if error.is_in_the_truth() => return Ok(unsuited().into()),
                Err(error) => {
                    return Ok(Outcome::failed(Verdict::Invalid, error.to_string()).into());
                }
            },
            ScoringRule::Program(wanted) => {
                let on = |split| {
                    self.score_by_program(
                        task,
                        files,
                        solution,
                        solution_format,
                        &predictions,
                        split,
                        cancelled,
                    )
                };
                let public = match on(Split::Public)? {
                    Ok(scores) => scores,
                    Err(outcome) => return Ok(outcome.into()),
                };
                let private = match on(Split::Private)? {
                    Ok(scores) => scores,
                    Err(outcome) => return Ok(outcome.into()),
                };
                let by_program = written_by_program.insert((public, private));
                match on_both(by_program, wanted.key()) {
                    Some(scores) => scores,
                    None => {
                        let problem = format!("it wrote no score `{}`", wanted.key());
                        return Ok(faulty_program(&problem).into());
                    }
                }
            }
        };
        let by_program =
            |key: &str| (written_by_program.as_ref()).and_then(|written| on_both(written, key));
        let secondary = match secondary_scores(&task.secondary, solution, &predictions, by_program)
        {
            Ok(secondary) => secondary,
            Err(error @ SecondaryError::NotWritten(_)) => {
                return Ok(faulty_program(&error.to_string()).into());
            }
            Err(error) if error.is_organizers() => return Ok(unsuited().into()),
            Err(error) => {
                return Ok(Outcome::failed(Verdict::Invalid, error.to_string()).into());
            }
        };
        let metric = task.metric.metric();
        let evidence = Evidence::new(solution, &predictions, format, metric, secondary);
        let scored = Outcome::Scored {
            public: scores.public,
            private: scores.private,
        };
        Ok(Judgement {
            evidence: Some(evidence),
            ..scored.into()
        })
    }

    /// Runs the organizer's scoring program on the rows of one split: the scores that it writes, by name.
    #[expect(
        clippy::too_many_arguments,
        reason = "one private step of a judgement, called from one place"
    )]
    fn score_by_program(
        &self,
        task: &Task,
        files: Files<'_>,
        solution: &Solution,
        solution_format: &SolutionFormat,
        predictions: &Predictions,
        split: Split,
        cancelled: &AtomicBool,
    ) -> Result<Result<BTreeMap<String, f64>, Outcome>, CannotJudge> {
        let archive = files
            .program
            .ok_or(CannotJudge::Missing("scoring program"))?;
        let faulty = |problem: String| Ok(Err(faulty_program(&problem)));
        let folder = tempfile::tempdir_in(&self.scratch)?;
        let [program, reference, results] =
            ["program", "ref", "res"].map(|name| folder.path().join(name));
        for path in [&reference, &results] {
            std::fs::create_dir(path)?;
            make_readable(path, 0o755)?;
        }
        if let Err(error) = intake::unpack(archive, &program, &ArchiveLimits::default()) {
            return faulty(error.to_string());
        }
        let names = match runtimes::data_names(&program) {
            Ok(names) => names,
            Err(error) => return faulty(error.to_string()),
        };
        let (truth, sent) = (
            reference.join(&names.reference),
            results.join(&names.predictions),
        );
        solution.copy_rows(
            File::open(files.solution.ok_or(CannotJudge::Missing("solution"))?)?,
            solution_format,
            split,
            File::create(&truth)?,
        )?;
        make_readable(&truth, 0o644)?;
        write_predictions(
            predictions,
            &task.prediction_format,
            solution,
            split,
            File::create(&sent)?,
        )?;
        make_readable(&sent, 0o644)?;
        let payload = match runtimes::program(
            &self.runtimes,
            &program,
            &reference,
            &results,
            FileFormat::Csv,
            &Context::default(),
        ) {
            Ok(payload) => payload,
            Err(error) => return faulty(error.to_string()),
        };
        let scores = folder.path().join("scores");
        let finished = self.run(&payload, None, &task.limits, &scores, cancelled)?;
        if finished.verdict != Verdict::Ok || !finished.output {
            let printed = String::from_utf8_lossy(&finished.stderr).into_owned();
            return faulty(format!(
                "{}: {}\n{printed}",
                finished.verdict, finished.reason
            ));
        }
        match runtimes::read_scores(File::open(&scores)?) {
            Ok(scores) => Ok(Ok(scores)),
            Err(error) => faulty(error.to_string()),
        }
    }
}

/// The score of a name that a program wrote on both splits.
fn on_both(
    (public, private): &(BTreeMap<String, f64>, BTreeMap<String, f64>),
    key: &str,
) -> Option<Scores> {
    Some(Scores {
        public: *public.get(key)?,
        private: *private.get(key)?,
    })
}

/// What is wrong with the truth may tell of the truth: it is for the organizer's log alone.
fn unsuited() -> Outcome {
    Outcome::failed(
        Verdict::PlatformFault,
        "The challenge's solution does not suit its metric; the organizer has to mend it.",
    )
}

/// What a scoring program says may tell of the truth as well.
fn faulty_program(problem: &str) -> Outcome {
    tracing::error!(problem, "a scoring program failed");
    Outcome::failed(
        Verdict::PlatformFault,
        "The organizer's scoring program failed on these predictions; the organizer has to mend it.",
    )
}

/// Lets the sandbox's own user read what is mounted for it. The folder around keeps others out.
fn make_readable(path: &Path, mode: u32) -> std::io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;

//! An organizer's own scoring program, for metrics outside of the catalogue: Codabench's contract.
//!
//! The program reads `/app/input/ref` (the reference) and `/app/input/res` (the predictions) and
//! writes `scores.json` or `scores.txt` into `/app/output`. It runs in a sandbox of its own; nothing of
//! a competitor but the checked predictions is in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::python::interpreted;
use super::{Context, MissingRuntime, Runtimes, data_mount};
use crate::scoring::csv_rows::excerpt;
use crate::scoring::predictions::FileFormat;
use crate::scoring::sandbox::Payload;

const PROGRAM: &str = "/app/program";
const INPUT: &str = "/app/input";
const OUTPUT: &str = "/app/output";

/// What is run where the metadata do not say.
const USUAL_NAMES: [&str; 3] = ["score.py", "scoring.py", "evaluate.py"];

/// The largest scores file that is read: far more than any leaderboard has columns.
const MAX_SCORES_BYTES: u64 = 1 << 20;

/// Why a scoring program cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The machine has no Python.
    #[error(transparent)]
    Missing(#[from] MissingRuntime),
    /// A file of the program cannot be read.
    #[error("the scoring program's {name} cannot be read: {reason}")]
    Unreadable {
        /// Its name in the program's folder.
        name: &'static str,
        /// Why not.
        reason: String,
    },
    /// There is nothing to run.
    #[error(
        "the scoring program has no command: add a file `metadata` with a line `command: python3 \
         /app/program/score.py /app/input /app/output`, or call the program score.py, scoring.py or evaluate.py"
    )]
    NoCommand,
    /// The command does not start Python.
    #[error(
        "the scoring program's command starts `{0}`; programs are written in Python: `python3 /app/program/score.py \
         /app/input /app/output`"
    )]
    NotPython(String),
    /// The command is not a list of plain words.
    #[error(
        "the scoring program's command {0}; write it as `python3 /app/program/score.py /app/input /app/output`"
    )]
    Command(&'static str),
}

/// The payload that runs an organizer's scoring program.
///
/// `program` is its unpacked folder. `reference` and `predictions` are folders, which become
/// `/app/input/ref` and `/app/input/res`, or single files, which stand there as `solution.csv` and
/// `predictions.csv` (or `.parquet`, by `predictions_format`). What it writes is read by
/// [`read_scores`].
///
/// # Errors
/// No Python on this machine, or no command that runs it.
pub fn program(
    runtimes: &Runtimes,
    program: &Path,
    reference: &Path,
    predictions: &Path,
    predictions_format: FileFormat,
    context: &Context,
) -> Result<Payload, ProgramError> {
    let words = command(program)?;
    let mut payload = interpreted(runtimes, words, context)?;
    let predictions_name = format!("predictions.{}", predictions_format.as_str());
    let input = |source: &Path, folder: &str, name: &str| {
        let target = if source.is_dir() {
            format!("{INPUT}/{folder}")
        } else {
            format!("{INPUT}/{folder}/{name}")
        };
        data_mount(source, target)
    };
    payload.mounts.extend([
        data_mount(program, PROGRAM),
        input(reference, "ref", "solution.csv"),
        input(predictions, "res", &predictions_name),
    ]);
    payload.working_directory = PROGRAM.into();
    payload.outputs = ["scores.json", "scores.txt"]
        .map(|name| Path::new(OUTPUT).join(name))
        .into();
    Ok(payload)
}

/// What Python is to be started with.
fn command(program: &Path) -> Result<Vec<String>, ProgramError> {
    for name in ["metadata", "metadata.yaml"] {
        let path = program.join(name);
        if !path.is_file() {
            continue;
        }
        let text =
            read_capped(&path).map_err(|reason| ProgramError::Unreadable { name, reason })?;
        if let Some(line) = command_line(&text) {
            return arguments(&line);
        }
    }
    let name = USUAL_NAMES
        .into_iter()
        .find(|name| program.join(name).is_file())
        .ok_or(ProgramError::NoCommand)?;
    Ok([&format!("{PROGRAM}/{name}"), INPUT, OUTPUT]
        .map(str::to_owned)
        .into())
}

fn read_capped(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let mut file = File::open(path)
        .map_err(|error| error.to_string())?
        .take(MAX_SCORES_BYTES + 1);
    file.read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_SCORES_BYTES {
        return Err(format!("it is larger than {MAX_SCORES_BYTES} bytes"));
    }
    Ok(text)
}

/// The value of the top-level key `command` in a small YAML file of keys and plain values, which is
/// all that a scoring program's metadata are.
fn command_line(yaml: &str) -> Option<String> {
    let mut lines = yaml.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(value) = line.strip_prefix("command:") else {
            continue;
        };
        let mut value = value.trim().to_owned();
        // A value may be folded (`>`), literal (`|`) or simply go on in indented lines.
        if ["|", ">", "|-", ">-"].contains(&&*value) {
            value.clear();
        }
        while let Some(more) = lines.next_if(|line| line.starts_with([' ', '\t'])) {
            value.push(' ');
            value.push_str(more.trim());
        }
        let value = value.trim();
        let unquoted = ['"', '\'']
            .into_iter()
            .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
        return Some(unquoted.unwrap_or(value).to_owned());
    }
    None
}

/// The words of a command after `python3`, with Codabench's old placeholders filled in.
fn arguments(line: &str) -> Result<Vec<String>, ProgramError> {
    if line.contains(['"', '\'', '\\', '|', '&', ';', '<', '>', '`', '(']) {
        return Err(ProgramError::Command(
            "uses quotes or a shell's signs, and no shell runs it",
        ));
    }
    let mut words = line.split_whitespace();
    let start = words.next().ok_or(ProgramError::Command("is empty"))?;
    let start_name = start.rsplit('/').next().unwrap_or(start);
    let is_python = start_name
        .strip_prefix("python")
        .is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'));
    if !is_python {
        return Err(ProgramError::NotPython(excerpt(start)));
    }
    let filled = |word: &str| {
        [
            ("$program", PROGRAM),
            ("$input", INPUT),
            ("$output", OUTPUT),
            ("$predictions", "/app/input/res"),
        ]
        .into_iter()
        .fold(word.to_owned(), |word, (old, new)| word.replace(old, new))
    };
    let words: Vec<String> = words.map(filled).collect();
    if words.is_empty() {
        return Err(ProgramError::Command("names no program"));
    }
    Ok(words)
}

/// Why what a scoring program wrote is no scores.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum ScoresError {
    /// The file cannot be read.
    #[error("the scores cannot be read: {0}")]
    Unreadable(String),
    /// There are no scores.
    #[error(
        "the scoring program wrote no scores; write {{\"rmse\": 0.25}} into /app/output/scores.json"
    )]
    Empty,
    /// More than any leaderboard shows.
    #[error(
        "the scores are larger than {MAX_SCORES_BYTES} bytes; write only the scores into scores.json"
    )]
    TooLarge,
    /// Neither JSON nor lines of `key: value`.
    #[error("line {line} of the scores is not like `rmse: 0.25`: \"{found}\"")]
    Line {
        /// The 1-based line.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// JSON of another shape.
    #[error(
        "the scores are not a JSON object of names and numbers such as {{\"rmse\": 0.25}}: {0}"
    )]
    Shape(String),
    /// A score that is no number.
    #[error("the score \"{key}\" is not a number: {found}")]
    NotANumber {
        /// Which score.
        key: String,
        /// What stands there.
        found: String,
    },
    /// A score that no leaderboard can rank.
    #[error("the score \"{key}\" is {found}; a score is a finite number")]
    NotFinite {
        /// Which score.
        key: String,
        /// What stands there.
        found: String,
    },
    /// Two scores of one name.
    #[error("the score \"{0}\" is written twice; write each once")]
    Repeated(String),
    /// A score that the challenge ranks by is not there.
    #[error("the scoring program wrote no score \"{key}\", only: {found}")]
    Missing {
        /// Which score.
        key: String,
        /// Which there are.
        found: String,
    },
}

/// The scores that a scoring program wrote, by name: JSON (`{"rmse": 0.25}`) or lines (`rmse: 0.25`).
///
/// # Errors
/// The first problem, with the score's name. Which scores must be there is [`score_named`]'s.
pub fn read_scores(file: impl Read) -> Result<BTreeMap<String, f64>, ScoresError> {
    let mut bytes = Vec::new();
    file.take(MAX_SCORES_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| ScoresError::Unreadable(error.to_string()))?;
    if bytes.len() as u64 > MAX_SCORES_BYTES {
        return Err(ScoresError::TooLarge);
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| ScoresError::Unreadable("they are not UTF-8 text".to_owned()))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    let scores = if text.starts_with(['{', '[']) {
        from_json(text)?
    } else {
        from_lines(text)?
    };
    if scores.is_empty() {
        return Err(ScoresError::Empty);
    }
    Ok(scores)
}

/// The score of a name.
///
/// # Errors
/// [`ScoresError::Missing`]
pub fn score_named(scores: &BTreeMap<String, f64>, key: &str) -> Result<f64, ScoresError> {
    const NAMED: usize = 20;
    scores.get(key).copied().ok_or_else(|| {
        let names: Vec<String> = scores
            .keys()
            .take(NAMED)
            .map(|name| excerpt(name))
            .collect();
        ScoresError::Missing {
            key: key.to_owned(),
            found: names.join(", "),
        }
    })
}

/// JSON as Python writes it: its NaN and Infinity are not JSON, and common enough to be told apart.
fn from_json(text: &str) -> Result<BTreeMap<String, f64>, ScoresError> {
    let pairs: Pairs = serde_json::from_str(text).map_err(|error| {
        let python_only = ["NaN", "Infinity"]
            .into_iter()
            .find(|word| text.contains(word));
        ScoresError::Shape(match python_only {
            Some(word) => format!(
                "it holds {word}, which JSON does not know; a score is a finite number ({error})"
            ),
            None => error.to_string(),
        })
    })?;
    let mut scores = BTreeMap::new();
    for (key, value) in pairs.0 {
        let score = match &value {
            Value::Number(number) => number.as_f64(),
            _ => None,
        };
        let score = score.ok_or_else(|| ScoresError::NotANumber {
            key: excerpt(&key),
            found: excerpt(&value.to_string()),
        })?;
        insert(&mut scores, key, score)?;
    }
    Ok(scores)
}

fn from_lines(text: &str) -> Result<BTreeMap<String, f64>, ScoresError> {
    let mut scores = BTreeMap::new();
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim();
        if content.is_empty() {
            continue;
        }
        let (key, value) = content.rsplit_once(':').ok_or_else(|| ScoresError::Line {
            line,
            found: excerpt(content),
        })?;
        let (key, value) = (key.trim(), value.trim());
        let score = fast_float2::parse(value).map_err(|_| ScoresError::NotANumber {
            key: excerpt(key),
            found: excerpt(value),
        })?;
        insert(&mut scores, key.to_owned(), score)?;
    }
    Ok(scores)
}

fn insert(scores: &mut BTreeMap<String, f64>, key: String, score: f64) -> Result<(), ScoresError> {
    if !score.is_finite() {
        return Err(ScoresError::NotFinite {
            key: excerpt(&key),
            found: score.to_string(),
        });
    }
    match scores.insert(key.clone(), score) {
        Some(_) => Err(ScoresError::Repeated(excerpt(&key))),
        None => Ok(()),
    }
}

/// The pairs of a JSON object, with those that stand in it twice.
struct Pairs(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of names and numbers")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

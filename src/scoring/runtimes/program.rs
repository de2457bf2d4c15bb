//! An organizer's own scoring program, for metrics outside of the catalogue: Codabench's contract.
//!
//! The program reads `/app/input/ref` (the reference) and `/app/input/res` (the predictions) and
//! writes `scores.json` or `scores.txt` into `/app/output`. It runs in a sandbox of its own; nothing of
//! a competitor but the checked predictions is in it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::python::interpreted;
use super::{Context, MissingRuntime, Runtimes, data_mount};
use crate::scoring::csv_rows::excerpt;
use crate::scoring::predictions::FileFormat;
use crate::scoring::sandbox::{self, Payload};

const PROGRAM: &str = "/app/program";
const INPUT: &str = "/app/input";
const OUTPUT: &str = "/app/output";

/// What is run where the metadata do not say.
const USUAL_NAMES: [&str; 3] = ["score.py", "scoring.py", "evaluate.py"];

/// Where a program says of itself how it is run.
const METADATA: [&str; 2] = ["metadata", "metadata.yaml"];

/// The largest metadata that are read.
const MAX_METADATA_BYTES: u64 = 1 << 16;

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
    /// A name in the metadata cannot be a file's in `ref` or `res`.
    #[error(
        "the scoring program's metadata give `{key}: {found}`; name a file with letters, digits, `_`, `-` and `.`"
    )]
    FileName {
        /// Which of the two.
        key: &'static str,
        /// What stands there.
        found: String,
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
/// [`read_scores`](super::read_scores).
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
    // The sandbox has this folder under both names.
    payload.outputs = ["scores.json", "scores.txt"]
        .map(|name| Path::new(sandbox::OUTPUT).join(name))
        .into();
    Ok(payload)
}

/// Checks what a program says of itself: how it is started, and what its data are called. `program` is its
/// unpacked folder.
///
/// # Errors
/// No command that runs it, or metadata that cannot be read.
pub fn check_program(program: &Path) -> Result<(), ProgramError> {
    command(program)?;
    data_names(program).map(drop)
}

/// What the reference and the predictions are called in `ref` and `res`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataNames {
    /// The reference's file name.
    pub reference: String,
    /// The predictions' file name.
    pub predictions: String,
}

/// The names under which a program looks for its data: those that its metadata give as `reference_file` and
/// `predictions_file`, else `solution.csv` and `predictions.csv`. `program` is its unpacked folder.
///
/// # Errors
/// Metadata that cannot be read, or a name that is not a plain file's.
pub fn data_names(program: &Path) -> Result<DataNames, ProgramError> {
    let mut names = DataNames {
        reference: "solution.csv".to_owned(),
        predictions: "predictions.csv".to_owned(),
    };
    for name in METADATA {
        let path = program.join(name);
        if !path.is_file() {
            continue;
        }
        let text =
            read_capped(&path).map_err(|reason| ProgramError::Unreadable { name, reason })?;
        for (key, file) in [
            ("reference_file", &mut names.reference),
            ("predictions_file", &mut names.predictions),
        ] {
            let Some(value) = value_of(&text, key) else {
                continue;
            };
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
            if value.is_empty() || value.starts_with('.') || !value.bytes().all(is_plain) {
                return Err(ProgramError::FileName {
                    key,
                    found: excerpt(&value),
                });
            }
            *file = value;
        }
        break;
    }
    Ok(names)
}

/// What Python is to be started with.
fn command(program: &Path) -> Result<Vec<String>, ProgramError> {
    for name in METADATA {
        let path = program.join(name);
        if !path.is_file() {
            continue;
        }
        let text =
            read_capped(&path).map_err(|reason| ProgramError::Unreadable { name, reason })?;
        if let Some(line) = value_of(&text, "command") {
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
        .take(MAX_METADATA_BYTES + 1);
    file.read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_METADATA_BYTES {
        return Err(format!("it is larger than {MAX_METADATA_BYTES} bytes"));
    }
    Ok(text)
}

/// The value of a top-level key in a small YAML file of keys and plain values, which is all that a
/// scoring program's metadata are.
fn value_of(yaml: &str, key: &str) -> Option<String> {
    let mut lines = yaml.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(value) = line
            .strip_prefix(key)
            .and_then(|rest| rest.strip_prefix(':'))
        else {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The command of a program's folder that holds these files.
    fn command_of(files: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        command(folder.path()).map_err(|error| error.to_string())
    }

    const USUAL: [&str; 3] = ["/app/program/score.py", "/app/input", "/app/output"];

    #[test]
    fn a_program_says_how_it_is_started() {
        let metadata =
            "description: laps\ncommand: python3 /app/program/score.py /app/input /app/output\n";
        for name in ["metadata", "metadata.yaml"] {
            assert_eq!(command_of(&[(name, metadata)]).unwrap(), USUAL);
        }
        let legacy = "command: python $program/evaluate.py $input $output";
        let words = ["/app/program/evaluate.py", "/app/input", "/app/output"];
        assert_eq!(command_of(&[("metadata", legacy)]).unwrap(), words);
        let quoted = "command: \"python3 -u /app/program/score.py /app/input /app/output\"";
        assert_eq!(command_of(&[("metadata", quoted)]).unwrap()[0], "-u");
        let folded = "command: >-\n  python3 /app/program/score.py\n  /app/input /app/output\ndescription: x\n";
        assert_eq!(command_of(&[("metadata.yaml", folded)]).unwrap(), USUAL);
    }

    #[test]
    fn a_program_without_metadata_is_known_by_its_name() {
        assert_eq!(command_of(&[("score.py", "")]).unwrap(), USUAL);
        let metadata = "description: no command here";
        let words = command_of(&[("metadata", metadata), ("scoring.py", "")]).unwrap();
        assert_eq!(words[0], "/app/program/scoring.py");
        let error = command_of(&[("main.py", "")]).unwrap_err();
        assert!(
            error.contains("score.py, scoring.py or evaluate.py"),
            "{error}"
        );
    }

    #[test]
    fn a_program_says_what_its_data_are_called() {
        let names_of = |metadata: &str| {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("metadata"), metadata).unwrap();
            data_names(folder.path()).map_err(|error| error.to_string())
        };
        let usual = names_of("command: python3 score.py\n").unwrap();
        assert_eq!(usual.reference, "solution.csv");
        assert_eq!(usual.predictions, "predictions.csv");
        let own = names_of("reference_file: iris_test.csv\npredictions_file: \"y.csv\"\n").unwrap();
        assert_eq!(
            (&*own.reference, &*own.predictions),
            ("iris_test.csv", "y.csv")
        );
        for hostile in ["../x.csv", "a/b.csv", ".hidden", "''"] {
            let error = names_of(&format!("predictions_file: {hostile}\n")).unwrap_err();
            assert!(error.contains("predictions_file"), "{error}");
        }
    }

    #[test]
    fn only_python_is_started_and_never_a_shell() {
        let said = |command: &str| {
            command_of(&[("metadata", &format!("command: {command}"))]).unwrap_err()
        };
        assert!(said("bash run.sh").contains("`bash`"));
        assert!(said("pythonic score.py").contains("`pythonic`"));
        assert!(said("python3 score.py && rm x").contains("no shell"));
        assert!(said("").contains("is empty"));
        assert!(said("python3").contains("names no program"));
    }
}

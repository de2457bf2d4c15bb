//! Starter kits: what a competitor downloads to begin with, made for one challenge and one kind of
//! submission.
//!
//! Every column, limit and version in a kit is the challenge's own; the code in it runs as it is.

use std::io::{Cursor, Write};

use askama::Template;
use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::scoring::explanation::{bytes_in_words, limits_in_words};
use crate::scoring::kind::SubmissionKind;
use crate::scoring::metrics::Metric;
use crate::scoring::predictions::{ColumnKind, FileFormat, PredictionFormat};
use crate::scoring::rule::ScoringRule;
use crate::scoring::runtimes::{ElementType, OnnxContract, OnnxInput, OnnxOutput};
use crate::scoring::sandbox::Limits;

/// All that a kit says of its challenge.
#[derive(Debug, Clone)]
pub struct KitFacts {
    /// Its address: letters, digits and hyphens.
    pub slug: String,
    /// Its name.
    pub title: String,
    /// Where the platform is, without a `/` at its end.
    pub address: String,
    /// How it is scored.
    pub metric: ScoringRule,
    /// What predictions hold.
    pub predictions: PredictionFormat,
    /// The largest file that is accepted.
    pub max_bytes: u64,
    /// What a run may use.
    pub limits: Limits,
    /// The columns of the features beside the id, if models run on features.
    pub features: Vec<String>,
    /// How the features are written.
    pub features_format: FileFormat,
    /// What an ONNX model takes and gives, if the challenge takes them.
    pub contract: Option<OnnxContract>,
    /// The version of the built runtime and its packages, if there is one.
    pub runtime: Option<KitRuntime>,
    /// A valid submission that knows nothing; left out where it is large.
    pub sample_submission: Option<Vec<u8>>,
}

/// The built runtime, as kits name it.
#[derive(Debug, Clone)]
pub struct KitRuntime {
    /// Which.
    pub version: String,
    /// Its packages with their versions.
    pub packages: Vec<(String, String)>,
}

/// Why a kit cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum KitError {
    /// A template failed, which is a fault of the platform.
    #[error("a starter kit's text could not be written: {0}")]
    Text(#[from] askama::Error),
    /// The zip failed, which is a fault of the platform.
    #[error("a starter kit could not be packed: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// There is no contract to make a kit from.
    #[error("this challenge takes no ONNX models")]
    NoContract,
}

/// What a prediction column holds, in words.
pub fn column_content(kind: &ColumnKind) -> String {
    match kind {
        ColumnKind::Number => "a number".to_owned(),
        ColumnKind::Probability => "a probability from 0 to 1".to_owned(),
        ColumnKind::Label(classes) => format!("one of: {}", classes.join(", ")),
    }
}

/// A kit as the bytes of a zip: the same for the same facts.
///
/// # Errors
/// A kit for ONNX models without a contract.
pub fn starter_kit(facts: &KitFacts, kind: SubmissionKind) -> Result<Vec<u8>, KitError> {
    let files = match kind {
        SubmissionKind::Predictions => predictions_kit(facts)?,
        SubmissionKind::Python => python_kit(facts)?,
        SubmissionKind::Onnx => onnx_kit(facts)?,
    };
    let folder = format!("{}-{}-starter-kit", facts.slug, kind);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in files {
        let options = SimpleFileOptions::default().unix_permissions(0o644);
        zip.start_file(format!("{folder}/{path}"), options)?;
        zip.write_all(&content)
            .map_err(zip::result::ZipError::from)?;
    }
    Ok(zip.finish()?.into_inner())
}

type Files = Vec<(&'static str, Vec<u8>)>;

fn predictions_kit(facts: &KitFacts) -> Result<Files, KitError> {
    let readme = PredictionsReadme {
        title: one_line(&facts.title),
        address: &facts.address,
        slug: &facts.slug,
        max_size: bytes_in_words(facts.max_bytes),
        columns: columns(facts),
        has_sample: facts.sample_submission.is_some(),
    };
    let mut files = vec![
        ("README.md", readme.render()?.into_bytes()),
        ("submit.py", submit(facts, SubmissionKind::Predictions)?),
    ];
    if let Some(sample) = &facts.sample_submission {
        files.push(("sample-submission.csv", sample.clone()));
    }
    Ok(files)
}

fn python_kit(facts: &KitFacts) -> Result<Files, KitError> {
    let literals = Literals::new(facts);
    let title = docstring(&facts.title);
    let (id, columns_literal) = (literals.id.clone(), literals.columns.clone());
    // The metric ranks: predictions that are all alike would have no score.
    let varied = matches!(
        facts.metric,
        ScoringRule::Metric(Metric::Spearman | Metric::Kendall)
    );
    let submission = SubmissionScript {
        title: &title,
        id: &id,
        columns: &columns_literal,
        varied,
    };
    let main = MainScript {
        title: &title,
        id: &id,
        columns: &columns_literal,
        varied,
        features_are_parquet: facts.features_format == FileFormat::Parquet,
    };
    let train = TrainScript {
        kinds: &literals.kinds,
    };
    let (runtime_version, packages) = match &facts.runtime {
        Some(runtime) => (runtime.version.as_str(), runtime.packages.as_slice()),
        None => ("", &[][..]),
    };
    let readme = PythonReadme {
        title: one_line(&facts.title),
        address: &facts.address,
        slug: &facts.slug,
        id_column: facts.predictions.id_column(),
        features_format: match facts.features_format {
            FileFormat::Csv => "CSV with a header",
            FileFormat::Parquet => "Parquet",
        },
        columns: columns(facts),
        features: &facts.features,
        runtime_version,
        packages,
        limits: limits_in_words(&facts.limits),
        max_size: bytes_in_words(facts.max_bytes),
    };
    let model = constants(&facts.predictions);
    let mut files = vec![
        ("README.md", readme.render()?.into_bytes()),
        (
            "with-packages/submission.py",
            submission.render()?.into_bytes(),
        ),
        ("with-packages/model.json", model.clone()),
        ("standard-library/main.py", main.render()?.into_bytes()),
        ("standard-library/model.json", model),
        ("train.py", train.render()?.into_bytes()),
        ("submit.py", submit(facts, SubmissionKind::Python)?),
    ];
    // Made-up cells in Parquet would help nobody who has no Parquet reader.
    if facts.features_format == FileFormat::Csv {
        files.push(("sample-features.csv", sample_features(facts)));
    }
    Ok(files)
}

fn onnx_kit(facts: &KitFacts) -> Result<Files, KitError> {
    let contract = facts.contract.as_ref().ok_or(KitError::NoContract)?;
    let inputs = contract
        .inputs
        .iter()
        .map(|input| json!([input.name, input.element.as_str(), input.columns]));
    let outputs = contract
        .outputs
        .iter()
        .map(|output| json!([output.name, output.columns]));
    let literals = Literals::new(facts);
    let train = ExportScript {
        title: &docstring(&facts.title),
        inputs: &json!(inputs.collect::<Vec<_>>()).to_string(),
        outputs: &json!(outputs.collect::<Vec<_>>()).to_string(),
        kinds: &literals.kinds,
    };
    let readme = OnnxReadme {
        title: one_line(&facts.title),
        address: &facts.address,
        slug: &facts.slug,
        inputs: &contract.inputs,
        outputs: &contract.outputs,
        columns: columns(facts),
        limits: limits_in_words(&facts.limits),
        max_size: bytes_in_words(facts.max_bytes),
    };
    Ok(vec![
        ("README.md", readme.render()?.into_bytes()),
        ("train_and_export.py", train.render()?.into_bytes()),
        ("requirements.txt", Requirements.render()?.into_bytes()),
        ("submit.py", submit(facts, SubmissionKind::Onnx)?),
        ("sample-features.csv", sample_features(facts)),
    ])
}

fn submit(facts: &KitFacts, kind: SubmissionKind) -> Result<Vec<u8>, KitError> {
    let media_types = match kind {
        SubmissionKind::Predictions => json!({
            ".csv": "text/csv",
            ".parquet": "application/vnd.apache.parquet",
        }),
        SubmissionKind::Onnx => json!({ ".onnx": "application/octet-stream" }),
        SubmissionKind::Python => json!({ ".zip": "application/zip" }),
    };
    let script = SubmitScript {
        title: &docstring(&facts.title),
        address: &facts.address,
        address_literal: &json!(facts.address).to_string(),
        slug: &json!(facts.slug).to_string(),
        kind: &json!(kind.as_str()).to_string(),
        media_types: &media_types.to_string(),
    };
    Ok(script.render()?.into_bytes())
}

/// A challenge's columns as Python writes them: what JSON writes of texts, lists and maps of texts is
/// Python as well.
struct Literals {
    id: String,
    columns: String,
    kinds: String,
}

impl Literals {
    fn new(facts: &KitFacts) -> Self {
        let format = &facts.predictions;
        let names: Vec<&str> = format
            .columns()
            .iter()
            .map(|column| &*column.name)
            .collect();
        // A map of JSON would sort the columns.
        let kinds: Vec<String> = format
            .columns()
            .iter()
            .map(|column| {
                let kind = match &column.kind {
                    ColumnKind::Number => json!("number"),
                    ColumnKind::Probability => json!("probability"),
                    ColumnKind::Label(classes) => json!(classes),
                };
                format!("{}: {kind}", json!(column.name))
            })
            .collect();
        Self {
            id: json!(format.id_column()).to_string(),
            columns: json!(names).to_string(),
            kinds: format!("{{{}}}", kinds.join(", ")),
        }
    }
}

/// The `model.json` of a baseline that was never trained.
fn constants(format: &PredictionFormat) -> Vec<u8> {
    let probabilities = format
        .columns()
        .iter()
        .filter(|column| column.kind == ColumnKind::Probability)
        .count();
    let constant = |kind: &ColumnKind| match kind {
        ColumnKind::Number => json!(0.0),
        // Several of them are those of classes, and add up to 1.
        ColumnKind::Probability => json!(1.0 / probabilities.max(2) as f64),
        ColumnKind::Label(classes) => json!(classes.first()),
    };
    let lines: Vec<String> = format
        .columns()
        .iter()
        .map(|column| format!("  {}: {}", json!(column.name), constant(&column.kind)))
        .collect();
    format!("{{\n{}\n}}\n", lines.join(",\n")).into_bytes()
}

/// A table with the columns of the features, an id first, and made-up cells.
fn sample_features(facts: &KitFacts) -> Vec<u8> {
    const ROWS: u32 = 5;
    let is_text = |column: &str| {
        let inputs = facts.contract.iter().flat_map(|contract| &contract.inputs);
        inputs
            .filter(|input| input.element == ElementType::String)
            .any(|input| input.columns.iter().any(|name| name == column))
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = std::iter::once(facts.predictions.id_column())
        .chain(facts.features.iter().map(|name| &**name));
    // Writing to memory cannot fail, and every record has the header's length.
    let _ = writer.write_record(header);
    for row in 1..=ROWS {
        let cells = facts.features.iter().enumerate().map(|(place, column)| {
            if is_text(column) {
                format!("text {row}")
            } else {
                (row as usize * 10 + place).to_string()
            }
        });
        let _ = writer.write_record(std::iter::once(row.to_string()).chain(cells));
    }
    writer.into_inner().unwrap_or_default()
}

struct ColumnLine {
    name: String,
    content: String,
}

fn columns(facts: &KitFacts) -> Vec<ColumnLine> {
    let id = ColumnLine {
        name: facts.predictions.id_column().to_owned(),
        content: "the row's id".to_owned(),
    };
    let predictions = facts.predictions.columns().iter().map(|column| ColumnLine {
        name: column.name.clone(),
        content: column_content(&column.kind),
    });
    std::iter::once(id).chain(predictions).collect()
}

/// A title as it can stand in a line of Markdown.
fn one_line(title: &str) -> String {
    title.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A title as it can stand in a Python docstring, which it neither ends nor escapes.
fn docstring(title: &str) -> String {
    one_line(title).replace(['"', '\\'], "'")
}

#[derive(Template)]
#[template(path = "starter_kit/predictions.md", escape = "none")]
struct PredictionsReadme<'a> {
    title: String,
    address: &'a str,
    slug: &'a str,
    max_size: String,
    columns: Vec<ColumnLine>,
    has_sample: bool,
}

#[derive(Template)]
#[template(path = "starter_kit/python.md", escape = "none")]
struct PythonReadme<'a> {
    title: String,
    address: &'a str,
    slug: &'a str,
    id_column: &'a str,
    features_format: &'a str,
    columns: Vec<ColumnLine>,
    features: &'a [String],
    runtime_version: &'a str,
    packages: &'a [(String, String)],
    limits: [(&'static str, String); 7],
    max_size: String,
}

#[derive(Template)]
#[template(path = "starter_kit/onnx.md", escape = "none")]
struct OnnxReadme<'a> {
    title: String,
    address: &'a str,
    slug: &'a str,
    inputs: &'a [OnnxInput],
    outputs: &'a [OnnxOutput],
    columns: Vec<ColumnLine>,
    limits: [(&'static str, String); 7],
    max_size: String,
}

#[derive(Template)]
#[template(path = "starter_kit/submission.py", escape = "none")]
struct SubmissionScript<'a> {
    title: &'a str,
    id: &'a str,
    columns: &'a str,
    varied: bool,
}

#[derive(Template)]
#[template(path = "starter_kit/main.py", escape = "none")]
struct MainScript<'a> {
    title: &'a str,
    id: &'a str,
    columns: &'a str,
    varied: bool,
    features_are_parquet: bool,
}

#[derive(Template)]
#[template(path = "starter_kit/train.py", escape = "none")]
struct TrainScript<'a> {
    kinds: &'a str,
}

#[derive(Template)]
#[template(path = "starter_kit/train_and_export.py", escape = "none")]
struct ExportScript<'a> {
    title: &'a str,
    inputs: &'a str,
    outputs: &'a str,
    kinds: &'a str,
}

#[derive(Template)]
#[template(path = "starter_kit/requirements.txt", escape = "none")]
struct Requirements;

#[derive(Template)]
#[template(path = "starter_kit/submit.py", escape = "none")]
struct SubmitScript<'a> {
    title: &'a str,
    address: &'a str,
    address_literal: &'a str,
    slug: &'a str,
    kind: &'a str,
    media_types: &'a str,
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::scoring::intake::{ArchiveLimits, PythonEntry, check_python, unpack};
    use crate::scoring::predictions::PredictionColumn;

    /// A challenge whose names try to break out of every file that they are written into.
    fn facts() -> KitFacts {
        let column = |name: &str, kind| PredictionColumn {
            name: name.to_owned(),
            kind,
        };
        let classes = ["dry, of course", "\"wet\"", "it's ö"]
            .map(str::to_owned)
            .to_vec();
        KitFacts {
            slug: "last-stint".to_owned(),
            title: "The \"last\"\"\" stint \\ \n of 2026".to_owned(),
            address: "https://paddock.example".to_owned(),
            metric: Metric::Mae.into(),
            predictions: PredictionFormat::new(
                "lap \"id\"",
                vec![
                    column("lap_time", ColumnKind::Number),
                    column("p\\wet", ColumnKind::Probability),
                    column("track", ColumnKind::Label(classes)),
                ],
            )
            .unwrap(),
            max_bytes: 64 << 20,
            limits: Limits::default(),
            features: vec![
                "stint".to_owned(),
                "kart, number".to_owned(),
                "driver".to_owned(),
            ],
            features_format: FileFormat::Csv,
            contract: Some(OnnxContract {
                inputs: vec![
                    OnnxInput {
                        name: "X".to_owned(),
                        element: ElementType::Float32,
                        columns: vec!["stint".to_owned(), "kart, number".to_owned()],
                    },
                    OnnxInput {
                        name: "driver".to_owned(),
                        element: ElementType::String,
                        columns: vec!["driver".to_owned()],
                    },
                ],
                outputs: vec![OnnxOutput {
                    name: "variable".to_owned(),
                    columns: vec!["lap_time".to_owned()],
                }],
            }),
            runtime: None,
            sample_submission: Some(b"id,lap_time\n1,0\n".to_vec()),
        }
    }

    /// A kit, unpacked: the folder that holds its files.
    fn unpacked(facts: &KitFacts, kind: SubmissionKind) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let zip = folder.path().join("kit.zip");
        fs::write(&zip, starter_kit(facts, kind).unwrap()).unwrap();
        let into = folder.path().join("kit");
        unpack(&zip, &into, &ArchiveLimits::default()).unwrap();
        let inner = into.join(format!("last-stint-{kind}-starter-kit"));
        (folder, inner)
    }

    fn python(folder: &Path, arguments: &[&str]) -> String {
        let output = Command::new("python3")
            .args(arguments)
            .current_dir(folder)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn read(path: impl AsRef<Path>) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_path(path)
            .unwrap();
        let records = reader.records().map(|record| record.unwrap());
        records
            .map(|record| record.iter().map(str::to_owned).collect())
            .collect()
    }

    #[test]
    fn the_python_baseline_predicts_features_as_it_is_and_after_training() {
        let facts = facts();
        let (_keep, kit) = unpacked(&facts, SubmissionKind::Python);
        python(
            &kit.join("standard-library"),
            &["main.py", "../sample-features.csv", "../predictions.csv"],
        );
        let predictions = read(kit.join("predictions.csv"));
        assert_eq!(predictions.len(), 6);
        assert_eq!(
            predictions[0],
            ["lap \"id\"", "lap_time", "p\\wet", "track"]
        );
        assert_eq!(predictions[1], ["1", "0.0", "0.5", "dry, of course"]);

        fs::write(
            kit.join("train.csv"),
            "lap_time,p\\wet,track\n50,1,it's ö\n52,0,it's ö\n57,0,dry\n",
        )
        .unwrap();
        python(&kit, &["train.py", "train.csv"]);
        python(
            &kit.join("standard-library"),
            &["main.py", "../sample-features.csv", "../predictions.csv"],
        );
        let predictions = read(kit.join("predictions.csv"));
        assert_eq!(predictions[5][..2], ["5", "53.0"]);
        assert_eq!(predictions[5][3], "it's ö");
        assert_eq!(
            fs::read(kit.join("standard-library/model.json")).unwrap(),
            fs::read(kit.join("with-packages/model.json")).unwrap()
        );
    }

    #[test]
    fn a_metric_that_ranks_gets_predictions_that_differ() {
        let mut facts = facts();
        facts.metric = Metric::Spearman.into();
        let (_keep, kit) = unpacked(&facts, SubmissionKind::Python);
        python(
            &kit.join("standard-library"),
            &["main.py", "../sample-features.csv", "../predictions.csv"],
        );
        let predictions = read(kit.join("predictions.csv"));
        let times: Vec<&str> = predictions[1..].iter().map(|row| &*row[1]).collect();
        assert_eq!(times, ["0.0", "1.0", "2.0", "3.0", "4.0"]);
    }

    #[test]
    fn a_zipped_kit_folder_is_a_submission() {
        for (folder, entry) in [
            ("standard-library", PythonEntry::Main),
            ("with-packages", PythonEntry::Model),
        ] {
            let (keep, kit) = unpacked(&facts(), SubmissionKind::Python);
            python(
                &kit,
                &[
                    "-c",
                    &format!("import shutil; shutil.make_archive('submission', 'zip', '{folder}')"),
                ],
            );
            let into = keep.path().join("again");
            let entries = unpack(
                &kit.join("submission.zip"),
                &into,
                &ArchiveLimits::default(),
            )
            .unwrap();
            assert_eq!(check_python(&entries), Ok(entry));
        }
    }

    #[test]
    fn every_script_is_python_and_every_page_names_the_columns() {
        for kind in SubmissionKind::ALL {
            let (_keep, kit) = unpacked(&facts(), *kind);
            python(&kit, &["-m", "compileall", "-q", "."]);
            let readme = fs::read_to_string(kit.join("README.md")).unwrap();
            assert!(
                readme.starts_with("# The \"last\"\"\" stint \\ of 2026: "),
                "{readme}"
            );
            assert!(readme.contains("| `lap_time` | a number |"), "{readme}");
            assert!(!readme.contains("{{") && !readme.contains("{%"), "{readme}");
            assert_eq!(readme.contains("2 GiB"), kind.is_model());
        }
        let (_keep, kit) = unpacked(&facts(), SubmissionKind::Onnx);
        let readme = fs::read_to_string(kit.join("README.md")).unwrap();
        assert!(
            readme.contains("| `X` | float32 | `stint`, `kart, number` |"),
            "{readme}"
        );
        assert!(readme.contains("HistGradientBoosting"));
        let features = read(kit.join("sample-features.csv"));
        assert_eq!(
            features[0],
            ["lap \"id\"", "stint", "kart, number", "driver"]
        );
        assert_eq!(features[1], ["1", "10", "11", "text 1"]);
    }

    #[test]
    fn a_kit_says_which_packages_there_are() {
        let readme = |facts: &KitFacts| {
            let (_keep, kit) = unpacked(facts, SubmissionKind::Python);
            fs::read_to_string(kit.join("README.md")).unwrap()
        };
        let mut facts = facts();
        assert!(readme(&facts).contains("have not been installed"));
        facts.runtime = Some(KitRuntime {
            version: "ab12".to_owned(),
            packages: vec![
                ("numpy".to_owned(), "2.4.6".to_owned()),
                ("pandas".to_owned(), "3.1.1".to_owned()),
            ],
        });
        assert!(readme(&facts).contains("numpy 2.4.6, pandas 3.1.1."));
    }

    #[test]
    fn a_sample_is_submitted_as_it_is() {
        let (_keep, kit) = unpacked(&facts(), SubmissionKind::Predictions);
        assert_eq!(
            fs::read(kit.join("sample-submission.csv")).unwrap(),
            b"id,lap_time\n1,0\n"
        );
        let script = fs::read_to_string(kit.join("submit.py")).unwrap();
        assert!(
            script.contains("CHALLENGE = \"last-stint\"")
                && script.contains("KIND = \"predictions\"")
        );
        // Nothing is sent without a token.
        let output = Command::new("python3")
            .args(["submit.py", "sample-submission.csv"])
            .env_remove("PADDOCK_TOKEN")
            .current_dir(&kit)
            .output()
            .unwrap();
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("usage: PADDOCK_TOKEN"));
    }
}

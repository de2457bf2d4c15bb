//! ONNX models.

use std::path::Path;

use paddock::scoring::predictions::{ColumnKind, PredictionColumn, PredictionFormat};
use paddock::scoring::runtimes::{Context, OnnxContract, onnx};

use crate::stage::{Ended, Folder, Stage, format, task};
use crate::{Case, Needs};

pub const CASES: &[Case] = &[
    (
        "a model feeds on the columns of its contract",
        Needs::Environment,
        contract,
    ),
    (
        "what a contract and a model disagree on is named",
        Needs::Environment,
        disagreement,
    ),
    (
        "a model without a challenge is fed by its own inputs",
        Needs::Environment,
        derived,
    ),
    (
        "a contract may have thousands of columns",
        Needs::Environment,
        wide,
    ),
    (
        "what cannot be derived is said",
        Needs::Environment,
        not_derived,
    ),
];

/// Models of the abuse catalogue that are honest: X of float32 [rows, 1] becomes y.
fn catalogue(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox/models");
    std::fs::read(folder.join(format!("{name}.onnx"))).unwrap()
}

fn run(
    stage: &Stage,
    model: &[u8],
    features: &str,
    contract: Option<&OnnxContract>,
    format: Option<&PredictionFormat>,
) -> Ended {
    let folder = Folder::of(&[("features.csv", features)]);
    let model = folder.write("model.onnx", model);
    let features = folder.path().join("features.csv");
    let task = task(&features, format);
    stage.run(
        &onnx(
            &stage.runtimes,
            &model,
            &task,
            contract,
            &Context::default(),
        )
        .unwrap(),
    )
}

fn json(
    input: &str,
    element: &str,
    columns: &[&str],
    output: &str,
    predicted: &[&str],
) -> OnnxContract {
    let contract = serde_json::json!({
        "inputs": [{"name": input, "element": element, "columns": columns}],
        "outputs": [{"name": output, "columns": predicted}],
    });
    serde_json::from_value(contract).unwrap()
}

const LAPS: &str = "rain,lap,speed\n1,007,-0.25\n2,\"a,b\",0.1\n3,c,\n";

fn contract(stage: &Stage) {
    let asked = json("X", "float32", &["speed"], "y", &["seconds"]);
    let ended = run(
        stage,
        &catalogue("honest"),
        LAPS,
        Some(&asked),
        Some(&format()),
    );
    // 0.1 in 32 bits is this number; an empty cell is NaN.
    assert_eq!(
        ended.text(),
        "lap,seconds\n007,-0.25\n\"a,b\",0.10000000149011612\nc,NaN\n"
    );
    let ended = run(
        stage,
        &catalogue("tree_honest"),
        LAPS,
        Some(&asked),
        Some(&format()),
    );
    assert!(ended.text().starts_with("lap,seconds\n007,1\n\"a,b\",2\n"));
    let ended = run(
        stage,
        &catalogue("honest"),
        "lap,speed\n",
        Some(&asked),
        Some(&format()),
    );
    assert_eq!(ended.text(), "lap,seconds\n");
}

fn disagreement(stage: &Stage) {
    for (asked, words) in [
        (
            json("Z", "float32", &["speed"], "y", &["seconds"]),
            "the model has an input \"X\" that the challenge does not feed; it feeds: Z",
        ),
        (
            json("X", "float64", &["speed"], "y", &["seconds"]),
            "the model's input \"X\" takes float32, the challenge feeds float64; export it with float64",
        ),
        (
            json("X", "float32", &["speed", "rain"], "y", &["seconds"]),
            "the model's input \"X\" has the shape [-1, 1], the challenge feeds [rows, 2]",
        ),
        (
            json("X", "float32", &["speed"], "z", &["seconds"]),
            "the model has no output \"z\"; it has: y",
        ),
        (
            json("X", "float32", &["speed"], "y", &["seconds", "_"]),
            "the model's output \"y\" has 1 columns, the challenge takes 2: seconds, _",
        ),
        (
            json("X", "float32", &["sped"], "y", &["seconds"]),
            "the features have no column \"sped\"; they have: rain, lap, speed",
        ),
        (
            json("X", "float32", &["lap"], "y", &["seconds"]),
            "line 3 of the features: column \"lap\": \"a,b\" is not a number",
        ),
    ] {
        let ended = run(
            stage,
            &catalogue("honest"),
            LAPS,
            Some(&asked),
            Some(&format()),
        );
        assert_eq!(ended.stderr, format!("error: {words}\n"), "{ended:?}");
    }
}

fn wide(stage: &Stage) {
    let names: Vec<String> = (0..4_000)
        .map(|place| format!("sensor_{place:04}"))
        .collect();
    let features = format!("lap,{}\na{}\n", names.join(","), ",1".repeat(names.len()));
    let columns: Vec<&str> = names.iter().map(|name| &**name).collect();
    let asked = json("X", "float32", &columns, "y", &["seconds"]);
    let said = run(
        stage,
        &catalogue("honest"),
        &features,
        Some(&asked),
        Some(&format()),
    );
    // That it has come to compare the shapes shows that the whole of the contract has come to it.
    let said = said.complaint();
    assert!(said.contains("the challenge feeds [rows, 4000]"), "{said}");
}

fn derived(stage: &Stage) {
    let ended = run(stage, &catalogue("honest"), "id,speed\na,2\n", None, None);
    assert_eq!(ended.text(), "id,prediction\na,2\n");
    // The one column of numbers beside texts.
    let ended = run(
        stage,
        &catalogue("honest"),
        "track,id,speed\nAdria,a,2\n",
        None,
        None,
    );
    assert_eq!(ended.text(), "id,prediction\na,2\n");
    // A column that is called like the input.
    let ended = run(
        stage,
        &catalogue("honest"),
        "id,X,speed\na,3,2\n",
        None,
        None,
    );
    assert_eq!(ended.text(), "id,prediction\na,3\n");
}

fn not_derived(stage: &Stage) {
    let said = run(
        stage,
        &catalogue("honest"),
        "id,speed,rain\na,2,1\n",
        None,
        None,
    )
    .complaint();
    assert!(
        said.contains("cannot be told without a challenge's contract"),
        "{said}"
    );
    assert!(
        said.contains("its input \"X\" takes 1 columns of float32"),
        "{said}"
    );
    assert!(said.contains("2 of them hold numbers"), "{said}");
}

/// The names of the models that `make_models.py` exported.
pub fn exported(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).expect("PADDOCK_TEST_MODELS is a folder");
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter_map(|name| name.strip_suffix(".onnx").map(str::to_owned))
        .collect();
    assert!(
        !names.is_empty(),
        "make_models.py has to make the models first"
    );
    names.sort();
    names
}

/// Runs an exported model and compares with what Python's onnxruntime made of it.
pub fn predicts_what_onnxruntime_predicts(stage: &Stage, folder: &Path, name: &str) {
    let read = |ending: &str| std::fs::read(folder.join(format!("{name}.{ending}"))).unwrap();
    let text = |ending: &str| String::from_utf8(read(ending)).unwrap();
    let contract: OnnxContract = serde_json::from_str(&text("json")).unwrap();
    let columns = contract.outputs.iter().flat_map(|output| &output.columns);
    let columns = columns
        .filter(|column| *column != "_")
        .map(|name| PredictionColumn {
            name: name.clone(),
            kind: ColumnKind::Number,
        });
    let format = PredictionFormat::new("id", columns.collect()).unwrap();
    contract.check(&format).unwrap();

    let given = run(
        stage,
        &read("onnx"),
        &text("csv"),
        Some(&contract),
        Some(&format),
    )
    .text();
    let expected = text("expected.csv");
    let (given, expected) = (given.lines(), expected.lines());
    assert_eq!(given.clone().count(), expected.clone().count());
    let mut largest: f64 = 0.0;
    for (given, expected) in given.zip(expected) {
        for (given, expected) in given.split(',').zip(expected.split(',')) {
            match (given.parse::<f64>(), expected.parse::<f64>()) {
                (Ok(given), Ok(expected)) => largest = largest.max((given - expected).abs()),
                _ => assert_eq!(given, expected),
            }
        }
    }
    assert!(largest <= 1e-6, "they differ by up to {largest}");
}

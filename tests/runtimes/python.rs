//! Competitors' Python code.

use paddock::scoring::predictions::FileFormat;
use paddock::scoring::runtimes::{Context, Task, python};

use crate::stage::{Ended, FEATURES, Folder, Stage, format, seeded, task};
use crate::{Case, Needs};

pub const CASES: &[Case] = &[
    (
        "a main.py runs with the standard library alone",
        Needs::Python,
        main_py,
    ),
    (
        "a replay hashes alike, another seed does not",
        Needs::Python,
        replay,
    ),
    (
        "a main.py that fails says where",
        Needs::Python,
        failing_main_py,
    ),
    ("a Model predicts a frame", Needs::Environment, model),
    (
        "a Model may answer with polars or an index",
        Needs::Environment,
        other_frames,
    ),
    (
        "a Model reads and writes Parquet",
        Needs::Environment,
        parquet,
    ),
    (
        "a Model draws the same random numbers again",
        Needs::Environment,
        random_numbers,
    ),
    (
        "every package works inside",
        Needs::Environment,
        every_package,
    ),
    (
        "what is wrong with a Model is told in words",
        Needs::Environment,
        wrong_models,
    ),
    (
        "a traceback shows the competitor's own frames",
        Needs::Environment,
        own_frames,
    ),
];

/// Runs code on [`FEATURES`]; `main.py` by the machine's Python.
fn run(stage: &Stage, name: &str, code: &str, context: Context) -> Ended {
    let submission = Folder::of(&[(name, code), ("rates.txt", "2")]);
    let data = Folder::of(&[("features.csv", FEATURES)]);
    let features = data.path().join("features.csv");
    let format = format();
    let task = task(&features, Some(&format));
    let runtimes = if name == "main.py" {
        &stage.machine
    } else {
        &stage.runtimes
    };
    stage.run(&python(runtimes, submission.path(), &task, &context).unwrap())
}

fn predict(stage: &Stage, code: &str) -> Ended {
    run(stage, "submission.py", code, Context::default())
}

fn main_py(stage: &Stage) {
    let code = r#"
import csv, os, sys
features, output = sys.argv[1:]
rate = float(open("rates.txt").read())
with open(features, newline="") as read, open(output, "w", newline="") as written:
    predictions = csv.writer(written)
    predictions.writerow(["lap", "seconds"])
    for row in csv.DictReader(read):
        predictions.writerow([row["lap"], rate * float(row["speed"])])
print(sorted(os.environ))
"#;
    let ended = run(stage, "main.py", code, Context::default());
    assert!(!ended.stdout.contains("CARGO"), "{}", ended.stdout);
    assert_eq!(
        ended.text(),
        "lap,seconds\r\n007,3.0\r\nNA,5.0\r\n1e3,7.0\r\n"
    );
}

fn replay(stage: &Stage) {
    let code = "import sys\nopen(sys.argv[2], 'w').write(str(hash('kart')))\n";
    let hash = |seed| run(stage, "main.py", code, seeded(seed)).text();
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}

fn failing_main_py(stage: &Stage) {
    let said = run(stage, "main.py", "import sys\n1 / 0\n", Context::default()).complaint();
    assert!(said.contains("/submission/main.py\", line 2"), "{said}");
    assert!(
        said.ends_with("ZeroDivisionError: division by zero\n"),
        "{said}"
    );
}

fn model(stage: &Stage) {
    let code = r#"
import os, pandas
class Model:
    def __init__(self, context):
        self.rate = float(open(os.path.join(context.model_dir, "rates.txt")).read())
        print(context, os.environ["OMP_NUM_THREADS"], os.environ["PYTHONHASHSEED"])
    def predict(self, features):
        print(list(features["track"]), features["speed"].dtype)
        return pandas.DataFrame({"seconds": self.rate * features["speed"], "lap": features["lap"], "note": "x"})
"#;
    let ended = run(
        stage,
        "submission.py",
        code,
        Context {
            seed: 9,
            threads: 2,
        },
    );
    assert_eq!(
        ended.stdout,
        "Context(model_dir='/submission', seed=9, threads=2) 2 9\n['Adria', 'Lonato, wet', 'Adria'] float64\n"
    );
    // In the challenge's order, without what it did not ask for, the ids as they were written.
    assert_eq!(ended.text(), "lap,seconds\n007,3.0\nNA,5.0\n1e3,7.0\n");
}

fn other_frames(stage: &Stage) {
    let expected = "lap,seconds\n007,1.5\nNA,2.5\n1e3,3.5\n";
    for answer in [
        "polars.DataFrame({'lap': features['lap'].to_list(), 'seconds': features['speed'].to_list()})",
        "features.set_index('lap').rename(columns={'speed': 'seconds'})",
    ] {
        let code = format!(
            "import polars\nclass Model:\n    def __init__(self, context): pass\n    def predict(self, features):\n        \
             return {answer}\n"
        );
        assert_eq!(predict(stage, &code).text(), expected, "{answer}");
    }
}

fn parquet(stage: &Stage) {
    // The features are made by the environment itself.
    let make = "import pandas, sys\npandas.DataFrame({'lap': ['007', 'b'], 'speed': [1.5, 2.5]}).to_parquet(sys.argv[2])\n";
    let maker = Folder::of(&[("main.py", make)]);
    let data = Folder::of(&[("empty", "")]);
    let empty = data.path().join("empty");
    let context = Context::default();
    let made =
        stage.run(&python(&stage.runtimes, maker.path(), &task(&empty, None), &context).unwrap());
    let features = data.write("features", &made.output.expect("a Parquet file"));

    let code = "class Model:\n    def __init__(self, context): pass\n    def predict(self, features):\n        \
                return features.rename(columns={'speed': 'seconds'})\n";
    let submission = Folder::of(&[("submission.py", code)]);
    let format = format();
    let task = Task {
        features_format: FileFormat::Parquet,
        predictions_format: FileFormat::Parquet,
        ..task(&features, Some(&format))
    };
    let ended = stage.run(&python(&stage.runtimes, submission.path(), &task, &context).unwrap());
    let output = ended.output.expect("predictions");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions");
    std::fs::write(&path, output).unwrap();
    let solution = paddock::scoring::solution::SolutionFormat::new("lap", "seconds");
    let truth = "lap,seconds\n007,1.5\nb,2.5\n";
    let truth =
        paddock::scoring::solution::Solution::read_csv(truth.as_bytes(), &solution).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    let predictions =
        paddock::scoring::predictions::read_predictions(file, FileFormat::Parquet, &format, &truth)
            .unwrap();
    assert_eq!(predictions.columns(), [vec![1.5, 2.5]]);
}

fn random_numbers(stage: &Stage) {
    let code = r#"
import random, numpy, pandas
class Model:
    def __init__(self, context):
        self.own = numpy.random.default_rng(context.seed)
    def predict(self, features):
        seconds = [random.random(), numpy.random.random(), self.own.random()]
        return pandas.DataFrame({"lap": features["lap"], "seconds": seconds})
"#;
    let drawn = |seed| run(stage, "submission.py", code, seeded(seed)).text();
    assert_eq!(drawn(3), drawn(3));
    assert_ne!(drawn(3), drawn(4));
}

fn every_package(stage: &Stage) {
    let code = r#"
import io, numpy, onnxruntime, pandas, polars, pyarrow.parquet, scipy.stats
from lightgbm import LGBMRegressor
from sklearn.ensemble import RandomForestRegressor
from xgboost import XGBRegressor
class Model:
    def __init__(self, context):
        self.models = [
            LGBMRegressor(n_estimators=3, min_child_samples=1, verbose=-1, n_jobs=context.threads),
            XGBRegressor(n_estimators=3, n_jobs=context.threads),
            RandomForestRegressor(n_estimators=3, n_jobs=2, random_state=context.seed),
        ]
    def predict(self, features):
        seen = features[["speed"]].to_numpy()
        means = numpy.mean([model.fit(seen, [1.0, 2.0, 3.0]).predict(seen) for model in self.models], axis=0)
        polars.DataFrame({"mean": means}).lazy().select(polars.col("mean").sum()).collect()
        pyarrow.parquet.write_table(pyarrow.table({"mean": means}), "/tmp/means.parquet")
        assert pandas.read_parquet("/tmp/means.parquet")["mean"].tolist() == means.tolist()
        assert scipy.stats.spearmanr(means, [1, 2, 3]).statistic > -1
        assert onnxruntime.get_available_providers()
        return pandas.DataFrame({"lap": features["lap"], "seconds": means})
"#;
    let lines = predict(stage, code).text();
    assert_eq!(lines.lines().count(), 4, "{lines}");
}

fn wrong_models(stage: &Stage) {
    let init = "    def __init__(self, context): pass\n";
    let answering = |answer: &str| {
        format!(
            "import numpy, pandas\nclass Model:\n{init}    def predict(self, features):\n        return {answer}\n"
        )
    };
    for (code, words) in [
        ("x = 1\n".to_owned(), "submission.py has no class Model"),
        (
            "def Model(context): pass\n".to_owned(),
            "Model in submission.py is a function",
        ),
        (
            "class Model:\n    pass\n".to_owned(),
            "class Model has no method predict",
        ),
        (
            answering("numpy.zeros(3)"),
            "predict must return a DataFrame with the columns lap, seconds; it returned a numpy ndarray",
        ),
        (answering("features['lap']"), "it returned a pandas Series"),
        (answering("None"), "it returned nothing"),
        (
            answering("features"),
            "the one it returned lacks seconds and has: lap, speed, track",
        ),
    ] {
        let said = predict(stage, &code).complaint();
        assert!(
            said.starts_with("error: ") && said.contains(words),
            "{said}"
        );
        assert!(!said.contains("Traceback"), "{said}");
    }
    let said = predict(stage, "class Model\n").complaint();
    assert!(said.contains("submission.py\", line 1"), "{said}");
    assert!(said.contains("SyntaxError"), "{said}");
    let said = predict(stage, "import torch\n").complaint();
    assert!(said.contains("No module named 'torch'"), "{said}");
}

fn own_frames(stage: &Stage) {
    let code = r#"
def laps(features):
    return features["nope"]
class Model:
    def __init__(self, context): pass
    def predict(self, features):
        try:
            return laps(features)
        except KeyError as error:
            raise ValueError("the laps are missing") from error
"#;
    let said = predict(stage, code).complaint();
    for words in [
        "submission.py\", line 3, in laps",
        "KeyError: 'nope'",
        "direct cause",
        "submission.py\", line 10, in predict",
        "ValueError: the laps are missing",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(
        !said.contains("/runtime/") && !said.contains("<string>"),
        "{said}"
    );
}

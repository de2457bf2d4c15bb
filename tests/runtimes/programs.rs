//! Organizers' scoring programs.

use paddock::scoring::predictions::FileFormat;
use paddock::scoring::runtimes::{Context, ScoresError, program, read_scores};

use crate::stage::{Ended, Folder, Stage};
use crate::{Case, Needs};

pub const CASES: &[Case] = &[
    (
        "a scoring program scores by Codabench's contract",
        Needs::Python,
        scores,
    ),
    ("scores may be lines of text", Needs::Python, lines),
    (
        "an old program with placeholders runs",
        Needs::Python,
        legacy,
    ),
    (
        "folders stand where programs look for them",
        Needs::Python,
        folders,
    ),
    (
        "a scoring program without scores is told so",
        Needs::Python,
        silent,
    ),
];

fn run(stage: &Stage, files: &[(&str, &str)]) -> Ended {
    let folder = Folder::of(files);
    let data = Folder::of(&[("truth", "id,y\na,1\nb,2\n"), ("sent", "id,y\na,1\nb,4\n")]);
    let (truth, sent) = (data.path().join("truth"), data.path().join("sent"));
    let context = Context::default();
    let payload = program(
        &stage.machine,
        folder.path(),
        &truth,
        &sent,
        FileFormat::Csv,
        &context,
    )
    .unwrap();
    stage.run(&payload)
}

const SCORE: &str = r#"
import csv, json, os, sys
source, target = sys.argv[1:]
rows = lambda *parts: [float(row["y"]) for row in csv.DictReader(open(os.path.join(source, *parts)))]
truth, sent = rows("ref", "solution.csv"), rows("res", "predictions.csv")
error = sum(abs(one - other) for one, other in zip(truth, sent)) / len(truth)
json.dump({"mae": error, "rows": len(truth)}, open(os.path.join(target, "scores.json"), "w"))
"#;

fn scores(stage: &Stage) {
    let metadata = "command: python3 /app/program/score.py /app/input /app/output\n";
    let text = run(stage, &[("metadata", metadata), ("score.py", SCORE)]).text();
    let scores = read_scores(text.as_bytes()).unwrap();
    assert_eq!(scores["mae"], 1.0);
    assert_eq!(scores["rows"], 2.0);
}

fn lines(stage: &Stage) {
    let code = "open('/app/output/scores.txt', 'w').write('mae: 0.5\\nrmse: 1e-3\\n')\n";
    let text = run(stage, &[("evaluate.py", code)]).text();
    let scores = read_scores(text.as_bytes()).unwrap();
    assert_eq!(scores["mae"], 0.5);
    assert_eq!(scores["rmse"], 0.001);
}

fn legacy(stage: &Stage) {
    let metadata = "command: python $program/anything.py $input $output";
    let text = run(stage, &[("metadata", metadata), ("anything.py", SCORE)]).text();
    assert_eq!(read_scores(text.as_bytes()).unwrap()["mae"], 1.0);
}

fn folders(stage: &Stage) {
    let code = "import json, os\n\
                found = {f'{folder}/{name}': 1 for folder in ('ref', 'res') for name in os.listdir(f'/app/input/{folder}')}\n\
                json.dump(found, open('/app/output/scores.json', 'w'))\n";
    let program_folder = Folder::of(&[("scoring.py", code)]);
    let reference = Folder::of(&[("labels.txt", "1"), ("weights.txt", "2")]);
    let sent = Folder::of(&[("answer.txt", "1")]);
    let payload = program(
        &stage.machine,
        program_folder.path(),
        reference.path(),
        sent.path(),
        FileFormat::Csv,
        &Context::default(),
    );
    let text = stage.run(&payload.unwrap()).text();
    let scores = read_scores(text.as_bytes()).unwrap();
    let names: Vec<&String> = scores.keys().collect();
    assert_eq!(
        names,
        ["ref/labels.txt", "ref/weights.txt", "res/answer.txt"]
    );
}

fn silent(stage: &Stage) {
    let ended = run(stage, &[("score.py", "print('all is well')\n")]);
    assert_eq!(ended.output, None, "{ended:?}");
    let text = run(
        stage,
        &[(
            "score.py",
            "open('/app/output/scores.json', 'w').write('{}')\n",
        )],
    )
    .text();
    assert_eq!(read_scores(text.as_bytes()), Err(ScoresError::Empty));
}

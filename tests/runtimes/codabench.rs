//! A competition of Codabench from the bundle to the score: imported on the command line, published, and
//! scored by its own program, which nobody touched, in the sandbox of a real server.

use std::io::Write;
use std::time::{Duration, Instant};

use paddock::platform::clock::Clock;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::binary::{Running, run, succeed};
use crate::stage::{Folder, Stage};
use crate::{Case, Needs};

pub const CASES: &[Case] = &[(
    "a competition of Codabench is scored by its own program",
    Needs::Python,
    imported,
)];

const COMPETITION: &str = "version: 2
title: Iris of the paddock
description: Which compound is on the kart?
terms: terms.md
docker_image: codalab/codalab-legacy:py312
pages:
  - {title: Overview, file: overview.md}
phases:
  - {index: 0, name: Development, start: 1-1-2026, end: 12-31-2026, tasks: [0], max_submissions_per_day: 5}
  - {index: 1, name: Final, start: 1-1-2027, end: None, tasks: [1]}
tasks:
  - {index: 0, name: dev, scoring_program: scoring_program, reference_data: reference_data}
  - {index: 1, name: final, scoring_program: scoring_program, reference_data: reference_data}
leaderboards:
  - title: Results
    key: main
    submission_rule: Force_Last
    columns:
      - {title: Accuracy, key: set1_score, index: 0, sorting: desc}
";

const REFERENCE: &str =
    "id,compound\n1,soft\n2,hard\n3,soft\n4,hard\n5,soft\n6,hard\n7,soft\n8,hard\n";

/// As such programs are: with Codabench's folders and its own file names.
const SCORE: &str = r#"
import csv, json, os, sys
source, target = sys.argv[1], sys.argv[2]
def read(*parts):
    with open(os.path.join(source, *parts)) as file:
        return {row["id"]: row["compound"] for row in csv.DictReader(file)}
truth = read("ref", "iris_test.csv")
sent = read("res", "prediction.csv")
right = sum(sent[name] == compound for name, compound in truth.items())
with open(os.path.join(target, "scores.json"), "w") as file:
    json.dump({"set1_score": right / len(truth)}, file)
"#;

fn bundle() -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in [
        ("competition.yaml", COMPETITION),
        ("terms.md", "Be fair."),
        ("overview.md", "# Welcome"),
        ("reference_data/iris_test.csv", REFERENCE),
        ("scoring_program/score.py", SCORE),
        (
            "scoring_program/metadata",
            "command: python $program/score.py $input $output\n",
        ),
    ] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn imported(_: &Stage) {
    let folder = Folder::of(&[]);
    let at = folder.path();
    std::fs::write(at.join("iris.zip"), bundle()).unwrap();
    let paddock = |line: &str| succeed(at, &line.split(' ').collect::<Vec<_>>());
    paddock("user create karla --email karla@example.org --role organizer");
    paddock("user create rosa --email rosa@example.org");
    let said =
        paddock("challenge import iris.zip --slug iris --starts-at 2020-01-01 --owner karla");
    assert!(
        said.contains("the Docker image codalab/codalab-legacy:py312"),
        "{said}"
    );
    assert!(said.contains("the submission rule Force_Last"), "{said}");
    paddock("challenge publish iris --owner karla");

    // What came from Codabench goes on as a bundle of its own.
    paddock("challenge export iris --owner karla --output iris-exported.zip");
    let again = run(
        at,
        &[
            "challenge",
            "import",
            "iris-exported.zip",
            "--owner",
            "karla",
        ],
    );
    let complaint = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        complaint.contains("another challenge has this address"),
        "{complaint}"
    );
    // Its dates are those of the past; the phase that runs now is the last.
    paddock(&format!(
        "challenge clone iris iris-now --starts-at {} --owner karla",
        two_years_ago()
    ));
    paddock("challenge publish iris-now --owner karla");
    let token = paddock("user token rosa --scope read --scope submit");

    let mut server = Running::start(at, &["serve", "--listen", "127.0.0.1:0"]);
    let address = server.wait_for("Serving at ");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let told = runtime.block_on(submitted(&address, token.trim()));
    assert_eq!(told["state"], "scored", "{told}");
    assert_eq!(told["public_score"], 1.0, "{told}");
}

/// So that the second of two phases, of which the first has a year, runs now.
fn two_years_ago() -> String {
    let day = Clock::System.now().date_naive() - chrono::Days::new(400);
    day.to_string()
}

async fn submitted(address: &str, token: &str) -> Value {
    let client = reqwest::Client::new();
    let url = |path: &str| format!("{address}/api/v1{path}");
    let joined = client
        .post(url("/challenges/iris-now/membership"))
        .bearer_auth(token)
        .json(&json!({ "rules_version": 1 }));
    assert!(joined.send().await.unwrap().status().is_success());
    let sent = client
        .post(url("/challenges/iris-now/submissions"))
        .bearer_auth(token)
        .header("content-type", "text/csv")
        .body(REFERENCE);
    let sent = sent.send().await.unwrap();
    assert_eq!(sent.status(), 201);
    let began = Instant::now();
    loop {
        let asked = client.get(url("/submissions/1")).bearer_auth(token);
        let told: Value = asked.send().await.unwrap().json().await.unwrap();
        let is_done = !["queued", "running"].contains(&told["state"].as_str().unwrap());
        if is_done || began.elapsed() > Duration::from_secs(120) {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

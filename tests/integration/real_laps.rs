//! Real laps from a file to a score, by the commands that `datasets/README.md` documents.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::binary::{Running, paddock, succeed};

/// Two sums of the same numbers in another order differ by this at most.
const TOLERANCE: f64 = 1e-9;

fn root(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(path)
        .display()
        .to_string()
}

fn baseline(arguments: &[&str]) -> String {
    let python = std::env::var("PADDOCK_TEST_PYTHON")
        .expect("PADDOCK_TEST_PYTHON names a python with tests/oracle/requirements.txt installed");
    let output = Command::new(python)
        .arg(root("tests/real_laps/baseline.py"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
#[ignore = "needs PADDOCK_TEST_PYTHON"]
async fn a_baseline_of_scikit_learn_has_the_score_that_scikit_learn_gives_it() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let user = |name: &str, role: &str| {
        let email = format!("{name}@example.org");
        succeed(
            folder.path(),
            &["user", "create", name, "--email", &email, "--role", role],
        );
    };
    user("karla", "organizer");
    user("rosa", "expert");
    let token = succeed(
        folder.path(),
        &[
            "user", "token", "rosa", "--scope", "read", "--scope", "submit",
        ],
    );
    let token = token.trim();

    // An organizer publishes the laps and posts the challenge.
    let published = succeed(
        folder.path(),
        &[
            "dataset",
            "publish",
            &root("../shared/data/rental-endurance-laps.csv"),
            "--slug",
            "rental-endurance",
            "--title",
            "Rental endurance laps",
            "--policy",
            &root("datasets/policies/rental-endurance.toml"),
            "--card",
            &root("datasets/rental-endurance/card.md"),
            "--licence",
            "CC-BY-4.0",
            "--split",
            &root("datasets/rental-endurance/split.toml"),
            "--solution-output",
            "solution.csv",
            "--owner",
            "karla",
        ],
    );
    assert!(
        published.contains("of 34498 rows of 116 subjects"),
        "{published}"
    );
    succeed(
        folder.path(),
        &[
            "challenge",
            "create",
            &root("datasets/rental-endurance/challenge.toml"),
            "--solution",
            "solution.csv",
            "--owner",
            "karla",
            "--publish",
        ],
    );

    // An expert downloads the data, fits a model and submits what it predicts.
    let mut server = Running::start(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    let address = server.wait_for("Serving at ");
    // The server closes connections that idle while the model is fitted, so none is kept.
    let client = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .build()
        .unwrap();
    for file in ["train.csv", "test.csv"] {
        let url = format!("{address}/api/v1/datasets/rental-endurance/files/{file}");
        let answer = client
            .get(url)
            .send()
            .await
            .unwrap()
            .error_for_status()
            .unwrap();
        std::fs::write(at(file), answer.bytes().await.unwrap()).unwrap();
    }
    let model = baseline(&[
        "predict",
        &at("train.csv"),
        &at("test.csv"),
        &at("predictions.csv"),
    ]);
    assert!(model.contains("Ridge"), "{model}");
    let challenge = format!("{address}/api/v1/challenges/held-out-laps");
    let joined = client
        .post(format!("{challenge}/membership"))
        .bearer_auth(token)
        .json(&json!({"rules_version": 1}))
        .send()
        .await
        .unwrap();
    assert!(
        joined.status().is_success(),
        "{}",
        joined.text().await.unwrap()
    );
    let sent = client
        .post(format!("{challenge}/submissions"))
        .bearer_auth(token)
        .header("Content-Type", "text/csv")
        .body(std::fs::read(at("predictions.csv")).unwrap())
        .send()
        .await
        .unwrap();
    assert!(sent.status().is_success(), "{}", sent.text().await.unwrap());
    let id = sent.json::<Value>().await.unwrap()["id"].as_i64().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let scored = loop {
        let url = format!("{address}/api/v1/submissions/{id}");
        let submission: Value = client
            .get(url)
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        match submission["state"].as_str().unwrap() {
            "scored" => break submission,
            "failed" => panic!("{submission}"),
            _ => assert!(Instant::now() < deadline, "{submission}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };

    // scikit-learn says the same of the same rows.
    let oracle = baseline(&["score", &at("solution.csv"), &at("predictions.csv")]);
    let oracle: Value = serde_json::from_str(&oracle).unwrap();
    let [public, private] = ["public", "private"].map(|split| oracle[split].as_f64().unwrap());
    let near = |ours: f64, theirs: f64| (ours - theirs).abs() <= TOLERANCE;
    let score = scored["public_score"].as_f64().unwrap();
    assert!(
        near(score, public),
        "{score} is not scikit-learn's {public}"
    );
    assert!(scored["private_score"].is_null(), "{scored}");
    let board: Value = client
        .get(format!("{challenge}/leaderboard"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(board["entries"][0]["team"], "rosa");
    assert_eq!(board["entries"][0]["score"].as_f64().unwrap(), score);
    assert!(server.stop().success());

    // And so does the organizer's command line, on the private rows too.
    let arguments = "challenge score predictions.csv --solution solution.csv --metric mae --json";
    let output = paddock(folder.path())
        .args(arguments.split(' '))
        .output()
        .unwrap();
    let ours: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        near(ours["mae"]["public"].as_f64().unwrap(), public),
        "{ours}"
    );
    assert!(
        near(ours["mae"]["private"].as_f64().unwrap(), private),
        "{ours}"
    );
}

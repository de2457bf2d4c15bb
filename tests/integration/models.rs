//! Models: what a challenge takes beside predictions, how a model is sent, what is refused before it is
//! accepted, and what its team reads about it.

use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::time::Duration;

use paddock::accounts::users::Role;
use paddock::challenges::draft::ChallengeDraft;
use paddock::challenges::life;
use paddock::challenges::posting::{self, ChallengeFiles};
use paddock::http::fault::Fault;
use paddock::scoring::judge::{Judgement, Logs, Outcome};
use paddock::scoring::kind::SubmissionKind;
use paddock::scoring::queue::Abilities;
use paddock::scoring::sandbox::Usage;
use paddock::scoring::verdict::Verdict;
use reqwest::Response;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::app::{Account, SAMPLE_SOLUTION, TestApp, sample_draft};
use crate::on_both_databases;

/// Features for the sample challenge: the truth is their `x`.
const FEATURES: &str =
    "id,x,rain\n1,1,0\n2,2,1\n3,3,0\n4,4,1\n5,5,0\n6,6,1\n7,7,0\n8,8,1\n9,9,0\n10,10,1\n";

/// Posts and publishes the sample challenge for every kind of submission.
async fn post_models(
    app: &TestApp,
    owner: &Account,
    change: impl FnOnce(&mut ChallengeDraft),
) -> String {
    let mut draft = sample_draft(app.clock.now());
    draft.kinds = SubmissionKind::ALL.to_vec();
    draft.onnx = Some(
        serde_json::from_value(json!({
            "inputs": [{ "name": "X", "element": "float32", "columns": ["x", "rain"] }],
            "outputs": [{ "name": "Y", "columns": ["prediction"] }],
        }))
        .unwrap(),
    );
    change(&mut draft);
    let folder = tempfile::tempdir().unwrap();
    let (solution, features) = (
        folder.path().join("solution.csv"),
        folder.path().join("features.csv"),
    );
    std::fs::write(&solution, SAMPLE_SOLUTION).unwrap();
    std::fs::write(&features, FEATURES).unwrap();
    let slug = draft.slug.clone();
    let files = ChallengeFiles {
        solutions: vec![solution],
        features: vec![features],
        programs: Vec::new(),
    };
    let (now, state) = (app.clock.now(), &app.state);
    posting::post(
        &state.database,
        &state.storage,
        now,
        &owner.user,
        draft,
        files,
    )
    .await
    .unwrap();
    let (principal, address) = (owner.principal(), slug.clone());
    state
        .database
        .write(move |connection| {
            life::publish(connection, now, &principal, &address, false).map_err(Fault::from)
        })
        .await
        .unwrap();
    slug
}

/// A challenge of every kind, and somebody who joined it.
async fn joined(
    app: &TestApp,
    change: impl FnOnce(&mut ChallengeDraft),
) -> (Account, Account, String) {
    let organizer = app.account(Role::Organizer).await;
    let expert = app.account(Role::Expert).await;
    let slug = post_models(app, &organizer, change).await;
    app.join(&expert, &slug).await;
    (organizer, expert, slug)
}

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in files {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(*path, options).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const MAIN: (&str, &str) = (
    "main.py",
    "import sys\nopen(sys.argv[2], 'w').write(open(sys.argv[1]).read())\n",
);

async fn send(
    app: &TestApp,
    account: &Account,
    slug: &str,
    query: &str,
    body: Vec<u8>,
    media_type: &str,
) -> Response {
    app.api(&account.token)
        .post(&format!("/challenges/{slug}/submissions{query}"))
        .header("Content-Type", media_type)
        .body(body)
        .send()
        .await
        .unwrap()
}

async fn problem(response: Response) -> Value {
    assert_eq!(response.status(), 422, "{}", response.text().await.unwrap());
    response.json().await.unwrap()
}

/// How many files lie in the store's place for submissions.
fn stored_submissions(app: &TestApp) -> usize {
    fn files(folder: PathBuf) -> usize {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return 0;
        };
        entries
            .map(|entry| entry.unwrap().path())
            .map(|path| if path.is_dir() { files(path) } else { 1 })
            .sum()
    }
    files(app.state.config.data_dir.join("store").join("submissions"))
}

on_both_databases!(
    what_cannot_be_a_model_is_refused_by_name_and_costs_nothing,
    |app| async move {
        let (_, expert, slug) = joined(&app, |_| {}).await;
        let sent = |query: &'static str, body: Vec<u8>, media_type: &'static str| {
            let (app, expert, slug) = (&app, &expert, &slug);
            async move { problem(send(app, expert, slug, query, body, media_type).await).await }
        };
        let slip = sent("", zip(&[MAIN, ("../evil.py", "x")]), "application/zip").await;
        assert_eq!(
            (&slip["type"], &slip["field"]),
            (&json!("rejected"), &json!("file"))
        );
        assert!(
            slip["detail"]
                .as_str()
                .unwrap()
                .contains("\"../evil.py\" leads out of the archive"),
            "{slip}"
        );
        let folder = sent("", zip(&[("mine/main.py", "x")]), "application/zip").await;
        assert!(
            folder["detail"]
                .as_str()
                .unwrap()
                .contains("main.py is in the folder \"mine\""),
            "{folder}"
        );
        let pickle = sent(
            "?kind=onnx",
            b"\x80\x04\x95\0\0".to_vec(),
            "application/octet-stream",
        )
        .await;
        assert!(
            pickle["detail"]
                .as_str()
                .unwrap()
                .contains("a Python pickle"),
            "{pickle}"
        );
        let model = std::fs::read("tests/sandbox/models/external_above.onnx").unwrap();
        let external = sent("?kind=onnx", model, "application/octet-stream").await;
        assert!(
            external["detail"]
                .as_str()
                .unwrap()
                .contains("is not in the file"),
            "{external}"
        );
        let empty = sent("?kind=python", Vec::new(), "application/zip").await;
        assert!(
            empty["detail"].as_str().unwrap().contains("empty"),
            "{empty}"
        );

        let response = send(
            &app,
            &expert,
            &slug,
            "?kind=onnx",
            b"id,prediction\n".to_vec(),
            "text/csv",
        )
        .await;
        assert_eq!(response.status(), 415);
        let unknown = sent("?kind=r", b"id,prediction\n".to_vec(), "text/csv").await;
        assert_eq!(unknown["field"], "kind");

        assert_eq!(stored_submissions(&app), 0);
        let detail: Value = app
            .api(&expert.token)
            .get(&format!("/challenges/{slug}"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(
            detail["limits"]["remaining_today"],
            detail["limits"]["per_day"]
        );
        let list: Value = app
            .api(&expert.token)
            .get(&format!("/challenges/{slug}/submissions"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(list["submissions"], json!([]));
    }
);

on_both_databases!(a_kind_that_is_not_taken_is_refused, |app| async move {
    let (_, expert, slug) = joined(&app, |draft| {
        draft.kinds = vec![SubmissionKind::Python];
        draft.onnx = None;
    })
    .await;
    let response = send(
        &app,
        &expert,
        &slug,
        "",
        b"id,prediction\n".to_vec(),
        "text/csv",
    )
    .await;
    let fault = problem(response).await;
    assert!(
        fault["detail"]
            .as_str()
            .unwrap()
            .contains("takes python, not predictions"),
        "{fault}"
    );
    // The one kind that is taken need not be said.
    let form = Form::new().part("file", Part::bytes(zip(&[MAIN])).file_name("mine.zip"));
    let accepted = app
        .api(&expert.token)
        .post(&format!("/challenges/{slug}/submissions"))
        .multipart(form)
        .send()
        .await
        .unwrap();
    assert_eq!(accepted.status(), 201);
    let accepted: Value = accepted.json().await.unwrap();
    assert_eq!(
        (&accepted["kind"], &accepted["file_name"]),
        (&json!("python"), &json!("mine.zip"))
    );
    // Another kind's page and kit are not there.
    for path in ["kinds/onnx", "starter-kits/predictions", "kinds/r"] {
        let response = app
            .get(&format!("/challenges/{slug}/{path}"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
});

on_both_databases!(a_browser_chooses_a_kind_and_sends_a_zip, |app| async move {
    let (_, expert, slug) = joined(&app, |_| {}).await;
    let browser = app.browser_of(&expert).await;
    let page = browser.page(&format!("/challenges/{slug}/submit")).await;
    for kind in ["predictions", "onnx", "python"] {
        assert!(page.contains(&format!("/submit?kind={kind}")), "{kind}");
    }
    let address = format!("/challenges/{slug}/submit?kind=python");
    let page = browser.page(&address).await;
    assert!(page.contains(r#"name="kind" value="python""#) && page.contains("Zip with main.py"));

    let form = |files: &[(&str, &str)]| {
        let file = Part::bytes(zip(files))
            .file_name("model.zip")
            .mime_str("application/zip")
            .unwrap();
        Form::new()
            .text("kind", "python")
            .text("description", "second try")
            .part("file", file)
    };
    let refused = browser
        .post_files(&address, form(&[("readme.txt", "x")]))
        .await;
    assert_eq!(refused.status(), 422);
    let page = refused.text().await.unwrap();
    assert!(
        page.contains("There is neither submission.py") && page.contains("second try"),
        "{page}"
    );
    assert!(
        page.contains(r#"name="kind" value="python""#),
        "the same form is shown again"
    );

    let accepted = browser.post_files(&address, form(&[MAIN])).await;
    assert_eq!(accepted.status(), 303);
    let place = accepted.headers()["location"].to_str().unwrap().to_owned();
    let page = browser.page(&place).await;
    assert!(
        page.contains("Python code") && page.contains("model.zip"),
        "{page}"
    );
});

on_both_databases!(
    a_challenge_says_what_it_takes_and_gives_kits,
    |app| async move {
        let (_, _, slug) = joined(&app, |_| {}).await;
        let visitor = app.visitor();
        let overview = visitor.page(&format!("/challenges/{slug}")).await;
        for words in [
            "What you can send",
            "ONNX model",
            "Python code",
            "starter-kits/python",
            "2 GiB",
            "hidden, 2 columns",
        ] {
            assert!(overview.contains(words), "{words}");
        }
        let onnx = visitor
            .page(&format!("/challenges/{slug}/kinds/onnx"))
            .await;
        for words in [
            "<code>X</code>",
            "float32",
            "<code>rain</code>",
            "HistGradientBoosting",
            "paddock runtime build",
        ] {
            assert!(onnx.contains(words), "{words}");
        }
        let python = visitor
            .page(&format!("/challenges/{slug}/kinds/python"))
            .await;
        assert!(python.contains("class Model") && python.contains("main.py FEATURES OUTPUT"));
        for kind in ["predictions", "onnx", "python"] {
            for path in [
                format!("/challenges/{slug}/starter-kits/{kind}"),
                format!("/api/v1/challenges/{slug}/starter-kits/{kind}"),
            ] {
                let response = app.get(&path).send().await.unwrap();
                assert_eq!(response.status(), 200, "{path}");
                assert_eq!(response.headers()["content-type"], "application/zip");
                let bytes = response.bytes().await.unwrap();
                let archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
                let readme = format!("{slug}-{kind}-starter-kit/README.md");
                assert!(archive.index_for_name(&readme).is_some(), "{path}");
            }
        }
        let detail: Value = app
            .get(&format!("/api/v1/challenges/{slug}"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(detail["kinds"][2]["kind"], "python");
        assert_eq!(detail["onnx"]["inputs"][0]["name"], "X");
        assert_eq!(
            detail["phases"][0]["features"]["columns"],
            json!(["x", "rain"])
        );
        assert_eq!(detail["run_limits"]["cpu_seconds"], 60);
        let hidden = app
            .get(&format!("/challenges/{slug}/features"))
            .send()
            .await
            .unwrap();
        assert_eq!(hidden.status(), 404);
    }
);

on_both_databases!(public_features_are_there_to_download, |app| async move {
    let (_, _, slug) = joined(&app, |draft| draft.phases[0].features_hidden = false).await;
    for path in [
        format!("/challenges/{slug}/features"),
        format!("/api/v1/challenges/{slug}/features"),
    ] {
        let response = app.get(&path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.text().await.unwrap(), FEATURES);
    }
});

/// Leases the one run that waits, and says what came of it as a worker would.
async fn report(app: &TestApp, verdict: Verdict) {
    let abilities = Abilities {
        kinds: SubmissionKind::ALL.to_vec(),
        sandbox: true,
        memory_bytes: u64::MAX,
    };
    let dispatch = &app.state.dispatch;
    let run = dispatch
        .lease("tests", &abilities, Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    let judgement = Judgement {
        usage: Some(Usage {
            cpu_seconds: 1.5,
            wall_seconds: 2.25,
            peak_memory_bytes: 1 << 30,
        }),
        logs: Some(Logs {
            stdout: "loaded \u{1b}[31m<b>model</b>\n".to_owned(),
            stderr: "Traceback: KeyError 'y'\n".to_owned(),
        }),
        ..Outcome::failed(verdict, "it ended with exit status 1").into()
    };
    dispatch.report(run.lease, judgement).await.unwrap();
}

async fn failed(app: &TestApp, verdict: Verdict, hidden: bool) -> (Account, Account, i64) {
    let (organizer, expert, slug) =
        joined(app, |draft| draft.phases[0].features_hidden = hidden).await;
    let accepted = send(app, &expert, &slug, "", zip(&[MAIN]), "application/zip").await;
    assert_eq!(accepted.status(), 201, "{}", accepted.text().await.unwrap());
    let accepted: Value = accepted.json().await.unwrap();
    report(app, verdict).await;
    (organizer, expert, accepted["id"].as_i64().unwrap())
}

on_both_databases!(
    a_team_reads_what_happened_and_what_its_model_printed,
    |app| async move {
        let (_, expert, id) = failed(&app, Verdict::RuntimeError, false).await;
        let page = app
            .browser_of(&expert)
            .await
            .page(&format!("/submissions/{id}"))
            .await;
        for words in [
            "It stopped with an error",
            "it ended with exit status 1",
            "1.50 of 60 s",
            "1.1 GB of 2.1 GB",
            r"loaded \x1b[31m",
            "Traceback: KeyError",
            "It uses one of your places",
        ] {
            assert!(page.contains(words), "{words}: {page}");
        }
        assert!(!page.contains("<b>model</b>") && !page.contains('\u{1b}'));
        let seen = app.submission(&expert, id).await;
        assert_eq!(seen["explanation"]["title"], "It stopped with an error");
        assert_eq!(seen["usage"]["peak_memory_bytes"], 1 << 30);
        assert!(
            seen["logs"]["stderr"]
                .as_str()
                .unwrap()
                .starts_with("Traceback")
        );
    }
);

on_both_databases!(
    hidden_features_hide_what_a_model_printed,
    |app| async move {
        let (organizer, expert, id) = failed(&app, Verdict::MemoryLimit, true).await;
        let browser = app.browser_of(&expert).await;
        let page = browser.page(&format!("/submissions/{id}")).await;
        assert!(
            page.contains("Out of memory") && page.contains("2 GiB"),
            "{page}"
        );
        assert!(page.contains("What it printed is not shown"), "{page}");
        assert!(!page.contains("Traceback") && !page.contains("loaded"));
        let seen = app.submission(&expert, id).await;
        assert_eq!(seen["logs"], Value::Null);
        assert_eq!(seen["explanation"]["title"], "Out of memory");
        // Its organizer knows the features anyway.
        let page = app
            .browser_of(&organizer)
            .await
            .page(&format!("/submissions/{id}"))
            .await;
        assert!(page.contains("Traceback"));
    }
);

on_both_databases!(a_fault_of_ours_is_called_one, |app| async move {
    let (_, expert, id) = failed(&app, Verdict::Refused, false).await;
    let page = app
        .browser_of(&expert)
        .await
        .page(&format!("/submissions/{id}"))
        .await;
    assert!(
        page.contains("not your fault") && page.contains("It does not count"),
        "{page}"
    );
    assert_eq!(app.submission(&expert, id).await["counts"], false);
});

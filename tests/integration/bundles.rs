//! Challenges that are used again: exported, imported, cloned, kept as templates, completed; and
//! competitions that come from Codabench.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use chrono::TimeDelta;
use diesel::prelude::*;
use paddock::accounts::tokens::Scope;
use paddock::accounts::users::Role;
use paddock::challenges::challenge::ChallengeError;
use paddock::challenges::templates::TEMPLATES;
use paddock::platform::schema::{audit_log, challenges};
use reqwest::Response;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::app::{Account, SAMPLE_SOLUTION, TestApp, predictions};
use crate::on_both_databases;

fn zipped(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn entries(zip: Vec<u8>) -> BTreeMap<String, String> {
    let mut archive = ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut entries = BTreeMap::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        entries.insert(entry.name().unwrap().into_owned(), text);
    }
    entries
}

async fn organizer(app: &TestApp, name: &str) -> (Account, String) {
    let account = app.account_named(name, Role::Organizer).await;
    let token = app.token_of(&account.user, Scope::ALL).await;
    (account, token)
}

async fn exported(app: &TestApp, token: &str, slug: &str) -> Vec<u8> {
    let sent = app.api(token).get(&format!("/challenges/{slug}/bundle"));
    let response = sent.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "private, no-store");
    response.bytes().await.unwrap().to_vec()
}

async fn import(
    app: &TestApp,
    token: &str,
    zip: Vec<u8>,
    fields: &[(&'static str, String)],
) -> Response {
    let file = Part::bytes(zip).file_name("bundle.zip");
    let form = fields
        .iter()
        .fold(Form::new().part("bundle", file), |form, (name, text)| {
            form.text(*name, text.clone())
        });
    let sent = app.api(token).post("/challenges/import").multipart(form);
    sent.send().await.unwrap()
}

async fn clone_of(app: &TestApp, token: &str, slug: &str, asked: Value) -> Response {
    let sent = app.api(token).post(&format!("/challenges/{slug}/clone"));
    sent.json(&asked).send().await.unwrap()
}

async fn publish(app: &TestApp, token: &str, slug: &str) -> Response {
    let sent = app.api(token).post(&format!("/challenges/{slug}/publish"));
    sent.send().await.unwrap()
}

async fn posted_challenges(app: &TestApp) -> i64 {
    let count = app.state.database.read(|connection| {
        challenges::table
            .count()
            .get_result(connection)
            .map_err(ChallengeError::from)
    });
    count.await.unwrap()
}

on_both_databases!(
    an_exported_challenge_is_imported_and_exports_the_same,
    |app| async move {
        let (karla, token) = organizer(&app, "karla").await;
        app.post_challenge(&karla, |draft| {
            draft.prizes = "A set of tyres.".into();
            draft.final_selections = 3;
            draft.phases[0].grace_minutes = 15;
            draft.phases[0].public_digits = Some(3);
            draft.phases[0].solution.split_seed = u64::MAX;
            draft.phases[0].secondary_metrics =
                serde_json::from_value(json!([{ "metric": "mae", "breaks_ties": true }])).unwrap();
        })
        .await;
        let first = exported(&app, &token, "sample").await;
        let response = import(&app, &token, first.clone(), &[("slug", "copy".into())]).await;
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["location"], "/api/v1/challenges/copy");
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["missing"], json!([]));
        let (first, second) = (
            entries(first),
            entries(exported(&app, &token, "copy").await),
        );
        assert_eq!(
            first.keys().collect::<Vec<_>>(),
            second.keys().collect::<Vec<_>>()
        );
        for (name, content) in &first {
            let other = &second[name];
            match name.as_str() {
                "challenge.toml" => {
                    assert_eq!(
                        other,
                        &content.replace("slug = \"sample\"", "slug = \"copy\"")
                    );
                }
                // The hash of that one file.
                "bundle.json" => assert_eq!(other.lines().count(), content.lines().count()),
                _ => assert_eq!(other, content, "{name}"),
            }
        }
        assert_eq!(first["phases/1/solution.csv"], SAMPLE_SOLUTION);
        assert_eq!(first["prizes.md"], "A set of tyres.");

        // What was imported works like any other, on dates of its own.
        assert_eq!(publish(&app, &token, "copy").await.status(), 200);
        let expert = app.account(Role::Expert).await;
        app.join(&expert, "copy").await;
        app.submit(&expert, "copy", &predictions(0.5, 0.25)).await;
        app.score_all().await;
        let board = app.leaderboard("copy").await;
        assert_eq!(board["entries"][0]["score"], 0.5);

        let acts: Vec<(String, String)> = app
            .state
            .database
            .read(|connection| {
                audit_log::table
                    .filter(audit_log::action.eq("challenge.export"))
                    .select((audit_log::subject, audit_log::detail))
                    .load(connection)
                    .map_err(ChallengeError::from)
            })
            .await
            .unwrap();
        assert_eq!(acts[0].0, "challenge:sample");
        assert_eq!(acts.len(), 2);
    }
);

on_both_databases!(
    hidden_solutions_leave_the_house_only_with_their_organizer,
    |app| async move {
        let (karla, token) = organizer(&app, "karla").await;
        let (_, other) = organizer(&app, "otto").await;
        app.post_challenge(&karla, |_| {}).await;
        let asked = app.api(&other).get("/challenges/sample/bundle").send();
        assert_eq!(asked.await.unwrap().status(), 403);
        let asked = clone_of(&app, &other, "sample", json!({ "slug": "stolen" })).await;
        assert_eq!(asked.status(), 403);

        // Somebody else's template is nobody's business, unless an admin shares it.
        let made = clone_of(
            &app,
            &token,
            "sample",
            json!({ "slug": "mine", "template": true }),
        )
        .await;
        assert_eq!(made.status(), 201);
        let asked = clone_of(&app, &other, "mine", json!({ "slug": "stolen" })).await;
        assert_eq!(asked.status(), 404);

        let admin = app.account_named("ada", Role::Admin).await;
        let admin_token = app.token_of(&admin.user, Scope::ALL).await;
        let made = clone_of(
            &app,
            &admin_token,
            "sample",
            json!({ "slug": "shared", "template": true }),
        );
        assert_eq!(made.await.status(), 201);
        let page = app
            .browser_of(&karla)
            .await
            .page("/console/challenges/new")
            .await;
        assert!(page.contains("/console/challenges/shared/clone"), "{page}");
        assert!(page.contains("/console/challenges/mine/clone"));
        assert!(page.contains("/console/challenges/templates/lap-times"));

        let got = clone_of(&app, &other, "shared", json!({ "slug": "from-shared" })).await;
        assert_eq!(got.status(), 201);
        let answer: Value = got.json().await.unwrap();
        assert_eq!(answer["missing"][0]["role"], "solution");
        let bundle = entries(exported(&app, &other, "from-shared").await);
        assert!(!bundle.contains_key("phases/1/solution.csv"));
        let refused = publish(&app, &other, "from-shared").await;
        assert_eq!(refused.status(), 422);
        let said: Value = refused.json().await.unwrap();
        assert!(
            said["detail"]
                .as_str()
                .unwrap()
                .contains("the solution of the phase “Final”"),
            "{said}"
        );
        // A template is never opened.
        assert_eq!(publish(&app, &admin_token, "shared").await.status(), 422);
    }
);

on_both_databases!(
    a_clone_begins_when_it_is_asked_to_and_has_no_members,
    |app| async move {
        let (karla, token) = organizer(&app, "karla").await;
        app.post_challenge(&karla, |_| {}).await;
        let expert = app.account(Role::Expert).await;
        app.join(&expert, "sample").await;
        let starts_at = app.clock.now() + TimeDelta::days(365);
        let asked = json!({ "slug": "next-year", "title": "Next year", "starts_at": starts_at });
        let made = clone_of(&app, &token, "sample", asked).await;
        assert_eq!(made.status(), 201);
        let found = app
            .api(&token)
            .get("/challenges/next-year")
            .send()
            .await
            .unwrap();
        let found: Value = found.json().await.unwrap();
        assert_eq!(found["title"], "Next year");
        assert_eq!(found["teams"], 0);
        assert_eq!(found["published_at"], Value::Null);
        let moment = |field: &str| {
            let text = found["phases"][0][field].as_str().unwrap();
            text.parse::<chrono::DateTime<chrono::Utc>>().unwrap()
        };
        assert_eq!(moment("starts_at"), starts_at);
        assert_eq!(moment("ends_at") - moment("starts_at"), TimeDelta::days(31));
        let again = clone_of(&app, &token, "sample", json!({ "slug": "next-year" })).await;
        assert_eq!(again.status(), 422);
    }
);

const COMPETITION: &str = "version: 2
title: Tyre wear
description: Which compound?
terms: terms.md
pages:
  - {title: Overview, file: overview.html}
phases:
  - {index: 0, name: Development, start: 1-1-2020, end: 12-31-2020, tasks: [0]}
  - {index: 1, name: Final, start: 2021-01-01, end: None, tasks: [0]}
tasks:
  - {index: 0, name: one, scoring_program: scoring, reference_data: reference}
leaderboards:
  - {title: Results, key: r, columns: [{title: A, key: accuracy, sorting: desc}]}
";

const REFERENCE: &str = "id,compound\n1,soft\n2,hard\n3,soft\n4,hard\n5,soft\n6,hard\n";

fn codabench(reference: (&str, &str)) -> Vec<u8> {
    zipped(&[
        ("competition.yaml", COMPETITION),
        ("terms.md", "Be fair."),
        ("overview.html", "<h1>Hello</h1><script>x()</script>"),
        (
            "scoring/metadata",
            "command: python3 $program/score.py $input $output\n",
        ),
        ("scoring/score.py", "open('/app/input/res/answers.csv')\n"),
        reference,
    ])
}

on_both_databases!(
    a_codabench_bundle_becomes_a_draft_with_a_list_of_what_stayed_behind,
    |app| async move {
        let (_, token) = organizer(&app, "karla").await;
        let starts_at = app.clock.now() - TimeDelta::days(1);
        let fields = [("starts_at", starts_at.to_rfc3339())];
        let bundle = codabench(("reference/truth.csv", REFERENCE));
        let response = import(&app, &token, bundle, &fields).await;
        assert_eq!(response.status(), 201);
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["slug"], "tyre-wear");
        assert_eq!(answer["source"], "a Codabench bundle");
        assert_eq!(answer["missing"], json!([]));
        let left: Vec<&str> = answer["not_carried"]
            .as_array()
            .unwrap()
            .iter()
            .map(|note| note["what"].as_str().unwrap())
            .collect();
        assert!(
            left.contains(&"the open end of the phase Final"),
            "{left:?}"
        );
        assert_eq!(publish(&app, &token, "tyre-wear").await.status(), 200);
        let found: Value = app
            .get("/api/v1/challenges/tyre-wear")
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(found["metric"], "program:accuracy:higher");
        assert_eq!(found["phases"][0]["state"], "open");
        assert_eq!(
            found["phases"][0]["limits"],
            json!({ "per_day": 5, "total": 100 })
        );
        let page = app
            .get("/challenges/tyre-wear")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(
            page.contains("<h2>Hello</h2>") && !page.contains("<script>x"),
            "{page}"
        );
    }
);

on_both_databases!(
    a_draft_without_its_solution_is_completed_in_the_console,
    |app| async move {
        let (karla, _) = organizer(&app, "karla").await;
        let browser = app.browser_of(&karla).await;
        let page = browser.page("/console/challenges/import").await;
        assert!(page.contains("Codabench"), "{page}");
        let file = Part::bytes(codabench(("reference/truth.npy", "x"))).file_name("b.zip");
        let form = Form::new()
            .part("bundle", file)
            .text("slug", "")
            .text("starts_at", "");
        let result = browser.post_files("/console/challenges/import", form).await;
        assert_eq!(result.status(), 201);
        let result = result.text().await.unwrap();
        assert!(result.contains("the reference data reference"), "{result}");
        assert!(
            result.contains("/console/challenges/tyre-wear/complete"),
            "{result}"
        );

        let shown = browser.page("/console/challenges/tyre-wear").await;
        assert!(shown.contains("Files are missing"), "{shown}");
        let page = browser.page("/console/challenges/tyre-wear/complete").await;
        let toml = textarea(&page);
        assert!(
            toml.contains("metric = \"program:accuracy:higher\""),
            "{toml}"
        );

        // What is wrong is told at its field, and nothing is changed.
        let solution = || Part::text(SAMPLE_SOLUTION).file_name("s.csv");
        let form = Form::new()
            .text("challenge", toml.clone())
            .part("solution_0", solution())
            .part("solution_1", solution());
        let refused = browser
            .post_files("/console/challenges/tyre-wear/complete", form)
            .await;
        assert_eq!(refused.status(), 422);
        let refused = refused.text().await.unwrap();
        assert!(refused.contains("error-solution_0"), "{refused}");

        let toml = toml.replace(
            "target_column = \"prediction\"",
            "target_column = \"target\"",
        );
        let form = Form::new()
            .text("challenge", toml)
            .part("solution_0", solution())
            .part("solution_1", solution());
        let saved = browser
            .post_files("/console/challenges/tyre-wear/complete", form)
            .await;
        assert_eq!(saved.status(), 303);
        assert_eq!(saved.headers()["location"], "/console/challenges/tyre-wear");
        let published = browser
            .post("/console/challenges/tyre-wear/publish", &[])
            .await;
        assert_eq!(published.status(), 303);
        let found: Value = app
            .get("/api/v1/challenges/tyre-wear")
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(found["phases"][1]["rows"], 10);

        // From then on its teams rely on it.
        let page = browser.page("/console/challenges/tyre-wear/complete").await;
        let form = Form::new().text("challenge", textarea(&page));
        let refused = browser
            .post_files("/console/challenges/tyre-wear/complete", form)
            .await;
        assert_eq!(refused.status(), 422);
    }
);

/// What stands in the page's text area, as a browser would send it back.
fn textarea(page: &str) -> String {
    let (_, rest) = page.split_once("<textarea").unwrap();
    let (_, rest) = rest.split_once('>').unwrap();
    let (text, _) = rest.split_once("</textarea>").unwrap();
    text.trim_start_matches('\n')
        .replace("&#34;", "\"")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&#60;", "<")
        .replace("&lt;", "<")
        .replace("&#62;", ">")
        .replace("&gt;", ">")
        .replace("&#38;", "&")
        .replace("&amp;", "&")
}

on_both_databases!(
    a_broken_bundle_is_refused_by_name_and_leaves_nothing,
    |app| async move {
        let (_, token) = organizer(&app, "karla").await;
        let missing = zipped(&[("competition.yaml", COMPETITION), ("terms.md", "x")]);
        let old = zipped(&[("competition.yaml", "title: Old\nphases: {1: {label: x}}\n")]);
        let neither = zipped(&[("readme.txt", "hello")]);
        let escaping = zipped(&[("competition.yaml", COMPETITION), ("../evil.md", "x")]);
        for (zip, said) in [
            (b"id,y\n1,2\n".to_vec(), "not a zip archive"),
            (missing, "`overview.html` (named in pages[0].file)"),
            (old, "CodaLab 1.5"),
            (neither, "neither `bundle.json`"),
            (escaping, "leads out of the archive"),
            (
                zipped(&[("bundle.json", "{}")]),
                "bundle.json: missing field `format`",
            ),
            (
                zipped(&[(
                    "bundle.json",
                    "{\"format\":1,\"made_by\":\"x\",\"phases\":[],\"sha256\":{}}",
                )]),
                "no file `challenge.toml`",
            ),
        ] {
            let refused = import(&app, &token, zip, &[]).await;
            assert_eq!(refused.status(), 422, "{said}");
            let problem: Value = refused.json().await.unwrap();
            assert_eq!(problem["field"], "bundle");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(said), "{said}: {detail}");
        }
        let bundle = codabench(("reference/truth.csv", REFERENCE));
        let refused = import(&app, &token, bundle, &[("slug", "Not A Slug".into())]).await;
        let problem: Value = refused.json().await.unwrap();
        assert_eq!(problem["field"], "slug");
        assert_eq!(posted_challenges(&app).await, 0);
    }
);

on_both_databases!(
    every_template_that_is_shipped_is_posted_with_a_small_solution,
    |app| async move {
        let (karla, token) = organizer(&app, "karla").await;
        let browser = app.browser_of(&karla).await;
        for template in TEMPLATES {
            let address = format!("/console/challenges/templates/{}", template.name);
            let page = browser.page(&address).await;
            assert!(page.contains("the solution of the phase"), "{page}");
            let draft = template.draft().unwrap();
            let slug = format!("my-{}", template.name);
            let form = Form::new()
                .text("slug", slug.clone())
                .text("title", draft.title.clone())
                .text("dataset", "")
                .text("starts_at", "2027-05-01T12:00")
                .text("challenge", textarea(&page));
            let form = (0..draft.phases.len()).fold(form, |form, index| {
                let file = Part::text(template.solution_example).file_name("solution.csv");
                form.part(format!("solution_{index}"), file)
            });
            let posted = browser.post_files(&address, form).await;
            let status = posted.status();
            assert_eq!(
                status,
                303,
                "{}: {}",
                template.name,
                posted.text().await.unwrap()
            );
            assert_eq!(publish(&app, &token, &slug).await.status(), 200, "{slug}");
            let found = app
                .get(&format!("/api/v1/challenges/{slug}"))
                .send()
                .await
                .unwrap();
            let found: Value = found.json().await.unwrap();
            assert_eq!(found["phases"][0]["starts_at"], "2027-05-01T12:00:00Z");
        }
    }
);

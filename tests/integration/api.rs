//! The API as programs use it: a competitor's whole journey, what each refusal says, and what no answer
//! ever tells.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use paddock::accounts::permissions::RULES;
use paddock::accounts::tokens::Scope;
use paddock::accounts::users::Role;
use paddock::api::openapi::described_path;
use paddock::challenges::draft::PhaseDraft;
use reqwest::{Method, RequestBuilder, Response, multipart};
use serde_json::{Value, json};

use crate::app::{SAMPLE_SOLUTION, TestApp, predictions, sample_draft};
use crate::on_both_databases;

async fn answer(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

/// The JSON of an answer that must have this status.
async fn json_of(request: RequestBuilder, status: u16) -> Value {
    let response = answer(request).await;
    let (found, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The problem document of a refusal, which must have this status and type.
async fn refusal(request: RequestBuilder, status: u16, kind: &str) -> Value {
    let response = answer(request).await;
    let media_type = response.headers()["content-type"].clone();
    let (found, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(found, status, "{text}");
    assert_eq!(media_type, "application/problem+json", "{text}");
    let fault: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(fault["type"], kind, "{fault}");
    assert_eq!(fault["status"], status, "{fault}");
    assert!(fault["detail"].as_str().unwrap().len() > 10, "{fault}");
    fault
}

on_both_databases!(
    a_data_expert_competes_with_nothing_but_the_api,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        app.publish_sample_dataset(&organizer, "school-laps").await;
        let slug = app
            .post_challenge(&organizer, |draft| {
                draft.dataset = Some("school-laps".into())
            })
            .await;
        let expert = app.account_named("ada", Role::Expert).await;
        let api = app.api(&expert.token);

        let me = json_of(api.get("/me"), 200).await;
        assert_eq!(
            (&me["username"], &me["role"]),
            (&json!("ada"), &json!("expert"))
        );

        let list = json_of(api.get("/challenges"), 200).await;
        let line = &list["challenges"][0];
        assert_eq!(line["slug"], slug);
        assert_eq!(line["metric_title"], "Root mean squared error");
        assert_eq!(line["direction"], "lower_is_better");
        assert_eq!(line["state"], "open");
        assert_eq!(list["next"], Value::Null);

        let url = line["url"].as_str().unwrap();
        let challenge = json_of(app.get(url).bearer_auth(&expert.token), 200).await;
        assert_eq!(challenge["membership"], Value::Null);
        assert_eq!(challenge["pages"][0]["body"], "Predict the **target**.");
        assert_eq!(challenge["phases"][0]["rows"], 10);
        assert_eq!(
            challenge["prediction_format"]["columns"][0]["kind"],
            "number"
        );
        assert_eq!(challenge["limits"]["remaining_today"], 5);

        let data = challenge["dataset"]["files"][0]["url"].as_str().unwrap();
        let table = answer(app.get(data)).await.text().await.unwrap();
        assert_eq!(table.lines().count(), 24 * 20 + 1);

        let joining = json!({ "rules_version": challenge["rules_version"] });
        let join = || {
            api.post(&format!("/challenges/{slug}/membership"))
                .json(&joining)
        };
        let place = json_of(join(), 201).await;
        assert_eq!(place, json!({ "team": "ada", "rules_version": 1 }));
        assert_eq!(
            json_of(join(), 200).await,
            place,
            "joining twice is joining once"
        );

        let sample_url = challenge["sample_submission_url"].as_str().unwrap();
        let sample = answer(app.get(sample_url)).await;
        assert_eq!(sample.headers()["content-type"], "text/csv; charset=utf-8");
        let sample = sample.text().await.unwrap();
        let submissions = format!("/challenges/{slug}/submissions");
        let sent = answer(
            api.post(&submissions)
                .header("Content-Type", "text/csv; charset=utf-8")
                .body(sample),
        )
        .await;
        assert_eq!(sent.status(), 201);
        let location = sent.headers()["location"].to_str().unwrap().to_owned();
        let queued: Value = sent.json().await.unwrap();
        assert_eq!(queued["state"], "queued");
        assert_eq!(location, format!("/api/v1/submissions/{}", queued["id"]));

        let waiting = json_of(
            app.get(&format!("{location}?wait=10"))
                .bearer_auth(&expert.token),
            200,
        );
        let (scored, ()) = futures_util::future::join(waiting, app.score_all()).await;
        assert_eq!(scored["state"], "scored");
        assert_eq!(scored["verdict"], "ok");
        assert!(scored["public_score"].as_f64().unwrap() > 0.0);
        assert_eq!(scored["private_score"], Value::Null);

        let described = multipart::Form::new()
            .text("description", "off by one")
            .part(
                "file",
                multipart::Part::text(predictions(1.0, 2.0)).file_name("mine.csv"),
            );
        let second = json_of(api.post(&submissions).multipart(described), 201).await;
        assert_eq!(second["file_name"], "mine.csv");
        assert_eq!(second["description"], "off by one");
        app.score_all().await;

        let mine = json_of(api.get(&format!("{submissions}?limit=1")), 200).await;
        assert_eq!(mine["submissions"][0]["id"], second["id"]);
        let after = mine["next"].as_str().unwrap();
        let rest = json_of(
            api.get(&format!("{submissions}?limit=1&after={after}")),
            200,
        )
        .await;
        assert_eq!(rest["submissions"][0]["id"], queued["id"]);
        assert_eq!(rest["next"], Value::Null);

        let board = json_of(api.get(&format!("/challenges/{slug}/leaderboard")), 200).await;
        assert_eq!(board["entries"][0]["score"], 1.0);
        // Its tier is made beside, and may come between the two looks.
        for field in ["team", "rank", "score", "submissions"] {
            assert_eq!(board["you"][field], board["entries"][0][field], "{field}");
        }
        let left = json_of(api.get(&format!("/challenges/{slug}")), 200).await;
        assert_eq!(left["limits"]["remaining_today"], 3);
        assert_eq!(left["membership"]["team"], "ada");
    }
);

on_both_databases!(every_refusal_says_what_to_do, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    let slug = app
        .post_challenge(&organizer, |draft| {
            draft.phases[0].submissions_per_day = 1;
            draft.phases[0].max_bytes = 200;
        })
        .await;
    let expert = app.account(Role::Expert).await;
    let api = app.api(&expert.token);
    let submissions = format!("/challenges/{slug}/submissions");
    let membership = format!("/challenges/{slug}/membership");
    let csv = |text: &str| {
        api.post(&submissions)
            .header("Content-Type", "text/csv")
            .body(text.to_owned())
    };

    // Who is asking?
    refusal(app.get("/api/v1/me"), 401, "unauthorized").await;
    refusal(
        app.api("pdk_wrong").get("/challenges"),
        401,
        "unknown_token",
    )
    .await;
    let fault = refusal(api.get("/talent"), 403, "forbidden").await;
    assert!(
        fault["detail"].as_str().unwrap().contains("scout"),
        "{fault}"
    );
    let reader = app.token_of(&expert.user, &[Scope::Read]).await;
    let joining = app
        .api(&reader)
        .post(&membership)
        .json(&json!({ "rules_version": 1 }));
    let fault = refusal(joining, 403, "missing_scope").await;
    assert!(
        fault["detail"].as_str().unwrap().contains("`submit`"),
        "{fault}"
    );

    // Addresses and methods.
    refusal(api.get("/nothing"), 404, "not_found").await;
    refusal(api.get("/challenges/none"), 404, "not_found").await;
    refusal(api.get("/submissions/twelve"), 404, "not_found").await;
    let url = format!("{}/api/v1/challenges", app.address);
    let delete = answer(reqwest::Client::new().request(Method::DELETE, url)).await;
    assert_eq!(delete.status(), 405);
    assert_eq!(delete.headers()["allow"], "GET, HEAD, POST");

    // Parameters.
    for (query, field) in [
        ("limit=0", json!("limit")),
        ("limit=101", json!("limit")),
        ("limit=ten", json!("limit")),
        ("after=x", json!("after")),
        ("limt=1", Value::Null),
    ] {
        let fault = refusal(api.get(&format!("/challenges?{query}")), 422, "invalid").await;
        assert_eq!(fault["field"], field, "{query}: {fault}");
    }
    let fault = refusal(api.get("/submissions/1?wait=31"), 422, "invalid").await;
    assert_eq!(fault["field"], "wait");
    let board = format!("/challenges/{slug}/leaderboard");
    for (query, field) in [("after=1.2.3", "after"), ("board=secret", "board")] {
        let fault = refusal(api.get(&format!("{board}?{query}")), 422, "invalid").await;
        assert_eq!(fault["field"], field);
    }
    let fault = refusal(api.get(&format!("{board}?phase=None")), 404, "not_found").await;
    assert_eq!(fault["field"], "phase");

    // Joining.
    let fault = refusal(csv(&predictions(1.0, 1.0)), 403, "rules_not_accepted").await;
    assert!(
        fault["detail"].as_str().unwrap().contains(&membership),
        "{fault}"
    );
    let stale = api.post(&membership).json(&json!({ "rules_version": 2 }));
    let fault = refusal(stale, 409, "rules_changed").await;
    assert_eq!(fault["field"], "rules_version");
    let fraction = api.post(&membership).json(&json!({ "rules_version": 1.5 }));
    refusal(fraction, 422, "invalid").await;
    let broken = api
        .post(&membership)
        .header("Content-Type", "application/json");
    refusal(broken.body("{"), 400, "broken_json").await;
    let unnamed = api.post(&membership).body("{\"rules_version\": 1}");
    refusal(unnamed, 415, "unsupported_media_type").await;
    app.join(&expert, &slug).await;

    // Sending.
    let text = api
        .post(&submissions)
        .header("Content-Type", "text/plain")
        .body("id");
    let fault = refusal(text, 415, "unsupported_media_type").await;
    for accepted in ["text/csv", "application/vnd.apache.parquet"] {
        assert!(
            fault["detail"].as_str().unwrap().contains(accepted),
            "{fault}"
        );
    }
    assert_eq!(refusal(csv(""), 422, "invalid").await["field"], "file");
    assert_eq!(
        refusal(csv(&"9".repeat(201)), 413, "too_large").await["field"],
        "file"
    );
    let form = |field: &'static str, text: String| {
        let form = multipart::Form::new().text(field, text);
        api.post(&submissions).multipart(form)
    };
    assert_eq!(
        refusal(form("description", "x".into()), 422, "invalid").await["field"],
        "file"
    );
    assert_eq!(
        refusal(form("fiel", "x".into()), 422, "invalid").await["field"],
        "fiel"
    );
    let not_a_form = api
        .post(&submissions)
        .header("Content-Type", "multipart/form-data; boundary=x")
        .body("--");
    refusal(not_a_form, 400, "broken_upload").await;
    let long = multipart::Form::new()
        .text("description", "x".repeat(1001))
        .part("file", multipart::Part::text("id").file_name("a.csv"));
    let long = api.post(&submissions).multipart(long);
    assert_eq!(refusal(long, 422, "invalid").await["field"], "description");

    // Limits and dates.
    app.submit(&expert, &slug, &predictions(1.0, 1.0)).await;
    refusal(csv("id"), 429, "limit_reached").await;
    app.advance(TimeDelta::days(31));
    refusal(csv("id"), 403, "closed").await;
});

on_both_databases!(
    a_leaderboard_is_paged_without_losing_a_tie,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let slug = app.post_challenge(&organizer, |_| ()).await;
        let mut tokens = Vec::new();
        for error in [1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 4.0] {
            let expert = app.account(Role::Expert).await;
            app.join(&expert, &slug).await;
            app.submit(&expert, &slug, &predictions(error, error)).await;
            tokens.push(expert.token);
        }
        app.score_all().await;
        let address = format!("/api/v1/challenges/{slug}/leaderboard");
        let whole = json_of(app.get(&address), 200).await;
        let ranks: Vec<i64> = whole["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["rank"].as_i64().unwrap())
            .collect();
        assert_eq!(ranks, [1, 2, 2, 2, 5, 5, 7]);
        let mut pages = Vec::new();
        let mut next = String::new();
        loop {
            let page = json_of(app.get(&format!("{address}?limit=2{next}")), 200).await;
            assert_eq!(page["total"], 7);
            pages.extend(page["entries"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(cursor) => next = format!("&after={cursor}"),
                None => break,
            }
        }
        assert_eq!(Value::Array(pages), whole["entries"]);
        let last = app
            .get(&format!("{address}?limit=1"))
            .bearer_auth(&tokens[6]);
        assert_eq!(json_of(last, 200).await["you"]["rank"], 7);
    }
);

on_both_databases!(
    a_published_file_is_served_whole_in_parts_and_not_again,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        app.publish_sample_dataset(&organizer, "school-laps").await;
        let first = json_of(app.get("/api/v1/datasets/school-laps"), 200).await;
        let file = &first["files"][0];
        let url = file["url"].as_str().unwrap();
        let size = file["bytes"].as_u64().unwrap();
        let whole = answer(app.get(url)).await;
        let etag = whole.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(etag, format!("\"{}\"", file["sha256"].as_str().unwrap()));
        let bytes = whole.bytes().await.unwrap();
        assert_eq!(bytes.len() as u64, size);

        let head = reqwest::Client::new().head(format!("{}{url}", app.address));
        let head = answer(head).await;
        assert_eq!(head.status(), 200);
        assert_eq!(head.headers()["content-length"], size.to_string());
        assert!(head.bytes().await.unwrap().is_empty());

        let part = answer(app.get(url).header("Range", "bytes=7-20")).await;
        assert_eq!(part.status(), 206);
        assert_eq!(
            part.headers()["content-range"],
            format!("bytes 7-20/{size}")
        );
        assert_eq!(part.bytes().await.unwrap(), bytes.slice(7..21));
        let beyond = answer(app.get(url).header("Range", format!("bytes={size}-"))).await;
        assert_eq!(beyond.status(), 416);
        let known = answer(app.get(url).header("If-None-Match", &etag)).await;
        assert_eq!(known.status(), 304);
        assert!(known.bytes().await.unwrap().is_empty());

        app.publish_sample_dataset(&organizer, "school-laps").await;
        let newest = json_of(app.get("/api/v1/datasets/school-laps"), 200).await;
        assert_eq!(newest["version"], 2);
        assert_eq!(newest["versions"].as_array().unwrap().len(), 2);
        let old = json_of(app.get("/api/v1/datasets/school-laps?version=1"), 200).await;
        assert_eq!(old["files"], first["files"], "a release never changes");
        refusal(
            app.get("/api/v1/datasets/school-laps?version=3"),
            404,
            "not_found",
        )
        .await;
        refusal(
            app.get("/api/v1/datasets/school-laps?version=0"),
            422,
            "invalid",
        )
        .await;
        let list = json_of(app.get("/api/v1/datasets"), 200).await;
        assert_eq!(list["datasets"].as_array().unwrap().len(), 1);
        assert_eq!(list["datasets"][0]["rows"], 24 * 20);
    }
);

on_both_databases!(an_organizer_works_with_the_api_alone, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    let rival = app.account(Role::Organizer).await;
    let api = app.api(&organizer.token);
    let draft = serde_json::to_string(&sample_draft(app.clock.now())).unwrap();
    let form = |draft: &str, solution: &str| {
        multipart::Form::new()
            .text("challenge", draft.to_owned())
            .part(
                "solution",
                multipart::Part::text(solution.to_owned()).file_name("s.csv"),
            )
    };
    let expert = app.account(Role::Expert).await;
    let post = |form| api.post("/challenges").multipart(form);
    let outsider = app.api(&expert.token).post("/challenges");
    refusal(
        outsider.multipart(form(&draft, SAMPLE_SOLUTION)),
        403,
        "forbidden",
    )
    .await;
    let fault = refusal(post(form("{}", SAMPLE_SOLUTION)), 422, "invalid").await;
    assert_eq!(fault["field"], "challenge");
    let none = multipart::Form::new().text("challenge", draft.clone());
    assert_eq!(
        refusal(post(none), 422, "invalid").await["field"],
        "solution"
    );
    let fault = refusal(post(form(&draft, "id\n1\n")), 422, "invalid").await;
    assert_eq!(fault["field"], "phases[0].solution");

    let posted = answer(post(form(&draft, SAMPLE_SOLUTION))).await;
    assert_eq!(posted.status(), 201);
    let address = posted.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(address, "/api/v1/challenges/sample");
    // A draft exists for nobody else.
    for stranger in [&expert.token, &rival.token] {
        for below in ["", "/leaderboard", "/sample-submission"] {
            let asked = app.get(&format!("{address}{below}")).bearer_auth(stranger);
            refusal(asked, 404, "not_found").await;
        }
        let joining = app.api(stranger).post("/challenges/sample/membership");
        refusal(
            joining.json(&json!({ "rules_version": 1 })),
            404,
            "not_found",
        )
        .await;
    }
    refusal(app.get(&address), 404, "not_found").await;
    let theft = app.api(&rival.token).post("/challenges/sample/publish");
    refusal(theft, 404, "not_found").await;
    let list = json_of(app.get("/api/v1/challenges"), 200).await;
    assert_eq!(list["challenges"], json!([]));

    let published = json_of(api.post("/challenges/sample/publish"), 200).await;
    assert!(published["published_at"].is_string());
    json_of(app.get(&address), 200).await;
    let theft = app.api(&rival.token).post("/challenges/sample/publish");
    refusal(theft, 403, "forbidden").await;
});

on_both_databases!(
    a_split_dataset_gives_its_solution_to_its_organizer_alone,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let laps: String = (0..400).fold("driver,seconds\n".to_owned(), |csv, row| {
            format!("{csv}Driver {},{}.5\n", row % 20, 40 + row / 20)
        });
        let policy = "version = 1\nminimum_class_size = 5\nminors = false\n\
                      subject = \"driver\"\n\
                      [[column]]\nname = \"driver\"\naction = \"pseudonym\"\nprefix = \"D\"\n\
                      [[column]]\nname = \"seconds\"\naction = \"keep\"\n";
        let split = "targets = [\"seconds\"]\nseed = 987654321\ntest = { fraction = 0.25 }\n\
                     public = { fraction = 0.5 }\n";
        let form = |fields: &[(&'static str, &str)]| {
            let table = multipart::Part::text(laps.clone()).file_name("laps.csv");
            let form = multipart::Form::new()
                .text("slug", "laps")
                .text("title", "Laps")
                .text("summary", "Laps of an afternoon.")
                .text("licence", "CC-BY-4.0")
                .text("policy", policy)
                .part("table", table);
            fields.iter().fold(form, |form, (name, text)| {
                form.text(*name, (*text).to_owned())
            })
        };
        let publish = |form| app.api(&organizer.token).post("/datasets").multipart(form);
        let fault = refusal(publish(form(&[("splt", split)])), 422, "invalid").await;
        assert_eq!(fault["field"], "splt");
        let fault = refusal(publish(form(&[("slug", "again")])), 422, "invalid").await;
        assert_eq!(fault["field"], "slug");
        let published = json_of(publish(form(&[("split", split)])), 201).await;
        let solution = published["solution_csv"].as_str().unwrap();
        assert!(
            solution.lines().next().unwrap().contains("seconds"),
            "{solution}"
        );
        let hidden = published["report"]["split"].clone();
        let rows =
            hidden["public_rows"].as_u64().unwrap() + hidden["private_rows"].as_u64().unwrap();
        assert_eq!(solution.lines().count() as u64, rows + 1);

        let shown = answer(app.get("/api/v1/datasets/laps"))
            .await
            .text()
            .await
            .unwrap();
        assert!(
            !shown.contains("987654321"),
            "the seed tells the private rows"
        );
        assert!(!shown.contains("solution"), "{shown}");
    }
);

on_both_databases!(
    private_scores_are_nobodys_until_the_phase_is_over,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let slug = app.post_challenge(&organizer, |_| ()).await;
        let expert = app.account(Role::Expert).await;
        app.join(&expert, &slug).await;
        let id = app.submit(&expert, &slug, &predictions(1.0, 7.0)).await;
        app.score_all().await;
        for viewer in [&expert, &organizer] {
            let seen = app.submission(viewer, id).await;
            assert_eq!(
                (&seen["public_score"], &seen["private_score"]),
                (&json!(1.0), &Value::Null)
            );
        }
        let address = format!("/challenges/{slug}/leaderboard?board=private");
        let early = json_of(app.api(&expert.token).get(&address), 200).await;
        assert_eq!(
            (&early["board"], &early["you"]["score"]),
            (&json!("public"), &json!(1.0))
        );

        app.advance(TimeDelta::days(31));
        assert_eq!(app.submission(&expert, id).await["private_score"], 7.0);
        let late = json_of(app.api(&expert.token).get(&address), 200).await;
        assert_eq!(
            (&late["board"], &late["you"]["score"]),
            (&json!("private"), &json!(7.0))
        );

        let stranger = app.account(Role::Expert).await;
        app.join(&stranger, &slug).await;
        let asked = app.api(&stranger.token).get(&format!("/submissions/{id}"));
        refusal(asked, 404, "not_found").await;
        let theirs = app
            .api(&stranger.token)
            .get(&format!("/challenges/{slug}/submissions"));
        assert_eq!(json_of(theirs, 200).await["submissions"], json!([]));
    }
);

on_both_databases!(
    a_second_phase_has_its_own_board_and_limits,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let slug = app
            .post_challenge(&organizer, |draft| {
                let first = &draft.phases[0];
                draft.phases.push(PhaseDraft {
                    name: "Last".into(),
                    starts_at: first.ends_at,
                    ends_at: first.ends_at + TimeDelta::days(5),
                    ..first.clone()
                });
            })
            .await;
        let expert = app.account(Role::Expert).await;
        app.join(&expert, &slug).await;
        let early = app.submit(&expert, &slug, &predictions(1.0, 2.0)).await;
        app.score_all().await;
        app.advance(TimeDelta::days(30));
        let api = app.api(&expert.token);
        let board = format!("/challenges/{slug}/leaderboard");
        let now = json_of(api.get(&board), 200).await;
        assert_eq!(
            (&now["phase"], &now["entries"]),
            (&json!("Last"), &json!([]))
        );
        let before = json_of(api.get(&format!("{board}?phase=Final")), 200).await;
        assert_eq!(
            (&before["board"], &before["total"]),
            (&json!("private"), &json!(1))
        );
        let submissions = format!("/challenges/{slug}/submissions");
        let then = json_of(api.get(&format!("{submissions}?phase=Final")), 200).await;
        assert_eq!(then["submissions"][0]["id"], early);
        assert_eq!(then["submissions"][0]["private_score"], 2.0);
    }
);

on_both_databases!(
    no_answer_tells_the_solution_or_the_split,
    |app| async move {
        const SEED: u64 = 8_412_997_301;
        let organizer = app.account(Role::Organizer).await;
        let slug = app
            .post_challenge(&organizer, |draft| {
                let solution = &mut draft.phases[0].solution;
                solution.format.split_column = None;
                solution.public_fraction = Some(0.5);
                solution.split_seed = SEED;
            })
            .await;
        let expert = app.account(Role::Expert).await;
        app.join(&expert, &slug).await;
        let id = app.submit(&expert, &slug, &predictions(1.0, 1.0)).await;
        app.score_all().await;
        let hash = paddock::accounts::tokens::sha256_hex(SAMPLE_SOLUTION);
        let file = format!("{}/storage/hidden/{}/{hash}", folder(&app), &hash[..2]);
        assert!(
            std::path::Path::new(&file).exists(),
            "the hash is the solution's"
        );
        for rule in RULES.iter().filter(|rule| rule.method == "GET") {
            let path = rule
                .pattern
                .replace("{slug}", &slug)
                .replace("{id}", &id.to_string())
                .replace("{run}", "1?attempt=1")
                .replace("{file:.*}", "paddock.css")
                .replace("{path:.*}", "data.csv");
            for token in [None, Some(&expert.token), Some(&organizer.token)] {
                let request = app.get(&path);
                let request = match token {
                    Some(token) => request.bearer_auth(token),
                    None => request,
                };
                let response = answer(request).await;
                let told = format!("{:?}", response.headers());
                let text = response.bytes().await.unwrap();
                let text = String::from_utf8_lossy(&text) + told.as_str();
                assert!(!text.contains(&hash), "{path} tells the solution's hash");
                assert!(!text.contains(&SEED.to_string()), "{path} tells the seed");
            }
        }
    }
);

on_both_databases!(no_address_reaches_a_hidden_file, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    app.publish_sample_dataset(&organizer, "school-laps").await;
    app.post_challenge(&organizer, |_| ()).await;
    let hash = paddock::accounts::tokens::sha256_hex(SAMPLE_SOLUTION);
    for path in [
        hash.clone(),
        format!("hidden/{}/{hash}", &hash[..2]),
        format!("..%2F..%2Fhidden%2F{}%2F{hash}", &hash[..2]),
    ] {
        for base in [
            "/api/v1/datasets/school-laps/files",
            "/datasets/school-laps/files",
        ] {
            let asked = app
                .get(&format!("{base}/{path}"))
                .bearer_auth(&organizer.token);
            assert_eq!(answer(asked).await.status(), 404, "{base}/{path}");
        }
    }
});

fn folder(app: &TestApp) -> String {
    app.state.config.data_dir.display().to_string()
}

on_both_databases!(every_route_of_the_api_is_described, |app| async move {
    let document = json_of(app.get("/openapi.json"), 200).await;
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            assert!(operation["responses"]["401"].is_object(), "{method} {path}");
            described.insert((method.to_uppercase(), path.clone()));
        }
    }
    let served: BTreeSet<(String, String)> = RULES
        .iter()
        .filter(|rule| rule.pattern.starts_with("/api/v1/"))
        .map(|rule| (rule.method.to_owned(), described_path(rule.pattern)))
        .collect();
    assert_eq!(described, served);
    // What is described is also registered: only a handler or the guard before it can refuse so.
    for (method, path) in &served {
        let address = path.replace(['{', '}'], "");
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}{address}", app.address);
        let status = answer(reqwest::Client::new().request(method, url))
            .await
            .status();
        assert_ne!(status, 405, "{path}");
        assert!(!status.is_server_error(), "{path}");
    }
});

on_both_databases!(the_house_says_how_it_is, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    let expert = app.account(Role::Expert).await;
    let slug = app.post_challenge(&organizer, |_| ()).await;
    app.join(&expert, &slug).await;
    app.submit(&expert, &slug, &predictions(1.0, 1.0)).await;
    assert_eq!(answer(app.get("/healthz")).await.status(), 200);
    assert_eq!(answer(app.get("/readyz")).await.status(), 200);
    app.score_all().await;
    let counted = answer(app.get("/metrics")).await.text().await.unwrap();
    for line in [
        "paddock_runs_waiting ",
        "paddock_runs_finished_total{verdict=\"ok\"}",
        "paddock_received_to_finished_seconds_bucket{verdict=\"ok\",le=\"+Inf\"}",
        "paddock_http_requests_total{method=\"POST\",route=\"/api/v1/challenges/{slug}/submissions\",status=\"201\"}",
        "paddock_http_request_duration_seconds_bucket{method=\"GET\",route=\"/healthz\",status=\"200\",le=\"0.1\"}",
    ] {
        assert!(counted.contains(line), "{line} is not in\n{counted}");
    }
    assert!(
        !counted.contains(&format!("/{slug}/")),
        "routes are counted by pattern, not by address"
    );

    // A store that is gone makes the server unready and leaves it alive.
    let storage = app.state.config.data_dir.join("storage");
    std::fs::remove_dir_all(&storage).unwrap();
    std::fs::write(&storage, "no folder").unwrap();
    refusal(app.get("/readyz"), 503, "not_ready").await;
    assert_eq!(answer(app.get("/healthz")).await.status(), 200);
});

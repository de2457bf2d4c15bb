//! Published datasets as the clients of others find and load them; and who may download files that are
//! not everybody's.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use chrono::TimeDelta;
use paddock::accounts::tokens::Scope;
use paddock::accounts::users::Role;
use paddock::datasets::anonymize::ReleaseKey;
use paddock::datasets::publish::{Access, DatasetDraft, Override, Publication};
use reqwest::{RequestBuilder, Response, multipart};
use serde_json::{Value, json};

use crate::app::{Account, Backend, TestApp, run};
use crate::on_both_databases;

const DRIVERS: u32 = 24;
const LAPS: u32 = 20;

/// Every kind of column: text that looks like a number, a truth, a day, a number with gaps.
const POLICY: &str = r#"
version = 1
minimum_class_size = 5
subject = "driver"

[[column]]
name = "driver"
action = "pseudonym"
prefix = "D"

[[column]]
name = "start_number"
action = "keep"

[[column]]
name = "day"
action = "keep"

[[column]]
name = "wet"
action = "keep"

[[column]]
name = "lap"
action = "keep"

[[column]]
name = "pit_seconds"
action = "keep"
unit = "s"

[[column]]
name = "seconds"
action = "keep"
unit = "s"
description = "Time of the lap"
"#;

const SPLIT: &str = r#"
targets = ["seconds"]
seed = 7

[test.after]
column = "lap"
last_training = 15

[public]
fraction = 0.3
group = "driver"
"#;

fn seconds(driver: u32, lap: u32) -> f64 {
    50.0 + f64::from((driver * 7 + lap * 13) % 40) / 20.0
}

fn laps() -> impl Iterator<Item = (u32, u32)> {
    (0..DRIVERS).flat_map(|driver| (1..=LAPS).map(move |lap| (driver, lap)))
}

fn pits(driver: u32, lap: u32) -> bool {
    lap == 1 + driver % LAPS
}

fn raw_table() -> String {
    let mut csv = "driver,start_number,day,wet,lap,pit_seconds,seconds\n".to_owned();
    for (driver, lap) in laps() {
        let pit = if pits(driver, lap) { "31" } else { "" };
        let (wet, seconds) = (lap % 2 == 0, seconds(driver, lap));
        writeln!(
            csv,
            "Driver Number{driver:02},007,2026-05-31,{wet},{lap},{pit},{seconds:.3}"
        )
        .unwrap();
    }
    csv
}

/// Publishes the table; an admin has read whatever the gates say of so regular a one.
async fn publish(
    app: &TestApp,
    owner: &Account,
    slug: &str,
    change: impl FnOnce(&mut DatasetDraft),
) {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("laps.csv");
    std::fs::write(&table, raw_table()).unwrap();
    let mut draft = DatasetDraft {
        slug: slug.to_owned(),
        title: "Laps of <a> \"small\" school: été".into(),
        summary: "Two dozen drivers, twenty laps each.".into(),
        card: "# The data\n\nEvery lap of one afternoon.".into(),
        licence: "CC-BY-4.0".into(),
        citation: "A. Marshal: Laps of a small school, 2026.".into(),
        doi: "10.5281/zenodo.1234".into(),
        policy: POLICY.into(),
        ..DatasetDraft::default()
    };
    change(&mut draft);
    let admin = app.account(Role::Admin).await;
    let publication = Publication {
        draft,
        table,
        key: ReleaseKey::generate(&mut rand::rng()),
        owner: owner.user.clone(),
        overridden: Some(Override {
            by: admin.user,
            reason: "A made-up table for tests.".into(),
        }),
    };
    let publisher = &app.state.publisher;
    publisher
        .publish(app.clock.now(), publication)
        .await
        .unwrap();
}

async fn publish_gated(app: &TestApp, owner: &Account, slug: &str) {
    publish(app, owner, slug, |draft| draft.access = Access::Account).await;
}

async fn answer(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

async fn read(request: RequestBuilder) -> Value {
    let response = answer(request).await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

/// The dataset in the API, as an account sees it.
async fn detail(app: &TestApp, account: &Account, slug: &str, version: i32) -> Value {
    let address = format!("/datasets/{slug}?version={version}");
    read(app.api(&account.token).get(&address)).await
}

/// Something of each file of a dataset, by the file's name.
fn of_files(detail: &Value, field: &str) -> Value {
    let files = detail["files"].as_array().unwrap().iter();
    files
        .map(|file| {
            let name = file["path"].as_str().unwrap().to_owned();
            (name, file[field].clone())
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Runs a script of `tests/clients` with what it is told, in an empty folder that is also its home.
async fn run_client(script: &str, told: &Value) {
    let python = std::env::var("PADDOCK_TEST_CLIENTS").expect(
        "PADDOCK_TEST_CLIENTS names a python with tests/clients/requirements.txt installed",
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(script);
    let (told, endpoint) = (told.to_string(), told["base"].as_str().unwrap().to_owned());
    let ran = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        std::fs::write(home.join("told.json"), told).unwrap();
        Command::new(python)
            .arg(script)
            .arg("told.json")
            .current_dir(home)
            .env("HOME", home)
            .env("HF_HOME", home.join("huggingface"))
            .env("CROISSANT_CACHE", home.join("croissant"))
            .env("HF_ENDPOINT", endpoint)
            .env("HF_HUB_DISABLE_UPDATE_CHECK", "1")
            .env("HF_HUB_DISABLE_TELEMETRY", "1")
            .env_remove("HF_TOKEN")
            .output()
            .unwrap()
    });
    let ran = ran.await.unwrap();
    assert!(
        ran.status.success(),
        "{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
}

/// A site with a dataset of two releases, one that is split for a challenge, and one whose files take an
/// account; and what a client may count on.
async fn site(app: &TestApp) -> (Account, Value) {
    let organizer = app.account_named("karla", Role::Organizer).await;
    publish(app, &organizer, "school-laps", |_| ()).await;
    publish(app, &organizer, "school-laps", |_| ()).await;
    publish(app, &organizer, "split-laps", |draft| {
        draft.split = Some(SPLIT.to_owned());
    })
    .await;
    publish_gated(app, &organizer, "members-laps").await;
    let expert = app.account_named("rosa", Role::Expert).await;

    let first = detail(app, &expert, "school-laps", 1).await;
    let second = detail(app, &expert, "school-laps", 2).await;
    let gated = detail(app, &expert, "members-laps", 1).await;
    let mut signed = of_files(&gated, "url");
    for address in signed.as_object_mut().unwrap().values_mut() {
        *address = json!(format!("{}{}", app.address, address.as_str().unwrap()));
    }
    let told = json!({
        "base": app.address,
        "owner": "karla",
        "slug": "school-laps",
        "split_slug": "split-laps",
        "gated_slug": "members-laps",
        "title": first["title"],
        "citation": first["citation"],
        "username": "rosa",
        "token": app.token_of(&expert.user, &[Scope::Read]).await,
        "rows": DRIVERS * LAPS,
        "seconds": laps().map(|(driver, lap)| seconds(driver, lap)).sum::<f64>(),
        "missing": laps().filter(|&(driver, lap)| !pits(driver, lap)).count(),
        "sha256": { "1": of_files(&first, "sha256"), "2": of_files(&second, "sha256") },
        "gated_sha256": of_files(&gated, "sha256"),
        "signed": signed,
    });
    (expert, told)
}

fn clients_story<F: Future<Output = ()>>(story: impl FnOnce(TestApp) -> F) {
    // What clients see does not depend on the database, and they start slowly.
    run(Backend::Sqlite, story);
}

#[test]
#[ignore = "needs PADDOCK_TEST_CLIENTS"]
fn mlcroissant_validates_without_a_warning_and_streams_records() {
    clients_story(|app| async move {
        let (_, told) = site(&app).await;
        run_client("croissant.py", &told).await;
    });
}

#[test]
#[ignore = "needs PADDOCK_TEST_CLIENTS"]
fn frictionless_validates_every_file_of_the_data_package() {
    clients_story(|app| async move {
        let (_, told) = site(&app).await;
        run_client("data_package.py", &told).await;
    });
}

#[test]
#[ignore = "needs PADDOCK_TEST_CLIENTS"]
fn hugging_faces_libraries_download_and_stream_from_this_site() {
    clients_story(|app| async move {
        let (_, told) = site(&app).await;
        run_client("hugging_face.py", &told).await;
    });
}

#[test]
#[ignore = "needs PADDOCK_TEST_CLIENTS"]
fn pandas_polars_and_duckdb_read_over_http() {
    clients_story(|app| async move {
        let (_, told) = site(&app).await;
        run_client("frames.py", &told).await;
    });
}

#[test]
#[ignore = "needs PADDOCK_TEST_CLIENTS"]
fn every_snippet_of_a_datasets_page_runs_as_it_stands() {
    clients_story(|app| async move {
        let (expert, mut told) = site(&app).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("page.html");
        told["page"] = json!(file);
        let pages = [
            (app.visitor(), "/datasets/school-laps?version=1", "data"),
            (
                app.browser_of(&expert).await,
                "/datasets/members-laps",
                "data",
            ),
            (app.visitor(), "/datasets/split-laps", "train"),
        ];
        for (browser, address, table) in pages {
            std::fs::write(&file, browser.page(address).await).unwrap();
            told["table"] = json!(table);
            if table == "train" {
                told["rows"] = json!(DRIVERS * 15);
            }
            run_client("snippets.py", &told).await;
        }
    });
}

async fn refused(request: RequestBuilder, status: u16, kind: &str) -> Value {
    let response = answer(request).await;
    assert_eq!(response.status(), status);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["type"], kind, "{problem}");
    problem
}

const GATED: &str = "/datasets/members-laps/files/data.csv";

on_both_databases!(files_for_accounts_are_kept_from_others, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    publish_gated(&app, &organizer, "members-laps").await;
    let expert = app.account(Role::Expert).await;

    // Nobody gets the files, on either address, and is told what to do.
    for address in [GATED.to_owned(), format!("/api/v1{GATED}")] {
        let problem = refused(app.get(&address), 401, "unauthorized").await;
        assert!(
            problem["detail"].as_str().unwrap().contains("API token"),
            "{problem}"
        );
        for range in ["bytes=0-9", "bytes=-9"] {
            refused(
                app.get(&address).header("Range", range),
                401,
                "unauthorized",
            )
            .await;
        }
    }
    let browser = answer(
        app.visitor()
            .client
            .get(format!("{}{GATED}", app.address))
            .header("Accept", "text/html"),
    )
    .await;
    assert_eq!(browser.status(), 303);
    assert_eq!(
        browser.headers()["location"],
        format!("/sign-in?next={GATED}")
    );
    let worker = app.worker_token("north").await;
    refused(app.get(GATED).bearer_auth(worker), 401, "unauthorized").await;
    let blind = app.token_of(&expert.user, &[Scope::Submit]).await;
    refused(app.get(GATED).bearer_auth(&blind), 403, "missing_scope").await;

    // Everybody may read about them.
    for address in [
        "/datasets/members-laps",
        "/api/v1/datasets/members-laps",
        "/datasets/members-laps/croissant.json",
        "/datasets/members-laps/datapackage.json",
    ] {
        assert_eq!(answer(app.get(address)).await.status(), 200, "{address}");
    }

    // Whoever has an account gets them: by cookie, by token, by Basic.
    let name = &expert.user.username;
    assert_eq!(app.browser_of(&expert).await.get(GATED).await.status(), 200);
    let bearer = answer(app.get(GATED).bearer_auth(&expert.token)).await;
    assert_eq!(bearer.status(), 200);
    assert_eq!(bearer.headers()["cache-control"], "private, no-cache");
    let basic = |user: &str, password: &str| app.get(GATED).basic_auth(user, Some(password));
    assert_eq!(answer(basic(name, &expert.token)).await.status(), 200);
    refused(
        basic(&organizer.user.username, &expert.token),
        401,
        "unknown_token",
    )
    .await;
    refused(basic(name, &expert.password), 401, "unknown_token").await;
    for broken in ["Basic", "Basic ", "Basic !", "Basic w6k="] {
        let status = answer(app.get(GATED).header("Authorization", broken))
            .await
            .status();
        assert_eq!(status, 401, "{broken}");
    }
});

on_both_databases!(
    a_signed_address_opens_one_file_for_a_while,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        publish_gated(&app, &organizer, "members-laps").await;
        publish_gated(&app, &organizer, "members-laps").await;
        let expert = app.account(Role::Expert).await;

        // It is told to whoever has an account, and to nobody else.
        let nobodys = read(app.get("/api/v1/datasets/members-laps?version=1")).await;
        assert_eq!(
            nobodys["files"][0]["url"],
            "/api/v1/datasets/members-laps/files/data.csv?version=1"
        );
        let detail = detail(&app, &expert, "members-laps", 1).await;
        assert_eq!(detail["access"], "account");
        let signed = detail["files"][0]["url"].as_str().unwrap();
        let page = app
            .browser_of(&expert)
            .await
            .page("/datasets/members-laps")
            .await;
        assert!(page.contains("signature="));
        assert!(
            !app.visitor()
                .page("/datasets/members-laps")
                .await
                .contains("signature=")
        );

        // It works alone: whole, by HEAD, by ranges, and below the page as below the API.
        let whole = answer(app.get(signed)).await;
        assert_eq!(whole.status(), 200);
        assert_eq!(
            whole.headers()["cache-control"],
            "private, max-age=31536000, immutable"
        );
        let bytes = whole.bytes().await.unwrap();
        assert_eq!(
            bytes.len() as u64,
            detail["files"][0]["bytes"].as_u64().unwrap()
        );
        let head = answer(reqwest::Client::new().head(format!("{}{signed}", app.address))).await;
        assert_eq!(head.headers()["content-length"], bytes.len().to_string());
        let below_page = signed.strip_prefix("/api/v1").unwrap();
        let part = answer(app.get(below_page).header("Range", "bytes=-5")).await;
        assert_eq!(part.status(), 206);
        assert_eq!(part.bytes().await.unwrap(), bytes.slice(bytes.len() - 5..));

        // It is for this file of this version, unchanged.
        for (from, to) in [
            ("data.csv", "data.parquet"),
            ("version=1", "version=2"),
            ("expires=1", "expires=2"),
            ("signature=", "signature=0"),
        ] {
            let changed = signed.replace(from, to);
            assert_ne!(changed, signed);
            refused(app.get(&changed), 403, "wrong_signature").await;
        }
        let unversioned = signed.replace("version=1&", "");
        refused(app.get(&unversioned), 401, "unauthorized").await;

        app.advance(TimeDelta::hours(23));
        assert_eq!(answer(app.get(signed)).await.status(), 200);
        app.advance(TimeDelta::hours(1));
        let problem = refused(app.get(signed), 403, "link_expired").await;
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("get a new one"),
            "{problem}"
        );
    }
);

on_both_databases!(
    a_datasets_page_describes_itself_to_machines,
    |app| async move {
        let organizer = app.account_named("karla", Role::Organizer).await;
        publish(&app, &organizer, "school-laps", |_| ()).await;
        let response = answer(app.get("/datasets/school-laps")).await;
        let links: Vec<String> = response
            .headers()
            .get_all("link")
            .iter()
            .map(|link| link.to_str().unwrap().to_owned())
            .collect();
        let base = &app.address;
        for link in [
            format!(
                "<{base}/datasets/school-laps/croissant.json?version=1>; rel=\"describedby\"; type=\"application/ld+json\"; profile=\"http://mlcommons.org/croissant/1.1\""
            ),
            format!(
                "<{base}/datasets/school-laps/datapackage.json?version=1>; rel=\"describedby\"; type=\"application/json\""
            ),
            "<https://doi.org/10.5281/zenodo.1234>; rel=\"cite-as\"".to_owned(),
            "<https://spdx.org/licenses/CC-BY-4.0>; rel=\"license\"".to_owned(),
        ] {
            assert!(links.contains(&link), "{link} is not in {links:#?}");
        }
        let page = response.text().await.unwrap();
        let block = page
            .split_once("<script type=\"application/ld+json\">")
            .and_then(|(_, rest)| rest.split_once("</script>"))
            .unwrap()
            .0;
        assert!(!block.contains('<'), "nothing in it can end it");
        let described: Value = serde_json::from_str(block).unwrap();
        let detail = read(app.get("/api/v1/datasets/school-laps")).await;
        assert_eq!(described["@type"], "Dataset");
        assert_eq!(described["name"], detail["title"]);
        assert_eq!(
            described["identifier"],
            "https://doi.org/10.5281/zenodo.1234"
        );
        let (theirs, ours) = (&described["distribution"], &detail["files"]);
        assert_eq!(
            theirs.as_array().unwrap().len(),
            ours.as_array().unwrap().len()
        );
        for (theirs, ours) in theirs
            .as_array()
            .unwrap()
            .iter()
            .zip(ours.as_array().unwrap())
        {
            assert_eq!(theirs["sha256"], ours["sha256"]);
            let address = theirs["contentUrl"].as_str().unwrap();
            let response = reqwest::get(address).await.unwrap();
            assert_eq!(
                response.headers()["cache-control"],
                "public, max-age=31536000, immutable"
            );
            assert_eq!(response.content_length(), ours["bytes"].as_u64());
        }
        let seconds = json!({ "@type": "PropertyValue", "name": "seconds", "description": "Time of the lap", "unitText": "s" });
        let measured = described["variableMeasured"].as_array().unwrap();
        assert!(measured.contains(&seconds), "{measured:?}");
        for (field, address) in [
            ("croissant_url", "croissant.json"),
            ("data_package_url", "datapackage.json"),
        ] {
            let url = detail[field].as_str().unwrap();
            assert_eq!(
                url,
                format!("{base}/datasets/school-laps/{address}?version=1")
            );
            let document: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
            assert_eq!(document["version"], "1.0.0", "{document}");
        }
        refused(
            app.get("/datasets/school-laps/croissant.json?version=2"),
            404,
            "not_found",
        )
        .await;
    }
);

on_both_databases!(
    the_hubs_addresses_and_the_pages_do_not_collide,
    |app| async move {
        let organizer = app.account_named("karla", Role::Organizer).await;
        // The names that the addresses of both are made of.
        for slug in ["files", "resolve", "refs"] {
            publish(&app, &organizer, slug, |_| ()).await;
            let page = answer(app.get(&format!("/datasets/{slug}"))).await;
            assert_eq!(page.status(), 200, "{slug}");
            let file = answer(app.get(&format!("/datasets/{slug}/files/data.csv"))).await;
            assert_eq!(file.status(), 200, "{slug}");
            assert_eq!(file.headers().get("x-repo-commit"), None);
            for path in ["README.md", "data.csv"] {
                let address = format!("/datasets/karla/{slug}/resolve/v1/{path}");
                let file = answer(app.get(&address)).await;
                assert_eq!(file.status(), 200, "{address}");
                assert_eq!(file.headers()["x-repo-commit"].len(), 40);
            }
            // Where the hub's clients send people.
            let page = app.visitor().get(&format!("/datasets/karla/{slug}")).await;
            assert_eq!(page.headers()["location"], format!("/datasets/{slug}"));
            let info = read(app.get(&format!("/api/datasets/karla/{slug}"))).await;
            assert_eq!(info["id"], format!("karla/{slug}"));
        }
        for nowhere in ["/datasets/rosa/files", "/datasets/karla/none"] {
            assert_eq!(answer(app.get(nowhere)).await.status(), 404, "{nowhere}");
        }
        // A release that does not change keeps its commit when another comes.
        let commit = |info: &Value| info["sha"].as_str().unwrap().to_owned();
        let before = commit(&read(app.get("/api/datasets/karla/files")).await);
        publish(&app, &organizer, "files", |_| ()).await;
        let tagged = read(app.get("/api/datasets/karla/files/revision/v1")).await;
        assert_eq!(commit(&tagged), before);
        let newest = read(app.get("/api/datasets/karla/files/revision/main")).await;
        assert_ne!(commit(&newest), before);
    }
);

on_both_databases!(
    basic_credentials_do_not_help_another_site,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let slug = app.post_challenge(&organizer, |_| ()).await;
        let expert = app.account(Role::Expert).await;
        let join = |origin: &str| {
            reqwest::Client::new()
                .post(format!(
                    "{}/api/v1/challenges/{slug}/membership",
                    app.address
                ))
                .basic_auth(&expert.user.username, Some(&expert.token))
                .header("Origin", origin.to_owned())
                .json(&json!({ "rules_version": 1 }))
        };
        refused(join("https://evil.example"), 403, "cross_origin").await;
        assert!(answer(join(&app.address)).await.status().is_success());
    }
);

on_both_databases!(crawlers_find_what_is_published, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    publish(&app, &organizer, "school-laps", |_| ()).await;
    let challenge = app.post_challenge(&organizer, |_| ()).await;
    app.post_draft(&organizer, |draft| draft.slug = "not-yet".into())
        .await;
    let robots = answer(app.get("/robots.txt")).await.text().await.unwrap();
    let sitemap = robots
        .lines()
        .find_map(|line| line.strip_prefix("Sitemap: "))
        .unwrap();
    let sitemap = reqwest::get(sitemap).await.unwrap().text().await.unwrap();
    let mut addresses = sitemap
        .split("<loc>")
        .skip(1)
        .map(|rest| rest.split_once("</loc>").unwrap().0);
    for address in addresses.clone() {
        let status = reqwest::get(address).await.unwrap().status();
        assert_eq!(status, 200, "{address}");
    }
    let mut lists = |page: &str| addresses.any(|address| address.ends_with(page));
    assert!(lists("/datasets/school-laps"), "{sitemap}");
    assert!(lists(&format!("/challenges/{challenge}")), "{sitemap}");
    assert!(!sitemap.contains("not-yet"));
});

on_both_databases!(
    an_organizer_says_over_the_api_how_to_cite_and_who_may_download,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        // No name links the rows of a driver, so the gates hold.
        let nameless = POLICY.replace(
            "action = \"pseudonym\"\nprefix = \"D\"",
            "action = \"drop\"",
        );
        let send = |access: &str| {
            let table = multipart::Part::text(raw_table()).file_name("laps.csv");
            let form = multipart::Form::new()
                .text("slug", "members-laps")
                .text("title", "Laps")
                .text("summary", "Laps of members.")
                .text("licence", "CC0-1.0")
                .text("policy", nameless.clone())
                .text("citation", "A. Marshal, 2026")
                .text("doi", "10.5281/zenodo.1")
                .text("access", access.to_owned())
                .part("table", table);
            app.api(&organizer.token).post("/datasets").multipart(form)
        };
        let problem = refused(send("friends"), 422, "invalid").await;
        assert_eq!(problem["field"], "access");
        let published = answer(send("account")).await;
        assert_eq!(
            published.status(),
            201,
            "{}",
            published.text().await.unwrap()
        );
        let detail = read(app.get("/api/v1/datasets/members-laps")).await;
        assert_eq!(detail["citation"], "A. Marshal, 2026");
        assert_eq!(detail["doi"], "10.5281/zenodo.1");
        assert_eq!(detail["access"], "account");
    }
);

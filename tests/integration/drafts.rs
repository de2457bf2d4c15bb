//! What organizers do before they publish: send a raw file part by part, look at it, choose a policy, see what
//! it would make public, and publish exactly that.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use paddock::accounts::users::Role;
use paddock::datasets::catalogue;
use paddock::datasets::drafts::{Draft, DraftState, Work};
use paddock::http::fault::Fault;
use paddock::platform::schema::{audit_log, dataset_drafts};
use paddock::platform::storage::Area;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response};

use crate::app::{Account, Browser, TestApp};
use crate::on_both_databases;

/// Two dozen adults of two clubs with ten laps each.
fn laps() -> String {
    (0..240).fold("driver,age,club,seconds\n".to_owned(), |csv, row| {
        let (driver, lap) = (row / 10, row % 10);
        let seconds = 50.0 + f64::from((driver * 7 + lap * 13) % 40) / 20.0;
        let age = 20 + driver % 4;
        format!(
            "{csv}Racer Number{driver:02},{age},Club {},{seconds:.2}\n",
            driver % 2
        )
    })
}

/// Nobody is named, and every class has a quarter of the drivers.
const HARMLESS: &str = "version = 1\nminimum_class_size = 5\nminors = false\nsubject = \"driver\"\n\n\
    [[column]]\nname = \"driver\"\naction = \"drop\"\n\n\
    [[column]]\nname = \"age\"\naction = \"keep\"\nquasi_identifier = true\n\n\
    [[column]]\nname = \"club\"\naction = \"drop\"\n\n\
    [[column]]\nname = \"seconds\"\naction = \"round\"\nstep = 0.1\nunit = \"s\"\n";

/// The club has the driver's name in it: an identity is left in the bytes.
const TELLING: &str = "version = 1\nminimum_class_size = 5\nminors = false\nsubject = \"driver\"\n\n\
    [[column]]\nname = \"driver\"\naction = \"drop\"\n\n\
    [[column]]\nname = \"age\"\naction = \"drop\"\n\n\
    [[column]]\nname = \"club\"\naction = \"keep\"\n\n\
    [[column]]\nname = \"seconds\"\naction = \"drop\"\n";

fn laps_that_tell() -> String {
    laps().replace("Club 1", "Racer Number01")
}

const DETAILS: [(&str, &str); 10] = [
    ("slug", "school-laps"),
    ("title", "Laps of a school"),
    ("summary", "Two dozen drivers, ten laps each."),
    (
        "card",
        "# One afternoon\n\nEvery **lap**. <script>alert(1)</script>",
    ),
    ("notes", "The first release."),
    ("licence", "CC-BY-4.0"),
    ("citation", ""),
    ("doi", "10.5281/zenodo.1234"),
    ("access", "public"),
    ("identities", "destroyed"),
];

async fn organizer(app: &TestApp) -> (Account, Browser) {
    let account = app.account(Role::Organizer).await;
    let browser = app.browser_of(&account).await;
    (account, browser)
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

/// A request of the tus protocol.
fn tus(app: &TestApp, account: &Account, method: &str, address: &str) -> RequestBuilder {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    reqwest::Client::new()
        .request(method, format!("{}{address}", app.address))
        .bearer_auth(&account.token)
        .header("Tus-Resumable", "1.0.0")
}

/// Begins an upload and returns its address.
async fn begin(app: &TestApp, account: &Account, bytes: usize) -> String {
    let response = tus(app, account, "POST", "/api/v1/uploads")
        .header("Upload-Length", bytes)
        .header(
            "Upload-Metadata",
            "filename bGFwcy5jc3Y=,filetype dGV4dC9jc3Y=",
        )
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 201, "{}", response.text().await.unwrap());
    header(&response, "location").to_owned()
}

async fn send(
    app: &TestApp,
    account: &Account,
    address: &str,
    offset: usize,
    part: impl Into<Vec<u8>>,
) -> Response {
    tus(app, account, "PATCH", address)
        .header("Upload-Offset", offset)
        .header("Content-Type", "application/offset+octet-stream")
        .body(part.into())
        .send()
        .await
        .unwrap()
}

async fn offset(app: &TestApp, account: &Account, address: &str) -> usize {
    let response = tus(app, account, "HEAD", address).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "cache-control"), "no-store");
    header(&response, "upload-offset").parse().unwrap()
}

fn key_of(address: &str) -> &str {
    address.rsplit('/').next().unwrap()
}

/// Sends a whole file as the form does where there is no JavaScript; returns the draft's key.
async fn upload(browser: &Browser, csv: String) -> String {
    let file = Part::text(csv).file_name("laps.csv");
    let form = Form::new().part("file", file.mime_str("text/csv").unwrap());
    let answer = browser.post_files("/console/datasets/drafts", form).await;
    assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
    key_of(header(&answer, "location")).to_owned()
}

fn page(key: &str, step: &str) -> String {
    format!("/console/datasets/drafts/{key}{step}")
}

/// The draft when nothing is being done with it any more.
async fn settled(app: &TestApp, account: &Account, key: &str) -> Draft {
    for _ in 0..3_000 {
        let draft = app.state.drafts().find(&account.user, key).await.unwrap();
        if draft.work(app.clock.now()) == Work::None {
            return draft;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("draft {key} is still at work after a minute");
}

/// Sends a policy as TOML and waits until it is measured.
async fn measure(app: &TestApp, account: &Account, browser: &Browser, key: &str, policy: &str) {
    settled(app, account, key).await;
    let sent = [("by", "toml"), ("policy", policy), ("split", "")];
    let answer = browser.post(&page(key, "/policy"), &sent).await;
    assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
    assert_eq!(header(&answer, "location"), page(key, "/preview"));
    settled(app, account, key).await;
}

fn details(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut details: Vec<_> = DETAILS
        .iter()
        .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name))
        .copied()
        .collect();
    details.extend(changes);
    details
}

on_both_databases!(
    a_file_sent_in_parts_with_an_interruption_is_published_as_it_was_measured,
    |app| async move {
        let (account, browser) = organizer(&app).await;
        let csv = laps().into_bytes();
        let address = begin(&app, &account, csv.len()).await;
        let key = key_of(&address).to_owned();
        let answer = send(&app, &account, &address, 0, &csv[..1000]).await;
        assert_eq!(answer.status(), 204);
        assert_eq!(header(&answer, "upload-offset"), "1000");
        assert_eq!(header(&answer, "tus-resumable"), "1.0.0");
        assert!(header(&answer, "upload-expires").ends_with(" GMT"));
        let list = browser.page("/console/datasets/new").await;
        assert!(list.contains(&page(&key, "")) && list.contains("Uploading"));
        let unfinished = browser.page(&page(&key, "")).await;
        assert!(unfinished.contains("The upload is not complete"));
        assert!(unfinished.contains(&format!("data-bytes=\"{}\"", csv.len())));

        // The second part breaks off after 700 of the bytes that it announced.
        let mut socket = TcpStream::connect(app.address.trim_start_matches("http://")).unwrap();
        let head = format!(
            "PATCH {address} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {}\r\nTus-Resumable: 1.0.0\r\n\
             Content-Type: application/offset+octet-stream\r\nUpload-Offset: 1000\r\nContent-Length: 2000\r\n\r\n",
            account.token
        );
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(&csv[1000..1700]).unwrap();
        socket.flush().unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        socket.shutdown(std::net::Shutdown::Both).unwrap();
        let mut received = 1000;
        for _ in 0..500 {
            received = offset(&app, &account, &address).await;
            if received > 1000 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(received, 1700, "what came before the break is kept");

        let answer = send(&app, &account, &address, 1000, &csv[1000..]).await;
        assert_eq!(answer.status(), 409, "a part that has come already");
        let answer = send(
            &app,
            &account,
            &address,
            1700,
            [&csv[1700..], b"!"].concat(),
        )
        .await;
        assert_eq!(answer.status(), 413, "more than was announced");
        assert_eq!(offset(&app, &account, &address).await, 1700);
        let answer = send(&app, &account, &address, 1700, &csv[1700..]).await;
        assert_eq!(answer.status(), 204);

        let draft = settled(&app, &account, &key).await;
        assert_eq!(
            (draft.state, draft.file_name.as_str()),
            (DraftState::Uploaded, "laps.csv")
        );
        let inspected = browser.page(&page(&key, "")).await;
        for expected in [
            "Table (CSV)",
            "Racer Number00",
            "aria-current=\"step\"",
            "class=\"histogram\"",
        ] {
            assert!(inspected.contains(expected), "{expected}");
        }
        let form = browser.page(&page(&key, "/policy")).await;
        assert!(form.contains("This is a suggestion"));

        measure(&app, &account, &browser, &key, HARMLESS).await;
        let preview = browser.page(&page(&key, "/preview")).await;
        for expected in [
            "round to 0.1",
            "Lap times",
            "Racer Number00",
            "not published",
        ] {
            assert!(preview.contains(expected), "{expected}");
        }
        let risk = browser.page(&page(&key, "/risk")).await;
        assert!(risk.contains("All gates hold"), "{risk}");
        let draft = settled(&app, &account, &key).await;
        let measured = app.state.drafts().examination(&draft).unwrap().unwrap();

        let answer = browser
            .post(&page(&key, "/publish"), &details(&[("then", "publish")]))
            .await;
        assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
        assert_eq!(header(&answer, "location"), "/datasets/school-laps");
        let shown = browser.page("/datasets/school-laps").await;
        assert!(shown.contains("Version 1 is published") && shown.contains("<strong>lap</strong>"));
        assert!(!shown.contains("Racer") && !shown.contains("alert(1)"));
        let found = app
            .state
            .database
            .read(|connection| catalogue::find(connection, "school-laps", None))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            found.report, measured.report,
            "what was measured is what was published"
        );
        let data = found
            .files
            .iter()
            .find(|file| file.path == "data.csv")
            .unwrap();
        assert_eq!(data.summary, measured.after[0].1);

        assert!(
            app.state.storage.drafts().await.unwrap().is_empty(),
            "no raw byte stays"
        );
        assert_eq!(browser.get(&page(&key, "")).await.status(), 404);
        assert_eq!(
            tus(&app, &account, "HEAD", &address)
                .send()
                .await
                .unwrap()
                .status(),
            404
        );
    }
);

on_both_databases!(
    of_two_parts_with_one_beginning_one_is_kept,
    |app| async move {
        let (account, _) = organizer(&app).await;
        let csv = laps().into_bytes();
        let address = begin(&app, &account, csv.len()).await;
        let parts = (0..8).map(|_| send(&app, &account, &address, 0, &csv[..2000]));
        let answers = futures_util::future::join_all(parts).await;
        let kept = answers
            .iter()
            .filter(|answer| answer.status() == 204)
            .count();
        let refused = answers
            .iter()
            .filter(|answer| answer.status() == 409)
            .count();
        assert_eq!((kept, refused), (1, 7));
        assert_eq!(offset(&app, &account, &address).await, 2000);
        send(&app, &account, &address, 2000, &csv[2000..]).await;
        let draft = settled(&app, &account, key_of(&address)).await;
        let inspection = app.state.drafts().inspection(&draft).unwrap().unwrap();
        assert_eq!(inspection.table.rows, 240, "the parts make the file again");
    }
);

on_both_databases!(the_protocol_is_spoken_to_the_letter, |app| async move {
    let (account, _) = organizer(&app).await;
    let options = reqwest::Client::new()
        .request(Method::OPTIONS, format!("{}/api/v1/uploads", app.address))
        .send()
        .await
        .unwrap();
    assert_eq!(options.status(), 204);
    assert_eq!(header(&options, "tus-version"), "1.0.0");
    assert_eq!(
        header(&options, "tus-extension"),
        "creation,expiration,termination"
    );
    assert_eq!(header(&options, "tus-max-size"), (1_u64 << 30).to_string());

    let create = |name: &'static str, value: &'static str| {
        tus(&app, &account, "POST", "/api/v1/uploads")
            .header(name, value)
            .send()
    };
    for (name, value, status) in [
        ("Upload-Length", "many", 400),
        ("Upload-Length", "0", 422),
        ("Upload-Length", "1073741825", 413),
        ("Upload-Metadata", "filename x", 400),
    ] {
        assert_eq!(
            create(name, value).await.unwrap().status(),
            status,
            "{name}: {value}"
        );
    }
    let old = app
        .api(&account.token)
        .post("/uploads")
        .header("Upload-Length", 5)
        .header("Tus-Resumable", "0.2.2")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (old.status().as_u16(), header(&old, "tus-version")),
        (412, "1.0.0")
    );

    let address = begin(&app, &account, 5).await;
    let patch = tus(&app, &account, "PATCH", &address).header("Upload-Offset", 0);
    assert_eq!(patch.body("a,b\n1").send().await.unwrap().status(), 415);
    let over = tus(&app, &account, "POST", &address)
        .header("X-HTTP-Method-Override", "PATCH")
        .header("Upload-Offset", 0)
        .header("Content-Type", "application/offset+octet-stream")
        .body("a,b\n1");
    assert_eq!(over.send().await.unwrap().status(), 204);
    let status = app
        .api(&account.token)
        .get(address.trim_start_matches("/api/v1"));
    let status: serde_json::Value = status.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&status["offset"], &status["bytes"]),
        (&5.into(), &5.into())
    );
    let delete = || tus(&app, &account, "DELETE", &address).send();
    settled(&app, &account, key_of(&address)).await;
    assert_eq!(delete().await.unwrap().status(), 204);
    assert_eq!(delete().await.unwrap().status(), 404);
    assert!(app.state.storage.drafts().await.unwrap().is_empty());
});

on_both_databases!(
    another_organizer_sees_nothing_of_a_draft,
    |app| async move {
        let (account, browser) = organizer(&app).await;
        let key = upload(&browser, laps()).await;
        measure(&app, &account, &browser, &key, HARMLESS).await;
        let (other, theirs) = organizer(&app).await;
        for step in ["", "/status", "/policy", "/preview", "/risk", "/publish"] {
            assert_eq!(theirs.get(&page(&key, step)).await.status(), 404, "{step}");
        }
        for step in ["/inspect", "/policy", "/measure", "/publish", "/discard"] {
            let answer = theirs.post(&page(&key, step), &details(&[])).await;
            assert_eq!(answer.status(), 404, "{step}");
        }
        let address = format!("/api/v1/uploads/{key}");
        for method in ["HEAD", "DELETE"] {
            let answer = tus(&app, &other, method, &address).send().await.unwrap();
            assert_eq!(answer.status(), 404, "{method}");
        }
        assert_eq!(send(&app, &other, &address, 0, "x").await.status(), 404);
        assert!(!theirs.page("/console/datasets/new").await.contains(&key));

        let admin = app.account(Role::Admin).await;
        let admins = app.browser_of(&admin).await;
        let seen = admins.page(&page(&key, "/preview")).await;
        assert!(seen.contains(&format!("Draft of {}", account.user.username)));
        // What is sealed in the database says nothing of who is in the file.
        let sealed: Vec<(Option<String>, Option<String>, String)> = app
            .state
            .database
            .read(|connection| {
                let columns = (
                    dataset_drafts::inspection,
                    dataset_drafts::examination,
                    dataset_drafts::sealed_key,
                );
                let rows = dataset_drafts::table.select(columns).load(connection);
                rows.map_err(Fault::internal)
            })
            .await
            .unwrap();
        let (inspection, examination, release_key) = &sealed[0];
        for text in [inspection.as_ref(), examination.as_ref(), Some(release_key)] {
            let text = text.unwrap();
            assert!(text.len() > 80 && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }
);

on_both_databases!(
    an_admin_alone_publishes_although_a_gate_fails,
    |app| async move {
        let (account, browser) = organizer(&app).await;
        let key = upload(&browser, laps_that_tell()).await;
        measure(&app, &account, &browser, &key, TELLING).await;
        let risk = browser.page(&page(&key, "/risk")).await;
        assert!(
            risk.contains("gates do not hold") && risk.contains("What helps"),
            "{risk}"
        );
        let form = browser.page(&page(&key, "/publish")).await;
        assert!(form.contains("ask an admin") && !form.contains("name=\"override\""));

        let why = "The names are the club's own, and its members agreed in writing.";
        let sent = details(&[("then", "publish"), ("override", "true"), ("reason", why)]);
        let refused = browser.post(&page(&key, "/publish"), &sent).await;
        assert_eq!(refused.status(), 422);
        assert!(refused.text().await.unwrap().contains("only an admin"));
        let refused = browser
            .post(&page(&key, "/publish"), &details(&[("then", "publish")]))
            .await;
        assert_eq!(refused.status(), 422);
        assert!(refused.text().await.unwrap().contains("fails its gates"));
        assert_eq!(browser.get("/datasets/school-laps").await.status(), 404);

        let admin = app.account(Role::Admin).await;
        let admins = app.browser_of(&admin).await;
        let form = admins.page(&page(&key, "/publish")).await;
        assert!(form.contains("name=\"override\"") && form.contains("never be taken back"));
        assert!(form.contains("Two dozen drivers"), "what was typed is kept");
        let short = details(&[
            ("then", "publish"),
            ("override", "true"),
            ("reason", "Because."),
        ]);
        let refused = admins.post(&page(&key, "/publish"), &short).await;
        assert_eq!(refused.status(), 422);
        assert!(
            refused
                .text()
                .await
                .unwrap()
                .contains("id=\"error-reason\"")
        );
        let published = admins.post(&page(&key, "/publish"), &sent).await;
        assert_eq!(published.status(), 303);

        let logged: Vec<(Option<i64>, String)> = app
            .state
            .database
            .read(|connection| {
                audit_log::table
                    .filter(audit_log::action.eq("dataset.override"))
                    .select((audit_log::actor_id, audit_log::detail))
                    .load(connection)
                    .map_err(Fault::internal)
            })
            .await
            .unwrap();
        assert_eq!(logged, [(Some(admin.user.id), format!("version 1: {why}"))]);
        let owned = browser.page("/console").await;
        assert!(
            owned.contains("/datasets/school-laps"),
            "it is the organizer's"
        );
    }
);

on_both_databases!(
    a_policy_is_made_with_the_form_and_told_what_is_wrong,
    |app| async move {
        let (account, browser) = organizer(&app).await;
        let key = upload(&browser, laps()).await;
        assert_eq!(
            browser.post(&page(&key, "/measure"), &[]).await.status(),
            409,
            "there is no policy yet"
        );
        settled(&app, &account, &key).await;
        let columns = ["driver", "age", "club", "seconds"];
        let mut sent = vec![
            ("k".to_owned(), "5"),
            ("minors".to_owned(), "no"),
            ("subject".to_owned(), "driver"),
            ("small_classes".to_owned(), "generalise"),
            ("policy".to_owned(), "[statistics]\nepsilon = 1.0\n"),
        ];
        for (position, action) in ["drop", "band", "drop", "round"].iter().enumerate() {
            sent.push((format!("column_{position}_action"), action));
        }
        sent.push(("column_1_width".to_owned(), "wide"));
        sent.push(("column_3_step".to_owned(), "0.1"));
        let post = async |sent: &[(String, &str)]| {
            let form: Vec<(&str, &str)> = sent
                .iter()
                .map(|(name, text)| (name.as_str(), *text))
                .collect();
            browser.post(&page(&key, "/policy"), &form).await
        };
        let refused = post(&sent).await;
        assert_eq!(refused.status(), 422);
        let shown = refused.text().await.unwrap();
        assert!(shown.contains("id=\"error-column_1_action\"") && shown.contains("a number"));
        assert!(shown.contains("Edited by hand") && shown.contains("statistics"));

        sent.retain(|(name, _)| name != "column_1_width" && name != "policy");
        sent.push(("column_1_width".to_owned(), "2"));
        sent.push(("column_1_quasi_identifier".to_owned(), "true"));
        assert_eq!(post(&sent).await.status(), 303);
        let draft = settled(&app, &account, &key).await;
        assert_eq!((draft.state, &draft.problem), (DraftState::Measured, &None));
        for name in columns {
            assert!(draft.details.policy.contains(&format!("name = \"{name}\"")));
        }
        assert!(
            draft
                .details
                .policy
                .contains("action = \"band\"\nquasi_identifier = true\nwidth = 2")
        );

        // Another policy undoes the measurement, so that nothing else is published than what was measured.
        let drafts = app.state.drafts();
        drafts
            .set_policy(&draft, TELLING.to_owned(), None)
            .await
            .unwrap();
        let form = details(&[("then", "publish")]);
        assert_eq!(
            browser.post(&page(&key, "/publish"), &form).await.status(),
            409
        );
        assert_eq!(browser.get("/datasets/school-laps").await.status(), 404);
    }
);

on_both_databases!(
    a_split_hands_the_solution_over_and_publishes_it_nowhere,
    |app| async move {
        let (account, browser) = organizer(&app).await;
        let key = upload(&browser, laps()).await;
        settled(&app, &account, &key).await;
        let wrong = [
            ("by", "toml"),
            ("policy", HARMLESS),
            ("split", "targets = 5"),
        ];
        let refused = browser.post(&page(&key, "/policy"), &wrong).await;
        assert_eq!(refused.status(), 422);
        assert!(refused.text().await.unwrap().contains("id=\"error-split\""));
        let split =
            "targets = [\"seconds\"]\nseed = 9\n[test]\nfraction = 0.5\n[public]\nfraction = 0.5\n";
        let sent = [("by", "toml"), ("policy", HARMLESS), ("split", split)];
        assert_eq!(
            browser.post(&page(&key, "/policy"), &sent).await.status(),
            303
        );
        settled(&app, &account, &key).await;
        let preview = browser.page(&page(&key, "/preview")).await;
        assert!(preview.contains("After: train") && preview.contains("After: test"));
        let answer = browser
            .post(&page(&key, "/publish"), &details(&[("then", "publish")]))
            .await;
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
        assert!(header(&answer, "content-disposition").contains("school-laps-1-solution.csv"));
        let solution = answer.text().await.unwrap();
        assert!(solution.starts_with("id,seconds,split\n"), "{solution}");
        let shown = browser.page("/datasets/school-laps").await;
        assert!(shown.contains("test.csv") && !shown.contains("solution.csv"));
        let missing = browser
            .get("/datasets/school-laps/files/solution.csv")
            .await;
        assert_eq!(missing.status(), 404);
    }
);

on_both_databases!(what_is_wrong_is_told_where_it_is_wrong, |app| async move {
    let (account, browser) = organizer(&app).await;
    let none = Form::new().part("file", Part::text("").file_name(""));
    let answer = browser.post_files("/console/datasets/drafts", none).await;
    assert_eq!(answer.status(), 422);
    assert!(answer.text().await.unwrap().contains("id=\"error-file\""));

    let key = upload(&browser, "PK\u{3}\u{4}not a table".into()).await;
    let draft = settled(&app, &account, &key).await;
    assert_eq!(draft.state, DraftState::Failed);
    let shown = browser.page(&page(&key, "")).await;
    assert!(shown.contains("Excel") && shown.contains("Send another file"));
    assert_eq!(
        browser.post(&page(&key, "/discard"), &[]).await.status(),
        303
    );

    let key = upload(&browser, laps()).await;
    let few = HARMLESS.replace("minimum_class_size = 5", "minimum_class_size = 99");
    measure(&app, &account, &browser, &key, &few).await;
    let shown = browser.page(&page(&key, "/preview")).await;
    assert!(
        shown.contains("24 subjects") && shown.contains("Measure again"),
        "{shown}"
    );
    let elsewhere = browser.get(&page(&key, "/publish")).await;
    assert_eq!(header(&elsewhere, "location"), page(&key, "/preview"));

    measure(&app, &account, &browser, &key, HARMLESS).await;
    for (field, text, problem) in [
        ("slug", "School Laps", "lower-case"),
        ("title", "", "write 1 to 120"),
        ("doi", "https://doi.org/10.5281/zenodo.1", "10.5281"),
        ("access", "friends", "who may download"),
    ] {
        let sent = details(&[(field, text), ("then", "publish")]);
        let answer = browser.post(&page(&key, "/publish"), &sent).await;
        assert_eq!(answer.status(), 422, "{field}");
        let shown = answer.text().await.unwrap();
        assert!(shown.contains(problem), "{field}: {problem}");
        assert!(shown.contains("# One afternoon"), "the card is kept");
    }
    let other = app.account(Role::Organizer).await;
    app.publish_sample_dataset(&other, "school-laps").await;
    let answer = browser
        .post(&page(&key, "/publish"), &details(&[("then", "publish")]))
        .await;
    assert_eq!(answer.status(), 422);
    assert!(answer.text().await.unwrap().contains("another organizer"));
});

on_both_databases!(
    an_interrupted_measurement_is_begun_again,
    |app| async move {
        let (account, browser) = organizer(&app).await;
        let key = upload(&browser, laps()).await;
        measure(&app, &account, &browser, &key, HARMLESS).await;
        let until = (app.clock.now() + TimeDelta::seconds(60)).naive_utc();
        app.state
            .database
            .write(move |connection| {
                diesel::update(dataset_drafts::table)
                    .set((
                        dataset_drafts::state.eq(DraftState::Measuring),
                        dataset_drafts::examination.eq(None::<String>),
                        dataset_drafts::measuring_until.eq(Some::<NaiveDateTime>(until)),
                        dataset_drafts::step.eq("Attacking the release"),
                        dataset_drafts::progress.eq(45),
                    ))
                    .execute(connection)
                    .map_err(Fault::internal)
            })
            .await
            .unwrap();
        let under_way = browser.page(&page(&key, "/preview")).await;
        assert!(
            under_way.contains("Attacking the release") && under_way.contains("data-status-url")
        );
        assert!(
            under_way.contains("http-equiv=\"refresh\""),
            "also without JavaScript"
        );
        let status = browser.page(&page(&key, "/status")).await;
        assert!(status.contains("value=\"45\"") && !status.contains("data-final"));
        assert_eq!(
            browser.post(&page(&key, "/measure"), &[]).await.status(),
            409
        );

        app.advance(TimeDelta::seconds(61));
        let interrupted = browser.page(&page(&key, "/risk")).await;
        assert!(
            interrupted.contains("It was interrupted") && interrupted.contains("Measure again")
        );
        assert!(
            browser
                .page(&page(&key, "/status"))
                .await
                .contains("data-final")
        );
        assert_eq!(
            browser.post(&page(&key, "/measure"), &[]).await.status(),
            303
        );
        let draft = settled(&app, &account, &key).await;
        assert_eq!(draft.state, DraftState::Measured);
    }
);

on_both_databases!(what_nobody_came_back_for_is_swept, |app| async move {
    let (account, browser) = organizer(&app).await;
    let left = upload(&browser, laps()).await;
    settled(&app, &account, &left).await;
    app.advance(TimeDelta::days(6));
    let kept = upload(&browser, laps()).await;
    settled(&app, &account, &kept).await;
    let orphan = "0123456789abcdef0123456789abcdef";
    let bytes = || futures_util::stream::once(async { Ok::<_, std::io::Error>("raw".into()) });
    app.state
        .storage
        .receive_part(orphan, bytes(), 9)
        .await
        .unwrap();
    let published = app
        .state
        .storage
        .receive(Area::Published, bytes(), 9)
        .await
        .unwrap();

    let drafts = app.state.drafts();
    app.advance(TimeDelta::hours(25));
    assert_eq!(drafts.sweep().await.unwrap(), 1);
    let stored = app.state.storage.drafts().await.unwrap();
    assert_eq!(stored.into_iter().collect::<Vec<_>>(), [kept.as_str()]);
    assert_eq!(browser.get(&page(&left, "")).await.status(), 404);
    assert_eq!(browser.get(&page(&kept, "")).await.status(), 200);
    let read = app
        .state
        .storage
        .read(Area::Published, &published.key, None)
        .await;
    assert!(read.is_ok(), "what is published stays");
    assert_eq!(drafts.sweep().await.unwrap(), 0);
});

on_both_databases!(
    an_organizer_has_so_many_drafts_and_no_more,
    |app| async move {
        let (account, browser) = organizer(&app).await;
        for _ in 0..20 {
            begin(&app, &account, 5).await;
        }
        let one_more = tus(&app, &account, "POST", "/api/v1/uploads").header("Upload-Length", 5);
        let answer = one_more.send().await.unwrap();
        assert_eq!(answer.status(), 409);
        assert!(answer.text().await.unwrap().contains("discard one first"));
        let list = browser.page("/console/datasets/new").await;
        assert_eq!(
            list.matches("0\u{202f}B of").count() + list.matches("0 B of").count(),
            20
        );
    }
);

on_both_databases!(
    #[ignore = "needs PADDOCK_TEST_PYTHON"]
    the_protocols_own_python_client_breaks_off_and_goes_on,
    |app| async move {
        let python = std::env::var("PADDOCK_TEST_PYTHON")
            .expect("PADDOCK_TEST_PYTHON names a python with tests/requirements.txt installed");
        let (account, _) = organizer(&app).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("laps.csv");
        std::fs::write(&file, laps()).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/uploads/resume.py");
        let output = tokio::process::Command::new(python)
            .args([script, &app.address, &account.token])
            .arg(&file)
            .output()
            .await
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        let key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        let draft = settled(&app, &account, &key).await;
        assert_eq!(draft.file_name, "laps.csv");
        let inspection = app.state.drafts().inspection(&draft).unwrap().unwrap();
        assert_eq!(inspection.table.rows, 240);
    }
);

on_both_databases!(
    a_loggers_file_is_inspected_and_becomes_a_table,
    |app| async move {
        let (account, browser) = organizer(&app).await;
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/kart-adria.xrk");
        let file = Part::bytes(std::fs::read(sample).unwrap()).file_name("kart.xrk");
        let form = Form::new().part("file", file);
        let answer = browser.post_files("/console/datasets/drafts", form).await;
        assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
        let key = key_of(header(&answer, "location")).to_owned();
        settled(&app, &account, &key).await;
        let shown = browser.page(&page(&key, "")).await;
        for told in [
            "AiM XRK",
            "Adria Kart",
            "11 laps",
            "49.765",
            "<svg",
            "was renamed",
        ] {
            assert!(shown.contains(told), "{told}");
        }
        // One row a lap, or one a sample.
        assert!(shown.contains("<code>sector_3</code>"));
        let samples = [("source", "samples")];
        let answer = browser.post(&page(&key, "/inspect"), &samples).await;
        assert_eq!(answer.status(), 303);
        let draft = settled(&app, &account, &key).await;
        assert_eq!(draft.source.as_str(), "samples");
        let shown = browser.page(&page(&key, "")).await;
        assert!(shown.contains("<code>lap_elapsed</code>"), "{shown}");
        assert!(!shown.contains("<code>sector_3</code>"));
    }
);

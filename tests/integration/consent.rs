//! From a pseudonym to a person: who asks, who decides, and that nothing anywhere tells an identity
//! otherwise.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, Once};

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::sql_types::Text;
use paddock::accounts::permissions::RULES;
use paddock::accounts::users::Role;
use paddock::datasets::anonymize::ReleaseKey;
use paddock::datasets::publish::{DatasetDraft, Identities, Publication};
use paddock::messages::outbox::Outbox;
use paddock::platform::config::Config;
use paddock::platform::database::{DatabaseConnection, DatabaseError};
use paddock::platform::mail::Mailer;
use paddock::platform::schema::{audit_log, contact_requests, outgoing_mail, sealed_identities};
use paddock::talent::consent::expiry;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::app::{Account, Browser, TestApp};
use crate::on_both_databases;

/// What every name and address of the hidden people has in it, in whatever case.
const MARK: &str = "identimark";

const POLICY: &str = r#"
version = 1
minimum_class_size = 11
minors = true
subject = "driver"
column = [
    { name = "driver", action = "pseudonym", prefix = "D" },
    { name = "email", action = "drop", identity = true },
    { name = "guardian_email", action = "drop", identity = true },
    { name = "lap", action = "keep" },
    { name = "lap_time", action = "keep" },
]
"#;

/// Two dozen drivers who all drive the same twenty laps.
fn laps() -> String {
    let mut csv = "driver,email,guardian_email,lap,lap_time\n".to_owned();
    for driver in 0..24_u32 {
        for lap in 1..=20_u32 {
            let seconds = 50.0 + f64::from(lap * 13 % 40) / 20.0;
            csv += &format!(
                "Identimark Driver{driver:02},own{driver}@identimark.example,parent{driver}@identimark.example,{lap},{seconds:.3}\n"
            );
        }
    }
    csv
}

/// A school with a talent board, a scout, and the pseudonym of a driver on it.
struct School {
    organizer: Account,
    scout: Account,
    driver: String,
}

/// Dataset and challenge have one address, so that a walk finds both.
const SLUG: &str = "evening";

async fn pseudonyms(app: &TestApp) -> Vec<String> {
    let found = app.state.database.read(|connection| {
        sealed_identities::table
            .order(sealed_identities::pseudonym)
            .select(sealed_identities::pseudonym)
            .load(connection)
            .map_err(DatabaseError::from)
    });
    found.await.unwrap()
}

async fn publish(app: &TestApp, owner: &Account, slug: &str, identities: Identities) {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("laps.csv");
    std::fs::write(&table, laps()).unwrap();
    let draft = DatasetDraft {
        slug: slug.into(),
        title: "An evening at the track".into(),
        summary: "Two dozen drivers.".into(),
        licence: "CC-BY-4.0".into(),
        policy: POLICY.into(),
        identities,
        ..DatasetDraft::default()
    };
    let publication = Publication {
        draft,
        table,
        key: ReleaseKey::new([5; 32]),
        owner: owner.user.clone(),
        overridden: None,
    };
    let publisher = &app.state.publisher;
    publisher
        .publish(app.clock.now(), publication)
        .await
        .unwrap();
}

/// A challenge that rates these drivers of a dataset, with a model and a published board.
async fn post_board(
    app: &TestApp,
    owner: &Account,
    (slug, dataset): (&str, &str),
    drivers: &[String],
) {
    let mut solution = "id,target,split\n".to_owned();
    let mut predictions = "id,prediction\n".to_owned();
    for (index, driver) in drivers.iter().enumerate() {
        let split = if index % 2 == 0 { "public" } else { "private" };
        solution += &format!("{driver},{index},{split}\n");
        predictions += &format!("{driver},{index}\n");
    }
    app.post_challenge_of(owner, &solution, |draft| {
        draft.slug = slug.into();
        draft.dataset = Some(dataset.into());
        draft.rates_drivers = true;
    })
    .await;
    let expert = app.account(Role::Expert).await;
    app.join(&expert, slug).await;
    app.submit(&expert, slug, &predictions).await;
    app.score_all().await;
    let made = app
        .api(&owner.token)
        .post(&format!("/challenges/{slug}/talent-board"))
        .send()
        .await
        .unwrap();
    assert_eq!(made.status(), 201, "{}", made.text().await.unwrap());
}

async fn school(app: &TestApp) -> School {
    let organizer = app.account(Role::Organizer).await;
    let scout = app.account(Role::Scout).await;
    publish(app, &organizer, SLUG, Identities::Sealed).await;
    let drivers = pseudonyms(app).await;
    assert_eq!(drivers.len(), 24);
    post_board(app, &organizer, (SLUG, SLUG), &drivers).await;
    School {
        organizer,
        scout,
        driver: drivers[3].clone(),
    }
}

fn introduction(driver: &str) -> Value {
    json!({
        "challenge": SLUG, "driver": driver, "name": "Ada Lovelace", "organisation": "North Karting",
        "message": "We look for juniors for next season. May we meet you and your parents?",
        "reach": "ada@north.example",
    })
}

/// The JSON of an answer that must have this status.
async fn json_of(request: RequestBuilder, status: u16) -> Value {
    let response = request.send().await.unwrap();
    let (found, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// Asks for a driver; the request's number.
async fn ask(app: &TestApp, scout: &Account, driver: &str) -> i64 {
    let asked = app
        .api(&scout.token)
        .post("/scouting/requests")
        .json(&introduction(driver));
    json_of(asked, 201).await["id"].as_i64().unwrap()
}

/// Passes a request on by a link; the path of the link.
async fn forward(app: &TestApp, organizer: &Account, id: i64, is_minor: bool) -> String {
    let forwarded = app
        .api(&organizer.token)
        .post(&format!("/contact-requests/{id}/forward"))
        .json(&json!({ "is_minor": is_minor, "way": "link" }));
    let url = json_of(forwarded, 200).await["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = url.strip_prefix(&app.state.config.public_url()).unwrap();
    assert_eq!(path.len(), "/consent/".len() + 64);
    path.to_owned()
}

fn own(app: &TestApp, scout: &Account, id: i64) -> RequestBuilder {
    app.api(&scout.token)
        .get(&format!("/scouting/requests/{id}"))
}

fn location(response: &Response) -> String {
    response.headers()["location"].to_str().unwrap().to_owned()
}

/// Accepts as a guardian; the path of the link by which that is taken back.
async fn accept(app: &TestApp, link: &str) -> String {
    let form = [
        ("act", "accept"),
        ("declaration", "guardian"),
        ("contact", "Call us: identimark-contact"),
    ];
    let accepted = app.visitor().post(link, &form).await;
    assert_eq!(accepted.status(), 303, "{}", accepted.text().await.unwrap());
    location(&accepted)
}

async fn acts(app: &TestApp) -> Vec<String> {
    let found = app.state.database.read(|connection| {
        audit_log::table
            .filter(
                audit_log::action
                    .like("contact_request.%")
                    .or(audit_log::action.like("identity.%")),
            )
            .order(audit_log::id)
            .select(audit_log::action)
            .load(connection)
            .map_err(DatabaseError::from)
    });
    found.await.unwrap()
}

async fn titles(app: &TestApp, account: &Account) -> Vec<String> {
    let inbox = json_of(app.api(&account.token).get("/inbox"), 200).await;
    let messages = inbox["messages"].as_array().unwrap();
    let title = |message: &Value| message["title"].as_str().unwrap().to_owned();
    messages.iter().map(title).collect()
}

/// Sends what waits into a folder and returns the letters: recipient, subject and text.
async fn send_letters(app: &TestApp, folder: &Path) -> Vec<(String, String, String)> {
    use mailparse::MailHeaderMap as _;
    let config = Config {
        mail_url: format!("file:{}", folder.display()),
        ..Config::default()
    };
    let outbox = Outbox {
        mailer: Mailer::open(&config).unwrap(),
        ..app.state.outbox()
    };
    while outbox.send_due().await.unwrap() > 0 {}
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let raw = std::fs::read(path).unwrap();
            let mail = mailparse::parse_mail(&raw).unwrap();
            let header = |name: &str| mail.headers.get_first_value(name).unwrap();
            let text = mail.get_body().unwrap().replace("\r\n", "\n");
            (header("To"), header("Subject"), text)
        })
        .collect()
}

fn assert_secret(headers: &HeaderMap) {
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["referrer-policy"], "same-origin");
    assert_eq!(headers["x-robots-tag"], "noindex, nofollow");
}

on_both_databases!(
    a_scout_meets_a_driver_who_accepts_and_nobody_else_does,
    |app| async move {
        let School {
            organizer,
            scout,
            driver,
        } = school(&app).await;
        // The scout asks on the driver's page.
        let browser = app.browser_of(&scout).await;
        let address = format!("/talent/{SLUG}/drivers/{driver}/contact");
        let form = browser.page(&address).await;
        for expected in ["guardian_email", "Why you ask", "passes it on"] {
            assert!(form.contains(expected), "{expected}");
        }
        let filled = [
            ("name", "Ada Lovelace"),
            ("organisation", "North Karting"),
            ("message", "Hello."),
            ("reach", "ada@north.example"),
        ];
        let refused = browser.post(&address, &filled).await;
        assert_eq!(refused.status(), 422);
        let page = refused.text().await.unwrap();
        assert!(page.contains("id=\"error-message\"") && page.contains("20 to 1000"));
        assert!(page.contains("North Karting"), "what was typed stays");
        let mut filled = filled;
        filled[2].1 = "We look for juniors for next season.\nMay we meet?";
        let asked = browser.post(&address, &filled).await;
        assert_eq!(asked.status(), 303, "{}", asked.text().await.unwrap());
        let request = location(&asked);
        let page = browser.page(&request).await;
        assert!(page.contains("Waits for the school") && page.contains(&driver));
        assert!(browser.page("/scouting/requests").await.contains(&request));
        let again = browser.page(&address).await;
        assert!(again.contains("You have a request to this driver already"));

        // The organizer reads it and passes it on to the address in the vault, which they never see.
        let console = app.browser_of(&organizer).await;
        let number = request.rsplit('/').next().unwrap();
        let request_of_organizer = format!("/console/contact-requests/{number}");
        assert!(
            console
                .page("/console")
                .await
                .contains("1<span class=\"visually-hidden\"> waiting")
        );
        assert!(
            console
                .page("/console/contact-requests")
                .await
                .contains(&request_of_organizer)
        );
        let page = console.page(&request_of_organizer).await;
        for expected in [
            "Ada Lovelace",
            "May we meet?",
            "addresses of drivers and of guardians",
        ] {
            assert!(page.contains(expected), "{expected}");
        }
        let way = [("is_minor", "true"), ("way", "vault")];
        let forward = format!("{request_of_organizer}/forward");
        let forwarded = console.post(&forward, &way).await;
        assert_eq!(
            forwarded.status(),
            303,
            "{}",
            forwarded.text().await.unwrap()
        );
        assert!(
            browser
                .page(&request)
                .await
                .contains("Waits for the driver")
        );

        // One letter, to the guardian and not to the minor.
        let mail = tempfile::tempdir().unwrap();
        let letters = send_letters(&app, mail.path()).await;
        let to_guardian: Vec<_> = letters
            .iter()
            .filter(|(to, ..)| to.contains(MARK))
            .collect();
        let [(to, subject, text)] = to_guardian[..] else {
            panic!("{letters:?}");
        };
        assert!(to.starts_with("parent"), "{to}");
        assert!(!subject.contains(&driver) && text.contains("Ada Lovelace of North Karting"));
        assert!(!text.contains("because you have an account"));
        let link = text
            .lines()
            .find(|line| line.contains("/consent/"))
            .unwrap();
        let link = link
            .strip_prefix(&app.state.config.public_url())
            .unwrap()
            .to_owned();

        // The guardian reads; reading changes nothing.
        let guardian = app.visitor();
        for _ in 0..3 {
            let opened = guardian.get(&link).await;
            assert_eq!(opened.status(), 200);
            assert_secret(opened.headers());
            let page = opened.text().await.unwrap();
            for expected in [
                "North Karting",
                "May we meet?",
                "<code>email</code>",
                "parent or guardian",
            ] {
                assert!(page.contains(expected), "{expected}");
            }
            assert!(!page.to_lowercase().contains(MARK), "columns, not values");
            let elsewhere = page.matches(&link).count();
            assert_eq!(elsewhere, 1, "the link stands in the form alone");
        }
        // A minor cannot accept alone.
        for declaration in ["driver", ""] {
            let form = [("act", "accept"), ("declaration", declaration)];
            let refused = guardian.post(&link, &form).await;
            assert_eq!(refused.status(), 422);
            let page = refused.text().await.unwrap();
            assert!(page.contains("id=\"error-declaration\""), "{page}");
        }
        assert!(json_of(own(&app, &scout, 1), 200).await["identity"].is_null());
        let withdrawal = accept(&app, &link).await;
        assert_ne!(withdrawal, link);
        let kept = guardian.get(&withdrawal).await;
        assert_secret(kept.headers());
        let kept = kept.text().await.unwrap();
        assert!(kept.contains("They have not looked yet") && kept.contains(&withdrawal));
        assert_eq!(guardian.get(&link).await.status(), 404, "a link works once");

        // Now, and only to this scout, the vault opens.
        let opened = browser.get(&request).await;
        assert_eq!(opened.headers()["cache-control"], "no-store");
        let page = opened.text().await.unwrap();
        assert!(page.contains("Identimark Driver") && page.contains("identimark-contact"));
        assert!(page.contains("A parent or guardian accepted"));
        let answer = own(&app, &scout, 1).send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let answer: Value = answer.json().await.unwrap();
        let identity: BTreeMap<String, String> =
            serde_json::from_value(answer["identity"].clone()).unwrap();
        assert_eq!(
            identity.keys().collect::<Vec<_>>(),
            ["driver", "email", "guardian_email"]
        );
        assert_eq!(
            &identity["guardian_email"], to,
            "it is the driver who was asked"
        );
        assert_eq!(answer["contact"], "Call us: identimark-contact");
        assert!(guardian.page(&withdrawal).await.contains("looked 2 times"));

        // It is taken back, by the link that came by letter too.
        let letters = send_letters(&app, mail.path()).await;
        assert!(
            letters
                .iter()
                .any(|(to, _, text)| to.contains(MARK) && text.contains(&withdrawal))
        );
        let withdrawn = guardian.post(&withdrawal, &[("act", "withdraw")]).await;
        assert_eq!(withdrawn.status(), 200);
        assert_secret(withdrawn.headers());
        assert_eq!(guardian.get(&withdrawal).await.status(), 404);
        let page = browser.page(&request).await;
        assert!(page.contains("The consent was taken back"));
        assert!(!page.to_lowercase().contains(MARK));
        let answer = json_of(own(&app, &scout, 1), 200).await;
        assert_eq!(answer["state"], "withdrawn");
        assert!(answer["identity"].is_null() && answer["contact"].is_null());

        // Every step was written down and told.
        assert_eq!(
            acts(&app).await,
            [
                "contact_request.ask",
                "contact_request.forward",
                "contact_request.accept",
                "identity.unlock",
                "identity.unlock",
                "contact_request.withdraw"
            ]
        );
        assert_eq!(
            titles(&app, &scout).await,
            [
                format!("{driver} took the consent back"),
                format!("Your request to meet {driver} was accepted"),
                format!("{driver} was asked"),
                format!("You asked to meet {driver}"),
            ]
        );
        assert_eq!(titles(&app, &organizer).await.len(), 4);
        let log = console
            .page(&format!("/console/challenges/{SLUG}/log"))
            .await;
        assert!(log.contains("looked at the identity of contact request 1"));
        // The scout cannot ask again at once.
        let fault = json_of(
            app.api(&scout.token)
                .post("/scouting/requests")
                .json(&introduction(&driver)),
            409,
        )
        .await;
        assert_eq!(fault["type"], "asked_before");
        app.advance(TimeDelta::days(181));
        ask(&app, &scout, &driver).await;
    }
);

/// Who is hunting: in a browser and as a program.
struct Hunter {
    name: String,
    browser: Browser,
    token: Option<String>,
}

async fn hunters(app: &TestApp, school: &School) -> Vec<Hunter> {
    let mut hunters = vec![Hunter {
        name: "a visitor".into(),
        browser: app.visitor(),
        token: None,
    }];
    let mut accounts = vec![
        ("the scout", school.scout.clone()),
        ("the organizer", school.organizer.clone()),
    ];
    for (name, role) in [
        ("an expert", Role::Expert),
        ("another scout", Role::Scout),
        ("another organizer", Role::Organizer),
        ("an admin", Role::Admin),
    ] {
        accounts.push((name, app.account(role).await));
    }
    for (name, account) in accounts {
        hunters.push(Hunter {
            name: name.into(),
            browser: app.browser_of(&account).await,
            token: None,
        });
        hunters.push(Hunter {
            name: format!("{name}'s program"),
            browser: app.visitor(),
            token: Some(account.token.clone()),
        });
    }
    hunters.push(Hunter {
        name: "a worker".into(),
        browser: app.visitor(),
        token: Some(app.worker_token("north").await),
    });
    hunters
}

/// Where, of all that can be read by a `GET`, the mark stands: hunter and pattern. Every address is filled
/// with what is there.
async fn sightings(hunters: &[Hunter], school: &School, key: &str) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    let owner = school.organizer.user.username.as_str();
    for hunter in hunters {
        // Browsers read pages, programs the API, and a visitor tries all of it.
        let walked = |pattern: &str| match &hunter.token {
            Some(_) => pattern.starts_with("/api/"),
            None => hunter.name == "a visitor" || !pattern.starts_with("/api/"),
        };
        let rules = RULES.iter().filter(|rule| rule.method == "GET");
        for rule in rules.filter(|rule| walked(rule.pattern)) {
            let files: &[&str] = match rule.pattern.contains("{path:.*}") {
                true => &["data.csv", "data.parquet", "README.md"],
                false => &[""],
            };
            for file in files {
                let path = [
                    ("{slug}", SLUG),
                    ("{driver}", &school.driver),
                    ("{id}", "1"),
                    ("{run}", "1"),
                    ("{key}", key),
                    ("{kind}", "python"),
                    ("{format}", "csv"),
                    ("{username}", owner),
                    ("{namespace}", owner),
                    ("{name}", SLUG),
                    ("{revision}", "main"),
                    ("{path:.*}", file),
                    ("{file:.*}", "paddock.css"),
                ]
                .iter()
                .fold(rule.pattern.to_owned(), |path, (name, value)| {
                    path.replace(name, value)
                });
                let url = format!("{}{path}", hunter.browser.address);
                let mut request = hunter.browser.client.get(url);
                if let Some(token) = &hunter.token {
                    request = request.bearer_auth(token);
                }
                let answer = request.send().await.unwrap();
                assert!(answer.status().as_u16() < 500, "{path} as {}", hunter.name);
                let headers = format!("{:?}", answer.headers()).to_lowercase();
                let body = answer.bytes().await.unwrap();
                let body = String::from_utf8_lossy(&body).to_lowercase();
                if headers.contains(MARK) || body.contains(MARK) {
                    seen.push((hunter.name.clone(), rule.pattern.to_owned()));
                }
            }
        }
    }
    seen
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// All that the database holds, as text.
async fn everything(app: &TestApp) -> String {
    let rows = app.state.database.read(|connection| {
        let DatabaseConnection::Postgres(inner) = connection else {
            return Ok(Vec::new());
        };
        let tables: Vec<Line> = diesel::sql_query(
            "SELECT table_name::text AS line FROM information_schema.tables WHERE table_schema = 'public'",
        )
        .load(inner)?;
        let mut lines = Vec::new();
        for Line { line: table } in tables {
            let all = format!("SELECT entry::text AS line FROM \"{table}\" AS entry");
            lines.extend(diesel::sql_query(all).load::<Line>(inner)?);
        }
        Ok::<_, DatabaseError>(lines)
    });
    let mut all: String = rows
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.line + "\n")
        .collect();
    // SQLite's own files, the journal too; and whatever else lies in the server's folder but its letters.
    for path in walk(&app.state.config.data_dir) {
        all += &String::from_utf8_lossy(&std::fs::read(path).unwrap());
    }
    all
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// What this process logs from the first call on.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct IntoLog;

impl std::io::Write for IntoLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn listen_to_the_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(|| IntoLog)
            .init();
    });
}

fn logged() -> String {
    String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned()
}

on_both_databases!(
    no_route_and_no_byte_tells_an_identity_to_anybody_but_the_scout_who_may,
    |app| async move {
        listen_to_the_log();
        let school = school(&app).await;
        let hunters = hunters(&app, &school).await;
        let nothing: [(String, String); 0] = [];
        let id = ask(&app, &school.scout, &school.driver).await;
        assert_eq!(id, 1);
        let by_letter = app
            .api(&school.organizer.token)
            .post("/contact-requests/1/forward")
            .json(&json!({ "way": "vault" }));
        assert!(json_of(by_letter, 200).await["url"].is_null());
        let to_address = app
            .api(&school.organizer.token)
            .post("/contact-requests/1/forward")
            .json(&json!({ "way": "address", "address": "identimark-typed@example.org" }));
        json_of(to_address, 200).await;
        // Letters and address wait, and neither tells whom they are for.
        let waiting = everything(&app).await;
        assert!(!waiting.to_lowercase().contains(MARK));
        let link = forward(&app, &school.organizer, id, true).await;
        let key = link.trim_start_matches("/consent/");
        assert_eq!(sightings(&hunters, &school, key).await, nothing);

        let withdrawal = accept(&app, &link).await;
        let withdrawal_key = withdrawal.trim_start_matches("/consent/");
        let expected = [
            ("the scout", "/scouting/requests/{id}"),
            ("the scout's program", "/api/v1/scouting/requests/{id}"),
        ]
        .map(|(who, pattern)| (who.to_owned(), pattern.to_owned()));
        let mut seen = sightings(&hunters, &school, withdrawal_key).await;
        seen.sort();
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(seen, expected);
        // The keys, and what the driver wrote, are nowhere in the clear either.
        let all = everything(&app).await;
        assert!(
            all.contains("North Karting"),
            "the search sees what is there"
        );
        assert!(!all.contains(key) && !all.contains(withdrawal_key));
        assert!(!all.to_lowercase().contains(MARK));

        let withdrawn = app
            .visitor()
            .post(&withdrawal, &[("act", "withdraw")])
            .await;
        assert_eq!(withdrawn.status(), 200);
        assert_eq!(sightings(&hunters, &school, withdrawal_key).await, nothing);
        // Letters that were sent are forgotten, and nothing of all this was logged.
        let mail = tempfile::tempdir().unwrap();
        let letters = send_letters(&app, mail.path()).await;
        assert!(letters.iter().any(|(to, ..)| to.contains(MARK)));
        let kept: i64 = app
            .state
            .database
            .read(|connection| {
                let sealed = outgoing_mail::table.filter(outgoing_mail::sealed.is_not_null());
                sealed
                    .count()
                    .get_result(connection)
                    .map_err(DatabaseError::from)
            })
            .await
            .unwrap();
        assert_eq!(kept, 0);
        assert!(!everything(&app).await.to_lowercase().contains(MARK));
        let log = logged();
        assert!(log.len() > 1000, "the log is heard");
        let line = log.lines().find(|line| line.to_lowercase().contains(MARK));
        assert_eq!(line, None);
    }
);

on_both_databases!(
    of_a_hundred_decisions_at_once_one_counts,
    |app| async move {
        let school = school(&app).await;
        let id = ask(&app, &school.scout, &school.driver).await;
        let link = forward(&app, &school.organizer, id, false).await;
        let visitor = app.visitor();
        let decide = |number: usize| {
            let form = match number % 2 {
                0 => [("act", "accept"), ("declaration", "driver")],
                _ => [("act", "decline"), ("declaration", "")],
            };
            let (visitor, link) = (&visitor, &link);
            async move { visitor.post(link, &form).await }
        };
        let answers = futures_util::future::join_all((0..100).map(decide)).await;
        let decided = answers
            .iter()
            .filter(|answer| answer.status() != 404)
            .count();
        assert_eq!(decided, 1);
        assert!(
            answers
                .iter()
                .all(|answer| [200, 303, 404].contains(&answer.status().as_u16()))
        );
        assert_eq!(
            acts(&app).await.len(),
            3,
            "asked, passed on, and one decision"
        );
    }
);

on_both_databases!(
    a_link_that_opens_nothing_looks_the_same_whatever_the_reason,
    |app| async move {
        let School {
            organizer,
            scout,
            driver,
        } = school(&app).await;
        let id = ask(&app, &scout, &driver).await;
        let voided = forward(&app, &organizer, id, true).await;
        let used = forward(&app, &organizer, id, true).await;
        let visitor = app.visitor();
        assert_eq!(visitor.get(&used).await.status(), 200);
        assert_eq!(
            visitor.post(&used, &[("act", "decline")]).await.status(),
            200
        );
        let other = app.account(Role::Scout).await;
        let id = ask(&app, &other, &driver).await;
        let expired = forward(&app, &organizer, id, true).await;
        assert_eq!(visitor.get(&expired).await.status(), 200);
        app.advance(TimeDelta::days(14));

        let mut pages = Vec::new();
        let unknown = format!("/consent/{}", "a".repeat(64));
        for link in [
            &voided,
            &used,
            &expired,
            &unknown,
            "/consent/x",
            "/consent/%00%27--",
        ] {
            for form in [None, Some("accept"), Some("decline"), Some("withdraw")] {
                let answer = match form {
                    None => visitor.get(link).await,
                    Some(act) => {
                        visitor
                            .post(link, &[("act", act), ("declaration", "guardian")])
                            .await
                    }
                };
                assert_eq!(answer.status(), 404, "{link} {form:?}");
                assert_secret(answer.headers());
                pages.push(answer.text().await.unwrap());
            }
        }
        assert!(pages[0].contains("opens nothing") && !pages[0].contains("North Karting"));
        assert!(
            pages.iter().all(|page| *page == pages[0]),
            "one answer for all of them"
        );

        // For everybody it has expired at that second; then it is written down, once.
        assert_eq!(
            json_of(own(&app, &other, id), 200).await["state"],
            "expired"
        );
        let now = app.clock.now();
        for ended in [1, 0] {
            let expire = move |connection: &mut DatabaseConnection| expiry::expire(connection, now);
            assert_eq!(app.state.database.write(expire).await.unwrap(), ended);
        }
        assert!(titles(&app, &other).await[0].ends_with("expired"));
        ask(&app, &other, &driver).await;
    }
);

on_both_databases!(
    a_school_answers_for_its_own_drivers_and_nobody_else_does,
    |app| async move {
        let School {
            organizer,
            scout,
            driver,
        } = school(&app).await;
        let admin = app.account(Role::Admin).await;
        let rival = app.account(Role::Organizer).await;
        // Whoever owns the data knows the drivers; a rival who posts a challenge on it does not get to
        // forward for its drivers.
        let fault = app
            .api(&organizer.token)
            .post("/scouting/requests")
            .json(&introduction(&driver));
        assert_eq!(json_of(fault, 403).await["type"], "own_dataset");
        let all = pseudonyms(&app).await;
        post_board(&app, &rival, ("rival", SLUG), &all).await;
        let mut by_rival = introduction(&driver);
        by_rival["challenge"] = json!("rival");
        let asked = app
            .api(&scout.token)
            .post("/scouting/requests")
            .json(&by_rival);
        let id = json_of(asked, 201).await["id"].as_i64().unwrap();
        let other = app.account(Role::Scout).await;
        for account in [&admin, &rival] {
            let api = app.api(&account.token);
            json_of(api.get(&format!("/contact-requests/{id}")), 404).await;
            let list = json_of(api.get("/contact-requests"), 200).await;
            assert_eq!(
                (&list["waiting"], &list["requests"]),
                (&json!(0), &json!([]))
            );
            let forward = api.post(&format!("/contact-requests/{id}/forward"));
            json_of(forward.json(&json!({ "way": "link" })), 404).await;
            let refuse = api.post(&format!("/contact-requests/{id}/refuse"));
            json_of(
                refuse.json(&json!({ "reason": "I would rather not." })),
                404,
            )
            .await;
        }
        for account in [&admin, &rival, &other, &organizer] {
            json_of(own(&app, account, id), 404).await;
            let cancel = format!("/scouting/requests/{id}/cancel");
            json_of(app.api(&account.token).post(&cancel), 404).await;
        }
        let api = app.api(&organizer.token);
        let seen = json_of(api.get(&format!("/contact-requests/{id}")), 200).await;
        assert_eq!(
            (&seen["driver"], &seen["state"]),
            (&json!(driver), &json!("asked"))
        );
        let short = api
            .post(&format!("/contact-requests/{id}/refuse"))
            .json(&json!({ "reason": "No." }));
        assert_eq!(json_of(short, 422).await["field"], "reason");
        let wrong = json!({ "way": "address", "address": "nobody" });
        let wrong = api
            .post(&format!("/contact-requests/{id}/forward"))
            .json(&wrong);
        assert_eq!(json_of(wrong, 422).await["field"], "address");
        let link = forward(&app, &organizer, id, true).await;
        // Refusing takes the link back; the reason is the scout's to read.
        let reason = json!({ "reason": "The season is over for us." });
        json_of(
            api.post(&format!("/contact-requests/{id}/refuse"))
                .json(&reason),
            204,
        )
        .await;
        assert_eq!(app.visitor().get(&link).await.status(), 404);
        let refused = json_of(own(&app, &scout, id), 200).await;
        assert_eq!(refused["reason"], "The season is over for us.");
        let fault = json_of(
            api.post(&format!("/contact-requests/{id}/refuse"))
                .json(&reason),
            409,
        )
        .await;
        assert_eq!(fault["type"], "not_now");

        // A scout takes a request back, and the organizer a consent for a driver who lost the link.
        let id = ask(&app, &other, &driver).await;
        let link = forward(&app, &organizer, id, true).await;
        json_of(
            app.api(&other.token)
                .post(&format!("/scouting/requests/{id}/cancel")),
            204,
        )
        .await;
        assert_eq!(app.visitor().get(&link).await.status(), 404);
        let id = ask(&app, &other, &driver).await;
        let link = forward(&app, &organizer, id, true).await;
        let withdrawal = accept(&app, &link).await;
        assert!(!json_of(own(&app, &other, id), 200).await["identity"].is_null());
        json_of(
            app.api(&other.token)
                .post(&format!("/scouting/requests/{id}/cancel")),
            409,
        )
        .await;
        json_of(api.post(&format!("/contact-requests/{id}/withdraw")), 204).await;
        assert!(json_of(own(&app, &other, id), 200).await["identity"].is_null());
        assert_eq!(app.visitor().get(&withdrawal).await.status(), 404);
    }
);

on_both_databases!(who_cannot_be_asked_is_said_at_once, |app| async move {
    let School {
        organizer,
        scout,
        driver,
    } = school(&app).await;
    // No such driver, no such board: one answer.
    for (slug, name) in [(SLUG, "D-NOBODY"), ("none", driver.as_str())] {
        let mut asked = introduction(name);
        asked["challenge"] = json!(slug);
        let request = app
            .api(&scout.token)
            .post("/scouting/requests")
            .json(&asked);
        assert_eq!(json_of(request, 404).await["type"], "not_found");
        let browser = app.browser_of(&scout).await;
        let form = browser
            .get(&format!("/talent/{slug}/drivers/{name}/contact"))
            .await;
        assert_eq!(form.status(), 404);
    }
    // Twenty at once, and no more.
    let drivers = pseudonyms(&app).await;
    for driver in &drivers[..20] {
        ask(&app, &scout, driver).await;
    }
    let more = app
        .api(&scout.token)
        .post("/scouting/requests")
        .json(&introduction(&drivers[20]));
    assert_eq!(json_of(more, 409).await["type"], "too_many_waiting");
    let twice = app
        .api(&scout.token)
        .post("/scouting/requests")
        .json(&introduction(&drivers[0]));
    assert_eq!(json_of(twice, 409).await["type"], "already_asked");
    json_of(
        app.api(&scout.token).post("/scouting/requests/1/cancel"),
        204,
    )
    .await;
    let more = app
        .api(&scout.token)
        .post("/scouting/requests")
        .json(&introduction(&drivers[20]));
    assert_eq!(json_of(more, 429).await["type"], "too_many_requests");
    let pages = json_of(
        app.api(&scout.token).get("/scouting/requests?limit=15"),
        200,
    )
    .await;
    assert_eq!(pages["requests"].as_array().unwrap().len(), 15);
    let next = pages["next"].as_str().unwrap();
    let rest = app
        .api(&scout.token)
        .get(&format!("/scouting/requests?limit=15&after={next}"));
    assert_eq!(
        json_of(rest, 200).await["requests"]
            .as_array()
            .unwrap()
            .len(),
        5
    );

    // Where identities were destroyed nobody can be asked, and the page says so.
    publish(&app, &organizer, "destroyed", Identities::Destroyed).await;
    post_board(&app, &organizer, ("destroyed", "destroyed"), &drivers).await;
    let mut asked = introduction(&driver);
    asked["challenge"] = json!("destroyed");
    let other = app.account(Role::Scout).await;
    let request = app
        .api(&other.token)
        .post("/scouting/requests")
        .json(&asked);
    assert_eq!(json_of(request, 409).await["type"], "identities_destroyed");
    let browser = app.browser_of(&other).await;
    let contact = format!("/talent/destroyed/drivers/{driver}/contact");
    let page = browser.page(&contact).await;
    assert!(page.contains("were destroyed") && !page.contains("<textarea"));
});

on_both_databases!(a_hundred_requests_at_once_are_one, |app| async move {
    let school = school(&app).await;
    let api = app.api(&school.scout.token);
    let body = introduction(&school.driver);
    let asks = (0..100).map(|_| api.post("/scouting/requests").json(&body).send());
    let answers = futures_util::future::join_all(asks).await;
    let statuses: Vec<u16> = answers
        .into_iter()
        .map(|answer| answer.unwrap().status().as_u16())
        .collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 99);
    let kept: i64 = app
        .state
        .database
        .read(|connection| {
            let all = contact_requests::table.count();
            all.get_result(connection).map_err(DatabaseError::from)
        })
        .await
        .unwrap();
    assert_eq!(kept, 1);
});

/// The places in the code that know the table of sealed identities, or open what is sealed in it.
#[test]
fn one_file_opens_identities() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut knowing = Vec::new();
    let mut opening = Vec::new();
    for path in walk(&source) {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let name = path.strip_prefix(&source).unwrap().display().to_string();
        if text.contains("sealed_identities") {
            knowing.push(name.clone());
        }
        if text.contains("vault_place(") {
            opening.push(name);
        }
    }
    knowing.sort();
    opening.sort();
    assert_eq!(
        knowing,
        [
            "datasets/publish.rs",
            "platform/schema.rs",
            "talent/consent/storage.rs"
        ]
    );
    assert_eq!(opening, ["datasets/publish.rs", "talent/consent/unlock.rs"]);
}

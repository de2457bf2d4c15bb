//! Coached drivers: from the organizer's form over the timing loop to the page that driver and coach see, live.

use std::time::Duration;

use chrono::TimeDelta;
use paddock::accounts::users::Role;
use paddock::platform::schema::{audit_log, coached_drivers};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::app::{Account, TestApp};
use crate::on_both_databases;

/// A request below `/api/v1/coached-drivers`, whatever comes of it.
async fn call(app: &TestApp, token: &str, method: Method, path: &str, body: Value) -> Response {
    let url = format!("{}/api/v1/coached-drivers{path}", app.address);
    let mut request = reqwest::Client::new()
        .request(method, url)
        .bearer_auth(token);
    if !body.is_null() {
        request = request.json(&body);
    }
    request.send().await.unwrap()
}

/// What comes of a request that must succeed.
async fn done(app: &TestApp, who: &Account, method: Method, path: &str, body: Value) -> Value {
    let response = call(app, &who.token, method, path, body).await;
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// The status and the problem of a request that must fail.
async fn refused(
    app: &TestApp,
    who: &Account,
    method: Method,
    path: &str,
    body: Value,
) -> (u16, Value) {
    let response = call(app, &who.token, method, path, body).await;
    let status = response.status();
    assert!(status.is_client_error(), "{path}: {status}");
    (status.as_u16(), response.json().await.unwrap())
}

/// A driver of 60 kg more or less, whose session takes laps.
struct Driver {
    id: i64,
    session: i64,
}

impl Driver {
    async fn add(app: &TestApp, owner: &Account, label: &str, weight: f64) -> Self {
        let form = json!({
            "label": label, "class": "Junior", "weight_kg": weight, "height_cm": 170,
            "birth_year": 2011,
        });
        let added = done(app, owner, Method::POST, "", form).await;
        let id = added["id"].as_i64().unwrap();
        let session = begin(app, owner, id, "Training").await;
        Self { id, session }
    }

    fn laps(&self) -> String {
        format!("/{}/sessions/{}/laps", self.id, self.session)
    }

    /// The path of a new link, as in `/driving/KEY`.
    async fn link(&self, app: &TestApp, owner: &Account) -> String {
        let path = format!("/{}/link", self.id);
        let made = done(app, owner, Method::POST, &path, Value::Null).await;
        let url = made["url"].as_str().unwrap();
        url.strip_prefix(&app.address).unwrap().to_owned()
    }
}

async fn begin(app: &TestApp, owner: &Account, driver: i64, name: &str) -> i64 {
    let form = json!({ "track": "Adlerring", "name": name });
    let path = format!("/{driver}/sessions");
    let begun = done(app, owner, Method::POST, &path, form).await;
    begun["id"].as_i64().unwrap()
}

/// A lap of about 50 s; `slower` milliseconds are lost in sector 2.
fn lap(number: u32, slower: u32) -> Value {
    let wobble = number * 7 % 11 * 10;
    let sectors = [15_000 + wobble, 17_000 + slower, 18_000];
    json!({
        "number": number,
        "milliseconds": sectors.iter().sum::<u32>(),
        "sectors": sectors,
    })
}

fn stint(laps: std::ops::RangeInclusive<u32>, slower: u32) -> Value {
    laps.map(|number| lap(number, slower)).collect()
}

/// The text of a page that must be there.
async fn page(app: &TestApp, path: &str) -> String {
    app.visitor().page(path).await
}

on_both_databases!(
    an_organizer_gives_a_link_and_driver_and_coach_see_what_is_driven,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let driver = Driver::add(&app, &organizer, "Kart 7", 60.0).await;
        let link = driver.link(&app, &organizer).await;

        let empty = page(&app, &link).await;
        assert!(empty.contains("No laps yet"), "{empty}");
        assert!(empty.contains("noindex"));

        let thin = stint(1..=6, 0);
        let sent = done(&app, &organizer, Method::POST, &driver.laps(), thin).await;
        assert_eq!(sent, json!({ "added": 6, "unchanged": 0 }));
        let thin = page(&app, &link).await;
        assert!(thin.contains("there are 5: 5 more"), "{thin}");

        let more: Value = (7..=20)
            .map(|number| lap(number, if number % 4 == 0 { 0 } else { 400 }))
            .collect();
        done(&app, &organizer, Method::POST, &driver.laps(), more).await;
        let full = page(&app, &link).await;
        assert!(full.contains("Kart 7") && full.contains("Adlerring"));
        assert!(full.contains("Sector 2 <span class=\"worth\">0.40 s a lap"));
        assert!(full.contains("theoretical best"));
        assert!(full.contains("There is no comparison"), "nobody else drove");
        assert!(
            !full.contains(&link["/driving/".len()..]),
            "the key is not in the page"
        );

        // Nothing of it may be kept or handed on.
        let response = app.get(&link).send().await.unwrap();
        for (name, value) in [
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("x-robots-tag", "noindex, nofollow"),
        ] {
            assert_eq!(response.headers()[name], value);
        }
        let robots = app.get("/robots.txt").send().await.unwrap();
        assert!(
            robots
                .text()
                .await
                .unwrap()
                .contains("Disallow: /driving\n")
        );

        // An older session stays to be looked at; another driver's does not.
        let second = begin(&app, &organizer, driver.id, "Race").await;
        assert!(page(&app, &link).await.contains(">Race</h2>"));
        let first = page(&app, &format!("{link}?session={}", driver.session)).await;
        assert!(first.contains(">Training</h2>"));
        let stranger = Driver::add(&app, &organizer, "Kart 8", 61.0).await;
        let others = format!("{link}?session={}", stranger.session);
        assert_eq!(app.get(&others).send().await.unwrap().status(), 404);
        assert!(second < stranger.session);
    }
);

on_both_databases!(
    a_link_is_kept_as_a_hash_and_opens_until_it_is_renewed_taken_back_or_over,
    |app| async move {
        use diesel::prelude::*;
        let organizer = app.account(Role::Organizer).await;
        let driver = Driver::add(&app, &organizer, "7", 60.0).await;
        let link = driver.link(&app, &organizer).await;
        let key = link["/driving/".len()..].to_owned();
        assert_eq!(key.len(), 43, "256 bits");
        let (hash, log): (Option<String>, Vec<(String, String)>) = app
            .state
            .database
            .read(|connection| {
                let hash = coached_drivers::table
                    .select(coached_drivers::link_hash)
                    .first(connection)?;
                let log = audit_log::table
                    .filter(audit_log::action.like("coached_driver.%"))
                    .select((audit_log::action, audit_log::detail))
                    .load(connection)?;
                Ok::<_, paddock::platform::database::DatabaseError>((hash, log))
            })
            .await
            .unwrap();
        assert!(!hash.unwrap().contains(&key));
        assert_eq!(
            log,
            [("coached_driver.make_link".to_owned(), String::new())]
        );

        let status = |path: String| {
            let request = app.get(&path).send();
            async move { request.await.unwrap().status().as_u16() }
        };
        assert_eq!(status(link.clone()).await, 200);
        let renewed = driver.link(&app, &organizer).await;
        assert_eq!(status(link.clone()).await, 404, "the old one is dead");
        assert_eq!(status(renewed.clone()).await, 200);
        let path = format!("/{}/link", driver.id);
        done(&app, &organizer, Method::DELETE, &path, Value::Null).await;
        assert_eq!(status(renewed.clone()).await, 404);
        assert_eq!(status(format!("{renewed}/live")).await, 404);

        let last = driver.link(&app, &organizer).await;
        app.advance(TimeDelta::days(364));
        assert_eq!(status(last.clone()).await, 200);
        app.advance(TimeDelta::days(2));
        assert_eq!(status(last.clone()).await, 404);

        // Over, taken back, never there: one page.
        let unknown = "/driving/".to_owned() + &"x".repeat(43);
        let mut told = Vec::new();
        for path in [last, renewed, link, unknown] {
            let response = app.get(&path).send().await.unwrap();
            assert_eq!(response.headers()["referrer-policy"], "same-origin");
            let text = response.text().await.unwrap();
            told.push(text.replace(&path, ""));
        }
        assert!(told.iter().all(|page| *page == told[0]));
        assert!(told[0].contains("This link opens nothing"));
    }
);

on_both_databases!(
    another_organizer_sees_nothing_of_a_driver_and_sends_nothing_to_it,
    |app| async move {
        let owner = app.account(Role::Organizer).await;
        let other = app.account(Role::Organizer).await;
        let driver = Driver::add(&app, &owner, "7", 60.0).await;
        let form = json!({ "label": "mine", "class": "Junior" });
        let session = format!("/{}/sessions/{}", driver.id, driver.session);
        let tries = [
            (Method::GET, format!("/{}", driver.id), Value::Null),
            (Method::PUT, format!("/{}", driver.id), form),
            (Method::DELETE, format!("/{}", driver.id), Value::Null),
            (Method::POST, format!("/{}/link", driver.id), Value::Null),
            (Method::DELETE, format!("/{}/link", driver.id), Value::Null),
            (Method::GET, format!("/{}/sessions", driver.id), Value::Null),
            (
                Method::POST,
                format!("/{}/sessions", driver.id),
                json!({ "track": "Adlerring" }),
            ),
            (Method::POST, driver.laps(), lap(1, 0)),
            (Method::POST, format!("{session}/end"), Value::Null),
            (Method::DELETE, session, Value::Null),
        ];
        for (method, path, body) in tries {
            let told = format!("{method} {path}");
            let (status, _) = refused(&app, &other, method, &path, body).await;
            assert_eq!(status, 404, "{told}");
        }
        let listed = done(&app, &other, Method::GET, "", Value::Null).await;
        assert_eq!(listed["items"], json!([]));
        let browser = app.browser_of(&other).await;
        let page = browser
            .get(&format!("/console/drivers/{}", driver.id))
            .await;
        assert_eq!(page.status(), 404);
        // A session of one driver is not reached through another one.
        let second = Driver::add(&app, &owner, "8", 60.0).await;
        let crossed = format!("/{}/sessions/{}/laps", second.id, driver.session);
        let (status, _) = refused(&app, &owner, Method::POST, &crossed, lap(1, 0)).await;
        assert_eq!(status, 404);
        let known = done(&app, &owner, Method::GET, "", Value::Null).await;
        assert_eq!(known["items"][0]["label"], "8");
        assert_eq!(known["items"][1]["link_expires_at"], Value::Null);
    }
);

on_both_databases!(
    laps_that_are_sent_again_change_nothing_and_other_laps_are_refused,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let driver = Driver::add(&app, &organizer, "7", 60.0).await;
        let laps = driver.laps();
        let send = |body: Value| done(&app, &organizer, Method::POST, &laps, body);
        assert_eq!(send(lap(1, 0)).await, json!({ "added": 1, "unchanged": 0 }));
        assert_eq!(send(lap(1, 0)).await, json!({ "added": 0, "unchanged": 1 }));
        assert_eq!(
            send(stint(1..=3, 0)).await,
            json!({ "added": 2, "unchanged": 1 })
        );
        let other = json!([lap(4, 0), lap(2, 500)]);
        let (status, problem) = refused(&app, &organizer, Method::POST, &laps, other).await;
        assert_eq!((status, &problem["type"]), (409, &json!("other_lap")));
        assert!(problem["detail"].as_str().unwrap().contains("Lap 2"));
        assert_eq!(
            send(lap(4, 0)).await["added"],
            1,
            "nothing of the refused ones was kept"
        );
        let end = format!("/{}/sessions/{}/end", driver.id, driver.session);
        let ended = done(&app, &organizer, Method::POST, &end, Value::Null).await;
        assert_eq!(ended["laps"], 4);
        let again = done(&app, &organizer, Method::POST, &end, Value::Null).await;
        assert_eq!(again["ended_at"], ended["ended_at"]);
        let late = refused(&app, &organizer, Method::POST, &laps, lap(5, 0)).await;
        assert_eq!((late.0, &late.1["type"]), (409, &json!("session_over")));
        assert_eq!(send(lap(4, 0)).await["unchanged"], 1, "that one is known");
    }
);

on_both_databases!(what_cannot_be_names_its_field, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    let driver = Driver::add(&app, &organizer, "7", 60.0).await;
    let mut long = lap(2, 0);
    long["sectors"] = json!([15_000, 17_000]);
    let many: Value = (1..=501).map(|number| lap(number, 0)).collect();
    let one =
        |number: u32, milliseconds: u32| json!({ "number": number, "milliseconds": milliseconds });
    let sectors = json!({ "number": 1, "milliseconds": 50_000, "sectors": vec![2_000; 25] });
    let zero = json!({ "number": 1, "milliseconds": 50_000, "sectors": [0, 50_000] });
    for (body, field) in [
        (one(0, 50_000), json!("number")),
        (one(2_001, 50_000), json!("number")),
        (one(1, 4_999), json!("milliseconds")),
        (one(1, 1_200_001), json!("milliseconds")),
        (json!([lap(1, 0), one(2, 1)]), json!("[1].milliseconds")),
        (long, json!("sectors")),
        (sectors, json!("sectors")),
        (zero, json!("sectors")),
        (many, json!("laps")),
        (json!([]), json!("laps")),
    ] {
        let told = format!("{body:.80}");
        let (status, problem) = refused(&app, &organizer, Method::POST, &driver.laps(), body).await;
        assert_eq!(
            (status, &problem["field"]),
            (422, &field),
            "{told} {problem}"
        );
    }
    for body in [
        json!({ "number": 1 }),
        json!({ "number": -1, "milliseconds": 50_000 }),
        json!({ "number": 1, "milliseconds": 50_000, "driver": "Anna" }),
        json!("lap"),
    ] {
        let (status, problem) = refused(&app, &organizer, Method::POST, &driver.laps(), body).await;
        assert_eq!(status, 422, "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains("line 1"),
            "{problem}"
        );
    }
    let form = |field: &str, value: Value| {
        let mut form = json!({ "label": "9", "class": "Junior" });
        form[field] = value;
        form
    };
    for (field, value) in [
        ("label", json!("")),
        ("label", json!("a\nb")),
        ("class", json!("x".repeat(41))),
        ("weight_kg", json!(600)),
        ("height_cm", json!(17)),
        ("birth_year", json!(2030)),
    ] {
        let body = form(field, value);
        let (status, problem) = refused(&app, &organizer, Method::POST, "", body).await;
        assert_eq!(
            (status, &problem["field"]),
            (422, &json!(field)),
            "{problem}"
        );
    }
    let taken = json!({ "label": "7", "class": "Junior" });
    let (status, problem) = refused(&app, &organizer, Method::POST, "", taken).await;
    assert_eq!((status, &problem["field"]), (409, &json!("label")));
    let sessions = format!("/{}/sessions", driver.id);
    for (field, body) in [
        ("track", json!({ "track": " " })),
        (
            "started_at",
            json!({ "track": "Adlerring", "started_at": "2090-01-01T00:00:00Z" }),
        ),
    ] {
        let (status, problem) = refused(&app, &organizer, Method::POST, &sessions, body).await;
        assert_eq!(
            (status, &problem["field"]),
            (422, &json!(field)),
            "{problem}"
        );
    }
});

on_both_databases!(
    a_group_of_five_others_is_compared_with_and_one_below_is_not,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let slow = Driver::add(&app, &organizer, "slow", 60.0).await;
        done(
            &app,
            &organizer,
            Method::POST,
            &slow.laps(),
            stint(1..=20, 500),
        )
        .await;
        let link = slow.link(&app, &organizer).await;
        for other in 0..5 {
            let none = page(&app, &link).await;
            assert!(none.contains("fewer than five others"), "{other} others");
            let label = format!("secret-{other}");
            let fast = Driver::add(&app, &organizer, &label, 58.0 + f64::from(other)).await;
            let laps = stint(1..=20, 10 * other);
            done(&app, &organizer, Method::POST, &fast.laps(), laps).await;
        }
        // Of another organizer, though alike in all.
        let elsewhere = app.account(Role::Organizer).await;
        let alike = Driver::add(&app, &elsewhere, "elsewhere", 60.0).await;
        let laps = stint(1..=20, 0);
        done(&app, &elsewhere, Method::POST, &alike.laps(), laps).await;

        let compared = page(&app, &link).await;
        assert!(compared.contains("5 others of your class"), "{compared}");
        assert!(compared.contains("within 5 kg, 7 cm and 2 years"));
        assert!(compared.contains("The fast quarter of drivers of similar physique"));
        let plan = compared.find("class=\"plan\"").unwrap();
        assert!(compared[plan..].contains("<h3>Sector 2"), "{compared}");
        assert!(!compared.contains("secret") && !compared.contains("elsewhere"));
        // In the wet nobody else drove.
        let wet = json!({ "track": "Adlerring", "wet": true });
        let path = format!("/{}/sessions", slow.id);
        let session = done(&app, &organizer, Method::POST, &path, wet).await;
        let laps = format!("{path}/{}/laps", session["id"]);
        done(&app, &organizer, Method::POST, &laps, stint(1..=20, 500)).await;
        assert!(page(&app, &link).await.contains("fewer than five others"));
    }
);

/// What a page listens to.
struct Listening {
    response: Response,
    buffer: String,
}

#[derive(Debug, PartialEq)]
struct Event {
    name: String,
    id: String,
    data: String,
}

impl Listening {
    async fn to(app: &TestApp, link: &str, resumed: Option<&str>) -> Self {
        let mut request = app
            .get(&format!("{link}/live"))
            .header("accept-encoding", "gzip, br");
        if let Some(id) = resumed {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let headers = response.headers();
        assert_eq!(headers["content-type"], "text/event-stream");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["content-encoding"], "identity");
        Self {
            response,
            buffer: String::new(),
        }
    }

    /// The next event; none at the end. Comments are skipped.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                if !block.starts_with(':') {
                    return Some(event(&block));
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(30), self.response.chunk())
                .await
                .expect("nothing came in half a minute");
            self.buffer += std::str::from_utf8(&chunk.unwrap()?).unwrap();
        }
    }

    /// The next lap's event id and JSON.
    async fn lap(&mut self) -> (String, Value) {
        loop {
            let event = self.next().await.expect("the stream ended");
            if event.name == "lap" {
                return (event.id, serde_json::from_str(&event.data).unwrap());
            }
        }
    }
}

fn event(block: &str) -> Event {
    let field = |name: &str| {
        let lines = block.lines().filter_map(|line| line.strip_prefix(name));
        lines.collect::<Vec<_>>().join("\n")
    };
    Event {
        name: field("event: "),
        id: field("id: "),
        data: field("data: "),
    }
}

on_both_databases!(
    a_lap_appears_at_once_and_none_is_lost_over_a_break,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let driver = Driver::add(&app, &organizer, "7", 60.0).await;
        let stranger = Driver::add(&app, &organizer, "8", 60.0).await;
        let link = driver.link(&app, &organizer).await;
        let post = async |to: &Driver, body: Value| {
            done(&app, &organizer, Method::POST, &to.laps(), body).await
        };
        post(&driver, lap(1, 0)).await;
        let mut listening = Listening::to(&app, &link, None).await;
        post(&stranger, lap(1, 0)).await;
        post(&driver, lap(2, 0)).await;
        let insights = listening.next().await.unwrap();
        assert_eq!(
            (insights.name.as_str(), insights.id.as_str()),
            ("insights", "")
        );
        assert!(
            insights.data.contains("<th scope=\"row\">2</th>"),
            "{insights:?}"
        );
        let (seen, told) = listening.lap().await;
        assert_eq!(told["number"], 2);
        assert_eq!(told["session"], driver.session);
        let text = told["text"].as_str().unwrap();
        assert!(text.starts_with("Lap 2: 50.030 s"), "{text}");

        // What comes while nobody listens is told afterwards, in order, once.
        drop(listening);
        post(&driver, stint(3..=5, 0)).await;
        let mut resumed = Listening::to(&app, &link, Some(&seen)).await;
        post(&driver, lap(6, 0)).await;
        for number in 3..=6 {
            assert_eq!(resumed.lap().await.1["number"], number);
        }

        // Laps that another web node took are seen as well: nothing woke this one.
        let elsewhere = driver.id;
        let session = driver.session;
        let principal = organizer.principal();
        let now = app.clock.now();
        app.state
            .database
            .write(move |connection| {
                use paddock::talent::coached_drivers::laps;
                use paddock::talent::coaching::session::DrivenLap;
                let lap = DrivenLap {
                    number: 7,
                    milliseconds: 50_000,
                    sectors: Vec::new(),
                    out_lap: false,
                    pit: false,
                };
                laps::add(connection, now, &principal, elsewhere, session, &[lap])
            })
            .await
            .unwrap();
        assert_eq!(resumed.lap().await.1["number"], 7);

        // Who listens is told when the link is taken back, and hears nothing more.
        let path = format!("/{}/link", driver.id);
        done(&app, &organizer, Method::DELETE, &path, Value::Null).await;
        post(&driver, lap(8, 0)).await;
        assert_eq!(resumed.next().await.unwrap().name, "gone");
        assert_eq!(resumed.next().await, None);
    }
);

on_both_databases!(
    a_server_that_stops_lets_its_listeners_go,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let driver = Driver::add(&app, &organizer, "7", 60.0).await;
        let link = driver.link(&app, &organizer).await;
        let mut all = Vec::new();
        for _ in 0..10 {
            all.push(Listening::to(&app, &link, None).await);
        }
        let refused = app.get(&format!("{link}/live")).send().await.unwrap();
        assert_eq!(refused.status(), 503, "one link does not take all places");
        assert_eq!(refused.headers()["retry-after"], "30");
        app.stop();
        for listening in &mut all {
            assert_eq!(listening.next().await, None);
        }
    }
);

on_both_databases!(
    the_console_adds_a_driver_shows_the_link_once_and_deletes_everything,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let browser = app.browser_of(&organizer).await;
        assert!(browser.page("/console").await.contains("/console/drivers"));
        assert!(
            browser
                .page("/console/drivers")
                .await
                .contains("You coach nobody yet")
        );
        let form = [
            ("label", "7"),
            ("class", "Junior"),
            ("weight_kg", "62.5"),
            ("height_cm", "one metre"),
            ("birth_year", ""),
        ];
        let typed = browser.post("/console/drivers", &form).await;
        assert_eq!(typed.status(), 422);
        let typed = typed.text().await.unwrap();
        assert!(typed.contains("Height cm: give a number"), "{typed}");
        assert!(typed.contains("value=\"62.5\""), "what was typed is kept");
        let form = [
            ("label", "7"),
            ("class", "Junior"),
            ("weight_kg", "62.5"),
            ("height_cm", "170"),
            ("birth_year", "2011"),
        ];
        let added = browser.post("/console/drivers", &form).await;
        assert_eq!(added.status(), 303);
        let address = added.headers()["location"].to_str().unwrap().to_owned();
        let id: i64 = address.rsplit('/').next().unwrap().parse().unwrap();
        assert!(browser.page(&address).await.contains("There is no link"));

        let path = format!("{address}/link");
        let made = browser.post(&path, &[("act", "make")]).await;
        let made = made.text().await.unwrap();
        let url = made.split("<code>").nth(1).unwrap();
        let url = url.split("</code>").next().unwrap();
        let link = url.strip_prefix(&app.address).unwrap().to_owned();
        assert_eq!(app.get(&link).send().await.unwrap().status(), 200);
        assert!(!browser.page(&address).await.contains("/driving/"), "once");

        let changed = [("label", "7b"), ("class", "Senior")];
        assert_eq!(browser.post(&address, &changed).await.status(), 303);
        let driver = done(
            &app,
            &organizer,
            Method::GET,
            &format!("/{id}"),
            Value::Null,
        )
        .await;
        assert_eq!(
            (&driver["label"], &driver["weight_kg"]),
            (&json!("7b"), &Value::Null)
        );

        let session = begin(&app, &organizer, id, "Training").await;
        let laps = format!("/{id}/sessions/{session}/laps");
        done(&app, &organizer, Method::POST, &laps, stint(1..=3, 0)).await;
        assert!(browser.page(&address).await.contains("Training"));
        let path = format!("{address}/sessions/{session}/delete");
        assert_eq!(browser.post(&path, &[]).await.status(), 303);
        assert!(page(&app, &link).await.contains("No session yet"));

        begin(&app, &organizer, id, "Again").await;
        let path = format!("{address}/link");
        assert_eq!(
            browser.post(&path, &[("act", "take_back")]).await.status(),
            303
        );
        assert_eq!(app.get(&link).send().await.unwrap().status(), 404);
        let path = format!("{address}/delete");
        assert_eq!(browser.post(&path, &[]).await.status(), 303);
        assert_eq!(browser.get(&address).await.status(), 404);
    }
);

on_both_databases!(
    a_file_of_laps_becomes_a_session_and_one_of_many_drivers_does_not,
    |app| async move {
        use reqwest::multipart::{Form, Part};
        let organizer = app.account(Role::Organizer).await;
        let driver = Driver::add(&app, &organizer, "7", 60.0).await;
        let link = driver.link(&app, &organizer).await;
        let browser = app.browser_of(&organizer).await;
        let address = format!("/console/drivers/{}", driver.id);
        let send = async |table: String, started_at: &'static str| {
            let form = Form::new()
                .text("track", "Birkental")
                .text("name", "From a file")
                .text("started_at", started_at)
                .part("file", Part::text(table).file_name("laps.csv"));
            let path = format!("{address}/recordings");
            browser.post_files(&path, form).await
        };
        let header = "lap,lap_time,sector_1,sector_2\n";
        let laps: String = (1..=12)
            .map(|lap| format!("{lap},50.{lap:03},25.000,25.{lap:03}\n"))
            .collect();
        let added = send(format!("{header}{laps}"), "2026-05-31T18:00").await;
        assert_eq!(added.status(), 303, "{}", added.text().await.unwrap());
        assert!(browser.page(&address).await.contains("Birkental"));
        let newest = page(&app, &link).await;
        assert!(newest.contains(">Training</h2>"), "it began later");
        let id = newest.split("?session=").nth(2).unwrap();
        let id = id.split('"').next().unwrap();
        let shown = page(&app, &format!("{link}?session={id}")).await;
        assert!(
            shown.contains(">From a file</h2>") && shown.contains("of 12 laps"),
            "{shown}"
        );

        let race = "driver,lap,lap_time\na,1,50.1\nb,1,50.2\n".to_owned();
        for (table, started_at, said) in [
            (race, "", "laps of 2 drivers"),
            ("what,is,this\n1,2,3\n".to_owned(), "", "error-file"),
            (
                format!("{header}{laps}"),
                "2090-01-01T00:00",
                "error-started_at",
            ),
        ] {
            let refused = send(table, started_at).await;
            assert_eq!(refused.status(), 422);
            let text = refused.text().await.unwrap();
            assert!(text.contains(said), "{text}");
            assert!(
                text.contains("value=\"Birkental\""),
                "what was typed is kept"
            );
            assert!(
                text.contains("value=\"Junior\""),
                "the other form is as it was"
            );
        }
    }
);

//! What people tell each other, and what the platform tells them: announcements, the inbox, letters,
//! discussions.

use std::path::Path;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use diesel::prelude::*;
use mailparse::{MailHeaderMap as _, ParsedMail};
use paddock::accounts::users::Role;
use paddock::challenges::challenge::{self, ChallengeTexts, Page};
use paddock::challenges::life::{self, PhaseDates, Reschedule};
use paddock::http::fault::Fault;
use paddock::messages::notifications::{Notification, NotificationKind, Recipients, tell};
use paddock::messages::outbox::{MAXIMUM_ATTEMPTS, Outbox};
use paddock::platform::config::Config;
use paddock::platform::database::DatabaseError;
use paddock::platform::mail::Mailer;
use paddock::platform::schema::{audit_log, outgoing_mail, teams};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::{Account, Browser, TestApp};
use crate::on_both_databases;

/// An outbox of this server's letters that sends them another way.
fn outbox(app: &TestApp, mail_url: &str) -> Outbox {
    let config = Config {
        mail_url: mail_url.into(),
        mail_from: "Paddock <letters@paddock.example>".into(),
        ..Config::default()
    };
    Outbox {
        mailer: Mailer::open(&config).unwrap(),
        ..app.state.outbox()
    }
}

async fn send_all(outbox: &Outbox) {
    while outbox.send_due().await.unwrap() > 0 {}
}

/// The letters of a folder: recipient, subject, text and the raw file.
fn letters(folder: &Path) -> Vec<(String, String, String, String)> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            assert_eq!(path.extension().unwrap(), "eml");
            let raw = std::fs::read(path).unwrap();
            let mail: ParsedMail<'_> = mailparse::parse_mail(&raw).unwrap();
            let header = |name: &str| mail.headers.get_first_value(name).unwrap();
            assert_eq!(mail.ctype.mimetype, "text/plain");
            assert_eq!(mail.ctype.charset, "utf-8");
            assert_eq!(header("From"), "Paddock <letters@paddock.example>");
            (
                header("To"),
                header("Subject"),
                mail.get_body().unwrap().replace("\r\n", "\n"),
                String::from_utf8(raw.clone()).unwrap(),
            )
        })
        .collect()
}

async fn inbox(app: &TestApp, account: &Account) -> Value {
    let answer = app.api(&account.token).get("/inbox").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

async fn titles(app: &TestApp, account: &Account) -> Vec<String> {
    inbox(app, account).await["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["title"].as_str().unwrap().to_owned())
        .collect()
}

async fn announce(app: &TestApp, by: &Account, slug: &str, title: &str) -> reqwest::Response {
    app.api(&by.token)
        .post(&format!("/challenges/{slug}/announcements"))
        .json(&json!({ "title": title, "body": "Look at the **kerbs**." }))
        .send()
        .await
        .unwrap()
}

async fn acts(app: &TestApp) -> Vec<String> {
    app.state
        .database
        .read(|connection| {
            Ok::<_, DatabaseError>(
                audit_log::table
                    .order(audit_log::id)
                    .select(audit_log::action)
                    .load(connection)?,
            )
        })
        .await
        .unwrap()
}

/// Organizer, two members and a challenge.
async fn a_challenge(app: &TestApp) -> (Account, Account, Account, String) {
    let organizer = app.account(Role::Organizer).await;
    let (ada, bob) = (
        app.account(Role::Expert).await,
        app.account(Role::Expert).await,
    );
    let slug = app.post_challenge(&organizer, |_| ()).await;
    app.join(&ada, &slug).await;
    app.join(&bob, &slug).await;
    (organizer, ada, bob, slug)
}

on_both_databases!(
    an_announcement_reaches_every_member_as_they_wish,
    |app| async move {
        let (organizer, ada, bob, slug) = a_challenge(&app).await;
        let stranger = app.account(Role::Expert).await;

        // Bob wants no letters of this, and nothing else changed for him.
        let bobs = app.browser_of(&bob).await;
        let page = bobs.page("/account/notifications").await;
        assert!(page.contains("name=\"announcement-email\" value=\"true\" aria-label=\"Announcements of my challenges: by e-mail\" checked"), "{page}");
        assert!(!page.contains("name=\"discussion_reply-email\" value=\"true\" aria-label=\"Answers in topics that I wrote in: by e-mail\" checked"));
        let wishes = [
            ("announcement-site", "true"),
            ("rules_changed-email", "true"),
        ];
        let saved = bobs.post("/account/notifications", &wishes).await;
        assert_eq!(saved.status(), 303);
        let page = bobs.page("/account/notifications").await;
        assert_eq!(page.matches(" checked").count(), 2, "{page}");

        let organizers = app.browser_of(&organizer).await;
        let here = format!("/challenges/{slug}/announcements");
        assert!(organizers.page(&here).await.contains("Announce something"));
        let empty = organizers
            .post(&here, &[("title", " "), ("body", "x")])
            .await;
        assert_eq!(empty.status(), 422);
        assert!(
            empty
                .text()
                .await
                .unwrap()
                .contains("Title: write something")
        );
        let form = [
            ("title", "Größere\r\nBcc: everybody@example.org"),
            (
                "body",
                "New *tyres*.\r\n<script>alert(1)</script>\r\n[x](javascript:alert(1))",
            ),
        ];
        assert_eq!(organizers.post(&here, &form).await.status(), 303);

        // On the page, sanitized, for everybody.
        let page = app.visitor().page(&here).await;
        assert!(page.contains("<em>tyres</em>"), "{page}");
        assert!(!page.contains("alert(1)</script>") && !page.contains("href=\"javascript"));
        assert!(!page.contains("Announce something"));
        let feed = app.visitor().get(&format!("{here}.atom")).await;
        assert_eq!(
            feed.headers()["content-type"],
            "application/atom+xml; charset=utf-8"
        );
        let feed = feed.text().await.unwrap();
        assert!(
            feed.contains("<updated>2026-06-01T12:00:00Z</updated>"),
            "{feed}"
        );
        assert!(feed.contains("#60;em") && !feed.contains("<em>"), "{feed}");

        // In the inbox of the members, and of nobody else.
        let title = "A sample challenge: Größere Bcc: everybody@example.org";
        assert_eq!(titles(&app, &ada).await, [title]);
        assert_eq!(titles(&app, &bob).await, [title]);
        assert!(titles(&app, &organizer).await.is_empty());
        assert!(titles(&app, &stranger).await.is_empty());
        let page = app.browser_of(&ada).await.page("/challenges").await;
        assert!(
            page.contains("1<span class=\"visually-hidden\"> unread"),
            "{page}"
        );

        // By e-mail to Ada alone.
        let folder = tempfile::tempdir().unwrap();
        let outbox = outbox(&app, &format!("file:{}", folder.path().display()));
        send_all(&outbox).await;
        let sent = letters(folder.path());
        assert_eq!(sent.len(), 1, "{sent:?}");
        let (to, subject, text, raw) = &sent[0];
        assert_eq!(to, &format!("{}@paddock.example", ada.user.username));
        assert_eq!(subject, title);
        let site = &app.address;
        assert!(text.starts_with("New *tyres*.\n<script>"), "{text}");
        let link = format!("{site}/challenges/{slug}/announcements#announcement-1");
        assert!(text.contains(&link), "{text}");
        assert!(
            text.contains(&format!("{site}/account/notifications")),
            "{text}"
        );
        let head = raw.split("\r\n\r\n").next().unwrap();
        assert!(
            head.contains(&format!("List-Unsubscribe: <{site}/account/notifications>")),
            "{head}"
        );
        assert!(!head.contains("\nBcc"), "{head}");
        assert_eq!(outbox.send_due().await.unwrap(), 0, "nothing is sent twice");
        assert_eq!(
            acts(&app).await.last().map(String::as_str),
            Some("challenge.announce")
        );
    }
);

on_both_databases!(
    only_organizers_announce_and_not_too_often,
    |app| async move {
        let (organizer, ada, _, slug) = a_challenge(&app).await;
        let other = app.account(Role::Organizer).await;
        let admin = app.account(Role::Admin).await;
        assert_eq!(announce(&app, &ada, &slug, "Mine").await.status(), 403);
        assert_eq!(announce(&app, &other, &slug, "Mine").await.status(), 403);
        for number in 1..=10 {
            let by = if number == 1 { &admin } else { &organizer };
            assert_eq!(
                announce(&app, by, &slug, "News").await.status(),
                201,
                "{number}"
            );
        }
        let refused = announce(&app, &organizer, &slug, "News").await;
        assert_eq!(refused.status(), 429);
        let refused: Value = refused.json().await.unwrap();
        assert_eq!(refused["type"], "too_many_announcements");
        app.advance(TimeDelta::days(1));
        assert_eq!(
            announce(&app, &organizer, &slug, "News").await.status(),
            201
        );

        // The list is paged by its cursor.
        let page: Value = app
            .get(&format!("/api/v1/challenges/{slug}/announcements?limit=10"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(page["announcements"].as_array().unwrap().len(), 10);
        let next = page["next"].as_str().unwrap();
        let rest: Value = app
            .get(&format!(
                "/api/v1/challenges/{slug}/announcements?after={next}"
            ))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(rest["announcements"].as_array().unwrap().len(), 1);
        assert_eq!(rest["next"], Value::Null);

        // What is not published is nobody else's business, whatever the address.
        let draft = app
            .post_draft(&organizer, |draft| draft.slug = "quiet".into())
            .await;
        let refused = announce(&app, &organizer, &draft, "Too early").await;
        assert_eq!(refused.status(), 422);
        for path in [
            "/challenges/quiet/announcements",
            "/challenges/quiet/announcements.atom",
            "/challenges/quiet/discussion",
            "/challenges/quiet/discussion/1",
            "/api/v1/challenges/quiet/announcements",
            "/api/v1/challenges/quiet/discussion",
            "/api/v1/challenges/quiet/discussion/1",
        ] {
            let answer = app.get(path).bearer_auth(&ada.token).send().await.unwrap();
            assert_eq!(answer.status(), 404, "{path}");
        }
    }
);

on_both_databases!(the_inbox_is_read_one_by_one_or_at_once, |app| async move {
    let (organizer, ada, bob, slug) = a_challenge(&app).await;
    for title in ["First", "Second", "Third"] {
        assert_eq!(announce(&app, &organizer, &slug, title).await.status(), 201);
    }
    let adas = app.browser_of(&ada).await;
    let before = inbox(&app, &ada).await;
    assert_eq!(before["unread"], 3);
    let newest = before["messages"][0]["id"].as_i64().unwrap();
    let address = format!("/inbox/{newest}/read");
    let bobs = app.browser_of(&bob).await;
    assert_eq!(bobs.post(&address, &[]).await.status(), 404, "it is Ada's");
    let opened = adas.post(&address, &[]).await;
    assert_eq!(opened.status(), 303);
    assert_eq!(
        opened.headers()["location"],
        format!("/challenges/{slug}/announcements#announcement-3").as_str()
    );
    assert_eq!(inbox(&app, &ada).await["unread"], 2);
    assert_eq!(inbox(&app, &bob).await["unread"], 3);

    // What comes while she reads is not marked with the rest.
    assert_eq!(
        announce(&app, &organizer, &slug, "Late").await.status(),
        201
    );
    let form = [("newest", newest.to_string())];
    let form: Vec<_> = form
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    assert_eq!(adas.post("/inbox/read", &form).await.status(), 303);
    let after = inbox(&app, &ada).await;
    assert_eq!(after["unread"], 1);
    assert_eq!(after["messages"][0]["read_at"], Value::Null);
    let page = adas.page("/inbox").await;
    assert!(page.contains("A sample challenge: Late"), "{page}");

    assert_eq!(app.visitor().get("/inbox").await.status(), 303);
});

on_both_databases!(changed_rules_and_dates_are_told, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    let ada = app.account(Role::Expert).await;
    let slug = app
        .post_challenge(&organizer, |draft| {
            draft.time_zone = chrono_tz::Europe::Berlin;
        })
        .await;
    app.join(&ada, &slug).await;
    let texts = |rules: &str| ChallengeTexts {
        title: "A sample challenge".into(),
        tagline: "Predict ten numbers.".into(),
        rules: rules.into(),
        pages: vec![Page {
            slug: "overview".into(),
            title: "Overview".into(),
            body: "Predict.".into(),
        }],
    };
    for rules in ["Be fair.", "Be fair, and quick."] {
        let (now, principal, slug) = (app.clock.now(), organizer.principal(), slug.clone());
        let texts = texts(rules);
        app.state
            .database
            .write(move |it| {
                challenge::edit(it, now, &principal, &slug, &texts).map_err(Fault::from)
            })
            .await
            .unwrap();
    }
    assert_eq!(
        titles(&app, &ada).await,
        ["A sample challenge: the rules changed"],
        "once: the first edit left them as they were"
    );

    let now = app.clock.now();
    let dates = PhaseDates {
        starts_at: now - TimeDelta::days(1),
        ends_at: now + TimeDelta::days(40),
    };
    let change = Reschedule::To(vec![dates]);
    for _ in 0..2 {
        let (principal, slug, change) = (organizer.principal(), slug.clone(), change.clone());
        app.state
            .database
            .write(move |it| {
                life::reschedule(it, now, &principal, &slug, &change).map_err(Fault::from)
            })
            .await
            .unwrap();
    }
    let told = inbox(&app, &ada).await;
    assert_eq!(told["messages"].as_array().unwrap().len(), 2);
    assert_eq!(told["messages"][0]["kind"], "deadline_changed");
    assert_eq!(
        told["messages"][0]["body"],
        "Final ends on 11 July 2026, 14:00 CEST (before: 1 July 2026, 14:00 CEST)."
    );
});

/// A mail server that speaks just enough of RFC 5321: it keeps what it takes, and refuses for good
/// whoever begins with `gone`.
struct MailServer {
    port: u16,
    received: Arc<Mutex<Vec<(String, String)>>>,
    stop: CancellationToken,
}

impl MailServer {
    async fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::<Mutex<Vec<_>>>::default();
        let stop = CancellationToken::new();
        let (kept, until) = (Arc::clone(&received), stop.clone());
        actix_web::rt::spawn(async move {
            while let Some(Ok((stream, _))) = until.run_until_cancelled(listener.accept()).await {
                let kept = Arc::clone(&kept);
                actix_web::rt::spawn(async move {
                    let _ = converse(stream, &kept).await; // the client may hang up
                });
            }
        });
        Self {
            port,
            received,
            stop,
        }
    }

    fn received(&self) -> Vec<(String, String)> {
        self.received.lock().unwrap().clone()
    }
}

async fn converse(
    stream: tokio::net::TcpStream,
    kept: &Mutex<Vec<(String, String)>>,
) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 test\r\n").await?;
    let mut recipient = String::new();
    while let Some(line) = lines.next_line().await? {
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-test\r\n250 8BITMIME",
            "RCPT" if line.contains("<gone") => "550 5.1.1 nobody of that name",
            "RCPT" => {
                recipient = line;
                "250 ok"
            }
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                let mut message = String::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    message += &line;
                    message += "\r\n";
                }
                kept.lock().unwrap().push((recipient.clone(), message));
                "250 kept"
            }
            "QUIT" => {
                return writer.write_all(b"221 bye\r\n").await;
            }
            _ => "250 ok",
        };
        writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

/// Tells one person something.
async fn tell_one(app: &TestApp, account: &Account, title: &'static str) {
    let (now, user_id) = (app.clock.now(), account.user.id);
    app.state
        .database
        .write(move |connection| {
            let notification = Notification {
                kind: NotificationKind::Contact,
                challenge_id: None,
                caused_by: None,
                title,
                body: "Schöne Grüße.\n.\nA line with one dot is part of it.",
                href: "/inbox",
            };
            tell(connection, now, Recipients::User(user_id), &notification)
        })
        .await
        .unwrap();
}

/// Attempts, whether it was given up, and the problem of every letter.
async fn states(app: &TestApp) -> Vec<(i32, bool, Option<String>)> {
    app.state
        .database
        .read(|connection| {
            Ok::<_, DatabaseError>(
                outgoing_mail::table
                    .order(outgoing_mail::id)
                    .select((
                        outgoing_mail::attempts,
                        outgoing_mail::given_up_at.is_not_null(),
                        outgoing_mail::problem,
                    ))
                    .load(connection)?,
            )
        })
        .await
        .unwrap()
}

on_both_databases!(
    letters_go_by_smtp_and_wait_while_the_server_is_away,
    |app| async move {
        let ada = app.account(Role::Expert).await;
        let gone = app.account_named("gone-away", Role::Expert).await;
        let admin = app.account(Role::Admin).await;
        tell_one(&app, &ada, "Hello").await;
        tell_one(&app, &gone, "Hello").await;

        // A port that nobody listens at.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let outbox = outbox(&app, &format!("smtp://127.0.0.1:{port}"));
        assert_eq!(outbox.send_due().await.unwrap(), 2);
        assert_eq!(outbox.send_due().await.unwrap(), 0, "not before a minute");
        for (attempts, given_up, problem) in states(&app).await {
            assert_eq!((attempts, given_up), (1, false));
            assert!(problem.unwrap().to_lowercase().contains("refused"));
        }
        let admins = app.browser_of(&admin).await;
        let page = admins.page("/console/mail").await;
        assert!(page.contains("gone-away@paddock.example"), "{page}");

        let server = MailServer::start(port).await;
        assert_eq!(server.port, port);
        app.advance(TimeDelta::seconds(61));
        assert_eq!(outbox.send_due().await.unwrap(), 2);
        let received = server.received();
        assert_eq!(received.len(), 1);
        let (recipient, message) = &received[0];
        assert!(recipient.contains(&format!("{}@paddock.example", ada.user.username)));
        let mail = mailparse::parse_mail(message.as_bytes()).unwrap();
        assert_eq!(mail.headers.get_first_value("Subject").unwrap(), "Hello");
        assert!(
            mail.headers
                .get_first_value("Message-ID")
                .unwrap()
                .ends_with("@paddock.example>")
        );
        assert!(mail.get_body().unwrap().contains("Schöne Grüße."));

        // What the server refuses for good is not tried again, until an admin says so.
        let states_now = states(&app).await;
        assert_eq!(states_now[0], (2, false, None));
        assert!(states_now[1].1, "given up");
        assert!(
            states_now[1].2.as_ref().unwrap().contains("550"),
            "{states_now:?}"
        );
        app.advance(TimeDelta::days(3));
        assert_eq!(outbox.send_due().await.unwrap(), 0);
        assert!(admins.page("/console/mail").await.contains("Given up"));
        assert_eq!(admins.post("/console/mail/retry", &[]).await.status(), 303);
        assert_eq!(outbox.send_due().await.unwrap(), 1);
        server.stop.cancel();
    }
);

on_both_databases!(a_letter_is_given_up_after_enough_tries, |app| async move {
    let ada = app.account(Role::Expert).await;
    tell_one(&app, &ada, "Hello").await;
    let outbox = outbox(&app, "smtp://127.0.0.1:1");
    for attempt in 1..=MAXIMUM_ATTEMPTS {
        assert_eq!(outbox.send_due().await.unwrap(), 1, "{attempt}");
        app.advance(TimeDelta::days(2));
    }
    assert_eq!(outbox.send_due().await.unwrap(), 0);
    let (attempts, given_up, problem) = states(&app).await.remove(0);
    assert_eq!((attempts, given_up), (MAXIMUM_ATTEMPTS, true));
    assert!(problem.is_some());
});

on_both_databases!(two_web_nodes_send_no_letter_twice, |app| async move {
    let ada = app.account(Role::Expert).await;
    for _ in 0..25 {
        tell_one(&app, &ada, "Hello").await;
    }
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let nodes = folders
        .each_ref()
        .map(|folder| outbox(&app, &format!("file:{}", folder.path().display())));
    let stop = CancellationToken::new();
    let tasks = nodes.map(|node| actix_web::rt::spawn(node.run(stop.clone())));
    let all = || letters(folders[0].path()).len() + letters(folders[1].path()).len();
    for _ in 0..200 {
        if all() == 25 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    stop.cancel();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(all(), 25);
    assert!(
        states(&app)
            .await
            .iter()
            .all(|(attempts, ..)| *attempts == 1)
    );
});

on_both_databases!(many_members_are_told_at_once, |app| async move {
    const MANY: i64 = 3_000;
    let (organizer, ada, _, slug) = a_challenge(&app).await;
    let now = app.clock.now();
    app.state
        .database
        .write(move |connection| {
            let numbers = format!(
                "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY}) "
            );
            let at = now.naive_utc();
            diesel::sql_query(format!(
                "{numbers} INSERT INTO users (username, username_key, email, password_hash, role, created_at) \
                 SELECT 'm' || n, 'm' || n, 'm' || n || '@paddock.example', '', 'expert', '{at}' FROM numbers"
            ))
            .execute(connection)?;
            diesel::sql_query(format!(
                "INSERT INTO members (challenge_id, user_id, team_id, rules_version, accepted_at) \
                 SELECT team.challenge_id, users.id, team.id, 1, '{at}' FROM users, \
                 (SELECT * FROM teams ORDER BY id LIMIT 1) AS team WHERE users.password_hash = ''"
            ))
            .execute(connection)?;
            Ok::<_, DatabaseError>(())
        })
        .await
        .unwrap();
    assert_eq!(
        announce(&app, &organizer, &slug, "Many").await.status(),
        201
    );
    let waiting: i64 = app
        .state
        .database
        .read(|it| Ok::<_, DatabaseError>(outgoing_mail::table.count().get_result(it)?))
        .await
        .unwrap();
    assert_eq!(waiting, MANY + 2);
    assert_eq!(inbox(&app, &ada).await["unread"], 1);
});

/// Opens a topic over the API and returns its row.
async fn open_topic(app: &TestApp, by: &Account, slug: &str, title: &str, body: &str) -> i64 {
    let answer = app
        .api(&by.token)
        .post(&format!("/challenges/{slug}/discussion"))
        .json(&json!({ "title": title, "body": body }))
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(status, 201, "{body}");
    body["id"].as_i64().unwrap()
}

/// Answers over the API; returns the status and what was said.
async fn reply(app: &TestApp, by: &Account, slug: &str, topic: i64, body: &str) -> (u16, Value) {
    let answer = app
        .api(&by.token)
        .post(&format!("/challenges/{slug}/discussion/{topic}"))
        .json(&json!({ "body": body }))
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn moderate(browser: &Browser, path: &str, act: &str, reason: &str) {
    let form = [("act", act), ("reason", reason)];
    let answer = browser.post(path, &form).await;
    assert_eq!(answer.status(), 303, "{path} {act}");
}

on_both_databases!(a_discussion_and_its_answers, |app| async move {
    let (organizer, ada, bob, slug) = a_challenge(&app).await;
    let stranger = app.account(Role::Expert).await;
    let here = format!("/challenges/{slug}/discussion");

    // Members open topics; strangers are told how to become one; visitors read.
    let adas = app.browser_of(&ada).await;
    let form = [
        ("title", "Which *tyres*? <b>x</b>"),
        (
            "body",
            "# Soft\n<img src=x onerror=alert(1)>\n\n[a](javascript:alert(1)) **or hard**",
        ),
    ];
    let opened = adas.post(&here, &form).await;
    assert_eq!(opened.status(), 303);
    let address = opened.headers()["location"].to_str().unwrap().to_owned();
    let topic: i64 = address.rsplit('/').next().unwrap().parse().unwrap();
    let long = adas
        .post(&here, &[("title", &"x".repeat(151)), ("body", "y")])
        .await;
    assert_eq!(long.status(), 422);
    assert!(
        long.text()
            .await
            .unwrap()
            .contains("at most 150 characters")
    );
    let page = app.visitor().page(&address).await;
    assert!(page.contains("<strong>or hard</strong>"), "{page}");
    assert!(
        !page.contains("onerror") && !page.contains("href=\"javascript"),
        "{page}"
    );
    assert!(!page.contains("<b>x</b>"), "{page}");
    assert!(page.contains("Sign in to answer"));
    let (status, refusal) = reply(&app, &stranger, &slug, topic, "Hi").await;
    assert_eq!(
        (status, &refusal["type"]),
        (403, &json!("rules_not_accepted"))
    );
    let page = app.browser_of(&stranger).await.page(&here).await;
    assert!(
        page.contains("accept the rules of the challenge first"),
        "{page}"
    );

    // Whoever wrote before is told of answers, but not of their own.
    assert_eq!(reply(&app, &bob, &slug, topic, "Hard.").await.0, 201);
    assert_eq!(reply(&app, &organizer, &slug, topic, "Soft.").await.0, 201);
    let of_bob = format!("{} wrote in “Which *tyres*? <b>x</b>”", bob.user.username);
    let of_organizer = format!(
        "{} wrote in “Which *tyres*? <b>x</b>”",
        organizer.user.username
    );
    assert_eq!(titles(&app, &ada).await, [of_organizer.clone(), of_bob]);
    assert_eq!(titles(&app, &bob).await, [of_organizer]);
    assert!(titles(&app, &organizer).await.is_empty());
    assert!(
        states(&app).await.is_empty(),
        "answers send no letters unasked"
    );

    // A title is found whatever its case; signs of the search are taken literally.
    open_topic(&app, &bob, &slug, "100 % slower", "Why?").await;
    let visitor = app.visitor();
    let found = visitor.page(&format!("{here}?q=TYRES")).await;
    assert!(found.contains("Which *tyres*?") && !found.contains("slower"));
    let found = visitor.page(&format!("{here}?q=%25")).await;
    assert!(found.contains("slower") && !found.contains("Which *tyres*?"));
    assert!(
        visitor
            .page(&format!("{here}?q=_"))
            .await
            .contains("No title contains")
    );

    // Paged by cursor, pinned first.
    let organizers = app.browser_of(&organizer).await;
    moderate(&organizers, &format!("{address}/moderate"), "pin", "").await;
    app.advance(TimeDelta::minutes(11));
    for number in 0..5 {
        open_topic(&app, &bob, &slug, &format!("Topic {number}"), "?").await;
    }
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page: Value = app
            .get(&format!("/api/v1{here}?limit=2{next}"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        for topic in page["topics"].as_array().unwrap() {
            seen.push(topic["title"].as_str().unwrap().to_owned());
        }
        match page["next"].as_str() {
            Some(cursor) => next = format!("&after={cursor}"),
            None => break,
        }
    }
    assert_eq!(
        seen,
        [
            "Which *tyres*? <b>x</b>",
            "Topic 4",
            "Topic 3",
            "Topic 2",
            "Topic 1",
            "Topic 0",
            "100 % slower"
        ]
    );

    // An hour to correct oneself, and nobody else.
    let (_, written) = reply(&app, &ada, &slug, topic, "Meduim.").await;
    let post = written["id"].as_i64().unwrap();
    let edit = format!("/challenges/{slug}/posts/{post}/edit");
    assert!(adas.page(&edit).await.contains("Meduim."));
    let bobs = app.browser_of(&bob).await;
    assert_eq!(bobs.post(&edit, &[("body", "Mine")]).await.status(), 403);
    assert_eq!(
        organizers.post(&edit, &[("body", "Mine")]).await.status(),
        403
    );
    assert_eq!(adas.post(&edit, &[("body", "Medium.")]).await.status(), 303);
    let page = visitor.page(&address).await;
    assert!(
        page.contains("Medium.") && page.contains("· edited"),
        "{page}"
    );
    app.advance(TimeDelta::minutes(60));
    assert_eq!(adas.post(&edit, &[("body", "Late")]).await.status(), 403);

    // Ten posts in ten minutes are enough for one person.
    for number in 0..10 {
        assert_eq!(
            reply(&app, &bob, &slug, topic, "Again").await.0,
            201,
            "{number}"
        );
    }
    let (status, refusal) = reply(&app, &bob, &slug, topic, "Again").await;
    assert_eq!((status, &refusal["type"]), (429, &json!("too_many_posts")));
    app.advance(TimeDelta::minutes(10));
    assert_eq!(reply(&app, &bob, &slug, topic, "Again").await.0, 201);
});

on_both_databases!(an_organizer_keeps_the_discussion_civil, |app| async move {
    let (organizer, ada, bob, slug) = a_challenge(&app).await;
    let other = app.account(Role::Organizer).await;
    let topic = open_topic(&app, &ada, &slug, "Tyres", "Soft or hard?").await;
    let address = format!("/challenges/{slug}/discussion/{topic}");
    let (_, written) = reply(&app, &bob, &slug, topic, "You RUDE-WORD.").await;
    let post = written["id"].as_i64().unwrap();
    let on_post = |verb: &str| format!("/challenges/{slug}/posts/{post}/{verb}");
    let on_topic = format!("{address}/moderate");
    let (adas, bobs) = (app.browser_of(&ada).await, app.browser_of(&bob).await);
    let organizers = app.browser_of(&organizer).await;
    let others = app.browser_of(&other).await;
    let visitor = app.visitor();

    // Reported twice, told once.
    assert!(adas.page(&on_post("report")).await.contains("RUDE-WORD"));
    for reason in ["Rude.", "Very rude."] {
        let told = adas.post(&on_post("report"), &[("reason", reason)]).await;
        assert_eq!(told.status(), 303);
    }
    assert_eq!(
        titles(&app, &organizer).await,
        ["A sample challenge: a post was reported"]
    );
    let reports = format!("/challenges/{slug}/discussion/reports");
    let page = organizers.page(&reports).await;
    assert!(
        page.contains("Very rude.") && !page.contains(">Rude."),
        "{page}"
    );
    assert_eq!(adas.get(&reports).await.status(), 403);
    assert_eq!(
        others.get(&reports).await.status(),
        403,
        "it is somebody else's"
    );

    // Only who moderates hides, and only with a reason; the author sees it.
    let hide = [("act", "hide"), ("reason", "Be kind.")];
    for browser in [&adas, &bobs, &others] {
        assert_eq!(
            browser.post(&on_post("moderate"), &hide).await.status(),
            403
        );
        assert_eq!(browser.post(&on_topic, &hide).await.status(), 403);
    }
    moderate(&organizers, &on_post("moderate"), "hide", " ").await;
    assert!(
        visitor.page(&address).await.contains("RUDE-WORD"),
        "no reason, no hiding"
    );
    moderate(&organizers, &on_post("moderate"), "hide", "Be kind.").await;
    for browser in [&visitor, &adas] {
        let page = browser.page(&address).await;
        assert!(page.contains("was hidden by the organizer"), "{page}");
        assert!(
            !page.contains("RUDE-WORD") && !page.contains("Be kind."),
            "{page}"
        );
    }
    let seen: Value = app
        .get(&format!("/api/v1/challenges/{slug}/discussion/{topic}"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(seen["posts"][1]["body"], Value::Null);
    assert_eq!(seen["posts"][1]["hidden"], true);
    let page = bobs.page(&address).await;
    assert!(
        page.contains("RUDE-WORD") && page.contains("Be kind."),
        "{page}"
    );
    assert!(titles(&app, &bob).await[0].contains("your post in “Tyres” was hidden"));
    assert_eq!(
        bobs.post(&on_post("edit"), &[("body", "Sorry")])
            .await
            .status(),
        403
    );
    assert!(
        organizers.page(&reports).await.contains("Nothing waits"),
        "hiding answers reports"
    );
    moderate(&organizers, &on_post("moderate"), "unhide", "").await;
    assert!(visitor.page(&address).await.contains("RUDE-WORD"));

    // Locked: nobody but the organizer answers.
    moderate(&organizers, &on_topic, "lock", "").await;
    assert_eq!(
        reply(&app, &ada, &slug, topic, "But").await.1["type"],
        "locked"
    );
    assert_eq!(
        reply(&app, &organizer, &slug, topic, "The end.").await.0,
        201
    );
    moderate(&organizers, &on_topic, "unlock", "").await;

    // Muted: reads, and does not write; until that is taken back.
    moderate(&organizers, &on_post("moderate"), "mute", "A week off.").await;
    let (status, refusal) = reply(&app, &bob, &slug, topic, "Why?").await;
    assert_eq!((status, &refusal["type"]), (403, &json!("muted")));
    assert!(refusal["detail"].as_str().unwrap().contains("A week off."));
    assert!(bobs.page(&address).await.contains("A week off."));
    let bob_name = [("username", bob.user.username.as_str())];
    let unmute = format!("/challenges/{slug}/discussion/unmute");
    assert_eq!(others.post(&unmute, &bob_name).await.status(), 403);
    assert_eq!(organizers.post(&unmute, &bob_name).await.status(), 303);
    assert_eq!(reply(&app, &bob, &slug, topic, "Thanks.").await.0, 201);

    // Hidden: the topic is gone for all but its author and the organizer.
    moderate(&organizers, &on_topic, "hide", "Off topic.").await;
    assert_eq!(visitor.get(&address).await.status(), 404);
    assert_eq!(bobs.get(&address).await.status(), 404);
    assert_eq!(bobs.get(&on_post("report")).await.status(), 404);
    assert!(adas.page(&address).await.contains("Off topic."));
    assert!(
        !visitor
            .page(&format!("/challenges/{slug}/discussion"))
            .await
            .contains("Tyres")
    );
    assert_eq!(reply(&app, &bob, &slug, topic, "?").await.0, 404);
    moderate(&organizers, &on_topic, "unhide", "").await;
    assert_eq!(visitor.get(&address).await.status(), 200);

    // A post is reached through its own challenge alone.
    let second = app
        .post_challenge(&other, |draft| draft.slug = "second".into())
        .await;
    let astray = format!("/challenges/{second}/posts/{post}/moderate");
    assert_eq!(others.post(&astray, &hide).await.status(), 404);
    let astray = format!("/challenges/{second}/discussion/{topic}");
    assert_eq!(visitor.get(&astray).await.status(), 404);

    // Disqualified: reads, and does not write.
    app.state
        .database
        .write(|connection| {
            diesel::update(teams::table)
                .set(teams::disqualified_at.eq(chrono::DateTime::UNIX_EPOCH.naive_utc()))
                .execute(connection)
                .map_err(DatabaseError::from)
        })
        .await
        .unwrap();
    assert_eq!(
        reply(&app, &ada, &slug, topic, "But").await.1["type"],
        "disqualified"
    );
    assert_eq!(reply(&app, &organizer, &slug, topic, "Well.").await.0, 201);

    let acts = acts(&app).await;
    for act in [
        "discussion.hide_post",
        "discussion.unhide_post",
        "discussion.lock_topic",
        "discussion.mute",
        "discussion.unmute",
        "discussion.hide_topic",
    ] {
        assert!(
            acts.iter().any(|done| done == act),
            "{act} is not in {acts:?}"
        );
    }
});

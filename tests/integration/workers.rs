//! Workers: what they say of themselves, what they take, and that killing one at any moment loses nothing.

use std::path::Path;
use std::time::Duration;

use diesel::prelude::*;
use paddock::accounts::users::Role;
use paddock::platform::database::{DatabaseConnection, DatabaseError};
use paddock::platform::schema::{runs, workers};
use paddock::scoring::judge::{Judge, Outcome};
use paddock::scoring::kind::SubmissionKind;
use paddock::scoring::queue::{Abilities, RunState};
use paddock::scoring::remote::RemoteServer;
use paddock::scoring::worker::{Dispatcher, Worker};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::app::{Account, TestApp, predictions};
use crate::binary::{Running, succeed};
use crate::on_both_databases;

/// Asks until the answer is yes: at most half a minute.
async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    for _ in 0..1500 {
        if ask().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} did not come");
}

async fn listed(app: &TestApp, organizer: &Account) -> Value {
    let answer = app.api(&organizer.token).get("/workers").send();
    answer.await.unwrap().json().await.unwrap()
}

async fn change_runs<C>(app: &TestApp, change: C)
where
    C: FnOnce(&mut DatabaseConnection) -> QueryResult<usize> + Send + 'static,
{
    app.state
        .database
        .write(move |connection| change(connection).map_err(DatabaseError::from))
        .await
        .unwrap();
}

on_both_databases!(
    a_worker_says_how_it_is_and_the_console_shows_it,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let browser = app.browser_of(&organizer).await;
        let page = browser.page("/console/workers").await;
        assert!(page.contains("No worker was heard"), "{page}");
        assert!(page.contains("paddock worker-token create"), "{page}");
        assert_eq!(listed(&app, &organizer).await["workers"], json!([]));

        let token = app.worker_token("north").await;
        let server = RemoteServer::new(&app.address, token).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let judge = Judge::of_machine(&app.state.config, scratch.path().to_owned());
        let kinds = vec![SubmissionKind::Predictions];
        let worker = Worker::new(server, judge, kinds, scratch.path().to_owned());
        let stop = CancellationToken::new();
        let running = tokio::spawn(worker.with_memory(512 << 20).run(3, stop.clone()));
        until("the worker's first word", async || {
            listed(&app, &organizer).await["workers"][0]["state"] == "active"
        })
        .await;
        let told = listed(&app, &organizer).await;
        let north = &told["workers"][0];
        assert_eq!(north["name"], "north");
        assert_eq!(
            (
                &north["concurrency"],
                &north["memory_bytes"],
                &north["kinds"]
            ),
            (&json!(3), &json!(536_870_912), &json!(["predictions"]))
        );
        assert_eq!(told["queue"].as_array().unwrap().len(), 3);
        let page = browser.page("/console/workers").await;
        assert!(
            page.contains("Active") && page.contains("0 of 3 at once"),
            "{page}"
        );

        // Stopped, it says goodbye; one that says nothing is silent.
        stop.cancel();
        running.await.unwrap();
        let state = listed(&app, &organizer).await["workers"][0]["state"].clone();
        assert_eq!(state, "stopped");
        app.state
            .database
            .write(|connection: &mut DatabaseConnection| {
                let now = paddock::platform::database::database_now(connection)?;
                let before = (now - chrono::TimeDelta::minutes(2)).naive_utc();
                diesel::update(workers::table)
                    .set((
                        workers::draining.eq(false),
                        workers::last_heartbeat_at.eq(before),
                    ))
                    .execute(connection)
                    .map_err(DatabaseError::from)
            })
            .await
            .unwrap();
        let state = listed(&app, &organizer).await["workers"][0]["state"].clone();
        assert_eq!(state, "silent");
        let page = browser.page("/console/workers").await;
        assert!(page.contains("Silent"), "{page}");
        let expert = app.account(Role::Expert).await;
        let refused = app.api(&expert.token).get("/workers").send().await.unwrap();
        assert_eq!(refused.status(), 403);
    }
);

/// A challenge with one submission that waits.
async fn submitted(app: &TestApp) -> (Account, String, i64) {
    let organizer = app.account(Role::Organizer).await;
    let slug = app
        .post_challenge(&organizer, |draft| draft.phases[0].submissions_per_day = 1)
        .await;
    let expert = app.account(Role::Expert).await;
    app.join(&expert, &slug).await;
    let id = app.submit(&expert, &slug, &predictions(0.5, 0.25)).await;
    (expert, slug, id)
}

on_both_databases!(
    a_worker_takes_only_what_it_accepts_and_has_the_memory_for,
    |app| async move {
        submitted(&app).await;
        change_runs(&app, |connection| {
            diesel::update(runs::table)
                .set((
                    runs::kind.eq(SubmissionKind::Python),
                    runs::needs_sandbox.eq(true),
                    runs::memory_bytes.eq(1_i64 << 30),
                ))
                .execute(connection)
        })
        .await;
        let takes = async |kinds: &[SubmissionKind], sandbox, memory_bytes| {
            let able = Abilities {
                kinds: kinds.to_vec(),
                sandbox,
                memory_bytes,
            };
            let leased = app.state.dispatch.lease("tests", &able, Duration::ZERO);
            leased.await.unwrap().is_some()
        };
        let enough = 1 << 30;
        assert!(!takes(&[SubmissionKind::Predictions], true, enough).await);
        assert!(!takes(&[SubmissionKind::Onnx], true, enough).await);
        assert!(!takes(SubmissionKind::ALL, false, enough).await);
        assert!(!takes(SubmissionKind::ALL, true, enough - 1).await);
        let organizer = app.account(Role::Organizer).await;
        let page = app
            .browser_of(&organizer)
            .await
            .page("/console/workers")
            .await;
        assert!(page.contains("Nobody takes what waits"), "{page}");
        assert!(takes(&[SubmissionKind::Python], true, enough).await);
    }
);

/// A door between a worker and its server that holds back what asks for a run's submission until it is
/// opened, so that a test has all the time it wants in the middle of a run.
struct Gate {
    address: String,
    open: watch::Sender<bool>,
}

impl Gate {
    async fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let upstream = server.trim_start_matches("http://").to_owned();
        let (open, opened) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, upstream.clone(), opened.clone()));
            }
        });
        Self { address, open }
    }
}

async fn pass(client: TcpStream, upstream: String, mut opened: watch::Receiver<bool>) {
    let Ok(server) = TcpStream::connect(upstream).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await; // either side may hang up
    });
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from_client.read(&mut bytes).await {
        let asked = String::from_utf8_lossy(&bytes[..read]);
        if asked.contains("/submission?attempt=") {
            let _ = opened.wait_for(|open| *open).await; // the test may be over
        }
        if to_server.write_all(&bytes[..read]).await.is_err() {
            break;
        }
    }
    back.abort();
}

async fn start_worker(folder: &Path, server: &str, token: &str) -> Running {
    let (folder, server, token) = (folder.to_owned(), server.to_owned(), token.to_owned());
    tokio::task::spawn_blocking(move || {
        let mut worker = Running::start(
            &folder,
            &[
                "worker",
                "--server",
                &server,
                "--token",
                &token,
                "--kinds",
                "predictions",
            ],
        );
        worker.wait_for("Scoring for");
        worker
    })
    .await
    .unwrap()
}

async fn leased_to(app: &TestApp) -> Option<String> {
    app.state
        .database
        .read(|connection| {
            let holder: Option<Option<String>> = runs::table
                .filter(runs::state.eq(RunState::Leased))
                .select(runs::worker)
                .first(connection)
                .optional()?;
            Ok::<_, DatabaseError>(holder.flatten())
        })
        .await
        .unwrap()
}

on_both_databases!(
    a_worker_that_is_killed_in_the_middle_of_a_run_loses_nothing,
    |app| async move {
        let (expert, slug, id) = submitted(&app).await;
        let folder = tempfile::tempdir().unwrap();
        let gate = Gate::before(&app.address).await;
        let token = app.worker_token("north").await;
        let worker = start_worker(folder.path(), &gate.address, &token).await;
        until("the lease", async || {
            leased_to(&app).await.as_deref() == Some("north")
        })
        .await;
        worker.kill();
        assert_eq!(app.submission(&expert, id).await["state"], "running");
        // Its lease is over, as the database's clock sees it.
        change_runs(&app, |connection| {
            let long_ago = chrono::DateTime::UNIX_EPOCH.naive_utc();
            diesel::update(runs::table)
                .set(runs::lease_expires_at.eq(long_ago))
                .execute(connection)
        })
        .await;
        let token = app.worker_token("south").await;
        let other = start_worker(folder.path(), &app.address, &token).await;
        until("the score", async || {
            app.submission(&expert, id).await["state"] == "scored"
        })
        .await;
        assert_eq!(app.leaderboard(&slug).await["entries"][0]["submissions"], 1);
        // One place was taken, not two.
        assert_eq!(app.submission(&expert, id).await["counts"], true);
        let full = app.try_submit(&expert, &slug, &predictions(1.0, 1.0)).await;
        assert_eq!(full.status(), 429);
        other.kill();
    }
);

on_both_databases!(
    a_worker_that_is_asked_to_stop_finishes_what_it_has_begun_and_takes_no_more,
    |app| async move {
        let (expert, slug, id) = submitted(&app).await;
        let organizer = app.account(Role::Organizer).await;
        let folder = tempfile::tempdir().unwrap();
        let gate = Gate::before(&app.address).await;
        let token = app.worker_token("north").await;
        let worker = start_worker(folder.path(), &gate.address, &token).await;
        until("the lease", async || leased_to(&app).await.is_some()).await;
        let stopped = tokio::task::spawn_blocking(move || worker.stop());
        until("the worker's word that it drains", async || {
            listed(&app, &organizer).await["workers"][0]["state"] == "draining"
        })
        .await;
        let second = app.account(Role::Expert).await;
        app.join(&second, &slug).await;
        let later = app.submit(&second, &slug, &predictions(1.0, 1.0)).await;
        gate.open.send(true).unwrap();
        assert!(stopped.await.unwrap().success());
        assert_eq!(app.submission(&expert, id).await["public_score"], 0.5);
        assert_eq!(app.submission(&second, later).await["state"], "queued");
        let told = listed(&app, &organizer).await;
        assert_eq!(told["workers"][0]["state"], "stopped");
        assert_eq!(told["workers"][0]["runs_done"], 1);
    }
);

const CHALLENGE: &str = r#"
slug = "lap-times"
title = "Lap times"
tagline = "Predict them"
rules = "Be fair."
[prediction_format]
id_column = "id"
columns = [{ name = "prediction", kind = "number" }]
[[pages]]
slug = "overview"
title = "Overview"
body = "Predict."
[[phases]]
name = "Season"
starts_at = 2020-01-01T00:00:00Z
ends_at = 2100-01-01T00:00:00Z
metric = "rmse"
submissions_per_day = 1
submissions_total = 50
[phases.solution]
id_column = "id"
target_column = "target"
split_column = "split"
"#;

/// The server is killed in the middle of a run and comes back; so does the first worker, too late.
#[tokio::test]
async fn a_server_that_is_killed_in_the_middle_of_a_run_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_owned();
    let write = |name: &str, text: &str| std::fs::write(at.join(name), text).unwrap();
    write(
        "paddock.toml",
        "lease_seconds = 1\nworker_concurrency = 0\n",
    );
    write("challenge.toml", CHALLENGE);
    write("solution.csv", crate::app::SAMPLE_SOLUTION);
    let run = |line: &str| succeed(&at, &line.split(' ').collect::<Vec<_>>());
    run("user create karla --email karla@example.org --role organizer");
    run("user create rosa --email rosa@example.org");
    run("challenge create challenge.toml --solution solution.csv --owner karla --publish");
    let rosa = run("user token rosa --scope read --scope submit");
    let north = run("worker-token create north");
    let south = run("worker-token create south");
    let (rosa, north, south) = (rosa.trim(), north.trim(), south.trim());

    let mut server = Running::start(&at, &["serve", "--listen", "127.0.0.1:0"]);
    let address = server.wait_for("Serving at ");
    // A connection to the server that was killed is not used again.
    let client = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .build()
        .unwrap();
    let post = |path: &str| {
        client
            .post(format!("{address}/api/v1{path}"))
            .bearer_auth(rosa)
    };
    let joined = post("/challenges/lap-times/membership").json(&json!({ "rules_version": 1 }));
    assert!(joined.send().await.unwrap().status().is_success());
    let sent = post("/challenges/lap-times/submissions")
        .header("content-type", "text/csv")
        .body(predictions(0.5, 0.25));
    assert_eq!(sent.send().await.unwrap().status(), 201);

    let gate = Gate::before(&address).await;
    let worker = start_worker(&at, &gate.address, north).await;
    let state = async || -> String {
        let asked = client
            .get(format!("{address}/api/v1/submissions/1"))
            .bearer_auth(rosa);
        let told: Value = asked.send().await.unwrap().json().await.unwrap();
        told["state"].as_str().unwrap().to_owned()
    };
    until("the run", async || state().await == "running").await;
    server.kill();

    let listen = address.trim_start_matches("http://").to_owned();
    let mut server = Running::start(&at, &["serve", "--listen", &listen]);
    server.wait_for("Serving at ");
    assert_eq!(state().await, "running", "the lease stands in the database");
    // Its holder hangs at the gate and cannot go on, so that it is taken when the lease is over.
    worker.kill();
    let stale = RemoteServer::new(&address, south.to_owned()).unwrap();
    let able = Abilities::predictions_alone();
    let taken = stale
        .lease(&able)
        .await
        .unwrap()
        .expect("the lease was over");
    assert!(taken.lease.attempt >= 2);
    let other = start_worker(&at, &address, south).await;
    until("the score", async || state().await == "scored").await;
    let forged = Outcome::Scored {
        public: 0.0,
        private: 0.0,
    };
    assert!(!stale.report(taken.lease, forged.into()).await.unwrap());
    let board = client.get(format!("{address}/api/v1/challenges/lap-times/leaderboard"));
    let board: Value = board.send().await.unwrap().json().await.unwrap();
    assert_eq!(board["entries"][0]["score"], 0.5);
    assert_eq!(board["entries"][0]["submissions"], 1);
    other.kill();
    server.kill();
}

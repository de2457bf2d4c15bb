//! Workers of other machines: they score over HTTP with their own token, and only the newest lease counts.

use std::sync::Arc;

use diesel::prelude::*;
use paddock::accounts::users::Role;
use paddock::platform::database::{DatabaseConnection, DatabaseError};
use paddock::platform::schema::runs;
use paddock::scoring::judge::{Judge, Judgement, Outcome};
use paddock::scoring::kind::SubmissionKind;
use paddock::scoring::queue::Abilities;
use paddock::scoring::remote::RemoteServer;
use paddock::scoring::worker::{Assignment, Dispatcher, RunFile, Worker};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{TestApp, predictions};
use crate::on_both_databases;

async fn submitted(app: &TestApp) -> (crate::app::Account, String, i64) {
    let organizer = app.account(Role::Organizer).await;
    let slug = app.post_challenge(&organizer, |_| ()).await;
    let expert = app.account(Role::Expert).await;
    app.join(&expert, &slug).await;
    let id = app.submit(&expert, &slug, &predictions(0.5, 0.25)).await;
    (expert, slug, id)
}

on_both_databases!(a_worker_elsewhere_scores_over_http, |app| async move {
    let (expert, slug, id) = submitted(&app).await;
    let token = app.worker_token("north").await;
    let server = RemoteServer::new(&app.address, token).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().to_owned();
    let judge = Judge::of_machine(&app.state.config, folder.clone());
    let worker = Arc::new(Worker::new(
        server,
        judge,
        SubmissionKind::ALL.to_vec(),
        folder,
    ));
    assert!(worker.step().await.unwrap());
    let scored = app.submission(&expert, id).await;
    assert_eq!(
        (&scored["state"], &scored["public_score"]),
        (&json!("scored"), &json!(0.5))
    );
    assert_eq!(app.leaderboard(&slug).await["entries"][0]["score"], 0.5);
    let left = std::fs::read_dir(scratch.path()).unwrap().count();
    assert_eq!(left, 0, "nothing of a run stays on the worker's disk");

    // A broken file is reported as its sender's, over the same way.
    let broken = app.submit(&expert, &slug, "id,prediction\n1,one\n").await;
    assert!(worker.step().await.unwrap());
    let failed = app.submission(&expert, broken).await;
    assert_eq!(
        (&failed["verdict"], &failed["line"]),
        (&json!("invalid"), &json!(2))
    );
});

on_both_databases!(
    a_stale_lease_is_refused_and_changes_nothing,
    |app| async move {
        let (expert, slug, id) = submitted(&app).await;
        let token = app.worker_token("north").await;
        let server = RemoteServer::new(&app.address, token.clone()).unwrap();
        let stale = server
            .lease(&Abilities::predictions_alone())
            .await
            .unwrap()
            .unwrap();
        assert!(server.heartbeat(stale.lease).await.unwrap());
        expire_leases(&app).await;
        let newest = server
            .lease(&Abilities::predictions_alone())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(newest.lease.run_id, stale.lease.run_id);
        assert_eq!(newest.lease.attempt, stale.lease.attempt + 1);

        let forged: Judgement = Outcome::Scored {
            public: 0.0,
            private: 0.0,
        }
        .into();
        assert!(!server.heartbeat(stale.lease).await.unwrap());
        assert!(!server.report(stale.lease, forged.clone()).await.unwrap());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("solution");
        for which in [RunFile::Submission, RunFile::Solution] {
            assert!(server.fetch(stale.lease, which, &file).await.is_err());
        }
        let path = format!(
            "/worker/runs/{}/report?attempt={}",
            stale.lease.run_id, stale.lease.attempt
        );
        let late = app
            .api(&token)
            .post(&path)
            .json(&forged)
            .send()
            .await
            .unwrap();
        assert_eq!(late.status(), StatusCode::CONFLICT);
        let fault: Value = late.json().await.unwrap();
        assert_eq!(fault["type"], "lease_lost");
        assert_eq!(app.submission(&expert, id).await["state"], "running");
        assert_eq!(app.leaderboard(&slug).await["total"], 0);

        assert!(
            server
                .report(
                    newest.lease,
                    Outcome::Scored {
                        public: 3.0,
                        private: 4.0
                    }
                    .into()
                )
                .await
                .unwrap()
        );
        assert!(
            !server.report(newest.lease, forged).await.unwrap(),
            "a run is reported once"
        );
        assert_eq!(app.submission(&expert, id).await["public_score"], 3.0);
    }
);

on_both_databases!(only_workers_reach_a_workers_routes, |app| async move {
    let (expert, ..) = submitted(&app).await;
    let organizer = app.account(Role::Admin).await;
    for token in [&expert.token, &organizer.token] {
        let api = app.api(token);
        for request in [
            api.post("/worker/leases"),
            api.get("/worker/runs/1/solution?attempt=1"),
            api.get("/worker/runs/1/submission?attempt=1"),
            api.get("/worker/runs/1/features?attempt=1"),
            api.get("/worker/runs/1/program?attempt=1"),
            api.post("/worker/runs/1/heartbeat?attempt=1"),
        ] {
            assert_eq!(
                request.send().await.unwrap().status(),
                StatusCode::UNAUTHORIZED
            );
        }
    }
    let worker = app.worker_token("north").await;
    let api = app.api(&worker);
    let run: Assignment = api
        .post("/worker/leases")
        .json(&Abilities::predictions_alone())
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let path = format!("/worker/runs/{}/solution", run.lease.run_id);
    let unfenced = api.get(&path).send().await.unwrap();
    assert_eq!(unfenced.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let me = api.get("/me").send().await.unwrap();
    assert_eq!(
        me.status(),
        StatusCode::UNAUTHORIZED,
        "a worker is no account"
    );
});

/// Ends every lease, as if its time had run out.
async fn expire_leases(app: &TestApp) {
    app.state
        .database
        .write(|connection: &mut DatabaseConnection| {
            let long_ago = chrono::DateTime::UNIX_EPOCH.naive_utc();
            diesel::update(runs::table)
                .set(runs::lease_expires_at.eq(long_ago))
                .execute(connection)
                .map_err(DatabaseError::from)
        })
        .await
        .unwrap();
}

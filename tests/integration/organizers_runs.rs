//! What organizers do about runs: cancel, retry, score anew.

use diesel::prelude::*;
use paddock::accounts::users::Role;
use paddock::challenges::dispatch::RunError;
use paddock::platform::database::{DatabaseConnection, DatabaseError};
use paddock::platform::schema::{audit_log, phases, runs};
use paddock::scoring::judge::Outcome;
use paddock::scoring::queue::{Abilities, MAXIMUM_ATTEMPTS};
use paddock::scoring::verdict::Verdict;
use paddock::scoring::worker::Assignment;
use reqwest::Response;
use serde_json::{Value, json};

use crate::app::{Account, TestApp, predictions};
use crate::binary::succeed;
use crate::on_both_databases;

struct Contest {
    organizer: Account,
    expert: Account,
    slug: String,
}

async fn contest(app: &TestApp) -> Contest {
    let organizer = app.account(Role::Organizer).await;
    let slug = app
        .post_challenge(&organizer, |draft| draft.phases[0].submissions_per_day = 2)
        .await;
    let expert = app.account(Role::Expert).await;
    app.join(&expert, &slug).await;
    Contest {
        organizer,
        expert,
        slug,
    }
}

impl Contest {
    async fn submit(&self, app: &TestApp, error: f64) -> i64 {
        let csv = predictions(error, error);
        app.submit(&self.expert, &self.slug, &csv).await
    }

    async fn act(&self, app: &TestApp, path: &str) -> Response {
        let request = app.api(&self.organizer.token).post(path);
        request.send().await.unwrap()
    }

    async fn rescore(&self, app: &TestApp, id: i64) -> Value {
        let answer = self.act(app, &format!("/submissions/{id}/rescore")).await;
        assert_eq!(answer.status(), 202);
        answer.json().await.unwrap()
    }

    async fn cancel(&self, app: &TestApp, id: i64) -> u16 {
        let answer = self.act(app, &format!("/submissions/{id}/cancel")).await;
        answer.status().as_u16()
    }

    /// The best entry of the board: its score and how many submissions were scored.
    async fn entry(&self, app: &TestApp) -> Option<(f64, i64)> {
        let board = app.leaderboard(&self.slug).await;
        let entry = &board["entries"][0];
        assert_eq!(
            board["total"],
            board["entries"].as_array().unwrap().len(),
            "the count of entries follows"
        );
        Some((entry["score"].as_f64()?, entry["submissions"].as_i64()?))
    }
}

async fn lease(app: &TestApp) -> Option<Assignment> {
    let able = Abilities::predictions_alone();
    let leased = app
        .state
        .dispatch
        .lease("tests", &able, std::time::Duration::ZERO);
    leased.await.unwrap()
}

/// Leases the next run and reports this of it.
async fn report(app: &TestApp, outcome: Outcome) {
    let run = lease(app).await.expect("a run waits");
    let dispatch = &app.state.dispatch;
    dispatch.report(run.lease, outcome.into()).await.unwrap();
}

fn scores(score: f64) -> Outcome {
    Outcome::Scored {
        public: score,
        private: score,
    }
}

async fn audited(app: &TestApp, action: &'static str) -> i64 {
    app.state
        .database
        .read(move |connection| {
            let acts = audit_log::table.filter(audit_log::action.eq(action));
            Ok::<_, DatabaseError>(acts.count().get_result(connection)?)
        })
        .await
        .unwrap()
}

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

on_both_databases!(
    a_cancelled_submission_gives_its_place_back_whether_it_waits_or_runs,
    |app| async move {
        let contest = contest(&app).await;
        let waiting = contest.submit(&app, 1.0).await;
        let running = contest.submit(&app, 1.0).await;
        let full = app
            .try_submit(&contest.expert, &contest.slug, &predictions(1.0, 1.0))
            .await;
        assert_eq!(full.status(), 429);

        assert_eq!(contest.cancel(&app, waiting).await, 204);
        let run = lease(&app).await.expect("the other one still waits");
        assert_eq!(
            app.submission(&contest.expert, running).await["state"],
            "running"
        );
        assert_eq!(contest.cancel(&app, running).await, 204);

        // Its worker learns it from the next heartbeat, and what it made is refused.
        let dispatch = &app.state.dispatch;
        for lost in [
            dispatch.heartbeat(run.lease).await,
            dispatch.report(run.lease, scores(0.0).into()).await,
        ] {
            assert!(matches!(lost, Err(RunError::LeaseLost)), "{lost:?}");
        }
        expire_leases(&app).await;
        assert!(lease(&app).await.is_none(), "nothing is taken up again");
        for id in [waiting, running] {
            let told = app.submission(&contest.expert, id).await;
            assert_eq!(told["verdict"], "cancelled", "{told}");
            assert_eq!(told["counts"], false);
            assert!(told["reason"].as_str().unwrap().contains("organizer"));
            assert_eq!(contest.cancel(&app, id).await, 409, "once is enough");
        }
        assert_eq!(contest.entry(&app).await, None);
        assert_eq!(audited(&app, "submission.cancel").await, 2);
        contest.submit(&app, 1.0).await;
    }
);

on_both_databases!(
    what_the_platform_failed_at_is_tried_again,
    |app| async move {
        let contest = contest(&app).await;
        let id = contest.submit(&app, 0.5).await;
        for _ in 0..=MAXIMUM_ATTEMPTS {
            lease(&app).await;
            expire_leases(&app).await;
        }
        let failed = app.submission(&contest.expert, id).await;
        assert_eq!(failed["verdict"], "platform_fault");

        assert_eq!(contest.rescore(&app, id).await, json!({"queued": true}));
        assert_eq!(contest.rescore(&app, id).await, json!({"queued": false}));
        let waiting = app.submission(&contest.expert, id).await;
        assert_eq!(waiting["state"], "queued", "{waiting}");
        assert_eq!(
            (&waiting["verdict"], &waiting["reason"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(waiting["counts"], true);
        app.score_all().await;
        assert_eq!(
            app.submission(&contest.expert, id).await["public_score"],
            0.5
        );
        assert_eq!(contest.entry(&app).await, Some((0.5, 1)));
        assert_eq!(audited(&app, "submission.retry").await, 1);
    }
);

on_both_databases!(
    an_entry_follows_when_a_score_becomes_worse_or_is_taken_back,
    |app| async move {
        let contest = contest(&app).await;
        let best = contest.submit(&app, 1.0).await;
        let other = contest.submit(&app, 2.0).await;
        app.score_all().await;
        let first_scored_at = app.submission(&contest.expert, best).await["scored_at"].clone();
        assert_eq!(contest.entry(&app).await, Some((1.0, 2)));
        app.advance(chrono::TimeDelta::minutes(1));

        contest.rescore(&app, best).await;
        assert_eq!(contest.rescore(&app, best).await, json!({"queued": false}));
        assert_eq!(
            contest.entry(&app).await,
            Some((1.0, 2)),
            "a score stays until it is replaced"
        );
        assert_eq!(
            app.submission(&contest.expert, best).await["state"],
            "scored"
        );
        report(&app, scores(3.0)).await;
        assert_eq!(contest.entry(&app).await, Some((2.0, 2)));
        let worse = app.submission(&contest.expert, best).await;
        assert_eq!(worse["public_score"], 3.0);
        assert_eq!(
            worse["scored_at"], first_scored_at,
            "the order of the workers decides no tie"
        );

        // What fails by the platform, or is stopped, keeps what it had.
        contest.rescore(&app, other).await;
        report(
            &app,
            Outcome::failed(Verdict::PlatformFault, "the disk is full"),
        )
        .await;
        contest.rescore(&app, other).await;
        assert_eq!(contest.cancel(&app, other).await, 204);
        let kept = app.submission(&contest.expert, other).await;
        assert_eq!(
            (&kept["state"], &kept["public_score"]),
            (&json!("scored"), &json!(2.0))
        );
        assert_eq!(contest.entry(&app).await, Some((2.0, 2)));

        contest.rescore(&app, other).await;
        report(&app, Outcome::failed(Verdict::Invalid, "an id is missing")).await;
        assert_eq!(contest.entry(&app).await, Some((3.0, 1)));
        let failed = app.submission(&contest.expert, other).await;
        assert_eq!(
            (&failed["state"], &failed["public_score"], &failed["counts"]),
            (&json!("failed"), &Value::Null, &json!(false))
        );
        contest.rescore(&app, best).await;
        report(&app, Outcome::failed(Verdict::Invalid, "an id is missing")).await;
        assert_eq!(contest.entry(&app).await, None);
        // And back again.
        contest.rescore(&app, best).await;
        report(&app, scores(1.5)).await;
        assert_eq!(contest.entry(&app).await, Some((1.5, 1)));
    }
);

on_both_databases!(
    a_whole_phase_is_scored_anew_while_its_scores_stay,
    |app| async move {
        let contest = contest(&app).await;
        contest.submit(&app, 1.0).await;
        contest.submit(&app, -2.0).await;
        let second = app.account(Role::Expert).await;
        app.join(&second, &contest.slug).await;
        app.submit(&second, &contest.slug, &predictions(3.0, 3.0))
            .await;
        app.submit(&second, &contest.slug, "id,prediction\n").await;
        app.score_all().await;
        app.advance(chrono::TimeDelta::minutes(1));

        // The metric was the wrong one: every error is now divided by what was to be predicted.
        app.state
            .database
            .write(|connection: &mut DatabaseConnection| {
                diesel::update(phases::table)
                    .set(phases::metric.eq("mape"))
                    .execute(connection)
                    .map_err(DatabaseError::from)
            })
            .await
            .unwrap();
        let path = format!("/challenges/{}/rescore", contest.slug);
        let begun = contest.act(&app, &path).await;
        assert_eq!(begun.status(), 202);
        let begun: Value = begun.json().await.unwrap();
        assert_eq!(
            begun,
            json!({"total": 3, "done": 0}),
            "an invalid file stays one"
        );

        let worker = app.worker();
        assert!(worker.step().await.unwrap());
        let again: Value = contest.act(&app, &path).await.json().await.unwrap();
        assert_eq!(again, json!({"total": 3, "done": 1}), "nothing is added");
        let browser = app.browser_of(&contest.organizer).await;
        let page = browser
            .page(&format!("/console/challenges/{}", contest.slug))
            .await;
        assert!(page.contains("1 of 3 scored"), "{page}");
        let folder = tempfile::tempdir().unwrap();
        let data = app.state.config.data_dir.display().to_string();
        let url = app.state.config.database_url.clone();
        let mut arguments = vec!["challenge", "rescore", &contest.slug, "--data-dir", &data];
        if !url.is_empty() {
            arguments.extend(["--database-url", &url]);
        }
        let said = succeed(folder.path(), &arguments);
        assert!(said.contains("under way; 1 are done"), "{said}");

        // A new submission does not wait for the old ones.
        app.advance(chrono::TimeDelta::minutes(1));
        let third = app.account(Role::Expert).await;
        app.join(&third, &contest.slug).await;
        let new = app
            .submit(&third, &contest.slug, &predictions(0.5, 0.5))
            .await;
        assert!(worker.step().await.unwrap());
        let half = app.submission(&third, new).await["public_score"]
            .as_f64()
            .unwrap();
        assert!(half < 0.5, "{half}");

        app.score_all().await;
        let board = app.leaderboard(&contest.slug).await;
        let lines: Vec<f64> = board["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["score"].as_f64().unwrap())
            .collect();
        assert_eq!(lines.len(), 3);
        for (line, times) in lines.iter().zip([1.0, 2.0, 6.0]) {
            assert!((line - half * times).abs() < 1e-12, "{lines:?}");
        }
        let page = browser
            .page(&format!("/console/challenges/{}/rescoring", contest.slug))
            .await;
        assert!(page.contains("data-final"), "{page}");
        assert_eq!(audited(&app, "phase.rescore").await, 1);
    }
);

on_both_databases!(
    an_organizer_acts_on_the_page_and_on_nobody_elses_challenge,
    |app| async move {
        let contest = contest(&app).await;
        let id = contest.submit(&app, 1.0).await;
        let browser = app.browser_of(&contest.organizer).await;
        let console = format!("/console/challenges/{}", contest.slug);
        let page = browser.page(&console).await;
        assert!(
            page.contains(&format!("/console/submissions/{id}/cancel")),
            "{page}"
        );
        let path = format!("/console/submissions/{id}/cancel");
        let sent = browser.post(&path, &[]).await;
        assert_eq!(sent.status(), 303);
        let page = browser.page(&console).await;
        assert!(page.contains("is cancelled; it does not count"), "{page}");
        assert!(page.contains("Retry"), "{page}");
        let path = format!("/console/submissions/{id}/rescore");
        assert_eq!(browser.post(&path, &[]).await.status(), 303);
        app.score_all().await;
        let page = browser.page(&console).await;
        assert!(page.contains("Score anew"), "{page}");
        let path = format!("{console}/rescore");
        let sent = browser.post(&path, &[("phase", "Final")]).await;
        assert_eq!(sent.status(), 303);
        assert!(browser.page(&console).await.contains("0 of 1 scored"));

        let other = app.account(Role::Organizer).await;
        for (path, status) in [
            (format!("/submissions/{id}/cancel"), 404),
            (format!("/submissions/{id}/rescore"), 404),
            (format!("/challenges/{}/rescore", contest.slug), 403),
        ] {
            let answer = app.api(&other.token).post(&path).send().await.unwrap();
            assert_eq!(answer.status(), status, "{path}");
        }
        let path = format!("/challenges/{}/rescore?phase=Semifinal", contest.slug);
        let unknown = contest.act(&app, &path).await;
        assert_eq!(unknown.status(), 422);
        assert!(unknown.text().await.unwrap().contains("only: Final"));
    }
);

//! An organizer's mistakes, mended: the board changes at once, and not before.

use chrono::TimeDelta;
use diesel::prelude::*;
use paddock::accounts::users::Role;
use paddock::challenges::corrections::{
    self, Change, CorrectionError, CorrectionState, Progress, Summary,
};
use paddock::challenges::dispatch::RunError;
use paddock::challenges::upkeep::upkeep;
use paddock::platform::database::{DatabaseConnection, DatabaseError};
use paddock::platform::schema::{announcements, audit_log, phases, receipts, runs, submissions};
use paddock::scoring::judge::{Judgement, Outcome};
use paddock::scoring::queue::{Abilities, Lease, MAXIMUM_ATTEMPTS};
use paddock::scoring::verdict::Verdict;
use paddock::scoring::worker::Assignment;
use reqwest::multipart;
use serde_json::Value;

use crate::app::{Account, SAMPLE_SOLUTION, TestApp, predictions};
use crate::on_both_databases;

/// Two teams: one far from every row but in its order, one near with two rows out of order. By the RMSE the
/// near one leads, by Spearman's correlation the other.
struct Contest {
    organizer: Account,
    far: (Account, i64),
    near: (Account, i64),
    slug: String,
}

async fn contest(app: &TestApp) -> Contest {
    let organizer = app.account(Role::Organizer).await;
    let slug = app.post_challenge(&organizer, |_| ()).await;
    let far = app.account(Role::Expert).await;
    let near = app.account(Role::Expert).await;
    app.join(&far, &slug).await;
    app.join(&near, &slug).await;
    let far_id = app.submit(&far, &slug, &predictions(2.0, 2.0)).await;
    let near_id = app.submit(&near, &slug, &swapped()).await;
    app.score_all().await;
    Contest {
        organizer,
        far: (far, far_id),
        near: (near, near_id),
        slug,
    }
}

fn swapped() -> String {
    "id,prediction\n1,3\n2,4\n3,1\n4,2\n5,5\n6,6\n7,7\n8,8\n9,9\n10,10\n".to_owned()
}

fn spearman() -> Change {
    Change {
        phase: "Final".into(),
        reason: "The order is what was asked for.".into(),
        metric: Some("spearman".parse().unwrap()),
        ..Change::default()
    }
}

impl Contest {
    async fn start(&self, app: &TestApp, change: Change) -> i64 {
        let principal = self.organizer.principal();
        corrections::start(&app.state.dispatch, &principal, &self.slug, change)
            .await
            .unwrap()
    }

    async fn state(&self, app: &TestApp, id: i64) -> CorrectionState {
        let (principal, slug) = (self.organizer.principal(), self.slug.clone());
        app.state
            .database
            .read(move |connection| corrections::find(connection, &principal, &slug, id))
            .await
            .unwrap()
            .state
    }

    async fn summary(&self, app: &TestApp, id: i64) -> Summary {
        match self.state(app, id).await {
            CorrectionState::Finished(_, summary) => summary,
            other => panic!("{other:?}"),
        }
    }

    async fn progress(&self, app: &TestApp, id: i64) -> Progress {
        match self.state(app, id).await {
            CorrectionState::Running(progress) => progress,
            other => panic!("{other:?}"),
        }
    }

    /// Submissions in the board's order, and the metric.
    async fn board(&self, app: &TestApp) -> (String, Vec<i64>) {
        let slug = self.slug.clone();
        let board = app.leaderboard(&slug).await;
        let scores: Vec<f64> = board["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["score"].as_f64().unwrap())
            .collect();
        let far = scores
            .iter()
            .position(|score| *score == 2.0 || *score == 1.0);
        let order = match far {
            Some(0) => vec![self.far.1, self.near.1],
            _ => vec![self.near.1, self.far.1],
        };
        (metric(app).await, order)
    }
}

async fn metric(app: &TestApp) -> String {
    read(app, |connection| {
        phases::table.select(phases::metric).first(connection)
    })
    .await
}

async fn read<T: Send + 'static>(
    app: &TestApp,
    query: impl FnOnce(&mut DatabaseConnection) -> QueryResult<T> + Send + 'static,
) -> T {
    app.state
        .database
        .read(move |connection| query(connection).map_err(DatabaseError::from))
        .await
        .unwrap()
}

async fn lease(app: &TestApp) -> Option<Assignment> {
    let able = Abilities::predictions_alone();
    let patience = std::time::Duration::ZERO;
    let leased = app.state.dispatch.lease("tests", &able, patience);
    leased.await.unwrap()
}

async fn report(app: &TestApp, lease: Lease, outcome: Outcome) -> Result<(), RunError> {
    app.state
        .dispatch
        .report(lease, Judgement::from(outcome))
        .await
}

async fn keep_up(app: &TestApp) {
    let (state, key) = (&app.state, &app.state.dispatch.receipt_key);
    upkeep(&state.database, &state.clock, key).await.unwrap();
}

fn scored(score: f64) -> Outcome {
    Outcome::Scored {
        public: score,
        private: score,
    }
}

on_both_databases!(
    a_metric_of_the_other_direction_turns_the_board_at_once_with_the_last_score,
    |app| async move {
        let contest = contest(&app).await;
        let (near, far) = (contest.near.1, contest.far.1);
        assert_eq!(contest.board(&app).await, ("rmse".into(), vec![near, far]));
        app.advance(TimeDelta::minutes(1));

        let id = contest.start(&app, spearman()).await;
        let worker = app.worker();
        assert!(worker.step().await.unwrap());
        assert_eq!(
            contest.progress(&app, id).await,
            Progress { done: 1, total: 2 }
        );
        assert_eq!(contest.board(&app).await, ("rmse".into(), vec![near, far]));
        let shown = app.submission(&contest.far.0, far).await;
        assert_eq!(shown["public_score"], 2.0, "{shown}");

        assert!(worker.step().await.unwrap());
        assert_eq!(
            contest.board(&app).await,
            ("spearman".into(), vec![far, near])
        );
        let summary = contest.summary(&app, id).await;
        assert_eq!((summary.submissions, summary.without_score), (2, 0));
        assert_eq!((summary.team_count, summary.moved), (2, 2));
        assert_eq!((summary.biggest_rise, summary.biggest_fall), (1, 1));
        let first = &summary.teams[0];
        assert_eq!(first.rise(), Some(1));
        assert_eq!(first.before.unwrap().score, 2.0);
        assert_eq!(first.after.unwrap().score, 1.0);
        assert_eq!(summary.of_team(first.team_id), Some(first));

        // Competitors hear of it, receipts are signed anew, and the organizer's log has both ends.
        let (title, body): (String, String) = read(&app, |connection| {
            announcements::table
                .filter(announcements::author_id.is_null())
                .select((announcements::title, announcements::body))
                .first(connection)
        })
        .await;
        assert!(title.contains("Final"), "{title}");
        assert!(body.contains("The order is what was asked for."), "{body}");
        assert!(body.contains("2 of 2 teams"), "{body}");
        let signed: i64 = read(&app, |connection| {
            receipts::table.count().get_result(connection)
        })
        .await;
        assert_eq!(signed, 4);
        let acts: i64 = read(&app, |connection| {
            let acts = audit_log::table
                .filter(audit_log::action.eq_any(["phase.correct", "phase.corrected"]));
            acts.count().get_result(connection)
        })
        .await;
        assert_eq!(acts, 2);
        let revision: i32 = read(&app, |connection| {
            phases::table.select(phases::revision).first(connection)
        })
        .await;
        assert_eq!(revision, 2);
        assert!(!worker.step().await.unwrap(), "nothing waits any more");
    }
);

on_both_databases!(
    a_solution_with_another_truth_gives_scores_to_what_the_wrong_one_refused,
    |app| async move {
        let contest = contest(&app).await;
        // The eleventh row is missing in the posted solution.
        let eleven = predictions(0.0, 0.0) + "11,11\n";
        let refused = app.submit(&contest.near.0, &contest.slug, &eleven).await;
        app.score_all().await;
        assert_eq!(
            app.submission(&contest.near.0, refused).await["state"],
            "failed"
        );

        let folder = tempfile::tempdir().unwrap();
        let solution = folder.path().join("mended.csv");
        std::fs::write(&solution, format!("{SAMPLE_SOLUTION}11,11,public\n")).unwrap();
        let change = Change {
            phase: "Final".into(),
            reason: "A row was missing.".into(),
            solution: Some(solution),
            ..Change::default()
        };
        let id = contest.start(&app, change).await;
        app.score_all().await;
        let summary = contest.summary(&app, id).await;
        assert_eq!((summary.submissions, summary.without_score), (3, 2));
        let mended = app.submission(&contest.near.0, refused).await;
        assert_eq!(mended["state"], "scored", "{mended}");
        assert_eq!(mended["public_score"], 0.0);
        let gone = app.submission(&contest.far.0, contest.far.1).await;
        assert_eq!(gone["state"], "failed");
        let board = app.leaderboard(&contest.slug).await;
        assert_eq!(board["total"], 1, "{board}");
        assert_eq!(summary.teams.len(), 2, "the team that is gone is told too");
        assert_eq!(summary.teams[1].after, None);
    }
);

on_both_databases!(
    what_is_sent_meanwhile_is_waited_for_and_an_old_score_never_comes_after,
    |app| async move {
        let contest = contest(&app).await;
        let id = contest.start(&app, spearman()).await;
        let sent = app
            .submit(&contest.far.0, &contest.slug, &predictions(0.5, 0.5))
            .await;
        // New submissions come before corrections, and are scored by the task that still counts.
        let newest = lease(&app).await.unwrap();
        assert_eq!(newest.task.metric.to_string(), "rmse");
        let (one, two) = (lease(&app).await.unwrap(), lease(&app).await.unwrap());
        assert_eq!(one.task.metric.to_string(), "spearman");
        report(&app, one.lease, scored(0.1)).await.unwrap();
        report(&app, newest.lease, scored(0.5)).await.unwrap();
        report(&app, two.lease, scored(0.2)).await.unwrap();
        assert_eq!(
            contest.progress(&app, id).await,
            Progress { done: 2, total: 3 }
        );
        assert_eq!(metric(&app).await, "rmse");

        // Another one is handed out by the old task and not yet reported when the board changes.
        let late = app
            .submit(&contest.near.0, &contest.slug, &predictions(0.25, 0.25))
            .await;
        let under_way = lease(&app).await.unwrap();
        assert_eq!(under_way.task.metric.to_string(), "rmse");
        let last = lease(&app).await.unwrap();
        report(&app, last.lease, scored(0.9)).await.unwrap();
        assert_eq!(metric(&app).await, "spearman");
        let refused = report(&app, under_way.lease, scored(0.25)).await;
        assert!(matches!(refused, Err(RunError::LeaseLost)));
        assert_eq!(
            app.submission(&contest.near.0, late).await["state"],
            "queued"
        );
        app.score_all().await;
        assert_eq!(
            app.submission(&contest.near.0, late).await["public_score"],
            1.0
        );
        assert_eq!(
            app.submission(&contest.far.0, sent).await["public_score"],
            0.9
        );
        assert_eq!(contest.summary(&app, id).await.submissions, 3);
    }
);

on_both_databases!(
    a_score_that_nobody_enqueued_is_found_before_the_board_changes,
    |app| async move {
        let contest = contest(&app).await;
        let id = contest.start(&app, spearman()).await;
        let (one, two) = (lease(&app).await.unwrap(), lease(&app).await.unwrap());
        report(&app, one.lease, scored(0.1)).await.unwrap();
        // A score whose transaction did not see that a correction had begun.
        let missed = app
            .submit(&contest.far.0, &contest.slug, &predictions(0.5, 0.5))
            .await;
        app.state
            .database
            .write(move |connection| {
                diesel::update(runs::table.filter(runs::submission_id.eq(missed)))
                    .set(runs::state.eq("finished"))
                    .execute(connection)?;
                diesel::update(submissions::table.find(missed))
                    .set((
                        submissions::state.eq("scored"),
                        submissions::public_score.eq(0.5),
                        submissions::private_score.eq(0.5),
                    ))
                    .execute(connection)
                    .map_err(DatabaseError::from)
            })
            .await
            .unwrap();
        report(&app, two.lease, scored(0.2)).await.unwrap();
        assert_eq!(
            contest.progress(&app, id).await,
            Progress { done: 2, total: 3 }
        );
        app.score_all().await;
        assert_eq!(contest.summary(&app, id).await.submissions, 3);
    }
);

on_both_databases!(
    a_worker_that_dies_or_fails_costs_time_and_nothing_else,
    |app| async move {
        let contest = contest(&app).await;
        let id = contest.start(&app, spearman()).await;
        let dead = lease(&app).await.unwrap();
        app.state
            .database
            .write(|connection| {
                let long_ago = chrono::DateTime::UNIX_EPOCH.naive_utc();
                diesel::update(runs::table.filter(runs::state.eq("leased")))
                    .set(runs::lease_expires_at.eq(long_ago))
                    .execute(connection)
                    .map_err(DatabaseError::from)
            })
            .await
            .unwrap();
        let again = lease(&app).await.unwrap();
        assert_eq!(again.lease.run_id, dead.lease.run_id);
        let stale = report(&app, dead.lease, scored(0.7)).await;
        assert!(matches!(stale, Err(RunError::LeaseLost)));
        // What the platform failed at is tried again, the last time it is told.
        let fault = || Outcome::failed(Verdict::PlatformFault, "a disk is full");
        report(&app, again.lease, fault()).await.unwrap();
        assert_eq!(
            contest.progress(&app, id).await,
            Progress { done: 0, total: 2 }
        );
        let mut attempts = again.lease.attempt;
        while attempts < MAXIMUM_ATTEMPTS {
            let run = lease(&app).await.unwrap();
            if run.lease.run_id == again.lease.run_id {
                attempts = run.lease.attempt;
                report(&app, run.lease, fault()).await.unwrap();
            } else {
                report(&app, run.lease, scored(0.4)).await.unwrap();
            }
        }
        app.score_all().await;
        let summary = contest.summary(&app, id).await;
        assert_eq!((summary.submissions, summary.without_score), (2, 1));
    }
);

on_both_databases!(
    a_change_whose_last_report_did_not_make_it_is_made_by_upkeep,
    |app| async move {
        let contest = contest(&app).await;
        let id = contest.start(&app, spearman()).await;
        let (one, two) = (lease(&app).await.unwrap(), lease(&app).await.unwrap());
        report(&app, one.lease, scored(0.3)).await.unwrap();
        // Its run ended without an outcome: the organizer cancelled the submission's runs.
        let run_id = two.lease.run_id;
        app.state
            .database
            .write(move |connection| {
                diesel::update(runs::table.find(run_id))
                    .set(runs::state.eq("finished"))
                    .execute(connection)
                    .map_err(DatabaseError::from)
            })
            .await
            .unwrap();
        assert!(lease(&app).await.is_none(), "nobody goes on by itself");
        keep_up(&app).await;
        assert_eq!(
            contest.progress(&app, id).await,
            Progress { done: 1, total: 2 }
        );
        let retried = lease(&app).await.unwrap();
        report(&app, retried.lease, scored(0.2)).await.unwrap();
        assert_eq!(contest.summary(&app, id).await.submissions, 2);
        assert_eq!(metric(&app).await, "spearman");
        keep_up(&app).await;
        let told: i64 = read(&app, |connection| {
            announcements::table.count().get_result(connection)
        })
        .await;
        assert_eq!(told, 1, "it is told once");
    }
);

on_both_databases!(
    a_cancelled_correction_changes_nothing_and_another_may_follow,
    |app| async move {
        let contest = contest(&app).await;
        let before = contest.board(&app).await;
        let id = contest.start(&app, spearman()).await;
        let principal = contest.organizer.principal();
        let second =
            corrections::start(&app.state.dispatch, &principal, &contest.slug, spearman()).await;
        assert!(matches!(second, Err(CorrectionError::UnderWay(under_way)) if under_way == id));
        let run = lease(&app).await.unwrap();
        let path = format!("/challenges/{}/corrections/{id}/cancel", contest.slug);
        let cancel = async || {
            let request = app.api(&contest.organizer.token).post(&path);
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!(cancel().await, 204);
        assert_eq!(cancel().await, 409);
        let refused = report(&app, run.lease, scored(0.9)).await;
        assert!(matches!(refused, Err(RunError::LeaseLost)));
        assert!(lease(&app).await.is_none());
        assert_eq!(contest.board(&app).await, before);
        let id = contest.start(&app, spearman()).await;
        app.score_all().await;
        assert_eq!(contest.summary(&app, id).await.submissions, 2);
    }
);

on_both_databases!(
    it_is_begun_over_the_api_by_its_organizer_alone_and_tells_no_private_score,
    |app| async move {
        let contest = contest(&app).await;
        let stranger = app.account(Role::Organizer).await;
        let path = format!("/challenges/{}/corrections", contest.slug);
        let form = |metric: &'static str| {
            multipart::Form::new()
                .text("phase", "Final")
                .text("metric", metric)
                .text("reason", "The order is what was asked for.")
        };
        let post = async |account: &Account, metric| {
            let request = app.api(&account.token).post(&path);
            request.multipart(form(metric)).send().await.unwrap()
        };
        assert_eq!(post(&stranger, "spearman").await.status(), 403);
        assert_eq!(post(&contest.far.0, "spearman").await.status(), 403);
        assert_eq!(post(&contest.organizer, "rmse").await.status(), 422);
        let begun = post(&contest.organizer, "spearman").await;
        assert_eq!(begun.status(), 202);
        let begun: Value = begun.json().await.unwrap();
        let one = format!("{path}/{}", begun["id"]);
        let seen =
            async |account: &Account| app.api(&account.token).get(&one).send().await.unwrap();
        assert_eq!(
            seen(&contest.far.0).await.status(),
            404,
            "it is not finished"
        );
        assert_eq!(seen(&contest.organizer).await.status(), 200);
        app.score_all().await;
        let told: Value = seen(&contest.far.0).await.json().await.unwrap();
        assert_eq!(told["state"], "finished", "{told}");
        assert_eq!(told["summary"]["teams"][0]["rank_before"], 2);
        assert_eq!(told["summary"]["teams"][0]["rank_after"], 1);
        assert_eq!(told["summary"]["moved"], 2);
        let page = app.browser_of(&contest.far.0).await;
        let page = page
            .page(&format!(
                "/challenges/{}/corrections/{}",
                contest.slug, begun["id"]
            ))
            .await;
        assert!(page.contains("The order is what was asked for."), "{page}");
        assert!(
            page.contains("class=\"you\"") && page.contains("up 1"),
            "{page}"
        );
        assert!(!told.to_string().contains("private"), "{told}");
        assert!(!told.to_string().contains("split"), "{told}");
    }
);

on_both_databases!(
    an_organizer_corrects_from_the_console_and_members_are_told,
    |app| async move {
        let contest = contest(&app).await;
        let console = app.browser_of(&contest.organizer).await;
        let path = "/console/challenges/sample/corrections";
        let form = |metric: &'static str| {
            multipart::Form::new()
                .text("phase", "Final")
                .text("reason", "The order is what was asked for.")
                .text("metric", metric)
        };
        let refused = console.post_files(path, form("guesswork")).await;
        assert_eq!(refused.status(), 422);
        let page = refused.text().await.unwrap();
        assert!(page.contains("id=\"error-metric\""), "{page}");
        assert!(page.contains("value=\"guesswork\""), "{page}");

        let begun = console.post_files(path, form("spearman")).await;
        assert_eq!(begun.status(), 303);
        let page = console.page(path).await;
        assert!(page.contains("0 of 2 scored"), "{page}");
        let board = app.visitor().page("/challenges/sample/leaderboard").await;
        assert!(!board.contains("This phase was corrected"), "{board}");

        app.score_all().await;
        keep_up(&app).await;
        let (metric, order) = contest.board(&app).await;
        assert_eq!(metric, "spearman");
        assert_eq!(order, [contest.far.1, contest.near.1]);
        let member = app.browser_of(&contest.near.0).await;
        let inbox = member.page("/inbox").await;
        assert!(inbox.contains("Final was corrected"), "{inbox}");
        let board = app.visitor().page("/challenges/sample/leaderboard").await;
        assert!(board.contains("This phase was corrected"), "{board}");
        assert!(
            board.contains("The order is what was asked for."),
            "{board}"
        );
    }
);

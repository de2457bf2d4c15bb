//! The laws of the house, each with a story that would catch its breach.

use diesel::prelude::*;
use paddock::accounts::users::Role;
use paddock::challenges::dispatch::RunError;
use paddock::challenges::submissions;
use paddock::http::fault::Fault;
use paddock::platform::database::{DatabaseConnection, DatabaseError};
use paddock::platform::schema::{entries, runs, submissions as rows};
use paddock::scoring::judge::Outcome;
use paddock::scoring::queue::Abilities;
use paddock::scoring::queue::MAXIMUM_ATTEMPTS;
use paddock::scoring::worker::RunFile;

use crate::app::{TestApp, predictions};
use crate::on_both_databases;

async fn count_runs(app: &TestApp) -> i64 {
    app.state
        .database
        .read(|connection| Ok::<_, DatabaseError>(runs::table.count().get_result(connection)?))
        .await
        .unwrap()
}

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

on_both_databases!(
    a_hundred_requests_for_the_last_place_yield_one,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let expert = app.account(Role::Expert).await;
        let slug = app
            .post_challenge(&organizer, |draft| {
                draft.phases[0].submissions_per_day = 3;
            })
            .await;
        app.join(&expert, &slug).await;
        for _ in 0..2 {
            app.submit(&expert, &slug, &predictions(1.0, 1.0)).await;
        }
        let csv = predictions(2.0, 2.0);
        let attempts = (0..100).map(|_| app.try_submit(&expert, &slug, &csv));
        let answers = futures_util::future::join_all(attempts).await;
        let accepted = answers
            .iter()
            .filter(|answer| answer.status() == 201)
            .count();
        let refused = answers
            .iter()
            .filter(|answer| answer.status() == 429)
            .count();
        assert_eq!((accepted, refused), (1, 99));
        assert_eq!(count_runs(&app).await, 3, "a refusal leaves no run behind");
    }
);

on_both_databases!(
    a_killed_worker_loses_nothing_and_its_late_report_is_refused,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let expert = app.account(Role::Expert).await;
        let slug = app.post_challenge(&organizer, |_| ()).await;
        app.join(&expert, &slug).await;
        let id = app.submit(&expert, &slug, &predictions(0.5, 0.25)).await;

        let dispatch = &app.state.dispatch;
        let lost = dispatch
            .lease(
                "first",
                &Abilities::predictions_alone(),
                std::time::Duration::ZERO,
            )
            .await
            .unwrap()
            .unwrap();
        let none = dispatch
            .lease(
                "second",
                &Abilities::predictions_alone(),
                std::time::Duration::ZERO,
            )
            .await
            .unwrap();
        assert!(none.is_none(), "a leased run is nobody else's");

        expire_leases(&app).await;
        app.score_all().await;
        let scored = app.submission(&expert, id).await;
        assert_eq!(scored["state"], "scored");
        assert_eq!(scored["public_score"], 0.5);

        let forged = Outcome::Scored {
            public: 0.0,
            private: 0.0,
        };
        let late = dispatch.report(lost.lease, forged.into()).await;
        assert!(matches!(late, Err(RunError::LeaseLost)));
        assert!(matches!(
            dispatch.heartbeat(lost.lease).await,
            Err(RunError::LeaseLost)
        ));
        assert!(dispatch.file(lost.lease, RunFile::Solution).await.is_err());
        assert_eq!(app.submission(&expert, id).await["public_score"], 0.5);
        assert_eq!(app.leaderboard(&slug).await["entries"][0]["submissions"], 1);
    }
);

on_both_databases!(
    a_run_that_kills_every_worker_is_given_up_and_costs_nothing,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let expert = app.account(Role::Expert).await;
        let slug = app
            .post_challenge(&organizer, |draft| draft.phases[0].submissions_per_day = 1)
            .await;
        app.join(&expert, &slug).await;
        let id = app.submit(&expert, &slug, &predictions(1.0, 1.0)).await;
        for _ in 0..MAXIMUM_ATTEMPTS {
            let leased = app
                .state
                .dispatch
                .lease(
                    "doomed",
                    &Abilities::predictions_alone(),
                    std::time::Duration::ZERO,
                )
                .await
                .unwrap();
            assert!(leased.is_some());
            expire_leases(&app).await;
        }
        app.score_all().await;
        let given_up = app.submission(&expert, id).await;
        assert_eq!(given_up["state"], "failed");
        assert_eq!(given_up["verdict"], "platform_fault");
        assert_eq!(given_up["counts"], false);
        app.submit(&expert, &slug, &predictions(1.0, 1.0)).await;
    }
);

on_both_databases!(
    an_invalid_file_names_line_and_column_and_costs_nothing,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let expert = app.account(Role::Expert).await;
        let slug = app
            .post_challenge(&organizer, |draft| draft.phases[0].submissions_per_day = 1)
            .await;
        app.join(&expert, &slug).await;
        for (broken, line) in [
            (
                predictions(0.0, 0.0).replace("\n4,4\n", "\n4,NaN\n"),
                Some(5),
            ),
            (predictions(0.0, 0.0).replace("\n4,4\n", "\n3,4\n"), Some(5)),
            (predictions(0.0, 0.0).replace("\n4,4\n", "\n"), None),
            ("id;prediction\n1;1\n".to_owned(), Some(1)),
        ] {
            let id = app.submit(&expert, &slug, &broken).await;
            app.score_all().await;
            let failed = app.submission(&expert, id).await;
            assert_eq!(failed["state"], "failed", "{failed}");
            assert_eq!(failed["verdict"], "invalid", "{failed}");
            assert_eq!(failed["line"].as_u64(), line, "{failed}");
            assert_eq!(failed["counts"], false);
            assert!(failed["reason"].as_str().unwrap().len() > 20, "{failed}");
        }
        assert_eq!(
            app.leaderboard(&slug).await["entries"]
                .as_array()
                .unwrap()
                .len(),
            0
        );
        app.submit(&expert, &slug, &predictions(0.0, 0.0)).await;
    }
);

on_both_databases!(
    ties_share_a_rank_and_nothing_but_finite_scores_ranks,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let slug = app.post_challenge(&organizer, |_| ()).await;
        for error in [2.0, 1.0, 1.0, 3.0] {
            let expert = app.account(Role::Expert).await;
            app.join(&expert, &slug).await;
            app.submit(&expert, &slug, &predictions(error, error)).await;
            app.score_all().await;
            app.advance(chrono::TimeDelta::minutes(1));
        }
        let poisoner = app.account(Role::Expert).await;
        app.join(&poisoner, &slug).await;
        app.submit(&poisoner, &slug, &predictions(0.0, 0.0)).await;
        let run = app
            .state
            .dispatch
            .lease(
                "worker",
                &Abilities::predictions_alone(),
                std::time::Duration::ZERO,
            )
            .await
            .unwrap()
            .unwrap();
        let poison = Outcome::Scored {
            public: f64::NAN,
            private: 0.0,
        };
        app.state
            .dispatch
            .report(run.lease, poison.into())
            .await
            .unwrap();

        let board = app.leaderboard(&slug).await;
        let lines: Vec<(i64, f64)> = board["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| {
                (
                    entry["rank"].as_i64().unwrap(),
                    entry["score"].as_f64().unwrap(),
                )
            })
            .collect();
        assert_eq!(lines, [(1, 1.0), (1, 1.0), (3, 2.0), (4, 3.0)]);
        assert_eq!(board["total"], 4);
    }
);

on_both_databases!(
    the_best_public_score_stands_and_its_private_score_decides,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let expert = app.account(Role::Expert).await;
        let slug = app.post_challenge(&organizer, |_| ()).await;
        app.join(&expert, &slug).await;
        for (public, private) in [(2.0, 0.5), (1.0, 4.0), (3.0, 0.1)] {
            app.submit(&expert, &slug, &predictions(public, private))
                .await;
        }
        app.score_all().await;
        assert_eq!(app.leaderboard(&slug).await["entries"][0]["score"], 1.0);
        app.advance(chrono::TimeDelta::days(31));
        let board = app.leaderboard(&slug).await;
        assert_eq!(board["board"], "private");
        assert_eq!(board["entries"][0]["score"], 4.0);
        assert_eq!(board["entries"][0]["submissions"], 3);
    }
);

on_both_databases!(the_deadline_holds_to_the_second, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    let expert = app.account(Role::Expert).await;
    let slug = app.post_challenge(&organizer, |_| ()).await;
    app.join(&expert, &slug).await;
    app.advance(chrono::TimeDelta::days(30) - chrono::TimeDelta::seconds(1));
    app.submit(&expert, &slug, &predictions(1.0, 1.0)).await;
    app.advance(chrono::TimeDelta::seconds(1));
    let late = app.try_submit(&expert, &slug, &predictions(1.0, 1.0)).await;
    assert_eq!(late.status(), 403);
    let fault: serde_json::Value = late.json().await.unwrap();
    assert_eq!(fault["type"], "closed");
    // What came in time is scored all the same.
    app.score_all().await;
    assert_eq!(
        app.leaderboard(&slug).await["entries"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
});

on_both_databases!(a_refused_upload_leaves_no_bytes_behind, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    let expert = app.account(Role::Expert).await;
    let slug = app
        .post_challenge(&organizer, |draft| draft.phases[0].max_bytes = 100)
        .await;
    app.join(&expert, &slug).await;
    let large = predictions(0.123_456_789, 0.123_456_789);
    let refused = app.try_submit(&expert, &slug, &large).await;
    assert_eq!(refused.status(), 413);
    let kept = app.state.config.data_dir.join("storage/submissions");
    let files = walk(&kept);
    assert!(files.is_empty(), "{files:?}");
    assert_eq!(count_runs(&app).await, 0);
});

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
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

on_both_databases!(
    a_failed_transaction_leaves_neither_submission_nor_run,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let expert = app.account(Role::Expert).await;
        let slug = app.post_challenge(&organizer, |_| ()).await;
        app.join(&expert, &slug).await;
        let upload = submissions::Upload {
            stored: paddock::platform::storage::Stored {
                key: "00112233".into(),
                sha256: "00".into(),
                bytes: 1,
            },
            kind: paddock::scoring::kind::SubmissionKind::Predictions,
            format: paddock::scoring::predictions::FileFormat::Csv,
            file_name: "x.csv".into(),
            description: String::new(),
        };
        let (principal, now) = (expert.principal(), app.clock.now());
        let failed: Result<(), Fault> = app
            .state
            .database
            .write(move |connection| {
                submissions::accept(connection, now, &principal, &slug, &upload)?;
                Err(Fault::not_found("the connection broke"))
            })
            .await;
        assert!(failed.is_err());
        assert_eq!(count_runs(&app).await, 0);
        let kept: i64 = app
            .state
            .database
            .read(|connection| Ok::<_, DatabaseError>(rows::table.count().get_result(connection)?))
            .await
            .unwrap();
        assert_eq!(kept, 0);
    }
);

on_both_databases!(six_workers_score_each_submission_once, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    let slug = app
        .post_challenge(&organizer, |draft| draft.phases[0].submissions_per_day = 50)
        .await;
    let expert = app.account(Role::Expert).await;
    app.join(&expert, &slug).await;
    for number in 0..30 {
        app.submit(&expert, &slug, &predictions(f64::from(number), 1.0))
            .await;
    }
    futures_util::future::join_all((0..6).map(|_| app.score_all())).await;
    let (counted, attempts): (i64, Option<i32>) = app
        .state
        .database
        .read(|connection| {
            let counted = entries::table
                .select(entries::submission_count)
                .first(connection)?;
            let most = runs::table
                .select(diesel::dsl::max(runs::attempt))
                .first(connection)?;
            Ok::<_, DatabaseError>((counted, most))
        })
        .await
        .unwrap();
    assert_eq!((counted, attempts), (30, Some(1)));
});

on_both_databases!(
    the_sample_submission_has_a_score_under_a_rank_metric_too,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let expert = app.account(Role::Expert).await;
        let slug = app
            .post_challenge(&organizer, |draft| {
                draft.phases[0].metric = "spearman".parse().unwrap();
            })
            .await;
        app.join(&expert, &slug).await;
        let address = format!("/api/v1/challenges/{slug}/sample-submission");
        let sample = app.get(&address).send().await.unwrap();
        let sample = sample.text().await.unwrap();
        let id = app.submit(&expert, &slug, &sample).await;
        app.score_all().await;
        assert_eq!(app.submission(&expert, id).await["state"], "scored");
    }
);

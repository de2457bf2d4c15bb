//! The leaderboard is right, and tells no more than it should: each defect that other platforms had with
//! theirs is a story here.

use chrono::TimeDelta;
use diesel::prelude::*;
use paddock::accounts::users::Role;
use paddock::challenges::draft::{ChallengeDraft, LatePolicy};
use paddock::challenges::upkeep;
use paddock::platform::database::DatabaseError;
use paddock::platform::schema::{entries, phases, teams};
use serde_json::{Value, json};

use crate::app::{Account, TestApp, predictions};
use crate::on_both_databases;

/// Predictions whose errors on the public rows 1, 3, 5, 7, 9 are these; right on the private rows.
fn with_errors(errors: [f64; 5]) -> String {
    (1..=10_usize).fold("id,prediction\n".to_owned(), |csv, id| {
        let error = match id % 2 {
            1 => errors[id / 2],
            _ => 0.0,
        };
        format!("{csv}{id},{}\n", id as f64 + error)
    })
}

async fn contest(
    app: &TestApp,
    change: impl FnOnce(&mut ChallengeDraft),
) -> (Account, Account, String) {
    let organizer = app.account(Role::Organizer).await;
    let expert = app.account(Role::Expert).await;
    let slug = app.post_challenge(&organizer, change).await;
    app.join(&expert, &slug).await;
    (organizer, expert, slug)
}

async fn text(app: &TestApp, account: &Account, path: &str) -> String {
    let answer = app.api(&account.token).get(path).send().await.unwrap();
    answer.text().await.unwrap()
}

/// Posts to the API and gives the status and what was answered.
async fn act(app: &TestApp, account: &Account, path: &str) -> (u16, Value) {
    let answer = app.api(&account.token).post(path).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}

async fn board(app: &TestApp, query: &str) -> Value {
    let answer = app.get(&format!("/api/v1/challenges/sample/leaderboard{query}"));
    answer.send().await.unwrap().json().await.unwrap()
}

on_both_databases!(
    the_ladder_hides_an_improvement_within_noise_everywhere_until_the_end,
    |app| async move {
        let (organizer, expert, slug) =
            contest(&app, |draft| draft.phases[0].ladder = Some(true)).await;
        let first = app.submit(&expert, &slug, &with_errors([1.0; 5])).await;
        // An RMSE of 0.99501: better by half a percent, and by one row alone.
        let second = app
            .submit(&expert, &slug, &with_errors([0.0, 0.0, 0.0, 0.0, 2.2249]))
            .await;
        app.score_all().await;
        let hidden = "0.9950";

        assert_eq!(app.submission(&expert, second).await["public_score"], 1.0);
        let browser = app.browser_of(&expert).await;
        for path in [
            format!("/submissions/{second}"),
            format!("/submissions/{second}/receipt"),
            format!("/challenges/{slug}/submissions"),
            format!("/challenges/{slug}/submissions/compare?one={first}&other={second}"),
            format!("/challenges/{slug}/leaderboard"),
        ] {
            let page = browser.page(&path).await;
            assert!(!page.contains(hidden), "{path}: {page}");
        }
        for path in [
            format!("/submissions/{second}"),
            format!("/submissions/{second}/receipt"),
            format!("/challenges/{slug}/submissions"),
            format!("/challenges/{slug}/leaderboard"),
        ] {
            let answer = text(&app, &expert, &path).await;
            assert!(!answer.contains(hidden), "{path}: {answer}");
        }
        let compare = format!("/challenges/{slug}/submissions/compare?one={first}&other={second}");
        let compared: Value = serde_json::from_str(&text(&app, &expert, &compare).await).unwrap();
        assert_eq!(compared["public"]["difference"], 0.0);
        assert_eq!(compared["public"]["first_is_better"], Value::Null);
        assert_eq!(compared["public"]["intervals"], Value::Null);

        // The organizer sees the score itself.
        let seen = app.submission(&organizer, second).await;
        assert!(seen["public_score"].as_f64().unwrap() < 0.996, "{seen}");

        // Taking the first one back is no way to learn the second one's score.
        let (status, _) = act(&app, &expert, &format!("/submissions/{first}/withdraw")).await;
        assert_eq!(status, 200);
        assert_eq!(app.submission(&expert, second).await["public_score"], 1.0);
        let entry = &board(&app, "").await["entries"][0];
        assert_eq!(
            (&entry["score"], &entry["interval"]),
            (&json!(1.0), &Value::Null)
        );

        app.advance(TimeDelta::days(31));
        let open = app.submission(&expert, second).await;
        assert!(open["public_score"].as_f64().unwrap() < 0.996, "{open}");
        let receipt: Value = serde_json::from_str(
            &text(&app, &expert, &format!("/submissions/{second}/receipt")).await,
        )
        .unwrap();
        assert_eq!(receipt["receipt"]["public_score"], Value::Null);
        assert_eq!(receipt["opening"]["public_score"], open["public_score"]);
    }
);

on_both_databases!(
    rounded_scores_are_all_that_competitors_see,
    |app| async move {
        let (_, expert, slug) =
            contest(&app, |draft| draft.phases[0].public_digits = Some(1)).await;
        let id = app.submit(&expert, &slug, &predictions(1.234, 0.5)).await;
        app.score_all().await;
        assert_eq!(app.submission(&expert, id).await["public_score"], 1.2);
        for path in [
            format!("/submissions/{id}"),
            format!("/submissions/{id}/receipt"),
        ] {
            let answer = text(&app, &expert, &path).await;
            assert!(!answer.contains("1.23"), "{path}: {answer}");
        }
        assert_eq!(board(&app, "").await["entries"][0]["score"], 1.2);
    }
);

on_both_databases!(
    a_late_entry_tells_nothing_while_another_phase_runs,
    |app| async move {
        let (_, expert, slug) = contest(&app, |draft| {
            draft.phases[0].late = LatePolicy::Unranked;
            let mut next = draft.phases[0].clone();
            next.name = "Later".into();
            next.starts_at = draft.phases[0].ends_at + TimeDelta::days(10);
            next.ends_at = next.starts_at + TimeDelta::days(10);
            draft.phases.push(next);
        })
        .await;
        app.advance(TimeDelta::days(31));
        let late = app.submit(&expert, &slug, &predictions(0.5, 0.25)).await;
        app.score_all().await;
        let seen = app.submission(&expert, late).await;
        assert_eq!(
            (&seen["state"], &seen["late"]),
            (&json!("scored"), &json!(true))
        );
        assert_eq!(
            (&seen["public_score"], &seen["private_score"]),
            (&Value::Null, &Value::Null)
        );
        let receipt = text(&app, &expert, &format!("/submissions/{late}/receipt")).await;
        assert!(!receipt.contains("opening"), "{receipt}");
        assert!(!receipt.contains("\"public_score\":0.5"), "{receipt}");
        assert_eq!(board(&app, "?phase=Final").await["total"], 0);
        app.advance(TimeDelta::days(30));
        let seen = app.submission(&expert, late).await;
        assert_eq!(
            (&seen["public_score"], &seen["private_score"]),
            (&json!(0.5), &json!(0.25))
        );
    }
);

on_both_databases!(
    the_private_board_follows_the_choice_and_tells_how_it_was_shaken,
    |app| async move {
        let (_, expert, slug) = contest(&app, |draft| draft.final_selections = 1).await;
        let rival = app.account(Role::Expert).await;
        app.join(&rival, &slug).await;
        let best = app.submit(&expert, &slug, &predictions(1.0, 4.0)).await;
        let chosen = app.submit(&expert, &slug, &predictions(2.0, 0.5)).await;
        app.submit(&rival, &slug, &predictions(1.5, 3.0)).await;
        app.score_all().await;
        let (status, said) = act(&app, &expert, &format!("/submissions/{chosen}/select")).await;
        assert_eq!((status, &said["selected"]), (200, &json!(true)));
        let (status, said) = act(&app, &expert, &format!("/submissions/{best}/select")).await;
        assert_eq!((status, &said["type"]), (409, &json!("enough_selected")));
        let (status, _) = act(&app, &rival, &format!("/submissions/{chosen}/deselect")).await;
        assert_eq!(status, 404, "another team's");
        let browser = app.browser_of(&expert).await;
        let list = browser
            .page(&format!("/challenges/{slug}/submissions"))
            .await;
        assert!(list.contains("(1 chosen, 0 left)"), "{list}");
        // The public best withdrawn, the rival leads; the choice decides the private board.
        let confirm = browser.page(&format!("/submissions/{best}/withdraw")).await;
        assert!(confirm.contains("cannot be undone"), "{confirm}");
        let answer = browser
            .post(&format!("/submissions/{best}/withdraw"), &[])
            .await;
        assert_eq!(answer.status(), 303);
        assert_eq!(board(&app, "").await["entries"][0]["score"], 1.5);

        app.advance(TimeDelta::days(31));
        let private = board(&app, "").await;
        assert_eq!(private["board"], "private");
        assert_eq!(private["entries"][0]["score"], 0.5);
        let page = app
            .visitor()
            .page(&format!("/challenges/{slug}/leaderboard"))
            .await;
        assert!(page.contains("▲ up 1, from 2"), "{page}");
        assert!(page.contains("▼ down 1, from 1"), "{page}");
        let (status, _) = act(&app, &expert, &format!("/submissions/{chosen}/deselect")).await;
        assert_eq!(status, 409, "the boards are final");
    }
);

on_both_databases!(
    the_board_of_a_past_moment_and_a_teams_way_to_today,
    |app| async move {
        let (_, expert, slug) = contest(&app, |_| ()).await;
        app.submit(&expert, &slug, &predictions(2.0, 1.0)).await;
        app.score_all().await;
        let then = app.clock.now();
        app.advance(TimeDelta::hours(5));
        app.submit(&expert, &slug, &predictions(1.0, 1.0)).await;
        app.score_all().await;
        let before = then - TimeDelta::seconds(1);
        let at = |moment: chrono::DateTime<chrono::Utc>| {
            format!(
                "?at={}",
                moment.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            )
        };
        assert_eq!(board(&app, &at(before)).await["entries"], json!([]));
        assert_eq!(board(&app, &at(then)).await["entries"][0]["score"], 2.0);
        let now = board(&app, "").await;
        assert_eq!(now["entries"][0]["score"], 1.0);

        let visitor = app.visitor();
        let address = format!("/challenges/{slug}/leaderboard");
        let page = visitor.page(&format!("{address}{}", at(then))).await;
        assert!(
            page.contains("Back to now") && page.contains("2.000"),
            "{page}"
        );
        let moved = visitor.get(&format!("{address}?step=0")).await;
        assert_eq!(moved.status(), 303);
        let location = moved.headers()["location"].to_str().unwrap().to_owned();
        assert!(location.contains("at=2026-06-01T12:00:00"), "{location}");
        assert_eq!(
            visitor
                .get(&format!("{address}?at=yesterday"))
                .await
                .status(),
            422
        );

        let team = now["entries"][0]["team_id"].as_i64().unwrap();
        let page = visitor
            .page(&format!("/challenges/{slug}/teams/{team}"))
            .await;
        assert!(page.contains("in 2 steps"), "{page}");
        let found = visitor
            .get(&format!(
                "{address}?team={}",
                expert.user.username.to_uppercase()
            ))
            .await;
        assert_eq!(
            found.headers()["location"].to_str().unwrap(),
            format!("/challenges/{slug}/teams/{team}")
        );
        let history = app.get(&format!("/api/v1/challenges/{slug}/teams/{team}/history"));
        let history: Value = history.send().await.unwrap().json().await.unwrap();
        let scores: Vec<_> = history["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| step["score"].as_f64().unwrap())
            .collect();
        assert_eq!(scores, [2.0, 1.0]);
        assert_eq!(visitor.get("/challenges/none/teams/1").await.status(), 404);
    }
);

on_both_databases!(
    a_team_name_in_the_export_is_never_a_formula,
    |app| async move {
        let (_, expert, slug) = contest(&app, |_| ()).await;
        app.submit(&expert, &slug, &predictions(1.0, 1.0)).await;
        app.score_all().await;
        app.state
            .database
            .write(|connection| {
                diesel::update(teams::table)
                    .set(teams::name.eq("=HYPERLINK(\"http://evil.example\",\"x\")"))
                    .execute(connection)?;
                Ok::<_, DatabaseError>(())
            })
            .await
            .unwrap();
        let visitor = app.visitor();
        let csv = visitor
            .page(&format!("/challenges/{slug}/leaderboard.csv"))
            .await;
        let line = csv.lines().nth(1).unwrap();
        assert!(
            line.starts_with("1,\"'=HYPERLINK(\"\"http://evil.example\"\",\"\"x\"\")\",1,"),
            "{csv}"
        );
        let json = visitor
            .page(&format!("/challenges/{slug}/leaderboard.json"))
            .await;
        let entries: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            entries[0]["team"],
            "=HYPERLINK(\"http://evil.example\",\"x\")"
        );
        assert_eq!(entries[0]["score"], 1.0);
        assert_eq!(
            visitor
                .get(&format!("/challenges/{slug}/leaderboard.xlsx"))
                .await
                .status(),
            404
        );
    }
);

on_both_databases!(
    what_has_no_finite_score_never_ranks_whichever_way_the_metric_points,
    |app| async move {
        for (slug, metric) in [("down", "rmse"), ("up", "r2")] {
            let organizer = app.account(Role::Organizer).await;
            let (broken, sound) = (
                app.account(Role::Expert).await,
                app.account(Role::Expert).await,
            );
            app.post_challenge(&organizer, |draft| {
                draft.slug = slug.into();
                draft.phases[0].metric = metric.parse().unwrap();
            })
            .await;
            for account in [&broken, &sound] {
                app.join(account, slug).await;
            }
            let mut ids = Vec::new();
            for value in ["NaN", "inf", "-inf", "", "1e308"] {
                let csv = (1..=10).fold("id,prediction\n".to_owned(), |csv, id| {
                    format!("{csv}{id},{value}\n")
                });
                ids.push(app.submit(&broken, slug, &csv).await);
            }
            app.submit(&sound, slug, &predictions(1.0, 1.0)).await;
            app.score_all().await;
            for id in ids {
                assert_eq!(
                    app.submission(&broken, id).await["public_score"],
                    Value::Null
                );
            }
            let board = app.leaderboard(slug).await;
            assert_eq!(board["entries"].as_array().unwrap().len(), 1, "{board}");
            assert_eq!(board["entries"][0]["team"], sound.user.username);
        }
    }
);

/// Puts rows into a board directly: the first has the best score, each the same as its neighbour; every
/// seventh is a baseline.
async fn fill(app: &TestApp, slug: &str, count: i64) -> i64 {
    let slug = slug.to_owned();
    let now = app.clock.now().naive_utc();
    app.state
        .database
        .write(move |connection| {
            let (phase_id, challenge_id): (i64, i64) = phases::table
                .inner_join(paddock::platform::schema::challenges::table)
                .filter(paddock::platform::schema::challenges::slug.eq(slug))
                .select((phases::id, phases::challenge_id))
                .first(connection)?;
            let (submission_id, own): (i64, i64) = entries::table
                .select((entries::submission_id, entries::team_id))
                .first(connection)?;
            diesel::delete(entries::table.find((phase_id, own))).execute(connection)?;
            for index in 0..count {
                let is_baseline = index % 7 == 6;
                let team_id: i64 = diesel::insert_into(teams::table)
                    .values((
                        teams::challenge_id.eq(challenge_id),
                        teams::name.eq(format!("Team {index:05}")),
                        teams::created_at.eq(now),
                        teams::is_baseline.eq(is_baseline),
                    ))
                    .returning(teams::id)
                    .get_result(connection)?;
                let score = (index / 2) as f64;
                diesel::insert_into(entries::table)
                    .values((
                        (
                            entries::phase_id.eq(phase_id),
                            entries::team_id.eq(team_id),
                            entries::submission_id.eq(submission_id),
                            entries::submission_count.eq(1_i64),
                            entries::scored_at.eq(now),
                            entries::is_baseline.eq(is_baseline),
                        ),
                        (
                            entries::public_score.eq(score),
                            entries::public_key.eq(score),
                            entries::private_score.eq(score),
                            entries::private_key.eq(score),
                        ),
                    ))
                    .execute(connection)?;
            }
            Ok::<_, DatabaseError>(phase_id)
        })
        .await
        .unwrap()
}

on_both_databases!(
    more_than_ten_thousand_teams_are_all_ranked_once_and_in_order,
    |app| async move {
        let (_, expert, slug) = contest(&app, |_| ()).await;
        app.submit(&expert, &slug, &predictions(1.0, 1.0)).await;
        app.score_all().await;
        let count = 10_500_i64;
        fill(&app, &slug, count).await;
        let csv = app
            .visitor()
            .page(&format!("/challenges/{slug}/leaderboard.csv"))
            .await;
        let lines: Vec<Vec<&str>> = csv
            .lines()
            .skip(1)
            .map(|line| line.split(',').collect())
            .collect();
        assert_eq!(lines.len() as i64, count);
        assert_eq!(lines[0][1], "Team 00000", "the oldest row is the best");
        let (mut ranked, mut before) = (0, None);
        let mut rank_of_level = 0;
        for (index, line) in lines.iter().enumerate() {
            assert_eq!(line[1], format!("Team {index:05}"), "in order, none twice");
            if index % 7 == 6 {
                assert_eq!(line[0], "", "a baseline has no rank");
                continue;
            }
            ranked += 1;
            if before != Some(line[7]) {
                rank_of_level = ranked;
                before = Some(line[7]);
            }
            assert_eq!(line[0], rank_of_level.to_string(), "{line:?}");
        }
        // The last team's own rank is the same wherever it is looked up.
        let page = app
            .visitor()
            .get(&format!("/challenges/{slug}/leaderboard?team=Team 10499"))
            .await;
        assert_eq!(page.status(), 303);
    }
);

/// Truth = id for forty rows, every other one public: enough of them to say how sure a score is.
fn forty_rows() -> String {
    (1..=40).fold("id,target,split\n".to_owned(), |csv, id| {
        let split = if id % 2 == 1 { "public" } else { "private" };
        format!("{csv}{id},{id},{split}\n")
    })
}

/// Predictions for those that are wrong by about this much in each row, to either side.
fn wrong_by(error: f64) -> String {
    (1..=40).fold("id,prediction\n".to_owned(), |csv, id| {
        let side = if id % 4 < 2 { 1.0 } else { -1.0 };
        let size = error * (1.0 + f64::from(id % 5) / 10.0);
        format!("{csv}{id},{}\n", f64::from(id) + side * size)
    })
}

on_both_databases!(tiers_and_certainties_stand_on_the_board, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    let expert = app.account(Role::Expert).await;
    let rival = app.account(Role::Expert).await;
    let slug = app
        .post_challenge_of(&organizer, &forty_rows(), |_| ())
        .await;
    app.join(&expert, &slug).await;
    app.join(&rival, &slug).await;
    app.submit(&expert, &slug, &wrong_by(1.0)).await;
    app.submit(&rival, &slug, &wrong_by(9.0)).await;
    app.score_all().await;
    upkeep::upkeep(&app.state.database, &app.clock, &app.state.receipt_key)
        .await
        .unwrap();
    let page = app
        .visitor()
        .page(&format!("/challenges/{slug}/leaderboard"))
        .await;
    let leader = format!("Tier 1: led by {}", expert.user.username);
    assert!(page.contains(&leader), "{page}");
    assert!(page.contains("How sure are these ranks?"), "{page}");
    assert!(page.contains("with 95 % certainty between"), "{page}");
});

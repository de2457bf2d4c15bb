//! Running a competition from the console: what needs attention, the acts with their consequences, phases
//! that follow each other, baselines, reviews.

use std::net::TcpListener;
use std::sync::Arc;

use chrono::TimeDelta;
use diesel::prelude::*;
use paddock::accounts::users::Role;
use paddock::challenges::upkeep::upkeep;
use paddock::platform::config::Config;
use paddock::platform::database::DatabaseError;
use paddock::platform::schema::{flags, join_requests};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::app::{Account, Browser, SAMPLE_SOLUTION, TestApp, predictions};
use crate::on_both_databases;

async fn signed_in(app: &TestApp, role: Role) -> (Account, Browser) {
    let account = app.account(role).await;
    let browser = app.browser_of(&account).await;
    (account, browser)
}

/// Does an act of the page of a challenge's life.
async fn act(browser: &Browser, slug: &str, act: &str) -> u16 {
    let address = format!("/console/challenges/{slug}/life");
    let answer = browser.post(&address, &[("act", act)]).await;
    answer.status().as_u16()
}

fn file(csv: String) -> Part {
    Part::text(csv)
        .file_name("predictions.csv")
        .mime_str("text/csv")
        .unwrap()
}

async fn first_flag(app: &TestApp) -> i64 {
    app.state
        .database
        .read(|connection| {
            Ok::<_, DatabaseError>(flags::table.select(flags::id).first(connection)?)
        })
        .await
        .unwrap()
}

on_both_databases!(
    the_console_says_what_needs_attention_and_every_act_is_in_the_log,
    |app| async move {
        let (organizer, browser) = signed_in(&app, Role::Organizer).await;
        let slug = app.post_challenge(&organizer, |_| {}).await;
        let page = format!("/console/challenges/{slug}");
        assert!(
            browser
                .page(&page)
                .await
                .contains("Nothing needs your attention")
        );

        let experts = [
            app.account(Role::Expert).await,
            app.account(Role::Expert).await,
        ];
        let mut sent = Vec::new();
        for expert in &experts {
            app.join(expert, &slug).await;
            sent.push(app.submit(expert, &slug, &predictions(0.5, 0.5)).await);
        }
        let asking = app.account(Role::Expert).await;
        let (id, now) = (asking.user.id, app.clock.now().naive_utc());
        app.state
            .database
            .write(move |connection| {
                diesel::insert_into(join_requests::table)
                    .values((
                        join_requests::challenge_id.eq(1_i64),
                        join_requests::user_id.eq(id),
                        join_requests::message.eq("Please"),
                        join_requests::asked_at.eq(now),
                    ))
                    .execute(connection)
                    .map_err(DatabaseError::from)
            })
            .await
            .unwrap();
        app.advance(TimeDelta::minutes(11));
        let shown = browser.page(&page).await;
        for told in [
            "Submissions wait too long",
            "Submissions of two teams are alike",
            "People ask to be let in",
            "2 submissions from 1 Jun 2026",
            "2 new teams from 1 Jun 2026",
        ] {
            assert!(shown.contains(told), "{told}");
        }
        assert!(!shown.contains("Nothing needs your attention"));

        // Side by side, and resolved with what was found.
        let flag = first_flag(&app).await;
        let alike = browser.page(&format!("{page}/flags")).await;
        assert!(alike.contains("The very same file") && alike.contains("Similarity 1.0000"));
        for expert in &experts {
            assert!(alike.contains(&expert.user.username));
        }
        let address = format!("{page}/flags/{flag}");
        browser.post(&address, &[("resolution", " ")]).await;
        assert!(
            browser
                .page(&format!("{page}/flags"))
                .await
                .contains("What you found")
        );
        browser
            .post(&address, &[("resolution", "One class, one notebook.")])
            .await;
        assert!(
            !browser
                .page(&page)
                .await
                .contains("Submissions of two teams are alike")
        );

        app.score_all().await;
        let verified = [("verified", "true"), ("slug", slug.as_str())];
        let address = format!("/console/submissions/{}/verify", sent[0]);
        assert_eq!(browser.post(&address, &verified).await.status(), 303);
        assert!(
            browser
                .page(&format!("{page}?state=scored"))
                .await
                .contains("Unverify")
        );
        let none = browser
            .page(&format!("{page}?state=cancelled&late=true"))
            .await;
        assert!(none.contains("No submission is like that"));

        let log = browser.page(&format!("{page}/log")).await;
        for told in [
            "posted the challenge as a draft".to_owned(),
            "published the challenge".to_owned(),
            format!("resolved flag {flag}"),
            "One class, one notebook.".to_owned(),
            format!("verified the score of submission {}", sent[0]),
        ] {
            assert!(log.contains(&told), "{told}");
        }
        assert!(log.contains(&organizer.user.username));
        let csv = browser.page(&format!("{page}/log.csv")).await;
        assert!(csv.starts_with("at,actor,action,subject,what,detail"));
        assert!(csv.contains(",flag.resolve,"));
        let csv = browser.page(&format!("{page}/submissions.csv")).await;
        assert_eq!(csv.lines().count(), 3, "{csv}");
        assert!(csv.contains(&experts[1].user.username) && csv.contains(",0.5,0.5,"));

        let (_, stranger) = signed_in(&app, Role::Organizer).await;
        let (_, expert) = signed_in(&app, Role::Expert).await;
        for part in [
            "",
            "/life",
            "/flags",
            "/baselines",
            "/log",
            "/log.csv",
            "/submissions.csv",
        ] {
            for other in [&stranger, &expert] {
                let answer = other.get(&format!("{page}{part}")).await;
                assert_eq!(answer.status(), 403, "{part}");
            }
        }
        assert_eq!(act(&stranger, &slug, "close").await, 403);
        let refused = stranger
            .post(&address.replace("verify", "rescore"), &[])
            .await;
        assert_eq!(refused.status(), 404);
        assert_eq!(
            stranger
                .post(&address_of_flag(&page, flag), &[("resolution", "x")])
                .await
                .status(),
            403
        );
    }
);

fn address_of_flag(page: &str, flag: i64) -> String {
    format!("{page}/flags/{flag}")
}

/// The fields of the form of a challenge with two phases.
fn two_phases() -> Vec<(&'static str, &'static str)> {
    vec![
        ("slug", "two-phases"),
        ("title", "Two phases"),
        ("tagline", "Predict it twice."),
        ("rules", "Be fair."),
        ("metric", "rmse"),
        ("secondary_metrics", "mae"),
        ("break_ties", "true"),
        ("ladder", "off"),
        ("public_digits", "3"),
        ("prediction_columns", "prediction"),
        ("id_column", "id"),
        ("target_column", "target"),
        ("split_column", "split"),
        ("public_percent", "50"),
        ("largest_file_in_megabytes", "1"),
        ("kind_predictions", "true"),
        ("time_zone", "Europe/Rome"),
        ("prizes", "A kart."),
        ("max_team_size", "3"),
        ("phases", "1"),
        ("phase_name", "Main"),
        ("starts_at", "2026-05-31T12:00"),
        ("ends_at", "2026-06-10T12:00"),
        ("submissions_per_day", "5"),
        ("submissions_total", "50"),
    ]
}

fn form_of(fields: &[(String, String)]) -> Form {
    fields.iter().fold(Form::new(), |form, (name, text)| {
        form.text(name.clone(), text.clone())
    })
}

on_both_databases!(
    two_phases_are_posted_by_the_form_and_lived_through,
    |app| async move {
        let (organizer, browser) = signed_in(&app, Role::Organizer).await;
        let mut fields: Vec<(String, String)> = two_phases()
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .collect();
        // The preset shows the form again with everything that was typed.
        let preset = form_of(&fields).text("action", "two-phases");
        let answer = browser.post_files("/console/challenges", preset).await;
        assert_eq!(answer.status(), 200);
        let shown = answer.text().await.unwrap();
        for kept in [
            "value=\"Development\"",
            "value=\"Final\"",
            "name=\"solution_2\"",
            "value=\"2026-06-17T12:00\"",
            "A kart.",
            "Remove phase 2",
            "value=\"Europe/Rome\"",
        ] {
            assert!(shown.contains(kept), "{kept}");
        }
        let removed = form_of(&fields).text("action", "add-phase");
        let answer = browser.post_files("/console/challenges", removed).await;
        assert!(answer.text().await.unwrap().contains("value=\"Phase 2\""));

        // An error stands at the field of its phase.
        for (name, text) in &mut fields {
            match name.as_str() {
                "phases" => *text = "2".into(),
                "phase_name" => *text = "Development".into(),
                _ => {}
            }
        }
        for (name, text) in [
            ("phase_name_2", "Final"),
            ("starts_at_2", "2026-06-10T12:00"),
            ("ends_at_2", "2026-06-01T12:00"),
            ("submissions_per_day_2", "2"),
            ("submissions_total_2", "4"),
            ("grace_minutes_2", "30"),
            ("carry_over_2", "best"),
        ] {
            fields.push((name.into(), text.into()));
        }
        let solution = || {
            Part::text(SAMPLE_SOLUTION)
                .file_name("solution.csv")
                .mime_str("text/csv")
                .unwrap()
        };
        let form = form_of(&fields).part("solution", solution());
        let answer = browser.post_files("/console/challenges", form).await;
        assert_eq!(answer.status(), 422);
        let shown = answer.text().await.unwrap();
        assert!(
            shown.contains("#field-ends_at_2") && shown.contains("a phase ends after it starts")
        );
        for (name, text) in &mut fields {
            if name == "ends_at_2" {
                *text = "2026-06-20T12:00".into();
            }
        }
        let form = form_of(&fields).part("solution", solution());
        let answer = browser.post_files("/console/challenges", form).await;
        assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());

        let slug = "two-phases";
        assert_eq!(act(&browser, slug, "publish").await, 303);
        let expert = app.account(Role::Expert).await;
        app.join(&expert, slug).await;
        app.submit(&expert, slug, &predictions(0.5, 0.5)).await;
        app.score_all().await;
        let life = browser.page("/console/challenges/two-phases/life").await;
        assert!(life.contains("This challenge is: open.") && life.contains("“Final” begins now"));
        assert!(life.contains("1 person in 1 team"));

        // The clock brings the final phase, and with it what the team had sent.
        app.advance(TimeDelta::days(9) + TimeDelta::minutes(1));
        assert!(
            upkeep(&app.state.database, &app.clock, &app.state.receipt_key)
                .await
                .unwrap()
        );
        app.score_all().await;
        let life = browser.page("/console/challenges/two-phases/life").await;
        assert!(life.contains("This challenge is: final phase."));
        let board = app.leaderboard(slug).await;
        assert_eq!(board["entries"].as_array().unwrap().len(), 1, "{board}");
        assert_eq!(board["entries"][0]["score"], 0.5);
        let phase = browser.page("/console/challenges/two-phases?phase=2").await;
        assert!(phase.contains("Only late ones") && phase.contains("scored"));

        // New dates; one that is not possible stands at its field.
        let dates = |end: &'static str| {
            [
                ("starts_at_0", "2026-05-31T12:00"),
                ("ends_at_0", "2026-06-10T12:00"),
                ("starts_at_1", "2026-06-10T12:00"),
                ("ends_at_1", end),
            ]
        };
        let address = "/console/challenges/two-phases/dates";
        let answer = browser.post(address, &dates("2026-06-09T12:00")).await;
        assert_eq!(answer.status(), 422);
        assert!(answer.text().await.unwrap().contains("#field-ends_at_1"));
        assert_eq!(
            browser
                .post(address, &dates("2026-06-25T12:00"))
                .await
                .status(),
            303
        );
        assert_eq!(act(&browser, slug, "open-next-phase").await, 422);

        assert_eq!(act(&browser, slug, "archive").await, 422);
        assert_eq!(act(&browser, slug, "close").await, 303);
        app.advance(TimeDelta::minutes(31));
        assert_eq!(
            app.try_submit(&expert, slug, &predictions(0.1, 0.1))
                .await
                .status(),
            403
        );
        let api = app.api(&organizer.token);
        let answer = api
            .post("/challenges/two-phases/archive")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 204);
        let life = browser.page("/console/challenges/two-phases/life").await;
        assert!(
            life.contains("This challenge is: archived.") && !life.contains("Change the dates")
        );
        assert_eq!(act(&browser, slug, "restore").await, 303);
        let log = browser.page("/console/challenges/two-phases/log").await;
        for told in [
            "changed the dates",
            "archived the challenge",
            "out of the archive",
        ] {
            assert!(log.contains(told), "{told}");
        }
    }
);

on_both_databases!(
    a_baseline_stands_on_the_board_without_a_rank,
    |app| async move {
        let (organizer, browser) = signed_in(&app, Role::Organizer).await;
        let slug = app.post_challenge(&organizer, |_| {}).await;
        let expert = app.account(Role::Expert).await;
        app.join(&expert, &slug).await;
        app.submit(&expert, &slug, &predictions(0.5, 0.5)).await;
        let page = format!("/console/challenges/{slug}/baselines");

        let taken = Form::new()
            .text("name", expert.user.username.clone())
            .part("file", file(predictions(0.1, 0.1)));
        let answer = browser.post_files(&page, taken).await;
        assert_eq!(answer.status(), 422);
        assert!(
            answer
                .text()
                .await
                .unwrap()
                .contains("a team has this name already")
        );

        let form = Form::new()
            .text("name", "Mean of last season")
            .text("phase", "")
            .part("file", file(predictions(0.1, 0.1)));
        assert_eq!(browser.post_files(&page, form).await.status(), 303);
        let answer = app
            .api(&organizer.token)
            .post(&format!("/challenges/{slug}/baselines"))
            .multipart(
                Form::new()
                    .text("name", "Last lap again")
                    .part("file", file(predictions(2.0, 2.0))),
            )
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 201);
        app.score_all().await;

        let board = app.leaderboard(&slug).await;
        let ranked: Vec<(&Value, &Value)> = board["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (&entry["team"], &entry["rank"]))
            .collect();
        assert_eq!(
            json!(ranked),
            json!([
                ["Mean of last season", null],
                [expert.user.username, 1],
                ["Last lap again", null]
            ]),
            "{board}"
        );
        let shown = browser.page(&page).await;
        let team = shown
            .split("/baselines/")
            .nth(1)
            .and_then(|rest| rest.split('/').next())
            .unwrap()
            .to_owned();
        let removed = browser.post(&format!("{page}/{team}/remove"), &[]).await;
        assert_eq!(removed.status(), 303);
        let board = app.leaderboard(&slug).await;
        assert_eq!(board["entries"].as_array().unwrap().len(), 2, "{board}");
        let log = browser
            .page(&format!("/console/challenges/{slug}/log"))
            .await;
        assert!(log.contains("put the baseline Mean of last season on the board"));
        assert!(log.contains("off the board"));

        let stranger = app.account(Role::Organizer).await;
        let answer = app
            .api(&stranger.token)
            .post(&format!("/challenges/{slug}/baselines"))
            .multipart(
                Form::new()
                    .text("name", "Mine")
                    .part("file", file(predictions(0.0, 0.0))),
            )
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 403);
    }
);

/// Another server of the same house whose operator asks for reviews.
fn reviewing(app: &TestApp, stop: &CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let config = Config {
        challenge_review: true,
        ..(*app.state.config).clone()
    };
    let mut state = app.state.clone();
    state.config = Arc::new(config);
    actix_web::rt::spawn(paddock::server::serve(state, listener, stop.clone()));
    address
}

on_both_databases!(
    where_the_operator_asks_for_it_an_admin_reviews_a_challenge,
    |app| async move {
        let stop = CancellationToken::new();
        let address = reviewing(&app, &stop);
        let there = |browser: Browser| Browser {
            address: address.clone(),
            ..browser
        };
        let (organizer, browser) = signed_in(&app, Role::Organizer).await;
        let (_, admin) = signed_in(&app, Role::Admin).await;
        let (browser, admin) = (there(browser), there(admin));
        let slug = app.post_draft(&organizer, |_| {}).await;
        let life = format!("/console/challenges/{slug}/life");

        let shown = browser.page(&life).await;
        assert!(shown.contains("Hand in for review") && !shown.contains("Publish the challenge"));
        assert_eq!(act(&browser, &slug, "publish").await, 422);
        assert_eq!(act(&browser, &slug, "submit-for-review").await, 303);
        let page = format!("/console/challenges/{slug}");
        assert!(admin.page(&page).await.contains("It waits for a review"));

        let note = [("act", "send-back"), ("note", "Say what can be won.")];
        assert_eq!(admin.post(&life, &note).await.status(), 303);
        assert!(browser.page(&page).await.contains("Say what can be won."));

        let settings = [
            ("joining", "open"),
            ("max_team_size", "0"),
            ("final_selections", "1"),
            ("prizes", "A kart."),
            ("eligibility", ""),
        ];
        let address = format!("/console/challenges/{slug}/settings");
        let answer = browser.post(&address, &settings).await;
        assert_eq!(answer.status(), 422);
        assert!(
            answer
                .text()
                .await
                .unwrap()
                .contains("#field-max_team_size")
        );
        let settings = settings.map(|(name, text)| match name {
            "max_team_size" => (name, "4"),
            _ => (name, text),
        });
        assert_eq!(browser.post(&address, &settings).await.status(), 303);

        assert_eq!(act(&browser, &slug, "submit-for-review").await, 303);
        assert_eq!(act(&admin, &slug, "publish").await, 303);
        let log = browser.page(&format!("{page}/log")).await;
        for told in [
            "handed the challenge in for review",
            "sent the challenge back to be changed",
            "changed prizes, eligibility or the rules for teams",
            "published the challenge",
        ] {
            assert!(log.contains(told), "{told}");
        }
        stop.cancel();
    }
);

//! What organizers, scouts and admins do in a browser: publish, post, look after, browse, give roles.

use chrono::TimeDelta;
use diesel::prelude::*;
use paddock::accounts::users::{self, Role};
use paddock::http::fault::Fault;
use paddock::platform::schema::audit_log;
use reqwest::multipart::{Form, Part};

use crate::app::{Account, Browser, SAMPLE_SOLUTION, TestApp};
use crate::on_both_databases;

fn filled(
    fields: &[(&'static str, &'static str)],
    changes: &[(&'static str, &'static str)],
) -> Form {
    fields.iter().fold(Form::new(), |form, (name, text)| {
        let changed = changes.iter().find(|(changed, _)| changed == name);
        form.text(*name, changed.map_or(*text, |(_, text)| *text))
    })
}

/// The challenge form, filled in, with these fields changed.
fn challenge_form(changes: &[(&'static str, &'static str)], solution: &str) -> Form {
    let fields = [
        ("slug", "next-lap"),
        ("title", "The next lap"),
        ("tagline", "Predict it."),
        ("dataset", ""),
        ("overview", "Predict the **target**."),
        ("rules", "Be fair."),
        ("metric", "rmse"),
        ("metric_parameter", ""),
        ("classes", ""),
        ("prediction_columns", "prediction"),
        ("id_column", "id"),
        ("target_column", "target"),
        ("split_column", "split"),
        ("group_column", ""),
        ("event_column", ""),
        ("public_percent", "50"),
        ("phase_name", "Main phase"),
        ("starts_at", "2026-05-31T12:00"),
        ("ends_at", "2026-06-30T12:00"),
        ("submissions_per_day", "5"),
        ("submissions_total", "50"),
        ("largest_file_in_megabytes", "1"),
        ("kind_predictions", "true"),
    ];
    let solution = Part::text(solution.to_owned())
        .file_name("solution.csv")
        .mime_str("text/csv")
        .unwrap();
    filled(&fields, changes).part("solution", solution)
}

async fn signed_in(app: &TestApp, role: Role) -> (Account, Browser) {
    let account = app.account(role).await;
    let browser = app.browser_of(&account).await;
    (account, browser)
}

fn location(response: &reqwest::Response) -> &str {
    response.headers()["location"].to_str().unwrap()
}

on_both_databases!(
    an_organizer_posts_a_challenge_and_publishes_it,
    |app| async move {
        let (_, browser) = signed_in(&app, Role::Organizer).await;
        let form = browser.page("/console/challenges/new").await;
        assert!(form.contains("<optgroup label=\"Classes\">") && form.contains("2026-06-02T12:00"));

        let answer = browser
            .post_files("/console/challenges", challenge_form(&[], SAMPLE_SOLUTION))
            .await;
        assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
        assert_eq!(location(&answer), "/console/challenges/next-lap");
        let draft = browser.page("/console/challenges/next-lap").await;
        assert!(draft.contains("This is a draft") && draft.contains("<strong>target</strong>"));
        assert!(
            browser
                .page("/console")
                .await
                .contains("Check the preview, then publish it")
        );

        let (_, stranger) = signed_in(&app, Role::Organizer).await;
        let (_, expert) = signed_in(&app, Role::Expert).await;
        assert_eq!(
            stranger.get("/console/challenges/next-lap").await.status(),
            404
        );
        assert_eq!(stranger.get("/challenges/next-lap").await.status(), 404);
        assert_eq!(
            stranger
                .post("/console/challenges/next-lap/publish", &[])
                .await
                .status(),
            404
        );
        assert_eq!(expert.get("/challenges/next-lap").await.status(), 404);
        assert_eq!(expert.get("/console").await.status(), 403);
        assert!(!stranger.page("/console").await.contains("next-lap"));

        let answer = browser
            .post("/console/challenges/next-lap/publish", &[])
            .await;
        assert_eq!(answer.status(), 303);
        assert!(
            expert
                .page("/challenges/next-lap")
                .await
                .contains("The next lap")
        );
        let shown = browser.page("/console/challenges/next-lap").await;
        assert!(shown.contains("The challenge is published") && !shown.contains("This is a draft"));
        // Published, it is no secret any more, but it is still somebody else's.
        assert_eq!(
            stranger.get("/console/challenges/next-lap").await.status(),
            403
        );
        assert_eq!(
            stranger
                .get("/console/challenges/next-lap/edit")
                .await
                .status(),
            403
        );
    }
);

on_both_databases!(
    a_challenge_form_tells_all_that_cannot_be_read_at_once,
    |app| async move {
        let (_, browser) = signed_in(&app, Role::Organizer).await;
        let broken = [
            ("metric", "ndcg"),
            ("metric_parameter", "ten"),
            ("ends_at", "soon"),
            ("submissions_per_day", "many"),
        ];
        let answer = browser
            .post_files(
                "/console/challenges",
                challenge_form(&broken, SAMPLE_SOLUTION),
            )
            .await;
        assert_eq!(answer.status(), 422);
        let page = answer.text().await.unwrap();
        for field in ["metric_parameter", "ends_at", "submissions_per_day"] {
            assert!(page.contains(&format!("id=\"error-{field}\"")), "{field}");
        }
        assert!(page.contains("value=\"soon\"") && page.contains("Be fair."));

        let backwards = [("ends_at", "2026-05-01T12:00")];
        let answer = browser
            .post_files(
                "/console/challenges",
                challenge_form(&backwards, SAMPLE_SOLUTION),
            )
            .await;
        assert_eq!(answer.status(), 422);
        assert!(
            answer
                .text()
                .await
                .unwrap()
                .contains("id=\"error-ends_at\"")
        );

        let answer = browser
            .post_files(
                "/console/challenges",
                challenge_form(&[], "id,wrong\n1,2\n"),
            )
            .await;
        assert_eq!(answer.status(), 422);
        assert!(
            answer
                .text()
                .await
                .unwrap()
                .contains("id=\"error-solution\"")
        );
    }
);

on_both_databases!(
    an_organizer_sees_who_sent_what_and_both_boards,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let slug = app.post_challenge(&organizer, |_| {}).await;
        let experts = [
            app.account(Role::Expert).await,
            app.account(Role::Expert).await,
        ];
        for (expert, error) in experts.iter().zip([0.25, 0.5]) {
            app.join(expert, &slug).await;
            app.submit(expert, &slug, &crate::app::predictions(error, error * 2.0))
                .await;
        }
        let browser = app.browser_of(&organizer).await;
        let page = browser.page(&format!("/console/challenges/{slug}")).await;
        assert!(page.contains("badge-queued") && !page.contains("Submissions wait too long"));
        app.advance(TimeDelta::minutes(11));
        let page = browser.page(&format!("/console/challenges/{slug}")).await;
        assert!(page.contains("Submissions wait too long"));
        assert!(
            browser
                .page("/console")
                .await
                .contains("See whether a worker is running")
        );

        app.score_all().await;
        let page = browser.page(&format!("/console/challenges/{slug}")).await;
        for expected in [
            &experts[0].user.username,
            &experts[1].user.username,
            "0.2500",
            "1.000",
        ] {
            assert!(page.contains(expected), "{expected}");
        }
        assert!(page.contains("Private, top 10") && !page.contains("badge-queued"));
    }
);

on_both_databases!(a_change_of_the_rules_asks_members_again, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    let slug = app.post_challenge(&organizer, |_| {}).await;
    let expert = app.account(Role::Expert).await;
    app.join(&expert, &slug).await;
    let browser = app.browser_of(&organizer).await;
    let address = format!("/console/challenges/{slug}/edit");
    let form = browser.page(&address).await;
    assert!(form.contains("A change of the rules asks everybody again"));
    assert!(form.contains("Predict the **target**."));

    let texts = |slug: &'static str| {
        Form::new()
            .text("title", "A better title")
            .text("tagline", "Predict ten numbers.")
            .text("rules", "Be fairer.\r\nAlways.")
            .text("page_0_slug", slug)
            .text("page_0_title", "Overview")
            .text("page_0_body", "Now in *other* words.")
    };
    let answer = browser.post_files(&address, texts("Not A Slug")).await;
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.unwrap();
    assert!(page.contains("id=\"error-page_0_slug\"") && page.contains("Be fairer."));

    let answer = browser.post_files(&address, texts("overview")).await;
    assert_eq!(answer.status(), 303);
    let visitor = app.visitor();
    let page = visitor.page(&format!("/challenges/{slug}")).await;
    assert!(page.contains("A better title") && page.contains("<em>other</em>"));
    let refused = app
        .try_submit(&expert, &slug, &crate::app::predictions(0.1, 0.1))
        .await;
    assert_eq!(refused.status(), 403);
    assert!(refused.text().await.unwrap().contains("rules_changed"));
});

on_both_databases!(an_admin_gives_roles_and_the_log_says_so, |app| async move {
    let (admin, browser) = signed_in(&app, Role::Admin).await;
    let (expert, theirs) = signed_in(&app, Role::Expert).await;
    assert_eq!(theirs.get("/console/users").await.status(), 403);
    let name = expert.user.username.clone();
    assert!(browser.page("/console/users").await.contains(&name));

    let change = format!("/console/users/{name}/role");
    let answer = browser.post(&change, &[("role", "organizer")]).await;
    assert_eq!(answer.status(), 303);
    assert!(
        browser
            .page("/console/users")
            .await
            .contains("has the role organizer")
    );
    // Their open session has it at once.
    assert_eq!(theirs.get("/console").await.status(), 200);
    assert_eq!(
        theirs.post(&change, &[("role", "admin")]).await.status(),
        403
    );

    let own = format!("/console/users/{}/role", admin.user.username);
    browser.post(&own, &[("role", "expert")]).await;
    assert!(
        browser
            .page("/console/users")
            .await
            .contains("another admin has to change")
    );
    assert_eq!(
        browser.post(&change, &[("role", "king")]).await.status(),
        400
    );

    let logged: Vec<(Option<i64>, String, String)> = app
        .state
        .database
        .read(move |connection| {
            Ok::<_, paddock::platform::database::DatabaseError>(
                audit_log::table
                    .filter(audit_log::action.eq("user.role"))
                    .select((audit_log::actor_id, audit_log::subject, audit_log::detail))
                    .load(connection)?,
            )
        })
        .await
        .unwrap();
    let expected = (
        Some(admin.user.id),
        format!("user:{name}"),
        "expert to organizer".to_owned(),
    );
    assert_eq!(logged, [expected]);
    let role = app
        .state
        .database
        .read(move |connection| users::find(connection, &name).map_err(Fault::from))
        .await
        .unwrap()
        .role;
    assert_eq!(role, Role::Organizer);
});

on_both_databases!(
    a_dataset_file_comes_whole_in_ranges_or_not_at_all,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        app.publish_sample_dataset(&organizer, "laps").await;
        let path = "/datasets/laps/files/data.csv?version=1";
        let whole = app.get(path).send().await.unwrap();
        assert_eq!(whole.status(), 200);
        let etag = whole.headers()["etag"].clone();
        let length = whole.headers()["content-length"].clone();
        assert_eq!(whole.headers()["content-type"], "text/csv; charset=utf-8");
        let bytes = whole.bytes().await.unwrap();
        assert!(bytes.starts_with(b"driver,age,lap,seconds\n"));

        let part = app
            .get(path)
            .header("Range", "bytes=7-9")
            .send()
            .await
            .unwrap();
        assert_eq!(part.status(), 206);
        assert_eq!(
            part.headers()["content-range"],
            format!("bytes 7-9/{}", bytes.len())
        );
        assert_eq!(part.bytes().await.unwrap(), "age");

        let known = app
            .get(path)
            .header("If-None-Match", etag.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(known.status(), 304);
        let head = reqwest::Client::new()
            .head(format!("{}{path}", app.address))
            .send()
            .await
            .unwrap();
        assert_eq!(head.status(), 200);
        assert_eq!(
            (&head.headers()["etag"], &head.headers()["content-length"]),
            (&etag, &length)
        );
        assert!(head.bytes().await.unwrap().is_empty());

        let beyond = app
            .get(path)
            .header("Range", "bytes=99999999-")
            .send()
            .await
            .unwrap();
        assert_eq!(beyond.status(), 416);
        for missing in [
            "/datasets/laps/files/other.csv",
            "/datasets/laps/files/data.csv?version=2",
        ] {
            assert_eq!(
                app.get(missing).send().await.unwrap().status(),
                404,
                "{missing}"
            );
        }
    }
);

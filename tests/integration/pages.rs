//! What people see and do in a browser, from signing up to the leaderboard.

use chrono::TimeDelta;
use paddock::accounts::users::Role;
use reqwest::Response;
use reqwest::multipart::{Form, Part};

use crate::app::{Browser, predictions};
use crate::on_both_databases;

const PASSWORD: &str = "late apex, early throttle";

fn location(response: &Response) -> &str {
    response
        .headers()
        .get("location")
        .map_or("", |value| value.to_str().unwrap())
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

async fn sign_up(browser: &Browser, username: &str, next: &str) -> Response {
    let email = format!("{username}@paddock.example");
    let form = [
        ("username", username),
        ("email", email.as_str()),
        ("password", PASSWORD),
        ("next", next),
    ];
    browser.post("/sign-up", &form).await
}

async fn accept_rules(browser: &Browser, slug: &str) {
    let form = [("rules_version", "1"), ("accept_rules", "true")];
    let path = format!("/challenges/{slug}/rules");
    let answer = browser.post(&path, &form).await;
    assert_eq!(location(&answer), format!("/challenges/{slug}/submit"));
}

fn entry(csv: String, file_name: &str, description: &str) -> Form {
    let file = Part::text(csv).file_name(file_name.to_owned());
    let file = file.mime_str("text/csv").unwrap();
    Form::new()
        .text("description", description.to_owned())
        .part("file", file)
}

/// That an answer is a whole page of the site, not raw text.
async fn assert_page(response: Response, status: u16, says: &str) {
    assert_eq!(response.status(), status, "{}", response.url());
    assert_eq!(
        header(&response, "content-type"),
        "text/html; charset=utf-8"
    );
    let body = response.text().await.unwrap();
    assert!(body.starts_with("<!doctype html>"), "{body}");
    assert!(body.contains("site-header"), "{body}");
    assert!(body.contains(says), "{says} is not in {body}");
}

on_both_databases!(
    a_newcomer_signs_up_submits_and_leads_the_board,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let slug = app.post_challenge(&organizer, |_| ()).await;
        let browser = app.visitor();

        let board = browser.page("/challenges/sample/leaderboard").await;
        assert!(board.contains("The board is empty"));
        let answer = sign_up(&browser, "rookie", "/challenges/sample/submit").await;
        assert_eq!(
            (answer.status().as_u16(), location(&answer)),
            (303, "/challenges/sample/submit")
        );

        let page = browser.page("/challenges/sample/submit").await;
        assert!(page.contains("Welcome to the paddock, rookie."));
        assert!(page.contains("Accept the rules first"));
        let page = browser.page("/challenges/sample/submit").await;
        assert!(!page.contains("Welcome"), "a message is shown once");

        accept_rules(&browser, &slug).await;
        let page = browser.page("/challenges/sample/submit").await;
        assert!(page.contains("0 of 5 used"));
        let form = entry(predictions(0.5, 0.25), "first.csv", "my first lap");
        let answer = browser.post_files("/challenges/sample/submit", form).await;
        assert_eq!(answer.status(), 303);
        let submission = location(&answer).to_owned();

        let page = browser.page(&submission).await;
        assert!(page.contains("badge-queued") && page.contains("http-equiv=\"refresh\""));
        let status = format!("{submission}/status");
        assert!(!browser.page(&status).await.contains("data-final"));
        app.score_all().await;
        let part = browser.page(&status).await;
        assert!(
            part.contains("data-final") && part.contains("badge-scored"),
            "{part}"
        );
        assert!(
            part.contains("0.5000") && !part.contains("0.2500"),
            "the private score is told early: {part}"
        );

        let page = browser.page(&submission).await;
        assert!(page.contains("my first lap") && !page.contains("http-equiv=\"refresh\""));
        let board = browser.page("/challenges/sample/leaderboard").await;
        assert!(
            board.contains("class=\"you\"") && board.contains(">You<") && board.contains("rank-1"),
            "{board}"
        );
        let as_others = app.visitor().page("/challenges/sample/leaderboard").await;
        assert!(as_others.contains("rookie") && !as_others.contains("class=\"you\""));
        let early = app
            .visitor()
            .page("/challenges/sample/leaderboard?board=private")
            .await;
        assert!(
            early.contains("0.5000") && !early.contains("0.2500"),
            "{early}"
        );
        let list = browser.page("/challenges/sample/submissions").await;
        assert!(list.contains("first.csv") && list.contains("Stands on the leaderboard"));

        app.advance(TimeDelta::days(40));
        sign_in(&browser, "rookie").await;
        let board = browser.page("/challenges/sample/leaderboard").await;
        assert!(
            board.contains("0.2500") && board.contains("The private board"),
            "{board}"
        );
        let page = browser.page("/challenges/sample/submit").await;
        assert!(page.contains("The flag has fallen"));
        let latecomer = app.visitor();
        sign_up(&latecomer, "latecomer", "").await;
        let page = latecomer.page("/challenges/sample/submit").await;
        assert!(
            page.contains("The flag has fallen"),
            "nobody reads rules for nothing"
        );
    }
);

async fn sign_in(browser: &Browser, username: &str) -> Response {
    let form = [("username", username), ("password", PASSWORD)];
    browser.post("/sign-in", &form).await
}

on_both_databases!(
    a_file_that_cannot_be_scored_is_explained,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let slug = app.post_challenge(&organizer, |_| ()).await;
        let browser = app.visitor();
        sign_up(&browser, "rookie", "").await;
        accept_rules(&browser, &slug).await;
        let csv = predictions(0.5, 0.25).replace("\n4,", "\n4,fast");
        let answer = browser
            .post_files("/challenges/sample/submit", entry(csv, "p.csv", ""))
            .await;
        let submission = location(&answer).to_owned();
        app.score_all().await;
        let page = browser.page(&submission).await;
        assert!(
            page.contains("File not as asked") && page.contains("line 5"),
            "{page}"
        );
        assert!(page.contains("used none of your places"));
        let page = browser.page("/challenges/sample/submit").await;
        assert!(page.contains("0 of 5 used"));
        let stranger = app.visitor();
        sign_up(&stranger, "stranger", "").await;
        assert_page(stranger.get(&submission).await, 404, "another team").await;
    }
);

on_both_databases!(
    the_board_shares_ranks_pages_and_pins_ones_own_place,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let slug = app.post_challenge(&organizer, |_| ()).await;
        let mut last = None;
        for place in 0..52_u32 {
            let expert = app.account(Role::Expert).await;
            app.join(&expert, &slug).await;
            // Pairs of teams have the same score.
            let error = 1.0 + f64::from(place / 2);
            app.submit(&expert, &slug, &predictions(error, error)).await;
            last = Some(expert);
        }
        app.score_all().await;
        let browser = app.browser_of(&last.unwrap()).await;
        let board = browser.page("/challenges/sample/leaderboard").await;
        assert!(board.contains("1 to 50 of 52"), "{board}");
        assert_eq!(board.matches("rank-49").count(), 2);
        assert_eq!(
            board.matches("(tied)").count(),
            51,
            "all of the page, and the pinned place"
        );
        assert_eq!(board.matches("class=\"you\"").count(), 1);
        assert!(
            board.contains("rank-51"),
            "one's own place stands below the page"
        );
        let next = board.split("rel=\"next\" href=\"").nth(1).unwrap();
        let next = next
            .split('"')
            .next()
            .unwrap()
            .replace("&amp;", "&")
            .replace("&#38;", "&");
        let second = browser.page(&next).await;
        assert!(second.contains("51 to 52 of 52"), "{second}");
        assert_eq!(second.matches("rank-51").count(), 2);
        assert!(!second.contains("rel=\"next\""));
        assert_page(
            browser.get("/challenges/sample/leaderboard?after=x").await,
            422,
            "damaged",
        )
        .await;
    }
);

on_both_databases!(
    the_data_of_a_challenge_can_be_downloaded,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        app.publish_sample_dataset(&organizer, "laps").await;
        app.post_challenge(&organizer, |draft| draft.dataset = Some("laps".into()))
            .await;
        // A newer version is another challenge's data.
        app.publish_sample_dataset(&organizer, "laps").await;
        let browser = app.visitor();
        let page = browser.page("/challenges/sample/data").await;
        assert!(page.contains("Laps of a small school") && page.contains("CC-BY-4.0"));
        let links: Vec<String> = page
            .split("href=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .filter(|link| link.contains("/files/") || link.contains("sample-submission"))
            .map(str::to_owned)
            .collect();
        assert!(links.len() >= 2, "{links:?}");
        for link in links {
            assert!(
                !link.contains("/files/") || link.ends_with("?version=1"),
                "{link}"
            );
            let file = browser.get(&link).await;
            assert_eq!(file.status(), 200, "{link}");
            assert!(header(&file, "content-disposition").starts_with("attachment"));
            assert!(!file.bytes().await.unwrap().is_empty(), "{link}");
        }
        let card = browser.get("/datasets/laps?version=1").await;
        assert_page(card, 200, "Laps of a small school").await;
    }
);

on_both_databases!(forms_of_other_sites_are_refused, |app| async move {
    let victim = app.account(Role::Expert).await;
    let browser = app.browser_of(&victim).await;
    let url = format!("{}/account/tokens", app.address);
    let form = [
        ("name", "stolen"),
        ("scope_read", "true"),
        ("expires_in_days", ""),
    ];
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
    ] {
        let request = browser.client.post(&url).header(name, value).form(&form);
        assert_page(request.send().await.unwrap(), 403, "another site").await;
    }
    let page = browser.page("/account").await;
    assert!(!page.contains("stolen"));
    let own = browser
        .client
        .post(&url)
        .header("Origin", &app.address)
        .form(&form);
    let page = own.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("pdk_") && page.contains("stolen"), "{page}");
    assert!(
        !browser.page("/account").await.contains("pdk_"),
        "a token is shown once"
    );
});

on_both_databases!(signing_in_leads_nowhere_else, |app| async move {
    let account = app.account(Role::Expert).await;
    for next in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
    ] {
        let browser = app.visitor();
        let form = [
            ("username", account.user.username.as_str()),
            ("password", account.password.as_str()),
            ("next", next),
        ];
        let answer = browser.post("/sign-in", &form).await;
        assert_eq!(location(&answer), "/challenges", "{next}");
        // The form's way for those who are signed in already.
        let path = format!(
            "/sign-in?next={}",
            next.replace('\t', "%09").replace('\\', "%5C")
        );
        assert_eq!(location(&browser.get(&path).await), "/challenges", "{next}");
    }
    let visitor = app.visitor();
    let answer = visitor.get("/account?a=1&b=2").await;
    assert_eq!(location(&answer), "/sign-in?next=/account%3Fa%3D1%26b%3D2");
    let form = visitor.page(location(&answer)).await;
    assert!(form.contains("value=\"/account?a=1&#38;b=2\""), "{form}");
});

on_both_databases!(errors_are_pages_for_people, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    let slug = app
        .post_challenge(&organizer, |draft| draft.phases[0].max_bytes = 100)
        .await;
    let expert = app.account(Role::Expert).await;
    let browser = app.browser_of(&expert).await;
    assert_page(browser.get("/no/such/page").await, 404, "Off the track").await;
    assert_page(
        browser.get("/challenges/none").await,
        404,
        "There is no challenge",
    )
    .await;
    assert_page(browser.get("/submissions/abc").await, 404, "Off the track").await;
    let refused = browser.get("/console").await;
    assert_eq!(header(&refused, "cache-control"), "no-store");
    assert_page(refused, 403, &expert.user.username).await;
    let broken = browser
        .post("/challenges/sample/rules", &[("nonsense", "1")])
        .await;
    assert_page(broken, 400, "could not be read").await;

    accept_rules(&browser, &slug).await;
    let large = entry("1,2\n".repeat(1000), "large.csv", "kept description");
    let answer = browser.post_files("/challenges/sample/submit", large).await;
    assert_page(answer, 413, "kept description").await;

    let missing = app.get("/api/v1/challenges/none").send().await.unwrap();
    assert_eq!(header(&missing, "content-type"), "application/problem+json");
    let visitor = app.visitor().get("/").await;
    assert_eq!(header(&visitor, "cache-control"), "private, no-cache");
    assert!(header(&visitor, "content-security-policy").contains("script-src 'self'"));
});

on_both_databases!(hostile_text_stays_text, |app| async move {
    const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let organizer = app.account(Role::Organizer).await;
    let slug = app
        .post_challenge(&organizer, |draft| {
            draft.title = format!("T{HOSTILE}");
            draft.tagline = HOSTILE.into();
            draft.rules = format!("# Rules\n\n{HOSTILE}\n\n[x](javascript:alert(3))");
            draft.pages[0].title = HOSTILE.into();
            draft.pages[0].body = HOSTILE.into();
            draft.phases[0].name = HOSTILE.into();
        })
        .await;
    let browser = app.visitor();
    sign_up(&browser, "rookie", "").await;
    accept_rules(&browser, &slug).await;
    let form = entry(predictions(1.0, 1.0), &format!("{HOSTILE}.csv"), HOSTILE);
    let answer = browser.post_files("/challenges/sample/submit", form).await;
    let submission = location(&answer).to_owned();
    assert!(submission.starts_with("/submissions/"), "{submission}");
    app.score_all().await;
    let query = format!(
        "/sign-up?next={}",
        "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
    );
    for path in [
        "/",
        "/challenges",
        "/challenges/sample",
        "/challenges/sample/data",
        "/challenges/sample/rules",
        "/challenges/sample/submit",
        "/challenges/sample/submissions",
        "/challenges/sample/leaderboard",
        submission.as_str(),
        query.as_str(),
    ] {
        let page = browser.page(path).await;
        // What is sanitized may keep a picture, but none of what runs.
        for part in ["<script>", "<img src=x", "onerror=alert(2)>", "javascript:"] {
            assert!(!page.contains(part), "{path} has {part}: {page}");
        }
    }
    let answer = browser.get("/challenges/%3Cscript%3E").await;
    assert_page(answer, 404, "&#60;script&#62;").await;
});

on_both_databases!(forms_keep_what_was_typed, |app| async move {
    let browser = app.visitor();
    let form = [
        ("username", "rookie"),
        ("email", "rookie@paddock.example"),
        ("password", "short"),
        ("next", "/datasets"),
    ];
    let answer = browser.post("/sign-up", &form).await;
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.unwrap();
    assert!(page.contains("value=\"rookie\"") && page.contains("value=\"rookie@paddock.example\""));
    assert!(page.contains("href=\"#field-password\"") && page.contains("value=\"/datasets\""));
    assert!(!page.contains("short"), "the password comes back");

    sign_up(&browser, "rookie", "").await;
    let again = app.visitor();
    let taken = sign_up(&again, "ROOKIE", "").await.text().await.unwrap();
    assert!(
        taken.contains("this name is taken") && taken.contains("value=\"ROOKIE\""),
        "{taken}"
    );
    let wrong = [("username", "rookie"), ("password", "not the password")];
    let answer = again.post("/sign-in", &wrong).await;
    assert_eq!(answer.status(), 401);
    let page = answer.text().await.unwrap();
    assert!(page.contains("value=\"rookie\"") && !page.contains("not the password"));

    let form = [
        ("name", ""),
        ("scope_organize", "true"),
        ("expires_in_days", "365"),
    ];
    let answer = browser.post("/account/tokens", &form).await;
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.unwrap();
    assert!(
        page.contains("href=\"#field-name\"") && page.contains("value=\"365\" selected"),
        "{page}"
    );
    let ticked = |name: &str| {
        page.split(&format!("name=\"{name}\""))
            .nth(1)
            .unwrap()
            .split('>')
            .next()
            .unwrap()
            .contains("checked")
    };
    assert!(ticked("scope_organize") && !ticked("scope_read"));
    let none = [("name", "robot"), ("expires_in_days", "30")];
    let page = browser
        .post("/account/tokens", &none)
        .await
        .text()
        .await
        .unwrap();
    assert!(
        page.contains("choose at least one scope") && page.contains("value=\"robot\""),
        "{page}"
    );

    let organizer = app.account(Role::Organizer).await;
    let slug = app.post_challenge(&organizer, |_| ()).await;
    let unread = [("rules_version", "1")];
    let answer = browser.post("/challenges/sample/rules", &unread).await;
    assert_page(answer, 422, "href=\"#field-accept_rules\"").await;
    let old = [("rules_version", "0"), ("accept_rules", "true")];
    let answer = browser.post("/challenges/sample/rules", &old).await;
    assert_page(answer, 422, "the rules changed while you read them").await;
    accept_rules(&browser, &slug).await;
    let long = "x".repeat(1001);
    let form = entry(predictions(1.0, 1.0), "p.csv", &long);
    let answer = browser.post_files("/challenges/sample/submit", form).await;
    assert_page(answer, 422, &long).await;
    let form = Form::new().text("description", "without a file");
    let answer = browser.post_files("/challenges/sample/submit", form).await;
    assert_page(answer, 422, "without a file").await;
    let form = entry(String::new(), "empty.csv", "with an empty file");
    let answer = browser.post_files("/challenges/sample/submit", form).await;
    assert_page(answer, 422, "with an empty file").await;
});

on_both_databases!(signing_out_ends_the_session, |app| async move {
    let account = app.account(Role::Expert).await;
    let browser = app.visitor();
    let form = [
        ("username", account.user.username.as_str()),
        ("password", account.password.as_str()),
    ];
    let answer = browser.post("/sign-in", &form).await;
    let cookie = header(&answer, "set-cookie").to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let with_cookie = || app.get("/account").header("Cookie", &cookie).send();
    assert_eq!(with_cookie().await.unwrap().status(), 200);
    assert_eq!(location(&browser.post("/sign-out", &[]).await), "/");
    let after = app.visitor().client.get(format!("{}/account", app.address));
    let after = after.header("Cookie", &cookie).send().await.unwrap();
    assert_eq!(
        location(&after),
        "/sign-in?next=/account",
        "a kept cookie opens nothing"
    );
});

on_both_databases!(signing_in_changes_the_sessions_key, |app| async move {
    let account = app.account(Role::Expert).await;
    let browser = app.visitor();
    let form = [
        ("username", account.user.username.as_str()),
        ("password", account.password.as_str()),
    ];
    let first = browser.post("/sign-in", &form).await;
    let second = browser.post("/sign-in", &form).await;
    let key = |answer: &Response| {
        header(answer, "set-cookie")
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    };
    assert!(!key(&second).is_empty());
    assert_ne!(key(&first), key(&second));
});

on_both_databases!(static_files_are_cached_by_their_hash, |app| async move {
    let page = app.visitor().page("/").await;
    let address = page.split("rel=\"stylesheet\" href=\"").nth(1).unwrap();
    let address = address.split('"').next().unwrap();
    let css = app.get(address).send().await.unwrap();
    assert_eq!(
        header(&css, "cache-control"),
        "public, max-age=31536000, immutable"
    );
    let etag = header(&css, "etag").to_owned();
    let known = app
        .get(address)
        .header("If-None-Match", &etag)
        .send()
        .await
        .unwrap();
    assert_eq!(known.status(), 304);
    let plain = app.get("/static/paddock.css").send().await.unwrap();
    assert_eq!(header(&plain, "cache-control"), "public, max-age=3600");
    for path in [
        "/static/none.css",
        "/static/../Cargo.toml",
        "/static/%2e%2e/Cargo.toml",
    ] {
        assert_eq!(app.get(path).send().await.unwrap().status(), 404, "{path}");
    }
    assert_eq!(app.get("/favicon.ico").send().await.unwrap().status(), 200);
    let head = app
        .visitor()
        .client
        .head(format!("{}/challenges", app.address));
    assert_eq!(head.send().await.unwrap().status(), 200);
});

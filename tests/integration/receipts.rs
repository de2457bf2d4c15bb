//! Receipts: each score is signed with what it was made of, and anybody can check it.

use std::path::Path;

use diesel::prelude::*;
use paddock::accounts::users::Role;
use paddock::platform::database::{DatabaseConnection, DatabaseError};
use paddock::platform::schema::phases;
use paddock::scoring::receipt::{PublicKey, verify};
use serde_json::{Value, json};

use crate::app::{Account, TestApp, predictions};
use crate::binary::paddock;
use crate::on_both_databases;

/// A scored submission with a private score that is easy to look for.
async fn scored(app: &TestApp) -> (Account, Account, i64) {
    let organizer = app.account(Role::Organizer).await;
    let slug = app.post_challenge(&organizer, |_| ()).await;
    let expert = app.account(Role::Expert).await;
    app.join(&expert, &slug).await;
    let id = app
        .submit(&expert, &slug, &predictions(0.5, 0.015625))
        .await;
    app.score_all().await;
    (organizer, expert, id)
}

async fn receipt(app: &TestApp, account: &Account, id: i64) -> (u16, String) {
    let path = format!("/submissions/{id}/receipt");
    let answer = app.api(&account.token).get(&path).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn key(app: &TestApp) -> PublicKey {
    let answer = app.get("/api/v1/receipts/key").send().await.unwrap();
    let key: Value = answer.json().await.unwrap();
    let pem = PublicKey::parse(key["pem"].as_str().unwrap()).unwrap();
    let digits = PublicKey::parse(key["public_key"].as_str().unwrap()).unwrap();
    assert_eq!(pem, digits);
    digits
}

on_both_databases!(
    a_score_comes_with_a_receipt_that_opens_when_the_phase_is_over,
    |app| async move {
        let (organizer, expert, id) = scored(&app).await;
        let key = key(&app).await;
        let (status, early) = receipt(&app, &expert, id).await;
        assert_eq!(status, 200, "{early}");
        assert!(!early.contains("0.015625"), "{early}");
        let signed = verify(&early, Some(key)).unwrap();
        assert_eq!(signed.receipt.public_score, Some(0.5));
        assert_eq!(
            (signed.receipt.submission.id, signed.receipt.metric.as_str()),
            (id, "rmse")
        );
        assert_eq!(signed.opening, None);
        let sent = app.submission(&expert, id).await;
        assert_eq!(sent["sha256"], signed.receipt.submission.sha256);

        // Not even the organizer's copy, which may be passed on, tells the private score.
        assert_eq!(receipt(&app, &organizer, id).await, (200, early.clone()));
        let stranger = app.account(Role::Expert).await;
        assert_eq!(receipt(&app, &stranger, id).await.0, 404);
        let browser = app.browser_of(&expert).await;
        let page = browser.page(&format!("/submissions/{id}/receipt")).await;
        assert!(page.contains(&key.to_hexadecimal()), "{page}");
        assert!(!page.contains("0.015625"), "{page}");
        let entry = browser.page(&format!("/submissions/{id}")).await;
        assert!(entry.contains(&format!("/submissions/{id}/receipt")));

        app.advance(chrono::TimeDelta::days(31));
        let (_, late) = receipt(&app, &expert, id).await;
        let opened = verify(&late, Some(key)).unwrap();
        assert_eq!(opened.opening.unwrap().private_score, 0.015625);
        assert_eq!(opened.signature, signed.signature, "one receipt, opened");
        let browser = app.browser_of(&expert).await;
        let page = browser.page(&format!("/submissions/{id}/receipt")).await;
        assert!(page.contains("0.015625"), "{page}");
        let download = browser
            .get(&format!("/submissions/{id}/receipt?download=1"))
            .await;
        assert!(download.headers().contains_key("content-disposition"));
        verify(&download.text().await.unwrap(), Some(key)).unwrap();
    }
);

on_both_databases!(
    a_failed_submission_has_a_receipt_and_a_waiting_one_none,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let slug = app.post_challenge(&organizer, |_| ()).await;
        let expert = app.account(Role::Expert).await;
        app.join(&expert, &slug).await;
        let id = app.submit(&expert, &slug, "id,prediction\n1,one\n").await;
        let (status, problem) = receipt(&app, &expert, id).await;
        assert_eq!(status, 404);
        assert!(problem.contains("has been judged"), "{problem}");
        let browser = app.browser_of(&expert).await;
        let page = browser.page(&format!("/submissions/{id}/receipt")).await;
        assert!(page.contains("No receipt yet"), "{page}");
        app.score_all().await;
        let (_, text) = receipt(&app, &expert, id).await;
        let signed = verify(&text, Some(key(&app).await)).unwrap();
        assert_eq!(signed.receipt.verdict.code(), "INVALID");
        assert_eq!(signed.receipt.public_score, None);
        let page = browser.page(&format!("/submissions/{id}/receipt")).await;
        assert!(page.contains("INVALID"), "{page}");
    }
);

/// What `paddock verify` says of a receipt: its exit code, what it printed, what it complained of.
async fn verified(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = paddock(folder);
    command.arg("verify").args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// The settings under which another command works with the server's house.
fn house(app: &TestApp) -> Vec<String> {
    let config = &app.state.config;
    let mut arguments = vec![
        "--data-dir".to_owned(),
        config.data_dir.display().to_string(),
    ];
    if !config.database_url.is_empty() {
        arguments.extend(["--database-url".to_owned(), config.database_url.clone()]);
    }
    arguments
}

on_both_databases!(
    the_command_line_says_what_a_receipt_proves,
    |app| async move {
        let (_, expert, id) = scored(&app).await;
        let folder = tempfile::tempdir().unwrap();
        let (_, text) = receipt(&app, &expert, id).await;
        std::fs::write(folder.path().join("receipt.json"), &text).unwrap();
        let run = async |arguments: &[&str]| verified(folder.path(), arguments).await;

        let (code, said, _) = run(&["receipt.json"]).await;
        assert_eq!(code, 0, "{said}");
        assert!(said.starts_with("VALID"), "{said}");
        let (proven, open) = said.split_once("Not proven").unwrap();
        assert!(
            open.contains("Whose key that is") && open.contains("The private score"),
            "{said}"
        );
        assert!(proven.contains("Public score     0.5"), "{said}");

        let (code, said, _) = run(&["receipt.json", "--server", &app.address]).await;
        assert_eq!(code, 0);
        assert!(
            said.contains(&format!("the one that {} signs with", app.address)),
            "{said}"
        );
        std::fs::write(folder.path().join("key.pem"), key(&app).await.to_pem()).unwrap();
        let digits = key(&app).await.to_hexadecimal();
        for trusted in ["key.pem", &digits] {
            let (code, ..) = run(&["receipt.json", "--public-key", trusted]).await;
            assert_eq!(code, 0, "{trusted}");
        }
        let other = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let (code, _, complaint) = run(&["receipt.json", "--public-key", other]).await;
        assert_eq!(code, 1);
        assert!(
            complaint.contains("not the key that you trust"),
            "{complaint}"
        );

        let better = text.replace("\"public_score\":0.5", "\"public_score\":0.25");
        assert_ne!(better, text);
        std::fs::write(folder.path().join("better.json"), better).unwrap();
        let (code, said, complaint) = run(&["better.json"]).await;
        assert_eq!(code, 1, "{said}");
        assert!(
            complaint.contains("NOT VALID") && complaint.contains("changed after it was signed"),
            "{complaint}"
        );
        let settings = house(&app);
        let mut arguments = vec!["better.json", "--replay"];
        arguments.extend(settings.iter().map(String::as_str));
        let (code, _, complaint) = run(&arguments).await;
        assert_eq!(code, 1);
        assert!(complaint.contains("keeps in public_score"), "{complaint}");
        let (code, _, complaint) = run(&["none.json"]).await;
        assert_eq!(code, 1);
        assert!(
            complaint.contains("none.json cannot be read"),
            "{complaint}"
        );
    }
);

on_both_databases!(
    a_replay_comes_to_the_same_score_or_says_where_it_does_not,
    |app| async move {
        let (_, expert, id) = scored(&app).await;
        let folder = tempfile::tempdir().unwrap();
        let (_, text) = receipt(&app, &expert, id).await;
        std::fs::write(folder.path().join("receipt.json"), &text).unwrap();
        let settings = house(&app);
        let mut arguments = vec!["receipt.json", "--replay"];
        arguments.extend(settings.iter().map(String::as_str));

        let (code, said, complaint) = verified(folder.path(), &arguments).await;
        assert_eq!(code, 0, "{said}{complaint}");
        assert!(said.contains("bit by bit, to the same scores"), "{said}");
        let lines: Vec<&str> = said
            .lines()
            .skip_while(|line| !line.starts_with("WHAT"))
            .collect();
        for what in [
            "submission",
            "solution",
            "verdict",
            "public score",
            "private score",
        ] {
            let line = lines.iter().find(|line| line.starts_with(what)).unwrap();
            assert!(line.trim_end().ends_with("yes"), "{line}");
        }
        // It stored nothing: the queue and the entry are as before.
        assert_eq!(app.submission(&expert, id).await["public_score"], 0.5);

        app.state
            .database
            .write(|connection: &mut DatabaseConnection| {
                diesel::update(phases::table)
                    .set(phases::metric.eq("mae"))
                    .execute(connection)
                    .map_err(DatabaseError::from)
            })
            .await
            .unwrap();
        let (code, said, complaint) = verified(folder.path(), &arguments).await;
        assert_eq!(code, 1, "{said}");
        assert!(
            complaint.contains("does not agree in: metric"),
            "{complaint}"
        );
        assert_eq!(
            app.submission(&expert, id).await["verdict"],
            json!("ok"),
            "a replay changes nothing"
        );
    }
);

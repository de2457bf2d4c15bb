//! What becomes of a release: who is behind it, what it risks, and what changed since the one before.

use diesel::prelude::*;
use paddock::accounts::users::Role;
use paddock::datasets::anonymize::ReleaseKey;
use paddock::datasets::publish::{
    DatasetDraft, Identities, Override, Publication, Published, vault_place,
};
use paddock::platform::database::DatabaseError;
use paddock::platform::schema::sealed_identities;
use serde_json::{Value, json};

use crate::app::{Account, TestApp};
use crate::on_both_databases;

const POLICY: &str = r#"
version = 1
minimum_class_size = 5
minors = false
subject = "driver"
column = [
    { name = "driver", action = "pseudonym", prefix = "D" },
    { name = "email", action = "drop", identity = true },
    { name = "lap", action = "drop" },
    { name = "seconds", action = "keep", unit = "s" },
]
"#;

/// Twelve drivers who all drive the same laps, so many each.
fn laps(each: u32) -> String {
    let mut csv = "driver,email,lap,seconds\n".to_owned();
    for driver in 0..12 {
        for lap in 1..=each {
            csv += &format!(
                "Racer Number{driver:02},r{driver}@example.org,{lap},{}.5\n",
                40 + lap
            );
        }
    }
    csv
}

async fn publish(
    app: &TestApp,
    owner: &Account,
    table: &str,
    change: impl FnOnce(&mut DatasetDraft),
) -> Published {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("laps.csv");
    std::fs::write(&file, table).unwrap();
    let mut draft = DatasetDraft {
        slug: "evening".into(),
        title: "An evening at the track".into(),
        summary: "Twelve drivers.".into(),
        licence: "CC-BY-4.0".into(),
        policy: POLICY.into(),
        ..DatasetDraft::default()
    };
    change(&mut draft);
    let publication = Publication {
        draft,
        table: file,
        key: ReleaseKey::new([3; 32]),
        owner: owner.user.clone(),
        overridden: None::<Override>,
    };
    let publisher = &app.state.publisher;
    publisher
        .publish(app.clock.now(), publication)
        .await
        .unwrap()
}

async fn sealed(app: &TestApp) -> Vec<(i64, String, String)> {
    let rows = app.state.database.read(|connection| {
        sealed_identities::table
            .order(sealed_identities::id)
            .select((
                sealed_identities::release_id,
                sealed_identities::pseudonym,
                sealed_identities::sealed,
            ))
            .load(connection)
            .map_err(DatabaseError::from)
    });
    rows.await.unwrap()
}

on_both_databases!(
    identities_are_sealed_or_destroyed_as_asked,
    |app| async move {
        let owner = app.account(Role::Organizer).await;
        publish(&app, &owner, &laps(6), |_| {}).await;
        assert_eq!(sealed(&app).await, []);

        publish(&app, &owner, &laps(6), |draft| {
            draft.identities = Identities::Sealed
        })
        .await;
        let rows = sealed(&app).await;
        assert_eq!(rows.len(), 12);
        let vault = &app.state.publisher.vault_key;
        let mut people = std::collections::BTreeSet::new();
        for (release, pseudonym, secret) in &rows {
            assert!(pseudonym.starts_with("D-") && !secret.contains("Racer"));
            let opened = vault
                .open(&vault_place(*release, pseudonym), secret)
                .unwrap();
            let identity: Value = serde_json::from_slice(&opened).unwrap();
            let email = identity["email"].as_str().unwrap();
            let number = identity["driver"]
                .as_str()
                .unwrap()
                .trim_start_matches("Racer Number");
            assert_eq!(
                email,
                format!("r{}@example.org", number.parse::<u32>().unwrap())
            );
            assert_eq!(identity.as_object().unwrap().len(), 2);
            people.insert(email.to_owned());
        }
        assert_eq!(people.len(), 12);
        // A secret that is moved to another pseudonym does not open.
        let (release, _, secret) = &rows[0];
        assert!(
            vault
                .open(&vault_place(*release, &rows[1].1), secret)
                .is_err()
        );

        // The page says which it was, and nothing anywhere names anybody.
        let page = app
            .visitor()
            .page("/datasets/evening/risk-report?version=2")
            .await;
        assert!(page.contains("sealed in a vault") && !page.contains("Racer"));
        let page = app
            .visitor()
            .page("/datasets/evening/risk-report?version=1")
            .await;
        assert!(page.contains("destroyed: nobody can tell them"));
    }
);

on_both_databases!(
    a_release_shows_what_it_was_attacked_with,
    |app| async move {
        let owner = app.account(Role::Organizer).await;
        publish(&app, &owner, &laps(6), |_| {}).await;
        let answer = app
            .get("/api/v1/datasets/evening/risk-report")
            .send()
            .await
            .unwrap();
        let report: Value = answer.json().await.unwrap();
        assert_eq!(
            (&report["version"], &report["override_reason"]),
            (&json!(1), &Value::Null)
        );
        let gates = report["report"]["gates"]["gates"].as_array().unwrap();
        let gate = |name: &str| gates.iter().find(|gate| gate["name"] == name).unwrap();
        // All drive alike, so the laps say nothing: one driver in twelve, as by guessing.
        assert_eq!(gate("linkage")["outcome"], "passed");
        assert!(gate("linkage")["measured"].as_f64().unwrap() < 0.25);
        assert_eq!(gate("class_size")["outcome"], "passed");
        let attacks = &report["report"]["gates"]["attacks"]["linkage"][0];
        assert_eq!(attacks["column"], "seconds");
        assert_eq!(attacks["result"]["attacks"].as_array().unwrap().len(), 12);

        let page = app.visitor().page("/datasets/evening/risk-report").await;
        assert!(page.contains("Public results against “seconds”"), "{page}");
        let missing = app
            .get("/api/v1/datasets/evening/risk-report?version=9")
            .send()
            .await
            .unwrap();
        assert_eq!(missing.status(), 404);
    }
);

on_both_databases!(a_new_version_tells_what_changed, |app| async move {
    let owner = app.account(Role::Organizer).await;
    publish(&app, &owner, &laps(6), |_| {}).await;
    let alone = app
        .get("/api/v1/datasets/evening/changes")
        .send()
        .await
        .unwrap();
    assert_eq!(alone.status(), 404);
    publish(&app, &owner, &laps(8), |draft| {
        draft.notes = "Two more laps.".into();
        draft.policy = POLICY.replace("\"lap\", action = \"drop\"", "\"lap\", action = \"keep\"");
    })
    .await;
    let answer = app
        .get("/api/v1/datasets/evening/changes")
        .send()
        .await
        .unwrap();
    let changes: Value = answer.json().await.unwrap();
    assert_eq!((&changes["from"], &changes["to"]), (&json!(1), &json!(2)));
    let table = &changes["comparison"]["tables"][0];
    assert_eq!(
        (&table["rows_before"], &table["rows_after"]),
        (&json!(72), &json!(96))
    );
    let columns = table["columns"].as_array().unwrap();
    let change = |name: &str| columns.iter().find(|column| column["name"] == name);
    assert_eq!(change("lap").unwrap()["change"], "added");
    assert!(change("seconds").unwrap()["change"]["changed"].is_array());

    let page = app
        .visitor()
        .page("/datasets/evening/changes?from=1&to=2")
        .await;
    assert!(page.contains("Two more laps.") && page.contains("<code>lap</code>"));
    let page = app.visitor().page("/datasets/evening?version=2").await;
    assert!(page.contains("/datasets/evening/changes?from=1&amp;to=2"));
});

//! Teams and joining: inviting, merging, leaving, locking, approval, invitations, disqualifying.

use chrono::TimeDelta;
use diesel::prelude::*;
use paddock::accounts::permissions::{Access, RULES, Rule};
use paddock::accounts::users::Role;
use paddock::challenges::challenge::{self, ChallengeTexts};
use paddock::challenges::draft::{ChallengeDraft, Joining};
use paddock::platform::database::DatabaseError;
use paddock::platform::schema::{audit_log, members, teams as rows};
use reqwest::Response;
use serde_json::{Value, json};

use crate::app::{Account, TestApp, predictions};
use crate::on_both_databases;

async fn body(response: Response) -> Value {
    response.json().await.unwrap()
}

/// Sends JSON with the account's token to an address of the sample challenge.
async fn post(app: &TestApp, who: &Account, path: &str, json: Value) -> Response {
    let address = format!("/challenges/sample{path}");
    let request = app.api(&who.token).post(&address).json(&json);
    request.send().await.unwrap()
}

/// The same, where it must be done.
async fn done(app: &TestApp, who: &Account, path: &str, json: Value) -> Value {
    let response = post(app, who, path, json).await;
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

/// The same, where it must be refused: status and the problem's type.
async fn refused(app: &TestApp, who: &Account, path: &str, json: Value) -> (u16, String, String) {
    let response = post(app, who, path, json).await;
    let status = response.status().as_u16();
    let fault = body(response).await;
    let text = |field: &str| fault[field].as_str().unwrap_or_default().to_owned();
    (status, text("type"), text("detail"))
}

async fn team(app: &TestApp, who: &Account) -> Value {
    let request = app.api(&who.token).get("/challenges/sample/team");
    body(request.send().await.unwrap()).await
}

fn usernames(own: &Value) -> Vec<&str> {
    let members = own["team"]["members"].as_array().unwrap();
    members
        .iter()
        .map(|member| member["username"].as_str().unwrap())
        .collect()
}

async fn invite(app: &TestApp, captain: &Account, invited: &Account) -> i64 {
    let json = json!({ "username": invited.user.username });
    let own = done(app, captain, "/team/invitations", json).await;
    let sent = own["sent"].as_array().unwrap();
    sent.last().unwrap()["id"].as_i64().unwrap()
}

async fn ask_to_merge(app: &TestApp, captain: &Account, team: &str) -> i64 {
    let own = done(app, captain, "/team/invitations", json!({ "team": team })).await;
    let sent = own["sent"].as_array().unwrap();
    sent.last().unwrap()["id"].as_i64().unwrap()
}

async fn accept(app: &TestApp, who: &Account, id: i64) -> Response {
    let path = format!("/team/invitations/{id}");
    post(app, who, &path, json!({ "answer": "accepted" })).await
}

/// One member of the other's team.
async fn unite(app: &TestApp, captain: &Account, other: &Account) {
    let id = invite(app, captain, other).await;
    let answer = accept(app, other, id).await;
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

/// A challenge and experts who joined it.
async fn challenge_with<const N: usize>(
    app: &TestApp,
    change: impl FnOnce(&mut ChallengeDraft),
) -> (Account, [Account; N]) {
    let organizer = app.account(Role::Organizer).await;
    app.post_challenge(&organizer, change).await;
    let mut experts = Vec::new();
    for _ in 0..N {
        let expert = app.account(Role::Expert).await;
        app.join(&expert, "sample").await;
        experts.push(expert);
    }
    (organizer, experts.try_into().unwrap())
}

async fn board(app: &TestApp) -> Vec<(String, f64, i64)> {
    let board = app.leaderboard("sample").await;
    let entries = board["entries"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| {
            (
                entry["team"].as_str().unwrap().to_owned(),
                entry["score"].as_f64().unwrap(),
                entry["submissions"].as_i64().unwrap(),
            )
        })
        .collect()
}

async fn actions(app: &TestApp) -> Vec<String> {
    app.state
        .database
        .read(|connection| {
            audit_log::table
                .filter(audit_log::challenge_id.is_not_null())
                .order(audit_log::id)
                .select(audit_log::action)
                .load(connection)
                .map_err(DatabaseError::from)
        })
        .await
        .unwrap()
}

on_both_databases!(
    two_people_become_a_team_with_all_that_they_sent,
    |app| async move {
        let (_, [ada, bob]) = challenge_with(&app, |_| ()).await;
        app.submit(&ada, "sample", &predictions(2.0, 2.0)).await;
        let of_bob = app.submit(&bob, "sample", &predictions(1.0, 1.0)).await;
        app.score_all().await;
        assert_eq!(board(&app).await.len(), 2);

        let renamed = app
            .api(&ada.token)
            .patch("/challenges/sample/team")
            .json(&json!({ "name": " Late   Apex " }))
            .send()
            .await
            .unwrap();
        assert_eq!(body(renamed).await["team"]["name"], "Late Apex");

        let id = invite(&app, &ada, &bob).await;
        let own = team(&app, &bob).await;
        assert_eq!(own["received"][0]["team"], "Late Apex");
        assert_eq!(own["received"][0]["kind"], "member");
        // Nobody answers for another, or withdraws what others sent.
        let path = format!("/team/invitations/{id}");
        for answer in ["accepted", "declined"] {
            let answer = json!({ "answer": answer });
            assert_eq!(refused(&app, &ada, &path, answer).await.0, 404);
        }
        let withdrawn = json!({ "answer": "withdrawn" });
        assert_eq!(refused(&app, &bob, &path, withdrawn).await.0, 404);

        assert_eq!(accept(&app, &bob, id).await.status(), 200);
        let own = team(&app, &bob).await;
        assert_eq!(
            usernames(&own),
            [ada.user.username.as_str(), bob.user.username.as_str()]
        );
        assert_eq!(own["team"]["members"][0]["is_captain"], true);
        assert_eq!(own["used_today"], 2);
        assert_eq!(own["received"], json!([]));
        // One entry, the better of both, and the emptied team has none.
        assert_eq!(board(&app).await, [("Late Apex".to_owned(), 1.0, 2)]);
        // What bob sent is the team's: ada sees it, and it was scored where it stands now.
        assert_eq!(app.submission(&ada, of_bob).await["state"], "scored");
        assert_eq!(accept(&app, &bob, id).await.status(), 404, "answered once");

        // A member who is no captain neither invites nor renames.
        let carla = app.account(Role::Expert).await;
        let json = json!({ "username": carla.user.username });
        let (status, kind, detail) = refused(&app, &bob, "/team/invitations", json).await;
        assert_eq!((status, kind.as_str()), (403, "not_the_captain"));
        assert!(detail.contains(&ada.user.username), "{detail}");
        let handed = app
            .api(&ada.token)
            .patch("/challenges/sample/team")
            .json(&json!({ "captain": bob.user.username }))
            .send()
            .await
            .unwrap();
        assert_eq!(body(handed).await["team"]["members"][1]["is_captain"], true);
        invite(&app, &bob, &carla).await;
    }
);

on_both_databases!(
    two_members_at_the_last_place_get_one_acceptance,
    |app| async move {
        let (_, [ada, bob]) = challenge_with(&app, |draft| {
            draft.phases[0].submissions_per_day = 3;
        })
        .await;
        unite(&app, &ada, &bob).await;
        for who in [&ada, &bob] {
            app.submit(who, "sample", &predictions(1.0, 1.0)).await;
        }
        let csv = predictions(2.0, 2.0);
        let attempts = (0..100).map(|number| {
            let who = if number % 2 == 0 { &ada } else { &bob };
            app.try_submit(who, "sample", &csv)
        });
        let answers = futures_util::future::join_all(attempts).await;
        let count = |status| {
            let with = answers.iter().filter(|answer| answer.status() == status);
            with.count()
        };
        assert_eq!((count(201), count(429)), (1, 99));
    }
);

on_both_databases!(
    who_accepts_two_invitations_at_once_is_in_one_team,
    |app| async move {
        let (_, [ada, bob, carla]) = challenge_with(&app, |_| ()).await;
        app.submit(&carla, "sample", &predictions(1.0, 1.0)).await;
        let of_ada = invite(&app, &ada, &carla).await;
        let of_bob = invite(&app, &bob, &carla).await;
        let (one, other) =
            futures_util::join!(accept(&app, &carla, of_ada), accept(&app, &carla, of_bob));
        let mut statuses = [one.status().as_u16(), other.status().as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        let (places, of_two): (i64, i64) = app
            .state
            .database
            .read(|connection| {
                let places = members::table.count().get_result(connection)?;
                let merged = rows::table
                    .filter(rows::merged_into.is_not_null())
                    .count()
                    .get_result(connection)?;
                Ok::<_, DatabaseError>((places, merged))
            })
            .await
            .unwrap();
        assert_eq!((places, of_two), (3, 1));
        assert_eq!(usernames(&team(&app, &carla).await).len(), 2);
        app.score_all().await;
        assert_eq!(board(&app).await.len(), 1, "the entry went with its team");
    }
);

on_both_databases!(teams_merge_as_far_as_the_rules_allow, |app| async move {
    let (organizer, [ada, bob, carla]) = challenge_with(&app, |draft| {
        draft.phases[0].starts_at = crate::app::beginning() - TimeDelta::hours(1);
        draft.phases[0].submissions_per_day = 3;
        draft.max_team_size = 2;
    })
    .await;
    for who in [&ada, &bob] {
        for _ in 0..2 {
            app.submit(who, "sample", &predictions(1.0, 1.0)).await;
        }
    }
    // Four submissions, where one team could have sent three by now.
    let json = json!({ "team": bob.user.username });
    let (status, kind, detail) = refused(&app, &ada, "/team/invitations", json).await;
    assert_eq!((status, kind.as_str()), (409, "too_many_submissions"));
    assert!(
        detail.contains("sent 4") && detail.contains("sent 3 by now"),
        "{detail}"
    );
    // On the next day it could have sent six.
    app.advance(TimeDelta::days(1));
    let id = ask_to_merge(&app, &ada, &bob.user.username.to_uppercase()).await;
    // Meanwhile they send more than that together: looked at again when it is accepted.
    for who in [&ada, &bob] {
        for _ in 0..2 {
            app.submit(who, "sample", &predictions(1.0, 1.0)).await;
        }
    }
    assert_eq!(accept(&app, &bob, id).await.status(), 409);
    app.advance(TimeDelta::days(1));
    let answer = accept(&app, &bob, id).await;
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    app.score_all().await;
    assert_eq!(board(&app).await, [(ada.user.username.clone(), 1.0, 8)]);

    // Three are too many.
    let (_, kind, _) = {
        let json = json!({ "username": carla.user.username });
        refused(&app, &ada, "/team/invitations", json).await
    };
    assert_eq!(kind, "team_too_large");
    let (_, kind, _) = {
        let json = json!({ "team": carla.user.username });
        refused(&app, &ada, "/team/invitations", json).await
    };
    assert_eq!(kind, "team_too_large");
    let (_, kind, _) = {
        let json = json!({ "team": ada.user.username });
        refused(&app, &ada, "/team/invitations", json).await
    };
    assert_eq!(kind, "same_team");
    let (status, _, detail) = {
        let json = json!({ "team": "nobody at all" });
        refused(&app, &ada, "/team/invitations", json).await
    };
    assert_eq!(status, 422, "{detail}");
    let total = app.api(&organizer.token).get("/challenges/sample");
    assert_eq!(body(total.send().await.unwrap()).await["teams"], 2);
});

on_both_databases!(whoever_leaves_leaves_what_they_sent, |app| async move {
    let (_, [ada, bob]) = challenge_with(&app, |_| ()).await;
    let (status, kind, _) = refused(&app, &ada, "/team/leave", json!({})).await;
    assert_eq!((status, kind.as_str()), (409, "last_member"));
    unite(&app, &ada, &bob).await;
    let sent = app.submit(&ada, "sample", &predictions(0.5, 0.5)).await;
    app.score_all().await;
    // Otherwise she would have the places of today twice.
    let (_, kind, detail) = refused(&app, &ada, "/team/leave", json!({})).await;
    assert_eq!(kind, "sent_today", "{detail}");
    app.advance(TimeDelta::days(1));
    let own = done(&app, &ada, "/team/leave", json!({})).await;
    assert_eq!(usernames(&own), [ada.user.username.as_str()]);
    assert_eq!(own["used_total"], 0);
    // Her name still is the old team's.
    assert_eq!(own["team"]["name"], format!("{} 2", ada.user.username));
    let rest = team(&app, &bob).await;
    assert_eq!(rest["team"]["members"][0]["is_captain"], true, "{rest}");
    assert_eq!(rest["used_total"], 1);
    assert_eq!(board(&app).await, [(ada.user.username.clone(), 0.5, 1)]);
    let gone = app.api(&ada.token).get(&format!("/submissions/{sent}"));
    assert_eq!(gone.send().await.unwrap().status(), 404);
    // Come back, leave again: nothing is lost or doubled.
    unite(&app, &bob, &ada).await;
    assert_eq!(usernames(&team(&app, &bob).await).len(), 2);
});

on_both_databases!(locked_teams_stay_as_they_are, |app| async move {
    let (_, [ada, bob, carla]) = challenge_with(&app, |draft| {
        draft.teams_locked_at = Some(crate::app::beginning() + TimeDelta::days(2));
    })
    .await;
    unite(&app, &ada, &bob).await;
    let id = invite(&app, &ada, &carla).await;
    app.advance(TimeDelta::days(2));
    let answer = body(accept(&app, &carla, id).await).await;
    assert_eq!(answer["type"], "teams_locked", "{answer}");
    for (who, path, json) in [
        (&ada, "/team/leave", json!({})),
        (
            &ada,
            "/team/invitations",
            json!({ "team": carla.user.username }),
        ),
        (
            &ada,
            "/team/invitations",
            json!({ "username": carla.user.username }),
        ),
    ] {
        let (status, kind, _) = refused(&app, who, path, json).await;
        assert_eq!((status, kind.as_str()), (409, "teams_locked"), "{path}");
    }
    let page = app
        .browser_of(&ada)
        .await
        .page("/challenges/sample/team")
        .await;
    assert!(page.contains("Teams are locked"), "{page}");
    assert!(!page.contains("Leave the team"), "{page}");
});

on_both_databases!(names_are_unique_and_nobody_elses, |app| async move {
    let (_, [ada, bob]) = challenge_with(&app, |_| ()).await;
    let later = app.account_named("Lewis", Role::Expert).await;
    for (name, says) in [
        (bob.user.username.to_uppercase(), "another team"),
        ("lewis".to_owned(), "user name"),
        ("x".to_owned(), "2 to 40"),
        ("late\u{202e}apex".to_owned(), "cannot be in a name"),
    ] {
        let answer = app
            .api(&ada.token)
            .patch("/challenges/sample/team")
            .json(&json!({ "name": name }))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 422, "{name}");
        let fault = body(answer).await;
        assert_eq!(fault["field"], "name");
        assert!(fault["detail"].as_str().unwrap().contains(says), "{fault}");
    }
    app.join(&later, "sample").await;
    assert_eq!(team(&app, &later).await["team"]["name"], "Lewis");
    // On the page the problem stands at the field.
    let browser = app.browser_of(&ada).await;
    let form = [("name", "x")];
    let answer = browser.post("/challenges/sample/team/name", &form).await;
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.unwrap();
    assert!(
        page.contains("id=\"error-name\"") && page.contains("value=\"x\""),
        "{page}"
    );
});

on_both_databases!(the_organizer_lets_people_in, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    app.post_challenge(&organizer, |draft| {
        draft.joining = Joining::Approval;
        draft.eligibility = "Residents of the paddock.".into();
    })
    .await;
    let mut people = Vec::new();
    for _ in 0..3 {
        people.push(app.account(Role::Expert).await);
    }
    let [ada, bob, carla] = people.try_into().unwrap();
    // Eligibility is confirmed with the rules.
    let (status, _, detail) = {
        let json = json!({ "rules_version": 1 });
        refused(&app, &ada, "/membership", json).await
    };
    assert_eq!(status, 422);
    assert!(detail.contains("eligible"), "{detail}");
    for who in [&ada, &bob] {
        let json = json!({ "rules_version": 1, "eligible": true, "message": "I <3 karts" });
        assert_eq!(post(&app, who, "/membership", json).await.status(), 202);
    }
    let browser = app.browser_of(&carla).await;
    let page = browser.page("/challenges/sample/rules").await;
    assert!(
        page.contains("Ask to join") && page.contains("Residents of the paddock"),
        "{page}"
    );
    let form = [
        ("rules_version", "1"),
        ("accept_rules", "true"),
        ("eligible", "true"),
        ("message", "Please"),
    ];
    assert_eq!(
        browser
            .post("/challenges/sample/rules", &form)
            .await
            .status(),
        303
    );
    assert!(
        browser
            .page("/challenges/sample/rules")
            .await
            .contains("Your request waits")
    );
    // Nobody is in yet.
    let early = app.try_submit(&ada, "sample", &predictions(1.0, 1.0)).await;
    assert_eq!(early.status(), 403);

    let console = app.browser_of(&organizer).await;
    let path = "/console/challenges/sample/participants";
    let page = console.page(path).await;
    assert!(
        page.contains("I &#60;3 karts") && page.contains("Let in"),
        "{page}"
    );
    let form = [
        ("user", ada.user.username.as_str()),
        ("user", bob.user.username.as_str()),
        ("decision", "approve"),
    ];
    let answer = console.post(&format!("{path}/requests"), &form).await;
    assert_eq!(answer.status(), 303);
    app.submit(&ada, "sample", &predictions(1.0, 1.0)).await;
    app.submit(&bob, "sample", &predictions(1.0, 1.0)).await;
    let json = json!({ "users": [carla.user.username], "approve": false });
    done(&app, &organizer, "/participants/requests", json.clone()).await;
    let again = done(&app, &organizer, "/participants/requests", json).await;
    assert_eq!(again["users"], json!([]), "decided before");
    let json = json!({ "rules_version": 1, "eligible": true });
    let (status, kind, _) = refused(&app, &carla, "/membership", json).await;
    assert_eq!((status, kind.as_str()), (403, "join_declined"));
    // Second thoughts.
    let json = json!({ "users": [carla.user.username], "approve": true });
    done(&app, &organizer, "/participants/requests", json).await;
    app.submit(&carla, "sample", &predictions(1.0, 1.0)).await;
    let json = json!({ "users": ["nobody"], "approve": true });
    assert_eq!(
        refused(&app, &organizer, "/participants/requests", json)
            .await
            .0,
        422
    );
    let (status, _, _) = {
        let json = json!({ "users": [ada.user.username], "approve": true });
        refused(&app, &ada, "/participants/requests", json).await
    };
    assert_eq!(status, 403);
    let acts = actions(&app).await;
    for act in ["participants.approve", "participants.decline"] {
        assert!(
            acts.iter().any(|one| one == act),
            "{act} is not in {acts:?}"
        );
    }
});

on_both_databases!(
    what_they_accepted_before_a_change_of_the_rules_is_what_holds,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        app.post_challenge(&organizer, |draft| draft.joining = Joining::Approval)
            .await;
        let ada = app.account(Role::Expert).await;
        let json = json!({ "rules_version": 1 });
        assert_eq!(post(&app, &ada, "/membership", json).await.status(), 202);
        let (actor, now) = (organizer.principal(), app.clock.now());
        let texts = ChallengeTexts {
            title: "A sample challenge".into(),
            tagline: "Predict ten numbers.".into(),
            rules: "Be fairer.".into(),
            pages: Vec::new(),
        };
        app.state
            .database
            .write(move |connection| challenge::edit(connection, now, &actor, "sample", &texts))
            .await
            .unwrap();
        let json = json!({ "users": [ada.user.username], "approve": true });
        done(&app, &organizer, "/participants/requests", json).await;
        let outdated = app.try_submit(&ada, "sample", &predictions(1.0, 1.0)).await;
        assert_eq!(body(outdated).await["type"], "rules_changed");
        done(&app, &ada, "/membership", json!({ "rules_version": 2 })).await;
        app.submit(&ada, "sample", &predictions(1.0, 1.0)).await;
    }
);

/// Every address of the sample challenge that is open to all, or to all who have an account: as the table
/// of permissions has them, so that a new one is looked at too.
fn open_addresses() -> Vec<String> {
    let open = |rule: &&Rule| {
        let of_challenge = rule.pattern.starts_with("/challenges/{slug}")
            || rule.pattern.starts_with("/api/v1/challenges/{slug}");
        let to_all = matches!(rule.access, Access::Anyone | Access::Account);
        of_challenge && rule.method == "GET" && to_all
    };
    let example = |rule: &Rule| {
        let query = match rule.pattern.ends_with("/compare") {
            true => "?one=1&other=2",
            false => "",
        };
        format!("{}{query}", rule.pattern)
            .replace("{slug}", "sample")
            .replace("{format}", "csv")
            .replace("{kind}", "predictions")
            .replace("{key}", "guessed")
            .replace("{id}", "1")
    };
    RULES.iter().filter(open).map(example).collect()
}

/// Some of them that answer whoever may know of the challenge.
const READABLE: [&str; 15] = [
    "/challenges/sample",
    "/challenges/sample/data",
    "/challenges/sample/rules",
    "/challenges/sample/leaderboard",
    "/challenges/sample/sample-submission.csv",
    "/challenges/sample/kinds/predictions",
    "/challenges/sample/starter-kits/predictions",
    "/challenges/sample/submit",
    "/challenges/sample/submissions",
    "/challenges/sample/team",
    "/api/v1/challenges/sample",
    "/api/v1/challenges/sample/leaderboard",
    "/api/v1/challenges/sample/sample-submission",
    "/api/v1/challenges/sample/starter-kits/predictions",
    "/api/v1/challenges/sample/team",
];

on_both_databases!(
    a_challenge_by_invitation_does_not_exist_for_outsiders,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        app.post_challenge(&organizer, |draft| draft.joining = Joining::Invited)
            .await;
        let other = app.account(Role::Organizer).await;
        let outsider = app.account(Role::Expert).await;
        let listed = app.account(Role::Expert).await;
        let by_link = app.account(Role::Expert).await;
        let admin = app.account(Role::Admin).await;

        let emails = format!("{}@PADDOCK.example\n", listed.user.username);
        let console = app.browser_of(&organizer).await;
        let path = "/console/challenges/sample/participants";
        let form = [("emails", emails.as_str())];
        let answer = console.post(&format!("{path}/invitations"), &form).await;
        assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
        let wrong = format!("{emails}somebody\n");
        let form = [("emails", wrong.as_str())];
        let answer = console.post(&format!("{path}/invitations"), &form).await;
        assert_eq!(answer.status(), 422);
        let page = answer.text().await.unwrap();
        assert!(page.contains("line 2 (`somebody`)"), "{page}");

        let link = done(&app, &organizer, "/participants/link", json!({})).await;
        let key = link["key"].as_str().unwrap();
        let join = format!("/challenges/sample/join/{key}");
        assert!(link["url"].as_str().unwrap().ends_with(&join), "{link}");

        for (who, sees) in [
            (&outsider, false),
            (&by_link, false),
            (&other, false),
            (&listed, true),
            (&organizer, true),
            (&admin, true),
        ] {
            let browser = app.browser_of(who).await;
            for path in READABLE.iter().filter(|_| sees) {
                let status = browser.get(path).await.status().as_u16();
                assert_eq!(status, 200, "{path} as {}", who.user.username);
            }
            for path in open_addresses().iter().filter(|_| !sees) {
                let status = browser.get(path).await.status().as_u16();
                assert_eq!(status, 404, "{path} as {}", who.user.username);
            }
            for list in ["/", "/challenges", "/api/v1/challenges"] {
                let page = browser.page(list).await;
                assert_eq!(page.contains("A sample challenge"), sees, "{list}");
            }
        }
        let visitor = app.visitor();
        assert!(open_addresses().len() >= READABLE.len());
        for path in open_addresses() {
            // Where an account is asked for, nobody learns more than that.
            let status = visitor.get(&path).await.status().as_u16();
            assert!(matches!(status, 303 | 401 | 404), "{path}: {status}");
        }
        for list in ["/", "/challenges", "/api/v1/challenges", "/sitemap.xml"] {
            let page = visitor.page(list).await;
            assert!(!page.contains("sample"), "{list}: {page}");
        }
        // Nor does anything that is sent tell that it is there.
        for (path, json) in [
            ("/membership", json!({ "rules_version": 1 })),
            ("/team/leave", json!({})),
            (
                "/team/invitations",
                json!({ "username": listed.user.username }),
            ),
            ("/team/invitations/1", json!({ "answer": "accepted" })),
        ] {
            assert_eq!(refused(&app, &outsider, path, json).await.0, 404, "{path}");
        }
        let sent = app
            .try_submit(&outsider, "sample", &predictions(1.0, 1.0))
            .await;
        assert_eq!(sent.status(), 404);
        assert_eq!(refused(&app, &other, "/rescore", json!({})).await.0, 404);

        // The list lets in; so does the link, whole and in force.
        app.join(&listed, "sample").await;
        let browser = app.browser_of(&by_link).await;
        let nearly = format!("{}x", &join[..join.len() - 1]);
        assert_eq!(browser.get(&nearly).await.status(), 404);
        assert!(browser.page(&join).await.contains("You are invited"));
        let form = [("rules_version", "1"), ("accept_rules", "true")];
        assert_eq!(browser.post(&nearly, &form).await.status(), 404);
        assert_eq!(browser.post(&join, &form).await.status(), 303);
        app.submit(&by_link, "sample", &predictions(1.0, 1.0)).await;
        // The captain of a team cannot bring somebody in.
        let json = json!({ "username": outsider.user.username });
        let (status, _, detail) = refused(&app, &listed, "/team/invitations", json).await;
        assert_eq!(status, 422);
        assert!(detail.contains("has not invited"), "{detail}");

        // A link that was taken back opens nothing; who is in stays in.
        let form = [("act", "take_back")];
        assert_eq!(
            console.post(&format!("{path}/link"), &form).await.status(),
            303
        );
        let late = app.browser_of(&outsider).await;
        assert_eq!(late.get(&join).await.status(), 404);
        assert!(
            browser
                .page("/challenges")
                .await
                .contains("A sample challenge")
        );
        let acts = actions(&app).await;
        for act in [
            "invitations.add",
            "invitation_link.make",
            "invitation_link.take_back",
        ] {
            assert!(
                acts.iter().any(|one| one == act),
                "{act} is not in {acts:?}"
            );
        }
    }
);

on_both_databases!(
    a_disqualified_team_is_off_the_boards_and_knows_why,
    |app| async move {
        let (organizer, [ada, bob, carla]) = challenge_with(&app, |_| ()).await;
        unite(&app, &ada, &bob).await;
        app.submit(&ada, "sample", &predictions(1.0, 1.0)).await;
        app.submit(&carla, "sample", &predictions(2.0, 2.0)).await;
        app.score_all().await;
        // One more is under way when it happens.
        app.submit(&bob, "sample", &predictions(0.5, 0.5)).await;
        let id = team(&app, &ada).await["team"]["id"].as_i64().unwrap();
        let console = app.browser_of(&organizer).await;
        let path = format!("/console/challenges/sample/participants/teams/{id}/standing");
        let form = [("act", "disqualify"), ("reason", " ")];
        assert_eq!(console.post(&path, &form).await.status(), 422);
        let form = [
            ("act", "disqualify"),
            ("reason", "Two accounts of one person"),
        ];
        assert_eq!(console.post(&path, &form).await.status(), 303);
        app.score_all().await;
        assert_eq!(board(&app).await, [(carla.user.username.clone(), 2.0, 1)]);

        let refusal = body(app.try_submit(&bob, "sample", &predictions(1.0, 1.0)).await).await;
        assert_eq!(refusal["type"], "disqualified");
        assert!(refusal["detail"].as_str().unwrap().contains("Two accounts"));
        let page = app
            .browser_of(&bob)
            .await
            .page("/challenges/sample/team")
            .await;
        assert!(page.contains("Two accounts of one person"), "{page}");
        app.advance(TimeDelta::days(1));
        for (path, json) in [
            ("/team/leave", json!({})),
            (
                "/team/invitations",
                json!({ "username": carla.user.username }),
            ),
        ] {
            let (_, kind, _) = refused(&app, &ada, path, json).await;
            assert_eq!(kind, "disqualified", "{path}");
        }
        let page = console
            .page("/console/challenges/sample/participants?q=ADA")
            .await;
        assert!(page.contains("No team and no member"), "{page}");
        let search = format!(
            "/console/challenges/sample/participants?q={}",
            bob.user.username.to_uppercase()
        );
        let page = console.page(&search).await;
        assert!(page.contains("Two accounts of one person"), "{page}");
        assert!(!page.contains(&carla.user.username), "{page}");

        let form = [("act", "reinstate")];
        assert_eq!(console.post(&path, &form).await.status(), 303);
        assert_eq!(board(&app).await[0], (ada.user.username.clone(), 0.5, 2));
        app.submit(&bob, "sample", &predictions(3.0, 3.0)).await;
        let acts = actions(&app).await;
        for act in ["team.disqualify", "team.reinstate"] {
            assert!(
                acts.iter().any(|one| one == act),
                "{act} is not in {acts:?}"
            );
        }

        let table = console
            .get("/console/challenges/sample/participants.csv")
            .await;
        assert_eq!(table.headers()["content-type"], "text/csv; charset=utf-8");
        let table = table.text().await.unwrap();
        assert_eq!(table.lines().count(), 4, "{table}");
        assert!(
            table.contains(&format!("{id},{0},{0},true,1,", ada.user.username)),
            "{table}"
        );
        let strangers = app.browser_of(&app.account(Role::Organizer).await).await;
        let refused = strangers
            .get("/console/challenges/sample/participants.csv")
            .await;
        assert_eq!(refused.status(), 403);
    }
);

on_both_databases!(a_team_is_made_on_its_page, |app| async move {
    let (_, [ada, bob]) = challenge_with(&app, |_| ()).await;
    let newcomer = app.account(Role::Expert).await;
    let page = app.browser_of(&newcomer).await;
    assert!(
        page.page("/challenges/sample/team")
            .await
            .contains("You have no team yet")
    );
    let (of_ada, of_bob) = (app.browser_of(&ada).await, app.browser_of(&bob).await);
    let form = [("username", "nobody-here")];
    let answer = of_ada
        .post("/challenges/sample/team/invitations", &form)
        .await;
    assert_eq!(answer.status(), 422);
    assert!(answer.text().await.unwrap().contains("error-username"));
    let form = [("username", bob.user.username.as_str())];
    let answer = of_ada
        .post("/challenges/sample/team/invitations", &form)
        .await;
    assert_eq!(answer.status(), 303);
    let sent = of_ada.page("/challenges/sample/team").await;
    assert!(
        sent.contains("joins your team") && sent.contains("Withdraw"),
        "{sent}"
    );
    let asked = of_bob.page("/challenges/sample/team").await;
    assert!(asked.contains("You are asked"), "{asked}");
    let id = team(&app, &bob).await["received"][0]["id"].to_string();
    let answer_at = format!("/challenges/sample/team/invitations/{id}");
    let declined = of_bob.post(&answer_at, &[("answer", "declined")]).await;
    assert_eq!(declined.status(), 303);
    assert!(
        !of_ada
            .page("/challenges/sample/team")
            .await
            .contains("Withdraw")
    );
    // A team asks; the other withdraws nothing, the first does.
    ask_to_merge(&app, &bob, &ada.user.username).await;
    let merging = of_ada.page("/challenges/sample/team").await;
    assert!(merging.contains("merges into this team"), "{merging}");
    let id = team(&app, &ada).await["received"][0]["id"].to_string();
    let answer_at = format!("/challenges/sample/team/invitations/{id}");
    of_bob.post(&answer_at, &[("answer", "withdrawn")]).await;
    assert!(
        !of_ada
            .page("/challenges/sample/team")
            .await
            .contains("You are asked")
    );
    unite(&app, &ada, &bob).await;
    let page = of_bob.page("/challenges/sample/team").await;
    assert!(
        page.contains("is the captain") && page.contains("Leave the team"),
        "{page}"
    );
});

on_both_databases!(
    people_are_told_of_invitations_and_requests,
    |app| async move {
        let (organizer, [ada, bob]) = challenge_with(&app, |_| ()).await;
        invite(&app, &ada, &bob).await;
        let inbox = app.browser_of(&bob).await.page("/inbox").await;
        let title = format!("{} invites you into the team", ada.user.username);
        assert!(inbox.contains(&title), "{inbox}");
        // Who caused it knows already.
        let own = app.browser_of(&ada).await.page("/inbox").await;
        assert!(!own.contains(&title), "{own}");

        let other = app.account(Role::Organizer).await;
        app.post_challenge(&other, |draft| {
            draft.slug = "by-request".into();
            draft.joining = Joining::Approval;
        })
        .await;
        let carla = app.account(Role::Expert).await;
        app.join(&carla, "by-request").await;
        let inbox = app.browser_of(&other).await.page("/inbox").await;
        assert!(inbox.contains("somebody asks to join"), "{inbox}");
        let inbox = app.browser_of(&organizer).await.page("/inbox").await;
        assert!(!inbox.contains("somebody asks to join"), "{inbox}");
    }
);

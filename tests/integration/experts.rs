//! Data experts: how challenges end for them, what of it others see, what the consensus owes to them, and
//! how scouts reach them.

use chrono::TimeDelta;
use diesel::prelude::*;
use paddock::accounts::users::Role;
use paddock::challenges::draft::Joining;
use paddock::challenges::upkeep;
use paddock::platform::database::{DatabaseConnection, DatabaseError};
use paddock::platform::schema::{
    audit_log, board_models, challenges, outgoing_mail, submissions, talent_boards, teams,
};
use reqwest::multipart;
use serde_json::{Value, json};

use crate::app::{Account, TestApp, predictions};
use crate::on_both_databases;

async fn keep_up(app: &TestApp) {
    upkeep::upkeep(&app.state.database, &app.clock, &app.state.receipt_key)
        .await
        .unwrap();
}

async fn database<T: Send + 'static>(
    app: &TestApp,
    work: impl FnOnce(&mut DatabaseConnection) -> QueryResult<T> + Send + 'static,
) -> T {
    app.state
        .database
        .write(move |connection| work(connection).map_err(DatabaseError::from))
        .await
        .unwrap()
}

/// Experts who each sent predictions with these errors on the private rows.
struct Contest {
    organizer: Account,
    experts: Vec<Account>,
    entries: Vec<i64>,
}

impl Contest {
    async fn run(app: &TestApp, errors: &[f64]) -> Self {
        Self::of(app, errors, false).await
    }

    async fn of(app: &TestApp, errors: &[f64], rates_drivers: bool) -> Self {
        let organizer = app.account(Role::Organizer).await;
        let slug = app
            .post_challenge(&organizer, |draft| draft.rates_drivers = rates_drivers)
            .await;
        let (mut experts, mut entries) = (Vec::new(), Vec::new());
        for error in errors {
            let expert = app.account(Role::Expert).await;
            app.join(&expert, &slug).await;
            entries.push(app.submit(&expert, &slug, &predictions(0.5, *error)).await);
            experts.push(expert);
        }
        app.score_all().await;
        Self {
            organizer,
            experts,
            entries,
        }
    }

    /// The rank and the medal that each expert's profile shows a visitor; none where it shows nothing.
    async fn told(&self, app: &TestApp) -> Vec<Option<(i64, Option<String>)>> {
        let mut told = Vec::new();
        for expert in &self.experts {
            let (status, view) = get(app, None, &profile_of(expert)).await;
            let result = view["results"].get(0);
            told.push(result.filter(|_| status == 200).map(|result| {
                let medal = result["medal"].as_str().map(str::to_owned);
                (result["rank"].as_i64().unwrap(), medal)
            }));
        }
        told
    }
}

fn some(rank: i64, medal: &str) -> Option<(i64, Option<String>)> {
    let medal = Some(medal.to_owned()).filter(|medal| !medal.is_empty());
    Some((rank, medal))
}

fn profile_of(expert: &Account) -> String {
    format!("/experts/{}", expert.user.username)
}

async fn get(app: &TestApp, account: Option<&Account>, path: &str) -> (u16, Value) {
    let request = match account {
        Some(account) => app.api(&account.token).get(path),
        None => app.get(&format!("/api/v1{path}")),
    };
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn put(app: &TestApp, account: &Account, path: &str, body: Value) -> (u16, Value) {
    let answer = reqwest::Client::new()
        .put(format!("{}/api/v1{path}", app.address))
        .bearer_auth(&account.token)
        .json(&body)
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

async fn post(app: &TestApp, account: &Account, path: &str, body: Value) -> (u16, Value) {
    let request = app.api(&account.token).post(path).json(&body);
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

/// Saves a profile with these two decisions.
async fn decide(app: &TestApp, expert: &Account, is_public: bool, open_to_contact: bool) {
    let body = json!({
        "headline": "Trees on tyres", "about": "I *model* karts.", "website": "https://apex.example/me",
        "is_public": is_public, "open_to_contact": open_to_contact,
    });
    let (status, kept) = put(app, expert, "/me/profile", body.clone()).await;
    assert_eq!((status, &kept), (200, &body));
}

const SIX: [f64; 6] = [0.1, 0.2, 0.2, 0.4, 0.5, 0.6];

on_both_databases!(
    when_a_challenge_is_over_its_experts_have_their_ranks_and_medals,
    |app| async move {
        let contest = Contest::run(&app, &SIX).await;
        let first = &contest.experts[0];
        keep_up(&app).await;
        assert_eq!(contest.told(&app).await, vec![None; 6]);
        assert_eq!(get(&app, None, &profile_of(first)).await.0, 404);
        assert_eq!(get(&app, None, "/experts").await.1["experts"], json!([]));

        app.advance(TimeDelta::days(31));
        keep_up(&app).await;
        // Tied teams share a rank and its medal.
        let expected = vec![
            some(1, "gold"),
            some(2, "silver"),
            some(2, "silver"),
            some(4, ""),
            some(5, ""),
            some(6, ""),
        ];
        assert_eq!(contest.told(&app).await, expected);
        let (_, view) = get(&app, None, &profile_of(first)).await;
        assert_eq!(view["medals"], json!({"gold": 1, "silver": 0, "bronze": 0}));
        assert_eq!(view["rank"], 1);
        assert_eq!(view["results"][0]["teams"], 6);
        assert_eq!(view["results"][0]["ended_at"], "2026-07-01T12:00:00Z");
        assert_eq!(view["may_contact"], false);

        // The list, page by page: the two of one tally share a place, also across pages.
        let mut path = "/experts?limit=2".to_owned();
        let mut listed = Vec::new();
        loop {
            let (_, page) = get(&app, None, &path).await;
            for expert in page["experts"].as_array().unwrap() {
                let name = expert["username"].as_str().unwrap().to_owned();
                listed.push((expert["rank"].as_i64().unwrap(), name));
            }
            let Some(next) = page["next"].as_str() else {
                break;
            };
            path = format!("/experts?limit=2&after={next}");
        }
        let names = contest.experts.iter().map(|one| one.user.username.clone());
        let expected: Vec<_> = [1, 2, 2, 4, 4, 4].into_iter().zip(names).collect();
        assert_eq!(listed, expected);
        assert_eq!(get(&app, None, "/experts?after=1.2").await.0, 422);

        // The board says it too, the private one alone.
        let (_, board) = get(&app, None, "/challenges/sample/leaderboard").await;
        assert_eq!(board["entries"][0]["medal"], "gold");
        let public = "/challenges/sample/leaderboard?board=public";
        assert_eq!(
            get(&app, None, public).await.1["entries"][0]["medal"],
            Value::Null
        );
        let visitor = app.visitor();
        let page = visitor.page("/challenges/sample/leaderboard").await;
        assert_eq!(page.matches("class=\"medal medal-").count(), 3, "{page}");
        let page = visitor.page("/experts").await;
        assert!(page.contains(&profile_of(first)), "{page}");
        let page = visitor.page(&profile_of(first)).await;
        assert!(
            page.contains("1 of 6") && page.contains("medal-gold"),
            "{page}"
        );
        assert!(!page.contains("Get in touch"), "{page}");
        // The team's page names who is in it, now that nobody can change it.
        let team = board["entries"][0]["team_id"].as_i64().unwrap();
        let page = visitor
            .page(&format!("/challenges/sample/teams/{team}"))
            .await;
        assert!(
            page.contains(&format!("href=\"{}\"", profile_of(first))),
            "{page}"
        );
    }
);

on_both_databases!(
    few_teams_win_no_medals_and_baselines_are_none_of_them,
    |app| async move {
        let contest = Contest::run(&app, &[0.1, 0.2, 0.3, 0.4, 0.5]).await;
        let best = contest.entries[0];
        // One of the five is the organizer's own.
        database(&app, move |connection| {
            let team: i64 = submissions::table
                .find(best)
                .select(submissions::team_id)
                .first(connection)?;
            diesel::update(teams::table.find(team))
                .set(teams::is_baseline.eq(true))
                .execute(connection)?;
            diesel::update(
                paddock::platform::schema::entries::table
                    .filter(paddock::platform::schema::entries::team_id.eq(team)),
            )
            .set(paddock::platform::schema::entries::is_baseline.eq(true))
            .execute(connection)
        })
        .await;
        app.advance(TimeDelta::days(31));
        keep_up(&app).await;
        let expected = vec![None, some(1, ""), some(2, ""), some(3, ""), some(4, "")];
        assert_eq!(contest.told(&app).await, expected);
        let page = app.visitor().page("/medals").await;
        assert!(page.contains("fewer than 5"), "{page}");
        assert!(
            page.contains("rank 10, and 0.2 % of the teams more"),
            "{page}"
        );
    }
);

on_both_databases!(
    a_disqualification_and_a_reinstatement_draw_the_standings_up_anew,
    |app| async move {
        let contest = Contest::run(&app, &SIX).await;
        app.advance(TimeDelta::days(31));
        keep_up(&app).await;
        let (_, board) = get(&app, None, "/challenges/sample/leaderboard").await;
        let first = board["entries"][0]["team_id"].as_i64().unwrap();
        let path = format!("/challenges/sample/participants/teams/{first}/disqualification");
        let reason = json!({"reason": "Two accounts."});
        assert_eq!(put(&app, &contest.organizer, &path, reason).await.0, 204);
        keep_up(&app).await;
        let told = contest.told(&app).await;
        assert_eq!(told[0], None);
        assert_eq!(told[1], some(1, "gold"));
        assert_eq!(told[3], some(3, "bronze"));
        let (_, page) = get(&app, None, "/experts").await;
        assert_eq!(page["experts"].as_array().unwrap().len(), 5);

        let request = reqwest::Client::new()
            .delete(format!("{}/api/v1{path}", app.address))
            .bearer_auth(&contest.organizer.token);
        assert_eq!(request.send().await.unwrap().status(), 204);
        keep_up(&app).await;
        assert_eq!(contest.told(&app).await[0], some(1, "gold"));
    }
);

on_both_databases!(a_correction_changes_who_won, |app| async move {
    let contest = Contest::run(&app, &[0.1, 0.2, 0.3, 0.4, 0.5]).await;
    app.advance(TimeDelta::days(31));
    keep_up(&app).await;
    assert_eq!(contest.told(&app).await[0], some(1, "gold"));
    assert_eq!(contest.told(&app).await[4], some(5, ""));
    // The solution was off by one on the private rows: who was nearest is now farthest.
    let solution = (1..=10).fold("id,target,split\n".to_owned(), |csv, id| {
        let (target, split) = match id % 2 {
            1 => (id, "public"),
            _ => (id + 1, "private"),
        };
        format!("{csv}{id},{target},{split}\n")
    });
    let file = multipart::Part::bytes(solution.into_bytes()).file_name("solution.csv");
    let form = multipart::Form::new()
        .text("phase", "Final")
        .text("reason", "The private rows were off by one.")
        .part("solution", file);
    let request = app
        .api(&contest.organizer.token)
        .post("/challenges/sample/corrections")
        .multipart(form);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    // Until the last submission is scored anew everything stays as it was.
    keep_up(&app).await;
    assert_eq!(contest.told(&app).await[0], some(1, "gold"));
    app.score_all().await;
    keep_up(&app).await;
    assert_eq!(contest.told(&app).await[0], some(5, ""));
    assert_eq!(contest.told(&app).await[4], some(1, "gold"));
    let (_, page) = get(&app, None, "/experts?limit=1").await;
    assert_eq!(
        page["experts"][0]["username"],
        contest.experts[4].user.username
    );
});

on_both_databases!(
    a_challenge_that_is_opened_again_tells_nothing_of_its_private_board,
    |app| async move {
        let contest = Contest::run(&app, &SIX).await;
        app.advance(TimeDelta::days(31));
        keep_up(&app).await;
        let dates = json!({"phases": [
            {"starts_at": "2026-05-31T12:00:00Z", "ends_at": "2026-08-01T12:00:00Z"}
        ]});
        let (status, said) = put(&app, &contest.organizer, "/challenges/sample/dates", dates).await;
        assert!(status < 300, "{said}");
        // At once, before any upkeep, and however often that comes.
        assert_eq!(contest.told(&app).await, vec![None; 6]);
        keep_up(&app).await;
        assert_eq!(contest.told(&app).await, vec![None; 6]);
        assert_eq!(get(&app, None, "/experts").await.1["experts"], json!([]));
        app.advance(TimeDelta::days(31));
        keep_up(&app).await;
        assert_eq!(contest.told(&app).await[0], some(1, "gold"));
    }
);

on_both_databases!(
    standings_wait_for_what_came_in_time_and_has_no_score_yet,
    |app| async move {
        let contest = Contest::run(&app, &SIX).await;
        let late_winner = &contest.experts[5];
        app.submit(late_winner, "sample", &predictions(0.1, 0.0))
            .await;
        app.advance(TimeDelta::days(31));
        keep_up(&app).await;
        assert_eq!(contest.told(&app).await, vec![None; 6]);
        app.score_all().await;
        keep_up(&app).await;
        assert_eq!(contest.told(&app).await[5], some(1, "gold"));
    }
);

on_both_databases!(
    a_hidden_profile_and_an_unknown_name_are_answered_alike,
    |app| async move {
        let contest = Contest::run(&app, &SIX).await;
        let [first, second, ..] = contest.experts.as_slice() else {
            panic!("six experts");
        };
        // Two of them were one team.
        let (winner, other) = (first.user.id, second.user.id);
        database(&app, move |connection| {
            use paddock::platform::schema::members;
            let team: i64 = members::table
                .filter(members::user_id.eq(winner))
                .select(members::team_id)
                .first(connection)?;
            diesel::update(members::table.filter(members::user_id.eq(other)))
                .set(members::team_id.eq(team))
                .execute(connection)
        })
        .await;
        app.advance(TimeDelta::days(31));
        keep_up(&app).await;
        let (_, view) = get(&app, None, &profile_of(first)).await;
        assert_eq!(
            view["results"][0]["team_mates"],
            json!([second.user.username])
        );

        decide(&app, second, false, true).await;
        let (status, hidden) = get(&app, None, &profile_of(second)).await;
        let (_, unknown) = get(&app, None, "/experts/who-is-this").await;
        assert_eq!(status, 404);
        let words = |problem: &Value, name: &str| problem.to_string().replace(name, "NAME");
        assert_eq!(
            words(&hidden, &second.user.username),
            words(&unknown, "who-is-this")
        );
        for asker in [first, &contest.organizer] {
            assert_eq!(get(&app, Some(asker), &profile_of(second)).await.0, 404);
        }
        assert_eq!(get(&app, Some(second), &profile_of(second)).await.0, 200);
        let page = app.browser_of(second).await.page(&profile_of(second)).await;
        assert!(page.contains("You alone see this page"), "{page}");

        // Nor is it told beside others.
        let (_, view) = get(&app, None, &profile_of(first)).await;
        assert_eq!(view["results"][0]["team_mates"], json!([]));
        assert_eq!(view["results"][0]["other_team_mates"], 1);
        let (_, list) = get(&app, None, "/experts").await;
        assert!(!list.to_string().contains(&second.user.username), "{list}");
        let team = view["results"][0]["team_id"].as_i64().unwrap();
        let visitor = app.visitor();
        for path in [
            format!("/challenges/sample/teams/{team}"),
            profile_of(first),
        ] {
            let page = visitor.page(&path).await;
            assert!(!page.contains(&profile_of(second)), "{path}: {page}");
            assert!(page.contains("1 more"), "{path}: {page}");
        }
        // Those who have another role are no experts, whatever they wrote.
        decide(&app, &contest.organizer, true, false).await;
        assert_eq!(
            get(&app, None, &profile_of(&contest.organizer)).await.0,
            404
        );
    }
);

on_both_databases!(
    a_challenge_by_invitation_is_told_to_those_who_may_know_of_it,
    |app| async move {
        let contest = Contest::run(&app, &SIX).await;
        let [first, second, ..] = contest.experts.as_slice() else {
            panic!("six experts");
        };
        database(&app, |connection| {
            diesel::update(challenges::table)
                .set(challenges::joining.eq(Joining::Invited))
                .execute(connection)
        })
        .await;
        app.advance(TimeDelta::days(31));
        keep_up(&app).await;
        // It makes nobody known.
        assert_eq!(get(&app, None, &profile_of(first)).await.0, 404);
        assert_eq!(get(&app, None, "/experts").await.1["experts"], json!([]));
        decide(&app, first, true, false).await;
        let stranger = app.account(Role::Expert).await;
        for asker in [None, Some(&stranger)] {
            let (status, view) = get(&app, asker, &profile_of(first)).await;
            assert_eq!((status, &view["results"]), (200, &json!([])));
            assert!(!view.to_string().contains("sample"), "{view}");
        }
        let page = app.visitor().page(&profile_of(first)).await;
        assert!(!page.contains("A sample challenge"), "{page}");
        // Its members see the result; a medal there is none.
        let (_, view) = get(&app, Some(second), &profile_of(first)).await;
        assert_eq!(view["results"][0]["rank"], 1);
        assert_eq!(view["results"][0]["medal"], Value::Null);

        // Opened to everybody by its organizer it counts, and the other way round.
        let visible = json!([{"gold": 1, "silver": 0, "bronze": 0}]);
        for (joining, expected) in [("open", visible), ("invited", json!([]))] {
            let form = [
                ("prizes", ""),
                ("eligibility", ""),
                ("joining", joining),
                ("max_team_size", "5"),
                ("final_selections", "2"),
            ];
            let browser = app.browser_of(&contest.organizer).await;
            let answer = browser
                .post("/console/challenges/sample/settings", &form)
                .await;
            assert_eq!(answer.status(), 303);
            keep_up(&app).await;
            let (_, list) = get(&app, None, "/experts?limit=1").await;
            let medals: Vec<_> = list["experts"]
                .as_array()
                .unwrap()
                .iter()
                .map(|expert| expert["medals"].clone())
                .collect();
            assert_eq!(json!(medals), expected, "{joining}");
        }
    }
);

fn letter() -> Value {
    json!({
        "organisation": "Apex Racing", "reply_to": "scout@apex.example",
        "message": "We look for somebody who models tyre wear.",
    })
}

on_both_databases!(scouts_reach_who_is_open_to_it, |app| async move {
    let expert = app.account(Role::Expert).await;
    let scout = app.account(Role::Scout).await;
    let path = format!("{}/contact", profile_of(&expert));
    let page_path = profile_of(&expert);

    // Unknown, without a profile, hidden, and not open to it: the same words.
    let (status, unknown) = post(&app, &scout, "/experts/who-is-this/contact", letter()).await;
    assert_eq!(status, 404);
    let words = |problem: &Value| {
        let text = problem.to_string();
        text.replace("who-is-this", "NAME")
            .replace(&expert.user.username, "NAME")
    };
    assert_eq!(
        words(&post(&app, &scout, &path, letter()).await.1),
        words(&unknown)
    );
    decide(&app, &expert, true, false).await;
    assert_eq!(
        words(&post(&app, &scout, &path, letter()).await.1),
        words(&unknown)
    );
    decide(&app, &expert, false, true).await;
    assert_eq!(
        words(&post(&app, &scout, &path, letter()).await.1),
        words(&unknown)
    );

    decide(&app, &expert, true, true).await;
    // Who may not send is not told that they are open either.
    let rival = app.account(Role::Expert).await;
    assert_eq!(post(&app, &rival, &path, letter()).await.0, 403);
    assert_eq!(
        get(&app, Some(&rival), &page_path).await.1["may_contact"],
        false
    );
    for browser in [app.visitor(), app.browser_of(&rival).await] {
        let page = browser.page(&page_path).await;
        assert!(
            !page.contains("Get in touch") && !page.contains("open to"),
            "{page}"
        );
    }
    assert_eq!(app.visitor().post(&path, &[]).await.status(), 401);

    let browser = app.browser_of(&scout).await;
    let page = browser.page(&page_path).await;
    assert!(page.contains("Get in touch"), "{page}");
    assert!(!page.contains("@paddock.example"), "{page}");
    assert!(page.contains("<em>model</em>"), "{page}");
    assert!(
        page.contains("href=\"https://apex.example/me\" rel=\"nofollow"),
        "{page}"
    );
    let form = [
        ("organisation", "Apex Racing"),
        ("message", "Hi!"),
        ("reply_to", "me"),
    ];
    let answer = browser.post(&path, &form).await;
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.unwrap();
    assert!(page.contains("at least 20 characters"), "{page}");
    assert!(
        page.contains("value=\"Apex Racing\""),
        "what was written stays: {page}"
    );

    assert_eq!(post(&app, &scout, &path, letter()).await.0, 204);
    let (_, inbox) = get(&app, Some(&expert), "/inbox").await;
    assert_eq!(inbox["unread"], 1);
    assert_eq!(inbox["messages"][0]["kind"], "contact");
    assert_eq!(inbox["messages"][0]["url"], "/account/contacts");
    let page = app
        .browser_of(&expert)
        .await
        .page("/account/contacts")
        .await;
    assert!(
        page.contains("tyre wear") && page.contains("scout@apex.example"),
        "{page}"
    );
    let letters: Vec<(String, String)> = database(&app, |connection| {
        outgoing_mail::table
            .select((outgoing_mail::recipient, outgoing_mail::body))
            .load(connection)
    })
    .await;
    let [(recipient, body)] = letters.as_slice() else {
        panic!("{letters:?}");
    };
    assert_eq!(
        *recipient,
        format!("{}@paddock.example", expert.user.username)
    );
    assert!(
        body.contains("tyre wear") && body.contains("scout@apex.example"),
        "{body}"
    );
    let subject = format!("user:{}", expert.user.username);
    let audited: i64 = database(&app, move |connection| {
        audit_log::table
            .filter(audit_log::action.eq("expert.contact"))
            .filter(audit_log::subject.eq(subject))
            .count()
            .get_result(connection)
    })
    .await;
    assert_eq!(audited, 1);

    // Once a week; another scout may write meanwhile.
    let (status, problem) = post(&app, &scout, &path, letter()).await;
    assert_eq!((status, &problem["type"]), (409, &json!("wrote_lately")));
    let other = app.account(Role::Scout).await;
    assert_eq!(post(&app, &other, &path, letter()).await.0, 204);
    app.advance(TimeDelta::days(7));
    assert_eq!(post(&app, &scout, &path, letter()).await.0, 204);
});

on_both_databases!(of_many_messages_at_once_one_arrives, |app| async move {
    let expert = app.account(Role::Expert).await;
    let scout = app.account(Role::Scout).await;
    decide(&app, &expert, true, true).await;
    let path = format!("{}/contact", profile_of(&expert));
    let sent = (0..8).map(|_| post(&app, &scout, &path, letter()));
    let answers = futures_util::future::join_all(sent).await;
    let mut statuses: Vec<u16> = answers.into_iter().map(|(status, _)| status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409, 409, 409, 409, 409, 409, 409]);
    // And no scout writes to everybody.
    for number in 1..=20 {
        let next = app.account(Role::Expert).await;
        decide(&app, &next, true, true).await;
        let path = format!("{}/contact", profile_of(&next));
        let (status, problem) = post(&app, &scout, &path, letter()).await;
        assert_eq!(status, if number < 20 { 204 } else { 429 }, "{problem}");
    }
});

/// A board of the sample challenge that listens to these submissions.
async fn publish_board(app: &TestApp, models: Vec<(i64, f64, Option<f64>, Option<f64>)>) {
    let now = app.clock.now().naive_utc();
    database(app, move |connection| {
        let challenge_id: i64 = challenges::table.select(challenges::id).first(connection)?;
        let board: i64 = diesel::insert_into(talent_boards::table)
            .values((
                talent_boards::challenge_id.eq(challenge_id),
                talent_boards::published_at.eq(now),
                talent_boards::board.eq("{}"),
            ))
            .returning(talent_boards::id)
            .get_result(connection)?;
        for (rank, (submission, weight, leave_one_out, fair_share)) in (1_i64..).zip(models) {
            let team: i64 = submissions::table
                .find(submission)
                .select(submissions::team_id)
                .first(connection)?;
            diesel::insert_into(board_models::table)
                .values((
                    board_models::board_id.eq(board),
                    board_models::submission_id.eq(submission),
                    board_models::team_id.eq(team),
                    board_models::rank.eq(rank),
                    board_models::private_score.eq(0.5),
                    board_models::weight.eq(weight),
                    board_models::cluster.eq(1),
                    board_models::leave_one_out.eq(leave_one_out),
                    board_models::fair_share.eq(fair_share),
                ))
                .execute(connection)?;
        }
        Ok(())
    })
    .await;
}

on_both_databases!(
    authors_learn_what_the_consensus_owes_to_them_when_the_phase_is_over,
    |app| async move {
        let contest = Contest::of(&app, &[0.1, 0.2, 0.3], true).await;
        let [first, second, ..] = contest.experts.as_slice() else {
            panic!("three experts");
        };
        let (one, other) = (contest.entries[0], contest.entries[1]);
        publish_board(&app, vec![(one, 1.0, None, None)]).await;
        let models = vec![
            (one, 0.625, Some(0.031), Some(0.25)),
            (other, 0.375, Some(-0.02), None),
        ];
        publish_board(&app, models).await;
        let path = format!("/submissions/{one}");
        // The weight is learned from the private rows.
        let (_, view) = get(&app, Some(first), &path).await;
        assert_eq!(view["contributivity"], Value::Null);
        let page = app.browser_of(first).await.page(&path).await;
        assert!(!page.contains("Share of the vote"), "{page}");

        app.advance(TimeDelta::days(31));
        let (_, view) = get(&app, Some(first), &path).await;
        let owed = &view["contributivity"];
        assert_eq!(owed["weight"], 0.625, "of the newest board: {view}");
        assert_eq!(owed["fair_share"], 0.25);
        let page = app.browser_of(first).await.page(&path).await;
        assert!(
            page.contains("62.5 %") && page.contains("3.1 % less"),
            "{page}"
        );
        assert_eq!(get(&app, Some(second), &path).await.0, 404);
        let theirs = format!("/submissions/{other}");
        let page = app.browser_of(second).await.page(&theirs).await;
        assert!(page.contains("would err less, by 2.0 %"), "{page}");
        assert!(!page.contains("Fair share</dt>"), "{page}");

        // On the profile it stands once the challenge has its final standings.
        decide(&app, first, true, false).await;
        let (_, before) = get(&app, None, &profile_of(first)).await;
        assert!(!before.to_string().contains("0.625"), "{before}");
        keep_up(&app).await;
        let (_, after) = get(&app, None, &profile_of(first)).await;
        assert_eq!(after["results"][0]["contributivity"]["weight"], 0.625);
        let page = app.visitor().page(&profile_of(first)).await;
        assert!(page.contains("62.5 %"), "{page}");
        let (_, third) = get(&app, None, &profile_of(&contest.experts[2])).await;
        assert_eq!(third["results"][0]["contributivity"], Value::Null);
    }
);

on_both_databases!(
    a_team_shows_its_receipt_to_everybody_when_it_is_over,
    |app| async move {
        let contest = Contest::run(&app, &[0.015625, 0.5]).await;
        let [first, second] = contest.experts.as_slice() else {
            panic!("two experts");
        };
        let entry = contest.entries[0];
        let (own, public) = (
            format!("/submissions/{entry}/receipt"),
            format!("/receipts/{entry}"),
        );
        let shown = [("shown", "true")];
        let browser = app.browser_of(first).await;
        assert_eq!(browser.post(&own, &shown).await.status(), 409);
        assert_eq!(app.visitor().get(&public).await.status(), 404);

        app.advance(TimeDelta::days(31));
        keep_up(&app).await;
        // Signed in anew: a session ends after a month.
        let browser = app.browser_of(first).await;
        assert_eq!(app.visitor().get(&public).await.status(), 404);
        for stranger in [second, &contest.organizer] {
            let answer = app.browser_of(stranger).await.post(&own, &shown).await;
            assert_eq!(answer.status(), 404);
        }
        let page = browser.page(&own).await;
        assert!(page.contains("Show it to everybody"), "{page}");
        assert_eq!(browser.post(&own, &shown).await.status(), 303);
        let visitor = app.visitor();
        let page = visitor.page(&public).await;
        assert!(page.contains("0.015625"), "{page}");
        assert!(!page.contains("Show it"), "{page}");
        let file = visitor
            .get(&format!("{public}?download=1"))
            .await
            .text()
            .await;
        let signed = paddock::scoring::receipt::verify(&file.unwrap(), None).unwrap();
        assert_eq!(signed.receipt.submission.id, entry);
        let page = visitor.page(&profile_of(first)).await;
        assert!(page.contains(&format!("href=\"{public}\"")), "{page}");
        // The other one's stays the team's.
        let other = format!("/receipts/{}", contest.entries[1]);
        assert_eq!(visitor.get(&other).await.status(), 404);
        // By invitation: nobody from outside.
        database(&app, |connection| {
            diesel::update(challenges::table)
                .set(challenges::joining.eq(Joining::Invited))
                .execute(connection)
        })
        .await;
        assert_eq!(visitor.get(&public).await.status(), 404);
        assert_eq!(
            app.browser_of(second).await.get(&public).await.status(),
            200
        );

        assert_eq!(
            browser.post(&own, &[("shown", "false")]).await.status(),
            303
        );
        assert_eq!(
            app.browser_of(second).await.get(&public).await.status(),
            404
        );
    }
);

on_both_databases!(
    a_profile_is_written_by_its_owner_and_harmless,
    |app| async move {
        let expert = app.account(Role::Expert).await;
        let (_, before) = get(&app, Some(&expert), "/me/profile").await;
        assert_eq!(
            (&before["is_public"], &before["open_to_contact"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(
            get(&app, None, &profile_of(&expert)).await.0,
            404,
            "nothing to show yet"
        );
        let browser = app.browser_of(&expert).await;
        let about = "é".repeat(1_900) + "\r\n\r\n<script>alert(1)</script>";
        let form = [
            ("headline", "Trees <b>on</b> tyres"),
            ("about", about.as_str()),
            ("website", "http://apex.example"),
            ("is_public", "true"),
        ];
        let answer = browser.post("/account/profile", &form).await;
        assert_eq!(answer.status(), 422);
        let page = answer.text().await.unwrap();
        assert!(page.contains("begins with https://"), "{page}");
        assert!(
            page.contains("Trees &#60;b&#62;"),
            "what was written stays: {page}"
        );
        let form = form.map(|(name, value)| match name {
            "website" => (name, "https://apex.example"),
            _ => (name, value),
        });
        assert_eq!(browser.post("/account/profile", &form).await.status(), 303);
        let page = browser.page("/account/profile").await;
        assert!(page.contains("Your profile is saved"), "{page}");
        let page = app.visitor().page(&profile_of(&expert)).await;
        assert!(page.contains("Trees &#60;b&#62;on"), "{page}");
        assert!(!page.contains("<script>alert"), "{page}");
        let (status, problem) = put(
            &app,
            &expert,
            "/me/profile",
            json!({"headline": "x".repeat(121), "about": "", "website": "",
                   "is_public": true, "open_to_contact": false}),
        )
        .await;
        assert_eq!((status, &problem["field"]), (422, &json!("headline")));
    }
);

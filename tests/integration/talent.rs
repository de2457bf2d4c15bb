//! What scouts do: search a board, look at a driver, keep lists, and hear of changes.

use std::collections::BTreeMap;
use std::fmt::Write;

use paddock::accounts::users::Role;
use paddock::datasets::anonymize::ReleaseKey;
use paddock::datasets::publish::{DatasetDraft, Override, Publication};
use paddock::datasets::simulator::{Championship, Parameters, simulate};
use serde_json::{Value, json};

use crate::app::{Account, Browser, TestApp};
use crate::on_both_databases;

/// Every lap in its order and drivers under one name: what nobody could publish of real people without an
/// override, and what a board needs.
const POLICY: &str = r#"
version = 1
minimum_class_size = 11
minors = true
subject = "driver_id"

[[column]]
name = "event"
action = "ordinal"

[[column]]
name = "date"
action = "drop"

[[column]]
name = "venue"
action = "drop"

[[column]]
name = "session"
action = "keep"

[[column]]
name = "wet"
action = "keep"

[[column]]
name = "driver_id"
action = "pseudonym"
prefix = "D"

[[column]]
name = "driver_name"
action = "drop"

[[column]]
name = "club"
action = "drop"

[[column]]
name = "region"
action = "keep"

[[column]]
name = "age"
action = "band"
width = 2

[[column]]
name = "weight_kg"
action = "band"
width = 5.0

[[column]]
name = "height_cm"
action = "drop"

[[column]]
name = "kart"
action = "keep"

[[column]]
name = "stint"
action = "keep"

[[column]]
name = "lap"
action = "keep"

[[column]]
name = "out_lap"
action = "keep"

[[column]]
name = "pit"
action = "keep"

[[column]]
name = "position"
action = "keep"

[[column]]
name = "passes"
action = "keep"

[[column]]
name = "sector_1"
action = "keep"

[[column]]
name = "sector_2"
action = "keep"

[[column]]
name = "sector_3"
action = "keep"

[[column]]
name = "lap_time"
action = "keep"
"#;

fn championship() -> Championship {
    let parameters = Parameters {
        drivers: 24,
        events: 6,
        wet_events: 1,
        stints: 2,
        seed: 11,
        ..Parameters::default()
    };
    simulate(&parameters, &mut |_| {}).unwrap()
}

/// A rating challenge on the laps of a simulated championship.
struct Season {
    slug: String,
    /// The true talent under the release's pseudonyms; higher is faster.
    truth: BTreeMap<String, f64>,
}

async fn season(app: &TestApp, organizer: &Account) -> Season {
    let championship = championship();
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("laps.csv");
    championship
        .write_laps_csv(std::fs::File::create(&table).unwrap())
        .unwrap();
    let admin = app.account(Role::Admin).await;
    let publication = Publication {
        draft: DatasetDraft {
            slug: "season".into(),
            title: "A season".into(),
            summary: "Simulated.".into(),
            card: "Simulated laps.".into(),
            licence: "CC0-1.0".into(),
            notes: "First release".into(),
            policy: POLICY.into(),
            ..DatasetDraft::default()
        },
        table,
        key: ReleaseKey::new([7; 32]),
        owner: organizer.user.clone(),
        overridden: Some(Override {
            by: admin.user.clone(),
            reason: "Nobody stands behind the pseudonyms: the drivers are simulated.".into(),
        }),
    };
    app.state
        .publisher
        .publish(app.clock.now(), publication)
        .await
        .unwrap();
    // The published laps stand in the order of the raw ones or not; what a driver drove tells who it is.
    let published = app
        .get("/datasets/season/files/data.csv")
        .send()
        .await
        .unwrap();
    let published = published.text().await.unwrap();
    let mut reader = csv::Reader::from_reader(published.as_bytes());
    let head = reader.headers().unwrap().clone();
    let column = |name: &str| head.iter().position(|column| column == name).unwrap();
    let (driver, time) = (column("driver_id"), column("lap_time"));
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for row in reader.records() {
        let row = row.unwrap();
        *sums.entry(row[driver].to_owned()).or_default() += row[time].parse::<f64>().unwrap();
    }
    let mut truth_of_sum: BTreeMap<i64, f64> = BTreeMap::new();
    for (index, truth) in championship.truth.iter().enumerate() {
        let laps = championship.laps.iter().filter(|lap| lap.driver == index);
        let sum: f64 = laps.map(|lap| lap.seconds()).sum();
        truth_of_sum.insert((sum * 1000.0).round() as i64, -100.0 * truth.pace);
    }
    let truth: BTreeMap<String, f64> = sums
        .into_iter()
        .map(|(driver, sum)| (driver, truth_of_sum[&((sum * 1000.0).round() as i64)]))
        .collect();
    assert_eq!(truth.len(), 24);
    let solution = predictions(&truth, |_, truth| truth);
    let slug = app
        .post_challenge_of(organizer, &solution, |draft| {
            draft.rates_drivers = true;
            draft.dataset = Some("season".into());
            rate_drivers(draft);
        })
        .await;
    Season { slug, truth }
}

fn rate_drivers(draft: &mut paddock::challenges::draft::ChallengeDraft) {
    use paddock::scoring::predictions::{ColumnKind, PredictionColumn, PredictionFormat};
    use paddock::scoring::solution::SolutionFormat;
    use paddock::scoring::worker::SolutionSpec;
    let rating = PredictionColumn {
        name: "rating".into(),
        kind: ColumnKind::Number,
    };
    draft.prediction_format = PredictionFormat::new("driver_id", vec![rating]).unwrap();
    for phase in &mut draft.phases {
        phase.metric = "spearman".parse().unwrap();
        phase.solution = SolutionSpec {
            format: SolutionFormat::new("driver_id", "rating"),
            public_fraction: Some(0.5),
            split_seed: 5,
        };
    }
}

fn predictions(truth: &BTreeMap<String, f64>, rate: impl Fn(usize, f64) -> f64) -> String {
    let mut text = "driver_id,rating\n".to_owned();
    for (index, (driver, truth)) in truth.iter().enumerate() {
        writeln!(text, "{driver},{}", rate(index, *truth)).unwrap();
    }
    text
}

/// Three experts with models that err differently, scored.
async fn crowd(app: &TestApp, season: &Season) {
    for model in 1..=3_usize {
        let expert = app.account(Role::Expert).await;
        app.join(&expert, &season.slug).await;
        let error = |index: usize| ((index * 7 * model) % 11) as f64 / 11.0 - 0.5;
        let file = predictions(&season.truth, |index, truth| truth + 0.5 * error(index));
        app.submit(&expert, &season.slug, &file).await;
    }
    app.score_all().await;
}

async fn publish(app: &TestApp, organizer: &Account, slug: &str) -> Value {
    let address = format!("/challenges/{slug}/talent-board");
    let answer = app
        .api(&organizer.token)
        .post(&address)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
    answer.json().await.unwrap()
}

async fn scout(app: &TestApp) -> (Account, Browser) {
    let account = app.account(Role::Scout).await;
    let browser = app.browser_of(&account).await;
    (account, browser)
}

on_both_databases!(
    a_board_tells_drivers_apart_and_how_sure_it_is,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let season = season(&app, &organizer).await;
        crowd(&app, &season).await;
        let board = publish(&app, &organizer, &season.slug).await;
        let summary = &board["board"];
        assert_eq!(summary["drivers"], 24);
        assert_eq!(summary["models"], 3);
        assert!(summary["tiers"].as_i64().unwrap() >= 2, "{summary}");
        assert!(
            summary["crowd"]["consensus"].as_f64().unwrap() > 0.5,
            "{summary}"
        );
        let votes = board["models"].as_array().unwrap();
        let total: f64 = votes
            .iter()
            .map(|model| model["weight"].as_f64().unwrap())
            .sum();
        assert!((total - 1.0).abs() < 1e-9);
        assert!(
            votes.iter().all(|model| model["leave_one_out"].is_number()),
            "{votes:?}"
        );

        // The board's order follows the truth, which the models saw through noise and the laps tell too.
        let (account, browser) = scout(&app).await;
        let api = app.api(&account.token);
        let address = format!("/talent/{}?limit=100", season.slug);
        let all: Value = api
            .get(&address)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let drivers = all["drivers"].as_array().unwrap();
        let place = |driver: &str| {
            drivers
                .iter()
                .position(|line| line["driver"] == driver)
                .unwrap()
        };
        let mut truth: Vec<(&String, f64)> = season.truth.iter().map(|(d, t)| (d, *t)).collect();
        truth.sort_by(|one, other| other.1.total_cmp(&one.1));
        assert!(place(truth[0].0) < 6 && place(truth[23].0) > 17);
        let best = &drivers[0]["profile"];
        assert!(
            best["measures"]["pace_percentile"]["low"].as_f64().unwrap() > 30.0,
            "{best}"
        );
        assert_eq!(best["evidence"]["sectors"].as_array().unwrap().len(), 3);
        assert_eq!(best["evidence"]["events"].as_array().unwrap().len(), 6);
        assert!(
            best["measures"]["weight_adjusted_pace"]["value"].is_number(),
            "{best}"
        );
        assert!(
            best["measures"]["pace_for_age"]["value"].is_number(),
            "{best}"
        );

        // Pages say the same, in tiers and with intervals; a bare rank stands nowhere.
        let page = browser.page(&format!("/talent/{}", season.slug)).await;
        for expected in [
            "class=\"interval\"",
            "class=\"tier\"",
            "pseudonyms",
            "Contributivity",
            "best single model",
        ] {
            assert!(page.contains(expected), "{expected}");
        }
        let name = drivers[0]["driver"].as_str().unwrap();
        let driver = browser
            .page(&format!("/talent/{}/drivers/{name}", season.slug))
            .await;
        for expected in [
            "Lap times",
            "Event 1",
            "Sector 3",
            "Which models agree",
            "What would change this rating",
        ] {
            assert!(driver.contains(expected), "{expected}");
        }
        let missing = browser
            .get(&format!("/talent/{}/drivers/nobody", season.slug))
            .await;
        assert_eq!(missing.status(), 404);
        let expert = app.account(Role::Expert).await;
        let expert = app.browser_of(&expert).await;
        let refused = expert
            .get(&format!("/talent/{}/drivers/{name}", season.slug))
            .await;
        assert_eq!(refused.status(), 403, "boards are for scouts");
    }
);

on_both_databases!(
    a_scout_filters_sorts_compares_and_exports,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let season = season(&app, &organizer).await;
        crowd(&app, &season).await;
        publish(&app, &organizer, &season.slug).await;
        let (account, browser) = scout(&app).await;
        let api = app.api(&account.token);
        let slug = &season.slug;
        let drivers = |query: String| {
            let (api, address) = (app.api(&account.token), format!("/talent/{slug}?{query}"));
            async move {
                let page: Value = api
                    .get(&address)
                    .send()
                    .await
                    .unwrap()
                    .json()
                    .await
                    .unwrap();
                page
            }
        };
        let all = drivers("limit=100".into()).await;
        let bands = all["board"]["age_bands"].as_array().unwrap();
        assert!(bands.len() > 1, "{bands:?}");
        let mut found = 0;
        for band in bands {
            let page = drivers(format!("limit=100&age_band={}", band.as_str().unwrap())).await;
            let lines = page["drivers"].as_array().unwrap();
            assert!(lines.iter().all(|line| line["age_band"] == *band));
            found += lines.len();
        }
        assert_eq!(found, 24, "every driver is in one band");

        let steady = drivers("limit=100&sort=consistency".into()).await;
        let values: Vec<f64> = steady["drivers"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|line| line["profile"]["measures"]["consistency"]["value"].as_f64())
            .collect();
        assert!(values.len() > 20 && values.is_sorted(), "{values:?}");
        let first = drivers("limit=10".into()).await;
        let rest = drivers(format!(
            "limit=100&after={}",
            first["next"].as_str().unwrap()
        ))
        .await;
        assert_eq!(rest["drivers"].as_array().unwrap().len(), 14);
        assert!(rest["next"].is_null());
        let refused = api
            .get(&format!("/talent/{slug}?sort=luck"))
            .send()
            .await
            .unwrap();
        assert_eq!(refused.status(), 422);
        assert_eq!(refused.json::<Value>().await.unwrap()["field"], "sort");

        let names: Vec<&str> = all["drivers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["driver"].as_str().unwrap())
            .collect();
        let compare = format!(
            "/talent/{slug}/compare?driver={}&driver={}",
            names[0], names[23]
        );
        let page = browser.page(&compare).await;
        assert!(page.contains(names[0]) && page.contains(names[23]));
        assert!(
            page.contains("clearly best"),
            "the first and the last lie apart"
        );
        let alone = browser
            .page(&format!("/talent/{slug}/compare?driver={}", names[0]))
            .await;
        assert!(alone.contains("Choose two to 4 drivers"));

        let csv = browser
            .page(&format!("/talent/{slug}/drivers.csv?up_to_tier=1"))
            .await;
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let head = reader.headers().unwrap().clone();
        assert!(head.iter().any(|name| name == "pace_percentile_low"));
        assert!(head.iter().all(|name| name != "rank" && name != "position"));
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert!(!rows.is_empty() && rows.len() < 24);
        assert!(rows.iter().all(|row| &row[1] == "1"));
        let text = browser.page(&format!("/talent/{slug}/drivers.json")).await;
        let exported: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(exported.len(), 24);
    }
);

on_both_databases!(
    lists_notes_and_searches_are_the_scouts_own_and_tell_of_changes,
    |app| async move {
        let organizer = app.account(Role::Organizer).await;
        let season = season(&app, &organizer).await;
        crowd(&app, &season).await;
        publish(&app, &organizer, &season.slug).await;
        let slug = &season.slug;
        let (account, browser) = scout(&app).await;
        let (_, other) = scout(&app).await;
        let api = app.api(&account.token);
        let all: Value = api
            .get(&format!("/talent/{slug}?limit=100"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let name = |index: usize| all["drivers"][index]["driver"].as_str().unwrap().to_owned();
        let here = format!("/talent/{slug}/drivers/{}", name(0));

        let begun = browser
            .post(&format!("{here}/shortlists"), &[("name", "For Monday")])
            .await;
        assert_eq!(begun.status(), 303);
        let noted = browser
            .post(
                &format!("{here}/note"),
                &[("note", "Brakes late into turn 3")],
            )
            .await;
        assert_eq!(noted.status(), 303);
        let lists: Value = api
            .get("/scouting/shortlists")
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let list = &lists["shortlists"][0];
        assert_eq!(
            (&list["name"], &list["drivers"]),
            (&json!("For Monday"), &json!(1))
        );
        let id = list["id"].as_i64().unwrap();
        for driver in 1..24 {
            let address = format!("/scouting/shortlists/{id}/drivers/{slug}/{}", name(driver));
            for _ in 0..2 {
                assert_eq!(
                    api.put(&address).send().await.unwrap().status(),
                    204,
                    "once more changes nothing"
                );
            }
        }
        let unknown = format!("/scouting/shortlists/{id}/drivers/{slug}/nobody");
        assert_eq!(api.put(&unknown).send().await.unwrap().status(), 404);
        let page = browser.page(&format!("/scouting/shortlists/{id}")).await;
        assert!(page.contains("Brakes late") && page.contains(&name(23)));

        // Another scout sees nothing of it.
        assert_eq!(
            other
                .get(&format!("/scouting/shortlists/{id}"))
                .await
                .status(),
            404
        );
        assert!(!other.page(&here).await.contains("Brakes late"));
        let delete = format!("/scouting/shortlists/{id}/delete");
        assert_eq!(other.post(&delete, &[]).await.status(), 404);

        let search = [
            ("name", "Best of the north"),
            ("query", "up_to_tier=1"),
            ("alerts", "true"),
        ];
        assert_eq!(
            browser
                .post(&format!("/talent/{slug}/searches"), &search)
                .await
                .status(),
            303
        );
        let searches: Value = api
            .get("/scouting/searches")
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(searches["searches"][0]["query"], "up_to_tier=1");
        let wrong = [
            ("name", "x"),
            ("query", "up_to_tier=two"),
            ("alerts", "true"),
        ];
        let refused = browser
            .post(&format!("/talent/{slug}/searches"), &wrong)
            .await;
        assert_eq!(refused.status(), 422);

        // The same board again changes nothing, and nobody is told.
        publish(&app, &organizer, slug).await;
        assert!(!browser.page("/inbox").await.contains("talent board"));
        // Models that see everything the other way round do.
        for model in 0..3 {
            let expert = app.account(Role::Expert).await;
            app.join(&expert, slug).await;
            let file = predictions(&season.truth, |index, truth| {
                truth + 3.0 * (((index * (model + 3)) % 7) as f64 - 3.0)
            });
            app.submit(&expert, slug, &file).await;
        }
        app.score_all().await;
        let again = publish(&app, &organizer, slug).await;
        assert_eq!(again["board"]["models"], 6);
        let after: Value = api
            .get(&format!("/talent/{slug}?limit=100"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let tier = |board: &Value, driver: &str| {
            let lines = board["drivers"].as_array().unwrap();
            let line = lines.iter().find(|line| line["driver"] == driver).unwrap();
            line["tier"].as_i64().unwrap()
        };
        let moved: Vec<String> = (0..24)
            .map(name)
            .filter(|d| tier(&all, d) != tier(&after, d))
            .collect();
        let inbox = browser.page("/inbox").await;
        assert_eq!(
            inbox.contains("The talent board of"),
            !moved.is_empty(),
            "{moved:?}"
        );
        assert!(!other.page("/inbox").await.contains("The talent board of"));

        assert_eq!(browser.post(&delete, &[]).await.status(), 303);
        assert!(
            browser.page(&here).await.contains("Brakes late"),
            "notes stay"
        );
    }
);

on_both_databases!(without_laps_there_is_no_board, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    let slug = app
        .post_challenge(&organizer, |draft| draft.rates_drivers = true)
        .await;
    let expert = app.account(Role::Expert).await;
    app.join(&expert, &slug).await;
    app.submit(&expert, &slug, &crate::app::predictions(0.1, 0.1))
        .await;
    app.score_all().await;
    let address = format!("/challenges/{slug}/talent-board");
    let refused = app
        .api(&organizer.token)
        .post(&address)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 409);
    let fault: Value = refused.json().await.unwrap();
    assert!(
        fault["detail"].as_str().unwrap().contains("rests on laps"),
        "{fault}"
    );
    let console = app.browser_of(&organizer).await;
    let answer = console.post(&format!("/console{address}"), &[]).await;
    assert_eq!(
        answer.headers()["location"],
        format!("/console/challenges/{slug}")
    );
});

on_both_databases!(scouts_see_the_board_and_experts_do_not, |app| async move {
    let organizer = app.account(Role::Organizer).await;
    let season = season(&app, &organizer).await;
    let (_, scout) = scout(&app).await;
    assert!(scout.page("/talent").await.contains("No boards yet"));
    crowd(&app, &season).await;
    let slug = &season.slug;
    let console = app.browser_of(&organizer).await;
    let publish = format!("/console/challenges/{slug}/talent-board");
    let page = console.page(&format!("/console/challenges/{slug}")).await;
    assert!(page.contains(&publish));
    assert!(
        page.contains("even while the phase runs"),
        "the consequence is stated"
    );
    assert_eq!(scout.post(&publish, &[]).await.status(), 403);
    let answer = console.post(&publish, &[]).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["location"], format!("/talent/{slug}"));
    assert!(
        scout
            .page("/talent")
            .await
            .contains(&format!("/talent/{slug}"))
    );
    assert_eq!(scout.get("/talent/nothing").await.status(), 404);
    let expert = app.account(Role::Expert).await;
    let expert = app.browser_of(&expert).await;
    assert_eq!(expert.get("/talent").await.status(), 403);
    assert_eq!(expert.get(&format!("/talent/{slug}")).await.status(), 403);
});

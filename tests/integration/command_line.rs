//! What somebody at a terminal sees.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::binary::{Running, paddock, run, succeed};

fn complaint(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_help_of_every_command_leads_a_newcomer_on() {
    let folder = tempdir().unwrap();
    let mut waiting = vec![Vec::<String>::new()];
    let mut seen = 0;
    while let Some(command) = waiting.pop() {
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = succeed(folder.path(), &arguments);
        assert!(
            help.contains("Example"),
            "{command:?} shows no example:\n{help}"
        );
        seen += 1;
        let commands = help.split("Commands:\n").nth(1).unwrap_or_default();
        for line in commands.lines().take_while(|line| line.starts_with("  ")) {
            let name = line.split_whitespace().next().unwrap_or_default();
            if name != "help" && line.starts_with("  ") && !line.starts_with("   ") {
                waiting.push([command.clone(), vec![name.to_owned()]].concat());
            }
        }
    }
    assert!(seen >= 20, "only {seen} commands were found");
}

#[test]
fn later_layers_of_the_configuration_win_and_secrets_are_masked() {
    let folder = tempdir().unwrap();
    let secret = "ab".repeat(64);
    std::fs::write(
        folder.path().join("paddock.toml"),
        format!("lease_seconds = 7\nsession_days = 3\nsecret_key = \"{secret}\"\n"),
    )
    .unwrap();
    let output = paddock(folder.path())
        .env("PADDOCK_SESSION_DAYS", "4")
        .env(
            "PADDOCK_DATABASE_URL",
            "postgres://paddock:variable@db/paddock",
        )
        .args([
            "config",
            "--database-url",
            "postgres://paddock:hunter2@db/paddock",
        ])
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("lease_seconds = 7"), "{shown}");
    assert!(shown.contains("session_days = 4"), "{shown}");
    assert!(
        shown.contains("postgres://paddock:********@db/paddock"),
        "{shown}"
    );
    assert!(
        !shown.contains("hunter2") && !shown.contains("abab"),
        "{shown}"
    );
}

#[test]
fn mistakes_are_told_in_a_line_with_their_remedy() {
    let folder = tempdir().unwrap();
    let misspelt = run(folder.path(), &["sreve"]);
    assert_eq!(misspelt.status.code(), Some(2));

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for command in ["serve", "demo"] {
        let refused = run(folder.path(), &[command, "--listen", &address]);
        assert_eq!(refused.status.code(), Some(1));
        let text = complaint(&refused);
        assert!(
            text.starts_with(&format!("error: cannot listen on {address}")),
            "{text}"
        );
        assert!(text.contains("--listen 127.0.0.1:8081"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }

    let nobody = run(folder.path(), &["user", "role", "karla", "organizer"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert_eq!(complaint(&nobody), "error: There is no user `karla`.\n");

    succeed(
        folder.path(),
        &["user", "create", "karla", "--email", "karla@example.org"],
    );
    std::fs::write(folder.path().join("laps.csv"), "driver,lap_time\na,50.1\n").unwrap();
    std::fs::write(folder.path().join("policy.toml"), "version = 1\n").unwrap();
    let arguments = "dataset publish laps.csv --slug laps --title Laps --policy policy.toml --licence CC0-1.0 --owner karla";
    let refused = run(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
    let text = complaint(&refused);
    assert!(text.contains("paddock user role karla organizer"), "{text}");
}

#[test]
fn accounts_are_made_with_a_password_of_their_own_or_a_new_one() {
    use std::io::Write;
    let folder = tempdir().unwrap();
    let made = succeed(
        folder.path(),
        &[
            "user",
            "create",
            "karla",
            "--email",
            "karla@example.org",
            "--role",
            "organizer",
        ],
    );
    let password = made
        .lines()
        .find_map(|line| line.strip_prefix("Password: "))
        .unwrap();
    assert_eq!(password.len(), 20);

    let mut command = paddock(folder.path());
    let mut child = command
        .args([
            "user",
            "create",
            "rosa",
            "--email",
            "rosa@example.org",
            "--password-stdin",
        ])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"a few words together\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(!String::from_utf8_lossy(&output.stdout).contains("words"));

    succeed(folder.path(), &["user", "role", "rosa", "scout"]);
    let list = succeed(folder.path(), &["user", "list"]);
    let roles: Vec<_> = list
        .lines()
        .skip(1)
        .map(|line| {
            line.split_whitespace()
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(roles, ["karla organizer", "rosa scout"]);
    let token = succeed(folder.path(), &["user", "token", "rosa", "--scope", "read"]);
    assert!(token.starts_with("pdk_"), "{token}");
    let token = succeed(folder.path(), &["worker-token", "create", "north"]);
    assert!(token.starts_with("pdw_"), "{token}");
}

#[test]
fn the_sample_of_the_repository_is_made_again_by_its_command() {
    let folder = tempdir().unwrap();
    let season = |name: &str, more: &[&str]| {
        let arguments =
            "simulate --drivers 20 --events 3 --wet-events 1 --stints 2 --seed 7 --output";
        let arguments: Vec<&str> = arguments
            .split(' ')
            .chain([name])
            .chain(more.iter().copied())
            .collect();
        succeed(folder.path(), &arguments);
    };
    season("again", &[]);
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/championship/sample");
    for file in ["laps.csv", "truth.csv"] {
        let kept = std::fs::read(sample.join(file)).unwrap();
        assert!(kept.len() < 2_000_000, "{file} is too large for a sample");
        let made = std::fs::read(folder.path().join("again").join(file)).unwrap();
        assert!(
            kept == made,
            "{file} differs from datasets/championship/sample/{file}"
        );
    }
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    assert!(readme.contains("--drivers 20 --events 3 --wet-events 1 --stints 2 --seed 7"));

    season("columns", &["--format", "parquet"]);
    season("columns-again", &["--format", "parquet"]);
    let parquet =
        |name: &str| std::fs::read(folder.path().join(name).join("laps.parquet")).unwrap();
    assert_eq!(&parquet("columns")[..4], b"PAR1");
    assert!(parquet("columns") == parquet("columns-again"));
}

#[test]
fn a_policy_can_be_tried_without_publishing_anything() {
    let root = env!("CARGO_MANIFEST_DIR");
    let folder = tempdir().unwrap();
    let tried = run(
        folder.path(),
        &[
            "dataset",
            "anonymize",
            &format!("{root}/datasets/championship/sample/laps.csv"),
            "--policy",
            &format!("{root}/datasets/policies/championship.toml"),
            "--output",
            "release.csv",
        ],
    );
    let printed = String::from_utf8_lossy(&tried.stdout);
    assert!(printed.contains("20 subjects"), "{printed}");
    let outcome = |gate: &str| {
        let line = printed.lines().find(|line| line.starts_with(gate));
        line.and_then(|line| line.split_whitespace().nth(1))
            .map(str::to_owned)
    };
    assert_eq!(
        outcome("class_size").as_deref(),
        Some("passed"),
        "{printed}"
    );
    // Laps in their order name their drivers, so the trial fails; what it wrote can be looked at.
    assert_eq!(outcome("linkage").as_deref(), Some("FAILED"), "{printed}");
    assert_eq!(tried.status.code(), Some(1));
    assert!(complaint(&tried).contains("a gate fails"));
    let release = std::fs::read_to_string(folder.path().join("release.csv")).unwrap();
    let header = release.lines().next().unwrap();
    assert!(
        !header.contains("driver_name") && header.contains("lap_time"),
        "{header}"
    );
    assert!(!folder.path().join("paddock-data").exists());
}

/// What a demo shows when it is ready.
struct Shown {
    access: Value,
    lap_times: Vec<(String, f64)>,
    driver_rating: Vec<(String, f64)>,
}

async fn read_demo(folder: &Path) -> Shown {
    let mut demo = Running::start(
        folder,
        &["demo", "--listen", "127.0.0.1:0", "--data", "demo"],
    );
    let address = demo.wait_for("Ready: ");
    let file = folder.join("demo/demo.json");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let access: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(access["base_url"], address.as_str());
    let client = reqwest::Client::new();
    for account in access["accounts"].as_array().unwrap() {
        let me: Value = client
            .get(format!("{address}/api/v1/me"))
            .bearer_auth(account["token"].as_str().unwrap())
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(me["username"], account["username"]);
        assert_eq!(me["role"], account["role"]);
    }
    let board = async |slug: &str| -> Vec<(String, f64)> {
        let page = client.get(format!("{address}/api/v1/challenges/{slug}/leaderboard"));
        let page: Value = page.send().await.unwrap().json().await.unwrap();
        let entries = page["entries"].as_array().unwrap().iter();
        entries
            .map(|entry| {
                let team = entry["team"].as_str().unwrap().to_owned();
                (
                    team,
                    entry["score"].as_f64().expect("a score is a finite number"),
                )
            })
            .collect()
    };
    let shown = Shown {
        lap_times: board("lap-times").await,
        driver_rating: board("driver-rating").await,
        access,
    };
    assert!(demo.stop().success());
    shown
}

#[tokio::test]
async fn a_demo_that_was_cut_off_goes_on_and_a_later_start_finds_everything() {
    let folder = tempdir().unwrap();
    let mut demo = Running::start(
        folder.path(),
        &["demo", "--listen", "127.0.0.1:0", "--data", "demo"],
    );
    demo.wait_for("Submitting and scoring baselines");
    demo.kill();
    assert!(!folder.path().join("demo/demo.json").exists());

    let first = read_demo(folder.path()).await;
    let roles: Vec<&str> = first.access["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| account["role"].as_str().unwrap())
        .collect();
    for role in ["expert", "organizer", "scout", "admin"] {
        assert!(roles.contains(&role), "no account is {role}");
    }
    assert_eq!(
        first.access["challenges"],
        serde_json::json!(["lap-times", "driver-rating"])
    );

    // Six baselines each, no board with a score twice over, and models in the order of their worth.
    let place = |board: &[(String, f64)], team: &str| {
        board.iter().position(|(name, _)| name == team).unwrap()
    };
    assert_eq!(first.lap_times.len(), 6);
    assert_eq!(
        place(&first.lap_times, "demo-expert"),
        5,
        "constant mean: {:?}",
        first.lap_times
    );
    assert_eq!(
        place(&first.lap_times, "demo-expert-6"),
        0,
        "pace model: {:?}",
        first.lap_times
    );
    assert!(
        first.lap_times[0].1 < first.lap_times[5].1 / 2.0,
        "{:?}",
        first.lap_times
    );
    // Which drivers are public is drawn anew for every demo, so only the far apart have a sure order.
    let score = |team: &str| first.driver_rating[place(&first.driver_rating, team)].1;
    assert_eq!(first.driver_rating.len(), 6);
    assert!(
        score("demo-expert-6") > 0.5 && score("demo-expert-6") > score("demo-expert"),
        "pace model and random order: {:?}",
        first.driver_rating
    );

    let second = read_demo(folder.path()).await;
    assert_eq!(second.access["accounts"], first.access["accounts"]);
    assert_eq!(second.lap_times, first.lap_times);
    assert_eq!(second.driver_rating, first.driver_rating);

    let arguments = [
        "demo",
        "--listen",
        "127.0.0.1:0",
        "--data",
        "demo",
        "--exit",
    ];
    let printed = succeed(folder.path(), &arguments);
    assert!(printed.contains("\nReady: http://127.0.0.1:"), "{printed}");
}

//! The first page of a leaderboard of 10,000 teams, beside the same ranking made by a window over
//! their 200,000 submissions. Both in SQLite, both with the same rows out.
//!
//!     cargo bench --bench leaderboard

use std::hint::black_box;
use std::time::Duration;

use chrono::NaiveDateTime;
use criterion::{Criterion, criterion_group, criterion_main};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Text, Timestamp};
use paddock::challenges::leaderboard::{self, Board, Entry};
use paddock::platform::database::{Database, DatabaseConnection, DatabaseUrl};

const SHOWN: i64 = 50;

const CHALLENGE: &str = r#"
    INSERT INTO users (username, username_key, email, password_hash, role, created_at)
    VALUES ('karla', 'karla', 'karla@example.org', '!', 'organizer', '2026-01-01 00:00:00');
    INSERT INTO challenges (slug, owner_id, title, tagline, rates_drivers, prediction_format, rules,
        rules_version, created_at)
    VALUES ('board', 1, 'A full board', '', FALSE, '{}', '', 1, '2026-01-01 00:00:00');
    INSERT INTO phases (challenge_id, position, name, starts_at, ends_at, metric, submissions_per_day,
        submissions_total, max_bytes, solution_sha256, solution_rows, solution_format, sample_sha256,
        sample_bytes)
    VALUES (1, 1, 'Season', '2026-01-01 00:00:00', '2027-01-01 00:00:00', 'rmse', 20, 400, 1, '', 1, '{}',
        '', 1);
"#;

const WINDOW: &str = include_str!("leaderboard_window.sql");

#[derive(QueryableByName)]
struct Ranked {
    #[diesel(sql_type = BigInt)]
    rank: i64,
    #[diesel(sql_type = BigInt)]
    team_id: i64,
    #[diesel(sql_type = Text)]
    team: String,
    #[diesel(sql_type = Double)]
    public_score: f64,
    #[diesel(sql_type = BigInt)]
    submission_count: i64,
    #[diesel(sql_type = Timestamp)]
    scored_at: NaiveDateTime,
    #[diesel(sql_type = BigInt)]
    id: i64,
}

fn by_entries(connection: &mut DatabaseConnection) -> Vec<Entry> {
    leaderboard::page(connection, 1, Board::Public, None, SHOWN)
        .expect("the board is read")
        .entries
}

fn by_window(connection: &mut DatabaseConnection) -> Vec<Ranked> {
    let DatabaseConnection::Sqlite(connection) = connection else {
        unreachable!("the benchmark opens SQLite")
    };
    diesel::sql_query(WINDOW)
        .bind::<BigInt, _>(1_i64)
        .load(connection)
        .expect("the window is read")
}

/// Everything that both tell of a row; whether it is tied only ours does.
fn are_alike(entries: &[Entry], ranked: &[Ranked]) -> bool {
    let ours = entries.iter().map(|entry| {
        (
            entry.rank,
            entry.team_id,
            entry.team.as_str(),
            entry.score,
            entry.submission_count,
            entry.scored_at.naive_utc(),
            entry.submission_id,
        )
    });
    ours.eq(ranked.iter().map(|row| {
        (
            Some(row.rank),
            row.team_id,
            row.team.as_str(),
            row.public_score,
            row.submission_count,
            row.scored_at,
            row.id,
        )
    }))
}

fn first_page(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("board.db");
    let path = path.to_str().expect("a path in UTF-8");
    let database = Database::open(&DatabaseUrl::Sqlite(path.to_owned()), 1).expect("a database");
    database.migrate().expect("the schema");
    drop(database);
    let mut sqlite = SqliteConnection::establish(path).expect("the same database");
    sqlite.batch_execute(CHALLENGE).expect("a challenge");
    sqlite
        .batch_execute(include_str!("leaderboard.sql"))
        .expect("a full board");
    let mut connection = DatabaseConnection::Sqlite(sqlite);

    let (entries, ranked) = (by_entries(&mut connection), by_window(&mut connection));
    assert_eq!(entries.len(), SHOWN as usize);
    assert!(are_alike(&entries, &ranked), "the two boards differ");

    let mut group = criterion.benchmark_group("first 50 of 10,000 teams");
    group.bench_function("indexed entries", |bencher| {
        bencher.iter(|| black_box(by_entries(&mut connection)));
    });
    group
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .bench_function("reference: window over 200,000 submissions", |bencher| {
            bencher.iter(|| black_box(by_window(&mut connection)));
        });
    group.finish();
}

criterion_group!(benches, first_page);
criterion_main!(benches);

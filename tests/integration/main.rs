//! What users do, against the real server on real databases. Every test runs on SQLite and, where
//! `PADDOCK_TEST_POSTGRES_URL` is set, on that PostgreSQL.

mod app;
mod binary;

mod api;
mod bundles;
mod coaching;
mod command_line;
mod consent;
mod console;
mod console_pages;
mod corrections;
mod drafts;
mod ecosystem;
mod experts;
mod laws;
mod leaderboard;
mod messages;
mod models;
mod organizers_runs;
mod pages;
mod permissions;
mod real_laps;
mod receipts;
mod releases;
mod schema;
mod talent;
mod teams;
mod worker_api;
mod workers;

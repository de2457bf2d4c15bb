//! Paddock, the crowd-intelligence data competition platform for karting.
//!
//! The rooms stand in the order in which the data travels: an organizer *publishes* a dataset, data
//! experts *compete* on it, workers *score* what they send, leaderboards *rank* it, and the best
//! models together let scouts *discover* drivers. Each room's `mod.rs` says what it is for and what
//! it may touch; ARCHITECTURE.md walks through the house.

pub mod platform;

pub mod accounts;

pub mod messages;

pub mod datasets;

pub mod challenges;

pub mod scoring;

pub mod talent;

pub mod api;
pub mod http;
pub mod server;
pub mod web;

pub mod cli;

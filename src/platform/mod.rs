//! Platform: what every room stands on and none of it is about karting.
//!
//! [`config`] is what an operator may set, [`database`] is SQLite or PostgreSQL behind one type,
//! [`storage`] holds bytes by their hash, [`clock`] tells the time, [`audit`] remembers who did what,
//! [`mail`] sends letters, [`observability`] logs and counts, [`key_file`] makes keys, [`spreadsheet`] keeps formulas out of CSV.
//! Touches no other room. Start reading at [`database`].

pub mod audit;
pub mod clock;
pub mod column_types;
pub mod config;
pub mod database;
pub mod key_file;
pub mod mail;
pub mod observability;
pub mod schema;
pub mod slug;
pub mod spreadsheet;
pub mod storage;

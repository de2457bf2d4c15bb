//! Datasets: from a lap table to an immutable, anonymized release.
//!
//! The way through the room: [`tables`] reads, [`anonymize`] transforms under a policy and asks the
//! gate, [`summary`] describes what came out, [`split`] cuts it for a challenge, [`publish`] writes a
//! release and [`catalogue`] finds it again, [`metadata`] describes it to other programs and [`signed_links`] says
//! who may download it. [`simulator`] makes championships whose true talent is known.
//!
//! May touch: `platform`. The readers, the transforms and the simulator are pure: they take values
//! and return values, and know neither database nor HTTP. Start reading at [`tables`].

pub mod anonymize;
pub mod catalogue;
pub mod comparison;
pub mod drafts;
pub mod metadata;
pub mod publish;
pub mod readers;
pub mod signed_links;
pub mod simulator;
pub mod split;
pub mod summary;
pub mod tables;
pub mod vault;

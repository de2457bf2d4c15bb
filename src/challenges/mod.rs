//! Challenges: the contest and its rules.
//!
//! [`draft`] is what an organizer writes, [`posting`] tries its solutions, [`challenge`] keeps it, [`life`]
//! brings it from draft to archive.
//! [`membership`] is who takes part ([`joining`], [`teams`], [`participants`]), [`submissions`] what they send and whether it is accepted
//! ([`limits`]). [`dispatch`] hands runs to workers and takes their reports (`reports`), [`leaderboard`] ranks,
//! [`final_standings`] keeps how it ended ([`medals`]), and
//! [`workload`] and [`attention`] tell an organizer what waits, [`act_log`] what was done. [`starter_kit`] is what a competitor begins with.
//! [`reuse`] clones, exports and imports challenges ([`bundle`], [`codabench`], [`templates`]).
//!
//! [`announcements`] and [`discussion`] are what people tell each other.
//!
//! May touch: `messages`, `scoring` (its queue and pure cores), `datasets`, `platform`. Start reading at
//! [`submissions`].

pub mod act_log;
pub mod announcements;
pub mod attention;
pub mod baselines;
pub mod bundle;
pub mod carry_over;
pub mod challenge;
pub mod codabench;
pub mod comparison;
pub mod corrections;
pub mod disclosure;
pub mod discussion;
pub mod dispatch;
pub mod draft;
mod entries;
pub mod export;
pub mod final_standings;
pub mod flags;
pub mod history;
pub mod joining;
pub mod leaderboard;
pub mod life;
pub mod limits;
pub mod medals;
pub mod membership;
pub mod participants;
pub mod posting;
pub mod receipts;
pub mod replay;
mod reports;
pub mod reuse;
pub mod runs;
pub mod selection;
pub mod settings;
pub mod standing;
pub mod starter_kit;
pub mod submissions;
pub mod teams;
pub mod templates;
pub mod tiers;
pub mod upkeep;
pub mod workload;
mod writing;

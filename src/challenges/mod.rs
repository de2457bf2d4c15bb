//! Challenges: the contest and its rules.
//!
//! [`challenge`] is what an organizer posts ([`posting`] checks its solutions), [`membership`] who takes part, [`submissions`] what they
//! send and whether it is accepted ([`limits`]), [`dispatch`] hands runs to workers and takes their
//! reports, [`leaderboard`] ranks.
//!
//! May touch: `scoring` (its queue and pure cores), `datasets`, `platform`. Start reading at
//! [`submissions`].

pub mod challenge;
pub mod dispatch;
pub mod leaderboard;
pub mod limits;
pub mod membership;
pub mod posting;
pub mod submissions;
pub mod workload;

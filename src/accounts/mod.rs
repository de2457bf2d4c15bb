//! Accounts: who is there, how they prove it, and what they may do.
//!
//! [`users`] signs people up and in, [`sessions`] keeps browsers signed in, [`tokens`] lets programs
//! and workers in, and [`permissions`] is the one table of who may do what.
//!
//! May touch: `platform`. Start reading at [`permissions`].

pub mod passwords;
pub mod permissions;
pub mod sessions;
pub mod tokens;
pub mod users;

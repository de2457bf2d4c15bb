//! Readers: from a logger's or a timing loop's file to a [`Session`], one file a format.
//!
//! Pure: bytes go in, a [`Session`] or a [`ReadError`] comes out. May touch: `datasets::tables`, for
//! plain lap tables. Start reading at [`session`].

mod error;
pub mod session;
pub mod unit;

pub use error::{Place, ReadError};
pub use session::Session;

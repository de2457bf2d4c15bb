//! Messages: what the platform tells people, in their inbox and by e-mail, as they wish.
//!
//! A room that does something others should know calls [`notifications::tell`] inside its own write
//! transaction: either both are so, or neither. [`preferences`] is what people want to hear of, [`inbox`]
//! what they read here, [`outbox`] sends the letters afterwards, from the server's process and never from a request.
//!
//! May touch: `accounts`, `platform`, the vault's key; of the other rooms it knows the tables that say who belongs to what, and
//! no code, so that every room may tell something. Start reading at [`notifications`].

pub mod inbox;
pub mod notifications;
pub mod outbox;
pub mod preferences;

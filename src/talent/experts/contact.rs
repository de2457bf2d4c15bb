//! How scouts reach experts who want it: one message, told in the inbox and by letter. Nobody's e-mail
//! address is told; the expert answers, or does not.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use serde::Deserialize;

use super::{ExpertError, checked, invalid, one_line};
use crate::accounts::users::{Role, User};
use crate::messages::notifications::{Notification, NotificationKind, Recipients, tell};
use crate::platform::audit::{self, Act};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{expert_contacts, expert_profiles, users};

/// Days before the same sender may write to the same expert again.
pub const DAYS_BETWEEN: i64 = 7;
/// The most experts that one sender may write to within a day.
pub const MOST_A_DAY: i64 = 20;
/// Characters of a message: at least, at most.
pub const MESSAGE_LENGTH: (usize, usize) = (20, 1_000);
/// Characters of the name of an organisation.
pub const ORGANISATION_LIMIT: usize = 100;
/// Characters of how the sender can be reached.
pub const REPLY_TO_LIMIT: usize = 200;

/// What a scout writes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactMessage {
    /// For whom they ask.
    #[schema(min_length = 1, max_length = 100)]
    pub organisation: String,
    /// What they want.
    #[schema(min_length = 20, max_length = 1000)]
    pub message: String,
    /// How they can be reached.
    #[schema(min_length = 1, max_length = 200)]
    pub reply_to: String,
}

impl ContactMessage {
    fn checked(&self) -> Result<Self, ExpertError> {
        let filled = |field, text, most| match one_line(field, text, most)? {
            text if text.is_empty() => Err(invalid(field, "this may not be empty")),
            text => Ok(text),
        };
        let (least, most) = MESSAGE_LENGTH;
        let message = checked("message", &self.message, most)?;
        if message.chars().count() < least {
            return Err(invalid(
                "message",
                format!("say in at least {least} characters what it is about"),
            ));
        }
        Ok(Self {
            organisation: filled("organisation", &self.organisation, ORGANISATION_LIMIT)?,
            message,
            reply_to: filled("reply_to", &self.reply_to, REPLY_TO_LIMIT)?,
        })
    }
}

/// Writes to an expert who is open to it. Who may send at all, the table of permissions says. Call it in a
/// write transaction.
///
/// # Errors
/// [`ExpertError::NotOpen`], the same for an unknown name, a hidden profile and one that is not open.
pub fn send(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    sender: &User,
    username: &str,
    message: &ContactMessage,
) -> Result<(), ExpertError> {
    let expert: Option<(i64, String)> = users::table
        .filter(users::username_key.eq(username.to_ascii_lowercase()))
        .filter(users::role.eq(Role::Expert))
        .select((users::id, users::username))
        .first(connection)
        .optional()?;
    let not_open = || ExpertError::NotOpen(username.to_owned());
    let (expert_id, expert) = expert.ok_or_else(not_open)?;
    // Takes the row, so that of two messages at once the second sees the first.
    let is_open = diesel::update(
        expert_profiles::table
            .find(expert_id)
            .filter(expert_profiles::is_public)
            .filter(expert_profiles::open_to_contact),
    )
    .set(expert_profiles::open_to_contact.eq(true))
    .execute(connection)?;
    if is_open == 0 {
        return Err(not_open());
    }
    let message = message.checked()?;
    let lately: Option<NaiveDateTime> = expert_contacts::table
        .filter(expert_contacts::sender_id.eq(sender.id))
        .filter(expert_contacts::expert_id.eq(expert_id))
        .filter(expert_contacts::sent_at.gt((now - TimeDelta::days(DAYS_BETWEEN)).naive_utc()))
        .order(expert_contacts::sent_at.desc())
        .select(expert_contacts::sent_at)
        .first(connection)
        .optional()?;
    if let Some(at) = lately {
        return Err(ExpertError::WroteLately {
            from: at.and_utc() + TimeDelta::days(DAYS_BETWEEN),
        });
    }
    let today: i64 = expert_contacts::table
        .filter(expert_contacts::sender_id.eq(sender.id))
        .filter(expert_contacts::sent_at.gt((now - TimeDelta::days(1)).naive_utc()))
        .count()
        .get_result(connection)?;
    if today >= MOST_A_DAY {
        return Err(ExpertError::WroteOften { limit: MOST_A_DAY });
    }
    diesel::insert_into(expert_contacts::table)
        .values((
            expert_contacts::expert_id.eq(expert_id),
            expert_contacts::sender_id.eq(sender.id),
            expert_contacts::organisation.eq(&message.organisation),
            expert_contacts::message.eq(&message.message),
            expert_contacts::reply_to.eq(&message.reply_to),
            expert_contacts::sent_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    let act = Act {
        actor_id: Some(sender.id),
        action: "expert.contact",
        subject: &format!("user:{expert}"),
        challenge_id: None,
        detail: &message.organisation,
    };
    audit::record(connection, now, &act)?;
    let notification = Notification {
        kind: NotificationKind::Contact,
        challenge_id: None,
        caused_by: Some(sender.id),
        title: &format!(
            "{} of {} would like to get in touch",
            sender.username, message.organisation
        ),
        body: &format!(
            "{}\n\nReach them at: {}\n\nThey do not know your e-mail address; whether you answer is yours to \
             decide. If you no longer want such messages, say so in your profile.",
            message.message, message.reply_to
        ),
        href: "/account/contacts",
    };
    Ok(tell(
        connection,
        now,
        Recipients::User(expert_id),
        &notification,
    )?)
}

/// A message that an expert received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedContact {
    /// The row, for paging: ask for those before the last one's.
    pub id: i64,
    /// Who wrote.
    pub sender: String,
    /// For whom.
    pub organisation: String,
    /// What.
    pub message: String,
    /// How they can be reached.
    pub reply_to: String,
    /// When.
    pub sent_at: DateTime<Utc>,
}

/// What was written to a person, newest first, older than the message `before` where given.
pub fn received(
    connection: &mut DatabaseConnection,
    expert_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<ReceivedContact>, DatabaseError> {
    type Row = (i64, String, String, String, String, NaiveDateTime);
    let rows: Vec<Row> = expert_contacts::table
        .inner_join(users::table)
        .filter(expert_contacts::expert_id.eq(expert_id))
        .filter(expert_contacts::id.lt(before.unwrap_or(i64::MAX)))
        .order(expert_contacts::id.desc())
        .limit(limit)
        .select((
            expert_contacts::id,
            users::username,
            expert_contacts::organisation,
            expert_contacts::message,
            expert_contacts::reply_to,
            expert_contacts::sent_at,
        ))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(
            |(id, sender, organisation, message, reply_to, sent_at)| ReceivedContact {
                id,
                sender,
                organisation,
                message,
                reply_to,
                sent_at: sent_at.and_utc(),
            },
        )
        .collect())
}

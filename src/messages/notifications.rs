//! Telling people something: one message in the inbox and one letter for each who wants them.

use chrono::{DateTime, Utc};
use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamp};

use crate::platform::database::{DatabaseConnection, DatabaseError};

crate::text_enum! {
    /// What a message is about: what people choose by.
    pub enum NotificationKind {
        /// An organizer announced something.
        Announcement = "announcement",
        /// The rules of a challenge changed; members accept them again.
        RulesChanged = "rules_changed",
        /// A phase begins or ends at another time.
        DeadlineChanged = "deadline_changed",
        /// Scores changed: a mistake of the organizer was mended, a submission scored anew.
        ScoreChanged = "score_changed",
        /// Somebody invites, joins, leaves or merges a team.
        Team = "team",
        /// Somebody asks to join a challenge, or was let in.
        JoinRequest = "join_request",
        /// Somebody wrote in a topic that one wrote in.
        DiscussionReply = "discussion_reply",
        /// A post was reported, hidden or shown again.
        Moderation = "moderation",
        /// Somebody asks to get in touch.
        Contact = "contact",
        /// A talent board changed what a scout watches.
        Talent = "talent",
    }
}

impl NotificationKind {
    /// What it is about, in words for the page of preferences.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Announcement => "Announcements of my challenges",
            Self::RulesChanged => "Changed rules",
            Self::DeadlineChanged => "Changed dates",
            Self::ScoreChanged => "Changed scores",
            Self::Team => "Teams: invitations, who joins and leaves",
            Self::JoinRequest => "Requests to join a challenge",
            Self::DiscussionReply => "Answers in topics that I wrote in",
            Self::Moderation => "Moderation: reported and hidden posts",
            Self::Contact => "Requests to get in touch",
            Self::Talent => "Talent: what changed on my shortlists and searches",
        }
    }

    /// What people get who said nothing. What needs an act of theirs comes by e-mail too; a lively
    /// discussion does not fill anybody's mailbox unasked.
    pub const fn wanted_by_default(self) -> Wanted {
        Wanted {
            in_site: true,
            by_email: !matches!(self, Self::DiscussionReply),
        }
    }
}

/// Which ways somebody wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// In the inbox.
    pub in_site: bool,
    /// By e-mail.
    pub by_email: bool,
}

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipients {
    /// One person.
    User(i64),
    /// The members of a team.
    Team(i64),
    /// Everybody who joined a challenge.
    MembersOf(i64),
    /// Who posted a challenge.
    OrganizerOf(i64),
    /// Everybody who wrote in a topic and whose post still stands.
    PostersOf(i64),
}

impl Recipients {
    /// Their ids as a query. Nothing but numbers of our own is written into it.
    fn query(self) -> String {
        match self {
            Self::User(id) => format!("SELECT id AS user_id FROM users WHERE id = {id}"),
            Self::Team(id) => format!("SELECT user_id FROM members WHERE team_id = {id}"),
            Self::MembersOf(id) => format!("SELECT user_id FROM members WHERE challenge_id = {id}"),
            Self::OrganizerOf(id) => {
                format!("SELECT owner_id AS user_id FROM challenges WHERE id = {id}")
            }
            Self::PostersOf(id) => format!(
                "SELECT DISTINCT author_id AS user_id FROM discussion_posts \
                 WHERE topic_id = {id} AND hidden_at IS NULL"
            ),
        }
    }
}

/// What is told.
#[derive(Debug, Clone, Copy)]
pub struct Notification<'a> {
    /// What it is about.
    pub kind: NotificationKind,
    /// The challenge that it belongs to.
    pub challenge_id: Option<i64>,
    /// Who caused it: they know already, and are not told.
    pub caused_by: Option<i64>,
    /// One line that says it: the letter's subject.
    pub title: &'a str,
    /// The rest, as plain text; Markdown reads well enough as such.
    pub body: &'a str,
    /// The page that it leads to: a path of this site.
    pub href: &'a str,
}

/// Characters of a text that the inbox keeps; a letter has all of it.
const EXCERPT: usize = 400;
/// Characters of a title.
const LONGEST_TITLE: usize = 200;

/// Tells people something: two statements, however many they are. Call it in the write transaction of
/// what it tells.
pub fn tell(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    recipients: Recipients,
    notification: &Notification<'_>,
) -> Result<(), DatabaseError> {
    let title = one_line(notification.title);
    let default = notification.kind.wanted_by_default();
    let people = recipients.query();
    // SQLite numbers `$1`, `$2`, … as they first appear, so they appear in order.
    let wanted = "LEFT JOIN notification_preferences AS wanted \
                  ON wanted.user_id = people.user_id AND wanted.kind";
    let but = match notification.caused_by {
        Some(id) => format!("people.user_id <> {id} AND"),
        None => String::new(),
    };
    diesel::sql_query(format!(
        "INSERT INTO notifications (user_id, challenge_id, kind, title, body, href, at) \
         SELECT people.user_id, $1, $2, $3, $4, $5, $6 FROM ({people}) AS people \
         {wanted} = $2 WHERE {but} COALESCE(wanted.in_site, $7)"
    ))
    .bind::<Nullable<BigInt>, _>(notification.challenge_id)
    .bind::<Text, _>(notification.kind.as_str())
    .bind::<Text, _>(&title)
    .bind::<Text, _>(excerpt(notification.body))
    .bind::<Text, _>(notification.href)
    .bind::<Timestamp, _>(now.naive_utc())
    .bind::<Bool, _>(default.in_site)
    .execute(connection)?;
    diesel::sql_query(format!(
        "INSERT INTO outgoing_mail (recipient, subject, body, href, created_at, next_attempt_at) \
         SELECT users.email, $1, $2, $3, $4, $4 FROM ({people}) AS people \
         INNER JOIN users ON users.id = people.user_id \
         {wanted} = $5 WHERE {but} COALESCE(wanted.by_email, $6)"
    ))
    .bind::<Text, _>(&title)
    .bind::<Text, _>(notification.body)
    .bind::<Text, _>(notification.href)
    .bind::<Timestamp, _>(now.naive_utc())
    .bind::<Text, _>(notification.kind.as_str())
    .bind::<Bool, _>(default.by_email)
    .execute(connection)?;
    Ok(())
}

/// A title without line breaks and other control characters, of bearable length.
fn one_line(title: &str) -> String {
    let words: Vec<&str> = title
        .split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").chars().take(LONGEST_TITLE).collect()
}

/// The beginning of a text, cut between words where it is long.
fn excerpt(text: &str) -> String {
    let text = text.trim();
    let Some((end, _)) = text.char_indices().nth(EXCERPT) else {
        return text.to_owned();
    };
    let beginning = &text[..end];
    let cut = beginning.rfind(char::is_whitespace).unwrap_or(end);
    format!("{} …", beginning[..cut].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_line() {
        assert_eq!(
            one_line(" Two\r\nlines\tand\u{0}more "),
            "Two lines and more"
        );
        assert_eq!(one_line(&"ä".repeat(500)).chars().count(), LONGEST_TITLE);
    }

    #[test]
    fn a_long_text_is_cut_between_words() {
        assert_eq!(excerpt("  short  "), "short");
        let long = excerpt(&"größer ".repeat(100));
        assert!(long.ends_with("größer …"), "{long}");
        assert!(long.chars().count() <= EXCERPT + 2);
        assert_eq!(excerpt(&"ö".repeat(1000)).chars().count(), EXCERPT + 2);
    }
}

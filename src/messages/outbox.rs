//! Letters that wait to be sent, and the task that sends them.
//!
//! Whoever writes a letter does it in the transaction of what it tells; here it leaves. A letter is claimed
//! for a while before it is tried, so that several web nodes do not send it twice; if the process dies
//! between sending and saying so, it is sent again with the same `Message-ID`, which mailboxes take for one.
//!
//! A letter that would tell who somebody is ([`write_sealed`]) waits sealed under the vault's key.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamp};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::datasets::vault::VaultKey;
use crate::platform::clock::Clock;
use crate::platform::column_types::json_text;
use crate::platform::database::{Database, DatabaseConnection, DatabaseError, MultiBackend};
use crate::platform::mail::{Letter, Mailer, PATIENCE, SendError};
use crate::platform::schema::outgoing_mail;

/// Letters that are claimed at once.
const BATCH: i32 = 10;
/// How long a claim holds: twice what a batch may take.
const CLAIM: Duration = PATIENCE.saturating_mul(2 * BATCH as u32);
/// How often a letter is tried.
pub const MAXIMUM_ATTEMPTS: i32 = 8;
/// Minutes from one try to the next; two days and a half in all.
const PAUSES: [i64; 7] = [1, 5, 30, 120, 360, 1080, 2160];
/// How often the task looks for letters.
const LOOK: Duration = Duration::from_secs(2);
/// Days for which a sent letter is kept.
const KEPT_DAYS: i64 = 30;

/// Sends what waits.
#[derive(Clone)]
pub struct Outbox {
    /// Where the letters are.
    pub database: Database,
    /// By which it is decided when a letter is due.
    pub clock: Clock,
    /// How they leave.
    pub mailer: Mailer,
    /// How browsers reach the server, without a slash at the end.
    pub site: String,
    /// Opens letters that wait sealed.
    pub vault_key: Arc<VaultKey>,
}

/// What of a letter to somebody without an account the database must not tell.
#[derive(Serialize, Deserialize)]
pub struct SealedLetter {
    /// The address.
    pub recipient: String,
    /// Plain text.
    pub body: String,
    /// The page that it leads to: a path of this site, empty where there is none.
    pub href: String,
}

/// Binds a sealed letter to the outbox.
const SEALED_PLACE: &str = "outgoing letter";
/// What lists show in place of the recipient.
const SEALED_RECIPIENT: &str = "(sealed)";
/// What is kept of a failure: the mail server's own words may name the recipient.
const SEALED_PROBLEM: &str =
    "the letter was not taken; why is not kept, because it may name the recipient";

/// Writes a letter to somebody without an account. Only its subject can be read in the database; the
/// outbox opens the rest when it sends it, and forgets it then. Call it in the write transaction of what
/// the letter tells.
pub fn write_sealed(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    vault_key: &VaultKey,
    subject: &str,
    letter: &SealedLetter,
) -> Result<(), DatabaseError> {
    let secret = Zeroizing::new(json_text(letter)?);
    let sealed = vault_key.seal(SEALED_PLACE, secret.as_bytes());
    diesel::insert_into(outgoing_mail::table)
        .values((
            outgoing_mail::recipient.eq(SEALED_RECIPIENT),
            outgoing_mail::subject.eq(subject),
            outgoing_mail::body.eq(""),
            outgoing_mail::href.eq(""),
            outgoing_mail::created_at.eq(now.naive_utc()),
            outgoing_mail::next_attempt_at.eq(now.naive_utc()),
            outgoing_mail::sealed.eq(sealed),
        ))
        .execute(connection)?;
    Ok(())
}

#[derive(QueryableByName)]
struct Claimed {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    recipient: String,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = Text)]
    body: String,
    #[diesel(sql_type = Text)]
    href: String,
    #[diesel(sql_type = Timestamp)]
    created_at: NaiveDateTime,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Nullable<Text>)]
    sealed: Option<String>,
}

impl Outbox {
    /// Sends letters as they come until `stop` is cancelled, and forgets old ones.
    pub async fn run(self, stop: CancellationToken) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(look.tick()).await.is_some() {
            // Not cancelled inside: a letter that is under way is finished and noted.
            if let Err(error) = self.send_waiting(&stop).await {
                tracing::warn!(%error, "letters could not be sent");
            }
        }
    }

    async fn send_waiting(&self, stop: &CancellationToken) -> Result<(), DatabaseError> {
        while !stop.is_cancelled() && self.send_due().await? > 0 {}
        Ok(())
    }

    /// Tries the letters that are due, a few of them; returns how many it tried.
    pub async fn send_due(&self) -> Result<usize, DatabaseError> {
        let now = self.clock.now();
        // Looked at first, because a claim takes SQLite's write lock.
        let due = self
            .database
            .read(move |it| is_anything_due(it, now))
            .await?;
        if !due {
            return Ok(0);
        }
        let claimed = self.database.write(move |it| claim(it, now)).await?;
        for letter in &claimed {
            self.send(letter).await?;
        }
        Ok(claimed.len())
    }

    async fn send(&self, claimed: &Claimed) -> Result<(), DatabaseError> {
        let sent = match self.letter(claimed) {
            Ok(letter) => self.mailer.send(&letter).await,
            Err(error) => Err(error),
        };
        let sent = sent.map_err(|error| match claimed.sealed {
            None => error,
            Some(_) => SendError {
                problem: SEALED_PROBLEM.to_owned(),
                ..error
            },
        });
        let now = self.clock.now();
        let (id, attempts) = (claimed.id, claimed.attempts);
        if let Err(error) = &sent {
            tracing::warn!(letter = id, attempts, %error, "a letter could not be sent");
        }
        let outcome = match sent {
            Ok(()) => Outcome::Sent,
            Err(error) if error.is_permanent || attempts >= MAXIMUM_ATTEMPTS => {
                Outcome::GivenUp(error.problem)
            }
            Err(error) => Outcome::Again(error.problem, now + pause_after(attempts)),
        };
        self.database
            .write(move |connection| note(connection, now, id, attempts, &outcome))
            .await
    }

    fn letter(&self, claimed: &Claimed) -> Result<Letter, SendError> {
        let site = &self.site;
        let written = Letter {
            id: claimed.id,
            written_at: claimed.created_at.and_utc(),
            recipient: claimed.recipient.clone(),
            subject: claimed.subject.clone(),
            text: String::new(),
            preferences_url: None,
            is_confidential: claimed.sealed.is_some(),
        };
        if let Some(sealed) = &claimed.sealed {
            let letter = self.open(sealed)?;
            let body = letter.body.trim();
            let link = match letter.href.as_str() {
                "" => String::new(),
                href => format!("{site}{href}\n\n"),
            };
            return Ok(Letter {
                recipient: letter.recipient,
                text: format!(
                    "{body}\n\n{link}-- \nYou get this letter because whoever holds your results passed a request on \
                     to you.\nYou have no account at {site}, and no other letters come from there.\n"
                ),
                ..written
            });
        }
        let preferences_url = format!("{site}/account/notifications");
        let body = claimed.body.trim();
        let href = &claimed.href;
        Ok(Letter {
            text: format!(
                "{body}\n\n{site}{href}\n\n-- \nYou get this letter because you have an account at {site}.\n\
                 Choose which letters you get: {preferences_url}\n"
            ),
            preferences_url: Some(preferences_url),
            ..written
        })
    }

    fn open(&self, sealed: &str) -> Result<SealedLetter, SendError> {
        let unreadable = || SendError {
            problem: SEALED_PROBLEM.to_owned(),
            is_permanent: true,
        };
        let opened = self.vault_key.open(SEALED_PLACE, sealed);
        let opened = opened.map_err(|_| unreadable())?;
        serde_json::from_slice(&opened).map_err(|_| unreadable())
    }
}

fn pause_after(attempts: i32) -> TimeDelta {
    let index = usize::try_from(attempts - 1).unwrap_or_default();
    TimeDelta::minutes(PAUSES[index.min(PAUSES.len() - 1)])
}

fn is_anything_due(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
) -> Result<bool, DatabaseError> {
    let first: Option<i64> = outgoing_mail::table
        .filter(outgoing_mail::sent_at.is_null())
        .filter(outgoing_mail::given_up_at.is_null())
        .filter(outgoing_mail::next_attempt_at.le(now.naive_utc()))
        .select(outgoing_mail::id)
        .limit(1)
        .first(connection)
        .optional()?;
    Ok(first.is_some())
}

/// Takes the letters that wait longest: nobody else tries them until the claim is over.
fn claim(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
) -> Result<Vec<Claimed>, DatabaseError> {
    let skip_locked = match connection {
        DatabaseConnection::Postgres(_) => "FOR UPDATE SKIP LOCKED",
        // The transaction holds SQLite's only write lock.
        DatabaseConnection::Sqlite(_) => "",
    };
    Ok(diesel::sql_query(format!(
        "UPDATE outgoing_mail SET attempts = attempts + 1, next_attempt_at = $1 \
         WHERE id IN (SELECT id FROM outgoing_mail \
         WHERE sent_at IS NULL AND given_up_at IS NULL AND next_attempt_at <= $2 \
         ORDER BY next_attempt_at, id LIMIT {BATCH} {skip_locked}) \
         RETURNING id, recipient, subject, body, href, created_at, attempts, sealed"
    ))
    .bind::<Timestamp, _>((now + CLAIM).naive_utc())
    .bind::<Timestamp, _>(now.naive_utc())
    .load(connection)?)
}

enum Outcome {
    Sent,
    Again(String, DateTime<Utc>),
    GivenUp(String),
}

/// Writes down what became of a try, unless somebody else tried since.
fn note(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    id: i64,
    attempts: i32,
    outcome: &Outcome,
) -> Result<(), DatabaseError> {
    let own = outgoing_mail::table
        .find(id)
        .filter(outgoing_mail::attempts.eq(attempts));
    match outcome {
        Outcome::Sent => {
            diesel::update(own)
                .set((
                    outgoing_mail::sent_at.eq(now.naive_utc()),
                    outgoing_mail::problem.eq(None::<String>),
                    outgoing_mail::sealed.eq(None::<String>),
                ))
                .execute(connection)?;
            // Forgotten after a while: letters hold addresses.
            let kept_since = (now - TimeDelta::days(KEPT_DAYS)).naive_utc();
            diesel::delete(outgoing_mail::table.filter(outgoing_mail::sent_at.lt(kept_since)))
                .execute(connection)?;
            // A sealed letter whose link is long over is of use to nobody, even if it never left.
            diesel::delete(
                outgoing_mail::table
                    .filter(outgoing_mail::sealed.is_not_null())
                    .filter(outgoing_mail::created_at.lt(kept_since)),
            )
            .execute(connection)?;
        }
        Outcome::Again(problem, at) => {
            diesel::update(own)
                .set((
                    outgoing_mail::problem.eq(problem),
                    outgoing_mail::next_attempt_at.eq(at.naive_utc()),
                ))
                .execute(connection)?;
        }
        Outcome::GivenUp(problem) => {
            diesel::update(own)
                .set((
                    outgoing_mail::problem.eq(problem),
                    outgoing_mail::given_up_at.eq(now.naive_utc()),
                ))
                .execute(connection)?;
        }
    }
    Ok(())
}

/// A letter that did not leave at the first try, for admins.
#[derive(Debug, Clone)]
pub struct TroubledLetter {
    /// The row, for paging.
    pub id: i64,
    /// The address.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// How often it was tried.
    pub attempts: i32,
    /// What happened the last time.
    pub problem: String,
    /// When it is tried again; none: it was given up.
    pub next_attempt_at: Option<DateTime<Utc>>,
}

/// Up to `limit` letters that are not sent and have a problem, newest first, older than `before` where
/// given.
pub fn troubled(
    connection: &mut DatabaseConnection,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<TroubledLetter>, DatabaseError> {
    let mut query = outgoing_mail::table
        .filter(outgoing_mail::sent_at.is_null())
        .filter(outgoing_mail::problem.is_not_null())
        .order(outgoing_mail::id.desc())
        .limit(limit)
        .select((
            outgoing_mail::id,
            outgoing_mail::recipient,
            outgoing_mail::subject,
            outgoing_mail::attempts,
            outgoing_mail::problem,
            outgoing_mail::next_attempt_at,
            outgoing_mail::given_up_at,
        ))
        .into_boxed::<MultiBackend>();
    if let Some(before) = before {
        query = query.filter(outgoing_mail::id.lt(before));
    }
    type Row = (
        i64,
        String,
        String,
        i32,
        Option<String>,
        NaiveDateTime,
        Option<NaiveDateTime>,
    );
    let rows: Vec<Row> = query.load(connection)?;
    Ok(rows
        .into_iter()
        .map(
            |(id, recipient, subject, attempts, problem, next, given_up)| TroubledLetter {
                id,
                recipient,
                subject,
                attempts,
                problem: problem.unwrap_or_default(),
                next_attempt_at: given_up.is_none().then(|| next.and_utc()),
            },
        )
        .collect())
}

/// Tries every letter with a problem again, from now on and as often as a new one: for when the mail
/// server was set right. Returns how many there are.
pub fn retry_all(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
) -> Result<usize, DatabaseError> {
    Ok(diesel::update(
        outgoing_mail::table
            .filter(outgoing_mail::sent_at.is_null())
            .filter(outgoing_mail::problem.is_not_null()),
    )
    .set((
        outgoing_mail::attempts.eq(0),
        outgoing_mail::given_up_at.eq(None::<NaiveDateTime>),
        outgoing_mail::next_attempt_at.eq(now.naive_utc()),
    ))
    .execute(connection)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_a_claim_outlives_its_batch() {
        let pauses: Vec<_> = (1..=MAXIMUM_ATTEMPTS).map(pause_after).collect();
        assert!(
            pauses.windows(2).all(|pair| pair[0] <= pair[1]),
            "{pauses:?}"
        );
        assert_eq!(pauses[0], TimeDelta::minutes(1));
        assert!(CLAIM > PATIENCE * BATCH as u32);
    }
}

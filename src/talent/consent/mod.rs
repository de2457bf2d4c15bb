//! Consent: the one way from a pseudonym to a person.
//!
//! A scout asks ([`asking`]), the school whose dataset it is forwards ([`forwarding`]), the driver or a
//! guardian decides by a one-time link ([`deciding`]); only then, and only to that scout, the vault opens
//! ([`unlock`], the only code that opens it). What may happen when is decided by [`rules`]; every step is
//! audited and told in its own transaction ([`letters`]).
//!
//! May touch: `talent::board`, `datasets` (the vault, a release's policy), `messages`, `accounts`,
//! `platform`. Start reading at [`rules`], then [`unlock`].

pub mod asking;
pub mod deciding;
pub mod expiry;
pub mod forwarding;
pub mod keys;
mod letters;
pub mod rules;
mod storage;
pub mod unlock;

use chrono::{DateTime, TimeDelta, Utc};

use self::rules::{ContactAct, ContactState, Declaration, Introduction};
use crate::accounts::permissions::Principal;
use crate::datasets::anonymize::policy::Policy;
use crate::platform::audit::{self, Act};
use crate::platform::database::{DatabaseConnection, DatabaseError};

pub use self::storage::{of_organizer, of_scout, waiting};

/// A scout's request to meet a driver. It knows the pseudonym alone.
#[derive(Debug, Clone)]
pub struct ContactRequest {
    /// The row.
    pub id: i64,
    /// The challenge on whose talent board the driver is.
    pub challenge_id: i64,
    /// Its address.
    pub challenge_slug: String,
    /// Its name.
    pub challenge_title: String,
    /// The release in which the driver has this pseudonym.
    pub release_id: i64,
    /// The pseudonym.
    pub driver: String,
    /// Who asks.
    pub scout_id: i64,
    /// Their user name.
    pub scout: String,
    /// Whose dataset it is.
    pub organizer_id: i64,
    /// What the scout says.
    pub introduction: Introduction,
    /// Where it stands.
    pub state: ContactState,
    /// When it was asked.
    pub asked_at: DateTime<Utc>,
    /// When it was passed on, the last time.
    pub forwarded_at: Option<DateTime<Utc>>,
    /// When it was accepted.
    pub accepted_at: Option<DateTime<Utc>>,
    /// By whom.
    pub accepted_by: Option<Declaration>,
    /// When it ended, if it did.
    pub ended_at: Option<DateTime<Utc>>,
    /// Until when it waits for the organizer or the driver.
    pub expires_at: Option<DateTime<Utc>>,
    /// What the organizer says who refused it.
    pub reason: String,
    /// Whether the driver is a minor, as the organizer says.
    pub is_minor: Option<bool>,
    /// How often the scout looked at the identity.
    pub opened_count: i32,
    /// When they did last.
    pub opened_at: Option<DateTime<Utc>>,
}

/// Why something about a contact request cannot be done. None of these says anything about a person.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// There is none of this number that the caller may know of.
    #[error("There is no such contact request.")]
    NotFound,
    /// Nobody of this pseudonym is on a published board.
    #[error("There is no driver `{driver}` on a talent board of `{slug}`.")]
    NoSuchDriver {
        /// The challenge's address.
        slug: String,
        /// The pseudonym.
        driver: String,
    },
    /// Who is behind the pseudonyms can be told by nobody.
    #[error(
        "The identities behind this board were destroyed when its data was published: nobody can tell who its \
         drivers are, so nobody on it can be asked."
    )]
    IdentitiesDestroyed,
    /// The caller published the data.
    #[error(
        "You published this dataset: whoever owns the data cannot ask as a scout for its drivers."
    )]
    OwnDataset,
    /// There is one under way.
    #[error("You have a request to this driver already; see your requests.")]
    AlreadyAsked,
    /// The driver declined, or withdrew, not long ago.
    #[error(
        "Your last request to this driver was declined or withdrawn; you can ask again from {} on.",
        .0.format("%-d %B %Y")
    )]
    AskedBefore(DateTime<Utc>),
    /// Too many of a scout's requests wait.
    #[error("{0} of your requests wait for an answer; cancel one or wait before you ask more.")]
    TooManyWaiting(i64),
    /// A scout asked too often.
    #[error("You asked {0} times in 24 hours, the most that is possible; go on tomorrow.")]
    TooManyToday(i64),
    /// A field is not as it must be.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// It stands where this cannot be done.
    #[error("This request is {0}; this cannot be done any more.")]
    NotNow(ContactState),
    /// A link that was used, is over or never was one. One answer for all of them.
    #[error(
        "This link opens nothing: it was used already, its time is over, or it is not complete. If you expected \
         something else, ask the school that sent it for a new one."
    )]
    LinkOpensNothing,
    /// The vault does not open with this server's key.
    #[error("the vault does not open: {0}")]
    Vault(&'static str),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<diesel::result::Error> for ConsentError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What a release's policy says of the people in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {
    /// The columns of the raw data that are sealed: what a scout would see.
    pub columns: Vec<String>,
    /// Whether minors are in the data, or nobody says that there are none.
    pub minors: bool,
}

impl Disclosure {
    /// Reads a release's policy, which could be read when the release was published.
    fn of_policy(policy: &str) -> Result<Self, ConsentError> {
        let policy =
            Policy::parse(policy).map_err(|_| ConsentError::Vault("its release has no policy"))?;
        let sealed = policy
            .columns
            .iter()
            .filter(|column| column.identity || column.name == policy.subject);
        Ok(Self {
            columns: sealed.map(|column| column.name.clone()).collect(),
            minors: policy.minors != Some(false),
        })
    }
}

/// What would be disclosed of the driver of a request.
pub fn disclosure(
    connection: &mut DatabaseConnection,
    request: &ContactRequest,
) -> Result<Disclosure, ConsentError> {
    Disclosure::of_policy(&storage::policy(connection, request.release_id)?)
}

/// A request of the scout who asked it; nobody else's.
pub fn find_of_scout(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
) -> Result<ContactRequest, ConsentError> {
    let asker = user_id(principal)?;
    let found = storage::find(connection, now, id)?;
    found
        .filter(|request| request.scout_id == asker)
        .ok_or(ConsentError::NotFound)
}

/// A request for a driver of the caller's own dataset. Admins are no exception: the school answers for its
/// drivers, nobody else.
pub fn find_of_organizer(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
) -> Result<ContactRequest, ConsentError> {
    let owner = user_id(principal)?;
    let found = storage::find(connection, now, id)?;
    found
        .filter(|request| request.organizer_id == owner)
        .ok_or(ConsentError::NotFound)
}

fn user_id(principal: &Principal) -> Result<i64, ConsentError> {
    let user = principal.user().ok_or(ConsentError::NotFound)?;
    Ok(user.id)
}

/// Whether an act can be done to a request where it stands; where it leads.
fn allowed(request: &ContactRequest, act: ContactAct) -> Result<ContactState, ConsentError> {
    rules::after(request.state, act).ok_or(ConsentError::NotNow(request.state))
}

/// Writes an act to the audit log: the request and the pseudonym, never a person or an address.
fn record(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    actor_id: Option<i64>,
    action: &str,
    request: &ContactRequest,
    detail: &str,
) -> Result<(), ConsentError> {
    let driver = &request.driver;
    let detail = match detail {
        "" => format!("driver {driver}"),
        detail => format!("driver {driver}; {detail}"),
    };
    let act = Act {
        actor_id,
        action,
        subject: &format!("contact_request:{}", request.id),
        challenge_id: Some(request.challenge_id),
        detail: &detail,
    };
    Ok(audit::record(connection, now, &act)?)
}

/// When a scout may ask a driver again who declined, or withdrew, at this time.
fn end_of_rest(ended_at: DateTime<Utc>) -> DateTime<Utc> {
    ended_at + TimeDelta::days(rules::DAYS_OF_REST)
}

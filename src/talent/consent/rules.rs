//! What may happen to a contact request, and what people may write in one. Plain values: no database.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::ConsentError;
use crate::accounts::users::is_email_address;

crate::text_enum! {
    /// Where a contact request stands.
    pub enum ContactState {
        /// It waits for the organizer.
        Asked = "asked",
        /// It waits for the driver.
        Forwarded = "forwarded",
        /// The organizer did not pass it on.
        Refused = "refused",
        /// The driver, or a guardian, accepted: the scout sees who it is.
        Accepted = "accepted",
        /// The driver, or a guardian, would rather not.
        Declined = "declined",
        /// Nobody answered in time.
        Expired = "expired",
        /// The consent was taken back: the scout sees nothing any more.
        Withdrawn = "withdrawn",
        /// The scout took the request back.
        Cancelled = "cancelled",
    }
}

crate::text_enum! {
    /// Who accepts, by their own declaration.
    pub enum Declaration {
        /// The driver, of age.
        Driver = "driver",
        /// A parent or guardian of the driver.
        Guardian = "guardian",
    }
}

/// What somebody, or time, does to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactAct {
    /// The organizer passes it on; a second time with a new link, which makes the first one void.
    Forward,
    /// The organizer does not pass it on, or takes back that they did.
    Refuse,
    /// The driver or a guardian accepts.
    Accept,
    /// The driver or a guardian declines.
    Decline,
    /// The driver or a guardian takes the consent back, or has the organizer do it.
    Withdraw,
    /// The scout takes it back.
    Cancel,
    /// Its time is over.
    Expire,
}

impl ContactAct {
    /// Every act.
    pub const ALL: [Self; 7] = [
        Self::Forward,
        Self::Refuse,
        Self::Accept,
        Self::Decline,
        Self::Withdraw,
        Self::Cancel,
        Self::Expire,
    ];
}

/// Where an act brings a request; none where it cannot be done to one that stands there.
pub const fn after(state: ContactState, act: ContactAct) -> Option<ContactState> {
    use ContactState::{
        Accepted, Asked, Cancelled, Declined, Expired, Forwarded, Refused, Withdrawn,
    };
    match (state, act) {
        (Asked | Forwarded, ContactAct::Forward) => Some(Forwarded),
        (Asked | Forwarded, ContactAct::Refuse) => Some(Refused),
        (Asked | Forwarded, ContactAct::Cancel) => Some(Cancelled),
        (Asked | Forwarded, ContactAct::Expire) => Some(Expired),
        (Forwarded, ContactAct::Accept) => Some(Accepted),
        (Forwarded, ContactAct::Decline) => Some(Declined),
        (Accepted, ContactAct::Withdraw) => Some(Withdrawn),
        _ => None,
    }
}

/// Where a request stands at a time: one that waited too long has expired, whether or not that was
/// written down yet.
pub fn state_at(
    stored: ContactState,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> ContactState {
    match after(stored, ContactAct::Expire) {
        Some(expired) if expires_at.is_some_and(|end| end <= now) => expired,
        _ => stored,
    }
}

/// Days that a request waits for the organizer.
pub const DAYS_FOR_ORGANIZER: i64 = 30;
/// Days that the driver has to decide.
pub const DAYS_FOR_DRIVER: i64 = 14;
/// Days after a driver declined, or withdrew, until the same scout may ask them again.
pub const DAYS_OF_REST: i64 = 180;
/// Requests of a scout that wait at once.
pub const MOST_WAITING: i64 = 20;
/// Requests of a scout in 24 hours.
pub const MOST_A_DAY: i64 = 20;

/// The least and the most characters of a scout's message.
pub const MESSAGE_LENGTH: (usize, usize) = (20, 1000);
/// The most characters of a name, and of an organisation's.
pub const NAME_LIMIT: usize = 100;
/// The most characters of how a scout can be reached.
pub const REACH_LIMIT: usize = 200;
/// The least and the most characters of an organizer's reason.
pub const REASON_LENGTH: (usize, usize) = (10, 1000);
/// The most characters that a driver writes to the scout.
pub const CONTACT_LIMIT: usize = 500;

/// When the driver's time is over that begins now.
pub fn end_for_driver(now: DateTime<Utc>) -> DateTime<Utc> {
    now + TimeDelta::days(DAYS_FOR_DRIVER)
}

/// What a scout says who asks to meet a driver.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Introduction {
    /// Who they are.
    pub name: String,
    /// For whom they look.
    pub organisation: String,
    /// Why they ask.
    pub message: String,
    /// How they can be reached.
    pub reach: String,
}

fn invalid<T>(field: &'static str, problem: impl Into<String>) -> Result<T, ConsentError> {
    Err(ConsentError::Invalid {
        field,
        problem: problem.into(),
    })
}

/// A text on one line, without control characters.
pub fn one_line(text: &str) -> String {
    let words = text.split(|character: char| character.is_whitespace() || character.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// A text of several lines, without control characters but line breaks.
fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let kept = text
        .chars()
        .filter(|character| *character == '\n' || !character.is_control());
    kept.collect::<String>().trim().to_owned()
}

fn of_length(
    field: &'static str,
    text: &str,
    (least, most): (usize, usize),
) -> Result<(), ConsentError> {
    let characters = text.chars().count();
    if (least..=most).contains(&characters) {
        return Ok(());
    }
    invalid(
        field,
        format!("write {least} to {most} characters; these are {characters}"),
    )
}

impl Introduction {
    /// The same, trimmed, if everything is there and of bearable length.
    ///
    /// # Errors
    /// Names the first field that is not.
    pub fn checked(&self) -> Result<Introduction, ConsentError> {
        let checked = Introduction {
            name: one_line(&self.name),
            organisation: one_line(&self.organisation),
            message: lines(&self.message),
            reach: one_line(&self.reach),
        };
        of_length("name", &checked.name, (2, NAME_LIMIT))?;
        of_length("organisation", &checked.organisation, (2, NAME_LIMIT))?;
        of_length("message", &checked.message, MESSAGE_LENGTH)?;
        of_length("reach", &checked.reach, (5, REACH_LIMIT))?;
        Ok(checked)
    }
}

/// An organizer's reason, trimmed.
///
/// # Errors
/// One that is too short or too long.
pub fn checked_reason(reason: &str) -> Result<String, ConsentError> {
    let reason = lines(reason);
    of_length("reason", &reason, REASON_LENGTH)?;
    Ok(reason)
}

/// What a driver writes to the scout, trimmed; empty where they write nothing.
///
/// # Errors
/// One that is too long.
pub fn checked_contact(contact: &str) -> Result<String, ConsentError> {
    let contact = lines(contact);
    of_length("contact", &contact, (0, CONTACT_LIMIT))?;
    Ok(contact)
}

/// Whoever may accept by what they declare: for a minor a guardian alone.
///
/// # Errors
/// Names the field, and what is to be declared.
pub fn checked_declaration(
    is_minor: bool,
    declared: Option<Declaration>,
) -> Result<Declaration, ConsentError> {
    match (is_minor, declared) {
        (true, Some(Declaration::Guardian)) => Ok(Declaration::Guardian),
        (true, _) => invalid(
            "declaration",
            "the driver is a minor: only a parent or guardian can accept, and must declare to be one",
        ),
        (false, Some(declaration)) => Ok(declaration),
        (false, None) => invalid(
            "declaration",
            "declare that you are the driver and of age, or the driver's parent or guardian",
        ),
    }
}

/// Whether a column holds an address of the driver's guardian (`true`) or of the driver (`false`); none
/// where it holds no addresses.
fn address_of_guardian(column: &str) -> Option<bool> {
    let letters = column.chars().filter(|letter| letter.is_alphanumeric());
    let name = letters.collect::<String>().to_lowercase();
    let is_guardians = ["guardian", "parent", "mother", "father"];
    name.contains("mail")
        .then(|| is_guardians.iter().any(|word| name.contains(word)))
}

/// Whether some column holds addresses of whoever decides for such a driver.
pub fn has_addresses<'a>(columns: impl IntoIterator<Item = &'a str>, is_minor: bool) -> bool {
    let mut columns = columns.into_iter();
    columns.any(|column| address_of_guardian(column) == Some(is_minor))
}

/// Where to write to whoever decides for a driver: a minor's guardian, never the minor.
pub fn address_in(identity: &BTreeMap<String, String>, is_minor: bool) -> Option<String> {
    identity
        .iter()
        .filter(|(column, _)| address_of_guardian(column) == Some(is_minor))
        .find_map(|(_, value)| checked_address(value).ok())
}

/// An e-mail address, trimmed.
///
/// # Errors
/// A text that is none. It is not repeated: it may name somebody.
pub fn checked_address(text: &str) -> Result<String, ConsentError> {
    let address = text.trim();
    if is_email_address(address) {
        return Ok(address.to_owned());
    }
    invalid(
        "address",
        "this is no e-mail address; write one as in name@example.org",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ContactState::{
        Accepted, Asked, Cancelled, Declined, Expired, Forwarded, Refused, Withdrawn,
    };

    #[test]
    fn every_transition_is_one_of_these() {
        let legal = [
            (Asked, ContactAct::Forward, Forwarded),
            (Asked, ContactAct::Refuse, Refused),
            (Asked, ContactAct::Cancel, Cancelled),
            (Asked, ContactAct::Expire, Expired),
            (Forwarded, ContactAct::Forward, Forwarded),
            (Forwarded, ContactAct::Refuse, Refused),
            (Forwarded, ContactAct::Cancel, Cancelled),
            (Forwarded, ContactAct::Expire, Expired),
            (Forwarded, ContactAct::Accept, Accepted),
            (Forwarded, ContactAct::Decline, Declined),
            (Accepted, ContactAct::Withdraw, Withdrawn),
        ];
        let mut found = 0;
        for state in ContactState::ALL {
            for act in ContactAct::ALL {
                let expected = legal
                    .iter()
                    .find(|(from, done, _)| from == state && *done == act)
                    .map(|(.., to)| *to);
                assert_eq!(after(*state, act), expected, "{state} {act:?}");
                found += usize::from(expected.is_some());
            }
        }
        assert_eq!(found, legal.len());
        // Only one way leads to an identity, and what is over stays over.
        for over in [Refused, Declined, Expired, Withdrawn, Cancelled] {
            assert!(
                ContactAct::ALL
                    .iter()
                    .all(|act| after(over, *act).is_none())
            );
        }
    }

    #[test]
    fn what_waited_too_long_has_expired_and_a_consent_does_not() {
        let now = DateTime::UNIX_EPOCH;
        let soon = Some(now + TimeDelta::seconds(1));
        for waiting in [Asked, Forwarded] {
            assert_eq!(state_at(waiting, soon, now), waiting);
            assert_eq!(state_at(waiting, Some(now), now), Expired);
        }
        assert_eq!(state_at(Accepted, Some(now), now), Accepted);
        assert_eq!(state_at(Forwarded, None, now), Forwarded);
    }

    #[test]
    fn each_field_of_an_introduction_is_named_when_it_is_wrong() {
        let good = Introduction {
            name: " Ada\r\nLovelace ".into(),
            organisation: "North Karting".into(),
            message: "We look for juniors.\r\nMay we meet?".into(),
            reach: "ada@example.org".into(),
        };
        let checked = good.checked().unwrap();
        assert_eq!(checked.name, "Ada Lovelace");
        assert_eq!(checked.message, "We look for juniors.\nMay we meet?");
        type Change = fn(&mut Introduction);
        let wrong: [(&str, Change); 5] = [
            ("name", |it| it.name = "\n".into()),
            ("organisation", |it| it.organisation = "x".repeat(101)),
            ("message", |it| it.message = "Too short.".into()),
            ("message", |it| it.message = "ä".repeat(1001)),
            ("reach", |it| it.reach = String::new()),
        ];
        for (field, change) in wrong {
            let mut introduction = good.clone();
            change(&mut introduction);
            let error = introduction.checked().unwrap_err();
            assert!(
                matches!(&error, ConsentError::Invalid { field: named, .. } if *named == field),
                "{error}"
            );
        }
    }

    #[test]
    fn nobody_but_a_guardian_accepts_for_a_minor() {
        use Declaration::{Driver, Guardian};
        assert_eq!(checked_declaration(true, Some(Guardian)).unwrap(), Guardian);
        for refused in [None, Some(Driver)] {
            let error = checked_declaration(true, refused).unwrap_err().to_string();
            assert!(error.starts_with("declaration: "), "{error}");
        }
        assert_eq!(checked_declaration(false, Some(Driver)).unwrap(), Driver);
        assert_eq!(
            checked_declaration(false, Some(Guardian)).unwrap(),
            Guardian
        );
        assert!(checked_declaration(false, None).is_err());
    }

    #[test]
    fn a_letter_for_a_minor_goes_to_the_guardian_alone() {
        let identity = |columns: &[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| ((*name).into(), (*value).into());
            columns
                .iter()
                .map(owned)
                .collect::<BTreeMap<String, String>>()
        };
        let both = identity(&[
            ("driver", "Mika"),
            ("E-Mail", "mika@example.org"),
            ("guardian_email", " eve@example.org "),
        ]);
        assert_eq!(address_in(&both, true).unwrap(), "eve@example.org");
        assert_eq!(address_in(&both, false).unwrap(), "mika@example.org");
        let own = identity(&[("driver", "Mika"), ("email", "mika@example.org")]);
        assert_eq!(address_in(&own, true), None);
        let broken = identity(&[("driver", "a@b.example"), ("email", "none")]);
        assert_eq!(address_in(&broken, false), None);
        assert!(has_addresses(["driver", "parent e-mail"], true));
        assert!(!has_addresses(["driver", "parent e-mail"], false));
    }

    #[test]
    fn a_wrong_address_is_not_repeated() {
        let error = checked_address("Mika Salo").unwrap_err().to_string();
        assert!(!error.contains("Mika"), "{error}");
    }
}

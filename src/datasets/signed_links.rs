//! Addresses that let whoever has them download one file of one release for a while: for programs that
//! can send neither a cookie nor a token. Who may download otherwise is said here too.
//!
//! A signature is HMAC-SHA256 over dataset, version, file and time, under a key derived from the
//! server's secret; it is compared in constant time.

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::publish::Access;
use crate::accounts::permissions::{self, Principal, Refusal, Rule};
use crate::accounts::tokens::Scope;
use crate::platform::storage::hexadecimal;

/// The longest that a signed address is good for.
pub const LONGEST: TimeDelta = TimeDelta::days(7);

/// How long the addresses are good for that pages and API hand out.
pub const USUAL: TimeDelta = TimeDelta::hours(24);

/// The file that an address is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedFile<'a> {
    /// The dataset's address.
    pub slug: &'a str,
    /// The release.
    pub version: i32,
    /// The file's name in the release.
    pub path: &'a str,
}

/// Why a signed address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkRefusal {
    /// Its time is over.
    #[error("This address was good until {0}; get a new one from the dataset's page or the API.")]
    Expired(DateTime<Utc>),
    /// It was not signed here, or was changed since.
    #[error(
        "The signature does not fit this file, version and time; copy the address again, whole and unchanged, \
         from the dataset's page or the API."
    )]
    Wrong,
}

/// Signs addresses and knows its signatures again. The same on every web node that shares the secret.
pub struct LinkSigner {
    keyed: Hmac<Sha256>,
}

impl LinkSigner {
    /// Derives the key from the server's secret, so that a signature gives nothing else of it away.
    pub fn new(secret: &[u8]) -> Self {
        let mut derived = keyed(secret);
        derived.update(b"paddock signed links v1");
        Self {
            keyed: keyed(&derived.finalize().into_bytes()),
        }
    }

    /// The query that makes an address of this file good until `expires`, which is cut to [`LONGEST`]
    /// from now: `version=2&expires=1780000000&signature=9f…`.
    pub fn sign(&self, file: SignedFile<'_>, now: DateTime<Utc>, expires: DateTime<Utc>) -> String {
        let expires = expires.min(now + LONGEST).timestamp();
        let signature = hexadecimal(&self.over(file, expires).finalize().into_bytes());
        format!(
            "version={}&expires={expires}&signature={signature}",
            file.version
        )
    }

    /// Checks what came with a request.
    ///
    /// # Errors
    /// [`LinkRefusal`]. A time further away than [`LONGEST`] was not signed here.
    pub fn check(
        &self,
        file: SignedFile<'_>,
        now: DateTime<Utc>,
        expires: i64,
        signature: &str,
    ) -> Result<(), LinkRefusal> {
        let signature = from_hexadecimal(signature).ok_or(LinkRefusal::Wrong)?;
        let until = DateTime::from_timestamp(expires, 0).ok_or(LinkRefusal::Wrong)?;
        // Compares in constant time.
        self.over(file, expires)
            .verify_slice(&signature)
            .map_err(|_| LinkRefusal::Wrong)?;
        if until <= now {
            return Err(LinkRefusal::Expired(until));
        }
        if until > now + LONGEST {
            return Err(LinkRefusal::Wrong);
        }
        Ok(())
    }

    fn over(&self, file: SignedFile<'_>, expires: i64) -> Hmac<Sha256> {
        let mut over = self.keyed.clone();
        // Slugs hold no line breaks and numbers none, so the lines cannot be read in two ways.
        over.update(
            format!("{}\n{}\n{expires}\n{}", file.slug, file.version, file.path).as_bytes(),
        );
        over
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of every length")
}

fn from_hexadecimal(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Whether this caller may download the files of a dataset without a signed address.
///
/// # Errors
/// [`Refusal::SignIn`] where it takes an account, [`Refusal::Scope`] for a token that may not read.
pub fn may_download(access: Access, principal: &Principal) -> Result<(), Refusal> {
    let asked = match access {
        Access::Public => permissions::Access::Anyone,
        Access::Account => permissions::Access::Account,
    };
    let rule = Rule {
        method: "GET",
        pattern: "",
        access: asked,
        scope: Scope::Read,
        throttle: None,
    };
    permissions::check(&rule, principal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    const FILE: SignedFile<'_> = SignedFile {
        slug: "laps",
        version: 2,
        path: "laps.parquet",
    };

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 6, 1, 12, 0, 0).unwrap()
    }

    fn parts(query: &str) -> (i64, &str) {
        let rest = query.strip_prefix("version=2&expires=").unwrap();
        let (expires, signature) = rest.split_once("&signature=").unwrap();
        (expires.parse().unwrap(), signature)
    }

    #[test]
    fn a_signature_is_good_for_its_file_version_and_time_alone() {
        let signer = LinkSigner::new(b"secret");
        let query = signer.sign(FILE, now(), now() + USUAL);
        let (expires, signature) = parts(&query);
        assert_eq!(signer.check(FILE, now(), expires, signature), Ok(()));

        let other_file = SignedFile {
            path: "test.parquet",
            ..FILE
        };
        let other_version = SignedFile { version: 1, ..FILE };
        let other_dataset = SignedFile {
            slug: "other",
            ..FILE
        };
        for file in [other_file, other_version, other_dataset] {
            assert_eq!(
                signer.check(file, now(), expires, signature),
                Err(LinkRefusal::Wrong)
            );
        }
        assert_eq!(
            signer.check(FILE, now(), expires + 1, signature),
            Err(LinkRefusal::Wrong)
        );
        assert_eq!(
            LinkSigner::new(b"another secret").check(FILE, now(), expires, signature),
            Err(LinkRefusal::Wrong)
        );
        let mut changed = signature.to_owned();
        changed.replace_range(0..1, if signature.starts_with('0') { "1" } else { "0" });
        for wrong in ["", "00", "ü", &changed, &signature[..63]] {
            assert_eq!(
                signer.check(FILE, now(), expires, wrong),
                Err(LinkRefusal::Wrong),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_signature_ends_and_none_lasts_longer_than_a_week() {
        let signer = LinkSigner::new(b"secret");
        let query = signer.sign(FILE, now(), now() + TimeDelta::days(400));
        let (expires, signature) = parts(&query);
        let end = now() + LONGEST;
        assert_eq!(expires, end.timestamp());
        let last = end - TimeDelta::seconds(1);
        assert_eq!(signer.check(FILE, last, expires, signature), Ok(()));
        assert_eq!(
            signer.check(FILE, end, expires, signature),
            Err(LinkRefusal::Expired(end))
        );
    }
}

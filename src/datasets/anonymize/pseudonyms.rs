//! Names that stand for subjects in one release and mean nothing in any other.

use std::collections::{BTreeMap, HashSet};

use hmac::{Hmac, KeyInit, Mac};
use rand::rngs::ChaCha20Rng;
use rand::{CryptoRng, SeedableRng};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::datasets::vault::{VaultError, VaultKey};

/// Crockford's base 32: no I, L, O or U, which are misread.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 30 bits: two of a thousand subjects collide once in two thousand releases, and then all get longer.
const SHORTEST: usize = 6;
/// All bits that are kept of a hash, five to a character.
const LONGEST: usize = 25;

/// The secret of one release. Whoever holds it can test whether a name belongs to a pseudonym, so it
/// is destroyed after a public release, or sealed where drivers may consent to be found. It is wiped
/// from memory when dropped (the hash states made from it are not) and can be neither printed nor
/// serialised.
pub struct ReleaseKey(Zeroizing<[u8; 32]>);

impl ReleaseKey {
    pub fn new(bytes: [u8; 32]) -> ReleaseKey {
        ReleaseKey(Zeroizing::new(bytes))
    }

    /// A fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> ReleaseKey {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut());
        ReleaseKey(bytes)
    }

    /// The key under the vault's, for a release that is measured now and published later.
    pub fn sealed_by(&self, vault: &VaultKey, place: &str) -> String {
        vault.seal(place, self.0.as_ref())
    }

    /// The key that was sealed for this place.
    ///
    /// # Errors
    /// [`VaultError::DoesNotOpen`].
    pub fn opened_by(
        vault: &VaultKey,
        place: &str,
        sealed: &str,
    ) -> Result<ReleaseKey, VaultError> {
        let opened = vault.open(place, sealed)?;
        let bytes = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| VaultError::DoesNotOpen)?;
        Ok(ReleaseKey::new(bytes))
    }
}

impl ReleaseKey {
    /// Random numbers that only this key draws, others for each purpose.
    pub(super) fn generator(&self, purpose: &str) -> ChaCha20Rng {
        let mut keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(self.0.as_ref())
            .expect("HMAC takes keys of any length");
        keyed.update(b"paddock randomness 1");
        keyed.update(purpose.as_bytes());
        ChaCha20Rng::from_seed(keyed.finalize().into_bytes().into())
    }
}

/// Appends a part such that no two lists of parts give the same bytes.
pub(super) fn push_part(bytes: &mut Vec<u8>, part: &str) {
    bytes.extend((part.len() as u64).to_be_bytes());
    bytes.extend(part.as_bytes());
}

/// The pseudonyms of a release. All values are [noted](Pseudonyms::note) before the first name is
/// asked for, because the length of the names depends on all of them.
pub(super) struct Pseudonyms {
    keyed: Hmac<Sha256>,
    kinds: BTreeMap<String, Kind>,
}

struct Kind {
    /// The first halves of the hashes, in which no two are alike. Not the identities: there is one for each
    /// subject of each event.
    hashes: HashSet<[u8; 16]>,
    /// The identity that was noted last: the rows of a subject stand together in most tables.
    last: Vec<u8>,
    length: usize,
}

impl Pseudonyms {
    pub(super) fn new(key: &ReleaseKey) -> Pseudonyms {
        let mut keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(key.0.as_ref())
            .expect("HMAC takes keys of any length");
        keyed.update(b"paddock pseudonym 1");
        Pseudonyms {
            keyed,
            kinds: BTreeMap::new(),
        }
    }

    /// Learns that `identity` (scope and value, by [`push_part`]) occurs under the prefix.
    pub(super) fn note(&mut self, prefix: &str, identity: &[u8]) {
        if !self.kinds.contains_key(prefix) {
            let kind = Kind {
                hashes: HashSet::new(),
                last: Vec::new(),
                length: SHORTEST,
            };
            self.kinds.insert(prefix.to_owned(), kind);
        }
        if let Some(kind) = self.kinds.get_mut(prefix)
            && kind.last != identity
        {
            kind.hashes.insert(hash(&self.keyed, prefix, identity));
            kind.last.clear();
            kind.last.extend(identity);
        }
    }

    /// Chooses, for each prefix, the shortest names without a collision.
    pub(super) fn settle(&mut self) {
        for kind in self.kinds.values_mut() {
            let unique = |length: &usize| {
                let mut seen = HashSet::with_capacity(kind.hashes.len());
                let bits = |hash: &[u8; 16]| u128::from_be_bytes(*hash) >> (128 - 5 * length);
                kind.hashes.iter().all(|hash| seen.insert(bits(hash)))
            };
            kind.length = (SHORTEST..LONGEST).find(unique).unwrap_or(LONGEST);
        }
    }

    /// The pseudonym of a noted identity.
    pub(super) fn of(&self, prefix: &str, identity: &[u8]) -> Option<String> {
        let kind = self.kinds.get(prefix)?;
        let hash = hash(&self.keyed, prefix, identity);
        let noted = kind.hashes.contains(&hash);
        noted.then(|| format!("{prefix}-{}", name(&hash, kind.length)))
    }
}

/// The first 128 bits of the hash of an identity.
fn hash(keyed: &Hmac<Sha256>, prefix: &str, identity: &[u8]) -> [u8; 16] {
    let mut mac = keyed.clone();
    let mut part = Vec::new();
    push_part(&mut part, prefix);
    mac.update(&part);
    mac.update(identity);
    let whole: [u8; 32] = mac.finalize().into_bytes().into();
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);
    half
}

/// The first `length` characters of the hash in base 32.
fn name(hash: &[u8; 16], length: usize) -> String {
    let (mut bits, mut held) = (0u32, 0);
    let mut bytes = hash.iter();
    let mut name = String::with_capacity(length);
    while name.len() < length {
        if held < 5 {
            bits = bits << 8 | u32::from(*bytes.next().unwrap_or(&0));
            held += 8;
        }
        held -= 5;
        name.push(char::from(ALPHABET[(bits >> held & 31) as usize]));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(value: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_part(&mut bytes, value);
        bytes
    }

    #[test]
    fn the_name_spells_the_bits_of_the_hash() {
        let mut hash = [0; 16];
        hash[..4].copy_from_slice(&[0b0000_1000, 0b1000_0110, 0b0100_0010, 0b1001_1000]);
        assert_eq!(name(&hash, 6), "123456");
    }

    #[test]
    fn colliding_names_grow_until_they_differ() {
        let mut pseudonyms = Pseudonyms::new(&ReleaseKey::new([7; 32]));
        // About 80,000²/2 pairs over 2³⁰ names: three collisions are expected at six characters.
        let drivers: Vec<_> = (0..80_000).map(|n| identity(&n.to_string())).collect();
        for driver in &drivers {
            pseudonyms.note("D", driver);
        }
        pseudonyms.settle();
        let names: HashSet<_> = drivers.iter().map(|d| pseudonyms.of("D", d)).collect();
        assert_eq!(names.len(), drivers.len());
        assert!(pseudonyms.of("D", &drivers[0]).unwrap().len() > "D-".len() + SHORTEST);
    }

    #[test]
    fn prefix_and_parts_are_kept_apart() {
        let mut pseudonyms = Pseudonyms::new(&ReleaseKey::new([7; 32]));
        for prefix in ["D", "K"] {
            pseudonyms.note(prefix, &identity("7"));
        }
        pseudonyms.settle();
        let driver = pseudonyms.of("D", &identity("7")).unwrap();
        let kart = pseudonyms.of("K", &identity("7")).unwrap();
        assert_ne!(driver[2..], kart[2..]);
        assert_eq!(pseudonyms.of("D", &identity("8")), None);
        let (mut ab_c, mut a_bc) = (identity("ab"), identity("a"));
        push_part(&mut ab_c, "c");
        push_part(&mut a_bc, "bc");
        assert_ne!(ab_c, a_bc);
    }
}

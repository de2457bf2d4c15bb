//! What one-time links end with: secrets of 256 bits, of which the database keeps a hash.

use rand::Rng;
use zeroize::Zeroizing;

use crate::accounts::tokens::sha256_hex;
use crate::platform::storage::hexadecimal;

/// A key that nobody guesses. It is never printed by itself.
pub struct ConsentKey(Zeroizing<String>);

impl ConsentKey {
    /// A new key.
    pub fn new(rng: &mut impl Rng) -> ConsentKey {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *bytes);
        ConsentKey(Zeroizing::new(hexadecimal(&*bytes)))
    }

    /// The path of its link on this site.
    pub fn path(&self) -> String {
        format!("/consent/{}", *self.0)
    }

    /// What the database keeps.
    pub(super) fn hash(&self) -> String {
        hash(&self.0)
    }
}

/// The hash of whatever a link ends with. Looking it up by an index compares nothing secret byte by byte,
/// and takes the same steps whatever was sent.
pub(super) fn hash(sent: &str) -> String {
    sha256_hex(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_256_bits_and_differ_from_their_hash_and_from_each_other() {
        let (one, other) = (
            ConsentKey::new(&mut rand::rng()),
            ConsentKey::new(&mut rand::rng()),
        );
        assert_eq!(one.path().len(), "/consent/".len() + 64);
        assert_ne!(one.path(), other.path());
        let key = one.path().replace("/consent/", "");
        assert_eq!(one.hash(), hash(&key));
        assert!(!one.hash().contains(&key));
    }
}

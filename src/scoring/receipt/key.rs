//! The key that signs receipts, and the public half that checks them.

use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::platform::key_file;
use crate::platform::storage::hexadecimal;

/// The server's signing key. Cheap to use, never printed.
#[derive(Clone)]
pub struct ReceiptKey(SigningKey);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error(
        "{path}: holds no Ed25519 key in PKCS#8 PEM; make one with `openssl genpkey -algorithm ed25519 -out {path}`"
    )]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
    /// The text is no public key.
    #[error("this is no Ed25519 public key: give 64 hexadecimal digits, or PEM")]
    NoPublicKey,
}

impl ReceiptKey {
    /// The key of 32 secret bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&secret))
    }

    /// Reads a key: PKCS#8 in PEM, as OpenSSL writes it.
    ///
    /// # Errors
    /// A file that cannot be read or that holds no such key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let pem = std::fs::read_to_string(path).map_err(|source| KeyError::File {
            path: path.to_owned(),
            source,
        })?;
        // Through the pair's bytes, because OpenSSL leaves the public half out.
        let pair = KeypairBytes::from_pkcs8_pem(pem.trim_start());
        let key = pair.and_then(|pair| SigningKey::try_from(&pair));
        Ok(Self(key.map_err(|_| KeyError::NoKey {
            path: path.to_owned(),
        })?))
    }

    /// Reads a key; the first time makes one that only this user may read. Of two processes that
    /// begin at once, one makes it and both use it.
    ///
    /// # Errors
    /// As [`ReceiptKey::read`]; a folder that cannot be written to.
    pub fn read_or_make(path: &Path) -> Result<Self, KeyError> {
        if !path.exists() {
            make(path).map_err(|source| KeyError::File {
                path: path.to_owned(),
                source,
            })?;
        }
        Self::read(path)
    }

    /// The half that everybody may know.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).to_bytes()
    }

    /// The salt of the commitment to a content: always the same for the same content, so that the
    /// receipts of a phase show that all were scored against the same solution; a secret to whoever has
    /// not this key.
    pub(super) fn salt_of(&self, sha256: &str) -> String {
        let mut keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(self.0.as_bytes())
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        keyed.update(b"paddock-receipt-1:salt:");
        keyed.update(sha256.as_bytes());
        hexadecimal(&keyed.finalize().into_bytes())
    }
}

fn make(path: &Path) -> std::io::Result<()> {
    let key = SigningKey::from_bytes(&std::array::from_fn(|_| rand::random()));
    let pem = key
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(std::io::Error::other)?;
    key_file::make(path, pem.as_bytes())
}

/// The public half of a receipt key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(pub(super) VerifyingKey);

impl PublicKey {
    /// Reads 64 hexadecimal digits, or PEM (`-----BEGIN PUBLIC KEY-----`).
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.starts_with("-----") {
            let key = VerifyingKey::from_public_key_pem(text);
            return key.map(Self).map_err(|_| KeyError::NoPublicKey);
        }
        let bytes = super::bytes_of(text).ok_or(KeyError::NoPublicKey)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::NoPublicKey)?;
        Ok(Self(key))
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hexadecimal(self) -> String {
        hexadecimal(self.0.as_bytes())
    }

    /// SubjectPublicKeyInfo in PEM, as OpenSSL reads it.
    pub fn to_pem(self) -> String {
        self.0
            .to_public_key_pem(LineEnding::LF)
            .unwrap_or_else(|_| unreachable!("32 bytes are always written"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_first_start_makes_a_key_that_only_its_user_may_read_and_later_ones_keep_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/receipt.key");
        let made = ReceiptKey::read_or_make(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let kept = ReceiptKey::read_or_make(&path).unwrap();
        assert_eq!(kept.public_key(), made.public_key());
        let other = ReceiptKey::read_or_make(&folder.path().join("other.key")).unwrap();
        assert_ne!(other.public_key(), made.public_key());
    }

    #[test]
    fn keys_that_openssl_made_are_read() {
        // The key pair of RFC 8032, section 7.1, test 1, as `openssl genpkey` and `openssl pkey -pubout`
        // write it.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("openssl.key");
        let pem = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
                   -----END PRIVATE KEY-----\n";
        std::fs::write(&path, pem).unwrap();
        let key = ReceiptKey::read(&path).unwrap().public_key();
        let expected = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(key.to_hexadecimal(), expected);
        assert_eq!(PublicKey::parse(expected).unwrap(), key);
        assert_eq!(PublicKey::parse(&key.to_pem()).unwrap(), key);
    }

    #[test]
    fn what_is_no_key_is_named_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session.key");
        std::fs::write(&path, "ab".repeat(64)).unwrap();
        let error = ReceiptKey::read(&path).err().unwrap().to_string();
        assert!(
            error.contains("session.key") && error.contains("openssl genpkey"),
            "{error}"
        );
        for wrong in ["", "ab", &"zz".repeat(32), "-----BEGIN PUBLIC KEY-----"] {
            assert!(PublicKey::parse(wrong).is_err(), "{wrong}");
        }
    }
}

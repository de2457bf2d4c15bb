//! The vault: who is behind a pseudonym, sealed under a key that is not in the database.
//!
//! Each secret is encrypted on its own with XChaCha20-Poly1305 (RFC 8439, with the extended nonce of
//! draft-irtf-cfrg-xchacha), and bound to the place it belongs to: a row that is copied to another
//! release or another pseudonym does not open. Where an organizer wants no consented unlock nothing is
//! written here, and dropping the release's key has destroyed the link.

use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::platform::key_file;
use crate::platform::storage::hexadecimal;

/// Bytes of the random nonce that begins a sealed secret.
const NONCE: usize = 24;

/// The key of the vault. Kept beside the database, never in it; never printed.
pub struct VaultKey(XChaCha20Poly1305);

/// Why there is no vault, or why it does not open.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key's file cannot be read or made.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error("{path}: holds no vault key; make one with `openssl rand -hex 32 > {path}`")]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
    /// A sealed secret was changed, belongs to another place or was sealed under another key.
    #[error(
        "this does not open: it was sealed under another key or for another place, or was changed"
    )]
    DoesNotOpen,
}

impl VaultKey {
    /// The key of 32 secret bytes.
    pub fn new(secret: &[u8; 32]) -> VaultKey {
        VaultKey(XChaCha20Poly1305::new(secret.into()))
    }

    /// Reads a key: 64 hexadecimal digits.
    ///
    /// # Errors
    /// A file that cannot be read or that holds no such key.
    pub fn read(path: &Path) -> Result<VaultKey, VaultError> {
        let text = std::fs::read_to_string(path).map(Zeroizing::new);
        let text = text.map_err(|source| VaultError::File {
            path: path.to_owned(),
            source,
        })?;
        match bytes_of(text.trim()).and_then(|bytes| <[u8; 32]>::try_from(&bytes[..]).ok()) {
            Some(secret) => Ok(VaultKey::new(&Zeroizing::new(secret))),
            None => Err(VaultError::NoKey {
                path: path.to_owned(),
            }),
        }
    }

    /// Reads a key; the first time makes one that only this user may read. Of two processes that
    /// begin at once, one makes it and both use it.
    ///
    /// # Errors
    /// As [`VaultKey::read`]; a folder that cannot be written to.
    pub fn read_or_make(path: &Path) -> Result<VaultKey, VaultError> {
        if !path.exists() {
            make(path).map_err(|source| VaultError::File {
                path: path.to_owned(),
                source,
            })?;
        }
        VaultKey::read(path)
    }

    /// Seals a secret for a place, such as `release 7 pseudonym D-7K3QFM`; hexadecimal, never twice the same.
    pub fn seal(&self, place: &str, secret: &[u8]) -> String {
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload {
            msg: secret,
            aad: place.as_bytes(),
        };
        let sealed = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .expect("only a message of 256 GiB is too long to be sealed");
        format!("{}{}", hexadecimal(&nonce), hexadecimal(&sealed))
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`VaultError::DoesNotOpen`], without saying which of its reasons it was.
    pub fn open(&self, place: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let bytes = bytes_of(sealed).ok_or(VaultError::DoesNotOpen)?;
        let (nonce, sealed) = bytes
            .split_first_chunk::<NONCE>()
            .ok_or(VaultError::DoesNotOpen)?;
        let payload = Payload {
            msg: sealed,
            aad: place.as_bytes(),
        };
        let opened = self.0.decrypt(&XNonce::from(*nonce), payload);
        opened
            .map(Zeroizing::new)
            .map_err(|_| VaultError::DoesNotOpen)
    }
}

fn make(path: &Path) -> std::io::Result<()> {
    let text = Zeroizing::new(hexadecimal(&rand::random::<[u8; 32]>()));
    key_file::make(path, text.as_bytes())
}

/// The bytes of hexadecimal digits.
fn bytes_of(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes = pairs
        .iter()
        .map(|[high, low]| Some((digit(*high)? * 16 + digit(*low)?) as u8));
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes.filter(|_| rest.is_empty()).map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_in_its_own_place_alone() {
        let key = VaultKey::new(&[7; 32]);
        let sealed = key.seal("release 1 pseudonym D-1", b"Mika");
        assert_eq!(
            **key.open("release 1 pseudonym D-1", &sealed).unwrap(),
            *b"Mika"
        );
        assert!(key.open("release 1 pseudonym D-2", &sealed).is_err());
        assert!(
            VaultKey::new(&[8; 32])
                .open("release 1 pseudonym D-1", &sealed)
                .is_err()
        );
        let mut changed = sealed.clone().into_bytes();
        let last = changed.last_mut().unwrap();
        *last = if *last == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(key.open("release 1 pseudonym D-1", &changed).is_err());
        for cut in ["", "0", "zz", &sealed[..40]] {
            assert!(key.open("release 1 pseudonym D-1", cut).is_err(), "{cut}");
        }
        assert_ne!(sealed, key.seal("release 1 pseudonym D-1", b"Mika"));
        assert!(!sealed.contains(&hexadecimal(b"Mika")));
    }

    #[test]
    fn the_key_is_made_once_and_for_this_user_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.key");
        let sealed = VaultKey::read_or_make(&path)
            .unwrap()
            .seal("here", b"secret");
        let again = VaultKey::read_or_make(&path).unwrap();
        assert_eq!(**again.open("here", &sealed).unwrap(), *b"secret");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&path, "not a key").unwrap();
        assert!(matches!(
            VaultKey::read(&path),
            Err(VaultError::NoKey { .. })
        ));
    }
}

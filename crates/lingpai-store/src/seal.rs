//! Sealing: what must not be read from a disk is encrypted before it gets there, and bound to its place.
//!
//! A sealed value is `version (1) | key id (8) | nonce (24) | XChaCha20-Poly1305 ciphertext and tag`. The nonce is
//! random, which 192 bits allow. Table, record, column and key id are authenticated with it, so that a value that was
//! altered, or moved to another place, does not open.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use lingpai_core::{Secret, StoreError};
use zeroize::Zeroizing;

use crate::keys::{MasterKey, random};

const VERSION: u8 = 1;
const KEY_ID: usize = 8;
const NONCE: usize = 24;
const HEAD: usize = 1 + KEY_ID + NONCE;

/// Where a sealed value belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'static str,
    /// The record's primary key.
    pub(crate) record: &'a str,
    pub(crate) column: &'static str,
}

/// Seals and opens with one key.
pub(crate) struct Sealer {
    cipher: XChaCha20Poly1305,
    key_id: KeyId,
    /// What signs the sessions of people, on every node that has the key.
    sessions: Zeroizing<[u8; 32]>,
}

/// What tells keys apart, and reveals nothing of them.
pub(crate) type KeyId = [u8; KEY_ID];

/// The name of the key that a value was sealed with.
#[cfg(feature = "redis")]
pub(crate) fn key_id(sealed: &[u8]) -> Option<KeyId> {
    sealed.get(1..=KEY_ID)?.try_into().ok()
}

/// Why a sealed value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// It says that it was sealed with another key.
    OtherKey,
    /// It was altered, or belongs somewhere else.
    Altered,
}

impl Sealer {
    pub(crate) fn new(key: &MasterKey) -> Self {
        let id = blake3::derive_key("lingpai-store 2026 master key id", key.bytes());
        let mut key_id = [0; KEY_ID];
        key_id.copy_from_slice(&id[..KEY_ID]);
        let sessions = blake3::derive_key("lingpai-store 2026 sessions of people", key.bytes());
        let cipher = XChaCha20Poly1305::new(&(*key.bytes()).into());
        Self { cipher, key_id, sessions: Zeroizing::new(sessions) }
    }

    /// A key of its own for the sessions of people, from which nothing of this one can be told.
    pub(crate) fn session_key(&self) -> [u8; 32] {
        *self.sessions
    }

    /// The name of its key, as it stands before everything that it seals.
    #[cfg(feature = "redis")]
    pub(crate) fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// # Errors
    /// If the operating system gives no random bytes, or the value is too long for the cipher (256 GiB).
    pub(crate) fn seal(&self, place: Place<'_>, value: &str) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE] = random()?;
        let aad = self.bound_to(place);
        let payload = Payload { msg: value.as_bytes(), aad: &aad };
        let sealed =
            self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| too_long(place))?;
        let mut out = Vec::with_capacity(HEAD + sealed.len());
        out.push(VERSION);
        out.extend_from_slice(&self.key_id);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    pub(crate) fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Secret, Unopened> {
        let (version, rest) = sealed.split_first().ok_or(Unopened::Altered)?;
        let (key_id, rest) = rest.split_at_checked(KEY_ID).ok_or(Unopened::Altered)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(Unopened::Altered)?;
        if *version != VERSION {
            return Err(Unopened::Altered);
        }
        if key_id != self.key_id {
            return Err(Unopened::OtherKey);
        }
        let aad = self.bound_to(place);
        let opened = self
            .cipher
            .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| Unopened::Altered)?;
        str::from_utf8(&opened).map(Secret::from).map_err(|_| Unopened::Altered)
    }

    /// Every part is preceded by its length, so that no two places read alike.
    fn bound_to(&self, place: Place<'_>) -> Vec<u8> {
        let parts = [place.table.as_bytes(), place.record.as_bytes(), place.column.as_bytes()];
        let mut aad = vec![VERSION];
        aad.extend_from_slice(&self.key_id);
        for part in parts {
            aad.extend_from_slice(&(part.len() as u64).to_le_bytes());
            aad.extend_from_slice(part);
        }
        aad
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(***)")
    }
}

impl std::fmt::Display for Unopened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::OtherKey => "it was sealed with another master key",
            Self::Altered => "it was altered after Lingpai wrote it",
        })
    }
}

fn too_long(place: Place<'_>) -> StoreError {
    StoreError::new(
        lingpai_core::StoreErrorKind::Invalid,
        format!("the {} of {} is too long to be sealed", place.column, place.record),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'static> = Place { table: "accounts", record: "wx1", column: "secret" };

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&MasterKey::parse(&format!("{byte:02x}").repeat(32)).unwrap())
    }

    #[test]
    fn what_was_sealed_opens_in_its_place() {
        let sealed = sealer(1).seal(HERE, "hunter2").unwrap();
        assert_eq!(sealer(1).open(HERE, &sealed).unwrap().expose(), "hunter2");
        assert!(!sealed.windows(7).any(|bytes| bytes == b"hunter2"));
    }

    #[test]
    fn the_same_value_never_looks_the_same_twice() {
        let sealer = sealer(1);
        assert_ne!(sealer.seal(HERE, "hunter2").unwrap(), sealer.seal(HERE, "hunter2").unwrap());
    }

    #[test]
    fn a_value_does_not_open_in_another_record_column_or_table() {
        let sealed = sealer(1).seal(HERE, "hunter2").unwrap();
        for elsewhere in [
            Place { record: "wx2", ..HERE },
            Place { column: "token", ..HERE },
            Place { table: "credentials", ..HERE },
            Place { table: "accountsw", record: "x1", column: "secret" },
        ] {
            assert_eq!(sealer(1).open(elsewhere, &sealed).unwrap_err(), Unopened::Altered);
        }
    }

    #[test]
    fn a_value_with_any_byte_changed_or_missing_does_not_open() {
        let sealed = sealer(1).seal(HERE, "hunter2").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealer(1).open(HERE, &changed).is_err(), "byte {at}");
            assert!(sealer(1).open(HERE, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn another_key_is_named_as_the_cause() {
        let sealed = sealer(1).seal(HERE, "hunter2").unwrap();
        assert_eq!(sealer(2).open(HERE, &sealed).unwrap_err(), Unopened::OtherKey);
    }
}

//! One issued value of a credential.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::Generation;
use crate::issuer::Way;
use crate::secret::Secret;
use crate::time::Timestamp;

/// One issued value of a credential, with the times between which it is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What a call carries.
    pub value: Secret,
    /// Which of the credential's tokens this is.
    pub generation: Generation,
    /// When the request that brought it was about to be sent. Upstream issued it at this time or later, so every
    /// expiry counted from here errs on the safe side.
    pub issued_at: Timestamp,
    /// When it stops being good: `issued_at` and the life that upstream stated.
    pub expires_at: Timestamp,
    /// How long a token of this credential lives when new. A repeated answer states only what is left, so this is the
    /// longest life seen; leads and margins are shares of it.
    pub full_life: Duration,
    /// How it was obtained. One that was given counts as of the primary family.
    pub way: Way,
    /// The secret that came with it and that the next fetch needs ([`Issued::companion`](crate::issuer::Issued::companion)).
    /// Sealed at rest, and never handed to anybody but the issuer.
    pub companion: Option<Secret>,
}

impl Token {
    /// A short name of the value, which tells tokens apart and tells nothing about them.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.value.expose())
    }
}

/// The first 16 bytes of a token's BLAKE3 hash. Safe to log and to store: tokens have far too much entropy to be guessed
/// from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The fingerprint of a token's value.
    pub fn of(value: &str) -> Self {
        let hash = blake3::hash(value.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_bytes()[..16]);
        Self(bytes)
    }

    /// Its first four bytes: enough to tell a token from one that has taken its place.
    pub fn prefix(&self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const EXPECTED: &str = "a fingerprint is 32 hexadecimal digits";
        if text.len() != 32 || !text.is_ascii() {
            return Err(EXPECTED);
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(0..) {
            *byte = u8::from_str_radix(&text[pair * 2..pair * 2 + 2], 16).map_err(|_| EXPECTED)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_reads_back_what_it_prints() {
        let fingerprint = Fingerprint::of("70_GTSJ");
        assert_eq!(Fingerprint::try_from(fingerprint.to_string()), Ok(fingerprint));
        assert!(Fingerprint::try_from("é".repeat(16)).is_err());
        assert!(Fingerprint::try_from("xyz".to_owned()).is_err());
    }
}

//! The SHA-1 over sorted parts by which WeChat and a push URL know each other.

use lingpai_core::Secret;
use subtle::{Choice, ConstantTimeEq};

use crate::sign::sha1;

/// What a signature says of itself in the query: when it was made, and a number used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    /// `signature` or `msg_signature`.
    pub signature: &'a str,
    /// `timestamp`, in seconds.
    pub timestamp: &'a str,
    /// `nonce`.
    pub nonce: &'a str,
}

impl Signed<'_> {
    /// Whether this signs `parts` (and its own time and nonce) with `token`.
    pub(super) fn holds(&self, token: &Secret, part: Option<&str>) -> Choice {
        let due = sign(token, self.timestamp, self.nonce, part);
        due.as_bytes().ct_eq(self.signature.as_bytes())
    }
}

/// The signature: 40 hexadecimal digits. `part` is the ciphertext, if there is one.
pub(super) fn sign(token: &Secret, timestamp: &str, nonce: &str, part: Option<&str>) -> String {
    let mut parts = [token.expose(), timestamp, nonce, part.unwrap_or_default()];
    // An absent part is the empty text, which comes first and adds nothing.
    parts.sort_unstable();
    sha1(parts)
}

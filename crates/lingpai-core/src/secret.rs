//! Values that must not be seen: wrapped so that printing them is impossible by accident.
//!
//! Reading one takes a visible [`Secret::expose`], and dropping one wipes its memory.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A value that prints as `***` and is wiped when dropped.
///
/// It can be deserialised (a configuration has to come from somewhere) and never serialised.
///
/// ```
/// use lingpai_core::Secret;
/// let secret = Secret::from("8f5c0de…");
/// assert_eq!(format!("{secret:?}"), "***");
/// assert_eq!(secret.expose(), "8f5c0de…");
/// ```
#[derive(Clone, Default)]
pub struct Secret<T: Zeroize = Box<str>>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T: Zeroize + AsRef<str>> Secret<T> {
    /// The value in clear. Only for handing it to the one who needs it: a request, a cipher, a hash.
    pub fn expose(&self) -> &str {
        self.0.as_ref()
    }
}

impl Secret<Vec<u8>> {
    /// The bytes in clear.
    pub fn expose_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl From<&str> for Secret<Box<str>> {
    fn from(value: &str) -> Self {
        Self(value.into())
    }
}

impl From<String> for Secret<Box<str>> {
    fn from(value: String) -> Self {
        Self(value.into_boxed_str())
    }
}

/// Compares in time that depends on the lengths only.
impl<T: Zeroize + AsRef<str>> PartialEq for Secret<T> {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl<T: Zeroize + AsRef<str>> Eq for Secret<T> {}

impl<'de> Deserialize<'de> for Secret<Box<str>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer);
        // The error of a format repeats the value that it found.
        text.map(Self::from).map_err(|_| D::Error::custom("a secret is a text in quotes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_itself() {
        let secret = Secret::from("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
    }

    #[test]
    fn what_is_no_secret_is_not_repeated_by_the_error() {
        let error = serde_json::from_str::<Secret>("81726354").unwrap_err().to_string();
        assert!(error.starts_with("a secret is a text in quotes"), "{error}");
    }

    #[test]
    fn secrets_compare_by_value() {
        assert_eq!(Secret::from("a"), Secret::from("a".to_owned()));
        assert_ne!(Secret::from("a"), Secret::from("ab"));
    }
}

//! The keys of an account's API security (API 安全): what encrypts and signs its calls, and what proves WeChat's answers.
//!
//! What they are good for is `lingpai-wechat`'s to say; here they are kept.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::bounds::PathGlob;
use crate::secret::Secret;

/// The keys on the page API 安全 of WeChat's console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSecurityKeys {
    /// What encrypts calls and answers (API 对称密钥), in base64.
    pub symmetric: NumberedKey,
    /// The one before it, while it is being replaced.
    pub previous_symmetric: Option<NumberedKey>,
    /// The account's own private key (API 非对称密钥), in PEM: it signs the calls.
    pub private: NumberedKey,
    /// WeChat's certificate (开放平台证书), in PEM: it proves the answers.
    pub platform: NumberedKey,
    /// The one before it, or the one to come, while it is being replaced.
    pub other_platform: Option<NumberedKey>,
    /// Which calls are sealed; none: those that WeChat documents for it.
    pub calls: Option<Vec<PathGlob>>,
}

/// A key and the number (编号) that WeChat's console shows beside it, which is no serial number of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedKey {
    /// Its number.
    pub serial: Box<str>,
    /// The key. A certificate is none to hide, and is kept as the others are.
    pub key: Secret,
}

/// Keys that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidApiSecurity {
    /// They cannot be read. What stands there is not repeated.
    #[error("the keys of API security cannot be read")]
    Unreadable,
    /// They say what is not known to this version of Lingpai. What stands there is not repeated.
    #[error("the keys of API security say what is not known to this version of Lingpai")]
    Newer,
    /// A number is none.
    #[error(
        "the number (编号) of a key is as WeChat's console shows it, of up to 64 letters and digits"
    )]
    Serial,
    /// Two keys have one number.
    #[error("two keys that replace each other have different numbers (编号)")]
    SameSerial,
    /// It is said that some calls are sealed, and not which.
    #[error(
        "there are no calls to be sealed: name some, or leave them out for those that WeChat documents"
    )]
    NoCalls,
}

impl ApiSecurityKeys {
    /// Whether these can be keys at all, as far as that can be seen without their meaning.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), InvalidApiSecurity> {
        let fits = |serial: &str| {
            (1..=64).contains(&serial.len()) && serial.bytes().all(|it| it.is_ascii_alphanumeric())
        };
        let previous = [&self.previous_symmetric, &self.other_platform];
        let replacing = || previous.into_iter().flatten();
        let all = [&self.symmetric, &self.private, &self.platform].into_iter().chain(replacing());
        if !all.into_iter().all(|key| fits(&key.serial)) {
            return Err(InvalidApiSecurity::Serial);
        }
        let is_same = |one: &NumberedKey, other: &Option<NumberedKey>| {
            other.as_ref().is_some_and(|other| other.serial == one.serial)
        };
        if is_same(&self.symmetric, &self.previous_symmetric)
            || is_same(&self.platform, &self.other_platform)
        {
            return Err(InvalidApiSecurity::SameSerial);
        }
        match self.calls.as_deref() {
            Some([]) => Err(InvalidApiSecurity::NoCalls),
            _ => Ok(()),
        }
    }

    /// All of it as one text, to be sealed.
    pub fn to_text(&self) -> Secret {
        let stored = Stored {
            symmetric: (&self.symmetric).into(),
            previous_symmetric: self.previous_symmetric.as_ref().map(Numbered::from),
            private: (&self.private).into(),
            platform: (&self.platform).into(),
            other_platform: self.other_platform.as_ref().map(Numbered::from),
            calls: self.calls.clone(),
        };
        serde_json::to_string(&stored).unwrap_or_default().into()
    }
}

impl FromStr for ApiSecurityKeys {
    type Err = InvalidApiSecurity;

    /// What [`ApiSecurityKeys::to_text`] wrote.
    fn from_str(text: &str) -> Result<Self, InvalidApiSecurity> {
        let stored: Stored = serde_json::from_str(text).map_err(|error| match error.is_data() {
            true => InvalidApiSecurity::Newer,
            false => InvalidApiSecurity::Unreadable,
        })?;
        Ok(Self {
            symmetric: stored.symmetric.into(),
            previous_symmetric: stored.previous_symmetric.map(NumberedKey::from),
            private: stored.private.into(),
            platform: stored.platform.into(),
            other_platform: stored.other_platform.map(NumberedKey::from),
            calls: stored.calls,
        })
    }
}

/// As they are stored: never anywhere but in what is sealed.
#[derive(Serialize, Deserialize)]
struct Stored {
    symmetric: Numbered,
    previous_symmetric: Option<Numbered>,
    private: Numbered,
    platform: Numbered,
    other_platform: Option<Numbered>,
    calls: Option<Vec<PathGlob>>,
}

#[derive(Serialize, Deserialize)]
struct Numbered {
    serial: String,
    key: String,
}

impl From<&NumberedKey> for Numbered {
    fn from(key: &NumberedKey) -> Self {
        Self { serial: key.serial.to_string(), key: key.key.expose().to_owned() }
    }
}

impl From<Numbered> for NumberedKey {
    fn from(stored: Numbered) -> Self {
        Self { serial: stored.serial.into(), key: stored.key.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(serial: &str) -> NumberedKey {
        NumberedKey { serial: serial.into(), key: format!("key {serial}").into() }
    }

    fn keys() -> ApiSecurityKeys {
        ApiSecurityKeys {
            symmetric: key("1"),
            previous_symmetric: None,
            private: key("2"),
            platform: key("3"),
            other_platform: None,
            calls: None,
        }
    }

    #[test]
    fn keys_come_back_as_they_were_written_and_are_not_seen() {
        let full = ApiSecurityKeys {
            previous_symmetric: Some(key("4")),
            other_platform: Some(key("5")),
            calls: Some(vec!["/wxa/**".parse().unwrap()]),
            ..keys()
        };
        for keys in [keys(), full] {
            assert_eq!(keys.check(), Ok(()));
            assert!(!format!("{keys:?}").contains("key 1"));
            assert_eq!(keys.to_text().expose().parse(), Ok(keys));
        }
        assert_eq!("{".parse::<ApiSecurityKeys>(), Err(InvalidApiSecurity::Unreadable));
        assert_eq!("{}".parse::<ApiSecurityKeys>(), Err(InvalidApiSecurity::Newer));
    }

    #[test]
    fn what_cannot_be_is_said() {
        let with = |change: fn(&mut ApiSecurityKeys)| {
            let mut keys = keys();
            change(&mut keys);
            keys.check()
        };
        assert_eq!(with(|it| it.symmetric = key("")), Err(InvalidApiSecurity::Serial));
        assert_eq!(with(|it| it.private = key("a b")), Err(InvalidApiSecurity::Serial));
        assert_eq!(
            with(|it| it.other_platform = Some(key("a\r"))),
            Err(InvalidApiSecurity::Serial)
        );
        assert_eq!(
            with(|it| it.previous_symmetric = Some(key("1"))),
            Err(InvalidApiSecurity::SameSerial)
        );
        assert_eq!(
            with(|it| it.other_platform = Some(key("3"))),
            Err(InvalidApiSecurity::SameSerial)
        );
        assert_eq!(with(|it| it.calls = Some(Vec::new())), Err(InvalidApiSecurity::NoCalls));
    }
}

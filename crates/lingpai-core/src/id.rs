//! The names of things: accounts, kinds of credentials, generations, fences, nodes.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The name of an account: its appid, or `corpid:agent` for a WeCom application.
///
/// 1 to 128 letters, digits or any of `_ - . : @`, so that it can stand in a URL, a key name and a log line as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The corpid and the agent of a WeCom application; none of any other account.
    pub fn corp_and_agent(&self) -> Option<(&str, &str)> {
        let parts = self.0.split_once(':');
        parts.filter(|(corp, agent)| !corp.is_empty() && !agent.is_empty())
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AccountId {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:@".contains(&byte);
        if (1..=128).contains(&name.len()) && name.bytes().all(fits) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidName { what: "account", name: shortened(name) })
        }
    }
}

impl TryFrom<String> for AccountId {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        name.parse()
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.0.as_ref().to_owned()
    }
}

/// What sort of thing is kept fresh: `access_token`, `jsapi_ticket`, ... The set is open: a crate that brings an issuer
/// names its kinds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Kind(Cow<'static, str>);

impl Kind {
    /// The token that every server-side call of an app carries.
    pub const ACCESS_TOKEN: Self = Self::named("access_token");

    /// A kind known when the program is written. Names from outside are parsed instead.
    pub const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Kind {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name == Self::ACCESS_TOKEN.as_str() {
            Ok(Self::ACCESS_TOKEN)
        } else if (1..=64).contains(&name.len()) && name.chars().all(fits) {
            Ok(Self(Cow::Owned(name.to_owned())))
        } else {
            Err(InvalidName { what: "kind", name: shortened(name) })
        }
    }
}

impl TryFrom<String> for Kind {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        name.parse()
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.0.into_owned()
    }
}

/// One thing kept fresh for one account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CredentialId {
    /// What it is.
    pub kind: Kind,
    /// Whose it is.
    pub account: AccountId,
}

impl CredentialId {
    /// The credential of this kind of this account.
    pub fn new(kind: Kind, account: AccountId) -> Self {
        Self { kind, account }
    }

    /// The account's access_token.
    pub fn access_token(account: AccountId) -> Self {
        Self::new(Kind::ACCESS_TOKEN, account)
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.kind)
    }
}

/// Which of a credential's tokens: grows by one with each new token and never goes back. Zero: none yet.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    /// The generation after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The fencing number of a lease: only grows, so that a store can refuse whoever holds an older one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Fence(pub u64);

/// The name of one running process among those that share a store. A restart is another node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// A node of this name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for NodeId {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl From<NodeId> for String {
    fn from(id: NodeId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name of an account or a kind that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{name}` cannot be the name of {article} {what}: use {allowed}",
    article = if *.what == "account" { "an" } else { "a" },
    allowed = match *.what {
        "account" => "letters, digits and the signs _ - . : @",
        _ => "lower-case letters, digits and _",
    }
)]
pub struct InvalidName {
    what: &'static str,
    name: String,
}

/// Enough of a bad name to recognise it, without line breaks that would forge a log.
fn shortened(name: &str) -> String {
    name.chars().take(40).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_appid_and_a_wecom_agent_are_names_of_accounts() {
        assert!("wx5a0db0c0ffee0001".parse::<AccountId>().is_ok());
        assert!("ww1234567890abcdef:1000002".parse::<AccountId>().is_ok());
    }

    #[test]
    fn a_wecom_agent_is_named_with_its_corp() {
        let parts = |name: &str| {
            let id = name.parse::<AccountId>().unwrap();
            id.corp_and_agent().map(|(corp, agent)| format!("{corp} {agent}"))
        };
        assert_eq!(
            parts("ww1234567890abcdef:1000002").as_deref(),
            Some("ww1234567890abcdef 1000002")
        );
        for other in ["wx5a0db0c0ffee0001", "ww1:", ":2"] {
            assert_eq!(parts(other), None);
        }
    }

    #[test]
    fn a_name_that_would_break_a_url_or_a_log_is_refused() {
        for bad in ["", "a/b", "a b", "a\nb", "令牌", &"x".repeat(129)] {
            let error = bad.parse::<AccountId>().unwrap_err().to_string();
            assert!(!error.contains('\n'), "{error}");
        }
    }
}

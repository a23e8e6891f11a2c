//! The domains of the pages that a client may have signed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// `shop.example.com` is this one, `*.example.com` every one below `example.com`, which is not among them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(Box<str>);

impl Domain {
    /// The pattern as text, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this host, without its port, is one of them.
    pub fn contains(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        match self.0.strip_prefix('*') {
            Some(below) => host.strip_suffix(below).is_some_and(|rest| !rest.is_empty()),
            None => host == *self.0,
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Domain {
    type Err = InvalidDomain;

    fn from_str(text: &str) -> Result<Self, InvalidDomain> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let fits = |part: &str| {
            (1..=63).contains(&part.len())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if name.len() <= 253 && name.split('.').all(fits) {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            let domain = text.chars().take(60).flat_map(char::escape_debug).collect();
            Err(InvalidDomain { domain })
        }
    }
}

impl TryFrom<String> for Domain {
    type Error = InvalidDomain;

    fn try_from(text: String) -> Result<Self, InvalidDomain> {
        text.parse()
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> Self {
        domain.0.into()
    }
}

/// A text that names no domain.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{domain}` names no domain: write `shop.example.com` or `*.example.com`, without `https://`, a port or a path; a \
     Chinese name as `xn--...`"
)]
pub struct InvalidDomain {
    domain: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_itself_and_a_star_is_all_below() {
        let contains = |domain: &str, host| domain.parse::<Domain>().unwrap().contains(host);
        assert!(contains("Shop.example.com", "shop.EXAMPLE.com"));
        assert!(!contains("example.com", "shop.example.com"));
        assert!(!contains("example.com", "example.com.evil.net"));
        assert!(contains("*.example.com", "a.b.example.com"));
        for host in ["example.com", ".example.com.evil.net", "evilexample.com", ""] {
            assert!(!contains("*.example.com", host), "{host}");
        }
    }

    #[test]
    fn what_is_no_domain_is_refused_with_what_to_write() {
        let long = "a".repeat(254);
        for bad in [
            "",
            "*",
            "*.",
            "https://example.com",
            "a.com/x",
            "a.com:80",
            "a..b",
            "a*.b",
            "例.cn",
            &long,
        ] {
            assert!(bad.parse::<Domain>().unwrap_err().to_string().contains("xn--"), "{bad}");
        }
    }
}

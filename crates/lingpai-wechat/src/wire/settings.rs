//! How WeChat is reached: the settings of this crate.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use lingpai_core::{Network, Proxy};

use super::{Exemption, ExtraAuthorities};
use crate::{Error, protocol};

/// How WeChat is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Instead of WeChat's own hosts, in the order in which they are tried: a sandbox or proxies. The first has WeCom too,
    /// below [`WECOM_PREFIX`](crate::protocol::WECOM_PREFIX). Empty: [`HOSTS`](crate::protocol::HOSTS), and
    /// [`WECOM_HOST`](crate::protocol::WECOM_HOST).
    pub hosts: Vec<BaseUrl>,
    /// How long is waited.
    pub deadlines: Deadlines,
    /// What everything goes through. An account may have a proxy of its own.
    pub proxy: Option<Proxy>,
    /// The hosts that are reached without any proxy.
    pub no_proxy: Vec<Exemption>,
    /// The private networks in which hosts may be called that users name: proxies of accounts, webhooks.
    pub private_networks: Vec<Network>,
    /// Who is trusted to issue certificates beside those whom the machine trusts.
    pub extra_authorities: ExtraAuthorities,
}

impl Settings {
    /// Where WeCom is: its own host, or below the first of those that stand in for WeChat's.
    pub(super) fn wecom(&self) -> BaseUrl {
        match self.hosts.first() {
            Some(first) => first.below(protocol::WECOM_PREFIX),
            None => BaseUrl::official(protocol::WECOM_HOST),
        }
    }
}

/// How long is waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// For one connection: name, TCP and TLS together.
    pub connect: Duration,
    /// For a whole call, with every host that it tries.
    pub call: Duration,
}

/// 2 s and 7 s: WeChat answers within 0.1 s, a lost SYN is sent again after 1 s, and the engine's
/// own deadline of 8 s must not cut off a call that can still say what happened to it.
impl Default for Deadlines {
    fn default() -> Self {
        Self { connect: Duration::from_secs(2), call: Duration::from_secs(7) }
    }
}

/// Where a party is reached: scheme, host, and perhaps a port and a path that goes before every
/// other.
///
/// ```
/// # use lingpai_wechat::wire::BaseUrl;
/// let base: BaseUrl = "http://127.0.0.1:8080/wx/".parse()?;
/// assert_eq!(base.to_string(), "http://127.0.0.1:8080/wx");
/// # Ok::<(), lingpai_wechat::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    prefix: Box<str>,
}

impl BaseUrl {
    pub(super) fn official(host: &'static str) -> Self {
        Self { scheme: Scheme::HTTPS, authority: Authority::from_static(host), prefix: "".into() }
    }

    /// The same with this path before every other too.
    fn below(&self, path: &str) -> Self {
        Self { prefix: format!("{}{path}", self.prefix).into(), ..self.clone() }
    }

    /// `https`, or `http` for a sandbox or a proxy that is reached in clear.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The host, and the port if it is not the scheme's own.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// What goes before every path: empty, or beginning with `/` and not ending with one.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl FromStr for BaseUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = |why| Err(Error::BaseUrl { why });
        let Ok(parts) = text.parse::<Uri>().map(Uri::into_parts) else {
            return refuse("is not a URL");
        };
        let Some((scheme, authority)) = parts.scheme.zip(parts.authority) else {
            return refuse("needs a scheme and a host");
        };
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            refuse("must begin with https:// or http://")
        } else if authority.as_str().contains('@') {
            refuse("must not hold a user name or a password")
        } else if path.query().is_some() || text.contains('#') {
            refuse("must end before any ? and #")
        } else {
            Ok(Self { scheme, authority, prefix: path.path().trim_end_matches('/').into() })
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.prefix)
    }
}

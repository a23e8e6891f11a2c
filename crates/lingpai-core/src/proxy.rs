//! Proxies: the machines through which upstream is reached where nothing leads there directly.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::Ipv6Addr;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use thiserror::Error;

use crate::secret::Secret;

/// The port of a proxy that names none, as curl has it.
const DEFAULT_PORT: u16 = 1080;

/// RFC 3986, section 2.3: everything else is encoded in a user name or a password.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A proxy, read from a URL as curl reads it: `http://user@proxy.example.com:3128`, `socks5://10.0.0.1:1080`.
///
/// Prints without its password.
///
/// ```
/// use lingpai_core::{Proxy, proxy::Protocol};
/// let proxy: Proxy = "socks5h://lingpai:hunter2@proxy.example.com".parse()?;
/// assert_eq!(proxy.protocol(), Protocol::Socks5);
/// assert_eq!(proxy.to_string(), "socks5://lingpai@proxy.example.com:1080");
/// assert_eq!(proxy.to_public_url(), "socks5://proxy.example.com:1080");
/// # Ok::<(), lingpai_core::proxy::InvalidProxy>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    protocol: Protocol,
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    host: Box<str>,
    port: u16,
    login: Option<Login>,
}

/// How a proxy is told where to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// By `CONNECT` over HTTP/1.1, whatever is sent afterwards.
    Http,
    /// By SOCKS 5. Names are always resolved by the proxy, which curl calls `socks5h`.
    Socks5,
}

/// Who we are to a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: Box<str>,
    /// The password. Empty if there is none.
    pub password: Secret,
}

impl Proxy {
    /// How it is spoken to.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Its host and its port, as they stand in a URL.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Its host: a name or an address, the latter without brackets.
    pub fn host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }

    /// Who we are to it, if it wants to know.
    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// The same proxy with this password. `None` if there is no user whose it could be.
    pub fn with_password(self, password: Secret) -> Option<Self> {
        let user = self.login?.user;
        Some(Self { login: Some(Login { user, password }), ..self })
    }

    /// The URL without user and password, for those who need not know who we are to it.
    pub fn to_public_url(&self) -> String {
        format!("{}://{}", self.protocol.scheme(), self.authority())
    }

    /// The URL with the password in it, which [`FromStr`] reads.
    pub fn to_url(&self) -> Secret {
        let login = self.login.as_ref().map(|login| {
            let encoded = |text| utf8_percent_encode(text, RESERVED).to_string();
            Secret::new(format!("{}:{}@", encoded(&login.user), encoded(login.password.expose())))
        });
        let login = login.as_ref().map_or("", |login| login.expose());
        Secret::from(format!("{}://{login}{}", self.protocol.scheme(), self.authority()))
    }
}

impl FromStr for Proxy {
    type Err = InvalidProxy;

    fn from_str(url: &str) -> Result<Self, InvalidProxy> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let protocol = match scheme.to_ascii_lowercase().as_str() {
            "http" => Protocol::Http,
            "socks5" | "socks5h" => Protocol::Socks5,
            "https" => {
                return Err(InvalidProxy(
                    "is reached over TLS, which Lingpai does not do: the calls \
                     to WeChat inside are encrypted anyway",
                ));
            }
            _ => return Err(InvalidProxy("begins with neither http:// nor socks5://")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, authority) = match rest.rsplit_once('@') {
            Some((login, authority)) => (Some(read_login(login)?), authority),
            None => (None, rest),
        };
        let (host, port) = read_authority(authority)?;
        Ok(Self { protocol, host, port, login })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.protocol.scheme())?;
        if let Some(login) = &self.login {
            write!(f, "{}@", utf8_percent_encode(&login.user, RESERVED))?;
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Of all but the password, which has no business in a table's buckets.
impl Hash for Proxy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.protocol, &self.host, self.port).hash(state);
        self.login.as_ref().map(|login| &login.user).hash(state);
    }
}

impl Protocol {
    fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Socks5 => "socks5",
        }
    }
}

/// A text that names no proxy. It is not repeated here: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the proxy {0}; write it like http://user@proxy.example.com:3128 or socks5://proxy.example.com:1080"
)]
pub struct InvalidProxy(&'static str);

fn read_login(text: &str) -> Result<Login, InvalidProxy> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let decoded = |text| {
        percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| {
            InvalidProxy("has a user name or a password that is not UTF-8 when it is decoded")
        })
    };
    let user = decoded(user)?;
    if user.is_empty() {
        return Err(InvalidProxy("has a password and no user name before it"));
    }
    Ok(Login { user: user.into(), password: decoded(password)?.into() })
}

fn read_authority(text: &str) -> Result<(Box<str>, u16), InvalidProxy> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let port = port.parse().ok().filter(|port| *port > 0);
            (host, port.ok_or(InvalidProxy("has a port that is none"))?)
        }
        _ => (text, DEFAULT_PORT),
    };
    let is_address = |inside: &str| inside.parse::<Ipv6Addr>().is_ok();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(is_address),
        None => !host.is_empty() && host.chars().all(is_name),
    };
    if is_host { Ok((host.into(), port)) } else { Err(InvalidProxy("has a host that is none")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(url: &str) -> Proxy {
        url.parse().unwrap()
    }

    #[test]
    fn a_proxy_is_read_as_curl_reads_it() {
        for (url, shown) in [
            ("http://proxy:3128", "http://proxy:3128"),
            ("proxy.example.com:3128", "http://proxy.example.com:3128"),
            ("HTTP://10.0.0.1/", "http://10.0.0.1:1080"),
            ("socks5h://[2001:db8::1]", "socks5://[2001:db8::1]:1080"),
            ("socks5://a%40b:p%3aw@[::1]:9", "socks5://a%40b@[::1]:9"),
        ] {
            assert_eq!(proxy(url).to_string(), shown);
        }
        let login = proxy("socks5://a%40b:p%3a@w@[::1]:9").login.unwrap();
        assert_eq!((&*login.user, login.password.expose()), ("a@b", "p:@w"));
        assert_eq!(proxy("http://[::1]:9").host(), "::1");
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_repeating_it() {
        for url in [
            "",
            "http://",
            "https://proxy:3128",
            "socks4://proxy",
            "http://proxy:0",
            "http://proxy:x",
            "http://:hunter2@proxy",
            "http://pro xy",
            "http://proxy/path",
            "http://proxy?q",
            "http://[::1",
            "http://[proxy]",
            "http://u:%ff@proxy",
            "http://hunter2@",
            "http://::1",
        ] {
            let error = url.parse::<Proxy>().expect_err(url).to_string();
            assert!(!error.contains("hunter2") && error.contains("write it like"), "{error}");
        }
    }

    #[test]
    fn the_password_is_in_the_url_for_the_store_and_nowhere_else() {
        let proxy =
            proxy("http://lingpai@proxy:3128").with_password(Secret::from("h:@/ü")).unwrap();
        assert_eq!(proxy.to_url().expose().parse(), Ok(proxy.clone()));
        assert_eq!(format!("{proxy} {proxy:?}"), ["http://lingpai@proxy:3128"; 2].join(" "));
        assert_eq!(self::proxy("http://proxy:3128").with_password(Secret::from("x")), None);
    }
}

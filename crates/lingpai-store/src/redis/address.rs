//! Where a Redis is: `redis://user:password@host:port/database?prefix=...`, and its forms for TLS, Sentinel and Cluster.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use lingpai_core::{Secret, StoreError, StoreErrorKind};
use percent_encoding::percent_decode_str;

/// What the names of all keys and of the channel begin with, if nothing else is said.
const PREFIX: &str = "lingpai:";

/// Nobody has more replicas than this that are to confirm.
const REPLICAS: u32 = 100;

/// A Redis, and the place of a store in it. Never shows its password.
///
/// Read from a URL:
/// - `redis://[user[:password]@]host[:port][/database]`, or `rediss://` with TLS;
/// - `redis+sentinel://host:port,host:port/service[/database]`: the master of that name (`rediss+sentinel://`);
/// - `redis+cluster://host:port,host:port`: any masters or replicas of it (`rediss+cluster://`).
///
/// After `?`: `prefix=NAME:` (what all keys begin with, by default `lingpai:`), `ca=FILE` (a PEM file with the certificate
/// authority to trust instead of the system's), `replicas=N` (how many replicas are to confirm what must not be lost),
/// `sentinel-user=NAME` (as whom to ask the sentinels).
#[derive(Clone, PartialEq, Eq)]
pub struct RedisAddress {
    pub(super) form: Form,
    pub(super) hosts: Vec<Host>,
    pub(super) tls: bool,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) database: i64,
    pub(super) prefix: String,
    pub(super) authority: Option<PathBuf>,
    /// As whom the sentinels are asked, who have users of their own.
    pub(super) sentinel_user: Option<String>,
    pub(super) sentinel_password: Option<Secret>,
    /// How many replicas are to confirm what must not be lost.
    pub(super) replicas: u32,
}

/// How its servers are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// There is one.
    Server,
    /// The sentinels know which is the master of this service.
    Sentinel { service: String },
    /// Each knows which has which keys.
    Cluster,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) port: u16,
}

impl RedisAddress {
    /// Whether it brings its password along.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// The same with this password.
    #[must_use]
    pub fn with_password(mut self, password: Secret) -> Self {
        self.password = Some(password);
        self
    }

    /// The same with this password for the sentinels.
    #[must_use]
    pub fn with_sentinel_password(mut self, password: Secret) -> Self {
        self.sentinel_password = Some(password);
        self
    }

    /// The same, with a path in it counted from this directory.
    #[must_use]
    pub fn relative_to(mut self, base: &Path) -> Self {
        self.authority = self.authority.map(|path| base.join(path));
        self
    }
}

impl FromStr for RedisAddress {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        parse(text).map_err(|what| StoreError::new(StoreErrorKind::Invalid, what))
    }
}

/// The URL without user, password and options.
impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.tls { "s" } else { "" };
        let form = match self.form {
            Form::Server => "",
            Form::Sentinel { .. } => "+sentinel",
            Form::Cluster => "+cluster",
        };
        write!(f, "redis{s}{form}://")?;
        for (number, host) in self.hosts.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            write!(f, "{comma}{host}")?;
        }
        if let Form::Sentinel { service } = &self.form {
            write!(f, "/{service}")?;
        }
        match self.database {
            0 => Ok(()),
            database => write!(f, "/{database}"),
        }
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.contains(':') {
            true => write!(f, "[{}]:{}", self.name, self.port),
            false => write!(f, "{}:{}", self.name, self.port),
        }
    }
}

/// What is wrong is said without repeating the text, which may hold a password.
fn parse(text: &str) -> Result<RedisAddress, String> {
    let (scheme, rest) = text.split_once("://").ok_or_else(unknown_scheme)?;
    let (tls, form) = match scheme {
        "redis" => (false, Form::Server),
        "rediss" => (true, Form::Server),
        "redis+sentinel" => (false, Form::Sentinel { service: String::new() }),
        "rediss+sentinel" => (true, Form::Sentinel { service: String::new() }),
        "redis+cluster" => (false, Form::Cluster),
        "rediss+cluster" => (true, Form::Cluster),
        _ => return Err(unknown_scheme()),
    };
    let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (Some(login), hosts),
        None => (None, authority),
    };
    let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
        Some((user, password)) => (decoded(user)?, decoded(password)?),
        None => (None, None),
    };
    let port = if matches!(form, Form::Sentinel { .. }) { 26379 } else { 6379 };
    let hosts: Vec<Host> =
        hosts.split(',').map(|host| parse_host(host, port)).collect::<Result<_, _>>()?;
    if form == Form::Server && hosts.len() > 1 {
        return Err("a Redis URL names one server. For several write `redis+sentinel://` or \
                    `redis+cluster://`"
            .to_owned());
    }
    let mut address = RedisAddress {
        form,
        hosts,
        tls,
        user,
        password: password.map(Secret::from),
        database: 0,
        prefix: PREFIX.to_owned(),
        authority: None,
        sentinel_user: None,
        sentinel_password: None,
        replicas: 0,
    };
    let database = match (&mut address.form, path) {
        (Form::Sentinel { service }, path) => {
            let (name, database) = path.split_once('/').unwrap_or((path, ""));
            if name.is_empty() {
                return Err("a Sentinel URL ends with the name of the service: \
                            `redis+sentinel://HOST:26379/mymaster`"
                    .to_owned());
            }
            *service = name.to_owned();
            database
        }
        (Form::Cluster, "" | "0") => "",
        (Form::Cluster, _) => return Err("a Redis Cluster has no databases but 0".to_owned()),
        (Form::Server, path) => path,
    };
    if !database.is_empty() {
        address.database = database
            .parse::<u16>()
            .map_err(|_| format!("`{database}` is not the number of a Redis database"))?
            .into();
    }
    for option in options.split('&').filter(|option| !option.is_empty()) {
        read_option(&mut address, option)?;
    }
    Ok(address)
}

fn read_option(address: &mut RedisAddress, option: &str) -> Result<(), String> {
    let (name, value) = option.split_once('=').unwrap_or((option, ""));
    let value = decoded(value)?;
    match (name, value) {
        ("prefix", Some(prefix)) if !prefix.contains(['{', '}', ' ']) => address.prefix = prefix,
        ("prefix", _) => {
            return Err(
                "`prefix` is what all keys begin with: not empty, without braces and blanks, \
                        such as `lingpai:`"
                    .to_owned(),
            );
        }
        ("ca", Some(_)) if !address.tls => {
            return Err("`ca` is for `rediss://`, which is encrypted".to_owned());
        }
        ("ca", Some(file)) => address.authority = Some(file.into()),
        ("sentinel-user", _) if !matches!(address.form, Form::Sentinel { .. }) => {
            return Err("`sentinel-user` is for `redis+sentinel://`".to_owned());
        }
        ("sentinel-user", user) => address.sentinel_user = user,
        ("ca", None) => return Err("`ca` names a PEM file".to_owned()),
        ("replicas", value) => {
            let number = value.as_deref().and_then(|text| text.parse().ok());
            address.replicas = number.filter(|number| (1..=REPLICAS).contains(number)).ok_or_else(|| {
                format!("`replicas` is how many replicas are to confirm accounts and keys: 1 to {REPLICAS}")
            })?;
        }
        (other, _) => {
            return Err(format!(
                "a Redis URL has no option `{other}`. There are `prefix`, `ca`, `replicas` and `sentinel-user`"
            ));
        }
    }
    Ok(())
}

fn parse_host(text: &str, default: u16) -> Result<Host, String> {
    let wrong = || "a Redis URL names its server as HOST or HOST:PORT".to_owned();
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (name, rest) = rest.split_once(']').ok_or_else(wrong)?;
            (name, rest.strip_prefix(':'))
        }
        None => match text.rsplit_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let port = port.map_or(Ok(default), str::parse).map_err(|_| wrong())?;
    if name.is_empty() { Err(wrong()) } else { Ok(Host { name: name.to_owned(), port }) }
}

fn decoded(text: &str) -> Result<Option<String>, String> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| {
        "what stands behind a `%` in a Redis URL is not UTF-8. Write special characters as in any URL"
    })?;
    Ok((!text.is_empty()).then(|| text.into_owned()))
}

fn unknown_scheme() -> String {
    "a Redis URL begins with `redis://`, `rediss://` (TLS), `redis+sentinel://`, `redis+cluster://`, \
     `rediss+sentinel://` or `rediss+cluster://`"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> RedisAddress {
        text.parse().unwrap()
    }

    #[test]
    fn a_url_says_where_and_as_whom() {
        let address = address(
            "rediss://lingpai:p%40ss%3A@redis.example:7000/3?prefix=a:&ca=ca.pem&replicas=2",
        );
        assert_eq!(address.to_string(), "rediss://redis.example:7000/3");
        assert_eq!(address.user.as_deref(), Some("lingpai"));
        assert_eq!(address.password.unwrap().expose(), "p@ss:");
        assert_eq!((address.database, address.prefix.as_str()), (3, "a:"));
        assert_eq!(address.authority.unwrap(), PathBuf::from("ca.pem"));
        assert_eq!(address.replicas, 2);
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let address = address("redis://localhost");
        assert_eq!(
            (address.to_string().as_str(), address.prefix.as_str()),
            ("redis://localhost:6379", PREFIX)
        );
        assert!(!address.has_password() && address.user.is_none());
    }

    #[test]
    fn sentinels_and_clusters_have_several_hosts() {
        let sentinel = address("redis+sentinel://a,[::1]:7/mymaster/2");
        assert_eq!(sentinel.to_string(), "redis+sentinel://a:26379,[::1]:7/mymaster/2");
        let cluster = address("rediss+cluster://:pw@a:1,b");
        assert_eq!(cluster.to_string(), "rediss+cluster://a:1,b:6379");
        assert!(cluster.has_password());
    }

    #[test]
    fn a_url_that_is_wrong_is_refused_without_being_repeated() {
        for text in [
            "redis:hunter2",
            "http://:hunter2@a",
            "redis://:hunter2@",
            "redis://:hunter2@a:port",
            "redis://:hunter2@a/x",
            "redis://:hunter2@a,b",
            "redis://:hunter2@a?ca=x",
            "redis://:hunter2@a?prefix={}",
            "redis://:hunter2@a?replicas=0",
            "redis://:hunter2@a?replicas=x",
            "redis://:hunter2@a?replica=1",
            "redis://:hunter2@a?sentinel-user=b",
            "redis+sentinel://:hunter2@a",
            "redis+cluster://:hunter2@a/1",
            "redis://:hunter2%ff@a",
        ] {
            let error = text.parse::<RedisAddress>().unwrap_err();
            assert_eq!(error.kind, StoreErrorKind::Invalid);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_address_does_not_show_its_password() {
        let address = address("redis://user:hunter2@a");
        assert_eq!(format!("{address:?} {address}"), "redis://a:6379 redis://a:6379");
    }
}

//! Where a call goes: which of WeChat's hosts, by the beginning of its path, or else by the host that the client named.
//!
//! What is forwarded can be read in one way only. A path with dots, escapes or empty parts could mean one thing here, where
//! it is checked, and another upstream; WeChat's own need none of them, so they are refused instead of being tidied.

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http::{Method, Version};

use super::needs::Needs;
use super::target::Target;
use super::trouble::Trouble;
use crate::refusal::Refusal;

/// The hosts there are. Nothing is ever sent to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Host {
    /// `api.weixin.qq.com` and its regional names.
    Api,
    /// `qyapi.weixin.qq.com`, whose paths collide with those of the first.
    WeCom,
    /// `mp.weixin.qq.com`.
    Mp,
    /// `file.api.weixin.qq.com`, which old SDKs use for media.
    File,
    /// `api.mch.weixin.qq.com`, where money is moved: its calls are signed by whoever makes them.
    Pay,
}

impl Host {
    /// All of them, in the order in which they are declared.
    pub(crate) const ALL: [Self; 5] = [Self::Api, Self::WeCom, Self::Mp, Self::File, Self::Pay];

    /// What stands before a path to send it there.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Api => "",
            Self::WeCom => "/qyapi",
            Self::Mp => "/mp",
            Self::File => "/file",
            Self::Pay => "/mch",
        }
    }

    /// Its name in the numbers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::WeCom => "wecom",
            Self::Mp => "mp",
            Self::File => "file",
            Self::Pay => "pay",
        }
    }

    /// Whether its API has calls of this method.
    fn takes(self, method: &Method) -> bool {
        match *method {
            Method::GET | Method::POST => true,
            Method::PUT | Method::PATCH | Method::DELETE => self == Self::Pay,
            _ => false,
        }
    }

    /// The one of this name.
    fn named(name: &str) -> Option<Self> {
        match name {
            "qyapi.weixin.qq.com" => Some(Self::WeCom),
            "mp.weixin.qq.com" => Some(Self::Mp),
            "file.api.weixin.qq.com" => Some(Self::File),
            "api.mch.weixin.qq.com" | "api2.mch.weixin.qq.com" => Some(Self::Pay),
            _ => None,
        }
    }

    /// That of a request for `path`, and the path there.
    pub(super) fn of<'a>(head: &Parts, path: &'a str) -> (Self, &'a str) {
        let at = |host: Self| {
            let rest = path.strip_prefix(host.prefix()).filter(|rest| rest.starts_with('/'))?;
            Some((host, rest))
        };
        let prefixed = [Self::WeCom, Self::Mp, Self::File, Self::Pay].into_iter().find_map(at);
        prefixed.unwrap_or_else(|| {
            // Who has WeChat's names lead here has no prefix. HTTP/2 has the name in the URI.
            let named = head.headers.get(HOST).and_then(|name| name.to_str().ok());
            let named = head.uri.authority().map(Authority::as_str).or(named);
            let name = named.and_then(|name| name.split(':').next());
            (name.and_then(Self::named).unwrap_or(Self::Api), path)
        })
    }
}

/// Where a call goes.
#[derive(Clone, Debug)]
pub(crate) struct Destination<'a> {
    pub(crate) host: Host,
    /// The path there: letters, digits, `-`, `_`, `.` and `~` between single slashes, as it came.
    pub(crate) path: &'a str,
    /// The account in `/gateway/{account}/...`, as it stands there: its `:` may be written as `%3A`.
    pub(crate) account_in_path: Option<&'a str>,
    /// What the path needs.
    pub(super) needs: Needs,
    /// The query.
    pub(crate) target: Target<'a>,
}

impl<'a> Destination<'a> {
    /// Where a request for `path` goes, which is the request's own without the prefix that everything is mounted under.
    ///
    /// # Errors
    /// What no call to WeChat looks like, or what could be read in two ways.
    pub(crate) fn of(head: &'a Parts, path: &'a str) -> Result<Self, Refusal> {
        // In HTTP/2 every request names scheme and authority; in HTTP/1 only one to a proxy does.
        if head.uri.authority().is_some() && head.version < Version::HTTP_2 {
            return Err(Trouble::AbsoluteForm.into());
        }
        let (account_in_path, path) = split_account(path);
        let (host, path) = Host::of(head, path);
        if !host.takes(&head.method) {
            return Err(Refusal::MethodUnknown("GET, POST"));
        }
        if !is_clear(path) {
            return Err(Trouble::PathUnclear.into());
        }
        let target = Target::of(head.uri.query());
        if target.is_ambiguous() {
            return Err(Trouble::TokensDiffer.into());
        }
        Ok(Self { host, path, account_in_path, needs: Needs::of(host, path), target })
    }
}

/// Takes off `/gateway/{account}`.
pub(crate) fn split_account(path: &str) -> (Option<&str>, &str) {
    let named = path.strip_prefix("/gateway/").and_then(|rest| {
        let slash = rest.find('/').filter(|slash| *slash > 0)?;
        Some(rest.split_at(slash))
    });
    named.map_or((None, path), |(account, path)| (Some(account), path))
}

/// Whether a path means the same to everybody.
fn is_clear(path: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let Some(path) = path.strip_prefix('/') else { return false };
    // A slash at the end is all right: an empty last part.
    let mut parts = path.strip_suffix('/').unwrap_or(path).split('/');
    parts.all(|part| !matches!(part, "" | "." | "..") && part.bytes().all(fits))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(method: &str, uri: &str, version: Version) -> Parts {
        let request = Request::builder().method(method).uri(uri).version(version);
        request.body(()).unwrap().into_parts().0
    }

    fn refused(method: &str, uri: &str, version: Version) -> Option<&'static str> {
        let head = head(method, uri, version);
        Destination::of(&head, head.uri.path()).err().map(|refusal| refusal.code())
    }

    #[test]
    fn the_beginning_of_the_path_says_which_host() {
        for (path, host, rest, account) in [
            ("/cgi-bin/user/get", Host::Api, "/cgi-bin/user/get", None),
            ("/qyapi/cgi-bin/user/get", Host::WeCom, "/cgi-bin/user/get", None),
            ("/mp/cgi-bin/showqrcode", Host::Mp, "/cgi-bin/showqrcode", None),
            ("/file/cgi-bin/media/get", Host::File, "/cgi-bin/media/get", None),
            ("/mch/v3/certificates", Host::Pay, "/v3/certificates", None),
            ("/mpx/a", Host::Api, "/mpx/a", None),
            ("/gateway/wx1/wxa/getwxacode", Host::Api, "/wxa/getwxacode", Some("wx1")),
            ("/gateway/ww1%3A2/qyapi/cgi-bin/x/", Host::WeCom, "/cgi-bin/x/", Some("ww1%3A2")),
            ("/gateway/wx1", Host::Api, "/gateway/wx1", None),
        ] {
            let head = head("GET", path, Version::HTTP_11);
            let found = Destination::of(&head, path).unwrap();
            assert_eq!((found.host, found.path, found.account_in_path), (host, rest, account));
        }
    }

    #[test]
    fn where_no_prefix_says_it_the_name_that_the_client_used_says_which_host() {
        for (name, host) in [
            ("qyapi.weixin.qq.com", Host::WeCom),
            ("qyapi.weixin.qq.com:443", Host::WeCom),
            ("api.mch.weixin.qq.com", Host::Pay),
            ("api.weixin.qq.com", Host::Api),
            ("lingpai:8700", Host::Api),
            ("evil.example", Host::Api),
        ] {
            let mut head = head("GET", "/cgi-bin/x", Version::HTTP_11);
            head.headers.insert(HOST, name.parse().unwrap());
            assert_eq!(Host::of(&head, "/cgi-bin/x"), (host, "/cgi-bin/x"), "{name}");
            assert_eq!(Host::of(&head, "/mp/x"), (Host::Mp, "/x"), "{name}");
        }
        let head = head("GET", "https://mp.weixin.qq.com/cgi-bin/x", Version::HTTP_2);
        assert_eq!(Host::of(&head, "/cgi-bin/x").0, Host::Mp);
    }

    #[test]
    fn a_path_that_could_be_read_in_two_ways_is_refused() {
        for path in [
            "/",
            "//",
            "//cgi-bin/token",
            "/cgi-bin//token",
            "/cgi-bin/../token",
            "/cgi-bin/./token",
            "/..",
            "/cgi-bin/%74oken",
            "/cgi-bin%2Ftoken",
            "/cgi-bin/%2e%2e/token",
            "/a;b/c",
            "/a\\b",
            "/a:b",
            "/a@b",
            "/qyapi//cgi-bin",
            "/gateway/wx1/%2e%2e/x",
            "/gateway//cgi-bin",
            "/cgi-bin/token//",
        ] {
            let head = head("GET", "/", Version::HTTP_11);
            assert!(!is_clear(Host::of(&head, split_account(path).1).1), "{path}");
        }
        assert_eq!(refused("GET", "/cgi-bin/%74oken", Version::HTTP_11), Some("path-unclear"));
    }

    #[test]
    fn only_what_a_call_looks_like_is_forwarded() {
        let (h1, h2) = (Version::HTTP_11, Version::HTTP_2);
        assert_eq!(refused("PUT", "/cgi-bin/x", h1), Some("method-unknown"));
        assert_eq!(refused("CONNECT", "/mch/v3/x", h1), Some("method-unknown"));
        assert_eq!(refused("PATCH", "/mch/v3/x", h1), None);
        assert_eq!(refused("GET", "http://api.weixin.qq.com/cgi-bin/x", h1), Some("absolute-form"));
        assert_eq!(refused("GET", "http://lingpai/cgi-bin/x", h2), None);
        assert_eq!(refused("GET", "/x?access_token=a&access_token=b", h1), Some("tokens-differ"));
    }
}

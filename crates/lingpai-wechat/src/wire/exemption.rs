//! Which hosts are reached without a proxy: the rules of curl's `NO_PROXY`.

use std::net::IpAddr;
use std::str::FromStr;

use lingpai_core::Network;

use crate::Error;

/// Hosts that are reached without a proxy. One rule of `NO_PROXY`: a domain and everything below it
/// (`example.com`, `.example.com`), a network or an address (`10.0.0.0/8`), or `*` for every host.
///
/// Names are not resolved for this, so a network covers only hosts that are written as addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption(Rule);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Everything,
    Network(Network),
    /// In lower case, without a dot at its ends.
    Domain(Box<str>),
}

impl Exemption {
    /// Whether this host, as it stands in a URI, is one of them.
    pub(super) fn covers(&self, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let address = bare.parse::<IpAddr>();
        match (&self.0, address) {
            (Rule::Everything, _) => true,
            (Rule::Network(network), Ok(address)) => network.contains(address),
            (Rule::Domain(domain), Err(_)) => {
                let name = bare.trim_end_matches('.').to_ascii_lowercase();
                let below = name.strip_suffix(&**domain);
                below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            _ => false,
        }
    }
}

impl FromStr for Exemption {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let domain = text.trim_matches('.');
        let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        Ok(Self(match text.parse() {
            Ok(network) => Rule::Network(network),
            Err(_) if text == "*" => Rule::Everything,
            Err(_) if !domain.is_empty() && domain.chars().all(of_name) => {
                Rule::Domain(domain.to_ascii_lowercase().into())
            }
            Err(_) => return Err(Error::Exemption),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exemptions_cover_what_curl_lets_them_cover() {
        for (rule, covered, not) in [
            (
                "weixin.qq.com",
                vec!["weixin.qq.com", "api.Weixin.QQ.com."],
                vec!["qq.com", "notweixin.qq.com"],
            ),
            (".weixin.qq.com", vec!["weixin.qq.com", "api.weixin.qq.com"], vec!["10.0.0.1"]),
            ("10.0.0.0/8", vec!["10.1.2.3"], vec!["11.0.0.1", "10.example.com", "[::1]"]),
            ("fd00::/8", vec!["[fd00::1]"], vec!["fd00.example.com", "[fe80::1]"]),
            ("127.0.0.1", vec!["127.0.0.1", "[::ffff:127.0.0.1]"], vec!["127.0.0.2"]),
            ("*", vec!["weixin.qq.com", "10.0.0.1", "[::1]"], vec![]),
        ] {
            let exemption: Exemption = rule.parse().unwrap();
            assert!(covered.iter().all(|host| exemption.covers(host)), "{rule} {covered:?}");
            assert!(!not.iter().any(|host| exemption.covers(host)), "{rule} {not:?}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in
            ["", ".", "*.example.com", "http://example.com", "example.com:443", "10.0.0.0/33"]
        {
            assert!(text.parse::<Exemption>().is_err(), "{text}");
        }
    }
}

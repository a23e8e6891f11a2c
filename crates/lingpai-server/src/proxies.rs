//! Who asks, if there are proxies in between: the address of the client, from those who are believed.
//!
//! A header is read only from a trusted peer, and from the right: each proxy adds the address it saw at the right end, so
//! the first address from there that is no trusted proxy's is the client's. What stands further left, the client may have
//! written itself. Which of the ways is in use must be said: a proxy adds to one header and hands on the other as the
//! client sent it.

use std::net::{IpAddr, SocketAddr};

use http::header::{FORWARDED, HeaderMap, HeaderName};
use lingpai_core::Network;

use crate::listen::Surface;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The proxies that are believed, and how they tell for whom they stand. By default none is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    trusted: Vec<Network>,
    tell: Tell,
}

/// How a proxy tells the client's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tell {
    /// In the header `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// In the header `Forwarded` (RFC 7239).
    Forwarded,
    /// By the PROXY protocol, version 1 or 2, which they must then speak.
    ProxyProtocol,
}

/// Where a connection comes from, and what may be asked on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// The other end, or for whom it stands by the PROXY protocol.
    pub(crate) address: IpAddr,
    /// Whether the headers of its requests tell for whom it stands.
    pub(crate) is_proxy: bool,
    /// Whether it came encrypted to this server.
    pub(crate) is_encrypted: bool,
    pub(crate) surface: Surface,
}

impl Origin {
    /// Whether nobody on the way to the client's browser could listen: as far as this server, or the proxy before it, knows.
    pub(crate) fn is_encrypted(&self, headers: &HeaderMap) -> bool {
        let proto = || headers.get(X_FORWARDED_PROTO).and_then(|proto| proto.to_str().ok());
        self.is_encrypted
            || self.is_proxy && proto().is_some_and(|proto| proto.eq_ignore_ascii_case("https"))
    }
}

impl Proxies {
    /// Believes peers in these networks. A peer on a Unix socket counts as 127.0.0.1.
    pub fn new(trusted: Vec<Network>, tell: Tell) -> Self {
        Self { trusted, tell }
    }

    /// Whether this peer must say by the PROXY protocol for whom it stands.
    pub(crate) fn must_introduce(&self, peer: IpAddr) -> bool {
        self.tell == Tell::ProxyProtocol && self.trusts(peer)
    }

    /// Whether the headers of this peer are believed.
    pub(crate) fn tells_in_headers(&self, peer: IpAddr) -> bool {
        self.tell != Tell::ProxyProtocol && self.trusts(peer)
    }

    /// The client of a request: as the headers say if that is to be believed and can be read, or else the other end.
    pub(crate) fn client(&self, origin: &Origin, headers: &HeaderMap) -> IpAddr {
        if !origin.is_proxy {
            return origin.address;
        }
        let client = match self.tell {
            Tell::XForwardedFor => self.furthest(headers, &X_FORWARDED_FOR, x_forwarded_for),
            Tell::Forwarded => self.furthest(headers, &FORWARDED, forwarded),
            Tell::ProxyProtocol => None,
        };
        client.unwrap_or(origin.address)
    }

    /// The first address from the right that is not trusted; if all are, the last.
    fn furthest(
        &self,
        headers: &HeaderMap,
        name: &HeaderName,
        address: fn(&str) -> Option<IpAddr>,
    ) -> Option<IpAddr> {
        let mut hops = None;
        for value in headers.get_all(name).iter().rev() {
            let mut rest = Some(value.to_str().ok()?);
            while let Some(list) = rest {
                let (left, element) = last_element(list);
                rest = left;
                if element.is_empty() {
                    continue; // RFC 9110 5.6.1: nothing between two commas is nothing.
                }
                let hop = address(element)?;
                if !self.trusts(hop) {
                    return Some(hop);
                }
                hops = Some(hop);
            }
        }
        hops
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}

/// What stands right of the last comma, and what stands left of it. From the right, so that a quotation mark which a
/// client left open hides nothing that a proxy has added.
fn last_element(list: &str) -> (Option<&str>, &str) {
    let mut is_quoted = false;
    for (at, c) in list.char_indices().rev() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => return (Some(&list[..at]), list[at + 1..].trim()),
            _ => {}
        }
    }
    (None, list.trim())
}

/// An address, perhaps with a port.
fn x_forwarded_for(element: &str) -> Option<IpAddr> {
    let with_port = || element.parse::<SocketAddr>().ok().map(|addr| addr.ip());
    let bare = element.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(element).parse().ok().or_else(with_port);
    address.map(|address| address.to_canonical())
}

/// `for=192.0.2.60;proto=http`, `for="[2001:db8::17]:4711"` (RFC 7239, section 4).
fn forwarded(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    x_forwarded_for(node.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use proptest::proptest;

    use super::*;

    proptest! {
        #[test]
        fn whatever_a_client_writes_a_proxy_adds_the_truth_to_its_right(forged in "[ -~]{0,60}") {
            for (tell, truth) in [
                (Tell::XForwardedFor, "203.0.113.7"),
                (Tell::Forwarded, "for=203.0.113.7;proto=https"),
                (Tell::Forwarded, "proto=https;for=\"203.0.113.7:4711\""),
            ] {
                let one_line = format!("{forged}, {truth}");
                assert_eq!(client(tell, "10.0.0.1", &[&one_line]), "203.0.113.7");
                assert_eq!(client(tell, "10.0.0.1", &[&forged, truth]), "203.0.113.7");
                let one_more = format!("{one_line}, {}", truth.replace("203.0.113.7", "10.0.0.2"));
                assert_eq!(client(tell, "10.0.0.1", &[&one_more]), "203.0.113.7");
            }
        }
    }

    fn client(tell: Tell, peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let proxies = Proxies::new(trusted.to_vec(), tell);
        let mut headers = HeaderMap::new();
        let name = if tell == Tell::Forwarded { FORWARDED } else { X_FORWARDED_FOR };
        for line in lines {
            headers.append(&name, line.parse().unwrap());
        }
        let address = peer.parse().unwrap();
        let is_proxy = proxies.tells_in_headers(address);
        let origin = Origin { address, is_proxy, is_encrypted: false, surface: Surface::Whole };
        proxies.client(&origin, &headers).to_string()
    }

    #[test]
    fn the_first_address_from_the_right_that_is_no_proxy_is_the_client() {
        let client = |lines: &[&str]| client(Tell::XForwardedFor, "10.0.0.1", lines);
        assert_eq!(client(&["203.0.113.7"]), "203.0.113.7");
        assert_eq!(client(&["198.51.100.1, 203.0.113.7,10.0.0.2"]), "203.0.113.7");
        assert_eq!(client(&["198.51.100.1", "203.0.113.7", "10.9.9.9"]), "203.0.113.7");
        assert_eq!(client(&["2001:db8::1, fd00::1"]), "2001:db8::1");
        assert_eq!(client(&["203.0.113.7:4711, [fd00::1]:80, ::ffff:10.0.0.2"]), "203.0.113.7");
        assert_eq!(client(&["10.0.0.3, 10.0.0.2"]), "10.0.0.3", "a client inside");
        assert_eq!(client(&["\", 203.0.113.7"]), "203.0.113.7");
    }

    #[test]
    fn what_cannot_be_read_is_not_believed() {
        for lines in [&[][..], &["unknown"], &["203.0.113.7, what"], &["203.0.113.7, x, 10.0.0.2"]]
        {
            assert_eq!(client(Tell::XForwardedFor, "10.0.0.1", lines), "10.0.0.1", "{lines:?}");
        }
    }

    #[test]
    fn a_stranger_says_of_himself_what_he_likes() {
        for tell in [Tell::XForwardedFor, Tell::Forwarded, Tell::ProxyProtocol] {
            assert_eq!(client(tell, "203.0.113.9", &["10.0.0.1", "for=10.0.0.1"]), "203.0.113.9");
        }
    }

    #[test]
    fn the_standard_header_is_read_in_its_own_form() {
        let client = |lines: &[&str]| client(Tell::Forwarded, "10.0.0.1", lines);
        assert_eq!(client(&["for=203.0.113.7;proto=https;by=10.0.0.1"]), "203.0.113.7");
        assert_eq!(client(&["For=\"[2001:db8::17]:4711\", for=10.0.0.2"]), "2001:db8::17");
        assert_eq!(client(&["for=1.2.3.4;host=\"a,b\", for=\"203.0.113.7:80\""]), "203.0.113.7");
        assert_eq!(client(&["for=\", for=203.0.113.7"]), "203.0.113.7", "a quotation left open");
        for hidden in ["for=_hidden", "for=unknown", "proto=https", "203.0.113.7"] {
            assert_eq!(client(&[hidden]), "10.0.0.1", "{hidden}");
        }
    }
}

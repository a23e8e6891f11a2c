//! Which addresses may be called for somebody who is not the operator.
//!
//! A URL that a user may set (an account's proxy, a webhook) is a way to make this machine talk to
//! whatever it can reach: a cloud's metadata, which hands out credentials to all who ask from
//! within; a database that trusts its network. So the address is looked at, and not the name, at the
//! moment of connecting: a name may lead elsewhere the next time it is resolved.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use lingpai_core::Network;
use thiserror::Error;

/// Lets public addresses pass, private ones where the operator permits their network, and never
/// those that lead to no ordinary host.
///
/// ```
/// use lingpai_wechat::wire::Guard;
/// let guard = Guard::new(&["10.2.0.0/16".parse()?]);
/// assert!(guard.admit("10.2.3.4".parse()?).is_ok());
/// assert!(guard.admit("10.3.3.4".parse()?).is_err());
/// assert!(guard.admit("169.254.169.254".parse()?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Guard {
    permitted: Arc<[Network]>,
}

impl Guard {
    /// Lets loopback and private addresses of these networks pass.
    pub fn new(permitted: &[Network]) -> Self {
        Self { permitted: permitted.into() }
    }

    /// Whether this address may be called.
    ///
    /// # Errors
    /// [`Forbidden`] if not.
    pub fn admit(&self, address: IpAddr) -> Result<(), Forbidden> {
        let address = without_wrapping(address);
        let scope = match address {
            IpAddr::V4(address) => scope_of_v4(address),
            IpAddr::V6(address) => scope_of_v6(address),
        };
        match scope {
            None => Ok(()),
            Some(scope) if scope.can_be_permitted() && self.permits(address) => Ok(()),
            Some(scope) => Err(Forbidden { address, scope }),
        }
    }

    fn permits(&self, address: IpAddr) -> bool {
        self.permitted.iter().any(|network| network.contains(address))
    }
}

/// An address that must not be called.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{address} is {scope}")]
pub struct Forbidden {
    address: IpAddr,
    scope: Scope,
}

impl Forbidden {
    /// Whether the operator could permit it by naming its network.
    pub fn can_be_permitted(&self) -> bool {
        self.scope.can_be_permitted()
    }
}

/// Where an address leads if not to the public network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Unspecified,
    Loopback,
    Private,
    LinkLocal,
    Metadata,
    Multicast,
    Reserved,
}

impl Scope {
    fn can_be_permitted(self) -> bool {
        matches!(self, Self::Loopback | Self::Private)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "no host's address",
            Self::Loopback => "this machine itself",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the metadata service of a cloud",
            Self::Multicast => "a multicast address",
            Self::Reserved => "a reserved address",
        })
    }
}

/// The IPv4 address that an IPv6 address carries and leads to: mapped (RFC 4291), NAT64 (RFC 6052),
/// 6to4 (RFC 3056).
fn without_wrapping(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let (high, low) = match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => (high, low),
        [0x2002, high, low, ..] => (high, low),
        _ => return address,
    };
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)).into()
}

/// By IANA's registry of special-purpose addresses.
fn scope_of_v4(address: Ipv4Addr) -> Option<Scope> {
    Some(match address.octets() {
        // Alibaba Cloud and Azure. The others have link-local ones.
        [100, 100, 100, 200] | [168, 63, 129, 16] => Scope::Metadata,
        [0, ..] => Scope::Unspecified,
        [127, ..] => Scope::Loopback,
        [169, 254, ..] => Scope::LinkLocal,
        // RFC 1918; between carriers and their customers (RFC 6598); between machines under test (RFC 2544).
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Scope::Private,
        [100, 64..=127, ..] | [198, 18..=19, ..] => Scope::Private,
        [224..=239, ..] => Scope::Multicast,
        // Protocol assignments (Oracle's metadata among them), documentation, the future, broadcast.
        [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Scope::Reserved,
        [240..=255, ..] => Scope::Reserved,
        _ => return None,
    })
}

fn scope_of_v6(address: Ipv6Addr) -> Option<Scope> {
    Some(match address.segments() {
        // Amazon, Google, Oracle, Scaleway.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
        | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
        | [0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]
        | [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42] => Scope::Metadata,
        [0, 0, 0, 0, 0, 0, 0, 0] => Scope::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Scope::Loopback,
        [0xfe80..=0xfebf, ..] => Scope::LinkLocal,
        // RFC 4193, and site-local ones of before it.
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Scope::Private,
        [0xff00..=0xffff, ..] => Scope::Multicast,
        // Protocol assignments (Teredo among them), documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Scope::Reserved,
        [0x2000..=0x3fff, ..] => return None,
        // Nothing else is in use.
        _ => Scope::Reserved,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(guard: &Guard, address: &str) -> bool {
        guard.admit(address.parse().unwrap()).is_ok()
    }

    #[test]
    fn public_addresses_pass() {
        for address in [
            "1.1.1.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "198.17.0.1",
            "223.255.255.255",
            "2400:3200::1",
            "2001:4860:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert!(admitted(&Guard::default(), address), "{address}");
        }
    }

    #[test]
    fn private_addresses_pass_where_their_network_is_permitted() {
        for (address, network) in [
            ("127.0.0.1", "127.0.0.0/8"),
            ("127.9.9.9", "127.0.0.0/8"),
            ("10.0.0.1", "10.0.0.0/8"),
            ("172.16.0.1", "172.16.0.0/12"),
            ("192.168.1.1", "192.168.1.1"),
            ("100.64.0.1", "100.64.0.0/10"),
            ("198.18.0.1", "198.18.0.0/15"),
            ("::1", "::1"),
            ("fd12::1", "fd00::/8"),
            ("fec0::1", "fec0::/10"),
            ("::ffff:10.0.0.1", "10.0.0.0/8"),
            ("64:ff9b::10.0.0.1", "10.0.0.0/8"),
            ("2002:a00:1::", "10.0.0.0/8"),
        ] {
            assert!(!admitted(&Guard::default(), address), "{address}");
            assert!(
                !admitted(&Guard::new(&["10.99.0.0/16".parse().unwrap()]), address),
                "{address}"
            );
            assert!(admitted(&Guard::new(&[network.parse().unwrap()]), address), "{address}");
        }
    }

    #[test]
    fn what_leads_to_no_ordinary_host_never_passes() {
        let everything = Guard::new(&["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()]);
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.23",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "100::1",
            "4000::1",
            "::7f00:1",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(!admitted(&everything, address), "{address}");
        }
    }
}

//! IP whitelists as WeChat's console takes them: an address, `172.0.0.*`, or a CIDR block.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::Error;

/// One line of a whitelist.
///
/// ```
/// use lingpai_sandbox::IpPattern;
/// let block: IpPattern = "203.0.113.0/24".parse()?;
/// assert!(block.contains("203.0.113.7".parse().unwrap()));
/// # Ok::<(), lingpai_sandbox::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct IpPattern {
    text: String,
    network: IpAddr,
    prefix: u32,
}

impl IpPattern {
    /// Whether the address is covered by this line.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.network, ip) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix).unwrap_or(0);
                network.to_bits() & mask == ip.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0);
                network.to_bits() & mask == ip.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl FromStr for IpPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = || Error::BadIpPattern { pattern: text.to_owned() };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => {
                (address.to_owned(), Some(prefix.parse::<u32>().map_err(|_| refused())?))
            }
            None => match text.strip_suffix(".*") {
                Some(head) => (format!("{head}.0"), Some(24)),
                None => (text.to_owned(), None),
            },
        };
        let network: IpAddr = address.parse().map_err(|_| refused())?;
        let bits = if network.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(bits);
        if prefix > bits {
            return Err(refused());
        }
        Ok(Self { text: text.to_owned(), network, prefix })
    }
}

impl TryFrom<String> for IpPattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<IpPattern> for String {
    fn from(pattern: IpPattern) -> Self {
        pattern.text
    }
}

impl From<IpAddr> for IpPattern {
    fn from(network: IpAddr) -> Self {
        let prefix = if network.is_ipv4() { 32 } else { 128 };
        Self { text: network.to_string(), network, prefix }
    }
}

/// The caller as WeChat would name it: IPv4 wherever there is one, since its entries are IPv4.
pub(crate) fn as_seen(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V6(Ipv6Addr::LOCALHOST) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        other => other.to_canonical(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, ip: &str) -> bool {
        pattern.parse::<IpPattern>().unwrap().contains(ip.parse().unwrap())
    }

    #[test]
    fn addresses_stars_and_blocks_are_understood() {
        assert!(covers("127.0.0.1", "127.0.0.1"));
        assert!(!covers("127.0.0.1", "127.0.0.2"));
        assert!(covers("172.0.0.*", "172.0.0.200"));
        assert!(!covers("172.0.0.*", "172.0.1.200"));
        assert!(covers("10.0.0.0/8", "10.200.3.4"));
        assert!(covers("0.0.0.0/0", "8.8.8.8"));
        assert!(covers("2001:db8::/32", "2001:db8::1"));
        assert!(!covers("::/0", "8.8.8.8"));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "1.2.3", "1.2.3.4/33", "::/129", "*", "1.2.*", "1.2.3.4/x", "a.example"] {
            assert!(text.parse::<IpPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_and_mapped_addresses_are_seen_as_ipv4() {
        let seen = |ip: &str| as_seen(ip.parse().unwrap()).to_string();
        assert_eq!(seen("::1"), "127.0.0.1");
        assert_eq!(seen("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(seen("2001:db8::1"), "2001:db8::1");
    }
}

//! Why the server could not be started. Why a request is not served is said in `refusal/`.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use lingpai_core::StoreError;
use thiserror::Error;

use crate::listen::Address;

/// Why the server could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {}: {}", shown(address), reason(source, address))]
    Listen {
        /// The address that was asked for.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// The listener that was passed in cannot be used.
    #[error(
        "the listener that was passed in cannot be used. Pass one that is bound, listens and does not block"
    )]
    Listener(#[source] io::Error),
    /// An encrypted address without a certificate.
    #[error("{0} needs a certificate to show. Name one, or listen in plain text")]
    NoCertificate(Address),
    /// The certificate that was to be shown is of no use.
    #[error("the certificate is of no use: {0}")]
    Certificate(&'static str),
    /// The private key of the certificate is of no use.
    #[error("the private key is of no use: {0}")]
    PrivateKey(&'static str),
    /// The authorities of whom clients are to show a certificate are of no use.
    #[error("the authorities of clients are of no use: {0}")]
    ClientCa(&'static str),
    /// The store did not give the API keys.
    #[error(
        "the API keys cannot be read, so nobody could be let in. See the store's own message for what to do"
    )]
    Keys(#[source] StoreError),
    /// WeChat could not be reached by the gateway's settings.
    #[error("calls could not be forwarded by these settings. See the message below for what to do")]
    Gateway(#[source] lingpai_wechat::Error),
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes. Check /dev/urandom")]
    NoRandomness,
    /// Businesses could not be reached by the settings for pushes.
    #[error(
        "pushes could not be passed on by these settings. See the message below for what to do"
    )]
    Pushes(#[source] lingpai_wechat::Error),
}

impl Error {
    /// Whether somebody else listens there, who may be about to end.
    pub fn is_address_in_use(&self) -> bool {
        matches!(self, Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }
}

fn shown(address: &Address) -> String {
    match address {
        Address::Http(addr) | Address::Https(addr) => addr.to_string(),
        Address::Unix(_) => address.to_string(),
    }
}

/// What the refusal means and what to do about it.
fn reason(source: &io::Error, address: &Address) -> String {
    match address {
        Address::Http(addr) | Address::Https(addr) => tcp_reason(source, *addr),
        Address::Unix(path) => unix_reason(source, path),
    }
}

fn tcp_reason(source: &io::Error, addr: SocketAddr) -> String {
    let (ip, port) = (addr.ip(), addr.port());
    match source.kind() {
        io::ErrorKind::AddrInUse => format!(
            "port {port} is in use by another program, perhaps by a Lingpai that still runs. End that program, or \
             choose another port (`ss -ltnp 'sport = :{port}'` shows who it is)"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "this user may not use port {port}. Choose a port from 1024 on, or grant the program \
             CAP_NET_BIND_SERVICE"
        ),
        io::ErrorKind::AddrNotAvailable => format!(
            "this machine has no address {ip}. Use one of its own, 127.0.0.1 for this machine only, or 0.0.0.0 for \
             all of them"
        ),
        _ => "the system refused it. Check the address and what else listens there".to_owned(),
    }
}

fn unix_reason(source: &io::Error, path: &Path) -> String {
    let shown = path.display();
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there, perhaps a Lingpai that still runs. End that program, \
                                     or choose another path"
                .to_owned()
        }
        io::ErrorKind::AlreadyExists => format!(
            "{shown} is there and is no socket, so it is left alone. Move it away, or choose another path"
        ),
        io::ErrorKind::NotFound => {
            "its directory does not exist. Make it, and let this user write there".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "this user may not write there. Change the directory's owner or permissions".to_owned()
        }
        io::ErrorKind::InvalidInput => {
            "the path is too long for a socket. Choose one of less than 100 bytes".to_owned()
        }
        io::ErrorKind::Unsupported => {
            "there are no Unix sockets on this system. Use an address such as 127.0.0.1:8700"
                .to_owned()
        }
        _ => "the system refused it. Check the path".to_owned(),
    }
}

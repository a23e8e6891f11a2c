//! What can be listened on, and what is answered there.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Something to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP, in plain text.
    Http(SocketAddr),
    /// TCP, encrypted.
    Https(SocketAddr),
    /// A Unix socket of this path, in plain text.
    Unix(PathBuf),
}

/// What is answered on an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// Everything.
    Whole,
    /// What business services need: tokens, reports, live events, and whether the server is well. Other paths are
    /// answered as if they did not exist, whatever the key.
    Clients,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(addr) => write!(f, "http://{addr}"),
            Self::Https(addr) => write!(f, "https://{addr}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

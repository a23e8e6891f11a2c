//! Why the server could not be started. Why a request is not served is said in `refusal/`.

use std::io;
use std::net::SocketAddr;

use lingpai_core::StoreError;
use thiserror::Error;

/// Why the server could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {}", reason(source, *addr))]
    Listen {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The listener that was passed in cannot be used.
    #[error(
        "the listener that was passed in cannot be used. Pass one that is bound, listens and does not block"
    )]
    Listener(#[source] io::Error),
    /// The store did not give the API keys.
    #[error(
        "the API keys cannot be read, so nobody could be let in. See the store's own message for what to do"
    )]
    Keys(#[source] StoreError),
    /// WeChat could not be reached by the gateway's settings.
    #[error("calls could not be forwarded by these settings. See the message below for what to do")]
    Gateway(#[source] lingpai_wechat::Error),
}

/// What the refusal means and what to do about it.
fn reason(source: &io::Error, addr: SocketAddr) -> String {
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

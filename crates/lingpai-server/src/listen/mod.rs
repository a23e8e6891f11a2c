//! Where connections come in: TCP and Unix sockets, opened before anything else, so that an address that cannot be had
//! costs nothing.
//!
//! `socket` opens them, `tls` holds the certificate that is shown on them, `proxied` reads what a proxy says before a
//! connection begins, `patient` is the connection itself.

mod address;
mod patient;
mod proxied;
mod socket;
mod tls;
mod validity;

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

pub use self::address::{Address, Surface};
pub(crate) use self::patient::Patient;
pub(crate) use self::proxied::stated_client;
pub use self::socket::Inherited;
use self::socket::Socket;
pub use self::tls::{Identity, Tls};
use crate::error::Error;

/// What can be read and written, whatever is below it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Open sockets: the kernel takes connections from now on, and a [`Server`](crate::Server) answers them.
pub struct Listeners {
    open: Vec<Listener>,
    tls: Option<Tls>,
    /// Which is looked at first the next time, so that a busy one does not keep the others waiting.
    next: AtomicUsize,
}

struct Listener {
    address: Address,
    surface: Surface,
    socket: Socket,
}

/// A connection that has just come in.
pub(crate) struct Accepted {
    pub(crate) stream: Box<dyn Stream>,
    /// The other end. Whoever may open a Unix socket is on this machine, and counts as its loopback address.
    pub(crate) peer: IpAddr,
    pub(crate) surface: Surface,
    /// What it is to be encrypted with.
    pub(crate) tls: Option<Tls>,
}

impl Listeners {
    /// None yet. `tls` is for the addresses that begin with `https`.
    pub fn new(tls: Option<Tls>) -> Self {
        Self { open: Vec::new(), tls, next: AtomicUsize::new(0) }
    }

    /// Listens on one more address; port 0 is any free one. Must be called within a Tokio runtime.
    ///
    /// A Unix socket is open to its owner and group (mode 0660). A socket file on which nobody listens any more is
    /// replaced; the file goes with the server, unless another server has put its own there.
    ///
    /// # Errors
    /// [`Error::Listen`] if the address cannot be had, [`Error::NoCertificate`] if there is none to show there. Then the
    /// listeners are as before, and it can be tried again.
    pub async fn open(&mut self, address: &Address, surface: Surface) -> Result<(), Error> {
        self.can_be_shown(address)?;
        let socket = Socket::open(address).await;
        self.add(address, surface, socket)
    }

    /// Listens on an address whose socket a supervisor has opened. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// As of [`Listeners::open`].
    pub fn inherit(
        &mut self,
        inherited: Inherited,
        address: &Address,
        surface: Surface,
    ) -> Result<(), Error> {
        self.can_be_shown(address)?;
        self.add(address, surface, Socket::inherit(inherited))
    }

    fn can_be_shown(&self, address: &Address) -> Result<(), Error> {
        if matches!(address, Address::Https(_)) && self.tls.is_none() {
            return Err(Error::NoCertificate(address.clone()));
        }
        Ok(())
    }

    fn add(
        &mut self,
        address: &Address,
        surface: Surface,
        socket: io::Result<Socket>,
    ) -> Result<(), Error> {
        let failed = |source| Error::Listen { address: address.clone(), source };
        let socket = socket.map_err(failed)?;
        let address = match (address, socket.local_addr()) {
            (Address::Http(_), Some(addr)) => Address::Http(addr),
            (Address::Https(_), Some(addr)) => Address::Https(addr),
            _ => address.clone(),
        };
        self.open.push(Listener { address, surface, socket });
        Ok(())
    }

    /// Where they listen, with the true ports.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.open.iter().map(|listener| &listener.address)
    }

    /// The first of the TCP addresses.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.open.iter().find_map(|listener| listener.socket.local_addr())
    }

    /// Waits for the next connection. Dropping the future loses none.
    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// A connection that waits already.
    pub(crate) fn accept_waiting(&self) -> Option<Accepted> {
        match self.poll_accept(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(accepted) => accepted.ok(),
            Poll::Pending => None,
        }
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let first = self.next.load(Ordering::Relaxed);
        for at in first..first + self.open.len() {
            let listener = &self.open[at % self.open.len()];
            if let Poll::Ready(accepted) = listener.socket.poll_accept(cx) {
                self.next.store((at + 1) % self.open.len(), Ordering::Relaxed);
                let surface = listener.surface;
                let is_encrypted = matches!(listener.address, Address::Https(_));
                let tls = self.tls.as_ref().filter(|_| is_encrypted).cloned();
                return Poll::Ready(accepted.map(|(stream, peer)| Accepted {
                    stream,
                    peer,
                    surface,
                    tls,
                }));
            }
        }
        Poll::Pending
    }
}

impl TryFrom<TcpListener> for Listeners {
    type Error = Error;

    /// One that somebody else has bound, in plain text.
    fn try_from(listener: TcpListener) -> Result<Self, Error> {
        let address = Address::Http(listener.local_addr().map_err(Error::Listener)?);
        let mut listeners = Self::new(None);
        let socket = Socket::from(listener);
        listeners.open.push(Listener { address, surface: Surface::Whole, socket });
        Ok(listeners)
    }
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.addresses()).finish()
    }
}

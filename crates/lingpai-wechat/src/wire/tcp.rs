//! Names and TCP: to any address, or only to those that a guard admits.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::{BoxError, Service, ServiceExt};

use super::guard::Guard;

/// What everything else stands on.
pub(super) type Socket = TokioIo<TcpStream>;

/// Connects by TCP.
#[derive(Clone)]
pub(super) struct Tcp {
    connector: HttpConnector<Resolver>,
    guard: Option<Guard>,
}

impl Tcp {
    pub(super) fn new(guard: Option<Guard>) -> Self {
        let mut connector = HttpConnector::new_with_resolver(Resolver { guard: guard.clone() });
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_keepalive(Some(Duration::from_secs(30)));
        Self { connector, guard }
    }

    /// To the host and the port of a URI.
    ///
    /// # Errors
    /// Those of the resolver and of TCP; [`Forbidden`](super::guard::Forbidden) is among the causes if the guard
    /// admits none of the host's addresses.
    pub(super) async fn connect(self, to: Uri) -> Result<Socket, BoxError> {
        // The connector does not ask its resolver for those.
        if let (Some(guard), Some(address)) = (&self.guard, address_in(&to)) {
            guard.admit(address)?;
        }
        Ok(self.connector.oneshot(to).await?)
    }
}

fn address_in(uri: &Uri) -> Option<IpAddr> {
    let host = uri.host()?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// The system's resolver, and a guard that looks at what it says.
#[derive(Clone)]
struct Resolver {
    guard: Option<Guard>,
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let guard = self.guard.clone();
        Box::pin(async move {
            let mut addresses: Vec<_> = GaiResolver::new().oneshot(name).await?.collect();
            if let Some(guard) = guard {
                let first_refusal = addresses.iter().find_map(|at| guard.admit(at.ip()).err());
                addresses.retain(|at| guard.admit(at.ip()).is_ok());
                if let (true, Some(forbidden)) = (addresses.is_empty(), first_refusal) {
                    return Err(forbidden.into());
                }
            }
            Ok(addresses.into_iter())
        })
    }
}

//! The way out: directly to the host, or through a proxy that connects us to it.
//!
//! A proxy is given the host's name and resolves it, so that no name leaves this machine by another
//! way. Everything goes through its tunnel, unencrypted requests too.

use std::fmt;
use std::future::{Future, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::TokioIo;
use lingpai_core::Proxy;
use lingpai_core::proxy::{Login, Protocol};
use tokio::net::TcpStream;
use tower::{BoxError, Service, ServiceExt, service_fn};

use super::connector::ConnectError;
use super::{Exemption, Settings};

type Tcp = TokioIo<TcpStream>;

/// Connects to the host and the port of a URI, or has a proxy do it.
#[derive(Clone)]
pub(super) struct Route {
    tcp: HttpConnector,
    proxy: Option<Arc<Proxy>>,
    no_proxy: Arc<[Exemption]>,
}

impl Route {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        let proxy = settings.proxy.clone().map(Arc::new);
        Self { tcp, proxy, no_proxy: settings.no_proxy.clone().into() }
    }

    pub(super) fn through(&self, proxy: &Proxy) -> Self {
        Self { proxy: Some(Arc::new(proxy.clone())), ..self.clone() }
    }

    /// The proxy on the way to a host.
    pub(super) fn proxy_to(&self, to: &Uri) -> Option<Box<Proxy>> {
        let host = to.host().unwrap_or_default();
        let is_exempt = self.no_proxy.iter().any(|exemption| exemption.covers(host));
        self.proxy.as_deref().filter(|_| !is_exempt).cloned().map(Box::new)
    }

    async fn connect(self, to: Uri) -> Result<Tcp, ConnectError> {
        let Some(proxy) = self.proxy_to(&to) else {
            return self
                .tcp
                .oneshot(to)
                .await
                .map_err(|error| ConnectError::Unreachable(error.into()));
        };
        let unreachable = |proxy, source| ConnectError::ProxyUnreachable { proxy, source };
        let at = match tcp_uri(proxy.authority()) {
            Ok(at) => at,
            Err(error) => return Err(unreachable(proxy, error.into())),
        };
        let tcp = match self.tcp.oneshot(at.clone()).await {
            Ok(tcp) => tcp,
            Err(error) => return Err(unreachable(proxy, error.into())),
        };
        let target = target(&to);
        tunnelled(&proxy, at, tcp, &target).await.map_err(|source| ConnectError::ProxyRefused {
            proxy,
            target,
            source,
        })
    }
}

impl Service<Uri> for Route {
    type Response = Tcp;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Tcp, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        Box::pin(self.clone().connect(to))
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

/// Has the proxy at the other end of `tcp` connect us to `target`.
async fn tunnelled(proxy: &Proxy, at: Uri, tcp: Tcp, target: &str) -> Result<Tcp, BoxError> {
    let target = tcp_uri(target.to_owned())?;
    let mut tcp = Some(tcp);
    let connected = service_fn(move |_| {
        ready(tcp.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)))
    });
    match (proxy.protocol(), proxy.login()) {
        (Protocol::Http, None) => Ok(Tunnel::new(at, connected).oneshot(target).await?),
        (Protocol::Http, Some(login)) => {
            let tunnel = Tunnel::new(at, connected).with_auth(basic(login)?);
            Ok(tunnel.oneshot(target).await?)
        }
        (Protocol::Socks5, None) => Ok(SocksV5::new(at, connected).oneshot(target).await?),
        (Protocol::Socks5, Some(login)) => {
            let (user, password) = (login.user.to_string(), login.password.expose().to_owned());
            let socks = SocksV5::new(at, connected).with_auth(user, password);
            Ok(socks.oneshot(target).await?)
        }
    }
}

/// RFC 7617.
fn basic(login: &Login) -> Result<HeaderValue, http::Error> {
    let pair = format!("{}:{}", login.user, login.password.expose());
    Ok(HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))?)
}

/// Host and port, the latter always said: what makes the tunnel takes 443 for it otherwise.
fn target(to: &Uri) -> String {
    let default = if to.scheme() == Some(&Scheme::HTTP) { 80 } else { 443 };
    format!("{}:{}", to.host().unwrap_or_default(), to.port_u16().unwrap_or(default))
}

fn tcp_uri(authority: String) -> Result<Uri, http::Error> {
    let uri = Uri::builder().scheme(Scheme::HTTP).authority(authority);
    uri.path_and_query(PathAndQuery::from_static("/")).build()
}

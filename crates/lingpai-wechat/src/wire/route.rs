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

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::uri::Scheme;
use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use lingpai_core::Proxy;
use lingpai_core::proxy::{Login, Protocol};
use tower::{BoxError, Service, ServiceExt, service_fn};

use super::connector::ConnectError;
use super::exemption::Exemption;
use super::guard::Guard;
use super::settings::Settings;
use super::tcp::{Socket, Tcp};

/// Connects to the host and the port of a URI, or has a proxy do it.
#[derive(Clone)]
pub(super) struct Route {
    tcp: Tcp,
    proxy: Option<ProxyHop>,
    no_proxy: Arc<[Exemption]>,
    guard: Guard,
}

/// A proxy, and how it is reached.
#[derive(Clone)]
struct ProxyHop {
    proxy: Arc<Proxy>,
    tcp: Tcp,
}

impl Route {
    /// The operator's: the proxy may be anywhere.
    pub(super) fn new(settings: &Settings) -> Self {
        let tcp = Tcp::new(None);
        let hop = |proxy: &Proxy| ProxyHop { proxy: Arc::new(proxy.clone()), tcp: tcp.clone() };
        Self {
            proxy: settings.proxy.as_ref().map(hop),
            tcp,
            no_proxy: settings.no_proxy.clone().into(),
            guard: Guard::new(&settings.private_networks),
        }
    }

    /// Through a proxy that a user may have named.
    pub(super) fn through(&self, proxy: &Proxy) -> Self {
        let tcp = Tcp::new(Some(self.guard.clone()));
        Self { proxy: Some(ProxyHop { proxy: Arc::new(proxy.clone()), tcp }), ..self.clone() }
    }

    /// Directly to hosts that a user may have named.
    pub(super) fn guarded(&self) -> Self {
        Self { tcp: Tcp::new(Some(self.guard.clone())), proxy: None, ..self.clone() }
    }

    /// The proxy on the way to a host.
    pub(super) fn proxy_to(&self, to: &Uri) -> Option<Arc<Proxy>> {
        self.hop_to(to).map(|hop| Arc::clone(&hop.proxy))
    }

    fn hop_to(&self, to: &Uri) -> Option<&ProxyHop> {
        let host = to.host().unwrap_or_default();
        let is_exempt = self.no_proxy.iter().any(|exemption| exemption.covers(host));
        self.proxy.as_ref().filter(|_| !is_exempt)
    }

    async fn connect(self, to: Uri) -> Result<Socket, ConnectError> {
        match self.hop_to(&to).cloned() {
            Some(hop) => hop.connect(&to).await,
            None => {
                let host = to.host().unwrap_or_default().to_owned();
                let stream = self.tcp.connect(to).await;
                stream.map_err(|error| ConnectError::unreachable(host, error))
            }
        }
    }
}

impl ProxyHop {
    async fn connect(self, to: &Uri) -> Result<Socket, ConnectError> {
        let Self { proxy, tcp } = self;
        let to_the_proxy = async {
            let at = uri(proxy.authority())?;
            Ok((tcp.connect(at.clone()).await?, at))
        };
        let (stream, at) = match to_the_proxy.await {
            Ok(connected) => connected,
            Err(error) => return Err(ConnectError::proxy_unreachable(proxy, error)),
        };
        let target = target(to);
        match tunnelled(&proxy, at, stream, &target).await {
            Ok(stream) => Ok(stream),
            Err(source) => Err(ConnectError::ProxyRefused { proxy, target, source }),
        }
    }
}

impl Service<Uri> for Route {
    type Response = Socket;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Socket, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        Box::pin(self.clone().connect(to))
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("proxy", &self.proxy.as_ref().map(|hop| &hop.proxy))
            .finish_non_exhaustive()
    }
}

/// Has the proxy at the other end of `stream` connect us to `target`.
async fn tunnelled(
    proxy: &Proxy,
    at: Uri,
    stream: Socket,
    target: &str,
) -> Result<Socket, BoxError> {
    let target = uri(target.to_owned())?;
    let mut stream = Some(stream);
    let connected = service_fn(move |_| {
        ready(stream.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)))
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

fn uri(authority: String) -> Result<Uri, http::Error> {
    Uri::builder().scheme(Scheme::HTTP).authority(authority).path_and_query("/").build()
}

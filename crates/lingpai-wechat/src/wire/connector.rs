//! One connection: the way out (directly or through a proxy), TLS on top, a deadline around both.
//!
//! [`Connector`] is what every client of an upstream stands on, whatever it sends: the issuers of
//! this crate, which send little and read little, and callers that stream.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::HttpsConnector;
use lingpai_core::Proxy;
use rustls::{CertificateError, ClientConfig};
use thiserror::Error;
use tokio::time::timeout;
use tower::{BoxError, Service, ServiceExt};

use super::guard::Forbidden;
use super::route::Route;
use super::settings::Settings;
use super::stream::Stream;
use super::trust;
use crate::{Error, remedy};

/// Connects to the host of a URI, over `https` or `http`, in the way that [`Settings`] say.
///
/// It is a connector for `hyper_util` clients with any body. Each client has a pool of its own, so
/// have one for each way out:
///
/// ```
/// use http_body_util::Empty;
/// use hyper_util::client::legacy::Client;
/// use hyper_util::rt::TokioExecutor;
/// use lingpai_wechat::wire::{Connector, Settings};
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let direct = Connector::new(&Settings::default())?;
/// let through = direct.through(&"socks5://proxy.example.com:1080".parse()?);
/// let client: Client<_, Empty<&[u8]>> = Client::builder(TokioExecutor::new()).build(through);
/// # Ok(())
/// # }
/// ```
///
/// Nothing of a request is sent before its connection is made: if a client's error
/// [is one of connecting](hyper_util::client::legacy::Error::is_connect), upstream has not seen the
/// request, and [`ConnectError::within`] tells more.
/// Dropping a call's future closes what was begun. It needs tokio's runtime.
#[derive(Clone)]
pub struct Connector {
    route: Route,
    tls: Arc<ClientConfig>,
    deadline: Duration,
}

impl Connector {
    /// The way out that the settings have for everybody. The certificates to trust are read now.
    ///
    /// # Errors
    /// [`Error::Trust`] if the machine has none, and a host is reached over `https`.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let tls = Arc::new(trust::client_config(settings)?);
        Ok(Self { route: Route::new(settings), tls, deadline: settings.deadlines.connect })
    }

    /// The same through this proxy, but for the hosts that are reached without one. Whoever manages
    /// an account may name it, so it is connected to only where the [`Guard`](super::Guard) of the
    /// settings admits that.
    pub fn through(&self, proxy: &Proxy) -> Self {
        Self { route: self.route.through(proxy), ..self.clone() }
    }

    /// For URLs that users name: only hosts whose addresses the [`Guard`](super::Guard) of the settings
    /// admits, and no proxy, since that could not be asked which address it takes.
    pub fn guarded(&self) -> Self {
        Self { route: self.route.guarded(), ..self.clone() }
    }

    /// ` through the proxy ...`, for a sentence about this host; empty if it is reached directly.
    pub(super) fn way_to(&self, host: &Uri) -> String {
        through(self.route.proxy_to(host).as_deref())
    }

    /// Connects to the host and the port of a URI. Nothing of a request is sent.
    ///
    /// Dropping the future closes what was begun.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn connect(&self, to: Uri) -> Result<Stream, ConnectError> {
        let (proxy, after) = (self.route.proxy_to(&to), self.deadline);
        let host = to.host().unwrap_or_default().to_owned();
        let https = HttpsConnector::from((self.route.clone(), Arc::clone(&self.tls)));
        match timeout(self.deadline, https.oneshot(to)).await {
            Ok(Ok(connection)) => Ok(Stream::over(connection)),
            Ok(Err(error)) => Err(ConnectError::of(host, proxy, error)),
            Err(_) => Err(ConnectError::Deadline { proxy, after }),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(to).await })
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("route", &self.route).finish_non_exhaustive()
    }
}

/// Why there is no connection. Nothing of a request was sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name does not resolve, or nobody answers at its addresses.
    #[error("no connection")]
    Unreachable(#[source] BoxError),
    /// A user has named this host, and it lies where users must not send this machine.
    #[error("{host} is not called")]
    Forbidden {
        /// The host, or the proxy.
        host: String,
        /// Why.
        source: Forbidden,
    },
    /// The same of a proxy.
    #[error("no connection to the proxy {proxy}")]
    ProxyUnreachable {
        /// The proxy.
        proxy: Arc<Proxy>,
        /// Why.
        source: BoxError,
    },
    /// The proxy is there, and does not connect us: it wants another login, does not reach the host, or is none.
    #[error("the proxy {proxy} did not connect us to {target}, so nothing was sent")]
    ProxyRefused {
        /// The proxy.
        proxy: Arc<Proxy>,
        /// The host and the port behind it.
        target: String,
        /// What it said.
        source: BoxError,
    },
    /// It took too long, whoever is to blame.
    #[error("no connection{} within {} s", through(.proxy.as_deref()), .after.as_secs_f32())]
    Deadline {
        /// The proxy on the way, if there is one.
        proxy: Option<Arc<Proxy>>,
        /// How long was waited.
        after: Duration,
    },
    /// The host's certificate was issued by nobody whom this machine trusts. A company that looks into its traffic
    /// puts one in place of WeChat's.
    #[error("the certificate of {host}{} was issued by an authority that is not trusted here", through(.proxy.as_deref()))]
    UnknownAuthority {
        /// The host.
        host: String,
        /// The proxy on the way, if there is one.
        proxy: Option<Arc<Proxy>>,
        /// What rustls says.
        source: BoxError,
    },
    /// The host's certificate is not good for another reason, or it does not speak TLS.
    #[error("no TLS with {host}{}", through(.proxy.as_deref()))]
    Tls {
        /// The host.
        host: String,
        /// The proxy on the way, if there is one.
        proxy: Option<Arc<Proxy>>,
        /// Why.
        source: BoxError,
    },
}

impl ConnectError {
    /// The one among the causes of an error, such as that of a `hyper_util` client.
    pub fn within<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        find(error)
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        self.advice().en
    }

    /// What happened and what a person can do about it, in Chinese. In English that is the error itself and [`Self::remedy`].
    pub fn in_chinese(&self) -> String {
        let through = |proxy: &Option<Arc<Proxy>>| {
            proxy.as_ref().map(|proxy| format!("经代理 {proxy} ")).unwrap_or_default()
        };
        let what = match self {
            Self::Unreachable(_) => "无法建立连接".to_owned(),
            Self::Forbidden { host, .. } => format!("不允许访问 {host}"),
            Self::ProxyUnreachable { proxy, .. } => format!("无法连接代理 {proxy}"),
            Self::ProxyRefused { proxy, target, .. } => {
                format!("代理 {proxy} 没有接通 {target}，请求没有发出")
            }
            Self::Deadline { proxy, after } => {
                format!("{}在 {} 秒内没有建立连接", through(proxy), after.as_secs_f32())
            }
            Self::UnknownAuthority { host, proxy, .. } => {
                format!("{}连接 {host} 时，其证书的签发机构不受本机信任", through(proxy))
            }
            Self::Tls { host, proxy, .. } => format!("{}无法与 {host} 建立 TLS", through(proxy)),
        };
        format!("{what}。{}", self.advice().zh)
    }

    fn advice(&self) -> remedy::Remedy {
        match self {
            Self::Unreachable(_) => remedy::NO_CONNECTION_OR_PROXY,
            Self::Forbidden { source, .. } if source.can_be_permitted() => remedy::PRIVATE_NETWORK,
            Self::Forbidden { .. } => remedy::FORBIDDEN_ADDRESS,
            Self::ProxyUnreachable { .. } => remedy::PROXY_UNREACHABLE,
            Self::ProxyRefused { proxy, .. } if proxy.login().is_none() => {
                remedy::PROXY_WITHOUT_LOGIN
            }
            Self::ProxyRefused { .. } => remedy::PROXY_REFUSED,
            Self::Deadline { .. } => remedy::CONNECT_DEADLINE,
            Self::UnknownAuthority { .. } => remedy::UNKNOWN_AUTHORITY,
            Self::Tls { .. } => remedy::TLS,
        }
    }

    pub(super) fn unreachable(host: String, source: BoxError) -> Self {
        match find::<Forbidden>(&*source).cloned() {
            Some(source) => Self::Forbidden { host, source },
            None => Self::Unreachable(source),
        }
    }

    pub(super) fn proxy_unreachable(proxy: Arc<Proxy>, source: BoxError) -> Self {
        match find::<Forbidden>(&*source).cloned() {
            Some(source) => Self::Forbidden { host: format!("the proxy {proxy}"), source },
            None => Self::ProxyUnreachable { proxy, source },
        }
    }

    fn of(host: String, proxy: Option<Arc<Proxy>>, source: BoxError) -> Self {
        let source = match source.downcast::<Self>() {
            Ok(error) => return *error,
            Err(source) => source,
        };
        match find::<rustls::Error>(&*source) {
            Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                Self::UnknownAuthority { host, proxy, source }
            }
            _ => Self::Tls { host, proxy, source },
        }
    }
}

/// The way that goes into a sentence about a failure; nothing if it was direct.
fn through(proxy: Option<&Proxy>) -> String {
    proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default()
}

/// The first cause of this type. `io::Error` hides the error that it was made of from `source`.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

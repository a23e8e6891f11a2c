//! The way to a server: TCP, TLS, or a Unix socket.

#[cfg(unix)]
use std::path::Path;
use std::sync::Arc;
#[cfg(unix)]
use std::task::{Context, Poll};

use http::{Request, Uri};
use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::TokioExecutor;
#[cfg(unix)]
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::error::Error;
use crate::language::say;

/// What sends requests with bodies of this type to one server.
pub(crate) struct Way<B> {
    /// The server, as people know it: without the slash at its end.
    server: String,
    /// What the URLs of requests begin with.
    base: String,
    http: Http<B>,
}

enum Http<B> {
    Tcp(Client<HttpsConnector<HttpConnector>, B>),
    #[cfg(unix)]
    Unix(Client<Socket, B>),
}

impl<B> Way<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// The way to the server at this URL. No connection is made yet.
    pub(crate) fn to(url: &str) -> Result<Self, Error> {
        let builder = Client::builder(TokioExecutor::new());
        #[cfg(unix)]
        if let Some(path) = url.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            let http = Http::Unix(builder.build(Socket(Path::new(path).into())));
            // The host that a request must name, and that nobody looks up.
            return Ok(Self { server: url.to_owned(), base: "http://localhost".to_owned(), http });
        }
        let server = url.trim_end_matches('/').to_owned();
        let parsed: Option<Uri> = server.parse().ok();
        let is_encrypted = match parsed.as_ref().and_then(Uri::scheme_str) {
            Some("http") => false,
            Some("https") => true,
            _ => {
                return Err(Error::said(say!(
                    "`{url}` is not the URL of a server: write it like http://127.0.0.1:8700 or unix:/run/lingpai.sock",
                    "`{url}` 不是服务的 URL：请写成 http://127.0.0.1:8700 或 unix:/run/lingpai.sock 的样子"
                )));
            }
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(is_encrypted)?)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self { base: server.clone(), server, http: Http::Tcp(builder.build(connector)) })
    }

    /// The server, as people know it.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// The URL of what is at this path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Sends a request.
    pub(crate) fn send(&self, request: Request<B>) -> ResponseFuture {
        match &self.http {
            Http::Tcp(client) => client.request(request),
            #[cfg(unix)]
            Http::Unix(client) => client.request(request),
        }
    }
}

/// Connects to a Unix socket, whatever host a request names.
#[cfg(unix)]
#[derive(Clone)]
struct Socket(Arc<Path>);

#[cfg(unix)]
impl tower::Service<Uri> for Socket {
    type Response = TokioIo<tokio::net::UnixStream>;
    type Error = std::io::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = std::io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = Arc::clone(&self.0);
        Box::pin(async move { tokio::net::UnixStream::connect(path).await.map(TokioIo::new) })
    }
}

/// The certificates of this machine; none where nothing is encrypted, since a machine may have none.
fn tls(is_encrypted: bool) -> Result<ClientConfig, Error> {
    let untrusting = |source| Error::Trust { source };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(untrusting)?;
    let builder = if is_encrypted {
        builder.with_platform_verifier().map_err(untrusting)?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    Ok(builder.with_no_client_auth())
}

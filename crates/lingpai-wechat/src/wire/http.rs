//! The transport over sockets: pooled HTTP/1.1 connections, TLS by rustls with ring.
//!
//! Certificates are verified against the trust store of the machine, not a list built in: it is the
//! one that an operator keeps up to date and adds a proxy's authority to. The process-wide provider
//! of rustls is left alone, since a library has no business choosing it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tower::BoxError;
use tower::timeout::Timeout;
use tower::util::BoxCloneSyncService;

use super::transport::{Transport, TransportError};
use crate::Error;

/// How long a connection waits for its next request. Below the keep-alive of common servers (nginx:
/// 60 s and more), so that requests do not run into a connection that is being closed.
const IDLE: Duration = Duration::from_secs(15);

/// How many connections to one host wait for their next request.
const MAX_IDLE: usize = 32;

/// How much of an answer is read. A token's has 200 bytes, and the list of push addresses a few
/// thousand.
const MAX_BODY: usize = 64 * 1024;

type Connector = BoxCloneSyncService<Uri, MaybeHttpsStream<TokioIo<TcpStream>>, BoxError>;

/// Sends over sockets.
pub(crate) struct Http {
    client: Client<Connector, Full<Bytes>>,
}

impl Http {
    /// For hosts that are reached over `https`, and over `http` where a base URL says so.
    ///
    /// # Errors
    /// [`Error::Trust`] if the machine has no certificates to trust.
    pub(crate) fn new(connect_deadline: Duration) -> Result<Self, Error> {
        let tls =
            builder()?.with_platform_verifier().map_err(|error| Error::Trust(error.into()))?;
        Ok(Self::with_tls(connect_deadline, tls.with_no_client_auth()))
    }

    /// For hosts that are reached over `http` only: needs no certificates, and trusts none.
    ///
    /// # Errors
    /// [`Error::Trust`] if the TLS library refuses its own defaults.
    pub(crate) fn plain(connect_deadline: Duration) -> Result<Self, Error> {
        let tls = builder()?.with_root_certificates(RootCertStore::empty());
        Ok(Self::with_tls(connect_deadline, tls.with_no_client_auth()))
    }

    fn with_tls(connect_deadline: Duration, tls: ClientConfig) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        // Around name resolution, TCP and TLS together: a host that accepts and then stalls has not
        // been sent anything.
        let connector = BoxCloneSyncService::new(Timeout::new(https, connect_deadline));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .build(connector);
        Self { client }
    }
}

#[async_trait]
impl Transport for Http {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let answer = self.client.request(request.map(Full::new)).await.map_err(|error| {
            if error.is_connect() {
                TransportError::not_sent("no connection").caused_by(error)
            } else {
                TransportError::lost("the connection broke before the answer").caused_by(error)
            }
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await.map_err(|error| {
            TransportError::lost("the answer broke off or is too long").caused_by(error)
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, Error> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Trust(error.into()))
}

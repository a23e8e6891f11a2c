//! The transport over sockets: pooled HTTP/1.1 connections.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connector::{ConnectError, Connector};
use super::transport::{Transport, TransportError};

/// How long a connection waits for its next request. Below the keep-alive of common servers (nginx:
/// 60 s and more), so that requests do not run into a connection that is being closed.
const IDLE: Duration = Duration::from_secs(15);

/// How many connections to one host wait for their next request.
const MAX_IDLE: usize = 32;

/// How much of an answer is read. A token's has 200 bytes, and the list of push addresses a few
/// thousand.
const MAX_BODY: usize = 64 * 1024;

/// Sends over sockets.
#[derive(Debug)]
pub(super) struct Http {
    client: Client<Connector, Full<Bytes>>,
}

impl Http {
    /// With a pool of its own.
    pub(super) fn new(connector: Connector) -> Self {
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
            match ConnectError::within(&error) {
                Some(unconnected) => {
                    let not_sent = TransportError::not_sent(unconnected.to_string());
                    not_sent.mended_by(unconnected.remedy()).caused_by(error)
                }
                None => {
                    TransportError::lost("the connection broke before the answer").caused_by(error)
                }
            }
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await.map_err(|error| {
            TransportError::lost("the answer broke off or is too long").caused_by(error)
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

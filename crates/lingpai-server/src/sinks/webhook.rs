//! A sink that is a URL of the business: each token is sent there, signed, until it is taken.
//!
//! The body names the generation, so that whoever receives it twice, or from two nodes, can tell. A receiver that has a newer
//! one answers 409, and is left alone.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use lingpai_core::mark::Mark;
use lingpai_core::{Secret, Timestamp};
use lingpai_wechat::Error;
use lingpai_wechat::wire::{self, ConnectError, Connector};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Delivery, Place, Put};
use crate::alerts::of_webhook;

/// How long a receiver may take.
const DEADLINE: Duration = Duration::from_secs(10);
const NAME: &str = concat!("lingpai/", env!("CARGO_PKG_VERSION"));

/// A URL to which tokens are sent.
pub struct WebhookPlace {
    url: Secret,
    secret: Secret,
    http: Client<Connector, Full<Bytes>>,
    /// What was taken there last.
    taken: Mutex<Option<Mark>>,
}

impl WebhookPlace {
    /// Reached as businesses' URLs are: guarded, without redirects. The URL may hold a key; bodies are signed with `secret`.
    ///
    /// # Errors
    /// If the machine has no certificates to trust and they are needed.
    pub fn new(url: Secret, secret: Secret, upstream: &wire::Settings) -> Result<Self, Error> {
        let connector = Connector::new(upstream)?.guarded();
        let mut builder = Client::builder(TokioExecutor::new());
        let http = builder.pool_timer(TokioTimer::new()).build(connector);
        Ok(Self { url, secret, http, taken: Mutex::default() })
    }

    /// Sends a body: the status of the answer.
    async fn send(&self, body: &Value, at: Timestamp) -> Result<StatusCode, String> {
        let body = body.to_string();
        let signature = of_webhook(&self.secret, at, &body);
        let mut request = Request::new(Full::new(Bytes::from(body.clone())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.expose().parse().map_err(|_| "the URL is none")?;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(NAME));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        headers.insert(CONTENT_LENGTH, body.len().into());
        headers.insert("x-lingpai-timestamp", HeaderValue::from(at.as_seconds()));
        let signature = signature.parse().map_err(|_| "the secret is none")?;
        headers.insert("x-lingpai-signature", signature);
        let answered = timeout(DEADLINE, self.http.request(request)).await;
        let answer = answered.map_err(|_| "it did not answer in time")?.map_err(|error| {
            // The error itself may name the URL, which may hold a key.
            match ConnectError::within(&error) {
                Some(unconnected) => format!("{unconnected}. {}", unconnected.remedy()),
                None => "the connection broke before its answer".to_owned(),
            }
        })?;
        Ok(answer.status())
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, Option<Mark>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for WebhookPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookPlace").field("host", &self.target()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Place for WebhookPlace {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn target(&self) -> String {
        let uri: Option<Uri> = self.url.expose().parse().ok();
        uri.and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default()
    }

    async fn put(&self, delivery: &Delivery) -> Result<Put, String> {
        if *self.taken() == Some(delivery.mark) {
            return Ok(Put::Kept);
        }
        let body = json!({
            "account": delivery.account,
            "kind": delivery.kind.as_str(),
            "access_token": delivery.value.expose(),
            "expires_in": delivery.left().as_secs(),
            "expires_at": delivery.mark.expires_at.as_seconds(),
            "generation": delivery.mark.generation,
        });
        let put = match self.send(&body, delivery.at).await? {
            status if status.is_success() => Put::Written,
            StatusCode::CONFLICT => Put::Newer,
            status => return Err(format!("it answered HTTP {}", status.as_u16())),
        };
        *self.taken() = Some(delivery.mark);
        Ok(put)
    }

    async fn probe(&self) -> Result<(), String> {
        // By the machine's clock: the receiver compares it with its own.
        let at = lingpai_core::Clock::now(&lingpai_core::SystemClock::new()).wall;
        match self.send(&json!({"test": true}), at).await? {
            status if status.is_success() => Ok(()),
            status => Err(format!("it answered HTTP {}", status.as_u16())),
        }
    }

    fn forget(&self) {
        *self.taken() = None;
    }
}

//! A sink that is a URL of the business: each token is sent there, signed, until it is taken.
//!
//! The body names the generation, so that whoever receives it twice, or from two nodes, can tell. A receiver that has a newer
//! one answers 409, and is left alone.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use lingpai_core::mark::Mark;
use lingpai_core::{Secret, Timestamp};
use lingpai_wechat::Error;
use lingpai_wechat::wire;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Delivery, Place, Put};
use crate::alerts::sign;
use crate::outbound::{self, Http, unanswered};

/// How long a receiver may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// A URL to which tokens are sent.
pub struct WebhookPlace {
    url: Secret,
    secret: Secret,
    http: Http,
    /// What was taken there last.
    taken: Mutex<Option<Mark>>,
}

impl WebhookPlace {
    /// Reached as businesses' URLs are: guarded, without redirects. The URL may hold a key; bodies are signed with `secret`.
    ///
    /// # Errors
    /// If the machine has no certificates to trust and they are needed.
    pub fn new(url: Secret, secret: Secret, upstream: &wire::Settings) -> Result<Self, Error> {
        Ok(Self { url, secret, http: outbound::guarded(upstream)?, taken: Mutex::default() })
    }

    /// Sends a body: the status of the answer.
    async fn send(&self, body: &Value, at: Timestamp) -> Result<StatusCode, String> {
        let body = body.to_string();
        let uri = self.url.expose().parse().map_err(|_| "the URL is none")?;
        let mut request = outbound::post(uri, outbound::JSON, body.clone());
        sign(request.headers_mut(), Some(&self.secret), at, &body).ok_or("the secret is none")?;
        let answered = timeout(DEADLINE, self.http.request(request)).await;
        let answered = answered.map_err(|_| "it did not answer in time")?;
        let answer =
            answered.map_err(|error| unanswered(&error, outbound::BROKEN).into_english())?;
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
        outbound::host_of(&self.url)
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

//! The way to the businesses' URLs: guarded, without redirects, each within its deadline.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use lingpai_core::AccountId;
use lingpai_core::push::Relay;
use lingpai_wechat::wire::{self, Connector};
use lingpai_wechat::{Error, push};
use tokio::time::{Instant, timeout_at};

use crate::language::Bilingual;
use crate::outbound::{self, Http, unanswered};

/// How long a connection waits for its next push. Below the keep-alive of common servers.
const IDLE: Duration = Duration::from_secs(15);

/// Tells the business which account a push is about: a platform's business is sent those of all its authorizers.
const ABOUT: HeaderName = HeaderName::from_static("x-lingpai-account");

/// All businesses.
pub(super) struct Relays(ArcSwap<Http>);

/// Why a business did not take a push. It names no URL: that may hold a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotTaken {
    pub(super) why: String,
    /// Whether it was the business that said so.
    pub(super) was_answered: bool,
}

impl Relays {
    pub(super) fn new(settings: &wire::Settings) -> Result<Self, Error> {
        client(settings).map(|client| Self(ArcSwap::from_pointee(client)))
    }

    /// Reaches them by other settings from the next push on.
    pub(super) fn reach(&self, settings: &wire::Settings) -> Result<(), Error> {
        self.0.store(Arc::new(client(settings)?));
        Ok(())
    }

    /// Sends a push that is about this account, and answers with what the business says to it.
    pub(super) async fn send(
        &self,
        (relay, about): (&Relay, &AccountId),
        query: &str,
        content_type: &'static str,
        body: &str,
        until: Instant,
    ) -> Result<Bytes, NotTaken> {
        let relay = relay.for_account(about);
        let mut request = request(&relay, query, content_type, body)
            .ok_or_else(|| NotTaken::here("the relay URL is none"))?;
        if let Ok(about) = HeaderValue::from_str(about.as_str()) {
            request.headers_mut().insert(ABOUT, about);
        }
        timeout_at(until, self.answered(request))
            .await
            .unwrap_or_else(|_| Err(NotTaken::here("the business did not answer in time")))
    }

    async fn answered(&self, request: Request<Full<Bytes>>) -> Result<Bytes, NotTaken> {
        let answer = self.0.load_full().request(request).await.map_err(|error| {
            const BROKEN: Bilingual = Bilingual::fixed(
                "the connection to the business broke before its answer",
                "业务方还没有应答，连接就断开了",
            );
            NotTaken::here(unanswered(&error, BROKEN).into_english())
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, push::MAX_BYTES).collect().await;
        if !head.status.is_success() {
            let why = format!("the business answered HTTP {}", head.status.as_u16());
            return Err(NotTaken { why, was_answered: true });
        }
        let body = body.map_err(|_| NotTaken {
            why: "the answer of the business broke off or is too long".to_owned(),
            was_answered: true,
        });
        Ok(body?.to_bytes())
    }
}

impl NotTaken {
    pub(super) fn here(why: impl Into<String>) -> Self {
        Self { why: why.into(), was_answered: false }
    }
}

fn client(settings: &wire::Settings) -> Result<Http, Error> {
    Ok(outbound::over(Connector::new(settings)?.guarded(), IDLE))
}

fn request(
    relay: &Relay,
    query: &str,
    content_type: &'static str,
    body: &str,
) -> Option<Request<Full<Bytes>>> {
    let url = relay.url.expose();
    let uri: Uri = match (query.is_empty(), url.contains('?')) {
        (true, _) => url.parse(),
        (false, true) => format!("{url}&{query}").parse(),
        (false, false) => format!("{url}?{query}").parse(),
    }
    .ok()?;
    Some(outbound::post(uri, content_type, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use lingpai_core::push::RelayForm;

    use super::*;

    #[test]
    fn the_query_joins_what_stands_in_the_url() {
        let uri = |url: &str, query: &str| {
            let relay = Relay { url: url.into(), form: RelayForm::Raw };
            request(&relay, query, "text/xml", "").map(|request| request.uri().to_string())
        };
        assert_eq!(uri("http://a/b", "c=d").as_deref(), Some("http://a/b?c=d"));
        assert_eq!(uri("http://a/b?k=1", "c=d").as_deref(), Some("http://a/b?k=1&c=d"));
        assert_eq!(uri("http://a", "").as_deref(), Some("http://a/"));
        assert_eq!(uri("http://a", "c= d"), None);
    }
}

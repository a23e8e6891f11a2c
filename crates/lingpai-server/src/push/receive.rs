//! What comes to `/push/{account}` and, for a platform's authorizers, to `/push/{account}/{authorizer}`: the check of the URL,
//! and pushes.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use lingpai_core::AccountId;
use lingpai_wechat::push::{MAX_BYTES, Message, Signed};
use tokio::time::Instant;

use super::Pushes;
use super::deal::Received;
use super::endpoint::Endpoint;
use super::flights::{Outcome, Turn};
use crate::answer::{self, Body};
use crate::refusal::Refusal;
use crate::serving::Serving;

/// WeChat waits 5 s. By then it must have its answer.
const PATIENCE: Duration = Duration::from_millis(4500);

/// What a push says in its query.
pub(super) struct Came<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Came<'a> {
    fn of(query: &'a str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).collect())
    }

    /// The first value of this name, or nothing.
    pub(super) fn query(&self, name: &str) -> &str {
        self.0.iter().find(|(it, _)| it == name).map_or("", |(_, value)| value)
    }

    /// What is signed by the parameter of this name.
    pub(super) fn signed(&self, name: &str) -> Signed<'_> {
        Signed {
            signature: self.query(name),
            timestamp: self.query("timestamp"),
            nonce: self.query("nonce"),
        }
    }
}

/// `GET` and `POST` of `/push/{account}` and `/push/{account}/{authorizer}`.
pub(crate) async fn answer(
    serving: &Serving,
    account: &str,
    authorizer: Option<&str>,
    head: &Parts,
    body: Incoming,
) -> Result<Response<Body>, Refusal> {
    let pushes = serving.pushes.as_ref().ok_or(Refusal::PathUnknown)?;
    let until = Instant::now() + PATIENCE;
    let query = head.uri.query().unwrap_or_default();
    let came = Came::of(query);
    match head.method {
        Method::GET => {
            let now = pushes.clock.now();
            let endpoint = match authorizer {
                None => pushes.endpoints.of(account, now).await?,
                // Whichever: where the URL is checked, `$APPID$` stands for nobody.
                Some(_) => pushes.endpoints.of_authorizers(account, now).await?,
            };
            let echo = endpoint.echo(&came, now).map_err(|_| Refusal::PushRefused)?;
            Ok(plain(echo))
        }
        Method::POST => {
            let body = serving.body_within(body, MAX_BYTES).await?;
            // After the body: whoever sends it slowly has no account looked up meanwhile.
            let now = pushes.clock.now();
            let at = match authorizer {
                None => (pushes.endpoints.of(account, now).await?, None),
                Some(name) => pushes.endpoints.of_authorizer(account, name, now).await?,
            };
            match pushes.receive(at, &came, query, &body, until).await? {
                Outcome::Answer(kind, body) => Ok(answer::text(StatusCode::OK, kind, body)),
                Outcome::NotTaken => Err(Refusal::PushNotTaken),
            }
        }
        _ => Err(Refusal::MethodUnknown("GET, POST")),
    }
}

fn plain(text: Vec<u8>) -> Response<Body> {
    use http::HeaderValue;
    use http::header::X_CONTENT_TYPE_OPTIONS;
    let mut response = answer::text(StatusCode::OK, "text/plain; charset=utf-8", text);
    // It is what the caller sent, and no page.
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

impl Pushes {
    /// Believes a push or refuses it, and waits for what comes of it.
    async fn receive(
        self: &Arc<Self>,
        (endpoint, authorizer): (Arc<Endpoint>, Option<AccountId>),
        came: &Came<'_>,
        query: &str,
        body: &[u8],
        until: Instant,
    ) -> Result<Outcome, Refusal> {
        let now = self.clock.now();
        let believed = endpoint.believe(came, body, now).map_err(|_| Refusal::PushRefused)?;
        let message = Message::read(&believed.message).map_err(|_| Refusal::PushRefused)?;
        let Signed { signature, timestamp, nonce } = endpoint.signature(came);
        let signature = (endpoint.account.clone(), format!("{timestamp} {nonce} {signature}"));
        // The URL is not signed: a signature that was seen at one authorizer's is good at no other's.
        let identity = match &authorizer {
            None => message.identity(),
            Some(account) => format!("{account} {}", message.identity()),
        };
        let turn = self.flights.turn(signature, identity, now.instant);
        let mut awaited = match turn.map_err(|_| Refusal::PushRefused)? {
            Turn::Again(awaited) => awaited,
            Turn::First(teller, awaited) => {
                let push = Received {
                    endpoint,
                    authorizer,
                    believed,
                    message,
                    query: query.to_owned(),
                    body: body.to_vec(),
                };
                let pushes = Arc::clone(self);
                // In a task of its own: WeChat hangs up after 5 s, and the push must not be lost for that.
                tokio::spawn(async move {
                    teller.send_replace(Some(pushes.deal(push, until).await));
                });
                awaited
            }
        };
        let outcome = awaited.wait_for(Option::is_some).await;
        // Whoever dealt with it has gone, which only a mistake of ours or the end of the process can bring about.
        let outcome = outcome.ok().and_then(|outcome| outcome.clone());
        Ok(outcome.unwrap_or(Outcome::NotTaken))
    }
}

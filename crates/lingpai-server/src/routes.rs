//! Every path there is, and who answers it.
//!
//! The few paths are matched by hand: the two that carry nearly all requests come first, and nothing is allocated.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use crate::answer::{self, Body};
use crate::dropin::{self, Call};
use crate::refusal::Refusal;
use crate::serving::Serving;
use crate::{accounts, events, keys, native};

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route<'a> {
    /// The current token of the account of this name, as it stands in the path.
    Token(&'a str),
    /// A report that the account's token is invalid.
    ReportInvalid(&'a str),
    /// A call for a token in WeChat's shape.
    DropIn(Call),
    /// Whether the server runs.
    Health,
    /// All accounts.
    Accounts,
    /// How it stands with the account of this name.
    Account(&'a str),
    /// Have the account's token replaced.
    Rotate(&'a str),
    /// Events as they happen.
    Events,
    /// Events that were.
    History,
    /// All keys, and making one.
    Keys,
    /// The key of this id.
    Key(&'a str),
    /// Nowhere.
    Unknown,
}

/// The answer to one request. Never fails: what goes wrong is answered.
pub(crate) async fn answer(
    serving: &Arc<Serving>,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let route = Route::of(head.uri.path());
    let outcome = match route {
        Route::Token(account) => native::token(serving, &decoded(account), &head, peer).await,
        Route::DropIn(call) => Ok(dropin::answer(serving, call, &head, body, peer).await),
        // What is asked for rarely must not make every connection larger.
        _ => Box::pin(rare(serving, route, &head, body, peer)).await,
    };
    let response = outcome.unwrap_or_else(|refusal| refusal.native());
    // Neither the path nor the query: the one can hold anything, the other a key.
    tracing::debug!(
        target: "lingpai::access",
        method = %head.method,
        route = route.name(),
        status = response.status().as_u16(),
        "answered"
    );
    response
}

/// All but the routes that carry nearly all requests.
async fn rare(
    serving: &Arc<Serving>,
    route: Route<'_>,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    match route {
        Route::ReportInvalid(account) => {
            native::report_invalid(serving, &decoded(account), head, body, peer).await
        }
        Route::Rotate(account) => native::rotate(serving, &decoded(account), head, peer).await,
        Route::Accounts => accounts::list(serving, head, peer).await,
        Route::Account(account) => accounts::status(serving, &decoded(account), head, peer).await,
        Route::Events => events::stream(serving, head, peer).await,
        Route::History => events::history(serving, head, peer).await,
        Route::Keys => keys::collection(serving, head, body, peer).await,
        Route::Key(id) => keys::revoke(serving, id, head, peer).await,
        Route::Health => health(&head.method),
        Route::Token(_) | Route::DropIn(_) | Route::Unknown => Err(Refusal::PathUnknown),
    }
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Self {
        if let Some(rest) = path.strip_prefix("/v1/accounts/") {
            return match rest.split_once('/') {
                Some((account, "token")) => Self::Token(account),
                Some((account, "token/report-invalid")) => Self::ReportInvalid(account),
                Some((account, "token/rotate")) => Self::Rotate(account),
                None if !rest.is_empty() => Self::Account(rest),
                _ => Self::Unknown,
            };
        }
        match path {
            "/cgi-bin/token" => Self::DropIn(Call::Token),
            "/cgi-bin/stable_token" => Self::DropIn(Call::StableToken),
            "/healthz" => Self::Health,
            "/v1/accounts" => Self::Accounts,
            "/v1/events" => Self::Events,
            "/v1/events/history" => Self::History,
            "/v1/keys" => Self::Keys,
            _ => match path.strip_prefix("/v1/keys/") {
                Some(id) if !id.is_empty() && !id.contains('/') => Self::Key(id),
                _ => Self::Unknown,
            },
        }
    }

    /// Its name in logs: the path without what differs.
    fn name(self) -> &'static str {
        match self {
            Self::Token(_) => "/v1/accounts/{account}/token",
            Self::ReportInvalid(_) => "/v1/accounts/{account}/token/report-invalid",
            Self::DropIn(Call::Token) => "/cgi-bin/token",
            Self::DropIn(Call::StableToken) => "/cgi-bin/stable_token",
            Self::Health => "/healthz",
            Self::Accounts => "/v1/accounts",
            Self::Account(_) => "/v1/accounts/{account}",
            Self::Rotate(_) => "/v1/accounts/{account}/token/rotate",
            Self::Events => "/v1/events",
            Self::History => "/v1/events/history",
            Self::Keys => "/v1/keys",
            Self::Key(_) => "/v1/keys/{id}",
            Self::Unknown => "unknown",
        }
    }
}

/// Says that the server runs, to anybody.
fn health(method: &Method) -> Result<Response<Body>, Refusal> {
    #[derive(Serialize)]
    struct Health {
        status: &'static str,
    }
    match *method {
        Method::GET | Method::HEAD => Ok(answer::json(StatusCode::OK, &Health { status: "ok" })),
        _ => Err(Refusal::MethodUnknown("GET, HEAD")),
    }
}

/// A part of a path as it was meant: clients may write the `:` of an account's name as `%3A`.
fn decoded(part: &str) -> Cow<'_, str> {
    percent_decode_str(part).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_stands_in_the_path_and_nothing_else_does() {
        assert_eq!(Route::of("/v1/accounts/wx1/token"), Route::Token("wx1"));
        assert_eq!(Route::of("/v1/accounts/wx1/token/report-invalid"), Route::ReportInvalid("wx1"));
        assert_eq!(decoded("ww1%3A1000002"), "ww1:1000002");
        for path in [
            "/",
            "/v1/accounts/",
            "/v1/accounts/wx1/token/",
            "/v1/keys/",
            "/v1/keys/a/b",
            "/cgi-bin/token/x",
        ] {
            assert_eq!(Route::of(path), Route::Unknown, "{path}");
        }
    }
}

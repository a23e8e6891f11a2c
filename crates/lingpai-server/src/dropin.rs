//! The paths that answer as WeChat does, so that an SDK fetches its token here by changing a host name.
//!
//! The `secret` is the client's key. Both paths answer the account's one current token, whatever family it is of, and a
//! call can never make upstream issue another.

use std::time::Duration;

use http::request::Parts;
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use lingpai_core::client::Right;
use serde::Serialize;

use crate::answer::{self, Body};
use crate::params::Params;
use crate::refusal::Refusal;
use crate::serving::Serving;

/// Which of WeChat's two calls it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// `/cgi-bin/token`.
    Token,
    /// `/cgi-bin/stable_token`.
    StableToken,
}

/// What WeChat answers; no `errcode`, by which SDKs tell success.
#[derive(Serialize)]
struct TokenAnswer<'a> {
    access_token: &'a str,
    expires_in: u64,
}

/// Answers either call.
pub(crate) async fn answer(
    serving: &Serving,
    call: Call,
    head: &Parts,
    body: Incoming,
) -> Response<Body> {
    match token(serving, call, head, body).await {
        Ok(response) => response,
        Err(refusal) => refusal.wechat(),
    }
}

async fn token(
    serving: &Serving,
    call: Call,
    head: &Parts,
    body: Incoming,
) -> Result<Response<Body>, Refusal> {
    let mut params = Params::default();
    params.add_form(head.uri.query().unwrap_or_default().as_bytes());
    match (&head.method, call) {
        (&Method::GET, Call::Token) => {}
        (&Method::POST, _) => params.add_body(&serving.body(body).await?)?,
        (_, Call::Token) => return Err(Refusal::MethodUnknown("GET, POST")),
        (_, Call::StableToken) => return Err(Refusal::MethodUnknown("POST")),
    }
    let call = params.complete()?;
    let credential = serving.admit(call.key.expose(), Right::TokenRead, &call.appid).await?;
    let served = serving.current(&credential).await?;
    let answer = TokenAnswer {
        access_token: served.token.value.expose(),
        expires_in: stated_life(served.token.full_life, served.left),
    };
    Ok(answer::json(StatusCode::OK, &answer))
}

/// The `expires_in` that brings an SDK back before the token that it holds can die.
///
/// After a rotation the replaced token lives five minutes, so an SDK must ask again within four. Of a token whose full
/// life is shorter than WeChat's two hours, both times are the same share. Never zero: SDKs would fetch on every call,
/// or keep the token for ever.
fn stated_life(full_life: Duration, left: Duration) -> u64 {
    const NOMINAL_LIFE: Duration = Duration::from_secs(7200);
    const RETURN: u32 = 240;
    const MARGIN: u32 = 5;
    let scale = full_life.min(NOMINAL_LIFE);
    let share = |seconds: u32| scale * seconds / 7200;
    share(RETURN).min(left.saturating_sub(share(MARGIN))).as_secs().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(full_life: u64, left: u64) -> u64 {
        stated_life(Duration::from_secs(full_life), Duration::from_secs(left))
    }

    #[test]
    fn a_client_comes_back_within_four_minutes_and_before_the_end() {
        assert_eq!(stated(7200, 7200), 240);
        assert_eq!(stated(7200, 245), 240);
        assert_eq!(stated(7200, 200), 195);
        assert_eq!(stated(86_400, 80_000), 240);
    }

    #[test]
    fn a_token_with_a_short_life_has_short_margins() {
        assert_eq!(stated(3600, 3600), 120);
        assert_eq!(stated(60, 60), 2);
        assert_eq!(stated(60, 1), 1);
    }

    #[test]
    fn the_stated_life_is_never_zero() {
        assert_eq!(stated(7200, 0), 1);
        assert_eq!(stated(0, 0), 1);
    }
}

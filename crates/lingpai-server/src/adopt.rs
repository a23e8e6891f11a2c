//! Taking over a live token that somebody else has fetched: no fetch, and so no gap, when an account moves here.

use std::net::IpAddr;
use std::time::Duration;

use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use lingpai_core::audit::{Action, Deed};
use lingpai_core::client::Right;
use lingpai_core::keeper::GiveError;
use lingpai_core::{Failure, Issued, Secret, StoreError, Verdict};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::answer::{self, Body};
use crate::language::Bilingual;
use crate::native::caller;
use crate::object;
use crate::refusal::Refusal;
use crate::serving::Serving;

/// Bytes; WeChat's have at most 512.
pub(crate) const LONGEST: usize = 2048;
/// Seconds; WeChat's live for 7200.
pub(crate) const LONGEST_LIFE: u64 = 86_400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    access_token: Secret,
    /// What is left of its life, in seconds.
    expires_in: u64,
    /// Whether it is taken without asking WeChat.
    #[serde(default)]
    untried: bool,
}

#[derive(Serialize)]
struct Adopted {
    /// What WeChat said of it: `accepted`, `unsaid`, or `untried` if it was not asked.
    trial: &'static str,
    generation: u64,
    expires_in: u64,
}

/// `POST /v1/accounts/{account}/token/adopt`: durable when it is answered.
pub(crate) async fn adopt(
    serving: &Serving,
    account: &str,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let caller = caller("POST", head, peer)?;
    let admitted = serving.admit(caller, Right::Admin, account).await?;
    let keeper = serving.keeper(&admitted.credential)?;
    let Given { access_token, expires_in, untried } = object::read(&serving.body(body).await?)?;
    let text = access_token.expose();
    let is_plausible =
        (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plausible {
        return Err(Refusal::BodyWrong(Bilingual::fixed(
            "`access_token` is no token: those are of visible ASCII characters, without blanks",
            "`access_token` 不是凭据：凭据由可见 ASCII 字符组成，没有空格",
        )));
    }
    if !(1..=LONGEST_LIFE).contains(&expires_in) {
        return Err(Refusal::BodyWrong(Bilingual::fixed(
            "`expires_in` is what is left of the token's life, in seconds from 1 to 86400",
            "`expires_in` 是凭据剩余的有效秒数，1 到 86400",
        )));
    }
    let trial = match untried {
        true => "untried",
        false => match keeper.try_before(&access_token).await {
            Verdict::Accepted => "accepted",
            Verdict::Refused(failure) => return Err(Refusal::BodyWrong(worthless(&failure))),
            // WeChat may be out of reach just now; a token that is not good is found by whoever uses it.
            Verdict::Inconclusive(_) => "unsaid",
        },
    };
    let given = keeper.give(Issued::new(access_token, Duration::from_secs(expires_in)));
    timeout(serving.limits.token_wait, given)
        .await
        .map_err(|_| Refusal::Pending)?
        .map_err(refused)?;
    let (credential, by) = (admitted.credential, admitted.key);
    serving.did(&by, peer, Some(credential), Deed::new(Action::TokenAdopted));
    let status = keeper.status();
    let expires_in = status.expires_in.map_or(0, |left| left.as_secs());
    let adopted = Adopted { trial, generation: status.generation.0, expires_in };
    Ok(answer::json(StatusCode::OK, &adopted))
}

fn worthless(failure: &Failure) -> Bilingual {
    let code = failure.code.unwrap_or_default();
    let said = &failure.message;
    Bilingual::made(
        format!(
            "WeChat refuses this token (errcode {code}: {said}), so nothing was changed: it takes the one that is in use now"
        ),
        format!(
            "微信拒绝这个凭据（errcode {code}：{said}），没有做任何修改：需要的是现在正在使用的那个"
        ),
    )
}

fn refused(error: GiveError) -> Refusal {
    match error {
        GiveError::NotKept => Refusal::Pending,
        GiveError::Unusable(why) => Refusal::BodyWrong(Bilingual::foreign(&why)),
        GiveError::Store { kind, message } => Refusal::Store(StoreError::new(kind, message)),
    }
}

//! `POST /v1/diagnose`: why a token was refused, for whoever may see how its account stands.

use std::net::IpAddr;
use std::time::Duration;

use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use lingpai_core::client::{Accounts, Denied, Right};
use lingpai_core::{AccountId, CredentialId, Secret};
use serde::Deserialize;
use tokio::time::timeout;

use super::Pasted;
use super::gather::{self, Asked, Upstream};
use crate::answer::Body;
use crate::language::{self, Bilingual};
use crate::native::caller;
use crate::object;
use crate::refusal::Refusal;
use crate::serving::Serving;

/// Longer than two calls of WeChat's take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    access_token: Option<Secret>,
    /// Whatever a person has pasted.
    text: Option<Secret>,
    errcode: Option<i64>,
    account: Option<AccountId>,
    #[serde(default)]
    offline: bool,
}

/// `POST /v1/diagnose`. Of the token, only the fingerprint outlives the request.
pub(crate) async fn answer(
    serving: &Serving,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    const NOTHING: Refusal = Refusal::BodyWrong(Bilingual::fixed(
        "it has none of `access_token`, `text` and `errcode`",
        "其中没有 `access_token`、`text`、`errcode` 中的任何一个",
    ));
    let caller = caller("POST", head, peer)?;
    let (_, allowed) = serving.admit_somewhere(caller, Right::StatusRead).await?;
    let body = serving.body(body).await?;
    let wanted: Wanted = object::read(&body)?;
    if wanted.account.as_ref().is_some_and(|account| !allowed.contains(account)) {
        return Err(Denied::Account.into());
    }
    let mut pasted = wanted.text.map(|text| Pasted::read(text.expose())).unwrap_or_default();
    if let Some(token) = wanted.access_token {
        pasted.token = Some(Secret::from(token.expose().trim()));
    }
    if pasted.token.is_none() && pasted.rest.is_empty() && wanted.errcode.is_none() {
        return Err(NOTHING);
    }
    let asked = Asked { pasted, errcode: wanted.errcode, account: wanted.account };
    let may_see = |account: Option<&AccountId>| match (&allowed, account) {
        (Accounts::All, _) => true,
        (some, Some(account)) => some.contains(account),
        (Accounts::Only(_), None) => false,
    };
    let registry = &serving.registry;
    let wechat = serving.wechat.as_ref().map(|wechat| wechat());
    let proxy_of = |account: &AccountId| {
        let credential = CredentialId::access_token(account.clone());
        registry.with(&credential, |keeper| keeper.proxy()).flatten()
    };
    let upstream = wechat.as_ref().map(|wechat| Upstream { wechat, proxy_of: &proxy_of });
    let upstream = upstream.filter(|_| !wanted.offline);
    let now = registry.clock().now().wall;
    let answering = gather::answer(&asked, &**registry.store(), &may_see, now, upstream);
    let mut answered = timeout(PATIENCE, answering).await.map_err(|_| Refusal::Pending)??;
    let users = answered.fingerprint().map(|token| serving.strays.who(token)).unwrap_or_default();
    let keys = serving.keys.all();
    for user in users.iter().filter(|user| allowed.contains(&user.account)) {
        let name = keys.values().find(|key| key.id == user.key).map(|key| key.name.as_str());
        answered.used_by(name.unwrap_or(&user.key), user.times, user.last_at);
    }
    let language = language::wanted(&head.headers);
    Ok(language::said(language, StatusCode::OK, &answered.to_json(language)))
}

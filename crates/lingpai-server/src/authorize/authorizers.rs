//! Those who have authorised a platform: which there are, taking over some that another system has kept, and finding again all
//! that WeChat knows. A refresh token goes in and never comes out.

use std::net::IpAddr;

use http::request::Parts;
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use lingpai_core::audit::{Action, Deed};
use lingpai_core::client::Right;
use lingpai_core::{AccountId, CredentialId, Secret, Timestamp};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::{Admission, Authority, Authorizer, Newcomer, NotInvited, Sort};
use crate::accounts::State;
use crate::answer::{self, Body};
use crate::language::Bilingual;
use crate::native::bearer;
use crate::object;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::serving::{Admitted, Serving};

/// How many one call takes over, and how many one page lists.
pub(crate) const MOST: usize = 500;
pub(crate) const PAGE: usize = 10_000;
/// Room for so many.
const MAX_BYTES: usize = 512 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    authorizers: Vec<Row>,
    #[serde(default)]
    replace: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    account: AccountId,
    refresh_token: Secret,
    #[serde(default)]
    kind: Sort,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    #[serde(default)]
    offset: u64,
}

#[derive(Serialize)]
struct ListAnswer {
    platform: AccountId,
    authorizers: Vec<ListedAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<AccountId>,
}

#[derive(Serialize)]
struct ListedAnswer {
    account: AccountId,
    state: &'static str,
    #[serde(serialize_with = "answer::rfc_3339")]
    added_at: Timestamp,
    #[serde(serialize_with = "answer::rfc_3339")]
    changed_at: Timestamp,
}

#[derive(Serialize)]
struct AdmittedAnswer {
    outcomes: Vec<OutcomeAnswer>,
}

#[derive(Serialize)]
struct RecoveredAnswer {
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
    outcomes: Vec<OutcomeAnswer>,
}

#[derive(Serialize)]
struct OutcomeAnswer {
    account: AccountId,
    outcome: &'static str,
}

/// `GET` and `POST /v1/accounts/{account}/authorizers`.
pub(super) async fn collection(
    serving: &Serving,
    account: &str,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    match head.method {
        Method::GET => list(serving, account, head, peer).await,
        Method::POST => admit(serving, account, head, body, peer).await,
        _ => Err(Refusal::MethodUnknown("GET, POST")),
    }
}

async fn list(
    serving: &Serving,
    account: &str,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let (admitted, authority) = enter(serving, account, Right::Platform, head, peer).await?;
    let query = Query::of(head);
    let limit = query.limit(PAGE, PAGE)?;
    let after = query.account("after")?;
    let platform = admitted.credential.account;
    let mut all = authority.authorizers(&platform).await?;
    all.retain(|it| after.as_ref().is_none_or(|after| it.account > *after));
    all.sort_by(|one, other| one.account.cmp(&other.account));
    let more = all.len() > limit;
    all.truncate(limit);
    let next = all.last().filter(|_| more).map(|last| last.account.clone());
    let listed = |Authorizer { account, added_at, changed_at }| {
        let credential = CredentialId::access_token(account);
        let state = serving.registry.with(&credential, |keeper| State::of(&keeper.status()));
        let state = state.unwrap_or(State::Idle).as_str();
        ListedAnswer { account: credential.account, state, added_at, changed_at }
    };
    let authorizers = all.into_iter().map(listed).collect();
    Ok(answer::json(StatusCode::OK, &ListAnswer { platform, authorizers, next }))
}

async fn admit(
    serving: &Serving,
    account: &str,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let (admitted, authority) = enter(serving, account, Right::Admin, head, peer).await?;
    let body = serving.body_within(body, MAX_BYTES).await?;
    let wanted: Wanted = object::read(&body)?;
    if wanted.authorizers.len() > MOST {
        return Err(Refusal::BodyWrong(TOO_MANY));
    }
    let newcomer =
        |Row { account, refresh_token, kind }| Newcomer { account, refresh_token, sort: kind };
    let newcomers: Vec<_> = wanted.authorizers.into_iter().map(newcomer).collect();
    if newcomers.iter().any(|it| !super::is_refresh_token(&it.refresh_token)) {
        return Err(Refusal::BodyWrong(NO_TOKEN));
    }
    let Admitted { credential, key, .. } = admitted;
    let admissions = authority.admit(&credential.account, newcomers, wanted.replace).await?;
    serving.did(&key, peer, Some(credential), Deed::new(Action::AuthorizersImported));
    Ok(answer::json(StatusCode::OK, &AdmittedAnswer { outcomes: outcomes(admissions) }))
}

/// `POST /v1/accounts/{account}/authorizers/recover`: one page of WeChat's list.
pub(super) async fn recover(
    serving: &Serving,
    account: &str,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    if head.method != Method::POST {
        return Err(Refusal::MethodUnknown("POST"));
    }
    let (admitted, authority) = enter(serving, account, Right::Admin, head, peer).await?;
    let body = serving.body(body).await?;
    let is_empty = body.trim_ascii().is_empty();
    let From { offset } = if is_empty { From::default() } else { object::read(&body)? };
    let Admitted { credential, key, .. } = admitted;
    let recovered = authority.recover(&credential.account, offset).await;
    let recovered = recovered.map_err(|why| match why {
        NotInvited::NoPlatform => Refusal::NoPlatform,
        NotInvited::Refused(failure) => Refusal::UpstreamRefused(Box::new(failure)),
        NotInvited::Store(error) => Refusal::Store(error),
    })?;
    if offset == 0 {
        serving.did(&key, peer, Some(credential), Deed::new(Action::AuthorizersRecovered));
    }
    let outcomes = outcomes(recovered.admissions);
    let (total, next) = (recovered.total, recovered.next);
    Ok(answer::json(StatusCode::OK, &RecoveredAnswer { total, next, outcomes }))
}

/// Lets a caller in, to a platform.
async fn enter<'a>(
    serving: &'a Serving,
    account: &str,
    right: Right,
    head: &Parts,
    peer: IpAddr,
) -> Result<(Admitted, &'a dyn Authority), Refusal> {
    let account = percent_decode_str(account).decode_utf8_lossy();
    let admitted = serving.admit(bearer(head, peer)?, right, &account).await?;
    let authorizing = serving.authorizing.as_ref().ok_or(Refusal::PathUnknown)?;
    let authority = &*authorizing.settings.authority;
    if !authority.is_platform(&admitted.credential.account).await? {
        return Err(Refusal::NoPlatform);
    }
    Ok((admitted, authority))
}

fn outcomes(admissions: Vec<(AccountId, Admission)>) -> Vec<OutcomeAnswer> {
    let told = |(account, admission): (_, Admission)| {
        let outcome = admission.as_str();
        OutcomeAnswer { account, outcome }
    };
    admissions.into_iter().map(told).collect()
}

const TOO_MANY: Bilingual =
    Bilingual::fixed("more than 500 at once: send them in parts", "一次最多 500 个：请分批发送");
const NO_TOKEN: Bilingual = Bilingual::fixed(
    "a `refresh_token` is empty, has blanks, or more than 512 characters",
    "有 `refresh_token` 为空、含有空白，或超过 512 个字符",
);

//! The native API that changes accounts: create, update, give another secret, remove.
//!
//! Whoever runs the server makes the changes (see `change`); here they are read, admitted, handed over and told of. A
//! secret goes in and never comes out.

use std::net::IpAddr;
use std::time::Duration;

use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use lingpai_core::CredentialId;
use lingpai_core::audit::Deed;
use lingpai_core::client::{Denied, KeyHash, Right};
use lingpai_core::event::{AccountChange, What};
use lingpai_wechat::catalogue;
use tokio::time::timeout;

use crate::answer::{self, Body};
use crate::change::{self, Change, Changed};
use crate::language::{self, either, say};
use crate::native::bearer;
use crate::refusal::Refusal;
use crate::serving::{Admitted, Serving};
use crate::settings::{SettingsAnswer, Wanted};

/// Longer than a trial of a secret and a write to the store take.
const PATIENCE: Duration = Duration::from_secs(10);

/// `POST /v1/accounts`.
pub(crate) async fn create(
    serving: &Serving,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let caller = bearer(head, peer)?;
    let (key, allowed) = serving.admit_somewhere(caller, Right::Admin).await?;
    let body = serving.body(body).await?;
    let now = serving.registry.clock().now().wall;
    let account = Wanted::read(&body)?.creation(now)?;
    if !allowed.contains(&account.id) {
        return Err(Denied::Account.into());
    }
    let change = Change::Create(Box::new(account));
    let changed = carry_out(serving, (&key, peer), AccountChange::Created, change).await?;
    Ok(shown(head, StatusCode::CREATED, changed))
}

/// `PATCH /v1/accounts/{account}`.
pub(crate) async fn update(
    serving: &Serving,
    account: &str,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let Admitted { credential, key, .. } = admit(serving, account, head, peer).await?;
    let body = serving.body(body).await?;
    let change = Wanted::read(&body)?.update(credential.account)?;
    let deed = Deed::new(AccountChange::Updated).to(&Wanted::named(&body));
    let changed = record(serving, (&key, peer), (AccountChange::Updated, deed), change).await?;
    Ok(shown(head, StatusCode::OK, changed))
}

/// `PUT /v1/accounts/{account}/secret`.
pub(crate) async fn replace_secret(
    serving: &Serving,
    account: &str,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    if head.method != "PUT" {
        return Err(Refusal::MethodUnknown("PUT"));
    }
    let Admitted { credential, key, .. } = admit(serving, account, head, peer).await?;
    let body = serving.body(body).await?;
    let change = Change::ReplaceSecret(credential.account, Wanted::secret(&body)?);
    let changed = carry_out(serving, (&key, peer), AccountChange::SecretReplaced, change).await?;
    Ok(shown(head, StatusCode::OK, changed))
}

/// `DELETE /v1/accounts/{account}`.
pub(crate) async fn remove(
    serving: &Serving,
    account: &str,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let Admitted { credential, key, .. } = admit(serving, account, head, peer).await?;
    let change = Change::Remove(credential.account);
    carry_out(serving, (&key, peer), AccountChange::Removed, change).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

async fn admit(
    serving: &Serving,
    account: &str,
    head: &Parts,
    peer: IpAddr,
) -> Result<Admitted, Refusal> {
    serving.admit(bearer(head, peer)?, Right::Admin, account).await
}

/// Has a change made, and tells everyone who asked for it.
async fn carry_out(
    serving: &Serving,
    (key, peer): (&KeyHash, IpAddr),
    what: AccountChange,
    change: Change,
) -> Result<Changed, Refusal> {
    record(serving, (key, peer), (what, Deed::new(what)), change).await
}

/// The same, with what stands in the audit trail.
async fn record(
    serving: &Serving,
    (key, peer): (&KeyHash, IpAddr),
    (what, deed): (AccountChange, Deed),
    change: Change,
) -> Result<Changed, Refusal> {
    let desk = serving.changes.as_ref().ok_or(Refusal::AccountsFixed)?;
    let account = change.account().clone();
    let changed = timeout(PATIENCE, change::ask(desk, change)).await;
    let changed = changed.ok().flatten().ok_or(Refusal::ChangePending)??;
    if let Some(pushes) = &serving.pushes {
        pushes.changed(&account);
    }
    let credential = CredentialId::access_token(account);
    serving.did(key, peer, Some(credential.clone()), deed);
    let key = serving.keys.id_of(key);
    serving.registry.tell(Some(credential), What::AccountChanged { change: what, key });
    Ok(changed)
}

fn shown(head: &Parts, status: StatusCode, changed: Changed) -> Response<Body> {
    let language = language::wanted(&head.headers);
    let Changed { account, untried } = changed;
    let warning = untried.map(|failure| {
        say!(
            language,
            "WeChat could not say whether the secret is right, and it was taken all the same: {why}. {remedy}",
            "微信没能确认这个 AppSecret 是否正确，仍然采用：{why}。{remedy}",
            why = failure.message,
            remedy = catalogue::remedy(&failure, language).unwrap_or_else(|| {
                either(
                    language,
                    "If it is wrong, the status of the account says so at the next fetch",
                    "如果不正确，下一次获取时账号状况会说明",
                )
                .into()
            })
        )
    });
    let account = account.map(|account| SettingsAnswer::new(account, warning));
    language::said(language, status, &account)
}

//! Who is calling, and for which account.
//!
//! A key in the `Authorization` header comes first: a header, the path or the key itself then says which account is meant.
//! Without one, the `access_token` in the query says both: a virtual token, or, where the operator accepts that from the
//! caller's network, a real token that Lingpai has issued. Whoever shows neither is not forwarded.

use std::net::IpAddr;

use http::HeaderName;
use http::request::Parts;
use lingpai_core::client::{Accounts, ApiKey, Denied, KeyHash, Right};
use lingpai_core::{AccountId, Fingerprint, virtual_token};
use percent_encoding::percent_decode_str;

use super::hosts::Destination;
use super::rules::Gate;
use super::secret::{self, Shown};
use crate::native::bearer;
use crate::refusal::{Barred, Refusal};
use crate::serving::{Caller, Serving};

/// Names the account that a key in the `Authorization` header is used for.
pub(crate) const ACCOUNT_HEADER: HeaderName = HeaderName::from_static("x-lingpai-account");

/// A caller who is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Calling {
    pub(crate) account: AccountId,
    /// The client's key; none if it showed a real token.
    pub(crate) key: Option<KeyHash>,
}

/// Who makes a call that carries an account's token.
///
/// # Errors
/// Nobody who is known here, or nobody who may use the gateway for this account.
pub(crate) async fn who(
    serving: &Serving,
    gate: &Gate,
    head: &Parts,
    destination: &Destination<'_>,
    peer: IpAddr,
) -> Result<Calling, Refusal> {
    let named = named(head, destination)?;
    if let Ok(caller) = bearer(head, peer) {
        return by_key(serving, caller, named).await;
    }
    match destination.target.token().filter(|token| !token.is_empty()) {
        Some(token) if virtual_token::is_virtual(&token) => {
            by_virtual_token(serving, &token, named, peer).await
        }
        Some(token) => by_real_token(serving, gate, &token, named, peer).await,
        None => Err(Barred::CallerUnknown.into()),
    }
}

/// Who makes a call that carries an account's secret, by what stands there.
///
/// # Errors
/// As of [`who`].
pub(crate) async fn who_shows(
    serving: &Serving,
    shown: &Shown<'_>,
    head: &Parts,
    destination: &Destination<'_>,
    peer: IpAddr,
) -> Result<Calling, Refusal> {
    for_one(named(head, destination)?, secret::who(serving, shown, head, peer).await?)
}

/// Who makes a call that carries nothing of an account's: whoever holds a key that may use the gateway, and without a key
/// whoever is in a network from which the operator lets such calls pass.
///
/// # Errors
/// A key that is not good for this, or no key from elsewhere.
pub(crate) async fn who_passes(
    serving: &Serving,
    gate: &Gate,
    head: &Parts,
    destination: &Destination<'_>,
    peer: IpAddr,
) -> Result<Option<KeyHash>, Refusal> {
    // Upstream would say that it is bad, and the SDK would fetch it again without end.
    if destination.target.token().is_some_and(|token| virtual_token::is_virtual(&token)) {
        return Err(Barred::WrongKind.into());
    }
    match bearer(head, peer) {
        Ok(caller) => {
            let (key, _) = serving.admit_somewhere(caller, Right::Gateway).await?;
            Ok(Some(key))
        }
        Err(_) if gate.lets_pass(peer) => Ok(None),
        Err(_) => Err(Barred::CallerUnknown.into()),
    }
}

fn named(head: &Parts, destination: &Destination<'_>) -> Result<Option<AccountId>, Refusal> {
    account_named(head, destination.account_in_path)
}

/// The account that the header or the path names.
///
/// # Errors
/// They name two, or what cannot be one.
pub(crate) fn account_named(
    head: &Parts,
    in_path: Option<&str>,
) -> Result<Option<AccountId>, Refusal> {
    let parse = |name: &str| name.parse::<AccountId>().map_err(|_| Refusal::AccountUnknown);
    let header = head.headers.get(ACCOUNT_HEADER);
    let header = header.map(|name| parse(name.to_str().unwrap_or_default())).transpose()?;
    let path =
        in_path.map(|name| parse(&percent_decode_str(name).decode_utf8_lossy())).transpose()?;
    match (header, path) {
        (Some(header), Some(path)) if header != path => Err(Barred::TwoAccounts.into()),
        (header, path) => Ok(header.or(path)),
    }
}

async fn by_key(
    serving: &Serving,
    caller: Caller<'_>,
    named: Option<AccountId>,
) -> Result<Calling, Refusal> {
    let now = serving.registry.clock().now().wall;
    let look = |key: &ApiKey| {
        key.allows_somewhere(Right::Gateway, now)?;
        let account = match (&named, &key.accounts) {
            (Some(account), _) => account.clone(),
            (None, Accounts::Only(only)) if only.len() == 1 => {
                only.first().cloned().ok_or(Denied::Account)?
            }
            (None, _) => return Err(Refusal::from(Barred::AccountUnnamed)),
        };
        key.allows_from(caller.peer, Right::Gateway, &account, now)?;
        Ok::<_, Refusal>((Calling { account, key: Some(key.hash) }, key.first_used_at))
    };
    let looked = serving.keys.look(&caller.hash, look).await;
    let (calling, used) = looked.ok_or(Refusal::KeyUnknown)??;
    serving.used(&caller.hash, used, caller.peer);
    Ok(calling)
}

async fn by_virtual_token(
    serving: &Serving,
    token: &str,
    named: Option<AccountId>,
    peer: IpAddr,
) -> Result<Calling, Refusal> {
    let (hash, account) = virtual_token::read(token).ok_or(Barred::VirtualTokenUnknown)?;
    let now = serving.registry.clock().now().wall;
    let look = |key: &ApiKey| {
        key.allows_from(peer, Right::Gateway, &account, now)?;
        Ok::<_, Denied>((key.hash, key.first_used_at))
    };
    let (key, used) = match serving.keys.look_by_virtual(&hash, look).await {
        Some(Ok(key)) => key,
        // With another key in its configuration, which is why this one ended, the SDK is helped by fetching again.
        None | Some(Err(Denied::Revoked | Denied::Expired)) => {
            return Err(Barred::VirtualTokenUnknown.into());
        }
        Some(Err(denied)) => return Err(denied.into()),
    };
    serving.used(&key, used, peer);
    for_one(named, Calling { account, key: Some(key) })
}

async fn by_real_token(
    serving: &Serving,
    gate: &Gate,
    token: &str,
    named: Option<AccountId>,
    peer: IpAddr,
) -> Result<Calling, Refusal> {
    // Never a code on which SDKs fetch again: they would be given the same token, or take a new one from WeChat itself.
    if !gate.accepts_real_tokens(peer) {
        return Err(Barred::RealToken.into());
    }
    let found = gate.issued.find(&serving.registry, Fingerprint::of(token)).await;
    let account = found.ok_or(Barred::RealToken)?;
    for_one(named, Calling { account, key: None })
}

/// The token says which account is meant; whatever else says it must agree.
fn for_one(named: Option<AccountId>, calling: Calling) -> Result<Calling, Refusal> {
    match named {
        Some(named) if named != calling.account => Err(Barred::TwoAccounts.into()),
        _ => Ok(calling),
    }
}

//! Calls that do not carry the account's token: what they carry instead, and how the AppSecret gets into those that need
//! it.
//!
//! A business service that logs users in calls `/sns/jscode2session` with appid and secret. Where its SDK puts the secret
//! stands the client's key, and the AppSecret takes its place here. So the service never knows it.

use std::net::IpAddr;
use std::ops::Range;

use form_urlencoded::byte_serialize;
use http::request::Parts;
use lingpai_core::client::{ApiKey, Right};
use lingpai_core::{AccountId, Secret};

use super::hosts::{Destination, Host};
use super::needs::{COMPONENT, PROVIDER, is_under};
use super::rules::Gate;
use super::target::{decoded, values_of};
use super::who::Calling;
use crate::native::bearer;
use crate::refusal::{Parameter, Reads, Refusal};
use crate::serving::{Caller, Serving};

/// What a call carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    /// The access_token of an account: the one kind of call that is repaired.
    AccountToken,
    /// The appid and the secret of an account.
    Secret(SecretCall),
    /// A token that is not ours: a user's after OAuth, or a third-party platform's. Passed on untouched.
    UserToken,
    /// Nothing: whoever has the address may call it.
    Nothing,
}

/// A call with appid and secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SecretCall {
    /// The parameter that holds the secret.
    parameter: &'static str,
}

impl Carries {
    /// What the documentation of this path says.
    pub(crate) fn of(destination: &Destination<'_>) -> Self {
        let path = destination.path.trim_end_matches('/').to_ascii_lowercase();
        match (destination.host, path.as_str()) {
            (Host::Api, "/sns/jscode2session" | "/sns/oauth2/access_token") => {
                Self::Secret(SecretCall { parameter: "secret" })
            }
            (Host::Api, "/cgi-bin/clear_quota/v2") => {
                Self::Secret(SecretCall { parameter: "appsecret" })
            }
            (Host::Api, path) if path.starts_with("/sns/") => Self::UserToken,
            (Host::Api, path) if is_under(path, COMPONENT) => Self::UserToken,
            (Host::WeCom, path) if is_under(path, PROVIDER) => Self::UserToken,
            (Host::Mp, "/cgi-bin/showqrcode") => Self::Nothing,
            _ => Self::AccountToken,
        }
    }

    /// How the SDK that makes such a call reads a refusal.
    pub(crate) fn reads(self, host: Host) -> Reads {
        match (self, host) {
            (Self::Secret(_), _) => Reads::Secret,
            (_, Host::WeCom) => Reads::WeCom,
            _ => Reads::Api,
        }
    }
}

/// Who makes a call with appid and secret: the key stands in the secret's place, or in the `Authorization` header.
///
/// # Errors
/// A parameter is missing or ambiguous, or the key is not good for the account.
pub(super) async fn who(
    serving: &Serving,
    call: SecretCall,
    head: &Parts,
    destination: &Destination<'_>,
    peer: IpAddr,
) -> Result<Calling, Refusal> {
    let query = destination.target.query().unwrap_or_default();
    let appid = the_one("appid", query)?.ok_or(Refusal::ParameterMissing(Parameter::AppId))?;
    let secret = the_one(call.parameter, query)?;
    let secret = secret.ok_or(Refusal::ParameterMissing(Parameter::Secret))?;
    let key = decoded(&query[secret]);
    let caller = bearer(&head.headers, peer).unwrap_or(Caller { key: &key, peer });
    let account = decoded(&query[appid]).parse::<AccountId>();
    let now = serving.registry.clock().now().wall;
    let look = |key: &ApiKey| {
        key.allows_somewhere(Right::Gateway, now)?;
        let account = account.as_ref().map_err(|_| Refusal::AccountUnknown)?;
        key.allows_from(caller.peer, Right::Gateway, account, now)?;
        Ok::<_, Refusal>((account.clone(), key.hash))
    };
    let (account, key) = serving.keys.look(caller.key, look).await.ok_or(Refusal::KeyUnknown)??;
    Ok(Calling { account, key: Some(key) })
}

/// A call in which the AppSecret stands where the client's key stood.
pub(crate) struct WithSecret {
    /// Path and query; every other byte is as it came.
    pub(crate) target: Secret<String>,
    /// The AppSecret as it is written there.
    pub(crate) secret: Secret,
}

/// Puts the AppSecret where the client's key stands.
///
/// # Errors
/// The account is not kept here, or the store does not give its secret.
pub(crate) async fn put_in(
    gate: &Gate,
    call: SecretCall,
    calling: &Calling,
    destination: &Destination<'_>,
) -> Result<WithSecret, Refusal> {
    let account = gate.directory.account(&calling.account).await?.ok_or(Refusal::AccountUnknown)?;
    let query = destination.target.query().unwrap_or_default();
    let place = the_one(call.parameter, query)?;
    let place = place.ok_or(Refusal::ParameterMissing(Parameter::Secret))?;
    let secret: String = byte_serialize(account.secret.expose().as_bytes()).collect();
    let secret = Secret::from(secret);
    let target = replaced(destination.path, query, place, secret.expose());
    Ok(WithSecret { target, secret })
}

/// Where the one value of this parameter stands.
fn the_one(name: &'static str, query: &str) -> Result<Option<Range<usize>>, Refusal> {
    let mut places = values_of(name, query);
    let first = places.next();
    match places.next() {
        // Nobody can say which of them upstream would take.
        Some(_) => Err(Refusal::QueryUnreadable(name, "it once")),
        None => Ok(first),
    }
}

/// The path, and the query with this value in this place.
fn replaced(path: &str, query: &str, place: Range<usize>, value: &str) -> Secret<String> {
    // Of its final size from the start: a string that grows leaves copies of the secret behind.
    let mut target = String::with_capacity(path.len() + 1 + query.len() + value.len());
    for part in [path, "?", &query[..place.start], value, &query[place.end..]] {
        target.push_str(part);
    }
    Secret::new(target)
}

//! Calls that do not carry the account's token: what they carry instead, and how the AppSecret gets into those that need
//! it.
//!
//! A business service that logs users in calls `/sns/jscode2session` with appid and secret. Where its SDK puts the secret
//! stands the client's key, and the AppSecret takes its place here. So the service never knows it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Range;

use bytes::Bytes;
use form_urlencoded::byte_serialize;
use http::Method;
use http::request::Parts;
use lingpai_core::client::{ApiKey, Right};
use lingpai_core::{AccountId, Secret};
use serde_json::{Map, Value};

use super::hosts::{Destination, Host};
use super::needs::{COMPONENT, is_under, plain};
use super::pay;
use super::rules::Gate;
use super::target::{decoded, values_of};
use super::who::Calling;
use crate::language::Bilingual;
use crate::native::bearer;
use crate::refusal::{Parameter, Reads, Refusal};
use crate::serving::{Caller, Serving};

/// The secret's parameter of `clear_quota/v2`.
const QUOTA_SECRET: &str = "appsecret";

/// What a call carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    /// The token of an account, be it an access_token or a platform's: the one kind of call that is repaired.
    AccountToken,
    /// The appid and the secret of an account.
    Secret(SecretCall),
    /// A token that is not ours: a user's after OAuth. Passed on untouched.
    UserToken,
    /// Nothing: whoever has the address may call it.
    Nothing,
    /// The caller's own signature.
    Signature,
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
        match (destination.host, &*plain(destination.path)) {
            (Host::Pay, _) => Self::Signature,
            (Host::Api, "/sns/jscode2session" | "/sns/oauth2/access_token") => {
                Self::Secret(SecretCall { parameter: "secret" })
            }
            (Host::Api, "/cgi-bin/clear_quota/v2") => {
                Self::Secret(SecretCall { parameter: QUOTA_SECRET })
            }
            (Host::Api, path) if is_under(path, COMPONENT) => Self::AccountToken,
            (Host::Api, path) if path.starts_with("/sns/") => Self::UserToken,
            (Host::Mp, "/cgi-bin/showqrcode") => Self::Nothing,
            _ => Self::AccountToken,
        }
    }

    /// How the SDK that makes such a call reads a refusal.
    pub(crate) fn reads(self, destination: &Destination<'_>) -> Reads {
        match (self, destination.host) {
            (Self::Secret(_), _) => Reads::Secret,
            (_, Host::WeCom) => Reads::WeCom,
            (_, Host::Pay) => pay::reads(destination.path),
            _ => Reads::Api,
        }
    }
}

impl SecretCall {
    /// Whether the client has put appid and secret into the body. Of `clear_quota/v2` WeChat's documentation has them there
    /// and its example in the query.
    pub(super) fn is_in_body(self, head: &Parts, destination: &Destination<'_>) -> bool {
        let query = destination.target.query().unwrap_or_default();
        self.parameter == QUOTA_SECRET
            && head.method == Method::POST
            && values_of(self.parameter, query).next().is_none()
    }
}

/// What a client shows on a call with appid and secret.
pub(super) struct Shown<'a> {
    appid: Cow<'a, str>,
    /// What stands where the secret does.
    secret: Cow<'a, str>,
}

impl<'a> Shown<'a> {
    /// # Errors
    /// A parameter is missing or ambiguous.
    pub(super) fn in_query(
        call: SecretCall,
        destination: &Destination<'a>,
    ) -> Result<Self, Refusal> {
        let query = destination.target.query().unwrap_or_default();
        let appid = the_one("appid", query)?.ok_or(Refusal::ParameterMissing(Parameter::AppId))?;
        let secret = the_one(call.parameter, query)?;
        let secret = secret.ok_or(Refusal::ParameterMissing(Parameter::Secret))?;
        Ok(Self { appid: decoded(&query[appid]), secret: decoded(&query[secret]) })
    }

    /// # Errors
    /// A parameter is missing.
    pub(super) fn in_body(call: SecretCall, body: &'a Map<String, Value>) -> Result<Self, Refusal> {
        let text = |name, missing| {
            let text = body.get(name).and_then(Value::as_str);
            text.map(Cow::from).ok_or(Refusal::ParameterMissing(missing))
        };
        Ok(Self {
            appid: text("appid", Parameter::AppId)?,
            secret: text(call.parameter, Parameter::Secret)?,
        })
    }
}

/// Who makes a call with appid and secret: the key stands in the secret's place, or in the `Authorization` header.
///
/// # Errors
/// The key is not good for the account.
pub(super) async fn who(
    serving: &Serving,
    shown: &Shown<'_>,
    head: &Parts,
    peer: IpAddr,
) -> Result<Calling, Refusal> {
    let by_header = bearer(head, peer);
    let is_by_header = by_header.is_ok();
    let caller = by_header.unwrap_or_else(|_| Caller::new(&shown.secret, peer));
    let account = shown.appid.parse::<AccountId>();
    let now = serving.registry.clock().now().wall;
    let look = |key: &ApiKey| {
        key.allows_somewhere(Right::Gateway, now)?;
        let account = account.as_ref().map_err(|_| Refusal::AccountUnknown)?;
        key.allows_from(caller.peer, Right::Gateway, account, now)?;
        Ok::<_, Refusal>((account.clone(), key.hash, key.first_used_at))
    };
    let looked = serving.keys.look(&caller.hash, look).await;
    // A key that may not do this is one all the same.
    let known = looked.is_some().then_some(caller.hash);
    if looked.is_none() || is_by_header {
        // The AppSecret itself may stand there, also beside a good key.
        serving.shown.note(&shown.appid, &shown.secret, known, caller.peer, head.uri.path());
    }
    let (account, key, used) = looked.ok_or(Refusal::KeyUnknown)??;
    serving.used(&key, used, caller.peer);
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
    let secret = secret_of(gate, calling).await?;
    let query = destination.target.query().unwrap_or_default();
    let place = the_one(call.parameter, query)?;
    let place = place.ok_or(Refusal::ParameterMissing(Parameter::Secret))?;
    let secret: String = byte_serialize(secret.expose().as_bytes()).collect();
    let secret = Secret::from(secret);
    let target = replaced(destination.path, query, place, secret.expose());
    Ok(WithSecret { target, secret })
}

/// The JSON object in a call's body.
///
/// # Errors
/// The body holds none.
pub(super) fn read(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    serde_json::from_slice(body).map_err(|_| {
        Refusal::BodyUnreadable(Bilingual::fixed(
            "the JSON object {\"appid\": \"...\", \"appsecret\": \"...\"}",
            " JSON 对象 {\"appid\": \"...\", \"appsecret\": \"...\"}",
        ))
    })
}

/// The body of a call with the AppSecret where the client's key stands in it.
///
/// # Errors
/// As of [`put_in`].
pub(super) async fn put_into(
    gate: &Gate,
    call: SecretCall,
    calling: &Calling,
    mut body: Map<String, Value>,
) -> Result<Bytes, Refusal> {
    let secret = secret_of(gate, calling).await?;
    body.insert(call.parameter.to_owned(), secret.expose().into());
    Ok(Value::from(body).to_string().into())
}

async fn secret_of(gate: &Gate, calling: &Calling) -> Result<Secret, Refusal> {
    let account = gate.directory.account(&calling.account).await?;
    Ok(account.ok_or(Refusal::AccountUnknown)?.secret)
}

/// Where the one value of this parameter stands.
fn the_one(name: &'static str, query: &str) -> Result<Option<Range<usize>>, Refusal> {
    let mut places = values_of(name, query);
    let first = places.next();
    match places.next() {
        // Nobody can say which of them upstream would take.
        Some(_) => Err(Refusal::QueryUnreadable(name, Bilingual::fixed("it once", "一次"))),
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

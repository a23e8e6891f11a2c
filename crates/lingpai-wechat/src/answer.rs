//! Reading what WeChat answered: tolerant of form, strict about what a token must be.
//!
//! Whatever stands in an answer, a failure made from it holds no token: values are described, never
//! repeated. Only `errmsg` is, after [`clean`].

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use lingpai_core::{Class, Failure, Issued, Secret};
use serde_json::{Map, Value};

use crate::catalogue::{self, Scope};
use crate::clean::clean;
use crate::issuers::suite::CorpAuthorization;
use crate::protocol;
use crate::remedy;

/// A life longer than this is a lie: WeChat says 7200 s "at present", and nothing it issues lives
/// for a month.
const MAX_LIFE_SECONDS: f64 = 30.0 * 86_400.0;

/// What an answer is expected to hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// The name of what is issued.
    pub(crate) field: &'static str,
    /// What an errcode in its place is about.
    pub(crate) scope: Scope,
    /// Whether the same is repeated to its very end, so that nothing may be left of its life.
    pub(crate) may_have_ended: bool,
}

impl Expected {
    /// Of a call with an appid and a secret.
    pub(crate) const ACCESS_TOKEN: Self =
        Self { field: "access_token", scope: Scope::Token, may_have_ended: false };
    /// Of a call with a corpid and a secret.
    pub(crate) const WECOM_TOKEN: Self =
        Self { field: "access_token", scope: Scope::WeCom, may_have_ended: true };

    /// Of a call with an access_token, where codes have the meaning of this scope.
    pub(crate) const fn ticket(scope: Scope) -> Self {
        Self { field: "ticket", scope, may_have_ended: false }
    }
}

/// Reads the answer to a call for a token or a ticket. `secrets` are those that the request held.
pub(crate) fn issued(
    answer: &Response<Bytes>,
    expected: Expected,
    secrets: &[&Secret],
) -> Result<Issued, Failure> {
    let Expected { field, scope, may_have_ended } = expected;
    let mut answer = accepted(answer.status(), answer.body(), scope, secrets)?;
    let value = token(field, answer.remove(field))?;
    let life = match answer.get("expires_in") {
        Some(stated) if may_have_ended && integer(stated) == Some(0) => Duration::ZERO,
        stated => life(stated)?,
    };
    Ok(Issued::new(value, life))
}

/// Reads the answer to a call that exchanges a corp's auth_code.
pub(crate) fn corp_authorization(
    answer: &Response<Bytes>,
    secrets: &[&Secret],
) -> Result<CorpAuthorization, Failure> {
    let mut answer = accepted(answer.status(), answer.body(), Scope::WeCom, secrets)?;
    let permanent_code = token("permanent_code", answer.remove("permanent_code"))?;
    let corpid = answer.get("auth_corp_info").and_then(|corp| corp.get("corpid"));
    let corpid = corpid.and_then(Value::as_str).filter(|corpid| !corpid.is_empty());
    let corpid = corpid.ok_or_else(|| unusable("the answer does not say which corp it is"))?;
    Ok(CorpAuthorization { corpid: corpid.into(), permanent_code })
}

/// Reads the answer to a call made only to try a token.
pub(crate) fn tried(
    status: StatusCode,
    body: &[u8],
    scope: Scope,
    secrets: &[&Secret],
) -> Result<(), Failure> {
    let answer = accepted(status, body, scope, secrets)?;
    if answer.contains_key("errcode") || answer.get("ip_list").is_some_and(Value::is_array) {
        Ok(())
    } else {
        Err(unusable("the answer has neither an errcode nor a list of addresses"))
    }
}

/// Reads any other answer: the object, or the refusal that it is.
pub(crate) fn told(
    answer: &Response<Bytes>,
    scope: Scope,
    secrets: &[&Secret],
) -> Result<Map<String, Value>, Failure> {
    accepted(answer.status(), answer.body(), scope, secrets)
}

/// Whether a failure of a call that carried a token says that the token is bad.
pub(crate) fn blames_token(failure: &Failure, scope: Scope) -> bool {
    failure.code.is_some_and(|code| catalogue::blames_token(code, scope))
}

/// Whether a failure of a call for a token says that appid and secret do not go together, or that WeChat has frozen the
/// secret. WeCom says 40091 besides.
pub(crate) fn blames_secret(failure: &Failure) -> bool {
    failure.code.is_some_and(|code| [40001, 40013, 40091, 40125, 40243].contains(&code))
}

/// The answer as an object, if it does not say that the call was refused.
///
/// # Errors
/// What upstream refused it for, or that it answered with what cannot be used. `secrets` are those that the call carried: no
/// failure repeats them.
pub fn accepted(
    status: StatusCode,
    body: &[u8],
    scope: Scope,
    secrets: &[&Secret],
) -> Result<Map<String, Value>, Failure> {
    let object = object(body);
    let code = object.as_ref().ok().and_then(|answer| answer.get("errcode"));
    match code.map(integer) {
        // An errcode says more than the status that a proxy may have put on it.
        Some(Some(code)) if code != protocol::OK => {
            let message = object.as_ref().ok().and_then(|answer| answer.get("errmsg"));
            let message = message.and_then(Value::as_str).unwrap_or_default();
            Err(catalogue::failure(code, scope, &clean(message, secrets)))
        }
        _ if status != StatusCode::OK => Err(refused_by_status(status)),
        Some(None) => Err(unusable("errcode is not a whole number")),
        _ => object.map_err(unusable),
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, &'static str> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("the answer is JSON, but no object"),
        Err(_) if body.is_empty() => Err("the answer is empty"),
        Err(_) if body.starts_with(b"<") => Err("the answer is a web page or XML, not JSON"),
        Err(error) if error.is_eof() => Err("the answer is JSON that breaks off"),
        Err(_) => Err("the answer is not JSON"),
    }
}

pub(crate) fn token(field: &str, value: Option<Value>) -> Result<Secret, Failure> {
    let token = match value {
        Some(Value::String(token)) => Secret::from(token),
        Some(_) => return Err(unusable(format!("{field} is not a string"))),
        None => return Err(unusable(format!("the answer has no {field}"))),
    };
    // What may stand in the query of a URL as it is (RFC 3986, less what separates parameters or is
    // decoded).
    let in_query = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$'()*,;:@/?=".contains(&byte);
    let text = token.expose();
    if text.is_empty() {
        Err(unusable(format!("{field} is empty")))
    } else if text.chars().count() > protocol::TOKEN_MAX_CHARS {
        let (length, most) = (text.chars().count(), protocol::TOKEN_MAX_CHARS);
        Err(unusable(format!("{field} has {length} characters, more than the {most} allowed")))
    } else if !text.bytes().all(in_query) {
        Err(unusable(format!("{field} has characters that cannot stand in a URL")))
    } else {
        Ok(token)
    }
}

pub(crate) fn life(value: Option<&Value>) -> Result<Duration, Failure> {
    let value = value.ok_or_else(|| unusable("the answer has no expires_in"))?;
    let seconds = match (integer(value), value) {
        (Some(seconds), _) => seconds as f64,
        (None, Value::Number(number)) => number.as_f64().unwrap_or(f64::NAN),
        _ => return Err(unusable("expires_in is not a number")),
    };
    if (1.0..=MAX_LIFE_SECONDS).contains(&seconds) {
        Ok(Duration::from_secs(seconds as u64))
    } else if seconds.abs() < 1e15 {
        Err(unusable(format!("expires_in is {seconds} s, which no token lives")))
    } else {
        Err(unusable(format!("expires_in is {seconds:e} s, which no token lives")))
    }
}

/// A whole number, also one that is written as a string.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// An answer that looks like success and cannot be used: upstream may well have issued a token.
pub(crate) fn unusable(why: impl Into<String>) -> Failure {
    Failure::new(Class::Transient, why).perhaps_reached().with_remedy(remedy::UNUSABLE.en)
}

fn refused_by_status(status: StatusCode) -> Failure {
    let failure = |class| Failure::new(class, format!("upstream answered with HTTP {status}"));
    let transient = || failure(Class::Transient);
    match status.as_u16() {
        412 => transient().with_remedy(remedy::NO_LENGTH.en),
        429 => failure(Class::RateLimited(Duration::from_mins(1)))
            .with_remedy(remedy::TOO_MANY_CALLS.en),
        300..400 => transient().with_remedy(remedy::REDIRECTED.en),
        400..500 => transient().with_remedy(remedy::WRONG_BASE.en),
        // Others may come from a gateway that had passed the request on.
        _ => transient().perhaps_reached().with_remedy(remedy::SERVER_ERROR.en),
    }
}

#[cfg(test)]
mod tests;

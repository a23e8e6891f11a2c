//! The parameters of WeChat's token calls, wherever an SDK puts them: query, form or JSON, in any order, with others
//! among them.

use std::borrow::Cow;

use http::Method;
use hyper::body::Incoming;
use lingpai_core::Secret;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::language::Bilingual;
use crate::object;
use crate::refusal::{Parameter, Refusal};
use crate::serving::Serving;

const EXPECTED: Bilingual = Bilingual::fixed(
    "a form, or a JSON object whose `grant_type`, `appid` and `secret` are strings",
    "表单，或 JSON 对象，其中 `grant_type`、`appid` 和 `secret` 是字符串",
);

/// What was found so far. An empty value counts as absent, and the first of two counts.
#[derive(Default, Deserialize)]
pub(crate) struct Params<'a> {
    grant_type: Option<Cow<'a, str>>,
    appid: Option<Cow<'a, str>>,
    secret: Option<Secret>,
    #[serde(default, deserialize_with = "is_true")]
    force_refresh: bool,
}

/// A call for a token with everything that it needs.
pub(crate) struct TokenCall<'a> {
    pub(crate) appid: Cow<'a, str>,
    /// The client's key, in the place of the AppSecret; or at `api_authorizer_token` a virtual token of that key.
    pub(crate) key: Secret,
    /// It wants another token than the one it has. Never passed on: that would cost one of 20 calls a day.
    pub(crate) forced: bool,
}

/// What stands in the body of a call for the token of a platform, a suite or a provider: JSON, sent by POST.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// # Errors
    /// It comes by another method, or its body is no object of JSON.
    pub(crate) async fn read(
        serving: &Serving,
        method: &Method,
        body: Incoming,
    ) -> Result<Self, Refusal> {
        if method != Method::POST {
            return Err(Refusal::MethodUnknown("POST"));
        }
        object::read(&serving.body(body).await?).map(Self)
    }

    /// A text; an empty one counts as absent.
    pub(crate) fn find(&self, parameter: Parameter) -> Option<String> {
        let found = self.0.get(parameter.name()).and_then(Value::as_str);
        found.filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// # Errors
    /// It is missing.
    pub(crate) fn text(&self, parameter: Parameter) -> Result<String, Refusal> {
        self.find(parameter).ok_or(Refusal::ParameterMissing(parameter))
    }
}

/// The corpid and the key of a call for a token of WeCom, which has them in the query.
pub(crate) struct CorpCall {
    pub(crate) corpid: String,
    /// The client's key, in the place of the application's secret.
    pub(crate) key: Secret,
}

impl CorpCall {
    /// # Errors
    /// Something is missing; in the order in which WeCom looks.
    pub(crate) fn of(query: Option<&str>) -> Result<Self, Refusal> {
        let value = |wanted, missing| {
            let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
            let found = pairs.find(|(name, value)| name == wanted && !value.is_empty());
            found.map(|(_, value)| value.into_owned()).ok_or(Refusal::ParameterMissing(missing))
        };
        let corpid = value("corpid", Parameter::CorpId)?;
        Ok(Self { corpid, key: value("corpsecret", Parameter::CorpSecret)?.into() })
    }
}

impl<'a> Params<'a> {
    /// Adds what a query or a form says.
    pub(crate) fn add_form(&mut self, text: &'a [u8]) {
        for (name, value) in form_urlencoded::parse(text) {
            let mut found = Self::default();
            match &*name {
                "grant_type" => found.grant_type = Some(value),
                "appid" => found.appid = Some(value),
                "secret" => found.secret = Some(Secret::from(&*value)),
                "force_refresh" => found.force_refresh = matches!(&*value, "true" | "1"),
                _ => continue,
            }
            self.add(found);
        }
    }

    /// Adds what a body says. Whether it is JSON shows in its first byte: many SDKs send no `Content-Type`, or a wrong
    /// one.
    pub(crate) fn add_body(&mut self, body: &'a [u8]) -> Result<(), Refusal> {
        match body.trim_ascii_start().first() {
            Some(b'{' | b'[' | b'"') => {
                let found = serde_json::from_slice(body);
                self.add(found.map_err(|_| Refusal::BodyUnreadable(EXPECTED))?);
            }
            _ => self.add_form(body),
        }
        Ok(())
    }

    /// Whether everything is there, in the order in which WeChat looks.
    pub(crate) fn complete(self) -> Result<TokenCall<'a>, Refusal> {
        let appid = self.appid.ok_or(Refusal::ParameterMissing(Parameter::AppId))?;
        let key = self.secret.ok_or(Refusal::ParameterMissing(Parameter::Secret))?;
        if self.grant_type.as_deref() != Some("client_credential") {
            return Err(Refusal::GrantType);
        }
        Ok(TokenCall { appid, key, forced: self.force_refresh })
    }

    fn add(&mut self, found: Self) {
        let given = |text: &Cow<'a, str>| !text.is_empty();
        self.grant_type = self.grant_type.take().or(found.grant_type.filter(given));
        self.appid = self.appid.take().or(found.appid.filter(given));
        let secret = found.secret.filter(|secret| !secret.expose().is_empty());
        self.secret = self.secret.take().or(secret);
        self.force_refresh |= found.force_refresh;
    }
}

/// Whatever else stands there is not `true`, and no error.
fn is_true<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(serde_json::Value::deserialize(deserializer)? == true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_two_values_counts_and_an_empty_one_does_not() {
        let mut params = Params::default();
        params
            .add_form(b"appid=&x=1&secret=k%5F1&appid=wx1&appid=wx2&grant_type=client_credential");
        let call = params.complete().unwrap();
        assert_eq!((&*call.appid, call.key.expose()), ("wx1", "k_1"));
    }

    #[test]
    fn json_is_known_by_its_first_byte() {
        let mut params = Params::default();
        let body = br#" {"secret":"k","force_refresh":true,"appid":"wx1","n":[1],"grant_type":"client_credential"}"#;
        params.add_body(body).unwrap();
        let call = params.complete().unwrap();
        assert!(call.appid == "wx1" && call.forced);
    }

    #[test]
    fn a_forced_refresh_is_asked_for_in_every_form_and_by_nothing_else() {
        for (body, forced) in [
            ("force_refresh=true", true),
            ("force_refresh=1", true),
            ("force_refresh=false", false),
            (r#"{"force_refresh":true}"#, true),
            (r#"{"force_refresh":false}"#, false),
            (r#"{"force_refresh":{"a":[1]}}"#, false),
        ] {
            let mut params = Params::default();
            params.add_form(b"appid=wx1&secret=k&grant_type=client_credential");
            params.add_body(body.as_bytes()).unwrap();
            assert_eq!(params.complete().unwrap().forced, forced, "{body}");
        }
    }
}

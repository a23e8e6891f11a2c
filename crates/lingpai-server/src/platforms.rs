//! A third-party platform's calls for the tokens of its authorizers (`/cgi-bin/component/api_authorizer_token`): read here, and
//! answered by `dropin` from what is kept. They are never forwarded.
//!
//! The client's key stands where the call has its secret: `authorizer_refresh_token`. It is also believed if it carries the
//! client's virtual token for the platform. A real token in its place says nothing of who is calling, and no refresh token
//! is ever answered: only what the client has shown as one, or [`KEPT_HERE`].

use http::request::Parts;
use hyper::body::Incoming;
use lingpai_core::client::KeyHash;
use lingpai_core::{Secret, virtual_token};
use lingpai_wechat::kinds;
use serde_json::{Value, json};

use crate::params::{Fields, TokenCall};
use crate::refusal::{Barred, Parameter, Refusal};
use crate::serving::Serving;

/// What stands in answers where WeChat has a refresh token. It opens nothing, and is the same for all.
pub(crate) const KEPT_HERE: &str = "refreshtoken@@@kept-by-lingpai";

/// Reads one of these calls: whose token it wants, and with which key. What else it carries is of no account.
pub(crate) async fn authorizer(
    serving: &Serving,
    head: &Parts,
    body: Incoming,
) -> Result<TokenCall<'static>, Refusal> {
    let fields = Fields::read(serving, &head.method, body).await?;
    let shown = fields.find(Parameter::RefreshToken).filter(|shown| shown != KEPT_HERE);
    let key = key_shown(head, shown, Parameter::RefreshToken)?;
    let appid = fields.text(Parameter::AuthorizerAppId)?;
    Ok(TokenCall { appid: appid.into(), key: Secret::from(key), forced: false })
}

/// The key that a call shows, by itself or by its virtual token in the query. `shown` stands in the place of the secret.
///
/// # Errors
/// It shows none.
pub(crate) fn key_shown(
    head: &Parts,
    shown: Option<String>,
    place: Parameter,
) -> Result<String, Refusal> {
    match (virtual_in(head.uri.query()), shown) {
        // What is in the place of the secret counts, if it can be a key: the other may be a colleague's.
        (Some(token), shown) => Ok(shown.filter(|shown| shown.starts_with("lp_")).unwrap_or(token)),
        (None, Some(shown)) => Ok(shown),
        (None, None) => Err(Refusal::ParameterMissing(place)),
    }
}

/// The virtual token in this query, under any of the names that such a token has there.
fn virtual_in(query: Option<&str>) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let is_its = |name: &str| kinds::carried().any(|(_, carried)| carried.name == name);
    let found = pairs.find(|(name, value)| is_its(name) && virtual_token::is_virtual(value));
    found.map(|(_, value)| value.into_owned())
}

/// The key behind this virtual token, whatever account it is for.
pub(crate) async fn behind(serving: &Serving, token: &str) -> Result<KeyHash, Refusal> {
    let unknown = || Refusal::from(Barred::VirtualTokenUnknown);
    let (proof, _) = virtual_token::read(token).ok_or_else(unknown)?;
    serving.keys.look_by_virtual(&proof, |key| key.hash).await.ok_or_else(unknown)
}

/// The answer to one of them. An SDK stores what stands there as a refresh token, and shows it the next time.
pub(crate) fn authorizer_answer(token: &Secret, expires_in: u64, shown: &Secret) -> Value {
    json!({
        "authorizer_access_token": token.expose(), "expires_in": expires_in,
        "authorizer_refresh_token": stand_in(shown, KEPT_HERE),
    })
}

/// What is answered in the place of something that opens an account: the key that was shown, or, after a virtual token, the word that
/// it is kept here.
pub(crate) fn stand_in<'a>(shown: &'a Secret, kept_here: &'static str) -> &'a str {
    if virtual_token::is_virtual(shown.expose()) { kept_here } else { shown.expose() }
}

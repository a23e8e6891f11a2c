//! Calls of Lingpai's own: what a person asks WeChat through the native API, sent as any call is.
//!
//! They go by the account's own way and are counted in its ledger. No bound of a client holds for them, since whoever asks has a
//! right for what is asked.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Request};
use lingpai_core::{AccountId, AccountKind, CredentialId, Failure, Secret};
use lingpai_wechat::catalogue::Scope;
use lingpai_wechat::{accepted, kinds};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::Gateway;
use super::call::{Call, Heard};
use super::carried;
use super::hosts::{Destination, Host};
use super::look::Seen;
use super::rules::Permit;
use super::trouble::Trouble;
use super::upload::Upload;
use crate::refusal::Refusal;
use crate::serving::Serving;

/// Clears the quota of an account by its secret, and that of a platform or of one that has authorised it by the platform's.
const CLEAR: &str = "/cgi-bin/clear_quota/v2";
const CLEAR_OF_PLATFORM: &str = "/cgi-bin/component/clear_quota/v2";

/// More than any answer to these calls has: it may hold another call's request and answer.
const MOST: usize = 1024 * 1024;

impl Gateway {
    /// What WeChat answers to this JSON at this path, with the account's token. A token that it refuses is tried and replaced
    /// as everywhere, and the call made once more.
    ///
    /// # Errors
    /// There is no token, the call could not be made, or WeChat refuses it.
    pub(crate) async fn ask(
        &self,
        serving: &Serving,
        account: &AccountId,
        path: &'static str,
        body: &Value,
    ) -> Result<Map<String, Value>, Refusal> {
        let credential = serving.carried(account.clone());
        let token = serving.current(&credential).await?.token.value.clone();
        let refused = match self.ask_with(serving, &credential, path, body, &token).await {
            Err(Refusal::UpstreamRefused(failure)) if is_about_token(&failure, &credential) => {
                failure
            }
            outcome => return outcome,
        };
        let keeper = serving.keeper(&credential)?;
        let reported = timeout(serving.limits.token_wait, keeper.report_invalid(token.expose()));
        let better = reported.await.map_err(|_| Refusal::Pending)??.token.value.clone();
        if better == token {
            return Err(Refusal::UpstreamRefused(refused));
        }
        self.ask_with(serving, &credential, path, body, &better).await
    }

    /// Has WeChat set an account's counters to zero by the call that carries no token, but a secret in its body: the account's,
    /// or for one that has authorised a platform, whose own secret is a refresh token, the platform's. The path that was called.
    ///
    /// # Errors
    /// The store does not give the secret, the call could not be made, or WeChat refuses it.
    pub(crate) async fn clear_by_secret(
        &self,
        serving: &Serving,
        account: &AccountId,
    ) -> Result<&'static str, Refusal> {
        let found = async |id: &AccountId| {
            let found = self.gate.directory.account(id).await?;
            found.ok_or(Refusal::AccountUnknown)
        };
        let kept = found(account).await?;
        let platform = match (kept.kind, &kept.platform) {
            (AccountKind::Platform, _) => Some(kept.clone()),
            (kind, Some(platform)) if kind.is_authorizer() => Some(found(platform).await?),
            _ => None,
        };
        let (path, secret, body) = match platform {
            Some(platform) => (
                CLEAR_OF_PLATFORM,
                platform.secret.clone(),
                json!({
                    "component_appid": platform.id.as_str(), "appsecret": platform.secret.expose(),
                    "appid": account.as_str(),
                }),
            ),
            None => (
                CLEAR,
                kept.secret.clone(),
                json!({"appid": account.as_str(), "appsecret": kept.secret.expose()}),
            ),
        };
        let credential = serving.carried(account.clone());
        let (head, target) = (head(path)?, Secret::new(path.to_owned()));
        let told = self.exchange(serving, &credential, &head, path, &body, &target).await?;
        read(&told, &credential, &[&secret])?;
        Ok(path)
    }

    async fn ask_with(
        &self,
        serving: &Serving,
        credential: &CredentialId,
        path: &'static str,
        body: &Value,
        token: &Secret,
    ) -> Result<Map<String, Value>, Refusal> {
        let head = head(path)?;
        let destination = Destination::of(&head, path)?;
        let name = carried::name(Some(&credential.kind), destination.path);
        let target =
            Secret::new(destination.target.with_token(destination.path, name, token.expose()));
        let told = self.exchange(serving, credential, &head, path, body, &target).await?;
        read(&told, credential, &[token])
    }

    /// Sends one call, and reads all of its answer.
    async fn exchange(
        &self,
        serving: &Serving,
        credential: &CredentialId,
        head: &Parts,
        path: &str,
        body: &Value,
        target: &Secret<String>,
    ) -> Result<Told, Refusal> {
        let destination = Destination::of(head, path)?;
        let upload = Upload::Whole(body.to_string().into());
        let came = (serving, head, &destination);
        let sealing = self.sealers.of(serving, credential, head, &destination)?;
        let call = self.call(came, Some(credential), Permit::for_us(), upload).await?;
        let call = Call { sealing, ..call };
        let heard = self.send(serving, &call, target, call.upload.sending()).await?;
        match heard.whole(MOST).await? {
            Heard { head, seen: Seen::Whole(body, _), .. } => {
                Ok(Told { status: head.status, body })
            }
            Heard { .. } => Err(Trouble::Lost.into()),
        }
    }
}

/// An answer as it came.
struct Told {
    status: http::StatusCode,
    body: Bytes,
}

/// The head of a call of ours.
fn head(path: &'static str) -> Result<Parts, Refusal> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(request.body(()).map_err(|_| Trouble::PathUnclear)?.into_parts().0)
}

fn read(
    told: &Told,
    credential: &CredentialId,
    secrets: &[&Secret],
) -> Result<Map<String, Value>, Refusal> {
    accepted(told.status, &told.body, scope(credential), secrets)
        .map_err(|failure| Refusal::UpstreamRefused(Box::new(failure)))
}

/// Whether a call of ours was refused because of the token of this credential.
pub(crate) fn is_about_token(failure: &Failure, credential: &CredentialId) -> bool {
    let host = if carried::is_of_wecom(credential) { Host::WeCom } else { Host::Api };
    failure.code.is_some_and(|code| carried::blames_it(Some(&credential.kind), host, code))
}

/// Whose codes they are.
fn scope(credential: &CredentialId) -> Scope {
    match &credential.kind {
        kind if *kind == kinds::COMPONENT_TOKEN => Scope::Platform,
        _ if carried::is_of_wecom(credential) => Scope::WeCom,
        _ => Scope::Api,
    }
}

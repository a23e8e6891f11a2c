//! Calls with an account's token that Lingpai makes itself, mostly to find out how it stands: none of them brings or replaces a
//! token.

use std::net::IpAddr;

use bytes::Bytes;
use http::Response;
use lingpai_core::{Account, Failure, Proxy, Secret, Verdict};
use serde_json::{Map, Value, json};

use super::{WeChat, percent_encoded, try_value, unanswered};
use crate::catalogue::{self, Scope};
use crate::wire::{Call, Upstream};
use crate::{answer, protocol};

/// What is left of an API's quota of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// So many calls a day.
    pub limit: u64,
    /// So many of them were made.
    pub used: u64,
    /// So many are left.
    pub left: u64,
}

impl WeChat {
    /// Tries a value that may be an account's token with the cheapest call that checks one. It goes through this proxy, if
    /// any. Give it a deadline; dropping the future harms nothing.
    pub async fn try_value(
        &self,
        is_wecom: bool,
        proxy: Option<&Proxy>,
        value: &Secret,
    ) -> Verdict {
        let (party, scope) =
            if is_wecom { (&self.wecom, Scope::WeCom) } else { (&self.api, Scope::Api) };
        try_value(&party.through(proxy), value, scope, &[value]).await
    }

    /// Whether a value is the token of a person who logged in, and good. It is shown to `/sns/auth` with an openid that
    /// nobody has: an answer that blames the openid (40003) has accepted the token. (The order of these checks is not
    /// documented.) Give it a deadline; dropping the future harms nothing.
    pub async fn is_of_person(&self, proxy: Option<&Proxy>, value: &Secret) -> bool {
        const INVALID_OPENID: i64 = 40003;
        let query = format!("access_token={}&openid=o-nobody", percent_encoded(value.expose()));
        let call = Call { path: protocol::PERSON_PATH, query: Some(query), body: None };
        let Ok(answer) = self.api.through(proxy).send(call).await else { return false };
        let code = answer::told(&answer, Scope::Api, &[value]).map_err(|failure| failure.code);
        matches!(code, Ok(_) | Err(Some(INVALID_OPENID)))
    }

    /// How much of an API's quota is left today, by the API's path. The call has a quota of its own, which is large.
    ///
    /// # Errors
    /// Why WeChat does not say. WeCom has no such call.
    pub async fn quota(
        &self,
        account: &Account,
        token: &Secret,
        path: &str,
    ) -> Result<Quota, Failure> {
        let body = json!({"cgi_path": path});
        let answer = self.ask(account, token, protocol::QUOTA_PATH, &body).await?;
        let number = |name: &str| {
            answer.get("quota").and_then(|quota| quota.get(name)).and_then(Value::as_u64)
        };
        match (number("daily_limit"), number("used"), number("remain")) {
            (Some(limit), Some(used), Some(left)) => Ok(Quota { limit, used, left }),
            _ => Err(answer::unusable("the answer has no quota")),
        }
    }

    /// The address that WeChat sees calls for this account come from. WeChat tells it of a request by its rid; here of one
    /// that asks for a rid that cannot be (76002) and does nothing. Two calls.
    ///
    /// # Errors
    /// Why WeChat does not say. WeCom has no such call.
    pub async fn seen_from(&self, account: &Account, token: &Secret) -> Result<IpAddr, Failure> {
        let refused = self.ask(account, token, protocol::RID_PATH, &json!({"rid": "0"})).await;
        let rid = match refused {
            Err(Failure { request_id: Some(rid), .. }) => rid,
            Err(failure) => return Err(failure),
            Ok(_) => return Err(answer::unusable("a rid that cannot be was accepted")),
        };
        let answer = self.ask(account, token, protocol::RID_PATH, &json!({"rid": rid})).await?;
        let seen = answer.get("request").and_then(|request| request.get("client_ip"));
        let seen = seen.and_then(Value::as_str).and_then(|ip| ip.trim().parse::<IpAddr>().ok());
        seen.map(|ip| ip.to_canonical())
            .ok_or_else(|| answer::unusable("the answer has no client_ip"))
    }

    /// Sends a text to a person who has written to the account (客服消息). `token` is the account's.
    ///
    /// # Errors
    /// A [`Failure`]; the text may have been sent all the same if it [may have reached](Failure::perhaps_reached) WeChat.
    pub async fn send_text(
        &self,
        account: &Account,
        token: &Secret,
        openid: &str,
        text: &str,
    ) -> Result<(), Failure> {
        let body = json!({"touser": openid, "msgtype": "text", "text": {"content": text}});
        self.ask(account, token, protocol::CUSTOM_SEND_PATH, &body).await.map(drop)
    }

    async fn ask(
        &self,
        account: &Account,
        token: &Secret,
        path: &'static str,
        body: &Value,
    ) -> Result<Map<String, Value>, Failure> {
        let secrets = [token, &account.secret];
        let upstream = self.upstream_of(account);
        let query = format!("access_token={}", percent_encoded(token.expose()));
        let call = Call { path, query: Some(query), body: Some(Bytes::from(body.to_string())) };
        let answer: Response<Bytes> =
            upstream.send(call).await.map_err(|error| unanswered(&error, &secrets))?;
        answer::told(&answer, scope(account), &secrets)
    }

    fn upstream_of(&self, account: &Account) -> std::sync::Arc<Upstream> {
        let party = if account.kind.is_of_wecom() { &self.wecom } else { &self.api };
        party.through(account.proxy.as_ref())
    }
}

fn scope(account: &Account) -> catalogue::Scope {
    if account.kind.is_of_wecom() { Scope::WeCom } else { Scope::Api }
}

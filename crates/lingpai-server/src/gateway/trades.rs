//! The calls that trade the code of an authorisation: a platform's `api_query_auth`, a suite's `get_permanent_code`. The code is
//! good once, and Lingpai trades it as soon as it is pushed; so whoever brings it is answered from what it brought, and it is
//! traded here if nobody has brought it before. Nothing of that is forwarded.
//!
//! What opens an account is told to nobody: in the place of the refresh token or of the permanent code stands the key that the
//! client has shown, or what says that it is kept here. The calls for tokens take both.

use http::request::Parts;
use http::{Response, StatusCode};
use lingpai_core::client::Right;
use lingpai_core::{AccountId, Kind, Secret};
use lingpai_wechat::kinds::{COMPONENT_TOKEN, Field, SUITE_ACCESS_TOKEN};
use lingpai_wechat::protocol;
use serde_json::{Map, Value, json};

use super::hosts::{Destination, Host};
use super::needs::plain;
use super::rules::permit;
use super::who::who;
use super::{Came, Gateway};
use crate::answer::{self, Body};
use crate::authorize::Completion;
use crate::dropin::{self, Call};
use crate::native::bearer;
use crate::params::{Fields, TokenCall};
use crate::platforms;
use crate::refusal::{Barred, Parameter, Refusal};
use crate::services;
use crate::serving::{Caller, Serving};

/// The older of WeCom's two calls, which brings a token besides.
pub(super) const OLDER: &str = "/cgi-bin/service/get_permanent_code";
/// WeCom's call for what a corp has authorised.
const AUTH_INFO_PATH: &str = "/qyapi/cgi-bin/service/get_auth_info";

/// Which of these calls it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trade {
    QueryAuth,
    PermanentCode { with_token: bool },
}

impl Trade {
    /// By the path, as upstream may read it.
    pub(super) fn at(host: Host, path: &str) -> Option<Self> {
        match (host, path) {
            (Host::Api, protocol::QUERY_AUTH_PATH) => Some(Self::QueryAuth),
            (Host::WeCom, OLDER) => Some(Self::PermanentCode { with_token: true }),
            (Host::WeCom, protocol::PERMANENT_CODE_PATH) => {
                Some(Self::PermanentCode { with_token: false })
            }
            _ => None,
        }
    }

    pub(super) fn of(destination: &Destination<'_>) -> Option<Self> {
        Self::at(destination.host, &plain(destination.path))
    }

    fn carries(self) -> Kind {
        match self {
            Self::QueryAuth => COMPONENT_TOKEN,
            Self::PermanentCode { .. } => SUITE_ACCESS_TOKEN,
        }
    }

    /// What has the code, and what is said where it is missing.
    fn code(self) -> &'static Field {
        match self {
            Self::QueryAuth => {
                &Field { name: "authorization_code", missing: (61009, "code is invalid") }
            }
            Self::PermanentCode { .. } => {
                &Field { name: "auth_code", missing: (40029, "invalid auth_code") }
            }
        }
    }

    fn without_code(self) -> Value {
        let Field { name, missing: (errcode, words) } = self.code();
        let errmsg = format!("{words}, lingpai: the parameter `{name}` is missing");
        json!({"errcode": errcode, "errmsg": errmsg})
    }

    /// A code that brought nothing and will bring nothing.
    fn lost(self, why: &str) -> Value {
        let (errcode, words) = match self {
            Self::QueryAuth => (61010, "code is expired"),
            Self::PermanentCode { .. } => (40029, "invalid auth_code"),
        };
        json!({"errcode": errcode, "errmsg": format!("{words}, lingpai: {why}")})
    }
}

impl Gateway {
    /// Answers one of these calls. It takes as long as the trade of the code, up to what a client waits for a token.
    pub(super) async fn traded(
        &self,
        came: Came<'_>,
        trade: Trade,
    ) -> Result<Response<Body>, Refusal> {
        let Came { serving, head, body, destination, peer } = came;
        let calling = who(serving, &self.gate, head, destination, peer).await?;
        let _permit = permit(serving, &self.gate, &calling, destination).await?;
        let holder = calling.account;
        // A real token says nothing of who is calling, and another account has no such codes.
        let is_its = serving.carried(holder.clone()).kind == trade.carries();
        let (Some(key), Some(authorizing), true) = (calling.key, &serving.authorizing, is_its)
        else {
            return Err(Barred::TokenCall.into());
        };
        let shown = shown(head, destination);
        let fields = Fields::read(serving, &head.method, body).await?;
        let Some(code) = fields.find(Parameter::Declared(trade.code())) else {
            return Ok(answer::json(StatusCode::OK, &trade.without_code()));
        };
        let code = Secret::from(code);
        let authority = authorizing.authority();
        let account = match authority.complete(&holder, &code, serving.limits.token_wait).await? {
            Completion::Kept(account) => account,
            Completion::UnderWay => return Err(Refusal::Pending),
            Completion::Lost(why) => return Ok(answer::json(StatusCode::OK, &trade.lost(&why))),
        };
        let caller = Caller { key: shown.expose(), hash: key, peer, session: None };
        let asked = TokenCall { appid: account.as_str().into(), key: shown.clone(), forced: false };
        let call = match trade {
            Trade::QueryAuth => Call::AuthorizerToken,
            Trade::PermanentCode { .. } => Call::CorpToken,
        };
        if trade == (Trade::PermanentCode { with_token: false }) {
            let right = dropin::right_of(serving, &caller, Right::TokenRead).await;
            serving.admit(caller, right, account.as_str()).await?;
            let answer = self.of_corp(serving, &holder, &account, &shown).await;
            return Ok(answer::json(StatusCode::OK, &answer));
        }
        let (token, expires_in) = dropin::given(serving, call, head, caller, &asked).await?;
        let answer = match trade {
            Trade::QueryAuth => {
                let mut info = platforms::authorizer_answer(&token, expires_in, &shown);
                info["authorizer_appid"] = account.as_str().into();
                info["func_info"] = self.func_info(serving, &holder, &account).await;
                json!({"authorization_info": info})
            }
            Trade::PermanentCode { .. } => {
                let mut answer = self.of_corp(serving, &holder, &account, &shown).await;
                answer["access_token"] = token.expose().into();
                answer["expires_in"] = expires_in.into();
                answer
            }
        };
        Ok(answer::json(StatusCode::OK, &answer))
    }

    /// What the account has authorised, as WeChat says now; nothing where it does not say.
    async fn func_info(&self, serving: &Serving, holder: &AccountId, account: &AccountId) -> Value {
        let body =
            json!({"component_appid": holder.as_str(), "authorizer_appid": account.as_str()});
        let asked = self.ask(serving, holder, protocol::AUTHORIZER_INFO_PATH, &body).await;
        let mut told = asked.unwrap_or_default();
        let info = told.get_mut("authorization_info").and_then(|info| info.get_mut("func_info"));
        info.map_or_else(|| json!([]), Value::take)
    }

    /// What the corp is told of, as WeCom says now; where it does not say, at least which it is.
    async fn of_corp(
        &self,
        serving: &Serving,
        suite: &AccountId,
        account: &AccountId,
        shown: &Secret,
    ) -> Value {
        let corpid = account.corp_and_agent().map_or(account.as_str(), |(corp, _)| corp);
        let kept = self.gate.directory.account(account).await.ok().flatten();
        let mut told = match kept {
            Some(kept) => {
                let body = json!({"auth_corpid": corpid, "permanent_code": kept.secret.expose()});
                self.ask(serving, suite, AUTH_INFO_PATH, &body).await.unwrap_or_default()
            }
            None => Map::new(),
        };
        told.entry("auth_corp_info").or_insert_with(|| json!({"corpid": corpid}));
        told.insert("errcode".to_owned(), 0.into());
        told.insert("errmsg".to_owned(), "ok".into());
        told.insert("permanent_code".to_owned(), services::stand_in(shown).into());
        told.into()
    }
}

/// What the client has shown for a key: a key, or a virtual token of one.
fn shown(head: &Parts, destination: &Destination<'_>) -> Secret {
    let anywhere = std::net::IpAddr::from([0, 0, 0, 0]);
    match bearer(head, anywhere) {
        Ok(caller) => Secret::from(caller.key),
        Err(_) => Secret::from(destination.target.token().unwrap_or_default().into_owned()),
    }
}

//! Tickets, and what is signed with them: pages that call the JS-SDK, and cards.
//!
//! A ticket is kept from the first time on that somebody asks for it. A key that is bound to domains has pages of these
//! signed and sees no ticket: whoever has one can sign every page.

use std::borrow::Cow;
use std::net::IpAddr;

use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use lingpai_core::client::{ApiKey, Denied, KeyHash, Right};
use lingpai_core::{AccountId, CredentialId, Generation, Timestamp};
use lingpai_wechat::page::PageUrl;
use lingpai_wechat::sign::{self, Stamp};
use lingpai_wechat::{Ticket, UnknownTicket};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::answer::{self, Body};
use crate::language::Bilingual;
use crate::native::caller;
use crate::object;
use crate::refusal::Refusal;
use crate::serving::{Admitted, Served, Serving};

/// A ticket as the native API shows it.
#[derive(Serialize)]
struct TicketAnswer<'a> {
    account: &'a str,
    kind: &'a str,
    ticket: &'a str,
    generation: Generation,
    #[serde(serialize_with = "answer::rfc_3339")]
    issued_at: Timestamp,
    #[serde(serialize_with = "answer::rfc_3339")]
    expires_at: Timestamp,
    /// Whole seconds.
    expires_in: u64,
}

/// A ticket as WeChat answers it.
#[derive(Serialize)]
struct WeChatTicket<'a> {
    errcode: i64,
    errmsg: &'static str,
    ticket: &'a str,
    expires_in: u64,
}

/// A page that is to be signed. Whatever else belongs to `wx.config` can come along.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    url: String,
    #[serde(rename = "jsApiList")]
    js_api_list: Option<Vec<String>>,
    /// For `wx.agentConfig`, with the ticket of a WeCom application.
    #[serde(default)]
    agent: bool,
    /// The number of that application, where the account's name does not tell it: one that a corp has of a suite.
    agentid: Option<u64>,
}

/// What `wx.config` or `wx.agentConfig` takes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsConfig<'a> {
    #[serde(flatten)]
    whose: Whose<'a>,
    timestamp: u64,
    nonce_str: String,
    signature: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    js_api_list: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Whose<'a> {
    /// The appid, or the corpid.
    App {
        #[serde(rename = "appId")]
        app_id: &'a str,
    },
    Agent {
        corpid: &'a str,
        agentid: Cow<'a, str>,
    },
}

const NO_NUMBER: Bilingual = Bilingual::fixed(
    "`wx.agentConfig` takes the number of the application in the corp, which the name of this account does not tell: give it as `agentid`",
    "wx.agentConfig 需要应用在该企业中的 agentid，账号名里没有：请用 `agentid` 写明",
);
const OTHER_NUMBER: Bilingual = Bilingual::fixed(
    "`agentid` is not the number of this application, which the account's name tells: leave it out",
    "`agentid` 与账号名中的应用不符：请省略",
);

impl<'a> Whose<'a> {
    /// Whom a page is signed for: the application, of this number, or whoever has the account.
    fn of(account: &'a AccountId, agent: bool, agentid: Option<u64>) -> Result<Self, Refusal> {
        let Some((corpid, of)) = account.corp_and_agent() else {
            return Ok(Self::App { app_id: account.as_str() });
        };
        if !agent {
            return Ok(Self::App { app_id: corpid });
        }
        let agentid = match (of.parse::<u64>(), agentid) {
            (Ok(own), Some(told)) if own != told => return Err(Refusal::BodyWrong(OTHER_NUMBER)),
            (Ok(_), _) => Cow::Borrowed(of),
            (Err(_), Some(told)) => Cow::Owned(told.to_string()),
            (Err(_), None) => return Err(Refusal::BodyWrong(NO_NUMBER)),
        };
        Ok(Self::Agent { corpid, agentid })
    }
}

/// A card that is to be signed: its values, less those that are added here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    values: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CardSignature {
    timestamp: u64,
    nonce_str: String,
    signature: String,
}

/// `GET /v1/accounts/{account}/tickets/{type}`.
pub(crate) async fn ticket(
    serving: &Serving,
    account: &str,
    of: &str,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let caller = caller("GET", head, peer)?;
    let Admitted { credential, key, .. } = serving.admit(caller, Right::Ticket, account).await?;
    let ticket = of.parse().map_err(|UnknownTicket| Refusal::TicketUnknown)?;
    serving.look_at(&key, ApiKey::sees_tickets)?;
    let served = serving.ticket(&credential, ticket).await?;
    let kind = ticket.kind();
    let read = CredentialId::new(kind.clone(), credential.account.clone());
    serving.trail.read(&serving.registry, caller, &read);
    let token = &served.token;
    Ok(answer::json(
        StatusCode::OK,
        &TicketAnswer {
            account: credential.account.as_str(),
            kind: kind.as_str(),
            ticket: token.value.expose(),
            generation: token.generation,
            issued_at: token.issued_at,
            expires_at: token.expires_at,
            expires_in: served.left.as_secs(),
        },
    ))
}

/// `POST /v1/accounts/{account}/js-config`.
pub(crate) async fn js_config(
    serving: &Serving,
    account: &str,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let Admitted { credential, key, .. } =
        serving.admit(caller("POST", head, peer)?, Right::Ticket, account).await?;
    let Page { url, js_api_list, agent, agentid } = object::read(&serving.body(body).await?)?;
    let page =
        PageUrl::parse(&url).map_err(|error| Refusal::BodyWrong(Bilingual::foreign(&error)))?;
    serving.look_at(&key, |key| key.may_sign_for(page.host()))?;
    let whose = Whose::of(&credential.account, agent, agentid)?;
    let ticket = if agent { Ticket::AGENT_CONFIG } else { Ticket::JSAPI };
    let served = serving.ticket(&credential, ticket).await?;
    let (nonce_str, timestamp) = serving.stamp()?;
    let stamp = Stamp { nonce: &nonce_str, seconds: timestamp };
    let signature = sign::page(&served.token.value, stamp, page.as_str());
    let config = JsConfig { whose, timestamp, nonce_str, signature, js_api_list };
    Ok(answer::json(StatusCode::OK, &config))
}

/// `POST /v1/accounts/{account}/card-signature`.
pub(crate) async fn card_signature(
    serving: &Serving,
    account: &str,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let Admitted { credential, .. } =
        serving.admit(caller("POST", head, peer)?, Right::Ticket, account).await?;
    let Card { values } = object::read(&serving.body(body).await?)?;
    let served = serving.ticket(&credential, Ticket::WX_CARD).await?;
    let (nonce_str, timestamp) = serving.stamp()?;
    let stamp = Stamp { nonce: &nonce_str, seconds: timestamp };
    let signature = sign::card(&served.token.value, stamp, &values);
    Ok(answer::json(StatusCode::OK, &CardSignature { timestamp, nonce_str, signature }))
}

/// Answers a call for a ticket that came to the gateway, which has let this key through.
pub(crate) async fn answer_wechat(
    serving: &Serving,
    account: AccountId,
    ticket: Ticket,
) -> Result<Response<Body>, Refusal> {
    let served = serving.ticket(&CredentialId::access_token(account), ticket).await?;
    let (ticket, expires_in) = (served.token.value.expose(), served.left.as_secs().max(1));
    let answer = WeChatTicket { errcode: 0, errmsg: "ok", ticket, expires_in };
    Ok(answer::json(StatusCode::OK, &answer))
}

impl Serving {
    /// Looks once more at a key that was let in.
    fn look_at(
        &self,
        key: &KeyHash,
        look: impl FnOnce(&ApiKey) -> Result<(), Denied>,
    ) -> Result<(), Refusal> {
        Ok(self.keys.look_now(key, look).ok_or(Refusal::KeyUnknown)??)
    }

    /// The current ticket of an account, or what comes of the fetch for it.
    async fn ticket(&self, token: &CredentialId, ticket: Ticket) -> Result<Served, Refusal> {
        self.learn(token, ticket).await;
        let Some(keeper) = self.registry.dependent(token, &ticket.kind()) else {
            self.keeper(&self.carried(token.account.clone()))?;
            return Err(Refusal::NoTickets);
        };
        let fresh = timeout(self.limits.token_wait, keeper.fresh()).await;
        Ok(self.served(fresh.map_err(|_| Refusal::Pending)??))
    }

    /// Of what sort an account is that has authorised a platform decides about its tickets. WeChat is asked for that when the
    /// first is wanted, and not when very many come at once.
    async fn learn(&self, token: &CredentialId, ticket: Ticket) {
        let wanted = CredentialId::new(ticket.kind(), token.account.clone());
        if self.registry.get(&wanted).is_none()
            && self.registry.get(token).is_some_and(|it| it.dependents().contains(&wanted.kind))
            && let Some(authorizing) = &self.authorizing
        {
            authorizing.authority().learn(&token.account).await;
        }
    }

    /// What makes a signature good for once: a nonce, and the time in seconds.
    fn stamp(&self) -> Result<(String, u64), Refusal> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| Refusal::NoRandomness)?;
        let nonce = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let seconds = self.registry.clock().now().wall.as_seconds();
        Ok((nonce, seconds.try_into().unwrap_or_default()))
    }
}

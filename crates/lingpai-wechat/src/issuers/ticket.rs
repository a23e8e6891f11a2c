//! Tickets, with which pages are signed (`jsapi`, and WeCom's `agent_config`) and cards (`wx_card`).
//!
//! They are asked for with the account's access_token. WeChat gives a new one about every two hours, repeats it in between,
//! and ends none before its time.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use lingpai_core::{
    AccountKind, Class, Failure, Issued, Issuer, Kind, Parent, Profile, Proxy, Renewal, Secret,
    Token, Verdict, Way,
};
use thiserror::Error;

use super::{percent_encoded, unanswered};
use crate::answer::{self, Expected};
use crate::catalogue::Scope;
use crate::protocol;
use crate::wire::{Call, Upstream};

/// The tickets there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ticket {
    /// Signs pages that call the JS-SDK.
    Jsapi,
    /// Signs cards and coupons (微信卡券).
    WxCard,
    /// Signs pages that act for one application of WeCom (`wx.agentConfig`).
    AgentConfig,
}

impl Ticket {
    /// All tickets.
    pub const ALL: [Self; 3] = [Self::Jsapi, Self::WxCard, Self::AgentConfig];

    /// WeChat's name for it: the `type` of the call.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jsapi => "jsapi",
            Self::WxCard => "wx_card",
            Self::AgentConfig => "agent_config",
        }
    }

    /// The kind of credential that it is.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Jsapi => Kind::named("jsapi_ticket"),
            Self::WxCard => Kind::named("wx_card_ticket"),
            Self::AgentConfig => Kind::named("agent_config_ticket"),
        }
    }
}

impl FromStr for Ticket {
    type Err = UnknownTicket;

    fn from_str(name: &str) -> Result<Self, UnknownTicket> {
        Self::ALL.into_iter().find(|ticket| ticket.as_str() == name).ok_or(UnknownTicket)
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that no ticket has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("there is no such ticket: write `jsapi`, `wx_card` or `agent_config`")]
pub struct UnknownTicket;

/// What an account of this kind has of them: Mini Programs and Mini Games have none.
pub(super) fn kinds(account: AccountKind) -> &'static [Kind] {
    const OFFICIAL: &[Kind] = &[Ticket::Jsapi.kind(), Ticket::WxCard.kind()];
    const WECOM: &[Kind] = &[Ticket::Jsapi.kind(), Ticket::AgentConfig.kind()];
    match account {
        AccountKind::OfficialAccount | AccountKind::Authorizer => OFFICIAL,
        AccountKind::WeCom | AccountKind::WeComAuthorized => WECOM,
        _ => &[],
    }
}

/// The issuer of one of these. `depth` is one more than that of the token's.
pub(super) fn issuer(
    kind: &Kind,
    account: AccountKind,
    upstream: &Arc<Upstream>,
    token: Arc<dyn Parent>,
    depth: usize,
) -> Option<Arc<dyn Issuer>> {
    let ticket = Ticket::ALL.into_iter().find(|ticket| ticket.kind() == *kind)?;
    let endpoint = Endpoint::of(ticket, account);
    let upstream = Arc::clone(upstream);
    kinds(account)
        .contains(kind)
        .then(|| Arc::new(Getticket { endpoint, upstream, token, depth }) as _)
}

/// Where a ticket comes from.
#[derive(Clone, Copy, Debug)]
struct Endpoint {
    path: &'static str,
    of_type: Option<&'static str>,
    scope: Scope,
}

impl Endpoint {
    fn of(ticket: Ticket, account: AccountKind) -> Self {
        let of_type = Some(ticket.as_str());
        let is_wecom = matches!(account, AccountKind::WeCom | AccountKind::WeComAuthorized);
        match (is_wecom, ticket) {
            (true, Ticket::Jsapi) => {
                Self { path: protocol::CORP_TICKET_PATH, of_type: None, scope: Scope::WeCom }
            }
            (true, _) => Self { path: protocol::AGENT_TICKET_PATH, of_type, scope: Scope::WeCom },
            _ => Self { path: protocol::TICKET_PATH, of_type, scope: Scope::Api },
        }
    }
}

/// A `GET` with the access_token.
#[derive(Debug)]
struct Getticket {
    endpoint: Endpoint,
    upstream: Arc<Upstream>,
    token: Arc<dyn Parent>,
    depth: usize,
}

impl Getticket {
    async fn ask(&self, token: &Secret) -> Result<Issued, Failure> {
        let Endpoint { path, of_type, scope } = self.endpoint;
        let of_type = of_type.map(|of| format!("&type={of}")).unwrap_or_default();
        let query = Some(format!("access_token={}{of_type}", percent_encoded(token.expose())));
        match self.upstream.send(Call { path, query, body: None }).await {
            Ok(answer) => answer::issued(&answer, Expected::ticket(scope), &[token]),
            Err(error) => Err(unanswered(&error, &[token])),
        }
    }
}

#[async_trait]
impl Issuer for Getticket {
    fn profile(&self) -> Profile {
        Profile {
            nominal_life: protocol::NOMINAL_LIFE,
            primary: Renewal::Surviving,
            forced: None,
            fallback: None,
            daily_budget: protocol::TICKET_DAILY_BUDGET,
            given_once: false,
        }
    }

    async fn ready(&self) -> Result<(), Failure> {
        self.token.value().await.map(drop)
    }

    async fn issue(&self, _way: Way, _: Option<&Secret>) -> Result<Issued, Failure> {
        let token = self.token.value().await?;
        match self.ask(&token).await {
            Err(refused) if answer::blames_token(&refused, self.endpoint.scope) => {
                let better = self.token.instead_of(&token).await?;
                // A token that is good after all is not why the call was refused.
                if better == token { Err(refused) } else { self.ask(&better).await }
            }
            outcome => outcome,
        }
    }

    /// WeChat has no call that tries a ticket.
    async fn check(&self, _ticket: &Token) -> Verdict {
        Verdict::Inconclusive(Failure::new(
            Class::Transient,
            "WeChat has no call that tries a ticket",
        ))
    }

    fn proxy(&self) -> Option<Arc<Proxy>> {
        self.upstream.proxy().cloned()
    }

    fn depth(&self) -> usize {
        self.depth
    }
}

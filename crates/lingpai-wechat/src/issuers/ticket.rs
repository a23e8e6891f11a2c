//! The tickets of an Official Account, with which pages are signed (`jsapi`) and cards (`wx_card`).
//!
//! Both come from one endpoint, which takes the account's access_token. WeChat gives a new one about every two hours, repeats
//! it in between, and ends none before its time.

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
}

impl Ticket {
    /// All tickets.
    pub const ALL: [Self; 2] = [Self::Jsapi, Self::WxCard];

    /// WeChat's name for it: the `type` of the call.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jsapi => "jsapi",
            Self::WxCard => "wx_card",
        }
    }

    /// The kind of credential that it is.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Jsapi => Kind::named("jsapi_ticket"),
            Self::WxCard => Kind::named("wx_card_ticket"),
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
#[error("there is no such ticket: write `jsapi` or `wx_card`")]
pub struct UnknownTicket;

/// What an account of this kind has of them: Mini Programs and Mini Games have none.
pub(super) fn kinds(account: AccountKind) -> &'static [Kind] {
    const KINDS: &[Kind] = &[Ticket::Jsapi.kind(), Ticket::WxCard.kind()];
    match account {
        AccountKind::OfficialAccount => KINDS,
        _ => &[],
    }
}

/// The issuer of one of these.
pub(super) fn issuer(
    kind: &Kind,
    account: AccountKind,
    upstream: &Arc<Upstream>,
    token: Arc<dyn Parent>,
) -> Option<Arc<dyn Issuer>> {
    let ticket = Ticket::ALL.into_iter().find(|ticket| ticket.kind() == *kind)?;
    let upstream = Arc::clone(upstream);
    kinds(account).contains(kind).then(|| Arc::new(Getticket { ticket, upstream, token }) as _)
}

/// `GET /cgi-bin/ticket/getticket`.
#[derive(Debug)]
struct Getticket {
    ticket: Ticket,
    upstream: Arc<Upstream>,
    token: Arc<dyn Parent>,
}

impl Getticket {
    async fn ask(&self, token: &Secret) -> Result<Issued, Failure> {
        let (token_in_query, of_type) = (percent_encoded(token.expose()), self.ticket);
        let call = Call {
            path: protocol::TICKET_PATH,
            query: Some(format!("access_token={token_in_query}&type={of_type}")),
            body: None,
        };
        match self.upstream.send(call).await {
            Ok(answer) => answer::issued(&answer, Expected::TICKET, &[token]),
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
        }
    }

    async fn ready(&self) -> Result<(), Failure> {
        self.token.value().await.map(drop)
    }

    async fn issue(&self, _way: Way) -> Result<Issued, Failure> {
        let token = self.token.value().await?;
        match self.ask(&token).await {
            Err(refused) if answer::blames_token(&refused) => {
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
        1
    }
}

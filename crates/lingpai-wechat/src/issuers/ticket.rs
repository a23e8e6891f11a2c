//! Tickets, with which pages and cards are signed: what they have in common. Each is declared in a file of its own.
//!
//! They are asked for with the account's access_token. WeChat gives a new one about every two hours, repeats it in between,
//! and ends none before its time.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use lingpai_core::client::Right;
use lingpai_core::{
    AccountKind, Class, Failure, Issued, Issuer, Kind, Profile, Proxy, Renewal, Secret, Token,
    Verdict, Way,
};

use super::declared::{Declared, Endpoint, OnToken, Origin};
use super::{agent_config, jsapi, percent_encoded, unanswered, wx_card};
use crate::answer::{self, Expected};
use crate::wire::Call;
use crate::{kinds, protocol};

/// One of the tickets there are.
#[derive(Clone, Copy)]
pub struct Ticket(&'static Declared);

impl Ticket {
    /// Signs pages that call the JS-SDK.
    pub const JSAPI: Self = Self(&jsapi::DECLARED);
    /// Signs cards and coupons (微信卡券).
    pub const WX_CARD: Self = Self(&wx_card::DECLARED);
    /// Signs pages that act for one application of WeCom (`wx.agentConfig`).
    pub const AGENT_CONFIG: Self = Self(&agent_config::DECLARED);

    /// All tickets.
    pub fn all() -> impl Iterator<Item = Self> {
        kinds::ALL.iter().copied().filter(|declared| !declared.is_root()).map(Self)
    }

    /// Those that accounts of this kind have: Mini Programs and Mini Games have none.
    pub fn of(account: AccountKind) -> impl Iterator<Item = Self> {
        let has = move |at: &Endpoint| at.accounts.contains(&account);
        Self::all().filter(move |ticket| ticket.0.endpoints().iter().any(has))
    }

    /// The ticket that a call at this path of WeCom, or of another host, asks for: nothing if none is asked for there, and
    /// none if there is none of this `type`.
    pub fn asked_at(path: &str, of_wecom: bool, of_type: Option<&str>) -> Option<Option<Self>> {
        let mut is_there = false;
        let asked = Self::all().find(|ticket| {
            ticket.0.endpoints().iter().any(|at| {
                let is_at = at.path == path && at.of_wecom == of_wecom;
                is_there |= is_at;
                is_at && (at.of_type.is_none() || at.of_type == of_type)
            })
        });
        is_there.then_some(asked)
    }

    /// Its short name, which is mostly the `type` of the call.
    pub fn as_str(self) -> &'static str {
        let kind = self.0.kind.as_str();
        kind.strip_suffix("_ticket").unwrap_or(kind)
    }

    /// The kind of credential that it is.
    pub fn kind(self) -> Kind {
        self.0.kind.clone()
    }
}

impl PartialEq for Ticket {
    fn eq(&self, other: &Self) -> bool {
        self.0.kind == other.0.kind
    }
}

impl Eq for Ticket {}

impl FromStr for Ticket {
    type Err = UnknownTicket;

    fn from_str(name: &str) -> Result<Self, UnknownTicket> {
        Self::all().find(|ticket| ticket.as_str() == name).ok_or(UnknownTicket)
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({self})")
    }
}

/// A name that no ticket has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownTicket;

impl fmt::Display for UnknownTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no such ticket; there are")?;
        Ticket::all().try_for_each(|ticket| write!(f, " `{ticket}`"))
    }
}

impl std::error::Error for UnknownTicket {}

/// A ticket that is asked for by a `GET` with the account's token.
pub(super) const fn declared(kind: Kind, at: &'static [Endpoint]) -> Declared {
    let issuer = |of: OnToken| Arc::new(Getticket(of)) as Arc<dyn Issuer>;
    let origin = Origin::Token { at, issuer };
    Declared { kind, pushed: None, right: Some(Right::Ticket), carried: None, asked: None, origin }
}

/// A `GET` with the access_token.
struct Getticket(OnToken);

impl Getticket {
    async fn ask(&self, token: &Secret) -> Result<Issued, Failure> {
        let Endpoint { path, of_type, .. } = *self.0.at;
        let of_type = of_type.map(|of| format!("&type={of}")).unwrap_or_default();
        let query = Some(format!("access_token={}{of_type}", percent_encoded(token.expose())));
        match self.0.upstream.send(Call { path, query, body: None }).await {
            Ok(answer) => answer::issued(&answer, Expected::ticket(self.0.at.scope()), &[token]),
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
        self.0.token.value().await.map(drop)
    }

    async fn issue(&self, _way: Way, _: Option<&Secret>) -> Result<Issued, Failure> {
        let token = self.0.token.value().await?;
        match self.ask(&token).await {
            Err(refused) if answer::blames_token(&refused, self.0.at.scope()) => {
                let better = self.0.token.instead_of(&token).await?;
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
        self.0.upstream.proxy().cloned()
    }

    fn depth(&self) -> usize {
        self.0.depth
    }
}

impl fmt::Debug for Getticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Getticket").field(self.0.at).finish()
    }
}

//! The access_token of an application in WeCom (企业微信).
//!
//! Each application of a corp has a secret and a token of its own; the account's name is of both, so that two of them never
//! share a token. WeCom repeats the token until it expires, and nothing overlaps. Its codes are its own: 40001 is a wrong
//! secret there and no bad token.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use lingpai_core::{
    Account, AccountId, AccountKind, Failure, Issued, Issuer, Kind, Parent, Profile, Proxy,
    Renewal, Secret, Token, Verdict, Way,
};

use super::{declared, percent_encoded, try_token, unanswered};
use crate::answer::{self, Expected};
use crate::catalogue::Scope;
use crate::protocol;
use crate::wire::{Call, Upstream};

/// `GET /cgi-bin/gettoken`.
pub(super) struct Gettoken {
    upstream: Arc<Upstream>,
    account: AccountId,
    secret: Secret,
}

impl Gettoken {
    pub(super) fn new(upstream: Arc<Upstream>, account: &Account) -> Self {
        Self { upstream, account: account.id.clone(), secret: account.secret.clone() }
    }

    fn corpid(&self) -> &str {
        // A name without an agent is refused where accounts are made; WeCom says what is wrong with it too.
        self.account.corp_and_agent().map_or(self.account.as_str(), |(corp, _)| corp)
    }
}

#[async_trait]
impl Issuer for Gettoken {
    fn profile(&self) -> Profile {
        Profile {
            nominal_life: protocol::NOMINAL_LIFE,
            primary: Renewal::Repeating,
            forced: None,
            fallback: None,
            daily_budget: protocol::WECOM_DAILY_BUDGET,
            given_once: false,
        }
    }

    async fn issue(&self, _way: Way, _: Option<&Secret>) -> Result<Issued, Failure> {
        let (corpid, secret) =
            (percent_encoded(self.corpid()), percent_encoded(self.secret.expose()));
        let call = Call {
            path: protocol::WECOM_TOKEN_PATH,
            query: Some(format!("corpid={corpid}&corpsecret={secret}")),
            body: None,
        };
        let secrets = [&self.secret];
        match self.upstream.send(call).await {
            Ok(answer) => answer::issued(&answer, Expected::WECOM_TOKEN, &secrets),
            Err(error) => Err(unanswered(&error, &secrets)),
        }
    }

    /// An address that is not trusted (60020) is refused before anything else is looked at, and says nothing.
    async fn check(&self, token: &Token) -> Verdict {
        try_token(&self.upstream, token, Scope::WeCom, &self.secret).await
    }

    fn proxy(&self) -> Option<Arc<Proxy>> {
        self.upstream.proxy().cloned()
    }

    fn dependents(&self) -> &'static [Kind] {
        declared::dependents(AccountKind::WeCom)
    }

    fn dependent(&self, kind: &Kind, parent: Arc<dyn Parent>) -> Option<Arc<dyn Issuer>> {
        declared::dependent(kind, AccountKind::WeCom, &self.upstream, parent, self.depth() + 1)
    }
}

impl fmt::Debug for Gettoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gettoken").field("account", &self.account).finish_non_exhaustive()
    }
}

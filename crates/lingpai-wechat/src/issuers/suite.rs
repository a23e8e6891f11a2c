//! What a suite (应用套件) of a WeCom service provider has, and what the corps have that authorised it.
//!
//! WeCom pushes the suite's ticket. With it and the suite's secret comes the suite's token, and with that and a corp's
//! permanent code the corp's. Both tokens are repeated until they expire, and nothing overlaps. A suite that develops on
//! behalf of a corp (代开发, a suite_id that begins with `dk`) uses the permanent code as any application its secret; see
//! `wecom.rs` for that.
//!
//! Source: WeCom's pages on `get_suite_token`, `get_corp_token` and the suite_ticket.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use lingpai_core::client::Right;
use lingpai_core::{
    Account, AccountId, AccountKind, Class, Failure, Issued, Issuer, Kind, Parent, Profile, Proxy,
    Renewal, Secret, Token, Verdict, Way,
};
use serde_json::json;

use super::declared::{self, Asked, Carried, Declared, Field, Keeping, Origin};
use super::{percent_encoded, try_token, unanswered};
use crate::answer::{self, Expected};
use crate::catalogue::{self, Scope};
use crate::protocol;
use crate::remedy;
use crate::wire::{Call, Upstream};

/// What a call with a suite's id, secret and ticket is answered.
const SUITE_TOKEN: Expected =
    Expected { field: "suite_access_token", scope: Scope::WeCom, may_have_ended: true };
/// What WeCom pushes to a suite, and its token is asked for with.
pub const SUITE_TICKET: Kind = Kind::named("suite_ticket");
/// The token of a suite of a WeCom service provider.
pub const SUITE_ACCESS_TOKEN: Kind = Kind::named("suite_access_token");

/// Of the ticket, which is shown to nobody.
pub(crate) static TICKET: Declared = Declared {
    kind: SUITE_TICKET,
    pushed: Some(protocol::SUITE_TICKET_LIFE),
    right: None,
    carried: None,
    asked: None,
    origin: Origin::Account(|of| is_suite(of.account).then(|| Arc::new(SuiteTicket) as _)),
};

/// Of the token.
pub(crate) static TOKEN: Declared = Declared {
    kind: SUITE_ACCESS_TOKEN,
    pushed: None,
    right: Some(Right::Platform),
    carried: Some(Carried {
        name: "suite_access_token",
        under: &[],
        of_wecom: true,
        is_blamed: blames_of_service,
    }),
    asked: Some(Asked {
        path: protocol::SUITE_TOKEN_PATH,
        account: Field { name: "suite_id", missing: (41022, "suite_id missing") },
        names_corp: false,
        secret: Field { name: "suite_secret", missing: (41024, "suite_secret missing") },
        unknown: (40083, "invalid suite_id"),
    }),
    origin: Origin::Account(|of| {
        let ticket = || of.needs(SUITE_TICKET, &of.account.id);
        let suite = is_suite(of.account);
        suite.then(|| Arc::new(SuiteToken::new(of.wecom(), of.account, ticket())) as _)
    }),
};

fn is_suite(account: &Account) -> bool {
    account.kind == AccountKind::WeComSuite
}

/// Calls with a suite's or a provider's token are refused with codes of their own besides.
pub(super) fn blames_of_service(errcode: i64, of_wecom: bool) -> bool {
    let scope = if of_wecom { Scope::WeCom } else { Scope::Api };
    catalogue::blames_token(errcode, scope) || catalogue::blames_service_token(errcode)
}

/// The issuer of the token that this suite has in the corp of an account.
pub(super) fn in_corp(of: &Keeping<'_>, suite: &AccountId) -> Arc<dyn Issuer> {
    Arc::new(CorpToken::new(of.wecom(), of.account, of.needs(SUITE_ACCESS_TOKEN, suite)))
}

/// The ticket of a suite: nothing asks for it, it is pushed.
#[derive(Debug)]
struct SuiteTicket;

#[async_trait]
impl Issuer for SuiteTicket {
    fn profile(&self) -> Profile {
        Profile {
            nominal_life: protocol::SUITE_TICKET_LIFE,
            primary: Renewal::Pushed { overdue: protocol::SUITE_TICKET_OVERDUE },
            forced: None,
            fallback: None,
            daily_budget: protocol::WECOM_DAILY_BUDGET,
            given_once: false,
        }
    }

    /// WeCom has no call that asks for one: only a person can, in the provider's console.
    async fn issue(&self, _way: Way, _companion: Option<&Secret>) -> Result<Issued, Failure> {
        let what = "WeCom pushes the suite_ticket every ten minutes, and none has come";
        let awaited = Failure::new(Class::Awaited(protocol::SUITE_TICKET_LIFE), what);
        Err(awaited.with_remedy(remedy::NO_SUITE_TICKET.en))
    }

    async fn check(&self, _ticket: &Token) -> Verdict {
        untriable("WeCom has no call that tries a suite_ticket")
    }
}

/// `POST /cgi-bin/service/get_suite_token`.
struct SuiteToken {
    upstream: Arc<Upstream>,
    suite: AccountId,
    secret: Secret,
    ticket: Arc<dyn Parent>,
}

impl SuiteToken {
    pub(super) fn new(upstream: Arc<Upstream>, account: &Account, ticket: Arc<dyn Parent>) -> Self {
        let (suite, secret) = (account.id.clone(), account.secret.clone());
        Self { upstream, suite, secret, ticket }
    }
}

#[async_trait]
impl Issuer for SuiteToken {
    fn profile(&self) -> Profile {
        repeating()
    }

    async fn ready(&self) -> Result<(), Failure> {
        self.ticket.value().await.map(drop)
    }

    async fn issue(&self, _way: Way, _companion: Option<&Secret>) -> Result<Issued, Failure> {
        let ticket = self.ticket.value().await?;
        let body = json!({
            "suite_id": self.suite.as_str(),
            "suite_secret": self.secret.expose(),
            "suite_ticket": ticket.expose(),
        });
        let call = post(protocol::SUITE_TOKEN_PATH, None, &body);
        asked(&self.upstream, call, SUITE_TOKEN, &[&self.secret, &ticket]).await
    }

    /// A code for a page is the cheapest thing that is asked for with it.
    async fn check(&self, token: &Token) -> Verdict {
        let secrets = [&token.value, &self.secret];
        let query = Some(with_suite_token(&token.value));
        let call = Call { path: protocol::PRE_AUTH_CODE_PATH, query, body: None };
        service_verdict(match self.upstream.send(call).await {
            Ok(answer) => answer::tried(answer.status(), answer.body(), Scope::WeCom, &secrets),
            Err(error) => Err(unanswered(&error, &secrets)),
        })
    }

    fn proxy(&self) -> Option<Arc<Proxy>> {
        self.upstream.proxy().cloned()
    }

    fn depth(&self) -> usize {
        1
    }
}

impl fmt::Debug for SuiteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SuiteToken").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// `POST /cgi-bin/service/get_corp_token`.
struct CorpToken {
    upstream: Arc<Upstream>,
    account: AccountId,
    /// Whose permanent code it is.
    of: Option<AccountId>,
    permanent_code: Secret,
    suite: Arc<dyn Parent>,
}

impl CorpToken {
    pub(super) fn new(upstream: Arc<Upstream>, account: &Account, suite: Arc<dyn Parent>) -> Self {
        let (id, permanent_code) = (account.id.clone(), account.secret.clone());
        Self { upstream, account: id, of: account.platform.clone(), permanent_code, suite }
    }

    async fn ask(&self, suite: &Secret) -> Result<Issued, Failure> {
        // A name without a corp is refused where accounts are made; WeCom says what is wrong with it too.
        let corpid = self.account.corp_and_agent().map_or(self.account.as_str(), |(corp, _)| corp);
        let body = json!({"auth_corpid": corpid, "permanent_code": self.permanent_code.expose()});
        let call = post(protocol::CORP_TOKEN_PATH, Some(with_suite_token(suite)), &body);
        let secrets = [&self.permanent_code, suite];
        asked(&self.upstream, call, Expected::WECOM_TOKEN, &secrets).await
    }
}

#[async_trait]
impl Issuer for CorpToken {
    fn profile(&self) -> Profile {
        repeating()
    }

    fn platform(&self) -> Option<&AccountId> {
        self.of.as_ref()
    }

    async fn ready(&self) -> Result<(), Failure> {
        self.suite.value().await.map(drop)
    }

    async fn issue(&self, _way: Way, _companion: Option<&Secret>) -> Result<Issued, Failure> {
        let token = self.suite.value().await?;
        match self.ask(&token).await {
            Err(refused) if blames_service_token(&refused) => {
                let better = instead_of(&self.suite, &token, refused).await?;
                self.ask(&better).await
            }
            outcome => outcome,
        }
    }

    async fn check(&self, token: &Token) -> Verdict {
        try_token(&self.upstream, token, Scope::WeCom, &self.permanent_code).await
    }

    fn proxy(&self) -> Option<Arc<Proxy>> {
        self.upstream.proxy().cloned()
    }

    fn depth(&self) -> usize {
        2
    }

    fn dependents(&self) -> &'static [Kind] {
        declared::dependents(AccountKind::WeComAuthorized)
    }

    fn dependent(&self, kind: &Kind, parent: Arc<dyn Parent>) -> Option<Arc<dyn Issuer>> {
        let depth = self.depth() + 1;
        declared::dependent(kind, AccountKind::WeComAuthorized, &self.upstream, parent, depth)
    }
}

impl fmt::Debug for CorpToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CorpToken").field("account", &self.account).finish_non_exhaustive()
    }
}

/// What a corp's authorisation brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorpAuthorization {
    /// Which corp.
    pub corpid: Box<str>,
    /// What opens the application there until the corp takes it back.
    pub permanent_code: Secret,
}

/// The code that an authorisation of a suite is begun with: good once, for twenty minutes.
pub(super) async fn pre_auth_code(
    upstream: &Upstream,
    suite: &Arc<dyn Parent>,
) -> Result<Secret, Failure> {
    let token = suite.value().await?;
    match ask_for_pre_auth_code(upstream, &token).await {
        Err(refused) if blames_service_token(&refused) => {
            let better = instead_of(suite, &token, refused).await?;
            ask_for_pre_auth_code(upstream, &better).await
        }
        outcome => outcome,
    }
}

async fn ask_for_pre_auth_code(upstream: &Upstream, token: &Secret) -> Result<Secret, Failure> {
    let query = Some(with_suite_token(token));
    let call = Call { path: protocol::PRE_AUTH_CODE_PATH, query, body: None };
    let secrets = [token];
    let answer = match upstream.send(call).await {
        Ok(answer) => answer,
        Err(error) => return Err(unanswered(&error, &secrets)),
    };
    let mut answer = answer::accepted(answer.status(), answer.body(), Scope::WeCom, &secrets)?;
    answer::token("pre_auth_code", answer.remove("pre_auth_code"))
}

/// Exchanges an auth_code, which is good once, for ten minutes. The newer of the two calls, which is quicker and brings no
/// token.
pub(super) async fn exchange(
    upstream: &Upstream,
    suite: &Arc<dyn Parent>,
    auth_code: &Secret,
) -> Result<CorpAuthorization, Failure> {
    let token = suite.value().await?;
    match ask_for_code(upstream, &token, auth_code).await {
        Err(refused) if blames_service_token(&refused) => {
            let better = instead_of(suite, &token, refused).await?;
            ask_for_code(upstream, &better, auth_code).await
        }
        outcome => outcome,
    }
}

async fn ask_for_code(
    upstream: &Upstream,
    token: &Secret,
    auth_code: &Secret,
) -> Result<CorpAuthorization, Failure> {
    let body = json!({"auth_code": auth_code.expose()});
    let call = post(protocol::PERMANENT_CODE_PATH, Some(with_suite_token(token)), &body);
    let secrets = [auth_code, token];
    match upstream.send(call).await {
        Ok(answer) => answer::corp_authorization(&answer, &secrets),
        Err(error) => Err(unanswered(&error, &secrets)),
    }
}

/// The token to ask once more with, in place of one that WeCom says is bad.
async fn instead_of(
    suite: &Arc<dyn Parent>,
    token: &Secret,
    refused: Failure,
) -> Result<Secret, Failure> {
    let better = suite.instead_of(token).await?;
    // A token that is good after all is not why the call was refused.
    if better == *token { Err(refused) } else { Ok(better) }
}

fn blames_service_token(failure: &Failure) -> bool {
    failure.code.is_some_and(catalogue::blames_service_token)
}

/// What a trial of a suite's or a provider's token says of it.
pub(super) fn service_verdict(outcome: Result<(), Failure>) -> Verdict {
    match outcome {
        Ok(()) => Verdict::Accepted,
        Err(failure)
            if blames_service_token(&failure) || answer::blames_token(&failure, Scope::WeCom) =>
        {
            Verdict::Refused(failure)
        }
        Err(failure) => Verdict::Inconclusive(failure),
    }
}

fn untriable(why: &'static str) -> Verdict {
    Verdict::Inconclusive(Failure::new(Class::Transient, why))
}

pub(super) fn repeating() -> Profile {
    Profile {
        nominal_life: protocol::NOMINAL_LIFE,
        primary: Renewal::Repeating,
        forced: None,
        fallback: None,
        daily_budget: protocol::WECOM_DAILY_BUDGET,
        given_once: false,
    }
}

fn with_suite_token(token: &Secret) -> String {
    format!("suite_access_token={}", percent_encoded(token.expose()))
}

pub(super) fn post(path: &'static str, query: Option<String>, body: &serde_json::Value) -> Call {
    Call { path, query, body: Some(Bytes::from(body.to_string())) }
}

pub(super) async fn asked(
    upstream: &Upstream,
    call: Call,
    expected: Expected,
    secrets: &[&Secret],
) -> Result<Issued, Failure> {
    match upstream.send(call).await {
        Ok(answer) => answer::issued(&answer, expected, secrets),
        Err(error) => Err(unanswered(&error, secrets)),
    }
}

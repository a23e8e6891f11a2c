//! Third-party platforms (第三方平台): the ticket that is pushed, the platform's token, and the tokens of the accounts that have
//! authorised it.
//!
//! An authorizer's token comes with its refresh token, which the next one is asked for with: the companion. WeChat mostly
//! repeats it; where it gives another, the one before is good for five more minutes. Sources: WeChat's pages on
//! component_verify_ticket, getComponentAccessToken, getAuthorizerAccessToken and getAuthorizerList.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use lingpai_core::client::Right;
use lingpai_core::{
    Account, AccountId, AccountKind, ApiSecurityKeys, Class, Failure, Issued, Issuer, Kind, Parent,
    Profile, Proxy, Renewal, Secret, Timestamp, Token, Verdict, Way,
};
use serde_json::{Map, Value, json};

use super::declared::{self, Asked, Carried, Declared, Field, Keeping, Origin};
use super::{WeChat, percent_encoded, try_token, unanswered};
use crate::answer::{self, Expected};
use crate::catalogue::{self, Scope};
use crate::protocol;
use crate::wire::{Call, Upstream};

/// What WeChat pushes to a third-party platform, and its token is asked for with.
pub const COMPONENT_TICKET: Kind = Kind::named("component_verify_ticket");
/// The token of a third-party platform.
pub const COMPONENT_TOKEN: Kind = Kind::named("component_access_token");

/// Of the ticket. It is proof enough to act for the whole platform, and shown to nobody.
pub(crate) static TICKET: Declared = Declared {
    kind: COMPONENT_TICKET,
    pushed: Some(protocol::COMPONENT_TICKET_LIFE),
    right: None,
    carried: None,
    asked: None,
    origin: Origin::Account(ticket),
};

/// Of the token. It is `access_token` in calls that are not the platform's own, such as those for templates of code.
pub(crate) static TOKEN: Declared = Declared {
    kind: COMPONENT_TOKEN,
    pushed: None,
    right: Some(Right::Platform),
    carried: Some(Carried {
        name: "component_access_token",
        under: &["/cgi-bin/component/", "/sns/component/", "/sns/oauth2/component/"],
        of_wecom: false,
        is_blamed: |errcode, of_wecom| {
            let scope = if of_wecom { Scope::WeCom } else { Scope::Platform };
            catalogue::blames_token(errcode, scope)
        },
    }),
    asked: Some(Asked {
        path: protocol::COMPONENT_TOKEN_PATH,
        account: Field { name: "component_appid", missing: (41018, "missing component_appid") },
        names_corp: false,
        secret: Field {
            name: "component_appsecret",
            missing: (41004, "component_appsecret missing"),
        },
        unknown: (40013, "invalid appid"),
    }),
    origin: Origin::Account(token),
};

fn ticket(of: &Keeping<'_>) -> Option<Arc<dyn Issuer>> {
    let is_one = of.account.kind == AccountKind::Platform;
    is_one.then(|| Arc::new(ComponentTicket::new(of.api(), of.account)) as _)
}

fn token(of: &Keeping<'_>) -> Option<Arc<dyn Issuer>> {
    let ticket = || of.needs(COMPONENT_TICKET, &of.account.id);
    let is_one = of.account.kind == AccountKind::Platform;
    is_one.then(|| Arc::new(ComponentToken::new(of.api(), of.account, ticket())) as _)
}

/// The issuer of the token of an account that has authorised this platform.
pub(super) fn authorizer(of: &Keeping<'_>, platform: &AccountId) -> Arc<dyn Issuer> {
    let component = Component::new(of.api(), platform, of.needs(COMPONENT_TOKEN, platform));
    Arc::new(AuthorizerToken::new(component, of.account))
}

/// WeChat's word for a refresh token that is none, or none any more.
const REFRESH_TOKEN_INVALID: i64 = 61023;
/// And for one whose authorisation has ended, or whose owner has changed the password: a newer authorisation mends both.
const VOID: [i64; 3] = [REFRESH_TOKEN_INVALID, 61003, 42007];

/// A platform as its APIs are called.
#[derive(Clone)]
pub(super) struct Component {
    upstream: Arc<Upstream>,
    appid: AccountId,
    token: Arc<dyn Parent>,
}

/// What comes of an authorisation.
#[derive(Debug)]
pub struct Authorized {
    /// Who has authorised the platform.
    pub authorizer: AccountId,
    /// The account's token, and its refresh token as the companion.
    pub issued: Issued,
}

/// One page of those who have authorised a platform.
#[derive(Debug)]
pub struct Authorizers {
    /// How many there are in all.
    pub total: u64,
    /// Who is on this page. What cannot be an account is left out.
    pub found: Vec<Listed>,
    /// How many were on it, those left out among them.
    pub listed: u64,
}

/// One of those who have authorised a platform.
#[derive(Debug)]
pub struct Listed {
    /// Who it is.
    pub authorizer: AccountId,
    /// The last refresh token that WeChat gave for it.
    pub refresh_token: Secret,
    /// When it has authorised the platform, if WeChat says so.
    pub authorized_at: Option<Timestamp>,
}

impl Component {
    pub(super) fn new(upstream: Arc<Upstream>, appid: &AccountId, token: Arc<dyn Parent>) -> Self {
        Self { upstream, appid: appid.clone(), token }
    }

    /// Makes a call with the platform's token, once more where the answer says that the token was bad. `secrets` are those in
    /// the body.
    async fn call(
        &self,
        path: &'static str,
        mut body: Value,
        secrets: &[&Secret],
    ) -> Result<Map<String, Value>, Failure> {
        body["component_appid"] = self.appid.as_str().into();
        let body = Bytes::from(body.to_string());
        let token = self.token.value().await?;
        match self.send(path, &token, &body, secrets).await {
            Err(refused) if answer::blames_token(&refused, Scope::Platform) => {
                let better = self.token.instead_of(&token).await?;
                // A token that is good after all is not why the call was refused.
                if better == token {
                    return Err(refused);
                }
                self.send(path, &better, &body, secrets).await
            }
            outcome => outcome,
        }
    }

    async fn send(
        &self,
        path: &'static str,
        token: &Secret,
        body: &Bytes,
        secrets: &[&Secret],
    ) -> Result<Map<String, Value>, Failure> {
        let query = Some(format!("component_access_token={}", percent_encoded(token.expose())));
        let secrets: Vec<_> = secrets.iter().copied().chain([token]).collect();
        match self.upstream.send(Call { path, query, body: Some(body.clone()) }).await {
            Ok(answer) => {
                answer::accepted(answer.status(), answer.body(), Scope::Platform, &secrets)
            }
            Err(error) => Err(unanswered(&error, &secrets)),
        }
    }

    /// The code that an authorisation is begun with: good once, for ten minutes.
    pub(super) async fn pre_auth_code(&self) -> Result<Secret, Failure> {
        let mut answer = self.call(protocol::PREAUTHCODE_PATH, json!({}), &[]).await?;
        answer::token("pre_auth_code", answer.remove("pre_auth_code"))
    }

    /// Trades an authorization code, which is good once, for the tokens of who has given it.
    pub(super) async fn query_auth(&self, code: &Secret) -> Result<Authorized, Failure> {
        let body = json!({"authorization_code": code.expose()});
        let mut answer = self.call(protocol::QUERY_AUTH_PATH, body, &[code]).await?;
        let Some(Value::Object(mut info)) = answer.remove("authorization_info") else {
            return Err(answer::unusable("the answer has no authorization_info"));
        };
        let authorizer = info.get("authorizer_appid").and_then(Value::as_str);
        let authorizer = authorizer.and_then(|appid| appid.parse().ok());
        let authorizer =
            authorizer.ok_or_else(|| answer::unusable("the answer names no authorizer"))?;
        Ok(Authorized { authorizer, issued: issued(&mut info)? })
    }

    /// A new token of an authorizer, and its refresh token.
    async fn refresh(&self, authorizer: &AccountId, refresh: &Secret) -> Result<Issued, Failure> {
        let body = json!({
            "authorizer_appid": authorizer.as_str(), "authorizer_refresh_token": refresh.expose(),
        });
        issued(&mut self.call(protocol::AUTHORIZER_TOKEN_PATH, body, &[refresh]).await?)
    }

    /// What WeChat says of an account; a failure that says so if its authorisation does not stand.
    async fn info(&self, authorizer: &AccountId) -> Result<Map<String, Value>, Failure> {
        let body = json!({"authorizer_appid": authorizer.as_str()});
        self.call(protocol::AUTHORIZER_INFO_PATH, body, &[]).await
    }

    pub(super) async fn authorizers(&self, offset: u64) -> Result<Authorizers, Failure> {
        let body = json!({"offset": offset, "count": protocol::AUTHORIZERS_PER_PAGE});
        let mut answer = self.call(protocol::AUTHORIZER_LIST_PATH, body, &[]).await?;
        let total = answer.get("total_count").and_then(Value::as_u64);
        let total = total.ok_or_else(|| answer::unusable("the answer has no total_count"))?;
        let Some(Value::Array(list)) = answer.remove("list") else {
            return Err(answer::unusable("the answer has no list"));
        };
        let listed = list.len() as u64;
        let found = list.into_iter().filter_map(|mut one| {
            let authorizer = one.get("authorizer_appid")?.as_str()?.parse().ok()?;
            let authorized_at = one.get("auth_time").and_then(Value::as_i64);
            let authorized_at = authorized_at.and_then(|at| at.checked_mul(1000));
            let authorized_at = authorized_at.map(Timestamp::from_millis);
            let refresh = one.get_mut("refresh_token").map(Value::take);
            let refresh_token = answer::token("refresh_token", refresh).ok()?;
            Some(Listed { authorizer, refresh_token, authorized_at })
        });
        Ok(Authorizers { total, found: found.collect(), listed })
    }

    /// The refresh token that WeChat lists for an authorizer. None where it lists none.
    async fn listed(&self, authorizer: &AccountId) -> Result<Option<Secret>, Failure> {
        let mut offset = 0;
        loop {
            let page = self.authorizers(offset).await?;
            if let Some(it) = page.found.into_iter().find(|it| it.authorizer == *authorizer) {
                return Ok(Some(it.refresh_token));
            }
            offset += page.listed;
            if page.listed == 0 || offset >= page.total {
                return Ok(None);
            }
        }
    }
}

impl WeChat {
    /// The code that an authorisation of this platform is begun with: good once, for ten minutes. `token` is the platform's.
    ///
    /// # Errors
    /// A [`Failure`], as of [`Issuer::issue`]. So for the three that follow; dropping the future gives the call up.
    pub async fn pre_auth_code(
        &self,
        platform: &Account,
        token: Arc<dyn Parent>,
    ) -> Result<Secret, Failure> {
        self.component(platform, token).pre_auth_code().await
    }

    /// Trades an authorization code for the tokens of who has given it. It is good once: if the future is dropped, it may be
    /// spent, and [`WeChat::authorizers`] lists what it would have brought.
    ///
    /// # Errors
    /// A [`Failure`].
    pub async fn query_auth(
        &self,
        platform: &Account,
        token: Arc<dyn Parent>,
        code: &Secret,
    ) -> Result<Authorized, Failure> {
        self.component(platform, token).query_auth(code).await
    }

    /// Whether the authorisation of this account stands.
    ///
    /// # Errors
    /// A [`Failure`], with the code 61003 if it does not.
    pub async fn stands(
        &self,
        platform: &Account,
        token: Arc<dyn Parent>,
        authorizer: &AccountId,
    ) -> Result<(), Failure> {
        self.component(platform, token).info(authorizer).await.map(drop)
    }

    /// Whether this account, which has authorised the platform, is a Mini Program (小程序) or a Mini Game: of these WeChat tells
    /// `MiniProgramInfo`.
    ///
    /// # Errors
    /// A [`Failure`], with the code 61003 if the authorisation does not stand.
    pub async fn is_mini_program(
        &self,
        platform: &Account,
        token: Arc<dyn Parent>,
        authorizer: &AccountId,
    ) -> Result<bool, Failure> {
        let answer = self.component(platform, token).info(authorizer).await?;
        let info = answer.get("authorizer_info").and_then(Value::as_object);
        let info = info.ok_or_else(|| answer::unusable("the answer has no authorizer_info"))?;
        Ok(info.get("MiniProgramInfo").is_some_and(Value::is_object))
    }

    /// A page of those who have authorised a platform, from this place in WeChat's list on.
    ///
    /// # Errors
    /// A [`Failure`].
    pub async fn authorizers(
        &self,
        platform: &Account,
        token: Arc<dyn Parent>,
        offset: u64,
    ) -> Result<Authorizers, Failure> {
        self.component(platform, token).authorizers(offset).await
    }

    fn component(&self, platform: &Account, token: Arc<dyn Parent>) -> Component {
        Component::new(self.api.through(platform.proxy.as_ref()), &platform.id, token)
    }
}

/// An authorizer's token with its refresh token.
fn issued(answer: &mut Map<String, Value>) -> Result<Issued, Failure> {
    let value = answer::token("authorizer_access_token", answer.remove("authorizer_access_token"))?;
    let name = "authorizer_refresh_token";
    let refresh = answer::token(name, answer.remove(name))?;
    Ok(Issued::new(value, answer::life(answer.get("expires_in"))?).with_companion(refresh))
}

/// `component_verify_ticket`: pushed every ten minutes.
struct ComponentTicket {
    upstream: Arc<Upstream>,
    appid: AccountId,
    secret: Secret,
}

impl ComponentTicket {
    pub(super) fn new(upstream: Arc<Upstream>, platform: &Account) -> Self {
        Self { upstream, appid: platform.id.clone(), secret: platform.secret.clone() }
    }
}

#[async_trait]
impl Issuer for ComponentTicket {
    fn profile(&self) -> Profile {
        Profile {
            nominal_life: protocol::COMPONENT_TICKET_LIFE,
            primary: Renewal::Pushed { overdue: protocol::TICKET_OVERDUE },
            forced: None,
            fallback: None,
            daily_budget: protocol::TICKET_DAILY_BUDGET,
            given_once: false,
        }
    }

    /// Asks for the pushes to begin: what comes of it comes by push.
    async fn issue(&self, _way: Way, _: Option<&Secret>) -> Result<Issued, Failure> {
        let body = json!({
            "component_appid": self.appid.as_str(), "component_secret": self.secret.expose(),
        });
        let call = Call {
            path: protocol::START_PUSH_PATH,
            query: None,
            body: Some(Bytes::from(body.to_string())),
        };
        let secrets = [&self.secret];
        match self.upstream.send(call).await {
            Ok(answer) => {
                answer::accepted(answer.status(), answer.body(), Scope::Platform, &secrets)?;
                let asked = "WeChat was asked to push the component_verify_ticket";
                Err(Failure::new(Class::Awaited(protocol::TICKET_OVERDUE), asked))
            }
            Err(error) => Err(unanswered(&error, &secrets)),
        }
    }

    async fn check(&self, _ticket: &Token) -> Verdict {
        let what = "WeChat has no call that tries a ticket";
        Verdict::Inconclusive(Failure::new(Class::Transient, what))
    }

    fn proxy(&self) -> Option<Arc<Proxy>> {
        self.upstream.proxy().cloned()
    }
}

impl fmt::Debug for ComponentTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComponentTicket").field("appid", &self.appid).finish_non_exhaustive()
    }
}

/// What a call with a platform's appid, secret and ticket is answered.
const ISSUED: Expected =
    Expected { field: "component_access_token", scope: Scope::Platform, may_have_ended: false };

/// `component_access_token`.
struct ComponentToken {
    upstream: Arc<Upstream>,
    appid: AccountId,
    secret: Secret,
    ticket: Arc<dyn Parent>,
}

impl ComponentToken {
    pub(super) fn new(
        upstream: Arc<Upstream>,
        platform: &Account,
        ticket: Arc<dyn Parent>,
    ) -> Self {
        let (appid, secret) = (platform.id.clone(), platform.secret.clone());
        Self { upstream, appid, secret, ticket }
    }
}

#[async_trait]
impl Issuer for ComponentToken {
    fn profile(&self) -> Profile {
        Profile {
            nominal_life: protocol::NOMINAL_LIFE,
            primary: Renewal::Minting { overlap: protocol::OVERLAP },
            forced: None,
            fallback: None,
            daily_budget: protocol::CLASSIC_DAILY_BUDGET,
            given_once: false,
        }
    }

    async fn ready(&self) -> Result<(), Failure> {
        self.ticket.value().await.map(drop)
    }

    async fn issue(&self, _way: Way, _: Option<&Secret>) -> Result<Issued, Failure> {
        let ticket = self.ticket.value().await?;
        let body = json!({
            "component_appid": self.appid.as_str(),
            "component_appsecret": self.secret.expose(),
            "component_verify_ticket": ticket.expose(),
        });
        let call = Call {
            path: protocol::COMPONENT_TOKEN_PATH,
            query: None,
            body: Some(Bytes::from(body.to_string())),
        };
        let secrets = [&self.secret, &ticket];
        match self.upstream.send(call).await {
            Ok(answer) => answer::issued(&answer, ISSUED, &secrets),
            Err(error) => Err(unanswered(&error, &secrets)),
        }
    }

    /// The cheapest call that carries the platform's token and asks for nothing else is the one for a pre-auth code.
    async fn check(&self, token: &Token) -> Verdict {
        let fixed = Fixed(token.value.clone());
        let component = Component::new(Arc::clone(&self.upstream), &self.appid, Arc::new(fixed));
        match component.pre_auth_code().await {
            Ok(_) => Verdict::Accepted,
            Err(failure) if answer::blames_token(&failure, Scope::Platform) => {
                Verdict::Refused(failure)
            }
            Err(failure) => Verdict::Inconclusive(failure),
        }
    }

    fn proxy(&self) -> Option<Arc<Proxy>> {
        self.upstream.proxy().cloned()
    }

    fn depth(&self) -> usize {
        1
    }
}

impl fmt::Debug for ComponentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComponentToken").field("appid", &self.appid).finish_non_exhaustive()
    }
}

/// A token that is tried, and replaced by none.
#[derive(Debug)]
struct Fixed(Secret);

#[async_trait]
impl Parent for Fixed {
    async fn value(&self) -> Result<Secret, Failure> {
        Ok(self.0.clone())
    }

    async fn instead_of(&self, _refused: &Secret) -> Result<Secret, Failure> {
        Ok(self.0.clone())
    }
}

/// The access_token of an account that has authorised a platform.
struct AuthorizerToken {
    component: Component,
    authorizer: AccountId,
    kind: AccountKind,
    /// Of the authorisation; later ones are companions.
    first_refresh: Secret,
    api_security: Option<Arc<ApiSecurityKeys>>,
}

impl AuthorizerToken {
    pub(super) fn new(component: Component, account: &Account) -> Self {
        Self {
            component,
            authorizer: account.id.clone(),
            kind: account.kind,
            first_refresh: account.secret.clone(),
            api_security: account.api_security.clone(),
        }
    }

    async fn refresh(&self, with: &Secret) -> Result<Issued, Failure> {
        self.component.refresh(&self.authorizer, with).await
    }
}

#[async_trait]
impl Issuer for AuthorizerToken {
    fn profile(&self) -> Profile {
        Profile {
            nominal_life: protocol::NOMINAL_LIFE,
            primary: Renewal::Minting { overlap: protocol::OVERLAP },
            forced: None,
            fallback: None,
            daily_budget: protocol::STABLE_DAILY_BUDGET,
            given_once: true,
        }
    }

    fn platform(&self) -> Option<&AccountId> {
        Some(&self.component.appid)
    }

    async fn ready(&self) -> Result<(), Failure> {
        self.component.token.value().await.map(drop)
    }

    /// With the last refresh token there is. Where WeChat calls that invalid, the one of the authorisation may be newer, and
    /// after that the one that WeChat lists.
    async fn issue(&self, _way: Way, companion: Option<&Secret>) -> Result<Issued, Failure> {
        let latest = companion.unwrap_or(&self.first_refresh);
        let is_void = |failure: &Failure| failure.code.is_some_and(|code| VOID.contains(&code));
        let mut refused = match self.refresh(latest).await {
            Err(failure) if is_void(&failure) => failure,
            outcome => return outcome,
        };
        if *latest != self.first_refresh {
            refused = match self.refresh(&self.first_refresh).await {
                Err(failure) if is_void(&failure) => failure,
                outcome => return outcome,
            };
        }
        if refused.code != Some(REFRESH_TOKEN_INVALID) {
            return Err(refused);
        }
        match self.component.listed(&self.authorizer).await {
            Ok(Some(listed)) if listed != *latest => self.refresh(&listed).await,
            _ => Err(refused),
        }
    }

    async fn check(&self, token: &Token) -> Verdict {
        try_token(&self.component.upstream, token, Scope::Api, &self.first_refresh).await
    }

    fn proxy(&self) -> Option<Arc<Proxy>> {
        self.component.upstream.proxy().cloned()
    }

    fn api_security(&self) -> Option<Arc<ApiSecurityKeys>> {
        self.api_security.clone()
    }

    fn depth(&self) -> usize {
        2
    }

    fn dependents(&self) -> &'static [Kind] {
        declared::dependents(self.kind)
    }

    fn dependent(&self, kind: &Kind, parent: Arc<dyn Parent>) -> Option<Arc<dyn Issuer>> {
        declared::dependent(kind, self.kind, &self.component.upstream, parent, 3)
    }
}

impl fmt::Debug for AuthorizerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("AuthorizerToken");
        shown.field("platform", &self.component.appid);
        shown.field("authorizer", &self.authorizer).finish_non_exhaustive()
    }
}

//! Service providers (服务商) of WeCom: their suites (应用套件), and the corps that authorise these.
//!
//! From WeCom's pages on third-party applications: a ticket is pushed every ten minutes and good for thirty; suite and
//! provider tokens are repeated until they expire; an authorisation brings an auth_code that is good once, for ten minutes,
//! and is told by the redirect of the page or, without one, by `create_auth`; the permanent code that it is exchanged for
//! opens the application in that corp until the corp takes it back. That a corp that authorises again keeps its code, and
//! gets another only after `reset_permanent_code`, is inferred.

mod api;
mod page;

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Agent, AgentId, loopback, valid_corpid, valid_secret};
use crate::{
    AppSecret, Error, IpPattern, World,
    push::Order,
    random::Random,
    time::{Moment, TOKEN_LIFETIME},
};

pub(super) use self::api::APIS;
pub(crate) use self::page::{PATH as INSTALL_PAGE, serve as serve_page};

/// The provider that every default world has.
pub const DEMO_PROVIDER: &str = "ww5a0db0c0ffee9001";
/// The secret of that provider. It opens nothing but a sandbox.
pub const DEMO_PROVIDER_SECRET: &str = "5a0db0c0ffee0001-Provider_5a0db0c0ffee0001";
/// Its suite.
pub const DEMO_SUITE: &str = "ww5a0db0c0ffee5001";
/// The secret of that suite. It opens nothing but a sandbox.
pub const DEMO_SUITE_SECRET: &str = "5a0db0c0ffee0001-Suite_5a0db0c0ffee00010001";

/// A ticket is pushed so often.
const TICKET_EVERY: Duration = Duration::from_secs(600);
/// And good for so long.
const TICKET_LIFETIME: Duration = Duration::from_secs(1800);
const PRE_AUTH_LIFETIME: Duration = Duration::from_secs(1200);
const AUTH_CODE_LIFETIME: Duration = Duration::from_secs(600);
/// So many codes of each sort are remembered.
const REMEMBERED: usize = 1000;
/// Applications of suites have numbers from here on.
const FIRST_AGENT: u32 = 1_000_100;

/// A service provider, which is a corp itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// `ww` or `wx`, and 16 letters and digits.
    pub corpid: String,
    /// The ProviderSecret; invented if left out.
    #[serde(default)]
    pub secret: Option<AppSecret>,
    /// Its suites.
    #[serde(default)]
    pub suites: Vec<SuiteSettings>,
}

impl ProviderSettings {
    /// The provider of every default world, with its suite.
    pub fn demo() -> Self {
        let secret = Some(AppSecret::new(DEMO_SUITE_SECRET));
        let suite = SuiteSettings { secret, ..SuiteSettings::new(DEMO_SUITE) };
        Self {
            corpid: DEMO_PROVIDER.to_owned(),
            secret: Some(AppSecret::new(DEMO_PROVIDER_SECRET)),
            suites: vec![suite],
        }
    }
}

/// A suite: one application that a provider offers to corps.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteSettings {
    /// `ww`, `wx`, `dk` or `tj`, and 16 letters and digits.
    pub suite_id: String,
    /// The suite's secret; invented if left out.
    #[serde(default)]
    pub secret: Option<AppSecret>,
    /// Who may call with its tokens and those of corps that authorised it. Default: the loopback.
    #[serde(default = "loopback")]
    pub trusted: Vec<IpPattern>,
    /// Where its tickets and notices are pushed to. Default: nowhere.
    #[serde(default)]
    pub push: Option<PushTo>,
}

impl SuiteSettings {
    /// A suite with an invented secret that trusts the loopback and pushes nowhere.
    pub fn new(suite_id: &str) -> Self {
        Self { suite_id: suite_id.to_owned(), secret: None, trusted: loopback(), push: None }
    }
}

/// Where notices go (指令回调URL), and how they are signed and encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PushTo {
    /// `http://`.
    pub url: String,
    /// The Token.
    pub token: String,
    /// The EncodingAESKey.
    pub encoding_aes_key: String,
}

#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Provider {
    corpid: String,
    secret: String,
    token: Option<Kept>,
}

/// A token that is repeated until it expires.
#[derive(Clone, Deserialize, Serialize)]
struct Kept {
    token: String,
    expires_at: Moment,
    revoked: bool,
}

impl Kept {
    fn new(token: String, now: Moment) -> Self {
        Self { token, expires_at: now.plus(TOKEN_LIFETIME), revoked: false }
    }

    fn is_live(&self, now: Moment) -> bool {
        !self.revoked && now < self.expires_at
    }
}

#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Suite {
    suite_id: String,
    provider: String,
    secret: String,
    trusted: Vec<IpPattern>,
    push: Option<PushTo>,
    /// When the next ticket is due.
    next_ticket: Moment,
    tickets: VecDeque<(String, Moment)>,
    token: Option<Kept>,
    /// Tokens before the present one are expired, and not unknown.
    old_tokens: VecDeque<String>,
    pre_auth: VecDeque<(String, Moment)>,
    auth_codes: VecDeque<AuthCode>,
}

#[derive(Clone, Deserialize, Serialize)]
struct AuthCode {
    code: String,
    corpid: String,
    /// What it is exchanged for; from then on this is the application's.
    permanent: String,
    expires_at: Moment,
}

impl Suite {
    fn new(provider: &str, settings: SuiteSettings, random: &mut Random) -> Result<Self, Error> {
        let SuiteSettings { suite_id, secret, trusted, push } = settings;
        let of_suite = |prefix| suite_id.starts_with(prefix);
        if !valid_corpid(&suite_id) && !((of_suite("dk") || of_suite("tj")) && suite_id.len() == 18)
        {
            return Err(Error::BadCorpid { corpid: suite_id });
        }
        Ok(Self {
            suite_id,
            provider: provider.to_owned(),
            secret: valid_secret(secret, random)?,
            trusted,
            push,
            next_ticket: Moment::from_unix(0),
            tickets: VecDeque::new(),
            token: None,
            old_tokens: VecDeque::new(),
            pre_auth: VecDeque::new(),
            auth_codes: VecDeque::new(),
        })
    }

    fn new_ticket(&mut self, now: Moment, random: &mut Random) -> String {
        let ticket = random.url_safe(64);
        self.tickets.push_back((ticket.clone(), now.plus(TICKET_LIFETIME)));
        self.tickets.retain(|(_, expires_at)| now < *expires_at);
        ticket
    }

    /// A notice to the suite's URL; none if it has none.
    fn notice(&self, info_type: &str, now: Moment, fields: &[(&str, &str)]) -> Option<Order> {
        let to = self.push.as_ref()?;
        let fields: String = fields
            .iter()
            .map(|(name, text)| format!("<{name}><![CDATA[{text}]]></{name}>"))
            .collect();
        let message = format!(
            "<xml><SuiteId><![CDATA[{}]]></SuiteId><InfoType><![CDATA[{info_type}]]></InfoType>\
             <TimeStamp>{}</TimeStamp>{fields}</xml>",
            self.suite_id,
            now.unix_seconds()
        );
        Some(Order::notice(to, &self.suite_id, info_type, message))
    }
}

impl super::WeCom {
    fn suite(&self, suite_id: &str) -> Option<&Suite> {
        self.suites.iter().find(|suite| suite.suite_id == suite_id)
    }

    fn suite_mut(&mut self, suite_id: &str) -> Result<&mut Suite, Error> {
        let found = self.suites.iter_mut().find(|suite| suite.suite_id == suite_id);
        found.ok_or_else(|| Error::UnknownApp { appid: suite_id.to_owned() })
    }

    fn provider_mut(&mut self, corpid: &str) -> Result<&mut Provider, Error> {
        let found = self.providers.iter_mut().find(|provider| provider.corpid == corpid);
        found.ok_or_else(|| Error::UnknownApp { appid: corpid.to_owned() })
    }

    /// The application of this suite in this corp.
    fn installed(&mut self, suite_id: &str, corpid: &str) -> Option<(&AgentId, &mut Agent)> {
        let is_it = |id: &AgentId, agent: &Agent| {
            id.corpid == corpid && agent.suite.as_deref() == Some(suite_id)
        };
        let found = self.agents.iter_mut().find(|(id, agent)| is_it(id, agent));
        found.map(|(id, agent)| (&*id, agent))
    }

    /// Makes the application that this code opens, if it is not there.
    fn install(&mut self, suite_id: &str, corpid: &str, permanent: String) -> AgentId {
        if let Some((id, agent)) = self.installed(suite_id, corpid) {
            agent.secret = permanent;
            return id.clone();
        }
        let used = self.agents.iter().filter(|(id, _)| id.corpid == corpid);
        let agent = used.map(|(id, _)| id.agent + 1).fold(FIRST_AGENT, u32::max);
        let id = AgentId { corpid: corpid.to_owned(), agent };
        let trusted = self.suite(suite_id).map_or_else(loopback, |suite| suite.trusted.clone());
        let suite = Some(suite_id.to_owned());
        self.agents.push((id.clone(), Agent { secret: permanent, trusted, token: None, suite }));
        id
    }

    /// Whose suite token this is, or whose provider token.
    pub(crate) fn service_owner(&self, token: &str) -> Option<String> {
        let has = |kept: &Option<Kept>| kept.as_ref().is_some_and(|kept| kept.token == token);
        let mut suites = self.suites.iter();
        let suite = suites
            .find(|suite| has(&suite.token) || suite.old_tokens.iter().any(|old| old == token));
        let provider = || self.providers.iter().find(|provider| has(&provider.token));
        suite
            .map(|suite| suite.suite_id.clone())
            .or_else(|| provider().map(|provider| provider.corpid.clone()))
    }

    /// Whether a body names a suite or a provider that is known.
    pub(crate) fn knows_service(&self, id: &str) -> bool {
        self.suite(id).is_some() || self.providers.iter().any(|provider| provider.corpid == id)
    }

    pub(crate) fn suites(&self) -> impl Iterator<Item = (&str, &str, Option<&str>)> {
        self.suites.iter().map(|suite| {
            let url = suite.push.as_ref().map(|to| to.url.as_str());
            (suite.suite_id.as_str(), suite.provider.as_str(), url)
        })
    }
}

fn end(kept: &mut Option<Kept>, now: Moment, expired: bool) {
    match kept {
        Some(kept) if expired => kept.expires_at = kept.expires_at.min(now),
        Some(kept) => kept.revoked = true,
        None => {}
    }
}

/// What can be done to providers and suites from outside.
impl World {
    /// Adds a provider with its suites.
    ///
    /// # Errors
    /// If it or one of its suites is there already, or an id or a secret has not WeCom's shape.
    pub fn add_provider(&mut self, settings: ProviderSettings) -> Result<(), Error> {
        let ProviderSettings { corpid, secret, suites } = settings;
        if self.wecom.knows_service(&corpid) {
            return Err(Error::AppExists { appid: corpid });
        }
        if !valid_corpid(&corpid) {
            return Err(Error::BadCorpid { corpid });
        }
        let secret = match secret {
            Some(secret) => secret.expose().to_owned(),
            None => self.random.url_safe(43),
        };
        self.wecom.providers.push(Provider { corpid: corpid.clone(), secret, token: None });
        suites.into_iter().try_for_each(|suite| self.add_suite(&corpid, suite))
    }

    /// Adds a suite of a provider.
    ///
    /// # Errors
    /// If it is there already, there is no such provider, or an id or a secret has not WeCom's shape.
    pub fn add_suite(&mut self, provider: &str, settings: SuiteSettings) -> Result<(), Error> {
        self.wecom.provider_mut(provider)?;
        if self.wecom.knows_service(&settings.suite_id) {
            return Err(Error::AppExists { appid: settings.suite_id });
        }
        let suite = Suite::new(provider, settings, &mut self.random)?;
        self.wecom.suites.push(suite);
        Ok(())
    }

    pub(crate) fn has_provider(&self, settings: &ProviderSettings) -> bool {
        self.wecom.knows_service(&settings.corpid)
    }

    /// The secret of a suite.
    ///
    /// # Errors
    /// If there is no such suite.
    pub fn suite_secret(&mut self, suite_id: &str) -> Result<AppSecret, Error> {
        Ok(AppSecret::new(self.wecom.suite_mut(suite_id)?.secret.clone()))
    }

    /// Says where a suite's tickets and notices are pushed to from now on. The first ticket comes at once.
    ///
    /// # Errors
    /// If there is no such suite.
    pub fn push_suite_to(&mut self, suite_id: &str, to: Option<PushTo>) -> Result<(), Error> {
        let suite = self.wecom.suite_mut(suite_id)?;
        suite.push = to;
        suite.next_ticket = Moment::from_unix(0);
        Ok(())
    }

    /// Makes a ticket at once, and pushes it if there is a URL.
    ///
    /// # Errors
    /// If there is no such suite.
    pub fn push_suite_ticket(&mut self, now: Duration, suite_id: &str) -> Result<String, Error> {
        let moment = self.clock.at(now);
        let suite = self.wecom.suite_mut(suite_id)?;
        let ticket = suite.new_ticket(moment, &mut self.random);
        let fields = [("SuiteTicket", ticket.as_str())];
        self.outgoing.extend(suite.notice("suite_ticket", moment, &fields));
        Ok(ticket)
    }

    /// A corp authorises a suite in WeCom's own market: `create_auth` is pushed. Answers with its auth_code.
    ///
    /// # Errors
    /// If there is no such suite, or the corpid has not WeCom's shape.
    pub fn authorize_suite(
        &mut self,
        now: Duration,
        suite_id: &str,
        corpid: &str,
    ) -> Result<String, Error> {
        let moment = self.clock.at(now);
        let code = self.authorized(moment, suite_id, corpid, false)?;
        let suite = self.wecom.suite_mut(suite_id)?;
        self.outgoing.extend(suite.notice("create_auth", moment, &[("AuthCode", &code)]));
        Ok(code)
    }

    /// The provider asks for another permanent code of a corp (重新获取): `reset_permanent_code` is pushed. The old one
    /// is dead when the auth_code, which is answered, has been exchanged.
    ///
    /// # Errors
    /// If there is no such suite, or the corp has not authorised it.
    pub fn reset_permanent_code(
        &mut self,
        now: Duration,
        suite_id: &str,
        corpid: &str,
    ) -> Result<String, Error> {
        self.authorization(suite_id, corpid)?;
        let moment = self.clock.at(now);
        let code = self.authorized(moment, suite_id, corpid, true)?;
        let suite = self.wecom.suite_mut(suite_id)?;
        self.outgoing.extend(suite.notice("reset_permanent_code", moment, &[("AuthCode", &code)]));
        Ok(code)
    }

    /// A corp changes what it has authorised: `change_auth` is pushed.
    ///
    /// # Errors
    /// If there is no such suite, or the corp has not authorised it.
    pub fn change_authorization(
        &mut self,
        now: Duration,
        suite_id: &str,
        corpid: &str,
    ) -> Result<(), Error> {
        self.authorization(suite_id, corpid)?;
        let moment = self.clock.at(now);
        let suite = self.wecom.suite_mut(suite_id)?;
        self.outgoing.extend(suite.notice("change_auth", moment, &[("AuthCorpId", corpid)]));
        Ok(())
    }

    /// A corp takes its authorisation back: `cancel_auth` is pushed, and its tokens are dead.
    ///
    /// # Errors
    /// If there is no such suite, or the corp has not authorised it.
    pub fn cancel_authorization(
        &mut self,
        now: Duration,
        suite_id: &str,
        corpid: &str,
    ) -> Result<(), Error> {
        let agent = self.authorization(suite_id, corpid)?;
        self.remove_agent(corpid, agent)?;
        let moment = self.clock.at(now);
        let suite = self.wecom.suite_mut(suite_id)?;
        suite.auth_codes.retain(|code| code.corpid != corpid);
        self.outgoing.extend(suite.notice("cancel_auth", moment, &[("AuthCorpId", corpid)]));
        Ok(())
    }

    /// The number of the application that a suite is in a corp.
    ///
    /// # Errors
    /// If there is no such suite, or the corp has not authorised it.
    pub fn authorization(&mut self, suite_id: &str, corpid: &str) -> Result<u32, Error> {
        self.wecom.suite_mut(suite_id)?;
        let found = self.wecom.installed(suite_id, corpid).map(|(id, _)| id.agent);
        found.ok_or_else(|| Error::UnknownApp { appid: format!("{corpid}:{suite_id}") })
    }

    /// Ends a suite's token early (40082), or its lifetime (42009).
    ///
    /// # Errors
    /// If there is no such suite.
    pub fn end_suite_token(
        &mut self,
        now: Duration,
        suite_id: &str,
        expired: bool,
    ) -> Result<(), Error> {
        let moment = self.clock.at(now);
        end(&mut self.wecom.suite_mut(suite_id)?.token, moment, expired);
        Ok(())
    }

    /// The same with the token of a provider.
    ///
    /// # Errors
    /// If there is no such provider.
    pub fn end_provider_token(
        &mut self,
        now: Duration,
        corpid: &str,
        expired: bool,
    ) -> Result<(), Error> {
        let moment = self.clock.at(now);
        end(&mut self.wecom.provider_mut(corpid)?.token, moment, expired);
        Ok(())
    }

    /// An auth_code for what a corp has just agreed to. `anew` brings another permanent code.
    fn authorized(
        &mut self,
        now: Moment,
        suite_id: &str,
        corpid: &str,
        anew: bool,
    ) -> Result<String, Error> {
        if !valid_corpid(corpid) {
            return Err(Error::BadCorpid { corpid: corpid.to_owned() });
        }
        self.wecom.suite_mut(suite_id)?;
        let present = self.wecom.installed(suite_id, corpid).map(|(_, agent)| agent.secret.clone());
        let fresh = [self.random.url_safe(43), self.random.url_safe(64)];
        let [permanent, code] = fresh;
        if present.is_none() {
            // The application is there as soon as the corp agrees; only its code is still to be told.
            self.wecom.install(suite_id, corpid, permanent.clone());
        }
        let permanent = present.filter(|_| !anew).unwrap_or(permanent);
        let suite = self.wecom.suite_mut(suite_id)?;
        if suite.auth_codes.len() >= REMEMBERED {
            suite.auth_codes.pop_front();
        }
        suite.auth_codes.push_back(AuthCode {
            code: code.clone(),
            corpid: corpid.to_owned(),
            permanent,
            expires_at: now.plus(AUTH_CODE_LIFETIME),
        });
        Ok(code)
    }

    /// Makes the tickets that are due; after so much virtual time the next one is.
    pub(crate) fn push_due_tickets(&mut self, now: Moment) -> Option<Duration> {
        let Self { wecom, random, outgoing, revision, .. } = self;
        for suite in wecom.suites.iter_mut().filter(|suite| suite.push.is_some()) {
            if now >= suite.next_ticket {
                let ticket = suite.new_ticket(now, random);
                outgoing.extend(suite.notice("suite_ticket", now, &[("SuiteTicket", &ticket)]));
                suite.next_ticket = now.plus(TICKET_EVERY);
                *revision += 1;
            }
        }
        let pushed = wecom.suites.iter().filter(|suite| suite.push.is_some());
        pushed.map(|suite| now.until(suite.next_ticket)).min()
    }
}

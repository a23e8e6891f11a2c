//! WeCom (企业微信), below `/qyapi`: corps, their applications, and the token of each; those of service providers are in
//! `suite`.
//!
//! The rules are WeCom's own (its pages on gettoken, on limits and on global error codes): a token is repeated until it
//! expires and nothing overlaps; a wrong secret is 40001, a bad token 40014; all but gettoken come from trusted addresses
//! only (60020), which is looked at before the parameters are. That `expires_in` of a repeated token says what is left is
//! inferred from "does not extend it".

mod api;
mod rates;
mod suite;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use self::rates::{Rates, WrongCalls};
use self::suite::{Provider, Suite};
use crate::{
    AppSecret, Error, IpPattern, World,
    random::Random,
    time::{Moment, TOKEN_LIFETIME},
};

pub(crate) use self::api::{paths, serve};
pub use self::suite::{
    DEMO_PROVIDER, DEMO_PROVIDER_SECRET, DEMO_SUITE, DEMO_SUITE_SECRET, ProviderSettings, PushTo,
    SuiteSettings,
};
pub(crate) use self::suite::{INSTALL_PAGE, serve_page};

/// What stands before every path of WeCom's, since they collide with those of WeChat.
pub(crate) const PREFIX: &str = "/qyapi";

/// The corp that every default world has.
pub const DEMO_CORPID: &str = "ww5a0db0c0ffee0001";
/// Its application.
pub const DEMO_AGENT: u32 = 1_000_002;
/// The secret of that application. It opens nothing but a sandbox.
pub const DEMO_AGENT_SECRET: &str = "5a0db0c0ffee0001-WeCom_5a0db0c0ffee00010001";

/// One application of a corp.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSettings {
    /// `ww` or `wx`, and 16 letters and digits.
    pub corpid: String,
    /// The agentid.
    pub agent: u32,
    /// 43 characters; invented if left out.
    #[serde(default)]
    pub secret: Option<AppSecret>,
    /// Who may call all but gettoken. Default: the loopback.
    #[serde(default = "loopback")]
    pub trusted: Vec<IpPattern>,
}

impl AgentSettings {
    /// The application of every default world.
    pub fn demo() -> Self {
        let secret = Some(AppSecret::new(DEMO_AGENT_SECRET));
        Self { secret, ..Self::new(DEMO_CORPID, DEMO_AGENT) }
    }

    /// An application with an invented secret that trusts the loopback.
    pub fn new(corpid: &str, agent: u32) -> Self {
        Self { corpid: corpid.to_owned(), agent, secret: None, trusted: loopback() }
    }
}

fn loopback() -> Vec<IpPattern> {
    vec![IpAddr::V4(Ipv4Addr::LOCALHOST).into()]
}

/// An application by its corp and number, as people and counters name it: `corpid:agent`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub(crate) struct AgentId {
    corpid: String,
    agent: u32,
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.corpid, self.agent)
    }
}

#[derive(Clone, Deserialize, Serialize)]
struct Agent {
    secret: String,
    trusted: Vec<IpPattern>,
    /// The token that gettoken repeats.
    token: Option<String>,
    /// The suite that it is of, whose permanent code the secret then is.
    #[serde(default)]
    suite: Option<String>,
}

#[derive(Clone, Deserialize, Serialize)]
struct Issued {
    of: AgentId,
    expires_at: Moment,
    /// The platform may end a token early.
    revoked: bool,
}

/// All corps.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(crate) struct WeCom {
    agents: Vec<(AgentId, Agent)>,
    issued: HashMap<String, Issued>,
    #[serde(default)]
    providers: Vec<Provider>,
    #[serde(default)]
    suites: Vec<Suite>,
    /// What was called lately; a restart forgets that.
    #[serde(skip)]
    rates: Rates,
    #[serde(skip)]
    wrong: BTreeMap<String, WrongCalls>,
}

impl WeCom {
    fn agent(&mut self, corpid: &str, agent: u32) -> Result<(&AgentId, &mut Agent), Error> {
        let mut all = self.agents.iter_mut();
        let found = all.find(|(id, _)| id.corpid == corpid && id.agent == agent);
        let appid = || format!("{corpid}:{agent}");
        found.map(|(id, agent)| (&*id, agent)).ok_or_else(|| Error::UnknownApp { appid: appid() })
    }

    pub(crate) fn has(&self, settings: &AgentSettings) -> bool {
        let is_it = |id: &AgentId| id.corpid == settings.corpid && id.agent == settings.agent;
        self.agents.iter().any(|(id, _)| is_it(id))
    }

    fn knows_corp(&self, corpid: &str) -> bool {
        self.agents.iter().any(|(id, _)| id.corpid == corpid)
    }

    /// A permanent code is a secret for gettoken only where the application was developed on behalf of the corp (代开发).
    fn by_secret(&mut self, corpid: &str, secret: &str) -> Option<(&AgentId, &mut Agent)> {
        let has_secret = |agent: &Agent| {
            agent.secret == secret
                && agent.suite.as_ref().is_none_or(|suite| suite.starts_with("dk"))
        };
        let mut all = self.agents.iter_mut();
        let found = all.find(|(id, agent)| id.corpid == corpid && has_secret(agent));
        found.map(|(id, agent)| (&*id, agent))
    }

    /// All corps that have an application.
    fn corps(&self) -> impl Iterator<Item = &str> {
        self.agents.iter().map(|(id, _)| id.corpid.as_str())
    }

    /// Whose token this is.
    pub(crate) fn owner(&self, token: &str) -> Option<String> {
        self.issued.get(token).map(|issued| issued.of.to_string())
    }

    /// Who asks for a token with this secret.
    pub(crate) fn asker(&mut self, corpid: &str, secret: &str) -> Option<String> {
        self.by_secret(corpid, secret).map(|(id, _)| id.to_string())
    }

    /// All applications, for people.
    pub(crate) fn list(&self) -> impl Iterator<Item = (String, &[IpPattern])> {
        self.agents.iter().map(|(id, agent)| (id.to_string(), &agent.trusted[..]))
    }
}

/// What can be done to WeCom from outside.
impl World {
    /// Adds an application, and its corp if it is the first of it.
    ///
    /// # Errors
    /// If it is there already, or corpid or secret have not WeCom's shape.
    pub fn add_agent(&mut self, settings: AgentSettings) -> Result<(), Error> {
        if self.wecom.has(&settings) {
            let appid = format!("{}:{}", settings.corpid, settings.agent);
            return Err(Error::AppExists { appid });
        }
        let AgentSettings { corpid, agent, secret, trusted } = settings;
        if !valid_corpid(&corpid) {
            return Err(Error::BadCorpid { corpid });
        }
        let secret = valid_secret(secret, &mut self.random)?;
        let agent_id = AgentId { corpid, agent };
        self.wecom.agents.push((agent_id, Agent { secret, trusted, token: None, suite: None }));
        Ok(())
    }

    /// Removes an application with its token.
    ///
    /// # Errors
    /// If there is no such application.
    pub fn remove_agent(&mut self, corpid: &str, agent: u32) -> Result<(), Error> {
        let id = self.wecom.agent(corpid, agent)?.0.clone();
        self.wecom.agents.retain(|(known, _)| *known != id);
        self.wecom.issued.retain(|_, issued| issued.of != id);
        self.tickets.forget(&id.to_string());
        Ok(())
    }

    /// The secret of an application.
    ///
    /// # Errors
    /// If there is no such application.
    pub fn agent_secret(&mut self, corpid: &str, agent: u32) -> Result<AppSecret, Error> {
        Ok(AppSecret::new(self.wecom.agent(corpid, agent)?.1.secret.clone()))
    }

    /// Gives an application another secret, `None` for an invented one; the old one is dead at once.
    ///
    /// # Errors
    /// If there is no such application, or the secret has not WeCom's shape.
    pub fn reset_agent_secret(
        &mut self,
        corpid: &str,
        agent: u32,
        secret: Option<AppSecret>,
    ) -> Result<AppSecret, Error> {
        let secret = valid_secret(secret, &mut self.random)?;
        self.wecom.agent(corpid, agent)?.1.secret.clone_from(&secret);
        Ok(AppSecret::new(secret))
    }

    /// Says who may call all but gettoken with this application's token.
    ///
    /// # Errors
    /// If there is no such application.
    pub fn trust(
        &mut self,
        corpid: &str,
        agent: u32,
        trusted: Vec<IpPattern>,
    ) -> Result<(), Error> {
        self.wecom.agent(corpid, agent)?.1.trusted = trusted;
        Ok(())
    }

    /// Ends the lifetime of an application's token: 42001 from now on.
    ///
    /// # Errors
    /// If there is no such application.
    pub fn expire_agent(&mut self, now: Duration, corpid: &str, agent: u32) -> Result<(), Error> {
        let moment = self.clock.at(now);
        self.end_token(corpid, agent, |issued| issued.expires_at = issued.expires_at.min(moment))
    }

    /// Ends an application's token early, as the platform may: 40014 from now on, and gettoken gives another.
    ///
    /// # Errors
    /// If there is no such application.
    pub fn revoke_agent(&mut self, corpid: &str, agent: u32) -> Result<(), Error> {
        self.end_token(corpid, agent, |issued| issued.revoked = true)
    }

    fn end_token(
        &mut self,
        corpid: &str,
        agent: u32,
        end: impl FnOnce(&mut Issued),
    ) -> Result<(), Error> {
        let token = self.wecom.agent(corpid, agent)?.1.token.clone();
        if let Some(issued) = token.and_then(|token| self.wecom.issued.get_mut(&token)) {
            end(issued);
        }
        Ok(())
    }
}

fn valid_corpid(corpid: &str) -> bool {
    (corpid.starts_with("ww") || corpid.starts_with("wx"))
        && corpid.len() == 18
        && corpid.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn valid_secret(secret: Option<AppSecret>, random: &mut Random) -> Result<String, Error> {
    let Some(secret) = secret else { return Ok(random.url_safe(43)) };
    let text = secret.expose();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if text.len() == 43 && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(Error::BadAgentSecret)
    }
}

/// How long a token lives that is issued now.
fn expiry(now: Moment) -> Moment {
    now.plus(TOKEN_LIFETIME)
}

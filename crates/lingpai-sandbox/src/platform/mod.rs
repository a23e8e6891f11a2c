//! Third-party platforms (第三方平台), after WeChat's pages on them: the ticket that is pushed, the platform's token, and
//! the authorisations of accounts with their refresh tokens.
//!
//! The rules (its pages on component_verify_ticket, getComponentAccessToken, getAuthorizerAccessToken and
//! getAuthorizerList; the five minutes that an old token and an old refresh token live on are from WeChat's staff): tickets
//! are pushed every ten minutes and good for twelve hours; a new platform token ends the one before it after five minutes;
//! a refresh token is good until it is replaced, by an authorisation or by a refresh, and for five minutes after. WeChat
//! says that a refresh mostly repeats it; here each replaces it unless told otherwise, which is the harder case.

mod api;
mod operate;
mod page;
mod person;

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

pub(crate) use self::{
    api::{APIS, Serve, clear_own_quota, identify},
    operate::control,
    page::{PAGES, serve as serve_page},
};
use crate::{
    AppSecret, Error, IpPattern,
    push::{Fault, Order},
    quota::Usage,
    random::Random,
    settings::valid_appid,
    time::Moment,
};

/// The platform that every default world has.
pub const DEMO_COMPONENT: &str = "wx5a0db0c0ffee00c0";
/// Its secret. It opens nothing but a sandbox.
pub const DEMO_COMPONENT_SECRET: &str = "5a0db0c0ffee00c05a0db0c0ffee00c0";
/// The token by which it signs its pushes.
pub const DEMO_COMPONENT_TOKEN: &str = "sandboxpush";
/// The EncodingAESKey of its pushes.
pub const DEMO_COMPONENT_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// A ticket is pushed so often.
const PUSHED_EVERY: Duration = Duration::from_secs(600);
/// A ticket is good for so long.
const TICKET_LIFE: Duration = Duration::from_secs(12 * 3600);
/// A pre-auth code, an authorization code.
const CODE_LIFE: Duration = Duration::from_secs(600);
/// A refresh token that was replaced is still good for so long.
const GRACE: Duration = Duration::from_secs(300);
/// So many refresh tokens of an authorisation are remembered.
const REMEMBERED: usize = 50;

/// One third-party platform.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentSettings {
    /// The component's appid: `wx` and 16 digits of hex.
    pub appid: String,
    /// Invented if left out.
    #[serde(default)]
    pub secret: Option<AppSecret>,
    /// Where tickets and authorisations are pushed to; nowhere if left out.
    #[serde(default)]
    pub push_url: Option<String>,
    /// The token that signs pushes. Default: [`DEMO_COMPONENT_TOKEN`].
    #[serde(default = "demo_token")]
    pub token: String,
    /// Default: [`DEMO_COMPONENT_KEY`].
    #[serde(default = "demo_key")]
    pub encoding_aes_key: String,
    /// Who may call its APIs. Default: the loopback.
    #[serde(default = "loopback")]
    pub whitelist: Vec<IpPattern>,
    /// Whether a refresh repeats the refresh token, as WeChat says that it mostly does. Default: each replaces it.
    #[serde(default)]
    pub repeats_refresh_tokens: bool,
}

impl ComponentSettings {
    /// The platform of every default world.
    pub fn demo() -> Self {
        let secret = Some(AppSecret::new(DEMO_COMPONENT_SECRET));
        Self { secret, ..Self::new(DEMO_COMPONENT) }
    }

    /// A platform with an invented secret that is called from the loopback and pushed to nowhere.
    pub fn new(appid: &str) -> Self {
        Self {
            appid: appid.to_owned(),
            secret: None,
            push_url: None,
            token: demo_token(),
            encoding_aes_key: demo_key(),
            whitelist: loopback(),
            repeats_refresh_tokens: false,
        }
    }
}

fn demo_token() -> String {
    DEMO_COMPONENT_TOKEN.to_owned()
}

fn demo_key() -> String {
    DEMO_COMPONENT_KEY.to_owned()
}

fn loopback() -> Vec<IpPattern> {
    vec![IpAddr::V4(Ipv4Addr::LOCALHOST).into()]
}

/// What WeChat would make of a refresh token: the oracle for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefreshVerdict {
    /// The latest.
    Latest,
    /// Replaced, and still good for a while.
    InGrace,
    /// Good no more, or never given.
    Dead,
}

#[derive(Clone, Deserialize, Serialize)]
struct RefreshToken {
    value: String,
    /// None while it is the latest.
    ends_at: Option<Moment>,
}

/// That an account has authorised a platform.
#[derive(Clone, Deserialize, Serialize)]
struct Authorization {
    at: Moment,
    /// The latest at the end.
    refresh_tokens: Vec<RefreshToken>,
    /// Whether the platform has ever traded a code for it: before, the list does not have it.
    was_queried: bool,
    /// Whether its owner has changed the password since: token and refresh token are void.
    is_void: bool,
}

#[derive(Clone, Deserialize, Serialize)]
struct Code {
    value: String,
    authorizer: String,
    ends_at: Moment,
}

#[derive(Clone, Deserialize, Serialize)]
struct Component {
    secret: String,
    push_url: Option<String>,
    token: String,
    encoding_aes_key: String,
    whitelist: Vec<IpPattern>,
    repeats_refresh_tokens: bool,
    /// Whether tickets are pushed.
    is_pushing: bool,
    next_ticket_at: Moment,
    /// Those pushed in the last twelve hours.
    tickets: VecDeque<(String, Moment)>,
    pre_auth_codes: Vec<(String, Moment)>,
    codes: Vec<Code>,
    authorizations: BTreeMap<String, Authorization>,
    /// What it has used up: how often its quota was cleared.
    #[serde(default)]
    usage: Usage,
}

/// All platforms.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(crate) struct Platforms {
    all: BTreeMap<String, Component>,
}

impl Platforms {
    fn get(&self, appid: &str) -> Result<&Component, Error> {
        self.all.get(appid).ok_or_else(|| Error::UnknownApp { appid: appid.to_owned() })
    }

    fn get_mut(&mut self, appid: &str) -> Result<&mut Component, Error> {
        self.all.get_mut(appid).ok_or_else(|| Error::UnknownApp { appid: appid.to_owned() })
    }

    pub(crate) fn has(&self, appid: &str) -> bool {
        self.all.contains_key(appid)
    }

    pub(crate) fn add(
        &mut self,
        now: Moment,
        settings: ComponentSettings,
        random: &mut Random,
    ) -> Result<(), Error> {
        valid_appid(&settings.appid)?;
        if self.has(&settings.appid) {
            return Err(Error::AppExists { appid: settings.appid });
        }
        let secret = settings.secret.unwrap_or_else(|| AppSecret::new(random.secret()));
        let component = Component {
            secret: secret.expose().to_owned(),
            push_url: settings.push_url,
            token: settings.token,
            encoding_aes_key: settings.encoding_aes_key,
            whitelist: settings.whitelist,
            repeats_refresh_tokens: settings.repeats_refresh_tokens,
            is_pushing: true,
            next_ticket_at: now,
            tickets: VecDeque::new(),
            pre_auth_codes: Vec::new(),
            codes: Vec::new(),
            authorizations: BTreeMap::new(),
            usage: Usage::default(),
        };
        self.all.insert(settings.appid, component);
        Ok(())
    }
}

impl Component {
    /// The push of a new ticket, if it is pushed anywhere.
    fn ticket_push(
        &mut self,
        appid: &str,
        now: Moment,
        fault: Fault,
        random: &mut Random,
    ) -> Option<Order> {
        let ticket = format!("ticket@@@{}", random.url_safe(86));
        self.next_ticket_at = now.plus(PUSHED_EVERY);
        self.tickets.retain(|(_, ends_at)| now < *ends_at);
        self.tickets.push_back((ticket.clone(), now.plus(TICKET_LIFE)));
        let more = format!("<ComponentVerifyTicket><![CDATA[{ticket}]]></ComponentVerifyTicket>");
        self.push(appid, now, "component_verify_ticket", &more, fault)
    }

    fn push(
        &self,
        appid: &str,
        now: Moment,
        info_type: &str,
        more: &str,
        fault: Fault,
    ) -> Option<Order> {
        let at = now.unix_seconds();
        let message = format!(
            "<xml><AppId><![CDATA[{appid}]]></AppId><CreateTime>{at}</CreateTime>\
             <InfoType><![CDATA[{info_type}]]></InfoType>{more}</xml>"
        );
        let (url, token, key) = (self.push_url.as_ref()?, &self.token, &self.encoding_aes_key);
        Some(Order::of_platform((url, appid), (token, key), (info_type, message), fault))
    }

    fn is_good_ticket(&self, now: Moment, ticket: &str) -> Result<bool, ()> {
        let found = self.tickets.iter().find(|(known, _)| known == ticket).ok_or(())?;
        Ok(now < found.1)
    }

    /// Somebody has accepted: the code, and the push that tells of it.
    fn accept(
        &mut self,
        appid: &str,
        (now, authorizer): (Moment, &str),
        pre_auth_code: &str,
        random: &mut Random,
    ) -> (String, Option<Order>) {
        let code = format!("queryauthcode@@@{}", random.url_safe(60));
        let ends_at = now.plus(CODE_LIFE);
        self.codes.retain(|code| now < code.ends_at);
        self.codes.push(Code { value: code.clone(), authorizer: authorizer.to_owned(), ends_at });
        let was = self.authorizations.contains_key(authorizer);
        let info_type = if was { "updateauthorized" } else { "authorized" };
        let fresh = RefreshToken { value: refresh_token(random), ends_at: None };
        let authorization =
            self.authorizations.entry(authorizer.to_owned()).or_insert_with(|| Authorization {
                at: now,
                refresh_tokens: Vec::new(),
                was_queried: false,
                is_void: false,
            });
        authorization.at = now;
        authorization.is_void = false;
        authorization.replace(now, fresh);
        let more = format!(
            "<AuthorizerAppid>{authorizer}</AuthorizerAppid>\
             <AuthorizationCode><![CDATA[{code}]]></AuthorizationCode>\
             <AuthorizationCodeExpiredTime>{}</AuthorizationCodeExpiredTime>\
             <PreAuthCode><![CDATA[{pre_auth_code}]]></PreAuthCode>",
            ends_at.unix_seconds()
        );
        let order = self.push(appid, now, info_type, &more, Fault::None);
        (code, order)
    }

    /// The account has taken its authorisation back.
    fn unauthorize(&mut self, appid: &str, now: Moment, authorizer: &str) -> Option<Order> {
        self.authorizations.remove(authorizer)?;
        let more = format!("<AuthorizerAppid>{authorizer}</AuthorizerAppid>");
        self.push(appid, now, "unauthorized", &more, Fault::None)
    }
}

impl Authorization {
    fn latest(&self) -> &str {
        self.refresh_tokens.last().map_or("", |token| token.value.as_str())
    }

    fn replace(&mut self, now: Moment, fresh: RefreshToken) {
        if let Some(latest) = self.refresh_tokens.last_mut() {
            latest.ends_at = Some(now.plus(GRACE));
        }
        self.refresh_tokens.push(fresh);
        self.refresh_tokens.drain(..self.refresh_tokens.len().saturating_sub(REMEMBERED));
    }

    fn verdict(&self, now: Moment, refresh_token: &str) -> RefreshVerdict {
        let found = self.refresh_tokens.iter().find(|token| token.value == refresh_token);
        match found.map(|token| token.ends_at) {
            Some(None) => RefreshVerdict::Latest,
            Some(Some(ends_at)) if now < ends_at => RefreshVerdict::InGrace,
            _ => RefreshVerdict::Dead,
        }
    }
}

fn refresh_token(random: &mut Random) -> String {
    format!("refreshtoken@@@{}", random.url_safe(43))
}

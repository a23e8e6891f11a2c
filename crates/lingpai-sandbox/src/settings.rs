//! What a world is made of: its time, its apps, and the guesses about WeChat that can be switched.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    AgentSettings, ComponentSettings, Error, IpPattern, ProviderSettings, time::TOKEN_LIFETIME,
};

/// The appid of the app that every default world has.
pub const DEMO_APPID: &str = "wx5a0db0c0ffee0001";
/// The secret of that app. It opens nothing but a sandbox.
pub const DEMO_SECRET: &str = "5a0db0c0ffee00015a0db0c0ffee0001";

/// How a world starts. Every field has a default, so `Settings::default()` is a working sandbox.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where [`Server`](crate::Server) listens. Default `127.0.0.1:8900`.
    pub addr: SocketAddr,
    /// Whether `addr` may be one that other machines reach. The control API has no password.
    pub allow_remote: bool,
    /// The file that a [`Server`](crate::Server) goes on from and keeps its world in; see
    /// [`World::snapshot`](crate::World::snapshot) for what is kept. One server per file. Default:
    /// none, and nothing outlives the server.
    pub state: Option<PathBuf>,
    /// Virtual seconds per real second. Default 1; see [`Settings::with_lifetime`].
    pub speed: f64,
    /// Seed of everything random: the same seed and the same calls give the same answers.
    pub seed: u64,
    /// Virtual time at the start, in Unix seconds. Default: for a [`Server`](crate::Server) the
    /// present; for a bare [`World`](crate::World), which has no clock, 2026-01-01 00:00 UTC.
    pub start: Option<u64>,
    /// The caller address that WeChat believes to see; `None` is the true peer.
    pub caller_ip: Option<IpAddr>,
    /// The order in which an API that takes the AppSecret checks things. Only "appid before
    /// grant_type" is known of the real one.
    pub check_order: Vec<Check>,
    /// What happens to the forced refresh after the last one of the day.
    pub forced_beyond_limit: ForcedBeyondLimit,
    /// How many calls the log keeps; rid/get can only find these. Default 1000.
    pub log_size: usize,
    /// The apps at the start. Default: one official account, [`DEMO_APPID`] with [`DEMO_SECRET`].
    pub apps: Vec<AppSettings>,
    /// The applications of WeCom at the start. Default: one,
    /// [`DEMO_AGENT`](crate::DEMO_AGENT) of [`DEMO_CORPID`](crate::DEMO_CORPID).
    pub agents: Vec<AgentSettings>,
    /// The third-party platforms at the start. Default: one, [`DEMO_COMPONENT`](crate::DEMO_COMPONENT).
    pub components: Vec<ComponentSettings>,
    /// The service providers of WeCom at the start. Default: one, [`DEMO_PROVIDER`](crate::DEMO_PROVIDER), with
    /// [`DEMO_SUITE`](crate::DEMO_SUITE).
    pub providers: Vec<ProviderSettings>,
}

impl Settings {
    /// Sets the speed so that a token lives this long in real time; everything else shrinks in
    /// proportion.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lingpai_sandbox::Settings;
    /// assert_eq!(Settings::default().with_lifetime(Duration::from_secs(60)).speed, 120.0);
    /// ```
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.speed = TOKEN_LIFETIME.as_secs_f64() / lifetime.as_secs_f64();
        self
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        valid_speed(self.speed)?;
        for check in Check::ALL {
            match self.check_order.iter().filter(|&c| *c == check).count() {
                1 => {}
                0 => return Err(Error::BadCheckOrder { problem: format!("{check:?} is missing") }),
                _ => {
                    return Err(Error::BadCheckOrder { problem: format!("{check:?} is repeated") });
                }
            }
        }
        Ok(())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 8900)),
            allow_remote: false,
            state: None,
            speed: 1.0,
            seed: 0,
            start: None,
            caller_ip: None,
            check_order: Check::ALL.to_vec(),
            forced_beyond_limit: ForcedBeyondLimit::default(),
            log_size: 1000,
            apps: vec![AppSettings::demo()],
            agents: vec![AgentSettings::demo()],
            components: vec![ComponentSettings::demo()],
            providers: vec![ProviderSettings::demo()],
        }
    }
}

pub(crate) fn valid_speed(speed: f64) -> Result<f64, Error> {
    // `contains` refuses NaN as well.
    if (0.001..=1_000_000.0).contains(&speed) { Ok(speed) } else { Err(Error::BadSpeed { speed }) }
}

/// One app of the world.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppSettings {
    /// `wx` and 16 digits of hex.
    pub appid: String,
    /// 32 digits of hex; invented if left out.
    #[serde(default)]
    pub secret: Option<AppSecret>,
    /// What kind of account it is; decides what the whitelist guards.
    #[serde(default)]
    pub kind: AppKind,
    /// Who may call. Default: the loopback.
    #[serde(default = "loopback")]
    pub whitelist: Vec<IpPattern>,
    /// How much may be called.
    #[serde(default)]
    pub quotas: Quotas,
}

impl AppSettings {
    /// The app of every default world.
    pub fn demo() -> Self {
        Self {
            secret: Some(AppSecret(DEMO_SECRET.to_owned())),
            ..Self::new(DEMO_APPID, AppKind::OfficialAccount)
        }
    }

    /// An app with an invented secret, the loopback on its whitelist and WeChat's usual quotas.
    pub fn new(appid: &str, kind: AppKind) -> Self {
        let appid = appid.to_owned();
        Self { appid, secret: None, kind, whitelist: loopback(), quotas: Quotas::default() }
    }
}

fn loopback() -> Vec<IpPattern> {
    vec![IpAddr::V4(Ipv4Addr::LOCALHOST).into()]
}

/// An AppSecret. Prints as `***`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct AppSecret(String);

impl AppSecret {
    /// Wraps a secret; its shape is checked when the app is created.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret in clear.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        if is_hex(&self.0, 32) { Ok(()) } else { Err(Error::BadSecret) }
    }
}

impl fmt::Debug for AppSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

pub(crate) fn valid_appid(appid: &str) -> Result<(), Error> {
    match appid.strip_prefix("wx") {
        Some(rest) if is_hex(rest, 16) => Ok(()),
        _ => Err(Error::BadAppid { appid: appid.to_owned() }),
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The kinds of account whose rules differ (WeChat's page on the IP whitelist, 2025-06).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AppKind {
    /// 公众号 or 服务号: the whitelist is required and guards every API.
    #[default]
    OfficialAccount,
    /// 小程序 or 小游戏: the whitelist is optional and guards only the APIs that take the
    /// AppSecret.
    MiniProgram,
}

/// How many calls WeChat allows, per app.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// `/cgi-bin/token`, a day.
    pub classic_per_day: u64,
    /// `/cgi-bin/stable_token`, a day.
    pub stable_per_day: u64,
    /// `/cgi-bin/stable_token`, a minute.
    pub stable_per_minute: u64,
    /// Forced refreshes of the stable token, a day.
    pub forced_per_day: u64,
    /// Each other API, a day. WeChat's differ by API and size of the account.
    pub api_per_day: u64,
    /// clear_quota in all its forms, a calendar month.
    pub clears_per_month: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            classic_per_day: 2000,
            stable_per_day: 500_000,
            stable_per_minute: 10_000,
            forced_per_day: 20,
            api_per_day: 500_000,
            clears_per_month: 10,
        }
    }
}

/// One of the checks of an API that takes the AppSecret. Method and parameters always come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// 40013: the appid is known.
    Appid,
    /// 40002: the grant_type is the one that the API wants.
    GrantType,
    /// 89503, 89501, 89507, 89506: the administrator has nothing against this address.
    IpRisk,
    /// 40164: the address is on the whitelist.
    Whitelist,
    /// 40125: the secret is right.
    Secret,
    /// 40243: the secret is not frozen.
    Freeze,
    /// 50002, 50004, 50007, 61024: the account may use this API.
    Punishment,
    /// 45009, 45011: there is quota left.
    Quota,
}

impl Check {
    /// Every check, in the default order.
    pub const ALL: [Self; 8] = [
        Self::Appid,
        Self::GrantType,
        Self::IpRisk,
        Self::Whitelist,
        Self::Secret,
        Self::Freeze,
        Self::Punishment,
        Self::Quota,
    ];
}

/// What a forced refresh beyond the daily limit gets. WeChat does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForcedBeyondLimit {
    /// The current token, as for one that comes too soon.
    #[default]
    Repeat,
    /// 45009.
    Refuse,
}

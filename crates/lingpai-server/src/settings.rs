//! The settings of an account in JSON, with the names and meanings that they have in `lingpai.toml`; times are in whole
//! seconds, as everywhere in the native API.

mod api_security;

use std::ops::RangeInclusive;
use std::time::Duration;

use lingpai_core::proxy::Login;
use lingpai_core::push::{InvalidPush, PushMode, Relay, RelayForm};
use lingpai_core::{
    Account, AccountId, AccountKind, Keeping, Mode, Policy, Proxy, PushSettings, Refresh, Secret,
    Timestamp,
};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use self::api_security::{ApiSecurityAnswer, ApiSecurityWanted};
use crate::answer;
use crate::change::{Change, Edit};
use crate::language::Bilingual;
use crate::object;
use crate::refusal::Refusal;

/// No AppSecret comes near it.
const LONGEST_SECRET: usize = 256;

const NO_AGENT: (&str, &str) = (
    "`account` of this kind in WeCom is `CORPID:` and the agentid, the suite_id, or `provider`",
    "企业微信这类账号的 `account` 应为 `企业ID:` 加 AgentId、suite_id 或 `provider`",
);

const NO_PLATFORM: Bilingual = Bilingual::fixed(
    "`platform` is missing: the account that this one has authorised, a platform or a suite",
    "缺少 `platform`：此账号授权给了哪个账号，即第三方平台或应用套件",
);

/// What an account is to be like; `null` is not another word for absent. What is absent has its default in a new account, and stays as it is in another.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    account: Option<AccountId>,
    secret: Option<Secret>,
    #[serde(default, deserialize_with = "given")]
    kind: Option<AccountKind>,
    #[serde(default, deserialize_with = "given")]
    mode: Option<Mode>,
    #[serde(default, deserialize_with = "given")]
    refresh: Option<Refreshing>,
    #[serde(default, deserialize_with = "given")]
    lead: Option<u64>,
    #[serde(default, deserialize_with = "given")]
    jitter: Option<u64>,
    /// `null` is the default again.
    #[serde(default, deserialize_with = "given")]
    daily_budget: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    fallback: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    alone: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    fetch_deadline: Option<u64>,
    #[serde(default, deserialize_with = "given")]
    keeping: Option<Keeping>,
    /// All of it anew; `null` is none.
    #[serde(default, deserialize_with = "given")]
    push: Option<Option<PushWanted>>,
    /// All of it anew; `null` is none.
    #[serde(default, deserialize_with = "given")]
    api_security: Option<Option<ApiSecurityWanted>>,
    /// `null` is none.
    #[serde(default, deserialize_with = "given")]
    platform: Option<Option<AccountId>>,
    /// `null` is none of its own.
    #[serde(default, deserialize_with = "given")]
    proxy: Option<Option<ProxyUrl>>,
    proxy_password: Option<Secret>,
}

/// How pushes are to be received.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct PushWanted {
    token: Secret,
    encoding_aes_key: Option<Secret>,
    previous_encoding_aes_key: Option<Secret>,
    #[serde(default)]
    mode: PushMode,
    relay: Option<RelayWanted>,
    authorizer_relay: Option<RelayWanted>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RelayWanted {
    url: Secret,
    #[serde(default)]
    form: RelayForm,
}

/// How pushes are received: neither the secrets nor the URL, which may hold one.
#[derive(Serialize)]
struct PushAnswer {
    mode: PushMode,
    previous_encoding_aes_key: bool,
    relay: Option<RelayForm>,
    authorizer_relay: Option<RelayForm>,
}

/// The URL of a proxy, without a password in it.
#[derive(Clone)]
struct ProxyUrl(Proxy);

/// An account as the native API shows it: all but the secret.
#[derive(Serialize)]
pub(crate) struct SettingsAnswer {
    account: AccountId,
    kind: AccountKind,
    mode: Mode,
    refresh: Refreshing,
    lead: u64,
    jitter: u64,
    daily_budget: Option<u32>,
    fallback: bool,
    alone: bool,
    fetch_deadline: u64,
    keeping: Keeping,
    push: Option<PushAnswer>,
    api_security: Option<ApiSecurityAnswer>,
    platform: Option<AccountId>,
    /// Without user and password.
    proxy: Option<String>,
    #[serde(serialize_with = "answer::rfc_3339")]
    created_at: Timestamp,
    #[serde(serialize_with = "answer::rfc_3339")]
    updated_at: Timestamp,
    /// What somebody should know of a change that was made all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

/// `"eager"`, `"on-demand"` or `{"idle_after": 21600}`.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Refreshing {
    Eager,
    OnDemand,
    #[serde(rename = "idle_after")]
    IdleAfter(u64),
}

impl Wanted {
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let wanted: Self = object::read(body)?;
        wanted.check()?;
        Ok(wanted)
    }

    /// The new account that is asked for.
    pub(crate) fn creation(mut self, now: Timestamp) -> Result<Account, Refusal> {
        let id = self
            .account
            .take()
            .ok_or_else(|| wrong("`account` is missing: the appid", "缺少 `account`，即 appid"))?;
        let secret = self.secret.take().ok_or_else(|| {
            wrong("`secret` is missing: the AppSecret", "缺少 `secret`，即 AppSecret")
        })?;
        let mut account = Account::new(id, plausible(secret)?, now);
        self.edit(&mut account).map_err(Refusal::BodyWrong)?;
        if !account.kind.takes(&account.id) {
            return Err(wrong(NO_AGENT.0, NO_AGENT.1));
        }
        Ok(account)
    }

    /// The change of an account that is asked for.
    pub(crate) fn update(self, id: AccountId) -> Result<Change, Refusal> {
        if self.account.as_ref().is_some_and(|account| *account != id) {
            return Err(wrong(
                "`account` cannot change: create another account, and remove this one",
                "`account` 不能修改：请另建账号，再移除这一个",
            ));
        }
        if self.kind.is_some_and(|kind| !kind.takes(&id)) {
            return Err(wrong(NO_AGENT.0, NO_AGENT.1));
        }
        if self.secret.is_some() {
            return Err(wrong(
                "`secret` is replaced by PUT /v1/accounts/{account}/secret",
                "更换 `secret` 请用 PUT /v1/accounts/{account}/secret",
            ));
        }
        Ok(Change::Update(id, Edit::new(move |account| self.clone().edit(account))))
    }

    /// The new secret that is asked for, and nothing else.
    pub(crate) fn secret(body: &[u8]) -> Result<Secret, Refusal> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Only {
            secret: Secret,
        }
        let only: Only = object::read(body)?;
        plausible(only.secret)
    }

    /// Which settings a change names, for the record: how tokens are kept and fetched with their value, others by name alone. Of a
    /// body that was read without a mistake.
    pub(crate) fn named(body: &[u8]) -> String {
        let body: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(body).unwrap_or_default();
        let named = body.iter().map(|(name, value)| match value.as_str() {
            Some(value) if matches!(&**name, "keeping" | "mode") => format!("{name}={value}"),
            _ => name.clone(),
        });
        named.collect::<Vec<_>>().join(", ")
    }

    fn check(&self) -> Result<(), Refusal> {
        within("lead", self.lead, &Policy::LEADS)?;
        within("jitter", self.jitter, &Policy::JITTERS)?;
        within("fetch_deadline", self.fetch_deadline, &Policy::FETCH_DEADLINES)?;
        if let Some(Refreshing::IdleAfter(time)) = self.refresh {
            within("idle_after", Some(time), &Policy::IDLE_TIMES)?;
        }
        if let Some(Some(push)) = &self.push {
            let push = push.settings();
            push.check().map_err(|why| Refusal::BodyWrong(wrong_with_push(&why)))?;
        }
        if self.daily_budget == Some(Some(0)) {
            return Err(wrong(
                "`daily_budget` must be a number from 1 on, or null for the default",
                "`daily_budget` 应为 1 以上的整数，null 表示默认值",
            ));
        }
        Ok(())
    }

    /// Fails where what is asked for does not go with what the account has.
    fn edit(self, account: &mut Account) -> Result<(), Bilingual> {
        let seconds = Duration::from_secs;
        let policy = &mut account.policy;
        if let Some(push) = self.push {
            account.push = push.map(|push| push.settings());
        }
        account.kind = self.kind.unwrap_or(account.kind);
        if let Some(keys) = self.api_security {
            account.api_security = keys.map(|keys| keys.of(&account.id)).transpose()?;
        }
        if account.api_security.is_some() && !account.kind.has_api_security() {
            return Err(api_security::NONE);
        }
        account.mode = self.mode.unwrap_or(account.mode);
        account.platform = self.platform.unwrap_or_else(|| account.platform.take());
        if account.kind.needs_platform() && account.platform.is_none() {
            return Err(NO_PLATFORM);
        }
        policy.refresh = self.refresh.map_or(policy.refresh, Refreshing::into);
        policy.lead = self.lead.map_or(policy.lead, seconds);
        policy.jitter = self.jitter.map_or(policy.jitter, seconds);
        policy.daily_budget = self.daily_budget.unwrap_or(policy.daily_budget);
        policy.fallback = self.fallback.unwrap_or(policy.fallback);
        policy.alone = self.alone.unwrap_or(policy.alone);
        policy.fetch_deadline = self.fetch_deadline.map_or(policy.fetch_deadline, seconds);
        policy.keeping = self.keeping.unwrap_or(policy.keeping);
        if let Some(proxy) = self.proxy {
            account.proxy = proxy.map(|ProxyUrl(proxy)| proxy);
        }
        if let Some(password) = self.proxy_password {
            let proxy = account.proxy.take().and_then(|proxy| proxy.with_password(password));
            account.proxy = Some(proxy.ok_or(NO_USER)?);
        }
        Ok(())
    }
}

const NO_USER: Bilingual = Bilingual::fixed(
    "`proxy_password` belongs to a user of a proxy: send `proxy` as `http://USER@HOST:PORT`",
    "`proxy_password` 是代理用户的密码：请把 `proxy` 写成 `http://用户名@主机:端口`",
);

impl<'de> Deserialize<'de> for ProxyUrl {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let proxy: Proxy = Secret::deserialize(source)?.expose().parse().map_err(Error::custom)?;
        let has_password = |login: &Login| !login.password.expose().is_empty();
        if proxy.login().is_some_and(has_password) {
            return Err(Error::custom("`proxy` is without a password: that is `proxy_password`"));
        }
        Ok(Self(proxy))
    }
}

impl PushWanted {
    fn settings(&self) -> PushSettings {
        let relay = |relay: &RelayWanted| Relay { url: relay.url.clone(), form: relay.form };
        PushSettings {
            token: self.token.clone(),
            aes_key: self.encoding_aes_key.clone(),
            previous_aes_key: self.previous_encoding_aes_key.clone(),
            mode: self.mode,
            relay: self.relay.as_ref().map(relay),
            authorizer_relay: self.authorizer_relay.as_ref().map(relay),
        }
    }
}

impl From<PushSettings> for PushAnswer {
    fn from(push: PushSettings) -> Self {
        Self {
            mode: push.mode,
            previous_encoding_aes_key: push.previous_aes_key.is_some(),
            relay: push.relay.map(|relay| relay.form),
            authorizer_relay: push.authorizer_relay.map(|relay| relay.form),
        }
    }
}

impl From<Refreshing> for Refresh {
    fn from(refreshing: Refreshing) -> Self {
        match refreshing {
            Refreshing::Eager => Self::Eager,
            Refreshing::OnDemand => Self::OnDemand,
            Refreshing::IdleAfter(seconds) => Self::IdleAfter(Duration::from_secs(seconds)),
        }
    }
}

impl From<Refresh> for Refreshing {
    fn from(refresh: Refresh) -> Self {
        match refresh {
            Refresh::Eager => Self::Eager,
            Refresh::OnDemand => Self::OnDemand,
            Refresh::IdleAfter(time) => Self::IdleAfter(time.as_secs()),
        }
    }
}

impl SettingsAnswer {
    pub(crate) fn new(account: Account, warning: Option<String>) -> Self {
        let policy = account.policy;
        Self {
            account: account.id,
            kind: account.kind,
            mode: account.mode,
            refresh: policy.refresh.into(),
            lead: policy.lead.as_secs(),
            jitter: policy.jitter.as_secs(),
            daily_budget: policy.daily_budget,
            fallback: policy.fallback,
            alone: policy.alone,
            fetch_deadline: policy.fetch_deadline.as_secs(),
            keeping: policy.keeping,
            push: account.push.map(PushAnswer::from),
            api_security: account.api_security.as_deref().map(ApiSecurityAnswer::from),
            platform: account.platform,
            proxy: account.proxy.as_ref().map(Proxy::to_public_url),
            created_at: account.created_at,
            updated_at: account.updated_at,
            warning,
        }
    }
}

fn wrong(english: &'static str, chinese: &'static str) -> Refusal {
    Refusal::BodyWrong(Bilingual::fixed(english, chinese))
}

fn wrong_with_push(why: &InvalidPush) -> Bilingual {
    let chinese = match why {
        InvalidPush::Unreadable => "无法读取",
        InvalidPush::Newer => "含有当前版本不认识的内容",
        InvalidPush::Token => "Token 由 3 到 32 位字母和数字组成",
        InvalidPush::KeyMissing => "除明文模式外必须提供 EncodingAESKey",
        InvalidPush::Key => "EncodingAESKey 由 43 位字母和数字组成",
        InvalidPush::Url => "转发 URL 以 https:// 或 http:// 开头，包含主机，不含用户名与密码",
    };
    Bilingual::made(format!("`push`: {why}"), format!("`push`：{chinese}"))
}

fn within(
    name: &str,
    seconds: Option<u64>,
    bounds: &RangeInclusive<Duration>,
) -> Result<(), Refusal> {
    if seconds.is_none_or(|seconds| bounds.contains(&Duration::from_secs(seconds))) {
        return Ok(());
    }
    let (least, most) = (bounds.start().as_secs(), bounds.end().as_secs());
    Err(Refusal::BodyWrong(Bilingual::made(
        format!("`{name}` must be a whole number of seconds from {least} to {most}"),
        format!("`{name}` 应为 {least} 到 {most} 的整数秒"),
    )))
}

/// The secret, unless no AppSecret can look like it.
fn plausible(secret: Secret) -> Result<Secret, Refusal> {
    let text = secret.expose();
    if (1..=LONGEST_SECRET).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
    {
        Ok(secret)
    } else {
        Err(wrong(
            "`secret` is no AppSecret: those have letters and digits, and no blanks",
            "`secret` 不是 AppSecret：AppSecret 由字母和数字组成，没有空格",
        ))
    }
}

/// What stands there, `null` only where it means something.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(source: D) -> Result<Option<T>, D::Error> {
    T::deserialize(source).map(Some)
}

//! One `[[account]]` of the file.

use std::path::Path;
use std::time::Duration;

use lingpai_core::{Account, AccountId, AccountKind, Keeping, Mode, Policy, Refresh, Timestamp};
use lingpai_wechat::wire;
use toml::Spanned;
use toml::de::DeValue;

use super::mistake::Place;
use super::secret::Reference;
use super::section::{Section, meaning, name_of, one_of};
use super::settings::duration_within;
use super::show_duration;
use super::upstream::of_account;
use super::{api_security, push};
use crate::language::{either, say};

const KINDS: [(&str, AccountKind); 10] = [
    ("official-account", AccountKind::OfficialAccount),
    ("mini-program", AccountKind::MiniProgram),
    ("mini-game", AccountKind::MiniGame),
    ("wecom", AccountKind::WeCom),
    ("platform", AccountKind::Platform),
    ("authorizer", AccountKind::Authorizer),
    ("authorizer-mini-program", AccountKind::AuthorizerMiniProgram),
    ("wecom-suite", AccountKind::WeComSuite),
    ("wecom-provider", AccountKind::WeComProvider),
    ("wecom-authorized", AccountKind::WeComAuthorized),
];
const KEEPINGS: [(&str, Keeping); 3] = [
    (Keeping::Managed.as_str(), Keeping::Managed),
    (Keeping::Observe.as_str(), Keeping::Observe),
    (Keeping::Paused.as_str(), Keeping::Paused),
];
const MODES: [(&str, Mode); 2] = [("stable", Mode::Stable), ("classic", Mode::Classic)];

/// Reads one account, and tells where its id stands. Its times are for whoever stores it.
pub(super) fn read(
    section: &mut Section<'_>,
    base: &Path,
    upstream: &wire::Settings,
) -> Option<(Account, Place)> {
    section
        .require("id", either("say the appid: `id = \"wx...\"`", "请写明 appid：`id = \"wx...\"`"));
    section.require(
        "secret",
        either(
            "say where the AppSecret is: `secret = { env = \"NAME\" }` or `secret = { file = \"PATH\" }`",
            "请写明 AppSecret 在哪里：`secret = { env = \"变量名\" }` 或 `secret = { file = \"路径\" }`",
        ),
    );
    let id = section.text("id", meaning::<AccountId>);
    let secret = secret(section, base);
    let kind = section.text("kind", |text| one_of(&KINDS, text));
    let mode = section.text("mode", |text| one_of(&MODES, text));
    let platform = section.text("platform", meaning::<AccountId>);
    let policy = policy(section, upstream.deadlines.call);
    let proxy = of_account(section, base, upstream);
    let push = push::read(section, base);
    let keys = api_security::read(section, id.as_ref().map(|id| &id.value), base);
    if let (Some(id), Some(kind)) = (&id, &kind)
        && !kind.value.takes(&id.value)
    {
        section.mistake(id.place.clone(), no_agent().to_owned());
    }
    if let (Some(kind), Some(_)) = (&kind, &keys)
        && !kind.value.has_api_security()
    {
        section.mistake(kind.place.clone(), api_security::no_api_security().to_owned());
    }
    if let (Some(kind), None) = (&kind, &platform)
        && kind.value.needs_platform()
    {
        section.mistake(kind.place.clone(), no_platform().to_owned());
    }
    let (id, secret) = (id?, secret?);
    let mut account = Account::new(id.value, secret, Timestamp::default());
    account.kind = kind.map_or(account.kind, |said| said.value);
    account.mode = mode.map_or(account.mode, |said| said.value);
    account.proxy = proxy;
    account.push = push;
    account.api_security = keys;
    account.platform = platform.map(|said| said.value);
    account.policy = policy;
    Some((account, id.place))
}

/// What is wrong with the name of a WeCom application that lacks one half.
pub(crate) fn no_agent() -> &'static str {
    either(
        "an account of this kind in WeCom is named by its corp and something behind a colon: the agentid, the suite_id, or \
         `provider`, as `ww1234567890abcdef:1000002`",
        "企业微信的这类账号以企业 ID 加冒号命名，冒号后是 AgentId、suite_id 或 `provider`，如 `ww1234567890abcdef:1000002`",
    )
}

/// What is wrong with an account that does not say whom it has authorised.
pub(crate) fn no_platform() -> &'static str {
    either(
        "an account that has authorised another names it as its `platform`: the component_appid or the suite_id",
        "授权给他人的账号需要用 `platform` 写明授权给谁：第三方平台的 AppID 或应用套件的 suite_id",
    )
}

/// The kind of this name.
pub(crate) fn parse_kind(name: &str) -> Result<AccountKind, String> {
    one_of(&KINDS, name)
}

/// The mode of this name.
pub(crate) fn parse_mode(name: &str) -> Result<Mode, String> {
    one_of(&MODES, name)
}

/// What is done for an account that is kept like this.
pub(crate) fn parse_keeping(name: &str) -> Result<Keeping, String> {
    one_of(&KEEPINGS, name)
}

/// The name that a kind has in the file.
pub(crate) fn kind_name(kind: AccountKind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("other", |(name, _)| name)
}

/// The name that a mode has in the file.
pub(crate) fn mode_name(mode: Mode) -> &'static str {
    MODES.iter().find(|(_, known)| *known == mode).map_or("other", |(name, _)| name)
}

fn secret(section: &mut Section<'_>, base: &Path) -> Option<lingpai_core::Secret> {
    let reading = section.reading();
    let value = section.value("secret")?;
    let reference = Reference::read(reading, "secret", value)?;
    let fetched = reference.fetch(base, reading);
    fetched.map_err(|what| reading.mistake(Place::File(value.span()), what)).ok()
}

fn policy(section: &mut Section<'_>, call_deadline: Duration) -> Policy {
    let mut policy = Policy::default();
    if let Some(refresh) = refresh(section) {
        policy.refresh = refresh;
    }
    if let Some(said) = section.text("lead", duration_within(Policy::LEADS)) {
        policy.lead = said.value;
    }
    if let Some(said) = section.text("jitter", duration_within(Policy::JITTERS)) {
        policy.jitter = said.value;
    }
    policy.daily_budget = section.count("daily-budget").map(|said| said.value);
    if let Some(said) = section.flag("fallback") {
        policy.fallback = said.value;
    }
    if let Some(said) = section.flag("alone") {
        policy.alone = said.value;
    }
    if let Some(said) = section.text("keeping", parse_keeping) {
        policy.keeping = said.value;
    }
    let mut place = section.place();
    if let Some(said) = section.text("fetch-deadline", duration_within(Policy::FETCH_DEADLINES)) {
        policy.fetch_deadline = said.value;
        place = said.place;
    }
    if policy.fetch_deadline <= call_deadline {
        let what = say!(
            "`fetch-deadline` ({fetch}) must be longer than `call-deadline` ({call}), or a slow call is cut off before it \
             can say what happened",
            "`fetch-deadline`（{fetch}）必须大于 `call-deadline`（{call}），否则较慢的调用还没有结果就会被切断",
            fetch = show_duration(policy.fetch_deadline),
            call = show_duration(call_deadline),
        );
        section.mistake(place, what);
    }
    policy
}

fn refresh(section: &mut Section<'_>) -> Option<Refresh> {
    let forms = either(
        "write `\"eager\"`, `\"on-demand\"` or `{ idle-after = \"6h\" }`",
        "请写 `\"eager\"`、`\"on-demand\"` 或 `{ idle-after = \"6h\" }`",
    );
    let reading = section.reading();
    let value: &Spanned<DeValue<'_>> = section.value("refresh")?;
    let place = Place::File(value.span());
    match value.get_ref() {
        DeValue::String(word) => {
            let words = [("eager", Refresh::Eager), ("on-demand", Refresh::OnDemand)];
            let picked = words.iter().find(|(name, _)| name == word).map(|(_, refresh)| *refresh);
            if picked.is_none() {
                let what = say!(
                    "`{word}` is not a way to refresh: {forms}",
                    "没有 `{word}` 这种刷新方式：{forms}"
                );
                reading.mistake(place, what);
            }
            picked
        }
        DeValue::Table(table) => {
            let mut section = Section::new(reading, Some(table), value.span(), None);
            let idle = section.text("idle-after", duration_within(Policy::IDLE_TIMES));
            section.end();
            if table.iter().count() == 0 {
                reading.mistake(place, say!("say when: {forms}", "没有写明何时刷新：{forms}"));
            }
            idle.map(|said| Refresh::IdleAfter(said.value))
        }
        other => {
            let what = say!(
                "`refresh` is not {sort}: {forms}",
                "`refresh` 不能是{sort}：{forms}",
                sort = name_of(other)
            );
            reading.mistake(place, what);
            None
        }
    }
}

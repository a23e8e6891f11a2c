//! What WeChat's error codes mean: to the engine, and to a person who reads English or Chinese.
//!
//! One [`Entry`] per meaning, in a table for each [`Theme`]. A code that means one thing where a token
//! is fetched and another where it is used, or another in WeCom, has an entry for each [`Scope`].
//! [`find`] looks one up, [`explain`] reads a whole error text.
//!
//! Sources: the "return codes" of each API's page on `developers.weixin.qq.com` and
//! `developer.work.weixin.qq.com`, the global list of codes there, and texts seen in the wild.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use lingpai_core::{Class, Failure, Reached};

use crate::remedy;

mod common;
mod diagnosis;
mod explain;
mod ip;
mod platform;
mod quota;
mod secret;
mod signature;
mod standing;
mod token;
mod wecom;
mod wecom_provider;

pub use explain::{Explained, RequestId, explain};

/// All themes. Where a code has several entries, the first is the one that is met most often.
pub const THEMES: [Theme; 11] = [
    Theme { en: "Any call", zh: "任何调用", entries: common::ENTRIES },
    Theme {
        en: "The access_token of a call",
        zh: "调用携带的 access_token",
        entries: token::ENTRIES,
    },
    Theme { en: "AppID and AppSecret", zh: "AppID 与 AppSecret", entries: secret::ENTRIES },
    Theme { en: "Addresses and whitelists", zh: "IP 与白名单", entries: ip::ENTRIES },
    Theme { en: "Quotas and rates", zh: "调用额度与频率", entries: quota::ENTRIES },
    Theme {
        en: "The standing of an account", zh: "账号状态与权限", entries: standing::ENTRIES
    },
    Theme { en: "Quota tools and rid", zh: "额度工具与 rid", entries: diagnosis::ENTRIES },
    Theme { en: "Third-party platforms", zh: "第三方平台", entries: platform::ENTRIES },
    Theme { en: "WeCom", zh: "企业微信", entries: wecom::ENTRIES },
    Theme {
        en: "WeCom's service providers",
        zh: "企业微信服务商",
        entries: wecom_provider::ENTRIES,
    },
    Theme {
        en: "API signature and encryption",
        zh: "服务端 API 签名与加密",
        entries: signature::ENTRIES,
    },
];

/// The entries that are about one thing.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// What they are about, in English.
    pub en: &'static str,
    /// And in Simplified Chinese.
    pub zh: &'static str,
    /// One for each meaning of each code.
    pub entries: &'static [Entry],
}

impl Theme {
    /// What its entries are about.
    pub const fn name(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::Chinese => self.zh,
        }
    }
}

/// What stands for every code that is in no table.
///
/// An unknown code is retried as if it would pass: the pauses grow anyway, so that a wrong guess
/// costs a few calls, where the other wrong guess, a slow retry of what would have passed at once,
/// could cost a token.
static UNKNOWN: Entry = Entry {
    code: i64::MIN,
    scopes: &[],
    nature: Nature::TRANSIENT,
    name: "not in Lingpai's catalogue",
    en: Text {
        meaning: "Lingpai does not know this code.",
        causes: &["It is new, or belongs to an API that has nothing to do with credentials."],
        advice: &[
            "Look the code up in the documentation of the API, or ask openapi/rid/get for the rid within seven days.",
        ],
        lingpai: "\
            Where a token is fetched, it tries again with growing pauses and serves the current \
            token until it expires. On other calls it passes the answer on unchanged: the code is \
            not known to blame the token.",
    },
    zh: Text {
        meaning: "Lingpai 不认识此错误码。",
        causes: &["可能是新增的错误码，或属于与凭据无关的接口。"],
        advice: &["查阅该接口文档中的错误码，或在 7 天内用 openapi/rid/get 查询 rid。"],
        lingpai: "\
            获取凭据时：自动重试，间隔逐步加长，现有凭据继续提供到过期为止。其他调用：原样返回此错误，\
            因为没有依据表明凭据有问题。",
    },
};

/// One meaning of one code.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The `errcode`.
    pub code: i64,
    /// Where it has this meaning.
    pub scopes: &'static [Scope],
    /// What is to be done about it.
    pub nature: Nature,
    /// WeChat's own short text for it, or one in its manner where none is known.
    pub name: &'static str,
    /// The explanation in English.
    pub en: Text,
    /// The explanation in Simplified Chinese.
    pub zh: Text,
}

impl Entry {
    /// The explanation in one language.
    pub const fn text(&self, language: Language) -> &Text {
        match language {
            Language::English => &self.en,
            Language::Chinese => &self.zh,
        }
    }

    /// What a person can do, where no address of a caller is known that an error text would name.
    pub fn advice(&self, language: Language) -> impl Iterator<Item = String> {
        self.text(language).advice.iter().map(move |advice| with_ip(advice, &[], language))
    }
}

/// An explanation. Where `{ip}` stands in it, the caller's address belongs: [`Explained::to_text`]
/// puts it there.
#[derive(Debug, PartialEq, Eq)]
pub struct Text {
    /// What it means.
    pub meaning: &'static str,
    /// What it likely comes from, the likeliest first.
    pub causes: &'static [&'static str],
    /// What a person can do, and where. The first is one sentence that stands for itself.
    pub advice: &'static [&'static str],
    /// What Lingpai does by itself: "it" is Lingpai.
    pub lingpai: &'static str,
}

/// The languages that explanations are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// 简体中文.
    Chinese,
}

/// Where a code is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Fetching an access_token with an AppID and an AppSecret.
    Token,
    /// Calling an API of an Official Account or a mini program, with its token.
    Api,
    /// Calling an API of a third-party platform.
    Platform,
    /// Calling WeCom.
    WeCom,
}

impl Scope {
    /// What a person calls it.
    pub const fn name(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Token, Language::English) => "fetching a token",
            (Self::Token, Language::Chinese) => "获取凭据时",
            (Self::Api, Language::English) => "calling an API with a token",
            (Self::Api, Language::Chinese) => "携带凭据调用接口时",
            (Self::Platform, Language::English) => "third-party platforms",
            (Self::Platform, Language::Chinese) => "第三方平台",
            (Self::WeCom, Language::English) => "WeCom",
            (Self::WeCom, Language::Chinese) => "企业微信",
        }
    }
}

/// What is to be done about an answer with a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Nothing is wrong.
    Success,
    /// The token is bad: compare, try, refresh, and repeat the call once.
    TokenBad,
    /// The call itself is wrong; no other token mends it.
    CallersFault,
    /// The token is of the wrong kind or lacks a right; no refresh mends it.
    WrongKind,
    /// It says nothing about the token: wait, or see a person, as the class says.
    Trouble(Class),
}

impl Nature {
    const TRANSIENT: Self = Self::Trouble(Class::Transient);
    const QUOTA: Self = Self::Trouble(Class::Quota);
    const NEEDS_PERSON: Self = Self::Trouble(Class::NeedsPerson);

    const fn rate_limited(seconds: u64) -> Self {
        Self::Trouble(Class::RateLimited(Duration::from_secs(seconds)))
    }

    /// What the engine makes of it where a token was being fetched. A call of ours that is wrong,
    /// or that a token is blamed for though it carried none, is changed on its way: that needs a
    /// person.
    pub const fn class(self) -> Class {
        match self {
            Self::Trouble(class) => class,
            Self::TokenBad | Self::CallersFault | Self::WrongKind => Class::NeedsPerson,
            Self::Success => Class::Transient,
        }
    }
}

/// Every entry there is.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    THEMES.into_iter().flat_map(|theme| theme.entries)
}

/// What a code means where it is met. A code without a meaning of its own there has the one that it
/// has elsewhere.
pub fn find(code: i64, scope: Scope) -> Option<&'static Entry> {
    let of_code = || all().filter(move |entry| entry.code == code);
    of_code().find(|entry| entry.scopes.contains(&scope)).or_else(|| of_code().next())
}

/// Whether a code on an answer to a call with an access_token says that it is bad. Only what it means in this very scope
/// counts: WeCom's 40001 is about the secret. A platform's token is refused as any token is, or with a code of its own.
pub fn blames_token(code: i64, scope: Scope) -> bool {
    let blames = |scope| {
        let entry = find(code, scope);
        entry.is_some_and(|it| it.scopes.contains(&scope) && it.nature == Nature::TokenBad)
    };
    // Zero is what nearly every answer says.
    code != 0
        && !blames_service_token(code)
        && (blames(scope) || scope == Scope::Platform && blames(Scope::Api))
}

/// Whether a code of WeCom's says that the token of a suite or a service provider is bad.
pub fn blames_service_token(code: i64) -> bool {
    [40082, 42009].contains(&code)
}

/// The failure that an answer with this code is. `message` is upstream's text, already fit to be
/// shown.
pub(crate) fn failure(code: i64, scope: Scope, message: &str) -> Failure {
    let entry = find(code, scope).unwrap_or(&UNKNOWN);
    let ips = explain::caller_ips(message);
    Failure {
        class: entry.nature.class(),
        // "System error" is no refusal: the token may have been replaced before the error happened.
        reached: if code == SYSTEM_ERROR { Reached::Perhaps } else { Reached::No },
        code: Some(code),
        message: if message.is_empty() { entry.name } else { message }.to_owned(),
        request_id: explain::request_id(message).map(|id| id.text),
        remedy: entry.en.advice.first().map(|advice| with_ip(advice, &ips, Language::English)),
    }
}

/// What a person can do about a failure, in one language. In Chinese what has no Chinese words is said in English.
pub fn remedy(failure: &Failure, language: Language) -> Option<Cow<'_, str>> {
    let english = failure.remedy.as_deref()?;
    let chinese = || match failure.code {
        Some(code) => {
            let ips = explain::caller_ips(&failure.message);
            let said = |entry: &Entry, language| {
                entry.text(language).advice.first().map(|advice| with_ip(advice, &ips, language))
            };
            // The entry that the failure was made from.
            let mut of_code = all().chain([&UNKNOWN]);
            let entry = of_code.find(|entry| {
                (entry.code == code || entry.code == UNKNOWN.code)
                    && said(entry, Language::English).as_deref() == Some(english)
            });
            entry.and_then(|entry| said(entry, Language::Chinese)).map(Cow::Owned)
        }
        None => remedy::in_chinese(english).map(Cow::Borrowed),
    };
    match language {
        Language::English => Some(english.into()),
        Language::Chinese => chinese().or(Some(english.into())),
    }
}

const SYSTEM_ERROR: i64 = -1;

/// Puts the caller's addresses where `{ip}` stands.
fn with_ip(text: &str, ips: &[IpAddr], language: Language) -> String {
    let ips = match (ips, language) {
        ([], Language::English) => "the address that the error text names".to_owned(),
        ([], Language::Chinese) => "错误文本中的 IP".to_owned(),
        (ips, Language::English) => joined(ips, " and "),
        (ips, Language::Chinese) => joined(ips, " 和 "),
    };
    text.replace("{ip}", &ips)
}

fn joined(ips: &[IpAddr], and: &str) -> String {
    ips.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(and)
}

#[cfg(test)]
mod tests;

//! How the SDKs of clients count the life of a token.

use serde::{Deserialize, Serialize};

/// An SDK by how it counts: it thinks a token gone some time before the stated end, and by how much differs so widely
/// that no one statement suits all. Each preset states that margin on top of the true life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Preset {
    /// Suits nearly all: whatever an SDK subtracts, up to 200 s, it comes back in time and not on every call.
    #[default]
    Default,
    /// EasyWeChat, node-easywechat, PowerWeChat, Senparc: nothing is subtracted. States the same as the default, and
    /// knows exactly when the client should come back.
    Easywechat,
    /// EasyWeChat's authorizer of an open platform: 500 s.
    EasywechatAuthorizer,
    /// silenceper/wechat, its classic token, WeCom and component: 1500 s.
    SilenceperClassic,
    /// silenceper/wechat, its stable token: 300 s.
    SilenceperStable,
    /// wechatpy: 60 s.
    Wechatpy,
    /// WxJava that keeps its token in memory: 200 s. Not for WxJava on Redis, which subtracts nothing.
    WxjavaMemory,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 7] = [
        Self::Default,
        Self::Easywechat,
        Self::EasywechatAuthorizer,
        Self::SilenceperClassic,
        Self::SilenceperStable,
        Self::Wechatpy,
        Self::WxjavaMemory,
    ];

    /// The name it has everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Easywechat => "easywechat",
            Self::EasywechatAuthorizer => "easywechat-authorizer",
            Self::SilenceperClassic => "silenceper-classic",
            Self::SilenceperStable => "silenceper-stable",
            Self::Wechatpy => "wechatpy",
            Self::WxjavaMemory => "wxjava-memory",
        }
    }

    /// How many seconds before the stated end the SDK thinks its token gone; none if that is not known.
    pub const fn margin(self) -> Option<u32> {
        match self {
            Self::Default => None,
            Self::Easywechat => Some(0),
            Self::EasywechatAuthorizer => Some(500),
            Self::SilenceperClassic => Some(1500),
            Self::SilenceperStable => Some(300),
            Self::Wechatpy => Some(60),
            Self::WxjavaMemory => Some(200),
        }
    }
}

//! An account: one app registered with WeChat, its secret, and how it wants to be kept.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api_security::ApiSecurityKeys;
use crate::id::AccountId;
use crate::policy::Policy;
use crate::proxy::Proxy;
use crate::push::PushSettings;
use crate::secret::Secret;
use crate::time::Timestamp;

/// One account as the store keeps it. The secret, the push settings, the keys of API security and the proxy, which may
/// have a password, are sealed at rest; everything else is in clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name: the appid, or `corpid:agent` of a WeCom application.
    pub id: AccountId,
    /// What sort of account it is.
    pub kind: AccountKind,
    /// The AppSecret.
    pub secret: Secret,
    /// Which family of tokens it uses.
    pub mode: Mode,
    /// What upstream is reached through for this account, in place of the way that others take.
    pub proxy: Option<Proxy>,
    /// How it receives what WeChat pushes, if it does so here.
    pub push: Option<PushSettings>,
    /// The keys with which its calls are encrypted and signed, if some are. Few accounts have them.
    pub api_security: Option<Arc<ApiSecurityKeys>>,
    /// The account that acts for it and whose token its own is fetched with, if it is one that has authorised somebody: a
    /// third-party platform, a WeCom suite.
    pub platform: Option<AccountId>,
    /// How its credentials are kept.
    pub policy: Policy,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Account {
    /// An account with the defaults: an Official Account in stable mode, kept fresh eagerly.
    pub fn new(id: AccountId, secret: Secret, at: Timestamp) -> Self {
        Self {
            id,
            kind: AccountKind::default(),
            secret,
            mode: Mode::default(),
            proxy: None,
            push: None,
            api_security: None,
            platform: None,
            policy: Policy::default(),
            created_at: at,
            updated_at: at,
        }
    }

    /// This account as it is to be stored in place of another, at a time that differs from the other's even if the clock was set
    /// back: that is how a running server tells them apart.
    #[must_use]
    pub fn renewed(self, stored: Option<&Self>, now: Timestamp) -> Self {
        let created_at = stored.map_or(now, |stored| stored.created_at);
        let earliest = stored.map(|stored| stored.updated_at + Duration::from_millis(1));
        Self { created_at, updated_at: earliest.unwrap_or(now).max(now), ..self }
    }
}

/// What sort of app an account is. The engine treats them alike; people and issuers tell them apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AccountKind {
    /// 公众号 or 服务号.
    #[default]
    OfficialAccount,
    /// 小程序.
    MiniProgram,
    /// 小游戏.
    MiniGame,
    /// An application of a corp in WeCom (企业微信). Each has a secret and a token of its own, so its name is of both.
    #[serde(rename = "wecom")]
    WeCom,
    /// A third-party platform (第三方平台): its name is the component's appid, its secret the component's.
    Platform,
    /// An account that has authorised a platform, whose token is fetched with the platform's and with the refresh token of the
    /// authorisation, which is its secret. An Official Account, or of what sort it is has not been asked yet.
    Authorizer,
    /// The same, and a Mini Program: it has no tickets.
    AuthorizerMiniProgram,
    /// A suite (应用套件) of a WeCom service provider: its name is the suite_id, its secret the suite's.
    #[serde(rename = "wecom-suite")]
    WeComSuite,
    /// A WeCom service provider (服务商) itself: `corpid:provider`, with the ProviderSecret.
    #[serde(rename = "wecom-provider")]
    WeComProvider,
    /// A suite in a corp that has authorised it: `corpid:suite_id`, with the permanent code for a secret. Its platform is the
    /// suite.
    #[serde(rename = "wecom-authorized")]
    WeComAuthorized,
}

impl AccountKind {
    /// Whether an account of this kind can have this name.
    pub fn takes(self, id: &AccountId) -> bool {
        match self {
            Self::WeCom | Self::WeComProvider | Self::WeComAuthorized => {
                id.corp_and_agent().is_some()
            }
            _ => true,
        }
    }

    /// Whether WeChat has API security (API 安全) for accounts of this kind: not WeCom, and not what acts for others.
    pub fn has_api_security(self) -> bool {
        matches!(
            self,
            Self::OfficialAccount
                | Self::MiniProgram
                | Self::MiniGame
                | Self::Authorizer
                | Self::AuthorizerMiniProgram
        )
    }

    /// Whether it is WeCom's (企业微信), which has hosts, codes and tokens of its own: WeChat's are shown none of them.
    pub fn is_of_wecom(self) -> bool {
        matches!(self, Self::WeCom | Self::WeComSuite | Self::WeComProvider | Self::WeComAuthorized)
    }

    /// Whether an account of this kind has authorised a third-party platform.
    pub fn is_authorizer(self) -> bool {
        matches!(self, Self::Authorizer | Self::AuthorizerMiniProgram)
    }

    /// Whether an account of this kind is one that has authorised another: without its platform its token cannot be fetched.
    pub fn needs_platform(self) -> bool {
        self.is_authorizer() || self == Self::WeComAuthorized
    }
}

/// Which of two isolated families of tokens an account uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Calls repeat the same token until its last minutes: a call too many costs nothing.
    #[default]
    Stable,
    /// Each call mints a new token and kills the one before the last: only one may fetch.
    Classic,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_account_has_another_time_even_if_the_clock_was_set_back() {
        let account = |secret: &str, at| {
            let (id, at) = ("wx1".parse().unwrap(), Timestamp::from_millis(at));
            Account::new(id, Secret::from(secret), at)
        };
        let stored = Account { updated_at: Timestamp::from_millis(1000), ..account("a", 7) };
        let changed = account("b", 9).renewed(Some(&stored), Timestamp::from_millis(5));
        assert_eq!(changed.updated_at, Timestamp::from_millis(1001));
        assert_eq!(changed.created_at, stored.created_at);
        assert_eq!(account("b", 9).renewed(None, Timestamp::from_millis(5)), account("b", 5));
    }
}

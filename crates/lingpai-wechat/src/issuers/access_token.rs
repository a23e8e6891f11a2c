//! The two families of access_token: stable and classic.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use lingpai_core::client::Right;
use lingpai_core::{
    Account, AccountId, AccountKind, ApiSecurityKeys, Failure, ForcedLimits, Issued, Issuer, Kind,
    Mode, Parent, Profile, Proxy, Renewal, Secret, Token, Verdict, Way,
};
use serde_json::json;

use super::declared::{self, Carried, Declared, Keeping, Origin};
use super::{on_behalf, percent_encoded, platform, suite, try_token, unanswered};
use crate::answer::{self, Expected};
use crate::catalogue::{self, Scope};
use crate::protocol;
use crate::wire::{Call, Upstream};

/// Of the access_token, whosever it is. The calls for it differ, and what they are answered here stands in the server.
pub(crate) static DECLARED: Declared = Declared {
    kind: Kind::ACCESS_TOKEN,
    pushed: None,
    right: Some(Right::TokenRead),
    carried: Some(Carried {
        name: "access_token",
        under: &[],
        of_wecom: false,
        // WeCom's 40001 is about the secret.
        is_blamed: |errcode, of_wecom| {
            let scope = if of_wecom { Scope::WeCom } else { Scope::Api };
            catalogue::blames_token(errcode, scope)
        },
    }),
    asked: None,
    origin: Origin::Account(issuer),
};

fn issuer(of: &Keeping<'_>) -> Option<Arc<dyn Issuer>> {
    match (of.account.kind, &of.account.platform) {
        (kind, Some(platform)) if kind.is_authorizer() => Some(platform::authorizer(of, platform)),
        (AccountKind::WeComAuthorized, Some(suite)) if !on_behalf(suite) => {
            Some(suite::in_corp(of, suite))
        }
        (
            AccountKind::OfficialAccount
            | AccountKind::MiniProgram
            | AccountKind::MiniGame
            | AccountKind::Authorizer
            | AccountKind::AuthorizerMiniProgram
            | AccountKind::WeCom
            | AccountKind::WeComAuthorized,
            _,
        ) => Some(of.wechat.issuer(of.account)),
        _ => None,
    }
}

/// One account's access_token. There are as many as accounts, so it holds nothing that can be
/// shared or derived.
pub(super) struct AccessToken {
    upstream: Arc<Upstream>,
    appid: AccountId,
    secret: Secret,
    mode: Mode,
    kind: AccountKind,
    api_security: Option<Arc<ApiSecurityKeys>>,
}

impl AccessToken {
    pub(super) fn new(upstream: Arc<Upstream>, account: &Account) -> Self {
        Self {
            upstream,
            appid: account.id.clone(),
            secret: account.secret.clone(),
            mode: account.mode,
            kind: account.kind,
            api_security: account.api_security.clone(),
        }
    }

    /// `GET /cgi-bin/token`: mints.
    fn classic(&self) -> Call {
        let (appid, secret) = (&self.appid, percent_encoded(self.secret.expose()));
        let grant = protocol::GRANT_TYPE;
        Call {
            path: protocol::TOKEN_PATH,
            query: Some(format!("grant_type={grant}&appid={appid}&secret={secret}")),
            body: None,
        }
    }

    /// `POST /cgi-bin/stable_token`: repeats, unless forced.
    fn stable(&self, force_refresh: bool) -> Call {
        let body = json!({
            "grant_type": protocol::GRANT_TYPE,
            "appid": self.appid.as_str(),
            "secret": self.secret.expose(),
            "force_refresh": force_refresh,
        });
        Call {
            path: protocol::STABLE_TOKEN_PATH,
            query: None,
            body: Some(Bytes::from(body.to_string())),
        }
    }
}

#[async_trait]
impl Issuer for AccessToken {
    fn profile(&self) -> Profile {
        let windowed =
            Renewal::Windowed { window: protocol::STABLE_WINDOW, overlap: protocol::OVERLAP };
        let nominal_life = protocol::NOMINAL_LIFE;
        match self.mode {
            Mode::Stable => Profile {
                nominal_life,
                primary: windowed,
                forced: Some(ForcedLimits {
                    spacing: protocol::FORCED_SPACING,
                    per_day: protocol::FORCED_PER_DAY,
                }),
                fallback: None,
                daily_budget: protocol::STABLE_DAILY_BUDGET,
                given_once: false,
            },
            Mode::Classic => Profile {
                nominal_life,
                primary: Renewal::Minting { overlap: protocol::OVERLAP },
                forced: None,
                fallback: Some(windowed),
                daily_budget: protocol::CLASSIC_DAILY_BUDGET,
                given_once: false,
            },
        }
    }

    async fn issue(&self, way: Way, _: Option<&Secret>) -> Result<Issued, Failure> {
        let call = match (self.mode, way) {
            (Mode::Stable, Way::Forced) => self.stable(true),
            (Mode::Stable, Way::Primary | Way::Fallback) | (Mode::Classic, Way::Fallback) => {
                self.stable(false)
            }
            (Mode::Classic, Way::Primary | Way::Forced) => self.classic(),
        };
        let secrets = [&self.secret];
        match self.upstream.send(call).await {
            Ok(answer) => answer::issued(&answer, Expected::ACCESS_TOKEN, &secrets),
            Err(error) => Err(unanswered(&error, &secrets)),
        }
    }

    async fn check(&self, token: &Token) -> Verdict {
        try_token(&self.upstream, token, Scope::Api, &self.secret).await
    }

    fn proxy(&self) -> Option<Arc<Proxy>> {
        self.upstream.proxy().cloned()
    }

    fn api_security(&self) -> Option<Arc<ApiSecurityKeys>> {
        self.api_security.clone()
    }

    fn dependents(&self) -> &'static [Kind] {
        declared::dependents(self.kind)
    }

    fn dependent(&self, kind: &Kind, parent: Arc<dyn Parent>) -> Option<Arc<dyn Issuer>> {
        declared::dependent(kind, self.kind, &self.upstream, parent, self.depth() + 1)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("AccessToken");
        shown.field("appid", &self.appid).field("mode", &self.mode).finish_non_exhaustive()
    }
}

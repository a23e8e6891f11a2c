//! The two families of access_token: stable and classic.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use bytes::Bytes;
use lingpai_core::{
    Account, AccountId, Class, Failure, ForcedLimits, Issued, Issuer, Mode, Profile, Proxy,
    Renewal, Secret, Token, Verdict, Way,
};
use serde_json::json;

use crate::wire::{Call, TransportError, TransportErrorKind, Upstream};
use crate::{answer, clean, protocol, remedy};

/// WeChat, as the engine sees it: an issuer for each account.
///
/// ```no_run
/// use lingpai_core::{Account, Secret, Timestamp, Way};
/// use lingpai_wechat::{WeChat, wire};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let wechat = WeChat::new(wire::Upstream::new(wire::Settings::default())?);
/// let secret = Secret::from("the AppSecret");
/// let account = Account::new("wx5a0db0c0ffee0001".parse()?, secret, Timestamp::default());
/// let token = wechat.issuer(&account).issue(Way::Primary).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WeChat {
    upstream: Arc<Upstream>,
    /// The same through the proxies of accounts, for as long as an issuer uses them.
    proxied: Arc<Mutex<HashMap<Proxy, Weak<Upstream>>>>,
}

impl WeChat {
    /// All issuers share this upstream: its connections, and what it knows about its hosts. Those of
    /// accounts with a proxy of their own share that with all whose proxy is the same.
    pub fn new(upstream: Upstream) -> Self {
        Self { upstream: Arc::new(upstream), proxied: Arc::default() }
    }

    /// The issuer of the account's access_token, in the family that its mode names. It keeps the
    /// secret and the proxy that the account has now: a changed account needs another.
    pub fn issuer(&self, account: &Account) -> Arc<dyn Issuer> {
        Arc::new(AccessToken {
            upstream: self.upstream_through(account.proxy.as_ref()),
            appid: account.id.clone(),
            secret: account.secret.clone(),
            mode: account.mode,
        })
    }

    /// Asks WeChat whether the secret that the account has now is the right one, by a call that no token in use dies of:
    /// it is of the stable family, which repeats its token until the last five minutes and is isolated from the classic
    /// one. Whatever token it brings is dropped; the engine is given the same one when it asks.
    ///
    /// It takes as long as a call for a token; give it a deadline. Dropping the future harms nothing.
    pub async fn try_secret(&self, account: &Account) -> Verdict {
        let stable = Account { mode: Mode::Stable, ..account.clone() };
        match self.issuer(&stable).issue(Way::Primary).await {
            Ok(_) => Verdict::Accepted,
            Err(failure) if answer::blames_secret(&failure) => Verdict::Refused(failure),
            Err(failure) => Verdict::Inconclusive(failure),
        }
    }

    fn upstream_through(&self, proxy: Option<&Proxy>) -> Arc<Upstream> {
        let Some(proxy) = proxy else { return Arc::clone(&self.upstream) };
        let mut proxied = self.proxied.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(upstream) = proxied.get(proxy).and_then(Weak::upgrade) {
            return upstream;
        }
        let upstream = Arc::new(self.upstream.through(proxy));
        proxied.retain(|_, upstream| upstream.strong_count() > 0);
        proxied.insert(proxy.clone(), Arc::downgrade(&upstream));
        upstream
    }
}

/// One account's access_token. There are as many as accounts, so it holds nothing that can be
/// shared or derived.
struct AccessToken {
    upstream: Arc<Upstream>,
    appid: AccountId,
    secret: Secret,
    mode: Mode,
}

impl AccessToken {
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

    fn unanswered(&self, error: &TransportError, secrets: &[&Secret]) -> Failure {
        let failure = Failure::new(Class::Transient, clean::clean(&error.story(), secrets));
        let (failure, usual_remedy) = match error.kind {
            TransportErrorKind::NotSent => (failure, remedy::NO_CONNECTION),
            TransportErrorKind::Lost => (failure.perhaps_reached(), remedy::LOST),
        };
        failure.with_remedy(error.remedy.unwrap_or(usual_remedy.en))
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
            },
            Mode::Classic => Profile {
                nominal_life,
                primary: Renewal::Minting { overlap: protocol::OVERLAP },
                forced: None,
                fallback: Some(windowed),
                daily_budget: protocol::CLASSIC_DAILY_BUDGET,
            },
        }
    }

    async fn issue(&self, way: Way) -> Result<Issued, Failure> {
        let call = match (self.mode, way) {
            (Mode::Stable, Way::Forced) => self.stable(true),
            (Mode::Stable, Way::Primary | Way::Fallback) | (Mode::Classic, Way::Fallback) => {
                self.stable(false)
            }
            (Mode::Classic, Way::Primary | Way::Forced) => self.classic(),
        };
        let secrets = [&self.secret];
        match self.upstream.send(call).await {
            Ok(answer) => answer::issued(answer.status(), answer.body(), &secrets),
            Err(error) => Err(self.unanswered(&error, &secrets)),
        }
    }

    async fn check(&self, token: &Token) -> Verdict {
        let secrets = [&token.value, &self.secret];
        let call = Call {
            path: protocol::CALLBACK_IP_PATH,
            query: Some(format!("access_token={}", percent_encoded(token.value.expose()))),
            body: None,
        };
        let outcome = match self.upstream.send(call).await {
            Ok(answer) => answer::tried(answer.status(), answer.body(), &secrets),
            Err(error) => Err(self.unanswered(&error, &secrets)),
        };
        match outcome {
            Ok(()) => Verdict::Accepted,
            Err(failure) if answer::blames_token(&failure) => Verdict::Refused(failure),
            Err(failure) => Verdict::Inconclusive(failure),
        }
    }

    fn proxy(&self) -> Option<Arc<Proxy>> {
        self.upstream.proxy().cloned()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("AccessToken");
        shown.field("appid", &self.appid).field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// A value as it stands in a query. Only what RFC 3986 leaves unreserved stays as it is.
fn percent_encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_with_signs_of_a_url_stays_one_parameter() {
        assert_eq!(percent_encoded("a&b=c#%é_-.~0"), "a%26b%3Dc%23%25%C3%A9_-.~0");
    }
}

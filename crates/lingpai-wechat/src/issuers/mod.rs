//! The issuers: one file for each kind of credential, or for those that one endpoint issues.
//!
//! [`WeChat`] makes the issuer of an account's access_token; what depends on that, its issuer makes.

pub(crate) mod access_token;
pub(crate) mod agent_config;
pub(crate) mod declared;
mod examine;
pub(crate) mod invitation;
pub(crate) mod jsapi;
pub(crate) mod platform;
pub(crate) mod provider;
pub(crate) mod suite;
pub(crate) mod ticket;
mod wecom;
pub(crate) mod wx_card;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use lingpai_core::{
    Account, AccountId, AccountKind, Class, CredentialId, Failure, Issuer, Kind, Mode, Parent,
    Proxy, Secret, Token, Verdict, Way,
};

use self::access_token::AccessToken;
use self::declared::Keeping;
pub use self::examine::Quota;
use self::suite::CorpAuthorization;
use self::wecom::Gettoken;
use crate::catalogue::Scope;
use crate::clean::clean;
use crate::wire::{Call, TransportError, TransportErrorKind, Upstream};
use crate::{answer, kinds, protocol, remedy};

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
/// let token = wechat.issuer(&account).issue(Way::Primary, None).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WeChat {
    api: Party,
    wecom: Party,
}

/// What finds the credential that another one needs.
pub type Find<'a> = &'a dyn Fn(&CredentialId) -> Arc<dyn Parent>;

/// One of the parties that WeChat is: they have hosts of their own.
#[derive(Clone, Debug)]
struct Party {
    upstream: Arc<Upstream>,
    /// The same through the proxies of accounts, for as long as an issuer uses them.
    proxied: Arc<Mutex<HashMap<Proxy, Weak<Upstream>>>>,
}

impl WeChat {
    /// All issuers share this upstream: its connections, and what it knows about its hosts. Those of
    /// accounts with a proxy of their own share that with all whose proxy is the same.
    pub fn new(upstream: Upstream) -> Self {
        let wecom = Party::new(upstream.to_wecom());
        Self { api: Party::new(upstream), wecom }
    }

    /// The issuer of the account's access_token, in the family that its mode names. It keeps the
    /// secret and the proxy that the account has now: a changed account needs another. Through it the
    /// engine finds what else the account has ([`Issuer::dependents`]).
    pub fn issuer(&self, account: &Account) -> Arc<dyn Issuer> {
        let proxy = account.proxy.as_ref();
        match account.kind {
            AccountKind::WeCom | AccountKind::WeComAuthorized => {
                Arc::new(Gettoken::new(self.wecom.through(proxy), account))
            }
            _ => Arc::new(AccessToken::new(self.api.through(proxy), account)),
        }
    }

    /// What the account's calls carry, and its issuer. `parent` finds the credentials that this one needs, of other accounts
    /// and of the same ([`Registry::parent`](lingpai_core::Registry::parent)).
    pub fn root(&self, account: &Account, parent: Find<'_>) -> (Kind, Arc<dyn Issuer>) {
        let of = Keeping { wechat: self, account, parent };
        let mut carried = kinds::ALL.iter().copied().filter(|declared| declared.carried.is_some());
        let root = carried.find_map(|declared| declared.root(&of));
        root.unwrap_or_else(|| (Kind::ACCESS_TOKEN, self.issuer(account)))
    }

    /// What else is kept of the account without being asked for, and the issuers of that.
    pub fn roots_besides(
        &self,
        account: &Account,
        parent: Find<'_>,
    ) -> Vec<(Kind, Arc<dyn Issuer>)> {
        let of = Keeping { wechat: self, account, parent };
        let besides = kinds::ALL.iter().copied().filter(|declared| declared.carried.is_none());
        besides.filter_map(|declared| declared.root(&of)).collect()
    }

    /// Exchanges the auth_code of a corp that has authorised this suite, once, for what opens the application there. `token` is
    /// the suite's. It takes as long as a call for a token; if the future is dropped, the code may be spent.
    ///
    /// # Errors
    /// A [`Failure`], as of [`Issuer::issue`].
    pub async fn exchange(
        &self,
        suite: &Account,
        token: &Arc<dyn Parent>,
        auth_code: &Secret,
    ) -> Result<CorpAuthorization, Failure> {
        suite::exchange(&self.wecom.through(suite.proxy.as_ref()), token, auth_code).await
    }

    /// Asks WeChat whether the secret that the account has now is the right one, by a call that no token in use dies of:
    /// it is of the stable family, which repeats its token until the last five minutes and is isolated from the classic
    /// one; WeCom repeats its only one. Whatever token it brings is dropped; the engine is given the same one when it asks.
    ///
    /// It takes as long as a call for a token; give it a deadline. Dropping the future harms nothing.
    pub async fn try_secret(&self, account: &Account) -> Verdict {
        let needs_another = account.kind == AccountKind::WeComSuite
            || account.kind == AccountKind::Platform
            || account.kind.needs_platform();
        if needs_another {
            let what = "it is tried with the next fetch, which needs another credential";
            return Verdict::Inconclusive(Failure::new(Class::Transient, what));
        }
        let stable = Account { mode: Mode::Stable, ..account.clone() };
        match self.issuer(&stable).issue(Way::Primary, None).await {
            Ok(_) => Verdict::Accepted,
            Err(failure) if answer::blames_secret(&failure) => Verdict::Refused(failure),
            Err(failure) => Verdict::Inconclusive(failure),
        }
    }
}

/// Whether a suite develops on behalf of corps (代开发): their permanent codes are secrets like those of any application.
fn on_behalf(suite: &AccountId) -> bool {
    suite.as_str().starts_with("dk")
}

impl Party {
    fn new(upstream: Upstream) -> Self {
        Self { upstream: Arc::new(upstream), proxied: Arc::default() }
    }

    fn through(&self, proxy: Option<&Proxy>) -> Arc<Upstream> {
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

/// Tries a token with the cheapest call that checks it and asks for nothing else. WeChat and WeCom have the same one.
async fn try_token(upstream: &Upstream, token: &Token, scope: Scope, secret: &Secret) -> Verdict {
    try_value(upstream, &token.value, scope, &[&token.value, secret]).await
}

/// The same of a value that may be one. `secrets` must not be seen in what comes of it.
async fn try_value(
    upstream: &Upstream,
    value: &Secret,
    scope: Scope,
    secrets: &[&Secret],
) -> Verdict {
    let call = Call {
        path: protocol::CALLBACK_IP_PATH,
        query: Some(format!("access_token={}", percent_encoded(value.expose()))),
        body: None,
    };
    let outcome = match upstream.send(call).await {
        Ok(answer) => answer::tried(answer.status(), answer.body(), scope, secrets),
        Err(error) => Err(unanswered(&error, secrets)),
    };
    match outcome {
        Ok(()) => Verdict::Accepted,
        Err(failure) if answer::blames_token(&failure, scope) => Verdict::Refused(failure),
        Err(failure) => Verdict::Inconclusive(failure),
    }
}

/// What a call that brought no answer means to the engine. `secrets` are those that it carried.
fn unanswered(error: &TransportError, secrets: &[&Secret]) -> Failure {
    let failure = Failure::new(Class::Transient, clean(&error.story(), secrets));
    let (failure, usual_remedy) = match error.kind {
        TransportErrorKind::NotSent => (failure, remedy::NO_CONNECTION),
        TransportErrorKind::Lost => (failure.perhaps_reached(), remedy::LOST),
    };
    failure.with_remedy(error.remedy.unwrap_or(usual_remedy.en))
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

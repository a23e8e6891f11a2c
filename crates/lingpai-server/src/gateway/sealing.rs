//! API security (API 安全): the calls of an account that carries its keys are encrypted and signed on their way, and what WeChat
//! answers is proven and opened, so that a client sends and gets plain JSON.
//!
//! URL and time are signed, so a call is sealed when it is known to which host it goes, and anew each time that it is sent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use lingpai_core::event::What;
use lingpai_core::{AccountId, ApiSecurityKeys, Clock, CredentialId};
use lingpai_wechat::api_security::{ApiSecurity, Unacceptable, Unsealable, Which, is_sealed};

use super::call::Heard;
use super::hosts::{Destination, Host};
use super::look::{self, Seen};
use super::site::Site;
use super::trouble::Trouble;
use crate::serving::Serving;

/// The largest body that is sealed, and the largest sealed answer that is opened. What can be sealed is JSON, and small.
pub(super) const MOST: usize = 1024 * 1024;
/// What WeChat says if it cannot decrypt a call. It has not been carried out then.
const NOT_DECRYPTED: i64 = 40235;
/// What the headers of sealed calls and answers begin with.
const HEADERS: &str = "wechatmp-";
/// That of a call which its client has sealed.
const SIGNATURE: HeaderName = HeaderName::from_static("wechatmp-signature");

/// What seals for the accounts that carry keys.
#[derive(Default)]
pub(super) struct Sealers(Mutex<HashMap<AccountId, Arc<Sealer>>>);

/// What seals for one account.
struct Sealer {
    /// Whose calls it seals.
    credential: CredentialId,
    /// What it was made of.
    keys: Arc<ApiSecurityKeys>,
    security: ApiSecurity,
    /// Whether WeChat still has the symmetric key before the present one.
    is_behind: AtomicBool,
    /// Whether it was said that the platform's certificate is about to end.
    was_told: AtomicBool,
    clock: Arc<dyn Clock>,
}

/// What seals one call.
pub(super) struct Sealing {
    sealer: Arc<Sealer>,
    with_previous: AtomicBool,
}

/// A call as it is sent.
pub(super) struct Sealed {
    pub(super) body: Bytes,
    headers: [(&'static str, String); 4],
}

/// What became of sealed calls, for the numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Proof {
    /// The answer is WeChat's.
    Proven,
    /// WeChat has refused the call in plain, as it does before it opens one.
    Refused,
    /// The answer may be anybody's, and was not passed on.
    Unproven,
}

impl Proof {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Proven, Self::Refused, Self::Unproven];

    /// The stable name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Refused => "refused",
            Self::Unproven => "unproven",
        }
    }
}

impl Sealers {
    /// What seals this call, if it is to be sealed: its account carries keys, its path is one of those, and its client has not
    /// sealed it already.
    pub(super) fn of(
        &self,
        serving: &Serving,
        credential: &CredentialId,
        head: &Parts,
        destination: &Destination<'_>,
    ) -> Result<Option<Sealing>, Trouble> {
        if head.method != Method::POST || destination.host != Host::Api {
            return Ok(None);
        }
        let keys = serving.registry.with(credential, |keeper| keeper.api_security()).flatten();
        let Some(keys) = keys else { return Ok(None) };
        if !is_sealed(keys.calls.as_deref(), destination.path)
            || head.headers.contains_key(SIGNATURE)
        {
            return Ok(None);
        }
        let sealer = self.made_of(credential, keys, serving.registry.clock())?;
        let with_previous = AtomicBool::new(sealer.is_behind.load(Ordering::Relaxed));
        Ok(Some(Sealing { sealer, with_previous }))
    }

    fn made_of(
        &self,
        credential: &CredentialId,
        keys: Arc<ApiSecurityKeys>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Arc<Sealer>, Trouble> {
        let account = &credential.account;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sealer) = known.get(account).filter(|it| Arc::ptr_eq(&it.keys, &keys)) {
            return Ok(Arc::clone(sealer));
        }
        // They were looked at when they were given to the account.
        let security = ApiSecurity::of(account, &keys).map_err(|error| {
            tracing::error!(%account, %error, "the keys of API security are none");
            Trouble::Unsealable(Unsealable::Crypto)
        })?;
        // Those of which only this map still knows are no account's any more.
        known.retain(|_, sealer| Arc::strong_count(&sealer.keys) > 1);
        let (is_behind, was_told) = (AtomicBool::new(false), AtomicBool::new(false));
        let clock = Arc::clone(clock);
        let credential = credential.clone();
        let sealer = Arc::new(Sealer { credential, keys, security, is_behind, was_told, clock });
        known.insert(account.clone(), Arc::clone(&sealer));
        Ok(sealer)
    }
}

impl Sealing {
    /// Seals a call with this plain body for one of upstream's hosts. What stood in the query moves into the body.
    pub(super) fn seal(
        &self,
        site: &Site,
        destination: &Destination<'_>,
        plain: &[u8],
    ) -> Result<Sealed, Trouble> {
        let url = url_of(site, destination);
        let query = destination.target.others();
        let query: Vec<_> = query.iter().map(|(name, value)| (&**name, &**value)).collect();
        let with = match self.with_previous.load(Ordering::Relaxed) {
            true => Which::Previous,
            false => Which::Current,
        };
        let sealed = self.sealer.security.seal(with, &url, &query, plain, self.now());
        let sealed = sealed.map_err(Trouble::Unsealable)?;
        Ok(Sealed { body: sealed.body.into(), headers: sealed.headers })
    }

    /// The answer to a call that was sealed for this host, as it would be without all this. What WeChat says before it opens a
    /// call is not sealed, and is an error: that is passed on.
    pub(super) async fn open(
        &self,
        heard: Heard,
        site: &Site,
        destination: &Destination<'_>,
        serving: &Serving,
    ) -> Result<Heard, Trouble> {
        let metrics = &serving.metrics;
        let url = url_of(site, destination);
        let mut heard = heard.whole(MOST).await?;
        let Seen::Whole(body, errcode) = &heard.seen else { return Err(Trouble::Lost) };
        let opened = self.sealer.security.open(&url, &heard.head.headers, body, self.now());
        let answer = match opened {
            Ok(answer) => answer,
            Err(Unacceptable::Unsigned)
                if !heard.head.status.is_success() || errcode.is_some_and(|code| code != 0) =>
            {
                metrics.sealed(Proof::Refused);
                return Ok(heard);
            }
            Err(why) => {
                metrics.sealed(Proof::Unproven);
                tracing::warn!(path = destination.path, %why, "an answer was not passed on");
                return Err(Trouble::Unproven(why));
            }
        };
        metrics.sealed(Proof::Proven);
        if let Some(next) = answer.replace_certificate
            && !self.sealer.was_told.swap(true, Ordering::Relaxed)
        {
            let credential = Some(self.sealer.credential.clone());
            serving.registry.tell(credential, What::CertificateChanging { next });
        }
        let body = Bytes::from(answer.body);
        let headers = &mut heard.head.headers;
        let sealed = |name: &&HeaderName| name.as_str().starts_with(HEADERS);
        let names: Vec<HeaderName> = headers.keys().filter(sealed).cloned().collect();
        for name in names {
            headers.remove(name);
        }
        headers.insert(CONTENT_LENGTH, body.len().into());
        let errcode = look::errcode(&body);
        Ok(Heard { seen: Seen::Whole(body, errcode), ..heard })
    }

    /// Whether a call that was answered like this is worth sending with the other symmetric key, which is the next then: the
    /// console and the account change to another one in two moments.
    pub(super) fn turns(&self, heard: &Heard) -> bool {
        let turns = self.sealer.security.has_previous() && was_not_decrypted(heard);
        if turns {
            self.with_previous.fetch_xor(true, Ordering::Relaxed);
        }
        turns
    }

    /// Takes in what came of sending it with the other key.
    pub(super) fn learn(&self, heard: &Heard) {
        if !was_not_decrypted(heard) {
            let is_behind = self.with_previous.load(Ordering::Relaxed);
            self.sealer.is_behind.store(is_behind, Ordering::Relaxed);
        }
    }

    fn now(&self) -> i64 {
        self.sealer.clock.now().wall.as_millis().div_euclid(1000)
    }
}

impl Sealed {
    /// Puts into a call's headers what a sealed one has.
    pub(super) fn mark(self, headers: &mut HeaderMap) {
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.insert(name, value);
            }
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // What is signed is the text.
        headers.remove(ACCEPT_ENCODING);
    }
}

fn was_not_decrypted(heard: &Heard) -> bool {
    heard.errcode() == Some(NOT_DECRYPTED)
}

/// What is signed of where a call goes.
fn url_of(site: &Site, destination: &Destination<'_>) -> String {
    format!("{}{}", site.base, destination.path)
}

//! What is done about an answer that blames the token: compare, try, refresh, and send the call once more.
//!
//! The engine decides whether the token is at fault (`Keeper::report_invalid`); here it is decided whether it is asked, and
//! how long it is waited for. Whatever stands in the way, the client gets the answer that is there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lingpai_core::event::What;
use lingpai_core::keeper::{self, Reported};
use lingpai_core::rotation::Evidence;
use lingpai_core::{CredentialId, Instant, Secret};
use tokio::time::timeout_at;

use super::breaker::{Alarm, Breaker, Caller, Outcome};
use super::trouble::Trouble;
use super::usual::Usual;
use crate::serving::Serving;

/// What is remembered of calls that were refused because of their token.
#[derive(Default)]
pub(super) struct Repairs {
    breaker: Mutex<Breaker>,
    /// Whether the breaker remembers anything: nearly always it does not, and then no call takes its lock.
    remembers: AtomicBool,
    usual: Usual,
}

/// A token that a call was refused with.
pub(super) struct Refused<'a> {
    pub(super) token: &'a Secret,
    /// When the call was sent.
    pub(super) sent_at: Instant,
}

impl Repairs {
    /// Whether a call may be forwarded, or is one of an endless repetition.
    pub(super) fn forwards(&self, caller: Caller<'_>, now: Instant) -> Result<(), Trouble> {
        if !self.remembers.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.lock().forwards(caller, now).map_err(Trouble::Looping)
    }

    /// Takes in an answer that does not blame the token; whether it says that the call was carried out.
    pub(super) fn went_through(&self, caller: Caller<'_>, is_success: bool, now: Instant) {
        if is_success {
            self.usual.note(caller.account, caller.path);
        }
        if self.remembers.load(Ordering::Relaxed) {
            let mut breaker = self.lock();
            breaker.went_through(caller, now);
            self.remembers.store(!breaker.is_idle(), Ordering::Relaxed);
        }
    }

    /// A better token than the one that was refused, or why there is none until then.
    pub(super) async fn better_token(
        &self,
        serving: &Serving,
        credential: &CredentialId,
        caller: Caller<'_>,
        refused: &Refused<'_>,
        until: tokio::time::Instant,
    ) -> Result<Secret, Outcome> {
        let Refused { token: refused, sent_at } = *refused;
        // Another call may have had it replaced meanwhile: that costs nobody anything.
        let Some(keeper) = serving.registry.get(credential) else {
            return Err(Outcome::NoBetterToken);
        };
        let current = keeper.token().map(|token| token.value.clone());
        if let Some(current) = current.filter(|current| current != refused) {
            return Ok(current);
        }
        if !self.lock().looks_into(caller, serving.registry.clock().coarse()) {
            return Err(Outcome::NotLookedInto);
        }
        let evidence = match self.usual.knows(caller.account, caller.path) {
            true => Evidence::Change(sent_at),
            false => Evidence::Claim,
        };
        // If the time is over, the trial or the fetch goes on for those who come next.
        let reported = timeout_at(until, keeper.report(refused.expose(), evidence)).await;
        match reported {
            Ok(Ok(Reported { token, .. })) if token.value != *refused => Ok(token.value.clone()),
            Ok(Ok(Reported { outcome: keeper::Outcome::Accepted, .. })) => Err(Outcome::AtFault),
            _ => Err(Outcome::NoBetterToken),
        }
    }

    /// Takes in what became of a call that was refused because of its token, and tells of loops.
    pub(super) fn learn(
        &self,
        serving: &Serving,
        credential: &CredentialId,
        caller: Caller<'_>,
        errcode: i64,
        outcome: Outcome,
    ) {
        let now = serving.registry.clock().coarse();
        serving.metrics.repaired(outcome.as_str());
        match outcome {
            Outcome::Mended => self.usual.note(caller.account, caller.path),
            Outcome::AtFault => self.usual.forget(caller.account, caller.path),
            Outcome::NoBetterToken | Outcome::NotLookedInto => {}
        }
        let alarm = {
            let mut breaker = self.lock();
            let alarm = breaker.refused(caller, errcode, outcome, now);
            self.remembers.store(!breaker.is_idle(), Ordering::Relaxed);
            alarm
        };
        let Some(Alarm { refusals }) = alarm else { return };
        let key = caller.key.and_then(|key| serving.keys.look_now(&key, |key| key.id.clone()));
        let (path, cause) = (caller.path.chars().take(128).collect(), likely_cause(caller.path));
        let cause = cause.to_owned();
        serving.registry.tell(
            Some(credential.clone()),
            What::CallsRefused { key, path, errcode, refusals, cause },
        );
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why calls of a path are refused although the token is good.
fn likely_cause(path: &str) -> &'static str {
    const PLATFORM: [&str; 4] =
        ["/cgi-bin/component/", "/wxa/", "/cgi-bin/wxopen/", "/cgi-bin/account/"];
    if PLATFORM.iter().any(|beginning| path.starts_with(beginning)) {
        "the API is for third-party platforms and wants a component_access_token or an authorizer_access_token, or it is \
         not open to this account"
    } else {
        "the API is not open to this account (not verified, or the feature was not granted), or something in the call \
         belongs to another account"
    }
}

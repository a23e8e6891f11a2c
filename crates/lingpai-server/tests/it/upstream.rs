//! An upstream that is made up: it counts, and answers what it was told to.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lingpai_core::{
    Failure, ForcedLimits, Issued, Issuer, Kind, Parent, Profile, Proxy, Renewal, Secret, Token,
    Verdict, Way,
};
use lingpai_wechat::Ticket;
use tokio::sync::Semaphore;

use crate::house::PATIENCE;

/// An upstream that counts how often it was asked, and answers what it was told to.
#[derive(Debug)]
pub(crate) struct FakeUpstream {
    issued: AtomicU64,
    tried: AtomicU64,
    failure: Mutex<Option<Failure>>,
    repeats: AtomicBool,
    mints: AtomicBool,
    verdict: Mutex<Verdict>,
    proxy: Mutex<Option<Arc<Proxy>>>,
    /// A permit for every call that may go through.
    gate: Semaphore,
    /// A permit for every call that has come.
    called: Semaphore,
}

impl Default for FakeUpstream {
    fn default() -> Self {
        Self {
            issued: AtomicU64::new(0),
            tried: AtomicU64::new(0),
            failure: Mutex::new(None),
            repeats: AtomicBool::new(false),
            mints: AtomicBool::new(false),
            verdict: Mutex::new(Verdict::Accepted),
            proxy: Mutex::new(None),
            gate: Semaphore::new(1000),
            called: Semaphore::new(0),
        }
    }
}

impl FakeUpstream {
    /// How often it was asked for a token.
    pub(crate) fn calls(&self) -> u64 {
        self.issued.load(Ordering::SeqCst)
    }

    /// How often it was asked to try one.
    pub(crate) fn trials(&self) -> u64 {
        self.tried.load(Ordering::SeqCst)
    }

    /// The token it gives at the `n`th call.
    pub(crate) fn token(n: u64) -> String {
        format!("70_{n}_{}", "SeCrEtToKeN".repeat(12))
    }

    pub(crate) fn fails_with(&self, failure: Failure) {
        *self.failure.lock().unwrap() = Some(failure);
    }

    /// From now on it gives the token that it gave first.
    pub(crate) fn repeats(&self) {
        self.repeats.store(true, Ordering::SeqCst);
    }

    /// From now on it says that each of its calls replaces the token, as in classic mode.
    pub(crate) fn mints(&self) {
        self.mints.store(true, Ordering::SeqCst);
    }

    pub(crate) fn judges(&self, verdict: Verdict) {
        *self.verdict.lock().unwrap() = verdict;
    }

    /// From now on its accounts have this proxy.
    pub(crate) fn has_proxy(&self, proxy: Option<Proxy>) {
        *self.proxy.lock().unwrap() = proxy.map(Arc::new);
    }

    /// From now on calls hang.
    pub(crate) fn hang(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Calls go through again.
    pub(crate) fn go_on(&self) {
        self.gate.add_permits(1000);
    }

    /// Waits until a call has come.
    pub(crate) async fn was_called(&self) {
        tokio::time::timeout(PATIENCE, self.called.acquire()).await.unwrap().unwrap().forget();
    }
}

/// Gives the same ticket every time, which can be told from its kind.
#[derive(Debug)]
pub(crate) struct FakeTickets {
    pub(crate) kind: Kind,
    pub(crate) token: Arc<dyn Parent>,
}

#[async_trait]
impl Issuer for FakeTickets {
    fn profile(&self) -> Profile {
        let nominal_life = Duration::from_secs(7200);
        let primary = Renewal::Surviving;
        Profile {
            nominal_life,
            primary,
            forced: None,
            fallback: None,
            daily_budget: 100,
            given_once: false,
        }
    }

    async fn issue(&self, _: Way, _: Option<&Secret>) -> Result<Issued, Failure> {
        self.token.value().await?;
        Ok(Issued::new(Secret::from(fake_ticket(&self.kind)), Duration::from_secs(7200)))
    }

    async fn check(&self, _: &Token) -> Verdict {
        Verdict::Accepted
    }

    fn depth(&self) -> usize {
        1
    }
}

/// The ticket of this kind.
pub(crate) fn fake_ticket(kind: &Kind) -> String {
    format!("{kind}-{}", "SeCrEtTiCkEt".repeat(7))
}

#[async_trait]
impl Issuer for FakeUpstream {
    fn dependents(&self) -> &'static [Kind] {
        static KINDS: LazyLock<Vec<Kind>> =
            LazyLock::new(|| Ticket::all().map(Ticket::kind).collect());
        &KINDS
    }

    fn dependent(&self, kind: &Kind, token: Arc<dyn Parent>) -> Option<Arc<dyn Issuer>> {
        Some(Arc::new(FakeTickets { kind: kind.clone(), token }))
    }

    fn profile(&self) -> Profile {
        let overlap = Duration::from_secs(300);
        let primary = if self.mints.load(Ordering::SeqCst) {
            Renewal::Minting { overlap }
        } else {
            Renewal::Windowed { window: overlap, overlap }
        };
        Profile {
            nominal_life: Duration::from_secs(7200),
            primary,
            forced: Some(ForcedLimits { spacing: Duration::from_secs(30), per_day: 20 }),
            fallback: None,
            daily_budget: 200,
            given_once: false,
        }
    }

    async fn issue(&self, _: Way, _: Option<&Secret>) -> Result<Issued, Failure> {
        let n = self.issued.fetch_add(1, Ordering::SeqCst) + 1;
        self.called.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
        match self.failure.lock().unwrap().clone() {
            Some(failure) => Err(failure),
            None => {
                let n = if self.repeats.load(Ordering::SeqCst) { 1 } else { n };
                Ok(Issued::new(Secret::from(Self::token(n)), Duration::from_secs(7200)))
            }
        }
    }

    async fn check(&self, _: &Token) -> Verdict {
        self.tried.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        self.verdict.lock().unwrap().clone()
    }

    fn proxy(&self) -> Option<Arc<Proxy>> {
        self.proxy.lock().unwrap().clone()
    }
}

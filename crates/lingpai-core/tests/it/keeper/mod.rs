//! The asynchronous shell: one flight whoever asks and whoever goes away, on a clock that is paused and driven.
//!
//! - `rules`: what callers can rely on.
//! - `other_nodes`: what others store is taken over as soon as the store tells.
//! - `gifts`: what was not fetched but given, and the companions of tokens.
//! - `once`: random histories of companions that are given once.
//! - `three_nodes`: what a rotation costs those that share a store.
//! - `dependents`: what needs another credential of its account.
//! - `broken_store`: what a store that fails costs.
//! - `edges`: the corners in which keepers once stood still, or ran in circles.

mod broken_store;
mod dependents;
mod edges;
mod gifts;
mod once;
mod other_nodes;
mod rules;
mod three_nodes;

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lingpai_core::clock::TestClock;
use lingpai_core::keeper::{Outcome, RotateError};
use lingpai_core::store::{Begun, Claim, Commit, Committed, Entry, Lease, Ledger, Record};
use lingpai_core::{
    AccountId, Class, Clock, CredentialId, Day, Failure, Generation, Issued, Issuer, Keeper, Kind,
    NodeId, Parent, Policy, Profile, Refresh, Registry, Renewal, Secret, Store, StoreError,
    StoreErrorKind, Token, Verdict, Way,
};
use lingpai_store::MemoryStore;
use tokio::time::{sleep, timeout};

use crate::machine::{CLASSIC, HOUR, LIFE, NOON, OVERLAP, SECOND, STABLE, refusal};

/// An upstream that takes a second to answer, counts, and fails when told to.
#[derive(Debug)]
struct Upstream {
    profile: Profile,
    fetches: AtomicU32,
    checks: AtomicU32,
    /// What the next fetches answer; a token of its own number where it says nothing.
    next: Mutex<Vec<Result<&'static str, Failure>>>,
    refuses: AtomicBool,
    hangs: AtomicBool,
    panics: AtomicBool,
    meanwhile: Meanwhile,
    /// The companions that fetches came with; each is given another one as soon as `pairs` says so.
    companions: Mutex<Vec<Option<String>>>,
    pairs: AtomicBool,
}

/// What happens while the next fetch is under way.
#[derive(Default)]
struct Meanwhile(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl Upstream {
    fn new(profile: Profile) -> Arc<Self> {
        Arc::new(Self {
            profile,
            fetches: AtomicU32::new(0),
            checks: AtomicU32::new(0),
            next: Mutex::new(Vec::new()),
            refuses: AtomicBool::new(false),
            hangs: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            meanwhile: Meanwhile::default(),
            companions: Mutex::default(),
            pairs: AtomicBool::new(false),
        })
    }

    fn fetches(&self) -> u32 {
        self.fetches.load(Ordering::SeqCst)
    }

    fn answers(&self, next: Result<&'static str, Failure>) {
        self.next.lock().unwrap().push(next);
    }
}

#[async_trait]
impl Issuer for Upstream {
    fn profile(&self) -> Profile {
        self.profile
    }

    async fn issue(&self, _way: Way, companion: Option<&Secret>) -> Result<Issued, Failure> {
        let companion = companion.map(|companion| companion.expose().to_owned());
        self.companions.lock().unwrap().push(companion);
        let number = self.fetches.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(!self.panics.load(Ordering::SeqCst), "the issuer has a bug");
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let meanwhile = self.meanwhile.0.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        } else {
            sleep(SECOND).await;
        }
        let next = self.next.lock().unwrap().pop();
        let value = match next {
            Some(Ok(value)) => value.to_owned(),
            Some(Err(failure)) => return Err(failure),
            None => format!("T{number}"),
        };
        let issued = Issued::new(Secret::from(value), LIFE);
        let is_pair = self.pairs.load(Ordering::SeqCst);
        Ok(if is_pair { issued.with_companion(Secret::from(format!("R{number}"))) } else { issued })
    }

    async fn check(&self, _token: &Token) -> Verdict {
        self.checks.fetch_add(1, Ordering::SeqCst);
        sleep(SECOND).await;
        if self.refuses.swap(false, Ordering::SeqCst) { refusal() } else { Verdict::Accepted }
    }
}

struct Stand {
    registry: Registry,
    upstream: Arc<Upstream>,
    keeper: Arc<Keeper>,
    clock: Arc<TestClock>,
}

fn credential() -> CredentialId {
    CredentialId::access_token("wx1".parse().unwrap())
}

async fn stand_on(store: Arc<dyn Store>, profile: Profile, policy: Policy) -> Stand {
    let clock = Arc::new(TestClock::starting_at(NOON));
    let shared: Arc<dyn Clock> = Arc::clone(&clock) as _;
    let registry = Registry::open(store, shared, NodeId::new("n1")).await.unwrap();
    let upstream = Upstream::new(profile);
    let issuer: Arc<dyn Issuer> = Arc::clone(&upstream) as _;
    let keeper = registry.manage(credential(), issuer, Arc::new(policy));
    Stand { registry, upstream, keeper, clock }
}

async fn stand(profile: Profile) -> Stand {
    stand_on(Arc::new(MemoryStore::new()), profile, Policy::default()).await
}

fn on_demand() -> Policy {
    Policy { refresh: Refresh::OnDemand, ..Policy::default() }
}

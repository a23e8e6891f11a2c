//! Sinks: the token of an account, delivered where a program looks for it. A place is a file, a webhook, or whatever else
//! implements [`Place`]; a courier brings each of them the newest token, and sees to it that it stays there.
//!
//! Nothing is queued: what is delivered is the token that is current at that moment, so after an outage of a day a place is
//! brought from what it has to what is, in one step. A place never takes an older token than it has: nodes that share a place
//! leave it to the place to compare ([`Mark`]).

mod api;
mod file;
mod numbers;
mod shape;
mod webhook;

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use lingpai_core::event::What;
use lingpai_core::mark::Mark;
use lingpai_core::{
    AccountId, CredentialId, Generation, Instant, Keeper, Kind, Registry, Secret, Timestamp,
};
use lingpai_wechat::kinds;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

pub(crate) use self::api::{list, sync, test};
pub use self::file::{FilePlace, Hook, Owner};
pub(crate) use self::numbers::Numbers;
pub use self::shape::Shape;
pub use self::webhook::WebhookPlace;

/// How often it is looked whether what was delivered is still there.
const LOOK: Duration = Duration::from_secs(30);
/// How often it is looked whether there is a token, where nothing tells of one.
const ABSENT: Duration = Duration::from_secs(1);
/// The pause before what failed is tried again, which doubles each time, and its bound.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// A token that ends sooner is not worth delivering.
const LEAST: Duration = Duration::from_secs(1);

/// One sink.
#[derive(Clone, Debug)]
pub struct Sink {
    /// Its name.
    pub name: String,
    /// Whose token it is given.
    pub account: AccountId,
    /// Where that is put.
    pub place: Arc<dyn Place>,
}

/// Where a token is put.
#[async_trait]
pub trait Place: fmt::Debug + Send + Sync {
    /// `file`, `redis` or `webhook`.
    fn kind(&self) -> &'static str;

    /// Where it is, for people. Holds no secret.
    fn target(&self) -> String;

    /// Puts the token there, unless it is there already, or a newer one is. Ends within seconds. Dropping the future leaves
    /// the place with one of the two tokens, whole.
    ///
    /// # Errors
    /// Why it is not there, and what to do, without the token.
    async fn put(&self, delivery: &Delivery) -> Result<Put, String>;

    /// Finds out whether a token could be put there, without putting one there.
    ///
    /// # Errors
    /// Why not, and what to do.
    async fn probe(&self) -> Result<(), String>;

    /// Forgets what it is known to have: the next [`Place::put`] looks or sends anew.
    fn forget(&self) {}
}

/// What is delivered.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Whose it is.
    pub account: AccountId,
    /// Of which kind: `access_token`.
    pub kind: Kind,
    /// The token.
    pub value: Secret,
    /// Which it is.
    pub mark: Mark,
    /// When it is delivered.
    pub at: Timestamp,
}

impl Delivery {
    /// How long the token is certain to live.
    pub fn left(&self) -> Duration {
        self.mark.expires_at.since(self.at)
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was put there.
    Written,
    /// It was there already.
    Kept,
    /// A newer one is there: another node was sooner.
    Newer,
}

/// All sinks of a running server.
pub(crate) struct Sinks {
    couriers: ArcSwap<Vec<Arc<Courier>>>,
    changed: watch::Sender<()>,
}

struct Courier {
    sink: Sink,
    /// Whoever delivers.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// How it stands with a sink.
#[derive(Clone, Debug, Default)]
struct State {
    /// The newest token here, and since when it is the newest.
    current: Option<(Generation, Instant)>,
    /// The last that is known to be there, and since when.
    there: Option<Generation>,
    there_at: Option<Timestamp>,
    written: u64,
    failed: u64,
    /// How often it failed in a row, and why the last time.
    tries: u32,
    failure: Option<String>,
}

impl Sinks {
    pub(crate) fn new(sinks: Vec<Sink>) -> Self {
        let couriers = sinks.into_iter().map(|sink| Arc::new(Courier::new(sink))).collect();
        Self { couriers: ArcSwap::from_pointee(couriers), changed: watch::Sender::new(()) }
    }

    /// Delivers to these from now on. One of which `is_as_before` goes on as it stands.
    pub(crate) fn replace(&self, sinks: Vec<Sink>, is_as_before: impl Fn(&str) -> bool) {
        let before = self.couriers.load_full();
        let couriers = sinks.into_iter().map(|sink| {
            let known = before.iter().find(|courier| courier.sink.name == sink.name);
            match known.filter(|_| is_as_before(&sink.name)) {
                Some(known) => Arc::clone(known),
                None => Arc::new(Courier::new(sink)),
            }
        });
        self.couriers.store(Arc::new(couriers.collect()));
        self.changed.send_replace(());
    }

    /// All of them, as they are now.
    fn all(&self) -> Arc<Vec<Arc<Courier>>> {
        self.couriers.load_full()
    }

    /// The sink of this name.
    fn named(&self, name: &str) -> Option<Arc<Courier>> {
        self.all().iter().find(|courier| courier.sink.name == name).map(Arc::clone)
    }

    /// Delivers, until the future is dropped.
    pub(crate) async fn run(&self, registry: &Arc<Registry>) -> Infallible {
        let mut changed = self.changed.subscribe();
        // Dropped, it ends them all.
        let mut tasks = JoinSet::new();
        let mut running: Vec<(Arc<Courier>, AbortHandle)> = Vec::new();
        loop {
            let wanted = self.all();
            running.retain(|(courier, task)| {
                let is_wanted = wanted.iter().any(|it| Arc::ptr_eq(it, courier));
                if !is_wanted {
                    task.abort();
                }
                is_wanted
            });
            for courier in &*wanted {
                if running.iter().any(|(it, _)| Arc::ptr_eq(it, courier)) {
                    continue;
                }
                let (it, registry) = (Arc::clone(courier), Arc::clone(registry));
                let task = tasks.spawn(async move { it.run(&registry).await });
                running.push((Arc::clone(courier), task));
            }
            // It cannot be closed: this is borrowed.
            let _ = changed.changed().await;
            while tasks.try_join_next().is_some() {}
        }
    }
}

impl Courier {
    fn new(sink: Sink) -> Self {
        Self { sink, turn: tokio::sync::Mutex::default(), state: Mutex::default() }
    }

    async fn run(&self, registry: &Registry) -> Infallible {
        let clock = &**registry.clock();
        loop {
            let outcome = self.deliver(registry).await;
            let rest = match outcome {
                Ok(Some(_)) => LOOK,
                Ok(None) => ABSENT,
                Err(_) => self.pause(),
            };
            let until = clock.now().instant + rest;
            let known = self.lock().current.map_or(Generation(0), |(generation, _)| generation);
            let keeper = keeper_of(registry, &self.sink.account);
            let rested = async {
                while clock.now().instant < until {
                    clock.sleep_until(until).await;
                }
            };
            let newer = async {
                match &keeper {
                    Some(keeper) => drop(keeper.later_than(known).await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = rested => {}
                () = newer => {}
            }
        }
    }

    /// Delivers the current token, if there is one.
    async fn deliver(&self, registry: &Registry) -> Result<Option<Put>, String> {
        let _turn = self.turn.lock().await;
        let now = registry.clock().now();
        let keeper = keeper_of(registry, &self.sink.account);
        let delivery = keeper.as_ref().and_then(|keeper| {
            let token = keeper.token()?;
            Some(Delivery {
                account: self.sink.account.clone(),
                kind: keeper.credential().kind.clone(),
                value: token.value.clone(),
                mark: Mark::of(&token),
                at: now.wall,
            })
        });
        let Some(delivery) = delivery.filter(|delivery| delivery.left() >= LEAST) else {
            self.lock().current = None;
            return Ok(None);
        };
        let generation = delivery.mark.generation;
        {
            let mut state = self.lock();
            if state.current.is_none_or(|(known, _)| known != generation) {
                state.current = Some((generation, now.instant));
            }
        }
        let outcome = self.sink.place.put(&delivery).await;
        let (name, at) = (&self.sink.name, registry.clock().wall());
        let told = {
            let mut state = self.lock();
            match &outcome {
                Ok(put) => {
                    let was_failing = state.failure.take().is_some();
                    state.tries = 0;
                    state.written += u64::from(*put == Put::Written);
                    if state.there != Some(generation) || *put == Put::Written {
                        state.there_at = Some(at);
                    }
                    state.there = Some(generation);
                    was_failing.then(|| What::SinkRestored { sink: name.clone(), generation })
                }
                Err(cause) => {
                    state.failed += 1;
                    state.tries = state.tries.saturating_add(1);
                    let is_first = state.failure.replace(cause.clone()).is_none();
                    let (sink, cause) = (name.clone(), cause.clone());
                    is_first.then_some(What::SinkFailed { sink, cause })
                }
            }
        };
        if let Some(what) = told {
            let credential = keeper.map(|keeper| keeper.credential().clone());
            registry.tell(credential, what);
        }
        outcome.map(Some)
    }

    /// How long it is waited after the failures so far.
    fn pause(&self) -> Duration {
        let tries = self.lock().tries.clamp(1, 16);
        (FIRST_PAUSE * (1 << (tries - 1))).min(LONGEST_PAUSE)
    }

    /// For how long the place has lacked the newest token.
    fn lag(&self, now: Instant) -> Duration {
        let state = self.lock();
        match state.current {
            Some((generation, since)) if state.there != Some(generation) => now.since(since),
            // Something was there, and it may be gone: that it cannot be seen to is a lag too.
            Some((_, since)) if state.failure.is_some() => now.since(since),
            _ => Duration::ZERO,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who keeps what the calls of this account carry.
fn keeper_of(registry: &Registry, account: &AccountId) -> Option<Arc<Keeper>> {
    let credential = |kind: &Kind| CredentialId::new(kind.clone(), account.clone());
    kinds::carried().find_map(|(kind, _)| registry.get(&credential(kind)))
}

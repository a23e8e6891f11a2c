//! All keepers of a process, and what they share: the store, the clock, the scheduler, the event stream.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::delays::Histogram;
use crate::event::{Event, What};
use crate::follow;
use crate::id::{CredentialId, Kind, NodeId};
use crate::issuer::{DEPTH, Issuer, Profile};
use crate::keeper::Keeper;
use crate::measures::{Measured, Measures};
use crate::parent::{Kept, Parent};
use crate::peers::{self, Node, Peers};
use crate::policy::{Policy, STORE_DEADLINE};
use crate::recorder::{Events, Recorder};
use crate::scheduler::Scheduler;
use crate::span::Spans;
use crate::store::{Record, Store, StoreError, StoreErrorKind};
use crate::tasks::Tasks;
use crate::time::Timestamp;

pub use crate::recorder::EventStream;

/// How many fetches one node has under way at once, of each [depth](Issuer::depth).
const FLIGHTS: usize = 64;

/// Every credential that this process keeps.
///
/// Made by [`Registry::open`]; reads through [`Registry::get`] take no lock. [`Registry::close`] ends it in order;
/// dropping it ends it at once, which costs at most one fetch per rotation under way.
#[derive(Debug)]
pub struct Registry {
    shared: Arc<Shared>,
    keepers: Arc<Keepers>,
    /// What the store held at the start and nobody has asked for yet.
    loaded: Mutex<HashMap<CredentialId, Record>>,
    scheduler: JoinHandle<()>,
    follower: JoinHandle<()>,
    meeting: JoinHandle<()>,
    recorder: Recorder,
}

/// The keepers by their credentials.
pub(crate) type Keepers = papaya::HashMap<CredentialId, Arc<Keeper>>;

/// What all keepers share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) node: NodeId,
    pub(crate) scheduler: Scheduler,
    flights: [Arc<Semaphore>; DEPTH + 1],
    pub(crate) tasks: Tasks,
    pub(crate) events: Events,
    pub(crate) peers: Peers,
    pub(crate) measures: Measures,
    pub(crate) spans: Arc<Spans>,
    /// When the store last forgot something, in milliseconds since 1970; 0 if it never has.
    forgot: AtomicI64,
    profiles: Mutex<HashSet<Arc<Profile>>>,
    policies: Mutex<HashSet<Arc<Policy>>>,
}

impl Shared {
    /// Takes in that the store has lost something at this time.
    pub(crate) fn forgot_at(&self, at: Timestamp) {
        self.forgot.fetch_max(at.as_millis(), Ordering::Relaxed);
    }

    /// When it last did, if ever.
    pub(crate) fn forgotten(&self) -> Option<Timestamp> {
        let at = self.forgot.load(Ordering::Relaxed);
        (at > 0).then(|| Timestamp::from_millis(at))
    }

    /// The places for fetches of this depth.
    pub(crate) fn flights(&self, depth: usize) -> &Arc<Semaphore> {
        &self.flights[depth.min(DEPTH)]
    }

    /// The one copy of a profile.
    pub(crate) fn profile(&self, profile: Profile) -> Arc<Profile> {
        one_copy(&self.profiles, Arc::new(profile))
    }

    /// The one copy of a policy.
    fn policy(&self, policy: Arc<Policy>) -> Arc<Policy> {
        one_copy(&self.policies, policy)
    }
}

impl Registry {
    /// Reads everything the store holds, and starts the scheduler on the current `tokio` runtime.
    ///
    /// # Errors
    /// The store's, if it cannot be read.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        node: NodeId,
    ) -> Result<Self, StoreError> {
        let records = store.load().await?;
        let loaded = records.into_iter().map(|record| (record.credential.clone(), record));
        let (events, recorder) = Recorder::start(Arc::clone(&store));
        let peers = Peers::new(node.clone(), clock.now().wall);
        let shared = Arc::new(Shared {
            store,
            clock,
            node,
            peers,
            measures: Measures::default(),
            spans: Arc::default(),
            scheduler: Scheduler::default(),
            flights: std::array::from_fn(|_| Arc::new(Semaphore::new(FLIGHTS))),
            tasks: Tasks::default(),
            events,
            forgot: AtomicI64::new(0),
            profiles: Mutex::default(),
            policies: Mutex::default(),
        });
        let scheduler = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { shared.scheduler.run(&*shared.clock).await }
        });
        let keepers = Arc::new(Keepers::new());
        let follower = tokio::spawn(follow::run(Arc::clone(&shared), Arc::clone(&keepers)));
        // Before anything is kept, so that nodes that start together share the work from the beginning.
        let meets = shared.peers.meet(&shared, 0).await;
        let meeting = tokio::spawn({
            let (shared, keepers) = (Arc::clone(&shared), Arc::clone(&keepers));
            async move {
                if meets {
                    peers::run(shared, keepers).await;
                }
            }
        });
        let loaded = Mutex::new(loaded.collect());
        Ok(Self { shared, keepers, loaded, scheduler, follower, meeting, recorder })
    }

    /// The keeper of a credential, if it is kept here.
    pub fn get(&self, credential: &CredentialId) -> Option<Arc<Keeper>> {
        self.keepers.pin().get(credential).cloned()
    }

    /// Runs `look` on the keeper of a credential, without touching its reference count: for the hot path.
    pub fn with<T>(
        &self,
        credential: &CredentialId,
        look: impl FnOnce(&Arc<Keeper>) -> T,
    ) -> Option<T> {
        self.keepers.pin().get(credential).map(look)
    }

    /// Keeps a credential from now on. If it is kept already, it takes over the issuer and the policy and keeps its token,
    /// and so do those that depend on it. Of these, the ones that the store holds are kept again.
    pub fn manage(
        &self,
        credential: CredentialId,
        issuer: Arc<dyn Issuer>,
        policy: Arc<Policy>,
    ) -> Arc<Keeper> {
        // Held until the keeper can be found, or two who come at once would each make one.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.get(&credential).map_or(&[][..], |keeper| keeper.dependents());
        let keeper = self.keep(&mut loaded, credential, issuer, policy, false);
        for kind in before.iter().chain(keeper.dependents()) {
            let dependent = dependent_of(keeper.credential(), kind);
            if self.get(&dependent).is_some() || loaded.contains_key(&dependent) {
                self.keep_dependent(&mut loaded, &keeper, dependent);
            }
        }
        keeper
    }

    /// The keeper of a credential of this kind that depends on another one of its account. It is kept from the first time
    /// on that somebody asks for it here. None if that one is not kept, or has no such dependent.
    pub fn dependent(&self, on: &CredentialId, kind: &Kind) -> Option<Arc<Keeper>> {
        let dependent = dependent_of(on, kind);
        if let Some(keeper) = self.get(&dependent) {
            return Some(keeper);
        }
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let has = |parent: &Arc<Keeper>| parent.dependents().contains(kind) && !parent.is_retired();
        let parent = self.get(on).filter(has)?;
        self.keep_dependent(&mut loaded, &parent, dependent)
    }

    /// A credential as the issuers of those that need it see it, whether it is kept now or later.
    pub fn parent(&self, credential: &CredentialId) -> Arc<dyn Parent> {
        Arc::new(Kept::new(credential.clone(), &self.keepers))
    }

    /// Stops keeping a credential, and those that depend on it. False if it was not kept. What the store holds of them
    /// stays.
    pub fn forget(&self, credential: &CredentialId) -> bool {
        let _loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(keeper) = self.get(credential) else { return false };
        for kind in keeper.dependents() {
            self.let_go(&dependent_of(credential, kind));
        }
        self.let_go(credential);
        true
    }

    fn let_go(&self, credential: &CredentialId) {
        if let Some(keeper) = self.keepers.pin().remove(credential) {
            keeper.retire();
        }
    }

    fn keep(
        &self,
        loaded: &mut HashMap<CredentialId, Record>,
        credential: CredentialId,
        issuer: Arc<dyn Issuer>,
        policy: Arc<Policy>,
        is_dependent: bool,
    ) -> Arc<Keeper> {
        let policy = self.shared.policy(policy);
        if let Some(keeper) = self.get(&credential) {
            keeper.reconfigure(issuer, policy);
            return keeper;
        }
        let record = take(loaded, &credential);
        let seed = seed_of(&credential);
        let shared = Arc::clone(&self.shared);
        let name = credential.clone();
        let keeper = Keeper::new(name, shared, issuer, policy, seed, record, is_dependent);
        self.keepers.pin().insert(credential, Arc::clone(&keeper));
        keeper
    }

    /// Keeps a dependent as its parent now has it; no longer if the parent has it no more.
    fn keep_dependent(
        &self,
        loaded: &mut HashMap<CredentialId, Record>,
        parent: &Keeper,
        dependent: CredentialId,
    ) -> Option<Arc<Keeper>> {
        let made = parent.with(|rotation, issuer| {
            let issuer = issuer.dependent(&dependent.kind, self.parent(parent.credential()))?;
            Some((issuer, rotation.policy().of_dependent()))
        });
        match made {
            Some((issuer, policy)) => {
                Some(self.keep(loaded, dependent, issuer, Arc::new(policy), true))
            }
            None => {
                self.let_go(&dependent);
                None
            }
        }
    }

    /// Every keeper, in no particular order.
    pub fn keepers(&self) -> Vec<Arc<Keeper>> {
        self.keepers.pin().values().cloned().collect()
    }

    /// The events from now on, as they happen.
    pub fn events(&self) -> EventStream {
        self.shared.events.subscribe()
    }

    /// Grows each time that the store has taken events of this process.
    pub fn stored_events(&self) -> watch::Receiver<u64> {
        self.shared.events.stored()
    }

    /// Tells everyone of something that a surface has noticed.
    pub fn tell(&self, credential: Option<CredentialId>, what: What) {
        let (at, node) = (self.shared.clock.now().wall, self.shared.node.clone());
        self.shared.events.tell(Event { at, credential, node, what });
    }

    /// The store behind it.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    /// The clock behind it.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// The name of this process among those that share the store.
    pub fn node(&self) -> &NodeId {
        &self.shared.node
    }

    /// Tells the nodes that share the store what this one is called, where it listens and what it runs.
    pub fn introduce(&self, name: &str, address: &str, version: &str) {
        self.shared.peers.introduce(name, address, version);
    }

    /// The nodes that share the store, as they were last seen, this one among them. Empty if the store cannot tell.
    pub fn nodes(&self) -> Vec<Node> {
        self.shared.peers.nodes()
    }

    /// Why a store that nodes share could not be written to the last time that it was tried, every two seconds; none if it
    /// could.
    pub fn store_trouble(&self) -> Option<StoreErrorKind> {
        self.shared.peers.store_trouble()
    }

    /// How long it took until rotations by other nodes were in memory here.
    pub fn propagation(&self) -> Histogram {
        self.shared.measures.propagation.so_far()
    }

    /// What this process has measured of its own work.
    pub fn measured(&self) -> Measured {
        self.shared.measures.so_far()
    }

    /// Where what is done can be followed.
    pub fn spans(&self) -> &Arc<Spans> {
        &self.shared.spans
    }

    /// How long a rotation that begins now can take: what [`Registry::close`] has to wait for if none is to be lost.
    pub fn longest_rotation(&self) -> Duration {
        let policies = self.shared.policies.lock().unwrap_or_else(PoisonError::into_inner);
        policies.iter().map(|policy| policy.rotation()).max().unwrap_or_default()
    }

    /// Ends in order: serves no more tokens, starts no more rotations, waits for those under way at most until `deadline`
    /// has passed, and writes the last events.
    pub async fn close(&self, deadline: Duration) {
        self.scheduler.abort();
        self.follower.abort();
        self.meeting.abort();
        for keeper in self.keepers() {
            keeper.retire();
        }
        if tokio::time::timeout(deadline, self.shared.tasks.finish()).await.is_err() {
            tracing::warn!(
                "rotations were still under way at the end; each may cost one more fetch"
            );
        }
        self.recorder.finish(deadline).await;
        // If it cannot be told, the others find out by themselves.
        let leaving = self.shared.store.leave(&self.shared.node);
        let _ = tokio::time::timeout(STORE_DEADLINE.min(deadline), leaving).await;
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.scheduler.abort();
        self.follower.abort();
        self.meeting.abort();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("node", &self.node).finish_non_exhaustive()
    }
}

/// The credential of this kind of the same account.
fn dependent_of(on: &CredentialId, kind: &Kind) -> CredentialId {
    CredentialId::new(kind.clone(), on.account.clone())
}

/// What the store held of a credential at the start. Gives back the room that no longer needs to be there.
fn take(loaded: &mut HashMap<CredentialId, Record>, credential: &CredentialId) -> Option<Record> {
    let record = loaded.remove(credential);
    if loaded.len() < loaded.capacity() / 4 {
        loaded.shrink_to_fit();
    }
    record
}

/// The value that all who have an equal one share: there are very many keepers and a handful of these.
fn one_copy<T: Eq + Hash>(known: &Mutex<HashSet<Arc<T>>>, value: Arc<T>) -> Arc<T> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(copy) = known.get(&value) {
        return Arc::clone(copy);
    }
    known.insert(Arc::clone(&value));
    value
}

/// Jitter differs between credentials, and is the same on all nodes: whose turn it is then decides between those.
fn seed_of(credential: &CredentialId) -> u64 {
    let hash = blake3::hash(credential.to_string().as_bytes());
    let mut seed = [0; 8];
    seed.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(seed)
}

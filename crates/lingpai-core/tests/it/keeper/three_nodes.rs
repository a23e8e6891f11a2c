//! Three nodes that share a store, and what each rotation costs: counted exactly, since time is driven.

use std::collections::VecDeque;

use lingpai_core::Timestamp;
use lingpai_core::store::{Change, Peer, Presence};
use tokio::sync::Notify;

use super::*;

const CREDENTIALS: u32 = 200;

/// A store that tells its nodes of what the others store, and of each other, as a Redis does; and counts what it is asked for.
#[derive(Default)]
struct Hub {
    inner: MemoryStore,
    seats: Mutex<Vec<Arc<Seat>>>,
    met: Mutex<Vec<(Presence, Timestamp)>>,
    claims: AtomicU32,
    calls: AtomicU32,
    beats: AtomicU32,
}

impl Hub {
    fn counted(&self) -> &MemoryStore {
        self.calls.fetch_add(1, Ordering::SeqCst);
        &self.inner
    }

    /// Claims, and everything else but the nodes' signs of life.
    fn so_far(&self) -> (u32, u32) {
        (self.claims.load(Ordering::SeqCst), self.calls.load(Ordering::SeqCst))
    }
}

/// What one node is still to be told of.
#[derive(Default)]
struct Seat {
    changes: Mutex<VecDeque<Change>>,
    told: Notify,
}

/// The hub as one node has it.
struct Place {
    hub: Arc<Hub>,
    seat: Arc<Seat>,
    /// The nodes do not know of each other.
    hides: bool,
}

#[async_trait]
impl Store for Place {
    async fn load(&self) -> Result<Vec<Record>, StoreError> {
        self.hub.counted().load().await
    }

    async fn read(&self, credential: &CredentialId) -> Result<Option<Record>, StoreError> {
        self.hub.counted().read(credential).await
    }

    async fn begin(&self, claim: Claim) -> Result<Begun, StoreError> {
        self.hub.claims.fetch_add(1, Ordering::SeqCst);
        self.hub.counted().begin(claim).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let credential = commit.lease.credential.clone();
        let committed = self.hub.counted().commit(commit).await?;
        for seat in self.hub.seats.lock().unwrap().iter() {
            if !Arc::ptr_eq(seat, &self.seat) {
                let change = Change::Credential(credential.clone(), None);
                seat.changes.lock().unwrap().push_back(change);
                seat.told.notify_one();
            }
        }
        Ok(committed)
    }

    async fn abandon(&self, lease: &Lease, failure: &Failure) -> Result<(), StoreError> {
        self.hub.counted().abandon(lease, failure).await
    }

    async fn count(
        &self,
        account: &AccountId,
        day: Day,
        entry: Entry,
        times: u32,
    ) -> Result<(), StoreError> {
        self.hub.counted().count(account, day, entry, times).await
    }

    async fn ledger(&self, account: &AccountId, day: Day) -> Result<Ledger, StoreError> {
        self.hub.counted().ledger(account, day).await
    }

    async fn append(
        &self,
        series: lingpai_core::journal::Series,
        lines: &[lingpai_core::journal::Line],
    ) -> Result<(), StoreError> {
        self.hub.inner.append(series, lines).await
    }

    async fn page(
        &self,
        series: lingpai_core::journal::Series,
        account: Option<&AccountId>,
        page: lingpai_core::journal::Page,
        limit: usize,
    ) -> Result<Vec<lingpai_core::journal::Told<lingpai_core::journal::Line>>, StoreError> {
        self.hub.inner.page(series, account, page, limit).await
    }

    async fn changed(&self) -> Change {
        loop {
            let change = self.seat.changes.lock().unwrap().pop_front();
            match change {
                Some(change) => return change,
                None => self.seat.told.notified().await,
            }
        }
    }

    async fn meet(&self, own: &Presence, at: Timestamp) -> Result<Option<Vec<Peer>>, StoreError> {
        if self.hides {
            return Ok(None);
        }
        self.hub.beats.fetch_add(1, Ordering::SeqCst);
        let mut met = self.hub.met.lock().unwrap();
        met.retain(|(presence, _)| presence.node != own.node);
        met.push((own.clone(), at));
        let peer = |(presence, seen): &(Presence, Timestamp)| Peer {
            presence: presence.clone(),
            ago: at.since(*seen),
        };
        Ok(Some(met.iter().map(peer).collect()))
    }
}

/// What was asked of the store, for each credential at the start and for each rotation after that: claims, and calls in all.
#[derive(Debug, PartialEq)]
struct Cost {
    cold: (f64, f64),
    rotation: (f64, f64),
}

/// Three nodes that keep credentials from nothing, once each has one fetch behind it.
struct Three {
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    upstream: Arc<Upstream>,
    nodes: Vec<Registry>,
    /// What was asked of the store before the first of them, and after the last.
    cold: [(u32, u32); 2],
}

async fn three(hides: bool) -> Three {
    let hub = Arc::<Hub>::default();
    let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(NOON));
    let upstream = Upstream::new(CLASSIC);
    let mut nodes = Vec::new();
    for number in 0..3 {
        let seat = Arc::<Seat>::default();
        hub.seats.lock().unwrap().push(Arc::clone(&seat));
        let place = Arc::new(Place { hub: Arc::clone(&hub), seat, hides });
        let node = NodeId::new(&format!("n{number}"));
        nodes.push(Registry::open(place, Arc::clone(&clock), node).await.unwrap());
    }
    // Each learns of those that came after it.
    sleep(3 * SECOND).await;
    let before = hub.so_far();
    for number in 0..CREDENTIALS {
        let credential = CredentialId::access_token(format!("wx{number}").parse().unwrap());
        for node in &nodes {
            let issuer: Arc<dyn Issuer> = Arc::clone(&upstream) as _;
            node.manage(credential.clone(), issuer, Arc::new(Policy::default()));
        }
    }
    sleep(60 * SECOND).await;
    assert_eq!(upstream.fetches(), CREDENTIALS);
    let cold = [before, hub.so_far()];
    Three { hub, clock, upstream, nodes, cold }
}

/// Lets three nodes keep credentials through some lives. Each rotation must cost exactly one fetch.
async fn work(hides: bool) -> Cost {
    let Three { hub, upstream, nodes, cold: [before, cold], .. } = three(hides).await;
    sleep(3 * LIFE).await;
    let end = hub.so_far();
    let rotations = upstream.fetches() - CREDENTIALS;
    let records = hub.inner.load().await.unwrap();
    let generations: u64 = records.iter().map(|record| record.generation.0).sum();
    assert_eq!(u64::from(upstream.fetches()), generations, "one fetch for each rotation");
    for node in nodes {
        node.close(SECOND).await;
    }
    let share = |from: (u32, u32), until: (u32, u32), of: u32| {
        (f64::from(until.0 - from.0) / f64::from(of), f64::from(until.1 - from.1) / f64::from(of))
    };
    Cost { cold: share(before, cold, CREDENTIALS), rotation: share(cold, end, rotations) }
}

#[tokio::test(start_paused = true)]
async fn of_three_nodes_that_take_turns_no_claim_is_lost_and_a_rotation_costs_four_calls() {
    let cost = work(false).await;
    // The claim, the commit, and a look by each of the others.
    assert_eq!(cost, Cost { cold: (1.0, 4.0), rotation: (1.0, 4.0) });
}

#[tokio::test(start_paused = true)]
async fn nodes_that_do_not_know_of_each_other_claim_each_for_itself_and_still_fetch_once() {
    let cost = work(true).await;
    assert!(cost.cold.0 >= 3.0 && cost.rotation.0 >= 3.0, "{cost:?}");
    println!("without turns: {cost:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_due_on_all_nodes_at_once_is_fetched_once_although_some_of_it_waits_for_a_place() {
    let three = three(false).await;
    sleep(HOUR).await;
    let forgotten = three.clock.now().wall;
    for seat in three.hub.seats.lock().unwrap().iter() {
        seat.changes.lock().unwrap().push_back(Change::Forgotten(forgotten));
        seat.told.notify_one();
    }
    sleep(60 * SECOND).await;
    assert_eq!(three.upstream.fetches(), 2 * CREDENTIALS);
    for node in three.nodes {
        node.close(SECOND).await;
    }
}

//! Three nodes share the work on very many credentials: what each rotation costs in claims and in commands to Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use lingpai_core::journal::{Line, Page, Series, Told};
use lingpai_core::store::{Change, Entry, Ledger, Peer, Presence, Record};
use lingpai_core::{
    AccountId, Clock, CredentialId, Day, Failure, Issued, Issuer, Policy, Profile, Registry,
    Renewal, Secret, SystemClock, Timestamp, Token, Verdict, Way,
};
use tokio::time::sleep;

use super::*;

/// A real token's 7200 s in the small: a token is renewed two seconds before its end.
const LIFE: Duration = Duration::from_secs(24);

/// An upstream that mints a token for each fetch, and counts them.
#[derive(Debug, Default)]
struct Upstream(AtomicU64);

impl Upstream {
    fn fetches(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    async fn reaches(&self, fetches: u64) {
        while self.fetches() < fetches {
            sleep(Duration::from_millis(50)).await;
        }
    }
}

#[async_trait]
impl Issuer for Upstream {
    fn profile(&self) -> Profile {
        Profile {
            nominal_life: Duration::from_secs(7200),
            primary: Renewal::Minting { overlap: Duration::from_mins(5) },
            forced: None,
            fallback: None,
            daily_budget: 2000,
            given_once: false,
        }
    }

    async fn issue(&self, _way: Way, _: Option<&Secret>) -> Result<Issued, Failure> {
        sleep(Duration::from_millis(20)).await;
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Issued::new(Secret::from(format!("token {number}")), LIFE))
    }

    async fn check(&self, _token: &Token) -> Verdict {
        Verdict::Accepted
    }
}

/// How often Redis was asked: for the right to fetch, and for anything.
#[derive(Default)]
struct Asked {
    claims: AtomicU64,
    all: AtomicU64,
}

impl Asked {
    fn so_far(&self) -> (u64, u64) {
        (self.claims.load(Ordering::Relaxed), self.all.load(Ordering::Relaxed))
    }
}

/// A store that counts what is asked of it: each is one command, or a script.
struct Counting {
    inner: RedisStore,
    asked: Arc<Asked>,
    /// The nodes do not know of each other: what it would cost without turns.
    hides: bool,
}

impl Counting {
    fn counted(&self) -> &RedisStore {
        self.asked.all.fetch_add(1, Ordering::Relaxed);
        &self.inner
    }
}

#[async_trait]
impl Store for Counting {
    async fn load(&self) -> Result<Vec<Record>, StoreError> {
        self.counted().load().await
    }

    async fn read(&self, credential: &CredentialId) -> Result<Option<Record>, StoreError> {
        self.counted().read(credential).await
    }

    async fn begin(&self, claim: Claim) -> Result<Begun, StoreError> {
        self.asked.claims.fetch_add(1, Ordering::Relaxed);
        self.counted().begin(claim).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.counted().commit(commit).await
    }

    async fn abandon(&self, lease: &Lease, failure: &Failure) -> Result<(), StoreError> {
        self.counted().abandon(lease, failure).await
    }

    async fn count(
        &self,
        account: &AccountId,
        day: Day,
        entry: Entry,
        times: u32,
    ) -> Result<(), StoreError> {
        self.counted().count(account, day, entry, times).await
    }

    async fn ledger(&self, account: &AccountId, day: Day) -> Result<Ledger, StoreError> {
        self.counted().ledger(account, day).await
    }

    async fn append(&self, series: Series, lines: &[Line]) -> Result<(), StoreError> {
        self.counted().append(series, lines).await
    }
    async fn page(
        &self,
        series: Series,
        account: Option<&AccountId>,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Told<Line>>, StoreError> {
        self.counted().page(series, account, page, limit).await
    }

    async fn changed(&self) -> Change {
        self.inner.changed().await
    }

    async fn meet(&self, own: &Presence, at: Timestamp) -> Result<Option<Vec<Peer>>, StoreError> {
        if self.hides { Ok(None) } else { self.counted().meet(own, at).await }
    }

    async fn leave(&self, node: &NodeId) -> Result<(), StoreError> {
        self.counted().leave(node).await
    }
}

/// What three nodes asked of Redis, for each credential: when they began from nothing, and for each rotation after that.
#[derive(Debug)]
#[expect(dead_code, reason = "commands are printed")]
struct Cost {
    cold_claims: f64,
    cold_commands: f64,
    claims: f64,
    commands: f64,
}

/// Lets three nodes keep so many credentials for so many rotations. Each must cost exactly one fetch.
async fn work(credentials: u64, rotations: u64, hides: bool) -> Cost {
    let server = RedisServer::start_with(&["--appendonly", "no"]);
    let (asked, upstream) = (Arc::<Asked>::default(), Arc::<Upstream>::default());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let inner = open(&server).await;
        let node = inner.node().clone();
        let store = Counting { inner, asked: Arc::clone(&asked), hides };
        nodes.push(Registry::open(Arc::new(store), Arc::clone(&clock), node).await.unwrap());
    }
    // Each learns of those that came after it.
    sleep(Duration::from_secs(3)).await;
    let policy = Arc::new(Policy::default());
    let before = asked.so_far();
    for number in 0..credentials {
        let credential = CredentialId::access_token(format!("wx{number}").parse().unwrap());
        for node in &nodes {
            let issuer: Arc<dyn Issuer> = Arc::clone(&upstream) as _;
            node.manage(credential.clone(), issuer, Arc::clone(&policy));
        }
        // They do not all begin their lives at the same moment.
        sleep(Duration::from_millis(2)).await;
    }
    upstream.reaches(credentials).await;
    // What others still wanted to claim, they have claimed by then.
    sleep(Duration::from_secs(1)).await;
    assert_eq!(upstream.fetches(), credentials);
    let cold = asked.so_far();
    upstream.reaches(credentials * (rotations + 1)).await;
    let end = asked.so_far();
    let rotated = upstream.fetches() - credentials;
    for node in nodes {
        node.close(Duration::from_secs(5)).await;
    }
    let records = open(&server).await.load().await.unwrap();
    let generations: u64 = records.iter().map(|record| record.generation.0).sum();
    assert_eq!(upstream.fetches(), generations, "exactly one fetch for each rotation");
    let share = |all: u64, of: u64| all as f64 / of as f64;
    Cost {
        cold_claims: share(cold.0 - before.0, credentials),
        cold_commands: share(cold.1 - before.1, credentials),
        claims: share(end.0 - cold.0, rotated),
        commands: share(end.1 - cold.1, rotated),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_rotation_costs_one_fetch_and_fewer_claims_than_there_are_nodes_soak() {
    let soaking = std::env::var_os("LINGPAI_SOAK").is_some();
    let (credentials, rotations) = if soaking { (1000, 8) } else { (100, 1) };
    let (alone, sharing) =
        tokio::join!(work(credentials, rotations, true), work(credentials, rotations, false));
    println!(
        "{credentials} credentials, {rotations} rotations of each, three nodes\nwithout turns: {alone:.2?}\nwith turns: {sharing:.2?}"
    );
    // How many it is exactly is counted where time is driven (`keeper/three_nodes.rs` of the core). Of lives as short as these a
    // turn is a third of a second, which a busy machine may stand still for.
    assert!(sharing.claims < alone.claims && sharing.cold_claims < alone.cold_claims);
}

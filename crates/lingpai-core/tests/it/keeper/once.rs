//! What holds whatever happens to a credential whose companion upstream gives once: random histories of two nodes that share
//! a store, with lost answers, nodes that end between an answer and its commit, a store that breaks, and an owner who
//! authorises again.
//!
//! Upstream is at its worst: every answer brings another companion, and the one before is accepted for five minutes more.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const ONCE: Profile = Profile {
    primary: Renewal::Minting { overlap: OVERLAP },
    forced: None,
    given_once: true,
    ..STABLE
};

/// The same of tokens that overlap with nothing: what could be lost is the companion alone.
const REPEATING: Profile = Profile { primary: Renewal::Repeating, ..ONCE };

const MINUTE: Duration = Duration::from_secs(60);

/// What befalls the next fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Works,
    FailsTransiently,
    /// It was carried out, and the answer was lost.
    AnswerLost,
    /// It was carried out, and the node ended before it knew.
    NodeEnds,
    /// The node ends when the store has taken what came, and before it is served.
    NodeEndsAfterCommit,
    /// The store breaks while upstream answers, for so many seconds.
    StoreBreaks(u64),
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    Pass(u64),
    NextFetch(Fate),
    /// A person asks the node of this number for a rotation.
    Ask(usize),
    /// A node of this number is killed, and started again.
    Restart(usize),
    /// The owner authorises again: every companion before is void.
    Authorise(usize),
}

#[derive(Debug, Default)]
struct Line {
    /// How many pairs were given out: the companion of the latest is `R{issued}`, and the account has the first, `R0`.
    issued: u64,
    /// Until when companions before the latest are accepted.
    grace: HashMap<u64, lingpai_core::Instant>,
    fate: Option<Fate>,
    /// How many calls came with a companion that upstream no longer accepts.
    refused: u64,
}

#[derive(Debug)]
struct Platform {
    profile: Profile,
    line: Mutex<Line>,
    clock: Arc<TestClock>,
    store_breaks_until: Mutex<lingpai_core::Instant>,
}

impl Platform {
    fn pair(number: u64) -> Issued {
        Issued::new(format!("T{number}"), LIFE).with_companion(format!("R{number}"))
    }

    fn accepts(&self, companion: u64) -> bool {
        let line = self.line.lock().unwrap();
        let now = self.clock.now().instant;
        companion == line.issued || line.grace.get(&companion).is_some_and(|until| now < *until)
    }

    fn store_works(&self) -> bool {
        self.clock.now().instant >= *self.store_breaks_until.lock().unwrap()
    }

    /// The owner authorises: another pair, and none before is good.
    fn authorise(&self) -> Issued {
        let mut line = self.line.lock().unwrap();
        line.issued += 1;
        line.grace.clear();
        Self::pair(line.issued)
    }
}

fn number(of: &Secret) -> u64 {
    of.expose()[1..].parse().unwrap()
}

/// One life of a node: nothing of it goes on when it has ended.
#[derive(Debug)]
struct Life {
    platform: Arc<Platform>,
    ended: AtomicBool,
    ends_after_commit: AtomicBool,
    store: Arc<MemoryStore>,
}

impl Life {
    async fn goes_on(&self) {
        if self.ended.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    async fn store_works(&self) -> Result<(), StoreError> {
        self.goes_on().await;
        if self.platform.store_works() {
            return Ok(());
        }
        Err(StoreError::new(StoreErrorKind::Full, "the disk is full"))
    }
}

#[async_trait]
impl Issuer for Life {
    fn profile(&self) -> Profile {
        self.platform.profile
    }

    async fn issue(&self, _way: Way, companion: Option<&Secret>) -> Result<Issued, Failure> {
        sleep(SECOND / 2).await;
        self.goes_on().await;
        let (fate, pair) = {
            let mut line = self.platform.line.lock().unwrap();
            let fate = line.fate.take().unwrap_or(Fate::Works);
            if fate == Fate::FailsTransiently {
                return Err(Failure::new(Class::Transient, "system error"));
            }
            let now = self.platform.clock.now().instant;
            let known = companion.map_or(0, number);
            let latest = line.issued;
            if known != latest && line.grace.get(&known).is_none_or(|until| now >= *until) {
                line.refused += 1;
                return Err(Failure { code: Some(61023), ..Failure::new(Class::NeedsPerson, "") });
            }
            line.grace.entry(latest).or_insert(now + OVERLAP);
            line.issued += 1;
            (fate, Platform::pair(line.issued))
        };
        match fate {
            Fate::AnswerLost => {
                return Err(Failure::new(Class::Transient, "no answer").perhaps_reached());
            }
            Fate::NodeEnds => self.ended.store(true, Ordering::SeqCst),
            Fate::NodeEndsAfterCommit => self.ends_after_commit.store(true, Ordering::SeqCst),
            Fate::StoreBreaks(seconds) => {
                let until = self.platform.clock.now().instant + Duration::from_secs(seconds);
                *self.platform.store_breaks_until.lock().unwrap() = until;
            }
            Fate::Works | Fate::FailsTransiently => {}
        }
        sleep(SECOND / 2).await;
        self.goes_on().await;
        Ok(pair)
    }

    async fn check(&self, _token: &Token) -> Verdict {
        Verdict::Accepted
    }
}

#[async_trait]
impl Store for Life {
    async fn load(&self) -> Result<Vec<Record>, StoreError> {
        self.store.load().await
    }

    async fn read(&self, credential: &CredentialId) -> Result<Option<Record>, StoreError> {
        self.store_works().await?;
        self.store.read(credential).await
    }

    async fn begin(&self, claim: Claim) -> Result<Begun, StoreError> {
        self.store_works().await?;
        self.store.begin(claim).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.store_works().await?;
        let committed = self.store.commit(commit).await;
        if self.ends_after_commit.load(Ordering::SeqCst) {
            self.ended.store(true, Ordering::SeqCst);
        }
        self.goes_on().await;
        committed
    }

    async fn abandon(&self, lease: &Lease, failure: &Failure) -> Result<(), StoreError> {
        self.store_works().await?;
        self.store.abandon(lease, failure).await
    }

    async fn count(
        &self,
        account: &AccountId,
        day: Day,
        entry: Entry,
        times: u32,
    ) -> Result<(), StoreError> {
        self.store.count(account, day, entry, times).await
    }

    async fn ledger(&self, account: &AccountId, day: Day) -> Result<Ledger, StoreError> {
        self.store.ledger(account, day).await
    }

    async fn append(
        &self,
        series: lingpai_core::journal::Series,
        lines: &[lingpai_core::journal::Line],
    ) -> Result<(), StoreError> {
        self.store.append(series, lines).await
    }

    async fn page(
        &self,
        series: lingpai_core::journal::Series,
        account: Option<&AccountId>,
        page: lingpai_core::journal::Page,
        limit: usize,
    ) -> Result<Vec<lingpai_core::journal::Told<lingpai_core::journal::Line>>, StoreError> {
        self.store.page(series, account, page, limit).await
    }
}

struct Node {
    life: Arc<Life>,
    registry: Registry,
    keeper: Arc<Keeper>,
}

struct World {
    platform: Arc<Platform>,
    store: Arc<MemoryStore>,
    nodes: [Node; 2],
}

async fn node(platform: &Arc<Platform>, store: &Arc<MemoryStore>, number: usize) -> Node {
    let life = Arc::new(Life {
        platform: Arc::clone(platform),
        ended: AtomicBool::new(false),
        ends_after_commit: AtomicBool::new(false),
        store: Arc::clone(store),
    });
    let clock: Arc<dyn Clock> = Arc::clone(&platform.clock) as _;
    let name = NodeId::new(&format!("n{number}"));
    let registry = Registry::open(Arc::clone(&life) as _, clock, name).await.unwrap();
    let keeper = registry.manage(credential(), Arc::clone(&life) as _, Arc::default());
    Node { life, registry, keeper }
}

impl World {
    async fn new(profile: Profile) -> Self {
        let clock = Arc::new(TestClock::starting_at(NOON));
        let begin = clock.now().instant;
        let store_breaks_until = Mutex::new(begin);
        let platform =
            Arc::new(Platform { profile, line: Mutex::default(), clock, store_breaks_until });
        let store = Arc::new(MemoryStore::new());
        let nodes = [node(&platform, &store, 0).await, node(&platform, &store, 1).await];
        sleep(5 * SECOND).await;
        Self { platform, store, nodes }
    }

    /// Whoever is given a pair tries until it is durable.
    async fn give(&self, to: usize) {
        let pair = self.platform.authorise();
        while self.nodes[to].keeper.give(pair.clone()).await.is_err() {
            sleep(SECOND).await;
        }
        // Until the pair was there, a fetch could only come with one that the owner had just made void.
        self.platform.line.lock().unwrap().refused = 0;
    }

    async fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Pass(seconds) => {
                // Looked at now and then: what a node serves, and that a node that has ended comes back.
                for _ in 0..seconds.div_ceil(20) {
                    sleep(20 * SECOND).await;
                    self.look().await;
                }
            }
            Happening::NextFetch(fate) => self.platform.line.lock().unwrap().fate = Some(fate),
            Happening::Ask(which) => {
                let _ = timeout(20 * SECOND, self.nodes[which].keeper.rotate()).await;
            }
            Happening::Restart(which) => self.restart(which).await,
            Happening::Authorise(which) => {
                // By now what was begun before has ended.
                self.platform.line.lock().unwrap().fate = None;
                sleep(MINUTE).await;
                self.look().await;
                self.give(which).await;
            }
        }
        self.look().await;
    }

    async fn restart(&mut self, which: usize) {
        self.nodes[which].life.ended.store(true, Ordering::SeqCst);
        self.nodes[which].registry.forget(&credential());
        self.nodes[which] = node(&self.platform, &self.store, which).await;
    }

    async fn look(&mut self) {
        for which in 0..2 {
            if self.nodes[which].life.ended.load(Ordering::SeqCst) {
                self.restart(which).await;
            }
        }
        let record = self.store.read(&credential()).await.unwrap().unwrap();
        let stored = number(&record.token.unwrap().companion.unwrap());
        assert!(self.platform.accepts(stored), "the stored companion R{stored} is dead");
        for node in &self.nodes {
            if let Some(served) = node.keeper.token() {
                let served = number(&served.value);
                assert!(served <= stored, "T{served} is served, and R{stored} is stored");
            }
        }
        assert_eq!(self.platform.line.lock().unwrap().refused, 0, "a dead companion was sent");
    }

    /// Everything works again: both nodes serve the latest token, and its companion is stored.
    async fn heal(&mut self) {
        self.platform.line.lock().unwrap().fate = None;
        *self.platform.store_breaks_until.lock().unwrap() = self.platform.clock.now().instant;
        for _ in 0..30 {
            self.happens(Happening::Pass(600)).await;
        }
        // A rotation may just be under way.
        while self.store.read(&credential()).await.unwrap().unwrap().intent.is_some() {
            sleep(SECOND).await;
        }
        let latest = self.platform.line.lock().unwrap().issued;
        let record = self.store.read(&credential()).await.unwrap().unwrap();
        let token = record.token.unwrap();
        assert_eq!((number(&token.value), number(&token.companion.unwrap())), (latest, latest));
    }
}

fn happening() -> impl Strategy<Value = Happening> {
    let fate = prop_oneof![
        2 => Just(Fate::FailsTransiently),
        3 => Just(Fate::AnswerLost),
        3 => Just(Fate::NodeEnds),
        2 => Just(Fate::NodeEndsAfterCommit),
        2 => (1u64..90).prop_map(Fate::StoreBreaks),
    ];
    prop_oneof![
        4 => (20u64..9000).prop_map(Happening::Pass),
        5 => fate.prop_map(Happening::NextFetch),
        4 => (0usize..2).prop_map(Happening::Ask),
        2 => (0usize..2).prop_map(Happening::Restart),
        1 => (0usize..2).prop_map(Happening::Authorise),
    ]
}

fn histories(cases: u32) -> ProptestConfig {
    let cases = if std::env::var_os("LINGPAI_SOAK").is_some() { cases * 25 } else { cases };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(histories(150))]

    #[test]
    fn no_history_loses_a_companion_that_is_given_once_or_serves_its_token_too_soon_soak(
        history in prop::collection::vec(happening(), 1..40),
    ) {
        run(ONCE, history);
    }

    #[test]
    fn nor_where_tokens_overlap_with_nothing_soak(
        history in prop::collection::vec(happening(), 1..40),
    ) {
        run(REPEATING, history);
    }
}

fn run(profile: Profile, history: Vec<Happening>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(profile).await;
        for happening in history {
            world.happens(happening).await;
        }
        world.heal().await;
    });
}

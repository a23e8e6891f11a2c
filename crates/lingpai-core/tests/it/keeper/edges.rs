//! The corners in which keepers once stood still or ran in circles: found by a review, each kept as a test.

use super::broken_store::Fragile;
use super::*;
use lingpai_core::journal::{Line, Page, Series, Told};

/// A store that holds a classic token that was issued so long ago.
async fn holding(token: &str, age: Duration) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let at = NOON - age;
    let claim = Claim {
        credential: credential(),
        node: NodeId::new("n0"),
        known: Generation(0),
        settles: None,
        way: Some(Way::Primary),
        at,
        deadline: at + 8 * SECOND,
        lease: 10 * SECOND,
    };
    let Begun::Granted { lease, .. } = store.begin(claim).await.unwrap() else { panic!() };
    let token = Token {
        value: Secret::from(token),
        generation: Generation(1),
        issued_at: at,
        expires_at: at + LIFE,
        full_life: LIFE,
        way: Way::Primary,
        companion: None,
    };
    store.commit(Commit { lease, token, previous_until: None }).await.unwrap();
    store
}

#[tokio::test(start_paused = true)]
async fn an_expired_classic_token_is_replaced_at_once_after_a_reboot() {
    let stand = stand_on(holding("T", 3 * HOUR).await, CLASSIC, Policy::default()).await;
    assert!(timeout(5 * SECOND, stand.keeper.fresh()).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_token_near_its_end_is_renewed_in_time_after_a_reboot() {
    for profile in [STABLE, CLASSIC] {
        let stand =
            stand_on(holding("T", LIFE - 120 * SECOND).await, profile, Policy::default()).await;
        for _ in 0..300 {
            sleep(SECOND).await;
            assert!(stand.keeper.token().is_some());
        }
    }
}

/// A store whose stored token cannot be opened: it knows the generation and not the token.
#[derive(Default)]
struct Sealed(MemoryStore, AtomicBool, AtomicU32);

fn unopened(mut record: Record, sealed: bool) -> Record {
    if sealed {
        record.token = None;
    }
    record
}

#[async_trait]
impl Store for Sealed {
    async fn load(&self) -> Result<Vec<Record>, StoreError> {
        let sealed = self.1.load(Ordering::SeqCst);
        Ok(self.0.load().await?.into_iter().map(|record| unopened(record, sealed)).collect())
    }
    async fn read(&self, credential: &CredentialId) -> Result<Option<Record>, StoreError> {
        self.0.read(credential).await
    }
    async fn begin(&self, claim: Claim) -> Result<Begun, StoreError> {
        sleep(Duration::from_millis(1)).await;
        self.2.fetch_add(1, Ordering::SeqCst);
        let sealed = self.1.load(Ordering::SeqCst);
        Ok(match self.0.begin(claim).await? {
            Begun::Newer(record) => Begun::Newer(Box::new(unopened(*record, sealed))),
            begun => begun,
        })
    }
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let done = self.0.commit(commit).await;
        self.1.store(self.1.load(Ordering::SeqCst) && done.is_err(), Ordering::SeqCst);
        done
    }
    async fn abandon(&self, lease: &Lease, failure: &Failure) -> Result<(), StoreError> {
        self.0.abandon(lease, failure).await
    }
    async fn count(&self, a: &AccountId, d: Day, e: Entry, t: u32) -> Result<(), StoreError> {
        self.0.count(a, d, e, t).await
    }
    async fn ledger(&self, account: &AccountId, day: Day) -> Result<Ledger, StoreError> {
        self.0.ledger(account, day).await
    }
    async fn append(&self, series: Series, lines: &[Line]) -> Result<(), StoreError> {
        self.0.append(series, lines).await
    }
    async fn page(
        &self,
        series: Series,
        account: Option<&AccountId>,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Told<Line>>, StoreError> {
        self.0.page(series, account, page, limit).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_stored_token_that_cannot_be_opened_is_fetched_anew() {
    let store = Arc::new(Sealed::default());
    let stand = stand_on(Arc::clone(&store) as _, STABLE, Policy::default()).await;
    stand.keeper.fresh().await.unwrap();
    drop(stand);
    store.1.store(true, Ordering::SeqCst);
    let stand = stand_on(Arc::clone(&store) as _, STABLE, Policy::default()).await;
    let token = timeout(10 * SECOND, stand.keeper.fresh()).await;
    let begun = store.2.load(Ordering::SeqCst);
    assert!(token.is_ok(), "no token in 10 s, {begun} claims");
    assert!(begun < 5, "{begun} claims");
}

#[tokio::test(start_paused = true)]
async fn two_nodes_that_gave_out_the_same_generation_agree_in_the_end() {
    let store = Arc::new(MemoryStore::new());
    let fragile = Arc::new(Fragile { inner: Arc::clone(&store), ..Fragile::default() });
    let one = stand_on(Arc::clone(&fragile) as _, CLASSIC, Policy::default()).await;
    fragile.broken.store(true, Ordering::SeqCst);
    one.keeper.fresh().await.unwrap(); // Alone, from the fallback family: generation 1.
    let two =
        Registry::open(Arc::clone(&store) as _, Arc::clone(&one.clock) as _, NodeId::new("n2"))
            .await
            .unwrap();
    let other =
        two.manage(credential(), Arc::clone(&one.upstream) as _, Arc::new(Policy::default()));
    other.fresh().await.unwrap(); // Generation 1, too.
    assert_ne!(one.keeper.token().unwrap().value, other.token().unwrap().value);
    fragile.broken.store(false, Ordering::SeqCst);
    let before = fragile.claims.load(Ordering::SeqCst);
    sleep(600 * SECOND).await;
    let claims = fragile.claims.load(Ordering::SeqCst) - before;
    assert!(claims <= 3, "{claims} claims in ten minutes");
    let stored = store.read(&credential()).await.unwrap().unwrap().token.unwrap();
    assert_eq!(stored.value, one.keeper.token().unwrap().value);
}

#[tokio::test(start_paused = true)]
async fn saving_a_token_does_not_hide_it() {
    let store = Arc::new(Fragile::default());
    store.broken.store(true, Ordering::SeqCst);
    let policy = Policy { daily_budget: Some(0), ..Policy::default() };
    let stand = stand_on(Arc::clone(&store) as _, STABLE, policy).await;
    let first = stand.keeper.fresh().await.unwrap().value.clone();
    stand.upstream.refuses.store(true, Ordering::SeqCst);
    let reported = stand.keeper.report_invalid(first.expose()).await.unwrap();
    assert_eq!(reported.outcome, Outcome::Refused);
    store.broken.store(false, Ordering::SeqCst);
    sleep(20 * SECOND).await;
    assert_eq!(stand.upstream.fetches(), 1, "a rotation that the budget forbids");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_what_is_no_longer_kept() {
    let stand = stand(STABLE).await;
    let token = stand.keeper.fresh().await.unwrap().value.clone();
    sleep(HOUR).await;
    let keeper = Arc::clone(&stand.keeper);
    let reporting = tokio::spawn({
        let (keeper, token) = (Arc::clone(&keeper), token.clone());
        async move { keeper.report_invalid(token.expose()).await.map(drop) }
    });
    sleep(Duration::from_millis(10)).await;
    stand.registry.forget(&credential());
    assert!(timeout(60 * SECOND, reporting).await.unwrap().unwrap().is_err());
    assert!(timeout(60 * SECOND, keeper.report_invalid(token.expose())).await.unwrap().is_err());
    assert!(timeout(60 * SECOND, keeper.rotate()).await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_token_is_kept_fresh_in_use_after_a_change_to_idle_after() {
    let stand = stand(CLASSIC).await;
    stand.keeper.fresh().await.unwrap();
    let policy = Policy { refresh: Refresh::IdleAfter(600 * SECOND), ..Policy::default() };
    let issuer: Arc<dyn Issuer> = Arc::clone(&stand.upstream) as _;
    stand.registry.manage(credential(), issuer, Arc::new(policy));
    for _ in 0..3 * 3600 {
        sleep(SECOND).await;
        assert!(stand.keeper.token().is_some());
    }
}

#[test]
fn two_who_manage_a_credential_at_once_get_one_keeper() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    for _ in 0..300 {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(NOON));
        let store = Arc::new(MemoryStore::new());
        let registry = runtime.block_on(Registry::open(store, clock, NodeId::new("n1"))).unwrap();
        let upstream = Upstream::new(STABLE);
        let start = std::sync::Barrier::new(2);
        let manage = || {
            let _inside = runtime.enter();
            start.wait();
            registry.manage(credential(), Arc::clone(&upstream) as _, Arc::new(on_demand()))
        };
        let (one, two) = std::thread::scope(|scope| {
            let (one, two) = (scope.spawn(manage), scope.spawn(manage));
            (one.join().unwrap(), two.join().unwrap())
        });
        assert!(Arc::ptr_eq(&one, &two));
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_starts_no_more_fetches() {
    let stand = stand(STABLE).await;
    for number in 0..300 {
        let id = CredentialId::access_token(format!("wx{number}").parse().unwrap());
        stand.registry.manage(id, Arc::clone(&stand.upstream) as _, Arc::new(Policy::default()));
    }
    sleep(Duration::from_millis(500)).await;
    let begun = stand.upstream.fetches();
    stand.registry.close(10 * SECOND).await;
    assert_eq!(stand.upstream.fetches(), begun);
}

/// A store that takes 4 s to answer a claim.
#[tokio::test(start_paused = true)]
async fn a_slow_store_does_not_let_two_nodes_fetch_at_once() {
    let store = Arc::new(MemoryStore::new());
    let slow = Arc::new(Slow(Arc::clone(&store)));
    let one = stand_on(slow, CLASSIC, on_demand()).await;
    one.upstream.hangs.store(true, Ordering::SeqCst);
    let two =
        Registry::open(Arc::clone(&store) as _, Arc::clone(&one.clock) as _, NodeId::new("n2"))
            .await
            .unwrap();
    let other = two.manage(credential(), Arc::clone(&one.upstream) as _, Arc::new(on_demand()));
    let keeper = Arc::clone(&one.keeper);
    let first = tokio::spawn(async move { keeper.fresh().await.map(drop) });
    sleep(SECOND).await;
    let second = tokio::spawn(async move { other.fresh().await.map(drop) });
    // Begun at 4 s, given up at 12 s.
    sleep(Duration::from_millis(10_900)).await;
    assert_eq!(one.upstream.fetches(), 1);
    first.await.unwrap().unwrap_err();
    second.abort();
}

struct Slow(Arc<MemoryStore>);

#[async_trait]
impl Store for Slow {
    async fn load(&self) -> Result<Vec<Record>, StoreError> {
        self.0.load().await
    }
    async fn read(&self, credential: &CredentialId) -> Result<Option<Record>, StoreError> {
        self.0.read(credential).await
    }
    async fn begin(&self, claim: Claim) -> Result<Begun, StoreError> {
        let begun = self.0.begin(claim).await;
        sleep(4 * SECOND).await;
        begun
    }
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.0.commit(commit).await
    }
    async fn abandon(&self, lease: &Lease, failure: &Failure) -> Result<(), StoreError> {
        self.0.abandon(lease, failure).await
    }
    async fn count(&self, a: &AccountId, d: Day, e: Entry, t: u32) -> Result<(), StoreError> {
        self.0.count(a, d, e, t).await
    }
    async fn ledger(&self, account: &AccountId, day: Day) -> Result<Ledger, StoreError> {
        self.0.ledger(account, day).await
    }
    async fn append(&self, series: Series, lines: &[Line]) -> Result<(), StoreError> {
        self.0.append(series, lines).await
    }
    async fn page(
        &self,
        series: Series,
        account: Option<&AccountId>,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Told<Line>>, StoreError> {
        self.0.page(series, account, page, limit).await
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_store_and_a_fallback_whoever_waits_is_told_why() {
    let store = Arc::new(Fragile::default());
    store.broken.store(true, Ordering::SeqCst);
    let policy = Policy { fallback: false, ..Policy::default() };
    let stand = stand_on(Arc::clone(&store) as _, CLASSIC, policy).await;
    let error = timeout(60 * SECOND, stand.keeper.fresh()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("disk"), "{error}");
    store.broken.store(false, Ordering::SeqCst);
    sleep(5 * SECOND).await;
    assert!(stand.keeper.token().is_some());
}

#[test]
fn a_runtime_that_ends_in_the_middle_of_a_flight_ends() {
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let stand = runtime.block_on(async {
            let profile = Profile { primary: lingpai_core::Renewal::Surviving, ..STABLE };
            let stand = stand(profile).await;
            let token = stand.keeper.fresh().await.unwrap().value.clone();
            sleep(2 * SECOND).await;
            stand.upstream.hangs.store(true, Ordering::SeqCst);
            let keeper = Arc::clone(&stand.keeper);
            tokio::spawn(async move { keeper.rotate().await.map(drop) });
            sleep(SECOND).await;
            let keeper = Arc::clone(&stand.keeper);
            tokio::spawn(async move { keeper.report_invalid(token.expose()).await.map(drop) });
            sleep(SECOND).await;
            stand
        });
        drop(runtime);
        drop(stand);
        done.send(()).unwrap();
    });
    assert!(ended.recv_timeout(20 * SECOND).is_ok(), "the runtime does not end");
}

#[derive(Debug, Default)]
struct Mayfly(AtomicU32);

#[async_trait]
impl Issuer for Mayfly {
    fn profile(&self) -> Profile {
        STABLE
    }
    async fn issue(&self, _way: Way, _: Option<&Secret>) -> Result<Issued, Failure> {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_millis(5)).await;
        Ok(Issued::new(Secret::from(format!("T{number}")), Duration::from_millis(1)))
    }
    async fn check(&self, _token: &Token) -> Verdict {
        Verdict::Accepted
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_whose_tokens_do_not_live_is_not_stormed() {
    let stand = stand_on(Arc::new(MemoryStore::new()), STABLE, on_demand()).await;
    let issuer = Arc::new(Mayfly::default());
    let other = CredentialId::access_token("wx2".parse().unwrap());
    stand.registry.manage(other, Arc::clone(&issuer) as _, Arc::new(Policy::default()));
    sleep(60 * SECOND).await;
    let fetches = issuer.0.load(Ordering::SeqCst);
    assert!(fetches <= 20, "{fetches} fetches in a minute");
}

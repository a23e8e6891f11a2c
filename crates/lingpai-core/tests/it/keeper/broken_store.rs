//! What a store that fails costs: neither the token nor, in the end, its record.

use lingpai_core::event::What;
use lingpai_core::journal::{Line, Page, Series, Told};
use lingpai_core::store::Change;
use tokio::sync::Notify;

use super::*;

/// A store that works or does not, counts the claims that it is asked for, and tells of changes as the test wants.
#[derive(Default)]
pub(super) struct Fragile {
    pub(super) inner: Arc<MemoryStore>,
    pub(super) broken: AtomicBool,
    /// The process stands still while the next claim is under way.
    pub(super) stalls: AtomicBool,
    pub(super) claims: AtomicU32,
    pub(super) changes: Mutex<Vec<Change>>,
    pub(super) told: Notify,
}

impl Fragile {
    pub(super) fn tell(&self, change: Change) {
        self.changes.lock().unwrap().push(change);
        self.told.notify_one();
    }

    fn works(&self) -> Result<(), StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            Err(StoreError::new(StoreErrorKind::Full, "the disk is full"))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Store for Fragile {
    async fn load(&self) -> Result<Vec<Record>, StoreError> {
        self.inner.load().await
    }

    async fn read(&self, credential: &CredentialId) -> Result<Option<Record>, StoreError> {
        self.works()?;
        self.inner.read(credential).await
    }

    async fn begin(&self, claim: Claim) -> Result<Begun, StoreError> {
        self.claims.fetch_add(1, Ordering::SeqCst);
        self.works()?;
        let begun = self.inner.begin(claim).await;
        if self.stalls.swap(false, Ordering::SeqCst) {
            tokio::time::advance(20 * SECOND).await;
        }
        begun
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.works()?;
        self.inner.commit(commit).await
    }

    async fn abandon(&self, lease: &Lease, failure: &Failure) -> Result<(), StoreError> {
        self.works()?;
        self.inner.abandon(lease, failure).await
    }

    async fn count(
        &self,
        account: &AccountId,
        day: Day,
        entry: Entry,
        times: u32,
    ) -> Result<(), StoreError> {
        self.works()?;
        self.inner.count(account, day, entry, times).await
    }

    async fn ledger(&self, account: &AccountId, day: Day) -> Result<Ledger, StoreError> {
        self.inner.ledger(account, day).await
    }

    async fn append(&self, series: Series, lines: &[Line]) -> Result<(), StoreError> {
        self.works()?;
        self.inner.append(series, lines).await
    }
    async fn page(
        &self,
        series: Series,
        account: Option<&AccountId>,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Told<Line>>, StoreError> {
        self.inner.page(series, account, page, limit).await
    }

    async fn changed(&self) -> Change {
        loop {
            let change = self.changes.lock().unwrap().pop();
            match change {
                Some(change) => return change,
                None => self.told.notified().await,
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_during_the_fetch_costs_neither_the_token_nor_its_record() {
    let store = Arc::new(Fragile::default());
    let stand = stand_on(Arc::clone(&store) as _, STABLE, Policy::default()).await;
    sleep(Duration::from_millis(500)).await; // The fetch is under way, its intent is stored.
    store.broken.store(true, Ordering::SeqCst);
    assert_eq!(stand.keeper.fresh().await.unwrap().value.expose(), "T1");
    sleep(60 * SECOND).await;
    store.broken.store(false, Ordering::SeqCst);
    sleep(10 * SECOND).await;
    let record = store.read(&credential()).await.unwrap().unwrap();
    assert_eq!(record.token.unwrap().value.expose(), "T1");
    assert_eq!(record.intent, None);
    assert_eq!(stand.upstream.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stable_account_outlives_a_store_that_is_gone_for_a_day() {
    let store = Arc::new(Fragile::default());
    let stand = stand_on(Arc::clone(&store) as _, STABLE, Policy::default()).await;
    stand.keeper.fresh().await.unwrap();
    store.broken.store(true, Ordering::SeqCst);
    for _ in 0..24 * 60 {
        sleep(60 * SECOND).await;
        assert!(stand.keeper.token().is_some());
    }
    assert!(stand.upstream.fetches() <= 14, "{} fetches", stand.upstream.fetches());
    store.broken.store(false, Ordering::SeqCst);
    sleep(10 * SECOND).await;
    let stored = store.read(&credential()).await.unwrap().unwrap().token.unwrap();
    assert_eq!(stored, *stand.keeper.token().unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_happened_while_the_store_was_down_is_stored_in_its_order_afterwards() {
    let store = Arc::new(Fragile::default());
    let stand = stand_on(Arc::clone(&store) as _, STABLE, Policy::default()).await;
    stand.keeper.fresh().await.unwrap();
    sleep(SECOND).await;
    store.broken.store(true, Ordering::SeqCst);
    let causes: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    for cause in &causes {
        stand.registry.tell(None, What::FellBack { cause: cause.clone() });
    }
    sleep(60 * 60 * SECOND).await;
    store.broken.store(false, Ordering::SeqCst);
    sleep(30 * SECOND).await;
    let stored = store.events(None, usize::MAX).await.unwrap();
    let told = stored.into_iter().rev().filter_map(|event| match event.what {
        What::FellBack { cause } => Some(cause),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), causes);
}

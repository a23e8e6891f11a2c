//! What other nodes store is taken over as soon as the store tells of it.

use lingpai_core::Directory;
use lingpai_core::store::Change;

use super::broken_store::Fragile;
use super::*;

/// Another node rotates to a token of this generation, and this one is not told.
async fn another_rotates(store: &Fragile, clock: &TestClock, generation: u64) {
    let at = clock.now().wall;
    let claim = Claim {
        credential: credential(),
        node: NodeId::new("n2"),
        known: Generation(generation - 1),
        settles: None,
        way: Way::Primary,
        at,
        deadline: at + 8 * SECOND,
        lease: 10 * SECOND,
    };
    let Begun::Granted { lease, .. } = store.inner.begin(claim).await.unwrap() else {
        panic!("not granted")
    };
    let token = Token {
        value: Secret::from(format!("other-{generation}")),
        generation: Generation(generation),
        issued_at: at,
        expires_at: at + LIFE,
        full_life: LIFE,
        way: Way::Primary,
    };
    let commit = Commit { lease, token, previous_until: None };
    assert_eq!(store.inner.commit(commit).await.unwrap(), Committed::Stored);
}

/// A node that has fetched the first token.
async fn node() -> (Arc<Fragile>, Stand) {
    let store = Arc::new(Fragile::default());
    let stand = stand_on(Arc::clone(&store) as _, STABLE, Policy::default()).await;
    stand.keeper.fresh().await.unwrap();
    (store, stand)
}

#[tokio::test(start_paused = true)]
async fn a_rotation_by_another_node_is_served_as_soon_as_the_store_tells_of_it() {
    let (store, stand) = node().await;
    another_rotates(&store, &stand.clock, 2).await;
    assert_eq!(stand.keeper.token().unwrap().value.expose(), "T1");
    store.tell(Change::Credential(credential()));
    let token = stand.keeper.later_than(Generation(1)).await;
    assert_eq!(token.value.expose(), "other-2");
    assert_eq!(stand.upstream.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_changes_may_have_been_lost_every_keeper_is_compared_with_the_store() {
    let (store, stand) = node().await;
    another_rotates(&store, &stand.clock, 2).await;
    store.tell(Change::Anything);
    let token = stand.keeper.later_than(Generation(1)).await;
    assert_eq!(token.value.expose(), "other-2");
}

#[tokio::test(start_paused = true)]
async fn a_comparison_that_the_store_breaks_off_is_made_when_it_tells_again() {
    let (store, stand) = node().await;
    another_rotates(&store, &stand.clock, 2).await;
    store.broken.store(true, Ordering::SeqCst);
    store.tell(Change::Anything);
    sleep(SECOND).await;
    assert_eq!(stand.keeper.token().unwrap().value.expose(), "T1");
    store.broken.store(false, Ordering::SeqCst);
    store.tell(Change::Anything);
    assert_eq!(stand.keeper.later_than(Generation(1)).await.value.expose(), "other-2");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_has_less_than_the_node_takes_nothing_away_from_it() {
    let (store, stand) = node().await;
    another_rotates(&store, &stand.clock, 2).await;
    store.tell(Change::Anything);
    stand.keeper.later_than(Generation(1)).await;
    store.inner.remove_account(&credential().account).await.unwrap();
    another_rotates(&store, &stand.clock, 1).await;
    for change in [Change::Credential(credential()), Change::Anything] {
        store.tell(change);
        sleep(SECOND).await;
        assert_eq!(stand.keeper.token().unwrap().value.expose(), "other-2");
    }
}

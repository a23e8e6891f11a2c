//! What other nodes store is taken over as soon as the store tells of it.

use lingpai_core::store::Change;
use lingpai_core::{Directory, Fence, Timestamp};

use super::broken_store::Fragile;
use super::*;

/// Another node rotates to a token of this generation, and this one is not told.
async fn another_rotates(store: &Fragile, clock: &TestClock, generation: u64) {
    another_rotates_at(store, clock.now().wall, generation).await;
}

async fn another_rotates_at(store: &Fragile, at: Timestamp, generation: u64) {
    another_fetches(store, at, generation, None).await;
}

/// The same after a fetch without outcome.
async fn another_settles(store: &Fragile, at: Timestamp, settles: Option<Fence>) {
    another_fetches(store, at, 2, settles).await;
}

async fn another_fetches(store: &Fragile, at: Timestamp, generation: u64, settles: Option<Fence>) {
    let claim = Claim {
        credential: credential(),
        node: NodeId::new("n2"),
        known: Generation(generation - 1),
        settles,
        way: Some(Way::Primary),
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
        companion: None,
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
    store.tell(Change::Credential(credential(), None));
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

/// A node that knows generation 2, on a store that has lost everything.
async fn node_of_a_store_that_forgot() -> (Arc<Fragile>, Stand) {
    let (store, stand) = node().await;
    another_rotates(&store, &stand.clock, 2).await;
    store.tell(Change::Anything);
    stand.keeper.later_than(Generation(1)).await;
    store.inner.remove_account(&credential().account).await.unwrap();
    (store, stand)
}

async fn stored(store: &Fragile) -> (Generation, String) {
    let record = store.inner.read(&credential()).await.unwrap().unwrap();
    (record.generation, record.token.unwrap().value.expose().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_store_that_has_lost_a_token_is_given_it_again() {
    let (store, stand) = node_of_a_store_that_forgot().await;
    store.tell(Change::Anything);
    sleep(SECOND).await;
    assert_eq!(stored(&store).await, (Generation(2), "other-2".to_owned()));
    assert_eq!(stand.keeper.token().unwrap().value.expose(), "other-2");
    assert_eq!(stand.upstream.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ends_later_is_later_although_its_generation_counts_from_anew() {
    let (store, stand) = node_of_a_store_that_forgot().await;
    sleep(SECOND).await;
    another_rotates(&store, &stand.clock, 1).await;
    store.tell(Change::Credential(credential(), None));
    let token = stand.keeper.later_than(Generation(2)).await;
    assert_eq!((token.generation, token.value.expose()), (Generation(3), "other-1"));
    sleep(SECOND).await;
    assert_eq!(stored(&store).await, (Generation(3), "other-1".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ends_no_later_takes_nothing_away_from_what_is_known() {
    let (store, stand) = node().await;
    let before = stand.clock.now();
    sleep(10 * SECOND).await;
    another_rotates(&store, &stand.clock, 2).await;
    store.tell(Change::Anything);
    stand.keeper.later_than(Generation(1)).await;
    store.inner.remove_account(&credential().account).await.unwrap();
    another_rotates_at(&store, before.wall, 1).await;
    store.tell(Change::Anything);
    sleep(SECOND).await;
    assert_eq!(stand.keeper.token().unwrap().value.expose(), "other-2");
    assert_eq!(stored(&store).await, (Generation(2), "other-2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_right_that_was_granted_while_the_process_stood_still_is_not_used_but_taken_anew() {
    let store = Arc::new(Fragile::default());
    store.stalls.store(true, Ordering::SeqCst);
    let stand = stand_on(Arc::clone(&store) as _, CLASSIC, Policy::default()).await;
    assert_eq!(stand.keeper.fresh().await.unwrap().value.expose(), "T1");
    assert_eq!((store.claims.load(Ordering::SeqCst), stand.upstream.fetches()), (2, 1));
}

/// A node whose process stands still in the middle of its second fetch, until another node has fetched and stored generation
/// 2; then that fetch ends so.
async fn overtaken(outcome: Result<&'static str, Failure>) -> Stand {
    let store = Arc::new(Fragile::default());
    let policy = Policy { fallback: false, ..Policy::default() };
    let stand = stand_on(Arc::clone(&store) as _, CLASSIC, policy).await;
    stand.keeper.fresh().await.unwrap();
    sleep(HOUR).await;
    let (other, clock) = (Arc::clone(&store), Arc::clone(&stand.clock));
    *stand.upstream.meanwhile.0.lock().unwrap() = Some(Box::pin(async move {
        tokio::time::advance(20 * SECOND).await;
        let record = other.inner.read(&credential()).await.unwrap().unwrap();
        another_settles(&other, clock.now().wall, record.intent.map(|intent| intent.fence)).await;
    }));
    stand.upstream.answers(outcome);
    let _ = stand.keeper.rotate().await;
    sleep(10 * SECOND).await;
    stand
}

#[tokio::test(start_paused = true)]
async fn of_two_that_believe_to_hold_the_lease_one_commits_and_one_more_fetch_follows() {
    let stand = overtaken(Ok("too late")).await;
    let token = stand.keeper.token().unwrap();
    assert_eq!((token.generation, token.value.expose()), (Generation(3), "T3"));
    assert_eq!(stand.upstream.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_may_have_been_sent_after_its_lease_had_ended_is_settled_by_one_more() {
    let lost = Failure::new(Class::Transient, "no answer").perhaps_reached();
    let stand = overtaken(Err(lost)).await;
    assert_eq!(stand.keeper.token().unwrap().value.expose(), "T3");
    assert_eq!(stand.upstream.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_number_that_a_forgetful_store_gives_out_again_hides_no_later_token() {
    let (store, stand) = node().await;
    sleep(10 * SECOND).await;
    store.inner.remove_account(&credential().account).await.unwrap();
    another_rotates(&store, &stand.clock, 1).await;
    store.tell(Change::Credential(credential(), None));
    let token = stand.keeper.later_than(Generation(1)).await;
    assert_eq!((token.generation, token.value.expose()), (Generation(2), "other-1"));
    sleep(SECOND).await;
    assert_eq!(stored(&store).await, (Generation(2), "other-1".to_owned()));
    assert_eq!(stand.upstream.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_number_that_a_forgetful_store_gives_out_again_takes_nothing_from_a_later_token() {
    let (store, stand) = node().await;
    let before = stand.clock.now().wall - 10 * SECOND;
    store.inner.remove_account(&credential().account).await.unwrap();
    another_rotates_at(&store, before, 1).await;
    store.tell(Change::Credential(credential(), None));
    sleep(SECOND).await;
    assert_eq!(stand.keeper.token().unwrap().value.expose(), "T1");
    assert_eq!(stored(&store).await, (Generation(2), "T1".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn where_the_expiry_does_not_decide_between_two_classic_tokens_one_more_fetch_does() {
    let store = Arc::new(Fragile::default());
    let stand = stand_on(Arc::clone(&store) as _, CLASSIC, Policy::default()).await;
    stand.keeper.fresh().await.unwrap();
    store.inner.remove_account(&credential().account).await.unwrap();
    another_rotates(&store, &stand.clock, 1).await;
    store.tell(Change::Credential(credential(), None));
    sleep(10 * SECOND).await;
    assert_eq!(stand.upstream.fetches(), 2);
    assert_eq!(stand.keeper.token().unwrap().value.expose(), "T2");
    assert_eq!(stored(&store).await.1, "T2");
}

/// A node that has fetched one token some seconds ago.
async fn node_of(profile: Profile) -> (Arc<Fragile>, Stand) {
    let store = Arc::new(Fragile::default());
    let stand = stand_on(Arc::clone(&store) as _, profile, Policy::default()).await;
    stand.keeper.fresh().await.unwrap();
    sleep(10 * SECOND).await;
    (store, stand)
}

#[tokio::test(start_paused = true)]
async fn after_the_store_forgot_a_classic_token_from_before_is_fetched_once_more() {
    let (store, stand) = node_of(CLASSIC).await;
    sleep(300 * SECOND).await;
    let at = stand.clock.now().wall;
    store.tell(Change::Forgotten(at));
    // A fetch of another node, of which the store has lost the trace, may still be under way.
    sleep(Policy::default().attempt() - SECOND).await;
    assert_eq!(stand.upstream.fetches(), 1);
    assert_eq!(stand.keeper.later_than(Generation(1)).await.generation, Generation(2));
    assert_eq!(stand.upstream.fetches(), 2);
    // Told again, it is no news: the token is from after that.
    store.tell(Change::Forgotten(at));
    store.tell(Change::Anything);
    sleep(60 * SECOND).await;
    assert_eq!(stand.upstream.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn after_the_store_forgot_a_token_that_another_node_has_fetched_since_is_good() {
    let (store, stand) = node_of(CLASSIC).await;
    let at = stand.clock.now().wall;
    sleep(SECOND).await;
    another_rotates(&store, &stand.clock, 2).await;
    store.tell(Change::Forgotten(at));
    sleep(60 * SECOND).await;
    assert_eq!(stand.keeper.token().unwrap().value.expose(), "other-2");
    assert_eq!(stand.upstream.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_the_store_forgot_a_stable_token_costs_no_fetch() {
    let (store, stand) = node_of(STABLE).await;
    store.tell(Change::Forgotten(stand.clock.now().wall));
    sleep(60 * SECOND).await;
    assert_eq!(stand.upstream.fetches(), 1);
}

/// A node with classic tokens, and another one that began a repair of its own and died over it.
async fn node_beside_a_lost_repair() -> (Arc<Fragile>, Stand) {
    let store = Arc::new(Fragile::default());
    let stand = stand_on(Arc::clone(&store) as _, CLASSIC, Policy::default()).await;
    stand.keeper.fresh().await.unwrap();
    let at = stand.clock.now().wall;
    let claim = Claim {
        credential: credential(),
        node: NodeId::new("n2"),
        known: Generation(1),
        settles: None,
        way: Some(Way::Primary),
        at,
        deadline: at + 8 * SECOND,
        lease: 10 * SECOND,
    };
    assert!(matches!(store.inner.begin(claim).await.unwrap(), Begun::Granted { .. }));
    (store, stand)
}

#[tokio::test(start_paused = true)]
async fn a_repair_that_another_node_died_over_is_taken_over_by_whoever_compares() {
    let (store, stand) = node_beside_a_lost_repair().await;
    sleep(60 * SECOND).await;
    store.tell(Change::Anything);
    let token = stand.keeper.later_than(Generation(1)).await;
    assert_eq!(token.value.expose(), "T2");
    assert_eq!(stand.upstream.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn and_left_alone_as_long_as_it_may_be_under_way() {
    let (store, stand) = node_beside_a_lost_repair().await;
    sleep(9 * SECOND).await;
    store.tell(Change::Anything);
    sleep(60 * SECOND).await;
    assert_eq!(stand.keeper.token().unwrap().value.expose(), "T1");
    assert_eq!(stand.upstream.fetches(), 1);
}

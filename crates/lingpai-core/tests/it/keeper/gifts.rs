//! What was not fetched but given, and the companions of tokens: durable first, and never one node's alone.

use lingpai_core::event::What;
use lingpai_core::keeper::GiveError;
use lingpai_core::rotation::Reason;

use super::broken_store::Fragile;
use super::*;

/// Tokens with a companion that upstream gives once.
const ONCE: Profile = Profile {
    primary: Renewal::Minting { overlap: OVERLAP },
    forced: None,
    given_once: true,
    ..STABLE
};

const PUSHED: Profile = Profile {
    primary: Renewal::Pushed { overdue: Duration::from_secs(25 * 60) },
    forced: None,
    ..STABLE
};

fn gift(value: &str) -> Issued {
    Issued::new(value, LIFE)
}

fn pair(value: &str, companion: &str) -> Issued {
    gift(value).with_companion(companion)
}

async fn stored(store: &dyn Store) -> (u64, String, Option<String>) {
    let record = store.read(&credential()).await.unwrap().unwrap();
    let token = record.token.unwrap();
    let companion = token.companion.map(|companion| companion.expose().to_owned());
    (record.generation.0, token.value.expose().to_owned(), companion)
}

fn companions(stand: &Stand) -> Vec<Option<String>> {
    stand.upstream.companions.lock().unwrap().clone()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test(start_paused = true)]
async fn what_was_given_is_stored_when_it_returns_and_served() {
    let stand = stand_on(Arc::new(MemoryStore::new()), STABLE, on_demand()).await;
    let mut events = stand.registry.events();
    stand.keeper.give(pair("G", "R")).await.unwrap();
    assert_eq!(stored(&**stand.registry.store()).await, (1, "G".to_owned(), some("R")));
    assert_eq!(stand.keeper.token().unwrap().value.expose(), "G");
    let event = events.recv().await.unwrap();
    assert!(matches!(event.what, What::Rotated { reason: Reason::Given, .. }), "{event:?}");
    let ledger = stand.registry.store().ledger(&credential().account, Day::of(NOON)).await.unwrap();
    assert_eq!(ledger, Ledger::default(), "nothing is counted");
    assert_eq!(stand.upstream.fetches(), 0);
}

#[tokio::test(start_paused = true)]
async fn each_fetch_has_the_companion_of_the_newest_token() {
    let stand = stand_on(Arc::new(MemoryStore::new()), ONCE, Policy::default()).await;
    stand.keeper.fresh().await.unwrap();
    stand.keeper.give(pair("G", "R")).await.unwrap();
    // Upstream gives no companion: the one before stays.
    sleep(LIFE).await;
    stand.upstream.pairs.store(true, Ordering::SeqCst);
    sleep(2 * LIFE).await;
    assert_eq!(companions(&stand), [None, some("R"), some("R"), some("R3")]);
    let (_, _, companion) = stored(&**stand.registry.store()).await;
    assert_eq!(companion, some("R4"));
}

#[tokio::test(start_paused = true)]
async fn a_companion_survives_a_restart() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let before = stand_on(Arc::clone(&store), ONCE, on_demand()).await;
    before.keeper.give(pair("G", "R")).await.unwrap();
    before.registry.close(SECOND).await;
    let after = stand_on(store, ONCE, on_demand()).await;
    assert_eq!(after.keeper.token().unwrap().value.expose(), "G");
    sleep(HOUR).await;
    after.keeper.rotate().await.unwrap();
    assert_eq!(companions(&after), [some("R")]);
}

#[tokio::test(start_paused = true)]
async fn a_new_companion_of_the_same_token_is_a_new_generation() {
    let stand = stand_on(Arc::new(MemoryStore::new()), ONCE, on_demand()).await;
    stand.keeper.give(pair("G", "R")).await.unwrap();
    stand.keeper.give(pair("G", "R")).await.unwrap();
    stand.keeper.give(gift("G")).await.unwrap();
    assert_eq!(stored(&**stand.registry.store()).await, (1, "G".to_owned(), some("R")));
    stand.keeper.give(pair("G", "S")).await.unwrap();
    assert_eq!(stored(&**stand.registry.store()).await, (2, "G".to_owned(), some("S")));
    // A fetch that repeats the token and brings another companion, too.
    stand.upstream.pairs.store(true, Ordering::SeqCst);
    stand.upstream.answers(Ok("G"));
    sleep(HOUR).await;
    stand.keeper.rotate().await.unwrap();
    assert_eq!(stored(&**stand.registry.store()).await, (3, "G".to_owned(), some("R1")));
}

#[tokio::test(start_paused = true)]
async fn what_is_given_during_a_fetch_takes_the_place_of_what_that_brings() {
    let stand = stand(STABLE).await;
    sleep(SECOND / 2).await;
    stand.keeper.give(gift("G")).await.unwrap();
    assert_eq!(stand.upstream.fetches(), 1);
    assert_eq!(stand.keeper.token().unwrap().value.expose(), "G");
    assert_eq!(stored(&**stand.registry.store()).await.0, 2);
}

#[tokio::test(start_paused = true)]
async fn many_who_give_at_once_all_return_and_the_last_has_it() {
    let stand = stand_on(Arc::new(MemoryStore::new()), STABLE, on_demand()).await;
    let gifts: Vec<_> = (0..50)
        .map(|number| {
            let keeper = Arc::clone(&stand.keeper);
            tokio::spawn(async move { keeper.give(gift(&format!("G{number}"))).await })
        })
        .collect();
    for gift in gifts {
        gift.await.unwrap().unwrap();
    }
    assert_eq!(stored(&**stand.registry.store()).await, (50, "G49".to_owned(), None));
}

#[tokio::test(start_paused = true)]
async fn a_giver_who_goes_away_has_given_all_the_same() {
    let stand = stand_on(Arc::new(MemoryStore::new()), STABLE, on_demand()).await;
    drop(tokio::spawn({
        let keeper = Arc::clone(&stand.keeper);
        async move { timeout(Duration::ZERO, keeper.give(gift("G"))).await }
    }));
    assert_eq!(stand.keeper.later_than(Generation(0)).await.value.expose(), "G");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_take_it_says_so_and_nothing_changes() {
    let store = Arc::new(Fragile::default());
    let stand = stand_on(Arc::clone(&store) as _, STABLE, on_demand()).await;
    stand.keeper.give(gift("F")).await.unwrap();
    store.broken.store(true, Ordering::SeqCst);
    let refused = stand.keeper.give(gift("G")).await.unwrap_err();
    assert!(matches!(refused, GiveError::Store { kind: StoreErrorKind::Full, .. }), "{refused}");
    assert_eq!(stand.keeper.token().unwrap().value.expose(), "F");
    store.broken.store(false, Ordering::SeqCst);
    stand.keeper.give(gift("G")).await.unwrap();
    assert_eq!(stand.keeper.token().unwrap().value.expose(), "G");
}

#[tokio::test(start_paused = true)]
async fn what_is_given_follows_what_other_nodes_have_stored() {
    let store = Arc::new(Fragile::default());
    let one = stand_on(Arc::clone(&store) as _, STABLE, on_demand()).await;
    let two = stand_on(Arc::clone(&store) as _, STABLE, on_demand()).await;
    one.keeper.give(pair("F", "R")).await.unwrap();
    two.keeper.give(gift("G")).await.unwrap();
    assert_eq!(stored(&*store).await, (2, "G".to_owned(), some("R")));
    one.keeper.give(gift("H")).await.unwrap();
    assert_eq!(stored(&*store).await, (3, "H".to_owned(), some("R")));
}

#[tokio::test(start_paused = true)]
async fn a_keeper_that_is_let_go_takes_nothing() {
    let stand = stand(STABLE).await;
    let giving = tokio::spawn({
        let keeper = Arc::clone(&stand.keeper);
        async move { keeper.give(gift("G")).await }
    });
    sleep(SECOND / 2).await;
    stand.registry.forget(&credential());
    assert!(matches!(giving.await.unwrap(), Err(GiveError::NotKept)));
    assert!(matches!(stand.keeper.give(gift("G")).await, Err(GiveError::NotKept)));
}

#[tokio::test(start_paused = true)]
async fn what_is_good_for_nothing_is_not_taken() {
    let stand = stand_on(Arc::new(MemoryStore::new()), STABLE, on_demand()).await;
    for useless in [Issued::new("G", Duration::ZERO), Issued::new("", LIFE)] {
        assert!(matches!(stand.keeper.give(useless).await, Err(GiveError::Unusable(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_whose_companion_is_given_once_is_not_served_before_it_is_stored() {
    let store = Arc::new(Fragile::default());
    let stand = stand_on(Arc::clone(&store) as _, ONCE, Policy::default()).await;
    stand.upstream.pairs.store(true, Ordering::SeqCst);
    sleep(SECOND / 2).await; // The fetch is under way.
    store.broken.store(true, Ordering::SeqCst);
    sleep(HOUR).await;
    assert!(stand.keeper.token().is_none());
    assert_eq!(stand.upstream.fetches(), 1, "what it brought is not given up");
    store.broken.store(false, Ordering::SeqCst);
    sleep(3 * SECOND).await;
    assert_eq!(stored(&*store).await, (1, "T1".to_owned(), some("R1")));
}

#[tokio::test(start_paused = true)]
async fn whoever_wants_a_pushed_value_that_has_not_come_is_not_kept_waiting() {
    let stand = stand(PUSHED).await;
    let before = stand.clock.now();
    let told = stand.keeper.fresh().await.unwrap_err();
    assert_eq!(stand.clock.now().instant, before.instant);
    assert!(told.failure.message.contains("has not come yet"), "{told}");
    stand.keeper.give(gift("G")).await.unwrap();
    assert_eq!(stand.keeper.fresh().await.unwrap().value.expose(), "G");
}

#[tokio::test(start_paused = true)]
async fn upstream_is_asked_for_a_push_that_is_overdue_and_the_gap_is_told_once() {
    let stand = stand(PUSHED).await;
    let mut events = stand.registry.events();
    stand.keeper.give(gift("G")).await.unwrap();
    for _ in 0..2 {
        let asked = Failure::new(Class::Awaited(10 * 60 * SECOND), "asked to push");
        stand.upstream.answers(Err(asked));
    }
    sleep(40 * 60 * SECOND).await;
    assert_eq!(stand.upstream.fetches(), 2);
    stand.keeper.give(gift("H")).await.unwrap();
    let mut told = Vec::new();
    while told.last().is_none_or(|name| name != "rotated") || told.len() < 3 {
        told.push(events.recv().await.unwrap().what.name().to_owned());
    }
    assert_eq!(told, ["rotated", "overdue", "rotated"]);
}

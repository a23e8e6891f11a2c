//! Rules about the companions of tokens, and about tokens that were given and not fetched.

use std::sync::Arc;

use lingpai_core::store::{Begun, Claim, Committed, Record};
use lingpai_core::{Day, Generation, Secret, Token};

use super::*;

/// A claim to store what was given.
fn giving() -> Claim {
    Claim { way: None, ..claim() }
}

fn with_companion(generation: u64, companion: &str) -> Token {
    let companion = Some(Secret::from(companion));
    Token { companion, ..token(generation, &format!("token-{generation}")) }
}

async fn known<S: Subject>(store: &S) -> Record {
    store.read(&credential()).await.unwrap().unwrap()
}

fn companion_of(record: &Record) -> Option<&str> {
    record.token.as_ref()?.companion.as_ref().map(Secret::expose)
}

pub async fn a_companion_comes_back_with_its_token<S: Subject>(store: Arc<S>) {
    let first = lease(&*store, claim()).await;
    let token = with_companion(1, "refreshtoken@@@1");
    assert_eq!(commit(&*store, first, token.clone()).await, Committed::Stored);
    assert_eq!(known(&*store).await.token, Some(token.clone()));
    assert_eq!(store.load().await.unwrap(), [known(&*store).await]);
    let Begun::Newer(told) = store.begin(of_node("b")).await.unwrap() else {
        panic!("the token was not told of")
    };
    assert_eq!(told.token, Some(token));
}

pub async fn a_token_without_a_companion_leaves_the_one_before<S: Subject>(store: Arc<S>) {
    let first = lease(&*store, claim()).await;
    commit(&*store, first, with_companion(1, "first")).await;
    rotate(&*store, 2).await;
    let record = known(&*store).await;
    assert_eq!((record.generation, companion_of(&record)), (Generation(2), Some("first")));
    let third = lease(&*store, Claim { known: Generation(2), ..claim() }).await;
    commit(&*store, third, with_companion(3, "second")).await;
    assert_eq!(companion_of(&known(&*store).await), Some("second"));
}

pub async fn a_commit_that_is_fenced_off_leaves_the_companion_alone<S: Subject>(store: Arc<S>) {
    let first = lease(&*store, claim()).await;
    let settles = Some(first.fence);
    let second = lease(&*store, Claim { at: NOON + LEASE, settles, ..of_node("b") }).await;
    commit(&*store, second, with_companion(1, "of the later lease")).await;
    let late = commit(&*store, first, with_companion(2, "of the lost lease")).await;
    let Committed::Fenced(told) = late else { panic!("it was not fenced off") };
    assert_eq!(companion_of(&told), Some("of the later lease"));
    assert_eq!(known(&*store).await, *told);
}

pub async fn a_fetch_that_brought_nothing_leaves_the_companion_alone<S: Subject>(store: Arc<S>) {
    let first = lease(&*store, claim()).await;
    commit(&*store, first, with_companion(1, "first")).await;
    for lost in [failure(), failure().perhaps_reached()] {
        let failing = lease(&*store, Claim { known: Generation(1), ..claim() }).await;
        store.abandon(&failing, &lost).await.unwrap();
        assert_eq!(companion_of(&known(&*store).await), Some("first"));
    }
}

pub async fn a_removed_account_takes_its_companions_along<S: Subject>(store: Arc<S>) {
    let first = lease(&*store, claim()).await;
    commit(&*store, first, with_companion(1, "first")).await;
    store.remove_account(&account("wx1")).await.unwrap();
    rotate(&*store, 1).await;
    assert_eq!(companion_of(&known(&*store).await), None);
}

pub async fn what_is_given_is_neither_counted_nor_an_intent<S: Subject>(store: Arc<S>) {
    let (lease, usage) = grant(&*store, giving()).await;
    let record = known(&*store).await;
    assert_eq!((record.intent, usage.fetches), (None, 0));
    assert_eq!(commit(&*store, lease, with_companion(1, "first")).await, Committed::Stored);
    let ledger = store.ledger(&account("wx1"), Day::of(NOON)).await.unwrap();
    assert!(ledger.is_empty(), "{ledger:?}");
    let later = known(&*store).await;
    assert_eq!((later.generation, later.usage.fetches), (Generation(1), 0));
}

pub async fn what_is_given_is_fenced_as_what_is_fetched<S: Subject>(store: Arc<S>) {
    let fetching = lease(&*store, claim()).await;
    let other = Claim { node: NodeId::new("b"), ..giving() };
    assert!(matches!(store.begin(other.clone()).await.unwrap(), Begun::Held { .. }));
    // Its lease is over, and its fetch has no outcome: that does not stand in the way.
    let given = lease(&*store, Claim { at: NOON + LEASE, ..other }).await;
    assert!(given.fence > fetching.fence);
    assert_eq!(known(&*store).await.intent.map(|intent| intent.fence), Some(fetching.fence));
    let late = commit(&*store, fetching, token(1, "late")).await;
    assert!(matches!(late, Committed::Fenced(_)));
    assert_eq!(commit(&*store, given, token(1, "given")).await, Committed::Stored);
    let record = known(&*store).await;
    assert_eq!((record.intent, record.token.unwrap().value.expose()), (None, "given"));
    assert!(matches!(store.begin(giving()).await.unwrap(), Begun::Newer(_)));
}

pub async fn a_gift_that_was_broken_off_leaves_the_unfinished_fetch<S: Subject>(store: Arc<S>) {
    let fetching = lease(&*store, claim()).await;
    lease(&*store, giving()).await;
    let Begun::Unfinished(intent) = store.begin(claim()).await.unwrap() else {
        panic!("the fetch was forgotten")
    };
    assert_eq!((intent.fence, intent.lost), (fetching.fence, 0));
}

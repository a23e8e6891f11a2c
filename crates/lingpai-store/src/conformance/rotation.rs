//! Rules about leases, fences, intents, commits and failures.

use std::sync::Arc;

use lingpai_core::store::{Begun, Claim, Committed, Intent, Previous};
use lingpai_core::{
    AccountId, CredentialId, Day, Fence, Generation, Kind, NodeId, StoreErrorKind, Way,
};
use tokio::task::JoinSet;

use super::*;

pub async fn nothing_is_known_of_a_credential_that_was_never_begun<S: Subject>(store: Arc<S>) {
    assert_eq!(store.read(&credential()).await.unwrap(), None);
    assert_eq!(store.load().await.unwrap(), []);
}

pub async fn a_claim_is_granted_where_nothing_stands_against_it<S: Subject>(store: Arc<S>) {
    let lease = lease(&*store, claim()).await;
    assert_eq!(lease.credential, credential());
    assert_eq!(lease.node, NodeId::new("a"));
    assert_eq!(lease.until, NOON + LEASE);
    assert!(lease.fence > Fence(0));
}

pub async fn a_grant_writes_down_the_intent_and_counts_the_fetch<S: Subject>(store: Arc<S>) {
    let forced = Claim { way: Some(Way::Forced), ..claim() };
    let (lease, usage) = grant(&*store, forced).await;
    let record = store.read(&credential()).await.unwrap().unwrap();
    let intent = Intent {
        fence: lease.fence,
        way: Way::Forced,
        at: NOON,
        deadline: NOON + seconds(8),
        lost: 0,
    };
    assert_eq!(record.intent, Some(intent));
    assert_eq!(record.last_forced_at, Some(NOON));
    assert_eq!(record.usage, usage);
    assert_eq!((usage.day, usage.fetches, usage.forced), (Day::of(NOON), 1, 1));
    let ledger = store.ledger(&account("wx1"), Day::of(NOON)).await.unwrap();
    assert_eq!(ledger, [("fetch/access_token/forced".to_owned(), 1)].into());
}

pub async fn fences_grow_for_ever<S: Subject>(store: Arc<S>) {
    let mut last = Fence(0);
    for generation in 1..=5 {
        let fence = rotate(&*store, generation).await;
        assert!(fence > last);
        last = fence;
    }
}

pub async fn a_fence_is_not_given_out_again_after_its_account_was_removed<S: Subject>(
    store: Arc<S>,
) {
    let before = lease(&*store, claim()).await;
    store.remove_account(&account("wx1")).await.unwrap();
    let after = lease(&*store, of_node("b")).await;
    assert!(after.fence > before.fence);
    let late = commit(&*store, before, token(1, "late")).await;
    assert!(matches!(late, Committed::Fenced(_)));
}

pub async fn who_knows_too_little_is_told_what_is_newer<S: Subject>(store: Arc<S>) {
    rotate(&*store, 1).await;
    let Begun::Newer(record) = store.begin(of_node("b")).await.unwrap() else {
        panic!("not newer")
    };
    assert_eq!(record.token, Some(token(1, "token-1")));
    assert_eq!(Some(*record), store.read(&credential()).await.unwrap());
}

pub async fn another_nodes_lease_is_respected_until_it_ends<S: Subject>(store: Arc<S>) {
    let first = lease(&*store, claim()).await;
    let almost = NOON + LEASE - Duration::from_millis(1);
    let held = Begun::Held { by: NodeId::new("a"), until: first.until };
    assert_eq!(store.begin(Claim { at: almost, ..of_node("b") }).await.unwrap(), held);
    let over = Claim { at: NOON + LEASE, settles: Some(first.fence), ..of_node("b") };
    assert!(lease(&*store, over).await.fence > first.fence);
}

pub async fn a_lease_of_ones_own_does_not_stand_in_the_way<S: Subject>(store: Arc<S>) {
    let first = lease(&*store, claim()).await;
    let second = lease(&*store, Claim { settles: Some(first.fence), ..claim() }).await;
    assert!(second.fence > first.fence);
}

pub async fn a_lease_from_before_the_clock_was_set_back_is_over<S: Subject>(store: Arc<S>) {
    let first = lease(&*store, claim()).await;
    let settles = Some(first.fence);
    let scatter = Claim { at: NOON - seconds(1), settles, ..of_node("b") };
    assert!(matches!(store.begin(scatter).await.unwrap(), Begun::Held { .. }));
    let set_back = Claim { at: NOON - seconds(3600), settles, ..of_node("b") };
    assert!(lease(&*store, set_back).await.fence > first.fence);
}

pub async fn what_is_newer_is_told_before_what_is_held<S: Subject>(store: Arc<S>) {
    rotate(&*store, 1).await;
    lease(&*store, Claim { known: Generation(1), ..claim() }).await;
    assert!(matches!(store.begin(of_node("b")).await.unwrap(), Begun::Newer(_)));
}

pub async fn what_is_held_is_told_before_what_is_unfinished<S: Subject>(store: Arc<S>) {
    lease(&*store, claim()).await;
    assert!(matches!(store.begin(of_node("b")).await.unwrap(), Begun::Held { .. }));
}

pub async fn an_unfinished_intent_must_be_settled_by_its_fence<S: Subject>(store: Arc<S>) {
    let first = lease(&*store, claim()).await;
    let intent = Intent {
        fence: first.fence,
        way: Way::Primary,
        at: NOON,
        deadline: NOON + seconds(8),
        lost: 0,
    };
    for settles in [None, Some(Fence(first.fence.0 + 1))] {
        let later = Claim { at: NOON + LEASE, settles, ..of_node("b") };
        assert_eq!(store.begin(later).await.unwrap(), Begun::Unfinished(intent));
    }
    let settling = Claim { at: NOON + LEASE, settles: Some(first.fence), ..of_node("b") };
    lease(&*store, settling).await;
}

pub async fn an_intent_counts_those_that_were_lost_before_it<S: Subject>(store: Arc<S>) {
    let mut settles = None;
    for lost in 0..3 {
        let at = NOON + LEASE * lost;
        settles = Some(lease(&*store, Claim { at, settles, ..claim() }).await.fence);
        let intent = store.read(&credential()).await.unwrap().unwrap().intent.unwrap();
        assert_eq!(intent.lost, lost);
    }
}

pub async fn a_refused_claim_changes_nothing<S: Subject>(store: Arc<S>) {
    rotate(&*store, 1).await;
    lease(&*store, Claim { known: Generation(1), ..claim() }).await;
    let before = store.read(&credential()).await.unwrap();
    let knowing = Claim { known: Generation(1), way: Some(Way::Forced), ..of_node("b") };
    store.begin(of_node("b")).await.unwrap();
    store.begin(knowing.clone()).await.unwrap();
    store.begin(Claim { at: NOON + LEASE, ..knowing }).await.unwrap();
    assert_eq!(store.read(&credential()).await.unwrap(), before);
    let ledger = store.ledger(&account("wx1"), Day::of(NOON)).await.unwrap();
    assert_eq!(ledger, [("fetch/access_token/primary".to_owned(), 2)].into());
}

pub async fn leases_of_different_credentials_have_nothing_to_do_with_each_other<S: Subject>(
    store: Arc<S>,
) {
    lease(&*store, claim()).await;
    let ticket = CredentialId::new(Kind::named("jsapi_ticket"), account("wx1"));
    lease(&*store, Claim { credential: ticket, ..of_node("b") }).await;
    let other = CredentialId::access_token(account("wx2"));
    lease(&*store, Claim { credential: other, ..of_node("c") }).await;
}

pub async fn of_a_hundred_claims_at_once_one_is_granted<S: Subject>(store: Arc<S>) {
    let mut claims = JoinSet::new();
    for node in 0..100 {
        let store = Arc::clone(&store);
        claims.spawn(async move { store.begin(of_node(&node.to_string())).await.unwrap() });
    }
    let begun = claims.join_all().await;
    let granted = |begun: &&Begun| matches!(begun, Begun::Granted { .. });
    let held = |begun: &&Begun| matches!(begun, Begun::Held { .. });
    assert_eq!(begun.iter().filter(granted).count(), 1);
    assert_eq!(begun.iter().filter(held).count(), 99);
}

pub async fn a_commit_stores_the_token_and_clears_intent_lease_and_failure<S: Subject>(
    store: Arc<S>,
) {
    let first = lease(&*store, claim()).await;
    store.abandon(&first, &failure()).await.unwrap();
    rotate(&*store, 1).await;
    let record = store.read(&credential()).await.unwrap().unwrap();
    assert_eq!(record.generation, Generation(1));
    assert_eq!(record.token, Some(token(1, "token-1")));
    assert_eq!((record.intent, record.failure, record.previous), (None, None, None));
    assert_eq!(record.usage.fetches, 2);
    lease(&*store, Claim { known: Generation(1), ..of_node("b") }).await;
}

pub async fn a_token_of_512_characters_is_stored<S: Subject>(store: Arc<S>) {
    let long = Token { way: Way::Fallback, ..token(1, &"t-_".repeat(171)[..512]) };
    let lease = lease(&*store, claim()).await;
    assert_eq!(commit(&*store, lease, long.clone()).await, Committed::Stored);
    assert_eq!(store.read(&credential()).await.unwrap().unwrap().token, Some(long));
}

pub async fn an_expired_lease_that_nobody_took_still_commits<S: Subject>(store: Arc<S>) {
    let lease = lease(&*store, claim()).await;
    let later = Claim { at: NOON + seconds(3600), ..of_node("b") };
    assert!(matches!(store.begin(later).await.unwrap(), Begun::Unfinished(_)));
    assert_eq!(commit(&*store, lease, token(1, "late")).await, Committed::Stored);
}

pub async fn of_two_that_believe_to_hold_the_lease_only_the_later_commits<S: Subject>(
    store: Arc<S>,
) {
    let slow = lease(&*store, claim()).await;
    let settles = Some(slow.fence);
    let quick = lease(&*store, Claim { at: NOON + LEASE, settles, ..of_node("b") }).await;
    let Committed::Fenced(record) = commit(&*store, slow.clone(), token(1, "slow")).await else {
        panic!("the earlier lease has committed")
    };
    assert_eq!(record.token, None);
    assert_eq!(record.intent.map(|intent| intent.fence), Some(quick.fence));
    assert_eq!(commit(&*store, quick, token(1, "quick")).await, Committed::Stored);
    let Committed::Fenced(record) = commit(&*store, slow, token(2, "slow")).await else {
        panic!("the earlier lease has committed")
    };
    assert_eq!(record.token, Some(token(1, "quick")));
    assert_eq!(Some(*record), store.read(&credential()).await.unwrap());
}

pub async fn a_commit_for_a_removed_account_is_fenced_off<S: Subject>(store: Arc<S>) {
    let lease = lease(&*store, claim()).await;
    store.remove_account(&account("wx1")).await.unwrap();
    let Committed::Fenced(record) = commit(&*store, lease, token(1, "late")).await else {
        panic!("a token of a removed account was stored")
    };
    assert_eq!((record.generation, record.token), (Generation(0), None));
    assert_eq!(store.load().await.unwrap(), []);
}

pub async fn a_commit_may_be_repeated<S: Subject>(store: Arc<S>) {
    rotate(&*store, 1).await;
    let lease = lease(&*store, Claim { known: Generation(1), ..claim() }).await;
    let until = Some(NOON + seconds(300));
    for _ in 0..2 {
        let again = commit_until(&*store, lease.clone(), token(2, "token-2"), until).await;
        assert_eq!(again, Committed::Stored);
    }
    let previous = store.read(&credential()).await.unwrap().unwrap().previous;
    assert_eq!(previous.map(|it| it.fingerprint), Some(token(1, "token-1").fingerprint()));
}

pub async fn the_replaced_token_becomes_the_previous_one<S: Subject>(store: Arc<S>) {
    rotate(&*store, 1).await;
    let until = NOON + seconds(300);
    let lease = lease(&*store, Claim { known: Generation(1), ..claim() }).await;
    commit_until(&*store, lease, token(2, "token-2"), Some(until)).await;
    let previous = store.read(&credential()).await.unwrap().unwrap().previous;
    let fingerprint = token(1, "token-1").fingerprint();
    assert_eq!(previous, Some(Previous { fingerprint, until }));
}

pub async fn without_an_overlap_the_replaced_tokens_are_struck_off<S: Subject>(store: Arc<S>) {
    the_replaced_token_becomes_the_previous_one(Arc::clone(&store)).await;
    rotate(&*store, 3).await;
    assert_eq!(store.read(&credential()).await.unwrap().unwrap().previous, None);
}

pub async fn a_repeated_token_leaves_the_previous_one_alone<S: Subject>(store: Arc<S>) {
    the_replaced_token_becomes_the_previous_one(Arc::clone(&store)).await;
    let before = store.read(&credential()).await.unwrap().unwrap();
    let lease = lease(&*store, Claim { known: Generation(2), ..claim() }).await;
    let repeated = Token { expires_at: NOON + seconds(100), ..token(2, "token-2") };
    let until = Some(NOON + seconds(900));
    let stored = commit_until(&*store, lease, repeated.clone(), until).await;
    assert_eq!(stored, Committed::Stored);
    let after = store.read(&credential()).await.unwrap().unwrap();
    assert_eq!(after.token, Some(repeated));
    assert_eq!(after.previous, before.previous);
}

pub async fn a_generation_never_goes_back<S: Subject>(store: Arc<S>) {
    rotate(&*store, 1).await;
    rotate(&*store, 2).await;
    let lease = lease(&*store, Claim { known: Generation(2), ..claim() }).await;
    let commit = Commit { lease, token: token(1, "old"), previous_until: None };
    assert_eq!(store.commit(commit).await.unwrap_err().kind, StoreErrorKind::Invalid);
    let record = store.read(&credential()).await.unwrap().unwrap();
    assert_eq!((record.generation, record.token), (Generation(2), Some(token(2, "token-2"))));
}

pub async fn a_new_token_needs_a_new_generation<S: Subject>(store: Arc<S>) {
    rotate(&*store, 1).await;
    let lease = lease(&*store, Claim { known: Generation(1), ..claim() }).await;
    let commit = Commit { lease, token: token(1, "other"), previous_until: None };
    assert_eq!(store.commit(commit).await.unwrap_err().kind, StoreErrorKind::Invalid);
}

pub async fn a_failure_that_reached_nobody_clears_the_intent<S: Subject>(store: Arc<S>) {
    let first = lease(&*store, claim()).await;
    store.abandon(&first, &failure()).await.unwrap();
    let record = store.read(&credential()).await.unwrap().unwrap();
    assert_eq!((record.intent, record.failure), (None, Some(failure())));
    lease(&*store, of_node("b")).await;
}

pub async fn a_failure_that_may_have_reached_upstream_leaves_the_intent<S: Subject>(store: Arc<S>) {
    let first = lease(&*store, claim()).await;
    let lost = failure().perhaps_reached();
    store.abandon(&first, &lost).await.unwrap();
    let record = store.read(&credential()).await.unwrap().unwrap();
    assert_eq!(record.failure, Some(lost));
    assert_eq!(record.intent.map(|intent| intent.fence), Some(first.fence));
    assert!(matches!(store.begin(of_node("b")).await.unwrap(), Begun::Unfinished(_)));
    lease(&*store, Claim { settles: Some(first.fence), ..of_node("b") }).await;
}

pub async fn a_lost_lease_cannot_be_abandoned<S: Subject>(store: Arc<S>) {
    let first = lease(&*store, claim()).await;
    let settles = Some(first.fence);
    lease(&*store, Claim { at: NOON + LEASE, settles, ..of_node("b") }).await;
    let before = store.read(&credential()).await.unwrap();
    store.abandon(&first, &failure()).await.unwrap();
    assert_eq!(store.read(&credential()).await.unwrap(), before);
    let third = Claim { at: NOON + LEASE, settles, ..of_node("c") };
    assert!(matches!(store.begin(third).await.unwrap(), Begun::Held { .. }));
}

pub async fn a_lease_given_back_cannot_be_abandoned<S: Subject>(store: Arc<S>) {
    let lease = lease(&*store, claim()).await;
    commit(&*store, lease.clone(), token(1, "token-1")).await;
    let before = store.read(&credential()).await.unwrap();
    store.abandon(&lease, &failure()).await.unwrap();
    assert_eq!(store.read(&credential()).await.unwrap(), before);
}

pub async fn a_late_answer_still_commits_after_its_lease_was_abandoned<S: Subject>(store: Arc<S>) {
    let lease = lease(&*store, claim()).await;
    store.abandon(&lease, &failure().perhaps_reached()).await.unwrap();
    assert_eq!(commit(&*store, lease, token(1, "late")).await, Committed::Stored);
    let record = store.read(&credential()).await.unwrap().unwrap();
    assert_eq!((record.intent, record.failure), (None, None));
}

pub async fn load_finds_what_read_finds<S: Subject>(store: Arc<S>) {
    the_replaced_token_becomes_the_previous_one(Arc::clone(&store)).await;
    let failing = lease(&*store, Claim { known: Generation(2), ..claim() }).await;
    store.abandon(&failing, &failure()).await.unwrap();
    for name in ["wx2", "wx3"] {
        let credential = CredentialId::access_token(account(name));
        lease(&*store, Claim { credential, way: Some(Way::Fallback), ..claim() }).await;
    }
    let mut found = store.load().await.unwrap();
    found.sort_by(|a, b| a.credential.cmp(&b.credential));
    let names: Vec<&AccountId> = found.iter().map(|record| &record.credential.account).collect();
    assert_eq!(names, [&account("wx1"), &account("wx2"), &account("wx3")]);
    for record in found {
        assert_eq!(store.read(&record.credential).await.unwrap(), Some(record));
    }
}

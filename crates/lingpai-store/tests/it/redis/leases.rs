//! Whose clock counts, and what a Redis that forgets costs.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::Generation;
use lingpai_core::store::{Commit, Committed};
use tokio::task::JoinSet;

use super::*;
use crate::support::{NOON, credential};

#[tokio::test]
async fn a_lease_is_measured_on_the_clock_of_redis_whatever_the_nodes_believe() {
    let server = RedisServer::start();
    let store = open(&server).await;
    lease(&store, of_node("a")).await;
    for at in [NOON - Duration::from_hours(9), NOON, NOON + Duration::from_hours(9)] {
        let begun = store.begin(Claim { at, ..of_node("b") }).await.unwrap();
        let Begun::Held { by, until } = begun else { panic!("{begun:?}") };
        assert_eq!(by, NodeId::new("a"));
        // Told in the time of the node that asks.
        assert!(until > at && until <= at + of_node("a").lease, "{until} at {at}");
    }
}

#[tokio::test]
async fn a_lease_ends_by_itself() {
    let server = RedisServer::start();
    let store = open(&server).await;
    let first = lease(&store, Claim { lease: Duration::ZERO, ..of_node("a") }).await;
    let second = lease(&store, Claim { settles: Some(first.fence), ..of_node("b") }).await;
    let token = token("wx1", 1);
    let late = Commit { lease: first, token: token.clone(), previous_until: None };
    assert!(matches!(store.commit(late).await.unwrap(), Committed::Fenced(_)));
    let commit = Commit { lease: second, token, previous_until: None };
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Stored);
}

#[tokio::test]
async fn of_many_claims_through_three_nodes_one_is_granted() {
    let server = RedisServer::start();
    let stores = [open(&server).await, open(&server).await, open(&server).await].map(Arc::new);
    let mut claims = JoinSet::new();
    for n in 0..90 {
        let store = Arc::clone(&stores[n % 3]);
        claims.spawn(async move { store.begin(of_node(&n.to_string())).await.unwrap() });
    }
    let begun = soon(claims.join_all()).await;
    let granted = begun.iter().filter(|begun| matches!(begun, Begun::Granted { .. }));
    assert_eq!(granted.count(), 1);
}

#[tokio::test]
async fn a_script_that_redis_has_forgotten_is_sent_again() {
    let server = RedisServer::start();
    let store = open(&server).await;
    lease(&store, of_node("a")).await;
    server.cli(&["SCRIPT", "FLUSH"]);
    let begun = store.begin(of_node("b")).await.unwrap();
    assert!(matches!(begun, Begun::Held { .. }), "{begun:?}");
}

#[tokio::test]
async fn after_redis_has_lost_everything_fences_go_on_above_the_highest() {
    let server = RedisServer::start();
    let store = open(&server).await;
    let lost = lease(&store, of_node("a")).await;
    server.cli(&["FLUSHALL"]);
    let late = Commit { lease: lost.clone(), token: token("wx1", 1), previous_until: None };
    assert!(matches!(store.commit(late.clone()).await.unwrap(), Committed::Fenced(_)));
    let next = lease(&store, of_node("b")).await;
    assert!(next.fence > lost.fence);
    assert!(matches!(store.commit(late).await.unwrap(), Committed::Fenced(_)));
}

#[tokio::test]
async fn generations_go_on_above_what_redis_has_forgotten() {
    let server = RedisServer::start();
    let store = open(&server).await;
    rotate(&store, "wx1", 1).await.unwrap();
    server.cli(&["FLUSHALL"]);
    rotate(&store, "wx1", 2).await.unwrap();
    let record = store.read(&credential("wx1")).await.unwrap().unwrap();
    assert_eq!((record.generation, record.token), (Generation(2), Some(token("wx1", 2))));
}

//! A Redis that is gone, hangs, is full, or is a replica.

use lingpai_core::StoreErrorKind;

use super::*;
use crate::support::credential;

async fn kind_of(store: &RedisStore, generation: u64) -> StoreErrorKind {
    rotate(store, "wx1", generation).await.unwrap_err().kind
}

#[tokio::test]
async fn a_redis_that_was_restarted_is_found_again_at_the_first_call() {
    let mut server = RedisServer::start();
    let store = open(&server).await;
    rotate(&store, "wx1", 1).await.unwrap();
    server.kill();
    server.start_again();
    // What was acknowledged is there.
    let record = store.read(&credential("wx1")).await.unwrap().unwrap();
    assert_eq!(record.token, Some(token("wx1", 1)));
}

#[tokio::test]
async fn while_redis_is_gone_each_call_says_so_and_afterwards_works() {
    let mut server = RedisServer::start();
    let store = open(&server).await;
    server.kill();
    let error = soon(store.read(&credential("wx1"))).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.to_string().contains(&server.url()), "{error}");
    assert_eq!(kind_of(&store, 1).await, StoreErrorKind::Unavailable);
    server.start_again();
    rotate(&store, "wx1", 1).await.unwrap();
}

#[tokio::test]
async fn a_redis_that_hangs_counts_as_gone_and_is_used_again_when_it_wakes() {
    let server = RedisServer::start();
    let store = open(&server).await;
    server.signal("STOP");
    let error = soon(store.read(&credential("wx1"))).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("does not answer in time"), "{error}");
    server.signal("CONT");
    rotate(&store, "wx1", 1).await.unwrap();
}

#[tokio::test]
async fn a_full_redis_can_be_read_and_is_written_again_when_there_is_room() {
    let server = RedisServer::start();
    let store = open(&server).await;
    rotate(&store, "wx1", 1).await.unwrap();
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(kind_of(&store, 2).await, StoreErrorKind::Full);
    assert!(store.read(&credential("wx1")).await.unwrap().is_some());
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    rotate(&store, "wx1", 2).await.unwrap();
}

#[tokio::test]
async fn a_replica_is_read_only_and_is_written_when_it_becomes_the_master() {
    let server = RedisServer::start();
    let store = open(&server).await;
    server.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    assert_eq!(kind_of(&store, 1).await, StoreErrorKind::ReadOnly);
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    rotate(&store, "wx1", 1).await.unwrap();
}

#[tokio::test]
async fn a_redis_without_the_replicas_that_it_wants_takes_no_writes() {
    let server = RedisServer::start();
    let store = open(&server).await;
    server.cli(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    assert_eq!(kind_of(&store, 1).await, StoreErrorKind::ReadOnly);
    server.cli(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    rotate(&store, "wx1", 1).await.unwrap();
}

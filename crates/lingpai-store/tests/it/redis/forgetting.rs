//! A Redis that comes back empty, or as it was before.

use lingpai_core::client::{Accounts, ApiKey, NewKey, Right};
use lingpai_core::store::Change;
use lingpai_core::{Account, Directory, Secret};

use super::*;
use crate::support::{NOON, account};

fn some_key(byte: u8) -> ApiKey {
    NewKey::from_random([byte; 30], "orders", Right::ALL.into(), Accounts::All, NOON).record
}

/// A store that has read two accounts, one of them removed since, and two keys, one of them revoked.
async fn filled(server: &RedisServer) -> (RedisStore, [ApiKey; 2]) {
    let store = open(server).await;
    let keys = [some_key(1), ApiKey { revoked_at: Some(NOON), ..some_key(2) }];
    for key in &keys {
        store.put_key(key).await.unwrap();
    }
    for name in ["wx1", "wx2"] {
        store.put_account(&account(name), None).await.unwrap();
    }
    assert_eq!(store.accounts().await.unwrap().len(), 2);
    store.remove_account(&"wx2".parse().unwrap()).await.unwrap();
    assert_eq!(store.accounts().await.unwrap(), [account("wx1")]);
    assert_eq!(store.keys().await.unwrap().len(), 2);
    (store, keys)
}

fn sorted(mut keys: Vec<ApiKey>) -> Vec<ApiKey> {
    keys.sort_by(|a, b| a.id.cmp(&b.id));
    keys
}

#[tokio::test]
async fn what_an_empty_redis_has_lost_is_put_back_by_the_nodes_that_have_seen_it() {
    let server = RedisServer::start();
    let (store, keys) = filled(&server).await;
    assert_eq!(soon(store.changed()).await, Change::Anything);
    let before = store.accounts_revision().await.unwrap();
    server.cli(&["FLUSHALL"]);
    assert_ne!(store.accounts_revision().await.unwrap(), before, "nobody would look");
    assert_eq!(store.accounts().await.unwrap(), [account("wx1")]);
    assert_eq!(sorted(store.keys().await.unwrap()), sorted(keys.to_vec()));
    assert_ne!(store.accounts_revision().await.unwrap(), before, "others would not look");
    let change = soon(store.changed()).await;
    assert!(matches!(change, Change::Forgotten(_)), "tokens would not be put back: {change:?}");
    // One that begins now finds all of it, sealed with the same key.
    let fresh = open(&server).await;
    assert_eq!(fresh.accounts().await.unwrap(), [account("wx1")]);
    assert_eq!(sorted(fresh.keys().await.unwrap()), sorted(keys.to_vec()));
    let other = RedisOptions { key: crate::support::key(2), ..options(&server) };
    assert!(RedisStore::open(other).await.is_err());
}

#[tokio::test]
async fn a_change_that_an_older_redis_lacks_is_made_again() {
    let server = RedisServer::start();
    let (store, [_, revoked]) = filled(&server).await;
    server.cli(&["COPY", "lingpai:{wx1}:account", "lingpai:{wx1}:before"]);
    let changed = [Account {
        secret: Secret::from("another"),
        updated_at: NOON + Duration::from_secs(1),
        ..account("wx1")
    }];
    store.put_account(&changed[0], Some(&account("wx1"))).await.unwrap();
    assert_eq!(store.accounts().await.unwrap(), changed);
    server.cli(&["COPY", "lingpai:{wx1}:before", "lingpai:{wx1}:account", "REPLACE"]);
    let body = serde_json::to_string(&ApiKey { revoked_at: None, ..revoked.clone() }).unwrap();
    server.cli(&["HSET", "lingpai:keys", &revoked.id, &body]);
    assert_eq!(store.accounts().await.unwrap(), changed);
    assert!(store.keys().await.unwrap().contains(&revoked));
    let fresh = open(&server).await;
    assert_eq!(fresh.accounts().await.unwrap(), changed);
    assert!(fresh.keys().await.unwrap().contains(&revoked));
}

#[tokio::test]
async fn an_account_that_another_node_has_removed_is_not_put_back() {
    let server = RedisServer::start();
    let (one, two) = (open(&server).await, open(&server).await);
    one.put_account(&account("wx1"), None).await.unwrap();
    assert_eq!(two.accounts().await.unwrap(), [account("wx1")]);
    one.remove_account(&"wx1".parse().unwrap()).await.unwrap();
    assert_eq!(two.accounts().await.unwrap(), []);
    one.put_account(&account("wx1"), None).await.unwrap();
    assert_eq!(two.accounts().await.unwrap(), [account("wx1")]);
}

/// Waits until the engine would be told that the store has lost something: since when.
async fn forgotten(store: &RedisStore) -> lingpai_core::Timestamp {
    soon(async {
        loop {
            if let Change::Forgotten(at) = store.changed().await {
                return at;
            }
        }
    })
    .await
}

/// Waits until the watch of a node has been through twice: it has seen whatever was before.
async fn two_looks(server: &RedisServer) {
    for _ in 0..2 {
        let mark = server.cli(&["GET", "lingpai:{mark-0}"]);
        soon(async {
            while server.cli(&["GET", "lingpai:{mark-0}"]) == mark {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_begins_an_epoch_that_every_node_hears_of() {
    let mut server = RedisServer::start_with(&["--appendonly", "no"]);
    let (one, two) = (open(&server).await, open(&server).await);
    one.put_account(&account("wx1"), None).await.unwrap();
    assert_eq!(one.accounts().await.unwrap(), [account("wx1")]);
    two_looks(&server).await;
    assert_eq!(server.cli(&["HGET", "lingpai:meta", "epoch"]), "0");
    server.kill();
    server.start_again();
    assert_eq!(server.cli(&["DBSIZE"]), "0");
    let (from_one, from_two) = tokio::join!(forgotten(&one), forgotten(&two));
    assert_eq!(from_one, from_two, "one of them begins it, and the other follows");
    assert_eq!(server.cli(&["HGET", "lingpai:meta", "epoch"]), from_one.as_millis().to_string());
    assert_eq!(two.accounts().await.unwrap(), []);
    assert_eq!(one.accounts().await.unwrap(), [account("wx1")]);
    assert_eq!(two.accounts().await.unwrap(), [account("wx1")]);
    // And whoever begins later.
    assert_eq!(forgotten(&open(&server).await).await, from_one);
}

#[tokio::test]
async fn a_redis_that_comes_back_older_begins_an_epoch_although_all_accounts_are_there() {
    let mut server = RedisServer::start_with(&["--appendonly", "no"]);
    let store = open(&server).await;
    store.put_account(&account("wx1"), None).await.unwrap();
    rotate(&store, "wx1", 1).await.unwrap();
    two_looks(&server).await;
    server.cli(&["SAVE"]);
    let lost = lease(&store, claim("wx1", &NodeId::new("a"), 1)).await;
    two_looks(&server).await;
    server.kill();
    server.start_again();
    let token = token("wx1", 1);
    let before = store.read(&crate::support::credential("wx1")).await.unwrap().unwrap();
    assert_eq!((before.token.as_ref(), before.intent), (Some(&token), None), "it is not older");
    forgotten(&store).await;
    // Whoever had the lease commits nothing, and the next one's is above it.
    let late = Commit { lease: lost.clone(), token: token.clone(), previous_until: None };
    assert!(matches!(store.commit(late).await.unwrap(), Committed::Fenced(_)));
    assert!(lease(&store, claim("wx1", &NodeId::new("b"), 1)).await.fence > lost.fence);
}

#[tokio::test]
async fn a_replica_that_lagged_behind_and_takes_over_begins_an_epoch() {
    let mut master = RedisServer::start();
    let replica = master.start_replica();
    let sentinel = RedisServer::start_sentinel(master.port());
    let url = format!("redis+sentinel://127.0.0.1:{}/mymaster", sentinel.port());
    let store = open_at(&url).await.unwrap();
    soon(async {
        while !sentinel
            .cli(&["SENTINEL", "REPLICAS", "mymaster"])
            .contains("master-link-status\nok")
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    // It is not let in any more, and lags behind.
    master.cli(&["ACL", "SETUSER", "default", "-psync", "-sync"]);
    master.cli(&["CLIENT", "KILL", "TYPE", "replica"]);
    two_looks(&master).await;
    master.kill();
    forgotten(&store).await;
    assert!(replica.cli(&["INFO", "replication"]).contains("role:master"));
}

#[tokio::test]
async fn a_redis_that_loses_nothing_begins_no_epoch() {
    let mut server = RedisServer::start();
    let store = open(&server).await;
    rotate(&store, "wx1", 1).await.unwrap();
    two_looks(&server).await;
    server.kill();
    server.start_again();
    two_looks(&server).await;
    assert_eq!(server.cli(&["HGET", "lingpai:meta", "epoch"]), "0");
    drop(store);
}

#[tokio::test]
async fn in_a_cluster_one_server_that_forgets_is_noticed() {
    let servers = RedisServer::start_cluster();
    let store = open_at(&format!("redis+cluster://127.0.0.1:{}", servers[0].port())).await.unwrap();
    marks_in(&servers[2]).await;
    servers[2].cli(&["FLUSHALL"]);
    forgotten(&store).await;
}

/// Waits until the watch of a node has set marks in this server.
async fn marks_in(server: &RedisServer) {
    soon(async {
        while server.cli(&["KEYS", "lingpai:{mark-*}"]).is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn fences_go_on_above_those_that_a_node_has_seen_though_the_clock_of_redis_is_behind() {
    let server = RedisServer::start();
    let store = open(&server).await;
    let ahead = 9_000_000_000_000_000_u64;
    server.cli(&["SET", "lingpai:{wx1}:fence", &ahead.to_string()]);
    let seen = lease(&store, of_node("a")).await;
    assert_eq!(seen.fence.0, ahead + 1);
    server.cli(&["FLUSHALL"]);
    assert_eq!(lease(&store, of_node("b")).await.fence.0, ahead + 2);
}

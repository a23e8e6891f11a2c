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
        store.put_account(&account(name)).await.unwrap();
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
    assert_eq!(soon(store.changed()).await, Change::Anything, "tokens would not be put back");
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
    store.put_account(&changed[0]).await.unwrap();
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
    one.put_account(&account("wx1")).await.unwrap();
    assert_eq!(two.accounts().await.unwrap(), [account("wx1")]);
    one.remove_account(&"wx1".parse().unwrap()).await.unwrap();
    assert_eq!(two.accounts().await.unwrap(), []);
    one.put_account(&account("wx1")).await.unwrap();
    assert_eq!(two.accounts().await.unwrap(), [account("wx1")]);
}

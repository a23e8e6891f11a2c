//! What replicas are to confirm.

use lingpai_core::client::{Accounts, NewKey, Right};
use lingpai_core::outbox::Put;
use lingpai_core::{Directory, Generation, Outbox, StoreErrorKind};

use super::*;
use crate::support::{NOON, account, credential, parcel};

async fn open_with(server: &RedisServer, replicas: u32) -> RedisStore {
    open_at(&format!("{}?replicas={replicas}", server.url())).await.unwrap()
}

#[tokio::test]
async fn accounts_and_keys_are_acknowledged_when_the_replicas_have_them() {
    let master = RedisServer::start();
    let replica = master.start_replica();
    let store = open_with(&master, 1).await;
    assert!(store.wanting().is_empty(), "{:?}", store.wanting());
    let key = NewKey::from_random([1; 30], "orders", Right::ALL.into(), Accounts::All, NOON).record;
    for number in 0..20 {
        let name = format!("wx{number}");
        store.put_account(&account(&name), None).await.unwrap();
        assert_eq!(replica.cli(&["EXISTS", &format!("lingpai:{{{name}}}:account")]), "1");
    }
    store.put_key(&key).await.unwrap();
    assert_eq!(replica.cli(&["HEXISTS", "lingpai:keys", &key.id]), "1");
    store.remove_account(&"wx0".parse().unwrap()).await.unwrap();
    assert_eq!(replica.cli(&["HKEYS", "lingpai:{wx0}:account"]), "removed_at");
}

#[tokio::test]
async fn what_too_few_replicas_confirm_is_stored_and_said_to_be_unconfirmed() {
    let master = RedisServer::start();
    let mut replica = master.start_replica();
    let store = open_with(&master, 1).await;
    replica.kill();
    let error = store.put_account(&account("wx1"), None).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unconfirmed, "{error}");
    let text = error.to_string();
    assert!(text.contains("has stored this") && text.contains("only 0 of the replicas"), "{text}");
    assert_eq!(store.accounts().await.unwrap(), [account("wx1")]);
    // Tokens are fetched again if they are lost, and wait for nobody.
    rotate(&store, "wx1", 1).await.unwrap();
    let error = store.confirm(&credential("wx1"), Generation(1)).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unconfirmed, "{error}");
    replica.start_again();
    soon(async { while store.confirm(&credential("wx1"), Generation(1)).await.is_err() {} }).await;
    let key = "lingpai:{wx1}:credential:access_token";
    assert_eq!(replica.cli(&["HGET", key, "generation"]), "1");
    assert_eq!(replica.cli(&["EXISTS", "lingpai:{wx1}:account"]), "1");
}

#[tokio::test]
async fn a_push_is_kept_when_the_replicas_have_it_and_one_that_was_unconfirmed_is_asked_for_again()
{
    let master = RedisServer::start();
    let mut replica = master.start_replica();
    let store = open_with(&master, 1).await;
    assert_eq!(store.put_parcel(&parcel("wx1")).await.unwrap(), Put::Kept);
    assert_eq!(replica.cli(&["HEXISTS", "lingpai:{wx1}:outbox", "a1:content"]), "1");
    assert_eq!(replica.cli(&["SISMEMBER", "lingpai:outboxes", "wx1"]), "1");
    replica.kill();
    for _ in 0..2 {
        let error = store.put_parcel(&parcel("wx2")).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unconfirmed, "{error}");
    }
    replica.start_again();
    soon(async { while store.put_parcel(&parcel("wx2")).await.ok() != Some(Put::Known) {} }).await;
    assert_eq!(replica.cli(&["HEXISTS", "lingpai:{wx2}:outbox", "a1:content"]), "1");
    store.remove_account(&"wx2".parse().unwrap()).await.unwrap();
    assert_eq!(
        replica.cli(&["EXISTS", "lingpai:{wx2}:outbox", "lingpai:{wx2}:outbox:waiting"]),
        "0"
    );
}

#[tokio::test]
async fn while_a_write_waits_for_replicas_nothing_else_does() {
    let master = RedisServer::start();
    let replica = master.start_replica();
    let store = open_with(&master, 1).await;
    replica.signal("STOP");
    let (one, two) = (account("wx1"), account("wx2"));
    let writes =
        async { tokio::join!(store.put_account(&one, None), store.put_account(&two, None)) };
    tokio::pin!(writes);
    let mut generation = 0;
    let written = loop {
        tokio::select! {
            biased;
            written = &mut writes => break written,
            done = rotate(&store, "wx3", generation + 1) => {
                done.unwrap();
                generation += 1;
            }
        }
    };
    assert!(generation > 20, "{generation} rotations only");
    for outcome in [written.0, written.1] {
        assert_eq!(outcome.unwrap_err().kind, StoreErrorKind::Unconfirmed);
    }
    replica.signal("CONT");
}

#[tokio::test]
async fn too_few_replicas_are_told_of_at_the_start_and_by_the_check() {
    let master = RedisServer::start_with(&["--appendonly", "no"]);
    let replica = master.start_replica();
    let options = |replicas: u32| RedisOptions {
        address: format!("{}?replicas={replicas}", master.url()).parse().unwrap(),
        ..some_options()
    };
    // One that confirms is enough, whatever the master does with its own disk.
    assert_eq!(RedisStore::check(&options(1)).await.unwrap(), []);
    let wanting = RedisStore::check(&options(2)).await.unwrap();
    assert!(wanting[0].english.contains("cannot be changed until there are 2"), "{wanting:?}");
    let wanting = RedisStore::check(&options_without_replicas(&master)).await.unwrap();
    assert!(wanting[0].english.contains("or `?replicas=N` in the URL"), "{wanting:?}");
    drop(replica);
}

fn options_without_replicas(server: &RedisServer) -> RedisOptions {
    options(server)
}

#[tokio::test]
async fn a_token_that_the_store_has_lost_cannot_be_confirmed() {
    let master = RedisServer::start();
    let store = open(&master).await;
    rotate(&store, "wx1", 1).await.unwrap();
    store.confirm(&credential("wx1"), Generation(1)).await.unwrap();
    master.cli(&["FLUSHALL"]);
    let error = store.confirm(&credential("wx1"), Generation(1)).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn in_a_cluster_each_server_waits_for_its_own_replicas() {
    let servers = RedisServer::start_cluster();
    let url = format!("redis+cluster://127.0.0.1:{}?replicas=1", servers[0].port());
    let store = open_at(&url).await;
    // None has a replica: even what is written of the store as a whole is not confirmed.
    let error = store.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unconfirmed, "{error}");
    let replicas = RedisServer::start_replicas_of(&servers);
    let store = open_at(&url).await.unwrap();
    for number in 0..30 {
        store.put_account(&account(&format!("wx{number}")), None).await.unwrap();
    }
    let has = |server: &RedisServer| server.cli(&["DBSIZE"]).parse::<u32>().unwrap();
    for (master, replica) in servers.iter().zip(&replicas) {
        assert!(has(replica) > 5, "{} of {}", has(replica), has(master));
    }
}

#[tokio::test]
async fn through_sentinels_the_master_waits_for_its_replicas() {
    let master = RedisServer::start();
    let mut replica = master.start_replica();
    let sentinel = RedisServer::start_sentinel(master.port());
    let url = format!("redis+sentinel://127.0.0.1:{}/mymaster?replicas=1", sentinel.port());
    let store = open_at(&url).await.unwrap();
    store.put_account(&account("wx1"), None).await.unwrap();
    assert_eq!(replica.cli(&["EXISTS", "lingpai:{wx1}:account"]), "1");
    replica.kill();
    let error = store.put_account(&account("wx2"), None).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unconfirmed, "{error}");
}

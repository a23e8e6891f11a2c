//! How nodes hear of each other; Sentinel and Cluster.

use lingpai_core::Directory;
use lingpai_core::store::Change;

use super::*;
use crate::support::{account, credential, event};

#[tokio::test]
async fn a_node_hears_what_others_store_and_not_what_it_stores_itself() {
    let server = RedisServer::start();
    let (one, two) = (open(&server).await, open(&server).await);
    for store in [&one, &two] {
        // It may have missed something before it began to listen.
        assert_eq!(soon(store.changed()).await, Change::Anything);
    }
    rotate(&one, "wx1", 1).await.unwrap();
    assert_eq!(soon(two.changed()).await, Change::Credential(credential("wx1")));
    rotate(&two, "wx2", 1).await.unwrap();
    assert_eq!(soon(one.changed()).await, Change::Credential(credential("wx2")));
}

#[tokio::test]
async fn a_node_that_was_cut_off_is_told_that_anything_may_have_changed() {
    let server = RedisServer::start();
    let (one, two) = (open(&server).await, open(&server).await);
    assert_eq!(soon(two.changed()).await, Change::Anything);
    server.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    assert_eq!(soon(two.changed()).await, Change::Anything);
    rotate(&one, "wx1", 1).await.unwrap();
    assert_eq!(soon(two.changed()).await, Change::Credential(credential("wx1")));
}

#[tokio::test]
async fn a_store_with_another_prefix_is_another_store() {
    let server = RedisServer::start();
    let one = open(&server).await;
    let two = open_at(&format!("{}?prefix=other:", server.url())).await.unwrap();
    one.put_account(&account("wx1")).await.unwrap();
    rotate(&one, "wx1", 1).await.unwrap();
    assert_eq!(two.accounts().await.unwrap(), []);
    assert_eq!(two.load().await.unwrap(), []);
}

#[tokio::test]
async fn a_node_notices_that_another_has_changed_an_account() {
    let server = RedisServer::start();
    let (one, two) = (open(&server).await, open(&server).await);
    let before = two.accounts_revision().await.unwrap();
    one.put_account(&account("wx1")).await.unwrap();
    let after = two.accounts_revision().await.unwrap();
    assert!(after > before);
    rotate(&one, "wx1", 1).await.unwrap();
    assert_eq!(two.accounts_revision().await.unwrap(), after);
    one.remove_account(&"wx1".parse().unwrap()).await.unwrap();
    assert!(two.accounts_revision().await.unwrap() > after);
}

#[tokio::test]
async fn many_accounts_are_loaded_in_pieces() {
    let server = RedisServer::start_with(&["--appendonly", "no"]);
    let store = open(&server).await;
    for number in 0..1500 {
        rotate(&store, &format!("wx{number}"), 1).await.unwrap();
    }
    assert_eq!(store.load().await.unwrap().len(), 1500);
}

#[tokio::test]
async fn a_failover_by_sentinels_is_followed() {
    let mut master = RedisServer::start();
    let replica = RedisServer::start_with(&[
        "--replicaof",
        "127.0.0.1",
        &master.port().to_string(),
        "--repl-diskless-sync-delay",
        "0",
    ]);
    let sentinel = RedisServer::start_sentinel(master.port());
    let port = sentinel.port();
    let store = open_at(&format!("redis+sentinel://127.0.0.1:{port}/mymaster")).await.unwrap();
    rotate(&store, "wx1", 1).await.unwrap();
    soon(async {
        // Sentinels replace a master only by a replica that they know.
        while !replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
            || !sentinel
                .cli(&["SENTINEL", "REPLICAS", "mymaster"])
                .contains("master-link-status\nok")
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    master.kill();
    let record = soon(async {
        loop {
            match rotate(&store, "wx1", 2).await {
                Ok(()) => break store.read(&credential("wx1")).await.unwrap().unwrap(),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    })
    .await;
    assert_eq!(record.token, Some(token("wx1", 2)));
    assert!(replica.cli(&["INFO", "replication"]).contains("role:master"));
}

#[tokio::test]
async fn a_cluster_of_three_masters_holds_a_store() {
    let servers = RedisServer::start_cluster();
    let url = format!("redis+cluster://127.0.0.1:{}", servers[1].port());
    let (one, two) = (open_at(&url).await.unwrap(), open_at(&url).await.unwrap());
    assert_eq!(soon(two.changed()).await, Change::Anything);
    let names: Vec<String> = (0..30).map(|number| format!("wx{number}")).collect();
    for name in &names {
        one.put_account(&account(name)).await.unwrap();
        rotate(&one, name, 1).await.unwrap();
        assert_eq!(soon(two.changed()).await, Change::Credential(credential(name)));
    }
    assert_eq!(two.load().await.unwrap().len(), 30);
    assert_eq!(two.accounts().await.unwrap().len(), 30);
    one.record(&[event("wx1"), event("wx2")]).await.unwrap();
    assert_eq!(two.events(Some(&"wx2".parse().unwrap()), 9).await.unwrap(), [event("wx2")]);
    assert!(two.remove_account(&"wx3".parse().unwrap()).await.unwrap());
    assert_eq!(two.load().await.unwrap().len(), 29);
    // They are where their tags say.
    let counts = servers.each_ref().map(|server| server.cli(&["DBSIZE"]).parse::<u32>().unwrap());
    assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
}

//! How nodes hear of each other; Sentinel and Cluster.

use std::sync::Arc;

use lingpai_core::store::Change;
use lingpai_core::{
    Account, CredentialId, Directory, Mode, Secret, StoreErrorKind, change_account,
};
use lingpai_store::RedisAddress;
use lingpai_store::conformance::none_is_lost;

use super::*;
use crate::support::{account, credential, event};

/// The next credential that a store tells of.
async fn heard(store: &RedisStore) -> CredentialId {
    match soon(store.changed()).await {
        Change::Credential(credential, _) => credential,
        other => panic!("{other:?} instead of a credential"),
    }
}

#[tokio::test]
async fn a_node_hears_what_others_store_and_not_what_it_stores_itself() {
    let server = RedisServer::start();
    let (one, two) = (open(&server).await, open(&server).await);
    for store in [&one, &two] {
        // It may have missed something before it began to listen.
        assert_eq!(soon(store.changed()).await, Change::Anything);
    }
    rotate(&one, "wx1", 1).await.unwrap();
    assert_eq!(heard(&two).await, credential("wx1"));
    rotate(&two, "wx2", 1).await.unwrap();
    assert_eq!(heard(&one).await, credential("wx2"));
}

#[tokio::test]
async fn a_node_that_was_cut_off_is_told_that_anything_may_have_changed() {
    let server = RedisServer::start();
    let (one, two) = (open(&server).await, open(&server).await);
    assert_eq!(soon(two.changed()).await, Change::Anything);
    server.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    assert_eq!(soon(two.changed()).await, Change::Anything);
    rotate(&one, "wx1", 1).await.unwrap();
    assert_eq!(heard(&two).await, credential("wx1"));
}

#[tokio::test]
async fn a_store_with_another_prefix_is_another_store() {
    let server = RedisServer::start();
    let one = open(&server).await;
    let two = open_at(&format!("{}?prefix=other:", server.url())).await.unwrap();
    one.put_account(&account("wx1"), None).await.unwrap();
    rotate(&one, "wx1", 1).await.unwrap();
    assert_eq!(two.accounts().await.unwrap(), []);
    assert_eq!(two.load().await.unwrap(), []);
}

#[tokio::test]
async fn a_node_notices_that_another_has_changed_an_account() {
    let server = RedisServer::start();
    let (one, two) = (open(&server).await, open(&server).await);
    let before = two.accounts_revision().await.unwrap();
    one.put_account(&account("wx1"), None).await.unwrap();
    let after = two.accounts_revision().await.unwrap();
    assert!(after > before);
    rotate(&one, "wx1", 1).await.unwrap();
    assert_eq!(two.accounts_revision().await.unwrap(), after);
    one.remove_account(&"wx1".parse().unwrap()).await.unwrap();
    assert!(two.accounts_revision().await.unwrap() > after);
}

#[tokio::test]
async fn of_changes_of_an_account_that_two_nodes_make_at_once_none_is_lost() {
    let server = RedisServer::start();
    none_is_lost(&[open(&server).await, open(&server).await].map(Arc::new)).await;
}

#[tokio::test]
async fn what_a_node_of_a_former_version_has_written_is_not_overwritten_by_who_has_not_read_it() {
    let server = RedisServer::start();
    let store = open(&server).await;
    let before = account("wx1");
    store.put_account(&before, None).await.unwrap();
    // It compares nothing, and at worst it changes something within the same millisecond.
    server.cli(&["HSET", "lingpai:{wx1}:account", "mode", "\"classic\""]);
    let changed = Account { secret: Secret::from("new"), ..before.clone() };
    let error = store.put_account(&changed, Some(&before)).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Changed, "{error}");
    let change = |stored: Option<&Account>| {
        Ok(stored.map(|stored| Account { secret: Secret::from("new"), ..stored.clone() }))
    };
    change_account::<StoreError>(&store, &before.id, change).await.unwrap();
    let both = Account { mode: Mode::Classic, ..changed };
    assert_eq!(store.accounts().await.unwrap(), [both]);
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
    let replica = master.start_replica();
    let sentinel = RedisServer::start_sentinel(master.port());
    let url = format!("redis+sentinel://127.0.0.1:{}/mymaster", sentinel.port());
    let store = open_at(&url).await.unwrap();
    rotate(&store, "wx1", 1).await.unwrap();
    survives_the_master(&store, &mut master, &replica, &sentinel).await;
}

#[tokio::test]
async fn a_failover_by_sentinels_is_followed_with_tls_too() {
    let folder = certificates();
    let mut master = RedisServer::start_with_tls(folder.path());
    let replica = master.start_replica_with_tls(folder.path());
    let sentinel = RedisServer::start_sentinel_with(master.port(), Some(folder.path()), "");
    let (port, folder) = (sentinel.port(), folder.path().display());
    let url = format!("rediss+sentinel://127.0.0.1:{port}/mymaster?ca={folder}/ca.pem");
    let store = open_at(&url).await.unwrap();
    rotate(&store, "wx1", 1).await.unwrap();
    survives_the_master(&store, &mut master, &replica, &sentinel).await;
}

/// Kills the master, and sees that the store goes on with the replica.
async fn survives_the_master(
    store: &RedisStore,
    master: &mut RedisServer,
    replica: &RedisServer,
    sentinel: &RedisServer,
) {
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
            match rotate(store, "wx1", 2).await {
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
async fn sentinels_may_have_a_user_and_a_password_of_their_own() {
    let master = RedisServer::start_with(&["--requirepass", "of-redis"]);
    let more = "user default off\nuser asker on >of-sentinels ~* &* +@all\n\
                sentinel auth-pass mymaster of-redis";
    let sentinel = RedisServer::start_sentinel_with(master.port(), None, more);
    let url = format!("redis+sentinel://:of-redis@127.0.0.1:{}/mymaster", sentinel.port());
    let address = |url: &str, password: &str| {
        let address: RedisAddress = url.parse().unwrap();
        address.with_sentinel_password(Secret::from(password))
    };
    let open = |address| RedisStore::open(RedisOptions { address, ..some_options() });
    open(url.parse().unwrap()).await.unwrap_err();
    let as_asker = format!("{url}?sentinel-user=asker");
    open(address(&as_asker, "wrong")).await.unwrap_err();
    let store = open(address(&as_asker, "of-sentinels")).await.unwrap();
    rotate(&store, "wx1", 1).await.unwrap();
}

#[tokio::test]
async fn a_cluster_with_tls_holds_a_store() {
    let folder = certificates();
    let servers = RedisServer::start_cluster_with(Some(folder.path()));
    let (port, ca) = (servers[1].port(), folder.path().join("ca.pem"));
    let url = format!("rediss+cluster://127.0.0.1:{port}?ca={}", ca.display());
    let (one, two) = (open_at(&url).await.unwrap(), open_at(&url).await.unwrap());
    assert_eq!(soon(two.changed()).await, Change::Anything);
    for name in ["wx1", "wx2", "wx3", "wx4"] {
        rotate(&one, name, 1).await.unwrap();
        assert_eq!(heard(&two).await, credential(name));
    }
    assert_eq!(two.load().await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_cluster_of_three_masters_holds_a_store() {
    let servers = RedisServer::start_cluster();
    let url = format!("redis+cluster://127.0.0.1:{}", servers[1].port());
    let (one, two) = (open_at(&url).await.unwrap(), open_at(&url).await.unwrap());
    assert_eq!(soon(two.changed()).await, Change::Anything);
    let names: Vec<String> = (0..30).map(|number| format!("wx{number}")).collect();
    for name in &names {
        one.put_account(&account(name), None).await.unwrap();
        rotate(&one, name, 1).await.unwrap();
        assert_eq!(heard(&two).await, credential(name));
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

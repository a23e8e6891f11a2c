//! Another master key while nodes run.

use lingpai_core::{Directory, Outbox, StoreErrorKind};
use lingpai_store::KeySource;

use super::upgrading::of_the_first_layout;
use super::*;
use crate::support::{account, credential, parcel};

/// Whether both understand what the other stores.
pub(super) async fn assert_understood(one: &RedisStore, two: &RedisStore, generation: u64) {
    for (writer, reader, generation) in [(one, two, generation), (two, one, generation + 1)] {
        rotate(writer, "wx1", generation).await.unwrap();
        let record = reader.read(&credential("wx1")).await.unwrap().unwrap();
        assert_eq!(record.token, Some(token("wx1", generation)));
        writer.put_account(&account("wx1"), None).await.unwrap();
        assert_eq!(reader.accounts().await.unwrap(), [account("wx1")]);
    }
}

#[tokio::test]
async fn nodes_go_on_while_the_master_key_is_replaced_and_start_with_the_new_one_only() {
    let server = RedisServer::start();
    let (one, two) = (open_with(&server, 1).await.unwrap(), open_with(&server, 1).await.unwrap());
    assert_understood(&one, &two, 1).await;
    assert_eq!(open_with(&server, 1).await.unwrap().rekey(&master(2)).await.unwrap(), 0);
    assert_understood(&one, &two, 3).await;
    let error = open_with(&server, 1).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Sealed);
    assert!(error.to_string().contains("`lingpai store rekey`), that one"), "{error}");
    let three = open_with(&server, 2).await.unwrap();
    assert_understood(&one, &three, 5).await;
    // And again, with nodes that were not started since.
    three.rekey(&master(3)).await.unwrap();
    let four = open_with(&server, 3).await.unwrap();
    assert_understood(&one, &four, 7).await;
    assert_eq!(open_with(&server, 2).await.unwrap_err().kind, StoreErrorKind::Sealed);
}

#[tokio::test]
async fn a_redis_that_forgot_its_new_master_key_is_told_it_by_the_nodes() {
    let server = RedisServer::start();
    let node = open_with(&server, 1).await.unwrap();
    node.put_account(&account("wx1"), None).await.unwrap();
    assert_eq!(node.accounts().await.unwrap(), [account("wx1")]);
    server.cli(&["COPY", "lingpai:meta", "before"]);
    open_with(&server, 1).await.unwrap().rekey(&master(2)).await.unwrap();
    // The node looks at it after each mark that it sets.
    for _ in 0..2 {
        let mark = server.cli(&["GET", "lingpai:{mark-0}"]);
        let is_set_anew = || server.cli(&["GET", "lingpai:{mark-0}"]) != mark;
        soon(async {
            while !is_set_anew() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }
    for lose in [&["FLUSHALL"][..], &["COPY", "before", "lingpai:meta", "REPLACE"]] {
        server.cli(lose);
        let opened = soon(async {
            loop {
                match open_with(&server, 2).await {
                    Ok(store) if server.cli(&["HGET", "lingpai:meta", "rekeys"]) == "1" => {
                        break store;
                    }
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        })
        .await;
        assert_eq!(node.accounts().await.unwrap(), [account("wx1")]);
        assert_eq!(opened.accounts().await.unwrap(), [account("wx1")]);
        assert_understood(&node, &opened, 1).await;
        opened.remove_account(&"wx1".parse().unwrap()).await.unwrap();
        opened.put_account(&account("wx1"), None).await.unwrap();
    }
}

#[tokio::test]
async fn of_two_that_found_an_emptied_store_anew_each_understands_the_other() {
    let server = RedisServer::start();
    let old = open_with(&server, 1).await.unwrap();
    rotate(&old, "wx1", 1).await.unwrap();
    server.cli(&["FLUSHALL"]);
    // Nobody seems to know the store, so it is given a data key of its own, unless the other was faster.
    server.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    let new = open_with(&server, 1).await.unwrap();
    new.put_account(&account("wx1"), None).await.unwrap();
    new.put_parcel(&parcel("wx1")).await.unwrap();
    assert_eq!(old.parcels(&"wx1".parse().unwrap(), 9).await.unwrap(), [parcel("wx1")]);
    assert_eq!(old.accounts().await.unwrap(), [account("wx1")]);
    assert_understood(&new, &old, 2).await;
}

#[tokio::test]
async fn a_key_that_came_from_a_file_is_replaced_in_the_file() {
    let server = RedisServer::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("master.key");
    std::fs::write(&file, "01".repeat(32)).unwrap();
    let options = RedisOptions { key: KeySource::File(file.clone()), ..options(&server) };
    let store = RedisStore::open(options.clone()).await.unwrap();
    store.put_account(&account("wx1"), None).await.unwrap();
    store.rekey(&master(2)).await.unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), "02".repeat(32));
    // Cut off after the store had the new key, before the file had.
    let waiting = folder.path().join("master.key.new");
    std::fs::rename(&file, &waiting).unwrap();
    std::fs::write(&file, "01".repeat(32)).unwrap();
    let store = RedisStore::open(options).await.unwrap();
    assert_eq!(store.accounts().await.unwrap(), [account("wx1")]);
    assert!(!waiting.exists());
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), "02".repeat(32));
}

#[tokio::test]
async fn after_a_rekey_nothing_is_left_that_the_key_of_the_first_layout_opens() {
    let server = RedisServer::start();
    of_the_first_layout(&server).await;
    let store = open_with(&server, 1).await.unwrap();
    assert_eq!(store.accounts().await.unwrap(), [account("wx1")]);
    // The secret, the proxy, how pushes are received, the keys of API security, the token, its companion, and a push.
    assert_eq!(store.rekey(&master(2)).await.unwrap(), 7);
    let keys = server.cli(&["HKEYS", "lingpai:meta"]);
    assert_eq!(keys.matches("key:").count(), 1, "{keys}");
    let fresh = open_with(&server, 2).await.unwrap();
    assert_eq!(fresh.accounts().await.unwrap(), [account("wx1")]);
    assert_eq!(fresh.parcels(&"wx1".parse().unwrap(), 9).await.unwrap(), [parcel("wx1")]);
    assert_understood(&store, &fresh, 8).await;
}

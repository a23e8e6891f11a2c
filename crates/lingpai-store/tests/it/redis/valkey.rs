//! A Valkey, which knows what Debian's Redis does not know yet: `WAITAOF`, by which replicas confirm what they have on their disks.

use lingpai_core::{Directory, StoreErrorKind};

use super::*;
use crate::support::{account, valkey};

const ALWAYS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// A master with these arguments, and a replica that keeps a log.
fn master_and_replica(arguments: &[&str]) -> (RedisServer, RedisServer) {
    let master = RedisServer::start_program(&valkey(), arguments);
    let replica = master.start_replica();
    assert_eq!(replica.cli(&["CONFIG", "SET", "appendfsync", "always"]), "OK");
    (master, replica)
}

async fn open_with_one(master: &RedisServer) -> RedisStore {
    soon(open_at(&format!("{}?replicas=1", master.url()))).await.unwrap()
}

/// How often the server has carried out this command, without those that it refused.
fn times(server: &RedisServer, command: &str) -> u64 {
    let stats = server.cli(&["INFO", "commandstats"]);
    let of = |name: &str, line: &str| -> Option<u64> {
        let rest = line.trim_end().split_once(name)?.1;
        rest.split(',').next()?.parse().ok()
    };
    let line = stats.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:")));
    let Some(line) = line else { return 0 };
    of("calls=", line).unwrap_or(0) - of("failed_calls=", line).unwrap_or(0)
}

#[tokio::test]
async fn replicas_confirm_what_they_have_on_their_disks() {
    let (master, replica) = master_and_replica(&ALWAYS);
    let store = open_with_one(&master).await;
    assert!(store.wanting().is_empty(), "{:?}", store.wanting());
    for number in 0..10 {
        let name = format!("wx{number}");
        store.put_account(&account(&name), None).await.unwrap();
        assert_eq!(replica.cli(&["EXISTS", &format!("lingpai:{{{name}}}:account")]), "1");
    }
    assert!(times(&master, "waitaof") > 10, "{}", master.cli(&["INFO", "commandstats"]));
    assert_eq!(times(&master, "wait"), 0);
}

#[tokio::test]
async fn a_replica_that_keeps_no_log_confirms_nothing() {
    let (master, replica) = master_and_replica(&ALWAYS);
    let store = open_with_one(&master).await;
    assert_eq!(replica.cli(&["CONFIG", "SET", "appendonly", "no"]), "OK");
    let error = store.put_account(&account("wx1"), None).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unconfirmed, "{error}");
    assert!(error.to_string().contains("only 0 of the replicas"), "{error}");
    // It has it all the same, but not on its disk.
    assert_eq!(replica.cli(&["EXISTS", "lingpai:{wx1}:account"]), "1");
    let url = format!("{}?replicas=1", master.url());
    let options = RedisOptions { address: url.parse().unwrap(), ..some_options() };
    let wanting = soon(RedisStore::check(&options)).await.unwrap();
    assert!(wanting[0].english.contains("a replica without a log of its own"), "{wanting:?}");
    assert_eq!(replica.cli(&["CONFIG", "SET", "appendonly", "yes"]), "OK");
    soon(async { while store.put_account(&account("wx1"), None).await.is_err() {} }).await;
}

#[tokio::test]
async fn where_the_master_keeps_no_log_replicas_confirm_what_they_have_in_memory() {
    let (master, mut replica) = master_and_replica(&["--appendonly", "no"]);
    let store = open_with_one(&master).await;
    store.put_account(&account("wx1"), None).await.unwrap();
    assert_eq!(replica.cli(&["EXISTS", "lingpai:{wx1}:account"]), "1");
    assert!(times(&master, "wait") > 0 && times(&master, "waitaof") == 0);
    replica.kill();
    let error = store.put_account(&account("wx2"), None).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unconfirmed, "{error}");
}

#[tokio::test]
async fn what_was_confirmed_is_there_when_both_were_killed() {
    let (mut master, mut replica) = master_and_replica(&ALWAYS);
    let store = open_with_one(&master).await;
    store.put_account(&account("wx1"), None).await.unwrap();
    master.kill();
    replica.kill();
    drop(store);
    replica.start_again();
    assert_eq!(replica.cli(&["EXISTS", "lingpai:{wx1}:account"]), "1");
    master.start_again();
    assert_eq!(open(&master).await.accounts().await.unwrap(), [account("wx1")]);
}

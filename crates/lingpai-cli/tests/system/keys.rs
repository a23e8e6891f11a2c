//! Another master key, and another store, for nodes that run.

use std::fs;
use std::time::Duration;

use lingpai_store::conformance::RedisServer;
use tokio::time::sleep;

use crate::node::{Home, WeChat};

const TWO_HOURS: Duration = Duration::from_secs(7200);

/// Runs a command in a node's folder: whether it did what it was told, and what it said.
fn said(home: &Home, arguments: &[&str]) -> (bool, String) {
    let output = home.command(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout) + &text(output.stderr))
}

/// The folder of a node on this Redis, with the master key in a file of its own.
fn on(redis: &RedisServer, wechat: &WeChat) -> Home {
    let lines = format!("store = \"{}\"\nmaster-key = {{ file = \"master.key\" }}", redis.url());
    Home::with_file(wechat, ("master.key", &"5e".repeat(32)), &lines)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_on_a_redis_go_on_while_it_is_given_another_master_key() {
    let redis = RedisServer::start();
    let wechat = WeChat::start(TWO_HOURS, 1).await;
    let (one, two) = (on(&redis, &wechat), on(&redis, &wechat));
    let nodes = (one.start().await, two.start().await);
    let token = one.token(0).await.unwrap();
    assert_eq!(two.token(0).await.unwrap(), token);
    // Broken off at any moment, what is in the file opens the store.
    for wait in [0, 5, 10, 20, 40, 60, 80, 120] {
        let mut rekey = one.command(&["store", "rekey"]).spawn().unwrap();
        sleep(Duration::from_millis(wait)).await;
        let _ = rekey.kill();
        rekey.wait().unwrap();
        let (is_fine, told) = said(&one, &["key", "list"]);
        assert!(is_fine, "killed after {wait} ms: {told}");
    }
    let (is_fine, told) = said(&one, &["store", "rekey"]);
    assert!(is_fine && told.contains("Nodes that run go on"), "{told}");
    // What one seals now, the other opens, and neither was started anew.
    for (from, to) in [(&one, &two), (&two, &one)] {
        wechat.revoke(0);
        let before = from.token(0).await.unwrap();
        from.report(0, &before).await;
        let new = from.token(0).await.unwrap();
        assert!(new != before && wechat.accepts(&new));
        while to.token(0).await.unwrap() != new {
            sleep(Duration::from_millis(20)).await;
        }
    }
    let fetches = wechat.fetches();
    nodes.0.end().await;
    nodes.1.end().await;
    // The former key is in the folder of the second still.
    let (is_fine, told) = said(&two, &["serve"]);
    assert!(!is_fine && told.contains("`lingpai store rekey`), that one"), "{told}");
    fs::copy(one.file("master.key"), two.file("master.key")).unwrap();
    let node = two.start().await;
    assert!(wechat.accepts(&two.token(0).await.unwrap()));
    assert_eq!(wechat.fetches(), fetches, "a restart costs none");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_of_a_server_that_runs_is_given_no_other_master_key() {
    let wechat = WeChat::start(TWO_HOURS, 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let node = home.start().await;
    let token = home.token(0).await.unwrap();
    let before = fs::read(home.file("lingpai.key")).unwrap();
    let (is_fine, told) = said(&home, &["store", "rekey"]);
    assert!(!is_fine && told.contains("Stop Lingpai first"), "{told}");
    assert_eq!(fs::read(home.file("lingpai.key")).unwrap(), before);
    node.end().await;
    let (is_fine, told) = said(&home, &["store", "rekey"]);
    assert!(is_fine, "{told}");
    assert_ne!(fs::read(home.file("lingpai.key")).unwrap(), before);
    let node = home.start().await;
    assert_eq!(home.token(0).await.unwrap(), token);
    assert_eq!(wechat.fetches(), 1);
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_moves_to_a_redis_and_back_without_a_fetch() {
    let redis = RedisServer::start();
    let wechat = WeChat::start(TWO_HOURS, 1).await;
    // In classic mode a fetch would kill the token.
    let home = Home::new(&wechat, 1, "classic", "", "");
    let on_file = home.configuration();
    let lines = format!("store = \"{}\"\nmaster-key = {{ file = \"new.key\" }}\n", redis.url());
    fs::write(home.file("new.key"), "7a".repeat(32)).unwrap();
    let node = home.start().await;
    let token = home.token(0).await.unwrap();
    let there = redis.url();
    let move_there = [
        "store",
        "copy",
        "--from",
        "sqlite:lingpai.db",
        "--to",
        &there,
        "--to-key-file",
        "new.key",
    ];
    let (is_fine, told) = said(&home, &move_there);
    assert!(!is_fine && told.contains("1 other process(es) use the store sqlite:"), "{told}");
    node.end().await;
    let (is_fine, told) = said(&home, &move_there);
    assert!(is_fine && told.contains("Both stores were read again and say the same"), "{told}");
    assert!(told.contains("accounts: 1 of 1") && told.contains("Not copied: leases"), "{told}");

    home.write(&format!("{lines}{on_file}"));
    let node = home.start().await;
    assert_eq!(home.token(0).await.unwrap(), token);
    wechat.revoke(0);
    home.report(0, &token).await;
    let token = home.token(0).await.unwrap();
    assert!(wechat.accepts(&token));
    let move_back = [
        "store",
        "copy",
        "--from",
        &there,
        "--to",
        "sqlite:lingpai.db",
        "--to-key-file",
        "lingpai.key",
    ];
    let (is_fine, told) = said(&home, &move_back);
    assert!(!is_fine && told.contains("1 other process(es) use the store redis:"), "{told}");
    node.end().await;
    let (is_fine, told) = said(&home, &move_back);
    assert!(!is_fine && told.contains("holds other data than the source"), "{told}");
    let (is_fine, told) = said(&home, &[&move_back[..], &["--merge"]].concat());
    assert!(is_fine, "{told}");

    home.write(&on_file);
    let node = home.start().await;
    assert_eq!(home.token(0).await.unwrap(), token);
    assert_eq!(wechat.fetches(), 2, "the first, and the one after the revocation");
    node.end().await;
    home.assert_nothing_leaked();
    home.assert_nothing_leaked_into(
        &redis.directory().join("appendonlydir"),
        "appendonly.aof.1.incr.aof",
    );
}

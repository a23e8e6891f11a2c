//! A backup made while the server runs, the store lost, the backup put back: on real processes, in both modes.

use std::time::Duration;

use lingpai_sandbox::OtherSystem;
use lingpai_store::conformance::RedisServer;

use crate::node::{Home, WeChat, appid};
use crate::nodes;
use crate::reload::token_soon;

fn run(home: &Home, arguments: &[&str]) -> String {
    let output = home.command(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

async fn there_and_back(mode: &str) -> (WeChat, Home, u64) {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, mode, "", "");
    let node = home.start().await;
    token_soon(&home, 0).await;
    run(&home, &["store", "backup", "backup.db"]);

    // What the backup does not know: the token that it has was replaced, and replaced again.
    if mode == "classic" {
        wechat.world.with(|world, now| {
            for _ in 0..2 {
                world.other_system_refreshes(now, &appid(0), OtherSystem::Classic).unwrap();
            }
        });
    }
    let refused = home.command(&["store", "restore", "backup.db"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("Stop it first"), "{said}");
    node.kill();
    std::fs::write(home.store(), "the disk has eaten it").unwrap();

    let said = run(&home, &["store", "restore", "backup.db"]);
    assert!(said.contains("Restored: 1 accounts, 1 API keys, 1 tokens"), "{said}");
    let before = wechat.fetches();
    let node = home.start().await;
    let token = token_soon(&home, 0).await;
    assert!(wechat.accepts(&token), "a dead token was served:\n{}", home.printed());
    node.end().await;
    home.assert_nothing_leaked();
    let fetches = wechat.fetches() - before;
    (wechat, home, fetches)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_classic_account_from_a_backup_serves_no_dead_token_and_costs_one_fetch() {
    let (_wechat, _home, fetches) = there_and_back("classic").await;
    assert_eq!(fetches, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stable_account_from_a_backup_serves_the_token_that_wechat_repeats() {
    let (_wechat, _home, fetches) = there_and_back("stable").await;
    assert!(fetches <= 1, "{fetches}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_beside_the_server_that_goes_on_fetches_nothing_and_serves_what_the_backup_has() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "classic", "", "");
    home.configure(0);
    let node = home.start().await;
    let secret = std::fs::read_to_string(home.secret_file(0)).unwrap();
    let wanted = format!(r#"{{"account":"{}","secret":"{secret}","mode":"classic"}}"#, appid(0));
    assert_eq!(home.call("POST", "/v1/accounts", &wanted).await.0, 201);
    let token = token_soon(&home, 0).await;
    run(&home, &["store", "backup", "backup.db"]);

    let other = Home::new(&wechat, 1, "classic", "", "");
    other.configure(0);
    for name in ["backup.db", "lingpai.key"] {
        std::fs::copy(home.file(name), other.file(name)).unwrap();
    }
    let said = run(&other, &["store", "restore", "--drill", "backup.db"]);
    assert!(said.contains("For a drill: each of these accounts is only observed"), "{said}");
    let fetches = || wechat.counters().calls_of("/cgi-bin/token");
    let before = fetches();
    // The keys of clients are those of the backup.
    let drilled = other.start().await;
    let mut answer =
        other.ask(&home.key, &format!("/v1/accounts/{}/token", appid(0))).await.unwrap();
    let (status, body) = crate::node::answer(&mut answer).await.unwrap();
    assert!(status == 200 && body.contains(&token), "{status} {body}");
    let looked = other.command(&["doctor"]).env("LINGPAI_LANG", "en").output().unwrap();
    let said = String::from_utf8_lossy(&looked.stdout).into_owned();
    assert!(said.contains("ok AppSecret"), "{said}");
    assert_eq!(fetches(), before, "the drill has fetched");
    assert!(wechat.accepts(&token));
    drilled.end().await;
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_lost_comes_back_from_a_backup_that_was_made_while_a_node_ran() {
    let redis = RedisServer::start();
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = nodes::home(&redis, &wechat, "classic", "");
    let node = home.start().await;
    token_soon(&home, 0).await;
    run(&home, &["store", "backup", "backup.db"]);
    node.kill();
    redis.cli(&["FLUSHALL"]);
    let said = run(&home, &["store", "restore", "backup.db"]);
    assert!(said.contains("Restored: 1 accounts, 1 API keys, 1 tokens"), "{said}");
    let node = home.start().await;
    let token = token_soon(&home, 0).await;
    assert!(wechat.accepts(&token), "a dead token was served:\n{}", home.printed());
    assert_eq!(wechat.fetches(), 2);
    // What is there is not overwritten.
    let refused = home.command(&["store", "restore", "backup.db"]).output().unwrap();
    assert!(!refused.status.success());
    node.end().await;
    home.assert_nothing_leaked_into(
        &redis.directory().join("appendonlydir"),
        "appendonly.aof.1.incr.aof",
    );
}

//! Three nodes on one Redis.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use lingpai_store::conformance::RedisServer;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::crowd::{TURN, all_at_once, slow_wechat};
use crate::node::{Home, WeChat, appid, soaking};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The folder of a node that keeps one account in this Redis.
fn home(redis: &RedisServer, wechat: &WeChat, mode: &str, for_each: &str) -> Home {
    let key = redis.directory().join("master.key");
    fs::write(&key, "5e".repeat(32)).unwrap();
    let store = format!(
        "call-deadline = \"2s\"\nstore = \"{}\"\nmaster-key = {{ file = \"{}\" }}",
        redis.url(),
        key.display()
    );
    Home::new(wechat, 1, mode, &store, for_each)
}

fn assert_nothing_leaked(redis: &RedisServer, homes: &[&Home]) {
    let log = redis.directory().join("appendonlydir");
    for home in homes {
        home.assert_nothing_leaked_into(&log, "appendonly.aof.1.incr.aof");
    }
}

/// What `/readyz` says: the code, the status, and why.
async fn readiness(home: &Home) -> (u16, String, String) {
    let (code, body) = home.get("/readyz").await.unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    (code, body["status"].as_str().unwrap().to_owned(), body["causes"].to_string())
}

async fn wait_for_readiness(home: &Home, status: &str) -> (u16, String) {
    let ready = async {
        loop {
            match readiness(home).await {
                (code, now, causes) if now == status => break (code, causes),
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    timeout(PATIENCE, ready).await.unwrap_or_else(|_| panic!("not {status}: {}", home.printed()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_thousand_cold_callers_of_three_nodes_cause_exactly_one_fetch() {
    let _turn = TURN.lock().await;
    let redis = RedisServer::start();
    let wechat = slow_wechat(None).await;
    let [a, b, c] = [(); 3].map(|()| home(&redis, &wechat, "classic", "refresh = \"on-demand\""));
    let nodes = [a.start().await, b.start().await, c.start().await];
    assert_eq!(wechat.fetches(), 0);
    let (from_a, from_b, from_c) =
        tokio::join!(all_at_once(&a, 1000), all_at_once(&b, 1000), all_at_once(&c, 1000));
    let answers = [from_a, from_b, from_c].concat();
    assert_eq!(answers.len(), 3000);
    let distinct: HashSet<_> = answers
        .iter()
        .map(|(status, body)| {
            assert_eq!(*status, 200, "{body}");
            serde_json::from_str::<Value>(body).unwrap()["access_token"].to_string()
        })
        .collect();
    assert_eq!(distinct.len(), 1);
    assert_eq!(wechat.fetches(), 1);
    for home in [&a, &b, &c] {
        home.token(0).await.unwrap();
    }
    for node in nodes {
        node.end().await;
    }
    assert_nothing_leaked(&redis, &[&a, &b, &c]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_node_that_fetches_is_killed_another_takes_over_at_the_end_of_its_lease() {
    let redis = RedisServer::start();
    let wechat = slow_wechat(None).await;
    let [a, b] = [(); 2].map(|()| {
        let each = "refresh = \"on-demand\"\nfallback = false\nfetch-deadline = \"2500ms\"";
        home(&redis, &wechat, "classic", each)
    });
    let (dying, node) = (a.start().await, b.start().await);
    let _ = tokio::join!(a.token(0), async {
        while wechat.fetches() == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        dying.kill();
    });
    let taken_over = async {
        loop {
            match b.token(0).await {
                Ok(token) => break token,
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    };
    let token = timeout(PATIENCE, taken_over).await.expect("nobody takes over");
    assert!(wechat.accepts(&token));
    assert_eq!(wechat.fetches(), 2, "the lost one, and the one that settles it");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_classic_mode_each_rotation_costs_one_fetch_and_reaches_all_nodes_soak() {
    let rotations: u64 = if soaking() { 100 } else { 3 };
    let redis = RedisServer::start();
    // The overlap in which a replaced token still works shrinks with its life.
    let wechat = WeChat::start(Duration::from_secs(10), 1).await;
    let homes = [(); 3].map(|()| home(&redis, &wechat, "classic", "fallback = false"));
    let nodes = [homes[0].start().await, homes[1].start().await, homes[2].start().await];
    let mut seen = HashSet::new();
    let started = Instant::now();
    while (seen.len() as u64) < rotations {
        let patience = Duration::from_secs(15 * rotations);
        assert!(started.elapsed() < patience, "only {} rotations", seen.len());
        for home in &homes {
            let token = home.token(0).await.unwrap();
            assert!(wechat.accepts(&token), "a node served a token that WeChat refuses");
            seen.insert(token);
        }
        sleep(Duration::from_millis(20)).await;
    }
    // One may just have been fetched that nobody has read yet.
    let fetches = wechat.fetches();
    assert!((rotations..=rotations + 1).contains(&fetches), "{fetches} fetches");
    for node in nodes {
        node.end().await;
    }
    assert_nothing_leaked(&redis, &homes.each_ref());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_nodes_serve_on_and_say_that_they_are_degraded() {
    let mut redis = RedisServer::start();
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let homes = [(); 2].map(|()| home(&redis, &wechat, "stable", ""));
    let nodes = [homes[0].start().await, homes[1].start().await];
    let token = homes[0].token(0).await.unwrap();
    wait_for_readiness(&homes[1], "ready").await;
    redis.kill();
    for home in &homes {
        let (code, causes) = wait_for_readiness(home, "degraded").await;
        assert_eq!(code, 200);
        assert!(causes.contains("cannot be read from the store"), "{causes}");
        assert_eq!(home.token(0).await.unwrap(), token);
    }
    redis.start_again();
    for home in &homes {
        wait_for_readiness(home, "ready").await;
        assert_eq!(home.token(0).await.unwrap(), token);
    }
    assert_eq!(wechat.fetches(), 1);
    for node in nodes {
        node.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_redis_has_lost_everything_nodes_serve_on_and_put_back_what_they_hold() {
    let redis = RedisServer::start();
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let homes = [(); 3].map(|()| home(&redis, &wechat, "stable", ""));
    let mut nodes = vec![homes[0].start().await, homes[1].start().await];
    let token = homes[0].token(0).await.unwrap();
    assert_eq!(homes[1].token(0).await.unwrap(), token);
    redis.cli(&["FLUSHALL"]);
    let exists =
        |key: &str| redis.cli(&["EXISTS", &format!("lingpai:{{{}}}:{key}", appid(0))]) == "1";
    let put_back = async {
        while !exists("account")
            || redis.cli(&[
                "HEXISTS",
                &format!("lingpai:{{{}}}:credential:access_token", appid(0)),
                "token",
            ]) != "1"
            || redis.cli(&["HLEN", "lingpai:keys"]) != "3"
            || redis.cli(&["EXISTS", "lingpai:meta"]) != "1"
        {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, put_back).await.unwrap_or_else(|_| panic!("{}", homes[0].printed()));
    // One that begins now finds the token, and does not replace it.
    nodes.push(homes[2].start().await);
    for home in &homes {
        assert_eq!(home.token(0).await.unwrap(), token);
    }
    assert_eq!(wechat.fetches(), 1);
    for node in nodes {
        node.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_redis_has_lost_everything_each_classic_credential_is_fetched_once_more_by_one_node()
{
    let redis = RedisServer::start();
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let homes = [(); 3].map(|()| {
        home(&redis, &wechat, "classic", "fallback = false\nfetch-deadline = \"2500ms\"")
    });
    let nodes = [homes[0].start().await, homes[1].start().await, homes[2].start().await];
    let token = homes[0].token(0).await.unwrap();
    for home in &homes {
        assert_eq!(home.token(0).await.unwrap(), token);
    }
    redis.cli(&["FLUSHALL"]);
    let fetched = async {
        while wechat.fetches() < 2 {
            for home in &homes {
                assert!(wechat.accepts(&home.token(0).await.unwrap()));
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, fetched).await.unwrap_or_else(|_| panic!("{}", homes[0].printed()));
    let mut tokens = HashSet::new();
    let same = async {
        for home in &homes {
            while home.token(0).await.unwrap() == token {
                sleep(Duration::from_millis(20)).await;
            }
            tokens.insert(home.token(0).await.unwrap());
        }
    };
    timeout(PATIENCE, same).await.unwrap_or_else(|_| panic!("{}", homes[1].printed()));
    // Whoever would fetch for himself has had the time.
    sleep(Duration::from_secs(10)).await;
    assert_eq!((tokens.len(), wechat.fetches()), (1, 2));
    for node in nodes {
        node.end().await;
    }
}

#[tokio::test]
async fn a_redis_that_cannot_be_relied_on_is_refused_by_the_check_and_by_the_start() {
    let redis = RedisServer::start();
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = home(&redis, &wechat, "stable", "");
    let said = |arguments: &[&str]| {
        let output = home.command(arguments).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(said(&["config", "check"]).0);
    redis.cli(&["CONFIG", "SET", "appendfsync", "everysec"]);
    let (is_fine, warning) = said(&["config", "check"]);
    assert!(is_fine && warning.contains("warning: ") && warning.contains("everysec"), "{warning}");
    redis.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    for arguments in [&["config", "check"][..], &["serve"]] {
        let (is_fine, error) = said(arguments);
        assert!(!is_fine && error.contains("CONFIG SET maxmemory-policy noeviction"), "{error}");
    }
}

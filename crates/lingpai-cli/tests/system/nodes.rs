//! Three nodes on one Redis.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use lingpai_sandbox::{Fault, FaultKind};
use lingpai_store::conformance::RedisServer;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::cable::{Cable, Passage};
use crate::crowd::{TURN, all_at_once, slow_wechat};
use crate::node::{Home, WeChat, appid, soaking};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The folder of a node that keeps one account in this Redis.
pub(crate) fn home(redis: &RedisServer, wechat: &WeChat, mode: &str, for_each: &str) -> Home {
    home_for(1, redis, wechat, mode, "2s", for_each)
}

/// The same of so many accounts, with this `call-deadline`.
fn home_for(
    accounts: usize,
    redis: &RedisServer,
    wechat: &WeChat,
    mode: &str,
    call_deadline: &str,
    for_each: &str,
) -> Home {
    let key = redis.directory().join("master.key");
    fs::write(&key, "5e".repeat(32)).unwrap();
    let store = format!(
        "call-deadline = \"{call_deadline}\"\nstore = \"{}\"\nmaster-key = {{ file = \"{}\" }}",
        redis.url(),
        key.display()
    );
    Home::new(wechat, accounts, mode, &store, for_each)
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

/// Waits until a node says this, with this among the causes: the code that it says it with.
async fn wait_for_readiness(home: &Home, status: &str, cause: &str) -> u16 {
    let ready = async {
        loop {
            match readiness(home).await {
                (code, now, causes) if now == status && causes.contains(cause) => break code,
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let ready = timeout(PATIENCE, ready).await;
    ready.unwrap_or_else(|_| panic!("not {status}, {cause}: {}", home.printed()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_thousand_cold_callers_of_three_nodes_cause_exactly_one_fetch_for_each_account() {
    const ACCOUNTS: usize = 5;
    let _turn = TURN.lock().await;
    let redis = RedisServer::start();
    let wechat = slow_wechat(ACCOUNTS, None).await;
    let [a, b, c] = [(); 3]
        .map(|()| home_for(ACCOUNTS, &redis, &wechat, "classic", "2s", "refresh = \"on-demand\""));
    let nodes = [a.start().await, b.start().await, c.start().await];
    assert_eq!(wechat.fetches(), 0);
    let ask = |home| all_at_once(home, 1000, ACCOUNTS);
    let (from_a, from_b, from_c) = tokio::join!(ask(&a), ask(&b), ask(&c));
    let answers = [from_a, from_b, from_c].concat();
    assert_eq!(answers.len(), 3000);
    let distinct: HashSet<_> = answers
        .iter()
        .map(|(status, body)| {
            assert_eq!(*status, 200, "{body}");
            serde_json::from_str::<Value>(body).unwrap()["access_token"].to_string()
        })
        .collect();
    assert_eq!(distinct.len(), ACCOUNTS);
    assert_eq!(wechat.fetches(), ACCOUNTS as u64);
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
    let wechat = slow_wechat(1, None).await;
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
    wait_for_readiness(&homes[1], "ready", "").await;
    redis.kill();
    for home in &homes {
        let cause = "the API keys cannot be read from the store";
        assert_eq!(wait_for_readiness(home, "degraded", cause).await, 200);
        assert_eq!(home.token(0).await.unwrap(), token);
    }
    redis.start_again();
    for home in &homes {
        wait_for_readiness(home, "ready", "").await;
        assert_eq!(home.token(0).await.unwrap(), token);
    }
    assert_eq!(wechat.fetches(), 1);
    for node in nodes {
        node.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_redis_is_away_nodes_serve_on_and_say_why_they_are_degraded() {
    let redis = RedisServer::start();
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let cable = Cable::to(redis.port()).await;
    let home = home(&redis, &wechat, "classic", "");
    let of_redis = format!("127.0.0.1:{}", redis.port());
    let of_cable = format!("127.0.0.1:{}", cable.port);
    home.write(&home.configuration().replace(&of_redis, &of_cable));
    let node = home.start().await;
    let token = home.token(0).await.unwrap();
    let unreachable = "the store cannot be reached";
    for (way, cause) in [
        ("refused", unreachable),
        ("partitioned", unreachable),
        ("slow", unreachable),
        ("hanging", unreachable),
        ("a replica", "the store can only be read now"),
        ("full", "the store has no room left"),
    ] {
        let set = |away: bool| match way {
            "refused" => cable.set(if away { Passage::Refused } else { Passage::Free }),
            "partitioned" => cable.set(if away { Passage::Blocked } else { Passage::Free }),
            "slow" => cable.delay(Duration::from_secs(if away { 3 } else { 0 })),
            "hanging" => redis.signal(if away { "STOP" } else { "CONT" }),
            "full" => {
                redis.cli(&["CONFIG", "SET", "maxmemory", if away { "1" } else { "0" }]);
            }
            _ => {
                let of = if away { ["127.0.0.1", "1"] } else { ["NO", "ONE"] };
                redis.cli(&["REPLICAOF", of[0], of[1]]);
            }
        };
        wait_for_readiness(&home, "ready", "").await;
        set(true);
        assert_eq!(wait_for_readiness(&home, "degraded", cause).await, 200, "{way}");
        assert_eq!(home.token(0).await.unwrap(), token, "{way}");
        set(false);
    }
    wait_for_readiness(&home, "ready", "").await;
    assert_eq!(wechat.fetches(), 1);
    node.end().await;
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

/// The lines of an account whose lease lasts eight seconds.
const SHORT_LEASE: &str = "refresh = \"on-demand\"\nfallback = false\nfetch-deadline = \"1s\"";

/// Reads until a node has a token.
async fn read_in_the_end(home: &Home) -> String {
    let read = async {
        loop {
            match timeout(Duration::from_secs(1), home.token(0)).await {
                Ok(Ok(token)) => break token,
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("no token: {}", home.printed()))
}

/// Two nodes in classic mode whose leases are short, and one more fetch than it takes would show.
async fn two_with_short_leases(redis: &RedisServer) -> (WeChat, [Home; 2]) {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let homes = [(); 2].map(|()| home_for(1, redis, &wechat, "classic", "900ms", SHORT_LEASE));
    (wechat, homes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_stopped_in_its_fetch_for_longer_than_its_lease_can_not_commit_soak() {
    let redis = RedisServer::start();
    let (wechat, [a, b]) = two_with_short_leases(&redis).await;
    wechat.world.with(|world, now| {
        let slow = FaultKind::Latency { milliseconds: 300 };
        world.fault(now, Fault::new(slow).on("*token").times(1)).unwrap();
    });
    let (stopped, node) = (a.start().await, b.start().await);
    let asking = async { drop(timeout(Duration::from_secs(1), a.token(0)).await) };
    tokio::join!(asking, async {
        while wechat.fetches() == 0 {
            sleep(Duration::from_millis(2)).await;
        }
        stopped.signal("STOP");
    });
    read_in_the_end(&b).await;
    assert_eq!(wechat.fetches(), 2, "the stopped one, and that of the node that took over");
    stopped.signal("CONT");
    // Whose token is the later one cannot be known: exactly one more fetch decides.
    let settled = async {
        while wechat.fetches() < 3 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, settled).await.expect("nothing more is fetched");
    sleep(Duration::from_secs(2)).await;
    let token = read_in_the_end(&a).await;
    assert_eq!(read_in_the_end(&b).await, token);
    assert!(wechat.accepts(&token));
    assert_eq!(wechat.fetches(), 3);
    for node in [stopped, node] {
        node.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_stopped_between_its_claim_and_its_fetch_does_not_fetch_soak() {
    let redis = RedisServer::start();
    let (wechat, [a, b]) = two_with_short_leases(&redis).await;
    let cable = Cable::to(redis.port()).await;
    let of_redis = format!("127.0.0.1:{}", redis.port());
    a.write(&a.configuration().replace(&of_redis, &format!("127.0.0.1:{}", cable.port)));
    let (stopped, node) = (a.start().await, b.start().await);
    cable.delay(Duration::from_millis(300));
    let asking = async { drop(timeout(Duration::from_secs(1), a.token(0)).await) };
    let key = format!("lingpai:{{{}}}:credential:access_token", appid(0));
    tokio::join!(asking, async {
        while redis.cli(&["HEXISTS", &key, "intent_fence"]) != "1" {
            sleep(Duration::from_millis(2)).await;
        }
        // The lease is granted, and the answer is still on its way.
        stopped.signal("STOP");
    });
    assert_eq!(wechat.fetches(), 0);
    let token = read_in_the_end(&b).await;
    stopped.signal("CONT");
    cable.delay(Duration::ZERO);
    assert_eq!(read_in_the_end(&a).await, token);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(wechat.fetches(), 1, "only the one that took over");
    for node in [stopped, node] {
        node.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_accounts_on_three_nodes_cost_exactly_one_fetch_for_each_rotation_soak() {
    let (accounts, lives, life) = if soaking() { (1000, 6, 60) } else { (100, 1, 30) };
    let life = Duration::from_secs(life);
    let redis = RedisServer::start_with(&["--appendonly", "no"]);
    let wechat = WeChat::start(life, accounts).await;
    wechat.stagger("classic", accounts, life, life / 8);
    let homes =
        [(); 3].map(|()| home_for(accounts, &redis, &wechat, "classic", "2s", "fallback = false"));
    let nodes = [homes[0].start().await, homes[1].start().await, homes[2].start().await];
    let started = Instant::now();
    let mut seen = vec![HashSet::new(); accounts];
    let (mut reads, mut round) = (0u64, 0usize);
    // Each account is read at least once in each life of a token.
    while started.elapsed() < life * lives {
        for (account, seen) in seen.iter_mut().enumerate() {
            let home = &homes[(account + round) % 3];
            let token = home.token(account).await.unwrap();
            if !wechat.accepts(&token) {
                let verdict = wechat.world.verdict(&token);
                panic!("account {account}: {verdict:?} from node {}", (account + round) % 3);
            }
            seen.insert(token);
            reads += 1;
        }
        round += 1;
    }
    let counters = wechat.counters();
    let (mut rotations, mut fetches) = (0, 0);
    for (account, seen) in seen.iter().enumerate() {
        let of_account = counters.app(&appid(account)).minted.classic;
        // One may just have been fetched that nobody has read yet.
        let read = seen.len() as u64;
        assert!((read..=read + 1).contains(&of_account), "{account}: {of_account} of {read}");
        rotations += read;
        fetches += of_account;
    }
    assert_eq!(fetches, wechat.fetches());
    println!(
        "{accounts} accounts, {rotations} tokens seen, {fetches} fetches, {reads} reads, none of a dead token"
    );
    for node in nodes {
        node.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_fetched_before_it_died_and_redis_forgot_is_repaired_by_the_first_report() {
    let redis = RedisServer::start();
    let wechat = WeChat::start(Duration::from_secs(60), 1).await;
    let [a, b] = [(); 2].map(|()| home(&redis, &wechat, "classic", "fallback = false"));
    let (dying, node) = (a.start().await, b.start().await);
    let token = a.token(0).await.unwrap();
    assert_eq!(b.token(0).await.unwrap(), token);
    // A token that was replaced lives on for two and a half seconds; sooner it is not replaced again.
    sleep(Duration::from_secs(4)).await;
    wechat.world.with(|world, now| {
        let slow = FaultKind::Latency { milliseconds: 1000 };
        world.fault(now, Fault::new(slow).on("*token").times(1)).unwrap();
    });
    let path = format!("/v1/accounts/{}/token/rotate", appid(0));
    let _ = timeout(Duration::from_millis(500), a.call("POST", &path, "")).await;
    assert_eq!(wechat.fetches(), 2);
    dying.kill();
    redis.cli(&["FLUSHALL"]);
    sleep(Duration::from_secs(4)).await;
    assert!(!wechat.accepts(&token));
    let repaired = async {
        loop {
            let token = b.token(0).await.unwrap();
            if wechat.accepts(&token) {
                break;
            }
            b.report(0, &token).await;
        }
    };
    timeout(Duration::from_secs(3), repaired).await.expect("nobody repairs it");
    node.end().await;
}

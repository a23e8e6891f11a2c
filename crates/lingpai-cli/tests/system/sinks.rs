//! Tokens that are delivered where programs look for them: an unmodified SDK, outages, kills, and two nodes on one place.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lingpai_store::conformance::RedisServer;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::node::{Home, WeChat, appid};
use crate::nodes;
use crate::sdk::Sdk;

const PATIENCE: Duration = Duration::from_secs(90);

/// A `[[sink]]` for the first account.
pub(crate) fn sink(name: &str, lines: &str) -> String {
    format!("[[sink]]\nname = \"{name}\"\naccount = \"{}\"\n{lines}\n", appid(0))
}

/// Adds sinks to what a node is configured with.
pub(crate) fn deliver(home: &Home, sinks: &str) {
    home.write(&format!("{}\n{sinks}", home.configuration()));
}

/// How the only sink stands.
pub(crate) async fn standing(home: &Home) -> Value {
    let (status, body) = home.call("GET", "/v1/sinks", "").await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str::<Value>(&body).unwrap()["sinks"][0].take()
}

pub(crate) async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !done().await {
            sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unmodified_sdk_reads_a_sink_through_ten_rotations_without_one_fetch_of_its_own() {
    const ROTATIONS: usize = 10;
    let wechat = WeChat::start(Duration::from_secs(4), 1).await;
    let redis = RedisServer::start();
    let home = Home::new(&wechat, 1, "stable", "", "");
    let lines = format!("redis = \"{}\"\nform = \"wechatpy\"", redis.url());
    deliver(&home, &sink("shop", &lines));
    let node = home.start().await;
    until("nothing is delivered", async || standing(&home).await["state"] == "current").await;

    let mut command = Sdk::Wechatpy.program("sink");
    command.args([&format!("http://{}", wechat.addr), &appid(0), &redis.port().to_string()]);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let used = Arc::new(Mutex::new((BTreeSet::new(), 0_u64)));
    let (heard, lines) = (Arc::clone(&used), BufReader::new(child.stdout.take().unwrap()).lines());
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let mut heard = heard.lock().unwrap();
            heard.0.insert(line);
            heard.1 += 1;
        }
    });
    until("the SDK does not go on", async || {
        assert!(child.try_wait().unwrap().is_none(), "the SDK has ended");
        used.lock().unwrap().0.len() > ROTATIONS
    })
    .await;
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (tokens, calls) = {
        let used = used.lock().unwrap();
        (used.0.len(), used.1)
    };
    println!("{tokens} tokens, {calls} calls");
    // Lingpai is in stable mode: whoever asks at the classic path is the SDK.
    assert_eq!(wechat.counters().calls_of("/cgi-bin/token"), 0);
    assert!(wechat.fetches() as usize <= tokens + 2, "{} fetches", wechat.fetches());
    home.token(0).await.unwrap();
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_outage_of_the_place_a_kill_and_a_loss_the_newest_token_is_there() {
    let wechat = WeChat::start(Duration::from_secs(6), 1).await;
    let mut redis = RedisServer::start();
    let home = Home::new(&wechat, 1, "classic", "", "");
    let lines = format!("redis = \"{}\"", redis.url());
    deliver(&home, &sink("shop", &lines));
    let key = format!("lingpai:token:{}", appid(0));
    let mut node = home.start().await;
    until("nothing is delivered", async || wechat.accepts(&redis.cli(&["GET", &key]))).await;

    // The place is away over several rotations: it is told, and the lag grows.
    redis.kill();
    until("the outage is not noticed", async || standing(&home).await["state"] == "failing").await;
    until("no lag", async || standing(&home).await["lag"].as_u64() > Some(1)).await;
    let (_, metrics) = home.get("/metrics").await.unwrap();
    let lag = metrics.lines().find(|line| line.starts_with("lingpai_sink_lag_seconds{")).unwrap();
    assert!(!lag.ends_with(" 0.0"), "{lag}");
    redis.start_again();
    until("it is not caught up with", async || {
        standing(&home).await["state"] == "current"
            && redis.cli(&["GET", &key]) == home.token(0).await.unwrap()
    })
    .await;
    let (_, events) = home.call("GET", "/v1/events/history", "").await;
    assert!(events.contains("sink-failed") && events.contains("sink-restored"), "{events}");

    // The node is killed, and what was delivered is lost meanwhile.
    node.kill();
    redis.cli(&["DEL", &key]);
    node = home.start().await;
    until("a start does not deliver", async || {
        redis.cli(&["GET", &key]) == home.token(0).await.unwrap()
    })
    .await;
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_deliver_to_one_key_and_no_reader_ever_sees_an_older_token() {
    let wechat = WeChat::start(Duration::from_secs(4), 1).await;
    let (store, shop) = (RedisServer::start(), RedisServer::start());
    let homes = [(); 2].map(|()| nodes::home(&store, &wechat, "stable", ""));
    let lines = format!("redis = \"{}\"\nform = \"json\"", shop.url());
    homes.iter().for_each(|home| deliver(home, &sink("shop", &lines)));
    let [a, b] = [homes[0].start().await, homes[1].start().await];
    let key = format!("lingpai:token:{}", appid(0));
    let (mut newest, mut generations) = (0, BTreeSet::new());
    let mut look = || {
        let held: Value = serde_json::from_str(&shop.cli(&["GET", &key])).unwrap_or_default();
        let Some(generation) = held["generation"].as_u64() else { return generations.len() };
        assert!(generation >= newest, "{generation} after {newest}");
        newest = generation;
        generations.insert(generation);
        generations.len()
    };
    until("there are no rotations", async || look() >= 3).await;
    // One dies and comes back: it delivers at its start, and must not step back.
    a.kill();
    until("the other one does not go on", async || look() >= 5).await;
    let a = homes[0].start().await;
    until("they do not go on together", async || look() >= 8).await;
    a.end().await;
    b.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_list_try_and_fill_a_sink() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/token");
    let file = sink("shop", &format!("path = \"{}\"\nform = \"plain\"", path.display()));
    let away = sink("away", "redis = \"redis://127.0.0.1:1/0\"\nform = \"plain\"");
    deliver(&home, &(file + &away));
    let node = home.start().await;
    let command = |arguments: &[&str]| {
        let server = format!("http://127.0.0.1:{}", home.port);
        let mut command = home.command(&["sink"]);
        command.env("LINGPAI_KEY", home.key()).args(arguments).args(["--server", &server]);
        let output = command.output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(told).unwrap())
    };
    home.token(0).await.unwrap();
    until("it does not fail", async || standing(&home).await["state"] == "failing").await;
    let (ok, told) = command(&["test", "shop"]);
    assert!(!ok && told.contains("Make its directory"), "{told}");
    let (ok, told) = command(&["test", "away"]);
    assert!(!ok && told.contains("the Redis cannot be reached, or does not answer: "), "{told}");
    until("why is not said in Chinese", async || {
        let (_, sinks) = home.call_in("zh", "GET", "/v1/sinks", "").await;
        ["请创建它所在的目录", "无法连接 Redis"].iter().all(|why| sinks.contains(why))
    })
    .await;
    std::fs::create_dir(folder.path().join("run")).unwrap();
    let (ok, told) = command(&["sync", "shop"]);
    assert!(ok && told.contains("was put there"), "{told}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), home.token(0).await.unwrap());
    assert!(command(&["test", "shop"]).0);
    let (ok, told) = command(&["list"]);
    assert!(ok && told.contains("current") && told.contains("run/token"), "{told}");
    let (ok, told) = command(&["sync", "nobody"]);
    assert!(!ok && told.contains("/v1/sinks lists"), "{told}");
    node.end().await;
    home.assert_nothing_leaked();
}

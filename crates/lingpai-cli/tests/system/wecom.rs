//! WeCom through a real server: what nobody notices of a token that expires without an overlap, and what is signed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use lingpai_sandbox::{DEMO_AGENT, DEMO_AGENT_SECRET, DEMO_CORPID, Fault, FaultKind};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::node::{Home, WeChat};

/// The application of the sandbox.
pub(crate) const ACCOUNT: &str = "ww5a0db0c0ffee0001:1000002";
const GETTOKEN: &str = "/qyapi/cgi-bin/gettoken";
const USER_GET: &str = "/qyapi/cgi-bin/user/get";
const TRIAL: &str = "/qyapi/cgi-bin/getcallbackip";

/// A node that keeps it.
pub(crate) fn home(wechat: &WeChat) -> Home {
    let home = Home::new(wechat, 0, "stable", "[gateway]\ncalls-per-minute = 1000000\n", "");
    std::fs::write(home.file("agent-secret"), DEMO_AGENT_SECRET).unwrap();
    let account = format!(
        "[[account]]\nid = \"{ACCOUNT}\"\nkind = \"wecom\"\nsecret = {{ file = \"agent-secret\" }}\n"
    );
    home.write(&(home.configuration() + &account));
    home
}

/// How many tokens WeCom has issued to it.
pub(crate) fn minted(wechat: &WeChat) -> u64 {
    wechat.counters().app(ACCOUNT).minted.wecom
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_across_an_expiry_all_succeed_and_one_fetch_brings_the_new_token() {
    let wechat = WeChat::start(Duration::from_secs(12), 0).await;
    ten_thousand_calls_across_an_expiry(Arc::new(wechat)).await;
}

/// Of such a token WeCom states what is left in whole seconds, so that it is asked too early.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_holds_for_a_token_that_somebody_else_had_fetched_before() {
    let wechat = WeChat::start(Duration::from_secs(12), 0).await;
    let query = format!("corpid={DEMO_CORPID}&corpsecret={DEMO_AGENT_SECRET}");
    let request = http::Request::get(format!("{GETTOKEN}?{query}")).body(Bytes::new()).unwrap();
    let peer = wechat.addr.ip();
    wechat.world.with(|world, now| drop(world.handle(now, peer, &request)));
    ten_thousand_calls_across_an_expiry(Arc::new(wechat)).await;
}

async fn ten_thousand_calls_across_an_expiry(wechat: Arc<WeChat>) {
    const CALLS: u64 = 10_000;
    const CLIENTS: usize = 16;
    let home = Arc::new(home(&wechat));
    let node = home.start().await;
    said(&home, &["token", ACCOUNT]);
    // The first that Lingpai was given may have been a repetition.
    let before = wechat.counters().app(ACCOUNT).repeated;
    let calls = Arc::<AtomicU64>::default();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (home, wechat, calls) = (Arc::clone(&home), Arc::clone(&wechat), Arc::clone(&calls));
        let path = format!("/gateway/{ACCOUNT}{USER_GET}?userid=zhangsan");
        clients.spawn(async move {
            // Not fewer, and not before it has expired.
            while calls.load(Ordering::Relaxed) < CALLS || minted(&wechat) < 2 {
                let (status, body) = home.get(&path).await.unwrap();
                let answer: Value = serde_json::from_str(&body).unwrap();
                assert_eq!((status, answer["errcode"].as_i64()), (200, Some(0)), "{body}");
                calls.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    clients.join_all().await;
    let app = wechat.counters().app(ACCOUNT);
    let (minted, in_vain) = (app.minted.wecom, app.repeated - before);
    let calls = calls.load(Ordering::Relaxed);
    println!("{calls} calls, {minted} tokens, {in_vain} fetches brought the one before");
    assert!(minted >= 2 && in_vain <= 2 * (minted - 1), "{minted} minted, {in_vain} in vain");
    // Nobody had to be sent again, either: WeCom saw no token that had expired.
    let outcomes = &wechat.counters().paths[USER_GET].outcomes;
    assert_eq!(outcomes.get("0"), Some(&calls));
    println!("WeCom's answers: {outcomes:?}");
    node_is_discreet(&home);
    node.end().await;
}

/// Neither the secret nor a corpid's query stands in what the node printed.
fn node_is_discreet(home: &Home) {
    let printed = home.printed();
    assert!(!printed.contains(DEMO_AGENT_SECRET) && !printed.contains("corpsecret"));
}

/// What a command printed.
fn said(home: &Home, arguments: &[&str]) -> String {
    let server = format!("http://127.0.0.1:{}", home.port);
    let mut command = home.command(arguments);
    let output =
        command.args(["--server", &server]).env("LINGPAI_KEY", home.key()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_signed_for_the_corp_and_for_the_application_also_after_the_token_was_ended() {
    let wechat = WeChat::start(Duration::from_secs(7200), 0).await;
    let home = home(&wechat);
    let node = home.start().await;
    let token = said(&home, &["token", ACCOUNT]);
    wechat.world.with(|world, _| world.revoke_agent(DEMO_CORPID, DEMO_AGENT).unwrap());
    let url = "https://shop.example.com/cart?id=1";
    for (arguments, signer) in
        [(&["--api", "scanQRCode"][..], DEMO_CORPID), (&["--agent"], ACCOUNT)]
    {
        let config = said(&home, &[&["js-config", ACCOUNT, url], arguments].concat());
        let config: Value = serde_json::from_str(&config).unwrap();
        let word = |name: &str| config[name].as_str().unwrap().to_owned();
        let stamp = (&*word("nonceStr"), config["timestamp"].as_u64().unwrap());
        let accepted = wechat
            .world
            .with(|world, now| world.accepts_page(now, signer, stamp, url, &word("signature")));
        assert!(accepted, "{config}");
    }
    assert_ne!(said(&home, &["token", ACCOUNT]), token);
    assert_eq!(minted(&wechat), 2);
    let called = said(&home, &["call", ACCOUNT, "/qyapi/cgi-bin/user/get", "userid=zhangsan"]);
    assert!(called.contains("张三"), "{called}");
    let status = said(&home, &["status", ACCOUNT]);
    assert!(status.contains("agent_config_ticket") || status.contains("access_token"), "{status}");
    node_is_discreet(&home);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_is_asked_for_a_few_times_only() {
    let wechat = WeChat::start(Duration::from_secs(7200), 0).await;
    let home = home(&wechat);
    std::fs::write(home.file("agent-secret"), "wrong").unwrap();
    let node = home.start().await;
    for _ in 0..50 {
        let path = format!("/gateway/{ACCOUNT}{USER_GET}?userid=zhangsan");
        let (_, body) = home.get(&path).await.unwrap();
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["errcode"], 990_001, "{body}");
    }
    assert_eq!(wechat.counters().calls_of(GETTOKEN), 1);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_code_that_means_the_token_in_wecom_has_it_replaced_and_the_call_repeated() {
    let wechat = WeChat::start(Duration::from_secs(7200), 0).await;
    let home = home(&wechat);
    let node = home.start().await;
    let path = format!("/gateway/{ACCOUNT}{USER_GET}?userid=zhangsan");
    let call = async || {
        let (_, body) = home.get(&path).await.unwrap();
        serde_json::from_str::<Value>(&body).unwrap()["errcode"].as_i64().unwrap()
    };
    assert_eq!(call().await, 0);
    wechat.world.with(|world, _| world.revoke_agent(DEMO_CORPID, DEMO_AGENT).unwrap());
    assert_eq!(call().await, 0, "tried, replaced and sent again");
    assert_eq!((minted(&wechat), wechat.counters().calls_of(TRIAL)), (2, 1));
    // A wrong secret and a foreign address say nothing about the token.
    let wrong = FaultKind::Errcode { errcode: 40001, errmsg: None };
    let wrong = Fault::new(wrong).on(USER_GET).times(1);
    wechat.world.with(|world, now| world.fault(now, wrong).unwrap());
    assert_eq!(call().await, 40001);
    wechat.world.with(|world, _| {
        let elsewhere = vec!["203.0.113.7".parse().unwrap()];
        world.trust(DEMO_CORPID, DEMO_AGENT, elsewhere).unwrap();
    });
    assert_eq!(call().await, 60020);
    assert_eq!((minted(&wechat), wechat.counters().calls_of(TRIAL)), (2, 1));
    node.end().await;
}

//! WeCom's service providers through a real server: from the pushed ticket to a corp's token, and what a kill costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use lingpai_sandbox::{
    Act, DEMO_CORPID, DEMO_PROVIDER, DEMO_PROVIDER_SECRET, DEMO_SUITE, DEMO_SUITE_SECRET, Fault,
    FaultKind, PushTo, When,
};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::node::{Home, PATIENCE, WeChat, answer};

const TOKEN: &str = "pushtoken0of0test";
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const EXCHANGE: &str = "/qyapi/cgi-bin/service/v2/get_permanent_code";

/// The corp's account.
fn corp() -> String {
    format!("{DEMO_CORPID}:{DEMO_SUITE}")
}

/// A node that keeps the sandbox's suite and its provider.
pub(crate) fn home(wechat: &WeChat) -> Home {
    let home = Home::new(wechat, 0, "stable", "[gateway]\ncalls-per-minute = 1000000\n", "");
    for (file, text) in [
        ("push-token", TOKEN),
        ("push-key", KEY),
        ("suite-secret", DEMO_SUITE_SECRET),
        ("provider-secret", DEMO_PROVIDER_SECRET),
    ] {
        std::fs::write(home.file(file), text).unwrap();
    }
    home.write(&format!(
        "{}[[account]]\nid = \"{DEMO_PROVIDER}:provider\"\nkind = \"wecom-provider\"\n\
         secret = {{ file = \"provider-secret\" }}\n\
         [[account]]\nid = \"{DEMO_SUITE}\"\nkind = \"wecom-suite\"\nsecret = {{ file = \"suite-secret\" }}\n\
         platform = \"{DEMO_PROVIDER}:provider\"\n\
         [account.push]\ntoken = {{ file = \"push-token\" }}\nencoding-aes-key = {{ file = \"push-key\" }}\n",
        home.configuration()
    ));
    home
}

/// Has WeCom push to the node, beginning with a ticket.
pub(crate) fn push(wechat: &WeChat, home: &Home) {
    let url = format!("http://127.0.0.1:{}/push/{DEMO_SUITE}", home.port);
    let to = PushTo { url, token: TOKEN.into(), encoding_aes_key: KEY.into() };
    wechat.world.with(|world, _| world.push_suite_to(DEMO_SUITE, Some(to)).unwrap());
}

fn authorize(wechat: &WeChat) {
    wechat.world.with(|world, now| world.authorize_suite(now, DEMO_SUITE, DEMO_CORPID)).unwrap();
}

/// Waits until this holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !holds().await {
            sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}"));
}

/// The token of the corp's account, once the account is there.
pub(crate) async fn corp_token(home: &Home) -> String {
    let path = format!("/v1/accounts/{}/token", corp());
    let mut found = None;
    until("the corp's account has no token", async || {
        let (status, body) = home.get(&path).await.unwrap_or((0, String::new()));
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        found = answer["access_token"].as_str().filter(|_| status == 200).map(str::to_owned);
        found.is_some()
    })
    .await;
    found.unwrap()
}

/// What WeCom says of a corp's token.
fn tried(wechat: &WeChat, token: &str) -> Value {
    let uri = format!("/qyapi/cgi-bin/getcallbackip?access_token={token}");
    let request = http::Request::get(uri).body(Bytes::new()).unwrap();
    let peer = wechat.addr.ip();
    match wechat.world.with(|world, now| world.handle(now, peer, &request)).act {
        Act::Answer(answer) => serde_json::from_slice(answer.body()).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Lets the exchange of an auth_code hang, once.
fn hang(wechat: &WeChat, when: When) {
    let fault = Fault::new(FaultKind::Hang { when }).on(EXCHANGE).times(1);
    wechat.world.with(|world, now| world.fault(now, fault).unwrap());
}

async fn exchanges(wechat: &WeChat, count: u64) {
    until("no exchange", async || wechat.counters().calls_of(EXCHANGE) == count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pushed_ticket_and_a_corps_authorisation_bring_a_token_that_wecom_accepts() {
    let wechat = WeChat::start(Duration::from_secs(7200), 0).await;
    let home = home(&wechat);
    let node = home.start().await;
    let suite_tokens = || wechat.counters().app(DEMO_SUITE).minted.suite;
    let asked = wechat.counters().calls_of("/qyapi/cgi-bin/service/get_suite_token");
    assert_eq!(asked, 0, "without a ticket there is nothing to ask with");
    push(&wechat, &home);
    until("no suite token", async || suite_tokens() == 1).await;
    until("no provider token", async || wechat.counters().app(DEMO_PROVIDER).minted.provider == 1)
        .await;
    authorize(&wechat);
    let token = corp_token(&home).await;
    assert_eq!(tried(&wechat, &token)["errcode"], 0);
    let called = format!("/gateway/{}/qyapi/cgi-bin/user/get?userid=zhangsan", corp());
    let (status, body) = home.get(&called).await.unwrap();
    assert!(status == 200 && body.contains("张三"), "{body}");
    // It outlives a kill, and the corp can take it back.
    node.kill();
    let node = home.start().await;
    assert_eq!(corp_token(&home).await, token);
    wechat
        .world
        .with(|world, now| world.cancel_authorization(now, DEMO_SUITE, DEMO_CORPID))
        .unwrap();
    let path = format!("/v1/accounts/{}/token", corp());
    until("the account is still there", async || home.get(&path).await.unwrap().0 == 404).await;
    let (_, told) = home.get("/v1/events/history?event=account-changed").await.unwrap();
    assert!(
        told.contains(r#""change":"created""#) && told.contains(r#""change":"removed""#),
        "{told}"
    );
    assert_eq!(suite_tokens(), 1);
    discreet(&home);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authorisation_that_was_acknowledged_is_completed_by_the_process_after_a_kill() {
    let wechat = WeChat::start(Duration::from_secs(7200), 0).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home);
    hang(&wechat, When::Before);
    authorize(&wechat);
    exchanges(&wechat, 1).await;
    node.kill();
    let node = home.start().await;
    let token = corp_token(&home).await;
    assert_eq!(tried(&wechat, &token)["errcode"], 0);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permanent_code_that_was_lost_on_its_way_is_told_and_another_is_taken() {
    let wechat = WeChat::start(Duration::from_secs(7200), 0).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home);
    // WeCom has answered, and nobody has heard it.
    hang(&wechat, When::After);
    authorize(&wechat);
    exchanges(&wechat, 1).await;
    node.kill();
    let node = home.start().await;
    home.wait_for("an authorisation was lost").await;
    let (_, listed) = home.get(&format!("/v1/accounts/{DEMO_SUITE}/pushes")).await.unwrap();
    assert!(listed.contains("40078") && listed.contains("console"), "{listed}");
    wechat
        .world
        .with(|world, now| world.reset_permanent_code(now, DEMO_SUITE, DEMO_CORPID))
        .unwrap();
    let token = corp_token(&home).await;
    assert_eq!(tried(&wechat, &token)["errcode"], 0);
    discreet(&home);
    node.end().await;
}

/// What a call with this body is answered.
async fn post(home: &Home, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", home.port)).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).await.unwrap();
    timeout(PATIENCE, answer(&mut stream)).await.unwrap().unwrap().1
}

/// No secret of the provider stands in what the node printed.
fn discreet(home: &Home) {
    let printed = home.printed();
    for secret in [DEMO_SUITE_SECRET, DEMO_PROVIDER_SECRET, KEY] {
        assert!(!printed.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_across_the_expiry_of_a_suites_token_cause_one_fetch_of_the_next() {
    const CALLERS: usize = 16;
    let wechat = Arc::new(WeChat::start(Duration::from_secs(12), 0).await);
    let home = Arc::new(home(&wechat));
    let node = home.start().await;
    push(&wechat, &home);
    let key = home.create_key(&["--right", "platform", "--account", DEMO_SUITE]).0;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (home, wechat) = (Arc::clone(&home), Arc::clone(&wechat));
        let body = format!(r#"{{"suite_id":"{DEMO_SUITE}","suite_secret":"{key}"}}"#);
        callers.spawn(async move {
            let mut calls = 0_u64;
            while wechat.counters().app(DEMO_SUITE).minted.suite < 2 {
                let path = "/cgi-bin/service/get_suite_token";
                let answer = post(&home, path, &body).await;
                assert!(answer.contains("\"suite_access_token\""), "{answer}");
                calls += 1;
            }
            calls
        });
    }
    let calls: u64 = callers.join_all().await.into_iter().sum();
    let suite = wechat.counters().app(DEMO_SUITE);
    println!("{calls} calls, {} tokens, {} in vain", suite.minted.suite, suite.repeated);
    assert_eq!(suite.minted.suite, 2);
    assert!(suite.repeated <= 2, "{} fetches brought the one before", suite.repeated);
    discreet(&home);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_across_the_expiry_of_a_suites_token_all_succeed() {
    const CALLS: u64 = 10_000;
    const CALLERS: usize = 16;
    const PRE_AUTH: &str = "/qyapi/cgi-bin/service/get_pre_auth_code";
    let wechat = Arc::new(WeChat::start(Duration::from_secs(12), 0).await);
    let home = Arc::new(home(&wechat));
    let node = home.start().await;
    push(&wechat, &home);
    let minted = |wechat: &WeChat| wechat.counters().app(DEMO_SUITE).minted.suite;
    until("no suite token", async || minted(&wechat) > 0).await;
    let calls = Arc::<AtomicU64>::default();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (home, wechat, calls) = (Arc::clone(&home), Arc::clone(&wechat), Arc::clone(&calls));
        callers.spawn(async move {
            let path = format!("/gateway/{DEMO_SUITE}{PRE_AUTH}");
            // Not fewer, and not before it has expired.
            while calls.load(Ordering::Relaxed) < CALLS || minted(&wechat) < 2 {
                let (status, body) = home.get(&path).await.unwrap();
                assert!(status == 200 && body.contains("\"pre_auth_code\""), "{body}");
                calls.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    callers.join_all().await;
    let suite = wechat.counters().app(DEMO_SUITE);
    let (minted, in_vain) = (suite.minted.suite, suite.repeated);
    let calls = calls.load(Ordering::Relaxed);
    println!("{calls} calls, {minted} tokens, {in_vain} fetches brought the one before");
    assert!(minted >= 2 && in_vain <= 2 * (minted - 1), "{minted} minted, {in_vain} in vain");
    // Nobody had to be sent again, either: WeCom saw no token that had expired.
    let outcomes = &wechat.counters().paths[PRE_AUTH].outcomes;
    assert_eq!(outcomes.get("0"), Some(&calls), "{outcomes:?}");
    discreet(&home);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_carries_a_suites_token_or_a_providers_is_forwarded_and_repaired() {
    let wechat = WeChat::start(Duration::from_secs(7200), 0).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home);
    let suite_tokens = || wechat.counters().app(DEMO_SUITE).minted.suite;
    until("no suite token", async || suite_tokens() == 1).await;
    let provider = format!("{DEMO_PROVIDER}:provider");
    let (key, _) =
        home.create_key(&["--right", "gateway", "--account", DEMO_SUITE, "--account", &provider]);
    let fetched = async |path: &str, body: String, name: &str| {
        let answer: Value = serde_json::from_str(&post(&home, path, &body).await).unwrap();
        answer[name].as_str().unwrap().to_owned()
    };
    let body = format!(r#"{{"suite_id":"{DEMO_SUITE}","suite_secret":"{key}"}}"#);
    let path = "/qyapi/cgi-bin/service/get_suite_token";
    let token = fetched(path, body, "suite_access_token").await;
    let called = format!("/qyapi/cgi-bin/service/get_pre_auth_code?suite_access_token={token}");
    // Without the key: the token says who is calling.
    let call = async || bare(&home, &called).await;
    for (expired, tokens) in [(false, 2), (true, 3)] {
        assert!(call().await.contains("\"pre_auth_code\""));
        wechat.world.with(|world, now| world.end_suite_token(now, DEMO_SUITE, expired)).unwrap();
        let answer = call().await;
        assert!(answer.contains("\"pre_auth_code\""), "{answer}");
        assert_eq!(suite_tokens(), tokens, "tried, replaced once and sent again");
    }
    let body = format!(r#"{{"corpid":"{DEMO_PROVIDER}","provider_secret":"{key}"}}"#);
    let path = "/qyapi/cgi-bin/service/get_provider_token";
    let token = fetched(path, body, "provider_access_token").await;
    let called = format!("/qyapi/cgi-bin/license/list_order?provider_access_token={token}");
    let provider_tokens = || wechat.counters().app(DEMO_PROVIDER).minted.provider;
    for (expired, tokens) in [(false, 2), (true, 3)] {
        let end = |world: &mut lingpai_sandbox::World, now| {
            world.end_provider_token(now, DEMO_PROVIDER, expired).unwrap();
        };
        wechat.world.with(end);
        let orders = post(&home, &called, r#"{"limit":1}"#).await;
        assert!(orders.contains("\"order_list\""), "{orders}");
        assert_eq!(provider_tokens(), tokens, "tried, replaced once and sent again");
    }
    discreet(&home);
    node.end().await;
}

/// What a call without a key is answered.
async fn bare(home: &Home, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", home.port)).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    timeout(PATIENCE, answer(&mut stream)).await.unwrap().unwrap().1
}

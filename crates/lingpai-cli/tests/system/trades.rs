//! Whoever brings the code of an authorisation is answered from what Lingpai has traded it for, through a real server.

use std::time::Duration;

use lingpai_sandbox::{DEMO_COMPONENT, DEMO_CORPID, DEMO_SUITE};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::node::{Home, WeChat, answer, appid};
use crate::platforms;
use crate::sdk::Sdk;
use crate::suites;

const QUERY_AUTH: &str = "/cgi-bin/component/api_query_auth";
const EXCHANGE: &str = "/qyapi/cgi-bin/service/v2/get_permanent_code";

fn authorize(wechat: &WeChat, number: usize) -> String {
    let authorized = |world: &mut lingpai_sandbox::World, now| {
        world.authorize(now, DEMO_COMPONENT, &appid(number)).unwrap()
    };
    wechat.world.with(authorized)
}

async fn post(home: &Home, path: &str, body: &Value) -> Value {
    let (_, answer) = home.call("POST", path, &body.to_string()).await;
    serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"))
}

async fn query(home: &Home, code: &str) -> Value {
    let path = format!("/gateway/{DEMO_COMPONENT}{QUERY_AUTH}");
    post(home, &path, &json!({"component_appid": DEMO_COMPONENT, "authorization_code": code})).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_answered_from_what_it_brought_and_traded_once_whoever_brings_it() {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let home = platforms::home(&wechat);
    let node = home.start().await;
    platforms::push(&wechat, &home).await;
    // While it is traded, and afterwards.
    let code = authorize(&wechat, 0);
    for _ in 0..2 {
        let told = query(&home, &code).await;
        let info = &told["authorization_info"];
        assert_eq!(info["authorizer_appid"], appid(0), "{told}");
        assert!(wechat.accepts(info["authorizer_access_token"].as_str().unwrap()), "{told}");
        assert!(info["expires_in"].as_u64().is_some_and(|left| left > 0), "{told}");
        assert_eq!(info["func_info"], json!([{"funcscope_category": {"id": 1}}]));
        // No refresh token, but what is good for one here.
        assert_eq!(info["authorizer_refresh_token"], home.key());
        let body = json!({"authorizer_appid": appid(0), "authorizer_refresh_token": info["authorizer_refresh_token"]});
        let token = post(&home, "/cgi-bin/component/api_authorizer_token", &body).await;
        assert_eq!(token["authorizer_access_token"], info["authorizer_access_token"]);
    }
    assert_eq!(wechat.counters().calls_of(QUERY_AUTH), 1);
    // Whose push never came.
    wechat.world.with(|world, now| world.push_to(now, DEMO_COMPONENT, None).unwrap());
    let told = query(&home, &authorize(&wechat, 1)).await;
    assert_eq!(told["authorization_info"]["authorizer_appid"], appid(1), "{told}");
    assert!(wechat.accepts(&platforms::token(&home, 1).await));
    assert_eq!(wechat.counters().calls_of(QUERY_AUTH), 2);
    // What is no code is none, and is not kept.
    assert_eq!(query(&home, "queryauthcode@@@made-up").await["errcode"], 61010);
    assert_eq!(query(&home, "").await["errcode"], 61009);
    let (_, pushes) = home.get(&format!("/v1/accounts/{DEMO_COMPONENT}/pushes")).await.unwrap();
    assert!(pushes.contains(r#""pushes":[]"#), "{pushes}");
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_act_for_who_gave_a_code_is_told_nothing_of_it() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = platforms::home(&wechat);
    let node = home.start().await;
    platforms::push(&wechat, &home).await;
    let code = authorize(&wechat, 0);
    platforms::token(&home, 0).await;
    let (key, _) = home.create_key(&["--right", "gateway", "--account", DEMO_COMPONENT]);
    let body = json!({"authorization_code": code}).to_string();
    let head = format!(
        "POST {QUERY_AUTH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", home.port)).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let (_, told) = answer(&mut stream).await.unwrap();
    assert!(told.contains("not for this account") && !told.contains(&appid(0)), "{told}");
    // An account of another sort has no such codes.
    let other = format!("/gateway/{}{QUERY_AUTH}", appid(0));
    let refused = post(&home, &other, &json!({"authorization_code": code})).await;
    assert!(refused["errmsg"].as_str().unwrap().contains("lingpai"), "{refused}");
    assert_eq!(wechat.counters().calls_of(QUERY_AUTH), 1);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wechatpy_trades_the_code_of_a_relayed_push_as_it_always_has() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = platforms::home(&wechat);
    let node = home.start().await;
    platforms::push(&wechat, &home).await;
    let code = authorize(&wechat, 0);
    let authorizer = appid(0);
    let (key, _) = home.create_key(&[
        "--right",
        "gateway",
        "--account",
        DEMO_COMPONENT,
        "--account",
        &authorizer,
    ]);
    let hub = format!("http://127.0.0.1:{}", home.port);
    let accounts = format!("{DEMO_COMPONENT}:{authorizer}");
    let mut sdk = Sdk::WechatpyComponent.program("trade");
    let output = sdk.args([&hub, &accounts, &key, &code]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout, b"refreshtoken@@@kept-by-lingpai\n");
    assert_eq!(wechat.counters().calls_of(QUERY_AUTH), 1);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suites_code_is_answered_from_what_it_brought_and_no_permanent_code_is_told() {
    let wechat = WeChat::start(Duration::from_secs(7200), 0).await;
    let home = suites::home(&wechat);
    let node = home.start().await;
    suites::push(&wechat, &home);
    let authorized = |world: &mut lingpai_sandbox::World, now| {
        world.authorize_suite(now, DEMO_SUITE, DEMO_CORPID).unwrap()
    };
    let code = wechat.world.with(authorized);
    let (gateway, corp) = (format!("/gateway/{DEMO_SUITE}"), format!("{DEMO_CORPID}:{DEMO_SUITE}"));
    for path in ["/cgi-bin/service/get_permanent_code", "/cgi-bin/service/v2/get_permanent_code"] {
        let told =
            post(&home, &format!("{gateway}/qyapi{path}"), &json!({"auth_code": code})).await;
        assert_eq!((&told["errcode"], &told["permanent_code"]), (&json!(0), &json!(home.key())));
        assert_eq!(told["auth_corp_info"]["corpid"], DEMO_CORPID, "{told}");
        assert_eq!(told["auth_info"]["agent"][0]["name"], "沙箱应用", "{told}");
        let body = json!({"auth_corpid": DEMO_CORPID, "permanent_code": told["permanent_code"]});
        let call = format!("/gateway/{corp}/qyapi/cgi-bin/service/get_corp_token");
        let token = post(&home, &call, &body).await;
        assert_eq!(token["access_token"], suites::corp_token(&home).await);
        let brought = told.get("access_token").is_some_and(|it| *it == token["access_token"]);
        assert_eq!(brought, !path.contains("v2"), "{told}");
    }
    assert_eq!(wechat.counters().calls_of(EXCHANGE), 1);
    let wrong = json!({"auth_code": "x".repeat(200)});
    let told = post(&home, &format!("{EXCHANGE}?access_token=x"), &wrong).await;
    assert_ne!(told["errcode"], 0, "{told}");
    node.end().await;
}

//! What a platform does for those who have authorised it, with its own token: people log in, and quotas are cleared.

use std::time::Duration;

use lingpai_sandbox::{DEMO_COMPONENT, Fault, FaultKind, Scope};
use serde_json::{Value, json};

use crate::node::{Home, WeChat, answer, appid};
use crate::platforms::{authorize, home, push, token};

const SESSION: &str = "/sns/component/jscode2session";
const GRANT: &str = "/sns/oauth2/component/access_token";
const REFRESH: &str = "/sns/oauth2/component/refresh_token";
const OWN_CLEAR: &str = "/cgi-bin/clear_quota";
const CLEAR_BY_SECRET: &str = "/cgi-bin/component/clear_quota/v2";

/// Makes a call through the gateway with this key of the platform's, which is in nobody's URL.
async fn called(home: &Home, key: &str, path: &str, query: &str) -> Value {
    let path = format!("/gateway/{DEMO_COMPONENT}{path}?component_appid={DEMO_COMPONENT}&{query}");
    let (_, body) = answer(&mut home.ask(key, &path).await.unwrap()).await.unwrap();
    serde_json::from_str(&body).unwrap()
}

/// A person's WeChat hands out a code for this account.
fn code(wechat: &WeChat, number: usize) -> String {
    let appid = appid(number);
    wechat.world.with(|world, now| world.log_in(now, &appid, "o1", Scope::UserInfo)).unwrap()
}

/// Another system mints a token of the platform's, and WeChat has forgotten the one before.
fn end_platforms_token(wechat: &WeChat) {
    wechat.world.with(|world, now| {
        let (all, how) = (lingpai_sandbox::Family::ALL, lingpai_sandbox::Revocation::Noticed);
        world.revoke(now, DEMO_COMPONENT, all, how).unwrap();
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_log_in_through_a_platform_whose_token_is_put_in_and_repaired() {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    authorize(&wechat, 0);
    token(&home, 0).await;
    let rights = ["--right", "gateway", "--right", "secret-login", "--account", DEMO_COMPONENT];
    let (key, _) = home.create_key(&rights);
    let (other_key, _) = home.create_key(&["--right", "gateway", "--account", DEMO_COMPONENT]);
    let of = |number: usize, name: &str, code: &str| {
        format!("appid={}&grant_type=authorization_code&{name}={code}", appid(number))
    };

    let first = code(&wechat, 0);
    let session = called(&home, &key, SESSION, &of(0, "js_code", &first)).await;
    assert_eq!(session["openid"], "o1", "{session}");
    assert!(session["session_key"].as_str().is_some_and(|key| key.len() == 24), "{session}");
    // What is about the code or the account is the client's to hear.
    let spent = called(&home, &key, SESSION, &of(0, "js_code", &first)).await;
    assert_eq!(spent["errcode"], 40163, "{spent}");
    let other = code(&wechat, 1);
    let stranger = called(&home, &key, SESSION, &of(1, "js_code", &other)).await;
    assert_eq!(stranger["errcode"], 61003, "{stranger}");

    // The token is ended; the code of the refused call is good still, and nobody notices.
    let minted = || wechat.counters().app(DEMO_COMPONENT).minted.platform;
    let before = minted();
    end_platforms_token(&wechat);
    let granted = called(&home, &key, GRANT, &of(0, "code", &code(&wechat, 0))).await;
    assert_eq!(granted["openid"], "o1", "{granted}");
    assert_eq!(minted(), before + 1);
    // The person's tokens are the person's: they are the client's to keep, refresh and use.
    let refresh = granted["refresh_token"].as_str().unwrap();
    end_platforms_token(&wechat);
    let query = format!("appid={}&grant_type=refresh_token&refresh_token={refresh}", appid(0));
    let refreshed = called(&home, &key, REFRESH, &query).await;
    assert_eq!(refreshed["refresh_token"], refresh, "{refreshed}");
    assert_eq!(minted(), before + 2);
    let of_person = refreshed["access_token"].as_str().unwrap();
    let query = format!("access_token={of_person}&openid=o1");
    let path = format!("/gateway/{}/sns/userinfo?{query}", appid(0));
    let (_, told) = home.get(&path).await.unwrap();
    assert!(told.contains("nickname"), "{told}");

    // Without the right of log-ins nobody is asked.
    let calls = wechat.counters().calls_of(SESSION);
    let refused = called(&home, &other_key, SESSION, &of(0, "js_code", &code(&wechat, 0))).await;
    assert_eq!(refused["errcode"], 990_102, "{refused}");
    assert_eq!(wechat.counters().calls_of(SESSION), calls);
    node.end().await;
    home.assert_nothing_leaked();
}

/// Clears the quota of an account: by which call, or the code of the refusal.
async fn cleared(home: &Home, account: &str) -> String {
    let path = format!("/v1/accounts/{account}/quota/clear");
    let (_, body) = home.call("POST", &path, "").await;
    let told: Value = serde_json::from_str(&body).unwrap();
    let word = |value: &Value| value.as_str().map(str::to_owned);
    word(&told["by"]).or_else(|| word(&told["error"]["code"])).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quotas_of_a_platform_and_its_authorizers_are_cleared_and_no_refresh_token_is_sent_for_that()
 {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    authorize(&wechat, 0);
    token(&home, 0).await;
    assert_eq!(cleared(&home, DEMO_COMPONENT).await, OWN_CLEAR);
    assert_eq!(cleared(&home, &appid(0)).await, OWN_CLEAR);
    end_platforms_token(&wechat);
    assert_eq!(cleared(&home, DEMO_COMPONENT).await, OWN_CLEAR, "repaired, and asked again");

    // A call with a token does not get through: the platform's secret clears both.
    let fault = FaultKind::Errcode { errcode: 42001, errmsg: None };
    wechat.world.with(|world, now| world.fault(now, Fault::new(fault).on(OWN_CLEAR)).unwrap());
    for account in [DEMO_COMPONENT, &appid(0)] {
        assert_eq!(cleared(&home, account).await, CLEAR_BY_SECRET);
        let (_, told) = home.get(&format!("/v1/accounts/{account}/quota")).await.unwrap();
        let told: Value = serde_json::from_str(&told).unwrap();
        let used = if account == DEMO_COMPONENT { 3 } else { 2 };
        assert_eq!(told["clearings"]["used"], json!(used), "{told}");
    }
    let (_, log) = home.get("/v1/audit").await.unwrap();
    assert_eq!(log.matches("quota-cleared").count(), 5, "{log}");
    let calls = wechat.counters().calls_of("/cgi-bin/clear_quota/v2");
    assert_eq!(calls, 0, "which would send an account's secret");
    node.end().await;
    home.assert_nothing_leaked();
}

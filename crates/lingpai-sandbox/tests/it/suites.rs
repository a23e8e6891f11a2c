//! WeCom's service providers: suites, their tickets and tokens, and corps that authorise them.

use lingpai_sandbox::{
    DEMO_CORPID, DEMO_PROVIDER, DEMO_PROVIDER_SECRET, DEMO_SUITE, DEMO_SUITE_SECRET, PushTo, World,
};
use serde_json::{Value, json};

use crate::push::url;
use crate::sky::{Sky, code, request};
use crate::wire::{SOON, body, get, run};

const SERVICE: &str = "/qyapi/cgi-bin/service";
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

fn get_suite_token(sky: &mut Sky, ticket: &str) -> Value {
    let body =
        json!({"suite_id": DEMO_SUITE, "suite_secret": DEMO_SUITE_SECRET, "suite_ticket": ticket});
    sky.post(&format!("{SERVICE}/get_suite_token"), &body)
}

fn suite_token(sky: &mut Sky) -> String {
    let ticket = sky.world.push_suite_ticket(sky.now, DEMO_SUITE).unwrap();
    let answer = get_suite_token(sky, &ticket);
    answer["suite_access_token"].as_str().unwrap().to_owned()
}

fn permanent_code(sky: &mut Sky, suite: &str, auth_code: &str) -> Value {
    let uri = format!("{SERVICE}/v2/get_permanent_code?suite_access_token={suite}");
    sky.post(&uri, &json!({ "auth_code": auth_code }))
}

fn corp_token(sky: &mut Sky, suite: &str, permanent: &Value) -> Value {
    let uri = format!("{SERVICE}/get_corp_token?suite_access_token={suite}");
    sky.post(&uri, &json!({"auth_corpid": DEMO_CORPID, "permanent_code": permanent}))
}

fn tried(sky: &mut Sky, token: &Value) -> i64 {
    let token = token.as_str().unwrap();
    code(&sky.get(&format!("/qyapi/cgi-bin/getcallbackip?access_token={token}")))
}

#[test]
fn a_suite_token_needs_a_ticket_of_the_last_half_hour_and_is_repeated_until_it_expires() {
    let mut sky = Sky::new();
    let ticket = sky.world.push_suite_ticket(sky.now, DEMO_SUITE).unwrap();
    let first = get_suite_token(&mut sky, &ticket);
    assert_eq!((&first["errcode"], &first["expires_in"]), (&Value::Null, &json!(7200)));
    sky.pass(1799);
    let again = get_suite_token(&mut sky, &ticket);
    assert_eq!(again["suite_access_token"], first["suite_access_token"]);
    assert_eq!(again["expires_in"], 7200 - 1799);
    sky.pass(1);
    assert_eq!(code(&get_suite_token(&mut sky, &ticket)), 40085);
    let token = first["suite_access_token"].as_str().unwrap();
    let ask = format!("{SERVICE}/get_pre_auth_code?suite_access_token={token}");
    assert_eq!(code(&sky.get(&ask)), 0);
    sky.pass(5400);
    assert_eq!(code(&sky.get(&ask)), 42009);
    assert_ne!(suite_token(&mut sky), token);
    assert_eq!(code(&sky.get(&ask)), 42009, "an old one is expired, and not unknown");
    assert_eq!(sky.world.counters().app(DEMO_SUITE).minted.suite, 2);
}

#[test]
fn what_is_wrong_or_missing_is_told_by_its_code() {
    let mut sky = Sky::new();
    let whole = json!({"suite_id": DEMO_SUITE, "suite_secret": "s", "suite_ticket": "t"});
    for (name, expected) in [("suite_id", 41022), ("suite_secret", 41024), ("suite_ticket", 41023)]
    {
        let mut body = whole.clone();
        body.as_object_mut().unwrap().remove(name);
        assert_eq!(code(&sky.post(&format!("{SERVICE}/get_suite_token"), &body)), expected);
    }
    assert_eq!(code(&sky.post(&format!("{SERVICE}/get_suite_token"), &whole)), 40091);
    let other = json!({"suite_id": "wwother", "suite_secret": "s", "suite_ticket": "t"});
    assert_eq!(code(&sky.post(&format!("{SERVICE}/get_suite_token"), &other)), 40083);
    for (query, expected) in [("", 41021), ("?suite_access_token=x", 40082)] {
        let uri = format!("{SERVICE}/get_pre_auth_code{query}");
        assert_eq!(code(&sky.get(&uri)), expected);
    }
    let suite = suite_token(&mut sky);
    assert_eq!(code(&permanent_code(&mut sky, &suite, "short")), 40058);
    assert_eq!(code(&permanent_code(&mut sky, &suite, &"x".repeat(64))), 40078);
    let uri = format!("{SERVICE}/get_corp_token?suite_access_token={suite}");
    assert_eq!(code(&sky.post(&uri, &json!({"permanent_code": "x"}))), 41002);
    assert_eq!(code(&sky.post(&uri, &json!({"auth_corpid": DEMO_CORPID}))), 41025);
    assert_eq!(code(&corp_token(&mut sky, &suite, &json!("x"))), 40084);
    sky.world.end_suite_token(sky.now, DEMO_SUITE, false).unwrap();
    assert_eq!(code(&corp_token(&mut sky, &suite, &json!("x"))), 40082);
}

#[test]
fn an_auth_code_holds_once_and_ten_minutes_and_brings_what_opens_the_corps_apis() {
    let mut sky = Sky::new();
    let suite = suite_token(&mut sky);
    let late = sky.world.authorize_suite(sky.now, DEMO_SUITE, DEMO_CORPID).unwrap();
    sky.pass(600);
    assert_eq!(code(&permanent_code(&mut sky, &suite, &late)), 40078);
    let auth_code = sky.world.authorize_suite(sky.now, DEMO_SUITE, DEMO_CORPID).unwrap();
    let told = permanent_code(&mut sky, &suite, &auth_code);
    assert_eq!((code(&told), &told["auth_corp_info"]["corpid"]), (0, &json!(DEMO_CORPID)));
    assert_eq!(told["access_token"], Value::Null, "the newer form brings no token");
    assert_eq!(code(&permanent_code(&mut sky, &suite, &auth_code)), 40078);
    let permanent = &told["permanent_code"];
    let token = corp_token(&mut sky, &suite, permanent)["access_token"].clone();
    assert_eq!(tried(&mut sky, &token), 0);
    assert_eq!(corp_token(&mut sky, &suite, permanent)["access_token"], token, "it is repeated");
    let secret = permanent.as_str().unwrap();
    let uri = format!("/qyapi/cgi-bin/gettoken?corpid={DEMO_CORPID}&corpsecret={secret}");
    assert_eq!(code(&sky.get(&uri)), 40001, "a permanent code is no secret of an application");
    let agent = sky.world.authorization(DEMO_SUITE, DEMO_CORPID).unwrap();
    let counted = sky.world.counters().app(&format!("{DEMO_CORPID}:{agent}"));
    assert_eq!((counted.minted.wecom, counted.repeated), (1, 1));
}

#[test]
fn a_code_lasts_through_another_authorisation_dies_of_a_reset_and_of_the_corps_withdrawal() {
    let mut sky = Sky::new();
    let suite = suite_token(&mut sky);
    let take = |sky: &mut Sky, auth_code: &str| {
        permanent_code(sky, &suite, auth_code)["permanent_code"].clone()
    };
    let auth_code = sky.world.authorize_suite(sky.now, DEMO_SUITE, DEMO_CORPID).unwrap();
    let first = take(&mut sky, &auth_code);
    let auth_code = sky.world.authorize_suite(sky.now, DEMO_SUITE, DEMO_CORPID).unwrap();
    assert_eq!(take(&mut sky, &auth_code), first);
    let auth_code = sky.world.reset_permanent_code(sky.now, DEMO_SUITE, DEMO_CORPID).unwrap();
    assert_eq!(code(&corp_token(&mut sky, &suite, &first)), 0, "good until it is exchanged");
    let second = take(&mut sky, &auth_code);
    assert_eq!(code(&corp_token(&mut sky, &suite, &first)), 40084);
    let token = corp_token(&mut sky, &suite, &second)["access_token"].clone();
    sky.world.cancel_authorization(sky.now, DEMO_SUITE, DEMO_CORPID).unwrap();
    assert_eq!(tried(&mut sky, &token), 40014);
    assert_eq!(code(&corp_token(&mut sky, &suite, &second)), 40084);
}

#[test]
fn a_providers_token_is_its_own_and_is_repeated() {
    let mut sky = Sky::new();
    let ask = |sky: &mut Sky, secret: &str| {
        let body = json!({"corpid": DEMO_PROVIDER, "provider_secret": secret});
        sky.post(&format!("{SERVICE}/get_provider_token"), &body)
    };
    let first = ask(&mut sky, DEMO_PROVIDER_SECRET);
    assert_eq!(ask(&mut sky, DEMO_PROVIDER_SECRET), first);
    assert_eq!(code(&ask(&mut sky, "wrong")), 40001);
    let token = first["provider_access_token"].as_str().unwrap();
    let uri = format!("/qyapi/cgi-bin/license/list_order?provider_access_token={token}");
    assert_eq!(code(&sky.post(&uri, &json!({}))), 0);
    sky.pass(7200);
    assert_eq!(code(&sky.post(&uri, &json!({}))), 42009);
}

#[test]
fn suites_and_what_corps_authorised_outlive_a_restart() {
    let mut sky = Sky::new();
    let suite = suite_token(&mut sky);
    let auth_code = sky.world.authorize_suite(sky.now, DEMO_SUITE, DEMO_CORPID).unwrap();
    let permanent = permanent_code(&mut sky, &suite, &auth_code)["permanent_code"].clone();
    let snapshot = sky.world.snapshot(sky.now, sky.now);
    sky.world = World::restore(lingpai_sandbox::Settings::default(), sky.now, &snapshot).unwrap();
    assert_eq!(suite_token(&mut sky), suite);
    assert_eq!(code(&corp_token(&mut sky, &suite, &permanent)), 0);
}

#[test]
fn a_person_can_authorise_on_a_page_and_is_sent_back_with_the_code() {
    let mut sky = Sky::new();
    let suite = suite_token(&mut sky);
    let uri = format!("{SERVICE}/get_pre_auth_code?suite_access_token={suite}");
    let pre = sky.get(&uri)["pre_auth_code"].as_str().unwrap().to_owned();
    let back = "http%3A%2F%2Fshop.example%2Fback%3Fx%3D1";
    let params =
        format!("suite_id={DEMO_SUITE}&pre_auth_code={pre}&redirect_uri={back}&state=%3Ca%3E");
    let page = sky.answer(&request("GET", &format!("/3rdapp/install?{params}"), ""));
    let html = String::from_utf8(page.body().to_vec()).unwrap();
    assert!(html.contains(DEMO_CORPID) && html.contains("&lt;a&gt;") && !html.contains("<a>"));
    let form = format!("{params}&corpid={DEMO_CORPID}");
    let sent = sky.answer(&request("POST", "/3rdapp/install", &form));
    let to = sent.headers()["location"].to_str().unwrap();
    let auth_code = to.strip_prefix("http://shop.example/back?x=1&auth_code=").unwrap();
    let (auth_code, rest) = auth_code.split_once('&').unwrap();
    assert_eq!((sent.status().as_u16(), rest), (302, "expires_in=600&state=%3Ca%3E"));
    assert_eq!(code(&permanent_code(&mut sky, &suite, auth_code)), 0);
    sky.pass(1200);
    let late = sky.answer(&request("POST", "/3rdapp/install", &form));
    assert!(String::from_utf8_lossy(late.body()).contains("42007"));
}

#[tokio::test]
async fn a_ticket_comes_at_once_and_every_ten_minutes_and_notices_when_something_happens() {
    let (url, came) = url(&[]).await;
    let server = run().await;
    let to = PushTo { url, token: "AAAAA".into(), encoding_aes_key: KEY.into() };
    server.world.with(|world, _| world.push_suite_to(DEMO_SUITE, Some(to)).unwrap());
    let count = |count: usize| {
        let server = &server;
        tokio::time::timeout(SOON, async move {
            loop {
                let told = body(&server.exchange(&get("/__sandbox/pushes")).await);
                if told["pushes"].as_array().unwrap().len() >= count {
                    return told;
                }
            }
        })
    };
    count(1).await.unwrap();
    server.world.with(|world, now| world.advance(now, std::time::Duration::from_secs(600)));
    count(2).await.unwrap();
    server.world.with(|world, now| world.authorize_suite(now, DEMO_SUITE, DEMO_CORPID).unwrap());
    let told = count(3).await.unwrap();
    let what: Vec<_> = told["pushes"].as_array().unwrap().iter().map(|it| &it["what"]).collect();
    assert_eq!(what, ["suite_ticket", "suite_ticket", "create_auth"]);
    assert_eq!(told["pushes"][2]["tries"][0]["body"], "success");
    let came = came.lock().unwrap();
    let envelope = format!("<xml><ToUserName><![CDATA[{DEMO_SUITE}]]></ToUserName><Encrypt>");
    assert!(came.iter().all(|request| request.contains(&envelope)), "{came:?}");
}

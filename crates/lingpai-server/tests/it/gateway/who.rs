//! Who is let through, for which account, and what those are told who are not.

use std::time::Duration;

use lingpai_core::client::{Accounts, Right};
use lingpai_core::virtual_token;
use lingpai_server::{errcode, gateway};

use super::stand_in::Plan;
use super::{Answer, Forwarding, OK};
use crate::house::{FakeUpstream, House, KEPT, OTHER, credential, now, only};

/// A call with these lines in its head.
async fn call(it: &Forwarding, target: &str, lines: &str) -> Answer {
    let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n");
    it.exchange(head.as_bytes()).await
}

fn errcode_of(answer: &Answer) -> i64 {
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(json["errmsg"].as_str().unwrap().starts_with("lingpai: "), "{answer:?}");
    assert!(answer.header("x-lingpai-error").is_some(), "{answer:?}");
    json["errcode"].as_i64().unwrap()
}

fn bearer(key: &str) -> String {
    format!("Authorization: Bearer {key}\r\n")
}

#[tokio::test]
async fn the_token_that_an_sdk_fetches_here_is_good_at_the_gateway() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    let fetched = it.house.dropin(&it.key).await.text("access_token").to_owned();
    assert_eq!(fetched, it.token);
    let answer = call(&it, &format!("/cgi-bin/x?access_token={fetched}"), "").await;
    assert_eq!(answer.text(), OK);
    assert_eq!(it.wechat.only().token(), Some(&*FakeUpstream::token(1)));
}

#[tokio::test]
async fn a_virtual_token_is_good_on_every_node_and_after_a_restart() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    let mut settings = gateway::Settings::default();
    settings.upstream.hosts = vec![it.wechat.base()];
    // It knows of keys what the store knows, and has seen no token.
    let second = it.house.second_server().with_gateway(settings);
    let second = second.bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let addr = second.local_addr();
    let serving = tokio::spawn(second.serve(std::future::pending()));
    let path = format!("/cgi-bin/x?access_token={}", it.token);
    assert_eq!(House::ask_at(addr, &path).await.body, OK);
    let query = format!("grant_type=client_credential&appid={KEPT}&secret={}", it.key);
    let fetched = House::ask_at(addr, &format!("/cgi-bin/token?{query}")).await;
    assert_eq!(fetched.text("access_token"), it.token);
    serving.abort();
}

#[tokio::test]
async fn a_virtual_token_that_is_not_good_is_answered_as_wechat_does_so_that_sdks_fetch_again() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    let stranger = virtual_token::make("lp_1_nobody", &KEPT.parse().unwrap());
    let soon = Some(now() + Duration::from_secs(60));
    let ending =
        it.house.key_with(&[Right::Gateway], only(KEPT), |key| key.expires_at = soon).await;
    let ending = virtual_token::make(&ending, &KEPT.parse().unwrap());
    it.house.clock.advance(Duration::from_secs(100));
    for token in [stranger.expose(), ending.expose(), "lpv_", "lpv_shortened"] {
        let answer = call(&it, &format!("/cgi-bin/x?access_token={token}"), "").await;
        assert_eq!(errcode_of(&answer), 40001, "{token}");
        // WeCom's SDKs read 40001 as a wrong secret.
        let answer = call(&it, &format!("/qyapi/cgi-bin/x?access_token={token}"), "").await;
        assert_eq!(errcode_of(&answer), 40014, "{token}");
    }
    assert!(it.wechat.seen().is_empty());
}

#[tokio::test]
async fn a_revoked_keys_virtual_token_ends_at_once_and_the_token_path_says_why() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    assert_eq!(it.get("/cgi-bin/x").await.text(), OK);
    let admin = it.house.admin().await;
    let id: String = it.key.split('_').take(2).collect::<Vec<_>>().join("_");
    assert_eq!(it.house.call(&admin, "DELETE", &format!("/v1/keys/{id}"), "").await.status, 200);
    assert_eq!(errcode_of(&it.get("/cgi-bin/x").await), 40001);
    assert_eq!(
        it.house.dropin(&it.key).await.errcode(),
        40125,
        "no SDK fetches once more after that"
    );
    assert_eq!(it.wechat.seen().len(), 1);
}

#[tokio::test]
async fn whoever_is_not_let_through_is_told_why_by_a_code_on_which_no_sdk_loops() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    let reader = it.house.key_with(&[Right::TokenRead], only(KEPT), |_| {}).await;
    let all = it.house.key_with(&[Right::Gateway], Accounts::All, |_| {}).await;
    let elsewhere = vec!["203.0.113.0/24".parse().unwrap()];
    let elsewhere =
        it.house.key_with(&[Right::Gateway], only(KEPT), |key| key.networks = elsewhere).await;
    let foreign = virtual_token::make(&it.key, &OTHER.parse().unwrap());
    let token = format!("/cgi-bin/x?access_token={}", it.token);
    let account = |name: &str| format!("X-Lingpai-Account: {name}\r\n");
    for (target, lines, error) in [
        ("/cgi-bin/x", String::new(), "caller-unknown"),
        ("/cgi-bin/x?access_token=", String::new(), "caller-unknown"),
        ("/cgi-bin/x?access_token=85_somebodys", String::new(), "real-token"),
        (
            &format!("/cgi-bin/x?access_token={}", foreign.expose()),
            String::new(),
            "account-forbidden",
        ),
        ("/cgi-bin/x", bearer("lp_1_nobody"), "key-unknown"),
        ("/cgi-bin/x", bearer(&reader), "right-missing"),
        ("/cgi-bin/x", bearer(&elsewhere), "network-forbidden"),
        ("/cgi-bin/x", bearer(&all), "account-unnamed"),
        ("/cgi-bin/x", bearer(&all) + &account("wx nobody"), "account-unknown"),
        ("/cgi-bin/x", bearer(&all) + &account("wxnobody"), "account-unknown"),
        ("/cgi-bin/x", bearer(&it.key) + &account(OTHER), "account-forbidden"),
        (&token, account(OTHER), "two-accounts"),
        (&format!("/gateway/{OTHER}/cgi-bin/x"), bearer(&all) + &account(KEPT), "two-accounts"),
    ] {
        let answer = call(&it, target, &lines).await;
        assert_eq!(answer.error(), error, "{target} {lines}");
    }
    assert!(it.wechat.seen().is_empty());
    assert_eq!(it.house.upstream.calls(), 0);
}

/// A house that takes real tokens from this machine.
async fn taking_real_tokens() -> Forwarding {
    let here = |settings: &mut gateway::Settings| {
        settings.rules.real_tokens_from = vec!["127.0.0.0/8".parse().unwrap()];
    };
    Forwarding::with(|_| Plan::json(OK), |settings, _| here(settings)).await
}

/// Calls with the `n`th token that the house's upstream issued.
async fn with_real_token(it: &Forwarding, n: u64) -> Answer {
    let target = format!("/cgi-bin/x?access_token={}", FakeUpstream::token(n));
    call(it, &target, "").await
}

async fn rotate(it: &Forwarding) {
    it.house.clock.advance(Duration::from_secs(400));
    let keeper = it.house.registry.get(&credential(KEPT)).unwrap();
    drop(keeper.rotate().await.unwrap());
}

#[tokio::test]
async fn an_old_real_token_says_whose_it_is_and_the_current_one_is_sent() {
    let it = taking_real_tokens().await;
    it.house.get(&format!("/v1/accounts/{KEPT}/token")).await;
    for _ in 0..3 {
        rotate(&it).await;
    }
    for n in 1..=4 {
        assert_eq!(with_real_token(&it, n).await.text(), OK);
        assert_eq!(it.wechat.seen().last().unwrap().token(), Some(&*FakeUpstream::token(4)));
    }
    assert_eq!(errcode_of(&with_real_token(&it, 5).await), errcode::REAL_TOKEN);
}

#[tokio::test]
async fn tokens_of_before_a_restart_are_known_and_those_of_before_a_leak_are_not() {
    let it = taking_real_tokens().await;
    it.house.get(&format!("/v1/accounts/{KEPT}/token")).await;
    rotate(&it).await;
    it.house.registry.tell(Some(credential(KEPT)), lingpai_core::event::What::Compromised);
    rotate(&it).await;
    it.house.events_are_stored().await;
    let mut settings = gateway::Settings::default();
    settings.upstream.hosts = vec![it.wechat.base()];
    settings.rules.real_tokens_from = vec!["127.0.0.0/8".parse().unwrap()];
    let second = it.house.second_server().with_gateway(settings);
    let second = second.bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let addr = second.local_addr();
    let serving = tokio::spawn(second.serve(std::future::pending()));
    for (n, known) in [(1, false), (2, false), (3, true)] {
        let path = format!("/cgi-bin/x?access_token={}", FakeUpstream::token(n));
        let reply = House::ask_at(addr, &path).await;
        assert_eq!(reply.json["errcode"] == 0, known, "{n}: {reply:?}");
    }
    serving.abort();
}

#[tokio::test]
async fn a_real_token_may_call_nothing_that_needs_a_right_of_its_own() {
    let it = taking_real_tokens().await;
    it.house.get(&format!("/v1/accounts/{KEPT}/token")).await;
    let target = format!("/cgi-bin/clear_quota?access_token={}", FakeUpstream::token(1));
    assert_eq!(call(&it, &target, "").await.error(), "path-forbidden");
}

#[tokio::test]
async fn a_users_token_passes_untouched_and_is_never_repaired() {
    let refused = r#"{"errcode":40001,"errmsg":"invalid credential, access_token is invalid"}"#;
    let it = Forwarding::to(move |_| Plan::json(refused)).await;
    for target in [
        "/sns/userinfo?access_token=USER_1&openid=o&lang=zh_CN",
        "/sns/auth?openid=o&access_token=USER_1",
        "/sns/oauth2/refresh_token?appid=wx1&grant_type=refresh_token&refresh_token=R",
        "/mp/cgi-bin/showqrcode?ticket=T",
    ] {
        assert_eq!(call(&it, target, "").await.text(), refused);
        let passed = target.strip_prefix("/mp").unwrap_or(target);
        assert_eq!(it.wechat.seen().last().unwrap().target(), passed);
    }
    assert_eq!(it.wechat.seen().len(), 4);
    assert_eq!((it.house.upstream.calls(), it.house.upstream.trials()), (0, 0));
    let target = format!("/sns/userinfo?access_token={}&openid=o", it.token);
    assert_eq!(call(&it, &target, "").await.error(), "wrong-kind");
}

#[tokio::test]
async fn from_outside_a_users_token_needs_a_key_too() {
    let it = Forwarding::with(
        |_| Plan::json(OK),
        |settings, _| settings.rules.passers_from = vec!["10.0.0.0/8".parse().unwrap()],
    )
    .await;
    let target = "/sns/userinfo?access_token=USER_1&openid=o";
    assert_eq!(call(&it, target, "").await.error(), "caller-unknown");
    assert_eq!(call(&it, target, &bearer("lp_1_nobody")).await.error(), "key-unknown");
    assert_eq!(call(&it, target, &bearer(&it.key)).await.text(), OK);
    assert_eq!(it.wechat.only().target(), target);
}

//! Virtual tokens on the paths that answer as WeChat does: who is given one, and what it is like.

use std::time::Duration;

use lingpai_core::client::{Accounts, Right};
use lingpai_core::virtual_token;
use lingpai_server::gateway;

use crate::house::{FakeUpstream, House, KEPT, OTHER, now, only};

#[tokio::test]
async fn who_may_use_the_gateway_and_not_read_tokens_is_given_a_virtual_one() {
    let house = House::with_gateway(gateway::Settings::default()).await;
    let key = house.key_with(&[Right::Gateway], only(KEPT), |_| {}).await;
    let reply = house.dropin(&key).await;
    let token = reply.text("access_token").to_owned();
    assert_eq!(token, virtual_token::make(&key, &KEPT.parse().unwrap()).expose());
    assert_eq!(reply.json["expires_in"], 7200);
    assert_eq!(reply.json.as_object().unwrap().len(), 2, "and no errcode");
    assert!(!token.contains(&key[20..]), "it does not tell the key");
    assert_eq!(house.upstream.calls(), 0, "nobody has needed the real one yet");
    for call in ["/cgi-bin/token", "/cgi-bin/stable_token"] {
        let body = format!(
            r#"{{"grant_type":"client_credential","appid":"{KEPT}","secret":"{key}","force_refresh":true}}"#
        );
        let again = house.ask("POST", call, &[], &body).await;
        assert_eq!(again.text("access_token"), token, "the same every time");
    }
}

#[tokio::test]
async fn who_may_read_tokens_is_given_the_real_one() {
    let house = House::with_gateway(gateway::Settings::default()).await;
    let key = house.key_with(&[Right::Gateway, Right::TokenRead], only(KEPT), |_| {}).await;
    assert_eq!(house.dropin(&key).await.text("access_token"), FakeUpstream::token(1));
    let admin = house.admin().await;
    assert_eq!(house.dropin(&admin).await.text("access_token"), FakeUpstream::token(1));
}

#[tokio::test]
async fn a_virtual_token_ends_with_its_key() {
    let house = House::with_gateway(gateway::Settings::default()).await;
    let soon = Some(now() + Duration::from_secs(600));
    let key = house.key_with(&[Right::Gateway], only(KEPT), |key| key.expires_at = soon).await;
    let stated = house.dropin(&key).await.json["expires_in"].as_i64().unwrap();
    assert!((500..=600).contains(&stated), "{stated}");
    house.clock.advance(Duration::from_secs(600));
    assert_eq!(house.dropin(&key).await.errcode(), 40125);
}

#[tokio::test]
async fn a_key_is_good_for_its_accounts_only() {
    let house = House::with_gateway(gateway::Settings::default()).await;
    let key = house.key_with(&[Right::Gateway], only(OTHER), |_| {}).await;
    assert_eq!(house.dropin(&key).await.errcode(), 40125);
    let all = house.key_with(&[Right::Gateway], Accounts::All, |_| {}).await;
    let query = format!("grant_type=client_credential&appid=wxnobody&secret={all}");
    let reply = house.ask("GET", &format!("/cgi-bin/token?{query}"), &[], "").await;
    assert_eq!(reply.errcode(), 40013);
}

#[tokio::test]
async fn asking_for_a_virtual_token_all_the_time_never_reaches_upstream() {
    let house = House::with_gateway(gateway::Settings::default()).await;
    let key = house.key_with(&[Right::Gateway, Right::TokenReport], only(KEPT), |_| {}).await;
    for _ in 0..50 {
        house.dropin(&key).await;
    }
    assert_eq!((house.upstream.calls(), house.upstream.trials()), (0, 0));
}

#[tokio::test]
async fn without_a_gateway_nobody_is_given_one() {
    let house = House::open().await;
    let key = house.key_with(&[Right::Gateway], only(KEPT), |_| {}).await;
    let reply = house.dropin(&key).await;
    assert_eq!((reply.errcode(), reply.header("x-lingpai-error")), (40125, Some("right-missing")));
}

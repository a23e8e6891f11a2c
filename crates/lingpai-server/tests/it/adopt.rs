//! A live token that somebody else has fetched is taken over over HTTP.

use lingpai_core::{Class, Failure, Verdict};
use serde_json::json;

use crate::house::{House, KEPT};

async fn adopt(house: &House, key: &str, body: serde_json::Value) -> crate::house::Reply {
    let path = format!("/v1/accounts/{KEPT}/token/adopt");
    house.call(key, "POST", &path, &body.to_string()).await
}

#[tokio::test]
async fn a_token_that_is_given_is_served_from_then_on_and_costs_no_fetch() {
    let house = House::open().await;
    let admin = house.admin().await;
    let reply = adopt(&house, &admin, json!({"access_token": "G1VEN", "expires_in": 600})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(!reply.body.contains("G1VEN"), "it is not said back");
    assert!((595..=600).contains(&reply.json["expires_in"].as_u64().unwrap()));
    let token = house.dropin(&house.key).await;
    assert_eq!(token.json["access_token"], "G1VEN");
    assert_eq!(house.upstream.calls(), 0);
    let trail = house.call(&admin, "GET", "/v1/audit?action=token-adopted", "").await;
    let found = trail.json["records"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{}", trail.body);
    assert_eq!(found[0]["account"], KEPT);
    assert!(admin.starts_with(found[0]["who"]["key"].as_str().unwrap()), "{}", trail.body);
    assert!(!trail.body.contains("G1VEN"));
}

#[tokio::test]
async fn a_token_that_wechat_refuses_is_not_taken_unless_it_is_not_asked() {
    let house = House::open().await;
    let admin = house.admin().await;
    let good = adopt(&house, &admin, json!({"access_token": "G00D", "expires_in": 600})).await;
    assert_eq!(good.text("trial"), "accepted");
    let refusal = Failure { code: Some(40001), ..Failure::new(Class::NeedsPerson, "not latest") };
    house.upstream.judges(Verdict::Refused(refusal.clone()));
    let bad = json!({"access_token": "B4D", "expires_in": 600});
    let reply = adopt(&house, &admin, bad.clone()).await;
    assert_eq!((reply.status, reply.error()), (400, "body-wrong"), "{}", reply.body);
    assert!(reply.body.contains("40001") && !reply.body.contains("B4D"), "{}", reply.body);
    assert_eq!(house.dropin(&house.key).await.json["access_token"], "G00D");
    let untried = json!({"access_token": "B4D", "expires_in": 600, "untried": true});
    assert_eq!(adopt(&house, &admin, untried).await.text("trial"), "untried");
    // What WeChat does not say refuses nothing.
    house.upstream.judges(Verdict::Inconclusive(refusal));
    let other = json!({"access_token": "0THER", "expires_in": 600});
    assert_eq!(adopt(&house, &admin, other).await.text("trial"), "unsaid");
    assert_eq!(house.upstream.calls(), 0);
}

#[tokio::test]
async fn what_is_no_token_is_refused_with_what_it_should_be() {
    let house = House::open().await;
    let admin = house.admin().await;
    for (body, named) in [
        (json!({"access_token": "", "expires_in": 600}), "access_token"),
        (json!({"access_token": "two words", "expires_in": 600}), "access_token"),
        (json!({"access_token": "T", "expires_in": 0}), "expires_in"),
        (json!({"access_token": "T", "expires_in": 86_401}), "expires_in"),
        (json!({"access_token": "T"}), "expires_in"),
    ] {
        let reply = adopt(&house, &admin, body).await;
        assert_eq!((reply.status, reply.error()), (400, "body-wrong"), "{}", reply.body);
        assert!(reply.body.contains(named), "{}", reply.body);
    }
    assert_eq!(house.upstream.calls(), 0);
}

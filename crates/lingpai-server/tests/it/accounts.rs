//! `/v1/accounts`: how accounts stand, and rotations that a person asks for.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::client::{Accounts, Right};
use lingpai_core::{Class, Failure, Issuer, Verdict};
use serde_json::json;

use crate::house::{FakeUpstream, House, KEPT, OTHER, credential, only};

#[tokio::test]
async fn the_list_has_the_accounts_that_the_key_is_for() {
    let house = House::open().await;
    house.dropin(&house.key).await;
    let viewer = house.key_with(&[Right::StatusRead], Accounts::All, |_| {}).await;
    let reply = house.call(&viewer, "GET", "/v1/accounts", "").await;
    let accounts = reply.json["accounts"].as_array().unwrap();
    assert_eq!((reply.status, accounts.len()), (200, 2), "{reply:?}");
    assert_eq!((&accounts[0]["account"], &accounts[1]["account"]), (&json!(KEPT), &json!(OTHER)));
    let credential = &accounts[0]["credentials"][0];
    assert_eq!(credential["kind"], "access_token");
    assert_eq!((&credential["state"], &credential["generation"]), (&json!("good"), &json!(1)));
    assert!(credential["expires_in"].as_u64().unwrap() > 7000);
    assert_eq!(credential["fetches_today"], 1);
    assert!(credential["daily_budget"].as_u64().unwrap() > 1);
    assert!(credential["issued_at"].is_string() && credential.get("previous_until").is_none());
    assert_eq!(accounts[1]["credentials"][0]["state"], "idle");
    assert!(!reply.json.to_string().contains("SeCrEtToKeN"));

    let limited = house.key_with(&[Right::StatusRead], only(OTHER), |_| {}).await;
    let reply = house.call(&limited, "GET", "/v1/accounts", "").await;
    assert_eq!(reply.json["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(reply.json["accounts"][0]["account"], OTHER);
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let house = House::open().await;
    let admin = house.admin().await;
    let first = house.call(&admin, "GET", "/v1/accounts?limit=1", "").await;
    assert_eq!((first.text("next"), &first.json["accounts"][0]["account"]), (KEPT, &json!(KEPT)));
    let path = format!("/v1/accounts?limit=1&after={}", first.text("next"));
    let second = house.call(&admin, "GET", &path, "").await;
    assert_eq!(second.json["accounts"][0]["account"], OTHER);
    assert!(second.json.get("next").is_none(), "{second:?}");
    for query in ["limit=0", "limit=x", "after=a%20b"] {
        let reply = house.call(&admin, "GET", &format!("/v1/accounts?{query}"), "").await;
        assert_eq!((reply.status, reply.error()), (400, "query-unreadable"), "{query}");
    }
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_token_is_told_with_the_remedy() {
    let house = House::open().await;
    let admin = house.admin().await;
    let mut failure = Failure::new(Class::NeedsPerson, "invalid ip 1.2.3.4");
    (failure.code, failure.request_id) = (Some(40164), Some("6aac".to_owned()));
    house.upstream.fails_with(failure.with_remedy("Add it to the whitelist"));
    house.dropin(&house.key).await;
    let reply = house.call(&admin, "GET", &format!("/v1/accounts/{KEPT}"), "").await;
    let credential = &reply.json["credentials"][0];
    assert_eq!(credential["state"], "missing", "{reply:?}");
    let failure = json!({
        "class": "needs-person", "message": "invalid ip 1.2.3.4", "remedy": "Add it to the whitelist",
        "errcode": 40164, "rid": "6aac",
    });
    assert_eq!(credential["failure"], failure);
    assert!(credential["failing_since"].as_str().unwrap().ends_with('Z'));
    let unknown = house.call(&admin, "GET", "/v1/accounts/wxnobody", "").await;
    assert_eq!((unknown.status, unknown.error()), (404, "account-unknown"));
}

#[tokio::test]
async fn an_operator_has_a_token_replaced_but_not_so_often_that_clients_lose_theirs() {
    let house = House::open().await;
    house.upstream.mints();
    let issuer: Arc<dyn Issuer> = Arc::clone(&house.upstream) as _;
    house.registry.manage(credential(KEPT), issuer, Arc::default());
    let path = format!("/v1/accounts/{KEPT}/token/rotate");
    let operator = [Right::TokenRead, Right::TokenRotate];
    let operator = house.key_with(&operator, only(KEPT), |_| {}).await;
    house.dropin(&house.key).await;
    house.clock.advance(Duration::from_secs(1000));
    let reply = house.call(&operator, "POST", &path, "").await;
    assert_eq!((reply.status, reply.text("outcome")), (200, "rotated"), "{reply:?}");
    assert_eq!(reply.text("access_token"), FakeUpstream::token(2));
    let again = house.call(&operator, "POST", &path, "").await;
    assert_eq!((again.status, again.error()), (409, "rotation-denied"), "{again:?}");
    assert!(again.header("retry-after").is_some());
    assert_eq!(house.upstream.calls(), 2);
}

#[tokio::test]
async fn a_rotation_that_brings_the_same_token_says_so() {
    let house = House::open().await;
    let path = format!("/v1/accounts/{KEPT}/token/rotate");
    let operator = [Right::TokenRead, Right::TokenRotate];
    let operator = house.key_with(&operator, only(KEPT), |_| {}).await;
    house.dropin(&house.key).await;
    house.clock.advance(Duration::from_secs(1000));
    house.upstream.repeats();
    let reply = house.call(&operator, "POST", &path, "").await;
    assert_eq!((reply.status, reply.text("outcome")), (200, "repeated"), "{reply:?}");
    assert_eq!(reply.text("access_token"), FakeUpstream::token(1));
}

#[tokio::test]
async fn a_rotation_that_fails_says_why_and_leaves_the_token() {
    let house = House::open().await;
    let path = format!("/v1/accounts/{KEPT}/token/rotate");
    let rotator = house.key_with(&[Right::TokenRotate], only(KEPT), |_| {}).await;
    house.dropin(&house.key).await;
    house.clock.advance(Duration::from_secs(1000));
    let mut failure = Failure::new(Class::Transient, "system error");
    failure.code = Some(-1);
    house.upstream.fails_with(failure);
    let reply = house.call(&rotator, "POST", &path, "").await;
    assert_eq!((reply.status, reply.error()), (502, "rotation-failed"), "{reply:?}");
    assert_eq!(reply.json["error"]["upstream"]["errcode"], -1);
    assert_eq!(house.dropin(&house.key).await.text("access_token"), FakeUpstream::token(1));
}

#[tokio::test]
async fn a_refused_token_shows_until_it_is_replaced() {
    let house = House::open().await;
    let admin = house.admin().await;
    house.dropin(&house.key).await;
    house.upstream.judges(Verdict::Refused(Failure::new(Class::Transient, "invalid credential")));
    house.upstream.fails_with(Failure::new(Class::Transient, "down"));
    house.report(&house.key, &FakeUpstream::token(1)).await;
    let reply = house.call(&admin, "GET", &format!("/v1/accounts/{KEPT}"), "").await;
    assert_eq!(reply.json["credentials"][0]["state"], "refused", "{reply:?}");
}

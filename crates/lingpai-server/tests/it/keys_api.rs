//! `/v1/keys`: keys are made, listed and revoked.

use std::sync::atomic::Ordering;

use lingpai_core::client::Accounts;
use serde_json::json;

use crate::house::{House, KEPT, OTHER, Reply};

async fn make(house: &House, admin: &str, body: &serde_json::Value) -> Reply {
    house.call(admin, "POST", "/v1/keys", &body.to_string()).await
}

#[tokio::test]
async fn a_key_that_was_just_made_works_at_once_and_is_seen_once() {
    let house = House::open().await;
    let admin = house.admin().await;
    let wanted = json!({
        "name": "orders", "environment": "production", "role": "service", "rights": ["status:read"], "accounts": [KEPT],
        "networks": ["127.0.0.0/8"], "preset": "silenceper-classic", "expires_in": 3600,
    });
    let made = make(&house, &admin, &wanted).await;
    assert_eq!(made.status, 201, "{made:?}");
    let rights = json!(["token:read", "token:report", "status:read", "gateway", "ticket"]);
    assert_eq!(made.json["rights"], rights);
    assert_eq!((&made.json["accounts"], &made.json["good"]), (&json!([KEPT]), &json!(true)));
    let key = made.text("key").to_owned();
    let reply = house.dropin(&key).await;
    assert_eq!(reply.json["expires_in"], 1740, "{reply:?}");
    let path = format!("/v1/accounts/{OTHER}/token");
    assert_eq!(house.call(&key, "GET", &path, "").await.error(), "account-forbidden");

    let list = house.call(&admin, "GET", "/v1/keys", "").await;
    let keys = list.json["keys"].as_array().unwrap();
    let listed = keys.iter().find(|listed| listed["id"] == made.json["id"]).unwrap();
    assert_eq!((&listed["preset"], &listed["name"]), (&made.json["preset"], &made.json["name"]));
    assert!(!list.json.to_string().contains(&key), "only its id");
}

#[tokio::test]
async fn a_key_of_a_test_system_is_made_for_what_harms_nobody() {
    let house = House::open().await;
    let admin = house.admin().await;
    let wanted = json!({"name": "ci", "environment": "test", "role": "service", "accounts": "all"});
    let made = make(&house, &admin, &wanted).await;
    assert_eq!((made.status, &made.json["environment"]), (201, &json!("test")), "{made:?}");
    assert_eq!(made.json["rights"], json!(["token:read", "gateway", "ticket"]));
    for (member, value) in [("role", json!("operator")), ("rights", json!(["token:report"]))] {
        let mut wanted = json!({"name": "ci", "environment": "dev", "accounts": "all"});
        wanted[member] = value;
        let refused = make(&house, &admin, &wanted).await;
        assert_eq!((refused.status, refused.error()), (400, "body-wrong"), "{refused:?}");
        let message = refused.json["error"]["message"].as_str().unwrap();
        assert!(message.contains("of the environment `dev`"), "{message}");
        assert!(message.contains("`token:report`"), "{message}");
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_from_the_next_request_on() {
    let house = House::open().await;
    let admin = house.admin().await;
    assert_eq!(house.dropin(&house.key).await.status, 200);
    let id = house.key.rsplit_once('_').unwrap().0;
    let revoked = house.call(&admin, "DELETE", &format!("/v1/keys/{id}"), "").await;
    assert_eq!((revoked.status, &revoked.json["good"]), (200, &json!(false)), "{revoked:?}");
    assert_eq!(house.dropin(&house.key).await.errcode(), 40125);
    let again = house.call(&admin, "DELETE", &format!("/v1/keys/{id}"), "").await;
    assert_eq!(again.json["revoked_at"], revoked.json["revoked_at"]);
    let unknown = house.call(&admin, "DELETE", "/v1/keys/lp_nobody", "").await;
    assert_eq!((unknown.status, unknown.error()), (404, "key-id-unknown"));
}

#[tokio::test]
async fn a_key_that_cannot_be_is_not_made() {
    let house = House::open().await;
    let admin = house.admin().await;
    let good = json!({"name": "a", "role": "viewer", "accounts": "all"});
    for (field, value, said) in [
        ("name", json!(""), "`name`"),
        ("name", json!("a\nb"), "`name`"),
        ("role", json!("king"), "unknown variant `king`"),
        ("role", json!(null), "names a right"),
        ("rights", json!(["fly"]), "unknown variant `fly`"),
        ("accounts", json!([]), "`accounts` is empty"),
        ("accounts", json!("some"), "`accounts` must be"),
        ("networks", json!(["10.0.0.0/99"]), "is no network"),
        ("preset", json!("x"), "unknown variant `x`"),
        ("bounds", json!({"path": ["/wxa/*"]}), "unknown field `path`"),
        ("bounds", json!({"paths": ["wxa"]}), "names no paths"),
        ("bounds", json!({"per_day": 0}), "nonzero"),
        ("expires_in", json!(0), "`expires_in`"),
        ("days", json!(1), "unknown field `days`"),
    ] {
        let mut wanted = good.clone();
        wanted[field] = value;
        let reply = make(&house, &admin, &wanted).await;
        assert_eq!((reply.status, reply.error()), (400, "body-wrong"), "{field}");
        let message = reply.json["error"]["message"].as_str().unwrap();
        assert!(message.contains(said), "{message}");
    }
    let reply = make(&house, &admin, &json!({"name": "a", "role": "viewer"})).await;
    let message = reply.json["error"]["message"].as_str().unwrap();
    assert!(message.contains("missing field `accounts`"), "not all by oversight: {message}");
}

#[tokio::test]
async fn an_admin_of_some_accounts_makes_no_keys() {
    let house = House::open().await;
    let some = Accounts::Only([KEPT.parse().unwrap(), OTHER.parse().unwrap()].into());
    let admin = house.key_with(&[lingpai_core::client::Right::Admin], some, |_| {}).await;
    let reply =
        make(&house, &admin, &json!({"name": "a", "role": "admin", "accounts": "all"})).await;
    assert_eq!((reply.status, reply.error()), (403, "accounts-limited"));
}

#[tokio::test]
async fn a_store_that_is_away_makes_no_key_and_says_so() {
    let house = House::open().await;
    let admin = house.admin().await;
    house.call(&admin, "GET", "/v1/keys", "").await;
    house.directory.down.store(true, Ordering::SeqCst);
    let reply =
        make(&house, &admin, &json!({"name": "a", "role": "viewer", "accounts": "all"})).await;
    assert_eq!((reply.status, reply.error()), (503, "store-unavailable"));
    assert_eq!(house.call(&admin, "GET", "/v1/keys", "").await.status, 200, "from memory");
}

//! `/v1/keys`: keys are made, listed and revoked.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use lingpai_core::Directory;
use lingpai_core::client::{Accounts, ApiKey, Right};
use lingpai_core::event::{Event, KeyChange, What};
use serde_json::json;

use crate::house::{House, KEPT, OTHER, PATIENCE, Reply};

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

#[tokio::test]
async fn the_first_use_of_a_key_is_told_once_by_whichever_server_sees_it() {
    let house = House::open().await;
    let admin = house.admin().await;
    let second = house.second_server().bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let addr = second.local_addr();
    let serving = tokio::spawn(second.serve(std::future::pending()));
    let made =
        make(&house, &admin, &json!({"name": "orders", "role": "service", "accounts": [KEPT]}))
            .await;
    assert_eq!(made.json["first_used_at"], json!(null));
    let (key, id) = (made.text("key").to_owned(), made.text("id").to_owned());
    let request = format!(
        "GET /v1/accounts/{KEPT}/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n"
    );
    // Both at once, and both again.
    for _ in 0..2 {
        let one = house.dropin(&key);
        let (one, other) = tokio::join!(one, House::exchange_at(addr, &request));
        assert_eq!((one.status, other.status), (200, 200), "{one:?} {other:?}");
    }
    let first_uses = async || {
        let events = house.registry.store().events(None, 99).await.unwrap();
        let of_key = |event: &Event| match &event.what {
            What::KeyFirstUsed { key, address } => (*key == id).then_some(*address),
            _ => None,
        };
        events.iter().filter_map(of_key).collect::<Vec<_>>()
    };
    let told = async {
        while first_uses().await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.unwrap();
    // A server that starts now knows of it, and says nothing more.
    serving.abort();
    let third = house.second_server().bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let addr = third.local_addr();
    tokio::spawn(third.serve(std::future::pending()));
    assert_eq!(House::exchange_at(addr, &request).await.status, 200);
    house.dropin(&key).await;
    assert_eq!(first_uses().await, [IpAddr::from([127, 0, 0, 1])]);
    let keys = house.directory.keys().await.unwrap();
    assert!(keys.iter().find(|key| key.id == id).unwrap().first_used_at.is_some());
}

#[tokio::test]
async fn a_key_that_is_refused_has_not_been_used() {
    let house = House::open().await;
    let unused = |key: &mut ApiKey| key.first_used_at = None;
    let key = house.key_with(&[Right::StatusRead], Accounts::All, unused).await;
    assert_ne!(house.dropin(&key).await.json["errcode"], json!(null), "it has no right to read");
    let keys = house.directory.keys().await.unwrap();
    assert!(keys.iter().any(|key| key.first_used_at.is_none()), "{keys:?}");
}

#[tokio::test]
async fn who_makes_or_revokes_a_key_is_told_of_by_an_event() {
    let house = House::open().await;
    let admin = house.admin().await;
    let made =
        make(&house, &admin, &json!({"name": "orders", "role": "service", "accounts": "all"}))
            .await;
    let id = made.text("id").to_owned();
    house.call(&admin, "DELETE", &format!("/v1/keys/{id}"), "").await;
    let by = admin.rsplit_once('_').unwrap().0.to_owned();
    let expected = [KeyChange::Revoked, KeyChange::Made].map(|change| What::KeyChanged {
        change,
        key: id.clone(),
        by: by.clone(),
    });
    let told = async {
        loop {
            let events = house.registry.store().events(None, 99).await.unwrap();
            let changes = events.into_iter().map(|event| event.what);
            let changes: Vec<_> =
                changes.filter(|what| matches!(what, What::KeyChanged { .. })).collect();
            if changes.len() == 2 {
                return changes;
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, told).await.unwrap(), expected);
}

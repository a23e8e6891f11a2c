//! `/v1/audit`: who read and changed what.

use std::time::Duration;

use lingpai_core::client::{Accounts, Right};
use serde_json::Value;

use crate::house::{House, KEPT, OTHER, PATIENCE, only};

/// The records, as soon as there are so many.
async fn records(house: &House, key: &str, query: &str, count: usize) -> Vec<Value> {
    let found = async {
        loop {
            let reply = house.call(key, "GET", &format!("/v1/audit{query}"), "").await;
            let records = reply.json["records"].as_array().unwrap().clone();
            if records.len() >= count {
                return records;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap()
}

#[tokio::test]
async fn what_an_admin_does_is_on_record_at_once() {
    let house = House::open().await;
    let admin = house.admin().await;
    let path = format!("/v1/accounts/{KEPT}");
    house.call(&admin, "PATCH", &path, r#"{"lead": 600}"#).await;
    let body = r#"{"name": "a", "rights": ["token:read"], "accounts": "all"}"#;
    let made = house.call(&admin, "POST", "/v1/keys", body).await;
    let id = made.json["id"].as_str().unwrap();
    house.call(&admin, "DELETE", &format!("/v1/keys/{id}"), "").await;
    let found = records(&house, &admin, "", 2).await;
    let by: Vec<_> = found.iter().map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(by, ["key-revoked", "key-made"], "the account is none of the store's");
    assert_eq!(found[0]["subject"], *id);
    assert_eq!(found[0]["who"]["address"], "127.0.0.1");
    assert!(admin.starts_with(found[0]["who"]["key"].as_str().unwrap()));
    let chinese = records(&house, &admin, "?language=zh&limit=1", 1).await;
    assert!(chinese[0]["text"].as_str().unwrap().contains("吊销了密钥"), "{chinese:?}");
    assert!(!format!("{found:?}").contains("SeCrEtToKeN"));
}

#[tokio::test]
async fn reads_are_on_record_with_their_number_and_not_the_token() {
    let mut house = House::open().await;
    let admin = house.admin().await;
    for _ in 0..3 {
        house.dropin(&house.key).await;
    }
    house.get(&format!("/v1/accounts/{KEPT}/token")).await;
    let second = house.second_server().bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let addr = second.local_addr();
    house.stop();
    // What was read is written when the server ends.
    let registry = std::sync::Arc::clone(&house.registry);
    tokio::spawn(second.serve(std::future::pending()));
    house.ended().await;
    let notes = registry.store().notes(None, lingpai_core::journal::Page::Newest, 9).await.unwrap();
    let read = &notes.told[0].what;
    assert_eq!((&*read.deed.action, read.deed.count), ("token-read", 4));
    let request = format!(
        "GET /v1/audit HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {admin}\r\n\r\n"
    );
    let reply = House::exchange_at(addr, &request).await;
    let record = &reply.json["records"][0];
    assert_eq!((&record["account"], &record["count"]), (&Value::from(KEPT), &Value::from(4)));
    assert!(record["text"].as_str().unwrap().contains("read the token 4 times"));
}

#[tokio::test]
async fn whoever_administers_one_account_sees_what_concerns_that() {
    let house = House::open().await;
    let one = house.key_with(&[Right::Admin, Right::TokenRotate], only(KEPT), |_| {}).await;
    let all = house.key_with(&[Right::Admin], Accounts::All, |_| {}).await;
    let rotate = format!("/v1/accounts/{KEPT}/token/rotate");
    assert_eq!(house.call(&one, "POST", &rotate, "{}").await.status, 200);
    let found = records(&house, &one, &format!("?account={KEPT}"), 1).await;
    assert_eq!(found[0]["action"], "token-rotated");
    assert_eq!(house.call(&one, "GET", "/v1/audit", "").await.error(), "accounts-limited");
    let other = format!("/v1/audit?account={OTHER}");
    assert_eq!(house.call(&one, "GET", &other, "").await.error(), "account-forbidden");
    let none = house.call(&all, "GET", "/v1/audit?client=nobody", "").await;
    assert_eq!(none.json["records"].as_array().unwrap().len(), 0);
}

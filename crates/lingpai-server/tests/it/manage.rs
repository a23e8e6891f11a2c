//! Accounts are created, changed and removed over HTTP.

use std::sync::atomic::Ordering;

use lingpai_core::Directory as _;
use lingpai_core::client::{Accounts, Right};
use serde_json::{Value, json};

use crate::house::{FakeUpstream, House, OTHER, Reply, only};

const NEW: &str = "wx00000000000000c3";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

async fn create(house: &House, key: &str, wanted: &Value) -> Reply {
    house.call(key, "POST", "/v1/accounts", &wanted.to_string()).await
}

/// A house with an account that was created over HTTP.
async fn house_with_new() -> (House, String) {
    let house = House::open().await;
    let admin = house.admin().await;
    let made = create(&house, &admin, &json!({"account": NEW, "secret": SECRET})).await;
    assert_eq!(made.status, 201, "{made:?}");
    (house, admin)
}

fn at(rest: &str) -> String {
    format!("/v1/accounts/{NEW}{rest}")
}

/// What the changes of accounts were, the newest first, and who made them.
async fn changes(house: &House, key: &str) -> Vec<(String, String)> {
    let history = house.call(key, "GET", "/v1/events/history", "").await;
    let events = history.json["events"].as_array().unwrap().iter();
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    events
        .filter(|event| event["event"] == "account-changed" && event["account"] == NEW)
        .map(|event| (text(event, "change"), text(event, "key")))
        .collect()
}

#[tokio::test]
async fn a_created_account_is_kept_as_soon_as_the_answer_comes() {
    let house = House::open().await;
    let admin = house.admin().await;
    let wanted = json!({
        "account": NEW, "secret": SECRET, "kind": "mini-program", "mode": "classic",
        "refresh": {"idle_after": 3600}, "lead": 300, "daily_budget": 50, "fallback": false,
    });
    let made = create(&house, &admin, &wanted).await;
    assert_eq!(made.status, 201, "{made:?}");
    for member in ["account", "kind", "mode", "refresh", "lead", "daily_budget", "fallback"] {
        assert_eq!(made.json[member], wanted[member], "{member}");
    }
    assert_eq!((&made.json["jitter"], &made.json["alone"]), (&json!(60), &json!(false)));
    assert!(!made.body.contains(SECRET));
    let token = house.call(&admin, "GET", &at("/token"), "").await;
    assert_eq!(token.text("access_token"), FakeUpstream::token(1), "{token:?}");

    let again = create(&house, &admin, &wanted).await;
    assert_eq!((again.status, again.error()), (409, "account-exists"), "{again:?}");
}

#[tokio::test]
async fn a_change_leaves_what_it_does_not_name() {
    let (house, admin) = house_with_new().await;
    let change = |body: Value| {
        let (house, admin) = (&house, &admin);
        async move { house.call(admin, "PATCH", &at(""), &body.to_string()).await }
    };
    let changed = change(json!({"lead": 120, "daily_budget": 9})).await;
    assert_eq!((changed.status, &changed.json["lead"]), (200, &json!(120)), "{changed:?}");
    let changed = change(json!({"refresh": "on-demand"})).await;
    assert_eq!(
        (&changed.json["lead"], &changed.json["daily_budget"], &changed.json["refresh"]),
        (&json!(120), &json!(9), &json!("on-demand"))
    );
    let changed = change(json!({"daily_budget": null})).await;
    assert_eq!(changed.json["daily_budget"], Value::Null);
    let renamed = change(json!({"account": OTHER})).await;
    assert_eq!((renamed.status, renamed.error()), (400, "body-wrong"), "{renamed:?}");
}

#[tokio::test]
async fn an_account_has_its_own_proxy_and_shows_neither_its_user_nor_its_password() {
    let (house, admin) = house_with_new().await;
    let change = |body: Value| {
        let (house, admin) = (&house, &admin);
        async move { house.call(admin, "PATCH", &at(""), &body.to_string()).await }
    };
    let stored = async || {
        let account = house.directory.account(&NEW.parse().unwrap()).await.unwrap().unwrap();
        account.proxy.map(|proxy| proxy.to_url().expose().to_owned())
    };
    let proxy =
        json!({"proxy": "http://lingpai@proxy.example.com:3128", "proxy_password": "hunter2"});
    let changed = change(proxy).await;
    assert_eq!(changed.json["proxy"], "http://proxy.example.com:3128", "{changed:?}");
    assert!(!changed.body.contains("hunter2") && !changed.body.contains("lingpai@"));
    let url = "http://lingpai:hunter2@proxy.example.com:3128";
    assert_eq!(stored().await.as_deref(), Some(url));

    let changed = change(json!({"proxy_password": "hunter3"})).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(stored().await.unwrap(), url.replace("hunter2", "hunter3"));
    change(json!({"lead": 120})).await;
    assert!(stored().await.is_some(), "a change leaves what it does not name");

    let in_url = "http://lingpai:hunter4@proxy.example.com:3128";
    for wrong in [json!({"proxy": in_url}), json!({"proxy": "ftp://hunter4"})] {
        let refused = change(wrong).await;
        assert_eq!((refused.status, refused.error()), (400, "body-wrong"), "{refused:?}");
        assert!(!refused.body.contains("hunter4"), "{refused:?}");
    }
    let changed = change(json!({"proxy": null})).await;
    assert_eq!(changed.json["proxy"], Value::Null, "{changed:?}");
    assert_eq!(stored().await, None);
    let refused = change(json!({"proxy_password": "hunter2"})).await;
    assert_eq!((refused.status, refused.error()), (400, "body-wrong"), "{refused:?}");
}

#[tokio::test]
async fn keys_of_api_security_are_looked_at_and_only_their_numbers_come_out() {
    let vectors: Value = serde_json::from_str(include_str!(
        "../../../lingpai-wechat/tests/vectors/api_signature.json"
    ))
    .unwrap();
    let key = |path: &str| json!({"serial": "a1", "key": vectors.pointer(path).unwrap()});
    let wanted = json!({
        "symmetric": key("/sym_key_b64"), "private": key("/request/app_private_key_pem"),
        "certificate": key("/response/certificate_pem"), "calls": ["/wxa/*"],
    });
    let (house, admin) = house_with_new().await;
    let change = |keys: Value| {
        let (house, admin) = (&house, &admin);
        let body = json!({"api_security": keys}).to_string();
        async move { house.call(admin, "PATCH", &at(""), &body).await }
    };
    let changed = change(wanted.clone()).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let shown = json!({
        "symmetric": "a1", "previous_symmetric": null, "private": "a1", "certificate": "a1",
        "other_certificate": null, "calls": ["/wxa/*"],
    });
    assert_eq!(changed.json["api_security"], shown);
    let other = house.call(&admin, "PATCH", &at(""), r#"{"lead": 120}"#).await;
    assert_eq!(other.json["api_security"], shown, "a change leaves what it does not name");

    for (member, value, says) in [
        ("symmetric", json!({"serial": "a1", "key": "hunter2"}), "the symmetric key"),
        ("certificate", key("/request/app_public_key_pem"), "your own public key"),
        ("previous_symmetric", key("/sym_key_b64"), "have different numbers"),
        ("calls", json!([]), "there are no calls"),
    ] {
        let mut wrong = wanted.clone();
        wrong[member] = value;
        let refused = change(wrong).await;
        assert_eq!((refused.status, refused.error()), (400, "body-wrong"), "{refused:?}");
        assert!(refused.body.contains(says) && !refused.body.contains("hunter2"), "{refused:?}");
    }
    let platform = json!({"kind": "platform"}).to_string();
    let refused = house.call(&admin, "PATCH", &at(""), &platform).await;
    assert!(refused.body.contains("for mini programs and Official Accounts"), "{refused:?}");
    let removed = change(Value::Null).await;
    assert_eq!(removed.json["api_security"], Value::Null, "{removed:?}");
}

#[tokio::test]
async fn another_secret_leaves_the_token_that_is_good() {
    let (house, admin) = house_with_new().await;
    let token = house.call(&admin, "GET", &at("/token"), "").await;
    let replace = |secret: &'static str| {
        let (house, admin, body) = (&house, &admin, json!({"secret": secret}).to_string());
        async move { house.call(admin, "PUT", &at("/secret"), &body).await }
    };
    let replaced = replace("another").await;
    assert_eq!(replaced.status, 200, "{replaced:?}");
    assert!(!replaced.body.contains("another") && replaced.json.get("warning").is_none());
    let untried = replace("unknown").await;
    assert!(untried.text("warning").contains("no answer"), "{untried:?}");
    let refused = replace("wrong").await;
    assert_eq!((refused.status, refused.error()), (422, "secret-refused"), "{refused:?}");
    assert_eq!(refused.json["error"]["upstream"]["errcode"], 40125);
    let kept = house.call(&admin, "GET", &at("/token"), "").await;
    assert_eq!(kept.json["generation"], token.json["generation"]);
    assert_eq!(house.upstream.calls(), 1);
}

#[tokio::test]
async fn a_removed_account_is_not_kept_any_more() {
    let (house, admin) = house_with_new().await;
    let removed = house.call(&admin, "DELETE", &at(""), "").await;
    assert_eq!((removed.status, removed.body.as_str()), (204, ""));
    for (method, path) in [("GET", at("/token")), ("DELETE", at("")), ("PATCH", at(""))] {
        let reply = house.call(&admin, method, &path, "{}").await;
        assert_eq!((reply.status, reply.error()), (404, "account-unknown"), "{method} {path}");
    }
}

#[tokio::test]
async fn each_change_is_told_of_with_who_made_it() {
    let (house, admin) = house_with_new().await;
    house.call(&admin, "PATCH", &at(""), r#"{"lead": 120}"#).await;
    house.call(&admin, "PUT", &at("/secret"), r#"{"secret": "another"}"#).await;
    house.call(&admin, "PUT", &at("/secret"), r#"{"secret": "wrong"}"#).await;
    house.call(&admin, "DELETE", &at(""), "").await;
    let id = admin.rsplit_once('_').unwrap().0;
    let wanted = ["removed", "secret-replaced", "updated", "created"];
    let wanted: Vec<_> = wanted.map(|change| (change.to_owned(), id.to_owned())).into();
    // The events are written by a task of their own.
    while changes(&house, &admin).await.len() < wanted.len() {
        tokio::task::yield_now().await;
    }
    assert_eq!(changes(&house, &admin).await, wanted);
}

#[tokio::test]
async fn an_account_of_the_configuration_is_changed_there_and_not_here() {
    let house = House::open().await;
    let admin = house.admin().await;
    let path = format!("/v1/accounts/{OTHER}");
    for (method, path, body) in [
        ("POST", "/v1/accounts", json!({"account": OTHER, "secret": SECRET})),
        ("PATCH", &path, json!({"lead": 120})),
        ("PUT", &format!("{path}/secret"), json!({"secret": SECRET})),
        ("DELETE", &path, Value::Null),
    ] {
        let reply = house.call(&admin, method, path, &body.to_string()).await;
        assert_eq!((reply.status, reply.error()), (409, "account-configured"), "{method}");
        let message = reply.json["error"]["message"].as_str().unwrap();
        assert!(message.contains("lingpai.toml"), "{message}");
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_is_not_created() {
    let house = House::open().await;
    let admin = house.admin().await;
    for (member, value, said) in [
        ("account", json!("a b"), "an account"),
        ("account", json!(null), "`account` is missing"),
        ("secret", json!(null), "`secret` is missing"),
        ("secret", json!(81726354), "a secret is a text"),
        ("secret", json!(""), "`secret` is no AppSecret"),
        ("secret", json!("two words"), "`secret` is no AppSecret"),
        ("kind", json!("shop"), "unknown variant `shop`"),
        ("mode", json!("fast"), "unknown variant `fast`"),
        ("refresh", json!("never"), "unknown variant `never`"),
        ("refresh", json!({"idle_after": 1}), "`idle_after` must be"),
        ("lead", json!(0), "`lead` must be a whole number of seconds from 1 to 3600"),
        ("jitter", json!(-1), "invalid value"),
        ("daily_budget", json!(0), "`daily_budget`"),
        ("fetch_deadline", json!(500), "`fetch_deadline` must be"),
        ("leed", json!(1), "unknown field `leed`"),
    ] {
        let mut wanted = json!({"account": NEW, "secret": SECRET});
        wanted[member] = value;
        let reply = create(&house, &admin, &wanted).await;
        assert_eq!((reply.status, reply.error()), (400, "body-wrong"), "{member}");
        let message = reply.json["error"]["message"].as_str().unwrap();
        assert!(message.contains(said), "{message}");
        assert!(!message.contains("two words") && !message.contains("81726354"), "{message}");
    }
}

#[tokio::test]
async fn an_admin_of_some_accounts_creates_those_and_no_other() {
    let house = House::open().await;
    let admin = house.key_with(&[Right::Admin], only(NEW), |_| {}).await;
    let wanted = json!({"account": "wxsomethingelse", "secret": SECRET});
    let other = create(&house, &admin, &wanted).await;
    assert_eq!((other.status, other.error()), (403, "account-forbidden"), "{other:?}");
    let own = create(&house, &admin, &json!({"account": NEW, "secret": SECRET})).await;
    assert_eq!(own.status, 201, "{own:?}");
}

#[tokio::test]
async fn a_store_that_is_away_changes_nothing_and_says_so() {
    let house = House::open().await;
    let admin = house.key_with(&[Right::Admin], Accounts::All, |_| {}).await;
    house.call(&admin, "GET", "/v1/keys", "").await;
    house.directory.down.store(true, Ordering::SeqCst);
    let reply = create(&house, &admin, &json!({"account": NEW, "secret": SECRET})).await;
    assert_eq!((reply.status, reply.error()), (503, "store-unavailable"), "{reply:?}");
}

#[tokio::test]
async fn a_server_whose_accounts_nobody_changes_says_so() {
    let house = House::open().await;
    let admin = house.admin().await;
    let bound = house.second_server().bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let addr = bound.local_addr();
    let wanted = json!({"account": NEW, "secret": SECRET}).to_string();
    let request = format!(
        "POST /v1/accounts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {admin}\r\n\
         Content-Length: {}\r\n\r\n{wanted}",
        wanted.len()
    );
    tokio::select! {
        () = bound.serve(std::future::pending()) => {}
        reply = House::exchange_at(addr, &request) => {
            assert_eq!((reply.status, reply.error()), (501, "accounts-fixed"), "{reply:?}");
        }
    }
}

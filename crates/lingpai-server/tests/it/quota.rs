//! What an account has called and may still call, its counters set to zero, and what WeChat knows of a request.

use lingpai_core::client::{Accounts, ApiKey, Right};
use lingpai_core::{Account, Class, Directory, Failure, Secret, Timestamp};
use serde_json::{Value, json};

use crate::gateway::stand_in::{Plan, Seen};
use crate::gateway::{Forwarding, OK, REFUSED, refusal};
use crate::house::{FakeUpstream, KEPT, OTHER, Reply, only};

const QUOTA: &str = "/v1/accounts/{account}/quota";
const CLEAR: &str = "/v1/accounts/{account}/quota/clear";
const RID: &str = "61725984-6126f6f9-040f19c4";

const OF_PATH: &str = r#"{"errcode":0,"errmsg":"ok","quota":{"daily_limit":500000,"used":12,"remain":499988},
    "rate_limit":{"call_count":10,"refresh_second":60},"component_rate_limit":{"call_count":0,"refresh_second":0}}"#;
const OF_RID: &str = r#"{"errcode":0,"errmsg":"ok","request":{"invoke_time":1635156704,"cost_in_ms":30,
    "request_url":"access_token=50_Im7xxxx","request_body":"","response_body":"{}","client_ip":"113.1.2.3"}}"#;

fn script(seen: &Seen) -> Plan {
    let target = seen.target();
    match target.split('?').next().unwrap() {
        "/cgi-bin/openapi/quota/get" => Plan::json(OF_PATH),
        // The rid is the first account's, which is known by its token.
        "/cgi-bin/openapi/rid/get" => Plan::json(OF_RID),
        _ => Plan::json(OK),
    }
}

fn path(of: &str) -> String {
    of.replace("{account}", KEPT)
}

async fn it() -> (Forwarding, String) {
    let it = Forwarding::to(script).await;
    let account =
        Account::new(KEPT.parse().unwrap(), Secret::from("ApP+SeCrEt"), Timestamp::default());
    it.house.directory.put_account(&account, None).await.unwrap();
    let admin = it.house.admin().await;
    (it, admin)
}

async fn clear(it: &Forwarding, key: &str) -> Reply {
    it.house.call(key, "POST", &path(CLEAR), "").await
}

/// Every answer that only a server with a gateway gives.
pub(crate) async fn told_as_described(mut check: impl FnMut(&str, &str, &Reply)) {
    let (it, admin) = it().await;
    check("post", CLEAR, &clear(&it, &admin).await);
    for query in ["", "?path=/cgi-bin/user/get"] {
        let target = path(QUOTA) + query;
        check("get", QUOTA, &it.house.call(&admin, "GET", &target, "").await);
    }
    let target = format!("/v1/rids/{RID}?account={KEPT}");
    check("get", "/v1/rids/{rid}", &it.house.call(&admin, "GET", &target, "").await);
}

#[tokio::test]
async fn without_a_path_what_was_counted_is_told_and_wechat_is_not_asked() {
    let (it, admin) = it().await;
    for _ in 0..3 {
        it.get("/cgi-bin/user/get").await;
    }
    let told = it.house.call(&admin, "GET", &path(QUOTA), "").await;
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(told.json["calls"], json!([{"path": "/cgi-bin/user/get", "calls": 3}]));
    assert_eq!(told.json["fetches"][0]["used"], 1);
    assert_eq!(told.json["clearings"]["used"], 0);
    assert_eq!(it.wechat.seen().len(), 3);
}

#[tokio::test]
async fn an_account_knows_for_whom_calls_were_forwarded_by_key_or_virtual_token() {
    let (it, admin) = it().await;
    let named = |key: &mut ApiKey| key.name = "night shift".to_owned();
    let other = it.house.key_with(&[Right::Gateway], only(KEPT), named).await;
    let headers = [("Authorization", format!("Bearer {other}"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    // One with a virtual token, two with a key.
    it.get("/cgi-bin/user/get").await;
    for _ in 0..2 {
        it.house.ask("GET", "/cgi-bin/user/get", &headers, "").await;
    }
    let status = format!("/v1/accounts/{KEPT}");
    let clients = it.house.call(&admin, "GET", &status, "").await.json["clients_today"].clone();
    assert_eq!((&clients[0]["name"], &clients[0]["calls"]), (&json!("night shift"), &json!(2)));
    assert!(other.starts_with(clients[0]["key"].as_str().unwrap()));
    assert!(it.key.starts_with(clients[1]["key"].as_str().unwrap()) && clients[1]["calls"] == 1);
    assert_eq!(clients.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn of_a_path_wechat_is_asked_with_the_token() {
    let (it, admin) = it().await;
    let target = path(QUOTA) + "?path=/cgi-bin/message/custom/send";
    let told = it.house.call(&admin, "GET", &target, "").await;
    assert_eq!(told.json["quota"], json!({"daily_limit": 500_000, "used": 12, "remain": 499_988}));
    let seen = it.wechat.only();
    let sent: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(sent, json!({"cgi_path": "/cgi-bin/message/custom/send"}));
    assert_eq!(seen.token(), Some(FakeUpstream::token(1).as_str()));
    assert_eq!(seen.header("content-length"), Some(seen.body.len().to_string().as_str()));
    assert_eq!(seen.header("authorization"), None);
}

#[tokio::test]
async fn a_clearing_is_counted_in_the_store_at_once_and_the_engine_told() {
    let (it, admin) = it().await;
    let keeper = it.house.registry.get(&crate::house::credential(KEPT)).unwrap();
    it.house.upstream.fails_with(quota_is_spent());
    assert!(keeper.fresh().await.is_err());
    let cleared = clear(&it, &admin).await;
    // Without a token, it is done by appid and secret.
    assert_eq!(
        (cleared.status, cleared.text("by")),
        (200, "/cgi-bin/clear_quota/v2"),
        "{cleared:?}"
    );
    let seen = it.wechat.only();
    let sent: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(sent, json!({"appid": KEPT, "appsecret": "ApP+SeCrEt"}));
    assert!(keeper.status().failure.is_none(), "the quota is there again");
    let today = it.house.registry.clock().now().day();
    let (account, store) = (KEPT.parse().unwrap(), it.house.registry.store());
    let ledger = store.ledger(&account, today.first_of_month()).await.unwrap();
    assert_eq!(ledger["spent/clearings"], 1);
    assert_eq!(cleared.json["clearings"]["used"], 1);
    assert!(!cleared.body.contains("ApP"));
}

#[tokio::test]
async fn clearings_through_the_gateway_count_too() {
    let (it, admin) = it().await;
    let key = it.house.key_with(&[Right::Gateway, Right::QuotaClear], only(KEPT), |_| {}).await;
    let body = format!(r#"{{"appid":"{KEPT}"}}"#);
    let headers = [("Authorization", format!("Bearer {key}"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    for _ in 0..2 {
        it.house.ask("POST", "/cgi-bin/clear_quota", &headers, &body).await;
    }
    assert_eq!(clear(&it, &admin).await.text("by"), "/cgi-bin/clear_quota");
    let told = it.house.call(&admin, "GET", &path(QUOTA), "").await;
    assert_eq!(told.json["clearings"]["used"], 3);
}

#[tokio::test]
async fn a_token_that_wechat_refuses_is_replaced_and_the_call_made_once_more() {
    let it = Forwarding::to(|seen| match seen.token() {
        Some(token) if token == FakeUpstream::token(1) => Plan::json(REFUSED),
        _ => Plan::json(OK),
    });
    let it = it.await;
    let admin = it.house.admin().await;
    it.house.upstream.judges(refusal());
    let cleared = clear(&it, &admin).await;
    assert_eq!((cleared.status, cleared.text("by")), (200, "/cgi-bin/clear_quota"), "{cleared:?}");
    assert_eq!((it.wechat.seen().len(), it.house.upstream.calls()), (2, 2));
}

#[tokio::test]
async fn what_wechat_refuses_is_told_with_what_to_do_and_counts_for_nothing() {
    let it = Forwarding::to(|_| {
        Plan::json(
            r#"{"errcode":48006,"errmsg":"forbid to clear quota because of reaching the limit rid: 61725984-6126f6f9-040f19c4"}"#,
        )
    });
    let it = it.await;
    let admin = it.house.admin().await;
    let refused = clear(&it, &admin).await;
    assert_eq!((refused.status, refused.error()), (422, "upstream-refused"), "{refused:?}");
    let upstream = &refused.json["error"]["upstream"];
    assert_eq!((upstream["errcode"].as_i64(), upstream["rid"].as_str()), (Some(48006), Some(RID)));
    assert!(!refused.json["error"]["remedy"].as_str().unwrap().is_empty());
    let told = it.house.call(&admin, "GET", &path(QUOTA), "").await;
    assert_eq!(told.json["clearings"]["used"], 0);
}

#[tokio::test]
async fn a_rid_is_found_among_the_accounts_of_the_key() {
    let it = Forwarding::to(|seen| match seen.token() {
        Some(token) if token == FakeUpstream::token(1) => {
            Plan::json(r#"{"errcode":76003,"errmsg":"could not query this rid,no permission"}"#)
        }
        _ => Plan::json(OF_RID),
    });
    let it = it.await;
    let admin = it.house.admin().await;
    let found = it.house.call(&admin, "GET", &format!("/v1/rids/{RID}"), "").await;
    assert_eq!((found.status, found.text("account")), (200, OTHER), "{found:?}");
    assert_eq!(found.json["request"]["cost_in_ms"], 30);
    let one = it.house.key_with(&[Right::TokenRead], only(KEPT), |_| {}).await;
    let refused = it.house.call(&one, "GET", &format!("/v1/rids/{RID}"), "").await;
    assert_eq!(refused.json["error"]["upstream"]["errcode"], 76003);
    for number in 0..9 {
        it.house.keeps(&format!("wx{number}"));
    }
    let seen = it.wechat.seen().len();
    let unnamed = it.house.call(&admin, "GET", &format!("/v1/rids/{RID}"), "").await;
    assert_eq!((unnamed.status, unnamed.error()), (400, "parameter-missing"));
    assert_eq!(it.wechat.seen().len(), seen, "eleven are not all asked");
}

#[tokio::test]
async fn applications_of_wecom_and_servers_without_a_gateway_say_that_they_have_none() {
    let (it, admin) = it().await;
    it.house.keeps("ww1:1");
    for (method, target) in [
        ("GET", "/v1/accounts/ww1:1/quota"),
        ("POST", "/v1/accounts/ww1:1/quota/clear"),
        ("GET", "/v1/rids/1-2-3?account=ww1:1"),
    ] {
        let refused = it.house.call(&admin, method, target, "").await;
        assert_eq!((refused.status, refused.error()), (404, "no-quota"), "{target}");
    }
    assert!(it.wechat.seen().is_empty());
    let house = crate::house::House::open().await;
    let admin = house.key_with(&[Right::Admin], Accounts::All, |_| {}).await;
    let refused = house.call(&admin, "GET", &path(QUOTA), "").await;
    assert_eq!((refused.status, refused.error()), (501, "gateway-off"));
}

fn quota_is_spent() -> Failure {
    let mut failure = Failure::new(Class::Quota, "reach max api daily quota limit");
    failure.code = Some(45009);
    failure
}

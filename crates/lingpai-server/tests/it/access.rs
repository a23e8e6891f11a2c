//! Who may use which route. What there is comes from `/openapi.json`, which is tested to describe every route there is: one
//! that is new and not in the tables below fails a test.

use std::collections::BTreeSet;
use std::time::Duration;

use lingpai_core::Environment;
use lingpai_core::client::{Accounts, ApiKey, Right};
use serde_json::Value;

use crate::house::{House, KEPT, OTHER, Reply, now, only};

/// What a route is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// One account, named in the path, the query or the body.
    Account,
    /// Whatever accounts the key is for.
    Some,
    /// All accounts, so that the key must be for all.
    All,
}

/// A route for keys with a right.
struct Route {
    method: &'static str,
    path: &'static str,
    right: Right,
    about: About,
    body: &'static str,
}

const fn route(method: &'static str, path: &'static str, right: Right, about: About) -> Route {
    Route { method, path, right, about, body: "" }
}

const ROUTES: [Route; 42] = [
    route("GET", "/v1/accounts/{account}/token", Right::TokenRead, About::Account),
    route(
        "POST",
        "/v1/accounts/{account}/token/report-invalid",
        Right::TokenReport,
        About::Account,
    ),
    route("POST", "/v1/accounts/{account}/token/adopt", Right::Admin, About::Account),
    route("POST", "/v1/accounts/{account}/token/rotate", Right::TokenRotate, About::Account),
    route("GET", "/v1/accounts/{account}/tickets/{type}", Right::Ticket, About::Account),
    Route {
        body: r#"{"url": "https://a.cn/"}"#,
        ..route("POST", "/v1/accounts/{account}/js-config", Right::Ticket, About::Account)
    },
    Route {
        body: r#"{"values": []}"#,
        ..route("POST", "/v1/accounts/{account}/card-signature", Right::Ticket, About::Account)
    },
    route("GET", "/v1/accounts/{account}", Right::StatusRead, About::Account),
    route("PATCH", "/v1/accounts/{account}", Right::Admin, About::Account),
    route("DELETE", "/v1/accounts/{account}", Right::Admin, About::Account),
    route("PUT", "/v1/accounts/{account}/secret", Right::Admin, About::Account),
    route("GET", "/v1/nodes", Right::StatusRead, About::All),
    route("GET", "/v1/accounts", Right::StatusRead, About::Some),
    route("GET", "/v1/overview", Right::StatusRead, About::Some),
    Route {
        body: r#"{"account": "{account}", "secret": "0123456789abcdef"}"#,
        ..route("POST", "/v1/accounts", Right::Admin, About::Account)
    },
    route("GET", "/v1/events", Right::StatusRead, About::Some),
    route("GET", "/v1/events?account={account}", Right::StatusRead, About::Account),
    route("GET", "/v1/events/history?account={account}", Right::StatusRead, About::Account),
    Route {
        body: r#"{"account": "{account}"}"#,
        ..route("POST", "/v1/doctor", Right::TokenRotate, About::Account)
    },
    route("GET", "/v1/doctor", Right::StatusRead, About::Some),
    Route {
        body: r#"{"errcode": 40001, "account": "{account}"}"#,
        ..route("POST", "/v1/diagnose", Right::StatusRead, About::Account)
    },
    route("GET", "/v1/accounts/{account}/pushes", Right::StatusRead, About::Account),
    route("DELETE", "/v1/accounts/{account}/pushes/{id}", Right::Admin, About::Account),
    route("POST", "/v1/accounts/{account}/pushes/{id}/retry", Right::Admin, About::Account),
    route("GET", "/v1/accounts/{account}/quota", Right::StatusRead, About::Account),
    route("POST", "/v1/accounts/{account}/quota/clear", Right::QuotaClear, About::Account),
    route("GET", "/v1/rids/{rid}?account={account}", Right::TokenRead, About::Account),
    route("GET", "/metrics", Right::StatusRead, About::All),
    route("GET", "/v1/audit", Right::Admin, About::All),
    route("GET", "/v1/audit?account={account}", Right::Admin, About::Account),
    route("GET", "/v1/alerts", Right::Admin, About::All),
    route("POST", "/v1/alerts/{name}/test", Right::Admin, About::All),
    route("GET", "/v1/sinks", Right::Admin, About::All),
    route("POST", "/v1/sinks/{name}/test", Right::Admin, About::All),
    route("POST", "/v1/sinks/{name}/sync", Right::Admin, About::All),
    route("POST", "/v1/accounts/{account}/authorization-links", Right::Platform, About::Account),
    route("GET", "/v1/accounts/{account}/authorizers", Right::Platform, About::Account),
    route("POST", "/v1/accounts/{account}/authorizers", Right::Admin, About::Account),
    route("POST", "/v1/accounts/{account}/authorizers/recover", Right::Admin, About::Account),
    route("GET", "/v1/keys", Right::Admin, About::All),
    route("POST", "/v1/keys", Right::Admin, About::All),
    route("DELETE", "/v1/keys/{id}", Right::Admin, About::All),
];

/// Routes for WeChat, who signs.
const SIGNED: [(&str, &str); 4] = [
    ("GET", "/push/{account}"),
    ("POST", "/push/{account}"),
    ("GET", "/push/{account}/{authorizer}"),
    ("POST", "/push/{account}/{authorizer}"),
];

/// Routes for whoever logs in to the console, which `console.rs` proves.
const OF_THE_CONSOLE: [(&str, &str); 3] =
    [("GET", "/console/session"), ("POST", "/console/session"), ("DELETE", "/console/session")];

/// Routes for browsers with a link, which is signed; `lingpai-cli/tests/system/links.rs` proves them.
const LINKED: [(&str, &str); 3] =
    [("GET", "/authorize/{link}"), ("POST", "/authorize/{link}"), ("GET", "/authorized/{link}")];

/// Routes for anybody.
const OPEN: [(&str, &str); 3] = [("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/openapi.json")];

/// Routes in WeChat's shape, with the key among the parameters. Each needs [`Right::TokenRead`].
const DROP_IN: [(&str, &str); 4] = [
    ("GET", "/cgi-bin/token"),
    ("POST", "/cgi-bin/token"),
    ("POST", "/cgi-bin/stable_token"),
    ("GET", GETTOKEN),
];
/// Those of WeCom's service providers and of third-party platforms, in the same shape; `services.rs` and `platforms.rs` have
/// their keys.
const SERVICES: [(&str, &str); 5] = [
    ("POST", "/cgi-bin/service/get_suite_token"),
    ("POST", "/cgi-bin/service/get_corp_token"),
    ("POST", "/cgi-bin/service/get_provider_token"),
    ("POST", "/cgi-bin/component/api_component_token"),
    ("POST", "/cgi-bin/component/api_authorizer_token"),
];
/// The one of WeCom, which names a corp.
const GETTOKEN: &str = "/cgi-bin/gettoken";

/// A way in which a key is no good: the name of the refusal, and what of the key is otherwise.
struct Fault {
    code: &'static str,
    rights: Vec<Right>,
    change: fn(&mut ApiKey),
}

/// Every fault of a key for a route that needs this right.
fn faults(right: Right) -> Vec<Fault> {
    let fault = |code, change| Fault { code, rights: vec![right], change };
    let others = Right::ALL.into_iter().filter(|other| ![right, Right::Admin].contains(other));
    let mut faults = vec![
        fault("key-revoked", |key| key.revoked_at = Some(now())),
        fault("key-expired", |key| key.expires_at = Some(now() - Duration::from_secs(1))),
        fault("network-forbidden", |key| key.networks = vec!["10.0.0.0/8".parse().unwrap()]),
        Fault { code: "right-missing", rights: others.collect(), change: |_| {} },
    ];
    if !Environment::Test.allows(right) {
        faults.push(fault("right-missing", |key| key.environment = Environment::Test));
    }
    faults
}

impl Route {
    async fn ask(&self, house: &House, key: &str, account: &str) -> Reply {
        let named = |text: &str| {
            text.replace("{account}", account)
                .replace("{id}", "lp_000000000000")
                .replace("{type}", "jsapi")
                .replace("{name}", "ops")
                .replace("{rid}", "1-2-3")
        };
        house.call(key, self.method, &named(self.path), &named(self.body)).await
    }
}

async fn described(house: &House) -> Value {
    let document = house.ask("GET", "/openapi.json", &[], "").await;
    document.json["paths"].clone()
}

fn methods(operations: &Value) -> BTreeSet<String> {
    operations.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect()
}

#[tokio::test]
async fn the_tables_have_every_route_there_is_with_the_right_that_is_described() {
    let house = House::open().await;
    let described = described(&house).await;
    for Route { method, path, right, about, .. } in ROUTES {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let call = &described[path][method.to_lowercase()];
        assert_eq!(call["x-right"], right.as_str(), "{method} {path}");
        let is_limited = call["x-errors"]["accounts-limited"].is_u64();
        assert!(is_limited == (about == About::All) || !query.is_empty(), "{method} {path}");
        let is_of_one = call["x-errors"]["account-forbidden"].is_u64();
        assert!(is_of_one || about != About::Account, "{method} {path}");
    }
    for (method, path) in DROP_IN {
        let right = &described[path][method.to_lowercase()]["x-right"];
        assert_eq!(*right, Right::TokenRead.as_str(), "{method} {path}");
    }
    let mut there_are = BTreeSet::new();
    for (path, operations) in described.as_object().unwrap() {
        for method in methods(operations) {
            there_are.insert((method, path.clone()));
        }
    }
    let keyed = ROUTES.iter().map(|route| (route.method, route.path.split('?').next().unwrap()));
    let tables = keyed
        .chain(OPEN)
        .chain(SIGNED)
        .chain(LINKED)
        .chain(OF_THE_CONSOLE)
        .chain(DROP_IN)
        .chain(SERVICES);
    let tables = tables.map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(there_are, tables);
}

#[tokio::test]
async fn no_route_is_open_to_a_key_that_is_not_good_for_it() {
    let house = House::open().await;
    for route in ROUTES {
        let Route { method, path, right, about, .. } = route;
        let reply = house.ask(method, &path.replace("{account}", KEPT), &[], "").await;
        assert_eq!((reply.status, reply.error()), (401, "key-missing"), "{method} {path}");
        let reply = route.ask(&house, "lp_wrong", KEPT).await;
        assert_eq!((reply.status, reply.error()), (401, "key-unknown"), "{method} {path}");
        for Fault { code, rights, change } in faults(right) {
            let key = house.key_with(&rights, Accounts::All, change).await;
            let reply = route.ask(&house, &key, KEPT).await;
            let status = if code.starts_with("key-") { 401 } else { 403 };
            assert_eq!((reply.status, reply.error()), (status, code), "{method} {path}");
        }
        if about != About::Some {
            let key = house.key_with(&[right], only(KEPT), |_| {}).await;
            let reply = route.ask(&house, &key, OTHER).await;
            let code = if about == About::All { "accounts-limited" } else { "account-forbidden" };
            assert_eq!((reply.status, reply.error()), (403, code), "{method} {path}");
        }
    }
    assert_eq!(house.upstream.calls() + house.upstream.trials(), 0);
}

#[tokio::test]
async fn no_drop_in_path_is_open_to_a_key_that_is_not_good_for_it() {
    let house = House::open().await;
    house.keeps("ww1:1");
    for (method, path) in DROP_IN {
        let (kept, another, named, wrong) = match path {
            GETTOKEN => ("ww1:1", "ww2", "ww1", 40091),
            _ => (KEPT, OTHER, KEPT, 40125),
        };
        let ask = |key: String, account: &'static str| {
            let parameters = match path {
                GETTOKEN => format!("corpid={account}&corpsecret={key}"),
                _ => format!("grant_type=client_credential&appid={account}&secret={key}"),
            };
            let house = &house;
            async move { house.ask(method, &format!("{path}?{parameters}"), &[], "").await }
        };
        let refused = async |key: String, account: &'static str, errcode: i64, code: &str| {
            let reply = ask(key, account).await;
            assert_eq!(reply.errcode(), errcode, "{method} {path} {code}");
            assert_eq!(reply.header("x-lingpai-error"), Some(code), "{method} {path}");
        };
        refused(String::new(), named, 41004, "parameter-missing").await;
        refused("lp_wrong".to_owned(), named, wrong, "key-unknown").await;
        for Fault { code, rights, change } in faults(Right::TokenRead) {
            // Whoever may use the gateway is given something in any case.
            let rights: Vec<_> =
                rights.into_iter().filter(|right| *right != Right::Gateway).collect();
            let key = house.key_with(&rights, Accounts::All, change).await;
            refused(key, named, wrong, code).await;
        }
        let key = house.key_with(&[Right::TokenRead], only(kept), |_| {}).await;
        refused(key, another, wrong, "account-forbidden").await;
    }
    assert_eq!(house.upstream.calls() + house.upstream.trials(), 0);
}

#[tokio::test]
async fn a_wrong_method_is_answered_with_the_right_ones() {
    let house = House::open().await;
    for (path, operations) in described(&house).await.as_object().unwrap() {
        let known = methods(operations);
        let real = path
            .replace("{account}", KEPT)
            .replace("{id}", "lp_000000000000")
            .replace("{type}", "jsapi")
            .replace("{name}", "ops")
            .replace("{rid}", "1-2-3");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if known.contains(method) {
                continue;
            }
            let reply = house.call(&house.key, method, &real, "").await;
            if path.starts_with("/cgi-bin/") {
                let expected = if path == GETTOKEN { 43001 } else { 43002 };
                assert_eq!(reply.errcode(), expected, "{method} {path}");
                continue;
            }
            assert_eq!((reply.status, reply.error()), (405, "method-unknown"), "{method} {path}");
            let allowed = reply.header("allow").unwrap().split(", ").map(str::to_owned);
            // `HEAD` is `GET` without the body.
            let allowed: BTreeSet<_> = allowed.filter(|method| method != "HEAD").collect();
            assert_eq!(allowed, known, "{path}");
        }
    }
}

//! `/openapi.json` is true: every operation is called, and what it answers fits its description.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use lingpai_core::event::Severity;
use lingpai_core::{Class, Failure, Verdict};
use lingpai_server::alerts::{self, Alert, Robot, Rule};
use lingpai_server::sinks::{FilePlace, Shape, Sink};
use lingpai_server::{Server, Surface};
use lingpai_wechat::catalogue::Language;
use lingpai_wechat::wire;
use serde_json::json;

use crate::described::{self, DOCUMENT};
use crate::house::{FakeUpstream, House, KEPT, OTHER, Reply, local};

/// An account that is not kept at first.
const NEW: &str = "wx00000000000000c3";

/// Which of the description was seen to be true.
#[derive(Default)]
struct Description {
    seen: BTreeSet<(String, String, String)>,
}

impl Description {
    /// Holds an answer against what is said of it.
    fn check(&mut self, method: &str, path: &str, reply: &Reply) {
        let status = described::check(method, path, reply.answer());
        self.seen.insert((path.to_owned(), method.to_owned(), status));
    }

    /// Everything that is described.
    fn all() -> BTreeSet<(String, String, String)> {
        let mut all = BTreeSet::new();
        for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                for status in operation["responses"].as_object().unwrap().keys() {
                    all.insert((path.clone(), method.clone(), status.clone()));
                }
            }
        }
        all
    }
}

/// A house with an alert whose receiver is not reached, since it is in a network that is not allowed, and a sink that is nowhere.
pub(crate) async fn with_an_alert_and_a_sink() -> House {
    let alert = Alert {
        name: "ops".to_owned(),
        robot: Robot::Webhook,
        url: "http://127.0.0.1:9/".into(),
        secret: None,
        language: Language::English,
        rule: Rule {
            severity: Severity::Error,
            events: Vec::new(),
            accounts: Vec::new(),
            group: Duration::ZERO,
            pause: Duration::ZERO,
        },
    };
    let settings = alerts::Settings { upstream: wire::Settings::default(), alerts: vec![alert] };
    let place = FilePlace {
        path: "/nowhere/token".into(),
        shape: Shape::Json,
        mode: 0o600,
        owner: None,
        hook: None,
    };
    let account = KEPT.parse().unwrap();
    let sink = Sink { name: "shop".to_owned(), account, place: Arc::new(place) };
    let change = |server: Server| server.alerting(settings).delivering(vec![sink]);
    House::on(&[(local(), Surface::Whole)], None, change).await
}

#[tokio::test]
async fn every_answer_of_every_operation_is_as_described() {
    let house = with_an_alert_and_a_sink().await;
    let admin = house.admin().await;
    let document = house.ask("GET", "/openapi.json", &[], "").await;
    assert_eq!(document.json, *DOCUMENT);
    let chinese = house.ask("GET", "/openapi.json", &[("Accept-Language", "zh-CN")], "").await;
    assert_eq!(chinese.json, lingpai_server::openapi::document(Language::Chinese));
    assert_eq!(chinese.header("content-language"), Some("zh"));
    let mut description = Description::default();
    description.check("get", "/openapi.json", &document);

    // (method, path as described, what stands for its parameters and after it, body)
    let account = "/v1/accounts/{account}";
    let token = "/v1/accounts/{account}/token";
    let report = "/v1/accounts/{account}/token/report-invalid";
    let rotate = "/v1/accounts/{account}/token/rotate";
    let pushes = "/v1/accounts/{account}/pushes";
    let push_of = "/v1/accounts/{account}/pushes/{id}";
    let retry = "/v1/accounts/{account}/pushes/{id}/retry";
    let ticket = "/v1/accounts/{account}/tickets/{type}";
    let js_config = "/v1/accounts/{account}/js-config";
    let card = "/v1/accounts/{account}/card-signature";
    let current = json!({"access_token": FakeUpstream::token(1)}).to_string();
    let secret = "/v1/accounts/{account}/secret";
    let new_account = json!({"account": NEW, "secret": "0123456789abcdef", "mode": "classic"});
    let new_account = new_account.to_string();
    let new_key = json!({"name": "a", "role": "operator", "accounts": [KEPT], "expires_in": 60,
        "bounds": {"paths": ["/wxa/*"], "per_day": 10}, "domains": ["*.example.com"]});
    let new_key = new_key.to_string();
    let call = format!("grant_type=client_credential&appid={KEPT}&secret={admin}");
    let query = format!("?{call}");
    house.keeps("ww1:1");
    let of_corp = format!("?corpid=ww1&corpsecret={admin}");
    let calls: [(&str, &str, &str, &str, &str); 74] = [
        ("get", "/readyz", "", "", ""),
        ("get", token, KEPT, "", ""),
        ("get", token, KEPT, "?wait=0s&after=1", ""),
        ("get", token, KEPT, "?wait=x", ""),
        ("post", report, KEPT, "", &current),
        ("post", report, KEPT, "", "{}"),
        ("post", rotate, KEPT, "", ""),
        ("post", rotate, KEPT, "", "{"),
        ("post", rotate, KEPT, "", r#"{"dry_run":true}"#),
        ("post", rotate, KEPT, "", r#"{"compromised":true,"dry_run":true}"#),
        ("post", rotate, KEPT, "", r#"{"compromised":true}"#),
        ("get", ticket, KEPT, "", ""),
        ("get", ticket, "wxnobody", "", ""),
        ("post", js_config, KEPT, "", r#"{"url": "https://a.cn/", "jsApiList": ["scanQRCode"]}"#),
        ("post", js_config, KEPT, "", r#"{"url": "a.cn"}"#),
        ("post", card, KEPT, "", r#"{"values": ["pFS7Fjg8kV1IdDz01r4SQwMkuCKc"]}"#),
        ("post", card, KEPT, "", "{}"),
        ("get", "/v1/accounts", "", "?limit=1", ""),
        ("get", "/v1/accounts", "", "?limit=0", ""),
        ("get", "/v1/overview", "", "?state=idle", ""),
        ("get", "/v1/overview", "", "?state=x", ""),
        ("get", account, OTHER, "", ""),
        ("get", account, "wxnobody", "", ""),
        ("post", "/v1/accounts", "", "", &new_account),
        ("post", "/v1/accounts", "", "", &new_account),
        ("patch", account, NEW, "", r#"{"refresh": {"idle_after": 60}, "daily_budget": 5}"#),
        ("patch", account, NEW, "", r#"{"lead": 0}"#),
        ("put", secret, NEW, "", r#"{"secret": "unknown"}"#),
        ("put", secret, NEW, "", r#"{"secret": "wrong"}"#),
        ("delete", account, NEW, "", ""),
        ("delete", account, OTHER, "", ""),
        ("post", "/v1/diagnose", "", "", r#"{"text": "errcode 40001"}"#),
        ("post", "/v1/diagnose", "", "", "{}"),
        ("get", "/v1/doctor", "", "", ""),
        ("post", "/v1/doctor", "", "", ""),
        ("get", "/v1/doctor", "", "", ""),
        ("post", "/v1/doctor", "", "", r#"{"account": "wxnobody"}"#),
        ("get", "/v1/events/history", "", "", ""),
        ("get", "/v1/audit", "", "", ""),
        ("get", "/v1/audit", "", "?limit=x", ""),
        ("get", "/v1/alerts", "", "", ""),
        ("post", "/v1/alerts/{name}/test", "ops", "", ""),
        ("post", "/v1/alerts/{name}/test", "nobody", "", ""),
        ("get", "/v1/sinks", "", "", ""),
        ("post", "/v1/sinks/{name}/test", "shop", "", ""),
        ("post", "/v1/sinks/{name}/test", "nobody", "", ""),
        ("post", "/v1/sinks/{name}/sync", "shop", "", ""),
        ("post", "/v1/sinks/{name}/sync", "nobody", "", ""),
        ("get", "/v1/events/history", "", "?limit=x", ""),
        ("get", "/v1/events", "", "?account=wx%20", ""),
        ("post", "/v1/keys", "", "", &new_key),
        ("post", "/v1/keys", "", "", "[]"),
        ("get", "/v1/keys", "", "", ""),
        ("delete", "/v1/keys/{id}", "lp_nobody", "", ""),
        ("get", pushes, KEPT, "?limit=0", ""),
        ("delete", push_of, KEPT, "", ""),
        ("post", retry, KEPT, "", ""),
        // Without a gateway nothing is asked of WeChat.
        ("get", "/v1/accounts/{account}/quota", KEPT, "", ""),
        ("post", "/v1/accounts/{account}/quota/clear", KEPT, "", ""),
        ("get", "/v1/rids/{rid}", "", "", ""),
        ("get", "/push/{account}", KEPT, "?echostr=1", ""),
        ("post", "/push/{account}", KEPT, "", "<xml/>"),
        ("get", "/cgi-bin/token", "", &query, ""),
        ("post", "/cgi-bin/token", "", "", &call),
        ("post", "/cgi-bin/stable_token", "", "", "{"),
        ("get", "/cgi-bin/gettoken", "", &of_corp, ""),
        ("get", "/cgi-bin/gettoken", "", "", ""),
        ("post", "/cgi-bin/service/get_suite_token", "", "", "{}"),
        ("post", "/cgi-bin/service/get_corp_token", "", "", "{}"),
        ("post", "/cgi-bin/service/get_provider_token", "", "", "{}"),
        ("post", "/cgi-bin/component/api_component_token", "", "", "{}"),
        ("post", "/cgi-bin/component/api_authorizer_token", "", "", "{}"),
        (
            "post",
            "/v1/accounts/{account}/token/adopt",
            KEPT,
            "",
            r#"{"access_token": "G", "expires_in": 600}"#,
        ),
        ("post", "/v1/accounts/{account}/token/adopt", KEPT, "", "{}"),
    ];
    for (method, path, name, rest, body) in calls {
        // Long enough for one rotation, and too short for the next.
        house.clock.advance(Duration::from_secs(200));
        let real = path.replace("{account}", name).replace("{id}", name).replace("{type}", "jsapi");
        let real = real.replace("{rid}", "1-2-3").replace("{name}", name) + rest;
        let reply = house.call(&admin, &method.to_uppercase(), &real, body).await;
        description.check(method, path, &reply);
    }
    for path in ["/healthz", "/metrics", "/v1/nodes"] {
        description.check("get", path, &house.call(&admin, "GET", path, "").await);
    }

    // What is told of failures.
    let mut failure = Failure::new(Class::NeedsPerson, "invalid ip").with_remedy("Add it");
    (failure.code, failure.request_id) = (Some(40164), Some("6aac".to_owned()));
    house.upstream.judges(Verdict::Refused(failure.clone()));
    house.upstream.fails_with(failure);
    let failing = token.replace("{account}", OTHER);
    description.check("get", token, &house.call(&admin, "GET", &failing, "").await);
    let failing = report.replace("{account}", KEPT);
    let body = json!({"access_token": FakeUpstream::token(1)}).to_string();
    description.check("post", report, &house.call(&admin, "POST", &failing, &body).await);
    description.check("get", "/v1/accounts", &house.call(&admin, "GET", "/v1/accounts", "").await);
    let history = house.call(&admin, "GET", "/v1/events/history", "").await;
    description.check("get", "/v1/events/history", &history);

    // What ends.
    let keys = house.call(&admin, "GET", "/v1/keys", "").await;
    let id = keys.json["keys"].as_array().unwrap().iter().find(|key| key["name"] == "a").unwrap();
    let path = format!("/v1/keys/{}", id["id"].as_str().unwrap());
    description.check("delete", "/v1/keys/{id}", &house.call(&admin, "DELETE", &path, "").await);
    for account in [KEPT, OTHER, "ww1:1"] {
        house.registry.forget(&crate::house::credential(account));
    }
    house.clock.advance(Duration::from_secs(1));
    description.check("get", "/readyz", &house.ask("GET", "/readyz", &[], "").await);

    for path in ["/v1/keys", "/metrics", "/v1/nodes", "/v1/alerts", "/v1/sinks", "/v1/doctor"] {
        description.check("get", path, &house.ask("GET", path, &[], "").await);
    }
    // Pushes that wait, and one that is taken; `push.rs` proves the rest.
    crate::push::listed_as_described(&house, &admin, |method, path, reply| {
        description.check(method, path, reply);
    })
    .await;
    crate::quota::told_as_described(|method, path, reply| {
        description.check(method, path, reply);
    })
    .await;
    crate::authorize::told_as_described(|method, path, reply| {
        description.check(method, path, reply);
    })
    .await;
    // Whoever logs in; `console.rs` proves the rest.
    let body = json!({"key": admin}).to_string();
    let session = "/console/session";
    let proof = [("X-Lingpai-CSRF", "login")];
    description.check("post", session, &house.ask("POST", session, &[], &body).await);
    let login = house.ask("POST", session, &proof, &body).await;
    description.check("post", session, &login);
    let cookie = login.header("set-cookie").unwrap().split(';').next().unwrap();
    let proof = [("Cookie", cookie), ("X-Lingpai-CSRF", login.text("csrf"))];
    for method in ["GET", "DELETE", "GET", "DELETE"] {
        let reply = house.ask(method, session, &proof, "").await;
        description.check(&method.to_lowercase(), session, &reply);
    }
    // A stream does not end by itself; `stream.rs` reads some.
    description.seen.insert(("/v1/events".to_owned(), "get".to_owned(), "200".to_owned()));
    let unseen: Vec<_> = Description::all().difference(&description.seen).cloned().collect();
    assert!(unseen.is_empty(), "described and never seen: {unseen:?}");
}

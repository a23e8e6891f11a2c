//! API security through the gateway: a client sends and gets plain JSON, and WeChat, which checks every signature, counts.

use std::fs;
use std::time::Duration;

use lingpai_sandbox::{ApiSecuritySettings, Certificate, Fault, FaultKind};
use serde_json::{Value, json};

use crate::node::{Home, WeChat, appid};
use crate::platforms;

const VECTORS: &str = include_str!("../../../lingpai-wechat/tests/vectors/api_signature.json");
const RISK: &str = "/wxa/getuserriskrank";
const STORE: &str = "/cgi-bin/express/intracity/createstore";

fn published(path: &str) -> String {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    vectors.pointer(path).unwrap().as_str().unwrap().to_owned()
}

/// 32 times the same byte in base64.
fn key(three: &str, two: &str) -> String {
    three.repeat(10) + two
}

/// Sets up the account's API security in WeChat, with this symmetric key. What the page shows.
fn in_console(wechat: &WeChat, serial: &str, key: &str, certificate: Certificate) -> Value {
    let settings = ApiSecuritySettings {
        symmetric_serial: serial.to_owned(),
        symmetric_key: Some(key.to_owned()),
        public_key: published("/request/app_public_key_pem"),
        certificate,
    };
    wechat.world.with(|world, _| world.set_api_security(&appid(0), settings)).unwrap()
}

/// A home whose account has its keys of that page, and these further lines.
fn home(wechat: &WeChat, shown: &Value, lines: &str) -> Home {
    let home = Home::new(wechat, 1, "stable", "", "");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    fs::write(home.file("symmetric"), text(&shown["symmetric_key"])).unwrap();
    fs::write(home.file("private"), published("/request/app_private_key_pem")).unwrap();
    fs::write(home.file("certificate"), text(&shown["platform"]["certificate"])).unwrap();
    home.write(&format!(
        "{}[account.api-security]\nsymmetric-key = {{ file = \"symmetric\" }}\nsymmetric-serial = {}\n\
         private-key = {{ file = \"private\" }}\nprivate-serial = \"97845f6e\"\n\
         certificate = {{ file = \"certificate\" }}\ncertificate-serial = {}\n{lines}",
        home.configuration(),
        shown["symmetric_serial"],
        shown["platform"]["serial"],
    ));
    home
}

async fn call(home: &Home, path: &str, body: &str) -> (u16, String) {
    home.call("POST", &format!("/gateway/{}{path}", appid(0)), body).await
}

/// Calls the guide's example; the answer's errcode and text.
async fn risk(home: &Home) -> (i64, String) {
    let body = json!({"openid": "o1", "scene": 0, "client_ip": "127.0.0.1"}).to_string();
    let (status, answer) = call(home, RISK, &body).await;
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    (answer["errcode"].as_i64().unwrap(), answer.to_string())
}

/// How many calls came sealed and were opened, and how many came at all to the guide's example.
fn counted(wechat: &WeChat) -> (u64, u64) {
    let counters = wechat.counters();
    (counters.app(&appid(0)).sealed, counters.calls_of(RISK))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_sealed_and_repaired_and_what_is_not_wechats_is_not_passed_on() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let shown = in_console(&wechat, "5e1f", &key("BQUF", "BQU="), Certificate::First);
    let home = home(&wechat, &shown, "");
    let node = home.start().await;
    home.token(0).await.unwrap();

    let (code, answer) = risk(&home).await;
    assert_eq!(code, 0, "{answer}");
    assert!(answer.contains("risk_rank") && !answer.contains("_appid"), "{answer}");
    assert_eq!(counted(&wechat), (1, 1));
    // One that WeChat refuses in plain, whose parameter of the query has moved into the body.
    let (_, answer) = call(&home, &format!("{STORE}?out_store_id=s1"), "").await;
    assert!(answer.contains(r#""out_store_id":"s1""#), "{answer}");
    assert_eq!(counted(&wechat).0, 2);
    // One that is not among those that are sealed.
    let quota = json!({"cgi_path": "/cgi-bin/user/get"}).to_string();
    let (_, answer) = call(&home, "/cgi-bin/openapi/quota/get", &quota).await;
    assert!(answer.contains("daily_limit"), "{answer}");
    assert_eq!(counted(&wechat).0, 2);

    // WeChat refuses a dead token before it opens a call: it is sealed anew for the next one.
    wechat.revoke(0);
    assert_eq!(risk(&home).await.0, 0);
    assert_eq!((wechat.fetches(), counted(&wechat)), (2, (3, 3)));
    home.token(0).await.unwrap();
    // An error that comes sealed is one too.
    let (_, answer) = call(&home, RISK, r#"{"scene":0}"#).await;
    assert!(answer.contains("40003"), "{answer}");

    let before = counted(&wechat);
    for (body, says) in [
        ("a=1", "is no JSON object"),
        (r#"{"_n":1}"#, "one of the fields _n, _appid and _timestamp"),
    ] {
        let (_, answer) = call(&home, RISK, body).await;
        assert!(answer.contains("990108") && answer.contains(says), "{answer}");
    }
    let (status, answer) = call(&home, RISK, &"x".repeat(2 << 20)).await;
    assert_eq!((status, answer.contains("990108")), (413, true), "{answer}");
    assert_eq!(counted(&wechat), before, "what cannot be sealed is not sent");

    for (kind, says) in [
        (FaultKind::ForgedSignature, "not what WeChat signed"),
        (FaultKind::AlteredCiphertext, "not what WeChat signed"),
        (FaultKind::OldAnswer, "over five minutes"),
        (FaultKind::UnsealedAnswer, "not signed by WeChat"),
    ] {
        let fault = Fault::new(kind).on(RISK).times(1);
        wechat.world.with(|world, now| world.fault(now, fault)).unwrap();
        let (code, answer) = risk(&home).await;
        assert_eq!(code, 990_115, "{answer}");
        assert!(answer.contains(says) && !answer.contains("risk_rank"), "{answer}");
    }
    assert_eq!(risk(&home).await.0, 0);
    let (_, numbers) = home.get("/metrics").await.unwrap();
    for line in ["outcome=\"proven\"} 5", "outcome=\"refused\"} 1", "outcome=\"unproven\"} 4"] {
        let line = format!("lingpai_gateway_sealed_total{{{line}");
        assert!(numbers.contains(&line), "no {line}");
    }
    node.end().await;
    home.assert_nothing_leaked();
    assert!(!home.printed().contains("risk_rank"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lingpais_own_calls_are_sealed_too_where_the_account_names_them() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let shown = in_console(&wechat, "5e1f", &key("BQUF", "BQU="), Certificate::First);
    let home = home(&wechat, &shown, "calls = [\"/cgi-bin/openapi/**\"]\n");
    let node = home.start().await;
    home.token(0).await.unwrap();
    let quota = format!("/v1/accounts/{}/quota?path=/cgi-bin/user/get", appid(0));
    let (status, answer) = home.get(&quota).await.unwrap();
    assert!(status == 200 && answer.contains("daily_limit"), "{answer}");
    assert_eq!(counted(&wechat), (1, 0));
    // The token dies: it is sealed anew for the next one.
    wechat.revoke(0);
    let (status, answer) = home.get(&quota).await.unwrap();
    assert!(status == 200 && answer.contains("daily_limit"), "{answer}");
    assert_eq!((wechat.fetches(), counted(&wechat)), (2, (2, 0)));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_certificates_are_replaced_and_no_call_fails() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let [before, after] = [key("BQUF", "BQU="), key("BgYG", "BgY=")];
    let shown = in_console(&wechat, "5e1f", &after, Certificate::First);
    let lines =
        "previous-symmetric-key = { file = \"previous\" }\nprevious-symmetric-serial = \"5e10\"\n";
    let home = home(&wechat, &shown, lines);
    fs::write(home.file("previous"), &before).unwrap();
    // The account has the next key already, the console not yet.
    in_console(&wechat, "5e10", &before, Certificate::First);
    let node = home.start().await;
    assert_eq!(risk(&home).await.0, 0);
    assert_eq!(counted(&wechat), (1, 2), "one was sent again with the other key");
    assert_eq!(risk(&home).await.0, 0);
    assert_eq!(counted(&wechat), (2, 3), "and those after it with that at once");
    in_console(&wechat, "5e1f", &after, Certificate::First);
    assert_eq!(risk(&home).await.0, 0);
    assert_eq!(risk(&home).await.0, 0);
    assert_eq!(counted(&wechat), (4, 6));

    let replace = |how_far| {
        wechat.world.with(|world, _| world.replace_certificate(&appid(0), how_far)).unwrap()
    };
    replace(Certificate::Changing);
    assert_eq!(risk(&home).await.0, 0);
    home.wait_for("WeChat is about to replace its certificate").await;
    // It is told once, with the number of the next one, however many answers announce it.
    assert_eq!(risk(&home).await.0, 0);
    let history = "/v1/events/history?event=certificate-changing";
    platforms::until("no event", async || home.get(history).await.unwrap().1.contains("next"))
        .await;
    let (_, told) = home.get(history).await.unwrap();
    assert_eq!(told.matches("\"event\":\"certificate-changing\"").count(), 1, "{told}");
    let shown = replace(Certificate::Second);
    let (code, answer) = risk(&home).await;
    assert_eq!(code, 990_115);
    assert!(answer.contains("a platform certificate that the account does not have"), "{answer}");
    fs::write(home.file("certificate"), shown["platform"]["certificate"].as_str().unwrap())
        .unwrap();
    let old = home.configuration();
    let (rest, _) = old.split_once("certificate-serial = ").unwrap();
    home.write(&format!("{rest}certificate-serial = {}\n{lines}", shown["platform"]["serial"]));
    let taken_over = async {
        while risk(&home).await.0 != 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(crate::node::PATIENCE, taken_over).await.unwrap();
    node.end().await;
}

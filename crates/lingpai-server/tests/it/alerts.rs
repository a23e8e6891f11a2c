//! Alerts, as their receivers see them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lingpai_core::event::{Severity, What};
use lingpai_server::alerts::{Alert, Robot, Rule, Settings};
use lingpai_wechat::catalogue::Language;
use lingpai_wechat::wire;
use ring::hmac;
use serde_json::Value;

use crate::gateway::stand_in::{Plan, Seen, StandIn};
use crate::house::{House, KEPT, credential, local};
use lingpai_server::Surface;

const SECRET: &str = "SECabc123";
const TAKEN: &str = r#"{"errcode": 0, "code": 0}"#;

fn alert(robot: Robot, receiver: &StandIn) -> Alert {
    Alert {
        name: "ops".to_owned(),
        robot,
        url: format!("{}/robot?key=hunter2", receiver.base()).into(),
        secret: Some(SECRET.into()),
        language: Language::English,
        rule: Rule {
            severity: Severity::Warning,
            events: Vec::new(),
            accounts: Vec::new(),
            group: Duration::ZERO,
            pause: Duration::ZERO,
        },
    }
}

async fn house(alert: Alert) -> House {
    let private_networks = vec!["127.0.0.0/8".parse().unwrap()];
    let upstream = wire::Settings { private_networks, ..wire::Settings::default() };
    let settings = Settings { upstream, alerts: vec![alert] };
    House::on(&[(local(), Surface::Whole)], None, |server| server.alerting(settings)).await
}

fn down() -> What {
    What::StoreDegraded { message: "<b>disk</b> full".to_owned() }
}

fn tag(key: &str, text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text.as_bytes())
}

fn parameter(seen: &Seen, name: &str) -> String {
    let query = seen.target().split_once('?').unwrap().1;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(found, _)| found == name).unwrap().1.into_owned()
}

#[tokio::test]
async fn each_receiver_is_sent_its_own_form_signed_as_it_wants() {
    let languages = [(Language::English, "the store is down"), (Language::Chinese, "存储不可用")];
    let all = Robot::NAMED.iter().flat_map(|(_, robot)| languages.map(|told| (*robot, told)));
    for (robot, (language, expected)) in all {
        let receiver = StandIn::open(|_| Plan::json(TAKEN)).await;
        let house = house(Alert { language, ..alert(robot, &receiver) }).await;
        house.registry.tell(Some(credential(KEPT)), down());
        receiver.until(|receiver| !receiver.seen().is_empty()).await;
        let seen = receiver.only();
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        let text = match robot {
            Robot::Webhook => {
                let stamp = seen.header("x-lingpai-timestamp").unwrap();
                let signed = format!("{stamp}.{}", std::str::from_utf8(&seen.body).unwrap());
                let hex: String =
                    tag(SECRET, &signed).as_ref().iter().map(|it| format!("{it:02x}")).collect();
                assert_eq!(seen.header("x-lingpai-signature"), Some(&*format!("v1={hex}")));
                assert_eq!(body["events"][0]["event"], "store-degraded");
                &body["text"]
            }
            Robot::WeCom => &body["markdown"]["content"],
            Robot::DingTalk => {
                let stamp = parameter(&seen, "timestamp");
                let sign = STANDARD.encode(tag(SECRET, &format!("{stamp}\n{SECRET}")));
                assert_eq!((parameter(&seen, "sign"), stamp.len()), (sign, 13));
                &body["markdown"]["text"]
            }
            Robot::Feishu => {
                let stamp = body["timestamp"].as_str().unwrap();
                let sign = STANDARD.encode(tag(&format!("{stamp}\n{SECRET}"), ""));
                assert_eq!((body["sign"].as_str(), stamp.len()), (Some(&*sign), 10));
                &body["content"]["text"]
            }
        };
        let text = text.as_str().unwrap();
        assert!(text.contains(expected), "{text}");
        assert_eq!(text.contains("<b>"), robot == Robot::Webhook, "{text}");
    }
}

#[tokio::test]
async fn what_is_solved_is_told_in_the_language_of_the_alert() {
    let receiver = StandIn::open(|_| Plan::json(TAKEN)).await;
    let chinese = Alert { language: Language::Chinese, ..alert(Robot::WeCom, &receiver) };
    let house = house(chinese).await;
    house.registry.tell(None, down());
    receiver.until(|receiver| receiver.seen().len() == 1).await;
    house.registry.tell(None, What::StoreRestored);
    receiver.until(|receiver| receiver.seen().len() == 2).await;
    let body = receiver.seen()[1].body.clone();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let text = body["markdown"]["content"].as_str().unwrap().to_owned();
    assert!(text.contains("1 项已恢复") && text.contains("[已恢复] 存储不可用"), "{text}");
}

#[tokio::test]
async fn what_is_not_taken_is_shown_and_tried_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let receiver = StandIn::open(move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => Plan::json(r#"{"errcode": 310000, "errmsg": "sign not match"}"#),
        _ => Plan::json(TAKEN),
    });
    let receiver = receiver.await;
    let house = house(alert(Robot::DingTalk, &receiver)).await;
    let admin = house.admin().await;
    house.registry.tell(None, down());
    receiver.until(|receiver| !receiver.seen().is_empty()).await;
    let shown = async |is_so: fn(&Value) -> bool| loop {
        let reply = house.call(&admin, "GET", "/v1/alerts", "").await;
        assert!(!reply.body.contains("hunter2") && !reply.body.contains(SECRET));
        if is_so(&reply.json["alerts"][0]) {
            break reply.json["alerts"][0].clone();
        }
    };
    let failed = shown(|alert| alert["failed"] == 1).await;
    assert_eq!(failed["failure"], "it refused the message: 310000 sign not match");
    let chinese = house.call(&admin, "GET", "/v1/alerts?language=zh", "").await;
    let failure = chinese.json["alerts"][0]["failure"].clone();
    assert_eq!(failure, "对方拒绝了这条消息：310000 sign not match");
    assert_eq!((&failed["retrying"], &failed["host"]), (&true.into(), &"127.0.0.1".into()));
    house.clock.advance(Duration::from_secs(6));
    // Something happens, so that it looks at the clock, which was set forwards.
    house.registry.tell(None, What::StoreRestored);
    let sent = shown(|alert| alert["retrying"] == false).await;
    assert_eq!(sent["failed"], 1);
}

#[tokio::test]
async fn an_alert_can_be_tried() {
    let receiver = StandIn::open(|_| Plan::json(TAKEN)).await;
    let house = house(alert(Robot::Feishu, &receiver)).await;
    let admin = house.admin().await;
    let tried = house.call(&admin, "POST", "/v1/alerts/ops/test", "").await;
    assert_eq!(tried.json["outcome"], "sent");
    assert!(String::from_utf8_lossy(&receiver.only().body).contains("This is a test"));
    let unknown = house.call(&admin, "POST", "/v1/alerts/nobody/test", "").await;
    assert_eq!((unknown.status, unknown.error()), (404, "alert-unknown"));
}

#[tokio::test]
async fn a_receiver_in_a_private_network_is_not_reached() {
    let receiver = StandIn::open(|_| Plan::json(TAKEN)).await;
    let settings = Settings {
        upstream: wire::Settings::default(),
        alerts: vec![alert(Robot::Webhook, &receiver)],
    };
    let house =
        House::on(&[(local(), Surface::Whole)], None, |server| server.alerting(settings)).await;
    let admin = house.admin().await;
    let tried = house.call(&admin, "POST", "/v1/alerts/ops/test?language=zh", "").await;
    assert_eq!(tried.json["outcome"], "failed");
    let explanation = tried.json["explanation"].as_str().unwrap();
    let why = "消息没有送达：不允许访问 127.0.0.1。如果确实要访问那里，请把该网段写入 `private-networks`。";
    assert!(explanation.starts_with(why), "{explanation}");
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn rules_and_robots_change_while_the_server_runs_and_what_was_told_is_known_on() {
    let first = StandIn::open(|_| Plan::json(TAKEN)).await;
    let second = StandIn::open(|_| Plan::json(TAKEN)).await;
    let house = house(alert(Robot::WeCom, &first)).await;
    house.registry.tell(None, down());
    first.until(|receiver| receiver.seen().len() == 1).await;

    // The same name with another robot, in another language; and one more.
    let changed = Alert { language: Language::Chinese, ..alert(Robot::Webhook, &second) };
    let rule = Rule { events: vec!["key-changed".to_owned()], ..changed.rule.clone() };
    let rule = Rule { severity: Severity::Info, ..rule };
    let new = Alert { name: "keys".to_owned(), rule, ..alert(Robot::Webhook, &first) };
    let private_networks = vec!["127.0.0.0/8".parse().unwrap()];
    let upstream = wire::Settings { private_networks, ..wire::Settings::default() };
    let settings = |alerts| Settings { upstream: upstream.clone(), alerts };
    house.gateway.alert(settings(vec![changed, new.clone()])).unwrap();
    house.registry.tell(None, What::StoreRestored);
    second.until(|receiver| !receiver.seen().is_empty()).await;
    let text = String::from_utf8(second.only().body).unwrap();
    assert!(text.contains("[已恢复] 存储不可用"), "what the former robot told is known: {text}");

    let change = lingpai_core::event::KeyChange::Made;
    let made = || What::KeyChanged { change, key: "lp_1".to_owned(), by: "lp_0".to_owned() };
    house.registry.tell(None, made());
    first.until(|receiver| receiver.seen().len() == 2).await;

    // One that is gone tells nothing more.
    house.gateway.alert(settings(vec![new])).unwrap();
    house.registry.tell(None, down());
    let rule = Rule { events: Vec::new(), ..alert(Robot::Webhook, &first).rule };
    let last = Alert { name: "last".to_owned(), rule, ..alert(Robot::Webhook, &first) };
    house.gateway.alert(settings(vec![last])).unwrap();
    house.registry.tell(None, What::FellBack { cause: "a test".to_owned() });
    first.until(|receiver| receiver.seen().len() == 3).await;
    assert_eq!(second.seen().len(), 1);
    let admin = house.admin().await;
    let shown = house.call(&admin, "GET", "/v1/alerts", "").await;
    let names: Vec<_> =
        shown.json["alerts"].as_array().unwrap().iter().map(|alert| &alert["name"]).collect();
    assert_eq!(names, ["last"]);
}

//! What is described of requests is what is read of them: every parameter, and every member of a body, and no other member.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::described::DOCUMENT;
use crate::house::{House, KEPT, Reply};
use crate::{authorize, openapi};

/// Members that are read only to say what to call instead.
const SAID_TO_BE_ELSEWHERE: [(&str, &[&str]); 1] = [("changeAccount", &["account", "secret"])];

/// Calls with a key: method, path and description.
fn calls() -> impl Iterator<Item = (&'static str, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let calls = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods.iter().map(|(method, call)| (method.as_str(), path.as_str(), call))
    });
    calls.filter(|(_, _, call)| call["security"].is_array())
}

/// Two houses, since neither has everything.
async fn houses() -> [(House, String); 2] {
    let houses = [openapi::with_an_alert_and_a_sink().await, authorize::house().await.0];
    let [one, other] = houses;
    let (of_one, of_other) = (one.admin().await, other.admin().await);
    [(one, of_one), (other, of_other)]
}

/// The answer of the house that has this call.
async fn ask(houses: &[(House, String)], method: &str, target: &str, body: &str) -> Reply {
    let target = target
        .replace("{account}", KEPT)
        .replace("{type}", "jsapi")
        .replace("{rid}", "1-2-3")
        .replace("{id}", "lp_000000000000");
    let mut reply = None;
    for (house, key) in houses {
        for name in ["ops", "shop"] {
            let target = target.replace("{name}", name);
            let answered = house.call(key, &method.to_uppercase(), &target, body).await;
            let is_there = answered.status != 404;
            reply = Some(answered);
            if is_there {
                return reply.unwrap();
            }
        }
    }
    reply.unwrap()
}

#[tokio::test]
async fn every_parameter_of_a_query_that_cannot_be_any_text_is_read() {
    let houses = houses().await;
    let mut any_text = BTreeSet::new();
    for (method, path, call) in calls() {
        let parameters = call["parameters"].as_array().unwrap().iter();
        for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().unwrap();
            if parameter["schema"] == json!({"type": "string"}) && name != "since" {
                any_text.insert(name);
                continue;
            }
            let target = format!("{path}?{name}=~");
            let reply = ask(&houses, method, &target, "").await;
            assert_eq!(reply.error(), "query-unreadable", "{method} {target}");
            let said = reply.json["error"]["message"].as_str().unwrap();
            assert!(said.contains(&format!("`{name}`")), "{method} {target}: {said}");
        }
    }
    // What these find is proved by the tests of the lists that they are for.
    assert_eq!(any_text, BTreeSet::from(["action", "client", "event", "path", "search"]));
}

/// Objects within a body that have members of their own, each as a body that holds nothing but an unknown member there.
fn objects(schema: &Value, whole: &dyn Fn(Value) -> Value) -> Vec<(Value, BTreeSet<String>)> {
    if let Some(place) = schema["$ref"].as_str() {
        return objects(DOCUMENT.pointer(&place[1..]).unwrap(), whole);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        return choices.iter().flat_map(|choice| objects(choice, whole)).collect();
    }
    if schema["items"].is_object() {
        return objects(&schema["items"], &|inner| whole(json!([inner])));
    }
    let Some(members) = schema["properties"].as_object() else { return Vec::new() };
    let mut found = vec![(whole(json!({"qqq": 1})), members.keys().cloned().collect())];
    for (name, member) in members {
        found.extend(objects(member, &|inner| whole(json!({ name: inner }))));
    }
    found
}

#[tokio::test]
async fn a_body_may_hold_every_member_that_is_described_and_no_other() {
    let houses = houses().await;
    let mut read = 0;
    for (method, path, call) in calls() {
        let schema = &call["requestBody"]["content"]["application/json"]["schema"];
        for (body, mut described) in objects(schema, &|body| body) {
            // SDKs report a token with whatever else they have.
            if call["operationId"] == "reportInvalidToken" {
                continue;
            }
            let elsewhere = SAID_TO_BE_ELSEWHERE.iter().find(|(id, _)| call["operationId"] == **id);
            if let Some((_, names)) = elsewhere.filter(|_| body == json!({"qqq": 1})) {
                described.extend(names.iter().map(|name| (*name).to_owned()));
            }
            let reply = ask(&houses, method, path, &body.to_string()).await;
            assert_eq!(reply.error(), "body-wrong", "{method} {path} {body}");
            let said = reply.json["error"]["message"].as_str().unwrap();
            // `refresh` is a word or an object of one member.
            let said = said.replace("unknown variant", "unknown field");
            let (_, known) = said.split_once("unknown field `qqq`, expected ").expect(&said);
            let known: BTreeSet<_> =
                known.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            let missing: Vec<_> = described.difference(&known).collect();
            assert!(missing.is_empty(), "{method} {path} {body} does not read {missing:?}");
            if !body.to_string().contains("\"refresh\"") {
                let untold: Vec<_> = known.difference(&described).collect();
                assert!(untold.is_empty(), "{method} {path} {body}: {untold:?} is not described");
            }
            read += 1;
        }
    }
    assert!(read >= 20, "{read}");
}

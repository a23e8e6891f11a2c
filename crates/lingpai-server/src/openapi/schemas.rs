//! What bodies look like. Names of rights, presets, states and the like come from the code.

use lingpai_core::client::{ApiKey, Right, Role};
use lingpai_core::event::Severity;
use lingpai_core::{Environment, Preset};
use lingpai_wechat::page::PageUrl;
use serde_json::{Map, Value, json};

use super::operation::{JSON, account_name, reference};
use super::{doctor, services, setup, sinks, standing};
use crate::adopt;

/// What [`Domain`](lingpai_core::Domain) takes.
const DOMAIN: &str = r"^(\*\.)?[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$";
/// What [`PageUrl`] takes.
const PAGE: &str = r"^https?://[A-Za-z0-9._-]+(:[0-9]{1,4})?([/?#][!-\[\]-~]*)?$";

pub(super) fn schemas() -> Map<String, Value> {
    let text = || json!({"type": "string"});
    let time = || json!({"type": "string", "format": "date-time"});
    let time_if_any = || json!({"type": ["string", "null"], "format": "date-time"});
    let number = || json!({"type": "integer", "minimum": 0});
    let yes_or_no = || json!({"type": "boolean"});
    let no = || or_else(&yes_or_no(), &json!(false));
    let domain = || json!({"type": "string", "pattern": DOMAIN, "maxLength": 253});
    let list = |of: Value| json!({"type": "array", "items": of});
    let one_of = |names: &[&str]| json!({"type": "string", "enum": names});
    let accounts = json!({"anyOf": [one_of(&["all"]), list(text())]});
    let named = json!({"type": "array", "minItems": 1, "items": account_name()});
    let named = json!({"anyOf": [one_of(&["all"]), named]});
    let rights = list(one_of(&Right::ALL.map(Right::as_str)));
    let environment = one_of(&Environment::ALL.map(Environment::as_str));
    let preset = one_of(&Preset::ALL.map(Preset::as_str));
    let roles = Role::ALL.map(|role| Some(role.as_str()));
    let role_if_any = json!({"enum": roles.into_iter().chain([None]).collect::<Vec<_>>()});
    let mut schemas = Map::new();
    let mut add = |name: &str, required: &[&str], members: Value| {
        let schema = json!({
            "type": "object", "required": required, "properties": members, "additionalProperties": false,
        });
        schemas.insert(name.to_owned(), schema);
    };
    let token = json!({
        "account": text(), "kind": text(), "access_token": text(), "generation": number(),
        "issued_at": time(), "expires_at": time(), "expires_in": number(),
    });
    let mut reported = token.clone();
    reported["outcome"] =
        one_of(&["replaced", "rotated", "repeated", "accepted", "unknown", "refused"]);
    reported["explanation"] = text();
    let of_token =
        ["account", "kind", "access_token", "generation", "issued_at", "expires_at", "expires_in"];
    add("Token", &of_token, token);
    tickets(&mut add);
    let key_name = json!({
        "type": "object", "required": ["id", "name"], "properties": {"id": text(), "name": text()},
        "additionalProperties": false,
    });
    add("Login", &["key"], json!({"key": text()}));
    add(
        "Session",
        &["csrf", "key", "accounts", "expires_at", "reveal", "version"],
        json!({
            "csrf": text(), "key": key_name, "accounts": accounts, "expires_at": time(), "reveal": yes_or_no(),
            "version": text(),
        }),
    );
    add(
        "GivenToken",
        &["access_token", "expires_in"],
        json!({
            "access_token": {"type": "string", "minLength": 1, "maxLength": adopt::LONGEST},
            "expires_in": {"type": "integer", "minimum": 1, "maximum": adopt::LONGEST_LIFE},
            "untried": no(),
        }),
    );
    add(
        "Adopted",
        &["trial", "generation", "expires_in"],
        json!({
            "trial": one_of(&["accepted", "unsaid", "untried"]), "generation": number(), "expires_in": number(),
        }),
    );
    add("Rotate", &[], json!({"compromised": no(), "dry_run": no()}));
    add(
        "Drill",
        &["outcome", "explanation", "breaks"],
        json!({"outcome": one_of(&["planned", "begun"]), "explanation": text(), "breaks": list(text())}),
    );
    add("Reported", &["outcome", "explanation"], reported);
    standing::schemas(&mut add);
    setup::schemas(&mut add);
    add(
        "Event",
        &["at", "event", "severity", "text", "node"],
        json!({
            "id": text(), "at": time(), "event": text(),
            "severity": one_of(&Severity::ALL.map(Severity::as_str)), "text": text(),
            "account": text(), "kind": text(), "node": text(),
            "address": text(), "budget": number(), "by": text(), "push": text(), "sink": text(),
            "generation": number(), "fingerprint": text(), "reason": text(), "way": text(),
            "expires_at": time(), "failure": reference("Failure"), "retry_after": number(),
            "cause": text(), "used": number(), "key": text(), "asks": number(), "path": text(),
            "errcode": {"type": "integer"}, "refusals": number(), "change": text(), "since": time(),
            "next": text(), "listed": number(), "added": number(), "renewed": number(), "removed": number(),
        }),
    );
    add(
        "Message",
        &["data"],
        json!({
            "id": text(), "event": text(), "retry": number(),
            "data": {
                "type": "string", "contentMediaType": JSON,
                "contentSchema": {"anyOf": [reference("Event"), {"type": "object", "maxProperties": 0}]},
            },
        }),
    );
    add(
        "Pushes",
        &["account", "pushes"],
        json!({"account": text(), "pushes": list(reference("Push"))}),
    );
    add(
        "Push",
        &["id", "state", "received_at", "attempts"],
        json!({
            "id": text(), "state": one_of(&["waiting", "dead"]), "received_at": time(),
            "attempts": number(), "next_at": time(), "failure": text(),
        }),
    );
    add("History", &["events"], json!({"events": list(reference("Event")), "next": text()}));
    records(&mut add);
    add(
        "Refused",
        &[],
        json!({
            "access_token": or_null(&text()), "text": or_null(&text()),
            "errcode": or_null(&json!({"type": "integer"})),
            "account": or_null(&account_name()), "offline": no(),
        }),
    );
    add("Keys", &["keys"], json!({"keys": list(reference("Key"))}));
    add(
        "Key",
        &[
            "id",
            "name",
            "environment",
            "rights",
            "accounts",
            "networks",
            "preset",
            "created_at",
            "expires_at",
            "revoked_at",
            "first_used_at",
            "good",
        ],
        json!({
            "id": text(), "name": text(), "environment": environment, "rights": rights,
            "accounts": accounts, "networks": list(text()), "bounds": reference("Bounds"),
            "domains": list(domain()), "preset": preset, "created_at": time(), "expires_at": time_if_any(),
            "revoked_at": time_if_any(), "first_used_at": time_if_any(), "good": yes_or_no(),
            "key": text(),
        }),
    );
    let positive = || json!({"type": "integer", "minimum": 1});
    add(
        "Bounds",
        &[],
        json!({
            "paths": list(text()), "per_minute": positive(), "at_once": positive(), "per_day": positive(),
        }),
    );
    add(
        "NewKey",
        &["name", "accounts"],
        json!({
            "name": {"type": "string", "minLength": 1, "maxLength": 100}, "accounts": named,
            "environment": or_else(&environment, &json!(Environment::default())), "role": role_if_any,
            "rights": rights, "networks": list(text()), "bounds": reference("Bounds"), "domains": list(domain()),
            "preset": or_else(&preset, &json!(Preset::default())),
            "expires_in": {
                "type": ["integer", "null"], "minimum": 1, "maximum": ApiKey::LONGEST_LIFE.as_secs(),
            },
        }),
    );
    add(
        "WeChatToken",
        &["access_token", "expires_in"],
        json!({"access_token": text(), "expires_in": {"type": "integer", "minimum": 1}}),
    );
    services::schemas(&mut add);
    add(
        "WeComToken",
        &["errcode", "errmsg", "access_token", "expires_in"],
        json!({
            "errcode": {"type": "integer", "minimum": 0, "maximum": 0}, "errmsg": one_of(&["ok"]),
            "access_token": text(), "expires_in": {"type": "integer", "minimum": 1},
        }),
    );
    add(
        "WeChatError",
        &["errcode", "errmsg"],
        json!({"errcode": {"type": "integer"}, "errmsg": text()}),
    );
    add("Health", &["status"], json!({"status": one_of(&["ok"])}));
    let states = ["ready", "degraded", "starting", "draining", "nothing-to-serve"];
    add(
        "Readiness",
        &["status", "causes"],
        json!({"status": one_of(&states), "causes": list(text())}),
    );
    add("Error", &["error"], json!({"error": reference("Said")}));
    add(
        "Said",
        &["code", "message", "remedy"],
        json!({
            "code": text(), "message": text(), "remedy": text(), "upstream": reference("Upstream"),
        }),
    );
    add(
        "Upstream",
        &["errcode", "errmsg"],
        json!({"errcode": {"type": "integer"}, "errmsg": text(), "rid": text()}),
    );
    let any = json!({"anyOf": [reference("WeChatToken"), reference("WeComToken"), reference("WeComServiceToken"), reference("PlatformToken"), reference("WeChatError")]});
    schemas.insert("WeChatAnswer".to_owned(), any);
    // What else a caller sends with these is ignored.
    let report = json!({
        "type": "object", "required": ["access_token"], "properties": {"access_token": text()},
    });
    schemas.insert("Report".to_owned(), report);
    let call = json!({"type": "object", "properties": {
        "grant_type": one_of(&["client_credential"]), "appid": text(), "secret": text(),
        "force_refresh": no(),
    }});
    schemas.insert("TokenCall".to_owned(), call);
    schemas
}

/// Tickets, and what is signed with them.
fn tickets(add: &mut impl FnMut(&str, &[&str], Value)) {
    let text = || json!({"type": "string"});
    let number = || json!({"type": "integer", "minimum": 0});
    let time = || json!({"type": "string", "format": "date-time"});
    let names = || json!({"type": "array", "items": text()});
    add(
        "Ticket",
        &["account", "kind", "ticket", "generation", "issued_at", "expires_at", "expires_in"],
        json!({
            "account": text(), "kind": text(), "ticket": text(), "generation": number(),
            "issued_at": time(), "expires_at": time(), "expires_in": number(),
        }),
    );
    let url = json!({"type": "string", "pattern": PAGE, "maxLength": PageUrl::MOST});
    let mut names_if_any = names();
    names_if_any["type"] = json!(["array", "null"]);
    add(
        "Page",
        &["url"],
        json!({
            "url": url, "jsApiList": names_if_any, "agent": {"type": "boolean", "default": false},
            "agentid": {"type": ["integer", "null"], "minimum": 0},
        }),
    );
    add(
        "JsConfig",
        &["timestamp", "nonceStr", "signature"],
        json!({
            "appId": text(), "corpid": text(), "agentid": text(), "timestamp": number(), "nonceStr": text(), "signature": text(), "jsApiList": names(),
        }),
    );
    add("Card", &["values"], json!({"values": names()}));
    add(
        "CardSignature",
        &["timestamp", "nonceStr", "signature"],
        json!({"timestamp": number(), "nonceStr": text(), "signature": text()}),
    );
}

/// The audit trail and alerts.
fn records(add: &mut impl FnMut(&str, &[&str], Value)) {
    let text = || json!({"type": "string"});
    let number = || json!({"type": "integer", "minimum": 0});
    let time = || json!({"type": "string", "format": "date-time"});
    let list = |of: &str| json!({"type": "array", "items": reference(of)});
    add("Trail", &["records"], json!({"records": list("Record"), "next": text()}));
    add(
        "Record",
        &["id", "at", "action", "count", "who", "node", "text"],
        json!({
            "id": text(), "at": time(), "action": text(), "count": number(), "account": text(),
            "kind": text(), "subject": text(), "who": reference("Who"), "node": text(), "text": text(),
        }),
    );
    add(
        "Who",
        &[],
        json!({
            "key": text(), "name": text(), "address": text(), "command": text(), "user": text(),
        }),
    );
    add("Alerts", &["alerts"], json!({"alerts": list("Alert")}));
    add(
        "Alert",
        &["name", "robot", "host", "firing", "waiting", "sent", "failed", "retrying"],
        json!({
            "name": text(), "robot": {"enum": ["webhook", "wecom", "dingtalk", "feishu"]},
            "host": text(), "firing": number(), "waiting": number(), "sent": number(),
            "failed": number(), "sent_at": time(), "failure": text(), "retrying": {"type": "boolean"},
        }),
    );
    sinks::schemas(add);
    doctor::schemas(add);
    add(
        "AlertTest",
        &["outcome", "explanation"],
        json!({"outcome": {"enum": ["sent", "failed"]}, "explanation": text()}),
    );
}

/// What is so if nothing is said.
fn or_else(schema: &Value, default: &Value) -> Value {
    let mut schema = schema.clone();
    schema["default"] = default.clone();
    schema
}

/// What may as well be left out.
fn or_null(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

//! How accounts are set up, as it is sent and answered.

use std::ops::RangeInclusive;
use std::time::Duration;

use lingpai_core::Policy;
use serde_json::{Value, json};

use super::api_security;
use super::operation::account_name;

/// How accounts are made, changed and shown.
pub(super) fn schemas(add: &mut impl FnMut(&str, &[&str], Value)) {
    let name = account_name();
    let secret = json!({"type": "string", "minLength": 1, "maxLength": 256});
    let time = json!({"type": "string", "format": "date-time"});
    let idle = json!({
        "type": "object", "required": ["idle_after"], "additionalProperties": false,
        "properties": {"idle_after": seconds(&Policy::IDLE_TIMES)},
    });
    let changeable = json!({
        "kind": {"type": "string", "enum": [
            "official-account", "mini-program", "mini-game", "wecom", "wecom-suite", "wecom-provider", "wecom-authorized",
            "platform", "authorizer", "authorizer-mini-program",
        ]},
        "mode": {"type": "string", "enum": ["stable", "classic"]},
        "platform": {
            "type": ["string", "null"], "maxLength": 128,
            "description": "The account that this one has authorised, or a suite's provider.",
        },
        "refresh": {"anyOf": [{"type": "string", "enum": ["eager", "on-demand"]}, idle]},
        "lead": seconds(&Policy::LEADS),
        "jitter": seconds(&Policy::JITTERS),
        "daily_budget": {"type": ["integer", "null"], "minimum": 1},
        "fallback": {"type": "boolean"},
        "alone": {"type": "boolean"},
        "fetch_deadline": seconds(&Policy::FETCH_DEADLINES),
        "keeping": {"type": "string", "enum": ["managed", "observe", "paused"]},
        "proxy": {"type": ["string", "null"], "description": "Without a password; null is none of its own."},
    });
    // Secrets go in and never come out.
    let token = json!({"type": "string", "pattern": "^[0-9A-Za-z]{3,32}$"});
    let aes_key = json!({"type": "string", "pattern": "^[0-9A-Za-z]{43}$"});
    let mode = json!({"type": "string", "enum": ["plain", "compatible", "safe"]});
    let form = json!({"type": "string", "enum": ["raw", "plain"]});
    let url = json!({"type": "string", "pattern": "^https?://"});
    let properties = json!({"url": url, "form": form});
    let relay = json!({"type": "object", "required": ["url"], "additionalProperties": false, "properties": properties});
    let relay_form = json!({"type": ["string", "null"], "enum": ["raw", "plain", null]});
    let push_wanted = json!({
        "type": "object", "required": ["token"], "additionalProperties": false,
        "properties": {
            "token": token, "encoding_aes_key": aes_key, "previous_encoding_aes_key": aes_key, "mode": mode,
            "relay": relay, "authorizer_relay": relay,
        },
    });
    let push = json!({
        "type": "object", "required": ["mode", "previous_encoding_aes_key", "relay", "authorizer_relay"],
        "properties": {
            "mode": mode, "previous_encoding_aes_key": {"type": "boolean"},
            "relay": relay_form, "authorizer_relay": relay_form,
        },
    });
    let [push_wanted, push] =
        [push_wanted, push].map(|it| json!({"anyOf": [it, {"type": "null"}]}));
    let password = json!({"type": "string"});
    let secrets: [(&str, &Value); 2] = [("secret", &secret), ("proxy_password", &password)];
    let with = |more: &[(&str, &Value)]| {
        let mut members = changeable.clone();
        for (name, schema) in more {
            members[*name] = Value::clone(schema);
        }
        members
    };
    let [keys_wanted, keys] = api_security::schemas();
    let push_wanted = ("push", &push_wanted);
    let keys_wanted = ("api_security", &keys_wanted);
    add(
        "NewAccount",
        &["account", "secret"],
        with(&[("account", &name), secrets[0], secrets[1], push_wanted, keys_wanted]),
    );
    add("ChangedAccount", &[], with(&[secrets[1], push_wanted, keys_wanted]));
    add("NewSecret", &["secret"], json!({"secret": secret}));
    let all: Vec<_> = changeable.as_object().into_iter().flatten().map(|(name, _)| name).collect();
    let others = ["push", "api_security", "created_at", "updated_at"];
    let required: Vec<_> =
        ["account"].into_iter().chain(all.into_iter().map(String::as_str)).chain(others).collect();
    let warning = json!({"type": "string", "description": "What to know of a change that was made all the same."});
    let answered = with(&[
        ("account", &name),
        ("push", &push),
        ("api_security", &keys),
        ("created_at", &time),
        ("updated_at", &time),
        ("warning", &warning),
    ]);
    add("Settings", &required, answered);
}

fn seconds(bounds: &RangeInclusive<Duration>) -> Value {
    let (least, most) = (bounds.start().as_secs(), bounds.end().as_secs());
    json!({"type": "integer", "minimum": least, "maximum": most})
}

//! How accounts are set up, as it is sent and answered.

use std::ops::RangeInclusive;
use std::time::Duration;

use lingpai_core::push::{PushMode, RelayForm};
use lingpai_core::{AccountKind, Mode, Policy};
use serde_json::{Value, json};

use super::api_security;
use super::operation::{account_name, reference};

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
        "platform": {"type": ["string", "null"], "maxLength": 128},
        "refresh": {"anyOf": [{"type": "string", "enum": ["eager", "on-demand"]}, idle]},
        "lead": seconds(&Policy::LEADS),
        "jitter": seconds(&Policy::JITTERS),
        "daily_budget": {"type": ["integer", "null"], "minimum": 1},
        "fallback": {"type": "boolean"},
        "alone": {"type": "boolean"},
        "fetch_deadline": seconds(&Policy::FETCH_DEADLINES),
        "keeping": {"type": "string", "enum": ["managed", "observe", "paused"]},
        "proxy": {"type": ["string", "null"]},
    });
    // Secrets go in and never come out.
    let token = json!({"type": "string", "pattern": "^[0-9A-Za-z]{3,32}$"});
    let aes_key = json!({"type": "string", "pattern": "^[0-9A-Za-z]{43}$"});
    let mode = json!({"type": "string", "enum": ["plain", "compatible", "safe"]});
    let form = json!({"type": "string", "enum": ["raw", "plain"]});
    let url = json!({"type": "string", "pattern": "^https?://"});
    let mut properties = json!({"url": url, "form": form});
    properties["form"]["default"] = json!(RelayForm::default());
    add("Relay", &["url"], properties);
    let relay = reference("Relay");
    let relay_form = json!({"type": ["string", "null"], "enum": ["raw", "plain", null]});
    let mut push_wanted = json!({
        "token": token, "encoding_aes_key": aes_key, "previous_encoding_aes_key": aes_key, "mode": mode,
        "relay": relay, "authorizer_relay": relay,
    });
    push_wanted["mode"]["default"] = json!(PushMode::default());
    add("PushSettings", &["token"], push_wanted);
    let push = json!({
        "type": "object", "required": ["mode", "previous_encoding_aes_key", "relay", "authorizer_relay"],
        "properties": {
            "mode": mode, "previous_encoding_aes_key": {"type": "boolean"},
            "relay": relay_form, "authorizer_relay": relay_form,
        },
    });
    let maybe = |schema: Value| json!({"anyOf": [schema, {"type": "null"}]});
    let push = maybe(push);
    let password = json!({"type": "string"});
    let secrets: [(&str, &Value); 2] = [("secret", &secret), ("proxy_password", &password)];
    let with = |more: &[(&str, &Value)]| {
        let mut members = changeable.clone();
        for (name, schema) in more {
            members[*name] = Value::clone(schema);
        }
        members
    };
    let keys = api_security::schemas(add);
    let [push_wanted, keys_wanted] =
        ["PushSettings", "ApiSecurity"].map(|name| maybe(reference(name)));
    let push_wanted = ("push", &push_wanted);
    let keys_wanted = ("api_security", &keys_wanted);
    let mut new = with(&[("account", &name), secrets[0], secrets[1], push_wanted, keys_wanted]);
    let usual = Policy::default();
    for (name, default) in [
        ("kind", json!(AccountKind::default())),
        ("mode", json!(Mode::default())),
        ("refresh", json!(usual.refresh)),
        ("lead", json!(usual.lead.as_secs())),
        ("jitter", json!(usual.jitter.as_secs())),
        ("fallback", json!(usual.fallback)),
        ("alone", json!(usual.alone)),
        ("fetch_deadline", json!(usual.fetch_deadline.as_secs())),
        ("keeping", json!(usual.keeping)),
    ] {
        new[name]["default"] = default;
    }
    add("NewAccount", &["account", "secret"], new);
    add("ChangedAccount", &[], with(&[secrets[1], push_wanted, keys_wanted]));
    add("NewSecret", &["secret"], json!({"secret": secret}));
    let all: Vec<_> = changeable.as_object().into_iter().flatten().map(|(name, _)| name).collect();
    let others = ["push", "api_security", "created_at", "updated_at"];
    let required: Vec<_> =
        ["account"].into_iter().chain(all.into_iter().map(String::as_str)).chain(others).collect();
    let warning = json!({"type": "string"});
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

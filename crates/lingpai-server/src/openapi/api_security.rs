//! The keys of API security in the description.

use serde_json::{Value, json};

/// What goes in, and what comes out.
pub(super) fn schemas() -> [Value; 2] {
    let serial = json!({"type": "string", "pattern": "^[0-9A-Za-z]{1,64}$"});
    let key = json!({
        "type": "object", "required": ["serial", "key"], "additionalProperties": false,
        "properties": {"serial": serial, "key": {"type": "string"}},
    });
    let calls =
        json!({"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^/"}});
    let wanted = json!({
        "type": "object", "required": ["symmetric", "private", "certificate"], "additionalProperties": false,
        "description": "API 安全: the calls of the account are encrypted and signed by the gateway.",
        "properties": {
            "symmetric": key, "previous_symmetric": key, "private": key, "certificate": key,
            "other_certificate": key, "calls": calls,
        },
    });
    let maybe = |schema: &Value| json!({"anyOf": [schema, {"type": "null"}]});
    let names =
        ["symmetric", "previous_symmetric", "private", "certificate", "other_certificate", "calls"];
    let shown = json!({
        "type": "object", "required": names, "description": "The numbers of the keys.",
        "properties": {
            "symmetric": serial, "previous_symmetric": maybe(&serial), "private": serial, "certificate": serial,
            "other_certificate": maybe(&serial), "calls": maybe(&calls),
        },
    });
    [wanted, shown].map(|schema| maybe(&schema))
}

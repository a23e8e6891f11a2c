//! The keys of API security in the description.

use serde_json::{Value, json};

use super::operation::reference;

/// What goes in is added, and what comes out is answered.
pub(super) fn schemas(add: &mut impl FnMut(&str, &[&str], Value)) -> Value {
    let serial = json!({"type": "string", "pattern": "^[0-9A-Za-z]{1,64}$"});
    add("SealingKey", &["serial", "key"], json!({"serial": serial, "key": {"type": "string"}}));
    let key = reference("SealingKey");
    let calls =
        json!({"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^/"}});
    let wanted = json!({
        "symmetric": key, "previous_symmetric": key, "private": key, "certificate": key,
        "other_certificate": key, "calls": calls,
    });
    add("ApiSecurity", &["symmetric", "private", "certificate"], wanted);
    let maybe = |schema: &Value| json!({"anyOf": [schema, {"type": "null"}]});
    let names =
        ["symmetric", "previous_symmetric", "private", "certificate", "other_certificate", "calls"];
    let shown = json!({
        "type": "object", "required": names,
        "properties": {
            "symmetric": serial, "previous_symmetric": maybe(&serial), "private": serial, "certificate": serial,
            "other_certificate": maybe(&serial), "calls": maybe(&calls),
        },
    });
    maybe(&shown)
}

//! Sinks in the description.

use serde_json::{Value, json};

use super::operation::reference;

/// How sinks stand, and what came of a command.
pub(super) fn schemas(add: &mut impl FnMut(&str, &[&str], Value)) {
    let text = || json!({"type": "string"});
    let number = || json!({"type": "integer", "minimum": 0});
    add("Sinks", &["sinks"], json!({"sinks": {"type": "array", "items": reference("Sink")}}));
    add(
        "Sink",
        &["name", "account", "kind", "target", "state", "lag", "written", "failed"],
        json!({
            "name": text(), "account": text(), "kind": text(), "target": text(),
            "state": {"enum": ["current", "behind", "failing", "waiting"]}, "lag": number(),
            "generation": number(), "delivered_at": {"type": "string", "format": "date-time"},
            "written": number(), "failed": number(), "failure": text(),
        }),
    );
    let outcomes = json!({"enum": ["ready", "written", "kept", "newer", "waiting", "failed"]});
    add(
        "SinkDone",
        &["outcome", "explanation"],
        json!({"outcome": outcomes, "explanation": text()}),
    );
}

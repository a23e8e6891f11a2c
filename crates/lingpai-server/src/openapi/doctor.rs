//! The doctor and the diagnosis in the description.

use serde_json::{Value, json};

use super::operation::{account_name, reference};
use crate::diagnosis::Cause;

/// What is asked, what was found, and why a token was refused.
pub(super) fn schemas(add: &mut impl FnMut(&str, &[&str], Value)) {
    let text = || json!({"type": "string"});
    let time = || json!({"type": "string", "format": "date-time"});
    let number = || json!({"type": "integer", "minimum": 0});
    let list = |of: Value| json!({"type": "array", "items": of});
    let yes_or_no = || json!({"type": "boolean"});
    let causes = json!({"type": "string", "enum": Cause::ALL.map(Cause::as_str)});
    let evidence = json!({"type": "object", "required": ["text"], "properties": {"at": time(), "text": text()}});
    let looked_at = json!({"type": "object", "required": ["events"], "properties": {"events": number(), "since": time()}});
    add(
        "Diagnosis",
        &["cause", "certain", "headline", "evidence", "remedy", "asked_wechat", "looked_at"],
        json!({
            "cause": causes, "certain": yes_or_no(), "headline": text(),
            "evidence": list(evidence), "remedy": list(text()), "asked_wechat": number(),
            "looked_at": looked_at, "account": text(), "fingerprint": text(),
            "errcode": {"type": "integer"}, "explained": text(), "schedule_minutes": number(),
        }),
    );
    let account_if_any = json!({"anyOf": [account_name(), {"type": "null"}]});
    add(
        "Examine",
        &[],
        json!({"account": account_if_any, "spend_scarce": {"type": "boolean", "default": false}}),
    );
    let verdict = json!({"type": "string", "enum": ["skipped", "passed", "warned", "failed"]});
    add(
        "Finding",
        &["check", "title", "verdict", "evidence", "calls"],
        json!({
            "check": text(), "title": text(), "verdict": verdict, "evidence": text(), "calls": number(),
            "account": text(), "subject": text(), "remedy": text(), "cause": text(),
            "errcode": {"type": "integer"}, "at": time(),
        }),
    );
    let sums = ["worst", "passed", "warned", "failed", "skipped", "calls", "findings"];
    let found = json!({
        "worst": verdict, "passed": number(), "warned": number(), "failed": number(),
        "skipped": number(), "calls": number(), "findings": list(reference("Finding")),
    });
    let mut whole = found.clone();
    whole["plan"] = reference("Plan");
    add("Findings", &[&sums[..], &["plan"]].concat(), whole);
    add(
        "Plan",
        &["accounts", "calls", "fetches", "text"],
        json!({"accounts": number(), "calls": number(), "fetches": number(), "text": text()}),
    );
    let mut last = found;
    (last["at"], last["account"]) = (time(), text());
    add("Examined", &[&sums[..], &["at"]].concat(), last);
    let last = json!({"anyOf": [reference("Examined"), {"type": "null"}]});
    add("LastExamined", &["last"], json!({"last": last}));
}

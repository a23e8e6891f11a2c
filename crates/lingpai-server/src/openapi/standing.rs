//! How accounts stand: their credentials, what was called and may be called, and the nodes that see to it.

use serde_json::{Map, Value, json};

use super::operation::reference;
use crate::accounts::State;

/// Adds what their bodies look like.
pub(super) fn schemas(add: &mut impl FnMut(&str, &[&str], Value)) {
    let text = || json!({"type": "string"});
    let time = || json!({"type": "string", "format": "date-time"});
    let number = || json!({"type": "integer", "minimum": 0});
    let yes_or_no = || json!({"type": "boolean"});
    let list = |of: Value| json!({"type": "array", "items": of});
    let one_of = |names: &[&str]| json!({"type": "string", "enum": names});
    add(
        "Accounts",
        &["accounts"],
        json!({
            "accounts": list(reference("Account")), "next": text(),
            "damaged": list(reference("Damaged")),
        }),
    );
    let damaged =
        json!({"table": text(), "record": text(), "what": text(), "newer": {"type": "boolean"}});
    add("Damaged", &["table", "record", "what"], damaged);
    add(
        "Account",
        &["account", "credentials"],
        json!({
            "account": text(), "credentials": list(reference("Credential")),
            "calls_today": list(reference("Called")), "clients_today": list(reference("ForClient")),
            "keeping": one_of(&["observe", "paused"]), "account_kind": text(), "mode": text(), "platform": text(),
            "updated_at": text(),
        }),
    );
    let counted = ["all", "troubled", "good", "failing", "refused", "missing", "idle", "unmanaged"];
    let counts: Map<_, _> = counted.iter().map(|name| ((*name).to_owned(), number())).collect();
    add("Counts", &counted, counts.into());
    add(
        "Overview",
        &["counts", "found", "page", "pages", "accounts"],
        json!({
            "counts": reference("Counts"), "found": number(), "page": number(), "pages": number(),
            "accounts": list(reference("Account")), "damaged": list(reference("Damaged")),
        }),
    );
    add(
        "Called",
        &["path", "calls"],
        json!({"path": text(), "calls": number(), "errcodes": list(reference("Answered"))}),
    );
    add("ForClient", &["calls"], json!({"key": text(), "name": text(), "calls": number()}));
    add(
        "Answered",
        &["errcode", "times"],
        json!({"errcode": {"type": "integer"}, "times": number()}),
    );
    add(
        "Credential",
        &["kind", "state", "generation", "fetches_today", "daily_budget", "rotating"],
        json!({
            "kind": text(), "state": one_of(&State::ALL.map(State::as_str)), "generation": number(),
            "expires_in": number(), "life": number(), "issued_at": time(), "previous_until": time(), "fetches_today": number(),
            "daily_budget": number(), "rotating": yes_or_no(), "compromised": number(), "next_at": time(),
            "failure": reference("Failure"), "failing_since": time(),
        }),
    );
    add(
        "Failure",
        &["class", "message"],
        json!({
            "class": one_of(&["transient", "rate-limited", "quota", "needs-person", "awaited"]), "message": text(),
            "remedy": text(), "errcode": {"type": "integer"}, "rid": text(),
        }),
    );
    quotas(add);
    nodes(add);
}

/// What was called and may be called. What WeChat says passes as it comes.
fn quotas(add: &mut impl FnMut(&str, &[&str], Value)) {
    let (text, number) = (json!({"type": "string"}), json!({"type": "integer", "minimum": 0}));
    let told = json!({"type": "object"});
    let used = json!({
        "type": "object", "required": ["used", "most"], "additionalProperties": false,
        "properties": {"used": number, "most": number},
    });
    add(
        "Fetches",
        &["kind", "used", "most"],
        json!({"kind": text, "used": number, "most": number}),
    );
    let clearings = json!({"month": text, "used": number, "most": number});
    add("Clearings", &["month", "used", "most"], clearings);
    add(
        "Quotas",
        &["account", "day", "calls", "fetches", "clearings"],
        json!({
            "account": text, "day": text, "calls": {"type": "array", "items": reference("Called")},
            "fetches": {"type": "array", "items": reference("Fetches")}, "calls_per_day": used,
            "clearings": reference("Clearings"),
        }),
    );
    add(
        "Quota",
        &["account", "path", "calls", "quota"],
        json!({
            "account": text, "path": text, "calls": number, "quota": told, "rate_limit": told,
            "component_rate_limit": told,
        }),
    );
    add(
        "Cleared",
        &["account", "by", "explanation", "clearings"],
        json!({"account": text, "by": text, "explanation": text, "clearings": reference("Clearings")}),
    );
    add(
        "Request",
        &["account", "rid", "request"],
        json!({"account": text, "rid": text, "request": told}),
    );
}

/// The nodes that share the store.
fn nodes(add: &mut impl FnMut(&str, &[&str], Value)) {
    let text = || json!({"type": "string"});
    let time = || json!({"type": "string", "format": "date-time"});
    let number = || json!({"type": "integer", "minimum": 0});
    let list = |of: &str| json!({"type": "array", "items": reference(of)});
    add(
        "Nodes",
        &["nodes", "propagation"],
        json!({"nodes": list("Node"), "propagation": reference("Propagation")}),
    );
    let yes_or_no = json!({"type": "boolean"});
    let members = json!({
        "node": text(), "this": yes_or_no, "alive": yes_or_no, "name": text(), "address": text(),
        "version": text(), "since": time(), "seen_at": time(), "credentials": number(),
        "leases": list("Lease"),
    });
    let all: Vec<_> =
        members.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    add("Node", &all, members.clone());
    add("Lease", &["account", "kind"], json!({"account": text(), "kind": text()}));
    add(
        "Propagation",
        &["rotations"],
        json!({"rotations": number(), "half_within_ms": number(), "p99_within_ms": number()}),
    );
}

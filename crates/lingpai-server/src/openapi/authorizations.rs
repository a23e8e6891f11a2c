//! The calls of authorisations that begin here, described.

use lingpai_core::client::Right;
use serde_json::{Map, Value, json};

use super::operation::{Operation, account_name, in_path, in_query, reference};
use crate::authorize::{Admission, LONGEST_LIFE, MOST};

const PAGE: &str = "text/html";

/// Adds them to the paths.
pub(super) fn add_paths(paths: &mut Value) {
    let link = || vec![in_path("link", "What is signed.")];
    let page = json!({"type": "string"});
    paths["/v1/accounts/{account}/authorization-links"] = json!({
        "post": Operation::with("A link for whoever is to authorise the platform or suite.", Right::Platform)
            .takes(vec![in_path("account", "The platform or the suite.")])
            .reads_this(json!({"content": {"application/json": {"schema": reference("NewLink")}}}))
            .answers(201, &reference("Link"))
            .done(),
    });
    let platform = || vec![in_path("account", "The platform.")];
    let limit = json!({"type": "integer", "minimum": 1, "maximum": u32::MAX});
    paths["/v1/accounts/{account}/authorizers"] = json!({
        "get": Operation::with("Those who have authorised the platform.", Right::Platform)
            .takes(platform())
            .takes(vec![
                in_query("limit", &limit, "So many at most."),
                in_query("after", &account_name(), "Those whose names come after this."),
            ])
            .answers(200, &reference("Authorizers"))
            .done(),
        "post": Operation::with("Takes over some with their refresh tokens.", Right::Admin)
            .takes(platform())
            .reads("NewAuthorizers")
            .answers(200, &reference("AdmittedAuthorizers"))
            .done(),
    });
    paths["/v1/accounts/{account}/authorizers/recover"] = json!({
        "post": Operation::with("Takes over those on one page of WeChat's own list.", Right::Admin)
            .takes(platform())
            .reads_this(json!({"content": {"application/json": {"schema": reference("From")}}}))
            .answers(200, &reference("RecoveredAuthorizers"))
            .done(),
    });
    paths["/authorize/{link}"] = json!({
        "get": Operation::open("The page of a link, for a browser. Does nothing.")
            .takes(link())
            .answers_as(200, PAGE, &page)
            .answers_as(404, PAGE, &page)
            .never_refused(),
        "post": Operation::open("Its button: leads to WeChat's page, once.")
            .takes(link())
            .answers_nothing(303, "On to WeChat.")
            .answers_as(404, PAGE, &page)
            .answers_as(410, PAGE, &page)
            .answers_as(502, PAGE, &page)
            .answers_as(503, PAGE, &page)
            .never_refused(),
    });
    paths["/authorized/{link}"] = json!({
        "get": Operation::open("The way back from WeChat, for the browser that has begun.")
            .takes(link())
            .takes(vec![in_query("auth_code", &json!({"type": "string"}), "As WeChat sends it.")])
            .answers_as(200, PAGE, &page)
            .answers_as(202, PAGE, &page)
            .answers_nothing(303, "On to `return_to`.")
            .answers_as(400, PAGE, &page)
            .answers_as(403, PAGE, &page)
            .answers_as(404, PAGE, &page)
            .answers_as(410, PAGE, &page)
            .answers_as(502, PAGE, &page)
            .answers_as(503, PAGE, &page)
            .never_refused(),
    });
}

/// Adds what their bodies look like.
pub(super) fn add_schemas(schemas: &mut Map<String, Value>) {
    let text = json!({"type": "string"});
    let mut add = |name: &str, required: &[&str], members: Value| {
        let schema = json!({
            "type": "object", "required": required, "properties": members, "additionalProperties": false,
        });
        schemas.insert(name.to_owned(), schema);
    };
    add(
        "NewLink",
        &[],
        json!({
            "device": {"enum": ["pc", "h5", null]},
            "offered": {"enum": ["official-accounts", "mini-programs", "all"]},
            "only": {"anyOf": [account_name(), {"type": "null"}]},
            "return_to": {"type": ["string", "null"], "maxLength": 1024},
            "expires_in": {"type": ["integer", "null"], "minimum": 1, "maximum": LONGEST_LIFE.as_secs()},
        }),
    );
    let time = json!({"type": "string", "format": "date-time"});
    let number = json!({"type": "integer", "minimum": 0});
    let one = json!({
        "type": "object", "required": ["account", "state", "added_at", "changed_at"], "additionalProperties": false,
        "properties": {"account": text, "state": text, "added_at": time, "changed_at": time},
    });
    add(
        "Authorizers",
        &["platform", "authorizers"],
        json!({"platform": text, "authorizers": {"type": "array", "items": one}, "next": text}),
    );
    let row = json!({
        "type": "object", "required": ["account", "refresh_token"], "additionalProperties": false,
        "properties": {
            "account": account_name(),
            "refresh_token": {"type": "string", "pattern": "^[!-~]{1,512}$"},
            "kind": {"enum": ["official-account", "mini-program"]},
        },
    });
    add(
        "NewAuthorizers",
        &["authorizers"],
        json!({
            "authorizers": {"type": "array", "maxItems": MOST, "items": row},
            "replace": {"type": "boolean"},
        }),
    );
    let outcome = json!({
        "type": "object", "required": ["account", "outcome"], "additionalProperties": false,
        "properties": {"account": text, "outcome": {"enum": Admission::ALL.map(Admission::as_str)}},
    });
    let outcomes = json!({"type": "array", "items": outcome});
    add("AdmittedAuthorizers", &["outcomes"], json!({"outcomes": outcomes}));
    add("From", &[], json!({"offset": {"type": "integer", "minimum": 0, "maximum": u64::MAX}}));
    add(
        "RecoveredAuthorizers",
        &["total", "outcomes"],
        json!({"total": number, "next": number, "outcomes": outcomes}),
    );
    add(
        "Link",
        &["url", "expires_at", "proof_key", "qr"],
        json!({
            "url": text, "expires_at": {"type": "string", "format": "date-time"}, "proof_key": text,
            "qr": {"type": "array", "items": {"type": "string", "pattern": "^[# ]*$"}},
        }),
    );
}

//! The calls of authorisations that begin here, described.

use lingpai_core::client::Right;
use serde_json::{Map, Value, json};

use super::operation::{Operation, account_name, in_path, in_query, reference};
use crate::authorize::LONGEST_LIFE;

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
    add(
        "Link",
        &["url", "expires_at", "proof_key"],
        json!({"url": text, "expires_at": {"type": "string", "format": "date-time"}, "proof_key": text}),
    );
}

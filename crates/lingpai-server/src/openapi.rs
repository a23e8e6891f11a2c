//! The description of the whole API, as `/openapi.json` answers it.
//!
//! Written by hand beside the code, with the names of rights, presets and states taken from it. That it is true is shown
//! by tests: every route is described, every operation is called, and every answer has to fit its description, which
//! allows no member that is not named.

use std::sync::OnceLock;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use lingpai_core::Preset;
use lingpai_core::client::Right;
use serde_json::{Map, Value, json};

use crate::accounts::State;
use crate::answer::{self, Body};
use crate::metrics;
use crate::refusal::Refusal;

const JSON: &str = "application/json";

/// `GET /openapi.json`: for anybody.
pub(crate) fn answer(head: &Parts) -> Result<Response<Body>, Refusal> {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    if head.method != Method::GET {
        return Err(Refusal::MethodUnknown("GET"));
    }
    let text = TEXT.get_or_init(|| document().to_string().into());
    Ok(answer::text(StatusCode::OK, "application/json; charset=utf-8", text.clone()))
}

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Lingpai",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The central server for WeChat access_tokens. docs/api.md has it in prose.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "paths": paths(),
        "components": {
            "schemas": schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key."}},
            "responses": {
                "error": content("What went wrong, and what to do.", JSON, &reference("Error")),
            },
        },
    })
}

fn paths() -> Value {
    let account = || vec![in_path("account", "Its appid.")];
    let form = "application/x-www-form-urlencoded";
    let dropin_body = json!({
        "required": false,
        "content": {JSON: {"schema": reference("TokenCall")}, form: {"schema": reference("TokenCall")}},
    });
    let dropin = |summary: &str| Operation::open(summary).answers(200, &reference("WeChatAnswer"));
    let dropin_query = || {
        let names = ["grant_type", "appid", "secret", "force_refresh"];
        names.map(|name| in_query(name, "string", "In the query, a form or JSON.")).to_vec()
    };
    json!({
        "/v1/accounts/{account}/token": {
            "get": Operation::with("The current token.", Right::TokenRead)
                .takes(account())
                .takes(vec![
                    in_query("wait", "string", "Answer as soon as there is a later token: `30s`."),
                    in_query("after", "integer", "The generation that the caller has; needed with `wait`."),
                    json!({"name": "If-None-Match", "in": "header", "schema": {"type": "string"}}),
                ])
                .answers(200, &reference("Token"))
                .answers_nothing(304, "The caller has the current token.")
                .done(),
        },
        "/v1/accounts/{account}/token/report-invalid": {
            "post": Operation::with("Says that WeChat refused a token.", Right::TokenReport)
                .takes(account())
                .reads("Report")
                .answers(200, &reference("Reported"))
                .done(),
        },
        "/v1/accounts/{account}/token/rotate": {
            "post": Operation::with(
                "Has the token replaced now; if one has leaked, until none of those so far is good.",
                Right::TokenRotate,
            )
                .takes(account())
                .reads_this(json!({"content": {JSON: {"schema": reference("Rotate")}}}))
                .answers(200, &json!({"anyOf": [reference("Reported"), reference("Drill")]}))
                .answers(202, &reference("Drill"))
                .done(),
        },
        "/v1/accounts": {
            "get": Operation::with("How all accounts of the key stand.", Right::StatusRead)
                .takes(vec![
                    in_query("limit", "integer", "So many at most."),
                    in_query("after", "string", "Those whose names come after this."),
                ])
                .answers(200, &reference("Accounts"))
                .done(),
        },
        "/v1/accounts/{account}": {
            "get": Operation::with("How the account stands.", Right::StatusRead)
                .takes(account())
                .answers(200, &reference("Account"))
                .done(),
        },
        "/v1/events": {
            "get": Operation::with("What happens, as it happens: each `data` is an Event.", Right::StatusRead)
                .takes(vec![
                    in_query("account", "string", "The events of this account only."),
                    json!({"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}}),
                ])
                .answers_as(200, "text/event-stream", &json!({"type": "string"}))
                .done(),
        },
        "/v1/events/history": {
            "get": Operation::with("What happened, the newest first.", Right::StatusRead)
                .takes(vec![
                    in_query("account", "string", "The events of this account only."),
                    in_query("limit", "integer", "So many at most."),
                ])
                .answers(200, &reference("History"))
                .done(),
        },
        "/v1/keys": {
            "get": Operation::with("All keys. The key must be for all accounts.", Right::Admin)
                .answers(200, &reference("Keys"))
                .done(),
            "post": Operation::with("Makes a key. The key must be for all accounts.", Right::Admin)
                .reads("NewKey")
                .answers(201, &reference("Key"))
                .done(),
        },
        "/v1/keys/{id}": {
            "delete": Operation::with("Revokes a key. The key must be for all accounts.", Right::Admin)
                .takes(vec![in_path("id", "As the list has it.")])
                .answers(200, &reference("Key"))
                .done(),
        },
        "/cgi-bin/token": {
            "get": dropin("WeChat's own call; `secret` is the key.").takes(dropin_query()).never_refused(),
            "post": dropin("The same.").takes(dropin_query()).reads_this(dropin_body.clone()).never_refused(),
        },
        "/cgi-bin/stable_token": {
            "post": dropin("WeChat's own call; `secret` is the key.")
                .takes(dropin_query())
                .reads_this(dropin_body)
                .never_refused(),
        },
        "/healthz": {
            "get": Operation::open("Whether the server runs.").answers(200, &reference("Health")).never_refused(),
        },
        "/readyz": {
            "get": Operation::open("Whether clients should be sent here.")
                .answers(200, &reference("Readiness"))
                .answers(503, &reference("Readiness"))
                .never_refused(),
        },
        "/metrics": {
            "get": Operation::with("Numbers for Prometheus. The key must be for all accounts.", Right::StatusRead)
                .answers_as(200, metrics::TEXT, &json!({"type": "string"}))
                .done(),
        },
        "/openapi.json": {
            "get": Operation::open("This description.").answers(200, &json!({"type": "object"})).never_refused(),
        },
    })
}

fn schemas() -> Value {
    let text = || json!({"type": "string"});
    let time = || json!({"type": "string", "format": "date-time"});
    let time_if_any = || json!({"type": ["string", "null"], "format": "date-time"});
    let number = || json!({"type": "integer", "minimum": 0});
    let yes_or_no = || json!({"type": "boolean"});
    let list = |of: Value| json!({"type": "array", "items": of});
    let one_of = |names: &[&str]| json!({"type": "string", "enum": names});
    let accounts = json!({"anyOf": [one_of(&["all"]), list(text())]});
    let rights = list(one_of(&Right::ALL.map(Right::as_str)));
    let preset = one_of(&Preset::ALL.map(Preset::as_str));
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
    reported["outcome"] = one_of(&["replaced", "rotated", "accepted", "unknown", "refused"]);
    reported["explanation"] = text();
    let of_token =
        ["account", "kind", "access_token", "generation", "issued_at", "expires_at", "expires_in"];
    add("Token", &of_token, token);
    add("Rotate", &[], json!({"compromised": yes_or_no(), "dry_run": yes_or_no()}));
    add(
        "Drill",
        &["outcome", "explanation", "breaks"],
        json!({"outcome": one_of(&["planned", "begun"]), "explanation": text(), "breaks": list(text())}),
    );
    add("Report", &["access_token"], json!({"access_token": text()}));
    add("Reported", &["outcome", "explanation"], reported);
    add("Accounts", &["accounts"], json!({"accounts": list(reference("Account")), "next": text()}));
    add(
        "Account",
        &["account", "credentials"],
        json!({
            "account": text(), "credentials": list(reference("Credential")),
            "calls_today": list(reference("Called")),
        }),
    );
    add(
        "Called",
        &["path", "calls"],
        json!({
            "path": text(), "calls": number(),
            "errcodes": list(reference("Answered")),
        }),
    );
    add(
        "Answered",
        &["errcode", "times"],
        json!({"errcode": {"type": "integer"}, "times": number()}),
    );
    add(
        "Credential",
        &["kind", "state", "generation", "rotating"],
        json!({
            "kind": text(), "state": one_of(&State::ALL.map(State::as_str)), "generation": number(),
            "expires_in": number(), "rotating": yes_or_no(), "next_at": time(),
            "failure": reference("Failure"), "failing_since": time(),
        }),
    );
    add(
        "Failure",
        &["class", "message"],
        json!({
            "class": one_of(&["transient", "rate-limited", "quota", "needs-person"]), "message": text(),
            "remedy": text(), "errcode": {"type": "integer"}, "rid": text(),
        }),
    );
    add(
        "Event",
        &["at", "event", "node"],
        json!({
            "at": time(), "event": text(), "account": text(), "kind": text(), "node": text(),
            "generation": number(), "fingerprint": text(), "reason": text(), "way": text(),
            "expires_at": time(), "failure": reference("Failure"), "retry_after": number(),
            "cause": text(), "used": number(), "key": text(), "asks": number(),
            "path": text(), "errcode": {"type": "integer"}, "refusals": number(),
        }),
    );
    add("History", &["events"], json!({"events": list(reference("Event"))}));
    add("Keys", &["keys"], json!({"keys": list(reference("Key"))}));
    add(
        "Key",
        &[
            "id",
            "name",
            "rights",
            "accounts",
            "networks",
            "preset",
            "created_at",
            "expires_at",
            "revoked_at",
            "good",
        ],
        json!({
            "id": text(), "name": text(), "rights": rights, "accounts": accounts, "networks": list(text()), "bounds": reference("Bounds"),
            "preset": preset, "created_at": time(), "expires_at": time_if_any(),
            "revoked_at": time_if_any(), "good": yes_or_no(),
            "key": {"type": "string", "description": "The key itself, only when it was just made."},
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
            "name": {"type": "string", "minLength": 1, "maxLength": 100}, "accounts": accounts,
            "role": one_of(&["service", "viewer", "operator", "admin"]), "rights": rights,
            "networks": list(text()), "bounds": reference("Bounds"), "preset": preset, "expires_in": {"type": "integer", "minimum": 1},
        }),
    );
    add(
        "WeChatToken",
        &["access_token", "expires_in"],
        json!({"access_token": text(), "expires_in": {"type": "integer", "minimum": 1}}),
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
    let either = json!({"anyOf": [reference("WeChatToken"), reference("WeChatError")]});
    schemas.insert("WeChatAnswer".to_owned(), either);
    // Others among them are ignored.
    let call = json!({"type": "object", "properties": {
        "grant_type": one_of(&["client_credential"]), "appid": text(), "secret": text(),
        "force_refresh": yes_or_no(),
    }});
    schemas.insert("TokenCall".to_owned(), call);
    Value::Object(schemas)
}

/// What one method of one path does.
struct Operation {
    described: Value,
    parameters: Vec<Value>,
    responses: Map<String, Value>,
}

impl Operation {
    /// One that anybody may call, with a key among the parameters or without.
    fn open(summary: &str) -> Self {
        let described = json!({"summary": summary});
        Self { described, parameters: Vec::new(), responses: Map::new() }
    }

    /// One for keys with this right.
    fn with(summary: &str, right: Right) -> Self {
        let mut operation = Self::open(summary);
        operation.described["description"] = format!("Right: `{}`.", right.as_str()).into();
        operation.described["security"] = json!([{"key": []}]);
        operation
    }

    fn takes(mut self, parameters: Vec<Value>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    fn reads(self, schema: &str) -> Self {
        self.reads_this(json!({"required": true, "content": {JSON: {"schema": reference(schema)}}}))
    }

    fn reads_this(mut self, body: Value) -> Self {
        self.described["requestBody"] = body;
        self
    }

    fn answers(self, status: u16, schema: &Value) -> Self {
        self.answers_as(status, JSON, schema)
    }

    fn answers_as(mut self, status: u16, kind: &str, schema: &Value) -> Self {
        self.responses.insert(status.to_string(), content("As asked for.", kind, schema));
        self
    }

    fn answers_nothing(mut self, status: u16, why: &str) -> Self {
        self.responses.insert(status.to_string(), json!({"description": why}));
        self
    }

    /// The description of one that can be refused.
    fn done(mut self) -> Value {
        let error = json!({"$ref": "#/components/responses/error"});
        self.responses.insert("default".to_owned(), error);
        self.never_refused()
    }

    /// The description of one that has no other answers than those named.
    fn never_refused(mut self) -> Value {
        self.described["parameters"] = self.parameters.into();
        self.described["responses"] = self.responses.into();
        self.described
    }
}

fn content(why: &str, kind: &str, schema: &Value) -> Value {
    json!({"description": why, "content": {kind: {"schema": schema}}})
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn in_path(name: &str, what: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "description": what, "schema": {"type": "string"}})
}

fn in_query(name: &str, kind: &str, what: &str) -> Value {
    json!({"name": name, "in": "query", "description": what, "schema": {"type": kind}})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::routes::Route;

    #[test]
    fn every_route_is_described_and_nothing_else_is() {
        let document = document();
        let described: BTreeSet<_> =
            document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let is_path = |name: &&str| name.starts_with('/');
        let routes = Route::NAMES.into_iter().filter(is_path).collect();
        assert_eq!(described, routes);
    }
}

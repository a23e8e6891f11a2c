//! How a call is described.

use lingpai_core::client::Right;
use serde_json::{Map, Value, json};

pub(super) const JSON: &str = "application/json";
/// What [`AccountId`](lingpai_core::AccountId) takes for a name.
const ACCOUNT_NAME: &str = "^[A-Za-z0-9_.:@-]{1,128}$";

/// What one method of one path does.
pub(super) struct Operation {
    described: Value,
    parameters: Vec<Value>,
    responses: Map<String, Value>,
}

impl Operation {
    /// One that anybody may call, with a key among the parameters or without.
    pub(super) fn open(summary: &str) -> Self {
        let described = json!({"summary": summary});
        Self { described, parameters: Vec::new(), responses: Map::new() }
    }

    /// One for keys with this right.
    pub(super) fn with(summary: &str, right: Right) -> Self {
        let mut operation = Self::open(summary);
        operation.described["description"] = format!("Right: `{}`.", right.as_str()).into();
        operation.described["security"] = json!([{"key": []}]);
        operation
    }

    pub(super) fn takes(mut self, parameters: Vec<Value>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    pub(super) fn reads(self, schema: &str) -> Self {
        self.reads_this(json!({"required": true, "content": {JSON: {"schema": reference(schema)}}}))
    }

    pub(super) fn reads_this(mut self, body: Value) -> Self {
        self.described["requestBody"] = body;
        self
    }

    pub(super) fn answers(self, status: u16, schema: &Value) -> Self {
        self.answers_as(status, JSON, schema)
    }

    pub(super) fn answers_as(mut self, status: u16, kind: &str, schema: &Value) -> Self {
        self.responses.insert(status.to_string(), content("As asked for.", kind, schema));
        self
    }

    pub(super) fn answers_nothing(mut self, status: u16, why: &str) -> Self {
        self.responses.insert(status.to_string(), json!({"description": why}));
        self
    }

    /// The description of one that can be refused.
    pub(super) fn done(mut self) -> Value {
        let error = json!({"$ref": "#/components/responses/error"});
        self.responses.insert("default".to_owned(), error);
        self.never_refused()
    }

    /// The description of one that has no other answers than those named.
    pub(super) fn never_refused(mut self) -> Value {
        self.described["parameters"] = self.parameters.into();
        self.described["responses"] = self.responses.into();
        self.described
    }
}

pub(super) fn content(why: &str, kind: &str, schema: &Value) -> Value {
    json!({"description": why, "content": {kind: {"schema": schema}}})
}

pub(super) fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

pub(super) fn account_name() -> Value {
    json!({"type": "string", "pattern": ACCOUNT_NAME})
}

pub(super) fn in_path(name: &str, what: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "description": what, "schema": {"type": "string"}})
}

pub(super) fn in_query(name: &str, schema: &Value, what: &str) -> Value {
    json!({"name": name, "in": "query", "description": what, "schema": schema})
}

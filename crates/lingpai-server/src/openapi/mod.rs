//! The description of the whole API, as `/openapi.json` answers it.
//!
//! Written by hand beside the code, with the names of rights, presets and states taken from it. That it is true is shown
//! by tests: every route is described, every operation is called, and every answer has to fit its description, which
//! allows no member that is not named. What people read of it (`docs/http.md`) is made of it by a test.
//!
//! - `calls/`: what can be called, and with what, by subject; `operation`: how a call is described.
//! - `schemas`: what bodies look like; `standing` and `setup`: of accounts.
//! - `authorizations`: both for authorisations that begin here; `services`: for the calls of platforms and suites.
//! - `words`: how all of it is in two languages; `fields/`: what the members of bodies mean.

mod api_security;
mod authorizations;
mod calls;
mod doctor;
mod fields;
mod operation;
mod schemas;
mod services;
mod setup;
mod sinks;
mod standing;
mod words;

use std::sync::OnceLock;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde_json::{Map, Value, json};

use self::operation::{JSON, content, reference};
use self::words::{text, words};
use crate::answer::{self, Body};
use crate::language::{self, Language};
use crate::refusal::Refusal;

/// `GET /openapi.json`: for anybody.
pub(crate) fn answer(head: &Parts) -> Result<Response<Body>, Refusal> {
    static ENGLISH: OnceLock<Bytes> = OnceLock::new();
    static CHINESE: OnceLock<Bytes> = OnceLock::new();
    if head.method != Method::GET {
        return Err(Refusal::MethodUnknown("GET"));
    }
    let language = language::wanted(&head.headers);
    let written = match language {
        Language::English => &ENGLISH,
        Language::Chinese => &CHINESE,
    };
    let written = written.get_or_init(|| document(language).to_string().into());
    let mut response = answer::text(StatusCode::OK, answer::JSON, written.clone());
    language::mark(&mut response, language);
    Ok(response)
}

/// What `/openapi.json` answers to one who reads this language: OpenAPI 3.1.
pub fn document(language: Language) -> Value {
    let mut paths = Map::new();
    for (subject, operations) in calls::all() {
        for operation in operations {
            let (method, path) = (operation.method, operation.path);
            let described = operation.done(subject);
            let methods = paths.entry(path).or_insert_with(|| json!({}));
            methods[method] = described;
        }
    }
    let mut schemas = schemas::schemas();
    authorizations::add_schemas(&mut schemas);
    for (name, schema) in &mut schemas {
        if let Some(field) = fields::of("", name) {
            schema["description"] = text(&field.what);
        }
        words::describe(name, schema);
    }
    for described in paths.values_mut() {
        words::describe("", described);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Lingpai",
            "version": env!("CARGO_PKG_VERSION"),
            "description": text(&words(
                "The central server for WeChat access_tokens. docs/api.md is the guide to it, docs/http.md the same for people. \
                 `x-right` is the right that a call needs, `x-errors` names the errors that it can be refused with, each with its \
                 status.",
                "微信 access_token 中控服务器。使用方法见 docs/zh/api.md，供人阅读的版本见 docs/zh/http.md。`x-right` 是接口需要的权限，\
                 `x-errors` 列出可能返回的错误及其状态码。",
            )),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "tags": calls::subjects(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {
                    "type": "http", "scheme": "bearer",
                    "description": text(&words("An API key.", "API 密钥。")),
                },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "lingpai_session",
                    "description": text(&words(
                        "Of the console. The paths for it are those below /v1/ with /console before them.",
                        "控制台的会话。它用的路径是 /v1/ 下的各路径，前面加上 /console。",
                    )),
                },
            },
            "responses": {"error": error()},
        },
    });
    words::left_in(language, &mut document);
    document
}

/// The answer of every call that is refused.
fn error() -> Value {
    let why = words("What went wrong, and what to do.", "出了什么错，怎么办。");
    let mut error = content(&why, JSON, &reference("Error"));
    let language = words("In which language the sentences are.", "句子用哪种语言。");
    let again = words("In how many seconds to ask again.", "多少秒后可以再试。");
    error["headers"] = json!({
        "Content-Language": {
            "required": true, "description": text(&language), "schema": {"enum": ["en", "zh"]},
        },
        "Retry-After": {
            "description": text(&again), "schema": {"type": "integer", "minimum": 1},
        },
    });
    error
}

#[cfg(test)]
mod tests;

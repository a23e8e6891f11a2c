//! The description of the whole API, as `/openapi.json` answers it.
//!
//! Written by hand beside the code, with the names of rights, presets and states taken from it. That it is true is shown
//! by tests: every route is described, every operation is called, and every answer has to fit its description, which
//! allows no member that is not named.

//!
//! - `paths`: what can be called, and with what.
//! - `schemas`: what bodies look like; `standing` and `setup`: of accounts.
//! - `authorizations`: both for authorisations that begin here.
//! - `operation`: how a call is described.

mod api_security;
mod authorizations;
mod doctor;
mod operation;
mod paths;
mod schemas;
mod services;
mod setup;
mod sinks;
mod standing;

use std::sync::OnceLock;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use self::operation::{JSON, content, reference};
use crate::answer::{self, Body};
use crate::refusal::Refusal;

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
    let mut paths = paths::paths();
    authorizations::add_paths(&mut paths);
    services::add_paths(&mut paths);
    let mut schemas = schemas::schemas();
    if let Value::Object(schemas) = &mut schemas {
        authorizations::add_schemas(schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Lingpai",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The central server for WeChat access_tokens. docs/api.md has it in prose.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key."},
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "lingpai_session",
                    "description": "Of the console. The paths for it are those below /v1/ with /console before them.",
                },
            },
            "responses": {
                "error": content("What went wrong, and what to do.", JSON, &reference("Error")),
            },
        },
    })
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
        let routes = Route::NAMES.iter().copied().filter(is_path).collect();
        assert_eq!(described, routes);
    }

    /// The calls as the documentation lists them. In Chinese without the summaries, which are written in English only.
    fn listed(is_english: bool) -> String {
        let mut table = match is_english {
            true => "| call | right | what |\n|---|---|---|\n",
            false => "| 调用 | 权限 |\n|---|---|\n",
        }
        .to_owned();
        for (path, methods) in document()["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let right = operation["description"].as_str().unwrap_or_default();
                let right = right.trim_start_matches("Right: ").trim_end_matches('.');
                table += &format!("| `{} {path}` | {right} |", method.to_uppercase());
                if is_english {
                    table += &format!(" {} |", operation["summary"].as_str().unwrap());
                }
                table.push('\n');
            }
        }
        table
    }

    /// `UPDATE_EXPECT=1` writes them anew.
    #[test]
    fn the_documentation_lists_every_call_with_its_right() {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
        for (file, is_english) in [("api.md", true), ("zh/api.md", false)] {
            let file = format!("{docs}/{file}");
            let page = std::fs::read_to_string(&file).unwrap();
            let (before, rest) = page.split_once("<!-- calls: ").expect(&file);
            let (mark, rest) = rest.split_once("-->\n").expect(&file);
            let (_, after) = rest.split_once("<!-- /calls -->").expect(&file);
            let renewed = format!(
                "{before}<!-- calls: {mark}-->\n{}<!-- /calls -->{after}",
                listed(is_english)
            );
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                std::fs::write(&file, &renewed).unwrap();
            } else {
                assert_eq!(page, renewed, "{file}: UPDATE_EXPECT=1 writes its list anew");
            }
        }
    }
}

//! Every answer that any test of this crate gets is held against the description of its call, and every error has to be one of
//! those that are described.

use std::sync::LazyLock;

use lingpai_server::openapi::document;
use lingpai_wechat::catalogue::Language;
use serde_json::Value;

use crate::house::Reply;
use crate::schema::misfit;

pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document(Language::English));

/// Holds the answer to a request against what is said of it. What is not described here (WeChat's own calls, files of the
/// console) is passed over.
pub(crate) fn check_request(method: &str, target: &str, reply: &Reply) {
    let path = target.split('?').next().unwrap_or_default();
    let method = method.to_lowercase();
    if let Some(path) = described(path)
        && DOCUMENT["paths"][path][&method].is_object()
        // Not on this address, or not with these settings.
        && reply.json["error"]["code"] != "path-unknown"
        // The head was not taken for HTTP, or the connection was cut.
        && !(reply.body.is_empty() && [0, 400, 431].contains(&reply.status))
    {
        check(&method, path, reply);
    }
}

/// The path of the description that this one is.
fn described(path: &str) -> Option<&'static str> {
    let paths = DOCUMENT["paths"].as_object()?;
    if let Some((path, _)) = paths.get_key_value(path) {
        return Some(path);
    }
    let part = |(real, described): (&str, &str)| match described.starts_with('{') {
        true => !real.is_empty(),
        false => real == described,
    };
    let is_this = |described: &&String| {
        described.split('/').count() == path.split('/').count()
            && path.split('/').zip(described.split('/')).all(part)
    };
    paths.keys().find(is_this).map(String::as_str)
}

/// Holds an answer against what is said of it; which of the described answers it is.
pub(crate) fn check(method: &str, path: &str, reply: &Reply) -> String {
    let operation = &DOCUMENT["paths"][path][method];
    assert!(operation.is_object(), "{method} {path} is not described");
    let responses = operation["responses"].as_object().unwrap();
    let status = reply.status.to_string();
    let status = if responses.contains_key(&status) { status } else { "default".to_owned() };
    let mut response =
        responses.get(&status).unwrap_or_else(|| panic!("{method} {path}: {reply:?}"));
    if let Some(place) = response["$ref"].as_str() {
        response = DOCUMENT.pointer(&place[1..]).unwrap();
    }
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let is_there = reply.header(name).is_some();
        assert!(is_there || header["required"] != true, "{method} {path} {status}: no {name}");
    }
    if let Some(kinds) = response["content"].as_object() {
        let sent = reply.header("content-type").unwrap();
        let found = kinds.iter().find(|(kind, _)| sent.starts_with(kind.as_str()));
        let (kind, content) = found.unwrap_or_else(|| panic!("{method} {path}: {sent}"));
        if kind == "application/json" {
            let misfit = misfit(&DOCUMENT, &content["schema"], &reply.json);
            assert_eq!(misfit, None, "{method} {path} {status}: {}", reply.json);
        }
    } else {
        assert_eq!(reply.body, "", "{method} {path} {status}");
    }
    let error = match status.as_str() {
        "default" => Some(reply.error()),
        _ => reply.header("x-lingpai-error"),
    };
    if let Some(error) = error {
        let known = operation["x-errors"].as_object();
        let told = known.and_then(|known| known.get(error)).and_then(Value::as_u64);
        assert_eq!(told, Some(reply.status.into()), "{method} {path}: {error} is not described");
    }
    status
}

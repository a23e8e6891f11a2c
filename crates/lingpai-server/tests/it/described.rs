//! Every answer that a test gets is held against the description of its call, and every error has to be one of those that are
//! described. The tests with real processes, in `lingpai-cli/tests/system/`, do the same with this very file.

use std::sync::LazyLock;

use lingpai_server::openapi::document;
use lingpai_wechat::catalogue::Language;
use serde_json::Value;

use crate::schema::misfit;

pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document(Language::English));

/// An answer as it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) head: &'a str,
    pub(crate) body: &'a str,
}

impl<'a> Answer<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self { status: status.unwrap_or(0), head, body }
    }

    pub(crate) fn header(self, name: &str) -> Option<&'a str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// Whether all of it came: a server that is killed breaks off.
    fn is_whole(self) -> bool {
        let length = self.header("content-length").and_then(|length| length.parse().ok());
        !self.head.is_empty() && length.is_none_or(|length: usize| length == self.body.len())
    }
}

/// Holds the answer to a request against what is said of it. What is not described here (WeChat's own calls, files of the
/// console) is passed over.
pub(crate) fn check_request(method: &str, target: &str, answer: Answer<'_>) {
    let path = target.split('?').next().unwrap_or_default();
    let method = method.to_lowercase();
    if let Some(path) = described(path)
        && DOCUMENT["paths"][path][&method].is_object()
        && answer.is_whole()
        // Not on this address, or not with these settings.
        && !answer.body.contains("\"path-unknown\"")
        // The head was not taken for HTTP.
        && !(answer.body.is_empty() && [400, 431].contains(&answer.status))
    {
        check(&method, path, answer);
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
pub(crate) fn check(method: &str, path: &str, answer: Answer<'_>) -> String {
    let json: Value = serde_json::from_str(answer.body).unwrap_or_default();
    let operation = &DOCUMENT["paths"][path][method];
    assert!(operation.is_object(), "{method} {path} is not described");
    let responses = operation["responses"].as_object().unwrap();
    let status = answer.status.to_string();
    let status = if responses.contains_key(&status) { status } else { "default".to_owned() };
    let mut response =
        responses.get(&status).unwrap_or_else(|| panic!("{method} {path}: {answer:?}"));
    if let Some(place) = response["$ref"].as_str() {
        response = DOCUMENT.pointer(&place[1..]).unwrap();
    }
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let is_there = answer.header(name).is_some();
        assert!(is_there || header["required"] != true, "{method} {path} {status}: no {name}");
    }
    if let Some(kinds) = response["content"].as_object() {
        let sent = answer.header("content-type").unwrap();
        let found = kinds.iter().find(|(kind, _)| sent.starts_with(kind.as_str()));
        let (kind, content) = found.unwrap_or_else(|| panic!("{method} {path}: {sent}"));
        if kind == "application/json" {
            let misfit = misfit(&DOCUMENT, &content["schema"], &json);
            assert_eq!(misfit, None, "{method} {path} {status}: {json}");
        }
    } else {
        assert_eq!(answer.body, "", "{method} {path} {status}");
    }
    let error = match status.as_str() {
        "default" => json["error"]["code"].as_str(),
        _ => answer.header("x-lingpai-error"),
    };
    if let Some(error) = error {
        let known = operation["x-errors"].as_object();
        let told = known.and_then(|known| known.get(error)).and_then(Value::as_u64);
        assert_eq!(told, Some(answer.status.into()), "{method} {path}: {error} is not described");
    }
    status
}

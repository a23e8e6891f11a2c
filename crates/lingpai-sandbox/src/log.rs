//! The last calls, with everything secret masked before it is kept.

use std::{collections::VecDeque, net::IpAddr};

use serde::Serialize;
use serde_json::Value;

use crate::params::Params;

/// So many characters of a body are kept.
const KEPT: usize = 1000;

/// One call as the log keeps it.
#[derive(Clone, Debug, Serialize)]
pub struct LogEntry {
    /// When it came, in virtual Unix seconds.
    pub at: u64,
    /// When it came, in real milliseconds since the start.
    pub real_ms: u64,
    /// The caller's address as WeChat saw it.
    pub caller: IpAddr,
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query, masked.
    pub query: String,
    /// The body, masked, and cut short if long.
    pub body: String,
    /// The app, if the call could be ascribed to one.
    pub appid: Option<String>,
    /// As in [`Tally::outcomes`](crate::Tally::outcomes).
    pub outcome: String,
    /// The request id.
    pub rid: String,
    /// The answer's body, masked, and cut short if long.
    pub answer: String,
}

#[derive(Debug)]
pub(crate) struct Log {
    entries: VecDeque<LogEntry>,
    size: usize,
}

impl Log {
    pub(crate) fn new(size: usize) -> Self {
        Self { entries: VecDeque::new(), size }
    }

    pub(crate) fn push(&mut self, entry: LogEntry) {
        self.entries.push_back(entry);
        while self.entries.len() > self.size {
            self.entries.pop_front();
        }
    }

    /// The last `n`, oldest first.
    pub(crate) fn last(&self, n: usize) -> impl Iterator<Item = &LogEntry> {
        self.entries.iter().skip(self.entries.len().saturating_sub(n))
    }

    pub(crate) fn find(&self, rid: &str) -> Option<&LogEntry> {
        self.entries.iter().rev().find(|entry| entry.rid == rid)
    }
}

/// A query string with its secrets and tokens masked.
pub(crate) fn masked_query(query: &str) -> String {
    let pairs = Params::parse(query);
    let masked = pairs.iter().map(|(name, value)| {
        let value = if is_secret(name) { masked(value) } else { value.to_owned() };
        format!("{name}={value}")
    });
    shortened(masked.collect::<Vec<_>>().join("&"))
}

/// A body with its secrets and tokens masked; one that is no text is only measured.
pub(crate) fn masked_body(body: &[u8]) -> String {
    if body.is_empty() {
        return String::new();
    }
    if let Ok(mut value) = serde_json::from_slice::<Value>(body)
        && value.is_object()
    {
        mask_json(&mut value);
        return shortened(value.to_string());
    }
    match std::str::from_utf8(body) {
        Ok(text) if text.contains('=') && !text.contains(char::is_whitespace) => masked_query(text),
        _ => format!("({} bytes)", body.len()),
    }
}

fn mask_json(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if is_secret(name) => *text = masked(text),
                    other => mask_json(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask_json),
        _ => {}
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_word = ["code", "session_key"].contains(&name.as_str());
    is_word
        || name.ends_with("_code")
        || ["secret", "token", "ticket"].iter().any(|word| name.contains(word))
}

/// As WeChat's own rid/get shows a token: `50_Im7xxxx`. Of what may be a secret nothing is shown.
fn masked(text: &str) -> String {
    let is_token = text.len() > 100 && text.is_ascii() && text.contains('_');
    if is_token { format!("{}xxxx", &text[..6]) } else { "xxxx".to_owned() }
}

fn shortened(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(KEPT) {
        text.truncate(at);
        text.push('…');
    }
    text
}

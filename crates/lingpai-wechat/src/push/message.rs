//! What WeChat says in a push: names and texts, whether they came as XML or as JSON.

use std::fmt;

use ring::digest::{Context, SHA256};
use serde_json::{Map, Value};
use thiserror::Error;

use super::envelope::{BLANK, Format};
use super::{MAX_BYTES, xml};

/// A message, or the envelope of one. It prints no texts: they are between a person and a business.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    format: Format,
    fields: Vec<xml::Named>,
}

/// A body is no message: not well-formed, too large, too deep, or with more in it than a message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the body is neither XML nor JSON of the form that WeChat's pushes have")]
pub struct Unreadable;

impl Message {
    /// Reads a body in either format.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(body: &[u8]) -> Result<Self, Unreadable> {
        if body.len() > MAX_BYTES {
            return Err(Unreadable);
        }
        let text = std::str::from_utf8(body).map_err(|_| Unreadable)?;
        let format = Format::of(text)?;
        let text = text.trim_matches(BLANK);
        let fields = match format {
            Format::Xml => xml::fields(text)?,
            Format::Json => {
                let object: Map<String, Value> =
                    serde_json::from_str(text).map_err(|_| Unreadable)?;
                object.into_iter().map(|(name, value)| (name.into(), written(value))).collect()
            }
        };
        Ok(Self { format, fields })
    }

    /// How it was written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The text of a field, if the message has exactly one of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut named = self.fields.iter().filter(|(field, _)| **field == *name);
        let first = named.next().map(|(_, text)| text.as_ref());
        first.filter(|_| named.next().is_none())
    }

    /// What this message has in common with its repetitions and with no other: WeChat sends one up to three times. It is a
    /// hash, so that it may stand in a log or a key.
    ///
    /// WeChat's rule is the MsgId for messages, and the sender with the time for events. Several events can come of one
    /// person within a second, so that their names count too.
    pub fn identity(&self) -> String {
        let by = |names: &[&str]| -> Vec<&str> {
            names.iter().map(|name| self.get(name).unwrap_or_default()).collect()
        };
        let parts = match (self.get("MsgId"), self.get("FromUserName")) {
            (Some(id), _) if !id.is_empty() => vec!["MsgId", id],
            (_, Some(_)) => by(&["FromUserName", "CreateTime", "MsgType", "Event", "EventKey"]),
            _ => self.fields.iter().flat_map(|(name, text)| [&**name, &**text]).collect(),
        };
        let mut sum = Context::new(&SHA256);
        for part in parts {
            // With its length, so that no two lists of parts read alike.
            sum.update(&(part.len() as u64).to_be_bytes());
            sum.update(part.as_bytes());
        }
        sum.finish().as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Names only.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.fields.iter().map(|(name, _)| name)).finish()
    }
}

/// A value of JSON as the text that XML would have.
fn written(value: Value) -> Box<str> {
    match value {
        Value::String(text) => text.into(),
        Value::Null => "".into(),
        Value::Bool(_) | Value::Number(_) => value.to_string().into(),
        // What is in lists and objects is not for us.
        Value::Array(_) | Value::Object(_) => "".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Message {
        Message::read(body.as_bytes()).unwrap()
    }

    #[test]
    fn xml_and_json_read_alike() {
        let xml = message("<xml><A>x</A><N>5</N><Deep><B>1</B></Deep></xml>");
        let json = message("\u{feff} {\"A\": \"x\", \"N\": 5, \"Deep\": {\"B\": 1}}\n");
        for name in ["A", "N", "Deep", "B"] {
            assert_eq!(xml.get(name), json.get(name), "{name}");
        }
        assert_eq!(xml.get("N"), Some("5"));
        assert_eq!((xml.format(), json.format()), (Format::Xml, Format::Json));
    }

    #[test]
    fn what_is_said_twice_is_not_said() {
        let twice = message("<xml><A>1</A><A>2</A><B>3</B></xml>");
        assert_eq!((twice.get("A"), twice.get("B")), (None, Some("3")));
    }

    #[test]
    fn what_is_neither_is_unreadable() {
        let deep = "[".repeat(50_000);
        let large = format!("{{\"a\": \"{}\"}}", "x".repeat(MAX_BYTES));
        for body in ["", "a=b", "[1]", "\"text\"", "{", "{\"a\":1} x", &deep, &large] {
            assert_eq!(Message::read(body.as_bytes()), Err(Unreadable));
        }
        assert_eq!(Message::read(b"<xml>\xff</xml>"), Err(Unreadable));
    }

    #[test]
    fn a_repetition_is_known_by_its_id_and_an_event_by_sender_and_time() {
        let text = |id: u64, text: &str| {
            message(&format!(
                "<xml><FromUserName>o</FromUserName><MsgId>{id}</MsgId><Content>{text}</Content></xml>"
            ))
        };
        assert_eq!(text(1, "a").identity(), text(1, "b").identity());
        assert_ne!(text(1, "a").identity(), text(2, "a").identity());
        let event = |from: &str, at: u64, event: &str| {
            message(&format!(
                "<xml><FromUserName>{from}</FromUserName><CreateTime>{at}</CreateTime><Event>{event}</Event></xml>"
            ))
        };
        let all = [event("o", 1, "A"), event("o", 2, "A"), event("p", 1, "A"), event("o", 1, "B")];
        let mut identities: Vec<_> = all.iter().map(Message::identity).collect();
        assert_eq!(identities[0], event("o", 1, "A").identity());
        identities.sort();
        identities.dedup();
        assert_eq!(identities.len(), all.len());
    }

    #[test]
    fn a_message_prints_no_texts() {
        let message =
            message("<xml><ComponentVerifyTicket>ticket@@@x</ComponentVerifyTicket></xml>");
        assert_eq!(format!("{message:?}"), r#"{"ComponentVerifyTicket"}"#);
    }
}

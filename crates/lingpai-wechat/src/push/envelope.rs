//! What stands around a ciphertext: XML or JSON with the names that WeChat uses.

use std::borrow::Cow;

use serde_json::json;

use super::crypt::Sealed;
use super::message::{Message, Unreadable};
use super::xml::cdata;

/// How a push is written. What answers it is written alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// XML, which is all that Official Accounts and third-party platforms know.
    Xml,
    /// JSON, which mini programs may choose.
    Json,
}

impl Format {
    /// The format that a body is in, by its first character.
    ///
    /// # Errors
    /// [`Unreadable`] if it can be neither.
    pub fn of(body: &str) -> Result<Self, Unreadable> {
        match body.trim_start_matches(BLANK).as_bytes().first() {
            Some(b'<') => Ok(Self::Xml),
            Some(b'{') => Ok(Self::Json),
            _ => Err(Unreadable),
        }
    }

    /// As the header `Content-Type` names it.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Xml => "text/xml; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }
}

/// What may stand before the first character.
pub(super) const BLANK: [char; 5] = [' ', '\t', '\r', '\n', '\u{feff}'];

/// An encrypted push as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// How it is written.
    pub format: Format,
    /// The ciphertext in base64.
    pub encrypt: Box<str>,
}

impl Envelope {
    /// Finds the ciphertext in a body. Everything else in it is not signed, and of no account.
    ///
    /// # Errors
    /// [`Unreadable`] if there is none, or more than one.
    pub fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let message = Message::read(body)?;
        let encrypt = message.get("Encrypt").filter(|text| !text.is_empty()).ok_or(Unreadable)?;
        Ok(Self { format: message.format(), encrypt: encrypt.into() })
    }
}

impl Sealed {
    /// As an answer to a push.
    pub fn as_answer(&self, format: Format) -> String {
        let Self { encrypt, msg_signature, timestamp, nonce } = self;
        match format {
            Format::Xml => format!(
                "<xml><Encrypt>{}</Encrypt><MsgSignature>{}</MsgSignature><TimeStamp>{timestamp}</TimeStamp>\
                 <Nonce>{}</Nonce></xml>",
                cdata(encrypt),
                cdata(msg_signature),
                cdata(nonce)
            ),
            Format::Json => {
                let at: i64 = timestamp.parse().unwrap_or_default();
                json!({"Encrypt": encrypt, "MsgSignature": msg_signature, "TimeStamp": at, "Nonce": nonce})
                    .to_string()
            }
        }
    }

    /// As the body of a push to `receiver`, the account's original name. What proves it goes into the query.
    pub fn as_push(&self, format: Format, receiver: &str) -> String {
        match format {
            Format::Xml => format!(
                "<xml><ToUserName>{}</ToUserName><Encrypt>{}</Encrypt></xml>",
                cdata(receiver),
                cdata(&self.encrypt)
            ),
            Format::Json => json!({"ToUserName": receiver, "Encrypt": self.encrypt}).to_string(),
        }
    }

    /// The query of a push. `signature` is that of the plain kind, which WeChat sends along.
    pub fn as_query(&self, signature: &str) -> String {
        let Self { msg_signature, timestamp, nonce, .. } = self;
        let pairs: [(&str, Cow<'_, str>); 5] = [
            ("signature", signature.into()),
            ("timestamp", timestamp.into()),
            ("nonce", nonce.into()),
            ("encrypt_type", "aes".into()),
            ("msg_signature", msg_signature.into()),
        ];
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }
}

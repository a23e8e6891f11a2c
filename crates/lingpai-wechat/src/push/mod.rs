//! Pushes (消息推送): what WeChat sends by itself to a URL that an account has named.
//!
//! WeChat calls it WXBizMsgCrypt: a message is encrypted with AES-256-CBC under the EncodingAESKey, and the ciphertext is
//! signed with a token that only the two sides know. Where to start reading:
//! - [`PushCrypt`]: the keys of one URL; what it opens and seals.
//! - [`Envelope`]: the XML or JSON around a ciphertext.
//! - [`Message`]: what was in it, and [`Notice`] if it is one of those that WeChat sends about credentials.
//!
//! Whoever is not WeChat learns nothing: each reason to refuse a push is the same [`Refused`], found with the same work.

mod aes_key;
mod crypt;
mod envelope;
mod message;
mod notice;
mod release;
mod signature;
mod xml;

pub use aes_key::{AesKey, InvalidAesKey};
pub use crypt::{Opened, PushCrypt, Refused, Sealed, Sealing};
pub use envelope::{Envelope, Format};
pub use message::{Message, Unreadable};
pub use notice::{Authorization, Notice};
pub use release::{ReleaseCheck, TEST_ACCOUNTS, reply};
pub use signature::Signed;

/// How large a push may be, its envelope included: many times what WeChat sends.
pub const MAX_BYTES: usize = 256 * 1024;

//! Pushes, as strangers and friends send them.

mod hostile;
mod peer;

use lingpai_core::Secret;
use lingpai_wechat::push::{AesKey, Envelope, Message, PushCrypt, Signed};

const TOKEN: &str = "pamtest";
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const RECEIVER: &str = "wxb11529c136998cb6";

pub(crate) fn crypt() -> PushCrypt {
    let key = AesKey::parse(&Secret::from(KEY)).unwrap();
    PushCrypt::new(Secret::from(TOKEN), key, None, [RECEIVER])
}

/// What is in an envelope that has its signature inside, as answers do.
fn opened(answer: &str) -> String {
    let encrypt = Envelope::read(answer.as_bytes()).unwrap().encrypt;
    let message = Message::read(answer.as_bytes()).unwrap();
    let part = |name| message.get(name).unwrap();
    let signed = Signed {
        signature: part("MsgSignature"),
        timestamp: part("TimeStamp"),
        nonce: part("Nonce"),
    };
    String::from_utf8(crypt().open(signed, &encrypt).unwrap().message).unwrap()
}

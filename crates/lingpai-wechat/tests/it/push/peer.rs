//! A crypto that others wrote, and many use, agrees with ours: that of wechatpy.

use lingpai_wechat::push::Format;
use serde_json::{Value, json};

use super::{KEY, RECEIVER, TOKEN, crypt, opened};
use crate::peer::asked;

/// What wechatpy says to each of these.
fn wechatpy(asks: &[Value]) -> Vec<Value> {
    asked("wechatpy_crypto.py", asks)
}

/// Of every length that the padding can meet, and of every sort.
fn messages() -> Vec<String> {
    let mut messages: Vec<String> = (1..=64).map(|length| "x".repeat(length)).collect();
    messages.extend(["我是中文abcd123", "😀", "<xml><A><![CDATA[x]]></A></xml>"].map(String::from));
    messages.push("长".repeat(20_000));
    messages
}

#[test]
fn wechatpy_opens_what_we_seal() {
    let messages = messages();
    let asks = messages.iter().enumerate().map(|(number, message)| {
        let sealed = crypt().seal(&crypt().sealing(), message.as_bytes(), 1_714_112_445).unwrap();
        let format = if number % 2 == 0 { Format::Xml } else { Format::Json };
        let body = match format {
            Format::Xml => Value::from(sealed.as_push(format, "gh_1")),
            Format::Json => serde_json::from_str(&sealed.as_answer(format)).unwrap(),
        };
        json!({
            "token": TOKEN, "key": KEY, "receive_id": RECEIVER, "body": body,
            "signature": sealed.msg_signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce,
        })
    });
    assert_eq!(wechatpy(&asks.collect::<Vec<_>>()), messages);
}

#[test]
fn we_open_what_wechatpy_seals() {
    let messages = messages();
    let asks = messages.iter().map(|message| {
        json!({
            "token": TOKEN, "key": KEY, "receive_id": RECEIVER, "message": message,
            "timestamp": "1714112445", "nonce": "415670741",
        })
    });
    let sealed = wechatpy(&asks.collect::<Vec<_>>());
    let ours: Vec<_> = sealed.iter().map(|answer| opened(answer.as_str().unwrap())).collect();
    assert_eq!(ours, messages);
}

//! Keys, and the sessions of the console.

use lingpai_core::client::Right;
use serde_json::{Value, json};

use crate::language::Bilingual;
use crate::openapi::operation::{JSON, OF_KEYS, Operation, in_header, in_path, reference};
use crate::openapi::words::{text, words};

pub(super) fn calls() -> Vec<Operation> {
    let (keys, session) = ("/v1/keys", "/console/session");
    vec![
        Operation::new(("get", keys), "listKeys", &words("Lists all keys.", "列出全部密钥。"))
            .needs_all(Right::Admin)
            .answers(200, "Keys"),
        Operation::new(
            ("post", keys),
            "makeKey",
            &words("Makes a key, which is shown this once.", "新建密钥，只在此时显示一次。"),
        )
        .needs_all(Right::Admin)
        .reads("NewKey")
        .refuses(["no-randomness", "store-unavailable"])
        .answers(201, "Key"),
        Operation::new(
            ("delete", "/v1/keys/{id}"),
            "revokeKey",
            &words("Revokes a key.", "吊销密钥。"),
        )
        .needs_all(Right::Admin)
        .noted(
            "The next request with it is refused, and its long polls and event streams end. Doing it twice changes nothing.",
            "下一个请求起即被拒绝，它的长轮询和事件流随即结束。重复吊销不起任何变化。",
        )
        .takes([in_path("id", &words("As the list has it.", "列表中的 id。"))])
        .refuses(["key-id-unknown", "store-unavailable"])
        .answers(200, "Key"),
        Operation::new(
            ("get", session),
            "readSession",
            &words("Tells who is logged in to the console.", "查看谁登录了控制台。"),
        )
        .takes([cookie()])
        .refuses(["session-unknown"])
        .answers(200, "Session"),
        Operation::new(
            ("post", session),
            "logIn",
            &words("Logs in to the console with a key.", "用密钥登录控制台。"),
        )
        .noted("The key must have the right `admin`.", "密钥须有权限 `admin`。")
        .takes([csrf(&words(
            "Any value, such as `login`: no page of another site can send it.",
            "任意值，如 `login`：其他网站的页面无法发送它。",
        ))])
        .reads_this(json!({"required": true, "content": {JSON: {"schema": reference("Login")}}}))
        .refuses(OF_KEYS)
        .refuses(["session-unknown", "login-locked", "no-randomness"])
        .answers(200, "Session"),
        Operation::new(
            ("delete", session),
            "logOut",
            &words("Logs out of the console.", "退出控制台。"),
        )
        .takes([cookie(), csrf(&words("The `csrf` of the session.", "会话的 `csrf`。"))])
        .refuses(["session-unknown"])
        .answers_nothing(204, &words("The session has ended.", "会话已结束。")),
    ]
}

/// Proves that a page of the console asks.
fn csrf(what: &Bilingual) -> Value {
    let mut header = in_header("X-Lingpai-CSRF", what);
    header["required"] = true.into();
    header
}

fn cookie() -> Value {
    let what = words("The session, as logging in has set it.", "登录时设置的会话。");
    json!({
        "name": "lingpai_session", "in": "cookie", "required": true,
        "description": text(&what), "schema": {"type": "string"},
    })
}

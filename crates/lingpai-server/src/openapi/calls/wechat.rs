//! The calls for a token that SDKs make, in WeChat's shape.

use lingpai_core::client::Right;
use serde_json::{Value, json};

use crate::language::Bilingual;
use crate::openapi::operation::{JSON, Operation, in_query, reference};
use crate::openapi::words::words;

pub(super) fn calls() -> Vec<Operation> {
    let token = words("Gives the current token, as WeChat does.", "与微信一样返回当前凭据。");
    let stable = words(
        "Gives the current token, as WeChat's stable call does.",
        "与微信的稳定版接口一样返回当前凭据。",
    );
    let of_corp = words("Gives the current token, as WeCom does.", "与企业微信一样返回当前凭据。");
    vec![
        of_app(("get", "/cgi-bin/token"), "token", &token).takes(query()),
        of_app(("post", "/cgi-bin/token"), "postToken", &token).takes(query()).reads_this(body()),
        of_app(("post", "/cgi-bin/stable_token"), "stableToken", &stable)
            .takes(query())
            .reads_this(body()),
        Operation::new(("get", "/cgi-bin/gettoken"), "gettoken", &of_corp)
            .needs_in_place_of("corpsecret", Right::TokenRead)
            .noted("Below `/qyapi` too.", "`/qyapi` 下也有。")
            .takes([
                in_query("corpid", &text(), &words("The corp.", "企业 ID。")),
                in_query("corpsecret", &text(), &words("The API key.", "API 密钥。")),
            ])
            .refuses(["agent-unclear"])
            .answers(200, "WeChatAnswer"),
    ]
}

fn of_app(call: (&'static str, &'static str), id: &str, what: &Bilingual) -> Operation {
    Operation::new(call, id, what)
        .needs_in_place_of("secret", Right::TokenRead)
        .noted(
            "The parameters come in the query, in a form or as JSON.",
            "参数可以放在查询串、表单或 JSON 中。",
        )
        .refuses(["grant-type"])
        .answers(200, "WeChatAnswer")
}

fn text() -> Value {
    json!({"type": "string"})
}

fn query() -> [Value; 4] {
    [
        in_query("grant_type", &text(), &words("`client_credential`.", "填 `client_credential`。")),
        in_query("appid", &text(), &words("The account.", "账号的 appid。")),
        in_query(
            "secret",
            &text(),
            &words("The API key; never the AppSecret.", "API 密钥，不是 AppSecret。"),
        ),
        in_query(
            "force_refresh",
            &text(),
            &words(
                "`true` says that the token last given to this key is bad. It is tried, and replaced only if WeChat refuses it.",
                "`true` 表示上次给这个密钥的凭据不可用：先验证，微信确实拒绝才更换。",
            ),
        ),
    ]
}

fn body() -> Value {
    let call = json!({"schema": reference("TokenCall")});
    let form = "application/x-www-form-urlencoded";
    json!({"required": false, "content": {JSON: call, form: call}})
}

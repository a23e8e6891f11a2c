//! What WeChat pushes, and what of it waits.

use lingpai_core::client::Right;
use lingpai_core::outbox::MOST_PARCELS;
use serde_json::{Value, json};

use crate::openapi::operation::{OF_BODIES, Operation, account, in_path, in_query, limit};
use crate::openapi::words::words;
use crate::push;

pub(super) fn calls() -> Vec<Operation> {
    let id = || in_path("id", &words("As the list has it.", "列表中的 id。"));
    let mut calls = vec![
        Operation::new(
            ("get", "/v1/accounts/{account}/pushes"),
            "listPushes",
            &words(
                "Lists the pushes that the business has not taken, in their order.",
                "按顺序列出业务尚未接收的推送。",
            ),
        )
        .needs(Right::StatusRead)
        .noted("What they say is not shown.", "不显示推送的内容。")
        .takes([account(), limit(push::PAGE, MOST_PARCELS)])
        .refuses(["store-unavailable"])
        .answers(200, "Pushes"),
        Operation::new(
            ("delete", "/v1/accounts/{account}/pushes/{id}"),
            "dropPush",
            &words("Drops a push: the business misses it.", "丢弃一条推送：业务不会再收到它。"),
        )
        .needs(Right::Admin)
        .takes([account(), id()])
        .refuses(["push-unknown", "store-unavailable"])
        .answers_nothing(204, &words("It is dropped.", "已丢弃。")),
        Operation::new(
            ("post", "/v1/accounts/{account}/pushes/{id}/retry"),
            "retryPush",
            &words(
                "Has a push tried again at once, a dead one too.",
                "立即重试一条推送，已放弃的也可以。",
            ),
        )
        .needs(Right::Admin)
        .takes([account(), id()])
        .refuses(["push-unknown", "store-unavailable"])
        .answers_nothing(204, &words("It is tried.", "开始重试。")),
    ];
    let (of_account, of_authorizer) = ("/push/{account}", "/push/{account}/{authorizer}");
    let check = words(
        "WeChat checks the URL: `echostr` comes back if the signature is right.",
        "微信验证 URL：签名正确时原样返回 `echostr`。",
    );
    let push = words(
        "WeChat pushes a message, an event or a ticket, in XML or JSON, and is answered what the business says, or `success`.",
        "微信推送消息、事件或 ticket（XML 或 JSON 格式），返回业务的答复或 `success`。",
    );
    let check_of_authorizer = words(
        "WeChat checks the URL of a platform for its authorizers' messages.",
        "微信验证第三方平台的“消息与事件接收 URL”。",
    );
    let push_of_authorizer = words(
        "WeChat pushes a message or an event of an account that has authorised a platform.",
        "微信推送授权方账号的消息或事件。",
    );
    let authorizer = || {
        in_path(
            "authorizer",
            &words(
                "Whose it is: WeChat puts its appid there for `$APPID$`.",
                "授权方：微信把 `$APPID$` 换成它的 appid。",
            ),
        )
    };
    let signed = |call, id, what| {
        let text = "text/plain; charset=utf-8";
        let of_wechat = Operation::new(call, id, what).takes([account()]);
        let of_wechat = of_wechat.noted("WeChat signs; no key.", "由微信签名，不需要密钥。");
        let of_wechat = of_wechat.refuses(["push-refused"]);
        of_wechat.answers_as(200, text, &json!({"type": "string"}))
    };
    // What the business answers.
    let taking = |push: Operation| {
        let push = push.refuses(OF_BODIES).refuses(["push-not-taken"]);
        let push = push.answers_as(200, "text/xml; charset=utf-8", &json!({"type": "string"}));
        push.answers_this(200, &json!({"type": "object"}))
    };
    calls.extend([
        signed(("get", of_account), "checkPushUrl", &check).takes(signature()).takes([echo()]),
        taking(signed(("post", of_account), "push", &push).takes(signature())),
        signed(("get", of_authorizer), "checkAuthorizersPushUrl", &check_of_authorizer)
            .takes([authorizer()])
            .takes(signature())
            .takes([echo()]),
        taking(signed(("post", of_authorizer), "pushOfAuthorizer", &push_of_authorizer))
            .takes([authorizer()])
            .takes(signature()),
    ]);
    calls
}

fn echo() -> Value {
    let what = words("What comes back, perhaps decrypted.", "原样返回的文字，加密时返回解密后的。");
    in_query("echostr", &json!({"type": "string"}), &what)
}

fn signature() -> [Value; 5] {
    let what = words("As WeChat signs.", "微信签名所带的参数。");
    let names = ["signature", "timestamp", "nonce", "encrypt_type", "msg_signature"];
    names.map(|name| in_query(name, &json!({"type": "string"}), &what))
}

//! Finding out what is wrong.

use lingpai_core::client::Right;
use serde_json::json;

use crate::openapi::operation::{OF_ACCOUNTS, Operation};
use crate::openapi::words::words;

pub(super) fn calls() -> Vec<Operation> {
    let doctor = "/v1/doctor";
    vec![
        Operation::new(
            ("post", "/v1/diagnose"),
            "diagnose",
            &words(
                "Says why WeChat refused a token, or a call for one.",
                "查明微信为什么拒绝某个凭据，或拒绝获取凭据。",
            ),
        )
        .needs(Right::StatusRead)
        .noted(
            "One of `text`, `access_token` and `errcode` must be there. Of a token only the fingerprint outlives the request.",
            "`text`、`access_token`、`errcode` 至少给出一个。凭据用完即弃，只留指纹。",
        )
        .reads("Refused")
        .refuses(["account-forbidden", "token-pending", "store-unavailable"])
        .answers(200, "Diagnosis"),
        Operation::new(
            ("get", doctor),
            "lastExamination",
            &words(
                "Gives what was last found on this node, of the server and of each account.",
                "查看本节点最近一次查到的结果，服务和每个账号各一份。",
            ),
        )
        .needs(Right::StatusRead)
        .noted(
            "A key sees what concerns its own accounts, each finding with its time. It costs nothing.",
            "密钥只看得到自己账号的结果，每项都有检查时间。没有开销。",
        )
        .answers(200, "LastExamined"),
        Operation::new(
            ("post", doctor),
            "examine",
            &words(
                "Looks at the server and at accounts, and says what is wrong.",
                "检查服务和账号，指出问题。",
            ),
        )
        .needs(Right::TokenRotate)
        .noted(
            "It costs calls of WeChat's. One runs at a time, and a second waits. With `Accept: text/event-stream` it is told as it \
             happens.",
            "会消耗微信的接口调用次数。同时只进行一次，后来的等待。带 `Accept: text/event-stream` 时边查边返回。",
        )
        .may_read("Examine")
        .refuses(OF_ACCOUNTS)
        .answers(200, "Findings")
        .answers_as(200, "text/event-stream", &json!({"type": "string"})),
    ]
}

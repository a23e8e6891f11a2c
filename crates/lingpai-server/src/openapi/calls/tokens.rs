//! Tokens and tickets in the native API.

use lingpai_core::client::Right;
use lingpai_wechat::Ticket;
use serde_json::json;

use crate::language::Bilingual;
use crate::openapi::operation::{
    JSON, OF_TOKENS, Operation, account, in_header, in_path, in_query, reference,
};
use crate::openapi::words::words;

const TAG: Bilingual =
    words("Names the token: no other ever has it.", "这个凭据的标记，不与任何别的凭据相同。");

pub(super) fn calls() -> Vec<Operation> {
    let seconds = json!({"type": "string", "pattern": "^[0-9]{1,9}s?$"});
    let generation = json!({"type": "integer", "minimum": 0, "maximum": u64::MAX});
    let token = "/v1/accounts/{account}/token";
    vec![
        Operation::new(("get", token), "readToken", &words("Gives the current token.", "读取当前凭据。"))
            .needs(Right::TokenRead)
            .noted(
                "If there is none yet, it waits for the fetch that is under way, at most 4 s. Of a platform, a WeCom suite or a \
                 provider it is their own token, for keys with the right `platform`.",
                "还没有凭据时，会等待正在进行的获取，最多 4 秒。账号是第三方平台、企业微信第三方应用或服务商时，返回它自己的凭据，需要权限 \
                 `platform`。",
            )
            .takes([
                account(),
                in_query(
                    "wait",
                    &seconds,
                    &words(
                        "Long poll: for how many seconds the answer may wait for another token, such as `30s`; 60 at most. \
                         Needs `after` or `If-None-Match`.",
                        "长轮询：最多等待多少秒，如 `30s`，上限 60 秒；一有别的凭据就返回。需要同时给出 `after` 或 `If-None-Match`。",
                    ),
                ),
                in_query(
                    "after",
                    &generation,
                    &words(
                        "The `generation` that the caller has.",
                        "调用方手里凭据的 `generation`。",
                    ),
                ),
                in_header(
                    "If-None-Match",
                    &words(
                        "The `ETag` of the answer before: whoever has the current token gets 304 and no body.",
                        "上次返回的 `ETag`：手里的就是当前凭据时返回 304，没有正文。",
                    ),
                ),
            ])
            .refuses(OF_TOKENS)
            .answers(200, "Token")
            .answers_nothing(304, &words("The caller has the current token.", "调用方手里的就是当前凭据。"))
            .with_header(200, "ETag", &TAG)
            .with_header(304, "ETag", &TAG),
        Operation::new(
            ("post", "/v1/accounts/{account}/token/report-invalid"),
            "reportInvalidToken",
            &words(
                "Says that WeChat refused a token, and gets the one to use instead.",
                "报告某个凭据被微信拒绝，并得到应改用的凭据。",
            ),
        )
        .needs(Right::TokenReport)
        .noted(
            "It is safe to call at any time: a good token is never replaced. Only keys with `token:read` are answered the members of \
             the token.",
            "随时可以调用，有效的凭据不会被换掉。只有带 `token:read` 权限的密钥才会得到凭据的各字段。",
        )
        .takes([account()])
        .reads_this(
            json!({"required": true, "content": {JSON: {"schema": reference("Report")}}}),
        )
        .refuses(OF_TOKENS)
        .answers(200, "Reported"),
        Operation::new(
            ("post", "/v1/accounts/{account}/token/rotate"),
            "rotateToken",
            &words(
                "Has the token replaced now; if one has leaked, until none of those so far is good.",
                "立即更换凭据；有凭据泄露时，一直更换到此前的凭据全部失效。",
            ),
        )
        .needs(Right::TokenRotate)
        .noted(
            "A leaked token is ended in the background: the answer is 202.",
            "作废泄露的凭据在后台进行，返回 202。",
        )
        .takes([account()])
        .may_read("Rotate")
        .refuses(["rotation-denied", "rotation-failed", "token-pending"])
        .answers_this(200, &json!({"anyOf": [reference("Reported"), reference("Drill")]}))
        .answers(202, "Drill"),
        Operation::new(
            ("post", "/v1/accounts/{account}/token/adopt"),
            "adoptToken",
            &words(
                "Takes over a live token that somebody else has fetched, without a fetch.",
                "接管别处已经获取、仍然有效的凭据，不向微信获取。",
            ),
        )
        .needs(Right::Admin)
        .noted(
            "The same token again changes nothing.",
            "再次提交同一个凭据，不起任何变化。",
        )
        .takes([account()])
        .reads("GivenToken")
        .refuses(["token-pending", "store-unavailable"])
        .answers(200, "Adopted"),
    ]
}

const OF_TICKETS: [&str; 4] = ["no-tickets", "domain-forbidden", OF_TOKENS[0], OF_TOKENS[1]];

pub(super) fn of_tickets() -> Vec<Operation> {
    let mut ticket =
        in_path("type", &words("The type, as WeChat calls it.", "ticket 的类型，与微信同名。"));
    ticket["schema"]["enum"] = json!(Ticket::all().map(Ticket::as_str).collect::<Vec<_>>());
    vec![
        Operation::new(
            ("get", "/v1/accounts/{account}/tickets/{type}"),
            "readTicket",
            &words("Gives the current ticket.", "读取当前的 ticket。"),
        )
        .needs(Right::Ticket)
        .noted(
            "Not for keys that are bound to domains. The ticket is fetched when somebody first asks for it.",
            "限定了域名的密钥不能读取。第一次有人读取时才向微信获取。",
        )
        .takes([account(), ticket])
        .refuses(["ticket-unknown"])
        .refuses(OF_TICKETS)
        .answers(200, "Ticket"),
        Operation::new(
            ("post", "/v1/accounts/{account}/js-config"),
            "signPage",
            &words(
                "Signs a page for `wx.config`, or for `wx.agentConfig`.",
                "为页面签名，返回 `wx.config` 或 `wx.agentConfig` 的参数。",
            ),
        )
        .needs(Right::Ticket)
        .takes([account()])
        .reads("Page")
        .refuses(OF_TICKETS)
        .refuses(["no-randomness"])
        .answers(200, "JsConfig"),
        Operation::new(
            ("post", "/v1/accounts/{account}/card-signature"),
            "signCard",
            &words("Signs a card.", "为卡券签名。"),
        )
        .needs(Right::Ticket)
        .takes([account()])
        .reads("Card")
        .refuses(OF_TICKETS)
        .refuses(["no-randomness"])
        .answers(200, "CardSignature"),
    ]
}

//! Accounts and their quotas.

use lingpai_core::client::Right;
use serde_json::json;

use crate::accounts::{PAGE, State};
use crate::openapi::operation::{
    OF_ACCOUNTS, OF_BODIES, Operation, account, account_name, after_name, in_path, in_query, limit,
    reference,
};
use crate::openapi::words::words;
use crate::overview;

/// Of calls that change an account.
const OF_CHANGES: [&str; 4] =
    ["account-configured", "accounts-fixed", "change-pending", "store-unavailable"];
/// Of calls that ask WeChat.
const OF_QUOTAS: [&str; 10] = [
    "no-quota",
    "gateway-off",
    "upstream-refused",
    "no-token",
    "token-pending",
    "store-unavailable",
    "busy",
    "upstream-unreachable",
    "upstream-lost",
    "upstream-slow",
];

pub(super) fn calls() -> Vec<Operation> {
    let (all, one) = ("/v1/accounts", "/v1/accounts/{account}");
    let mut calls = vec![
        Operation::new(
            ("get", all),
            "listAccounts",
            &words("Tells how all accounts of the key stand, by name.", "列出密钥可用的全部账号及其状况，按名称排列。"),
        )
        .needs(Right::StatusRead)
        .takes([
            limit(PAGE, PAGE),
            after_name(),
        ])
        .answers(200, "Accounts"),
        Operation::new(
            ("post", all),
            "createAccount",
            &words("Has an account kept.", "添加账号。"),
        )
        .needs(Right::Admin)
        .noted(
            "It must be among those of the key. The answer comes when the change is stored and in force.",
            "账号须在密钥可用的范围内。返回时已经保存并生效。",
        )
        .reads("NewAccount")
        .refuses(OF_CHANGES)
        .refuses(["account-forbidden", "account-exists"])
        .answers(201, "Settings"),
        Operation::new(
            ("get", one),
            "readAccount",
            &words("Tells how one account stands.", "查看一个账号的状况。"),
        )
        .needs(Right::StatusRead)
        .takes([account()])
        .refuses(["store-unavailable"])
        .answers(200, "Account"),
        Operation::new(
            ("patch", one),
            "changeAccount",
            &words("Has an account kept in another way.", "修改账号的设置。"),
        )
        .needs(Right::Admin)
        .noted(
            "What is not named stays as it is, and the token that is good stays served.",
            "没有写出的设置不变，有效的凭据照常提供。",
        )
        .takes([account()])
        .reads("ChangedAccount")
        .refuses(OF_CHANGES)
        .answers(200, "Settings"),
        Operation::new(
            ("delete", one),
            "removeAccount",
            &words("Ends keeping an account, and drops its tokens.", "移除账号，并丢弃它的凭据。"),
        )
        .needs(Right::Admin)
        .takes([account()])
        .refuses(OF_CHANGES)
        .answers_nothing(204, &words("It is no longer kept.", "已移除。")),
        Operation::new(
            ("put", "/v1/accounts/{account}/secret"),
            "replaceSecret",
            &words("Gives an account another AppSecret; its token stays.", "更换账号的 AppSecret，当前凭据不变。"),
        )
        .needs(Right::Admin)
        .noted(
            "WeChat is asked first whether the secret is right. An account of the configuration is given it in its file: until it has it \
             there, a secret that is right is answered with `account-configured`.",
            "先请微信验证新的 AppSecret。写在配置里的账号由人写进文件：在那之前，正确的 AppSecret 以 `account-configured` 回答。",
        )
        .takes([account()])
        .reads("NewSecret")
        .refuses(OF_CHANGES)
        .refuses(["secret-refused"])
        .answers(200, "Settings"),
    ];
    calls.push(overview());
    calls.extend(of_quotas());
    calls
}

fn overview() -> Operation {
    let states = State::ALL.map(State::as_str);
    let states: Vec<_> = states.into_iter().chain(["troubled", "unmanaged"]).collect();
    let page = json!({"type": "integer", "minimum": 0, "maximum": u32::MAX, "default": 1});
    Operation::new(
        ("get", "/v1/overview"),
        "readOverview",
        &words(
            "Tells how all accounts of the key stand, those that need somebody first.",
            "查看密钥可用的全部账号的状况，需要处理的在前。",
        ),
    )
    .needs(Right::StatusRead)
    .noted(
        "It is at most a second old, and costs the server next to nothing however many ask.",
        "结果最多是一秒前的，无论多少人查询都几乎没有开销。",
    )
    .takes([
        in_query(
            "state",
            &json!({"enum": states}),
            &words(
                "Those that stand like this only; `troubled` is `failing`, `refused` or `missing`, `unmanaged` is observed or paused.",
                "只看这种状况的账号；`troubled` 即 `failing`、`refused` 或 `missing`，`unmanaged` 即只观察或已暂停。",
            ),
        ),
        in_query(
            "search",
            &json!({"type": "string"}),
            &words(
                "Those with this in their name, or in what is wrong.",
                "名称或故障信息中含有这段文字的账号。",
            ),
        ),
        in_query(
            "platform",
            &account_name(),
            &words(
                "Those only that have authorised this platform or suite.",
                "只看授权给这个第三方平台或第三方应用的账号。",
            ),
        ),
        in_query("page", &page, &words("Which page, from 1 on.", "第几页，从 1 开始。")),
        limit(overview::PAGE, overview::LARGEST_PAGE),
    ])
    .answers(200, "Overview")
}

fn of_quotas() -> [Operation; 3] {
    let text = json!({"type": "string"});
    [
        Operation::new(
            ("get", "/v1/accounts/{account}/quota"),
            "readQuota",
            &words(
                "Tells what an account has called today; with a path, what WeChat says of that.",
                "查看账号今天的调用次数；给出 `path` 时，查询微信对该接口的额度。",
            ),
        )
        .needs(Right::StatusRead)
        .takes([
            account(),
            in_query(
                "path",
                &text,
                &words(
                    "As in WeChat's documentation: `/cgi-bin/user/get`.",
                    "接口路径，与微信文档一致，如 `/cgi-bin/user/get`。",
                ),
            ),
        ])
        .refuses(OF_QUOTAS)
        .answers_this(200, &json!({"anyOf": [reference("Quotas"), reference("Quota")]})),
        Operation::new(
            ("post", "/v1/accounts/{account}/quota/clear"),
            "clearQuota",
            &words(
                "Has WeChat set the counters of an account to zero.",
                "请微信把账号的接口调用次数清零。",
            ),
        )
        .needs(Right::QuotaClear)
        .noted("WeChat allows ten times a month.", "微信每月允许十次。")
        .takes([account()])
        .refuses(OF_QUOTAS)
        .refuses(OF_BODIES)
        .answers(200, "Cleared"),
        Operation::new(
            ("get", "/v1/rids/{rid}"),
            "readRequest",
            &words("Tells what WeChat knows of a request.", "查询微信对某次请求的记录。"),
        )
        .needs(Right::TokenRead)
        .noted("It may hold a token.", "其中可能含有凭据。")
        .takes([
            in_path("rid", &words("As it stands in an `errmsg`.", "`errmsg` 中的 rid。")),
            in_query(
                "account",
                &account_name(),
                &words(
                    "Whose request it was; needed if the key is for more than ten accounts.",
                    "是哪个账号的请求；密钥可用的账号超过十个时必须给出。",
                ),
            ),
        ])
        .refuses(OF_QUOTAS)
        .refuses(OF_ACCOUNTS)
        .refuses(["parameter-missing"])
        .answers(200, "Request"),
    ]
}

//! Events, the audit trail, alerts and sinks.

use lingpai_core::client::Right;
use lingpai_core::event::Severity;
use serde_json::{Value, json};

use crate::openapi::operation::{
    Operation, account_name, in_header, in_path, in_query, language, limit, reference,
};
use crate::openapi::words::words;
use crate::{audit, events};

pub(super) fn calls() -> Vec<Operation> {
    let mut calls = vec![
        Operation::new(
            ("get", "/v1/events"),
            "streamEvents",
            &words(
                "Tells what happens on all nodes, as it happens (server-sent events).",
                "实时推送所有节点上发生的事件（server-sent events）。",
            ),
        )
        .needs(Right::StatusRead)
        .noted(
            "Each `data` is an Event. A key for some accounts sees those only. A comment every 15 s shows that the stream lives.",
            "每条 `data` 是一个 Event。只可用于部分账号的密钥只看得到这些账号的事件。每 15 秒有一行注释，表明连接正常。",
        )
        .takes(filters())
        .takes([in_header(
            "Last-Event-ID",
            &words(
                "Like `after`, and before it: browsers send it by themselves.",
                "与 `after` 相同，两者都有时以它为准；浏览器会自动带上。",
            ),
        )])
        .refuses(["account-forbidden"])
        .answers_as(200, "text/event-stream", &reference("Message")),
        Operation::new(
            ("get", "/v1/events/history"),
            "listEvents",
            &words("Tells what happened, the newest first.", "列出已发生的事件，新的在前。"),
        )
        .needs(Right::StatusRead)
        .noted(
            "A page can be short, or empty, and have a `next`: what is rare is looked for in parts.",
            "一页可能不满甚至为空而仍有 `next`：少见的事件是分段查找的。",
        )
        .takes(filters())
        .takes([before(), limit(events::PAGE, events::LARGEST_PAGE)])
        .refuses(["account-forbidden", "store-unavailable"])
        .answers(200, "History"),
    ];
    calls.push(
        Operation::new(
            ("get", "/v1/audit"),
            "listAudit",
            &words(
                "Tells who read and changed what, the newest first.",
                "列出谁读取、修改了什么，新的在前。",
            ),
        )
        .needs(Right::Admin)
        .noted(
            "The key must be for all accounts, or for the one that is asked for.",
            "密钥须可用于所有账号，或可用于 `account` 指定的账号。",
        )
        .takes([
            in_query(
                "account",
                &account_name(),
                &words("What concerns this account only.", "只看与这个账号有关的。"),
            ),
            in_query(
                "client",
                &text(),
                &words("What the key of this id or name did.", "只看这个密钥（id 或名称）所做的。"),
            ),
            in_query("action", &text(), &words("Records of this action only.", "只看这种操作。")),
            since(),
            before(),
            limit(audit::PAGE, audit::LARGEST_PAGE),
            language("text"),
        ])
        .refuses(["account-forbidden", "accounts-limited", "store-unavailable"])
        .answers(200, "Trail"),
    );
    calls
}

pub(super) fn of_deliveries() -> Vec<Operation> {
    let alert = in_path("name", &words("The alert's name.", "告警的名称。"));
    let sink = || in_path("name", &words("The sink's name.", "投递目标的名称。"));
    vec![
        Operation::new(
            ("get", "/v1/alerts"),
            "listAlerts",
            &words("Tells how it stands with alerts on this node.", "查看本节点各告警的状况。"),
        )
        .needs_all(Right::Admin)
        .takes([language("failure")])
        .answers(200, "Alerts"),
        Operation::new(
            ("post", "/v1/alerts/{name}/test"),
            "testAlert",
            &words(
                "Sends a message now, and says what came of it.",
                "立即发送一条测试消息，并返回结果。",
            ),
        )
        .needs_all(Right::Admin)
        .takes([alert, language("explanation")])
        .refuses(["alert-unknown"])
        .answers(200, "AlertTest"),
        Operation::new(
            ("get", "/v1/sinks"),
            "listSinks",
            &words("Tells how it stands with sinks on this node.", "查看本节点各投递目标的状况。"),
        )
        .needs_all(Right::Admin)
        .answers(200, "Sinks"),
        Operation::new(
            ("post", "/v1/sinks/{name}/test"),
            "testSink",
            &words(
                "Says whether a token could be put there; none is.",
                "检查能否投递，不会真的投递。",
            ),
        )
        .needs_all(Right::Admin)
        .takes([sink(), language("explanation")])
        .refuses(["sink-unknown"])
        .answers(200, "SinkDone"),
        Operation::new(
            ("post", "/v1/sinks/{name}/sync"),
            "syncSink",
            &words("Delivers the current token now.", "立即投递当前凭据。"),
        )
        .needs_all(Right::Admin)
        .takes([sink(), language("explanation")])
        .refuses(["sink-unknown"])
        .answers(200, "SinkDone"),
    ]
}

fn text() -> Value {
    json!({"type": "string"})
}

/// Which events are asked for.
fn filters() -> [Value; 6] {
    let severities = json!({"enum": Severity::ALL.map(Severity::as_str)});
    [
        in_query(
            "account",
            &account_name(),
            &words("The events of this account only.", "只看这个账号的事件。"),
        ),
        in_query(
            "event",
            &text(),
            &words("Of these names only, separated by commas.", "只看这些名称的事件，用逗号分隔。"),
        ),
        in_query(
            "severity",
            &severities,
            &words("Of this severity, and of graver ones.", "只看这一级别和更严重的事件。"),
        ),
        since(),
        in_query(
            "after",
            &position(),
            &words("Those after this `id` only.", "只看这个 `id` 之后的事件。"),
        ),
        language("text"),
    ]
}

fn since() -> Value {
    let what = words(
        "From this time on (RFC 3339), or since so long ago: `90s`, `30m`, `2h`, `7d`.",
        "从这个时间起（RFC 3339），或多久以前起：`90s`、`30m`、`2h`、`7d`。",
    );
    in_query("since", &text(), &what)
}

fn before() -> Value {
    let what = words(
        "Those before this `id`: the `next` of the page before.",
        "这个 `id` 之前的：填上一页的 `next`。",
    );
    in_query("before", &position(), &what)
}

/// The `id` of an event or a record.
fn position() -> Value {
    json!({"type": "string", "pattern": "^[0-9]{1,15}-[0-9]{1,9}$"})
}

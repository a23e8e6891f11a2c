//! What can be called, by subject: the order of this list is that of the documentation.

mod accounts;
mod events;
mod help;
mod keys;
mod monitors;
mod pushes;
mod tokens;
mod wechat;

use serde_json::{Value, json};

use super::operation::Operation;
use super::words::{text, words};
use super::{authorizations, services};
use crate::language::Bilingual;

/// What calls have in common.
struct Subject {
    /// By which clients that are generated name a class.
    name: &'static str,
    title: Bilingual,
    what: Bilingual,
    calls: fn() -> Vec<Operation>,
}

static SUBJECTS: [Subject; 12] = [
    Subject {
        name: "tokens",
        title: words("Tokens", "凭据"),
        what: words(
            "The current token of an account, natively: read it, report it, have it replaced, take one over.",
            "账号的当前凭据（原生接口）：读取、报告失效、更换、接管。",
        ),
        calls: tokens::calls,
    },
    Subject {
        name: "wechat",
        title: words("As WeChat has them", "与微信相同的接口"),
        what: words(
            "The calls that SDKs make for a token, with WeChat's own parameters and answers. The status is always 200; errors have \
             `errcode`, and the name of the error in the header `X-Lingpai-Error`.",
            "SDK 获取凭据的接口，参数和返回与微信相同。状态码总是 200；出错时有 `errcode`，错误名称在响应头 `X-Lingpai-Error`。",
        ),
        calls: wechat::calls,
    },
    Subject {
        name: "services",
        title: words("As platforms and suites have them", "第三方平台与服务商的接口"),
        what: words(
            "The calls of third-party platforms, and of WeCom's suites and providers, for their tokens: likewise.",
            "第三方平台、企业微信第三方应用和服务商获取凭据的接口，同样与微信一致。",
        ),
        calls: services::calls,
    },
    Subject {
        name: "tickets",
        title: words("Tickets and signatures", "ticket 与签名"),
        what: words(
            "What pages and cards are signed with, and signing them here.",
            "页面和卡券签名所用的 ticket，以及由这里签名。",
        ),
        calls: tokens::of_tickets,
    },
    Subject {
        name: "accounts",
        title: words("Accounts", "账号"),
        what: words(
            "How accounts stand, what they have called, and keeping others. No token is shown.",
            "账号的状况、调用次数，以及增删改账号。不显示凭据。",
        ),
        calls: accounts::calls,
    },
    Subject {
        name: "authorizations",
        title: words("Authorisations", "授权"),
        what: words(
            "Having owners authorise a third-party platform or a suite, and those who have.",
            "请商家授权给第三方平台或第三方应用，以及管理授权方。",
        ),
        calls: authorizations::calls,
    },
    Subject {
        name: "pushes",
        title: words("Pushes", "消息推送"),
        what: words(
            "What WeChat pushes, and what of it waits for the business.",
            "微信推送的内容，以及其中等待业务接收的。",
        ),
        calls: pushes::calls,
    },
    Subject {
        name: "events",
        title: words("Events and the audit trail", "事件与审计"),
        what: words("What happened, and who did it.", "发生了什么，是谁做的。"),
        calls: events::calls,
    },
    Subject {
        name: "help",
        title: words("Finding out what is wrong", "查明问题"),
        what: words(
            "Why a token was refused, and what is wrong with the server or an account.",
            "凭据为什么被拒绝，服务或账号哪里有问题。",
        ),
        calls: help::calls,
    },
    Subject {
        name: "deliveries",
        title: words("Alerts and sinks", "告警与投递"),
        what: words(
            "How it stands on this node with what is sent to robots and delivered to sinks.",
            "本节点的告警和投递目标状况如何。",
        ),
        calls: events::of_deliveries,
    },
    Subject {
        name: "keys",
        title: words("Keys and sessions", "密钥与会话"),
        what: words("Who may call all this.", "谁可以调用这些接口。"),
        calls: keys::calls,
    },
    Subject {
        name: "monitors",
        title: words("For monitors", "监控"),
        what: words(
            "Whether the server runs, what it counts, and this description.",
            "服务是否正常、各项指标，以及机器可读的接口描述。",
        ),
        calls: monitors::calls,
    },
];

/// Every call, with the name of its subject.
pub(super) fn all() -> impl Iterator<Item = (&'static str, Vec<Operation>)> {
    SUBJECTS.iter().map(|subject| (subject.name, (subject.calls)()))
}

/// The subjects, as OpenAPI has them.
pub(super) fn subjects() -> Value {
    let tag = |Subject { name, title, what, .. }: &Subject| json!({"name": name, "x-displayName": text(title), "description": text(what)});
    SUBJECTS.iter().map(tag).collect()
}

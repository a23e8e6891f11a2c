//! Codes about the address that a call comes from. None of them says anything about the token.

use super::{Entry, Nature, Scope, Text};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: 40164,
        scopes: &[Scope::Token, Scope::Api],
        nature: Nature::NEEDS_PERSON,
        name: "invalid ip, not in whitelist",
        en: Text {
            meaning: "\
                WeChat refuses the address that the call comes from: it is not on the account's \
                IP whitelist.",
            causes: &[
                "The machine, or the gateway that it goes out through, has another public \
                 address than the one on the list.",
                "The address changed: a new machine, a dynamic address, a cloud NAT with several \
                 of them.",
                "The list was changed some minutes ago and does not act yet (5 to 10 minutes).",
                "Since June 2025 the whitelist of Official Accounts guards every server API, not \
                 only those that take the AppSecret.",
            ],
            advice: &[
                "Add {ip} to the account's IP whitelist (IP白名单) in WeChat's console.",
                "Official Accounts: 微信开发者平台 (developers.weixin.qq.com/platform), choose \
                 the account. Mini programs: mp.weixin.qq.com, 开发管理, where the list is \
                 optional.",
                "Give Lingpai a fixed address to go out from, or list the whole range. IPv6 \
                 callers are shown with their IPv6 address.",
            ],
            lingpai: "\
                It serves the current token until it expires and retries slowly; once the list \
                acts, it goes on by itself. It does not refresh: the token may be good.",
        },
        zh: Text {
            meaning: "微信拒绝了调用方的 IP：它不在该账号的 IP 白名单中。",
            causes: &[
                "本机或出口网关的公网 IP 与白名单中的不同。",
                "IP 变了：换了机器、动态 IP，或云上 NAT 有多个出口。",
                "白名单几分钟前刚修改，尚未生效（约 5 至 10 分钟）。",
                "2025 年 6 月起，公众号、服务号的 IP 白名单对所有服务端接口生效，不再只限使用 \
                 AppSecret 的接口。",
            ],
            advice: &[
                "在微信后台把 {ip} 加入该账号的 IP 白名单。",
                "公众号、服务号：微信开发者平台（developers.weixin.qq.com/platform），选择账号后\
                 设置。小程序：mp.weixin.qq.com 的“开发管理”，白名单为可选项。",
                "为 Lingpai 安排固定的出口 IP，或登记整个网段。以 IPv6 访问时，显示的是 IPv6 地\
                 址。",
            ],
            lingpai: "\
                现有凭据继续提供到过期为止；Lingpai 放慢重试，白名单生效后自动恢复。凭据本身可\
                能是好的，因此不会刷新。",
        },
    },
    Entry {
        code: 61004,
        scopes: &[Scope::Token, Scope::Api, Scope::Platform],
        nature: Nature::NEEDS_PERSON,
        name: "access clientip is not registered",
        en: Text {
            meaning: "WeChat refuses the address that the call comes from: it is not registered.",
            causes: &[
                "Third-party platforms: the address is not on the platform's own list, which \
                 guards every component API.",
                "Official Accounts: an older form of 40164.",
            ],
            advice: &["Add {ip} to the IP list of the platform at open.weixin.qq.com, or to the \
                 account's own whitelist if it calls for itself."],
            lingpai: "\
                It retries slowly and goes on by itself once the list acts. It does not \
                refresh: the token may be good.",
        },
        zh: Text {
            meaning: "微信拒绝了调用方的 IP：该 IP 未登记。",
            causes: &[
                "第三方平台：IP 不在平台自己的白名单中，而所有 component 接口都受其限制。",
                "公众号、服务号：40164 的旧形式。",
            ],
            advice: &[
                "在微信开放平台（open.weixin.qq.com）把 {ip} 加入第三方平台的白名单 IP；如果是账\
                 号自己调用，则加入该账号的 IP 白名单。",
            ],
            lingpai: "Lingpai 放慢重试，白名单生效后自动恢复。凭据本身可能是好的，因此不会刷新。",
        },
    },
    Entry {
        code: 45035,
        scopes: &[Scope::Token, Scope::Api],
        nature: Nature::NEEDS_PERSON,
        name: "access clientip is not registered, not in ip-white-list",
        en: Text {
            meaning: "\
                WeChat refuses the address that the call comes from. Channels (视频号) and \
                WeChat Shop answer with this code.",
            causes: &[
                "The address is not on the account's IP whitelist, which guards every API there.",
            ],
            advice: &["Add {ip} to the IP whitelist in the console of 视频号 or 微信小店."],
            lingpai: "\
                It retries slowly and goes on by itself once the list acts. It does not \
                refresh: the token may be good.",
        },
        zh: Text {
            meaning: "微信拒绝了调用方的 IP。视频号与微信小店使用此错误码。",
            causes: &["IP 不在该账号的白名单中，而那里的所有接口都受其限制。"],
            advice: &["在视频号或微信小店的后台把 {ip} 加入 IP 白名单。"],
            lingpai: "Lingpai 放慢重试，白名单生效后自动恢复。凭据本身可能是好的，因此不会刷新。",
        },
    },
    Entry {
        code: 89501,
        scopes: &[Scope::Token, Scope::Api],
        nature: Nature::NEEDS_PERSON,
        name: "this IP waits to be confirmed",
        en: Text {
            meaning: "The administrator was asked about this address and has not answered yet.",
            causes: &["An earlier call from a new address sent a question to the administrator's \
                 WeChat."],
            advice: &[
                "Ask the account's administrator to accept the request in WeChat, or add {ip} to \
                 the IP whitelist.",
            ],
            lingpai: "It retries slowly and goes on by itself once the request is accepted.",
        },
        zh: Text {
            meaning: "该 IP 的调用请求正在等待管理员确认。",
            causes: &["此前从新 IP 发起的调用，已向管理员的微信发送了确认请求。"],
            advice: &["请账号管理员在微信中确认该请求，或把 {ip} 加入 IP 白名单。"],
            lingpai: "Lingpai 放慢重试，确认后自动恢复。",
        },
    },
    Entry {
        code: 89503,
        scopes: &[Scope::Token, Scope::Api],
        nature: Nature::NEEDS_PERSON,
        name: "this IP needs the administrator's confirmation",
        en: Text {
            meaning: "\
                The address is new to WeChat, which asks the account's administrator about it.",
            causes: &[
                "Lingpai or another program calls from an address that is not on the whitelist.",
            ],
            advice: &[
                "Have the administrator accept the message that WeChat sent, or add {ip} to the \
                 IP whitelist.",
                "If nobody knows this address, refuse it and reset the AppSecret.",
            ],
            lingpai: "\
                It retries slowly and goes on by itself once the address is accepted. It does \
                not press: a refusal bans the address for an hour, a second one for a day.",
        },
        zh: Text {
            meaning: "微信第一次见到此 IP，需要账号管理员确认。",
            causes: &["Lingpai 或其他程序从不在白名单中的 IP 发起了调用。"],
            advice: &[
                "请管理员在微信收到的模板消息中确认，或把 {ip} 加入 IP 白名单。",
                "如果没有人认得这个 IP，请拒绝并重置 AppSecret。",
            ],
            lingpai: "\
                Lingpai 放慢重试，确认后自动恢复。它不会频繁催促：被拒绝一次，该 IP 禁用 1 小\
                时；再次被拒绝，禁用 24 小时。",
        },
    },
    Entry {
        code: 89506,
        scopes: &[Scope::Token, Scope::Api],
        nature: Nature::rate_limited(86_400),
        name: "this IP was refused twice, banned for 24 hours",
        en: Text {
            meaning: "\
                The administrator refused this address twice within 24 hours; WeChat bans it \
                for 24 hours.",
            causes: &["Somebody refused the requests, knowingly or because nobody had told them."],
            advice: &[
                "Add {ip} to the IP whitelist, which avoids the question, and wait for the ban \
                 to end.",
            ],
            lingpai: "\
                It serves the current token until it expires, and tries again after 24 hours.",
        },
        zh: Text {
            meaning: "管理员在 24 小时内两次拒绝此 IP，微信将其禁用 24 小时。",
            causes: &["有人拒绝了确认请求，可能是有意，也可能是没有人事先告知。"],
            advice: &["把 {ip} 加入 IP 白名单即可免去确认，然后等待禁用结束。"],
            lingpai: "现有凭据继续提供到过期为止；Lingpai 在 24 小时后再试。",
        },
    },
    Entry {
        code: 89507,
        scopes: &[Scope::Token, Scope::Api],
        nature: Nature::rate_limited(3600),
        name: "this IP was refused, banned for 1 hour",
        en: Text {
            meaning: "The administrator refused this address; WeChat bans it for an hour.",
            causes: &["Somebody refused the request, knowingly or because nobody had told them."],
            advice: &[
                "Add {ip} to the IP whitelist, which avoids the question, and wait for the ban \
                 to end.",
                "Tell the administrator which address Lingpai calls from: a second refusal bans \
                 it for a day.",
            ],
            lingpai: "It serves the current token until it expires, and tries again after an hour.",
        },
        zh: Text {
            meaning: "管理员拒绝了此 IP 的调用请求，微信将其禁用 1 小时。",
            causes: &["有人拒绝了确认请求，可能是有意，也可能是没有人事先告知。"],
            advice: &[
                "把 {ip} 加入 IP 白名单即可免去确认，然后等待禁用结束。",
                "告诉管理员 Lingpai 从哪个 IP 发起调用：再次被拒绝会禁用 24 小时。",
            ],
            lingpai: "现有凭据继续提供到过期为止；Lingpai 在 1 小时后再试。",
        },
    },
];

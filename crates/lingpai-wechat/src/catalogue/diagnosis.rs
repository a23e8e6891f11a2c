//! Codes of the APIs that help with finding out what is wrong: quotas, rids, callback checks.

use super::{Entry, Nature, Scope, Text};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: 40201,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "the callback URL is not set or cannot be used",
        en: Text {
            meaning: "\
                The account has no usable URL for messages, so that there is nothing to check.",
            causes: &["No server URL is configured, or it is not a public address."],
            advice: &[
                "Set the server URL (消息推送 / 服务器配置) in WeChat's console, then check \
                 again.",
            ],
            lingpai: "It passes the answer on unchanged.",
        },
        zh: Text {
            meaning: "账号没有可用的消息推送 URL，无法检测。",
            causes: &["未配置服务器 URL，或它不是公网地址。"],
            advice: &["在微信后台配置服务器 URL（消息推送 / 服务器配置）后再检测。"],
            lingpai: "Lingpai 原样返回此错误。",
        },
    },
    Entry {
        code: 40202,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "the action of the callback check is not valid",
        en: Text {
            meaning: "The parameter action is none of dns, ping and all.",
            causes: &["A typing error."],
            advice: &["Set action to dns, ping or all."],
            lingpai: "It passes the answer on unchanged.",
        },
        zh: Text {
            meaning: "参数 action 不是 dns、ping 或 all。",
            causes: &["拼写错误。"],
            advice: &["将 action 设为 dns、ping 或 all。"],
            lingpai: "Lingpai 原样返回此错误。",
        },
    },
    Entry {
        code: 40203,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "the operator of the callback check is not valid",
        en: Text {
            meaning: "The parameter check_operator is none of CHINANET, UNICOM, CAP and DEFAULT.",
            causes: &["A typing error, or lower-case letters."],
            advice: &["Set check_operator to CHINANET, UNICOM, CAP or DEFAULT."],
            lingpai: "It passes the answer on unchanged.",
        },
        zh: Text {
            meaning: "参数 check_operator 不是 CHINANET、UNICOM、CAP 或 DEFAULT。",
            causes: &["拼写错误，或使用了小写字母。"],
            advice: &["将 check_operator 设为 CHINANET、UNICOM、CAP 或 DEFAULT。"],
            lingpai: "Lingpai 原样返回此错误。",
        },
    },
    Entry {
        code: 76001,
        scopes: &[Scope::Api, Scope::Platform],
        nature: Nature::CallersFault,
        name: "rid not found",
        en: Text {
            meaning: "WeChat has no record of this rid.",
            causes: &["It is older than seven days.", "It was copied with a letter missing."],
            advice: &["Take the rid of a recent error, within seven days."],
            lingpai: "\
                It keeps the rid of every failed fetch in its events, so that a recent one is \
                at hand.",
        },
        zh: Text {
            meaning: "微信没有此 rid 的记录。",
            causes: &["已超过 7 天。", "复制时漏了字符。"],
            advice: &["使用 7 天以内的错误所带的 rid。"],
            lingpai: "Lingpai 在事件中保留每次失败的 rid，可以找到较新的。",
        },
    },
    Entry {
        code: 76002,
        scopes: &[Scope::Api, Scope::Platform],
        nature: Nature::CallersFault,
        name: "rid is error",
        en: Text {
            meaning: "The rid has no valid form.",
            causes: &["A rid is three groups of eight hexadecimal digits, such as \
                 61725984-6126f6f9-040f19c4."],
            advice: &["Copy the whole rid from the error text, without what stands around it."],
            lingpai: "It reads the rid out of error texts: lingpai explain shows it.",
        },
        zh: Text {
            meaning: "rid 格式不正确。",
            causes: &["rid 由三组 8 位十六进制数组成，例如 61725984-6126f6f9-040f19c4。"],
            advice: &["从错误文本中完整复制 rid，不要带上前后的字符。"],
            lingpai: "Lingpai 能从错误文本中读出 rid：lingpai explain 会显示它。",
        },
    },
    Entry {
        code: 76003,
        scopes: &[Scope::Api, Scope::Platform],
        nature: Nature::CallersFault,
        name: "no permission to query this",
        en: Text {
            meaning: "The rid or the API path belongs to another account.",
            causes: &["The token is that of another account than the one that made the call."],
            advice: &["Query with a token of the account that the rid came from."],
            lingpai: "It passes the answer on unchanged.",
        },
        zh: Text {
            meaning: "该 rid 或接口路径属于另一个账号。",
            causes: &["查询所用的凭据与当初调用的账号不一致。"],
            advice: &["使用产生此 rid 的账号的凭据查询。"],
            lingpai: "Lingpai 原样返回此错误。",
        },
    },
    Entry {
        code: 76021,
        scopes: &[Scope::Api, Scope::Platform],
        nature: Nature::CallersFault,
        name: "cgi_path not found",
        en: Text {
            meaning: "WeChat knows no API with this path.",
            causes: &[
                "The path is misspelt, lacks its leading slash, or holds the host or the query.",
            ],
            advice: &[
                "Write the path as /cgi-bin/message/custom/send, beginning with a slash and \
                 without a query.",
            ],
            lingpai: "It passes the answer on unchanged.",
        },
        zh: Text {
            meaning: "不存在此路径的接口。",
            causes: &["路径拼写错误、缺少开头的斜杠，或带上了域名、查询参数。"],
            advice: &["按 /cgi-bin/message/custom/send 的形式书写：以斜杠开头，不带查询参数。"],
            lingpai: "Lingpai 原样返回此错误。",
        },
    },
    Entry {
        code: 76022,
        scopes: &[Scope::Api, Scope::Platform],
        nature: Nature::CallersFault,
        name: "could not use this cgi_path, no permission",
        en: Text {
            meaning: "The account may not call this API, so that it has no quota to show.",
            causes: &[
                "The account's kind or verification does not include it. Paths under /sns are \
                 not supported at all.",
            ],
            advice: &["Query an API that this account may call."],
            lingpai: "It passes the answer on unchanged.",
        },
        zh: Text {
            meaning: "账号无权调用此接口，因此没有额度可查。",
            causes: &["账号类型或认证状态不包含此接口；/sns 路径不支持查询。"],
            advice: &["查询本账号有权调用的接口。"],
            lingpai: "Lingpai 原样返回此错误。",
        },
    },
];

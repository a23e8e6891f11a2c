//! Codes about the AppID and the AppSecret.

use super::{Entry, Nature, Scope, Text};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: 40013,
        scopes: &[Scope::Token, Scope::Api, Scope::Platform],
        nature: Nature::NEEDS_PERSON,
        name: "invalid appid",
        en: Text {
            meaning: "WeChat does not know this AppID, or it is not the one of the token.",
            causes: &[
                "A typing error, or the original ID (gh_…) in place of the AppID (wx…).",
                "The account was closed or moved to another AppID.",
                "clear_quota: the appid in the body is not the account that the token belongs \
                 to.",
            ],
            advice: &[
                "Compare the AppID letter by letter with the one in WeChat's console; it begins \
                 with wx and has 18 characters.",
            ],
            lingpai: "It retries slowly, and at once when the account is changed.",
        },
        zh: Text {
            meaning: "微信不认识此 AppID，或它与凭据所属的账号不一致。",
            causes: &[
                "输入有误，或把原始 ID（gh_…）当成了 AppID（wx…）。",
                "账号已注销，或已迁移到新的 AppID。",
                "clear_quota：请求体中的 appid 不是凭据所属的账号。",
            ],
            advice: &["与微信后台显示的 AppID 逐字核对；它以 wx 开头，共 18 个字符。"],
            lingpai: "Lingpai 放慢重试，账号信息一经修改立即重试。",
        },
    },
    Entry {
        code: 40125,
        scopes: &[Scope::Token, Scope::Api, Scope::Platform],
        nature: Nature::NEEDS_PERSON,
        name: "invalid appsecret",
        en: Text {
            meaning: "The AppSecret is wrong.",
            causes: &[
                "It was reset in the console; the old one died at once.",
                "It belongs to another AppID, or was copied with a space or a line break.",
                "The secret in the environment variable or the file is not the one that was \
                 meant.",
            ],
            advice: &[
                "Set the account's current AppSecret in Lingpai; if nobody has it any more, \
                 reset it in WeChat's console.",
                "Where to reset: 微信开发者平台 (developers.weixin.qq.com/platform) for Official \
                 Accounts, mp.weixin.qq.com under 开发管理 for mini programs, open.weixin.qq.com \
                 for third-party platforms.",
            ],
            lingpai: "\
                It serves the current token until it expires, retries slowly, and at once when \
                the account is changed.",
        },
        zh: Text {
            meaning: "AppSecret 错误。",
            causes: &[
                "已在后台重置，旧的立即失效。",
                "属于另一个 AppID，或复制时带上了空格、换行。",
                "环境变量或文件里的并不是想用的那个 AppSecret。",
            ],
            advice: &[
                "在 Lingpai 中填入该账号当前的 AppSecret；如果已无人保存，请到微信后台重置。",
                "重置位置：公众号、服务号在微信开发者平台（developers.weixin.qq.com/platform），\
                 小程序在 mp.weixin.qq.com 的“开发管理”，第三方平台在 open.weixin.qq.com。",
            ],
            lingpai: "现有凭据继续提供到过期为止；Lingpai 放慢重试，账号信息一经修改立即重试。",
        },
    },
    Entry {
        code: 40243,
        scopes: &[Scope::Token, Scope::Api, Scope::Platform],
        nature: Nature::NEEDS_PERSON,
        name: "AppSecret is frozen",
        en: Text {
            meaning: "The AppSecret was frozen in WeChat's console, so that it fetches nothing.",
            causes: &[
                "Somebody froze it, often because it may have leaked. Freezing takes about 10 \
                 minutes to act.",
            ],
            advice: &[
                "Unfreeze the AppSecret in WeChat's console, or reset it and set the new one in \
                 Lingpai.",
                "Unfreezing takes about 10 minutes to act.",
            ],
            lingpai: "\
                It serves the current token until it expires, and retries slowly until the \
                secret works again.",
        },
        zh: Text {
            meaning: "AppSecret 已在微信后台被冻结，不能获取凭据。",
            causes: &["有人将其冻结，通常是怀疑泄露。冻结约 10 分钟后生效。"],
            advice: &[
                "在微信后台解冻 AppSecret，或重置后把新的填入 Lingpai。",
                "解冻约需 10 分钟生效。",
            ],
            lingpai: "现有凭据继续提供到过期为止；Lingpai 放慢重试，直到 AppSecret 恢复可用。",
        },
    },
    Entry {
        code: 41002,
        scopes: &[Scope::Token, Scope::Api],
        nature: Nature::NEEDS_PERSON,
        name: "appid missing",
        en: Text {
            meaning: "The call has no appid.",
            causes: &[
                "A hand-written call without the parameter, or with it where the API does not \
                 look.",
                "A proxy on the way drops the query or the body.",
            ],
            advice: &[
                "Put the parameter appid into the call: into the query for /cgi-bin/token, into \
                 the JSON body for /cgi-bin/stable_token.",
            ],
            lingpai: "\
                It always sends the appid. If its own call is answered so, something on the way \
                drops it; it retries slowly and shows it.",
        },
        zh: Text {
            meaning: "调用缺少 appid 参数。",
            causes: &["手写的请求漏了参数，或放错了位置。", "途中的代理丢弃了查询参数或请求体。"],
            advice: &[
                "补上 appid 参数：/cgi-bin/token 放在查询参数里，/cgi-bin/stable_token 放在 JSON \
                 请求体里。",
            ],
            lingpai: "\
                Lingpai 总会带上 appid。如果它自己的请求也得到此错误，说明参数在途中丢失；它会\
                放慢重试并给出提示。",
        },
    },
    Entry {
        code: 41004,
        scopes: &[Scope::Token, Scope::Api, Scope::Platform],
        nature: Nature::NEEDS_PERSON,
        name: "appsecret missing",
        en: Text {
            meaning: "The call has no secret.",
            causes: &[
                "The configured AppSecret is empty, for example because an environment variable \
                 is not set.",
                "A hand-written call without the parameter.",
            ],
            advice: &["Set the account's AppSecret."],
            lingpai: "\
                It always sends the secret it has. It retries slowly, and at once when the \
                account is changed.",
        },
        zh: Text {
            meaning: "调用缺少 secret 参数。",
            causes: &["配置的 AppSecret 为空，例如环境变量没有设置。", "手写的请求漏了参数。"],
            advice: &["为该账号填写 AppSecret。"],
            lingpai: "Lingpai 总会带上它所保存的 AppSecret；它放慢重试，账号信息一经修改立即重试。",
        },
    },
];

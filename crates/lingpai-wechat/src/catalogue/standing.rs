//! Codes about what the account may do at all.

use super::{Entry, Nature, Scope, Text};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: 48001,
        scopes: &[Scope::Api, Scope::Platform],
        nature: Nature::WrongKind,
        name: "api unauthorized",
        en: Text {
            meaning: "The account, or the kind of token, has no right to this API.",
            causes: &[
                "The account is not verified (认证), or is of a kind that lacks this API.",
                "A third-party platform was not granted the permission set that holds it.",
                "The token is a user's (sns) where an account's is needed, or the reverse.",
            ],
            advice: &[
                "Look up which accounts may call this API, and whether this account has the \
                 permission, in WeChat's console.",
            ],
            lingpai: "\
                It passes the answer on unchanged and refreshes nothing: another token would \
                have the same rights.",
        },
        zh: Text {
            meaning: "该账号或该种凭据没有此接口的权限。",
            causes: &[
                "账号未认证，或账号类型不支持此接口。",
                "第三方平台未获得包含此接口的权限集授权。",
                "需要账号凭据的地方用了用户（sns）凭据，或相反。",
            ],
            advice: &[
                "查看接口文档中的适用账号，并在微信后台的“接口权限”中确认本账号是否拥有该权限。",
            ],
            lingpai: "Lingpai 原样返回此错误，也不刷新：换一个凭据权限不变。",
        },
    },
    Entry {
        code: 50002,
        scopes: &[Scope::Token, Scope::Api],
        nature: Nature::NEEDS_PERSON,
        name: "user limited",
        en: Text {
            meaning: "WeChat has limited this account, usually as a punishment.",
            causes: &["The account broke a rule of the platform."],
            advice: &[
                "Look into the messages (通知中心) of the account's console and follow what they \
                 ask.",
            ],
            lingpai: "It serves the current token until it expires and retries slowly.",
        },
        zh: Text {
            meaning: "账号被微信限制，一般是因违规受到处罚。",
            causes: &["账号违反了平台规则。"],
            advice: &["登录账号后台查看“通知中心”，按通知的要求处理。"],
            lingpai: "现有凭据继续提供到过期为止，Lingpai 放慢重试。",
        },
    },
    Entry {
        code: 50004,
        scopes: &[Scope::Token, Scope::Api],
        nature: Nature::NEEDS_PERSON,
        name: "user not allow to use accesstoken, maybe for punishment",
        en: Text {
            meaning: "This account may not fetch tokens.",
            causes: &["A punishment took the right away."],
            advice: &[
                "Look into the messages (通知中心) of the account's console and appeal or mend \
                 what they name.",
            ],
            lingpai: "It serves the current token until it expires and retries slowly.",
        },
        zh: Text {
            meaning: "该账号被禁止使用 token 接口。",
            causes: &["因违规受到处罚，接口权限被收回。"],
            advice: &["登录账号后台查看“通知中心”，按通知整改或申诉。"],
            lingpai: "现有凭据继续提供到过期为止，Lingpai 放慢重试。",
        },
    },
    Entry {
        code: 50007,
        scopes: &[Scope::Token, Scope::Api],
        nature: Nature::NEEDS_PERSON,
        name: "account is frozen",
        en: Text {
            meaning: "The account is frozen.",
            causes: &["The owner or WeChat froze it, or it is being closed."],
            advice: &["Log in to the account's console and unfreeze it."],
            lingpai: "It serves the current token until it expires and retries slowly.",
        },
        zh: Text {
            meaning: "账号已被冻结。",
            causes: &["账号所有者或微信将其冻结，或账号正在注销。"],
            advice: &["登录账号后台解除冻结。"],
            lingpai: "现有凭据继续提供到过期为止，Lingpai 放慢重试。",
        },
    },
    Entry {
        code: 61024,
        scopes: &[Scope::Token, Scope::Api, Scope::Platform],
        nature: Nature::NEEDS_PERSON,
        name: "should use api_component_token",
        en: Text {
            meaning: "\
                This AppID is a third-party platform's: it fetches its token from \
                api_component_token.",
            causes: &["The AppID of a third-party platform was added as if it were an Official \
                 Account."],
            advice: &["Add the Official Account or mini program itself, with its own AppID and \
                 AppSecret."],
            lingpai: "It retries slowly. This version keeps no tokens of third-party platforms.",
        },
        zh: Text {
            meaning: "此 AppID 是第三方平台的，应通过 api_component_token 获取凭据。",
            causes: &["把第三方平台的 AppID 当作公众号添加了。"],
            advice: &["请添加公众号或小程序本身，使用它自己的 AppID 和 AppSecret。"],
            lingpai: "Lingpai 放慢重试。当前版本不管理第三方平台的凭据。",
        },
    },
];

//! Codes of third-party platforms (第三方平台), which act for accounts that authorised them.

use super::{Entry, Nature, Scope, Text};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: 40091,
        scopes: &[Scope::Platform],
        nature: Nature::NEEDS_PERSON,
        name: "invalid component ticket",
        en: Text {
            meaning: "The component_verify_ticket is not the one that WeChat pushed.",
            causes: &[
                "An old ticket was used, or one of another platform.",
                "The push could not be decrypted, and something else was kept in its place.",
            ],
            advice: &["Wait for the next push, which comes every 10 minutes, or ask for it with \
                 api_start_push_ticket."],
            lingpai: "\
                It keeps the credentials of platforms and of those who have authorised them, and its \
                status says what stands in their way.",
        },
        zh: Text {
            meaning: "component_verify_ticket 不是微信推送的那一个。",
            causes: &[
                "使用了旧的 ticket，或另一个第三方平台的 ticket。",
                "推送解密失败，保存了错误的内容。",
            ],
            advice: &["等待下一次推送（每 10 分钟一次），或调用 api_start_push_ticket 启动推送。"],
            lingpai: "Lingpai 管理第三方平台及其授权方的凭据，账号状况中会说明受阻的原因。",
        },
    },
    Entry {
        code: 41018,
        scopes: &[Scope::Platform],
        nature: Nature::CallersFault,
        name: "missing component_appid",
        en: Text {
            meaning: "The call has no component_appid.",
            causes: &["The field is missing from the JSON body, or is empty."],
            advice: &["Put the AppID of the platform into the body as component_appid."],
            lingpai: "\
                It keeps the credentials of platforms and of those who have authorised them, and its \
                status says what stands in their way.",
        },
        zh: Text {
            meaning: "调用缺少 component_appid。",
            causes: &["JSON 请求体中没有此字段，或值为空。"],
            advice: &["在请求体中以 component_appid 填入第三方平台的 AppID。"],
            lingpai: "Lingpai 管理第三方平台及其授权方的凭据，账号状况中会说明受阻的原因。",
        },
    },
    Entry {
        code: 41021,
        scopes: &[Scope::Platform],
        nature: Nature::CallersFault,
        name: "missing component access_token",
        en: Text {
            meaning: "The call has no component_access_token.",
            causes: &[
                "It stands in a header or in the body; WeChat reads it from the query of the URL \
                 only.",
            ],
            advice: &["Put the token into the query of the URL as component_access_token or \
                 access_token."],
            lingpai: "\
                It keeps the credentials of platforms and of those who have authorised them, and its \
                status says what stands in their way.",
        },
        zh: Text {
            meaning: "调用未带 component_access_token。",
            causes: &["放在了请求头或请求体里；微信只从 URL 的查询参数读取。"],
            advice: &["将凭据放入 URL 查询参数 component_access_token 或 access_token。"],
            lingpai: "Lingpai 管理第三方平台及其授权方的凭据，账号状况中会说明受阻的原因。",
        },
    },
    Entry {
        code: 42006,
        scopes: &[Scope::Platform],
        nature: Nature::TokenBad,
        name: "component_access_token expired",
        en: Text {
            meaning: "The component_access_token is past its life of two hours.",
            causes: &["It was kept longer than its expires_in, or nobody refreshes it."],
            advice: &["Fetch a new one with api_component_token and the latest ticket."],
            lingpai: "\
                It keeps the credentials of platforms and of those who have authorised them, and its \
                status says what stands in their way.",
        },
        zh: Text {
            meaning: "component_access_token 已超过 2 小时有效期。",
            causes: &["保存时间超过 expires_in，或没有定时刷新。"],
            advice: &["用最新的 ticket 调用 api_component_token 重新获取。"],
            lingpai: "Lingpai 管理第三方平台及其授权方的凭据，账号状况中会说明受阻的原因。",
        },
    },
    Entry {
        code: 61003,
        scopes: &[Scope::Platform],
        nature: Nature::NEEDS_PERSON,
        name: "component is not authorized by this account",
        en: Text {
            meaning: "The account has not authorised this platform, or not any more.",
            causes: &[
                "The owner withdrew the authorisation.",
                "The refresh_token or the token belongs to another platform.",
            ],
            advice: &["Have the account's owner authorise the platform again."],
            lingpai: "\
                It keeps the credentials of platforms and of those who have authorised them, and its \
                status says what stands in their way.",
        },
        zh: Text {
            meaning: "该账号没有授权给此第三方平台，或已取消授权。",
            causes: &["账号所有者取消了授权。", "refresh_token 或凭据属于另一个第三方平台。"],
            advice: &["请账号所有者重新授权。"],
            lingpai: "Lingpai 管理第三方平台及其授权方的凭据，账号状况中会说明受阻的原因。",
        },
    },
    Entry {
        code: 61005,
        scopes: &[Scope::Platform],
        nature: Nature::NEEDS_PERSON,
        name: "component ticket is expired",
        en: Text {
            meaning: "The component_verify_ticket is older than 12 hours.",
            causes: &["Pushes no longer arrive: the URL changed, its certificate ran out, or it \
                 answered with errors until WeChat paused."],
            advice: &[
                "See that the authorisation event URL answers with the plain text success, then \
                 call api_start_push_ticket.",
                "The URL is set at open.weixin.qq.com, in the details of the platform.",
            ],
            lingpai: "\
                It keeps the credentials of platforms and of those who have authorised them, and its \
                status says what stands in their way.",
        },
        zh: Text {
            meaning: "component_verify_ticket 已超过 12 小时有效期。",
            causes: &["收不到推送：URL 变更、证书过期，或接收端出错导致微信暂停推送。"],
            advice: &[
                "确认授权事件接收 URL 能返回纯文本 success，然后调用 api_start_push_ticket。",
                "该 URL 在微信开放平台（open.weixin.qq.com）的第三方平台详情中设置。",
            ],
            lingpai: "Lingpai 管理第三方平台及其授权方的凭据，账号状况中会说明受阻的原因。",
        },
    },
    Entry {
        code: 61006,
        scopes: &[Scope::Platform],
        nature: Nature::NEEDS_PERSON,
        name: "component ticket is invalid",
        en: Text {
            meaning: "The component_verify_ticket is not valid.",
            causes: &["It belongs to another platform, or was cut off when it was kept."],
            advice: &["Use the ticket of the latest push, whole and of this platform."],
            lingpai: "\
                It keeps the credentials of platforms and of those who have authorised them, and its \
                status says what stands in their way.",
        },
        zh: Text {
            meaning: "component_verify_ticket 无效。",
            causes: &["属于另一个第三方平台，或保存时被截断。"],
            advice: &["使用本平台最近一次推送的完整 ticket。"],
            lingpai: "Lingpai 管理第三方平台及其授权方的凭据，账号状况中会说明受阻的原因。",
        },
    },
    Entry {
        code: 61007,
        scopes: &[Scope::Platform],
        nature: Nature::WrongKind,
        name: "api is unauthorized to component",
        en: Text {
            meaning: "\
                The account did not grant the platform the permission set that holds this API.",
            causes: &["The set was not ticked on authorising, or was added to the platform later."],
            advice: &[
                "Have the account's owner authorise again with the permission set that holds the \
                 API.",
            ],
            lingpai: "\
                It keeps the credentials of platforms and of those who have authorised them, and its \
                status says what stands in their way.",
        },
        zh: Text {
            meaning: "账号没有把包含此接口的权限集授权给第三方平台。",
            causes: &["授权时未勾选该权限集，或平台后来才增加它。"],
            advice: &["请账号所有者重新授权，并勾选包含该接口的权限集。"],
            lingpai: "Lingpai 管理第三方平台及其授权方的凭据，账号状况中会说明受阻的原因。",
        },
    },
    Entry {
        code: 61009,
        scopes: &[Scope::Platform],
        nature: Nature::CallersFault,
        name: "invalid authorization code",
        en: Text {
            meaning: "The authorization_code is not valid.",
            causes: &["It was used already, or belongs to another platform."],
            advice: &["Use each code once, and keep the refresh_token that comes for it."],
            lingpai: "\
                It keeps the credentials of platforms and of those who have authorised them, and its \
                status says what stands in their way.",
        },
        zh: Text {
            meaning: "authorization_code 无效。",
            causes: &["已被使用过，或属于另一个第三方平台。"],
            advice: &["每个授权码只使用一次，并保存换得的 refresh_token。"],
            lingpai: "Lingpai 管理第三方平台及其授权方的凭据，账号状况中会说明受阻的原因。",
        },
    },
    Entry {
        code: 61010,
        scopes: &[Scope::Platform],
        nature: Nature::CallersFault,
        name: "code is expired",
        en: Text {
            meaning: "The authorization_code has expired.",
            causes: &["It was kept too long: the event says until when it holds \
                 (AuthorizationCodeExpiredTime)."],
            advice: &["Have the account's owner authorise again, and exchange the code at once."],
            lingpai: "\
                It keeps the credentials of platforms and of those who have authorised them, and its \
                status says what stands in their way.",
        },
        zh: Text {
            meaning: "authorization_code 已过期。",
            causes: &["保存过久：事件中的 AuthorizationCodeExpiredTime 给出了有效期限。"],
            advice: &["请账号所有者重新授权，收到授权码后立即换取。"],
            lingpai: "Lingpai 管理第三方平台及其授权方的凭据，账号状况中会说明受阻的原因。",
        },
    },
    Entry {
        code: 61011,
        scopes: &[Scope::Platform],
        nature: Nature::NEEDS_PERSON,
        name: "invalid component",
        en: Text {
            meaning: "WeChat does not know this platform.",
            causes: &[
                "The component_appid is misspelt, or is the AppID of an ordinary account.",
                "The platform is not published or was closed.",
            ],
            advice: &[
                "Compare component_appid with the AppID of the platform at open.weixin.qq.com.",
            ],
            lingpai: "\
                It keeps the credentials of platforms and of those who have authorised them, and its \
                status says what stands in their way.",
        },
        zh: Text {
            meaning: "微信不认识此第三方平台。",
            causes: &[
                "component_appid 填写有误，或填了普通账号的 AppID。",
                "第三方平台尚未发布，或已注销。",
            ],
            advice: &["与微信开放平台（open.weixin.qq.com）上第三方平台的 AppID 核对。"],
            lingpai: "Lingpai 管理第三方平台及其授权方的凭据，账号状况中会说明受阻的原因。",
        },
    },
    Entry {
        code: 61014,
        scopes: &[Scope::Platform],
        nature: Nature::WrongKind,
        name: "must use component token for component api",
        en: Text {
            meaning: "This API takes the platform's own token.",
            causes: &["An account's token was passed."],
            advice: &["Use the component_access_token."],
            lingpai: "\
                It only explains this code. A refresh would not help: the kind of token is \
                wrong.",
        },
        zh: Text {
            meaning: "此接口要求第三方平台自己的凭据。",
            causes: &["误传了授权账号的凭据。"],
            advice: &["使用 component_access_token。"],
            lingpai: "Lingpai 只解释此错误码。刷新无济于事：用错了凭据的种类。",
        },
    },
    Entry {
        code: 61015,
        scopes: &[Scope::Platform],
        nature: Nature::WrongKind,
        name: "must use an account's token for this api",
        en: Text {
            meaning: "This API takes an account's token, not the platform's.",
            causes: &["The component_access_token was passed."],
            advice: &["Use the authorizer_access_token of the account that the call is for."],
            lingpai: "\
                It only explains this code. A refresh would not help: the kind of token is \
                wrong.",
        },
        zh: Text {
            meaning: "此接口要求授权账号的凭据，而不是第三方平台的。",
            causes: &["误传了 component_access_token。"],
            advice: &["使用所代表账号的 authorizer_access_token。"],
            lingpai: "Lingpai 只解释此错误码。刷新无济于事：用错了凭据的种类。",
        },
    },
    Entry {
        code: 61023,
        scopes: &[Scope::Platform],
        nature: Nature::NEEDS_PERSON,
        name: "refresh_token is invalid",
        en: Text {
            meaning: "The authorizer_refresh_token is not valid.",
            causes: &[
                "The account authorised again, which replaced it; or withdrew its authorisation.",
                "A refresh brought another one, and the old one was kept.",
                "WeChat has been seen answering so now and then for a good one.",
            ],
            advice: &[
                "Read the current one with api_get_authorizer_list, and have the owner authorise \
                 again only if that fails too.",
            ],
            lingpai: "\
                It keeps the credentials of platforms and of those who have authorised them, and its \
                status says what stands in their way.",
        },
        zh: Text {
            meaning: "authorizer_refresh_token 无效。",
            causes: &[
                "账号重新授权后已被替换，或账号取消了授权。",
                "刷新时返回了新的 refresh_token，却仍保存着旧的。",
                "微信偶尔会对有效的 refresh_token 返回此错误。",
            ],
            advice: &["先调用 api_get_authorizer_list 重新拉取，仍然失败再请账号所有者重新授权。"],
            lingpai: "Lingpai 管理第三方平台及其授权方的凭据，账号状况中会说明受阻的原因。",
        },
    },
];

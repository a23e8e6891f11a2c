//! Codes of WeCom that its service providers (服务商) meet: suites, tickets and authorisations.

use super::{Entry, Nature, Scope, Text};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: 40078,
        scopes: &[Scope::WeCom],
        nature: Nature::CallersFault,
        name: "invalid auth_code",
        en: Text {
            meaning: "The temporary authorisation code is not valid.",
            causes: &["It was used already: it holds once. Or it has expired."],
            advice: &[
                "Have the corp authorise the application again, and exchange the code at once.",
            ],
            lingpai: "\
                It exchanges the code as soon as it comes by push. A code that is refused is told as an error and kept among the pushes that nobody takes; a reset of the permanent code in the provider's console brings another.",
        },
        zh: Text {
            meaning: "临时授权码无效。",
            causes: &["已被使用（只能用一次），或已过期。"],
            advice: &["请企业重新授权应用，收到授权码后立即换取。"],
            lingpai: "\
                收到授权通知后，Lingpai 立即换取永久授权码。被拒绝的授权码会记为错误，并留在未投递的推送中；在服务商后台重新获取永久授权码会再次推送。",
        },
    },
    Entry {
        code: 40082,
        scopes: &[Scope::WeCom],
        nature: Nature::TokenBad,
        name: "invalid suite_token",
        en: Text {
            meaning: "The suite_access_token is not valid.",
            causes: &["It has expired, or belongs to another suite."],
            advice: &["Fetch a new one with get_suite_token and the latest suite_ticket."],
            lingpai: "\
                It tries the token with a cheap call, replaces it if it is refused there too, and sends the call once more.",
        },
        zh: Text {
            meaning: "suite_access_token 无效。",
            causes: &["已过期，或属于另一个应用套件。"],
            advice: &["用最新的 suite_ticket 调用 get_suite_token 重新获取。"],
            lingpai: "\
                Lingpai 用一个开销很小的接口试用该凭据；如果同样被拒绝，就换新凭据，并重发一次。",
        },
    },
    Entry {
        code: 40083,
        scopes: &[Scope::WeCom],
        nature: Nature::NEEDS_PERSON,
        name: "invalid suite_id",
        en: Text {
            meaning: "WeCom does not know this suite_id.",
            causes: &[
                "It is misspelt, or of another kind: a suite_id begins with ww, dk or tj as a \
                 rule.",
            ],
            advice: &["Copy the suite_id from the service provider's console at \
                 open.work.weixin.qq.com."],
            lingpai: "\
                It tries again ever less often, up to every 12 minutes, until the account is mended.",
        },
        zh: Text {
            meaning: "suite_id 无效。",
            causes: &["填写有误，或填了别的 ID；suite_id 一般以 ww、dk 或 tj 开头。"],
            advice: &["在服务商后台（open.work.weixin.qq.com）复制 suite_id。"],
            lingpai: "\
                Lingpai 重试的间隔逐步加长到 12 分钟，直到账号改正为止。",
        },
    },
    Entry {
        code: 40084,
        scopes: &[Scope::WeCom],
        nature: Nature::NEEDS_PERSON,
        name: "invalid permanent_code",
        en: Text {
            meaning: "The permanent authorisation code is not valid.",
            causes: &[
                "The corp withdrew its authorisation, or authorised again, which brought a new \
                 code.",
                "The code belongs to another corp or suite.",
            ],
            advice: &["Have the corp authorise the application again, and keep the new code."],
            lingpai: "\
                It serves the corp's token until it expires, and tries again ever less often. When the corp authorises again, the new code comes by push and is used at once.",
        },
        zh: Text {
            meaning: "永久授权码无效。",
            causes: &[
                "企业取消了授权，或重新授权后产生了新的永久授权码。",
                "授权码属于另一个企业或应用套件。",
            ],
            advice: &["请企业重新授权应用，并保存新的永久授权码。"],
            lingpai: "\
                企业的现有凭据继续提供到过期为止，重试的间隔逐步加长。企业重新授权后，新的授权码由推送送达，立即启用。",
        },
    },
    Entry {
        code: 40085,
        scopes: &[Scope::WeCom],
        nature: Nature::NEEDS_PERSON,
        name: "invalid suite_ticket",
        en: Text {
            meaning: "\
                The suite_ticket is not the one that WeCom pushed, or is older than 30 minutes.",
            causes: &["Pushes no longer arrive, or the ticket is another suite's."],
            advice: &["See that the callback URL answers with success, and use the ticket of the \
                 latest push, which comes every 10 minutes."],
            lingpai: "\
                It uses the ticket that was pushed last, and tries again ever less often; a ticket that comes is used at once. None for 25 minutes is told as an event.",
        },
        zh: Text {
            meaning: "suite_ticket 不正确，或已超过 30 分钟有效期。",
            causes: &["收不到推送，或用了另一个应用套件的 ticket。"],
            advice: &["确认回调 URL 能返回 success，并使用最近一次推送的 ticket（每 10 分钟推送一\
                 次）。"],
            lingpai: "\
                Lingpai 使用最近一次推送的 ticket，重试的间隔逐步加长；新 ticket 一到立即启用。25 分钟没有收到时产生事件。",
        },
    },
    Entry {
        code: 41021,
        scopes: &[Scope::WeCom],
        nature: Nature::CallersFault,
        name: "missing suite_access_token",
        en: Text {
            meaning: "A call of a service provider lacks its suite_access_token.",
            causes: &["The parameter is missing from the query, or empty."],
            advice: &["Put the token into the query of the URL as suite_access_token."],
            lingpai: "\
                It passes the answer on unchanged.",
        },
        zh: Text {
            meaning: "服务商接口的调用缺少 suite_access_token。",
            causes: &["查询参数缺失，或值为空。"],
            advice: &["在 URL 查询参数中加上 suite_access_token。"],
            lingpai: "\
                Lingpai 原样返回此错误。",
        },
    },
    Entry {
        code: 41022,
        scopes: &[Scope::WeCom],
        nature: Nature::CallersFault,
        name: "missing suite_id",
        en: Text {
            meaning: "A call of a service provider lacks its suite_id.",
            causes: &["The field is missing from the JSON body, or empty."],
            advice: &["Put suite_id into the body."],
            lingpai: "\
                It passes the answer on unchanged.",
        },
        zh: Text {
            meaning: "服务商接口的调用缺少 suite_id。",
            causes: &["JSON 请求体中没有此字段，或值为空。"],
            advice: &["在请求体中加上 suite_id。"],
            lingpai: "\
                Lingpai 原样返回此错误。",
        },
    },
    Entry {
        code: 41023,
        scopes: &[Scope::WeCom],
        nature: Nature::CallersFault,
        name: "missing suite_ticket",
        en: Text {
            meaning: "A call of a service provider lacks its suite_ticket.",
            causes: &["The field is missing from the JSON body, or no ticket has been pushed yet."],
            advice: &["Put the latest suite_ticket into the body."],
            lingpai: "\
                It passes the answer on unchanged.",
        },
        zh: Text {
            meaning: "服务商接口的调用缺少 suite_ticket。",
            causes: &["JSON 请求体中没有此字段，或尚未收到推送的 ticket。"],
            advice: &["在请求体中填入最新的 suite_ticket。"],
            lingpai: "\
                Lingpai 原样返回此错误。",
        },
    },
    Entry {
        code: 41024,
        scopes: &[Scope::WeCom],
        nature: Nature::CallersFault,
        name: "missing suite_secret",
        en: Text {
            meaning: "A call of a service provider lacks its suite_secret.",
            causes: &[
                "The field is missing from the JSON body, or the configured secret is empty.",
            ],
            advice: &["Put suite_secret into the body."],
            lingpai: "\
                It passes the answer on unchanged.",
        },
        zh: Text {
            meaning: "服务商接口的调用缺少 suite_secret。",
            causes: &["JSON 请求体中没有此字段，或配置的 secret 为空。"],
            advice: &["在请求体中加上 suite_secret。"],
            lingpai: "\
                Lingpai 原样返回此错误。",
        },
    },
    Entry {
        code: 41025,
        scopes: &[Scope::WeCom],
        nature: Nature::CallersFault,
        name: "missing permanent_code",
        en: Text {
            meaning: "A call of a service provider lacks the corp's permanent_code.",
            causes: &[
                "The field is missing from the JSON body, or the corp has not authorised the \
                 application.",
            ],
            advice: &["Put the permanent_code of the corp into the body."],
            lingpai: "\
                It passes the answer on unchanged.",
        },
        zh: Text {
            meaning: "服务商接口的调用缺少企业的 permanent_code。",
            causes: &["JSON 请求体中没有此字段，或企业尚未授权应用。"],
            advice: &["在请求体中填入该企业的 permanent_code。"],
            lingpai: "\
                Lingpai 原样返回此错误。",
        },
    },
    Entry {
        code: 42007,
        scopes: &[Scope::WeCom],
        nature: Nature::CallersFault,
        name: "pre_auth_code expired",
        en: Text {
            meaning: "\
                In WeCom, 42007 means that the pre_auth_code has expired; no password was \
                changed.",
            causes: &["More than 20 minutes passed between fetching the code and using it."],
            advice: &["Fetch a new pre_auth_code and send the corp's administrator to the \
                 authorisation page at once."],
            lingpai: "\
                It passes the answer on unchanged.",
        },
        zh: Text {
            meaning: "在企业微信，42007 表示 pre_auth_code 已过期，与修改密码无关。",
            causes: &["从获取到使用超过了 20 分钟。"],
            advice: &["重新获取 pre_auth_code，并立即引导企业管理员进入授权页。"],
            lingpai: "\
                Lingpai 原样返回此错误。",
        },
    },
    Entry {
        code: 42009,
        scopes: &[Scope::WeCom],
        nature: Nature::TokenBad,
        name: "suite_access_token expired",
        en: Text {
            meaning: "The suite_access_token is past its life.",
            causes: &["It was kept longer than two hours."],
            advice: &["Fetch a new one with get_suite_token."],
            lingpai: "\
                It fetches a new token as soon as the old one expires; if WeCom says it sooner, it does as with 40082.",
        },
        zh: Text {
            meaning: "suite_access_token 已过期。",
            causes: &["保存时间超过 2 小时。"],
            advice: &["调用 get_suite_token 重新获取。"],
            lingpai: "\
                旧凭据一过期，Lingpai 就获取新凭据；如果企业微信提前返回此错误码，处理方式与 40082 相同。",
        },
    },
    Entry {
        code: 48003,
        scopes: &[Scope::WeCom],
        nature: Nature::WrongKind,
        name: "suite not authorized",
        en: Text {
            meaning: "The suite has no right to this API.",
            causes: &["The corp did not grant it, or the token is not that of the suite."],
            advice: &[
                "Check the rights of the suite in the service provider's console, and have the \
                 corp authorise again.",
            ],
            lingpai: "\
                It passes the answer on unchanged.",
        },
        zh: Text {
            meaning: "应用套件没有此接口的权限。",
            causes: &["企业未授予，或所用凭据不属于该应用套件。"],
            advice: &["在服务商后台检查应用套件的权限，并请企业重新授权。"],
            lingpai: "\
                Lingpai 原样返回此错误。",
        },
    },
    Entry {
        code: 48004,
        scopes: &[Scope::WeCom],
        nature: Nature::WrongKind,
        name: "authorization is invalid",
        en: Text {
            meaning: "The corp's authorisation of the application does not hold.",
            causes: &["The corp withdrew it, or it was given to another suite."],
            advice: &["Have the corp's administrator authorise the application again."],
            lingpai: "\
                It passes the answer on unchanged.",
        },
        zh: Text {
            meaning: "企业对该应用的授权无效。",
            causes: &["企业取消了授权，或授权给了另一个应用套件。"],
            advice: &["请企业管理员重新授权该应用。"],
            lingpai: "\
                Lingpai 原样返回此错误。",
        },
    },
];

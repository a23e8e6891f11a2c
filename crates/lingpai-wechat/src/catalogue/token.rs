//! Codes about the access_token that a call carries.

use super::{Entry, Nature, Scope, Text};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: 40001,
        scopes: &[Scope::Api],
        nature: Nature::TokenBad,
        name: "invalid credential, access_token is invalid or not latest",
        en: Text {
            meaning: "\
                WeChat does not take the access_token of this call. Often another process has \
                fetched a newer one; but this code has many causes, and a new token mends only \
                some of them.",
            causes: &[
                "Another program, another environment (test and production with the same AppID) \
                 or another SDK fetches from /cgi-bin/token on its own. Each fetch ends the \
                 older token within five minutes.",
                "The token belongs to another account.",
                "It is a token of another kind: the web login (sns) access_token of a user, a \
                 cloudbase_access_token, or a third-party platform's token.",
                "It was damaged on its way: cut off, with a space or a line break in it, or a \
                 placeholder such as ACCESS_TOKEN sent as it stands.",
                "The AppSecret was reset, or the token was replaced by a forced refresh.",
                "The API may be called by third-party platforms only, and says 40001 to everyone \
                 else.",
                "WeChat has been seen refusing a good token for some seconds and taking it \
                 again, without a known cause.",
            ],
            advice: &[
                "Make sure that every program takes its token from Lingpai and that nothing else \
                 calls /cgi-bin/token for this AppID.",
                "Compare the token that was refused with the current one: the same fingerprint \
                 means that the call is at fault, not the token.",
                "Check that this API takes an access_token of this account at all, and not a \
                 user's or a platform's.",
                "Move other fetchers to stable_token, which lets them be without ending each \
                 other's tokens.",
                "If an AppSecret leaked, reset it: somebody else may be fetching with it.",
            ],
            lingpai: "\
                It first compares: if the refused token is an old one, the caller gets the \
                current one. If it is the current one, Lingpai tries it with a cheap call, and \
                fetches another only if that is refused too. A current token that dies without \
                Lingpai's doing is reported as a rogue refresher. It never loops.",
        },
        zh: Text {
            meaning: "\
                微信不接受本次调用所带的 access_token。常见原因是别的程序又获取了新的凭据；但此\
                错误码原因很多，换新凭据只能解决其中一部分。",
            causes: &[
                "别的程序、别的环境（测试与生产共用一个 AppID）或别的 SDK 自行调用 \
                 /cgi-bin/token。每次获取都会让旧凭据在 5 分钟内失效。",
                "access_token 属于另一个账号。",
                "凭据种类不对：误用了网页授权（sns）的用户 access_token、云开发的 \
                 cloudbase_access_token 或第三方平台的凭据。",
                "传输中损坏：被截断、夹带空格或换行，或把 ACCESS_TOKEN 这样的占位符原样发出。",
                "AppSecret 被重置，或凭据被强制刷新替换。",
                "该接口仅供第三方平台调用，对其他调用方一律返回 40001。",
                "微信偶尔会在数十秒内拒绝有效的凭据，随后恢复，原因不明。",
            ],
            advice: &[
                "确认所有程序都从 Lingpai 获取 access_token，并且没有其他程序用此 AppID 调用 \
                 /cgi-bin/token。",
                "比较被拒绝的凭据与当前凭据的指纹：如果相同，问题出在这次调用，而不是凭据。",
                "确认该接口要求的确实是本账号的 access_token，而不是用户或第三方平台的凭据。",
                "将其他获取方改为使用 stable_token（稳定版接口调用凭据），避免互相顶掉。",
                "如果 AppSecret 可能泄露，请重置：也许有人正在用它获取凭据。",
            ],
            lingpai: "\
                Lingpai 先作比较：被拒绝的若是旧凭据，直接给出当前凭据；若正是当前凭据，则用一\
                个轻量接口试一次，同样被拒绝才重新获取。当前凭据若并非因 Lingpai 的操作而失效，\
                会记录“存在其他刷新方”的事件。任何情况下都不会循环刷新。",
        },
    },
    Entry {
        code: 40001,
        scopes: &[Scope::Token],
        nature: Nature::NEEDS_PERSON,
        name: "invalid credential",
        en: Text {
            meaning: "The AppSecret is wrong: this is what 40001 means where a token is fetched.",
            causes: &[
                "The AppSecret was reset in the console, and the old one died at once.",
                "The AppSecret belongs to another AppID, or was copied with a character too many \
                 or too few.",
            ],
            advice: &[
                "Set the account's current AppSecret in Lingpai; if nobody has it any more, \
                 reset it in WeChat's console.",
                "Where to reset: 微信开发者平台 (developers.weixin.qq.com/platform) for Official \
                 Accounts, mp.weixin.qq.com under 开发管理 for mini programs.",
            ],
            lingpai: "\
                It serves the current token until it expires, retries slowly, and at once when \
                the account is changed.",
        },
        zh: Text {
            meaning: "AppSecret 错误：在获取凭据的接口上，40001 是这个意思。",
            causes: &[
                "AppSecret 已在后台被重置，旧的立即失效。",
                "AppSecret 属于另一个 AppID，或复制时多了、少了字符。",
            ],
            advice: &[
                "在 Lingpai 中填入该账号当前的 AppSecret；如果已无人保存，请到微信后台重置。",
                "重置位置：公众号、服务号在微信开发者平台（developers.weixin.qq.com/platform），\
                 小程序在 mp.weixin.qq.com 的“开发管理”。",
            ],
            lingpai: "现有凭据继续提供到过期为止；Lingpai 放慢重试，账号信息一经修改立即重试。",
        },
    },
    Entry {
        code: 40014,
        scopes: &[Scope::Api],
        nature: Nature::TokenBad,
        name: "invalid access_token",
        en: Text {
            meaning: "The access_token has no valid form or is unknown.",
            causes: &[
                "The token was cut off, altered or mixed up with another value.",
                "On sns APIs: the token is not the one that the web login gave for this user.",
            ],
            advice: &[
                "Pass the token exactly as it was received, without spaces, quotes or line \
                 breaks.",
                "On sns APIs, use the access_token of the web login, not that of the account.",
            ],
            lingpai: "It treats the code as 40001: compare, try, and only then refresh.",
        },
        zh: Text {
            meaning: "access_token 格式不合法或不存在。",
            causes: &[
                "凭据被截断、改动，或与别的值混淆。",
                "sns 接口：所传的不是该用户网页授权得到的 access_token。",
            ],
            advice: &[
                "原样传递获得的凭据，不要带空格、引号或换行。",
                "调用 sns 接口时，使用网页授权的 access_token，而不是账号的接口调用凭据。",
            ],
            lingpai: "处理方式与 40001 相同：先比较，再试探，最后才刷新。",
        },
    },
    Entry {
        code: 40030,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "invalid refresh_token",
        en: Text {
            meaning: "The refresh_token of a user's web login is not valid.",
            causes: &[
                "It has expired: it lives for 30 days.",
                "The refresh_token belongs to another appid.",
            ],
            advice: &["Send the user through the web login again."],
            lingpai: "It keeps no web login tokens; the answer goes to the caller unchanged.",
        },
        zh: Text {
            meaning: "网页授权的 refresh_token 无效。",
            causes: &["已过期：有效期为 30 天。", "该 refresh_token 属于另一个 AppID。"],
            advice: &["让用户重新进行网页授权。"],
            lingpai: "Lingpai 不管理网页授权的凭据，此错误原样返回给调用方。",
        },
    },
    Entry {
        code: 41001,
        scopes: &[Scope::Api, Scope::Platform, Scope::WeCom],
        nature: Nature::CallersFault,
        name: "access_token missing",
        en: Text {
            meaning: "The call has no access_token.",
            causes: &[
                "It stands in a header or in the body; WeChat reads it from the query of the URL \
                 only.",
                "The variable that should hold it was empty.",
            ],
            advice: &["Put the token into the query of the URL as access_token=…."],
            lingpai: "\
                Calls through Lingpai get the right token put in. The code tells nothing about \
                a token, so nothing is refreshed.",
        },
        zh: Text {
            meaning: "调用未带 access_token。",
            causes: &[
                "放在了请求头或请求体里；微信只从 URL 的查询参数读取。",
                "保存凭据的变量为空。",
            ],
            advice: &["将凭据放入 URL 查询参数：access_token=…。"],
            lingpai: "\
                经 Lingpai 转发的调用会自动带上正确的凭据。此错误与凭据本身无关，不会触发刷新。",
        },
    },
    Entry {
        code: 42001,
        scopes: &[Scope::Api],
        nature: Nature::TokenBad,
        name: "access_token expired",
        en: Text {
            meaning: "The access_token is past its life.",
            causes: &[
                "The caller kept it longer than expires_in says. A token from stable_token may \
                 have only minutes left when it is handed out.",
                "The clock of the caller runs slow.",
            ],
            advice: &["Ask Lingpai for the token before each call, or keep it no longer than the \
                 expires_in that came with it."],
            lingpai: "\
                It refreshes ahead of expiry. A caller that reports an expired token is given \
                the current one.",
        },
        zh: Text {
            meaning: "access_token 已超过有效期。",
            causes: &[
                "调用方保存的时间超过了 expires_in。从 stable_token 得到的凭据，剩余时间可能只有\
                 几分钟。",
                "调用方的系统时钟偏慢。",
            ],
            advice: &["每次调用前向 Lingpai 获取凭据，或保存时间不超过随凭据返回的 expires_in。"],
            lingpai: "Lingpai 会在过期前提前刷新。对于上报已过期凭据的调用方，直接给出当前凭据。",
        },
    },
    Entry {
        code: 42007,
        scopes: &[Scope::Api, Scope::Platform],
        nature: Nature::NEEDS_PERSON,
        name: "access_token and refresh_token are void because the user changed the password",
        en: Text {
            meaning: "\
                The user changed the password, so that all that was granted before is void, the \
                refresh token too.",
            causes: &[
                "The owner of the account changed its password.",
                "The user whose web login this is changed the password.",
            ],
            advice: &["Have the account or the user authorise again."],
            lingpai: "\
                It does not refresh: no refresh can help. The answer goes to the caller \
                unchanged.",
        },
        zh: Text {
            meaning: "用户修改了密码，此前的授权全部失效，包括 refresh_token。",
            causes: &["账号所有者修改了密码。", "网页授权的用户修改了密码。"],
            advice: &["请该账号或用户重新授权。"],
            lingpai: "Lingpai 不会刷新，因为刷新无济于事；此错误原样返回给调用方。",
        },
    },
];

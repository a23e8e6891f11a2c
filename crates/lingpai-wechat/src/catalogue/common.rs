//! Codes that any API may answer with: success, a busy server, and calls that were put together
//! wrongly.

use super::{Entry, Nature, Scope, Text};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: 0,
        scopes: &[Scope::Token, Scope::Api, Scope::Platform, Scope::WeCom],
        nature: Nature::Success,
        name: "ok",
        en: Text {
            meaning: "The call succeeded.",
            causes: &[
                "Not an error: most APIs add errcode 0 to their answer. A successful answer with \
                 a token has no errcode at all.",
            ],
            advice: &["Look elsewhere for the trouble; this answer shows none."],
            lingpai: "It takes the answer as a success.",
        },
        zh: Text {
            meaning: "调用成功。",
            causes: &[
                "这不是错误：大多数接口成功时也会返回 errcode 0，而获取接口调用凭据的接口成功时\
                 不带 errcode。",
            ],
            advice: &["请到别处查找问题，这条返回本身没有错误。"],
            lingpai: "Lingpai 将其视为成功。",
        },
    },
    Entry {
        code: -1,
        scopes: &[Scope::Token, Scope::Api, Scope::Platform, Scope::WeCom],
        nature: Nature::TRANSIENT,
        name: "system error",
        en: Text {
            meaning: "WeChat is busy or has an internal fault.",
            causes: &["A short overload or a fault inside WeChat. It usually ends within seconds."],
            advice: &["Wait and try again; if it lasts for many minutes, search the developer \
                 community for others who see it, and quote the rid."],
            lingpai: "\
                It tries again with growing pauses, and serves the current token until its real \
                expiry.",
        },
        zh: Text {
            meaning: "微信系统繁忙或内部出错。",
            causes: &["微信侧短时过载或故障，一般几秒内恢复。"],
            advice: &[
                "稍后重试；如果持续多分钟，请到微信开放社区查看是否有人反馈同样的问题，并附上 \
                 rid。",
            ],
            lingpai: "\
                Lingpai 会自动重试，间隔逐步加长；重试期间继续提供现有的 access_token，直到它真\
                正过期。",
        },
    },
    Entry {
        code: 40002,
        scopes: &[Scope::Token, Scope::Api],
        nature: Nature::CallersFault,
        name: "invalid grant_type",
        en: Text {
            meaning: "The parameter grant_type is not client_credential.",
            causes: &[
                "A misspelt or missing grant_type in a hand-written call.",
                "A proxy that rewrites the query or the body.",
            ],
            advice: &["Set grant_type to client_credential."],
            lingpai: "\
                It always sends the right value. If its own call is answered so, it retries \
                slowly and shows it: something on the way changes the call.",
        },
        zh: Text {
            meaning: "参数 grant_type 不是 client_credential。",
            causes: &[
                "手写的请求里 grant_type 拼写错误或缺失。",
                "中间的代理改写了查询参数或请求体。",
            ],
            advice: &["将 grant_type 设为 client_credential。"],
            lingpai: "\
                Lingpai 发出的值总是正确的。如果它自己的请求也得到此错误，说明请求在途中被改\
                写；它会放慢重试并给出提示。",
        },
    },
    Entry {
        code: 40003,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "invalid openid",
        en: Text {
            meaning: "The openid does not belong to this account.",
            causes: &[
                "The openid was obtained under another appid: each user has a different openid \
                 for each account.",
                "A unionid, or a truncated value, was passed in its place.",
            ],
            advice: &["Use the openid that this very account received for the user."],
            lingpai: "It passes the answer on unchanged. A new token would not help.",
        },
        zh: Text {
            meaning: "openid 不属于当前账号。",
            causes: &[
                "该 openid 是在另一个 AppID 下获得的：同一用户在不同账号下的 openid 各不相同。",
                "误传了 unionid，或值被截断。",
            ],
            advice: &["使用当前账号自己获得的该用户 openid。"],
            lingpai: "Lingpai 原样返回此错误。更换 access_token 不能解决问题。",
        },
    },
    Entry {
        code: 40007,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "invalid media_id",
        en: Text {
            meaning: "The media_id is unknown or has expired.",
            causes: &[
                "A temporary media file is kept for three days only.",
                "The media_id was made by another account.",
            ],
            advice: &["Upload the file again and use the new media_id."],
            lingpai: "It passes the answer on unchanged. A new token would not help.",
        },
        zh: Text {
            meaning: "media_id 不存在或已过期。",
            causes: &["临时素材只保留 3 天。", "该 media_id 由另一个账号上传。"],
            advice: &["重新上传素材，使用新的 media_id。"],
            lingpai: "Lingpai 原样返回此错误。更换 access_token 不能解决问题。",
        },
    },
    Entry {
        code: 43001,
        scopes: &[Scope::Token, Scope::Api],
        nature: Nature::CallersFault,
        name: "require GET method",
        en: Text {
            meaning: "This API takes GET only.",
            causes: &["The call was sent as POST.", "A redirect or a proxy changed the method."],
            advice: &["Send the call as GET."],
            lingpai: "It always uses the method that WeChat documents.",
        },
        zh: Text {
            meaning: "该接口只接受 GET 请求。",
            causes: &["请求以 POST 方式发出。", "重定向或代理改变了请求方法。"],
            advice: &["改用 GET 请求。"],
            lingpai: "Lingpai 始终使用微信文档规定的请求方法。",
        },
    },
    Entry {
        code: 43002,
        scopes: &[Scope::Token, Scope::Api],
        nature: Nature::CallersFault,
        name: "require POST method",
        en: Text {
            meaning: "This API takes POST only.",
            causes: &[
                "The call was sent as GET; stable_token, unlike the older token API, takes POST \
                 with a JSON body.",
                "A redirect turned the POST into a GET.",
            ],
            advice: &["Send the call as POST with a JSON body."],
            lingpai: "It always uses the method that WeChat documents, and follows no redirect.",
        },
        zh: Text {
            meaning: "该接口只接受 POST 请求。",
            causes: &[
                "请求以 GET 方式发出；与旧的 token 接口不同，stable_token 需要以 POST 方式提交 \
                 JSON。",
                "重定向把 POST 变成了 GET。",
            ],
            advice: &["改用 POST，并以 JSON 作为请求体。"],
            lingpai: "Lingpai 始终使用微信文档规定的请求方法，也不跟随重定向。",
        },
    },
    Entry {
        code: 43003,
        scopes: &[Scope::Api, Scope::Platform, Scope::WeCom],
        nature: Nature::CallersFault,
        name: "require https",
        en: Text {
            meaning: "This API must be called over https.",
            causes: &["The URL begins with http://."],
            advice: &["Change the URL to https://."],
            lingpai: "It calls WeChat's own hosts over https only.",
        },
        zh: Text {
            meaning: "该接口必须使用 https 调用。",
            causes: &["请求地址以 http:// 开头。"],
            advice: &["将请求地址改为 https://。"],
            lingpai: "Lingpai 只通过 https 访问微信的域名。",
        },
    },
    Entry {
        code: 44002,
        scopes: &[Scope::Token, Scope::Api],
        nature: Nature::CallersFault,
        name: "empty post data",
        en: Text {
            meaning: "The call has no body.",
            causes: &[
                "The parameters were put into the query, where this API does not look for them.",
                "An HTTP client sent the body twice, the second time empty: a stream that was \
                 already read.",
            ],
            advice: &["Put the parameters into the body as JSON."],
            lingpai: "It always sends a body with its length where one is needed.",
        },
        zh: Text {
            meaning: "请求体为空。",
            causes: &[
                "参数放在了查询串里，而该接口从请求体读取参数。",
                "HTTP 客户端重发请求时请求体流已被读空。",
            ],
            advice: &["将参数以 JSON 形式放入请求体。"],
            lingpai: "凡需要请求体的调用，Lingpai 都会带上请求体及其长度。",
        },
    },
    Entry {
        code: 47001,
        scopes: &[Scope::Token, Scope::Api, Scope::Platform, Scope::WeCom],
        nature: Nature::CallersFault,
        name: "data format error",
        en: Text {
            meaning: "WeChat cannot read the body.",
            causes: &[
                "The body is not valid JSON, or is a form where JSON is expected.",
                "The text is not UTF-8, or Chinese characters were escaped twice.",
                "A field has the wrong type, such as a string for a number.",
            ],
            advice: &["Send valid JSON in UTF-8 with the field types of the documentation."],
            lingpai: "\
                Its own calls are valid JSON. If they are answered so, something on the way \
                changes them; it retries slowly and shows it.",
        },
        zh: Text {
            meaning: "微信无法解析请求体。",
            causes: &[
                "请求体不是合法的 JSON，或在需要 JSON 的地方提交了表单。",
                "编码不是 UTF-8，或中文被重复转义。",
                "字段类型不对，例如应为数字却传了字符串。",
            ],
            advice: &["按文档规定的字段类型，以 UTF-8 编码提交合法的 JSON。"],
            lingpai: "\
                Lingpai 自己的请求都是合法 JSON。如果仍得到此错误，说明请求在途中被改写；它会放\
                慢重试并给出提示。",
        },
    },
];

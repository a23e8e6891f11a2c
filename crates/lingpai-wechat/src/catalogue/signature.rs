//! Codes of signed and encrypted API calls (API 安全, `Wechatmp-*` headers) of mini programs.

use super::{Entry, Nature, Scope, Text};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: 40230,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "missing Wechatmp-Serial",
        en: Text {
            meaning: "The call lacks the serial number of its certificate.",
            causes: &["The header that names the certificate was not sent, or a proxy removed it."],
            advice: &[
                "Send the serial number that the console shows, not the one in the certificate \
                 file.",
            ],
            lingpai: "An account that carries API security keys has its calls encrypted and signed by the \
                      gateway; without keys the answer passes unchanged.",
        },
        zh: Text {
            meaning: "调用缺少证书序列号。",
            causes: &["未发送证书序列号的请求头，或被代理删除。"],
            advice: &["使用后台显示的证书编号，而不是证书文件中的 X.509 序列号。"],
            lingpai: "账号设置了 API 安全密钥时，网关加密并签名它的调用；没有设置时原样返回此错误。",
        },
    },
    Entry {
        code: 40231,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "missing Wechatmp-TimeStamp",
        en: Text {
            meaning: "The call lacks the header Wechatmp-TimeStamp.",
            causes: &["The header was not sent, or a proxy removed it."],
            advice: &["Send the time that was signed, in seconds, as Wechatmp-TimeStamp."],
            lingpai: "An account that carries API security keys has its calls encrypted and signed by the \
                      gateway; without keys the answer passes unchanged.",
        },
        zh: Text {
            meaning: "调用缺少请求头 Wechatmp-TimeStamp。",
            causes: &["未发送此请求头，或被代理删除。"],
            advice: &["以 Wechatmp-TimeStamp 发送参与签名的时间戳（秒）。"],
            lingpai: "账号设置了 API 安全密钥时，网关加密并签名它的调用；没有设置时原样返回此错误。",
        },
    },
    Entry {
        code: 40232,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "missing Wechatmp-Signature",
        en: Text {
            meaning: "The call lacks the header Wechatmp-Signature.",
            causes: &["The header was not sent, or a proxy removed it."],
            advice: &["Sign the call and send the signature in base64 as Wechatmp-Signature."],
            lingpai: "An account that carries API security keys has its calls encrypted and signed by the \
                      gateway; without keys the answer passes unchanged.",
        },
        zh: Text {
            meaning: "调用缺少请求头 Wechatmp-Signature。",
            causes: &["未发送此请求头，或被代理删除。"],
            advice: &["对请求签名，并以 Wechatmp-Signature 发送 base64 编码的签名。"],
            lingpai: "账号设置了 API 安全密钥时，网关加密并签名它的调用；没有设置时原样返回此错误。",
        },
    },
    Entry {
        code: 40233,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "missing Wechatmp-Appid",
        en: Text {
            meaning: "The call lacks the header Wechatmp-Appid.",
            causes: &["The header was not sent, or a proxy removed it."],
            advice: &["Send the AppID of the mini program as Wechatmp-Appid."],
            lingpai: "An account that carries API security keys has its calls encrypted and signed by the \
                      gateway; without keys the answer passes unchanged.",
        },
        zh: Text {
            meaning: "调用缺少请求头 Wechatmp-Appid。",
            causes: &["未发送此请求头，或被代理删除。"],
            advice: &["以 Wechatmp-Appid 发送小程序的 AppID。"],
            lingpai: "账号设置了 API 安全密钥时，网关加密并签名它的调用；没有设置时原样返回此错误。",
        },
    },
    Entry {
        code: 40234,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "invalid signature",
        en: Text {
            meaning: "The signature does not fit the call.",
            causes: &[
                "The signed text differs from what was sent: URL with its query, another time, \
                 or the body before it was encrypted.",
            ],
            advice: &[
                "Sign the lines URL without query, appid, timestamp and encrypted body, joined \
                 by line feeds and without one at the end, with RSA-PSS, SHA-256 and a salt of \
                 32 bytes.",
            ],
            lingpai: "The gateway signs for accounts that carry keys. If its calls are refused so, the private \
                      key is not the pair of the public key in the console, or the URL that it sends to is not \
                      WeChat's own.",
        },
        zh: Text {
            meaning: "签名与请求不符。",
            causes: &[
                "签名内容与实际发送的不同：URL 带了查询参数、时间戳不一致，或签的是加密前的请求\
                 体。",
            ],
            advice: &[
                "按“不含查询参数的 URL、appid、时间戳、加密后的请求体”的顺序以换行连接（末尾不换\
                 行），用 RSA-PSS、SHA-256、32 字节盐签名。",
            ],
            lingpai: "网关为设置了密钥的账号签名。如果它的调用被这样拒绝，说明私钥与后台的公钥不成对，或发往的 URL 不是微信自己的。",
        },
    },
    Entry {
        code: 40235,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "bad encryption",
        en: Text {
            meaning: "WeChat cannot decrypt the body.",
            causes: &[
                "Another key, a wrong additional text (URL, appid, time, key number), or iv and \
                 tag not in base64.",
            ],
            advice: &["Check the symmetric key and its number in the console, and the additional \
                 authenticated data: URL, appid, timestamp and key number, joined by |."],
            lingpai: "The gateway encrypts for accounts that carry keys, and tries the symmetric key before \
                      the present one too, if the account has one. If it is refused so all the same, compare \
                      key and number with the console.",
        },
        zh: Text {
            meaning: "微信无法解密请求体。",
            causes: &[
                "密钥不符、附加数据（URL、appid、时间戳、密钥编号）有误，或 iv、authtag 未用 \
                 base64 编码。",
            ],
            advice: &[
                "核对后台的对称密钥及其编号，以及以 | 连接的附加数据：URL、appid、时间戳、密钥编\
                 号。",
            ],
            lingpai: "网关为设置了密钥的账号加密，账号还有上一个对称密钥时也会试用。如果仍被这样拒绝，请对照后台检查密钥与编号。",
        },
    },
    Entry {
        code: 40236,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "bad appid inside the encrypted data",
        en: Text {
            meaning: "The AppID inside the encrypted data is not right.",
            causes: &["The field _appid is missing or differs from the header."],
            advice: &["Put the same AppID into _appid and into Wechatmp-Appid."],
            lingpai: "An account that carries API security keys has its calls encrypted and signed by the \
                      gateway; without keys the answer passes unchanged.",
        },
        zh: Text {
            meaning: "加密数据中的 AppID 不正确。",
            causes: &["字段 _appid 缺失，或与请求头不一致。"],
            advice: &["使 _appid 与 Wechatmp-Appid 一致。"],
            lingpai: "账号设置了 API 安全密钥时，网关加密并签名它的调用；没有设置时原样返回此错误。",
        },
    },
    Entry {
        code: 40237,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "the appid is not that of the token",
        en: Text {
            meaning: "The AppID of the headers is not the one that the access_token belongs to.",
            causes: &["The token of another account was used."],
            advice: &["Use the access_token of the account whose AppID is in the headers."],
            lingpai: "An account that carries API security keys has its calls encrypted and signed by the \
                      gateway; without keys the answer passes unchanged.",
        },
        zh: Text {
            meaning: "请求头中的 AppID 与 access_token 所属的账号不一致。",
            causes: &["使用了另一个账号的 access_token。"],
            advice: &["使用与请求头中 AppID 相同账号的 access_token。"],
            lingpai: "账号设置了 API 安全密钥时，网关加密并签名它的调用；没有设置时原样返回此错误。",
        },
    },
    Entry {
        code: 40238,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "no symmetric key is set",
        en: Text {
            meaning: "The account has no symmetric key for encrypted calls.",
            causes: &["The key was not set in the console yet, or was removed."],
            advice: &["Set the symmetric key at mp.weixin.qq.com, 开发管理, under API 安全."],
            lingpai: "It encrypts with the keys of the account; WeChat has none of this account. Set one up in \
                      the console.",
        },
        zh: Text {
            meaning: "账号未设置用于加密的对称密钥。",
            causes: &["后台尚未设置，或已删除。"],
            advice: &["在 mp.weixin.qq.com“开发管理”的“API 安全”中设置对称密钥。"],
            lingpai: "Lingpai 用账号的密钥加密，而微信没有该账号的密钥。请先在后台设置。",
        },
    },
    Entry {
        code: 40239,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "no asymmetric key is set",
        en: Text {
            meaning: "The account has no asymmetric key for signed calls.",
            causes: &["The key was not set in the console yet, or was removed."],
            advice: &["Set the asymmetric key at mp.weixin.qq.com, 开发管理, under API 安全."],
            lingpai: "It signs with the private key of the account; WeChat has no public key of this account. \
                      Set one up in the console.",
        },
        zh: Text {
            meaning: "账号未设置用于签名的非对称密钥。",
            causes: &["后台尚未设置，或已删除。"],
            advice: &["在 mp.weixin.qq.com“开发管理”的“API 安全”中设置非对称密钥。"],
            lingpai: "Lingpai 用账号的私钥签名，而微信没有该账号的公钥。请先在后台设置。",
        },
    },
    Entry {
        code: 40240,
        scopes: &[Scope::Api],
        nature: Nature::CallersFault,
        name: "timestamp is too old",
        en: Text {
            meaning: "The time of the call is too far back.",
            causes: &[
                "The clock of the caller runs slow, or the call was signed long before it was \
                 sent.",
            ],
            advice: &[
                "Set the clock of the machine by NTP, and sign each call right before it is \
                 sent.",
            ],
            lingpai: "The gateway signs with the time of its machine, anew each time that it sends: set that \
                      clock right.",
        },
        zh: Text {
            meaning: "请求的时间戳过旧。",
            causes: &["调用方的系统时钟偏慢，或签名后很久才发送。"],
            advice: &["用 NTP 校准系统时钟，并在发送前才签名。"],
            lingpai: "网关用本机时间签名，每次发送都重新签名：请校准本机时钟。",
        },
    },
];

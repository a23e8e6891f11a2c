//! Codes of WeCom (企业微信, qyapi.weixin.qq.com) that mean something else there, or exist only there.

use super::{Entry, Nature, Scope, Text};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: 40001,
        scopes: &[Scope::WeCom],
        nature: Nature::NEEDS_PERSON,
        name: "invalid credential",
        en: Text {
            meaning: "\
                In WeCom, 40001 means that the secret is wrong; it does not mean a bad token.",
            causes: &[
                "The Secret belongs to another application of the corp, or was reset.",
                "The corpid and the Secret are of different corps.",
            ],
            advice: &["Copy the Secret of the very application from work.weixin.qq.com, 应用管理."],
            lingpai: "\
                It tries again after 15 s and then ever less often, up to 12 minutes, until the \
                secret is mended: over 2,000 failed calls an hour block gettoken. The current \
                token is served until it expires. On other calls it replaces no token because of \
                this code.",
        },
        zh: Text {
            meaning: "在企业微信，40001 表示 Secret 错误，而不是 access_token 无效。",
            causes: &[
                "Secret 属于企业的另一个应用，或已被重置。",
                "corpid 与 Secret 不属于同一企业。",
            ],
            advice: &["在企业微信管理后台（work.weixin.qq.com）的“应用管理”中，复制该应用自己的 \
                 Secret。"],
            lingpai: "\
                Lingpai 在 15 秒后重试，间隔逐步加长到 12 分钟，直到 Secret 改正为止：一小时内失败超过 \
                2000 次，gettoken 会被封禁。现有凭据继续提供到过期为止。其他调用遇到此错误码时，不会因此\
                更换凭据。",
        },
    },
    Entry {
        code: 40013,
        scopes: &[Scope::WeCom],
        nature: Nature::NEEDS_PERSON,
        name: "invalid corpid",
        en: Text {
            meaning: "WeCom does not know this corpid.",
            causes: &[
                "It is misspelt, or the AppID of another product. A corpid begins with ww or wx.",
            ],
            advice: &["Copy the corpid (企业ID) from work.weixin.qq.com, 我的企业."],
            lingpai: "\
                It tries again ever less often, up to every 12 minutes, and serves the current token until \
                it expires.",
        },
        zh: Text {
            meaning: "企业微信不认识此 corpid。",
            causes: &["填写有误，或误填了其他产品的 AppID。企业 ID 以 ww 或 wx 开头。"],
            advice: &["在企业微信管理后台（work.weixin.qq.com）的“我的企业”中复制企业 ID。"],
            lingpai: "\
                Lingpai 重试的间隔逐步加长到 12 分钟，现有凭据继续提供到过期为止。",
        },
    },
    Entry {
        code: 40014,
        scopes: &[Scope::WeCom],
        nature: Nature::TokenBad,
        name: "invalid access_token",
        en: Text {
            meaning: "In WeCom, this is the code of a bad token.",
            causes: &[
                "It belongs to another application or corp: each application has its own.",
                "WeCom ended it early, or it was damaged on its way.",
            ],
            advice: &[
                "Fetch the token of the application that the call is for, and pass it as it \
                 came.",
            ],
            lingpai: "\
                It tries the token with a cheap call. Refused there too, the token is replaced, and a call \
                through the gateway is sent once more.",
        },
        zh: Text {
            meaning: "在企业微信，此错误码表示 access_token 无效。",
            causes: &[
                "属于另一个应用或企业：每个应用有自己的 access_token。",
                "被企业微信提前作废，或在传输中损坏。",
            ],
            advice: &["重新获取该应用的 access_token，并原样传递。"],
            lingpai: "\
                Lingpai 用一个开销很小的接口试用该凭据；如果同样被拒绝，就换新凭据，经网关的调用会\
                重发一次。",
        },
    },
    Entry {
        code: 40058,
        scopes: &[Scope::WeCom],
        nature: Nature::CallersFault,
        name: "invalid parameter",
        en: Text {
            meaning: "A parameter does not fit what this API wants.",
            causes: &[
                "A value is missing, too long, or of the wrong type; the text after the code \
                 names the field as a rule.",
            ],
            advice: &[
                "Compare the parameter that the text names with the documentation of the API.",
            ],
            lingpai: "\
                It passes the answer on unchanged.",
        },
        zh: Text {
            meaning: "参数不合法。",
            causes: &["参数缺失、过长或类型不对；错误文本一般会指出具体字段。"],
            advice: &["按错误文本指出的字段，对照接口文档检查。"],
            lingpai: "\
                Lingpai 原样返回此错误。",
        },
    },
    Entry {
        code: 40091,
        scopes: &[Scope::WeCom],
        nature: Nature::NEEDS_PERSON,
        name: "invalid secret",
        en: Text {
            meaning: "The Secret is not valid.",
            causes: &["It was reset, or belongs to another application or provider."],
            advice: &["Copy the Secret of the very application from work.weixin.qq.com, 应用管理."],
            lingpai: "\
                It tries again ever less often, up to every 12 minutes, and serves the current token until \
                it expires. Lingpai itself answers this code to a wrong API key at \
                /cgi-bin/gettoken.",
        },
        zh: Text {
            meaning: "Secret 无效。",
            causes: &["已被重置，或属于另一个应用、服务商。"],
            advice: &["在企业微信管理后台（work.weixin.qq.com）的“应用管理”中，复制该应用自己的 \
                 Secret。"],
            lingpai: "\
                Lingpai 重试的间隔逐步加长到 12 分钟，现有凭据继续提供到过期为止。在 /cgi-bin/gettoken 使用了\
                错误的 API 密钥时，Lingpai 自己也返回此错误码。",
        },
    },
    Entry {
        code: 42001,
        scopes: &[Scope::WeCom],
        nature: Nature::TokenBad,
        name: "access_token expired",
        en: Text {
            meaning: "The access_token of the application is past its life.",
            causes: &[
                "It was kept longer than its expires_in. Asking again within its life does not \
                 prolong it.",
            ],
            advice: &["Fetch a new one with gettoken."],
            lingpai: "\
                It fetches a new token as soon as the old one expires, and holds calls through the gateway \
                meanwhile. If WeCom says it sooner, it does as with 40014.",
        },
        zh: Text {
            meaning: "应用的 access_token 已过期。",
            causes: &["保存时间超过 expires_in。有效期内重复获取不会延长它。"],
            advice: &["调用 gettoken 重新获取。"],
            lingpai: "\
                旧凭据一过期，Lingpai 就获取新凭据，其间经网关的调用会等待。如果企业微信提前返回此错误码，\
                处理方式与 40014 相同。",
        },
    },
    Entry {
        code: 45009,
        scopes: &[Scope::WeCom],
        nature: Nature::rate_limited(60),
        name: "api freq out of limit",
        en: Text {
            meaning: "\
                WeCom was called too often. Its limits are per minute and per hour, not per day \
                as WeChat's are.",
            causes: &[
                "More than 10,000 calls a minute or 150,000 an hour of one API for one corp, or \
                 20,000 a minute or 600,000 an hour from one address.",
                "A loop that retries without a pause, or fetches a token on every call.",
            ],
            advice: &[
                "Wait for a minute, or an hour if it was the hourly limit, and call less often.",
            ],
            lingpai: "\
                Where a token or a ticket is fetched, it waits for a minute. On other calls it passes the \
                answer on.",
        },
        zh: Text {
            meaning: "调用企业微信过于频繁。与微信按天计的额度不同，这里的限制按分钟和小时计。",
            causes: &[
                "单个企业对单个接口的调用超过每分钟 10,000 次或每小时 150,000 次，或同一 IP 超过\
                 每分钟 20,000 次或每小时 600,000 次。",
                "程序不加间隔地重试，或每次调用都重新获取凭据。",
            ],
            advice: &["等待一分钟（超过小时限制则等待一小时），并降低调用频率。"],
            lingpai: "\
                获取凭据或 ticket 时，Lingpai 等待一分钟再试；其他调用原样返回此错误。",
        },
    },
    Entry {
        code: 45033,
        scopes: &[Scope::WeCom],
        nature: Nature::rate_limited(60),
        name: "concurrency limit",
        en: Text {
            meaning: "Too many calls of this API run at the same time.",
            causes: &["A burst of parallel calls, or several services that share one application."],
            advice: &["Run fewer calls in parallel and spread bursts."],
            lingpai: "\
                Where a token or a ticket is fetched, it waits for a minute. On other calls it passes the \
                answer on.",
        },
        zh: Text {
            meaning: "该接口的并发调用数超过限制。",
            causes: &["突发的并行调用，或多个服务共用一个应用。"],
            advice: &["降低并发，把突发调用错开。"],
            lingpai: "\
                获取凭据或 ticket 时，Lingpai 等待一分钟再试；其他调用原样返回此错误。",
        },
    },
    Entry {
        code: 50003,
        scopes: &[Scope::WeCom],
        nature: Nature::NEEDS_PERSON,
        name: "application is disabled",
        en: Text {
            meaning: "The application is disabled.",
            causes: &["An administrator of the corp disabled it."],
            advice: &["Enable it at work.weixin.qq.com, 应用管理."],
            lingpai: "\
                It tries again ever less often, up to every 12 minutes. On other calls it passes the answer \
                on.",
        },
        zh: Text {
            meaning: "应用已停用。",
            causes: &["企业管理员停用了该应用。"],
            advice: &["在企业微信管理后台（work.weixin.qq.com）的“应用管理”中启用。"],
            lingpai: "\
                Lingpai 重试的间隔逐步加长到 12 分钟；其他调用原样返回此错误。",
        },
    },
    Entry {
        code: 60020,
        scopes: &[Scope::WeCom],
        nature: Nature::NEEDS_PERSON,
        name: "not allow to access from your ip",
        en: Text {
            meaning: "\
                WeCom refuses the address that the call comes from: it is not a trusted IP of \
                the application.",
            causes: &[
                "The machine goes out with another public address than those listed.",
                "gettoken is not checked, so that a token comes and every other call is refused.",
            ],
            advice: &[
                "Add {ip} to the trusted IPs (企业可信IP) of the application at \
                 work.weixin.qq.com, 应用管理.",
                "Setting it needs a trusted domain or a callback URL first; a change acts within \
                 about a minute.",
            ],
            lingpai: "\
                It replaces no token because of this: the token may be good. It passes the answer on.",
        },
        zh: Text {
            meaning: "企业微信拒绝了调用方的 IP：它不是该应用的可信 IP。",
            causes: &[
                "本机出口的公网 IP 与登记的不同。",
                "gettoken 不受此限制，因此能拿到凭据，其他调用却全部被拒绝。",
            ],
            advice: &[
                "在企业微信管理后台（work.weixin.qq.com）“应用管理”中，把 {ip} 加入该应用的“企业\
                 可信IP”。",
                "设置前需要先配置可信域名或接收消息的 URL；修改约一分钟后生效。",
            ],
            lingpai: "\
                Lingpai 不会因此更换凭据，因为凭据本身可能是好的；错误原样返回。",
        },
    },
];

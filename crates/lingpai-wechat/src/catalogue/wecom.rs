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
                It only explains this code: this version keeps no WeCom credentials. Retrying \
                fast would make it worse: over 2,000 failed calls an hour block gettoken.",
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
                Lingpai 只解释此错误码：当前版本不管理企业微信的凭据。快速重试只会更糟：一小时\
                内失败超过 2000 次，gettoken 会被封禁。",
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
            lingpai: "It only explains this code: this version keeps no WeCom credentials.",
        },
        zh: Text {
            meaning: "企业微信不认识此 corpid。",
            causes: &["填写有误，或误填了其他产品的 AppID。企业 ID 以 ww 或 wx 开头。"],
            advice: &["在企业微信管理后台（work.weixin.qq.com）的“我的企业”中复制企业 ID。"],
            lingpai: "Lingpai 只解释此错误码：当前版本不管理企业微信的凭据。",
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
            lingpai: "It only explains this code: this version keeps no WeCom credentials.",
        },
        zh: Text {
            meaning: "在企业微信，此错误码表示 access_token 无效。",
            causes: &[
                "属于另一个应用或企业：每个应用有自己的 access_token。",
                "被企业微信提前作废，或在传输中损坏。",
            ],
            advice: &["重新获取该应用的 access_token，并原样传递。"],
            lingpai: "Lingpai 只解释此错误码：当前版本不管理企业微信的凭据。",
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
            lingpai: "It only explains this code: this version keeps no WeCom credentials.",
        },
        zh: Text {
            meaning: "参数不合法。",
            causes: &["参数缺失、过长或类型不对；错误文本一般会指出具体字段。"],
            advice: &["按错误文本指出的字段，对照接口文档检查。"],
            lingpai: "Lingpai 只解释此错误码：当前版本不管理企业微信的凭据。",
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
            lingpai: "It only explains this code: this version keeps no WeCom credentials.",
        },
        zh: Text {
            meaning: "Secret 无效。",
            causes: &["已被重置，或属于另一个应用、服务商。"],
            advice: &["在企业微信管理后台（work.weixin.qq.com）的“应用管理”中，复制该应用自己的 \
                 Secret。"],
            lingpai: "Lingpai 只解释此错误码：当前版本不管理企业微信的凭据。",
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
            lingpai: "It only explains this code: this version keeps no WeCom credentials.",
        },
        zh: Text {
            meaning: "应用的 access_token 已过期。",
            causes: &["保存时间超过 expires_in。有效期内重复获取不会延长它。"],
            advice: &["调用 gettoken 重新获取。"],
            lingpai: "Lingpai 只解释此错误码：当前版本不管理企业微信的凭据。",
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
            lingpai: "It only explains this code: this version keeps no WeCom credentials.",
        },
        zh: Text {
            meaning: "调用企业微信过于频繁。与微信按天计的额度不同，这里的限制按分钟和小时计。",
            causes: &[
                "单个企业对单个接口的调用超过每分钟 10,000 次或每小时 150,000 次，或同一 IP 超过\
                 每分钟 20,000 次或每小时 600,000 次。",
                "程序不加间隔地重试，或每次调用都重新获取凭据。",
            ],
            advice: &["等待一分钟（超过小时限制则等待一小时），并降低调用频率。"],
            lingpai: "Lingpai 只解释此错误码：当前版本不管理企业微信的凭据。",
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
            lingpai: "It only explains this code: this version keeps no WeCom credentials.",
        },
        zh: Text {
            meaning: "该接口的并发调用数超过限制。",
            causes: &["突发的并行调用，或多个服务共用一个应用。"],
            advice: &["降低并发，把突发调用错开。"],
            lingpai: "Lingpai 只解释此错误码：当前版本不管理企业微信的凭据。",
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
            lingpai: "It only explains this code: this version keeps no WeCom credentials.",
        },
        zh: Text {
            meaning: "应用已停用。",
            causes: &["企业管理员停用了该应用。"],
            advice: &["在企业微信管理后台（work.weixin.qq.com）的“应用管理”中启用。"],
            lingpai: "Lingpai 只解释此错误码：当前版本不管理企业微信的凭据。",
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
                It only explains this code: this version keeps no WeCom credentials. The token \
                may be good.",
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
            lingpai: "Lingpai 只解释此错误码：当前版本不管理企业微信的凭据。凭据本身可能是好的。",
        },
    },
];

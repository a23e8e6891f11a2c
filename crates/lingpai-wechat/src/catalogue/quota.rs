//! Codes about how often may be called.

use super::{Entry, Nature, Scope, Text};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: 45009,
        scopes: &[Scope::Token, Scope::Api, Scope::Platform],
        nature: Nature::QUOTA,
        name: "reach max api daily quota limit",
        en: Text {
            meaning: "\
                The quota of this API is used up for today. The day is believed to end at \
                midnight in Asia/Shanghai.",
            causes: &[
                "Where a token is fetched: several programs fetch from /cgi-bin/token on their \
                 own, which has 2000 calls a day as a rule.",
                "A loop that fetches a token on every call or on every error.",
                "Traffic has outgrown the quota of the account's tier.",
            ],
            advice: &[
                "Wait for the new day, or clear the quota with /cgi-bin/clear_quota/v2, which is \
                 allowed 10 times a month.",
                "Find out who calls: /cgi-bin/openapi/quota/get shows limit and use of one API.",
                "Fetch from stable_token, which has 500,000 calls a day and repeats its token.",
            ],
            lingpai: "\
                It counts its own calls per account and day. When the quota is gone, it probes \
                every 15 minutes, serves the current token until it expires, and fetches for a \
                classic account from stable_token if its configuration allows it.",
        },
        zh: Text {
            meaning: "该接口当日的调用额度已用完。据推断，额度在北京时间零点重置。",
            causes: &[
                "获取凭据时：多个程序各自调用 /cgi-bin/token，而它通常每天只有 2000 次。",
                "程序陷入循环，每次调用或每次出错都重新获取凭据。",
                "业务量超出账号等级对应的额度。",
            ],
            advice: &[
                "等到第二天，或调用 /cgi-bin/clear_quota/v2 清零，每月限 10 次。",
                "查明是谁在调用：/cgi-bin/openapi/quota/get 可查看单个接口的额度与用量。",
                "改从 stable_token 获取凭据，每天 500,000 次，有效期内重复返回同一凭据。",
            ],
            lingpai: "\
                Lingpai 按账号和日期统计自己的调用。额度用完后，它每 15 分钟试探一次，现有凭据\
                继续提供到过期为止；经典模式的账号如果配置允许，会改从 stable_token 获取。",
        },
    },
    Entry {
        code: 45011,
        scopes: &[Scope::Token, Scope::Api],
        nature: Nature::rate_limited(60),
        name: "api minute-quota reach limit",
        en: Text {
            meaning: "The API was called too often within this minute.",
            causes: &[
                "A burst of calls, often a loop that retries without a pause.",
                "stable_token takes 10,000 calls a minute for each account.",
            ],
            advice: &["Wait a minute and call less often."],
            lingpai: "\
                It waits 60 seconds before it tries again, and serves the current token \
                meanwhile.",
        },
        zh: Text {
            meaning: "一分钟内调用该接口过于频繁。",
            causes: &[
                "突发的大量调用，常见于不加间隔的重试循环。",
                "stable_token 每个账号每分钟限 10,000 次。",
            ],
            advice: &["等待一分钟，并降低调用频率。"],
            lingpai: "Lingpai 等待 60 秒后再试，期间继续提供现有凭据。",
        },
    },
    Entry {
        code: 48006,
        scopes: &[Scope::Api, Scope::Platform],
        nature: Nature::QUOTA,
        name: "forbid to clear quota because of reaching the limit",
        en: Text {
            meaning: "The quota was cleared 10 times this month already; that is all there is.",
            causes: &["The console, clear_quota and clear_quota/v2 share the 10 times."],
            advice: &[
                "Wait for the next month, or for the next day, when the daily quota begins anew.",
            ],
            lingpai: "It clears no quota by itself, so that the 10 times stay yours.",
        },
        zh: Text {
            meaning: "本月 10 次清零机会已用完。",
            causes: &["后台、clear_quota 与 clear_quota/v2 共用这 10 次。"],
            advice: &["等到下个月；或等到第二天，当日额度会自动恢复。"],
            lingpai: "Lingpai 不会自行清零额度，10 次机会全部留给你。",
        },
    },
];

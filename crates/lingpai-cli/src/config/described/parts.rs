//! The settings of what there can be several of: accounts, alerts, the way in which pushes are received, and keys.

use super::Setting;

/// The settings of an `[[account]]`.
pub(crate) const OF_ACCOUNT: &[Setting] = &[
    Setting {
        key: "id",
        default: ["needed", "必填"],
        meaning: [
            "The appid; of an application of [WeCom](wecom.md), `corpid:agentid`.",
            "AppID；[企业微信](wecom.md)应用为 `企业 ID:AgentId`。",
        ],
    },
    Setting {
        key: "secret",
        default: ["needed", "必填"],
        meaning: ["Where the AppSecret is, as above.", "AppSecret 在哪里，写法见上文。"],
    },
    Setting {
        key: "kind",
        default: ["`\"official-account\"`", "`\"official-account\"`"],
        meaning: [
            "Or `mini-program`, `mini-game`, `wecom`; of [WeCom's service providers](wecom.md#service-providers) `wecom-suite`, \
            `wecom-provider`, `wecom-authorized`; of a [third-party platform](platform.md) `platform`, and of who has authorised it \
            `authorizer` or `authorizer-mini-program`.",
            "公众号、服务号；另有小程序 `mini-program`、小游戏 `mini-game`、企业微信应用 `wecom`；\
            [企业微信服务商](wecom.md#服务商)为 `wecom-suite`、`wecom-provider`、`wecom-authorized`；[第三方平台](platform.md)为 \
            `platform`，其授权方为 `authorizer`（公众号）或 `authorizer-mini-program`（小程序）。",
        ],
    },
    Setting {
        key: "platform",
        default: ["none", "无"],
        meaning: [
            "The account that this one has authorised: of an authorizer the platform, of a `wecom-authorized` the suite. Of a `wecom-suite` the account of its \
            provider, whose corpid the check of the push URL is for.",
            "本账号授权给了哪个账号：授权方填第三方平台，`wecom-authorized` 填应用套件。`wecom-suite` 填其服务商的账号，校验推送 URL 时用服务商的企业 ID。",
        ],
    },
    Setting {
        key: "mode",
        default: ["`\"stable\"`", "`\"stable\"`"],
        meaning: [
            "`stable` uses `/cgi-bin/stable_token`: a call too many repeats the token. `classic` uses \
            `/cgi-bin/token`, where every call replaces it: nobody but Lingpai may then fetch.",
            "`stable` 使用 `/cgi-bin/stable_token`，多调用一次只会得到同一凭据。`classic` 使用 `/cgi-bin/token`，每次\
            调用都会换掉凭据，因此除 Lingpai 外不得再有别人获取。",
        ],
    },
    Setting {
        key: "proxy",
        default: ["none", "无"],
        meaning: [
            "What WeChat is reached through for this account, as [above](#proxies-and-certificates).",
            "此账号经由哪个代理访问微信，见[上文](#代理与证书)。",
        ],
    },
    Setting {
        key: "proxy-password",
        default: ["none", "无"],
        meaning: ["The password for `proxy`, as above.", "代理的密码。"],
    },
    Setting {
        key: "push",
        default: ["none", "无"],
        meaning: [
            "How it [receives what WeChat pushes](push.md), a table: `[account.push]`.",
            "如何[接收消息推送](push.md)，写成一个表：`[account.push]`。",
        ],
    },
    Setting {
        key: "api-security",
        default: ["none", "无"],
        meaning: [
            "The keys with which its calls are [encrypted and signed](api-security.md), a table: `[account.api-security]`.",
            "用来[加密并签名其调用](api-security.md)的密钥，写成一个表：`[account.api-security]`。",
        ],
    },
    Setting {
        key: "refresh",
        default: ["`\"eager\"`", "`\"eager\"`"],
        meaning: [
            "`eager` is always fresh. `on-demand` fetches when somebody asks and there is none. `{ idle-after = \
            \"6h\" }` is eager while the account was used within this time.",
            "`eager`：始终保持新鲜。`on-demand`：有人要而没有时才获取。`{ idle-after = \"6h\" }`：在此时间内用过就保\
            持新鲜。",
        ],
    },
    Setting {
        key: "lead",
        default: ["`\"10m\"`", "`\"10m\"`"],
        meaning: [
            "How long before its end a token is renewed. In stable mode always within the last 5 minutes, since \
            WeChat repeats the token before.",
            "过期前多久更换。稳定版总在最后 5 分钟内更换，因为在此之前微信只会返回同一凭据。",
        ],
    },
    Setting {
        key: "jitter",
        default: ["`\"1m\"`", "`\"1m\"`"],
        meaning: [
            "Up to how much earlier, at random, so that many accounts do not renew in step.",
            "在此范围内随机提前，避免大量账号同时更换。",
        ],
    },
    Setting {
        key: "daily-budget",
        default: ["2000 stable, 150 classic, 1000 WeCom", "稳定版 2000，普通版 150，企业微信 1000"],
        meaning: [
            "Fetches a day at most. The last quarter is kept for scheduled renewals.",
            "每天最多获取次数，最后四分之一留给定时更换。",
        ],
    },
    Setting {
        key: "fallback",
        default: ["`true`", "`true`"],
        meaning: [
            "A classic account out of quota may use the stable family meanwhile.",
            "普通版额度用尽时，可暂用稳定版凭据。",
        ],
    },
    Setting {
        key: "alone",
        default: ["`false`", "`false`"],
        meaning: [
            "A classic account may be fetched for while the store cannot be reached, so that no lease guards it.",
            "存储不可用、没有租约保护时，普通版账号是否仍可获取。",
        ],
    },
    Setting {
        key: "fetch-deadline",
        default: ["`\"8s\"`", "`\"8s\"`"],
        meaning: [
            "How long one fetch may take. Longer than `call-deadline`.",
            "一次获取的时限，须大于 `call-deadline`。",
        ],
    },
    Setting {
        key: "keeping",
        default: ["`\"managed\"`", "`\"managed\"`"],
        meaning: [
            "Whether tokens are fetched: `\"managed\"`; `\"observe\"`, where only a token that was given is served; `\"paused\"`, \
            where the last one is served to its end. See [moving an account](migrate.md).",
            "是否获取凭据：`\"managed\"` 维护；`\"observe\"` 只提供交给它的凭据；`\"paused\"` 现有凭据用到到期为止。见\
            [迁移账号](migrate.md)。",
        ],
    },
];

/// The settings of an `[[alert]]`.
pub(crate) const OF_ALERT: &[Setting] = &[
    Setting {
        key: "name",
        default: ["needed", "必填"],
        meaning: ["Its name: letters, digits, `-` and `_`.", "名称：字母、数字、`-` 和 `_`。"],
    },
    Setting {
        key: "robot",
        default: ["needed", "必填"],
        meaning: [
            "Who receives it: `wecom`, `dingtalk`, `feishu` or `webhook`.",
            "由谁接收：`wecom`（企业微信）、`dingtalk`（钉钉）、`feishu`（飞书）或 `webhook`。",
        ],
    },
    Setting {
        key: "url",
        default: ["needed", "必填"],
        meaning: [
            "The robot's URL. By reference, since it holds a key.",
            "机器人的 URL。其中含有密钥，所以写引用。",
        ],
    },
    Setting {
        key: "secret",
        default: ["none", "无"],
        meaning: [
            "What messages are signed with, by reference. WeCom's robots know no signature.",
            "签名用的密钥，写引用。企业微信机器人没有签名。",
        ],
    },
    Setting {
        key: "severity",
        default: ["`\"warning\"`", "`\"warning\"`"],
        meaning: [
            "Events of this severity and of graver ones: `info`, `notice`, `warning` or `error`.",
            "这一级及更严重的事件：`info`、`notice`、`warning` 或 `error`。",
        ],
    },
    Setting {
        key: "events",
        default: ["all", "全部"],
        meaning: [
            "Events of these names only, such as `[\"rogue-refresher\", \"ip-refused\"]`.",
            "只限这些事件，如 `[\"rogue-refresher\", \"ip-refused\"]`。",
        ],
    },
    Setting {
        key: "accounts",
        default: ["all", "全部"],
        meaning: ["Events of these accounts only.", "只限这些账号的事件。"],
    },
    Setting {
        key: "language",
        default: ["that of the server", "与服务相同"],
        meaning: ["The language of its messages: `en` or `zh`.", "消息的语言：`en` 或 `zh`。"],
    },
    Setting {
        key: "group",
        default: ["`\"30s\"`", "`\"30s\"`"],
        meaning: ["How long it gathers before it sends a message.", "发送前汇集多久。"],
    },
    Setting {
        key: "pause",
        default: ["`\"1m\"`", "`\"1m\"`"],
        meaning: ["How long it sends nothing after a message.", "发出一条消息后多久不再发送。"],
    },
];

/// The settings of an `[account.push]`.
pub(crate) const OF_PUSH: &[Setting] = &[
    Setting {
        key: "token",
        default: ["needed", "必填"],
        meaning: [
            "The Token (令牌), 3 to 32 letters and digits. By reference, as every secret.",
            "令牌（Token），3 到 32 位字母和数字。与其他密钥一样写引用。",
        ],
    },
    Setting {
        key: "encoding-aes-key",
        default: ["needed unless `plain`", "除 `plain` 外必填"],
        meaning: [
            "The EncodingAESKey (消息加解密密钥), 43 letters and digits.",
            "消息加解密密钥（EncodingAESKey），43 位字母和数字。",
        ],
    },
    Setting {
        key: "previous-encoding-aes-key",
        default: ["none", "无"],
        meaning: [
            "The EncodingAESKey before it, while that is being replaced.",
            "更换期间的上一个 EncodingAESKey。",
        ],
    },
    Setting {
        key: "mode",
        default: ["`\"safe\"`", "`\"safe\"`"],
        meaning: [
            "`safe` (安全模式), `compatible` (兼容模式) or `plain` (明文模式), as in the console.",
            "`safe`（安全模式）、`compatible`（兼容模式）或 `plain`（明文模式），与后台一致。",
        ],
    },
    Setting {
        key: "relay",
        default: ["none", "无"],
        meaning: [
            "The business's URL. Without one, messages are acknowledged and dropped.",
            "业务方的 URL。不写则应答后丢弃。",
        ],
    },
    Setting {
        key: "authorizer-relay",
        default: ["`relay`", "`relay`"],
        meaning: [
            "Of a third-party platform: the business's URL for messages of its authorizers.",
            "第三方平台：授权方的消息转发到的业务方 URL。",
        ],
    },
    Setting {
        key: "relay-form",
        default: ["`\"raw\"`", "`\"raw\"`"],
        meaning: [
            "What the business is sent, see [below](#what-the-business-is-sent).",
            "转发给业务方的形式，见[下文](#业务方收到什么)。",
        ],
    },
];

/// The settings of an `[account.api-security]`.
pub(crate) const OF_API_SECURITY: &[Setting] = &[
    Setting {
        key: "symmetric-key",
        default: ["needed", "必填"],
        meaning: [
            "The symmetric key (API 对称密钥): 32 bytes in base64. By reference, as every secret.",
            "API 对称密钥：32 字节的 base64。与其他密钥一样写引用。",
        ],
    },
    Setting {
        key: "symmetric-serial",
        default: ["needed", "必填"],
        meaning: ["Its number (编号) in the console.", "它在后台的编号。"],
    },
    Setting {
        key: "private-key",
        default: ["needed", "必填"],
        meaning: [
            "The account's private key (API 非对称密钥): RSA, in PEM. By reference.",
            "应用私钥（API 非对称密钥）：RSA，PEM 格式。写引用。",
        ],
    },
    Setting {
        key: "private-serial",
        default: ["needed", "必填"],
        meaning: ["Its number in the console.", "它在后台的编号。"],
    },
    Setting {
        key: "certificate",
        default: ["needed", "必填"],
        meaning: [
            "WeChat's certificate (开放平台证书), in PEM. By reference.",
            "开放平台证书，PEM 格式。写引用。",
        ],
    },
    Setting {
        key: "certificate-serial",
        default: ["needed", "必填"],
        meaning: [
            "Its number in the console, which is not the serial number in the certificate.",
            "它在后台的编号，不是证书内的序列号。",
        ],
    },
    Setting {
        key: "previous-symmetric-key",
        default: ["none", "无"],
        meaning: [
            "The symmetric key before it, while that is being replaced.",
            "更换期间的上一个对称密钥。",
        ],
    },
    Setting {
        key: "previous-symmetric-serial",
        default: ["none", "无"],
        meaning: ["Its number.", "它的编号。"],
    },
    Setting {
        key: "other-certificate",
        default: ["none", "无"],
        meaning: [
            "WeChat's certificate before it, or the one to come, while it is being replaced.",
            "更换期间的另一个平台证书：上一个或下一个。",
        ],
    },
    Setting {
        key: "other-certificate-serial",
        default: ["none", "无"],
        meaning: ["Its number.", "它的编号。"],
    },
    Setting {
        key: "calls",
        default: ["those that WeChat documents", "微信文档所列"],
        meaning: [
            "Which calls are encrypted and signed: paths, as in `[\"/wxa/business/*\"]`. See [below](#which-calls).",
            "加密并签名哪些接口：路径，如 `[\"/wxa/business/*\"]`。见[下文](#哪些调用)。",
        ],
    },
];

//! Every setting, described: what `lingpai config explain` shows, and the tables of the documentation are made of. A test
//! sees to it that the parser knows these and no others.

mod parts;
mod sinks;

pub(crate) use self::parts::{OF_ACCOUNT, OF_ALERT, OF_API_SECURITY, OF_PUSH};
pub(crate) use self::sinks::OF_SINK;

/// One setting. Texts are in English and in Chinese, and may hold the marks of Markdown.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its name, with that of its table: `log.level`.
    pub(crate) key: &'static str,
    /// What holds if nothing is said.
    pub(crate) default: [&'static str; 2],
    /// What it does.
    pub(crate) meaning: [&'static str; 2],
}

/// The settings outside the accounts, in the order of the documentation.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        key: "listen",
        default: ["`\"127.0.0.1:8700\"`", "`\"127.0.0.1:8700\"`"],
        meaning: [
            "Where the server listens: one address or a list, see [below](#listening).",
            "监听地址：一个或一个列表，见[下文](#监听)。",
        ],
    },
    Setting {
        key: "admin-listen",
        default: ["none", "无"],
        meaning: [
            "Addresses of their own for those who manage accounts and keys.",
            "管理账号与密钥的单独监听地址。",
        ],
    },
    Setting {
        key: "allow-plain-text",
        default: ["`false`", "`false`"],
        meaning: [
            "Allows addresses without encryption that other machines reach. Tokens and keys then travel in plain \
            text: for a network that is yours, or behind a TLS proxy.",
            "允许其他机器可以访问的不加密地址。此时凭据与 API 密钥以明文传输，只适用于自有网络，或前面有 TLS 代理的情\
            况。",
        ],
    },
    Setting {
        key: "trusted-proxies",
        default: ["none", "无"],
        meaning: [
            "Networks whose word on the client's address is believed, such as `[\"10.0.0.0/8\"]`.",
            "相信哪些网络中的代理所说的客户端地址，例如 `[\"10.0.0.0/8\"]`。",
        ],
    },
    Setting {
        key: "client-address",
        default: ["`\"x-forwarded-for\"`", "`\"x-forwarded-for\"`"],
        meaning: [
            "How `trusted-proxies` tell the client's address: `x-forwarded-for`, `forwarded` (RFC 7239) or `proxy-protocol`.",
            "`trusted-proxies` 中的代理怎样说明客户端地址：`x-forwarded-for`、`forwarded`（RFC 7239）或 `proxy-protocol`。",
        ],
    },
    Setting {
        key: "drain",
        default: ["`\"0s\"`", "`\"0s\"`"],
        meaning: [
            "How long the server says on `/readyz` that it is about to end, and serves on, before it ends. Up to 5 m.",
            "结束之前，在 `/readyz` 上说明即将结束并照常服务多久，最长 5 分钟。",
        ],
    },
    Setting {
        key: "store",
        default: ["`\"sqlite:lingpai.db\"`", "`\"sqlite:lingpai.db\"`"],
        meaning: [
            "`sqlite:PATH`; `redis://HOST:PORT` and its forms for TLS, Sentinel and Cluster, for [several \
            nodes](redis.md); or `memory:`, which is gone when the server ends.",
            "`sqlite:路径`；`redis://主机:端口`（另有 TLS、Sentinel、Cluster 的写法，用于[多节点](redis.md)）；或 \
            `memory:`（进程结束即消失）。",
        ],
    },
    Setting {
        key: "store-password",
        default: ["none", "无"],
        meaning: [
            "The password of a Redis: `{ env = \"...\" }` or `{ file = \"...\" }`. In the file it must not stand in \
            the URL.",
            "Redis 的密码：`{ env = \"...\" }` 或 `{ file = \"...\" }`。配置文件里的地址中不能写密码。",
        ],
    },
    Setting {
        key: "sentinel-password",
        default: ["none", "无"],
        meaning: [
            "The password of its sentinels, if they have one of their own; likewise.",
            "哨兵的密码（哨兵另设密码时）；写法同上。",
        ],
    },
    Setting {
        key: "master-key",
        default: ["see below", "见下文"],
        meaning: [
            "What seals secrets and tokens in the store: `{ env = \"...\" }` or `{ file = \"...\" }`.",
            "加密存储中密钥与凭据的主密钥：`{ env = \"...\" }` 或 `{ file = \"...\" }`。",
        ],
    },
    Setting {
        key: "upstream",
        default: ["WeChat's hosts", "微信官方域名"],
        meaning: [
            "Another base URL instead: a [sandbox](sandbox.md), or a proxy.",
            "改用其他地址：[沙箱](sandbox.md)或代理。",
        ],
    },
    Setting {
        key: "connect-deadline",
        default: ["`\"2s\"`", "`\"2s\"`"],
        meaning: ["How long one connection to WeChat may take.", "与微信建立一次连接的时限。"],
    },
    Setting {
        key: "call-deadline",
        default: ["`\"7s\"`", "`\"7s\"`"],
        meaning: [
            "How long one call may take, with every host that it tries.",
            "一次调用的总时限，包含依次尝试的所有域名。",
        ],
    },
    Setting {
        key: "proxy",
        default: ["see below", "见下文"],
        meaning: [
            "What WeChat is reached through: `http://user@host:3128`, `socks5://host:1080`, or `none`.",
            "经由哪个代理访问微信：`http://user@host:3128`、`socks5://host:1080`，或 `none`（不用代理）。",
        ],
    },
    Setting {
        key: "proxy-password",
        default: ["none", "无"],
        meaning: [
            "The password for `proxy`: `{ env = \"...\" }` or `{ file = \"...\" }`.",
            "代理的密码：`{ env = \"...\" }` 或 `{ file = \"...\" }`。",
        ],
    },
    Setting {
        key: "no-proxy",
        default: ["`NO_PROXY`", "`NO_PROXY`"],
        meaning: [
            "Hosts that are reached without any proxy: `[\"example.com\", \"10.0.0.0/8\"]`, or `[\"*\"]` for all.",
            "不经代理的主机：`[\"example.com\", \"10.0.0.0/8\"]`；`[\"*\"]` 表示全部。",
        ],
    },
    Setting {
        key: "extra-ca",
        default: ["none", "无"],
        meaning: [
            "A PEM file of authorities whose certificates are trusted beside those that the machine trusts.",
            "除本机信任的 CA 外，另外信任的 CA 证书文件（PEM）。",
        ],
    },
    Setting {
        key: "private-networks",
        default: ["`[]`", "`[]`"],
        meaning: [
            "Private networks in which hosts may be called that accounts name: `[\"10.2.0.0/16\"]`.",
            "账号里填写的主机允许位于哪些内网网段：`[\"10.2.0.0/16\"]`。",
        ],
    },
    Setting {
        key: "forced-refresh",
        default: ["`true`", "`true`"],
        meaning: [
            "Whether this node may force WeChat to replace a token that WeChat repeats and refuses (20 a day). Of [two nodes that share no store](storage.md#two-sites-without-a-common-store), `false` on one.",
            "微信反复返回它自己已不接受的凭据时，本节点是否可以强制刷新（每天 20 次）。[两个节点不共用存储](storage.md#两地部署不共用存储)时，其中一个设为 `false`。",
        ],
    },
    Setting {
        key: "tls.certificate",
        default: ["none", "无"],
        meaning: [
            "The certificate that `https://` addresses show, with its chain, in PEM.",
            "`https://` 地址出示的证书（含证书链），PEM 格式。",
        ],
    },
    Setting {
        key: "tls.key",
        default: ["none", "无"],
        meaning: ["The certificate's private key, in PEM.", "证书的私钥，PEM 格式。"],
    },
    Setting {
        key: "tls.client-ca",
        default: ["none", "无"],
        meaning: [
            "With it, clients must show a certificate of one of these authorities.",
            "设置后，客户端必须出示由其中某个机构签发的证书。",
        ],
    },
    Setting {
        key: "gateway.enabled",
        default: ["`true`", "`true`"],
        meaning: [
            "Forwards calls to WeChat: see [gateway](gateway.md).",
            "转发微信接口调用，见[网关](gateway.md)。",
        ],
    },
    Setting {
        key: "gateway.mounts",
        default: ["none", "无"],
        meaning: [
            "Path prefixes under which everything is found too: `[\"/wechat\"]`, for SDKs whose base URL has a path.",
            "路径前缀：所有接口在此前缀下同样可用，如 `[\"/wechat\"]`，供 base URL 带路径的 SDK 使用。",
        ],
    },
    Setting {
        key: "gateway.deadline",
        default: ["`\"30s\"`", "`\"30s\"`"],
        meaning: [
            "How long WeChat may take to begin its answer, and for every 16 KiB of it after that.",
            "等待微信开始应答的时限；此后每 16 KiB 应答也以此为限。",
        ],
    },
    Setting {
        key: "gateway.repair-deadline",
        default: ["`\"4s\"`", "`\"4s\"`"],
        meaning: [
            "A call that was refused because of its token is not sent again if it has taken longer.",
            "因凭据被拒的调用，耗时超过此值就不再重发。",
        ],
    },
    Setting {
        key: "gateway.connections",
        default: ["512", "512"],
        meaning: ["Calls to WeChat at once.", "同时进行的调用数。"],
    },
    Setting {
        key: "gateway.queue",
        default: ["1024", "1024"],
        meaning: ["How many more calls wait for one of those to end.", "另有多少调用可排队等待。"],
    },
    Setting {
        key: "gateway.queue-time",
        default: ["`\"2s\"`", "`\"2s\"`"],
        meaning: ["How long a call waits in the queue.", "排队时限。"],
    },
    Setting {
        key: "gateway.replay-limit",
        default: ["`\"64MiB\"`", "`\"64MiB\"`"],
        meaning: [
            "Bodies up to this size are kept aside, so that the call can be sent again.",
            "不超过此大小的请求体留存一份，以便重发。",
        ],
    },
    Setting {
        key: "gateway.unsized-body-limit",
        default: ["`\"64MiB\"`", "`\"64MiB\"`"],
        meaning: [
            "How large a body may be that does not state its length.",
            "不声明长度的请求体的上限。",
        ],
    },
    Setting {
        key: "gateway.spool-dir",
        default: ["the system's", "系统临时目录"],
        meaning: [
            "Where bodies above 64 KiB are kept, in files without a name.",
            "超过 64 KiB 的请求体存放在哪里（无名文件）。",
        ],
    },
    Setting {
        key: "gateway.spool-limit",
        default: ["`\"1GiB\"`", "`\"1GiB\"`"],
        meaning: [
            "How much room the files in `spool-dir` may take together.",
            "`spool-dir` 中的文件总共可占多少空间。",
        ],
    },
    Setting {
        key: "gateway.calls-per-minute",
        default: ["12000", "12000"],
        meaning: [
            "What a client may call, unless its key says otherwise. A tenth of it may come at once.",
            "每个客户端每分钟的调用上限，密钥另有规定的除外；其十分之一可同时到来。",
        ],
    },
    Setting {
        key: "gateway.calls-at-once",
        default: ["256", "256"],
        meaning: ["How many calls of a client may be under way.", "每个客户端同时进行的调用数。"],
    },
    Setting {
        key: "gateway.calls-per-day",
        default: ["no bound", "不限"],
        meaning: [
            "How many calls a client may make on a day in China.",
            "每个客户端每天（北京时间）的调用上限。",
        ],
    },
    Setting {
        key: "gateway.account-calls-per-day",
        default: ["no bound", "不限"],
        meaning: [
            "How many all clients of an account may make together; those of test systems a fifth of it, those of \
            developers a tenth.",
            "一个账号的所有客户端每天合计的上限；测试环境最多用五分之一，开发环境最多十分之一。",
        ],
    },
    Setting {
        key: "gateway.denied-paths",
        default: ["none", "无"],
        meaning: [
            "Paths that nobody may call: `[\"/cgi-bin/menu/**\"]`.",
            "任何人都不得调用的路径，如 `[\"/cgi-bin/menu/**\"]`。",
        ],
    },
    Setting {
        key: "gateway.real-tokens-from",
        default: ["none", "无"],
        meaning: [
            "Networks from which real tokens are accepted that Lingpai has issued, old ones too.",
            "允许在哪些网段使用 Lingpai 签发过的真实凭据（包括旧的）。",
        ],
    },
    Setting {
        key: "gateway.pay",
        default: ["`false`", "`false`"],
        meaning: [
            "Forwards calls of [WeChat Pay](gateway.md#wechat-pay), as they are.",
            "原样转发[微信支付](gateway.md#微信支付)的调用。",
        ],
    },
    Setting {
        key: "gateway.passers-from",
        default: ["private networks", "内网网段"],
        meaning: [
            "Networks from which calls without a key pass that carry nothing of an account's, such as \
            `/sns/userinfo`.",
            "允许哪些网段不带密钥转发与账号无关的调用，例如 `/sns/userinfo`。",
        ],
    },
    Setting {
        key: "console.enabled",
        default: ["`true`", "`true`"],
        meaning: [
            "Pages for people at `/console/`, for whoever has an admin key: see [console](console.md).",
            "在 `/console/` 提供网页控制台，用管理密钥登录，见[控制台](console.md)。",
        ],
    },
    Setting {
        key: "console.session-life",
        default: ["`\"8h\"`", "`\"8h\"`"],
        meaning: [
            "After this time one has to log in again: from 5 m to 30 d.",
            "登录后经过这段时间需要重新登录，5 分钟到 30 天。",
        ],
    },
    Setting {
        key: "console.reveal",
        default: ["`false`", "`false`"],
        meaning: [
            "Whether an admin may have the console show a token. Each time is logged.",
            "是否允许管理员在控制台查看凭据。每次查看都会写入日志。",
        ],
    },
    Setting {
        key: "authorization.url",
        default: ["what the browser asked for", "浏览器所访问的地址"],
        meaning: [
            "Where browsers find this server, for links by which accounts [authorise a platform](platform.md#links): \
            `https://token.example.com`. Needed if a proxy before it changes host or scheme.",
            "浏览器访问本服务的地址，用于账号[授权给平台](platform.md#授权链接)的链接，如 `https://token.example.com`。前面的代理改变了主机名或协\
            议时需要设置。",
        ],
    },
    Setting {
        key: "authorization.return-to",
        default: ["none", "无"],
        meaning: [
            "Where a business may have a browser sent after an authorisation: a list of URLs with which they must begin, such as \
            `[\"https://shop.example.com/wechat/\"]`.",
            "授权完成后业务可以让浏览器跳转到哪里：URL 开头的列表，如 `[\"https://shop.example.com/wechat/\"]`。",
        ],
    },
    Setting {
        key: "events.keep",
        default: ["100000", "100000"],
        meaning: [
            "How many [events](events.md) the store keeps at most.",
            "存储最多保留多少个[事件](events.md)。",
        ],
    },
    Setting {
        key: "events.keep-for",
        default: ["`\"90d\"`", "`\"90d\"`"],
        meaning: [
            "How long an event is kept: from 1 h to 10 years. What is older goes as new ones come.",
            "事件保留多久，1 小时到 10 年。更早的随新事件的写入而删除。",
        ],
    },
    Setting {
        key: "audit.keep",
        default: ["100000", "100000"],
        meaning: [
            "How many records of the [audit trail](events.md#the-audit-trail) the store keeps at most.",
            "存储最多保留多少条[审计记录](events.md#审计记录)。",
        ],
    },
    Setting {
        key: "audit.keep-for",
        default: ["`\"90d\"`", "`\"90d\"`"],
        meaning: ["How long a record is kept, likewise.", "审计记录保留多久，规则同上。"],
    },
    Setting {
        key: "traces.endpoint",
        default: ["none", "无"],
        meaning: [
            "The collector that [traces](traces.md) are sent to by OTLP: `\"http://127.0.0.1:4318\"`.",
            "[链路追踪](traces.md)经 OTLP 发送到哪个收集器：`\"http://127.0.0.1:4318\"`。",
        ],
    },
    Setting {
        key: "traces.protocol",
        default: ["`\"http/protobuf\"`", "`\"http/protobuf\"`"],
        meaning: ["`http/protobuf` or `http/json`.", "`http/protobuf` 或 `http/json`。"],
    },
    Setting {
        key: "traces.headers",
        default: ["none", "无"],
        meaning: [
            "Headers that the collector wants, by reference, since they may hold a key: `name=value,name=value`.",
            "收集器要求的请求头，写引用，因为其中可能有密钥：`名称=值,名称=值`。",
        ],
    },
    Setting {
        key: "traces.service-name",
        default: ["`\"lingpai\"`", "`\"lingpai\"`"],
        meaning: ["The name under which they appear.", "在收集器中显示的服务名称。"],
    },
    Setting {
        key: "traces.calls",
        default: ["`\"5%\"`", "`\"5%\"`"],
        meaning: [
            "The share of the gateway's calls that is followed, where the client does not say.",
            "网关调用的采样比例；客户端已有采样决定时以它为准。",
        ],
    },
    Setting {
        key: "traces.reads",
        default: ["`\"0.1%\"`", "`\"0.1%\"`"],
        meaning: ["The same of the reads of tokens.", "读取凭据的采样比例，规则同上。"],
    },
    Setting {
        key: "log.level",
        default: ["`\"info\"`", "`\"info\"`"],
        meaning: [
            "`off`, `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,lingpai_wechat=debug`.",
            "`off`、`error`、`warn`、`info`、`debug`、`trace`，或 `info,lingpai_wechat=debug` 这样的过滤规则。",
        ],
    },
    Setting {
        key: "log.format",
        default: ["`\"human\"`", "`\"human\"`"],
        meaning: [
            "`human`, or `json`: one object a line. The log goes to standard error.",
            "`human`，或 `json`（每行一个对象）。日志写到标准错误。",
        ],
    },
    Setting {
        key: "log.access",
        default: ["`false`", "`false`"],
        meaning: [
            "Logs every request: client, route, status, time, request id; no key and no token.",
            "记录每个请求：客户端、路由、状态码、耗时、请求编号，不含密钥与凭据。",
        ],
    },
];

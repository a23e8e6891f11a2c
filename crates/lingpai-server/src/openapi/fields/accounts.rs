//! Accounts: how they stand, how they are set up, what they have called, and who has authorised a platform.

fields! {
    "Accounts.accounts": "In the order of their names.", "按名称排列。";
    "damaged":
        "Records that the store could not read; told to keys for all accounts, on the first page.",
        "存储中无法读取的记录；只告诉可用于所有账号的密钥，只在第一页。";
    "Damaged.table": "Of which table.", "所在的表。";
    "Damaged.record": "Its name.", "记录的名称。";
    "Damaged.what": "What is wrong with it.", "哪里有问题。";
    "Damaged.newer":
        "Nothing is: most likely a newer Lingpai has written it, and it is left as it is.",
        "并没有问题：多半由更新的版本写入，保持原样。";
    "Account.credentials": "Its token, and the tickets that are kept of it.", "它的凭据，以及所维护的 ticket。";
    "Account.keeping":
        "`observe` or `paused`, where nothing is fetched.",
        "`observe`（只观察）或 `paused`（已暂停），此时不获取凭据。";
    "Account.account_kind": "What sort of account it is; of one account alone.", "账号类型；只在查询单个账号时有。";
    "Account.mode": "`stable` or `classic`; of one account alone.", "`stable` 或 `classic`；只在查询单个账号时有。";
    "Account.platform": "What it has authorised; of one account alone.", "它授权给了谁；只在查询单个账号时有。";
    "Account.updated_at":
        "When its settings were last changed, its AppSecret among them; of one account alone.",
        "最近一次修改设置（包括 AppSecret）的时间；只在查询单个账号时有。";
    "Account.calls_today":
        "What was called today in China through the gateway; of one account alone.",
        "今天（北京时间）经网关的调用；只在查询单个账号时有。";
    "Account.clients_today": "For which clients calls were made today; of one account alone.", "各客户端今天的调用次数；只在查询单个账号时有。";
    "calls": "How many calls.", "调用次数。";
    "Called.errcodes": "WeChat's answers other than success.", "微信返回的错误。";
    "Answered.times": "How often.", "次数。";
    "ForClient.key": "The id of its key, unless it showed the token itself.", "密钥的 id，客户端直接出示凭据时除外。";
    "ForClient.name": "The name of the key.", "密钥的名称。";
    "Credential.state":
        "`good`: there is a token. `failing`: there is one, and the last fetch failed. `refused`: WeChat refuses it, and another is on its \
         way. `missing`: there is none, and the last fetch failed. `idle`: nobody has asked yet, or it is being fetched.",
        "`good`：有可用的凭据；`failing`：有可用的凭据，但上次获取失败；`refused`：微信拒绝它，正在更换；`missing`：没有凭据，且上次获取失败；\
         `idle`：还没有人要，或正在获取。";
    "Credential.expires_in": "How long the token is still good, in whole seconds.", "凭据剩余有效期，整秒数。";
    "Credential.life": "How long it lives in all, in seconds.", "凭据的总有效期，秒数。";
    "Credential.previous_until": "Until when WeChat accepts the one before it.", "微信接受前一个凭据到什么时候。";
    "Credential.fetches_today": "This node's fetches today in China.", "本节点今天（北京时间）的获取次数。";
    "Credential.daily_budget": "How many fetches a day are allowed.", "每天最多获取几次。";
    "Credential.rotating": "A fetch is under way.", "正在获取。";
    "Credential.compromised":
        "After a leak: how many more tokens are to be issued.",
        "泄露之后：还要再换几个凭据。";
    "Credential.next_at": "When the next fetch is planned.", "计划的下次获取时间。";
    "Credential.failure": "Why the last fetch failed.", "上次获取为什么失败。";
    "Credential.failing_since": "Since when fetches have failed.", "从什么时候开始失败。";
    "Failure.class":
        "`transient`, `rate-limited`, `quota`, `needs-person`, or `awaited`: it is pushed, and has not come.",
        "`transient` 暂时故障，`rate-limited` 频率超限，`quota` 额度用尽，`needs-person` 需要人处理，`awaited` 由微信推送、尚未收到。";
    "Failure.message": "What happened.", "发生了什么。";
    "Overview.counts": "How many accounts of the key stand how.", "各状况的账号数。";
    "Overview.found": "How many were found.", "符合条件的账号数。";
    "Overview.page": "Which page this is.", "当前页。";
    "Overview.pages": "How many pages there are.", "总页数。";
    "Overview.accounts": "Those in trouble first.", "有问题的在前。";
    "Counts.all": "All.", "全部。";
    "Counts.troubled": "`failing`, `refused` or `missing`.", "`failing`、`refused` 或 `missing`。";
    "Counts.good": "Those in the state `good`.", "状况为 `good` 的。";
    "Counts.failing": "Those in the state `failing`.", "状况为 `failing` 的。";
    "Counts.refused": "Those in the state `refused`.", "状况为 `refused` 的。";
    "Counts.missing": "Those in the state `missing`.", "状况为 `missing` 的。";
    "Counts.idle": "Those in the state `idle`.", "状况为 `idle` 的。";
    "Counts.unmanaged": "Observed or paused.", "只观察或已暂停。";

    "NewAccount.account": "The appid; of an application of WeCom `CORPID:AGENTID`.", "appid；企业微信应用为 `企业ID:AgentId`。";
    "secret": "The AppSecret. It is never shown again, by nobody.", "AppSecret，之后不再显示给任何人。";
    "NewAccount.kind": "What sort of account it is.", "账号类型。";
    "ChangedAccount.kind": "What sort of account it is.", "账号类型。";
    "Settings.kind": "What sort of account it is.", "账号类型。";
    "mode":
        "How tokens are fetched: `stable` repeats the token when called once more, `classic` replaces it.",
        "凭据的获取方式：`stable` 多调用一次仍返回同一个，`classic` 每次都会换掉。";
    "platform":
        "The account that this one has authorised: a platform, or a suite; of a suite its provider.",
        "它授权给了哪个账号：第三方平台或第三方应用；第三方应用填其服务商。";
    "refresh":
        "`eager`: always kept fresh. `on-demand`: from when somebody asks. `{\"idle_after\": N}`: until nobody has asked for N seconds.",
        "`eager`：始终保持最新；`on-demand`：有人要时才获取；`{\"idle_after\": N}`：N 秒没有人要就停止。";
    "idle_after": "Seconds.", "秒数。";
    "lead": "How many seconds before its end a token is replaced.", "提前多少秒更换凭据。";
    "jitter": "By how many seconds at most the time of replacing differs, at random.", "更换时间随机错开，最多多少秒。";
    "daily_budget":
        "How many fetches a day are allowed; `null` for what is usual.",
        "每天最多获取几次；`null` 为默认值。";
    "fallback":
        "Whether a `classic` account that is out of quota may use the stable family meanwhile.",
        "`classic` 账号额度用尽时，是否可以暂用稳定版凭据。";
    "alone":
        "Whether a `classic` token may be fetched while the store cannot be reached.",
        "存储不可用时，是否仍可获取 `classic` 凭据。";
    "fetch_deadline": "How many seconds WeChat has for a fetch.", "获取凭据最多等微信多少秒。";
    "keeping":
        "`managed`; or `observe` and `paused`, where nothing is fetched.",
        "`managed`（正常维护），或 `observe`（只观察）、`paused`（暂停），后两者不获取凭据。";
    "proxy":
        "What WeChat is reached through, `http://` or `socks5://`, without a password; `null` is none of its own.",
        "经由哪个代理访问微信，`http://` 或 `socks5://`，不含密码；`null` 为没有自己的代理。";
    "proxy_password": "The password for it, which is never shown again.", "代理的密码，之后不再显示。";
    "push": "How pushes are received, all of it anew each time; `null` is not at all.", "如何接收推送，每次整个重写；`null` 为不接收。";
    "PushSettings.token": "The Token in WeChat's console.", "微信后台的 Token。";
    "PushSettings.encoding_aes_key": "The EncodingAESKey in WeChat's console.", "微信后台的 EncodingAESKey。";
    "PushSettings.previous_encoding_aes_key": "The EncodingAESKey before it, while both are in use.", "更换期间的旧 EncodingAESKey。";
    "PushSettings.mode": "Whether pushes come encrypted.", "明文、兼容还是安全模式。";
    "PushSettings.relay": "Whereto they are passed on.", "转发到哪里。";
    "PushSettings.authorizer_relay": "Whereto those of a platform's authorizers are.", "授权方的推送转发到哪里。";
    "Relay.url": "The URL; it may hold `$APPID$`.", "URL，可以含 `$APPID$`。";
    "Relay.form": "Passed on as they came (`raw`), or decrypted (`plain`).", "原样转发（`raw`），或解密后转发（`plain`）。";
    "push.mode": "Whether pushes come encrypted.", "明文、兼容还是安全模式。";
    "push.previous_encoding_aes_key": "Whether there is one.", "是否有旧的 EncodingAESKey。";
    "push.relay": "In which form they are passed on, if they are.", "以哪种形式转发；`null` 为不转发。";
    "push.authorizer_relay": "In which form those of a platform's authorizers are.", "授权方的推送以哪种形式转发；`null` 为不转发。";
    "Settings.push":
        "How pushes are received; without the secrets and URLs.",
        "如何接收推送，不含密钥和 URL。";
    "api_security":
        "The keys with which the gateway encrypts and signs its calls, all of them anew each time; `null` is none.",
        "网关加密并签名其调用所用的密钥，每次整个重写；`null` 为不加密。";
    "Settings.api_security": "The numbers of the keys.", "各密钥的编号。";
    "symmetric": "The symmetric key (AES).", "对称密钥（AES）。";
    "previous_symmetric": "The symmetric key before it, while both are in use.", "更换期间的旧对称密钥。";
    "private": "The account's private key.", "应用私钥。";
    "certificate": "WeChat's certificate.", "微信平台证书。";
    "other_certificate": "WeChat's next certificate, or the one before.", "微信的下一个或上一个平台证书。";
    "ApiSecurity.calls": "Which paths; by default all that can be.", "用于哪些路径；默认为所有支持的接口。";
    "api_security.calls": "Which paths; `null` is all that can be.", "用于哪些路径；`null` 为所有支持的接口。";
    "SealingKey.serial": "Its number, as WeChat's console shows it.", "微信后台显示的编号。";
    "SealingKey.key": "A symmetric key as Base64, a private one or a certificate as PEM.", "对称密钥为 Base64，私钥和证书为 PEM。";
    "created_at": "When it was made.", "创建时间。";
    "updated_at": "When it was last changed.", "最近修改时间。";
    "warning": "What to know of a change that was made all the same.", "修改已生效，但有需要注意的事。";

    "Quotas": "Without `path`: what Lingpai has counted.", "没有 `path` 时：Lingpai 自己的统计。";
    "Quota": "With `path`: what WeChat says of it.", "给出 `path` 时：微信返回的额度。";
    "Quotas.day": "The day in China.", "日期（北京时间）。";
    "Quotas.calls": "What was called through the gateway.", "经网关的调用。";
    "Quotas.fetches": "Lingpai's own fetches, by kind.", "Lingpai 自己的获取次数，按种类。";
    "Quotas.calls_per_day": "All calls of the day, if the configuration bounds them.", "当天全部调用；配置了上限时才有。";
    "clearings": "How often the counters were set to zero this month.", "本月清零的次数。";
    "used": "So many were.", "已用次数。";
    "most": "So many may be.", "上限。";
    "month": "The month in China.", "月份（北京时间）。";
    "Quota.calls": "Through this Lingpai, today in China.", "今天（北京时间）经 Lingpai 的调用次数。";
    "quota": "What WeChat says.", "微信返回的额度。";
    "rate_limit": "What WeChat says.", "微信返回的频率限制。";
    "component_rate_limit": "What WeChat says.", "微信返回的第三方平台频率限制。";
    "Cleared.by": "Which call of WeChat's did it.", "由微信的哪个接口清零。";
    "Request.request": "What WeChat knows of it.", "微信的记录。";

    "NewLink.device": "`pc`, `h5`, or `null` for what the link is opened on.", "`pc`、`h5`；`null` 按打开链接的设备决定。";
    "NewLink.offered": "Which accounts WeChat offers to authorise.", "微信列出哪些账号供选择。";
    "NewLink.only": "Only this account may be authorised.", "只允许授权这个账号。";
    "NewLink.return_to": "Where the browser goes in the end; the configuration must allow it.", "完成后浏览器前往的地址，须在配置允许的范围内。";
    "NewLink.expires_in": "For how many seconds the link is good.", "链接的有效秒数。";
    "Link.url": "The link.", "授权链接。";
    "Link.proof_key": "With what the business proves that `return_to` was opened by Lingpai.", "业务用它验证 `return_to` 确由 Lingpai 打开。";
    "Link.qr": "The link as a QR code, row by row: `#` is dark.", "链接的二维码，逐行给出：`#` 为深色。";
    "Authorizers.platform": "The platform.", "第三方平台。";
    "Authorizers.authorizers": "In the order of their names.", "按名称排列。";
    "authorizers.state": "How it stands, as in `GET /v1/accounts`.", "状况，与 `GET /v1/accounts` 相同。";
    "authorizers.added_at": "Since when it is kept.", "添加时间。";
    "authorizers.changed_at": "When it was last authorised or changed.", "最近授权或修改的时间。";
    "NewAuthorizers.authorizers": "Whom to take over.", "要导入的授权方。";
    "authorizers.account": "Its appid.", "授权方的 appid。";
    "authorizers.refresh_token": "Its refresh token.", "刷新令牌。";
    "authorizers.kind": "Its sort, if it is known.", "类型，知道时填写。";
    "NewAuthorizers.replace":
        "Whether a refresh token that differs is used as soon as the one that is here is refused.",
        "已有的刷新令牌不同时，是否在它被拒绝后改用这一个。";
    "outcomes": "What came of each.", "每一个的结果。";
    "outcomes.outcome":
        "`added`: it is kept now. `unchanged`: it was here. `classified`: that it is a Mini Program is new. `kept`: another refresh token was \
         here, and stays. `replaced`: the given one is used once that one is refused. `taken`: the name belongs to another account.",
        "`added`：已添加；`unchanged`：本来就有；`classified`：新得知它是小程序；`kept`：已有另一个刷新令牌，保持不变；\
         `replaced`：原有的被拒绝后改用给出的；`taken`：同名账号不属于这个平台。";
    "From.offset": "Where on WeChat's list the page begins.", "从微信列表的第几个开始。";
    "RecoveredAuthorizers.total": "How many WeChat lists.", "微信列表的总数。";
    "RecoveredAuthorizers.next": "The `offset` of the next page, if there are more.", "下一页的 `offset`，还有下一页时才有。";
}

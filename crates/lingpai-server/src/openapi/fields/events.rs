//! What happens: events, pushes, the audit trail, alerts, sinks, and finding out what is wrong.

fields! {
    "at": "When.", "时间。";
    "node": "The node on which it happened.", "所在的节点。";
    "Event.id": "Its place in the stream, unless the store is down.", "在事件流中的位置，存储不可用时除外。";
    "Event.event": "The name of the event.", "事件名称。";
    "Event.severity": "How grave it is.", "级别。";
    "Event.address": "The client's address, or the one that WeChat refuses.", "客户端的地址，或被微信拒绝的地址。";
    "Event.budget": "How many fetches a day are planned.", "每天计划的获取次数。";
    "Event.by": "The id of the key that asked for it, or `command`.", "发起操作的密钥 id，或 `command`。";
    "Event.push": "The id of the push.", "推送的 id。";
    "Event.sink": "The name of the sink.", "投递目标的名称。";
    "Event.fingerprint": "Tells tokens apart.", "凭据的指纹，用来区分凭据。";
    "Event.reason": "Why a token was fetched.", "为什么获取凭据。";
    "Event.way": "How it was fetched.", "以哪种方式获取。";
    "Event.failure": "Why it failed.", "失败原因。";
    "Event.retry_after": "In how many seconds it is tried again.", "多少秒后重试。";
    "Event.cause": "What is behind it.", "原因。";
    "Event.used": "How many fetches were made today.", "今天已获取的次数。";
    "Event.key": "The id of the key.", "密钥的 id。";
    "Event.asks": "How often it asked within a minute.", "一分钟内请求的次数。";
    "Event.refusals": "How often WeChat refused.", "微信拒绝的次数。";
    "Event.change": "What was changed.", "做了什么修改。";
    "Event.since": "Since when.", "从什么时候起。";
    "Event.next": "The number of the next certificate.", "下一个证书的编号。";
    "Event.listed": "How many WeChat lists.", "微信列出的授权方数。";
    "Event.added": "How many were added.", "新增的授权方数。";
    "Event.renewed": "How many have another refresh token.", "刷新令牌有变化的授权方数。";
    "Event.removed": "How many are gone.", "已取消授权的数目。";
    "Message.id": "The `id` of the event.", "事件的 `id`。";
    "Message.event": "The name of the event, or `gap`.", "事件名称，或 `gap`。";
    "Message.retry": "After how many milliseconds to come back.", "断开后多少毫秒重连。";
    "Message.data": "An Event; of a `gap`, an empty object.", "一个 Event；`gap` 时为空对象。";
    "History.events": "The newest first.", "新的在前。";
    "Trail.records": "The newest first.", "新的在前。";
    "Record.id": "Its place in the trail.", "在审计记录中的位置。";
    "Record.action": "What was done: `token-read`, `key-made`, ...", "做了什么：`token-read`、`key-made` 等。";
    "Record.count": "How often, within a minute.", "一分钟内的次数。";
    "Record.subject":
        "The id of the key or push, or the name of what it was done to; of `account-updated` which settings were named.",
        "操作对象：密钥或推送的 id，或名称；`account-updated` 则为改了哪些设置。";
    "Record.who": "Who did it.", "操作者。";
    "Who.key": "The id of its key; empty if it showed none.", "密钥的 id；没有出示密钥时为空。";
    "Who.name": "The name of its key.", "密钥的名称。";
    "Who.address": "Where it came from.", "来源地址。";
    "Who.command": "The command that did it.", "所用的命令。";
    "Who.user": "Who ran it.", "执行命令的用户。";

    "Pushes.pushes": "In their order.", "按到达顺序。";
    "Push.id": "By which it is dropped, or tried again.", "用于丢弃或重试。";
    "Push.state": "`waiting`, or `dead`: given up.", "`waiting` 等待中，`dead` 已放弃。";
    "Push.received_at": "When it came.", "收到的时间。";
    "Push.attempts": "How often it was tried.", "已尝试的次数。";
    "Push.next_at": "When it is tried next.", "下次尝试的时间。";
    "Push.failure": "Why the business has not taken it.", "业务为什么没有接收。";

    "Alerts.alerts": "In the order of the configuration.", "按配置中的顺序。";
    "Alert.name": "Its name.", "名称。";
    "Alert.robot": "What kind of receiver it has.", "接收方的类型。";
    "Alert.host": "The host of the receiver.", "接收方的主机。";
    "Alert.firing": "How many troubles it tells of now.", "正在告警的问题数。";
    "Alert.waiting": "How many messages wait.", "等待发送的消息数。";
    "sent": "How many messages were sent.", "已发送的消息数。";
    "failed": "How many failed.", "失败的次数。";
    "Alert.sent_at": "When the last was sent.", "最近一次发送的时间。";
    "Alert.failure": "Why the last failed.", "最近一次失败的原因。";
    "Alert.retrying": "It is tried again.", "正在重试。";
    "AlertTest.outcome": "What came of it.", "结果。";
    "Sinks.sinks": "In the order of the configuration.", "按配置中的顺序。";
    "Sink.name": "Its name.", "名称。";
    "Sink.kind": "`file`, `redis` or `webhook`.", "`file`、`redis` 或 `webhook`。";
    "Sink.target": "Where it is, without what is secret.", "目标所在，不含机密。";
    "Sink.state":
        "`current`: it has the newest token. `behind`: not yet. `failing`: it cannot be delivered. `waiting`: there is no token.",
        "`current`：已是最新凭据；`behind`：尚未投递；`failing`：投递失败；`waiting`：没有凭据可投递。";
    "Sink.lag": "For how many seconds it has lacked the newest token.", "缺少最新凭据已有多少秒。";
    "Sink.generation": "The token that is known to be there.", "已知那里是第几代凭据。";
    "Sink.delivered_at": "When it was put there.", "投递的时间。";
    "Sink.written": "How many were delivered.", "投递成功的次数。";
    "Sink.failure": "Why the last failed.", "最近一次失败的原因。";
    "SinkDone.outcome":
        "`ready`: a token can be put there. `written`: it was. `kept`: it was there. `newer`: another node put a newer one there. \
         `waiting`: there is no token. `failed`: it does not work.",
        "`ready`：可以投递；`written`：已投递；`kept`：已经在那里；`newer`：那里有其他节点投递的更新的凭据；`waiting`：没有凭据；`failed`：失败。";

    "Refused.access_token": "The token that was refused.", "被拒绝的凭据。";
    "Refused.text":
        "Whatever there is: a token, an error text, an answer of WeChat's, a URL with a token in it, lines of a log.",
        "手头有的任何内容：凭据、错误文本、微信的返回、带凭据的 URL、几行日志。";
    "Refused.errcode": "What WeChat answered.", "微信返回的错误码。";
    "Refused.account": "The account that the call was for.", "调用所属的账号。";
    "Refused.offline": "Do not ask WeChat: else two cheap calls at most are made.", "不询问微信；否则最多调用两次开销很小的接口。";
    "Diagnosis.cause": "The name of the cause.", "原因的名称。";
    "Diagnosis.certain": "Whether it is certain, or likely.", "确定，还是只是可能。";
    "Diagnosis.headline": "The cause, in a sentence.", "原因，一句话。";
    "Diagnosis.evidence": "What speaks for it.", "依据。";
    "Diagnosis.remedy": "What to do, step by step.", "处理办法，逐步列出。";
    "Diagnosis.asked_wechat": "How many calls were made.", "调用了几次微信接口。";
    "Diagnosis.looked_at": "Which events were looked at.", "查看了哪些事件。";
    "looked_at.events": "How many.", "多少条。";
    "looked_at.since": "Since when.", "从什么时候起。";
    "Diagnosis.fingerprint": "That of the token.", "凭据的指纹。";
    "Diagnosis.explained": "What the code means.", "错误码的含义。";
    "Diagnosis.schedule_minutes": "Every how many minutes somebody else fetches.", "别处每隔多少分钟获取一次。";
    "evidence.text": "What was seen.", "发现了什么。";
    "Examine.account": "Only this account; by default all of the key, and what they stand on.", "只检查这个账号；默认检查密钥可用的全部账号及其共同依赖。";
    "Examine.spend_scarce": "Make calls even where little is left of their quota.", "额度所剩不多的接口也调用。";
    "worst": "The worst verdict.", "最坏的结论。";
    "passed": "How many are well.", "正常的项数。";
    "warned": "How many are doubtful.", "存疑的项数。";
    "skipped": "How many could not be looked at.", "跳过的项数。";
    "Findings.failed": "How many are wrong.", "有问题的项数。";
    "Examined.failed": "How many are wrong.", "有问题的项数。";
    "findings": "What was found, check by check.", "逐项结果。";
    "Findings.plan": "What was going to be done.", "检查前的计划。";
    "Finding.at": "When it was looked at; of what was found before.", "检查的时间；查看以前的结果时才有。";
    "Finding.check": "The name of the check.", "检查项的名称。";
    "Finding.title": "What is looked at.", "检查什么。";
    "Finding.verdict": "What came of it.", "结论。";
    "Finding.evidence": "What was seen.", "依据。";
    "Finding.subject": "What exactly it is about.", "具体对象。";
    "Finding.cause": "The name of the cause.", "原因的名称。";
    "Plan.text": "The same in a sentence.", "计划，一句话。";
    "Plan.accounts": "How many accounts are looked at.", "检查的账号数。";
    "Plan.calls": "How many calls are made at most.", "最多调用几次微信接口。";
    "Plan.fetches": "How many of them ask for a token.", "其中获取凭据的次数。";
    "Examined.at": "When the latest was looked at.", "其中最近一次检查的时间。";
    "Examined.account": "Which account was looked at, if it was one.", "检查的是哪个账号（只检查一个时）。";
    "LastExamined.last": "What came of it; `null` if there was none.", "结果；没有检查过时为 `null`。";
}

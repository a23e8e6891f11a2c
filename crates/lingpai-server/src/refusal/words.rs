//! What a refusal says to people: what happened and why, and what to do about it.

use std::borrow::Cow;
use std::time::Duration;

use lingpai_core::client::Denied;
use lingpai_core::keeper::RotateError;
use lingpai_core::rotation::AskDenied;
use lingpai_core::{AccountKind, Failure};
use lingpai_wechat::{Ticket, catalogue};

use super::Refusal;
use super::native::whole_seconds;
use crate::diagnosis::span;
use crate::language::{Language, either, say};

impl Refusal {
    /// What happened, and why.
    pub(super) fn message(&self, language: Language) -> Cow<'_, str> {
        let either = |english, chinese| either(language, english, chinese).into();
        match self {
            Self::KeyMissing => either("the request carries no API key", "请求没有携带 API 密钥"),
            Self::KeyUnknown => either("this API key is not known here", "这里没有这个 API 密钥"),
            Self::Denied(denied) => message_of_denied(*denied, language),
            Self::AccountUnknown => {
                either("no account of this name is kept here", "这里没有维护这个账号")
            }
            Self::AgentUnclear => either(
                "this API key is for several applications of this corp, and nothing says which is meant",
                "这个 API 密钥可用于该企业的多个应用，而请求没有指明是哪一个",
            ),
            Self::TicketUnknown => {
                either("there is no ticket of this type", "没有这种类型的 ticket")
            }
            Self::NoTickets => say!(
                language,
                "this account has no such ticket: Official Accounts have {official}, applications of WeCom {wecom}, Mini \
                 Programs and Mini Games none",
                "这个账号没有这种 ticket：公众号有 {official}，企业微信应用有 {wecom}，小程序和小游戏没有",
                official = listed(Ticket::of(AccountKind::OfficialAccount), language),
                wecom = listed(Ticket::of(AccountKind::WeCom), language)
            )
            .into(),
            Self::NoQuota => either(
                "an application of WeCom has no quota to read or clear, and no rids: WeCom bounds how often it is called",
                "企业微信应用没有可查询或清零的调用额度，也没有 rid：企业微信限制的是调用频率",
            ),
            Self::UpstreamRefused(failure) => because(failure, language).into(),
            Self::PathUnknown => either("there is nothing at this path", "没有这个路径"),
            Self::MethodUnknown(known) => {
                say!(language, "this path is for {known} only", "这个路径只接受 {known}").into()
            }
            Self::BodyTooLarge(most) => say!(
                language,
                "the body is larger than {most} bytes",
                "请求体超过 {most} 字节"
            )
            .into(),
            Self::BodySlow => either("the body did not arrive in time", "请求体没有及时到达"),
            Self::BodyUnreadable(_) => either("the body cannot be read", "无法解析请求体"),
            Self::QueryUnreadable(name, _) => say!(
                language,
                "the query parameter `{name}` cannot be read",
                "无法解析查询参数 `{name}`"
            )
            .into(),
            Self::ParameterMissing(parameter) => say!(
                language,
                "the parameter `{name}` is missing",
                "缺少参数 `{name}`",
                name = parameter.name()
            )
            .into(),
            Self::GrantType => either(
                "the `grant_type` is not `client_credential`",
                "`grant_type` 不是 `client_credential`",
            ),
            Self::BodyWrong(what) => say!(
                language,
                "the body cannot be used: {what}",
                "请求体不能用：{what}",
                what = what.text(language)
            )
            .into(),
            Self::KeyIdUnknown => either("there is no key of this id", "没有这个 id 的密钥"),
            Self::SomeAccountsOnly => {
                either("this API key is for some accounts only", "这个 API 密钥只能用于部分账号")
            }
            Self::NoRandomness => either(
                "the operating system gives no random bytes",
                "操作系统没有给出随机数",
            ),
            Self::AccountExists => {
                either("an account of this name is kept here already", "这个账号已经在这里维护")
            }
            Self::AccountConfigured(file) => say!(
                language,
                "the account stands in {file}, which wins over the store",
                "这个账号写在 {file} 中，以那里为准"
            )
            .into(),
            Self::SecretRefused(failure) => say!(
                language,
                "WeChat refuses the new AppSecret, so the one before it stays: {why}",
                "微信拒绝新的 AppSecret，因此仍用原来的：{why}",
                why = told(failure)
            )
            .into(),
            Self::AccountsFixed => either(
                "the accounts of this server are not changed over HTTP",
                "这个服务的账号不能通过 HTTP 修改",
            ),
            Self::ChangePending => either(
                "the change is taking long, and may still be made",
                "修改耗时较长，仍可能完成",
            ),
            Self::Store(error) => say!(
                language,
                "the store could not do it: {error}",
                "存储无法完成操作：{error}"
            )
            .into(),
            Self::NotRotated(error, _) => match &**error {
                RotateError::Denied(AskDenied::NotFetched(_)) => either(
                    "the account is paused or only observed: no token is fetched for it",
                    "该账号已暂停或仅观察，不会为它获取凭据",
                ),
                RotateError::Denied(AskDenied::TooSoon(_)) => either(
                    "the token was replaced moments ago. WeChat accepts two, this one and the one before it, which clients \
                     still use: a third would end that at once",
                    "凭据刚刚更换过。微信只接受两个：现在这个和前一个，而前一个还有客户端在用，再换一次它会立刻失效",
                ),
                RotateError::Denied(AskDenied::BudgetSpent { used, .. }) => say!(
                    language,
                    "{used} fetches were made today, and the rest of the budget is kept for scheduled rotations",
                    "今天已获取 {used} 次，剩余的次数留给计划内的刷新"
                )
                .into(),
                RotateError::Failed(failure) => say!(
                    language,
                    "the token was not replaced: {why}",
                    "凭据没有更换：{why}",
                    why = because(failure, language)
                )
                .into(),
            },
            Self::NoToken(unavailable) => say!(
                language,
                "there is no good token now: {why}",
                "现在没有可用的凭据：{why}",
                why = because(&unavailable.failure, language)
            )
            .into(),
            Self::Pending => either("upstream has not answered yet", "微信还没有应答"),
            Self::PushRefused => either(
                "the push is not signed and encrypted with the keys of this URL, or not now",
                "这条推送的签名或加密与此 URL 的密钥不符，或时间不符",
            ),
            Self::PushNotTaken => either(
                "the push could neither be passed on nor kept",
                "这条推送既未能转发，也未能保存",
            ),
            Self::PushUnknown => either("no push of this id waits", "没有这个编号的推送"),
            Self::AlertUnknown => either("no alert has this name", "没有这个名称的告警"),
            Self::SinkUnknown => either("no sink has this name", "没有这个名称的投递目标"),
            Self::NoPlatform => either(
                "the account is no third-party platform and no suite of WeCom",
                "这个账号不是第三方平台，也不是企业微信应用套件",
            ),
            Self::SessionUnknown => {
                either("nobody is logged in to the console, or not any more", "尚未登录控制台，或登录已失效")
            }
            Self::SessionLimited => either(
                "the console sees no tokens, and nothing that is signed with them",
                "控制台不显示凭据，也不提供用凭据签名的内容",
            ),
            Self::LoginLocked(wait) => say!(
                language,
                "logging in has failed too often; it may be tried again in {seconds} s",
                "登录失败次数过多，{seconds} 秒后才能再试",
                seconds = super::native::whole_seconds(*wait)
            )
            .into(),
            Self::Barred(why) => why.message(language).into(),
            Self::Forwarding(trouble) => trouble.message(language),
        }
    }

    /// What the caller, or the one who runs the server, can do.
    pub(super) fn remedy(&self, language: Language) -> Cow<'_, str> {
        let either = |english, chinese| either(language, english, chinese).into();
        match self {
            Self::KeyMissing => either(
                "Send the header `Authorization: Bearer KEY`. `lingpai key create` makes a key",
                "请发送请求头 `Authorization: Bearer 密钥`。新建密钥：`lingpai key create`",
            ),
            Self::KeyUnknown => either(
                "Send the whole key as it was shown once, `lp_..._...`. An AppSecret is not accepted here. If the key is \
                 lost, make another with `lingpai key create`",
                "请完整发送新建时显示的密钥 `lp_..._...`，这里不接受 AppSecret。密钥遗失时，用 `lingpai key create` 另建一个",
            ),
            Self::Denied(denied) => remedy_of_denied(*denied, language),
            Self::AccountUnknown => either(
                "Check the appid, and that the account is in the configuration of this server",
                "请检查 appid 是否正确，以及这个账号是否已写入该服务的配置",
            ),
            Self::AgentUnclear => either(
                "Make a key for one application (`lingpai key create NAME --account CORPID:AGENT`), or name it in the base \
                 URL, /gateway/CORPID:AGENT/qyapi",
                "请为单个应用新建密钥（`lingpai key create NAME --account CORPID:AGENT`），或在基础地址中指明：\
                 /gateway/CORPID:AGENT/qyapi",
            ),
            Self::TicketUnknown => say!(
                language,
                "Ask for one of {tickets}",
                "可用的类型是 {tickets}",
                tickets = listed(Ticket::all(), language)
            )
            .into(),
            Self::NoTickets => either(
                "Check the account, and the `kind` that it has here",
                "请检查账号，以及它在这里的 `kind`",
            ),
            Self::NoQuota => either(
                "Check the account. If WeCom answers 45009, call less often: `lingpai explain 45009`",
                "请检查账号。如果企业微信返回 45009，请降低调用频率：`lingpai explain 45009`",
            ),
            Self::UpstreamRefused(failure) => {
                catalogue::remedy(failure, language).unwrap_or_else(|| {
                    either(
                        "`lingpai explain` says what the errcode means",
                        "错误码的含义见 `lingpai explain`",
                    )
                })
            }
            Self::PathUnknown => either(
                "Try /v1/accounts/{account}/token or /cgi-bin/token; /openapi.json and docs/api.md describe all paths. Those for \
                 managing may be on an address of their own (admin-listen)",
                "可用的有 /v1/accounts/{account}/token、/cgi-bin/token 等，完整说明见 /openapi.json 和 docs/zh/api.md。\
                 管理用的路径可能在单独的地址上（admin-listen）",
            ),
            Self::MethodUnknown(known) => say!(language, "Use {known}", "请改用 {known}").into(),
            Self::BodyTooLarge(_) => {
                either("Send the documented parameters only", "请只发送文档中的参数")
            }
            Self::BodySlow => either(
                "Check the connection, and that Content-Length is true",
                "请检查网络，以及 Content-Length 是否属实",
            ),
            Self::BodyUnreadable(expected) | Self::QueryUnreadable(_, expected) => say!(
                language,
                "Send {expected}",
                "请发送{expected}",
                expected = expected.text(language)
            )
            .into(),
            Self::ParameterMissing(parameter) => say!(
                language,
                "Send `{name}` in the query, a form or JSON",
                "请在查询参数、表单或 JSON 中发送 `{name}`",
                name = parameter.name()
            )
            .into(),
            Self::GrantType => either(
                "Send `grant_type=client_credential`",
                "请发送 `grant_type=client_credential`",
            ),
            Self::BodyWrong(_) => either(
                "Change that, and send it again; docs/api.md describes it",
                "请改正后重新发送；说明见 docs/zh/api.md",
            ),
            Self::KeyIdUnknown => either(
                "`GET /v1/keys` lists the ids, `lp_` and 12 digits",
                "`GET /v1/keys` 列出所有 id，形式为 `lp_` 加 12 位",
            ),
            Self::SomeAccountsOnly => {
                either("Use a key that is for all accounts", "请使用可用于所有账号的密钥")
            }
            Self::NoRandomness => {
                either("Check /dev/urandom on the server", "请检查服务器上的 /dev/urandom")
            }
            Self::AccountExists => either(
                "Change it with PATCH /v1/accounts/{account}, or its AppSecret with PUT .../secret",
                "修改设置请用 PATCH /v1/accounts/{account}，更换 AppSecret 请用 PUT .../secret",
            ),
            Self::AccountConfigured(_) => either(
                "Change it there: it is taken over within seconds. Or take its [[account]] out first",
                "请在那里修改，几秒内生效；或先删去它的 [[account]]",
            ),
            Self::SecretRefused(_) => either(
                "Copy the AppSecret again from the console of the account; see that it is this account's, and not frozen \
                 there",
                "请到该账号的后台重新复制 AppSecret；确认它属于这个账号，并且没有被冻结",
            ),
            Self::AccountsFixed => either(
                "Change them where this server is given them",
                "请在为该服务指定账号的地方修改",
            ),
            Self::ChangePending => either(
                "Ask how the account stands in a few seconds; if the change was not made, ask for it again",
                "请过几秒查看账号状况；如果没有改成，请再次提交",
            ),
            Self::Store(_) => either(
                "See to the store, then try again; tokens are served meanwhile",
                "请检查存储，然后重试；其间凭据照常提供",
            ),
            Self::NotRotated(error, after) => match &**error {
                RotateError::Denied(AskDenied::NotFetched(_)) => either(
                    "Have it managed first: lingpai account keep ACCOUNT managed",
                    "请先恢复维护：lingpai account keep 账号 managed",
                ),
                RotateError::Denied(AskDenied::TooSoon(_)) if !after.is_zero() => say!(
                    language,
                    "Ask again in {after}; if WeChat refuses the token, report it as invalid instead, which is tried at once",
                    "请在 {after}后再试；如果微信拒绝这个凭据，请改为报告它失效，会立即验证",
                    after = span(Duration::from_secs(whole_seconds(*after))).text(language)
                )
                .into(),
                RotateError::Denied(AskDenied::TooSoon(_)) => either(
                    "Ask again in a few minutes; if WeChat refuses the token, report it as invalid instead, which is tried at \
                     once",
                    "请过几分钟再试；如果微信拒绝这个凭据，请改为报告它失效，会立即验证",
                ),
                RotateError::Denied(AskDenied::BudgetSpent { .. }) => either(
                    "Raise `daily-budget`, or wait for the day to end in China; if WeChat refuses the token, report it \
                     as invalid instead",
                    "请调高 `daily-budget`，或等到北京时间次日；如果微信拒绝这个凭据，请改为报告它失效",
                ),
                RotateError::Failed(failure) => remedy_of(failure, language),
            },
            Self::NoToken(unavailable) => remedy_of(&unavailable.failure, language),
            Self::Pending => either(
                "Ask again in a second; the fetch goes on meanwhile",
                "请一秒后再试，其间获取仍在进行",
            ),
            Self::PushRefused => either(
                "If WeChat sends it: compare token, EncodingAESKey and mode of the account with the page of WeChat's console, \
                 and see that the clock of the server is right",
                "如果确由微信发来：请对照微信后台的消息推送配置，检查该账号的 Token、EncodingAESKey 与加解密方式，并确认服务器\
                 时钟准确",
            ),
            Self::PushNotTaken => {
                either("See to the store; WeChat sends it again", "请检查存储；微信会再次发送")
            }
            Self::AlertUnknown => either(
                "GET /v1/alerts lists those that the configuration names",
                "GET /v1/alerts 列出配置中的告警",
            ),
            Self::SinkUnknown => either(
                "GET /v1/sinks lists those that the configuration names",
                "GET /v1/sinks 列出配置中的投递目标",
            ),
            Self::NoPlatform => either(
                "Name the account of kind `platform` or `wecom-suite` that is to be authorised",
                "请写类型为 `platform` 或 `wecom-suite` 的账号，即被授权的一方",
            ),
            Self::PushUnknown => either(
                "`GET /v1/accounts/{account}/pushes` lists those that wait",
                "`GET /v1/accounts/{account}/pushes` 列出等待转发的推送",
            ),
            Self::SessionUnknown => either(
                "Log in at /console/ with the key of an admin",
                "请在 /console/ 用管理密钥登录",
            ),
            Self::SessionLimited => either(
                "Use a key of the API for this. `console.reveal = true` lets an admin see the token of an account, and each \
                 time is logged",
                "请改用 API 密钥。设置 `console.reveal = true` 后，管理员可以在控制台查看账号的凭据，每次都会记录",
            ),
            Self::LoginLocked(_) => either(
                "Wait, and copy the whole key. If it was not you, see in the log which addresses try to log in; whoever is \
                 logged in is not affected, nor is the API",
                "请等待，并完整复制密钥。如果不是你本人在登录，请在日志中查看是哪些地址；已登录的人和 API 不受影响",
            ),
            Self::Barred(why) => why.remedy(language).into(),
            Self::Forwarding(trouble) => trouble.remedy(language).into(),
        }
    }
}

/// These tickets, one after the other.
fn listed(tickets: impl Iterator<Item = Ticket>, language: Language) -> String {
    let mut names: Vec<_> = tickets.map(|ticket| format!("`{ticket}`")).collect();
    let last = names.pop().unwrap_or_default();
    match names.is_empty() {
        true => last,
        false => {
            names.join(either(language, ", ", "、")) + either(language, " and ", " 和 ") + &last
        }
    }
}

fn message_of_denied(denied: Denied, language: Language) -> Cow<'static, str> {
    let either = |english, chinese| either(language, english, chinese).into();
    match denied {
        Denied::Revoked => either("this API key was revoked", "这个 API 密钥已吊销"),
        Denied::Expired => either("this API key has expired", "这个 API 密钥已过期"),
        Denied::Right(right) => say!(
            language,
            "this API key lacks the right `{right}`",
            "这个 API 密钥没有权限 `{right}`",
            right = right.as_str()
        )
        .into(),
        Denied::Account => {
            either("this API key is not for this account", "这个 API 密钥不能用于这个账号")
        }
        Denied::Domain => either(
            "this API key is bound to pages of some domains: it has no others signed and sees no ticket",
            "这个 API 密钥只限某些域名的页面：不能为其他页面签名，也看不到 ticket",
        ),
        Denied::Network => either(
            "this API key may not be used from the address that you come from",
            "这个 API 密钥不能从你所在的地址使用",
        ),
    }
}

fn remedy_of_denied(denied: Denied, language: Language) -> Cow<'static, str> {
    let either = |english, chinese| either(language, english, chinese).into();
    match denied {
        Denied::Revoked | Denied::Expired => either(
            "Ask the one who runs this server for another key (`lingpai key create`)",
            "请向该服务的管理员索取新的密钥（`lingpai key create`）",
        ),
        Denied::Right(right) => say!(
            language,
            "Use a key that was made with the right `{right}`",
            "请使用带有权限 `{right}` 的密钥",
            right = right.as_str()
        )
        .into(),
        Denied::Account => either(
            "Use a key that was made for this account, and check the account's name",
            "请使用允许访问这个账号的密钥，并检查账号名是否正确",
        ),
        Denied::Domain => either(
            "Have the page signed at /v1/accounts/{account}/js-config, with its URL as the browser shows it; or ask for a \
             key with this domain",
            "请用 /v1/accounts/{account}/js-config 为页面签名，URL 要与浏览器地址栏一致；或索取允许该域名的密钥",
        ),
        Denied::Network => either(
            "Call from one of the networks that the key was made for, or ask for a key that names yours",
            "请从该密钥允许的网段调用，或索取允许你所在网段的密钥",
        ),
    }
}

/// Why a fetch failed. What can be done is said as the remedy.
fn because(failure: &Failure, language: Language) -> String {
    let Failure { code, message, .. } = failure;
    match code {
        Some(code) => say!(
            language,
            "WeChat answered errcode {code}: {message}",
            "微信返回 errcode {code}：{message}"
        ),
        None => message.clone(),
    }
}

/// A failure without what to do, which is said by itself.
fn told(failure: &Failure) -> Cow<'_, str> {
    match failure.code {
        Some(code) => format!("errcode {code}: {}", failure.message).into(),
        None => failure.message.as_str().into(),
    }
}

fn remedy_of(failure: &Failure, language: Language) -> Cow<'_, str> {
    catalogue::remedy(failure, language).unwrap_or_else(|| {
        either(language, "It is tried again by itself; ask again later", "会自动重试，请稍后再来")
            .into()
    })
}

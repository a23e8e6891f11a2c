//! All that a diagnosis says, in both languages: for each cause a sentence and what to do, and the words of the evidence.

use std::net::IpAddr;
use std::time::Duration;

use lingpai_core::rotation::Reason;
use lingpai_core::{AccountId, Failure, Timestamp};

use super::Cause;
use super::looks::Looks;
use crate::failures;
use crate::language::{Bilingual, Language, both};

/// A span of time in both languages, to the minute from an hour on.
pub(crate) fn span(time: Duration) -> Bilingual {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let parts = match seconds {
        0..60 => [(seconds, "s", "秒"), (0, "", "")],
        60..3600 => [(minutes, "min", "分钟"), (0, "", "")],
        3600..86_400 => [(hours, "h", "小时"), (minutes, "min", "分钟")],
        _ => [(days, "d", "天"), (hours, "h", "小时")],
    };
    let shown = parts.iter().enumerate().filter(|(place, (number, ..))| *place == 0 || *number > 0);
    let (english, chinese): (Vec<_>, Vec<_>) = shown
        .map(|(_, (number, en, zh))| (format!("{number} {en}"), format!("{number} {zh}")))
        .unzip();
    Bilingual::made(english.join(" "), chinese.join(" "))
}

/// What can be done, the first thing first.
pub(super) fn remedy(cause: Cause) -> Vec<Bilingual> {
    let said: &[(&'static str, &'static str)] = match cause {
        Cause::Current => &[
            (
                "Look at the call that was refused, not at the token: is it for this account, does the API take this kind of \
                 token, and does the whole token stand in the URL as access_token?",
                "请检查被拒绝的那次调用，而不是凭据：是否用于这个账号、该接口是否接受这种凭据、URL 的 access_token 参数是否完整。",
            ),
            (
                "If calls are refused now and then only, have the service report the token to Lingpai when that happens; the \
                 report is answered with a token that works.",
                "如果只是偶尔被拒绝，请让业务服务在被拒绝时向 Lingpai 报告凭据失效；报告会得到可用的凭据。",
            ),
        ],
        Cause::Expired => &[
            (
                "Have the service ask Lingpai for the token before each use, or keep it for no longer than `expires_in` says.",
                "请让业务服务每次使用前向 Lingpai 读取凭据，或缓存不超过 `expires_in` 所说的时间。",
            ),
            (
                "If nobody used it for long, nothing is wrong: the next ask brings a good one.",
                "如果只是很久没有人使用，则没有问题：下一次读取会得到有效的凭据。",
            ),
        ],
        Cause::ReplacedByUs => &[
            (
                "Have the service that still uses it take the token from Lingpai for each call, and keep it for no longer than \
                 `expires_in` says. Or point its SDK at the gateway, where no token goes bad.",
                "请让仍在使用它的业务服务每次调用都从 Lingpai 读取凭据，缓存不超过 `expires_in` 所说的时间；也可以让它的 SDK 走网关，\
                 那里不会遇到失效的凭据。",
            ),
            (
                "Restart jobs that read the token once at their start: cron jobs, workers, scripts.",
                "请重启只在启动时读取一次凭据的程序：定时任务、后台进程、脚本。",
            ),
        ],
        Cause::ReplacedByOther => &[
            (
                "Find the system that fetches tokens of this account itself, and have it read them from Lingpai: another \
                 environment (test, staging), an old deployment, a plug-in, a colleague's machine.",
                "请找到自行获取该账号凭据的系统，让它改为从 Lingpai 读取：其他环境（测试、预发布）、旧的部署、插件、同事的电脑。",
            ),
            (
                "If it cannot be found, reset the AppSecret in WeChat's console and give it to Lingpai alone: the other system \
                 is then refused and shows itself.",
                "如果找不到，请在微信后台重置 AppSecret，只交给 Lingpai：那个系统会被拒绝，从而暴露出来。",
            ),
            (
                "Until then use stable mode (`mode = \"stable\"`), whose tokens a call of /cgi-bin/token does not replace.",
                "在此之前请使用稳定版模式（`mode = \"stable\"`）：它的凭据不会被 /cgi-bin/token 的调用替换。",
            ),
        ],
        Cause::NotOurs => &[
            (
                "The service that used it fetches tokens itself, and so replaces those that Lingpai keeps: take the AppSecret \
                 out of it and have it read the token from Lingpai.",
                "使用它的业务服务在自行获取凭据，会替换 Lingpai 维护的凭据：请从它的配置中去掉 AppSecret，改为从 Lingpai 读取。",
            ),
            (
                "If it is the token of an account that is not kept here, compare the appid of the call with that of the service.",
                "如果它属于不由这里维护的账号，请核对调用与业务服务的 appid。",
            ),
        ],
        Cause::SecretReset => &[
            (
                "Copy the AppSecret from WeChat's console (mp.weixin.qq.com or developers.weixin.qq.com/platform; reset it there \
                 if nobody has it) and give it to Lingpai: `lingpai account set-secret ACCOUNT`, or the file or variable that \
                 the configuration names.",
                "请到微信后台（mp.weixin.qq.com 或 developers.weixin.qq.com/platform）取得 AppSecret（没有人保存则重置），交给 \
                 Lingpai：`lingpai account set-secret 账号`，或修改配置所指的文件、变量。",
            ),
            (
                "Lingpai fetches at once when it has the new one.",
                "拿到新的 AppSecret 后，Lingpai 会立即获取凭据。",
            ),
        ],
        Cause::SecretFrozen => &[
            (
                "Unfreeze the AppSecret in WeChat's console (开发接口管理); that takes ten minutes to act. Lingpai tries again by \
                 itself.",
                "请在微信后台（开发接口管理）解冻 AppSecret，约十分钟后生效。Lingpai 会自动重试。",
            ),
            (
                "Find out who froze it, and why: it may have leaked.",
                "请查明是谁、为什么冻结：它可能已经泄露。",
            ),
        ],
        Cause::OtherAccount => &[(
            "Have the service read the token of the account that it calls for: compare the appid in its configuration with \
                 that of the page, mini program or user it works for.",
            "请让业务服务读取它所调用的那个账号的凭据：核对配置中的 appid 与网页、小程序或用户所属的账号。",
        )],
        Cause::UserToken => &[
            (
                "Calls of /cgi-bin/ and /wxa/ take the account's access_token: read it from Lingpai. The token that \
                 /sns/oauth2/access_token brings is a person's, and is good for /sns/ only.",
                "/cgi-bin/ 与 /wxa/ 的接口要用账号的 access_token：请从 Lingpai 读取。/sns/oauth2/access_token 得到的是用户的凭据，\
                 只能用于 /sns/ 接口。",
            ),
            (
                "Keep the two under different names in the code: both are called access_token.",
                "两者都叫 access_token，请在代码中用不同的名字保存。",
            ),
        ],
        Cause::Quota => &[
            (
                "Wait until the day ends (midnight in China) or the minute, or clear the counters in WeChat's console \
                 (接口权限, ten times a month).",
                "请等到当天（北京时间零点）或当前分钟结束，或在微信后台（接口权限）清零，每月十次。",
            ),
            (
                "Find who calls so often: `lingpai status ACCOUNT` shows the calls of the day, and bounds of keys (`--per-day`) \
                 keep one client from taking all.",
                "请找出调用过多的一方：`lingpai status 账号` 显示当天的调用；密钥的限额（`--per-day`）可防止一个客户端用尽。",
            ),
        ],
        Cause::IpNotAllowed => &[
            (
                "Put the address into the IP whitelist in WeChat's console (IP 白名单; WeCom: 企业可信 IP). It acts within ten \
                 minutes, and Lingpai tries again by itself.",
                "请在微信后台把该地址加入 IP 白名单（企业微信：企业可信 IP），十分钟内生效，Lingpai 会自动重试。",
            ),
            (
                "If the address changes, have Lingpai go out through a proxy with a fixed one (`proxy`).",
                "如果出口地址会变化，请让 Lingpai 通过地址固定的代理访问（`proxy`）。",
            ),
        ],
        Cause::AccountRestricted => &[(
            "Look at the notices in WeChat's console: the account is limited there, and only WeChat lifts that.",
            "请查看微信后台的通知：账号在那里受到限制，只有微信能解除。",
        )],
        Cause::PlatformTrouble => &[
            (
                "Wait: Lingpai tries again by itself, and serves the token that it has for as long as it is good.",
                "请等待：Lingpai 会自动重试，现有凭据在有效期内继续提供。",
            ),
            (
                "If it goes on, check the network between this machine and WeChat: `lingpai doctor`.",
                "如果持续出现，请检查本机到微信的网络：`lingpai doctor`。",
            ),
        ],
        Cause::NotAToken => &[(
            "Look at where the service takes the token from: this value came from somewhere else, or was cut or encoded on \
                 its way.",
            "请检查业务服务从哪里取得凭据：这个值来自别处，或在途中被截断、被编码。",
        )],
        Cause::VirtualToken => &[
            (
                "Send calls with this token to Lingpai's gateway, in place of api.weixin.qq.com: WeChat does not know it.",
                "请把使用这个凭据的调用发往 Lingpai 的网关，而不是 api.weixin.qq.com：微信不认识它。",
            ),
            (
                "A client that calls WeChat itself needs a key with the right token:read.",
                "如果客户端要直接调用微信，它的密钥需要 token:read 权限。",
            ),
        ],
        Cause::Unknown => &[
            (
                "Give more: the token (it is not kept), the whole answer of WeChat with its errcode, and the account that the \
                 call was for.",
                "请提供更多信息：凭据（不会保存）、微信返回的完整内容（含 errcode）、调用所用的账号。",
            ),
            (
                "Run `lingpai doctor ACCOUNT`, which asks WeChat about the account as it is now.",
                "请运行 `lingpai doctor 账号`，它会向微信核对账号的现状。",
            ),
        ],
    };
    said.iter().map(|(english, chinese)| Bilingual::fixed(english, chinese)).collect()
}

/// What a failure says, in a sentence of evidence.
pub(super) fn failed(failure: &Failure) -> Bilingual {
    both!(
        "WeChat refused a call for a token: {failure}",
        "微信拒绝了获取凭据的调用：{failure}",
        failure = short(failure)
    )
}

pub(super) fn refused(failure: &Failure) -> Bilingual {
    both!(
        "WeChat refused this token on a trial, though Lingpai had not replaced it and its time was not over: {failure}",
        "经验证微信拒绝这个凭据，而 Lingpai 没有更换过它，它也没有过期：{failure}",
        failure = short(failure)
    )
}

/// Upstream's own words, without the remedy.
pub(crate) fn short(failure: &Failure) -> Bilingual {
    let text = |language| {
        let message = failures::message(failure, language);
        failure.code.map_or_else(
            || message.clone().into_owned(),
            |code| format!("errcode {code}, {message}"),
        )
    };
    Bilingual::made(text(Language::English), text(Language::Chinese))
}

pub(super) fn addresses(callers: &[IpAddr]) -> Bilingual {
    let all = callers.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
    both!("WeChat saw the call come from {all}", "微信看到的来源地址是 {all}", all = all)
}

/// Why Lingpai replaced a token.
pub(super) fn reason(reason: Option<Reason>) -> Bilingual {
    let (english, chinese) = match reason {
        Some(Reason::Scheduled) => ("as it does before the end of each", "按计划在到期前更换"),
        Some(Reason::Manual) => ("since a person asked for it", "有人要求更换"),
        Some(Reason::Compromised) => ("since a token was said to have leaked", "有人报告凭据泄露"),
        Some(Reason::Refused) => ("since WeChat refused it", "微信拒绝了它"),
        Some(Reason::Suspect) => ("since it may have been replaced unseen", "它可能已被悄悄替换"),
        Some(Reason::Probe) => {
            ("since the account's own family was usable again", "账号自己的凭据恢复可用")
        }
        _ => ("by another", "换成了另一个"),
    };
    Bilingual::fixed(english, chinese)
}

pub(super) fn issued(until: Option<Timestamp>) -> Bilingual {
    match until {
        Some(until) => both!(
            "Lingpai fetched this token, good until {until}",
            "Lingpai 获取了这个凭据，有效期至 {until}",
            until = until
        ),
        None => Bilingual::fixed("Lingpai fetched this token", "Lingpai 获取了这个凭据"),
    }
}

/// What a value is that is no token.
pub(super) fn looks(looks: Looks) -> Bilingual {
    let (english, chinese) = match looks {
        Looks::Token | Looks::Virtual => ("This looks like a token.", "它看起来像凭据。"),
        Looks::Placeholder => (
            "This is what stands for a token in examples, or what a program writes where it has none.",
            "这是示例中的占位文字，或程序没有凭据时写出的内容，不是凭据。",
        ),
        Looks::Broken => (
            "This has signs that no token has, such as spaces, quotes or %: it was encoded or damaged on its way.",
            "它含有凭据不会有的字符（如空格、引号、%）：途中被编码或损坏了。",
        ),
        Looks::Short => (
            "This is shorter than any token of WeChat's: it was cut off, or is something else.",
            "它比任何微信凭据都短：被截断了，或根本不是凭据。",
        ),
        Looks::AppSecret => (
            "This is an AppSecret and no token. It was used in a URL: reset it in WeChat's console if a log may have it.",
            "这是 AppSecret，不是凭据。它出现在了 URL 中：如果日志可能记录了它，请在微信后台重置。",
        ),
        Looks::ApiKey => (
            "This is an API key of Lingpai's and no token. WeChat has seen it: revoke it and make another.",
            "这是 Lingpai 的 API 密钥，不是凭据。微信已经看到它：请吊销并新建一个。",
        ),
        Looks::RefreshToken => (
            "This is a refresh token, which renews another and opens no API itself.",
            "这是 refresh_token，只能用来换取另一个凭据，不能调用接口。",
        ),
        Looks::PushedTicket => (
            "This is a component_verify_ticket, with which a third-party platform fetches its token.",
            "这是 component_verify_ticket，第三方平台用它换取凭据。",
        ),
    };
    Bilingual::fixed(english, chinese)
}

/// What is said of causes that are no single token's, of this account where it is known.
pub(super) fn headline(cause: Cause, account: Option<&AccountId>) -> Bilingual {
    let (en, zh) = match account {
        Some(account) => (format!(" of the account {account}"), format!("账号 {account} ")),
        None => (" of the account".to_owned(), "该账号".to_owned()),
    };
    match cause {
        Cause::SecretReset => both!(
            "The AppSecret{en} is not the one that Lingpai has: somebody reset it in WeChat's console, or it was entered wrong.",
            "{zh}的 AppSecret 与 Lingpai 所持的不同：有人在微信后台重置过，或录入有误。",
            en = en,
            zh = zh
        ),
        Cause::SecretFrozen => both!(
            "The AppSecret{en} is frozen in WeChat's console, so that no token can be fetched.",
            "{zh}的 AppSecret 在微信后台被冻结，无法获取凭据。",
            en = en,
            zh = zh
        ),
        Cause::Quota => both!(
            "A quota{en} is used up: WeChat refuses the call whatever token it carries.",
            "{zh}的调用额度已用完：无论携带什么凭据，微信都会拒绝。",
            en = en,
            zh = zh
        ),
        Cause::IpNotAllowed => both!(
            "WeChat does not let the address in from which it was called: it is not in the IP whitelist{en}.",
            "微信不接受调用的来源地址：它不在{zh}的 IP 白名单中。",
            en = en,
            zh = zh
        ),
        Cause::AccountRestricted => both!(
            "WeChat has limited the use{en}; the token has nothing to do with it.",
            "微信限制了{zh}的使用，与凭据无关。",
            en = en,
            zh = zh
        ),
        Cause::PlatformTrouble => both!(
            "WeChat cannot be reached or has trouble of its own; nothing says that the token{en} is bad.",
            "无法连接微信，或微信自身出现故障；没有迹象表明{zh}的凭据有问题。",
            en = en,
            zh = zh
        ),
        Cause::ReplacedByOther => both!(
            "Another system fetches tokens{en} and so replaces those that Lingpai keeps.",
            "另有系统在获取{zh}的凭据，替换了 Lingpai 维护的凭据。",
            en = en,
            zh = zh
        ),
        Cause::Expired => both!(
            "The token{en} had expired when it was used.",
            "{zh}的凭据在使用时已经过期。",
            en = en,
            zh = zh
        ),
        Cause::UserToken => both!(
            "This is the token of a person who logged in (web authorisation), not the access_token{en}.",
            "这是登录用户的凭据（网页授权），不是{zh}的 access_token。",
            en = en,
            zh = zh
        ),
        _ => both!(
            "What is known{en} does not explain the refusal.",
            "{zh}的已知情况不足以解释这次拒绝。",
            en = en,
            zh = zh
        ),
    }
}

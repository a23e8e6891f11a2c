//! `lingpai try`: what an account is like, seen from this machine, before anything is set up. Nothing is stored.
//!
//! WeChat is asked for a token by the call that repeats the token in use and forces nothing, and by calls that bring none. So
//! whoever serves the account today notices nothing. Where the address is not on the whitelist, it is looked again until it is.

use std::io::{self, BufRead, IsTerminal};
use std::net::IpAddr;
use std::time::Duration;

use lingpai_core::{
    Account, AccountId, AccountKind, Class, Failure, Issued, Secret, Timestamp, Way,
};
use lingpai_sandbox as sandbox;
use lingpai_wechat::{WeChat, catalogue, protocol, wire};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};

use crate::args::{AppSecret, Try};
use crate::commands::account::{app_secret, proxy_at_adding};
use crate::config::account::kind_name;
use crate::config::{DEFAULT_LISTEN, show_duration};
use crate::error::Error;
use crate::language::{self, either, say};
use crate::output::{self, Tone};
use crate::snippets::{self, Way as Served};

/// All that is asked at once is answered within this time, or not at all.
const PATIENCE: Duration = Duration::from_secs(10);
/// An administrator who was asked about the address is not asked again sooner.
const CONFIRMING: Duration = Duration::from_mins(1);
/// The codes that say that the address is not let in.
const OF_ADDRESS: [i64; 7] = [40164, 61004, 60020, 89501, 89503, 89506, 89507];
/// Of these, those that an administrator's answer ends.
const TO_BE_CONFIRMED: [i64; 2] = [89501, 89503];

/// Looks, tells, and waits for the whitelist.
pub(crate) async fn run(options: Try) -> Result<(), Error> {
    if !options.sandbox {
        let (account, upstream) = asked_for(&options)?;
        return look(&options, &account, upstream).await;
    }
    let addr = ([127, 0, 0, 1], 0).into();
    let settings = sandbox::Settings { addr, ..sandbox::Settings::default() };
    let server = sandbox::Server::bind(settings).await?;
    let upstream = wire::Settings {
        hosts: vec![format!("http://{}", server.addr()).parse()?],
        ..wire::Settings::default()
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(async {
        let _ = stopped.await; // Dropped means the same.
    }));
    output::tell(either(
        "This is a simulated WeChat on this machine: the account, its addresses and numbers are made up.\n",
        "以下是本机模拟的微信：账号、地址与数字都是虚构的。\n",
    ));
    let id: AccountId =
        sandbox::DEMO_APPID.parse().map_err(|error| Error::said(format!("{error}")))?;
    let account = Account::new(id, Secret::from(sandbox::DEMO_SECRET), Timestamp::default());
    let outcome = look(&options, &account, upstream).await;
    drop(stop);
    let _ = serving.await;
    outcome
}

/// The account, as it was typed.
fn asked_for(options: &Try) -> Result<(Account, wire::Settings), Error> {
    let id = match &options.account {
        Some(id) => id.clone(),
        None => typed()?,
    };
    let fits = options.kind.is_of_wecom() == id.corp_and_agent().is_some();
    if !fits || options.kind.needs_platform() {
        return Err(Error::said(either(
            "such an account cannot be tried alone. Try an Official Account, a Mini Program, a Mini Game, or an application of \
             WeCom as CORPID:AGENTID with --kind wecom",
            "这类账号不能单独试用。请试用公众号、小程序、小游戏，或企业微信应用（CORPID:AGENTID，加 --kind wecom）",
        )));
    }
    let from = AppSecret { untried: false, file: options.secret_file.clone() };
    let secret = app_secret::take(&id, &from)?;
    let mut account = Account::new(id, secret, Timestamp::default());
    account.kind = options.kind;
    account.proxy = proxy_at_adding(&account.id, &options.proxy)?;
    let hosts = options.upstream.clone().into_iter().collect();
    // Whoever types the proxy's address may reach it, wherever it is.
    let private_networks =
        ["0.0.0.0/0", "::/0"].iter().filter_map(|all| all.parse().ok()).collect();
    Ok((account, wire::Settings { hosts, private_networks, ..wire::Settings::default() }))
}

fn typed() -> Result<AccountId, Error> {
    if !io::stdin().is_terminal() {
        return Err(Error::said(either(
            "say which account: lingpai try APPID",
            "请写明账号：lingpai try APPID",
        )));
    }
    output::tell(either("appid:", "appid："));
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    line.trim().parse().map_err(|error| Error::said(format!("{error}")))
}

async fn look(options: &Try, account: &Account, upstream: wire::Settings) -> Result<(), Error> {
    let wechat = WeChat::new(wire::Upstream::new(upstream)?);
    let mut told = None;
    loop {
        let until = Instant::now() + PATIENCE;
        let issuer = wechat.issuer(account);
        let asked = timeout_at(until, issuer.issue(Way::Primary, None)).await;
        let failure = match asked.unwrap_or_else(|_| Err(no_answer())) {
            Ok(token) => return well(options, account, &wechat, &token, until).await,
            Err(failure) => failure,
        };
        let is_address = failure.code.is_some_and(|code| OF_ADDRESS.contains(&code));
        if !is_address {
            return Err(unwell(&failure));
        }
        // The words of each refusal name another request.
        if told.replace(failure.code) != Some(failure.code) {
            output::print(&refused(account, &failure))?;
        }
        if options.once {
            return Err(Error::Unwell { failed: true });
        }
        let pause = pause_after(&failure, options.every);
        output::tell(&say!(
            "Looking again in {time}, until it takes effect; Ctrl-C ends it.",
            "{time} 后再看，直到生效；按 Ctrl-C 结束。",
            time = show_duration(pause)
        ));
        sleep(pause).await;
    }
}

/// After what time an address that was refused so is tried again. A ban is waited for; an administrator is not pressed.
fn pause_after(failure: &Failure, every: Duration) -> Duration {
    match (failure.class, failure.code) {
        (Class::RateLimited(ban), _) => ban,
        (_, Some(code)) if TO_BE_CONFIRMED.contains(&code) => every.max(CONFIRMING),
        _ => every,
    }
}

/// The address is let in: the rest of what there is to know.
async fn well(
    options: &Try,
    account: &Account,
    wechat: &WeChat,
    token: &Issued,
    until: Instant,
) -> Result<(), Error> {
    let is_wecom = account.kind.is_of_wecom();
    let (seen, quota) = if is_wecom {
        (None, None)
    } else {
        let path = protocol::STABLE_TOKEN_PATH;
        let (seen, quota) = tokio::join!(
            timeout_at(until, wechat.seen_from(account, &token.value)),
            timeout_at(until, wechat.quota(account, &token.value, path)),
        );
        (seen.ok().and_then(Result::ok), quota.ok().and_then(Result::ok))
    };
    let mut lines = vec![line(
        Tone::Good,
        either("ok", "通过"),
        "AppSecret",
        &say!(
            "right. WeChat gave a token that is good for {left}; it is thrown away here, and no token in use was replaced",
            "正确。微信返回的凭据还有 {left} 有效；这里不保存，也没有换掉正在使用的凭据",
            left = show_duration(Duration::from_secs(token.life.as_secs()))
        ),
    )];
    lines.push(address_line(account, seen));
    if let Some(quota) = quota {
        let (left, limit) = (quota.left, quota.limit);
        let (tone, word) = match left {
            0 => (Tone::Bad, either("FAILED", "失败")),
            _ => (Tone::Good, either("ok", "通过")),
        };
        lines.push(line(
            tone,
            word,
            either("quota", "额度"),
            &say!(
                "of {limit} calls for a token a day, {left} are left",
                "每天可获取 {limit} 次，还剩 {left} 次"
            ),
        ));
        if left == 0 {
            lines.push(
                either(
                    "    What to do: find out who fetches so often. It is full again at midnight in China, or at once by `lingpai quota clear`",
                    "    处理办法：找出是谁获取得这么频繁。北京时间零点恢复，或用 `lingpai quota clear` 立即清零",
                )
                .to_owned(),
            );
        }
    }
    output::print(&lines.join("\n"))?;
    output::print(&format!("\n{}", permitted(account.kind)))?;
    let server = format!("http://{DEFAULT_LISTEN}");
    let id = &account.id;
    let steps = if options.sandbox {
        // The simulated WeChat of this command ends with it; the demo has its own.
        format!(
            "  lingpai serve --demo\n  LINGPAI_STORE=sqlite:lingpai-demo/lingpai.db lingpai key create shop --account {id} \
             --right gateway   {it_is}",
            it_is = either("# KEY, in another terminal", "# KEY，在另一个终端执行")
        )
    } else {
        let kind = match account.kind {
            AccountKind::OfficialAccount => String::new(),
            kind => format!(" --kind {}", kind_name(kind)),
        };
        let proxy =
            options.proxy.url.iter().map(|url| format!(" --proxy {url}")).collect::<String>();
        format!("  lingpai account add {id}{kind}{proxy}\n  lingpai serve")
    };
    output::print(&say!("\nNext, on this machine:\n{steps}", "\n接下来，在本机：\n{steps}"))?;
    match snippets::of(id, options.sdk, Served::Gateway) {
        Ok(snippet) => {
            output::print(either("\nAnd in the service:\n", "\n然后在业务服务中：\n"))?;
            output::print(snippet.text(id, &server).trim_end())
        }
        Err(_) => output::print(either(
            "\nWhat SDKs of WeCom are set to: docs/wecom.md",
            "\n企业微信 SDK 的设置：docs/zh/wecom.md",
        )),
    }
}

fn address_line(account: &Account, seen: Option<IpAddr>) -> String {
    let what = what_is_seen(account);
    let title = either("address and whitelist", "地址与白名单");
    let text = match seen {
        Some(address) => say!(
            "WeChat sees {what} as {address}, and lets it in",
            "微信看到{what}的地址是 {address}，并接受它"
        ),
        None => say!(
            "WeChat lets {what} in; it did not say by which address it sees it",
            "微信接受{what}的地址，但没有说明是哪个"
        ),
    };
    line(Tone::Good, either("ok", "通过"), title, &text)
}

/// Whose address WeChat sees.
fn what_is_seen(account: &Account) -> &'static str {
    match account.proxy {
        Some(_) => either("the proxy", "代理"),
        None => either("this machine", "本机"),
    }
}

fn line(tone: Tone, mark: &str, title: &str, text: &str) -> String {
    say!("{mark} {title}: {text}.", "{mark} {title}：{text}。", mark = output::paint(tone, mark))
}

/// Which ways of being served a whitelist with this machine's address permits.
fn permitted(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::MiniProgram | AccountKind::MiniGame => either(
            "What this permits\n  gateway            yes: calls go out from this machine\n  drop-in, API, sink yes: the whitelist of a Mini Program guards \
             only the calls that carry the AppSecret, so\n                     services may call WeChat from anywhere",
            "目前可用的接入方式\n  网关                      可以：调用都从本机发出\n  兼容接口、原生接口、投递  可以：小程序的白名单只限制使用 AppSecret 的接口，\
             业务服务可以从任何地址调用微信",
        ),
        AccountKind::WeCom => either(
            "What this permits\n  gateway            yes: calls go out from this machine\n  drop-in, API, sink only from addresses that are trusted IPs \
             (企业可信IP) of the application too",
            "目前可用的接入方式\n  网关                      可以：调用都从本机发出\n  兼容接口、原生接口、投递  业务服务自己的地址也要列为该应用的企业可信 IP",
        ),
        _ => either(
            "What this permits\n  gateway            yes: calls go out from this machine, and no other address has to be listed\n  drop-in, API, \
             sink only from addresses that are listed too: since June 2025 the whitelist of an Official Account\n                     guards \
             every call, and these services call WeChat themselves",
            "目前可用的接入方式\n  网关                      可以：调用都从本机发出，不需要登记其他地址\n  兼容接口、原生接口、投递  业务服务自己的地址也要登记：2025 年 6 月起，\
             公众号的白名单限制所有接口，而这些方式由业务服务自己调用微信",
        ),
    }
}

/// The address is not let in: which it is, and exactly where it is let in.
fn refused(account: &Account, failure: &Failure) -> String {
    let seen = catalogue::explain(&failure.message).map(|it| it.caller_ips).unwrap_or_default();
    let address = seen.first().map(ToString::to_string);
    let what = what_is_seen(account);
    let unknown = say!("the address of {what}", "{what}的地址");
    let shown = address.as_deref().unwrap_or(&unknown);
    let code = failure.code.unwrap_or_default();
    let evidence = say!(
        "WeChat sees {what} as {shown} and does not let it in (errcode {code})",
        "微信看到{what}的地址是 {shown}，不接受它（errcode {code}）"
    );
    let place = match account.kind {
        AccountKind::MiniProgram | AccountKind::MiniGame => either(
            "mp.weixin.qq.com → 管理 → 开发管理 → 开发设置 → IP白名单",
            "mp.weixin.qq.com → 管理 → 开发管理 → 开发设置 → IP 白名单",
        ),
        AccountKind::WeCom => either(
            "work.weixin.qq.com → 应用管理 → the application → 企业可信IP",
            "work.weixin.qq.com → 应用管理 → 该应用 → 企业可信 IP",
        ),
        _ => either(
            "developers.weixin.qq.com/platform → the account → 基础信息 → 开发密钥 → API IP白名单",
            "developers.weixin.qq.com/platform → 选择该账号 → 基础信息 → 开发密钥 → API IP 白名单",
        ),
    };
    let what = match code {
        code if TO_BE_CONFIRMED.contains(&code) => say!(
            "The account's administrator was sent a question in WeChat: have it accepted, or put {shown} onto the list at {place}. \
             A refusal bans the address for an hour",
            "微信已向该账号的管理员发送确认请求：请他确认，或在 {place} 登记 {shown}。被拒绝会使这个地址禁用一小时"
        ),
        89506 | 89507 => say!(
            "An administrator has refused this address, and it is banned for a while. Put {shown} onto the list at {place}, and \
             tell him what it is for",
            "管理员拒绝过这个地址，它被暂时禁用。请在 {place} 登记 {shown}，并告诉管理员它的用途"
        ),
        _ => say!(
            "Put {shown} onto the list at {place}. It takes 5 to 10 minutes",
            "请在 {place} 登记 {shown}，约 5 到 10 分钟生效"
        ),
    };
    let title = either("address and whitelist", "地址与白名单");
    let mark = either("FAILED", "失败");
    let remedy = either("What to do:", "处理办法：");
    format!("{}\n    {remedy} {what}", line(Tone::Bad, mark, title, &evidence))
}

fn no_answer() -> Failure {
    Failure::new(Class::Transient, either("no answer in time", "没有及时应答"))
}

/// Anything else that stands in the way.
fn unwell(failure: &Failure) -> Error {
    let remedy = catalogue::remedy(failure, language::current()).unwrap_or_default();
    let what = failure.message.trim_end_matches('.');
    Error::said(match failure.code {
        Some(code) => say!(
            "WeChat gives no token for this AppSecret (errcode {code}): {what}. {remedy}",
            "微信没有为这个 AppSecret 返回凭据（errcode {code}）：{what}。{remedy}"
        ),
        // Nothing is known of the AppSecret then.
        None => say!(
            "WeChat has given no answer that can be used: {what}. {remedy}",
            "没有得到微信的有效应答：{what}。{remedy}"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_is_waited_for_and_an_administrator_is_not_pressed() {
        let every = Duration::from_secs(15);
        let pause = |class, code| {
            pause_after(&Failure { code: Some(code), ..Failure::new(class, "") }, every)
        };
        assert_eq!(pause(Class::NeedsPerson, 40164), every);
        assert_eq!(pause(Class::NeedsPerson, 89503), CONFIRMING);
        let hour = Duration::from_hours(1);
        assert_eq!(pause(Class::RateLimited(hour), 89507), hour);
    }

    /// What reference and catalogue say of each kind: where its list is, and what the list guards.
    #[test]
    fn the_place_of_the_whitelist_and_what_it_guards_are_those_of_the_kind() {
        let of = |kind, code| {
            let id = match kind {
                AccountKind::WeCom => "ww0123456789abcdef:1000002",
                _ => "wx0123456789abcdef",
            };
            let mut account = Account::new(id.parse().unwrap(), "s".into(), Timestamp::default());
            account.kind = kind;
            let text =
                "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 1-2-3";
            let failure = Failure { code: Some(code), ..Failure::new(Class::NeedsPerson, text) };
            refused(&account, &failure)
        };
        for (kind, code, place, gateway, others) in [
            // Since December 2025 the pages of Official Accounts are there; since June 2025 their list guards every call.
            (
                AccountKind::OfficialAccount,
                40164,
                "developers.weixin.qq.com/platform",
                "no other address",
                "only from addresses that are listed too",
            ),
            // Only what carries the AppSecret is guarded.
            (AccountKind::MiniProgram, 40164, "mp.weixin.qq.com → 管理 → 开发管理", "yes", "yes"),
            (AccountKind::MiniGame, 40164, "mp.weixin.qq.com → 管理 → 开发管理", "yes", "yes"),
            (AccountKind::WeCom, 60020, "企业可信IP", "yes", "trusted IPs"),
        ] {
            let told = of(kind, code);
            assert!(told.contains(place) && told.contains("203.0.113.7"), "{kind:?}: {told}");
            let permitted = permitted(kind);
            let (first, rest) = permitted.split_once("drop-in").unwrap();
            assert!(first.contains(gateway) && rest.contains(others), "{kind:?}: {permitted}");
        }
        // As the catalogue has it, which `explain` prints.
        let known = catalogue::explain("40164 invalid ip 203.0.113.7, not in whitelist").unwrap();
        let advice = format!("{known:?}");
        for host in ["developers.weixin.qq.com/platform", "mp.weixin.qq.com"] {
            assert!(advice.contains(host), "{host}: {advice}");
        }
    }

    #[test]
    fn an_administrator_is_asked_and_a_ban_is_named() {
        let mut account = Account::new("wx1".parse().unwrap(), "s".into(), Timestamp::default());
        account.proxy = "http://proxy.example.com:3128".parse().ok();
        let of = |code| {
            refused(
                &account,
                &Failure { code: Some(code), ..Failure::new(Class::NeedsPerson, "no") },
            )
        };
        assert!(
            of(89503).contains("have it accepted, or put the address of the proxy onto the list")
        );
        assert!(of(89507).contains("it is banned for a while"));
        assert!(of(40164).contains("It takes 5 to 10 minutes"));
    }
}

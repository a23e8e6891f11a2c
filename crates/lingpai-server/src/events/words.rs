//! A sentence for each event, in both languages: the only place where events are put into words. HTTP answers, commands, the
//! console and alerts all speak these.
//!
//! A sentence does not name the account: whoever shows it says that beside it.

use std::time::Duration;

use lingpai_core::Timestamp;
use lingpai_core::event::{AccountChange, Event, KeyChange, What};
use lingpai_core::failure::Failure;
use lingpai_core::rotation::Reason;
use lingpai_wechat::catalogue;

use super::answer::Reader;
use crate::failures;
use crate::language::{Language, either, say};

/// The most of a foreign text that a sentence takes in, in characters.
const MOST: usize = 200;

/// What happened, in one sentence without a full stop, for whoever may know all of it.
pub fn sentence(event: &Event, language: Language) -> String {
    sentence_for(event, Reader { language, whence: true })
}

/// The same for such a reader.
pub(crate) fn sentence_for(event: &Event, Reader { language, whence }: Reader) -> String {
    let either = |english, chinese| either(language, english, chinese).to_owned();
    let until = |end: Timestamp| span(end.since(event.at), language);
    match &event.what {
        What::Rotated { generation, reason, expires_at, .. } => say!(
            language,
            "{why}: generation {generation} is good for {good}",
            "{why}：第 {generation} 代，有效期 {good}",
            why = why(*reason, language),
            good = until(*expires_at)
        ),
        What::Repeated { generation, expires_at, .. } => say!(
            language,
            "WeChat repeated generation {generation}, {left} left",
            "微信返回的仍是第 {generation} 代，剩余 {left}",
            left = until(*expires_at)
        ),
        What::Failed { failure, retry_after, .. } => say!(
            language,
            "no token could be had ({failure}); tried again in {again}",
            "未能获取凭据（{failure}）；{again}后重试",
            failure = brief(failure, language),
            again = span((*retry_after).max(Duration::from_secs(1)), language)
        ),
        What::RogueRefresher { .. } => either(
            "WeChat refuses a token that nobody here replaced: somebody else fetches tokens for this account",
            "微信拒绝的凭据并不是这里换掉的：另有程序在为这个账号获取凭据",
        ),
        What::ReportUnfounded { .. } => either(
            "a client called the token invalid; it was tried, WeChat accepts it, nothing was fetched",
            "有客户端报告凭据失效；经验证微信仍然接受，没有重新获取",
        ),
        What::Suspect { cause } => say!(
            language,
            "the token may have been replaced, so one more fetch follows: {cause}",
            "凭据可能已被换掉，因此再获取一次：{cause}",
            cause = cut(&failures::cause(cause, language))
        ),
        What::FellBack { cause } => say!(
            language,
            "tokens come from the isolated fallback family now: {cause}",
            "改由相互隔离的稳定版接口获取凭据：{cause}",
            cause = cut(&failures::cause(cause, language))
        ),
        What::Overdue { .. } => either(
            "upstream has not pushed it for too long: it is asked to",
            "微信太久没有推送，已请求推送",
        ),
        What::BudgetSpent { used, .. } => say!(
            language,
            "a rotation was refused: only the reserve is left after {used} fetches today",
            "拒绝了一次更换：今天已获取 {used} 次，只剩预留的次数"
        ),
        What::ClientMisuse { key, asks } => say!(
            language,
            "the client with the key {key} asked for the token {asks} times in a minute, and is answered from memory",
            "使用密钥 {key} 的客户端一分钟内索取凭据 {asks} 次，一律从内存回答"
        ),
        What::AccountChanged { change, .. } => match change {
            AccountChange::Created => either("an account was added", "添加了账号"),
            AccountChange::Updated => {
                either("the account's settings were changed", "修改了账号的设置")
            }
            AccountChange::SecretReplaced => {
                either("the account has another AppSecret", "更换了账号的 AppSecret")
            }
            AccountChange::Removed => either("the account was removed", "移除了账号"),
        },
        What::CallsRefused { path, errcode, .. } => say!(
            language,
            "WeChat refuses calls of {path} again and again with errcode {errcode}, though the token is good",
            "凭据没有问题，微信却一再以 errcode {errcode} 拒绝 {path}"
        ),
        What::Compromised => either(
            "a token has leaked: it is replaced until it is dead",
            "有凭据泄露：不断更换，直到它失效",
        ),
        What::CompromiseEnded { .. } => {
            either("WeChat accepts none of the earlier tokens any more", "微信已不再接受任何旧凭据")
        }
        What::StoreDegraded { message } => say!(
            language,
            "the store is down, what we have is served on: {message}",
            "存储不可用，继续提供现有凭据：{message}",
            message = cut(message)
        ),
        What::StoreRestored => either("the store works again", "存储恢复正常"),
        What::IpRefused { address, .. } => match address {
            Some(address) => say!(
                language,
                "WeChat refuses calls from {address}: put it on the account's IP list (mp.weixin.qq.com)",
                "微信拒绝来自 {address} 的调用：请在公众平台把它加入该账号的 IP 白名单"
            ),
            None => either(
                "WeChat refuses calls from this server's address: put it on the account's IP list (mp.weixin.qq.com)",
                "微信拒绝来自这台服务器的调用：请在公众平台把出口 IP 加入该账号的 IP 白名单",
            ),
        },
        What::QuotaLow { used, budget } => say!(
            language,
            "{used} of the {budget} fetches that are planned for a day are used",
            "每天计划获取 {budget} 次，今天已用 {used} 次"
        ),
        What::KeyChanged { change: KeyChange::Made, key, by } => {
            say!(language, "the key {key} was made by {by}", "{by} 创建了密钥 {key}")
        }
        What::KeyChanged { change: KeyChange::Revoked, key, by } => {
            say!(language, "the key {key} was revoked by {by}", "{by} 吊销了密钥 {key}")
        }
        What::KeyFirstUsed { key, .. } if !whence => {
            say!(language, "the key {key} was used for the first time", "密钥 {key} 首次被使用")
        }
        What::KeyFirstUsed { key, address } => say!(
            language,
            "the key {key} was used for the first time, from {address}",
            "密钥 {key} 首次被使用，来自 {address}"
        ),
        What::SecretShown { key: Some(key), path, .. } if !whence => say!(
            language,
            "the client with the key {key} sends the real AppSecret to {path}: it has no need of that",
            "使用密钥 {key} 的客户端向 {path} 发送真正的 AppSecret：它不需要知道 AppSecret"
        ),
        What::SecretShown { key: None, path, .. } if !whence => say!(
            language,
            "a client sends the real AppSecret to {path}, where its API key belongs: give it a key",
            "有客户端向 {path} 发送真正的 AppSecret，而那里应是它的 API 密钥：请给它一个密钥"
        ),
        What::SecretShown { key, address, path } => match key {
            Some(key) => say!(
                language,
                "the client with the key {key} sends the real AppSecret to {path}, from {address}: it has no need of that",
                "使用密钥 {key} 的客户端向 {path} 发送真正的 AppSecret（来自 {address}）：它不需要知道 AppSecret"
            ),
            None => say!(
                language,
                "a client at {address} sends the real AppSecret to {path}, where its API key belongs: give it a key",
                "{address} 的客户端向 {path} 发送真正的 AppSecret，而那里应是它的 API 密钥：请给它一个密钥"
            ),
        },
        What::CertificateChanging { next } => say!(
            language,
            "WeChat is about to replace the certificate of API security by the one with the number {next}: download it and give it \
             to the account",
            "微信即将更换 API 安全的平台证书，新证书编号为 {next}：请下载新证书并加入该账号"
        ),
        What::AuthorizersReconciled { listed, added, renewed, removed } => say!(
            language,
            "the store was restored and compared with WeChat's list: {listed} authorizers, {added} of them added, {renewed} with another refresh token, {removed} gone",
            "存储恢复后已与微信的授权方列表核对：共 {listed} 个，新增 {added} 个，更新 refresh_token {renewed} 个，已取消授权 {removed} 个"
        ),
        What::PushDead { push, cause } => say!(
            language,
            "the push {push} is given up, the business did not take it: {cause}",
            "推送 {push} 不再投递，业务方一直没有接收：{cause}",
            cause = cut(&failures::cause(cause, language))
        ),
        What::SinkFailed { sink, cause } => say!(
            language,
            "the token could not be delivered to the sink {sink}, it is tried again: {cause}",
            "凭据未能投递到 {sink}，会继续重试：{cause}",
            cause = cut(&failures::cause(cause, language))
        ),
        What::SinkRestored { sink, generation } => say!(
            language,
            "the sink {sink} has the newest token again, number {generation}",
            "{sink} 已恢复，现在是最新的凭据（第 {generation} 代）"
        ),
        other => say!(
            language,
            "`{name}`, which another version of Lingpai told",
            "其他版本的令牌服务记录的事件 `{name}`",
            name = other.name()
        ),
    }
}

/// Why a token took the place of another.
fn why(reason: Reason, language: Language) -> &'static str {
    let (english, chinese) = match reason {
        Reason::Scheduled => ("rotated ahead of expiry", "按计划提前更换"),
        Reason::Refused => (
            "repaired: WeChat refused the token on trial too, so it was replaced",
            "已修复：验证时微信也拒绝了该凭据，因此换掉",
        ),
        Reason::Suspect => (
            "fetched again, since a fetch may have replaced the token unseen",
            "重新获取，因为上一次获取可能已经换掉了凭据",
        ),
        Reason::Compromised => ("replaced, since a token had leaked", "已更换，因为有凭据泄露"),
        Reason::Manual => ("rotated because somebody asked for it", "已更换，因为有人要求"),
        Reason::Given => ("brought from outside", "由外部给出"),
        Reason::Probe => ("fetched from the primary family again", "重新由普通接口获取"),
        _ => ("fetched", "已获取"),
    };
    either(language, english, chinese)
}

/// A failure, with the remedy that the catalogue knows in this language.
fn brief(failure: &Failure, language: Language) -> String {
    let code = failure.code.map(|code| format!("errcode {code}: ")).unwrap_or_default();
    let remedy = catalogue::remedy(failure, language);
    let remedy = remedy.map(|remedy| format!("{}{remedy}", either(language, ". ", "。")));
    let message = cut(&failures::message(failure, language));
    format!("{code}{message}{}", remedy.unwrap_or_default())
}

/// A text of somebody else's, cut where it is too long, without what a terminal might obey.
fn cut(text: &str) -> String {
    let mut cut: String =
        text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        cut += "...";
    }
    cut
}

/// A span of time, in its two largest units.
pub(crate) fn span(time: Duration, language: Language) -> String {
    let seconds = time.as_secs();
    let units = match language {
        Language::English => [" d", " h", " min", " s"],
        Language::Chinese => [" 天", " 小时", " 分", " 秒"],
    };
    let counts = [seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60];
    let parts = counts.iter().zip(units).filter(|(count, _)| **count > 0).take(2);
    let parts: Vec<_> = parts.map(|(count, unit)| format!("{count}{unit}")).collect();
    if parts.is_empty() { format!("0{}", units[3]) } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use lingpai_core::event::Foreign;
    use lingpai_core::{Class, Fingerprint, Generation, NodeId, Way};

    use super::*;
    use crate::events::answer::EventAnswer;

    fn all() -> Vec<What> {
        let fingerprint = Fingerprint::of("t");
        let failure = || Failure {
            code: Some(40164),
            ..Failure::new(Class::NeedsPerson, "invalid ip 1.2.3.4")
        };
        let (reason, way, key) = (Reason::Scheduled, Way::Primary, || "lp_1".to_owned());
        let expires_at = Timestamp::from_millis(7_200_000);
        let cause = || "a crash".to_owned();
        vec![
            What::Rotated { generation: Generation(2), fingerprint, reason, way, expires_at },
            What::Repeated { generation: Generation(2), way, expires_at },
            What::Failed { reason, way, failure: failure(), retry_after: Duration::from_secs(90) },
            What::RogueRefresher { fingerprint, failure: failure() },
            What::ReportUnfounded { fingerprint },
            What::Suspect { cause: cause() },
            What::FellBack { cause: cause() },
            What::Overdue { since: Timestamp::default() },
            What::BudgetSpent { used: 150, reason },
            What::ClientMisuse { key: key(), asks: 70 },
            What::AccountChanged { change: AccountChange::SecretReplaced, key: key() },
            What::CallsRefused {
                key: Some(key()),
                path: "/cgi-bin/menu/get".to_owned(),
                errcode: 40001,
                refusals: 20,
                cause: cause(),
            },
            What::Compromised,
            What::CompromiseEnded { generation: Generation(3) },
            What::StoreDegraded { message: "disk full".to_owned() },
            What::StoreRestored,
            What::IpRefused { address: Some("1.2.3.4".to_owned()), failure: failure() },
            What::QuotaLow { used: 90, budget: 100 },
            What::KeyChanged { change: KeyChange::Made, key: key(), by: "lp_0".to_owned() },
            What::KeyFirstUsed { key: key(), address: [10, 0, 0, 7].into() },
            What::SecretShown {
                key: None,
                address: [10, 0, 0, 7].into(),
                path: "/cgi-bin/token".to_owned(),
            },
            What::CertificateChanging { next: "c2".to_owned() },
            What::AuthorizersReconciled { listed: 450, added: 1, renewed: 225, removed: 1 },
            What::PushDead { push: "5f2b".to_owned(), cause: cause() },
            What::SinkFailed { sink: "shop".to_owned(), cause: cause() },
            What::SinkRestored { sink: "shop".to_owned(), generation: Generation(3) },
        ]
    }

    fn told(what: What, language: Language) -> String {
        let at = Timestamp::default();
        sentence(&Event { at, credential: None, node: NodeId::new("n"), what }, language)
    }

    #[test]
    fn every_event_has_a_sentence_of_its_own_in_both_languages() {
        let names: Vec<_> = all().iter().map(|what| what.name().to_owned()).collect();
        assert_eq!(names, What::NAMES);
        let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..'\u{9fff}').contains(&c));
        for what in all() {
            let (english, chinese) =
                (told(what.clone(), Language::English), told(what, Language::Chinese));
            assert!(!is_chinese(&english) && is_chinese(&chinese), "{english} / {chinese}");
            assert!(!english.contains('`'), "{english}");
        }
    }

    #[test]
    fn whence_clients_call_is_told_to_those_only_who_may_read_the_trail() {
        let address = [10, 0, 0, 7].into();
        let with_key =
            What::SecretShown { key: Some("lp_1".to_owned()), address, path: "/a".to_owned() };
        let mut with_address = 0;
        for what in all().into_iter().chain([with_key]) {
            let at = Timestamp::default();
            let event = Event { at, credential: None, node: NodeId::new("n"), what };
            for language in [Language::English, Language::Chinese] {
                let shown = |whence| {
                    let answer = EventAnswer::new(&event, None, Reader { language, whence });
                    serde_json::to_string(&answer).unwrap()
                };
                with_address += u32::from(shown(true).contains("10.0.0.7"));
                assert!(!shown(false).contains("10.0.0.7"), "{}", shown(false));
            }
        }
        assert_eq!(with_address, 6);
    }

    #[test]
    fn an_event_of_another_version_is_named() {
        let more = serde_json::Map::new();
        let what = What::Foreign(Foreign { event: "moon-rose".to_owned(), more });
        assert!(told(what, Language::English).contains("`moon-rose`"));
    }

    #[test]
    fn what_others_wrote_is_cut_and_cannot_command_a_terminal() {
        let message = format!("\u{1b}[2J{}", "x".repeat(500));
        let told = told(What::StoreDegraded { message }, Language::English);
        assert!(told.len() < 300 && !told.contains('\u{1b}'), "{told}");
    }

    #[test]
    fn spans_have_their_two_largest_units() {
        let span = |seconds| span(Duration::from_secs(seconds), Language::English);
        assert_eq!([0, 59, 7199, 90_000].map(span), ["0 s", "59 s", "1 h 59 min", "1 d 1 h"]);
    }
}

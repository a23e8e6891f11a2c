//! What went wrong, in the language of whoever reads it. A failure is kept and logged in English, in upstream's words where it
//! answered; what Lingpai itself said of it is put into Chinese here.

use std::borrow::Cow;

use lingpai_core::{Class, Failure};
use lingpai_wechat::catalogue;

use crate::language::Language;

/// What stands in English, and the same in Chinese. `{}` is whatever stands there; `{*}` is said in Chinese too.
const SAID: &[(&str, &str)] = &[
    ("{} is needed for it, and is not kept here", "需要 {}，而这里没有维护它"),
    ("{} is needed for it: {*}", "需要先有 {}：{*}"),
    (
        "upstream brings it of its own accord, and it has not come yet",
        "它由微信推送，目前还没有收到",
    ),
    (
        "WeCom pushes the suite_ticket every ten minutes, and none has come",
        "企业微信每十分钟推送一次 suite_ticket，目前还没有收到",
    ),
    (
        "WeChat was asked to push the component_verify_ticket",
        "已请求微信推送 component_verify_ticket",
    ),
    ("WeChat has no call that tries a ticket", "微信没有可以验证 ticket 的接口"),
    ("what it depends on was not to be had in time", "它所依赖的凭据没能及时取得"),
    ("upstream gave a token that lives for less than a second", "微信给出的凭据有效期不足一秒"),
    ("no answer in time", "没有及时应答"),
    ("no answer from upstream within {} s", "微信在 {} 秒内没有应答"),
    ("no answer from upstream to a trial of the token", "验证凭据时微信没有应答"),
    ("the token was just replaced", "凭据刚刚被换掉"),
    ("the right to fetch was granted too long ago to be used", "获取凭据的许可已过时，没有使用"),
    ("the fetch was broken off inside Lingpai", "获取过程在令牌内部中断"),
    ("it is no longer kept here", "这里已不再维护它"),
    (
        "the account is only observed: no token is fetched for it, and none that is good was given",
        "账号处于仅观察状态：不获取凭据，也没有收到可用的凭据",
    ),
    (
        "the account is paused: no token is fetched for it, and the last one has ended",
        "账号已暂停：不再获取凭据，最后一个凭据已过期",
    ),
    ("upstream answered with HTTP {}", "微信应答 HTTP {}"),
    ("the answer has no {}", "应答中没有 {}"),
    ("{} is no errcode", "{} 不是错误码"),
    ("{} is not a string", "{} 不是字符串"),
    ("{} is empty", "{} 为空"),
    ("{}: no connection{}", "无法连接 {}{}"),
    ("{}: no answer within {} s", "{} 在 {} 秒内没有应答"),
    ("{}: no answer through the proxy {} within {} s", "{}（经代理 {}）在 {} 秒内没有应答"),
    // What is wrong with a sink.
    ("{} cannot be written: {}. Make its directory", "无法写入 {}：{}。请创建它所在的目录"),
    (
        "{} cannot be written: {}. Let the user of the server write in its directory; only root may give a file to somebody else",
        "无法写入 {}：{}。请让服务的用户可以写入该目录；只有 root 能把文件交给别的用户",
    ),
    ("{} cannot be written: {}. Make room", "无法写入 {}：{}。请腾出空间"),
    ("{} cannot be written: {}. See to its directory", "无法写入 {}：{}。请检查它所在的目录"),
    (
        "the file is written, but its hook {} cannot be run: {}",
        "文件已写入，但它的 hook {} 无法运行：{}",
    ),
    ("the file is written, but its hook {} failed: {}", "文件已写入，但它的 hook {} 失败：{}"),
    (
        "the file is written, but its hook {} is lost: {}",
        "文件已写入，但不知道它的 hook {} 的结果：{}",
    ),
    (
        "the file is written, but its hook {} did not end within {} and was killed",
        "文件已写入，但它的 hook {} 在 {} 内没有结束，已被终止",
    ),
    ("it did not answer in time", "它没有及时应答"),
    ("it answered HTTP {}", "它应答 HTTP {}"),
    (
        "the Redis cannot be reached, or does not answer: {}. Check that it runs, and its address",
        "无法连接 Redis，或它没有应答：{}。请检查它是否在运行、地址是否正确",
    ),
    (
        "the Redis does not let Lingpai in: {}. Check the user in its URL, and `redis-password`",
        "Redis 拒绝访问：{}。请检查 URL 中的用户名与 `redis-password`",
    ),
    // What makes a token doubtful.
    (
        "a fetch that failed may have been carried out all the same",
        "一次失败的获取可能其实已经执行",
    ),
    (
        "a process ended between fetching a token and storing it",
        "有进程在获取凭据之后、保存之前结束",
    ),
    (
        "the store has lost what was stored last, perhaps a fetch",
        "存储丢失了最后保存的内容，可能包括一次获取",
    ),
    (
        "two nodes fetched a token each, and which is the later one is not known",
        "两个节点各获取了一个凭据，无法判断哪个更新",
    ),
    ("the lease was lost during the fetch", "获取期间失去了租约"),
    // Why a push or a token was not taken.
    ("the business answered HTTP {}", "业务方应答 HTTP {}"),
    ("the business did not answer in time", "业务方没有及时应答"),
    ("the connection to the business broke before its answer", "业务方还没有应答，连接就断开了"),
    ("the account has no relay URL any more", "该账号已没有转发地址"),
    ("it answered HTTP {}", "对方应答 HTTP {}"),
    ("it did not answer in time", "没有及时应答"),
    ("the connection broke before its answer", "还没有收到应答，连接就断开了"),
];

/// What happened.
pub(crate) fn message(failure: &Failure, language: Language) -> Cow<'_, str> {
    match (language, failure.code) {
        (Language::Chinese, None) => in_chinese(&failure.message),
        // WeChat's own words.
        _ => Cow::Borrowed(&failure.message),
    }
}

/// The same of a failure of which only the text is left.
pub(crate) fn cause(text: &str, language: Language) -> Cow<'_, str> {
    match language {
        Language::English => Cow::Borrowed(text),
        Language::Chinese => of_code(text).map_or_else(|| in_chinese(text), Cow::Owned),
    }
}

/// A text that begins with a code, its advice in Chinese.
fn of_code(text: &str) -> Option<String> {
    let (code, said) = text.strip_prefix("errcode ")?.split_once(": ")?;
    let code = code.parse().ok()?;
    said.match_indices(". ").find_map(|(end, mark)| {
        let (message, advice) = (&said[..end], &said[end + mark.len()..]);
        let failure = Failure {
            code: Some(code),
            ..Failure::new(Class::Transient, message).with_remedy(advice)
        };
        let chinese = catalogue::remedy(&failure, Language::Chinese)?;
        (chinese != advice).then(|| format!("errcode {code}: {message}。{chinese}"))
    })
}

fn in_chinese(text: &str) -> Cow<'_, str> {
    let said = SAID.iter().find_map(|(english, chinese)| {
        let values = values(english, text)?;
        let mut values = values.into_iter();
        let mut said = String::new();
        let mut rest = *chinese;
        while let Some(at) = rest.find('{') {
            let end = at + rest[at..].find('}')? + 1;
            let value = values.next()?;
            said += &rest[..at];
            said += &if &rest[at..end] == "{*}" { in_chinese(value) } else { value.into() };
            rest = &rest[end..];
        }
        Some(said + rest)
    });
    said.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// What stands in the places of a sentence, if this text is that sentence.
fn values<'a>(sentence: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let sentence = sentence.replace("{*}", "{}");
    let mut parts = sentence.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut parts = parts.peekable();
    let mut values = Vec::new();
    while let Some(part) = parts.next() {
        let end = match (part, parts.peek()) {
            // The last place takes all that is left.
            (_, None) => rest.strip_suffix(part)?.len(),
            _ => rest.find(part)?,
        };
        values.push(&rest[..end]);
        rest = &rest[end + part.len()..];
    }
    rest.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chinese(text: &str) -> String {
        message(&Failure::new(Class::Transient, text), Language::Chinese).into_owned()
    }

    #[test]
    fn what_lingpai_said_of_a_failure_is_said_in_chinese() {
        for (english, expected) in [
            ("it is no longer kept here", "这里已不再维护它"),
            ("no answer from upstream within 5 s", "微信在 5 秒内没有应答"),
            (
                "component_verify_ticket is needed for it: upstream brings it of its own accord, and it has not come yet",
                "需要先有 component_verify_ticket：它由微信推送，目前还没有收到",
            ),
            (
                "/run/x cannot be written: No such file or directory (os error 2). Make its directory",
                "无法写入 /run/x：No such file or directory (os error 2)。请创建它所在的目录",
            ),
            (
                "api.weixin.qq.com: no connection: dns error",
                "无法连接 api.weixin.qq.com: dns error",
            ),
        ] {
            assert_eq!(chinese(english), expected);
            let failure = Failure::new(Class::Transient, english);
            assert_eq!(message(&failure, Language::English), english);
        }
        assert_eq!(chinese("something new"), "something new");
    }

    #[test]
    fn what_wechat_said_stays_and_what_to_do_is_said_in_chinese() {
        let failure = Failure { code: Some(40013), ..Failure::new(Class::NeedsPerson, "is empty") };
        assert_eq!(message(&failure, Language::Chinese), "is empty");
        let text = "errcode 45009: reach max api daily quota limit rid: 1. Wait for the new day, or clear the quota with \
                    /cgi-bin/clear_quota/v2, which is allowed 10 times a month.";
        let told = cause(text, Language::Chinese);
        assert!(
            told.starts_with("errcode 45009: reach max api daily quota limit rid: 1。"),
            "{told}"
        );
        assert!(!told.contains("Wait"), "{told}");
        assert_eq!(cause(text, Language::English), text);
    }

    #[test]
    fn every_sentence_has_as_many_places_in_both_languages() {
        for (english, chinese) in SAID {
            let places = |text: &str| text.matches('{').count();
            assert_eq!(places(english), places(chinese), "{english}");
        }
    }
}

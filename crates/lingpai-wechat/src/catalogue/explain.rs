//! From an error text, as it stands in a log or on a screen, to what it means.

use std::fmt::Write as _;
use std::net::IpAddr;

use lingpai_core::Timestamp;

use super::{Entry, Language, Scope, UNKNOWN, all, find, with_ip};
use crate::protocol;

/// What stands before a code, in the spellings of WeChat, of SDKs and of people.
const CODE_MARKS: [&str; 7] =
    ["errcode", "err_code", "error code", "error-code", "devtool/query?e", "错误码", "错误代码"];

/// What stands before the caller's address: in 40164 (twice), in 61004, and in WeCom.
const IP_MARKS: [&str; 4] = ["invalid ip ", " ipv6 ", "requestip:", "from ip:"];

/// Texts that tell a code where none is written. Longer ones stand before those that they contain.
const KNOWN_TEXTS: [(&str, i64); 19] = [
    ("access_token is invalid or not latest", 40001),
    ("access_token expired", 42001),
    ("access_token missing", 41001),
    ("invalid access_token", 40014),
    ("invalid refresh_token", 40030),
    ("invalid credential", 40001),
    ("not in whitelist", 40164),
    ("not in ip-white-list", 45035),
    ("access clientip is not registered", 61004),
    ("not allow to access from your ip", 60020),
    ("invalid appsecret", 40125),
    ("invalid appid", 40013),
    ("invalid grant_type", 40002),
    ("reach max api daily quota limit", 45009),
    ("api freq out of limit", 45009),
    ("api minute-quota reach limit", 45011),
    ("forbid to clear quota", 48006),
    ("not allow to use accesstoken", 50004),
    ("system error", -1),
];

/// What an error text says, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The code that it holds or stands for.
    pub code: i64,
    /// What the code means: one entry as a rule, several where the text does not tell which is
    /// meant. Never empty.
    pub entries: Vec<&'static Entry>,
    /// Upstream's name for the request.
    pub request: Option<RequestId>,
    /// The addresses that upstream saw the call come from.
    pub caller_ips: Vec<IpAddr>,
}

impl Explained {
    /// Whether the code is in the catalogue.
    pub fn is_known(&self) -> bool {
        self.entries.iter().all(|entry| entry.code == self.code)
    }

    /// The whole explanation for a terminal, ending in a line break.
    pub fn to_text(&self, language: Language) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text, &Labels::of(language), language);
        text
    }

    fn write(&self, out: &mut String, labels: &Labels, language: Language) -> std::fmt::Result {
        for entry in &self.entries {
            let text = entry.text(language);
            writeln!(out, "{}: {}", self.code, entry.name)?;
            if self.entries.len() > 1 {
                let scopes = entry.scopes.iter().map(|scope| scope.name(language));
                writeln!(out, "[{}]", scopes.collect::<Vec<_>>().join(labels.comma))?;
            }
            writeln!(out, "{}\n\n{}", text.meaning, labels.causes)?;
            for cause in text.causes {
                writeln!(out, "  - {cause}")?;
            }
            writeln!(out, "\n{}", labels.advice)?;
            for (advice, number) in text.advice.iter().zip(1..) {
                writeln!(out, "  {number}. {}", with_ip(advice, &self.caller_ips, language))?;
            }
            writeln!(out, "\n{}\n  {}\n", labels.lingpai, text.lingpai)?;
        }
        match &self.request {
            Some(RequestId { text, at: Some(at) }) => writeln!(out, "rid: {text} ({at})"),
            Some(RequestId { text, at: None }) => writeln!(out, "hint: {text}"),
            None => {
                out.pop();
                Ok(())
            }
        }
    }
}

/// Upstream's name for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId {
    /// The name: `6aac0063-7ed08fb9-1250f724`, or what stands in WeCom's `hint: [...]`.
    pub text: String,
    /// When the request was made, where the name tells: a `rid` begins with the second, in
    /// hexadecimal. (Not documented; it holds in every known sample.)
    pub at: Option<Timestamp>,
}

/// Reads a code (`40164`, `-1`), an error text, an answer in JSON or a line of a log. `None` if it
/// holds nothing that looks like an error of WeChat.
pub fn explain(input: &str) -> Option<Explained> {
    let code = marked_code(input)
        .or_else(|| input.trim().parse().ok())
        .or_else(|| known_number(input))
        .or_else(|| known_text(input))?;
    Some(Explained {
        code,
        entries: meanings(code, input),
        request: request_id(input),
        caller_ips: caller_ips(input),
    })
}

/// All meanings of a code that the rest of the text leaves open.
fn meanings(code: i64, input: &str) -> Vec<&'static Entry> {
    let of_wecom = input.contains("work.weixin.qq.com") || input.contains(", from ip:");
    let fits = |entry: &&Entry| match request_id(input) {
        _ if of_wecom => entry.scopes.contains(&Scope::WeCom),
        Some(_) => entry.scopes.iter().any(|scope| *scope != Scope::WeCom),
        None => true,
    };
    let mut entries: Vec<&'static Entry> =
        all().filter(|entry| entry.code == code).filter(fits).collect();
    if entries.is_empty() {
        entries.push(find(code, Scope::Api).unwrap_or(&UNKNOWN));
    }
    entries
}

/// The code after `errcode` or the like, whatever quotes and signs stand between.
fn marked_code(input: &str) -> Option<i64> {
    let lower = input.to_ascii_lowercase();
    CODE_MARKS.into_iter().find_map(|mark| {
        lower.match_indices(mark).find_map(|(at, _)| {
            let rest = lower[at + mark.len()..]
                .trim_start_matches([' ', '"', '\'', '\\', ':', '=', '：', '[']);
            leading_integer(rest)
        })
    })
}

fn leading_integer(text: &str) -> Option<i64> {
    let sign = usize::from(text.starts_with('-'));
    let digits = text[sign..].bytes().take_while(u8::is_ascii_digit).count();
    text[..sign + digits].parse().ok()
}

/// The first number in the text that is a code of the catalogue and stands alone, or after a word
/// and a colon: no part of an address, a date or a name.
fn known_number(input: &str) -> Option<i64> {
    let in_word = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let after_colon = |word: &str| {
        let after = word.rsplit_once(':').filter(|(before, _)| !before.ends_with(char::is_numeric));
        after.map_or(word.len(), |(_, after)| after.len())
    };
    input
        .split(|c| !in_word(c))
        .map(|word| word.trim_end_matches([':', '.']))
        .map(|word| &word[word.len() - after_colon(word)..])
        .filter_map(|word| word.parse().ok())
        .find(|code| *code != protocol::OK && find(*code, Scope::Api).is_some())
}

fn known_text(input: &str) -> Option<i64> {
    let lower = input.to_ascii_lowercase();
    KNOWN_TEXTS.into_iter().find(|(text, _)| lower.contains(text)).map(|(_, code)| code)
}

/// The name of the request in an error text.
pub(super) fn request_id(input: &str) -> Option<RequestId> {
    let rid = input.match_indices("rid").find_map(|(at, _)| {
        let rest = input[at + 3..].trim_start_matches(['"', ':', '=', ' ']);
        rest.get(..RID_LENGTH).filter(|rid| is_rid(rid))
    });
    if let Some(rid) = rid {
        let at = i64::from_str_radix(&rid[..8], 16).ok().map(|s| Timestamp::from_millis(s * 1000));
        return Some(RequestId { text: rid.to_owned(), at });
    }
    let hint = input.split_once("hint: [")?.1.split_once(']')?.0;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let is_hint = (1..=64).contains(&hint.len()) && hint.bytes().all(fits);
    is_hint.then(|| RequestId { text: hint.to_owned(), at: None })
}

/// Three groups of eight hexadecimal digits.
const RID_LENGTH: usize = 26;

fn is_rid(text: &str) -> bool {
    let mut groups = text.split('-');
    let is_group =
        |group: &str| group.len() == 8 && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    groups.by_ref().take(3).filter(|group| is_group(group)).count() == 3 && groups.next().is_none()
}

/// The addresses that upstream saw the call come from, each once. An IPv4 address that is shown in
/// the form of an IPv6 one is the IPv4 address.
pub(super) fn caller_ips(input: &str) -> Vec<IpAddr> {
    let lower = input.to_ascii_lowercase();
    let mut found: Vec<IpAddr> = Vec::new();
    for mark in IP_MARKS {
        for (at, _) in lower.match_indices(mark) {
            let rest = lower[at + mark.len()..].trim_start();
            let end = rest.find(|c: char| !c.is_ascii_hexdigit() && c != '.' && c != ':');
            let text = rest[..end.unwrap_or(rest.len())].trim_end_matches('.');
            if let Ok(ip) = text.parse::<IpAddr>().map(|ip| ip.to_canonical())
                && !found.contains(&ip)
            {
                found.push(ip);
            }
        }
    }
    found
}

/// The words around an explanation.
struct Labels {
    causes: &'static str,
    advice: &'static str,
    lingpai: &'static str,
    comma: &'static str,
}

impl Labels {
    const fn of(language: Language) -> Self {
        match language {
            Language::English => Self {
                causes: "Likely causes",
                advice: "What to do",
                lingpai: "What Lingpai does by itself",
                comma: ", ",
            },
            Language::Chinese => Self {
                causes: "可能的原因",
                advice: "处理办法",
                lingpai: "Lingpai 会做什么",
                comma: "、",
            },
        }
    }
}

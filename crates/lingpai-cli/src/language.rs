//! The language that a person reads, and [`say!`], which speaks it.
//!
//! Whatever is printed for people is written in both languages, side by side, where it arises. The log is English: it is
//! searched, and compared with that of others.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use lingpai_wechat::catalogue::Language;

use crate::config::Environment;

/// Whether the process speaks Chinese.
static IS_CHINESE: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// What this thread speaks, if not what the process does.
    static HERE: Cell<Option<Language>> = const { Cell::new(None) };
}

/// Formats a message in the language in force: `say!("{path} is gone", "{path} 不见了")`. Both texts use the same values.
macro_rules! say {
    ($english:literal, $chinese:literal $(, $name:ident = $value:expr)* $(,)?) => {
        match $crate::language::current() {
            ::lingpai_wechat::catalogue::Language::English => format!($english $(, $name = $value)*),
            ::lingpai_wechat::catalogue::Language::Chinese => format!($chinese $(, $name = $value)*),
        }
    };
}
pub(crate) use say;

/// The text in the language in force, where there is nothing to put in.
pub(crate) fn either(english: &'static str, chinese: &'static str) -> &'static str {
    match current() {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// The language in force.
pub(crate) fn current() -> Language {
    HERE.get().unwrap_or_else(|| match IS_CHINESE.load(Ordering::Relaxed) {
        true => Language::Chinese,
        false => Language::English,
    })
}

/// From now on, everything is said in this language.
pub(crate) fn speak(language: Language) {
    IS_CHINESE.store(language == Language::Chinese, Ordering::Relaxed);
}

/// Does some work whose messages are in this language, on this thread.
pub(crate) fn within<T>(language: Language, work: impl FnOnce() -> T) -> T {
    let before = HERE.replace(Some(language));
    let outcome = work();
    HERE.set(before);
    outcome
}

/// What `--lang` says, else `LINGPAI_LANG`, else the locale: `zh_CN.UTF-8` and its like mean Chinese.
pub(crate) fn choose(said: Option<Language>, environment: Environment<'_>) -> Language {
    // In the order in which the C library looks at them.
    let named = ["LINGPAI_LANG", "LC_ALL", "LC_MESSAGES", "LANG"];
    let locale = named.into_iter().filter_map(environment).find(|value| !value.is_empty());
    said.unwrap_or_else(|| match locale {
        Some(locale) if locale.to_ascii_lowercase().starts_with("zh") => Language::Chinese,
        _ => Language::English,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(said: Option<Language>, variables: &[(&str, &str)]) -> Language {
        let look = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        choose(said, &look)
    }

    #[test]
    fn the_argument_wins_over_our_variable_and_that_over_the_locale() {
        let both = [("LINGPAI_LANG", "en"), ("LANG", "zh_CN.UTF-8")];
        assert_eq!(chosen(Some(Language::Chinese), &both), Language::Chinese);
        assert_eq!(chosen(None, &both), Language::English);
        assert_eq!(chosen(None, &both[1..]), Language::Chinese);
        assert_eq!(chosen(None, &[("LC_ALL", "C"), ("LANG", "zh_CN")]), Language::English);
        assert_eq!(chosen(None, &[("LC_ALL", ""), ("LANG", "zh_TW")]), Language::Chinese);
        assert_eq!(chosen(None, &[]), Language::English);
    }

    #[test]
    fn a_message_is_said_in_the_language_in_force() {
        let told = || say!("{n} of {all}", "共 {all} 个，{n} 个", n = 1, all = 2);
        assert_eq!(told(), "1 of 2");
        assert_eq!(within(Language::Chinese, told), "共 2 个，1 个");
        assert_eq!(either("yes", "是"), "yes", "and afterwards in the one before");
    }
}

//! The language that a person reads.

use lingpai_wechat::catalogue::Language;

use crate::config::Environment;

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
}

//! The language of whoever reads an answer of the native API, and [`say!`], which speaks it.
//!
//! People read the native API's refusals and explanations, so those are written in English and Chinese, side by side.
//! Answers in WeChat's shape are read by SDKs and are English, as WeChat's are.

use std::borrow::Cow;
use std::fmt;

use http::header::{ACCEPT_LANGUAGE, CONTENT_LANGUAGE, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use lingpai_core::StoreError;
pub(crate) use lingpai_wechat::catalogue::Language;
use serde::Serialize;

use crate::answer::{self, Body};

/// Formats a text in a language: `say!(language, "{n} keys", "{n} 个密钥", n = 1)`. Both texts use the same values.
macro_rules! say {
    ($language:expr, $english:literal, $chinese:literal $(, $name:ident = $value:expr)* $(,)?) => {
        match $language {
            $crate::language::Language::English => format!($english $(, $name = $value)*),
            $crate::language::Language::Chinese => format!($chinese $(, $name = $value)*),
        }
    };
}
pub(crate) use say;

/// Formats a [`Bilingual`]: `both!("{n} keys", "{n} 个密钥", n = 1)`. Either text may leave a value out; a value that is in both
/// languages itself stands in each in that one.
macro_rules! both {
    ($english:literal, $chinese:literal $(, $name:ident = $value:expr)* $(,)?) => {{
        $(let $name = &$value;)*
        let english = {
            $(let $name = $crate::language::Said::english($name); let _ = $name;)*
            format!($english)
        };
        let chinese = {
            $(let $name = $crate::language::Said::chinese($name); let _ = $name;)*
            format!($chinese)
        };
        $crate::language::Bilingual::made(english, chinese)
    }};
}
pub(crate) use both;

/// What can stand in a text of [`both!`].
pub(crate) trait Said {
    fn english(&self) -> &dyn fmt::Display;
    fn chinese(&self) -> &dyn fmt::Display;
}

impl<T: fmt::Display> Said for T {
    fn english(&self) -> &dyn fmt::Display {
        self
    }

    fn chinese(&self) -> &dyn fmt::Display {
        self
    }
}

impl Said for Bilingual {
    fn english(&self) -> &dyn fmt::Display {
        &self.english
    }

    fn chinese(&self) -> &dyn fmt::Display {
        &self.chinese
    }
}

/// One text in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bilingual {
    english: Cow<'static, str>,
    chinese: Cow<'static, str>,
}

impl Bilingual {
    /// A text that is always the same.
    pub const fn fixed(english: &'static str, chinese: &'static str) -> Self {
        Self { english: Cow::Borrowed(english), chinese: Cow::Borrowed(chinese) }
    }

    /// A text that was made up of something.
    pub const fn made(english: String, chinese: String) -> Self {
        Self { english: Cow::Owned(english), chinese: Cow::Owned(chinese) }
    }

    /// The words of a crate that speaks only English.
    pub fn foreign(words: &impl ToString) -> Self {
        Self { english: words.to_string().into(), chinese: words.to_string().into() }
    }

    /// The English text, for a log or a record in English.
    pub(crate) fn into_english(self) -> String {
        self.english.into_owned()
    }

    /// Why a store could not do what was asked.
    pub fn of_store(error: &StoreError) -> Self {
        let english = error.to_string();
        let chinese = error.chinese().map_or_else(|| english.clone(), str::to_owned);
        Self::made(english, chinese)
    }

    /// The texts, English first.
    pub(crate) fn texts(&self) -> (&str, &str) {
        (&self.english, &self.chinese)
    }

    /// The text in this language.
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::English => &self.english,
            Language::Chinese => &self.chinese,
        }
    }
}

/// The one of two texts that is in this language.
pub(crate) const fn either<'a>(language: Language, english: &'a str, chinese: &'a str) -> &'a str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// The language that a caller reads: the one of the two that `Accept-Language` wants most, and English without any.
pub(crate) fn wanted(headers: &HeaderMap) -> Language {
    let (mut wanted, mut most) = (Language::English, 0.0);
    let values = headers.get_all(ACCEPT_LANGUAGE).into_iter().filter_map(|it| it.to_str().ok());
    for range in values.flat_map(|value| value.split(',')) {
        let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
        let language = match tag.trim().split('-').next() {
            Some(primary) if primary.eq_ignore_ascii_case("en") => Language::English,
            Some(primary) if primary.eq_ignore_ascii_case("zh") => Language::Chinese,
            _ => continue,
        };
        // What cannot be read is not wanted. Of two that are wanted alike, the first is.
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        if weight.is_some_and(|weight| weight > most) {
            (wanted, most) = (language, weight.unwrap_or_default());
        }
    }
    wanted
}

/// An answer of JSON with texts in this language.
pub(crate) fn said(
    language: Language,
    status: StatusCode,
    value: &impl Serialize,
) -> Response<Body> {
    let mut response = answer::json(status, value);
    mark(&mut response, language);
    response
}

/// Says in an answer which language its texts are in, and that whoever asks may read another.
pub(crate) fn mark(response: &mut Response<Body>, language: Language) {
    let headers = response.headers_mut();
    let tag = either(language, "en", "zh");
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(tag));
    headers.insert(VARY, HeaderValue::from_static("accept-language"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_wants_chinese_more_than_english_is_answered_in_it() {
        let wants = |value: &'static str| {
            wanted(&HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static(value))]))
        };
        for chinese in ["zh", "ZH-cn", "zh-CN,zh;q=0.9,en;q=0.8", "fr, zh-Hant-TW;q=0.1", "zh, en"]
        {
            assert_eq!(wants(chinese), Language::Chinese, "{chinese}");
        }
        for english in ["en", "en-GB, zh;q=0.9", "*", "", "fr", "zh;q=0", "zh;q=x", "zhx", "en, zh"]
        {
            assert_eq!(wants(english), Language::English, "{english}");
        }
        assert_eq!(wanted(&HeaderMap::new()), Language::English);
    }
}

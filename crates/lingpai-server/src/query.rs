//! The queries of the native API.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use http::request::Parts;
use lingpai_core::journal::Position;
use lingpai_core::{AccountId, Timestamp};

use crate::language::{self, Bilingual, Language};
use crate::refusal::Refusal;

/// What stands after the `?`.
pub(crate) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    pub(crate) fn of(head: &'a Parts) -> Self {
        Self(head.uri.query().unwrap_or_default())
    }

    /// The `limit`: this one if it is not given, and never more than the most.
    pub(crate) fn limit(&self, default: usize, most: usize) -> Result<usize, Refusal> {
        const EXPECTED: Bilingual =
            Bilingual::fixed("a whole number from 1 to 4294967295", " 1 到 4294967295 的整数");
        match self.read::<u32>("limit", EXPECTED)? {
            Some(0) => Err(Refusal::QueryUnreadable("limit", EXPECTED)),
            Some(limit) => Ok(most.min(limit as usize)),
            None => Ok(default),
        }
    }

    /// How many of something: this number if it is not given, and never more than the most.
    pub(crate) fn how_many(
        &self,
        name: &'static str,
        default: usize,
        most: usize,
    ) -> Result<usize, Refusal> {
        let expected = Bilingual::fixed("a whole number", "非负整数");
        let said = self.read::<u32>(name, expected)?;
        Ok(said.map_or(default, |said| most.min(said as usize)))
    }

    /// The account named by this parameter, if any is.
    pub(crate) fn account(&self, name: &'static str) -> Result<Option<AccountId>, Refusal> {
        self.read(name, Bilingual::fixed("the name of an account", "账号名"))
    }

    /// A place in a journal.
    pub(crate) fn position(&self, name: &'static str) -> Result<Option<Position>, Refusal> {
        self.read(name, Bilingual::fixed("an id, such as `12-0`", "一个 id，如 `12-0`"))
    }

    /// `since`: a time, or how long ago.
    pub(crate) fn since(&self, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
        const EXPECTED: Bilingual = Bilingual::fixed(
            "a time such as `2026-11-28T08:00:00Z`, or how long ago, such as `90s`, `30m`, `2h` or `7d`",
            "时间，如 `2026-11-28T08:00:00Z`，或多久以前，如 `90s`、`30m`、`2h`、`7d`",
        );
        let Some(text) = self.value("since") else { return Ok(None) };
        let ago = |text: &str| {
            let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
            let seconds = match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                "d" => 86_400,
                _ => return None,
            };
            let number = u64::from(number.parse::<u32>().ok()?);
            Some(now - Duration::from_secs(number * seconds))
        };
        let since = text.parse().ok().or_else(|| ago(&text));
        since.map(Some).ok_or(Refusal::QueryUnreadable("since", EXPECTED))
    }

    /// `language`, or else what the headers want.
    pub(crate) fn language(&self, head: &Parts) -> Result<Language, Refusal> {
        const EXPECTED: Bilingual = Bilingual::fixed("`en` or `zh`", " `en` 或 `zh`");
        match self.value("language").as_deref() {
            Some("en") => Ok(Language::English),
            Some("zh") => Ok(Language::Chinese),
            Some(_) => Err(Refusal::QueryUnreadable("language", EXPECTED)),
            None => Ok(language::wanted(&head.headers)),
        }
    }

    /// The text of this parameter, unless it is empty.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.value(name).filter(|text| !text.is_empty())
    }

    fn read<T: FromStr>(
        &self,
        name: &'static str,
        expected: Bilingual,
    ) -> Result<Option<T>, Refusal> {
        let value = self.value(name).map(|value| value.parse());
        value.transpose().map_err(|_| Refusal::QueryUnreadable(name, expected))
    }

    pub(crate) fn value(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut pairs = form_urlencoded::parse(self.0.as_bytes());
        pairs.find(|(found, _)| found == name).map(|(_, value)| value)
    }
}

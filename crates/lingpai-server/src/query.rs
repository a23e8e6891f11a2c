//! The queries of the native API.

use std::borrow::Cow;
use std::str::FromStr;

use http::request::Parts;
use lingpai_core::AccountId;

use crate::language::Bilingual;
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

    fn value(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut pairs = form_urlencoded::parse(self.0.as_bytes());
        pairs.find(|(found, _)| found == name).map(|(_, value)| value)
    }
}

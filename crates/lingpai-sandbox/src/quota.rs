//! How much an app has called: per API and day, per minute, forced refreshes, and the clearings
//! themselves.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, refusal::Refusal, settings::Quotas, time::Moment, tokens::Family};

pub(crate) const CLASSIC_PATH: &str = "/cgi-bin/token";
pub(crate) const STABLE_PATH: &str = "/cgi-bin/stable_token";

/// One of the quotas of an app.
///
/// Written `classic-day`, `stable-day`, `stable-minute`, `forced-day`, `clears-month`, or the path
/// of an API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Quota {
    /// `/cgi-bin/token`, a day: 45009.
    ClassicDay,
    /// `/cgi-bin/stable_token`, a day: 45009.
    StableDay,
    /// `/cgi-bin/stable_token`, a minute: 45011.
    StableMinute,
    /// Forced refreshes, a day.
    ForcedDay,
    /// Clearings of the quota, a calendar month: 48006.
    ClearsMonth,
    /// Another API, a day: 45009.
    Api(String),
}

impl FromStr for Quota {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Ok(match name {
            "classic-day" | CLASSIC_PATH => Self::ClassicDay,
            "stable-day" | STABLE_PATH => Self::StableDay,
            "stable-minute" => Self::StableMinute,
            "forced-day" => Self::ForcedDay,
            "clears-month" => Self::ClearsMonth,
            path if crate::api::exists(path) => Self::Api(path.to_owned()),
            _ => {
                let problem = format!(
                    "`{name}` is no quota: write classic-day, stable-day, stable-minute, \
                     forced-day, clears-month, or the path of an API of this sandbox"
                );
                return Err(Error::BadRequest { problem });
            }
        })
    }
}

impl TryFrom<String> for Quota {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        name.parse()
    }
}

impl From<Quota> for String {
    fn from(quota: Quota) -> Self {
        quota.to_string()
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClassicDay => "classic-day",
            Self::StableDay => "stable-day",
            Self::StableMinute => "stable-minute",
            Self::ForcedDay => "forced-day",
            Self::ClearsMonth => "clears-month",
            Self::Api(path) => path,
        })
    }
}

/// A count that starts anew when its window (a day, a minute, a month) has passed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
struct Window {
    index: u64,
    used: u64,
}

impl Window {
    fn used(&self, index: u64) -> u64 {
        if self.index == index { self.used } else { 0 }
    }

    fn set(&mut self, index: u64, used: u64) {
        *self = Self { index, used };
    }

    /// Counts one more, if the limit allows.
    fn take(&mut self, index: u64, limit: u64) -> bool {
        let used = self.used(index);
        if used >= limit {
            return false;
        }
        self.set(index, used + 1);
        true
    }
}

/// What an app has used up.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Usage {
    days: BTreeMap<String, Window>,
    stable_minute: Window,
    forced: Window,
    clears: Window,
}

impl Usage {
    /// Counts a call of this API, or refuses it.
    pub(crate) fn take(&mut self, now: Moment, path: &str, quotas: &Quotas) -> Result<(), Refusal> {
        let per_minute = quotas.stable_per_minute;
        if path == STABLE_PATH && self.stable_minute.used(now.minute()) >= per_minute {
            return Err(Refusal::MINUTE_QUOTA);
        }
        let day = self.days.entry(path.to_owned()).or_default();
        if !day.take(now.day(), limit(path, quotas)) {
            return Err(match path {
                CLASSIC_PATH => Refusal::DAILY_QUOTA_CLASSIC,
                _ => Refusal::DAILY_QUOTA,
            });
        }
        if path == STABLE_PATH {
            self.stable_minute.take(now.minute(), per_minute);
        }
        Ok(())
    }

    pub(crate) fn forced_left(&self, now: Moment, quotas: &Quotas) -> u64 {
        quotas.forced_per_day.saturating_sub(self.forced.used(now.day()))
    }

    pub(crate) fn count_forced(&mut self, now: Moment) {
        self.forced.take(now.day(), u64::MAX);
    }

    /// Counts a call that another system made, without a limit.
    pub(crate) fn count_other(&mut self, now: Moment, family: Family) {
        let path = match family {
            Family::Classic => CLASSIC_PATH,
            Family::Stable => STABLE_PATH,
            Family::Platform => "/cgi-bin/component/api_authorizer_token",
        };
        self.days.entry(path.to_owned()).or_default().take(now.day(), u64::MAX);
    }

    /// What clear_quota does: counts one of the clearings of this month, and forgets the calls of
    /// `path`, or of all. Forced refreshes are not given back: they are a limit of another kind.
    pub(crate) fn clear(
        &mut self,
        now: Moment,
        path: Option<&str>,
        quotas: &Quotas,
    ) -> Result<(), Refusal> {
        if !self.clears.take(now.month(), quotas.clears_per_month) {
            return Err(Refusal::CLEARS_USED_UP);
        }
        match path {
            Some(path) => drop(self.days.remove(path)),
            None => self.days.clear(),
        }
        if path.is_none_or(|path| path == STABLE_PATH) {
            self.stable_minute = Window::default();
        }
        Ok(())
    }

    pub(crate) fn used(&self, now: Moment, path: &str) -> u64 {
        self.days.get(path).map_or(0, |day| day.used(now.day()))
    }

    pub(crate) fn exhaust(&mut self, now: Moment, quota: &Quota) {
        let full = u64::MAX;
        match quota {
            Quota::StableMinute => self.stable_minute.set(now.minute(), full),
            Quota::ForcedDay => self.forced.set(now.day(), full),
            Quota::ClearsMonth => self.clears.set(now.month(), full),
            Quota::ClassicDay => self.fill_day(now, CLASSIC_PATH),
            Quota::StableDay => self.fill_day(now, STABLE_PATH),
            Quota::Api(path) => self.fill_day(now, path),
        }
    }

    fn fill_day(&mut self, now: Moment, path: &str) {
        self.days.entry(path.to_owned()).or_default().set(now.day(), u64::MAX);
    }
}

pub(crate) fn limit(path: &str, quotas: &Quotas) -> u64 {
    match path {
        CLASSIC_PATH => quotas.classic_per_day,
        STABLE_PATH => quotas.stable_per_day,
        _ => quotas.api_per_day,
    }
}

//! The sandbox's own time: real time since the start, multiplied by the speed.
//!
//! Every rule of WeChat is kept at its nominal figure (7200 s, 300 s, one day) and judged on this
//! virtual time line, so that shortening a lifetime shortens everything that belongs to it. Only
//! what is *stated* to a caller (`expires_in`) is turned back into the caller's seconds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long an access_token lives (`api_getaccesstoken`: "currently 7200 seconds").
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(7200);

/// China keeps UTC+8 without daylight saving; quota days begin at midnight there.
const SHANGHAI_OFFSET: u64 = 8 * 3600;
const DAY: u64 = 86_400;

/// A moment of virtual time, counted from the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Moment(Duration);

impl Moment {
    pub(crate) fn from_unix(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub(crate) fn unix_seconds(self) -> u64 {
        self.0.as_secs()
    }

    pub(crate) fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// How long from here to `later`; zero if that is past.
    pub(crate) fn until(self, later: Self) -> Duration {
        later.0.saturating_sub(self.0)
    }

    pub(crate) fn minute(self) -> u64 {
        self.unix_seconds() / 60
    }

    /// The number of the quota day, which begins at midnight in Shanghai.
    pub(crate) fn day(self) -> u64 {
        self.unix_seconds().saturating_add(SHANGHAI_OFFSET) / DAY
    }

    /// The number of the calendar month in Shanghai (year * 12 + month), by Howard Hinnant's
    /// `civil_from_days`.
    pub(crate) fn month(self) -> u64 {
        let shifted = self.day() + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        // Months are counted from March, so that the leap day is the last of the year.
        (year_of_era + era * 400) * 12 + march_month + 2
    }
}

/// Turns real time since the start into virtual time.
#[derive(Debug)]
pub(crate) struct Clock {
    speed: f64,
    /// The pair of moments from which time has run at the present speed.
    anchor: (Duration, Moment),
}

impl Clock {
    pub(crate) fn new(start: Moment, speed: f64) -> Self {
        Self { speed, anchor: (Duration::ZERO, start) }
    }

    pub(crate) fn speed(&self) -> f64 {
        self.speed
    }

    pub(crate) fn at(&self, now: Duration) -> Moment {
        let (real, moment) = self.anchor;
        moment.plus(scaled(now.saturating_sub(real), self.speed))
    }

    pub(crate) fn set_speed(&mut self, now: Duration, speed: f64) {
        self.anchor = (now, self.at(now));
        self.speed = speed;
    }

    pub(crate) fn advance(&mut self, now: Duration, by: Duration) {
        self.anchor = (now, self.at(now).plus(by));
    }

    /// When it was so late, in real time since the start; if the clock was set since, when that was.
    pub(crate) fn when(&self, moment: Moment) -> Duration {
        let (real, anchor) = self.anchor;
        real + self.real(anchor.until(moment))
    }

    /// A virtual span in real time.
    pub(crate) fn real(&self, span: Duration) -> Duration {
        scaled(span, 1.0 / self.speed)
    }

    /// A virtual span in whole seconds of the caller's time.
    pub(crate) fn stated(&self, span: Duration) -> u64 {
        self.real(span).as_secs()
    }
}

fn scaled(span: Duration, factor: f64) -> Duration {
    // Exact where nothing is scaled: a float would lose nanoseconds.
    if factor == 1.0 {
        return span;
    }
    let seconds = span.as_secs_f64() * factor;
    // Rounded to a microsecond, so that 7200 s / 120 is 60 s and not 59.999999999.
    Duration::try_from_secs_f64((seconds * 1e6).round() / 1e6).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quota_day_begins_at_midnight_in_shanghai() {
        let before = Moment::from_unix(1_767_196_799); // 2025-12-31 23:59:59 +08:00
        let after = before.plus(Duration::from_secs(1));
        assert_eq!(before.day() + 1, after.day());
        assert_eq!(before.month() + 1, after.month());
        assert_eq!(after.month(), 2026 * 12);
    }

    #[test]
    fn real_time_is_what_virtual_time_was_made_of() {
        let mut clock = Clock::new(Moment::from_unix(1000), 20.0);
        let now = Duration::from_secs(10);
        assert_eq!(clock.when(clock.at(now)), now);
        clock.advance(now, Duration::from_secs(3600));
        assert_eq!(clock.when(Moment::from_unix(1000)), now);
        assert_eq!(clock.when(clock.at(2 * now)), 2 * now);
    }

    #[test]
    fn a_leap_day_belongs_to_february() {
        let leap_day = Moment::from_unix(1_709_182_800); // 2024-02-29 13:00 +08:00
        assert_eq!(leap_day.month(), 2024 * 12 + 1);
        assert_eq!(leap_day.plus(Duration::from_secs(DAY)).month(), 2024 * 12 + 2);
    }

    #[test]
    fn a_change_of_speed_does_not_move_the_present() {
        let mut clock = Clock::new(Moment::from_unix(1000), 120.0);
        let now = Duration::from_secs(10);
        assert_eq!(clock.at(now).unix_seconds(), 2200);
        clock.set_speed(now, 1.0);
        assert_eq!(clock.at(now).unix_seconds(), 2200);
        assert_eq!(clock.at(Duration::from_secs(11)).unix_seconds(), 2201);
    }
}

//! Points in time: [`Instant`] on the process's own clock, [`Timestamp`] on the wall, [`Moment`] for both at once,
//! and the quota [`Day`].
//!
//! Inside a process everything that expires does so on the monotonic clock, so that a wall clock that jumps kills
//! nothing. Wall time is what the store keeps, since it is the only time two processes share.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point on this process's own clock, in milliseconds since an arbitrary start. It never jumps, and it counts the
/// time that the machine was suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(
    /// One more than the milliseconds: never zero, so that an `Option<Instant>` takes no more room.
    NonZeroU64,
);

impl Instant {
    /// The end of time: for "never".
    pub const FAR_FUTURE: Self = Self(NonZeroU64::MAX);

    /// From milliseconds since the clock's start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(millis))
    }

    /// Milliseconds since the clock's start.
    pub const fn as_millis(self) -> u64 {
        self.0.get() - 1
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.as_millis().saturating_sub(earlier.as_millis()))
    }
}

/// The clock's start.
impl Default for Instant {
    fn default() -> Self {
        Self::from_millis(0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self::from_millis(self.as_millis().saturating_sub(millis(duration)))
    }
}

/// A point in wall time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The start of a day of the Gregorian calendar in UTC; months and days count from 1. (Howard Hinnant's days from civil:
    /// the year begins in March.)
    pub const fn from_civil(year: i64, month: i64, day: i64) -> Self {
        let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
        let era = year.div_euclid(400);
        let of_era = year - era * 400;
        let of_year = (153 * month + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
        Self(days.saturating_mul(86_400_000))
    }

    /// Whole seconds since the epoch.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(millis(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(millis(duration)))
    }
}

/// A text that is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time is written like 2026-11-23T11:50:00Z")]
pub struct InvalidTimestamp;

/// RFC 3339, with any offset: `2026-11-23T19:50:00+08:00`. What is finer than a second is left out.
impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let number = |from: usize, to: usize, most: i64| {
            let digits = text.get(from..to).filter(|it| it.bytes().all(|b| b.is_ascii_digit()))?;
            digits.parse().ok().filter(|number: &i64| *number <= most)
        };
        let read = || {
            let marks = [(4, "-"), (7, "-"), (13, ":"), (16, ":")];
            let right = marks.iter().all(|(at, mark)| text.get(*at..at + 1) == Some(*mark));
            let apart =
                text.get(10..11).is_some_and(|mark| mark == "T" || mark == "t" || mark == " ");
            let (year, month, day) = (number(0, 4, 9999)?, number(5, 7, 12)?, number(8, 10, 31)?);
            let (hour, minute, second) =
                (number(11, 13, 23)?, number(14, 16, 59)?, number(17, 19, 60)?);
            let rest = text.get(19..)?;
            let rest = match rest.strip_prefix('.') {
                Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
                None => rest,
            };
            let offset = match (rest.get(..1)?, rest.len()) {
                ("Z" | "z", 1) => 0,
                (sign @ ("+" | "-"), 6) => {
                    let at = text.len() - 5;
                    let ahead = number(at, at + 2, 23)? * 60 + number(at + 3, at + 5, 59)?;
                    if sign == "+" { ahead * 60 } else { -ahead * 60 }
                }
                _ => return None,
            };
            let days = days_from_civil(year, month, day);
            // A day that its month does not have is another day.
            let is_day = right && apart && civil_from_days(days) == (year, month, day);
            let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset;
            is_day.then(|| Self(seconds * 1000))
        };
        read().ok_or(InvalidTimestamp)
    }
}

/// RFC 3339 in UTC, to the second: `2026-11-23T11:50:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.as_seconds();
        let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
        let of_day = seconds.rem_euclid(86_400);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        if !(0..=9999).contains(&year) {
            return write!(f, "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
        }
        // Digit by digit: formatting six numbers took a fifth of what answering a token takes.
        let mut text = *b"0000-00-00T00:00:00Z";
        let mut put = |number: i64, ends: usize| {
            let mut rest = number;
            for digit in text[..ends].iter_mut().rev().take_while(|digit| digit.is_ascii_digit()) {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        };
        let parts = [(year, 4), (month, 7), (day, 10), (hour, 13), (minute, 16), (second, 19)];
        parts.into_iter().for_each(|(number, ends)| put(number, ends));
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// The same moment on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// On the process's own clock.
    pub instant: Instant,
    /// On the wall.
    pub wall: Timestamp,
}

impl Moment {
    /// The quota day it falls in.
    pub fn day(self) -> Day {
        Day::of(self.wall)
    }

    /// The point on the process's clock that corresponds to `wall`, if both clocks run on from here.
    pub fn instant_at(self, wall: Timestamp) -> Instant {
        if wall >= self.wall {
            self.instant + wall.since(self.wall)
        } else {
            self.instant - self.wall.since(wall)
        }
    }

    /// The wall time that corresponds to `instant`, if both clocks run on from here.
    pub fn wall_at(self, instant: Instant) -> Timestamp {
        if instant >= self.instant {
            self.wall + instant.since(self.instant)
        } else {
            self.wall - self.instant.since(instant)
        }
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self { instant: self.instant + duration, wall: self.wall + duration }
    }
}

/// A calendar day in Asia/Shanghai, in which WeChat counts its quotas (no source names the zone; it is inferred).
/// Counted from 1970-01-01.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Day(pub i32);

impl Day {
    /// China has had UTC+8 without daylight saving since 1991.
    const OFFSET_SECONDS: i64 = 8 * 3600;

    /// The day that `at` falls in.
    pub fn of(at: Timestamp) -> Self {
        let days = (at.as_seconds() + Self::OFFSET_SECONDS).div_euclid(86_400);
        Self(i32::try_from(days).unwrap_or(i32::MAX))
    }

    /// The first day of its month.
    pub fn first_of_month(self) -> Self {
        let (.., day) = civil_from_days(i64::from(self.0));
        Self(self.0 - i32::try_from(day).unwrap_or(1) + 1)
    }

    /// When it ends.
    pub fn end(self) -> Timestamp {
        Timestamp::from_millis(
            ((i64::from(self.0) + 1) * 86_400 - Self::OFFSET_SECONDS).saturating_mul(1000),
        )
    }
}

/// `2026-11-23`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(i64::from(self.0));
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// So many times a duration, or as long as there is. `Duration::mul_f64` panics there, and a policy or an upstream may
/// name any duration.
pub(crate) fn times(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The Gregorian date of a day counted from 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The days from 1970-01-01 to this Gregorian date: the other way.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let month_index = if month > 2 { month - 3 } else { month + 9 };
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month_index + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_the_calendar_is_the_one_that_is_shown() {
        for (year, month, day) in [(1970, 1, 1), (2024, 2, 29), (1999, 12, 31), (2100, 3, 1)] {
            let shown = Timestamp::from_civil(year, month, day).to_string();
            assert_eq!(shown, format!("{year:04}-{month:02}-{day:02}T00:00:00Z"));
        }
    }

    #[test]
    fn every_day_of_a_month_has_the_same_first() {
        for day in (0..60_000).map(Day) {
            let first = day.first_of_month().to_string();
            assert_eq!(first, format!("{}-01", &day.to_string()[..7]));
        }
    }

    #[test]
    fn an_instant_that_may_be_missing_takes_no_more_room() {
        assert_eq!(size_of::<Option<Instant>>(), size_of::<Instant>());
        assert_eq!(Instant::default().as_millis(), 0);
        assert_eq!(Instant::from_millis(5000).as_millis(), 5000);
        assert_eq!(Instant::from_millis(u64::MAX), Instant::FAR_FUTURE);
    }

    #[test]
    fn a_timestamp_prints_as_rfc_3339() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp::from_millis(1_709_210_096_999).to_string(), "2024-02-29T12:34:56Z");
        assert_eq!(Timestamp::from_millis(-1).to_string(), "1969-12-31T23:59:59Z");
        assert_eq!(
            Timestamp::from_millis(253_402_300_800_000).to_string(),
            "10000-01-01T00:00:00Z"
        );
    }

    #[test]
    fn a_timestamp_reads_rfc_3339_and_nothing_else() {
        for second in [-1, 0, 951_782_400, 1_709_210_096, 4_102_444_799] {
            let time = Timestamp::from_millis(second * 1000);
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        let time = Ok(Timestamp::from_millis(1_709_210_096_000));
        for text in
            ["2024-02-29T12:34:56.789Z", "2024-02-29T20:34:56+08:00", "2024-02-29 12:34:56z"]
        {
            assert_eq!(text.parse(), time, "{text}");
        }
        for text in [
            "",
            "2024-02-29",
            "2023-02-29T00:00:00Z",
            "2024-02-29T12:34:56",
            "2024-02-29T12:34:56+8",
            "2024-02-29T24:00:00Z",
            "+024-02-29T12:34:56Z",
            "2024-02-29T12:34:56Zx",
            "二〇二四",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_quota_day_begins_at_midnight_in_shanghai() {
        let midnight = Timestamp::from_millis(1_763_827_200_000); // 2025-11-22T16:00:00Z
        assert_eq!(Day::of(midnight).to_string(), "2025-11-23");
        assert_eq!(Day::of(midnight - Duration::from_millis(1)).to_string(), "2025-11-22");
        assert_eq!(Day::of(midnight).end(), midnight + Duration::from_hours(24));
    }

    #[test]
    fn a_moment_converts_between_its_clocks() {
        let at =
            Moment { instant: Instant::from_millis(5000), wall: Timestamp::from_millis(90_000) };
        let later = at.wall + Duration::from_secs(7);
        assert_eq!(at.instant_at(later), Instant::from_millis(12_000));
        assert_eq!(at.wall_at(Instant::from_millis(12_000)), later);
        assert_eq!(at.instant_at(Timestamp::from_millis(0)), Instant::from_millis(0));
    }
}

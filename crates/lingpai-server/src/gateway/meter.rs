//! How fast a client calls: a pure structure with driven time, which says whether one call more is within bounds.

use std::num::NonZeroU32;
use std::time::Duration;

use lingpai_core::{Bounds, Instant, Moment};

use crate::refusal::Barred;

const MINUTE: u64 = 60_000;
/// What may come at once, as a share of what may come in a minute.
const BURST: u64 = 10;

/// How much a client may call at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Most {
    per_minute: Option<NonZeroU32>,
    at_once: Option<NonZeroU32>,
    pub(super) per_day: Option<NonZeroU32>,
}

impl Most {
    /// By the client's own bounds, and by those of all where it has none.
    pub(crate) fn of(own: Option<&Bounds>, all: &Bounds) -> Self {
        let bound = |of: fn(&Bounds) -> Option<NonZeroU32>| own.and_then(of).or(of(all));
        Self {
            per_minute: bound(|bounds| bounds.per_minute),
            at_once: bound(|bounds| bounds.at_once),
            per_day: bound(|bounds| bounds.per_day),
        }
    }
}

/// One client's calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meter {
    /// The calls so far, spread evenly, would have ended at this time, in microseconds.
    spread_until: u64,
    under_way: u32,
}

impl Meter {
    /// Takes in one call more, which is under way from now on, if it is within bounds.
    pub(crate) fn begin(&mut self, now: Moment, most: Most) -> Result<(), Barred> {
        if most.at_once.is_some_and(|most| self.under_way >= most.get()) {
            return Err(Barred::TooManyAtOnce);
        }
        if let Some(rate) = most.per_minute {
            self.spread_until = spread(self.spread_until, now.instant, rate)?;
        }
        self.under_way += 1;
        Ok(())
    }

    /// Takes in that a call has ended.
    pub(crate) fn end(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }
}

pub(crate) fn left_of_day(now: Moment) -> Duration {
    now.instant_at(now.day().end()).since(now.instant)
}

/// Until when the calls are spread with one more, if that is not further ahead than the burst reaches.
fn spread(until: u64, now: Instant, rate: NonZeroU32) -> Result<u64, Barred> {
    let rate = u64::from(rate.get());
    let each = (MINUTE * 1000).div_ceil(rate);
    let now = now.as_millis().saturating_mul(1000);
    let until = until.max(now) + each;
    let furthest = now + each * (rate / BURST).max(1);
    match until.checked_sub(furthest) {
        None | Some(0) => Ok(until),
        Some(ahead) => Err(Barred::TooFast(Duration::from_micros(ahead))),
    }
}

#[cfg(test)]
mod tests {
    use lingpai_core::Timestamp;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment {
            instant: Instant::from_millis(1_000_000_000 + seconds * 1000),
            wall: Timestamp::from_millis(1_800_000_000_000 + seconds.cast_signed() * 1000),
        }
    }

    fn most(change: impl FnOnce(&mut Most)) -> Most {
        let mut most = Most::default();
        change(&mut most);
        most
    }

    /// How many of the calls at these seconds are let through.
    fn let_through(most: Most, seconds: impl IntoIterator<Item = u64>) -> usize {
        let mut meter = Meter::default();
        seconds.into_iter().filter(|second| meter.begin(at(*second), most).is_ok()).count()
    }

    #[test]
    fn a_tight_loop_gets_its_minutes_worth_and_a_tenth_of_it_at_once() {
        let sixty = most(|most| most.per_minute = NonZeroU32::new(60));
        assert_eq!(let_through(sixty, std::iter::repeat_n(0, 1000)), 6);
        assert_eq!(let_through(sixty, (0..600).flat_map(|second| [second; 100])), 6 + 599);
        assert_eq!(let_through(sixty, 0..600), 600);
        let one = most(|most| most.per_minute = NonZeroU32::new(1));
        assert_eq!(let_through(one, 0..=120), 3);
    }

    #[test]
    fn who_is_too_fast_is_told_when_to_come_back() {
        let sixty = most(|most| most.per_minute = NonZeroU32::new(60));
        let mut meter = Meter::default();
        for _ in 0..6 {
            meter.begin(at(0), sixty).unwrap();
        }
        let Err(Barred::TooFast(wait)) = meter.begin(at(0), sixty) else { panic!() };
        assert_eq!(wait, Duration::from_secs(1));
        assert!(meter.begin(at(1), sixty).is_ok());
    }

    #[test]
    fn a_call_that_ended_makes_room_for_the_next() {
        let two = most(|most| most.at_once = NonZeroU32::new(2));
        let mut meter = Meter::default();
        meter.begin(at(0), two).unwrap();
        meter.begin(at(0), two).unwrap();
        assert!(matches!(meter.begin(at(0), two), Err(Barred::TooManyAtOnce)));
        meter.end();
        assert!(meter.begin(at(0), two).is_ok());
    }

    #[test]
    fn a_clients_own_bounds_come_before_those_of_all() {
        let all = Bounds {
            per_day: NonZeroU32::new(9),
            at_once: NonZeroU32::new(8),
            ..Bounds::default()
        };
        let own = Bounds { per_day: NonZeroU32::new(90), ..Bounds::default() };
        let found = Most::of(Some(&own), &all);
        assert_eq!((found.per_day, found.at_once), (own.per_day, all.at_once));
        assert_eq!(Most::of(None, &all).per_day, all.per_day);
    }
}

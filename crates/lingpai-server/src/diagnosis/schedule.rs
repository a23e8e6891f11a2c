//! Times that repeat: another system that fetches on a timer gives itself away.

use std::time::Duration;

use lingpai_core::Timestamp;

/// Two that lie closer together are one fetch, noticed twice.
const SAME: Duration = Duration::from_mins(1);
/// A fetch is noticed when a call is refused, which takes five minutes and more after it, since the token before lives on:
/// so far a gap may be off.
const LATE: Duration = Duration::from_mins(12);
/// So many gaps must agree.
const FEWEST: usize = 2;

/// After what time something happens again and again, to the minute; none if the times follow no schedule that can be
/// told. A time that was not noticed may be missing. In any order.
pub(super) fn schedule(times: &[Timestamp]) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.dedup_by(|later, earlier| later.since(*earlier) < SAME);
    let gaps: Vec<Duration> = times.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    let shortest = gaps.iter().min().copied()?;
    let slack = LATE.min(shortest / 6).max(Duration::from_secs(30));
    let fits = |gap: &Duration| {
        let times = (gap.as_secs_f64() / shortest.as_secs_f64()).round().max(1.0);
        gap.abs_diff(shortest.mul_f64(times)) <= slack
    };
    if gaps.len() < FEWEST || !gaps.iter().all(fits) {
        return None;
    }
    // The mean of all is closer to the truth than the shortest.
    let periods = gaps.iter().map(|gap| (gap.as_secs_f64() / shortest.as_secs_f64()).round());
    let whole: Duration = gaps.iter().sum();
    let period = whole.div_f64(periods.sum::<f64>().max(1.0));
    Some(Duration::from_secs((period.as_secs() + 30) / 60 * 60).max(Duration::from_mins(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: &[i64]) -> Vec<Timestamp> {
        minutes.iter().map(|minute| Timestamp::from_millis(minute * 60_000)).collect()
    }

    #[test]
    fn times_that_repeat_tell_after_how_many_minutes() {
        for (minutes, period) in [
            (&[0, 30, 60, 90][..], 30),
            (&[90, 0, 60], 30),              // one was not noticed
            (&[3, 110, 211, 320], 106),      // noticed late
            (&[0, 120, 240, 240, 360], 120), // noticed twice
        ] {
            let found = schedule(&at(minutes));
            assert_eq!(found, Some(Duration::from_mins(period)), "{minutes:?}");
        }
    }

    #[test]
    fn few_times_or_times_without_order_tell_nothing() {
        for minutes in [&[][..], &[5], &[0, 30], &[0, 30, 75, 91], &[0, 7, 100, 111]] {
            assert_eq!(schedule(&at(minutes)), None, "{minutes:?}");
        }
    }
}

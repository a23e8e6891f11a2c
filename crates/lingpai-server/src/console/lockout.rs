//! Who fails to log in again and again has to wait: from one address, and from all of them together.
//!
//! Keys cannot be guessed. This keeps somebody from trying all the same, and from filling the log. Each attempt counts as
//! failed from its beginning, so that many at once are no way around it. What all together may fail bounds what is kept.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lingpai_core::Instant;

/// So many failures of one address cost nothing.
const FREE: u32 = 5;
/// The first time to wait; it doubles with each further failure,
const FIRST: Duration = Duration::from_secs(30);
/// up to this.
const LONGEST: Duration = Duration::from_mins(15);
/// Failures are forgotten so long after the last.
const MEMORY: Duration = Duration::from_mins(30);
/// So many failures of all addresses in a [`MINUTE`],
const OVERALL: u32 = 50;
/// after which everybody waits for the next.
const MINUTE: Duration = Duration::from_mins(1);

/// The failures so far.
#[derive(Default)]
pub(super) struct Lockout(Mutex<State>);

#[derive(Default)]
struct State {
    of: HashMap<IpAddr, Failures>,
    minute: Instant,
    in_minute: u32,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

/// An attempt that counts as a failure until it is said otherwise.
pub(super) struct Attempt<'a> {
    lockout: &'a Lockout,
    from: IpAddr,
}

impl Lockout {
    /// Begins an attempt.
    ///
    /// # Errors
    /// How long to wait, if this address or all of them have failed too often.
    pub(super) fn begin(&self, peer: IpAddr, now: Instant) -> Result<Attempt<'_>, Duration> {
        let from = network(peer);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(state.minute) >= MINUTE {
            (state.minute, state.in_minute) = (now, 0);
            state.of.retain(|_, failures| now.since(failures.last) < MEMORY);
        }
        if let Some(failures) = state.of.get(&from) {
            let until = failures.last + failures.penalty();
            if now < until {
                return Err(until.since(now));
            }
        }
        if state.in_minute >= OVERALL {
            return Err((state.minute + MINUTE).since(now));
        }
        state.in_minute += 1;
        let failures = state.of.entry(from).or_insert(Failures { count: 0, last: now });
        *failures = Failures { count: failures.count.saturating_add(1), last: now };
        Ok(Attempt { lockout: self, from })
    }
}

impl Failures {
    fn penalty(self) -> Duration {
        match self.count.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(more) => FIRST.saturating_mul(1 << more.min(16)).min(LONGEST),
        }
    }
}

impl Attempt<'_> {
    /// It was no failure, and those before it are forgotten.
    pub(super) fn succeeded(self) {
        let mut state = self.lockout.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.of.remove(&self.from);
        state.in_minute = state.in_minute.saturating_sub(1);
    }
}

/// Whoever has one address of IPv6 has all of its network.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(3_600_000 + seconds * 1000)
    }

    fn fails(lockout: &Lockout, peer: &str, now: u64) -> Result<(), u64> {
        let begun = lockout.begin(peer.parse().unwrap(), at(now));
        begun.map(drop).map_err(|wait| wait.as_secs())
    }

    #[test]
    fn after_five_failures_an_address_waits_and_each_further_doubles_that() {
        let lockout = Lockout::default();
        for _ in 0..5 {
            assert_eq!(fails(&lockout, "192.0.2.1", 0), Ok(()));
        }
        assert_eq!(fails(&lockout, "192.0.2.1", 0), Err(30));
        assert_eq!(fails(&lockout, "192.0.2.1", 29), Err(1), "asking while locked costs nothing");
        assert_eq!(fails(&lockout, "::ffff:192.0.2.1", 29), Err(1), "the same address");
        assert_eq!(fails(&lockout, "192.0.2.2", 0), Ok(()), "another address");
        assert_eq!(fails(&lockout, "192.0.2.1", 30), Ok(()));
        assert_eq!(fails(&lockout, "192.0.2.1", 30), Err(60));
        let mut now = 30;
        for _ in 0..10 {
            now += 900;
            assert_eq!(fails(&lockout, "192.0.2.1", now), Ok(()));
        }
        assert_eq!(fails(&lockout, "192.0.2.1", now), Err(900), "no longer than a quarter hour");
    }

    #[test]
    fn who_logs_in_is_forgiven_and_so_is_who_stays_away() {
        let lockout = Lockout::default();
        let peer = "192.0.2.1".parse().unwrap();
        for _ in 0..4 {
            fails(&lockout, "192.0.2.1", 0).unwrap();
        }
        lockout.begin(peer, at(0)).unwrap().succeeded();
        for _ in 0..5 {
            assert_eq!(fails(&lockout, "192.0.2.1", 1), Ok(()));
        }
        assert_eq!(fails(&lockout, "192.0.2.1", 1), Err(30));
        assert_eq!(fails(&lockout, "192.0.2.1", 1 + 1800), Ok(()));
        assert_eq!(fails(&lockout, "192.0.2.1", 2 + 1800), Ok(()));
    }

    #[test]
    fn all_addresses_together_fail_fifty_times_a_minute_at_most() {
        let lockout = Lockout::default();
        for host in 0..50 {
            assert_eq!(fails(&lockout, &format!("192.0.2.{host}"), 10), Ok(()));
        }
        assert_eq!(fails(&lockout, "198.51.100.1", 15), Err(55));
        assert_eq!(fails(&lockout, "198.51.100.1", 70), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let lockout = Lockout::default();
        for host in 1..=5 {
            assert_eq!(fails(&lockout, &format!("2001:db8::{host}"), 0), Ok(()));
        }
        assert_eq!(fails(&lockout, "2001:db8::6", 0), Err(30));
        assert_eq!(fails(&lockout, "2001:db8:0:1::6", 0), Ok(()));
    }
}

//! The loop breaker: who may still have a refused call repaired, and whose calls are not forwarded for a while.
//!
//! 40001 has causes that no other token mends: an API that is not open to the account, a token of the wrong kind. The engine
//! tries a token before it replaces it, at most twice a minute; this breaker sees to it that clients and APIs of that sort do
//! not take these trials away from the others, and that an SDK that repeats such a call without end does not reach upstream
//! without end. It knows no clock and does no I/O.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use lingpai_core::client::KeyHash;
use lingpai_core::{AccountId, Instant};

/// Refusals are counted for so long, from the first on.
const WINDOW: Duration = Duration::from_mins(1);
/// One that was told of is told of again after so long at the earliest.
const SILENCE: Duration = Duration::from_mins(10);
/// How many refusals in vain are looked into in a window: of one client's calls of one path, of one client's calls, and
/// of all calls for one account.
const LOOKED_INTO: [u32; 3] = [3, 10, 30];
/// After how many refusals in a row in a window, all of them the call's own fault, one client's calls of one path are not
/// forwarded until it ends.
const FORWARDED: u32 = 20;
/// How many clients, accounts and paths are remembered at once.
const MOST: usize = 8192;

/// Whose call it is, and of what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller<'a> {
    /// The client, if it is known.
    pub(super) key: Option<KeyHash>,
    pub(super) account: &'a AccountId,
    pub(super) path: &'a str,
}

/// What became of a call that was refused because of its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Another token mended it.
    Mended,
    /// The token is good, or another one was refused too: the call is at fault.
    AtFault,
    /// There is no better token now, whatever is at fault.
    NoBetterToken,
    /// It was not looked into: there were too many already.
    NotLookedInto,
}

impl Outcome {
    pub(crate) const ALL: [Self; 4] =
        [Self::Mended, Self::AtFault, Self::NoBetterToken, Self::NotLookedInto];

    /// Its name in the numbers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Mended => "mended",
            Self::AtFault => "call-at-fault",
            Self::NoBetterToken => "no-better-token",
            Self::NotLookedInto => "not-looked-into",
        }
    }
}

/// What is to be told: so many refusals within a window, though the token is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alarm {
    pub(super) refusals: u32,
}

/// The refusals of the last minute.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    hasher: RandomState,
    counts: HashMap<u64, Count>,
    /// When those that are over were last forgotten.
    swept_at: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Instant,
    refusals: u32,
    /// Those in a row in which the call was at fault.
    at_fault: u32,
    /// The errcode of the last one.
    errcode: i64,
    told_at: Option<Instant>,
}

impl Breaker {
    /// Whether nothing is remembered of anybody.
    pub(super) fn is_idle(&self) -> bool {
        self.counts.is_empty()
    }

    /// Whether a call may be forwarded; if not, with which errcode those before it were refused.
    pub(super) fn forwards(&self, caller: Caller<'_>, now: Instant) -> Result<(), i64> {
        let [path, ..] = self.keys(caller);
        match self.live(path, now) {
            Some(count) if count.at_fault >= FORWARDED => Err(count.errcode),
            _ => Ok(()),
        }
    }

    /// Whether a refused call is looked into: whether its token is reported.
    pub(super) fn looks_into(&self, caller: Caller<'_>, now: Instant) -> bool {
        let counts =
            self.keys(caller).map(|key| self.live(key, now).map_or(0, |count| count.refusals));
        counts.into_iter().zip(LOOKED_INTO).all(|(count, most)| count < most)
    }

    /// Takes in that a call was refused because of its token, and what came of it.
    pub(super) fn refused(
        &mut self,
        caller: Caller<'_>,
        errcode: i64,
        outcome: Outcome,
        now: Instant,
    ) -> Option<Alarm> {
        let [path, client, account] = self.keys(caller);
        if outcome == Outcome::Mended {
            self.counts.remove(&path);
            return None;
        }
        self.sweep(now);
        // Of an account that is looked into no more, the rest is not counted either: it would be forgotten by nobody.
        for key in [client, account] {
            self.count(key, errcode, now);
        }
        let count = self.count(path, errcode, now)?;
        // What was not looked into is what those before it were.
        let is_at_fault = match outcome {
            Outcome::AtFault => true,
            Outcome::NotLookedInto => count.at_fault > 0,
            Outcome::NoBetterToken | Outcome::Mended => false,
        };
        count.at_fault += u32::from(is_at_fault);
        let is_much = is_at_fault && count.refusals >= LOOKED_INTO[0];
        if !is_much || count.told_at.is_some_and(|at| now.since(at) < SILENCE) {
            return None;
        }
        count.told_at = Some(now);
        Some(Alarm { refusals: count.refusals })
    }

    /// Takes in that a call was not refused: what came before it was no loop.
    pub(super) fn went_through(&mut self, caller: Caller<'_>, now: Instant) {
        self.sweep(now);
        let [path, ..] = self.keys(caller);
        if let Some(count) = self.counts.get_mut(&path) {
            (count.refusals, count.at_fault) = (0, 0);
        }
    }

    fn keys(&self, caller: Caller<'_>) -> [u64; 3] {
        let Caller { key, account, path } = caller;
        [
            self.hasher.hash_one((key, account, path)),
            self.hasher.hash_one((key, account)),
            self.hasher.hash_one(account),
        ]
    }

    fn live(&self, key: u64, now: Instant) -> Option<&Count> {
        self.counts.get(&key).filter(|count| now.since(count.since) < WINDOW)
    }

    /// Counts one more. Nothing if there is no room for another count.
    fn count(&mut self, key: u64, errcode: i64, now: Instant) -> Option<&mut Count> {
        if self.counts.len() >= MOST && !self.counts.contains_key(&key) {
            return None;
        }
        let fresh = Count { since: now, refusals: 0, at_fault: 0, errcode, told_at: None };
        let count = self.counts.entry(key).or_insert(fresh);
        if now.since(count.since) >= WINDOW {
            (count.since, count.refusals, count.at_fault) = (now, 0, 0);
        }
        count.refusals = count.refusals.saturating_add(1);
        count.errcode = errcode;
        Some(count)
    }

    /// Forgets what is over, now and then.
    fn sweep(&mut self, now: Instant) {
        let pause = if self.counts.len() < MOST { WINDOW } else { Duration::from_secs(1) };
        if now.since(self.swept_at) >= pause {
            self.swept_at = now;
            let told = |count: &Count| count.told_at.is_some_and(|at| now.since(at) < SILENCE);
            self.counts.retain(|_, count| now.since(count.since) < WINDOW || told(count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    fn account() -> AccountId {
        "wx1".parse().unwrap()
    }

    /// So many refusals in vain in the first second of these paths.
    fn refused(times: u32, client: &str, paths: &[&str]) -> (Breaker, AccountId, Vec<Alarm>) {
        let (mut breaker, account) = (Breaker::default(), account());
        let mut alarms = Vec::new();
        for path in paths {
            let caller = Caller { key: Some(KeyHash::of(client)), account: &account, path };
            let refuse = |_| breaker.refused(caller, 40001, Outcome::AtFault, at(0));
            alarms.extend((0..times).filter_map(refuse));
        }
        (breaker, account, alarms)
    }

    fn caller<'a>(client: &str, account: &'a AccountId, path: &'a str) -> Caller<'a> {
        Caller { key: Some(KeyHash::of(client)), account, path }
    }

    #[test]
    fn a_path_that_is_refused_again_and_again_is_looked_into_three_times_a_minute() {
        let (breaker, account, alarms) = refused(3, "a", &["/x"]);
        let it = caller("a", &account, "/x");
        assert!(!breaker.looks_into(it, at(59)) && breaker.looks_into(it, at(60)));
        assert!(breaker.looks_into(caller("a", &account, "/y"), at(1)), "another path");
        assert!(breaker.looks_into(caller("b", &account, "/x"), at(1)), "another client");
        assert_eq!(alarms, [Alarm { refusals: 3 }], "told once");
    }

    #[test]
    fn a_client_and_an_account_have_bounds_of_their_own() {
        let paths: Vec<_> = (0..10).map(|n| format!("/{n}")).collect();
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        let (mut breaker, account, _) = refused(1, "a", &paths);
        assert!(!breaker.looks_into(caller("a", &account, "/new"), at(1)));
        assert!(breaker.looks_into(caller("b", &account, "/new"), at(1)));
        for client in 0..20 {
            let client = client.to_string();
            breaker.refused(caller(&client, &account, "/x"), 40001, Outcome::AtFault, at(1));
        }
        assert!(!breaker.looks_into(caller("new", &account, "/new"), at(1)));
        let other = "wx2".parse().unwrap();
        assert!(breaker.looks_into(caller("a", &other, "/x"), at(1)), "another account");
    }

    #[test]
    fn an_endless_repetition_is_not_forwarded_for_the_rest_of_the_minute() {
        let (breaker, account, _) = refused(FORWARDED, "a", &["/x"]);
        let it = caller("a", &account, "/x");
        assert_eq!(breaker.forwards(it, at(59)), Err(40001));
        assert_eq!(breaker.forwards(it, at(60)), Ok(()));
        assert_eq!(breaker.forwards(caller("b", &account, "/x"), at(1)), Ok(()));
    }

    #[test]
    fn a_token_that_cannot_be_replaced_now_stops_nobody_but_is_not_asked_about_without_end() {
        let (mut breaker, account) = (Breaker::default(), account());
        let it = caller("a", &account, "/x");
        for _ in 0..100 {
            let looks = breaker.looks_into(it, at(0));
            let outcome = if looks { Outcome::NoBetterToken } else { Outcome::NotLookedInto };
            assert_eq!(breaker.refused(it, 40001, outcome, at(0)), None);
        }
        assert!(!breaker.looks_into(it, at(1)));
        assert_eq!(breaker.forwards(it, at(1)), Ok(()));
    }

    #[test]
    fn calls_that_go_through_in_between_are_no_loop() {
        let (mut breaker, account, _) = refused(FORWARDED - 1, "a", &["/x"]);
        let it = caller("a", &account, "/x");
        breaker.went_through(it, at(1));
        breaker.refused(it, 40001, Outcome::AtFault, at(1));
        assert_eq!(breaker.forwards(it, at(1)), Ok(()));
        breaker.refused(it, 40001, Outcome::Mended, at(1));
        assert!(breaker.live(breaker.keys(it)[0], at(1)).is_none());
    }

    #[test]
    fn a_loop_is_told_of_again_after_ten_minutes_and_forgotten_when_it_is_over() {
        let (mut breaker, account, _) = refused(3, "a", &["/x"]);
        let mut refuse = |second| {
            let it = caller("a", &account, "/x");
            breaker.refused(it, 40001, Outcome::AtFault, at(second)).is_some()
        };
        let told: Vec<u64> = (60..1300).filter(|second| refuse(*second)).collect();
        assert_eq!(told, [602, 1202], "a window begins at 600, and three are needed");
        breaker.went_through(caller("b", &account, "/y"), at(2000));
        assert!(breaker.is_idle());
    }

    #[test]
    fn strangers_paths_do_not_fill_the_memory() {
        let (mut breaker, account) = (Breaker::default(), account());
        for n in 0..MOST * 2 {
            let path = format!("/{n}");
            breaker.refused(caller("a", &account, &path), 40001, Outcome::AtFault, at(0));
        }
        assert!(breaker.counts.len() <= MOST);
        assert!(!breaker.looks_into(caller("a", &account, "/new"), at(1)));
        breaker.refused(caller("a", &account, "/new"), 40001, Outcome::AtFault, at(61));
        assert_eq!(breaker.counts.len(), 3);
    }
}

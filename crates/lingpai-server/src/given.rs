//! What each client of the drop-in paths was last given, and until when it should have kept it.
//!
//! Most SDKs have no way to report a bad token: they ask for another. So a client that asks again before its own cache
//! can have ended, or with `force_refresh`, says that the token it holds was refused. If that is still the current one,
//! the engine tries it. A client that asks so all the time is simply not careful: its asking counts as a report twice a
//! minute at most, after a while less often, and it is answered from memory otherwise.
//!
//! Of those two, one is for asks that come in a stream, and is a mere hunch. The other is kept for asks with pauses between
//! them, as they come when calls were refused in between: so a client that looped a moment ago, and whose token is then
//! really revoked, is believed when it asks for the second time. Not for the first, since a loop hiccups too.
//!
//! A fixed table of atomic words: no lock, no allocation, and nothing to clear away. Two clients that fall on the same
//! slot make each other forgotten, which costs no more than a report.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use lingpai_core::client::KeyHash;
use lingpai_core::rotation::{Evidence, HUNCH_SPACING, TRIAL_SPACING};
use lingpai_core::{AccountId, Generation, Instant};

/// How many clients are remembered: 2^13, half a megabyte.
const SLOTS: usize = 1 << 13;
/// An ask that comes so long after the one before it comes after a pause; the second such in a row stands for itself. No
/// longer than it takes to make a call, have it refused and look at the answer.
const QUIET: Duration = Duration::from_millis(250);
/// One client's asks that stand for themselves count as a report once in this time at most. A little longer than the
/// engine's pause between trials: a report that comes while the last trial still holds is answered from it, and would be
/// wasted.
const PAUSE: Duration = Duration::from_secs(TRIAL_SPACING.as_secs() + 1);
/// The same for asks that come in a stream.
const STREAM_PAUSE: Duration = Duration::from_secs(HUNCH_SPACING.as_secs() + 1);
/// The same for either kind if its last [`PATIENCE`] reports were all unfounded: several processes with one key look like
/// one that cannot wait.
const LONG_PAUSE: Duration = Duration::from_secs(120);
const PATIENCE: u32 = 8;
/// So many early asks within a minute are told as an event,
const MISUSE: u64 = 120;
/// once in this time at most.
const MISUSE_PAUSE: Duration = Duration::from_secs(600);

/// The clients' slots.
pub(crate) struct Given {
    slots: Box<[Slot]>,
}

/// A key on an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client(u64);

/// How a client asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    /// It counts as a report that the current token is bad, with so much to say for it.
    pub(crate) reports: Option<Evidence>,
    /// It has asked so often within a minute that somebody should look at it.
    pub(crate) misuse: Option<u32>,
}

/// What came of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learnt {
    /// The token was bad.
    Founded,
    /// Upstream accepts it.
    Unfounded,
}

#[derive(Default)]
struct Slot {
    /// [`Ticket`] in one word.
    last: AtomicU64,
    /// When that was, in milliseconds; and in the lowest bit, whether it came after a pause.
    asked_at: AtomicU64,
    /// Of asks that stand for themselves.
    claims: Reports,
    /// Of asks that come in a stream.
    hunches: Reports,
    /// The minute, and how many early asks it has seen, in the upper and the lower half.
    early: AtomicU64,
    /// When misuse may be told again, in milliseconds.
    tell_at: AtomicU64,
}

/// Reports of one kind.
#[derive(Default)]
struct Reports {
    /// When the next ask may count as one, in milliseconds.
    due_at: AtomicU64,
    /// How many in a row were unfounded.
    unfounded: AtomicU32,
}

/// What was given to whom, and until when it should have been kept. Zero is nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticket {
    /// 24 bits of the client's hash.
    client: u64,
    /// The lowest 8 bits of the generation.
    generation: u64,
    /// In eighths of a second: 32 bits last for 17 years.
    until: u64,
}

impl Given {
    pub(crate) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| Slot::default()).collect() }
    }

    /// Takes in that this client is given the token of this generation now and should keep it for so long; `forced` if it
    /// asked for another one.
    pub(crate) fn ask(
        &self,
        client: Client,
        generation: Generation,
        now: Instant,
        keeps: Duration,
        forced: bool,
    ) -> Manner {
        let slot = self.slot(client);
        let ticket = Ticket::new(client, generation, now + keeps);
        let last = Ticket::unpack(slot.last.swap(ticket.pack(), Ordering::Relaxed));
        let is_new = last.client != ticket.client;
        let stands_for_itself = slot.pauses(now, is_new);
        if is_new {
            slot.forget();
            let reports = if forced { slot.report(Evidence::Claim, now) } else { None };
            return Manner { reports, misuse: None };
        }
        let early = now < last.until();
        let misuse = if early { slot.count(now) } else { None };
        let suspects = (early || forced) && last.generation == ticket.generation;
        let evidence = if stands_for_itself { Evidence::Claim } else { Evidence::Hunch };
        Manner { reports: if suspects { slot.report(evidence, now) } else { None }, misuse }
    }

    /// Takes in what came of a report.
    pub(crate) fn learn(&self, client: Client, evidence: Evidence, learnt: Learnt) {
        let unfounded = &self.slot(client).reports(evidence).unfounded;
        match learnt {
            Learnt::Founded => unfounded.store(0, Ordering::Relaxed),
            Learnt::Unfounded => _ = unfounded.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn slot(&self, client: Client) -> &Slot {
        &self.slots[client.0 as usize % SLOTS]
    }
}

impl Client {
    pub(crate) fn new(key: &KeyHash, account: &AccountId) -> Self {
        let mut hasher = DefaultHasher::new();
        (key, account).hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Slot {
    fn forget(&self) {
        let (claims, hunches) = (&self.claims, &self.hunches);
        for word in [&claims.due_at, &hunches.due_at, &self.early, &self.tell_at] {
            word.store(0, Ordering::Relaxed);
        }
        for count in [&claims.unfounded, &hunches.unfounded] {
            count.store(0, Ordering::Relaxed);
        }
    }

    /// Takes in that there is an ask now. Whether it came after a pause, as the one before it did.
    fn pauses(&self, now: Instant, is_new: bool) -> bool {
        // Two asks in the same moment may overlook each other, which costs no more than a report.
        let word = self.asked_at.load(Ordering::Relaxed);
        let paused = is_new || now.since(Instant::from_millis(word >> 1)) >= QUIET;
        self.asked_at.store(now.as_millis() << 1 | u64::from(paused), Ordering::Relaxed);
        paused && word & 1 == 1
    }

    fn reports(&self, evidence: Evidence) -> &Reports {
        if evidence == Evidence::Hunch { &self.hunches } else { &self.claims }
    }

    /// Whether a report is due; if so, it is the caller's to make.
    fn report(&self, evidence: Evidence, now: Instant) -> Option<Evidence> {
        let Reports { due_at, unfounded } = self.reports(evidence);
        let pause = match evidence {
            _ if unfounded.load(Ordering::Relaxed) >= PATIENCE => LONG_PAUSE,
            Evidence::Hunch => STREAM_PAUSE,
            _ => PAUSE,
        };
        let reports = claim(due_at, now, pause);
        if reports && evidence != Evidence::Hunch {
            // The engine would answer a hunch from this trial.
            let next = (now + STREAM_PAUSE).as_millis();
            self.hunches.due_at.fetch_max(next, Ordering::Relaxed);
        }
        reports.then_some(evidence)
    }

    /// Counts an early ask; the count, if it is time to tell somebody.
    fn count(&self, now: Instant) -> Option<u32> {
        let minute = (now.as_millis() / 60_000) << 32;
        let counted = |word: u64| if word >> 32 == minute >> 32 { word + 1 } else { minute + 1 };
        let before = self
            .early
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| Some(counted(word)));
        let count = counted(before.unwrap_or_else(|word| word)) & u64::from(u32::MAX);
        let tells = count >= MISUSE && claim(&self.tell_at, now, MISUSE_PAUSE);
        tells.then(|| u32::try_from(count).unwrap_or(u32::MAX))
    }
}

impl Ticket {
    const CLIENT_BITS: u32 = 24;
    const UNTIL_BITS: u32 = 32;

    fn new(client: Client, generation: Generation, until: Instant) -> Self {
        Self {
            // Not the bits that choose the slot; and never zero.
            client: (client.0 >> (64 - Self::CLIENT_BITS)) | 1,
            generation: generation.0 & 0xFF,
            until: (until.as_millis() / 125) & u64::from(u32::MAX),
        }
    }

    fn until(self) -> Instant {
        Instant::from_millis(self.until * 125)
    }

    fn pack(self) -> u64 {
        (self.client << (64 - Self::CLIENT_BITS))
            | (self.generation << Self::UNTIL_BITS)
            | self.until
    }

    fn unpack(word: u64) -> Self {
        Self {
            client: word >> (64 - Self::CLIENT_BITS),
            generation: (word >> Self::UNTIL_BITS) & 0xFF,
            until: word & u64::from(u32::MAX),
        }
    }
}

/// Whether the time in `word` has come; if so it is set to a pause later, and only one caller is told so.
fn claim(word: &AtomicU64, now: Instant, pause: Duration) -> bool {
    let due = word.load(Ordering::Relaxed);
    now.as_millis() >= due
        && word
            .compare_exchange(due, (now + pause).as_millis(), Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPS: Duration = Duration::from_secs(39);

    fn client(name: &str) -> Client {
        Client::new(&KeyHash::of(name), &"wx1".parse().unwrap())
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    /// How often a client that asks at these seconds for the token of generation 1 is taken to report.
    fn reports(given: &Given, seconds: impl IntoIterator<Item = u64>) -> usize {
        let ask = |second| given.ask(client("a"), Generation(1), at(second), KEEPS, false);
        seconds.into_iter().filter(|second| ask(*second).reports.is_some()).count()
    }

    #[test]
    fn a_client_that_comes_back_when_it_should_reports_nothing() {
        assert_eq!(reports(&Given::new(), (0..10_000).step_by(40)), 0);
    }

    #[test]
    fn a_client_that_is_back_too_soon_reports_what_it_was_given() {
        let given = Given::new();
        assert_eq!(reports(&given, [0, 10]), 1);
        let replaced = given.ask(client("a"), Generation(2), at(11), KEEPS, false);
        assert_eq!(replaced.reports, None, "the token it holds is not the current one any more");
    }

    #[test]
    fn asking_for_another_reports_whenever_it_comes() {
        let given = Given::new();
        assert_eq!(reports(&given, [0]), 0);
        let asked = given.ask(client("a"), Generation(1), at(500), KEEPS, true);
        assert_eq!(asked.reports, Some(Evidence::Claim));
    }

    #[test]
    fn one_clients_asking_says_nothing_about_another() {
        let given = Given::new();
        given.ask(client("a"), Generation(1), at(0), KEEPS, false);
        assert_eq!(given.ask(client("b"), Generation(1), at(1), KEEPS, false).reports, None);
    }

    /// The reports of a client that asks every 10 ms for so many seconds, from this second on.
    fn stream(given: &Given, from: u64, seconds: u64) -> Vec<Evidence> {
        let times = (0..seconds * 100).map(|ask| Instant::from_millis(from * 1000 + ask * 10));
        let ask = |time| given.ask(client("a"), Generation(1), time, KEEPS, false).reports;
        times.filter_map(ask).collect()
    }

    #[test]
    fn a_tight_loop_reports_once_a_minute_and_after_a_while_less() {
        let given = Given::new();
        assert_eq!(stream(&given, 0, 60), [Evidence::Hunch]);
        assert_eq!(stream(&given, 60, 60), [Evidence::Hunch]);
        for _ in 0..PATIENCE {
            given.learn(client("a"), Evidence::Hunch, Learnt::Unfounded);
        }
        assert_eq!(stream(&given, 120, 240), [Evidence::Hunch; 3][..2]);
        given.learn(client("a"), Evidence::Hunch, Learnt::Founded);
        assert_eq!(stream(&given, 363, 121).len(), 2);
    }

    #[test]
    fn a_client_that_looped_and_then_pauses_is_believed_the_second_time() {
        let given = Given::new();
        for _ in 0..=PATIENCE {
            given.learn(client("a"), Evidence::Hunch, Learnt::Unfounded);
        }
        stream(&given, 0, 100);
        // Its calls take 300 ms, and are refused.
        for (time, reports) in [(100_290, None), (100_590, Some(Evidence::Claim))] {
            let time = Instant::from_millis(time);
            let manner = given.ask(client("a"), Generation(1), time, KEEPS, false);
            assert_eq!(manner.reports, reports);
        }
        assert_eq!(stream(&given, 101, 60), [], "and its loop has to wait after that");
    }

    #[test]
    fn a_loop_that_hiccups_has_no_more_to_say() {
        let given = Given::new();
        stream(&given, 0, 10);
        assert_eq!(stream(&given, 11, 10), []);
    }

    #[test]
    fn asks_with_pauses_report_twice_a_minute_and_after_a_while_less() {
        let given = Given::new();
        assert_eq!(reports(&given, 0..=60), 2);
        for _ in 0..PATIENCE {
            given.learn(client("a"), Evidence::Claim, Learnt::Unfounded);
        }
        assert_eq!(reports(&given, 61..=300), 2);
    }

    #[test]
    fn a_tight_loop_is_told_of_once_in_ten_minutes() {
        let given = Given::new();
        let loops = (0..1200).flat_map(|second| [second; 5]);
        let tells = |second| given.ask(client("a"), Generation(1), at(second), KEEPS, false).misuse;
        let told: Vec<u32> = loops.filter_map(tells).collect();
        assert_eq!((told.len(), told[0]), (2, 120));
    }

    #[test]
    fn a_ticket_is_one_word() {
        let ticket = Ticket::new(client("a"), Generation(0x1FF), at(86_400 * 365 * 10));
        assert_eq!(Ticket::unpack(ticket.pack()), ticket);
        assert_eq!(ticket.generation, 0xFF);
    }
}

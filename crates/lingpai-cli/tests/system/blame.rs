//! What was broken, and which bound of `docs/reliability.md` explains that a node gave out a token which WeChat refused.
//!
//! The simulated WeChat knows when a token was replaced and when it ended; the test knows what was broken meanwhile. A refusal
//! that no bound explains is an error of ours.

use std::sync::Mutex;
use std::time::Duration;

use lingpai_sandbox::{Family, Issue};
use tokio::time::{Instant, sleep_until};

use crate::node::{WeChat, appid};

/// For how long after it is whole again a node may not have heard what it has missed.
const HEARS: Duration = Duration::from_secs(5);

/// How long it takes at most until a fetch that ends a token at once is known to all nodes that hear.
const MOMENT: Duration = Duration::from_secs(1);

/// How long after its request was carried out a fetch is stored, if nothing is broken: its deadline, and the store's.
const STORED: Duration = Duration::from_secs(4);

/// How often the test looks whether it runs itself.
const TICK: Duration = Duration::from_millis(20);

/// When the test itself did not run for a while: what it waited then, no node is to blame for.
#[derive(Default)]
pub(crate) struct Stalls(Mutex<Vec<(Instant, Instant)>>);

impl Stalls {
    pub(crate) async fn watch(&self) {
        loop {
            let due = Instant::now() + TICK;
            sleep_until(due).await;
            let woken = Instant::now();
            if woken > due + 5 * TICK {
                self.0.lock().unwrap().push((due, woken));
            }
        }
    }

    /// How much of this time it did not run.
    pub(crate) fn between(&self, from: Instant, until: Instant) -> Duration {
        let stalls = self.0.lock().unwrap();
        let shared = |stall: &(Instant, Instant)| {
            stall.1.min(until).saturating_duration_since(stall.0.max(from))
        };
        stalls.iter().map(shared).sum()
    }

    pub(crate) fn longest(&self) -> Duration {
        let stalls = self.0.lock().unwrap();
        stalls.iter().map(|(due, woken)| *woken - *due).max().unwrap_or_default()
    }
}

/// What can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Breakage {
    NodeKilled,
    NodeStopped,
    RedisKilled,
    RedisStopped,
    RedisFlushed,
    /// A replica takes over that has missed the last seconds.
    Failover,
    CableCut,
    CableBlocked,
    CableRefused,
    CableSlow,
}

use Breakage as B;

impl Breakage {
    pub(crate) const ALL: [Self; 10] = [
        B::NodeKilled,
        B::NodeStopped,
        B::RedisKilled,
        B::RedisStopped,
        B::RedisFlushed,
        B::Failover,
        B::CableCut,
        B::CableBlocked,
        B::CableRefused,
        B::CableSlow,
    ];

    pub(crate) fn is_of_redis(self) -> bool {
        matches!(self, B::RedisKilled | B::RedisStopped | B::RedisFlushed | B::Failover)
    }

    pub(crate) fn is_of_a_node(self) -> bool {
        matches!(self, B::NodeKilled | B::NodeStopped)
    }

    fn loses(self) -> bool {
        matches!(self, B::RedisFlushed | B::Failover)
    }
}

/// What is broken, since when and until when.
pub(crate) struct Broken {
    pub(crate) what: Breakage,
    pub(crate) node: usize,
    pub(crate) since: Instant,
    pub(crate) until: Instant,
}

impl Broken {
    /// Whether this node does not hear meanwhile what others store.
    fn deafens(&self, node: usize) -> bool {
        self.what.is_of_redis() || self.node == node && self.what != B::NodeKilled
    }
}

/// A token that a node gave out and WeChat refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) account: usize,
    pub(crate) node: usize,
    /// When the node gave it.
    pub(crate) given: Instant,
    pub(crate) token: String,
    pub(crate) what: String,
}

/// The bounds within which a call may be refused because of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bound {
    /// The token was ended in this very moment.
    InTheMoment,
    /// Since the token was replaced, the node that gave it has not heard of the others for five seconds at a stretch.
    DeafNode,
    /// A node died over the fetch that replaced it, and Redis lost its trace.
    LostTrace,
}

/// What is known of a run when it is over.
pub(crate) struct Blame<'a> {
    wechat: &'a WeChat,
    /// When the simulated WeChat began.
    beginning: Instant,
    broken: &'a [Broken],
    stalls: &'a Stalls,
}

impl<'a> Blame<'a> {
    pub(crate) fn of(wechat: &'a WeChat, broken: &'a [Broken], stalls: &'a Stalls) -> Self {
        let beginning = wechat.world.with(|_, now| Instant::now() - now);
        Self { wechat, beginning, broken, stalls }
    }

    /// What explains this refusal, if anything does; and what is known of it.
    pub(crate) fn lay(&self, refusal: &Refusal) -> (Option<Bound>, String) {
        let Refusal { account, node, given, token, what } = refusal;
        let mut issues = self.issues(*account, token).into_iter();
        let Some(refused) = issues.next() else {
            return (None, format!("{what}: never issued"));
        };
        let ended = self.beginning + refused.ends;
        let later: Vec<Instant> = issues.map(|issue| self.beginning + issue.at).collect();
        let ago = |at: Instant| given.saturating_duration_since(at).as_secs_f64();
        let replaced: Vec<_> = later.iter().filter(|at| *at <= given).map(|at| ago(*at)).collect();
        let what =
            format!("{what}: ended {:.1} s before, replaced {replaced:.1?} s before", ago(ended));
        let bound = match later.first() {
            _ if *given <= ended + MOMENT + self.stalls.between(ended, *given) => {
                Some(Bound::InTheMoment)
            }
            Some(first) if !self.hears(*node, *first, *given) => Some(Bound::DeafNode),
            _ if later.iter().any(|at| at <= given && self.is_lost(*at, *given)) => {
                Some(Bound::LostTrace)
            }
            _ => None,
        };
        (bound, what)
    }

    /// What was issued of the token's family, from this token on.
    fn issues(&self, account: usize, token: &str) -> Vec<Issue> {
        let of_family = |family: &Family| {
            self.wechat.world.with(|world, _| world.history(&appid(account), *family))
        };
        let with_token = |issues: Vec<Issue>| {
            let place = issues.iter().position(|issue| issue.token == token)?;
            Some(issues.into_iter().skip(place).collect())
        };
        Family::ALL.iter().map(of_family).find_map(with_token).unwrap_or_default()
    }

    /// Whether this node has heard of the others in this time: it was whole for long enough at a stretch.
    fn hears(&self, node: usize, from: Instant, until: Instant) -> bool {
        let is_long = |from: Instant, until: Instant| {
            let passed = until.saturating_duration_since(from);
            passed.saturating_sub(self.stalls.between(from, until)) > HEARS
        };
        let mut deaf: Vec<_> = self.broken.iter().filter(|broken| broken.deafens(node)).collect();
        deaf.sort_by_key(|broken| broken.since);
        let mut whole_since = from;
        for broken in deaf.into_iter().take_while(|broken| broken.since < until) {
            if is_long(whole_since, broken.since) {
                return true;
            }
            whole_since = whole_since.max(broken.until);
        }
        is_long(whole_since, until)
    }

    /// Whether a node was killed before it could store what it had fetched at this time, and Redis lost something too.
    fn is_lost(&self, fetched: Instant, until: Instant) -> bool {
        let died = self.broken.iter().filter(|broken| broken.what == B::NodeKilled).any(|broken| {
            let could_store = broken.since > fetched + STORED
                && self.hears(broken.node, fetched + STORED, broken.since);
            fetched <= broken.since + TICK && broken.since < until && !could_store
        });
        let lost = |broken: &Broken| {
            broken.what.loses() && broken.since < until && fetched < broken.until + STORED
        };
        died && self.broken.iter().any(lost)
    }
}
